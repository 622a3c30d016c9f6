/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/expected_stage.h"

static void one_that_is_never_seen_is_missed_after_seven_minutes(void **state)
{
	(void)state;
	expect_peers("site-to-site", NULL, "192.0.2.77, 203.0.113.77");
	others(410 * S);
	assert_null(down());
	others(20 * S);
	assert_non_null(down());
	assert_int_equal(down()->record.severity, SEVERITY_WARNING);
	assert_int_equal(down()->record.raised, STAGE_T0 + 420 * S);
	assert_string_equal(collected_text(down(), "reason"), "not seen");
	assert_non_null(strstr(down()->summary, "hq-branch1 (192.0.2.77, 203.0.113.77)"));
	assert_int_not_equal(down()->record.tunnel, 0);
}

static void one_that_is_never_seen_in_a_short_capture_is_not_missed(void **state)
{
	(void)state;
	expect_peers("site-to-site", NULL, "192.0.2.77, 203.0.113.77");
	others(400 * S);
	stage_finish();
	assert_null(down());
}

static void the_end_of_a_capture_with_no_ipsec_in_it_is_noticed(void **state)
{
	(void)state;
	expect_peers("site-to-site", NULL, "192.0.2.77, 203.0.113.77");
	stage->now += 600 * S;
	stage_finish();
	assert_non_null(down());
	assert_int_equal(down()->record.id >> 32, 1);
}

static void without_all_frames_nothing_is_missed(void **state)
{
	struct expected_tunnel *t = expected_add(&inventory, "a");
	struct err e;

	(void)state;
	assert_true(expected_set(&inventory, t, "peers", "192.0.2.77, 203.0.113.77", &e));
	assert_true(detect_expect(stage->detect, &inventory));
	others(3600 * S);
	stage_finish();
	assert_null(down());
}

static void nobody_misses_an_idle_tunnel_that_is_made_on_demand(void **state)
{
	(void)state;
	expect_peers("on-demand", NULL, "192.0.2.77, 203.0.113.77");
	others(7200 * S);
	stage_finish();
	assert_null(down());
}

static void on_demand_and_remote_access_tunnels_may_end(void **state)
{
	static const char *const profiles[] = { "on-demand", "remote-access" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		uint32_t ike;

		stage_close(state);
		expected_done(&inventory);
		stage_open(state);
		expect(profiles[i]);
		ike = stage_ike_up(0, 2);
		up();
		stage_pass(600 * S);
		fall();
		stage_ike_down(ike, END_DELETED, 1);
		stage_pass(7200 * S);
		assert_null(down());
	}
}

static void it_says_from_what_the_time_is_counted(void **state)
{
	(void)state;
	expect("site-to-site");
	uint32_t ike = stage_ike_up(0, 2);

	up();
	stage_pass(600 * S);
	fall();
	stage_ike_down(ike, END_PEER_LOST, 1);
	for (int i = 0; i < 8; i++) {
		stage_pass(60 * S);
		ike = stage_ike(0, 2);
		stage_ike_event(EVENT_IKE_SA_CREATED, ike, 0);
		stage->ike[ike].end_reason = END_FAILED;
		stage->ike[ike].state = IKE_FAILED;
	}
	stage_finish();
	assert_string_equal(collected_text(down(), "down_from"), "end of its IKE SA");
	assert_non_null(strstr(down()->summary, "is down since 2023-11-14 22:23:20 UTC, "
						"when its IKE SA ended (8 min 00 s): 8 attempts"));
}

static void an_on_demand_tunnel_that_cannot_be_set_up_is_down(void **state)
{
	(void)state;
	expect("on-demand");
	fall();
	for (int i = 0; i < 10; i++) {
		uint32_t ike = stage_ike(0, 2);

		stage_ike_event(EVENT_IKE_SA_CREATED, ike, 0);
		stage_pass(30 * S);
		stage->ike[ike].end_reason = END_FAILED;
		stage->ike[ike].state = IKE_FAILED;
		stage_pass(30 * S);
	}
	assert_non_null(down());
	assert_int_equal(down()->record.severity, SEVERITY_CRITICAL);
	assert_string_equal(collected_text(down(), "reason"), "attempts fail");
	assert_int_equal(collected_number(down(), "attempts"), 7);
	stage_pass(420 * S);		/* whoever wanted it gave up */
	stage_pass(920 * S);
	assert_true(down()->record.cleared);
}

static void it_is_over_after_a_quarter_of_an_hour_up_and_not_before(void **state)
{
	uint32_t ike;

	(void)state;
	expect("site-to-site");
	ike = stage_ike_up(0, 2);
	up();
	stage_pass(600 * S);
	fall();
	stage_ike_down(ike, END_PEER_LOST, 0);
	stage_pass(400 * S);
	assert_null(down());
	stage_pass(40 * S);
	assert_non_null(down());
	assert_int_equal(down()->record.severity, SEVERITY_CRITICAL);
	assert_int_equal(down()->record.first, STAGE_T0 + 600 * S);
	assert_int_equal(down()->record.confidence, CONFIDENCE_HIGH);
	stage_pass(600 * S);
	stage_ike_up(0, 2);
	up();
	stage_pass(880 * S);
	assert_false(down()->record.cleared);
	stage_pass(60 * S);
	assert_true(down()->record.cleared);
}

/* The alert is the same one as long as it was not up for long; its words are about the present. */
static void a_second_outage_before_it_is_over_is_told_as_it_is(void **state)
{
	uint32_t ike;

	(void)state;
	expect("site-to-site");
	fall();
	for (int i = 0; i < 10; i++) {
		ike = stage_ike(0, 2);
		stage_ike_event(EVENT_IKE_SA_CREATED, ike, 0);
		stage_pass(30 * S);
		stage->ike[ike].end_reason = END_FAILED;
		stage->ike[ike].state = IKE_FAILED;
		stage_pass(30 * S);
	}
	assert_string_equal(collected_text(down(), "reason"), "attempts fail");
	assert_null(strstr(down()->summary, "before"));
	ike = stage_ike_up(0, 2);
	up();
	stage_pass(300 * S);
	fall();
	stage_ike_down(ike, END_PEER_LOST, 0);
	stage_pass(500 * S);
	stage_finish();
	assert_int_equal(stage->alerts.n, 1);
	assert_string_equal(collected_text(down(), "reason"), "ended");
	assert_int_equal(down()->record.first, STAGE_T0);
	assert_int_equal(down()->record.severity, SEVERITY_CRITICAL);
	assert_non_null(strstr(down()->summary, "is down since 2023-11-14 22:28:20 UTC (8 min "
						"20 s): its IKE SA ended (peer_lost)"));
	assert_non_null(strstr(down()->summary, "It was down before, first at "
						"2023-11-14 22:13:20 UTC."));
}

/* Captures of the same time: what one of them saw, or missed, another one need not see. */
static void what_captures_of_the_same_time_tell_of_is_not_missed_again(void **state)
{
	(void)state;
	expect("site-to-site");
	assert_false(detect_expected_known(stage->detect, 0));
	detect_expected_elsewhere(stage->detect, 0);
	others(3600 * S);
	assert_null(down());
	up();
	fall();
	stage_pass(3600 * S);
	assert_non_null(down());	/* it came, and is gone */
}

static void what_was_missed_is_known(void **state)
{
	(void)state;
	expect("site-to-site");
	others(3600 * S);
	assert_non_null(down());
	assert_true(detect_expected_known(stage->detect, 0));
}

static void so_is_what_was_seen(void **state)
{
	(void)state;
	expect("site-to-site");
	up();
	stage_pass(10 * S);
	assert_true(detect_expected_known(stage->detect, 0));
}

static void up_for_a_moment_is_not_over(void **state)
{
	(void)state;
	expect("site-to-site");
	stage_ike_down(stage_ike_up(0, 2), END_DELETED, 1);
	fall();
	stage_pass(500 * S);
	for (int i = 0; i < 4; i++) {
		up();
		stage_pass(600 * S);
		fall();
		stage_pass(100 * S);
	}
	assert_false(down()->record.cleared);
	assert_int_equal(stage->alerts.n, 1);
}

static void a_tunnel_that_is_up_or_down_for_a_short_time_is_no_news(void **state)
{
	(void)state;
	expect("site-to-site");
	for (int i = 0; i < 5; i++) {
		uint32_t ike = stage_ike_up(0, 2);

		up();
		stage_pass(3600 * S);
		fall();
		stage_ike_down(ike, END_DELETED, 0);
		stage_pass(390 * S);
	}
	assert_null(down());
}

static void an_ike_sa_older_than_the_capture_keeps_it_up(void **state)
{
	uint32_t ike = stage_ike(0, 2);

	(void)state;
	expect("site-to-site");
	stage->ike[ike].origin = ORIGIN_MIDSTREAM;
	stage->ike[ike].state = IKE_ESTABLISHED;
	stage_ike_event(EVENT_REQUEST, ike, 0);
	fall();
	stage_pass(3600 * S);
	assert_null(down());
}

static void of_a_tunnel_that_nobody_expects_nothing_is_said(void **state)
{
	(void)state;
	expect_peers("on-demand", NULL, "192.0.2.77, 203.0.113.77");
	stage_ike_down(stage_ike_up(0, 2), END_PEER_LOST, 1);
	fall();
	stage_pass(7200 * S);
	assert_null(down());
}

static void a_hole_in_the_capture_begins_the_wait_anew(void **state)
{
	struct event ev;

	(void)state;
	expect("site-to-site");
	stage_ike_down(stage_ike_up(0, 2), END_DELETED, 1);
	fall();
	stage_pass(400 * S);
	ev = stage_event(EVENT_CAPTURE_LOSS);
	ev.tunnel = NO_INDEX;
	stage_send(ev);
	stage_pass(400 * S);
	assert_null(down());
	stage_pass(40 * S);
	assert_non_null(down());
}

static void a_hole_in_the_capture_excuses_one_that_was_not_seen(void **state)
{
	struct event ev;

	(void)state;
	expect_peers("site-to-site", NULL, "192.0.2.77, 203.0.113.77");
	others(400 * S);
	ev = stage_event(EVENT_CAPTURE_LOSS);
	ev.tunnel = NO_INDEX;
	stage_send(ev);
	others(400 * S);
	assert_null(down());
	others(40 * S);
	assert_non_null(down());
}

static void a_one_sided_capture_cannot_tell(void **state)
{
	(void)state;
	expect("site-to-site");
	stage->tunnel[0].one_sided[1] = true;
	stage_ike_down(stage_ike_up(0, 2), END_DELETED, 1);
	fall();
	stage_pass(3600 * S);
	assert_null(down());
}

static void one_that_comes_late_keeps_its_alert_until_it_is_up_for_long(void **state)
{
	object_id id;

	(void)state;
	expect("site-to-site");
	others(600 * S);
	assert_non_null(down());
	id = down()->record.id;
	stage_ike_up(0, 2);
	up();
	stage_pass(600 * S);
	assert_false(down()->record.cleared);
	stage_pass(320 * S);
	assert_true(down()->record.cleared);
	assert_int_equal(down()->record.id, id);
	assert_int_equal(down()->record.tunnel, stage->tunnel[0].id);
	assert_int_equal(stage->alerts.n, 1);
}

static void a_tunnel_has_its_own_settings(void **state)
{
	(void)state;
	expect_peers("site-to-site", "60", "192.0.2.1, 203.0.113.1");
	stage_ike_down(stage_ike_up(0, 2), END_DELETED, 1);
	fall();
	stage_pass(80 * S);
	assert_non_null(down());
}

static void the_alert_that_says_why_is_its_cause(void **state)
{
	(void)state;
	expect("site-to-site");
	fall();
	for (int i = 0; i < 10; i++) {
		uint32_t ike = stage_ike(0, 2);

		stage_ike_event(EVENT_IKE_SA_CREATED, ike, 0);
		stage->ike[ike].auth_failed = true;
		stage_ike_event(EVENT_AUTH_REFUSED, ike, 1);
		stage->ike[ike].end_reason = END_FAILED;
		stage->ike[ike].state = IKE_FAILED;
		stage_pass(60 * S);
	}
	assert_non_null(collected_find(&stage->alerts, "auth_failed"));
	assert_non_null(down());
	assert_string_equal(down()->cause, "auth_failed");
	assert_int_equal(down()->record.incident,
			 collected_find(&stage->alerts, "auth_failed")->record.id);
}

static void a_peer_behind_a_nat_may_come_back_from_another_port(void **state)
{
	uint32_t again;

	(void)state;
	stage->tunnel[0].peer[0].port = 1024;
	expect("site-to-site");
	stage_ike_down(stage_ike_up(0, 2), END_PEER_LOST, 1);
	fall();
	stage_pass(300 * S);
	again = stage_tunnel();
	stage->tunnel[again].peer[0] = stage->tunnel[0].peer[0];
	stage->tunnel[again].peer[0].port = 1025;
	stage->tunnel[again].peer[1] = stage->tunnel[0].peer[1];
	stage_pass(3600 * S);
	assert_null(down());
}

static void one_that_had_to_make_room_is_waited_for_anew(void **state)
{
	(void)state;
	expect("site-to-site");
	stage_ike_down(stage_ike_up(0, 2), END_DELETED, 1);
	fall();
	stage_pass(500 * S);
	assert_non_null(down());
	stage->tunnel[0].id = object_id_of(1, 99);	/* another tunnel in its place */
	stage->tunnel[0].peer[0].addr = addr_v4(0x0a000001);
	stage->tunnel[0].ike_sas = NO_INDEX;
	stage_pass(300 * S);
	assert_false(down()->record.cleared);
	stage_pass(3600 * S);
	assert_false(down()->record.cleared);
	assert_int_equal(stage->alerts.n, 1);
	assert_true(endpoint_equal(inventory.tunnel[0].peers[0],
				   (struct endpoint){ addr_v4(0xc0000201), 0 }));
}

static void what_is_changed_while_watching_counts_at_once(void **state)
{
	struct err e;

	(void)state;
	expect_peers("site-to-site", NULL, "192.0.2.77, 203.0.113.77");
	others(100 * S);
	assert_null(down());
	assert_true(
		expected_set(&inventory, &inventory.tunnel[0], "tunnel_down.hold_s", "120", &e));
	detect_settings_changed(stage->detect);
	others(10 * S);
	assert_null(down());
	others(20 * S);
	assert_non_null(down());
	assert_int_equal(down()->record.raised, STAGE_T0 + 120 * S);
}

static int close_stage(void **state)
{
	int status = stage_close(state);

	expected_done(&inventory);
	return status;
}

int main(void)
{
#define ON_EXPECTED_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_open, close_stage)
	const struct CMUnitTest tests[] = {
		ON_EXPECTED_STAGE(one_that_is_never_seen_is_missed_after_seven_minutes),
		ON_EXPECTED_STAGE(one_that_is_never_seen_in_a_short_capture_is_not_missed),
		ON_EXPECTED_STAGE(the_end_of_a_capture_with_no_ipsec_in_it_is_noticed),
		ON_EXPECTED_STAGE(without_all_frames_nothing_is_missed),
		ON_EXPECTED_STAGE(nobody_misses_an_idle_tunnel_that_is_made_on_demand),
		ON_EXPECTED_STAGE(on_demand_and_remote_access_tunnels_may_end),
		ON_EXPECTED_STAGE(it_says_from_what_the_time_is_counted),
		ON_EXPECTED_STAGE(an_on_demand_tunnel_that_cannot_be_set_up_is_down),
		ON_EXPECTED_STAGE(it_is_over_after_a_quarter_of_an_hour_up_and_not_before),
		ON_EXPECTED_STAGE(a_second_outage_before_it_is_over_is_told_as_it_is),
		ON_EXPECTED_STAGE(
			what_captures_of_the_same_time_tell_of_is_not_missed_again),
		ON_EXPECTED_STAGE(what_was_missed_is_known),
		ON_EXPECTED_STAGE(so_is_what_was_seen),
		ON_EXPECTED_STAGE(up_for_a_moment_is_not_over),
		ON_EXPECTED_STAGE(a_tunnel_that_is_up_or_down_for_a_short_time_is_no_news),
		ON_EXPECTED_STAGE(an_ike_sa_older_than_the_capture_keeps_it_up),
		ON_EXPECTED_STAGE(of_a_tunnel_that_nobody_expects_nothing_is_said),
		ON_EXPECTED_STAGE(a_hole_in_the_capture_begins_the_wait_anew),
		ON_EXPECTED_STAGE(a_hole_in_the_capture_excuses_one_that_was_not_seen),
		ON_EXPECTED_STAGE(a_one_sided_capture_cannot_tell),
		ON_EXPECTED_STAGE(one_that_comes_late_keeps_its_alert_until_it_is_up_for_long),
		ON_EXPECTED_STAGE(a_tunnel_has_its_own_settings),
		ON_EXPECTED_STAGE(the_alert_that_says_why_is_its_cause),
		ON_EXPECTED_STAGE(a_peer_behind_a_nat_may_come_back_from_another_port),
		ON_EXPECTED_STAGE(one_that_had_to_make_room_is_waited_for_anew),
		ON_EXPECTED_STAGE(what_is_changed_while_watching_counts_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
