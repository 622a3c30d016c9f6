/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "time_order.h"

#include <stdlib.h>
#include <string.h>

static bool before(const struct time_order_held *a, const struct time_order_held *b)
{
	if (a->stretch != b->stretch)
		return a->stretch < b->stretch;
	if (a->frame.at != b->frame.at)
		return a->frame.at < b->frame.at;
	return a->frame.number < b->frame.number;
}

static void sift_up(struct time_order_held *heap, size_t i)
{
	struct time_order_held moved = heap[i];

	for (; i > 0 && before(&moved, &heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = moved;
}

static void sift_down(struct time_order_held *heap, size_t n)
{
	struct time_order_held moved = heap[0];
	size_t i = 0;

	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && before(&heap[child + 1], &heap[child]))
			child++;
		if (!before(&heap[child], &moved))
			break;
		heap[i] = heap[child];
	}
	heap[i] = moved;
}

/* Does a frame of this time come after all before it, as far as order within a stretch goes? */
static bool follows(struct time_order_clock *c, nsec at)
{
	if (c->begun && at < c->latest && (uint64_t)c->latest - (uint64_t)at <= TIME_ORDER_WINDOW)
		return false;
	c->stretch += c->begun && at < c->latest;
	c->begun = true;
	c->latest = at;
	return true;
}

/* When they are not, nothing was learned of them yet. */
static bool in_order(struct time_order *o, const struct frame *frames, size_t n)
{
	struct time_order_clock before_them = o->clock;
	bool back = false;

	for (size_t i = 1; i < n; i++)
		back |= frames[i].at < frames[i - 1].at;
	if (!back)	/* the last stands for all that come after the first */
		return follows(&o->clock, frames[0].at) && follows(&o->clock, frames[n - 1].at);
	for (size_t i = 0; i < n; i++)
		if (!follows(&o->clock, frames[i].at)) {
			o->clock = before_them;
			return false;
		}
	return true;
}

static bool hold(struct time_order *o, const struct frame *f)
{
	uint8_t *copy = malloc(f->captured > 0 ? f->captured : 1);

	if (!copy)
		return false;
	memcpy(copy, f->data, f->captured);
	follows(&o->clock, f->at);
	o->heap[o->n] = (struct time_order_held){ .stretch = o->clock.stretch, .frame = *f };
	o->heap[o->n].frame.data = copy;
	o->bytes += f->captured;
	sift_up(o->heap, o->n++);
	return true;
}

/* Nothing that is still to come can be earlier than the earliest held, or we hold too much. */
static bool is_due(const struct time_order *o)
{
	return o->n > 0 &&
	       (o->ended || o->n > TIME_ORDER_FRAMES || o->bytes > TIME_ORDER_BYTES ||
		o->heap[0].stretch != o->clock.stretch ||
		(uint64_t)o->clock.latest - (uint64_t)o->heap[0].frame.at > TIME_ORDER_WINDOW);
}

static size_t lend(struct time_order *o, struct frame *ret, size_t max)
{
	size_t n = 0;

	while (n < max && is_due(o)) {
		ret[n] = o->heap[0].frame;
		o->lent[n] = (uint8_t *)ret[n].data;
		o->bytes -= ret[n++].captured;
		o->heap[0] = o->heap[--o->n];
		if (o->n > 0)
			sift_down(o->heap, o->n);
	}
	o->n_lent = n;
	return n;
}

static void take_back(struct time_order *o)
{
	while (o->n_lent > 0)
		free(o->lent[--o->n_lent]);
}

static bool hold_all(struct time_order *o, const struct frame *frames, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!hold(o, &frames[i]))
			return false;
	return true;
}

/* The frames that showed the disorder are the first to be held. */
static bool begin_sorting(struct time_order *o, const struct frame *frames, size_t n)
{
	o->sorting = true;
	o->heap = calloc(2 * (size_t)TIME_ORDER_FRAMES + 1, sizeof(*o->heap));
	o->lent = calloc(TIME_ORDER_FRAMES, sizeof(*o->lent));
	return o->heap && o->lent && hold_all(o, frames, n);
}

static int no_memory(struct err *e)
{
	err_set(e, "no memory to put the frames in the order of their times");
	return -1;
}

int time_order_read(struct time_order *o, time_order_read_fn *read, void *user, struct frame *ret,
		    size_t max, struct err *e)
{
	if (max > TIME_ORDER_FRAMES)
		max = TIME_ORDER_FRAMES;
	if (!o->sorting) {
		int n = read(user, ret, max, e);

		if (n <= 0 || in_order(o, ret, (size_t)n))
			return n;
		if (!begin_sorting(o, ret, (size_t)n))
			return no_memory(e);
	}
	take_back(o);
	while (!o->ended && !is_due(o)) {
		int n = read(user, ret, max, &o->last_error);

		o->ended = n <= 0;
		o->last_result = n;
		if (n > 0 && !hold_all(o, ret, (size_t)n))
			return no_memory(e);
	}
	size_t n = lend(o, ret, max);

	if (n == 0 && o->last_result < 0)
		*e = o->last_error;
	return n > 0 ? (int)n : o->last_result;
}

void time_order_done(struct time_order *o)
{
	take_back(o);
	while (o->n > 0)
		free((uint8_t *)o->heap[--o->n].frame.data);
	free(o->heap);
	free(o->lent);
}
