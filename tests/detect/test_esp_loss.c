/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/esp_stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "esp_loss");
}

/* A minute of 6000 packets each way. */
static void both(uint32_t a, uint32_t b, int64_t lost_a, int64_t lost_b)
{
	struct event ev;
	nsec begin = stage->now;

	stage_pass(60 * S);
	stage_esp_packets(a, 6000, 600000);
	stage_esp_packets(b, 6000, 600000);
	ev = stage_event(EVENT_TRAFFIC);
	ev.value[3] = begin;
	for (int d = 0; d < 2; d++) {
		ev.esp_sa = d == 0 ? a : b;
		ev.side = (int8_t)d;
		ev.value[2] = d == 0 ? lost_a : lost_b;
		ev.value[0] = 6000 - ev.value[2];
		stage_send(ev);
	}
}

static void three_percent_of_a_minute_is_a_warning_and_names_the_sender(void **state)
{
	(void)state;
	both(stage_esp(0), stage_esp(1), 180, 0);
	assert_non_null(alert());
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_HIGH);
	assert_string_equal(collected_text(alert(), "sender"), "192.0.2.1");
	assert_int_equal(collected_number(alert(), "lost"), 180);
	assert_int_equal(collected_number(alert(), "expected"), 6000);
	assert_non_null(strstr(alert()->summary, "180 of 6000"));
}

static void six_percent_is_critical(void **state)
{
	(void)state;
	minute(stage_esp(1), 9400, 600);
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
}

static void one_percent_is_within_chance_however_often(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0);

	for (int i = 0; i < 100; i++)
		minute(a, 990, 10 + i % 8);
	assert_null(alert());
}

static void a_few_packets_prove_nothing(void **state)
{
	(void)state;
	minute(stage_esp(0), 300, 100);
	assert_null(alert());
}

static void loss_alike_in_both_directions_suspects_the_capture(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0), b = stage_esp(1);

	both(a, b, 200, 210);
	both(a, b, 180, 160);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_MEDIUM);
	assert_string_equal(collected_text(alert(), "both_directions_alike"), "yes");
	assert_non_null(strstr(alert()->summary, "capture itself may be"));
}

static void six_percent_alike_is_a_warning_for_it_may_be_the_network(void **state)
{
	(void)state;
	both(stage_esp(0), stage_esp(1), 400, 380);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
}

/* The same minute of another tunnel. */
static void neighbours(nsec begin, int64_t came, int64_t lost)
{
	struct event ev = stage_event(EVENT_TRAFFIC);

	ev.tunnel = NO_INDEX;
	ev.esp_sa = NO_INDEX;
	ev.side = 0;
	ev.value[0] = came;
	ev.value[2] = lost;
	ev.value[3] = begin;
	stage_send(ev);
}

static void loss_alike_is_the_line_s_when_the_other_tunnels_get_theirs(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0), b = stage_esp(1);

	for (int i = 0; i < 2; i++) {
		neighbours(stage->now, 9000, 3);
		both(a, b, 200, 210);
	}
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_HIGH);
	assert_non_null(strstr(alert()->summary, "Other tunnels in this capture lose nothing"));
}

static void loss_alike_of_all_tunnels_is_the_tap_s(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0), b = stage_esp(1);

	for (int i = 0; i < 2; i++) {
		neighbours(stage->now, 9000, 300);
		both(a, b, 200, 210);
	}
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
}

/* A client goes to another network and back; what it sent there went past this capture. */
static void what_is_missing_after_a_move_is_not_lost(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0);
	struct event ev = stage_event(EVENT_ADDRESS_MOVED);

	minute(a, 9000, 0);
	stage_pass(300 * S);
	ev.at = stage->now;
	ev.side = 0;
	stage_send(ev);
	esp_event(EVENT_ESP_GAP, a, 5000, 0);
	minute(a, 9000, 5000);
	assert_null(alert());
}

static void but_without_one_it_is(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0);

	minute(a, 9000, 0);
	stage_pass(300 * S);
	esp_event(EVENT_ESP_GAP, a, 5000, 0);
	minute(a, 9000, 5000);
	assert_non_null(alert());
}

/* However much it is: both directions of all tunnels have nothing in common but the tap. */
static void much_loss_alike_of_all_tunnels_is_the_tap_s_too(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0), b = stage_esp(1);

	stage_tunnel();
	for (int i = 0; i < 3; i++) {
		neighbours(stage->now, 9000, 1000);
		both(a, b, 600, 610);
		stage_pass(10 * S);
	}
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_non_null(strstr(alert()->summary, "the capture itself loses them"));
}

static void much_loss_alike_is_a_warning_when_others_lose_less(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0), b = stage_esp(1);

	stage_tunnel();
	for (int i = 0; i < 3; i++) {
		neighbours(stage->now, 9000, 300);
		both(a, b, 600, 610);
		stage_pass(10 * S);
	}
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
}

static void few_packets_of_other_tunnels_say_nothing_about_the_tap(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0), b = stage_esp(1);

	for (int i = 0; i < 2; i++) {
		neighbours(stage->now, 200, 0);
		both(a, b, 200, 210);
	}
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
}

static void loss_unlike_the_other_direction_s_is_the_network_s(void **state)
{
	(void)state;
	both(stage_esp(0), stage_esp(1), 200, 10);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_HIGH);
}

static void where_ike_is_missing_as_well_the_capture_loses(void **state)
{
	(void)state;
	stage->of_tunnel[0].ike[0].messages = 98;
	stage->of_tunnel[0].ike[0].proven_unseen = 2;
	both(stage_esp(0), stage_esp(1), 300, 0);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_LOW);
	assert_string_equal(collected_text(alert(), "ike_missed_too"), "yes");
	assert_non_null(strstr(alert()->summary, "the capture itself loses them"));
}

static void one_ike_message_of_hundreds_does_not_account_for_five_percent(void **state)
{
	(void)state;
	stage->of_tunnel[0].ike[0].messages = 499;
	stage->of_tunnel[0].ike[0].proven_unseen = 1;
	both(stage_esp(0), stage_esp(1), 300, 0);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
	assert_string_equal(collected_text(alert(), "ike_missed_too"), "no");
}

static void what_the_capture_lost_is_nobodys_loss(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0);

	stage->tunnel[0].loss_last = stage->now + 30 * S;
	minute(a, 5000, 1000);
	assert_null(alert());
}

static void a_cluster_that_jumps_ahead_loses_nothing(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0);

	minute(a, 6000, 0);
	stage_pass(1 * S);
	esp_event(EVENT_ESP_GAP, a, 60000, 0);	/* 100 a second: a second explains no 60,000 */
	minute(a, 6000, 60000);
	assert_null(alert());
}

static void an_outage_that_the_rate_explains_is_loss(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0);

	minute(a, 6000, 0);
	stage_pass(30 * S);
	esp_event(EVENT_ESP_GAP, a, 3000, 0);
	minute(a, 3000, 3000);
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
}

static void a_restarted_sequence_voids_its_minute(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0);
	struct event ev;

	minute(a, 6000, 0);
	ev = stage_event(EVENT_TRAFFIC);	/* the first part of the next minute */
	ev.esp_sa = a;
	ev.side = 0;
	ev.value[0] = 100;
	ev.value[3] = stage->now;
	stage_send(ev);
	esp_event(EVENT_ESP_SEQ_RESET, a, 100000, 0);
	minute(a, 5000, 5000);
	assert_null(alert());
}

static void it_clears_after_ten_quiet_minutes(void **state)
{
	(void)state;
	uint32_t a = stage_esp(0);

	minute(a, 5700, 300);
	for (int i = 0; i < 20; i++)
		minute(a, 6000, 0);
	assert_true(alert()->record.cleared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			three_percent_of_a_minute_is_a_warning_and_names_the_sender, stage_open,
						stage_close),
		ON_STAGE(six_percent_is_critical),
		ON_STAGE(one_percent_is_within_chance_however_often),
		ON_STAGE(a_few_packets_prove_nothing),
		cmocka_unit_test_setup_teardown(
			loss_alike_in_both_directions_suspects_the_capture, stage_open,
						stage_close),
		ON_STAGE(six_percent_alike_is_a_warning_for_it_may_be_the_network),
		ON_STAGE(loss_alike_is_the_line_s_when_the_other_tunnels_get_theirs),
		ON_STAGE(loss_alike_of_all_tunnels_is_the_tap_s),
		ON_STAGE(what_is_missing_after_a_move_is_not_lost),
		ON_STAGE(but_without_one_it_is),
		ON_STAGE(much_loss_alike_of_all_tunnels_is_the_tap_s_too),
		ON_STAGE(much_loss_alike_is_a_warning_when_others_lose_less),
		ON_STAGE(few_packets_of_other_tunnels_say_nothing_about_the_tap),
		ON_STAGE(loss_unlike_the_other_direction_s_is_the_network_s),
		ON_STAGE(where_ike_is_missing_as_well_the_capture_loses),
		cmocka_unit_test_setup_teardown(
			one_ike_message_of_hundreds_does_not_account_for_five_percent, stage_open,
						stage_close),
		ON_STAGE(what_the_capture_lost_is_nobodys_loss),
		ON_STAGE(a_cluster_that_jumps_ahead_loses_nothing),
		ON_STAGE(an_outage_that_the_rate_explains_is_loss),
		ON_STAGE(a_restarted_sequence_voids_its_minute),
		ON_STAGE(it_clears_after_ten_quiet_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
