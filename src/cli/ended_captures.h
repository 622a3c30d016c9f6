/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Captures of a series that are over but whose rows may still change: a tunnel that was left out of
 * the history may be recorded after all, and what is decided at the end of the series counts for
 * the latest capture.
 */
#ifndef SAWATCH_CLI_ENDED_CAPTURES_H
#define SAWATCH_CLI_ENDED_CAPTURES_H

#include "cli/capture_row.h"

struct ended_capture {
	struct record_capture base;	/* its texts are owned, as is: */
	char *left_out;			/* NULL: nothing */
	uint16_t link_type;
	struct capture_counts counts;
	bool changed;			/* its row is to be written again */
};

/* Zeros: none. */
struct ended_captures {
	struct ended_capture *list;
	size_t n, room;
	/*
	 * Ids of those that were read in full.  They are marked so only when the history of all
	 * that they began is written: whoever is killed before reads them again.
	 */
	uint32_t *whole;
	size_t n_whole, whole_room;
};

/*
 * As capture_row_fill(); copies the texts.  The one that was the latest is forgotten when nothing
 * can change about it any more.
 */
void ended_captures_add(struct ended_captures *e, const struct record_capture *base,
			uint16_t link_type, const char *left_out,
			const struct capture_counts *counts);
/* A tunnel that was quiet is told after all: its capture's, if that one is over. */
void ended_captures_tunnel_told(struct ended_captures *e, object_id tunnel);
/* So many alerts more were left out since the latest was over. */
void ended_captures_alerts_left_out(struct ended_captures *e, uint64_t n);
void ended_captures_done(struct ended_captures *e);

#endif
