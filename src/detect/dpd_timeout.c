/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/traffic.h"

struct state {
	struct side {			/* by the side that asks */
		uint64_t request;	/* object id of the exchange */
		nsec first, last;
		nsec answered;		/* latest answer of the other side before that; NSEC_NONE */
		/* latest packet of the other side, when it was asked last; NSEC_NONE */
		nsec heard;
		nsec heard_ike;	/* latest IKE message among that; NSEC_NONE */
		object_id ike_sa;	/* on which it asks */
		/* when that was set up, or answered latest; NSEC_NONE not known */
		nsec well;
		uint16_t copies;
		uint8_t major;
		bool probe;		/* a liveness probe, not another request */
		bool deletes;		/* a Delete that the other side never learned of */
		bool unanswered;
		bool echoed;		/* one was answered, so we know a probe when we see one */
		bool lost;		/* and the SA went, or a new one was tried */
		uint64_t frames[2];
		} side[2];
};

/*
 * No Delete counts: a peer that has already forgotten the SA does not answer one, and is not dead.
 * See swallowed_delete().
 */
static bool watched(const struct exchange *x)
{
	if (x->major == 2)
		return x->type == IKE2_EXCHANGE_INFORMATIONAL &&
		       x->request_np1 != IKE2_PAYLOAD_DELETE;
	return x->purpose == PURPOSE_DPD;
}

/* The Delete of what a rekey replaced: who has just answered that has forgotten nothing. */
static bool of_child(const struct exchange *x)
{
	return x->purpose == PURPOSE_DELETE_CHILD;
}

/*
 * A Delete that is never answered, and the other side goes on sending on the SAs of that IKE SA: it
 * is alive, has not forgotten them, and knows nothing of their end.  An IKE SA that was rekeyed has
 * given its SAs away, so its Delete ends none of them (RFC 7296 2.8).
 */
static bool swallowed_delete(const struct scene *sc, const struct exchange *x,
			     const struct event *ev)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	return ev->kind == EVENT_EXCHANGE_CLOSED && x->major == 2 && sa &&
	       sa->successor == NO_INDEX && sa->end_reason != END_REKEYED &&
	       x->type == IKE2_EXCHANGE_INFORMATIONAL &&
	       x->request_np1 == IKE2_PAYLOAD_DELETE && x->responses == 0 &&
	       x->requests >= sc->settings->dpd_warn_copies &&
	       (of_child(x) ? x->outcome == OUTCOME_UNANSWERED
			    : traffic_last_under(sc, sa, !x->from) >
				      x->request_at + sc->settings->overlap_budget);
}

/* IKEv2: the same probe again. */
static void asked2(struct side *s, const struct exchange *x)
{
	if (s->request != x->id) {
		s->request = x->id;
		s->lost = false;
	}
	s->major = 2;
	s->first = x->request_at;
	s->last = x->request_last;
	s->copies = x->requests;
	s->probe = x->purpose == PURPOSE_DPD;
	s->deletes = x->request_np1 == IKE2_PAYLOAD_DELETE && !of_child(x);
	s->unanswered = x->responses == 0;
	s->frames[0] = x->request_frame;
	s->frames[1] = x->request_last_frame;
}

/*
 * IKEv1: every probe has a message ID of its own (RFC 3706); count those in a row.  Who waits for
 * an answer asks again soon: what comes once in a while is none, whatever its length.
 */
static void asked1(struct side *s, const struct exchange *x, const struct event *ev, nsec series)
{
	if (!s->unanswered || s->request == 0 || ev->at - s->last > series) {
		s->first = ev->at;
		s->frames[0] = ev->frame;
		s->copies = 0;
		s->lost = false;
	}
	s->request = x->id;
	s->major = 1;
	s->probe = s->unanswered = true;
	s->copies++;
	s->last = ev->at;
	s->frames[1] = ev->frame;
}

static void effect(struct state *st, const struct scene *sc, nsec at)
{
	for (int from = 0; from < 2; from++) {
		struct side *s = &st->side[from];

		if (s->unanswered && s->copies >= sc->settings->dpd_warn_copies && at >= s->last &&
		    at - s->last <= sc->settings->dpd_effect)
			s->lost = true;
	}
}

static nsec last_heard(const struct scene *sc, int side)
{
	nsec ike = sc->tunnel->more->ike[side].last, esp = traffic_last_of(sc, side);

	return ike > esp ? ike : esp;	/* NSEC_NONE is less than any */
}

static void on_ike_sa(struct side *s, const struct ike_sa *sa, nsec answered)
{
	if (!sa)
		return;
	if (s->ike_sa != sa->id) {
		s->ike_sa = sa->id;
		s->well = sa->established;
	}
	if (answered != NSEC_NONE)
		s->well = answered;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct state *st = state;
	const struct exchange *x = ev->exchange;

	if (x && x->from >= 0 &&
	    (ev->kind == EVENT_EXCHANGE_CLOSED ? swallowed_delete(sc, x, ev) : watched(x)))
		return false;
	return (ev->kind != EVENT_IKE_SA_CREATED && ev->kind != EVENT_IKE_SA_ENDED) ||
	       (!st->side[0].unanswered && !st->side[1].unanswered);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *st = state;
	const struct exchange *x = ev->exchange;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (ev->kind == EVENT_IKE_SA_CREATED ||
	    (ev->kind == EVENT_IKE_SA_ENDED && sa &&
	     (sa->end_reason == END_PEER_LOST || sa->end_reason == END_DELETED)))
		effect(st, sc, ev->at);
	if (!x || x->from < 0)
		return;

	struct side *s = &st->side[x->from];

	if (swallowed_delete(sc, x, ev)) {
		s->heard = last_heard(sc, !x->from);
		asked2(s, x);
	}
	if (!watched(x) || ev->kind == EVENT_EXCHANGE_CLOSED)
		return;

	on_ike_sa(s, sa, ev->kind == EVENT_RESPONSE ? ev->at : NSEC_NONE);
	if (ev->kind == EVENT_REQUEST || ev->kind == EVENT_REQUEST_COPY) {
		s->heard = last_heard(sc, !x->from);
		s->heard_ike = sc->tunnel->more->ike[!x->from].last;
	}
	if (ev->kind == EVENT_REQUEST && x->major == 1)
		asked1(s, x, ev, sc->settings->dpd_window);
	else if (ev->kind == EVENT_REQUEST_COPY && x->major == 2)
		asked2(s, x);
	else if (ev->kind == EVENT_RESPONSE) {
		s->answered = ev->at;
		s->echoed = true;
		if (s->request == x->id || x->major == 1)
			s->unanswered = false;
	}
}

static bool traffic_stopped(const struct scene *sc, const struct side *s, int responder, nsec now)
{
	nsec last = traffic_last_of(sc, responder);

	return last != NSEC_NONE && last < s->last && now - last > sc->settings->dpd_effect / 2;
}

/* Among the probes of that row, or after them. */
static bool heard_meanwhile(const struct side *s, const struct settings *set, nsec heard)
{
	nsec apart = s->copies > 1 ? (s->last - s->first) / (s->copies - 1) : 0;

	return heard > s->first && s->last - heard < apart * (set->dpd_warn_copies - 1);
}

/*
 * IKEv1.  A probe without an answer in the capture may have got one, as no copy of it tells.  It
 * is silence of the peer when that was heard before at all, and is not any more, or when whoever
 * asked gives the SA up.  By its length alone it might be anything.  And who spoke IKE between
 * them is not dead: what looks like probes are echoes of its own, which the capture missed.
 */
static bool proves_nothing(const struct side *s, const struct settings *set, nsec heard)
{
	if (!s->echoed)
		return heard == NSEC_NONE || heard > s->first;
	return heard_meanwhile(s, set, s->heard_ike) ||
	       (!s->lost && heard_meanwhile(s, set, heard));
}

static void judge_side(const struct state *st, const struct scene *sc, int from, nsec now,
		       struct findings *out)
{
	const struct settings *set = sc->settings;
	const struct side *s = &st->side[from];
	enum confidence confidence = CONFIDENCE_HIGH;

	if (!s->unanswered || s->copies < set->dpd_warn_copies ||
	    now - s->last < set->retx_answer_wait || now - s->last > set->dpd_window)
		return;
	if (s->major == 1 && proves_nothing(s, set, last_heard(sc, !from)))
		return;

	bool gone = !s->deletes && (s->lost || traffic_stopped(sc, s, !from, now));
	enum severity severity = gone ? SEVERITY_CRITICAL : SEVERITY_WARNING;

	if (side_unseen(sc, !from) || loss_since(sc, s->first)) {
		severity = SEVERITY_INFO;
		confidence = CONFIDENCE_LOW;
	} else if (s->major == 1) {
		confidence = CONFIDENCE_MEDIUM;
	}

	struct finding *f = finding_raise(out, severity, confidence, s->first, s->last, s->copies);

	f->key = (uint64_t)from;
	f->side = (int8_t)!from;
	f->well = s->well;
	f->cause = s->probe ? "liveness_probe" : s->deletes ? "delete" : "request";
	finding_address(f, "asked_by", sc, from);
	finding_address(f, "silent", sc, !from);
	finding_integer(f, "probes", s->copies);
	finding_seconds(f, "span_s", s->last - s->first);
	if (s->answered != NSEC_NONE && s->answered <= s->first)	/* not on the next IKE SA */
		finding_seconds(f, "last_answer_before_s", s->first - s->answered);
	if (s->heard != NSEC_NONE && s->heard < s->first) {
		char at[NSEC_TEXT_MAX];

		nsec_rfc3339(s->heard, at);
		finding_text(f, "last_heard", "%.19sZ", at);
	}
	finding_text(f, "then", "%s", s->lost ? "the IKE SA was given up" : "nothing yet");
	finding_frame(f, s->frames[0]);
	finding_frame(f, s->frames[1]);
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *st = state;
	bool any = false;

	for (int from = 0; from < 2; from++) {
		judge_side(st, sc, from, now, out);
		any |= st->side[from].unanswered &&
		       now - st->side[from].last <= sc->settings->dpd_window;
	}
	return any;
}

static void reset(void *state)
{
	struct state *st = state;

	for (int i = 0; i < 2; i++)
		st->side[i].answered = st->side[i].heard = st->side[i].heard_ike =
			st->side[i].well = NSEC_NONE;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *b = story_peer(story, f->side), *a = story_peer(story, other_side(f->side));
	char span[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "span_s"), span);
	text_add(story->summary, "%s has not answered the %s of %s for %s (%lld transmission%s)", b,
		 finding_cause(f)[0] == 'l'   ? "liveness probes"
		 : finding_cause(f)[0] == 'd' ? "Delete"
					      : "request",
		 a, span, (long long)f->count, f->count == 1 ? "" : "s");
	if (finding_cause(f)[0] == 'd')
		text_add(story->summary, ", and went on sending on what %s deleted: the Delete "
			 "did not arrive, or its answer did not come back", a);
	else if (finding_get_text(f, "then")[0] == 't')
		text_add(story->summary, ", and %s gave the IKE SA up", a);
	/* "2026-11-22T04:30:51Z" */
	if (finding_item(f, "last_heard")) {
		const char *date = finding_get_text(f, "last_heard"), *time = strchr(date, 'T');

		text_add(story->summary, "; the last packet from %s came at %.10s %.8s UTC", b,
			 date, time ? time + 1 : "");
	}
	text_add(story->summary, ".");
	story_remedy(story, REMEDY_REACH);
	story_remedy(story, REMEDY_DPD);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct side *side = &s->side[i];

		FIELD(f, side->request);
		FIELD(f, side->first);
		FIELD(f, side->last);
		FIELD_MAYBE(f, side->answered);
		FIELD_MAYBE(f, side->heard);
		FIELD_MAYBE(f, side->heard_ike);
		FIELD(f, side->ike_sa);
		FIELD_MAYBE(f, side->well);
		FIELD(f, side->copies);
		FIELD(f, side->major);
		FIELD(f, side->probe);
		FIELD(f, side->deletes);
		FIELD(f, side->unanswered);
		FIELD(f, side->echoed);
		FIELD(f, side->lost);
		FIELD(f, side->frames);
	}
}

const struct detector detect_dpd_timeout = {
	.code = "dpd_timeout",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, dpd_window),
	.observes = WANTS(REQUEST) | WANTS(REQUEST_COPY) | WANTS(RESPONSE) | WANTS(IKE_SA_CREATED) |
		    WANTS(IKE_SA_ENDED) | WANTS(EXCHANGE_CLOSED),
	.judges_after = WANTS(REQUEST_COPY) | WANTS(EXCHANGE_CLOSED) |
			WANTS(IKE_SA_CREATED) | WANTS(IKE_SA_ENDED),
	.observe = observe,
	.ignores = ignores,
	.ignores_unseen = ~(WANTS(IKE_SA_CREATED) | WANTS(IKE_SA_ENDED)),
	.rests_fresh = true,
	.only_looks = true,
	.judge = judge,
	.reset = reset,
	.explain = explain,
};
