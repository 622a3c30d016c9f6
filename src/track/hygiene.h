/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Facts about the capture itself: packets that the mirror delivers twice, a side that is not
 * captured, packets that the capture lost, clocks that jump (DETECTION-FACTS 3.1).  Private to
 * src/track, which includes tracker.h.  `tunnel` and `esp` are indices into its tables.
 */
#ifndef SAWATCH_TRACK_HYGIENE_H
#define SAWATCH_TRACK_HYGIENE_H

#include <sawatch/ike.h>
#include <sawatch/track.h>

struct arrival;

enum { RECENT_MESSAGES = 4096, RECENT_GAPS = 16 };

/* An IKE message, remembered to recognise its copies. */
struct recent_message {
	uint64_t hash;			/* of its bytes */
	nsec at;
	struct endpoint src, dst;
	uint32_t tunnel;		/* NO_INDEX: not known; valid while that has this id: */
	object_id tunnel_id;
	uint32_t ip_id;			/* identification of the IPv4 packet; 0: none */
	int8_t side;			/* that sent it */
};

/* Sequence numbers of an SA that were skipped. */
struct recent_gap {
	nsec at;			/* NSEC_NONE: this slot is free */
	uint32_t esp_sa, tunnel;
	uint64_t frame;
};

/*
 * Is this IKE message a copy that the capture delivered (a mirror of two ports, or of both sides of
 * a NAT), and not a retransmission?  Otherwise it is remembered.  `hash`: of its bytes.
 */
bool hygiene_is_copy(struct tracker *t, const struct arrival *a, const struct ike_message *m,
		     uint64_t hash);

/* The message last asked about is of this tunnel, sent by `side`. */
void hygiene_remember_tunnel(struct tracker *t, uint64_t hash, uint32_t tunnel, int8_t side);

/* A message of `side` was captured; several in a row prove that it is not a one-sided capture. */
void hygiene_heard(struct tracker *t, uint32_t tunnel, int side);

/* A message of `side` must exist (window size 1, RFC 7296 2.3), but was not captured. */
void hygiene_unseen(struct tracker *t, uint32_t tunnel, int side, nsec at);

/* Such a message was captured after all: it came late. */
void hygiene_seen_after_all(struct tracker *t, uint32_t tunnel, int side);

/* If most messages of `side` were not captured, mark the tunnel one-sided and emit the event. */
void hygiene_judge_unseen(struct tracker *t, uint32_t tunnel, int side, nsec now);

/*
 * The SA skipped sequence numbers.  If SAs of several tunnels do so at the same moment, the capture
 * lost packets, not the network: emits the event.
 */
void hygiene_gap(struct tracker *t, uint32_t esp, nsec at);

/* The capturing system says that it dropped `n` packets between these times. */
void hygiene_dropped(struct tracker *t, nsec from, nsec to, uint64_t n);

/* May the clock be set to `at`?  Not to the far future by a single frame, whose time is damaged. */
bool hygiene_believes(struct tracker *t, nsec at);

/* The time of a frame: notes a step of the capture's clock, back or forward. */
void hygiene_clock(struct tracker *t, nsec at);

/*
 * The first packet of an SA after a pause, `advance` numbers ahead.  If the sequence numbers hardly
 * moved, the clock jumped: emits the event when a second tunnel confirms it.
 */
void hygiene_esp_pause(struct tracker *t, const struct esp_sa *sa, nsec at, uint32_t advance);

/* If most packets of the tunnel since the last call came twice, emit the event about the mirror. */
void hygiene_judge_mirror(struct tracker *t, uint32_t tunnel, nsec now);

#endif
