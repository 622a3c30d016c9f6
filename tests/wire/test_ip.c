/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sawatch/link.h>

#include "wire/decap_checks.h"

static enum link_result parse(struct built *b, struct packet *ret)
{
	return ip_parse(built_data(b), (uint32_t)b->length, (uint32_t)b->length, ret);
}

static void an_ipv4_packet_is_told_field_by_field(void **s)
{
	struct built b = esp_in_ipv4();
	struct packet p;

	(void)s;
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	expect_esp(&p, 32);
	assert_true(addr_equal(p.src, addr_v4(BUILT_SRC)));
	assert_true(addr_equal(p.dst, addr_v4(BUILT_DST)));
	assert_int_equal(p.ip_id, 0x1234);
	assert_int_equal(p.ip_length, 52);
	assert_int_equal(p.ip_captured, 52);
	assert_ptr_equal(p.ip, built_data(&b));
	assert_int_equal(p.depth, 0);
	assert_int_equal(p.network, 0);
}

static void an_ipv6_packet_is_told_field_by_field(void **s)
{
	struct built b = built_esp();
	struct packet p;

	(void)s;
	wrap_ipv6(&b, IP_ESP, BUILT_SRC, BUILT_DST);
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	expect_esp(&p, 32);
	assert_true(addr_equal(p.src, (struct addr){ UINT64_C(0x20010db800000000), BUILT_SRC }));
	assert_true(addr_equal(p.dst, (struct addr){ UINT64_C(0x20010db800000000), BUILT_DST }));
	assert_int_equal(p.ip_id, 0);
	assert_int_equal(p.ip_length, 72);
}

static void ipv4_options_are_stepped_over(void **s)
{
	struct built b = built_esp();
	struct packet p;

	(void)s;
	built_wrap(&b, 40);	/* options, all "end of list" */
	wrap_ipv4(&b, IP_ESP, BUILT_SRC, BUILT_DST);
	built_data(&b)[0] = 0x4f;
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	expect_esp(&p, 32);
	expect_esp_at_any_length(&b, LINK_RAW);
}

static void an_ipv4_header_shorter_than_twenty_bytes_is_malformed(void **s)
{
	struct built b = esp_in_ipv4();
	struct packet p;

	(void)s;
	built_data(&b)[0] = 0x44;
	assert_int_equal(parse(&b, &p), LINK_MALFORMED);
}

static void a_total_length_beyond_what_was_sent_is_malformed_even_if_cut(void **s)
{
	struct built b = esp_in_ipv4();
	struct packet p;

	(void)s;
	put16(built_data(&b) + 2, 53);
	assert_int_equal(parse(&b, &p), LINK_MALFORMED);
	assert_int_equal(ip_parse(built_data(&b), 24, 52, &p), LINK_MALFORMED);
	assert_int_equal(ip_parse(built_data(&b), 24, 53, &p), LINK_PACKET);
	assert_int_equal(p.payload.left, 4);
	assert_int_equal(p.payload.unseen, 29);
	assert_int_equal(p.ip_captured, 24);
	assert_int_equal(p.ip_length, 53);
}

static void a_total_length_shorter_than_the_header_is_malformed(void **s)
{
	struct built b = esp_in_ipv4();
	struct packet p;

	(void)s;
	put16(built_data(&b) + 2, 19);
	assert_int_equal(parse(&b, &p), LINK_MALFORMED);
}

static void a_total_length_of_zero_is_what_was_on_the_wire(void **s)
{
	struct built b = esp_in_ipv4();
	struct packet p;

	(void)s;
	put16(built_data(&b) + 2, 0);
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	expect_esp(&p, 32);
	assert_int_equal(ip_parse(built_data(&b), 52, 70000, &p), LINK_PACKET);
	assert_int_equal(p.ip_length, 70000);
}

static void an_ipv6_length_of_zero_is_what_was_on_the_wire_unless_nothing_follows(void **s)
{
	struct built b = built_esp();
	struct packet p;

	(void)s;
	wrap_ipv6(&b, IP_ESP, BUILT_SRC, BUILT_DST);
	put16(built_data(&b) + 4, 0);
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	expect_esp(&p, 32);
	built_data(&b)[6] = 59;
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	assert_int_equal(reader_remaining(&p.payload), 0);
	assert_int_equal(p.protocol, 59);
}

static void an_ipv6_length_beyond_what_was_sent_is_malformed(void **s)
{
	struct built b = built_esp();
	struct packet p;

	(void)s;
	wrap_ipv6(&b, IP_ESP, BUILT_SRC, BUILT_DST);
	put16(built_data(&b) + 4, 33);
	assert_int_equal(parse(&b, &p), LINK_MALFORMED);
}

static void every_ipv4_fragment_is_one_and_says_where_it_belongs(void **s)
{
	struct built b = esp_in_ipv4();
	uint8_t *field = built_data(&b) + 6;
	struct packet p;

	(void)s;
	put16(field, 0x2000);		/* first */
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	assert_true(p.fragment && p.more);
	assert_int_equal(p.fragment_offset, 0);

	put16(field, 0x2000 | 185);	/* middle */
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	assert_true(p.fragment && p.more);
	assert_int_equal(p.fragment_offset, 1480);

	put16(field, 0x1fff);		/* last, as far out as can be said */
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	assert_true(p.fragment && !p.more);
	assert_int_equal(p.fragment_offset, 65528);

	put16(field, 0x4000);		/* "don't fragment" is none */
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	assert_false(p.fragment || p.more);
}

/* Hop-by-hop, destination, routing, destination, mobility: each of another length. */
static struct built esp_behind_extensions(void)
{
	struct built b = built_esp();

	wrap_extension(&b, IP_ESP, 0);
	wrap_extension(&b, 135, 3);
	wrap_extension(&b, 60, 2);
	wrap_extension(&b, 43, 1);
	wrap_extension(&b, 60, 0);
	wrap_ipv6(&b, 0, BUILT_SRC, BUILT_DST);
	return b;
}

static void extension_headers_are_walked_and_cut_anywhere_is_never_malformed(void **s)
{
	struct built b = esp_behind_extensions();

	(void)s;
	expect_esp_at_any_length(&b, LINK_RAW);
	expect_no_overread(&b, LINK_RAW);
}

static void an_extension_header_longer_than_the_packet_is_malformed(void **s)
{
	struct built b = esp_behind_extensions();
	struct packet p;

	(void)s;
	built_data(&b)[41] = 255;
	assert_int_equal(parse(&b, &p), LINK_MALFORMED);
}

static void eight_extension_headers_are_walked_and_nine_are_too_deep(void **s)
{
	struct built b = built_esp();
	struct packet p;

	(void)s;
	wrap_extension(&b, IP_ESP, 0);
	for (int i = 0; i < 7; i++)
		wrap_extension(&b, 60, 0);

	struct built nine = b;

	wrap_ipv6(&b, 60, BUILT_SRC, BUILT_DST);
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	expect_esp(&p, 32);
	wrap_extension(&nine, 60, 0);
	wrap_ipv6(&nine, 60, BUILT_SRC, BUILT_DST);
	assert_int_equal(parse(&nine, &p), LINK_TOO_DEEP);
}

static void ah_is_the_upper_layer_and_not_an_extension(void **s)
{
	struct built b = built_esp();
	struct packet p;

	(void)s;
	wrap_extension(&b, IP_ESP, 0);
	wrap_extension(&b, IP_AH, 0);
	wrap_ipv6(&b, 0, BUILT_SRC, BUILT_DST);
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	assert_int_equal(p.protocol, IP_AH);
	assert_int_equal(reader_remaining(&p.payload), 40);
}

static void an_atomic_ipv6_fragment_is_no_fragment(void **s)
{
	struct built b = built_esp();
	struct packet p;

	(void)s;
	wrap_ipv6_fragment(&b, IP_ESP, 0, 0, 0xdeadbeef);
	wrap_ipv6(&b, 44, BUILT_SRC, BUILT_DST);
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	expect_esp(&p, 32);
	expect_esp_at_any_length(&b, LINK_RAW);
}

static void an_ipv6_fragment_is_not_looked_into(void **s)
{
	struct built b = built_esp();
	struct packet p;

	(void)s;
	wrap_extension(&b, IP_ESP, 0);
	wrap_ipv6_fragment(&b, 60, 0, 1, 0xdeadbeef);
	wrap_extension(&b, 44, 0);
	wrap_ipv6(&b, 43, BUILT_SRC, BUILT_DST);
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	assert_true(p.fragment && p.more);
	assert_int_equal(p.protocol, 60);
	assert_int_equal(p.fragment_offset, 0);
	assert_int_equal(p.ip_id, 0xdeadbeef);
	assert_int_equal(reader_remaining(&p.payload), 40);

	b = built_esp();
	wrap_ipv6_fragment(&b, IP_IPIP, 1448, 0, 5);
	wrap_ipv6(&b, 44, BUILT_SRC, BUILT_DST);
	assert_int_equal(ip_decap(built_data(&b), (uint32_t)b.length, (uint32_t)b.length, &p),
			 LINK_PACKET);
	assert_true(p.fragment && !p.more);
	assert_int_equal(p.fragment_offset, 1448);
	assert_int_equal(p.depth, 0);
}

static void parsing_takes_no_envelope_off_and_decapsulating_does(void **s)
{
	struct built b = esp_in_ipv4();
	struct packet p;

	(void)s;
	wrap_ipv4(&b, IP_IPIP, 0xc0000201, 0xc0000202);
	assert_int_equal(parse(&b, &p), LINK_PACKET);
	assert_int_equal(p.protocol, IP_IPIP);
	assert_int_equal(ip_decap(built_data(&b), (uint32_t)b.length, (uint32_t)b.length, &p),
			 LINK_PACKET);
	expect_esp(&p, 32);
	assert_int_equal(p.depth, 1);
}

static void nothing_captured_is_cut_and_nothing_sent_is_malformed(void **s)
{
	struct packet p;
	uint8_t *nothing = calloc(1, 1);

	(void)s;
	assert_int_equal(ip_parse(nothing, 0, 52, &p), LINK_CUT);
	assert_int_equal(ip_parse(nothing, 0, 0, &p), LINK_MALFORMED);
	free(nothing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ipv4_packet_is_told_field_by_field),
		cmocka_unit_test(an_ipv6_packet_is_told_field_by_field),
		cmocka_unit_test(ipv4_options_are_stepped_over),
		cmocka_unit_test(an_ipv4_header_shorter_than_twenty_bytes_is_malformed),
		cmocka_unit_test(a_total_length_beyond_what_was_sent_is_malformed_even_if_cut),
		cmocka_unit_test(a_total_length_shorter_than_the_header_is_malformed),
		cmocka_unit_test(a_total_length_of_zero_is_what_was_on_the_wire),
		cmocka_unit_test(
			an_ipv6_length_of_zero_is_what_was_on_the_wire_unless_nothing_follows),
		cmocka_unit_test(an_ipv6_length_beyond_what_was_sent_is_malformed),
		cmocka_unit_test(every_ipv4_fragment_is_one_and_says_where_it_belongs),
		cmocka_unit_test(extension_headers_are_walked_and_cut_anywhere_is_never_malformed),
		cmocka_unit_test(an_extension_header_longer_than_the_packet_is_malformed),
		cmocka_unit_test(eight_extension_headers_are_walked_and_nine_are_too_deep),
		cmocka_unit_test(ah_is_the_upper_layer_and_not_an_extension),
		cmocka_unit_test(an_atomic_ipv6_fragment_is_no_fragment),
		cmocka_unit_test(an_ipv6_fragment_is_not_looked_into),
		cmocka_unit_test(parsing_takes_no_envelope_off_and_decapsulating_does),
		cmocka_unit_test(nothing_captured_is_cut_and_nothing_sent_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
