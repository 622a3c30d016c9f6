/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/check.h"
#include "track/talk.h"

/* Tables are complete only when everything leaves its row: here, rows are counted. */
static void finish(struct watch *w)
{
	tracker_check(w->tracker);
	tracker_finish(w->tracker, true);
	tracker_check(w->tracker);
}

static unsigned rows_of_ike_sas(const struct watch *w)
{
	unsigned n = 0;

	for (size_t i = 0; i < w->n_ike_sas; i++)
		n += w->ike_sas[i].id != 0;
	return n;
}

static unsigned rows_of_tunnels(const struct watch *w)
{
	unsigned n = 0;

	for (size_t i = 0; i < w->n_tunnels; i++)
		n += w->tunnels[i].id != 0;
	return n;
}

static void knock(struct watch *w, uint32_t from, uint64_t spi)
{
	struct session s = session_between(from, GW_B, spi);

	say_init(w, &s, false);
	pass(w, MS);
}

/*
 * The key is known, and it is zero: all addresses fall together.  What there was goes on, and no
 * probe becomes long.
 */
static void with_the_key_known_no_more_is_added_to_a_place_than_a_bound(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

	watch_init(&w);
	w.key = (struct hash_key){ { 0 } };
	w.settings.tables_tunnels = 4096;
	w.settings.tables_esp_sas = 16384;
	watch_start(&w);
	w.forgetful = true;
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 10, 10 * MS);
	for (uint32_t i = 0; i < 3000; i++)
		for (uint32_t seq = 1; seq <= 3; seq++)
			esp_between(&w, 0x0a000000 + i, GW_B, 0xc0000009, seq);
	talk(&w, &s, spi, 11, 20, 10 * MS);
	assert_in_range(w.tracker->tunnel_pool.used, 2, 1 + INDEX_PROBES_MAX);
	assert_in_range(w.tracker->esp_pool.used, 3, 2 + INDEX_PROBES_MAX);
	assert_int_equal(esp_at(&w, spi[0])->packets, 20);
	assert_int_equal(esp_at(&w, spi[1])->packets, 20);
	finish(&w);
	watch_free(&w);
}

static void strangers_leave_so_many_rows_and_one_event_for_the_rest(void **state)
{
	(void)state;
	struct watch w;
	struct tracker_counters counted;

	watch_open(&w);
	w.settings.history_strangers = 20;
	for (uint32_t i = 0; i < 2000; i++)	/* in two seconds */
		knock(&w, 0x20000000 + i, 0x1000 + i);
	assert_int_equal(w.count[EVENT_IKE_SA_CREATED], 2000);	/* the detectors hear of all */
	finish(&w);
	assert_in_range(rows_of_tunnels(&w), 20, 22);
	assert_in_range(rows_of_ike_sas(&w), 20, 22);
	assert_int_equal(w.count[EVENT_LEFT_OUT], 1);
	assert_true(seen(&w, EVENT_LEFT_OUT, 0)->value[0] >= 1978);
	tracker_counters(w.tracker, &counted);
	assert_int_equal(counted.quiet_tunnels, 2000 - rows_of_tunnels(&w));
	watch_free(&w);
}

/*
 * Who begins to watch a large gateway meets tunnels with SAs side by side, all at once: they look
 * like churn, and go on.
 */
static void sas_side_by_side_have_their_rows_however_many_there_are(void **state)
{
	(void)state;
	struct watch w;

	watch_init(&w);
	w.settings.history_strangers = 20;
	w.settings.tables_tunnels = w.settings.tables_child_sas = w.settings.tables_esp_sas = 4096;
	watch_start(&w);
	for (uint32_t seq = 1; seq <= 12; seq += 4)
		for (uint32_t sa = 0; sa < 4; sa++)
			for (uint32_t pair = 0; pair < 50; pair++)
				for (uint32_t k = 0; k < 4; k++) {
					esp_between(&w, GW_A, 0x30000000 + pair,
						    0xc0000000 + pair * 8 + sa, seq + k);
					esp_between(&w, 0x30000000 + pair, GW_A,
						    0xd0000000 + pair * 8 + sa, seq + k);
					pass(&w, MS / 100);
				}
	finish(&w);
	unsigned whole = 0;

	for (size_t i = 0; i < w.n_esp_sas; i++)	/* told again when it ends */
		whole += w.esp_sas[i].packets == 12 && w.esp_sas[i].end_reason == END_CAPTURE_END;
	assert_int_equal(whole, 400);
	watch_free(&w);
}

/*
 * Rows that were left out of a flood of 2000 strangers; one more comes up among them, or nothing
 * comes for so long.
 */
static int64_t left_out(bool one_comes_up, nsec *took)
{
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };
	int64_t n = 0;

	watch_open(&w);
	w.settings.history_strangers = 20;
	for (uint32_t i = 0; i < 2000; i++) {
		knock(&w, 0x20000000 + i, 0x1000 + i);
		if (i == 1000 && one_comes_up) {
			*took = w.now;
			set_up(&w, &s);
			talk(&w, &s, spi, 1, 10, 10 * MS);
			*took = w.now - *took;
		} else if (i == 1000) {
			pass(&w, *took);
		}
	}
	finish(&w);
	for (unsigned i = 0; i < w.count[EVENT_LEFT_OUT]; i++)
		n += seen(&w, EVENT_LEFT_OUT, i)->value[0];
	watch_free(&w);
	return n;
}

static void what_is_told_late_was_not_left_out(void **state)
{
	(void)state;
	nsec took;
	int64_t with = left_out(true, &took), without = left_out(false, &took);

	assert_int_equal(with, without);
}

static void who_comes_up_in_a_flood_of_strangers_has_all_its_rows(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	struct tracker_counters counted;
	const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

	watch_open(&w);
	w.settings.history_strangers = 20;
	for (uint32_t i = 0; i < 1000; i++)
		knock(&w, 0x20000000 + i, 0x1000 + i);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 10, 10 * MS);
	for (uint32_t i = 1000; i < 2000; i++)
		knock(&w, 0x20000000 + i, 0x1000 + i);
	dpd(&w, &s, 0);
	finish(&w);

	unsigned ike = 0, child = 0, esp = 0, exchanges = 0, tunnels = 0;

	for (size_t i = 0; i < w.n_ike_sas; i++)
		ike += w.ike_sas[i].spi_i == 0x11;
	for (size_t i = 0; i < w.n_child_sas; i++)
		child += w.child_sas[i].ike_spi_i == 0x11;
	for (size_t i = 0; i < w.n_esp_sas; i++)
		esp += w.esp_sas[i].spi == spi[0] || w.esp_sas[i].spi == spi[1];
	for (size_t i = 0; i < w.n_exchanges; i++)
		exchanges += w.exchanges[i].spi_i == 0x11;
	for (size_t i = 0; i < w.n_tunnels; i++)
		tunnels += w.tunnels[i].id != 0 && w.tunnels[i].state == TUNNEL_UP;
	tracker_counters(w.tracker, &counted);
	assert_int_equal(counted.quiet_tunnels, 2001 - rows_of_tunnels(&w));
	assert_int_equal(tunnels, 1);
	assert_int_equal(ike, 1);
	assert_int_equal(child, 1);
	assert_int_equal(esp, 2);
	/* IKE_SA_INIT, which was quiet at first, IKE_AUTH, the probe */
	assert_int_equal(exchanges, 3);
	watch_free(&w);
}

static void forged_beginnings_on_a_living_tunnel_leave_few_rows_and_its_own_all(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	unsigned probes = 0;

	watch_open(&w);
	w.settings.history_hints = 32;
	set_up(&w, &s);
	for (uint32_t i = 0; i < 1000; i++) {
		struct session forged = session_between(GW_A, GW_B, 0x1000 + i);

		say_init(&w, &forged, false);
		pass(&w, MS);
		if (i % 100 == 0)
			dpd(&w, &s, 0);
	}
	finish(&w);
	for (size_t i = 0; i < w.n_exchanges; i++)
		probes += w.exchanges[i].spi_i == 0x11 && w.exchanges[i].purpose == PURPOSE_DPD &&
			  w.exchanges[i].outcome == OUTCOME_ANSWERED;
	assert_int_equal(probes, 10);
	assert_in_range(rows_of_ike_sas(&w), 2, 40);
	assert_int_equal(w.count[EVENT_LEFT_OUT], 1);
	watch_free(&w);
}

static void garbage_on_living_spis_moves_nothing(void **state)
{
	(void)state;
	static const uint8_t types[] = {
		IKE2_EXCHANGE_IKE_AUTH, IKE2_EXCHANGE_CREATE_CHILD_SA, IKE2_EXCHANGE_INFORMATIONAL,
	};
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

	watch_open(&w);
	w.settings.history_hints = 32;
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 10, 10 * MS);
	for (uint32_t i = 0; i < 300; i++) {
		say(&w, &s, 0, false, types[i % 3], 100000 + i * 7919, NP_IDI, LEN_AUTH);
		pass(&w, MS);
		if (i % 100 == 50)
			dpd(&w, &s, 0);
		if (i == 175)
			rekey_child(&w, &s, 0);
	}
	for (int i = 0; i < 10; i++)
		dpd(&w, &s, 0);
	assert_false(tunnel_at(&w, 0)->one_sided[0] || tunnel_at(&w, 0)->one_sided[1]);
	finish(&w);

	unsigned answered = 0;

	for (size_t i = 0; i < w.n_exchanges; i++)
		answered += w.exchanges[i].spi_i == 0x11 &&
			    w.exchanges[i].outcome == OUTCOME_ANSWERED &&
			    w.exchanges[i].requests == 1 && w.exchanges[i].responses == 1;
	assert_int_equal(answered, 2 + 3 + 1 + 10);	/* all of the honest ones */
	assert_int_equal(w.count[EVENT_AUTH_REFUSED] + w.count[EVENT_CHILD_REFUSED], 0);
	assert_int_equal(w.ike_sas[0].end_reason, END_CAPTURE_END);
	watch_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_the_key_known_no_more_is_added_to_a_place_than_a_bound),
		cmocka_unit_test(strangers_leave_so_many_rows_and_one_event_for_the_rest),
		cmocka_unit_test(sas_side_by_side_have_their_rows_however_many_there_are),
		cmocka_unit_test(what_is_told_late_was_not_left_out),
		cmocka_unit_test(who_comes_up_in_a_flood_of_strangers_has_all_its_rows),
		cmocka_unit_test(
			forged_beginnings_on_a_living_tunnel_leave_few_rows_and_its_own_all),
		cmocka_unit_test(garbage_on_living_spis_moves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
