/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What IKEv2 messages mean (RFC 7296).  Almost everything is encrypted, but
 * the header, the order of exchanges and np1, the type of the first inner
 * payload, are not (DETECTION-FACTS 1.3).
 */
#include "track/ike2_parts.h"

enum {
	/* EAP and certificate requests; beyond, IKE_AUTH of an SA that is up is forged */
	AUTH_ROUNDS = 64,
	/* a step of the message ID that lost packets may make while a request waits */
	FAR = 64,
};

/*
 * Where the peers of an IKE SA are now.  A way that the tunnel had before is told only when it is
 * announced (RFC 4555 3.5, UPDATE_SA_ADDRESSES): who moved comes back, too.
 */
static void speaks_from(struct tracker *t, const struct arrival *a, uint32_t ike_sa, bool known,
			bool announced)
{
	struct tunnel *w = &t->tunnels[a->tunnel];
	bool moved = !addr_equal(tunnel_now(w, a->side).addr, a->packet->src);

	tunnel_seen_at(t, w, a->side, arrival_src(a));
	tunnel_seen_at(t, w, 1 - a->side, arrival_dst(a));
	if (t->ike_sas[ike_sa].established == NSEC_NONE || (known && !(moved && announced)))
		return;

	struct event ev = event_of(t, EVENT_ADDRESS_MOVED, a->at, a->tunnel);

	ev.ike_sa = ike_sa;
	ev.side = a->side;
	ev.value[0] = announced;
	event_emit(t, &ev);
}

/* Under a pair of SPIs that is known: who speaks, and from where.  False: neither of the two. */
static bool is_of_known(struct tracker *t, uint32_t i, struct arrival *a,
			const struct ike_message *m)
{
	const struct ike_sa *sa = &t->ike_sas[i];
	int8_t side;
	uint32_t leads_to = path_find_tunnel(t, arrival_src(a), arrival_dst(a), &side);

	a->tunnel = sa->tunnel;
	a->side = m->from_initiator ? sa->initiator_side : (int8_t)(1 - sa->initiator_side);
	if (leads_to == sa->tunnel && side != a->side)
		/* sent back to its sender: RFC 7296 3.1, the I flag says who speaks */
		return false;
	if (leads_to != NO_INDEX && leads_to != sa->tunnel && side == a->side &&
	    tunnel_was_up(&t->tunnels[leads_to]) && ike_sa_join_tunnel(t, i, leads_to))
		leads_to = a->tunnel = sa->tunnel;
	if (leads_to == sa->tunnel ||	/* else same SPIs, other endpoints: NAT or MOBIKE */
	    path_add(t, sa->tunnel, arrival_src(a), arrival_dst(a), a->side))
		speaks_from(t, a, i, leads_to == sa->tunnel, m->np1 == IKE2_PAYLOAD_NOTIFY);
	return true;
}

/*
 * The answer names the responder's SPI; so does whatever comes first when the answer was missed.
 */
static bool is_of_half_open(struct tracker *t, uint32_t i, const struct arrival *a,
			    const struct ike_message *m)
{
	const struct ike_sa *sa = &t->ike_sas[i];
	bool open = sa->spi_r == 0 || (sa->established == NSEC_NONE &&
				       sa->current[0]->type == IKE2_EXCHANGE_IKE_SA_INIT);

	if (m->header.spi_r == 0 || sa->spi_r == m->header.spi_r)
		return true;
	if (!open || (sa->initiator_side == a->side) != m->from_initiator)
		return false;
	ike_sa_answered(t, i, m->header.spi_r);
	return true;
}

/* From its first message: was the beginning of this IKE SA captured, or was it there before? */
static uint32_t new_sa(struct tracker *t, const struct arrival *a, const struct ike_message *m)
{
	const struct ike_header *h = &m->header;
	uint32_t i = ike_sa_new(t, a, h->spi_i, h->spi_r, 2,
				m->from_initiator ? a->side : (int8_t)(1 - a->side));

	if (i == NO_INDEX)
		return NO_INDEX;
	if (ike2_is_initial(h->exchange)) {
		struct event ev = event_of(t, EVENT_IKE_SA_CREATED, a->at, a->tunnel);

		t->ike_sas[i].init_seen = true;
		ev.ike_sa = i;
		ev.side = t->ike_sas[i].initiator_side;
		event_emit(t, &ev);
	} else if (h->exchange == IKE2_EXCHANGE_IKE_AUTH ||
		   h->exchange == IKE2_EXCHANGE_IKE_INTERMEDIATE) {
		t->ike_sas[i].origin = ORIGIN_MIDSTREAM;
		t->ike_sas[i].state = IKE_CONNECTING;
	} else {
		ike_sa_rekeyed_from(t, i, h->message_id);
		t->ike_sas[i].state = IKE_ESTABLISHED;
		if (t->ike_sas[i].origin == ORIGIN_REKEY)
			t->ike_sas[i].flags |= IKE_SA_ESTABLISHED_TOLD;
		else
			t->ike_sas[i].established = NSEC_NONE;
	}
	return i;
}

/* The IKE SA of a message; makes it when it is new.  Sets the arrival's tunnel and side. */
static uint32_t sa_of(struct tracker *t, struct arrival *a, const struct ike_message *m)
{
	const struct ike_header *h = &m->header;
	uint32_t i = h->spi_r != 0 ? ike_sa_find(t, h->spi_i, h->spi_r) : NO_INDEX;

	if (i != NO_INDEX && t->ike_sas[i].major != 2)
		return NO_INDEX;	/* the same SPIs, another version: of no IKE SA */
	if (i != NO_INDEX)
		return is_of_known(t, i, a, m) ? i : NO_INDEX;
	a->tunnel = tunnel_see(t, arrival_src(a), arrival_dst(a), a->packet->network, &a->side);
	if (a->tunnel == NO_INDEX)
		return NO_INDEX;
	i = ike_sa_find_half_open(t, a->tunnel, h->spi_i);
	if (i != NO_INDEX && t->ike_sas[i].major != 2)
		return NO_INDEX;
	if (i != NO_INDEX && is_of_half_open(t, i, a, m))
		return i;
	return new_sa(t, a, m);
}

/* ---- one message ---------------------------------------------------------- */

/*
 * A new step of IKE_SA_INIT under the same message ID: a retry with a cookie or another group (RFC
 * 7296 2.6).
 */
static bool is_next_step(const struct exchange *x, const struct ike_message *m, uint64_t hash)
{
	return m->is_request && ike2_is_initial(m->header.exchange) && x->request_at != NSEC_NONE &&
	       x->request_hash != hash && !m->is_fragment;
}

static bool is_known(const struct ike_sa *sa, int slot, const struct ike_message *m)
{
	return exchange_is(sa->current[slot], m->header.exchange, m->header.message_id) ||
	       exchange_is(sa->previous[slot], m->header.exchange, m->header.message_id);
}

static void proves_unseen(struct tracker *t, const struct ike_sa *sa, const struct exchange *x,
			  const struct arrival *a)
{
	if (x->id != 0 && x->responses == 0 && x->request_at != NSEC_NONE && x->from >= 0)
		hygiene_unseen(t, sa->tunnel, 1 - x->from, a->at);
}

/*
 * It is the next step after the latest exchange that was asked and answered, so what came between
 * was forged.
 */
static bool goes_on(const struct ike_sa *sa, int slot, uint32_t id)
{
	return sa->answered_id[slot] >= 0 && id > sa->answered_id[slot] &&
	       id - sa->answered_id[slot] <= FAR;
}

/*
 * Nobody but the peers can make a message that the other one accepts, but anybody on the path can
 * make one that looks like it.  What does not fit into the conversation of an SA that is up does
 * not disturb it.
 */
static bool is_garbage(const struct ike_sa *sa, int slot, const struct ike_message *m,
		       uint64_t hash)
{
	const struct exchange *x = sa->current[slot];
	uint32_t id = m->header.message_id;

	if (!(sa->flags & IKE_SA_ESTABLISHED_TOLD))
		return false;
	if (is_known(sa, slot, m)) {
		if (!exchange_is(x, m->header.exchange, id))
			x = sa->previous[slot];
		/*
		 * RFC 7296 2.1: a copy is identical, or cut into other fragments.  A refusal may
		 * turn out to be forged.
		 */
		uint64_t first = m->is_request ? x->request_hash : x->response_hash;
		uint16_t fragments =
			m->is_request ? x->request_fragment_total : x->response_fragment_total;
		bool seen = m->is_request ? x->requests > 0 : x->responses > 0;

		return seen && !m->is_fragment && fragments == 0 && hash != first &&
		       x->outcome != OUTCOME_FAILED;
	}
	/* another round of EAP, asked for late */
	if (m->header.exchange == IKE2_EXCHANGE_IKE_AUTH)
		return x->type != IKE2_EXCHANGE_IKE_AUTH || id != x->message_id + 1 ||
		       id >= AUTH_ROUNDS;
	/* a request in sequence still waits for its answer */
	return x->id != 0 && !x->closed && x->requests > 0 && x->responses == 0 &&
	       goes_on(sa, slot, x->message_id) &&
	       (id == x->message_id || (id > x->message_id && id - x->message_id > FAR));
}

static struct exchange *exchange_of(struct tracker *t, uint32_t i, int slot,
				    const struct arrival *a, const struct ike_message *m,
				    uint64_t hash)
{
	struct ike_sa *sa = &t->ike_sas[i];
	struct exchange *x = sa->current[slot];
	uint8_t type = m->header.exchange;
	uint32_t id = m->header.message_id;
	int from = slot == 0 ? sa->initiator_side : 1 - sa->initiator_side;

	if (exchange_is(x, type, id) && !is_next_step(x, m, hash))
		return x;
	struct exchange *earlier = exchange_recall(t, i, slot, m, hash);

	if (earlier)
		return earlier;
	if (!m->is_request && exchange_is(sa->previous[slot], type, id))
		return sa->previous[slot];
	if (m->is_request && exchange_is(sa->previous[slot], type, id) &&
	    sa->previous[slot]->request_hash == hash)
		return sa->previous[slot];
	if (x->id != 0 && id < x->message_id && x->message_id - id < 1u << 16 && type != x->type &&
	    !goes_on(sa, slot, id))
		return NULL;		/* long over */
	if (m->is_request && (sa->flags & IKE_SA_ESTABLISHED_TOLD) && exchange_in_flight(x, a->at))
		return exchange_begin(t, i, slot, m, a->at, from);
	if (m->is_request && !exchange_is(x, type, id) && id > x->message_id)
		/* window 1: the answer to the last one must exist */
		proves_unseen(t, sa, x, a);
	exchange_close(t, x,
		       x->responses ? OUTCOME_ANSWERED
		       : x->from >= 0 && t->tunnels[sa->tunnel].one_sided[1 - x->from]
			       ? OUTCOME_NOT_OBSERVABLE
		       : m->is_request && id > x->message_id ? OUTCOME_NOT_OBSERVABLE
							     : OUTCOME_SUPERSEDED,
		       a->at);
	if (!m->is_request)
		hygiene_unseen(t, sa->tunnel, from, a->at);	/* an answer nobody asked for */
	return exchange_begin(t, i, slot, m, a->at, from);
}

/*
 * Outside any IKE SA: INVALID_SPI and the like, RFC 7296 1.5.  Nobody signed it: an event, no more.
 */
static void unprotected(struct tracker *t, struct arrival *a, const struct ike_message *m)
{
	a->tunnel = tunnel_see(t, arrival_src(a), arrival_dst(a), a->packet->network, &a->side);
	if (a->tunnel == NO_INDEX)
		return;
	for (unsigned n = 0; n < m->n_notifies && n < IKE_NOTIFIES_MAX; n++) {
		const struct ike_notify *f = &m->notifies[n];
		uint64_t spi = f->spi;

		if (spi == 0 && f->data.length >= 4)
			spi = (uint64_t)f->data.data[0] << 24 | (uint64_t)f->data.data[1] << 16 |
			      (uint64_t)f->data.data[2] << 8 | f->data.data[3];
		if (f->type < IKE2_NOTIFY_FIRST_STATUS)
			ike2_emit_error(t, a, NO_INDEX, f->type, spi);
	}
}

/* Find its place in an exchange: the first transmission has a meaning, a copy is only counted. */
static void take_part(struct tracker *t, uint32_t i, int slot, const struct arrival *a,
		      const struct ike_message *m, uint64_t hash)
{
	struct ike_sa *sa = &t->ike_sas[i];
	struct exchange *x = exchange_of(t, i, slot, a, m, hash);

	if (!x)
		return;
	bool current = x == sa->current[slot];
	enum transmission what = m->is_request ? exchange_request(t, x, a, m, hash) :
						 exchange_response(t, x, a, m, hash);
	bool tells = !m->is_fragment || m->fragment_number == 1;

	if (m->is_request && what == TRANSMISSION_FIRST && exchange_answered_before(t, x))
		hygiene_seen_after_all(t, a->tunnel, x->from);

	if (x->requests > 0 && x->responses > 0 && x->message_id > sa->answered_id[slot])
		sa->answered_id[slot] = x->message_id;
	ike_sa_exchanged(t, i, x);

	if (current && what == TRANSMISSION_FIRST && !tells) {
		if (m->is_request)
			/* a later fragment came first: wait for the one that tells */
			x->purpose = PURPOSE_UNKNOWN;
	} else if (current &&
		   (what == TRANSMISSION_FIRST || (what == TRANSMISSION_PART && tells))) {
		if (m->is_request)
			ike2_first_request(t, sa, slot, a, m);
		else
			ike2_first_response(t, sa, slot, a, m);
	} else if (what == TRANSMISSION_COPY) {
		/* the fragment that tells never came; a login it is in any case */
		if (current && x->purpose == PURPOSE_UNKNOWN && x->type == IKE2_EXCHANGE_IKE_AUTH)
			x->purpose = PURPOSE_IKE_AUTH;
		exchange_emit(t, m->is_request ? EVENT_REQUEST_COPY : EVENT_RESPONSE_COPY, x, a);
		if (!m->is_request && x->outcome == OUTCOME_FAILED && hash != x->response_hash)
			ike2_another_answer(t, sa, x, a, m);
	}
	if (sa->flags & IKE_SA_USED)
		ike_sa_wake(t, i, exchange_abandon_at(t, sa->current[slot]));
}

void ike2_message(struct tracker *t, struct arrival *a, const struct ike_message *m, uint64_t hash)
{
	bool clear_error = !m->encrypted && m->header.exchange == IKE2_EXCHANGE_INFORMATIONAL;

	/*
	 * A clear error inside an exchange (INVALID_IKE_SPI copies our header): no answer of that
	 * exchange.
	 */
	bool foreign_error =
		!m->is_request && !m->encrypted && !ike2_is_initial(m->header.exchange);

	/* Only a whole SPI pair leads to the IKE SA it is about: in clear it makes none. */
	if (m->header.spi_i == 0 || (clear_error && m->n_notifies > 0) ||
	    (foreign_error && (m->header.spi_r == 0 ||
			       ike_sa_find(t, m->header.spi_i, m->header.spi_r) == NO_INDEX))) {
		unprotected(t, a, m);
		return;
	}
	uint32_t i = sa_of(t, a, m);

	if (i == NO_INDEX)
		return;
	struct ike_sa *sa = &t->ike_sas[i];
	/* The requester's slot: a request comes from it, an answer goes to it. */
	int slot = m->from_initiator == m->is_request ? 0 : 1;

	hygiene_remember_tunnel(t, hash, a->tunnel, a->side);
	ike_sa_seen(t, i, a, a->side);
	if (foreign_error) {
		for (unsigned n = 0; n < m->n_notifies && n < IKE_NOTIFIES_MAX; n++)
			ike2_emit_error(t, a, i, m->notifies[n].type, m->notifies[n].spi);
		return;
	}
	/* Once it is authenticated nothing in clear changes it. */
	if (ike2_is_initial(m->header.exchange) && sa->state >= IKE_ESTABLISHED &&
	    !is_known(sa, slot, m))
		return;
	if (is_garbage(sa, slot, m, hash))
		return;
	if (ike2_is_initial(m->header.exchange) && sa->state < IKE_ESTABLISHED)
		ike_sa_clear_parts(t, i, a, m);
	take_part(t, i, slot, a, m, hash);
}
