/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which child SA a new SPI belongs to.  Anybody can forge one packet with any SPI between the
 * addresses of two gateways.  So one packet is believed only if nothing contradicts it: its
 * direction never had a confirmed SA, or an exchange made a child SA that waits for its first
 * packet.  If that packet turns out to be forged, the SA that goes on takes its place.
 */
#include "track/tracker.h"

enum { COLLISIONS_JUDGED = 16 };	/* for one first packet */

#define AT_ONCE NSEC_PER_S

static void join(struct tracker *t, uint32_t child, uint32_t esp)
{
	struct child_sa *c = &t->child_sas[child];
	struct esp_sa *sa = &t->esp_sas[esp];
	int d = sa->direction;

	c->esp[d] = esp;
	c->esp_id[d] = sa->id;
	c->spi[d] = sa->spi;
	sa->child = child;
	sa->flags |= ESP_SA_DIRTY;
	if (c->how != CREATED_UNKNOWN)
		esp_confirm(t, sa);
	if (c->state == CHILD_CREATED)
		c->state = CHILD_INSTALLED;
	c->flags |= CHILD_SA_DIRTY;
	child_reveal(t, child);
	if (c->more->predecessor != NO_INDEX)	/* the rekey was known before its SPIs */
		chain_link_esp(t, &t->child_sas[c->more->predecessor], c, 0);
}

uint32_t child_collision_winner(const struct tracker *t, const struct child_sa *c)
{
	for (uint32_t i = t->tunnels[c->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *o = &t->child_sas[i];

		if (o != c && (o->flags & CHILD_SA_COLLIDED) && o->ike_sa == c->ike_sa &&
		    (o->spi[0] != 0 || o->spi[1] != 0) && o->created_by != c->created_by &&
		    (o->created > c->created ? o->created - c->created : c->created - o->created) <=
			    t->settings->settle)
			return i;
	}
	return NO_INDEX;
}

/* Could this birth be the one that the first packet of `sa` has waited for? */
static bool waits_for(const struct tracker *t, const struct child_sa *c, const struct esp_sa *sa)
{
	nsec early = child_sa_requested(c) < c->created ? child_sa_requested(c) : c->created;
	uint32_t other = c->esp[1 - sa->direction];

	if (c->how == CREATED_UNKNOWN || c->spi[sa->direction] != 0 || c->end_reason != END_NONE ||
	    c->flags & CHILD_SA_REDUNDANT || sa->first < early - 50 * NSEC_PER_MS)
		return false;
	/* A partner that stopped long ago says that this birth's time is over. */
	return other == NO_INDEX || t->esp_sas[other].end_reason == END_NONE;
}

/*
 * The partner of the crossing exchange speaks and this one never did.  Not so for an SA that is no
 * stray and beside which the partner's goes on: these replace two SAs, and both are in use.
 */
static bool lost_collision(const struct tracker *t, const struct child_sa *c,
			   const struct esp_sa *sa)
{
	if (!(c->flags & CHILD_SA_COLLIDED) || c->spi[0] != 0 || c->spi[1] != 0)
		return false;
	uint32_t winner = child_collision_winner(t, c);

	if (winner == NO_INDEX)
		return false;
	return sa->packets < ESP_CONFIRMING_PACKETS ||
	       child_last_packet(t, &t->child_sas[winner], sa->direction) <= sa->first;
}

/* Whether it is that of a child SA made by a crossing exchange shows only later. */
static bool may_have_lost(const struct tracker *t, const struct esp_sa *sa)
{
	if (sa->packets >= ESP_CONFIRMING_PACKETS)
		return false;
	for (uint32_t i = t->tunnels[sa->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel)
		if (waits_for(t, &t->child_sas[i], sa) && lost_collision(t, &t->child_sas[i], sa))
			return true;
	return false;
}

/*
 * Of several births the one of this moment: its other half has just begun, or
 * it was made for this packet while the earliest, `best`, waits in vain (an IKE
 * SA without a child SA, RFC 6023; selectors without traffic).
 */
static uint32_t of_this_moment(const struct tracker *t, const struct esp_sa *sa, uint32_t best)
{
	uint32_t fresh = NO_INDEX, half = NO_INDEX;

	for (uint32_t i = t->tunnels[sa->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];
		uint32_t other = c->esp[1 - sa->direction];

		if (!waits_for(t, c, sa))
			continue;
		if (other != NO_INDEX && sa->first - t->esp_sas[other].first <= AT_ONCE)
			half = i;		/* newest first: the earliest of them */
		if (fresh == NO_INDEX && i != best && other == NO_INDEX &&
		    sa->first - c->created <= AT_ONCE &&
		    c->created - t->child_sas[best].created > AT_ONCE && !lost_collision(t, c, sa))
			fresh = i;
		if (i == best)
			break;
	}
	return half != NO_INDEX ? half : fresh;
}

/* The earliest birth that still waits for an SPI of this direction. */
static uint32_t waiting_birth(struct tracker *t, const struct esp_sa *sa, bool *ret_several)
{
	const struct tunnel *w = &t->tunnels[sa->tunnel];
	uint32_t best = NO_INDEX;
	unsigned judged = 0;

	*ret_several = false;
	for (uint32_t i = w->child_sas; i != NO_INDEX; i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];

		if (!waits_for(t, c, sa))
			continue;
		if ((c->flags & CHILD_SA_COLLIDED) && judged++ < COLLISIONS_JUDGED &&
		    lost_collision(t, c, sa))
			continue;
		*ret_several = best != NO_INDEX;
		best = i;		/* newest first: the last that fits is the earliest */
	}
	if (best == NO_INDEX)
		return NO_INDEX;

	uint32_t now = *ret_several ? of_this_moment(t, sa, best) : NO_INDEX;

	if (now != NO_INDEX)
		return now;
	/*
	 * The earliest waits perhaps in vain (a direction without traffic): when a
	 * later birth has its other half and this packet came after that, or was
	 * only just made, the later one is meant.
	 */
	uint32_t fresh = best;

	if (t->child_sas[best].created + t->settings->birth_window >= sa->first)
		return best;
	for (uint32_t i = w->child_sas; i != NO_INDEX && i != best;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->how == CREATED_UNKNOWN || c->spi[sa->direction] != 0 ||
		    c->end_reason != END_NONE || sa->first < c->created - 50 * NSEC_PER_MS ||
		    (c->flags & CHILD_SA_REDUNDANT))
			continue;
		if (c->spi[1 - sa->direction] != 0)
			return i;
		if (sa->first - c->created <= t->settings->birth_window &&
		    !lost_collision(t, c, sa))
			fresh = i;
	}
	return fresh;
}

bool child_awaits_spi(const struct tracker *t, uint32_t tunnel, int direction)
{
	for (uint32_t i = t->tunnels[tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->how != CREATED_UNKNOWN && c->spi[direction] == 0 &&
		    c->end_reason == END_NONE && !(c->flags & CHILD_SA_REDUNDANT))
			return true;
	}
	return false;
}

/* Without IKE: a partner in the other direction that is as old, or as unknown, as this one. */
static uint32_t lonely_partner(struct tracker *t, const struct esp_sa *sa)
{
	const struct tunnel *w = &t->tunnels[sa->tunnel];
	uint32_t found = NO_INDEX;

	for (uint32_t i = w->child_sas; i != NO_INDEX; i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];
		uint32_t other = c->esp[1 - sa->direction];

		if (c->how != CREATED_UNKNOWN || c->spi[sa->direction] != 0 || other == NO_INDEX ||
		    c->end_reason != END_NONE)
			continue;
		const struct esp_sa *o = &t->esp_sas[other];

		if (o->protocol != sa->protocol || o->encap != sa->encap ||
		    (o->flags & ESP_SA_MIDSTREAM) != (sa->flags & ESP_SA_MIDSTREAM))
			continue;
		if (sa->first - o->first > t->settings->birth_window)
			continue;
		if (found != NO_INDEX)
			return NO_INDEX;	/* two could be meant: wait until they end */
		found = i;
	}
	return found;
}

/* A packet alone, in a direction in which others have spoken: perhaps nobody's. */
static bool perhaps_stray(const struct tracker *t, const struct esp_sa *sa)
{
	return sa->packets == 1 &&
	       t->tunnels[sa->tunnel].flags & (sa->direction == 0 ? TUNNEL_ESP0 : TUNNEL_ESP1);
}

/*
 * The child SA made shortly before `sa` began whose SPI of this direction came once, earlier than
 * it, and not again.
 */
static uint32_t held_by_a_stray(const struct tracker *t, const struct esp_sa *sa)
{
	for (uint32_t i = t->tunnels[sa->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];
		uint32_t holder = c->esp[sa->direction];

		if (c->how == CREATED_UNKNOWN || c->end_reason != END_NONE || holder == NO_INDEX ||
		    t->esp_sas[holder].packets > 1 || t->esp_sas[holder].first > sa->first)
			continue;
		if (sa->first >= c->created && sa->first - c->created <= t->settings->settle)
			return i;
	}
	return NO_INDEX;
}

/*
 * The SA that `sa` is said to replace; NULL when there is none, or it is gone and keeps what its
 * record says.
 */
static struct esp_sa *predecessor_of(const struct tracker *t, const struct esp_sa *sa)
{
	object_id predecessor = esp_more(t, sa)->predecessor;

	for (uint32_t i = sa->next_in_direction; predecessor != 0 && i != NO_INDEX;
	     i = t->esp_sas[i].next_in_direction)
		if (t->esp_sas[i].id == predecessor)
			return &t->esp_sas[i];
	return NULL;
}

/*
 * The child SA whose place an SA took that came after `sa`, while `sa` had but
 * one packet and passed for a stray (a slow tunnel, a capture with losses).  It
 * goes on now: the order of the first packets counts, as ever.
 */
static uint32_t taken_from(const struct tracker *t, const struct esp_sa *sa)
{
	for (uint32_t i = t->tunnels[sa->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];
		uint32_t holder = c->esp[sa->direction];

		if (c->how == CREATED_UNKNOWN || c->end_reason != END_NONE || holder == NO_INDEX ||
		    t->esp_sas[holder].first <= sa->first)
			continue;
		if (sa->first >= c->created && sa->first - c->created <= t->settings->settle)
			return i;
	}
	return NO_INDEX;
}

/* The SA that holds the place of `esp` in this child SA was never part of it. */
static void take_over(struct tracker *t, uint32_t child, uint32_t esp)
{
	struct esp_sa *sa = &t->esp_sas[esp];
	struct child_sa *c = &t->child_sas[child];
	struct esp_sa *holder = &t->esp_sas[c->esp[sa->direction]],
		      *old = predecessor_of(t, holder);

	if (old) {
		esp_more(t, sa)->predecessor = old->id;
		esp_more(t, sa)->predecessor_spi = old->spi;
		esp_rare(t, old)->successor = sa->id;
		esp_rare(t, old)->successor_spi = sa->spi;
		old->flags |= ESP_SA_DIRTY;
		esp_more(t, holder)->predecessor = 0;
		esp_more(t, holder)->predecessor_spi = 0;
	}
	holder->child = NO_INDEX;
	holder->flags |= ESP_SA_DIRTY;
	if (holder->packets == 1 && (holder->flags & ESP_SA_CONFIRMED)) {
		holder->flags &= (uint8_t)~ESP_SA_CONFIRMED;
		t->unconfirmed++;
		child_tunnel(t, c)->unconfirmed++;
	}
	c->esp[sa->direction] = NO_INDEX;
	join(t, child, esp);
	child_emit(t, EVENT_CHILD_SA_REVISED, child, t->now, SIDE_UNKNOWN, NO_INDEX);
}

/* The places of two child SAs of one tunnel that no other one is linked to are exchanged. */
static void exchange_places(struct tracker *t, uint32_t a, uint32_t b)
{
	const uint32_t index[2] = { a, b };
	const struct child_sa old = t->child_sas[a];

	for (int n = 0; n < 2; n++) {
		struct child_sa *c = &t->child_sas[index[n]];
		const struct child_sa *from = n == 0 ? &t->child_sas[b] : &old;

		for (int d = 0; d < 2; d++) {
			c->esp[d] = from->esp[d];
			c->esp_id[d] = from->esp_id[d];
			c->spi[d] = from->spi[d];
			if (c->esp[d] != NO_INDEX)
				t->esp_sas[c->esp[d]].child = index[n];
		}
		c->state = from->state;
		c->flags |= CHILD_SA_PAIRED_BY_ORDER | CHILD_SA_DIRTY;
		child_tunnel(t, c)->flags |= TUNNEL_PAIRED_BY_ORDER;
		if (c->grade > GRADE_INFERRED)
			c->grade = GRADE_INFERRED;
	}
	for (int n = 0; n < 2; n++) {
		child_reveal(t, index[n]);
		child_emit(t, EVENT_CHILD_SA_REVISED, index[n], t->now, SIDE_UNKNOWN, NO_INDEX);
	}
}

/* It may be the one that the SPIs of `c` were made for: it was there, and is silent since `at`. */
static bool could_be(const struct tracker *t, const struct child_sa *o, const struct child_sa *c,
		     nsec at)
{
	if (o->how == CREATED_UNKNOWN || o->end_reason != END_NONE || o->ike_sa == NO_INDEX ||
	    o->ike_sa == c->ike_sa || o->flags & CHILD_SA_REDUNDANT ||
	    o->more->predecessor_id != 0 || o->more->successor != NO_INDEX ||
	    t->ike_sas[o->ike_sa].end_reason != END_NONE ||
	    t->ike_sas[o->ike_sa].delete_at != NSEC_NONE ||
	    !((o->flags | c->flags) & CHILD_SA_PAIRED_BY_ORDER))
		return false;
	for (int d = 0; d < 2; d++) {
		nsec early =
			child_sa_requested(o) < o->created ? child_sa_requested(o) : o->created;

		if (child_last_packet(t, o, d) > at ||
		    (c->esp[d] != NO_INDEX &&
		     t->esp_sas[c->esp[d]].first < early - 50 * NSEC_PER_MS))
			return false;
	}
	return true;
}

void child_trade_spis(struct tracker *t, uint32_t ike_sa, nsec at)
{
	for (uint32_t i = t->ike_sas[ike_sa].children; i != NO_INDEX;
	     i = t->child_sas[i].more->next_of_ike) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->how == CREATED_UNKNOWN || c->end_reason != END_NONE ||
		    c->more->predecessor_id != 0 || c->more->successor != NO_INDEX ||
		    (child_last_packet(t, c, 0) <= at && child_last_packet(t, c, 1) <= at))
			continue;
		for (uint32_t o = t->tunnels[c->tunnel].child_sas; o != NO_INDEX;
		     o = t->child_sas[o].next_in_tunnel)
			if (could_be(t, &t->child_sas[o], c, at)) {
				exchange_places(t, i, o);
				break;
			}
	}
}

/* Its own child SA, until its partner is known. */
static uint32_t found(struct tracker *t, const struct esp_sa *sa)
{
	uint32_t child = child_new(t, sa->tunnel, sa->first);

	if (child == NO_INDEX)
		return NO_INDEX;
	if (sa->flags & ESP_SA_MIDSTREAM)
		t->child_sas[child].flags |= CHILD_SA_MIDSTREAM;
	t->tunnels[sa->tunnel].flags |= TUNNEL_UNSETTLED;
	return child;
}

/*
 * Its first packets did not come by here (a path that drops ESP for a while): it belongs to the
 * only child SA whose exchange was seen and whose SPI of this direction was not.  The other half
 * vouches for it, or that no other child SA lives.
 */
static uint32_t late_birth(const struct tracker *t, const struct esp_sa *sa)
{
	uint32_t found = NO_INDEX;
	bool others = false;

	for (uint32_t i = t->tunnels[sa->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->end_reason != END_NONE)
			continue;
		if (c->how == CREATED_UNKNOWN || c->spi[sa->direction] != 0 ||
		    c->created > sa->first ||
		    c->flags & (CHILD_SA_REDUNDANT | CHILD_SA_TENTATIVE)) {
			others = true;
			continue;
		}
		if (found != NO_INDEX)
			return NO_INDEX;
		found = i;
	}
	return found == NO_INDEX || (others && t->child_sas[found].spi[1 - sa->direction] == 0)
		       ? NO_INDEX
		       : found;
}

void child_esp_born(struct tracker *t, uint32_t esp)
{
	struct esp_sa *sa = &t->esp_sas[esp];
	uint32_t child = NO_INDEX;
	/* or none can wait for it: a gateway without IKE may have thousands */
	bool made = t->tunnels[sa->tunnel].flags & TUNNEL_CHILD_MADE, several = false;

	if (addr_is_multicast(esp_ends(t, sa).dst))
		return;
	if (made && !(sa->flags & ESP_SA_MIDSTREAM)) {
		child = waiting_birth(t, sa, &several);
		if (child == NO_INDEX && sa->packets > 1) {
			uint32_t held = held_by_a_stray(t, sa);

			if (held != NO_INDEX) {
				take_over(t, held, esp);
				return;
			}
			held = taken_from(t, sa);
			if (held != NO_INDEX) {
				uint32_t later = t->child_sas[held].esp[sa->direction];

				take_over(t, held, esp);
				child_esp_born(t, later);
				return;
			}
		}
	}
	if (child == NO_INDEX && (perhaps_stray(t, sa) || (made && may_have_lost(t, sa))))
		return;
	if (child == NO_INDEX && made && sa->flags & ESP_SA_MIDSTREAM)
		child = late_birth(t, sa);
	if (child == NO_INDEX)
		child = lonely_partner(t, sa);
	if (child == NO_INDEX)
		child = found(t, sa);
	if (child == NO_INDEX)
		return;
	join(t, child, esp);
	if (several) {		/* of one IKE SA or of several: by order alone nobody is certain */
		t->child_sas[child].flags |= CHILD_SA_PAIRED_BY_ORDER;
		t->tunnels[sa->tunnel].flags |= TUNNEL_PAIRED_BY_ORDER;
	}
	if ((several || sa->flags & ESP_SA_MIDSTREAM) &&
	    t->child_sas[child].grade > GRADE_INFERRED)
		t->child_sas[child].grade = GRADE_INFERRED;
	/* Traffic proves that the IKE SA which made it is authenticated. */
	const struct child_sa *c = &t->child_sas[child];

	if (c->ike_sa != NO_INDEX && t->ike_sas[c->ike_sa].id == c->more->ike_sa_id)
		ike_sa_established(t, c->ike_sa, c->created);
	tunnel_wake(t, sa->tunnel, t->now + t->settings->settle);
}
