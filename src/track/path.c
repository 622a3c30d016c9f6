/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paths: which tunnel the endpoints of a packet lead to. */
#include "track/tracker.h"

enum { IKE_PORT = 500, NAT_T_PORT = 4500 };

/* Any other port was chosen by a NAT and distinguishes the clients behind it. */
struct endpoint path_identity_of(struct endpoint p)
{
	if (p.port == IKE_PORT || p.port == NAT_T_PORT)
		p.port = 0;
	return p;
}

static uint64_t ordered_hash(const struct tracker *t, struct endpoint a, struct endpoint b)
{
	return hash_5(&t->key, a.addr.high, a.addr.low, b.addr.high, b.addr.low,
		      (uint64_t)a.port << 16 | b.port);
}

static struct path *path_find(struct tracker *t, struct endpoint a, struct endpoint b)
{
	uint64_t hash = ordered_hash(t, a, b);

	for (uint32_t at = (uint32_t)hash, i;
	     (i = index_next(&t->path_index, hash, &at)) != NO_INDEX;) {
		struct path *p = &t->paths[i];

		if (endpoint_equal(p->a, a) && endpoint_equal(p->b, b))
			return p;
	}
	return NULL;
}

uint32_t path_find_tunnel(struct tracker *t, struct endpoint src, struct endpoint dst,
			  int8_t *ret_side)
{
	struct endpoint s = path_identity_of(src), d = path_identity_of(dst);
	bool src_first = endpoint_compare(s, d) <= 0;
	const struct path *p = src_first ? path_find(t, s, d) : path_find(t, d, s);

	*ret_side = SIDE_UNKNOWN;
	if (!p)
		return NO_INDEX;
	*ret_side = src_first ? p->side_of_a : (int8_t)(1 - p->side_of_a);
	return p->tunnel;
}

uint32_t path_hash(const struct tracker *t, struct endpoint src, struct endpoint dst)
{
	struct endpoint s = path_identity_of(src), d = path_identity_of(dst);

	return (uint32_t)(endpoint_compare(s, d) <= 0 ? ordered_hash(t, s, d)
						      : ordered_hash(t, d, s));
}

bool path_is_crowded(const struct tracker *t, struct endpoint src, struct endpoint dst)
{
	return index_crowded(&t->path_index, path_hash(t, src, dst));
}

void path_release(struct tracker *t, uint32_t i)
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

/* It is up and was heard lately: nobody else can take its paths by forging its addresses. */
static bool in_use(const struct tracker *t, const struct tunnel *w)
{
	/* after a restart there is no `now` yet */
	return tunnel_was_up(w) && t->now <= w->last + t->settings->idle;
}

enum { SEVERAL = UINT32_MAX };	/* a hint: not one client but several */

static uint32_t *client_hint(const struct tracker *t, struct addr a, struct addr b)
{
	return &t->clients[ordered_hash(t, (struct endpoint){ a, 0 }, (struct endpoint){ b, 0 }) %
			   CLIENT_HINTS];
}

/*
 * Which peer of the tunnel `a`, the lower address, is on a path with a port chosen by a NAT;
 * SIDE_UNKNOWN: the tunnel has no such path.
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

uint32_t path_find_only_client(const struct tracker *t, struct addr src, struct addr dst,
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

bool path_add(struct tracker *t, uint32_t tunnel, struct endpoint src, struct endpoint dst,
	      int8_t src_side)
{
	struct endpoint s = path_identity_of(src), d = path_identity_of(dst);
	bool src_first = endpoint_compare(s, d) <= 0;
	struct path *p = src_first ? path_find(t, s, d) : path_find(t, d, s);
	int8_t side_of_a = src_first ? src_side : (int8_t)(1 - src_side);

	if (p && p->tunnel == tunnel)
		return true;
	if (p && in_use(t, &t->tunnels[p->tunnel]))
		return false;
	if (!p && path_is_crowded(t, src, dst))
		return false;
	if (p)				/* its tunnel has long been silent */
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
	t->paths[i].hash = (uint32_t)ordered_hash(t, t->paths[i].a, t->paths[i].b);
	index_add(&t->path_index, t->paths[i].hash, i);
	note_client(t, &t->paths[i]);
	return true;
}
