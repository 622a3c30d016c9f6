/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Crossing Deletes: legal (RFC 7296 1.4.1, 2.25.1), and worth a look when traffic suffered. */
#include "detect/detector.h"
#include "detect/moments.h"
#include "detect/traffic.h"

struct state {
	struct moments crossings;
	nsec apart;		/* between the two requests of the latest */
	nsec traffic, pace;	/* latest packet before it, NSEC_NONE none; usual distance of them */
	nsec gap;		/* that followed it; 0 none so far */
	uint64_t frames[2];
	bool stale;		/* and packets on the dead SA */
};

/* The shortest usual distance of packets among the SAs in use at this moment; false when all are quiet. */
static bool busy_pace(const struct scene *sc, nsec at, nsec *ret_pace)
{
	bool found = false;

	for (int d = 0; d < 2; d++) {
		uint32_t index = sc->tunnel->esp_sas[d];

		for (int i = 0; i < 64; i++) {
			const struct esp_sa *sa = tracker_esp_sa(sc->tracker, index);

			if (!sa)
				break;

			nsec pace = traffic_pace(sa);

			if (sa->packets > 10 && at - sa->last <= sc->settings->gap_busy &&
			    pace <= sc->settings->gap_busy && (!found || pace < *ret_pace)) {
				*ret_pace = pace;
				found = true;
			}
			index = sa->next_in_direction;
		}
	}
	return found;
}

static void crossed(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct exchange *a = ev->exchange, *b = ev->other_exchange;

	moments_add(&s->crossings, ev->at, ev->frame);
	s->apart = a && b ? a->request_at - b->request_at : 0;
	if (s->apart < 0)
		s->apart = -s->apart;
	s->frames[0] = b ? b->request_frame : 0;
	s->frames[1] = a ? a->request_frame : 0;
	s->traffic = busy_pace(sc, ev->at, &s->pace) ? traffic_before(sc, ev->at) : NSEC_NONE;
	s->gap = 0;
	s->stale = false;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct settings *set = sc->settings;

	if (ev->kind == EVENT_DELETE_COLLISION) {
		crossed(s, sc, ev);
		return;
	}
	if (moments_kept(&s->crossings) == 0 ||
	    ev->at - moments_at(&s->crossings, 0) > set->delete_race_effect + set->overlap_budget)
		return;
	if (ev->kind == EVENT_ESP_AFTER_END) {
		s->stale = true;
	} else if (s->gap == 0 && s->traffic != NSEC_NONE) {
		nsec silence = traffic_silence(sc, s->traffic, moments_at(&s->crossings, 0));

		if (silence != NSEC_NONE && silence >= set->gap_min &&
		    (double)silence >= set->gap_factor * (double)s->pace)
			s->gap = silence;
	}
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	nsec from = now - sc->settings->delete_race_window;
	unsigned n = moments_since(&s->crossings, from);

	if (n == 0)
		return false;

	bool hurt = s->gap > 0 || s->stale;
	struct finding *f = finding_raise(out, hurt ? SEVERITY_WARNING : SEVERITY_INFO, CONFIDENCE_HIGH,
					  moments_first(&s->crossings, from), moments_at(&s->crossings, 0), (int64_t)n);

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
	text_add(story->summary, "Both ends deleted an SA at the same time (%s apart)", apart);
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
	FIELD_MAYBE(f, s->traffic);
	FIELD(f, s->pace);
	FIELD(f, s->gap);
	FIELD(f, s->frames);
	FIELD(f, s->stale);
}

const struct detector detect_simultaneous_delete = {
	.code = "simultaneous_delete",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, delete_race_window),
	.observes = WANTS(DELETE_COLLISION) | WANTS(ESP_AFTER_END) | WANTS(ESP_SA_FIRST),
	.judges_after = WANTS(DELETE_COLLISION),
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
