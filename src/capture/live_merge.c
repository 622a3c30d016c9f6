/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "live_merge.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool before(const struct live_held *a, const struct live_held *b)
{
	return a->frame.at != b->frame.at ? a->frame.at < b->frame.at : a->turn < b->turn;
}

bool live_merge_init(struct live_merge *m)
{
	*m = (struct live_merge){ .heap = calloc(LIVE_MERGE_FRAMES, sizeof(*m->heap)) };
	return m->heap != NULL;
}

bool live_merge_hold(struct live_merge *m, const struct frame *f, nsec now)
{
	uint8_t *copy = malloc(f->captured > 0 ? f->captured : 1);
	struct live_held held = { .frame = *f, .held_at = now, .turn = m->turns++ };
	size_t i = m->n;

	assert(m->n < LIVE_MERGE_FRAMES);
	if (!copy)
		return false;
	memcpy(copy, f->data, f->captured);
	held.frame.data = copy;
	for (; i > 0 && before(&held, &m->heap[(i - 1) / 2]); i = (i - 1) / 2)
		m->heap[i] = m->heap[(i - 1) / 2];
	m->heap[i] = held;
	m->n++;
	m->bytes += f->captured;
	return true;
}

bool live_merge_due(const struct live_merge *m, nsec until)
{
	return m->n > 0 && (m->heap[0].held_at <= until || m->n >= LIVE_MERGE_FRAMES || m->bytes >= LIVE_MERGE_BYTES);
}

struct frame live_merge_take(struct live_merge *m)
{
	struct frame earliest = m->heap[0].frame;
	struct live_held moved = m->heap[--m->n];
	size_t i = 0;

	m->bytes -= earliest.captured;
	for (size_t child; (child = 2 * i + 1) < m->n; i = child) {
		if (child + 1 < m->n && before(&m->heap[child + 1], &m->heap[child]))
			child++;
		if (!before(&m->heap[child], &moved))
			break;
		m->heap[i] = m->heap[child];
	}
	m->heap[i] = moved;
	return earliest;
}

void live_merge_done(struct live_merge *m)
{
	while (m->n > 0)
		free((uint8_t *)(uintptr_t)m->heap[--m->n].frame.data);
	free(m->heap);
	m->heap = NULL;
}
