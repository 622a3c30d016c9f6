/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * UDP datagrams and what they carry, and bare ESP and AH: one byte that chooses
 * the protocol, one for the bytes not captured, the packet.
 */
#include <sawatch/esp.h>
#include <sawatch/ike.h>
#include <sawatch/udp.h>

#include "property.h"

static enum verdict parse_esp(struct reader r, bool ah, struct esp_header *ret)
{
	return ah ? ah_parse(&r, ret) : esp_parse(&r, ret);
}

static void check_esp(const uint8_t *data, size_t captured, size_t length, bool ah)
{
	struct esp_header h, cut;
	enum verdict v = parse_esp(reader_over(data, captured, length), ah, &h);

	MUST(v != VERDICT_OK || h.spi != 0);
	MUST(v != VERDICT_CUT || captured < length);
	if (v == VERDICT_OK)
		for (size_t n = 0; n < captured && n < 16; n++) {
			v = parse_esp(reader_over(data, n, length), ah, &cut);
			MUST(v == VERDICT_CUT ||
			     (v == VERDICT_OK && cut.spi == h.spi && cut.seq == h.seq));
		}
}

static void check_udp(const uint8_t *data, size_t captured, size_t length)
{
	struct reader r = reader_over(data, captured, length);
	struct udp_header u;
	struct ike_header h;

	if (udp_parse(&r, &u) != VERDICT_OK)
		return;

	size_t carried = reader_remaining(&r);

	MUST(carried <= length - 8);
	switch (udp_classify(&u, &r)) {
	case UDP_OTHER:
		break;
	case UDP_IKE_MARKED:
		MUST(reader_remaining(&r) + 4 == carried);
		ike_header_parse(&r, &h);
		break;
	case UDP_IKE:
		MUST(reader_remaining(&r) == carried);
		ike_header_parse(&r, &h);
		break;
	case UDP_ESP:
		MUST(u.src_port == 4500 || u.dst_port == 4500);
		check_esp(r.at, r.left, r.left + r.unseen, false);
		break;
	case UDP_KEEPALIVE:
		MUST(carried == 1);
		break;
	}
	must_lie_within((struct bytes){ r.at, r.left }, data, captured);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;

	size_t captured = size - 2, length = captured + data[1];
	uint8_t *copy = exact_copy(data + 2, captured);

	if (data[0] % 3 == 0)
		check_udp(copy, captured, length);
	else
		check_esp(copy, captured, length, data[0] % 3 == 1);
	free(copy);
	return 0;
}
