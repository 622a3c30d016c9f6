/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fast parser for the usual frame of a VPN gateway: ESP in Ethernet (with
 * one VLAN tag or none) or raw IP, IPv4 without options or IPv6 without
 * extension headers, unfragmented, ESP alone or in UDP port 4500.  It also
 * recognises TCP and UDP of other ports in such frames.  Its answers are those
 * of link_decap(), udp_classify() and esp_parse(); everything else is left to
 * them.
 *
 * It is in a header so that the compiler keeps its fields in registers.
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

/* Numbers at a place that is known to be captured. */
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

/* Ports whose datagrams may hold something else than what their first bytes look like. */
READER_INLINE bool plain_port_is_special(uint16_t src, uint16_t dst)
{
	enum { IKE = 500, VXLAN = 4789, VXLAN_LINUX = 8472, GENEVE = 6081 };

	return src == IKE || dst == IKE || dst == VXLAN || dst == VXLAN_LINUX || dst == GENEVE;
}

/*
 * What follows gets `left` captured of `sent` bytes, and finds where ESP begins.  Whoever calls
 * plain_upper() and what that calls has seen that both have room for an ESP header: nothing shorter
 * is plain.
 */
READER_INLINE enum plain plain_udp(const uint8_t *udp, size_t left, size_t sent,
				   const uint8_t **ret_esp, struct plain_esp *ret)
{
	uint16_t src = plain_u16(udp), dst = plain_u16(udp + 2), length = plain_u16(udp + 4);

	if (length < PLAIN_UDP_LEN || length > sent)
		return PLAIN_UNKNOWN;
	/* both are: not special */
	if ((src != PLAIN_NATT_PORT || dst != PLAIN_NATT_PORT) && plain_port_is_special(src, dst))
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
	*ret_esp = udp + PLAIN_UDP_LEN;
	return PLAIN_ESP;
}

/* Behind an IP header that announced `protocol`; `left` may count padding. */
READER_INLINE enum plain plain_upper(const uint8_t *at, size_t left, size_t sent, uint8_t protocol,
				     const uint8_t **ret_esp, struct plain_esp *ret)
{
	switch (protocol) {
	case IP_ESP:
		ret->src_port = ret->dst_port = 0;
		ret->in_udp = false;
		*ret_esp = at;
		return PLAIN_ESP;
	case IP_UDP:
		return plain_udp(at, left, sent, ret_esp, ret);
	case IP_TCP:
		return plain_u16(at) == PLAIN_NATT_PORT || plain_u16(at + 2) == PLAIN_NATT_PORT
			       ? PLAIN_UNKNOWN
			       : PLAIN_OTHER;
	default:
		return PLAIN_UNKNOWN;
	}
}

READER_INLINE enum plain plain_ipv4(const uint8_t *ip, size_t left, size_t sent,
				    const uint8_t **ret_esp, struct plain_esp *ret)
{
	/* MF and offset */
	if (left < PLAIN_IPV4_LEN + PLAIN_ESP_LEN || ip[0] != 0x45 ||
	    (plain_u16(ip + 6) & 0x3fff) != 0)
		return PLAIN_UNKNOWN;
	ret->ip_length = plain_u16(ip + 2);
	ret->src = addr_v4(plain_u32(ip + 12));
	ret->dst = addr_v4(plain_u32(ip + 16));
	if (ret->ip_length < PLAIN_IPV4_LEN + PLAIN_ESP_LEN || ret->ip_length > sent)
		return PLAIN_UNKNOWN;
	return plain_upper(ip + PLAIN_IPV4_LEN, left - PLAIN_IPV4_LEN,
			   ret->ip_length - PLAIN_IPV4_LEN, ip[9], ret_esp, ret);
}

READER_INLINE enum plain plain_ipv6(const uint8_t *ip, size_t left, size_t sent,
				    const uint8_t **ret_esp, struct plain_esp *ret)
{
	if (left < PLAIN_IPV6_LEN + PLAIN_ESP_LEN || ip[0] >> 4 != 6)
		return PLAIN_UNKNOWN;

	uint32_t length = plain_u16(ip + 4);	/* 0: a jumbogram */

	ret->ip_length = PLAIN_IPV6_LEN + length;
	if (length < PLAIN_ESP_LEN || ret->ip_length > UINT16_MAX || ret->ip_length > sent)
		return PLAIN_UNKNOWN;
	ret->src = (struct addr){ plain_u64(ip + 8), plain_u64(ip + 16) };
	ret->dst = (struct addr){ plain_u64(ip + 24), plain_u64(ip + 32) };
	return plain_upper(ip + PLAIN_IPV6_LEN, left - PLAIN_IPV6_LEN, length, ip[6], ret_esp,
			   ret);
}

READER_INLINE enum plain plain_ethernet(const uint8_t *at, size_t left, size_t sent,
					const uint8_t **ret_esp, struct plain_esp *ret)
{
	size_t header = PLAIN_ETHERNET_LEN;

	/* and so much more that a VLAN tag is there, too */
	if (left < PLAIN_ETHERNET_LEN + PLAIN_IPV4_LEN)
		return PLAIN_UNKNOWN;

	uint16_t type = plain_u16(at + 12);

	if (type == 0x8100) {
		ret->network = plain_u16(at + 14) & 0xfff;
		type = plain_u16(at + 16);
		header += PLAIN_VLAN_LEN;
	}
	at += header;
	left -= header;
	sent -= header;
	return type == 0x0800   ? plain_ipv4(at, left, sent, ret_esp, ret)
	       : type == 0x86dd ? plain_ipv6(at, left, sent, ret_esp, ret)
				: PLAIN_UNKNOWN;
}

READER_INLINE enum plain plain_link(const struct frame *f, const uint8_t **ret_esp,
				    struct plain_esp *ret)
{
	size_t left = f->captured < f->length ? f->captured : f->length;

	ret->network = 0;
	if (f->link_type == LINK_ETHERNET)
		return plain_ethernet(f->data, left, f->length, ret_esp, ret);
	if (f->link_type == LINK_RAW || f->link_type == LINK_RAW_BSD ||
	    f->link_type == LINK_RAW_OPENBSD)
		return plain_ipv4(f->data, left, f->length, ret_esp, ret);
	return PLAIN_UNKNOWN;
}

/* *ret means something for PLAIN_ESP only. */
static inline enum plain plain_esp_parse(const struct frame *f, struct plain_esp *ret)
{
	const uint8_t *esp;
	enum plain is = plain_link(f, &esp, ret);

	if (is != PLAIN_ESP)
		return is;
	ret->spi = plain_u32(esp);
	ret->seq = plain_u32(esp + 4);
	return ret->spi != 0 ? PLAIN_ESP : PLAIN_UNKNOWN;	/* 0: IKE's marker, or wrong */
}

#endif
