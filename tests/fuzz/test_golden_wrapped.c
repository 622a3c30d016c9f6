/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The packets of the golden set in every envelope, their messages in TCP
 * streams, and quoted by ICMP errors: cut, sent short, and with every byte
 * changed.
 */
#include "golden.h"

#include <sawatch/icmp.h>
#include <sawatch/tcpencap.h>

#include "wire/frames.h"

enum { PACKETS_MAX = 80, LENGTH_MAX = 512 };

/* IP packets, one of each kind; they belong to their frames */
static struct kept packets[PACKETS_MAX];
static size_t n_packets;

/* Protocol, version, and the first byte behind the ports or the SPI: enough to tell kinds apart. */
static uint32_t kind_of(const struct packet *p)
{
	uint8_t beyond = p->payload.left > 30 ? p->payload.at[26] : 0;

	return (uint32_t)(p->ip[0] >> 4) << 24 | (uint32_t)p->protocol << 16 |
	       (uint32_t)p->fragment << 8 | (p->protocol == IP_UDP ? beyond : 0u);
}

static int choose(void **state)
{
	static uint32_t kinds[PACKETS_MAX];

	if (collect(state) != 0)
		return 1;
	for (size_t i = 0; i < n_frames && n_packets < PACKETS_MAX; i++) {
		const struct frame f = {
			.captured = (uint32_t)frames[i].length,
			.length = (uint32_t)frames[i].length,
			.link_type = frames[i].link_type, .data = frames[i].bytes,
		};
		struct packet p;
		bool seen = false;

		if (link_decap(&f, &p) != LINK_PACKET || p.ip_length > LENGTH_MAX)
			continue;
		for (size_t k = 0; k < n_packets; k++)
			seen = seen || kinds[k] == kind_of(&p);
		if (seen)
			continue;
		kinds[n_packets] = kind_of(&p);
		packets[n_packets++] =
			(struct kept){ .bytes = (uint8_t *)(uintptr_t)p.ip, .length = p.ip_length };
	}
	print_message("%zu kinds of packets\n", n_packets);
	return n_packets >= 20 ? 0 : 1;
}

/* ---- envelopes ------------------------------------------------------------------ */

static uint16_t ethertype_of(const struct built *b)
{
	return built_data((struct built *)(uintptr_t)b)[0] >> 4 == 6 ? 0x86dd : 0x0800;
}

static void in_ethernet(struct built *b)
{
	wrap_ethernet(b, ethertype_of(b));
}

static void in_two_tags(struct built *b)
{
	wrap_vlan(b, 42, ethertype_of(b));
	wrap_vlan(b, 7, 0x8100);
	wrap_ethernet(b, 0x88a8);
}

static void in_mpls(struct built *b)
{
	wrap_mpls(b, 1000, 1);
	wrap_mpls(b, 2000, 0);
	wrap_ethernet(b, 0x8847);
}

static void in_pppoe(struct built *b)
{
	wrap_pppoe(b, ethertype_of(b) == 0x86dd ? 0x0057 : 0x0021);
	wrap_ethernet(b, 0x8864);
}

static void in_ip(struct built *b)
{
	uint8_t protocol = ethertype_of(b) == 0x86dd ? IP_IPV6 : IP_IPIP;

	wrap_ipv4(b, protocol, BUILT_SRC, BUILT_DST);
	in_ethernet(b);
}

static void in_gre(struct built *b)
{
	wrap_gre(b, 0xb000, ethertype_of(b));
	wrap_ipv6(b, IP_GRE, BUILT_SRC, BUILT_DST);
	in_ethernet(b);
}

static void in_erspan(struct built *b)
{
	in_ethernet(b);
	memset(built_wrap(b, 8), 0, 8);
	wrap_gre(b, 0x1000, 0x88be);
	wrap_ipv4(b, IP_GRE, BUILT_SRC, BUILT_DST);
	in_ethernet(b);
}

static void in_vxlan(struct built *b)
{
	in_ethernet(b);
	wrap_vxlan(b, 77);
	wrap_udp(b, 50000, 4789);
	wrap_ipv4(b, IP_UDP, BUILT_SRC, BUILT_DST);
	in_ethernet(b);
}

static void in_geneve(struct built *b)
{
	wrap_geneve(b, 77, ethertype_of(b), 2);
	wrap_udp(b, 50000, 6081);
	wrap_ipv4(b, IP_UDP, BUILT_SRC, BUILT_DST);
	in_ethernet(b);
}

static void (*const wraps[])(struct built *b) = {
	in_ethernet, in_two_tags, in_mpls, in_pppoe, in_ip, in_gre, in_erspan, in_vxlan, in_geneve,
};

enum { WRAPS = sizeof(wraps) / sizeof(wraps[0]) };

static struct built wrapped(size_t packet, size_t wrap)
{
	struct built b = built_from(packets[packet].bytes, packets[packet].length);

	wraps[wrap](&b);
	return b;
}

/* What comes of the first `captured` bytes of a frame of `length`, read from an exact-size copy. */
static enum link_result decap_of(const struct built *b, size_t captured, size_t length,
				 struct packet *ret, uint8_t **ret_copy)
{
	struct kept k = keep(built_data((struct built *)(uintptr_t)b), captured);
	const struct frame f = {
		.captured = (uint32_t)captured, .length = (uint32_t)length,
		.link_type = LINK_ETHERNET, .data = k.bytes,
	};

	*ret_copy = k.bytes;
	return link_decap(&f, ret);
}

static enum link_result result_of(const struct built *b, size_t captured, size_t length)
{
	struct packet p;
	uint8_t *copy;
	enum link_result result = decap_of(b, captured, length, &p, &copy);

	free(copy);
	return result;
}

static void every_envelope_gives_up_every_kind_of_packet(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_packets; i++)
		for (size_t w = 0; w < WRAPS; w++) {
			struct built b = wrapped(i, w);
			struct packet p;
			uint8_t *copy;

			assert_int_equal(decap_of(&b, b.length, b.length, &p, &copy), LINK_PACKET);
			assert_int_equal(p.ip_length, packets[i].length);
			assert_memory_equal(p.ip, packets[i].bytes, packets[i].length);
			free(copy);
		}
}

static void an_envelope_of_which_less_was_captured_is_never_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_packets; i++)
		for (size_t w = 0; w < WRAPS; w++) {
			struct built b = wrapped(i, w);

			for (size_t captured = 0; captured < b.length; captured++)
				assert_int_not_equal(result_of(&b, captured, b.length),
						     LINK_MALFORMED);
		}
}

static void an_envelope_that_was_sent_short_gives_no_packet(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_packets; i++)
		for (size_t w = 0; w < WRAPS; w++) {
			struct built b = wrapped(i, w);

			for (size_t sent = 0; sent < b.length; sent++)
				assert_int_not_equal(result_of(&b, sent, sent), LINK_PACKET);
		}
}

static void no_changed_byte_of_an_envelope_is_read_past_its_end(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x04, 0x40, 0xff };

	(void)state;
	for (size_t i = 0; i < n_packets; i++)
		for (size_t w = 0; w < WRAPS; w++) {
			struct built b = wrapped(i, w);
			size_t headers = b.length - packets[i].length + 60;

			for (size_t at = 0; at < b.length && at < headers; at++)
				for (size_t v = 0; v < sizeof(flips); v++) {
					built_data(&b)[at] ^= flips[v];
					assert_int_not_equal(result_of(&b, b.length, b.length),
							     LINK_CUT);
					built_data(&b)[at] ^= flips[v];
				}
		}
}

/* ---- TCP streams ------------------------------------------------------------------ */

/* A message behind its length, RFC 9329 3; in an exact-size block. */
static struct kept framed(const struct kept *m, bool is_ike)
{
	struct kept k = { .length = 2 + (is_ike ? 4u : 0u) + m->length };

	k.bytes = calloc(1, k.length);
	assert_non_null(k.bytes);
	put16(k.bytes, (unsigned)k.length);
	memcpy(k.bytes + k.length - m->length, m->bytes, m->length);
	return k;
}

static void check_stream(const struct kept *m, bool is_ike)
{
	struct kept whole = framed(m, is_ike);
	struct bytes message;
	size_t used;

	for (size_t there = 0; there < whole.length; there++) {
		struct kept part = keep(whole.bytes, there);

		assert_int_equal(
			tcpencap_next((struct bytes){ part.bytes, there }, false, &message, &used),
			TCPENCAP_MORE);
		free(part.bytes);
	}
	assert_int_equal(
		tcpencap_next((struct bytes){ whole.bytes, whole.length }, false, &message, &used),
		is_ike ? TCPENCAP_IKE : TCPENCAP_ESP);
	assert_int_equal(used, whole.length);
	assert_int_equal(message.length, m->length);
	assert_memory_equal(message.data, m->bytes, m->length);
	for (size_t at = 0; at < whole.length && at < 64; at++) {
		whole.bytes[at] ^= 0xff;
		if (tcpencap_next((struct bytes){ whole.bytes, whole.length }, false, &message,
				  &used) <= TCPENCAP_KEEPALIVE)
			assert_true(used <= whole.length);
		assert_true(tcpencap_resync((struct bytes){ whole.bytes, whole.length }) <=
			    whole.length);
		whole.bytes[at] ^= 0xff;
	}
	free(whole.bytes);
}

static void a_stream_gives_a_message_when_all_of_it_is_there_and_not_before(void **state)
{
	size_t esp = 0;

	(void)state;
	for (size_t i = 0; i < n_messages; i += 7)
		check_stream(&messages[i], true);
	for (size_t i = 0; i < n_packets; i++)
		if (packets[i].bytes[0] == 0x45 && packets[i].bytes[9] == IP_ESP) {
			const struct kept m = { .bytes = packets[i].bytes + 20,
						.length = packets[i].length - 20 };

			check_stream(&m, false);
			esp++;
		}
	assert_true(esp > 0);
}

/* ---- quoted by ICMP errors ---------------------------------------------------------- */

/*
 * Fragmentation needed (RFC 1191), or Packet Too Big (RFC 4443 3.2), with all of the packet quoted.
 */
static struct built quoting(size_t packet)
{
	struct built b = built_from(packets[packet].bytes, packets[packet].length);
	bool v6 = built_data(&b)[0] >> 4 == 6;
	uint8_t *icmp = built_wrap(&b, 8);

	memset(icmp, 0, 8);
	icmp[0] = v6 ? 2 : 3;
	icmp[1] = v6 ? 0 : 4;
	put16(icmp + 6, 1400);
	if (v6)
		wrap_ipv6(&b, IP_ICMPV6, BUILT_SRC, BUILT_DST);
	else
		wrap_ipv4(&b, IP_ICMP, BUILT_SRC, BUILT_DST);
	in_ethernet(&b);
	return b;
}

static bool error_of(const struct built *b, size_t captured, size_t length, struct icmp_error *ret)
{
	struct packet p;
	uint8_t *copy;
	bool is = decap_of(b, captured, length, &p, &copy) == LINK_PACKET &&
		  icmp_error_parse(&p, ret);

	if (is) {	/* what it borrows is there */
		assert_true(ret->quoted.ip >= copy &&
			    ret->quoted.ip + ret->quoted.ip_captured <= copy + captured);
		assert_true(ret->quoted.ip_captured <= ret->quoted.ip_length);
	}
	free(copy);
	return is;
}

static void an_error_that_quotes_less_says_less_and_nothing_else(void **state)
{
	size_t with_spi = 0;

	(void)state;
	for (size_t i = 0; i < n_packets; i++) {
		struct built b = quoting(i);
		struct icmp_error whole, part;

		if (!error_of(&b, b.length, b.length, &whole))
			continue;
		assert_int_equal(whole.mtu, 1400);
		with_spi += whole.spi != 0;
		for (size_t captured = 0; captured < b.length; captured++) {
			if (!error_of(&b, captured, b.length, &part))
				continue;
			assert_true(part.spi == 0 || part.spi == whole.spi);
			assert_true(part.ike_spi_i == 0 || part.ike_spi_i == whole.ike_spi_i);
			assert_true(part.src_port == 0 || part.src_port == whole.src_port);
			assert_int_equal(part.type, whole.type);
		}
		for (size_t at = 14; at < b.length && at < 14 + 20 + 8 + 80; at++) {
			built_data(&b)[at] ^= 0xff;
			error_of(&b, b.length, b.length, &part);
			built_data(&b)[at] ^= 0xff;
		}
	}
	assert_true(with_spi >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_envelope_gives_up_every_kind_of_packet),
		cmocka_unit_test(an_envelope_of_which_less_was_captured_is_never_malformed),
		cmocka_unit_test(an_envelope_that_was_sent_short_gives_no_packet),
		cmocka_unit_test(no_changed_byte_of_an_envelope_is_read_past_its_end),
		cmocka_unit_test(a_stream_gives_a_message_when_all_of_it_is_there_and_not_before),
		cmocka_unit_test(an_error_that_quotes_less_says_less_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, choose, forget);
}
