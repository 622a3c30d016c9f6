/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A tunnel that was better protected before: weaker algorithms, a weak group by request, IKEv1
 * after IKEv2.
 */
#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/suite.h"

enum { STEERED_MIN = 2 };	/* requests for a weaker group; one is how groups are found */

enum kind { ALGORITHMS, GROUP, VERSION, KINDS };

static const char *const causes[] = { "algorithms", "group", "version" };

struct drop {
	nsec first, at;			/* 0 none */
	int64_t times;
	int8_t side;			/* whose choice it was */
	enum severity severity;
	uint64_t frame;
	char before[FINDING_TEXT_MAX], after[FINDING_TEXT_MAX];
};

struct state {
	struct drop drops[KINDS];
	object_id seen[2];		/* IKE SA judged last, by initiator */
	struct {
		nsec at;		/* latest with it; 0 none */
		enum strength strength;
		struct suite suite;
	} best;
	/* latest IKEv2, by initiator; latest that was set up; 0 never */
	nsec v2_began[2], v2_worked;
	nsec steered[2];		/* latest request for a weaker group, by who asks; 0 none */
};

static struct drop *fell(struct state *s, enum kind kind, const struct event *ev, int side,
			 enum severity severity)
{
	struct drop *d = &s->drops[kind];

	if (d->at == 0)
		d->first = ev->at;
	d->at = ev->at;
	d->times++;
	d->side = (int8_t)side;
	d->severity = severity;
	d->frame = ev->frame;
	return d;
}

static void suite_into(char text[FINDING_TEXT_MAX], struct suite suite)
{
	struct text t = text_in(text, FINDING_TEXT_MAX);

	suite_text(&suite, &t);
}

static void compare(struct state *s, const struct scene *sc, const struct event *ev,
		    const struct ike_sa *sa)
{
	enum strength strength = suite_algorithms(sa);

	if (s->best.at != 0 && ev->at - s->best.at > sc->settings->downgrade_memory)
		s->best.at = 0;
	if (s->best.at == 0 || strength >= s->best.strength) {
		s->best.at = ev->at;
		s->best.strength = strength;
		s->best.suite = suite_of(sa);
		s->drops[ALGORITHMS].at = 0;	/* as good as ever again */
		s->drops[ALGORITHMS].times = 0;
		return;
	}

	struct drop *d = fell(s, ALGORITHMS, ev, !sa->initiator_side,
			      strength <= STRENGTH_WEAK ? SEVERITY_WARNING : SEVERITY_INFO);

	suite_into(d->before, s->best.suite);
	suite_into(d->after, suite_of(sa));
}

/*
 * Is an IKEv2 SA of this tunnel alive?  Then IKEv1 beside it is another tunnel between the same
 * peers.
 */
static bool v2_lives(const struct scene *sc)
{
	uint32_t index = sc->tunnel->ike_sas;

	for (const struct ike_sa *sa; (sa = tracker_ike_sa(sc->tracker, index));
	     index = sa->next_in_tunnel)
		if (sa->major == 2 && sa->established != NSEC_NONE && sa->end_reason == END_NONE)
			return true;
	return false;
}

static void established(struct state *s, const struct scene *sc, const struct event *ev,
			const struct ike_sa *sa)
{
	int by = sa->initiator_side;

	if (sa->major == 2) {
		s->v2_worked = ev->at;
		s->drops[VERSION].at = 0;
		return;
	}

	bool failed = s->v2_began[by] != 0 && s->v2_began[by] > s->v2_worked &&
		      ev->at - s->v2_began[by] <= sc->settings->downgrade_version;
	bool was = s->v2_worked != 0 && ev->at - s->v2_worked <= sc->settings->downgrade_memory;

	if ((!failed && !was) || v2_lives(sc))
		return;

	struct drop *d = fell(s, VERSION, ev, by, SEVERITY_WARNING);

	struct text before = TEXT_IN(d->before);

	text_add(&before, "IKEv2%s", failed ? " that failed" : "");
	suite_into(d->after, suite_of(sa));
}

/* INVALID_KE_PAYLOAD that asks for a weak group is a step down, once it is not the only time. */
static void steer(struct state *s, const struct scene *sc, const struct event *ev)
{
	uint16_t wanted = (uint16_t)ev->value[2];
	const char *name = ike_group_name(wanted);

	if (ev->value[0] != IKE2_NOTIFY_INVALID_KE_PAYLOAD || ev->value[1] != 2 || ev->side < 0 ||
	    group_strength(wanted) > STRENGTH_WEAK)
		return;
	if (s->steered[ev->side] != 0 &&
	    ev->at - s->steered[ev->side] <= sc->settings->downgrade_window) {
		struct drop *d = fell(s, GROUP, ev, ev->side, SEVERITY_WARNING);
		struct text after = TEXT_IN(d->after);

		d->before[0] = '\0';
		text_add(&after, "%s", name ? name : "a weak group");
		if (d->times < STEERED_MIN)
			d->times = STEERED_MIN;
	}
	s->steered[ev->side] = ev->at;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (ev->kind == EVENT_ERROR_NOTIFY)
		steer(s, sc, ev);
	if (!sa || sa->initiator_side < 0)
		return;
	if (ev->kind == EVENT_IKE_SA_CREATED && sa->major == 2 && sa->origin != ORIGIN_REKEY)
		s->v2_began[sa->initiator_side] = ev->at;
	if (ev->kind == EVENT_IKE_SA_ESTABLISHED && sa->origin != ORIGIN_REKEY) {
		established(s, sc, ev, sa);
		if (suite_known(sa) && s->seen[sa->initiator_side] != sa->id)
			compare(s, sc, ev, sa);
		s->seen[sa->initiator_side] = sa->id;
	}
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	bool any = false;

	for (int kind = 0; kind < KINDS; kind++) {
		const struct drop *d = &s->drops[kind];

		if (d->at == 0 || now - d->at > sc->settings->downgrade_window)
			continue;
		any = true;

		struct finding *f =
			finding_raise(out, d->severity, CONFIDENCE_MEDIUM, d->first, d->at, 1);

		f->key = (uint64_t)kind;
		f->cause = causes[kind];
		f->side = d->side;
		finding_address(f, "by", sc, d->side);
		if (d->before[0])
			finding_text(f, "before", "%s", d->before);
		finding_text(f, "after", "%s", d->after);
		finding_integer(f, "times", d->times);
		finding_frame(f, d->frame);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;

	if (finding_item(f, "before"))
		text_add(story->summary,
			 "The tunnel %s - %s was better protected before: %s, now %s. Somebody "
			 "changed the configuration, or interferes with the negotiation.",
			 story->peer[0], story->peer[1], finding_get_text(f, "before"),
			 finding_get_text(f, "after"));
	else
		text_add(story->summary, "%s asks again and again for a weak group: %s.",
			 story_peer(story, f->side), finding_get_text(f, "after"));
	story_remedy(story, REMEDY_STRONG);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < KINDS; i++) {
		struct drop *d = &s->drops[i];

		FIELD(f, d->first);
		FIELD(f, d->at);
		FIELD_COUNT(f, d->times);
		FIELD(f, d->side);
		FIELD_BELOW(f, d->severity, SEVERITY_CRITICAL + 1);
		FIELD(f, d->frame);
		FIELD(f, d->before);
		FIELD(f, d->after);
	}
	FIELD(f, s->seen);
	FIELD(f, s->best.at);
	FIELD_BELOW(f, s->best.strength, STRENGTH_GOOD + 1);
	FIELD(f, s->best.suite.major);
	FIELD(f, s->best.suite.encr);
	FIELD(f, s->best.suite.key_bits);
	FIELD(f, s->best.suite.integ);
	FIELD(f, s->best.suite.prf);
	FIELD(f, s->best.suite.group);
	FIELD(f, s->v2_began);
	FIELD(f, s->v2_worked);
	FIELD(f, s->steered);
}

const struct detector detect_downgrade = {
	.code = "downgrade",
	.scope = SCOPE_TUNNEL,
	.posture = true,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, downgrade_window),
	.observes = WANTS(IKE_SA_CREATED) | WANTS(IKE_SA_ESTABLISHED) | WANTS(ERROR_NOTIFY),
	.judges_after = WANTS(IKE_SA_ESTABLISHED),
	.observe = observe,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
