/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/detect.h>

#include "cli/condition.h"

static void every_condition_of_the_catalogue_is_known(void **state)
{
	(void)state;
	const char *const *codes = condition_codes();
	size_t n = 0;

	for (; codes[n]; n++) {
		assert_string_equal(codes[n], detect_code(n));
		assert_true(condition_known(codes[n], NULL));
	}
	assert_null(detect_code(n));
	assert_true(n > 0);
}

static void a_misspelt_condition_is_answered_with_the_nearest_one(void **state)
{
	(void)state;
	struct err e = { "" };

	assert_false(condition_known("spi_chrun", &e));
	assert_string_equal(e.text, "spi_chrun: no such condition; did you mean spi_churn?");
}

static void what_is_near_none_is_answered_with_where_they_are_listed(void **state)
{
	(void)state;
	static const char *const none[] = { "", "spi", "qqqqqqqqqqqqqqqq" };

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct err e = { "" };

		assert_false(condition_known(none[i], &e));
		assert_non_null(strstr(e.text, "no such condition"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_condition_of_the_catalogue_is_known),
		cmocka_unit_test(a_misspelt_condition_is_answered_with_the_nearest_one),
		cmocka_unit_test(what_is_near_none_is_answered_with_where_they_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
