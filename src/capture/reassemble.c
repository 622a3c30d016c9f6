/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The front: limits, the choice of engines, and the clock. */
#include <sawatch/reassemble.h>

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

#include "blocks.h"
#include "fragments.h"
#include "glue.h"
#include "streams.h"

enum {
	DATAGRAMS = 4096, STREAMS = 1024, BYTES = 16 << 20,
	DATAGRAMS_MIN = 64, DATAGRAMS_MAX = 1 << 20, STREAMS_MIN = 8, STREAMS_MAX = 1 << 18,
	BLOCKS_MIN = 2048,	/* for either half: the largest datagram in the smallest share */
	DEPTH_MAX = 4,		/* a datagram made of one that was in one … */
};

static const nsec TIMEOUT = 30 * NSEC_PER_S;

struct reassembler {
	struct reassemble_handler handler;
	struct reassemble_counters counters;
	struct glue *own, *nids;	/* nids: NULL when our own does everything */
	struct fragments *fragments;
	struct streams *streams;
	nsec timeout;
	nsec latest;			/* packet time so far */
	unsigned depth;			/* of handlers that feed something back in */
	uint8_t *whole[DEPTH_MAX];
};

static uint32_t limit(uint32_t wanted, uint32_t otherwise, uint32_t min, uint32_t max)
{
	if (wanted == 0)
		wanted = otherwise;
	return wanted < min ? min : wanted > max ? max : wanted;
}

static bool fill(struct reassembler *r, const struct reassemble_limits *l, struct err *e)
{
	uint32_t datagrams = limit(l->datagrams, DATAGRAMS, DATAGRAMS_MIN, DATAGRAMS_MAX);
	uint32_t streams = limit(l->streams, STREAMS, STREAMS_MIN, STREAMS_MAX);
	uint32_t blocks = limit(l->bytes, BYTES, 0, UINT32_MAX) / 2 / BLOCK_BYTES;
	struct hash_key key;
	struct err why = { "" };

	if (blocks < BLOCKS_MIN)
		blocks = BLOCKS_MIN;
	if (getrandom(&key, sizeof(key), 0) != (ssize_t)sizeof(key))
		return err_set(e, "no random numbers from the operating system");

	const struct glue_size size = {
		.datagrams = fragments_slots(datagrams), .fragment_blocks = blocks,
		.flows = streams * 2, .flow_blocks = blocks,
	};

	r->nids = nids_open(&size, &why);
	if (why.text[0] != '\0')
		return err_set(e, "%s", why.text);
	r->own = glue_open(&size);
	if (!r->own)
		return err_set(e, "no memory for reassembly");

	struct glue *first = r->nids ? r->nids : r->own;

	r->fragments = fragments_open(&(struct fragments_setup){
		.datagrams = datagrams, .blocks = blocks, .timeout = r->timeout, .key = key,
		.handler = &r->handler, .counters = &r->counters, .v4 = first, .v6 = r->own,
	});
	r->streams = streams_open(&(struct streams_setup){
		.streams = streams, .blocks = blocks, .key = key, .handler = &r->handler,
		.counters = &r->counters, .glue = first,
	});
	for (int i = 0; i < DEPTH_MAX; i++) {
		r->whole[i] = malloc(FRAGMENTS_WHOLE_MAX);
		if (!r->whole[i])
			return err_set(e, "no memory for reassembly");
	}
	if (!r->fragments || !r->streams)
		return err_set(e, "no memory for reassembly");
	return true;
}

struct reassembler *reassembler_open(const struct reassemble_limits *l,
				     const struct reassemble_handler *h, struct err *e)
{
	struct reassembler *r = calloc(1, sizeof(*r));

	assert(h->packet && h->message);
	if (!r) {
		err_set(e, "no memory for reassembly");
		return NULL;
	}
	r->handler = *h;
	r->timeout = l->timeout > 0 ? l->timeout : TIMEOUT;
	r->latest = NSEC_NONE;
	if (!fill(r, l, e)) {
		reassembler_close(r);
		return NULL;
	}
	return r;
}

/* Packets may come a little out of order; time does not.  A clock that was set back starts over. */
static nsec clock_at(struct reassembler *r, nsec at)
{
	if (r->latest == NSEC_NONE || at > r->latest) {
		r->latest = at;
	} else if (r->latest - at > r->timeout) {
		fragments_forget(r->fragments);
		r->latest = at;
	}
	return r->latest;
}

/* A fragmented envelope hid what it carries.  False: it is none, or nothing in it is IP. */
static bool carried(const struct packet *whole, struct packet *ret)
{
	if (ip_decap(whole->ip, whole->ip_captured, whole->ip_length, ret) != LINK_PACKET ||
	    ret->depth == 0)
		return false;
	ret->depth = (uint8_t)(ret->depth + whole->depth);
	if (ret->network == 0)
		ret->network = whole->network;
	return true;
}

void reassemble_fragment(struct reassembler *r, const struct frame *f, const struct packet *p)
{
	struct packet whole, inner;

	if (r->depth == DEPTH_MAX) {
		r->counters.refused++;
		return;
	}
	if (!fragments_add(r->fragments, clock_at(r, f->at), f, p, r->whole[r->depth], &whole))
		return;
	r->depth++;
	if (!carried(&whole, &inner))
		r->handler.packet(r->handler.user, f, &whole);
	else if (inner.fragment)
		reassemble_fragment(r, f, &inner);
	else
		r->handler.packet(r->handler.user, f, &inner);
	r->depth--;
}

void reassemble_segment(struct reassembler *r, const struct frame *f, const struct packet *p)
{
	streams_segment(r->streams, clock_at(r, f->at), f, p);
}

void reassemble_tick(struct reassembler *r, nsec now)
{
	now = clock_at(r, now);
	fragments_expire(r->fragments, now);
	streams_tick(r->streams, now);
}

void reassemble_counters(const struct reassembler *r, struct reassemble_counters *ret)
{
	*ret = r->counters;
}

void reassembler_close(struct reassembler *r)
{
	if (!r)
		return;
	fragments_close(r->fragments);
	streams_close(r->streams);
	if (r->nids)
		r->nids->close(r->nids);
	if (r->own)
		r->own->close(r->own);
	for (int i = 0; i < DEPTH_MAX; i++)
		free(r->whole[i]);
	free(r);
}
