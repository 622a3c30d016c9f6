/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tunnels and the paths that lead to them.  A path is a pair of endpoints as
 * packets show them; several may lead to one tunnel (NAT, MOBIKE, ports 500
 * and 4500), and the IKE SPIs say which.
 */
#include "track/tracker.h"

enum { EVICTION_SAMPLE = 16, EVICTION_SEARCH = 256, IKE_PORT = 500, NAT_T_PORT = 4500 };

/* The well-known ports carry no identity; any other port is a NAT's and tells clients apart. */
static struct endpoint identity_of(struct endpoint p)
{
	if (p.port == IKE_PORT || p.port == NAT_T_PORT)
		p.port = 0;
	return p;
}

static uint64_t path_hash(const struct tracker *t, struct endpoint a, struct endpoint b)
{
	return hash_5(&t->key, a.addr.high, a.addr.low, b.addr.high, b.addr.low,
		      (uint64_t)a.port << 16 | b.port);
}

static struct path *path_find(struct tracker *t, struct endpoint a, struct endpoint b)
{
	uint64_t hash = path_hash(t, a, b);

	for (uint32_t at = (uint32_t)hash, i;
	     (i = index_next(&t->path_index, hash, &at)) != NO_INDEX;) {
		struct path *p = &t->paths[i];

		if (endpoint_equal(p->a, a) && endpoint_equal(p->b, b))
			return p;
	}
	return NULL;
}

uint32_t tunnel_find(struct tracker *t, struct endpoint src, struct endpoint dst, int8_t *ret_side)
{
	struct endpoint s = identity_of(src), d = identity_of(dst);
	bool src_first = endpoint_compare(s, d) <= 0;
	const struct path *p = src_first ? path_find(t, s, d) : path_find(t, d, s);

	*ret_side = SIDE_UNKNOWN;
	if (!p)
		return NO_INDEX;
	*ret_side = src_first ? p->side_of_a : (int8_t)(1 - p->side_of_a);
	return p->tunnel;
}

uint32_t tunnel_path_hash(const struct tracker *t, struct endpoint src, struct endpoint dst)
{
	struct endpoint s = identity_of(src), d = identity_of(dst);

	return (uint32_t)(endpoint_compare(s, d) <= 0 ? path_hash(t, s, d) : path_hash(t, d, s));
}

static bool path_is_crowded(const struct tracker *t, struct endpoint src, struct endpoint dst)
{
	return index_crowded(&t->path_index, tunnel_path_hash(t, src, dst));
}

static void path_release(struct tracker *t, uint32_t i)
{
	uint32_t *link = &t->tunnels[t->paths[i].tunnel].paths;

	while (*link != i)
		link = &t->paths[*link].next_in_tunnel;
	*link = t->paths[i].next_in_tunnel;
	t->tunnels[t->paths[i].tunnel].n_paths--;
	index_remove(&t->path_index, t->paths[i].hash, i);
	t->paths[i].tunnel = NO_INDEX;
	pool_give(&t->path_pool, i);
}

/* The oldest path of a tunnel, but for the one that gave it its name. */
static uint32_t oldest_path(const struct tracker *t, const struct tunnel *w)
{
	uint32_t oldest = w->paths;

	for (uint32_t i = w->paths; i != NO_INDEX; i = t->paths[i].next_in_tunnel)
		if (!endpoint_equal(t->paths[i].a, w->peer[0]) ||
		    !endpoint_equal(t->paths[i].b, w->peer[1]))
			oldest = i;
	return oldest;
}

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

bool tunnel_had_ike(const struct tunnel *w)
{
	return w->flags & TUNNEL_ESTABLISHED;
}

bool tunnel_was_up(const struct tunnel *w)
{
	return (w->flags & TUNNEL_ESTABLISHED) ||
	       (w->flags & (TUNNEL_ESP0 | TUNNEL_ESP1)) == (TUNNEL_ESP0 | TUNNEL_ESP1);
}

/* It is up, and speaks: whoever shows its addresses on packets of his own does not get them. */
static bool in_use(const struct tracker *t, const struct tunnel *w)
{
	/* after a restart there is no `now` yet */
	return tunnel_was_up(w) && t->now <= w->last + t->settings->idle;
}

enum { SEVERAL = UINT32_MAX };

static uint32_t *client_hint(const struct tracker *t, struct addr a, struct addr b)
{
	return &t->clients[path_hash(t, (struct endpoint){ a, 0 }, (struct endpoint){ b, 0 }) %
			   CLIENT_HINTS];
}

/*
 * On which side of the tunnel the lower address stands; SIDE_UNKNOWN: no path of it has these
 * addresses and a NAT's port.
 */
static int8_t side_of_client_path(const struct tracker *t, const struct tunnel *w, struct addr a,
				  struct addr b)
{
	for (uint32_t i = w->paths; i != NO_INDEX; i = t->paths[i].next_in_tunnel) {
		const struct path *p = &t->paths[i];

		if (addr_equal(p->a.addr, a) && addr_equal(p->b.addr, b) &&
		    (p->a.port != 0 || p->b.port != 0))
			return p->side_of_a;
	}
	return SIDE_UNKNOWN;
}

static void note_client(struct tracker *t, const struct path *p)
{
	uint32_t *hint = client_hint(t, p->a.addr, p->b.addr);

	if ((p->a.port == 0 && p->b.port == 0) || *hint == SEVERAL)
		return;
	if (*hint != 0 && *hint - 1 != p->tunnel && (t->tunnels[*hint - 1].flags & TUNNEL_USED) &&
	    side_of_client_path(t, &t->tunnels[*hint - 1], p->a.addr, p->b.addr) >= 0)
		*hint = SEVERAL;
	else
		*hint = p->tunnel + 1;
}

/*
 * The tunnel of the one client of a NAT that was seen between these addresses, and the side of
 * `src`; NO_INDEX.
 */
uint32_t tunnel_of_only_client(const struct tracker *t, struct addr src, struct addr dst,
			       int8_t *ret_side)
{
	bool src_first =
		endpoint_compare((struct endpoint){ src, 0 }, (struct endpoint){ dst, 0 }) <= 0;
	struct addr a = src_first ? src : dst, b = src_first ? dst : src;
	uint32_t hint = *client_hint(t, a, b);

	if (hint == 0 || hint == SEVERAL || !(t->tunnels[hint - 1].flags & TUNNEL_USED))
		return NO_INDEX;

	int8_t side = side_of_client_path(t, &t->tunnels[hint - 1], a, b);

	if (side < 0 || !in_use(t, &t->tunnels[hint - 1]))
		return NO_INDEX;
	*ret_side = src_first ? side : (int8_t)(1 - side);
	return hint - 1;
}

/* False when the path leads to another tunnel, which is in use, and goes on to do so. */
bool tunnel_add_path(struct tracker *t, uint32_t tunnel, struct endpoint src, struct endpoint dst,
		     int8_t src_side)
{
	struct endpoint s = identity_of(src), d = identity_of(dst);
	bool src_first = endpoint_compare(s, d) <= 0;
	struct path *p = src_first ? path_find(t, s, d) : path_find(t, d, s);
	int8_t side_of_a = src_first ? src_side : (int8_t)(1 - src_side);

	if (p && p->tunnel == tunnel)
		return true;
	if (p && in_use(t, &t->tunnels[p->tunnel]))
		return false;
	if (!p && path_is_crowded(t, src, dst))
		return false;
	if (p)				/* another's, long silent: the latest word counts */
		path_release(t, (uint32_t)(p - t->paths));
	if (t->tunnels[tunnel].n_paths == TUNNEL_PATHS)
		path_release(t, oldest_path(t, &t->tunnels[tunnel]));
	uint32_t i = pool_take(&t->path_pool);

	t->paths[i] = (struct path){ .a = src_first ? s : d,
				     .b = src_first ? d : s,
				     .tunnel = tunnel,
				     .side_of_a = side_of_a,
				     .next_in_tunnel = t->tunnels[tunnel].paths };
	t->tunnels[tunnel].paths = i;
	t->tunnels[tunnel].n_paths++;
	t->paths[i].hash = (uint32_t)path_hash(t, t->paths[i].a, t->paths[i].b);
	index_add(&t->path_index, t->paths[i].hash, i);
	note_client(t, &t->paths[i]);
	return true;
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
	uint32_t i = tunnel_find(t, src, dst, ret_side);

	if (i != NO_INDEX)
		return i;
	if (path_is_crowded(t, src, dst))
		return NO_INDEX;
	i = pool_take(&t->tunnel_pool);
	if (i == NO_INDEX) {
		uint32_t victim = quietest(t);

		if (victim == NO_INDEX)
			return NO_INDEX;
		t->counters.evicted_tunnels++;
		tunnel_release(t, victim);
		i = pool_take(&t->tunnel_pool);
	}
	struct endpoint s = identity_of(src), d = identity_of(dst);
	bool src_first = endpoint_compare(s, d) <= 0;
	struct tunnel *w = &t->tunnels[i];
	uint32_t generation = w->generation + 1;

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
	tunnel_add_path(t, i, src, dst, *ret_side);
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

/*
 * Its set-up does not succeed: it failed after an answer, or its initiator had to ask again.  A
 * single request without an answer may come from a scanner, or be the last thing of a capture.
 */
static bool in_vain(const struct ike_sa *sa)
{
	return sa->current[0].requests > 1 || sa->previous[0].requests > 1 ||
	       (sa->end_reason == END_FAILED &&
		(sa->spi_r != 0 || sa->current[0].responses > 0 || sa->previous[0].responses > 0));
}

/* Nothing of it was captured, nor does anything prove that it said something. */
static bool never_heard(const struct tunnel *w, int side)
{
	const struct tunnel_ike *ike = &w->more->ike[side];

	return ike->messages == 0 && ike->proven_unseen == 0 &&
	       w->side[side].esp_packets_before == 0 && w->esp_sas[side] == NO_INDEX;
}

static enum tunnel_state state_of(const struct tracker *t, uint32_t tunnel, nsec now)
{
	const struct tunnel *w = &t->tunnels[tunnel];
	bool was_up = w->state == TUNNEL_UP || w->state == TUNNEL_DOWN;
	bool live[2] = { false, false }, spoke[2] = { false, false }, asked = false, vain = false;
	bool alone = never_heard(w, 0) || never_heard(w, 1);
	unsigned attempts[2] = { 0, 0 };

	for (uint32_t i = w->ike_sas; i != NO_INDEX; i = t->ike_sas[i].next_in_tunnel) {
		const struct ike_sa *sa = &t->ike_sas[i];

		/* known from messages of one side alone, it says what that side believes */
		if (sa->established != NSEC_NONE && !(alone && sa->origin == ORIGIN_MIDSTREAM) &&
		    (sa->end_reason == END_NONE || sa->end_reason == END_CAPTURE_END))
			return TUNNEL_UP;
		was_up |= sa->established != NSEC_NONE &&
			  !(alone && sa->origin == ORIGIN_MIDSTREAM);
		asked |= sa->origin == ORIGIN_MIDSTREAM &&
			 (sa->end_reason == END_NONE || sa->end_reason == END_CAPTURE_END);
		if (sa->initiator_side >= 0)
			attempts[sa->initiator_side]++;
		vain |= in_vain(sa);
	}
	for (int d = 0; d < 2; d++)
		for (uint32_t i = w->esp_sas[d]; i != NO_INDEX && !live[d];
		     i = t->esp_sas[i].next_in_direction) {
			const struct esp_sa *sa = &t->esp_sas[i];

			/* a stray speaks for nobody */
			live[d] =
				(sa->child != NO_INDEX || (sa->flags & ESP_SA_CONFIRMED)) &&
				(sa->end_reason == END_NONE || sa->end_reason == END_CAPTURE_END) &&
				now - nsec_later(sa->last, t->watched_since) <= t->settings->idle;
			spoke[d] |= sa->packets >= 3;
		}
	if (live[0] && live[1])
		return TUNNEL_UP;
	if (live[0] || live[1])
		return TUNNEL_UNKNOWN;
	/* of one side alone nobody knows whether it was up */
	was_up |= spoke[0] && spoke[1];
	if (asked && !was_up)
		return TUNNEL_UNKNOWN;		/* one side believes that it is up; its peer may */
	return was_up || vain || attempts[0] > 1 || attempts[1] > 1 ? TUNNEL_DOWN : TUNNEL_UNKNOWN;
}

/* Up, down or unknown since `at`. */
void tunnel_judge(struct tracker *t, uint32_t tunnel, nsec at)
{
	struct tunnel *w = &t->tunnels[tunnel];
	enum tunnel_state state = state_of(t, tunnel, at);

	if (state == w->state)
		return;
	w->state = state;
	w->state_since = at;
	w->flags |= TUNNEL_DIRTY;
}

/* Did anything come of this IKE SA after its login?  Of EAP this cannot be told: it may have. */
static bool was_used(const struct ike_sa *sa)
{
	return sa->answered_id[0] > 1 || sa->answered_id[1] >= 0;
}

/*
 * An initiator that never accepts the last answer of the login starts over again and again: what
 * came up and was never used is not what the tunnel lives by now.  IKEv1 renews by a new phase 1,
 * and has no answers to its probes that are sure.
 */
void tunnel_begin_anew(struct tracker *t, uint32_t ike_sa)
{
	const struct ike_sa *new = &t->ike_sas[ike_sa];
	struct tunnel *w = &t->tunnels[new->tunnel];
	bool other = false;

	if (w->state != TUNNEL_UP || new->major != 2 || new->origin != ORIGIN_OBSERVED)
		return;
	for (uint32_t i = w->ike_sas; i != NO_INDEX; i = t->ike_sas[i].next_in_tunnel) {
		const struct ike_sa *sa = &t->ike_sas[i];

		if (sa == new || sa->established == NSEC_NONE ||
		    (sa->ended != NSEC_NONE && sa->ended < w->state_since))
			continue;
		if (sa->initiator_side != new->initiator_side || was_used(sa))
			return;
		other = true;
	}
	for (int d = 0; d < 2; d++)
		for (uint32_t i = w->esp_sas[d]; i != NO_INDEX;
		     i = t->esp_sas[i].next_in_direction)
			if (t->esp_sas[i].first < new->established &&
			    t->esp_sas[i].last >= w->state_since)
				return;
	if (!other)
		return;
	w->state_since = new->established;
	w->flags |= TUNNEL_DIRTY;
}

/* Does ESP of this direction go on from before to after? */
static bool bridged(const struct tracker *t, const struct tunnel *w, int direction, nsec from,
		    nsec to)
{
	for (uint32_t i = w->esp_sas[direction]; i != NO_INDEX;
	     i = t->esp_sas[i].next_in_direction)
		if (t->esp_sas[i].first <= from && t->esp_sas[i].last >= to)
			return true;
	return false;
}

/*
 * This IKE SA had been lost for a while when another one came up, which is known only now: a peer
 * that restarted.  The tunnel was down between them, unless packets went both ways meanwhile.
 */
void tunnel_was_down(struct tracker *t, uint32_t ike_sa)
{
	const struct ike_sa *old = &t->ike_sas[ike_sa], *new = NULL;
	struct tunnel *w = &t->tunnels[old->tunnel];

	if (w->state != TUNNEL_UP || w->state_since >= old->ended)
		return;
	for (uint32_t i = w->ike_sas; i != NO_INDEX; i = t->ike_sas[i].next_in_tunnel) {
		const struct ike_sa *sa = &t->ike_sas[i];

		if (sa == old || sa->established == NSEC_NONE)
			continue;
		if (sa->established > old->ended) {
			new = !new || sa->established < new->established ? sa : new;
		} else if (sa->ended == NSEC_NONE || sa->ended > old->ended) {
			return;
		}
	}
	if (!new || new->origin != ORIGIN_OBSERVED ||
	    new->created - old->ended <= t->settings->judge_every ||
	    (bridged(t, w, 0, old->ended, new->established) &&
	     bridged(t, w, 1, old->ended, new->established)))
		return;
	w->state_since = new->established;
	w->flags |= TUNNEL_DIRTY;
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
			    (sa->child == NO_INDEX || !child_undeleted(t, sa->child, now)))
				esp_release(t, i);
			else
				alive = true;
		}
	for (uint32_t i = w->child_sas; i != NO_INDEX; i = next) {
		struct child_sa *c = &t->child_sas[i];

		next = c->next_in_tunnel;
		child_judge_silence(t, i, now);
		if (c->end_reason != END_NONE && now - c->more->ended > t->settings->ended_keep &&
		    c->esp[0] == NO_INDEX && c->esp[1] == NO_INDEX && !child_undeleted(t, i, now))
			child_release(t, i);
		else
			alive = true;
	}
	return alive || w->ike_sas != NO_INDEX;
}

void tunnel_due(struct tracker *t, uint32_t tunnel, nsec now)
{
	child_settle(t, tunnel, now, false);
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
