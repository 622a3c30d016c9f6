/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames of any link type in any envelope: one byte that chooses the link type,
 * one that says how much of the frame was captured, the frame.
 */
#include <sawatch/plain_esp.h>
#include <sawatch/esp.h>
#include <sawatch/udp.h>

#include "property.h"

static const uint16_t link_types[] = {
	LINK_ETHERNET, LINK_NULL, LINK_PPP, LINK_PPP_HDLC, LINK_PPP_ETHER, LINK_RAW_BSD,
	LINK_RAW_OPENBSD, LINK_RAW,
	LINK_CHDLC, LINK_LOOP, LINK_LINUX_SLL, LINK_IPV4, LINK_IPV6, LINK_NFLOG, LINK_LINUX_SLL2,
	147,
};

static void check_packet(const struct packet *p, const uint8_t *data, size_t captured)
{
	must_lie_within((struct bytes){ p->ip, p->ip_captured }, data, captured);
	must_lie_within((struct bytes){ p->payload.at, p->payload.left }, data, captured);
	MUST(p->payload.at >= p->ip && p->payload.at + p->payload.left <= p->ip + p->ip_captured);
	MUST(p->ip_captured <= p->ip_length);
	MUST(p->depth <= LINK_DEPTH_MAX);
	MUST(p->payload.verdict == VERDICT_OK);
	MUST(p->fragment || p->fragment_offset == 0);
}

/* The IP packet alone says the same as it did in its frame. */
static void check_alone(const struct packet *p)
{
	struct packet alone, opened;

	MUST(ip_parse(p->ip, p->ip_captured, p->ip_length, &alone) == LINK_PACKET);
	MUST(addr_equal(alone.src, p->src) && addr_equal(alone.dst, p->dst) &&
	     alone.protocol == p->protocol);
	MUST(alone.payload.left == p->payload.left && alone.payload.unseen == p->payload.unseen);
	MUST(ip_decap(p->ip, p->ip_captured, p->ip_length, &opened) == LINK_PACKET);
	MUST(opened.ip == p->ip);
}

/* What the fast path says at a glance is what the long way says. */
static void check_plain(const struct frame *f)
{
	struct plain_esp plain;
	enum plain is = plain_esp_parse(f, &plain);
	struct udp_header u = { 0, 0 };
	struct esp_header h;
	struct packet p;

	if (is == PLAIN_UNKNOWN)
		return;
	MUST(link_decap(f, &p) == LINK_PACKET && !p.fragment);
	if (is == PLAIN_OTHER && p.protocol == IP_TCP) {
		uint16_t src = reader_u16(&p.payload), dst = reader_u16(&p.payload);

		MUST(reader_ok(&p.payload) && src != 4500 && dst != 4500);
		return;
	}
	MUST(p.protocol == IP_UDP || (is == PLAIN_ESP && p.protocol == IP_ESP));
	if (p.protocol == IP_UDP) {
		MUST(udp_parse(&p.payload, &u) == VERDICT_OK);
		MUST(udp_classify(&u, &p.payload) == (is == PLAIN_ESP ? UDP_ESP : UDP_OTHER));
	}
	if (is == PLAIN_OTHER)
		return;
	MUST(esp_parse(&p.payload, &h) == VERDICT_OK && h.spi == plain.spi && h.seq == plain.seq);
	MUST(addr_equal(p.src, plain.src) && addr_equal(p.dst, plain.dst) &&
	     p.ip_length == plain.ip_length);
	MUST(p.network == plain.network && plain.in_udp == (p.protocol == IP_UDP));
	MUST(u.src_port == plain.src_port && u.dst_port == plain.dst_port);
}

static enum link_result decap(const uint8_t *data, size_t captured, size_t length,
			      uint16_t link_type)
{
	uint8_t *copy = exact_copy(data, captured);
	const struct frame f = {
		.number = 1, .captured = (uint32_t)captured, .length = (uint32_t)length,
		.link_type = link_type,
		.data = copy,
	};
	struct packet p;
	enum link_result result = link_decap(&f, &p);

	check_plain(&f);

	if (result == LINK_PACKET) {
		check_packet(&p, copy, captured);
		check_alone(&p);
	}
	free(copy);
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 4096)
		return 0;

	uint16_t link_type = link_types[data[0] % (sizeof(link_types) / sizeof(link_types[0]))];
	size_t share = data[1], length = size - 2;

	data += 2;
	if (decap(data, length, length, link_type) == LINK_PACKET) {
		/* a shorter capture makes nobody wrong */
		enum link_result cut = decap(data, length * share / 256, length, link_type);

		MUST(cut == LINK_PACKET || cut == LINK_CUT);
	}
	decap(data, length, length + share, link_type);
	return 0;
}
