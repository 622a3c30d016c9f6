/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/text_settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/outlet.h>

static const char section[] = "output.";

static const struct {
	const char *key, *example, *help;
	size_t offset;
} table[] = {
#define ROW(key, field, example, help) \
	{ key, example, help, offsetof(struct text_settings, field) },
	TEXT_SETTINGS(ROW)
};

enum { ROWS = sizeof(table) / sizeof(table[0]) };

static char **place(struct text_settings *s, size_t row)
{
	return (char **)((char *)s + table[row].offset);
}

bool text_settings_knows(const char *key)
{
	return strncmp(key, section, sizeof(section) - 1) == 0;
}

bool text_settings_set(struct text_settings *s, const char *key, const char *value, struct err *e)
{
	size_t row = 0;

	while (row < ROWS && strcmp(table[row].key, key) != 0)
		row++;
	if (row == ROWS)
		return err_set(e, "unknown setting \"%s\"; of output there are syslog, "
				  "metrics_file, metrics_listen and on_alert",
			       key);
	if (*value && strcmp(key, "output.syslog") == 0 && !outlet_syslog_target(value, e))
		return false;
	free(*place(s, row));
	*place(s, row) = *value ? strdup(value) : NULL;
	memory_or_end(!*value || *place(s, row));
	return true;
}

void text_settings_take(struct text_settings *to, const struct text_settings *from)
{
	for (size_t i = 0; i < ROWS; i++) {
		const char *value = *place((struct text_settings *)from, i);

		if (value)
			text_settings_set(to, table[i].key, value, NULL);
	}
}

const char *text_settings_difference(const struct text_settings *a, const struct text_settings *b,
				     size_t *row)
{
	for (; *row < ROWS; ++*row) {
		const char *x = *place((struct text_settings *)a, *row),
			   *y = *place((struct text_settings *)b, *row);

		if (x && y ? strcmp(x, y) != 0 : x != y)
			return table[(*row)++].key;
	}
	return NULL;
}

void text_settings_print(FILE *out, const struct text_settings *s)
{
	fputs("\n# Where the news of a monitor (-i) goes; nothing is sent unless it is set.\n",
	      out);
	for (size_t i = 0; i < ROWS; i++) {
		const char *value = s ? *place((struct text_settings *)s, i) : NULL;

		fprintf(out, "# %s\n%s%s = %s\n", table[i].help, value ? "" : "# ", table[i].key,
			value ? value : table[i].example);
	}
}

void text_settings_done(struct text_settings *s)
{
	for (size_t i = 0; i < ROWS; i++)
		free(*place(s, i));
	*s = (struct text_settings){ 0 };
}
