/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One peer always rekeys first.  That alone proves little: some vendors let the
 * initiator rekey by design.  Only when it goes on after the other peer had
 * built the IKE SA do role and peer part (DETECTION-FACTS 3.6).
 */
#include "detect/detector.h"
#include "detect/sample.h"

enum { AGES = 16 };

struct state {
	struct run {			/* [0] child SAs, [1] IKE SAs */
		uint32_t n;		/* in a row */
		int8_t by;
		/* one of them under an IKE SA that the other peer had built */
		bool after_other;
		nsec first, last;
		double ages[AGES];	/* seconds; a ring */
		uint32_t n_ages;
		uint64_t frame;
	} run[2];
	/* who built the present IKE SA from scratch; SIDE_UNKNOWN */
	int8_t builder;
};

static void rekeyed(struct state *s, int kind, int by, nsec at, nsec age, uint64_t frame)
{
	struct run *r = &s->run[kind];

	if (by < 0)
		return;
	if (r->n == 0 || r->by != by)
		*r = (struct run){ .by = (int8_t)by, .first = at };
	r->n++;
	r->last = at;
	r->frame = frame;
	r->after_other |= s->builder == !by;
	if (age >= 0)
		r->ages[r->n_ages++ % AGES] = (double)age / (double)NSEC_PER_S;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);
	nsec age = ev->value[0];

	if (ev->kind == EVENT_IKE_SA_ESTABLISHED) {
		if (sa && sa->origin == ORIGIN_OBSERVED)
			s->builder = sa->initiator_side;
		return;
	}
	if (age > 0 && clock_stepped_since(sc, ev->at - age))
		age = -1;
	if (ev->kind == EVENT_CHILD_SA_REKEYED) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, ev->child_sa);

		/* of two crossing ones neither says who is first */
		if (c && !(c->flags & (CHILD_SA_COLLIDED | CHILD_SA_REDUNDANT)))
			rekeyed(s, 0, c->created_by, ev->at, age, ev->frame);
	} else {
		rekeyed(s, 1, ev->side, ev->at, age, ev->frame);
	}
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	const struct settings *set = sc->settings;
	bool any = false;

	for (int kind = 0; kind < 2; kind++) {
		const struct run *r = &s->run[kind];
		size_t n = r->n_ages < AGES ? r->n_ages : AGES;

		if (r->n == 0 || now - r->last > set->asymmetry_window)
			continue;
		any = true;
		if (r->n < (uint32_t)set->asymmetry_min_n || !r->after_other || n == 0)
			continue;

		struct finding *f = finding_raise(out, SEVERITY_INFO, CONFIDENCE_MEDIUM, r->first,
						  r->last, r->n);

		f->key = (uint64_t)kind;
		f->side = r->by;
		finding_text(f, "what", "%s", kind == 0 ? "child SA" : "IKE SA");
		finding_address(f, "rekeys", sc, r->by);
		finding_address(f, "never_rekeys", sc, !r->by);
		finding_integer(f, "rekeys_in_a_row", r->n);
		finding_real(f, "median_age_s", sample_median(r->ages, n));
		finding_frame(f, r->frame);
	}
	return any;
}

static void reset(void *state)
{
	((struct state *)state)->builder = SIDE_UNKNOWN;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	char age[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "median_age_s"), age);
	text_add(story->summary, "Only %s ever rekeys the %s (at about %s, %lld times in a row, "
				 "also when the other side had built the tunnel); the lifetime of "
				 "%s is longer, or it is passive. That is no fault.",
		 story_peer(story, f->side), finding_get_text(f, "what"), age, (long long)f->count,
		 story_peer(story, other_side(f->side)));
	story_remedy(story, REMEDY_LIFE);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct run *r = &s->run[i];

		FIELD(f, r->n);
		FIELD(f, r->by);
		FIELD(f, r->after_other);
		FIELD(f, r->first);
		FIELD(f, r->last);
		FIELD(f, r->ages);
		FIELD(f, r->n_ages);
		FIELD(f, r->frame);
	}
	FIELD(f, s->builder);
}

const struct detector detect_lifetime_asymmetry = {
	.code = "lifetime_asymmetry",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, asymmetry_window),
	.observes = WANTS(IKE_SA_ESTABLISHED) | WANTS(CHILD_SA_REKEYED) | WANTS(IKE_SA_REKEYED),
	.judges_after = 0,
	.observe = observe,
	.only_looks = true,
	.judge = judge,
	.reset = reset,
	.explain = explain,
};
