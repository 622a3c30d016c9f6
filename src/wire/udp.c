/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/udp.h>

#include <sawatch/ike.h>

#include "wire/ike_shape.h"

enum {
	IKE_PORT = 500, NATT_PORT = 4500,
	UDP_HEADER_LEN = 8, MARKER_LEN = 4, ESP_HEADER_LEN = 8,
};

enum verdict udp_parse(struct reader *r, struct udp_header *ret)
{
	ret->src_port = reader_u16(r);
	ret->dst_port = reader_u16(r);

	size_t length = reader_u16(r);

	reader_u16(r);		/* checksum: may be unfilled at the capture */
	if (length == 0 || !reader_ok(r))	/* 0: segmentation offload, jumbogram */
		return r->verdict;
	if (length < UDP_HEADER_LEN)
		reader_reject(r, VERDICT_MALFORMED);
	*r = reader_sub(r, length - UDP_HEADER_LEN);
	return r->verdict;
}

/* The non-ESP marker and room for IKE behind it, RFC 3948 2.2. */
static bool marker_take(struct reader *r)
{
	struct reader behind = *r;

	if (reader_remaining(r) < MARKER_LEN + IKE_HEADER_LEN)
		return false;
	if (reader_u32(&behind) != 0 || !reader_ok(&behind))
		return false;
	*r = behind;
	return true;
}

/* Port 4500.  One byte that was sent but not captured can only have been a keepalive's. */
static enum udp_content natt_classify(struct reader *r)
{
	struct reader peek = *r;
	size_t sent = reader_remaining(r);

	if (sent == 1)
		return r->left == 0 || reader_u8(&peek) == 0xff ? UDP_KEEPALIVE : UDP_OTHER;
	if (marker_take(r))
		return UDP_IKE_MARKED;
	/* when not even the SPI was captured, esp_parse() says so */
	if (sent < ESP_HEADER_LEN || (reader_u32(&peek) == 0 && reader_ok(&peek)))
		return UDP_OTHER;
	return UDP_ESP;
}

enum udp_content udp_classify(const struct udp_header *u, struct reader *r)
{
	bool ike_port = u->src_port == IKE_PORT || u->dst_port == IKE_PORT;
	bool natt_port = u->src_port == NATT_PORT || u->dst_port == NATT_PORT;

	/* both: a NAT gave one side the other's port; ESP never looks like IKE */
	if (natt_port && !(ike_port && ike_shaped(*r)))
		return natt_classify(r);
	if (ike_port)
		return reader_remaining(r) >= IKE_HEADER_LEN ? UDP_IKE : UDP_OTHER;
	if (ike_shaped(*r))
		return UDP_IKE;

	struct reader behind = *r;

	if (marker_take(&behind) && ike_shaped(behind)) {
		*r = behind;
		return UDP_IKE_MARKED;
	}
	return UDP_OTHER;
}
