/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "detect/stage.h"

static const struct collected_alert *one_way(void)
{
	return collected_find(&stage->alerts, "one_way_esp");
}

/* `span` of traffic, one packet a second from side 0 and `back` of ten seconds from side 1. */
static void traffic(uint32_t child, nsec span, int back)
{
	for (nsec t = 0; t < span; t += 10 * S) {
		stage_pass(10 * S);
		stage_esp_packets(stage->child[child].esp[0], 10, 1000);
		if (back > 0)
			stage_esp_packets(stage->child[child].esp[1], (uint64_t)back, 100);
	}
}

static void a_direction_that_falls_silent_is_named_after_a_minute(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	traffic(child, 300 * S, 10);
	traffic(child, 40 * S, 0);
	assert_null(one_way());
	traffic(child, 60 * S, 0);
	assert_non_null(one_way());
	assert_int_equal(one_way()->record.severity, SEVERITY_WARNING);
	assert_string_equal(collected_text(one_way(), "silent"), "203.0.113.1");
	assert_non_null(strstr(one_way()->summary, "203.0.113.1 stopped sending ESP at 20"));
	assert_non_null(strstr(one_way()->summary, " UTC"));
}

/*
 * Both pause for more than a minute; then one sends a burst, and its answers need 0.6 s; or the
 * last packets of a burst come after the answers to the first.
 */
static void a_burst_after_a_pause_or_the_end_of_one_is_not_one_way(void **state)
{
	for (int ends = 0; ends < 2; ends++) {
		stage_open(state);
		uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

		for (uint32_t i = 0; i < 10; i++) {
			for (int t = 0; t < 90; t += 10) {
				stage_pass(10 * S);
				stage_answer(stage_request(ike, IKE2_EXCHANGE_INFORMATIONAL,
							   PURPOSE_DPD, 0,
							   100 + 10 * i + (uint32_t)t / 10));
			}
			if (ends)
				stage_esp_packets(stage->child[child].esp[1], 30, 1000);
			stage_pass(S / 2);
			stage_esp_packets(stage->child[child].esp[0], 40, 1000);
			stage_pass(3 * S);
			if (!ends)
				stage_esp_packets(stage->child[child].esp[1], 30, 1000);
		}
		assert_null(one_way());
		stage_close(state);
	}
}

/* It may go on to that address, past this capture; a peer that answers from there is heard. */
static void who_falls_silent_when_the_other_side_moves_may_go_on_unseen(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);
	struct event ev;

	traffic(child, 300 * S, 10);
	ev = stage_event(EVENT_ADDRESS_MOVED);
	ev.side = 0;
	stage_send(ev);
	traffic(child, 120 * S, 0);
	detect_flush(stage->detect, stage);
	assert_int_equal(one_way()->record.severity, SEVERITY_INFO);
	assert_int_equal(one_way()->record.confidence, CONFIDENCE_LOW);
}

static void but_not_when_its_answers_are_seen_there(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);
	struct event ev;

	traffic(child, 300 * S, 10);
	ev = stage_event(EVENT_ADDRESS_MOVED);
	ev.side = 0;
	stage_send(ev);
	traffic(child, 20 * S, 0);
	stage_answer(stage_request(ike, IKE2_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 3));
	traffic(child, 100 * S, 0);
	detect_flush(stage->detect, stage);
	assert_int_equal(one_way()->record.severity, SEVERITY_WARNING);
}

static void it_shows_the_last_packets_of_either_direction(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);
	struct esp_sa *silent = &stage->esp[stage->child[child].esp[1]],
		      *sends = &stage->esp[stage->child[child].esp[0]];

	traffic(child, 300 * S, 10);
	silent->last_frame = 600;
	traffic(child, 100 * S, 0);
	sends->last_frame = 700;
	stage_pass(10 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(one_way()->record.n_frames, 2);
	assert_int_equal(one_way()->record.frames[0], 600);
	assert_int_equal(one_way()->record.frames[1], 700);
}

static void right_after_a_rekey_it_is_certain(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);
	struct event ev;

	traffic(child, 300 * S, 10);
	ev = stage_event(EVENT_CHILD_SA_REKEYED);
	ev.side = 0;
	stage_send(ev);
	traffic(child, 120 * S, 0);
	detect_flush(stage->detect, stage);
	assert_int_equal(one_way()->record.confidence, CONFIDENCE_HIGH);
	assert_string_equal(collected_text(one_way(), "at_rekey"), "yes");
	assert_non_null(strstr(one_way()->actions[0].text, "Let the sender learn that the SPI"));
}

static void ike_is_answered(void)
{
	struct event ev = stage_event(EVENT_RESPONSE);

	ev.side = 1;
	stage_send(ev);
}

static void who_answered_each_packet_and_still_answers_ike_is_hinted_at_earlier(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	traffic(child, 30 * S, 10);
	traffic(child, 20 * S, 0);
	ike_is_answered();
	stage_finish();
	assert_null(one_way());
	traffic(child, 30 * S, 0);
	stage_finish();
	assert_non_null(one_way());
	assert_int_equal(one_way()->record.severity, SEVERITY_INFO);
	assert_non_null(strstr(one_way()->summary, "IKE still works"));
	traffic(child, 30 * S, 0);
	stage_finish();
	assert_int_equal(one_way()->record.severity, SEVERITY_WARNING);
	/* not since a rekey: ESP alone is lost on its way */
	assert_non_null(strstr(one_way()->actions[0].text, "Check the path"));
}

static void an_answer_between_the_last_packets_is_no_sign_that_ike_works(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	traffic(child, 60 * S, 10);
	traffic(child, 2 * S, 0);
	ike_is_answered();
	traffic(child, 45 * S, 0);
	stage_finish();
	assert_null(one_way());
	traffic(child, 45 * S, 0);
	stage_finish();
	assert_non_null(one_way());
	assert_null(strstr(one_way()->summary, "IKE still works"));
}

static void half_a_minute_of_a_side_that_spoke_less_is_nothing(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	traffic(child, 60 * S, 4);
	traffic(child, 20 * S, 0);
	ike_is_answered();
	traffic(child, 20 * S, 0);
	stage_finish();
	assert_null(one_way());
}

static void soon_after_the_first_child_sa_is_not_at_a_rekey(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);
	struct event ev = stage_event(EVENT_CHILD_SA_CREATED);

	ev.side = 0;
	stage_send(ev);
	traffic(child, 20 * S, 10);
	traffic(child, 120 * S, 0);
	detect_flush(stage->detect, stage);
	assert_string_equal(collected_text(one_way(), "at_rekey"), "no");
	assert_null(strstr(one_way()->summary, "rekey"));
}

static void a_side_that_spoke_rarely_is_no_news_when_it_is_quiet(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	traffic(child, 300 * S, 0);
	stage_esp_packets(stage->child[child].esp[1], 1, 100);
	traffic(child, 300 * S, 0);
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
}

static void when_nobody_sends_nobody_is_silent(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	traffic(child, 300 * S, 10);
	stage_pass(600 * S);
	assert_null(one_way());
}

static void two_tunnels_one_for_each_direction_are_both_ways(void **state)
{
	(void)state;
	uint32_t a = stage_child(stage_ike_up(0, 2), 0), b = stage_child(stage_ike_up(1, 2), 1);

	for (int i = 0; i < 60; i++) {
		stage_pass(10 * S);
		stage_esp_packets(stage->child[a].esp[0], 10, 1000);
		stage_esp_packets(stage->child[b].esp[1], 10, 1000);
	}
	assert_null(one_way());
}

static void a_one_sided_capture_cannot_tell(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	traffic(child, 300 * S, 10);
	stage->tunnel[0].one_sided[1] = true;
	traffic(child, 120 * S, 0);
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
}

/* Side 0 with `rate` packets in ten seconds, side 1 with `back`. */
static void flow(uint32_t child, nsec span, int rate, int back)
{
	for (nsec t = 0; t < span; t += 10 * S) {
		stage_pass(10 * S);
		stage_esp_packets(stage->child[child].esp[0], (uint64_t)rate, 1000);
		if (back > 0)
			stage_esp_packets(stage->child[child].esp[1], (uint64_t)back, 100);
	}
}

static void when_an_application_ends_what_never_has_answers_goes_on(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	flow(child, 300 * S, 50, 40);
	flow(child, 600 * S, 10, 0);
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
	assert_non_null(one_way());
	assert_string_equal(collected_text(one_way(), "the_other_fell_too"), "yes");
}

/* Two selectors: `with` both ways, and on `beside` one packet a second from side 0 alone. */
static void beside_logs(uint32_t with, uint32_t beside, nsec span, int back)
{
	for (nsec t = 0; t < span; t += 10 * S) {
		stage_pass(10 * S);
		stage_esp_packets(stage->child[beside].esp[0], 10, 1000);
		if (back >= 0)
			stage_esp_packets(stage->child[with].esp[0], 10, 1000);
		if (back > 0)
			stage_esp_packets(stage->child[with].esp[1], (uint64_t)back, 1000);
	}
}

static void a_pair_that_falls_silent_as_a_whole_is_no_one_way_tunnel(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), web = stage_child(ike, 0), logs = stage_child(ike, 0);

	beside_logs(web, logs, 30 * S, 10);
	beside_logs(web, logs, 120 * S, -1);
	ike_is_answered();
	stage_finish();
	assert_non_null(one_way());
	assert_int_equal(one_way()->record.severity, SEVERITY_INFO);
	assert_string_equal(collected_text(one_way(), "the_other_fell_too"), "yes");
}

static void a_pair_that_loses_one_half_beside_another_selector_is(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), web = stage_child(ike, 0), logs = stage_child(ike, 0);

	beside_logs(web, logs, 30 * S, 10);
	beside_logs(web, logs, 120 * S, 0);
	ike_is_answered();
	stage_finish();
	assert_non_null(one_way());
	assert_int_equal(one_way()->record.severity, SEVERITY_WARNING);
}

static void who_was_silent_and_went_on_with_the_same_sa_may_be_so_again(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	flow(child, 300 * S, 10, 10);
	flow(child, 300 * S, 10, 0);
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 1);
	flow(child, 300 * S, 10, 10);
	flow(child, 300 * S, 10, 0);
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(a_direction_that_falls_silent_is_named_after_a_minute),
		cmocka_unit_test(a_burst_after_a_pause_or_the_end_of_one_is_not_one_way),
		ON_STAGE(who_falls_silent_when_the_other_side_moves_may_go_on_unseen),
		ON_STAGE(but_not_when_its_answers_are_seen_there),
		ON_STAGE(it_shows_the_last_packets_of_either_direction),
		ON_STAGE(right_after_a_rekey_it_is_certain),
		ON_STAGE(who_answered_each_packet_and_still_answers_ike_is_hinted_at_earlier),
		ON_STAGE(an_answer_between_the_last_packets_is_no_sign_that_ike_works),
		ON_STAGE(half_a_minute_of_a_side_that_spoke_less_is_nothing),
		ON_STAGE(soon_after_the_first_child_sa_is_not_at_a_rekey),
		ON_STAGE(a_side_that_spoke_rarely_is_no_news_when_it_is_quiet),
		ON_STAGE(when_nobody_sends_nobody_is_silent),
		ON_STAGE(two_tunnels_one_for_each_direction_are_both_ways),
		ON_STAGE(a_one_sided_capture_cannot_tell),
		ON_STAGE(when_an_application_ends_what_never_has_answers_goes_on),
		ON_STAGE(a_pair_that_falls_silent_as_a_whole_is_no_one_way_tunnel),
		ON_STAGE(a_pair_that_loses_one_half_beside_another_selector_is),
		ON_STAGE(who_was_silent_and_went_on_with_the_same_sa_may_be_so_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
