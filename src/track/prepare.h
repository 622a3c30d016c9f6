/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What batch.c needs of prepare.c besides the public part.  Private to src/track. */
#ifndef SAWATCH_TRACK_PREPARE_H
#define SAWATCH_TRACK_PREPARE_H

#include <sawatch/prepare.h>

/* Prepare frame number `i` of `p` again, in full: ports learnt since may make it ESP (RFC 3948). */
void prepare_closely(struct prepared *p, const struct hash_key *key, size_t i);

/* The hash of an ESP or AH SA, of which the index uses the lower half. */
static inline uint64_t sa_hash(const struct hash_key *key, const struct addr *src,
			       const struct addr *dst, uint32_t spi, unsigned protocol,
			       unsigned encap)
{
	return hash_5(key, src->high, src->low, dst->high, dst->low,
		      (uint64_t)spi << 16 | protocol << 8 | encap);
}

#endif
