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

/* One that was over for long is another alert. */
static const struct collected_alert *latest(const char *code)
{
	const struct collected_alert *found = NULL;

	for (size_t i = 0; i < stage->alerts.n; i++)
		if (strcmp(stage->alerts.alert[i].code, code) == 0)
			found = &stage->alerts.alert[i];
	return found;
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
	assert_int_equal(collected_number(alert(), "traffic_gap_s"), 30);
	assert_string_equal(collected_text(alert(), "packets_on_the_dead_sa"), "yes");
}

static void half_a_minute_without_traffic_is_critical(void **state)
{
	(void)state;
	busy();
	cross();
	one_end_goes_on(child, 60, 500 * NSEC_PER_MS);
	stage_pass(10 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
	assert_int_equal(collected_number(alert(), "on_the_dead_sa_s"), 30);
	assert_non_null(strstr(alert()->summary, "went on to send on the dead SA"));
}

/* An SA of `age`, busy to its end; both delete it, and `until_next` later there is another one. */
static void generation(nsec age, nsec until_next)
{
	stage_pass(age);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], (uint64_t)(age / (100 * NSEC_PER_MS)),
				  600000);
	cross();
	stage_pass(until_next);

	uint32_t old = child;

	child = stage_child(0, 0);
	for (int d = 0; d < 2; d++) {
		struct event ev = stage_event(EVENT_ESP_SA_REPLACED);

		ev.esp_sa = stage->child[child].esp[d];
		ev.other = stage->child[old].esp[d];
		stage_send(ev);
	}
}

static void a_lifetime_of_eight_hours_is_one_series_of_crossings(void **state)
{
	(void)state;
	child = stage_child(stage_ike_up(0, 2), 0);
	for (int i = 0; i < 3; i++)
		generation(8 * 3600 * S, 3 * S);
	stage_pass(60 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(collected_number(latest("simultaneous_delete"), "times"), 3);
	assert_int_equal(collected_number(latest("simultaneous_delete"), "times_with_harm"), 3);
	assert_non_null(strstr(latest("simultaneous_delete")->summary, "3 times"));
	assert_non_null(strstr(latest("simultaneous_delete")->summary, "8 h 00 min"));
}

static void a_crossing_that_did_harm_is_not_forgotten_for_one_that_did_none(void **state)
{
	(void)state;
	busy();
	generation(1800 * S, 3 * S);
	generation(1800 * S, NSEC_PER_MS);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], 10, 1000);
	stage_pass(60 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(collected_number(alert(), "times"), 2);
	assert_int_equal(collected_number(alert(), "times_with_harm"), 1);
}

static void crossing_deletes_that_did_harm_are_the_cause_of_the_gap(void **state)
{
	(void)state;
	const struct collected_alert *gap;

	child = stage_child(stage_ike_up(0, 2), 0);
	for (int i = 0; i < 2; i++)
		generation(3600 * S, 8 * S);
	stage_pass(60 * S);
	detect_flush(stage->detect, stage);
	gap = collected_find(&stage->alerts, "expiry_gap");
	assert_non_null(gap);
	assert_string_equal(gap->cause, "simultaneous_delete");
	assert_int_equal(gap->record.incident, alert()->record.id);
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
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
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
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
		ON_STAGE(half_a_minute_without_traffic_is_critical),
		ON_STAGE(a_lifetime_of_eight_hours_is_one_series_of_crossings),
		ON_STAGE(a_crossing_that_did_harm_is_not_forgotten_for_one_that_did_none),
		ON_STAGE(crossing_deletes_that_did_harm_are_the_cause_of_the_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
