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
	struct frame f = { .at = at, .captured = sizeof(bytes), .length = sizeof(bytes), .data = bytes };

	assert_true(live_merge_hold(m, &f, now));
}

static nsec take(struct live_merge *m)
{
	struct frame f = live_merge_take(m);

	assert_memory_equal(f.data, bytes, sizeof(bytes));
	assert_ptr_not_equal(f.data, bytes);
	free((uint8_t *)(uintptr_t)f.data);
	return f.at;
}

static void frames_leave_in_the_order_of_their_times(void **state)
{
	static const nsec given[] = { 50, 10, 40, 30, 20, 60, 10 }, wanted[] = { 10, 10, 20, 30, 40, 50, 60 };
	struct live_merge m;

	(void)state;
	assert_true(live_merge_init(&m));
	for (size_t i = 0; i < 7; i++)
		hold(&m, given[i], 100);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(take(&m), wanted[i]);
	assert_int_equal(m.bytes, 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_leave_in_the_order_of_their_times),
		cmocka_unit_test(a_frame_waits_for_earlier_ones_but_not_for_ever),
		cmocka_unit_test(it_never_holds_more_than_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
