/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/link.h>

#include "wire/decap_checks.h"

/* `length` bytes of `header` in front. */
static void wrap_bytes(struct built *b, const char *header, size_t length)
{
	memcpy(built_wrap(b, length), header, length);
}

#define WRAP_BYTES(b, literal) wrap_bytes((b), (literal), sizeof(literal) - 1)

/* One way to carry the ESP packet; the depth and network that link_decap() must tell. */
struct carriage {
	const char *name;
	uint16_t link_type;
	struct built (*build)(void);
	int depth;
	uint32_t network;
};

static struct built ethernet_ipv4(void)
{
	struct built b = esp_in_ipv4();

	wrap_ethernet(&b, 0x0800);
	return b;
}

static struct built ethernet_ipv6(void)
{
	struct built b = esp_in_ipv6();

	wrap_ethernet(&b, 0x86dd);
	return b;
}

static struct built vlan(void)
{
	struct built b = esp_in_ipv4();

	wrap_vlan(&b, 42, 0x0800);
	wrap_ethernet(&b, 0x8100);
	return b;
}

static struct built priority_tag(void)
{
	struct built b = esp_in_ipv6();

	wrap_vlan(&b, 0, 0x86dd);
	wrap_ethernet(&b, 0x8100);
	return b;
}

static struct built qinq(void)
{
	struct built b = esp_in_ipv4();

	wrap_vlan(&b, 42, 0x0800);
	wrap_vlan(&b, 100, 0x8100);
	wrap_ethernet(&b, 0x88a8);
	return b;
}

static struct built qinq_old(void)
{
	struct built b = esp_in_ipv4();

	wrap_vlan(&b, 42, 0x0800);
	wrap_vlan(&b, 100, 0x8100);
	wrap_ethernet(&b, 0x9100);
	return b;
}

static struct built mpls(void)
{
	struct built b = esp_in_ipv4();

	wrap_mpls(&b, 17, 1);
	wrap_mpls(&b, 16, 0);
	wrap_ethernet(&b, 0x8847);
	return b;
}

static struct built mpls_in_vlan(void)
{
	struct built b = esp_in_ipv6();

	wrap_mpls(&b, 17, 1);
	wrap_vlan(&b, 7, 0x8848);
	wrap_ethernet(&b, 0x8100);
	return b;
}

static struct built pseudo_wire_with_control_word(void)
{
	struct built b = ethernet_ipv4();

	put32(built_wrap(&b, 4), 0x00000001);
	wrap_mpls(&b, 17, 1);
	wrap_ethernet(&b, 0x8847);
	return b;
}

static struct built pseudo_wire_without_control_word(void)
{
	struct built b = ethernet_ipv4();

	wrap_mpls(&b, 17, 1);
	wrap_ethernet(&b, 0x8847);
	return b;
}

static struct built pppoe(void)
{
	struct built b = esp_in_ipv4();

	wrap_pppoe(&b, 0x0021);
	wrap_ethernet(&b, 0x8864);
	return b;
}

static struct built qinq_mpls_pppoe(void)
{
	struct built b = esp_in_ipv6();

	wrap_pppoe(&b, 0x0057);
	wrap_ethernet(&b, 0x8864);
	wrap_mpls(&b, 99, 1);
	wrap_vlan(&b, 12, 0x8847);
	wrap_vlan(&b, 11, 0x8100);
	wrap_ethernet(&b, 0x88a8);
	return b;
}

static struct built mpls_in_ppp(void)
{
	struct built b = esp_in_ipv4();

	wrap_mpls(&b, 17, 1);
	WRAP_BYTES(&b, "\xff\x03\x02\x81");
	return b;
}

static struct built sll(void)
{
	struct built b = esp_in_ipv4();

	WRAP_BYTES(&b, "\0\0\0\1\0\6\0\1\2\3\4\5\0\0\x08\x00");
	return b;
}

static struct built sll2(void)
{
	struct built b = esp_in_ipv6();

	WRAP_BYTES(&b, "\x86\xdd\0\0\0\0\0\3\0\1\4\6\0\1\2\3\4\5\0\0");
	return b;
}

static struct built sll2_vlan(void)
{
	struct built b = esp_in_ipv4();

	wrap_vlan(&b, 42, 0x0800);
	WRAP_BYTES(&b, "\x81\x00\0\0\0\0\0\3\0\1\4\6\0\1\2\3\4\5\0\0");
	return b;
}

static struct built null_little_endian(void)
{
	struct built b = esp_in_ipv4();

	WRAP_BYTES(&b, "\2\0\0\0");
	return b;
}

static struct built null_big_endian(void)
{
	struct built b = esp_in_ipv6();

	WRAP_BYTES(&b, "\0\0\0\x1e");
	return b;
}

static struct built null_freebsd(void)
{
	struct built b = esp_in_ipv6();

	WRAP_BYTES(&b, "\x1c\0\0\0");
	return b;
}

static struct built ppp(void)
{
	struct built b = esp_in_ipv4();

	WRAP_BYTES(&b, "\x00\x21");
	return b;
}

static struct built ppp_compressed(void)
{
	struct built b = esp_in_ipv4();

	WRAP_BYTES(&b, "\x21");
	return b;
}

static struct built ppp_hdlc(void)
{
	struct built b = esp_in_ipv6();

	WRAP_BYTES(&b, "\xff\x03\x00\x57");
	return b;
}

static struct built chdlc(void)
{
	struct built b = esp_in_ipv4();

	WRAP_BYTES(&b, "\x0f\x00\x08\x00");
	return b;
}

static struct built ppp_ether(void)
{
	struct built b = esp_in_ipv4();

	wrap_pppoe(&b, 0x0021);
	return b;
}

static struct built nflog_little_endian(void)
{
	struct built b = esp_in_ipv4();
	uint8_t *h = built_wrap(&b, 4);

	h[0] = (uint8_t)(b.length & 0xff);
	h[2] = 9;
	WRAP_BYTES(&b, "\5\0\x0a\0x\0\0\0");	/* prefix "x", padded */
	WRAP_BYTES(&b, "\2\0\0\1" "\x08\0\1\0\x08\0\1\0");
	return b;
}

static struct built nflog_big_endian(void)
{
	struct built b = esp_in_ipv6();
	uint8_t *h = built_wrap(&b, 4);

	put16(h, (unsigned)b.length);
	put16(h + 2, 9);
	WRAP_BYTES(&b, "\x0a\0\0\1" "\0\x08\0\1\x86\xdd\1\0");
	return b;
}

static const struct carriage carriages[] = {
	{ "Ethernet, IPv4", LINK_ETHERNET, ethernet_ipv4, 0, 0 },
	{ "Ethernet, IPv6", LINK_ETHERNET, ethernet_ipv6, 0, 0 },
	{ "802.1Q", LINK_ETHERNET, vlan, 1, 42 },
	{ "802.1Q, priority only", LINK_ETHERNET, priority_tag, 1, 0 },
	{ "802.1ad", LINK_ETHERNET, qinq, 2, 100 },
	{ "QinQ 0x9100", LINK_ETHERNET, qinq_old, 2, 100 },
	{ "MPLS, two labels", LINK_ETHERNET, mpls, 1, 0 },
	{ "MPLS in 802.1Q", LINK_ETHERNET, mpls_in_vlan, 2, 7 },
	{ "pseudo-wire, control word", LINK_ETHERNET, pseudo_wire_with_control_word, 2, 0 },
	{ "pseudo-wire", LINK_ETHERNET, pseudo_wire_without_control_word, 2, 0 },
	{ "PPPoE", LINK_ETHERNET, pppoe, 1, 0 },
	{ "QinQ, MPLS, pseudo-wire, PPPoE", LINK_ETHERNET, qinq_mpls_pppoe, 5, 11 },
	{ "PPP, MPLS", LINK_PPP, mpls_in_ppp, 1, 0 },
	{ "SLL", LINK_LINUX_SLL, sll, 0, 0 },
	{ "SLL2", LINK_LINUX_SLL2, sll2, 0, 0 },
	{ "SLL2, 802.1Q", LINK_LINUX_SLL2, sll2_vlan, 1, 42 },
	{ "RAW, IPv4", LINK_RAW, esp_in_ipv4, 0, 0 },
	{ "RAW, IPv6", LINK_RAW, esp_in_ipv6, 0, 0 },
	{ "RAW of BSD", LINK_RAW_BSD, esp_in_ipv4, 0, 0 },
	{ "RAW of OpenBSD", LINK_RAW_OPENBSD, esp_in_ipv6, 0, 0 },
	{ "IPV4", LINK_IPV4, esp_in_ipv4, 0, 0 },
	{ "IPV6", LINK_IPV6, esp_in_ipv6, 0, 0 },
	{ "NULL, little-endian", LINK_NULL, null_little_endian, 0, 0 },
	{ "NULL, big-endian, Darwin", LINK_NULL, null_big_endian, 0, 0 },
	{ "NULL, FreeBSD", LINK_NULL, null_freebsd, 0, 0 },
	{ "LOOP", LINK_LOOP, null_big_endian, 0, 0 },
	{ "PPP", LINK_PPP, ppp, 0, 0 },
	{ "PPP, compressed protocol", LINK_PPP, ppp_compressed, 0, 0 },
	{ "PPP in HDLC", LINK_PPP, ppp_hdlc, 0, 0 },
	{ "PPP_SERIAL", LINK_PPP_HDLC, ppp_hdlc, 0, 0 },
	{ "PPP_SERIAL, Cisco", LINK_PPP_HDLC, chdlc, 0, 0 },
	{ "PPP_ETHER", LINK_PPP_ETHER, ppp_ether, 0, 0 },
	{ "C_HDLC", LINK_CHDLC, chdlc, 0, 0 },
	{ "NFLOG, little-endian", LINK_NFLOG, nflog_little_endian, 0, 0 },
	{ "NFLOG, big-endian", LINK_NFLOG, nflog_big_endian, 0, 0 },
};

enum { CARRIAGES = sizeof(carriages) / sizeof(carriages[0]) };

static void every_link_type_gives_up_its_esp_packet_and_cut_anywhere_is_never_malformed(void **s)
{
	(void)s;
	for (int i = 0; i < CARRIAGES; i++) {
		struct built b = carriages[i].build();

		print_message("  %s\n", carriages[i].name);
		expect_esp_at_any_length(&b, carriages[i].link_type);
	}
}

static void depth_and_network_are_those_of_the_envelopes(void **s)
{
	(void)s;
	for (int i = 0; i < CARRIAGES; i++) {
		struct built b = carriages[i].build();
		struct packet p;
		uint8_t *copy;

		print_message("  %s\n", carriages[i].name);
		decap_cut(&b, carriages[i].link_type, b.length, &p, &copy);
		assert_int_equal(p.depth, carriages[i].depth);
		assert_int_equal(p.network, carriages[i].network);
		free(copy);
	}
}

static void no_single_wrong_byte_makes_it_read_outside_the_frame(void **s)
{
	(void)s;
	for (int i = 0; i < CARRIAGES; i++) {
		struct built b = carriages[i].build();

		expect_no_overread(&b, carriages[i].link_type);
	}
}

static enum link_result result_of(struct built *b, uint16_t link_type)
{
	struct packet p;
	uint8_t *copy;
	enum link_result result = decap_cut(b, link_type, b->length, &p, &copy);

	free(copy);
	return result;
}

static void what_is_not_ip_is_not_ip(void **s)
{
	static const uint16_t ethertypes[] = {
		0x0806,		/* ARP */
		0x88cc,		/* LLDP */
		0x0026,		/* 802.3: a length, LLC follows */
		0x8863,		/* PPPoE discovery */
		0x88e5,		/* MACsec */
		0xdada,		/* DSA tag */
		0x0000,
	};

	(void)s;
	for (size_t i = 0; i < sizeof(ethertypes) / sizeof(ethertypes[0]); i++) {
		struct built b = esp_in_ipv4();

		wrap_ethernet(&b, ethertypes[i]);
		assert_int_equal(result_of(&b, LINK_ETHERNET), LINK_NOT_IP);
	}
}

static void snap_encapsulated_ip_is_left_alone(void **s)
{
	struct built b = esp_in_ipv4();

	(void)s;
	WRAP_BYTES(&b, "\xaa\xaa\x03\0\0\0\x08\x00");
	wrap_ethernet(&b, 60);
	assert_int_equal(result_of(&b, LINK_ETHERNET), LINK_NOT_IP);
}

static void ppp_control_protocols_are_not_ip(void **s)
{
	struct built b = built_from("\1\1\0\4", 4);

	(void)s;
	WRAP_BYTES(&b, "\xff\x03\xc0\x21");	/* LCP */
	assert_int_equal(result_of(&b, LINK_PPP), LINK_NOT_IP);

	b = built_from("\1\1\0\4", 4);
	wrap_pppoe(&b, 0x8021);	/* IPCP */
	wrap_ethernet(&b, 0x8864);
	assert_int_equal(result_of(&b, LINK_ETHERNET), LINK_NOT_IP);
}

static void a_pseudo_wire_with_something_else_in_it_is_not_ip(void **s)
{
	struct built b = esp_in_ipv4();

	(void)s;
	wrap_ethernet(&b, 0x88cc);
	wrap_mpls(&b, 17, 1);
	wrap_ethernet(&b, 0x8847);
	assert_int_equal(result_of(&b, LINK_ETHERNET), LINK_NOT_IP);
}

static void a_nflog_record_of_a_bridge_or_without_a_packet_is_not_ip(void **s)
{
	struct built b = built_from("\2\0\0\1" "\x08\0\1\0\x08\0\1\0", 12);

	(void)s;
	assert_int_equal(result_of(&b, LINK_NFLOG), LINK_NOT_IP);
	b = nflog_little_endian();
	built_data(&b)[0] = 7;
	assert_int_equal(result_of(&b, LINK_NFLOG), LINK_NOT_IP);
}

static void a_nflog_attribute_shorter_than_its_header_is_malformed(void **s)
{
	struct built b = nflog_little_endian();

	(void)s;
	built_data(&b)[4] = 3;
	assert_int_equal(result_of(&b, LINK_NFLOG), LINK_MALFORMED);
}

static void a_frame_sent_shorter_than_its_header_is_malformed(void **s)
{
	struct built b = built_from("\0\x1b\x21\1\2\3\0\x1b\x21\4", 10);

	(void)s;
	assert_int_equal(result_of(&b, LINK_ETHERNET), LINK_MALFORMED);
	b = built_from("\0\x1b\x21\1\2\3\0\x1b\x21\4\5\6\x08\0", 14);
	assert_int_equal(result_of(&b, LINK_ETHERNET), LINK_MALFORMED);
}

static void an_ethertype_that_contradicts_the_ip_version_is_malformed(void **s)
{
	struct built b = esp_in_ipv6();

	(void)s;
	wrap_ethernet(&b, 0x0800);
	assert_int_equal(result_of(&b, LINK_ETHERNET), LINK_MALFORMED);
	b = esp_in_ipv4();
	assert_int_equal(result_of(&b, LINK_IPV6), LINK_MALFORMED);
}

static void an_unknown_link_type_or_ip_version_is_unsupported(void **s)
{
	struct built b = esp_in_ipv4();

	(void)s;
	assert_int_equal(result_of(&b, 105), LINK_UNSUPPORTED);
	built_data(&b)[0] = 0x55;
	assert_int_equal(result_of(&b, LINK_RAW), LINK_UNSUPPORTED);
}

static void padding_behind_the_ip_packet_is_no_payload(void **s)
{
	struct built b = built_esp();
	struct packet p;
	uint8_t *copy;

	(void)s;
	b.length = 9;		/* SPI, sequence number, one byte */
	wrap_ipv4(&b, IP_ESP, BUILT_SRC, BUILT_DST);
	wrap_ethernet(&b, 0x0800);
	built_pad(&b, 0xee, 60 - b.length);
	assert_int_equal(decap_cut(&b, LINK_ETHERNET, 60, &p, &copy), LINK_PACKET);
	expect_esp(&p, 9);
	assert_int_equal(p.ip_length, 29);
	assert_int_equal(p.ip_captured, 29);
	free(copy);
}

static void a_pppoe_length_that_leaves_bytes_out_is_not_believed(void **s)
{
	struct built b = pppoe();
	struct packet p;
	uint8_t *copy;

	(void)s;
	put16(built_data(&b) + 14 + 4, 42);
	assert_int_equal(decap_cut(&b, LINK_ETHERNET, b.length, &p, &copy), LINK_PACKET);
	expect_esp(&p, 32);
	free(copy);
}

static void eight_tags_come_off_and_nine_are_too_deep(void **s)
{
	struct built b = esp_in_ipv4();

	(void)s;
	wrap_vlan(&b, 1, 0x0800);
	for (int tag = 2; tag <= 8; tag++)
		wrap_vlan(&b, (unsigned)tag, 0x8100);

	struct built nine = b;

	wrap_ethernet(&b, 0x8100);
	expect_esp_at_any_length(&b, LINK_ETHERNET);
	wrap_vlan(&nine, 9, 0x8100);
	wrap_ethernet(&nine, 0x8100);
	assert_int_equal(result_of(&nine, LINK_ETHERNET), LINK_TOO_DEEP);
}

static void a_stack_of_labels_without_bottom_ends_with_the_frame(void **s)
{
	struct built b = built_from("", 0);

	(void)s;
	for (int label = 0; label < 300; label++)
		wrap_mpls(&b, 16, 0);
	wrap_ethernet(&b, 0x8847);
	assert_int_equal(result_of(&b, LINK_ETHERNET), LINK_MALFORMED);
}

static void every_link_type_that_is_read_has_a_name_and_says_so(void **s)
{
	(void)s;
	for (int i = 0; i < CARRIAGES; i++) {
		assert_true(link_type_supported(carriages[i].link_type));
		assert_non_null(link_type_name(carriages[i].link_type));
	}
	assert_string_equal(link_type_name(LINK_ETHERNET), "EN10MB");
	assert_string_equal(link_type_name(105), "IEEE802_11");
	assert_false(link_type_supported(105));
	assert_null(link_type_name(147));
	assert_false(link_type_supported(147));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		every_link_type_gives_up_its_esp_packet_and_cut_anywhere_is_never_malformed),
		cmocka_unit_test(depth_and_network_are_those_of_the_envelopes),
		cmocka_unit_test(no_single_wrong_byte_makes_it_read_outside_the_frame),
		cmocka_unit_test(what_is_not_ip_is_not_ip),
		cmocka_unit_test(snap_encapsulated_ip_is_left_alone),
		cmocka_unit_test(ppp_control_protocols_are_not_ip),
		cmocka_unit_test(a_pseudo_wire_with_something_else_in_it_is_not_ip),
		cmocka_unit_test(a_nflog_record_of_a_bridge_or_without_a_packet_is_not_ip),
		cmocka_unit_test(a_nflog_attribute_shorter_than_its_header_is_malformed),
		cmocka_unit_test(a_frame_sent_shorter_than_its_header_is_malformed),
		cmocka_unit_test(an_ethertype_that_contradicts_the_ip_version_is_malformed),
		cmocka_unit_test(an_unknown_link_type_or_ip_version_is_unsupported),
		cmocka_unit_test(padding_behind_the_ip_packet_is_no_payload),
		cmocka_unit_test(a_pppoe_length_that_leaves_bytes_out_is_not_believed),
		cmocka_unit_test(eight_tags_come_off_and_nine_are_too_deep),
		cmocka_unit_test(a_stack_of_labels_without_bottom_ends_with_the_frame),
		cmocka_unit_test(every_link_type_that_is_read_has_a_name_and_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
