/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The exchange engine: one request and its answer, every copy counted.
 * Copies of the mirror were taken out before (hygiene.c), so what comes twice
 * here was sent twice.  RFC 7296 2.1: only the requester retransmits, and its
 * copies are identical, but vendors fragment the second copy and not the first
 * (DETECTION-FACTS 1.2): the message ID is the key, the bytes only confirm.
 */
#include "track/tracker.h"

#include <sawatch/ike_registry.h>

bool exchange_is(const struct exchange *x, uint8_t type, uint32_t message_id)
{
	return x->id != 0 && x->type == type && x->message_id == message_id;
}

struct exchange *exchange_begin(struct tracker *t, uint32_t ike_sa, int slot, const struct ike_message *m,
				nsec at, int from)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	struct exchange *x = &sa->current[slot];

	exchange_close(t, &sa->previous[slot], sa->previous[slot].responses ? OUTCOME_ANSWERED : OUTCOME_UNANSWERED, at);
	if (sa->previous[slot].id != 0)
		exchange_write(t, &sa->previous[slot]);
	sa->previous[slot] = *x;
	*x = (struct exchange){
		.id = tracker_number(t, OBJECT_EXCHANGE), .tunnel = sa->tunnel, .ike_sa = ike_sa,
		.spi_i = sa->spi_i, .spi_r = sa->spi_r, .major = m->header.major, .type = m->header.exchange,
		.from = (int8_t)from, .message_id = m->header.message_id,
		.request_at = NSEC_NONE, .request_last = NSEC_NONE, .response_at = NSEC_NONE,
		.response_last = NSEC_NONE, .request_np1 = IKE_NP1_NONE, .response_np1 = IKE_NP1_NONE,
		.outcome = OUTCOME_PENDING, .purpose = PURPOSE_UNKNOWN, .grade = GRADE_UNKNOWN,
		.quiet = (sa->flags & IKE_SA_QUIET) || !restraint_admits(t, sa->tunnel, false),
	};
	return x;
}

/* One direction of an exchange, so that requests and answers are counted by the same code. */
struct leg {
	nsec *first, *last;
	uint64_t *frame, *last_frame, *hash;
	uint16_t *count, *fragment_total, *ip_fragments, *src_port, *dst_port;
	uint32_t *bytes, *fragments_seen;
	int16_t *np1;
};

static enum transmission transmit(const struct leg *g, const struct arrival *a, const struct ike_message *m,
				  uint64_t hash)
{
	enum transmission what = TRANSMISSION_COPY;
	uint16_t total = m->is_fragment ? (m->fragment_total ? m->fragment_total : UINT16_MAX) : 0;
	uint32_t bit = m->is_fragment && m->fragment_number >= 1 && m->fragment_number <= 32 ?
			UINT32_C(1) << (m->fragment_number - 1) : 0;

	if (*g->first == NSEC_NONE) {
		what = TRANSMISSION_FIRST;
		*g->first = a->at;
		*g->frame = a->frame->number;
		*g->hash = hash;
		*g->fragment_total = total;
		*g->bytes = m->header.length;
		*g->src_port = a->src_port;
		*g->dst_port = a->dst_port;
	} else if (m->is_fragment && *g->fragment_total == total && !(*g->fragments_seen & bit)) {
		what = TRANSMISSION_PART;
		if (*g->count == 1)
			*g->bytes += m->header.length;
	} else if (m->is_fragment && m->fragment_number != 1) {
		what = TRANSMISSION_PART;	/* a copy is counted once, by its first fragment */
	}
	if (m->is_fragment && *g->fragment_total != total) {	/* the copy is cut in another way */
		*g->fragment_total = total;
		*g->fragments_seen = 0;
	}
	*g->fragments_seen |= bit;
	if (what != TRANSMISSION_PART && *g->count < UINT16_MAX)
		++*g->count;
	if (a->ip_fragments)
		*g->ip_fragments = 1;
	if (*g->np1 == IKE_NP1_NONE && m->np1 != IKE_NP1_NONE && (!m->is_fragment || m->fragment_number == 1))
		*g->np1 = m->np1;
	*g->last = a->at;
	*g->last_frame = a->frame->number;
	return what;
}

/* Asked and answered: it may leave its row. */
static void confirm(struct tracker *t, struct exchange *x)
{
	if (x->quiet && x->requests > 0 && x->responses > 0 && !(t->ike_sas[x->ike_sa].flags & IKE_SA_QUIET))
		x->quiet = !restraint_confirms(t, x->tunnel);
}

enum transmission exchange_request(struct tracker *t, struct exchange *x, const struct arrival *a,
				   const struct ike_message *m, uint64_t hash)
{
	const struct leg leg = { &x->request_at, &x->request_last, &x->request_frame, &x->request_last_frame,
		&x->request_hash, &x->requests, &x->request_fragment_total, &x->request_ip_fragments,
		&x->request_src_port, &x->request_dst_port, &x->request_bytes, &x->request_fragments_seen,
		&x->request_np1 };
	nsec before = x->request_last;
	enum transmission what = transmit(&leg, a, m, hash);

	if (what == TRANSMISSION_COPY) {
		x->last_gap = a->at - before;
		if (x->response_at != NSEC_NONE && a->at - x->response_at >= t->settings->dup_ike &&
		    x->requests_after_response < UINT16_MAX)
			x->requests_after_response++;
	}
	confirm(t, x);
	return what;
}

enum transmission exchange_response(struct tracker *t, struct exchange *x, const struct arrival *a,
				    const struct ike_message *m, uint64_t hash)
{
	const struct leg leg = { &x->response_at, &x->response_last, &x->response_frame,
		&x->response_last_frame, &x->response_hash, &x->responses, &x->response_fragment_total,
		&x->response_ip_fragments, &x->response_src_port, &x->response_dst_port,
		&x->response_bytes, &x->response_fragments_seen, &x->response_np1 };

	enum transmission what = transmit(&leg, a, m, hash);

	confirm(t, x);
	return what;
}

nsec exchange_abandon_at(const struct tracker *t, const struct exchange *x)
{
	const struct settings *s = t->settings;
	double factor = s->retx_abandon_factor * (double)x->last_gap;
	nsec wait = factor < (double)s->retx_abandon_max ? (nsec)factor : s->retx_abandon_max;

	if (wait < s->retx_abandon_min)
		wait = s->retx_abandon_min;
	return x->request_last == NSEC_NONE ? x->response_last + wait : x->request_last + wait;
}

void exchange_close(struct tracker *t, struct exchange *x, enum exchange_outcome outcome, nsec at)
{
	if (x->id == 0 || x->closed)
		return;
	/* RFC 2408 5.15: IKEv1 informational messages are not answered. */
	if (x->major == 1 && x->type == IKE1_EXCHANGE_INFORMATIONAL && x->purpose != PURPOSE_DPD && x->responses == 0)
		outcome = OUTCOME_ONE_WAY;
	x->closed = true;
	if (x->outcome == OUTCOME_PENDING)
		x->outcome = outcome;
	exchange_write(t, x);
	struct event ev = event_of(t, EVENT_EXCHANGE_CLOSED, at, x->tunnel);

	ev.exchange = x;
	ev.ike_sa = x->ike_sa;
	ev.side = x->from;
	ev.frame = x->request_frame ? x->request_frame : x->response_frame;
	event_emit(t, &ev);
	if (x->requests > 1) {
		ev.kind = EVENT_RETRANSMISSION;
		ev.at = nsec_later(x->request_last, x->response_last);	/* not when it was given up, but when it was */
		event_emit(t, &ev);
	}
}

/* Give it to the sink when it changed since the last time. */
void exchange_write(struct tracker *t, struct exchange *x)
{
	uint64_t state = (uint64_t)x->requests << 40 | (uint64_t)x->responses << 24 | (uint64_t)x->outcome << 16 |
			 (uint64_t)x->purpose << 8 | (uint64_t)x->grade << 4 | 1;

	if (x->id == 0 || x->written == state || x->quiet)
		return;
	x->written = state;
	snapshot_exchange(t, x);
}
