/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pools of slots, of a fixed number, and hash indices over the slots.  They do not know what an
 * object is.
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
 * A hash index over the slots of a pool: open addressing, linear probing.  It keeps the hash of
 * each object, so that a search reads no object in vain.  It begins small and doubles, because a
 * large table that is nearly empty takes a page of memory for every entry; address space for the
 * largest size is reserved at once.
 */
struct index_slot {
	uint32_t hash;
	uint32_t object;		/* + 1; 0 empty */
};

struct index {
	struct index_slot *slot;
	uint32_t mask, used;
	uint32_t added;			/* so far; wraps */
};

/* A pool of so many slots, all free; false without memory.  pool_free() gives its memory back. */
bool pool_new(struct pool *p, uint32_t capacity);
void pool_free(struct pool *p);

uint32_t pool_take(struct pool *p);		/* a free slot; NO_INDEX: there is none */
void pool_give(struct pool *p, uint32_t i);	/* the slot is free again */
uint32_t pool_sample(struct pool *p);		/* a slot that was ever used; calls go round them */

/* Ask the system for large pages, for memory that is read at random places. */
void memory_in_large_pages(void *memory, size_t bytes);

/* An empty index for at most `capacity` objects; false without memory. */
bool index_new(struct index *x, uint32_t capacity);
void index_free(struct index *x);

void index_add(struct index *x, uint64_t hash, uint32_t i);	/* the object of slot `i` */
void index_remove(struct index *x, uint64_t hash, uint32_t i);	/* which is there */

/*
 * Do more objects stand near this key than chance would put there (an attack)?  Then another one
 * must not be added, so that no search is longer than this many steps.
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
