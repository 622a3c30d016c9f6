/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of TCP streams that may carry IKE and ESP (RFC 9329): finding one, accounting for the
 * memory it uses, and evicting one when there is no room.  A stream that has carried a message is
 * proven; the others share one half of the memory and are evicted first.
 */
#ifndef SAWATCH_CAPTURE_STREAM_TABLE_H
#define SAWATCH_CAPTURE_STREAM_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/addr.h>

#include "blocks.h"
#include "lru.h"
#include "streams.h"

enum {
	STREAM_MESSAGE_MAX = 65535,	/* with its length field, RFC 9329 3 */
	STREAM_SCRATCH = STREAM_MESSAGE_MAX + GLUE_OUT_MAX,
	/*
	 * Of one stream, both ways: a message that is not whole, and single bytes that wait, each
	 * in a block.
	 */
	STREAM_BLOCKS_MAX = 2 * (STREAM_MESSAGE_MAX / BLOCK_BYTES + 1 +
			    GLUE_WINDOW / GLUE_PIECE_COST),
};

/* Bytes ahead of a hole; they are with the glue. */
struct held {
	uint32_t next;
	uint32_t seq, length;
};

struct direction {
	bool placed;		/* `next` is known */
	bool at_start;		/* no byte was read yet, and it begins with the SYN */
	bool lost;		/* the framing is unknown */
	bool fin_seen, syn_seen;
	bool flowing;		/* the glue knows it: from its first byte on */
	/* a hole was given up at `hole`, and nothing has gone on behind it */
	bool doubted;
	bool hole_clean;	/* between two messages */
	uint32_t next;		/* sequence number of the next byte in order */
	uint32_t start;		/* where it was placed */
	uint32_t origin;	/* position 0 of the glue's flow */
	uint32_t syn, fin;	/* first byte after another SYN; first byte after the FIN */
	uint32_t held;		/* list by sequence number */
	uint32_t held_cost, held_blocks;
	nsec stuck_since;	/* something is held, or too far ahead; else NSEC_NONE */
	uint32_t hole;
	uint32_t far;		/* where the latest segment that was too far ahead ended */
	struct chain pending;	/* in order, but no whole message yet */
	uint32_t wanted;	/* bytes in `pending` at which it is worth looking again */
	uint32_t searched;	/* bytes, for the framing, in vain */
	uint32_t discard;	/* bytes in order that are still to be thrown away */
	struct frame frame;	/* latest segment, without its bytes */
	uint8_t hop_limit, depth;
};

struct stream {
	struct endpoint ends[2];	/* the lower first; way[0] is from it */
	uint32_t network;
	uint32_t next;			/* in its hash chain */
	bool used, proven;
	uint32_t blocks;		/* of both ways, held and pending */
	nsec seen;
	struct direction way[2];
};

struct stream_share {
	struct lru age;
	uint32_t streams_max, blocks_max;
	uint32_t blocks;
};

struct streams {
	struct streams_setup setup;
	struct stream *streams;
	struct lru_link *by_age;
	struct lru unused;
	struct stream_share shares[2];	/* 0 strangers, 1 proven */
	uint32_t *chain;
	uint32_t mask;
	struct held *held;
	uint32_t held_free;
	struct blocks blocks;		/* of what is pending */
	nsec ticked;
	nsec search_since;		/* for which `search_left` is */
	uint32_t search_left[2];	/* bytes, by share */
	uint8_t *scratch;
};

/* The stream between these endpoints, the lower first; NULL: there is none. */
struct stream *stream_find(struct streams *t, const struct endpoint ends[2], uint32_t network);
/* A new one between them, unproven; the oldest unproven one makes room.  Never NULL. */
struct stream *stream_new(struct streams *t, const struct endpoint ends[2], uint32_t network);
void stream_touch(struct streams *t, struct stream *s, nsec now);	/* it is the newest now */
void stream_prove(struct streams *t, struct stream *s);	/* it carried a message */
void stream_evict(struct streams *t, struct stream *s);	/* with all its bytes; `s` is gone */

/* It uses so many blocks more, or less; older streams of the same share make room. */
void stream_charge(struct streams *t, struct stream *s, uint32_t more);
void stream_discharge(struct streams *t, struct stream *s, uint32_t less);

/* The number of a direction in the glue, where it is opened at first; and closed again. */
uint32_t direction_flow(struct streams *t, struct stream *s, struct direction *d);
void direction_flow_close(struct streams *t, struct stream *s, struct direction *d);

/* Begin (again) at sequence number `seq`; what was held or pending is gone. */
void direction_place(struct streams *t, struct stream *s, struct direction *d, uint32_t seq,
		     bool at_start);
/* Free the bytes behind a hole; or those in order that are no whole message yet. */
void direction_drop_held(struct streams *t, struct stream *s, struct direction *d);
void direction_drop_pending(struct streams *t, struct stream *s, struct direction *d);

#endif
