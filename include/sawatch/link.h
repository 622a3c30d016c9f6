/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a captured frame to the innermost IP packet: link types and the
 * envelopes in which mirrors arrive (VLAN, MPLS, PPPoE, GRE/ERSPAN, VXLAN,
 * GENEVE, IP-in-IP).  Refuses to know what the packet carries.
 */
#ifndef SAWATCH_LINK_H
#define SAWATCH_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/addr.h>
#include <sawatch/nsec.h>
#include <sawatch/reader.h>

/* One captured frame; the bytes are borrowed from the source until its next read. */
struct frame {
	nsec at;
	uint64_t number;	/* 1-based within its capture, as Wireshark counts */
	uint32_t capture;	/* which capture: index given by the caller */
	uint32_t captured;	/* bytes we have */
	uint32_t length;	/* bytes that were on the wire */
	uint16_t link_type;	/* LINKTYPE_ value, www.tcpdump.org/linktypes.html */
	const uint8_t *data;
};

/* LINKTYPE_ values that link_decap() understands. */
enum {
	LINK_NULL = 0, LINK_ETHERNET = 1, LINK_PPP = 9, LINK_PPP_HDLC = 50, LINK_PPP_ETHER = 51,
	LINK_RAW_BSD = 12, LINK_RAW_OPENBSD = 14, LINK_RAW = 101, LINK_CHDLC = 104, LINK_LOOP = 108,
	LINK_LINUX_SLL = 113, LINK_IPV4 = 228, LINK_IPV6 = 229, LINK_NFLOG = 239,
	LINK_LINUX_SLL2 = 276,
};

enum { LINK_DEPTH_MAX = 8 };	/* envelopes followed before giving up; more is LINK_TOO_DEEP */

/* Upper-layer protocol numbers that sawatch cares about (IANA). */
enum {
	IP_ICMP = 1, IP_IPIP = 4, IP_TCP = 6, IP_UDP = 17, IP_IPV6 = 41, IP_GRE = 47,
	IP_ESP = 50, IP_AH = 51, IP_ICMPV6 = 58,
};

/* The innermost IP packet of a frame.  Borrows from the frame. */
struct packet {
	struct addr src, dst;
	/* upper layer after IPv6 extension headers; AH is not walked through */
	uint8_t protocol;
	uint8_t hop_limit;	/* TTL */
	uint8_t depth;		/* envelopes taken off */
	/* any fragment, the first included; an IPv6 atomic fragment is none */
	bool fragment;
	bool more;		/* more fragments follow */
	uint16_t fragment_offset;	/* in bytes */
	/* IPv4 identification, or that of the IPv6 fragment header; else 0 */
	uint32_t ip_id;
	/* outermost VLAN id, or VNI of the mirror: tells overlapping networks apart; 0 none */
	uint32_t network;
	struct reader payload;	/* upper layer, bounded by the IP total length, padding cut off */
	/* the IP packet itself, for reassembly and for comparing copies */
	const uint8_t *ip;
	uint32_t ip_captured;
	uint32_t ip_length;
};

enum link_result {
	LINK_PACKET,		/* *ret is an IP packet */
	LINK_NOT_IP,		/* ARP, LLDP, …: nothing of ours, nothing wrong */
	LINK_CUT,		/* the capture was too short to reach the upper layer */
	LINK_MALFORMED,		/* a header contradicts itself */
	LINK_UNSUPPORTED,	/* link type or version unknown */
	LINK_TOO_DEEP,		/* more than LINK_DEPTH_MAX envelopes */
};

/*
 * Strip the link layer and every envelope of `f`, down to the innermost IP
 * packet whose upper layer is not itself an envelope.  An envelope whose
 * inside is not IP gives LINK_NOT_IP; one that is cut before the inner IP
 * header is complete gives LINK_CUT.  An IP packet that is an IP fragment is
 * returned as such, never looked into.  UDP ports 4789, 8472 (VXLAN), 6081
 * (GENEVE) are envelopes; GRE 0x88be/0x22eb is ERSPAN I/II/III.
 */
enum link_result link_decap(const struct frame *f, struct packet *ret);

/*
 * Parse one IP packet (version 4 or 6 by its first nibble), without taking
 * off further envelopes: for what reassembly made and for what ICMP quotes.
 * `captured` may be smaller than `length`.  RFC 791, RFC 8200.
 */
enum link_result ip_parse(const uint8_t *ip, uint32_t captured, uint32_t length,
struct packet *ret);

/* As ip_parse(), then take off envelopes: for an IP packet made by reassembly. */
enum link_result ip_decap(const uint8_t *ip, uint32_t captured, uint32_t length,
struct packet *ret);

/*
 * Name of a LINKTYPE ("EN10MB", "LINUX_SLL2", …); "LINKTYPE_147" style is the caller's: NULL if
 * unknown.
 */
const char *link_type_name(uint16_t link_type);
bool link_type_supported(uint16_t link_type);

#endif
