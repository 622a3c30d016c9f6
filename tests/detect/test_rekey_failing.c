/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "rekey_failing");
}

static uint32_t ike;

static uint32_t working(nsec age)
{
	uint32_t child;

	ike = stage_ike_up(0, 2);
	child = stage_child(ike, 0);
	stage_pass(age);
	return child;
}

static struct exchange *ask(void)
{
	return stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD, 0, 7);
}

static void a_rekey_asked_three_times_without_an_answer_is_failing(void **state)
{
	(void)state;
	struct exchange *x;

	working(3300 * S);
	x = ask();
	stage_pass(4 * S);
	stage_copy(x);
	stage_pass(7 * S);
	assert_null(alert());
	stage_copy(x);
	stage_pass(10 * S);
	assert_non_null(alert());
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_string_equal(alert()->cause, "unanswered");
	assert_string_equal(collected_text(alert(), "asked"), "203.0.113.1");
	assert_int_equal(collected_number(alert(), "sa_age_s"), 3300);
}

/* Nobody takes back a sentence that was told: it holds when the answer comes after all. */
static void what_is_told_stays_true_when_the_answer_comes_at_last(void **state)
{
	(void)state;
	working(3300 * S);
	struct exchange *x = ask();

	for (int i = 0; i < 3; i++) {
		stage_pass(10 * S);
		stage_copy(x);
	}
	stage_pass(30 * S);
	stage_answer(x);
	stage_pass(30 * S);
	detect_flush(stage->detect, stage);
	assert_non_null(strstr(alert()->summary, "192.0.2.1 wanted to rekey, but 203.0.113.1 did "
						 "not answer (4 transmissions within 30 s)"));
	assert_non_null(strstr(alert()->summary, "; unless a later attempt succeeds it ends"));
}

static void the_end_of_the_sa_makes_it_critical(void **state)
{
	(void)state;
	uint32_t child = working(3300 * S);
	struct exchange *x = ask();

	for (int i = 0; i < 3; i++) {
		stage_pass(10 * S);
		stage_copy(x);
	}
	stage_pass(30 * S);
	stage_child_down(child, END_DELETED, 0);
	stage_pass(10 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(alert()->record.severity, SEVERITY_CRITICAL);
}

static void an_answer_to_the_third_copy_is_in_time(void **state)
{
	(void)state;
	struct exchange *x;

	working(3300 * S);
	x = ask();
	/* libreswan: three copies within a second */
	for (int i = 0; i < 2; i++) {
		stage_pass(S / 2);
		stage_copy(x);
	}
	stage_pass(S);
	stage_answer(x);
	stage_pass(60 * S);
	assert_null(alert());
}

static void two_refusals_are_failing_and_one_is_a_temporary_failure(void **state)
{
	(void)state;
	working(3300 * S);
	stage_refusal(ike, 0, IKE2_PAYLOAD_NOTIFY);
	stage_pass(12 * S);
	assert_null(alert());
	stage_refusal(ike, 0, IKE2_PAYLOAD_NOTIFY);
	assert_non_null(alert());
	assert_string_equal(alert()->cause, "refused");
}

static void a_refusal_while_the_other_side_renews_it_is_a_collision(void **state)
{
	(void)state;
	uint32_t child = working(3300 * S);

	stage_refusal(ike, 0, IKE2_PAYLOAD_NOTIFY);
	child = stage_child_rekey(child, 1);
	stage_pass(3300 * S);
	stage_refusal(ike, 0, IKE2_PAYLOAD_NOTIFY);
	stage_child_rekey(child, 1);
	stage_pass(60 * S);
	assert_null(alert());
}

static void refusals_without_an_sa_to_renew_are_something_else(void **state)
{
	(void)state;
	ike = stage_ike_up(0, 2);
	for (int i = 0; i < 5; i++) {
		stage_pass(20 * S);
		stage_refusal(ike, 0, IKE2_PAYLOAD_SA);
	}
	assert_null(alert());
}

static void unseen_answers_are_not_missing_answers(void **state)
{
	(void)state;
	struct exchange *x;

	working(3300 * S);
	stage->tunnel[0].one_sided[1] = true;
	x = ask();
	for (int i = 0; i < 5; i++) {
		stage_pass(10 * S);
		stage_copy(x);
	}
	stage_pass(60 * S);
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
}

static void what_is_refused_from_the_set_up_on_is_another_child_sa(void **state)
{
	(void)state;
	working(5 * S);
	for (int i = 0; i < 80; i++) {
		stage_refusal(ike, 0, IKE2_PAYLOAD_SA);
		stage_pass(15 * S);
	}
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(a_rekey_asked_three_times_without_an_answer_is_failing),
		ON_STAGE(what_is_told_stays_true_when_the_answer_comes_at_last),
		ON_STAGE(the_end_of_the_sa_makes_it_critical),
		ON_STAGE(an_answer_to_the_third_copy_is_in_time),
		ON_STAGE(two_refusals_are_failing_and_one_is_a_temporary_failure),
		ON_STAGE(a_refusal_while_the_other_side_renews_it_is_a_collision),
		ON_STAGE(refusals_without_an_sa_to_renew_are_something_else),
		ON_STAGE(what_is_refused_from_the_set_up_on_is_another_child_sa),
		ON_STAGE(unseen_answers_are_not_missing_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
