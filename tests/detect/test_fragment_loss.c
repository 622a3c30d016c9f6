/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "fragment_loss");
}

static void missing(int side, int times)
{
	for (int i = 0; i < times; i++) {
		struct event ev = stage_event(EVENT_FRAGMENT_MISSING);

		ev.side = (int8_t)side;
		stage_send(ev);
		stage_pass(10 * S);
	}
}

static void icmp(int type, int code, int mtu)
{
	struct event ev = stage_event(EVENT_ICMP_ERROR);

	ev.side = 0;
	ev.value[0] = type;
	ev.value[1] = code;
	ev.value[2] = mtu;
	stage_send(ev);
}

static void three_incomplete_of_ten_datagrams_are_a_warning(void **state)
{
	(void)state;
	uint32_t esp = stage_esp(0);

	missing(0, 1);
	stage->of_tunnel[0].ike[0].reassembled = 7;
	stage->rare[esp].lost_before = 3;
	missing(0, 2);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_string_equal(alert()->cause, "ip_fragments");
	assert_int_equal(collected_number(alert(), "complete_datagrams"), 7);
	assert_non_null(strstr(alert()->summary, "Of 10 datagrams"));
}

static void fragments_in_a_peers_name_that_leave_no_hole_may_be_forged(void **state)
{
	(void)state;
	stage_esp(0);
	stage->of_tunnel[0].ike[0].reassembled = 7;
	missing(0, 5);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_non_null(strstr(alert()->summary, "a forgery"));
}

static void that_the_tunnel_is_torn_down_later_makes_them_no_fault(void **state)
{
	(void)state;
	missing(0, 5);
	stage->tunnel[0].state = TUNNEL_DOWN;
	stage_pass(60 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
}

static void a_request_that_is_sent_again_is_a_hole(void **state)
{
	(void)state;
	struct exchange *x = stage_request(stage_ike(0, 2), 36, PURPOSE_CREATE_CHILD, 1, 7);

	stage->of_tunnel[0].ike[0].reassembled = 7;
	missing(0, 2);
	stage_copy(x);
	missing(0, 1);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
}

static void holes_of_an_sa_that_is_gone_still_count(void **state)
{
	(void)state;
	uint32_t esp = stage_esp(0);
	struct event ev = stage_event(EVENT_TRAFFIC);

	ev.esp_sa = esp;
	ev.side = 0;
	ev.value[2] = 3;
	ev.value[3] = stage->now;
	stage_send(ev);
	stage->of_tunnel[0].ike[0].reassembled = 7;
	stage->tunnel[0].esp_sas[0] = NO_INDEX;
	missing(0, 3);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
}

static void one_in_a_hundred_is_the_capture(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		missing(0, 1);
		stage->of_tunnel[0].ike[0].reassembled += 99;
	}
	assert_null(alert());
}

static void what_came_whole_counts_also_when_the_others_are_missed_only_later(void **state)
{
	(void)state;
	uint32_t esp = stage_esp(0);

	stage->rare[esp].lost_before = 100;
	stage->of_tunnel[0].ike[0].reassembled = 5700;
	missing(0, 40);			/* given up one after the other, when no more came */
	assert_null(alert());
}

static void all_that_are_missing_are_told(void **state)
{
	(void)state;
	uint32_t esp = stage_esp(0);

	stage->rare[esp].lost_before = 30;
	stage->of_tunnel[0].ike[0].reassembled = 30;
	missing(0, 30);
	detect_flush(stage->detect, stage);
	assert_int_equal(collected_number(alert(), "incomplete_datagrams"), 30);
	assert_non_null(strstr(alert()->summary, "Of 60 datagrams"));
}

static void what_came_whole_long_ago_does_not_count(void **state)
{
	(void)state;
	uint32_t esp = stage_esp(0);
	struct event ev = stage_event(EVENT_TRAFFIC);

	ev.esp_sa = esp;
	ev.side = 0;
	stage->of_tunnel[0].ike[0].reassembled = 5700;
	for (int i = 0; i < 60; i++) {
		ev.at = ev.value[3] = stage->now;
		stage_send(ev);
		stage_pass(60 * S);
	}
	stage->rare[esp].lost_before = 5;
	missing(0, 5);
	assert_non_null(alert());
	assert_int_equal(collected_number(alert(), "complete_datagrams"), 0);
}

static void two_are_not_enough(void **state)
{
	(void)state;
	missing(1, 2);
	assert_null(alert());
}

static void a_filter_that_drops_later_fragments_is_no_fault(void **state)
{
	(void)state;
	missing(0, 12);			/* the tunnel is up, and nothing ever came whole */
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_LOW);
	assert_non_null(strstr(alert()->summary, "capture filter"));
}

static void nothing_whole_on_a_tunnel_that_is_down_is_a_fault(void **state)
{
	(void)state;
	stage->tunnel[0].state = TUNNEL_DOWN;
	missing(0, 3);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
}

static void three_complaints_about_one_mtu_say_that_nobody_listens(void **state)
{
	(void)state;
	icmp(3, 4, 1400);
	icmp(3, 4, 1400);
	assert_null(alert());
	icmp(3, 4, 1400);
	assert_string_equal(alert()->cause, "mtu");
	assert_int_equal(collected_number(alert(), "mtu"), 1400);
}

static void an_mtu_that_is_learned_step_by_step_is_well(void **state)
{
	(void)state;
	icmp(3, 4, 1480);
	icmp(3, 4, 1440);
	icmp(3, 4, 1400);
	icmp(3, 3, 0);
	assert_null(alert());
}

static void an_ike_fragment_that_never_comes(void **state)
{
	(void)state;
	uint32_t ike = stage_ike(0, 2);
	struct exchange *x = stage_request(ike, 35, PURPOSE_IKE_AUTH, 0, 1);

	x->request_fragment_total = 2;
	x->request_fragments_seen = 1;
	stage_copy(x);
	stage_pass(10 * S);
	assert_null(alert());
	stage_copy(x);
	stage_pass(10 * S);
	assert_non_null(strstr(alert()->summary, "in 2 fragments, of which only 1 ever came"));
	assert_string_equal(alert()->cause, "ike_auth_retransmit");
}

/* RFC 7383 2.5.2: what is not answered is tried in smaller fragments, and those arrive. */
static void smaller_fragments_are_waited_for(void **state)
{
	(void)state;
	struct exchange *x = stage_request(stage_ike(0, 2), 35, PURPOSE_IKE_AUTH, 0, 1);

	x->request_fragment_total = 3;
	x->request_fragments_seen = 7;
	stage_copy(x);
	x->request_fragment_total = 6;
	x->request_fragments_seen = 1;		/* the event comes with the first */
	stage_copy(x);
	x->request_fragments_seen = 63;
	stage_answer(x);
	stage_exchange_close(x, OUTCOME_ANSWERED);
	stage_pass(10 * S);
	assert_null(alert());
}

static void smaller_fragments_that_never_come_together_are_told_all_the_same(void **state)
{
	(void)state;
	struct exchange *x = stage_request(stage_ike(0, 2), 35, PURPOSE_IKE_AUTH, 0, 1);

	x->request_fragment_total = 3;
	x->request_fragments_seen = 1;
	stage_copy(x);
	x->request_fragment_total = 6;
	stage_copy(x);
	stage_exchange_close(x, OUTCOME_UNANSWERED);
	stage_pass(10 * S);
	assert_non_null(strstr(alert()->summary, "in 6 fragments, of which only 1 ever came"));
}

static void a_message_whose_fragments_are_all_there_is_whole(void **state)
{
	(void)state;
	struct exchange *x = stage_request(stage_ike(0, 2), 35, PURPOSE_IKE_AUTH, 0, 1);

	x->request_fragment_total = 2;
	x->request_fragments_seen = 3;
	for (int i = 0; i < 5; i++)
		stage_copy(x);
	stage_pass(10 * S);
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(smaller_fragments_are_waited_for, stage_open,
						stage_close),
		cmocka_unit_test_setup_teardown(
			smaller_fragments_that_never_come_together_are_told_all_the_same,
						stage_open, stage_close),
		cmocka_unit_test_setup_teardown(
			three_incomplete_of_ten_datagrams_are_a_warning, stage_open,
						stage_close),
		cmocka_unit_test_setup_teardown(
			fragments_in_a_peers_name_that_leave_no_hole_may_be_forged, stage_open,
						stage_close),
		cmocka_unit_test_setup_teardown(
			that_the_tunnel_is_torn_down_later_makes_them_no_fault, stage_open,
						stage_close),
		ON_STAGE(a_request_that_is_sent_again_is_a_hole),
		ON_STAGE(holes_of_an_sa_that_is_gone_still_count),
		ON_STAGE(one_in_a_hundred_is_the_capture),
		ON_STAGE(what_came_whole_counts_also_when_the_others_are_missed_only_later),
		ON_STAGE(all_that_are_missing_are_told),
		ON_STAGE(what_came_whole_long_ago_does_not_count),
		ON_STAGE(two_are_not_enough),
		cmocka_unit_test_setup_teardown(
			a_filter_that_drops_later_fragments_is_no_fault, stage_open,
						stage_close),
		cmocka_unit_test_setup_teardown(
			nothing_whole_on_a_tunnel_that_is_down_is_a_fault, stage_open,
						stage_close),
		cmocka_unit_test_setup_teardown(
			three_complaints_about_one_mtu_say_that_nobody_listens, stage_open,
						stage_close),
		ON_STAGE(an_mtu_that_is_learned_step_by_step_is_well),
		ON_STAGE(an_ike_fragment_that_never_comes),
		cmocka_unit_test_setup_teardown(
			a_message_whose_fragments_are_all_there_is_whole, stage_open,
						stage_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
