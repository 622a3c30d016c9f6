/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Both peers rekey the same SA at the same time.  Legal (RFC 7296 2.8.1,
 * 2.25), but vendors stumble over it: one SA too many, an error instead of an
 * answer, or a Delete that meets a rekey on the way.
 */
#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/moments.h"
#include "detect/traffic.h"

#include <string.h>

#define EFFECT_FOLLOWS (60 * NSEC_PER_S)	/* stale packets or a gap this soon are the collision's doing */

enum { CROSSINGS = 4 };

/* Two requests that crossed: not yet a collision, until one is refused or one SA proves redundant. */
struct crossing {
	nsec at;
	object_id ike_sa;
	uint64_t frames[2];
};

struct state {
	struct crossing crossings[CROSSINGS];
	uint8_t next;
	struct moments rekeys;		/* of child SAs */
	struct moments collisions;
	struct moments deletes;		/* of them, a Delete that crossed a rekey */
	nsec latest_apart;		/* between the two requests of the latest; -1 unknown */
	nsec age[2];			/* of the SA when each side asked; 0 unknown */
	uint32_t equal_ages;		/* collisions at equal ages: the lifetimes are the same */
	nsec gap;			/* longest that followed one; 0 none */
	bool stale;
	bool sure;			/* a redundant SA was seen */
	uint64_t frames[2];
};

static bool is_rekey(const struct exchange *x)
{
	return x->id != 0 && ((x->major == 2 && x->type == IKE2_EXCHANGE_CREATE_CHILD_SA) ||
			      (x->major == 1 && x->type == IKE1_EXCHANGE_QUICK_MODE));
}

/* The exchange of the other side that is under way on the same IKE SA. */
static const struct exchange *other_of(const struct scene *sc, const struct exchange *x)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, x->ike_sa);

	if (!sa || x->from < 0)
		return NULL;
	for (int slot = 0; slot < 2; slot++)
		if (sa->current[slot].id != 0 && sa->current[slot].from == !x->from)
			return &sa->current[slot];
	return NULL;
}

static void collided(struct state *s, nsec at, uint64_t frame_a, uint64_t frame_b)
{
	moments_add(&s->collisions, at, frame_a);
	s->frames[0] = frame_a;
	s->frames[1] = frame_b;
}

static bool deletes(const struct exchange *x)
{
	return x->major == 2 && x->type == IKE2_EXCHANGE_INFORMATIONAL &&
	       x->request_np1 == IKE2_PAYLOAD_DELETE;
}

/* Rekeys of both sides crossed on this IKE SA: the Deletes that follow are part of that. */
static bool crossed(const struct state *s, const struct scene *sc, const struct exchange *x, nsec at)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, x->ike_sa);

	for (size_t i = 0; sa && i < CROSSINGS; i++)
		if (s->crossings[i].ike_sa == sa->id && at - s->crossings[i].at <= EFFECT_FOLLOWS)
			return true;
	return false;
}

static void requested(struct state *s, const struct scene *sc, const struct exchange *x, nsec at)
{
	const struct exchange *other = other_of(sc, x);

	if (!other || other->request_at == NSEC_NONE)
		return;
	if (is_rekey(x) && is_rekey(other) && other->response_at == NSEC_NONE && !other->closed) {
		s->crossings[s->next++ % CROSSINGS] = (struct crossing){
			.at = at, .ike_sa = tracker_ike_sa(sc->tracker, x->ike_sa)->id,
			.frames = { other->request_frame, x->request_frame },
		};
		s->latest_apart = at - other->request_at;
	}
	/* The exchange's initiator deletes the old SA; its responder doing so at once crosses the rekey. */
	if (deletes(x) && is_rekey(other) && !crossed(s, sc, x, at) && other->outcome == OUTCOME_ANSWERED && other->response_at != NSEC_NONE &&
	    at - other->response_at <= sc->settings->race_delete) {
		collided(s, at, other->request_frame, x->request_frame);
		moments_add(&s->deletes, at, x->request_frame);
	}
}

static void refused(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	for (size_t i = 0; sa && i < CROSSINGS; i++) {
		struct crossing *c = &s->crossings[i];

		if (c->ike_sa != sa->id || ev->at - c->at > EFFECT_FOLLOWS)
			continue;
		collided(s, c->at, c->frames[0], c->frames[1]);
		c->ike_sa = 0;
		return;
	}
}

/* The tracker found one SA of the two redundant. */
static void redundant(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct child_sa *won = tracker_child_sa(sc->tracker, ev->child_sa);
	const struct child_sa *lost = tracker_child_sa(sc->tracker, ev->other);
	const struct child_sa *old = won ? tracker_child_sa(sc->tracker, won->predecessor) : NULL;
	uint64_t frames[2] = { 0, 0 };

	if (!won || !lost || won->created_by < 0)
		return;
	for (size_t i = 0; i < CROSSINGS; i++)
		if (s->crossings[i].ike_sa != 0 && s->crossings[i].at <= won->created &&
		    won->created - s->crossings[i].at <= EFFECT_FOLLOWS) {
			memcpy(frames, s->crossings[i].frames, sizeof(frames));
			s->crossings[i].ike_sa = 0;
		}
	s->sure = true;
	s->latest_apart = won->requested > lost->requested ? won->requested - lost->requested :
							     lost->requested - won->requested;
	if (old && !(old->flags & CHILD_SA_MIDSTREAM)) {
		nsec age = won->requested - old->created;

		s->age[won->created_by] = age;
		s->age[!won->created_by] = lost->requested - old->created;
		s->equal_ages += s->latest_apart <= age / 50;	/* 2 % */
	}
	collided(s, won->requested, frames[0], frames[1]);
}

/* One direction goes on alone on a pair that is over. */
static bool dead_end(const struct scene *sc, const struct event *ev)
{
	const struct child_sa *c = tracker_child_sa(sc->tracker, ev->child_sa);
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, ev->esp_sa);
	const struct esp_sa *back = c && sa && sa->direction >= 0 ? tracker_esp_sa(sc->tracker, c->esp[!sa->direction]) : NULL;

	return !back || (sa->ended != NSEC_NONE && back->last <= sa->ended + sc->settings->overlap_budget);
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct exchange *x = ev->exchange;

	(void)state;
	return ev->kind == EVENT_REQUEST && (!x || (!is_rekey(x) && !deletes(x)) || !other_of(sc, x));
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	bool recent = moments_kept(&s->collisions) > 0 &&
		      ev->at - moments_at(&s->collisions, 0) <= EFFECT_FOLLOWS;

	if (ev->kind == EVENT_REQUEST && ev->exchange) {
		requested(s, sc, ev->exchange, ev->at);
	} else if (ev->kind == EVENT_CHILD_REFUSED) {
		refused(s, sc, ev);
	} else if (ev->kind == EVENT_REKEY_COLLISION) {
		redundant(s, sc, ev);
	} else if (ev->kind == EVENT_CHILD_SA_REKEYED) {
		moments_add(&s->rekeys, ev->at, ev->frame);
	} else if (ev->kind == EVENT_ESP_AFTER_END) {
		if (recent && dead_end(sc, ev))
			s->stale = true;
	} else if (ev->kind == EVENT_ESP_SA_REPLACED && recent) {
		const struct esp_sa *new = tracker_esp_sa(sc->tracker, ev->esp_sa);
		const struct esp_sa *old = tracker_esp_sa(sc->tracker, ev->other);
		nsec gap = new && old ? traffic_gap(sc, old, new) : 0;

		s->gap = gap > s->gap ? gap : s->gap;
	}
}

/* Collisions among the latest `race.of_last` rekeys. */
static unsigned among_latest(const struct state *s, const struct settings *set)
{
	unsigned kept = moments_kept(&s->rekeys), of = (unsigned)set->race_of_last;
	nsec since = kept >= of ? moments_at(&s->rekeys, of - 1) : INT64_MIN;

	return moments_since(&s->collisions, since);
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	const struct settings *set = sc->settings;
	nsec from = now - set->race_window;

	if (moments_since(&s->collisions, from) == 0)
		return false;

	unsigned repeated = among_latest(s, set);
	enum severity severity = s->gap > 0 || s->stale ? SEVERITY_CRITICAL :
				 repeated >= (unsigned)set->race_repeat ? SEVERITY_WARNING : SEVERITY_INFO;
	struct finding *f = finding_raise(out, severity, s->sure ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM,
					  moments_first(&s->collisions, from), moments_at(&s->collisions, 0),
					  (int64_t)s->collisions.total);

	f->cause = moments_kept(&s->deletes) * 2 > moments_kept(&s->collisions) ? "rekey_delete" : "rekey_rekey";
	finding_integer(f, "collisions", (int64_t)s->collisions.total);
	finding_integer(f, "among_latest_rekeys", repeated);
	if (s->sure || s->latest_apart > 0)
		finding_real(f, "apart_ms", (double)s->latest_apart / (double)NSEC_PER_MS);
	for (int side = 0; side < 2; side++)
		if (s->age[side] > 0)
			finding_seconds(f, side == 0 ? "age_a_s" : "age_b_s", s->age[side]);
	finding_integer(f, "at_equal_ages", s->equal_ages);
	if (s->gap > 0)
		finding_seconds(f, "longest_gap_s", s->gap);
	if (s->stale)
		finding_text(f, "then", "packets on the dead SPI");
	finding_frame(f, s->frames[0]);
	finding_frame(f, s->frames[1]);
	moments_frames(&s->collisions, from, f);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	struct text *t = story->summary;
	char gap[NSEC_TEXT_MAX];

	if (strcmp(finding_cause(f), "rekey_delete") == 0) {
		text_add(t, "A rekey and a Delete of the same SA crossed between %s and %s", story->peer[0],
			 story->peer[1]);
	} else {
		text_add(t, "%s and %s started rekeying the same SA", story->peer[0], story->peer[1]);
		if (finding_item(f, "apart_ms"))
			text_add(t, " within %.0f ms", finding_get_real(f, "apart_ms"));
	}
	text_add(t, " (%lld of the latest rekeys)", (long long)finding_get(f, "among_latest_rekeys"));
	if (finding_get(f, "at_equal_ages") >= 2)
		text_add(t, " because their phase 2 lifetimes coincide");
	text_add(t, "; one SA was discarded");
	if (finding_get_real(f, "longest_gap_s") > 0)
		text_add(t, ", and traffic stopped for %s",
			 nsec_span(finding_get_span(f, "longest_gap_s"), gap));
	if (*finding_get_text(f, "then"))
		text_add(t, ", and ESP was sent on an SPI that no longer existed");
	text_add(t, ".");
	story_remedy(story, REMEDY_STAG);
	story_remedy(story, REMEDY_ROLE);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < CROSSINGS; i++) {
		struct crossing *c = &s->crossings[i];

		FIELD(f, c->at);
		FIELD(f, c->ike_sa);
		FIELD(f, c->frames);
	}
	FIELD(f, s->next);
	moments_fields(f, &s->rekeys);
	moments_fields(f, &s->collisions);
	moments_fields(f, &s->deletes);
	FIELD(f, s->latest_apart);
	FIELD(f, s->age);
	FIELD(f, s->equal_ages);
	FIELD(f, s->gap);
	FIELD(f, s->stale);
	FIELD(f, s->sure);
	FIELD(f, s->frames);
}

const struct detector detect_rekey_collision = {
	.code = "rekey_collision",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, race_window),
	.observes = WANTS(REQUEST) | WANTS(CHILD_REFUSED) | WANTS(REKEY_COLLISION) | WANTS(CHILD_SA_REKEYED) |
		    WANTS(ESP_AFTER_END) | WANTS(ESP_SA_REPLACED),
	.judges_after = WANTS(REKEY_COLLISION) | WANTS(CHILD_REFUSED),
	.observe = observe,
	.ignores = ignores,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
