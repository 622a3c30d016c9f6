/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "capture/live_merge.h"

static const uint8_t bytes[4] = { 1, 2, 3, 4 };

static void hold(struct live_merge *m, nsec at, nsec now)
{
	struct frame f = {
		.at = at, .captured = sizeof(bytes), .length = sizeof(bytes), .data = bytes
	};

	assert_true(live_merge_hold(m, &f, now));
}

static nsec take(struct live_merge *m)
{
	struct frame f = live_merge_take(m);

	assert_memory_equal(f.data, bytes, sizeof(bytes));
	assert_ptr_not_equal(f.data, bytes);
	return f.at;
}

static void frames_leave_in_the_order_of_their_times(void **state)
{
	static const nsec given[] = { 50, 10, 40, 30, 20, 60, 10 },
	wanted[] = { 10, 10, 20, 30, 40, 50, 60 };
	struct live_merge m;

	(void)state;
	assert_true(live_merge_init(&m));
	for (size_t i = 0; i < 7; i++)
		hold(&m, given[i], 100);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(take(&m), wanted[i]);
	assert_int_equal(m.blocks.n_free, LIVE_MERGE_BLOCKS);
	live_merge_done(&m);
}

static void a_frame_waits_for_earlier_ones_but_not_for_ever(void **state)
{
	struct live_merge m;

	(void)state;
	assert_true(live_merge_init(&m));
	assert_false(live_merge_due(&m, INT64_MAX));
	hold(&m, 50, 1000);
	assert_false(live_merge_due(&m, 999));
	hold(&m, 40, 1200);	/* earlier, and came later: now it is its turn that is waited for */
	assert_false(live_merge_due(&m, 1000));
	assert_true(live_merge_due(&m, 1200));
	assert_int_equal(take(&m), 40);
	assert_true(live_merge_due(&m, 1200));
	live_merge_done(&m);	/* frees what is still held */
}

static void it_never_holds_more_than_its_room(void **state)
{
	struct live_merge m;

	(void)state;
	assert_true(live_merge_init(&m));
	for (int i = 0; i < LIVE_MERGE_FRAMES; i++) {
		assert_false(live_merge_due(&m, INT64_MIN));
		hold(&m, i, 0);
	}
	assert_true(live_merge_due(&m, INT64_MIN));
	assert_int_equal(take(&m), 0);
	assert_false(live_merge_due(&m, INT64_MIN));
	live_merge_done(&m);
}

static void long_frames_go_before_their_time_while_one_more_has_room(void **state)
{
	const uint8_t *before;
	struct live_merge m;
	struct frame f = { .captured = LIVE_MERGE_FRAME_BYTES, .length = LIVE_MERGE_FRAME_BYTES };
	uint8_t *longest = malloc(LIVE_MERGE_FRAME_BYTES);
	size_t held = 0;

	(void)state;
	assert_non_null(longest);
	assert_true(live_merge_init(&m));
	before = m.blocks.bytes;
	f.data = longest;
	for (; !live_merge_due(&m, INT64_MIN); held++) {
		for (size_t i = 0; i < LIVE_MERGE_FRAME_BYTES; i++)
			longest[i] = (uint8_t)(i / 7 + held);
		f.at = (nsec)held;
		assert_true(live_merge_hold(&m, &f, 0));
	}
	assert_int_equal(held, LIVE_MERGE_BLOCKS /
				       ((LIVE_MERGE_FRAME_BYTES + BLOCK_BYTES - 1) / BLOCK_BYTES));
	for (size_t n = 0; n < 3; n++) {	/* each that goes makes room for the next */
		f = live_merge_take(&m);
		assert_int_equal(f.at, n);
		for (size_t i = 0; i < LIVE_MERGE_FRAME_BYTES; i++)
			longest[i] = (uint8_t)(i / 7 + n);
		assert_memory_equal(f.data, longest, LIVE_MERGE_FRAME_BYTES);
		assert_false(live_merge_due(&m, INT64_MIN));
		f.data = longest;
		f.at = (nsec)(held + n);
		assert_true(live_merge_hold(&m, &f, 0));
		assert_true(live_merge_due(&m, INT64_MIN));
	}
	assert_ptr_equal(m.blocks.bytes, before);	/* nothing was taken after the opening */
	free(longest);
	live_merge_done(&m);
}

static void a_frame_longer_than_any_is_not_held(void **state)
{
	struct frame f = { .captured = LIVE_MERGE_FRAME_BYTES + 1,
			   .length = LIVE_MERGE_FRAME_BYTES + 1 };
	struct live_merge m;

	(void)state;
	assert_true(live_merge_init(&m));
	assert_false(live_merge_hold(&m, &f, 0));
	assert_false(live_merge_due(&m, INT64_MAX));
	assert_int_equal(m.blocks.n_free, LIVE_MERGE_BLOCKS);
	live_merge_done(&m);
}

static void a_frame_of_no_bytes_takes_its_turn(void **state)
{
	struct frame f = { .at = 5 };
	struct live_merge m;

	(void)state;
	assert_true(live_merge_init(&m));
	assert_true(live_merge_hold(&m, &f, 0));
	hold(&m, 4, 0);
	assert_int_equal(take(&m), 4);
	f = live_merge_take(&m);
	assert_int_equal(f.at, 5);
	assert_int_equal(f.captured, 0);
	live_merge_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_leave_in_the_order_of_their_times),
		cmocka_unit_test(a_frame_waits_for_earlier_ones_but_not_for_ever),
		cmocka_unit_test(it_never_holds_more_than_its_room),
		cmocka_unit_test(long_frames_go_before_their_time_while_one_more_has_room),
		cmocka_unit_test(a_frame_longer_than_any_is_not_held),
		cmocka_unit_test(a_frame_of_no_bytes_takes_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
