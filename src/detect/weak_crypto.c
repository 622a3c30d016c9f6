/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Algorithms of the IKE SA that should not be used any more: what was chosen, in clear. */
#include "detect/detector.h"
#include "detect/suite.h"

struct state {
	/* by initiator: each side's offers lead to another choice */
	struct chosen {
		nsec at;
		uint64_t frame;
		object_id ike_sa;
		enum strength strength;
		bool offered_only;
		int64_t times;		/* 0: none */
		nsec first;
		char names[FINDING_TEXT_MAX], suite[FINDING_TEXT_MAX], offered[FINDING_TEXT_MAX];
	} by[2];
};

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	/* one before the latest was counted: its last answers may come after */
	return !sa || sa->initiator_side < 0 || !suite_known(sa) ||
	       s->by[sa->initiator_side].ike_sa >= sa->id;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	if (ignores(state, sc, ev))
		return;

	struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);
	struct chosen *c = &s->by[sa->initiator_side];
	const char *offered;
	enum strength strength = suite_strength(sa), offer = suite_offered(sa, &offered);

	c->ike_sa = sa->id;
	/* weak parts that were only offered cost nothing until somebody chooses them */
	c->offered_only = strength == STRENGTH_GOOD && offer <= STRENGTH_WEAK;
	if (strength == STRENGTH_GOOD && !c->offered_only) {
		c->times = 0;
		return;
	}
	c->times = c->times > 0 && ev->at - c->at <= sc->settings->weak_window ? c->times + 1 : 1;
	if (c->times == 1)
		c->first = ev->at;
	c->at = ev->at;
	c->frame = ev->frame ? ev->frame : sa->first_frame;
	c->strength = c->offered_only ? STRENGTH_DATED : strength;

	const struct suite chosen = suite_of(sa);
	struct text names = TEXT_IN(c->names), suite = TEXT_IN(c->suite),
		    weakest = TEXT_IN(c->offered);

	suite_names(sa, strength == STRENGTH_BROKEN ? STRENGTH_WEAK : strength, &names);
	suite_text(&chosen, &suite);
	if (offer <= STRENGTH_WEAK && offered)
		text_add(&weakest, "%s", offered);
}

static enum severity severity_of(enum strength s)
{
	return s == STRENGTH_BROKEN ? SEVERITY_CRITICAL
	       : s == STRENGTH_WEAK ? SEVERITY_WARNING
				    : SEVERITY_INFO;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	const struct chosen *worst = NULL;
	int by = 0;

	for (int i = 0; i < 2; i++) {
		const struct chosen *c = &s->by[i];

		if (c->times == 0 || now - c->at > sc->settings->weak_window)
			continue;
		if (!worst || c->strength < worst->strength) {
			worst = c;
			by = i;
		}
	}
	if (!worst)
		return false;

	struct finding *f = finding_raise(out, severity_of(worst->strength), CONFIDENCE_HIGH,
					  worst->first, worst->at, 1);

	f->cause = worst->offered_only ? "offered" : "chosen";
	finding_address(f, "initiator", sc, by);
	finding_address(f, "responder", sc, !by);
	if (!worst->offered_only)
		finding_text(f, "weak", "%s", worst->names);
	finding_text(f, "suite", "%s", worst->suite);
	if (worst->offered[0])
		finding_text(f, "weakest_offered", "%s", worst->offered);
	finding_integer(f, "ike_sas", worst->times);
	finding_frame(f, worst->frame);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;

	if (finding_item(f, "weak"))
		text_add(story->summary, "The IKE SA between %s and %s uses what should not be "
					 "used any more: %s.",
			 story->peer[0], story->peer[1], finding_get_text(f, "weak"));
	else
		text_add(story->summary, "%s offers %s, which should not be used any more; "
					 "the peer chose better (%s).",
			 finding_get_text(f, "initiator"), finding_get_text(f, "weakest_offered"),
			 finding_get_text(f, "suite"));
	story_remedy(story, REMEDY_STRONG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct chosen *c = &s->by[i];

		FIELD(f, c->at);
		FIELD(f, c->frame);
		FIELD(f, c->ike_sa);
		FIELD_BELOW(f, c->strength, STRENGTH_GOOD + 1);
		FIELD(f, c->offered_only);
		FIELD_COUNT(f, c->times);
		FIELD(f, c->first);
		FIELD(f, c->names);
		FIELD(f, c->suite);
		FIELD(f, c->offered);
	}
}

const struct detector detect_weak_crypto = {
	.code = "weak_crypto",
	.scope = SCOPE_TUNNEL,
	.posture = true,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, weak_window),
	.observes = WANTS(RESPONSE) | WANTS(LIFETIME_ANSWERED) | WANTS(IKE_SA_ESTABLISHED),
	.judges_after = WANTS(RESPONSE) | WANTS(LIFETIME_ANSWERED),
	.observe = observe,
	.ignores = ignores,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
