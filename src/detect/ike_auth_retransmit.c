/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/ike_use.h"
#include "detect/moments.h"

enum {
	ATTEMPTS = 6,		/* IKE_AUTH requests remembered per tunnel */
	COPIES = 8,		/* latest transmissions of each */
	UNFRAGMENTED_MAX = 1400,	/* IKE bytes; beyond, IP fragments are likely on any path */
};

/* One IKE_AUTH request that was sent more than once. */
struct attempt {
	uint64_t spi_i;
	uint32_t message_id;
	int8_t from;
	bool used, eap;
	bool given_up;		/* closed without an answer */
	bool restarted;		/* and the same side began a new IKE SA soon after */
	bool counted;		/* among the rounds */
	bool left;		/* answered, asked again, and then left unused for a new IKE SA */
	bool in_vain;		/* one of several in a row that were */
	bool init_seen;		/* its IKE_SA_INIT was answered on this capture */
	bool not_observable;
	bool went_on;		/* as only who has the answer can */
	nsec first, last, answered;	/* answered NSEC_NONE: never */
	nsec copy[COPIES];
	uint16_t copies, responses, after_response;
	uint16_t dst_port, answer_from_port, answer_to_port, src_port;
	bool ip_fragments, answer_ip_fragments;
	uint16_t ike_fragments;
	uint32_t ike_fragments_seen;
	uint16_t answer_fragments;	/* of IKE, in all; 0 it came whole */
	uint32_t answer_fragments_seen;
	uint32_t bytes, answer_bytes;
	uint64_t frames[3];	/* first and latest request, first answer */
};

struct state {
	struct attempt attempts[ATTEMPTS];
	uint8_t next;
	bool from_4500[2];	/* this side was seen sending from port 4500 */
	struct moments rounds[2];	/* IKE SAs that ended like this, by initiator */
};

static bool is_auth(const struct exchange *x)
{
	return x && x->major == 2 && x->type == IKE2_EXCHANGE_IKE_AUTH && x->from >= 0;
}

static struct attempt *attempt_find(struct state *s, const struct exchange *x)
{
	for (size_t i = 0; i < ATTEMPTS; i++) {
		struct attempt *a = &s->attempts[i];

		if (a->used && a->spi_i == x->spi_i && a->message_id == x->message_id &&
		    a->from == x->from)
			return a;
	}
	return NULL;
}

static struct attempt *attempt_see(struct state *s, const struct exchange *x)
{
	struct attempt *a = attempt_find(s, x);

	if (a)
		return a;
	a = &s->attempts[s->next++ % ATTEMPTS];
	*a = (struct attempt){
		.used = true,
		.spi_i = x->spi_i,
		.message_id = x->message_id,
		.from = x->from,
	};
	/* the first transmission came before this attempt was worth remembering */
	a->copy[0] = x->request_at;
	return a;
}

static void take(struct attempt *a, const struct exchange *x, const struct ike_sa *sa)
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

static void ports_seen(struct state *s, const struct scene *sc, const struct event *ev)
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
static bool unused(const struct scene *sc, const struct attempt *a)
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
 * A copy that crosses the answer on its way is normal life, but not round after round, each left
 * for a new IKE SA.
 */
static void count_left(struct state *s, const struct scene *sc, int from, nsec now)
{
	nsec since = now - sc->settings->retx_rounds_window;
	int n = 0;

	for (size_t i = 0; i < ATTEMPTS; i++)
		n += s->attempts[i].left && s->attempts[i].from == from &&
		     s->attempts[i].last >= since;
	for (size_t i = 0; i < ATTEMPTS && n >= sc->settings->retx_rounds_crit; i++)
		s->attempts[i].in_vain |= s->attempts[i].left && s->attempts[i].from == from &&
					  s->attempts[i].last >= since;
}

static void begun_anew(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (!sa)
		return;
	for (size_t i = 0; i < ATTEMPTS; i++) {
		struct attempt *a = &s->attempts[i];

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
	const struct exchange *all[] = { &sa->current[0], &sa->previous[0], &sa->current[1],
					 &sa->previous[1] };
	bool beyond = sa->established != NSEC_NONE;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		beyond |= all[i]->id != 0 && all[i]->type != IKE2_EXCHANGE_IKE_SA_INIT;
	return beyond;
}

/* No ESP SA of this tunnel can be that of another IKE SA. */
static bool is_only_ike_sa(const struct scene *sc, const struct attempt *a)
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
static bool speaks_on(const struct attempt *a, const struct event *ev)
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
static void gone_on(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct esp_sa *esp = ev->kind == EVENT_ESP_SA_FIRST
					   ? tracker_esp_sa(sc->tracker, ev->esp_sa)
					   : NULL;

	for (size_t i = 0; i < ATTEMPTS; i++) {
		struct attempt *a = &s->attempts[i];

		if (!a->used || a->responses > 0 || ev->at <= a->last)
			continue;
		a->went_on |= speaks_on(a, ev);
		a->went_on |= esp && esp->direction == a->from && esp->seq_first == 1 &&
			      ev->at - a->last <= sc->settings->birth_window &&
			      is_only_ike_sa(sc, a);
	}
}

static bool none_waits(const struct state *s)
{
	bool any = false;

	for (size_t i = 0; i < ATTEMPTS; i++)
		any |= s->attempts[i].used;
	return !any;
}

static bool rests(const void *state, const struct scene *sc)
{
	(void)sc;
	return none_waits(state);
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct state *s = state;
	const struct exchange *x = ev->exchange;

	(void)sc;
	switch (ev->kind) {
	case EVENT_KEEPALIVE:
		return ev->side < 0 || s->from_4500[ev->side];
	case EVENT_REQUEST:
		return none_waits(s) &&
		       (!x || x->from < 0 || x->request_src_port != 4500 || s->from_4500[x->from]);
	case EVENT_RESPONSE:
		return none_waits(s) && (!x || x->from < 0 || x->response_src_port != 4500 ||
				    s->from_4500[!x->from]);
	case EVENT_EXCHANGE_CLOSED:
	case EVENT_IKE_SA_CREATED:
		return none_waits(s);
	default:
		return false;
	}
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct exchange *x = ev->exchange;
	struct attempt *a;

	ports_seen(s, sc, ev);
	gone_on(s, sc, ev);
	if (ev->kind == EVENT_IKE_SA_CREATED)
		begun_anew(s, sc, ev);
	if (!is_auth(x))
		return;
	if (ev->kind == EVENT_REQUEST_COPY) {
		a = attempt_see(s, x);
		take(a, x, tracker_ike_sa(sc->tracker, ev->ike_sa));
		if (a->copies > 0)
			a->copy[(a->copies - 1) % COPIES] = ev->at;
	} else if ((a = attempt_find(s, x))) {
		take(a, x, tracker_ike_sa(sc->tracker, ev->ike_sa));
		a->given_up |= ev->kind == EVENT_EXCHANGE_CLOSED && x->responses == 0;
	}
}

static bool answered_in_vain(const struct attempt *a, const struct settings *set)
{
	return a->responses > 0 &&
	       (a->after_response >= set->retx_answered_copies || a->in_vain);
}

/* Transmissions within the window that ends with the latest. */
static unsigned copies_within(const struct attempt *a, nsec window)
{
	unsigned n = 0;

	for (unsigned i = 0; i < COPIES && i < a->copies; i++)
		n += a->last - a->copy[i] <= window;
	return n;
}

/*
 * Was the answer out of sight?  Nothing of that side was captured, or the initiator went on as it
 * only can with an answer.
 */
static bool unseen(const struct scene *sc, const struct attempt *a)
{
	return side_unseen(sc, !a->from) || a->not_observable || a->went_on;
}

/* How bad one attempt is by itself; false when it is nothing worth telling. */
static bool bad(const struct attempt *a, const struct settings *set, nsec now, enum severity *ret)
{
	if (answered_in_vain(a, set)) {
		*ret = SEVERITY_WARNING;
		return true;
	}
	/* what was told before that is taken back, see unseen() */
	if (a->responses > 0 || (a->went_on && !a->counted))
		return false;
	if (!a->given_up && now - a->last < set->retx_answer_wait)
		return false;

	/* EAP rounds wait for people and for RADIUS: only the upper threshold counts */
	unsigned warn = (unsigned)(a->eap ? set->retx_crit_copies : set->retx_warn_copies);

	if (a->copies >= (unsigned)set->retx_crit_copies || (a->restarted && a->copies >= 2))
		*ret = SEVERITY_CRITICAL;
	else if (copies_within(a, set->retx_window) >= warn)
		*ret = SEVERITY_WARNING;
	else if (a->given_up && a->copies >= 2)
		*ret = SEVERITY_INFO;
	else
		return false;
	return true;
}

static const char *cause_of(const struct state *s, const struct attempt *a,
			    const struct settings *set)
{
	if (answered_in_vain(a, set))
		return "answered";
	if (a->ike_fragments > 1)
		return "ike_fragments";
	if (a->ip_fragments || a->bytes > UNFRAGMENTED_MAX)
		return "ip_fragments";
	if (a->dst_port == 4500 && a->init_seen && !s->from_4500[!a->from])
		return "port4500";
	return "silent";
}

/* Fragments of the answer that never came as far as this capture, however often it was sent. */
static unsigned answer_lacks(const struct attempt *a)
{
	unsigned seen = (unsigned)__builtin_popcount(a->answer_fragments_seen);

	return a->answer_fragments <= 32 && a->answer_fragments > seen ? a->answer_fragments - seen
								       : 0;
}

/*
 * What the answers look like, when they come and are not taken: the most likely of three reasons.
 */
static const char *likely(const struct attempt *a)
{
	if (answer_lacks(a) > 0 || a->answer_ip_fragments || a->answer_bytes > UNFRAGMENTED_MAX)
		return "response_fragments";
	if (a->answer_to_port != a->src_port || a->answer_from_port != a->dst_port)
		return "nat_port";
	return "initiator_rejects";
}

static void describe(const struct state *s, const struct scene *sc, const struct attempt *a,
		     unsigned rounds, struct finding *f)
{
	f->cause = cause_of(s, a, sc->settings);
	f->side = (int8_t)a->from;
	finding_address(f, "initiator", sc, a->from);
	finding_address(f, "responder", sc, !a->from);
	finding_integer(f, "requests", a->copies);
	finding_integer(f, "responses", a->responses);
	finding_integer(f, "requests_after_response", a->after_response);
	finding_seconds(f, "span_s", a->last - a->first);
	finding_integer(f, "message_id", a->message_id);
	finding_integer(f, "destination_port", a->dst_port);
	finding_integer(f, "request_bytes", a->bytes);
	finding_integer(f, "rounds", rounds);
	if (a->ike_fragments > 1) {
		finding_integer(f, "fragments_total", a->ike_fragments);
		finding_integer(f, "fragments_seen", __builtin_popcount(a->ike_fragments_seen));
	}
	if (a->responses > 0) {
		finding_integer(f, "response_bytes", a->answer_bytes);
		finding_text(f, "likely", "%s", likely(a));
		if (answer_lacks(a) > 0) {
			finding_integer(f, "answer_fragments_total", a->answer_fragments);
			finding_integer(f, "answer_fragments_lost", answer_lacks(a));
		}
	}
	if (a->restarted)
		finding_text(f, "then", "new IKE_SA_INIT");
	for (size_t i = 0; i < 3; i++)
		finding_frame(f, a->frames[i]);
}

static enum confidence confidence_of(const struct scene *sc, const struct attempt *a,
				     enum severity *severity)
{
	bool blind = unseen(sc, a) || loss_since(sc, a->first);

	if (answered_in_vain(a, sc->settings))
		return CONFIDENCE_HIGH;
	if (blind) {	/* the answers may exist: not observable */
		*severity = SEVERITY_INFO;
		return CONFIDENCE_LOW;
	}
	return a->init_seen ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
}

/* The worst recent attempt of this initiator; latest of equals. */
static const struct attempt *worst_of(struct state *s, const struct scene *sc, int from, nsec now,
				      enum severity *ret_severity, int64_t *ret_requests)
{
	const struct attempt *worst = NULL;
	nsec since = now - sc->settings->retx_rounds_window;

	*ret_requests = 0;
	for (size_t i = 0; i < ATTEMPTS; i++) {
		struct attempt *a = &s->attempts[i];
		enum severity severity;

		if (!a->used || a->from != from || a->last < since ||
		    !bad(a, sc->settings, now, &severity))
			continue;
		if (a->responses == 0 && unseen(sc, a))
			severity = SEVERITY_INFO;
		else if (!a->counted) {
			a->counted = true;
			moments_add(&s->rounds[from], a->last, a->frames[0]);
		}
		*ret_requests += a->copies;
		if (!worst || severity > *ret_severity ||
		    (severity == *ret_severity && a->last > worst->last)) {
			worst = a;
			*ret_severity = severity;
		}
	}
	return worst;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	nsec since = now - sc->settings->retx_rounds_window;
	bool any = false;

	for (int from = 0; from < 2; from++) {
		enum severity severity = SEVERITY_INFO;
		int64_t requests;
		const struct attempt *a = worst_of(s, sc, from, now, &severity, &requests);

		if (!a)
			continue;
		any = true;

		unsigned rounds = moments_since(&s->rounds[from], since);

		if (rounds >= (unsigned)sc->settings->retx_rounds_crit)
			severity = SEVERITY_CRITICAL;

		enum confidence confidence = confidence_of(sc, a, &severity);
		/* none, when one was begun long ago and goes on */
		nsec first = moments_first(&s->rounds[from], since);
		struct finding *f =
			finding_raise(out, severity, confidence,
				      first == NSEC_NONE || a->first < first ? a->first : first,
				      a->last, requests);

		f->key = (uint64_t)from;
		f->instead = a->responses == 0 && unseen(sc, a);
		describe(s, sc, a, rounds, f);
		moments_frames(&s->rounds[from], since, f);
	}
	/* an unanswered one may still become bad with time */
	for (size_t i = 0; i < ATTEMPTS; i++)
		any |= s->attempts[i].used && s->attempts[i].last >= since;
	return any;
}

static void explain_answered(struct story *story, const char *a, const char *b)
{
	const struct finding *f = story->finding;
	const char *why = finding_get_text(f, "likely");

	text_add(story->summary,
		 "%s answered every IKE_AUTH of %s (%lld answers), but %s kept asking (%lld "
		 "requests, %lld of them after the answer): ",
		 b, a, (long long)finding_get(f, "responses"), a,
		 (long long)finding_get(f, "requests"),
		 (long long)finding_get(f, "requests_after_response"));
	if (finding_item(f, "answer_fragments_lost"))
		text_add(story->summary,
			 "of the %lld fragments of the answer %lld never came as far as this "
			 "capture; they are lost on the way from %s.",
			 (long long)finding_get(f, "answer_fragments_total"),
			 (long long)finding_get(f, "answer_fragments_lost"), b);
	else
		text_add(story->summary,
			 "the answer is lost between this capture and %s, or %s refuses it.", a, a);
	story_remedy(story, strcmp(why, "initiator_rejects") == 0 ? REMEDY_AUTHCFG : REMEDY_FRAG);
	story_remedy(story, strcmp(why, "nat_port") == 0 ? REMEDY_NAT4500 : REMEDY_REACH);
	if (strcmp(why, "initiator_rejects") == 0)
		story_remedy(story, REMEDY_FRAG);
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *a = story_peer(story, f->side), *b = story_peer(story, other_side(f->side));
	const char *cause = finding_cause(f);
	int64_t port = finding_get(f, "destination_port"), rounds = finding_get(f, "rounds");

	if (strcmp(cause, "answered") == 0) {
		explain_answered(story, a, b);
	} else {
		text_add(story->summary,
			 "%s sent the same IKE_AUTH request %lld times to %s port %lld without an "
			 "answer", a, (long long)finding_get(f, "requests"), b, (long long)port);
		if (f->confidence == CONFIDENCE_LOW) {
			text_add(story->summary, " that was captured; but not all that %s sends is"
						 " in this capture, so one may have come.", b);
			story_remedy(story, REMEDY_TAP);
		} else if (strcmp(cause, "port4500") == 0) {
			text_add(story->summary, "; IKE_SA_INIT worked on port 500, "
						 "so UDP 4500 is probably blocked.");
			story_remedy(story, REMEDY_NAT4500);
			story_remedy(story, REMEDY_FRAG);
		} else if (strcmp(cause, "silent") == 0) {
			text_add(story->summary, "; the message is dropped on the way, "
						 "or %s ignores it.", b);
			story_remedy(story, REMEDY_REACH);
			story_remedy(story, REMEDY_AUTHCFG);
		} else {
			text_add(story->summary,
				 "; the request of %lld bytes travels in fragments (%s), and one "
				 "of them, or of the answer, is probably lost.",
				 (long long)finding_get(f, "request_bytes"), cause);
			story_remedy(story, REMEDY_FRAG);
			story_remedy(story, REMEDY_NAT4500);
		}
	}
	if (rounds > 1)
		text_add(story->summary, " That happened with %lld IKE SAs.", (long long)rounds);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < ATTEMPTS; i++) {
		struct attempt *a = &s->attempts[i];

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
	moments_fields(f, &s->rounds[0]);
	moments_fields(f, &s->rounds[1]);
}

const struct detector detect_ike_auth_retransmit = {
	.code = "ike_auth_retransmit",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, retx_rounds_window),
	.observes = WANTS(REQUEST) | WANTS(REQUEST_COPY) | WANTS(RESPONSE) | WANTS(RESPONSE_COPY) |
		    WANTS(EXCHANGE_CLOSED) | WANTS(IKE_SA_CREATED) | WANTS(ESP_SA_FIRST) |
		    WANTS(KEEPALIVE),
	.judges_after = WANTS(REQUEST_COPY) | WANTS(EXCHANGE_CLOSED) | WANTS(IKE_SA_CREATED),
	.observe = observe,
	.ignores = ignores,
	.rests = rests,
	.judge = judge,
	.explain = explain,
};
