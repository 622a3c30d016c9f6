/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/early_ends.h"

#include <sawatch/ike_registry.h>

#include "detect/sample.h"
#include "detect/traffic.h"

#include <string.h>

#define FAILING_ROW (600 * NSEC_PER_S)	/* attempts further apart than this are another row */
/* an end this near to crossing Deletes has no single author */
#define CROSSING (2 * NSEC_PER_S)
/* Cisco begins 30 s before the end (2.1): that may be too late */
#define REKEYS_BEFORE (40 * NSEC_PER_S)
#define MINUTE (60 * NSEC_PER_S)
#define TOLERANCE (2 * NSEC_PER_S)

enum { LOOKED_AT = 64 };

/* ---- without a word ------------------------------------------------------- */

bool configured_age(nsec age, nsec before)
{
	nsec past = age % MINUTE;

	return past <= TOLERANCE || MINUTE - past <= before;
}

bool ran_out_alone(const struct scene *sc, const struct esp_sa *old, const struct child_sa *is,
		   const struct esp_sa *new)
{
	const struct settings *set = sc->settings;
	const struct child_sa *was = tracker_child_sa(sc->tracker, old->child);
	int side = old->direction;

	if (!was || !is || was == is || side < 0 || was->how == CREATED_UNKNOWN ||
	    is->more->ike_sa_id != was->more->ike_sa_id ||
	    (is->how != CREATED_CREATE_CHILD_SA && is->how != CREATED_QUICK_MODE) ||
	    /* who asks for that still has it */
	    (is->flags & CHILD_SA_REKEY_EXPECTED && is->created_by == side) ||
	    (was->flags | is->flags) &
		    (CHILD_SA_MIDSTREAM | CHILD_SA_REDUNDANT | CHILD_SA_PAIRED_BY_ORDER))
		return false;

	const struct esp_sa *peers = tracker_esp_sa(sc->tracker, was->esp[!side]);

	if (!peers || peers->id != was->esp_id[!side] || old->packets < PACE_PACKETS ||
	    peers->packets < PACE_PACKETS ||
	    traffic_pace(old) > set->gap_busy || traffic_pace(peers) > set->gap_busy)
		return false;

	nsec silence = child_sa_requested(is) - old->last, age = old->last - was->created,
	     pace = traffic_pace(old);

	return age >= set->life_min_age && silence >= set->life_silent &&
	       silence >= (nsec)(set->gap_factor * (double)pace) &&
	       child_sa_requested(is) - peers->last <= TOLERANCE + 2 * traffic_pace(peers) &&
	       (!new || new->first - is->created <= TOLERANCE + 2 * pace) &&
	       configured_age(age, TOLERANCE + 2 * pace) &&
	       !clock_stepped_since(sc, was->created) && !loss_since(sc, old->last);
}

/* ---- with a Delete -------------------------------------------------------- */

/* Latest packet of the child's SAs, and their usual distance. */
static nsec traffic_of(const struct scene *sc, const struct child_sa *child, nsec *ret_pace)
{
	nsec latest = NSEC_NONE;

	*ret_pace = 0;
	for (int d = 0; d < 2; d++) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, child->esp[d]);

		if (!sa || sa->id != child->esp_id[d] || sa->last <= latest)
			continue;
		latest = sa->last;
		*ret_pace = traffic_pace(sa);
	}
	return latest;
}

/* The IKE SA went with it: that is a session's end, not a child's lifetime (periodic_drop). */
static bool with_its_ike_sa(const struct scene *sc, nsec child_ended, const struct ike_sa *sa)
{
	return sa->ended != NSEC_NONE && child_ended - sa->ended <= sc->settings->life_active &&
	       sa->ended - child_ended <= sc->settings->life_active;
}

/*
 * SAs that were made together end together: at one moment of one lifetime, or because somebody
 * cleared them all.  That is one end; one more of the same selector has to grow as old first.
 */
static bool of_the_latest(const struct early_ends *s, const struct scene *sc, int side,
			  const struct early_end *e)
{
	const struct early_end *o = s->n_ends[side] > 0 ? &s->ends[side][s->n_ends[side] - 1]
							: NULL;

	return o && o->ike_sa == e->ike_sa && o->unsaid == e->unsaid && e->at >= o->at &&
	       e->at - o->at <= sc->settings->settle && e->at - o->at < e->age / 2;
}

static nsec later(nsec a, nsec b)
{
	return a > b ? a : b;
}

static bool is_gap(const struct early_end *e, const struct settings *set)
{
	return e->silence_after != NSEC_NONE && e->silence_after >= set->gap_min &&
	       (double)e->silence_after >= set->gap_factor * (double)e->pace;
}

/* One more in the row of `next`, which came after it; another row begins between them: none. */
static void row_add(struct early_row *row, const struct settings *set, const struct early_end *e,
		    const struct early_end *next)
{
	if (next->at - e->at > set->life_window ||
	    !sample_near((double)e->age, (double)next->age, 4 * set->life_cluster_tol)) {
		*row = (struct early_row){ 0 };
	} else if (!e->maybe_rekeyed) {
		row->ends++;
		row->unsaid += e->unsaid;
		row->gaps += is_gap(e, set);
		if (is_gap(e, set))
			row->longest = later(row->longest, e->silence_after);
	}
}

/* The row of this side's latest end, which is there. */
static struct early_row row_of(const struct early_ends *s, const struct settings *set, int side)
{
	const struct early_end *e = s->ends[side];
	const struct early_end *latest = &e[s->n_ends[side] - 1];
	struct early_row row = s->before[side];

	for (; e < latest; e++)
		row_add(&row, set, e, e + 1);
	row_add(&row, set, latest, latest);
	return row;
}

static void forget(struct early_ends *s, int side)
{
	s->n_ends[side] = 0;
	s->before[side] = (struct early_row){ 0 };
}

static void add(struct early_ends *s, const struct scene *sc, int side, const struct early_end *e)
{
	struct early_end *ends = s->ends[side];
	uint8_t *n = &s->n_ends[side];

	if (of_the_latest(s, sc, side, e))
		return;
	if (*n == EARLY_ENDS) {
		row_add(&s->before[side], sc->settings, &ends[0], &ends[1]);
		memmove(ends, ends + 1, (EARLY_ENDS - 1) * sizeof(*ends));
		--*n;
	}
	ends[(*n)++] = *e;
	/*
	 * the peer had not renewed this one by then: what it renews earlier is another selector's
	 */
	if (s->rekey_age[!side] <= e->age && configured_age(e->age, TOLERANCE))
		s->rekey_age[!side] = 0;
}

static bool follows_an_end(const struct scene *sc, const struct child_sa *c,
			   const struct child_sa *except)
{
	uint32_t index = sc->tunnel->child_sas;

	for (int i = 0; i < LOOKED_AT; i++) {
		const struct child_sa *o = tracker_child_sa(sc->tracker, index);

		if (!o)
			break;
		if (o != c && o != except && o->more->ended != NSEC_NONE &&
		    o->more->successor == NO_INDEX && o->more->ended <= c->created &&
		    c->created - o->more->ended <= sc->settings->life_silent)
			return true;
		index = o->next_in_tunnel;
	}
	return false;
}

/*
 * IKEv1: both may send on old and new SA until the old one's end (DETECTION-FACTS 1.6), so that
 * nobody could tell which replaced which; but a Quick Mode shortly before it renewed it, unless
 * that followed the end of another.
 */
static bool renewed_beside(const struct scene *sc, const struct child_sa *old)
{
	uint32_t index = sc->tunnel->child_sas;

	for (int i = 0; i < LOOKED_AT; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			break;
		if (c != old && c->how == CREATED_QUICK_MODE && c->more->predecessor == NO_INDEX &&
		    c->created > old->created && c->created < old->more->ended &&
		    old->more->ended - c->created <= REKEYS_BEFORE && c->spi[0] != 0 &&
		    c->spi[1] != 0 && !follows_an_end(sc, c, old))
			return true;
		index = c->next_in_tunnel;
	}
	return false;
}

/* A side ended it, with nothing in its place, and not with the IKE SA. */
static bool ended_alone(const struct scene *sc, const struct child_sa *child)
{
	if (!child || child->ended_by < 0 || child->more->successor != NO_INDEX ||
	    child->created == NSEC_NONE || child->more->ended == NSEC_NONE ||
	    (child->end_reason != END_DELETED && child->end_reason != END_EXPIRED) ||
	    child->flags & (CHILD_SA_MIDSTREAM | CHILD_SA_REDUNDANT | CHILD_SA_TENTATIVE))
		return false;

	const struct ike_sa *parent = tracker_ike_sa(sc->tracker, child->ike_sa);

	return !parent || parent->id != child->more->ike_sa_id ||
	       !with_its_ike_sa(sc, child->more->ended, parent);
}

static void child_ended(struct early_ends *s, const struct scene *sc, const struct event *ev)
{
	const struct child_sa *child = tracker_child_sa(sc->tracker, ev->child_sa);

	if (!ended_alone(sc, child))
		return;
	if (s->both_deleted != 0 && child->more->ended - s->both_deleted < CROSSING &&
	    s->both_deleted - child->more->ended < CROSSING)
		return;
	/*
	 * somebody tried to renew it in good time: not its lifetime ended it (rekey_failing,
	 * pfs_mismatch)
	 */
	if (s->failing_since > child->created &&
	    child->more->ended - s->failing_since > REKEYS_BEFORE)
		return;

	if (renewed_beside(sc, child))
		return;

	nsec pace, traffic = traffic_of(sc, child, &pace),
		   age = child->more->ended - child->created;

	if (age < sc->settings->life_min_age || traffic == NSEC_NONE ||
	    child->more->ended - traffic > sc->settings->life_active ||
	    clock_stepped_since(sc, child->created))
		return;

	add(s, sc, child->ended_by, &(struct early_end){
		.at = child->more->ended,
		.age = age,
		.silence_after = traffic_silence(sc, traffic, child->more->ended),
		.traffic_last = traffic,
		.pace = pace,
		.frame = (uint32_t)ev->frame,
		.ike_sa = child->more->ike_sa_id,
	});
}

/* The child may have gone first. */
static void ike_ended(struct early_ends *s, const struct scene *sc, const struct event *ev)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (!sa)
		return;
	for (int side = 0; side < 2; side++) {
		uint8_t kept = 0;

		for (uint8_t i = 0; i < s->n_ends[side]; i++) {
			const struct early_end *e = &s->ends[side][i];

			if (e->ike_sa != sa->id || !with_its_ike_sa(sc, e->at, sa))
				s->ends[side][kept++] = *e;
		}
		s->n_ends[side] = kept;
		if (kept == 0)
			forget(s, side);
	}
}

/* Was this no rekey, but a new SA because the old one's lifetime had run out at one end only? */
static bool made_anew(struct early_ends *s, const struct scene *sc, const struct child_sa *old,
		      const struct child_sa *new)
{
	for (int d = 0; d < 2; d++) {
		const struct esp_sa *was = tracker_esp_sa(sc->tracker, old->esp[d]);
		/* it may not have spoken yet */
		const struct esp_sa *is = tracker_esp_sa(sc->tracker, new->esp[d]);

		if (!was || was->id != old->esp_id[d] || !ran_out_alone(sc, was, new, is))
			continue;
		add(s, sc, d, &(struct early_end){
			.at = new->created, .age = was->last - old->created,
			.silence_after = is ? is->first - was->last : NSEC_NONE,
			.traffic_last = was->last, .pace = traffic_pace(was), .unsaid = true,
			.frame = (uint32_t)was->last_frame, .ike_sa = old->more->ike_sa_id,
		});
		return true;
	}
	return false;
}

/*
 * Does the SA that is rekeyed run beside those that end early?  It was there when the latest of
 * them ended, or comes from one that was.  Believed where that end came at an age that people
 * configure, for it is not certain whose Delete it was.
 */
static bool of_another_selector(const struct early_end *e, const struct child_sa *rekeyed)
{
	return configured_age(e->age, TOLERANCE) &&
	       (rekeyed->created < e->at || rekeyed->more->predecessor_id != 0);
}

static void rekeyed(struct early_ends *s, const struct scene *sc, const struct event *ev)
{
	const struct child_sa *old = tracker_child_sa(sc->tracker, ev->other);
	const struct child_sa *new = tracker_child_sa(sc->tracker, ev->child_sa);

	if (!old || old->more->rekeyed_by < 0 || old->more->rekey_at == NSEC_NONE ||
	    old->created == NSEC_NONE || old->flags & CHILD_SA_MIDSTREAM)
		return;
	if (new && made_anew(s, sc, old, new))
		return;

	nsec age = old->more->rekey_at - old->created;
	bool other = false;

	/* an SA that lived to be rekeyed at this age disproves an end of its own before it */
	for (int side = 0; side < 2; side++) {
		if (s->n_ends[side] == 0)
			continue;
		if (of_another_selector(&s->ends[side][s->n_ends[side] - 1], old))
			other = true;
		else if (age >= s->ends[side][0].age)
			forget(s, side);
	}
	s->failing_since = 0;
	if (!other)
		s->rekey_age[old->more->rekeyed_by] = age;
}

/* A rekey that is refused, or asked for again without an answer. */
static void fails(struct early_ends *s, const struct event *ev)
{
	const struct exchange *x = ev->exchange;
	bool renews = x && ((x->major == 2 && x->type == IKE2_EXCHANGE_CREATE_CHILD_SA) ||
			    (x->major == 1 && x->type == IKE1_EXCHANGE_QUICK_MODE));

	/* only the refusal was captured */
	nsec asked = x && x->request_at != NSEC_NONE ? x->request_at : ev->at;

	if (renews && (ev->kind == EVENT_CHILD_REFUSED || x->responses == 0) &&
	    (s->failing_since == 0 || asked - s->failing_since > FAILING_ROW))
		s->failing_since = asked;
}

static void traffic_goes_on(struct early_ends *s, nsec at)
{
	for (int side = 0; side < 2; side++)
		for (uint8_t i = 0; i < s->n_ends[side]; i++) {
			struct early_end *e = &s->ends[side][i];

			if (e->silence_after == NSEC_NONE && at >= e->traffic_last)
				e->silence_after = at - e->traffic_last;
		}
}

bool early_ends_ignores(const struct early_ends *s, const struct scene *sc,
			const struct event *ev)
{
	if (ev->kind == EVENT_CHILD_SA_ENDED)
		return !ended_alone(sc, tracker_child_sa(sc->tracker, ev->child_sa));
	return (ev->kind == EVENT_IKE_SA_ENDED || ev->kind == EVENT_ESP_SA_FIRST) &&
	       !early_ends_any(s);
}

void early_ends_observe(struct early_ends *s, const struct scene *sc, const struct event *ev)
{
	if (ev->kind == EVENT_CHILD_SA_ENDED)
		child_ended(s, sc, ev);
	else if (ev->kind == EVENT_CHILD_SA_REKEYED)
		rekeyed(s, sc, ev);
	else if (ev->kind == EVENT_IKE_SA_ENDED)
		ike_ended(s, sc, ev);
	else if (ev->kind == EVENT_DELETE_COLLISION)
		s->both_deleted = ev->at;
	else if (ev->kind == EVENT_CHILD_REFUSED || ev->kind == EVENT_REQUEST_COPY)
		fails(s, ev);
	else if (ev->kind == EVENT_ESP_SA_FIRST)
		traffic_goes_on(s, ev->at);
}

/* ---- judged --------------------------------------------------------------- */

/*
 * An SA began at about that time whose exchange was not captured: it may well
 * be the successor, and the end the end of a rekey.
 */
static bool maybe_rekeyed(const struct scene *sc, nsec at)
{
	nsec near = sc->settings->birth_window;
	uint32_t index = sc->tunnel->child_sas;

	for (int i = 0; i < LOOKED_AT; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			break;
		if (c->how == CREATED_UNKNOWN && !(c->flags & CHILD_SA_MIDSTREAM) &&
		    c->created >= at - near && c->created <= at + near)
			return true;
		index = c->next_in_tunnel;
	}
	return false;
}

/* Decided while the SAs of that time are still remembered. */
static void doubt(struct early_ends *s, const struct scene *sc, nsec now)
{
	for (int side = 0; side < 2; side++)
		for (uint8_t i = 0; i < s->n_ends[side]; i++) {
			struct early_end *e = &s->ends[side][i];

			if (!e->maybe_rekeyed && now - e->at <= 3 * sc->settings->birth_window)
				e->maybe_rekeyed = maybe_rekeyed(sc, e->at);
		}
}

static bool judge_inferred(const struct early_ends *s, const struct scene *sc, int side, nsec now,
			   struct findings *out)
{
	const struct settings *set = sc->settings;
	const struct early_end *recent[EARLY_ENDS];
	double ages[EARLY_ENDS];
	size_t n = 0;

	for (uint8_t i = 0; i < s->n_ends[side]; i++) {
		const struct early_end *e = &s->ends[side][i];

		if (now - e->at > set->life_window || e->maybe_rekeyed)
			continue;
		recent[n] = e;
		ages[n++] = (double)e->age / (double)NSEC_PER_S;
	}
	if (n == 0)
		return false;
	if (n < (size_t)set->life_min_n_medium || sample_cv(ages, n) > set->life_cluster_tol)
		return true;

	nsec other_rekeys = s->rekey_age[!side];
	double age = sample_median(ages, n);

	if (other_rekeys != 0 && (double)other_rekeys / (double)NSEC_PER_S <= age)
		return true;

	struct early_row row = row_of(s, set, side);
	bool sure = n >= (size_t)set->life_min_n_high ||
		    (row.gaps == row.ends && row.unsaid == 0);
	struct finding *f = finding_raise(out, row.gaps > 0 ? SEVERITY_CRITICAL : SEVERITY_WARNING,
					  sure ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM, recent[0]->at,
					  recent[n - 1]->at, row.ends);

	f->key = (uint64_t)KEY_INFERRED + (uint64_t)side;
	f->cause = "inferred";
	f->side = (int8_t)side;
	finding_text(f, "kind", "inferred");
	finding_address(f, "ended_by", sc, side);
	finding_real(f, "age_at_end_s", age);
	finding_integer(f, "ends", row.ends);
	finding_integer(f, "without_a_delete", row.unsaid);
	finding_integer(f, "traffic_gaps", row.gaps);
	if (row.gaps > 0)
		finding_seconds(f, "longest_gap_s", row.longest);
	if (other_rekeys != 0)
		finding_seconds(f, "other_side_rekeys_at_s", other_rekeys);
	for (size_t i = 0; i < n; i++)
		finding_frame(f, recent[i]->frame);
	return true;
}

bool early_ends_judge(struct early_ends *s, const struct scene *sc, nsec now, struct findings *out)
{
	bool any = false;

	doubt(s, sc, now);
	for (int side = 0; side < 2; side++)
		any |= judge_inferred(s, sc, side, now, out);
	return any;
}

void early_ends_explain(struct story *story)
{
	const struct finding *f = story->finding;
	char age[NSEC_TEXT_MAX], gap[NSEC_TEXT_MAX];
	bool says_so = finding_get(f, "without_a_delete") < f->count;

	nsec_span(finding_get_span(f, "age_at_end_s"), age);
	if (says_so)
		text_add(story->summary,
			 "%s ends the child SA at an age of about %s (%lld times) although traffic "
			 "flows, before %s rekeys it",
			 story_peer(story, f->side), age, (long long)f->count,
			 story_peer(story, other_side(f->side)));
	else
		text_add(story->summary,
			 "%s gives up the child SA at an age of about %s (%lld times) without a "
			 "word, while %s goes on sending on it",
			 story_peer(story, f->side), age, (long long)f->count,
			 story_peer(story, other_side(f->side)));
	if (finding_get(f, "traffic_gaps") > 0) {
		nsec_span(finding_get_span(f, "longest_gap_s"), gap);
		text_add(story->summary, "; traffic stopped for up to %s", gap);
	}
	text_add(story->summary, ": its lifetime is shorter, and nobody renews in time.");
}

void early_ends_fields(struct fields *f, struct early_ends *s)
{
	for (int side = 0; side < 2; side++) {
		for (size_t i = 0; i < EARLY_ENDS; i++) {
			struct early_end *e = &s->ends[side][i];

			FIELD(f, e->at);
			FIELD(f, e->age);
			FIELD_MAYBE(f, e->silence_after);
			FIELD(f, e->traffic_last);
			FIELD(f, e->pace);
			FIELD(f, e->maybe_rekeyed);
			FIELD(f, e->unsaid);
			FIELD(f, e->frame);
			FIELD(f, e->ike_sa);
		}
		FIELD_BELOW(f, s->n_ends[side], EARLY_ENDS + 1);
		FIELD(f, s->before[side].ends);
		FIELD(f, s->before[side].unsaid);
		FIELD(f, s->before[side].gaps);
		FIELD(f, s->before[side].longest);
	}
	FIELD(f, s->rekey_age);
	FIELD(f, s->failing_since);
	FIELD(f, s->both_deleted);
}
