/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/settings.h>

static const struct setting *row(const char *key)
{
	for (const struct setting *r = settings_table(); r->key; r++)
		if (strcmp(r->key, key) == 0)
			return r;
	return NULL;
}

static void every_default_lies_within_its_limits_and_is_what_the_struct_gets(void **state)
{
	(void)state;
	struct settings s;

	memset(&s, 0xa5, sizeof(s));
	settings_defaults(&s);
	for (const struct setting *r = settings_table(); r->key; r++) {
		assert_true(r->min <= r->initial && r->initial <= r->max);
		assert_true(settings_get(&s, r) == r->initial);
		assert_true(strlen(r->text) > 0);
	}
	assert_int_equal(s.churn_window, 600 * NSEC_PER_S);
	assert_int_equal(s.dup_ike, 200 * NSEC_PER_MS);
	assert_int_equal(s.churn_warn, 3);
	assert_true(s.life_declared_tol == 0.01);
}

static void a_default_of_files_lies_within_its_limits_and_few_differ(void **state)
{
	(void)state;
	struct settings s;
	unsigned other = 0;

	memset(&s, 0xa5, sizeof(s));
	settings_defaults_of_files(&s);
	for (const struct setting *r = settings_table(); r->key; r++) {
		assert_true(r->min <= settings_get(&s, r) && settings_get(&s, r) <= r->max);
		other += settings_get(&s, r) != r->initial;
	}
	assert_int_equal(other, 3);
	/* more than have a place in the table would be believed for nothing */
	assert_true(s.history_births <= s.tables_esp_sas);
}

static void no_key_is_there_twice_and_no_two_keys_share_a_field(void **state)
{
	(void)state;
	for (const struct setting *a = settings_table(); a->key; a++)
		for (const struct setting *b = a + 1; b->key; b++) {
			assert_string_not_equal(a->key, b->key);
			assert_int_not_equal(a->offset, b->offset);
		}
}

static void limits_themselves_are_allowed_and_one_step_outside_is_not(void **state)
{
	(void)state;
	for (const struct setting *r = settings_table(); r->key; r++) {
		struct settings s;
		struct err e = { "" };
		char text[64];

		settings_defaults(&s);
		snprintf(text, sizeof(text), "%.15g", r->max);
		assert_true(settings_set(&s, r->key, text, &e));
		assert_true(settings_get(&s, r) == r->max);
		snprintf(text, sizeof(text), "%.15g", r->max + 1);
		assert_false(settings_set(&s, r->key, text, &e));
		assert_non_null(strstr(e.text, r->key));
		assert_true(settings_get(&s, r) == r->max);
		snprintf(text, sizeof(text), "%.15g", r->min - 1);
		assert_false(settings_set(&s, r->key, text, &e));
	}
}

static void seconds_may_have_decimals_and_counts_may_not(void **state)
{
	(void)state;
	struct settings s;
	struct err e = { "" };

	settings_defaults(&s);
	assert_true(settings_set(&s, "churn.window_s", "12.5", &e));
	assert_int_equal(s.churn_window, 12 * NSEC_PER_S + NSEC_PER_S / 2);
	assert_true(settings_set(&s, "dup.ike_ms", "1.5", &e));
	assert_int_equal(s.dup_ike, 1500000);
	assert_false(settings_set(&s, "churn.warn", "2.5", &e));
	assert_non_null(strstr(e.text, "whole number"));
}

static void what_is_not_a_number_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "ten", "10 s", "10s", "nan", "inf", "0x10", "1e999", "--1",
	};
	struct settings s;

	settings_defaults(&s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { "" };

		assert_false(settings_set(&s, "churn.window_s", bad[i], &e));
		assert_true(strlen(e.text) > 0);
		assert_int_equal(s.churn_window, 600 * NSEC_PER_S);
	}
}

static void a_misspelt_key_is_answered_with_the_nearest_one(void **state)
{
	(void)state;
	struct settings s;
	struct err e = { "" };

	settings_defaults(&s);
	assert_false(settings_set(&s, "churn.windows_s", "1", &e));
	assert_non_null(strstr(e.text, "did you mean \"churn.window_s\""));
	assert_false(settings_set(&s, "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
				  "1", &e));
	assert_null(strstr(e.text, "did you mean"));
	assert_null(row("churn.windows_s"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_default_lies_within_its_limits_and_is_what_the_struct_gets),
		cmocka_unit_test(a_default_of_files_lies_within_its_limits_and_few_differ),
		cmocka_unit_test(no_key_is_there_twice_and_no_two_keys_share_a_field),
		cmocka_unit_test(limits_themselves_are_allowed_and_one_step_outside_is_not),
		cmocka_unit_test(seconds_may_have_decimals_and_counts_may_not),
		cmocka_unit_test(what_is_not_a_number_is_refused_and_changes_nothing),
		cmocka_unit_test(a_misspelt_key_is_answered_with_the_nearest_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
