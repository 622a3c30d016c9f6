/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Child SAs: which two ESP SAs belong together, which exchange made them,
 * which pair they replace and who wanted it.  Nothing of this is said in clear;
 * it is inferred from the order of exchanges, first packets and silences
 * (DETECTION-FACTS 3.3, 3.4).  Decisions wait until every candidate had time
 * to speak, and are revised when later packets prove otherwise.
 */
#include "track/tracker.h"

#include <sawatch/ike_registry.h>

static struct tunnel *owner_of(struct tracker *t, const struct child_sa *c)
{
	return &t->tunnels[c->tunnel];
}

enum {
	OVERLAP_COUNTS = 16,
	IN_TUNNEL_MAX = 1024,		/* child SAs of one tunnel remembered at once */
	EVICTION_SAMPLE = 16, EVICTION_SEARCH = 256,
	COLLISIONS_JUDGED = 16,		/* for one first packet */
	ORPHAN_S = 60,			/* no sign of an IKE rekey for so long: it was none */
};

#define LONG (INT64_C(30) * 86400 * NSEC_PER_S)	/* a longer pause says no more */

#define SWITCHES_WITHIN (100 * NSEC_PER_MS)	/* after the answer */

static void settle_one(struct tracker *t, uint32_t child, nsec now, bool last_call);

static void emit_child(struct tracker *t, enum event_kind kind, uint32_t child, nsec at, int side,
		       uint32_t other)
{
	const struct child_sa *c = &t->child_sas[child];
	struct event ev = event_of(t, kind, at, c->tunnel);

	ev.child_sa = child;
	ev.ike_sa = c->ike_sa;
	ev.other = other;
	ev.side = (int8_t)side;
	event_emit(t, &ev);
}

/* Latest packet of a child SA in a direction; NSEC_NONE when it never carried one. */
static nsec last_packet(const struct tracker *t, const struct child_sa *c, int d)
{
	return c->esp[d] == NO_INDEX ? NSEC_NONE : t->esp_sas[c->esp[d]].last;
}

static nsec last_sign(const struct tracker *t, const struct child_sa *c)
{
	return nsec_later(c->created, nsec_later(last_packet(t, c, 0), last_packet(t, c, 1)));
}

/* How much it is missed: what ended, then what no exchange and hardly a packet speaks for. */
static unsigned worth(const struct tracker *t, const struct child_sa *c)
{
	bool confirmed = c->how != CREATED_UNKNOWN;

	if (c->end_reason != END_NONE)
		return 0;
	for (int d = 0; d < 2; d++)
		confirmed |= c->esp[d] != NO_INDEX && (t->esp_sas[c->esp[d]].flags & ESP_SA_CONFIRMED);
	return confirmed ? 2 : 1;
}

/* Of a few slots the one that is missed least, the quietest of those. */
static uint32_t quietest(struct tracker *t)
{
	uint32_t best = NO_INDEX;
	unsigned best_worth = 0;

	for (unsigned n = 0; n < EVICTION_SAMPLE || (n < EVICTION_SEARCH && best_worth > 1); n++) {
		uint32_t i = pool_sample(&t->child_pool);
		const struct child_sa *c = &t->child_sas[i];

		if (!(c->flags & CHILD_SA_USED))
			continue;
		unsigned its_worth = worth(t, c);

		if (best == NO_INDEX || its_worth < best_worth ||
		    (its_worth == best_worth && last_sign(t, c) < last_sign(t, &t->child_sas[best]))) {
			best = i;
			best_worth = its_worth;
		}
	}
	return best;
}

/* The first at the old end of a tunnel's list that is not missed, or the oldest. */
static uint32_t oldest(const struct tracker *t, const struct tunnel *w)
{
	uint32_t i = w->oldest_child_sa;

	for (unsigned n = 0; n < EVICTION_SAMPLE && i != NO_INDEX; n++, i = t->child_sas[i].prev_in_tunnel)
		if (worth(t, &t->child_sas[i]) == 0)
			return i;
	return w->oldest_child_sa;
}

static uint32_t child_new(struct tracker *t, uint32_t tunnel, nsec created)
{
	struct tunnel *w = &t->tunnels[tunnel];
	bool crowded = w->live_child >= IN_TUNNEL_MAX;
	uint32_t i = crowded ? NO_INDEX : pool_take(&t->child_pool);

	if (i == NO_INDEX) {
		uint32_t victim = crowded ? oldest(t, w) : quietest(t);

		if (victim == NO_INDEX)
			return NO_INDEX;
		t->counters.evicted_child_sas++;
		child_release(t, victim);
		i = pool_take(&t->child_pool);
	}

	t->child_sas[i] = (struct child_sa){
		.tunnel = tunnel, .ike_sa = NO_INDEX, .esp = { NO_INDEX, NO_INDEX },
		.state = CHILD_CREATED, .how = CREATED_UNKNOWN, .requested = created, .created = created,
		.created_by = SIDE_UNKNOWN, .predecessor = NO_INDEX, .successor = NO_INDEX,
		.ended = NSEC_NONE, .end_reason = END_NONE, .ended_by = SIDE_UNKNOWN,
		.rekeyed_by = SIDE_UNKNOWN, .rekey_at = NSEC_NONE, .grade = GRADE_INFERRED,
		.next_in_tunnel = w->child_sas, .prev_in_tunnel = NO_INDEX, .next_of_ike = NO_INDEX, .prev_of_ike = NO_INDEX,
		.held_by = NO_INDEX,
		.flags = CHILD_SA_USED | CHILD_SA_DIRTY,
		.request_np1 = IKE_NP1_NONE, .response_np1 = IKE_NP1_NONE,
	};
	*(w->child_sas != NO_INDEX ? &t->child_sas[w->child_sas].prev_in_tunnel : &w->oldest_child_sa) = i;
	w->child_sas = i;
	w->live_child++;
	w->unowned_child++;
	return i;
}

void child_adopt(struct tracker *t, uint32_t child, uint32_t ike_sa)
{
	struct child_sa *c = &t->child_sas[child];

	if (c->ike_sa == NO_INDEX) {
		owner_of(t, c)->unowned_child--;
	} else {
		*(c->prev_of_ike != NO_INDEX ? &t->child_sas[c->prev_of_ike].next_of_ike : &t->ike_sas[c->ike_sa].children) =
			c->next_of_ike;
		if (c->next_of_ike != NO_INDEX)
			t->child_sas[c->next_of_ike].prev_of_ike = c->prev_of_ike;
	}
	c->ike_sa = ike_sa;
	c->next_of_ike = c->prev_of_ike = NO_INDEX;
	if (ike_sa == NO_INDEX) {
		owner_of(t, c)->unowned_child++;
		return;
	}
	c->next_of_ike = t->ike_sas[ike_sa].children;
	if (c->next_of_ike != NO_INDEX)
		t->child_sas[c->next_of_ike].prev_of_ike = child;
	t->ike_sas[ike_sa].children = child;
}

/* After an IKE rekey, RFC 7296 2.8: `to` is new and has none. */
void child_inherit(struct tracker *t, uint32_t from, uint32_t to)
{
	t->ike_sas[to].children = t->ike_sas[from].children;
	t->ike_sas[from].children = NO_INDEX;
	for (uint32_t i = t->ike_sas[to].children; i != NO_INDEX; i = t->child_sas[i].next_of_ike)
		t->child_sas[i].ike_sa = to;
}

/* It is a child SA for certain: number it and tell. */
static void reveal(struct tracker *t, uint32_t child)
{
	struct child_sa *c = &t->child_sas[child];

	if (c->id != 0)
		return;
	c->flags &= ~(uint32_t)CHILD_SA_TENTATIVE;
	c->id = tracker_number(t, OBJECT_CHILD_SA);
	owner_of(t, c)->n_child_sas++;
	emit_child(t, EVENT_CHILD_SA_CREATED, child, c->created, c->created_by, NO_INDEX);
}

uint32_t child_birth(struct tracker *t, uint32_t ike_sa, enum created_how how, nsec requested, nsec created,
		     int by, const struct exchange *x, bool tentative)
{
	const struct ike_sa *sa = &t->ike_sas[ike_sa];
	uint32_t i = child_new(t, sa->tunnel, created);

	if (i == NO_INDEX)
		return NO_INDEX;
	struct child_sa *c = &t->child_sas[i];

	child_adopt(t, i, ike_sa);
	c->ike_sa_id = sa->id;
	c->ike_spi_i = sa->spi_i;
	c->ike_spi_r = sa->spi_r;
	c->how = how;
	c->requested = requested == NSEC_NONE ? created : requested;
	c->created_by = (int8_t)by;
	c->grade = GRADE_DERIVED;
	c->request_np1 = x->request_np1;
	c->response_np1 = x->response_np1;
	c->response_bytes = x->response_bytes;
	if (how == CREATED_CREATE_CHILD_SA && x->request_np1 == IKE2_PAYLOAD_NOTIFY)
		c->flags |= CHILD_SA_REKEY_EXPECTED;
	if (tentative) {
		c->flags |= CHILD_SA_TENTATIVE;
		c->held_by = ike_sa;
	} else {
		reveal(t, i);
	}
	owner_of(t, c)->flags |= TUNNEL_UNSETTLED;
	tunnel_wake(t, c->tunnel, created + t->settings->settle);
	return i;
}

/* All is known about its exchange: link it at once when only one SA can be its predecessor. */
void child_born(struct tracker *t, uint32_t child)
{
	settle_one(t, child, t->now, false);
}

/* It was an IKE rekey after all: nobody was told of it. */
void child_discard(struct tracker *t, uint32_t child)
{
	struct child_sa *c = &t->child_sas[child];

	if ((c->flags & CHILD_SA_USED) && (c->flags & CHILD_SA_TENTATIVE))
		child_release(t, child);
}

/* Forget it.  Its packets speak for themselves: the ESP SAs stay. */
void child_release(struct tracker *t, uint32_t child)
{
	struct child_sa *c = &t->child_sas[child];
	struct tunnel *w = owner_of(t, c);
	nsec last = last_sign(t, c);

	for (int d = 0; d < 2; d++) {
		if (c->esp[d] != NO_INDEX)
			t->esp_sas[c->esp[d]].child = NO_INDEX;
		c->esp[d] = NO_INDEX;
	}
	child_end(t, child, last, END_UNKNOWN, SIDE_UNKNOWN, GRADE_UNKNOWN);
	if (c->id != 0 && (c->flags & CHILD_SA_DIRTY))
		snapshot_child_sa(t, child);
	*(c->prev_in_tunnel != NO_INDEX ? &t->child_sas[c->prev_in_tunnel].next_in_tunnel : &w->child_sas) = c->next_in_tunnel;
	*(c->next_in_tunnel != NO_INDEX ? &t->child_sas[c->next_in_tunnel].prev_in_tunnel : &w->oldest_child_sa) = c->prev_in_tunnel;
	w->live_child--;
	child_adopt(t, child, NO_INDEX);
	w->unowned_child--;
	if (c->predecessor != NO_INDEX)
		t->child_sas[c->predecessor].successor = NO_INDEX;
	if (c->successor != NO_INDEX)
		t->child_sas[c->successor].predecessor = NO_INDEX;
	if (c->held_by != NO_INDEX) {
		struct ike_sa *holder = &t->ike_sas[c->held_by];

		if (holder->rekey_child == child)
			holder->rekey_child = NO_INDEX;
		if (holder->auth_child == child)
			holder->auth_child = NO_INDEX;
	}
	c->flags = 0;
	c->id = 0;
	pool_give(&t->child_pool, child);
}

/* ---- pairing: a new SPI joins the child SA it belongs to ------------------- */

/* Chain the ESP SAs of `c` to those of `old`, direction by direction, as far as they are known. */
static void link_esp(struct tracker *t, struct child_sa *old, struct child_sa *c, int64_t how)
{
	for (int d = 0; d < 2; d++) {
		if (c->esp[d] == NO_INDEX || old->spi[d] == 0)
			continue;
		struct esp_sa *new_sa = &t->esp_sas[c->esp[d]];

		if (new_sa->predecessor != 0)
			continue;
		new_sa->predecessor = old->esp_id[d];
		new_sa->predecessor_spi = old->spi[d];
		new_sa->flags |= ESP_SA_DIRTY;
		if (old->esp[d] == NO_INDEX)
			continue;
		struct esp_sa *old_sa = &t->esp_sas[old->esp[d]];

		old_sa->successor = new_sa->id;
		old_sa->successor_spi = new_sa->spi;
		old_sa->flags |= ESP_SA_DIRTY;
		struct event ev = event_of(t, EVENT_ESP_SA_REPLACED, new_sa->first, c->tunnel);

		ev.esp_sa = c->esp[d];
		ev.other = old->esp[d];
		ev.child_sa = (uint32_t)(c - t->child_sas);
		ev.ike_sa = c->ike_sa;
		ev.side = (int8_t)d;
		ev.frame = new_sa->first_frame;
		ev.value[0] = how;
		ev.value[1] = new_sa->first - old_sa->first;
		event_emit(t, &ev);
	}
}

static void join(struct tracker *t, uint32_t child, uint32_t esp)
{
	struct child_sa *c = &t->child_sas[child];
	struct esp_sa *sa = &t->esp_sas[esp];
	int d = sa->direction;

	c->esp[d] = esp;
	c->esp_id[d] = sa->id;
	c->spi[d] = sa->spi;
	sa->child = child;
	sa->flags |= ESP_SA_CLAIMED | ESP_SA_DIRTY;
	if (c->how != CREATED_UNKNOWN)
		esp_confirm(t, sa);
	if (c->state == CHILD_CREATED)
		c->state = CHILD_INSTALLED;
	c->flags |= CHILD_SA_DIRTY;
	reveal(t, child);
	if (c->predecessor != NO_INDEX)	/* the rekey was known before its SPIs */
		link_esp(t, &t->child_sas[c->predecessor], c, 0);
}

/* Is there an SA of a crossing exchange that got the traffic, so that `c` is the redundant one? */
static uint32_t collision_winner(const struct tracker *t, const struct child_sa *c)
{
	for (uint32_t i = t->tunnels[c->tunnel].child_sas; i != NO_INDEX; i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *o = &t->child_sas[i];

		if (o != c && (o->flags & CHILD_SA_COLLIDED) && o->ike_sa == c->ike_sa &&
		    (o->spi[0] != 0 || o->spi[1] != 0) && o->created_by != c->created_by &&
		    (o->created > c->created ? o->created - c->created : c->created - o->created) <=
			    t->settings->settle)
			return i;
	}
	return NO_INDEX;
}

/* The partner of the crossing exchange speaks and this one never did. */
static bool lost_collision(const struct tracker *t, const struct child_sa *c)
{
	return (c->flags & CHILD_SA_COLLIDED) && c->spi[0] == 0 && c->spi[1] == 0 &&
	       collision_winner(t, c) != NO_INDEX;
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
		nsec early = c->requested < c->created ? c->requested : c->created;

		if (c->how == CREATED_UNKNOWN || c->spi[sa->direction] != 0 || c->end_reason != END_NONE)
			continue;
		if (sa->first < early - 50 * NSEC_PER_MS)
			continue;
		/* A partner that stopped long ago says that this birth's time is over. */
		if (c->esp[1 - sa->direction] != NO_INDEX && t->esp_sas[c->esp[1 - sa->direction]].end_reason != END_NONE)
			continue;
		if (c->flags & CHILD_SA_REDUNDANT)
			continue;
		if ((c->flags & CHILD_SA_COLLIDED) && judged++ < COLLISIONS_JUDGED && lost_collision(t, c))
			continue;
		*ret_several = best != NO_INDEX;
		best = i;		/* newest first: the last that fits is the earliest */
	}
	if (best == NO_INDEX)
		return NO_INDEX;
	/*
	 * The earliest waits perhaps in vain (a direction without traffic): when a
	 * later birth has its other half and this packet came after that, or was
	 * only just made, the later one is meant.
	 */
	uint32_t fresh = best;

	if (t->child_sas[best].created + t->settings->birth_window >= sa->first)
		return best;
	for (uint32_t i = w->child_sas; i != NO_INDEX && i != best; i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->how == CREATED_UNKNOWN || c->spi[sa->direction] != 0 || c->end_reason != END_NONE ||
		    sa->first < c->created - 50 * NSEC_PER_MS || (c->flags & CHILD_SA_REDUNDANT))
			continue;
		if (c->spi[1 - sa->direction] != 0)
			return i;
		if (sa->first - c->created <= t->settings->birth_window && !lost_collision(t, c))
			fresh = i;
	}
	return fresh;
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

void child_esp_born(struct tracker *t, uint32_t esp)
{
	struct esp_sa *sa = &t->esp_sas[esp];
	uint32_t child = NO_INDEX;
	bool several = false;

	if (addr_is_multicast(sa->dst))
		return;
	if (!(sa->flags & ESP_SA_MIDSTREAM))
		child = waiting_birth(t, sa, &several);
	if (child == NO_INDEX)
		child = lonely_partner(t, sa);
	if (child == NO_INDEX) {
		child = child_new(t, sa->tunnel, sa->first);
		if (child == NO_INDEX)
			return;
		if (sa->flags & ESP_SA_MIDSTREAM)
			t->child_sas[child].flags |= CHILD_SA_MIDSTREAM;
		t->tunnels[sa->tunnel].flags |= TUNNEL_UNSETTLED;
	}
	join(t, child, esp);
	if (several)
		t->child_sas[child].flags |= CHILD_SA_PAIRED_BY_ORDER;
	/* Traffic proves that the IKE SA which made it is authenticated. */
	const struct child_sa *c = &t->child_sas[child];

	if (c->ike_sa != NO_INDEX && t->ike_sas[c->ike_sa].id == c->ike_sa_id)
		ike_sa_established(t, c->ike_sa, c->created);
	tunnel_wake(t, sa->tunnel, t->now + t->settings->settle);
}

/* ---- predecessors --------------------------------------------------------- */

/* Was `old` there, and not yet replaced, when `c` was asked for? */
static bool eligible(const struct child_sa *old, const struct child_sa *c)
{
	/* IKEv2 rekeys a child SA under the IKE SA that holds it; quick modes may use any phase 1. */
	if (c->how == CREATED_CREATE_CHILD_SA && old->ike_sa != NO_INDEX && c->ike_sa != NO_INDEX && old->ike_sa != c->ike_sa)
		return false;
	if (old == c || old->successor != NO_INDEX || old->created > c->requested || (old->flags & CHILD_SA_REDUNDANT))
		return false;
	if (old->id == 0 && old->how != CREATED_IKE_AUTH)
		return false;		/* perhaps an IKE rekey */
	return old->end_reason == END_NONE || old->ended >= c->requested;
}

enum fit { FIT_NO, FIT_POSSIBLE, FIT_STOPPED };

/* Could `old`, which was there, be what `c` replaces? It must be silent since the new one speaks. */
static enum fit fits(const struct tracker *t, const struct child_sa *old, const struct child_sa *c, nsec now)
{
	nsec until = NSEC_NONE;
	bool both = false;

	for (int d = 0; d < 2; d++) {
		nsec last = last_packet(t, old, d);

		if (last == NSEC_NONE)
			continue;
		until = nsec_later(until, last);
		if (c->esp[d] == NO_INDEX)
			continue;
		both = true;
		/* Still speaking well after the new SPI of this direction began: it is another. */
		if (last > t->esp_sas[c->esp[d]].first + t->settings->chain_before)
			return FIT_NO;
	}
	if (until == NSEC_NONE)
		return FIT_POSSIBLE;
	if (until > c->created + t->settings->birth_window + t->settings->overlap_budget)
		return FIT_NO;
	return both && now - until > t->settings->overlap_budget / 10 ? FIT_STOPPED : FIT_POSSIBLE;
}

/* The SA of direction `d` that fell silent as `c` began to speak there, nearest to it. */
static uint32_t stopped_for(const struct tracker *t, const struct child_sa *c, int d)
{
	nsec first = t->esp_sas[c->esp[d]].first, best_pause = 0;
	uint32_t best = NO_INDEX;

	for (uint32_t i = t->tunnels[c->tunnel].child_sas; i != NO_INDEX; i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *old = &t->child_sas[i];

		if (old == c || old->successor != NO_INDEX || old->created > c->requested || old->end_reason != END_NONE ||
		    old->esp[d] == NO_INDEX || t->esp_sas[old->esp[d]].last > first)
			continue;
		nsec pause = first - t->esp_sas[old->esp[d]].last;

		if (best == NO_INDEX || pause < best_pause) {
			best = i;
			best_pause = pause;
		}
	}
	return best;
}

static bool speaks_on(const struct tracker *t, const struct child_sa *old, int d, const struct child_sa *c)
{
	return old->esp[d] != NO_INDEX &&
	       t->esp_sas[old->esp[d]].last > t->esp_sas[c->esp[d]].first + t->settings->chain_before;
}

/*
 * Child SAs that were born together were paired by the order of their first
 * packets, which can be wrong.  A rekey shows it: the two SPIs that stop for
 * the same new pair belong together, and their supposed partners speak on.
 */
static void repair_pairs(struct tracker *t, const struct child_sa *c)
{
	if (c->esp[0] == NO_INDEX || c->esp[1] == NO_INDEX)
		return;
	uint32_t a = stopped_for(t, c, 0), b = stopped_for(t, c, 1);

	if (a == NO_INDEX || b == NO_INDEX || a == b)
		return;
	struct child_sa *pair[2] = { &t->child_sas[a], &t->child_sas[b] };

	if (!((pair[0]->flags | pair[1]->flags) & CHILD_SA_PAIRED_BY_ORDER) || !speaks_on(t, pair[0], 1, c) ||
	    !speaks_on(t, pair[1], 0, c))
		return;
	struct child_sa old = *pair[0];

	pair[0]->esp[1] = pair[1]->esp[1], pair[1]->esp[1] = old.esp[1];
	pair[0]->esp_id[1] = pair[1]->esp_id[1], pair[1]->esp_id[1] = old.esp_id[1];
	pair[0]->spi[1] = pair[1]->spi[1], pair[1]->spi[1] = old.spi[1];
	for (int n = 0; n < 2; n++) {
		t->esp_sas[pair[n]->esp[1]].child = n == 0 ? a : b;
		pair[n]->flags |= CHILD_SA_DIRTY;
		emit_child(t, EVENT_CHILD_SA_REVISED, n == 0 ? a : b, c->created, SIDE_UNKNOWN, NO_INDEX);
	}
}

static nsec pause_between(nsec a, nsec b)
{
	nsec pause = a > b ? a - b : b - a;

	return pause < LONG ? pause : LONG;
}

/* How long `old` has usually been silent between packets, to tell quiet from stopped. */
static nsec usual_pause(const struct tracker *t, const struct child_sa *c)
{
	nsec pause = 0;

	for (int d = 0; d < 2; d++) {
		if (c->esp[d] == NO_INDEX)
			continue;
		const struct esp_sa *sa = &t->esp_sas[c->esp[d]];

		if (sa->packets > 1)
			pause = nsec_later(pause, (sa->last - sa->first) / (nsec)(sa->packets - 1));
	}
	return pause < LONG ? pause : LONG;
}

/*
 * The same traffic goes on after a rekey, so packets of another mean size are
 * a sign against, worth up to ten seconds of pause.
 */
static nsec unlike(const struct esp_sa *old, const struct esp_sa *new_sa)
{
	uint64_t a = old->bytes / old->packets, b = new_sa->bytes / new_sa->packets, more = a > b ? a : b;

	return more == 0 ? 0 : (nsec)((a > b ? a - b : b - a) * 10 * NSEC_PER_S / more);
}

/*
 * How badly `old` fits as what `c` replaced: the pauses at the changes of SPI,
 * in nanoseconds.  On one path nothing of the old SA follows the first packet
 * of the new one in the same direction, and who asked for the new one sends
 * on it as soon as it is answered (RFC 7296 2.8), so what does counts many
 * times.
 */
static nsec misfit(const struct tracker *t, const struct child_sa *old, const struct child_sa *c)
{
	nsec sum = 0;
	bool compared = false;

	for (int d = 0; d < 2; d++) {
		nsec last = last_packet(t, old, d);

		if (last == NSEC_NONE || c->esp[d] == NO_INDEX)
			continue;
		nsec first = t->esp_sas[c->esp[d]].first, silent = first;

		if (d == c->created_by && c->created + SWITCHES_WITHIN < silent)
			silent = c->created + SWITCHES_WITHIN;
		sum += pause_between(first, last);
		if (last > silent)
			sum += OVERLAP_COUNTS * pause_between(last, silent);
		sum += unlike(&t->esp_sas[old->esp[d]], &t->esp_sas[c->esp[d]]);
		compared = true;
	}
	if (!compared)
		sum = pause_between(c->created, nsec_later(last_packet(t, old, 0), last_packet(t, old, 1)));
	return sum;
}

/*
 * The predecessor of `c`: of the older SAs that fell silent, the one that
 * fits best.  *ret_alone: there was no other candidate.
 */
static uint32_t choose_predecessor(struct tracker *t, const struct child_sa *c, nsec now, bool *ret_alone,
				   bool *ret_sure)
{
	const struct tunnel *w = owner_of(t, c);
	nsec best_distance = 0;
	uint32_t best = NO_INDEX;
	unsigned candidates = 0;

	/* Those of another IKE SA are not eligible: look only at its own when that is all there is. */
	bool own = c->how == CREATED_CREATE_CHILD_SA && c->ike_sa != NO_INDEX && w->unowned_child == 0;
	uint32_t next;

	*ret_sure = false;
	for (uint32_t i = own ? t->ike_sas[c->ike_sa].children : w->child_sas; i != NO_INDEX; i = next) {
		const struct child_sa *old = &t->child_sas[i];

		next = own ? old->next_of_ike : old->next_in_tunnel;
		nsec last = nsec_later(last_packet(t, old, 0), last_packet(t, old, 1));

		if (!eligible(old, c))
			continue;
		candidates++;
		enum fit fit = fits(t, old, c, now);

		if (fit == FIT_NO)
			continue;
		if (last == NSEC_NONE) {	/* never carried a packet: only when nothing else can be meant */
			if (best == NO_INDEX) {
				best = i;
				best_distance = INT64_MAX;
			}
			continue;
		}
		nsec distance = misfit(t, old, c);

		if (best == NO_INDEX || distance < best_distance) {
			best = i;
			best_distance = distance;
			*ret_sure = fit == FIT_STOPPED && now - last > 3 * usual_pause(t, old);
		}
	}
	*ret_alone = candidates == 1;
	return best;
}

/* `c` replaced `old`: by the exchange that made it. */
static void link_rekey(struct tracker *t, uint32_t old_index, uint32_t child, enum grade grade)
{
	struct child_sa *old = &t->child_sas[old_index], *c = &t->child_sas[child];

	reveal(t, old_index);
	c->predecessor = old_index;
	c->predecessor_id = old->id;
	c->predecessor_spi[0] = old->spi[0];
	c->predecessor_spi[1] = old->spi[1];
	old->successor = child;
	old->rekeyed_by = c->created_by;
	old->rekey_at = c->requested;
	if (grade < c->grade)
		c->grade = grade;
	if (old->end_reason == END_NONE)
		old->state = CHILD_REKEYED;
	c->flags |= CHILD_SA_DIRTY;
	old->flags |= CHILD_SA_DIRTY;
	link_esp(t, old, c, 0);
	struct event ev = event_of(t, EVENT_CHILD_SA_REKEYED, c->created, c->tunnel);

	ev.child_sa = child;
	ev.ike_sa = c->ike_sa;
	ev.other = old_index;
	ev.side = c->created_by;
	ev.value[0] = old->flags & CHILD_SA_MIDSTREAM ? -1 : c->requested - old->created;
	event_emit(t, &ev);
}

/* A Delete seen since `c` was made: the predecessor of a rekey is the first thing it can mean. */
static struct pending_delete *delete_since(struct tracker *t, const struct child_sa *c)
{
	struct pending_delete *d = &t->deletes[c->tunnel * PENDING_DELETES];

	struct pending_delete *earliest = NULL;

	for (unsigned i = 0; i < PENDING_DELETES; i++)
		if (d[i].at != NSEC_NONE && d[i].at >= c->created - 50 * NSEC_PER_MS &&
		    (!earliest || d[i].at < earliest->at))
			earliest = &d[i];
	return earliest;
}

static void end_predecessor(struct tracker *t, uint32_t old_index, uint32_t child, nsec now)
{
	const struct child_sa *old = &t->child_sas[old_index], *c = &t->child_sas[child];
	struct pending_delete *d = delete_since(t, c);
	nsec last = nsec_later(last_packet(t, old, 0), last_packet(t, old, 1));

	if (d) {
		child_end(t, old_index, d->at, END_REKEYED, c->created_by, GRADE_DERIVED);
		d->at = NSEC_NONE;
		return;
	}
	/* No Delete was seen (IKEv1 need not send one): it ends when it has been silent long enough. */
	if (now - nsec_later(last, c->created) > t->settings->settle || t->finishing)
		child_end(t, old_index, nsec_later(last, c->created), END_REKEYED, c->created_by, GRADE_INFERRED);
}

/* ---- settling ------------------------------------------------------------- */

static void settle_one(struct tracker *t, uint32_t child, nsec now, bool last_call)
{
	struct child_sa *c = &t->child_sas[child];
	bool ripe = last_call || now - c->created >= t->settings->settle;
	bool spoke = c->spi[0] != 0 || c->spi[1] != 0;

	if ((c->flags & CHILD_SA_COLLIDED) && !spoke) {
		uint32_t winner = collision_winner(t, c);

		if (!ripe)
			return;

		if (winner != NO_INDEX) {
			reveal(t, child);
			c->flags |= CHILD_SA_REDUNDANT | CHILD_SA_SETTLED;
			child_end(t, child, c->created, END_DELETED, c->created_by, GRADE_INFERRED);
			emit_child(t, EVENT_REKEY_COLLISION, winner, c->created, c->created_by, child);
			return;
		}
	}
	if (c->predecessor == NO_INDEX && c->predecessor_id == 0 && c->id != 0 &&
	    (c->how == CREATED_CREATE_CHILD_SA || c->how == CREATED_QUICK_MODE || c->how == CREATED_UNKNOWN)) {
		bool alone, sure;

		if (ripe)
			repair_pairs(t, c);
		uint32_t old = choose_predecessor(t, c, now, &alone, &sure);
		bool expected = (c->flags & CHILD_SA_REKEY_EXPECTED) || delete_since(t, c) != NULL;

		bool early = alone && expected && (spoke || !(c->flags & CHILD_SA_COLLIDED));

		/* Early when nothing else can be meant; otherwise when everybody had time to speak. */
		if (old != NO_INDEX && (early || (ripe && (expected || (spoke && sure)))))
			link_rekey(t, old, child, alone && expected ? GRADE_DERIVED : GRADE_INFERRED);
	}
	if (c->predecessor != NO_INDEX && t->child_sas[c->predecessor].end_reason == END_NONE)
		end_predecessor(t, c->predecessor, child, now);
	if (ripe)
		c->flags |= CHILD_SA_SETTLED;
}

/* A new SA made from scratch takes over where an old one ended: churn, but no rekey. */
static void link_renewal(struct tracker *t, uint32_t child)
{
	struct child_sa *c = &t->child_sas[child], *best = NULL;

	if (c->how != CREATED_IKE_AUTH && c->how != CREATED_QUICK_MODE && c->how != CREATED_CREATE_CHILD_SA)
		return;
	for (uint32_t i = t->tunnels[c->tunnel].child_sas; i != NO_INDEX; i = t->child_sas[i].next_in_tunnel) {
		struct child_sa *o = &t->child_sas[i];

		if (o == c || o->id == 0 || o->successor != NO_INDEX || o->created >= c->created ||
		    (o->flags & CHILD_SA_REDUNDANT) || (o->spi[0] == 0 && o->spi[1] == 0))
			continue;
		if (o->end_reason == END_NONE || o->ended > c->created + t->settings->settle ||
		    o->ended < c->created - t->settings->churn_window)
			continue;
		if (!best || o->ended > best->ended)
			best = o;
	}
	if (best)
		link_esp(t, best, c, 1);
}

/*
 * A new child SA or an IKE rekey, nobody could tell: when another exchange took
 * its place as the candidate and no new IKE SA came, it was a child SA.
 */
static void judge_orphan(struct tracker *t, uint32_t child, nsec now)
{
	const struct child_sa *c = &t->child_sas[child];

	if (c->id == 0 && now - c->created >= ORPHAN_S * NSEC_PER_S && t->ike_sas[c->held_by].rekey_child != child &&
	    t->ike_sas[c->held_by].auth_child != child)
		reveal(t, child);
}

/* A Delete that no rekey claimed meant the oldest SA that fell silent then. */
static void settle_delete(struct tracker *t, struct pending_delete *d, nsec now)
{
	uint32_t i = t->tunnels[d->tunnel].oldest_child_sa;

	for (; i != NO_INDEX; i = t->child_sas[i].prev_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];
		nsec last = nsec_later(last_packet(t, c, 0), last_packet(t, c, 1));

		if (c->id == 0 || c->end_reason != END_NONE || c->created > d->at || last > d->at + t->settings->overlap_budget ||
		    (last != NSEC_NONE && now - last <= nsec_later(t->settings->overlap_budget, 3 * usual_pause(t, c))))
			continue;
		child_end(t, i, d->at, END_DELETED, d->by, GRADE_INFERRED);
		break;
	}
	d->at = NSEC_NONE;
}

void child_settle(struct tracker *t, uint32_t tunnel, nsec now, bool last_call)
{
	struct tunnel *w = &t->tunnels[tunnel];
	struct pending_delete *d = &t->deletes[tunnel * PENDING_DELETES];
	bool unsettled = false;

	/* oldest first: a predecessor is taken once */
	for (uint32_t i = w->oldest_child_sa; i != NO_INDEX; i = t->child_sas[i].prev_in_tunnel) {
		struct child_sa *c = &t->child_sas[i];
		bool before = c->flags & CHILD_SA_SETTLED;

		judge_orphan(t, i, now);
		if (before && (c->predecessor == NO_INDEX || t->child_sas[c->predecessor].end_reason != END_NONE))
			continue;
		settle_one(t, i, now, last_call);
		if (!before && (c->flags & CHILD_SA_SETTLED) && c->predecessor_id == 0 && c->id != 0)
			link_renewal(t, i);
		if (!(c->flags & CHILD_SA_SETTLED))
			unsettled = true;
	}
	for (unsigned k = 0; k < PENDING_DELETES; k++)
		if (d[k].at != NSEC_NONE && (last_call || now - d[k].at >= t->settings->settle))
			settle_delete(t, &d[k], now);
	if (!unsettled)
		w->flags &= ~(uint32_t)TUNNEL_UNSETTLED;
}

/* ---- ends ----------------------------------------------------------------- */

/* Is there an SA that was replaced and whose Delete is still to come? */
bool child_delete_expected(const struct tracker *t, uint32_t tunnel)
{
	for (uint32_t i = t->tunnels[tunnel].child_sas; i != NO_INDEX; i = t->child_sas[i].next_in_tunnel)
		if (t->child_sas[i].end_reason == END_NONE &&
		    (t->child_sas[i].successor != NO_INDEX || (t->child_sas[i].flags & CHILD_SA_REDUNDANT)))
			return true;
	return false;
}

void child_delete_seen(struct tracker *t, uint32_t tunnel, uint32_t ike_sa, nsec at, int by, bool answered)
{
	struct pending_delete *d = &t->deletes[tunnel * PENDING_DELETES];
	unsigned oldest = 0;

	for (unsigned i = 0; i < PENDING_DELETES; i++) {
		if (d[i].at == NSEC_NONE) {
			oldest = i;
			break;
		}
		if (d[i].at < d[oldest].at)
			oldest = i;
	}
	d[oldest] = (struct pending_delete){ .at = at, .tunnel = tunnel, .ike_sa = ike_sa, .by = (int8_t)by,
					     .answered = answered };
	/* The predecessor of a rekey is what a Delete means first. */
	for (uint32_t i = t->tunnels[tunnel].child_sas; i != NO_INDEX; i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->predecessor != NO_INDEX && t->child_sas[c->predecessor].end_reason == END_NONE &&
		    delete_since(t, c)) {
			end_predecessor(t, c->predecessor, i, at);
			return;
		}
	}
	/* With one living SA and no rekey under way there is nothing to wait for. */
	uint32_t only = NO_INDEX;
	unsigned living = 0;

	for (uint32_t i = t->tunnels[tunnel].child_sas; i != NO_INDEX; i = t->child_sas[i].next_in_tunnel)
		if (t->child_sas[i].end_reason == END_NONE) {
			living++;
			only = i;
		}
	if (answered && living == 1 && t->child_sas[only].id != 0 && t->child_sas[only].created < at) {
		child_end(t, only, at, END_DELETED, by, GRADE_DERIVED);
		d[oldest].at = NSEC_NONE;
	}
	tunnel_wake(t, tunnel, at + t->settings->overlap_budget);
}

void child_end(struct tracker *t, uint32_t child, nsec at, enum end_reason why, int by, enum grade grade)
{
	struct child_sa *c = &t->child_sas[child];

	if (c->end_reason != END_NONE || c->id == 0)
		return;
	/* A Delete after long silence closed an idle SA (RFC 7296 2.8). */
	nsec last = nsec_later(last_packet(t, c, 0), last_packet(t, c, 1));

	if (why == END_DELETED && last != NSEC_NONE && at - last >= t->settings->idle)
		why = END_IDLE;
	c->end_reason = why;
	c->ended = at;
	c->ended_by = (int8_t)by;
	if (grade < c->grade)
		c->grade = grade;
	if (why != END_CAPTURE_END)
		c->state = why == END_REKEYED ? CHILD_REKEYED : CHILD_DELETED;
	c->flags |= CHILD_SA_DIRTY;
	for (int d = 0; d < 2; d++)
		if (c->esp[d] != NO_INDEX)
			esp_end(t, c->esp[d], at, why, by, grade);
	if (why != END_CAPTURE_END)
		emit_child(t, EVENT_CHILD_SA_ENDED, child, at, by, NO_INDEX);
	snapshot_child_sa(t, child);
}

/* Silent for a day, and its IKE SA is gone: it is as well. */
void child_judge_silence(struct tracker *t, uint32_t child, nsec now)
{
	const struct child_sa *c = &t->child_sas[child];

	if (now - last_sign(t, c) <= t->settings->silent_end ||
	    (c->ike_sa != NO_INDEX && t->ike_sas[c->ike_sa].end_reason == END_NONE))
		return;
	if (c->id == 0)
		reveal(t, child);
	child_end(t, child, last_sign(t, c), END_UNKNOWN, SIDE_UNKNOWN, GRADE_UNKNOWN);
}

void child_end_all(struct tracker *t, uint32_t ike_sa, nsec at, enum end_reason why, int by, enum grade grade)
{
	uint32_t next;

	for (uint32_t i = t->ike_sas[ike_sa].children; i != NO_INDEX; i = next) {
		const struct child_sa *c = &t->child_sas[i];

		next = c->next_of_ike;
		if (c->flags & CHILD_SA_TENTATIVE)
			child_release(t, i);
		else
			child_end(t, i, at, why, by, grade);
	}
}

/* Does a child SA of this IKE SA carry traffic in both directions after `at`? */
bool child_speaks_after(const struct tracker *t, uint32_t ike_sa, nsec at)
{
	for (uint32_t i = t->ike_sas[ike_sa].children; i != NO_INDEX; i = t->child_sas[i].next_of_ike) {
		const struct child_sa *c = &t->child_sas[i];

		if (last_packet(t, c, 0) > at && last_packet(t, c, 1) > at)
			return true;
	}
	return false;
}

/* The end of this IKE SA is taken back, and with it that of its child SAs which still speak. */
void child_revive_all(struct tracker *t, uint32_t ike_sa, nsec ended, enum end_reason why)
{
	for (uint32_t i = t->ike_sas[ike_sa].children; i != NO_INDEX; i = t->child_sas[i].next_of_ike) {
		struct child_sa *c = &t->child_sas[i];

		if (c->end_reason != why || c->ended != ended || c->successor != NO_INDEX)
			continue;
		if (last_packet(t, c, 0) <= ended && last_packet(t, c, 1) <= ended)
			continue;
		c->end_reason = END_NONE;
		c->ended = NSEC_NONE;
		c->ended_by = SIDE_UNKNOWN;
		c->state = CHILD_INSTALLED;
		c->flags |= CHILD_SA_DIRTY;
		for (int d = 0; d < 2; d++)
			if (c->esp[d] != NO_INDEX) {
				t->esp_sas[c->esp[d]].end_reason = END_NONE;
				t->esp_sas[c->esp[d]].ended = NSEC_NONE;
				t->esp_sas[c->esp[d]].ended_by = SIDE_UNKNOWN;
				t->esp_sas[c->esp[d]].flags |= ESP_SA_DIRTY;
			}
		emit_child(t, EVENT_CHILD_SA_REVISED, i, t->now, SIDE_UNKNOWN, NO_INDEX);
	}
}
