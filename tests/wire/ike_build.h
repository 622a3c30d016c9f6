/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IKE messages for tests, built payload by payload; lengths and next payloads are filled in. */
#ifndef TESTS_IKE_BUILD_H
#define TESTS_IKE_BUILD_H

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/ike.h>

struct build {
	uint8_t bytes[8192];
	size_t length;
	size_t next_at;		/* where the type of the next payload goes */
	size_t payload_at;	/* the open payload; 0 none */
};

static inline void put_raw(struct build *b, const void *data, size_t length)
{
	assert(b->length + length <= sizeof(b->bytes));
	if (length > 0)
		memcpy(b->bytes + b->length, data, length);
	b->length += length;
}

static inline void put_number(struct build *b, uint64_t value, unsigned width)
{
	for (unsigned i = width; i-- > 0;) {
		uint8_t byte = (uint8_t)(value >> 8 * i);

		put_raw(b, &byte, 1);
	}
}

static inline void put_fill(struct build *b, uint8_t byte, size_t length)
{
	while (length-- > 0)
		put_raw(b, &byte, 1);
}

static inline void put_text(struct build *b, const char *text)
{
	put_raw(b, text, strlen(text));
}

static inline void set_u16(struct build *b, size_t at, size_t value)
{
	b->bytes[at] = (uint8_t)(value >> 8);
	b->bytes[at + 1] = (uint8_t)value;
}

static inline struct build ike_begin(unsigned major, uint8_t exchange, uint8_t flags,
				     uint32_t message_id)
{
	struct build b = { .next_at = 16 };

	put_number(&b, 0x1112131415161718, 8);
	put_number(&b, 0x2122232425262728, 8);
	put_number(&b, 0, 1);
	put_number(&b, major << 4, 1);
	put_number(&b, exchange, 1);
	put_number(&b, flags, 1);
	put_number(&b, message_id, 4);
	put_number(&b, 0, 4);
	return b;
}

static inline void close_payload(struct build *b)
{
	if (b->payload_at)
		set_u16(b, b->payload_at + 2, b->length - b->payload_at);
}

static inline void begin_payload(struct build *b, uint8_t type)
{
	close_payload(b);
	b->bytes[b->next_at] = type;
	b->next_at = b->payload_at = b->length;
	put_number(b, 0, 4);
}

/* A payload of `length` bytes without a meaning. */
static inline void put_payload(struct build *b, uint8_t type, size_t length)
{
	begin_payload(b, type);
	put_fill(b, 0x5a, length);
}

static inline void ike_end(struct build *b)
{
	close_payload(b);
	b->bytes[24] = b->bytes[25] = 0;
	set_u16(b, 26, b->length);
}

/* A proposal or transform: begin says where, end fills in its length. */
static inline size_t begin_substructure(struct build *b)
{
	put_number(b, 0, 4);
	return b->length - 4;
}

static inline void end_substructure(struct build *b, size_t at)
{
	set_u16(b, at + 2, b->length - at);
}

static inline void put_tv(struct build *b, uint16_t type, uint16_t value)
{
	put_number(b, 0x8000u | type, 2);
	put_number(b, value, 2);
}

static inline void put_tlv(struct build *b, uint16_t type, uint64_t value, unsigned width)
{
	put_number(b, type, 2);
	put_number(b, width, 2);
	put_number(b, value, width);
}

static inline void put_notify2(struct build *b, uint8_t spi_size, uint16_t type,
			       const void *data, size_t length)
{
	begin_payload(b, 41);
	put_number(b, spi_size ? 3 : 0, 1);
	put_number(b, spi_size, 1);
	put_number(b, type, 2);
	put_fill(b, 0xc1, spi_size);
	put_raw(b, data, length);
}

/* Parse the message where it stands: what the digest borrows lives on. */
static inline enum verdict parse(const struct build *b, struct ike_message *ret)
{
	return ike_parse(reader_over(b->bytes, b->length, b->length), ret);
}

/* Parse a heap copy of exactly the captured bytes, so that one byte read too many is seen. */
static inline enum verdict parse_cut(const uint8_t *bytes, size_t captured, size_t sent)
{
	uint8_t *copy = malloc(captured > 0 ? captured : 1);
	struct ike_message m;

	assert(copy);
	memcpy(copy, bytes, captured);

	enum verdict v = ike_parse(reader_over(copy, captured, sent), &m);

	free(copy);
	return v;
}

#endif
