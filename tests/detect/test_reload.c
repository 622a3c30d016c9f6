/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another inventory while watching; the condition that looks at it is tunnel_down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/expected_stage.h"

static struct expected other;

static struct expected_tunnel *expect_other(const char *name, const char *peers)
{
	struct expected_tunnel *t = expected_add(&other, name);
	struct err e;

	assert_true(expected_set(&other, t, "peers", peers, &e));
	assert_true(expected_set(&other, t, "profile", "site-to-site", &e));
	return t;
}

static void reload(void)
{
	assert_true(detect_expect_again(stage->detect, stage, &other));
	expected_done(&inventory);		/* the former one is not looked at any more */
}

static void an_added_one_that_is_never_seen_is_missed_seven_minutes_later(void **state)
{
	(void)state;
	assert_true(detect_expect(stage->detect, &inventory));	/* nothing yet */
	detect_advance(stage->detect, stage, 1, stage->now);
	others(1000 * S);
	expect_other("late", "192.0.2.77, 203.0.113.77");
	reload();
	others(410 * S);
	assert_null(down());
	others(20 * S);
	assert_non_null(down());
	assert_int_equal(down()->record.raised, STAGE_T0 + 1420 * S);
	assert_non_null(strstr(down()->summary, "late"));
}

static void an_added_one_that_is_down_already_has_its_seven_minutes_too(void **state)
{
	(void)state;
	assert_true(detect_expect(stage->detect, &inventory));
	detect_advance(stage->detect, stage, 1, stage->now);
	stage_ike_down(stage_ike_up(0, 2), END_DELETED, 1);
	fall();
	stage_pass(3600 * S);
	expect_other("late", "192.0.2.1, 203.0.113.1");
	reload();
	stage_pass(400 * S);
	assert_null(down());
	stage_pass(60 * S);
	assert_non_null(down());
}

static void the_alert_about_one_that_is_taken_out_is_over_with_a_reason(void **state)
{
	(void)state;
	expect("site-to-site");
	stage_ike_down(stage_ike_up(0, 2), END_DELETED, 1);
	fall();
	stage_pass(500 * S);
	assert_non_null(down());
	assert_false(down()->record.cleared);
	reload();
	assert_true(down()->record.cleared);
	assert_int_equal(down()->record.cleared_at, stage->now);
	assert_string_equal(collected_text(down(), "cleared"), "not expected any more");
	assert_non_null(strstr(down()->summary, "not expected any more"));
	stage_pass(3600 * S);
	assert_true(down()->record.cleared);
	assert_int_equal(stage->alerts.n, 1);
}

static void one_that_was_never_seen_and_is_taken_out_is_not_missed(void **state)
{
	(void)state;
	expect_peers("site-to-site", NULL, "192.0.2.77, 203.0.113.77");
	others(500 * S);
	assert_non_null(down());
	reload();
	assert_true(down()->record.cleared);
	others(3600 * S);
	assert_true(down()->record.cleared);
	assert_int_equal(stage->alerts.n, 1);
}

static void another_place_in_the_file_changes_nothing_and_another_name_only_that(void **state)
{
	(void)state;
	expect("site-to-site");
	stage_ike_down(stage_ike_up(0, 2), END_DELETED, 1);
	fall();
	stage_pass(500 * S);
	expect_other("first", "192.0.2.77, 203.0.113.77");
	expect_other("renamed", "192.0.2.1, 203.0.113.1");
	reload();
	assert_false(down()->record.cleared);
	stage_pass(20 * S);
	assert_false(down()->record.cleared);
	stage_ike_up(0, 3);
	up();
	stage_pass(1000 * S);
	assert_true(collected_find(&stage->alerts, "tunnel_down")->record.cleared);
	assert_string_equal(collected_text(down(), "name"), "renamed");
}

static void missed_ones_keep_their_alerts_and_identities_and_new_ones_have_their_own(void **state)
{
	object_id before;

	(void)state;
	expect_peers("site-to-site", NULL, "192.0.2.77, 203.0.113.77");
	others(500 * S);
	before = down()->record.tunnel;
	expect_other("new", "192.0.2.78, 203.0.113.78");
	expect_other("hq-branch1", "192.0.2.77, 203.0.113.77");
	reload();
	others(500 * S);
	assert_int_equal(stage->alerts.n, 2);
	assert_false(stage->alerts.alert[0].record.cleared);
	assert_false(stage->alerts.alert[1].record.cleared);
	assert_int_equal(stage->alerts.alert[0].record.tunnel, before);
	assert_int_not_equal(stage->alerts.alert[1].record.tunnel, before);
	assert_non_null(strstr(stage->alerts.alert[1].summary, "192.0.2.78"));
}

static void after_two_changes_one_that_had_to_make_room_is_still_waited_for(void **state)
{
	struct expected third = { 0 };

	(void)state;
	expect("site-to-site");
	stage_ike_down(stage_ike_up(0, 2), END_DELETED, 1);
	fall();
	stage_pass(500 * S);
	assert_non_null(down());
	expect_other("first", "192.0.2.77, 203.0.113.77");
	expect_other("hq-branch1", "192.0.2.1, 203.0.113.1");
	reload();
	for (int i = 0; i < 2; i++) {	/* another tunnel in its place */
		stage->tunnel[0].id = object_id_of(1, 99 + (uint32_t)i);
		stage->tunnel[0].peer[0].addr = addr_v4(0x0a000001);
		stage->tunnel[0].ike_sas = NO_INDEX;
		stage_pass(300 * S);
		assert_false(down()->record.cleared);
		if (i == 0) {
			third = other;
			other = (struct expected){ 0 };
			expect_other("hq-branch1", "192.0.2.1, 203.0.113.1");
			reload();
			expected_done(&third);
		}
	}
	stage_pass(3600 * S);
	assert_false(down()->record.cleared);
}

static void more_than_there_is_room_for_is_refused_and_changes_nothing(void **state)
{
	char peers[64], name[32];

	(void)state;
	expect("site-to-site");
	for (int i = 0; i < 1100; i++) {
		snprintf(peers, sizeof(peers), "10.0.%d.%d, 10.1.0.1", i / 200, 1 + i % 200);
		snprintf(name, sizeof(name), "t%d", i);
		expect_other(name, peers);
	}
	assert_false(detect_expect_again(stage->detect, stage, &other));
	stage_ike_down(stage_ike_up(0, 2), END_DELETED, 1);
	fall();
	stage_pass(500 * S);
	assert_non_null(down());
}

static int close_stage(void **state)
{
	int status = stage_close(state);

	expected_done(&inventory);
	expected_done(&other);
	return status;
}

int main(void)
{
#define ON_EXPECTED_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_open, close_stage)
	const struct CMUnitTest tests[] = {
		ON_EXPECTED_STAGE(an_added_one_that_is_never_seen_is_missed_seven_minutes_later),
		ON_EXPECTED_STAGE(an_added_one_that_is_down_already_has_its_seven_minutes_too),
		ON_EXPECTED_STAGE(the_alert_about_one_that_is_taken_out_is_over_with_a_reason),
		ON_EXPECTED_STAGE(one_that_was_never_seen_and_is_taken_out_is_not_missed),
		ON_EXPECTED_STAGE(
			another_place_in_the_file_changes_nothing_and_another_name_only_that),
		ON_EXPECTED_STAGE(
			missed_ones_keep_their_alerts_and_identities_and_new_ones_have_their_own),
		ON_EXPECTED_STAGE(after_two_changes_one_that_had_to_make_room_is_still_waited_for),
		ON_EXPECTED_STAGE(more_than_there_is_room_for_is_refused_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
