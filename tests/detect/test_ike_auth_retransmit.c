/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "detect/stage.h"

static const struct collected_alert *retransmit(void)
{
	return collected_find(&stage->alerts, "ike_auth_retransmit");
}

/* IKE_SA_INIT asked and answered; then the first IKE_AUTH request, from `initiator`. */
static struct exchange *begin(int initiator)
{
	uint32_t ike = stage_ike(initiator, 2);
	struct exchange *x;

	stage_ike_event(EVENT_IKE_SA_CREATED, ike, initiator);
	x = stage_request(ike, IKE2_EXCHANGE_IKE_SA_INIT, PURPOSE_IKE_SA_INIT, initiator, 0);
	stage_answer(x);
	return stage_request(ike, IKE2_EXCHANGE_IKE_AUTH, PURPOSE_IKE_AUTH, initiator, 1);
}

/* Further transmissions at these seconds after one another. */
static void copies(struct exchange *x, int n, nsec gap)
{
	for (int i = 0; i < n; i++) {
		stage_pass(gap);
		stage_copy(x);
	}
}

static void one_more_copy_is_normal_life(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	copies(x, 1, 2 * S);
	stage_answer(x);
	stage_pass(600 * S);
	assert_null(retransmit());
}

/* Between the answer to IKE_SA_INIT and IKE_AUTH pass three seconds, all of them on the way. */
static struct exchange *begin_far_away(void)
{
	uint32_t ike = stage_ike(0, 2);
	struct exchange *x;

	stage_ike_event(EVENT_IKE_SA_CREATED, ike, 0);
	x = stage_request(ike, IKE2_EXCHANGE_IKE_SA_INIT, PURPOSE_IKE_SA_INIT, 0, 0);
	stage_answer(x);
	*stage->ike[ike].previous[0] = *x;
	stage_pass(3 * S);
	x = stage_request(ike, IKE2_EXCHANGE_IKE_AUTH, PURPOSE_IKE_AUTH, 0, 1);
	stage_answer(x);
	return x;
}

static void copies_sent_before_the_answer_can_have_come_are_normal_life(void **state)
{
	(void)state;
	struct exchange *x = begin_far_away();

	copies(x, 2, S / 2);
	copies(x, 1, S);
	stage_pass(600 * S);
	assert_null(retransmit());
}

/* The capture began with IKE_AUTH: how far away the initiator is is not known. */
static void without_the_set_up_some_seconds_are_given(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	stage->ike[x->ike_sa].init_seen = false;
	stage_answer(x);
	copies(x, 3, S);
	stage_pass(600 * S);
	assert_null(retransmit());
	copies(x, 2, 10 * S);
	assert_non_null(retransmit());
}

static void copies_sent_long_after_it_are_not(void **state)
{
	(void)state;
	struct exchange *x = begin_far_away();

	copies(x, 4, 2 * S);
	stage_pass(10 * S);
	assert_non_null(retransmit());
	assert_string_equal(retransmit()->cause, "answered");
	assert_int_equal(retransmit()->record.severity, SEVERITY_WARNING);
}

static void three_unanswered_transmissions_are_a_warning_and_five_are_critical(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	copies(x, 2, 4 * S);
	stage_pass(10 * S);
	assert_non_null(retransmit());
	assert_int_equal(retransmit()->record.severity, SEVERITY_WARNING);
	assert_int_equal(retransmit()->record.confidence, CONFIDENCE_HIGH);
	assert_string_equal(retransmit()->cause, "silent");
	copies(x, 2, 10 * S);
	stage_pass(10 * S);
	assert_int_equal(retransmit()->record.severity, SEVERITY_CRITICAL);
	assert_int_equal(collected_number(retransmit(), "requests"), 5);
	assert_non_null(strstr(retransmit()->summary, "192.0.2.1 sent the same IKE_AUTH "
						      "request 5 times"));
}

static void one_that_goes_on_for_longer_than_rounds_count_still_began_with_its_first_request(
	void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	copies(x, 12, 120 * S);
	stage_pass(10 * S);
	assert_int_equal(retransmit()->record.severity, SEVERITY_CRITICAL);
	assert_int_equal(retransmit()->record.first, x->request_at);
}

static void an_answer_to_the_third_copy_came_in_time(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	copies(x, 2, 4 * S);
	stage->now += 100 * NSEC_PER_MS;
	stage_answer(x);
	stage_pass(600 * S);
	assert_null(retransmit());
}

static void copies_over_more_than_a_minute_are_too_slow_for_a_warning(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	copies(x, 2, 40 * S);
	stage_pass(10 * S);
	assert_null(retransmit());
	stage_exchange_close(x, OUTCOME_UNANSWERED);
	assert_int_equal(retransmit()->record.severity, SEVERITY_INFO);
}

static void two_copies_then_a_new_ike_sa_are_critical(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	copies(x, 1, 4 * S);
	stage_pass(20 * S);
	stage_exchange_close(x, OUTCOME_UNANSWERED);
	assert_int_equal(retransmit()->record.severity, SEVERITY_INFO);
	stage_pass(20 * S);
	begin(0);
	assert_int_equal(retransmit()->record.severity, SEVERITY_CRITICAL);
	assert_string_equal(collected_text(retransmit(), "then"), "new IKE_SA_INIT");
}

static void a_new_ike_sa_of_the_other_side_is_not_the_restart(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	copies(x, 1, 4 * S);
	stage_exchange_close(x, OUTCOME_UNANSWERED);
	stage_pass(20 * S);
	begin(1);
	assert_int_equal(retransmit()->record.severity, SEVERITY_INFO);
}

static void requests_after_the_answer_have_the_cause_answered(void **state)
{
	(void)state;
	struct exchange *x = begin(1);

	stage_answer(x);
	copies(x, 1, 4 * S);
	stage_answer(x);
	assert_null(retransmit());
	copies(x, 1, 7 * S);
	assert_non_null(retransmit());
	assert_int_equal(retransmit()->record.severity, SEVERITY_WARNING);
	assert_string_equal(retransmit()->cause, "answered");
	assert_string_equal(collected_text(retransmit(), "likely"), "initiator_rejects");
	assert_string_equal(collected_text(retransmit(), "initiator"), "203.0.113.1");
	assert_non_null(strstr(retransmit()->summary, "192.0.2.1 answered every IKE_AUTH "
						      "of 203.0.113.1"));
}

/* Two of three come, however often it is sent. */
static void a_fragment_of_the_answer_that_never_comes_is_lost_before_the_capture(void **state)
{
	(void)state;
	struct exchange *x = begin(1);

	x->response_fragment_total = 3;
	x->response_fragments_seen = 5;
	stage_answer(x);
	copies(x, 1, 4 * S);
	stage_answer(x);
	copies(x, 1, 7 * S);
	assert_string_equal(collected_text(retransmit(), "likely"), "response_fragments");
	assert_int_equal(collected_number(retransmit(), "answer_fragments_lost"), 1);
	assert_non_null(strstr(retransmit()->summary,
			       "of the 3 fragments of the answer 1 never came as far as this "
			       "capture; they are lost on the way from 192.0.2.1"));
	assert_non_null(strstr(retransmit()->actions[0].text, "ragment"));
}

static void three_answered_rounds_in_ten_minutes_are_critical(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		struct exchange *x = begin(0);

		stage_answer(x);
		copies(x, 2, 3 * S);
		assert_int_equal(retransmit()->record.severity,
				 round < 2 ? SEVERITY_WARNING : SEVERITY_CRITICAL);
		stage_pass(10 * S);
	}
	assert_int_equal(stage->alerts.n, 1);
	assert_int_equal(collected_number(retransmit(), "rounds"), 3);
}

static void all_rounds_of_a_long_row_are_counted(void **state)
{
	(void)state;
	for (int round = 0; round < 40; round++) {
		struct exchange *x = begin(0);

		stage_answer(x);
		copies(x, 2, 3 * S);
		stage_pass(60 * S);
	}
	detect_flush(stage->detect, stage);
	assert_int_equal(collected_number(retransmit(), "rounds"), 40);
	assert_non_null(strstr(retransmit()->summary, "That happened with 40 IKE SAs."));
}

/* Set up by `initiator`, its IKE_AUTH answered and asked once more; then `pause`. */
static void round_with_one_copy(bool used, nsec pause)
{
	uint32_t ike = stage_ike(0, 2);
	struct exchange *x;

	stage_ike_event(EVENT_IKE_SA_CREATED, ike, 0);
	x = stage_request(ike, IKE2_EXCHANGE_IKE_AUTH, PURPOSE_IKE_AUTH, 0, 1);
	stage_answer(x);
	stage->ike[ike].established = stage->now;
	stage_ike_event(EVENT_IKE_SA_ESTABLISHED, ike, 0);
	stage_pass(4 * S);
	stage_copy(x);
	stage_answer(x);
	*stage->ike[ike].current[0] = *x;
	if (used)
		stage_child(ike, 0);
	stage_pass(pause);
}

static void one_copy_after_the_answer_in_round_after_round_is_in_vain(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		round_with_one_copy(false, 7 * S);
	assert_null(retransmit());
	round_with_one_copy(false, 7 * S);
	assert_non_null(retransmit());
	assert_string_equal(retransmit()->record.cause, "answered");
	assert_int_equal(retransmit()->record.severity, SEVERITY_CRITICAL);
}

static void but_not_when_the_ike_sas_are_used(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++)
		round_with_one_copy(true, 60 * S);
	assert_null(retransmit());
}

static void port_4500_is_blamed_only_when_nothing_ever_came_from_it(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	x->request_src_port = x->request_dst_port = 4500;
	copies(x, 2, 4 * S);
	stage_pass(10 * S);
	assert_string_equal(retransmit()->cause, "port4500");
	assert_string_equal(retransmit()->actions[0].vendor, "any");
	assert_non_null(strstr(retransmit()->actions[0].text, "4500"));
}

static void a_keepalive_from_port_4500_clears_the_port(void **state)
{
	(void)state;
	struct exchange *x = begin(0);
	struct event ev = stage_event(EVENT_KEEPALIVE);

	ev.side = 1;
	stage_send(ev);
	x->request_src_port = x->request_dst_port = 4500;
	copies(x, 2, 4 * S);
	stage_pass(10 * S);
	assert_string_equal(retransmit()->cause, "silent");
}

static void a_large_request_is_lost_in_fragments(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	x->request_bytes = 3468;
	x->request_ip_fragments = 1;
	copies(x, 2, 1 * S);
	stage_pass(10 * S);
	assert_string_equal(retransmit()->cause, "ip_fragments");
}

static void ike_fragments_have_their_own_cause(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	x->request_bytes = 3468;
	x->request_fragment_total = 3;
	x->request_fragments_seen = 7;
	copies(x, 2, 1 * S);
	stage_pass(10 * S);
	assert_string_equal(retransmit()->cause, "ike_fragments");
	assert_int_equal(collected_number(retransmit(), "fragments_seen"), 3);
}

static void eap_rounds_may_wait_for_people(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	x->purpose = PURPOSE_EAP;
	copies(x, 3, 4 * S);
	stage_pass(10 * S);
	assert_null(retransmit());
}

static void what_is_not_captured_is_not_called_unanswered(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	stage->tunnel[0].one_sided[1] = true;
	copies(x, 5, 4 * S);
	stage_pass(10 * S);
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
	assert_int_equal(retransmit()->record.confidence, CONFIDENCE_LOW);
	assert_non_null(strstr(retransmit()->summary, "not all that 203.0.113.1 sends is in this "
						      "capture"));
}

/* The initiator goes on to the next message id: RFC 7296 2.3, it has the answer. */
static void an_answer_that_came_out_of_sight_takes_the_warning_back(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	copies(x, 4, 4 * S);
	stage_pass(10 * S);
	assert_int_equal(retransmit()->record.severity, SEVERITY_CRITICAL);
	stage_exchange_close(x, OUTCOME_NOT_OBSERVABLE);
	stage_pass(60 * S);
	assert_int_equal(retransmit()->record.severity, SEVERITY_INFO);
	assert_int_equal(retransmit()->record.confidence, CONFIDENCE_LOW);
}

/* The same, with the request itself, and a rekey of the IKE SA later: no new attempt. */
static void who_goes_on_has_its_answer_wherever_that_came_by(void **state)
{
	(void)state;
	struct exchange *x = begin(0);
	uint32_t ike = x->ike_sa, next;

	copies(x, 4, 4 * S);
	stage_pass(10 * S);
	assert_int_equal(retransmit()->record.severity, SEVERITY_CRITICAL);
	stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD, 0, 2);
	stage_pass(60 * S);
	next = stage_ike(0, 2);
	stage_ike_event(EVENT_IKE_SA_CREATED, next, 0);
	stage_pass(10 * S);
	assert_int_equal(retransmit()->record.severity, SEVERITY_INFO);
}

static void what_was_taken_back_is_no_cause_of_what_comes_after(void **state)
{
	(void)state;
	struct exchange *x = begin(0);
	uint32_t esp;

	copies(x, 4, 4 * S);
	stage_pass(10 * S);
	stage_request(x->ike_sa, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD, 0, 2);
	stage_pass(10 * S);
	esp = stage_esp(0);
	for (int i = 0; i < 6; i++) {
		stage_esp_packets(esp, 50, 5000);
		stage_pass(20 * S);
		esp = stage_esp_replace(esp);
	}
	stage_pass(20 * S);
	assert_non_null(collected_find(&stage->alerts, "spi_churn"));
	assert_string_not_equal(collected_find(&stage->alerts, "spi_churn")->cause,
				"ike_auth_retransmit");
}

static void who_answers_its_peer_under_the_same_spis_was_let_in(void **state)
{
	(void)state;
	struct exchange *x = begin(0);
	uint32_t ike = x->ike_sa;

	copies(x, 3, 1 * S);
	stage_pass(1 * S);
	stage_answer(stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD, 1, 0));
	stage_pass(60 * S);
	assert_null(retransmit());
}

/* Only one side is captured; its own ESP shows that it was let in. */
static void who_sends_on_the_first_child_sa_has_its_answer(void **state)
{
	(void)state;
	struct exchange *x = begin(0);
	uint32_t esp;

	copies(x, 3, 1 * S);
	stage_pass(1 * S);
	esp = stage_esp(0);
	stage_esp_packets(esp, 10, 1000);
	stage_pass(60 * S);
	assert_null(retransmit());
}

static void an_esp_sa_of_somewhere_else_is_no_answer(void **state)
{
	(void)state;
	struct exchange *x;
	uint32_t older = stage_ike_up(0, 2), esp;

	(void)older;
	x = begin(0);
	copies(x, 3, 1 * S);
	stage_pass(1 * S);
	esp = stage_esp(0);
	stage_esp_packets(esp, 10, 1000);
	stage_pass(60 * S);
	assert_non_null(retransmit());
}

static void other_exchanges_are_not_its_business(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);
	struct exchange *x = stage_request(ike, IKE2_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 2);

	copies(x, 5, 4 * S);
	stage_pass(10 * S);
	assert_null(retransmit());
}

static void later_message_ids_are_watched_too(void **state)
{
	(void)state;
	struct exchange *x = begin(0);

	x->message_id = 3;	/* IKE_INTERMEDIATE took 1 and 2 */
	copies(x, 2, 4 * S);
	stage_pass(10 * S);
	assert_int_equal(collected_number(retransmit(), "message_id"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(one_more_copy_is_normal_life),
		ON_STAGE(copies_sent_before_the_answer_can_have_come_are_normal_life),
		ON_STAGE(without_the_set_up_some_seconds_are_given),
		ON_STAGE(copies_sent_long_after_it_are_not),
		ON_STAGE(three_unanswered_transmissions_are_a_warning_and_five_are_critical),
		ON_STAGE(
		one_that_goes_on_for_longer_than_rounds_count_still_began_with_its_first_request),
		ON_STAGE(an_answer_to_the_third_copy_came_in_time),
		ON_STAGE(copies_over_more_than_a_minute_are_too_slow_for_a_warning),
		ON_STAGE(two_copies_then_a_new_ike_sa_are_critical),
		ON_STAGE(a_new_ike_sa_of_the_other_side_is_not_the_restart),
		ON_STAGE(requests_after_the_answer_have_the_cause_answered),
		ON_STAGE(a_fragment_of_the_answer_that_never_comes_is_lost_before_the_capture),
		ON_STAGE(three_answered_rounds_in_ten_minutes_are_critical),
		ON_STAGE(all_rounds_of_a_long_row_are_counted),
		ON_STAGE(one_copy_after_the_answer_in_round_after_round_is_in_vain),
		ON_STAGE(but_not_when_the_ike_sas_are_used),
		ON_STAGE(port_4500_is_blamed_only_when_nothing_ever_came_from_it),
		ON_STAGE(a_keepalive_from_port_4500_clears_the_port),
		ON_STAGE(a_large_request_is_lost_in_fragments),
		ON_STAGE(ike_fragments_have_their_own_cause),
		ON_STAGE(eap_rounds_may_wait_for_people),
		ON_STAGE(what_is_not_captured_is_not_called_unanswered),
		ON_STAGE(an_answer_that_came_out_of_sight_takes_the_warning_back),
		ON_STAGE(who_goes_on_has_its_answer_wherever_that_came_by),
		ON_STAGE(what_was_taken_back_is_no_cause_of_what_comes_after),
		ON_STAGE(who_answers_its_peer_under_the_same_spis_was_let_in),
		ON_STAGE(who_sends_on_the_first_child_sa_has_its_answer),
		ON_STAGE(an_esp_sa_of_somewhere_else_is_no_answer),
		ON_STAGE(other_exchanges_are_not_its_business),
		ON_STAGE(later_message_ids_are_watched_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
