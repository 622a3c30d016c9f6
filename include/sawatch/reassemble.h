/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fragments and TCP streams become whole datagrams and messages.  IPv4
 * fragments and TCP port 4500 go through libnids behind one guarded adapter
 * (one per process: libnids keeps its state in statics, so a second
 * reassembler that is open at the same time uses our own engine); IPv6
 * fragments, and everything when built with -DSAWATCH_LIBNIDS=OFF, go through
 * our own.  What is admitted, refused, expired and reported is decided in
 * front of the engines, so both give the same.  Time is packet time.
 */
#ifndef SAWATCH_REASSEMBLE_H
#define SAWATCH_REASSEMBLE_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/link.h>

struct reassembler;

/* 0 takes the default; values too small to hold one datagram and one stream are raised. */
struct reassemble_limits {
	uint32_t datagrams;	/* unfinished ones at once; 4096 */
	uint32_t bytes;		/* of unfinished datagrams and streams, in all; 16 MiB */
	uint32_t streams;	/* TCP streams followed at once; 1024 */
	nsec timeout;		/* of an unfinished datagram, since its first fragment; 30 s */
};

struct reassemble_handler {
	void *user;
	/*
	 * A whole IP packet, parsed anew; when an envelope was fragmented, the
	 * innermost packet in it.  `f` is the frame of its last fragment; `p` borrows
	 * and is gone after the call.  When the snap length cut a fragment, the packet
	 * is cut where the first unseen byte was.  May feed segments back in.
	 */
	void (*packet)(void *user, const struct frame *f, const struct packet *p);
	/*
	 * One message of an RFC 9329 stream (marker already taken off when `is_ike`).
	 * `p` describes the segment it ended in (addresses), ports are given.
	 * Out of reassemble_tick(), when a hole is given up: `f` and `p` are those of
	 * the latest segment of that direction, without their bytes.  Must not feed
	 * segments back in.
	 */
	void (*message)(void *user, const struct frame *f, const struct packet *p,
			uint16_t src_port, uint16_t dst_port, bool is_ike, struct bytes message);
	/*
	 * A datagram that was never completed within the timeout: a fragment did not
	 * come.  `first_seen` is its fragment at offset 0 when that was seen (cut
	 * after about a hundred bytes), else the one that came first; `frame` is the
	 * number of the frame that came first.  NULL: nobody wants to know.
	 */
	void (*missing)(void *user, nsec at, const struct packet *first_seen, uint64_t frame,
			uint32_t bytes_seen);
	/*
	 * Is `a` known to speak IKE or ESP with `b`, both ways?  Asked once per
	 * datagram.  Known pairs own three quarters of the limits, so that strangers
	 * cannot push them out.  NULL: everybody is a stranger, and shares all.
	 */
	bool (*known)(void *user, struct addr a, struct addr b);
};

struct reassemble_counters {
	uint64_t fragments, whole, missing;
	uint64_t refused;	/* over a limit, overlapping, or nonsense */
	uint64_t repeated;	/* exact copies of a fragment */
	uint64_t segments, messages, holes, resyncs;
};

/* NULL and `e` when there is no memory, or libnids cannot be used safely. */
struct reassembler *reassembler_open(const struct reassemble_limits *l,
				     const struct reassemble_handler *h, struct err *e);

/* Feed one fragment (p->fragment). Handlers are called from inside. */
void reassemble_fragment(struct reassembler *r, const struct frame *f, const struct packet *p);

/* Feed one TCP segment of port 4500. */
void reassemble_segment(struct reassembler *r, const struct frame *f, const struct packet *p);

/*
 * Packet time has reached `now`: expire.  Call it at least once a second of
 * packet time.  A clock that jumps back by more than the timeout makes all
 * unfinished datagrams be forgotten, not be missing.
 */
void reassemble_tick(struct reassembler *r, nsec now);

/* Since it was opened. */
void reassemble_counters(const struct reassembler *r, struct reassemble_counters *ret);
/* Accepts NULL.  What is unfinished is forgotten, and not told as missing. */
void reassembler_close(struct reassembler *r);

#endif
