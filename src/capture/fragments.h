/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of datagrams whose fragments are arriving: which fragments came, whose may stay when
 * there is no room, and when to give up.  It does not keep their bytes: those are with the glue
 * (glue.h).  Policy: a datagram with overlapping fragments is refused with all that follows (RFC
 * 5722, for IPv4 too); an exact copy is ignored, also within a second after the datagram was whole
 * (a mirror that delivers twice).  Pairs of addresses with a tunnel that is up and all others have
 * separate shares; no destination may use more than a quarter of a share; over any limit the
 * oldest makes room.
 */
#ifndef SAWATCH_CAPTURE_FRAGMENTS_H
#define SAWATCH_CAPTURE_FRAGMENTS_H

#include <sawatch/hash.h>
#include <sawatch/reassemble.h>

#include "glue.h"

struct fragments;

struct fragments_setup {
	uint32_t datagrams, blocks;
	nsec timeout;
	struct hash_key key;
	const struct reassemble_handler *handler;	/* missing, known; borrowed */
	struct reassemble_counters *counters;
	struct glue *v4, *v6;
};

enum { FRAGMENTS_WHOLE_MAX = 40 + 65535 };	/* IPv6: the payload length is without the header */

/* Slots in the glue that `datagrams` unfinished ones take. */
uint32_t fragments_slots(uint32_t datagrams);

struct fragments *fragments_open(const struct fragments_setup *s);	/* NULL: no memory */

/*
 * True when `p` completes a datagram: it is in `whole` (FRAGMENTS_WHOLE_MAX
 * bytes), and *ret borrows from there.
 */
bool fragments_add(struct fragments *t, nsec now, const struct frame *f, const struct packet *p,
		   uint8_t *whole, struct packet *ret);

/* Give up the datagrams that began longer ago than the timeout; `missing` is called for each. */
void fragments_expire(struct fragments *t, nsec now);
void fragments_forget(struct fragments *t);	/* drop all; `missing` is not called */
void fragments_close(struct fragments *t);	/* accepts NULL */

#endif
