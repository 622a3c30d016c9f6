/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

static const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

static void a_mirror_that_delivers_all_twice_is_told_and_counts_nothing_twice(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	for (int leg = 0; leg < 2; leg++)
		say_init(&w, &s, false), pass(&w, MS);
	pass(&w, RTT);
	for (int leg = 0; leg < 2; leg++)
		say_init(&w, &s, true), pass(&w, MS);
	for (uint32_t seq = 1; seq <= 100; seq++) {
		for (int leg = 0; leg < 2; leg++)
			esp_between(&w, GW_A, GW_B, spi[0], seq), pass(&w, MS);
		pass(&w, 100 * MS);
	}
	idle(&w, 20 * S);
	assert_int_equal(w.count[EVENT_MIRROR], 1);
	assert_in_range(seen(&w, EVENT_MIRROR, 0)->value[0], 90, 102);
	assert_in_range(seen(&w, EVENT_MIRROR, 0)->value[1] - seen(&w, EVENT_MIRROR, 0)->value[0],
			0, 1);
	assert_int_equal(esp_at(&w, spi[0])->packets, 100);
	assert_int_equal(ike_at(&w, 0x11)->messages, 2);
	assert_int_equal(w.count[EVENT_ESP_DUPLICATE] + w.count[EVENT_REQUEST_COPY], 0);
	watch_close(&w);
}

static void a_few_copies_are_no_duplicating_mirror(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	for (uint32_t seq = 1; seq <= 100; seq++) {
		for (unsigned copy = 0; copy < 1 + (seq % 2); copy++)
			esp_between(&w, GW_A, GW_B, spi[0], seq);
		pass(&w, 100 * MS);
	}
	idle(&w, 20 * S);
	assert_int_equal(w.count[EVENT_MIRROR], 0);
	assert_int_equal(esp_at(&w, spi[0])->rare->duplicates, 50);
	watch_close(&w);
}

/* A mirror on both sides of a NAT shows each message under two pairs of addresses. */
static void both_sides_of_a_nat_in_the_mirror_are_one_tunnel(void **state)
{
	(void)state;
	struct watch w;
	struct session in = session_between(0x0a000001, GW_B, 0x11), out = in;

	watch_open(&w);
	in.peer[0].port = 4500;
	out.peer[0] = (struct peer){ NAT, 31001 };
	in.peer[1].port = out.peer[1].port = 4500;
	for (int i = 0; i < 2; i++) {
		struct session *order[2] = { i ? &out : &in, i ? &in : &out };

		for (int leg = 0; leg < 2; leg++)
			say_init(&w, order[leg], i), pass(&w, MS);
		pass(&w, RTT);
	}
	in.next_id[0] = out.next_id[0] = 1;
	for (int leg = 0; leg < 2; leg++)
		say(&w, leg ? &out : &in, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, LEN_AUTH),
			pass(&w, MS);
	pass(&w, RTT);
	for (int leg = 0; leg < 2; leg++)
		say(&w, leg ? &in : &out, 0, true, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDR, LEN_AUTH_OK),
			pass(&w, MS);
	idle(&w, 5 * S);
	assert_int_equal(tunnels_living(&w), 1);
	assert_int_equal(ike_at(&w, 0x11)->messages, 4);
	assert_int_equal(ike_at(&w, 0x11)->state, IKE_ESTABLISHED);
	assert_int_equal(w.count[EVENT_ADDRESS_MOVED] + w.count[EVENT_REQUEST_COPY], 0);
	watch_close(&w);
}

static void a_message_sent_back_to_its_sender_turns_nothing_around(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	struct session back = s;

	back.peer[0] = s.peer[1];
	back.peer[1] = s.peer[0];
	say(&w, &s, 0, false, IKE2_EXCHANGE_INFORMATIONAL, 2, NP_NONE, LEN_DPD);
	pass(&w, MS);
	say(&w, &back, 0, false, IKE2_EXCHANGE_INFORMATIONAL, 2, NP_NONE, LEN_DPD);
	pass(&w, S);
	say(&w, &back, 0, false, IKE2_EXCHANGE_INFORMATIONAL, 2, NP_NONE, LEN_DPD);
	esp_between(&w, GW_A, GW_B, spi[0], 1);
	assert_int_equal(esp_at(&w, spi[0])->direction, 0);
	assert_true(addr_equal(tunnel_now(tunnel_at(&w, 0), 0).addr, addr_v4(GW_A)));
	assert_true(addr_equal(ike_at(&w, 0x11)->initiator.addr, addr_v4(GW_A)));
	assert_int_equal(w.count[EVENT_REQUEST_COPY], 0);
	watch_close(&w);
}

static void skips_of_unrelated_tunnels_at_one_moment_are_the_captures_loss(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	for (uint32_t seq = 1; seq <= 100; seq++) {
		if (seq >= 50 && seq < 60) {
			pass(&w, 10 * MS);
			continue;		/* nobody's packets are captured */
		}
		for (uint32_t i = 0; i < 5; i++)
			esp_between(&w, 0x0a000001 + i, GW_B, spi[0] + i, seq);
		pass(&w, 10 * MS);
	}
	assert_int_equal(w.count[EVENT_CAPTURE_LOSS], 1);
	assert_int_equal(seen(&w, EVENT_CAPTURE_LOSS, 0)->tunnel, NO_INDEX);
	for (uint32_t i = 0; i < 5; i++)
		assert_true(tunnel_at(&w, i)->loss_last != NSEC_NONE);
	watch_close(&w);
}

static void skips_of_one_tunnel_are_the_networks_loss(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	for (uint32_t seq = 1; seq <= 100; seq++) {
		for (uint32_t i = 0; i < 5; i++)
			if (seq % 10 || i >= 1)
				esp_between(&w, 0x0a000001 + i, GW_B, spi[0] + i, seq);
		pass(&w, 10 * MS);
	}
	assert_int_equal(w.count[EVENT_CAPTURE_LOSS], 0);
	assert_true(tunnel_at(&w, 0)->loss_last == NSEC_NONE);
	watch_close(&w);
}

static void a_clock_that_steps_back_is_told_and_breaks_nothing(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 100, 100 * MS);
	pass(&w, -3600 * S);
	talk(&w, &s, spi, 101, 200, 100 * MS);
	dpd(&w, &s, 0);
	assert_int_equal(w.count[EVENT_CLOCK_JUMP], 1);
	assert_true(seen(&w, EVENT_CLOCK_JUMP, 0)->value[0] < -3590 * S);
	assert_int_equal(esp_at(&w, spi[0])->packets, 200);
	assert_int_equal(esp_at(&w, spi[0])->end_reason, END_NONE);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	tracker_check(w.tracker);
	watch_close(&w);
}

static void a_clock_that_steps_forward_under_two_busy_tunnels_is_told(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11), t = session_between(GW_A, GW_C, 0x22);
	const uint32_t other[2] = { 0xc1000001, 0xc1000002 };

	watch_open(&w);
	for (uint32_t seq = 1; seq <= 200; seq++)
		talk(&w, &s, spi, seq, seq, 10 * MS), talk(&w, &t, other, seq, seq, 10 * MS);
	pass(&w, 7200 * S);
	for (uint32_t seq = 201; seq <= 300; seq++)
		talk(&w, &s, spi, seq, seq, 10 * MS), talk(&w, &t, other, seq, seq, 10 * MS);
	assert_int_equal(w.count[EVENT_CLOCK_JUMP], 1);
	assert_true(seen(&w, EVENT_CLOCK_JUMP, 0)->value[0] > 7190 * S);
	watch_close(&w);
}

/* Of one tunnel: a pause of hours may be honest, but no SA outlives a day of silence. */
static uint64_t jumps_of_one_tunnel(nsec step)
{
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 200, 10 * MS);
	pass(&w, step);
	talk(&w, &s, spi, 201, 300, 10 * MS);

	uint64_t jumps = w.count[EVENT_CLOCK_JUMP];

	watch_close(&w);
	return jumps;
}

static void a_clock_that_steps_a_day_forward_is_told_of_one_tunnel(void **state)
{
	(void)state;
	assert_int_equal(jumps_of_one_tunnel(86400 * S), 1);
	assert_int_equal(jumps_of_one_tunnel(7200 * S), 0);
}

static void one_frame_from_the_far_future_ends_nothing_and_holds_no_clock(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const nsec years = INT64_C(10) * 365 * 86400 * S;

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 100, 10 * MS);
	pass(&w, years);
	esp_between(&w, GW_A, GW_C, 0xc1000001, 1);	/* damaged */
	pass(&w, -years);
	talk(&w, &s, spi, 101, 200, 10 * MS);
	dpd(&w, &s, 0);
	assert_in_range(w.now - tracker_now(w.tracker), 0, S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	assert_int_equal(esp_at(&w, spi[0])->packets, 200);
	assert_in_range(w.now - esp_at(&w, spi[0])->last, 0, S);
	assert_int_equal(w.count[EVENT_CLOCK_JUMP], 0);
	assert_int_equal(w.count[EVENT_IKE_SA_ENDED] + w.count[EVENT_CHILD_SA_ENDED], 0);
	watch_close(&w);
}

static void frames_from_the_far_future_that_do_not_agree_are_not_believed(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 100, 10 * MS);
	for (int i = 1; i < 10; i++) {
		pass(&w, i % 2 ? 1000 * 86400 * S : -500 * 86400 * S);
		esp_between(&w, GW_A, GW_C, 0xc1000001, (uint32_t)i);
		pass(&w, i % 2 ? -1000 * 86400 * S : 500 * 86400 * S);
		talk(&w, &s, spi, 100 + (uint32_t)i, 100 + (uint32_t)i, 10 * MS);
	}
	assert_int_equal(tracker_now(w.tracker), w.now - 10 * MS);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	watch_close(&w);
}

static void after_an_honest_pause_of_days_the_second_frame_is_believed(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 100, 10 * MS);
	pass(&w, 3 * 86400 * S);
	nsec back = w.now;

	talk(&w, &s, spi, 101, 101, 10 * MS);
	assert_int_equal(tracker_now(w.tracker), back);
	/* the first one was counted, at its own time */
	assert_int_equal(esp_at(&w, spi[0])->packets, 101);
	assert_int_equal(esp_at(&w, spi[0])->last, back);
	watch_close(&w);
}

/* Any moment may stand in a damaged file. */
static void no_time_overflows(void **state)
{
	(void)state;
	static const nsec moment[] = {
		0, 1, -1, INT64_MAX, -(INT64_C(1) << 62), INT64_MIN, INT64_C(1) << 61, T0, T0 - S,
	};
	enum { MOMENTS = sizeof(moment) / sizeof(*moment) };

	for (size_t a = 0; a < MOMENTS; a++)
		for (size_t b = 0; b < MOMENTS; b++) {
			struct watch w;
			struct session s = session_between(GW_A, GW_B, 0x11);
			const uint32_t new[2] = { 0xc0000011, 0xc0000012 };

			watch_init(&w);
			w.settings.judge_every = 600 * S;
			w.forgetful = true;
			watch_start(&w);
			w.now = moment[a];
			say_init(&w, &s, false);
			w.now = moment[b];
			say_init(&w, &s, true);
			s.next_id[0] = 1;
			for (unsigned i = 0; i < 3; i++) {
				uint32_t id = ask(&w, &s, 0,
						  i ? IKE2_EXCHANGE_CREATE_CHILD_SA
						    : IKE2_EXCHANGE_IKE_AUTH,
						  i ? NP_NOTIFY : NP_IDI, LEN_AUTH);

				w.now = moment[i % 2 ? b : a];
				answer(&w, &s, 0,
				       i ? IKE2_EXCHANGE_CREATE_CHILD_SA : IKE2_EXCHANGE_IKE_AUTH,
				       id, i ? NP_SA : NP_IDR, LEN_AUTH);
				for (uint32_t seq = 1; seq < 5; seq++) {
					esp_between(&w, GW_A, GW_B, i == 2 ? new[0] : spi[0],
						    seq + i);
					w.now = moment[seq % 2 ? b : a];
					esp_between(&w, GW_B, GW_A, i == 2 ? new[1] : spi[1],
						    seq + i);
				}
				say(&w, &s, 0, false, IKE2_EXCHANGE_CREATE_CHILD_SA, id, NP_NOTIFY,
				    LEN_AUTH);
			}
			uint32_t id =
				ask(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD);

			w.now = moment[b];
			answer(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, id, NP_DELETE, LEN_DPD);
			tracker_dropped(w.tracker, moment[a], moment[b], 3);
			tracker_advance(w.tracker, moment[a]);
			tracker_advance(w.tracker, moment[b]);
			tracker_check(w.tracker);
			watch_close(&w);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mirror_that_delivers_all_twice_is_told_and_counts_nothing_twice),
		cmocka_unit_test(a_few_copies_are_no_duplicating_mirror),
		cmocka_unit_test(both_sides_of_a_nat_in_the_mirror_are_one_tunnel),
		cmocka_unit_test(a_message_sent_back_to_its_sender_turns_nothing_around),
		cmocka_unit_test(skips_of_unrelated_tunnels_at_one_moment_are_the_captures_loss),
		cmocka_unit_test(skips_of_one_tunnel_are_the_networks_loss),
		cmocka_unit_test(a_clock_that_steps_back_is_told_and_breaks_nothing),
		cmocka_unit_test(a_clock_that_steps_forward_under_two_busy_tunnels_is_told),
		cmocka_unit_test(a_clock_that_steps_a_day_forward_is_told_of_one_tunnel),
		cmocka_unit_test(one_frame_from_the_far_future_ends_nothing_and_holds_no_clock),
		cmocka_unit_test(frames_from_the_far_future_that_do_not_agree_are_not_believed),
		cmocka_unit_test(after_an_honest_pause_of_days_the_second_frame_is_believed),
		cmocka_unit_test(no_time_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
