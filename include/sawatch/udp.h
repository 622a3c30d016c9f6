/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * UDP as IPsec uses it: which datagrams are IKE, ESP, keepalives.
 * RFC 768, RFC 3948 section 2, RFC 7296 section 2.23.
 */
#ifndef SAWATCH_UDP_H
#define SAWATCH_UDP_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/reader.h>

struct udp_header {
	uint16_t src_port, dst_port;
};

/* Header; then `r` holds the datagram's data, bounded by the UDP length (0 is taken as "all"). */
enum verdict udp_parse(struct reader *r, struct udp_header *ret);

enum udp_content {
	UDP_OTHER,		/* nothing of ours */
	UDP_IKE,		/* an IKE header follows in the reader */
	/* the same after the four-byte non-ESP marker, which was taken off */
	UDP_IKE_MARKED,
	UDP_ESP,		/* ESP header follows */
	UDP_KEEPALIVE,		/* one byte 0xff */
};

/*
 * What a datagram carries; moves `r` behind the non-ESP marker.  On port 500
 * (either side) it is IKE.  On 4500 (either side): marker -> IKE, 0xff ->
 * keepalive, else ESP.  On other ports IKE is recognised by its header (with
 * or without marker): version 1.0 or 2.0, a known exchange, non-zero SPI, length equal to what is
 * there, so that ordinary traffic is never taken for IKE; ESP is never guessed (the caller learns
 * its 4-tuples).  A datagram too short to be any is UDP_OTHER.
 */
enum udp_content udp_classify(const struct udp_header *u, struct reader *r);

#endif
