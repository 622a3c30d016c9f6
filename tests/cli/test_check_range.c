/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/check_range.h"

static bool alarms(const char *range, double value)
{
	struct check_range r;
	struct err e;

	if (!check_range_parse(range, &r, &e))
		fail_msg("%s: %s", range, e.text);
	return check_range_alarms(&r, value);
}

/* The table of the Monitoring Plugins guidelines. */
static void ranges_mean_what_the_guidelines_say(void **state)
{
	(void)state;
	assert_true(alarms("10", -1) && alarms("10", 11));
	assert_false(alarms("10", 0) || alarms("10", 10));
	assert_true(alarms("10:", 9.9));
	assert_false(alarms("10:", 10) || alarms("10:", 1e12));
	assert_true(alarms("~:10", 10.1));
	assert_false(alarms("~:10", -1e12) || alarms("~:10", 10));
	assert_true(alarms("10:20", 9) && alarms("10:20", 21));
	assert_false(alarms("10:20", 10) || alarms("10:20", 20));
	assert_true(alarms("@10:20", 10) && alarms("@10:20", 20));
	assert_false(alarms("@10:20", 9.99) || alarms("@10:20", 21));
	assert_true(alarms("-5:-1", 0) && !alarms("-5:-1", -3));
}

static void what_is_no_range_is_refused_with_the_way_to_write_one(void **state)
{
	static const char *const wrong[] = {
		"", ":", "@", "x", "1:x", "20:10", "1:2:3", "nan", "inf", "0x10", " 1", "~",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct check_range r;
		struct err e = { "" };

		if (check_range_parse(wrong[i], &r, &e))
			fail_msg("\"%s\" was taken for a range", wrong[i]);
		assert_non_null(strstr(e.text, "not a range; write"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_mean_what_the_guidelines_say),
		cmocka_unit_test(what_is_no_range_is_refused_with_the_way_to_write_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
