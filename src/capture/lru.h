/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A doubly linked list over the slots of a table, oldest to newest.  Several
 * lists may share one array of links when a slot is in one of them at a time.
 */
#ifndef SAWATCH_CAPTURE_LRU_H
#define SAWATCH_CAPTURE_LRU_H

#include <stdint.h>

#define SLOT_NONE UINT32_MAX

struct lru_link {
	uint32_t older, newer;
};

struct lru {
	uint32_t oldest, newest, count;
};

#define LRU_EMPTY ((struct lru){ SLOT_NONE, SLOT_NONE, 0 })

/* Add the slot, which is in no list, as the newest. */
static inline void lru_add(struct lru *l, struct lru_link *links, uint32_t slot)
{
	links[slot] = (struct lru_link){ .older = l->newest, .newer = SLOT_NONE };
	if (l->newest == SLOT_NONE)
		l->oldest = slot;
	else
		links[l->newest].newer = slot;
	l->newest = slot;
	l->count++;
}

/* Take the slot out of this list, which it is in. */
static inline void lru_remove(struct lru *l, struct lru_link *links, uint32_t slot)
{
	struct lru_link at = links[slot];

	if (at.older == SLOT_NONE)
		l->oldest = at.newer;
	else
		links[at.older].newer = at.newer;
	if (at.newer == SLOT_NONE)
		l->newest = at.older;
	else
		links[at.newer].older = at.older;
	l->count--;
}

#endif
