/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/esp.h>
#include <sawatch/plain_esp.h>
#include <sawatch/udp.h>

#include "wire/frames.h"

enum { SRC = 0x0a000001, DST = 0xac100001 };

/* The same by the long way; false when that says anything but "an ESP packet". */
static bool long_way(const struct frame *f, struct plain_esp *ret)
{
	struct packet p;
	struct udp_header u = { 0, 0 };
	struct esp_header h;

	if (link_decap(f, &p) != LINK_PACKET || p.fragment)
		return false;
	ret->in_udp = p.protocol == IP_UDP;
	if (ret->in_udp &&
	    (udp_parse(&p.payload, &u) != VERDICT_OK ||
	     (u.src_port != 4500 && u.dst_port != 4500) || udp_classify(&u, &p.payload) != UDP_ESP))
		return false;
	if ((!ret->in_udp && p.protocol != IP_ESP) || esp_parse(&p.payload, &h) != VERDICT_OK)
		return false;
	ret->src = p.src;
	ret->dst = p.dst;
	ret->spi = h.spi;
	ret->seq = h.seq;
	ret->ip_length = p.ip_length;
	ret->network = p.network;
	ret->src_port = u.src_port;
	ret->dst_port = u.dst_port;
	return true;
}

/* TCP and UDP that are nobody's business, says the long way. */
static bool other_by_the_long_way(const struct frame *f)
{
	struct packet p;
	struct udp_header u;

	if (link_decap(f, &p) != LINK_PACKET || p.fragment)
		return false;
	if (p.protocol == IP_UDP)
		return udp_parse(&p.payload, &u) == VERDICT_OK &&
		       udp_classify(&u, &p.payload) == UDP_OTHER;

	uint16_t src = reader_u16(&p.payload), dst = reader_u16(&p.payload);

	return p.protocol == IP_TCP && reader_ok(&p.payload) && src != 4500 && dst != 4500;
}

static unsigned others;			/* how often that was said */

/* Parse an exact-size copy; what it says must be what the long way says. */
static bool parses(const uint8_t *bytes, size_t captured, size_t length, uint16_t link_type)
{
	uint8_t *copy = malloc(captured > 0 ? captured : 1);
	struct plain_esp p, q;

	assert_non_null(copy);
	memcpy(copy, bytes, captured);

	const struct frame f = { .captured = (uint32_t)captured,
				 .length = (uint32_t)length,
				 .link_type = link_type,
				 .data = copy };
	enum plain plain = plain_esp_parse(&f, &p);

	if (plain == PLAIN_OTHER) {
		assert_true(other_by_the_long_way(&f));
		others++;
	}
	if (plain == PLAIN_ESP) {
		assert_true(long_way(&f, &q));
		assert_true(addr_equal(p.src, q.src) && addr_equal(p.dst, q.dst));
		assert_int_equal(p.spi, q.spi);
		assert_int_equal(p.seq, q.seq);
		assert_int_equal(p.ip_length, q.ip_length);
		assert_int_equal(p.network, q.network);
		assert_int_equal(p.src_port, q.src_port);
		assert_int_equal(p.dst_port, q.dst_port);
		assert_int_equal(p.in_udp, q.in_udp);
	}
	free(copy);
	return plain == PLAIN_ESP;
}

/* Every shape that the header promises: 0 to 11. */
enum { SHAPES = 12 };

static struct built shape(unsigned n, uint16_t *ret_link_type)
{
	struct built b = built_esp();

	if (n % 2)
		wrap_udp(&b, n % 4 == 1 ? 4500 : 61000, n % 4 == 1 ? 1027 : 4500);
	if (n / 2 % 2)
		wrap_ipv6(&b, n % 2 ? IP_UDP : IP_ESP, SRC, DST);
	else
		wrap_ipv4(&b, n % 2 ? IP_UDP : IP_ESP, SRC, DST);
	*ret_link_type = LINK_ETHERNET;
	if (n >= 8) {
		*ret_link_type = LINK_RAW;
	} else {
		uint16_t type = n / 2 % 2 ? 0x86dd : 0x0800;

		if (n >= 4) {
			uint8_t *tag = built_wrap(&b, 4);

			put16(tag, 0xe00a);	/* class 7, VLAN 10 */
			put16(tag + 2, type);
			type = 0x8100;
		}
		wrap_ethernet(&b, type);
	}
	return b;
}

static void plain_frames_are_read_at_a_glance(void **state)
{
	(void)state;
	for (unsigned n = 0; n < SHAPES; n++) {
		uint16_t link_type;
		struct built b = shape(n, &link_type);
		bool raw_v6 = link_type == LINK_RAW && n / 2 % 2;	/* rare: by the long way */

		assert_int_equal(parses(built_data(&b), b.length, b.length, link_type), !raw_v6);
		built_pad(&b, 0, 6);
		assert_int_equal(parses(built_data(&b), b.length, b.length, link_type), !raw_v6);
	}
}

static void a_cut_frame_is_read_as_soon_as_the_sequence_number_is_there(void **state)
{
	(void)state;
	for (unsigned n = 0; n < SHAPES; n++) {
		uint16_t link_type;
		struct built b = shape(n, &link_type);

		if (link_type == LINK_RAW && n / 2 % 2)
			continue;
		for (size_t captured = 0; captured <= b.length; captured++)
			assert_int_equal(parses(built_data(&b), captured, b.length, link_type),
					 captured >= b.length - 24);
	}
}

static void any_one_byte_changed_leaves_what_the_long_way_says(void **state)
{
	(void)state;
	for (unsigned n = 0; n < SHAPES; n++) {
		uint16_t link_type;
		struct built b = shape(n, &link_type);
		uint8_t *bytes = built_data(&b);

		for (size_t at = 0; at < b.length - 24; at++) {
			uint8_t was = bytes[at];

			for (unsigned v = 0; v < 256; v++) {
				bytes[at] = (uint8_t)v;
				parses(bytes, b.length, b.length, link_type);
			}
			bytes[at] = was;
		}
	}
}

static void what_is_not_ours_is_passed_by_and_ike_on_any_port_is_not(void **state)
{
	uint8_t ike[60] = { 1, [17] = 0x20, [18] = 34, [27] = 60 };

	(void)state;
	for (unsigned marked = 0; marked < 2; marked++)
		for (unsigned damaged = 0; damaged < 3; damaged++) {
			uint8_t data[64] = { 0 };

			memcpy(data + 4 * marked, ike, 60);
			if (damaged == 1)
				data[4 * marked + 27]++;	/* its length does not fit */
			if (damaged == 2)
				/* the length fits, the version does not: a closer look */
				data[4 * marked + 17] = 0x30;

			struct built b = built_from(data, 60 + 4 * marked);

			wrap_udp(&b, 7777, 8888);
			wrap_ipv4(&b, IP_UDP, SRC, DST);
			wrap_ethernet(&b, 0x0800);
			for (size_t captured = 0; captured <= b.length; captured++)
				assert_false(
					parses(built_data(&b), captured, b.length, LINK_ETHERNET));
			others = 0;
			parses(built_data(&b), b.length, b.length, LINK_ETHERNET);
			assert_int_equal(others, damaged == 1);
		}
	for (unsigned port = 4499; port <= 4501; port++) {
		uint8_t tcp[20] = { (uint8_t)(port >> 8), (uint8_t)port, 1, 187 };
		struct built b = built_from(tcp, sizeof(tcp));

		wrap_ipv4(&b, IP_TCP, SRC, DST);
		wrap_ethernet(&b, 0x0800);
		others = 0;
		parses(built_data(&b), b.length, b.length, LINK_ETHERNET);
		assert_int_equal(others, port != 4500);
		/* cut within the ports */
		parses(built_data(&b), b.length - 17, b.length, LINK_ETHERNET);
		assert_int_equal(others, port != 4500);
	}
}

static void random_damage_leaves_what_the_long_way_says(void **state)
{
	static const uint16_t ports[] = { 500, 4500, 4789, 8472, 6081, 0, 1027, 4500 };
	uint64_t x = 99;
	unsigned plain = 0;

	(void)state;
	others = 0;
#define DRAW(below) \
	((unsigned)((x = x * UINT64_C(6364136223846793005) + 1442695040888963407) >> 33) % \
		(below))
	for (unsigned round = 0; round < 200000; round++) {
		uint16_t link_type;
		struct built b = shape(DRAW(SHAPES), &link_type);
		uint8_t *bytes = built_data(&b);
		size_t captured = b.length, length = b.length;

		for (unsigned k = DRAW(4); k > 0; k--) {
			size_t at = DRAW((unsigned)b.length - 1);

			if (DRAW(3) == 0)
				put16(bytes + at, ports[DRAW(8)]);
			else
				bytes[at] =
					(uint8_t)(DRAW(3) ? bytes[at] + DRAW(5) - 2 : DRAW(256));
		}
		if (DRAW(4) == 0)
			captured = DRAW((unsigned)b.length + 1);
		if (DRAW(4) == 0)
			length = DRAW((unsigned)b.length + 40);
		plain += parses(bytes, captured, length, link_type);
	}
	assert_true(plain > 20000 && others > 1000);	/* or nothing was tried */
}

static void markers_envelopes_and_fragments_are_left_to_others(void **state)
{
	struct built b = shape(1, &(uint16_t){ 0 });
	uint8_t *ip = built_data(&b) + 14;

	(void)state;
	put32(ip + 28, 0);		/* the non-ESP marker */
	assert_false(parses(built_data(&b), b.length, b.length, LINK_ETHERNET));
	put32(ip + 28, 77);
	assert_true(parses(built_data(&b), b.length, b.length, LINK_ETHERNET));
	put16(ip + 20, 4500);
	put16(ip + 22, 4789);		/* VXLAN, says the destination */
	assert_false(parses(built_data(&b), b.length, b.length, LINK_ETHERNET));
	put16(ip + 22, 500);
	assert_false(parses(built_data(&b), b.length, b.length, LINK_ETHERNET));
	put16(ip + 22, 4500);
	put16(ip + 6, 0x2000);
	assert_false(parses(built_data(&b), b.length, b.length, LINK_ETHERNET));
	put16(ip + 6, 0x4000);		/* do not fragment: no fragment */
	assert_true(parses(built_data(&b), b.length, b.length, LINK_ETHERNET));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_frames_are_read_at_a_glance),
		cmocka_unit_test(a_cut_frame_is_read_as_soon_as_the_sequence_number_is_there),
		cmocka_unit_test(any_one_byte_changed_leaves_what_the_long_way_says),
		cmocka_unit_test(what_is_not_ours_is_passed_by_and_ike_on_any_port_is_not),
		cmocka_unit_test(random_damage_leaves_what_the_long_way_says),
		cmocka_unit_test(markers_envelopes_and_fragments_are_left_to_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
