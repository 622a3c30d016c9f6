/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "blocks.h"

#include <stdlib.h>
#include <string.h>

#include "lru.h"

const struct chain chain_empty = { SLOT_NONE, SLOT_NONE, 0 };

bool blocks_init(struct blocks *b, uint32_t n)
{
	*b = (struct blocks){
		.bytes = malloc((size_t)n * BLOCK_BYTES),
		.next = malloc((size_t)n * sizeof(*b->next)),
		.n_free = n,
	};
	if (!b->bytes || !b->next) {
		blocks_done(b);
		return false;
	}
	for (uint32_t i = 0; i < n; i++)
		b->next[i] = i + 1 < n ? i + 1 : SLOT_NONE;
	return true;
}

void blocks_done(struct blocks *b)
{
	free(b->bytes);
	free(b->next);
	*b = (struct blocks){ 0 };
}

uint32_t blocks_for(uint32_t length)
{
	return (length + BLOCK_BYTES - 1) / BLOCK_BYTES;
}

static uint8_t *block_at(const struct blocks *b, uint32_t block)
{
	return b->bytes + (size_t)block * BLOCK_BYTES;
}

static void chain_grow(struct blocks *b, struct chain *c)
{
	uint32_t block = b->free;

	b->free = b->next[block];
	b->n_free--;
	b->next[block] = SLOT_NONE;
	if (c->last == SLOT_NONE)
		c->first = block;
	else
		b->next[c->last] = block;
	c->last = block;
}

bool chain_append(struct blocks *b, struct chain *c, struct bytes data)
{
	if (blocks_for(c->length + (uint32_t)data.length) - blocks_for(c->length) > b->n_free)
		return false;
	while (data.length > 0) {
		uint32_t used = c->length % BLOCK_BYTES;

		if (used == 0)
			chain_grow(b, c);

		size_t n = data.length < BLOCK_BYTES - used ? data.length : BLOCK_BYTES - used;

		memcpy(block_at(b, c->last) + used, data.data, n);
		c->length += (uint32_t)n;
		data.data += n;
		data.length -= n;
	}
	return true;
}

void chain_copy(const struct blocks *b, const struct chain *c, uint8_t *ret)
{
	uint32_t left = c->length;

	for (uint32_t block = c->first; left > 0; block = b->next[block]) {
		uint32_t n = left < BLOCK_BYTES ? left : BLOCK_BYTES;

		memcpy(ret, block_at(b, block), n);
		ret += n;
		left -= n;
	}
}

void chain_clear(struct blocks *b, struct chain *c)
{
	b->n_free += blocks_for(c->length);
	if (c->last != SLOT_NONE) {
		b->next[c->last] = b->free;
		b->free = c->first;
	}
	*c = chain_empty;
}
