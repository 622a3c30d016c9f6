/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "detect/stage.h"

static const struct collected_alert *mismatch(void)
{
	return collected_find(&stage->alerts, "ts_mismatch");
}

static void refuse(uint32_t ike, int16_t np1)
{
	struct exchange *x =
		stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_CREATE_CHILD, 0, 5);
	struct event ev = stage_event(EVENT_CHILD_REFUSED);

	x->request_np1 = np1;
	x->outcome = OUTCOME_FAILED;
	ev.ike_sa = ike;
	ev.exchange = x;
	ev.side = 1;
	stage_send(ev);
}

static void three_refusals_in_ten_minutes_are_a_warning(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	refuse(ike, IKE2_PAYLOAD_SA);
	stage_pass(5 * S);
	refuse(ike, IKE2_PAYLOAD_SA);
	assert_null(mismatch());
	stage_pass(5 * S);
	refuse(ike, IKE2_PAYLOAD_SA);
	assert_non_null(mismatch());
	assert_int_equal(mismatch()->record.severity, SEVERITY_WARNING);
	assert_int_equal(mismatch()->record.confidence, CONFIDENCE_MEDIUM);
	assert_non_null(strstr(mismatch()->summary, "203.0.113.1 keeps refusing"));
}

static void all_refusals_of_a_row_are_counted(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	for (int i = 0; i < 100; i++) {
		refuse(ike, IKE2_PAYLOAD_SA);
		stage_pass(30 * S);
	}
	stage_pass(3600 * S);	/* an alert that goes on is not told each time it counts more */
	assert_int_equal(mismatch()->record.count, 100);
	assert_int_equal(collected_number(mismatch(), "refusals"), 100);
	assert_non_null(strstr(mismatch()->summary, "(100 times)"));
}

static void a_retry_that_succeeds_forgets_the_refusal(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	for (int i = 0; i < 6; i++) {
		refuse(ike, IKE2_PAYLOAD_SA);
		stage_pass(8 * S);
		stage_child(ike, 0);
		stage_pass(50 * S);
	}
	assert_null(mismatch());
}

static void beside_working_sas_it_says_that_this_one_is_not_wanted(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

	for (int i = 0; i < 4; i++) {
		stage_pass(5 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child].esp[d], 5, 500);
		refuse(ike, IKE2_PAYLOAD_SA);
	}
	assert_int_equal(collected_number(mismatch(), "working_child_sas"), 1);
	assert_non_null(strstr(mismatch()->summary, "1 other SA pairs work"));
}

static void three_in_an_hour_are_not_enough(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	for (int i = 0; i < 6; i++) {
		refuse(ike, IKE2_PAYLOAD_SA);
		stage_pass(400 * S);
	}
	assert_null(mismatch());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(three_refusals_in_ten_minutes_are_a_warning),
		ON_STAGE(all_refusals_of_a_row_are_counted),
		ON_STAGE(a_retry_that_succeeds_forgets_the_refusal),
		ON_STAGE(beside_working_sas_it_says_that_this_one_is_not_wanted),
		ON_STAGE(three_in_an_hour_are_not_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
