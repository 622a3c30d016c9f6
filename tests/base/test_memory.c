/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sawatch/memory.h>

static jmp_buf after;

static void end_here(void)
{
	longjmp(after, 1);
}

static void who_got_memory_goes_on_and_who_got_none_ends_as_was_said(void **state)
{
	volatile int reached = 0;

	(void)state;
	memory_set_end(end_here);
	if (setjmp(after) == 0) {
		memory_or_end(true);
		reached = 1;
		memory_or_end(false);
		reached = 2;
	}
	assert_int_equal(reached, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_got_memory_goes_on_and_who_got_none_ends_as_was_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
