/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The row of a capture: what was counted, and what a reader of the history must know about it. */
#ifndef SAWATCH_CLI_CAPTURE_ROW_H
#define SAWATCH_CLI_CAPTURE_ROW_H

#include <sawatch/record.h>
#include <sawatch/settings.h>
#include <sawatch/store_writer.h>
#include <sawatch/track.h>

enum { CAPTURE_WARNINGS_MAX = 16, CAPTURE_WARNING_TEXT_MAX = 512 };

struct capture_row {
	struct record_capture record;	/* points into what follows */
	size_t n;
	const char *list[CAPTURE_WARNINGS_MAX];
	char texts[CAPTURE_WARNINGS_MAX][CAPTURE_WARNING_TEXT_MAX];
	char unnamed[32];		/* a link type without a name */
};

/* What was counted while it was read. */
struct capture_counts {
	struct tracker_counters tracker;
	struct store_writer_counters stored;
	uint64_t alerts_left_out;
};

/*
 * Counts and warnings beside what `base` has; `left_out` (NULL: nothing) says what was not read,
 * `set` how large the tables were.
 */
void capture_row_fill(struct capture_row *r, const struct record_capture *base, uint16_t link_type,
		      const char *left_out, const struct capture_counts *counts,
		      const struct settings *set);

#endif
