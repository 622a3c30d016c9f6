/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TCP streams that carry IKE and ESP (RFC 9329), each direction for itself:
 * where it is, what came ahead of a hole, and the messages in what is in
 * order.  The glue only puts segments in order.
 *
 * A direction begins at its SYN or, without, wherever it is first seen; then,
 * and after a hole that was not filled within a second (or within what the
 * window holds), it looks for the framing again.  Every byte is read once.
 */
#ifndef SAWATCH_CAPTURE_STREAMS_H
#define SAWATCH_CAPTURE_STREAMS_H

#include <sawatch/hash.h>
#include <sawatch/reassemble.h>

#include "glue.h"

struct streams;

struct streams_setup {
	uint32_t streams, blocks;
	struct hash_key key;
	const struct reassemble_handler *handler;	/* message; borrowed */
	struct reassemble_counters *counters;
	struct glue *glue;		/* with two flows per stream */
};

struct streams *streams_open(const struct streams_setup *s);	/* NULL: no memory */
void streams_segment(struct streams *t, nsec now, const struct frame *f, const struct packet *p);
void streams_tick(struct streams *t, nsec now);	/* give up holes */
void streams_close(struct streams *t);		/* accepts NULL */

#endif
