/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Facts about the capture itself.  The detectors depend on them (DETECTION-FACTS 3.1), so every
 * packet is looked at here before anything else is done with it.
 */
#include "track/tracker.h"

#define FAR_FUTURE (INT64_C(86400) * NSEC_PER_S)
#define AGREES NSEC_PER_S		/* packets may come a little out of order */

enum { HEARD_AGAIN = 8 };	/* messages in a row that prove that their side is captured */

/*
 * It was sent twice, not delivered twice, if the two packets have different IPv4 identifications.
 * Equal ones prove nothing (Linux sends 0 with DF).
 */
static bool sent_apart(const struct recent_message *m, const struct arrival *a)
{
	return m->ip_id != 0 && a->packet->ip_id != 0 && m->ip_id != a->packet->ip_id;
}

/*
 * Where a message is remembered.  This must not depend on the secret key: the place decides which
 * message is overwritten, and so what is found.
 */
static struct recent_message *place_of(struct tracker *t, const struct ike_message *m)
{
	static const struct hash_key open = { { 1, 2, 3, 4 } };
	uint64_t end = 0;

	for (size_t i = m->whole.length > 8 ? m->whole.length - 8 : 0; i < m->whole.length; i++)
		end = end << 8 | m->whole.data[i];
	return &t->recent[hash_5(&open, m->header.spi_i, m->header.spi_r, end, m->header.length,
				 (uint64_t)m->header.message_id << 16 |
					 (uint64_t)(m->header.exchange << 8) | m->header.flags) %
			  RECENT_MESSAGES];
}

bool hygiene_is_copy(struct tracker *t, const struct arrival *a, const struct ike_message *message,
		     uint64_t hash)
{
	struct recent_message *m = t->at_work = place_of(t, message);
	struct endpoint src = arrival_src(a), dst = arrival_dst(a);
	/* a capture without times has 0 everywhere: "soon after" means nothing there */
	bool same_bytes = m->hash == hash && a->at != 0;
	bool known =
		same_bytes && m->tunnel != NO_INDEX && t->tunnels[m->tunnel].id == m->tunnel_id;
	bool copy = false;

	if (same_bytes && endpoint_equal(m->src, src) && endpoint_equal(m->dst, dst)) {
		copy = a->at - m->at <= t->settings->dup_ike &&
		       a->at >= m->at - t->settings->dup_ike && !sent_apart(m, a);
	} else if (same_bytes && known && !addr_equal(m->src.addr, dst.addr) &&
		   a->at - m->at <= t->settings->nat_twin &&
		   m->at - a->at <= t->settings->nat_twin) {
		/* the mirror delivers both sides of a NAT: one tunnel, one copy counts */
		path_add(t, m->tunnel, src, dst, m->side);
		copy = true;
	}
	if (copy) {
		t->counters.duplicates++;
		if (known)
			tunnel_more(t, &t->tunnels[m->tunnel])->mirrored++;
		return true;
	}
	*m = (struct recent_message){ .hash = hash,
				      .at = a->at,
				      .src = src,
				      .dst = dst,
				      .tunnel = NO_INDEX,
				      .side = SIDE_UNKNOWN,
				      .ip_id = a->packet->ip_id };
	return false;
}

void hygiene_remember_tunnel(struct tracker *t, uint64_t hash, uint32_t tunnel, int8_t side)
{
	struct recent_message *m = t->at_work;

	if (m->hash == hash) {
		m->tunnel = tunnel;
		m->tunnel_id = t->tunnels[tunnel].id;
		m->side = side;
	}
	tunnel_more(t, &t->tunnels[tunnel])->counted++;
}

void hygiene_heard(struct tracker *t, uint32_t tunnel, int side)
{
	struct tunnel *w = &t->tunnels[tunnel];
	struct tunnel_ike *s = &tunnel_more(t, w)->ike[side];

	s->messages++;
	if (++s->heard < HEARD_AGAIN || !w->one_sided[side])
		return;
	w->one_sided[side] = false;
	w->flags |= TUNNEL_DIRTY;
	s->proven_unseen = 0;
}

/* Waits a moment: with two taps whose clocks differ, an answer may come before its request. */
void hygiene_judge_unseen(struct tracker *t, uint32_t tunnel, int side, nsec now)
{
	struct tunnel *w = &t->tunnels[tunnel];
	const struct tunnel_ike *s = &w->more->ike[side];
	uint32_t told = side == 0 ? TUNNEL_ONE_SIDED_TOLD0 : TUNNEL_ONE_SIDED_TOLD1;

	if (w->one_sided[side] || s->proven_unseen < (uint64_t)t->settings->one_sided_min ||
	    s->messages * 4 > s->proven_unseen ||
	    (now - s->unseen_since <= t->settings->dup_ike && !t->finishing))
		return;
	w->one_sided[side] = true;
	if (w->flags & told)
		return;
	w->flags |= told;
	struct event ev = event_of(t, EVENT_ONE_SIDED, s->unseen_last, tunnel);

	ev.frame = s->unseen_frame;
	ev.side = (int8_t)side;
	ev.value[0] = (int64_t)s->proven_unseen;
	event_emit(t, &ev);
}

void hygiene_unseen(struct tracker *t, uint32_t tunnel, int side, nsec at)
{
	struct tunnel_ike *s = &tunnel_more(t, &t->tunnels[tunnel])->ike[side];

	if (s->proven_unseen++ == 0)
		s->unseen_since = at;
	s->unseen_last = at;
	s->unseen_frame = t->frame;
	s->heard = 0;
	hygiene_judge_unseen(t, tunnel, side, at);
}

void hygiene_seen_after_all(struct tracker *t, uint32_t tunnel, int side)
{
	struct tunnel_ike *s = &tunnel_more(t, &t->tunnels[tunnel])->ike[side];

	if (s->proven_unseen > 0)
		s->proven_unseen--;
}

void hygiene_gap(struct tracker *t, uint32_t esp, nsec at)
{
	unsigned tunnels = 0;
	nsec first = at;

	t->gaps[t->next_gap++ % RECENT_GAPS] = (struct recent_gap){ .at = at, .esp_sa = esp,
		.tunnel = t->esp_sas[esp].tunnel, .frame = t->frame };
	for (unsigned i = 0; i < RECENT_GAPS; i++) {
		const struct recent_gap *g = &t->gaps[i];
		bool counted_before = false;

		if (g->at == NSEC_NONE || at - g->at > t->settings->loss_coincidence || g->at > at)
			continue;
		for (unsigned j = 0; j < i; j++)
			if (t->gaps[j].at != NSEC_NONE &&
			    at - t->gaps[j].at <= t->settings->loss_coincidence &&
			    t->gaps[j].tunnel == g->tunnel)
				counted_before = true;
		if (!counted_before)
			tunnels++;
		if (g->at < first)
			first = g->at;
	}
	if (tunnels < (unsigned)t->settings->loss_flows)
		return;
	t->loss_until = at;
	for (unsigned i = 0; i < RECENT_GAPS; i++)
		if (t->gaps[i].at != NSEC_NONE &&
		    at - t->gaps[i].at <= t->settings->loss_coincidence)
			t->tunnels[t->gaps[i].tunnel].loss_last = at;
	if (t->loss_told != NSEC_NONE && at - t->loss_told < 10 * NSEC_PER_S)
		return;
	t->loss_told = at;
	struct event ev = event_of(t, EVENT_CAPTURE_LOSS, at, NO_INDEX);

	ev.value[0] = tunnels;
	ev.value[1] = at - first;
	event_emit(t, &ev);
}

enum { DROPS_TOLD_EVERY_S = 60 };

/* The first drops make a row, later ones a row a minute while they go on. */
void hygiene_dropped(struct tracker *t, nsec from, nsec to, uint64_t n)
{
	struct event ev = event_of(t, EVENT_CAPTURE_LOSS, to, NO_INDEX);

	if (t->drops == 0)
		t->drops_since = from;
	t->drops += n;
	if (t->drops_told != NSEC_NONE && to >= t->drops_told &&
	    to - t->drops_told < DROPS_TOLD_EVERY_S * NSEC_PER_S)
		return;
	ev.frame = 0;
	ev.value[1] = to - t->drops_since;
	ev.value[2] = (int64_t)t->drops;
	t->drops = 0;
	t->drops_told = to;
	event_write(t, &ev);
}

/*
 * One frame with a damaged time would end every SA and stop the clock.  A time in the far future is
 * believed when the next frame agrees with it, as it does after a real pause of days.
 */
bool hygiene_believes(struct tracker *t, nsec at)
{
	if (at - t->now <= FAR_FUTURE) {
		t->doubted = NSEC_NONE;
		return true;
	}
	if (t->doubted != NSEC_NONE && at >= t->doubted - AGREES && at - t->doubted <= FAR_FUTURE) {
		t->doubted = NSEC_NONE;
		return true;
	}
	t->doubted = at;
	return false;
}

void hygiene_clock(struct tracker *t, nsec at)
{
	if (at < t->now - t->settings->clock_back) {
		if (t->jump_told == NSEC_NONE || t->now - t->jump_told >= 60 * NSEC_PER_S) {
			struct event ev = event_of(t, EVENT_CLOCK_JUMP, at, NO_INDEX);

			ev.value[0] = at - t->now;
			event_emit(t, &ev);
			t->jump_told = t->now;
		}
	} else if (at - t->now > t->settings->clock_forward) {
		t->jump_from = t->now;
		t->jump_witness = NO_INDEX;
		t->jump_to = at;
	}
}

void hygiene_esp_pause(struct tracker *t, const struct esp_sa *sa, nsec at, uint32_t advance)
{
	nsec alive = sa->last - sa->first;
	double rate = alive > 0 ? (double)sa->packets / (double)alive : 0;
	double expected = rate * (double)(at - sa->last);

	if (t->jump_from == NSEC_NONE || sa->last > t->jump_from ||
	    sa->last < t->jump_from - 10 * NSEC_PER_S || at < t->jump_to || sa->packets < 20)
		return;
	if (expected < 20 || (double)advance > expected / 10)
		return;
	/*
	 * One tunnel's traffic may simply have paused; two that pause to the packet share a clock.
	 * And no lifetime lets an SA pause for a day and go on (DETECTION-FACTS 2.1).
	 */
	if (t->jump_witness == NO_INDEX)
		t->jump_witness = sa->tunnel;
	if (t->jump_witness == sa->tunnel && at - sa->last < t->settings->keyage_warn)
		return;
	struct event ev = event_of(t, EVENT_CLOCK_JUMP, at, NO_INDEX);

	ev.value[0] = t->jump_to - t->jump_from;
	t->jump_from = NSEC_NONE;
	event_emit(t, &ev);
}

/* Distinct ESP packets of a tunnel so far; moves what its SAs counted as copies to the tunnel. */
static uint64_t distinct_esp(struct tracker *t, struct tunnel *w)
{
	uint64_t distinct = 0;

	for (int d = 0; d < 2; d++) {
		distinct += w->side[d].esp_packets_before;
		for (uint32_t i = w->esp_sas[d]; i != NO_INDEX;
		     i = t->esp_sas[i].next_in_direction) {
			distinct += t->esp_sas[i].packets;
			if (t->esp_sas[i].rare->mirrored == 0)
				continue;
			tunnel_more(t, w)->mirrored += t->esp_sas[i].rare->mirrored;
			esp_rare(t, &t->esp_sas[i])->mirrored = 0;
		}
	}
	return distinct;
}

void hygiene_judge_mirror(struct tracker *t, uint32_t tunnel, nsec now)
{
	struct tunnel *w = &t->tunnels[tunnel];
	uint64_t esp = distinct_esp(t, w);
	uint64_t distinct = w->more->counted + (esp > w->esp_judged ? esp - w->esp_judged : 0);
	uint64_t twice = w->more->mirrored;

	if (distinct < (uint64_t)t->settings->mirror_min_packets)
		return;			/* too few to judge: they count at the next look */
	if (w->more->mirrored != 0 || w->more->counted != 0)
		tunnel_more(t, w)->mirrored = tunnel_more(t, w)->counted = 0;
	w->esp_judged = esp;
	if ((double)twice < t->settings->mirror_ratio * (double)distinct || w->mirror_seen)
		return;
	struct event ev = event_of(t, EVENT_MIRROR, now, tunnel);

	w->mirror_seen = true;
	ev.value[0] = (int64_t)twice;
	ev.value[1] = (int64_t)distinct;
	event_emit(t, &ev);
}
