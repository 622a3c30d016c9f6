/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames of a file in the order of their times.  Captures of several interfaces
 * or receive queues may be written a little out of order, an answer before its
 * request; everything behind the source relies on the order.  A file in order
 * costs one comparison per frame and is never copied; from the first step back
 * on, frames are copied into a window and sorted.
 */
#ifndef SAWATCH_CAPTURE_TIME_ORDER_H
#define SAWATCH_CAPTURE_TIME_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/link.h>

enum {
	TIME_ORDER_FRAMES = 4096,	/* held at most */
	TIME_ORDER_BYTES = 16 * 1024 * 1024,	/* in them, and what one read of the file adds */
};

/* A larger step back is a clock that was set, not packets that overtook each other. */
#define TIME_ORDER_WINDOW NSEC_PER_S

struct time_order_clock {
	bool begun;
	nsec latest;			/* of this stretch */
	uint64_t stretch;		/* counts the steps back: what came before one goes first */
};

struct time_order_held {
	uint64_t stretch;
	struct frame frame;		/* its data is a copy of ours */
};

/* All zero is a file that has been in order so far, of which nothing was read. */
struct time_order {
	bool sorting, ended;
	struct time_order_clock clock;
	struct time_order_held *heap;	/* earliest first */
	size_t n, bytes;
	uint8_t **lent;			/* what the last call returned, freed by the next */
	size_t n_lent;
	int last_result;		/* of the file, for when nothing is held any more */
	struct err last_error;
};

/* As source_read(), which is how to get frames of the file itself. */
typedef int time_order_read_fn(void *user, struct frame *ret, size_t max, struct err *e);

/* As source_read(), in order.  What was read before an error comes before it. */
int time_order_read(struct time_order *o, time_order_read_fn *read, void *user, struct frame *ret,
		    size_t max, struct err *e);
void time_order_done(struct time_order *o);

#endif
