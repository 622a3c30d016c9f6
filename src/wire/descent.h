/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way down through one frame, shared by link.c (link types), envelope.c
 * (what IP can carry) and ip.c: each step moves the reader to the next header
 * and may note what the envelope said.
 */
#ifndef SAWATCH_WIRE_DESCENT_H
#define SAWATCH_WIRE_DESCENT_H

#include <sawatch/link.h>

/* IEEE 802 numbers, which GRE, GENEVE and Linux's "cooked" captures use as well. */
enum {
	ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_VLAN = 0x8100, ETHERTYPE_QINQ = 0x88a8, ETHERTYPE_QINQ_OLD = 0x9100,
	ETHERTYPE_MPLS = 0x8847, ETHERTYPE_MPLS_MULTICAST = 0x8848, ETHERTYPE_PPPOE = 0x8864,
	ETHERTYPE_BRIDGED = 0x6558,	/* a whole Ethernet frame follows */
	ETHERTYPE_NOTHING_OF_OURS = 0,
};

enum { VXLAN_PORT = 4789, VXLAN_PORT_LINUX = 8472, GENEVE_PORT = 6081 };

struct descent {
	struct reader r;	/* what is left of the frame */
	uint32_t network;	/* see struct packet */
	bool network_is_vni;
	uint8_t version;	/* of the IP header that must follow: 4 or 6; 0 either */
	uint8_t depth;		/* envelopes taken off */
};

/* The result of a step whose reader failed. */
static inline enum link_result descent_failure(const struct reader *r)
{
	return r->verdict == VERDICT_CUT ? LINK_CUT : LINK_MALFORMED;
}

/* Count one more envelope; false when it is one too many. */
static inline bool descent_deeper(struct descent *d)
{
	return ++d->depth <= LINK_DEPTH_MAX;
}

/*
 * From behind an ethertype, through tags and labels, to the IP header:
 * LINK_PACKET when `d->r` stands there.
 */
enum link_result ethertype_descend(struct descent *d, uint16_t ethertype);

/*
 * Take off the envelope whose header `d->r` stands at: GRE, IP, or UDP that
 * envelope_in_udp() accepted.  LINK_PACKET when `d->r` stands at an IP header.
 */
enum link_result envelope_descend(struct descent *d, uint8_t protocol);

/*
 * True for VXLAN and GENEVE, by the header that `udp` stands at; its port passed envelope_port().
 */
bool envelope_in_udp(struct reader udp);

/* The cheap half of envelope_in_udp(): most datagrams go to none of these ports. */
static inline bool envelope_port(uint16_t dst_port)
{
	return dst_port == VXLAN_PORT || dst_port == VXLAN_PORT_LINUX || dst_port == GENEVE_PORT;
}

/* From the IP header that `d->r` stands at to the innermost one. */
enum link_result ip_descend(struct descent *d, struct packet *ret);

#endif
