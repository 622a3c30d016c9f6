/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "peer_restart");
}

static uint32_t old_ike, old_child;

/* A tunnel that worked for 20 minutes, ten packets a second. */
static void working(void)
{
	old_ike = stage_ike_up(0, 2);
	old_child = stage_child(old_ike, 0);
	stage_pass(1200 * S);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[old_child].esp[d], 12000, 1200000);
}

/* `side` says nothing for this long, the other one goes on. */
static void silence(int side, nsec span)
{
	stage_pass(span);
	stage_esp_packets(stage->child[old_child].esp[!side], (uint64_t)(10 * span / S), 1000);
}

static void a_new_ike_sa_after_complaints_about_unknown_spis_is_a_restart(void **state)
{
	(void)state;
	working();
	silence(1, 30 * S);
	stage_error(NO_INDEX, 1, IKE2_NOTIFY_INVALID_SPI, 0xc0000000);
	silence(1, 30 * S);
	stage_ike_up(0, 2);
	stage_pass(20 * S);
	assert_null(alert());
	stage_pass(30 * S);
	assert_non_null(alert());
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_HIGH);
	assert_string_equal(alert()->cause, "unknown_spi");
	assert_string_equal(collected_text(alert(), "restarted"), "203.0.113.1");
}

static void a_side_that_falls_silent_and_then_a_new_ike_sa_is_a_restart(void **state)
{
	(void)state;
	working();
	silence(1, 6 * S);
	stage_ike_up(1, 2);
	stage_pass(60 * S);
	assert_non_null(alert());
	assert_int_equal(alert()->record.confidence, CONFIDENCE_MEDIUM);
	assert_string_equal(collected_text(alert(), "restarted"), "203.0.113.1");
	assert_int_equal(collected_number(alert(), "silent_before_s"), 6);
}

/* The last packet of one is 0.2 s before that of the other: only one is silent for long enough. */
static void who_stops_with_the_other_side_did_not_fall_silent_alone(void **state)
{
	(void)state;
	working();
	stage_pass(S / 5);
	stage_esp_packets(stage->child[old_child].esp[0], 2, 200);
	stage_pass(9 * S / 10);
	stage_ike_up(1, 2);
	stage_pass(60 * S);
	assert_null(alert());
}

static void who_is_not_captured_cannot_be_told_from_who_is_silent(void **state)
{
	(void)state;
	working();
	silence(1, 6 * S);
	stage->tunnel[0].one_sided[0] = true;
	stage_ike_up(1, 2);
	stage_pass(60 * S);
	assert_null(alert());
}

/* Of which the Delete of the old IKE SA may be one. */
static void nor_can_it_where_the_capture_misses_messages(void **state)
{
	(void)state;
	working();
	silence(1, 6 * S);
	stage->of_tunnel[0].ike[0].messages = 50;
	stage->of_tunnel[0].ike[0].proven_unseen = 5;
	stage_ike_up(1, 2);
	stage_pass(60 * S);
	assert_null(alert());
}

static void a_few_messages_that_it_misses_are_not_all(void **state)
{
	(void)state;
	working();
	silence(1, 6 * S);
	stage->of_tunnel[0].ike[0].messages = 500;
	stage->of_tunnel[0].ike[0].proven_unseen = 5;
	stage_ike_up(1, 2);
	stage_pass(60 * S);
	assert_non_null(alert());
}

static void complaints_without_a_new_ike_sa_may_be_forged(void **state)
{
	(void)state;
	working();
	for (int i = 0; i < 20; i++) {
		stage_error(NO_INDEX, 1, IKE2_NOTIFY_INVALID_SPI, 0xc0000000);
		stage_pass(30 * S);
	}
	assert_null(alert());
}

static void reauthentication_deletes_the_old_one_and_is_answered(void **state)
{
	(void)state;
	struct exchange *x;

	working();
	silence(1, 6 * S);
	stage_ike_up(0, 2);
	stage_pass(2 * S);
	x = stage_request(old_ike, IKE2_EXCHANGE_INFORMATIONAL, PURPOSE_DELETE_UNKNOWN, 0, 9);
	stage_answer(x);
	stage_pass(60 * S);
	assert_null(alert());
}

static void a_second_tunnel_beside_the_first_is_no_restart(void **state)
{
	(void)state;
	working();
	stage_ike_up(1, 2);
	for (int i = 0; i < 10; i++) {
		stage_pass(10 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[old_child].esp[d], 100, 10000);
	}
	assert_null(alert());
}

static void when_both_are_silent_nobody_had_anything_to_say(void **state)
{
	(void)state;
	working();
	stage_pass(60 * S);
	stage_ike_up(0, 2);
	stage_pass(60 * S);
	assert_null(alert());
}

static void a_deleted_ike_sa_was_not_forgotten(void **state)
{
	(void)state;
	working();
	silence(1, 6 * S);
	stage_ike_down(old_ike, END_DELETED, 1);
	stage_ike_up(1, 2);
	stage_pass(60 * S);
	assert_null(alert());
}

/* A Delete of the old IKE SA on which nothing is decided as yet. */
static void delete_asked_for(int side)
{
	stage->ike[old_ike].delete_at = stage->now;
	stage->ike[old_ike].delete_by = (int8_t)side;
}

static void who_has_just_deleted_it_did_not_lose_it(void **state)
{
	(void)state;
	working();
	delete_asked_for(1);
	silence(1, 2 * S);
	stage_ike_up(0, 2);
	stage_pass(5 * S);
	stage_ike_down(old_ike, END_DELETED, 1);
	stage->ike[old_ike].delete_at = NSEC_NONE;
	stage_pass(60 * S);
	assert_null(alert());
}

static void nor_did_who_answered_its_delete(void **state)
{
	(void)state;
	working();
	delete_asked_for(0);
	silence(1, 2 * S);
	stage_ike_up(0, 2);
	stage_pass(60 * S);
	assert_null(alert());
}

static void nor_did_who_spoke_until_the_other_deleted_it(void **state)
{
	(void)state;
	working();
	stage->ike[old_ike].major = 1;
	delete_asked_for(0);
	silence(1, 6 * S);
	stage_ike_up(1, 1);
	stage_pass(60 * S);
	assert_null(alert());
}

static void nor_did_who_deleted_the_child_sa_it_sent_on(void **state)
{
	(void)state;
	working();
	stage_child_down(old_child, END_DELETED, 1);
	silence(1, 6 * S);
	stage_ike_up(0, 1);
	stage_pass(60 * S);
	assert_null(alert());
}

static void a_delete_of_ikev1_to_the_silent_side_proves_nothing_of_it(void **state)
{
	(void)state;
	working();
	stage->ike[old_ike].major = 1;
	silence(1, 6 * S);
	delete_asked_for(0);
	stage_ike_up(1, 1);
	stage_pass(5 * S);
	stage_ike_down(old_ike, END_DELETED, 0);
	stage->ike[old_ike].delete_at = NSEC_NONE;
	stage_pass(60 * S);
	assert_non_null(alert());
	assert_string_equal(collected_text(alert(), "restarted"), "203.0.113.1");
}

/* The capture began in mid-life, and the old IKE SA asked nothing until its peer had restarted. */
static void one_from_before_the_capture_that_gets_no_answer_beside_a_new_one_was_left_behind(
	void **state)
{
	(void)state;
	for (int answered = 0; answered < 2; answered++) {
		uint32_t old;

		old_child = stage_child(NO_INDEX, 0);
		stage_pass(1200 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[old_child].esp[d], 12000, 1200000);
		silence(1, 6 * S);
		stage_ike_up(1, 2);
		stage_pass(30 * S);
		old = stage_ike(0, 2);
		stage->ike[old].origin = ORIGIN_MIDSTREAM;
		stage->ike[old].established = answered ? stage->now : NSEC_NONE;
		stage_pass(90 * S);
		stage_ike_down(old, END_PEER_LOST, 1);
		stage_pass(60 * S);
		if (answered) {
			assert_null(alert());
			break;
		}
		assert_non_null(alert());
		assert_string_equal(collected_text(alert(), "restarted"), "203.0.113.1");
		stage_close(state);
		stage_open(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(a_new_ike_sa_after_complaints_about_unknown_spis_is_a_restart),
		ON_STAGE(a_side_that_falls_silent_and_then_a_new_ike_sa_is_a_restart),
		ON_STAGE(who_stops_with_the_other_side_did_not_fall_silent_alone),
		ON_STAGE(who_is_not_captured_cannot_be_told_from_who_is_silent),
		ON_STAGE(nor_can_it_where_the_capture_misses_messages),
		ON_STAGE(a_few_messages_that_it_misses_are_not_all),
		ON_STAGE(complaints_without_a_new_ike_sa_may_be_forged),
		ON_STAGE(reauthentication_deletes_the_old_one_and_is_answered),
		ON_STAGE(a_second_tunnel_beside_the_first_is_no_restart),
		ON_STAGE(when_both_are_silent_nobody_had_anything_to_say),
		ON_STAGE(a_deleted_ike_sa_was_not_forgotten),
		ON_STAGE(who_has_just_deleted_it_did_not_lose_it),
		ON_STAGE(nor_did_who_answered_its_delete),
		ON_STAGE(nor_did_who_spoke_until_the_other_deleted_it),
		ON_STAGE(nor_did_who_deleted_the_child_sa_it_sent_on),
		ON_STAGE(a_delete_of_ikev1_to_the_silent_side_proves_nothing_of_it),
		ON_STAGE(
		one_from_before_the_capture_that_gets_no_answer_beside_a_new_one_was_left_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
