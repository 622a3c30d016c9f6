/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/backlog.h"

#include <assert.h>
#include <stdlib.h>

struct backlog_block {
	_Atomic(struct backlog_block *) next;	/* this one is full */
	struct backlog_block *next_idle;
	atomic_uint used;	/* bytes of whole messages */
	_Alignas(8) unsigned char bytes[];
};

enum { BLOCK_ROOM = BACKLOG_BLOCK_BYTES - sizeof(struct backlog_block) };

static uint32_t message_size(size_t length)
{
	return (uint32_t)((sizeof(struct backlog_message) + length + 7) / 8 * 8);
}

bool backlog_fits(size_t length)
{
	return length <= BLOCK_ROOM - sizeof(struct backlog_message);
}

bool backlog_has_room(const struct backlog *b, uint32_t limit)
{
	return atomic_load(&b->blocks) < (limit < b->n_blocks ? limit : b->n_blocks);
}

/*
 * Only the producer takes from the stack of idle blocks, so the one on top
 * cannot go and come back while it looks.
 */
static struct backlog_block *take_block(struct backlog *b)
{
	struct backlog_block *block = atomic_load(&b->idle);

	while (block && !atomic_compare_exchange_weak(&b->idle, &block, block->next_idle))
		;
	if (!block) {
		assert(b->carved < b->n_blocks);
		block = (struct backlog_block *)(void *)(b->area +
							 (size_t)b->carved++ * BACKLOG_BLOCK_BYTES);
	}
	atomic_store(&block->next, NULL);
	atomic_store(&block->used, 0);
	atomic_fetch_add(&b->blocks, 1);
	return block;
}

static void give_block(struct backlog *b, struct backlog_block *block)
{
	block->next_idle = atomic_load(&b->idle);
	while (!atomic_compare_exchange_weak(&b->idle, &block->next_idle, block))
		;
	atomic_fetch_sub(&b->blocks, 1);
}

bool backlog_init(struct backlog *b, size_t bytes)
{
	size_t n = bytes / BACKLOG_BLOCK_BYTES;

	assert(n >= 2 && n <= UINT32_MAX);
	*b = (struct backlog){ .n_blocks = (uint32_t)n };
	/* pages never written cost nothing */
	b->area = aligned_alloc(64, n * BACKLOG_BLOCK_BYTES);
	if (!b->area)
		return false;
	b->filling = take_block(b);
	b->first = b->next = (struct backlog_place){ .block = b->filling };
	return true;
}

void backlog_done(struct backlog *b)
{
	free(b->area);
	*b = (struct backlog){ 0 };
}

void *backlog_claim(struct backlog *b, uint32_t kind, size_t length, uint32_t limit)
{
	uint32_t size = message_size(length);
	uint32_t used = atomic_load_explicit(&b->filling->used, memory_order_relaxed);

	if (!backlog_fits(length))
		return NULL;
	if (size > BLOCK_ROOM - used) {
		if (!backlog_has_room(b, limit))
			return NULL;

		struct backlog_block *next = take_block(b);

		atomic_store(&b->filling->next, next);
		b->filling = next;
		used = 0;
	}

	struct backlog_message *m = (struct backlog_message *)(void *)(b->filling->bytes + used);

	*m = (struct backlog_message){ .size = size, .kind = kind };
	b->filled = used + size;
	return m->bytes;
}

void backlog_put(struct backlog *b)
{
	atomic_store(&b->filling->used, b->filled);
	atomic_fetch_add(&b->put, 1);
}

const struct backlog_message *backlog_peek(struct backlog *b)
{
	struct backlog_place *p = &b->next;

	if (p->at == atomic_load(&p->block->used)) {
		struct backlog_block *next = atomic_load(&p->block->next);

		if (!next)
			return NULL;
		/* what came between the two looks is in the old block still */
		if (p->at == atomic_load(&p->block->used))
			*p = (struct backlog_place){ .block = next, .number = p->number };
		if (p->at == atomic_load(&p->block->used))
			return NULL;
	}
	return (const struct backlog_message *)(const void *)(p->block->bytes + p->at);
}

void backlog_take(struct backlog *b, const struct backlog_message *m)
{
	assert((const unsigned char *)m == b->next.block->bytes + b->next.at);
	b->next.at += m->size;
	b->next.number++;
}

static bool give_taken(struct backlog *b)
{
	bool some = false;

	for (; b->first.block != b->next.block; some = true) {
		struct backlog_block *done = b->first.block;

		b->first.block = atomic_load(&done->next);
		give_block(b, done);
	}
	return some;
}

void backlog_settle(struct backlog *b)
{
	give_taken(b);
	b->first = b->next;
	b->released = false;
	atomic_store(&b->settled, b->next.number);
}

bool backlog_release(struct backlog *b)
{
	bool some = give_taken(b);

	b->released |= some;
	return some;
}

void backlog_rewind(struct backlog *b)
{
	assert(!b->released);
	b->next = b->first;
}

bool backlog_has_taken(const struct backlog *b)
{
	return b->next.number != b->first.number;
}

uint64_t backlog_waiting(const struct backlog *b)
{
	uint64_t settled = atomic_load(&b->settled);	/* first: it never overtakes the other */

	return atomic_load(&b->put) - settled;
}
