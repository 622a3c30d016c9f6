/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

enum { SPI = 0xc0000001, SPI2 = 0xc0000002 };

static void packet(struct watch *w, uint32_t seq)
{
	esp_between(w, GW_A, GW_B, SPI, seq);
}

static void packets(struct watch *w, uint32_t from, uint32_t to)
{
	for (uint32_t seq = from; seq <= to; seq++) {
		packet(w, seq);
		pass(w, 20 * MS);
	}
}

static void a_packet_is_counted_once_and_a_number_that_never_comes_is_lost(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	packets(&w, 1, 10);
	packets(&w, 13, 20);
	assert_int_equal(esp_at(&w, SPI)->packets, 18);
	assert_int_equal(esp_at(&w, SPI)->bytes, 18 * 68);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 2);
	packet(&w, 12);			/* it was only late */
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 1);
	assert_int_equal(esp_more_at(&w, SPI)->late, 1);
	watch_close(&w);
}

static void a_copy_within_the_mirrors_time_is_no_replay_and_a_later_one_is(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	packets(&w, 1, 5);
	packet(&w, 6);
	pass(&w, 49 * MS);
	packet(&w, 6);
	assert_int_equal(w.count[EVENT_ESP_DUPLICATE], 0);
	pass(&w, 200 * MS);
	packet(&w, 6);
	assert_int_equal(w.count[EVENT_ESP_DUPLICATE], 1);
	assert_int_equal(esp_at(&w, SPI)->packets, 6);
	assert_int_equal(esp_at(&w, SPI)->rare->duplicates, 2);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 0);
	watch_close(&w);
}

/* OSPFv3 (RFC 4552): one SPI and one sequence for the group and for each neighbour. */
static void what_a_member_of_a_group_sends_elsewhere_is_not_lost(void **state)
{
	(void)state;
	enum { GROUP = 0xe0000005, GROUP_SPI = 256 };
	struct watch w;

	watch_open(&w);
	for (uint32_t seq = 20; seq < 400; seq++) {
		ah_between(&w, GW_A, seq % 3 == 0 ? GROUP : seq % 3 == 1 ? GW_B : GW_C, GROUP_SPI,
			   seq);
		ah_between(&w, GW_B, seq % 3 == 0 ? GROUP : GW_A, GROUP_SPI, 1000 + seq);
		pass(&w, 500 * MS);
	}
	assert_int_equal(w.count[EVENT_ADDRESS_MOVED], 0);
	assert_int_equal(w.count[EVENT_CAPTURE_LOSS], 0);
	watch_finish(&w);
	assert_int_equal(w.n_esp_sas, 5);
	for (size_t i = 0; i < w.n_esp_sas; i++)
		assert_int_equal(w.esp_sas[i].lost, RECORD_UNKNOWN);
	watch_free(&w);
}

static void two_that_share_an_spi_and_no_group_lose_each_their_own(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	for (uint32_t seq = 1; seq <= 40; seq += 2) {
		esp_between(&w, GW_A, GW_B, SPI, seq);
		esp_between(&w, GW_C, GW_B, SPI, 7000 + seq / 2);
		pass(&w, 20 * MS);
	}
	watch_finish(&w);
	assert_int_equal(w.esp_sas[0].lost, 19);
	assert_int_equal(w.esp_sas[1].lost, 0);
	watch_free(&w);
}

static void the_window_remembers_sixty_four_numbers(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	packets(&w, 1, 100);
	packet(&w, 37);			/* 63 behind: seen */
	assert_int_equal(esp_at(&w, SPI)->rare->duplicates, 1);
	packet(&w, 36);			/* out of the window, but nothing is missing: seen */
	assert_int_equal(esp_at(&w, SPI)->rare->duplicates, 2);
	assert_int_equal(esp_more_at(&w, SPI)->late, 0);
	packets(&w, 102, 200);
	packet(&w, 101);		/* out of the window, and one is missing */
	assert_int_equal(esp_more_at(&w, SPI)->late, 1);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 0);
	watch_close(&w);
}

static void a_number_that_was_passed_long_ago_was_sent_again(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	packets(&w, 100, 200);		/* it was there before the capture */
	packets(&w, 202, 300);		/* and one is missing */
	pass(&w, 30 * S);
	packet(&w, 301);
	pass(&w, 40 * S);
	packet(&w, 302);
	packet(&w, 150);
	pass(&w, 1 * S);
	packet(&w, 50);
	assert_int_equal(w.count[EVENT_ESP_LATE], 0);
	assert_int_equal(w.count[EVENT_ESP_DUPLICATE], 2);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 1);
	watch_close(&w);
}

static void numbers_that_wrap_go_on_with_esn(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	packets(&w, UINT32_MAX - 4, UINT32_MAX - 1);
	packet(&w, UINT32_MAX);
	packets(&w, 0, 5);
	assert_int_equal(esp_at(&w, SPI)->rare->epoch, 1);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 0);
	assert_int_equal(esp_at(&w, SPI)->packets, 11);
	packet(&w, UINT32_MAX - 1);	/* a copy from before the wrap */
	assert_int_equal(esp_at(&w, SPI)->rare->epoch, 1);
	assert_int_equal(esp_at(&w, SPI)->packets, 11);
	watch_finish(&w);
	assert_int_equal(w.esp_sas[0].seq_last, (INT64_C(1) << 32) + 5);
	watch_free(&w);
}

static void a_sequence_that_starts_again_is_told_once_and_nothing_is_lost(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	packets(&w, 1, 5000);
	packets(&w, 1, 40);
	assert_int_equal(w.count[EVENT_ESP_SEQ_RESET], 1);
	assert_int_equal(seen(&w, EVENT_ESP_SEQ_RESET, 0)->value[0], 5000);
	assert_int_equal(esp_at(&w, SPI)->seq_high, 40);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 0);
	watch_close(&w);
}

static void a_mirror_that_delivers_twice_does_not_hide_a_sequence_that_starts_again(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	for (int run = 0; run < 2; run++)
		for (uint32_t seq = 1; seq <= (run == 0 ? 5000 : 40); seq++) {
			packet(&w, seq);
			pass(&w, MS);
			packet(&w, seq);
			pass(&w, 20 * MS);
		}
	assert_int_equal(w.count[EVENT_ESP_SEQ_RESET], 1);
	assert_int_equal(esp_at(&w, SPI)->seq_high, 40);
	watch_close(&w);
}

static void a_restart_from_the_upper_half_is_no_wrap(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	packets(&w, 0xf0000000, 0xf0000040);
	packets(&w, 1, 40);
	assert_int_equal(esp_at(&w, SPI)->rare->epoch, 0);
	assert_int_equal(esp_at(&w, SPI)->flags & ESP_SA_ESN, 0);
	assert_int_equal(esp_at(&w, SPI)->seq_high, 40);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 0);
	watch_close(&w);
}

static void old_packets_played_again_between_living_ones_restart_nothing(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	packets(&w, 1, 1000);
	for (uint32_t i = 0; i < 100; i++) {
		packet(&w, 100 + i);
		pass(&w, MS);
		packet(&w, 1001 + i);
		pass(&w, 20 * MS);
	}
	assert_int_equal(w.count[EVENT_ESP_SEQ_RESET], 0);
	assert_int_equal(esp_at(&w, SPI)->seq_high, 1100);
	assert_int_equal(esp_at(&w, SPI)->packets, 1100);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 0);
	watch_close(&w);
}

static void a_fail_over_jumps_ahead_and_loses_nothing(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	packets(&w, 1, 100);
	packets(&w, 5000000, 5000100);
	assert_int_equal(w.count[EVENT_ESP_SEQ_JUMP], 1);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 0);
	assert_int_equal(esp_at(&w, SPI)->seq_high, 5000100);
	assert_int_equal(w.count[EVENT_ESP_SEQ_RESET], 0);
	watch_close(&w);
}

/* Issue 5, item 4: one forged packet with a living SPI. */
static void one_packet_from_far_ahead_changes_no_sequence(void **state)
{
	(void)state;
	static const uint32_t far[] = { 2000, 60000, 5000000, 0x7fffff00, 0x80000200, 0xfffffff0 };

	for (size_t i = 0; i < sizeof(far) / sizeof(*far); i++) {
		struct watch w;

		watch_open(&w);
		packets(&w, 1, 100);
		packet(&w, far[i]);
		packets(&w, 101, 200);
		assert_int_equal(esp_at(&w, SPI)->seq_high, 200);
		assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 0);
		assert_int_equal(w.count[EVENT_ESP_SEQ_JUMP] + w.count[EVENT_ESP_SEQ_RESET] +
					 w.count[EVENT_ESP_GAP],
				 0);
		assert_int_equal(esp_at(&w, SPI)->rare->epoch, 0);
		watch_close(&w);
	}
}

static void an_outage_of_the_path_is_loss(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	packets(&w, 1, 100);
	pass(&w, 100 * S);
	packets(&w, 5101, 5200);	/* 50 packets a second went on */
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 5000);
	assert_int_equal(w.count[EVENT_ESP_GAP], 1);
	assert_int_equal(seen(&w, EVENT_ESP_GAP, 0)->value[0], 5000);
	watch_close(&w);
}

static void an_sa_in_udp_is_another_than_one_without(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	esp_between(&w, GW_A, GW_B, SPI, 1);
	ah_between(&w, GW_A, GW_B, SPI, 1);
	esp_in_udp(&w, (struct peer){ GW_A, 4500 }, (struct peer){ GW_B, 4500 }, SPI, 1);
	esp_between(&w, GW_B, GW_A, SPI, 1);
	assert_int_equal(w.count[EVENT_ESP_SA_FIRST], 4);
	assert_int_equal(tunnels_living(&w), 1);
	assert_int_equal(tunnel_at(&w, 0)->live_esp[0], 3);
	watch_close(&w);
}

static void an_spi_that_is_used_again_after_its_end_is_another_generation(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const uint32_t spi[2] = { SPI, SPI2 };

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 500, 100 * MS);
	delete_ike(&w, &s, 0);
	idle(&w, 60 * S);
	assert_int_equal(esp_at(&w, SPI)->end_reason, END_DELETED);
	s = session_between(GW_A, GW_B, 0x22);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 50, 100 * MS);
	assert_int_equal(esp_at(&w, SPI)->rare->generation, 2);
	assert_int_equal(esp_at(&w, SPI)->packets, 50);
	assert_int_equal(w.count[EVENT_ESP_SEQ_RESET] + w.count[EVENT_ESP_AFTER_END], 0);
	watch_finish(&w);
	assert_int_equal(w.n_esp_sas, 4);
	assert_int_equal(w.esp_sas[0].packets, 500);
	watch_free(&w);
}

static void minutes_of_traffic_add_up_to_all_packets(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	for (uint32_t seq = 1; seq <= 1000; seq++) {
		packet(&w, seq);
		pass(&w, 330 * MS);
	}
	watch_finish(&w);
	assert_int_equal(w.traffic_packets, 1000);
	assert_in_range(w.count[EVENT_TRAFFIC], 6, 7);
	watch_free(&w);
}

static void packets_after_the_end_count_only_when_their_time_is_over(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const uint32_t spi[2] = { SPI, SPI2 };

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 100, 100 * MS);
	delete_child(&w, &s, 0);
	pass(&w, S);
	packets(&w, 101, 103);		/* on their way when it was deleted */
	assert_int_equal(w.count[EVENT_ESP_AFTER_END], 0);
	pass(&w, 20 * S);
	packets(&w, 104, 110);
	assert_int_equal(w.count[EVENT_ESP_AFTER_END], 7);
	assert_int_equal(esp_at(&w, SPI)->rare->stale_packets, 7);
	packets(&w, 110, 110);		/* the mirror's copy of the last */
	assert_int_equal(w.count[EVENT_ESP_AFTER_END], 7);
	watch_close(&w);
}

/* ---- floods ---------------------------------------------------------------- */

static uint32_t noise(uint64_t *x)
{
	*x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*x >> 32) | 0x10000000;
}

/* Each random SPI comes `times` times; the established SAs lose nothing. */
static void spray(unsigned times, unsigned rounds, bool many_sources)
{
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const uint32_t spi[2] = { SPI, SPI2 };
	uint64_t x = 99;
	uint32_t seq = 101;

	watch_init(&w);
	w.forgetful = true;
	watch_start(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 100, 10 * MS);
	for (unsigned i = 0; i < rounds; i++) {
		uint32_t stranger = noise(&x), source = many_sources ? noise(&x) : GW_A;

		for (unsigned n = 0; n < times; n++)
			esp_between(&w, source, GW_B, stranger, noise(&x) % 1000 + n);
		if (i % 100 == 0)
			talk(&w, &s, spi, seq, seq, 0), seq++;
		pass(&w, 100000);
	}
	tracker_check(w.tracker);
	for (int d = 0; d < 2; d++) {
		assert_int_equal(esp_at(&w, spi[d])->packets, seq - 1);
		assert_int_equal(esp_sa_lost(esp_at(&w, spi[d])), 0);
		assert_int_equal(esp_at(&w, spi[d])->first, T0 + 4 * RTT);
	}
	assert_true(child_of(&w, SPI) != NULL && child_of(&w, SPI) == child_of(&w, SPI2));
	watch_finish(&w);
	if (times == 1)		/* once seen is hardly worth a record */
		assert_true(w.n_esp_sas < 1500);
	watch_free(&w);
}

static void random_spis_between_the_peers_leave_established_sas_alone(void **state)
{
	(void)state;
	spray(1, 1000000, false);
}

static void random_spis_that_come_twice_leave_established_sas_alone(void **state)
{
	(void)state;
	spray(2, 50000, false);
}

static void random_spis_that_come_often_leave_established_sas_alone(void **state)
{
	(void)state;
	spray(4, 30000, false);
}

static void random_spis_from_everywhere_leave_established_sas_alone(void **state)
{
	(void)state;
	spray(1, 200000, true);
	spray(4, 30000, true);
}

static void a_full_table_forgets_strangers_before_confirmed_sas(void **state)
{
	(void)state;
	struct watch w;

	watch_init(&w);
	w.settings.tables_esp_sas = 64;
	w.settings.tables_tunnels = 64;
	watch_start(&w);
	for (uint32_t i = 0; i < 40; i++)	/* slots 0 to 39: these have something to say */
		for (uint32_t seq = 1; seq <= 3; seq++)
			esp_between(&w, GW_A, GW_B, SPI + i, seq);
	pass(&w, S);
	for (uint32_t i = 0; i < 500; i++)
		for (uint32_t seq = 1; seq <= 2; seq++)
			esp_between(&w, GW_A, GW_C, 0xd0000000 + i, seq);
	for (uint32_t i = 0; i < 40; i++)
		assert_non_null(esp_at(&w, SPI + i));
	tracker_check(w.tracker);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_is_counted_once_and_a_number_that_never_comes_is_lost),
		cmocka_unit_test(a_number_that_was_passed_long_ago_was_sent_again),
		cmocka_unit_test(a_copy_within_the_mirrors_time_is_no_replay_and_a_later_one_is),
		cmocka_unit_test(what_a_member_of_a_group_sends_elsewhere_is_not_lost),
		cmocka_unit_test(two_that_share_an_spi_and_no_group_lose_each_their_own),
		cmocka_unit_test(the_window_remembers_sixty_four_numbers),
		cmocka_unit_test(numbers_that_wrap_go_on_with_esn),
		cmocka_unit_test(a_sequence_that_starts_again_is_told_once_and_nothing_is_lost),
		cmocka_unit_test(
			a_mirror_that_delivers_twice_does_not_hide_a_sequence_that_starts_again),
		cmocka_unit_test(a_restart_from_the_upper_half_is_no_wrap),
		cmocka_unit_test(old_packets_played_again_between_living_ones_restart_nothing),
		cmocka_unit_test(a_fail_over_jumps_ahead_and_loses_nothing),
		cmocka_unit_test(one_packet_from_far_ahead_changes_no_sequence),
		cmocka_unit_test(an_outage_of_the_path_is_loss),
		cmocka_unit_test(an_sa_in_udp_is_another_than_one_without),
		cmocka_unit_test(an_spi_that_is_used_again_after_its_end_is_another_generation),
		cmocka_unit_test(minutes_of_traffic_add_up_to_all_packets),
		cmocka_unit_test(packets_after_the_end_count_only_when_their_time_is_over),
		cmocka_unit_test(random_spis_between_the_peers_leave_established_sas_alone),
		cmocka_unit_test(random_spis_that_come_twice_leave_established_sas_alone),
		cmocka_unit_test(random_spis_that_come_often_leave_established_sas_alone),
		cmocka_unit_test(random_spis_from_everywhere_leave_established_sas_alone),
		cmocka_unit_test(a_full_table_forgets_strangers_before_confirmed_sas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
