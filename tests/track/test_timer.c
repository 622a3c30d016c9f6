/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

/*
 * Moments that only move: nothing is behind the objects, so that nothing happens when they are due.
 */
static void whatever_is_scheduled_stands_once_and_in_order(void **state)
{
	(void)state;
	struct watch w;
	uint64_t x = 3;

	watch_open(&w);
	for (int round = 0; round < 5000; round++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		uint32_t object = (uint32_t)(x >> 60);
		enum timer_kind kind = x >> 59 & 1 ? TIMER_TUNNEL : TIMER_IKE_SA;
		nsec at = T0 + (nsec)(x >> 40 & 0xff) * S;

		if (kind == TIMER_TUNNEL)
			w.tracker->tunnels[object].due = at;
		else
			w.tracker->ike_sas[object].due = at;
		tracker_schedule(w.tracker, kind, object, at);
		check_timers(w.tracker);
		check_due(w.tracker, kind, object, at);
		assert_true(w.tracker->next_due == w.tracker->timers[0].at);
	}
	assert_int_equal(w.tracker->n_timers, 32);
	for (uint32_t i = 0; i < 16; i++)	/* released meanwhile: their moments are void */
		w.tracker->tunnels[i].due = w.tracker->ike_sas[i].due = NSEC_NONE;
	tracker_advance(w.tracker, T0 + 1000 * S);
	assert_int_equal(w.tracker->n_timers, 0);
	assert_true(w.tracker->next_due == INT64_MAX);
	watch_close(&w);
}

static void a_tunnel_is_judged_every_ten_seconds_while_something_lives(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 10, 10 * MS);
	idle(&w, 1000 * S);
	assert_in_range(w.count[EVENT_TICK], 99, 102);
	for (unsigned n = 1; n + 1 < w.count[EVENT_TICK]; n++)
		assert_true(seen(&w, EVENT_TICK, n)->at - seen(&w, EVENT_TICK, n - 1)->at <=
			    10 * S);
	watch_close(&w);
}

static void a_leap_of_the_clock_ends_what_was_silent_and_is_not_ticked_through(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 10, 10 * MS);
	idle(&w, INT64_C(50) * 365 * 86400 * S);
	assert_true(w.count[EVENT_TICK] < 10000);
	tracker_flush(w.tracker);
	assert_int_equal(w.ike_sas[0].end_reason, END_UNKNOWN);
	assert_int_equal(w.esp_sas[0].end_reason, END_UNKNOWN);
	assert_int_equal(w.tracker->esp_pool.used + w.tracker->child_pool.used +
				 w.tracker->ike_pool.used,
			 0);
	watch_close(&w);
}

/* An SA whose last packet seems to lie in the future is alive until then. */
static void a_time_stamp_from_the_future_keeps_nobody_busy_until_it_comes(void **state)
{
	(void)state;
	struct watch w;
	const nsec years = INT64_C(50) * 365 * 86400 * S;

	watch_open(&w);
	esp_between(&w, GW_A, GW_B, 0xc0000001, 1);
	pass(&w, years);
	esp_between(&w, GW_A, GW_B, 0xc0000001, 2);	/* damaged */
	pass(&w, -years);
	esp_between(&w, GW_A, GW_C, 0xc0000002, 1);
	esp_between(&w, GW_A, GW_B, 0xc0000001, 3);
	w.forgetful = true;
	idle(&w, years);
	assert_true(w.count[EVENT_TICK] < 30000);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_is_scheduled_stands_once_and_in_order),
		cmocka_unit_test(a_tunnel_is_judged_every_ten_seconds_while_something_lives),
		cmocka_unit_test(
			a_leap_of_the_clock_ends_what_was_silent_and_is_not_ticked_through),
		cmocka_unit_test(a_time_stamp_from_the_future_keeps_nobody_busy_until_it_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
