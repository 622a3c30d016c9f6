/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "detect/auth_attempts.h"
#include "detect/detector.h"
#include "detect/moments.h"

enum { UNFRAGMENTED_MAX = 1400 };	/* IKE bytes; beyond, IP fragments are likely on any path */

struct state {
	struct auth_attempts asked;
	struct moments rounds[2];	/* IKE SAs that ended like this, by initiator */
};

static bool rests(const void *state, const struct scene *sc)
{
	const struct state *s = state;

	(void)sc;
	return !auth_attempts_any(&s->asked);
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct state *s = state;

	(void)sc;
	return auth_attempts_ignores(&s->asked, ev);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;

	auth_attempts_observe(&s->asked, sc, ev);
}

static bool answered_in_vain(const struct auth_attempt *a, const struct settings *set)
{
	return a->responses > 0 &&
	       (a->late >= set->retx_answered_copies || a->in_vain);
}

/* Transmissions within the window that ends with the latest. */
static unsigned copies_within(const struct auth_attempt *a, nsec window)
{
	unsigned n = 0;

	for (unsigned i = 0; i < AUTH_COPIES && i < a->copies; i++)
		n += a->last - a->copy[i] <= window;
	return n;
}

/*
 * Was the answer out of sight?  Nothing of that side was captured, or the initiator went on as it
 * only can with an answer.
 */
static bool unseen(const struct scene *sc, const struct auth_attempt *a)
{
	return side_unseen(sc, !a->from) || a->not_observable || a->went_on;
}

/* How bad one attempt is by itself; false when it is nothing worth telling. */
static bool bad(const struct auth_attempt *a, const struct settings *set, nsec now,
		enum severity *ret)
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

static const char *cause_of(const struct state *s, const struct auth_attempt *a,
			    const struct settings *set)
{
	if (answered_in_vain(a, set))
		return "answered";
	if (a->ike_fragments > 1)
		return "ike_fragments";
	if (a->ip_fragments || a->bytes > UNFRAGMENTED_MAX)
		return "ip_fragments";
	if (a->dst_port == 4500 && a->init_seen && !s->asked.from_4500[!a->from])
		return "port4500";
	return "silent";
}

/* Fragments of the answer that never came as far as this capture, however often it was sent. */
static unsigned answer_lacks(const struct auth_attempt *a)
{
	unsigned seen = (unsigned)__builtin_popcount(a->answer_fragments_seen);

	return a->answer_fragments <= 32 && a->answer_fragments > seen ? a->answer_fragments - seen
								       : 0;
}

/*
 * What the answers look like, when they come and are not taken: the most likely of three reasons.
 */
static const char *likely(const struct auth_attempt *a)
{
	if (answer_lacks(a) > 0 || a->answer_ip_fragments || a->answer_bytes > UNFRAGMENTED_MAX)
		return "response_fragments";
	if (a->answer_to_port != a->src_port || a->answer_from_port != a->dst_port)
		return "nat_port";
	return "initiator_rejects";
}

static void describe(const struct state *s, const struct scene *sc, const struct auth_attempt *a,
		     struct finding *f)
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
	finding_integer(f, "rounds", moments_in_row(&s->rounds[a->from]));
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

static enum confidence confidence_of(const struct scene *sc, const struct auth_attempt *a,
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
static const struct auth_attempt *worst_of(struct state *s, const struct scene *sc, int from,
					   nsec now, enum severity *ret_severity,
					   int64_t *ret_requests)
{
	const struct auth_attempt *worst = NULL;
	nsec since = now - sc->settings->retx_rounds_window;

	*ret_requests = 0;
	for (size_t i = 0; i < AUTH_ATTEMPTS; i++) {
		struct auth_attempt *a = &s->asked.attempt[i];
		enum severity severity;

		if (!a->used || a->from != from || a->last < since ||
		    !bad(a, sc->settings, now, &severity))
			continue;
		if (a->responses == 0 && unseen(sc, a))
			severity = SEVERITY_INFO;
		else if (!a->counted) {
			a->counted = true;
			moments_add_to_row(&s->rounds[from], a->last, a->frames[0],
					   2 * sc->settings->retx_rounds_window);
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
		const struct auth_attempt *a = worst_of(s, sc, from, now, &severity, &requests);

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
		describe(s, sc, a, f);
		moments_frames(&s->rounds[from], since, f);
	}
	/* an unanswered one may still become bad with time */
	for (size_t i = 0; i < AUTH_ATTEMPTS; i++)
		any |= s->asked.attempt[i].used && s->asked.attempt[i].last >= since;
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

	auth_attempts_fields(f, &s->asked);
	moments_fields(f, &s->rounds[0]);
	moments_fields(f, &s->rounds[1]);
}

const struct detector detect_ike_auth_retransmit = {
	.code = "ike_auth_retransmit",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, retx_rounds_window),
	.observes = AUTH_ATTEMPTS_OBSERVES,
	.judges_after = WANTS(REQUEST_COPY) | WANTS(EXCHANGE_CLOSED) | WANTS(IKE_SA_CREATED),
	.observe = observe,
	.ignores = ignores,
	.ignores_fresh = WANTS(EXCHANGE_CLOSED) | WANTS(IKE_SA_CREATED),
	.rests_fresh = true,
	.rests = rests,
	.judge = judge,
	.explain = explain,
};
