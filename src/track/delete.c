/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which SA a Delete meant.  Its SPIs are encrypted, so that is inferred: the oldest of a chain, or
 * the one that fell silent at that moment (DETECTION-FACTS 3.5).  settle.c says when it is decided.
 */
#include "track/tracker.h"

#define DELETE_UNHEEDED (5 * NSEC_PER_S)	/* who goes on for longer did not see it */
/* what was replaced may be deleted when its lifetime is over: the longest margin (pluto) */
#define OUTLIVES_REKEY (1200 * NSEC_PER_S)
/* and in parts of its age: it was renewed at 70 % of its lifetime (DETECTION-FACTS 3.6) */
enum { OUTLIVES_PART = 2 };
#define STOPS_WITH_DELETE (10 * NSEC_PER_S)

uint64_t delete_frame(const struct tracker *t, uint32_t ike_sa, nsec at)
{
	if (at == t->now && !t->finishing)
		return t->frame;
	for (int slot = 0; ike_sa != NO_INDEX && slot < 2; slot++) {
		const struct ike_sa *sa = &t->ike_sas[ike_sa];

		if (sa->current[slot]->id != 0 && sa->current[slot]->request_at == at)
			return sa->current[slot]->request_frame;
		if (sa->previous[slot]->id != 0 && sa->previous[slot]->request_at == at)
			return sa->previous[slot]->request_frame;
	}
	return 0;
}

uint64_t child_frame_of_end(const struct tracker *t, const struct child_sa *c, nsec at)
{
	const struct pending_delete *d = &t->deletes[c->tunnel * PENDING_DELETES];
	uint64_t frame = delete_frame(t, c->ike_sa, at);
	nsec latest = NSEC_NONE;

	for (unsigned i = 0; frame == 0 && i < t->tunnels[c->tunnel].n_deletes; i++)
		if (d[i].at == at)
			frame = d[i].frame;
	for (int k = 0; frame == 0 && k < 2; k++)
		if (c->esp[k] != NO_INDEX && t->esp_sas[c->esp[k]].last > latest)
			latest = t->esp_sas[c->esp[k]].last;
	for (int k = 0; frame == 0 && k < 2; k++)
		if (c->esp[k] != NO_INDEX && t->esp_sas[c->esp[k]].last == latest)
			frame = t->esp_sas[c->esp[k]].last_frame;
	return frame;
}

/*
 * It followed a rekey, and is for what that replaced, even when nobody knows what it was: the new
 * one of that rekey; NO_INDEX none.
 */
static uint32_t follows_birth(const struct tracker *t, const struct pending_delete *d)
{
	for (uint32_t i = t->tunnels[d->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->how == CREATED_CREATE_CHILD_SA && c->created_by == d->by &&
		    c->more->predecessor == NO_INDEX && c->created <= d->at &&
		    d->at - c->created <= RENEWS_WITHIN)
			return i;
	}
	return NO_INDEX;
}

/*
 * A Delete of IKEv2 is for a child SA of the IKE SA that it came in (RFC 7296 1.4.1).
 * Said of no one whose IKE SA is not known, or began after it.
 */
static bool of_another_ike_sa(const struct tracker *t, const struct pending_delete *d,
			      const struct child_sa *c)
{
	if (d->ike_sa == NO_INDEX || c->ike_sa == NO_INDEX || d->ike_sa == c->ike_sa)
		return false;
	const struct ike_sa *in = &t->ike_sas[d->ike_sa], *of = &t->ike_sas[c->ike_sa];

	return in->major == 2 && of->major == 2 && in->tunnel == d->tunnel &&
	       in->created <= d->at && of->created <= d->at &&
	       (of->end_reason == END_NONE || of->ended > d->at);
}

/* May `old`, renewed by `c`, be deleted as late as `at`, because its lifetime is over then? */
static bool may_outlive(const struct child_sa *old, const struct child_sa *c, nsec at)
{
	nsec margin = OUTLIVES_REKEY;

	if (c->how == CREATED_QUICK_MODE)
		margin = nsec_later(margin, (c->created - old->created) / OUTLIVES_PART);
	return at - c->created <= margin;
}

uint32_t child_predecessor_awaiting_delete(const struct tracker *t, const struct child_sa *c,
					   nsec at)
{
	if (c->more->predecessor == NO_INDEX ||
	    (c->how != CREATED_CREATE_CHILD_SA && c->how != CREATED_QUICK_MODE))
		return NO_INDEX;

	const struct child_sa *old = &t->child_sas[c->more->predecessor];

	if (!may_outlive(old, c, at))
		return NO_INDEX;
	nsec presumed = nsec_later(c->created, child_last_sign(t, old));

	return old->end_reason == END_REKEYED && old->more->ended == presumed ? c->more->predecessor
									      : NO_INDEX;
}

bool child_awaits_delete(const struct tracker *t, uint32_t child, nsec at)
{
	uint32_t successor = t->child_sas[child].more->successor;

	return successor != NO_INDEX && t->child_sas[successor].created <= at &&
	       child_predecessor_awaiting_delete(t, &t->child_sas[successor], at) == child;
}

/* The Delete was for one whose end was presumed: it ended then, and not before. */
static void end_late(struct tracker *t, uint32_t child, const struct pending_delete *d)
{
	struct child_sa *old = &t->child_sas[child];

	child_more(t, old)->ended = d->at;
	child_end_changed(t, old, false);
	old->flags |= CHILD_SA_DIRTY;
	for (int k = 0; k < 2; k++) {
		if (old->esp[k] == NO_INDEX || t->esp_sas[old->esp[k]].end_reason != END_REKEYED)
			continue;
		esp_rare(t, &t->esp_sas[old->esp[k]])->ended = d->at;
		t->esp_sas[old->esp[k]].flags |= ESP_SA_DIRTY;
	}
	child_emit(t, EVENT_CHILD_SA_REVISED, child, d->at, d->by, NO_INDEX);
}

/* It was for the oldest of a chain (DETECTION-FACTS 3.5). */
void delete_ends_predecessor(struct tracker *t, const struct pending_delete *d)
{
	for (uint32_t i = t->tunnels[d->tunnel].oldest_child_sa; i != NO_INDEX;
	     i = t->child_sas[i].prev_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];
		uint32_t index = child_predecessor_awaiting_delete(t, c, d->at);

		if (index == NO_INDEX || c->created > d->at || of_another_ike_sa(t, d, c))
			continue;
		end_late(t, index, d);
		return;
	}
}

/*
 * The quick mode that renewed `old`, which was idle and was deleted at the end of its lifetime: the
 * earliest that replaced nothing else; NO_INDEX none.
 */
static uint32_t idle_renewal(const struct tracker *t, uint32_t old, nsec at, nsec now)
{
	const struct child_sa *o = &t->child_sas[old];

	if (o->more->successor != NO_INDEX)
		return NO_INDEX;
	for (uint32_t i = o->prev_in_tunnel; i != NO_INDEX; i = t->child_sas[i].prev_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->how == CREATED_QUICK_MODE && c->id != 0 && c->created <= at &&
		    c->more->predecessor_id == 0 && !(c->flags & CHILD_SA_REDUNDANT) &&
		    may_outlive(o, c, at) && chain_could_replace(t, o, c, now))
			return i;
	}
	return NO_INDEX;
}

/*
 * Nobody can tell the Delete of a phase 1 from that of a child SA (DETECTION-FACTS 1.8), and that
 * one was replaced already, and is silent since: it is for that, unless a child SA stopped with it.
 */
static bool of_replaced_phase1(const struct tracker *t, const struct pending_delete *d)
{
	if (d->ike_sa == NO_INDEX)
		return false;
	const struct ike_sa *sa = &t->ike_sas[d->ike_sa];

	return sa->major == 1 && sa->tunnel == d->tunnel &&
	       (sa->end_reason == END_NONE ? sa->delete_at : sa->ended) == d->at &&
	       ike_sa_has_younger(t, sa, d->at);
}

/*
 * A Delete that no rekey claimed meant the oldest SA that fell silent then, at most that long after
 * it; one whose predecessor may still be deleted only if it spoke until then.  False: none did.
 */
bool delete_settle(struct tracker *t, struct pending_delete *d, nsec drains, nsec now)
{
	uint32_t renewed = follows_birth(t, d);
	bool doubtful = of_replaced_phase1(t, d);
	bool ikev1 = d->ike_sa != NO_INDEX && t->ike_sas[d->ike_sa].major == 1;

	for (uint32_t i = t->tunnels[d->tunnel].oldest_child_sa; i != NO_INDEX;
	     i = t->child_sas[i].prev_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];
		nsec last = nsec_later(child_last_packet(t, c, 0), child_last_packet(t, c, 1));

		/*
		 * IKEv1 keeps what was renewed until its lifetime is over, which is the same for
		 * all, and deletes the oldest first (DETECTION-FACTS 1.6, 2.4)
		 */
		if (ikev1 && child_awaits_delete(t, i, d->at)) {
			end_late(t, i, d);
			d->at = NSEC_NONE;
			return true;
		}
		if (c->id == 0 || c->end_reason != END_NONE || c->created > d->at ||
		    last > d->at + drains || of_another_ike_sa(t, d, c) ||
		    (last != NSEC_NONE && now - last <= nsec_later(t->settings->overlap_budget,
								   3 * chain_usual_pause(t, c))))
			continue;
		if ((doubtful || child_predecessor_awaiting_delete(t, c, d->at) != NO_INDEX) &&
		    (last == NSEC_NONE ||
		     d->at - last > STOPS_WITH_DELETE + 2 * chain_usual_pause(t, c)))
			continue;
		/*
		 * who deletes it is the first to stop; and what was just made is not what it
		 * replaced
		 */
		if (renewed != NO_INDEX &&
		    (last == NSEC_NONE || d->by < 0 ||
		     child_last_packet(t, c, d->by) > d->at + SWITCHES_WITHIN))
			continue;
		/* on an idle one nothing but the Delete tells which it was */
		bool rekeyed = renewed != NO_INDEX && t->child_sas[renewed].id != 0 &&
			       c->more->successor == NO_INDEX &&
			       c->created < t->child_sas[renewed].created;
		uint32_t by_quick_mode = idle_renewal(t, i, d->at, now);

		if (!rekeyed && by_quick_mode != NO_INDEX) {
			renewed = by_quick_mode;
			rekeyed = true;
		}
		if (rekeyed)
			chain_link_rekey(t, i, renewed, GRADE_INFERRED);
		child_end(t, i, d->at, rekeyed ? END_REKEYED : END_DELETED, d->by, GRADE_INFERRED);
		d->at = NSEC_NONE;
		return true;
	}
	return false;
}

/* The one child SA that lived when this came; NO_INDEX when there were more or none. */
static uint32_t only_one_at(const struct tracker *t, const struct pending_delete *d)
{
	uint32_t only = NO_INDEX;

	for (uint32_t i = t->tunnels[d->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->end_reason != END_NONE || c->created > d->at)
			continue;
		if (only != NO_INDEX || c->id == 0)
			return NO_INDEX;
		only = i;
	}
	return only;
}

/*
 * IKEv1: the silence of the only child SA tells nothing so soon, because it seldom speaks.  But the
 * other end asked for a new one before its next packet was due: it has lost the old one, and this
 * was for that.
 */
bool delete_settle_renewed(struct tracker *t, struct pending_delete *d, nsec now)
{
	if (d->ike_sa == NO_INDEX || d->by < 0 || t->ike_sas[d->ike_sa].major != 1 ||
	    of_replaced_phase1(t, d))
		return false;

	uint32_t old = only_one_at(t, d);

	if (old == NO_INDEX || child_last_sign(t, &t->child_sas[old]) > d->at + DRAINS_WITHIN)
		return false;

	const struct child_sa *o = &t->child_sas[old];
	nsec within = nsec_later(RENEWS_WITHIN, 2 * chain_usual_pause(t, o));

	for (uint32_t i = t->tunnels[d->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->how == CREATED_QUICK_MODE && c->created_by == 1 - d->by &&
		    child_sa_requested(c) > d->at && child_sa_requested(c) - d->at <= within &&
		    c->more->predecessor_id == 0 && chain_could_replace(t, o, c, now)) {
			child_end(t, old, d->at, END_DELETED, d->by, GRADE_INFERRED);
			d->at = NSEC_NONE;
			return true;
		}
	}
	return false;
}

/*
 * IKEv1 answers no Delete, and one that was not heeded is not one of nothing: who sent it stops at
 * that moment with the only child SA, and the other end goes on with it (DETECTION-FACTS 3.5).
 */
void delete_settle_unheeded(struct tracker *t, struct pending_delete *d, nsec now)
{
	if (d->at == NSEC_NONE || d->ike_sa == NO_INDEX || d->by < 0 ||
	    t->ike_sas[d->ike_sa].major != 1 || t->tunnels[d->tunnel].one_sided[d->by] ||
	    t->ike_sas[d->ike_sa].integ == 0)	/* perhaps a probe, and it died */
		return;

	nsec ripe = d->at + t->settings->overlap_budget;

	if (now < ripe) {
		tunnel_wake(t, d->tunnel, ripe);
		return;
	}
	uint32_t child = only_one_at(t, d);

	if (child == NO_INDEX)
		return;
	const struct child_sa *c = &t->child_sas[child];
	nsec pause = nsec_later(NSEC_PER_S, 3 * chain_usual_pause(t, c));
	nsec last = child_last_packet(t, c, d->by);

	if (c->more->successor != NO_INDEX || last == NSEC_NONE || last > d->at + DRAINS_WITHIN ||
	    d->at - last > pause || now - last <= pause ||
	    child_last_packet(t, c, 1 - d->by) <= d->at + nsec_later(pause, DELETE_UNHEEDED))
		return;
	child_end(t, child, d->at, END_DELETED, d->by, GRADE_DERIVED);
	d->at = NSEC_NONE;
}
