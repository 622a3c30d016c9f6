/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The captures of a run, one after the other, their frames in order: threads
 * open, unpack, read and prepare what comes next while the caller tracks what
 * came.  What comes out is what source_read() gives, batch by batch.
 */
#ifndef SAWATCH_CLI_READ_AHEAD_H
#define SAWATCH_CLI_READ_AHEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/hash.h>
#include <sawatch/prepare.h>
#include <sawatch/source.h>

#include "cli/block.h"

struct read_ahead;

enum { READ_AHEAD_THREADS_MAX = 63, READ_BATCH = BLOCK_FRAMES };

/*
 * `paths`, `o` and `key`, by which frames are prepared, must outlive it.  Fewer threads than asked
 * for are no failure: the system may not give more.  NULL when it gives none.
 */
struct read_ahead *read_ahead_open(unsigned threads, char *const *paths,
				   const struct source_options *o, const struct hash_key *key);

/*
 * The next capture: what it is, as of its opening; false, as source_open(), when it cannot be.  Not
 * after the last one.
 */
bool read_ahead_next(struct read_ahead *a, struct source_info *ret, struct err *e);

/* Of the capture at hand.  It may have been read further than the latest batch. */
void read_ahead_info(struct read_ahead *a, struct source_info *ret);

/*
 * The next batch of it, as source_read() of READ_BATCH frames; lent until the next call.  The
 * capture of the first frame counts for all.
 */
struct batch {
	struct frame *frames;
	size_t n;
	struct prepared *prepared;	/* NULL: they are not */
};
int read_ahead_batch(struct read_ahead *a, uint32_t capture, struct batch *ret, struct err *e);

void read_ahead_close(struct read_ahead *a);	/* accepts NULL; may be in the middle */

#endif
