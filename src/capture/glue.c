/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our own engine: pieces in chains of blocks, copied out when they fit. */
#include "glue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "lru.h"

struct piece {
	uint32_t next;		/* of the same datagram or flow, or free */
	uint32_t position, length;
	struct chain seen;
};

struct store {
	struct blocks blocks;
	struct piece *pieces;
	uint32_t free;
	uint32_t *first;	/* piece of each slot */
};

struct own {
	struct glue glue;
	struct store fragments, flows;
	uint32_t *given;	/* of each flow: bytes given out */
};

static void store_done(struct store *s)
{
	blocks_done(&s->blocks);
	free(s->pieces);
	free(s->first);
}

static bool store_init(struct store *s, uint32_t slots, uint32_t blocks)
{
	s->pieces = malloc((size_t)blocks * sizeof(*s->pieces)); /* each takes a block or more */
	s->first = malloc((size_t)slots * sizeof(*s->first));
	if (!blocks_init(&s->blocks, blocks) || !s->pieces || !s->first)
		return false;
	for (uint32_t i = 0; i < blocks; i++)
		s->pieces[i].next = i + 1 < blocks ? i + 1 : SLOT_NONE;
	for (uint32_t i = 0; i < slots; i++)
		s->first[i] = SLOT_NONE;
	return true;
}

static void store_put(struct store *s, uint32_t slot, uint32_t position, uint32_t length,
		      struct bytes seen)
{
	uint32_t at = s->free;

	assert(at != SLOT_NONE);	/* the front admits no more than there is room for */

	struct piece *p = &s->pieces[at];

	s->free = p->next;
	*p = (struct piece){ s->first[slot], position, length, chain_empty };
	s->first[slot] = at;

	bool stored = chain_append(&s->blocks, &p->seen, seen);

	assert(stored);
	(void)stored;
}

/* Take the piece that `link` points to out of its list. */
static void store_drop(struct store *s, uint32_t *link)
{
	uint32_t at = *link;
	struct piece *p = &s->pieces[at];

	*link = p->next;
	chain_clear(&s->blocks, &p->seen);
	p->next = s->free;
	s->free = at;
}

static void store_clear(struct store *s, uint32_t slot)
{
	while (s->first[slot] != SLOT_NONE)
		store_drop(s, &s->first[slot]);
}

static uint32_t own_fragment(struct glue *g, const struct glue_fragment *piece, uint8_t *whole)
{
	struct store *s = &((struct own *)g)->fragments;
	uint32_t length = 0;

	store_put(s, piece->slot, piece->offset, piece->length, piece->seen);
	if (piece->completes == 0)
		return 0;
	for (uint32_t at = s->first[piece->slot]; at != SLOT_NONE; at = s->pieces[at].next) {
		const struct piece *p = &s->pieces[at];

		chain_copy(&s->blocks, &p->seen, whole + p->position);
		memset(whole + p->position + p->seen.length, 0, p->length - p->seen.length);
		length += p->length;
	}
	store_clear(s, piece->slot);
	return length;
}

static void own_fragments_forget(struct glue *g, uint32_t slot)
{
	store_clear(&((struct own *)g)->fragments, slot);
}

static void own_flow_open(struct glue *g, uint32_t flow)
{
	((struct own *)g)->given[flow] = 0;
}

static uint32_t *piece_at(struct store *s, uint32_t flow, uint32_t position)
{
	uint32_t *link = &s->first[flow];

	while (*link != SLOT_NONE && s->pieces[*link].position != position)
		link = &s->pieces[*link].next;
	return link;
}

static uint32_t own_flow_put(struct glue *g, uint32_t flow, uint32_t position, struct bytes data,
			     uint8_t *ret)
{
	struct own *o = (struct own *)g;
	struct store *s = &o->flows;
	uint32_t out = (uint32_t)data.length;

	if (position != o->given[flow]) {
		store_put(s, flow, position, (uint32_t)data.length, data);
		return 0;
	}
	memcpy(ret, data.data, data.length);
	for (;;) {
		uint32_t *link = piece_at(s, flow, position + out);

		if (*link == SLOT_NONE)
			break;

		const struct piece *p = &s->pieces[*link];

		chain_copy(&s->blocks, &p->seen, ret + out);
		out += p->length;
		store_drop(s, link);
	}
	o->given[flow] += out;
	return out;
}

static void own_flow_close(struct glue *g, uint32_t flow)
{
	store_clear(&((struct own *)g)->flows, flow);
}

static void own_close(struct glue *g)
{
	struct own *o = (struct own *)g;

	store_done(&o->fragments);
	store_done(&o->flows);
	free(o->given);
	free(o);
}

struct glue *glue_open(const struct glue_size *size)
{
	struct own *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->glue = (struct glue){
		.fragment = own_fragment,
		.fragments_forget = own_fragments_forget,
		.flow_open = own_flow_open,
		.flow_put = own_flow_put,
		.flow_close = own_flow_close,
		.close = own_close,
	};
	o->given = malloc((size_t)size->flows * sizeof(*o->given));
	if (!store_init(&o->fragments, size->datagrams, size->fragment_blocks) ||
	    !store_init(&o->flows, size->flows, size->flow_blocks) || !o->given) {
		own_close(&o->glue);
		return NULL;
	}
	return &o->glue;
}
