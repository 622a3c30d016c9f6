/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/icmp.h>

#include "wire/frames.h"

enum { ROUTER = 0xc0000201 };

/* `b` is a whole IP packet: the first `quoted` bytes of it come back in an ICMP error. */
static struct built answered(struct built b, size_t quoted, uint8_t type, uint8_t code,
			     uint32_t word)
{
	b.length = quoted < b.length ? quoted : b.length;

	int v6 = built_data(&b)[0] >> 4 == 6;
	uint8_t *h = built_wrap(&b, 8);

	h[0] = type;
	h[1] = code;
	put32(h + 4, word);
	if (v6)
		wrap_ipv6(&b, IP_ICMPV6, ROUTER, BUILT_SRC);
	else
		wrap_ipv4(&b, IP_ICMP, ROUTER, BUILT_SRC);
	return b;
}

static bool parse(struct built *b, struct icmp_error *ret)
{
	struct packet p;

	if (ip_parse(built_data(b), (uint32_t)b->length, (uint32_t)b->length, &p) != LINK_PACKET)
		return false;
	return icmp_error_parse(&p, ret);
}

static struct built esp4(void)
{
	struct built b = built_esp();

	wrap_ipv4(&b, IP_ESP, BUILT_SRC, BUILT_DST);
	return b;
}

static struct built udp4(struct built b, uint16_t src, uint16_t dst)
{
	wrap_udp(&b, src, dst);
	wrap_ipv4(&b, IP_UDP, BUILT_SRC, BUILT_DST);
	return b;
}

static struct built ike(void)
{
	struct built b = built_from("", 0);

	wrap_ike(&b, 0x20, 34);
	return b;
}

static struct built marked_ike(void)
{
	struct built b = ike();

	built_wrap(&b, 4);
	return b;
}

static void fragmentation_needed_tells_the_mtu_and_the_spi_of_the_esp_packet_it_quotes(void **s)
{
	struct built b = answered(esp4(), 28, 3, 4, 0xffff0000 | 1400);
	struct icmp_error e;

	(void)s;
	assert_true(parse(&b, &e));
	assert_int_equal(e.type, 3);
	assert_int_equal(e.code, 4);
	assert_false(e.v6);
	assert_int_equal(e.mtu, 1400);
	assert_int_equal(e.spi, (uint32_t)BUILT_SPI);
	assert_true(addr_equal(e.quoted.src, addr_v4(BUILT_SRC)));
	assert_true(addr_equal(e.quoted.dst, addr_v4(BUILT_DST)));
	assert_int_equal(e.quoted.ip_length, 52);	/* what it was, not what was quoted */
	assert_int_equal(e.quoted.ip_captured, 28);
	assert_int_equal(e.src_port, 0);
	assert_int_equal(e.ike_spi_i, 0);
}

static void packet_too_big_of_ipv6_has_a_wide_mtu(void **s)
{
	struct built b = built_esp();
	struct icmp_error e;

	(void)s;
	wrap_ipv6(&b, IP_ESP, BUILT_SRC, BUILT_DST);
	b = answered(b, 1000, 2, 0, 0x12345);
	assert_true(parse(&b, &e));
	assert_true(e.v6);
	assert_int_equal(e.mtu, 0x12345);
	assert_int_equal(e.spi, (uint32_t)BUILT_SPI);
}

static void other_errors_have_no_mtu(void **s)
{
	struct built b = answered(esp4(), 28, 3, 3, 1400);
	struct icmp_error e;

	(void)s;
	assert_true(parse(&b, &e));
	assert_int_equal(e.mtu, 0);
}

static void a_quoted_ah_packet_tells_its_spi(void **s)
{
	struct built b = built_from("\4\4\0\0\xc1\xd2\xe3\xf4\0\0\0\1", 12);
	struct icmp_error e;

	(void)s;
	wrap_ipv4(&b, IP_AH, BUILT_SRC, BUILT_DST);
	b = answered(b, 28, 11, 0, 0);
	assert_true(parse(&b, &e));
	assert_int_equal(e.spi, 0xc1d2e3f4);
}

static void a_quoted_ike_message_tells_its_spi_on_both_ports(void **s)
{
	struct built b = answered(udp4(ike(), 500, 500), 1000, 3, 3, 0);
	struct icmp_error e;

	(void)s;
	assert_true(parse(&b, &e));
	assert_int_equal(e.src_port, 500);
	assert_int_equal(e.dst_port, 500);
	assert_int_equal(e.ike_spi_i, UINT64_C(0x1122334455667788));
	assert_int_equal(e.spi, 0);

	b = answered(udp4(marked_ike(), 10954, 4500), 1000, 3, 3, 0);
	assert_true(parse(&b, &e));
	assert_int_equal(e.dst_port, 4500);
	assert_int_equal(e.ike_spi_i, UINT64_C(0x1122334455667788));
	assert_int_equal(e.spi, 0);
}

/* A router quotes what it likes: an SPI of which half is there would name another IKE SA. */
static void half_an_spi_that_is_quoted_is_none(void **s)
{
	struct icmp_error e;

	(void)s;
	for (size_t quoted = 20 + 8; quoted <= 20 + 8 + 8; quoted++) {
		struct built b = answered(udp4(ike(), 500, 500), quoted, 3, 3, 0);

		assert_true(parse(&b, &e));
		assert_int_equal(e.ike_spi_i,
				 quoted == 20 + 8 + 8 ? UINT64_C(0x1122334455667788) : 0);
	}
}

static void quoted_esp_in_udp_tells_its_spi(void **s)
{
	struct built b = answered(udp4(built_esp(), 4500, 10954), 1000, 3, 4, 1300);
	struct icmp_error e;

	(void)s;
	assert_true(parse(&b, &e));
	assert_int_equal(e.spi, (uint32_t)BUILT_SPI);
	assert_int_equal(e.ike_spi_i, 0);
}

static void eight_quoted_bytes_are_enough_for_the_ports(void **s)
{
	struct built b = answered(udp4(marked_ike(), 10954, 4500), 28, 3, 3, 0);
	struct icmp_error e;

	(void)s;
	assert_true(parse(&b, &e));
	assert_int_equal(e.src_port, 10954);
	assert_int_equal(e.dst_port, 4500);
	assert_int_equal(e.spi, 0);
	assert_int_equal(e.ike_spi_i, 0);
}

static void a_quoted_keepalive_has_no_spi(void **s)
{
	struct built b = answered(udp4(built_from("\xff", 1), 4500, 4500), 1000, 3, 3, 0);
	struct icmp_error e;

	(void)s;
	assert_true(parse(&b, &e));
	assert_int_equal(e.spi, 0);
	assert_int_equal(e.ike_spi_i, 0);
}

static void quoted_tcp_counts_on_port_4500_only(void **s)
{
	static const struct { uint16_t port; bool ours; } rows[] = {
		{ 4500, true }, { 500, false }, { 443, false },
	};
	struct icmp_error e;

	(void)s;
	for (int i = 0; i < 3; i++) {
		uint8_t tcp[20] = {
			0x9c, 0x40, (uint8_t)(rows[i].port >> 8), (uint8_t)rows[i].port,
		};
		struct built b = built_from(tcp, sizeof(tcp));

		wrap_ipv4(&b, IP_TCP, BUILT_SRC, BUILT_DST);
		b = answered(b, 1000, 3, 1, 0);
		assert_int_equal(parse(&b, &e), rows[i].ours);
	}
}

static void errors_about_other_traffic_are_not_ours(void **s)
{
	struct built b = answered(udp4(built_esp(), 40000, 53), 1000, 3, 3, 0);
	struct icmp_error e;

	(void)s;
	assert_false(parse(&b, &e));
	b = built_esp();
	wrap_ipv4(&b, IP_GRE, BUILT_SRC, BUILT_DST);
	b = answered(b, 1000, 3, 3, 0);
	assert_false(parse(&b, &e));
}

static void only_error_types_quote(void **s)
{
	struct icmp_error e;

	(void)s;
	for (int type = 0; type < 256; type++) {
		struct built v4 = answered(esp4(), 28, (uint8_t)type, 0, 0);
		struct built v6 = built_esp();

		wrap_ipv6(&v6, IP_ESP, BUILT_SRC, BUILT_DST);
		v6 = answered(v6, 1000, (uint8_t)type, 0, 0);
		assert_int_equal(parse(&v4, &e), type == 3 || type == 11 || type == 12);
		assert_int_equal(parse(&v6, &e), type >= 1 && type <= 4);
	}
}

static void a_later_fragment_that_is_quoted_is_ours_only_by_its_protocol(void **s)
{
	struct built b = esp4();
	struct icmp_error e;

	(void)s;
	built_data(&b)[7] = 10;
	b = answered(b, 28, 11, 1, 0);
	assert_true(parse(&b, &e));
	assert_int_equal(e.spi, 0);
	b = udp4(built_esp(), 4500, 4500);
	built_data(&b)[7] = 10;
	b = answered(b, 28, 11, 1, 0);
	assert_false(parse(&b, &e));
}

static void an_error_quoting_the_other_ip_version_is_not_believed(void **s)
{
	struct built b = built_esp();
	struct icmp_error e;

	(void)s;
	wrap_ipv6(&b, IP_ESP, BUILT_SRC, BUILT_DST);
	built_wrap(&b, 8)[0] = 3;
	wrap_ipv4(&b, IP_ICMP, ROUTER, BUILT_SRC);
	assert_false(parse(&b, &e));
}

static void every_cut_and_every_wrong_byte_stays_within_the_packet(void **s)
{
	struct built b = answered(udp4(marked_ike(), 4500, 4500), 1000, 3, 4, 1300);

	(void)s;
	for (size_t captured = 0; captured <= b.length; captured++) {
		for (size_t at = 0; at <= captured; at++) {
			uint8_t *copy = malloc(captured + (captured == 0));
			struct packet p;
			struct icmp_error e;

			memcpy(copy, built_data(&b), captured);
			if (at < captured)
				copy[at] ^= 0xff;
			if (ip_parse(copy, (uint32_t)captured, (uint32_t)b.length, &p) ==
				    LINK_PACKET &&
			    icmp_error_parse(&p, &e))
				assert_true(e.quoted.ip + e.quoted.ip_captured <= copy + captured);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			fragmentation_needed_tells_the_mtu_and_the_spi_of_the_esp_packet_it_quotes),
		cmocka_unit_test(packet_too_big_of_ipv6_has_a_wide_mtu),
		cmocka_unit_test(other_errors_have_no_mtu),
		cmocka_unit_test(a_quoted_ah_packet_tells_its_spi),
		cmocka_unit_test(a_quoted_ike_message_tells_its_spi_on_both_ports),
		cmocka_unit_test(half_an_spi_that_is_quoted_is_none),
		cmocka_unit_test(quoted_esp_in_udp_tells_its_spi),
		cmocka_unit_test(eight_quoted_bytes_are_enough_for_the_ports),
		cmocka_unit_test(a_quoted_keepalive_has_no_spi),
		cmocka_unit_test(quoted_tcp_counts_on_port_4500_only),
		cmocka_unit_test(errors_about_other_traffic_are_not_ours),
		cmocka_unit_test(only_error_types_quote),
		cmocka_unit_test(a_later_fragment_that_is_quoted_is_ours_only_by_its_protocol),
		cmocka_unit_test(an_error_quoting_the_other_ip_version_is_not_believed),
		cmocka_unit_test(every_cut_and_every_wrong_byte_stays_within_the_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
