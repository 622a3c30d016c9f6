/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One datagram whose fragments are arriving (RFC 791 3.2, RFC 8200 4.5): which of its bytes came,
 * its header, and the packet that is made of it.  Offsets and lengths are in bytes.
 */
#ifndef SAWATCH_CAPTURE_DATAGRAM_H
#define SAWATCH_CAPTURE_DATAGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/hash.h>
#include <sawatch/link.h>

enum {
	/* Room for an IPv6 header with extensions, UDP, the marker and an IKE header. */
	DATAGRAM_HEAD = 160,
	DATAGRAM_PRINTS = DATAGRAM_HEAD / 4,
};

/* Which datagram a fragment belongs to: RFC 791 3.2, RFC 8200 4.5 (there without the protocol). */
struct datagram_key {
	struct addr src, dst;
	uint32_t id, network;
	uint8_t version, protocol;
};

/* Do both fragments belong to the same datagram? */
static inline bool datagram_key_equal(const struct datagram_key *a, const struct datagram_key *b)
{
	return addr_equal(a->src, b->src) && addr_equal(a->dst, b->dst) && a->id == b->id &&
	       a->network == b->network && a->version == b->version && a->protocol == b->protocol;
}

/* Where things are in a fragment, in bytes from its IP header. */
struct fragment_shape {
	uint32_t header;	/* length of what the whole packet keeps before the payload */
	uint32_t payload;	/* where that begins: IPv6 has the fragment header in between */
	uint32_t length;	/* of the payload, on the wire */
	uint32_t next_header_at;	/* IPv6: the byte that says "fragment header" */
	uint8_t next_header;		/* IPv6: what it says without */
};

/* Measure fragment `p`.  False when it contradicts itself or can be part of no packet. */
bool fragment_shape(const struct packet *p, struct fragment_shape *ret,
		    struct datagram_key *ret_key);

/* A fragment that came: bytes `offset` to `offset + length`, of which `seen` were captured. */
struct extent {
	uint32_t next;
	uint32_t offset, length, seen;
	uint32_t print;		/* of place and content, to know an exact copy */
};

/* The extent of fragment `p`; `key` keeps its `print` from being forged. */
struct extent extent_of(const struct hash_key *key, const struct packet *p,
			const struct fragment_shape *s);

struct extents {
	struct extent *all;
	uint32_t free;
};

bool extents_init(struct extents *t, uint32_t n);	/* room for `n`; false: no memory */
void extents_done(struct extents *t);
void extents_clear(struct extents *t, uint32_t *list);	/* the list is empty, its places free */

struct datagram {
	struct datagram_key key;
	enum datagram_state {
		DATAGRAM_OPEN,
		DATAGRAM_DONE,		/* remembered for its copies */
		DATAGRAM_SPOILT,	/* what still comes of it is refused */
	} state;
	uint8_t share;
	uint32_t destination;
	uint32_t next;			/* in its hash chain */
	nsec first, last;
	uint64_t frame;			/* that came first */
	uint32_t extents, count;	/* by offset */
	uint32_t bytes, total; /* that came; in all, 0 while the last fragment is not there */
	uint32_t blocks;		/* what it counts against the limits */
	uint32_t header, next_header_at;	/* of the fragment at offset 0 */
	uint8_t next_header;
	bool head_is_first;		/* `head` is of the fragment at offset 0 */
	uint8_t hop_limit, protocol;
	uint32_t head_seen, head_length;	/* bytes in `head`; of that fragment on the wire */
	union {
		uint8_t head[DATAGRAM_HEAD];		/* its IP packet */
		uint32_t prints[DATAGRAM_PRINTS];	/* of a datagram that is done */
	};
};

enum extent_fit { EXTENT_FITS, EXTENT_REPEATED, EXTENT_CONFLICTS };

/*
 * Does `x` fit to what came of `d`: is it new, an exact copy, or does it overlap or exceed the end?
 * `more`: its flag "more fragments".
 */
enum extent_fit extents_fit(const struct extents *t, const struct datagram *d,
			    const struct extent *x, bool more);
/* Add `x`, which fits, to `d`.  There must be a free place. */
void extents_add(struct extents *t, struct datagram *d, const struct extent *x, bool more);

/* Keep the head of fragment `p`, if it is the first that came or the one at offset 0. */
void datagram_head(struct datagram *d, const struct packet *p, const struct fragment_shape *s);

/* What is known of a datagram that never became whole: its head, as a packet. */
void datagram_sample(const struct datagram *d, struct packet *ret);

/* The longest payload that a datagram of this IP version can have. */
uint32_t datagram_length_max(const struct datagram *d);

/*
 * Write the header into `whole`, where the payload already stands behind it, and parse the packet
 * into *ret, which borrows from `whole`.  False when it is no packet.
 */
bool datagram_finish(const struct datagram *d, const struct extents *t, uint8_t *whole,
		     struct packet *ret);

/*
 * `d` is whole: remember its fragments, to recognise their copies, in the place of its head; and is
 * `x` such a copy?
 */
void datagram_remember(struct datagram *d, const struct extents *t);
bool datagram_remembers(const struct datagram *d, const struct extent *x);

#endif
