/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "detect/stage.h"

static const struct collected_alert *dead(void)
{
	return collected_find(&stage->alerts, "dpd_timeout");
}

static struct exchange *probe(uint32_t ike, uint32_t id)
{
	return stage_request(ike, IKE2_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, id);
}

static void three_transmissions_without_an_answer_are_a_warning(void **state)
{
	(void)state;
	struct exchange *x = probe(stage_ike_up(0, 2), 2);

	stage_pass(4 * S);
	stage_copy(x);
	stage_pass(10 * S);
	assert_null(dead());
	stage_copy(x);
	stage_pass(10 * S);
	assert_non_null(dead());
	assert_int_equal(dead()->record.severity, SEVERITY_WARNING);
	assert_int_equal(dead()->record.confidence, CONFIDENCE_HIGH);
	assert_non_null(strstr(dead()->summary, "203.0.113.1 has not answered the liveness probes "
						"of 192.0.2.1"));
	assert_null(strstr(dead()->summary, "the last packet"));
}

static void it_is_critical_when_the_sa_goes(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);
	struct exchange *x = probe(ike, 2);

	for (int i = 0; i < 4; i++) {
		stage_pass(4 * S);
		stage_copy(x);
	}
	stage_pass(10 * S);
	stage_ike_down(ike, END_PEER_LOST, 1);
	assert_int_equal(dead()->record.severity, SEVERITY_CRITICAL);
	assert_non_null(strstr(dead()->summary, "gave the IKE SA up"));
}

static void it_says_when_the_silent_side_was_heard_last(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);
	struct exchange *x;

	stage_pass(10 * S);
	stage_esp_packets(stage->child[child].esp[1], 10, 1000);	/* at 22:13:30 */
	stage_pass(20 * S);
	x = probe(ike, 2);
	for (int i = 0; i < 4; i++) {
		stage_pass(4 * S);
		stage_copy(x);
	}
	stage_pass(10 * S);
	assert_non_null(strstr(dead()->summary, "; the last packet from 203.0.113.1 came at "
						"2023-11-14 22:13:30 UTC."));
}

static void a_delete_that_nobody_answers_is_no_liveness_probe(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);
	struct exchange *x =
		stage_request(ike, IKE2_EXCHANGE_INFORMATIONAL, PURPOSE_DELETE_IKE, 0, 2);

	x->request_np1 = IKE2_PAYLOAD_DELETE;
	for (int i = 0; i < 4; i++) {
		stage_pass(4 * S);
		stage_copy(x);
	}
	stage_pass(10 * S);
	stage_ike_down(ike, END_DELETED, 0);
	stage_pass(60 * S);
	assert_null(dead());
}

/* Seven copies of a Delete that nobody answers; before so many of them the other side sends ESP. */
static void delete_in_vain(uint32_t ike, uint32_t child, enum exchange_purpose purpose, int heard)
{
	struct exchange *x = stage_request(ike, IKE2_EXCHANGE_INFORMATIONAL, purpose, 0, 2);
	struct event ev;

	x->request_np1 = IKE2_PAYLOAD_DELETE;
	for (int i = 0; i < 7; i++) {
		stage_pass(4 * S);
		if (i < heard)
			stage_esp_packets(stage->child[child].esp[1], 4, 400);
		stage_copy(x);
	}
	stage_pass(9 * S);
	x->closed = true;
	x->outcome = OUTCOME_UNANSWERED;
	ev = stage_event(EVENT_EXCHANGE_CLOSED);
	ev.exchange = x;
	ev.ike_sa = ike;
	ev.side = 0;
	stage_send(ev);
}

/* The path loses it: the other side sends on for half a minute on what is no more. */
static void nor_is_one_that_the_other_side_never_learned_of_but_that_is_told(void **state)
{
	for (int sends_on = 0; sends_on < 2; sends_on++) {
		stage_open(state);
		uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

		delete_in_vain(ike, child, PURPOSE_DELETE_IKE, sends_on ? 7 : 2);
		stage_ike_down(ike, END_DELETED, 0);
		stage_pass(60 * S);
		if (!sends_on) {
			assert_null(dead());
		} else {
			assert_int_equal(dead()->record.severity, SEVERITY_WARNING);
			assert_string_equal(dead()->cause, "delete");
			assert_non_null(strstr(dead()->summary,
					       "has not answered the Delete of 192.0.2.1 for 28 s "
					       "(8 transmissions), and went on sending on what"));
		}
		stage_close(state);
	}
}

/* RFC 7296 2.8: its child SAs belong to the next one, and it may be forgotten at once. */
static void nor_is_one_of_an_ike_sa_that_was_rekeyed(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0), next;

	stage_pass(3600 * S);
	next = stage_ike_up(0, 2);
	stage->ike[ike].successor = next;
	stage_ike_down(ike, END_REKEYED, 0);
	delete_in_vain(ike, child, PURPOSE_DELETE_IKE, 7);
	stage_pass(60 * S);
	assert_null(dead());
}

/* Who answered the rekey is not silent for having forgotten: it does not hear, or is not heard. */
static void one_of_what_was_just_replaced_is_a_request_like_others(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

	delete_in_vain(ike, child, PURPOSE_DELETE_CHILD, 7);
	stage_pass(60 * S);
	assert_non_null(dead());
	assert_string_equal(dead()->cause, "request");
	assert_non_null(strstr(dead()->summary, "has not answered the request of 192.0.2.1"));
	assert_null(strstr(dead()->summary, "went on sending on what"));
}

static void an_answer_to_the_second_copy_is_normal_life(void **state)
{
	(void)state;
	struct exchange *x = probe(stage_ike_up(0, 2), 2);

	stage_pass(4 * S);
	stage_copy(x);
	stage_answer(x);
	stage_pass(300 * S);
	assert_null(dead());
}

static void ikev1_probes_in_a_row_count_once_an_echo_was_seen(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 1);
	struct exchange *x;

	x = stage_request(ike, IKE1_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 100);
	stage_answer(x);
	for (uint32_t i = 0; i < 3; i++) {
		stage_pass(5 * S);
		stage_request(ike, IKE1_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 101 + i);
	}
	stage_pass(10 * S);
	assert_non_null(dead());
	assert_int_equal(dead()->record.confidence, CONFIDENCE_MEDIUM);
}

/* Deletes of the length of a probe, once a lifetime; and the IKE SA is replaced after the last. */
static void what_comes_once_in_half_an_hour_is_no_row_of_ikev1_probes(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 1);

	stage_answer(stage_request(ike, IKE1_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 100));
	for (uint32_t i = 0; i < 4; i++) {
		stage_pass(1440 * S);
		stage_request(ike, IKE1_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 101 + i);
	}
	stage_pass(S);
	stage_ike_down(ike, END_DELETED, 0);
	stage_pass(10 * S);
	assert_null(dead());
}

static void an_echo_in_between_begins_the_row_anew(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 1);

	for (uint32_t i = 0; i < 10; i++) {
		struct exchange *x =
			stage_request(ike, IKE1_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 100 + i);

		if (i % 2 == 0)
			stage_answer(x);
		stage_pass(10 * S);
	}
	assert_null(dead());
}

/* No setup, nothing of side 1 ever: an answer would not have been captured either. */
static void a_side_of_which_nothing_was_ever_captured_is_not_silent(void **state)
{
	(void)state;
	uint32_t ike = stage_ike(0, 1);

	stage->ike[ike].origin = ORIGIN_MIDSTREAM;
	stage->ike[ike].state = IKE_ESTABLISHED;
	for (uint32_t i = 0; i < 300; i++) {
		stage_request(ike, IKE1_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 100 + i);
		stage_pass(10 * S);
	}
	assert_null(dead());
}

/* Ten probes ten seconds apart without an echo; ESP of the other side until `silent` before now. */
static uint32_t echoes_not_captured(nsec silent)
{
	uint32_t ike = stage_ike_up(0, 1), child = stage_child(ike, 0);

	stage_answer(stage_request(ike, IKE1_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 100));
	for (uint32_t i = 1; i <= 10; i++) {
		stage_pass(10 * S);
		if ((10 - i) * 10 * S >= silent)
			stage_esp_packets(stage->child[child].esp[1], 10, 1000);
		stage_request(ike, IKE1_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 100 + i);
	}
	stage_pass(6 * S);
	return ike;
}

static void a_side_that_goes_on_sending_is_alive_though_no_echo_is_captured(void **state)
{
	(void)state;
	echoes_not_captured(10 * S);
	assert_null(dead());
}

static void but_when_it_falls_silent_it_is_dead(void **state)
{
	(void)state;
	echoes_not_captured(30 * S);
	assert_non_null(dead());
}

/* A fifth of the packets is not captured, its own probes among them: echoes alone. */
static void who_probes_itself_meanwhile_is_alive_even_if_the_sa_is_replaced(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 1);

	stage_answer(stage_request(ike, IKE1_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 100));
	for (uint32_t i = 1; i <= 10; i++) {
		stage_pass(20 * S);
		stage->of_tunnel[0].ike[1].last = stage->now;
		stage_answer(stage_request(ike, IKE1_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 1,
					   200 + i));
		stage_pass(20 * S);
		stage_request(ike, IKE1_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 100 + i);
	}
	stage_pass(6 * S);
	stage_ike_down(ike, END_DELETED, 0);
	assert_null(dead());
}

static void or_when_the_sa_is_given_up(void **state)
{
	(void)state;
	stage_ike_down(echoes_not_captured(0), END_DELETED, 0);
	assert_non_null(dead());
	assert_int_equal(dead()->record.severity, SEVERITY_CRITICAL);
}

static void answers_that_are_not_captured_are_not_missing(void **state)
{
	(void)state;
	struct exchange *x;

	stage->tunnel[0].one_sided[1] = true;
	x = probe(stage_ike_up(0, 2), 2);
	for (int i = 0; i < 4; i++) {
		stage_pass(4 * S);
		stage_copy(x);
	}
	stage_pass(10 * S);
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
}

/*
 * A set-up whose IKE_AUTH went unanswered for a while; then `up`, an IKE SA that works, and a peer
 * that dies on it.
 */
static uint32_t a_set_up_that_had_trouble(void)
{
	uint32_t ike = stage_ike(0, 2);
	struct exchange *x;

	stage_ike_event(EVENT_IKE_SA_CREATED, ike, 0);
	x = stage_request(ike, IKE2_EXCHANGE_IKE_AUTH, PURPOSE_IKE_AUTH, 0, 1);
	for (int i = 0; i < 3; i++) {
		stage_pass(4 * S);
		stage_copy(x);
	}
	stage_pass(10 * S);
	stage_answer(x);
	assert_non_null(collected_find(&stage->alerts, "ike_auth_retransmit"));
	return ike;
}

static void dies(uint32_t ike)
{
	struct exchange *x = probe(ike, 2);

	for (int i = 0; i < 3; i++) {
		stage_pass(4 * S);
		stage_copy(x);
	}
	stage_pass(20 * S);
}

static void a_peer_that_dies_after_a_set_up_that_succeeded_at_last_is_an_outage_of_its_own(
	void **state)
{
	(void)state;
	uint32_t ike = a_set_up_that_had_trouble();

	stage->ike[ike].established = stage->now;
	stage_ike_event(EVENT_IKE_SA_ESTABLISHED, ike, 0);
	stage_pass(60 * S);
	dies(ike);
	assert_string_equal(dead()->cause, "liveness_probe");
}

static void a_peer_that_never_came_up_is_silent_because_of_the_set_up(void **state)
{
	(void)state;
	dies(a_set_up_that_had_trouble());
	assert_string_equal(dead()->cause, "ike_auth_retransmit");
}

/* An outage of its own, some minutes before a rekey failed. */
static void what_begins_later_is_not_its_cause(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);
	struct exchange *x;

	stage_child(ike, 0);
	stage_pass(600 * S);
	x = stage_request(ike, IKE2_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 2);
	for (int i = 0; i < 4; i++) {
		stage_pass(8 * S);
		stage_copy(x);
	}
	stage_pass(2 * S);
	stage_answer(x);
	stage_pass(200 * S);
	x = stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD, 0, 3);
	for (int i = 0; i < 4; i++) {
		stage_pass(8 * S);
		stage_copy(x);
	}
	stage_pass(20 * S);
	assert_non_null(collected_find(&stage->alerts, "rekey_failing"));
	assert_string_equal(dead()->cause, "liveness_probe");
	assert_int_equal(dead()->record.incident, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(three_transmissions_without_an_answer_are_a_warning),
		ON_STAGE(it_is_critical_when_the_sa_goes),
		ON_STAGE(it_says_when_the_silent_side_was_heard_last),
		ON_STAGE(a_delete_that_nobody_answers_is_no_liveness_probe),
		cmocka_unit_test(
			nor_is_one_that_the_other_side_never_learned_of_but_that_is_told),
		ON_STAGE(nor_is_one_of_an_ike_sa_that_was_rekeyed),
		ON_STAGE(one_of_what_was_just_replaced_is_a_request_like_others),
		ON_STAGE(an_answer_to_the_second_copy_is_normal_life),
		ON_STAGE(ikev1_probes_in_a_row_count_once_an_echo_was_seen),
		ON_STAGE(what_comes_once_in_half_an_hour_is_no_row_of_ikev1_probes),
		ON_STAGE(an_echo_in_between_begins_the_row_anew),
		ON_STAGE(a_side_of_which_nothing_was_ever_captured_is_not_silent),
		ON_STAGE(a_side_that_goes_on_sending_is_alive_though_no_echo_is_captured),
		ON_STAGE(but_when_it_falls_silent_it_is_dead),
		ON_STAGE(or_when_the_sa_is_given_up),
		ON_STAGE(who_probes_itself_meanwhile_is_alive_even_if_the_sa_is_replaced),
		ON_STAGE(answers_that_are_not_captured_are_not_missing),
		ON_STAGE(
		a_peer_that_dies_after_a_set_up_that_succeeded_at_last_is_an_outage_of_its_own),
		ON_STAGE(what_begins_later_is_not_its_cause),
		ON_STAGE(a_peer_that_never_came_up_is_silent_because_of_the_set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
