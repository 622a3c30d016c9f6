/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/block.h"

#include <stdlib.h>

#include <sawatch/memory.h>

struct block *block_new(void)
{
	struct block *b = aligned_alloc(_Alignof(struct block), sizeof(*b));

	memory_or_end(b);
	b->bytes = NULL;
	b->bytes_room = 0;
	b->n = 0;
	atomic_init(&b->ready, false);
	return b;
}

void block_free(struct block *b)
{
	if (b)
		free(b->bytes);
	free(b);
}

void block_prepare(struct block *b, const struct hash_key *key, bool borrowed)
{
	b->prepared = (struct prepared){ .list = b->list, .packets = b->packets };
	prepare_frames(&b->prepared, key, b->frames, (size_t)b->n);
	prepared_for_another_core(&b->prepared);
	b->is_prepared = true;
	if (!borrowed)
		return;

	size_t needed = prepared_keep_bytes(&b->prepared, b->frames, b->bytes, b->bytes_room);

	if (needed <= b->bytes_room)
		return;
	free(b->bytes);
	b->bytes = malloc(needed);
	memory_or_end(b->bytes);
	b->bytes_room = needed;
	prepared_keep_bytes(&b->prepared, b->frames, b->bytes, b->bytes_room);
}
