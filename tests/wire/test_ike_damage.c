/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ike.c on messages that are cut, short, or lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "ike_messages.h"

static void a_payload_too_short_for_its_fields_is_malformed(void **s)
{
	(void)s;
	static const struct { unsigned major; uint8_t type; size_t needs; } cases[] = {
		{ 2, IKE2_PAYLOAD_KE, 4 }, { 2, IKE2_PAYLOAD_NOTIFY, 4 },
		{ 2, IKE2_PAYLOAD_DELETE, 4 }, { 2, IKE2_PAYLOAD_SKF, 4 },
		{ 2, IKE2_PAYLOAD_CISCO_FRAGMENT, 4 }, { 1, IKE1_PAYLOAD_NOTIFY, 8 },
		{ 1, IKE1_PAYLOAD_DELETE, 8 }, { 1, IKE1_PAYLOAD_SA, 4 },
		{ 1, IKE1_PAYLOAD_FRAGMENT, 4 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t length = 0; length < cases[i].needs; length++) {
			struct build b = ike_begin(cases[i].major, 5, 0, 1);

			put_payload(&b, cases[i].type, length);
			ike_end(&b);
			assert_int_equal(parse_cut(b.bytes, b.length, b.length), VERDICT_MALFORMED);
		}
	}
}

static void a_payload_length_below_four_ends_the_walk_as_malformed(void **s)
{
	(void)s;
	for (unsigned length = 0; length < IKE_PAYLOAD_HEADER_LEN; length++) {
		struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT, 0, 0);
		struct ike_message m;

		put_payload(&b, IKE2_PAYLOAD_NONCE, 16);
		put_payload(&b, IKE2_PAYLOAD_NONCE, 16);
		ike_end(&b);
		set_u16(&b, IKE_HEADER_LEN + 2, length);
		assert_int_equal(parse(&b, &m), VERDICT_MALFORMED);
		assert_int_equal(m.n_payloads, 0);
	}
}

static void a_chain_that_promises_one_payload_too_many_is_malformed(void **s)
{
	(void)s;
	struct build b = ike_begin(1, IKE1_EXCHANGE_INFORMATIONAL, 0, 1);
	struct ike_message m;

	put_notify1(&b, 5, 16);
	ike_end(&b);
	b.bytes[IKE_HEADER_LEN] = IKE1_PAYLOAD_NOTIFY;
	assert_int_equal(parse(&b, &m), VERDICT_MALFORMED);
	assert_int_equal(m.n_notifies, 1);	/* what was there is told all the same */
}

static void a_payload_malformed_inside_does_not_hide_the_next(void **s)
{
	(void)s;
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT, 0, 0);
	struct ike_message m;

	begin_payload(&b, IKE2_PAYLOAD_DELETE);
	put_number(&b, 0x0304ffff, 4);		/* 65535 SPIs, none there */
	put_notify2(&b, 0, IKE2_NOTIFY_COOKIE, "c", 1);
	ike_end(&b);
	assert_int_equal(parse(&b, &m), VERDICT_MALFORMED);
	assert_int_equal(m.n_deletes, 0);
	assert_non_null(ike_find_notify(&m, IKE2_NOTIFY_COOKIE));
}

static void any_snaplen_is_reported_as_cut_never_as_malformed(void **s)
{
	(void)s;
	struct build messages[] = { full1(), full2() };

	for (size_t i = 0; i < 2; i++) {
		const struct build *b = &messages[i];

		assert_int_equal(parse_cut(b->bytes, b->length, b->length), VERDICT_OK);
		for (size_t captured = 0; captured < b->length; captured++)
			assert_int_equal(parse_cut(b->bytes, captured, b->length), VERDICT_CUT);
	}
}

static void a_cut_last_payload_is_missed_even_if_it_has_no_meaning(void **s)
{
	(void)s;
	for (unsigned major = 1; major <= 2; major++) {
		struct build b = ike_begin(major, 2, 0, 0);

		put_payload(&b, 200, 20);
		ike_end(&b);
		for (size_t captured = 0; captured < b.length; captured++)
			assert_int_equal(parse_cut(b.bytes, captured, b.length), VERDICT_CUT);
	}
}

static void what_was_cut_from_encrypted_bytes_is_not_missed(void **s)
{
	(void)s;
	struct build b = protected2(IKE2_PAYLOAD_SK, 42, 0, 0);

	for (size_t captured = 0; captured < b.length; captured++)
		assert_int_equal(parse_cut(b.bytes, captured, b.length),
				 captured < 32 ? VERDICT_CUT : VERDICT_OK);
}

static void a_message_sent_short_is_never_ok(void **s)
{
	(void)s;
	struct build messages[] = { full1(), full2(), protected2(IKE2_PAYLOAD_SKF, 35, 1, 2) };

	for (size_t i = 0; i < 3; i++)
		for (size_t sent = 0; sent < messages[i].length; sent++)
			assert_int_equal(parse_cut(messages[i].bytes, sent, sent),
					 VERDICT_MALFORMED);
}

/* No expectation but the sanitizer's: the reader must hold whatever the bytes say. */
static void no_flipped_byte_makes_the_parser_read_outside(void **s)
{
	(void)s;
	struct build messages[] = { full1(), full2(), protected2(IKE2_PAYLOAD_SKF, 35, 1, 2) };
	static const uint8_t values[] = { 0x00, 0x01, 0x03, 0x04, 0x7f, 0x80, 0xfe, 0xff };

	for (size_t i = 0; i < 3; i++) {
		struct build b = messages[i];
		unsigned judged = 0;

		for (size_t at = 0; at < b.length; at++) {
			uint8_t saved = b.bytes[at];

			for (size_t v = 0; v < sizeof(values); v++) {
				b.bytes[at] = values[v];
				judged += parse_cut(b.bytes, b.length, b.length) != VERDICT_CUT;
				parse_cut(b.bytes, b.length / 2, b.length);
			}
			b.bytes[at] = saved;
		}
		assert_int_equal(judged, b.length * sizeof(values));	/* never CUT */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_payload_too_short_for_its_fields_is_malformed),
		cmocka_unit_test(a_payload_length_below_four_ends_the_walk_as_malformed),
		cmocka_unit_test(a_chain_that_promises_one_payload_too_many_is_malformed),
		cmocka_unit_test(a_payload_malformed_inside_does_not_hide_the_next),
		cmocka_unit_test(any_snaplen_is_reported_as_cut_never_as_malformed),
		cmocka_unit_test(a_cut_last_payload_is_missed_even_if_it_has_no_meaning),
		cmocka_unit_test(what_was_cut_from_encrypted_bytes_is_not_missed),
		cmocka_unit_test(a_message_sent_short_is_never_ok),
		cmocka_unit_test(no_flipped_byte_makes_the_parser_read_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
