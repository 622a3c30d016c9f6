/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IPv4 (RFC 791) and IPv6 with its extension headers (RFC 8200). */
#include <sawatch/link.h>

#include "wire/descent.h"

enum { IPV4_HEADER_LEN = 20, IPV6_HEADER_LEN = 40, UDP_HEADER_LEN = 8 };

/*
 * RFC 8200 4.1 allows each extension header once, destination options twice;
 * a longer chain is there to make us walk.
 */
enum { IPV6_EXTENSIONS_MAX = 8 };

enum {
	IPV6_HOP_BY_HOP = 0, IPV6_ROUTING = 43, IPV6_FRAGMENT = 44, IPV6_NO_NEXT_HEADER = 59,
	IPV6_DESTINATION = 60, IPV6_MOBILITY = 135,
};

static inline enum link_result ipv4_parse(const uint8_t *ip, size_t captured, size_t sent,
					  struct packet *ret)
{
	struct reader r = reader_over(ip, captured, sent);

	if (!reader_need(&r, IPV4_HEADER_LEN))	/* once, instead of at every field */
		return descent_failure(&r);

	size_t header = (size_t)(reader_u8(&r) & 0xf) * 4;

	reader_skip(&r, 1);	/* DSCP and ECN */

	size_t total = reader_u16(&r);

	ret->ip_id = reader_u16(&r);

	uint16_t fragment = reader_u16(&r);	/* 0 DF MF, then 13 bits of offset / 8 */

	ret->hop_limit = reader_u8(&r);
	ret->protocol = reader_u8(&r);
	reader_skip(&r, 2);	/* checksum: a mirror may send it unfilled */
	ret->src = addr_v4(reader_u32(&r));
	ret->dst = addr_v4(reader_u32(&r));

	if (total == 0)		/* segmentation offload: the card fills it in after the capture */
		total = sent;
	if (header < IPV4_HEADER_LEN || header > total || total > sent)
		return LINK_MALFORMED;
	if (!reader_need(&r, header - IPV4_HEADER_LEN))
		return descent_failure(&r);
	reader_skip(&r, header - IPV4_HEADER_LEN);

	ret->payload = reader_sub(&r, total - header);
	ret->fragment_offset = (uint16_t)((fragment & 0x1fff) * 8);
	ret->more = fragment & 0x2000;
	ret->fragment = fragment & 0x3fff;
	ret->ip = ip;
	ret->ip_length = (uint32_t)total;
	ret->ip_captured = (uint32_t)(captured < total ? captured : total);
	return LINK_PACKET;
}

/* Step over one extension header whose first two bytes are next header and length. */
static uint8_t extension_skip(struct reader *r)
{
	uint8_t next = reader_u8(r);
	size_t length = (size_t)reader_u8(r) * 8 + 8;	/* RFC 8200 4.3: without the first 8 */

	reader_bytes(r, length - 2);	/* not reader_skip(): the next header must be in sight */
	return next;
}

/* Fragment header, RFC 8200 4.5.  An atomic fragment (RFC 6946) is a whole packet. */
static uint8_t fragment_header(struct reader *r, struct packet *ret)
{
	uint8_t next = reader_u8(r);

	reader_skip(r, 1);

	uint16_t offset = reader_u16(r);	/* 13 bits of offset / 8, two reserved, M */

	ret->ip_id = reader_u32(r);
	ret->fragment_offset = offset & 0xfff8;
	ret->more = offset & 1;
	ret->fragment = ret->fragment_offset != 0 || ret->more;
	return next;
}

/* From behind the fixed header to the upper layer, or to the part that was fragmented. */
static inline enum link_result extensions_walk(struct reader *r, uint8_t next, struct packet *ret)
{
	for (int walked = 0; walked <= IPV6_EXTENSIONS_MAX; walked++) {
		switch (next) {
		case IPV6_HOP_BY_HOP:
		case IPV6_ROUTING:
		case IPV6_DESTINATION:
		case IPV6_MOBILITY:
			next = extension_skip(r);
			break;
		case IPV6_FRAGMENT:
			next = fragment_header(r, ret);
			break;
		default:
			ret->protocol = next;
			ret->payload = *r;
			return LINK_PACKET;
		}
		if (!reader_ok(r))
			return descent_failure(r);
		if (ret->fragment) {
			ret->protocol = next;
			ret->payload = *r;
			return LINK_PACKET;
		}
	}
	return LINK_TOO_DEEP;
}

static inline struct addr addr_read(struct reader *r)
{
	uint64_t high = reader_u64(r);

	return (struct addr){ high, reader_u64(r) };
}

static inline enum link_result ipv6_parse(const uint8_t *ip, size_t captured, size_t sent,
					  struct packet *ret)
{
	struct reader r = reader_over(ip, captured, sent);

	if (!reader_need(&r, IPV6_HEADER_LEN))
		return descent_failure(&r);
	reader_skip(&r, 4);	/* version, class, flow label */

	size_t length = reader_u16(&r);
	uint8_t next = reader_u8(&r);

	ret->hop_limit = reader_u8(&r);
	ret->src = addr_read(&r);
	ret->dst = addr_read(&r);

	if (length == 0 && next != IPV6_NO_NEXT_HEADER)	/* jumbogram, segmentation offload */
		length = sent - IPV6_HEADER_LEN;
	if (length > sent - IPV6_HEADER_LEN)
		return LINK_MALFORMED;

	struct reader body = reader_sub(&r, length);
	size_t total = IPV6_HEADER_LEN + length;

	ret->ip_id = 0;
	ret->fragment_offset = 0;
	ret->more = false;
	ret->fragment = false;
	ret->ip = ip;
	ret->ip_length = (uint32_t)total;
	ret->ip_captured = (uint32_t)(captured < total ? captured : total);
	return extensions_walk(&body, next, ret);
}

/*
 * The IP packet at `r`, whose envelope announced `version` (0: it did not).
 * Words go down instead of the reader: copying a struct whose members were
 * just written stalls, and this runs for every packet.
 */
static inline enum link_result either_parse(struct reader *r, uint8_t version, struct packet *ret)
{
	if (!reader_need(r, 1))
		return descent_failure(r);

	uint8_t is = r->at[0] >> 4;

	if (version != 0 && is != version)
		return LINK_MALFORMED;
	if (is == 4)
		return ipv4_parse(r->at, r->left, r->left + r->unseen, ret);
	if (is == 6)
		return ipv6_parse(r->at, r->left, r->left + r->unseen, ret);
	return LINK_UNSUPPORTED;
}

static inline bool udp_carries(struct reader r)
{
	struct reader udp = r;

	reader_u16(&udp);	/* source port */
	return envelope_port(reader_u16(&udp)) && envelope_in_udp(r);
}

/* True when the upper layer of `p` carries another packet that we can reach. */
static inline bool envelope_carried(const struct packet *p)
{
	switch (p->protocol) {
	case IP_IPIP:
	case IP_IPV6:
	case IP_GRE:
		return !p->fragment;
	case IP_UDP:
		return !p->fragment && udp_carries(p->payload);
	default:
		return false;
	}
}

enum link_result ip_descend(struct descent *d, struct packet *ret)
{
	for (;;) {
		enum link_result result = either_parse(&d->r, d->version, ret);

		if (result != LINK_PACKET)
			return result;
		if (!envelope_carried(ret))
			break;
		/*
		 * what would tell an envelope from other traffic was not captured: then nobody is
		 * wrong, however deep it lies
		 */
		if (ret->protocol == IP_UDP && ret->payload.left <= UDP_HEADER_LEN &&
		    ret->payload.unseen > 0)
			return LINK_CUT;
		if (!descent_deeper(d))
			return LINK_TOO_DEEP;
		d->r = ret->payload;
		result = envelope_descend(d, ret->protocol);
		if (result != LINK_PACKET)
			return result;
	}
	ret->depth = d->depth;
	ret->network = d->network;
	return LINK_PACKET;
}

enum link_result ip_parse(const uint8_t *ip, uint32_t captured, uint32_t length, struct packet *ret)
{
	ret->depth = 0;
	ret->network = 0;

	struct reader r = reader_over(ip, captured, length);

	return either_parse(&r, 0, ret);
}

enum link_result ip_decap(const uint8_t *ip, uint32_t captured, uint32_t length, struct packet *ret)
{
	struct descent d = { .r = reader_over(ip, captured, length) };

	return ip_descend(&d, ret);
}
