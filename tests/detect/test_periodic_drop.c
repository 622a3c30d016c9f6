/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "detect/stage.h"

static const struct collected_alert *drop(void)
{
	return collected_find(&stage->alerts, "periodic_drop");
}

/*
 * A session of this age with traffic up to `quiet` before its end; `by` deletes, `next` initiates
 * after `pause`.
 */
static void session(int initiator, nsec age, nsec quiet, int by, nsec pause, enum end_reason why)
{
	uint32_t ike = stage_ike_up(initiator, 2), child = stage_child(ike, initiator);

	stage_pass(age - quiet);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], (uint64_t)(age / S), 1000);
	stage_pass(quiet);
	stage_child_down(child, why, by);
	stage_ike_down(ike, why, by);
	stage_pass(pause);
}

static void three_equal_sessions_ended_by_the_same_side_with_traffic_are_a_session_timer(
	void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		session(0, 10800 * S, 0, 1, 2 * S, END_DELETED);
	assert_null(drop());		/* the third is not followed yet */
	session(0, 10800 * S, 0, 1, 2 * S, END_DELETED);
	assert_non_null(drop());
	assert_string_equal(drop()->cause, "max_session_timer");
	assert_int_equal(drop()->record.confidence, CONFIDENCE_MEDIUM);
	assert_int_equal(drop()->record.severity, SEVERITY_WARNING);
	assert_string_equal(collected_text(drop(), "ended_by"), "203.0.113.1");
	assert_non_null(strstr(drop()->summary, "not an SA lifetime"));
	assert_non_null(strstr(drop()->summary, "3 h"));
}

/* PFS groups that differ: each session works until its first rekey, which is refused. */
static void sessions_whose_renewal_is_refused_end_by_no_session_timer(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

		stage->child[child].how = CREATED_IKE_AUTH;
		stage_pass(3300 * S);
		for (int n = 0; n < 3; n++)
			stage_refusal(ike, 0, IKE2_PAYLOAD_NOTIFY);
		stage_pass(300 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child].esp[d], 3600, 1000);
		stage_child_down(child, END_DELETED, 1);
		stage_ike_down(ike, END_DELETED, 1);
		stage_pass(10 * S);
	}
	detect_flush(stage->detect, stage);
	assert_string_equal(drop()->cause, "pfs_mismatch");
	assert_non_null(strstr(drop()->summary, "renewal of its IPsec SA is refused"));
	assert_null(strstr(drop()->summary, "maximum session"));
	assert_null(strstr(drop()->summary, "not an SA lifetime"));
}

static void five_are_certain(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++)
		session(0, 10800 * S, 0, 1, 2 * S, END_DELETED);
	detect_flush(stage->detect, stage);
	assert_int_equal(drop()->record.confidence, CONFIDENCE_HIGH);
}

static void all_of_a_long_series_are_counted(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++)
		session(0, 10800 * S, 0, 1, 2 * S, END_DELETED);
	stage_ike_up(0, 2);
	detect_flush(stage->detect, stage);
	assert_int_equal(drop()->record.count, 30);
	assert_int_equal(collected_number(drop(), "ends"), 30);
	assert_non_null(strstr(drop()->summary, "(30 times)"));
}

static void but_not_those_of_a_series_before_the_timer_was_changed(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++)
		session(0, 10800 * S, 0, 1, 2 * S, END_DELETED);
	for (int i = 0; i < 9; i++)
		session(0, 7200 * S, 0, 1, 2 * S, END_DELETED);
	stage_ike_up(0, 2);
	detect_flush(stage->detect, stage);
	assert_int_equal(collected_number(drop(), "ends"), 9);
	assert_int_equal(collected_number(drop(), "period_s"), 7200);
}

static void a_long_gap_each_time_is_critical(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		session(0, 3600 * S, 0, 1, 20 * S, END_DELETED);
	detect_flush(stage->detect, stage);
	assert_int_equal(drop()->record.severity, SEVERITY_CRITICAL);
}

/* Ten seconds and a half between packets that come every five are no hole. */
static void a_pause_of_sparse_traffic_is_no_gap(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

		for (int n = 0; n < 720; n++) {
			for (int d = 0; d < 2; d++)
				stage_esp_packets(stage->child[child].esp[d], 1, 100);
			stage_pass(5 * S);
		}
		stage_child_down(child, END_DELETED, 1);
		stage_ike_down(ike, END_DELETED, 1);
		stage_pass(11 * S / 2);
	}
	detect_flush(stage->detect, stage);
	assert_int_equal(drop()->record.severity, SEVERITY_WARNING);
	assert_string_equal(collected_text(drop(), "traffic_before_end"), "flowing");
}

/* One whose beginning nobody saw, of side 0; `by` deletes it at this age. */
static void session_begun_unseen(nsec age, int by, nsec pause)
{
	uint32_t ike = stage_ike(0, 2), child;

	stage->ike[ike].origin = ORIGIN_MIDSTREAM;
	stage->ike[ike].state = IKE_ESTABLISHED;
	child = stage_child(ike, 0);
	stage_pass(age);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], (uint64_t)(age / S), 1000);
	stage_child_down(child, END_DELETED, by);
	stage_ike_down(ike, END_DELETED, by);
	stage_pass(pause);
}

static void session_from_before(int by)
{
	session_begun_unseen(9000 * S, by, 2 * S);
}

static void the_end_of_one_from_before_the_capture_is_an_end_too(void **state)
{
	(void)state;
	session_from_before(1);
	for (int i = 0; i < 3; i++)
		session(0, 10800 * S, 0, 1, 2 * S, END_DELETED);
	detect_flush(stage->detect, stage);
	assert_non_null(drop());
	assert_string_equal(drop()->cause, "max_session_timer");
	assert_int_equal(collected_number(drop(), "ends"), 3);
	assert_int_equal(collected_number(drop(), "period_s"), 10800);
}

static void but_not_when_the_other_side_deleted_it(void **state)
{
	(void)state;
	session_from_before(0);
	for (int i = 0; i < 3; i++)
		session(0, 10800 * S, 0, 1, 2 * S, END_DELETED);
	detect_flush(stage->detect, stage);
	assert_null(drop());
}

static void one_whose_beginning_was_not_captured_is_one_of_the_series(void **state)
{
	(void)state;
	nsec first = stage->now + 1800 * S;

	for (int i = 0; i < 3; i++)
		session(0, 1800 * S, 0, 1, 3 * S, END_DELETED);
	assert_null(drop());
	stage_pass(30 * S);
	session_begun_unseen(1770 * S, 1, 3 * S);
	assert_non_null(drop());	/* since the third was followed by something */
	assert_int_equal(drop()->record.last, first + 2 * 1803 * S);
	session(0, 1800 * S, 0, 1, 3 * S, END_DELETED);
	stage_ike_up(0, 2);
	detect_flush(stage->detect, stage);
	assert_string_equal(drop()->cause, "max_session_timer");
	assert_int_equal(collected_number(drop(), "ends"), 5);
	assert_int_equal(drop()->record.confidence, CONFIDENCE_HIGH);
	assert_int_equal(drop()->record.first, first);
}

static void nor_does_it_hide_the_series_when_it_is_the_second(void **state)
{
	(void)state;
	session(0, 1800 * S, 0, 1, 33 * S, END_DELETED);
	session_begun_unseen(1770 * S, 1, 3 * S);
	session(0, 1800 * S, 0, 1, 3 * S, END_DELETED);
	stage_ike_up(0, 2);
	detect_flush(stage->detect, stage);
	assert_non_null(drop());
	assert_int_equal(collected_number(drop(), "ends"), 3);
}

static void one_that_ended_at_another_time_is_none_of_the_series(void **state)
{
	(void)state;
	session(0, 1800 * S, 0, 1, 33 * S, END_DELETED);
	session_begun_unseen(1200 * S, 1, 3 * S);
	session(0, 1800 * S, 0, 1, 3 * S, END_DELETED);
	stage_ike_up(0, 2);
	detect_flush(stage->detect, stage);
	assert_null(drop());
}

static void who_reauthenticates_does_so_too_where_the_set_up_is_not_captured(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		session(0, 3600 * S, 0, 0, 1 * S, END_DELETED);
		session_begun_unseen(3599 * S, 0, 1 * S);
	}
	stage_ike_up(0, 2);
	detect_flush(stage->detect, stage);
	assert_null(drop());
}

static void sessions_of_scattered_ages_are_not_periodic(void **state)
{
	(void)state;
	static const int ages[] = { 3600, 5000, 1200, 9000, 700, 4000 };

	for (size_t i = 0; i < 6; i++)
		session(0, ages[i] * S, 0, 1, 2 * S, END_DELETED);
	assert_null(drop());
}

static void three_of_irregular_sessions_that_are_alike_by_chance_are_no_timer(void **state)
{
	(void)state;
	static const int ages[] = { 323, 419, 408, 339, 372, 366, 310 };

	for (size_t i = 0; i < 7; i++)
		session(0, ages[i] * S, 0, 1, 6 * S, END_DELETED);
	stage_ike_up(0, 2);
	detect_flush(stage->detect, stage);
	assert_null(drop());
}

/* Each night at three; it takes two minutes and a half to boot. */
static void ends_that_are_days_apart_when_the_ages_are_not_are_maintenance(void **state)
{
	(void)state;
	session(0, 10800 * S, 0, 1, 150 * S, END_DELETED);
	for (int i = 0; i < 3; i++)
		session(0, 86250 * S, 0, 1, 150 * S, END_DELETED);
	stage_ike_up(0, 2);
	detect_flush(stage->detect, stage);
	assert_non_null(drop());
	assert_string_equal(drop()->cause, "maintenance");
	assert_int_equal(drop()->record.severity, SEVERITY_INFO);
	assert_non_null(strstr(drop()->summary, "at the same time of the day by 203.0.113.1"));
}

/* Some time between three and a quarter past. */
static void ends_at_about_the_same_time_every_night_are_maintenance(void **state)
{
	(void)state;
	static const int late[] = { 0, 620, 100, 850, 400, 210, 700 };

	for (int i = 1; i < 7; i++)
		session(0, (86250 + late[i] - late[i - 1]) * S, 0, 1, 150 * S, END_DELETED);
	stage_ike_up(0, 2);
	detect_flush(stage->detect, stage);
	assert_non_null(drop());
	assert_string_equal(drop()->cause, "maintenance");
	assert_int_equal(drop()->record.severity, SEVERITY_INFO);
}

static void sessions_that_are_a_day_old_are_ended_by_a_timer(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		session(0, 86400 * S, 0, 1, 3 * S, END_DELETED);
	stage_ike_up(0, 2);
	detect_flush(stage->detect, stage);
	assert_non_null(drop());
	assert_string_equal(drop()->cause, "max_session_timer");
	assert_int_equal(drop()->record.severity, SEVERITY_WARNING);
}

static void who_deletes_and_begins_anew_at_once_reauthenticates(void **state)
{
	for (int older = 0; older < 2; older++) {
		stage_open(state);
		if (older)	/* than the capture */
			session_begun_unseen(1800 * S, 0, 1 * S);
		for (int i = 0; i < 6; i++)
			session(0, 3600 * S, 0, 0, 1 * S, END_DELETED);
		assert_null(drop());
		stage_close(state);
	}
}

/* Whoever has the next packet to send begins anew; the age tells that a timer ended them. */
static void unless_the_other_side_begins_anew_as_often(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		session(i % 2, 10800 * S, 0, 1, S / 2, END_DELETED);
	stage_ike_up(0, 2);
	detect_flush(stage->detect, stage);
	assert_non_null(drop());
	assert_string_equal(drop()->cause, "max_session_timer");
	assert_string_equal(collected_text(drop(), "ended_by"), "203.0.113.1");
	assert_int_equal(drop()->record.count, 5);
}

static void or_the_age_is_not_that_of_a_timer(void **state)
{
	(void)state;
	static const int more[] = { 0, 400, 120, 510, 30, 333 };

	for (int i = 0; i < 6; i++)
		session(i == 3, (10400 + more[i]) * S, 0, 1, S / 2, END_DELETED);
	stage_ike_up(1, 2);
	detect_flush(stage->detect, stage);
	assert_null(drop());
}

static void who_dials_again_two_seconds_after_its_own_delete_was_cut_off(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		session(0, 10800 * S, 0, 0, 2 * S, END_DELETED);
	assert_non_null(drop());
	assert_string_equal(drop()->cause, "max_session_timer");
	assert_string_equal(collected_text(drop(), "ended_by"), "192.0.2.1");
}

static void unless_nothing_was_to_be_sent(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		session(0, 10800 * S, 1800 * S, 0, 2 * S, END_DELETED);
	assert_null(drop());
}

static void idle_before_each_end_is_an_idle_timer_and_no_fault(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		session(0, 3600 * S, 1800 * S, 1, 60 * S, END_DELETED);
	detect_flush(stage->detect, stage);
	assert_string_equal(drop()->cause, "idle_timer");
	assert_int_equal(drop()->record.severity, SEVERITY_INFO);
}

static void a_tunnel_closed_for_the_night_is_no_drop(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		session(0, 3600 * S, 0, 1, 7200 * S, END_DELETED);
	assert_null(drop());
}

static void make_before_break_is_not_an_end(void **state)
{
	(void)state;
	uint32_t old = stage_ike_up(0, 2);

	for (int i = 0; i < 6; i++) {
		uint32_t new;

		stage_pass(3600 * S);
		new = stage_ike_up(0, 2);
		stage_pass(1 * S);
		stage_ike_down(old, END_SUPERSEDED, 0);
		old = new;
	}
	assert_null(drop());
}

static void an_end_that_is_known_only_after_the_next_session_began_counts(void **state)
{
	(void)state;
	uint32_t old = stage_ike_up(0, 2);

	for (int i = 0; i < 5; i++) {
		uint32_t new, child = stage_child(old, 0);

		stage_pass(3600 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child].esp[d], 3600, 1000);

		nsec deleted = stage->now;

		stage_pass(2 * S);
		new = stage_ike_up(0, 2);
		stage_pass(3 * S);
		/* the tracker waited to see what the Delete meant, and calls it superseded */
		stage->ike[old].ended = deleted;
		stage->ike[old].end_reason = END_SUPERSEDED;
		stage->ike[old].ended_by = 1;
		stage_ike_event(EVENT_IKE_SA_ENDED, old, 1);
		old = new;
	}
	assert_non_null(drop());
	assert_string_equal(drop()->cause, "max_session_timer");
}

static void a_round_age_without_ike_rekeys_may_be_an_ike_lifetime_as_well(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		session(0, 3600 * S, 0, 1, 2 * S, END_DELETED);
	detect_flush(stage->detect, stage);
	assert_string_equal(drop()->cause, "max_session_timer");
	assert_non_null(strstr(drop()->summary, "or an IKE lifetime of 1 h"));
}

/* `n` sessions of this age whose peer is lost: known only when the next one has stood for long. */
static void lost_sessions(int n, nsec age)
{
	uint32_t old = stage_ike_up(0, 2);

	for (int i = 0; i < n; i++) {
		uint32_t new, child = stage_child(old, 0);
		nsec probed;

		stage_pass(age);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child].esp[d], (uint64_t)(age / S), 1000);
		stage_pass(10 * S);
		probed = stage->now;
		stage_pass(10 * S);
		stage_esp_packets(stage->child[child].esp[0], 20, 1000);
		new = stage_ike_up(0, 2);
		stage_pass(90 * S);
		stage->ike[old].ended = probed;
		stage->ike[old].end_reason = END_PEER_LOST;
		stage->ike[old].ended_by = 1;
		stage_ike_event(EVENT_IKE_SA_ENDED, old, 1);
		old = new;
	}
}

static void sessions_whose_peer_is_lost_at_the_same_age_every_time_have_a_timer(void **state)
{
	(void)state;
	lost_sessions(4, 3600 * S);
	detect_flush(stage->detect, stage);
	assert_non_null(drop());
	assert_string_equal(drop()->cause, "dpd");
	assert_non_null(strstr(drop()->summary, "because 203.0.113.1 no longer answers"));
}

/* Alerts of this code that stand alone, or are symptoms of periodic_drop. */
static size_t restarts(bool symptoms)
{
	size_t n = 0;

	for (size_t i = 0; i < stage->alerts.n; i++) {
		const struct collected_alert *a = &stage->alerts.alert[i];

		n += strcmp(a->code, "peer_restart") == 0 &&
		     (strcmp(a->cause, "periodic_drop") == 0 &&
		      a->record.incident == drop()->record.id) == symptoms;
	}
	return n;
}

static void what_looked_like_restarts_is_told_as_their_symptom(void **state)
{
	(void)state;
	lost_sessions(4, 3600 * S);
	detect_flush(stage->detect, stage);
	assert_non_null(drop());
	assert_int_equal(drop()->record.incident, 0);
	assert_int_equal(restarts(true), 4);
	assert_int_equal(restarts(false), 0);
}

static void the_hold_down_of_a_restart_is_as_long_as_ever(void **state)
{
	(void)state;
	lost_sessions(2, 7200 * S);
	detect_flush(stage->detect, stage);
	assert_null(drop());
	assert_int_equal(restarts(false), 2);	/* two alerts, not one again */
	assert_string_equal(stage->alerts.alert[0].cause, "silence");
	assert_true(stage->alerts.alert[0].record.cleared);
}

static void a_restart_before_sessions_that_are_deleted_is_another_story(void **state)
{
	(void)state;
	lost_sessions(1, 3600 * S);
	for (int i = 0; i < 4; i++)
		session(0, 10800 * S, 0, 1, 2 * S, END_DELETED);
	detect_flush(stage->detect, stage);
	assert_string_equal(drop()->cause, "max_session_timer");
	assert_int_equal(restarts(true), 0);
	assert_int_equal(restarts(false), 1);
}

static void nor_is_one_long_before_the_series_part_of_it(void **state)
{
	(void)state;
	lost_sessions(1, 900 * S);
	stage_pass(1800 * S);
	lost_sessions(4, 3600 * S);
	detect_flush(stage->detect, stage);
	assert_string_equal(drop()->cause, "dpd");
	assert_int_equal(restarts(true), 4);
	assert_int_equal(restarts(false), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(
		three_equal_sessions_ended_by_the_same_side_with_traffic_are_a_session_timer),
		ON_STAGE(sessions_whose_renewal_is_refused_end_by_no_session_timer),
		ON_STAGE(five_are_certain),
		ON_STAGE(all_of_a_long_series_are_counted),
		ON_STAGE(but_not_those_of_a_series_before_the_timer_was_changed),
		ON_STAGE(a_long_gap_each_time_is_critical),
		ON_STAGE(a_pause_of_sparse_traffic_is_no_gap),
		ON_STAGE(the_end_of_one_from_before_the_capture_is_an_end_too),
		ON_STAGE(but_not_when_the_other_side_deleted_it),
		ON_STAGE(one_whose_beginning_was_not_captured_is_one_of_the_series),
		ON_STAGE(nor_does_it_hide_the_series_when_it_is_the_second),
		ON_STAGE(one_that_ended_at_another_time_is_none_of_the_series),
		ON_STAGE(who_reauthenticates_does_so_too_where_the_set_up_is_not_captured),
		ON_STAGE(sessions_of_scattered_ages_are_not_periodic),
		ON_STAGE(three_of_irregular_sessions_that_are_alike_by_chance_are_no_timer),
		ON_STAGE(ends_that_are_days_apart_when_the_ages_are_not_are_maintenance),
		ON_STAGE(ends_at_about_the_same_time_every_night_are_maintenance),
		ON_STAGE(sessions_that_are_a_day_old_are_ended_by_a_timer),
		cmocka_unit_test(who_deletes_and_begins_anew_at_once_reauthenticates),
		ON_STAGE(unless_the_other_side_begins_anew_as_often),
		ON_STAGE(or_the_age_is_not_that_of_a_timer),
		ON_STAGE(who_dials_again_two_seconds_after_its_own_delete_was_cut_off),
		ON_STAGE(unless_nothing_was_to_be_sent),
		ON_STAGE(idle_before_each_end_is_an_idle_timer_and_no_fault),
		ON_STAGE(a_tunnel_closed_for_the_night_is_no_drop),
		ON_STAGE(make_before_break_is_not_an_end),
		ON_STAGE(an_end_that_is_known_only_after_the_next_session_began_counts),
		ON_STAGE(a_round_age_without_ike_rekeys_may_be_an_ike_lifetime_as_well),
		ON_STAGE(sessions_whose_peer_is_lost_at_the_same_age_every_time_have_a_timer),
		ON_STAGE(what_looked_like_restarts_is_told_as_their_symptom),
		ON_STAGE(the_hold_down_of_a_restart_is_as_long_as_ever),
		ON_STAGE(a_restart_before_sessions_that_are_deleted_is_another_story),
		ON_STAGE(nor_is_one_long_before_the_series_part_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
