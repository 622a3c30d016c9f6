/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A peer lost its state (reboot, fail-over) and the tunnel was built anew
 * beside SAs that nobody deleted.  INITIAL_CONTACT would say so, but it is
 * encrypted; what can be seen is a new IKE SA while the old one is still good
 * and never answered again, and either complaints about unknown SPIs or a peer
 * that fell silent before.
 */
#include <string.h>

#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/moments.h"
#include "detect/traffic.h"

enum { LOOKED_AT = 64, BUSY_PACKETS = 10 };

struct state {
	struct sign {			/* this side complained about an SPI it does not know */
		nsec first, last;
		uint64_t frame;
		uint32_t n;
	} sign[2];
	struct suspicion {
		bool open;		/* to be confirmed: the old IKE SA must stay silent */
		int8_t side;		/* who restarted */
		bool complained;
		uint32_t old;
		object_id old_id;
		nsec at, began;		/* the new IKE SA is up; the first sign */
		nsec silence;		/* of that side's ESP before; 0 not known */
		uint64_t frames[2];
	} suspicion, confirmed;
	struct moments restarts;
};

static void complained(struct state *s, const struct event *ev)
{
	/* the same numbers in both versions: INVALID-COOKIE, INVALID-SPI */
	bool invalid = ev->value[0] == IKE2_NOTIFY_INVALID_SPI ||
		       ev->value[0] == IKE2_NOTIFY_INVALID_IKE_SPI;

	if (!invalid || ev->side < 0)
		return;

	struct sign *sign = &s->sign[ev->side];

	if (sign->n == 0 || ev->at - sign->last > 60 * NSEC_PER_S) {
		sign->first = ev->at;
		sign->frame = ev->frame;
		sign->n = 0;
	}
	sign->n++;
	sign->last = ev->at;
}

/* What this side sent on latest before `at`; NULL nothing. */
static const struct esp_sa *spoke_on(const struct scene *sc, int direction, nsec at)
{
	const struct esp_sa *latest = NULL;
	uint32_t index = sc->tunnel->esp_sas[direction];

	for (int i = 0; i < LOOKED_AT; i++) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, index);

		if (!sa)
			break;
		if (sa->first < at && (!latest || sa->last > latest->last))
			latest = sa;
		index = sa->next_in_direction;
	}
	return latest;
}

/* It fell silent because it had deleted that, and said so. */
static bool said_so(const struct scene *sc, int direction, nsec at)
{
	const struct esp_sa *latest = spoke_on(sc, direction, at);

	return latest && latest->end_reason == END_DELETED && latest->rare->ended_by == direction;
}

/*
 * For how long this side had sent nothing before `at`, though it had been busy; 0 when it was not
 * silent.
 */
static nsec fell_silent(const struct scene *sc, int direction, nsec at)
{
	const struct settings *set = sc->settings;
	const struct esp_sa *latest = spoke_on(sc, direction, at);

	if (!latest || latest->packets < BUSY_PACKETS || latest->last >= at)
		return 0;

	nsec silence = at - latest->last, pace = traffic_pace(latest);

	return silence >= set->gap_min && (double)silence >= set->gap_factor * (double)pace
		       ? silence
		       : 0;
}

/* It did, while the other side went on: both may have stopped, and one of them a packet later. */
static bool fell_silent_alone(const struct scene *sc, int direction, nsec at)
{
	const struct esp_sa *other = spoke_on(sc, !direction, at);

	return other && fell_silent(sc, direction, other->last < at ? other->last : at) > 0;
}

/* An older IKE SA of the tunnel that nobody deleted, though it was in use; NO_INDEX none. */
static uint32_t left_behind(const struct scene *sc, const struct ike_sa *new)
{
	uint32_t index = sc->tunnel->ike_sas;

	for (int i = 0; i < LOOKED_AT; i++) {
		const struct ike_sa *old = tracker_ike_sa(sc->tracker, index);

		if (!old)
			break;

		bool given_up = old->end_reason == END_PEER_LOST &&
				new->created - old->ended <= sc->settings->restart_signs;
		nsec life = old->major == 1 && old->has_life_seconds && old->life_seconds < 1000000
				    ? (nsec)old->life_seconds * NSEC_PER_S
				    : 0;

		/*
		 * begun at the same time they crossed (duplicate_ike_sa); at the end of its
		 * lifetime it is just over
		 */
		if (old != new && old->successor == NO_INDEX &&
		    (lives(old->end_reason) || given_up) &&
		    (old->established != NSEC_NONE || old->origin == ORIGIN_MIDSTREAM) &&
		    (old->established == NSEC_NONE ||
		     new->created - old->established > sc->settings->duplicate_apart) &&
		    (life == 0 || new->created - old->created < life / 20 * 19))
			return index;
		index = old->next_in_tunnel;
	}
	return NO_INDEX;
}

/*
 * Who asked for its Delete, or answered it, had not forgotten it: the new IKE SA is up before such
 * a Delete is decided upon, and what the other side still sent on the old child SAs was under way.
 * A Delete of IKEv1 has no answer, so there it proves something of its sender only.
 */
static bool deleted_it(const struct ike_sa *old, int side)
{
	if (old->delete_at != NSEC_NONE)
		return old->delete_by == side || old->major == 2;
	return old->ended_by == side &&
	       (old->end_reason == END_DELETED || old->end_reason == END_SUPERSEDED ||
		old->end_reason == END_REKEYED);
}

static bool is_from_scratch(const struct ike_sa *sa)
{
	return sa->origin == ORIGIN_OBSERVED && sa->init_seen && sa->established != NSEC_NONE;
}

/*
 * `new` is up, `old`, which was before it, was left behind: does anything say that a side had lost
 * its state?
 */
static void suspect(struct state *s, const struct scene *sc, const struct ike_sa *new,
		    uint32_t index)
{
	const struct ike_sa *old = tracker_ike_sa(sc->tracker, index);
	nsec silence[2];

	if (!new || !old)
		return;

	struct suspicion found = {
		.open = true, .side = SIDE_UNKNOWN, .old = index, .old_id = old->id,
		.at = new->established,
		.began = new->created, .frames = { 0, new->first_frame },
	};

	for (int side = 0; side < 2; side++) {
		const struct sign *sign = &s->sign[side];

		silence[side] = fell_silent(sc, side, new->created);
		if (sign->n > 0 && new->established - sign->last <= sc->settings->restart_signs) {
			found.side = (int8_t)side;
			found.complained = true;
			found.began = sign->first;
			found.frames[0] = sign->frame;
		}
	}
	for (int side = 0; side < 2 && !found.complained && !messages_missed(sc) &&
			   (lives(old->end_reason) || old->created > new->established);
	     side++)
		/*
		 * both silent: nobody had anything to say; of one that is not captured nobody knows
		 */
		if (silence[side] > 0 && silence[!side] == 0 &&
		    fell_silent_alone(sc, side, new->created) &&
		    !said_so(sc, side, new->created) && !side_unseen(sc, side) &&
		    !side_unseen(sc, !side) && !loss_since(sc, new->created - silence[side])) {
			found.side = (int8_t)side;
			found.began = new->created - silence[side];
		}
	if (found.side < 0 || deleted_it(old, found.side))
		return;
	/* it spoke until it was told that the tunnel is closed */
	if (!found.complained && old->delete_at != NSEC_NONE &&
	    fell_silent(sc, found.side, old->delete_at) == 0)
		return;
	found.silence = silence[found.side];
	s->suspicion = found;
}

static void set_up(struct state *s, const struct scene *sc, const struct ike_sa *new)
{
	if (new && is_from_scratch(new))
		suspect(s, sc, new, left_behind(sc, new));
}

/* Of an IKE SA from before the capture, which nobody answers. */
static bool is_given_up(const struct ike_sa *sa)
{
	return sa && sa->origin == ORIGIN_MIDSTREAM && sa->end_reason == END_PEER_LOST &&
	       sa->established == NSEC_NONE;
}

/*
 * An IKE SA from before the capture was heard only now, by requests that got no
 * answer, while its peer had set up a new one shortly before: that is one left
 * behind as well.
 */
static void given_up(struct state *s, const struct scene *sc, uint32_t index)
{
	const struct ike_sa *old = tracker_ike_sa(sc->tracker, index), *new;
	uint32_t other = sc->tunnel->ike_sas;

	if (!is_given_up(old))
		return;
	for (int i = 0; i < LOOKED_AT && (new = tracker_ike_sa(sc->tracker, other)) != NULL;
	     i++, other = new->next_in_tunnel)
		if (is_from_scratch(new) && lives(new->end_reason) &&
		    new->established <= old->created &&
		    old->created - new->established <= sc->settings->restart_signs) {
			suspect(s, sc, new, index);
			return;
		}
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct state *s = state;

	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (ev->kind == EVENT_IKE_SA_ESTABLISHED)
		return !sa || !is_from_scratch(sa) || left_behind(sc, sa) == NO_INDEX;
	if (ev->kind == EVENT_IKE_SA_ENDED)
		return !is_given_up(sa);
	return ev->kind == EVENT_RESPONSE && !s->suspicion.open;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (ev->kind == EVENT_ERROR_NOTIFY)
		complained(s, ev);
	else if (ev->kind == EVENT_IKE_SA_ESTABLISHED)
		set_up(s, sc, sa);
	else if (ev->kind == EVENT_IKE_SA_ENDED)
		given_up(s, sc, ev->ike_sa);
	/* who answers on the old IKE SA has not forgotten it (reauthentication, a second tunnel) */
	else if (s->suspicion.open && sa && sa->id == s->suspicion.old_id && ev->exchange &&
		 ev->exchange->request_at > s->suspicion.at)
		s->suspicion.open = false;
}

static bool rests(const void *state, const struct scene *sc)
{
	const struct state *s = state;

	(void)sc;
	return !s->suspicion.open && moments_kept(&s->restarts) == 0;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	nsec from = now - sc->settings->restart_window;

	if (s->suspicion.open && now - s->suspicion.at >= sc->settings->restart_forgets) {
		const struct ike_sa *old = tracker_ike_sa(sc->tracker, s->suspicion.old);

		s->suspicion.open = false;
		if (!old || old->id != s->suspicion.old_id || !deleted_it(old, s->suspicion.side)) {
			s->confirmed = s->suspicion;
			moments_add(&s->restarts, s->confirmed.at, s->confirmed.frames[1]);
		}
	}

	unsigned n = moments_since(&s->restarts, from);

	if (n == 0)
		return s->suspicion.open;

	const struct suspicion *c = &s->confirmed;
	struct finding *f = finding_raise(out, SEVERITY_WARNING,
					  c->complained ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM,
					  c->began, c->at, (int64_t)n);

	f->cause = c->complained ? "unknown_spi" : "silence";
	f->side = c->side;
	finding_address(f, "restarted", sc, c->side);
	finding_text(f, "evidence", "%s", c->complained ?
		     "it complained about unknown SPIs" :
		     "it fell silent, then there was a new IKE SA");
	if (c->silence > 0)
		finding_seconds(f, "silent_before_s", c->silence);
	finding_seconds(f, "down_for_s", c->at - c->began);
	finding_frame(f, c->frames[0]);
	finding_frame(f, c->frames[1]);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *b = story_peer(story, f->side), *a = story_peer(story, other_side(f->side));
	char span[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "down_for_s"), span);
	text_add(story->summary,
		 "%s lost its state (reboot, fail-over, cleared SAs): %s, and a new IKE SA came up "
		 "%s later while nobody had deleted the old ones; what %s sent on them meanwhile "
		 "was lost.",
		 b,
		 strcmp(finding_cause(f), "silence") == 0 ? "it fell silent"
							  : finding_get_text(f, "evidence"),
		 span, a);
	story_remedy(story, REMEDY_INITC);
	story_remedy(story, REMEDY_DPD);
	story_remedy(story, REMEDY_SPI);
	story_remedy(story, REMEDY_LOG);
}

static void suspicion_fields(struct fields *f, struct suspicion *u)
{
	FIELD(f, u->open);
	FIELD(f, u->side);
	FIELD(f, u->complained);
	FIELD(f, u->old);
	FIELD(f, u->old_id);
	FIELD(f, u->at);
	FIELD(f, u->began);
	FIELD(f, u->silence);
	FIELD(f, u->frames);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct sign *sign = &s->sign[i];

		FIELD(f, sign->first);
		FIELD(f, sign->last);
		FIELD(f, sign->frame);
		FIELD(f, sign->n);
	}
	suspicion_fields(f, &s->suspicion);
	suspicion_fields(f, &s->confirmed);
	moments_fields(f, &s->restarts);
}

const struct detector detect_peer_restart = {
	.code = "peer_restart",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, restart_window),
	.observes = WANTS(ERROR_NOTIFY) | WANTS(IKE_SA_ENDED) | WANTS(IKE_SA_ESTABLISHED) |
		    WANTS(RESPONSE),
	.judges_after = 0,
	.observe = observe,
	.ignores = ignores,
	.ignores_unseen = WANTS(IKE_SA_ESTABLISHED) | WANTS(IKE_SA_ENDED),
	.ignores_fresh = WANTS(RESPONSE),
	.rests_fresh = true,
	.rests = rests,
	.judge = judge,
	.explain = explain,
};
