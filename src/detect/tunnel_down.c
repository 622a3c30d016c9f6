/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A tunnel of the inventory is down.  Up is an IKE SA that lives or ESP both
 * ways; down is what is held for long without either.  That nothing is seen of
 * a tunnel counts only when it is expected to be up all the time.
 */
#include <string.h>

#include "detect/detector.h"

/* Why it is believed to be down, the surest first. */
#define REASONS(X)                                                                        \
	X(ATTEMPTS, "attempts fail") X(ENDED, "ended") X(SILENT, "silent") X(UNSEEN, "not seen")

#define REASON_ENUM(id, text) REASON_##id,
enum reason { REASONS(REASON_ENUM) };

#define REASON_TEXT(id, text) [REASON_##id] = text,
static const char *const reason_texts[] = { REASONS(REASON_TEXT) };

/* All times are 0 for never. */
struct state {
	nsec attempt_first, attempt_last;	/* to set it up, since it was last up */
	nsec ended, down_since, up_since;
	uint64_t attempt_frame, ended_frame;
	int64_t attempts;
	int8_t attempt_by, ended_by;
	uint8_t end_reason;	/* enum end_reason, of the IKE SA that ended last */
	bool told;		/* down for long, and not up for long since */
};

static bool was_up(const struct ike_sa *sa)
{
	return sa && (sa->established != NSEC_NONE || sa->origin != ORIGIN_OBSERVED);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (ev->kind == EVENT_IKE_SA_CREATED) {
		if (s->attempts++ == 0)
			s->attempt_first = ev->at;
		s->attempt_last = ev->at;
		s->attempt_frame = ev->frame;
		s->attempt_by = ev->side;
	} else if (ev->kind == EVENT_REQUEST_COPY && !was_up(sa)) {
		s->attempt_last = ev->at;	/* still trying */
	} else if (ev->kind == EVENT_IKE_SA_ENDED && was_up(sa) && !lives(sa->end_reason)) {
		s->ended = ev->at;
		s->ended_frame = ev->frame;
		s->ended_by = ev->side;
		s->end_reason = (uint8_t)sa->end_reason;
	}
}

static bool has_living_ike_sa(const struct scene *sc)
{
	uint32_t index = sc->tunnel->ike_sas;
	const struct ike_sa *sa;

	while ((sa = tracker_ike_sa(sc->tracker, index))) {
		/* one that is older than the capture has no moment at which it was established */
		if (lives(sa->end_reason) && sa->state >= IKE_ESTABLISHED &&
		    sa->state <= IKE_REKEYING)
			return true;
		index = sa->next_in_tunnel;
	}
	return false;
}

/* RECORD_UNKNOWN: not observable. */
static tristate is_up(const struct scene *sc)
{
	if (sc->index == NO_INDEX)
		return 0;
	if (sc->tunnel->state == TUNNEL_UP || has_living_ike_sa(sc))
		return 1;
	/* ESP in one direction only is somebody else's finding */
	if (sc->tunnel->one_sided[0] || sc->tunnel->one_sided[1] ||
	    sc->tunnel->state == TUNNEL_UNKNOWN)
		return RECORD_UNKNOWN;
	return 0;
}

static enum reason reason_of(const struct state *s, const struct scene *sc)
{
	if (sc->index == NO_INDEX)
		return REASON_UNSEEN;
	return s->attempts > 0 ? REASON_ATTEMPTS : s->ended != 0 ? REASON_ENDED : REASON_SILENT;
}

static nsec earlier_known(nsec a, nsec b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static nsec later(nsec a, nsec b)
{
	return a > b ? a : b;
}

/* Since when it is down, as far as that is known. */
static void fall(struct state *s, const struct scene *sc, nsec now)
{
	nsec known = earlier_known(s->ended, s->attempt_first);

	if (s->down_since != 0)
		return;
	s->up_since = 0;
	if (known == 0 && sc->tunnel->state_since != NSEC_NONE)
		known = sc->tunnel->state_since;
	s->down_since = known != 0 && known < now ? known : now;
}

static void forget(struct state *s)
{
	s->down_since = s->attempt_first = s->ended = 0;
	s->attempts = 0;
}

static void rise(struct state *s, const struct scene *sc, nsec now)
{
	if (s->up_since == 0)
		s->up_since = now;
	if (now - s->up_since >= sc->settings->tunnel_down_clear)
		s->told = false;
	forget(s);
}

/*
 * Nobody misses a tunnel that is made when needed, until somebody needs it and it cannot be made.
 */
static bool missed(const struct state *s, const struct scene *sc, nsec now)
{
	return sc->expected->profile == PROFILE_SITE_TO_SITE ||
	       (s->attempts > 0 && now - s->attempt_last <= sc->settings->tunnel_down_hold);
}

static void raise(const struct state *s, const struct scene *sc, nsec now, struct findings *out)
{
	enum reason reason = reason_of(s, sc);
	bool sure = reason == REASON_ATTEMPTS || reason == REASON_ENDED;
	bool traffic_is_lost = reason == REASON_ATTEMPTS ||
			       (reason == REASON_ENDED && s->end_reason == END_PEER_LOST);
	struct finding *f =
		finding_raise(out, traffic_is_lost ? SEVERITY_CRITICAL : SEVERITY_WARNING,
			      sure ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM, s->down_since, now,
			      s->attempts > 0 ? s->attempts : 1);

	finding_text(f, "name", "%s", sc->expected->name);
	finding_text(f, "profile", "%s", expected_profile_text(sc->expected->profile));
	finding_text(f, "reason", "%s", reason_texts[reason]);
	finding_seconds(f, "down_s", now - s->down_since);
	if (s->down_since == s->ended)
		finding_text(f, "down_from", "end of its IKE SA");
	else if (s->down_since == s->attempt_first)
		finding_text(f, "down_from", "first attempt");
	if (reason == REASON_ATTEMPTS) {
		finding_integer(f, "attempts", s->attempts);
		finding_address(f, "attempts_by", sc, s->attempt_by);
		finding_frame(f, s->attempt_frame);
	}
	if (s->ended != 0) {
		finding_text(f, "ended", "%s", end_reason_text((enum end_reason)s->end_reason));
		finding_address(f, "ended_by", sc, s->ended_by);
		finding_frame(f, s->ended_frame);
	}
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;

	if (!sc->expected)
		return false;

	tristate up = is_up(sc);

	if (up == 1) {
		rise(s, sc, now);
	} else if (up == 0 && missed(s, sc, now)) {
		fall(s, sc, now);
	} else if (up == 0) {		/* nobody needs it any more */
		s->told = false;
		forget(s);
	} else if (!s->told) {
		s->down_since = 0;
	}
	if (s->down_since == 0)
		return true;

	/*
	 * what was missed may have been in a hole of the capture; and before, nobody asked for it
	 */
	nsec proven = later(later(s->down_since, sc->tunnel->loss_last),
			    later(sc->loss_last, sc->jump_last));

	proven = later(proven, sc->expected_since);

	s->told |= up == 0 && now - proven >= sc->settings->tunnel_down_hold;
	if (s->told)
		raise(s, sc, now, out);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *reason = finding_get_text(f, "reason");
	nsec down = finding_get_span(f, "down_s"), since = down > 0 ? f->last - down : f->last;
	bool anew = since >= f->first + NSEC_PER_S;	/* seconds of the evidence are rounded */
	char at[NSEC_TEXT_MAX], span[NSEC_TEXT_MAX];

	nsec_moment(anew ? since : f->first, 0, at);
	nsec_span(down, span);
	text_add(story->summary, "The tunnel %s (%s, %s) ", finding_get_text(f, "name"),
		 story->peer[0], story->peer[1]);
	if (strcmp(reason, reason_texts[REASON_ATTEMPTS]) == 0) {
		text_add(story->summary,
			 "is down since %s UTC%s (%s): %lld attempt%s to set it "
			 "up, without success.",
			 at,
			 strcmp(finding_get_text(f, "down_from"), "end of its IKE SA") == 0
				 ? ", when its IKE SA ended"
				 : "",
			 span, (long long)finding_get(f, "attempts"),
			 finding_get(f, "attempts") == 1 ? "" : "s");
		story_remedy(story, REMEDY_LOG);
		story_remedy(story, REMEDY_REACH);
		story_remedy(story, REMEDY_PEER);
	} else if (strcmp(reason, reason_texts[REASON_ENDED]) == 0) {
		text_add(story->summary, "is down since %s UTC (%s): its IKE SA ended (%s) and "
					 "nobody sets it up again.", at,
			 span, finding_get_text(f, "ended"));
		story_remedy(story, REMEDY_LOG);
		story_remedy(story, REMEDY_KEEP);
	} else if (strcmp(reason, reason_texts[REASON_SILENT]) == 0) {
		text_add(story->summary, "is silent since %s UTC (%s): no IKE, "
					 "and no ESP both ways.", at, span);
		story_remedy(story, REMEDY_REACH);
		story_remedy(story, REMEDY_KEEP);
	} else {
		text_add(story->summary, "is expected, but no packet of it was seen since "
					 "%s UTC (%s).", at, span);
		story_remedy(story, REMEDY_TAP);
		story_remedy(story, REMEDY_LOG);
	}
	if (anew) {
		nsec_moment(f->first, 0, at);
		text_add(story->summary, " It was down before, first at %s UTC.", at);
	}
	if (*finding_get_text(f, "cleared"))
		text_add(story->summary, " It is %s.", finding_get_text(f, "cleared"));
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	FIELD(f, s->attempt_first);
	FIELD(f, s->attempt_last);
	FIELD(f, s->ended);
	FIELD(f, s->down_since);
	FIELD(f, s->up_since);
	FIELD(f, s->attempt_frame);
	FIELD(f, s->ended_frame);
	FIELD_COUNT(f, s->attempts);
	FIELD(f, s->attempt_by);
	FIELD(f, s->ended_by);
	FIELD_BELOW(f, s->end_reason, END_UNKNOWN + 1);
	FIELD(f, s->told);
}

const struct detector detect_tunnel_down = {
	.code = "tunnel_down",
	.scope = SCOPE_TUNNEL,
	.of_expected = true,
	.of_now = true,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, tunnel_down_clear),
	.one_window = true,
	.observes = WANTS(IKE_SA_CREATED) | WANTS(REQUEST_COPY) | WANTS(IKE_SA_ENDED),
	.judges_after = 0,
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
