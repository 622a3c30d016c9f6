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

void exchange_make_room(struct tracker *t, struct ike_sa *sa)
{
	sa->current[0] = &sa->asked[0];
	sa->previous[0] = &sa->asked[1];
	sa->current[1] = sa->previous[1] = &t->nothing_asked;
}

struct exchange *exchange_answerer_room(struct tracker *t, struct ike_sa *sa)
{
	struct exchange *own = t->answerer_asked[sa - t->ike_sas];

	if (sa->current[1] == &t->nothing_asked) {
		own[0] = own[1] = (struct exchange){ 0 };
		sa->current[1] = &own[0];
		sa->previous[1] = &own[1];
	}
	return own;
}

/*
 * With a window above 1 (SET_WINDOW_SIZE, RFC 7296 2.3: encrypted) several requests of a side are
 * under way, and their answers come in any order.  An IKE SA has room for two; the others wait
 * here, few at a time in the whole capture, until they are answered or given up.
 */
enum { IN_FLIGHT_S = 2 };

static bool is_open(const struct exchange *x)
{
	return x->id != 0 && !x->closed && x->major == 2;
}

bool exchange_in_flight(const struct exchange *x, nsec at)
{
	return is_open(x) && x->requests > 0 && x->responses == 0 &&
	       at - x->request_last < IN_FLIGHT_S * NSEC_PER_S &&
	       (x->type == IKE2_EXCHANGE_CREATE_CHILD_SA ||
		x->type == IKE2_EXCHANGE_IKE_FOLLOWUP_KE ||
		x->type == IKE2_EXCHANGE_INFORMATIONAL);
}

/* It is decided without having waited for its time. */
static void close_earlier(struct tracker *t, struct exchange *x, nsec at)
{
	if (x->responses == 0 && x->from >= 0)
		/* its sender asked on: it was answered */
		hygiene_unseen(t, x->tunnel, 1 - x->from, at);
	exchange_close(t, x, x->responses ? OUTCOME_ANSWERED : OUTCOME_NOT_OBSERVABLE, at);
}

static void park(struct tracker *t, struct exchange *x)
{
	struct exchange *place = &t->parked[t->next_parked++ % PARKED];

	if (place->id != 0)
		close_earlier(t, place, t->now);
	else
		t->n_parked++;
	*place = *x;
}

/* The latest one makes room: for one that begins, or for one that is answered late. */
static void step_back(struct tracker *t, struct ike_sa *sa, int slot)
{
	exchange_write(t, sa->previous[slot]);
	if (is_open(sa->previous[slot]))
		park(t, sa->previous[slot]);
	*sa->previous[slot] = *sa->current[slot];
}

static struct exchange *parked(struct tracker *t, uint32_t ike_sa, int from,
			       const struct ike_message *m)
{
	for (uint32_t i = 0; t->n_parked > 0 && i < PARKED; i++) {
		struct exchange *x = &t->parked[i];

		if (exchange_is(x, m->header.exchange, m->header.message_id) &&
		    x->ike_sa == ike_sa && x->from == from)
			return x;
	}
	return NULL;
}

struct exchange *exchange_recall(struct tracker *t, uint32_t ike_sa, int slot,
				 const struct ike_message *m, uint64_t hash)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	struct exchange *before = sa->previous[slot], found = *before;
	int from = slot == 0 ? sa->initiator_side : 1 - sa->initiator_side;

	if (!exchange_is(before, m->header.exchange, m->header.message_id)) {
		before = parked(t, ike_sa, from, m);
		if (!before)
			return NULL;
		found = *before;
	}
	if (!is_open(before) || (m->is_request && before->request_hash != hash))
		return NULL;
	if (before == sa->previous[slot]) {
		*before = *sa->current[slot];
	} else {
		before->id = 0;
		t->n_parked--;
		step_back(t, sa, slot);
	}
	*sa->current[slot] = found;
	return sa->current[slot];
}

nsec exchange_settle_earlier(struct tracker *t, uint32_t ike_sa, nsec now, bool over)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	nsec next = NSEC_NONE;

	for (uint32_t i = 0; i < 2 + (t->n_parked > 0 ? PARKED : 0); i++) {
		struct exchange *x = i < 2 ? sa->previous[i] : &t->parked[i - 2];

		if (!is_open(x) || x->ike_sa != ike_sa)
			continue;
		nsec at = exchange_abandon_at(t, x);

		if (over || now >= at) {
			close_earlier(t, x, now);
			if (i >= 2) {
				x->id = 0;
				t->n_parked--;
			}
		} else if (next == NSEC_NONE || at < next) {
			next = at;
		}
	}
	return next;
}

struct exchange *exchange_begin(struct tracker *t, uint32_t ike_sa, int slot,
				const struct ike_message *m, nsec at, int from)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	struct exchange *x = slot == 0 ? sa->current[0] : exchange_answerer_room(t, sa);

	if (sa->major == 1)
		exchange_close(t, sa->previous[slot],
			       sa->previous[slot]->responses ? OUTCOME_ANSWERED
							     : OUTCOME_UNANSWERED,
			       at);
	step_back(t, sa, slot);
	*x = (struct exchange){
		.id = tracker_number(t, OBJECT_EXCHANGE), .tunnel = sa->tunnel, .ike_sa = ike_sa,
		.spi_i = sa->spi_i, .spi_r = sa->spi_r, .major = m->header.major,
		.type = m->header.exchange,
		.from = (int8_t)from, .message_id = m->header.message_id,
		.request_at = NSEC_NONE, .request_last = NSEC_NONE, .response_at = NSEC_NONE,
		.response_last = NSEC_NONE, .request_np1 = IKE_NP1_NONE,
		.response_np1 = IKE_NP1_NONE,
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
	bool *recut;
};

static enum transmission transmit(const struct leg *g, const struct arrival *a,
				  const struct ike_message *m, uint64_t hash)
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
		/* each piece once, however many copies of others came before it */
		if (bit ? !*g->recut : *g->count == 1)
			*g->bytes += m->header.length;
	} else if (m->is_fragment &&
		   (*g->fragment_total == total ? bit != (*g->fragments_seen & -*g->fragments_seen)
						: m->fragment_number != 1)) {
		/* a copy is counted once, by its first fragment of those that come through */
		what = TRANSMISSION_PART;
	}
	if (m->is_fragment && *g->fragment_total != total) {	/* the copy is cut in another way */
		*g->fragment_total = total;
		*g->fragments_seen = 0;
		*g->recut = true;
	}
	*g->fragments_seen |= bit;
	if (what != TRANSMISSION_PART && *g->count < UINT16_MAX)
		++*g->count;
	if (a->ip_fragments)
		*g->ip_fragments = 1;
	if (*g->np1 == IKE_NP1_NONE && m->np1 != IKE_NP1_NONE &&
	    (!m->is_fragment || m->fragment_number == 1))
		*g->np1 = m->np1;
	*g->last = a->at;
	*g->last_frame = a->frame->number;
	return what;
}

/* Asked and answered: it may leave its row. */
static void confirm(struct tracker *t, struct exchange *x)
{
	if (x->quiet && x->requests > 0 && x->responses > 0 &&
	    !(t->ike_sas[x->ike_sa].flags & IKE_SA_QUIET))
		x->quiet = !restraint_confirms(t, x->tunnel);
}

enum transmission exchange_request(struct tracker *t, struct exchange *x, const struct arrival *a,
				   const struct ike_message *m, uint64_t hash)
{
	const struct leg leg = { &x->request_at, &x->request_last, &x->request_frame,
		&x->request_last_frame, &x->request_hash, &x->requests,
		&x->request_fragment_total, &x->request_ip_fragments, &x->request_src_port,
		&x->request_dst_port, &x->request_bytes, &x->request_fragments_seen,
		&x->request_np1, &x->request_recut };
	nsec before = x->request_last;
	enum transmission what = transmit(&leg, a, m, hash);

	if (what == TRANSMISSION_COPY) {
		x->last_gap = a->at - before;
		if (x->closed && x->outcome == OUTCOME_NOT_OBSERVABLE && x->responses == 0) {
			x->closed = false;	/* who asks again had no answer */
			x->outcome = OUTCOME_PENDING;
		}
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
		&x->response_last_frame, &x->response_hash, &x->responses,
		&x->response_fragment_total, &x->response_ip_fragments, &x->response_src_port,
		&x->response_dst_port, &x->response_bytes, &x->response_fragments_seen,
		&x->response_np1, &x->response_recut };
	enum transmission what = transmit(&leg, a, m, hash);

	confirm(t, x);
	return what;
}

bool exchange_answered_before(const struct tracker *t, const struct exchange *x)
{
	return x->request_at != NSEC_NONE && x->response_at != NSEC_NONE &&
	       x->response_at <= x->request_at &&
	       x->request_at - x->response_at <= t->settings->dup_ike;
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
	if (x->major == 1 && x->type == IKE1_EXCHANGE_INFORMATIONAL && x->purpose != PURPOSE_DPD &&
	    x->responses == 0)
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
		/* not when it was given up, but when it was */
		ev.at = nsec_later(x->request_last, x->response_last);
		event_emit(t, &ev);
	}
}

void exchange_emit(struct tracker *t, enum event_kind kind, const struct exchange *x,
		   const struct arrival *a)
{
	struct event ev = event_of(t, kind, a->at, x->tunnel);

	ev.ike_sa = x->ike_sa;
	ev.exchange = x;
	ev.side = a->side;
	event_emit(t, &ev);
}

void exchange_write(struct tracker *t, struct exchange *x)
{
	uint64_t state = (uint64_t)x->requests << 40 | (uint64_t)x->responses << 24 |
			 (uint64_t)x->outcome << 16 | (uint64_t)x->purpose << 8 |
			 (uint64_t)x->grade << 4 | 1;

	if (x->id == 0 || x->written == state || x->quiet)
		return;
	x->written = state;
	snapshot_exchange(t, x);
}
