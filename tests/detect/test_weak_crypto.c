/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/suite_stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "weak_crypto");
}

static void the_suites_of_today_are_no_news(void **state)
{
	(void)state;
	chose(0, 2, 20, 256, 0, 6, 31);		/* AES_GCM_16, CURVE25519 */
	chose(1, 2, 12, 128, 12, 5, 14);	/* AES_CBC, SHA2, MODP_2048 */
	chose(0, 2, 28, 0, 0, 5, 19);
	assert_null(alert());
}

static void triple_des_and_group_2_are_a_warning(void **state)
{
	(void)state;
	chose(0, 2, 3, 0, 2, 2, 2);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_string_equal(collected_text(alert(), "weak"), "3DES MODP_1024");
	assert_string_equal(collected_text(alert(), "suite"), "IKEv2 3DES HMAC_SHA1_96 MODP_1024");
	/* posture does not degrade the tunnel */
	assert_int_equal(detect_tunnel_state(stage->detect, stage, 0, NULL), TUNNEL_UP);
}

/* As of a capture whose times begin at zero. */
static void nor_does_it_matter_that_the_time_is_zero(void **state)
{
	(void)state;
	stage->now = 0;
	chose(0, 2, 3, 0, 2, 2, 2);
	assert_non_null(alert());
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
}

static void des_and_the_smallest_group_are_critical(void **state)
{
	(void)state;
	chose(0, 1, 1, 0, 2, 0, 1);
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
	assert_non_null(strstr(alert()->actions[0].text, "Allow stronger algorithms on both ends"));
}

static void sha1_and_ikev1_are_information(void **state)
{
	(void)state;
	chose(0, 2, 12, 256, 2, 2, 14);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_string_equal(collected_text(alert(), "weak"), "HMAC_SHA1_96 PRF_HMAC_SHA1");
}

static void ikev1_itself_is_information(void **state)
{
	(void)state;
	chose(0, 1, 7, 256, 4, 0, 14);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_string_equal(collected_text(alert(), "weak"), "IKEv1");
}

static void what_is_weak_and_only_offered_is_information(void **state)
{
	(void)state;
	uint32_t ike = stage_ike(0, 2);
	struct ike_sa *sa = &stage->ike[ike];

	sa->transforms[0] = (struct ike2_transform){ .type = 1, .id = 3 };
	sa->n_transforms = 1;
	sa->encr = 20;
	sa->key_bits = 256;
	sa->group = 31;
	stage_answer(stage_request(ike, 34, PURPOSE_IKE_SA_INIT, 0, 0));
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_string_equal(alert()->cause, "offered");
	assert_string_equal(collected_text(alert(), "weakest_offered"), "3DES");
}

static void it_is_told_once_a_day(void **state)
{
	(void)state;
	for (int i = 0; i < 24; i++) {
		chose(0, 2, 3, 0, 2, 2, 2);
		stage_pass(1800 * S);
	}
	assert_int_equal(stage->alerts.n, 1);
	assert_int_equal(alert()->told, 1);
}

static void a_late_answer_on_one_before_is_no_further_ike_sa(void **state)
{
	(void)state;
	uint32_t before = chose(0, 1, 7, 256, 4, 0, 14);

	chose(0, 1, 7, 256, 4, 0, 14);
	stage_answer(stage_request(before, 4, PURPOSE_AGGRESSIVE, 0, 1));
	chose(0, 1, 7, 256, 4, 0, 14);
	stage_finish();
	assert_int_equal((int)collected_number(alert(), "ike_sas"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(the_suites_of_today_are_no_news),
		ON_STAGE(triple_des_and_group_2_are_a_warning),
		ON_STAGE(nor_does_it_matter_that_the_time_is_zero),
		ON_STAGE(des_and_the_smallest_group_are_critical),
		ON_STAGE(sha1_and_ikev1_are_information),
		ON_STAGE(ikev1_itself_is_information),
		ON_STAGE(what_is_weak_and_only_offered_is_information),
		ON_STAGE(it_is_told_once_a_day),
		ON_STAGE(a_late_answer_on_one_before_is_no_further_ike_sa),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
