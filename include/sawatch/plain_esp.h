/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ESP in a plain frame: Ethernet, with one VLAN tag or none, or raw IP; IPv4
 * without options or IPv6 without extension headers, in one piece; ESP, alone
 * or in UDP port 4500.  That is nearly every packet of a concentrator, and it is
 * read here at a glance.  What it says is what link_decap(), udp_classify() and
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

enum {
	PLAIN_ETHERNET_LEN = 14, PLAIN_VLAN_LEN = 4, PLAIN_IPV4_LEN = 20, PLAIN_IPV6_LEN = 40,
	PLAIN_UDP_LEN = 8, PLAIN_ESP_LEN = 8, PLAIN_NATT_PORT = 4500,
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

/* UDP before ESP: port 4500, none of the ports that mean something else, a length that fits, and no marker. */
READER_INLINE bool plain_natt(const uint8_t *udp, size_t sent, struct plain_esp *ret)
{
	enum { IKE = 500, VXLAN = 4789, VXLAN_LINUX = 8472, GENEVE = 6081 };
	uint16_t src = plain_u16(udp), dst = plain_u16(udp + 2), length = plain_u16(udp + 4);

	ret->src_port = src;
	ret->dst_port = dst;
	ret->in_udp = true;
	return (src == PLAIN_NATT_PORT || dst == PLAIN_NATT_PORT) && src != IKE && dst != IKE && dst != VXLAN &&
	       dst != VXLAN_LINUX && dst != GENEVE && length >= PLAIN_UDP_LEN + PLAIN_ESP_LEN && length <= sent;
}

/* `upper` holds `captured` bytes of the `sent` behind an IP header that announced `protocol`. */
READER_INLINE bool plain_upper(struct reader *r, uint8_t protocol, size_t sent, struct plain_esp *ret)
{
	const uint8_t *esp;

	if (protocol == IP_ESP) {
		if (r->left < PLAIN_ESP_LEN || sent < PLAIN_ESP_LEN)
			return false;
		esp = r->at;
		ret->src_port = ret->dst_port = 0;
		ret->in_udp = false;
	} else {
		if (protocol != IP_UDP || r->left < PLAIN_UDP_LEN + PLAIN_ESP_LEN || !plain_natt(r->at, sent, ret))
			return false;
		esp = r->at + PLAIN_UDP_LEN;
	}
	ret->spi = plain_u32(esp);
	ret->seq = plain_u32(esp + 4);
	return ret->spi != 0;		/* 0: IKE's marker in UDP, nothing that may be sent without */
}

READER_INLINE bool plain_ipv4(struct reader *r, struct plain_esp *ret)
{
	size_t there = r->left + r->unseen;
	struct bytes ip = reader_bytes(r, PLAIN_IPV4_LEN);

	if (!ip.data || ip.data[0] != 0x45 || (plain_u16(ip.data + 6) & 0x3fff) != 0)	/* MF and offset */
		return false;
	ret->ip_length = plain_u16(ip.data + 2);
	ret->src = addr_v4(plain_u32(ip.data + 12));
	ret->dst = addr_v4(plain_u32(ip.data + 16));
	return ret->ip_length >= PLAIN_IPV4_LEN && ret->ip_length <= there &&
	       plain_upper(r, ip.data[9], ret->ip_length - PLAIN_IPV4_LEN, ret);
}

READER_INLINE bool plain_ipv6(struct reader *r, struct plain_esp *ret)
{
	struct bytes ip = reader_bytes(r, PLAIN_IPV6_LEN);

	if (!ip.data || ip.data[0] >> 4 != 6)
		return false;

	uint32_t length = plain_u16(ip.data + 4);

	ret->ip_length = PLAIN_IPV6_LEN + length;
	ret->src = (struct addr){ plain_u64(ip.data + 8), plain_u64(ip.data + 16) };
	ret->dst = (struct addr){ plain_u64(ip.data + 24), plain_u64(ip.data + 32) };
	return length <= r->left + r->unseen && plain_upper(r, ip.data[6], length, ret);
}

/* False: another shape, or something is wrong or cut; then *ret means nothing. */
static inline bool plain_esp_parse(const struct frame *f, struct plain_esp *ret)
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
		return type == 0x0800 ? plain_ipv4(&r, ret) : type == 0x86dd && plain_ipv6(&r, ret);
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
		return plain_ipv4(&r, ret);
	default:
		return false;
	}
}

#endif
