/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/tracker.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <sawatch/memory.h>

bool pool_new(struct pool *p, uint32_t capacity)
{
	*p = (struct pool){ .capacity = capacity,
			    .free = memory_table(capacity, sizeof(*p->free)) };
	return p->free != NULL;
}

void pool_free(struct pool *p)
{
	free(p->free);
	*p = (struct pool){ 0 };
}

uint32_t pool_take(struct pool *p)
{
	if (p->n_free > 0) {
		p->used++;
		return p->free[--p->n_free];
	}
	if (p->high == p->capacity)
		return NO_INDEX;
	p->used++;
	return p->high++;
}

void pool_give(struct pool *p, uint32_t i)
{
	assert(i < p->high && p->n_free < p->capacity);
	p->free[p->n_free++] = i;
	p->used--;
}

/* Strides by the golden ratio: what was taken in a row does not come out in a row. */
uint32_t pool_sample(struct pool *p)
{
	p->cursor += UINT32_C(0x9e3779b9);
	return (uint32_t)((uint64_t)p->cursor * p->high >> 32);
}

/*
 * Of a million SAs each packet meets another one: the walk to the entry of its
 * small page takes as long as the fetch that could be done ahead (171 ns a
 * packet instead of 93).
 */
void memory_in_large_pages(void *memory, size_t bytes)
{
#ifdef MADV_HUGEPAGE
	const uintptr_t large = 2 << 20;
	uintptr_t from = ((uintptr_t)memory + large - 1) / large * large,
		  to = ((uintptr_t)memory + bytes) / large * large;

	if (to > from)
		/* a wish: that it fails changes nothing */
		madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
	(void)memory;
	(void)bytes;
#endif
}

enum { INDEX_FIRST_SIZE = 512, INDEX_SMALL = 1 << 17 };

bool index_new(struct index *x, uint32_t capacity)
{
	uint32_t size = INDEX_FIRST_SIZE;

	while (size < capacity * 2)	/* at most half full, so that probes stay short */
		size *= 2;
	*x = (struct index){ .slot = calloc(size, sizeof(*x->slot)),
			     .mask = INDEX_FIRST_SIZE - 1 };
	/* not its beginning, which is all that most have use for */
	if (x->slot && size > INDEX_SMALL)
		memory_in_large_pages(x->slot + INDEX_SMALL,
				      (size_t)(size - INDEX_SMALL) * sizeof(*x->slot));
	return x->slot != NULL;
}

void index_free(struct index *x)
{
	free(x->slot);
	*x = (struct index){ 0 };
}

/*
 * Half full and spread by chance, the longest run of a million entries is some
 * sixty long.  A longer one is of somebody who knows the key of the hash.
 */
bool index_crowded(const struct index *x, uint64_t hash)
{
	for (uint32_t n = 0; n < INDEX_PROBES_MAX; n++)
		if (x->slot[((uint32_t)hash + n) & x->mask].object == 0)
			return false;
	return true;
}

static void put(struct index *x, struct index_slot s)
{
	uint32_t at = s.hash & x->mask;

	while (x->slot[at].object != 0)
		at = (at + 1) & x->mask;
	x->slot[at] = s;
}

/*
 * Half full: twice the size, in place.  Begun after an empty slot, whatever stands between an
 * entry's old slot and its home was moved before it, so it finds room there, or as far beyond its
 * home in the new half.
 */
static void index_double(struct index *x)
{
	uint32_t size = x->mask + 1, empty = 0;

	while (x->slot[empty].object != 0)
		empty++;
	x->mask = 2 * size - 1;
	for (uint32_t n = 1; n < size; n++) {
		uint32_t at = (empty + n) & (size - 1);
		struct index_slot s = x->slot[at];

		if (s.object == 0)
			continue;
		x->slot[at].object = 0;
		put(x, s);
	}
}

void index_add(struct index *x, uint64_t hash, uint32_t i)
{
	if (x->used > x->mask / 2)
		index_double(x);
	x->used++;
	x->added++;
	put(x, (struct index_slot){ (uint32_t)hash, i + 1 });
}

void index_remove(struct index *x, uint64_t hash, uint32_t i)
{
	uint32_t hole = (uint32_t)hash & x->mask;

	if (!x->slot)			/* index_free(): nobody will ask */
		return;
	while (x->slot[hole].object != i + 1) {
		if (x->slot[hole].object == 0)
			return;
		hole = (hole + 1) & x->mask;
	}
	/* Close the hole: move up every later entry of the cluster that may stand here. */
	for (uint32_t at = (hole + 1) & x->mask; x->slot[at].object != 0; at = (at + 1) & x->mask) {
		uint32_t home = x->slot[at].hash & x->mask;

		if (((at - home) & x->mask) >= ((at - hole) & x->mask)) {
			x->slot[hole] = x->slot[at];
			hole = at;
		}
	}
	x->slot[hole].object = 0;
	x->used--;
}
