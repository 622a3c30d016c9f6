/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "duplicate_ike_sa");
}

static void two_ike_sas_built_at_once_from_both_ends_and_kept_are_duplicates(void **state)
{
	(void)state;
	stage_ike_up(0, 2);
	stage_pass(2 * S);
	stage_ike_up(1, 2);
	stage_pass(20 * S);
	assert_null(alert());
	stage_pass(30 * S);
	assert_non_null(alert());
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_HIGH);
}

static void a_duplicate_cleaned_up_at_once_is_the_protocol_at_work(void **state)
{
	(void)state;
	uint32_t a = stage_ike_up(0, 2);

	stage_pass(1 * S);
	stage_ike_up(1, 2);
	stage_pass(10 * S);
	stage_ike_down(a, END_DELETED, 0);
	stage_pass(600 * S);
	assert_null(alert());
}

static void reauthentication_has_one_initiator(void **state)
{
	(void)state;
	stage_ike_up(0, 2);
	stage_pass(1 * S);
	stage_ike_up(0, 2);
	stage_pass(600 * S);
	assert_null(alert());
}

static void a_peer_that_begins_when_the_other_ike_sa_is_long_up_did_not_cross(void **state)
{
	(void)state;
	stage_ike_up(0, 2);
	stage_pass(20 * S);
	stage_ike_up(1, 2);
	stage_pass(600 * S);
	assert_null(alert());
}

static void where_one_side_is_not_captured_one_of_the_two_may_be_deleted_unseen(void **state)
{
	(void)state;
	stage->tunnel[0].one_sided[0] = true;
	stage_ike_up(0, 2);
	stage_pass(2 * S);
	stage_ike_up(1, 2);
	stage_pass(60 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_LOW);
}

static void a_second_pair_within_the_window_is_critical(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		uint32_t a = stage_ike_up(0, 2), b = stage_ike_up(1, 2);

		stage_pass(60 * S);
		stage_ike_down(a, END_DELETED, 0);
		stage_ike_down(b, END_DELETED, 0);
		stage_pass(600 * S);
	}
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(two_ike_sas_built_at_once_from_both_ends_and_kept_are_duplicates),
		ON_STAGE(a_duplicate_cleaned_up_at_once_is_the_protocol_at_work),
		ON_STAGE(reauthentication_has_one_initiator),
		ON_STAGE(a_peer_that_begins_when_the_other_ike_sa_is_long_up_did_not_cross),
		ON_STAGE(where_one_side_is_not_captured_one_of_the_two_may_be_deleted_unseen),
		ON_STAGE(a_second_pair_within_the_window_is_critical),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
