/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/moments.h"
#include "detect/traffic.h"

struct state {
	struct side {			/* by the side that refuses */
		struct moments refused;
		bool worked;
		/* refused again soon after one was accepted: that was another tunnel's */
		bool another;
		nsec accepted;		/* an IKE SA after all, since then; 0 never */
		char offer[FINDING_TEXT_MAX];
	} side[2];
};

static void offer1(struct text *t, const struct ike_sa *sa)
{
	for (size_t i = 0; i < sa->n_offers; i++) {
		const struct ike1_offer *o = &sa->offers1[i];
		const char *encryption = ike1_encryption_name(o->encryption),
			   *hash = ike1_hash_name(o->hash);
		const char *group = ike_group_name(o->group), *auth = ike1_auth_name(o->auth);

		text_add(t, "%s%s", t->used ? ", " : "", encryption ? encryption : "?");
		if (o->key_bits)
			text_add(t, "_%u", o->key_bits);
		text_add(t, "/%s/%s/%s", hash ? hash : "?", group ? group : "?", auth ? auth : "?");
	}
}

static void offer2(struct text *t, const struct ike_sa *sa)
{
	uint8_t proposal = 0;

	for (size_t i = 0; i < sa->n_transforms; i++) {
		const struct ike2_transform *f = &sa->transforms[i];
		const char *name = ike2_transform_name(f->type, f->id);

		/* the PRF follows from the rest, and its name is long */
		if (f->type == IKE2_TRANSFORM_PRF || f->type == IKE2_TRANSFORM_SN)
			continue;
		text_add(t, "%s", t->used == 0 ? "" : f->proposal != proposal ? ", " : "/");
		proposal = f->proposal;
		if (name)
			text_add(t, "%s", name);
		else
			text_add(t, "%u:%u", f->type, f->id);
		if (f->key_bits)
			text_add(t, "_%u", f->key_bits);
	}
}

/*
 * It was still loading its configuration, or that was mended: what it refused before is over.  Not
 * when the refusals went on after one that was accepted before: of two tunnels between these peers
 * one works.
 */
static void accepted(struct side *s, const struct ike_sa *sa, nsec at)
{
	if (moments_kept(&s->refused) == 0 || sa->created <= moments_at(&s->refused, 0) ||
	    s->another || sa->origin != ORIGIN_OBSERVED)
		return;
	s->refused = (struct moments){ 0 };
	s->accepted = at;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct state *st = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	return ev->kind == EVENT_IKE_SA_ESTABLISHED &&
	       (!sa || sa->initiator_side < 0 ||
		moments_kept(&st->side[!sa->initiator_side].refused) == 0);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *st = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (ev->kind == EVENT_IKE_SA_ESTABLISHED) {
		if (sa && sa->initiator_side >= 0)
			accepted(&st->side[!sa->initiator_side], sa, ev->at);
		return;
	}
	/* 14 in both versions; of an SA that is up it refuses nothing, and is spoof_hint's */
	if (ev->side < 0 || ev->value[0] != IKE2_NOTIFY_NO_PROPOSAL_CHOSEN ||
	    (sa && sa->established != NSEC_NONE))
		return;

	struct side *s = &st->side[ev->side];
	struct text t = TEXT_IN(s->offer);

	nsec pause = 2 * sc->settings->proposal_window;

	if (moments_since(&s->refused, ev->at - pause) == 0) {
		s->worked = tunnel_worked(sc, ev->at);
		s->another = s->accepted != 0 && ev->at - s->accepted <= pause;
		s->accepted = 0;
	}
	moments_add_to_row(&s->refused, ev->at, ev->frame, pause);
	if (sa && sa->major == 1)
		offer1(&t, sa);
	else if (sa)
		offer2(&t, sa);
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *st = state;
	nsec from = now - sc->settings->proposal_window;
	bool any = false;

	for (int side = 0; side < 2; side++) {
		const struct side *s = &st->side[side];
		unsigned n = moments_since(&s->refused, from);

		if (n == 0) {
			if (s->accepted != 0)
				finding_over(out, (uint64_t)side);
			continue;
		}
		any = true;

		bool warn = n >= (unsigned)sc->settings->proposal_warn || s->worked;
		struct finding *f = finding_raise(out, warn ? SEVERITY_WARNING : SEVERITY_INFO,
						  CONFIDENCE_HIGH, moments_first(&s->refused, from),
						  moments_at(&s->refused, 0),
						  moments_in_row(&s->refused));

		f->key = (uint64_t)side;
		f->side = (int8_t)side;
		finding_address(f, "refused_by", sc, side);
		finding_address(f, "initiator", sc, !side);
		finding_integer(f, "refusals", f->count);
		finding_text(f, "offered", "%s", s->offer);
		finding_text(f, "worked_before", "%s", s->worked ? "yes" : "no");
		moments_frames(&s->refused, from, f);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *offer = finding_get_text(f, "offered");

	text_add(story->summary, "%s %s none of the algorithms that %s %s (refused ",
		 story_peer(story, f->side), story->over ? "accepted" : "accepts",
		 story_peer(story, other_side(f->side)), story->over ? "offered" : "offers");
	text_add_times(story->summary, f->count);
	text_add(story->summary, ")");
	if (*offer)
		text_add(story->summary, ": %s", offer);
	text_add(story->summary, ".");
	story_remedy(story, REMEDY_PROP);
	story_remedy(story, REMEDY_PEER);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct side *side = &s->side[i];

		moments_fields(f, &side->refused);
		FIELD(f, side->worked);
		FIELD(f, side->another);
		FIELD(f, side->accepted);
		FIELD(f, side->offer);
	}
}

const struct detector detect_no_proposal_chosen = {
	.code = "no_proposal_chosen",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, proposal_window),
	.observes = WANTS(ERROR_NOTIFY) | WANTS(IKE_SA_ESTABLISHED),
	.judges_after = WANTS(ERROR_NOTIFY),
	.observe = observe,
	.ignores = ignores,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
