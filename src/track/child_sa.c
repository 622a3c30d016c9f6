/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Child SAs: which exchange made one, which IKE SA holds it, which one makes room for a new one.
 * All of it is encrypted and inferred from the order of exchanges and first packets
 * (DETECTION-FACTS 3.3, 3.4).  Which two ESP SAs form a pair: pairing.c; which pair replaces which:
 * chain.c; how they end: child_end.c.
 */
#include "track/tracker.h"

#include <sawatch/ike_registry.h>

const struct child_sa_more child_sa_nothing_more = {
	.requested = NSEC_NONE, .ended = NSEC_NONE, .rekey_at = NSEC_NONE,
	.predecessor = NO_INDEX, .successor = NO_INDEX, .next_of_ike = NO_INDEX,
	.prev_of_ike = NO_INDEX, .held_by = NO_INDEX,
	.request_np1 = IKE_NP1_NONE, .response_np1 = IKE_NP1_NONE, .rekeyed_by = SIDE_UNKNOWN,
};

struct child_sa_more *child_more(struct tracker *t, struct child_sa *c)
{
	struct child_sa_more *own = &t->child_more[c - t->child_sas];

	if (c->more == &child_sa_nothing_more) {
		*own = child_sa_nothing_more;
		c->more = own;
	}
	return own;
}

struct tunnel *child_tunnel(struct tracker *t, const struct child_sa *c)
{
	return &t->tunnels[c->tunnel];
}

enum {
	IN_TUNNEL_MAX = 1024,		/* child SAs of one tunnel remembered at once */
	EVICTION_SAMPLE = 16, EVICTION_SEARCH = 256,
};

void child_emit(struct tracker *t, enum event_kind kind, uint32_t child, nsec at, int side,
		       uint32_t other)
{
	const struct child_sa *c = &t->child_sas[child];
	struct event ev = event_of(t, kind, at, c->tunnel);

	if (kind == EVENT_CHILD_SA_ENDED)
		ev.frame = child_frame_of_end(t, c, at);
	ev.child_sa = child;
	ev.ike_sa = c->ike_sa;
	ev.other = other;
	ev.side = (int8_t)side;
	event_emit(t, &ev);
}

nsec child_last_packet(const struct tracker *t, const struct child_sa *c, int d)
{
	return c->esp[d] == NO_INDEX ? NSEC_NONE : t->esp_sas[c->esp[d]].last;
}

nsec child_last_sign(const struct tracker *t, const struct child_sa *c)
{
	return nsec_later(c->created,
			  nsec_later(child_last_packet(t, c, 0), child_last_packet(t, c, 1)));
}

enum { WORTH_MOST = 4 };

/*
 * How much it would be missed: an ended one not at all; a living one more if an exchange made it,
 * and for each direction that carries packets.
 */
static unsigned worth(const struct tracker *t, const struct child_sa *c)
{
	unsigned speaks = 0;

	if (c->end_reason != END_NONE)
		return 0;
	for (int d = 0; d < 2; d++)
		speaks += c->esp[d] != NO_INDEX && (t->esp_sas[c->esp[d]].flags & ESP_SA_CONFIRMED)
				  ? 1
				  : 0;
	return 1 + speaks + (c->how != CREATED_UNKNOWN ? 1 : 0);
}

static nsec missed(const struct tracker *t, const struct child_sa *c)
{
	return tracker_missed(c->created, child_last_sign(t, c));
}

/* Of a few slots the one that is missed least. */
static uint32_t quietest(struct tracker *t)
{
	uint32_t best = NO_INDEX;
	unsigned best_worth = 0;

	for (unsigned n = 0;
	     n < EVICTION_SAMPLE || (n < EVICTION_SEARCH && best_worth == WORTH_MOST); n++) {
		uint32_t i = pool_sample(&t->child_pool);
		const struct child_sa *c = &t->child_sas[i];

		if (!(c->flags & CHILD_SA_USED))
			continue;
		unsigned its_worth = worth(t, c);

		if (best == NO_INDEX || its_worth < best_worth ||
		    (its_worth == best_worth && missed(t, c) < missed(t, &t->child_sas[best]))) {
			best = i;
			best_worth = its_worth;
		}
	}
	return best;
}

/* Among the oldest of a tunnel, the first that would not be missed; else the oldest. */
static uint32_t oldest(const struct tracker *t, const struct tunnel *w)
{
	uint32_t i = w->oldest_child_sa;

	for (unsigned n = 0; n < EVICTION_SAMPLE && i != NO_INDEX;
	     n++, i = t->child_sas[i].prev_in_tunnel)
		if (worth(t, &t->child_sas[i]) == 0)
			return i;
	return w->oldest_child_sa;
}

uint32_t child_new(struct tracker *t, uint32_t tunnel, nsec created)
{
	struct tunnel *w = &t->tunnels[tunnel];
	bool crowded = w->live_child >= IN_TUNNEL_MAX;
	uint32_t i = crowded ? NO_INDEX : pool_take(&t->child_pool);

	if (i == NO_INDEX) {
		uint32_t victim = crowded ? oldest(t, w) : quietest(t);

		if (victim == NO_INDEX)
			return NO_INDEX;
		if (crowded)
			t->counters.crowded_child_sas++;
		else
			t->counters.evicted_child_sas++;
		child_release(t, victim);
		i = pool_take(&t->child_pool);
	}

	t->child_sas[i] = (struct child_sa){
		.tunnel = tunnel, .ike_sa = NO_INDEX, .esp = { NO_INDEX, NO_INDEX },
		.state = CHILD_CREATED, .how = CREATED_UNKNOWN, .created = created,
		.created_by = SIDE_UNKNOWN, .more = &child_sa_nothing_more,
		.end_reason = END_NONE, .ended_by = SIDE_UNKNOWN, .grade = GRADE_INFERRED,
		.next_in_tunnel = w->child_sas, .prev_in_tunnel = NO_INDEX,
		.flags = CHILD_SA_USED | CHILD_SA_DIRTY,
	};
	*(w->child_sas != NO_INDEX ? &t->child_sas[w->child_sas].prev_in_tunnel
				   : &w->oldest_child_sa) = i;
	w->child_sas = i;
	w->live_child++;
	child_let_go(t, &t->child_sas[i]);
	w->flags |= TUNNEL_UNSAVED;
	return i;
}

static void unowned_ended(struct tracker *t, const struct child_sa *c)
{
	nsec *ended = &t->unowned_ended[c->tunnel];

	if (child_tunnel(t, c)->unowned_child == 1 || c->more->ended > *ended)
		*ended = c->more->ended;
}

void child_let_go(struct tracker *t, struct child_sa *c)
{
	struct tunnel *w = child_tunnel(t, c);

	c->ike_sa = NO_INDEX;
	w->unowned_child++;
	if (c->end_reason == END_NONE)
		w->unowned_living++;
	else
		unowned_ended(t, c);
}

void child_end_changed(struct tracker *t, const struct child_sa *c, bool lived)
{
	struct tunnel *w = child_tunnel(t, c);

	if (c->ike_sa != NO_INDEX)
		return;
	if (lived)
		w->unowned_living--;
	if (c->end_reason == END_NONE)
		w->unowned_living++;
	else
		unowned_ended(t, c);
}

bool child_unowned_since(const struct tracker *t, uint32_t tunnel, nsec at)
{
	const struct tunnel *w = &t->tunnels[tunnel];

	return w->unowned_living != 0 || (w->unowned_child != 0 && t->unowned_ended[tunnel] >= at);
}

/* Whoever holds it, if anybody does, holds it no longer. */
static void leave(struct tracker *t, struct child_sa *c)
{
	struct tunnel *w = child_tunnel(t, c);
	uint32_t next = c->more->next_of_ike, prev = c->more->prev_of_ike;

	if (c->ike_sa == NO_INDEX) {
		w->unowned_child--;
		if (c->end_reason == END_NONE)
			w->unowned_living--;
	} else {
		*(prev != NO_INDEX ? &child_more(t, &t->child_sas[prev])->next_of_ike
				   : &t->ike_sas[c->ike_sa].children) = next;
		if (next != NO_INDEX)
			child_more(t, &t->child_sas[next])->prev_of_ike = prev;
	}
	c->ike_sa = NO_INDEX;
	if (c->more != &child_sa_nothing_more)
		child_more(t, c)->next_of_ike = child_more(t, c)->prev_of_ike = NO_INDEX;
}

void child_adopt(struct tracker *t, uint32_t child, uint32_t ike_sa)
{
	struct child_sa *c = &t->child_sas[child];

	leave(t, c);
	if (ike_sa == NO_INDEX) {
		child_let_go(t, c);
		return;
	}

	uint32_t next = t->ike_sas[ike_sa].children;

	c->ike_sa = ike_sa;
	child_more(t, c)->next_of_ike = next;
	child_more(t, c)->prev_of_ike = NO_INDEX;
	if (next != NO_INDEX)
		child_more(t, &t->child_sas[next])->prev_of_ike = child;
	t->ike_sas[ike_sa].children = child;
}

void child_inherit(struct tracker *t, uint32_t from, uint32_t to)
{
	t->ike_sas[to].children = t->ike_sas[from].children;
	t->ike_sas[from].children = NO_INDEX;
	for (uint32_t i = t->ike_sas[to].children; i != NO_INDEX;
	     i = t->child_sas[i].more->next_of_ike)
		t->child_sas[i].ike_sa = to;
}

/* All that tells of it are ESP SAs that leave no rows. */
static bool only_quiet(const struct tracker *t, const struct child_sa *c)
{
	bool quiet = c->how == CREATED_UNKNOWN;

	for (int d = 0; d < 2; d++)
		quiet &= c->esp[d] == NO_INDEX || (t->esp_sas[c->esp[d]].flags & ESP_SA_QUIET);
	return quiet;
}

void child_reveal(struct tracker *t, uint32_t child)
{
	struct child_sa *c = &t->child_sas[child];

	if (c->id != 0)
		return;
	c->flags &= (uint16_t)~CHILD_SA_TENTATIVE;
	c->id = tracker_number(t, OBJECT_CHILD_SA);
	if (only_quiet(t, c) ||
	    !restraint_admits(t, c->tunnel,
			      c->how != CREATED_UNKNOWN && c->more->response_bytes > 0))
		c->flags |= CHILD_SA_QUIET;
	child_tunnel(t, c)->n_child_sas++;
	child_emit(t, EVENT_CHILD_SA_CREATED, child, c->created, c->created_by, NO_INDEX);
}

uint32_t child_birth(struct tracker *t, uint32_t ike_sa, enum created_how how, nsec requested,
		     nsec created, int by, const struct exchange *x, bool tentative)
{
	const struct ike_sa *sa = &t->ike_sas[ike_sa];
	uint32_t i = child_new(t, sa->tunnel, created);

	if (i == NO_INDEX)
		return NO_INDEX;
	struct child_sa *c = &t->child_sas[i];

	child_adopt(t, i, ike_sa);
	struct child_sa_more *more = child_more(t, c);

	more->ike_sa_id = sa->id;
	more->ike_spi_i = sa->spi_i;
	more->ike_spi_r = sa->spi_r;
	c->how = how;
	more->requested = requested;
	c->created_by = (int8_t)by;
	c->grade = GRADE_DERIVED;
	more->request_np1 = x->request_np1;
	more->response_np1 = x->response_np1;
	more->response_bytes = x->response_bytes;
	if (how == CREATED_CREATE_CHILD_SA && x->request_np1 == IKE2_PAYLOAD_NOTIFY)
		c->flags |= CHILD_SA_REKEY_EXPECTED;
	if (tentative) {
		c->flags |= CHILD_SA_TENTATIVE;
		more->held_by = ike_sa;
	} else {
		child_reveal(t, i);
	}
	child_tunnel(t, c)->flags |= TUNNEL_UNSETTLED | TUNNEL_CHILD_MADE;
	tunnel_wake(t, c->tunnel, created + t->settings->settle);
	return i;
}

void child_exchange_done(struct tracker *t, uint32_t child)
{
	child_settle_one(t, child, t->now, false);
}

void child_discard(struct tracker *t, uint32_t child)
{
	struct child_sa *c = &t->child_sas[child];

	if ((c->flags & CHILD_SA_USED) && (c->flags & CHILD_SA_TENTATIVE))
		child_release(t, child);
}

void child_release(struct tracker *t, uint32_t child)
{
	struct child_sa *c = &t->child_sas[child];
	struct tunnel *w = child_tunnel(t, c);
	nsec last = child_last_sign(t, c);

	for (int d = 0; d < 2; d++) {
		if (c->esp[d] != NO_INDEX)
			t->esp_sas[c->esp[d]].child = NO_INDEX;
		c->esp[d] = NO_INDEX;
	}
	child_end(t, child, last, END_UNKNOWN, SIDE_UNKNOWN, GRADE_UNKNOWN);
	if (c->id != 0 && (c->flags & CHILD_SA_DIRTY))
		snapshot_child_sa(t, child);
	*(c->prev_in_tunnel != NO_INDEX ? &t->child_sas[c->prev_in_tunnel].next_in_tunnel
					: &w->child_sas) = c->next_in_tunnel;
	*(c->next_in_tunnel != NO_INDEX ? &t->child_sas[c->next_in_tunnel].prev_in_tunnel
					: &w->oldest_child_sa) = c->prev_in_tunnel;
	w->live_child--;
	w->flags |= TUNNEL_UNSAVED;
	leave(t, c);
	if (c->more->predecessor != NO_INDEX)
		child_more(t, &t->child_sas[c->more->predecessor])->successor = NO_INDEX;
	if (c->more->successor != NO_INDEX)
		child_more(t, &t->child_sas[c->more->successor])->predecessor = NO_INDEX;
	if (c->more->held_by != NO_INDEX) {
		struct ike_sa *holder = &t->ike_sas[c->more->held_by];

		for (int side = 0; side < 2; side++)
			if (holder->rekey[side].child == child)
				holder->rekey[side].child = NO_INDEX;
		if (holder->auth_child == child)
			holder->auth_child = NO_INDEX;
	}
	c->flags = 0;
	c->id = 0;
	pool_give(&t->child_pool, child);
}

