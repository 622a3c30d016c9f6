/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datagram.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lru.h"

enum {
	IPV4_HEADER = 20, IPV6_HEADER = 40, FRAGMENT_HEADER = 8,
	IPV6_NEXT_HEADER_AT = 6, IPV6_FRAGMENT = 44, IPV6_EXTENSIONS_MAX = 8,
};

static bool ipv4_shape(const struct packet *p, struct fragment_shape *ret)
{
	ret->header = ret->payload = (uint32_t)(p->ip[0] & 0xf) * 4;
	return ret->header >= IPV4_HEADER;
}

/* The fragment header and the byte that announces it, RFC 8200 4.5; link_decap() walked there. */
static bool ipv6_shape(const struct packet *p, struct fragment_shape *ret)
{
	struct reader r = reader_over(p->ip, p->ip_captured, p->ip_length);
	uint8_t next;

	reader_skip(&r, IPV6_NEXT_HEADER_AT);
	next = reader_u8(&r);
	reader_skip(&r, IPV6_HEADER - IPV6_NEXT_HEADER_AT - 1);
	ret->next_header_at = IPV6_NEXT_HEADER_AT;
	ret->header = IPV6_HEADER;
	for (int i = 0; i < IPV6_EXTENSIONS_MAX && next != IPV6_FRAGMENT; i++) {
		uint32_t length;

		ret->next_header_at = ret->header;
		next = reader_u8(&r);
		length = reader_u8(&r) * UINT32_C(8) + 8;
		reader_skip(&r, length - 2);
		ret->header += length;
	}
	ret->next_header = reader_u8(&r);
	ret->payload = ret->header + FRAGMENT_HEADER;
	return next == IPV6_FRAGMENT && reader_ok(&r);
}

static uint32_t length_max(uint8_t version)
{
	return version == 4 ? 65535 : IPV6_HEADER + 65535;
}

bool fragment_shape(const struct packet *p, struct fragment_shape *ret,
		    struct datagram_key *ret_key)
{
	if (p->ip_captured == 0)
		return false;

	uint8_t version = p->ip[0] >> 4;

	*ret = (struct fragment_shape){ 0 };
	if (!(version == 4 ? ipv4_shape(p, ret) : ipv6_shape(p, ret)))
		return false;
	if (ret->payload > DATAGRAM_HEAD || ret->payload > p->ip_captured ||
	    ret->payload >= p->ip_length)
		return false;
	ret->length = p->ip_length - ret->payload;
	if (p->more && ret->length % 8 != 0)
		return false;
	if (ret->header + p->fragment_offset + ret->length > length_max(version))
		return false;
	*ret_key = (struct datagram_key){
		.src = p->src, .dst = p->dst, .id = p->ip_id, .network = p->network,
		.version = version, .protocol = version == 4 ? p->protocol : 0,
	};
	return true;
}

struct extent extent_of(const struct hash_key *key, const struct packet *p,
			const struct fragment_shape *s)
{
	uint32_t seen = p->ip_captured - s->payload;
	uint64_t content = hash_bytes(key, p->ip + s->payload, seen);

	uint64_t place = (uint64_t)p->fragment_offset << 32 | s->length << 1 | p->more;

	return (struct extent){
		.next = SLOT_NONE, .offset = p->fragment_offset, .length = s->length, .seen = seen,
		.print = (uint32_t)hash_2(key, content, place),
	};
}

bool extents_init(struct extents *t, uint32_t n)
{
	t->free = 0;
	t->all = malloc((size_t)n * sizeof(*t->all));
	for (uint32_t i = 0; t->all && i < n; i++)
		t->all[i].next = i + 1 < n ? i + 1 : SLOT_NONE;
	return t->all != NULL;
}

void extents_done(struct extents *t)
{
	free(t->all);
}

void extents_clear(struct extents *t, uint32_t *list)
{
	while (*list != SLOT_NONE) {
		uint32_t at = *list;

		*list = t->all[at].next;
		t->all[at].next = t->free;
		t->free = at;
	}
}

enum extent_fit extents_fit(const struct extents *t, const struct datagram *d,
			    const struct extent *x, bool more)
{
	uint32_t end = x->offset + x->length;

	for (uint32_t i = d->extents; i != SLOT_NONE; i = t->all[i].next) {
		const struct extent *y = &t->all[i];

		if (y->offset == x->offset && y->length == x->length && y->print == x->print)
			return EXTENT_REPEATED;
		if (y->offset < end && x->offset < y->offset + y->length)
			return EXTENT_CONFLICTS;
		if (!more && y->offset >= end)
			return EXTENT_CONFLICTS;
	}
	if (d->total != 0 && (!more || end >= d->total))
		return EXTENT_CONFLICTS;
	return EXTENT_FITS;
}

void extents_add(struct extents *t, struct datagram *d, const struct extent *x, bool more)
{
	uint32_t at = t->free;
	uint32_t *link = &d->extents;

	assert(at != SLOT_NONE);	/* each takes a block of the limit or more */
	t->free = t->all[at].next;
	while (*link != SLOT_NONE && t->all[*link].offset < x->offset)
		link = &t->all[*link].next;
	t->all[at] = *x;
	t->all[at].next = *link;
	*link = at;
	d->count++;
	d->bytes += x->length;
	if (!more)
		d->total = x->offset + x->length;
}

void datagram_head(struct datagram *d, const struct packet *p, const struct fragment_shape *s)
{
	if (d->head_length != 0 && p->fragment_offset != 0)
		return;
	d->head_is_first = p->fragment_offset == 0;
	d->head_length = p->ip_length;
	d->head_seen = p->ip_captured < DATAGRAM_HEAD ? p->ip_captured : DATAGRAM_HEAD;
	memcpy(d->head, p->ip, d->head_seen);
	d->header = s->header;
	d->next_header = s->next_header;
	d->next_header_at = s->next_header_at;
	d->protocol = p->protocol;
	d->hop_limit = p->hop_limit;
}

void datagram_sample(const struct datagram *d, struct packet *ret)
{
	if (ip_parse(d->head, d->head_seen, d->head_length, ret) != LINK_PACKET)
		*ret = (struct packet){
			.src = d->key.src, .dst = d->key.dst, .protocol = d->protocol,
			.hop_limit = d->hop_limit, .fragment = true, .ip_id = d->key.id,
			.ip = d->head, .ip_captured = d->head_seen, .ip_length = d->head_length,
		};
	ret->network = d->key.network;
}

uint32_t datagram_length_max(const struct datagram *d)
{
	return length_max(d->key.version);
}

/* Bytes from the start of the payload to the first that was not captured. */
static uint32_t seen_in_a_row(const struct datagram *d, const struct extents *t)
{
	uint32_t seen = 0;

	for (uint32_t i = d->extents; i != SLOT_NONE; i = t->all[i].next) {
		seen += t->all[i].seen;
		if (t->all[i].seen < t->all[i].length)
			break;
	}
	return seen;
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

bool datagram_finish(const struct datagram *d, const struct extents *t, uint8_t *whole,
		     struct packet *ret)
{
	uint32_t length = d->header + d->total;

	assert(d->head_is_first);
	memcpy(whole, d->head, d->header);
	if (d->key.version == 4) {
		put16(whole + 2, length);
		put16(whole + 6, 0);	/* flags and offset */
		put16(whole + 10, 0);	/* checksum: that of the first fragment is not this one's */
	} else {
		put16(whole + 4, length - IPV6_HEADER);
		whole[d->next_header_at] = d->next_header;
	}
	if (ip_parse(whole, d->header + seen_in_a_row(d, t), length, ret) != LINK_PACKET)
		return false;
	ret->network = d->key.network;
	return true;
}

void datagram_remember(struct datagram *d, const struct extents *t)
{
	uint32_t n = 0;

	for (uint32_t i = d->extents; i != SLOT_NONE && n < DATAGRAM_PRINTS; i = t->all[i].next)
		d->prints[n++] = t->all[i].print;
}

bool datagram_remembers(const struct datagram *d, const struct extent *x)
{
	if (d->count > DATAGRAM_PRINTS)
		return x->offset + x->length <= d->total;	/* too many to tell one by one */
	for (uint32_t i = 0; i < d->count; i++)
		if (d->prints[i] == x->print)
			return true;
	return false;
}
