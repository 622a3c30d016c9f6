/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

/* Two child SAs of one IKE SA, and a minute of traffic on both. */
static struct session two_side_by_side(struct watch *w, uint32_t first[2], uint32_t second[2])
{
	struct session s = talking(w, first);

	two(second, SECOND);
	exchange_done(w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	for (uint32_t seq = 1; seq <= 600; seq++) {
		talk(w, &s, first, 100 + seq, 100 + seq, 50 * MS);
		talk(w, &s, second, seq, seq, 50 * MS);
	}
	return s;
}

static void a_new_child_sa_beside_the_first_replaces_nothing(void **state)
{
	(void)state;
	struct watch w;
	uint32_t first[2], second[2];

	watch_open(&w);
	two_side_by_side(&w, first, second);
	idle(&w, 40 * S);
	assert_int_equal(child_of(&w, second[0])->more->predecessor_id, 0);
	assert_int_equal(child_of(&w, first[0])->end_reason, END_NONE);
	assert_true(child_of(&w, second[0]) == child_of(&w, second[1]));
	assert_int_equal(w.count[EVENT_CHILD_SA_REKEYED], 0);
	watch_close(&w);
}

static void crossing_deletes_are_told_and_end_the_sa_once(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[2];

	watch_open(&w);
	struct session s = talking(&w, spi);
	uint32_t a = ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD);

	pass(&w, MS);
	uint32_t b = ask(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD);

	pass(&w, RTT);
	answer(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, a, NP_DELETE, LEN_DPD);
	answer(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, b, NP_DELETE, LEN_DPD);
	idle(&w, 60 * S);
	assert_int_equal(w.count[EVENT_DELETE_COLLISION], 1);
	assert_int_equal(w.count[EVENT_CHILD_SA_ENDED], 1);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_DELETED);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	watch_close(&w);
}

/* Of two child SAs side by side both ends delete one at the same moment; both answers begin so. */
static uint64_t told_of_two(uint8_t answers)
{
	struct watch w;
	uint32_t first[2], second[2];

	watch_open(&w);
	struct session s = two_side_by_side(&w, first, second);

	uint32_t a = ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD);

	pass(&w, MS);
	uint32_t b = ask(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD);

	pass(&w, RTT);
	answer(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, a, answers, LEN_DPD);
	answer(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, b, answers, LEN_DPD);
	idle(&w, 60 * S);

	uint64_t told = w.count[EVENT_DELETE_COLLISION];

	watch_close(&w);
	return told;
}

/* RFC 7296 1.4.1: who deletes the same SA at that moment answers without its own half. */
static void deletes_at_the_same_moment_that_are_answered_with_deletes_are_of_two_sas(void **state)
{
	(void)state;
	assert_int_equal(told_of_two(NP_DELETE), 0);
	assert_int_equal(told_of_two(NP_NONE), 1);
}

/*
 * Both delete the only child SA, `apart`, and both answers are empty (RFC 7296 1.4.1); then one of
 * them goes on with it.
 */
static void deleted_by_both(nsec apart)
{
	struct watch w;
	uint32_t spi[2];

	watch_open(&w);
	struct session s = talking(&w, spi);
	nsec deleted = w.now;
	uint32_t a = ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD);

	if (apart > RTT) {
		pass(&w, RTT);
		answer(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, a, NP_NONE, LEN_DPD);
	}
	pass(&w, apart > RTT ? apart - RTT : apart);
	uint32_t b = ask(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD);

	pass(&w, RTT);
	if (apart <= RTT)
		answer(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, a, NP_NONE, LEN_DPD);
	answer(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, b, NP_NONE, LEN_DPD);
	for (uint32_t seq = 101; seq <= 150; seq++) {
		esp_between(&w, GW_A, GW_B, spi[0], seq);
		pass(&w, 500 * MS);
	}
	exchange_done(&w, &s, 1, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	two(spi, SECOND);
	talk(&w, &s, spi, 1, 100, 100 * MS);
	idle(&w, 60 * S);
	assert_int_equal(w.count[EVENT_DELETE_COLLISION], 1);
	assert_int_equal(child_of(&w, FIRST)->end_reason, END_DELETED);
	assert_in_range(child_of(&w, FIRST)->more->ended, deleted, deleted + apart);
	/* of fifty; the budget is ten seconds */
	assert_in_range(w.count[EVENT_ESP_AFTER_END], 25, 35);
	assert_int_equal(child_of(&w, SECOND)->end_reason, END_NONE);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	watch_close(&w);
}

static void what_both_ends_deleted_is_dead_for_who_goes_on_with_it(void **state)
{
	(void)state;
	deleted_by_both(MS / 10);
}

static void also_when_one_had_answered_before_it_asked_for_the_same(void **state)
{
	(void)state;
	deleted_by_both(900 * MS);
}

static void a_delete_after_long_silence_closed_an_idle_sa(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[2];

	watch_open(&w);
	struct session s = talking(&w, spi);

	idle(&w, 400 * S);
	delete_child(&w, &s, 1);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_IDLE);
	assert_int_equal(esp_at(&w, spi[1])->end_reason, END_IDLE);
	assert_int_equal(esp_at(&w, spi[1])->rare->ended_by, 1);
	watch_close(&w);
}

/* Which of two it was for is known only when one of them has been silent for a while. */
static void the_end_of_a_child_sa_is_shown_where_its_delete_came(void **state)
{
	(void)state;
	struct watch w;
	uint32_t first[2], second[2];

	watch_open(&w);
	struct session s = two_side_by_side(&w, first, second);

	uint64_t asked = w.frames + 1;

	exchange_done(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD, NP_DELETE,
		      LEN_DPD);
	for (int i = 0; i < 4; i++)	/* more than are remembered */
		exchange_done(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD, NP_NONE,
			      LEN_DPD);
	talk(&w, &s, second, 601, 1200, 100 * MS);
	assert_int_equal(w.count[EVENT_CHILD_SA_ENDED], 1);
	assert_int_equal(child_of(&w, first[0])->end_reason, END_DELETED);
	assert_int_equal(seen(&w, EVENT_CHILD_SA_ENDED, 0)->frame, asked);
	watch_close(&w);
}

static void where_nothing_but_traffic_speaks_nothing_lies_beside(void **state)
{
	(void)state;
	enum { THERE = 0xc0000101, BACK = 0xc0000102 };
	struct watch w;

	watch_open(&w);
	for (uint32_t seq = 1; seq <= 5; seq++) {
		esp_between(&w, GW_A, GW_B, THERE, seq);
		esp_between(&w, GW_B, GW_A, BACK, seq);
		pass(&w, S);
	}
	idle(&w, 60 * S);

	const struct child_sa *c = child_of(&w, THERE);

	assert_true(c && c == child_of(&w, BACK));
	assert_ptr_equal(c->more, &child_sa_nothing_more);
	assert_true(child_sa_requested(c) == c->created);
	assert_ptr_equal(tunnel_at(&w, 0)->more, &tunnel_nothing_more);
	assert_true(endpoint_equal(tunnel_now(tunnel_at(&w, 0), 0), tunnel_at(&w, 0)->peer[0]));
	watch_finish(&w);		/* that the capture ends says no more of them */
	assert_int_equal(c->end_reason, END_CAPTURE_END);
	assert_ptr_equal(c->more, &child_sa_nothing_more);
	assert_int_equal(w.tracker->rare_pool.used, 0);
	watch_free(&w);
}

static void an_esp_sa_has_a_place_for_what_is_rare_only_after_its_end(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[2];

	assert_in_range(sizeof(struct esp_sa) + sizeof(struct esp_sa_more), 1, 168);
	watch_open(&w);
	struct session s = talking(&w, spi);

	assert_int_equal(w.tracker->rare_pool.used, 0);
	assert_true(esp_at(&w, spi[0])->rare->ended == NSEC_NONE);
	delete_child(&w, &s, 1);
	assert_true(esp_at(&w, spi[0])->rare->ended != NSEC_NONE);
	assert_int_equal(w.tracker->rare_pool.used, 2);
	idle(&w, w.settings.ended_keep + 60 * S);
	assert_null(esp_at(&w, spi[0]));
	assert_int_equal(w.tracker->rare_pool.used, 0);
	watch_close(&w);
}

static void without_ike_two_spis_that_begin_together_are_a_pair(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	uint32_t spi[2], later[2];

	watch_open(&w);
	two(spi, FIRST);
	two(later, SECOND);
	talk(&w, &s, spi, 1, 600, 100 * MS);
	talk(&w, &s, later, 1, 600, 100 * MS);
	idle(&w, 60 * S);
	assert_true(child_of(&w, spi[0]) && child_of(&w, spi[0]) == child_of(&w, spi[1]));
	assert_int_equal(child_of(&w, later[0])->more->predecessor_id, child_of(&w, spi[0])->id);
	assert_int_equal(child_of(&w, later[0])->how, CREATED_UNKNOWN);
	assert_int_equal(child_of(&w, later[0])->created_by, SIDE_UNKNOWN);
	watch_close(&w);
}

static void an_sa_from_before_the_capture_has_no_age(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	uint32_t old[2], new[2];

	watch_open(&w);
	two(old, FIRST);
	two(new, SECOND);
	s.next_id[0] = 40;
	dpd(&w, &s, 0);
	talk(&w, &s, old, 70000, 70100, 100 * MS);
	assert_true(esp_at(&w, old[0])->flags & ESP_SA_MIDSTREAM);
	rekey_child(&w, &s, 0);
	talk(&w, &s, new, 1, 3, 10 * MS);
	delete_child(&w, &s, 0);
	talk(&w, &s, new, 4, 100, 100 * MS);
	idle(&w, 60 * S);
	assert_int_equal(w.count[EVENT_CHILD_SA_REKEYED], 1);
	assert_int_equal(seen(&w, EVENT_CHILD_SA_REKEYED, 0)->value[0], -1);
	assert_int_equal(esp_more_at(&w, new[0])->predecessor_spi, old[0]);
	watch_close(&w);
}

static void more_child_sas_than_a_tunnel_may_have_cost_the_oldest_ended_ones(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[2];

	watch_init(&w);
	w.settings.tables_child_sas = 4096;
	w.settings.tables_esp_sas = 8192;
	w.forgetful = true;
	watch_start(&w);
	struct session s = talking(&w, spi);

	for (uint32_t i = 1; i < 3000; i++) {
		uint32_t new[2];

		two(new, FIRST + 0x100 * i);
		exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
			      LEN_CHILD_OK);
		talk(&w, &s, new, 1, 1, MS);
	}
	tracker_check(w.tracker);
	assert_int_equal(tunnel_at(&w, 0)->live_child, 1024);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_child_sa_beside_the_first_replaces_nothing),
		cmocka_unit_test(crossing_deletes_are_told_and_end_the_sa_once),
		cmocka_unit_test(
		deletes_at_the_same_moment_that_are_answered_with_deletes_are_of_two_sas),
		cmocka_unit_test(what_both_ends_deleted_is_dead_for_who_goes_on_with_it),
		cmocka_unit_test(also_when_one_had_answered_before_it_asked_for_the_same),
		cmocka_unit_test(a_delete_after_long_silence_closed_an_idle_sa),
		cmocka_unit_test(the_end_of_a_child_sa_is_shown_where_its_delete_came),
		cmocka_unit_test(where_nothing_but_traffic_speaks_nothing_lies_beside),
		cmocka_unit_test(an_esp_sa_has_a_place_for_what_is_rare_only_after_its_end),
		cmocka_unit_test(without_ike_two_spis_that_begin_together_are_a_pair),
		cmocka_unit_test(an_sa_from_before_the_capture_has_no_age),
		cmocka_unit_test(more_child_sas_than_a_tunnel_may_have_cost_the_oldest_ended_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
