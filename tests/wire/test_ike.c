/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "ike_messages.h"

static void header_fields_come_from_their_places(void **s)
{
	(void)s;
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_AUTH, IKE2_FLAG_INITIATOR, 0x01020304);
	struct ike_message m;

	ike_end(&b);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_true(m.header.spi_i == 0x1112131415161718 && m.header.spi_r == 0x2122232425262728);
	assert_int_equal(m.header.major, 2);
	assert_int_equal(m.header.minor, 0);
	assert_int_equal(m.header.exchange, IKE2_EXCHANGE_IKE_AUTH);
	assert_int_equal(m.header.message_id, 0x01020304);
	assert_int_equal(m.header.length, 28);
	assert_true(m.is_request && m.from_initiator);
	assert_int_equal(m.n_payloads, 0);
	assert_int_equal(m.np1, IKE_NP1_NONE);
}

static void bytes_behind_the_ike_length_do_not_belong_to_the_message(void **s)
{
	(void)s;
	struct build b = full2();
	size_t length = b.length;
	struct ike_message m;

	put_fill(&b, 0xff, 9);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.whole.length, length);
	assert_ptr_equal(m.whole.data, b.bytes);
}

/* tcpdump kept 68 bytes of a frame for long: of an IKE header in UDP in IPv4 these are 26. */
static void a_header_without_its_length_says_the_rest(void **s)
{
	(void)s;
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_AUTH, IKE2_FLAG_RESPONSE, 1);

	b.bytes[16] = IKE2_PAYLOAD_SK;
	put_fill(&b, 0x5a, 200);
	for (size_t captured = 0; captured < 28; captured++) {
		uint8_t *copy = malloc(captured ? captured : 1);
		struct ike_message m;

		memcpy(copy, b.bytes, captured);
		assert_int_equal(ike_parse(reader_over(copy, captured, b.length), &m), VERDICT_CUT);
		if (captured >= 24) {
			assert_int_equal(m.header.major, 2);
			assert_int_equal(m.header.length, b.length);
			assert_true(!m.is_request && !m.from_initiator && m.encrypted);
			assert_int_equal(m.np1, IKE_NP1_NONE);
			assert_int_equal(m.whole.length, captured);
		} else {	/* nothing to go by */
			assert_int_equal(m.header.major, 0);
			assert_true(m.header.spi_i == 0);
		}
		free(copy);
	}
	/* sent so short, it is no header at all */
	struct ike_message m;

	assert_int_equal(ike_parse(reader_over(b.bytes, 26, 26), &m), VERDICT_MALFORMED);
	assert_int_equal(m.header.major, 0);
}

static void versions_other_than_1_and_2_are_malformed(void **s)
{
	(void)s;
	for (unsigned major = 0; major < 16; major++) {
		struct build b = ike_begin(major, 34, 0, 0);
		struct ike_message m;

		ike_end(&b);
		assert_int_equal(parse(&b, &m),
				 major == 1 || major == 2 ? VERDICT_OK : VERDICT_MALFORMED);
	}
}

static void a_length_below_the_header_is_malformed(void **s)
{
	(void)s;
	struct build b = full2();
	struct ike_message m;

	for (unsigned length = 0; length < IKE_HEADER_LEN; length++) {
		set_u16(&b, 26, length);
		assert_int_equal(parse(&b, &m), VERDICT_MALFORMED);
		assert_int_equal(m.header.major, 2);	/* it is one all the same: some say 0 */
	}
}

/* The sender was wrong however little of it was captured: the IP header says what was sent. */
static void a_length_beyond_what_was_sent_is_no_message(void **s)
{
	(void)s;
	struct build b = full2();
	struct ike_message m;

	set_u16(&b, 26, b.length + 1);
	for (size_t captured = IKE_HEADER_LEN; captured <= b.length; captured++) {
		assert_int_equal(ike_parse(reader_over(b.bytes, captured, b.length), &m),
				 VERDICT_MALFORMED);
		assert_int_equal(m.header.major, 0);
		assert_int_not_equal(ike_parse(reader_over(b.bytes, captured, b.length + 1), &m),
				     VERDICT_MALFORMED);
		assert_int_equal(m.header.major, 2);
	}
}

static void the_payloads_of_ikev2_are_read(void **s)
{
	(void)s;
	static const uint8_t expected[] = { 33, 34, 40, 41, 41, 41, 41, 43, 42 };
	struct build b = full2();
	struct ike_message m;

	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.n_payloads, sizeof(expected));
	assert_memory_equal(m.payloads, expected, sizeof(expected));
	assert_true(m.has_ke && m.has_nonce && !m.encrypted && !m.is_fragment);
	assert_int_equal(m.ke_group, 31);
	assert_int_equal(m.n_transforms, 1);
	assert_int_equal(m.transforms[0].key_bits, 256);
	assert_int_equal(m.n_nat_source, 2);
	assert_memory_equal(m.nat_source[1].data, "tttttttttttttttttttt", 20);
	assert_int_equal(m.n_nat_destination, 1);
	assert_memory_equal(m.nat_destination[0].data, "dddddddddddddddddddd", 20);
	assert_int_equal(m.n_vendor_ids, 1);
	assert_string_equal(m.vendor_ids[0].name, "Cisco FlexVPN");
	assert_int_equal(m.n_deletes, 1);
	assert_int_equal(m.deletes[0].count, 2);
	assert_int_equal(m.deletes[0].first_spi, 0xabcdef01);

	const struct ike_notify *n = ike_find_notify(&m, IKE2_NOTIFY_INVALID_SPI);

	assert_non_null(n);
	assert_int_equal(n->spi_size, 4);
	assert_int_equal(n->spi, 0xc1c1c1c1);
	assert_int_equal(n->data.length, 0);
	assert_null(ike_find_notify(&m, IKE2_NOTIFY_COOKIE));
}

static void the_payloads_of_ikev1_are_read(void **s)
{
	(void)s;
	struct build b = full1();
	struct ike_message m;

	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.n_payloads, 11);
	assert_true(m.has_ke && m.has_nonce && m.has_id && m.has_hash);
	assert_false(m.is_request || m.from_initiator || m.encrypted);
	assert_int_equal(m.n_offers, 1);
	assert_int_equal(m.offers[0].life_seconds, 86400);
	assert_int_equal(m.n_nat_destination, 1);
	assert_int_equal(m.n_nat_source, 2);
	assert_int_equal(m.notifies[0].type, IKE1_NOTIFY_INITIAL_CONTACT);
	assert_true(m.notifies[0].spi == 0x0102030405060708);
	assert_string_equal(m.vendor_ids[0].name, "XAUTH");
	assert_int_equal(m.deletes[0].protocol, 3);
	assert_int_equal(m.deletes[0].first_spi, 0xdeadbeef);
}

static void a_clear_informational_of_ikev1_tells_its_error(void **s)
{
	(void)s;
	struct build b = ike_begin(1, IKE1_EXCHANGE_INFORMATIONAL, 0, 0x5f724dc6);
	struct ike_message m;

	put_notify1(&b, IKE1_NOTIFY_NO_PROPOSAL_CHOSEN, 0);
	ike_end(&b);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_non_null(ike_find_notify(&m, IKE1_NOTIFY_NO_PROPOSAL_CHOSEN));
}

static void payload_15_is_nat_d_in_phase_1_and_nowhere_else(void **s)
{
	(void)s;
	static const struct { uint8_t exchange; unsigned found; } cases[] = {
		{ IKE1_EXCHANGE_IDENTITY_PROTECTION, 1 }, { IKE1_EXCHANGE_AGGRESSIVE, 1 },
		{ IKE1_EXCHANGE_QUICK_MODE, 0 }, { IKE1_EXCHANGE_INFORMATIONAL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct build b = ike_begin(1, cases[i].exchange, 0, 0);
		struct ike_message m;

		put_payload(&b, 15, 20);
		put_payload(&b, 15, 20);
		ike_end(&b);
		assert_int_equal(parse(&b, &m), VERDICT_OK);
		assert_int_equal(m.n_nat_destination, cases[i].found);
		assert_int_equal(m.n_nat_source, cases[i].found);
	}
}

static void payload_130_is_nat_d(void **s)
{
	(void)s;
	struct build b = ike_begin(1, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0, 0);
	struct ike_message m;

	put_payload(&b, IKE1_PAYLOAD_NAT_D_DRAFT, 16);
	put_payload(&b, IKE1_PAYLOAD_NAT_D_DRAFT, 16);
	ike_end(&b);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.nat_destination[0].length, 16);
	assert_int_equal(m.n_nat_source, 1);
}

static void an_encrypted_ikev1_message_is_not_looked_into(void **s)
{
	(void)s;
	struct build b = ike_begin(1, IKE1_EXCHANGE_QUICK_MODE, IKE1_FLAG_ENCRYPTED, 0xcafe);
	struct ike_message m;

	put_payload(&b, IKE1_PAYLOAD_HASH, 60);
	ike_end(&b);
	memset(b.bytes + IKE_HEADER_LEN, 0, 60);	/* zero lengths, were they read */
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_true(m.encrypted);
	assert_int_equal(m.n_payloads, 0);
	assert_false(m.has_hash);
	assert_int_equal(m.header.next_payload, IKE1_PAYLOAD_HASH);
}

static void sk_shows_its_first_inner_payload_and_ends_the_chain(void **s)
{
	(void)s;
	static const uint8_t inner[] = { 0, 41, 42, 35 };	/* nothing, notify, delete, IDi */

	for (size_t i = 0; i < sizeof(inner); i++) {
		struct build b = protected2(IKE2_PAYLOAD_SK, inner[i], 0, 0);
		struct ike_message m;

		assert_int_equal(parse(&b, &m), VERDICT_OK);
		assert_true(m.encrypted && !m.is_request && !m.is_fragment);
		assert_int_equal(m.np1, inner[i]);
		assert_int_equal(m.n_payloads, 1);
	}
}

static void skf_counts_and_only_its_first_shows_the_inner_payload(void **s)
{
	(void)s;
	struct ike_message m;
	struct build b = protected2(IKE2_PAYLOAD_SKF, IKE2_PAYLOAD_IDI, 1, 3);

	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_true(m.is_fragment && m.encrypted && !m.fragment_last);
	assert_int_equal(m.fragment_number, 1);
	assert_int_equal(m.fragment_total, 3);
	assert_int_equal(m.np1, IKE2_PAYLOAD_IDI);

	b = protected2(IKE2_PAYLOAD_SKF, 0, 3, 3);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_true(m.fragment_last);
	assert_int_equal(m.np1, IKE_NP1_NONE);
}

static void skf_numbers_that_cannot_be_are_malformed(void **s)
{
	(void)s;
	static const uint16_t cases[][2] = { { 0, 0 }, { 0, 3 }, { 4, 3 }, { 1, 0 }, { 9, 8 } };
	struct ike_message m;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct build b = protected2(IKE2_PAYLOAD_SKF, 35, cases[i][0], cases[i][1]);

		assert_int_equal(parse(&b, &m), VERDICT_MALFORMED);
		assert_false(m.is_fragment);
	}
}

/* Payload 132, whatever the version; with IKEv1 also under the E flag. */
static void fragment_132_is_read_in_both_versions(void **s)
{
	(void)s;
	static const struct { unsigned major; uint8_t exchange, flags; } cases[] = {
		{ 1, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0 },
		{ 1, IKE1_EXCHANGE_IDENTITY_PROTECTION, IKE1_FLAG_ENCRYPTED },
		{ 2, IKE2_EXCHANGE_IKE_AUTH, IKE2_FLAG_INITIATOR },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct build b = ike_begin(cases[i].major, cases[i].exchange, cases[i].flags, 1);
		struct ike_message m;

		begin_payload(&b, 132);
		b.bytes[b.payload_at] = 5;	/* some put the first inner payload here */
		put_number(&b, 0x00070201, 4);
		put_fill(&b, 0x12, 500);
		ike_end(&b);
		assert_int_equal(parse(&b, &m), VERDICT_OK);
		assert_true(m.is_fragment && m.fragment_last);
		assert_int_equal(m.fragment_id, 7);
		assert_int_equal(m.fragment_number, 2);
		assert_int_equal(m.fragment_total, 0);
		assert_int_equal(m.n_payloads, 1);

		b.bytes[b.payload_at + 7] = 0xfe;	/* every flag but the last fragment's */
		assert_int_equal(parse(&b, &m), VERDICT_OK);
		assert_true(m.is_fragment && !m.fragment_last);

		b.bytes[b.payload_at + 6] = 0;
		assert_int_equal(parse(&b, &m), VERDICT_MALFORMED);
		assert_false(m.is_fragment);
	}
}

static void an_answer_with_a_cookie_and_nothing_else_is_read(void **s)
{
	(void)s;
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT, IKE2_FLAG_RESPONSE, 0);
	struct ike_message m;

	put_notify2(&b, 0, IKE2_NOTIFY_COOKIE, "0123456789abcdef", 16);
	ike_end(&b);
	assert_int_equal(b.length, 52);		/* as seen from real responders */
	assert_int_equal(parse(&b, &m), VERDICT_OK);

	const struct ike_notify *n = ike_find_notify(&m, IKE2_NOTIFY_COOKIE);

	assert_non_null(n);
	assert_int_equal(n->data.length, 16);
	assert_memory_equal(n->data.data, "0123456789abcdef", 16);
}

static void the_wanted_group_is_the_data_of_invalid_ke_payload(void **s)
{
	(void)s;
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT, IKE2_FLAG_RESPONSE, 0);
	struct ike_message m;

	put_notify2(&b, 0, IKE2_NOTIFY_INVALID_KE_PAYLOAD, "\0\x13", 2);
	ike_end(&b);
	assert_int_equal(b.length, 38);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_memory_equal(m.notifies[0].data.data, "\0\x13", 2);
}

/* 96 bytes of a frame with IPv6 and the non-ESP marker have two bytes of it. */
static void the_first_byte_of_a_cut_encrypted_payload_is_enough(void **s)
{
	(void)s;
	struct build b = ike_begin(2, IKE2_EXCHANGE_CREATE_CHILD_SA, IKE2_FLAG_INITIATOR, 3);

	begin_payload(&b, IKE2_PAYLOAD_SK);
	b.bytes[b.payload_at] = IKE2_PAYLOAD_NOTIFY;
	put_fill(&b, 0x5a, 200);
	ike_end(&b);
	for (size_t captured = 28; captured < 32; captured++) {
		struct ike_message m;

		assert_int_equal(ike_parse(reader_over(b.bytes, captured, b.length), &m),
				 VERDICT_CUT);
		assert_true(m.encrypted);
		assert_int_equal(m.np1, captured > 28 ? IKE2_PAYLOAD_NOTIFY : IKE_NP1_NONE);
	}
}

/* What is notified comes first; the SPI that it is about may be missing. */
static void a_cut_notify_says_what_it_has(void **s)
{
	(void)s;
	struct build b = ike_begin(1, IKE1_EXCHANGE_INFORMATIONAL, 0, 5);

	put_notify1(&b, IKE1_NOTIFY_NO_PROPOSAL_CHOSEN, 0);
	put_fill(&b, 0x5a, 16);
	ike_end(&b);
	for (size_t captured = 28; captured < b.length; captured++) {
		struct ike_message m;

		assert_int_equal(ike_parse(reader_over(b.bytes, captured, b.length), &m),
				 VERDICT_CUT);
		assert_int_equal(ike_find_notify(&m, IKE1_NOTIFY_NO_PROPOSAL_CHOSEN) != NULL,
				 captured >= 28 + 4 + 4 + 4);
	}
}

/* Of IKEv2 they belong into SK, RFC 7296 1.2; who sends them in clear shows who it is. */
static void an_identity_in_clear_is_noticed_and_may_be_cut(void **s)
{
	static const uint8_t types[] = { IKE2_PAYLOAD_IDI, IKE2_PAYLOAD_IDR };

	(void)s;
	for (size_t i = 0; i < 2; i++) {
		struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_AUTH, IKE2_FLAG_INITIATOR, 1);
		struct ike_message m;

		put_payload(&b, types[i], 12);
		ike_end(&b);
		assert_int_equal(parse(&b, &m), VERDICT_OK);
		assert_true(m.has_id);
		assert_false(m.encrypted);
		assert_int_equal(ike_parse(reader_over(b.bytes, b.length - 1, b.length), &m),
				 VERDICT_CUT);
		assert_true(m.has_id);
	}
}

static void exchanges_and_payloads_without_a_name_are_kept(void **s)
{
	(void)s;
	for (unsigned major = 1; major <= 2; major++) {
		struct build b = ike_begin(major, 251, 0, 1);
		struct ike_message m;

		put_payload(&b, 200, 5);
		put_payload(&b, 255, 0);
		ike_end(&b);
		assert_int_equal(parse(&b, &m), VERDICT_OK);
		assert_int_equal(m.header.exchange, 251);
		assert_int_equal(m.n_payloads, 2);
		assert_int_equal(m.payloads[0], 200);
		assert_int_equal(m.payloads[1], 255);
	}
}

static void intermediate_and_group_exchanges_are_read(void **s)
{
	(void)s;
	static const uint8_t exchanges[] = { 38, 39, 40, 41, 43, 44 };

	for (size_t i = 0; i < sizeof(exchanges); i++) {
		struct build b = protected2(IKE2_PAYLOAD_SK, IKE2_PAYLOAD_KE, 0, 0);
		struct ike_message m;

		b.bytes[18] = exchanges[i];
		assert_int_equal(parse(&b, &m), VERDICT_OK);
		assert_int_equal(m.np1, IKE2_PAYLOAD_KE);
	}
}

static void the_critical_bit_and_the_next_payload_come_with_each_payload(void **s)
{
	(void)s;
	struct build b = full2();
	struct reader r = reader_over(b.bytes, b.length, b.length);
	struct ike_header h;
	struct ike_payload p;

	b.bytes[IKE_HEADER_LEN + 1] = 0x80;
	assert_int_equal(ike_header_parse(&r, &h), VERDICT_OK);

	struct ike_walk w = ike_walk_over(&h, r);

	assert_true(ike_next_payload(&w, &p));
	assert_true(p.type == IKE2_PAYLOAD_SA && p.next == IKE2_PAYLOAD_KE && p.critical);
	assert_true(ike_next_payload(&w, &p));
	assert_true(p.type == IKE2_PAYLOAD_KE && p.next == IKE2_PAYLOAD_NONCE && !p.critical);
	assert_int_equal(reader_remaining(&p.body), 36);
}

static void more_than_the_arrays_hold_is_counted_and_not_kept(void **s)
{
	(void)s;
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT, 0, 0);
	struct ike_message m;

	for (unsigned i = 0; i < 60; i++) {
		put_notify2(&b, 0, IKE2_NOTIFY_NAT_DETECTION_DESTINATION_IP, "x", 1);
		put_notify2(&b, 0, IKE2_NOTIFY_NAT_DETECTION_SOURCE_IP, "y", 1);
		put_payload(&b, IKE2_PAYLOAD_VENDOR_ID, 40);
		begin_payload(&b, IKE2_PAYLOAD_DELETE);
		put_number(&b, 0x01000000, 4);
	}
	ike_end(&b);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.n_payloads, 240);
	assert_int_equal(m.n_notifies, 120);
	assert_int_equal(m.n_nat_destination, 60);
	assert_int_equal(m.n_nat_source, 60);
	assert_int_equal(m.n_vendor_ids, 60);
	assert_int_equal(m.n_deletes, 60);
	assert_int_equal(m.vendor_ids[IKE_VENDOR_IDS_MAX - 1].length, IKE_VENDOR_ID_BYTES);
	assert_null(ike_find_notify(&m, IKE2_NOTIFY_COOKIE));
}

static void a_digest_does_not_remember_the_message_before(void **s)
{
	(void)s;
	struct ike_message m;
	struct build b = full1();

	memset(&m, 0xa5, sizeof(m));
	parse(&b, &m);
	b = full2();
	parse(&b, &m);
	b = protected2(IKE2_PAYLOAD_SKF, 35, 1, 1);
	parse(&b, &m);
	b = ike_begin(1, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0, 0);
	ike_end(&b);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.n_payloads + m.n_notifies + m.n_transforms + m.n_proposals + m.n_offers +
			 m.n_vendor_ids + m.n_nat_source + m.n_nat_destination + m.n_deletes, 0);
	assert_false(m.has_ke || m.has_nonce || m.has_id || m.has_hash || m.is_fragment ||
		     m.fragment_last || m.encrypted || m.is_request || m.from_initiator);
	assert_int_equal(m.fragment_id + m.fragment_number + m.fragment_total + m.ke_group, 0);
	assert_int_equal(m.np1, IKE_NP1_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_fields_come_from_their_places),
		cmocka_unit_test(bytes_behind_the_ike_length_do_not_belong_to_the_message),
		cmocka_unit_test(a_header_without_its_length_says_the_rest),
		cmocka_unit_test(versions_other_than_1_and_2_are_malformed),
		cmocka_unit_test(a_length_below_the_header_is_malformed),
		cmocka_unit_test(a_length_beyond_what_was_sent_is_no_message),
		cmocka_unit_test(the_payloads_of_ikev2_are_read),
		cmocka_unit_test(the_payloads_of_ikev1_are_read),
		cmocka_unit_test(a_clear_informational_of_ikev1_tells_its_error),
		cmocka_unit_test(payload_15_is_nat_d_in_phase_1_and_nowhere_else),
		cmocka_unit_test(payload_130_is_nat_d),
		cmocka_unit_test(an_encrypted_ikev1_message_is_not_looked_into),
		cmocka_unit_test(sk_shows_its_first_inner_payload_and_ends_the_chain),
		cmocka_unit_test(skf_counts_and_only_its_first_shows_the_inner_payload),
		cmocka_unit_test(skf_numbers_that_cannot_be_are_malformed),
		cmocka_unit_test(fragment_132_is_read_in_both_versions),
		cmocka_unit_test(an_answer_with_a_cookie_and_nothing_else_is_read),
		cmocka_unit_test(the_wanted_group_is_the_data_of_invalid_ke_payload),
		cmocka_unit_test(the_first_byte_of_a_cut_encrypted_payload_is_enough),
		cmocka_unit_test(a_cut_notify_says_what_it_has),
		cmocka_unit_test(an_identity_in_clear_is_noticed_and_may_be_cut),
		cmocka_unit_test(exchanges_and_payloads_without_a_name_are_kept),
		cmocka_unit_test(intermediate_and_group_exchanges_are_read),
		cmocka_unit_test(the_critical_bit_and_the_next_payload_come_with_each_payload),
		cmocka_unit_test(more_than_the_arrays_hold_is_counted_and_not_kept),
		cmocka_unit_test(a_digest_does_not_remember_the_message_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
