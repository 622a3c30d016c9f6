/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both peers set up an IKE SA at the same time, both succeed, and both are kept. */
#include "detect/detector.h"
#include "detect/moments.h"

enum { LOOKED_AT = 32 };

struct state {
	struct moments pairs;
	/* the latest pair, until it is known whether both stay */
	nsec since;		/* both up; 0 none */
	nsec coexisted;		/* longest so far */
	uint32_t index[2];
	object_id id[2];
	uint64_t frames[2];
	bool counted;
};

static const struct ike_sa *living(const struct scene *sc, uint32_t index, object_id id)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, index);

	return sa && sa->id == id && lives(sa->end_reason) ? sa : NULL;
}

/* Neither initiator can have known of the other one's IKE SA when it began. */
static bool crossed(const struct settings *set, const struct ike_sa *a, const struct ike_sa *b)
{
	return a->initiator_side == !b->initiator_side &&
	       a->created - b->established <= set->duplicate_apart &&
	       b->created - a->established <= set->duplicate_apart;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct ike_sa *latest = tracker_ike_sa(sc->tracker, sc->tunnel->ike_sas);

	(void)state, (void)ev;
	return latest && latest->next_in_tunnel == NO_INDEX;	/* there is no other */
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);
	uint32_t index = sc->tunnel->ike_sas;

	if (!sa || sa->origin != ORIGIN_OBSERVED || sa->initiator_side < 0 || !sa->init_seen)
		return;
	for (int i = 0; i < LOOKED_AT; i++) {
		const struct ike_sa *other = tracker_ike_sa(sc->tracker, index);

		if (!other)
			break;
		if (other != sa && other->origin == ORIGIN_OBSERVED && other->init_seen &&
		    lives(other->end_reason) && other->established != NSEC_NONE &&
		    crossed(sc->settings, sa, other)) {
			s->since = sa->established > other->established ? sa->established
									: other->established;
			s->index[0] = ev->ike_sa;
			s->id[0] = sa->id;
			s->index[1] = index;
			s->id[1] = other->id;
			s->frames[0] = other->first_frame;
			s->frames[1] = sa->first_frame;
			s->counted = false;
			return;
		}
		index = other->next_in_tunnel;
	}
}

/* Both still there: then they coexist, and count once it lasts. */
static void follow(struct state *s, const struct scene *sc, nsec now)
{
	if (s->since == 0)
		return;
	if (!living(sc, s->index[0], s->id[0]) || !living(sc, s->index[1], s->id[1])) {
		s->since = 0;
		return;
	}
	if (now - s->since < sc->settings->duplicate_coexist)
		return;
	if (!s->counted)
		moments_add(&s->pairs, s->since, s->frames[1]);
	s->counted = true;
	s->coexisted = now - s->since;
}

static bool rests(const void *state, const struct scene *sc)
{
	const struct state *s = state;

	(void)sc;
	return s->since == 0 && moments_kept(&s->pairs) == 0;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	nsec from = now - sc->settings->duplicate_window;

	follow(s, sc, now);

	/* as long as the pair lives it is true, however long ago it began */
	unsigned n = moments_since(&s->pairs, from);

	if (n == 0 && s->since != 0 && s->counted && moments_kept(&s->pairs) > 0)
		n = 1;
	if (n == 0)
		return s->since != 0;

	bool often = n >= (unsigned)sc->settings->duplicate_crit;
	nsec last = s->since != 0 && s->counted ? now : moments_at(&s->pairs, 0);
	bool blind = side_unseen(sc, 0) || side_unseen(sc, 1);	/* one may be deleted, unseen */
	struct finding *f = finding_raise(out,
					  blind   ? SEVERITY_INFO
					  : often ? SEVERITY_CRITICAL
						  : SEVERITY_WARNING,
					  blind ? CONFIDENCE_LOW : CONFIDENCE_HIGH,
					  moments_at(&s->pairs, n - 1), last, (int64_t)n);

	finding_integer(f, "pairs", n);
	finding_seconds(f, "coexisted_s", s->coexisted);
	finding_frame(f, s->frames[0]);
	finding_frame(f, s->frames[1]);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	char span[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "coexisted_s"), span);
	text_add(story->summary, "%s and %s initiated at once and now hold duplicate IKE SAs",
		 story->peer[0], story->peer[1]);
	if (f->count > 1)
		text_add(story->summary, " (%lld times)", (long long)f->count);
	text_add(story->summary, "; both existed for at least %s. Each side may send on an SA that "
				 "the other has given up.", span);
	story_remedy(story, REMEDY_ROLE);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	moments_fields(f, &s->pairs);
	FIELD(f, s->since);
	FIELD(f, s->coexisted);
	FIELD(f, s->index);
	FIELD(f, s->id);
	FIELD(f, s->frames);
	FIELD(f, s->counted);
}

const struct detector detect_duplicate_ike_sa = {
	.code = "duplicate_ike_sa",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, duplicate_window),
	.observes = WANTS(IKE_SA_ESTABLISHED),
	.judges_after = 0,
	.observe = observe,
	.ignores = ignores,
	.ignores_unseen = UINT64_MAX,
	.rests_fresh = true,
	.rests = rests,
	.judge = judge,
	.explain = explain,
};
