/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How IKE SAs end: by a Delete, by silence, by an error; and how long each of these is doubted.
 */
#include "track/tracker.h"

#include <sawatch/ike_registry.h>

enum { DELETE_DRAINS_S = 2, AUTH_SETTLES_S = 2, REKEY_THEN_DELETE_S = 60 };
enum { EXPIRED_SETTLES_S = 60, LIFE_MAX_S = 10 * 366 * 86400 };

bool ike_sa_has_younger(const struct tracker *t, const struct ike_sa *sa, nsec at)
{
	for (uint32_t i = t->tunnels[sa->tunnel].ike_sas; i != NO_INDEX;
	     i = t->ike_sas[i].next_in_tunnel) {
		const struct ike_sa *o = &t->ike_sas[i];

		if (o == sa)
			break;			/* the list is newest first */
		if (o->established != NSEC_NONE && o->end_reason == END_NONE &&
		    o->created > sa->created && o->created <= at && o->origin != ORIGIN_MIDSTREAM)
			return true;
	}
	return false;
}

/* Is its Delete under way, too: answered, or only asked for? */
static bool ends_with(const struct ike_sa *o, nsec at)
{
	nsec latest = at + DELETE_DRAINS_S * NSEC_PER_S;

	if (o->delete_at != NSEC_NONE && o->delete_at <= latest)
		return true;
	for (int slot = 0; slot < 2; slot++) {
		const struct exchange *x = o->current[slot];

		if (x->id != 0 && x->responses == 0 && x->type == IKE2_EXCHANGE_INFORMATIONAL &&
		    x->request_np1 == IKE2_PAYLOAD_DELETE && x->request_at <= latest)
			return true;
	}
	return false;
}

/*
 * Did another one take its place?  A phase 1 of IKEv1 is renewed by a younger one whenever; one of
 * IKEv2 is deleted as soon as the new one stands, so one that lived beside it for longer was just
 * deleted, and so were both that were deleted together.
 */
static bool replaced(const struct tracker *t, const struct ike_sa *sa, nsec at)
{
	if (sa->major != 2)
		return ike_sa_has_younger(t, sa, at);
	for (uint32_t i = t->tunnels[sa->tunnel].ike_sas; i != NO_INDEX && &t->ike_sas[i] != sa;
	     i = t->ike_sas[i].next_in_tunnel) {
		const struct ike_sa *o = &t->ike_sas[i];

		if (o->established != NSEC_NONE && o->end_reason == END_NONE &&
		    o->origin != ORIGIN_MIDSTREAM && o->created > sa->created &&
		    o->created <= at && at - o->established <= REKEY_THEN_DELETE_S * NSEC_PER_S &&
		    !ends_with(o, at))
			return true;
	}
	return false;
}

/* The other one may have sent nothing yet: until it does, the old IKE SA holds the child SAs. */
bool ike_sa_end_redundant(struct tracker *t, uint32_t ike_sa, nsec at, int by)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];

	if (sa->origin != ORIGIN_REKEY || by != sa->initiator_side ||
	    at - sa->created > t->settings->settle)
		return false;
	for (uint32_t i = t->tunnels[sa->tunnel].ike_sas; i != NO_INDEX;
	     i = t->ike_sas[i].next_in_tunnel) {
		struct ike_sa *old = &t->ike_sas[i];

		if (old->id != sa->parent || !ike_sa_rekeys_crossed(old))
			continue;
		if (old->successor == ike_sa) {
			old->successor = NO_INDEX;
			sa->predecessor = NO_INDEX;
			old->flags |= IKE_SA_REKEYED_AWAY;
			while (sa->children != NO_INDEX)
				child_adopt(t, sa->children, i);
		}
		ike_sa_end(t, ike_sa, at, END_SUPERSEDED, by, GRADE_INFERRED);
		ike_sa_collided(t, i, ike_sa, at);
		return true;
	}
	return false;
}

void ike_sa_delete_seen(struct tracker *t, uint32_t ike_sa, nsec at, int by)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];

	if (ike_sa_end_redundant(t, ike_sa, at, by)) {
		sa->delete_at = NSEC_NONE;
		return;
	}
	struct ike_rekey *rekey = by >= 0 ? &sa->rekey[by] : NULL;
	/* of two taps whose clocks differ the answer may come later */
	bool rekeyed = sa->successor != NO_INDEX || sa->flags & IKE_SA_REKEYED_AWAY ||
		       (rekey && rekey->at != NSEC_NONE &&
			at >= (rekey->requested != NSEC_NONE ? rekey->requested : rekey->at) &&
			at - rekey->at <= REKEY_THEN_DELETE_S * NSEC_PER_S &&
			(rekey->child == NO_INDEX ||
			 (t->child_sas[rekey->child].flags & CHILD_SA_TENTATIVE)));
	enum grade grade = rekeyed && sa->successor == NO_INDEX ? GRADE_INFERRED : GRADE_DERIVED;

	sa->delete_at = NSEC_NONE;
	if (rekeyed) {
		if (sa->successor == NO_INDEX)
			sa->flags |= IKE_SA_REKEYED_AWAY;
		for (int side = 0; side < 2; side++)
			ike_sa_discard_rekey(t, &sa->rekey[side]);
		ike_sa_end(t, ike_sa, at, END_REKEYED, by, grade);
		return;
	}
	enum end_reason why = replaced(t, sa, at) ? END_SUPERSEDED : END_DELETED;

	ike_sa_end(t, ike_sa, at, why, by, grade);
	if (sa->major == 2)		/* IKEv1 child SAs outlive their phase 1 */
		child_end_all(t, ike_sa, at, why, by, GRADE_DERIVED);
}

void ike_sa_end(struct tracker *t, uint32_t ike_sa, nsec at, enum end_reason why, int by,
		enum grade grade)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];

	if (sa->end_reason != END_NONE)
		return;
	exchange_settle_earlier(t, ike_sa, t->now, true);
	for (int slot = 0; slot < 2; slot++) {
		exchange_close(t, sa->current[slot],
			       sa->current[slot]->responses ? OUTCOME_ANSWERED : OUTCOME_UNANSWERED,
			       t->now);
		exchange_close(t, sa->previous[slot],
			       sa->previous[slot]->responses ? OUTCOME_ANSWERED
							     : OUTCOME_UNANSWERED,
			       t->now);
		exchange_write(t, sa->previous[slot]);
	}
	sa->end_reason = why;
	sa->ended = at;
	sa->ended_by = (int8_t)by;
	if (grade < sa->grade)
		sa->grade = grade;
	if (why != END_CAPTURE_END)
		sa->state = why == END_FAILED    ? IKE_FAILED
			    : why == END_REKEYED ? IKE_REKEYED
						 : IKE_GONE;
	sa->flags |= IKE_SA_DIRTY;
	t->tunnels[sa->tunnel].flags |= TUNNEL_UNSAVED;
	if (why != END_CAPTURE_END)
		ike_sa_emit(t, EVENT_IKE_SA_ENDED, ike_sa, at, by, sa->successor);
	snapshot_ended_ike_sa(t, ike_sa);
	if (why != END_CAPTURE_END) {
		tunnel_judge(t, sa->tunnel, at);
		tunnel_was_down(t, ike_sa);
	}
	tunnel_wake(t, sa->tunnel, t->now + NSEC_PER_S);
}

/* This side had just made a child SA: its Delete is for the one that was replaced, RFC 7296 2.8. */
bool ike_sa_follows_rekey(const struct tracker *t, uint32_t ike_sa, const struct exchange *x)
{
	for (uint32_t i = t->ike_sas[ike_sa].children; i != NO_INDEX;
	     i = t->child_sas[i].more->next_of_ike) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->how == CREATED_CREATE_CHILD_SA && c->created_by == x->from &&
		    c->created <= x->request_at &&
		    x->request_at - c->created <= IKE_DELETE_SETTLES_S * NSEC_PER_S &&
		    !(c->flags & CHILD_SA_TENTATIVE))
			return true;
	}
	return false;
}

/* An SA of this tunnel began to carry traffic after `at`. */
static bool speaks_since(const struct tracker *t, const struct tunnel *w, nsec at)
{
	for (int d = 0; d < 2; d++)
		if (w->esp_sas[d] != NO_INDEX && t->esp_sas[w->esp_sas[d]].first >= at)
			return true;
	return false;
}

/* Nobody will answer this request any more: draw the conclusions. */
static void abandoned(struct tracker *t, uint32_t ike_sa, struct exchange *x, nsec now)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	const struct tunnel *w = &t->tunnels[sa->tunnel];
	/* Whoever gets no answer asks again: asked once, it was answered, and we did not see it. */
	bool contented = sa->major == 2 && x->requests == 1 && x->from >= 0 &&
			 x->type != IKE2_EXCHANGE_IKE_SA_INIT &&
			 x->request_np1 != IKE2_PAYLOAD_DELETE;
	bool blind = contented || (x->from >= 0 && w->one_sided[1 - x->from]);
	bool was_delete =
		x->request_np1 == IKE2_PAYLOAD_DELETE && x->type == IKE2_EXCHANGE_INFORMATIONAL;
	/* it was for what a rekey had just replaced, not for the IKE SA */
	bool of_child = was_delete && sa->major == 2 && ike_sa_follows_rekey(t, ike_sa, x);
	nsec asked = x->request_last;
	int by = x->from;

	if (of_child)
		x->purpose = PURPOSE_DELETE_CHILD;
	if (contented)
		hygiene_unseen(t, sa->tunnel, 1 - x->from, asked);
	exchange_close(t, x, blind ? OUTCOME_NOT_OBSERVABLE : OUTCOME_UNANSWERED, now);
	if (blind && x->type == IKE2_EXCHANGE_IKE_AUTH && sa->state < IKE_ESTABLISHED &&
	    speaks_since(t, w, asked))
		ike_sa_established(t, ike_sa, asked);	/* its traffic flows */
	/*
	 * Its answer is not captured; but nothing follows on it, and then the tunnel was set up
	 * from scratch.
	 */
	if (blind && was_delete && sa->major == 2 && sa->state >= IKE_ESTABLISHED &&
	    sa->end_reason == END_NONE && sa->last <= asked && !ike_sa_has_younger(t, sa, asked) &&
	    ike_sa_has_younger(t, sa, now))
		ike_sa_delete_seen(t, ike_sa, asked, by);
	if (sa->end_reason != END_NONE || blind)
		return;
	if (sa->state < IKE_ESTABLISHED && x->outcome == OUTCOME_FAILED && by >= 0) {
		/* refused in clear, in a message of its own (IKEv1) */
		ike_sa_end(t, ike_sa, sa->last, END_FAILED, 1 - by, GRADE_DERIVED);
		return;
	}
	if (sa->state < IKE_ESTABLISHED) {
		ike_sa_end(t, ike_sa, asked, END_FAILED, SIDE_UNKNOWN, GRADE_DERIVED);
		return;
	}
	if (of_child)
		child_delete_seen(t, sa->tunnel, ike_sa, x->request_at, by, false);
	if (was_delete && !of_child) {
		if (sa->last <= asked)
			ike_sa_delete_seen(t, ike_sa, asked, by);
	} else if (sa->major == 2 && x->requests >= 3 && sa->last <= asked) {
		ike_sa_end(t, ike_sa, asked, END_PEER_LOST,
			   x->from < 0 ? SIDE_UNKNOWN : 1 - x->from, GRADE_INFERRED);
		child_end_all(t, ike_sa, asked, END_PEER_LOST, SIDE_UNKNOWN, GRADE_INFERRED);
	}
}

static nsec earlier(nsec a, nsec b)
{
	return a == NSEC_NONE ? b : b == NSEC_NONE ? a : a < b ? a : b;
}

/*
 * The successor of one that was rekeyed may be silent until the next child SA is due.  So may be
 * one that nothing follows: when it speaks then, it was not deleted, however much it looked so.
 */
static nsec keep(const struct tracker *t, const struct ike_sa *sa, nsec now)
{
	bool awaited = sa->end_reason == END_REKEYED && sa->successor == NO_INDEX;
	bool doubtful = sa->end_reason == END_DELETED && !ike_sa_has_younger(t, sa, now);

	return resume_keep(t, awaited || doubtful ? END_UNKNOWN : sa->end_reason);
}

/*
 * Answered, and not yet certain that the initiator accepts the answer.  When to look again;
 * NSEC_NONE: decided.
 */
static nsec settle_auth(struct tracker *t, uint32_t ike_sa, nsec now, bool last_call)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	bool refused = sa->flags & IKE_SA_INITIATOR_REFUSED;
	nsec at = (refused ? sa->last : sa->established) + AUTH_SETTLES_S * NSEC_PER_S;

	if (now < at && !last_call)
		return at;
	if (!refused) {
		ike_sa_established(t, ike_sa, sa->established);
		return NSEC_NONE;
	}
	sa->flags &= ~(uint32_t)IKE_SA_AUTH_TENTATIVE;
	sa->auth_failed = true;
	/* it was never established, and must not be taken for a tunnel that worked */
	sa->established = NSEC_NONE;
	ike_sa_emit(t, EVENT_AUTH_REFUSED, ike_sa, sa->last, sa->initiator_side, NO_INDEX);
	ike_sa_end(t, ike_sa, sa->last, END_FAILED, sa->initiator_side, GRADE_INFERRED);
	return NSEC_NONE;
}

/*
 * The latest answer of this login was EAP and as short as a refusal: its last word, Success or
 * Failure (RFC 3748 4.2).  After Success the initiator proves itself at once (RFC 7296 2.16).
 */
static bool eap_is_over(const struct ike_sa *sa, const struct exchange *x)
{
	return x->id != 0 && x->type == IKE2_EXCHANGE_IKE_AUTH && x->responses > 0 &&
	       x->response_np1 == IKE2_PAYLOAD_EAP && x->response_fragment_total == 0 &&
	       sa->error_bytes_max != 0 && x->response_bytes <= sa->error_bytes_max;
}

void ike_sa_login_failed(struct tracker *t, uint32_t ike_sa, const struct exchange *last, nsec at)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	int by = eap_is_over(sa, last) ? 1 - sa->initiator_side : sa->initiator_side;

	sa->auth_failed = true;
	ike_sa_emit(t, EVENT_AUTH_REFUSED, ike_sa, at, by, NO_INDEX);
	ike_sa_end(t, ike_sa, at, END_FAILED, by, GRADE_INFERRED);
}

/*
 * How long it must be silent before a Delete is believed.  A message of IKEv1 that may have been a
 * probe as well is one sooner when another phase 1 came after it (DETECTION-FACTS 3.5).
 */
static nsec delete_wait(const struct tracker *t, const struct ike_sa *sa, nsec now)
{
	nsec certain = IKE_DELETE_SETTLES_S * NSEC_PER_S;

	return sa->major == 1 && sa->delete_wait > certain && ike_sa_has_younger(t, sa, now)
		       ? certain
		       : sa->delete_wait;
}

void ike_sa_hasten_deletes(struct tracker *t, uint32_t ike_sa, nsec now)
{
	for (uint32_t i = t->tunnels[t->ike_sas[ike_sa].tunnel].ike_sas; i != NO_INDEX;
	     i = t->ike_sas[i].next_in_tunnel) {
		const struct ike_sa *o = &t->ike_sas[i];

		if (i != ike_sa && o->delete_at != NSEC_NONE && o->end_reason == END_NONE)
			ike_sa_wake(t, i, nsec_later(o->last + delete_wait(t, o, now),
						     now + NSEC_PER_MS));
	}
}

/* Its last words were probes of this side, one after the other, to none of which an echo came. */
static bool probed_in_vain(const struct ike_sa *sa, int side)
{
	int slot = side == sa->initiator_side ? 0 : 1;
	const struct exchange *both[2] = { sa->previous[slot], sa->current[slot] };

	for (int n = 0; n < 2; n++)
		if (both[n]->id == 0 || both[n]->type != IKE1_EXCHANGE_INFORMATIONAL ||
		    both[n]->purpose != PURPOSE_DPD || both[n]->responses > 0)
			return false;
	return sa->last <= both[1]->request_last;
}

/* One of IKEv1 that was probed in vain is looked at again when another was up for so long. */
enum { LOST_SETTLES_S = 30 };

/*
 * Probed in vain, and another phase 1 was set up since and stands: it was given up, its peer was
 * lost (RFC 3706 5.4).
 */
static void end_lost(struct tracker *t, uint32_t ike_sa, nsec now)
{
	const struct ike_sa *sa = &t->ike_sas[ike_sa];
	const struct tunnel *w = &t->tunnels[sa->tunnel];

	if (sa->major != 1 || sa->end_reason != END_NONE || sa->state < IKE_ESTABLISHED ||
	    !ike_sa_has_younger(t, sa, now - LOST_SETTLES_S * NSEC_PER_S))
		return;
	for (int side = 0; side < 2; side++)
		if (!w->one_sided[1 - side] && probed_in_vain(sa, side)) {
			ike_sa_end(t, ike_sa, sa->last, END_PEER_LOST, 1 - side, GRADE_INFERRED);
			return;
		}
}

void ike_sa_suspect_lost(struct tracker *t, uint32_t ike_sa, nsec now)
{
	for (uint32_t i = t->ike_sas[ike_sa].next_in_tunnel; i != NO_INDEX;
	     i = t->ike_sas[i].next_in_tunnel)
		if (t->ike_sas[i].end_reason == END_NONE)
			ike_sa_wake(t, i, now + LOST_SETTLES_S * NSEC_PER_S);
}

/*
 * A Delete was answered: of the IKE SA, or of a child SA?  When to look again; NSEC_NONE: decided.
 */
static nsec settle_delete(struct tracker *t, uint32_t ike_sa, nsec now, bool last_call)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	nsec wait = delete_wait(t, sa, now), at = sa->last + wait;

	if (now < at && !(last_call && wait <= IKE_DELETE_SETTLES_S * NSEC_PER_S))
		return at;
	if (sa->major == 2)
		child_trade_spis(t, ike_sa, sa->delete_at + DELETE_DRAINS_S * NSEC_PER_S);
	if (sa->major == 2 &&
	    child_speaks_after(t, ike_sa, sa->delete_at + DELETE_DRAINS_S * NSEC_PER_S)) {
		/* Its child SAs carry traffic both ways: the Delete was for one of them. */
		child_delete_seen(t, sa->tunnel, ike_sa, sa->delete_at, sa->delete_by, false);
		sa->delete_at = NSEC_NONE;
	} else {
		ike_sa_delete_seen(t, ike_sa, sa->delete_at, sa->delete_by);
	}
	return NSEC_NONE;
}

/* Its exchanges that wait no more are closed; when the next of them is due. */
static nsec close_exchanges(struct tracker *t, uint32_t ike_sa, nsec now)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	nsec next = exchange_settle_earlier(t, ike_sa, now, false);

	for (int slot = 0; slot < 2; slot++) {	/* quick modes that ran at the same time */
		struct exchange *x = sa->previous[slot];

		if (x->id == 0 || x->closed)
			continue;
		if (now < exchange_abandon_at(t, x))
			next = earlier(next, exchange_abandon_at(t, x));
		else
			exchange_close(t, x, x->responses ? OUTCOME_ANSWERED : OUTCOME_UNANSWERED,
				       now);
	}
	for (int slot = 0; slot < 2; slot++) {
		struct exchange *x = sa->current[slot];

		if (x->id == 0 || x->closed)
			continue;
		nsec at = exchange_abandon_at(t, x);

		if (now < at)
			next = earlier(next, at);
		else if (x->responses == 0)
			abandoned(t, ike_sa, x, now);
		else
			exchange_close(t, x, OUTCOME_ANSWERED, now);
	}
	return next;
}

/*
 * When the lifetime that both agreed on in clear runs out (RFC 2409 5: IKEv1 only), with a minute
 * for the Delete that may follow; NSEC_NONE: not known, or it was heard of since.
 */
static nsec runs_out(const struct ike_sa *sa)
{
	if (sa->major != 1 || !sa->has_life_seconds || sa->life_seconds > LIFE_MAX_S ||
	    sa->established == NSEC_NONE || sa->origin != ORIGIN_OBSERVED)
		return NSEC_NONE;

	nsec at = sa->established + (nsec)sa->life_seconds * NSEC_PER_S;

	return sa->last <= at ? at : NSEC_NONE;
}

/*
 * Its lifetime is over, nobody said anything on it since, and a younger one stands: both let it run
 * out.  When to look; NSEC_NONE: not, or it is done.  One that nothing follows may have been
 * renewed out of sight, or not be needed: that is left to silent_end_s.
 */
static nsec settle_lifetime(struct tracker *t, uint32_t ike_sa, nsec now)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	nsec at = runs_out(sa);

	if (at == NSEC_NONE || now < at + EXPIRED_SETTLES_S * NSEC_PER_S)
		return at == NSEC_NONE ? at : at + EXPIRED_SETTLES_S * NSEC_PER_S;
	if (ike_sa_has_younger(t, sa, now))
		ike_sa_end(t, ike_sa, at, END_EXPIRED, SIDE_UNKNOWN, GRADE_INFERRED);
	return NSEC_NONE;
}

void ike_sa_due(struct tracker *t, uint32_t ike_sa, nsec now, bool last_call)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	nsec next = NSEC_NONE;

	if (sa->flags & IKE_SA_AUTH_TENTATIVE)
		next = settle_auth(t, ike_sa, now, last_call);
	if (sa->delete_at != NSEC_NONE && sa->end_reason == END_NONE)
		next = earlier(next, settle_delete(t, ike_sa, now, last_call));
	end_lost(t, ike_sa, now);
	next = earlier(next, close_exchanges(t, ike_sa, now));
	/* Refused in clear, and nothing came of it: believed only now, because nobody signed it. */
	if (sa->end_reason == END_NONE && sa->state < IKE_ESTABLISHED &&
	    sa->current[0]->outcome == OUTCOME_FAILED && (sa->current[0]->closed || last_call))
		ike_sa_end(t, ike_sa, sa->last, END_FAILED, 1 - sa->initiator_side, GRADE_DERIVED);
	if (sa->major == 2 && sa->end_reason == END_NONE && sa->state < IKE_ESTABLISHED &&
	    sa->initiator_side >= 0 && sa->current[0]->closed && eap_is_over(sa, sa->current[0]) &&
	    !t->tunnels[sa->tunnel].one_sided[sa->initiator_side])
		ike_sa_login_failed(t, ike_sa, sa->current[0], sa->last);
	if (sa->end_reason == END_NONE && sa->state < IKE_ESTABLISHED && next == NSEC_NONE &&
	    now - sa->last >= t->settings->retx_abandon_max)
		ike_sa_end(t, ike_sa, sa->last,
			   sa->last < t->watched_since ? END_UNKNOWN : END_FAILED, SIDE_UNKNOWN,
			   sa->last < t->watched_since ? GRADE_UNKNOWN : GRADE_INFERRED);
	nsec expiry = sa->end_reason == END_NONE && sa->delete_at == NSEC_NONE
			      ? settle_lifetime(t, ike_sa, now)
			      : NSEC_NONE;

	if (sa->end_reason == END_NONE && now - sa->last > t->settings->silent_end) {
		nsec expired = runs_out(sa);

		if (expired != NSEC_NONE && expired < now)
			ike_sa_end(t, ike_sa, expired, END_EXPIRED, SIDE_UNKNOWN, GRADE_INFERRED);
		else
			ike_sa_end(t, ike_sa, sa->last, END_UNKNOWN, SIDE_UNKNOWN, GRADE_UNKNOWN);
	}
	if (sa->end_reason != END_NONE &&
	    now - nsec_later(sa->ended, sa->last) >= keep(t, sa, now)) {
		ike_sa_release(t, ike_sa);
		return;
	}
	if (sa->end_reason != END_NONE)
		next = earlier(next, nsec_later(sa->ended, sa->last) + keep(t, sa, now));
	else if (next == NSEC_NONE)
		next = sa->state < IKE_ESTABLISHED ? sa->last + t->settings->retx_abandon_max :
						      sa->last + t->settings->silent_end + 1;
	if (sa->end_reason == END_NONE)
		next = earlier(next, expiry);
	ike_sa_wake(t, ike_sa, nsec_later(next, now + NSEC_PER_MS));
}
