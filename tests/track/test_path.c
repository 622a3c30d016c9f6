/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

enum { SPI = 0xc0000001, SPI2 = 0xc0000002 };

static const uint32_t spi[2] = { SPI, SPI2 };

static void a_nat_that_gives_another_port_on_the_way_to_4500_stays_in_the_tunnel(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(NAT, GW_B, 0x11);

	watch_open(&w);
	s.peer[0].port = 1025;		/* as the NAT shows port 500 */
	say_init(&w, &s, false);
	pass(&w, RTT);
	say_init(&w, &s, true);
	s.peer[0].port = 31001;		/* and port 4500 */
	s.peer[1].port = 4500;
	s.next_id[0] = 1;
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_IDR, LEN_AUTH_OK);
	esp_in_udp(&w, s.peer[0], s.peer[1], SPI, 1);
	esp_in_udp(&w, s.peer[1], s.peer[0], SPI2, 1);
	assert_int_equal(tunnels_living(&w), 1);
	assert_int_equal(tunnel_now(tunnel_at(&w, 0), 0).port, 31001);
	assert_int_equal(w.count[EVENT_ADDRESS_MOVED], 0);	/* it had not been up yet */
	assert_true(child_of(&w, SPI) && child_of(&w, SPI) == child_of(&w, SPI2));
	watch_close(&w);
}

static struct session client_behind_a_nat(struct watch *w, uint16_t port)
{
	struct session s = session_between(NAT, GW_B, port);

	s.peer[0].port = port;
	s.peer[1].port = 4500;
	set_up(w, &s);
	return s;
}

static void clients_behind_one_nat_address_are_tunnels_of_their_own(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	for (uint16_t i = 0; i < 20; i++) {
		struct session s = session_between(NAT, GW_B, 0x1000u + i);

		s.peer[0].port = (uint16_t)(20000 + i);
		s.peer[1].port = 4500;
		set_up(&w, &s);
		esp_in_udp(&w, s.peer[0], s.peer[1], SPI + 2u * i, 1);
		esp_in_udp(&w, s.peer[1], s.peer[0], SPI + 2u * i + 1, 1);
	}
	assert_int_equal(tunnels_living(&w), 20);
	for (uint32_t i = 0; i < 20; i++) {
		assert_int_equal(tunnel_at(&w, i)->n_ike_sas, 1);
		assert_int_equal(tunnel_at(&w, i)->n_esp_sas, 2);
	}
	watch_close(&w);
}

static void plain_esp_to_the_only_client_of_a_nat_is_its_missing_direction(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = client_behind_a_nat(&w, 20000);

	esp_between(&w, GW_B, NAT, SPI2, 1);
	esp_in_udp(&w, s.peer[0], s.peer[1], SPI, 1);
	assert_int_equal(tunnels_living(&w), 1);
	assert_true(child_of(&w, SPI) && child_of(&w, SPI) == child_of(&w, SPI2));
	assert_int_equal(esp_at(&w, SPI2)->direction, 1);
	watch_close(&w);
}

static void plain_esp_between_a_nat_and_the_peer_of_two_clients_is_neithers(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	client_behind_a_nat(&w, 20000);
	client_behind_a_nat(&w, 20001);
	esp_between(&w, GW_B, NAT, SPI, 1);
	assert_int_equal(tunnels_living(&w), 3);
	watch_close(&w);
}

static void plain_esp_of_the_nat_itself_is_not_its_clients(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = client_behind_a_nat(&w, 20000);

	esp_between(&w, GW_B, NAT, SPI + 8, 5000);	/* from before the capture */
	assert_int_equal(tunnels_living(&w), 2);
	watch_close(&w);

	watch_open(&w);
	s = client_behind_a_nat(&w, 20000);
	esp_in_udp(&w, s.peer[0], s.peer[1], SPI, 1);
	esp_in_udp(&w, s.peer[1], s.peer[0], SPI2, 1);	/* the client misses nothing */
	esp_between(&w, GW_B, NAT, SPI + 8, 1);
	assert_int_equal(tunnels_living(&w), 2);
	watch_close(&w);
}

/* RFC 4555: a laptop that changes from one network to another and back says so each time. */
static void mobike_back_to_the_first_address_is_announced_too(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	s.peer[0].port = s.peer[1].port = 4500;
	set_up(&w, &s);

	uint32_t home = s.peer[0].addr;

	for (unsigned move = 0; move < 4; move++) {
		s.peer[0].addr = move % 2 == 0 ? 0x0a090807 : home;
		pass(&w, 60 * NSEC_PER_S);
		exchange_done(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NOTIFY, 120, NP_NOTIFY,
			      120);
		assert_int_equal(w.count[EVENT_ADDRESS_MOVED], move + 1);
		assert_int_equal(seen(&w, EVENT_ADDRESS_MOVED, move)->side, 0);
		assert_int_equal(seen(&w, EVENT_ADDRESS_MOVED, move)->value[0], 1);
		assert_true(
			addr_equal(tunnel_now(tunnel_at(&w, 0), 0).addr, addr_v4(s.peer[0].addr)));
	}
	/* from a place that is known, what is no announcement tells nothing new */
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD, NP_NONE, LEN_DPD);
	assert_int_equal(w.count[EVENT_ADDRESS_MOVED], 4);
	watch_free(&w);
}

/* Issue 5, item 4: whoever has an IKE SA of his own shows others' addresses with it. */
static void the_path_of_a_tunnel_that_is_up_cannot_be_taken(void **state)
{
	(void)state;
	struct watch w;
	struct session honest = session_between(GW_A, GW_B, 0x11),
		       other = session_between(GW_C, GW_B, 0x22);

	watch_open(&w);
	set_up(&w, &honest);
	talk(&w, &honest, spi, 1, 10, 100 * MS);
	set_up(&w, &other);
	other.peer[0] = honest.peer[0];
	for (int i = 0; i < 5; i++)
		dpd(&w, &other, 0);
	assert_int_equal(w.count[EVENT_ADDRESS_MOVED], 0);
	esp_between(&w, GW_A, GW_B, 0xc1000001, 1);
	assert_int_equal(esp_at(&w, 0xc1000001)->tunnel, esp_at(&w, SPI)->tunnel);
	watch_close(&w);
}

static void a_client_that_shows_a_thousand_ports_keeps_eight_paths_and_its_name(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(NAT, GW_B, 0x11),
		       again = session_between(NAT, GW_B, 0x22);

	watch_open(&w);
	s.peer[0].port = again.peer[0].port = 20001;
	s.peer[1].port = again.peer[1].port = 4500;
	set_up(&w, &s);
	for (uint16_t i = 0; i < 1000; i++) {
		s.peer[0].port = (uint16_t)(30000 + i);
		dpd(&w, &s, 0);
	}
	tracker_check(w.tracker);
	assert_int_equal(w.tracker->path_pool.used, 8);
	set_up(&w, &again);		/* from where it first came */
	assert_int_equal(tunnels_living(&w), 1);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_nat_that_gives_another_port_on_the_way_to_4500_stays_in_the_tunnel),
		cmocka_unit_test(clients_behind_one_nat_address_are_tunnels_of_their_own),
		cmocka_unit_test(plain_esp_to_the_only_client_of_a_nat_is_its_missing_direction),
		cmocka_unit_test(plain_esp_between_a_nat_and_the_peer_of_two_clients_is_neithers),
		cmocka_unit_test(plain_esp_of_the_nat_itself_is_not_its_clients),
		cmocka_unit_test(mobike_back_to_the_first_address_is_announced_too),
		cmocka_unit_test(the_path_of_a_tunnel_that_is_up_cannot_be_taken),
		cmocka_unit_test(
			a_client_that_shows_a_thousand_ports_keeps_eight_paths_and_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
