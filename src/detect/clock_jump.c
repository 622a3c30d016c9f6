/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/detector.h"
#include "detect/moments.h"

struct state {
	struct moments jumps;
	int64_t step;		/* the latest, ns; the largest in size would hide a correction */
};

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;

	(void)sc;
	moments_add(&s->jumps, ev->at, ev->frame);
	s->step = ev->value[0];
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	nsec from = now - sc->settings->capture_window;

	if (moments_since(&s->jumps, from) == 0)
		return false;

	struct finding *f =
		finding_raise(out, SEVERITY_INFO, CONFIDENCE_HIGH, moments_first(&s->jumps, from),
			      moments_at(&s->jumps, 0), (int64_t)s->jumps.total);

	finding_seconds(f, "step_s", s->step);
	moments_frames(&s->jumps, from, f);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	nsec step = finding_get_span(f, "step_s");
	char span[NSEC_TEXT_MAX];

	nsec_span(step < 0 ? -step : step, span);
	text_add(story->summary, "The clock of the capture stepped %s by %s",
		 step < 0 ? "back" : "forward", span);
	if (f->count > 1)
		text_add(story->summary, " (%lld steps in all)", (long long)f->count);
	text_add(story->summary, "; ages and pauses across it are not used.");
	story_remedy(story, REMEDY_CLOCK);
}

const struct detector detect_clock_jump = {
	.code = "clock_jump",
	.scope = SCOPE_CAPTURE,
	.state_size = sizeof(struct state),
	.window = offsetof(struct settings, capture_window),
	.observes = WANTS(CLOCK_JUMP),
	.judges_after = WANTS(CLOCK_JUMP),
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
