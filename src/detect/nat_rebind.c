/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The same SAs from another port or address without MOBIKE: a NAT has forgotten the mapping and
 * made another one.
 */
#include "detect/detector.h"
#include "detect/moments.h"

struct side {
	struct moments moves;
	nsec move;			/* being decided: MOBIKE may still announce it; 0 none */
	uint64_t frame;
	bool announced;
};

struct state {
	struct side side[2];
};

static void decide(struct side *s, nsec now, const struct settings *set)
{
	if (s->move == 0 || now - s->move < set->rebind_mobike)
		return;
	if (!s->announced)
		moments_add_to_row(&s->moves, s->move, s->frame,
				   2 * set->rebind_window);
	s->move = 0;
}

/* MOBIKE tries the new way with a probe before it announces it (RFC 4555 3.5, 3.10). */
static bool announces(const struct exchange *x)
{
	return x && x->from >= 0 &&
	       (x->purpose == PURPOSE_NOTIFY || x->purpose == PURPOSE_MOBIKE);
}

/* It says something about a move of its sender. */
static bool about_a_move(const struct state *st, const struct exchange *x)
{
	return announces(x) && st->side[x->from].move != 0;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	(void)sc;
	return ev->kind == EVENT_REQUEST && !about_a_move(state, ev->exchange);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *st = state;
	struct side *s;

	if (ev->kind == EVENT_REQUEST) {
		if (!about_a_move(st, ev->exchange))
			return;
		s = &st->side[ev->exchange->from];
		s->announced |= ev->at - s->move <= sc->settings->rebind_mobike;
		return;
	}
	if (ev->side < 0)
		return;
	s = &st->side[ev->side];
	decide(s, ev->at, sc->settings);
	s->announced |= s->move != 0 && ev->value[0] == 1;
	if (s->move != 0)		/* each of its SAs moves; one of them was counted */
		return;
	s->move = ev->at;
	s->frame = ev->frame;
	s->announced = ev->value[0] == 1;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *st = state;
	const struct settings *set = sc->settings;
	nsec from = now - set->rebind_window;
	bool any = false;

	for (int i = 0; i < 2; i++) {
		struct side *s = &st->side[i];

		decide(s, now, set);

		unsigned n = moments_since(&s->moves, from);

		any |= n > 0 || s->move != 0;
		if (n == 0)
			continue;

		bool often = n >= (unsigned)set->rebind_warn;
		struct finding *f =
			finding_raise(out, often ? SEVERITY_WARNING : SEVERITY_INFO,
				      loss_since(sc, from) ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH,
				      moments_first(&s->moves, from), moments_at(&s->moves, 0),
				      moments_in_row(&s->moves));
		char to[ENDPOINT_TEXT_MAX];

		f->key = (uint64_t)i;
		f->side = (int8_t)i;
		finding_address(f, "peer", sc, i);
		finding_integer(f, "moves", f->count);
		finding_text(f, "now_at", "%s", endpoint_text(tunnel_now(sc->tunnel, i), to));
		finding_text(f, "behind_nat", "%s",
			     sc->tunnel->behind_nat[i] == 1 ? "yes" : "not known");
		moments_frames(&s->moves, from, f);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;

	text_add(story->summary, "%s went on from another address or port ",
		 story_peer(story, f->side));
	text_add_times(story->summary, f->count);
	text_add(story->summary, " without announcing it, lastly %s: a NAT on its way forgets it; "
				 "until it sends something itself it cannot be reached.",
				 finding_get_text(f, "now_at"));
	story_remedy(story, REMEDY_KA);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct side *side = &s->side[i];

		moments_fields(f, &side->moves);
		FIELD(f, side->move);
		FIELD(f, side->frame);
		FIELD(f, side->announced);
	}
}

const struct detector detect_nat_rebind = {
	.code = "nat_rebind",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, rebind_window),
	.observes = WANTS(ADDRESS_MOVED) | WANTS(REQUEST),
	.observe = observe,
	.ignores = ignores,
	.ignores_fresh = WANTS(REQUEST),
	.rests_fresh = true,
	.judge = judge,
	.explain = explain,
};
