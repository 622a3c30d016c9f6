/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fragments and TCP streams become whole datagrams and messages.  IPv4
 * fragments and TCP port 4500 go through libnids behind one guarded adapter
 * (one per process: libnids keeps its state in statics); IPv6 fragments, and
 * everything when built with -DSAWATCH_LIBNIDS=OFF, go through our own bounded
 * reassembler.  Time is packet time.
 */
#ifndef SAWATCH_REASSEMBLE_H
#define SAWATCH_REASSEMBLE_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/link.h>

struct reassembler;

struct reassemble_limits {
	uint32_t datagrams;	/* unfinished ones at once */
	uint32_t bytes;		/* of unfinished datagrams and streams, in all */
	uint32_t streams;	/* TCP streams followed at once */
	nsec timeout;		/* of an unfinished datagram */
};

struct reassemble_handler {
	void *user;
	/* A whole IP packet.  `f` is the frame of its last fragment; `p` borrows and is gone after the call. */
	void (*packet)(void *user, const struct frame *f, const struct packet *p);
	/*
	 * One message of an RFC 9329 stream (marker already taken off when `is_ike`).
	 * `p` describes the segment it ended in (addresses), ports are given.
	 */
	void (*message)(void *user, const struct frame *f, const struct packet *p, uint16_t src_port,
			uint16_t dst_port, bool is_ike, struct bytes message);
	/* A datagram that was never completed within the timeout: a fragment did not come. */
	void (*missing)(void *user, nsec at, const struct packet *first_seen, uint64_t frame, uint32_t bytes_seen);
};

struct reassemble_counters {
	uint64_t fragments, whole, missing, refused;	/* refused: over a limit, overlapping, or nonsense */
	uint64_t segments, messages, holes, resyncs;
};

struct reassembler *reassembler_open(const struct reassemble_limits *l, const struct reassemble_handler *h,
				     struct err *e);

/* Feed one fragment (p->fragment). Handlers are called from inside. */
void reassemble_fragment(struct reassembler *r, const struct frame *f, const struct packet *p);

/* Feed one TCP segment of port 4500. */
void reassemble_segment(struct reassembler *r, const struct frame *f, const struct packet *p);

/* Packet time has reached `now`: expire.  Call it at least once a second of packet time. */
void reassemble_tick(struct reassembler *r, nsec now);

void reassemble_counters(const struct reassembler *r, struct reassemble_counters *ret);
void reassembler_close(struct reassembler *r);	/* accepts NULL */

#endif
