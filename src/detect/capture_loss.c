/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/detector.h"
#include "detect/moments.h"

struct state {
	struct moments losses;
	int64_t dropped;	/* as far as the capturer counted */
};

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;

	(void)sc;
	moments_add(&s->losses, ev->at, ev->frame);
	s->dropped += ev->value[2];
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	nsec from = now - sc->settings->capture_window;

	if (moments_since(&s->losses, from) == 0)
		return false;

	struct finding *f =
		finding_raise(out, SEVERITY_INFO, CONFIDENCE_HIGH, moments_first(&s->losses, from),
			      moments_at(&s->losses, 0), (int64_t)s->losses.total);

	finding_integer(f, "moments_of_loss", (int64_t)s->losses.total);
	if (s->dropped > 0)
		finding_integer(f, "packets_dropped", s->dropped);
	moments_frames(&s->losses, from, f);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	int64_t dropped = finding_get(f, "packets_dropped");

	text_add(story->summary, "The capture itself lost packets at %lld moment%s",
		 (long long)f->count, f->count == 1 ? "" : "s");
	if (dropped > 0)
		text_add(story->summary, " (%lld packet%s counted as dropped)", (long long)dropped,
			 dropped == 1 ? "" : "s");
	text_add(story->summary, "; what seems missing then says nothing about the tunnels.");
	story_remedy(story, REMEDY_TAP);
}

const struct detector detect_capture_loss = {
	.code = "capture_loss",
	.scope = SCOPE_CAPTURE,
	.state_size = sizeof(struct state),
	.window = offsetof(struct settings, capture_window),
	.observes = WANTS(CAPTURE_LOSS),
	.judges_after = WANTS(CAPTURE_LOSS),
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
