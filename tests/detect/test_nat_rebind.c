/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "nat_rebind");
}

static void moved(int side, bool mobike)
{
	struct event ev = stage_event(EVENT_ADDRESS_MOVED);

	ev.side = (int8_t)side;
	ev.value[0] = mobike;
	stage_send(ev);
}

static void one_move_is_information(void **state)
{
	(void)state;
	moved(0, false);
	stage_pass(20 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_string_equal(collected_text(alert(), "peer"), "192.0.2.1");
}

static void three_in_an_hour_are_a_warning(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		moved(0, false);
		stage_pass(1000 * S);
	}
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(collected_number(alert(), "moves"), 3);
}

static void all_sas_that_move_together_are_one_move(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++) {
		moved(1, false);
		stage->now += S / 2;
	}
	stage_pass(20 * S);
	assert_int_equal(collected_number(alert(), "moves"), 1);
}

static void mobike_announces_its_moves(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		moved(0, false);	/* ESP may be faster than the exchange */
		stage->now += S;
		moved(0, true);
		stage_pass(300 * S);
	}
	assert_null(alert());
}

/* strongSwan: the first packet from the new address is a probe. */
static void or_tries_the_way_first_and_announces_it_then(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	for (uint32_t i = 0; i < 4; i++) {
		moved(0, false);
		stage_request(ike, 37, PURPOSE_DPD, 0, 2 * i);
		stage->now += S / 50;
		stage_request(ike, 37, PURPOSE_NOTIFY, 0, 2 * i + 1);
		stage_pass(300 * S);
	}
	assert_null(alert());
}

static void one_move_a_day_stays_information(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		moved(0, false);
		stage_pass(86400 * S);
	}
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(one_move_is_information),
		ON_STAGE(three_in_an_hour_are_a_warning),
		ON_STAGE(all_sas_that_move_together_are_one_move),
		ON_STAGE(mobike_announces_its_moves),
		ON_STAGE(or_tries_the_way_first_and_announces_it_then),
		ON_STAGE(one_move_a_day_stays_information),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
