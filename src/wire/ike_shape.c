/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/ike_shape.h"

#include <sawatch/ike.h>
#include <sawatch/ike_registry.h>

#define CASE(number, name) case number:

static bool exchange_exists(uint8_t version, uint8_t exchange)
{
	if (version == 0x20) {
		switch (exchange) {
		IKE2_EXCHANGES(CASE)
			return true;
		default:
			return false;
		}
	}
	if (version == 0x10) {
		switch (exchange) {
		IKE1_EXCHANGES(CASE)
			return true;
		default:
			return false;
		}
	}
	return false;
}

bool ike_shaped(struct reader r)
{
	size_t sent = reader_remaining(&r);

	if (sent < IKE_HEADER_LEN || !reader_need(&r, IKE_HEADER_LEN))
		return false;

	uint64_t spi_i = reader_u64(&r);

	reader_skip(&r, 8 + 1);		/* responder's SPI, next payload */

	uint8_t version = reader_u8(&r);
	uint8_t exchange = reader_u8(&r);

	reader_skip(&r, 1 + 4);		/* flags, message id */
	return spi_i != 0 && reader_u32(&r) == sent && exchange_exists(version, exchange);
}
