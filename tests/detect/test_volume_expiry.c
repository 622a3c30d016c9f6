/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *volume(void)
{
	return collected_find(&stage->alerts, "volume_expiry");
}

static void replace(int n, const int *ages_s, const uint64_t *bytes)
{
	uint32_t esp = stage_esp(0);

	for (int i = 0; i < n; i++) {
		stage_pass(ages_s[i] * S);
		stage_esp_packets(esp, 1000, bytes[i]);
		esp = stage_esp_replace(esp);
	}
}

static void equal_volumes_in_unequal_times_are_a_volume_limit(void **state)
{
	(void)state;
	static const int ages[] = { 900, 2500, 400, 3300, 1200 };
	static const uint64_t bytes[] = { 30000000, 30100000, 29900000, 30050000, 30000000 };

	replace(5, ages, bytes);
	detect_flush(stage->detect, stage);
	assert_non_null(volume());
	assert_int_equal(volume()->record.severity, SEVERITY_INFO);
	assert_int_equal(volume()->record.confidence, CONFIDENCE_HIGH);
	assert_non_null(strstr(volume()->summary, "30.0"));
}

static void every_few_minutes_it_is_a_warning_and_names_the_default_that_it_is(void **state)
{
	(void)state;
	static const int ages[] = { 20, 90, 45, 150, 30 };
	static const uint64_t bytes[] = { 5200000, 5240000, 5210000, 5230000, 5220000 };

	replace(5, ages, bytes);
	detect_flush(stage->detect, stage);
	assert_int_equal(volume()->record.severity, SEVERITY_WARNING);
	assert_non_null(strstr(volume()->summary, "FortiOS"));
	assert_null(collected_find(&stage->alerts, "spi_churn"));
}

/* An hour of a task that runs when it likes: no vendor has a limit of 2 kB (2.1). */
static void volumes_that_nobody_can_set_are_no_limit(void **state)
{
	(void)state;
	static const int ages[] = { 900, 2500, 400, 3300, 1200 };
	static const uint64_t bytes[] = { 2200, 2210, 2190, 2200, 2205 };

	replace(5, ages, bytes);
	detect_flush(stage->detect, stage);
	assert_null(volume());
}

/* 2560 KB, as IOS counts both directions together. */
static void the_least_that_can_be_set_is_one(void **state)
{
	(void)state;
	static const int ages[] = { 900, 2500, 400, 3300, 1200 };
	static const uint64_t bytes[] = { 1400000, 1410000, 1390000, 1400000, 1405000 };

	replace(5, ages, bytes);
	detect_flush(stage->detect, stage);
	assert_non_null(volume());
}

static void an_sa_that_goes_on_was_not_replaced(void **state)
{
	(void)state;
	static const int ages[] = { 12, 5, 14, 9, 30 };
	uint32_t esp[6] = { stage_esp(0) };

	for (int i = 0; i < 5; i++) {
		stage_pass(ages[i] * S);
		stage_esp_packets(esp[i], 10, 3000);
		esp[i + 1] = stage_esp_replace(esp[i]);
		stage_pass(600 * S);
		stage_esp_packets(esp[i], 100, 30000);
		stage->esp[esp[i + 1]].first = stage->now;
	}
	assert_null(volume());
}

static void equal_times_are_a_time_limit_whatever_the_volumes(void **state)
{
	(void)state;
	static const int ages[] = { 3600, 3605, 3598, 3601, 3600 };
	static const uint64_t varied[] = { 1000000, 90000000, 5000000, 400000, 30000000 };
	static const uint64_t constant[] = { 30000000, 30000000, 30000000, 30000000, 30000000 };

	replace(5, ages, varied);
	assert_null(volume());
	replace(5, ages, constant);
	assert_null(volume());
}

static void two_sas_prove_nothing(void **state)
{
	(void)state;
	static const int ages[] = { 900, 2500 };
	static const uint64_t bytes[] = { 30000000, 30000000 };

	replace(2, ages, bytes);
	assert_null(volume());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(equal_volumes_in_unequal_times_are_a_volume_limit),
		ON_STAGE(every_few_minutes_it_is_a_warning_and_names_the_default_that_it_is),
		ON_STAGE(volumes_that_nobody_can_set_are_no_limit),
		ON_STAGE(the_least_that_can_be_set_is_one),
		ON_STAGE(an_sa_that_goes_on_was_not_replaced),
		ON_STAGE(equal_times_are_a_time_limit_whatever_the_volumes),
		ON_STAGE(two_sas_prove_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
