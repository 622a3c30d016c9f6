/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Chains of child SAs: which older one a new child SA replaces.  It is inferred from which one
 * falls silent when the new one begins to carry packets (DETECTION-FACTS 3.4).  settle.c calls
 * this when every candidate has had time to send a packet; chain_repair.c corrects what later
 * packets refute.
 */
#include "track/tracker.h"

/* A packet of the old SA after the first of the new one weighs this many times its distance. */
enum { OVERLAP_COUNTS = 16 };

#define LONG (INT64_C(30) * 86400 * NSEC_PER_S)	/* a longer pause says no more */

void chain_link_esp(struct tracker *t, struct child_sa *old, struct child_sa *c, int64_t how)
{
	for (int d = 0; d < 2; d++) {
		if (c->esp[d] == NO_INDEX || old->spi[d] == 0)
			continue;
		struct esp_sa *new_sa = &t->esp_sas[c->esp[d]];
		struct esp_sa_more *more = esp_more(t, new_sa);

		if (more->predecessor != 0)
			continue;
		more->predecessor = old->esp_id[d];
		more->predecessor_spi = old->spi[d];
		new_sa->flags |= ESP_SA_DIRTY;
		if (old->esp[d] == NO_INDEX)
			continue;
		struct esp_sa *old_sa = &t->esp_sas[old->esp[d]];

		esp_rare(t, old_sa)->successor = new_sa->id;
		esp_rare(t, old_sa)->successor_spi = new_sa->spi;
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

bool chain_unwatched_between(const struct tracker *t, nsec last, nsec first)
{
	return t->watched_since != NSEC_NONE && last <= t->watched_until &&
	       first >= t->watched_since &&
	       t->watched_since - t->watched_until > t->settings->settle;
}

/* Was `old` there, and not yet replaced, when `c` was asked for? */
static bool eligible(const struct child_sa *old, const struct child_sa *c)
{
	if (old->created > child_sa_requested(c) || old == c)
		return false;
	/*
	 * IKEv2 rekeys a child SA under the IKE SA that holds it; quick modes may use any phase 1.
	 */
	if (c->how == CREATED_CREATE_CHILD_SA && old->ike_sa != NO_INDEX && c->ike_sa != NO_INDEX &&
	    old->ike_sa != c->ike_sa)
		return false;
	if (old->more->successor != NO_INDEX || (old->flags & CHILD_SA_REDUNDANT))
		return false;
	return old->end_reason == END_NONE || old->more->ended >= child_sa_requested(c);
}

enum fit { FIT_NO, FIT_POSSIBLE, FIT_STOPPED };

/*
 * Could the eligible `old` be what `c` replaces?  It must be silent since `c` carries packets.
 */
static enum fit fits(const struct tracker *t, const struct child_sa *old, const struct child_sa *c,
		     nsec now)
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
		/*
		 * It goes on well after the new SPI of this direction began: `c` is not its
		 * successor.
		 */
		if (last > t->esp_sas[c->esp[d]].first + t->settings->chain_before)
			return FIT_NO;
	}
	if (until == NSEC_NONE)
		return FIT_POSSIBLE;
	if (until > c->created + t->settings->birth_window + t->settings->overlap_budget)
		return FIT_NO;
	return both && now - until > t->settings->overlap_budget / 10 ? FIT_STOPPED : FIT_POSSIBLE;
}

bool chain_could_replace(const struct tracker *t, const struct child_sa *old,
			 const struct child_sa *c, nsec now)
{
	return eligible(old, c) && fits(t, old, c, now) != FIT_NO;
}

static nsec pause_between(nsec a, nsec b)
{
	nsec pause = a > b ? a - b : b - a;

	return pause < LONG ? pause : LONG;
}

nsec chain_usual_pause(const struct tracker *t, const struct child_sa *c)
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

/* The same traffic goes on after a rekey, so packets of another mean size are a sign against it. */
nsec chain_size_misfit(const struct esp_sa *old, const struct esp_sa *new_sa)
{
	uint64_t a = old->bytes / old->packets, b = new_sa->bytes / new_sa->packets,
		 more = a > b ? a : b;

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
		sum += chain_size_misfit(&t->esp_sas[old->esp[d]], &t->esp_sas[c->esp[d]]);
		compared = true;
	}
	if (!compared)
		sum = pause_between(c->created, nsec_later(child_last_packet(t, old, 0),
							   child_last_packet(t, old, 1)));
	return sum;
}

bool chain_goes_on_after(const struct tracker *t, const struct child_sa *old,
			 const struct child_sa *c)
{
	int d = c->created_by;

	return d >= 0 && child_last_packet(t, old, d) > c->created + SWITCHES_WITHIN;
}

/* Every direction that it used went on well after that Delete: another SA was meant. */
static bool outlives(const struct tracker *t, const struct child_sa *old,
		     const struct pending_delete *d)
{
	bool spoke = false;

	for (int i = 0; i < 2; i++) {
		nsec last = child_last_packet(t, old, i);

		if (last == NSEC_NONE)
			continue;
		if (last <= d->at + t->settings->overlap_budget)
			return false;
		spoke = true;
	}
	return spoke;
}

uint32_t chain_choose_predecessor(struct tracker *t, const struct child_sa *c, nsec now,
				  bool *ret_alone, bool *ret_sure)
{
	const struct tunnel *w = child_tunnel(t, c);
	nsec best_distance = 0;
	uint32_t best = NO_INDEX;
	unsigned candidates = 0;

	/*
	 * Those of another IKE SA are not eligible, nor those that had ended: look only at its own
	 * when no other can be.
	 */
	bool own = c->how == CREATED_CREATE_CHILD_SA && c->ike_sa != NO_INDEX &&
		   !child_unowned_since(t, c->tunnel, child_sa_requested(c));
	uint32_t next, first_idle = NO_INDEX;
	const struct pending_delete *d = chain_delete_since(t, c);
	bool silent = w->esp_sas[0] == NO_INDEX && w->esp_sas[1] == NO_INDEX;

	*ret_sure = false;
	for (uint32_t i = own ? t->ike_sas[c->ike_sa].children : w->child_sas; i != NO_INDEX;
	     i = next) {
		const struct child_sa *old = &t->child_sas[i];

		next = own ? old->more->next_of_ike : old->next_in_tunnel;
		if (!eligible(old, c) ||
		    chain_unwatched_between(t, child_last_sign(t, old), child_sa_requested(c)))
			continue;
		candidates++;
		if (old->id == 0 && old->how != CREATED_IKE_AUTH)
			continue;		/* perhaps an IKE rekey */
		enum fit fit = fits(t, old, c, now);

		if (fit == FIT_NO)
			continue;
		nsec last = nsec_later(child_last_packet(t, old, 0), child_last_packet(t, old, 1));

		/* never carried a packet: only when nothing else can be meant */
		if (last == NSEC_NONE) {
			if (first_idle == NO_INDEX)
				first_idle = i;
			if (silent && candidates > 1)
				break;		/* no other can be better */
			continue;
		}
		nsec distance = misfit(t, old, c);

		if (d && outlives(t, old, d))	/* only when there is no other */
			distance = nsec_later(distance, 0) + LONG;
		if (best == NO_INDEX || distance < best_distance) {
			best = i;
			best_distance = distance;
			*ret_sure =
				fit == FIT_STOPPED && now - last > 3 * chain_usual_pause(t, old);
		}
	}
	*ret_alone = candidates == 1;
	/*
	 * `c` has no traffic, and its maker went on with the best of several: it was not that one
	 */
	if (best != NO_INDEX && candidates > 1 && !(c->spi[0] != 0 || c->spi[1] != 0) &&
	    chain_goes_on_after(t, &t->child_sas[best], c))
		best = NO_INDEX;
	return best != NO_INDEX ? best : first_idle;
}

uint32_t chain_only_fallen_silent(const struct tracker *t, const struct child_sa *c, nsec at)
{
	uint32_t only = NO_INDEX;

	for (uint32_t i = t->tunnels[c->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		if (!eligible(&t->child_sas[i], c) || t->child_sas[i].end_reason != END_NONE)
			continue;
		if (only != NO_INDEX)
			return NO_INDEX;
		only = i;
	}
	if (only == NO_INDEX || (child_last_packet(t, &t->child_sas[only], 0) > at &&
				 child_last_packet(t, &t->child_sas[only], 1) > at))
		return NO_INDEX;
	return only;
}

void chain_link_rekey(struct tracker *t, uint32_t old_index, uint32_t child, enum grade grade)
{
	struct child_sa *old = &t->child_sas[old_index], *c = &t->child_sas[child];

	child_reveal(t, old_index);
	struct child_sa_more *more = child_more(t, c), *of_old = child_more(t, old);

	more->predecessor = old_index;
	more->predecessor_id = old->id;
	more->predecessor_spi[0] = old->spi[0];
	more->predecessor_spi[1] = old->spi[1];
	of_old->successor = child;
	of_old->rekeyed_by = c->created_by;
	of_old->rekey_at = child_sa_requested(c);
	/* whose the SPIs are is a guess for either: so is what follows what */
	if ((old->flags | c->flags) & CHILD_SA_PAIRED_BY_ORDER && grade > GRADE_INFERRED)
		grade = GRADE_INFERRED;
	if (grade < c->grade)
		c->grade = grade;
	if (old->end_reason == END_NONE)
		old->state = CHILD_REKEYED;
	c->flags |= CHILD_SA_DIRTY;
	old->flags |= CHILD_SA_DIRTY;
	chain_link_esp(t, old, c, 0);
	struct event ev = event_of(t, EVENT_CHILD_SA_REKEYED, c->created, c->tunnel);

	/* decided later: its first packet shows it */
	for (int d = 0; d < 2; d++)
		if (c->created != t->now && c->esp[d] != NO_INDEX &&
		    (d == 0 || c->esp[0] == NO_INDEX ||
		     t->esp_sas[c->esp[1]].first < t->esp_sas[c->esp[0]].first))
			ev.frame = t->esp_sas[c->esp[d]].first_frame;
	ev.child_sa = child;
	ev.ike_sa = c->ike_sa;
	ev.other = old_index;
	ev.side = c->created_by;
	ev.value[0] = old->flags & CHILD_SA_MIDSTREAM ? -1 : child_sa_requested(c) - old->created;
	event_emit(t, &ev);
}

/* A Delete that the peer sent before `c` was asked for is why it was asked for: not that one. */
struct pending_delete *chain_delete_since(const struct tracker *t, const struct child_sa *c)
{
	struct pending_delete *d = &t->deletes[c->tunnel * PENDING_DELETES];

	struct pending_delete *earliest = NULL;

	for (unsigned i = 0; i < t->tunnels[c->tunnel].n_deletes; i++)
		if (d[i].at != NSEC_NONE && d[i].at >= c->created - 50 * NSEC_PER_MS &&
		    (d[i].at >= child_sa_requested(c) || d[i].by == c->created_by || d[i].by < 0) &&
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
		/* IKEv1: then it did not mean the IKE SA, although its length fits that, too. */
		if (d->ike_sa != NO_INDEX && t->ike_sas[d->ike_sa].tunnel == d->tunnel &&
		    t->ike_sas[d->ike_sa].delete_at == d->at)
			t->ike_sas[d->ike_sa].delete_at = NSEC_NONE;
		d->at = NSEC_NONE;
		return;
	}
	/*
	 * No Delete was seen (IKEv1 need not send one): it ends when it has been silent long
	 * enough.
	 */
	if (now - nsec_later(last, c->created) > t->settings->settle || t->finishing)
		child_end(t, old_index, nsec_later(last, c->created), END_REKEYED, c->created_by,
			  GRADE_INFERRED);
}
