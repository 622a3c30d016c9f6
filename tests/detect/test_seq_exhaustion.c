/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/esp_stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "seq_exhaustion");
}

static uint32_t high(uint32_t seq)
{
	uint32_t esp = stage_esp(0);

	stage->esp[esp].seq_high = seq;
	stage->esp[esp].packets = 100000;
	return esp;
}

static void a_stray_with_a_high_number_runs_out_of_nothing(void **state)
{
	(void)state;
	uint32_t esp = high(0xf8000000);

	stage->esp[esp].flags &= (uint8_t)~ESP_SA_CONFIRMED;
	minute(esp, 1, 0);
	stage_pass(10 * S);
	assert_null(alert());
}

static void seven_eighths_are_a_warning_with_the_time_left(void **state)
{
	(void)state;
	uint32_t esp = high(0xe0000000);

	minute(esp, 6000, 0);
	stage_pass(10 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(collected_number(alert(), "packets_per_second"), 100);
	assert_in_range((uintmax_t)collected_number(alert(), "runs_out_in_s"), 5300000, 5368709);
}

static void the_last_million_is_critical(void **state)
{
	(void)state;
	minute(high(0xfff00000), 6000, 0);
	stage_pass(10 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
}

static void so_is_a_rate_that_uses_it_up_in_ten_minutes(void **state)
{
	(void)state;
	minute(high(0xe8000000), 60000000, 0);	/* a million a second */
	stage_pass(10 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
}

static void half_of_the_range_is_plenty(void **state)
{
	(void)state;
	minute(high(0x80000000), 6000, 0);
	stage_pass(10 * S);
	assert_null(alert());
}

static void a_wrap_disproves_it_at_once(void **state)
{
	(void)state;
	uint32_t esp = high(0xfff00000);

	minute(esp, 6000, 0);
	stage_pass(10 * S);
	assert_non_null(alert());
	stage->esp[esp].flags |= ESP_SA_ESN;
	stage->esp[esp].seq_high = 5000;
	minute(esp, 6000, 0);
	stage_pass(10 * S);
	assert_true(alert()->record.cleared);
}

static void extended_numbers_and_a_successor_end_it(void **state)
{
	(void)state;
	uint32_t esp = high(0xe0000000);

	minute(esp, 6000, 0);
	stage_pass(10 * S);
	assert_non_null(alert());
	stage->esp[esp].flags |= ESP_SA_ESN;
	for (int i = 0; i < 20; i++)
		minute(esp, 6000, 0);
	assert_true(alert()->record.cleared);
}

static void a_cluster_may_jump_there_to_force_a_rekey(void **state)
{
	(void)state;
	uint32_t esp = high(1000);

	esp_event(EVENT_ESP_SEQ_JUMP, esp, 0xe0001000, 0);
	stage->esp[esp].seq_high = 0xe0001000;
	stage->rare[esp].packets_before = stage->esp[esp].packets;
	stage_pass(30 * S);
	assert_null(alert());
	stage->rare[esp].successor = object_id_of(1, 99);
	stage_pass(120 * S);
	assert_null(alert());
}

static void a_forged_packet_exhausts_nothing(void **state)
{
	(void)state;
	uint32_t esp = high(1000);

	esp_event(EVENT_ESP_SEQ_JUMP, esp, 0xe0001000, 0);
	stage->esp[esp].seq_high = 0xe0001000;
	stage->rare[esp].packets_before = stage->esp[esp].packets;
	stage->esp[esp].packets += 3;
	stage_pass(120 * S);
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_stray_with_a_high_number_runs_out_of_nothing, stage_open,
						stage_close),
		cmocka_unit_test_setup_teardown(
			seven_eighths_are_a_warning_with_the_time_left, stage_open,
						stage_close),
		ON_STAGE(the_last_million_is_critical),
		ON_STAGE(so_is_a_rate_that_uses_it_up_in_ten_minutes),
		ON_STAGE(half_of_the_range_is_plenty),
		ON_STAGE(a_wrap_disproves_it_at_once),
		ON_STAGE(extended_numbers_and_a_successor_end_it),
		ON_STAGE(a_cluster_may_jump_there_to_force_a_rekey),
		ON_STAGE(a_forged_packet_exhausts_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
