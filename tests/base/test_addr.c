/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sawatch/addr.h>

static struct addr parsed(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static void texts_are_canonical_after_a_round_trip(void **s)
{
	static const char *const rows[][2] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "::", "::" },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		/* RFC 5952 4.2.3: the first run */
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },	/* 4.2.2: one field stays */
		{ "fe80::00ff", "fe80::ff" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
	};

	(void)s;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[ADDR_TEXT_MAX];

		assert_string_equal(addr_text(parsed(rows[i][0]), text), rows[i][1]);
	}
}

static void what_is_no_address_is_refused(void **s)
{
	static const char *const texts[] = {
		"", "192.0.2", "192.0.2.256", "192.0.2.1:500", "[::1]", "::1::", "host",
		"192.0.2.1 ",
		"1:2:3:4:5:6:7:8:9", "fe80::1%eth0",
	};
	struct addr a;

	(void)s;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(addr_parse(texts[i], &a));
}

static void an_ipv4_address_is_kept_mapped(void **s)
{
	struct addr a = parsed("192.0.2.1");

	(void)s;
	assert_true(addr_equal(a, addr_v4(0xc0000201)));
	assert_true(addr_is_v4(a));
	assert_false(addr_is_v4(parsed("::192.0.2.1")));
	assert_false(addr_is_v4(parsed("2001:db8::1")));
}

static void bytes_are_in_network_order_and_come_back(void **s)
{
	static const uint8_t v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 0x42 };
	static const uint8_t v4[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
	uint8_t bytes[16];

	(void)s;
	addr_bytes(parsed("2001:db8::42"), bytes);
	assert_memory_equal(bytes, v6, 16);
	addr_bytes(parsed("192.0.2.1"), bytes);
	assert_memory_equal(bytes, v4, 16);
	assert_true(addr_equal(addr_from_bytes(v6), parsed("2001:db8::42")));
	assert_true(addr_equal(addr_from_bytes(v4), parsed("192.0.2.1")));
}

static void ipv4_comes_before_ipv6_and_numbers_order_each(void **s)
{
	static const char *const ascending[] = {
		"0.0.0.0", "9.0.0.1", "10.0.0.1", "255.255.255.255", "::", "::1", "1::", "ffff::1",
	};

	(void)s;
	for (int i = 0; i < 8; i++) {
		for (int j = 0; j < 8; j++) {
			int order = addr_compare(parsed(ascending[i]), parsed(ascending[j]));

			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
	}
}

static void endpoints_are_ordered_by_address_and_then_by_port(void **s)
{
	struct endpoint low = { parsed("10.0.0.1"), 4500 };
	struct endpoint port = { parsed("10.0.0.1"), 4501 };
	struct endpoint high = { parsed("10.0.0.2"), 500 };

	(void)s;
	assert_true(endpoint_compare(low, port) < 0);
	assert_true(endpoint_compare(port, high) < 0);
	assert_true(endpoint_compare(high, low) > 0);
	assert_int_equal(endpoint_compare(low, low), 0);
	assert_true(endpoint_equal(low, low));
	assert_false(endpoint_equal(low, port));
}

static void multicast_is_known_in_both_families(void **s)
{
	(void)s;
	assert_true(addr_is_multicast(parsed("224.0.0.1")));
	assert_true(addr_is_multicast(parsed("239.255.255.255")));
	assert_true(addr_is_multicast(parsed("ff02::1")));
	assert_false(addr_is_multicast(parsed("223.255.255.255")));
	assert_false(addr_is_multicast(parsed("240.0.0.1")));
	assert_false(addr_is_multicast(parsed("fe80::1")));
}

static void an_endpoint_shows_its_port_only_when_it_has_one(void **s)
{
	char text[ENDPOINT_TEXT_MAX];

	(void)s;

	static const struct {
		const char *address;
		uint16_t port;
		const char *expected;
	} rows[] = {
		{ "192.0.2.1", 0, "192.0.2.1" },
		{ "192.0.2.1", 4500, "192.0.2.1:4500" },
		{ "2001:db8::1", 0, "2001:db8::1" },
		{ "2001:db8::1", 500, "[2001:db8::1]:500" },
	};

	for (int i = 0; i < 4; i++) {
		struct endpoint p = { parsed(rows[i].address), rows[i].port };

		assert_string_equal(endpoint_text(p, text), rows[i].expected);
	}
}

static void the_longest_texts_fit(void **s)
{
	struct endpoint p = { parsed("2001:1db8:1111:2222:3333:4444:5555:6666"), 65535 };
	char text[ENDPOINT_TEXT_MAX];

	(void)s;
	assert_string_equal(endpoint_text(p, text), "[2001:1db8:1111:2222:3333:4444:5555"
						    ":6666]:65535");
}

static void an_endpoint_reads_back_as_it_was_written(void **s)
{
	static const char *const texts[] = {
		"192.0.2.1", "192.0.2.1:1024", "192.0.2.1:65535", "2001:db8::1",
		"[2001:db8::1]:4500",
	};

	(void)s;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct endpoint p;
		char text[ENDPOINT_TEXT_MAX];

		assert_true(endpoint_parse(texts[i], &p));
		assert_string_equal(endpoint_text(p, text), texts[i]);
	}
}

static void what_is_no_endpoint_is_refused(void **s)
{
	static const char *const texts[] = {
		"", ":", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:+5",
		"192.0.2.1:5 ", "[192.0.2.1]:5",
		"[2001:db8::1", "[2001:db8::1]5", "[2001:db8::1]:", "[]:5", "host:5",
		"192.0.2.1:999999999999999999999",
		"[2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0001]:5",
	};
	struct endpoint p;

	(void)s;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (endpoint_parse(texts[i], &p))
			fail_msg("%s", texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_canonical_after_a_round_trip),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(an_endpoint_reads_back_as_it_was_written),
		cmocka_unit_test(what_is_no_endpoint_is_refused),
		cmocka_unit_test(an_ipv4_address_is_kept_mapped),
		cmocka_unit_test(bytes_are_in_network_order_and_come_back),
		cmocka_unit_test(ipv4_comes_before_ipv6_and_numbers_order_each),
		cmocka_unit_test(endpoints_are_ordered_by_address_and_then_by_port),
		cmocka_unit_test(multicast_is_known_in_both_families),
		cmocka_unit_test(an_endpoint_shows_its_port_only_when_it_has_one),
		cmocka_unit_test(the_longest_texts_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
