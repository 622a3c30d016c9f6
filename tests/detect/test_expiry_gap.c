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

/*
 * A child with `packets` over `age` both ways; then a hole; the next child begins `made` before its
 * first packet.
 */
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

/* Phase 1 of 3 h and of 1 h as both sides offer it. */
static void declare_lifetimes(void)
{
	for (int side = 0; side < 2; side++) {
		uint32_t ike = stage_ike(side, 1);

		stage->ike[ike].n_offers = 1;
		stage->ike[ike].offers1[0] = (struct ike1_offer){
			.has_life_seconds = true, .life_seconds = side ? 3600 : 10800
		};
		stage_ike_event(EVENT_LIFETIME_OFFERED, ike, side);
	}
}

static void a_gap_at_an_age_that_no_declared_lifetime_explains_has_another_cause(void **state)
{
	(void)state;
	declare_lifetimes();
	life(stage_ike_up(0, 1), 2000 * S, 4000, 6 * S, 10 * NSEC_PER_MS);
	stage_pass(S);
	detect_flush(stage->detect, stage);
	assert_non_null(gap());
	assert_string_equal(gap()->cause, "");
}

static void a_gap_at_a_declared_lifetime_comes_from_it(void **state)
{
	(void)state;
	declare_lifetimes();
	life(stage_ike_up(0, 1), 3600 * S, 7200, 6 * S, 10 * NSEC_PER_MS);
	stage_pass(S);
	detect_flush(stage->detect, stage);
	assert_string_equal(gap()->cause, "lifetime_mismatch");
}

/* The child SA was made anew when its IKE SA was 20 min old, and ends with that. */
static void also_when_it_is_that_of_the_ike_sa(void **state)
{
	(void)state;
	declare_lifetimes();

	uint32_t ike = stage_ike_up(0, 1);

	stage_pass(1200 * S);
	life(ike, 2400 * S, 4800, 6 * S, 10 * NSEC_PER_MS);
	stage_pass(S);
	detect_flush(stage->detect, stage);
	assert_int_equal(collected_number(gap(), "ike_sa_age_s"), 3600);
	assert_string_equal(gap()->cause, "lifetime_mismatch");
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

/*
 * A child with a packet each half second until it is `age` old; 6 s later a request, and at once
 * traffic on the new SA.  Whoever deletes does so `deleted` after that; NSEC_NONE nobody.  Returns
 * the new child.
 */
static uint32_t renewed_in_a_pause(uint32_t old, nsec age, nsec deleted, uint16_t flags)
{
	uint32_t new;

	stage_until(stage->child[old].created + age);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[old].esp[d], (uint64_t)(2 * age / S), 1000);
	stage_pass(6 * S);
	new = stage_child(stage->child[old].ike_sa, 0);
	stage->child[new].flags |= flags;
	for (int d = 0; d < 2; d++) {
		struct event ev = stage_event(EVENT_ESP_SA_REPLACED);

		ev.esp_sa = stage->child[new].esp[d];
		ev.other = stage->child[old].esp[d];
		stage_send(ev);
	}
	if (deleted != NSEC_NONE)
		stage_pass(deleted);
	stage_child_down(old, END_REKEYED, 0);
	if (deleted == NSEC_NONE)		/* as the tracker presumes it */
		stage->more[old].ended = stage->child[new].created;
	stage_pass(60 * S);
	return new;
}

/* A packet now and then, and in its last two minutes one a second. */
static void quiet_until_lately(uint32_t child, nsec age)
{
	stage_until(stage->child[child].created + age);
	for (int d = 0; d < 2; d++) {
		struct esp_sa *sa = &stage->esp[stage->child[child].esp[d]];

		stage_esp_packets(stage->child[child].esp[d], (uint64_t)(age / (20 * S)) + 120,
				  100000);
		sa->seq_high = (uint32_t)sa->packets;
		sa->seq_minute_before = sa->seq_high - 110;
		sa->next_minute = stage->now - stage->now % (60 * S) + 60 * S;
	}
}

/* Both directions of a child SA have another one, with both events. */
static uint32_t next_child(uint32_t old)
{
	uint32_t new = stage_child(stage->child[old].ike_sa, 0);

	for (int d = 0; d < 2; d++) {
		struct event ev = stage_event(EVENT_ESP_SA_REPLACED);

		ev.esp_sa = stage->child[new].esp[d];
		ev.other = stage->child[old].esp[d];
		stage_send(ev);
	}
	return new;
}

static void an_sa_that_was_quiet_until_its_last_minutes_has_a_gap_as_well(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	quiet_until_lately(child, 43200 * S - S / 2);
	stage_pass(8 * S);
	next_child(child);
	stage_child_down(child, END_REKEYED, 0);
	stage_pass(60 * S);
	assert_non_null(gap());
	assert_int_equal(gap()->record.severity, SEVERITY_CRITICAL);
}

static void a_burst_that_ends_at_no_lifetime_is_a_burst(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	quiet_until_lately(child, 3420 * S);	/* whole minutes, but not five of them */
	stage_pass(8 * S);
	next_child(child);
	stage_child_down(child, END_REKEYED, 0);
	stage_pass(60 * S);
	assert_null(gap());
}

static void nor_is_one_that_was_over_long_before_the_delete(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	quiet_until_lately(child, 3600 * S);
	stage_pass(40 * S);
	stage_child_down(child, END_DELETED, 1);
	stage_pass(60 * S);
	next_child(child);
	stage_pass(60 * S);
	assert_null(gap());
}

/* Two selectors, both busy; the Delete of one comes `before` after its latest packet. */
static void one_of_two(nsec before)
{
	uint32_t ike = stage_ike_up(0, 2), old = stage_child(ike, 0), beside = stage_child(ike, 0);

	stage_pass(3600 * S);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[old].esp[d], 7200, 100000);
	stage_pass(before);
	stage_child_down(old, END_DELETED, 1);
	for (int i = 0; i < 60; i++) {
		stage_pass(S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[beside].esp[d], 1, 100);
	}
	next_child(old);
	stage_pass(60 * S);
}

static void beside_another_selector_that_goes_on_it_is_a_gap_of_this_one(void **state)
{
	(void)state;
	one_of_two(S / 2);
	assert_non_null(gap());
	assert_int_equal(gap()->record.severity, SEVERITY_CRITICAL);
	assert_int_equal(collected_number(gap(), "gap_s"), 60);
}

static void beside_another_selector_one_that_was_quiet_already_has_none(void **state)
{
	(void)state;
	one_of_two(30 * S);
	assert_null(gap());
}

static uint32_t first_child(void)
{
	return stage_child(stage_ike_up(0, 2), 0);
}

static void who_deletes_the_old_sa_afterwards_had_it_while_the_sender_paused(void **state)
{
	(void)state;
	renewed_in_a_pause(first_child(), 3600 * S, 20 * NSEC_PER_MS, 0);
	assert_null(gap());
}

static void who_asks_for_an_sa_to_be_replaced_still_has_it(void **state)
{
	(void)state;
	renewed_in_a_pause(first_child(), 3600 * S, NSEC_NONE, CHILD_SA_REKEY_EXPECTED);
	assert_null(gap());
}

static void traffic_that_stops_at_a_configured_age_ran_out_of_its_sa_in_silence(void **state)
{
	(void)state;
	renewed_in_a_pause(first_child(), 3600 * S - S / 2, NSEC_NONE, 0);
	assert_non_null(gap());
	assert_int_equal(collected_number(gap(), "gap_s"), 6);
}

static void a_pause_at_any_age_is_the_senders_until_it_comes_back_at_the_same_age(void **state)
{
	(void)state;
	uint32_t second = renewed_in_a_pause(first_child(), 3333 * S, NSEC_NONE, 0);

	assert_null(gap());
	renewed_in_a_pause(second, 3333 * S, NSEC_NONE, 0);
	assert_non_null(gap());
	assert_int_equal(collected_number(gap(), "gaps"), 2);
}

/* As above, at one age and without a word, but the other direction sends for 5 of the 6 s. */
static uint32_t one_direction_paused(uint32_t old)
{
	uint32_t new;

	stage_until(stage->child[old].created + 3333 * S);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[old].esp[d], 6666, 1000);
	stage_pass(5 * S);
	stage_esp_packets(stage->child[old].esp[1], 10, 1000);
	stage_pass(S);
	new = next_child(old);
	stage_child_down(old, END_REKEYED, 0);
	stage->more[old].ended = stage->child[new].created;
	stage_pass(60 * S);
	return new;
}

/* Nothing is sent for more than an hour; `sought`: meanwhile a new SA is asked for in vain. */
static void hour_of_silence(nsec age, bool sought)
{
	uint32_t old = first_child(), new;

	stage_until(stage->child[old].created + age);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[old].esp[d], (uint64_t)(2 * age / S), 1000);
	stage_pass(10 * S);
	if (sought)
		stage_copy(stage_request(stage->child[old].ike_sa, IKE2_EXCHANGE_CREATE_CHILD_SA,
					 PURPOSE_UNKNOWN, 0, 2));
	stage_pass(4000 * S);
	new = next_child(old);
	stage_child_down(old, END_REKEYED, 0);
	stage->more[old].ended = stage->child[new].created;
	stage_pass(60 * S);
}

static void an_hour_of_silence_in_which_nobody_sought_an_sa_is_an_idle_tunnel(void **state)
{
	(void)state;
	hour_of_silence(3600 * S - S / 2, false);
	assert_null(gap());
}

static void nor_is_one_a_gap_that_did_not_begin_with_a_lifetime_s_end(void **state)
{
	(void)state;
	hour_of_silence(600 * S - S / 2, true);
	assert_null(gap());
}

static void but_one_in_which_it_was_sought_in_vain_is(void **state)
{
	(void)state;
	hour_of_silence(3600 * S - S / 2, true);
	assert_non_null(gap());
	assert_int_equal(gap()->record.severity, SEVERITY_CRITICAL);
}

static void when_only_one_direction_pauses_there_was_an_sa(void **state)
{
	(void)state;
	one_direction_paused(one_direction_paused(first_child()));
	assert_null(gap());
}

/*
 * An application sends for `age` and pauses; the SA runs out in silence, and the next packet has
 * another one made.
 */
static uint32_t used_on_demand(uint32_t old, nsec age, nsec pause)
{
	uint32_t new;

	stage_until(stage->child[old].created + age);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[old].esp[d], (uint64_t)(2 * age / S), 100000);
	stage_pass(pause);
	new = next_child(old);
	stage_child_down(old, END_REKEYED, 0);
	stage->more[old].ended = stage->child[new].created;
	stage_pass(60 * S);
	return new;
}

static void what_nobody_asked_for_until_the_next_packet_is_an_idle_tunnel(void **state)
{
	(void)state;
	uint32_t child = first_child();

	for (int i = 0; i < 4; i++)
		child = used_on_demand(child, 300 * S, 6900 * S);
	assert_null(gap());
}

/* `by` deletes it with its IKE SA, and side 0 begins another session 90 s later. */
static void session(nsec age, int by)
{
	uint32_t ike = stage_ike_up(0, 2), old = stage_child_how(ike, 0, CREATED_IKE_AUTH), new;

	stage_pass(age);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[old].esp[d], (uint64_t)(2 * age / S), 1000);
	stage_child_down(old, END_DELETED, by);
	stage_ike_down(ike, END_DELETED, by);
	stage_pass(90 * S);
	new = stage_child_how(stage_ike_up(0, 2), 0, CREATED_IKE_AUTH);
	for (int d = 0; d < 2; d++) {
		struct event ev = stage_event(EVENT_ESP_SA_REPLACED);

		ev.esp_sa = stage->child[new].esp[d];
		ev.other = stage->child[old].esp[d];
		stage_send(ev);
	}
	stage_pass(60 * S);
}

static void a_session_that_is_closed_once_is_a_restart(void **state)
{
	(void)state;
	session(3600 * S, 1);
	assert_null(gap());
}

static void sessions_that_are_closed_at_one_age_are_a_timer(void **state)
{
	(void)state;
	session(3600 * S, 1);
	session(3600 * S, 1);
	assert_non_null(gap());
	assert_int_equal(gap()->record.severity, SEVERITY_CRITICAL);
}

static void who_hangs_up_and_dials_again_later_wanted_no_tunnel(void **state)
{
	(void)state;
	session(3600 * S, 0);
	session(3600 * S, 0);
	assert_null(gap());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(busy_traffic_that_stops_at_the_end_of_an_sa_is_a_gap),
		ON_STAGE(a_gap_at_an_age_that_no_declared_lifetime_explains_has_another_cause),
		ON_STAGE(a_gap_at_a_declared_lifetime_comes_from_it),
		ON_STAGE(also_when_it_is_that_of_the_ike_sa),
		ON_STAGE(five_seconds_are_critical),
		ON_STAGE(sparse_traffic_has_pauses_anyway),
		ON_STAGE(a_pause_within_the_usual_distance_is_no_gap),
		ON_STAGE(when_the_new_sa_was_ready_nobody_sent),
		ON_STAGE(an_sa_younger_than_any_lifetime_did_not_expire),
		ON_STAGE(capture_loss_hides_the_packets_not_the_traffic),
		ON_STAGE(a_side_that_fell_silent_long_before_died_and_its_sa_did_not_expire),
		ON_STAGE(an_sa_that_was_quiet_until_its_last_minutes_has_a_gap_as_well),
		ON_STAGE(a_burst_that_ends_at_no_lifetime_is_a_burst),
		ON_STAGE(nor_is_one_that_was_over_long_before_the_delete),
		ON_STAGE(beside_another_selector_that_goes_on_it_is_a_gap_of_this_one),
		ON_STAGE(beside_another_selector_one_that_was_quiet_already_has_none),
		ON_STAGE(who_deletes_the_old_sa_afterwards_had_it_while_the_sender_paused),
		ON_STAGE(who_asks_for_an_sa_to_be_replaced_still_has_it),
		ON_STAGE(traffic_that_stops_at_a_configured_age_ran_out_of_its_sa_in_silence),
		ON_STAGE(a_pause_at_any_age_is_the_senders_until_it_comes_back_at_the_same_age),
		ON_STAGE(an_hour_of_silence_in_which_nobody_sought_an_sa_is_an_idle_tunnel),
		ON_STAGE(nor_is_one_a_gap_that_did_not_begin_with_a_lifetime_s_end),
		ON_STAGE(but_one_in_which_it_was_sought_in_vain_is),
		ON_STAGE(when_only_one_direction_pauses_there_was_an_sa),
		ON_STAGE(what_nobody_asked_for_until_the_next_packet_is_an_idle_tunnel),
		ON_STAGE(a_session_that_is_closed_once_is_a_restart),
		ON_STAGE(sessions_that_are_closed_at_one_age_are_a_timer),
		ON_STAGE(who_hangs_up_and_dials_again_later_wanted_no_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
