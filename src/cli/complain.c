/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/report.h>

#include "cli/cli.h"

void complain(const char *format, ...)
{
	char line[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);

	char *safe = report_printable(line);

	fflush(stdout);	/* what was said before stands before */
	fprintf(stderr, "sawatch: %s\n", safe);
	free(safe);
}

enum { WORD_MAX = 48 };

/* Edits (insert, drop, change a letter) between two words; words too long are far from all. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1];
	size_t n = strlen(b);

	if (strlen(a) > WORD_MAX || n > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t change = diagonal + (a[i - 1] != b[j - 1]);
			size_t edit = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = change < edit ? change : edit;
		}
	}
	return row[n];
}

const char *nearest_word(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	size_t best = SIZE_MAX;

	for (; *words; words++) {
		size_t d = distance(word, *words);

		if (d < best) {
			best = d;
			nearest = *words;
		}
	}
	/* at most a third of the letters may be wrong, and one always */
	return nearest && best <= strlen(nearest) / 3 + 1 && best < strlen(nearest) ? nearest
										    : NULL;
}

void complain_about_option(int argc, char **argv, int answer, const struct option *options)
{
	const char *names[64] = { NULL };
	size_t n = 0;
	/* getopt has stepped over a long option, perhaps not yet over a cluster of short ones */
	const char *given = optind > 0 && optind <= argc ? argv[optind - 1] : "";

	if (answer == ':') {
		if (optopt > 0 && optopt < 256)
			complain("option -%c: needs a value; see sawatch --help", optopt);
		else
			complain("option %s: needs a value; see sawatch --help", given);
		return;
	}
	if (strncmp(given, "--", 2) != 0) {
		complain("option -%c: unknown; see sawatch --help", optopt);
		return;
	}
	for (; options->name && n + 1 < sizeof(names) / sizeof(names[0]); options++)
		names[n++] = options->name;

	char word[64];
	const char *near;

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(given + 2, "="), given + 2);
	near = nearest_word(word, names);
	if (near)
		complain("option --%s: unknown or wrongly used; did you mean --%s?", word, near);
	else
		complain("option --%s: unknown; see sawatch --help", word);
}
