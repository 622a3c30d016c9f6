/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/moments.h"

#include <stdio.h>
#include <string.h>

#define MORE_GROUPS ", ..."

struct state {
	struct side {			/* by the side that wants another group */
		struct moments asked;
		object_id attempt;	/* the latest IKE SA sent back */
		uint16_t in_row;	/* and how often it was */
		uint16_t worst;		/* of all attempts within the window */
		uint16_t wanted;	/* group; 0 unknown */
		bool succeeded;		/* an IKE SA came up afterwards */
		char offered[FINDING_TEXT_MAX];
	} side[2];
};

static void offered_groups(struct side *s, const struct ike_sa *sa)
{
	struct text t = TEXT_IN(s->offered);

	for (size_t i = 0; i < sa->n_transforms; i++) {
		const char *name = ike_group_name(sa->transforms[i].id);
		char number[16];

		if (sa->transforms[i].type != IKE2_TRANSFORM_KE)
			continue;
		if (!name) {
			snprintf(number, sizeof(number), "group %u", sa->transforms[i].id);
			name = number;
		}
		if (t.used + strlen(", ") + strlen(name) + strlen(MORE_GROUPS) >= t.size) {
			text_add(&t, MORE_GROUPS);
			return;
		}
		text_add(&t, "%s%s", t.used ? ", " : "", name);
	}
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *st = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (!sa)
		return;
	if (ev->kind == EVENT_IKE_SA_ESTABLISHED) {
		if (sa->origin == ORIGIN_OBSERVED && sa->initiator_side >= 0)
			st->side[!sa->initiator_side].succeeded = true;
		return;
	}
	/* value[1] is the version: IKEv1 has no such answer */
	if (ev->side < 0 || ev->value[0] != IKE2_NOTIFY_INVALID_KE_PAYLOAD || ev->value[1] != 2)
		return;

	struct side *s = &st->side[ev->side];

	if (moments_since(&s->asked, ev->at - sc->settings->ke_window) == 0)
		s->worst = 0;
	s->in_row = s->attempt == sa->id ? (uint16_t)(s->in_row + 1) : 1;
	s->attempt = sa->id;
	s->worst = s->in_row > s->worst ? s->in_row : s->worst;
	s->wanted = (uint16_t)ev->value[2];
	s->succeeded = false;
	offered_groups(s, sa);
	moments_add_to_row(&s->asked, ev->at, ev->frame, 2 * sc->settings->ke_window);
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *st = state;
	const struct settings *set = sc->settings;
	nsec from = now - set->ke_window;
	bool any = false;

	for (int side = 0; side < 2; side++) {
		const struct side *s = &st->side[side];
		unsigned n = moments_since(&s->asked, from);

		if (n == 0)
			continue;
		any = true;

		bool loops = s->worst >= set->ke_warn || n >= (unsigned)set->ke_warn_total;
		struct finding *f = finding_raise(out, loops ? SEVERITY_WARNING : SEVERITY_INFO,
						  CONFIDENCE_HIGH, moments_first(&s->asked, from),
						  moments_at(&s->asked, 0),
						  moments_in_row(&s->asked));
		/* 0: it did not say */
		const char *name = s->wanted != 0 ? ike_group_name(s->wanted) : NULL;

		f->key = (uint64_t)side;
		f->side = (int8_t)!side;	/* the initiator guesses */
		finding_address(f, "initiator", sc, !side);
		finding_address(f, "responder", sc, side);
		finding_integer(f, "times", f->count);
		finding_integer(f, "times_in_one_attempt", s->worst);
		if (name)
			finding_text(f, "group_wanted", "%s", name);
		else if (s->wanted)
			finding_integer(f, "group_wanted", s->wanted);
		if (s->offered[0])
			finding_text(f, "groups_offered", "%s", s->offered);
		finding_text(f, "succeeded_afterwards", "%s", s->succeeded ? "yes" : "no");
		moments_frames(&s->asked, from, f);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *a = story_peer(story, f->side), *b = story_peer(story, other_side(f->side));
	const char *wanted = finding_get_text(f, "group_wanted");

	if (f->severity == SEVERITY_INFO)
		text_add(story->summary, "%s guesses a Diffie-Hellman group that %s does not want",
			 a, b);
	else
		text_add(story->summary,
			 "%s is sent back again and again (%lld times) because %s wants another "
			 "Diffie-Hellman group", a, (long long)f->count, b);
	if (*wanted)
		text_add(story->summary, " (%s)", wanted);
	if (finding_get_text(f, "succeeded_afterwards")[0] == 'y')
		text_add(story->summary, "; each time it costs a round trip, then the "
					 "tunnel comes up.");
	else
		text_add(story->summary, "; no tunnel came up so far.");
	story_remedy(story, REMEDY_PROP);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct side *side = &s->side[i];

		moments_fields(f, &side->asked);
		FIELD(f, side->attempt);
		FIELD(f, side->in_row);
		FIELD(f, side->worst);
		FIELD(f, side->wanted);
		FIELD(f, side->succeeded);
		FIELD(f, side->offered);
	}
}

const struct detector detect_invalid_ke = {
	.code = "invalid_ke",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, ke_window),
	.observes = WANTS(ERROR_NOTIFY) | WANTS(IKE_SA_ESTABLISHED),
	.judges_after = WANTS(ERROR_NOTIFY),
	.observe = observe,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
