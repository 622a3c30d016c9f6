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
	stage->of_tunnel[0].ike[1].last = stage->now;
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
	assert_non_null(strstr(unanswered()->summary, "192.0.2.1 has sent 3 first IKE messages "
						      "to 203.0.113.1"));
}

static void establish(const struct exchange *x)
{
	stage->ike[x->ike_sa].spi_r = 0x2000;
	stage->ike[x->ike_sa].state = IKE_ESTABLISHED;
	stage->ike[x->ike_sa].established = stage->now;
	stage_ike_event(EVENT_IKE_SA_ESTABLISHED, x->ike_sa, x->from);
	stage_pass(60 * S);
}

/* A gateway that comes back answers the fourth copy, and the tunnel is up. */
static void it_is_over_when_the_ike_sa_is_set_up(void **state)
{
	(void)state;
	struct exchange *x = ask(0);

	hear_the_other_side();
	copies(x, 3, 4 * S);
	assert_false(unanswered()->record.cleared);
	assert_non_null(strstr(unanswered()->summary, "203.0.113.1 is unreachable"));
	stage_answer(x);
	stage_pass(60 * S);
	assert_false(unanswered()->record.cleared);	/* something answers, no more is known */
	establish(x);
	assert_true(unanswered()->record.cleared);
	assert_non_null(strstr(unanswered()->summary, "192.0.2.1 sent 4 first IKE messages"));
	assert_non_null(strstr(unanswered()->summary, "203.0.113.1 was unreachable"));
	assert_int_equal(unanswered()->record.severity, SEVERITY_WARNING);
}

static void an_ike_sa_of_the_other_side_does_not_end_it(void **state)
{
	(void)state;
	struct exchange *x = ask(0), *y = ask(1);

	hear_the_other_side();
	copies(x, 3, 4 * S);
	stage_answer(y);
	establish(y);
	assert_false(unanswered()->record.cleared);
}

static void nor_is_an_alert_made_of_one_that_was_set_up_in_time(void **state)
{
	(void)state;
	struct exchange *x = ask(0);

	stage_answer(x);
	establish(x);
	assert_null(unanswered());
}

/* PAN-OS repeats one message for 319 s, longer than the window in which attempts are counted. */
static void an_attempt_that_lasts_longer_than_the_window_is_counted(void **state)
{
	(void)state;
	struct exchange *x = ask(0);

	hear_the_other_side();
	copies(x, 6, 50 * S);
	assert_int_equal(collected_number(unanswered(), "attempts"), 1);
}

/* A mailed capture that ends with the latest copy: nothing makes the time pass after it. */
static void a_file_that_holds_nothing_else_tells_it_at_its_end(void **state)
{
	(void)state;
	struct exchange *x = ask(0);

	for (int i = 0; i < 3; i++) {
		stage->now += 7 * S;
		stage->next_tick = stage->now + S;
		stage_copy(x);
	}
	stage_finish();
	assert_non_null(unanswered());
	assert_int_equal(unanswered()->record.severity, SEVERITY_WARNING);
	assert_int_equal(collected_number(unanswered(), "copies_of_one"), 3);
}

/* Copies every half second on the way through a satellite: the first may still be answered. */
static void copies_that_follow_too_soon_say_nothing_yet(void **state)
{
	(void)state;
	struct exchange *x = ask(0);

	for (int i = 0; i < 5; i++) {
		stage->now += S / 2;
		stage->next_tick = stage->now + S;
		stage_copy(x);
	}
	stage_finish();
	assert_null(unanswered());
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

/*
 * A tap that sees one side only may look the same: low confidence, and a warning at most
 * (DETECTION-FACTS 4.2).
 */
static void a_side_that_was_never_heard_makes_it_a_warning_of_low_confidence(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		copies(ask(0), 3, 4 * S);
		stage_pass(40 * S);
	}
	assert_int_equal(unanswered()->record.severity, SEVERITY_WARNING);
	assert_int_equal(unanswered()->record.confidence, CONFIDENCE_LOW);
	assert_non_null(strstr(unanswered()->summary, "Nothing from it was ever captured"));
}

/* Another peer of the same initiator; `heard`: its answers to it are captured. */
static struct tunnel_more *another_peer(bool heard)
{
	uint32_t i = stage_tunnel();
	struct tunnel_more *m = &stage->of_tunnel[i];

	stage->tunnel[i].peer[0] = stage->tunnel[0].peer[0];
	m->ike[0].messages = 4;
	m->ike[0].last = stage->now;
	if (heard)
		m->ike[1].last = stage->now;
	return m;
}

static void the_answers_of_others_show_that_the_way_back_is_captured(void **state)
{
	(void)state;
	another_peer(true);
	copies(ask(0), 5, 4 * S);
	assert_int_equal(unanswered()->record.severity, SEVERITY_WARNING);
	assert_int_equal(unanswered()->record.confidence, CONFIDENCE_MEDIUM);
}

static void that_those_of_others_are_missing_shows_that_it_is_not(void **state)
{
	(void)state;
	another_peer(false)->ike[1].proven_unseen = 1;
	copies(ask(0), 5, 4 * S);
	assert_int_equal(unanswered()->record.severity, SEVERITY_INFO);
}

static void who_asks_many_in_vain_is_a_scanner(void **state)
{
	(void)state;
	stage->settings.scan_dsts = 4;
	for (int i = 0; i < 3; i++)
		another_peer(false);
	copies(ask(0), 5, 4 * S);
	assert_int_equal(unanswered()->record.severity, SEVERITY_INFO);
}

static void who_goes_on_to_the_next_step_had_an_answer(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		struct exchange *x = ask(0);

		stage_request(x->ike_sa, IKE2_EXCHANGE_IKE_AUTH, PURPOSE_IKE_AUTH, 0, 1);
		stage_pass(20 * S);
	}
	assert_null(unanswered());
}

static void who_sends_esp_as_well_had_one_too(void **state)
{
	(void)state;
	stage_esp(0);
	copies(ask(0), 5, 4 * S);
	assert_int_equal(unanswered()->record.severity, SEVERITY_INFO);
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

/*
 * One direction of a refused proposal: new attempts, and none of them repeated.  What was never
 * captured before may have answered each.
 */
static void attempts_that_nobody_repeats_were_answered_out_of_sight(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++) {
		ask(0);
		stage_pass(30 * S);
	}
	assert_int_equal(unanswered()->record.severity, SEVERITY_INFO);
	assert_int_equal(unanswered()->record.confidence, CONFIDENCE_LOW);
	assert_non_null(strstr(unanswered()->summary, "repeated none of them"));
	assert_null(strstr(unanswered()->summary, "unreachable"));
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
}

/* Too soon after one another to have asked again. */
static void but_not_those_that_follow_one_another_within_a_second(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		ask(0);
		stage_pass(S);
	}
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

/* Seen on the responder's side: it answers each copy, and the answers never arrive. */
static void a_request_that_is_repeated_although_it_is_answered_is_a_warning(void **state)
{
	(void)state;
	struct exchange *x = ask(0);

	for (int i = 0; i < 2; i++) {
		stage_answer(x);
		assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
		stage_pass(4 * S);
		stage_copy(x);
	}
	assert_non_null(unanswered());
	assert_string_equal(unanswered()->cause, "answered");
	assert_int_equal(unanswered()->record.severity, SEVERITY_WARNING);
	assert_non_null(strstr(unanswered()->summary,
			       "203.0.113.1 answered the first IKE message of 192.0.2.1 "
			       "(2 answers)"));
}

/* Seen at a loaded libreswan gateway: copies every half second, the first answer is taken late. */
static void copies_that_follow_the_answer_too_soon_say_nothing_yet(void **state)
{
	(void)state;
	struct exchange *x = ask(0);

	stage_answer(x);
	for (int i = 0; i < 2; i++) {
		stage_pass(S / 2);
		stage_copy(x);
		stage_answer(x);
	}
	stage_request(x->ike_sa, IKE2_EXCHANGE_IKE_AUTH, PURPOSE_IKE_AUTH, 0, 1);
	stage_pass(60 * S);
	assert_null(unanswered());
}

static void they_do_when_it_does_not_go_on(void **state)
{
	(void)state;
	struct exchange *x = ask(0);

	stage_answer(x);
	for (int i = 0; i < 2; i++) {
		stage_pass(S / 2);
		stage_copy(x);
		stage_answer(x);
	}
	stage_pass(60 * S);
	assert_non_null(unanswered());
	assert_string_equal(unanswered()->cause, "answered");
}

static void and_not_when_it_goes_on_at_last(void **state)
{
	(void)state;
	struct exchange *x = ask(0);

	for (int i = 0; i < 2; i++) {
		stage_answer(x);
		stage_pass(4 * S);
		stage_copy(x);
	}

	const struct collected_alert *a;

	stage_request(x->ike_sa, IKE2_EXCHANGE_IKE_AUTH, PURPOSE_IKE_AUTH, 0, 1);
	stage_pass(1200 * S);
	a = unanswered();
	assert_true(!a || a->record.cleared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(one_repetition_is_information_three_transmissions_a_warning),
		ON_STAGE(it_is_over_when_the_ike_sa_is_set_up),
		ON_STAGE(an_ike_sa_of_the_other_side_does_not_end_it),
		ON_STAGE(nor_is_an_alert_made_of_one_that_was_set_up_in_time),
		ON_STAGE(an_attempt_that_lasts_longer_than_the_window_is_counted),
		ON_STAGE(a_file_that_holds_nothing_else_tells_it_at_its_end),
		ON_STAGE(copies_that_follow_too_soon_say_nothing_yet),
		ON_STAGE(a_refusal_of_which_only_the_cookies_were_captured_is_an_answer),
		ON_STAGE(a_side_that_was_never_heard_makes_it_a_warning_of_low_confidence),
		ON_STAGE(the_answers_of_others_show_that_the_way_back_is_captured),
		ON_STAGE(that_those_of_others_are_missing_shows_that_it_is_not),
		ON_STAGE(who_asks_many_in_vain_is_a_scanner),
		ON_STAGE(who_goes_on_to_the_next_step_had_an_answer),
		ON_STAGE(who_sends_esp_as_well_had_one_too),
		ON_STAGE(two_attempts_without_repetition_are_a_warning_too),
		ON_STAGE(attempts_that_nobody_repeats_were_answered_out_of_sight),
		ON_STAGE(but_not_those_that_follow_one_another_within_a_second),
		ON_STAGE(any_answer_ends_it),
		ON_STAGE(a_refusal_is_an_answer),
		ON_STAGE(a_tunnel_that_had_worked_is_missed),
		ON_STAGE(going_on_for_a_quarter_of_an_hour_is_critical),
		ON_STAGE(an_icmp_error_makes_it_certain),
		ON_STAGE(a_one_sided_capture_makes_it_information),
		ON_STAGE(a_request_that_is_repeated_although_it_is_answered_is_a_warning),
		ON_STAGE(and_not_when_it_goes_on_at_last),
		ON_STAGE(copies_that_follow_the_answer_too_soon_say_nothing_yet),
		ON_STAGE(they_do_when_it_does_not_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
