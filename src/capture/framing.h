/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The messages in what came out of a stream in order, and the search for the
 * framing when it is lost; see tcpencap.h for the framing itself.
 */
#ifndef SAWATCH_CAPTURE_FRAMING_H
#define SAWATCH_CAPTURE_FRAMING_H

#include "stream_table.h"

/*
 * `n` bytes came out in order; they stand in t->scratch, behind room for what is
 * pending.  `p` is the segment that let them out.
 */
void framing_read(struct streams *t, struct stream *s, struct direction *d, const struct packet *p,
		  uint32_t n);

#endif
