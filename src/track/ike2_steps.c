/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What requests and answers of IKEv2 do to the IKE SA that they belong to. */
#include "track/ike2_parts.h"

enum { INITIATOR_REFUSAL_S = 2 };

/* after a rekey: libreswan waits 1 s (DETECTION-FACTS 2.4) */
#define DELETES_WITHIN (2 * NSEC_PER_S)

void ike2_emit_error(struct tracker *t, const struct arrival *a, uint32_t ike_sa, uint16_t type,
		     uint64_t spi)
{
	struct event ev = event_of(t, EVENT_ERROR_NOTIFY, a->at, a->tunnel);

	ev.ike_sa = ike_sa;
	ev.side = a->side;
	ev.value[0] = type;
	ev.value[1] = 2;
	ev.value[2] = (int64_t)spi;
	event_emit(t, &ev);
}

/* ---- requests ------------------------------------------------------------- */

static void classify_request(struct tracker *t, struct exchange *x, const struct ike_message *m)
{
	const struct ike_sa *sa = &t->ike_sas[x->ike_sa];

	x->grade = GRADE_OBSERVED;
	switch (m->header.exchange) {
	case IKE2_EXCHANGE_IKE_SA_INIT:
	case IKE2_EXCHANGE_IKE_SESSION_RESUME:
		x->purpose = PURPOSE_IKE_SA_INIT;
		break;
	case IKE2_EXCHANGE_IKE_INTERMEDIATE:
		x->purpose = PURPOSE_INTERMEDIATE;
		break;
	case IKE2_EXCHANGE_IKE_FOLLOWUP_KE:
		x->purpose = PURPOSE_FOLLOWUP_KE;
		break;
	case IKE2_EXCHANGE_IKE_AUTH:
		x->purpose = m->np1 == IKE2_PAYLOAD_EAP ? PURPOSE_EAP : PURPOSE_IKE_AUTH;
		break;
	case IKE2_EXCHANGE_CREATE_CHILD_SA:
		x->grade = GRADE_INFERRED;
		x->purpose =
			m->np1 == IKE2_PAYLOAD_NOTIFY ? PURPOSE_REKEY_CHILD : PURPOSE_CREATE_CHILD;
		break;
	case IKE2_EXCHANGE_INFORMATIONAL:
		x->grade = GRADE_DERIVED;
		if (m->np1 == 0)
			x->purpose = PURPOSE_DPD;
		else if (m->np1 == IKE2_PAYLOAD_DELETE)
			x->purpose = PURPOSE_DELETE_UNKNOWN;
		else if (m->np1 == IKE2_PAYLOAD_NOTIFY)
			x->purpose = PURPOSE_NOTIFY;
		else if (m->np1 == IKE2_PAYLOAD_CP)
			x->purpose = PURPOSE_CONFIG;
		else
			x->grade = GRADE_UNKNOWN;
		break;
	default:
		x->purpose = PURPOSE_OTHER;
	}
	(void)sa;
}

/*
 * The other side's Delete was answered empty, and yet it was not the end of the IKE SA: the one who
 * answered was about to delete the same child SA, and does so now (RFC 7296 1.4.1).
 */
static bool one_after_other(const struct exchange *x, const struct exchange *y)
{
	return y->response_np1 == 0 && x->request_at >= y->request_at &&
	       x->request_at - y->request_at <= NSEC_PER_S;
}

/* Has it child SAs side by side?  Then Deletes that cross may each be for another of them. */
static bool holds_several(const struct tracker *t, const struct ike_sa *sa)
{
	unsigned n = 0;

	for (uint32_t i = sa->children; i != NO_INDEX && n < 2;
	     i = t->child_sas[i].more->next_of_ike)
		n += t->child_sas[i].end_reason == END_NONE &&
		     t->child_sas[i].more->successor == NO_INDEX &&
		     !(t->child_sas[i].flags & (CHILD_SA_TENTATIVE | CHILD_SA_REDUNDANT));
	return n > 1;
}

static void tell_crossing_deletes(struct tracker *t, struct exchange *x, struct exchange *y,
				  const struct arrival *a)
{
	struct event ev = event_of(t, EVENT_DELETE_COLLISION, a->at, x->tunnel);

	x->crossing_told = y->crossing_told = true;
	ev.ike_sa = x->ike_sa;
	ev.exchange = x;
	ev.other_exchange = y;
	ev.side = x->from;
	event_emit(t, &ev);
}

/* Both sides asked before either was answered (RFC 7296 2.8.1, 2.25). */
static void note_crossing(struct tracker *t, struct ike_sa *sa, int slot, const struct arrival *a)
{
	struct exchange *x = sa->current[slot], *y = sa->current[1 - slot];

	if (y->id == 0 || y->type != x->type || y->request_at == NSEC_NONE ||
	    ((y->response_at != NSEC_NONE || y->closed) && !one_after_other(x, y)))
		return;
	if (x->type == IKE2_EXCHANGE_INFORMATIONAL && x->request_np1 == IKE2_PAYLOAD_DELETE &&
	    y->request_np1 == IKE2_PAYLOAD_DELETE && !holds_several(t, sa))
		tell_crossing_deletes(t, x, y, a);
}

/* Mark child SAs whose exchanges crossed, once both are known. */
static void mark_collision(struct tracker *t, const struct ike_sa *sa, const struct exchange *x,
			   const struct exchange *y, uint32_t child)
{
	const struct exchange *after = sa->current[y->from == 1];

	if (y->id == 0 || y->type != IKE2_EXCHANGE_CREATE_CHILD_SA || y->request_at == NSEC_NONE)
		return;
	/* When a request that was not captured went out cannot be known. */
	if (x->request_at == NSEC_NONE || y->request_at > x->response_at ||
	    (y->response_at != NSEC_NONE && y->response_at < x->request_at))
		return;
	/* What its side asked next proves the answer that was not captured (window of 1). */
	if (y != after && y->response_at == NSEC_NONE && after->from == y->from &&
	    after->request_at != NSEC_NONE && after->request_at < x->request_at)
		return;
	for (uint32_t i = t->tunnels[sa->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		struct child_sa *c = &t->child_sas[i];

		if (i == child ||
		    (c->created_by == y->from && child_sa_requested(c) == y->request_at))
			c->flags |= CHILD_SA_COLLIDED;
	}
}

/* This answer comes after we had already inferred it (supply_unseen_answer()). */
static bool was_made(const struct tracker *t, const struct ike_sa *sa, const struct exchange *x)
{
	for (uint32_t i = sa->children; x->request_at != NSEC_NONE && i != NO_INDEX;
	     i = t->child_sas[i].more->next_of_ike)
		if (t->child_sas[i].how == CREATED_CREATE_CHILD_SA &&
		    t->child_sas[i].created_by == x->from &&
		    child_sa_requested(&t->child_sas[i]) == x->request_at)
			return true;
	return false;
}

/* A CREATE_CHILD_SA exchange succeeded, at that moment. */
static void child_made(struct tracker *t, struct ike_sa *sa, const struct exchange *x, int slot,
		       nsec at)
{
	uint32_t i = (uint32_t)(sa - t->ike_sas);
	bool rekey = x->request_np1 == IKE2_PAYLOAD_NOTIFY;

	if (was_made(t, sa, x))
		return;
	uint32_t child =
		child_birth(t, i, CREATED_CREATE_CHILD_SA, x->request_at, at, x->from, x, !rekey);

	if (child == NO_INDEX)
		return;
	if (x->responses == 0)
		t->child_sas[child].grade = GRADE_INFERRED;
	mark_collision(t, sa, x, sa->current[1 - slot], child);
	mark_collision(t, sa, x, sa->previous[1 - slot], child);
	if (rekey) {
		child_exchange_done(t, child);
		return;
	}
	/* perhaps a rekey of the IKE SA: the request began with SA, not with N(REKEY_SA) */
	sa->rekey[x->from] =
		(struct ike_rekey){ .at = at, .requested = x->request_at, .child = child };
	sa->rekey_by = x->from;
}

/*
 * A Delete right after one's own CREATE_CHILD_SA is for what that replaced (RFC
 * 7296 2.8): it was answered, and well, although the answer was not captured.
 */
static void supply_unseen_answer(struct tracker *t, struct ike_sa *sa, int slot,
				 const struct exchange *x)
{
	const struct exchange *before = sa->previous[slot];

	if (x == sa->current[slot] && x->type == IKE2_EXCHANGE_INFORMATIONAL &&
	    x->request_np1 == IKE2_PAYLOAD_DELETE && before->id != 0 &&
	    before->type == IKE2_EXCHANGE_CREATE_CHILD_SA && before->responses == 0 &&
	    before->request_at != NSEC_NONE && before->message_id + 1 == x->message_id &&
	    x->request_at - before->request_at <= DELETES_WITHIN)
		child_made(t, sa, before, slot, x->request_at);
}

static bool crossing_delete(const struct exchange *other, const struct exchange *x)
{
	return other->id != 0 && other->type == x->type &&
	       other->request_np1 == IKE2_PAYLOAD_DELETE && other->request_at != NSEC_NONE &&
	       other->request_at <= x->response_at &&
	       (other->response_at == NSEC_NONE || other->response_at >= x->request_at ||
		one_after_other(x, other));
}

/*
 * A Delete answered by nothing (42/0): it was for the IKE SA, if nothing follows; at once when that
 * was rekeyed by the same side.
 */
static void on_delete_answered_empty(struct tracker *t, struct ike_sa *sa, struct exchange *x,
				     int slot, const struct arrival *a)
{
	uint32_t i = (uint32_t)(sa - t->ike_sas);
	const struct ike_rekey *rekey = &sa->rekey[x->from];

	if (sa->successor != NO_INDEX || sa->flags & IKE_SA_REKEYED_AWAY ||
	    (rekey->child != NO_INDEX && (t->child_sas[rekey->child].flags & CHILD_SA_TENTATIVE) &&
	     a->at - rekey->at < 60 * NSEC_PER_S)) {
		x->purpose = PURPOSE_DELETE_IKE;
		ike_sa_delete_seen(t, i, x->request_at, x->from);
		return;
	}
	/*
	 * The first message on it deletes it: of two IKE SAs that crossing rekeys made, this is the
	 * redundant one.
	 */
	if (x->message_id == 0 && ike_sa_end_redundant(t, i, x->request_at, x->from)) {
		x->purpose = PURPOSE_DELETE_IKE;
		return;
	}
	/* Crossing Deletes of child SAs are answered empty as well (RFC 7296 1.4.1). */
	struct exchange *y = crossing_delete(sa->current[1 - slot], x)    ? sa->current[1 - slot]
			     : crossing_delete(sa->previous[1 - slot], x) ? sa->previous[1 - slot]
									   : NULL;
	bool crossed = y != NULL;

	if (crossed && !x->crossing_told)	/* empty: so both were for the same one */
		tell_crossing_deletes(t, x, y, a);

	bool expected = crossed && child_delete_expected(t, sa->tunnel);

	if (expected ||
	    (crossed && (ike_sa_follows_rekey(t, i, x) || ike_sa_follows_rekey(t, i, y)))) {
		x->purpose = PURPOSE_DELETE_CHILD;
		if (sa->delete_at != NSEC_NONE && sa->delete_by != x->from) {
			/* so was that one */
			child_delete_seen(t, sa->tunnel, i, sa->delete_at, sa->delete_by, false);
			sa->delete_at = NSEC_NONE;
		}
		/* when it is gone already, both meant the same one */
		if (expected || !child_one_was_deleted(t, sa->tunnel, x->request_at))
			child_delete_seen(t, sa->tunnel, i, x->request_at, x->from, expected);
		return;
	}
	if (crossed)
		child_deleted_by_both(t, sa->tunnel, i, x->request_at, x->from);
	sa->delete_at = x->request_at;
	sa->delete_by = x->from;
	sa->delete_wait = crossed ? t->settings->settle : IKE_DELETE_SETTLES_S * NSEC_PER_S;
	ike_sa_wake(t, i, a->at + sa->delete_wait);
}

static void on_information_answer(struct tracker *t, struct ike_sa *sa, struct exchange *x,
				  int slot, const struct arrival *a)
{
	if (x->request_np1 != IKE2_PAYLOAD_DELETE)
		return;
	if (x->response_np1 == IKE2_PAYLOAD_DELETE) {	/* 42/42: a child SA, RFC 7296 1.4.1 */
		x->purpose = PURPOSE_DELETE_CHILD;
		child_delete_seen(t, sa->tunnel, (uint32_t)(sa - t->ike_sas), x->request_at,
				  x->from, true);
	} else if (x->response_np1 == 0 && sa->end_reason == END_NONE) {
		on_delete_answered_empty(t, sa, x, slot, a);
	}
}

void ike2_first_request(struct tracker *t, struct ike_sa *sa, int slot, const struct arrival *a,
			const struct ike_message *m)
{
	struct exchange *x = sa->current[slot];
	uint32_t i = (uint32_t)(sa - t->ike_sas);

	classify_request(t, x, m);
	if (x->type == IKE2_EXCHANGE_IKE_AUTH && (sa->flags & IKE_SA_AUTH_TENTATIVE)) {
		/* Another round: the answer before was EAP, not success. */
		sa->flags &= ~(uint32_t)IKE_SA_AUTH_TENTATIVE;
		sa->established = NSEC_NONE;
		sa->state = IKE_CONNECTING;
		if (sa->auth_child != NO_INDEX)
			child_discard(t, sa->auth_child);
		sa->auth_child = NO_INDEX;
	} else if (x->type != IKE2_EXCHANGE_IKE_AUTH && (sa->flags & IKE_SA_AUTH_TENTATIVE)) {
		if (x->request_np1 == IKE2_PAYLOAD_NOTIFY && slot == 0 &&
		    a->at - sa->established <= INITIATOR_REFUSAL_S * NSEC_PER_S) {
			sa->flags |= IKE_SA_INITIATOR_REFUSED;
		} else {
			ike_sa_established(t, i, sa->established);
		}
	} else if (sa->state < IKE_ESTABLISHED && slot == 0 &&
		   x->type == IKE2_EXCHANGE_INFORMATIONAL &&
		   x->request_np1 == IKE2_PAYLOAD_NOTIFY &&
		   sa->previous[slot]->type == IKE2_EXCHANGE_IKE_AUTH &&
		   sa->previous[slot]->response_np1 == IKE2_PAYLOAD_EAP) {
		/* the initiator says that the login failed (RFC 7296 2.21.2) */
		ike_sa_login_failed(t, i, sa->previous[slot], a->at);
	} else if (sa->state < IKE_ESTABLISHED && (x->type == IKE2_EXCHANGE_CREATE_CHILD_SA ||
						   x->type == IKE2_EXCHANGE_INFORMATIONAL)) {
		/* These come after authentication only: its answer was not captured. */
		ike_sa_established(t, i,
				   sa->previous[slot]->request_at != NSEC_NONE &&
						   sa->previous[slot]->id != 0
					   ? sa->previous[slot]->request_at
					   : a->at);
	}
	if (sa->delete_at != NSEC_NONE && a->at > sa->delete_at) {
		/*
		 * It lives on, so the Delete meant a child SA (its answer crossed another Delete).
		 */
		if (x->request_np1 != IKE2_PAYLOAD_DELETE || x->from == sa->delete_by) {
			child_delete_seen(t, sa->tunnel, i, sa->delete_at, sa->delete_by, false);
			sa->delete_at = NSEC_NONE;
		}
	}
	supply_unseen_answer(t, sa, slot, x);
	if (x->request_np1 == IKE2_PAYLOAD_DELETE && x->type == IKE2_EXCHANGE_INFORMATIONAL &&
	    sa->state < IKE_DELETING && sa->rekey_by != SIDE_UNKNOWN)
		sa->state = IKE_DELETING;
	note_crossing(t, sa, slot, a);
	/* of two taps whose clocks differ the answer may come first */
	if (x->type == IKE2_EXCHANGE_INFORMATIONAL && exchange_answered_before(t, x))
		on_information_answer(t, sa, x, slot, a);
	exchange_emit(t, EVENT_REQUEST, x, a);
}

/* ---- answers -------------------------------------------------------------- */

static void on_init_answer(struct tracker *t, struct ike_sa *sa, struct exchange *x,
			   const struct arrival *a, const struct ike_message *m)
{
	uint32_t i = (uint32_t)(sa - t->ike_sas);
	const struct ike_notify *cookie = ike_find_notify(m, IKE2_NOTIFY_COOKIE);
	const struct ike_notify *ke = ike_find_notify(m, IKE2_NOTIFY_INVALID_KE_PAYLOAD);

	if (m->header.spi_r != 0)
		ike_sa_answered(t, i, m->header.spi_r);
	if (m->n_transforms > 0) {
		restraint_ike_sa_answered(t, i);
		if (sa->state == IKE_CREATED)
			sa->state = IKE_CONNECTING;
		return;
	}
	if (cookie) {
		x->purpose = PURPOSE_COOKIE;
		exchange_emit(t, EVENT_COOKIE, x, a);
		return;
	}
	if (ke) {
		x->purpose = PURPOSE_INVALID_KE;
		x->outcome = OUTCOME_FAILED;
		if (ke->data.length >= 2)
			x->error_group = (uint16_t)(ke->data.data[0] << 8 | ke->data.data[1]);
	}
	for (unsigned n = 0; n < m->n_notifies && n < IKE_NOTIFIES_MAX; n++)
		if (m->notifies[n].type < IKE2_NOTIFY_FIRST_STATUS) {
			x->error = m->notifies[n].type;
			x->outcome = OUTCOME_FAILED;
			ike2_emit_error(t, a, i, x->error, x->error_group);
			break;
		}
}

static void on_auth_answer(struct tracker *t, struct ike_sa *sa, struct exchange *x,
			   const struct arrival *a, const struct ike_message *m)
{
	uint32_t i = (uint32_t)(sa - t->ike_sas);

	if (ike_sa_is_error_answer(sa, m)) {
		x->outcome = OUTCOME_FAILED;
		sa->auth_failed = true;
		sa->established = NSEC_NONE;
		/* an earlier answer may have looked like success */
		sa->flags &= ~(uint32_t)IKE_SA_AUTH_TENTATIVE;
		exchange_emit(t, EVENT_AUTH_REFUSED, x, a);
		ike_sa_end(t, i, a->at, END_FAILED, a->side, GRADE_DERIVED);
		return;
	}
	if (m->np1 != IKE2_PAYLOAD_IDR && m->np1 != IKE2_PAYLOAD_AUTH)
		return;
	if (sa->auth_child != NO_INDEX)
		child_discard(t, sa->auth_child);
	sa->auth_child =
		child_birth(t, i, CREATED_IKE_AUTH, x->request_at, a->at, x->from, x, true);
	sa->established = a->at;
	sa->state = IKE_ESTABLISHED;
	sa->flags |= IKE_SA_AUTH_TENTATIVE;
	/* not forgotten for strangers from now on */
	t->tunnels[sa->tunnel].flags |= TUNNEL_ESTABLISHED;
	if (m->np1 == IKE2_PAYLOAD_AUTH)	/* final leg of EAP */
		ike_sa_established(t, i, a->at);
	else
		ike_sa_wake(t, i, a->at + 2 * NSEC_PER_S);
}

static void on_child_answer(struct tracker *t, struct ike_sa *sa, struct exchange *x, int slot,
			    const struct arrival *a, const struct ike_message *m)
{
	if (ike_sa_is_error_answer(sa, m)) {
		x->outcome = OUTCOME_FAILED;
		exchange_emit(t, EVENT_CHILD_REFUSED, x, a);
		return;
	}
	child_made(t, sa, x, slot, a->at);
}

void ike2_first_response(struct tracker *t, struct ike_sa *sa, int slot, const struct arrival *a,
			 const struct ike_message *m)
{
	struct exchange *x = sa->current[slot];

	x->outcome = OUTCOME_ANSWERED;
	/* what tells was not seen: the answer has to do */
	if (x->purpose == PURPOSE_UNKNOWN && x->request_np1 <= 0)
		classify_request(t, x, m);
	switch (m->header.exchange) {
	case IKE2_EXCHANGE_IKE_SA_INIT:
	case IKE2_EXCHANGE_IKE_SESSION_RESUME:
		on_init_answer(t, sa, x, a, m);
		break;
	case IKE2_EXCHANGE_IKE_AUTH:
		on_auth_answer(t, sa, x, a, m);
		break;
	case IKE2_EXCHANGE_CREATE_CHILD_SA:
		on_child_answer(t, sa, x, slot, a, m);
		break;
	case IKE2_EXCHANGE_INFORMATIONAL:
		on_information_answer(t, sa, x, slot, a);
		break;
	case IKE2_EXCHANGE_IKE_FOLLOWUP_KE:	/* the rekey is complete only now, RFC 9370 2.2.4 */
		if (sa->rekey[x->from].at != NSEC_NONE)
			sa->rekey[x->from].at = a->at;
		break;
	default:
		break;
	}
	exchange_emit(t, EVENT_RESPONSE, x, a);
}

/*
 * A second answer differs from the first, which was a refusal: the refusal was forged (RFC 7296
 * 2.21.1).
 */
void ike2_another_answer(struct tracker *t, struct ike_sa *sa, struct exchange *x,
			 const struct arrival *a, const struct ike_message *m)
{
	bool auth = x->type == IKE2_EXCHANGE_IKE_AUTH &&
		    (m->np1 == IKE2_PAYLOAD_IDR || m->np1 == IKE2_PAYLOAD_AUTH) &&
		    x == sa->current[0] && sa->end_reason == END_FAILED;

	if (!auth && !(ike2_is_initial(x->type) && m->n_transforms > 0))
		return;
	x->outcome = OUTCOME_ANSWERED;
	x->error = 0;
	if (auth) {
		sa->auth_failed = false;
		ike_sa_revive(t, x->ike_sa);
		on_auth_answer(t, sa, x, a, m);
	} else {
		x->purpose = PURPOSE_IKE_SA_INIT;
		on_init_answer(t, sa, x, a, m);
	}
	exchange_write(t, x);
}
