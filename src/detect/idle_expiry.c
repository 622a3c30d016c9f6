/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/detector.h"
#include "detect/moments.h"
#include "detect/traffic.h"

struct state {
	struct moments ends;
	nsec silence;		/* before the latest */
	int8_t by;
	bool whole_tunnel;	/* the IKE SA went too */
};

static void note(struct state *s, nsec at, nsec silence, int by, bool whole, uint64_t frame)
{
	moments_add(&s->ends, at, frame);
	s->silence = silence;
	s->by = (int8_t)by;
	s->whole_tunnel = whole;
}

/* A timer of 300 s deletes a little less than 300 s after the last packet that was captured. */
static bool idle_end(const struct scene *sc, enum end_reason reason, nsec silence)
{
	return reason == END_IDLE || ((reason == END_DELETED || reason == END_SUPERSEDED) &&
				      silence >= sc->settings->idle / 10 * 9);
}

enum { LOOKED_AT = 64 };

/* Latest packet of a child SA; of the tunnel when it never carried one. */
static nsec latest_of(const struct scene *sc, const struct child_sa *c)
{
	nsec latest = NSEC_NONE;

	for (int d = 0; d < 2; d++) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, c->esp[d]);

		if (sa && sa->last > latest)
			latest = sa->last;
	}
	return latest == NSEC_NONE ? traffic_before(sc, c->more->ended)
	       : latest < c->more->ended ? latest
				   : c->more->ended;
}

/*
 * Who closed it had just made another: that replaces it, also when nobody could tell which replaces
 * which.
 */
static bool was_renewed(const struct scene *sc, const struct child_sa *old)
{
	uint32_t index = sc->tunnel->child_sas;

	for (int i = 0; i < LOOKED_AT; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			break;
		if (c != old && c->more->predecessor == NO_INDEX && c->created_by >= 0 &&
		    c->created_by == old->ended_by && c->created <= old->more->ended &&
		    old->more->ended - c->created <= sc->settings->overlap_budget)
			return true;
		index = c->next_in_tunnel;
	}
	return false;
}

/* When traffic was last seen before this end; NSEC_NONE: it did not end for being idle. */
static nsec idle_since(const struct scene *sc, const struct event *ev)
{
	if (ev->kind == EVENT_CHILD_SA_ENDED) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, ev->child_sa);
		nsec traffic = c ? latest_of(sc, c) : NSEC_NONE;
		bool idle = traffic != NSEC_NONE &&
			    idle_end(sc, c->end_reason, c->more->ended - traffic) &&
			    c->more->successor == NO_INDEX && !was_renewed(sc, c);

		return idle ? traffic : NSEC_NONE;
	}

	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);
	nsec traffic = sa ? traffic_before(sc, sa->ended) : NSEC_NONE;
	bool idle = traffic != NSEC_NONE && idle_end(sc, sa->end_reason, sa->ended - traffic) &&
		    sa->ended_by >= 0 && session_over(sc, sa);

	return idle ? traffic : NSEC_NONE;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	(void)state;
	return idle_since(sc, ev) == NSEC_NONE;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	nsec traffic = idle_since(sc, ev);

	if (traffic == NSEC_NONE)
		return;
	if (ev->kind == EVENT_CHILD_SA_ENDED) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, ev->child_sa);

		nsec ended = c->more->ended;

		note(state, ended, ended - traffic, c->ended_by, false, ev->frame);
	} else {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

		note(state, sa->ended, sa->ended - traffic, sa->ended_by, true, sa->last_frame);
	}
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	nsec from = now - sc->settings->idle_window;

	if (moments_since(&s->ends, from) == 0)
		return false;

	struct finding *f =
		finding_raise(out, SEVERITY_INFO, CONFIDENCE_HIGH, moments_first(&s->ends, from),
			      moments_at(&s->ends, 0), (int64_t)s->ends.total);

	f->side = s->by;
	finding_address(f, "ended_by", sc, s->by);
	finding_seconds(f, "idle_for_s", s->silence);
	finding_text(f, "what", "%s", s->whole_tunnel ? "IKE SA" : "child SA");
	moments_frames(&s->ends, from, f);
	return true;
}

static void reset(void *state)
{
	((struct state *)state)->by = SIDE_UNKNOWN;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	char idle[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "idle_for_s"), idle);
	text_add(story->summary, "%s closed the idle %s after %s without traffic; the next packet "
				 "will have to wait for a new one.", story_peer(story, f->side),
				 finding_get_text(f, "what"), idle);
	story_remedy(story, REMEDY_KEEP);
	story_remedy(story, REMEDY_IDLE);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	moments_fields(f, &s->ends);
	FIELD(f, s->silence);
	FIELD(f, s->by);
	FIELD(f, s->whole_tunnel);
}

const struct detector detect_idle_expiry = {
	.code = "idle_expiry",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, idle_window),
	.observes = WANTS(CHILD_SA_ENDED) | WANTS(IKE_SA_ENDED),
	.judges_after = WANTS(CHILD_SA_ENDED) | WANTS(IKE_SA_ENDED),
	.observe = observe,
	.ignores = ignores,
	.ignores_unseen = UINT64_MAX,
	.rests_fresh = true,
	.only_looks = true,
	.judge = judge,
	.reset = reset,
	.explain = explain,
};
