/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <cmocka.h>

#include <sawatch/nsec.h>

static void expect_time(nsec at, const char *text)
{
	char buffer[NSEC_TEXT_MAX];

	assert_string_equal(nsec_rfc3339(at, buffer), text);
}

static void expect_span(nsec span, const char *text)
{
	char buffer[NSEC_TEXT_MAX];

	assert_string_equal(nsec_span(span, buffer), text);
}

static void a_moment_is_written_with_nine_decimals_in_utc(void **s)
{
	(void)s;
	expect_time(0, "1970-01-01T00:00:00.000000000Z");
	expect_time(1795321851 * NSEC_PER_S + 1, "2026-11-22T04:30:51.000000001Z");
	expect_time(951782400 * NSEC_PER_S - 1, "2000-02-28T23:59:59.999999999Z");
	expect_time(951782400 * NSEC_PER_S, "2000-02-29T00:00:00.000000000Z");
}

static void moments_before_1970_count_backwards_without_negative_fractions(void **s)
{
	(void)s;
	expect_time(-1, "1969-12-31T23:59:59.999999999Z");
	expect_time(-NSEC_PER_S, "1969-12-31T23:59:59.000000000Z");
}

static void no_moment_is_an_empty_text(void **s)
{
	(void)s;
	expect_time(NSEC_NONE, "");
	expect_span(NSEC_NONE, "");
}

static void the_extreme_moments_have_texts(void **s)
{
	(void)s;
	expect_time(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
	expect_time(INT64_MIN + 1, "1677-09-21T00:12:43.145224193Z");
}

/* Every day from 1678 to 2261, against the C library. */
static void every_day_has_the_date_that_the_c_library_gives(void **s)
{
	(void)s;
	for (int64_t day = -106650; day <= 106650; day++) {
		time_t at = day * 86400 + 45296;
		struct tm tm;
		char expected[NSEC_TEXT_MAX];

		gmtime_r(&at, &tm);
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
		expect_time(at * NSEC_PER_S, expected);
	}
}

static void a_span_uses_the_largest_unit_that_fits(void **s)
{
	(void)s;
	expect_span(0, "0 s");
	expect_span(999, "999 ns");
	expect_span(1500, "2 us");
	expect_span(350 * NSEC_PER_MS, "350 ms");
	expect_span(12345 * NSEC_PER_MS, "12.3 s");
	expect_span(30 * NSEC_PER_S, "30 s");
	expect_span(250 * NSEC_PER_S, "4 min 10 s");
	expect_span(245 * NSEC_PER_S, "4 min 05 s");
	expect_span((3 * 60 + 5) * 60 * NSEC_PER_S, "3 h 05 min");
	expect_span((2 * 24 + 4) * 3600 * NSEC_PER_S, "2 d 4 h");
}

static void rounding_never_shows_a_full_unit_of_the_smaller_kind(void **s)
{
	(void)s;
	expect_span(999500, "1 ms");
	expect_span(999600 * INT64_C(1000), "1 s");
	expect_span(59960 * NSEC_PER_MS, "1 min 00 s");
	expect_span(3599600 * NSEC_PER_MS, "1 h 00 min");
	expect_span(86399 * NSEC_PER_S, "1 d 0 h");
}

static void a_negative_span_keeps_its_sign(void **s)
{
	(void)s;
	expect_span(-350 * NSEC_PER_MS, "-350 ms");
	expect_span(INT64_MIN + 1, "-106752 d 0 h");	/* 106751 d 23 h 47 min, rounded */
	expect_span(INT64_MAX, "106752 d 0 h");
	expect_span(-1, "-1 ns");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_moment_is_written_with_nine_decimals_in_utc),
		cmocka_unit_test(moments_before_1970_count_backwards_without_negative_fractions),
		cmocka_unit_test(no_moment_is_an_empty_text),
		cmocka_unit_test(the_extreme_moments_have_texts),
		cmocka_unit_test(every_day_has_the_date_that_the_c_library_gives),
		cmocka_unit_test(a_span_uses_the_largest_unit_that_fits),
		cmocka_unit_test(rounding_never_shows_a_full_unit_of_the_smaller_kind),
		cmocka_unit_test(a_negative_span_keeps_its_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
