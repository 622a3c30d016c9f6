/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/suite_stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "downgrade");
}

static void triple_des_after_aes_is_a_downgrade(void **state)
{
	(void)state;
	stage_ike_down(chose(0, 2, 20, 256, 0, 6, 31), END_DELETED, 0);
	assert_null(alert());
	stage_pass(3600 * S);
	chose(0, 2, 3, 0, 2, 2, 2);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_string_equal(alert()->cause, "algorithms");
	assert_string_equal(collected_text(alert(), "before"), "IKEv2 AES_GCM_16-256 CURVE25519");
	assert_string_equal(collected_text(alert(), "after"), "IKEv2 3DES HMAC_SHA1_96 MODP_1024");
}

static void another_good_suite_is_none(void **state)
{
	(void)state;
	chose(0, 2, 20, 256, 0, 6, 31);
	chose(1, 2, 12, 128, 12, 5, 14);
	assert_null(alert());
}

static void better_than_before_is_none(void **state)
{
	(void)state;
	chose(0, 2, 3, 0, 2, 2, 2);
	stage_pass(60 * S);
	chose(0, 2, 20, 256, 0, 6, 31);
	assert_null(alert());
}

static void ikev1_after_ikev2_failed_is_a_downgrade(void **state)
{
	(void)state;
	uint32_t failed = stage_ike(0, 2);

	stage_ike_event(EVENT_IKE_SA_CREATED, failed, 0);
	stage_pass(60 * S);
	stage_ike_down(failed, END_FAILED, 0);
	chose(0, 1, 7, 256, 4, 0, 14);
	assert_string_equal(alert()->cause, "version");
	assert_string_equal(collected_text(alert(), "before"), "IKEv2 that failed");
}

static void ikev1_beside_a_living_ikev2_is_another_tunnel(void **state)
{
	(void)state;
	chose(0, 2, 12, 256, 12, 5, 14);
	stage_pass(60 * S);
	chose(0, 1, 7, 256, 4, 0, 14);
	assert_null(alert());
}

static void ikev1_alone_was_never_better(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		chose(i % 2, 1, 7, 256, 2, 0, 14);
		stage_pass(3600 * S);
	}
	assert_null(alert());
}

static void ask_for_group(uint16_t group)
{
	struct event ev = stage_event(EVENT_ERROR_NOTIFY);

	ev.side = 1;
	ev.value[0] = 17;
	ev.value[1] = 2;
	ev.value[2] = group;
	stage_send(ev);
	stage_pass(60 * S);
}

static void a_weak_group_asked_for_twice_is_a_downgrade(void **state)
{
	(void)state;
	ask_for_group(2);
	assert_null(alert());
	ask_for_group(2);
	assert_string_equal(alert()->cause, "group");
	assert_string_equal(collected_text(alert(), "after"), "MODP_1024");
}

static void another_good_group_may_be_asked_for_each_time(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		ask_for_group(14);
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(triple_des_after_aes_is_a_downgrade),
		ON_STAGE(another_good_suite_is_none),
		ON_STAGE(better_than_before_is_none),
		ON_STAGE(ikev1_after_ikev2_failed_is_a_downgrade),
		cmocka_unit_test_setup_teardown(
			ikev1_beside_a_living_ikev2_is_another_tunnel, stage_open,
						stage_close),
		ON_STAGE(ikev1_alone_was_never_better),
		ON_STAGE(a_weak_group_asked_for_twice_is_a_downgrade),
		cmocka_unit_test_setup_teardown(
			another_good_group_may_be_asked_for_each_time, stage_open,
						stage_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
