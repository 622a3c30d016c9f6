/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/retain.h"

static void spans_are_days_weeks_and_years(void **state)
{
	int64_t days = -1;

	(void)state;
	assert_true(retain_parse_days("90d", &days));
	assert_int_equal(days, 90);
	assert_true(retain_parse_days("12w", &days));
	assert_int_equal(days, 84);
	assert_true(retain_parse_days("2y", &days));
	assert_int_equal(days, 730);
	assert_true(retain_parse_days("0d", &days));
	assert_int_equal(days, 0);
}

static void sizes_are_mebibytes_and_more(void **state)
{
	int64_t mib = -1;

	(void)state;
	assert_true(retain_parse_mebibytes("500M", &mib));
	assert_int_equal(mib, 500);
	assert_true(retain_parse_mebibytes("2G", &mib));
	assert_int_equal(mib, 2048);
	assert_true(retain_parse_mebibytes("1T", &mib));
	assert_int_equal(mib, 1024 * 1024);
}

static void what_is_neither_is_refused(void **state)
{
	static const char *const spans[] = {
		"", "d", "90", "90h", "-1d", "+1d", " 1d", "1dd", "1d ", "99999999999999999999d",
		"101y",
	};
	static const char *const sizes[] = {
		"", "G", "2", "2K", "-2G", "2GB", "9223372036854775807T", "2048T",
	};
	int64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
		assert_false(retain_parse_days(spans[i], &n));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_false(retain_parse_mebibytes(sizes[i], &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans_are_days_weeks_and_years),
		cmocka_unit_test(sizes_are_mebibytes_and_more),
		cmocka_unit_test(what_is_neither_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
