/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/capture_clock.h"

static void before_the_first_packet_it_has_no_time(void **state)
{
	struct capture_clock c = { 0 };

	(void)state;
	assert_true(capture_clock_now(&c, 5 * NSEC_PER_S) == NSEC_NONE);
}

static void silence_moves_it_on_from_the_latest_packet(void **state)
{
	struct capture_clock c = { 0 };

	(void)state;
	capture_clock_set(&c, 1000 * NSEC_PER_S, 7 * NSEC_PER_S);
	assert_int_equal(capture_clock_now(&c, 7 * NSEC_PER_S), 1000 * NSEC_PER_S);
	assert_int_equal(capture_clock_now(&c, 37 * NSEC_PER_S), 1030 * NSEC_PER_S);
}

static void a_packet_of_a_clock_that_was_set_sets_it_too(void **state)
{
	struct capture_clock c = { 0 };

	(void)state;
	capture_clock_set(&c, 1000 * NSEC_PER_S, 7 * NSEC_PER_S);
	capture_clock_set(&c, 400 * NSEC_PER_S, 8 * NSEC_PER_S);
	assert_int_equal(capture_clock_now(&c, 9 * NSEC_PER_S), 401 * NSEC_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_the_first_packet_it_has_no_time),
		cmocka_unit_test(silence_moves_it_on_from_the_latest_packet),
		cmocka_unit_test(a_packet_of_a_clock_that_was_set_sets_it_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
