/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stranger_stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "ike_flood");
}

static void twenty_half_open_from_one_source_are_a_flood(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		begin(0xcb007142, 500, GATEWAY, true);
		stage->now += S / 10;
	}
	stage_pass(20 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_string_equal(alert()->cause, "source");
	assert_string_equal(collected_text(alert(), "source"), "203.0.113.66");
	assert_string_equal(collected_text(alert(), "responder"), "198.51.100.1");
}

static void thirty_strangers_at_one_responder_are_a_flood(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 30; i++) {
		begin(0x0a000000 + i, 500, GATEWAY, true);
		stage->now += S / 10;
	}
	stage_pass(20 * S);
	assert_string_equal(alert()->cause, "responder");
	assert_string_equal(collected_text(alert(), "source"), "");
}

static void a_mass_reconnect_authenticates(void **state)
{
	(void)state;
	uint32_t ike[60];

	for (uint32_t i = 0; i < 60; i++) {
		ike[i] = begin(0x0a000000 + i, 500, GATEWAY, true);
		stage->now += S / 20;
	}
	for (uint32_t i = 0; i < 60; i++)
		set_up(ike[i]);
	stage_pass(60 * S);
	assert_null(alert());
}

static void who_logs_in_was_answered_where_nobody_captured_it(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 60; i++) {
		uint32_t ike = begin(0x0a000000 + i, 500, GATEWAY, true);

		*stage->ike[ike].previous[0] = (struct exchange){ .id = object_id_of(2, 2 * i + 1),
								 .major = 2,
								 .type = IKE2_EXCHANGE_IKE_SA_INIT,
								 .requests = 1 };
		*stage->ike[ike].current[0] = (struct exchange){ .id = object_id_of(2, 2 * i + 2),
								.major = 2,
								.type = IKE2_EXCHANGE_IKE_AUTH,
								.requests = 1 };
		stage->now += S / 20;
	}
	stage_pass(60 * S);
	assert_null(alert());
}

static void peers_that_worked_before_are_no_strangers(void **state)
{
	(void)state;
	set_up(begin(0x0a000000, 500, GATEWAY, true));
	stage_esp(0);
	stage_pass(120 * S);
	for (uint32_t i = 0; i < 60; i++) {
		begin(0x0a000000 + i, 500, GATEWAY, true);
		stage->now += S / 20;
	}
	stage_pass(60 * S);
	assert_null(alert());
}

static void clients_behind_one_nat_ask_a_dead_gateway(void **state)
{
	(void)state;
	for (int i = 0; i < 60; i++) {
		begin(0xcb007142, (uint16_t)(20000 + i), GATEWAY, false);
		stage->now += S / 20;
	}
	stage_pass(60 * S);
	assert_null(alert());
}

static void a_peer_that_retries_for_hours_is_none(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		begin(0xcb007142, 500, GATEWAY, true);
		stage_pass(5 * S);
	}
	assert_null(alert());
}

static void cookies_in_vain_are_a_flood(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		uint32_t ike = begin(0x0a000000 + i, 500, GATEWAY, false);

		stage_ike_event(EVENT_COOKIE, ike, 1);
		stage->now += 4 * S;
	}
	stage_pass(20 * S);
	assert_string_equal(alert()->cause, "cookies");
}

static void a_scan_of_many_gateways_floods_none(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 60; i++)
		begin(0xcb007142, 500, GATEWAY + i, true);
	stage_pass(60 * S);
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(twenty_half_open_from_one_source_are_a_flood),
		cmocka_unit_test_setup_teardown(
			thirty_strangers_at_one_responder_are_a_flood, stage_open,
						stage_close),
		ON_STAGE(a_mass_reconnect_authenticates),
		ON_STAGE(who_logs_in_was_answered_where_nobody_captured_it),
		ON_STAGE(peers_that_worked_before_are_no_strangers),
		ON_STAGE(clients_behind_one_nat_ask_a_dead_gateway),
		ON_STAGE(a_peer_that_retries_for_hours_is_none),
		ON_STAGE(cookies_in_vain_are_a_flood),
		ON_STAGE(a_scan_of_many_gateways_floods_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
