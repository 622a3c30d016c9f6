/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Link types (www.tcpdump.org/linktypes.html) and what stands between them and IP. */
#include <sawatch/link.h>

#include "wire/descent.h"

enum { MAC_ADDRESSES_LEN = 12 };

/* PPP protocol numbers (IANA): network layers only. */
enum { PPP_IPV4 = 0x0021, PPP_IPV6 = 0x0057, PPP_MPLS = 0x0281, PPP_MPLS_MULTICAST = 0x0283 };

static uint16_t ethernet_type(struct reader *r)
{
	reader_bytes(r, MAC_ADDRESSES_LEN);
	return reader_u16(r);	/* up to 1500 it is a length (802.3), and then not IP */
}

/* 802.1Q tag: priority (3), DEI (1), VLAN id (12). */
static uint16_t vlan_descend(struct descent *d)
{
	uint16_t id = reader_u16(&d->r) & 0xfff;

	if (d->network == 0)
		d->network = id;
	return reader_u16(&d->r);
}

/* PPP, RFC 1661 2: the protocol, whose first byte may be compressed away (6.5). */
static uint16_t ppp_type(struct reader *r)
{
	uint16_t protocol = reader_u8(r);

	if (!(protocol & 1))	/* the last byte of a protocol number is odd */
		protocol = (uint16_t)(protocol << 8 | reader_u8(r));
	switch (protocol) {
	case PPP_IPV4:
		return ETHERTYPE_IPV4;
	case PPP_IPV6:
		return ETHERTYPE_IPV6;
	case PPP_MPLS:
		return ETHERTYPE_MPLS;
	case PPP_MPLS_MULTICAST:
		return ETHERTYPE_MPLS_MULTICAST;
	default:
		return ETHERTYPE_NOTHING_OF_OURS;
	}
}

/*
 * PPPoE session, RFC 2516 4: version and type (0x11), code 0, session, length.
 * The length is not believed: IP brings its own, and there are concentrators
 * that leave a few bytes out of this one.
 */
static uint16_t pppoe_type(struct reader *r)
{
	uint8_t version = reader_u8(r);
	uint8_t code = reader_u8(r);

	reader_u32(r);		/* session, length */
	if (version != 0x11 || code != 0)
		return ETHERTYPE_NOTHING_OF_OURS;
	return ppp_type(r);
}

/* True when an Ethernet header with something that we could follow stands `at` bytes ahead. */
static bool ethernet_ahead(struct reader r, size_t at)
{
	reader_bytes(&r, at);
	switch (ethernet_type(&r)) {
	case ETHERTYPE_IPV4:
	case ETHERTYPE_IPV6:
	case ETHERTYPE_VLAN:
	case ETHERTYPE_QINQ:
	case ETHERTYPE_QINQ_OLD:
	case ETHERTYPE_MPLS:
	case ETHERTYPE_PPPOE:
		return true;
	default:
		return r.verdict == VERDICT_CUT;	/* go there, to fail as cut */
	}
}

/*
 * MPLS, RFC 3032: label (20), class (3), bottom of stack (1), TTL (8).  What
 * follows is not announced: IP by its first nibble (RFC 4928 3), else perhaps
 * a pseudo-wire, with (RFC 4385 3: first nibble 0) or without control word.
 */
static uint16_t mpls_type(struct reader *r)
{
	uint32_t entry;

	do
		entry = reader_u32(r);
	while (reader_ok(r) && !(entry & 0x100));

	if (!reader_need(r, 1))
		return ETHERTYPE_NOTHING_OF_OURS;
	if (r->at[0] >> 4 == 4)
		return ETHERTYPE_IPV4;
	if (r->at[0] >> 4 == 6)
		return ETHERTYPE_IPV6;
	if (r->at[0] >> 4 == 0 && ethernet_ahead(*r, 4)) {
		reader_u32(r);
		return ETHERTYPE_BRIDGED;
	}
	return ethernet_ahead(*r, 0) ? ETHERTYPE_BRIDGED : ETHERTYPE_NOTHING_OF_OURS;
}

enum link_result ethertype_descend(struct descent *d, uint16_t ethertype)
{
	for (;;) {
		switch (ethertype) {
		case ETHERTYPE_IPV4:
			d->version = 4;
			return LINK_PACKET;
		case ETHERTYPE_IPV6:
			d->version = 6;
			return LINK_PACKET;
		case ETHERTYPE_VLAN:
		case ETHERTYPE_QINQ:
		case ETHERTYPE_QINQ_OLD:
			ethertype = vlan_descend(d);
			break;
		case ETHERTYPE_MPLS:
		case ETHERTYPE_MPLS_MULTICAST:
			ethertype = mpls_type(&d->r);
			break;
		case ETHERTYPE_PPPOE:
			ethertype = pppoe_type(&d->r);
			break;
		case ETHERTYPE_BRIDGED:
			ethertype = ethernet_type(&d->r);
			break;
		default:
			return LINK_NOT_IP;
		}
		if (!reader_ok(&d->r))
			return descent_failure(&d->r);
		if (!descent_deeper(d))
			return LINK_TOO_DEEP;
	}
}

/*
 * Address family in the byte order of the machine that captured (NULL), or in
 * network order (LOOP).  AF_INET is 2 everywhere, AF_INET6 nowhere the same:
 * Linux 10, Windows 23, NetBSD and OpenBSD 24, FreeBSD 28, Darwin 30.
 */
static uint16_t family_type(struct reader *r)
{
	uint32_t family = reader_u32(r);

	if (family & 0xff000000)
		family = family >> 24;
	switch (family) {
	case 2:
		return ETHERTYPE_IPV4;
	case 10:
	case 23:
	case 24:
	case 28:
	case 30:
		return ETHERTYPE_IPV6;
	default:
		return ETHERTYPE_NOTHING_OF_OURS;
	}
}

/* Cisco HDLC: address, control, ethertype. */
static uint16_t chdlc_type(struct reader *r)
{
	reader_u16(r);
	return reader_u16(r);
}

/* PPP with the address and control bytes of HDLC (ff 03) or without; RFC 1662 3.1. */
static uint16_t ppp_frame_type(struct reader *r, bool may_be_cisco)
{
	struct reader peek = *r;
	uint8_t address = reader_u8(&peek);
	uint8_t control = reader_u8(&peek);

	if (may_be_cisco && (address == 0x0f || address == 0x8f))
		return chdlc_type(r);
	if (address == 0xff && (control == 0x03 || !reader_ok(&peek)))
		*r = peek;	/* with its failure: 0xff alone is no protocol either */
	return ppp_type(r);
}

/* "Cooked" captures of Linux: the ethertype is the last field of 16 bytes, or the first of 20. */
static uint16_t sll_type(struct reader *r)
{
	reader_bytes(r, 14);
	return reader_u16(r);
}

static uint16_t sll2_type(struct reader *r)
{
	uint16_t ethertype = reader_u16(r);

	reader_bytes(r, 18);
	return ethertype;
}

/* A number in the byte order of the machine that captured. */
static uint16_t host_u16(struct bytes b, size_t at, bool little_endian)
{
	unsigned low = b.data[at], high = b.data[at + 1];

	return (uint16_t)(little_endian ? high << 8 | low : low << 8 | high);
}

/*
 * Netfilter log: family, version, resource, then attributes (length, type,
 * padding to 4) in the capturing machine's byte order.  Attribute 9 is the
 * packet.  Types are below 64, so the half of the type that is zero (but for
 * two flag bits on top) shows the order.
 */
static uint16_t nflog_type(struct reader *r)
{
	enum { ATTRIBUTE_HEADER_LEN = 4, PAYLOAD = 9, FAMILY_IPV4 = 2, FAMILY_IPV6 = 10 };
	uint8_t family = reader_u8(r);
	uint8_t version = reader_u8(r);

	reader_u16(r);
	if (version != 0)
		return ETHERTYPE_NOTHING_OF_OURS;
	while (reader_remaining(r) > 0) {
		struct bytes header = reader_bytes(r, ATTRIBUTE_HEADER_LEN);

		if (!header.data)
			break;

		bool little_endian = (header.data[3] & 0x3f) == 0;
		size_t length = host_u16(header, 0, little_endian);
		unsigned type = host_u16(header, 2, little_endian) & 0x3fff;

		if (length < ATTRIBUTE_HEADER_LEN)
			reader_reject(r, VERDICT_MALFORMED);

		struct reader body = reader_sub(r, length - ATTRIBUTE_HEADER_LEN);

		if (type == PAYLOAD) {
			*r = body;
			return family == FAMILY_IPV4 ? ETHERTYPE_IPV4 :
			       family == FAMILY_IPV6 ? ETHERTYPE_IPV6 : ETHERTYPE_NOTHING_OF_OURS;
		}

		size_t padding = (4 - length % 4) % 4;

		if (padding <= reader_remaining(r))	/* the last one may have none */
			reader_skip(r, padding);
	}
	return ETHERTYPE_NOTHING_OF_OURS;
}

/* From the link header to the IP header; LINK_PACKET when `d->r` stands there. */
static enum link_result link_descend(struct descent *d, uint16_t link_type)
{
	uint16_t ethertype;

	switch (link_type) {
	case LINK_ETHERNET:
		ethertype = ethernet_type(&d->r);
		break;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
		return LINK_PACKET;
	case LINK_IPV4:
		ethertype = ETHERTYPE_IPV4;
		break;
	case LINK_IPV6:
		ethertype = ETHERTYPE_IPV6;
		break;
	case LINK_NULL:
	case LINK_LOOP:
		ethertype = family_type(&d->r);
		break;
	case LINK_PPP:
		ethertype = ppp_frame_type(&d->r, false);
		break;
	case LINK_PPP_HDLC:
		ethertype = ppp_frame_type(&d->r, true);
		break;
	case LINK_PPP_ETHER:
		ethertype = pppoe_type(&d->r);
		break;
	case LINK_CHDLC:
		ethertype = chdlc_type(&d->r);
		break;
	case LINK_LINUX_SLL:
		ethertype = sll_type(&d->r);
		break;
	case LINK_LINUX_SLL2:
		ethertype = sll2_type(&d->r);
		break;
	case LINK_NFLOG:
		ethertype = nflog_type(&d->r);
		break;
	default:
		return LINK_UNSUPPORTED;
	}
	if (!reader_ok(&d->r))
		return descent_failure(&d->r);
	return ethertype_descend(d, ethertype);
}

enum link_result link_decap(const struct frame *f, struct packet *ret)
{
	struct descent d = { .r = reader_over(f->data, f->captured, f->length) };
	enum link_result result = link_descend(&d, f->link_type);

	return result == LINK_PACKET ? ip_descend(&d, ret) : result;
}

/* Names as libpcap has them, without DLT_; those that we cannot read only to say so. */
static const struct {
	uint16_t number;
	bool supported;
	const char *name;
} link_types[] = {
	{ LINK_NULL, true, "NULL" },
	{ LINK_ETHERNET, true, "EN10MB" },
	{ 6, false, "IEEE802" },
	{ LINK_PPP, true, "PPP" },
	{ 10, false, "FDDI" },
	{ LINK_RAW_BSD, true, "RAW" },
	{ LINK_RAW_OPENBSD, true, "RAW" },
	{ LINK_PPP_HDLC, true, "PPP_SERIAL" },
	{ LINK_PPP_ETHER, true, "PPP_ETHER" },
	{ LINK_RAW, true, "RAW" },
	{ LINK_CHDLC, true, "C_HDLC" },
	{ 105, false, "IEEE802_11" },
	{ 107, false, "FRELAY" },
	{ LINK_LOOP, true, "LOOP" },
	{ LINK_LINUX_SLL, true, "LINUX_SLL" },
	{ 117, false, "PFLOG" },
	{ 127, false, "IEEE802_11_RADIO" },
	{ 192, false, "PPI" },
	{ LINK_IPV4, true, "IPV4" },
	{ LINK_IPV6, true, "IPV6" },
	{ LINK_NFLOG, true, "NFLOG" },
	{ 253, false, "NETLINK" },
	{ 258, false, "PKTAP" },
	{ LINK_LINUX_SLL2, true, "LINUX_SLL2" },
};

enum { LINK_TYPES = sizeof(link_types) / sizeof(link_types[0]) };

const char *link_type_name(uint16_t link_type)
{
	for (int i = 0; i < LINK_TYPES; i++)
		if (link_types[i].number == link_type)
			return link_types[i].name;
	return NULL;
}

bool link_type_supported(uint16_t link_type)
{
	for (int i = 0; i < LINK_TYPES; i++)
		if (link_types[i].number == link_type)
			return link_types[i].supported;
	return false;
}
