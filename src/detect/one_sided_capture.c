/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/detector.h"

struct state {
	struct {
		bool known;
		nsec first;
		uint64_t frame;
	} side[2];
};

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;

	(void)sc;
	if (ev->side < 0 || s->side[ev->side].known)
		return;
	s->side[ev->side].known = true;
	s->side[ev->side].first = ev->at;
	s->side[ev->side].frame = ev->frame;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	bool any = false;

	for (int side = 0; side < 2; side++) {
		if (!s->side[side].known || !side_unseen(sc, side))
			continue;

		struct finding *f =
			finding_raise(out, SEVERITY_INFO, CONFIDENCE_HIGH, s->side[side].first, now,
				      (int64_t)sc->tunnel->more->ike[side].proven_unseen);

		f->key = (uint64_t)side;
		f->side = (int8_t)side;
		finding_address(f, "unseen_sender", sc, side);
		finding_integer(f, "messages_proven_unseen", f->count);
		finding_frame(f, s->side[side].frame);
		any = true;
	}
	return any;
}

static void explain(struct story *story)
{
	int side = story->finding->side;

	text_add(story->summary, "What %s sends to %s is not captured: at least %lld of its "
				 "messages must exist but were not seen, so its silence proves "
				 "nothing and unanswered requests are not judged.",
		 story_peer(story, side), story_peer(story, other_side(side)),
		 (long long)story->finding->count);
	story_remedy(story, REMEDY_TAP);
	story_remedy(story, REMEDY_LEGS);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		FIELD(f, s->side[i].known);
		FIELD(f, s->side[i].first);
		FIELD(f, s->side[i].frame);
	}
}

const struct detector detect_one_sided_capture = {
	.code = "one_sided_capture",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, capture_window),
	.observes = WANTS(ONE_SIDED),
	.judges_after = WANTS(ONE_SIDED),
	.observe = observe,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
