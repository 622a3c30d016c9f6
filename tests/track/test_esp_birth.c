/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/check.h"
#include "track/talk.h"

enum { AT_ONCE = 32, OFTEN = 16, FORGED = 0xd0000000 };

/* A purse of AT_ONCE births, and tables that are never under pressure. */
static void begin(struct watch *w)
{
	watch_init(w);
	w->settings.history_births = AT_ONCE;
	w->settings.tables_tunnels = 4096;
	w->settings.tables_esp_sas = 16384;
	watch_start(w);
}

/*
 * Pairs of addresses that nobody saw before, three packets each way with SPIs of their own: whole
 * tunnels, forged.
 */
static void forge_tunnels(struct watch *w, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t seq = 1; seq <= 3; seq++) {
			esp_between(w, 0x30000000 + i, 0x38000000 + i, FORGED + 2 * i, seq);
			esp_between(w, 0x38000000 + i, 0x30000000 + i, FORGED + 2 * i + 1, seq);
		}
}

static void finish(struct watch *w)
{
	tracker_check(w->tracker);
	tracker_finish(w->tracker, true);
	watch_free(w);
}

static void spis_that_nothing_speaks_for_share_a_purse(void **state)
{
	(void)state;
	struct watch w;

	begin(&w);
	forge_tunnels(&w, 1000);
	assert_int_equal(w.tracker->esp_pool.used, AT_ONCE);
	assert_int_equal(w.tracker->tunnel_pool.used, AT_ONCE / 2);
	assert_int_equal(w.tracker->counters.strangers, 6000 - 3 * AT_ONCE);
	pass(&w, S);
	esp_between(&w, GW_A, GW_B, 0xc0000001, 1);	/* and is full again soon */
	assert_non_null(esp_at(&w, 0xc0000001));
	finish(&w);
}

/* The same, thrown at tunnels that are there: their SPIs change all the time. */
static void tunnels_without_ike_that_churn_pay_for_each_spi(void **state)
{
	(void)state;
	struct watch w;

	begin(&w);
	for (uint32_t i = 0; i < 500; i++)
		for (uint32_t seq = 1; seq <= 3; seq++)
			esp_between(&w, GW_A, 0x30000000 + i % 4, FORGED + i, seq);
	assert_int_equal(w.tracker->esp_pool.used, AT_ONCE);
	finish(&w);
}

static void an_spi_that_keeps_coming_is_tracked_though_the_purse_is_empty(void **state)
{
	(void)state;
	struct watch w;

	begin(&w);
	forge_tunnels(&w, 1000);
	for (uint32_t seq = 1; seq < OFTEN; seq++)
		esp_between(&w, GW_A, GW_B, 0xc0000001, seq);
	assert_null(esp_at(&w, 0xc0000001));
	esp_between(&w, GW_A, GW_B, 0xc0000001, OFTEN);
	assert_non_null(esp_at(&w, 0xc0000001));
	finish(&w);
}

/*
 * A flood leaves a packet or two in every word; who comes more often than the others in its own
 * gets there.
 */
static void an_spi_that_keeps_coming_is_tracked_among_a_hundred_thousand_others(void **state)
{
	(void)state;
	struct watch w;
	uint32_t forged = 0, seq = 0;

	begin(&w);
	forge_tunnels(&w, 100);
	while (seq < 2 * OFTEN && !esp_at(&w, 0xc0000001)) {
		for (uint32_t i = 0; i < 1500; i++, forged++)
			esp_between(&w, 0x40000000 + forged, GW_B, FORGED + forged, 1);
		esp_between(&w, GW_A, GW_B, 0xc0000001, ++seq);
	}
	assert_in_range(seq, OFTEN, 2 * OFTEN - 1);
	finish(&w);
}

/*
 * Somebody begins to watch a large gateway, all of whose SAs send in turn: three for each word in
 * which what came once is noted.
 */
static void all_sas_of_a_large_gateway_are_tracked_though_they_come_in_turn(void **state)
{
	(void)state;
	enum { PEERS = 6000, SAS = 8 * PEERS, ROUNDS = 16 };
	struct watch w;

	watch_init(&w);
	w.settings.tables_tunnels = 16384;
	w.settings.tables_child_sas = w.settings.tables_esp_sas = 65536;
	watch_start(&w);
	w.forgetful = true;
	for (uint32_t seq = 1000; seq < 1000 + ROUNDS; seq++) {
		for (uint32_t i = 0; i < SAS; i++) {
			uint32_t peer = 0x30000000 + i / 8;

			esp_between(&w, i % 2 ? GW_A : peer, i % 2 ? peer : GW_A, FORGED + i, seq);
		}
		pass(&w, S);
	}
	assert_in_range(w.tracker->esp_pool.used, SAS * 99 / 100, SAS);
	tracker_check(w.tracker);
	watch_free(&w);
}

static void what_an_exchange_made_pays_nothing(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const uint32_t first[2] = { 0xc0000001, 0xc0000002 },
	second[2] = { 0xc0000003, 0xc0000004 };

	begin(&w);
	forge_tunnels(&w, 100);
	set_up(&w, &s);
	talk(&w, &s, first, 1, 5, MS);
	rekey_child(&w, &s, 0);
	forge_tunnels(&w, 100);
	talk(&w, &s, second, 1, 5, MS);
	for (int d = 0; d < 2; d++) {
		assert_int_equal(esp_at(&w, first[d])->packets, 5);
		assert_int_equal(esp_at(&w, second[d])->packets, 5);
		assert_true(child_of(&w, second[d])->how == CREATED_CREATE_CHILD_SA);
	}
	finish(&w);
}

/*
 * Its exchange was not captured: where IKE is seen, an SPI after a whole lifetime is believed, one
 * at once is not.
 */
static void in_a_tunnel_with_ike_an_spi_after_a_lifetime_pays_nothing(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const uint32_t first[2] = { 0xc0000001, 0xc0000002 },
	second[2] = { 0xc0000003, 0xc0000004 };

	begin(&w);
	set_up(&w, &s);
	talk(&w, &s, first, 1, 130, S);
	forge_tunnels(&w, 100);
	talk(&w, &s, second, 1, 5, MS);
	assert_int_equal(esp_at(&w, second[0])->packets, 5);
	assert_int_equal(esp_at(&w, second[1])->packets, 5);
	forge_tunnels(&w, 100);
	esp_between(&w, GW_A, GW_B, 0xc0000005, 1);
	assert_null(esp_at(&w, 0xc0000005));
	finish(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spis_that_nothing_speaks_for_share_a_purse),
		cmocka_unit_test(tunnels_without_ike_that_churn_pay_for_each_spi),
		cmocka_unit_test(an_spi_that_keeps_coming_is_tracked_though_the_purse_is_empty),
		cmocka_unit_test(
			an_spi_that_keeps_coming_is_tracked_among_a_hundred_thousand_others),
		cmocka_unit_test(
			all_sas_of_a_large_gateway_are_tracked_though_they_come_in_turn),
		cmocka_unit_test(what_an_exchange_made_pays_nothing),
		cmocka_unit_test(in_a_tunnel_with_ike_an_spi_after_a_lifetime_pays_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
