/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ICMP errors and the packet they quote.  A quoted packet is evidence about a
 * path, never traffic.  RFC 792, RFC 4443.
 */
#ifndef SAWATCH_ICMP_H
#define SAWATCH_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/link.h>

struct icmp_error {
	uint8_t type, code;
	bool v6;
	uint32_t mtu;		/* "fragmentation needed" / "packet too big"; else 0 */
	struct packet quoted;	/* borrowed; its payload is usually cut */
	uint16_t src_port, dst_port;	/* of the quoted packet when UDP or TCP; else 0 */
	uint32_t spi;		/* of a quoted ESP/AH packet (plain or on UDP 4500); else 0 */
	uint64_t ike_spi_i;	/* of a quoted IKE message; else 0 */
};

/*
 * True when `p` is an ICMP error (v4 types 3, 11, 12; v6 1-4) that quotes an
 * IP packet carrying IPsec (ESP, AH, UDP 500/4500, TCP 4500).  `ret` borrows from the packet;
 * otherwise it is not to be looked at.
 */
bool icmp_error_parse(const struct packet *p, struct icmp_error *ret);

#endif
