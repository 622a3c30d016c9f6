/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames prepared for the tracker: each is parsed as far as that needs no
 * knowledge of SAs, and the key of its ESP SA is hashed.  These are pure
 * functions, so another thread may run them ahead of the tracker.
 * prepare_frames() and then tracker_prepared() do what tracker_frames() does.
 */
#ifndef SAWATCH_PREPARE_H
#define SAWATCH_PREPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/hash.h>
#include <sawatch/link.h>
#include <sawatch/nsec.h>

enum prepared_kind {
	PREPARED_NOTHING,	/* counted, and nothing of ours */
	PREPARED_ESP,		/* or AH */
	PREPARED_OTHER,		/* TCP or UDP of others, unless IKE showed its ports */
	PREPARED_PACKET,	/* for the tracker to look into */
	PREPARED_FRAGMENT,
};

/*
 * One cache line, because it goes from core to core; all but `at` and the kind mean something for
 * ESP only.
 */
struct prepared_frame {
	struct addr src, dst;
	nsec at;
	uint32_t hash;
	union {
		uint32_t spi;
		uint32_t packet;	/* PACKET, FRAGMENT: which of `packets` */
	};
	uint32_t seq;
	uint16_t src_port, dst_port;	/* 0 without UDP */
	uint16_t bytes;			/* of the IP packet */
	uint8_t protocol, encap;	/* enum esp_protocol, enum encap */
	/* enum prepared_kind, and 24 bits of VLAN id or VNI, 0 none */
	uint32_t tag;
};

/* The two parts of a tag, and a tag of both; `network` is a VLAN id or VNI below 1 << 24. */
static inline enum prepared_kind prepared_kind(const struct prepared_frame *f)
{
	return (enum prepared_kind)(f->tag & 0xff);
}

static inline uint32_t prepared_network(const struct prepared_frame *f)
{
	return f->tag >> 8;
}

static inline uint32_t prepared_tag(enum prepared_kind kind, uint32_t network)
{
	return (uint32_t)kind | network << 8;
}

/* Of frames that are nothing of ours, or cannot be read. */
struct prepared_counts {
	uint32_t not_ip, cut, malformed, unsupported, too_deep, other;
};

/*
 * The caller brings the memory: `list` and `packets` have room for as many frames as are prepared.
 */
struct prepared {
	struct prepared_frame *list;
	struct packet *packets;		/* borrow from the frames */
	/* borrowed, their bytes too: until the tracker is done with them */
	const struct frame *frames;
	size_t n, n_packets;
	uint32_t capture;		/* that of the first frame counts for all */
	uint64_t bytes;			/* on the wire, of all */
	/* each frame's number is known to be one more than that before it */
	bool in_row;
	struct prepared_counts counts;
	struct hash_key key;		/* that the frames were hashed with */
};

/*
 * `key` is the tracker's: tracker_key().  With another one, as of before a restart whose key it
 * goes on with, the tracker hashes again.
 */
void prepare_frames(struct prepared *ret, const struct hash_key *key, const struct frame *frames,
		    size_t n);

/*
 * Look once whether their numbers are in a row: then the tracker need not fetch the frames
 * themselves.
 */
void prepared_for_another_core(struct prepared *p);

/*
 * The frames' bytes are about to go: copy what the tracker may still ask for to `room`, and let
 * `frames` (those that were prepared) and packets point there.  Returns how many bytes it took or,
 * when `size` is too little, would take; then nothing was done.
 */
size_t prepared_keep_bytes(struct prepared *p, struct frame *frames, uint8_t *room, size_t size);

#endif
