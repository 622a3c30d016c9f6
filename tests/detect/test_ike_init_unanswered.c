/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "detect/stage.h"

static const struct collected_alert *unanswered(void)
{
	return collected_find(&stage->alerts, "ike_init_unanswered");
}

static struct exchange *ask(int initiator)
{
	uint32_t ike = stage_ike(initiator, 2);

	stage->ike[ike].spi_r = 0;
	stage_ike_event(EVENT_IKE_SA_CREATED, ike, initiator);
	return stage_request(ike, IKE2_EXCHANGE_IKE_SA_INIT, PURPOSE_IKE_SA_INIT, initiator, 0);
}

/* The other side was heard once, so its path is captured and its silence means something. */
static void hear_the_other_side(void)
{
	stage->tunnel[0].side[1].ike_last = stage->now;
}

static void copies(struct exchange *x, int n, nsec gap)
{
	for (int i = 0; i < n; i++) {
		stage_pass(gap);
		stage_copy(x);
	}
	stage_pass(10 * S);
}

static void one_repetition_is_information_three_transmissions_a_warning(void **state)
{
	(void)state;
	struct exchange *x = ask(0);

	hear_the_other_side();
	copies(x, 1, 4 * S);
	assert_int_equal(unanswered()->record.severity, SEVERITY_INFO);
	copies(x, 1, 4 * S);
	assert_int_equal(unanswered()->record.severity, SEVERITY_WARNING);
	assert_non_null(strstr(unanswered()->summary, "192.0.2.1 has sent 3 first IKE messages to 203.0.113.1"));
}

static void a_refusal_of_which_only_the_cookies_were_captured_is_an_answer(void **state)
{
	(void)state;
	hear_the_other_side();
	for (int i = 0; i < 4; i++) {
		struct exchange *x = ask(0);

		stage_pass(1 * S);
		stage->ike[x->ike_sa].spi_r = 0x77;
		stage_pass(29 * S);
	}
	assert_null(unanswered());
}

/* A tap that sees one side only looks the same: a hint, no more (DETECTION-FACTS 3.7, 4.2). */
static void a_side_that_was_never_heard_makes_it_a_hint(void **state)
{
	(void)state;
	copies(ask(0), 5, 4 * S);
	assert_int_equal(unanswered()->record.severity, SEVERITY_INFO);
	assert_int_equal(unanswered()->record.confidence, CONFIDENCE_LOW);
}

static void two_attempts_without_repetition_are_a_warning_too(void **state)
{
	(void)state;
	hear_the_other_side();
	ask(0);
	stage_pass(60 * S);
	ask(0);
	stage_pass(10 * S);
	assert_int_equal(unanswered()->record.severity, SEVERITY_WARNING);
}

static void any_answer_ends_it(void **state)
{
	(void)state;
	struct exchange *x = ask(0);

	stage_pass(4 * S);
	stage_copy(x);
	stage_answer(x);
	stage_pass(600 * S);
	assert_null(unanswered());
}

static void a_refusal_is_an_answer(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct exchange *x = ask(0);
		struct event ev = stage_event(EVENT_ERROR_NOTIFY);

		ev.ike_sa = x->ike_sa;
		ev.side = 1;
		ev.value[0] = IKE1_NOTIFY_NO_PROPOSAL_CHOSEN;
		ev.value[1] = 1;
		stage_send(ev);
		stage_pass(30 * S);
	}
	assert_null(unanswered());
}

static void a_tunnel_that_had_worked_is_missed(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	stage_pass(3600 * S);
	stage_ike_down(ike, END_PEER_LOST, 1);
	copies(ask(0), 3, 4 * S);
	assert_int_equal(unanswered()->record.severity, SEVERITY_CRITICAL);
	assert_string_equal(collected_text(unanswered(), "worked_before"), "yes");
}

static void going_on_for_a_quarter_of_an_hour_is_critical(void **state)
{
	(void)state;
	hear_the_other_side();
	for (int i = 0; i < 20; i++) {
		ask(0);
		stage_pass(60 * S);
	}
	assert_int_equal(unanswered()->record.severity, SEVERITY_CRITICAL);
}

static void an_icmp_error_makes_it_certain(void **state)
{
	(void)state;
	struct exchange *x = ask(0);
	struct event ev = stage_event(EVENT_ICMP_ERROR);

	ev.side = 0;
	ev.value[0] = 3;
	ev.value[1] = 3;
	stage_send(ev);
	copies(x, 3, 4 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(unanswered()->record.confidence, CONFIDENCE_HIGH);
	assert_non_null(strstr(unanswered()->summary, "ICMP 3/3"));
}

static void a_one_sided_capture_makes_it_information(void **state)
{
	(void)state;
	stage->tunnel[0].one_sided[1] = true;
	copies(ask(0), 5, 4 * S);
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(one_repetition_is_information_three_transmissions_a_warning),
		ON_STAGE(a_refusal_of_which_only_the_cookies_were_captured_is_an_answer),
		ON_STAGE(a_side_that_was_never_heard_makes_it_a_hint),
		ON_STAGE(two_attempts_without_repetition_are_a_warning_too),
		ON_STAGE(any_answer_ends_it),
		ON_STAGE(a_refusal_is_an_answer),
		ON_STAGE(a_tunnel_that_had_worked_is_missed),
		ON_STAGE(going_on_for_a_quarter_of_an_hour_is_critical),
		ON_STAGE(an_icmp_error_makes_it_certain),
		ON_STAGE(a_one_sided_capture_makes_it_information),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
