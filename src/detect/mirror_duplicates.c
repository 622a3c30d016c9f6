/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/detector.h"

struct state {
	int64_t reports;
	nsec first, last;
	int64_t copies, packets;	/* of the latest report */
};

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;

	(void)sc;
	if (s->reports++ == 0)
		s->first = ev->at;
	s->last = ev->at;
	s->copies = ev->value[0];
	s->packets = ev->value[1];
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;

	(void)now;
	if (s->reports == 0 || !mirror_doubles(sc))
		return false;

	struct finding *f =
		finding_raise(out, SEVERITY_INFO, CONFIDENCE_HIGH, s->first, s->last, s->reports);

	finding_integer(f, "copies", s->copies);
	finding_integer(f, "packets", s->packets);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;

	text_add(story->summary,
		 "The mirror delivers the packets between %s and %s twice (%lld of %lld when that "
		 "was last looked at); the copies are not counted, and none of them is a "
		 "retransmission or a replay.",
		 story->peer[0], story->peer[1], (long long)finding_get(f, "copies"),
		 (long long)finding_get(f, "packets"));
	story_remedy(story, REMEDY_TAP);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	FIELD_COUNT(f, s->reports);
	FIELD(f, s->first);
	FIELD(f, s->last);
	FIELD_COUNT(f, s->copies);
	FIELD_COUNT(f, s->packets);
}

const struct detector detect_mirror_duplicates = {
	.code = "mirror_duplicates",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, capture_window),
	.observes = WANTS(MIRROR),
	.judges_after = WANTS(MIRROR),
	.observe = observe,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
