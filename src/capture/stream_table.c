/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stream_table.h"

#include <assert.h>
#include <stdlib.h>

static uint32_t *stream_link(struct streams *t, const struct endpoint ends[2], uint32_t network)
{
	const struct hash_key *k = &t->setup.key;
	uint64_t a = hash_2(k, ends[0].addr.high, ends[0].addr.low);
	uint64_t b = hash_2(k, ends[1].addr.high, ends[1].addr.low);
	uint32_t ports = (uint32_t)ends[0].port << 16 | ends[1].port;
	uint32_t *link = &t->chain[t->mask & (uint32_t)hash_5(k, a, b, ports, network, 0)];

	while (*link != SLOT_NONE) {
		const struct stream *s = &t->streams[*link];

		if (s->network == network && endpoint_equal(s->ends[0], ends[0]) &&
		    endpoint_equal(s->ends[1], ends[1]))
			break;
		link = &t->streams[*link].next;
	}
	return link;
}

struct stream *stream_find(struct streams *t, const struct endpoint ends[2], uint32_t network)
{
	uint32_t at = *stream_link(t, ends, network);

	return at == SLOT_NONE ? NULL : &t->streams[at];
}

void direction_drop_held(struct streams *t, struct stream *s, struct direction *d)
{
	while (d->held != SLOT_NONE) {
		uint32_t at = d->held;

		d->held = t->held[at].next;
		t->held[at].next = t->held_free;
		t->held_free = at;
	}
	stream_discharge(t, s, d->held_blocks);
	d->held_cost = d->held_blocks = 0;
}

void direction_drop_pending(struct streams *t, struct stream *s, struct direction *d)
{
	stream_discharge(t, s, blocks_for(d->pending.length));
	chain_clear(&t->blocks, &d->pending);
	d->wanted = 0;
}

static uint32_t flow_number(const struct streams *t, const struct stream *s,
			    const struct direction *d)
{
	return (uint32_t)(s - t->streams) * 2 + (uint32_t)(d - s->way);
}

uint32_t direction_flow(struct streams *t, struct stream *s, struct direction *d)
{
	uint32_t flow = flow_number(t, s, d);

	if (!d->flowing) {
		t->setup.glue->flow_open(t->setup.glue, flow);
		d->flowing = true;
	}
	return flow;
}

void direction_flow_close(struct streams *t, struct stream *s, struct direction *d)
{
	if (d->flowing)
		t->setup.glue->flow_close(t->setup.glue, flow_number(t, s, d));
	d->flowing = false;
}

static void direction_clear(struct streams *t, struct stream *s, struct direction *d)
{
	if (!d->placed)
		return;
	direction_flow_close(t, s, d);
	direction_drop_held(t, s, d);
	direction_drop_pending(t, s, d);
	d->placed = false;
}

void direction_place(struct streams *t, struct stream *s, struct direction *d, uint32_t seq,
		     bool at_start)
{
	direction_clear(t, s, d);
	*d = (struct direction){
		.placed = true, .at_start = at_start, .lost = !at_start, .next = seq, .start = seq,
		.origin = seq, .held = SLOT_NONE, .stuck_since = NSEC_NONE, .pending = chain_empty,
		.frame = d->frame, .hop_limit = d->hop_limit, .depth = d->depth,
	};
}

void stream_evict(struct streams *t, struct stream *s)
{
	uint32_t slot = (uint32_t)(s - t->streams);

	direction_clear(t, s, &s->way[0]);
	direction_clear(t, s, &s->way[1]);
	*stream_link(t, s->ends, s->network) = s->next;
	lru_remove(&t->shares[s->proven].age, t->by_age, slot);
	lru_add(&t->unused, t->by_age, slot);
	s->used = false;
}

static void share_make_slot(struct streams *t, struct stream_share *share)
{
	if (share->age.count < share->streams_max)
		return;
	t->setup.counters->refused++;
	stream_evict(t, &t->streams[share->age.oldest]);
}

struct stream *stream_new(struct streams *t, const struct endpoint ends[2], uint32_t network)
{
	share_make_slot(t, &t->shares[0]);

	uint32_t slot = t->unused.oldest;
	struct stream *s = &t->streams[slot];

	assert(slot != SLOT_NONE);
	lru_remove(&t->unused, t->by_age, slot);
	*s = (struct stream){
		.ends = { ends[0], ends[1] }, .network = network, .next = SLOT_NONE, .used = true,
	};
	*stream_link(t, ends, network) = slot;
	lru_add(&t->shares[0].age, t->by_age, slot);
	return s;
}

void stream_touch(struct streams *t, struct stream *s, nsec now)
{
	struct lru *age = &t->shares[s->proven].age;
	uint32_t slot = (uint32_t)(s - t->streams);

	s->seen = now;
	lru_remove(age, t->by_age, slot);
	lru_add(age, t->by_age, slot);
}

/* All others may have to go: alone it has room for whatever may wait (STREAM_BLOCKS_MAX). */
static void make_room(struct streams *t, const struct stream *s, uint32_t more)
{
	struct stream_share *share = &t->shares[s->proven];
	uint32_t slot = (uint32_t)(s - t->streams);

	while (share->blocks + more > share->blocks_max) {
		/* time gave up its hole, though it is quiet */
		if (share->age.oldest == slot) {
			assert(share->age.count > 1);
			lru_remove(&share->age, t->by_age, slot);
			lru_add(&share->age, t->by_age, slot);
		}
		t->setup.counters->refused++;
		stream_evict(t, &t->streams[share->age.oldest]);
	}
}

void stream_prove(struct streams *t, struct stream *s)
{
	uint32_t slot = (uint32_t)(s - t->streams);

	if (s->proven)
		return;
	lru_remove(&t->shares[0].age, t->by_age, slot);
	t->shares[0].blocks -= s->blocks;
	share_make_slot(t, &t->shares[1]);
	s->proven = true;
	lru_add(&t->shares[1].age, t->by_age, slot);
	t->shares[1].blocks += s->blocks;
	make_room(t, s, 0);
}

void stream_charge(struct streams *t, struct stream *s, uint32_t more)
{
	make_room(t, s, more);
	t->shares[s->proven].blocks += more;
	s->blocks += more;
}

void stream_discharge(struct streams *t, struct stream *s, uint32_t less)
{
	t->shares[s->proven].blocks -= less;
	s->blocks -= less;
}

struct streams *streams_open(const struct streams_setup *setup)
{
	struct streams *t = calloc(1, sizeof(*t));
	uint32_t size = 64;

	if (!t)
		return NULL;
	while (size < setup->streams * 2)
		size *= 2;
	assert(setup->blocks / 2 >= STREAM_BLOCKS_MAX);
	t->setup = *setup;
	t->mask = size - 1;
	t->unused = LRU_EMPTY;
	t->ticked = t->search_since = NSEC_NONE;
	for (int i = 0; i < 2; i++)
		t->shares[i] = (struct stream_share){
			.age = LRU_EMPTY,
			.streams_max = setup->streams / 2,
			.blocks_max = setup->blocks / 2,
		};
	t->streams = calloc(setup->streams, sizeof(*t->streams));
	t->by_age = calloc(setup->streams, sizeof(*t->by_age));
	t->chain = malloc(size * sizeof(*t->chain));
	t->held = malloc(setup->blocks * sizeof(*t->held));
	t->scratch = malloc(STREAM_SCRATCH);
	if (!blocks_init(&t->blocks, setup->blocks) || !t->streams || !t->by_age || !t->chain ||
	    !t->held || !t->scratch) {
		streams_close(t);
		return NULL;
	}
	for (uint32_t i = 0; i < size; i++)
		t->chain[i] = SLOT_NONE;
	for (uint32_t i = 0; i < setup->streams; i++)
		lru_add(&t->unused, t->by_age, i);
	for (uint32_t i = 0; i < setup->blocks; i++)
		t->held[i].next = i + 1 < setup->blocks ? i + 1 : SLOT_NONE;
	return t;
}

void streams_close(struct streams *t)
{
	if (!t)
		return;
	blocks_done(&t->blocks);
	free(t->streams);
	free(t->by_age);
	free(t->chain);
	free(t->held);
	free(t->scratch);
	free(t);
}
