/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What IKEv1 messages mean (RFC 2408, 2409).  Both sides retransmit, quick
 * modes have random message IDs, deletes and DPD are one-way messages told
 * apart by their length (DETECTION-FACTS 1.6, 1.8).
 */
#include "track/ike1_parts.h"

#include <sawatch/ike_registry.h>

enum { HASH_ALONE_MAX = 108 };	/* SHA2-512, AES */

/*
 * A responder's first message, whose request was not captured: it names both
 * cookies and begins with the SA payload, as nothing else of phase 1 does (RFC
 * 2409 5.1, 5.4).
 */
static bool is_first_answer(const struct ike_message *m)
{
	const struct ike_header *h = &m->header;

	return h->spi_r != 0 && h->message_id == 0 && !m->encrypted && m->n_payloads > 0 &&
	       m->payloads[0] == IKE1_PAYLOAD_SA &&
	       (h->exchange == IKE1_EXCHANGE_IDENTITY_PROTECTION ||
		h->exchange == IKE1_EXCHANGE_AGGRESSIVE);
}

/* Under a pair of cookies that is known: who speaks, and from where. */
static void of_known(struct tracker *t, uint32_t i, struct arrival *a)
{
	const struct ike_sa *sa = &t->ike_sas[i];
	int8_t side;
	uint32_t leads_to = path_find_tunnel(t, arrival_src(a), arrival_dst(a), &side);

	if (leads_to == sa->tunnel ||
	    (leads_to != NO_INDEX && tunnel_was_up(&t->tunnels[leads_to]) &&
	     ike_sa_join_tunnel(t, i, leads_to))) {
		a->tunnel = sa->tunnel;
		a->side = side;
		return;
	}
	/* Other endpoints: the side whose address stayed tells who speaks. */
	bool initiator = addr_equal(a->packet->dst, sa->responder.addr) ||
			 addr_equal(a->packet->src, sa->initiator.addr);

	a->tunnel = sa->tunnel;
	a->side = initiator ? sa->initiator_side : (int8_t)(1 - sa->initiator_side);
	if (path_add(t, sa->tunnel, arrival_src(a), arrival_dst(a), a->side) &&
	    sa->established != NSEC_NONE) {
		struct event ev = event_of(t, EVENT_ADDRESS_MOVED, a->at, sa->tunnel);

		ev.ike_sa = i;
		ev.side = a->side;
		event_emit(t, &ev);
	}
}

/* From its first message: was the beginning of this IKE SA captured, or was it there before? */
static uint32_t new_sa(struct tracker *t, const struct arrival *a, const struct ike_message *m)
{
	const struct ike_header *h = &m->header;
	bool answer = is_first_answer(m);
	bool beginning =
		answer || (h->spi_r == 0 && (h->exchange == IKE1_EXCHANGE_IDENTITY_PROTECTION ||
					     h->exchange == IKE1_EXCHANGE_AGGRESSIVE ||
					     h->exchange == IKE1_EXCHANGE_BASE));

	/*
	 * The header of IKEv1 does not say who began the SA: when it is seen from the middle, the
	 * first to speak is taken for the initiator.
	 */
	uint32_t i = ike_sa_new(t, a, h->spi_i, h->spi_r, 1,
				answer ? (int8_t)(1 - a->side) : a->side);

	if (i == NO_INDEX)
		return NO_INDEX;
	struct ike_sa *sa = &t->ike_sas[i];

	if (beginning) {
		struct event ev = event_of(t, EVENT_IKE_SA_CREATED, a->at, a->tunnel);

		sa->init_seen = true;
		ev.ike_sa = i;
		ev.side = sa->initiator_side;
		event_emit(t, &ev);
	} else {
		sa->origin = ORIGIN_MIDSTREAM;
		sa->grade = GRADE_INFERRED;
		if (h->exchange == IKE1_EXCHANGE_QUICK_MODE ||
		    h->exchange == IKE1_EXCHANGE_INFORMATIONAL)
			sa->state = IKE_ESTABLISHED;
	}
	return i;
}

/* The IKE SA of a message; makes it when it is new.  Sets the arrival's tunnel and side. */
static uint32_t sa_of(struct tracker *t, struct arrival *a, const struct ike_message *m)
{
	const struct ike_header *h = &m->header;
	uint32_t i = h->spi_r != 0 ? ike_sa_find(t, h->spi_i, h->spi_r) : NO_INDEX;

	if (i != NO_INDEX && t->ike_sas[i].major != 1)
		return NO_INDEX;	/* the same SPIs, another version: of no IKE SA */
	if (i != NO_INDEX) {
		of_known(t, i, a);
		return i;
	}
	a->tunnel = tunnel_see(t, arrival_src(a), arrival_dst(a), a->packet->network, &a->side);
	if (a->tunnel == NO_INDEX)
		return NO_INDEX;
	i = ike_sa_find_half_open(t, a->tunnel, h->spi_i);
	if (i != NO_INDEX && t->ike_sas[i].major != 1)
		return NO_INDEX;
	if (i == NO_INDEX || (h->spi_r != 0 && t->ike_sas[i].spi_r != 0))
		return new_sa(t, a, m);
	if (h->spi_r != 0)
		ike_sa_answered(t, i, h->spi_r);
	return i;
}

/* ---- phase 1 -------------------------------------------------------------- */

static enum exchange_purpose step_of(const struct ike_sa *sa, const struct ike_message *m)
{
	if (m->header.exchange == IKE1_EXCHANGE_AGGRESSIVE)
		return PURPOSE_AGGRESSIVE;
	if (m->n_offers > 0 || (m->n_payloads > 0 && m->payloads[0] == IKE1_PAYLOAD_SA))
		return PURPOSE_MAIN_MODE_SA;
	if (m->has_ke)
		return PURPOSE_MAIN_MODE_KE;
	if (m->encrypted || m->is_fragment)
		return PURPOSE_MAIN_MODE_AUTH;
	return sa->current[0]->purpose == PURPOSE_UNKNOWN ? PURPOSE_MAIN_MODE_SA
							 : sa->current[0]->purpose;
}

static void phase1_up(struct tracker *t, uint32_t i, nsec at)
{
	ike_sa_established(t, i, at);
	ike_sa_hasten_deletes(t, i, at);
	ike_sa_suspect_lost(t, i, at);
}

static void phase1(struct tracker *t, uint32_t i, const struct arrival *a,
		   const struct ike_message *m, uint64_t hash)
{
	struct ike_sa *sa = &t->ike_sas[i];
	enum exchange_purpose step = step_of(sa, m);
	bool request = a->side == sa->initiator_side;
	struct exchange *x = NULL;

	for (int n = 0; n < 2 && !x; n++) {
		struct exchange *candidate = n == 0 ? sa->current[0] : sa->previous[0];

		if (candidate->id != 0 && candidate->type == m->header.exchange &&
		    candidate->purpose == step)
			x = candidate;
	}
	if (!x && sa->state >= IKE_ESTABLISHED)
		return;			/* nothing that was begun: a late copy, or forged */
	if (!x) {
		if (sa->current[0]->id != 0 && request && sa->current[0]->responses == 0 &&
		    sa->current[0]->type == m->header.exchange)
			hygiene_unseen(t, sa->tunnel, 1 - a->side, a->at);
		exchange_close(t, sa->current[0],
			       sa->current[0]->responses ? OUTCOME_ANSWERED
							 : OUTCOME_NOT_OBSERVABLE,
			       a->at);
		if (!request && sa->origin == ORIGIN_OBSERVED)
			hygiene_unseen(t, sa->tunnel, 1 - a->side, a->at);
		x = exchange_begin(t, i, 0, m, a->at, sa->initiator_side);
		x->purpose = step;
		x->grade = GRADE_OBSERVED;
	}
	/* The third message of aggressive mode completes it; it is no copy of the first. */
	if (step == PURPOSE_AGGRESSIVE && request && x->responses > 0 && hash != x->request_hash) {
		phase1_up(t, i, a->at);
		return;
	}
	enum transmission what =
		request ? exchange_request(t, x, a, m, hash) : exchange_response(t, x, a, m, hash);

	if (what == TRANSMISSION_COPY) {
		exchange_emit(t, request ? EVENT_REQUEST_COPY : EVENT_RESPONSE_COPY, x, a);
		return;
	}
	if (what == TRANSMISSION_PART)
		return;
	if (request && sa->origin == ORIGIN_OBSERVED && exchange_answered_before(t, x))
		hygiene_seen_after_all(t, sa->tunnel, a->side);
	if (request) {
		exchange_emit(t, EVENT_REQUEST, x, a);
		return;
	}
	x->outcome = OUTCOME_ANSWERED;
	restraint_ike_sa_answered(t, i);
	if (sa->state == IKE_CREATED)
		sa->state = IKE_CONNECTING;
	if (step == PURPOSE_MAIN_MODE_AUTH)
		phase1_up(t, i, a->at);
	exchange_emit(t, EVENT_RESPONSE, x, a);
}

/* ---- quick mode ----------------------------------------------------------- */

static struct exchange *exchange_of(struct ike_sa *sa, uint8_t type, uint32_t message_id)
{
	for (int slot = 0; slot < 2; slot++) {
		if (exchange_is(sa->current[slot], type, message_id))
			return sa->current[slot];
		if (exchange_is(sa->previous[slot], type, message_id))
			return sa->previous[slot];
	}
	return NULL;
}

static void mark_crossing(struct tracker *t, const struct ike_sa *sa, const struct exchange *x,
			  uint32_t child)
{
	for (uint32_t i = t->tunnels[sa->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		struct child_sa *c = &t->child_sas[i];

		if (i == child || c->how != CREATED_QUICK_MODE || c->created_by == x->from)
			continue;
		if (child_sa_requested(c) <= t->child_sas[child].created &&
		    c->created >= x->request_at) {
			c->flags |= CHILD_SA_COLLIDED;
			t->child_sas[child].flags |= CHILD_SA_COLLIDED;
		}
	}
}

static bool has_child(const struct tracker *t, const struct ike_sa *sa, const struct exchange *x)
{
	for (uint32_t i = sa->children; i != NO_INDEX; i = t->child_sas[i].more->next_of_ike)
		if (t->child_sas[i].how == CREATED_QUICK_MODE &&
		    child_sa_requested(&t->child_sas[i]) == x->request_at &&
		    t->child_sas[i].created_by == x->from)
			return true;
	return false;
}

/* The third message: both sides have the keys.  Its copies are the asker's retransmissions too. */
static void quick_complete(struct tracker *t, uint32_t i, struct exchange *x, nsec at)
{
	struct ike_sa *sa = &t->ike_sas[i];

	if (x->outcome == OUTCOME_ANSWERED && x->closed && has_child(t, sa, x)) {
		if (x->requests < UINT16_MAX)
			x->requests++;
		exchange_write(t, x);
		return;
	}
	x->outcome = OUTCOME_ANSWERED;
	uint32_t child =
		child_birth(t, i, CREATED_QUICK_MODE, x->request_at, at, x->from, x, false);

	if (child != NO_INDEX)
		mark_crossing(t, sa, x, child);
	exchange_close(t, x, OUTCOME_ANSWERED, at);
}

/*
 * A third message says that there was a second.  Where the other side is heard otherwise it was
 * lost, or never sent: both sides of a quick mode that makes a child SA are seen, or one of them
 * never is.
 */
static bool answer_unseen(struct tracker *t, struct exchange *x, const struct arrival *a)
{
	const struct tunnel *w = &t->tunnels[x->tunnel];
	int other = 1 - a->side;

	if (!x->closed)
		hygiene_unseen(t, x->tunnel, other, a->at);
	if (w->one_sided[other] || w->more->ike[other].messages == 0)
		return true;
	exchange_close(t, x, OUTCOME_NOT_OBSERVABLE, a->at);
	return false;
}

/*
 * A third message to what came first: then that was the second, and the first
 * was not captured, or made room for others that run at the same time.
 */
static bool makes_it_the_answer(const struct ike_sa *sa, const struct exchange *x,
				const struct ike_message *m)
{
	uint32_t third = ike1_message_bytes(sa, 0), bytes = m->header.length;

	if (x->requests == 0 || x->responses > 0 || m->is_fragment || bytes >= x->request_bytes)
		return false;
	return third != 0 ? bytes == third : bytes <= HASH_ALONE_MAX;
}

static void turn_round(struct exchange *x)
{
	x->from = (int8_t)(1 - x->from);
	x->responses = x->requests;
	x->response_at = x->request_at;
	x->response_last = x->request_last;
	x->response_bytes = x->request_bytes;
	x->response_hash = x->request_hash;
	x->response_frame = x->request_frame;
	x->response_last_frame = x->request_last_frame;
}

static void quick_mode(struct tracker *t, uint32_t i, const struct arrival *a,
		       const struct ike_message *m, uint64_t hash)
{
	struct ike_sa *sa = &t->ike_sas[i];
	struct exchange *x = exchange_of(sa, IKE1_EXCHANGE_QUICK_MODE, m->header.message_id);
	int slot = a->side == sa->initiator_side ? 0 : 1;

	ike_sa_established(t, i, a->at);
	if (!x) {
		struct exchange *before = sa->current[slot];

		/* quick modes may run at the same time (RFC 2409 5.5) */
		if (before->type != IKE1_EXCHANGE_QUICK_MODE ||
		    a->at - before->request_last >= t->settings->retx_abandon_min)
			exchange_close(t, before,
				       before->responses ? OUTCOME_ANSWERED : OUTCOME_UNANSWERED,
				       a->at);
		x = exchange_begin(t, i, slot, m, a->at, a->side);
		x->purpose = PURPOSE_QUICK_MODE;
		x->grade = GRADE_OBSERVED;
	}
	if (a->side != x->from && makes_it_the_answer(sa, x, m)) {
		turn_round(x);
		quick_complete(t, i, x, a->at);
		return;
	}
	if (a->side != x->from) {
		enum transmission what = exchange_response(t, x, a, m, hash);

		if (what == TRANSMISSION_FIRST) {
			x->outcome = OUTCOME_ANSWERED;
			ike_sa_exchanged(t, i, x);
			exchange_emit(t, EVENT_RESPONSE, x, a);
		} else if (what == TRANSMISSION_COPY) {
			exchange_emit(t, EVENT_RESPONSE_COPY, x, a);
		}
		return;
	}
	/*
	 * HASH(3) alone, RFC 2409 5.5: shorter than the first message, which has an SA and a nonce
	 * as well
	 */
	if (x->requests > 0 && hash != x->request_hash && !m->is_fragment) {
		if (m->header.length >= x->request_bytes)
			return;
		if (x->responses == 0 && !answer_unseen(t, x, a))
			return;
		if (m->header.length <= HASH_ALONE_MAX)
			ike1_learn_lengths(sa, m->header.length);
		quick_complete(t, i, x, a->at);
		return;
	}
	enum transmission what = exchange_request(t, x, a, m, hash);

	if (what == TRANSMISSION_FIRST)
		exchange_emit(t, EVENT_REQUEST, x, a);
	else if (what == TRANSMISSION_COPY)
		exchange_emit(t, EVENT_REQUEST_COPY, x, a);
}

/* ---- all others ----------------------------------------------------------- */

/*
 * Transactions (XAUTH, mode config), new group mode, and what no registry knows: a row, no meaning.
 */
static void other_exchange(struct tracker *t, uint32_t i, const struct arrival *a,
			   const struct ike_message *m, uint64_t hash)
{
	struct ike_sa *sa = &t->ike_sas[i];
	struct exchange *x = exchange_of(sa, m->header.exchange, m->header.message_id);
	int slot = a->side == sa->initiator_side ? 0 : 1;

	if (!x) {
		struct exchange *before = sa->current[slot];

		if (before->type == IKE1_EXCHANGE_QUICK_MODE && !before->closed)
			return;		/* its slot is busy: this message leaves no row */
		exchange_close(t, before, before->responses ? OUTCOME_ANSWERED : OUTCOME_UNANSWERED,
			       a->at);
		x = exchange_begin(t, i, slot, m, a->at, a->side);
		x->purpose = m->header.exchange == IKE1_EXCHANGE_TRANSACTION ? PURPOSE_TRANSACTION
									     : PURPOSE_OTHER;
		x->grade = GRADE_OBSERVED;
	}
	if (a->side == x->from) {
		exchange_request(t, x, a, m, hash);
	} else {
		exchange_response(t, x, a, m, hash);
		x->outcome = OUTCOME_ANSWERED;
		ike_sa_exchanged(t, i, x);
	}
}

/*
 * In clear, and of no IKE SA that is known: INVALID-SPI comes with cookies that were made up for it
 * (RFC 2408 5.4).  Nobody signed it: an event, no more.
 */
static bool outside_any(struct tracker *t, struct arrival *a, const struct ike_message *m)
{
	const struct ike_header *h = &m->header;

	if (m->encrypted || h->exchange != IKE1_EXCHANGE_INFORMATIONAL || h->spi_i == 0 ||
	    ike_sa_find(t, h->spi_i, h->spi_r) != NO_INDEX)
		return false;
	a->tunnel = tunnel_see(t, arrival_src(a), arrival_dst(a), a->packet->network, &a->side);
	return a->tunnel != NO_INDEX && ike_sa_find_half_open(t, a->tunnel, h->spi_i) == NO_INDEX;
}

void ike1_message(struct tracker *t, struct arrival *a, const struct ike_message *m, uint64_t hash)
{
	if (outside_any(t, a, m)) {
		ike1_clear_information(t, NO_INDEX, a, m);
		return;
	}
	uint32_t i = m->header.spi_i == 0 ? NO_INDEX : sa_of(t, a, m);

	if (i == NO_INDEX)
		return;
	hygiene_remember_tunnel(t, hash, a->tunnel, a->side);
	ike_sa_seen(t, i, a, a->side);
	if (!m->encrypted && t->ike_sas[i].state < IKE_ESTABLISHED)
		ike_sa_clear_parts(t, i, a, m);
	switch (m->header.exchange) {
	case IKE1_EXCHANGE_BASE:
	case IKE1_EXCHANGE_IDENTITY_PROTECTION:
	case IKE1_EXCHANGE_AUTHENTICATION_ONLY:
	case IKE1_EXCHANGE_AGGRESSIVE:
		phase1(t, i, a, m, hash);
		break;
	case IKE1_EXCHANGE_QUICK_MODE:
		quick_mode(t, i, a, m, hash);
		break;
	case IKE1_EXCHANGE_INFORMATIONAL:
		ike1_information(t, i, a, m, hash);
		break;
	default:
		other_exchange(t, i, a, m, hash);
		break;
	}
	if (!(t->ike_sas[i].flags & IKE_SA_USED))
		return;
	for (int slot = 0; slot < 2; slot++)
		if (t->ike_sas[i].current[slot]->id != 0 && !t->ike_sas[i].current[slot]->closed)
			ike_sa_wake(t, i, exchange_abandon_at(t, t->ike_sas[i].current[slot]));
	ike_sa_wake(t, i, a->at + t->settings->retx_abandon_max);
}
