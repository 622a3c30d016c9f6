/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ESP and AH SAs begin: which packets of an unknown SPI get a record, which SA makes room for it,
 * and SAs that go on under another address.
 */
#include "track/tracker.h"

enum {
	COUNTED = 32,			/* packets of an unknown SPI are counted up to this */
	OFTEN = 16,			/* so many are worth a record without any budget */
	AWAITED_SEARCH = 8,
	/* with more unconfirmed SAs than that an unknown SPI must come twice */
	UNCONFIRMED_IN_TUNNEL = 32,
	UNCONFIRMED = 4096,		/* in all tunnels together */
	DIRECTION_MAX = 8192,		/* SAs of one direction remembered at once */
	EVICTION_SAMPLE = 8, EVICTION_SEARCH = 256,
};

/*
 * How much it would be missed, from the least: unconfirmed, ended, made by no exchange we saw,
 * others.
 */
static unsigned worth(const struct tracker *t, const struct esp_sa *sa)
{
	if (!(sa->flags & ESP_SA_CONFIRMED))
		return 0;
	if (sa->end_reason != END_NONE)
		return 1;
	return sa->child != NO_INDEX && t->child_sas[sa->child].how != CREATED_UNKNOWN ? 3 : 2;
}

/*
 * Of a sample of slots, the one that would be missed least; the sample grows while it finds only
 * living SAs.
 */
static uint32_t quietest(struct tracker *t)
{
	uint32_t best = NO_INDEX;
	unsigned best_worth = 0;

	for (unsigned n = 0; n < EVICTION_SAMPLE || (n < EVICTION_SEARCH && best_worth > 1); n++) {
		uint32_t i = pool_sample(&t->esp_pool);
		const struct esp_sa *sa = &t->esp_sas[i];
		unsigned its_worth = worth(t, sa);

		if (!(sa->flags & ESP_SA_USED))
			continue;
		if (best == NO_INDEX || its_worth < best_worth ||
		    (its_worth == best_worth &&
		     tracker_missed(sa->first, sa->last) <
			     tracker_missed(t->esp_sas[best].first, t->esp_sas[best].last))) {
			best = i;
			best_worth = its_worth;
		}
	}
	return best;
}

/* True one time in four; the order of the packets cannot be in step with it. */
static bool by_chance(const struct tracker *t, uint64_t hash)
{
	return (t->counters.strangers * UINT64_C(0x9e3779b97f4a7c15) ^ hash) >> 62 == 0;
}

/*
 * Has this SPI, which has no record, come `often` times?  Each is counted in one word of a table
 * that it may share with others.  The SPI that keeps coming keeps the word, so random SPIs displace
 * nobody.  One that came once mostly keeps it as well: when thousands of SPIs of a large gateway
 * come in turn, each would otherwise be displaced before it came again.
 */
static bool comes_again(struct tracker *t, const struct esp_arrival *a, uint32_t often)
{
	uint64_t hash = a->stranger != 0 ? a->stranger
					 : esp_stranger_hash(&a->src, &a->dst, a->spi,
							     a->protocol, a->encap);
	uint32_t *slot = &t->strangers[hash & t->strangers_mask];
	uint32_t seen = *slot % COUNTED, name = (uint32_t)(hash >> 32);

	name -= name % COUNTED;
	if (seen > 0 && *slot - seen == name)
		seen++;
	else if (seen == 0 || (seen == 1 && by_chance(t, hash)))
		seen = 1;
	else {
		*slot -= seen > 1;
		t->counters.strangers++;
		return false;
	}
	*slot = seen < often ? name + seen : 0;
	t->counters.strangers += seen < often;
	return seen >= often;
}

static bool under_pressure(const struct tracker *t, uint32_t tunnel)
{
	if (tunnel != NO_INDEX && t->tunnels[tunnel].unconfirmed >= UNCONFIRMED_IN_TUNNEL)
		return true;
	if (tunnel != NO_INDEX && tunnel_was_up(&t->tunnels[tunnel]))
		return false;		/* a flood elsewhere does not concern it */
	return t->esp_pool.used > t->esp_pool.capacity / 4 * 3 ||
	       t->tunnel_pool.used > t->tunnel_pool.capacity / 4 * 3 ||
	       t->unconfirmed >= UNCONFIRMED;
}

/* An exchange made a child SA whose SPI of this direction is still to come. */
static bool awaited(const struct tracker *t, const struct tunnel *w, int side)
{
	uint32_t i = w->child_sas;

	for (unsigned n = 0; n < AWAITED_SEARCH && i != NO_INDEX;
	     n++, i = t->child_sas[i].next_in_tunnel)
		if (t->child_sas[i].how != CREATED_UNKNOWN && t->child_sas[i].spi[side] == 0 &&
		    t->child_sas[i].end_reason == END_NONE)
			return true;
	return false;
}

/*
 * Is this packet the only sign that the SA exists?  Where the IKE of the tunnel is seen, an SPI
 * that no exchange made is believed only when the SA before it is old enough to be rekeyed.
 */
static bool out_of_the_blue(const struct tracker *t, uint32_t tunnel, int8_t side, nsec at)
{
	if (tunnel == NO_INDEX)
		return true;
	const struct tunnel *w = &t->tunnels[tunnel];

	if (awaited(t, w, side))
		return false;
	return !(w->flags & TUNNEL_ESTABLISHED) ||
	       (w->esp_sas[side] != NO_INDEX &&
		at - t->esp_sas[w->esp_sas[side]].first < RESTRAINT_YOUNG);
}

/* A record costs as much as hundreds of packets, so made-up SPIs should not get one. */
bool esp_may_be_born(struct tracker *t, const struct esp_arrival *a)
{
	int8_t side = SIDE_UNKNOWN;
	uint32_t tunnel = path_find_tunnel(t, (struct endpoint){ a->src, a->src_port },
					   (struct endpoint){ a->dst, a->dst_port }, &side);
	bool pays = out_of_the_blue(t, tunnel, side, a->at);
	uint32_t often = pays && !restraint_affords_birth(t) ? OFTEN
			 : under_pressure(t, tunnel)         ? 2
							     : 1;

	if (index_crowded(&t->esp_index, a->hash) || (often > 1 && !comes_again(t, a, often)))
		return false;
	if (pays)
		restraint_pays_birth(t);
	return true;
}

/* An unconfirmed or ended SA among the oldest of this direction, or the oldest. */
static uint32_t oldest(const struct tracker *t, const struct tunnel *owner, int side)
{
	uint32_t i = owner->oldest_esp_sa[side];

	for (unsigned n = 0; n < EVICTION_SAMPLE && i != NO_INDEX;
	     n++, i = t->esp_more[i].prev_in_direction)
		if (worth(t, &t->esp_sas[i]) <= 1)
			return i;
	return owner->oldest_esp_sa[side];
}

static uint32_t take_slot(struct tracker *t, uint32_t tunnel, int side)
{
	const struct tunnel *owner = &t->tunnels[tunnel];
	uint32_t victim = NO_INDEX;

	if (side >= 0 && owner->live_esp[side] >= DIRECTION_MAX) {
		victim = oldest(t, owner, side);
		t->counters.crowded_esp_sas += victim != NO_INDEX;
	} else {
		uint32_t i = pool_take(&t->esp_pool);

		if (i != NO_INDEX)
			return i;
		victim = quietest(t);
		t->counters.evicted_esp_sas += victim != NO_INDEX;
	}
	if (victim == NO_INDEX)
		return NO_INDEX;
	esp_end(t, victim, t->esp_sas[victim].last, END_UNKNOWN, SIDE_UNKNOWN, GRADE_UNKNOWN);
	esp_release(t, victim);
	return pool_take(&t->esp_pool);
}

/*
 * Plain ESP between the address of a NAT and the peer of its only client, whose new child SA waits
 * for its first packet of this direction, belongs to that client, although it encapsulates its own
 * packets in another way.  (A NAT that is a gateway itself has IKE of its own, from port 500.)
 */
static uint32_t tunnel_of_a_client(struct tracker *t, const struct esp_arrival *a, int8_t *ret_side)
{
	int8_t side;
	uint32_t tunnel;

	if (a->protocol != PROTOCOL_ESP || a->encap != ENCAP_NONE ||
	    a->seq > (uint32_t)t->settings->birth_seq_max ||
	    path_find_tunnel(t, (struct endpoint){ a->src, 0 }, (struct endpoint){ a->dst, 0 },
			     &side) != NO_INDEX)
		return NO_INDEX;
	tunnel = path_find_only_client(t, a->src, a->dst, ret_side);
	if (tunnel == NO_INDEX || !tunnel_had_ike(&t->tunnels[tunnel]) ||
	    !child_awaits_spi(t, tunnel, *ret_side))
		return NO_INDEX;
	path_add(t, tunnel, (struct endpoint){ a->src, 0 }, (struct endpoint){ a->dst, 0 },
		 *ret_side);
	return tunnel;
}

/* The SA goes on under another address: so does its tunnel. */
static void tunnel_moves(struct tracker *t, uint32_t esp, struct endpoint src, struct endpoint dst,
			 nsec at)
{
	const struct esp_sa *sa = &t->esp_sas[esp];
	int8_t side = sa->direction;
	struct event ev = event_of(t, EVENT_ADDRESS_MOVED, at, sa->tunnel);

	ev.esp_sa = esp;
	ev.side = addr_equal(esp_ends(t, sa).src, src.addr) ? (int8_t)(1 - side) : side;
	path_add(t, sa->tunnel, src, dst, side);
	tunnel_seen_at(t, &t->tunnels[sa->tunnel], side, src);
	tunnel_seen_at(t, &t->tunnels[sa->tunnel], 1 - side, dst);
	event_emit(t, &ev);
}

/* A slot's first content: one packet. */
static void begin(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a,
		  uint32_t tunnel, int8_t side, uint32_t generation)
{
	struct esp_sa_more *more = esp_more(t, sa);

	*sa = (struct esp_sa){
		.spi = a->spi, .src_port = a->src_port,
		.dst_port = a->dst_port,
		.seq_high = a->seq, .seq_first = a->seq, .tunnel = tunnel, .window = 1,
		.last = a->at,
		.packets = 1, .bytes = a->bytes, .last_frame = a->frame->number,
		.protocol = a->protocol,
		.encap = a->encap, .direction = side, .flags = ESP_SA_USED | ESP_SA_DIRTY,
		.first = a->at,
		.first_frame = a->frame->number, .child = NO_INDEX,
		.next_in_direction = NO_INDEX, .end_reason = END_NONE,
		.grade = GRADE_OBSERVED, .rare = &esp_sa_nothing_rare,
		.next_minute = NSEC_NONE,
	};
	esp_set_ends(t, sa, (struct esp_ends){ a->src, a->dst });
	*more = (struct esp_sa_more){ .prev_in_direction = NO_INDEX };
	if (generation > 1)
		esp_rare(t, sa)->generation = generation;
	sa->id = tracker_number(t, OBJECT_ESP_SA);
	esp_close_minute(t, sa, a->at);
	more->minute_packets = more->minute_lost = 0;
	more->minute_bytes = 0;
	more->seq_minute = sa->seq_minute_before = a->seq;
	if (a->seq > (uint32_t)t->settings->birth_seq_max)
		sa->flags |= ESP_SA_MIDSTREAM;
}

/* `esp` is the SA `moved_sa` under its new address, whose record ends. */
static void take_the_place_of(struct tracker *t, uint32_t esp, uint32_t moved_sa, nsec at)
{
	struct esp_sa *sa = &t->esp_sas[esp], *old = &t->esp_sas[moved_sa];

	esp_more(t, sa)->predecessor = old->id;
	esp_more(t, sa)->predecessor_spi = old->spi;
	esp_rare(t, old)->successor = sa->id;
	esp_rare(t, old)->successor_spi = sa->spi;
	esp_turned(t, sa, at);
	sa->child = old->child;
	sa->flags |= old->flags & ESP_SA_CONFIRMED;
	if (sa->child != NO_INDEX) {
		t->child_sas[sa->child].esp[sa->direction] = esp;
		t->child_sas[sa->child].esp_id[sa->direction] = sa->id;
	}
	old->child = NO_INDEX;
	esp_end(t, moved_sa, at, END_SUPERSEDED, SIDE_UNKNOWN, GRADE_DERIVED);
}

/* The newest of the tunnel's SAs in its direction. */
static void enlist(struct tracker *t, struct tunnel *owner, uint32_t esp)
{
	struct esp_sa *sa = &t->esp_sas[esp];
	uint32_t *newest = &owner->esp_sas[sa->direction];

	sa->next_in_direction = *newest;
	if (*newest != NO_INDEX)
		t->esp_more[*newest].prev_in_direction = esp;
	else
		owner->oldest_esp_sa[sa->direction] = esp;
	*newest = esp;
	owner->live_esp[sa->direction]++;
	owner->flags |= TUNNEL_DIRTY;
}

void esp_birth(struct tracker *t, const struct esp_arrival *a, uint32_t generation)
{
	struct endpoint src = { a->src, a->src_port }, dst = { a->dst, a->dst_port };
	int8_t side = SIDE_UNKNOWN;
	uint32_t moved_sa = esp_moved_from(t, a);
	uint32_t tunnel;

	if (moved_sa != NO_INDEX) {
		tunnel = t->esp_sas[moved_sa].tunnel;
		side = t->esp_sas[moved_sa].direction;
		tunnel_moves(t, moved_sa, src, dst, a->at);
	} else {
		tunnel = tunnel_of_a_client(t, a, &side);
		if (tunnel == NO_INDEX)
			tunnel = tunnel_see(t, src, dst, a->network, &side);
	}
	if (tunnel == NO_INDEX)
		return;

	uint32_t i = take_slot(t, tunnel, side);

	if (i == NO_INDEX)
		return;
	if (moved_sa != NO_INDEX && !(t->esp_sas[moved_sa].flags & ESP_SA_USED))
		moved_sa = NO_INDEX;		/* it was released to make room for itself */
	struct tunnel *owner = &t->tunnels[tunnel];
	struct esp_sa *sa = &t->esp_sas[i];

	begin(t, sa, a, tunnel, side, generation);
	if (moved_sa != NO_INDEX)
		take_the_place_of(t, i, moved_sa, a->at);
	if (!restraint_admits_esp_sa(t, sa))
		sa->flags |= ESP_SA_QUIET;
	if (!(sa->flags & ESP_SA_CONFIRMED)) {
		t->unconfirmed++;
		owner->unconfirmed++;
	}
	index_add(&t->esp_index, a->hash, i);
	group_includes(t, sa);
	*esp_hint(t, a->spi) = i + 1;
	owner->flags |= TUNNEL_UNSAVED;
	owner->n_esp_sas++;
	owner->last = nsec_later(owner->last, a->at);
	if (side < 0)
		return;
	enlist(t, owner, i);
	esp_emit(t, EVENT_ESP_SA_FIRST, sa, a, a->seq);
	if (moved_sa == NO_INDEX && owner->live_esp[side] <= ESP_DIRECTION_LIVE_MAX &&
	    owner->unconfirmed <= ESP_SPRAYED)
		child_esp_born(t, i);
	tunnel_wake(t, tunnel, a->at + t->settings->judge_every);
}
