/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Internet addresses as two words: IPv4 is kept IPv4-mapped (::ffff:a.b.c.d),
 * so one comparison serves both families.
 */
#ifndef SAWATCH_ADDR_H
#define SAWATCH_ADDR_H

#include <stdbool.h>
#include <stdint.h>

struct addr {
	uint64_t high;		/* first eight bytes, as a number */
	uint64_t low;
};

struct endpoint {
	struct addr addr;
	uint16_t port;		/* 0: the port plays no part */
};

enum { ADDR_TEXT_MAX = 48, ENDPOINT_TEXT_MAX = 64 };

#define ADDR_V4_PREFIX UINT64_C(0x0000ffff00000000)

/* 0xc0000201 is 192.0.2.1. */
static inline struct addr addr_v4(uint32_t host_order)
{
	return (struct addr){ 0, ADDR_V4_PREFIX | host_order };
}

/* IPv4-mapped: what came as ::ffff:a.b.c.d in IPv6 counts as IPv4, too. */
static inline bool addr_is_v4(struct addr a)
{
	return a.high == 0 && (a.low & UINT64_C(0xffffffff00000000)) == ADDR_V4_PREFIX;
}

/* The same address; ports and families play no part of their own. */
static inline bool addr_equal(struct addr a, struct addr b)
{
	return a.high == b.high && a.low == b.low;
}

/* 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291 2.7). */
static inline bool addr_is_multicast(struct addr a)
{
	return addr_is_v4(a) ? (a.low >> 28 & 0xf) == 0xe : a.high >> 56 == 0xff;
}

/* Numeric order with IPv4 before IPv6 (DESIGN 9): <0, 0, >0. */
static inline int addr_compare(struct addr a, struct addr b)
{
	if (addr_is_v4(a) != addr_is_v4(b))
		return addr_is_v4(a) ? -1 : 1;
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return a.low == b.low ? 0 : a.low < b.low ? -1 : 1;
}

/* The same address and port. */
static inline bool endpoint_equal(struct endpoint a, struct endpoint b)
{
	return addr_equal(a.addr, b.addr) && a.port == b.port;
}

/* Address order, then port. */
static inline int endpoint_compare(struct endpoint a, struct endpoint b)
{
	int by_addr = addr_compare(a.addr, b.addr);

	return by_addr != 0 ? by_addr : (int)a.port - (int)b.port;
}

/* Sixteen bytes in network order, sortable with memcmp (IPv4 as ::ffff:a.b.c.d). */
void addr_bytes(struct addr a, uint8_t ret[16]);
/* The address that addr_bytes() wrote. */
struct addr addr_from_bytes(const uint8_t bytes[16]);

/* Canonical text (RFC 5952 for IPv6), written to `ret`, which is returned. */
const char *addr_text(struct addr a, char ret[ADDR_TEXT_MAX]);

/* "address", "address:port" or "[v6]:port"; the port only when it is not 0. */
const char *endpoint_text(struct endpoint p, char ret[ENDPOINT_TEXT_MAX]);

/* False when `text` is no address.  Accepts both families, no port, no brackets. */
bool addr_parse(const char *text, struct addr *ret);

/* What endpoint_text() writes, and "[v6]" without a port. */
bool endpoint_parse(const char *text, struct endpoint *ret);

#endif
