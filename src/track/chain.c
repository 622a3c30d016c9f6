/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Chains of child SAs: which one a new one replaces.  It is inferred from who
 * falls silent when the new one begins to speak (DETECTION-FACTS 3.4), waits
 * until every candidate had time to speak, and is revised when later packets
 * prove otherwise.
 */
#include "track/tracker.h"

#include <sawatch/ike_registry.h>

enum {
	OVERLAP_COUNTS = 16,		/* times, against a predecessor: packets after its successor's first */
	ORPHAN_S = 60,			/* no sign of an IKE rekey for so long: it was none */
};

#define LONG (INT64_C(30) * 86400 * NSEC_PER_S)	/* a longer pause says no more */
#define SWITCHES_WITHIN (100 * NSEC_PER_MS)	/* after the answer */

/* Chain the ESP SAs of `c` to those of `old`, direction by direction, as far as they are known. */
void chain_link_esp(struct tracker *t, struct child_sa *old, struct child_sa *c, int64_t how)
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

/* Nobody watched between the last sign of the one and the first of the other: others may have been between them. */
static bool unwatched_between(const struct tracker *t, nsec last, nsec first)
{
	return t->watched_since != NSEC_NONE && last <= t->watched_until && first >= t->watched_since &&
	       t->watched_since - t->watched_until > t->settings->settle;
}

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
		nsec last = child_last_packet(t, old, d);

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
		child_emit(t, EVENT_CHILD_SA_REVISED, n == 0 ? a : b, c->created, SIDE_UNKNOWN, NO_INDEX);
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
		nsec last = child_last_packet(t, old, d);

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
		sum = pause_between(c->created, nsec_later(child_last_packet(t, old, 0), child_last_packet(t, old, 1)));
	return sum;
}

/*
 * The predecessor of `c`: of the older SAs that fell silent, the one that
 * fits best.  *ret_alone: there was no other candidate.
 */
static uint32_t choose_predecessor(struct tracker *t, const struct child_sa *c, nsec now, bool *ret_alone,
				   bool *ret_sure)
{
	const struct tunnel *w = child_tunnel(t, c);
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
		nsec last = nsec_later(child_last_packet(t, old, 0), child_last_packet(t, old, 1));

		if (!eligible(old, c) || unwatched_between(t, child_last_sign(t, old), c->requested))
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

	child_reveal(t, old_index);
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
	chain_link_esp(t, old, c, 0);
	struct event ev = event_of(t, EVENT_CHILD_SA_REKEYED, c->created, c->tunnel);

	ev.child_sa = child;
	ev.ike_sa = c->ike_sa;
	ev.other = old_index;
	ev.side = c->created_by;
	ev.value[0] = old->flags & CHILD_SA_MIDSTREAM ? -1 : c->requested - old->created;
	event_emit(t, &ev);
}

/* A Delete seen since `c` was made: the predecessor of a rekey is the first thing it can mean. */
struct pending_delete *chain_delete_since(struct tracker *t, const struct child_sa *c)
{
	struct pending_delete *d = &t->deletes[c->tunnel * PENDING_DELETES];

	struct pending_delete *earliest = NULL;

	for (unsigned i = 0; i < PENDING_DELETES; i++)
		if (d[i].at != NSEC_NONE && d[i].at >= c->created - 50 * NSEC_PER_MS &&
		    (!earliest || d[i].at < earliest->at))
			earliest = &d[i];
	return earliest;
}

void chain_end_predecessor(struct tracker *t, uint32_t old_index, uint32_t child, nsec now)
{
	const struct child_sa *old = &t->child_sas[old_index], *c = &t->child_sas[child];
	struct pending_delete *d = chain_delete_since(t, c);
	nsec last = nsec_later(child_last_packet(t, old, 0), child_last_packet(t, old, 1));

	if (d) {
		child_end(t, old_index, d->at, END_REKEYED, c->created_by, GRADE_DERIVED);
		/* IKEv1: then it was not for the IKE SA, although it had that length. */
		if (d->ike_sa != NO_INDEX && t->ike_sas[d->ike_sa].tunnel == d->tunnel && t->ike_sas[d->ike_sa].delete_at == d->at)
			t->ike_sas[d->ike_sa].delete_at = NSEC_NONE;
		d->at = NSEC_NONE;
		return;
	}
	/* No Delete was seen (IKEv1 need not send one): it ends when it has been silent long enough. */
	if (now - nsec_later(last, c->created) > t->settings->settle || t->finishing)
		child_end(t, old_index, nsec_later(last, c->created), END_REKEYED, c->created_by, GRADE_INFERRED);
}

/* ---- settling ------------------------------------------------------------- */

void chain_settle_one(struct tracker *t, uint32_t child, nsec now, bool last_call)
{
	struct child_sa *c = &t->child_sas[child];
	bool ripe = last_call || now - c->created >= t->settings->settle;
	bool spoke = c->spi[0] != 0 || c->spi[1] != 0;

	if ((c->flags & CHILD_SA_COLLIDED) && !spoke) {
		uint32_t winner = child_collision_winner(t, c);

		if (!ripe)
			return;

		if (winner != NO_INDEX) {
			child_reveal(t, child);
			c->flags |= CHILD_SA_REDUNDANT | CHILD_SA_SETTLED;
			child_end(t, child, c->created, END_DELETED, c->created_by, GRADE_INFERRED);
			child_emit(t, EVENT_REKEY_COLLISION, winner, c->created, c->created_by, child);
			return;
		}
	}
	if (c->predecessor == NO_INDEX && c->predecessor_id == 0 && c->id != 0 &&
	    (c->how == CREATED_CREATE_CHILD_SA || c->how == CREATED_QUICK_MODE || c->how == CREATED_UNKNOWN)) {
		bool alone, sure;

		if (ripe)
			repair_pairs(t, c);
		uint32_t old = choose_predecessor(t, c, now, &alone, &sure);
		bool expected = (c->flags & CHILD_SA_REKEY_EXPECTED) || chain_delete_since(t, c) != NULL;

		bool early = alone && expected && (spoke || !(c->flags & CHILD_SA_COLLIDED));

		/* Early when nothing else can be meant; otherwise when everybody had time to speak. */
		if (old != NO_INDEX && (early || (ripe && (expected || (spoke && sure)))))
			link_rekey(t, old, child, alone && expected ? GRADE_DERIVED : GRADE_INFERRED);
	}
	if (c->predecessor != NO_INDEX && t->child_sas[c->predecessor].end_reason == END_NONE)
		chain_end_predecessor(t, c->predecessor, child, now);
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
		if (unwatched_between(t, o->ended, c->created))
			continue;
		if (o->end_reason == END_NONE || o->ended > c->created + t->settings->settle ||
		    o->ended < c->created - t->settings->churn_window)
			continue;
		if (!best || o->ended > best->ended)
			best = o;
	}
	if (best)
		chain_link_esp(t, best, c, 1);
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
		child_reveal(t, child);
}

/* A Delete that no rekey claimed meant the oldest SA that fell silent then. */
static void settle_delete(struct tracker *t, struct pending_delete *d, nsec now)
{
	uint32_t i = t->tunnels[d->tunnel].oldest_child_sa;

	for (; i != NO_INDEX; i = t->child_sas[i].prev_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];
		nsec last = nsec_later(child_last_packet(t, c, 0), child_last_packet(t, c, 1));

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
		chain_settle_one(t, i, now, last_call);
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
