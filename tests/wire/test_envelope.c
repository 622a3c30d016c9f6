/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sawatch/link.h>

#include "wire/decap_checks.h"

enum { MIRROR = 0xc0000201, COLLECTOR = 0xc0000202 };

/* The mirrored Ethernet frame, with a VLAN tag. */
static struct built esp_in_vlan(void)
{
	struct built b = esp_in_ipv4();

	wrap_vlan(&b, 42, 0x0800);
	wrap_ethernet(&b, 0x8100);
	return b;
}

static struct built sent(struct built b, uint8_t protocol)
{
	wrap_ipv4(&b, protocol, MIRROR, COLLECTOR);
	wrap_ethernet(&b, 0x0800);
	return b;
}

static struct built ip_in_ip(void)
{
	return sent(esp_in_ipv4(), IP_IPIP);
}

static struct built six_in_four(void)
{
	return sent(esp_in_ipv6(), IP_IPV6);
}

static struct built four_in_six(void)
{
	struct built b = esp_in_ipv4();

	wrap_ipv6(&b, IP_IPIP, MIRROR, COLLECTOR);
	wrap_ethernet(&b, 0x86dd);
	return b;
}

static struct built gre_ip(void)
{
	struct built b = esp_in_ipv6();

	wrap_gre(&b, 0, 0x86dd);
	return sent(b, IP_GRE);
}

static struct built gre_checksum_key_sequence(void)
{
	struct built b = esp_in_ipv4();

	wrap_gre(&b, 0xb000, 0x0800);
	return sent(b, IP_GRE);
}

static struct built gre_bridged(void)
{
	struct built b = esp_in_vlan();

	wrap_gre(&b, 0x2000, 0x6558);
	return sent(b, IP_GRE);
}

static struct built erspan_1(void)
{
	struct built b = esp_in_vlan();

	wrap_gre(&b, 0, 0x88be);
	return sent(b, IP_GRE);
}

static struct built erspan_2(void)
{
	struct built b = esp_in_vlan();

	built_wrap(&b, 8)[0] = 0x10;
	wrap_gre(&b, 0x1000, 0x88be);
	return sent(b, IP_GRE);
}

static struct built erspan_3(void)
{
	struct built b = esp_in_vlan();

	built_wrap(&b, 12)[0] = 0x20;
	wrap_gre(&b, 0x1000, 0x22eb);
	return sent(b, IP_GRE);
}

static struct built erspan_3_with_platform_header(void)
{
	struct built b = esp_in_vlan();
	uint8_t *h = built_wrap(&b, 20);

	h[0] = 0x20;
	h[11] = 0x01;		/* O */
	wrap_gre(&b, 0x1000, 0x22eb);
	return sent(b, IP_GRE);
}

static struct built erspan_3_of_ip(void)
{
	struct built b = esp_in_ipv6();
	uint8_t *h = built_wrap(&b, 12);

	h[0] = 0x20;
	h[10] = 2 << 2;		/* frame type 2: IP */
	wrap_gre(&b, 0x1000, 0x22eb);
	return sent(b, IP_GRE);
}

static struct built vxlan(void)
{
	struct built b = esp_in_vlan();

	wrap_vxlan(&b, 0xabcdef);
	wrap_udp(&b, 50000, 4789);
	return sent(b, IP_UDP);
}

static struct built vxlan_of_old_linux(void)
{
	struct built b = esp_in_vlan();

	wrap_vxlan(&b, 77);
	wrap_udp(&b, 50000, 8472);
	return sent(b, IP_UDP);
}

static struct built geneve(void)
{
	struct built b = esp_in_vlan();

	wrap_geneve(&b, 77, 0x6558, 3);
	wrap_udp(&b, 50000, 6081);
	return sent(b, IP_UDP);
}

static struct built geneve_of_ip(void)
{
	struct built b = esp_in_ipv6();

	wrap_geneve(&b, 77, 0x86dd, 0);
	wrap_udp(&b, 50000, 6081);
	return sent(b, IP_UDP);
}

/* A mirror's VXLAN sent over a tagged network that is itself tunnelled by GRE. */
static struct built vxlan_in_gre_in_vlan(void)
{
	struct built b = esp_in_vlan();

	wrap_vxlan(&b, 5);
	wrap_udp(&b, 50000, 4789);
	wrap_ipv4(&b, IP_UDP, 1, 2);
	wrap_gre(&b, 0, 0x0800);
	wrap_ipv4(&b, IP_GRE, 3, 4);
	wrap_vlan(&b, 9, 0x0800);
	wrap_ethernet(&b, 0x8100);
	return b;
}

static const struct {
	const char *name;
	struct built (*build)(void);
	int depth;
	uint32_t network;
} envelopes[] = {
	{ "IP in IP", ip_in_ip, 1, 0 },
	{ "IPv6 in IPv4", six_in_four, 1, 0 },
	{ "IPv4 in IPv6", four_in_six, 1, 0 },
	{ "GRE", gre_ip, 1, 0 },
	{ "GRE with every option", gre_checksum_key_sequence, 1, 0 },
	{ "GRE, bridged", gre_bridged, 3, 42 },
	{ "ERSPAN I", erspan_1, 3, 42 },
	{ "ERSPAN II", erspan_2, 3, 42 },
	{ "ERSPAN III", erspan_3, 3, 42 },
	{ "ERSPAN III, platform header", erspan_3_with_platform_header, 3, 42 },
	{ "ERSPAN III of IP", erspan_3_of_ip, 1, 0 },
	{ "VXLAN", vxlan, 3, 0xabcdef },
	{ "VXLAN on 8472", vxlan_of_old_linux, 3, 77 },
	{ "GENEVE", geneve, 3, 77 },
	{ "GENEVE of IP", geneve_of_ip, 1, 77 },
	{ "VXLAN in GRE in 802.1Q", vxlan_in_gre_in_vlan, 5, 5 },
};

enum { ENVELOPES = sizeof(envelopes) / sizeof(envelopes[0]) };

static void every_envelope_gives_up_its_esp_packet_and_cut_anywhere_is_never_malformed(void **s)
{
	(void)s;
	for (int i = 0; i < ENVELOPES; i++) {
		struct built b = envelopes[i].build();

		print_message("  %s\n", envelopes[i].name);
		expect_esp_at_any_length(&b, LINK_ETHERNET);
	}
}

static void depth_and_network_are_those_of_the_envelopes(void **s)
{
	(void)s;
	for (int i = 0; i < ENVELOPES; i++) {
		struct built b = envelopes[i].build();
		struct packet p;
		uint8_t *copy;

		print_message("  %s\n", envelopes[i].name);
		decap_cut(&b, LINK_ETHERNET, b.length, &p, &copy);
		assert_int_equal(p.depth, envelopes[i].depth);
		assert_int_equal(p.network, envelopes[i].network);
		free(copy);
	}
}

static void no_single_wrong_byte_makes_it_read_outside_the_frame(void **s)
{
	(void)s;
	for (int i = 0; i < ENVELOPES; i++) {
		struct built b = envelopes[i].build();

		expect_no_overread(&b, LINK_ETHERNET);
	}
}

static enum link_result result_of(struct built b, struct packet *ret)
{
	uint8_t *copy;
	enum link_result result = decap_cut(&b, LINK_ETHERNET, b.length, ret, &copy);

	free(copy);
	return result;
}

static void eight_envelopes_come_off_and_nine_are_too_deep(void **s)
{
	struct built b = esp_in_ipv4();
	struct packet p;

	(void)s;
	for (int i = 0; i < 8; i++)
		wrap_ipv4(&b, IP_IPIP, MIRROR, COLLECTOR);

	struct built nine = b;

	wrap_ethernet(&b, 0x0800);
	assert_int_equal(result_of(b, &p), LINK_PACKET);
	assert_int_equal(p.depth, 8);
	assert_int_equal(p.protocol, IP_ESP);
	wrap_ipv4(&nine, IP_IPIP, MIRROR, COLLECTOR);
	wrap_ethernet(&nine, 0x0800);
	assert_int_equal(result_of(nine, &p), LINK_TOO_DEEP);
}

static void tags_and_tunnels_share_one_depth(void **s)
{
	struct built b = esp_in_vlan();
	struct packet p;

	(void)s;
	for (int i = 0; i < 4; i++) {	/* each: VXLAN, Ethernet, VLAN */
		wrap_vxlan(&b, 5);
		wrap_udp(&b, 50000, 4789);
		wrap_ipv4(&b, IP_UDP, MIRROR, COLLECTOR);
		wrap_vlan(&b, 6, 0x0800);
		wrap_ethernet(&b, 0x8100);
	}
	assert_int_equal(result_of(b, &p), LINK_TOO_DEEP);
}

static void a_fragment_of_an_envelope_is_returned_and_not_looked_into(void **s)
{
	struct built b = esp_in_ipv4();
	struct packet p;

	(void)s;
	wrap_ipv4(&b, IP_IPIP, MIRROR, COLLECTOR);
	built_data(&b)[6] = 0x20;	/* more fragments */
	wrap_ethernet(&b, 0x0800);
	assert_int_equal(result_of(b, &p), LINK_PACKET);
	assert_true(p.fragment);
	assert_int_equal(p.protocol, IP_IPIP);
	assert_int_equal(p.depth, 0);
}

static void an_envelope_around_something_else_is_not_ip(void **s)
{
	struct built b = esp_in_ipv4();
	struct packet p;

	(void)s;
	wrap_gre(&b, 0, 0x0806);
	assert_int_equal(result_of(sent(b, IP_GRE), &p), LINK_NOT_IP);

	b = built_from("", 0);		/* GRE keepalive: protocol 0, nothing inside */
	wrap_gre(&b, 0, 0);
	assert_int_equal(result_of(sent(b, IP_GRE), &p), LINK_NOT_IP);

	b = esp_in_ipv4();		/* PPTP */
	wrap_gre(&b, 0x2001, 0x880b);
	assert_int_equal(result_of(sent(b, IP_GRE), &p), LINK_NOT_IP);

	b = esp_in_ipv4();		/* ARP in VXLAN */
	wrap_ethernet(&b, 0x0806);
	wrap_vxlan(&b, 5);
	wrap_udp(&b, 50000, 4789);
	assert_int_equal(result_of(sent(b, IP_UDP), &p), LINK_NOT_IP);
}

static void unknown_versions_of_gre_and_geneve_are_unsupported(void **s)
{
	struct built b = esp_in_ipv4();
	struct packet p;

	(void)s;
	wrap_gre(&b, 0x0002, 0x0800);
	assert_int_equal(result_of(sent(b, IP_GRE), &p), LINK_UNSUPPORTED);
	b = esp_in_ipv4();
	wrap_gre(&b, 0x4000, 0x0800);	/* source routes of RFC 1701 */
	assert_int_equal(result_of(sent(b, IP_GRE), &p), LINK_UNSUPPORTED);
	b = esp_in_ipv4();
	wrap_geneve(&b, 5, 0x0800, 0);
	built_data(&b)[0] = 0x40;
	wrap_udp(&b, 50000, 6081);
	assert_int_equal(result_of(sent(b, IP_UDP), &p), LINK_UNSUPPORTED);
}

static void an_inner_packet_of_the_other_ip_version_is_malformed(void **s)
{
	struct packet p;

	(void)s;
	assert_int_equal(result_of(sent(esp_in_ipv6(), IP_IPIP), &p), LINK_MALFORMED);
	assert_int_equal(result_of(sent(esp_in_ipv4(), IP_IPV6), &p), LINK_MALFORMED);
}

/* A NAT can give an IKE peer, or any client, one of these ports. */
static void an_answer_to_a_client_on_an_envelope_port_is_no_envelope(void **s)
{
	static const uint16_t servers[] = { 53, 443, 500, 4500 };
	static const uint16_t clients[] = { 4789, 8472, 6081 };
	struct packet p;

	(void)s;
	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < 3; j++) {
			struct built b = built_esp();

			built_data(&b)[0] = 0x08;
			wrap_udp(&b, servers[i], clients[j]);
			assert_int_equal(result_of(sent(b, IP_UDP), &p), LINK_PACKET);
			assert_int_equal(p.protocol, IP_UDP);
			assert_int_equal(p.depth, 0);
		}
	}
}

static void a_datagram_without_the_vxlan_flag_is_no_vxlan(void **s)
{
	struct built b = esp_in_vlan();
	struct packet p;

	(void)s;
	wrap_vxlan(&b, 5);
	built_data(&b)[0] = 0;
	wrap_udp(&b, 50000, 4789);
	assert_int_equal(result_of(sent(b, IP_UDP), &p), LINK_PACKET);
	assert_int_equal(p.protocol, IP_UDP);
}

static void a_datagram_too_short_for_vxlan_is_no_vxlan(void **s)
{
	struct built b = built_from("", 0);
	struct packet p;

	(void)s;
	wrap_udp(&b, 50000, 4789);
	assert_int_equal(result_of(sent(b, IP_UDP), &p), LINK_PACKET);
	assert_int_equal(p.protocol, IP_UDP);
}

/* Its first byte would tell, but the capture ends before it (found by fuzzing). */
static void on_the_vxlan_port_nobody_is_wrong_who_was_not_seen(void **s)
{
	struct built b = built_from("\2\2", 2);
	struct packet p;
	uint8_t *copy;

	(void)s;
	wrap_udp(&b, 50000, 4789);
	put16(built_data(&b) + 4, 4000);	/* a length that VXLAN would be malformed by */
	wrap_ipv4(&b, IP_UDP, BUILT_SRC, BUILT_DST);
	assert_int_equal(decap_cut(&b, LINK_RAW, b.length, &p, &copy), LINK_PACKET);
	free(copy);
	assert_int_equal(decap_cut(&b, LINK_RAW, b.length - 2, &p, &copy), LINK_CUT);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			every_envelope_gives_up_its_esp_packet_and_cut_anywhere_is_never_malformed),
		cmocka_unit_test(depth_and_network_are_those_of_the_envelopes),
		cmocka_unit_test(no_single_wrong_byte_makes_it_read_outside_the_frame),
		cmocka_unit_test(eight_envelopes_come_off_and_nine_are_too_deep),
		cmocka_unit_test(tags_and_tunnels_share_one_depth),
		cmocka_unit_test(a_fragment_of_an_envelope_is_returned_and_not_looked_into),
		cmocka_unit_test(an_envelope_around_something_else_is_not_ip),
		cmocka_unit_test(unknown_versions_of_gre_and_geneve_are_unsupported),
		cmocka_unit_test(an_inner_packet_of_the_other_ip_version_is_malformed),
		cmocka_unit_test(an_answer_to_a_client_on_an_envelope_port_is_no_envelope),
		cmocka_unit_test(a_datagram_without_the_vxlan_flag_is_no_vxlan),
		cmocka_unit_test(a_datagram_too_short_for_vxlan_is_no_vxlan),
		cmocka_unit_test(on_the_vxlan_port_nobody_is_wrong_who_was_not_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
