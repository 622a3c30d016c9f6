/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two ways to know that the peers' lifetimes differ.  Declared: IKEv1 says the
 * phase 1 lifetime in clear, and either each peer made an offer at some time,
 * or an answer changed the offer (RFC 2409 5 forbids that).  Inferred: one peer
 * ends child SAs at an age of its own, without a rekey and with traffic on them.
 */
#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/sample.h"
#include "detect/traffic.h"

#include <string.h>

enum { LIVES = 4, ENDS = 8, KEY_DECLARED = 0, KEY_ANSWERED = 1, KEY_INFERRED = 2 /* and 3: per side */ };

#define FAILING_ROW (600 * NSEC_PER_S)	/* attempts further apart than this are another row */
#define CROSSING (2 * NSEC_PER_S)	/* an end this near to crossing Deletes has no single author */
#define REKEYS_BEFORE (40 * NSEC_PER_S)	/* Cisco begins 30 s before the end (2.1): that may be too late */

/* The distinct lifetimes of one message's transforms. */
struct lives {
	uint8_t n;
	uint64_t value[LIVES];
};

struct declaration {
	bool known;
	nsec at;
	uint64_t frame;
	struct lives seconds, kilobytes;
};

/* A child SA that one side ended, not rekeyed and not idle. */
struct early_end {
	nsec at;
	nsec age;
	nsec silence_after;	/* how long until traffic went on; NSEC_NONE not yet */
	nsec traffic_last;
	nsec pace;		/* usual distance of its packets */
	bool maybe_rekeyed;	/* by an exchange that was not captured */
	uint32_t frame;
	object_id ike_sa;
};

struct state {
	struct declaration offer[2], answer;
	int8_t answer_by;
	struct early_end ends[2][ENDS];	/* by the side that ended them, oldest first */
	uint8_t n_ends[2];
	nsec rekey_age[2];	/* the latest at which this side rekeyed; 0 never seen */
	nsec failing_since;	/* rekeys were tried in vain since; 0 not */
	nsec both_deleted;	/* at the same time; 0 never */
};

/* ---- declared ------------------------------------------------------------- */

static void lives_add(struct lives *l, uint64_t value)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->value[i] == value)
			return;
	if (l->n < LIVES)
		l->value[l->n++] = value;
}

static void offered(struct state *s, const struct ike_sa *sa, const struct event *ev)
{
	if (sa->initiator_side < 0)
		return;

	struct declaration *d = &s->offer[sa->initiator_side];

	*d = (struct declaration){ .known = true, .at = ev->at, .frame = ev->frame ? ev->frame : sa->offer_frame };
	for (size_t i = 0; i < sa->n_offers; i++) {
		if (sa->offers1[i].has_life_seconds)
			lives_add(&d->seconds, sa->offers1[i].life_seconds);
		if (sa->offers1[i].has_life_kilobytes)
			lives_add(&d->kilobytes, sa->offers1[i].life_kilobytes);
	}
}

static bool agree(const struct lives *a, const struct lives *b, double tolerance)
{
	if (a->n == 0 || b->n == 0)	/* an absent attribute says nothing (phase 1 has no default) */
		return true;
	for (size_t i = 0; i < a->n; i++)
		for (size_t j = 0; j < b->n; j++) {
			uint64_t small = a->value[i] < b->value[j] ? a->value[i] : b->value[j];
			uint64_t large = a->value[i] < b->value[j] ? b->value[j] : a->value[i];

			if ((double)(large - small) <= tolerance * (double)large)
				return true;
		}
	return false;
}

/* RFC 2409 5: the answer must be one of the offered transforms, unchanged. */
static void answered(struct state *s, const struct ike_sa *sa, const struct event *ev)
{
	struct declaration offer = { 0 }, answer = { .known = true, .at = ev->at, .frame = ev->frame };

	if (sa->initiator_side < 0 || sa->n_offers == 0)
		return;
	for (size_t i = 0; i < sa->n_offers; i++) {
		if (sa->offers1[i].has_life_seconds)
			lives_add(&offer.seconds, sa->offers1[i].life_seconds);
		if (sa->offers1[i].has_life_kilobytes)
			lives_add(&offer.kilobytes, sa->offers1[i].life_kilobytes);
	}
	if (sa->has_life_seconds)
		lives_add(&answer.seconds, sa->life_seconds);
	if (sa->has_life_kilobytes)
		lives_add(&answer.kilobytes, sa->life_kilobytes);
	s->answer.known = !agree(&offer.seconds, &answer.seconds, 0) ||
			  !agree(&offer.kilobytes, &answer.kilobytes, 0);
	if (s->answer.known) {
		s->answer = answer;
		s->answer_by = (int8_t)!sa->initiator_side;
	}
}

static void lives_tell(struct finding *f, const char *seconds, const char *kilobytes, const struct declaration *d)
{
	if (d->seconds.n > 0)
		finding_integer(f, seconds, (int64_t)d->seconds.value[0]);
	if (d->kilobytes.n > 0)
		finding_integer(f, kilobytes, (int64_t)d->kilobytes.value[0]);
}

static nsec earlier(nsec a, nsec b)
{
	return a < b ? a : b;
}

static nsec later(nsec a, nsec b)
{
	return a > b ? a : b;
}

static bool judge_declared(const struct state *s, const struct scene *sc, nsec now, struct findings *out)
{
	const struct declaration *a = &s->offer[0], *b = &s->offer[1];
	nsec apart = sc->settings->life_declared_apart;
	double tolerance = sc->settings->life_declared_tol;

	if (!a->known || !b->known || now - earlier(a->at, b->at) > apart)
		return false;
	if (agree(&a->seconds, &b->seconds, tolerance) && agree(&a->kilobytes, &b->kilobytes, tolerance))
		return false;

	struct finding *f = finding_raise(out, SEVERITY_WARNING, CONFIDENCE_HIGH, earlier(a->at, b->at),
					  later(a->at, b->at), 1);

	f->key = KEY_DECLARED;
	f->cause = "declared";
	finding_text(f, "kind", "declared");
	finding_address(f, "initiator_a", sc, 0);
	lives_tell(f, "lifetime_a_s", "lifetime_a_kb", a);
	finding_integer(f, "frame_a", (int64_t)a->frame);
	finding_address(f, "initiator_b", sc, 1);
	lives_tell(f, "lifetime_b_s", "lifetime_b_kb", b);
	finding_integer(f, "frame_b", (int64_t)b->frame);
	finding_frame(f, a->at <= b->at ? a->frame : b->frame);
	finding_frame(f, a->at <= b->at ? b->frame : a->frame);
	return true;
}

static bool judge_answered(const struct state *s, const struct scene *sc, nsec now, struct findings *out)
{
	const struct declaration *answer = &s->answer, *offer = &s->offer[!s->answer_by];

	if (!answer->known || now - answer->at > sc->settings->life_declared_apart)
		return false;

	struct finding *f = finding_raise(out, SEVERITY_WARNING, CONFIDENCE_HIGH, offer->at, answer->at, 1);

	f->key = KEY_ANSWERED;
	f->cause = "declared";
	f->side = s->answer_by;
	finding_text(f, "kind", "declared");
	finding_address(f, "initiator", sc, !s->answer_by);
	lives_tell(f, "offered_s", "offered_kb", offer);
	finding_integer(f, "frame_offer", (int64_t)offer->frame);
	finding_address(f, "responder", sc, s->answer_by);
	lives_tell(f, "answered_s", "answered_kb", answer);
	finding_integer(f, "frame_answer", (int64_t)answer->frame);
	finding_frame(f, offer->frame);
	finding_frame(f, answer->frame);
	return true;
}

/* ---- inferred ------------------------------------------------------------- */

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
		*ret_pace = sa->packets > 1 ? (sa->last - sa->first) / (nsec)(sa->packets - 1) : 0;
	}
	return latest;
}

/* The IKE SA went with it: that is a session's end, not a child's lifetime (periodic_drop). */
static bool with_its_ike_sa(const struct scene *sc, nsec child_ended, const struct ike_sa *sa)
{
	return sa->ended != NSEC_NONE && child_ended - sa->ended <= sc->settings->life_active &&
	       sa->ended - child_ended <= sc->settings->life_active;
}

static void child_ended(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct child_sa *child = tracker_child_sa(sc->tracker, ev->child_sa);

	if (!child || child->ended_by < 0 || child->successor != NO_INDEX || child->created == NSEC_NONE ||
	    child->ended == NSEC_NONE || (child->end_reason != END_DELETED && child->end_reason != END_EXPIRED) ||
	    child->flags & (CHILD_SA_MIDSTREAM | CHILD_SA_REDUNDANT | CHILD_SA_TENTATIVE))
		return;

	const struct ike_sa *parent = tracker_ike_sa(sc->tracker, child->ike_sa);

	if (parent && parent->id == child->ike_sa_id && with_its_ike_sa(sc, child->ended, parent))
		return;
	if (s->both_deleted != 0 && child->ended - s->both_deleted < CROSSING &&
	    s->both_deleted - child->ended < CROSSING)
		return;
	/* somebody tried to renew it in good time: not its lifetime ended it (rekey_failing, pfs_mismatch) */
	if (s->failing_since > child->created && child->ended - s->failing_since > REKEYS_BEFORE)
		return;

	nsec pace, traffic = traffic_of(sc, child, &pace), age = child->ended - child->created;

	if (age < sc->settings->life_min_age || traffic == NSEC_NONE ||
	    child->ended - traffic > sc->settings->life_active || clock_stepped_since(sc, child->created))
		return;

	struct early_end *ends = s->ends[child->ended_by];
	uint8_t *n = &s->n_ends[child->ended_by];

	if (*n == ENDS) {
		memmove(ends, ends + 1, (ENDS - 1) * sizeof(*ends));
		--*n;
	}
	ends[(*n)++] = (struct early_end){
		.at = child->ended,
		.age = age,
		.silence_after = traffic_silence(sc, traffic, child->ended),
		.traffic_last = traffic,
		.pace = pace,
		.frame = (uint32_t)ev->frame,
		.ike_sa = child->ike_sa_id,
	};
}

/* The child may have gone first. */
static void ike_ended(struct state *s, const struct scene *sc, const struct event *ev)
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
	}
}

static void rekeyed(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct child_sa *old = tracker_child_sa(sc->tracker, ev->other);

	if (!old || old->rekeyed_by < 0 || old->rekey_at == NSEC_NONE || old->created == NSEC_NONE ||
	    old->flags & CHILD_SA_MIDSTREAM)
		return;

	nsec age = old->rekey_at - old->created;

	s->rekey_age[old->rekeyed_by] = age;
	s->failing_since = 0;
	/* an SA that lived to be rekeyed at this age disproves an end of its own before it */
	for (int side = 0; side < 2; side++)
		if (s->n_ends[side] > 0 && age >= s->ends[side][0].age)
			s->n_ends[side] = 0;
}

/* A rekey that is refused, or asked for again without an answer. */
static void fails(struct state *s, const struct event *ev)
{
	const struct exchange *x = ev->exchange;
	bool renews = x && ((x->major == 2 && x->type == IKE2_EXCHANGE_CREATE_CHILD_SA) ||
			    (x->major == 1 && x->type == IKE1_EXCHANGE_QUICK_MODE));

	nsec asked = x && x->request_at != NSEC_NONE ? x->request_at : ev->at;	/* only the refusal was captured */

	if (renews && (ev->kind == EVENT_CHILD_REFUSED || x->responses == 0) &&
	    (s->failing_since == 0 || asked - s->failing_since > FAILING_ROW))
		s->failing_since = asked;
}

static void traffic_goes_on(struct state *s, nsec at)
{
	for (int side = 0; side < 2; side++)
		for (uint8_t i = 0; i < s->n_ends[side]; i++) {
			struct early_end *e = &s->ends[side][i];

			if (e->silence_after == NSEC_NONE && at >= e->traffic_last)
				e->silence_after = at - e->traffic_last;
		}
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (ev->kind == EVENT_LIFETIME_OFFERED && sa)
		offered(s, sa, ev);
	else if (ev->kind == EVENT_LIFETIME_ANSWERED && sa)
		answered(s, sa, ev);
	else if (ev->kind == EVENT_CHILD_SA_ENDED)
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

static bool is_gap(const struct early_end *e, const struct settings *set)
{
	return e->silence_after != NSEC_NONE && e->silence_after >= set->gap_min &&
	       (double)e->silence_after >= set->gap_factor * (double)e->pace;
}

/*
 * An SA began at about that time whose exchange was not captured: it may well
 * be the successor, and the end the end of a rekey.
 */
static bool maybe_rekeyed(const struct scene *sc, nsec at)
{
	nsec near = sc->settings->birth_window;
	uint32_t index = sc->tunnel->child_sas;

	for (int i = 0; i < 64; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			break;
		if (c->how == CREATED_UNKNOWN && !(c->flags & CHILD_SA_MIDSTREAM) && c->created >= at - near &&
		    c->created <= at + near)
			return true;
		index = c->next_in_tunnel;
	}
	return false;
}

/* Decided while the SAs of that time are still remembered. */
static void doubt(struct state *s, const struct scene *sc, nsec now)
{
	for (int side = 0; side < 2; side++)
		for (uint8_t i = 0; i < s->n_ends[side]; i++) {
			struct early_end *e = &s->ends[side][i];

			if (!e->maybe_rekeyed && now - e->at <= 3 * sc->settings->birth_window)
				e->maybe_rekeyed = maybe_rekeyed(sc, e->at);
		}
}

static bool judge_inferred(const struct state *s, const struct scene *sc, int side, nsec now,
			   struct findings *out)
{
	const struct settings *set = sc->settings;
	const struct early_end *recent[ENDS];
	double ages[ENDS];
	size_t n = 0, gaps = 0;
	nsec longest = 0;

	for (uint8_t i = 0; i < s->n_ends[side]; i++) {
		const struct early_end *e = &s->ends[side][i];

		if (now - e->at > set->life_window || e->maybe_rekeyed)
			continue;
		recent[n] = e;
		ages[n++] = (double)e->age / (double)NSEC_PER_S;
		if (is_gap(e, set)) {
			gaps++;
			longest = later(longest, e->silence_after);
		}
	}
	if (n == 0)
		return false;
	if (n < (size_t)set->life_min_n_medium || sample_cv(ages, n) > set->life_cluster_tol)
		return true;

	nsec other_rekeys = s->rekey_age[!side];
	double age = sample_median(ages, n);

	if (other_rekeys != 0 && (double)other_rekeys / (double)NSEC_PER_S <= age)
		return true;

	bool sure = n >= (size_t)set->life_min_n_high || gaps == n;
	struct finding *f = finding_raise(out, gaps > 0 ? SEVERITY_CRITICAL : SEVERITY_WARNING,
					  sure ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM, recent[0]->at,
					  recent[n - 1]->at, (int64_t)n);

	f->key = (uint64_t)KEY_INFERRED + (uint64_t)side;
	f->cause = "inferred";
	f->side = (int8_t)side;
	finding_text(f, "kind", "inferred");
	finding_address(f, "ended_by", sc, side);
	finding_real(f, "age_at_end_s", age);
	finding_integer(f, "ends", (int64_t)n);
	finding_integer(f, "traffic_gaps", (int64_t)gaps);
	if (gaps > 0)
		finding_seconds(f, "longest_gap_s", longest);
	if (other_rekeys != 0)
		finding_seconds(f, "other_side_rekeys_at_s", other_rekeys);
	for (size_t i = 0; i < n; i++)
		finding_frame(f, recent[i]->frame);
	return true;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	bool any = judge_declared(s, sc, now, out);

	any |= judge_answered(s, sc, now, out);
	doubt(s, sc, now);
	for (int side = 0; side < 2; side++)
		any |= judge_inferred(s, sc, side, now, out);
	return any;
}

/* ---- explained ------------------------------------------------------------ */

static void tell_values(struct text *t, const struct finding *f, const char *seconds, const char *kilobytes)
{
	if (finding_item(f, seconds))
		text_add(t, "%lld s", (long long)finding_get(f, seconds));
	if (finding_item(f, kilobytes))
		text_add(t, "%s%lld KB", finding_item(f, seconds) ? " and " : "",
			 (long long)finding_get(f, kilobytes));
}

static void explain_declared(struct story *story)
{
	const struct finding *f = story->finding;
	struct text *t = story->summary;

	if (f->key == KEY_ANSWERED) {
		text_add(t, "%s offered a phase 1 lifetime of ", story_peer(story, other_side(f->side)));
		tell_values(t, f, "offered_s", "offered_kb");
		text_add(t, " (frame %lld), but %s answered with ", (long long)finding_get(f, "frame_offer"),
			 story_peer(story, f->side));
		tell_values(t, f, "answered_s", "answered_kb");
		text_add(t, " (frame %lld), which was not offered.", (long long)finding_get(f, "frame_answer"));
		return;
	}
	text_add(t, "%s offers a phase 1 lifetime of ", story->peer[0]);
	tell_values(t, f, "lifetime_a_s", "lifetime_a_kb");
	text_add(t, " (frame %lld), %s one of ", (long long)finding_get(f, "frame_a"), story->peer[1]);
	tell_values(t, f, "lifetime_b_s", "lifetime_b_kb");
	text_add(t, " (frame %lld).", (long long)finding_get(f, "frame_b"));
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;

	if (f->key == KEY_DECLARED || f->key == KEY_ANSWERED) {
		explain_declared(story);
	} else {
		char age[NSEC_TEXT_MAX], gap[NSEC_TEXT_MAX];

		nsec_span(finding_get_span(f, "age_at_end_s"), age);
		text_add(story->summary, "%s ends the child SA at an age of about %s (%lld times) although traffic "
			 "flows, before %s rekeys it", story_peer(story, f->side), age, (long long)f->count,
			 story_peer(story, other_side(f->side)));
		if (finding_get(f, "traffic_gaps") > 0) {
			nsec_span(finding_get_span(f, "longest_gap_s"), gap);
			text_add(story->summary, "; traffic stopped for up to %s", gap);
		}
		text_add(story->summary, ": its lifetime is shorter, and nobody renews in time.");
	}
	story_remedy(story, REMEDY_LIFE);
	story_remedy(story, REMEDY_LOG);
}

static void lives_fields(struct fields *f, struct lives *l)
{
	FIELD_BELOW(f, l->n, LIVES + 1);
	FIELD(f, l->value);
}

static void declaration_fields(struct fields *f, struct declaration *d)
{
	FIELD(f, d->known);
	FIELD(f, d->at);
	FIELD(f, d->frame);
	lives_fields(f, &d->seconds);
	lives_fields(f, &d->kilobytes);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	declaration_fields(f, &s->answer);
	FIELD(f, s->answer_by);
	for (int side = 0; side < 2; side++) {
		declaration_fields(f, &s->offer[side]);
		for (size_t i = 0; i < ENDS; i++) {
			struct early_end *e = &s->ends[side][i];

			FIELD(f, e->at);
			FIELD(f, e->age);
			FIELD_MAYBE(f, e->silence_after);
			FIELD(f, e->traffic_last);
			FIELD(f, e->pace);
			FIELD(f, e->maybe_rekeyed);
			FIELD(f, e->frame);
			FIELD(f, e->ike_sa);
		}
		FIELD_BELOW(f, s->n_ends[side], ENDS + 1);
	}
	FIELD(f, s->rekey_age);
	FIELD(f, s->failing_since);
	FIELD(f, s->both_deleted);
}

const struct detector detect_lifetime_mismatch = {
	.code = "lifetime_mismatch",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, life_window),
	.observes = WANTS(LIFETIME_OFFERED) | WANTS(LIFETIME_ANSWERED) | WANTS(CHILD_SA_ENDED) |
		    WANTS(CHILD_SA_REKEYED) | WANTS(IKE_SA_ENDED) | WANTS(ESP_SA_FIRST) |
		    WANTS(CHILD_REFUSED) | WANTS(REQUEST_COPY) | WANTS(DELETE_COLLISION),
	.judges_after = WANTS(LIFETIME_OFFERED) | WANTS(LIFETIME_ANSWERED),
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
