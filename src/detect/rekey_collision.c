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

/* stale packets or a gap this soon are the collision's doing */
#define EFFECT_FOLLOWS (60 * NSEC_PER_S)
/* no lifetime is that short */
#define JUST_MADE (5 * NSEC_PER_S)

enum { CROSSINGS = 4 };

/*
 * Two requests that crossed: not yet a collision, until one is refused or one SA proves redundant.
 */
struct crossing {
	nsec at;
	nsec requested[2];		/* by side */
	object_id ike_sa;
	uint64_t frames[2];
	/* one began with N(REKEY_SA), the other with SA: perhaps it was for the IKE SA */
	bool unlike;
	int8_t refused;			/* then: whose was refused; SIDE_UNKNOWN none */
};

/* IKE SAs are rekeyed more seldom than child SAs: each kind has its own latest rekeys. */
enum kind { OF_CHILD_SAS, OF_IKE_SAS, KINDS };

struct state {
	struct crossing crossings[CROSSINGS];
	uint8_t next;
	/* the latest of which one request was refused: what the other made tells of which SA */
	struct crossing half;
	uint8_t latest;			/* enum kind of the latest collision */
	struct kind_of_sa {
		struct moments rekeys, collisions;
	} kind[KINDS];
	/* the latest IKE SA that was: crossing rekeys make two of it */
	object_id rekeyed;
	/* collisions of child SAs that were a Delete which crossed a rekey */
	struct moments deletes;
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
		if (sa->current[slot]->id != 0 && sa->current[slot]->from == !x->from)
			return sa->current[slot];
	return NULL;
}

static void collided(struct state *s, enum kind kind, nsec at, uint64_t frame_a, uint64_t frame_b)
{
	moments_add(&s->kind[kind].collisions, at, frame_a);
	s->latest = (uint8_t)kind;
	s->frames[0] = frame_a;
	s->frames[1] = frame_b;
}

static bool deletes(const struct exchange *x)
{
	return x->major == 2 && x->type == IKE2_EXCHANGE_INFORMATIONAL &&
	       x->request_np1 == IKE2_PAYLOAD_DELETE;
}

/* Rekeys of both sides crossed on this IKE SA: the Deletes that follow are part of that. */
static bool crossed(const struct state *s, const struct scene *sc, const struct exchange *x,
		    nsec at)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, x->ike_sa);

	for (size_t i = 0; sa && i < CROSSINGS; i++)
		if (s->crossings[i].ike_sa == sa->id && at - s->crossings[i].at <= EFFECT_FOLLOWS)
			return true;
	return false;
}

/*
 * N(REKEY_SA) comes first in the request of many for a child SA, and never in that for an IKE SA
 * (RFC 7296 1.3.2, 1.3.3).
 */
static bool perhaps_of_two_kinds(const struct exchange *x, const struct exchange *y)
{
	return (x->request_np1 == IKE2_PAYLOAD_NOTIFY && y->request_np1 == IKE2_PAYLOAD_SA) ||
	       (x->request_np1 == IKE2_PAYLOAD_SA && y->request_np1 == IKE2_PAYLOAD_NOTIFY);
}

static void requested(struct state *s, const struct scene *sc, const struct exchange *x, nsec at)
{
	const struct exchange *other = other_of(sc, x);

	if (!other || other->request_at == NSEC_NONE)
		return;
	if (is_rekey(x) && is_rekey(other) && other->response_at == NSEC_NONE && !other->closed) {
		s->crossings[s->next++ % CROSSINGS] = (struct crossing){
			.at = at, .ike_sa = tracker_ike_sa(sc->tracker, x->ike_sa)->id,
			.requested = { x->from == 0 ? at : other->request_at,
				       x->from == 0 ? other->request_at : at },
			.frames = { other->request_frame, x->request_frame },
			.unlike = perhaps_of_two_kinds(x, other),
			.refused = SIDE_UNKNOWN,
		};
		s->latest_apart = at - other->request_at;
	}
	/*
	 * The exchange's initiator deletes the old SA; its responder doing so at once crosses the
	 * rekey.
	 */
	if (deletes(x) && is_rekey(other) && !crossed(s, sc, x, at) &&
	    other->outcome == OUTCOME_ANSWERED && other->response_at != NSEC_NONE &&
	    at - other->response_at <= sc->settings->race_delete) {
		collided(s, OF_CHILD_SAS, at, other->request_frame, x->request_frame);
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
		c->refused = ev->exchange ? ev->exchange->from : SIDE_UNKNOWN;
		if (c->unlike)
			return;
		collided(s, OF_CHILD_SAS, c->at, c->frames[0], c->frames[1]);
		s->half = *c;
		c->ike_sa = 0;
		return;
	}
}

/*
 * At which age of the old SA each side asked: the lifetimes are the same when it is the same.
 * Where several SAs are renewed in one go, what was made a moment ago may be taken for the old one.
 */
static void note_ages(struct state *s, nsec created, const nsec requested[2])
{
	s->latest_apart = requested[0] > requested[1] ? requested[0] - requested[1]
						      : requested[1] - requested[0];
	if (created == NSEC_NONE || requested[0] - created < JUST_MADE ||
	    requested[1] - created < JUST_MADE)
		return;
	for (int side = 0; side < 2; side++)
		s->age[side] = requested[side] - created;
	s->equal_ages += s->latest_apart <= s->age[0] / 50;	/* 2 % */
}

/* This is what the request made that crossed a refused one. */
static bool is_from(const struct crossing *c, const struct child_sa *made)
{
	return c->ike_sa != 0 && c->refused != SIDE_UNKNOWN && made->created_by == !c->refused &&
	       child_sa_requested(made) <= c->at && c->at <= made->created;
}

/* What crossed the request that was refused made a child SA, and no IKE SA. */
static void made_child(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct child_sa *made = tracker_child_sa(sc->tracker, ev->child_sa);
	const struct child_sa *old = tracker_child_sa(sc->tracker, ev->other);

	for (size_t i = 0; made && i < CROSSINGS; i++) {
		struct crossing *c = &s->crossings[i];

		if (!is_from(c, made))
			continue;
		collided(s, OF_CHILD_SAS, c->at, c->frames[0], c->frames[1]);
		s->half = *c;
		c->ike_sa = 0;
		break;
	}
	if (!made || !is_from(&s->half, made))
		return;
	note_ages(s, old && !(old->flags & CHILD_SA_MIDSTREAM) ? old->created : NSEC_NONE,
		  s->half.requested);
	s->half.ike_sa = 0;
}

/*
 * How long traffic paused at a rekey that was asked for at `asked`; 0 when that is no gap, or when
 * it had paused before: that was the sender.
 */
static nsec gap_at(const struct scene *sc, const struct esp_sa *old, const struct esp_sa *new,
		   nsec asked)
{
	if (!old || !new || traffic_gap(sc, old, new, traffic_pace(old)) == 0)
		return 0;

	nsec pace = (nsec)(sc->settings->gap_factor * (double)traffic_pace(old));
	nsec quiet = pace > sc->settings->gap_min ? pace : sc->settings->gap_min;

	return old->last < asked - quiet ? 0 : traffic_gap(sc, old, new, traffic_pace(old));
}

static void note_gap(struct state *s, nsec gap)
{
	s->gap = gap > s->gap ? gap : s->gap;
}

/* Two IKE SAs came out of rekeys of one: RFC 7296 2.8.2. */
static void redundant_ike_sa(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct ike_sa *old = tracker_ike_sa(sc->tracker, ev->ike_sa);
	uint64_t frames[2] = { 0, 0 };

	if (!old)
		return;
	for (size_t i = 0; i < CROSSINGS; i++)
		if (s->crossings[i].ike_sa == old->id) {
			memcpy(frames, s->crossings[i].frames, sizeof(frames));
			s->crossings[i].ike_sa = 0;
		}

	const nsec requested[2] = { old->rekey[0].requested, old->rekey[1].requested };

	s->sure = true;
	if (requested[0] != NSEC_NONE && requested[1] != NSEC_NONE)
		note_ages(s, old->origin == ORIGIN_MIDSTREAM ? NSEC_NONE : old->created, requested);
	collided(s, OF_IKE_SAS, ev->at, frames[0], frames[1]);
}

/* The tracker found one SA of the two redundant. */
static void redundant(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct child_sa *won = tracker_child_sa(sc->tracker, ev->child_sa);
	const struct child_sa *lost = tracker_child_sa(sc->tracker, ev->other);
	const struct child_sa *old =
		won ? tracker_child_sa(sc->tracker, won->more->predecessor) : NULL;
	uint64_t frames[2] = { 0, 0 };

	if (!won || !lost || won->created_by < 0)
		return;
	for (size_t i = 0; i < CROSSINGS; i++)
		if (s->crossings[i].ike_sa != 0 && s->crossings[i].at <= won->created &&
		    won->created - s->crossings[i].at <= EFFECT_FOLLOWS) {
			memcpy(frames, s->crossings[i].frames, sizeof(frames));
			s->crossings[i].ike_sa = 0;
		}
	const nsec requested[2] = {
		won->created_by == 0 ? child_sa_requested(won) : child_sa_requested(lost),
		won->created_by == 0 ? child_sa_requested(lost) : child_sa_requested(won)
	};

	s->sure = true;
	note_ages(s, old && !(old->flags & CHILD_SA_MIDSTREAM) ? old->created : NSEC_NONE,
		  requested);
	collided(s, OF_CHILD_SAS, child_sa_requested(won), frames[0], frames[1]);
	for (int d = 0; old && d < 2; d++)	/* the change of SPIs came before the decision */
		note_gap(s, gap_at(sc, tracker_esp_sa(sc->tracker, old->esp[d]),
				   tracker_esp_sa(sc->tracker, won->esp[d]),
				   requested[0] < requested[1] ? requested[0] : requested[1]));
}

/*
 * One direction goes on alone on a pair that is over, as stale_spi counts it: a packet or two at a
 * rekey are no harm (DETECTION-FACTS 4.3).
 */
static bool dead_end(const struct scene *sc, const struct event *ev)
{
	const struct child_sa *c = tracker_child_sa(sc->tracker, ev->child_sa);
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, ev->esp_sa);
	const struct esp_sa *back = c && sa && sa->direction >= 0
					    ? tracker_esp_sa(sc->tracker, c->esp[!sa->direction])
					    : NULL;

	if (messages_missed(sc) ||
	    (sa && sa->rare->stale_packets < (uint64_t)sc->settings->stale_min_pkts))
		return false;
	return !back ||
	       (sa->rare->ended != NSEC_NONE &&
		back->last <= sa->rare->ended + sc->settings->overlap_budget);
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct exchange *x = ev->exchange;

	(void)state;
	return ev->kind == EVENT_REQUEST &&
	       (!x || (!is_rekey(x) && !deletes(x)) || !other_of(sc, x));
}

/*
 * What one side says is not captured: that its answer came later than the other's request cannot be
 * known.
 */
static bool blind(const struct scene *sc)
{
	return side_unseen(sc, 0) || side_unseen(sc, 1);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct moments *collisions = &s->kind[OF_CHILD_SAS].collisions;
	bool recent = moments_kept(collisions) > 0 &&
		      ev->at - moments_at(collisions, 0) <= EFFECT_FOLLOWS;

	if (blind(sc))
		return;
	if (ev->kind == EVENT_REQUEST && ev->exchange) {
		requested(s, sc, ev->exchange, ev->at);
	} else if (ev->kind == EVENT_CHILD_REFUSED) {
		refused(s, sc, ev);
	} else if (ev->kind == EVENT_REKEY_COLLISION) {
		(ev->child_sa == NO_INDEX ? redundant_ike_sa : redundant)(s, sc, ev);
	} else if (ev->kind == EVENT_CHILD_SA_REKEYED) {
		moments_add(&s->kind[OF_CHILD_SAS].rekeys, ev->at, ev->frame);
		made_child(s, sc, ev);
	} else if (ev->kind == EVENT_IKE_SA_REKEYED) {
		const struct ike_sa *old = tracker_ike_sa(sc->tracker, ev->other);

		if (old && old->id != s->rekeyed)
			moments_add(&s->kind[OF_IKE_SAS].rekeys, ev->at, ev->frame);
		s->rekeyed = old ? old->id : 0;
	} else if (ev->kind == EVENT_ESP_AFTER_END) {
		if (recent && dead_end(sc, ev))
			s->stale = true;
	} else if (ev->kind == EVENT_ESP_SA_REPLACED && recent) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, ev->child_sa);

		if (c)
			note_gap(s, gap_at(sc, tracker_esp_sa(sc->tracker, ev->other),
					   tracker_esp_sa(sc->tracker, ev->esp_sa),
					   child_sa_requested(c)));
	}
}

/* Collisions among the latest `race.of_last` rekeys. */
static unsigned among_latest(const struct kind_of_sa *k, const struct settings *set)
{
	unsigned kept = moments_kept(&k->rekeys), of = (unsigned)set->race_of_last;
	nsec since = kept >= of ? moments_at(&k->rekeys, of - 1) : INT64_MIN;

	return moments_since(&k->collisions, since);
}

static nsec earlier(nsec a, nsec b)
{
	return a == NSEC_NONE ? b : b == NSEC_NONE ? a : a < b ? a : b;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	const struct settings *set = sc->settings;
	const struct moments *collisions[KINDS] = {
		&s->kind[OF_CHILD_SAS].collisions, &s->kind[OF_IKE_SAS].collisions,
	};
	nsec from = now - set->race_window;
	unsigned repeated = 0;
	int64_t total = 0;

	if (blind(sc) ||
	    moments_since(collisions[0], from) + moments_since(collisions[1], from) == 0)
		return false;
	for (int k = 0; k < KINDS; k++) {
		unsigned of_kind = among_latest(&s->kind[k], set);

		if (moments_since(collisions[k], from) > 0 && of_kind > repeated)
			repeated = of_kind;
		total += (int64_t)collisions[k]->total;
	}
	enum severity severity = s->gap > 0 || s->stale                   ? SEVERITY_CRITICAL
				 : repeated >= (unsigned)set->race_repeat ? SEVERITY_WARNING
									  : SEVERITY_INFO;
	struct finding *f = finding_raise(
		out, severity, s->sure ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM,
		earlier(moments_first(collisions[0], from), moments_first(collisions[1], from)),
		moments_at(collisions[s->latest], 0), total);

	f->cause = s->latest == OF_CHILD_SAS && moments_kept(&s->deletes) * 2 >
							moments_kept(collisions[OF_CHILD_SAS])
			   ? "rekey_delete"
			   : "rekey_rekey";
	if (collisions[OF_IKE_SAS]->total > 0)
		finding_text(f, "what", "%s", s->latest == OF_IKE_SAS ? "IKE SA" : "child SA");
	finding_integer(f, "collisions", total);
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
	for (int k = 0; k < KINDS; k++)
		moments_frames(collisions[k], from, f);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	struct text *t = story->summary;
	bool of_ike_sa = strcmp(finding_get_text(f, "what"), "IKE SA") == 0;
	char gap[NSEC_TEXT_MAX], age[NSEC_TEXT_MAX];

	if (strcmp(finding_cause(f), "rekey_delete") == 0) {
		text_add(t, "A rekey and a Delete of the same SA crossed between %s and %s",
			 story->peer[0], story->peer[1]);
	} else {
		text_add(t, "%s and %s started rekeying the same %s", story->peer[0],
			 story->peer[1], of_ike_sa ? "IKE SA" : "SA");
		if (finding_item(f, "apart_ms"))
			text_add(t, " within %.0f ms", finding_get_real(f, "apart_ms") < 1
							       ? 1.0
							       : finding_get_real(f, "apart_ms"));
	}
	text_add(t, " (%lld of the latest rekeys)",
		 (long long)finding_get(f, "among_latest_rekeys"));
	if (finding_get(f, "at_equal_ages") >= 2)
		text_add(t, " because their %s lifetimes coincide (both asked at an age of %s)",
			 of_ike_sa ? "IKE SA" : "phase 2",
			 nsec_span(finding_get_span(f, "age_a_s"), age));
	text_add(t, f->confidence != CONFIDENCE_HIGH &&
					    strcmp(finding_cause(f), "rekey_rekey") == 0
			    ? "; one request was refused"
			    : "; one SA was discarded");
	if (finding_get_real(f, "longest_gap_s") > 0)
		text_add(t, ", and traffic stopped for %s",
			 nsec_span(finding_get_span(f, "longest_gap_s"), gap));
	if (*finding_get_text(f, "then"))
		text_add(t, ", and ESP was sent on an SPI that no longer existed");
	text_add(t, ".");
	story_remedy(story, of_ike_sa ? REMEDY_STAG_IKE : REMEDY_STAG);
	story_remedy(story, REMEDY_ROLE);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < CROSSINGS + 1; i++) {
		struct crossing *c = i < CROSSINGS ? &s->crossings[i] : &s->half;

		FIELD(f, c->at);
		FIELD(f, c->requested);
		FIELD(f, c->ike_sa);
		FIELD(f, c->frames);
		FIELD(f, c->unlike);
		FIELD(f, c->refused);
		fields_require(f, c->refused >= SIDE_UNKNOWN && c->refused <= 1);
	}
	FIELD(f, s->next);
	FIELD_BELOW(f, s->latest, KINDS);
	for (int k = 0; k < KINDS; k++) {
		moments_fields(f, &s->kind[k].rekeys);
		moments_fields(f, &s->kind[k].collisions);
	}
	FIELD(f, s->rekeyed);
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
	.observes = WANTS(REQUEST) | WANTS(CHILD_REFUSED) | WANTS(REKEY_COLLISION) |
		    WANTS(CHILD_SA_REKEYED) |
		    WANTS(IKE_SA_REKEYED) | WANTS(ESP_AFTER_END) | WANTS(ESP_SA_REPLACED),
	.judges_after = WANTS(REKEY_COLLISION) | WANTS(CHILD_REFUSED),
	.observe = observe,
	.ignores = ignores,
	.ignores_unseen = UINT64_MAX,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
