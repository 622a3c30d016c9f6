/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "pfs_mismatch");
}

static uint32_t built(uint32_t *ret_ike)
{
	*ret_ike = stage_ike_up(0, 2);
	return stage_child_how(*ret_ike, 0, CREATED_IKE_AUTH);
}

/* Set up, works for an hour, `refusals` of its rekey, dies. */
static void cycle(int refusals)
{
	uint32_t ike, child = built(&ike);

	stage_pass(3300 * S);
	for (int i = 0; i < refusals; i++) {
		stage_refusal(ike, 0, IKE2_PAYLOAD_NOTIFY);
		stage_pass(10 * S);
	}
	stage_pass(300 * S);
	stage_child_down(child, END_DELETED, 0);
	stage_ike_down(ike, END_DELETED, 0);
	stage_pass(10 * S);
}

static void one_cycle_is_suspected_and_two_are_certain(void **state)
{
	(void)state;
	cycle(2);
	assert_non_null(alert());
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_MEDIUM);
	assert_string_equal(collected_text(alert(), "refused_by"), "203.0.113.1");
	assert_int_equal(collected_number(alert(), "child_age_s"), 3300);
	cycle(2);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_HIGH);
	assert_int_equal(collected_number(alert(), "cycles"), 2);
	assert_non_null(strstr(alert()->summary, "PFS"));
}

static void three_refusals_in_a_row_do_not_wait_for_the_end(void **state)
{
	(void)state;
	uint32_t ike;

	built(&ike);
	stage_pass(3300 * S);
	stage_refusal(ike, 0, IKE2_PAYLOAD_NOTIFY);
	stage_refusal(ike, 0, IKE2_PAYLOAD_NOTIFY);
	assert_null(alert());
	stage_refusal(ike, 0, IKE2_PAYLOAD_NOTIFY);
	assert_non_null(alert());
}

static void a_temporary_failure_whose_retry_succeeds_is_no_mismatch(void **state)
{
	(void)state;
	uint32_t ike, child = built(&ike);

	stage_pass(3300 * S);
	stage_refusal(ike, 0, IKE2_PAYLOAD_NOTIFY);
	stage_pass(10 * S);
	stage_child_rekey(child, 0);
	stage_pass(3600 * S);
	assert_null(alert());
}

static void once_a_rekey_succeeded_the_groups_are_equal(void **state)
{
	(void)state;
	uint32_t ike;

	cycle(2);
	stage_child_rekey(built(&ike), 0);
	stage_pass(2 * stage->settings.pfs_window + 60 * S);
	assert_true(alert()->record.cleared);
}

static void refusals_right_after_the_set_up_are_another_child_sa(void **state)
{
	(void)state;
	uint32_t ike, child = built(&ike);

	for (int i = 0; i < 10; i++) {
		stage_refusal(ike, 0, IKE2_PAYLOAD_SA);
		stage_pass(5 * S);
	}
	stage_child_down(child, END_DELETED, 0);
	stage_pass(10 * S);
	assert_null(alert());
	assert_non_null(collected_find(&stage->alerts, "ts_mismatch"));
}

static void a_refused_rekey_is_not_called_a_selector_mismatch(void **state)
{
	(void)state;
	cycle(6);
	assert_null(collected_find(&stage->alerts, "ts_mismatch"));
}

static void what_is_refused_from_the_set_up_on_is_another_child_sa_however_old_the_first_grows(
	void **state)
{
	(void)state;
	uint32_t ike;

	built(&ike);
	for (int i = 0; i < 80; i++) {
		stage_pass(15 * S);
		stage_refusal(ike, 0, IKE2_PAYLOAD_SA);
	}
	assert_null(alert());
	assert_non_null(collected_find(&stage->alerts, "ts_mismatch"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(one_cycle_is_suspected_and_two_are_certain),
		ON_STAGE(three_refusals_in_a_row_do_not_wait_for_the_end),
		ON_STAGE(a_temporary_failure_whose_retry_succeeds_is_no_mismatch),
		ON_STAGE(once_a_rekey_succeeded_the_groups_are_equal),
		ON_STAGE(refusals_right_after_the_set_up_are_another_child_sa),
		ON_STAGE(
		what_is_refused_from_the_set_up_on_is_another_child_sa_however_old_the_first_grows),
		ON_STAGE(a_refused_rekey_is_not_called_a_selector_mismatch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
