/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * plain_esp_parse() is a short cut that gives the same answers as link_decap()
 * and what follows it here.  Tests hold the two against each other.
 */
#include "track/prepare.h"

#include <string.h>

#include <sawatch/esp.h>
#include <sawatch/plain_esp.h>
#include <sawatch/record.h>
#include <sawatch/udp.h>

/*
 * Frames of a mapped file follow each other in memory, so what lies so far behind the one that is
 * prepared is about to be read: a batch of 256 of the shortest.  It comes from memory meanwhile.
 */
enum { AHEAD = 20480 };

static void count(struct prepared_counts *c, enum verdict v)
{
	if (v == VERDICT_CUT)
		c->cut++;
	else if (v == VERDICT_MALFORMED)
		c->malformed++;
}

/* What is left of the packet is an ESP or AH header. */
static enum prepared_kind prepare_sa(struct prepared *b, const struct hash_key *key,
				     struct packet *p, enum esp_protocol protocol,
				     const struct udp_header *u, struct prepared_frame *ret)
{
	unsigned encap = u ? ENCAP_UDP : ENCAP_NONE;
	struct esp_header h;
	enum verdict v =
		protocol == PROTOCOL_AH ? ah_parse(&p->payload, &h) : esp_parse(&p->payload, &h);

	if (v != VERDICT_OK) {
		count(&b->counts, v);
		return PREPARED_NOTHING;
	}
	ret->src = p->src;
	ret->dst = p->dst;
	ret->hash = (uint32_t)sa_hash(key, &p->src, &p->dst, h.spi, protocol, encap);
	ret->spi = h.spi;
	ret->seq = h.seq;
	ret->bytes = (uint16_t)p->ip_length;
	ret->src_port = u ? u->src_port : 0;
	ret->dst_port = u ? u->dst_port : 0;
	ret->protocol = (uint8_t)protocol;
	ret->encap = (uint8_t)encap;
	return PREPARED_ESP;
}

/*
 * A UDP datagram: ESP is taken apart, everything else is the tracker's.  The
 * packet's own reader is used and set back, because a copy of a structure that
 * was written this moment stalls the processor.
 */
static enum prepared_kind prepare_udp(struct prepared *b, const struct hash_key *key,
				      struct packet *p, struct prepared_frame *ret)
{
	struct reader *r = &p->payload;
	const uint8_t *at = r->at;
	size_t left = r->left, unseen = r->unseen;
	struct udp_header u;

	if (udp_parse(r, &u) == VERDICT_OK &&
	    (u.src_port == PLAIN_NATT_PORT || u.dst_port == PLAIN_NATT_PORT) &&
	    udp_classify(&u, r) == UDP_ESP)
		return prepare_sa(b, key, p, PROTOCOL_ESP, &u, ret);
	r->at = at;
	r->left = left;
	r->unseen = unseen;
	r->verdict = VERDICT_OK;
	return PREPARED_PACKET;
}

static enum prepared_kind prepare_packet(struct prepared *b, const struct hash_key *key,
					 struct packet *p, struct prepared_frame *ret)
{
	if (p->fragment)
		return PREPARED_FRAGMENT;
	if (p->ip_length > UINT16_MAX)	/* of an offload, or a jumbogram */
		return PREPARED_PACKET;
	switch (p->protocol) {
	case IP_ESP:
		return prepare_sa(b, key, p, PROTOCOL_ESP, NULL, ret);
	case IP_AH:
		return prepare_sa(b, key, p, PROTOCOL_AH, NULL, ret);
	case IP_UDP:
		return prepare_udp(b, key, p, ret);
	case IP_TCP:
	case IP_ICMP:
	case IP_ICMPV6:
		return PREPARED_PACKET;
	default:
		b->counts.other++;
		return PREPARED_NOTHING;
	}
}

static void prepare_any(struct prepared *b, const struct hash_key *key, const struct frame *f,
			struct prepared_frame *ret)
{
	struct packet *p = &b->packets[b->n_packets];
	enum prepared_kind kind = PREPARED_NOTHING;

	switch (link_decap(f, p)) {
	case LINK_PACKET:
		kind = prepare_packet(b, key, p, ret);
		if (kind == PREPARED_PACKET || kind == PREPARED_FRAGMENT)
			ret->packet = (uint32_t)b->n_packets++;
		break;
	case LINK_NOT_IP:
		b->counts.not_ip++;
		break;
	case LINK_CUT:
		b->counts.cut++;
		break;
	case LINK_MALFORMED:
		b->counts.malformed++;
		break;
	case LINK_UNSUPPORTED:
		b->counts.unsupported++;
		break;
	case LINK_TOO_DEEP:
		b->counts.too_deep++;
		break;
	}
	ret->tag = prepared_tag(kind, kind == PREPARED_ESP ? p->network : 0);
}

void prepare_closely(struct prepared *p, const struct hash_key *key, size_t i)
{
	prepare_any(p, key, &p->frames[i], &p->list[i]);
}

/* Once for each `encap`, so that what is not in UDP does not carry ports along. */
static inline __attribute__((always_inline)) void
prepare_plain(const struct hash_key *key, const struct plain_esp *p, unsigned encap,
	      struct prepared_frame *ret)
{
	ret->src = p->src;
	ret->dst = p->dst;
	ret->hash = (uint32_t)sa_hash(key, &p->src, &p->dst, p->spi, PROTOCOL_ESP, encap);
	ret->spi = p->spi;
	ret->seq = p->seq;
	ret->src_port = encap == ENCAP_UDP ? p->src_port : 0;
	ret->dst_port = encap == ENCAP_UDP ? p->dst_port : 0;
	ret->bytes = (uint16_t)p->ip_length;
	ret->protocol = PROTOCOL_ESP;
	ret->encap = (uint8_t)encap;
	ret->tag = prepared_tag(PREPARED_ESP, p->network);
}

static inline void prepare(struct prepared *b, const struct hash_key *key, const struct frame *f,
			   struct prepared_frame *ret)
{
	struct plain_esp p;

	ret->at = f->at;
	switch (plain_esp_parse(f, &p)) {
	case PLAIN_UNKNOWN:
		prepare_any(b, key, f, ret);
		break;
	case PLAIN_OTHER:
		ret->tag = PREPARED_OTHER;
		break;
	case PLAIN_ESP:
		/*
		 * NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Branch): whoever says PLAIN_ESP
		 * has set it
		 */
		if (p.in_udp)
			prepare_plain(key, &p, ENCAP_UDP, ret);
		else
			prepare_plain(key, &p, ENCAP_NONE, ret);
		break;
	}
}

void prepare_frames(struct prepared *ret, const struct hash_key *key, const struct frame *frames,
		    size_t n)
{
	uint64_t bytes = 0;

	ret->frames = frames;
	ret->n = n;
	ret->n_packets = 0;
	ret->capture = n > 0 ? frames[0].capture : 0;
	ret->key = *key;
	ret->in_row = false;
	ret->counts = (struct prepared_counts){ 0 };
	for (size_t i = 0; i < n; i++) {
		bytes += frames[i].length;
		__builtin_prefetch((const void *)((uintptr_t)frames[i].data + AHEAD));
		prepare(ret, key, &frames[i], &ret->list[i]);
	}
	ret->bytes = bytes;
}

void prepared_for_another_core(struct prepared *p)
{
	const struct frame *f = p->frames;
	uint64_t astray = 0;

	for (size_t i = 0; i < p->n; i++)
		astray |= f[i].number - f[0].number - i;
	p->in_row = astray == 0;
}

/* ESP was taken apart; of a frame of others the tracker may want to know more. */
static bool needs_bytes(const struct prepared_frame *f)
{
	enum prepared_kind kind = prepared_kind(f);

	return kind == PREPARED_PACKET || kind == PREPARED_FRAGMENT || kind == PREPARED_OTHER;
}

/* What pointed into `from` points to the same byte of `to`. */
static const uint8_t *moved(const uint8_t *at, const uint8_t *from, const uint8_t *to)
{
	return at ? to + (at - from) : NULL;
}

size_t prepared_keep_bytes(struct prepared *p, struct frame *frames, uint8_t *room, size_t size)
{
	size_t needed = 0;

	for (size_t i = 0; i < p->n; i++)
		if (needs_bytes(&p->list[i]))
			needed += frames[i].captured;
	if (needed > size)
		return needed;
	for (size_t i = 0; i < p->n; i++) {
		const uint8_t *from = frames[i].data;

		frames[i].data = NULL;
		if (!needs_bytes(&p->list[i]))
			continue;
		if (frames[i].captured > 0)
			memcpy(room, from, frames[i].captured);
		frames[i].data = room;
		room += frames[i].captured;
		if (prepared_kind(&p->list[i]) == PREPARED_OTHER)
			continue;

		struct packet *packet = &p->packets[p->list[i].packet];

		packet->ip = moved(packet->ip, from, frames[i].data);
		packet->payload.at = moved(packet->payload.at, from, frames[i].data);
	}
	return needed;
}
