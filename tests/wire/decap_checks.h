/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must hold for every frame that carries the ESP packet of frames.h. */
#ifndef SAWATCH_TESTS_WIRE_DECAP_CHECKS_H
#define SAWATCH_TESTS_WIRE_DECAP_CHECKS_H

#include <stdlib.h>

#include <sawatch/esp.h>
#include <sawatch/link.h>

#include "wire/frames.h"

static inline struct built esp_in_ipv4(void)
{
	struct built b = built_esp();

	wrap_ipv4(&b, IP_ESP, BUILT_SRC, BUILT_DST);
	return b;
}

static inline struct built esp_in_ipv6(void)
{
	struct built b = built_esp();

	wrap_ipv6(&b, IP_ESP, BUILT_SRC, BUILT_DST);
	return b;
}

/* Decap the first `captured` bytes of `b`, in a heap block of exactly that size. */
static inline enum link_result decap_cut(struct built *b, uint16_t link_type, size_t captured,
					 struct packet *ret, uint8_t **ret_copy)
{
	uint8_t *copy = malloc(captured + (captured == 0));

	assert_non_null(copy);
	memcpy(copy, built_data(b), captured);

	struct frame f = {
		.captured = (uint32_t)captured, .length = (uint32_t)b->length,
		.link_type = link_type, .data = copy,
	};
	enum link_result result = link_decap(&f, ret);

	*ret_copy = copy;
	return result;
}

static inline void expect_esp(const struct packet *p, size_t payload_length)
{
	struct reader r = p->payload;
	struct esp_header esp;

	assert_int_equal(p->protocol, IP_ESP);
	assert_int_equal(p->src.low & 0xffffffff, BUILT_SRC);
	assert_int_equal(p->dst.low & 0xffffffff, BUILT_DST);
	assert_int_equal(p->hop_limit, 64);
	assert_false(p->fragment);
	assert_int_equal(reader_remaining(&r), payload_length);
	if (r.left >= 8) {
		assert_int_equal(esp_parse(&r, &esp), VERDICT_OK);
		assert_int_equal(esp.spi, (uint32_t)BUILT_SPI);
		assert_int_equal(esp.seq, BUILT_SEQ);
	} else {
		assert_int_equal(esp_parse(&r, &esp), VERDICT_CUT);
	}
}

/* The reader and the packet lie within the `captured` bytes at `data`. */
static inline void expect_within(const struct packet *p, const uint8_t *data, size_t captured)
{
	assert_true(p->ip >= data && p->ip + p->ip_captured <= data + captured);
	assert_true(p->payload.at >= p->ip);
	assert_true(p->payload.at + p->payload.left <= p->ip + p->ip_captured);
	assert_true(p->ip_captured <= p->ip_length);
	assert_true(p->depth <= LINK_DEPTH_MAX);
	assert_int_equal(p->payload.verdict, VERDICT_OK);
}

/*
 * Whole: the ESP packet.  Cut anywhere: the ESP packet with less of it, or
 * CUT; behind the ports of an outer UDP header that was not captured, that UDP
 * packet.  Never malformed, never "not IP".
 */
static inline void expect_esp_at_any_length(struct built *b, uint16_t link_type)
{
	struct packet p;
	uint8_t *copy;

	assert_int_equal(decap_cut(b, link_type, b->length, &p, &copy), LINK_PACKET);
	expect_esp(&p, 32);
	expect_within(&p, copy, b->length);
	free(copy);

	for (size_t captured = 0; captured < b->length; captured++) {
		enum link_result result = decap_cut(b, link_type, captured, &p, &copy);

		if (result == LINK_PACKET && p.protocol == IP_UDP) {
			assert_true(p.payload.left < 4);
		} else if (result == LINK_PACKET) {
			expect_esp(&p, 32);
			expect_within(&p, copy, captured);
		} else {
			assert_int_equal(result, LINK_CUT);
		}
		free(copy);
	}
}

/* Every byte with every value, whole and cut: whatever it is, it stays within the frame. */
static inline void expect_no_overread(struct built *b, uint16_t link_type)
{
	uint8_t *data = built_data(b);

	for (size_t at = 0; at < b->length; at++) {
		uint8_t original = data[at];

		for (int value = 0; value < 256; value++) {
			size_t captured = value % 4 == 0
						  ? b->length - (size_t)value * b->length / 512
						  : b->length;
			struct packet p;
			uint8_t *copy;

			data[at] = (uint8_t)value;
			if (decap_cut(b, link_type, captured, &p, &copy) == LINK_PACKET)
				expect_within(&p, copy, captured);
			free(copy);
		}
		data[at] = original;
	}
}

#endif
