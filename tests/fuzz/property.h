/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the fuzz targets share: a failed property is a crash, and bytes are given in exact-size
 * blocks.
 */
#ifndef SAWATCH_TESTS_FUZZ_PROPERTY_H
#define SAWATCH_TESTS_FUZZ_PROPERTY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/reader.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(property)                                                                       \
	do {                                                                                 \
		if (!(property)) {                                                           \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #property); \
			abort();                                                             \
		}                                                                            \
	} while (0)

/* A heap block of exactly `length` bytes, so that the sanitizer sees one byte too many. */
static inline uint8_t *exact_copy(const uint8_t *data, size_t length)
{
	uint8_t *copy = malloc(length + (length == 0));

	MUST(copy);
	if (length > 0)
		memcpy(copy, data, length);
	return copy;
}

/* Borrowed bytes lie in the block, and can be read. */
static inline void must_lie_within(struct bytes b, const uint8_t *data, size_t length)
{
	volatile uint8_t sum = 0;

	if (b.length == 0)
		return;
	MUST(b.data >= data && b.data + b.length <= data + length);
	for (size_t i = 0; i < b.length; i++)
		sum = (uint8_t)(sum + b.data[i]);
}

/* The next byte of an input that is a program; 0 behind its end. */
static inline uint8_t take(const uint8_t **at, const uint8_t *end)
{
	return *at < end ? *(*at)++ : 0;
}

#endif
