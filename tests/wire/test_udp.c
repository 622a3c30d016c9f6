/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/esp.h>
#include <sawatch/udp.h>

#include "wire/frames.h"

/*
 * Classify the datagram `b`, of which `captured` bytes behind the UDP header
 * were captured.  *ret_left is what the reader then holds, captured or not.
 */
static enum udp_content classify_cut(struct built b, uint16_t src, uint16_t dst, size_t captured,
				     size_t *ret_left)
{
	size_t length = b.length;
	uint8_t *copy = malloc(captured + (captured == 0));
	struct udp_header u = { src, dst };

	assert_non_null(copy);
	memcpy(copy, built_data(&b), captured);

	struct reader r = reader_over(copy, captured, length);
	enum udp_content content = udp_classify(&u, &r);

	assert_int_equal(r.verdict, VERDICT_OK);
	*ret_left = reader_remaining(&r);
	free(copy);
	return content;
}

static enum udp_content classify(struct built b, uint16_t src, uint16_t dst)
{
	size_t left;

	return classify_cut(b, src, dst, b.length, &left);
}

static struct built ike(void)
{
	struct built b = built_from("payloads", 8);

	wrap_ike(&b, 0x20, 34);
	return b;
}

static struct built marked_ike(void)
{
	struct built b = ike();

	built_wrap(&b, 4);
	return b;
}

static void the_udp_length_bounds_the_data_and_padding_is_left_out(void **s)
{
	struct built b = ike();
	struct udp_header u;

	(void)s;
	wrap_udp(&b, 10954, 4500);
	built_pad(&b, 0xee, 10);

	struct reader r = reader_over(built_data(&b), b.length, b.length);

	assert_int_equal(udp_parse(&r, &u), VERDICT_OK);
	assert_int_equal(u.src_port, 10954);
	assert_int_equal(u.dst_port, 4500);
	assert_int_equal(reader_remaining(&r), 36);
}

static void a_udp_length_of_zero_is_all_there_is(void **s)
{
	struct built b = ike();
	struct udp_header u;

	(void)s;
	wrap_udp(&b, 500, 500);
	put16(built_data(&b) + 4, 0);

	struct reader r = reader_over(built_data(&b), b.length, b.length);

	assert_int_equal(udp_parse(&r, &u), VERDICT_OK);
	assert_int_equal(reader_remaining(&r), 36);
}

static void a_udp_length_below_eight_or_beyond_the_packet_is_malformed(void **s)
{
	static const unsigned lengths[] = { 1, 7, 45, 65535 };

	(void)s;
	for (int i = 0; i < 4; i++) {
		struct built b = ike();
		struct udp_header u;

		wrap_udp(&b, 500, 500);
		put16(built_data(&b) + 4, lengths[i]);

		struct reader r = reader_over(built_data(&b), b.length, b.length);

		assert_int_equal(udp_parse(&r, &u), VERDICT_MALFORMED);
	}
}

static void a_datagram_cut_anywhere_is_never_malformed(void **s)
{
	struct built b = ike();
	struct udp_header u;

	(void)s;
	wrap_udp(&b, 500, 500);
	for (size_t captured = 0; captured < b.length; captured++) {
		uint8_t *copy = malloc(captured + (captured == 0));

		memcpy(copy, built_data(&b), captured);

		struct reader r = reader_over(copy, captured, b.length);

		assert_int_equal(udp_parse(&r, &u), captured < 8 ? VERDICT_CUT : VERDICT_OK);
		free(copy);
	}
}

static void port_500_on_either_side_is_ike(void **s)
{
	(void)s;
	assert_int_equal(classify(ike(), 500, 500), UDP_IKE);
	assert_int_equal(classify(ike(), 1024, 500), UDP_IKE);
	assert_int_equal(classify(ike(), 500, 1024), UDP_IKE);
	assert_int_equal(classify(built_from("garbage garbage garbage garbage", 31), 500, 500),
			 UDP_IKE);
	assert_int_equal(classify(built_from("short", 5), 500, 500), UDP_OTHER);
}

static void port_4500_is_told_apart_by_the_marker(void **s)
{
	size_t left;
	struct built b = marked_ike();

	(void)s;
	assert_int_equal(classify_cut(b, 10954, 4500, b.length, &left), UDP_IKE_MARKED);
	assert_int_equal(left, 36);	/* behind the marker */
	b = built_esp();
	assert_int_equal(classify_cut(b, 4500, 10954, b.length, &left), UDP_ESP);
	assert_int_equal(left, 32);
}

static void a_keepalive_is_one_byte_ff_on_4500_and_nothing_else(void **s)
{
	size_t left;

	(void)s;
	assert_int_equal(classify(built_from("\xff", 1), 4500, 4500), UDP_KEEPALIVE);
	assert_int_equal(classify(built_from("\xfe", 1), 4500, 4500), UDP_OTHER);
	assert_int_equal(classify(built_from("\xff\xff", 2), 4500, 4500), UDP_OTHER);
	assert_int_equal(classify(built_from("\xff", 1), 500, 500), UDP_OTHER);
	assert_int_equal(classify_cut(built_from("\xff", 1), 4500, 4500, 0, &left), UDP_KEEPALIVE);
}

static void what_is_too_short_for_anything_on_4500_is_other(void **s)
{
	(void)s;
	assert_int_equal(classify(built_from("", 0), 4500, 4500), UDP_OTHER);
	assert_int_equal(classify(built_from("\1\2\3\4\5\6\7", 7), 4500, 4500), UDP_OTHER);
	assert_int_equal(classify(built_from("\0\0\0\0\1\2\3\4\5\6\7\1\2\3\4", 15), 4500, 4500),
			 UDP_OTHER);
}

static void a_datagram_cut_before_the_spi_is_never_taken_for_ike_and_parses_as_cut(void **s)
{
	(void)s;
	for (size_t captured = 0; captured < 4; captured++) {
		struct built b = marked_ike();
		struct udp_header u = { 4500, 4500 };
		struct reader r = reader_over(built_data(&b), captured, b.length);
		struct esp_header h;

		assert_int_equal(udp_classify(&u, &r), UDP_ESP);
		assert_int_equal(esp_parse(&r, &h), VERDICT_CUT);
	}
}

static void the_marker_is_enough_to_know_ike_on_4500_however_short_the_capture(void **s)
{
	struct built b = marked_ike();
	size_t left;

	(void)s;
	for (size_t captured = 4; captured <= b.length; captured++) {
		assert_int_equal(classify_cut(b, 4500, 4500, captured, &left), UDP_IKE_MARKED);
		assert_int_equal(left, 36);
	}
}

/* A NAT can give a peer the other's well-known port. */
static void between_500_and_4500_the_content_decides(void **s)
{
	(void)s;
	assert_int_equal(classify(marked_ike(), 500, 4500), UDP_IKE_MARKED);
	assert_int_equal(classify(ike(), 500, 4500), UDP_IKE);
	assert_int_equal(classify(built_esp(), 500, 4500), UDP_ESP);
	assert_int_equal(classify(built_esp(), 4500, 500), UDP_ESP);
}

static void ike_on_another_port_is_known_by_its_header(void **s)
{
	struct built v1 = built_from("payloads", 8);
	size_t left;

	(void)s;
	wrap_ike(&v1, 0x10, 2);
	assert_int_equal(classify(ike(), 40000, 848), UDP_IKE);
	assert_int_equal(classify(v1, 40000, 848), UDP_IKE);
	assert_int_equal(classify_cut(marked_ike(), 40000, 1701, 40, &left), UDP_IKE_MARKED);
	assert_int_equal(left, 36);
}

static void esp_on_another_port_is_never_guessed(void **s)
{
	(void)s;
	assert_int_equal(classify(built_esp(), 40000, 40001), UDP_OTHER);
	assert_int_equal(classify(built_from("\xff", 1), 40000, 40001), UDP_OTHER);
	assert_int_equal(classify(built_from("", 0), 40000, 40001), UDP_OTHER);
}

static void nearly_ike_on_another_port_is_other(void **s)
{
	struct { size_t at; uint8_t value; } faults[] = {
		{ 17, 0x21 },	/* version 2.1 */
		{ 17, 0x30 },
		{ 17, 0x10 },	/* version 1.0 has no exchange 34 */
		{ 18, 99 },	/* exchange */
		{ 27, 35 },	/* length one short */
		{ 27, 37 },
	};

	(void)s;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct built b = ike();

		built_data(&b)[faults[i].at] = faults[i].value;
		assert_int_equal(classify(b, 40000, 848), UDP_OTHER);
		built_wrap(&b, 4);
		assert_int_equal(classify(b, 40000, 848), UDP_OTHER);
	}

	struct built b = ike();

	memset(built_data(&b), 0, 8);	/* no initiator's SPI */
	assert_int_equal(classify(b, 40000, 848), UDP_OTHER);
}

static void a_header_that_was_not_captured_vouches_for_nothing(void **s)
{
	struct built b = ike();
	size_t left;

	(void)s;
	for (size_t captured = 0; captured < 28; captured++) {
		assert_int_equal(classify_cut(b, 40000, 848, captured, &left), UDP_OTHER);
		assert_int_equal(left, 36);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_udp_length_bounds_the_data_and_padding_is_left_out),
		cmocka_unit_test(a_udp_length_of_zero_is_all_there_is),
		cmocka_unit_test(a_udp_length_below_eight_or_beyond_the_packet_is_malformed),
		cmocka_unit_test(a_datagram_cut_anywhere_is_never_malformed),
		cmocka_unit_test(port_500_on_either_side_is_ike),
		cmocka_unit_test(port_4500_is_told_apart_by_the_marker),
		cmocka_unit_test(a_keepalive_is_one_byte_ff_on_4500_and_nothing_else),
		cmocka_unit_test(what_is_too_short_for_anything_on_4500_is_other),
		cmocka_unit_test(
			a_datagram_cut_before_the_spi_is_never_taken_for_ike_and_parses_as_cut),
		cmocka_unit_test(
			the_marker_is_enough_to_know_ike_on_4500_however_short_the_capture),
		cmocka_unit_test(between_500_and_4500_the_content_decides),
		cmocka_unit_test(ike_on_another_port_is_known_by_its_header),
		cmocka_unit_test(esp_on_another_port_is_never_guessed),
		cmocka_unit_test(nearly_ike_on_another_port_is_other),
		cmocka_unit_test(a_header_that_was_not_captured_vouches_for_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
