/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames of several interfaces in the order of their times: each is copied and
 * held until it has waited long enough for an earlier one of another interface.
 */
#ifndef SAWATCH_CAPTURE_LIVE_MERGE_H
#define SAWATCH_CAPTURE_LIVE_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/link.h>

#include "blocks.h"

enum {
	LIVE_MERGE_FRAMES = 131072,	/* held at most; then the earliest goes before its time */
	LIVE_MERGE_BLOCKS = (128 << 20) / BLOCK_BYTES,
	LIVE_MERGE_FRAME_BYTES = 262144,	/* of one; libpcap gives no more */
};

struct live_held {
	struct frame frame;	/* its bytes are in `copy` */
	struct chain copy;
	nsec held_at;		/* monotonic clock */
	uint64_t turn;		/* order of arrival, for equal times */
};

struct live_merge {
	struct live_held *heap;	/* earliest first */
	size_t n;
	uint64_t turns;
	struct blocks blocks;	/* taken once; what was never needed is not touched */
	uint8_t *taken;		/* the bytes of the latest that went */
};

bool live_merge_init(struct live_merge *m);	/* false: no memory */

/* False: longer than any frame, it is lost.  Room must have been made: see live_merge_due(). */
bool live_merge_hold(struct live_merge *m, const struct frame *f, nsec now);

/* Must the earliest frame go: it was held since before `until`, or too many are? */
bool live_merge_due(const struct live_merge *m, nsec until);

/* The earliest; its data is lent until the next one is taken. */
struct frame live_merge_take(struct live_merge *m);
void live_merge_done(struct live_merge *m);	/* accepts one that is all zero */

#endif
