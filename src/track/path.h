/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A path is a pair of endpoints as packets show them; it leads to a tunnel.  Several paths may
 * lead to the same tunnel: by NAT, by MOBIKE (RFC 4555), on port 500 and on port 4500.  Private to
 * src/track, which includes tracker.h.
 */
#ifndef SAWATCH_TRACK_PATH_H
#define SAWATCH_TRACK_PATH_H

#include <sawatch/track.h>

struct path {
	struct endpoint a, b;		/* a < b; ports 500 and 4500 are written as 0 */
	uint32_t tunnel;		/* index; NO_INDEX: this slot is free */
	int8_t side_of_a;		/* which peer of the tunnel `a` is */
	uint32_t next_in_tunnel;	/* list of the tunnel's paths; NO_INDEX ends it */
	uint32_t hash;			/* the key in the index of paths */
};

enum { TUNNEL_PATHS = 8 };		/* remembered of one tunnel */

/* The endpoint as a path has it: without the port if it is 500 or 4500, which everybody uses. */
struct endpoint path_identity_of(struct endpoint p);

/* The key of the path between these endpoints in the index of paths. */
uint32_t path_hash(const struct tracker *t, struct endpoint src, struct endpoint dst);

/* Does the index hold so many keys like this one that no path may be added there (pool.h)? */
bool path_is_crowded(const struct tracker *t, struct endpoint src, struct endpoint dst);

/*
 * Index of the tunnel to which a packet from `src` to `dst` belongs, and which peer of it sent the
 * packet; NO_INDEX and SIDE_UNKNOWN when no path is known.
 */
uint32_t path_find_tunnel(struct tracker *t, struct endpoint src, struct endpoint dst,
			  int8_t *ret_side);

/*
 * The same for two addresses between which exactly one client behind a NAT was seen, whose tunnel
 * is in use; otherwise NO_INDEX, and *ret_side is not written.
 */
uint32_t path_find_only_client(const struct tracker *t, struct addr src, struct addr dst,
			       int8_t *ret_side);

/*
 * From now on this path leads to `tunnel`, and `src` is its peer `src_side`.  If the tunnel has
 * TUNNEL_PATHS paths already, its oldest one is released.  False, and nothing changes, when the
 * path leads to another tunnel which is in use, or when the index is crowded.
 */
bool path_add(struct tracker *t, uint32_t tunnel, struct endpoint src, struct endpoint dst,
	      int8_t src_side);

/* The path (an index) leads nowhere any more; its slot is free. */
void path_release(struct tracker *t, uint32_t path);

#endif
