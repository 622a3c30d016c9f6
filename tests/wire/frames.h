/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames built by hand, from the inside out: start with a payload, then wrap
 * it in header after header.  Lengths are those of what is inside.
 */
#ifndef SAWATCH_TESTS_WIRE_FRAMES_H
#define SAWATCH_TESTS_WIRE_FRAMES_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct built {
	uint8_t room[4096];
	size_t start;		/* of the frame within `room` */
	size_t length;
};

static inline struct built built_from(const void *payload, size_t length)
{
	struct built b = { .start = sizeof(b.room) - 512, .length = length };

	assert(length <= 512);
	if (length > 0)
		memcpy(b.room + b.start, payload, length);
	return b;
}

static inline uint8_t *built_data(struct built *b)
{
	return b->room + b->start;
}

/* `length` zeroed bytes in front of what is there. */
static inline uint8_t *built_wrap(struct built *b, size_t length)
{
	assert(length <= b->start);
	b->start -= length;
	b->length += length;
	memset(b->room + b->start, 0, length);
	return b->room + b->start;
}

/* Bytes behind what is there: padding of the link layer. */
static inline void built_pad(struct built *b, uint8_t value, size_t length)
{
	assert(b->start + b->length + length <= sizeof(b->room));
	memset(b->room + b->start + b->length, value, length);
	b->length += length;
}

static inline void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

enum { BUILT_SPI = 0xc1d2e3f4, BUILT_SEQ = 7, BUILT_SRC = 0x0a000001, BUILT_DST = 0x0a000002 };

/* An ESP packet without its IP header: SPI, sequence number, 24 bytes nobody can read. */
static inline struct built built_esp(void)
{
	uint8_t esp[32];

	memset(esp, 0xa5, sizeof(esp));
	put32(esp, (uint32_t)BUILT_SPI);
	put32(esp + 4, BUILT_SEQ);
	return built_from(esp, sizeof(esp));
}

static inline void wrap_ipv4(struct built *b, uint8_t protocol, uint32_t src, uint32_t dst)
{
	size_t total = b->length + 20;
	uint8_t *h = built_wrap(b, 20);

	h[0] = 0x45;
	put16(h + 2, (unsigned)total);
	put16(h + 4, 0x1234);
	h[8] = 64;
	h[9] = protocol;
	put32(h + 12, src);
	put32(h + 16, dst);
}

/* From 2001:db8::<src> to 2001:db8::<dst>, both as the last 32 bits. */
static inline void wrap_ipv6(struct built *b, uint8_t next, uint32_t src, uint32_t dst)
{
	size_t length = b->length;
	uint8_t *h = built_wrap(b, 40);

	h[0] = 0x60;
	put16(h + 4, (unsigned)length);
	h[6] = next;
	h[7] = 64;
	put32(h + 8, 0x20010db8);
	put32(h + 20, src);
	put32(h + 24, 0x20010db8);
	put32(h + 36, dst);
}

/* An IPv6 extension header of 8 + 8 * `more` bytes. */
static inline void wrap_extension(struct built *b, uint8_t next, uint8_t more)
{
	uint8_t *h = built_wrap(b, 8 + 8 * (size_t)more);

	h[0] = next;
	h[1] = more;
}

static inline void wrap_ipv6_fragment(struct built *b, uint8_t next, unsigned offset_bytes,
				      int more, uint32_t id)
{
	uint8_t *h = built_wrap(b, 8);

	h[0] = next;
	put16(h + 2, offset_bytes | (more != 0));
	put32(h + 4, id);
}

static inline void wrap_udp(struct built *b, uint16_t src_port, uint16_t dst_port)
{
	size_t length = b->length + 8;
	uint8_t *h = built_wrap(b, 8);

	put16(h, src_port);
	put16(h + 2, dst_port);
	put16(h + 4, (unsigned)length);
}

static inline void wrap_ethernet(struct built *b, uint16_t ethertype)
{
	static const uint8_t addresses[12] = { 0, 0x1b, 0x21, 1, 2, 3, 0, 0x1b, 0x21, 4, 5, 6 };
	uint8_t *h = built_wrap(b, 14);

	memcpy(h, addresses, sizeof(addresses));
	put16(h + 12, ethertype);
}

/* What stands between an ethertype (not part of it) and the next one. */
static inline void wrap_vlan(struct built *b, unsigned id, uint16_t ethertype)
{
	uint8_t *h = built_wrap(b, 4);

	put16(h, 0x6000 | id);	/* a priority, to be ignored */
	put16(h + 2, ethertype);
}

static inline void wrap_mpls(struct built *b, uint32_t label, int bottom)
{
	put32(built_wrap(b, 4), label << 12 | (bottom ? 0x100u : 0) | 64);
}

static inline void wrap_pppoe(struct built *b, uint16_t ppp_protocol)
{
	size_t length = b->length + 2;
	uint8_t *h = built_wrap(b, 8);

	h[0] = 0x11;
	put16(h + 2, 0x0f07);
	put16(h + 4, (unsigned)length);
	put16(h + 6, ppp_protocol);
}

/* GRE with the optional words that `flags` asks for. */
static inline void wrap_gre(struct built *b, uint16_t flags, uint16_t protocol)
{
	size_t words = 1u + (flags >> 15 & 1) + (flags >> 13 & 1) + (flags >> 12 & 1);
	uint8_t *h = built_wrap(b, words * 4);

	put16(h, flags);
	put16(h + 2, protocol);
}

static inline void wrap_vxlan(struct built *b, uint32_t vni)
{
	uint8_t *h = built_wrap(b, 8);

	h[0] = 0x08;
	put32(h + 4, vni << 8);
}

static inline void wrap_geneve(struct built *b, uint32_t vni, uint16_t ethertype,
			       uint8_t option_words)
{
	uint8_t *h = built_wrap(b, 8 + 4 * (size_t)option_words);

	h[0] = option_words;
	put16(h + 2, ethertype);
	put32(h + 4, vni << 8);
}

/* An IKE header alone (28 bytes) whose length field says `length`. */
static inline void wrap_ike(struct built *b, uint8_t version, uint8_t exchange)
{
	size_t length = b->length + 28;
	uint8_t *h = built_wrap(b, 28);

	put32(h, 0x11223344);
	put32(h + 4, 0x55667788);
	h[16] = 33;
	h[17] = version;
	h[18] = exchange;
	h[19] = 0x08;
	put32(h + 24, (uint32_t)length);
}

#endif
