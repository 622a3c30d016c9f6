/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

enum { SPI = 0xc0000001, SPI2 = 0xc0000002 };

static const uint32_t spi[2] = { SPI, SPI2 };

static void both_directions_and_both_ike_ports_are_one_tunnel(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_B, GW_A, 0x11);

	watch_open(&w);
	say_init(&w, &s, false);
	pass(&w, RTT);
	say_init(&w, &s, true);
	s.peer[0].port = s.peer[1].port = 4500;
	s.next_id[0] = 1;
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_IDR, LEN_AUTH_OK);
	esp_in_udp(&w, s.peer[0], s.peer[1], SPI, 1);
	esp_between(&w, GW_A, GW_B, SPI2, 1);
	assert_int_equal(tunnels_living(&w), 1);
	/* the lower address is peer 0, whoever began */
	assert_true(addr_equal(tunnel_at(&w, 0)->peer[0].addr, addr_v4(GW_A)));
	assert_int_equal(tunnel_at(&w, 0)->peer[0].port, 0);
	assert_int_equal(ike_at(&w, 0x11)->initiator_side, 1);
	watch_close(&w);
}

/* Set-ups that nobody used, one every 10 s, of which the last one is the one that works. */
static void up_since_the_set_up_that_works_not_the_first_one_of_a_loop(void **state)
{
	(void)state;
	struct watch w;
	struct session s;
	nsec last = 0;

	watch_open(&w);
	for (uint64_t i = 0; i < 4; i++) {
		s = session_between(GW_A, GW_B, 0x11 + i);
		set_up(&w, &s);
		last = ike_at(&w, 0x11 + i)->established;
		pass(&w, 10 * NSEC_PER_S);
	}
	esp_between(&w, GW_A, GW_B, SPI, 1);
	esp_between(&w, GW_B, GW_A, SPI2, 1);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UP);
	assert_int_equal(tunnel_at(&w, 0)->state_since, last);
	pass(&w, 10 * NSEC_PER_S);
	s = session_between(GW_A, GW_B, 0x21);
	set_up(&w, &s);		/* beside one that is used: it is up as before */
	pass(&w, 10 * NSEC_PER_S);
	assert_int_equal(tunnel_at(&w, 0)->state_since, last);
	watch_close(&w);
}

static void tunnels_are_found_by_the_address_of_a_peer(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	for (uint64_t i = 0; i < 4; i++) {
		uint32_t hub = i % 2 ? GW_A : GW_C;
		struct session s = session_between(hub, GW_B + (uint32_t)i, 0x11 + i);

		set_up(&w, &s);
	}
	const struct tracker *t = w.tracker;
	uint32_t n = tracker_tunnels(t);

	assert_int_equal(tracker_tunnel_of_peer(t, addr_v4(GW_A), 0, n), 1);
	assert_int_equal(tracker_tunnel_of_peer(t, addr_v4(GW_A), 2, n), 3);
	assert_int_equal(tracker_tunnel_of_peer(t, addr_v4(GW_A), 2, 3), NO_INDEX);
	assert_int_equal(tracker_tunnel_of_peer(t, addr_v4(GW_B + 2), 0, UINT32_MAX), 2);
	assert_int_equal(tracker_tunnel_of_peer(t, addr_v4(GW_B + 9), 0, n), NO_INDEX);
	tunnel_release(w.tracker, 1);
	assert_int_equal(tracker_tunnel_of_peer(t, addr_v4(GW_A), 0, n), 3);
	watch_close(&w);
}

static void an_idle_tunnel_that_is_probed_and_authenticated_anew_is_up_as_before(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	nsec first;

	watch_open(&w);
	set_up(&w, &s);
	first = ike_at(&w, 0x11)->established;
	pass(&w, 10 * NSEC_PER_S);
	dpd(&w, &s, 1);
	pass(&w, 10 * NSEC_PER_S);
	s = session_between(GW_A, GW_B, 0x12);
	set_up(&w, &s);
	pass(&w, 10 * NSEC_PER_S);
	assert_int_equal(tunnel_at(&w, 0)->state_since, first);
	watch_close(&w);
}

/*
 * B restarts, A probes in vain for a minute, and B sets the tunnel up before A's last probe is
 * given up: that the first IKE SA was lost is known later.
 */
static void up_since_the_peer_that_restarted_is_back(void **state)
{
	(void)state;
	for (int both_ways = 0; both_ways < 2; both_ways++) {
		struct watch w;
		struct session s = session_between(GW_A, GW_B, 0x11);
		nsec first, again;
		uint32_t id, seq = 1;

		watch_open(&w);
		set_up(&w, &s);
		first = ike_at(&w, 0x11)->established;
		talk(&w, &s, spi, 1, 100, 100 * MS);
		seq = 101;
		id = ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD);
		for (int copy = 0; copy < 5; copy++) {
			pass(&w, (2 << copy) * S);
			esp_between(&w, GW_A, GW_B, spi[0], seq);
			if (both_ways)
				esp_between(&w, GW_B, GW_A, spi[1], seq);
			seq++;
			say(&w, &s, 0, false, IKE2_EXCHANGE_INFORMATIONAL, id, NP_NONE, LEN_DPD);
		}
		pass(&w, 20 * S);
		s = session_between(GW_B, GW_A, 0x12);
		set_up(&w, &s);
		again = ike_at(&w, 0x12)->established;
		if (both_ways) {
			esp_between(&w, GW_A, GW_B, spi[0], seq);
			esp_between(&w, GW_B, GW_A, spi[1], seq);
		}
		idle(&w, 120 * S);
		assert_int_equal(ike_at(&w, 0x11)->end_reason, END_PEER_LOST);
		assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UP);
		assert_int_equal(tunnel_at(&w, 0)->state_since, both_ways ? first : again);
		watch_close(&w);
	}
}

static void strangers_push_out_no_tunnel_that_is_up(void **state)
{
	(void)state;
	struct watch w;
	struct session s[10];

	watch_init(&w);
	w.settings.tables_tunnels = 40;
	w.settings.tables_ike_sas = 100;
	watch_start(&w);
	for (uint32_t i = 0; i < 10; i++) {
		s[i] = session_between(GW_A, 0x0a000001 + i, 0x1000 + i);
		set_up(&w, &s[i]);
	}
	w.forgetful = true;
	for (uint32_t i = 0; i < 20000; i++) {
		struct session flood = session_between(0x0b000000 + i, GW_A, 0x777777 + i);

		say_init(&w, &flood, false);
		pass(&w, 10 * MS);
	}
	tracker_check(w.tracker);
	for (uint32_t i = 0; i < 10; i++) {
		assert_non_null(ike_at(&w, 0x1000 + i));
		assert_int_equal(ike_at(&w, 0x1000 + i)->end_reason, END_NONE);
	}
	assert_true(tracker_tunnels(w.tracker) <= 40);
	watch_close(&w);
}

static void a_flood_under_a_peers_own_address_ends_nothing_that_is_up(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 100, 10 * MS);
	w.forgetful = true;
	for (uint32_t i = 0; i < 20000; i++) {
		struct session flood = session_between(GW_A, GW_B, 0x777777 + i);

		if (i % 2)
			say_init(&w, &flood, false);
		else		/* an IKE SA as from before the capture */
			say(&w, &flood, 0, false, IKE2_EXCHANGE_INFORMATIONAL, 5, NP_NONE, LEN_DPD);
		pass(&w, MS);
	}
	tracker_check(w.tracker);
	assert_true(tunnel_at(&w, 0)->live_ike <= 128);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	idle(&w, 200 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UP);
	dpd(&w, &s, 1);
	assert_int_equal(esp_at(&w, SPI)->end_reason, END_NONE);
	watch_close(&w);
}

static void a_tunnel_is_up_with_an_ike_sa_and_down_without(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 100, 100 * MS);
	idle(&w, 20 * S);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UP);
	delete_ike(&w, &s, 1);
	idle(&w, 30 * S);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_DOWN);
	assert_int_equal(esp_at(&w, SPI)->end_reason, END_DELETED);
	watch_close(&w);
}

/* A scanner's, or the last thing of a capture; RFC 7296 2.4 has one repeat what it means. */
static void one_request_without_an_answer_says_nothing_of_its_tunnel(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	say_init(&w, &s, false);
	idle(&w, 300 * S);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UNKNOWN);
	watch_close(&w);
}

static void a_request_that_had_to_be_repeated_says_that_it_is_down(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	say_init(&w, &s, false);
	pass(&w, 4 * S);
	say_init(&w, &s, false);
	idle(&w, 30 * S);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_DOWN);
	watch_close(&w);
}

static void a_refused_request_says_that_it_is_down(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	say_init(&w, &s, false);
	pass(&w, RTT);
	say_init_notify(&w, &s, IKE2_NOTIFY_NO_PROPOSAL_CHOSEN, NULL, 0);
	idle(&w, 60 * S);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_DOWN);
	watch_close(&w);
}

/* From mid-life, IKEv1: of one Quick Mode nothing tells whether it had an answer. */
static void a_tunnel_of_which_one_side_is_captured_alone_is_not_known_to_be_up(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	for (uint32_t seq = 500; seq <= 600; seq++) {
		esp_between(&w, GW_A, GW_B, spi[0], seq);
		pass(&w, S);
		if (seq == 550)
			say1_sealed(&w, &s, 0, IKE1_EXCHANGE_QUICK_MODE, 0xaaaa, 444, 0);
	}
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UNKNOWN);
	for (uint32_t seq = 500; seq <= 600; seq++) {
		esp_between(&w, GW_A, GW_B, spi[0], 101 + seq);
		esp_between(&w, GW_B, GW_A, spi[1], seq);
		pass(&w, S);
	}
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UP);
	watch_close(&w);
}

/* A log shipper, a multicast sender: nobody knows whether the other end was ever there. */
static void packets_of_one_side_that_stop_take_no_tunnel_down(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	for (uint32_t seq = 1; seq <= 20; seq++) {
		esp_between(&w, GW_A, GW_B, SPI, seq);
		pass(&w, S);
	}
	idle(&w, 600 * S);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UNKNOWN);
	watch_close(&w);
}

static void the_row_of_a_tunnel_that_carries_only_esp_is_not_old(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	nsec spoken;

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 200, 500 * MS);
	tracker_flush(w.tracker);
	talk(&w, &s, spi, 201, 1200, 500 * MS);
	tracker_flush(w.tracker);
	spoken = w.now - 500 * MS;
	assert_true(w.tunnels[0].last <= spoken);
	assert_true(w.tunnels[0].last > spoken - w.settings.judge_every - S);
	watch_close(&w);
}

/* Months of running: what is over is forgotten, and nothing ticks for it. */
static void what_is_over_for_a_day_leaves_nothing_behind(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11), t = session_between(GW_A, GW_C, 0x22);

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 100, 100 * MS);
	set_up(&w, &t);
	rekey_child(&w, &t, 0);		/* child SAs that never carry anything */
	exchange_done(&w, &t, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	exchange_done(&w, &t, 1, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	esp_between(&w, GW_C, GW_B, 0x12345678, 5000);
	idle(&w, 3 * 86400 * S);
	assert_int_equal(w.tracker->ike_pool.used, 0);
	assert_int_equal(w.tracker->child_pool.used, 0);
	assert_int_equal(w.tracker->esp_pool.used, 0);
	for (uint32_t i = 0; i < tracker_tunnels(w.tracker); i++)
		assert_true(tunnel_at(&w, i)->due == NSEC_NONE);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tunnels_are_found_by_the_address_of_a_peer),
		cmocka_unit_test(both_directions_and_both_ike_ports_are_one_tunnel),
		cmocka_unit_test(
			up_since_the_set_up_that_works_not_the_first_one_of_a_loop),
		cmocka_unit_test(
			an_idle_tunnel_that_is_probed_and_authenticated_anew_is_up_as_before),
		cmocka_unit_test(up_since_the_peer_that_restarted_is_back),
		cmocka_unit_test(strangers_push_out_no_tunnel_that_is_up),
		cmocka_unit_test(a_flood_under_a_peers_own_address_ends_nothing_that_is_up),
		cmocka_unit_test(a_tunnel_is_up_with_an_ike_sa_and_down_without),
		cmocka_unit_test(one_request_without_an_answer_says_nothing_of_its_tunnel),
		cmocka_unit_test(a_request_that_had_to_be_repeated_says_that_it_is_down),
		cmocka_unit_test(a_refused_request_says_that_it_is_down),
		cmocka_unit_test(
			a_tunnel_of_which_one_side_is_captured_alone_is_not_known_to_be_up),
		cmocka_unit_test(packets_of_one_side_that_stop_take_no_tunnel_down),
		cmocka_unit_test(the_row_of_a_tunnel_that_carries_only_esp_is_not_old),
		cmocka_unit_test(what_is_over_for_a_day_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
