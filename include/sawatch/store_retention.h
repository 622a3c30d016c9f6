/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Deleting old rows of a history: traffic per minute becomes traffic per hour
 * and per day, objects that ended long ago are deleted, and the file shrinks.
 * Living objects always stay.  It is done in small steps, so that neither
 * writers nor readers wait for it.
 */
#ifndef SAWATCH_STORE_RETENTION_H
#define SAWATCH_STORE_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/nsec.h>
#include <sawatch/store.h>

struct store_retention {
	nsec keep;		/* what ended longer ago goes; 0: nothing does */
	/* and probes that were answered at once, so long ago; 0: with the rest */
	nsec probes;
	nsec minutes, hours;	/* older traffic is added up to hours, and to days */
	/* of the file, besides its log: the oldest goes first; 0: no limit */
	int64_t max_bytes;
	/* looked at in one step; 0: a number that takes some milliseconds */
	uint32_t rows;

	/* What was done so far; zeros to begin with. */
	uint64_t added_up, deleted;
	int64_t freed_pages;
	/* Private: where the sweep stands. */
	int phase;
	int64_t after;
	nsec now, floor;
	unsigned rounds;
};

/*
 * One step of a sweep over the history, in a transaction of its own.  Ages are
 * counted from the latest moment of the history, without files that come from
 * the future.  *ret_more: the sweep is not over yet; the step after its end
 * begins another one.
 */
bool store_retain(struct store *s, struct store_retention *r, bool *ret_more, struct err *e);

/* Bytes of the database in use, without what is free in it and without its log. */
bool store_size(struct store *s, int64_t *ret_used, int64_t *ret_free, struct err *e);

#endif
