/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the objects of a tracker lie: pools of a fixed size, and hash indices over their slots.
 * What an object is they do not know.
 */
#ifndef SAWATCH_TRACK_POOL_H
#define SAWATCH_TRACK_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/track.h>

/* Object slots of one kind: `free` is a stack of slots that were used and given back. */
struct pool {
	uint32_t capacity, used, high;	/* high: slots ever touched */
	uint32_t *free;
	uint32_t n_free;
	uint32_t cursor;		/* where the search for the quietest goes on */
};

/*
 * A hash index over the slots of a pool: open addressing, linear probing.  It keeps the hash, so
 * that a probe reads no object in vain, and begins small and doubles, because a large table that
 * is nearly empty costs a page for every entry.  Memory for the largest size is reserved at once.
 */
struct index_slot {
	uint32_t hash;
	uint32_t object;		/* + 1; 0 empty */
};

struct index {
	struct index_slot *slot;
	uint32_t mask, used;
};

bool pool_new(struct pool *p, uint32_t capacity);
void pool_free(struct pool *p);
uint32_t pool_take(struct pool *p);		/* NO_INDEX when full */
void pool_give(struct pool *p, uint32_t i);
uint32_t pool_sample(struct pool *p);		/* any slot ever touched, spread over all of them */

/* Large pages for what lies in memory at random places, where the system has them. */
void memory_in_large_pages(void *memory, size_t bytes);

bool index_new(struct index *x, uint32_t capacity);
void index_free(struct index *x);
void index_add(struct index *x, uint64_t hash, uint32_t i);	/* at most `capacity` at once */
void index_remove(struct index *x, uint64_t hash, uint32_t i);

/*
 * Is the place of this key crowded as chance does not crowd it?  What is not added then keeps every
 * probe short.
 */
enum { INDEX_PROBES_MAX = 1024 };
bool index_crowded(const struct index *x, uint64_t hash);

/* Candidates for a key: begin with *at = hash; NO_INDEX when there are no more. */
static inline uint32_t index_next(const struct index *x, uint64_t hash, uint32_t *at)
{
	for (;;) {
		struct index_slot s = x->slot[*at & x->mask];

		++*at;
		if (s.object == 0)
			return NO_INDEX;
		if (s.hash == (uint32_t)hash)
			return s.object - 1;
	}
}

#endif
