/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When it is decided what replaced what (chain.c) and what a Delete meant (delete.c): at once if
 * there is only one possibility, otherwise when every child SA has had time to send a packet, and
 * at the latest when their IKE SA ends.
 */
#include "track/tracker.h"

enum { ORPHAN_S = 60 };			/* no sign of an IKE rekey for so long: it was none */

#define RUNS_BESIDE (500 * NSEC_PER_MS)	/* several child SAs rekeyed at the same time */
#define PAUSES_SETTLE (600 * NSEC_PER_S)	/* slow traffic has shown by then what goes on */

/* The Delete that the other end sent just before `c` was asked for; NULL when there is none. */
static struct pending_delete *delete_before(struct tracker *t, const struct child_sa *c)
{
	struct pending_delete *d = &t->deletes[c->tunnel * PENDING_DELETES];

	for (unsigned i = 0; i < t->tunnels[c->tunnel].n_deletes; i++)
		if (d[i].at != NSEC_NONE && d[i].at < child_sa_requested(c) &&
		    child_sa_requested(c) - d[i].at <= RENEWS_WITHIN && c->created_by >= 0 &&
		    d[i].by == 1 - c->created_by)
			return &d[i];
	return NULL;
}

/* A new SA made from scratch takes over where an old one ended: churn, but no rekey. */
static void link_renewal(struct tracker *t, uint32_t child)
{
	struct child_sa *c = &t->child_sas[child], *best = NULL;

	if (c->how != CREATED_IKE_AUTH && c->how != CREATED_QUICK_MODE &&
	    c->how != CREATED_CREATE_CHILD_SA)
		return;
	if (c->esp[0] == NO_INDEX && c->esp[1] == NO_INDEX)	/* nothing to link */
		return;
	for (uint32_t i = t->tunnels[c->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		struct child_sa *o = &t->child_sas[i];

		if (o == c || o->id == 0 || o->more->successor != NO_INDEX ||
		    o->created >= c->created || (o->flags & CHILD_SA_REDUNDANT) ||
		    (o->spi[0] == 0 && o->spi[1] == 0))
			continue;
		if (chain_unwatched_between(t, o->more->ended, c->created))
			continue;
		if (o->end_reason == END_NONE ||
		    o->more->ended > c->created + t->settings->settle ||
		    o->more->ended < c->created - t->settings->churn_window)
			continue;
		if (!best || o->more->ended > best->more->ended)
			best = o;
	}
	if (best)
		chain_link_esp(t, best, c, 1);
}

/*
 * IKEv1: `old` fell silent, then attempts to set the tunnel up failed, and only
 * then `c` was made: that was an outage, and nothing was rekeyed.
 */
static bool outage_between(const struct tracker *t, const struct child_sa *old,
			   const struct child_sa *c)
{
	nsec last = child_last_sign(t, old);

	if (c->how != CREATED_QUICK_MODE)
		return false;
	for (uint32_t i = t->tunnels[c->tunnel].ike_sas; i != NO_INDEX;
	     i = t->ike_sas[i].next_in_tunnel) {
		const struct ike_sa *sa = &t->ike_sas[i];

		if (sa->end_reason == END_FAILED && sa->created > last &&
		    sa->created < child_sa_requested(c))
			return true;
	}
	return false;
}

/*
 * Deletes of the IKE SA of `c`, since its exchange, that are not yet known to mean one SA.
 * *ret: of them the one by the side that made `c`, or any.
 */
static unsigned deletes_since(struct tracker *t, const struct child_sa *c,
			      struct pending_delete **ret)
{
	struct pending_delete *d = &t->deletes[c->tunnel * PENDING_DELETES];
	unsigned n = 0;

	*ret = NULL;
	for (unsigned i = 0; i < t->tunnels[c->tunnel].n_deletes; i++) {
		if (d[i].at == NSEC_NONE || d[i].ike_sa != c->ike_sa || d[i].at < c->created ||
		    d[i].at - c->created > t->settings->settle)
			continue;
		n++;
		if (!*ret || d[i].by == c->created_by)
			*ret = &d[i];
	}
	return n;
}

/*
 * Nothing tells by its packets which of two SAs out of crossing rekeys is used.  When two Deletes
 * followed, one was for what they replaced and one for the redundant SA (RFC 7296 2.8.1): the
 * earlier is taken for the one that lives.
 */
static uint32_t silent_winner(struct tracker *t, uint32_t child, nsec now)
{
	struct child_sa *c = &t->child_sas[child];
	struct pending_delete *d;
	unsigned n = deletes_since(t, c, &d);

	if (n == 0 || c->more->predecessor_id != 0)
		return NO_INDEX;
	for (uint32_t i = c->next_in_tunnel; i != NO_INDEX; i = t->child_sas[i].next_in_tunnel) {
		struct child_sa *o = &t->child_sas[i];

		if (!(o->flags & CHILD_SA_COLLIDED) || o->flags & CHILD_SA_REDUNDANT ||
		    o->ike_sa != c->ike_sa || o->created_by == c->created_by ||
		    o->spi[0] != 0 || o->spi[1] != 0 || o->end_reason != END_NONE ||
		    c->created - o->created > t->settings->settle)
			continue;
		if (o->more->predecessor_id == 0 && n >= 2) {
			uint32_t old = chain_only_fallen_silent(t, o, d->at + DRAINS_WITHIN);

			if (old != NO_INDEX) {
				chain_link_rekey(t, old, i, GRADE_INFERRED);
				chain_end_predecessor(t, old, i, now);
				(void)deletes_since(t, c, &d);
			}
		}
		if (o->more->predecessor_id == 0)
			continue;
		d->at = NSEC_NONE;
		return i;
	}
	return NO_INDEX;
}

/* Out of crossing rekeys, and never used: true when it proved to be the redundant one. */
static bool is_redundant(struct tracker *t, uint32_t child, nsec now)
{
	struct child_sa *c = &t->child_sas[child];
	uint32_t winner = child_collision_winner(t, c);

	if (winner == NO_INDEX)
		winner = silent_winner(t, child, now);
	if (winner == NO_INDEX)
		return false;
	child_reveal(t, child);
	c->flags |= CHILD_SA_REDUNDANT | CHILD_SA_SETTLED;
	child_end(t, child, c->created, END_DELETED, c->created_by, GRADE_INFERRED);
	child_emit(t, EVENT_REKEY_COLLISION, winner, c->created, c->created_by, child);
	return true;
}

/*
 * Links what it replaced, where that can be said by now.  True: there is such an SA, and whether it
 * was replaced its silence will tell.
 */
static bool find_predecessor(struct tracker *t, uint32_t child, nsec now, bool ripe)
{
	struct child_sa *c = &t->child_sas[child];
	bool spoke = c->spi[0] != 0 || c->spi[1] != 0, alone, sure;

	if (ripe && t->tunnels[c->tunnel].flags & TUNNEL_PAIRED_BY_ORDER) {
		chain_repair_echoes(t, c->tunnel, now);
		chain_repair_pairs(t, c);
	}
	uint32_t old = chain_choose_predecessor(t, c, now, &alone, &sure);

	if (ripe && old != NO_INDEX && chain_repair_birth(t, child, old)) {
		old = chain_choose_predecessor(t, c, now, &alone, &sure);
		spoke = false;
	}
	bool expected = (c->flags & CHILD_SA_REKEY_EXPECTED) || chain_delete_since(t, c) != NULL;
	bool early = alone && expected && (spoke || !(c->flags & CHILD_SA_COLLIDED));
	struct pending_delete *d =
		old != NO_INDEX && (ripe || alone) && !(c->flags & CHILD_SA_REKEY_EXPECTED)
			? delete_before(t, c)
			: NULL;

	/* One end's lifetime was over, and the other end built it anew: churn, but no rekey. */
	if (d && t->child_sas[old].end_reason == END_NONE && t->child_sas[old].created < d->at &&
	    child_last_sign(t, &t->child_sas[old]) <= d->at + DRAINS_WITHIN) {
		child_end(t, old, d->at, END_DELETED, d->by, GRADE_INFERRED);
		d->at = NSEC_NONE;
		old = NO_INDEX;
	}

	if (old != NO_INDEX && ripe && outage_between(t, &t->child_sas[old], c)) {
		child_end(t, old, child_last_sign(t, &t->child_sas[old]), END_PEER_LOST,
			  SIDE_UNKNOWN, GRADE_INFERRED);
		old = NO_INDEX;
	}

	/* Early when nothing else can be meant; otherwise when everybody had time to speak. */
	if (old != NO_INDEX && (early || (ripe && (expected || (spoke && sure)))))
		chain_link_rekey(t, old, child,
				 alone && expected ? GRADE_DERIVED : GRADE_INFERRED);
	return old != NO_INDEX && spoke && !sure;
}

void child_settle_one(struct tracker *t, uint32_t child, nsec now, bool last_call)
{
	struct child_sa *c = &t->child_sas[child];
	bool ripe = last_call || now - c->created >= t->settings->settle;
	bool spoke = c->spi[0] != 0 || c->spi[1] != 0, pauses = false;

	if ((c->flags & CHILD_SA_COLLIDED) && !spoke && (!ripe || is_redundant(t, child, now)))
		return;
	if (c->more->predecessor == NO_INDEX && c->more->predecessor_id == 0 && c->id != 0 &&
	    (c->how == CREATED_CREATE_CHILD_SA || c->how == CREATED_QUICK_MODE ||
	     c->how == CREATED_UNKNOWN))
		pauses = find_predecessor(t, child, now, ripe);
	if (c->more->predecessor != NO_INDEX &&
	    t->child_sas[c->more->predecessor].end_reason == END_NONE)
		chain_end_predecessor(t, c->more->predecessor, child, now);
	if (!ripe || c->flags & CHILD_SA_SETTLED)
		return;
	/* what it may replace is silent, and was so before: for longer than ever it tells */
	if (pauses && c->more->predecessor_id == 0 && !last_call &&
	    now - c->created < PAUSES_SETTLE)
		return;
	c->flags |= CHILD_SA_SETTLED;
	if (c->more->predecessor_id == 0 && c->id != 0)
		link_renewal(t, child);
}

/*
 * A new child SA or an IKE rekey, nobody could tell: when another exchange took
 * its place as the candidate and no new IKE SA came, it was a child SA.
 */
static void judge_orphan(struct tracker *t, uint32_t child, nsec now)
{
	const struct child_sa *c = &t->child_sas[child];

	if (c->id != 0 || now - c->created < ORPHAN_S * NSEC_PER_S)
		return;

	const struct ike_sa *holder = &t->ike_sas[c->more->held_by];

	if (holder->rekey[0].child != child && holder->rekey[1].child != child &&
	    holder->auth_child != child)
		child_reveal(t, child);
}

static bool due(const struct tracker *t, const struct pending_delete *d, nsec now, bool last_call)
{
	return d->at != NSEC_NONE && (last_call || now - d->at >= t->settings->settle);
}

/*
 * Those asked for until then; oldest first: a predecessor is taken once.  Whether all are settled.
 */
static bool settle_births(struct tracker *t, uint32_t tunnel, nsec until, nsec now, bool last_call)
{
	bool settled = true;

	for (uint32_t i = t->tunnels[tunnel].oldest_child_sa; i != NO_INDEX;
	     i = t->child_sas[i].prev_in_tunnel) {
		struct child_sa *c = &t->child_sas[i];
		bool before = c->flags & CHILD_SA_SETTLED;

		if (child_sa_requested(c) > until)
			continue;
		judge_orphan(t, i, now);
		if (before && (c->more->predecessor == NO_INDEX ||
			       t->child_sas[c->more->predecessor].end_reason != END_NONE))
			continue;
		child_settle_one(t, i, now, last_call);
		settled &= (c->flags & CHILD_SA_SETTLED) != 0;
	}
	return settled;
}

void child_settle_all(struct tracker *t, uint32_t tunnel, nsec now, bool last_call)
{
	struct pending_delete *d = &t->deletes[tunnel * PENDING_DELETES];

	for (unsigned k = 0; k < t->tunnels[tunnel].n_deletes; k++)
		delete_settle_unheeded(t, &d[k], now);
	/* What fell silent at a Delete before a new SA was asked for is not what that replaced. */
	for (unsigned k = 0; k < t->tunnels[tunnel].n_deletes; k++)
		if (due(t, &d[k], now, last_call)) {
			settle_births(t, tunnel, d[k].at + RUNS_BESIDE, now, last_call);
			if (d[k].at != NSEC_NONE)
				delete_settle(t, &d[k], DRAINS_WITHIN, now);
		}
	if (settle_births(t, tunnel, INT64_MAX, now, last_call))
		t->tunnels[tunnel].flags &= ~(uint32_t)TUNNEL_UNSETTLED;
	for (unsigned k = 0; k < t->tunnels[tunnel].n_deletes; k++)
		if (due(t, &d[k], now, last_call)) {
			if (!delete_settle(t, &d[k], t->settings->overlap_budget, now) &&
			    !delete_settle_renewed(t, &d[k], now) && d[k].answered)
				delete_ends_predecessor(t, &d[k]);
			d[k].at = NSEC_NONE;
		}
}
