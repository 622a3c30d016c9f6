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

enum {
	LIVE_MERGE_FRAMES = 131072,	/* held at most; then the earliest goes before its time */
	LIVE_MERGE_BYTES = 128 << 20,
};

struct live_held {
	struct frame frame;	/* its data is a copy of ours */
	nsec held_at;		/* monotonic clock */
	uint64_t turn;		/* order of arrival, for equal times */
};

struct live_merge {
	struct live_held *heap;	/* earliest first */
	size_t n, bytes;
	uint64_t turns;
};

bool live_merge_init(struct live_merge *m);

/* False: no memory, the frame is lost.  Room must have been made: see live_merge_due(). */
bool live_merge_hold(struct live_merge *m, const struct frame *f, nsec now);

/* Must the earliest frame go: it was held since before `until`, or too many are? */
bool live_merge_due(const struct live_merge *m, nsec until);

/* The earliest; the caller frees its data. */
struct frame live_merge_take(struct live_merge *m);
void live_merge_done(struct live_merge *m);

#endif
