/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "lifetime_asymmetry");
}

static void rekeys(uint32_t child, const char *by)
{
	for (; *by; by++) {
		stage_pass(3000 * S);
		child = stage_child_rekey(child, *by == 'B');
	}
}

static void six_rekeys_by_one_side_under_the_other_sides_ike_sa_are_worth_a_remark(void **state)
{
	(void)state;
	rekeys(stage_child(stage_ike_up(0, 2), 0), "AAA");
	rekeys(stage_child(stage_ike_up(1, 2), 1), "AAA");
	stage_pass(60 * S);
	assert_non_null(alert());
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_string_equal(collected_text(alert(), "rekeys"), "192.0.2.1");
	assert_int_equal(collected_number(alert(), "median_age_s"), 3000);
}

static void an_initiator_that_always_rekeys_may_do_so_by_design(void **state)
{
	(void)state;
	rekeys(stage_child(stage_ike_up(0, 2), 0), "AAAAAAAAAAAA");
	stage_pass(60 * S);
	assert_null(alert());
}

static void sides_that_take_turns_are_equal(void **state)
{
	(void)state;
	rekeys(stage_child(stage_ike_up(0, 2), 0), "ABAAB");
	rekeys(stage_child(stage_ike_up(1, 2), 1), "AABAABBABAABAAAAAB");
	assert_null(alert());
}

static void crossing_rekeys_do_not_say_who_is_first(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(1, 2), 1);

	for (int i = 0; i < 8; i++) {
		uint32_t old = child;

		stage_pass(3000 * S);
		child = stage_child(0, 0);
		stage->child[child].flags |= CHILD_SA_COLLIDED;

		struct event ev = stage_event(EVENT_CHILD_SA_REKEYED);

		ev.child_sa = child;
		ev.other = old;
		ev.side = 0;
		ev.value[0] = 3000 * S;
		stage_send(ev);
		stage_child_down(old, END_REKEYED, 0);
	}
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(six_rekeys_by_one_side_under_the_other_sides_ike_sa_are_worth_a_remark),
		ON_STAGE(an_initiator_that_always_rekeys_may_do_so_by_design),
		ON_STAGE(sides_that_take_turns_are_equal),
		ON_STAGE(crossing_rekeys_do_not_say_who_is_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
