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

/*
 * ESP, RFC 4303 2.1 and 2.2; `r` then stands behind the two fields.  MALFORMED: SPI 0, which MUST
 * NOT be on the wire, or a header that was sent short.  CUT: captured short.
 */
enum verdict esp_parse(struct reader *r, struct esp_header *ret);

/*
 * AH, RFC 4302 2; `r` then stands behind the sequence number.  MALFORMED and CUT as esp_parse(),
 * and MALFORMED when its Payload Len is smaller than the fixed part (RFC 4302 2.2).
 */
enum verdict ah_parse(struct reader *r, struct esp_header *ret);

#endif
