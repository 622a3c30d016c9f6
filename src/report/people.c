/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/people.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/report.h>
#include <sawatch/text.h>

enum { LINE_WIDTH = 100, LINE_WIDTH_LEAST = 40 };

static int line_width = LINE_WIDTH;

void report_set_line_width(int columns)
{
	line_width = columns < LINE_WIDTH_LEAST ? LINE_WIDTH_LEAST
		     : columns < LINE_WIDTH     ? columns
						: LINE_WIDTH;
}

const char *count_text(int64_t n, char ret[COUNT_TEXT_MAX])
{
	char digits[24];
	size_t used = 0;

	if (n < 0) {
		snprintf(ret, COUNT_TEXT_MAX, "unknown");
		return ret;
	}
	snprintf(digits, sizeof(digits), "%" PRId64, n);
	for (size_t i = 0, length = strlen(digits); i < length; i++) {
		if (i > 0 && (length - i) % 3 == 0)
			ret[used++] = ',';
		ret[used++] = digits[i];
	}
	ret[used] = '\0';
	return ret;
}

const char *bytes_text(int64_t bytes, char ret[COUNT_TEXT_MAX])
{
	static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB", "PB", "EB" };
	double scaled = (double)bytes;
	size_t unit = 0;

	for (; scaled >= 999.95 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		scaled /= 1000;
	if (bytes < 0)
		snprintf(ret, COUNT_TEXT_MAX, "unknown size");
	else if (bytes == 1)
		snprintf(ret, COUNT_TEXT_MAX, "1 byte");
	else
		snprintf(ret, COUNT_TEXT_MAX, "%.*f %s", unit ? 1 : 0, scaled, units[unit]);
	return ret;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

const char *frames_text(const uint64_t *frames, size_t n, const char *between,
			char ret[FRAMES_TEXT_MAX])
{
	struct text t = text_in(ret, FRAMES_TEXT_MAX);
	uint64_t sorted[RECORD_FRAMES_MAX];

	n = n < RECORD_FRAMES_MAX ? n : RECORD_FRAMES_MAX;
	if (n == 0)
		return ret;
	memcpy(sorted, frames, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), by_number);
	for (size_t i = 0; i < n; i++)
		text_add(&t, "%s%" PRIu64, i ? between : "", sorted[i]);
	return ret;
}

const char *encryption_text(const struct record_offer *suite, char ret[ENCRYPTION_TEXT_MAX])
{
	struct text t = text_in(ret, ENCRYPTION_TEXT_MAX);

	if (!suite->encryption)
		return NULL;
	text_add(&t, "%s", suite->encryption);
	if (suite->key_bits > 0)
		text_add(&t, "_%" PRId64, suite->key_bits);
	return ret;
}

const char *real_text(double number, char ret[REAL_TEXT_MAX])
{
	bool whole = fabs(number) >= 1e5 && fabs(number) < 1e15;

	snprintf(ret, REAL_TEXT_MAX, whole ? "%.0f" : "%.6g", number);
	return ret;
}

void put_counted(FILE *out, int64_t n, const char *noun)
{
	char text[COUNT_TEXT_MAX];

	fprintf(out, "%s %s%s", count_text(n, text), noun, n == 1 ? "" : "s");
}

void put_wrapped(FILE *out, const char *text, int column, int indent)
{
	char *safe = report_printable(text);
	bool first = true;

	for (char *word = safe; *word;) {
		int width = (int)strcspn(word, " ");

		if (!first && column + 1 + width > line_width) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (!first) {
			putc(' ', out);
			column++;
		}
		fwrite(word, 1, (size_t)width, out);
		column += width;
		first = false;
		word += width;
		word += strspn(word, " ");
	}
	putc('\n', out);
	free(safe);
}

void put_shaded(FILE *out, bool colour, enum shade shade, const char *text)
{
	static const char *const codes[] = {
		[SHADE_PLAIN] = "0", [SHADE_STRONG] = "1", [SHADE_GOOD] = "32",
			[SHADE_NOTICE] = "33",
		[SHADE_BAD] = "1;31", [SHADE_FAINT] = "2",
	};

	if (colour && shade != SHADE_PLAIN)
		fprintf(out, "\033[%sm%s\033[0m", codes[shade], text);
	else
		fputs(text, out);
}
