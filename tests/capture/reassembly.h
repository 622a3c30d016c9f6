/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets in pieces, and a record of what a reassembler made of them. */
#ifndef TESTS_CAPTURE_REASSEMBLY_H
#define TESTS_CAPTURE_REASSEMBLY_H

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sawatch/reassemble.h>

enum { SEEN_MAX = 4096 };

#define T0 (INT64_C(1790000000) * NSEC_PER_S)

/* What came out. */
struct seen {
	struct reassembler *r;
	unsigned packets, missing, messages;
	uint32_t seed[SEEN_MAX];	/* of each whole payload or message, see payload_fill() */
	uint32_t length[SEEN_MAX];
	bool is_ike[SEEN_MAX];
	uint32_t captured;		/* of the latest packet */
	struct packet packet;		/* the latest; `ip` and `payload` are gone */
	uint64_t frame, missing_frame;
	struct addr missing_src;
	uint32_t missing_bytes;
	uint16_t src_port, dst_port;
	bool (*known)(struct addr a, struct addr b);
	bool jumbled;			/* packets are no payload of ours: keep a sum in `seed` */
};

static inline uint32_t mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352d;
	x ^= x >> 15;
	x *= 0x846ca68b;
	return x ^ x >> 16;
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline void put32(uint8_t *at, uint32_t v)
{
	put16(at, v >> 16);
	put16(at + 2, v);
}

/* Bytes that tell who they are, where they belong, and how many there are. */
static inline void payload_fill(uint8_t *at, uint32_t length, uint32_t seed)
{
	assert_true(length >= 8);
	for (uint32_t i = 0; i < length; i++)
		at[i] = (uint8_t)(mix(seed + i / 4) >> (i & 3));
	put32(at, seed);
	put32(at + 4, length);
}

static inline void payload_check(const uint8_t *at, uint32_t length)
{
	uint8_t *want = malloc(length);

	assert_int_equal(get32(at + 4), length);
	payload_fill(want, length, get32(at));
	assert_memory_equal(at, want, length);
	free(want);
}

static inline void seen_add(struct seen *s, unsigned at, uint32_t seed, uint32_t length)
{
	if (at < SEEN_MAX) {
		s->seed[at] = seed;
		s->length[at] = length;
	}
}

static inline void on_packet(void *user, const struct frame *f, const struct packet *p)
{
	struct seen *s = user;

	s->packet = *p;
	s->frame = f->number;
	s->captured = p->ip_captured;
	if (s->jumbled) {
		uint32_t sum = 0;

		for (uint32_t i = 0; i < p->ip_captured; i++)
			sum = mix(sum + p->ip[i]);
		seen_add(s, s->packets++, sum, p->ip_length);
		return;
	}
	if (p->ip_captured == p->ip_length)
		payload_check(p->payload.at, (uint32_t)p->payload.left);
	seen_add(s, s->packets++, get32(p->payload.at), (uint32_t)reader_remaining(&p->payload));
}

static inline void on_message(void *user, const struct frame *f, const struct packet *p,
			      uint16_t src_port, uint16_t dst_port, bool is_ike,
			      struct bytes message)
{
	struct seen *s = user;

	s->frame = f->number;
	s->packet = *p;
	s->src_port = src_port;
	s->dst_port = dst_port;
	if (s->messages < SEEN_MAX)
		s->is_ike[s->messages] = is_ike;
	/* the header comes first; behind it is who it is */
	seen_add(s, s->messages++, get32(message.data + (is_ike ? 28 : 8)),
		 (uint32_t)message.length);
}

static inline void on_missing(void *user, nsec at, const struct packet *first_seen, uint64_t frame,
			      uint32_t bytes_seen)
{
	struct seen *s = user;

	(void)at;
	s->missing++;
	s->missing_frame = frame;
	s->missing_src = first_seen->src;
	s->missing_bytes = bytes_seen;
	s->packet = *first_seen;
}

static inline bool on_known(void *user, struct addr a, struct addr b)
{
	return ((struct seen *)user)->known(a, b);
}

static inline struct seen *seen_open(const struct reassemble_limits *l,
				     bool (*known)(struct addr, struct addr))
{
	struct seen *s = calloc(1, sizeof(*s));
	struct err e = { "" };
	const struct reassemble_handler h = {
		.user = s, .packet = on_packet, .message = on_message, .missing = on_missing,
		.known = known ? on_known : NULL,
	};

	s->known = known;
	s->r = reassembler_open(l, &h, &e);
	assert_string_equal(e.text, "");
	assert_non_null(s->r);
	return s;
}

static inline void seen_close(struct seen *s)
{
	reassembler_close(s->r);
	free(s);
}

static inline struct reassemble_counters counters_of(const struct seen *s)
{
	struct reassemble_counters c;

	reassemble_counters(s->r, &c);
	return c;
}

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static inline size_t memory_used(void)
{
	if (__sanitizer_get_current_allocated_bytes)	/* its allocator is not in mallinfo2() */
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks;
}

/* A datagram that is sent in pieces. */
struct datagram_sent {
	bool v6;
	uint32_t src, dst, id, length, seed;
	uint8_t protocol;
};

/* The IP packet with bytes `from`..`to` of its payload, in an exact-size heap copy; 0 `protocol` is
 * ESP. */
static inline uint8_t *fragment_make(const struct datagram_sent *d, uint32_t from, uint32_t to,
				     uint32_t *ret_length)
{
	uint32_t header = d->v6 ? 48 : 20, length = header + to - from;
	uint8_t *payload = malloc(d->length), *ip = calloc(1, length);
	uint8_t protocol = d->protocol ? d->protocol : IP_ESP;
	bool more = to < d->length;

	payload_fill(payload, d->length, d->seed);
	memcpy(ip + header, payload + from, to - from);
	free(payload);
	if (d->v6) {
		ip[0] = 0x60;
		put16(ip + 4, length - 40);
		ip[6] = 44;
		ip[7] = 64;
		put32(ip + 8, 0x20010db8);
		put32(ip + 20, d->src);
		put32(ip + 24, 0x20010db8);
		put32(ip + 36, d->dst);
		ip[40] = protocol;
		put16(ip + 42, from | more);
		put32(ip + 44, d->id);
	} else {
		ip[0] = 0x45;
		put16(ip + 2, length);
		put16(ip + 4, d->id);
		put16(ip + 6, from / 8 | (more ? 0x2000 : 0));
		ip[8] = 64;
		ip[9] = protocol;
		put32(ip + 12, d->src);
		put32(ip + 16, d->dst);
	}
	*ret_length = length;
	return ip;
}

/* Feed an IP packet of which `captured` bytes were seen. */
static inline void packet_feed(struct seen *s, nsec at, uint64_t number, const uint8_t *ip,
			       uint32_t captured, uint32_t length)
{
	uint8_t *exact = malloc(captured);
	struct packet p = { 0 };
	struct frame f = {
		.at = at,
		.number = number,
		.captured = captured,
		.length = length,
		.link_type = LINK_RAW,
		.data = exact,
	};

	memcpy(exact, ip, captured);
	assert_int_equal(ip_parse(exact, captured, length, &p), LINK_PACKET);
	if (p.fragment)
		reassemble_fragment(s->r, &f, &p);
	else
		reassemble_segment(s->r, &f, &p);
	free(exact);
}

static inline void fragment_feed(struct seen *s, nsec at, uint64_t number,
				 const struct datagram_sent *d, uint32_t from, uint32_t to)
{
	uint32_t length;
	uint8_t *ip = fragment_make(d, from, to, &length);

	packet_feed(s, at, number, ip, length, length);
	free(ip);
}

#endif
