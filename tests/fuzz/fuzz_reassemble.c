/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fragments and TCP segments in any order, to libnids and to our own engine:
 * both must give the same.  The input is a program of fixed steps: which
 * packet, which part of it, when.
 */
#include <sawatch/reassemble.h>

#include "property.h"
#include "wire/frames.h"

enum { STEPS_MAX = 400, PART_MAX = 480, STREAM_LEN = 1 << 16 };

/* One of the two, and all that came out of it. */
struct side {
	struct reassembler *r;
	uint64_t sum;		/* of everything, in its order */
};

static void fold(struct side *s, uint64_t v)
{
	s->sum = (s->sum ^ v) * UINT64_C(0x100000001b3);
	s->sum ^= s->sum >> 29;
}

static void fold_bytes(struct side *s, struct bytes b)
{
	fold(s, b.length);
	for (size_t i = 0; i < b.length; i++)
		fold(s, b.data[i]);
}

static void fold_packet(struct side *s, const struct packet *p)
{
	fold(s, p->src.low);
	fold(s, p->dst.low);
	fold(s, p->protocol);
	fold(s, p->ip_length);
	fold(s, p->hop_limit);
}

static void on_packet(void *user, const struct frame *f, const struct packet *p)
{
	struct side *s = user;

	MUST(!p->fragment && p->ip_captured <= p->ip_length);
	fold(s, f->number);
	fold_packet(s, p);
	fold_bytes(s, (struct bytes){ p->ip, p->ip_captured });
	if (p->protocol == IP_TCP)
		reassemble_segment(s->r, f, p);
}

static void on_message(void *user, const struct frame *f, const struct packet *p, uint16_t src_port,
		       uint16_t dst_port, bool is_ike, struct bytes message)
{
	struct side *s = user;

	MUST(message.length > 0);
	fold(s, f->number);
	fold_packet(s, p);
	fold(s, (uint64_t)src_port << 16 | dst_port);
	fold(s, is_ike);
	fold_bytes(s, message);
}

static void on_missing(void *user, nsec at, const struct packet *first_seen, uint64_t frame,
		       uint32_t bytes_seen)
{
	struct side *s = user;

	fold(s, (uint64_t)at);
	fold(s, frame);
	fold(s, bytes_seen);
	fold_packet(s, first_seen);
}

static bool on_known(void *user, struct addr a, struct addr b)
{
	(void)user;
	return ((a.low ^ b.low) & 3) == 1;
}

static void side_open(struct side *s)
{
	/* as small as it gets, so that limits are reached */
	const struct reassemble_limits limits = {
		.datagrams = 1, .bytes = 1, .streams = 1, .timeout = 5 * NSEC_PER_S,
	};
	const struct reassemble_handler h = {
		.user = s, .packet = on_packet, .message = on_message, .missing = on_missing,
		.known = on_known,
	};
	struct err e = { "" };

	*s = (struct side){ .r = reassembler_open(&limits, &h, &e) };
	MUST(s->r);
}

/* What a stream carries at each place: messages of 200 bytes, every fourth of them IKE. */
static const uint8_t *stream_bytes(void)
{
	static uint8_t bytes[STREAM_LEN + PART_MAX];

	if (bytes[1] != 0)
		return bytes;
	for (size_t at = 0, n = 0; at + 200 <= sizeof(bytes); at += 200, n++) {
		uint8_t *m = bytes + at;

		memset(m, 0x5a, 200);
		put16(m, 200);
		if (n % 4 == 0) {
			memset(m + 2, 0, 4);
			m[6 + 16] = 46;
			m[6 + 17] = 0x20;
			m[6 + 18] = 35;
			m[6 + 19] = 0x08;
			put32(m + 6 + 24, 194);
		} else {
			put32(m + 2, 0xc0de0001);
			put32(m + 6, (uint32_t)n);
		}
	}
	return bytes;
}

struct step {
	uint8_t what, which, flags;
	uint16_t place, length;
};

static struct built segment_of(const struct step *s)
{
	uint8_t segment[20 + 480] = { 0 };
	uint32_t length = s->length % 481;

	put16(segment, s->which & 1 ? 4500u : 1000u + (s->which >> 1 & 3));
	put16(segment + 2, s->which & 1 ? 1000u + (s->which >> 1 & 3) : 4500u);
	put32(segment + 4, 0xffffff00u + s->place + (s->flags & 0x40 ? 0x10000u : 0));
	segment[12] = 0x50;
	segment[13] = s->flags & 0x17;
	memcpy(segment + 20, stream_bytes() + s->place % STREAM_LEN, length);
	return built_from(segment, 20 + length);
}

/*
 * Fragments lie on a grid of 8 bytes; what they carry depends on the place, or with a flag does
 * not.
 */
static struct built fragment_of(const struct step *s, unsigned *ret_offset)
{
	uint8_t bytes[512];
	uint32_t offset = s->place % 0x2000, length = 1 + s->length % 512;

	if (!(s->flags & 0x80))
		offset %= 8;
	if (s->flags & 1)
		length = (length + 7) & ~7u;
	if (length > 512)
		length = 512;
	for (uint32_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)((offset * 8 + i) * 7 + (s->flags >> 1 & 1));
	*ret_offset = offset * 8;
	return built_from(bytes, length);
}

static struct built packet_of(const struct step *s)
{
	uint32_t src = 0x0a000001 + (s->which >> 4 & 3), dst = 0x0a000010 + (s->which >> 6 & 3);
	bool v6 = s->flags & 0x20;
	struct built b;
	unsigned offset;

	if (s->what % 2 == 0) {
		b = segment_of(s);
		if (v6)
			wrap_ipv6(&b, IP_TCP, s->which & 1 ? dst : src, s->which & 1 ? src : dst);
		else
			wrap_ipv4(&b, IP_TCP, s->which & 1 ? dst : src, s->which & 1 ? src : dst);
		return b;
	}
	b = fragment_of(s, &offset);
	if (v6) {
		wrap_ipv6_fragment(&b, IP_UDP, offset, s->flags & 1, s->which & 7u);
		wrap_ipv6(&b, 44, src, dst);
	} else {
		uint8_t protocol = s->which & 8 ? IP_IPIP : s->flags & 8 ? IP_TCP : IP_UDP;

		wrap_ipv4(&b, protocol, src, dst);
		put16(built_data(&b) + 4, s->which & 7u);
		put16(built_data(&b) + 6, offset / 8 | (s->flags & 1 ? 0x2000u : 0));
	}
	return b;
}

static void feed(struct side *s, const struct frame *f)
{
	struct packet p;

	if (link_decap(f, &p) != LINK_PACKET)
		return;
	if (p.fragment)
		reassemble_fragment(s->r, f, &p);
	else if (p.protocol == IP_TCP)
		reassemble_segment(s->r, f, &p);
}

static void run(struct side *a, struct side *b, const uint8_t *at, const uint8_t *end)
{
	nsec now = INT64_C(1700000000) * NSEC_PER_S;

	for (uint64_t number = 1; at < end && number <= STEPS_MAX; number++) {
		struct step s;

		s.what = take(&at, end);
		s.which = take(&at, end);
		s.flags = take(&at, end);
		s.place = (uint16_t)(take(&at, end) << 8);
		s.place = (uint16_t)(s.place | take(&at, end));
		s.length = (uint16_t)(take(&at, end) << 3);

		/* 0..31: by milliseconds; then by seconds; the last steps back */
		nsec span = (s.what >> 1 & 31) * NSEC_PER_MS;

		if (s.what >= 0xc0)
			span = span * 1000;
		now += s.what >= 0xf8 ? -span : span;

		struct built packet = packet_of(&s);
		size_t captured =
			s.flags & 4 && packet.length > 60 ? packet.length - 9 : packet.length;
		uint8_t *copy = exact_copy(built_data(&packet), captured);
		const struct frame f = {
			.at = now, .number = number, .captured = (uint32_t)captured,
			.length = (uint32_t)packet.length, .link_type = LINK_RAW, .data = copy,
		};

		feed(a, &f);
		feed(b, &f);
		free(copy);
		reassemble_tick(a->r, now);
		reassemble_tick(b->r, now);
		MUST(a->sum == b->sum);
	}
	reassemble_tick(a->r, now + 60 * NSEC_PER_S);
	reassemble_tick(b->r, now + 60 * NSEC_PER_S);
	MUST(a->sum == b->sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct side a, b;
	struct reassemble_counters x, y;

	side_open(&a);		/* libnids, when it is built in: the first that is open has it */
	side_open(&b);
	run(&a, &b, data, data + size);
	reassemble_counters(a.r, &x);
	reassemble_counters(b.r, &y);
	MUST(memcmp(&x, &y, sizeof(x)) == 0);
	reassembler_close(b.r);
	reassembler_close(a.r);
	return 0;
}
