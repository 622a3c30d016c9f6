/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "live_merge.h"

#include <assert.h>
#include <stdlib.h>

static bool before(const struct live_held *a, const struct live_held *b)
{
	return a->frame.at != b->frame.at ? a->frame.at < b->frame.at : a->turn < b->turn;
}

bool live_merge_init(struct live_merge *m)
{
	*m = (struct live_merge){
		.heap = calloc(LIVE_MERGE_FRAMES, sizeof(*m->heap)),
		.taken = malloc(LIVE_MERGE_FRAME_BYTES),
	};
	if (blocks_init(&m->blocks, LIVE_MERGE_BLOCKS) && m->heap && m->taken)
		return true;
	live_merge_done(m);
	return false;
}

bool live_merge_hold(struct live_merge *m, const struct frame *f, nsec now)
{
	struct live_held held = {
		.frame = *f, .copy = chain_empty, .held_at = now, .turn = m->turns
	};
	size_t i = m->n;

	assert(m->n < LIVE_MERGE_FRAMES);
	if (f->captured > LIVE_MERGE_FRAME_BYTES ||
	    !chain_append(&m->blocks, &held.copy, (struct bytes){ f->data, f->captured }))
		return false;
	for (; i > 0 && before(&held, &m->heap[(i - 1) / 2]); i = (i - 1) / 2)
		m->heap[i] = m->heap[(i - 1) / 2];
	m->heap[i] = held;
	m->n++;
	m->turns++;
	return true;
}

bool live_merge_due(const struct live_merge *m, nsec until)
{
	return m->n > 0 && (m->heap[0].held_at <= until || m->n >= LIVE_MERGE_FRAMES ||
			    m->blocks.n_free < blocks_for(LIVE_MERGE_FRAME_BYTES));
}

struct frame live_merge_take(struct live_merge *m)
{
	struct live_held earliest = m->heap[0], moved = m->heap[--m->n];
	size_t i = 0;

	chain_copy(&m->blocks, &earliest.copy, m->taken);
	chain_clear(&m->blocks, &earliest.copy);
	earliest.frame.data = m->taken;
	for (size_t child; (child = 2 * i + 1) < m->n; i = child) {
		if (child + 1 < m->n && before(&m->heap[child + 1], &m->heap[child]))
			child++;
		if (!before(&m->heap[child], &moved))
			break;
		m->heap[i] = m->heap[child];
	}
	m->heap[i] = moved;
	return earliest.frame;
}

void live_merge_done(struct live_merge *m)
{
	blocks_done(&m->blocks);
	free(m->heap);
	free(m->taken);
	*m = (struct live_merge){ 0 };
}
