/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "detect/stage.h"

static const struct collected_alert *failed(void)
{
	return collected_find(&stage->alerts, "auth_failed");
}

static void refuse(int by)
{
	uint32_t ike = stage_ike(!by, 2);
	struct event ev = stage_event(EVENT_AUTH_REFUSED);

	ev.ike_sa = ike;
	ev.side = (int8_t)by;
	stage_send(ev);
}

static void one_refusal_is_a_warning_that_names_who_refuses(void **state)
{
	(void)state;
	refuse(1);
	assert_non_null(failed());
	assert_int_equal(failed()->record.severity, SEVERITY_WARNING);
	assert_int_equal(failed()->record.confidence, CONFIDENCE_HIGH);
	assert_non_null(strstr(failed()->summary, "203.0.113.1 rejected the authentication "
						  "of 192.0.2.1"));
}

static void five_within_ten_minutes_are_critical(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		refuse(1);
		stage_pass(60 * S);
	}
	assert_int_equal(failed()->record.severity, SEVERITY_CRITICAL);
}

/* Those of an hour ago belong to another alert. */
static void all_refusals_of_a_row_are_counted(void **state)
{
	(void)state;
	for (size_t row = 0; row < 2; row++) {
		const struct collected_alert *a = &stage->alerts.alert[row];

		for (int i = 0; i < 40; i++) {
			refuse(1);
			stage_pass(60 * S);
		}
		stage_pass(3600 * S);
		assert_int_equal(stage->alerts.n, row + 1);
		assert_string_equal(a->code, "auth_failed");
		assert_true(a->record.cleared);
		assert_int_equal(a->record.count, 40);
		assert_non_null(strstr(a->summary, " 40 times"));
	}
}

static void one_is_critical_when_the_tunnel_had_worked(void **state)
{
	(void)state;
	stage_ike_down(stage_ike_up(0, 2), END_DELETED, 0);
	stage_pass(60 * S);
	refuse(1);
	assert_int_equal(failed()->record.severity, SEVERITY_CRITICAL);
}

static void a_repeated_fifth_message_of_main_mode_is_probably_another_key(void **state)
{
	(void)state;
	uint32_t ike = stage_ike(0, 1);
	struct exchange *x =
		stage_request(ike, IKE1_EXCHANGE_IDENTITY_PROTECTION, PURPOSE_MAIN_MODE_AUTH, 0, 0);

	stage_pass(4 * S);
	stage_copy(x);
	stage_pass(10 * S);
	assert_null(failed());
	stage_copy(x);
	stage_pass(10 * S);
	assert_non_null(failed());
	assert_int_equal(failed()->record.confidence, CONFIDENCE_MEDIUM);
	assert_non_null(strstr(failed()->summary, "pre-shared keys differ"));
}

/* The fifth message of main mode, sent three times to this port without an answer. */
static void fifth_message(uint16_t port)
{
	uint32_t ike = stage_ike(0, 1);
	struct exchange *x =
		stage_request(ike, IKE1_EXCHANGE_IDENTITY_PROTECTION, PURPOSE_MAIN_MODE_AUTH, 0, 0);

	x->request_src_port = x->request_dst_port = port;
	for (int i = 0; i < 2; i++) {
		stage_pass(10 * S);
		stage_copy(x);
	}
	stage_pass(10 * S);
}

static void at_port_4500_and_then_silence_the_port_is_suspected_first(void **state)
{
	(void)state;
	fifth_message(4500);
	assert_string_equal(failed()->cause, "port4500");
	assert_non_null(strstr(failed()->summary, "UDP 4500 is probably blocked"));
	assert_int_equal(failed()->record.confidence, CONFIDENCE_MEDIUM);
}

/* As strongSwan does, from port 500: an encrypted notification for each copy. */
static void a_peer_that_is_heard_after_that_message_has_another_key(void **state)
{
	(void)state;
	uint32_t ike = stage_ike(0, 1);
	struct exchange *x =
		stage_request(ike, IKE1_EXCHANGE_IDENTITY_PROTECTION, PURPOSE_MAIN_MODE_AUTH, 0, 0);

	x->major = 1;
	x->request_dst_port = 4500;
	for (int i = 0; i < 2; i++) {
		struct exchange *told;
		struct event ev = stage_event(EVENT_REQUEST);

		stage_pass(S);
		told = stage_request(ike, IKE1_EXCHANGE_INFORMATIONAL, PURPOSE_UNKNOWN, 1, 0);
		told->major = 1;
		ev.exchange = told;
		stage_send(ev);
		stage_pass(4 * S);
		stage_copy(x);
	}
	stage_pass(10 * S);
	assert_string_equal(failed()->cause, "");
	assert_non_null(strstr(failed()->summary, "pre-shared keys differ"));
	assert_null(strstr(failed()->summary, "4500"));
}

/* Aggressive mode; the answer comes `answers` times, the request `requests` times. */
static uint32_t aggressive(int requests, int answers)
{
	uint32_t ike = stage_ike(0, 1);
	struct exchange *x = stage_request(ike, IKE1_EXCHANGE_AGGRESSIVE, PURPOSE_AGGRESSIVE, 0, 0);

	for (int i = 0; i < answers; i++) {
		if (i > 0 && i < requests)
			stage_copy(x);
		stage_answer(x);
		stage_pass(6 * S);
	}
	return ike;
}

static void an_answer_of_aggressive_mode_sent_again_and_again_is_not_accepted(void **state)
{
	(void)state;
	aggressive(1, 2);
	assert_null(failed());
	aggressive(1, 3);
	assert_non_null(failed());
	assert_int_equal(failed()->record.severity, SEVERITY_WARNING);
	assert_int_equal(failed()->record.confidence, CONFIDENCE_MEDIUM);
	assert_non_null(strstr(failed()->summary, "192.0.2.1 goes no further after the answer of "
						  "203.0.113.1"));
}

/* Who asks again did not get the answer. */
static void but_not_when_it_was_asked_for_again(void **state)
{
	(void)state;
	aggressive(4, 4);
	assert_null(failed());
}

static void nor_on_a_capture_without_the_initiator(void **state)
{
	(void)state;
	stage->tunnel[0].one_sided[0] = true;
	aggressive(1, 4);
	assert_null(failed());
}

static void clear_errors_of_ikev1_say_it_themselves(void **state)
{
	(void)state;
	struct event ev = stage_event(EVENT_ERROR_NOTIFY);

	ev.side = 1;
	ev.value[0] = IKE1_NOTIFY_AUTHENTICATION_FAILED;
	ev.value[1] = 1;
	stage_send(ev);
	assert_string_equal(collected_text(failed(), "sign"), "AUTHENTICATION_FAILED");
}

static void other_errors_are_not_about_authentication(void **state)
{
	(void)state;
	struct event ev = stage_event(EVENT_ERROR_NOTIFY);

	ev.side = 1;
	ev.value[0] = IKE1_NOTIFY_NO_PROPOSAL_CHOSEN;
	ev.value[1] = 1;
	stage_send(ev);
	assert_null(failed());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(one_refusal_is_a_warning_that_names_who_refuses),
		ON_STAGE(five_within_ten_minutes_are_critical),
		ON_STAGE(all_refusals_of_a_row_are_counted),
		ON_STAGE(one_is_critical_when_the_tunnel_had_worked),
		ON_STAGE(a_repeated_fifth_message_of_main_mode_is_probably_another_key),
		ON_STAGE(at_port_4500_and_then_silence_the_port_is_suspected_first),
		ON_STAGE(a_peer_that_is_heard_after_that_message_has_another_key),
		ON_STAGE(an_answer_of_aggressive_mode_sent_again_and_again_is_not_accepted),
		ON_STAGE(but_not_when_it_was_asked_for_again),
		ON_STAGE(nor_on_a_capture_without_the_initiator),
		ON_STAGE(clear_errors_of_ikev1_say_it_themselves),
		ON_STAGE(other_errors_are_not_about_authentication),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
