/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Crossing Deletes: legal (RFC 7296 1.4.1, 2.25.1), and worth a look when traffic suffered. */
#include "detect/detector.h"
#include "detect/moments.h"
#include "detect/traffic.h"

#include <string.h>

enum { WATCHED = 8, LOOKED_AT = 64 };

#define UNDER_WAY NSEC_PER_S	/* packets this soon after a Delete had been sent before it came */
/* Crossings at most this far apart are one series: lifetimes are a day at most. */
#define SERIES (25 * 3600 * NSEC_PER_S)

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
	nsec first;		/* of the series */
	uint32_t times, hurt;	/* of the series, and how many of them did harm */
	nsec longest_gap;	/* traffic stopped for; 0 never */
	nsec longest_dead;	/* one end went on sending on what was dead for; 0 never */
	int8_t dead_sender;
	bool dead_for_sure;	/* nothing else can have been meant */
	/* of the latest */
	nsec apart;		/* between the two requests */
	nsec age;		/* of the SA; 0 not known */
	uint64_t frames[2];
	object_id ike_sa;
	uint32_t ike_index;
	struct watched watched[WATCHED];
	bool harm;		/* counted in `hurt` */
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
			    sa->rare->successor == 0 && at - sa->last <= set->delete_race_effect &&
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

static unsigned watched_of(const struct state *s, int direction)
{
	unsigned n = 0;

	for (size_t i = 0; i < WATCHED; i++)
		n += s->watched[i].esp_sa != 0 && s->watched[i].direction == direction;
	return n;
}

/* Of the only SA that was in use; of several nobody knows which one was meant. */
static nsec age_of(const struct state *s, const struct scene *sc, nsec at)
{
	if (watched_of(s, 0) > 1 || watched_of(s, 1) > 1)
		return 0;
	for (size_t i = 0; i < WATCHED; i++) {
		const struct watched *w = &s->watched[i];
		const struct esp_sa *sa =
			w->esp_sa != 0 ? tracker_esp_sa(sc->tracker, w->index) : NULL;
		const struct child_sa *c = sa ? tracker_child_sa(sc->tracker, sa->child) : NULL;

		if (c && c->how != CREATED_UNKNOWN)
			return at - c->created;
	}
	return 0;
}

static void count(struct state *s, nsec at, uint64_t frame)
{
	if (moments_kept(&s->crossings) == 0 || at - moments_at(&s->crossings, 0) > SERIES) {
		s->first = at;
		s->times = s->hurt = 0;
		s->longest_gap = s->longest_dead = 0;
		s->dead_for_sure = false;
	}
	s->times++;
	moments_add(&s->crossings, at, frame);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct exchange *a = ev->exchange, *b = ev->other_exchange;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	count(s, ev->at, ev->frame);
	s->apart = a && b ? a->request_at - b->request_at : 0;
	if (s->apart < 0)
		s->apart = -s->apart;
	s->frames[0] = b ? b->request_frame : 0;
	s->frames[1] = a ? a->request_frame : 0;
	s->ike_sa = sa ? sa->id : 0;
	s->ike_index = ev->ike_sa;
	s->harm = false;
	watch(s, sc, ev->at);
	s->age = age_of(s, sc, ev->at);
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
	unsigned beside = watched_of(s, w->direction);

	for (int i = 0; i < LOOKED_AT; i++) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, index);

		if (!sa)
			break;

		object_id predecessor = tracker_esp_more(sc->tracker, sa)->predecessor;

		if (sa->first > at &&
		    (predecessor == w->esp_sa || (predecessor == 0 && beside == 1)) &&
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

	if (gap < set->gap_min || (double)gap < set->gap_factor * (double)w->pace)
		return;
	s->hurt += !s->harm;
	s->harm = true;
	if (gap > s->longest_gap)
		s->longest_gap = gap;
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
	bool ended = !lives((enum end_reason)sa->end_reason) && sa->rare->ended <= at + UNDER_WAY &&
		     sa->rare->ended >= at - set->delete_race_effect;

	if (ended)
		return sa->last - at >= set->gap_min && (!back || back->last <= at + UNDER_WAY);
	return back && sa->last - at >= set->delete_race_effect &&
	       partner_stopped(s, back, at, sa->last);
}

static void went_on(struct state *s, const struct esp_sa *sa, nsec at)
{
	s->hurt += !s->harm;
	s->harm = true;
	if (sa->last - at <= s->longest_dead)
		return;
	s->longest_dead = sa->last - at;
	s->dead_sender = sa->direction;
	s->dead_for_sure = watched_of(s, sa->direction) == 1;
}

static void look_for_harm(struct state *s, const struct scene *sc, nsec now)
{
	nsec at = moments_at(&s->crossings, 0);

	for (size_t i = 0; i < WATCHED; i++) {
		struct watched *w = &s->watched[i];
		const struct esp_sa *sa =
			w->esp_sa != 0 ? tracker_esp_sa(sc->tracker, w->index) : NULL;

		if (!sa || sa->id != w->esp_sa ||
		    now - at > sc->settings->delete_race_window) {
			*w = (struct watched){ 0 };
			continue;
		}
		if (sa->last <= at + UNDER_WAY)
			look_for_gap(s, sc, w, sa, at);
		else if (sa->packets > w->packets && on_dead_sa(s, sc, sa, at))
			went_on(s, sa, at);
	}
}

/* What traffic suffered, by the same measure as a gap at the end of an SA. */
static enum severity severity_of(const struct state *s, const struct settings *set)
{
	if (s->hurt == 0)
		return SEVERITY_INFO;
	return s->longest_gap >= set->gap_crit ||
	       (s->dead_for_sure && s->longest_dead >= set->gap_crit) ? SEVERITY_CRITICAL
								      : SEVERITY_WARNING;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;

	if (moments_since(&s->crossings, now - sc->settings->delete_race_window) == 0)
		return false;
	look_for_harm(s, sc, now);

	struct finding *f = finding_raise(out, severity_of(s, sc->settings), CONFIDENCE_HIGH,
					  s->first, moments_at(&s->crossings, 0), s->times);

	finding_integer(f, "times", s->times);
	finding_integer(f, "times_with_harm", s->hurt);
	finding_seconds(f, "apart_s", s->apart);
	if (s->age > 0)
		finding_seconds(f, "sa_age_s", s->age);
	if (s->longest_gap > 0)
		finding_seconds(f, "traffic_gap_s", s->longest_gap);
	finding_text(f, "packets_on_the_dead_sa", "%s", s->longest_dead > 0 ? "yes" : "no");
	if (s->longest_dead > 0) {
		finding_address(f, "went_on_sending", sc, s->dead_sender);
		finding_seconds(f, "on_the_dead_sa_s", s->longest_dead);
	}
	finding_frame(f, s->frames[0]);
	finding_frame(f, s->frames[1]);
	moments_frames(&s->crossings, s->first, f);
	return true;
}

static void harm_in_words(struct text *t, const struct finding *f)
{
	long long hurt = finding_get(f, "times_with_harm");
	bool gap = finding_item(f, "traffic_gap_s") != NULL;
	char span[NSEC_TEXT_MAX];

	text_add(t, ".");
	if (gap) {
		nsec_span(finding_get_span(f, "traffic_gap_s"), span);
		text_add(t, " Traffic stopped for %s%s until a new SA was made",
			 hurt > 1 ? "up to " : "", span);
	}
	if (finding_item(f, "on_the_dead_sa_s")) {
		nsec_span(finding_get_span(f, "on_the_dead_sa_s"), span);
		text_add(t, "%s %s went on to send on the dead SA for at least %s", gap ? ";" : "",
			 finding_get_text(f, "went_on_sending"), span);
	}
	if (f->count > 1 && hurt == f->count)
		text_add(t, " (each time)");
	else if (f->count > 1)
		text_add(t, " (%lld of these times)", hurt);
	text_add(t, ". That happens when both ends have the same lifetime.");
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	char apart[NSEC_TEXT_MAX], age[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "apart_s"), apart);
	text_add(story->summary, "Both ends deleted an SA at the same time (%s apart",
		 finding_get_span(f, "apart_s") < NSEC_PER_MS ? "less than 1 ms" : apart);
	if (finding_item(f, "sa_age_s")) {
		nsec_span(finding_get_span(f, "sa_age_s"), age);
		text_add(story->summary, ", at an age of %s", age);
	}
	text_add(story->summary, ")");
	if (f->count > 1)
		text_add(story->summary, ", %lld times", (long long)f->count);
	if (f->severity == SEVERITY_INFO)
		text_add(story->summary, ". That is legal and did no harm.");
	else
		harm_in_words(story->summary, f);
	story_remedy(story, REMEDY_STAG);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	moments_fields(f, &s->crossings);
	FIELD(f, s->first);
	FIELD(f, s->times);
	FIELD(f, s->hurt);
	FIELD(f, s->longest_gap);
	FIELD(f, s->longest_dead);
	FIELD(f, s->dead_sender);
	FIELD(f, s->dead_for_sure);
	fields_require(f, s->dead_sender == 0 || s->dead_sender == 1);
	FIELD(f, s->apart);
	FIELD(f, s->age);
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
	FIELD(f, s->harm);
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
