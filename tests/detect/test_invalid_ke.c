/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "invalid_ke");
}

static uint32_t attempt(int times)
{
	uint32_t ike = stage_ike(0, 2);

	stage->ike[ike].n_transforms = 2;
	stage->ike[ike].transforms[0] =
		(struct ike2_transform){ .type = IKE2_TRANSFORM_KE, .id = 31 };
	stage->ike[ike].transforms[1] =
		(struct ike2_transform){ .type = IKE2_TRANSFORM_KE, .id = 14 };
	for (int i = 0; i < times; i++)
		stage_error(ike, 1, IKE2_NOTIFY_INVALID_KE_PAYLOAD, 14);
	return ike;
}

static void one_wrong_guess_is_information(void **state)
{
	(void)state;
	attempt(1);
	assert_non_null(alert());
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_string_equal(collected_text(alert(), "group_wanted"), "MODP_2048");
	assert_non_null(strstr(collected_text(alert(), "groups_offered"), "MODP_2048"));
	assert_string_equal(collected_text(alert(), "initiator"), "192.0.2.1");
}

static void a_group_that_was_not_said_is_not_called_none(void **state)
{
	(void)state;
	stage_error(stage_ike(0, 2), 1, IKE2_NOTIFY_INVALID_KE_PAYLOAD, 0);
	assert_non_null(alert());
	assert_null(strstr(alert()->summary, "NONE"));
	assert_string_equal(collected_text(alert(), "group_wanted"), "");
}

static void a_long_offer_is_cut_between_two_groups(void **state)
{
	(void)state;
	uint32_t ike = stage_ike(0, 2);
	struct ike_sa *sa = &stage->ike[ike];
	const char *offered, *last;

	sa->n_transforms = 12;
	for (uint16_t i = 0; i < 12; i++)
		sa->transforms[i] = (struct ike2_transform){ .type = IKE2_TRANSFORM_KE,
							     .id = (uint16_t)(14 + i) };
	stage_error(ike, 1, IKE2_NOTIFY_INVALID_KE_PAYLOAD, 14);
	offered = collected_text(alert(), "groups_offered");
	last = strrchr(offered, ' ');
	assert_string_equal(last, " ...");
}

static void one_attempt_sent_back_twice_loops(void **state)
{
	(void)state;
	attempt(2);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(collected_number(alert(), "times_in_one_attempt"), 2);
	assert_non_null(strstr(alert()->summary, "no tunnel came up"));
}

static void three_set_ups_that_cost_a_round_trip_each_stay_information_and_a_fourth_does_not(
	void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		uint32_t ike = attempt(1);

		assert_int_equal(alert()->record.severity,
				 i < 3 ? SEVERITY_INFO : SEVERITY_WARNING);
		stage->ike[ike].established = stage->now;
		stage_ike_event(EVENT_IKE_SA_ESTABLISHED, ike, 0);
		stage_ike_down(ike, END_DELETED, 0);
		stage_pass(60 * S);
		detect_flush(stage->detect, stage);
	}
}

static void attempts_a_day_apart_do_not_add_up(void **state)
{
	(void)state;
	stage->settings.judge_every = 600 * S;
	for (int i = 0; i < 6; i++) {
		attempt(1);
		stage_pass(86400 * S);
	}
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
}

static void notify_17_of_ikev1_is_another_one(void **state)
{
	(void)state;
	uint32_t ike = stage_ike(0, 1);

	stage_error(ike, 1, 17, 0);
	stage_error(ike, 1, 17, 0);
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(one_wrong_guess_is_information),
		ON_STAGE(a_group_that_was_not_said_is_not_called_none),
		ON_STAGE(a_long_offer_is_cut_between_two_groups),
		ON_STAGE(one_attempt_sent_back_twice_loops),
		ON_STAGE(
		three_set_ups_that_cost_a_round_trip_each_stay_information_and_a_fourth_does_not),
		ON_STAGE(attempts_a_day_apart_do_not_add_up),
		ON_STAGE(notify_17_of_ikev1_is_another_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
