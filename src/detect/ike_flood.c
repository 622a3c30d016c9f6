/* SPDX-License-Identifier: GPL-3.0-or-later */
/* More half-open IKE SAs than a peer makes: from one source, or from many to one responder. */
#include "detect/detector.h"
#include "detect/newcomers.h"

enum { GRACE_S = 2 };	/* an honest peer is authenticated after this */

#define MINUTE (60 * NSEC_PER_S)

struct state {
	struct newcomers newcomers;
	bool told;
	nsec first, last;
	const char *cause;
	struct endpoint source, responder;
	bool one_source;
	int64_t most, cookies;
	uint64_t frames[2];
};

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;

	newcomers_observe(&s->newcomers, sc, ev);
}

/*
 * Still half-open, and old enough that this means something; in a real flood nothing kept is that
 * old.
 */
static bool half_open(const struct newcomers *n, const struct newcomer *c, nsec now)
{
	bool flooded = n->total > NEWCOMERS_MAX &&
		       newcomers_get(n, 0)->at - newcomers_get(n, NEWCOMERS_MAX - 1)->at <
			       GRACE_S * NSEC_PER_S;

	return !c->done && (flooded || now - c->at >= GRACE_S * NSEC_PER_S);
}

struct tally {
	int64_t from_source, at_responder, cookies;
	bool alone;		/* all to the responder are the source's */
};

/* Those like `c`, and younger than it. */
static struct tally tally_of(const struct newcomers *n, const struct newcomer *c,
			     const struct settings *set, nsec now)
{
	struct tally t = { .alone = true };

	for (uint32_t i = 0; i < newcomers_kept(n); i++) {
		const struct newcomer *o = newcomers_get(n, i);

		if (o->at - c->at > MINUTE)
			continue;
		if (o->at < c->at)
			break;
		if (!half_open(n, o, now))
			continue;

		bool near = o->at - c->at <= set->flood_span;
		bool same_source = addr_equal(o->from.addr, c->from.addr);
		bool same_responder = addr_equal(o->to.addr, c->to.addr);

		/*
		 * clients behind one NAT that ask a dead responder have their own ports and get no
		 * answer
		 */
		if (same_responder && !o->known) {
			t.from_source += near && same_source &&
					 (o->answered || o->from.port == c->from.port);
			t.at_responder += near && o->answered;
			t.cookies += o->cookie;
		}
		t.alone &= !same_responder || same_source;
	}
	return t;
}

/* Are so many half-open that one of the tallies can be a flood's?  All are no more than that. */
static bool may_flood(const struct newcomers *n, const struct settings *set, nsec now)
{
	int64_t least = set->flood_cookies, open = 0;

	if (least > set->flood_halfopen)
		least = set->flood_halfopen;
	if (least > set->flood_responder)
		least = set->flood_responder;
	for (uint32_t i = 0; i < newcomers_kept(n) && open < least; i++)
		open += half_open(n, newcomers_get(n, i), now);
	return open >= least;
}

static void note(struct state *s, const struct newcomer *c, const struct tally *t,
		 const char *cause, int64_t n, const struct settings *set)
{
	const struct newcomer *latest = newcomers_get(&s->newcomers, 0);

	if (!s->told || c->at - s->last > set->flood_window) {
		s->first = c->at;
		s->most = s->cookies = 0;
		s->frames[0] = c->frame;
	}
	s->told = true;
	s->last = latest->at > s->last ? latest->at : s->last;
	if (n < s->most)
		return;
	s->most = n;
	s->cookies = t->cookies;
	s->cause = cause;
	s->one_source = cause[0] == 's' || t->alone;
	s->source = c->from;
	s->responder = c->to;
	s->frames[1] = latest->frame;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	const struct settings *set = sc->settings;
	const struct newcomers *n = &s->newcomers;
	uint32_t kept = newcomers_kept(n), recent = 0;

	while (recent < kept && now - newcomers_get(n, recent)->at <= MINUTE)
		recent++;
	/* each beginning of a span is tried; few enough cannot be a flood */
	if (recent >= (uint32_t)set->flood_cookies) {
		newcomers_look(&s->newcomers, sc);

		uint32_t end = may_flood(n, set, now) ? recent : 0;

		for (uint32_t i = 0; i < end; i++) {
			const struct newcomer *c = newcomers_get(n, i);
			struct tally t = tally_of(n, c, set, now);

			if (t.from_source >= set->flood_halfopen)
				note(s, c, &t, "source", t.from_source, set);
			else if (t.at_responder >= set->flood_responder)
				note(s, c, &t, "responder", t.at_responder, set);
			else if (t.cookies >= set->flood_cookies)
				note(s, c, &t, "cookies", t.cookies, set);
		}
	}
	if (!s->told || now - s->last > set->flood_window)
		return recent > 0;

	char text[ENDPOINT_TEXT_MAX];
	struct finding *f =
		finding_raise(out, SEVERITY_WARNING, CONFIDENCE_HIGH, s->first, s->last, s->most);

	f->cause = s->cause;
	finding_text(f, "responder", "%s",
		     endpoint_text((struct endpoint){ s->responder.addr, 0 }, text));
	if (s->one_source)
		finding_text(f, "source", "%s",
			     endpoint_text((struct endpoint){ s->source.addr, 0 }, text));
	finding_integer(f, "half_open", s->most);
	finding_seconds(f, "within_s", s->cause[0] == 'c' ? MINUTE : set->flood_span);
	finding_integer(f, "cookies", s->cookies);
	finding_frame(f, s->frames[0]);
	finding_frame(f, s->frames[1]);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *source = finding_get_text(f, "source");

	text_add(story->summary, "%lld IKE SAs were begun at %s within %.0f s and left half-open, ",
		 (long long)f->count, finding_get_text(f, "responder"),
		 finding_get_real(f, "within_s"));
	if (*source)
		text_add(story->summary, "all by %s; ", source);
	else
		text_add(story->summary, "from many addresses, which may be forged; ");
	text_add(story->summary, "they take the responder's memory and processor from "
				 "its true peers.");
	story_remedy(story, REMEDY_FLOOD);
}

const struct detector detect_ike_flood = {
	.code = "ike_flood",
	.scope = SCOPE_CAPTURE,
	.state_size = sizeof(struct state),
	.window = offsetof(struct settings, flood_window),
	.observes = WANTS(IKE_SA_CREATED) | WANTS(IKE_SA_ESTABLISHED) | WANTS(COOKIE),
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
