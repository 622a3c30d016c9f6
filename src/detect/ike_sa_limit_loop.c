/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/ike_use.h"
#include "detect/moments.h"
#include "detect/sample.h"

#define DELETE_FOLLOWS (2 * NSEC_PER_S)	/* the responder makes room this soon after a set-up */
/* without its Deletes they come for at least this long: several tunnels come up together */
#define LASTS (30 * NSEC_PER_S)

struct state {
	struct side {
		struct moments set_ups;		/* IKE SAs from scratch, by initiator */
		struct moments by_responder;	/* Deletes by the responder */
		nsec by_initiator;		/* latest Delete by the initiator itself; 0 none */
	} side[2];
};

static bool is_delete_by_responder(const struct exchange *x, const struct ike_sa *sa)
{
	return x && x->id != 0 && x->major == 2 && x->type == IKE2_EXCHANGE_INFORMATIONAL &&
	       x->request_np1 == IKE2_PAYLOAD_DELETE && x->from == other_side(sa->initiator_side);
}

/* NULL when it has asked for none, or the capture does not show it. */
static const struct exchange *delete_by_responder(const struct ike_sa *sa)
{
	for (int slot = 0; slot < 2; slot++)
		if (is_delete_by_responder(sa->current[slot], sa))
			return sa->current[slot];
	return NULL;
}

/*
 * A Delete counts when it is first sent: who never accepted the IKE SA does not answer it, and it
 * is repeated.
 */
static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	(void)state;
	return !sa || sa->initiator_side < 0 || sa->origin == ORIGIN_REKEY ||
	       (ev->kind == EVENT_REQUEST && !is_delete_by_responder(ev->exchange, sa));
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	if (ignores(state, sc, ev))
		return;

	struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);
	struct side *by = &s->side[sa->initiator_side];

	if (ev->kind == EVENT_IKE_SA_ESTABLISHED)
		moments_add(&by->set_ups, ev->at, sa->first_frame);
	else if (ev->kind == EVENT_REQUEST)
		moments_add(&by->by_responder, ev->at, ev->frame);
	if (ev->kind != EVENT_IKE_SA_ENDED ||
	    (sa->end_reason != END_DELETED && sa->end_reason != END_SUPERSEDED))
		return;
	if (sa->ended_by == sa->initiator_side)
		by->by_initiator = ev->at;
	else if (sa->ended_by >= 0 && !delete_by_responder(sa))
		moments_add(&by->by_responder, ev->at, sa->last_frame);
}

/* Rounds in which the responder deleted one right after another had come up. */
static unsigned rounds(const struct side *by, nsec from)
{
	unsigned n = 0;

	for (unsigned d = 0; d < moments_kept(&by->by_responder); d++) {
		nsec at = moments_at(&by->by_responder, d);
		bool follows = false;

		for (unsigned u = 0; u < moments_kept(&by->set_ups); u++) {
			nsec after = at - moments_at(&by->set_ups, u);

			follows |= after >= 0 && after <= DELETE_FOLLOWS;
		}
		n += follows && at >= from;
	}
	return n;
}

/*
 * It came up since then, beside the next one, and the responder gave it up because its probes were
 * never answered.
 */
static bool was_left(const struct ike_sa *sa, nsec next, nsec from)
{
	return sa->end_reason == END_PEER_LOST && sa->ended_by == sa->initiator_side &&
	       sa->established >= from && sa->ended > next;
}

/*
 * IKE SAs that the responder still holds, without those whose Delete it has asked for.  *ret_left:
 * how many it held until it gave them up.
 */
static unsigned alive(const struct scene *sc, int initiator, nsec from, unsigned *ret_left)
{
	unsigned n = 0;
	uint32_t index = sc->tunnel->ike_sas;
	nsec next = INT64_MAX;		/* when the one after it came up */

	*ret_left = 0;

	for (int looked = 0; looked < LATEST_SAS; looked++) {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, index);

		if (!sa)
			break;
		const struct exchange *asked = delete_by_responder(sa);

		index = sa->next_in_tunnel;
		if (sa->initiator_side != initiator || sa->established == NSEC_NONE)
			continue;
		n += lives(sa->end_reason) && (!asked || asked->responses > 0);
		*ret_left += was_left(sa, next, from);
		next = sa->established;
	}
	return n;
}

/*
 * Those since then that their initiator accepted: it went on to speak on them, or their child SA
 * carries its packets.  Several tunnels between two addresses, or clients behind one, are no loop.
 * More than `most` need not be counted.
 */
static unsigned accepted(const struct scene *sc, int initiator, nsec from, unsigned most,
			 unsigned *ret_major)
{
	unsigned n = 0, other = 0, unowned;
	uint32_t index = sc->tunnel->ike_sas;

	*ret_major = 0;
	for (int looked = 0; looked < LATEST_SAS && n <= most; looked++) {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, index);

		if (!sa)
			break;
		index = sa->next_in_tunnel;
		if (sa->initiator_side != initiator || sa->origin == ORIGIN_REKEY ||
		    sa->established == NSEC_NONE || sa->established < from)
			continue;
		*ret_major = *ret_major == 0 ? sa->major : *ret_major;
		if (ike_use_of(sc, sa) == IKE_UNUSED)
			other++;
		else
			n++;
	}
	if (n > most)
		return n;
	unowned = ike_use_unowned(sc, initiator, from);
	return n + (unowned < other ? unowned : other);
}

static void judge_side(const struct state *s, const struct scene *sc, int initiator, nsec now,
		       struct findings *out)
{
	const struct settings *set = sc->settings;
	const struct side *by = &s->side[initiator];
	nsec from = now - set->limit_loop_window;
	unsigned n = moments_since(&by->set_ups, from);
	double gaps[MOMENTS_MAX];

	if (n < (unsigned)set->limit_loop_n || by->by_initiator >= from)
		return;
	for (unsigned i = 0; i + 1 < n; i++)
		gaps[i] = (double)(moments_at(&by->set_ups, i) - moments_at(&by->set_ups, i + 1)) /
			  (double)NSEC_PER_S;
	if (sample_cv(gaps, n - 1) > set->limit_loop_cv)
		return;

	unsigned major, unused = n - (unsigned)set->limit_loop_n;

	if (accepted(sc, initiator, from, unused, &major) > unused)
		return;

	unsigned left, makes_room = rounds(by, from), living = alive(sc, initiator, from, &left);

	/*
	 * without the responder's Deletes they must at least pile up, or it is only flapping, and
	 * for longer than several tunnels need to come up
	 */
	if (makes_room < 3 &&
	    (living + left < n ||
	     moments_at(&by->set_ups, 0) - moments_first(&by->set_ups, from) < LASTS))
		return;

	bool plateau = makes_room >= 3 && living <= (unsigned)set->limit_loop_plateau + 1;
	struct finding *f =
		finding_raise(out, SEVERITY_CRITICAL, plateau ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM,
			      moments_first(&by->set_ups, from), moments_at(&by->set_ups, 0),
			      (int64_t)by->set_ups.total);

	f->key = (uint64_t)initiator;
	f->side = (int8_t)initiator;
	finding_address(f, "initiator", sc, initiator);
	finding_address(f, "responder", sc, !initiator);
	finding_integer(f, "ike_sas", n);
	finding_seconds(f, "window_s", set->limit_loop_window);
	finding_real(f, "interval_s", sample_median(gaps, n - 1));
	finding_integer(f, "deleted_by_responder", makes_room);
	finding_integer(f, "living", living);
	if (major == 1)
		finding_integer(f, "ike_version", 1);
	moments_frames(&by->set_ups, from, f);
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	nsec from = now - sc->settings->limit_loop_window;

	for (int side = 0; side < 2; side++)
		judge_side(s, sc, side, now, out);
	return moments_since(&s->side[0].set_ups, from) + moments_since(&s->side[1].set_ups, from) >
	       0;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *a = story_peer(story, f->side), *b = story_peer(story, other_side(f->side));
	const char *answer = finding_get(f, "ike_version") == 1 ? "last answer of phase 1"
								: "IKE_AUTH answer";
	char interval[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "interval_s"), interval);
	if (f->confidence == CONFIDENCE_HIGH)
		text_add(story->summary,
			 "%s keeps at most %lld IKE SAs and drops the oldest each time %s starts "
			 "another, every %s; %s evidently never accepts the %s of %s.",
			 b, (long long)finding_get(f, "living"), a, interval, a, answer, b);
	else
		text_add(story->summary,
			 "%s builds a new IKE SA with %s every %s (%lld of them) and never uses "
			 "the ones before; it evidently never accepts the %s of %s.",
			 a, b, interval, (long long)finding_get(f, "ike_sas"), answer, b);
	text_add(story->summary, " The fault is on the side of %s or on the way back to it; "
				 "raising the limit cures nothing.", a);
	story_remedy(story, REMEDY_FRAG);
	story_remedy(story, REMEDY_NAT4500);
	story_remedy(story, REMEDY_AUTHCFG);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct side *side = &s->side[i];

		moments_fields(f, &side->set_ups);
		moments_fields(f, &side->by_responder);
		FIELD(f, side->by_initiator);
	}
}

const struct detector detect_ike_sa_limit_loop = {
	.code = "ike_sa_limit_loop",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, limit_loop_window),
	.observes = WANTS(IKE_SA_ESTABLISHED) | WANTS(IKE_SA_ENDED) | WANTS(REQUEST),
	.judges_after = WANTS(IKE_SA_ESTABLISHED) | WANTS(IKE_SA_ENDED),
	.observe = observe,
	.ignores = ignores,
	.ignores_unseen = UINT64_MAX,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
