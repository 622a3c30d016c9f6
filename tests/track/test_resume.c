/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

enum { SPI = 0xc0000001, SPI2 = 0xc0000002 };

static const uint32_t spi[2] = { SPI, SPI2 };

/* Packets go on meanwhile, but nobody sees them. */
static void unwatched(struct watch *w, nsec span)
{
	nsec from = w->now;

	w->now += span;
	tracker_unwatched(w->tracker, from, w->now);
	tracker_check(w->tracker);
}

static void packets_that_nobody_watched_are_not_lost(void **state)
{
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	(void)state;
	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 100, 10 * MS);
	unwatched(&w, 3600 * S);
	talk(&w, &s, spi, 360101, 360200, 10 * MS);	/* more than any network could lose at once */
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 0);
	assert_int_equal(esp_at(&w, SPI)->packets, 200);
	assert_int_equal(esp_at(&w, SPI)->seq_first, 1);
	assert_int_equal(esp_at(&w, SPI)->seq_high, 360200);
	assert_int_equal(w.count[EVENT_ESP_SEQ_JUMP] + w.count[EVENT_ESP_SEQ_RESET] + w.count[EVENT_ESP_GAP], 0);
	assert_int_equal(w.count[EVENT_ESP_SA_FIRST], 2);
	assert_int_equal(w.count[EVENT_UNWATCHED], 1);
	/* what is lost from then on is */
	esp_between(&w, GW_A, GW_B, SPI, 360211);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 10);
	watch_close(&w);
}

static void a_request_whose_answer_nobody_could_see_is_not_observable(void **state)
{
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	(void)state;
	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 10, 10 * MS);
	ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, 0, 80);
	unwatched(&w, 600 * S);
	assert_int_equal(ike_at(&w, 0x11)->current[0].outcome, OUTCOME_NOT_OBSERVABLE);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	idle(&w, 200 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);	/* nor is its peer lost */
	watch_close(&w);
}

static void a_tunnel_that_was_silent_while_nobody_watched_is_up_until_it_is_silent_again(void **state)
{
	struct watch w;

	(void)state;
	watch_open(&w);
	for (uint32_t seq = 100; seq < 110; seq++) {	/* ESP alone */
		esp_between(&w, GW_A, GW_B, SPI, seq);
		esp_between(&w, GW_B, GW_A, SPI2, seq);
		pass(&w, 10 * MS);
	}
	idle(&w, 11 * S);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UP);
	unwatched(&w, 3600 * S);
	idle(&w, 60 * S);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UP);
	idle(&w, w.settings.idle);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_DOWN);
	watch_close(&w);
}

static void what_was_replaced_while_nobody_watched_ended_then_and_nobody_knows_how(void **state)
{
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const uint32_t next[2] = { 0xc0000011, 0xc0000012 };
	nsec last;

	(void)state;
	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 100, 10 * MS);
	last = esp_at(&w, SPI2)->last;
	unwatched(&w, 3600 * S);
	talk(&w, &s, next, 5000, 5100, 10 * MS);
	idle(&w, 60 * S);
	assert_int_equal(esp_at(&w, SPI)->end_reason, END_UNKNOWN);
	assert_int_equal(child_of(&w, SPI)->end_reason, END_UNKNOWN);
	assert_int_equal(child_of(&w, SPI)->ended, last);
	assert_int_equal(w.count[EVENT_CHILD_SA_REKEYED] + w.count[EVENT_ESP_SA_REPLACED], 0);
	/* and should it speak after all, it never had */
	esp_between(&w, GW_A, GW_B, SPI, 101);
	assert_int_equal(esp_at(&w, SPI)->end_reason, END_NONE);
	assert_int_equal(child_of(&w, SPI)->end_reason, END_NONE);
	watch_close(&w);
}

static void a_minute_that_goes_on_after_nobody_watched_is_told_once(void **state)
{
	struct watch w;
	uint64_t told;

	(void)state;
	watch_open(&w);
	w.now = T0 - T0 % (60 * S) + 5 * S;
	for (uint32_t seq = 1; seq <= 10; seq++)
		esp_between(&w, GW_A, GW_B, SPI, seq);
	unwatched(&w, 10 * S);
	for (uint32_t seq = 21; seq <= 30; seq++)
		esp_between(&w, GW_A, GW_B, SPI, seq);
	assert_int_equal(w.count[EVENT_TRAFFIC], 0);
	pass(&w, 60 * S);
	esp_between(&w, GW_A, GW_B, SPI, 31);
	assert_int_equal(w.count[EVENT_TRAFFIC], 1);
	told = (uint64_t)seen(&w, EVENT_TRAFFIC, 0)->value[0];
	assert_int_equal(told, 20);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_that_nobody_watched_are_not_lost),
		cmocka_unit_test(a_request_whose_answer_nobody_could_see_is_not_observable),
		cmocka_unit_test(a_tunnel_that_was_silent_while_nobody_watched_is_up_until_it_is_silent_again),
		cmocka_unit_test(what_was_replaced_while_nobody_watched_ended_then_and_nobody_knows_how),
		cmocka_unit_test(a_minute_that_goes_on_after_nobody_watched_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
