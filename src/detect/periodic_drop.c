/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A session is an IKE SA that was set up, with all its rekeys.  Sessions that end at the same age
 * again and again are ended by a timer; which peer ends them, and whether traffic was flowing,
 * tells which timer.
 */
#include "detect/detector.h"
#include "detect/sample.h"
#include "detect/session_ends.h"
#include "detect/traffic.h"

#include <string.h>

enum { SESSIONS = 8 };

#define AT_ONCE NSEC_PER_S	/* with the answer to the Delete, from anywhere on earth */

struct session {
	object_id ike_sa;		/* its present IKE SA; 0 free */
	nsec start, asked;		/* established; its first message */
	/* the next one was asked for while nobody had ended this; 0 not */
	nsec renewed;
	uint64_t renewed_frame;
	uint16_t rekeys;
	int8_t initiator;
	/* it did not just run out; but its last probes may still be given up */
	bool settled;
};

struct state {
	struct session sessions[SESSIONS];
	struct session_end ends[SESSION_ENDS];		/* oldest first */
	uint8_t n_ends;
	/* ends before these that were like all of them: the same series */
	uint32_t before;
	/* IKEv1 lifetime in s that each side offered latest, as initiator; 0 unknown */
	uint32_t offers_s[2];
};

static struct session *session_of(struct state *s, object_id ike_sa)
{
	for (size_t i = 0; i < SESSIONS; i++)
		if (s->sessions[i].ike_sa == ike_sa && ike_sa != 0)
			return &s->sessions[i];
	return NULL;
}

static struct session *session_new(struct state *s)
{
	struct session *oldest = &s->sessions[0];

	for (size_t i = 0; i < SESSIONS; i++) {
		if (s->sessions[i].ike_sa == 0)
			return &s->sessions[i];
		if (s->sessions[i].start < oldest->start)
			oldest = &s->sessions[i];
	}
	return oldest;
}

/*
 * A session began: did it follow this end soon?  Whoever deletes and at once
 * begins anew reauthenticates by break before make: meant so.  So does he after
 * a moment in which nothing was to be sent.  Or he had a packet to send when a
 * timer cut him off: that only the other ends of the series can tell.
 */
static void follow(struct state *s, const struct scene *sc, size_t end, const struct session *next)
{
	struct session_end *e = &s->ends[end];
	nsec after = next->start - e->at;

	if (e->restarted || after < 0 || after > sc->settings->periodic_restart)
		return;

	bool flowed = e->traffic != NSEC_NONE && e->at - e->traffic <= sc->settings->life_active;

	if (e->by >= 0 && e->by == next->initiator && !e->lost &&
	    (next->asked - e->at <= AT_ONCE || (!flowed && after <= sc->settings->gap_crit))) {
		if (flowed && !e->ikev1) {
			e->restarted = e->anew = true;
			return;
		}
		memmove(e, e + 1, (s->n_ends - end - 1) * sizeof(*e));
		s->n_ends--;
	} else {
		e->restarted = true;
	}
}

/*
 * Something of another session is seen after the latest end, but not how it began.  Who deletes
 * what he began may have begun that too, and so have meant it.
 */
static void went_on(struct state *s, const struct scene *sc, nsec at)
{
	struct session_end *e = &s->ends[s->n_ends - 1];

	if (at >= e->at && at - e->at <= sc->settings->periodic_restart)
		e->restarted |= e->lost || (e->by >= 0 && !e->by_initiator);
}

static uint32_t declared_lifetime(const struct ike_sa *sa)
{
	return sa->major == 1 && sa->has_life_seconds && sa->life_seconds < UINT32_MAX
		       ? (uint32_t)sa->life_seconds
		       : 0;
}

static void began(struct state *s, const struct scene *sc, const struct ike_sa *sa)
{
	/* the responder repeats what is offered (RFC 2409 5): his own he tells as initiator only */
	if (sa->initiator_side >= 0 && declared_lifetime(sa) > 0)
		s->offers_s[sa->initiator_side] = declared_lifetime(sa);
	if (sa->origin != ORIGIN_OBSERVED || session_of(s, sa->id))
		return;
	for (size_t i = 0; i < SESSIONS; i++) {
		struct session *old = &s->sessions[i];

		if (old->ike_sa == 0 || old->renewed != 0 || sa->created <= old->start)
			continue;
		old->renewed = sa->created;
		old->renewed_frame = sa->first_frame;
	}
	struct session *next = session_new(s);

	*next = (struct session){ .ike_sa = sa->id, .start = sa->established,
				  .asked = sa->created, .initiator = sa->initiator_side };
	if (s->n_ends > 0)
		follow(s, sc, s->n_ends - 1u, next);
}

/* A pause since `traffic` no longer than between any two packets is none. */
static nsec gap_of(const struct scene *sc, nsec traffic, nsec pause)
{
	nsec pace;

	if (pause == NSEC_NONE)
		return NSEC_NONE;
	pace = traffic_pace_before(sc, traffic);
	return pause >= sc->settings->gap_min &&
			       (double)pause >= sc->settings->gap_factor * (double)pace
		       ? pause
		       : 0;
}

/* Does the series go back to the oldest end that is kept, and so perhaps further? */
static bool reaches_back(const struct session_pattern *p, const struct state *s)
{
	return p->ends > 0 && p->of[p->ends - 1] == &s->ends[0];
}

static void push(struct state *s, const struct scene *sc, struct session_end e)
{
	if (s->n_ends == SESSION_ENDS) {
		struct session_pattern p = session_pattern_of(s->ends, s->n_ends, sc->settings);

		s->before = reaches_back(&p, s) ? s->before + 1 : 0;
		memmove(s->ends, s->ends + 1, (SESSION_ENDS - 1) * sizeof(s->ends[0]));
		s->n_ends--;
	}
	s->ends[s->n_ends++] = e;
}

static void ended(struct state *s, const struct scene *sc, const struct ike_sa *sa)
{
	struct session *session = session_of(s, sa->id);
	struct session was = { .start = sa->created, .initiator = sa->initiator_side };
	nsec traffic = traffic_before(sc, sa->ended);

	/* of what nobody saw begin a Delete is all that counts */
	if (session ? session->renewed != 0 && sa->ended_by < 0
		    : sa->origin != ORIGIN_MIDSTREAM || sa->end_reason != END_DELETED)
		return;			/* nobody said so: settle() decides */
	if (session) {
		was = *session;
		session->ike_sa = 0;
	}
	if (!session_over(sc, sa) || clock_stepped_since(sc, was.start))
		return;
	if (!session && s->n_ends > 0)
		went_on(s, sc, was.start);
	push(s, sc, (struct session_end){
		.at = sa->ended,
		.age = sa->ended - was.start,
		.traffic = traffic,
		.gap = traffic == NSEC_NONE
			       ? NSEC_NONE
			       : gap_of(sc, traffic, traffic_silence(sc, traffic, sa->ended)),
		.frame = (uint32_t)sa->last_frame,
		.declared_s = declared_lifetime(sa),
		.by = sa->ended_by,
		.ikev1 = sa->major == 1,
		.unbegun = !session,
		.by_initiator = sa->ended_by >= 0 && sa->ended_by == was.initiator,
		.lost = sa->end_reason == END_PEER_LOST,
		.rekeys = was.rekeys,
	});
	/* the end may be known only after the next session began */
	for (size_t i = 0; i < SESSIONS; i++)
		if (s->sessions[i].ike_sa != 0 && s->n_ends > 0 && s->sessions[i].start > sa->ended)
			follow(s, sc, s->n_ends - 1u, &s->sessions[i]);
}

/*
 * IKEv1: child SAs need no phase 1, which is made again when the next of them is due
 * (RFC 2409 5.5).  Who ends it alone still sends on them: that was no end of a session.
 */
static void forget_outlived(struct state *s, const struct scene *sc)
{
	uint8_t n = 0;

	for (size_t i = 0; i < s->n_ends; i++) {
		const struct session_end *e = &s->ends[i];

		if (!e->ikev1 || e->by < 0 || !traffic_outlived(sc, e->by, e->at, AT_ONCE))
			s->ends[n++] = *e;
	}
	s->n_ends = n;
}

/*
 * A session that was followed by another and never deleted.  Busy traffic had stopped before the
 * next one was asked for, and went on with that alone: both ends had let it run out.  Made before
 * it broke, it would have carried traffic until then.
 */
static bool settle_one(struct state *s, const struct scene *sc, const struct session *was)
{
	const struct ike_sa *sa = ike_sa_of(sc, was->ike_sa);
	nsec last;

	if (!sa || sa->last >= was->renewed || side_unseen(sc, 0) || side_unseen(sc, 1) ||
	    clock_stepped_since(sc, was->start) ||
	    loss_since(sc, was->renewed - sc->settings->life_active) ||
	    !traffic_had_stopped(sc, was->renewed, &last) || last <= was->start ||
	    was->renewed - last > sc->settings->life_active)
		return false;
	push(s, sc, (struct session_end){
		.at = last,
		.age = last - was->start,
		.traffic = last,
		.gap = gap_of(sc, last, traffic_silence(sc, last, was->renewed)),
		.frame = (uint32_t)was->renewed_frame,
		.declared_s = declared_lifetime(sa),
		.by = SIDE_UNKNOWN,
		.unsaid = true,
		.restarted = true,
		.rekeys = was->rekeys,
	});
	return true;
}

/* True: some are to be looked at again. */
static bool settle(struct state *s, const struct scene *sc, nsec now)
{
	bool waiting = false;

	for (size_t i = 0; i < SESSIONS; i++) {
		struct session *session = &s->sessions[i];

		if (session->ike_sa == 0 || session->renewed == 0 || session->settled)
			continue;
		if (now - session->renewed < sc->settings->flap_reauth_overlap) {
			waiting = true;
			continue;
		}

		session->settled = true;
		if (settle_one(s, sc, session))
			session->ike_sa = 0;
	}
	return waiting;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (ev->kind == EVENT_IKE_SA_ESTABLISHED && sa) {
		began(s, sc, sa);
	} else if (ev->kind == EVENT_IKE_SA_ENDED && sa) {
		ended(s, sc, sa);
	} else if (ev->kind == EVENT_IKE_SA_REKEYED && sa) {
		const struct ike_sa *old = tracker_ike_sa(sc->tracker, ev->other);
		struct session *session = old ? session_of(s, old->id) : NULL;

		if (session) {
			session->ike_sa = sa->id;
			session->rekeys++;
		}
	} else if (ev->kind == EVENT_ESP_SA_FIRST && s->n_ends > 0) {
		struct session_end *e = &s->ends[s->n_ends - 1];

		if (e->gap == NSEC_NONE && e->traffic != NSEC_NONE && ev->at >= e->at)
			e->gap = gap_of(sc, e->traffic, ev->at - e->traffic);
		went_on(s, sc, ev->at);
	}
	forget_outlived(s, sc);
}

/* There is nothing to settle. */
static bool looks(const void *state)
{
	const struct state *s = state;

	for (size_t i = 0; i < SESSIONS; i++)
		if (s->sessions[i].ike_sa != 0 && s->sessions[i].renewed != 0 &&
		    !s->sessions[i].settled)
			return false;
	return true;
}

static bool rests(const void *state, const struct scene *sc)
{
	const struct state *s = state;

	(void)sc;
	return s->n_ends == 0 && looks(s);
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	const struct settings *set = sc->settings;
	bool waiting = settle(s, sc, now);
	struct session_pattern p = session_pattern_of(s->ends, s->n_ends, set);

	if (s->n_ends == 0)
		return waiting;
	if (!session_pattern_is_regular(&p, set))
		return true;

	const struct session_end *latest = p.of[0], *oldest = p.of[p.ends - 1];

	/* over when a session outlives the period by far */
	if ((double)(now - latest->at) / (double)NSEC_PER_S > 1.5 * p.period + 600)
		return true;

	const char *cause = session_pattern_cause(&p);
	uint32_t own_s = p.one_side ? s->offers_s[p.side] : 0;
	bool own = session_age_is_declared(p.period, own_s);

	if (strcmp(cause, "max_session_timer") == 0 && own)
		cause = "ike_lifetime_no_rekey";

	int64_t all = (int64_t)p.ends + (reaches_back(&p, s) ? s->before : 0);
	bool lossy = p.active && p.longest_gap >= set->gap_crit;
	bool meant = p.idle || strcmp(cause, "maintenance") == 0;
	struct finding *f = finding_raise(out,
					  meant   ? SEVERITY_INFO
					  : lossy ? SEVERITY_CRITICAL
						  : SEVERITY_WARNING,
					  p.ends >= (size_t)set->periodic_high_n
						  ? CONFIDENCE_HIGH
						  : CONFIDENCE_MEDIUM,
					  oldest->at, latest->at, all);

	f->cause = cause;
	f->side = (int8_t)(p.one_side ? p.side : SIDE_UNKNOWN);
	finding_integer(f, "ends", all);
	finding_real(f, "period_s", p.period);
	finding_real(f, "cv", sample_cv(p.ages, p.n));
	if (p.one_side)
		finding_address(f, "ended_by", sc, p.side);
	finding_text(f, "traffic_before_end", "%s",
		     p.active ? "flowing"
		     : p.idle ? "idle"
			      : "mixed");
	finding_text(f, "ike_rekeys_inside", "%s", p.rekeyed_inside ? "yes" : "no");
	if (p.longest_gap > 0)
		finding_seconds(f, "longest_gap_s", p.longest_gap);
	if (latest->declared_s > 0)
		finding_integer(f, "declared_lifetime_s", latest->declared_s);
	if (own_s > 0 && (own || strcmp(cause, "ike_lifetime_no_rekey") != 0))
		finding_integer(f, "ended_by_offers_s", own_s);
	for (size_t i = p.ends; i-- > 0;)
		finding_frame(f, p.of[i]->frame);
	return true;
}

/*
 * An IKE lifetime that people configure: nobody can tell it from a session timer of that length
 * when nobody renews the IKE SA and who ends it never declared his own: in IKEv2 nobody does, in
 * IKEv1 only who begins.
 */
static bool maybe_lifetime(const struct finding *f)
{
	static const double usual[] = { 3600, 28800, 86400 };
	double period = finding_get_real(f, "period_s");

	if (finding_item(f, "ended_by_offers_s") ||
	    strcmp(finding_get_text(f, "ike_rekeys_inside"), "no") != 0)
		return false;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (sample_near(period, usual[i], 0.01))
			return true;
	return false;
}

/* With a Delete: by whom, and which timer that looks like. */
static void explain_torn_down(struct story *story, const char *period, bool own)
{
	const struct finding *f = story->finding;
	struct text *t = story->summary;
	const char *cause = finding_cause(f), *by = story_peer(story, f->side);
	int64_t declared_s = finding_get(f, "declared_lifetime_s");

	text_add(t, "The session is torn down every %s", period);
	if (f->side >= 0)
		text_add(t, " by %s", by);
	text_add(t, " (%lld times)", (long long)f->count);
	if (story_caused_by(story, "pfs_mismatch")) {
		text_add(t, ": the renewal of its IPsec SA is refused each time (pfs_mismatch), so "
			    "the age is that at which this SA runs out, not that of a session "
			    "timer.");
	} else if (strcmp(cause, "max_session_timer") == 0) {
		text_add(t, " although traffic was flowing: that looks like a maximum session"
			    " timer of %s, ", by);
		if (maybe_lifetime(f))
			text_add(t, "or an IKE lifetime of %s that nobody renews.", period);
		else
			text_add(t, "not an SA lifetime.");
		story_remedy(story, REMEDY_SESS);
		story_remedy(story, REMEDY_LIFE);
	} else if (strcmp(cause, "idle_timer") == 0) {
		text_add(t, " while nothing was sent: an idle timer.");
		story_remedy(story, REMEDY_IDLE);
		story_remedy(story, REMEDY_KEEP);
	} else if (strcmp(cause, "ike_lifetime_no_rekey") == 0 && own) {
		text_add(t, ", which is the phase 1 lifetime that %s itself offers (%lld s)", by,
			 (long long)finding_get(f, "ended_by_offers_s"));
		if (declared_s > 0)
			text_add(t, "; %s offers %lld s, so it does not renew it in time",
				 story_peer(story, other_side(f->side)), (long long)declared_s);
		text_add(t, ".");
		story_remedy(story, REMEDY_LIFE);
	} else if (strcmp(cause, "ike_lifetime_no_rekey") == 0) {
		text_add(t, ", which is the declared phase 1 lifetime of %lld s: "
			    "nobody renews it in time.",
			 (long long)declared_s);
		story_remedy(story, REMEDY_LIFE);
	} else {
		text_add(t, "; a timer is behind it.");
		story_remedy(story, REMEDY_SESS);
		story_remedy(story, REMEDY_LIFE);
	}
	story_remedy(story, REMEDY_LOG);
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	struct text *t = story->summary;
	char period[NSEC_TEXT_MAX];
	const char *cause = finding_cause(f), *by = story_peer(story, f->side);
	double age = finding_get_real(f, "period_s");
	int64_t declared_s = finding_get(f, "declared_lifetime_s");
	int64_t own_s = finding_get(f, "ended_by_offers_s");
	bool declared = session_age_is_declared(age, (double)declared_s);
	bool own = !declared && session_age_is_declared(age, (double)own_s);

	nsec_span(finding_get_span(f, "period_s"), period);
	if (strcmp(cause, "ike_lifetime_no_rekey") == 0 && !declared && !own) {
		text_add(t,
			 "The session is over every %s (%lld times) without a Delete, and is built "
			 "anew: its lifetime runs out, and nobody renews it in time.",
			 period, (long long)f->count);
		story_remedy(story, REMEDY_LIFE);
		story_remedy(story, REMEDY_LOG);
		return;
	}
	if (strcmp(cause, "maintenance") == 0) {
		text_add(t, "The session is torn down at the same time of the day");
		if (f->side >= 0)
			text_add(t, " by %s", by);
		text_add(t, " (%lld times): that looks like a restart or maintenance on a "
			    "schedule, not like a timer of the tunnel.", (long long)f->count);
		story_remedy(story, REMEDY_LOG);
		return;
	}
	if (strcmp(cause, "dpd") == 0) {
		text_add(t,
			 "The session is over every %s (%lld times) because %s no longer answers: "
			 "always at the same age, so a timer may end it there without a Delete.",
			 period, (long long)f->count, f->side >= 0 ? by : "the peer");
		story_remedy(story, REMEDY_DPD);
		story_remedy(story, REMEDY_REACH);
		story_remedy(story, REMEDY_LIFE);
		story_remedy(story, REMEDY_LOG);
		return;
	}
	explain_torn_down(story, period, own);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < SESSIONS; i++) {
		struct session *session = &s->sessions[i];

		FIELD(f, session->ike_sa);
		FIELD(f, session->start);
		FIELD(f, session->asked);
		FIELD(f, session->renewed);
		FIELD(f, session->renewed_frame);
		FIELD(f, session->rekeys);
		FIELD(f, session->initiator);
		FIELD(f, session->settled);
	}
	for (size_t i = 0; i < SESSION_ENDS; i++) {
		struct session_end *e = &s->ends[i];

		FIELD(f, e->at);
		FIELD(f, e->age);
		FIELD_MAYBE(f, e->traffic);
		FIELD_MAYBE(f, e->gap);
		FIELD(f, e->frame);
		FIELD(f, e->declared_s);
		FIELD(f, e->by);
		FIELD(f, e->ikev1);
		FIELD(f, e->unbegun);
		FIELD(f, e->by_initiator);
		FIELD(f, e->lost);
		FIELD(f, e->unsaid);
		FIELD(f, e->restarted);
		FIELD(f, e->anew);
		FIELD(f, e->rekeys);
	}
	FIELD_BELOW(f, s->n_ends, SESSION_ENDS + 1);
	FIELD(f, s->before);
	FIELD(f, s->offers_s);
}

const struct detector detect_periodic_drop = {
	.code = "periodic_drop",
	.scope = SCOPE_TUNNEL,
	.of_now = true,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, periodic_window),
	.observes = WANTS(IKE_SA_ESTABLISHED) | WANTS(IKE_SA_ENDED) | WANTS(IKE_SA_REKEYED) |
		    WANTS(ESP_SA_FIRST),
	.judges_after = WANTS(IKE_SA_ESTABLISHED) | WANTS(IKE_SA_ENDED),
	.observe = observe,
	.rests = rests,
	.looks = looks,
	.judge = judge,
	.explain = explain,
};
