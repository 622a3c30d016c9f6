/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *mismatch(void)
{
	return collected_find(&stage->alerts, "lifetime_mismatch");
}

static uint32_t offer(int initiator, uint64_t seconds)
{
	uint32_t ike = stage_ike(initiator, 1);
	struct ike_sa *sa = &stage->ike[ike];

	sa->n_offers = 1;
	sa->offers1[0] =
		(struct ike1_offer){ .has_life_seconds = seconds != 0, .life_seconds = seconds };
	stage_ike_event(EVENT_LIFETIME_OFFERED, ike, initiator);
	return ike;
}

static void offers_of_both_sides_that_differ_are_declared_with_both_values_and_frames(void **state)
{
	(void)state;
	uint64_t first, second;

	first = stage->frame + 1;
	offer(0, 86400);
	stage_pass(3600 * S);
	assert_null(mismatch());
	second = stage->frame + 1;
	offer(1, 28800);
	assert_non_null(mismatch());
	assert_string_equal(mismatch()->cause, "declared");
	assert_int_equal(mismatch()->record.severity, SEVERITY_WARNING);
	assert_int_equal(mismatch()->record.confidence, CONFIDENCE_HIGH);
	assert_int_equal(collected_number(mismatch(), "lifetime_a_s"), 86400);
	assert_int_equal(collected_number(mismatch(), "lifetime_b_s"), 28800);
	assert_int_equal(collected_number(mismatch(), "frame_a"), first);
	assert_int_equal(collected_number(mismatch(), "frame_b"), second);
	assert_string_equal(collected_text(mismatch(), "initiator_a"), "192.0.2.1");
	assert_string_equal(collected_text(mismatch(), "initiator_b"), "203.0.113.1");
	assert_int_equal(mismatch()->record.n_frames, 2);
	assert_non_null(strstr(mismatch()->summary, "86400 s"));
	assert_non_null(strstr(mismatch()->summary, "28800 s"));
}

static void a_clock_that_steps_back_takes_back_no_offer(void **state)
{
	(void)state;
	struct event ev;

	offer(0, 86400);
	stage_pass(3600 * S);
	ev = stage_event(EVENT_CLOCK_JUMP);
	stage->now -= 7 * S;
	ev.at = stage->now;
	ev.tunnel = NO_INDEX;
	ev.value[0] = -7 * S;
	stage_send(ev);
	assert_null(mismatch());
	offer(1, 28800);
	assert_non_null(mismatch());
	assert_int_equal(collected_number(mismatch(), "lifetime_a_s"), 86400);
	assert_int_equal(collected_number(mismatch(), "lifetime_b_s"), 28800);
}

static void an_offer_is_not_from_after_the_clock_that_was_set_back(void **state)
{
	(void)state;
	struct event ev;

	offer(0, 86400);
	ev = stage_event(EVENT_CLOCK_JUMP);
	stage->now -= 3600 * S;
	ev.at = stage->now;
	ev.tunnel = NO_INDEX;
	ev.value[0] = -3600 * S;
	stage_send(ev);
	offer(1, 28800);
	assert_non_null(mismatch());
	assert_true(mismatch()->record.last <= stage->now);
}

static void one_side_alone_declares_nothing(void **state)
{
	(void)state;
	offer(0, 86400);
	offer(0, 28800);
	stage_pass(60 * S);
	assert_null(mismatch());
}

static void within_one_per_cent_they_agree(void **state)
{
	(void)state;
	offer(0, 28800);
	offer(1, 28600);
	assert_null(mismatch());
	offer(1, 28500);
	assert_non_null(mismatch());
}

static void an_absent_lifetime_is_not_another_lifetime(void **state)
{
	(void)state;
	offer(0, 28800);
	offer(1, 0);
	assert_null(mismatch());
}

static void offers_more_than_a_week_apart_are_not_compared(void **state)
{
	(void)state;
	stage->settings.judge_every = 600 * S;
	offer(0, 86400);
	stage_pass(8 * 86400 * S);
	offer(1, 28800);
	assert_null(mismatch());
}

static void an_answer_that_was_not_offered_is_declared_too(void **state)
{
	(void)state;
	uint32_t ike = offer(0, 86400);

	stage->ike[ike].has_life_seconds = true;
	stage->ike[ike].life_seconds = 86400;
	stage_ike_event(EVENT_LIFETIME_ANSWERED, ike, 1);
	assert_null(mismatch());
	ike = offer(0, 86400);
	stage->ike[ike].has_life_seconds = true;
	stage->ike[ike].life_seconds = 3600;
	stage_ike_event(EVENT_LIFETIME_ANSWERED, ike, 1);
	assert_non_null(mismatch());
	assert_int_equal(collected_number(mismatch(), "answered_s"), 3600);
	assert_non_null(strstr(mismatch()->summary, "not offered"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(offers_of_both_sides_that_differ_are_declared_with_both_values_and_frames),
		ON_STAGE(a_clock_that_steps_back_takes_back_no_offer),
		ON_STAGE(an_offer_is_not_from_after_the_clock_that_was_set_back),
		ON_STAGE(one_side_alone_declares_nothing),
		ON_STAGE(within_one_per_cent_they_agree),
		ON_STAGE(an_absent_lifetime_is_not_another_lifetime),
		ON_STAGE(offers_more_than_a_week_apart_are_not_compared),
		ON_STAGE(an_answer_that_was_not_offered_is_declared_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
