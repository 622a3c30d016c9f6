/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets within IP packets: IP-in-IP, GRE with ERSPAN, VXLAN, GENEVE: how
 * mirrors send what they saw.
 */
#include <sawatch/udp.h>

#include "wire/descent.h"

enum { GRE_ERSPAN = 0x88be, GRE_ERSPAN_3 = 0x22eb };

/* `network` is the outermost VNI, wherever it stands; VLAN ids count only without one. */
static void vni_note(struct descent *d, uint32_t vni)
{
	if (d->network_is_vni)
		return;
	d->network = vni;
	d->network_is_vni = true;
}

/*
 * ERSPAN III, draft-foschiano-erspan-03 4.3.  Last word of the 12 bytes:
 * SGT (16), P (1), frame type (5), hardware (6), D (1), Gra (2), O (1).
 */
static uint16_t erspan_3(struct reader *r)
{
	reader_bytes(r, 10);

	uint16_t last = reader_u16(r);

	if (last & 1)		/* O: eight more bytes about the platform */
		reader_bytes(r, 8);
	switch (last >> 10 & 0x1f) {
	case 0:
		return ETHERTYPE_BRIDGED;
	case 2:			/* no Ethernet header, and no word on the version */
		return r->left > 0 && r->at[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
	default:
		return ETHERTYPE_NOTHING_OF_OURS;
	}
}

/*
 * GRE, RFC 2784 and RFC 2890.
 * flags: C . K S . . . . | . . . . . version (3); bit 14 (routing) is RFC 1701 only
 */
static enum link_result gre_descend(struct descent *d)
{
	struct reader *r = &d->r;
	uint16_t flags = reader_u16(r);
	uint16_t carried = reader_u16(r);
	bool sequence = flags & 0x1000;

	if (!reader_ok(r))
		return descent_failure(r);
	if ((flags & 7) == 1)	/* PPTP, RFC 2637: compressed PPP, as a rule */
		return LINK_NOT_IP;
	if ((flags & 7) != 0 || flags & 0x4000)
		return LINK_UNSUPPORTED;
	if (flags & 0x8000)
		reader_bytes(r, 4);	/* checksum, reserved */
	if (flags & 0x2000)
		reader_bytes(r, 4);	/* key */
	if (sequence)
		reader_bytes(r, 4);
	if (carried == GRE_ERSPAN) {
		if (sequence)		/* type II; type I has neither sequence nor header */
			reader_bytes(r, 8);
		carried = ETHERTYPE_BRIDGED;
	} else if (carried == GRE_ERSPAN_3) {
		carried = erspan_3(r);
	}
	return reader_ok(r) ? ethertype_descend(d, carried) : descent_failure(r);
}

/* VXLAN, RFC 7348 5: flags, 24 reserved bits, VNI, 8 reserved bits. */
static enum link_result vxlan_descend(struct descent *d)
{
	reader_u32(&d->r);

	uint32_t vni = reader_u32(&d->r) >> 8;

	if (!reader_ok(&d->r))
		return descent_failure(&d->r);
	vni_note(d, vni);
	return ethertype_descend(d, ETHERTYPE_BRIDGED);
}

/* GENEVE, RFC 8926 3.4: version (2) option length (6), flags, ethertype, VNI (24), reserved. */
static enum link_result geneve_descend(struct descent *d)
{
	uint8_t first = reader_u8(&d->r);

	reader_u8(&d->r);

	uint16_t carried = reader_u16(&d->r);
	uint32_t vni = reader_u32(&d->r) >> 8;

	reader_bytes(&d->r, (size_t)(first & 0x3f) * 4);
	if (!reader_ok(&d->r))
		return descent_failure(&d->r);
	if (first >> 6 != 0)
		return LINK_UNSUPPORTED;
	vni_note(d, vni);
	return ethertype_descend(d, carried);
}

bool envelope_in_udp(struct reader udp)
{
	struct udp_header u = { .src_port = reader_u16(&udp), .dst_port = reader_u16(&udp) };

	/* a NAT may have given a client this port; the server it asked still has its own */
	if (!reader_ok(&udp) || u.src_port < 1024 || u.src_port == 4500)
		return false;
	if (u.dst_port == GENEVE_PORT)
		return true;
	reader_u32(&udp);	/* length, checksum */

	uint8_t flags = reader_u8(&udp);

	if (udp.verdict == VERDICT_CUT)
		return true;
	return flags & 0x08;	/* I: "MUST be set to 1" */
}

enum link_result envelope_descend(struct descent *d, uint8_t protocol)
{
	struct udp_header u;

	d->version = 0;
	switch (protocol) {
	case IP_IPIP:
		d->version = 4;
		return LINK_PACKET;
	case IP_IPV6:
		d->version = 6;
		return LINK_PACKET;
	case IP_GRE:
		return gre_descend(d);
	default:
		if (udp_parse(&d->r, &u) != VERDICT_OK)
			return descent_failure(&d->r);
		return u.dst_port == GENEVE_PORT ? geneve_descend(d) : vxlan_descend(d);
	}
}
