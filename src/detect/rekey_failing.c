/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests to renew a living SA are refused or not answered, again and again. */
#include <sawatch/ike_registry.h>

#include <string.h>

#include "detect/detector.h"
#include "detect/moments.h"
#include "detect/refusal_row.h"

struct state {
	struct side {			/* by the side that asks */
		struct moments refused;	/* in a row */
		nsec refused_first;
		object_id request;	/* unanswered one; 0 none */
		bool not_observable;	/* its answer was there, but not captured */
		nsec first, last;
		/* of the SA to be renewed; NSEC_NONE older than the capture */
		nsec age;
		uint16_t copies;
		uint64_t frames[2];
		bool ended;		/* the SA went without a successor meanwhile */
		struct refusal_rows rows;
	} side[2];
};

static bool renews(const struct exchange *x)
{
	return (x->major == 2 && x->type == IKE2_EXCHANGE_CREATE_CHILD_SA) ||
	       (x->major == 1 && x->type == IKE1_EXCHANGE_QUICK_MODE);
}

/*
 * Is there a living child SA old enough to be renewed?  The oldest one's age; NSEC_NONE not known.
 */
static bool has_old_child(const struct scene *sc, nsec asked, nsec *ret_age)
{
	uint32_t index = sc->tunnel->child_sas;
	bool found = false;

	*ret_age = NSEC_NONE;
	for (int i = 0; i < LATEST_SAS; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			break;
		if (c->id != 0 && lives(c->end_reason) &&
		    (c->esp[0] != NO_INDEX || c->esp[1] != NO_INDEX)) {
			nsec age = asked - c->created;

			if (c->flags & CHILD_SA_MIDSTREAM) {
				found = true;
			} else if (age >= sc->settings->life_min_age) {
				found = true;
				if (age > *ret_age)
					*ret_age = age;
			}
		}
		index = c->next_in_tunnel;
	}
	return found;
}

static void unanswered(struct side *s, const struct scene *sc, const struct exchange *x)
{
	nsec age;

	if (s->request != x->id) {
		if (!has_old_child(sc, x->request_at, &age))
			return;
		s->request = x->id;
		s->age = age;
		s->ended = false;
	}
	s->first = x->request_at;
	s->last = x->request_last;
	s->copies = x->requests;
	s->frames[0] = x->request_frame;
	s->frames[1] = x->request_last_frame;
	s->not_observable = x->outcome == OUTCOME_NOT_OBSERVABLE;
}

static void refuse(struct side *s, const struct scene *sc, const struct event *ev)
{
	const struct exchange *x = ev->exchange;
	/* only the refusal was captured */
	nsec asked = x->request_at != NSEC_NONE ? x->request_at : ev->at;
	nsec age, began;

	/* asked for since soon after the set-up it is another child (ts_mismatch) */
	has_old_child(sc, asked, &age);
	began = refusal_row_add(&s->rows, x, asked, age == NSEC_NONE ? 0 : asked - age,
				sc->settings);
	if (!has_old_child(sc, began, &age))
		return;
	if (moments_kept(&s->refused) == 0) {
		s->age = age == NSEC_NONE ? age : age + asked - began;
		s->refused_first = ev->at;
		s->ended = false;
	}
	moments_add(&s->refused, ev->at, ev->frame);
}

static bool went_without_successor(const struct child_sa *c)
{
	return c && c->more->successor == NO_INDEX && c->end_reason != END_REKEYED;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	static const struct state none;
	const struct state *st = state;
	const struct exchange *x = ev->exchange;

	if (ev->kind == EVENT_CHILD_SA_CREATED || ev->kind == EVENT_CHILD_SA_REKEYED)
		return memcmp(st, &none, sizeof(none)) == 0;
	if (ev->kind == EVENT_CHILD_SA_ENDED)
		return !went_without_successor(tracker_child_sa(sc->tracker, ev->child_sa));
	return (ev->kind == EVENT_RESPONSE || ev->kind == EVENT_EXCHANGE_CLOSED) &&
	       (!x || x->from < 0 || st->side[x->from].request != x->id);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *st = state;
	const struct exchange *x = ev->exchange;

	if (ev->kind == EVENT_CHILD_SA_CREATED || ev->kind == EVENT_CHILD_SA_REKEYED ||
	    ev->kind == EVENT_IKE_SA_REKEYED) {
		for (int from = 0; from < 2; from++)	/* renewed, whoever did it */
			st->side[from] = (struct side){ .rows = st->side[from].rows };
	} else if (ev->kind == EVENT_CHILD_SA_ENDED) {
		if (went_without_successor(tracker_child_sa(sc->tracker, ev->child_sa)))
			st->side[0].ended = st->side[1].ended = true;
	} else if (x && x->from >= 0 && renews(x)) {
		struct side *s = &st->side[x->from];

		if (ev->kind == EVENT_CHILD_REFUSED)
			refuse(s, sc, ev);
		if (ev->kind == EVENT_RESPONSE && s->request == x->id)
			s->request = 0;
		else if ((ev->kind == EVENT_REQUEST_COPY && x->responses == 0) ||
			 (ev->kind == EVENT_EXCHANGE_CLOSED && s->request == x->id))
			unanswered(s, sc, x);
	}
}

static void raise(const struct side *s, const struct scene *sc, int from, bool by_silence,
		  struct findings *out)
{
	nsec first = by_silence ? s->first : s->refused_first;
	nsec last = by_silence ? s->last : moments_at(&s->refused, 0);
	enum severity severity = s->ended ? SEVERITY_CRITICAL : SEVERITY_WARNING;
	enum confidence confidence = CONFIDENCE_HIGH;

	if (by_silence &&
	    (side_unseen(sc, !from) || s->not_observable || loss_since(sc, s->first))) {
		severity = SEVERITY_INFO;
		confidence = CONFIDENCE_LOW;
	}

	struct finding *f = finding_raise(out, severity, confidence, first, last,
					  by_silence ? s->copies : (int64_t)s->refused.total);

	f->key = (uint64_t)from;
	f->cause = by_silence ? "unanswered" : "refused";
	f->side = (int8_t)!from;
	finding_address(f, "asked_by", sc, from);
	finding_address(f, "asked", sc, !from);
	finding_integer(f, by_silence ? "transmissions" : "refusals", f->count);
	finding_seconds(f, "span_s", last - first);
	if (s->age != NSEC_NONE)
		finding_seconds(f, "sa_age_s", s->age);
	finding_text(f, "sa_ended_meanwhile", "%s", s->ended ? "yes" : "no");
	if (by_silence) {
		finding_frame(f, s->frames[0]);
		finding_frame(f, s->frames[1]);
	} else {
		moments_frames(&s->refused, first, f);
	}
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *st = state;
	const struct settings *set = sc->settings;
	bool any = false;

	for (int from = 0; from < 2; from++) {
		const struct side *s = &st->side[from];
		unsigned errors = moments_kept(&s->refused);
		bool recent =
			errors > 0 && now - moments_at(&s->refused, 0) <= set->rekey_fail_window;
		bool asked = s->request != 0 && now - s->last <= set->rekey_fail_window;

		any |= recent || asked;
		if (asked && s->copies >= set->rekey_fail_copies &&
		    now - s->first >= set->rekey_fail_min && now - s->last >= set->retx_answer_wait)
			raise(s, sc, from, true, out);
		else if (recent && errors >= (unsigned)set->rekey_fail_errors &&
			 moments_at(&s->refused, 0) - s->refused_first >= set->rekey_fail_min)
			raise(s, sc, from, false, out);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *a = story_peer(story, other_side(f->side)), *b = story_peer(story, f->side);
	bool silence = finding_item(f, "transmissions") != NULL;
	char age[NSEC_TEXT_MAX], span[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "span_s"), span);
	text_add(story->summary, "%s wanted to rekey, but %s %s (%lld %s within %s)", a, b,
		 silence ? "did not answer" : "refused", (long long)f->count,
		 silence ? "transmissions" : "times", span);
	if (finding_item(f, "sa_age_s")) {
		nsec_span(finding_get_span(f, "sa_age_s"), age);
		text_add(story->summary, "; the SA was %s old", age);
	}
	text_add(story->summary, finding_get_text(f, "sa_ended_meanwhile")[0] == 'y' ?
		 "; it ended without a successor."
		 : "; unless a later attempt succeeds it ends when its lifetime is over.");
	story_remedy(story, REMEDY_LOG);
	story_remedy(story, REMEDY_PFS);
	story_remedy(story, REMEDY_TS);
	story_remedy(story, REMEDY_CLR);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct side *side = &s->side[i];

		moments_fields(f, &side->refused);
		FIELD(f, side->refused_first);
		FIELD(f, side->request);
		FIELD(f, side->not_observable);
		FIELD(f, side->first);
		FIELD(f, side->last);
		FIELD_MAYBE(f, side->age);
		FIELD(f, side->copies);
		FIELD(f, side->frames);
		FIELD(f, side->ended);
		refusal_row_fields(f, &side->rows);
	}
}

const struct detector detect_rekey_failing = {
	.code = "rekey_failing",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, rekey_fail_window),
	.observes = WANTS(REQUEST_COPY) | WANTS(RESPONSE) | WANTS(EXCHANGE_CLOSED) |
		    WANTS(CHILD_REFUSED) |
		    WANTS(CHILD_SA_CREATED) | WANTS(CHILD_SA_REKEYED) | WANTS(IKE_SA_REKEYED) |
		    WANTS(CHILD_SA_ENDED),
	.judges_after = WANTS(REQUEST_COPY) | WANTS(CHILD_REFUSED) | WANTS(CHILD_SA_ENDED),
	.observe = observe,
	.ignores = ignores,
	.ignores_fresh = WANTS(RESPONSE) | WANTS(EXCHANGE_CLOSED) |
			 WANTS(CHILD_SA_CREATED) | WANTS(CHILD_SA_REKEYED),
	.rests_fresh = true,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
