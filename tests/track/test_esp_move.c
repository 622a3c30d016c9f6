/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

enum { SPI = 0xc0000001, SPI2 = 0xc0000002 };

static void a_nat_that_rebinds_moves_the_tunnel(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(NAT, GW_B, 0x11);

	watch_open(&w);
	s.peer[0].port = 20001;
	s.peer[1].port = 4500;
	set_up(&w, &s);
	for (uint32_t seq = 1; seq <= 20; seq++) {
		esp_in_udp(&w, s.peer[0], s.peer[1], SPI, seq);
		esp_in_udp(&w, s.peer[1], s.peer[0], SPI2, seq);
		pass(&w, 100 * MS);
	}
	s.peer[0].port = 20777;
	for (uint32_t seq = 21; seq <= 40; seq++) {
		esp_in_udp(&w, s.peer[0], s.peer[1], SPI, seq);
		esp_in_udp(&w, s.peer[1], s.peer[0], SPI2, seq);
		pass(&w, 100 * MS);
	}
	dpd(&w, &s, 0);
	assert_int_equal(tunnels_living(&w), 1);
	assert_int_equal(esp_at(&w, SPI)->packets, 40);
	assert_int_equal(esp_at(&w, SPI2)->packets, 40);
	assert_in_range(w.count[EVENT_ADDRESS_MOVED], 1, 2);
	assert_int_equal(tunnel_at(&w, 0)->peer[0].port, 20001);	/* its name stays */
	assert_int_equal(tunnel_now(tunnel_at(&w, 0), 0).port, 20777);
	watch_close(&w);
}

static void mobike_moves_ike_and_esp_to_another_address(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	s.peer[0].port = s.peer[1].port = 4500;
	set_up(&w, &s);
	for (uint32_t seq = 1; seq <= 20; seq++) {
		esp_in_udp(&w, s.peer[0], s.peer[1], SPI, seq);
		esp_in_udp(&w, s.peer[1], s.peer[0], SPI2, seq);
		pass(&w, 100 * MS);
	}
	s.peer[0].addr = 0x0a090807;
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NOTIFY, 120, NP_NOTIFY, 120);
	for (uint32_t seq = 21; seq <= 40; seq++) {
		esp_in_udp(&w, s.peer[0], s.peer[1], SPI, seq);
		esp_in_udp(&w, s.peer[1], s.peer[0], SPI2, seq);
		pass(&w, 100 * MS);
	}
	assert_int_equal(tunnels_living(&w), 1);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	assert_int_equal(seen(&w, EVENT_ADDRESS_MOVED, 0)->value[0], 1);
	assert_true(addr_equal(tunnel_now(tunnel_at(&w, 0), 0).addr, addr_v4(0x0a090807)));
	/*
	 * one child SA before and after: the records under the new address go on from the old ones
	 */
	assert_int_equal(tunnel_at(&w, 0)->n_child_sas, 1);
	watch_finish(&w);
	assert_int_equal(w.n_esp_sas, 4);
	assert_int_equal(w.esp_sas[2].predecessor, w.esp_sas[0].id);
	assert_int_equal(w.esp_sas[0].end_reason, END_SUPERSEDED);
	watch_free(&w);
}

/* MOBIKE to another address and back: no packet comes on an SA that is over. */
static void an_sa_that_comes_back_to_its_first_address_goes_on(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	uint32_t pair[2];

	two(pair, FIRST);
	watch_open(&w);
	set_up(&w, &s);

	uint32_t home = s.peer[0].addr;

	for (uint32_t move = 0; move < 5; move++) {
		s.peer[0].addr = move % 2 == 1 ? 0x0a090807 : home;
		talk(&w, &s, pair, 1 + 600 * move, 600 + 600 * move, 100 * MS);
	}
	assert_int_equal(w.count[EVENT_ESP_AFTER_END], 0);
	assert_int_equal(w.count[EVENT_CHILD_SA_REKEYED], 0);
	for (int d = 0; d < 2; d++) {
		assert_int_equal(esp_at(&w, pair[d])->end_reason, END_NONE);
		assert_int_equal(esp_at(&w, pair[d])->seq_high, 3000);
	}
	watch_close(&w);
}

static void an_sa_that_moves_in_a_full_table_makes_room_for_itself(void **state)
{
	(void)state;
	struct watch w;

	watch_init(&w);
	w.settings.tables_esp_sas = 1;
	watch_start(&w);
	for (uint32_t seq = 1; seq <= 5; seq++)
		esp_in_udp(&w, (struct peer){ NAT, 4500 }, (struct peer){ GW_B, 4500 }, SPI, seq);
	/* a stranger is believed at its second packet */
	for (uint32_t seq = 6; seq <= 9; seq++)
		esp_in_udp(&w, (struct peer){ GW_A, 4500 }, (struct peer){ GW_B, 4500 }, SPI, seq);
	tracker_check(w.tracker);
	assert_int_equal(esp_at(&w, SPI)->packets, 3);
	watch_finish(&w);
	assert_int_equal(w.n_esp_sas, 2);
	assert_int_equal(w.esp_sas[1].predecessor, 0);
	watch_free(&w);
}

/*
 * RFC 4301 4.1: the receiver finds a unicast SA by SPI, destination and protocol, so one that comes
 * from two addresses in turn is one, with one sequence.
 */
static void an_sa_on_two_paths_in_turn_moves_once_and_loses_nothing(void **state)
{
	(void)state;
	static const uint32_t in_a_row[] = { 1, 3, 15 };

	for (size_t n = 0; n < sizeof(in_a_row) / sizeof(in_a_row[0]); n++) {
		struct watch w;
		uint32_t sent = 0;

		watch_open(&w);
		for (; sent < 600; sent++) {
			bool turn = sent >= 20 && sent / in_a_row[n] % 2;

			esp_between(&w, turn ? GW_C : GW_A, GW_B, SPI, sent + 1);
			pass(&w, 100 * MS);
		}
		assert_int_equal(w.count[EVENT_ADDRESS_MOVED], 1);
		assert_int_equal(w.count[EVENT_ESP_AFTER_END], 0);
		assert_int_equal(tunnels_living(&w), 1);
		watch_finish(&w);
		assert_int_equal(w.n_esp_sas, 2);
		assert_int_equal(w.esp_sas[0].packets + w.esp_sas[1].packets, sent);
		assert_int_equal(w.esp_sas[0].lost + w.esp_sas[1].lost, 0);
		assert_int_equal(w.esp_sas[1].predecessor, w.esp_sas[0].id);
		watch_free(&w);
	}
}

static void packets_that_are_overtaken_on_another_path_are_of_the_same_sa(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	for (uint32_t i = 0; i < 600; i++) {
		/* 1 … 20, then 22 21 24 23 … */
		esp_between(&w, i >= 20 && i % 2 ? GW_C : GW_A, GW_B, SPI,
			    1 + (i >= 20 ? i ^ 1 : i));
		pass(&w, 10 * MS);
	}
	assert_int_equal(w.count[EVENT_ADDRESS_MOVED], 0);
	assert_int_equal(tunnels_living(&w), 1);
	assert_int_equal(esp_at(&w, SPI)->packets, 600);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 0);
	watch_close(&w);
}

/* It went there, came back at once, and stayed. */
static void an_sa_that_comes_back_soon_has_moved_when_the_other_place_is_silent(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	for (uint32_t seq = 1; seq <= 300; seq++) {
		esp_between(&w, seq > 20 && seq <= 40 ? GW_C : GW_A, GW_B, SPI, seq);
		pass(&w, 100 * MS);
		if (seq == 100)
			assert_int_equal(w.count[EVENT_ADDRESS_MOVED], 1);
	}
	assert_int_equal(w.count[EVENT_ADDRESS_MOVED], 2);
	assert_true(addr_equal(tunnel_now(tunnel_at(&w, 0), 0).addr, addr_v4(GW_A)));
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 0);
	watch_close(&w);
}

static void a_nat_that_uses_two_ports_in_turn_moves_its_client_once(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(NAT, GW_B, 0x11);

	watch_open(&w);
	s.peer[0].port = 20001;
	s.peer[1].port = 4500;
	set_up(&w, &s);
	for (uint32_t seq = 1; seq <= 600; seq++) {
		s.peer[0].port = seq > 20 && seq % 2 ? 20777 : 20001;
		esp_in_udp(&w, s.peer[0], s.peer[1], SPI, seq);
		pass(&w, 100 * MS);
	}
	assert_int_equal(w.count[EVENT_ADDRESS_MOVED], 1);
	assert_int_equal(tunnels_living(&w), 1);
	assert_int_equal(esp_at(&w, SPI)->packets, 600);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 0);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nat_that_rebinds_moves_the_tunnel),
		cmocka_unit_test(mobike_moves_ike_and_esp_to_another_address),
		cmocka_unit_test(an_sa_that_comes_back_to_its_first_address_goes_on),
		cmocka_unit_test(an_sa_that_moves_in_a_full_table_makes_room_for_itself),
		cmocka_unit_test(an_sa_on_two_paths_in_turn_moves_once_and_loses_nothing),
		cmocka_unit_test(packets_that_are_overtaken_on_another_path_are_of_the_same_sa),
		cmocka_unit_test(
			an_sa_that_comes_back_soon_has_moved_when_the_other_place_is_silent),
		cmocka_unit_test(a_nat_that_uses_two_ports_in_turn_moves_its_client_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
