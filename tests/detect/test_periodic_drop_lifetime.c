/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *drop(void)
{
	return collected_find(&stage->alerts, "periodic_drop");
}

static uint32_t declared_life;		/* seconds, in IKEv1; 0: IKEv2 */

/*
 * Sessions that nobody deletes; the traffic of each stops this long before the next one is asked
 * for.
 */
static void silent_sessions(int n, nsec pause)
{
	for (int i = 0; i < n; i++) {
		uint32_t ike = stage_ike_up(0, declared_life ? 1 : 2);

		stage->ike[ike].has_life_seconds = declared_life != 0;
		stage->ike[ike].life_seconds = declared_life;

		stage_pass(S / 10);

		uint32_t child = stage_child(ike, 0);

		stage_pass(3600 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child].esp[d], 3600, 1000);
		stage_pass(pause);
	}
	uint32_t ike = stage_ike_up(0, 2);

	stage_pass(S / 10);
	stage_child(ike, 0);
	stage_pass(60 * S);
	detect_flush(stage->detect, stage);
}

static void sessions_that_run_out_without_a_delete_are_a_lifetime_that_nobody_renews(void **state)
{
	(void)state;
	silent_sessions(3, 3 * S);
	assert_non_null(drop());
	assert_string_equal(drop()->cause, "ike_lifetime_no_rekey");
	assert_int_equal(drop()->record.severity, SEVERITY_WARNING);
	assert_non_null(strstr(drop()->summary, "without a Delete"));
}

static void only_what_was_declared_is_called_the_declared_lifetime(void **state)
{
	(void)state;
	declared_life = 86400;
	silent_sessions(3, 3 * S);
	declared_life = 0;
	assert_non_null(drop());
	assert_int_equal(collected_number(drop(), "declared_lifetime_s"), 86400);
	assert_null(strstr(drop()->summary, "86400"));
	assert_non_null(strstr(drop()->summary, "without a Delete"));
}

static void traffic_that_flowed_until_the_next_was_asked_for_is_renewal_in_time(void **state)
{
	(void)state;
	silent_sessions(5, 0);
	assert_null(drop());
}

static void a_tunnel_that_is_idle_until_it_is_asked_for_again_does_not_run_out(void **state)
{
	(void)state;
	silent_sessions(5, 300 * S);
	assert_null(drop());
}

static void deletes_that_are_not_captured_are_no_silence(void **state)
{
	(void)state;
	stage->tunnel[0].one_sided[1] = true;
	silent_sessions(5, 3 * S);
	assert_null(drop());
}

/* A session of phase 1 for which this lifetime was offered; `by` deletes it at this age. */
static void declared_session_of(int initiator, uint32_t life_s, int by, nsec age)
{
	uint32_t ike = stage_ike(initiator, 1), child;

	stage_ike_event(EVENT_IKE_SA_CREATED, ike, initiator);
	stage->ike[ike].state = IKE_ESTABLISHED;
	stage->ike[ike].established = stage->now;
	stage->ike[ike].has_life_seconds = true;
	stage->ike[ike].life_seconds = life_s;
	stage_ike_event(EVENT_IKE_SA_ESTABLISHED, ike, initiator);
	child = stage_child(ike, initiator);
	stage_pass(age);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], (uint64_t)(age / S), 1000);
	stage_child_down(child, END_DELETED, by);
	stage_ike_down(ike, END_DELETED, by);
	stage_pass(4 * S);
}

static void declared_session(int initiator, uint32_t life_s, int by)
{
	declared_session_of(initiator, life_s, by, 28800 * S);
}

static void the_lifetime_that_was_agreed_is_not_called_that_of_the_side_that_deletes(void **state)
{
	(void)state;
	declared_session_of(1, 86400, 1, 100 * S);
	for (int i = 0; i < 4; i++)
		declared_session(0, 28800, 1);
	detect_flush(stage->detect, stage);
	assert_string_equal(drop()->cause, "ike_lifetime_no_rekey");
	assert_int_equal(collected_number(drop(), "declared_lifetime_s"), 28800);
	assert_true(collected_number(drop(), "ended_by_offers_s") < 0);		/* there is none */
	assert_non_null(strstr(drop()->summary, "declared phase 1 lifetime of 28800 s"));
}

static void a_responder_that_repeats_an_offer_does_not_tell_its_own_lifetime(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		declared_session(0, 86400, 1);
	detect_flush(stage->detect, stage);
	assert_string_equal(drop()->cause, "max_session_timer");
	assert_non_null(strstr(drop()->summary, "or an IKE lifetime of 8 h"));
}

static void who_deletes_at_the_lifetime_that_it_offers_itself_has_no_session_timer(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		declared_session(0, 86400, 1);
	declared_session(1, 28800, 1);
	detect_flush(stage->detect, stage);
	assert_string_equal(drop()->cause, "ike_lifetime_no_rekey");
	assert_int_equal(collected_number(drop(), "ended_by_offers_s"), 28800);
	assert_non_null(strstr(drop()->summary, "203.0.113.1 itself offers (28800 s)"));
	assert_non_null(strstr(drop()->summary, "192.0.2.1 offers 86400 s"));
}

static void who_deletes_before_the_lifetime_that_it_offers_itself_has_a_session_timer(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		declared_session(1, 86400, 1);
	detect_flush(stage->detect, stage);
	assert_string_equal(drop()->cause, "max_session_timer");
	assert_non_null(strstr(drop()->summary, "not an SA lifetime"));
}

/* IKEv1: phase 1 runs out, its child SA goes on, and phase 1 is made again when it is needed. */
static void a_phase_1_that_its_child_sas_outlive_was_no_session(void **state)
{
	for (int torn_down = 0; torn_down < 2; torn_down++) {
		stage_open(state);
		uint32_t child = 0;

		for (int i = 0; i < 5; i++) {
			uint32_t ike = stage_ike_up(0, 1);

			if (i == 0 || torn_down)
				child = stage_child(ike, 0);
			for (int d = 0; d < 2; d++)
				stage_esp_packets(stage->child[child].esp[d], 1, 100);
			stage_pass(3600 * S);
			for (int d = 0; d < 2; d++)
				stage_esp_packets(stage->child[child].esp[d], 3600, 1000);
			stage_ike_down(ike, END_DELETED, 1);
			if (torn_down)
				stage_child_down(child, END_DELETED, 1);
			stage_pass(3 * S);
			for (int d = 0; d < 2 && !torn_down; d++)
				stage_esp_packets(stage->child[child].esp[d], 3, 1000);
			stage_pass(20 * S);
		}
		stage_ike_up(0, 1);
		detect_flush(stage->detect, stage);
		if (torn_down)
			assert_non_null(drop());
		else
			assert_null(drop());
		stage_close(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(sessions_that_run_out_without_a_delete_are_a_lifetime_that_nobody_renews),
		ON_STAGE(only_what_was_declared_is_called_the_declared_lifetime),
		ON_STAGE(traffic_that_flowed_until_the_next_was_asked_for_is_renewal_in_time),
		ON_STAGE(a_tunnel_that_is_idle_until_it_is_asked_for_again_does_not_run_out),
		ON_STAGE(deletes_that_are_not_captured_are_no_silence),
		ON_STAGE(the_lifetime_that_was_agreed_is_not_called_that_of_the_side_that_deletes),
		ON_STAGE(a_responder_that_repeats_an_offer_does_not_tell_its_own_lifetime),
		ON_STAGE(who_deletes_at_the_lifetime_that_it_offers_itself_has_no_session_timer),
		ON_STAGE(who_deletes_before_the_lifetime_that_it_offers_itself_has_a_session_timer),
		cmocka_unit_test(a_phase_1_that_its_child_sas_outlive_was_no_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
