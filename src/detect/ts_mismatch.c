/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The IKE SA is up and the peer keeps refusing child SAs.  The reason is
 * encrypted: mostly selectors (proxy IDs), else transforms or PFS.
 */
#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/moments.h"

/* a success this soon after a refusal was its retry (TEMPORARY_FAILURE) */
#define RETRY_FOLLOWS (30 * NSEC_PER_S)

struct side {				/* by the side that refuses */
	struct moments refused;
};

struct state {
	struct side side[2];
};

/*
 * A request that wants to renew an SA, not to have another one: it says so
 * (N(REKEY_SA) comes first), or it is the first refusal, on an IKE SA whose
 * child SA has aged.  That is rekey_failing or pfs_mismatch.
 */
static bool renews(const struct side *s, const struct scene *sc, const struct exchange *x, nsec at)
{
	bool in_row = moments_since(&s->refused, at - sc->settings->ts_window) > 0;
	uint32_t index = sc->tunnel->child_sas;

	for (int i = 0; i < LATEST_SAS; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			break;
		if (c->id != 0 && lives(c->end_reason) &&
		    (c->esp[0] != NO_INDEX || c->esp[1] != NO_INDEX) &&
		    (c->ike_sa == x->ike_sa || c->ike_sa == NO_INDEX || x->major == 1) &&
		    ((x->major == 2 && x->request_np1 == IKE2_PAYLOAD_NOTIFY) ||
		     (!in_row && at - c->created >= sc->settings->life_min_age)))
			return true;
		index = c->next_in_tunnel;
	}
	return false;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct state *st = state;

	(void)sc;
	return ev->kind == EVENT_CHILD_SA_CREATED && moments_kept(&st->side[0].refused) == 0 &&
	       moments_kept(&st->side[1].refused) == 0;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *st = state;

	if (ev->kind == EVENT_CHILD_REFUSED) {
		if (ev->side < 0 || !ev->exchange ||
		    renews(&st->side[ev->side], sc, ev->exchange, ev->at))
			return;
		moments_add_to_row(&st->side[ev->side].refused, ev->at, ev->frame,
				   2 * sc->settings->ts_window);
	} else {
		const struct child_sa *c = tracker_child_sa(sc->tracker, ev->child_sa);

		if (!c || c->created_by < 0 || c->how == CREATED_IKE_AUTH ||
		    c->how == CREATED_UNKNOWN)
			return;

		struct side *s = &st->side[!c->created_by];

		if (moments_kept(&s->refused) > 0 && moments_kept(&s->refused) < 3 &&
		    c->created - moments_at(&s->refused, 0) <= RETRY_FOLLOWS)
			*s = (struct side){ 0 };
	}
}

/* Child SAs of this tunnel that carry traffic now. */
static int64_t working(const struct scene *sc, nsec now)
{
	uint32_t index = sc->tunnel->child_sas;
	int64_t n = 0;

	for (int i = 0; i < LATEST_SAS; i++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			break;
		for (int d = 0; d < 2; d++) {
			const struct esp_sa *sa = tracker_esp_sa(sc->tracker, c->esp[d]);

			if (lives(c->end_reason) && sa && now - sa->last <= sc->settings->idle) {
				n++;
				break;
			}
		}
		index = c->next_in_tunnel;
	}
	return n;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *st = state;
	nsec from = now - sc->settings->ts_window;
	bool any = false;

	for (int side = 0; side < 2; side++) {
		const struct side *s = &st->side[side];
		unsigned n = moments_since(&s->refused, from);

		any |= n > 0;
		if (n < (unsigned)sc->settings->ts_warn)
			continue;

		struct finding *f = finding_raise(out, SEVERITY_WARNING, CONFIDENCE_MEDIUM,
						  moments_first(&s->refused, from),
						  moments_at(&s->refused, 0),
						  moments_in_row(&s->refused));

		f->key = (uint64_t)side;
		f->side = (int8_t)side;
		finding_address(f, "refused_by", sc, side);
		finding_address(f, "asked_by", sc, !side);
		finding_integer(f, "refusals", f->count);
		finding_integer(f, "working_child_sas", working(sc, now));
		moments_frames(&s->refused, from, f);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *b = story_peer(story, f->side), *a = story_peer(story, other_side(f->side));

	text_add(story->summary, "The IKE SA is up, but %s keeps refusing the IPsec SA that "
				 "%s asks for (", b, a);
	text_add_times(story->summary, f->count);
	text_add(story->summary, ")");
	if (finding_get(f, "working_child_sas") > 0)
		text_add(story->summary,
			 "; %lld other SA pairs work, so the selectors of this one are not "
			 "configured there, or %s allows no more",
			 (long long)finding_get(f, "working_child_sas"), b);
	else
		text_add(story->summary,
			 ": usually the traffic selectors (proxy IDs) differ, else the transforms "
			 "or the PFS group");
	text_add(story->summary, ".");
	story_remedy(story, REMEDY_TS);
	story_remedy(story, REMEDY_PFS);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	moments_fields(f, &s->side[0].refused);
	moments_fields(f, &s->side[1].refused);
}

const struct detector detect_ts_mismatch = {
	.code = "ts_mismatch",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, ts_window),
	.observes = WANTS(CHILD_REFUSED) | WANTS(CHILD_SA_CREATED),
	.judges_after = WANTS(CHILD_REFUSED),
	.observe = observe,
	.ignores = ignores,
	.ignores_fresh = WANTS(CHILD_SA_CREATED),
	.rests_fresh = true,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
