/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How child SAs end, and when an end is taken back.  Deletes are encrypted: a message that may be
 * one is taken to mean the predecessor of a rekey first (delete.c, chain.c), then the only SA there
 * is (DETECTION-FACTS 3.3, 3.4).
 */
#include "track/tracker.h"

#define BOTH_DELETE_WITHIN (2 * NSEC_PER_S)

bool child_delete_expected(const struct tracker *t, uint32_t tunnel)
{
	for (uint32_t i = t->tunnels[tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel)
		if (t->child_sas[i].end_reason == END_NONE &&
		    (t->child_sas[i].more->successor != NO_INDEX ||
		     (t->child_sas[i].flags & CHILD_SA_REDUNDANT)))
			return true;
	return false;
}

/* The one living child SA of a tunnel, made before `at`; NO_INDEX when there are more or none. */
static uint32_t the_only_one(const struct tracker *t, uint32_t tunnel, nsec at)
{
	uint32_t only = NO_INDEX;
	unsigned living = 0;

	for (uint32_t i = t->tunnels[tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel)
		if (t->child_sas[i].end_reason == END_NONE) {
			living++;
			only = i;
		}
	return living == 1 && t->child_sas[only].id != 0 && t->child_sas[only].created < at
		       ? only
		       : NO_INDEX;
}

/*
 * After a rekey both sides may delete the replaced SA: the second Delete does not mean another SA.
 */
bool child_one_was_deleted(const struct tracker *t, uint32_t tunnel, nsec at)
{
	for (uint32_t i = t->tunnels[tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->end_reason != END_NONE && c->more->ended <= at + BOTH_DELETE_WITHIN &&
		    at - c->more->ended <= BOTH_DELETE_WITHIN)
			return true;
	}
	return false;
}

void child_deleted_by_both(struct tracker *t, uint32_t tunnel, uint32_t ike_sa, nsec at, int by)
{
	uint32_t only = the_only_one(t, tunnel, at - BOTH_DELETE_WITHIN);

	if (only != NO_INDEX && t->child_sas[only].ike_sa == ike_sa &&
	    child_predecessor_awaiting_delete(t, &t->child_sas[only], at) == NO_INDEX &&
	    !child_one_was_deleted(t, tunnel, at))
		child_end(t, only, at, END_DELETED, by, GRADE_DERIVED);
}

/* This IKE SA seemed to be under deletion, but the Delete was for a child SA. */
static void ike_sa_stays(struct ike_sa *sa)
{
	if (sa->state != IKE_DELETING || sa->end_reason != END_NONE)
		return;
	sa->state = sa->successor != NO_INDEX ? IKE_REKEYED : IKE_ESTABLISHED;
	sa->flags |= IKE_SA_DIRTY;
}

void child_delete_seen(struct tracker *t, uint32_t tunnel, uint32_t ike_sa, nsec at, int by,
		       bool answered)
{
	struct pending_delete *d = &t->deletes[tunnel * PENDING_DELETES];
	uint8_t *n = &t->tunnels[tunnel].n_deletes;
	unsigned oldest = 0;

	if (ike_sa != NO_INDEX)
		ike_sa_stays(&t->ike_sas[ike_sa]);

	for (unsigned i = 0; i < PENDING_DELETES; i++) {
		if (i == *n)
			d[(*n)++].at = NSEC_NONE;
		if (d[i].at == NSEC_NONE) {
			oldest = i;
			break;
		}
		if (d[i].at < d[oldest].at)
			oldest = i;
	}
	d[oldest] = (struct pending_delete){
		.at = at, .frame = delete_frame(t, ike_sa, at), .tunnel = tunnel, .ike_sa = ike_sa,
		.by = (int8_t)by, .answered = answered
	};
	/* The predecessor of a rekey is what a Delete means first. */
	for (uint32_t i = t->tunnels[tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->more->predecessor != NO_INDEX &&
		    t->child_sas[c->more->predecessor].end_reason == END_NONE &&
		    chain_delete_since(t, c)) {
			chain_end_predecessor(t, c->more->predecessor, i, at);
			return;
		}
	}
	/*
	 * With one living SA, no rekey under way and what it replaced deleted there is nothing to
	 * wait for.
	 */
	uint32_t only = the_only_one(t, tunnel, at);

	if (answered && only != NO_INDEX &&
	    child_predecessor_awaiting_delete(t, &t->child_sas[only], at) == NO_INDEX) {
		child_end(t, only, at, END_DELETED, by, GRADE_DERIVED);
		d[oldest].at = NSEC_NONE;
	}
	tunnel_wake(t, tunnel, at + t->settings->overlap_budget);
}

void child_delete_withdrawn(struct tracker *t, uint32_t tunnel, nsec at)
{
	struct pending_delete *d = &t->deletes[tunnel * PENDING_DELETES];

	for (unsigned i = 0; i < t->tunnels[tunnel].n_deletes; i++)
		if (d[i].at == at)
			d[i].at = NSEC_NONE;
}

void child_end(struct tracker *t, uint32_t child, nsec at, enum end_reason why, int by,
	       enum grade grade)
{
	struct child_sa *c = &t->child_sas[child];

	if (c->end_reason != END_NONE || c->id == 0)
		return;
	/* A Delete after long silence closed an idle SA (RFC 7296 2.8). */
	nsec last = nsec_later(child_last_packet(t, c, 0), child_last_packet(t, c, 1));

	if (why == END_DELETED && last != NSEC_NONE &&
	    at - nsec_later(last, t->watched_since) >= t->settings->idle)
		why = END_IDLE;
	c->end_reason = why;
	if (c->more->ended != at)	/* the end of the capture is no event of its life */
		child_more(t, c)->ended = at;
	child_end_changed(t, c, true);
	c->ended_by = (int8_t)by;
	if (grade < c->grade)
		c->grade = grade;
	if (why != END_CAPTURE_END)
		c->state = why == END_REKEYED ? CHILD_REKEYED : CHILD_DELETED;
	c->flags |= CHILD_SA_DIRTY;
	child_tunnel(t, c)->flags |= TUNNEL_UNSAVED;
	for (int d = 0; d < 2; d++)
		if (c->esp[d] != NO_INDEX)
			esp_end(t, c->esp[d], at, why, by, grade);
	if (why != END_CAPTURE_END)
		child_emit(t, EVENT_CHILD_SA_ENDED, child, at, by, NO_INDEX);
	snapshot_ended_child_sa(t, child);
}

void child_judge_silence(struct tracker *t, uint32_t child, nsec now)
{
	const struct child_sa *c = &t->child_sas[child];

	if (now - child_last_sign(t, c) <= t->settings->silent_end ||
	    (c->ike_sa != NO_INDEX && t->ike_sas[c->ike_sa].end_reason == END_NONE))
		return;
	if (c->id == 0)
		child_reveal(t, child);
	child_end(t, child, child_last_sign(t, c), END_UNKNOWN, SIDE_UNKNOWN, GRADE_UNKNOWN);
}

/*
 * Of an IKE SA that ends nothing more will be learnt: what replaced what is decided now, oldest
 * first.
 */
static void settle_all(struct tracker *t, uint32_t ike_sa)
{
	uint32_t i = t->ike_sas[ike_sa].children;

	while (i != NO_INDEX && t->child_sas[i].more->next_of_ike != NO_INDEX)
		i = t->child_sas[i].more->next_of_ike;
	for (; i != NO_INDEX; i = t->child_sas[i].more->prev_of_ike) {
		const struct child_sa *c = &t->child_sas[i];
		bool open = c->more->predecessor != NO_INDEX &&
			    t->child_sas[c->more->predecessor].end_reason == END_NONE;

		if (open || !(c->flags & CHILD_SA_SETTLED))
			child_settle_one(t, i, t->now, true);
	}
}

void child_end_all(struct tracker *t, uint32_t ike_sa, nsec at, enum end_reason why, int by,
		   enum grade grade)
{
	uint32_t next;

	settle_all(t, ike_sa);
	for (uint32_t i = t->ike_sas[ike_sa].children; i != NO_INDEX; i = next) {
		const struct child_sa *c = &t->child_sas[i];

		next = c->more->next_of_ike;
		if (c->flags & CHILD_SA_TENTATIVE)
			child_release(t, i);
		else
			child_end(t, i, at, why, by, grade);
	}
}

bool child_speaks_after(const struct tracker *t, uint32_t ike_sa, nsec at)
{
	for (uint32_t i = t->ike_sas[ike_sa].children; i != NO_INDEX;
	     i = t->child_sas[i].more->next_of_ike) {
		const struct child_sa *c = &t->child_sas[i];

		if (child_last_packet(t, c, 0) > at && child_last_packet(t, c, 1) > at)
			return true;
	}
	return false;
}

void child_revive(struct tracker *t, uint32_t child)
{
	struct child_sa *c = &t->child_sas[child];
	bool lived = c->end_reason == END_NONE;

	c->end_reason = END_NONE;
	child_more(t, c)->ended = NSEC_NONE;
	child_end_changed(t, c, lived);
	c->ended_by = SIDE_UNKNOWN;
	c->state = CHILD_INSTALLED;
	c->flags |= CHILD_SA_DIRTY;
	for (int d = 0; d < 2; d++)
		if (c->esp[d] != NO_INDEX) {
			struct esp_sa *sa = &t->esp_sas[c->esp[d]];

			sa->end_reason = END_NONE;
			esp_rare(t, sa)->ended = NSEC_NONE;
			esp_rare(t, sa)->ended_by = SIDE_UNKNOWN;
			sa->flags |= ESP_SA_DIRTY;
		}
	child_emit(t, EVENT_CHILD_SA_REVISED, child, t->now, SIDE_UNKNOWN, NO_INDEX);
}

void child_revive_all(struct tracker *t, uint32_t ike_sa, nsec ended, enum end_reason why)
{
	for (uint32_t i = t->ike_sas[ike_sa].children; i != NO_INDEX;
	     i = t->child_sas[i].more->next_of_ike) {
		struct child_sa *c = &t->child_sas[i];

		if (c->end_reason != why || c->more->ended != ended ||
		    c->more->successor != NO_INDEX)
			continue;
		if (child_last_packet(t, c, 0) <= ended && child_last_packet(t, c, 1) <= ended)
			continue;
		child_revive(t, i);
	}
}
