/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cli/moment.h"

#define NOW (INT64_C(1795321851) * NSEC_PER_S)	/* 2026-11-22T04:30:51Z */

static void dates_and_times_are_utc(void **state)
{
	static const struct {
		const char *text;
		nsec at;
	} cases[] = {
		{ "2026-11-22T04:30:51Z", NOW }, { "2026-11-22 04:30:51", NOW },
		{ "2026-11-22 04:30", NOW - 51 * NSEC_PER_S },
		{ "2026-11-22T04:30:51.5Z", NOW + NSEC_PER_S / 2 },
		{ "2026-11-22T04:30:51.000000001", NOW + 1 },
		{ "2026-11-22", NOW - (4 * 3600 + 30 * 60 + 51) * NSEC_PER_S },
		{ "1970-01-01", 0 }, { "@1795321851", NOW }, { "2024-02-29", INT64_C(1709164800) *
		  NSEC_PER_S },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e = { "" };
		nsec at = -1;

		assert_true(moment_parse(cases[i].text, NOW, &at, &e));
		assert_int_equal(at, cases[i].at);
	}
}

static void an_age_counts_back_from_now(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
		{ "90s", 90 }, { "15m", 900 }, { "2h", 7200 }, { "7d", 604800 }, { "4w", 2419200 }
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err e;
		nsec at;

		assert_true(moment_parse(cases[i].text, NOW, &at, &e));
		assert_int_equal(at, NOW - cases[i].seconds * NSEC_PER_S);
	}
}

static void what_is_no_time_is_refused_and_shown(void **state)
{
	static const char *const texts[] = {
		"", "yesterday", "2026-13-01", "2026-02-30", "2026-11-22 25:00", "2026-11-22 04",
		"2026-11-22T04:30:51+01",
		"12", "5y", "h", "-2h", "2026-11-22x", "9999-01-01", "@", "@99999999999999999999",
		"999999999w", "2h3",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err e = { "" };
		nsec at;

		if (moment_parse(texts[i], NOW, &at, &e))
			fail_msg("\"%s\" was taken for a time", texts[i]);
		assert_non_null(strstr(e.text, texts[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_and_times_are_utc),
		cmocka_unit_test(an_age_counts_back_from_now),
		cmocka_unit_test(what_is_no_time_is_refused_and_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
