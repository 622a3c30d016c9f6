/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/auth_attempts.h"

#include <sawatch/ike_registry.h>

#include "detect/ike_use.h"

static bool is_auth(const struct exchange *x)
{
	return x && x->major == 2 && x->type == IKE2_EXCHANGE_IKE_AUTH && x->from >= 0;
}

static struct auth_attempt *attempt_find(struct auth_attempts *s, const struct exchange *x)
{
	for (size_t i = 0; i < AUTH_ATTEMPTS; i++) {
		struct auth_attempt *a = &s->attempt[i];

		if (a->used && a->spi_i == x->spi_i && a->message_id == x->message_id &&
		    a->from == x->from)
			return a;
	}
	return NULL;
}

static struct auth_attempt *attempt_see(struct auth_attempts *s, const struct exchange *x)
{
	struct auth_attempt *a = attempt_find(s, x);

	if (a)
		return a;
	a = &s->attempt[s->next++ % AUTH_ATTEMPTS];
	*a = (struct auth_attempt){
		.used = true,
		.spi_i = x->spi_i,
		.message_id = x->message_id,
		.from = x->from,
	};
	/* the first transmission came before this attempt was worth remembering */
	a->copy[0] = x->request_at;
	return a;
}

/*
 * How long the answer before took from here to the initiator, and its next request back.  What came
 * before the capture does not tell.
 */
static nsec turn_of(const struct scene *sc, const struct exchange *x, const struct ike_sa *sa)
{
	if (!sa || !sa->init_seen)
		return sc->settings->retx_answer_wait;
	const struct exchange *before = sa->previous[x->from == sa->initiator_side ? 0 : 1];

	if (before->id == 0 || before->from != x->from ||
	    before->type == IKE2_EXCHANGE_IKE_AUTH ||	/* a person may have been asked */
	    before->response_at == NSEC_NONE || x->request_at < before->response_at)
		return 0;
	return x->request_at - before->response_at;
}

static void take(struct auth_attempt *a, const struct exchange *x, const struct ike_sa *sa)
{
	a->eap = x->purpose == PURPOSE_EAP;
	a->init_seen = sa && sa->init_seen && sa->spi_r != 0;
	a->not_observable = x->outcome == OUTCOME_NOT_OBSERVABLE;
	a->first = x->request_at;
	a->last = x->request_last;
	a->answered = x->response_at;
	a->copies = x->requests;
	a->responses = x->responses;
	a->after_response = x->requests_after_response;
	a->src_port = x->request_src_port;
	a->dst_port = x->request_dst_port;
	a->answer_from_port = x->response_src_port;
	a->answer_to_port = x->response_dst_port;
	a->ip_fragments = x->request_ip_fragments;
	a->answer_ip_fragments = x->response_ip_fragments;
	a->ike_fragments = x->request_fragment_total;
	a->ike_fragments_seen = x->request_fragments_seen;
	a->answer_fragments = x->response_fragment_total;
	a->answer_fragments_seen = x->response_fragments_seen;
	a->bytes = x->request_bytes;
	a->answer_bytes = x->response_bytes;
	a->frames[0] = x->request_frame;
	a->frames[1] = x->request_last_frame;
	a->frames[2] = x->response_frame;
}

static void ports_seen(struct auth_attempts *s, const struct scene *sc, const struct event *ev)
{
	const struct exchange *x = ev->exchange;

	if (ev->kind == EVENT_ESP_SA_FIRST) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, ev->esp_sa);

		if (sa && sa->encap == ENCAP_UDP && sa->direction >= 0)
			s->from_4500[sa->direction] = true;
	} else if (ev->kind == EVENT_KEEPALIVE && ev->side >= 0) {
		s->from_4500[ev->side] = true;
	} else if (ev->kind == EVENT_RESPONSE && x && x->from >= 0 &&
		   x->response_src_port == 4500) {
		s->from_4500[!x->from] = true;
	} else if (ev->kind == EVENT_REQUEST && x && x->from >= 0 && x->request_src_port == 4500) {
		s->from_4500[x->from] = true;
	}
}

/* Nothing came of the IKE SA of this attempt. */
static bool unused(const struct scene *sc, const struct auth_attempt *a)
{
	uint32_t index = sc->tunnel->ike_sas;

	for (int looked = 0; looked < LATEST_SAS; looked++) {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, index);

		if (!sa)
			break;
		if (sa->spi_i == a->spi_i)
			return ike_use_of(sc, sa) == IKE_UNUSED &&
			       ike_use_unowned(sc, a->from, a->first) == 0;
		index = sa->next_in_tunnel;
	}
	return false;
}

/*
 * A copy that crosses the answer on its way is normal; it is not when that happens in every round,
 * and each round is given up for a new IKE SA.
 */
static void count_left(struct auth_attempts *s, const struct scene *sc, int from, nsec now)
{
	nsec since = now - sc->settings->retx_rounds_window;
	int n = 0;

	for (size_t i = 0; i < AUTH_ATTEMPTS; i++)
		n += s->attempt[i].left && s->attempt[i].from == from &&
		     s->attempt[i].last >= since;
	for (size_t i = 0; i < AUTH_ATTEMPTS && n >= sc->settings->retx_rounds_crit; i++)
		s->attempt[i].in_vain |= s->attempt[i].left && s->attempt[i].from == from &&
					  s->attempt[i].last >= since;
}

static void begun_anew(struct auth_attempts *s, const struct scene *sc, const struct event *ev)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (!sa)
		return;
	for (size_t i = 0; i < AUTH_ATTEMPTS; i++) {
		struct auth_attempt *a = &s->attempt[i];

		if (a->used && a->from == sa->initiator_side && a->spi_i != sa->spi_i &&
		    a->responses == 0 && !a->went_on && ev->at > a->last &&
		    ev->at - a->last <= sc->settings->retx_restart)
			a->given_up = a->restarted = true;
		else if (a->used && a->from == sa->initiator_side && a->spi_i != sa->spi_i &&
			 a->after_response > 0 && !a->left && ev->at > a->last &&
			 ev->at - a->last <= sc->settings->retx_restart)
			a->left = unused(sc, a);
	}
	if (sa->initiator_side >= 0)
		count_left(s, sc, sa->initiator_side, ev->at);
}

static bool got_beyond_init(const struct ike_sa *sa)
{
	const struct exchange *all[] = { sa->current[0], sa->previous[0], sa->current[1],
					 sa->previous[1] };
	bool beyond = sa->established != NSEC_NONE;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		beyond |= all[i]->id != 0 && all[i]->type != IKE2_EXCHANGE_IKE_SA_INIT;
	return beyond;
}

/* No ESP SA of this tunnel can be that of another IKE SA. */
static bool is_only_ike_sa(const struct scene *sc, const struct auth_attempt *a)
{
	uint32_t index = sc->tunnel->ike_sas;

	for (int looked = 0; looked < LATEST_SAS; looked++) {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, index);

		if (!sa)
			return true;
		if (sa->spi_i != a->spi_i && got_beyond_init(sa))
			return false;
		index = sa->next_in_tunnel;
	}
	return false;
}

/* Its next request under the same SPIs, or its answer to the peer's. */
static bool speaks_on(const struct auth_attempt *a, const struct event *ev)
{
	const struct exchange *x = ev->exchange;

	if (!x || x->spi_i != a->spi_i || x->type == IKE2_EXCHANGE_IKE_SA_INIT)
		return false;
	return ev->kind == EVENT_REQUEST ? x->from == a->from && x->message_id > a->message_id
					 : ev->kind == EVENT_RESPONSE && x->from == !a->from;
}

/*
 * What follows under the same SPIs, or the first packet of an ESP SA that nothing but this IKE_AUTH
 * can have made: it was answered, where this capture does not look.
 */
static void gone_on(struct auth_attempts *s, const struct scene *sc, const struct event *ev)
{
	const struct esp_sa *esp = ev->kind == EVENT_ESP_SA_FIRST
					   ? tracker_esp_sa(sc->tracker, ev->esp_sa)
					   : NULL;

	for (size_t i = 0; i < AUTH_ATTEMPTS; i++) {
		struct auth_attempt *a = &s->attempt[i];

		if (!a->used || a->responses > 0 || ev->at <= a->last)
			continue;
		a->went_on |= speaks_on(a, ev);
		a->went_on |= esp && esp->direction == a->from && esp->seq_first == 1 &&
			      ev->at - a->last <= sc->settings->birth_window &&
			      is_only_ike_sa(sc, a);
	}
}

bool auth_attempts_any(const struct auth_attempts *s)
{
	bool any = false;

	for (size_t i = 0; i < AUTH_ATTEMPTS; i++)
		any |= s->attempt[i].used;
	return any;
}

bool auth_attempts_ignores(const struct auth_attempts *s, const struct event *ev)
{
	const struct exchange *x = ev->exchange;

	switch (ev->kind) {
	case EVENT_KEEPALIVE:
		return ev->side < 0 || s->from_4500[ev->side];
	case EVENT_REQUEST:
		return !auth_attempts_any(s) &&
		       (!x || x->from < 0 || x->request_src_port != 4500 || s->from_4500[x->from]);
	case EVENT_RESPONSE:
		return !auth_attempts_any(s) &&
		       (!x || x->from < 0 || x->response_src_port != 4500 ||
			s->from_4500[!x->from]);
	case EVENT_EXCHANGE_CLOSED:
	case EVENT_IKE_SA_CREATED:
		return !auth_attempts_any(s);
	default:
		return false;
	}
}

void auth_attempts_observe(struct auth_attempts *s, const struct scene *sc, const struct event *ev)
{
	const struct exchange *x = ev->exchange;
	struct auth_attempt *a;

	ports_seen(s, sc, ev);
	gone_on(s, sc, ev);
	if (ev->kind == EVENT_IKE_SA_CREATED)
		begun_anew(s, sc, ev);
	if (!is_auth(x))
		return;
	if (ev->kind == EVENT_REQUEST_COPY) {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

		a = attempt_see(s, x);
		take(a, x, sa);
		if (a->turn == 0)
			a->turn = turn_of(sc, x, sa);
		if (a->responses > 0 && ev->at - a->answered > a->turn)
			a->late++;
		if (a->copies > 0)
			a->copy[(a->copies - 1) % AUTH_COPIES] = ev->at;
	} else if ((a = attempt_find(s, x))) {
		take(a, x, tracker_ike_sa(sc->tracker, ev->ike_sa));
		a->given_up |= ev->kind == EVENT_EXCHANGE_CLOSED && x->responses == 0;
	}
}

void auth_attempts_fields(struct fields *f, struct auth_attempts *s)
{
	for (size_t i = 0; i < AUTH_ATTEMPTS; i++) {
		struct auth_attempt *a = &s->attempt[i];

		FIELD(f, a->spi_i);
		FIELD(f, a->message_id);
		FIELD(f, a->from);
		FIELD(f, a->used);
		FIELD(f, a->eap);
		FIELD(f, a->given_up);
		FIELD(f, a->restarted);
		FIELD(f, a->counted);
		FIELD(f, a->left);
		FIELD(f, a->in_vain);
		FIELD(f, a->init_seen);
		FIELD(f, a->not_observable);
		FIELD(f, a->went_on);
		FIELD(f, a->first);
		FIELD(f, a->last);
		FIELD_MAYBE(f, a->answered);
		FIELD(f, a->copy);
		FIELD(f, a->copies);
		FIELD(f, a->responses);
		FIELD(f, a->after_response);
		FIELD(f, a->turn);
		FIELD(f, a->late);
		FIELD(f, a->dst_port);
		FIELD(f, a->answer_from_port);
		FIELD(f, a->answer_to_port);
		FIELD(f, a->src_port);
		FIELD(f, a->ip_fragments);
		FIELD(f, a->answer_ip_fragments);
		FIELD(f, a->ike_fragments);
		FIELD(f, a->ike_fragments_seen);
		FIELD(f, a->answer_fragments);
		FIELD(f, a->answer_fragments_seen);
		FIELD(f, a->bytes);
		FIELD(f, a->answer_bytes);
		FIELD(f, a->frames);
	}
	FIELD(f, s->next);
	FIELD(f, s->from_4500);
}
