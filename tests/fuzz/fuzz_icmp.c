/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ICMP messages: one byte that chooses the version, one for the bytes not captured, the message. */
#include <sawatch/icmp.h>

#include "property.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct icmp_error e;

	if (size < 2)
		return 0;

	size_t length = size - 2;
	uint8_t *copy = exact_copy(data + 2, length);
	const struct packet p = {
		.src = addr_v4(1), .dst = addr_v4(2), .protocol = data[0] & 1 ? IP_ICMPV6 : IP_ICMP,
		.hop_limit = 64,
		.payload = reader_over(copy, length, length + data[1]),
	};

	if (icmp_error_parse(&p, &e)) {
		MUST(e.v6 == (p.protocol == IP_ICMPV6));
		must_lie_within((struct bytes){ e.quoted.ip, e.quoted.ip_captured }, copy, length);
		must_lie_within((struct bytes){ e.quoted.payload.at, e.quoted.payload.left }, copy,
				length);
		MUST(e.quoted.protocol == IP_ESP || e.quoted.protocol == IP_AH || e.src_port != 0 ||
		     e.dst_port != 0);
	}
	free(copy);
	return 0;
}
