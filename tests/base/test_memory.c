/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

static void a_table_is_zeros_to_its_end(void **state)
{
	unsigned char *table = memory_table(3 << 10, 100);

	(void)state;
	assert_non_null(table);
	for (size_t i = 0; i < (3 << 10) * 100; i++)
		assert_int_equal(table[i], 0);
	free(table);
	/* not a byte past the end of a small one is touched */
	table = memory_table(3, 1);
	assert_non_null(table);
	free(table);
}

/* More than a small machine has: only addresses, until they are used. */
static void what_is_reserved_is_zeros_and_no_memory_until_it_is_used(void **state)
{
	const size_t bytes = (size_t)64 << 30;
	unsigned char *at = memory_reserve(bytes);

	(void)state;
	assert_non_null(at);
	assert_int_equal((uintptr_t)at % 4096, 0);
	assert_int_equal(at[0] | at[bytes / 2] | at[bytes - 1], 0);
	at[bytes - 1] = 7;
	assert_int_equal(at[bytes - 1], 7);
	memory_unreserve(at, bytes);
	memory_unreserve(NULL, bytes);
}

static void what_is_kept_can_be_used_and_given_back(void **state)
{
	char *block;

	(void)state;
	memory_keep(256 << 10);
	block = malloc(200 << 10);
	assert_non_null(block);
	memset(block, 7, 200 << 10);
	free(block);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_got_memory_goes_on_and_who_got_none_ends_as_was_said),
		cmocka_unit_test(a_table_is_zeros_to_its_end),
		cmocka_unit_test(what_is_reserved_is_zeros_and_no_memory_until_it_is_used),
		cmocka_unit_test(what_is_kept_can_be_used_and_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
