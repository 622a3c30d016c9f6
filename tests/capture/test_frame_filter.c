/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "made_captures.h"

static const uint8_t ethernet[14] = { [12] = 0x08, [13] = 0x00 };

/* An IPv4 header and a UDP or TCP header to `port`; returns its length. */
static uint32_t ipv4(uint8_t ret[40], uint8_t protocol, uint16_t port)
{
	memset(ret, 0, 40);
	ret[0] = 0x45;
	ret[3] = 40;
	ret[8] = 64;
	ret[9] = protocol;
	ret[22] = (uint8_t)(port >> 8);
	ret[23] = (uint8_t)port;
	return 40;
}

/* One packet behind a link header. */
static uint32_t framed(uint8_t ret[64], const void *link, uint32_t link_length, uint8_t protocol,
		       uint16_t port)
{
	memcpy(ret, link, link_length);
	return link_length + ipv4(ret + link_length, protocol, port);
}

/* Numbers of the frames that pass, ended by 0. */
static void numbers(const char *path, const char *filter, uint64_t ret[16])
{
	for (int no_mmap = 0; no_mmap <= 1; no_mmap++) {
		struct source *s = opened(
			path, &(struct source_options){ .filter = filter, .no_mmap = no_mmap });
		struct frame f[3];
		size_t total = 0;
		int n;

		while ((n = source_read(s, f, 3, NULL)) > 0)
			for (int i = 0; i < n; i++)
				ret[total++] = f[i].number;
		assert_int_equal(n, 0);
		ret[total] = 0;
		source_close(s);
	}
}

static void frames_keep_their_numbers_when_others_are_filtered_out(void **state)
{
	struct made m = { 0 };
	uint64_t passed[16];

	(void)state;
	put_pcap_header(&m, false, LINK_ETHERNET);
	for (uint16_t i = 1; i <= 10; i++) {
		uint8_t data[64];
		uint32_t length = framed(data, ethernet, 14, i % 4 == 0 ? 17 : 6, 500);

		put_pcap_record(&m, i, 0, data, length, length);
	}
	const char *path = made_file("a.pcap", m.data, m.length);

	numbers(path, "udp port 500", passed);
	assert_int_equal(passed[0], 4);
	assert_int_equal(passed[1], 8);
	assert_int_equal(passed[2], 0);
	numbers(path, "udp port 501", passed);
	assert_int_equal(passed[0], 0);
	numbers(path, "", passed);
	assert_int_equal(passed[9], 10);

	struct source *s = opened(path, &(struct source_options){ .filter = "udp port 501" });
	struct source_info info;
	struct frame f;

	source_info(s, &info);
	/* of the capture, not of what passes */
	assert_int_equal(info.first_at, 1 * NSEC_PER_S);
	assert_int_equal(source_read(s, &f, 1, NULL), 0);
	source_info(s, &info);
	assert_int_equal(info.frames, 10);
	source_close(s);
	made_free(&m);
}

static void the_filter_fits_every_interface_of_a_pcapng(void **state)
{
	struct made m = { 0 };
	uint64_t passed[16];
	uint8_t data[64];
	uint32_t length;

	(void)state;
	put_section(&m);
	put_interface(&m, LINK_ETHERNET, 0, -1, 0);
	put_interface(&m, LINK_RAW, 0, -1, 0);
	put_interface(&m, 147, 0, -1, 0);	/* nobody can say what it holds: never passes */
	for (uint32_t i = 0; i < 4; i++) {
		length = framed(data, ethernet, 14, 17, (uint16_t)(500 + i));
		put_enhanced(&m, 0, i, data, length, length);
		length = framed(data, ethernet, 0, 17, (uint16_t)(500 + i));
		put_enhanced(&m, 1, i, data, length, length);
		put_enhanced(&m, 2, i, data, length, length);
	}
	numbers(made_file("a.pcapng", m.data, m.length), "udp port 502", passed);
	assert_int_equal(passed[0], 7);
	assert_int_equal(passed[1], 8);
	assert_int_equal(passed[2], 0);
	made_free(&m);
}

static void loopback_headers_are_in_the_byte_order_of_the_file(void **state)
{
	(void)state;
	for (int variant = 0; variant < 4; variant++) {
		struct made m = { .swapped = variant & 1 }, family = { .swapped = variant & 1 };
		uint64_t passed[16];
		uint8_t data[64];
		uint32_t length;

		put_u32(&family, 2);	/* AF_INET */
		length = framed(data, family.data, 4, 17, 500);
		if (variant & 2) {
			put_section(&m);
			put_interface(&m, LINK_NULL, 0, -1, 0);
			put_enhanced(&m, 0, 1, data, length, length);
		} else {
			put_pcap_header(&m, false, LINK_NULL);
			put_pcap_record(&m, 1, 0, data, length, length);
		}
		numbers(made_file("a", m.data, m.length), "ip and udp port 500", passed);
		assert_int_equal(passed[0], 1);
		assert_int_equal(passed[1], 0);
		made_free(&m);
		made_free(&family);
	}
}

static void every_number_for_raw_ip_is_raw_ip(void **state)
{
	static const uint16_t types[] = { LINK_RAW, LINK_RAW_BSD, LINK_RAW_OPENBSD };

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct made m = { 0 };
		uint64_t passed[16];
		uint8_t data[64];
		uint32_t length = framed(data, "", 0, 17, 500);

		if (!link_type_supported(types[i]))
			continue;
		put_pcap_header(&m, false, types[i]);
		put_pcap_record(&m, 1, 0, data, length, length);
		numbers(made_file("a.pcap", m.data, m.length), "udp port 500", passed);
		assert_int_equal(passed[0], 1);
		made_free(&m);
	}
}

static void a_filter_that_does_not_compile_is_refused_with_the_link_type(void **state)
{
	struct made m = { 0 };

	(void)state;
	made_pcap(&m, 3, false, false);
	const char *path = made_file("a.pcap", m.data, m.length);

	refused(path, &(struct source_options){ .filter = "udp prot 500" }, "a.pcap",
		"udp prot 500", "link type 1 (EN10MB)", "syntax error", NULL);
	made_free(&m);

	made_pcapng(&m, 3, false, -1, 0);
	refused(made_file("a.pcapng", m.data, m.length),
		&(struct source_options){ .filter = "udp prot 500" }, "a.pcapng", "udp prot 500",
		NULL);
	made_free(&m);
}

static void a_later_interface_the_filter_does_not_fit_ends_the_file_there(void **state)
{
	struct made m = { 0 };
	struct err e = { "" };
	uint8_t data[64];
	uint32_t length = framed(data, ethernet, 14, 17, 500);
	struct frame f[4];

	(void)state;
	put_section(&m);
	put_interface(&m, LINK_ETHERNET, 0, -1, 0);
	put_enhanced(&m, 0, 1, data, length, length);
	put_interface(&m, LINK_RAW, 0, -1, 0);	/* has no Ethernet addresses to compare */
	put_enhanced(&m, 0, 1, data, length, length);
	struct source *s = opened(made_file("a.pcapng", m.data, m.length),
				  &(struct source_options){ .filter = "ether dst 0:0:0:0:0:0" });

	assert_int_equal(source_read(s, f, 4, &e), 1);
	assert_int_equal(source_read(s, f, 4, &e), -1);
	assert_non_null(strstr(e.text, "link type 101 "));
	assert_int_equal(source_read(s, f, 4, &e), 0);
	source_close(s);
	made_free(&m);
}

static void a_filter_can_be_checked_before_anything_is_opened(void **state)
{
	struct err e = { "" };

	(void)state;
	assert_true(source_filter_check("udp port 500 or esp", &e));
	assert_true(source_filter_check("inbound", &e));	/* LINUX_SLL only */
	assert_true(source_filter_check("", &e));
	assert_true(source_filter_check(NULL, &e));
	assert_string_equal(e.text, "");
	assert_false(source_filter_check("udp prot 500", &e));
	assert_non_null(strstr(e.text, "udp prot 500"));
	assert_non_null(strstr(e.text, "syntax error"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_keep_their_numbers_when_others_are_filtered_out),
		cmocka_unit_test(the_filter_fits_every_interface_of_a_pcapng),
		cmocka_unit_test(loopback_headers_are_in_the_byte_order_of_the_file),
		cmocka_unit_test(every_number_for_raw_ip_is_raw_ip),
		cmocka_unit_test(a_filter_that_does_not_compile_is_refused_with_the_link_type),
		cmocka_unit_test(a_later_interface_the_filter_does_not_fit_ends_the_file_there),
		cmocka_unit_test(a_filter_can_be_checked_before_anything_is_opened),
	};

	return cmocka_run_group_tests(tests, made_folder_create, made_folder_remove);
}
