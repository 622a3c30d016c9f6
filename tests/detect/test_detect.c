/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/detector.h"
#include "detect/stage.h"

/*
 * One loss tells capture_loss, the simplest of the conditions: it shows what the framework does
 * with findings.
 */
static void lose(void)
{
	struct event ev = stage_event(EVENT_CAPTURE_LOSS);

	ev.tunnel = NO_INDEX;
	ev.value[0] = 10;
	stage_send(ev);
}

static void an_alert_is_told_once_however_often_it_is_judged_true(void **state)
{
	(void)state;
	lose();
	assert_int_equal(stage->alerts.calls, 1);
	stage_pass(600 * S);
	lose();
	stage_pass(60 * S);
	assert_int_equal(stage->alerts.n, 1);
	assert_int_equal(stage->alerts.calls, 1);
	detect_flush(stage->detect, stage);
	assert_int_equal(stage->alerts.calls, 2);
	assert_int_equal(stage->alerts.alert[0].record.count, 2);
	detect_flush(stage->detect, stage);
	assert_int_equal(stage->alerts.calls, 2);
}

static void identity_is_the_capture_and_a_dense_number(void **state)
{
	(void)state;
	lose();
	assert_int_equal(stage->alerts.alert[0].record.id, object_id_of(1, 1));
	assert_int_equal(stage->alerts.alert[0].record.tunnel, 0);
	assert_null(stage->alerts.alert[0].record.peers);
}

static void it_clears_after_twice_its_window_of_quiet_and_not_before(void **state)
{
	(void)state;
	nsec window = stage->settings.capture_window;

	lose();
	stage_pass(window);		/* true until the loss leaves the window */
	stage_pass(2 * window - 30 * S);
	assert_false(stage->alerts.alert[0].record.cleared);
	stage_pass(60 * S);
	assert_true(stage->alerts.alert[0].record.cleared);
	assert_true(stage->alerts.alert[0].record.cleared_at != NSEC_NONE);
	assert_int_equal(stage->alerts.n, 1);
}

static void what_one_finding_says_is_not_said_of_the_next(void **state)
{
	(void)state;
	struct findings found = { 0 };

	finding_raise(&found, SEVERITY_INFO, CONFIDENCE_LOW, 0, 0, 1)->instead = true;
	finding_over(&found, 1);
	found.n = 0;
	for (int i = 0; i < 2; i++) {
		const struct finding *f =
			finding_raise(&found, SEVERITY_WARNING, CONFIDENCE_HIGH, 0, 0, 1);

		assert_false(f->instead);
		assert_false(f->over);
	}
}

static void after_it_cleared_the_same_fault_is_a_new_alert(void **state)
{
	(void)state;
	lose();
	stage_pass(4 * stage->settings.capture_window);
	assert_true(stage->alerts.alert[0].record.cleared);
	lose();
	assert_int_equal(stage->alerts.n, 2);
	assert_int_equal(stage->alerts.alert[1].record.id, object_id_of(1, 2));
	assert_false(stage->alerts.alert[1].record.cleared);
}

static void within_the_hold_down_it_is_the_old_alert_again(void **state)
{
	(void)state;
	stage->settings.realert = 40000 * S;
	lose();
	stage_pass(4 * stage->settings.capture_window);
	assert_true(stage->alerts.alert[0].record.cleared);
	lose();
	detect_flush(stage->detect, stage);
	assert_int_equal(stage->alerts.n, 1);
	assert_false(stage->alerts.alert[0].record.cleared);
}

static void the_end_of_the_capture_leaves_a_raised_alert_raised(void **state)
{
	(void)state;
	lose();
	stage_finish();
	assert_int_equal(stage->alerts.n, 1);
	assert_false(stage->alerts.alert[0].record.cleared);
	assert_int_equal(stage->alerts.alert[0].record.cleared_at, NSEC_NONE);
}

static void another_tunnel_in_the_same_place_inherits_nothing(void **state)
{
	(void)state;
	struct event ev = stage_event(EVENT_MIRROR);

	stage->tunnel[0].mirror_seen = true;
	stage_send(ev);
	assert_int_equal(stage->alerts.n, 1);
	assert_int_equal(detect_tunnel_alerts(stage->detect, 0), 1);
	stage->tunnel[0].id = object_id_of(1, 99);
	stage_pass(60 * S);
	stage_finish();
	assert_int_equal(detect_tunnel_alerts(stage->detect, 0), 0);
	assert_int_equal(stage->alerts.n, 1);
}

static void copies_of_the_mirror(uint32_t tunnel)
{
	struct event ev = stage_event(EVENT_MIRROR);

	stage->tunnel[tunnel].mirror_seen = true;
	ev.tunnel = tunnel;
	stage_send(ev);
}

static void one_side_is_never_seen(uint32_t tunnel)
{
	struct event ev = stage_event(EVENT_ONE_SIDED);

	stage->tunnel[tunnel].one_sided[0] = true;
	ev.tunnel = tunnel;
	ev.side = 0;
	stage_send(ev);
}

/* They may be forged: how many of them have the same fault is no news after so many. */
static void tunnels_without_ike_raise_so_many_alerts_of_one_cause_at_once_and_others_all(
	void **state)
{
	(void)state;
	stage->settings.history_alerts = 3;
	stage->without_ike = true;
	while (stage->n_tunnels < 8)
		stage_tunnel();
	for (uint32_t i = 0; i < 6; i++)
		copies_of_the_mirror(i);
	assert_int_equal(stage->alerts.n, 3);
	stage->without_ike = false;
	for (uint32_t i = 6; i < 8; i++)
		copies_of_the_mirror(i);
	assert_int_equal(stage->alerts.n, 5);
}

static void a_flood_of_one_cause_keeps_no_other_from_tunnels_without_ike(void **state)
{
	(void)state;
	stage->settings.history_alerts = 1;
	stage->without_ike = true;
	stage_tunnel();
	copies_of_the_mirror(0);
	copies_of_the_mirror(1);
	assert_int_equal(stage->alerts.n, 1);
	one_side_is_never_seen(1);
	assert_int_equal(stage->alerts.n, 2);
}

static void an_informational_alert_leaves_the_tunnel_up(void **state)
{
	(void)state;
	struct event ev = stage_event(EVENT_MIRROR);

	stage->tunnel[0].mirror_seen = true;
	ev.value[0] = 57;
	ev.value[1] = 60;
	stage_send(ev);
	assert_int_equal(detect_tunnel_state(stage->detect, stage, 0, NULL), TUNNEL_UP);
	assert_int_equal(collected_number(&stage->alerts.alert[0], "copies"), 57);
	assert_int_equal(collected_number(&stage->alerts.alert[0], "packets"), 60);
}

static void a_clock_that_went_back_makes_no_alert_of_old_times(void **state)
{
	(void)state;
	struct event ev = stage_event(EVENT_CLOCK_JUMP);

	stage->now -= 3600 * S;
	ev.at = stage->now;
	ev.tunnel = NO_INDEX;
	ev.value[0] = -3600 * S;
	stage_send(ev);
	stage_pass(600 * S);
	assert_int_equal(stage->alerts.n, 1);
	assert_string_equal(stage->alerts.alert[0].code, "clock_jump");
	assert_non_null(strstr(stage->alerts.alert[0].summary, "back"));
}

static void tunnels_that_are_gone_give_their_room_to_new_alerts(void **state)
{
	(void)state;
	stage->settings.tables_alerts = 16;
	detect_free(stage->detect);
	stage->settings.tables_tunnels = 64;
	stage->detect = detect_new(&stage->settings, &stage->sink);
	for (uint32_t i = 0; i < 40; i++) {
		/* more alerts than the table holds are not opened at once */
		stage->now += S;

		struct event ev = stage_event(EVENT_MIRROR);

		/* one place, forty tunnels: old ones are forgotten, so room never ends */
		stage->tunnel[0].id = object_id_of(1, 100 + i);
		stage->tunnel[0].mirror_seen = true;
		stage_send(ev);
	}
	assert_int_equal(stage->alerts.n, 40);
}

static void a_finding_without_an_alert_is_counted(void **state)
{
	(void)state;
	stage->settings.tables_alerts = 4;
	detect_free(stage->detect);
	stage->detect = detect_new(&stage->settings, &stage->sink);
	while (stage->n_tunnels < 8)
		stage_tunnel();
	for (uint32_t i = 0; i < 4; i++)
		copies_of_the_mirror(i);
	assert_int_equal(stage->alerts.n, 4);
	assert_int_equal(detect_alerts_left_out(stage->detect), 0);
	copies_of_the_mirror(4);
	assert_int_equal(stage->alerts.n, 4);
	assert_int_equal(detect_alerts_left_out(stage->detect), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(an_alert_is_told_once_however_often_it_is_judged_true),
		ON_STAGE(identity_is_the_capture_and_a_dense_number),
		ON_STAGE(it_clears_after_twice_its_window_of_quiet_and_not_before),
		ON_STAGE(what_one_finding_says_is_not_said_of_the_next),
		ON_STAGE(after_it_cleared_the_same_fault_is_a_new_alert),
		ON_STAGE(within_the_hold_down_it_is_the_old_alert_again),
		ON_STAGE(the_end_of_the_capture_leaves_a_raised_alert_raised),
		ON_STAGE(another_tunnel_in_the_same_place_inherits_nothing),
		ON_STAGE(
		tunnels_without_ike_raise_so_many_alerts_of_one_cause_at_once_and_others_all),
		ON_STAGE(a_flood_of_one_cause_keeps_no_other_from_tunnels_without_ike),
		ON_STAGE(an_informational_alert_leaves_the_tunnel_up),
		ON_STAGE(a_clock_that_went_back_makes_no_alert_of_old_times),
		ON_STAGE(tunnels_that_are_gone_give_their_room_to_new_alerts),
		ON_STAGE(a_finding_without_an_alert_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
