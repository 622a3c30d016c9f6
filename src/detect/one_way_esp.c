/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One direction of the tunnel falls silent while the other goes on.  Judged
 * per tunnel and not per SA pair: two crossing initiations leave two tunnels,
 * one for each direction.
 */
#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/traffic.h"

enum { LOOKS = 16, LOOKS_IN_WINDOW = 6, LOOKS_WITH_PACKETS = 3, PAIRS_LOOKED_AT = 64 };

/* Packets of both directions at one moment. */
struct look {
	nsec at;
	uint64_t packets[2];
};

/* What most tunnels have of it stands together: so it rests in few words (states.h). */
struct state {
	nsec last_rekey;		/* 0 none */
	nsec ike_answer[2];		/* latest answer that this side gave; 0 none */
	nsec moved[2];			/* this side has another address since then; 0 never */
	struct stop {
		nsec since;		/* silent since; 0 not */
		uint64_t other_then;	/* packets of the other side at that moment */
		bool lively;		/* it had been sending much before */
		/* the other side's rate, or its half of the pair, fell with it: an application
		 * ended */
		bool together;
	} stop[2];
	/* it was silent for so long before, and went on with the same SAs */
	bool pauses[2];
	uint32_t total;
	struct look looks[LOOKS];
};

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	(void)state;
	/* an answer before the first packet is none that came after the last one */
	if (ev->kind == EVENT_RESPONSE)
		return traffic_packets(sc, 0) == 0 && traffic_packets(sc, 1) == 0;
	return ev->kind == EVENT_CHILD_SA_CREATED && traffic_packets(sc, 0) <= 1 &&
	       traffic_packets(sc, 1) <= 1;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	if (ignores(state, sc, ev))
		return;

	struct state *s = state;

	/* what a new child SA replaces may be decided later; the first ones replace none */
	if (ev->kind == EVENT_CHILD_SA_REKEYED ||
	    (ev->kind == EVENT_CHILD_SA_CREATED &&
	     ev->at - sc->tunnel->first >= sc->settings->life_min_age &&
	     (traffic_packets(sc, 0) > 1 || traffic_packets(sc, 1) > 1)))
		s->last_rekey = ev->at;
	else if (ev->kind == EVENT_ADDRESS_MOVED && ev->side >= 0)
		s->moved[ev->side] = ev->at;
	else if (ev->kind == EVENT_RESPONSE && ev->side >= 0)
		s->ike_answer[ev->side] = ev->at;
}

/* The look that is at least `span` older than the latest one; NULL when there is none yet. */
static const struct look *look_before(const struct state *s, nsec now, nsec span)
{
	uint32_t kept = s->total < LOOKS ? s->total : LOOKS;

	for (uint32_t back = 0; back < kept; back++) {
		const struct look *l = &s->looks[(s->total - 1 - back) % LOOKS];

		if (now - l->at >= span)
			return l;
	}
	return NULL;
}

static void look(struct state *s, const struct scene *sc, nsec now)
{
	const struct look *latest = s->total > 0 ? &s->looks[(s->total - 1) % LOOKS] : NULL;

	/* sixteen looks must cover the window and what came before it */
	if (latest && now - latest->at < sc->settings->oneway_window / LOOKS_IN_WINDOW)
		return;
	s->looks[s->total++ % LOOKS] = (struct look){
		.at = now,
		.packets = { traffic_packets(sc, 0), traffic_packets(sc, 1) },
	};
}

static bool near_rekey(const struct state *s, nsec since)
{
	nsec apart = since > s->last_rekey ? since - s->last_rekey : s->last_rekey - since;

	return s->last_rekey != 0 && apart <= 30 * NSEC_PER_S;
}

/*
 * Well after its last packet: a peer that died between two packets may have answered between them,
 * too.
 */
static bool still_answers(const struct state *s, const struct scene *sc, int side, nsec since)
{
	return s->ike_answer[side] > since + sc->settings->oneway_window / LOOKS_IN_WINDOW;
}

/*
 * Until it stopped this side answered the other packet for packet, and either
 * there was a rekey then or it still answers IKE: that is no pause of its own.
 */
static bool broke_off(const struct state *s, const struct scene *sc, int side, nsec since,
		      uint64_t *ret_other_then)
{
	const struct settings *set = sc->settings;
	uint32_t kept = s->total < LOOKS ? s->total : LOOKS;
	const struct look *stopped = NULL, *before = NULL;

	if (side_unseen(sc, side) || side_unseen(sc, !side) ||
	    !(near_rekey(s, since) || still_answers(s, sc, side, since)))
		return false;
	for (uint32_t back = 0; back < kept; back++) {
		const struct look *l = &s->looks[(s->total - 1 - back) % LOOKS];

		if (l->at >= since)
			stopped = l;
		else if (!before || since - before->at < set->oneway_window)
			before = l;
	}
	if (!stopped)
		return false;

	uint64_t mine = stopped->packets[side], other = stopped->packets[!side];

	if (before && s->total > LOOKS) {	/* what was long ago says nothing */
		mine -= before->packets[side];
		other -= before->packets[!side];
	}
	*ret_other_then = stopped->packets[!side];
	return mine >= (uint64_t)set->oneway_min_pkts && mine * 2 >= other;
}

/* Packets a second of one side between two looks. */
static double rate(uint64_t from, uint64_t to, nsec span)
{
	return span > 0 ? (double)(to - from) * (double)NSEC_PER_S / (double)span : 0;
}

/*
 * Did the other side's traffic fall by more than half when this one's stopped?  Then what both
 * spoke of is over, and what goes on, as logs or a video, never had answers.
 */
static bool fell_together(const struct state *s, const struct scene *sc, int side, nsec since,
			  nsec now)
{
	const struct look *at = look_before(s, now, now - since);
	const struct look *before = look_before(s, now, now - since + sc->settings->oneway_window);

	if (!before && s->total <= LOOKS)	/* it all began less than that before */
		before = &s->looks[0];
	return at && before &&
	       rate(at->packets[!side], traffic_packets(sc, !side), now - at->at) * 2 <
		       rate(before->packets[!side], at->packets[!side], at->at - before->at);
}

/*
 * Did both halves of the pair that it used last fall silent, while other SAs carry what goes on?
 * Then what used the pair is over, as above; whoever has lost his half is still sent to on the
 * other.
 */
static bool pair_fell_silent(const struct scene *sc, int side, nsec since, nsec now)
{
	nsec window = sc->settings->oneway_window;
	uint32_t index = sc->tunnel->esp_sas[side];

	for (int i = 0; i < PAIRS_LOOKED_AT; i++) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, index);

		if (!sa)
			break;
		index = sa->next_in_direction;
		if (sa->last != since)
			continue;

		const struct child_sa *c = tracker_child_sa(sc->tracker, sa->child);
		const struct esp_sa *other =
			c ? tracker_esp_sa(sc->tracker, c->esp[!side]) : NULL;

		return other && other->id == c->esp_id[!side] && other->direction == !side &&
		       other->rare->successor == 0 && other->packets > 1 &&
		       other->last <= since + window / LOOKS_IN_WINDOW &&
		       now - other->last >= window && traffic_elsewhere(sc, other, since);
	}
	return false;
}

/* It sends again.  Without another SA in between the silence was its own. */
static void speaks(struct state *s, int side)
{
	struct stop *stop = &s->stop[side];

	if (stop->since != 0 && s->last_rekey < stop->since - 30 * NSEC_PER_S)
		s->pauses[side] = true;
	stop->since = 0;
}

/*
 * Since `side` fell silent, did the other one send all along?  Not if it only finished a burst, or
 * has just begun one after a pause of both: its answers are still on their way, or late in the
 * other of two taps whose clocks differ.
 */
static bool goes_on(const struct state *s, const struct scene *sc, int side, nsec now)
{
	uint32_t kept = s->total < LOOKS ? s->total : LOOKS, with_packets = 0;
	uint64_t later = traffic_packets(sc, !side), latest = 0, all = later;
	nsec since = traffic_last_of(sc, side), later_at = now, latest_from = now;

	for (uint32_t back = 0; back < kept && later_at > since; back++) {
		const struct look *l = &s->looks[(s->total - 1 - back) % LOOKS];

		if (now - later_at < sc->settings->oneway_window / LOOKS_IN_WINDOW) {
			latest = all - l->packets[!side];
			latest_from = l->at;
		}
		with_packets += l->packets[!side] < later;
		later = l->packets[!side];
		later_at = l->at;
	}
	return with_packets >= LOOKS_WITH_PACKETS &&
	       (all - latest - later >= (uint64_t)sc->settings->oneway_min_pkts ||
		rate(0, latest, now - latest_from) <= 2 * rate(later, all, now - later_at));
}

/* Is `side` silent while the other one sends?  Remembers since when. */
static bool silent(struct state *s, const struct scene *sc, int side, nsec now)
{
	const struct settings *set = sc->settings;
	const struct look *then = look_before(s, now, set->oneway_window);
	uint64_t mine = traffic_packets(sc, side), other = traffic_packets(sc, !side);
	struct stop *stop = &s->stop[side];

	if (!then || mine == 0 || traffic_last_of(sc, side) == NSEC_NONE)
		return false;
	if (mine != then->packets[side] ||
	    other - then->packets[!side] < (uint64_t)set->oneway_min_pkts) {
		if (mine != then->packets[side])
			speaks(s, side);
		return false;
	}
	if (stop->since == 0 && !goes_on(s, sc, side, now))
		return false;
	if (stop->since == 0) {
		const struct look *before = look_before(s, now, 2 * set->oneway_window);

		stop->since = traffic_last_of(sc, side);
		stop->other_then = then->packets[!side];
		/* of a direction that only spoke now and then, silence is no news */
		stop->lively = before && (then->packets[side] - before->packets[side]) * 5 >=
						 (then->packets[!side] - before->packets[!side]) &&
			       then->packets[side] > before->packets[side];
		stop->together = fell_together(s, sc, side, stop->since, now) ||
				 pair_fell_silent(sc, side, stop->since, now);
	}
	if (!stop->lively && broke_off(s, sc, side, stop->since, &other))
		stop->lively = true;
	return true;
}

/*
 * Silent for half the window only, and still: a hint, because a capture may end before the window
 * is full.
 */
static bool falls_silent(struct state *s, const struct scene *sc, int side, nsec now)
{
	nsec since = traffic_last_of(sc, side);
	uint64_t then;

	if (since == NSEC_NONE || now - since < sc->settings->oneway_window / 2 ||
	    !broke_off(s, sc, side, since, &then) ||
	    traffic_packets(sc, !side) - then < (uint64_t)sc->settings->oneway_min_pkts ||
	    !goes_on(s, sc, side, now))
		return false;
	s->stop[side] = (struct stop){ .since = since, .other_then = then, .lively = true };
	return true;
}

/*
 * It fell silent when the other side got another address, and nothing was heard of it since: what
 * it sends there, this capture perhaps does not see.
 */
static bool unseen_there(const struct state *s, const struct scene *sc, int side)
{
	nsec moved = s->moved[!side], since = s->stop[side].since;

	return moved != 0 && moved <= since + sc->settings->settle &&
	       since <= moved + sc->settings->settle && s->ike_answer[side] <= moved;
}

static void raise(struct state *s, const struct scene *sc, int side, enum severity severity,
		  nsec now, struct findings *out)
{
	const struct stop *stop = &s->stop[side];
	bool at_rekey = near_rekey(s, stop->since);
	bool ike_works = still_answers(s, sc, side, stop->since);
	enum confidence confidence = at_rekey || ike_works ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
	uint64_t sent = traffic_packets(sc, !side) - stop->other_then;

	if (severity == SEVERITY_INFO)
		confidence = less(confidence);
	if (!stop->lively || side_unseen(sc, side) || unseen_there(s, sc, side) ||
	    (!at_rekey && (stop->together || s->pauses[side]))) {
		severity = SEVERITY_INFO;
		confidence = CONFIDENCE_LOW;
	}
	if (loss_since(sc, stop->since))
		confidence = less(confidence);

	struct finding *f =
		finding_raise(out, severity, confidence, stop->since, now, (int64_t)sent);

	f->key = (uint64_t)side;
	f->side = (int8_t)side;
	f->well = stop->since;
	finding_address(f, "silent", sc, side);
	finding_address(f, "sending", sc, !side);
	finding_seconds(f, "silent_for_s", now - stop->since);
	finding_integer(f, "packets_of_the_other", (int64_t)sent);
	finding_text(f, "at_rekey", "%s", at_rekey ? "yes" : "no");
	finding_text(f, "ike_answers", "%s", ike_works ? "yes" : "no");
	finding_text(f, "regular_before", "%s", stop->lively ? "yes" : "no");
	finding_text(f, "the_other_fell_too", "%s", stop->together ? "yes" : "no");
	finding_text(f, "pauses_of_its_own", "%s", s->pauses[side] ? "yes" : "no");
	finding_frame(f, traffic_last_frame(sc, side));
	finding_frame(f, traffic_last_frame(sc, !side));
}

static bool rests(const void *state, const struct scene *sc)
{
	(void)state;
	return traffic_packets(sc, 0) == 0 && traffic_packets(sc, 1) == 0;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;

	if (rests(s, sc))
		return false;
	look(s, sc, now);
	for (int side = 0; side < 2; side++)
		if (silent(s, sc, side, now))
			raise(s, sc, side, SEVERITY_WARNING, now, out);
		else if (s->stop[side].since == 0 && falls_silent(s, sc, side, now)) {
			raise(s, sc, side, SEVERITY_INFO, now, out);
			/* it is judged anew when the window is full */
			s->stop[side].since = 0;
		}
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *b = story_peer(story, f->side), *a = story_peer(story, other_side(f->side));
	char at[NSEC_TEXT_MAX], span[NSEC_TEXT_MAX];

	nsec_moment(f->first, 0, at);
	nsec_span(finding_get_span(f, "silent_for_s"), span);
	text_add(story->summary,
		 "%s stopped sending ESP at %s UTC%s while %s kept sending (%lld packets in %s)",
		 b, at,
		 finding_get_text(f, "at_rekey")[0] == 'y' ? ", within 30 s of a rekey," : "", a,
		 (long long)f->count, span);
	if (finding_get_text(f, "ike_answers")[0] == 'y')
		text_add(story->summary, "; IKE still works");
	text_add(story->summary, ".");

	/*
	 * At a rekey it lost the SA to send on; or it has not noticed that its SA is gone.  But who
	 * still answers IKE, and not since a rekey, sends as before, and ESP alone does not arrive.
	 */
	bool path = finding_get_text(f, "at_rekey")[0] != 'y' &&
		    finding_get_text(f, "ike_answers")[0] == 'y';

	if (path) {
		story_remedy(story, REMEDY_REACH);
		story_remedy(story, REMEDY_ENCAP);
	}
	story_remedy(story, REMEDY_SPI);
	story_remedy(story, REMEDY_CLR);
	if (!path) {
		story_remedy(story, REMEDY_ENCAP);
		story_remedy(story, REMEDY_REACH);
	}
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < LOOKS; i++) {
		struct look *l = &s->looks[i];

		FIELD(f, l->at);
		FIELD(f, l->packets);
	}
	FIELD(f, s->total);
	FIELD(f, s->last_rekey);
	FIELD(f, s->ike_answer);
	FIELD(f, s->moved);
	for (int i = 0; i < 2; i++) {
		struct stop *stop = &s->stop[i];

		FIELD(f, stop->since);
		FIELD(f, stop->other_then);
		FIELD(f, stop->lively);
		FIELD(f, stop->together);
	}
	FIELD(f, s->pauses);
}

const struct detector detect_one_way_esp = {
	.code = "one_way_esp",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, oneway_window),
	.observes = WANTS(ESP_SA_FIRST) | WANTS(CHILD_SA_REKEYED) | WANTS(CHILD_SA_CREATED) |
		    WANTS(RESPONSE) | WANTS(ADDRESS_MOVED),
	.judges_after = 0,
	.observe = observe,
	.ignores = ignores,
	.ignores_unseen = UINT64_MAX,
	.rests = rests,
	.judge = judge,
	.explain = explain,
};
