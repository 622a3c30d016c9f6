/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *gap(void)
{
	return collected_find(&stage->alerts, "expiry_gap");
}

/* A child with `packets` over `age` both ways; then a hole; the next child begins `made` before its first packet. */
static void life(uint32_t ike, nsec age, uint64_t packets, nsec hole, nsec made)
{
	uint32_t old = stage_child(ike, 0), new;

	stage_pass(age);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[old].esp[d], packets, 100 * packets);
	stage_child_down(old, END_DELETED, 1);
	stage_pass(hole);
	new = stage_child(ike, 0);
	stage->child[new].created = stage->now - made;
	for (int d = 0; d < 2; d++) {
		struct event ev = stage_event(EVENT_ESP_SA_REPLACED);

		ev.esp_sa = stage->child[new].esp[d];
		ev.other = stage->child[old].esp[d];
		ev.child_sa = new;
		ev.side = (int8_t)d;
		stage_send(ev);
	}
}

static void busy_traffic_that_stops_at_the_end_of_an_sa_is_a_gap(void **state)
{
	(void)state;
	life(stage_ike_up(0, 2), 3600 * S, 7200, 3 * S, 10 * NSEC_PER_MS);
	assert_non_null(gap());
	assert_int_equal(gap()->record.severity, SEVERITY_WARNING);
	assert_int_equal(gap()->record.confidence, CONFIDENCE_HIGH);
	assert_int_equal(collected_number(gap(), "gap_s"), 3);
	assert_int_equal(collected_number(gap(), "gaps"), 1);
	assert_non_null(strstr(gap()->summary, "stopped for 3"));
}

static void five_seconds_are_critical(void **state)
{
	(void)state;
	life(stage_ike_up(0, 2), 3600 * S, 7200, 6 * S, 10 * NSEC_PER_MS);
	assert_int_equal(gap()->record.severity, SEVERITY_CRITICAL);
}

static void sparse_traffic_has_pauses_anyway(void **state)
{
	(void)state;
	life(stage_ike_up(0, 2), 3600 * S, 360, 6 * S, 10 * NSEC_PER_MS);
	assert_null(gap());
}

static void a_pause_within_the_usual_distance_is_no_gap(void **state)
{
	(void)state;
	life(stage_ike_up(0, 2), 3600 * S, 3600, 4 * S, 10 * NSEC_PER_MS);
	assert_null(gap());
}

static void when_the_new_sa_was_ready_nobody_sent(void **state)
{
	(void)state;
	life(stage_ike_up(0, 2), 3600 * S, 7200, 6 * S, 6 * S);
	assert_null(gap());
}

static void an_sa_younger_than_any_lifetime_did_not_expire(void **state)
{
	(void)state;
	life(stage_ike_up(0, 2), 60 * S, 600, 6 * S, 10 * NSEC_PER_MS);
	assert_null(gap());
}

static void capture_loss_hides_the_packets_not_the_traffic(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	stage->tunnel[0].loss_last = stage->now + 3600 * S;
	life(ike, 3600 * S, 7200, 6 * S, 10 * NSEC_PER_MS);
	assert_null(gap());
}

static void a_side_that_fell_silent_long_before_died_and_its_sa_did_not_expire(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), old = stage_child(ike, 0), new;
	struct event ev;

	stage_pass(3600 * S);
	stage_esp_packets(stage->child[old].esp[1], 7200, 100);
	stage_pass(60 * S);
	stage_esp_packets(stage->child[old].esp[0], 7320, 100);
	stage_pass(20 * S);
	new = stage_child(ike, 0);
	ev = stage_event(EVENT_ESP_SA_REPLACED);
	ev.esp_sa = stage->child[new].esp[0];
	ev.other = stage->child[old].esp[0];
	stage_send(ev);
	assert_null(gap());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(busy_traffic_that_stops_at_the_end_of_an_sa_is_a_gap),
		ON_STAGE(five_seconds_are_critical),
		ON_STAGE(sparse_traffic_has_pauses_anyway),
		ON_STAGE(a_pause_within_the_usual_distance_is_no_gap),
		ON_STAGE(when_the_new_sa_was_ready_nobody_sent),
		ON_STAGE(an_sa_younger_than_any_lifetime_did_not_expire),
		ON_STAGE(capture_loss_hides_the_packets_not_the_traffic),
		ON_STAGE(a_side_that_fell_silent_long_before_died_and_its_sa_did_not_expire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
