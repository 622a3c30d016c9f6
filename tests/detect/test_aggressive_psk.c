/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "aggressive_psk");
}

static void answered(uint8_t type, uint16_t auth)
{
	uint32_t ike = stage_ike(0, 1);

	stage->ike[ike].auth = auth;
	stage_answer(stage_request(ike, type, PURPOSE_UNKNOWN, 0, 0));
	stage_pass(10 * S);
}

static void an_answer_with_a_pre_shared_key_exposes_it(void **state)
{
	(void)state;
	answered(4, 1);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_string_equal(collected_text(alert(), "responder"), "203.0.113.1");
	assert_int_equal(detect_tunnel_state(stage->detect, stage, 0, NULL), TUNNEL_UP);
}

static void so_does_xauth(void **state)
{
	(void)state;
	answered(4, 65001);
	assert_string_equal(collected_text(alert(), "authentication"), "XAUTH_INIT_PSK");
}

static void main_mode_does_not(void **state)
{
	(void)state;
	answered(2, 1);
	assert_null(alert());
}

static void signatures_do_not(void **state)
{
	(void)state;
	answered(4, 3);
	assert_null(alert());
}

static void no_answer_exposes_nothing(void **state)
{
	(void)state;
	uint32_t ike = stage_ike(0, 1);

	stage->ike[ike].auth = 1;
	stage_request(ike, 4, PURPOSE_UNKNOWN, 0, 0);
	stage_pass(60 * S);
	assert_null(alert());
}

static void it_is_told_once_a_day(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		answered(4, 1);
		stage_pass(600 * S);
	}
	assert_int_equal(stage->alerts.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(an_answer_with_a_pre_shared_key_exposes_it),
		ON_STAGE(so_does_xauth),
		ON_STAGE(main_mode_does_not),
		ON_STAGE(signatures_do_not),
		ON_STAGE(no_answer_exposes_nothing),
		ON_STAGE(it_is_told_once_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
