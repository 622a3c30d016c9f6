/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Busy traffic stops at the end of an SA and goes on with the next one: the
 * old SA was over before its replacement was ready.  A sender that pauses while
 * its SA is renewed in time looks alike, so each hole waits until it is known
 * what became of the old SA.
 */
#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/early_ends.h"
#include "detect/traffic.h"

#include <string.h>

enum { GAPS = 6, LOOKED_AT = 64 };

#define ALIKE (2 * NSEC_PER_S)
#define FIVE_MINUTES (300 * NSEC_PER_S)
/* what becomes of the old SA is settled soon after settle_s */
#define ENDS_LATE (2 * NSEC_PER_S)

/* Whether there was a time without an SA. */
enum certainty {
	PENDING,	/* nobody said yet what became of the old one */
	SURE,
	ONCE,		/* of no account, unless another one happens at the same age */
	NO_HOLE,
};

struct hole {
	nsec at, length, age;	/* age of the SA at its end, as far as that is known */
	nsec session;		/* age of its IKE SA then; 0 not known, or that lived on */
	nsec ike_age;		/* of the IKE SA that made it, living or not; 0 not known */
	nsec stopped;		/* its latest packet */
	nsec asked, made;	/* request and answer that made the new SA; NSEC_NONE not seen */
	nsec pace;
	object_id old_child;
	uint64_t frame;
	int8_t direction, asker;
	uint8_t certainty;
	bool by_new_ike_sa;	/* the new SA came with an IKE SA of its own */
	/* its request said that it replaces one: who asked still had that */
	bool replaces;
	bool other_way_too;
	bool not_both;		/* the other direction hardly paused meanwhile */
	bool lately;		/* the old SA had been quiet until its last minutes */
	bool idle;		/* nobody wanted another one for as long as makes an idle tunnel */
};

struct state {
	nsec in_vain;		/* an SA was asked for, and not got; 0 never */
	struct hole holes[GAPS];	/* oldest first */
	uint8_t n;
	uint32_t total;
};

/*
 * One side deleted its IKE SA and at once began a new one: reauthentication by
 * break before make, a short gap that is meant so.
 */
static bool reauthenticated(const struct scene *sc, const struct esp_sa *old,
			    const struct esp_sa *new)
{
	const struct child_sa *was = tracker_child_sa(sc->tracker, old->child);
	const struct child_sa *is = tracker_child_sa(sc->tracker, new->child);
	const struct ike_sa *ike = is ? tracker_ike_sa(sc->tracker, is->ike_sa) : NULL;

	return was && ike && was->ended_by >= 0 && was->ended_by == ike->initiator_side &&
	       is->how == CREATED_IKE_AUTH && was->more->ike_sa_id != is->more->ike_sa_id;
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

	if (!back || back->packets < PACE_PACKETS)
		return false;

	nsec apart = old->last > back->last ? old->last - back->last : back->last - old->last;

	return apart > sc->settings->gap_min && apart > limit && apart > 5 * traffic_pace(back);
}

/*
 * Without an SA nobody sends: of two directions that pause independently of each
 * other, the time in which neither sent must be a gap, too.
 */
static bool not_both(const struct scene *sc, const struct esp_sa *old, const struct esp_sa *new)
{
	const struct child_sa *c = tracker_child_sa(sc->tracker, old->child);
	const struct esp_sa *back = c ? tracker_esp_sa(sc->tracker, c->esp[!old->direction]) : NULL;
	nsec pace = traffic_pace(old);

	if (!back || back->id != c->esp_id[!old->direction] || back->packets < PACE_PACKETS)
		return false;

	nsec its = traffic_pace(back), latest = old->last > back->last ? old->last : back->last;
	const struct child_sa *is = tracker_child_sa(sc->tracker, new->child);
	const struct esp_sa *its_new =
		is ? tracker_esp_sa(sc->tracker, is->esp[!old->direction]) : NULL;
	nsec resumed = its_new && its_new->id == is->esp_id[!old->direction] &&
				       its_new->first < new->first
			       ? its_new->first
			       : new->first;
	double both = pace + its > 0 ? (double)pace * (double)its / (double)(pace + its) : 0;

	return resumed - latest < sc->settings->gap_min ||
	       (double)(resumed - latest) < sc->settings->gap_factor * both;
}

/*
 * With one side's packets alone nobody can tell an SA that ran out from a peer
 * that died, or from a sender that paused.
 */
static bool one_eyed(const struct scene *sc)
{
	for (int side = 0; side < 2; side++)
		if (side_unseen(sc, side) ||
		    (sc->tunnel->more->ike[side].messages == 0 && traffic_packets(sc, side) == 0))
			return true;
	return false;
}

/* ---- what became of the old SA ---- */

static const struct child_sa *child_of(const struct scene *sc, object_id id)
{
	uint32_t index = sc->tunnel->child_sas;

	for (int i = 0; i < LOOKED_AT && index != NO_INDEX; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c || c->id == id)
			return c;
		index = c->next_in_tunnel;
	}
	return NULL;
}

/*
 * One side deleted it with its IKE SA, and later dials again itself: it closed the session because
 * it wanted no tunnel, and nothing expired.
 */
static bool hung_up(const struct scene *sc, const struct hole *h, const struct child_sa *old)
{
	const struct ike_sa *ike = tracker_ike_sa(sc->tracker, old->ike_sa);
	nsec within = sc->settings->life_active;

	return ike && ike->id == old->more->ike_sa_id && h->asked != NSEC_NONE &&
	       old->ended_by >= 0 && old->ended_by == h->asker && ike->ended_by == h->asker &&
	       ike->end_reason == END_DELETED && ike->ended - old->more->ended <= within &&
	       old->more->ended - ike->ended <= within && h->asked - old->more->ended > within;
}

/* It was deleted before anybody asked for the next one. */
static enum certainty of_deleted(const struct scene *sc, struct hole *h, const struct child_sa *old)
{
	nsec ready = h->made != NSEC_NONE ? h->made : h->at;

	if (ready - old->more->ended < sc->settings->gap_min || hung_up(sc, h, old))
		return NO_HOLE;
	/* what was quiet for long before fell quiet again, and was deleted for that, perhaps */
	if (h->lately && old->more->ended - h->stopped > ALIKE + 2 * h->pace)
		return ONCE;
	h->age = old->more->ended - old->created;
	if (!h->by_new_ike_sa)
		return SURE;

	/* who closed the whole IKE SA restarted, or decided so, unless it was a timer */
	const struct ike_sa *ike = tracker_ike_sa(sc->tracker, old->ike_sa);

	if (ike && ike->id == old->more->ike_sa_id && ike->origin != ORIGIN_MIDSTREAM)
		h->session = old->more->ended - ike->created;
	return ONCE;
}

/*
 * Without a Delete, an SA that was replaced is taken to have ended with its latest packet or when
 * the new one was made.
 */
static bool deleted_since(const struct scene *sc, const struct hole *h, const struct child_sa *old)
{
	nsec presumed = h->made != NSEC_NONE ? h->made : h->stopped;

	for (int d = 0; d < 2; d++) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, old->esp[d]);

		if (sa && sa->id == old->esp_id[d] && sa->last > presumed)
			presumed = sa->last;
	}
	return (old->end_reason == END_REKEYED || old->end_reason == END_DELETED) &&
	       old->more->ended > presumed;
}

/* All known lifetimes are (DETECTION-FACTS 2.1), and it ends at or shortly before one. */
static bool round_lifetime(nsec age, nsec before)
{
	nsec past = age % FIVE_MINUTES;

	return past <= ALIKE || FIVE_MINUTES - past <= before;
}

/* From a quarter of an hour on, as no box's default is shorter. */
static bool usual_lifetime(nsec age, nsec before)
{
	return age >= 3 * FIVE_MINUTES - before && round_lifetime(age, before);
}

/*
 * Nobody deleted it before its traffic stopped.  Who deletes it afterwards still had it then, and
 * so had who asked for its replacement; otherwise it may have run out in silence, and then traffic
 * stopped at the configured age.
 */
static enum certainty of_not_deleted(const struct scene *sc, const struct hole *h,
				     const struct child_sa *old)
{
	if (h->replaces || h->idle || (old && deleted_since(sc, h, old)))
		return NO_HOLE;
	if (h->by_new_ike_sa)
		return SURE;
	if (h->made == NSEC_NONE && h->length >= sc->settings->idle)
		return NO_HOLE;		/* of an idle tunnel, as far as its ESP tells */
	/* nor is an hour of silence one, unless it began at the end of a lifetime */
	if (h->length >= sc->settings->idle && !usual_lifetime(h->age, ALIKE + 2 * h->pace))
		return ONCE;
	if (h->lately && !round_lifetime(h->age, ALIKE + 2 * h->pace))
		return ONCE;		/* what speaks now and then pauses at any minute */
	if (configured_age(h->age, ALIKE + 2 * h->pace))
		return SURE;
	return h->not_both ? NO_HOLE : ONCE;
}

static enum certainty decide(const struct scene *sc, struct hole *h, nsec now)
{
	const struct child_sa *old = child_of(sc, h->old_child);

	if (old && old->end_reason == END_NONE && now - h->at < sc->settings->settle + ENDS_LATE)
		return PENDING;
	if (old && (old->end_reason == END_DELETED || old->end_reason == END_EXPIRED) &&
	    old->more->ended < (h->asked != NSEC_NONE ? h->asked : h->at))
		return of_deleted(sc, h, old);
	return of_not_deleted(sc, h, old);
}

static bool alike(nsec a, nsec b)
{
	return (a > b ? a - b : b - a) <= ALIKE;
}

/* A pause of the sender does not come back at the same age. */
static bool has_a_twin(const struct state *s, const struct hole *h)
{
	for (uint8_t i = 0; i < s->n; i++) {
		const struct hole *o = &s->holes[i];

		if (o != h && (o->certainty == SURE || o->certainty == ONCE) &&
		    (alike(h->age, o->age) || (h->session != 0 && alike(h->session, o->session))))
			return true;
	}
	return false;
}

/* ---- holes ---- */

static void add(struct state *s, const struct hole *h)
{
	if (s->n == GAPS) {
		memmove(s->holes, s->holes + 1, (GAPS - 1) * sizeof(s->holes[0]));
		s->n--;
	}
	s->holes[s->n++] = *h;
}

/*
 * Beside other selectors that go on: this one was deleted, for both directions of it stopped with
 * the Delete, and came back with the child SA that was asked for later.
 */
static nsec slot_gap(const struct scene *sc, const struct esp_sa *old, const struct esp_sa *new,
		     const struct child_sa *was, const struct child_sa *is)
{
	const struct settings *set = sc->settings;
	const struct esp_sa *back =
		was ? tracker_esp_sa(sc->tracker, was->esp[!old->direction]) : NULL;
	nsec pace = traffic_pace(old), gap = new->first - old->last;

	if (!back || !is || is == was || back->id != was->esp_id[!old->direction] ||
	    was->end_reason != END_DELETED || is->how == CREATED_UNKNOWN ||
	    is->more->ike_sa_id != was->more->ike_sa_id ||
	    child_sa_requested(is) - was->more->ended < set->gap_min ||
	    (was->flags | is->flags) & (CHILD_SA_MIDSTREAM | CHILD_SA_REDUNDANT) ||
	    back->packets < PACE_PACKETS || gap < set->gap_min ||
	    (double)gap < set->gap_factor * (double)pace)
		return 0;
	for (int d = 0; d < 2; d++) {
		const struct esp_sa *sa = d == 0 ? old : back;
		nsec near = ALIKE + 2 * traffic_pace(sa);

		if (sa->last > was->more->ended + ALIKE || was->more->ended - sa->last > near)
			return 0;
	}
	return gap;
}

/*
 * Traffic that finds no SA has one asked for.  When nobody even tried to for as long as makes a
 * tunnel idle, nothing was sent, whenever the old SA ran out (idle_expiry).
 */
static bool was_idle(const struct state *s, const struct scene *sc, const struct child_sa *is,
		     nsec stopped)
{
	const struct ike_sa *ike = tracker_ike_sa(sc->tracker, is->ike_sa);
	nsec asked = child_sa_requested(is);

	if (ike && ike->id == is->more->ike_sa_id && ike->origin == ORIGIN_OBSERVED &&
	    ike->created > stopped && ike->created < asked)
		asked = ike->created;
	if (asked - stopped < sc->settings->idle || s->in_vain > stopped)
		return false;

	uint32_t index = sc->tunnel->ike_sas;

	for (int i = 0; i < LOOKED_AT; i++) {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, index);

		if (!sa)
			break;
		if (sa->end_reason == END_FAILED && sa->created > stopped)
			return false;
		index = sa->next_in_tunnel;
	}
	return true;
}

static void tried_in_vain(struct state *s, const struct event *ev)
{
	const struct exchange *x = ev->exchange;

	if (x && ((x->major == 2 && x->type == IKE2_EXCHANGE_CREATE_CHILD_SA) ||
		  (x->major == 1 && x->type == IKE1_EXCHANGE_QUICK_MODE)))
		s->in_vain = ev->at;
}

/* How old the IKE SA that made it was when its traffic stopped; 0 not known. */
static nsec ike_age_of(const struct scene *sc, const struct child_sa *was, nsec stopped)
{
	const struct ike_sa *ike = was ? tracker_ike_sa(sc->tracker, was->ike_sa) : NULL;

	return ike && ike->id == was->more->ike_sa_id && ike->origin != ORIGIN_MIDSTREAM &&
			       ike->created < stopped
		       ? stopped - ike->created
		       : 0;
}

static void replaced(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct settings *set = sc->settings;
	const struct esp_sa *new = tracker_esp_sa(sc->tracker, ev->esp_sa);
	const struct esp_sa *old = tracker_esp_sa(sc->tracker, ev->other);

	if (!new || !old || new->direction < 0 || old->packets < PACE_PACKETS || one_eyed(sc))
		return;

	nsec mean = traffic_pace(old), lately = traffic_pace_lately(old);
	nsec pace = mean > set->gap_busy && lately < mean ? lately : mean;
	const struct child_sa *is = tracker_child_sa(sc->tracker, new->child);
	const struct child_sa *was = tracker_child_sa(sc->tracker, old->child);
	nsec gap = traffic_gap(sc, old, new, pace);

	if (gap == 0)
		gap = slot_gap(sc, old, new, was, is);
	/* quiet SAs leave holes all the time; young ones did not expire */
	if (gap == 0 || pace > set->gap_busy || old->last - old->first < set->life_min_age ||
	    old->flags & ESP_SA_MIDSTREAM || clock_stepped_since(sc, old->last) ||
	    loss_since(sc, old->last))
		return;

	bool known = is && is->how != CREATED_UNKNOWN;

	if (known &&
	    (is->created < old->last || new->first - is->created > 2 * NSEC_PER_S + set->gap_busy))
		return;			/* the new one was ready: nobody sent */
	if ((gap < set->gap_crit && reauthenticated(sc, old, new)) ||
	    (one_way_first(sc, old) && !ran_out_alone(sc, old, is, new)))
		return;
	if (s->n > 0 && s->holes[s->n - 1].direction != new->direction &&
	    new->first - s->holes[s->n - 1].at < set->settle) {
		s->holes[s->n - 1].other_way_too = true;
		return;			/* the other direction of the same hole */
	}
	add(s, &(struct hole){
		       .at = new->first,
		       .length = gap,
		       .stopped = old->last,
		       .pace = pace,
		       .age = old->last -
			      (was && was->how != CREATED_UNKNOWN ? was->created : old->first),
		       .ike_age = ike_age_of(sc, was, old->last),
		       .asked = known ? child_sa_requested(is) : NSEC_NONE,
		       .made = known ? is->created : NSEC_NONE,
		       .old_child = was ? was->id : 0,
		       .frame = new->first_frame,
		       .direction = new->direction,
		       .asker = known ? is->created_by : SIDE_UNKNOWN,
		       .by_new_ike_sa = known && is->how == CREATED_IKE_AUTH,
		       .replaces = known && is->flags &CHILD_SA_REKEY_EXPECTED,
		       .not_both = not_both(sc, old, new),
		       .lately = mean > set->gap_busy,
		       .idle = known &&was_idle(s, sc, is, old->last),
	       });
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	if (ev->kind == EVENT_ESP_SA_REPLACED)
		replaced(state, sc, ev);
	else
		tried_in_vain(state, ev);
}

static void decide_all(struct state *s, const struct scene *sc, nsec now)
{
	for (uint8_t i = 0; i < s->n; i++) {
		struct hole *h = &s->holes[i];

		if (h->certainty != PENDING)
			continue;
		h->certainty = (uint8_t)decide(sc, h, now);
		s->total += h->certainty == SURE;
	}
}

static bool counts(const struct state *s, const struct hole *h)
{
	return h->certainty == SURE || (h->certainty == ONCE && has_a_twin(s, h));
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	const struct settings *set = sc->settings;
	const struct hole *longest = NULL, *first = NULL, *last = NULL;
	int64_t twins = 0;
	bool pending = false;

	decide_all(s, sc, now);
	for (uint8_t i = 0; i < s->n; i++) {
		const struct hole *h = &s->holes[i];

		pending |= h->certainty == PENDING;
		if (!counts(s, h))
			continue;
		twins += h->certainty == ONCE;
		if (now - h->at > set->gap_window)
			continue;
		last = h;
		if (!first)
			first = h;
		if (!longest || h->length >= longest->length)
			longest = h;
	}
	if (!longest)
		return pending;

	enum severity severity =
		longest->length >= set->gap_crit ? SEVERITY_CRITICAL : SEVERITY_WARNING;
	enum confidence confidence =
		longest->made != NSEC_NONE ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
	int64_t count = (int64_t)s->total + twins;
	struct finding *f = finding_raise(out, severity, confidence, first->at - first->length,
					  last->at, count);

	finding_address(f, "direction_from", sc, longest->direction);
	finding_seconds(f, "gap_s", longest->length);
	finding_seconds(f, "sa_age_s", longest->age);
	if (longest->ike_age != 0)
		finding_seconds(f, "ike_sa_age_s", longest->ike_age);
	finding_integer(f, "gaps", count);
	finding_text(f, "both_directions", "%s", longest->other_way_too ? "yes" : "no");
	finding_text(f, "new_exchange_in_the_gap", "%s",
		     longest->made != NSEC_NONE ? "yes" : "not seen");
	for (uint8_t i = 0; i < s->n; i++)
		if (counts(s, &s->holes[i]))
			finding_frame(f, s->holes[i].frame);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	char gap[NSEC_TEXT_MAX], age[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "gap_s"), gap);
	nsec_span(finding_get_span(f, "sa_age_s"), age);
	if (strcmp(finding_get_text(f, "both_directions"), "no") == 0)
		text_add(story->summary, "Traffic from %s", finding_get_text(f, "direction_from"));
	else
		text_add(story->summary, "Traffic between %s and %s", story->peer[0],
			 story->peer[1]);
	text_add(story->summary, " stopped for %s at an SA age of %s: the SA was over before its"
				 " replacement was ready",
		 gap, age);
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
		FIELD(f, h->session);
		FIELD(f, h->ike_age);
		FIELD(f, h->stopped);
		FIELD_MAYBE(f, h->asked);
		FIELD_MAYBE(f, h->made);
		FIELD(f, h->pace);
		FIELD(f, h->old_child);
		FIELD(f, h->frame);
		FIELD(f, h->direction);
		FIELD(f, h->asker);
		FIELD_BELOW(f, h->certainty, NO_HOLE + 1);
		FIELD(f, h->by_new_ike_sa);
		FIELD(f, h->replaces);
		FIELD(f, h->other_way_too);
		FIELD(f, h->not_both);
		FIELD(f, h->lately);
		FIELD(f, h->idle);
	}
	FIELD(f, s->in_vain);
	FIELD_BELOW(f, s->n, GAPS + 1);
	FIELD(f, s->total);
}

const struct detector detect_expiry_gap = {
	.code = "expiry_gap",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, gap_window),
	.observes = WANTS(ESP_SA_REPLACED) | WANTS(CHILD_REFUSED) | WANTS(REQUEST_COPY),
	.judges_after = WANTS(ESP_SA_REPLACED),
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
