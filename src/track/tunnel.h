/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tunnels, among the files of the tracker.  Private to src/track, which includes tracker.h.
 * `tunnel` and `ike_sa` are indices into the tables of the tracker; `w` is a tunnel of it.
 */
#ifndef SAWATCH_TRACK_TUNNEL_H
#define SAWATCH_TRACK_TUNNEL_H

#include <sawatch/track.h>

/* ---- tunnel.c --------------------------------------------------------------- */

/*
 * The tunnel of a packet from `src` to `dst`, and the side that sent it; made when there is none.
 * If the table is full, the tunnel that is missed least is released.  NO_INDEX: no room.
 */
uint32_t tunnel_see(struct tracker *t, struct endpoint src, struct endpoint dst, uint32_t network,
		    int8_t *ret_side);

/* Call tunnel_due() at packet time `at` or before. */
void tunnel_wake(struct tracker *t, uint32_t tunnel, nsec at);

/* Its timer is due: decide what is ripe, release what ended long ago, judge its state. */
void tunnel_due(struct tracker *t, uint32_t tunnel, nsec now);

/* End and release all that it has, and free its slot. */
void tunnel_release(struct tracker *t, uint32_t tunnel);

/* The part of it that few tunnels have, to write to; taken at the first call. */
struct tunnel_more *tunnel_more(struct tracker *t, struct tunnel *w);

/* The peer `side` is at this endpoint now. */
void tunnel_seen_at(struct tracker *t, struct tunnel *w, int side, struct endpoint now);

/* Its peers are written: let tracker_tunnel_of_peer() find it. */
void tunnel_mark_peers(struct tracker *t, uint32_t tunnel);

/* ---- tunnel_state.c --------------------------------------------------------- */

/* Set its state (up, down, unknown), and since when, to what its SAs say at `at`. */
void tunnel_judge(struct tracker *t, uint32_t tunnel, nsec at);

/*
 * `ike_sa` was set up now.  If those before it were never used, the tunnel is up only since now.
 */
void tunnel_begin_anew(struct tracker *t, uint32_t ike_sa);

/*
 * `ike_sa` turned out to have been lost for a while before the next one was set up.  Unless ESP
 * went on both ways, the tunnel was down until then.
 */
void tunnel_was_down(struct tracker *t, uint32_t ike_sa);

#endif
