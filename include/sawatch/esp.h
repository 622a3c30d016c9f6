/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ESP and AH headers: the SPI and the sequence number.  RFC 4303 section 2, RFC 4302 section 2. */
#ifndef SAWATCH_ESP_H
#define SAWATCH_ESP_H

#include <stdint.h>

#include <sawatch/reader.h>

struct esp_header {
	uint32_t spi;
	uint32_t seq;
};

/* SPI 0 MUST NOT be on the wire (RFC 4303 2.1): MALFORMED, as is a header that was sent short. */
enum verdict esp_parse(struct reader *r, struct esp_header *ret);

/* AH; its length field smaller than the fixed part is MALFORMED. */
enum verdict ah_parse(struct reader *r, struct esp_header *ret);

#endif
