/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Busy traffic stops at the end of an SA and goes on with the next one: the
 * old SA was over before its replacement was ready.
 */
#include "detect/detector.h"
#include "detect/traffic.h"

#include <string.h>

enum { GAPS = 6 };

struct hole {
	nsec at, length, age;
	uint64_t frame;
	int8_t direction;
	bool exchange_inside;	/* the exchange that made the new SA lies in the hole */
	bool other_way_too;
};

struct state {
	struct hole holes[GAPS];	/* oldest first */
	uint8_t n;
	uint32_t total;
};

/* The exchange that made the new SA, when that is known. */
static nsec made_at(const struct scene *sc, const struct esp_sa *sa)
{
	const struct child_sa *c = tracker_child_sa(sc->tracker, sa->child);

	return c && c->how != CREATED_UNKNOWN ? c->created : NSEC_NONE;
}

/*
 * One side deleted its IKE SA and at once began a new one: reauthentication by
 * break before make, a short gap that is meant so.
 */
static bool reauthenticated(const struct scene *sc, const struct esp_sa *old, const struct esp_sa *new)
{
	const struct child_sa *was = tracker_child_sa(sc->tracker, old->child);
	const struct child_sa *is = tracker_child_sa(sc->tracker, new->child);
	const struct ike_sa *ike = is ? tracker_ike_sa(sc->tracker, is->ike_sa) : NULL;

	return was && ike && was->ended_by >= 0 && was->ended_by == ike->initiator_side &&
	       is->how == CREATED_IKE_AUTH && was->ike_sa_id != is->ike_sa_id;
}

/*
 * The two directions did not stop together: one side fell silent while the
 * other went on, so the peer or the path died, not the SA.
 */
static bool one_way_first(const struct scene *sc, const struct esp_sa *old)
{
	const struct child_sa *c = tracker_child_sa(sc->tracker, old->child);
	const struct esp_sa *back = c ? tracker_esp_sa(sc->tracker, c->esp[!old->direction]) : NULL;
	nsec limit = (nsec)(sc->settings->gap_factor * (double)traffic_pace(old));

	if (!back || back->packets < 20)
		return false;

	nsec apart = old->last > back->last ? old->last - back->last : back->last - old->last;

	return apart > sc->settings->gap_min && apart > limit && apart > 5 * traffic_pace(back);
}

/*
 * With one side's packets alone nobody can tell an SA that ran out from a peer
 * that died, or from a sender that paused.
 */
static bool one_eyed(const struct scene *sc)
{
	for (int side = 0; side < 2; side++)
		if (side_unseen(sc, side) ||
		    (sc->tunnel->side[side].ike_messages == 0 && traffic_packets(sc, side) == 0))
			return true;
	return false;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct settings *set = sc->settings;
	const struct esp_sa *new = tracker_esp_sa(sc->tracker, ev->esp_sa);
	const struct esp_sa *old = tracker_esp_sa(sc->tracker, ev->other);

	if (!new || !old || new->direction < 0 || old->packets < 20 || one_eyed(sc))
		return;

	nsec gap = traffic_gap(sc, old, new), pace = traffic_pace(old), age = old->last - old->first;
	nsec made = made_at(sc, new);

	/* quiet SAs leave holes all the time; young ones did not expire; and a pause of the sender is not ours */
	if (gap == 0 || pace > set->gap_busy || age < set->life_min_age || old->flags & ESP_SA_MIDSTREAM ||
	    clock_stepped_since(sc, old->last) || loss_since(sc, old->last))
		return;
	if (made != NSEC_NONE && (made < old->last || new->first - made > 2 * NSEC_PER_S + set->gap_busy))
		return;			/* the new one was ready: nobody sent */
	if ((gap < set->gap_crit && reauthenticated(sc, old, new)) || one_way_first(sc, old))
		return;
	if (s->n > 0 && s->holes[s->n - 1].direction != new->direction &&
	    new->first - s->holes[s->n - 1].at < set->settle) {
		s->holes[s->n - 1].other_way_too = true;
		return;			/* the other direction of the same hole */
	}
	if (s->n == GAPS) {
		memmove(s->holes, s->holes + 1, (GAPS - 1) * sizeof(s->holes[0]));
		s->n--;
	}
	s->total++;
	s->holes[s->n++] = (struct hole){
		.at = new->first, .length = gap, .age = age, .frame = new->first_frame,
		.direction = new->direction, .exchange_inside = made != NSEC_NONE,
	};
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	const struct settings *set = sc->settings;
	const struct hole *longest = NULL, *first = NULL;

	for (uint8_t i = 0; i < s->n; i++) {
		const struct hole *h = &s->holes[i];

		if (now - h->at > set->gap_window)
			continue;
		if (!first)
			first = h;
		if (!longest || h->length >= longest->length)
			longest = h;
	}
	if (!longest)
		return false;

	struct finding *f = finding_raise(out, longest->length >= set->gap_crit ? SEVERITY_CRITICAL : SEVERITY_WARNING,
					  longest->exchange_inside ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM,
					  first->at - first->length, s->holes[s->n - 1].at, s->total);

	finding_address(f, "direction_from", sc, longest->direction);
	finding_seconds(f, "gap_s", longest->length);
	finding_seconds(f, "sa_age_s", longest->age);
	finding_integer(f, "gaps", s->total);
	finding_text(f, "both_directions", "%s", longest->other_way_too ? "yes" : "no");
	finding_text(f, "new_exchange_in_the_gap", "%s", longest->exchange_inside ? "yes" : "not seen");
	for (uint8_t i = 0; i < s->n; i++)
		finding_frame(f, s->holes[i].frame);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	char gap[NSEC_TEXT_MAX], age[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "gap_s"), gap);
	nsec_span(finding_get_span(f, "sa_age_s"), age);
	text_add(story->summary, "Traffic between %s and %s stopped for %s at an SA age of %s: the SA was over before "
		 "its replacement was ready", story->peer[0], story->peer[1], gap, age);
	if (f->count > 1)
		text_add(story->summary, " (%lld times)", (long long)f->count);
	text_add(story->summary, ".");
	story_remedy(story, REMEDY_LIFE);
	story_remedy(story, REMEDY_KEEP);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < GAPS; i++) {
		struct hole *h = &s->holes[i];

		FIELD(f, h->at);
		FIELD(f, h->length);
		FIELD(f, h->age);
		FIELD(f, h->frame);
		FIELD(f, h->direction);
		FIELD(f, h->exchange_inside);
		FIELD(f, h->other_way_too);
	}
	FIELD_BELOW(f, s->n, GAPS + 1);
	FIELD(f, s->total);
}

const struct detector detect_expiry_gap = {
	.code = "expiry_gap",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, gap_window),
	.observes = WANTS(ESP_SA_REPLACED),
	.judges_after = WANTS(ESP_SA_REPLACED),
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
