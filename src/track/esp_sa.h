/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ESP and AH SAs (RFC 4303, RFC 4302), among the files of the tracker.  Private to src/track, which
 * includes tracker.h.  `esp` and `tunnel` are indices into the tables of the tracker.
 */
#ifndef SAWATCH_TRACK_ESP_SA_H
#define SAWATCH_TRACK_ESP_SA_H

#include <sawatch/track.h>

#include "track/prepare.h"

/* One ESP or AH packet.  The fields are in the order of a prepared frame, to be copied at once. */
struct esp_arrival {
	struct addr src, dst;
	nsec at;
	uint32_t hash;			/* esp_hash() of it */
	uint32_t spi, seq;
	uint16_t src_port, dst_port;	/* 0 without encapsulation */
	uint8_t protocol, encap;	/* enum esp_protocol, enum encap */
	uint32_t bytes;			/* of the IP packet */
	uint32_t network;
	const struct frame *frame;
	uint64_t stranger;		/* it surely has no SA: its esp_stranger_hash(); or 0 */
};

#define ESP_MINUTE (60 * NSEC_PER_S)	/* traffic is reported by the minute */

enum {
	ESP_WINDOW_BITS = 64,		/* of the anti-replay window (RFC 4303 3.4.3) */
	ESP_CONFIRMING_PACKETS = 3,	/* an SA of so many packets was not made up */
	/* a tunnel with more unconfirmed SAs than this is being flooded with made-up SPIs */
	ESP_SPRAYED = 24,
	/* the largest step of the sequence that may come with a new address */
	ESP_MOVE_AHEAD = 1024,
	/* SAs of one direction among which partners are looked for */
	ESP_DIRECTION_LIVE_MAX = 512,
};

/* ---- esp_sa.c --------------------------------------------------------------- */

/* Index of the SA that the packet belongs to; NO_INDEX: it has none. */
uint32_t esp_find(const struct tracker *t, const struct esp_arrival *a);

/* Take one packet: counters, sequence, address, and a new SA when it is the first. */
void esp_packet(struct tracker *t, const struct esp_arrival *a);

/* Write its two addresses, where they belong; the index does not learn of it. */
void esp_set_ends(struct tracker *t, struct esp_sa *sa, struct esp_ends ends);

/* The part of `sa` that few SAs have, to write to; taken at the first call. */
struct esp_sa_rare *esp_rare(struct tracker *t, struct esp_sa *sa);

/* Emit an event about the SA, at the time of the packet; `value` becomes value[0]. */
void esp_emit(struct tracker *t, enum event_kind kind, const struct esp_sa *sa,
	      const struct esp_arrival *a, int64_t value);

/* It is certainly an SA: IKE made it, or it had ESP_CONFIRMING_PACKETS. */
void esp_confirm(struct tracker *t, struct esp_sa *sa);

/* It ended at `at`.  `by`: the side that ended it, or SIDE_UNKNOWN.  No effect on an ended one. */
void esp_end(struct tracker *t, uint32_t esp, nsec at, enum end_reason why, int by,
	     enum grade grade);

/* Free its slot. */
void esp_release(struct tracker *t, uint32_t esp);

/*
 * Make a restored SA findable by its SPI.  Of several with the same SPI and addresses the latest
 * generation must be added last.
 */
void esp_index_add(struct tracker *t, uint32_t esp);

/* The end of the minute in which `at` lies. */
nsec esp_minute_end(nsec at);

/* Its running minute is over: report the traffic of it, and begin the minute in which `at` lies. */
void esp_close_minute(struct tracker *t, struct esp_sa *sa, nsec at);

/* ---- esp_sequence.c --------------------------------------------------------- */

/*
 * Account for the sequence number of a packet, `ahead` of the highest so far (modulo 2^32): lost,
 * late, wrapped, begun anew.  False: the packet is a copy and does not count.
 */
bool esp_sequence(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a,
		  uint32_t ahead);

/*
 * For the first packet after a time without observation: what was sent meanwhile is not lost.
 * Returns how far it is ahead of that.
 */
uint32_t esp_sequence_goes_on(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a,
			      uint32_t ahead);

/* ---- esp_birth.c ------------------------------------------------------------ */

/* Where an SPI without an SA is counted.  No secret key: what is counted decides findings. */
static inline uint64_t esp_stranger_hash(const struct addr *src, const struct addr *dst,
					 uint32_t spi, unsigned protocol, unsigned encap)
{
	static const struct hash_key open = { { 1, 2, 3, 4 } };

	return sa_hash(&open, src, dst, spi, protocol, encap);
}

/*
 * May this packet, whose SPI is not known, begin an SA?  In a flood of made-up SPIs it must first
 * come several times; this counts it.
 */
bool esp_may_be_born(struct tracker *t, const struct esp_arrival *a);

/*
 * Begin an SA with this packet.  `generation`: from 1, how many SAs had the same SPI and addresses.
 */
void esp_birth(struct tracker *t, const struct esp_arrival *a, uint32_t generation);

/* ---- esp_move.c ------------------------------------------------------------- */

/*
 * The living SA with the same SPI and one other address, of whose sequence this packet is: the same
 * SA (RFC 4301 4.1: its source is no part of its name), which has moved (MOBIKE, NAT) or takes two
 * paths in turn.  NO_INDEX: there is none.  An outsider cannot know the sequence number, so it is
 * believed.
 */
uint32_t esp_elsewhere(const struct tracker *t, const struct esp_arrival *a);

/* Where the index + 1 of the latest SA with this SPI may stand; others with other SPIs share it. */
uint32_t *esp_hint(const struct tracker *t, uint32_t spi);

/* As esp_elsewhere(), and it goes on with this packet: it has moved here. */
uint32_t esp_moved_from(const struct tracker *t, const struct esp_arrival *a);

/* As esp_elsewhere(), and it was overtaken by later packets; none had its number. */
uint32_t esp_overtaken(const struct tracker *t, const struct esp_arrival *a);

/* The SA has just moved. */
void esp_turned(struct tracker *t, struct esp_sa *sa, nsec at);

/*
 * A packet of `sa` from a place that it had left: does it move back there?  False: it takes both
 * paths in turn, and stays where it is.
 */
bool esp_returns(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a);

/*
 * A packet of `sa` with other UDP ports, `ahead` of its highest sequence number: the SA moves there
 * with it.  False: it stays where it is.
 */
bool esp_ports_changed(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a,
		       uint32_t ahead);

/* ---- group.c ---------------------------------------------------------------- */

/*
 * Is the SA one of a multicast group (RFC 4301 4.1)?  Its sender counts the packets to several
 * destinations in one sequence, so a gap is no loss.  Asked before the SPI of a new SA is noted,
 * and whenever numbers are missing.
 */
bool group_includes(struct tracker *t, struct esp_sa *sa);

#endif
