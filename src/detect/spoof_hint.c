/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An unprotected error about an SA that goes on working: somebody else may
 * have sent it.  Such errors must not change anything (RFC 7296 2.21.4).  And
 * what looks like an encrypted Delete, which only its peers could tell from noise.
 */
#include <string.h>

#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/moments.h"

enum { ERRORS = 8, LOOKED_AT = 64, TYPE_DELETE = 0 /* no error has this number */ };

struct claim {
	bool used;
	nsec at;
	uint64_t frame;
	uint16_t type;
	int8_t by;			/* whose address it bears */
	object_id esp_sa, ike_sa;	/* what it is about; 0 */
	uint32_t reverse;		/* index of the SA that the claimant sends on beside it */
	object_id reverse_id;
	uint32_t ike_index;
	bool answered;			/* the claimant used the IKE SA properly later */
};

struct state {
	struct claim claims[ERRORS];
	unsigned next;
	struct moments proven;
	uint16_t type;
	int8_t by;
};

static const struct esp_sa *esp_by_spi(const struct scene *sc, int sender, uint32_t spi)
{
	uint32_t index = sc->tunnel->esp_sas[sender];

	for (int i = 0; i < LOOKED_AT; i++) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, index);

		if (!sa || sa->spi == spi)
			return sa;
		index = sa->next_in_direction;
	}
	return NULL;
}

/*
 * Does the claimant still send on the other half of the pair?  A gateway that lost one half lost
 * both.
 */
static bool about_esp(struct claim *c, const struct scene *sc, uint32_t spi)
{
	const struct esp_sa *sa = esp_by_spi(sc, !c->by, spi);
	const struct child_sa *child = sa ? tracker_child_sa(sc->tracker, sa->child) : NULL;
	const struct esp_sa *reverse;

	if (!sa || sa->end_reason != END_NONE)
		return false;
	c->reverse = child                              ? child->esp[c->by]
		     : sc->tunnel->live_esp[c->by] == 1 ? sc->tunnel->esp_sas[c->by]
							: NO_INDEX;
	reverse = tracker_esp_sa(sc->tracker, c->reverse);
	if (!reverse)
		return false;
	c->esp_sa = sa->id;
	c->reverse_id = reverse->id;
	return true;
}

static void claimed(struct state *s, const struct scene *sc, const struct event *ev)
{
	struct claim c = { .used = true,
			   .at = ev->at,
			   .frame = ev->frame,
			   .type = (uint16_t)ev->value[0],
			   .by = ev->side,
			   .reverse = NO_INDEX,
			   .ike_index = NO_INDEX };
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);
	/*
	 * the numbers 4, 11 and 14 mean the same in both versions, but 4 is INVALID_COOKIE in IKEv1
	 */
	bool spi = c.type == IKE2_NOTIFY_INVALID_SPI;

	if (ev->side < 0 || (!spi && c.type != IKE2_NOTIFY_INVALID_IKE_SPI &&
			     c.type != IKE2_NOTIFY_NO_PROPOSAL_CHOSEN))
		return;
	if (spi) {
		if (!about_esp(&c, sc, (uint32_t)ev->value[2]))
			return;
	} else if (sa && sa->end_reason == END_NONE) {
		c.ike_sa = sa->id;
		c.ike_index = ev->ike_sa;
	} else {
		return;
	}
	s->claims[s->next++ % ERRORS] = c;
}

/* The claimant answers, or asks, on the IKE SA that it said it did not have. */
static void used(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);
	const struct exchange *x = ev->exchange;

	if (!sa || !x || x->error != 0)
		return;
	for (size_t i = 0; i < ERRORS; i++) {
		struct claim *c = &s->claims[i];

		if (c->used && c->ike_sa == sa->id && ev->side == c->by &&
		    sa->established != NSEC_NONE)
			c->answered = true;
	}
}

/* What looked like a Delete ended nothing: the tracker has heard both peers go on. */
static void undeleted(struct state *s, const struct event *ev)
{
	if (ev->value[1] == 0 || ev->side < 0)
		return;
	moments_add(&s->proven, ev->at, ev->frame);
	s->type = TYPE_DELETE;
	s->by = ev->side;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct state *s = state;
	bool any = false;

	(void)sc;
	for (size_t i = 0; i < ERRORS; i++)
		any |= s->claims[i].used;
	return (ev->kind == EVENT_REQUEST || ev->kind == EVENT_RESPONSE) && !any;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	if (ev->kind == EVENT_ERROR_NOTIFY)
		claimed(state, sc, ev);
	else if (ev->kind == EVENT_IKE_SA_REVISED)
		undeleted(state, ev);
	else
		used(state, sc, ev);
}

static bool works(const struct claim *c, const struct scene *sc)
{
	const struct esp_sa *reverse = tracker_esp_sa(sc->tracker, c->reverse);

	if (c->ike_sa != 0)
		return c->answered;
	return reverse && reverse->id == c->reverse_id && reverse->end_reason == END_NONE &&
	       reverse->last - c->at >= sc->settings->spoof_works / 2;
}

static bool rests(const void *state, const struct scene *sc)
{
	const struct state *s = state;
	bool any = moments_kept(&s->proven) > 0;

	(void)sc;
	for (size_t i = 0; i < ERRORS; i++)
		any |= s->claims[i].used;
	return !any;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	const struct settings *set = sc->settings;
	nsec from = now - set->spoof_window;
	bool open = false;

	for (size_t i = 0; i < ERRORS; i++) {
		struct claim *c = &s->claims[i];

		open |= c->used;
		if (!c->used || now - c->at < set->spoof_works)
			continue;
		c->used = false;
		if (!works(c, sc))
			continue;
		moments_add(&s->proven, c->at, c->frame);
		s->type = c->type;
		s->by = c->by;
	}

	unsigned n = moments_since(&s->proven, from);

	if (n == 0)
		return open;

	const char *name = s->type == TYPE_DELETE ? "Delete" : ike_notify_name(2, s->type);
	struct finding *f =
		finding_raise(out, SEVERITY_INFO, CONFIDENCE_LOW, moments_first(&s->proven, from),
			      moments_at(&s->proven, 0), n);

	f->side = s->by;
	finding_address(f, "in_the_name_of", sc, s->by);
	finding_text(f, "error", "%s", name ? name : "?");
	finding_integer(f, "errors", n);
	moments_frames(&s->proven, from, f);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;

	if (strcmp(finding_get_text(f, "error"), "Delete") == 0)
		text_add(story->summary,
			 "What looked like an encrypted Delete of the IKE SA by %s "
			 "ended nothing, both peers go on "
			 "with it: it was the Delete of a child SA (IKEv2), another message of "
			 "that length (IKEv1), or forged.",
			 story_peer(story, f->side));
	else
		text_add(story->summary,
			 "%lld unprotected %s messages bear the address of %s, but the SA they "
			 "speak of goes on working: they may be forged, or come from another box.",
			 (long long)f->count,
		 finding_get_text(f, "error"), story_peer(story, f->side));
	story_remedy(story, REMEDY_LOG);
	story_remedy(story, REMEDY_FLOOD);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < ERRORS; i++) {
		struct claim *c = &s->claims[i];

		FIELD(f, c->used);
		FIELD(f, c->at);
		FIELD(f, c->frame);
		FIELD(f, c->type);
		FIELD(f, c->by);
		FIELD(f, c->esp_sa);
		FIELD(f, c->ike_sa);
		FIELD(f, c->reverse);
		FIELD(f, c->reverse_id);
		FIELD(f, c->ike_index);
		FIELD(f, c->answered);
	}
	FIELD(f, s->next);
	moments_fields(f, &s->proven);
	FIELD(f, s->type);
	FIELD(f, s->by);
}

const struct detector detect_spoof_hint = {
	.code = "spoof_hint",
	.scope = SCOPE_TUNNEL,
	.posture = true,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, spoof_window),
	.observes = WANTS(ERROR_NOTIFY) | WANTS(RESPONSE) | WANTS(REQUEST) | WANTS(IKE_SA_REVISED),
	.observe = observe,
	.ignores = ignores,
	.ignores_fresh = WANTS(REQUEST) | WANTS(RESPONSE),
	.rests_fresh = true,
	.rests = rests,
	.judge = judge,
	.explain = explain,
};
