/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ESP in a plain frame: Ethernet, with one VLAN tag or none, or raw IP; IPv4
 * without options or IPv6 without extension headers, in one piece; ESP, alone
 * or in UDP port 4500.  That is nearly every packet of a concentrator, and it is
 * read here at a glance.  So is what is certainly not ours in such a frame: TCP
 * and UDP of other ports.  What it says is what link_decap(), udp_classify() and
 * esp_parse() say; what it does not know is left to them.
 *
 * In a header, because its fields then stay in registers.
 */
#ifndef SAWATCH_PLAIN_ESP_H
#define SAWATCH_PLAIN_ESP_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/link.h>

struct plain_esp {
	struct addr src, dst;
	uint32_t spi, seq;
	uint32_t ip_length;
	uint32_t network;		/* VLAN id; 0 none */
	uint16_t src_port, dst_port;	/* 0 without UDP */
	bool in_udp;
};

enum plain {
	/* another shape, or something is wrong or cut: look closer */
	PLAIN_UNKNOWN,
	PLAIN_ESP,
	/* TCP, but not of port 4500; UDP of which udp_classify() says UDP_OTHER */
	PLAIN_OTHER,
};

enum {
	PLAIN_ETHERNET_LEN = 14, PLAIN_VLAN_LEN = 4, PLAIN_IPV4_LEN = 20, PLAIN_IPV6_LEN = 40,
	PLAIN_UDP_LEN = 8, PLAIN_ESP_LEN = 8, PLAIN_NATT_PORT = 4500, PLAIN_IKE_LEN = 28,
	PLAIN_MARKER_LEN = 4,
};

/* Numbers at a place that reader_bytes() has already shown to be there. */
READER_INLINE uint16_t plain_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

READER_INLINE uint32_t plain_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

READER_INLINE uint64_t plain_u64(const uint8_t *at)
{
	return (uint64_t)plain_u32(at) << 32 | plain_u32(at + 4);
}

/* Could IKE stand here, or IKE behind a marker?  By its length field alone. */
READER_INLINE bool plain_may_be_ike(const uint8_t *data, size_t captured, size_t sent)
{
	if (captured >= PLAIN_IKE_LEN && plain_u32(data + 24) == sent)
		return true;
	return captured >= PLAIN_MARKER_LEN + PLAIN_IKE_LEN && plain_u32(data) == 0 &&
	       plain_u32(data + 28) == sent - PLAIN_MARKER_LEN;
}

/* `left` captured of `sent` bytes of UDP. */
READER_INLINE enum plain plain_udp(const uint8_t *udp, size_t left, size_t sent,
				   struct plain_esp *ret)
{
	enum { IKE = 500, VXLAN = 4789, VXLAN_LINUX = 8472, GENEVE = 6081 };

	if (left < PLAIN_UDP_LEN)
		return PLAIN_UNKNOWN;

	uint16_t src = plain_u16(udp), dst = plain_u16(udp + 2), length = plain_u16(udp + 4);

	if (length < PLAIN_UDP_LEN || length > sent || src == IKE || dst == IKE || dst == VXLAN ||
	    dst == VXLAN_LINUX || dst == GENEVE)
		return PLAIN_UNKNOWN;
	if (left > length)
		left = length;
	if (src != PLAIN_NATT_PORT && dst != PLAIN_NATT_PORT)
		return plain_may_be_ike(udp + PLAIN_UDP_LEN, left - PLAIN_UDP_LEN,
					length - PLAIN_UDP_LEN)
			       ? PLAIN_UNKNOWN
			       : PLAIN_OTHER;
	if (left < PLAIN_UDP_LEN + PLAIN_ESP_LEN)
		return PLAIN_UNKNOWN;
	ret->src_port = src;
	ret->dst_port = dst;
	ret->in_udp = true;
	ret->spi = plain_u32(udp + PLAIN_UDP_LEN);
	ret->seq = plain_u32(udp + PLAIN_UDP_LEN + 4);
	return ret->spi != 0 ? PLAIN_ESP : PLAIN_UNKNOWN;	/* 0: IKE's marker */
}

READER_INLINE enum plain plain_tcp(const uint8_t *tcp, size_t left, size_t sent)
{
	if (left < 4 || sent < 4 || plain_u16(tcp) == PLAIN_NATT_PORT ||
	    plain_u16(tcp + 2) == PLAIN_NATT_PORT)
		return PLAIN_UNKNOWN;
	return PLAIN_OTHER;
}

/*
 * `r` holds what was captured of the `sent` bytes behind an IP header that announced `protocol`,
 * and perhaps padding.
 */
READER_INLINE enum plain plain_upper(const struct reader *r, uint8_t protocol, size_t sent,
				     struct plain_esp *ret)
{
	switch (protocol) {
	case IP_ESP:
		if (r->left < PLAIN_ESP_LEN || sent < PLAIN_ESP_LEN)
			return PLAIN_UNKNOWN;
		ret->src_port = ret->dst_port = 0;
		ret->in_udp = false;
		ret->spi = plain_u32(r->at);
		ret->seq = plain_u32(r->at + 4);
		return ret->spi != 0 ? PLAIN_ESP : PLAIN_UNKNOWN;
	case IP_UDP:
		return plain_udp(r->at, r->left, sent, ret);
	case IP_TCP:
		return plain_tcp(r->at, r->left, sent);
	default:
		return PLAIN_UNKNOWN;
	}
}

READER_INLINE enum plain plain_ipv4(struct reader *r, struct plain_esp *ret)
{
	size_t there = r->left + r->unseen;
	struct bytes ip = reader_bytes(r, PLAIN_IPV4_LEN);

	/* MF and offset */
	if (!ip.data || ip.data[0] != 0x45 || (plain_u16(ip.data + 6) & 0x3fff) != 0)
		return PLAIN_UNKNOWN;
	ret->ip_length = plain_u16(ip.data + 2);
	ret->src = addr_v4(plain_u32(ip.data + 12));
	ret->dst = addr_v4(plain_u32(ip.data + 16));
	if (ret->ip_length < PLAIN_IPV4_LEN || ret->ip_length > there)
		return PLAIN_UNKNOWN;
	return plain_upper(r, ip.data[9], ret->ip_length - PLAIN_IPV4_LEN, ret);
}

READER_INLINE enum plain plain_ipv6(struct reader *r, struct plain_esp *ret)
{
	struct bytes ip = reader_bytes(r, PLAIN_IPV6_LEN);

	if (!ip.data || ip.data[0] >> 4 != 6)
		return PLAIN_UNKNOWN;

	uint32_t length = plain_u16(ip.data + 4);

	ret->ip_length = PLAIN_IPV6_LEN + length;
	ret->src = (struct addr){ plain_u64(ip.data + 8), plain_u64(ip.data + 16) };
	ret->dst = (struct addr){ plain_u64(ip.data + 24), plain_u64(ip.data + 32) };
	/* 0: a jumbogram */
	if (length == 0 || ret->ip_length > UINT16_MAX || length > r->left + r->unseen)
		return PLAIN_UNKNOWN;
	return plain_upper(r, ip.data[6], length, ret);
}

/* *ret means something for PLAIN_ESP only. */
static inline enum plain plain_esp_parse(const struct frame *f, struct plain_esp *ret)
{
	struct reader r = reader_over(f->data, f->captured, f->length);
	struct bytes link;
	uint16_t type;

	ret->network = 0;
	switch (f->link_type) {
	case LINK_ETHERNET:
		link = reader_bytes(&r, PLAIN_ETHERNET_LEN);
		type = link.data ? plain_u16(link.data + 12) : 0;
		if (type == 0x8100) {
			link = reader_bytes(&r, PLAIN_VLAN_LEN);
			ret->network = link.data ? plain_u16(link.data) & 0xfff : 0;
			type = link.data ? plain_u16(link.data + 2) : 0;
		}
		return type == 0x0800   ? plain_ipv4(&r, ret)
		       : type == 0x86dd ? plain_ipv6(&r, ret)
					: PLAIN_UNKNOWN;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
		return plain_ipv4(&r, ret);
	default:
		return PLAIN_UNKNOWN;
	}
}

#endif
