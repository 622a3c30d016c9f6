/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/reader.h>

static const uint8_t wire[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

/* `captured` bytes of `wire` in a heap block of exactly that size. */
static uint8_t *exact(size_t captured)
{
	uint8_t *copy = malloc(captured + (captured == 0));

	assert_non_null(copy);
	memcpy(copy, wire, captured);
	return copy;
}

static void integers_are_read_in_network_order(void **s)
{
	struct reader r = reader_over(wire, sizeof(wire), sizeof(wire));

	(void)s;
	assert_int_equal(reader_u8(&r), 0x01);
	assert_int_equal(reader_u16(&r), 0x0203);
	assert_int_equal(reader_u32(&r), 0x04050607);
	assert_int_equal(r.left, 5);
	r = reader_over(wire, sizeof(wire), sizeof(wire));
	assert_int_equal(reader_u64(&r), UINT64_C(0x0102030405060708));
	assert_int_equal(reader_remaining(&r), 4);
	assert_int_equal(r.verdict, VERDICT_OK);
}

static void reading_what_was_sent_but_not_captured_is_cut(void **s)
{
	(void)s;
	for (size_t captured = 0; captured < 4; captured++) {
		uint8_t *copy = exact(captured);
		struct reader r = reader_over(copy, captured, 4);

		assert_int_equal(reader_u32(&r), 0);
		assert_int_equal(r.verdict, VERDICT_CUT);
		free(copy);
	}
}

static void reading_past_what_was_sent_is_malformed_however_little_was_captured(void **s)
{
	(void)s;
	for (size_t captured = 0; captured <= 3; captured++) {
		uint8_t *copy = exact(captured);
		struct reader r = reader_over(copy, captured, 3);

		assert_int_equal(reader_u32(&r), 0);
		assert_int_equal(r.verdict, VERDICT_MALFORMED);
		free(copy);
	}
}

static void the_first_failure_sticks_and_later_reads_give_zero(void **s)
{
	struct reader r = reader_over(wire, 2, 4);

	(void)s;
	reader_u32(&r);
	assert_int_equal(reader_u8(&r), 0);
	assert_int_equal(reader_u16(&r), 0);
	assert_int_equal(reader_u64(&r), 0);
	assert_null(reader_bytes(&r, 1).data);
	reader_reject(&r, VERDICT_MALFORMED);
	assert_int_equal(r.verdict, VERDICT_CUT);
	assert_int_equal(reader_remaining(&r), 0);
}

static void a_rejected_reader_stays_rejected_after_a_later_cut(void **s)
{
	struct reader r = reader_over(wire, 4, 12);

	(void)s;
	reader_reject(&r, VERDICT_MALFORMED);
	reader_u32(&r);
	assert_int_equal(r.verdict, VERDICT_MALFORMED);
}

static void more_captured_than_sent_counts_as_what_was_sent(void **s)
{
	struct reader r = reader_over(wire, 12, 4);

	(void)s;
	assert_int_equal(reader_remaining(&r), 4);
	reader_u32(&r);
	reader_u8(&r);
	assert_int_equal(r.verdict, VERDICT_MALFORMED);
}

static void a_copy_peeks_without_moving_the_original(void **s)
{
	struct reader r = reader_over(wire, 4, 4);
	struct reader peek = r;

	(void)s;
	reader_u64(&peek);
	assert_int_equal(peek.verdict, VERDICT_MALFORMED);
	assert_int_equal(reader_u32(&r), 0x01020304);
	assert_true(reader_ok(&r));
}

static void skipping_unseen_bytes_is_no_failure_but_reading_behind_them_is_cut(void **s)
{
	struct reader r = reader_over(wire, 4, 12);

	(void)s;
	reader_skip(&r, 10);
	assert_true(reader_ok(&r));
	assert_int_equal(reader_remaining(&r), 2);
	assert_int_equal(reader_u8(&r), 0);
	assert_int_equal(r.verdict, VERDICT_CUT);
}

static void skipping_past_what_was_sent_is_malformed(void **s)
{
	struct reader r = reader_over(wire, 4, 12);

	(void)s;
	reader_skip(&r, 13);
	assert_int_equal(r.verdict, VERDICT_MALFORMED);
}

static void a_part_ends_where_it_was_said_to_end(void **s)
{
	struct reader r = reader_over(wire, 12, 12);
	struct reader part = reader_sub(&r, 3);

	(void)s;
	assert_int_equal(reader_u16(&part), 0x0102);
	assert_int_equal(reader_u16(&part), 0);
	assert_int_equal(part.verdict, VERDICT_MALFORMED);
	assert_int_equal(reader_u8(&r), 0x04);
	assert_true(reader_ok(&r));
}

static void a_cut_part_says_cut_itself_and_the_whole_says_it_at_the_next_read(void **s)
{
	struct reader r = reader_over(wire, 4, 12);
	struct reader part = reader_sub(&r, 8);

	(void)s;
	assert_true(reader_ok(&r));
	assert_int_equal(part.left, 4);
	assert_int_equal(part.unseen, 4);
	assert_int_equal(reader_u64(&part), 0);	/* not the half that was there */
	assert_int_equal(part.verdict, VERDICT_CUT);
	reader_u8(&r);
	assert_int_equal(r.verdict, VERDICT_CUT);
}

static void reading_past_the_end_of_a_cut_part_is_malformed(void **s)
{
	struct reader r = reader_over(wire, 4, 12);
	struct reader part = reader_sub(&r, 6);

	(void)s;
	reader_u64(&part);	/* first half whole, second half beyond the six */
	assert_int_equal(part.verdict, VERDICT_MALFORMED);
}

static void a_part_longer_than_what_was_sent_is_malformed_for_both(void **s)
{
	static const size_t lengths[] = { 13, SIZE_MAX, SIZE_MAX - 3 };	/* the last: 0 - 4 */

	(void)s;
	for (size_t i = 0; i < 3; i++) {
		struct reader r = reader_over(wire, 4, 12);
		struct reader part = reader_sub(&r, lengths[i]);

		assert_int_equal(part.verdict, VERDICT_MALFORMED);
		assert_int_equal(r.verdict, VERDICT_MALFORMED);
		assert_int_equal(reader_u8(&part), 0);
	}
}

static void a_part_of_a_failed_reader_has_its_verdict(void **s)
{
	struct reader r = reader_over(wire, 2, 12);

	(void)s;
	reader_u32(&r);

	struct reader part = reader_sub(&r, 1);

	assert_int_equal(part.verdict, VERDICT_CUT);
	assert_int_equal(r.verdict, VERDICT_CUT);
	assert_int_equal(reader_u8(&part), 0);
}

static void an_empty_part_is_whole(void **s)
{
	struct reader r = reader_over(wire, 0, 12);
	struct reader part = reader_sub(&r, 0);

	(void)s;
	assert_true(reader_ok(&part));
	assert_int_equal(reader_remaining(&part), 0);
	assert_int_equal(reader_remaining(&r), 12);
}

static void a_huge_need_does_not_wrap_around(void **s)
{
	struct reader r = reader_over(wire, 4, 12);

	(void)s;
	assert_null(reader_bytes(&r, SIZE_MAX).data);
	assert_int_equal(r.verdict, VERDICT_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_read_in_network_order),
		cmocka_unit_test(reading_what_was_sent_but_not_captured_is_cut),
		cmocka_unit_test(
			reading_past_what_was_sent_is_malformed_however_little_was_captured),
		cmocka_unit_test(the_first_failure_sticks_and_later_reads_give_zero),
		cmocka_unit_test(a_rejected_reader_stays_rejected_after_a_later_cut),
		cmocka_unit_test(more_captured_than_sent_counts_as_what_was_sent),
		cmocka_unit_test(a_copy_peeks_without_moving_the_original),
		cmocka_unit_test(
			skipping_unseen_bytes_is_no_failure_but_reading_behind_them_is_cut),
		cmocka_unit_test(skipping_past_what_was_sent_is_malformed),
		cmocka_unit_test(a_part_ends_where_it_was_said_to_end),
		cmocka_unit_test(a_cut_part_says_cut_itself_and_the_whole_says_it_at_the_next_read),
		cmocka_unit_test(reading_past_the_end_of_a_cut_part_is_malformed),
		cmocka_unit_test(a_part_longer_than_what_was_sent_is_malformed_for_both),
		cmocka_unit_test(a_part_of_a_failed_reader_has_its_verdict),
		cmocka_unit_test(an_empty_part_is_whole),
		cmocka_unit_test(a_huge_need_does_not_wrap_around),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
