/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "simultaneous_delete");
}

static uint32_t child;

static void busy(void)
{
	child = stage_child(stage_ike_up(0, 2), 0);
	stage_pass(600 * S);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], 6000, 600000);
}

static void cross(void)
{
	struct exchange a = { .request_at = stage->now - 9 * NSEC_PER_MS, .request_frame = 11 };
	struct exchange b = { .request_at = stage->now, .request_frame = 12 };
	struct event ev = stage_event(EVENT_DELETE_COLLISION);

	ev.ike_sa = 0;
	ev.exchange = &b;
	ev.other_exchange = &a;
	stage_send(ev);
	stage_child_down(child, END_DELETED, 0);
}

static void crossing_deletes_are_information(void **state)
{
	(void)state;
	busy();
	cross();
	stage_pass(60 * S);
	assert_non_null(alert());
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_int_equal(alert()->record.frames[0], 11);
	assert_non_null(strstr(alert()->summary, "9 ms"));
}

static void a_pause_of_busy_traffic_makes_it_a_warning(void **state)
{
	(void)state;
	busy();
	cross();
	stage_pass(3 * S);
	stage_child(0, 0);
	stage_pass(10 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(collected_number(alert(), "traffic_gap_s"), 3);
}

static void a_quiet_tunnel_has_no_pause(void **state)
{
	(void)state;
	child = stage_child(stage_ike_up(0, 2), 0);
	stage_pass(600 * S);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], 60, 6000);
	cross();
	stage_pass(3 * S);
	stage_child(0, 0);
	stage_pass(10 * S);
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
}

static void a_replacement_that_was_ready_leaves_no_pause(void **state)
{
	(void)state;
	uint32_t old;

	busy();
	old = child;
	child = stage_child(0, 0);
	stage_pass(30 * S);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], 300, 30000);
	{
		uint32_t in_use = child;

		child = old;
		cross();
		child = in_use;
	}
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], 1, 100);
	stage_pass(10 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
}

/* Until now, `pace` apart: packets on the SA of direction 0 only. */
static void one_end_goes_on(uint32_t with, int n, nsec pace)
{
	for (int i = 0; i < n; i++) {
		stage_pass(pace);
		stage_esp_packets(stage->child[with].esp[0], 1, 100);
	}
}

static void five_packets_on_the_dead_sa_make_it_a_warning(void **state)
{
	(void)state;
	busy();
	cross();
	one_end_goes_on(child, 5, 500 * NSEC_PER_MS);
	stage_pass(10 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_string_equal(collected_text(alert(), "packets_on_the_dead_sa"), "yes");
}

static void what_was_on_its_way_is_no_harm(void **state)
{
	(void)state;
	busy();
	cross();
	one_end_goes_on(child, 5, 100 * NSEC_PER_MS);
	stage_pass(10 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
}

static void the_pause_of_one_direction_counts_although_the_other_end_goes_on_for_half_a_minute(
	void **state)
{
	(void)state;
	busy();
	cross();
	one_end_goes_on(child, 60, 500 * NSEC_PER_MS);
	stage_child(0, 1);
	stage_pass(10 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(collected_number(alert(), "traffic_gap_s"), 30);
	assert_string_equal(collected_text(alert(), "packets_on_the_dead_sa"), "yes");
}

static void beside_another_selector_the_one_that_stopped_is_seen(void **state)
{
	(void)state;
	uint32_t beside, old;

	busy();
	beside = stage_child(0, 0);
	stage_pass(100 * S);
	for (int d = 0; d < 2; d++) {
		stage_esp_packets(stage->child[child].esp[d], 1000, 100000);
		stage_esp_packets(stage->child[beside].esp[d], 1000, 100000);
	}
	old = child;
	cross();
	for (int i = 0; i < 30; i++) {
		stage_pass(1 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[beside].esp[d], 10, 1000);
	}
	for (int d = 0; d < 2; d++)
		stage_esp_replace(stage->child[old].esp[d]);
	stage_pass(10 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(collected_number(alert(), "traffic_gap_s"), 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(crossing_deletes_are_information),
		ON_STAGE(a_pause_of_busy_traffic_makes_it_a_warning),
		ON_STAGE(a_quiet_tunnel_has_no_pause),
		ON_STAGE(a_replacement_that_was_ready_leaves_no_pause),
		ON_STAGE(five_packets_on_the_dead_sa_make_it_a_warning),
		ON_STAGE(what_was_on_its_way_is_no_harm),
		ON_STAGE(
		the_pause_of_one_direction_counts_although_the_other_end_goes_on_for_half_a_minute),
		ON_STAGE(beside_another_selector_the_one_that_stopped_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
