/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fragments.h"

#include <assert.h>
#include <stdlib.h>

#include "blocks.h"
#include "datagram.h"
#include "lru.h"

enum {
	FRAGMENTS_MAX = 64,	/* of one datagram: 65,535 bytes in Ethernet frames are 45 */
	SHARE_BLOCKS_MIN = 128,	/* the largest datagram fits */
	KNOWN_QUARTERS = 3,	/* of all, when somebody can tell who is known */
};

/*
 * How long a finished datagram is remembered for its copies, and how long a
 * gap inside one is not taken for a new datagram of the same number.
 */
static const nsec LINGER = NSEC_PER_S;

/* What strangers, or known pairs, may use. */
struct share {
	struct lru age;
	uint32_t datagrams_max, blocks_max;
	uint32_t blocks;
};

/* What one destination uses of a share. */
struct destination {
	struct addr addr;
	struct lru age;
	uint32_t blocks;
	uint32_t next;		/* in its hash chain, or free */
	uint8_t share;
};

struct fragments {
	struct fragments_setup setup;
	struct datagram *datagrams;
	struct lru_link *by_age, *by_destination;	/* of each datagram */
	struct extents extents;
	struct share shares[2];		/* 0 strangers, 1 known */
	struct lru done;		/* whole ones, remembered for their copies */
	struct lru unused;
	struct destination *destinations;
	uint32_t destination_free;
	uint32_t *datagram_chain, *destination_chain;
	uint32_t mask;			/* of both hash tables */
};

uint32_t fragments_slots(uint32_t datagrams)
{
	return datagrams + datagrams / 4;	/* the finished ones that linger */
}

static uint32_t table_size(uint32_t slots)
{
	uint32_t size = 64;

	while (size < slots * 2)
		size *= 2;
	return size;
}

static uint32_t *datagram_link(struct fragments *t, const struct datagram_key *k)
{
	uint64_t ends = hash_fold(hash_2(&t->setup.key, k->src.high, k->src.low),
				  hash_2(&t->setup.key, k->dst.high, k->dst.low) | 1);
	uint32_t *link = &t->datagram_chain[t->mask & (uint32_t)hash_2(&t->setup.key, ends,
			(uint64_t)k->id << 32 | k->network << 8 | k->protocol)];

	while (*link != SLOT_NONE && !datagram_key_equal(&t->datagrams[*link].key, k))
		link = &t->datagrams[*link].next;
	return link;
}

static uint32_t *destination_link(struct fragments *t, struct addr a, uint8_t share)
{
	uint32_t *link =
	    &t->destination_chain[t->mask & (uint32_t)hash_2(&t->setup.key, a.high ^ share, a.low)];

	while (*link != SLOT_NONE && (t->destinations[*link].share != share ||
				      !addr_equal(t->destinations[*link].addr, a)))
		link = &t->destinations[*link].next;
	return link;
}

static struct glue *glue_of(const struct fragments *t, const struct datagram *d)
{
	return d->key.version == 4 ? t->setup.v4 : t->setup.v6;
}

/* Give back what its bytes took. */
static void datagram_empty(struct fragments *t, struct datagram *d)
{
	if (d->blocks == 0)
		return;
	glue_of(t, d)->fragments_forget(glue_of(t, d), (uint32_t)(d - t->datagrams));
	extents_clear(&t->extents, &d->extents);
	t->shares[d->share].blocks -= d->blocks;
	t->destinations[d->destination].blocks -= d->blocks;
	d->blocks = 0;
}

static void destination_leave(struct fragments *t, struct datagram *d)
{
	struct destination *to = &t->destinations[d->destination];

	lru_remove(&to->age, t->by_destination, (uint32_t)(d - t->datagrams));
	if (to->age.count == 0) {
		*destination_link(t, to->addr, to->share) = to->next;
		to->next = t->destination_free;
		t->destination_free = d->destination;
	}
}

/* Out of its share; it is in no list then. */
static void share_leave(struct fragments *t, struct datagram *d)
{
	datagram_empty(t, d);
	destination_leave(t, d);
	lru_remove(&t->shares[d->share].age, t->by_age, (uint32_t)(d - t->datagrams));
}

static void datagram_release(struct fragments *t, uint32_t slot)
{
	struct datagram *d = &t->datagrams[slot];

	if (d->state == DATAGRAM_DONE)
		lru_remove(&t->done, t->by_age, slot);
	else
		share_leave(t, d);
	*datagram_link(t, &d->key) = d->next;
	lru_add(&t->unused, t->by_age, slot);
}

static void datagram_evict(struct fragments *t, uint32_t slot)
{
	if (t->datagrams[slot].state == DATAGRAM_OPEN)
		t->setup.counters->refused++;
	datagram_release(t, slot);
}

static void datagram_spoil(struct fragments *t, struct datagram *d)
{
	datagram_empty(t, d);
	d->state = DATAGRAM_SPOILT;
	t->setup.counters->refused++;
}

static void datagram_done(struct fragments *t, struct datagram *d, nsec now)
{
	datagram_remember(d, &t->extents);
	share_leave(t, d);
	if (t->done.count >= t->setup.datagrams / 4)
		datagram_release(t, t->done.oldest);
	d->state = DATAGRAM_DONE;
	d->last = now;
	lru_add(&t->done, t->by_age, (uint32_t)(d - t->datagrams));
}

static void datagram_missing(struct fragments *t, uint32_t slot, nsec now)
{
	const struct reassemble_handler *h = t->setup.handler;
	struct datagram d = t->datagrams[slot];	/* the handler may come back in */
	struct packet p;

	datagram_release(t, slot);
	if (d.state != DATAGRAM_OPEN)
		return;
	t->setup.counters->missing++;
	datagram_sample(&d, &p);
	if (h->missing)
		h->missing(h->user, now, &p, d.frame, d.bytes);
}

void fragments_expire(struct fragments *t, nsec now)
{
	while (t->done.count > 0 && t->datagrams[t->done.oldest].last + LINGER <= now)
		datagram_release(t, t->done.oldest);
	for (int i = 0; i < 2; i++) {
		const struct lru *age = &t->shares[i].age;

		while (age->count > 0 && t->datagrams[age->oldest].first + t->setup.timeout <= now)
			datagram_missing(t, age->oldest, now);
	}
}

void fragments_forget(struct fragments *t)
{
	while (t->done.count > 0)
		datagram_release(t, t->done.oldest);
	for (int i = 0; i < 2; i++)
		while (t->shares[i].age.count > 0)
			datagram_release(t, t->shares[i].age.oldest);
}

/* The oldest of `l` but `except`. */
static uint32_t oldest_but(const struct lru *l, const struct lru_link *links, uint32_t except)
{
	return l->oldest == except && except != SLOT_NONE ? links[except].newer : l->oldest;
}

/* Let the oldest go until `l`, using `*blocks`, has room for `more` blocks; never `self`. */
static bool make_room(struct fragments *t, const struct lru *l, const struct lru_link *links,
		      const uint32_t *blocks, uint32_t blocks_max, uint32_t more, uint32_t self)
{
	while (*blocks + more > blocks_max) {
		uint32_t victim = oldest_but(l, links, self);

		if (victim == SLOT_NONE)
			return false;
		datagram_evict(t, victim);
	}
	return true;
}

static uint32_t quarter(uint32_t blocks)
{
	return blocks / 4 > SHARE_BLOCKS_MIN ? blocks / 4 : SHARE_BLOCKS_MIN;
}

static bool fragment_admit(struct fragments *t, struct datagram *d, uint32_t more)
{
	struct share *share = &t->shares[d->share];
	struct destination *to = &t->destinations[d->destination];
	uint32_t self = (uint32_t)(d - t->datagrams);

	if (!make_room(t, &to->age, t->by_destination, &to->blocks, quarter(share->blocks_max),
		       more, self) ||
	    !make_room(t, &share->age, t->by_age, &share->blocks, share->blocks_max, more, self))
		return false;
	share->blocks += more;
	to->blocks += more;
	d->blocks += more;
	return true;
}

static uint32_t destination_enter(struct fragments *t, struct addr a, uint8_t share, uint32_t slot)
{
	uint32_t *link = destination_link(t, a, share);

	if (*link == SLOT_NONE) {
		uint32_t made = t->destination_free;

		assert(made != SLOT_NONE);	/* as many as datagrams */
		t->destination_free = t->destinations[made].next;
		t->destinations[made] = (struct destination){
			.addr = a, .age = LRU_EMPTY, .next = SLOT_NONE, .share = share,
		};
		*link = made;
	}

	uint32_t at = *link;

	lru_add(&t->destinations[at].age, t->by_destination, slot);
	return at;
}

static struct datagram *datagram_new(struct fragments *t, const struct datagram_key *k, nsec now,
				     const struct frame *f)
{
	const struct reassemble_handler *h = t->setup.handler;
	uint8_t known = h->known && h->known(h->user, k->src, k->dst);
	struct share *share = &t->shares[known];
	uint32_t to = *destination_link(t, k->dst, known);

	if (to != SLOT_NONE && t->destinations[to].age.count >= share->datagrams_max / 4)
		datagram_evict(t, t->destinations[to].age.oldest);
	if (share->age.count >= share->datagrams_max)
		datagram_evict(t, share->age.oldest);

	uint32_t slot = t->unused.oldest;
	struct datagram *d = &t->datagrams[slot];

	assert(slot != SLOT_NONE);	/* the shares and the finished ones add up to the slots */
	lru_remove(&t->unused, t->by_age, slot);
	*d = (struct datagram){
		.key = *k, .state = DATAGRAM_OPEN, .share = known, .first = now, .last = now,
		.frame = f->number, .extents = SLOT_NONE, .next = SLOT_NONE,
	};
	lru_add(&share->age, t->by_age, slot);
	d->destination = destination_enter(t, k->dst, known, slot);
	*datagram_link(t, k) = slot;
	return d;
}

/* The datagram that fragment `x` goes to; NULL when it is not to be kept. */
static struct datagram *datagram_for(struct fragments *t, const struct datagram_key *k,
				     const struct extent *x, bool more, nsec now,
				     const struct frame *f)
{
	uint32_t slot = *datagram_link(t, k);

	if (slot == SLOT_NONE)
		return datagram_new(t, k, now, f);

	struct datagram *d = &t->datagrams[slot];

	switch (d->state) {
	case DATAGRAM_SPOILT:
		t->setup.counters->refused++;
		return NULL;
	case DATAGRAM_DONE:
		if (datagram_remembers(d, x)) {
			t->setup.counters->repeated++;
			return NULL;
		}
		datagram_release(t, slot);
		return datagram_new(t, k, now, f);
	case DATAGRAM_OPEN:
		break;
	}
	switch (extents_fit(&t->extents, d, x, more)) {
	case EXTENT_FITS:
		return d;
	case EXTENT_REPEATED:
		t->setup.counters->repeated++;
		return NULL;
	case EXTENT_CONFLICTS:
		if (now - d->last < LINGER) {
			datagram_spoil(t, d);
			return NULL;
		}
		datagram_missing(t, slot, now);	/* the number is used again */
		break;
	}
	/* the handler may have come back in: nobody is there, or it is a mess */
	return *datagram_link(t, k) == SLOT_NONE ? datagram_new(t, k, now, f) : NULL;
}

bool fragments_add(struct fragments *t, nsec now, const struct frame *f, const struct packet *p,
		   uint8_t *whole, struct packet *ret)
{
	struct fragment_shape shape;
	struct datagram_key key;

	t->setup.counters->fragments++;
	fragments_expire(t, now);
	if (!fragment_shape(p, &shape, &key)) {
		t->setup.counters->refused++;
		return false;
	}

	struct extent x = extent_of(&t->setup.key, p, &shape);
	struct datagram *d = datagram_for(t, &key, &x, p->more, now, f);

	if (!d)
		return false;
	if (d->count >= FRAGMENTS_MAX || !fragment_admit(t, d, blocks_for(shape.length))) {
		datagram_spoil(t, d);
		return false;
	}
	extents_add(&t->extents, d, &x, p->more);
	d->last = now;
	datagram_head(d, p, &shape);

	struct glue_fragment piece = {
		.slot = (uint32_t)(d - t->datagrams), .offset = x.offset, .length = x.length,
		.seen = { p->ip + shape.payload, x.seen }, .more = p->more,
		.completes = d->bytes == d->total ? d->total : 0,
	};
	if (piece.completes != 0 && d->header + d->total > datagram_length_max(d)) {
		datagram_spoil(t, d);	/* the first fragment's header is longer than this one's */
		return false;
	}

	uint32_t got = glue_of(t, d)->fragment(glue_of(t, d), &piece, whole + d->header);

	if (piece.completes == 0)
		return false;

	bool made = got == d->total && datagram_finish(d, &t->extents, whole, ret);

	ret->depth = p->depth;
	datagram_done(t, d, now);
	if (made)
		t->setup.counters->whole++;
	else
		t->setup.counters->refused++;
	return made;
}

static void shares_init(struct fragments *t)
{
	uint32_t known = t->setup.handler->known ? KNOWN_QUARTERS : 0;

	for (uint32_t i = 0; i < 2; i++) {
		uint32_t quarters = i == 1 ? known : 4 - known;

		t->shares[i] = (struct share){
			.age = LRU_EMPTY,
			.datagrams_max = t->setup.datagrams / 4 * quarters,
			.blocks_max = t->setup.blocks / 4 * quarters,
		};
	}
}

struct fragments *fragments_open(const struct fragments_setup *s)
{
	uint32_t slots = fragments_slots(s->datagrams), size = table_size(slots);
	struct fragments *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->setup = *s;
	t->mask = size - 1;
	t->done = t->unused = LRU_EMPTY;
	t->datagrams = calloc(slots, sizeof(*t->datagrams));
	t->by_age = calloc(slots, sizeof(*t->by_age));
	t->by_destination = calloc(slots, sizeof(*t->by_destination));
	t->destinations = calloc(slots, sizeof(*t->destinations));
	t->datagram_chain = malloc(size * sizeof(*t->datagram_chain));
	t->destination_chain = malloc(size * sizeof(*t->destination_chain));
	if (!extents_init(&t->extents, s->blocks) || !t->datagrams || !t->by_age ||
	    !t->by_destination || !t->destinations || !t->datagram_chain || !t->destination_chain) {
		fragments_close(t);
		return NULL;
	}
	for (uint32_t i = 0; i < size; i++)
		t->datagram_chain[i] = t->destination_chain[i] = SLOT_NONE;
	for (uint32_t i = 0; i < slots; i++) {
		lru_add(&t->unused, t->by_age, i);
		t->destinations[i].next = i + 1 < slots ? i + 1 : SLOT_NONE;
	}
	shares_init(t);
	return t;
}

void fragments_close(struct fragments *t)
{
	if (!t)
		return;
	extents_done(&t->extents);
	free(t->datagrams);
	free(t->by_age);
	free(t->by_destination);
	free(t->destinations);
	free(t->datagram_chain);
	free(t->destination_chain);
	free(t);
}
