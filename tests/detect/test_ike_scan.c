/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stranger_stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "ike_scan");
}

static void one_source_that_asks_ten_addresses_in_vain(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		begin(0xcb007163, 500, GATEWAY + i, i == 3);
		stage->now += S;
	}
	stage_pass(20 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_string_equal(collected_text(alert(), "source"), "203.0.113.99");
	assert_int_equal(collected_number(alert(), "addresses"), 10);
	assert_int_equal(collected_number(alert(), "answered"), 1);
}

static void a_scan_that_goes_on_is_told_while_it_lasts(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		begin(0xcb007163, 500, GATEWAY + i, false);
		stage->now += S;
		if (i % 10 == 9)
			stage_pass(stage->settings.judge_every);
	}
	assert_non_null(alert());
}

static void nine_are_not_enough(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 90; i++)
		begin(0xcb007163, 500, GATEWAY + i % 9, false);
	stage_pass(20 * S);
	assert_null(alert());
}

static void a_hub_that_reconnects_gets_through(void **state)
{
	(void)state;
	uint32_t ike[40];

	for (uint32_t i = 0; i < 40; i++) {
		ike[i] = begin(0xcb007163, 500, GATEWAY + i, true);
		stage->now += S / 10;
	}
	for (uint32_t i = 0; i < 40; i += 5)
		set_up(ike[i]);
	stage_pass(60 * S);
	assert_null(alert());
}

static void many_clients_of_one_gateway_scan_nothing(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 60; i++)
		begin(0x0a000000 + i, 500, GATEWAY, true);
	stage_pass(60 * S);
	assert_null(alert());
}

static void ten_addresses_in_an_hour_are_none(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		begin(0xcb007163, 500, GATEWAY + i, false);
		stage_pass(200 * S);
	}
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(one_source_that_asks_ten_addresses_in_vain),
		ON_STAGE(a_scan_that_goes_on_is_told_while_it_lasts),
		ON_STAGE(nine_are_not_enough),
		ON_STAGE(a_hub_that_reconnects_gets_through),
		ON_STAGE(many_clients_of_one_gateway_scan_nothing),
		ON_STAGE(ten_addresses_in_an_hour_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
