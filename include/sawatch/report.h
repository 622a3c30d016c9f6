/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records made readable: JSON Lines for programs, a diagnosis and tables for
 * people, CSV for spreadsheets.  Every writer is a record_sink over a FILE*,
 * so one walk over the data feeds any of them.  Refuses to know where records
 * come from.  Write errors stay in the FILE*: ask ferror() at the end.
 *
 * Whatever a packet could have put into a string leaves here without control
 * characters and as valid UTF-8.
 */
#ifndef SAWATCH_REPORT_H
#define SAWATCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <sawatch/record.h>

/*
 * Texts for people are set in lines of so many columns: 100 unless told, and at most; at least 40.
 * Process-wide.
 */
void report_set_line_width(int columns);

/* JSON Lines of DESIGN 9, one object a record; traffic has no line of its own. */
struct record_sink report_json(FILE *out);

/*
 * The diagnosis: collects all records, prints them at the end.  They come from
 * one walk over a history, or from the core as captures are read, in any order
 * and again when they change; the same records give the same diagnosis.
 */
struct diagnosis;
struct expected;

struct diagnosis_options {
	bool colour;		/* the terminal understands SGR and NO_COLOR is not set */
	bool verbose;		/* every SA, and events */
	bool quiet;		/* the verdict and ill tunnels only */
};

/* Never NULL; copies `o`. */
struct diagnosis *diagnosis_open(const struct diagnosis_options *o);
/* Takes the records of one walk over a history: store_walk(). */
struct record_sink diagnosis_sink(struct diagnosis *d);
/*
 * Or those of the core without details, as captures are read: in any order, ESP SAs and child SAs
 * once, the others again when they change.
 */
struct record_sink diagnosis_told_sink(struct diagnosis *d);
/*
 * The inventory, borrowed until diagnosis_close(): how it calls the tunnels that the core tells of
 * (a walk says so itself), and, when the `whole` capture was read, which are not there.
 */
void diagnosis_expect(struct diagnosis *d, const struct expected *inventory, bool whole);
/* Once, when all records are there.  What cannot be written shows in ferror(out). */
void diagnosis_print(struct diagnosis *d, FILE *out);
/* After that: the severity of the worst alert printed, -1 without any. */
int diagnosis_worst(const struct diagnosis *d);
/* Accepts NULL. */
void diagnosis_close(struct diagnosis *d);

/* Tables. */
enum table_format {
	/*
	 * columns for the eye, printed at table_close(); headings in capitals, times are UTC and
	 * say so
	 */
	TABLE_ALIGNED,
	/* RFC 4180: header row first, CRLF, times as RFC 3339, nothing abbreviated */
	TABLE_CSV,
	TABLE_JSON,		/* one object a row: "_v", "type", then the columns as keys */
};

struct table;

/*
 * `columns` are the snake_case names of the fields, borrowed until
 * table_close(); a name that begins with '>' is a number, set to the right,
 * one with '<' a long text: it stands last when aligned, where it pushes nothing aside;
 * one with '~' a span, whose name ends in its unit for CSV and JSON: _s or _ms.
 * `type` is the "type" of TABLE_JSON.
 */
struct table *table_open(FILE *out, enum table_format format, const char *type,
			 const char *const *columns, size_t n_columns);

/* Cells from left to right; after the last column the next row begins. */
void table_text(struct table *t, const char *text);	/* NULL: not known */
void table_number(struct table *t, int64_t number);	/* RECORD_UNKNOWN: not known */
void table_time(struct table *t, nsec at);		/* NSEC_NONE: not known */
/* RECORD_UNKNOWN: not known; of a '~' column */
void table_span(struct table *t, nsec span);
/* Prints what is pending and frees; accepts NULL.  What cannot be written shows in ferror(). */
void table_close(struct table *t);

/* Tables of records: the kinds that the history's subcommands show. */
enum rows_kind {
	ROWS_TUNNELS, ROWS_IKE_SAS, ROWS_CHILD_SAS, ROWS_ESP_SAS, ROWS_EXCHANGES, ROWS_EVENTS,
	ROWS_ALERTS,
	ROWS_SAS,	/* SAs of every kind, what they have in common */
};

struct rows;

/* Never NULL; `out` is borrowed. */
struct rows *rows_open(FILE *out, enum table_format format, enum rows_kind kind);
/* Only the members of its kind are set. */
struct record_sink rows_sink(struct rows *r);
/* Prints what is pending and frees; accepts NULL. */
void rows_close(struct rows *r);

/*
 * The story of one tunnel in plain words: what is wrong, what happened, the
 * evidence, whose side to look at, what to do, what would prove it.  The walk
 * gives the records of that tunnel, of the captures, or a single alert about a capture.
 */
struct why;

struct why_options {
	bool colour;
	object_id alert;	/* asked about this one; 0: the tunnel as a whole */
	/* page of a condition, for its log lines; NULL none */
	const char *(*page)(const char *code);
};

/* Never NULL; copies `o`. */
struct why *why_open(const struct why_options *o);
/* Takes the records of one walk. */
struct record_sink why_sink(struct why *w);
/* Once, when the walk is over: the story as text, or as one JSON object on a line. */
void why_tell(struct why *w, FILE *out);
void why_tell_json(struct why *w, FILE *out);
/* Accepts NULL. */
void why_close(struct why *w);

/*
 * `text` without anything that moves a cursor, breaks a line or turns its
 * direction: control characters and bytes that are no UTF-8 become \xHH.
 * Allocated; free() it.
 */
char *report_printable(const char *text);

#endif
