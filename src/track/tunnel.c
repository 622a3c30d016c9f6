/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of tunnels: which pair of peers gets an entry, which one makes room for it, and what
 * is done when its timer is due.  Which packets belong to it: path.c; whether it is up:
 * tunnel_state.c.
 */
#include "track/tracker.h"

enum { EVICTION_SAMPLE = 16, EVICTION_SEARCH = 256 };

struct tunnel_more *tunnel_more(struct tracker *t, struct tunnel *w)
{
	struct tunnel_more *own = &t->tunnel_more[w - t->tunnels];

	if (w->more == &tunnel_nothing_more) {
		*own = tunnel_nothing_more;
		own->now[0] = w->peer[0];
		own->now[1] = w->peer[1];
		w->more = own;
	}
	return own;
}

void tunnel_seen_at(struct tracker *t, struct tunnel *w, int side, struct endpoint now)
{
	if (!endpoint_equal(tunnel_now(w, side), now))
		tunnel_more(t, w)->now[side] = now;
}

static uint32_t mark_of(const struct tracker *t, struct addr peer)
{
	return (uint32_t)hash_2(&t->key, peer.high, peer.low);
}

void tunnel_mark_peers(struct tracker *t, uint32_t tunnel)
{
	for (int d = 0; d < 2; d++)
		t->peer_marks[tunnel][d] = mark_of(t, t->tunnels[tunnel].peer[d].addr);
}

uint32_t tracker_tunnel_of_peer(const struct tracker *t, struct addr peer, uint32_t from,
				uint32_t end)
{
	uint32_t mark = mark_of(t, peer);

	if (end > t->tunnel_pool.high)
		end = t->tunnel_pool.high;
	for (uint32_t i = from; i < end; i++) {
		const struct tunnel *w = &t->tunnels[i];

		if ((t->peer_marks[i][0] == mark || t->peer_marks[i][1] == mark) &&
		    (w->flags & TUNNEL_USED) &&
		    (addr_equal(w->peer[0].addr, peer) || addr_equal(w->peer[1].addr, peer)))
			return i;
	}
	return NO_INDEX;
}

enum { WORTH_MOST = 4 };

/*
 * How much it is missed: ESP that was confirmed, one way or both, and an IKE SA that was
 * established.
 */
static unsigned worth(const struct tunnel *w)
{
	return (w->flags & TUNNEL_ESP0 ? 1u : 0u) + (w->flags & TUNNEL_ESP1 ? 1u : 0u) +
	       (w->flags & TUNNEL_ESTABLISHED ? 2u : 0u);
}

/* Of a few tunnels the one that is missed least. */
static uint32_t quietest(struct tracker *t)
{
	uint32_t best = NO_INDEX;
	unsigned best_worth = 0;

	for (unsigned n = 0;
	     n < EVICTION_SAMPLE || (n < EVICTION_SEARCH && best_worth == WORTH_MOST); n++) {
		uint32_t i = pool_sample(&t->tunnel_pool);
		const struct tunnel *w = &t->tunnels[i];
		unsigned its_worth = worth(w);

		if (!(w->flags & TUNNEL_USED))
			continue;
		if (best == NO_INDEX || its_worth < best_worth ||
		    (its_worth == best_worth &&
		     tracker_missed(w->first, w->last) <
			     tracker_missed(t->tunnels[best].first, t->tunnels[best].last))) {
			best = i;
			best_worth = its_worth;
		}
	}
	return best;
}

uint32_t tunnel_see(struct tracker *t, struct endpoint src, struct endpoint dst, uint32_t network,
		    int8_t *ret_side)
{
	uint32_t i = path_find_tunnel(t, src, dst, ret_side);

	if (i != NO_INDEX)
		return i;
	if (path_is_crowded(t, src, dst))
		return NO_INDEX;
	const uint32_t high = t->tunnel_pool.high;

	i = pool_take(&t->tunnel_pool);
	if (i == NO_INDEX) {
		uint32_t victim = quietest(t);

		if (victim == NO_INDEX)
			return NO_INDEX;
		t->counters.evicted_tunnels++;
		tunnel_release(t, victim);
		i = pool_take(&t->tunnel_pool);
	}
	struct endpoint s = path_identity_of(src), d = path_identity_of(dst);
	bool src_first = endpoint_compare(s, d) <= 0;
	struct tunnel *w = &t->tunnels[i];
	/* new memory is not read before it is written: the system would have to map it twice */
	uint32_t generation = i < high ? w->generation + 1 : 1;

	*w = tunnel_unseen(src_first ? s : d, src_first ? d : s);
	tunnel_mark_peers(t, i);
	tunnel_seen_at(t, w, 0, src_first ? src : dst);
	tunnel_seen_at(t, w, 1, src_first ? dst : src);
	w->network = network;
	w->first = w->last = t->now;
	w->flags = TUNNEL_USED | TUNNEL_DIRTY;
	w->generation = generation;
	w->id = tracker_number(t, OBJECT_TUNNEL);
	if (!restraint_admits_stranger(t))
		w->flags |= TUNNEL_QUIET;
	*ret_side = src_first ? 0 : 1;
	path_add(t, i, src, dst, *ret_side);
	return i;
}

void tunnel_wake(struct tracker *t, uint32_t tunnel, nsec at)
{
	struct tunnel *w = &t->tunnels[tunnel];

	if (w->due != NSEC_NONE && w->due <= at)
		return;
	w->due = at;
	tracker_schedule(t, TIMER_TUNNEL, tunnel, at);
}

/* Forget SAs that ended long ago; end those that fell silent. */
static bool clean(struct tracker *t, uint32_t tunnel, nsec now)
{
	struct tunnel *w = &t->tunnels[tunnel];
	bool alive = false;
	uint32_t next;

	for (int d = 0; d < 2; d++)
		for (uint32_t i = w->esp_sas[d]; i != NO_INDEX; i = next) {
			struct esp_sa *sa = &t->esp_sas[i];

			next = sa->next_in_direction;
			w->side[d].esp_last = nsec_later(w->side[d].esp_last, sa->last);
			if (sa->last > w->last) {
				w->last = sa->last;
				/* ESP alone writes no row: not every second */
				w->flags |= TUNNEL_DIRTY;
			}
			if (sa->end_reason == END_NONE && now - sa->last > t->settings->silent_end)
				esp_end(t, i, sa->last, END_UNKNOWN, SIDE_UNKNOWN, GRADE_UNKNOWN);
			if (sa->end_reason != END_NONE &&
			    now - nsec_later(sa->rare->ended, sa->last) >
				    resume_keep(t, sa->end_reason) &&
			    (sa->child == NO_INDEX || !child_awaits_delete(t, sa->child, now)))
				esp_release(t, i);
			else
				alive = true;
		}
	for (uint32_t i = w->child_sas; i != NO_INDEX; i = next) {
		struct child_sa *c = &t->child_sas[i];

		next = c->next_in_tunnel;
		child_judge_silence(t, i, now);
		if (c->end_reason != END_NONE && now - c->more->ended > t->settings->ended_keep &&
		    c->esp[0] == NO_INDEX && c->esp[1] == NO_INDEX &&
		    !child_awaits_delete(t, i, now))
			child_release(t, i);
		else
			alive = true;
	}
	return alive || w->ike_sas != NO_INDEX;
}

void tunnel_due(struct tracker *t, uint32_t tunnel, nsec now)
{
	child_settle_all(t, tunnel, now, false);
	resume_judge(t, tunnel, now);
	hygiene_judge_mirror(t, tunnel, now);
	for (int side = 0; side < 2; side++)
		hygiene_judge_unseen(t, tunnel, side, now);

	bool alive = clean(t, tunnel, now);

	tunnel_judge(t, tunnel, now);
	restraint_tunnel_up(t, tunnel);
	restraint_reconsider(t, tunnel);
	restraint_tell(t, tunnel, now, false);
	restraint_tell_strangers(t, now, false);
	struct event ev = event_of(t, EVENT_TICK, now, tunnel);

	event_emit(t, &ev);
	if (alive)
		tunnel_wake(t, tunnel, now + t->settings->judge_every);
}

void tunnel_release(struct tracker *t, uint32_t tunnel)
{
	struct tunnel *w = &t->tunnels[tunnel];

	restraint_tell(t, tunnel, t->now, true);
	snapshot_tunnel(t, tunnel);
	while (w->child_sas != NO_INDEX)
		child_release(t, w->child_sas);
	while (w->ike_sas != NO_INDEX) {
		ike_sa_end(t, w->ike_sas, t->ike_sas[w->ike_sas].last, END_UNKNOWN, SIDE_UNKNOWN,
			   GRADE_UNKNOWN);
		ike_sa_release(t, w->ike_sas);
	}
	for (int d = 0; d < 2; d++)
		while (w->esp_sas[d] != NO_INDEX) {
			uint32_t i = w->esp_sas[d];

			esp_end(t, i, t->esp_sas[i].last, END_UNKNOWN, SIDE_UNKNOWN, GRADE_UNKNOWN);
			esp_release(t, i);
		}
	while (w->paths != NO_INDEX)
		path_release(t, w->paths);
	w->flags = 0;
	w->due = NSEC_NONE;
	pool_give(&t->tunnel_pool, tunnel);
}
