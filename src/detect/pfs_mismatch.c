/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Works at first, fails at the first rekey.  The child SA of IKE_AUTH has no Diffie-Hellman
 * exchange of its own (RFC 7296 1.2), so a PFS group that only one side has does not matter before
 * the child SA is rekeyed, and then it fails every time.
 */
#include <sawatch/ike_registry.h>

#include <string.h>

#include "detect/detector.h"
#include "detect/moments.h"
#include "detect/refusal_row.h"

struct state {
	struct side {			/* by the side that asks */
		struct moments refused;	/* rekeys of children that IKE_AUTH made */
		struct moments cycles;	/* children that ended after that, without a successor */
		object_id child;	/* whose rekey was refused last; 0 none */
		uint16_t in_row;	/* refusals of it */
		nsec age;		/* of that child at the first refusal */
		struct refusal_rows rows;
	} side[2];
};

/* The living child SA of IKE_AUTH that this request wants to replace; NULL when there is none. */
static const struct child_sa *first_child(const struct scene *sc, const struct exchange *x)
{
	uint32_t index = sc->tunnel->child_sas;

	for (int i = 0; i < LATEST_SAS; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			break;
		if (c->ike_sa == x->ike_sa && c->how == CREATED_IKE_AUTH && c->id != 0 &&
		    lives(c->end_reason) && (c->esp[0] != NO_INDEX || c->esp[1] != NO_INDEX))
			return c;
		index = c->next_in_tunnel;
	}
	return NULL;
}

static void refused(struct state *st, const struct scene *sc, const struct event *ev)
{
	const struct exchange *x = ev->exchange;

	if (!x || x->major != 2 || x->from < 0)
		return;

	const struct child_sa *c = first_child(sc, x);
	struct side *s = &st->side[x->from];
	/* only the refusal was captured */
	nsec asked = x->request_at != NSEC_NONE ? x->request_at : ev->at;
	/* asked for since soon after the set-up it is another child, not this one's rekey */
	if (!c || refusal_row_add(&s->rows, x, asked, c->created, sc->settings) - c->created <
			  sc->settings->life_min_age)
		return;
	if (s->child != c->id) {
		s->child = c->id;
		s->in_row = 0;
		s->age = asked - c->created;
	}
	s->in_row++;
	moments_add(&s->refused, ev->at, ev->frame);
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	static const struct side none;
	const struct state *st = state;
	const struct child_sa *c = tracker_child_sa(sc->tracker, ev->child_sa);

	if (ev->kind == EVENT_CHILD_SA_ENDED)
		return st->side[0].in_row == 0 && st->side[1].in_row == 0;
	/* one that succeeds forgets what was refused */
	return ev->kind == EVENT_CHILD_SA_CREATED &&
	       (!c || c->how != CREATED_CREATE_CHILD_SA || c->created_by < 0 ||
		memcmp(&st->side[c->created_by], &none, sizeof(none)) == 0);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *st = state;
	const struct child_sa *c = tracker_child_sa(sc->tracker, ev->child_sa);

	if (ev->kind == EVENT_CHILD_REFUSED) {
		refused(st, sc, ev);
	} else if (c && ev->kind == EVENT_CHILD_SA_CREATED) {
		/* one that succeeds has proved the groups equal */
		if (c->how == CREATED_CREATE_CHILD_SA && c->created_by >= 0)
			st->side[c->created_by] =
				(struct side){ .rows = st->side[c->created_by].rows };
	} else if (c && ev->kind == EVENT_CHILD_SA_ENDED && c->more->successor == NO_INDEX &&
		   c->end_reason != END_REKEYED) {
		for (int from = 0; from < 2; from++) {
			struct side *s = &st->side[from];

			if (s->child == c->id && s->in_row > 0) {
				moments_add(&s->cycles, c->more->ended, ev->frame);
				s->in_row = 0;
				s->child = 0;
			}
		}
	}
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *st = state;
	const struct settings *set = sc->settings;
	nsec from = now - set->pfs_window;
	bool any = false;

	for (int side = 0; side < 2; side++) {
		const struct side *s = &st->side[side];
		unsigned n = moments_since(&s->refused, from),
			 cycles = moments_since(&s->cycles, from);

		any |= n > 0;
		if (n == 0 || (cycles == 0 && s->in_row < set->pfs_refusals))
			continue;

		bool certain = cycles >= (unsigned)set->pfs_crit;
		struct finding *f =
			finding_raise(out, certain ? SEVERITY_CRITICAL : SEVERITY_WARNING,
				      certain ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM,
				      moments_first(&s->refused, from), moments_at(&s->refused, 0),
				      (int64_t)s->refused.total);

		f->key = (uint64_t)side;
		f->side = (int8_t)!side;
		finding_address(f, "asked_by", sc, side);
		finding_address(f, "refused_by", sc, !side);
		finding_integer(f, "refused_rekeys", f->count);
		finding_integer(f, "cycles", cycles);
		finding_seconds(f, "child_age_s", s->age);
		moments_frames(&s->refused, from, f);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *a = story_peer(story, other_side(f->side)), *b = story_peer(story, f->side);
	char age[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "child_age_s"), age);
	text_add(story->summary, "The first set-up works, but %s refuses every rekey that "
				 "%s asks for (", b, a);
	text_add_times(story->summary, f->count);
	text_add(story->summary, ", first at an age of %s)", age);
	if (finding_get(f, "cycles") > 0) {
		text_add(story->summary, ", so the SA dies without a successor (");
		text_add_times(story->summary, finding_get(f, "cycles"));
		text_add(story->summary, ")");
	}
	text_add(story->summary,
		 ": classic for a phase 2 (PFS) group that differs between the two.");
	story_remedy(story, REMEDY_PFS);
	story_remedy(story, REMEDY_PROP);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct side *side = &s->side[i];

		moments_fields(f, &side->refused);
		moments_fields(f, &side->cycles);
		FIELD(f, side->child);
		FIELD(f, side->in_row);
		FIELD(f, side->age);
		refusal_row_fields(f, &side->rows);
	}
}

const struct detector detect_pfs_mismatch = {
	.code = "pfs_mismatch",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, pfs_window),
	.observes = WANTS(CHILD_REFUSED) | WANTS(CHILD_SA_CREATED) | WANTS(CHILD_SA_ENDED),
	.judges_after = WANTS(CHILD_REFUSED) | WANTS(CHILD_SA_ENDED),
	.observe = observe,
	.ignores = ignores,
	.ignores_fresh = WANTS(CHILD_SA_CREATED) | WANTS(CHILD_SA_ENDED),
	.rests_fresh = true,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
