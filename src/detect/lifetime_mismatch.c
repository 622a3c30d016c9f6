/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two ways to know that the peers' lifetimes differ.  Declared: IKEv1 says the
 * phase 1 lifetime in clear, and either each peer made an offer at some time,
 * or an answer changed the offer (RFC 2409 5 forbids that).  Inferred: one peer
 * ends child SAs at an age of its own (early_ends.h).
 */
#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/early_ends.h"

enum { LIVES = 4, KEY_DECLARED = 0, KEY_ANSWERED = 1 /* and those of early_ends.h */ };

/* The distinct lifetimes of one message's transforms. */
struct lives {
	uint8_t n;
	uint64_t value[LIVES];
};

struct declaration {
	bool known;
	nsec at;
	uint64_t frame;
	struct lives seconds, kilobytes;
};

struct state {
	struct declaration offer[2], answer;
	int8_t answer_by;
	struct early_ends ends;
};

/* ---- declared ------------------------------------------------------------- */

static void lives_add(struct lives *l, uint64_t value)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->value[i] == value)
			return;
	if (l->n < LIVES)
		l->value[l->n++] = value;
}

static void offered(struct state *s, const struct ike_sa *sa, const struct event *ev)
{
	if (sa->initiator_side < 0)
		return;

	struct declaration *d = &s->offer[sa->initiator_side];

	*d = (struct declaration){ .known = true,
				   .at = ev->at,
				   .frame = ev->frame ? ev->frame : sa->offer_frame };
	for (size_t i = 0; i < sa->n_offers; i++) {
		if (sa->offers1[i].has_life_seconds)
			lives_add(&d->seconds, sa->offers1[i].life_seconds);
		if (sa->offers1[i].has_life_kilobytes)
			lives_add(&d->kilobytes, sa->offers1[i].life_kilobytes);
	}
}

static bool agree(const struct lives *a, const struct lives *b, double tolerance)
{
	/* an absent attribute says nothing (phase 1 has no default) */
	if (a->n == 0 || b->n == 0)
		return true;
	for (size_t i = 0; i < a->n; i++)
		for (size_t j = 0; j < b->n; j++) {
			uint64_t small = a->value[i] < b->value[j] ? a->value[i] : b->value[j];
			uint64_t large = a->value[i] < b->value[j] ? b->value[j] : a->value[i];

			if ((double)(large - small) <= tolerance * (double)large)
				return true;
		}
	return false;
}

/* RFC 2409 5: the answer must be one of the offered transforms, unchanged. */
static void answered(struct state *s, const struct ike_sa *sa, const struct event *ev)
{
	struct declaration offer = { 0 },
			   answer = { .known = true, .at = ev->at, .frame = ev->frame };

	if (sa->initiator_side < 0 || sa->n_offers == 0)
		return;
	for (size_t i = 0; i < sa->n_offers; i++) {
		if (sa->offers1[i].has_life_seconds)
			lives_add(&offer.seconds, sa->offers1[i].life_seconds);
		if (sa->offers1[i].has_life_kilobytes)
			lives_add(&offer.kilobytes, sa->offers1[i].life_kilobytes);
	}
	if (sa->has_life_seconds)
		lives_add(&answer.seconds, sa->life_seconds);
	if (sa->has_life_kilobytes)
		lives_add(&answer.kilobytes, sa->life_kilobytes);
	s->answer.known = !agree(&offer.seconds, &answer.seconds, 0) ||
			  !agree(&offer.kilobytes, &answer.kilobytes, 0);
	if (s->answer.known) {
		s->answer = answer;
		s->answer_by = (int8_t)!sa->initiator_side;
	}
}

static void lives_tell(struct finding *f, const char *seconds, const char *kilobytes,
		       const struct declaration *d)
{
	if (d->seconds.n > 0)
		finding_integer(f, seconds, (int64_t)d->seconds.value[0]);
	if (d->kilobytes.n > 0)
		finding_integer(f, kilobytes, (int64_t)d->kilobytes.value[0]);
}

static nsec earlier(nsec a, nsec b)
{
	return a < b ? a : b;
}

static nsec later(nsec a, nsec b)
{
	return a > b ? a : b;
}

static bool judge_declared(const struct state *s, const struct scene *sc, nsec now,
			   struct findings *out)
{
	const struct declaration *a = &s->offer[0], *b = &s->offer[1];
	nsec apart = sc->settings->life_declared_apart;
	double tolerance = sc->settings->life_declared_tol;

	if (!a->known || !b->known || now - earlier(a->at, b->at) > apart)
		return false;
	if (agree(&a->seconds, &b->seconds, tolerance) &&
	    agree(&a->kilobytes, &b->kilobytes, tolerance))
		return false;

	struct finding *f = finding_raise(out, SEVERITY_WARNING, CONFIDENCE_HIGH,
					  earlier(a->at, b->at), later(a->at, b->at), 1);

	f->key = KEY_DECLARED;
	f->cause = "declared";
	finding_text(f, "kind", "declared");
	finding_address(f, "initiator_a", sc, 0);
	lives_tell(f, "lifetime_a_s", "lifetime_a_kb", a);
	finding_integer(f, "frame_a", (int64_t)a->frame);
	finding_address(f, "initiator_b", sc, 1);
	lives_tell(f, "lifetime_b_s", "lifetime_b_kb", b);
	finding_integer(f, "frame_b", (int64_t)b->frame);
	finding_frame(f, a->at <= b->at ? a->frame : b->frame);
	finding_frame(f, a->at <= b->at ? b->frame : a->frame);
	return true;
}

static bool judge_answered(const struct state *s, const struct scene *sc, nsec now,
			   struct findings *out)
{
	const struct declaration *answer = &s->answer, *offer = &s->offer[!s->answer_by];

	if (!answer->known || now - answer->at > sc->settings->life_declared_apart)
		return false;

	struct finding *f =
		finding_raise(out, SEVERITY_WARNING, CONFIDENCE_HIGH, offer->at, answer->at, 1);

	f->key = KEY_ANSWERED;
	f->cause = "declared";
	f->side = s->answer_by;
	finding_text(f, "kind", "declared");
	finding_address(f, "initiator", sc, !s->answer_by);
	lives_tell(f, "offered_s", "offered_kb", offer);
	finding_integer(f, "frame_offer", (int64_t)offer->frame);
	finding_address(f, "responder", sc, s->answer_by);
	lives_tell(f, "answered_s", "answered_kb", answer);
	finding_integer(f, "frame_answer", (int64_t)answer->frame);
	finding_frame(f, offer->frame);
	finding_frame(f, answer->frame);
	return true;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct state *s = state;

	return early_ends_ignores(&s->ends, sc, ev);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (ev->kind == EVENT_LIFETIME_OFFERED && sa)
		offered(s, sa, ev);
	else if (ev->kind == EVENT_LIFETIME_ANSWERED && sa)
		answered(s, sa, ev);
	else
		early_ends_observe(&s->ends, sc, ev);
}

/* What was said was said, at this time or before; only ages are measured. */
static void set_back(void *state, nsec now)
{
	struct state *s = state;

	s->ends = (struct early_ends){ 0 };
	s->answer.at = earlier(s->answer.at, now);
	for (int side = 0; side < 2; side++)
		s->offer[side].at = earlier(s->offer[side].at, now);
}

static bool rests(const void *state, const struct scene *sc)
{
	const struct state *s = state;

	(void)sc;
	return !(s->offer[0].known && s->offer[1].known) && !s->answer.known &&
	       !early_ends_any(&s->ends);
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	bool any = judge_declared(s, sc, now, out);

	any |= judge_answered(s, sc, now, out);
	any |= early_ends_judge(&s->ends, sc, now, out);
	return any;
}

/* ---- explained ------------------------------------------------------------ */

static void tell_values(struct text *t, const struct finding *f, const char *seconds,
			const char *kilobytes)
{
	if (finding_item(f, seconds))
		text_add(t, "%lld s", (long long)finding_get(f, seconds));
	if (finding_item(f, kilobytes))
		text_add(t, "%s%lld KB", finding_item(f, seconds) ? " and " : "",
			 (long long)finding_get(f, kilobytes));
}

static void explain_declared(struct story *story)
{
	const struct finding *f = story->finding;
	struct text *t = story->summary;

	if (f->key == KEY_ANSWERED) {
		text_add(t, "%s offered a phase 1 lifetime of ",
			 story_peer(story, other_side(f->side)));
		tell_values(t, f, "offered_s", "offered_kb");
		text_add(t, " (frame %lld), but %s answered with ",
			 (long long)finding_get(f, "frame_offer"), story_peer(story, f->side));
		tell_values(t, f, "answered_s", "answered_kb");
		text_add(t, " (frame %lld), which was not offered.",
			 (long long)finding_get(f, "frame_answer"));
		return;
	}
	text_add(t, "%s offers a phase 1 lifetime of ", story->peer[0]);
	tell_values(t, f, "lifetime_a_s", "lifetime_a_kb");
	text_add(t, " (frame %lld), %s one of ", (long long)finding_get(f, "frame_a"),
		 story->peer[1]);
	tell_values(t, f, "lifetime_b_s", "lifetime_b_kb");
	text_add(t, " (frame %lld).", (long long)finding_get(f, "frame_b"));
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;

	if (f->key == KEY_DECLARED || f->key == KEY_ANSWERED)
		explain_declared(story);
	else
		early_ends_explain(story);
	story_remedy(story, REMEDY_LIFE);
	story_remedy(story, REMEDY_LOG);
}

static void lives_fields(struct fields *f, struct lives *l)
{
	FIELD_BELOW(f, l->n, LIVES + 1);
	FIELD(f, l->value);
}

static void declaration_fields(struct fields *f, struct declaration *d)
{
	FIELD(f, d->known);
	FIELD(f, d->at);
	FIELD(f, d->frame);
	lives_fields(f, &d->seconds);
	lives_fields(f, &d->kilobytes);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	declaration_fields(f, &s->answer);
	FIELD(f, s->answer_by);
	for (int side = 0; side < 2; side++)
		declaration_fields(f, &s->offer[side]);
	early_ends_fields(f, &s->ends);
}

const struct detector detect_lifetime_mismatch = {
	.code = "lifetime_mismatch",
	.scope = SCOPE_TUNNEL,
	.of_now = true,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, life_window),
	.observes = WANTS(LIFETIME_OFFERED) | WANTS(LIFETIME_ANSWERED) | EARLY_ENDS_OBSERVES,
	.judges_after = WANTS(LIFETIME_OFFERED) | WANTS(LIFETIME_ANSWERED),
	.observe = observe,
	.ignores = ignores,
	.set_back = set_back,
	.rests = rests,
	.judge = judge,
	.explain = explain,
};
