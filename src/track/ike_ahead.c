/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Prefetches what the IKE messages of a batch will need: their places in the indices, then the IKE
 * SA and the path found there, then the tunnel and its latest child SA.  With many tunnels each
 * message would otherwise wait for all of them, one after the other.  It is only a guess: no result
 * depends on it.
 */
#include "track/tracker.h"

enum { UDP_HEADER = 8, MARKER = 4, SPIS = 16, LINE = 64 };

struct guess {
	uint32_t spis, path;	/* hashes; then what was found there, or NO_INDEX */
};

static void fetch(const void *object, size_t size)
{
	for (size_t at = 0; at < size; at += LINE)
		__builtin_prefetch((const char *)object + at, 1);
}

/* False: no IKE message, as it seems. */
static bool hashes_of(const struct tracker *t, const struct packet *p, struct guess *ret)
{
	struct reader r = p->payload;

	if (p->protocol != IP_UDP || r.left < UDP_HEADER + MARKER + SPIS)
		return false;

	struct endpoint src = { p->src, reader_u16(&r) }, dst = { p->dst, reader_u16(&r) };

	reader_skip(&r, UDP_HEADER - 2 * sizeof(uint16_t));

	uint64_t spi_i = reader_u64(&r);

	if (spi_i >> 32 == 0)		/* the marker, and half of the SPI */
		spi_i = spi_i << 32 | reader_u32(&r);
	ret->spis = (uint32_t)hash_2(&t->key, spi_i, reader_u64(&r));
	ret->path = path_hash(t, src, dst);
	return true;
}

static uint32_t first_of(const struct index *x, uint32_t hash)
{
	uint32_t at = hash;

	return index_next(x, hash, &at);
}

void ike_ahead(const struct tracker *t, const struct prepared *b, size_t from, size_t n)
{
	struct guess guess[BATCH];
	size_t k = 0;

	for (size_t i = from; i < from + n; i++)
		if (prepared_kind(&b->list[i]) == PREPARED_PACKET &&
		    hashes_of(t, &b->packets[b->list[i].packet], &guess[k])) {
			fetch(&t->ike_index.slot[guess[k].spis & t->ike_index.mask], 1);
			fetch(&t->path_index.slot[guess[k].path & t->path_index.mask], 1);
			k++;
		}
	for (size_t i = 0; i < k; i++) {
		struct guess *g = &guess[i];

		g->spis = first_of(&t->ike_index, g->spis);
		g->path = first_of(&t->path_index, g->path);
		if (g->spis != NO_INDEX)
			fetch(&t->ike_sas[g->spis], sizeof(*t->ike_sas));
		if (g->path != NO_INDEX)
			fetch(&t->paths[g->path], sizeof(*t->paths));
	}
	for (size_t i = 0; i < k; i++)
		if (guess[i].path != NO_INDEX) {
			uint32_t tunnel = t->paths[guess[i].path].tunnel;

			fetch(&t->tunnels[tunnel], sizeof(*t->tunnels));
			fetch(&t->tunnel_more[tunnel], sizeof(*t->tunnel_more));
		}
	for (size_t i = 0; i < k; i++) {
		uint32_t child =
			guess[i].spis == NO_INDEX ? NO_INDEX : t->ike_sas[guess[i].spis].children;

		if (child != NO_INDEX) {
			fetch(&t->child_sas[child], sizeof(*t->child_sas));
			fetch(&t->child_more[child], sizeof(*t->child_more));
		}
	}
}
