/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `sawatch -i` prints while it watches: one line per event that matters, or JSON Lines.  It
 * is a sink for the records of the pipeline; the same record comes many times and is printed when
 * something worth a line has changed.
 */
#ifndef SAWATCH_CLI_WATCH_LINES_H
#define SAWATCH_CLI_WATCH_LINES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <sawatch/record.h>

struct watch_lines;

struct watch_lines_options {
	bool json;
	bool quiet;	/* alerts and tunnels that go down only */
	bool verbose;	/* every event of the history */
};

struct watch_lines_counts {
	uint64_t raised, cleared;
	int worst;	/* severity of the worst alert; -1 none */
};

/* Prints to `out`, which must outlive it; `o` is copied. */
struct watch_lines *watch_lines_open(FILE *out, const struct watch_lines_options *o);
/* Where the pipeline puts its records. */
struct record_sink watch_lines_sink(struct watch_lines *w);
void watch_lines_last(struct watch_lines *w);	/* from now on the capture's row is its last */
/* watching ends: from now on only JSON is printed, no lines for people */
void watch_lines_over(struct watch_lines *w);
/* Alerts printed so far. */
struct watch_lines_counts watch_lines_counts(const struct watch_lines *w);
void watch_lines_close(struct watch_lines *w);	/* accepts NULL */

#endif
