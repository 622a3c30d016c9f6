/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ESP on an SPI that its receiver no longer has: after a Delete, after the
 * receiver restarted, or because the receiver says so (INVALID_SPI).
 */
#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/traffic.h"

#include <string.h>

enum { SPIS = 6, CHILDREN_LOOKED_AT = 64 };

enum why { AFTER_DELETE, AFTER_RESTART, SAID_SO };

struct stale {
	object_id esp_sa;		/* 0 free */
	uint32_t index, spi;
	int8_t from;			/* who sends on it */
	uint8_t why;
	bool certain;			/* a Delete was seen, or the receiver says so */
	nsec dead, first, last;		/* since when it is dead; packets on it after that */
	uint64_t packets, packets_at_first;
	uint64_t frames[2];
};

struct state {
	struct stale spis[SPIS];
};

static struct stale *stale_see(struct state *s, const struct esp_sa *sa, uint32_t index, nsec at)
{
	struct stale *oldest = &s->spis[0];

	for (size_t i = 0; i < SPIS; i++) {
		struct stale *e = &s->spis[i];

		if (e->esp_sa == sa->id)
			return e;
		if (e->esp_sa == 0 || (oldest->esp_sa != 0 && e->last < oldest->last))
			oldest = e;
	}
	*oldest = (struct stale){ .esp_sa = sa->id,
				  .index = index,
				  .spi = sa->spi,
				  .from = sa->direction,
				  .first = at,
				  .last = at,
				  .packets_at_first = sa->packets };
	return oldest;
}

static void after_end(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, ev->esp_sa);

	if (!sa || sa->direction < 0)
		return;

	struct stale *e = stale_see(s, sa, ev->esp_sa, ev->at);

	e->last = ev->at;
	e->packets++;
	e->dead = sa->rare->ended;
	/*
	 * without a Delete the old SA may be used until it expires (IKEv1), and the end is only a
	 * guess
	 */
	e->certain |= sa->grade >= GRADE_DERIVED;
	if (e->frames[0] == 0)
		e->frames[0] = ev->frame;
	e->frames[1] = ev->frame;
}

/*
 * INVALID_SPI in clear, both versions number 11: the sender of the notify does not know this SPI.
 */
static void said_so(struct state *s, const struct scene *sc, const struct event *ev)
{
	uint32_t index, spi = (uint32_t)ev->value[2];
	const struct esp_sa *sa = NULL;

	if (ev->value[0] != IKE2_NOTIFY_INVALID_SPI || ev->side < 0 || spi == 0)
		return;
	index = sc->tunnel->esp_sas[!ev->side];
	for (int i = 0; i < CHILDREN_LOOKED_AT; i++) {
		sa = tracker_esp_sa(sc->tracker, index);
		if (!sa || sa->spi == spi)
			break;
		index = sa->next_in_direction;
	}
	if (!sa || sa->spi != spi)
		return;

	struct stale *e = stale_see(s, sa, index, ev->at);

	if (e->why != SAID_SO) {
		e->why = SAID_SO;
		e->dead = e->dead ? e->dead : ev->at;
		e->frames[0] = ev->frame;
	}
	e->frames[1] = ev->frame;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	(void)state, (void)sc;
	return ev->kind == EVENT_IKE_SA_ESTABLISHED;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	if (ev->kind == EVENT_ESP_AFTER_END)
		after_end(state, sc, ev);
	else if (ev->kind == EVENT_ERROR_NOTIFY)
		said_so(state, sc, ev);
}

/* Did this side begin a new IKE SA from scratch after that moment? */
static bool began_anew(const struct scene *sc, int side, nsec after)
{
	uint32_t index = sc->tunnel->ike_sas;

	for (int i = 0; i < CHILDREN_LOOKED_AT; i++) {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, index);

		if (!sa)
			break;
		if (sa->origin == ORIGIN_OBSERVED && sa->initiator_side == side &&
		    sa->established != NSEC_NONE && sa->created > after)
			return true;
		index = sa->next_in_tunnel;
	}
	return false;
}

/*
 * A peer that lost its state answers nothing on the old pair and builds a new
 * tunnel, while the other goes on with the old SPI.
 */
static void look_for_restart(struct state *s, const struct scene *sc, nsec now)
{
	uint32_t index = sc->tunnel->child_sas;

	for (int i = 0; i < CHILDREN_LOOKED_AT; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			break;
		index = c->next_in_tunnel;
		if (!lives(c->end_reason))
			continue;
		for (int d = 0; d < 2; d++) {
			const struct esp_sa *out = tracker_esp_sa(sc->tracker, c->esp[d]);
			const struct esp_sa *back = tracker_esp_sa(sc->tracker, c->esp[!d]);

			if (!out || !back || now - out->last > sc->settings->stale_min ||
			    out->last - back->last < sc->settings->stale_min ||
			    (out->last - back->last) / 10 < traffic_pace(back) ||
			    !began_anew(sc, !d, back->last))
				continue;

			struct stale *e = stale_see(s, out, c->esp[d], now);

			if (e->why != SAID_SO)
				e->why = AFTER_RESTART;
			e->dead = back->last;
			e->last = out->last;
			e->packets = out->packets - e->packets_at_first;
			e->frames[0] = back->last_frame;
			e->frames[1] = out->last_frame;
		}
	}
}

/*
 * The receiver disowned the SPI: the packets since then count.  Nobody signed
 * that notify, so when its supposed sender goes on using the pair it was
 * forged (spoof_hint), and the SPI is not dead.
 */
static void count_disowned(struct stale *e, const struct scene *sc)
{
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, e->index);
	const struct child_sa *c =
		sa && sa->id == e->esp_sa ? tracker_child_sa(sc->tracker, sa->child) : NULL;
	const struct esp_sa *back = c ? tracker_esp_sa(sc->tracker, c->esp[!e->from]) : NULL;

	if (!sa || sa->id != e->esp_sa)
		return;
	e->certain = !back || back->last <= e->dead;
	if (!e->certain && back->last - e->dead > sc->settings->stale_min) {
		e->packets = 0;
		return;
	}
	e->last = sa->last > e->last ? sa->last : e->last;
	e->packets = sa->packets - e->packets_at_first;
}

/* Both directions of the pair go on: then it works, and only its end was misread. */
static bool works_both_ways(const struct stale *e, const struct scene *sc)
{
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, e->index);
	const struct child_sa *c =
		sa && sa->id == e->esp_sa ? tracker_child_sa(sc->tracker, sa->child) : NULL;
	const struct esp_sa *back = c ? tracker_esp_sa(sc->tracker, c->esp[!e->from]) : NULL;

	return e->why == AFTER_DELETE && back && back->id != e->esp_sa &&
	       back->last > e->dead + sc->settings->overlap_budget;
}

static bool alive_at(const struct child_sa *c, nsec at)
{
	return c->created <= at && (c->more->ended == NSEC_NONE || c->more->ended > at);
}

/*
 * Were they made together, be it under two IKE SAs, and their SPIs given out by
 * the order of first packets?  Then nobody knows which SPI is whose.
 */
static bool may_have_each_others(const struct scene *sc, const struct child_sa *own,
				 const struct child_sa *c)
{
	nsec apart =
		own->created > c->created ? own->created - c->created : c->created - own->created;

	return ((own->flags | c->flags) & CHILD_SA_PAIRED_BY_ORDER) &&
	       apart <= sc->settings->birth_window;
}

/* IKE SAs that were up at that moment. */
static unsigned ike_sas_at(const struct scene *sc, nsec at)
{
	uint32_t index = sc->tunnel->ike_sas;
	unsigned n = 0;

	for (int i = 0; i < CHILDREN_LOOKED_AT; i++) {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, index);

		if (!sa)
			break;
		n += sa->created <= at &&
		     (sa->established != NSEC_NONE || sa->origin == ORIGIN_MIDSTREAM) &&
		     (sa->ended == NSEC_NONE || sa->ended > at);
		index = sa->next_in_tunnel;
	}
	return n;
}

/* The other half of its pair, in use until then, fell silent with the Delete. */
static bool partner_stopped(const struct stale *e, const struct scene *sc,
			    const struct child_sa *own)
{
	const struct esp_sa *back = own ? tracker_esp_sa(sc->tracker, own->esp[!e->from]) : NULL;
	nsec overlap = sc->settings->overlap_budget;

	return back && back->packets > 1 && back->last <= e->dead + overlap &&
	       e->dead - back->last <= overlap + 3 * traffic_pace(back);
}

/* Of several child SAs that lived then it was chosen, as what the new one replaces. */
static bool chosen_of_several(const struct stale *e, const struct scene *sc,
			      const struct child_sa *own)
{
	const struct child_sa *successor =
		own ? tracker_child_sa(sc->tracker, own->more->successor) : NULL;
	uint32_t index = sc->tunnel->child_sas;

	if (!own ||
	    (own->grade >= GRADE_DERIVED && (!successor || successor->grade >= GRADE_DERIVED)))
		return false;
	for (int i = 0; i < CHILDREN_LOOKED_AT; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			break;
		if (c != own && c != successor && alive_at(c, e->dead))
			return true;
		index = c->next_in_tunnel;
	}
	return false;
}

/*
 * Which SPI is whose may be a guess, and yet one of them is dead: the other end
 * moved to the new pair as the Delete went by, and this one has not, for it
 * goes on with every SPI that it had.
 */
static bool one_of_them_is_dead(const struct stale *e, const struct scene *sc,
				const struct child_sa *own)
{
	const struct child_sa *new =
		own ? tracker_child_sa(sc->tracker, own->more->successor) : NULL;
	const struct esp_sa *back = new ? tracker_esp_sa(sc->tracker, new->esp[!e->from]) : NULL;
	const struct esp_sa *out = new ? tracker_esp_sa(sc->tracker, new->esp[e->from]) : NULL;
	nsec overlap = sc->settings->overlap_budget;
	uint32_t index = sc->tunnel->child_sas;

	if (!back || back->packets < 2 || back->first > e->dead + overlap ||
	    (out && out->first < e->last) || !partner_stopped(e, sc, own))
		return false;
	for (int i = 0; i < CHILDREN_LOOKED_AT; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			return true;
		index = c->next_in_tunnel;
		if (c == new || !alive_at(c, e->dead - NSEC_PER_S))
			continue;

		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, c->esp[e->from]);

		if (!sa || sa->id != c->esp_id[e->from] ||
		    sa->last < e->dead + sc->settings->stale_min)
			return false;
	}
	return false;
}

/*
 * Another SA of its direction took over just when it stopped: it was replaced then, and not deleted
 * before.
 */
static bool was_continued(const struct stale *e, const struct scene *sc)
{
	uint32_t index = sc->tunnel->esp_sas[e->from];

	for (int i = 0; i < CHILDREN_LOOKED_AT; i++) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, index);

		if (!sa)
			break;
		if (sa->first > e->dead + sc->settings->overlap_budget && sa->first >= e->last &&
		    sa->first - e->last <= sc->settings->overlap_budget)
			return true;
		index = sa->next_in_direction;
	}
	return false;
}

/* The SPI may be another's, of a child SA made at the same time. */
static bool may_be_anothers(const struct stale *e, const struct scene *sc,
			    const struct child_sa *own)
{
	uint32_t index = sc->tunnel->child_sas;

	for (int i = 0; own && i < CHILDREN_LOOKED_AT; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			break;
		if (c != own && alive_at(c, e->dead) && may_have_each_others(sc, own, c))
			return true;
		index = c->next_in_tunnel;
	}
	return false;
}

/*
 * Which SPI a Delete meant is inferred.  That is not safe for an SA that had
 * hardly begun; nor when child SAs live side by side and this SPI may be that
 * of one without an SPI of this direction so far; nor when the IKE SA that made it is not known,
 * and there are several, or the pair is from before the capture: then there may be one that has
 * said nothing yet (DETECTION-FACTS 3.1).
 */
static bool attribution_is_a_guess(const struct stale *e, const struct scene *sc,
				   const struct esp_sa *sa)
{
	const struct child_sa *own = tracker_child_sa(sc->tracker, sa->child);
	uint32_t index = sc->tunnel->child_sas, successor = own ? own->more->successor : NO_INDEX;
	bool beside = false, without_spi = false;

	for (int i = 0; i < CHILDREN_LOOKED_AT; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			break;
		if (c != own && alive_at(c, e->last)) {
			without_spi |= c->spi[e->from] == 0;
			beside |= index != successor && alive_at(c, e->dead);
		}
		index = c->next_in_tunnel;
	}
	return e->dead - sa->first < sc->settings->life_min_age || (beside && without_spi) ||
	       (own && own->ike_sa == NO_INDEX &&
		(own->flags & CHILD_SA_MIDSTREAM || ike_sas_at(sc, e->dead) > 1));
}

static void raise(const struct stale *e, const struct scene *sc, struct findings *out)
{
	const struct settings *set = sc->settings;
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, e->index);
	nsec since = e->last - e->dead;
	const struct child_sa *own =
		sa && sa->id == e->esp_sa ? tracker_child_sa(sc->tracker, sa->child) : NULL;
	bool of_several = e->why == AFTER_DELETE && chosen_of_several(e, sc, own);
	bool anothers = may_be_anothers(e, sc, own);
	bool one_of = anothers && one_of_them_is_dead(e, sc, own);
	bool guessed =
		sa && sa->id == e->esp_sa &&
		(attribution_is_a_guess(e, sc, sa) || (anothers && !one_of) ||
		 (of_several && (!partner_stopped(e, sc, own) || messages_missed(sc))));
	bool alone = sa && sa->id == e->esp_sa && !traffic_elsewhere(sc, sa, e->dead);
	enum confidence confidence = e->certain ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
	enum severity severity =
		since >= set->stale_crit || alone ? SEVERITY_CRITICAL : SEVERITY_WARNING;
	char spi[SPI_TEXT_MAX];

	if (e->why == AFTER_DELETE && (!e->certain || guessed)) {
		if (of_several && was_continued(e, sc))
			return;
		severity = SEVERITY_INFO;
		confidence = CONFIDENCE_LOW;
	} else if (of_several || one_of) {
		severity = SEVERITY_WARNING;
		confidence = CONFIDENCE_MEDIUM;
	}

	struct finding *f =
		finding_raise(out, severity, confidence, e->first, e->last, (int64_t)e->packets);

	f->key = e->spi;
	f->side = e->from;
	f->cause = e->why == AFTER_RESTART ? "peer_restarted"
		   : e->why == SAID_SO     ? "invalid_spi"
					   : "deleted";
	finding_text(f, "spi", "%s", spi_text(e->spi, spi));
	finding_address(f, "sender", sc, e->from);
	finding_address(f, "receiver", sc, !e->from);
	finding_integer(f, "packets", (int64_t)e->packets);
	finding_seconds(f, "dead_for_s", since);
	finding_text(f, "only_traffic", "%s", alone ? "yes" : "no");
	if (e->why == AFTER_DELETE && one_of && !guessed)
		finding_text(f, "which_spi", "this one, or another made with it");
	finding_frame(f, e->frames[0]);
	finding_frame(f, e->frames[1]);
}

/* Nothing is stale, and there is no traffic both ways that could show a restart. */
static bool rests(const void *state, const struct scene *sc)
{
	const struct state *s = state;
	bool any = sc->tunnel->esp_sas[0] != NO_INDEX && sc->tunnel->esp_sas[1] != NO_INDEX;

	for (size_t i = 0; i < SPIS; i++)
		any |= s->spis[i].esp_sa != 0;
	return !any;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	const struct settings *set = sc->settings;

	look_for_restart(s, sc, now);
	for (size_t i = 0; i < SPIS; i++) {
		struct stale *e = &s->spis[i];

		if (e->esp_sa != 0 && e->why == SAID_SO)
			count_disowned(e, sc);
		if (e->esp_sa == 0 || now - e->last > set->stale_window ||
		    side_unseen(sc, !e->from))
			continue;
		if (e->packets >= (uint64_t)set->stale_min_pkts &&
		    e->last - e->dead >= set->stale_min && !works_both_ways(e, sc))
			raise(e, sc, out);
	}
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *a = story_peer(story, f->side), *b = story_peer(story, other_side(f->side));
	const char *cause = finding_cause(f);
	bool perhaps = f->confidence == CONFIDENCE_LOW;
	/* a restart shows a while after it: its packets are counted since then */
	bool counted_late = strcmp(cause, "deleted") != 0 && strcmp(cause, "invalid_spi") != 0;
	char since[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "dead_for_s"), since);
	text_add(story->summary, "%s still encrypts with SPI %s", a, finding_get_text(f, "spi"));
	if (perhaps)
		text_add(story->summary,
			 ", which was perhaps deleted %s before (nobody can be sure from outside "
			 "which SA was meant): if so, %lld packet%s went into a black hole.",
			 since, (long long)f->count, f->count == 1 ? "" : "s");
	else if (strcmp(cause, "deleted") == 0)
		text_add(story->summary, ", which was deleted %s before%s", since,
			 finding_item(f, "which_spi") ? " (that one, or another made with it)"
						      : "");
	else if (strcmp(cause, "invalid_spi") == 0)
		text_add(story->summary, ", which %s says it does not know", b);
	else
		text_add(story->summary, " although %s lost it %s ago and has built a new tunnel",
			 b, since);
	if (!perhaps)
		text_add(story->summary, ": %s%lld packet%s went into a black hole.",
			 counted_late ? "at least " : "", (long long)f->count,
			 f->count == 1 ? "" : "s");
	story_remedy(story, REMEDY_SPI);
	story_remedy(story, REMEDY_CLR);
	story_remedy(story, REMEDY_DPD);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < SPIS; i++) {
		struct stale *e = &s->spis[i];

		FIELD(f, e->esp_sa);
		FIELD(f, e->index);
		FIELD(f, e->spi);
		FIELD(f, e->from);
		FIELD_BELOW(f, e->why, SAID_SO + 1);
		FIELD(f, e->certain);
		FIELD(f, e->dead);
		FIELD(f, e->first);
		FIELD(f, e->last);
		FIELD(f, e->packets);
		FIELD(f, e->packets_at_first);
		FIELD(f, e->frames);
		fields_require(f, e->from == 0 || e->from == 1);
	}
}

const struct detector detect_stale_spi = {
	.code = "stale_spi",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, stale_window),
	.observes = WANTS(ESP_AFTER_END) | WANTS(ERROR_NOTIFY) | WANTS(IKE_SA_ESTABLISHED),
	.judges_after = 0,
	.observe = observe,
	.ignores = ignores,
	.ignores_unseen = UINT64_MAX,
	.rests = rests,
	.keeps_looking = true,
	.judge = judge,
	.explain = explain,
};
