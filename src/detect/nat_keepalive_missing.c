/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A peer behind a NAT that is silent for longer than NATs remember.  It is
 * judged when it speaks again on the same SAs: a peer that left for good was
 * not in need of keepalives.
 */
#include "detect/detector.h"
#include "detect/moments.h"
#include "detect/traffic.h"

enum { WARNING_FROM = 2 };	/* long silences; one may have any reason */

struct state {
	nsec looked;			/* latest look; 0 never */
	struct side {
		nsec last;		/* what it sent last, as of that look; 0 nothing */
		nsec keepalive, began;	/* latest keepalive; latest IKE SA from scratch */
		/* the SA that carried its traffic then; its highest number, its packets */
		object_id esp;
		uint32_t number;
		uint64_t packets;
		struct moments silences, long_ones;
		nsec longest;
		int64_t keepalives;
	} side[2];
};

static nsec later(nsec a, nsec b)
{
	return a > b ? a : b;
}

/* Does an SA that was there before the silence carry something again? */
static bool same_sas(const struct scene *sc, int side, nsec before)
{
	uint32_t index = sc->tunnel->esp_sas[side];

	for (const struct esp_sa *sa; (sa = tracker_esp_sa(sc->tracker, index));
	     index = sa->next_in_direction)
		if (sa->first <= before && sa->last > before && sa->encap != ENCAP_TCP)
			return true;
	index = sc->tunnel->ike_sas;
	for (const struct ike_sa *sa; (sa = tracker_ike_sa(sc->tracker, index));
	     index = sa->next_in_tunnel)
		if (sa->established != NSEC_NONE && sa->established <= before &&
		    sa->last > before && sa->end_reason == END_NONE)
			return true;
	return false;
}

/* Its port says so; a hash alone can be wrong on purpose (encap=yes). */
static bool translated(const struct scene *sc, int side)
{
	uint16_t port = tunnel_now(sc->tunnel, side).port;

	return port != 0 && port != 500 && port != 4500;
}

/*
 * The hashes say so, or ESP in UDP comes from a port that no gateway has: a set-up need not have
 * been seen.
 */
static bool behind_nat(const struct scene *sc, int side)
{
	uint32_t index = sc->tunnel->esp_sas[side];

	if (sc->tunnel->behind_nat[side] == 1)
		return true;
	if (sc->tunnel->behind_nat[side] == 0 || !translated(sc, side) || translated(sc, !side))
		return false;
	for (const struct esp_sa *sa; (sa = tracker_esp_sa(sc->tracker, index));
	     index = sa->next_in_direction)
		if (sa->encap == ENCAP_UDP && sa->flags & ESP_SA_CONFIRMED)
			return true;
	return false;
}

/* Where its latest packet is to be looked for; 0 nowhere. */
static uint64_t frame_of(const struct scene *sc, int side, nsec last)
{
	uint32_t index = sc->tunnel->ike_sas;

	if (traffic_last_of(sc, side) == last)
		return traffic_last_frame(sc, side);
	for (const struct ike_sa *sa; (sa = tracker_ike_sa(sc->tracker, index));
	     index = sa->next_in_tunnel)
		if (sa->last == last)
			return sa->last_frame;
	return 0;
}

static const struct esp_sa *carrier(const struct scene *sc, int side)
{
	uint32_t index = sc->tunnel->esp_sas[side];
	const struct esp_sa *found = NULL;

	for (const struct esp_sa *sa; (sa = tracker_esp_sa(sc->tracker, index));
	     index = sa->next_in_direction)
		if (!found || sa->last > found->last)
			found = sa;
	return found;
}

/* Sequence numbers that it used since, and whose packets were not captured. */
static uint64_t not_captured(const struct side *s, const struct esp_sa *sa)
{
	if (!sa || sa->id != s->esp || sa->packets < s->packets)
		return 0;

	uint64_t used = sa->seq_high - s->number, captured = sa->packets - s->packets;

	return used > captured ? used - captured : 0;
}

/*
 * What was silent was the capture: it lost packets, nobody watched, its clock stepped.  Or nothing
 * at all came, also from the other side, of one that does send keepalives.
 */
static bool capture_was_silent(const struct scene *sc, const struct side *s, nsec both)
{
	return loss_since(sc, s->last) || clock_stepped_since(sc, s->last) ||
	       (s->keepalives > 0 && both > sc->settings->nat_ka_info);
}

static void look(struct state *st, const struct scene *sc, nsec now)
{
	nsec both = st->looked - later(st->side[0].last, st->side[1].last);

	if (!behind_nat(sc, 0) && !behind_nat(sc, 1))
		return;
	for (int i = 0; i < 2; i++) {
		struct side *s = &st->side[i];
		nsec last = later(later(traffic_last_of(sc, i), sc->tunnel->more->ike[i].last),
				  s->keepalive);
		const struct esp_sa *sa = last > s->last ? carrier(sc, i) : NULL;
		nsec silence = st->looked - s->last;

		/* silent from its last packet to the look before this one, at least */
		if (s->last > 0 && last > s->last && s->began <= s->last &&
		    silence / (nsec)(not_captured(s, sa) + 1) > sc->settings->nat_ka_info &&
		    behind_nat(sc, i) && !side_unseen(sc, i) && same_sas(sc, i, s->last) &&
		    !capture_was_silent(sc, s, both)) {
			moments_add_to_row(&s->silences, last, frame_of(sc, i, last),
					   2 * sc->settings->nat_ka_window);
			if (silence > sc->settings->nat_ka_warn)
				moments_add(&s->long_ones, last, 0);
			s->longest = later(s->longest, silence);
		}
		if (last > s->last)
			s->last = last;
		if (sa) {
			s->esp = sa->id;
			s->number = sa->seq_high;
			s->packets = sa->packets;
		}
	}
	st->looked = now;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	(void)state;
	return ev->kind == EVENT_TICK && !behind_nat(sc, 0) && !behind_nat(sc, 1);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *st = state;

	if (ev->kind == EVENT_TICK) {
		look(st, sc, ev->at);
	} else if (ev->side >= 0 && ev->kind == EVENT_KEEPALIVE) {
		st->side[ev->side].keepalive = ev->at;
		st->side[ev->side].keepalives++;
	} else if (ev->kind == EVENT_IKE_SA_CREATED) {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

		if (sa && sa->origin != ORIGIN_REKEY && sa->initiator_side >= 0)
			st->side[sa->initiator_side].began = ev->at;
	}
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *st = state;
	nsec from = now - sc->settings->nat_ka_window;
	bool any = false;

	for (int i = 0; i < 2; i++) {
		const struct side *s = &st->side[i];
		unsigned n = moments_since(&s->silences, from),
			 n_long = moments_since(&s->long_ones, from);

		if (n == 0)
			continue;
		any = true;

		bool sure = translated(sc, i);
		struct finding *f = finding_raise(
			out, sure && n_long >= WARNING_FROM ? SEVERITY_WARNING : SEVERITY_INFO,
			sure ? CONFIDENCE_HIGH : CONFIDENCE_LOW, moments_first(&s->silences, from),
			moments_at(&s->silences, 0), moments_in_row(&s->silences));

		f->key = (uint64_t)i;
		f->side = (int8_t)i;
		finding_address(f, "behind_nat", sc, i);
		finding_integer(f, "silences", f->count);
		finding_integer(f, "long_silences", n_long);
		finding_seconds(f, "longest_s", s->longest);
		finding_integer(f, "keepalives_seen", s->keepalives);
		finding_integer(f, "port", tunnel_now(sc->tunnel, i).port);
		moments_frames(&s->silences, from, f);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	char longest[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "longest_s"), longest);
	text_add(story->summary, "%s stands behind a NAT and was silent ",
		 story_peer(story, f->side));
	text_add_times(story->summary, f->count);
	text_add(story->summary, " for up to %s while its SAs lived, without a keepalive; the NAT "
				 "may forget it, and %s can then not reach it.", longest,
				 story_peer(story, other_side(f->side)));
	story_remedy(story, REMEDY_KA);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	FIELD(f, s->looked);
	for (int i = 0; i < 2; i++) {
		struct side *side = &s->side[i];

		FIELD(f, side->last);
		FIELD(f, side->keepalive);
		FIELD(f, side->began);
		FIELD(f, side->esp);
		FIELD(f, side->number);
		FIELD(f, side->packets);
		moments_fields(f, &side->silences);
		moments_fields(f, &side->long_ones);
		FIELD(f, side->longest);
		FIELD_COUNT(f, side->keepalives);
	}
}

const struct detector detect_nat_keepalive_missing = {
	.code = "nat_keepalive_missing",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, nat_ka_window),
	.observes = WANTS(TICK) | WANTS(KEEPALIVE) | WANTS(IKE_SA_CREATED),
	.observe = observe,
	.ignores = ignores,
	.ignores_unseen = UINT64_MAX,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
