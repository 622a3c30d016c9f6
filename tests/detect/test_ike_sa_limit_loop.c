/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "detect/stage.h"

static const struct collected_alert *loop(void)
{
	return collected_find(&stage->alerts, "ike_sa_limit_loop");
}

/*
 * A FortiGate's story: a new IKE SA every `interval`, the oldest of `keep` deleted by the
 * responder.
 */
static void build(int n, nsec interval, int keep, int deleted_by)
{
	for (int i = 0; i < n; i++) {
		uint32_t ike = stage_ike_up(0, 2);

		stage_pass(500 * NSEC_PER_MS);
		if ((int)ike >= keep)
			stage_ike_down(ike - (uint32_t)keep, END_DELETED, deleted_by);
		stage_pass(interval - 500 * NSEC_PER_MS);
	}
}

static void a_new_one_every_ten_seconds_and_the_oldest_of_four_deleted(void **state)
{
	(void)state;
	build(4, 10 * S, 4, 1);
	assert_null(loop());
	build(5, 10 * S, 4, 1);
	detect_flush(stage->detect, stage);
	assert_non_null(loop());
	assert_int_equal(loop()->record.severity, SEVERITY_CRITICAL);
	assert_int_equal(loop()->record.confidence, CONFIDENCE_HIGH);
	assert_int_equal(collected_number(loop(), "living"), 4);
	assert_non_null(strstr(loop()->summary, "203.0.113.1 keeps at most 4 IKE SAs"));
	assert_non_null(strstr(loop()->summary, "raising the limit cures nothing"));
}

/* Who never accepted an IKE SA does not answer its Delete either: it is repeated for a minute. */
static void one_that_the_responder_has_asked_to_delete_is_not_kept(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++) {
		uint32_t ike = stage_ike_up(0, 2);

		stage_pass(20 * NSEC_PER_MS);
		if (ike >= 4) {
			struct exchange *x = stage_request(ike - 4, IKE2_EXCHANGE_INFORMATIONAL,
							   PURPOSE_DELETE_IKE, 1, 0);

			x->request_np1 = IKE2_PAYLOAD_DELETE;
			*stage->ike[ike - 4].current[1] = *x;
			stage_exchange_event(EVENT_REQUEST, x);
		}
		stage_pass(5 * S);
		if (ike >= 10)
			stage_ike_down(ike - 10, END_DELETED, 1);
		stage_pass(5 * S - 20 * NSEC_PER_MS);
	}
	stage_pass(10 * S);
	detect_flush(stage->detect, stage);
	assert_non_null(loop());
	assert_int_equal(collected_number(loop(), "living"), 4);
	assert_int_equal(collected_number(loop(), "deleted_by_responder"), 8);
	assert_null(collected_find(&stage->alerts, "dpd_timeout"));
}

/* The responder's own liveness check makes room, before a limit does. */
static void given_up_for_want_of_answers_they_are_still_a_loop(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++) {
		uint32_t ike = stage_ike_up(0, 2);

		stage_pass(2 * S);
		if (ike >= 3)
			stage_ike_down(ike - 3, END_PEER_LOST, 0);
		stage_pass(8 * S);
	}
	detect_flush(stage->detect, stage);
	assert_non_null(loop());
	assert_int_equal(loop()->record.confidence, CONFIDENCE_MEDIUM);
}

static void each_lost_before_the_next_it_is_an_unsteady_path(void **state)
{
	(void)state;
	for (int i = 0; i < 12; i++) {
		uint32_t ike = stage_ike_up(0, 2);

		stage_pass(8 * S);
		stage_ike_down(ike, END_PEER_LOST, 0);
		stage_pass(2 * S);
	}
	detect_flush(stage->detect, stage);
	assert_null(loop());
}

/* SD-WAN: several phase 1 between two addresses, which come up one after the other. */
static void tunnels_that_carry_traffic_are_no_loop(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		stage_child(stage_ike_up(0, 2), 0);
		stage_pass(10 * S);
	}
	detect_flush(stage->detect, stage);
	assert_null(loop());
}

/* The SPIs appear, and nobody can say of which child SA they are. */
static void nor_are_they_when_their_child_sas_are_not_known(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		stage_ike_up(0, 2);
		stage_esp(0);
		stage_pass(10 * S);
	}
	detect_flush(stage->detect, stage);
	assert_null(loop());
}

static void nor_tunnels_whose_probes_are_answered(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		uint32_t ike = stage_ike_up(0, 2);
		struct exchange *x;

		stage_pass(9 * S);
		x = stage_request(ike, IKE2_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 1, 0);
		stage_answer(x);
		*stage->ike[ike].current[1] = *x;
		stage_pass(1 * S);
	}
	detect_flush(stage->detect, stage);
	assert_null(loop());
}

/* Probes of the responder that nobody answers are no use. */
static void a_probe_that_stays_unanswered_is_no_sign_of_life(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		uint32_t ike = stage_ike_up(0, 2);

		stage_pass(9 * S);
		*stage->ike[ike].current[1] =
			*stage_request(ike, IKE2_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 1, 0);
		stage_pass(1 * S);
	}
	detect_flush(stage->detect, stage);
	assert_non_null(loop());
}

static void many_at_once_that_wait_for_traffic_are_no_loop(void **state)
{
	(void)state;
	build(8, 2 * S, 100, 1);
	detect_flush(stage->detect, stage);
	assert_null(loop());
}

/* IKEv1: who asks for a child SA has accepted phase 1. */
static void a_quick_mode_without_an_answer_is_not_the_fault_of_who_asks(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		uint32_t ike = stage_ike_up(0, 1);

		*stage->ike[ike].current[0] =
			*stage_request(ike, IKE1_EXCHANGE_QUICK_MODE, PURPOSE_QUICK_MODE, 0, 1);
		stage_pass(10 * S);
	}
	detect_flush(stage->detect, stage);
	assert_null(loop());
}

static void of_ikev1_it_speaks_of_phase_1(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		stage_ike_up(0, 1);
		stage_pass(10 * S);
	}
	detect_flush(stage->detect, stage);
	assert_non_null(loop());
	assert_non_null(strstr(loop()->summary, "the last answer of phase 1"));
	assert_null(strstr(loop()->summary, "IKE_AUTH"));
}

static void an_initiator_that_deletes_its_own_is_something_else(void **state)
{
	(void)state;
	build(12, 10 * S, 2, 0);
	assert_null(loop());
}

static void uneven_distances_are_no_loop(void **state)
{
	(void)state;
	static const int gaps[] = { 2, 30, 1, 20, 3, 40, 1, 25 };

	for (size_t i = 0; i < 8; i++)
		build(1, gaps[i] * S, 4, 1);
	assert_null(loop());
}

static void one_a_minute_is_too_slow(void **state)
{
	(void)state;
	build(12, 60 * S, 4, 1);
	assert_null(loop());
}

static void it_is_a_symptom_of_the_repeated_ike_auth(void **state)
{
	(void)state;
	for (int i = 0; i < 8; i++) {
		uint32_t ike = stage_ike(0, 2);
		struct exchange *x;

		stage_ike_event(EVENT_IKE_SA_CREATED, ike, 0);
		x = stage_request(ike, IKE2_EXCHANGE_IKE_AUTH, PURPOSE_IKE_AUTH, 0, 1);
		stage_answer(x);
		stage->ike[ike].established = stage->now;
		stage_ike_event(EVENT_IKE_SA_ESTABLISHED, ike, 0);
		for (int c = 0; c < 3; c++) {
			stage_pass(2 * S);
			stage_copy(x);
			stage_answer(x);
		}
		if (ike >= 4)
			stage_ike_down(ike - 4, END_DELETED, 1);
		stage_pass(4 * S);
	}
	assert_non_null(loop());
	assert_string_equal(loop()->cause, "ike_auth_retransmit");
	assert_int_equal(loop()->record.incident,
			 collected_find(&stage->alerts, "ike_auth_retransmit")->record.id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(a_new_one_every_ten_seconds_and_the_oldest_of_four_deleted),
		ON_STAGE(one_that_the_responder_has_asked_to_delete_is_not_kept),
		ON_STAGE(given_up_for_want_of_answers_they_are_still_a_loop),
		ON_STAGE(each_lost_before_the_next_it_is_an_unsteady_path),
		ON_STAGE(tunnels_that_carry_traffic_are_no_loop),
		ON_STAGE(nor_are_they_when_their_child_sas_are_not_known),
		ON_STAGE(nor_tunnels_whose_probes_are_answered),
		ON_STAGE(a_probe_that_stays_unanswered_is_no_sign_of_life),
		ON_STAGE(many_at_once_that_wait_for_traffic_are_no_loop),
		ON_STAGE(a_quick_mode_without_an_answer_is_not_the_fault_of_who_asks),
		ON_STAGE(of_ikev1_it_speaks_of_phase_1),
		ON_STAGE(an_initiator_that_deletes_its_own_is_something_else),
		ON_STAGE(uneven_distances_are_no_loop),
		ON_STAGE(one_a_minute_is_too_slow),
		ON_STAGE(it_is_a_symptom_of_the_repeated_ike_auth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
