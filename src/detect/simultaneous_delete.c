/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Crossing Deletes: legal (RFC 7296 1.4.1, 2.25.1), and worth a look when traffic suffered. */
#include "detect/detector.h"
#include "detect/moments.h"
#include "detect/traffic.h"

#include <string.h>

enum { WATCHED = 8, LOOKED_AT = 64 };

#define UNDER_WAY NSEC_PER_S	/* packets this soon after a Delete had been sent before it came */

/* An SA that was in use when the Deletes crossed. */
struct watched {
	object_id esp_sa;	/* 0 none */
	uint32_t index;
	int8_t direction;
	uint64_t packets;	/* until then */
	nsec pace;		/* usual distance of them */
};

struct state {
	struct moments crossings;
	nsec apart;		/* between the two requests of the latest */
	uint64_t frames[2];
	object_id ike_sa;
	uint32_t ike_index;
	struct watched watched[WATCHED];
	nsec gap;		/* that followed it; 0 none so far */
	bool stale;		/* and packets on the dead SA */
};

static void watch(struct state *s, const struct scene *sc, nsec at)
{
	const struct settings *set = sc->settings;
	size_t n = 0;

	memset(s->watched, 0, sizeof(s->watched));
	for (int d = 0; d < 2; d++) {
		uint32_t index = sc->tunnel->esp_sas[d];

		for (int i = 0; i < LOOKED_AT && n < WATCHED; i++) {
			const struct esp_sa *sa = tracker_esp_sa(sc->tracker, index);

			if (!sa)
				break;
			if (sa->packets > 10 && lives((enum end_reason)sa->end_reason) &&
			    sa->successor == 0 && at - sa->last <= set->delete_race_effect &&
			    traffic_pace(sa) <= set->delete_race_effect)
				s->watched[n++] = (struct watched){ .esp_sa = sa->id,
								    .index = index,
								    .direction = sa->direction,
								    .packets = sa->packets,
								    .pace = traffic_pace(sa) };
			index = sa->next_in_direction;
		}
	}
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct exchange *a = ev->exchange, *b = ev->other_exchange;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	moments_add(&s->crossings, ev->at, ev->frame);
	s->apart = a && b ? a->request_at - b->request_at : 0;
	if (s->apart < 0)
		s->apart = -s->apart;
	s->frames[0] = b ? b->request_frame : 0;
	s->frames[1] = a ? a->request_frame : 0;
	s->ike_sa = sa ? sa->id : 0;
	s->ike_index = ev->ike_sa;
	s->gap = 0;
	s->stale = false;
	watch(s, sc, ev->at);
}

/*
 * The first SA that came after the Deletes in the place of `w`; several stand side by side: the one
 * that is said to replace it.
 */
static const struct esp_sa *next_of(const struct state *s, const struct scene *sc,
				    const struct watched *w, nsec at)
{
	uint32_t index = sc->tunnel->esp_sas[w->direction];
	const struct esp_sa *next = NULL;
	unsigned beside = 0;

	for (size_t i = 0; i < WATCHED; i++)
		beside += s->watched[i].esp_sa != 0 && s->watched[i].direction == w->direction;
	for (int i = 0; i < LOOKED_AT; i++) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, index);

		if (!sa)
			break;
		if (sa->first > at &&
		    (sa->predecessor == w->esp_sa || (sa->predecessor == 0 && beside == 1)) &&
		    (!next || sa->first < next->first))
			next = sa;
		index = sa->next_in_direction;
	}
	return next;
}

/* Only a child SA was deleted; and when it was the whole tunnel it came back at once. */
static bool same_session(const struct state *s, const struct scene *sc, nsec at, nsec resumed)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, s->ike_index);

	return resumed - at <= sc->settings->delete_race_effect + sc->settings->overlap_budget ||
	       (sa && sa->id == s->ike_sa && (sa->ended == NSEC_NONE || sa->ended > resumed));
}

/* It stopped with the Deletes, and some time later another one went on. */
static void look_for_gap(struct state *s, const struct scene *sc, const struct watched *w,
			 const struct esp_sa *sa, nsec at)
{
	const struct settings *set = sc->settings;
	const struct esp_sa *next = next_of(s, sc, w, at);

	if (!next || w->pace > set->gap_busy || next->first - at > set->churn_window ||
	    !same_session(s, sc, at, next->first))
		return;

	nsec gap = next->first - sa->last;

	if (gap >= set->gap_min && (double)gap >= set->gap_factor * (double)w->pace && gap > s->gap)
		s->gap = gap;
}

/* The other half of its pair was in use, and stopped with the Deletes. */
static bool partner_stopped(const struct state *s, const struct esp_sa *back, nsec at, nsec until)
{
	for (size_t i = 0; i < WATCHED; i++)
		if (s->watched[i].esp_sa == back->id)
			return back->last <= at + UNDER_WAY &&
			       until - back->last > s->watched[i].pace * 5;
	return false;
}

/*
 * The other end sends no more on the pair since the Deletes, and this one goes on: on what ended
 * then, or for long.
 */
static bool on_dead_sa(const struct state *s, const struct scene *sc, const struct esp_sa *sa,
		       nsec at)
{
	const struct settings *set = sc->settings;
	const struct child_sa *c = tracker_child_sa(sc->tracker, sa->child);
	const struct esp_sa *back = c ? tracker_esp_sa(sc->tracker, c->esp[!sa->direction]) : NULL;
	bool ended = !lives((enum end_reason)sa->end_reason) && sa->ended <= at + UNDER_WAY &&
		     sa->ended >= at - set->delete_race_effect;

	if (ended)
		return sa->last - at >= set->gap_min && (!back || back->last <= at + UNDER_WAY);
	return back && sa->last - at >= set->delete_race_effect &&
	       partner_stopped(s, back, at, sa->last);
}

static void look_for_harm(struct state *s, const struct scene *sc, nsec now)
{
	nsec at = moments_at(&s->crossings, 0);

	for (size_t i = 0; i < WATCHED; i++) {
		struct watched *w = &s->watched[i];
		const struct esp_sa *sa =
			w->esp_sa != 0 ? tracker_esp_sa(sc->tracker, w->index) : NULL;

		if (!sa || sa->id != w->esp_sa ||
		    now - at > sc->settings->churn_window + sc->settings->settle) {
			*w = (struct watched){ 0 };
			continue;
		}
		if (sa->last <= at + UNDER_WAY)
			look_for_gap(s, sc, w, sa, at);
		else if (sa->packets > w->packets && on_dead_sa(s, sc, sa, at))
			s->stale = true;
	}
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	nsec from = now - sc->settings->delete_race_window;
	unsigned n = moments_since(&s->crossings, from);

	if (n == 0)
		return false;
	look_for_harm(s, sc, now);

	bool hurt = s->gap > 0 || s->stale;
	struct finding *f = finding_raise(out, hurt ? SEVERITY_WARNING : SEVERITY_INFO,
					  CONFIDENCE_HIGH, moments_first(&s->crossings, from),
					  moments_at(&s->crossings, 0), (int64_t)n);

	finding_integer(f, "times", n);
	finding_seconds(f, "apart_s", s->apart);
	if (s->gap > 0)
		finding_seconds(f, "traffic_gap_s", s->gap);
	finding_text(f, "packets_on_the_dead_sa", "%s", s->stale ? "yes" : "no");
	finding_frame(f, s->frames[0]);
	finding_frame(f, s->frames[1]);
	moments_frames(&s->crossings, from, f);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	char apart[NSEC_TEXT_MAX], gap[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "apart_s"), apart);
	text_add(story->summary, "Both ends deleted an SA at the same time (%s apart)",
		 finding_get_span(f, "apart_s") < NSEC_PER_MS ? "less than 1 ms" : apart);
	if (f->count > 1)
		text_add(story->summary, ", %lld times", (long long)f->count);
	if (finding_item(f, "traffic_gap_s")) {
		nsec_span(finding_get_span(f, "traffic_gap_s"), gap);
		text_add(story->summary, "; traffic stopped for %s", gap);
	}
	if (finding_get_text(f, "packets_on_the_dead_sa")[0] == 'y')
		text_add(story->summary, "; packets were still sent on the dead SA");
	text_add(story->summary, f->severity == SEVERITY_INFO ? ". That is legal and did no harm." :
		 ". Their lifetimes coincide.");
	story_remedy(story, REMEDY_STAG);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	moments_fields(f, &s->crossings);
	FIELD(f, s->apart);
	FIELD(f, s->frames);
	FIELD(f, s->ike_sa);
	FIELD(f, s->ike_index);
	for (size_t i = 0; i < WATCHED; i++) {
		struct watched *w = &s->watched[i];

		FIELD(f, w->esp_sa);
		FIELD(f, w->index);
		FIELD(f, w->direction);
		FIELD(f, w->packets);
		FIELD(f, w->pace);
		fields_require(f, w->direction == 0 || w->direction == 1);
	}
	FIELD(f, s->gap);
	FIELD(f, s->stale);
}

const struct detector detect_simultaneous_delete = {
	.code = "simultaneous_delete",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, delete_race_window),
	.observes = WANTS(DELETE_COLLISION),
	.judges_after = WANTS(DELETE_COLLISION),
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
