/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The interface of the two engines that put pieces together: libnids (nids.c)
 * and our own (glue.c).  An engine judges nothing: fragments.c and streams.c, in
 * front of it, admit, expire, refuse overlaps and know when something is
 * complete, and give it only pieces that do not overlap.  So an engine knows
 * slots, not addresses.
 */
#ifndef SAWATCH_CAPTURE_GLUE_H
#define SAWATCH_CAPTURE_GLUE_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/reader.h>

enum {
	/*
	 * A stream's bytes are fed in pieces of this size: libnids then never lets a
	 * stream's buffer grow beyond 4 KiB.
	 */
	GLUE_PIECE_MAX = 2000,
	/*
	 * What may be ahead of a stream's hole, with GLUE_PIECE_COST for each piece:
	 * libnids throws the whole queue away at 65,535, by its own accounting.
	 */
	GLUE_WINDOW = 60000,
	GLUE_PIECE_COST = 256,
	/* At most this comes out of one flow_put(). */
	GLUE_OUT_MAX = GLUE_WINDOW + GLUE_PIECE_MAX,
};

/* A piece of the payload of datagram `slot`.  Of its `length` bytes only `seen` were captured. */
struct glue_fragment {
	uint32_t slot;
	uint32_t offset, length;
	struct bytes seen;
	bool more;		/* it is not the last piece */
	uint32_t completes;	/* with it the datagram is whole: the length of that; else 0 */
};

struct glue {
	/* The payload to `whole` and its length when it completes, else 0.  Unseen bytes are 0. */
	uint32_t (*fragment)(struct glue *g, const struct glue_fragment *piece, uint8_t *whole);
	void (*fragments_forget)(struct glue *g, uint32_t slot);
	/* One direction of a TCP stream; its bytes are counted from 0. */
	void (*flow_open)(struct glue *g, uint32_t flow);
	/* What can be given out in order now, to `ret`; returns how much. */
	uint32_t (*flow_put)(struct glue *g, uint32_t flow, uint32_t position, struct bytes data,
			     uint8_t *ret);
	void (*flow_close)(struct glue *g, uint32_t flow);
	void (*close)(struct glue *g);
};

struct glue_size {
	uint32_t datagrams, fragment_blocks;	/* blocks.h */
	uint32_t flows, flow_blocks;
};

/* Our own.  NULL: no memory. */
struct glue *glue_open(const struct glue_size *size);

/*
 * libnids.  NULL with no error: it is not built in, is in use by another
 * reassembler of this process, or was started smaller.  NULL with an error: it
 * cannot be used safely.
 */
struct glue *nids_open(const struct glue_size *size, struct err *e);

#endif
