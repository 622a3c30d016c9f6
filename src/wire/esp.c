/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/esp.h>

enum { AH_FIXED_LEN = 12 };

/* RFC 4303 2.1 and 2.2. */
enum verdict esp_parse(struct reader *r, struct esp_header *ret)
{
	ret->spi = reader_u32(r);
	ret->seq = reader_u32(r);
	if (ret->spi == 0)	/* reserved: MUST NOT be sent on the wire */
		reader_reject(r, VERDICT_MALFORMED);
	return r->verdict;
}

/* RFC 4302 2: next header, length in words less two, reserved, SPI, sequence number, ICV. */
enum verdict ah_parse(struct reader *r, struct esp_header *ret)
{
	reader_u8(r);

	size_t length = ((size_t)reader_u8(r) + 2) * 4;

	reader_u16(r);
	ret->spi = reader_u32(r);
	ret->seq = reader_u32(r);
	if (ret->spi == 0 || length < AH_FIXED_LEN)
		reader_reject(r, VERDICT_MALFORMED);
	else
		reader_skip(r, length - AH_FIXED_LEN);
	return r->verdict;
}
