/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/icmp.h>

#include <sawatch/udp.h>

enum { ICMP_UNREACHABLE = 3, ICMP_TIME_EXCEEDED = 11, ICMP_PARAMETER_PROBLEM = 12 };
enum { ICMP_FRAGMENTATION_NEEDED = 4 };		/* code of unreachable */
enum { ICMPV6_FIRST_ERROR = 1, ICMPV6_PACKET_TOO_BIG = 2, ICMPV6_LAST_ERROR = 4 };

/* Longest IP packet: how long the quoted one was is for its own header to say. */
enum { QUOTED_MAX = 40 + 65535 };

static bool is_error(const struct packet *p, uint8_t type)
{
	if (p->protocol == IP_ICMPV6)
		return type >= ICMPV6_FIRST_ERROR && type <= ICMPV6_LAST_ERROR;
	return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETER_PROBLEM;
}

static uint32_t error_mtu(const struct icmp_error *e, uint32_t second_word)
{
	if (e->v6)
		return e->type == ICMPV6_PACKET_TOO_BIG ? second_word : 0;
	if (e->type == ICMP_UNREACHABLE && e->code == ICMP_FRAGMENTATION_NEEDED)
		return second_word & 0xffff;	/* RFC 1191 4; 0 from routers older than it */
	return 0;
}

/* What the quote says about a UDP or TCP packet of ours; false when it is not one. */
static bool ports_read(struct reader r, struct icmp_error *ret)
{
	ret->src_port = reader_u16(&r);
	ret->dst_port = reader_u16(&r);
	if (!reader_ok(&r))
		return false;

	bool ike = ret->src_port == 500 || ret->dst_port == 500;
	bool natt = ret->src_port == 4500 || ret->dst_port == 4500;

	if (ret->quoted.protocol == IP_TCP)
		return natt;
	if (!ike && !natt)
		return false;
	reader_u32(&r);		/* length, checksum */
	if (natt)
		/* 0: the non-ESP marker, or too little was quoted */
		ret->spi = reader_u32(&r);
	if (ret->spi == 0)
		ret->ike_spi_i = reader_u64(&r);
	return true;
}

static bool quoted_read(struct icmp_error *ret)
{
	struct reader r = ret->quoted.payload;

	if (ret->quoted.fragment_offset != 0)	/* no header of ours, but the protocol is */
		return ret->quoted.protocol == IP_ESP || ret->quoted.protocol == IP_AH;
	switch (ret->quoted.protocol) {
	case IP_AH:
		reader_u32(&r);
		ret->spi = reader_u32(&r);
		return true;
	case IP_ESP:
		ret->spi = reader_u32(&r);
		return true;
	case IP_UDP:
	case IP_TCP:
		return ports_read(r, ret);
	default:
		return false;
	}
}

bool icmp_error_parse(const struct packet *p, struct icmp_error *ret)
{
	struct reader r = p->payload;

	if ((p->protocol != IP_ICMP && p->protocol != IP_ICMPV6) || p->fragment_offset != 0)
		return false;
	*ret = (struct icmp_error){ .v6 = p->protocol == IP_ICMPV6 };
	ret->type = reader_u8(&r);
	ret->code = reader_u8(&r);
	reader_u16(&r);		/* checksum */
	ret->mtu = error_mtu(ret, reader_u32(&r));
	if (!reader_ok(&r) || !is_error(p, ret->type))
		return false;
	if (ip_parse(r.at, (uint32_t)r.left, QUOTED_MAX, &ret->quoted) != LINK_PACKET)
		return false;
	return addr_is_v4(ret->quoted.src) != ret->v6 && quoted_read(ret);
}
