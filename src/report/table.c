/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of cells as aligned text, CSV (RFC 4180) or JSON Lines. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>
#include <sawatch/text.h>

#include "report/json.h"
#include "report/people.h"

struct table {
	FILE *out;
	enum table_format format;
	const char *type;
	const char *const *columns;
	size_t n_columns;
	size_t column;		/* of the next cell */
	json_t *row;		/* TABLE_JSON: the row begun */
	char **cells;		/* TABLE_ALIGNED: all rows so far, owned */
	size_t n_cells, room;
	bool *is_time;		/* TABLE_ALIGNED: by column */
};

static const char *column_name(const struct table *t, size_t column)
{
	return t->columns[column] + (strchr("><~", t->columns[column][0]) != NULL);
}

static bool column_is_span(const struct table *t, size_t column)
{
	return t->columns[column][0] == '~';
}

static bool column_is_number(const struct table *t, size_t column)
{
	return t->columns[column][0] == '>' || column_is_span(t, column);
}

/*
 * RFC 4180 2.5-2.7; a leading = + - @ would be run as a formula by spreadsheets, so text is kept
 * text.
 */
static void put_csv(struct table *t, const char *text, bool is_number)
{
	if (t->column > 0)
		putc(',', t->out);
	if (text && !is_number && *text && strchr("=+-@", *text)) {
		fputs("\"'", t->out);
	} else if (text && strpbrk(text, ",\"\r\n")) {
		putc('"', t->out);
	} else {
		fputs(text ? text : "", t->out);
		return;
	}
	for (; *text; text++) {
		if (*text == '"')
			putc('"', t->out);
		putc(*text, t->out);
	}
	putc('"', t->out);
}

static void keep_cell(struct table *t, const char *text)
{
	if (t->n_cells == t->room) {
		t->room = t->room ? 2 * t->room : 256;
		t->cells = realloc(t->cells, t->room * sizeof(t->cells[0]));
		memory_or_end(t->cells);
	}
	t->cells[t->n_cells] = strdup(text ? text : "-");
	memory_or_end(t->cells[t->n_cells++]);
}

/* Takes `value`; `text` is what people see, `plain` what CSV holds. */
static void put_cell(struct table *t, const char *text, const char *plain, bool is_number,
		     json_t *value)
{
	switch (t->format) {
	case TABLE_ALIGNED:
		keep_cell(t, text);
		break;
	case TABLE_CSV:
		put_csv(t, plain, is_number);
		break;
	case TABLE_JSON:
		if (t->column == 0)
			t->row = json_begin(t->type);
		json_put(t->row, column_name(t, t->column), json_incref(value));
		break;
	}
	json_decref(value);
	if (++t->column < t->n_columns)
		return;
	t->column = 0;
	if (t->format == TABLE_CSV)
		fputs("\r\n", t->out);
	if (t->format == TABLE_JSON)
		json_put_line(t->out, t->row);
}

void table_text(struct table *t, const char *text)
{
	char *safe = text ? report_printable(text) : NULL;

	put_cell(t, safe, safe, false, json_of_text(text));
	free(safe);
}

void table_number(struct table *t, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, number);
	if (number == RECORD_UNKNOWN)
		put_cell(t, NULL, NULL, true, json_null());
	else
		put_cell(t, text, text, true, json_of_number(number));
}

void table_time(struct table *t, nsec at)
{
	char text[NSEC_TEXT_MAX], shown[NSEC_TEXT_MAX];

	if (t->is_time)
		t->is_time[t->column] = true;
	if (at == NSEC_NONE)
		put_cell(t, NULL, NULL, false, json_null());
	else
		put_cell(t, nsec_moment(at, 3, shown), nsec_rfc3339(at, text), false,
			 json_of_time(at));
}

/* The unit in the name of a span, for programs: people read it beside the number. */
static const char *unit_in(const struct table *t, size_t column)
{
	return strrchr(t->columns[column], '_');
}

static nsec unit_of(const struct table *t, size_t column)
{
	assert(column_is_span(t, column));
	return strcmp(unit_in(t, column), "_ms") == 0 ? NSEC_PER_S / 1000 : NSEC_PER_S;
}

void table_span(struct table *t, nsec span)
{
	char text[NSEC_TEXT_MAX], plain[32];
	double number = (double)span / (double)unit_of(t, t->column);

	if (span == RECORD_UNKNOWN) {
		put_cell(t, NULL, NULL, true, json_null());
		return;
	}
	snprintf(plain, sizeof(plain), "%.3f", number);
	put_cell(t, nsec_span(span, text), plain, true, json_real(number));
}

struct table *table_open(FILE *out, enum table_format format, const char *type,
			 const char *const *columns, size_t n_columns)
{
	struct table *t = calloc(1, sizeof(*t));

	memory_or_end(t != NULL);
	*t = (struct table){ .out = out,
			     .format = format,
			     .type = type,
			     .columns = columns,
			     .n_columns = n_columns };
	if (format == TABLE_ALIGNED) {
		t->is_time = calloc(n_columns, sizeof(t->is_time[0]));
		memory_or_end(t->is_time);
	}
	if (format == TABLE_CSV) {
		for (size_t i = 0; i < n_columns; i++)
			fprintf(out, "%s%s", i ? "," : "", column_name(t, i));
		fputs("\r\n", out);
	}
	return t;
}

/* Characters a terminal shows: bytes that do not continue a UTF-8 sequence. */
static size_t shown_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void print_aligned_cell(struct table *t, size_t column, const char *text, size_t width,
			       bool last)
{
	size_t shown = shown_width(text);
	int pad = (int)(width > shown ? width - shown : 0);

	if (column_is_number(t, column))
		fprintf(t->out, "%*s%s", pad, "", text);
	else
		fprintf(t->out, "%s%*s", text, last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", t->out);
}

/* Cells of one row; a long text stands last. */
static void print_aligned_row(struct table *t, char *const *cells, const size_t *widths)
{
	size_t last = t->n_columns - 1;

	for (size_t i = 0; i < t->n_columns; i++)
		last = t->columns[i][0] == '<' ? i : last;
	for (size_t i = 0; i < t->n_columns; i++)
		if (i != last)
			print_aligned_cell(t, i, cells[i], widths[i], false);
	print_aligned_cell(t, last, cells[last], widths[last], true);
}

static char *heading_of(const struct table *t, size_t column)
{
	char heading[64];
	struct text h = TEXT_IN(heading);

	const char *end = column_is_span(t, column) ? unit_in(t, column) : NULL;

	for (const char *c = column_name(t, column); *c && c != end; c++)
		text_add(&h, "%c", *c == '_' ? ' ' : *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
	if (t->is_time[column])
		text_add(&h, " (UTC)");

	char *kept = strdup(heading);

	memory_or_end(kept);
	return kept;
}

static void print_aligned(struct table *t)
{
	size_t *widths = calloc(t->n_columns, sizeof(widths[0]));
	char **headings = calloc(t->n_columns, sizeof(headings[0]));

	memory_or_end(widths);
	memory_or_end(headings);
	for (size_t i = 0; i < t->n_columns; i++) {
		headings[i] = heading_of(t, i);
		widths[i] = strlen(headings[i]);
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t width = shown_width(t->cells[i]);

		if (width > widths[i % t->n_columns])
			widths[i % t->n_columns] = width;
	}
	print_aligned_row(t, headings, widths);
	for (size_t i = 0; i < t->n_cells; i += t->n_columns)
		print_aligned_row(t, &t->cells[i], widths);
	for (size_t i = 0; i < t->n_columns; i++)
		free(headings[i]);
	free(headings);
	free(widths);
}

void table_close(struct table *t)
{
	if (!t)
		return;
	assert(t->column == 0);	/* rows are whole */
	if (t->format == TABLE_ALIGNED)
		print_aligned(t);
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t->is_time);
	free(t);
}
