/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *idle(void)
{
	return collected_find(&stage->alerts, "idle_expiry");
}

static void a_child_closed_after_silence_is_told_as_information(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	stage_pass(100 * S);
	stage_esp_packets(stage->child[child].esp[0], 100, 1000);
	stage_pass(1800 * S);
	stage_child_down(child, END_IDLE, 1);
	assert_non_null(idle());
	assert_int_equal(idle()->record.severity, SEVERITY_INFO);
	assert_int_equal(collected_number(idle(), "idle_for_s"), 1800);
	assert_non_null(
		strstr(idle()->summary, "203.0.113.1 closed the idle child SA after 30 min"));
}

static void a_child_closed_under_traffic_is_not_idle(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	stage_pass(1800 * S);
	stage_esp_packets(stage->child[child].esp[0], 100, 1000);
	stage_child_down(child, END_DELETED, 1);
	assert_null(idle());
}

static void a_rekeyed_one_is_not_idle_however_quiet(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), old = stage_child(ike, 0);

	stage_pass(3600 * S);
	stage->more[old].successor = stage_child(ike, 0);
	stage_child_down(old, END_REKEYED, 0);
	assert_null(idle());
}

static void what_its_owner_had_just_made_another_for_was_not_closed_for_idleness(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), old = stage_child(ike, 0), beside = stage_child(ike, 0);

	stage_pass(3600 * S);
	stage_esp_packets(stage->child[beside].esp[0], 3600, 1000);
	stage_child(ike, 0);
	stage_pass(1 * S);
	stage_child_down(old, END_IDLE, 0);	/* which one the new one replaces is not known */
	assert_null(idle());
}

static void the_silence_is_that_of_the_child_sa_and_not_of_the_tunnel(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), quiet = stage_child(ike, 0), busy = stage_child(ike, 0);

	stage_pass(1800 * S);
	stage_esp_packets(stage->child[busy].esp[0], 1800, 1000);
	stage_child_down(quiet, END_IDLE, 1);
	assert_non_null(idle());
	assert_int_equal(collected_number(idle(), "idle_for_s"), 1800);
}

static void the_whole_tunnel_may_be_closed_for_idleness(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

	stage_pass(1800 * S);
	stage_child_down(child, END_DELETED, 0);
	stage_ike_down(ike, END_DELETED, 0);
	detect_flush(stage->detect, stage);
	assert_string_equal(collected_text(idle(), "what"), "IKE SA");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(a_child_closed_after_silence_is_told_as_information),
		ON_STAGE(a_child_closed_under_traffic_is_not_idle),
		ON_STAGE(a_rekeyed_one_is_not_idle_however_quiet),
		ON_STAGE(what_its_owner_had_just_made_another_for_was_not_closed_for_idleness),
		ON_STAGE(the_silence_is_that_of_the_child_sa_and_not_of_the_tunnel),
		ON_STAGE(the_whole_tunnel_may_be_closed_for_idleness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
