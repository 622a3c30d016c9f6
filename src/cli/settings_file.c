/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/settings_file.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

enum { KEY_MAX = 128 };

/*
 * inih tells its handler no line numbers, so lines are counted where they are
 * read.  It also takes an indented line for a continued value; indentation is
 * taken off, because here no value has two lines.
 */
struct reading {
	FILE *in;
	int line;
	struct settings *settings;
	int wrong_line;		/* first line that was refused; 0 none */
	struct err why;
};

static void refuse(struct reading *r, const struct err *why)
{
	if (r->wrong_line)
		return;
	r->wrong_line = r->line;
	r->why = *why;
}

static char *next_line(char *ret, int size, void *user)
{
	struct reading *r = user;

	if (!fgets(ret, size, r->in))
		return NULL;
	r->line++;
	if (!strchr(ret, '\n') && !feof(r->in)) {
		struct err why;
		int c;

		err_set(&why, "line longer than %d characters", size - 2);
		refuse(r, &why);
		while ((c = getc(r->in)) != EOF && c != '\n')
			continue;
	}

	size_t indent = strspn(ret, " \t");

	memmove(ret, ret + indent, strlen(ret + indent) + 1);
	return ret;
}

static int take(void *user, const char *section, const char *name, const char *value)
{
	struct reading *r = user;
	struct err why;
	char key[KEY_MAX];

	snprintf(key, sizeof(key), "%s%s%s", section, *section ? "." : "", name);
	if (settings_set(r->settings, key, value, &why))
		return 1;
	refuse(r, &why);
	return 0;
}

bool settings_stream_read(struct settings *s, FILE *in, const char *name, struct err *e)
{
	struct settings changed = *s;
	struct reading r = { .in = in, .settings = &changed };
	int first_wrong = ini_parse_stream(next_line, &r, take, &r);

	if (ferror(in))
		return err_set(e, "%s: cannot be read: %s", name, strerror(errno));
	if (first_wrong < 0)
		return err_set(e, "%s: not enough memory to read it", name);
	if (first_wrong > 0 && (r.wrong_line == 0 || first_wrong < r.wrong_line))
		return err_set(e, "%s:%d: not \"key = value\"; see sawatch config --defaults", name, first_wrong);
	if (r.wrong_line > 0)
		return err_set(e, "%s:%d: %s", name, r.wrong_line, r.why.text);
	*s = changed;
	return true;
}

bool settings_file_read(struct settings *s, const char *path, struct err *e)
{
	FILE *in = fopen(path, "re");

	if (!in)
		return err_set(e, "%s: cannot be opened: %s; sawatch config --defaults prints one to begin with",
			       path, strerror(errno));

	bool ok = settings_stream_read(s, in, path, e);

	fclose(in);
	return ok;
}

bool settings_assign(struct settings *s, const char *assignment, struct err *e)
{
	const char *equals = strchr(assignment, '=');
	char key[KEY_MAX];
	struct err why;

	if (!equals || (size_t)(equals - assignment) >= sizeof(key))
		return err_set(e, "--set %s: not key=value; see sawatch config --defaults", assignment);
	snprintf(key, sizeof(key), "%.*s", (int)(equals - assignment), assignment);
	if (!settings_set(s, key, equals + 1, &why))
		return err_set(e, "--set %s: %s", assignment, why.text);
	return true;
}

static const char *unit_words(enum setting_kind kind)
{
	switch (kind) {
	case SETTING_COUNT:
		return "";
	case SETTING_SECONDS:
		return " seconds";
	case SETTING_MILLISECONDS:
		return " milliseconds";
	case SETTING_RATIO:
		return " (1 is 100 %)";
	}
	return "";
}

void settings_print(FILE *out, const struct settings *s)
{
	fputs("# sawatch configuration: every setting with its present value.\n", out);
	for (const struct setting *row = settings_table(); row->key; row++)
		fprintf(out, "\n# %s\n# default %.15g, from %.15g to %.15g%s\n%s = %.15g\n", row->text, row->initial,
			row->min, row->max, unit_words(row->kind), row->key, settings_get(s, row));
}
