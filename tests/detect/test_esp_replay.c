/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/esp_stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "esp_replay");
}

static uint32_t busy(void)
{
	uint32_t esp = stage_esp(0);

	stage_esp_packets(esp, 1000, 100000);
	return esp;
}

static void again(uint32_t esp, int times, nsec after, int64_t behind)
{
	for (int i = 0; i < times; i++) {
		stage->now += S;
		stage->rare[esp].duplicates++;
		esp_event(EVENT_ESP_DUPLICATE, esp, after, behind);
	}
	stage_pass(10 * S);
}

static void five_old_packets_in_a_minute_are_a_replay(void **state)
{
	(void)state;
	again(busy(), 5, S / 10, 150);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_string_equal(alert()->cause, "replay");
	assert_int_equal(collected_number(alert(), "furthest_behind"), 150);
}

static void a_copy_after_a_long_pause_is_a_replay_too(void **state)
{
	(void)state;
	again(busy(), 5, 3 * S, 0);
	assert_string_equal(alert()->cause, "replay");
}

/* Ten packets a second: what comes 5 s late is no window behind. */
static void nor_need_it_be_a_window_behind(void **state)
{
	for (int late = 0; late < 2; late++) {
		uint32_t esp;

		stage_open(state);
		esp = busy();
		for (int i = 0; i < 20; i++) {
			stage->rare[esp].duplicates++;
			esp_event(EVENT_ESP_DUPLICATE, esp, S / 20, late ? 50 : 9);
			stage_pass(S);
			stage_esp_packets(esp, 10, 1000);
		}
		assert_string_equal(alert()->cause, late ? "replay" : "duplicates");
		assert_int_equal(alert()->record.severity,
				 late ? SEVERITY_WARNING : SEVERITY_INFO);
		stage_close(state);
	}
}

static void what_the_network_doubles_is_information(void **state)
{
	(void)state;
	uint32_t esp = busy();

	for (int i = 0; i < 12; i++) {
		stage_pass(S);
		stage_esp_packets(esp, 10, 1000);
		stage->rare[esp].duplicates++;
		esp_event(EVENT_ESP_DUPLICATE, esp, S / 5, 3);
	}
	stage_pass(10 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_string_equal(alert()->cause, "duplicates");
}

static void four_copies_are_nothing(void **state)
{
	(void)state;
	again(busy(), 4, 3 * S, 150);
	assert_null(alert());
}

static void nor_does_a_mirror_that_doubles_some_packets_and_late_ones_among_them(void **state)
{
	(void)state;
	uint32_t esp = busy();

	stage->rare[esp].duplicates = 51;
	again(esp, 12, S / 1000, 150);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_string_equal(collected_text(alert(), "most_packets_twice"), "no");
}

static void a_slow_mirror_replays_nothing(void **state)
{
	(void)state;
	uint32_t esp = busy();

	stage->rare[esp].duplicates = 900;
	again(esp, 12, 2 * S, 100);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_string_equal(collected_text(alert(), "most_packets_twice"), "yes");
}

static void a_new_sequence_is_no_replay(void **state)
{
	(void)state;
	uint32_t esp = busy();

	stage->esp[esp].low_run = 9;
	again(esp, 9, S, 900);
	esp_event(EVENT_ESP_SEQ_RESET, esp, 1000, 0);
	stage_pass(60 * S);
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(five_old_packets_in_a_minute_are_a_replay),
		ON_STAGE(a_copy_after_a_long_pause_is_a_replay_too),
		cmocka_unit_test(nor_need_it_be_a_window_behind),
		ON_STAGE(what_the_network_doubles_is_information),
		ON_STAGE(four_copies_are_nothing),
		ON_STAGE(nor_does_a_mirror_that_doubles_some_packets_and_late_ones_among_them),
		ON_STAGE(a_slow_mirror_replays_nothing),
		ON_STAGE(a_new_sequence_is_no_replay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
