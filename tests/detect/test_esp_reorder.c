/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/esp_stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "esp_reorder");
}

static void late(uint32_t esp, int times, int64_t behind)
{
	for (int i = 0; i < times; i++) {
		stage->now += S / 10;
		esp_event(EVENT_ESP_LATE, esp, behind, 0);
	}
	stage_pass(10 * S);
}

static void traffic(uint32_t esp, int64_t packets)
{
	struct event ev = stage_event(EVENT_TRAFFIC);

	ev.esp_sa = esp;
	ev.side = stage->esp[esp].direction;
	ev.value[0] = packets;
	ev.value[3] = stage->now - stage->now % (60 * S);
	stage_send(ev);
}

static void ten_packets_beyond_the_window_in_a_minute_are_critical(void **state)
{
	(void)state;
	late(stage_esp(0), 10, 100);
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
	assert_int_equal(collected_number(alert(), "beyond_window"), 10);
	assert_int_equal(collected_number(alert(), "largest_displacement"), 100);
	assert_non_null(strstr(alert()->summary, "drops those as replays"));
}

/* Old packets sent again, of which the capture lost the first, look the same. */
static void where_the_capture_lost_packets_they_are_a_warning(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0);

	stage->tunnel[0].loss_last = stage->now;
	stage_pass(60 * S);
	late(a, 10, 100);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_MEDIUM);
	assert_non_null(strstr(alert()->summary, "this capture lost packets"));
}

static void a_loss_long_before_explains_none_of_them(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0);

	stage->tunnel[0].loss_last = stage->now;
	stage_pass(3600 * S);
	late(a, 10, 100);
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
}

static void a_wider_window_takes_them(void **state)
{
	(void)state;
	stage->settings.reorder_win = 1024;
	late(stage_esp(0), 50, 100);
	assert_null(alert());
}

static void half_a_window_is_a_warning(void **state)
{
	(void)state;
	late(stage_esp(0), 3, 40);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
}

static void neighbours_that_swap_are_information_when_they_are_many(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0);

	stage->now -= stage->now % (60 * S);
	late(a, 12, 2);
	assert_null(alert());
	traffic(a, 20000);	/* 12 of 20000 is below 0.1 % */
	stage_pass(10 * S);
	assert_null(alert());
	traffic(a, 6000);
	stage_pass(10 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
}

static void the_beginning_of_a_new_sequence_is_not_late(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0);

	stage->esp[a].low_run = 9;
	late(a, 9, 100000);
	assert_null(alert());
	esp_event(EVENT_ESP_SEQ_RESET, a, 150000, 0);
	stage->esp[a].low_run = 0;
	stage_pass(60 * S);
	assert_null(alert());
}

static void a_duplicating_mirror_makes_it_information(void **state)
{
	(void)state;
	stage->tunnel[0].mirror_seen = true;
	late(stage_esp(0), 30, 100);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			ten_packets_beyond_the_window_in_a_minute_are_critical, stage_open,
						stage_close),
		ON_STAGE(where_the_capture_lost_packets_they_are_a_warning),
		ON_STAGE(a_loss_long_before_explains_none_of_them),
		ON_STAGE(a_wider_window_takes_them),
		ON_STAGE(half_a_window_is_a_warning),
		cmocka_unit_test_setup_teardown(
			neighbours_that_swap_are_information_when_they_are_many, stage_open,
						stage_close),
		ON_STAGE(the_beginning_of_a_new_sequence_is_not_late),
		ON_STAGE(a_duplicating_mirror_makes_it_information),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
