/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/esp.h>

typedef enum verdict parser(struct reader *r, struct esp_header *ret);

/* Parse the first `captured` of `sent` bytes, in a heap block of exactly that size. */
static enum verdict parse(parser *f, const uint8_t *bytes, size_t captured, size_t sent,
			  struct esp_header *ret)
{
	uint8_t *copy = malloc(captured + (captured == 0));

	assert_non_null(copy);
	memcpy(copy, bytes, captured);

	struct reader r = reader_over(copy, captured, sent);
	enum verdict verdict = f(&r, ret);

	free(copy);
	return verdict;
}

static const uint8_t esp[8] = { 0xc1, 0xd2, 0xe3, 0xf4, 0, 0, 1, 2 };
/* next header 4, length 4 words + 2, SPI, sequence number, ICV of twelve bytes */
static const uint8_t ah[24] = { 4, 4, 0, 0, 0xc1, 0xd2, 0xe3, 0xf4, 0, 0, 1, 2 };

static void an_esp_header_is_the_spi_and_the_sequence_number(void **s)
{
	struct esp_header h;

	(void)s;
	assert_int_equal(parse(esp_parse, esp, 8, 8, &h), VERDICT_OK);
	assert_int_equal(h.spi, 0xc1d2e3f4);
	assert_int_equal(h.seq, 0x102);
}

static void an_esp_header_cut_anywhere_is_cut_and_sent_short_is_malformed(void **s)
{
	struct esp_header h;

	(void)s;
	for (size_t captured = 0; captured < 8; captured++) {
		assert_int_equal(parse(esp_parse, esp, captured, 100, &h), VERDICT_CUT);
		assert_int_equal(parse(esp_parse, esp, captured, captured, &h), VERDICT_MALFORMED);
	}
}

static void spi_zero_is_malformed_in_both_protocols(void **s)
{
	static const uint8_t zero_esp[8] = { [7] = 1 };
	uint8_t zero_ah[24];
	struct esp_header h;

	(void)s;
	assert_int_equal(parse(esp_parse, zero_esp, 8, 8, &h), VERDICT_MALFORMED);
	memcpy(zero_ah, ah, sizeof(ah));
	memset(zero_ah + 4, 0, 4);
	assert_int_equal(parse(ah_parse, zero_ah, 24, 24, &h), VERDICT_MALFORMED);
}

static void an_ah_header_is_read_and_passed_with_its_icv(void **s)
{
	struct reader r = reader_over(ah, sizeof(ah), 64);
	struct esp_header h;

	(void)s;
	assert_int_equal(ah_parse(&r, &h), VERDICT_OK);
	assert_int_equal(h.spi, 0xc1d2e3f4);
	assert_int_equal(h.seq, 0x102);
	assert_int_equal(reader_remaining(&r), 40);
}

static void an_ah_header_is_cut_only_while_the_sequence_number_is_missing(void **s)
{
	struct esp_header h;

	(void)s;
	for (size_t captured = 0; captured < 24; captured++)
		assert_int_equal(parse(ah_parse, ah, captured, 64, &h),
				 captured < 12 ? VERDICT_CUT : VERDICT_OK);
}

static void an_ah_length_below_the_fixed_part_or_beyond_the_packet_is_malformed(void **s)
{
	uint8_t wrong[24];
	struct esp_header h;

	(void)s;
	memcpy(wrong, ah, sizeof(ah));
	wrong[1] = 0;
	assert_int_equal(parse(ah_parse, wrong, 24, 24, &h), VERDICT_MALFORMED);
	wrong[1] = 1;
	assert_int_equal(parse(ah_parse, wrong, 24, 24, &h), VERDICT_OK);
	wrong[1] = 5;
	assert_int_equal(parse(ah_parse, wrong, 24, 24, &h), VERDICT_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_esp_header_is_the_spi_and_the_sequence_number),
		cmocka_unit_test(an_esp_header_cut_anywhere_is_cut_and_sent_short_is_malformed),
		cmocka_unit_test(spi_zero_is_malformed_in_both_protocols),
		cmocka_unit_test(an_ah_header_is_read_and_passed_with_its_icv),
		cmocka_unit_test(an_ah_header_is_cut_only_while_the_sequence_number_is_missing),
		cmocka_unit_test(
			an_ah_length_below_the_fixed_part_or_beyond_the_packet_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
