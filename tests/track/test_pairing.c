/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

enum { OTHER = 0xc0000021, STRAY = 0xdead0001 };

static void stray(struct watch *w, uint32_t n, uint32_t seq)
{
	esp_between(w, GW_A, GW_B, STRAY + n, seq);
	pass(w, 2 * S);
}

static unsigned children(const struct watch *w)
{
	return tunnel_at(w, 0)->n_child_sas;
}

static void single_packets_with_any_spi_make_no_child_sa(void **state)
{
	(void)state;
	static const uint32_t numbers[] = { 1, 2, 0x80000000, 0xffffffff, 77 };
	struct watch w;
	uint32_t spi[2];

	watch_open(&w);
	struct session s = talking(&w, spi);

	for (uint32_t i = 0; i < 5; i++) {
		stray(&w, i, numbers[i]);
		talk(&w, &s, spi, 101 + 10 * i, 110 + 10 * i, 100 * MS);
	}
	idle(&w, 60 * S);
	assert_int_equal(children(&w), 1);
	assert_int_equal(w.count[EVENT_ESP_SA_REPLACED], 0);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(esp_at(&w, STRAY + i)->child, NO_INDEX);
	assert_int_equal(esp_at(&w, spi[0])->end_reason, END_NONE);
	watch_close(&w);
}

static void a_stray_keeps_no_tunnel_up(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[2];

	watch_open(&w);
	struct session s = talking(&w, spi);

	delete_ike(&w, &s, 0);
	idle(&w, 10 * S);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_DOWN);
	esp_between(&w, GW_A, GW_B, STRAY, 1);
	esp_between(&w, GW_B, GW_A, STRAY, 1);
	idle(&w, 10 * S);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_DOWN);
	watch_close(&w);
}

/* A forged packet right after the answer to a rekey, before the first one of the new SA. */
static void a_stray_gives_the_place_of_a_rekeys_spi_to_the_sa_that_goes_on(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[2], new[2] = { SECOND, SECOND + 1 };

	watch_open(&w);
	struct session s = talking(&w, spi);

	rekey_child(&w, &s, 0);
	pass(&w, MS);
	esp_between(&w, GW_A, GW_B, STRAY, 1);
	esp_between(&w, GW_B, GW_A, STRAY + 1, 3);
	pass(&w, MS);
	delete_child(&w, &s, 0);
	talk(&w, &s, new, 1, 200, 100 * MS);
	idle(&w, 60 * S);
	assert_int_equal(children(&w), 2);
	assert_true(child_of(&w, new[0]) == child_of(&w, new[1]));
	assert_int_equal(child_of(&w, new[0])->how, CREATED_CREATE_CHILD_SA);
	assert_int_equal(child_of(&w, new[0])->more->predecessor_id, child_of(&w, spi[0])->id);
	for (int d = 0; d < 2; d++) {
		assert_int_equal(esp_more_at(&w, new[d])->predecessor_spi, spi[d]);
		assert_int_equal(esp_at(&w, spi[d])->rare->successor_spi, new[d]);
		assert_int_equal(esp_at(&w, spi[d])->rare->successor, esp_at(&w, new[d])->id);
		assert_int_equal(esp_at(&w, STRAY + (uint32_t)d)->child, NO_INDEX);
		assert_int_equal(esp_more_at(&w, STRAY + (uint32_t)d)->predecessor, 0);
	}
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_REKEYED);
	watch_close(&w);
}

/*
 * The exchange of a second child SA was not captured, and its packets come faster than those of the
 * first.
 */
static void an_sa_that_passed_for_a_stray_gets_its_place_back_when_it_goes_on(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[2], new[2] = { SECOND, SECOND + 1 };

	watch_open(&w);
	struct session s = talking(&w, spi);

	rekey_child(&w, &s, 0);
	pass(&w, MS);
	for (int d = 0; d < 2; d++)
		esp_between(&w, d == 0 ? GW_A : GW_B, d == 0 ? GW_B : GW_A, new[d], 1);
	for (uint32_t seq = 1; seq <= 4; seq++) {
		pass(&w, 10 * MS);
		esp_between(&w, GW_A, GW_B, OTHER, seq);
		esp_between(&w, GW_B, GW_A, OTHER + 1, seq);
	}
	delete_child(&w, &s, 0);
	talk(&w, &s, new, 2, 100, 100 * MS);
	idle(&w, 5 * S);
	for (int d = 0; d < 2; d++) {
		assert_int_equal(child_of(&w, new[d])->how, CREATED_CREATE_CHILD_SA);
		assert_int_equal(esp_more_at(&w, new[d])->predecessor_spi, spi[d]);
		assert_int_equal(esp_at(&w, spi[d])->rare->successor_spi, new[d]);
		assert_int_equal(child_of(&w, OTHER + (uint32_t)d)->how, CREATED_UNKNOWN);
		assert_int_equal(esp_more_at(&w, OTHER + (uint32_t)d)->predecessor, 0);
	}
	assert_true(child_of(&w, new[0]) == child_of(&w, new[1]));
	assert_true(child_of(&w, OTHER) == child_of(&w, OTHER + 1));
	watch_close(&w);
}

static void the_only_packet_after_a_rekey_is_its_sa(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[2], new[2] = { SECOND, SECOND + 1 };

	watch_open(&w);
	struct session s = talking(&w, spi);

	rekey_child(&w, &s, 0);
	talk(&w, &s, new, 1, 1, 100 * MS);
	delete_child(&w, &s, 0);
	idle(&w, 60 * S);
	assert_int_equal(child_of(&w, new[0])->how, CREATED_CREATE_CHILD_SA);
	assert_true(child_of(&w, new[0]) == child_of(&w, new[1]));
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_REKEYED);
	watch_close(&w);
}

/*
 * RFC 6023: IKE_AUTH without a child SA looks like one with it, and the one that is made on demand
 * seconds later speaks at once.
 */
static void the_first_packet_belongs_to_the_child_sa_that_was_made_for_it(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[2] = { FIRST, FIRST + 1 }, second[2] = { OTHER, OTHER + 1 };

	watch_open(&w);
	struct session s = session_between(GW_A, GW_B, 0x11);

	set_up(&w, &s);
	pass(&w, 5 * S);
	nsec asked = w.now;

	exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	talk(&w, &s, spi, 1, 50, 100 * MS);
	assert_int_equal(child_of(&w, spi[0])->how, CREATED_CREATE_CHILD_SA);
	assert_true(child_of(&w, spi[0]) == child_of(&w, spi[1]));
	assert_true(child_of(&w, spi[0])->created >= asked);
	rekey_child(&w, &s, 0);
	talk(&w, &s, second, 1, 2, 10 * MS);
	delete_child(&w, &s, 0);
	talk(&w, &s, second, 3, 50, 100 * MS);
	idle(&w, 60 * S);
	assert_true(child_of(&w, second[0]) == child_of(&w, second[1]));
	assert_int_equal(child_of(&w, second[0])->more->predecessor_spi[0], spi[0]);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_REKEYED);
	watch_close(&w);
}

/*
 * Set up in the same second, each with a child SA: which of them the SPIs are of is a guess, and
 * what they follow later.
 */
static void of_two_ike_sas_that_are_set_up_at_once_the_pair_is_of_either(void **state)
{
	(void)state;
	for (int n = 1; n <= 2; n++) {
		struct watch w;
		uint32_t spi[2] = { FIRST, FIRST + 1 }, second[2] = { OTHER, OTHER + 1 };
		struct session s = session_between(GW_A, GW_B, 0x11),
			       beside = session_between(GW_A, GW_B, 0x22);

		watch_open(&w);
		set_up(&w, &s);
		if (n == 2)
			set_up(&w, &beside);
		talk(&w, &s, spi, 1, 50, 100 * MS);
		assert_int_equal(child_of(&w, spi[0])->grade,
				 n == 1 ? GRADE_DERIVED : GRADE_INFERRED);
		rekey_child(&w, &s, 0);
		delete_child(&w, &s, 0);
		talk(&w, &s, second, 1, 50, 100 * MS);
		idle(&w, 60 * S);
		assert_int_equal(child_of(&w, second[0])->grade,
				 n == 1 ? GRADE_DERIVED : GRADE_INFERRED);
		watch_close(&w);
	}
}

static void without_ike_a_new_pair_is_known_by_its_second_packets(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	uint32_t spi[2] = { FIRST, FIRST + 1 }, new[2] = { SECOND, SECOND + 1 };

	watch_open(&w);
	talk(&w, &s, spi, 1, 100, 100 * MS);
	talk(&w, &s, new, 1, 1, 100 * MS);
	assert_int_equal(children(&w), 1);
	talk(&w, &s, new, 2, 200, 100 * MS);
	idle(&w, 60 * S);
	assert_int_equal(children(&w), 2);
	assert_true(child_of(&w, new[0]) == child_of(&w, new[1]));
	assert_int_equal(child_of(&w, new[0])->created, esp_at(&w, new[0])->first);
	assert_int_equal(esp_more_at(&w, new[0])->predecessor_spi, spi[0]);
	watch_close(&w);
}

/*
 * Two child SAs, one of them idle when it is rekeyed.  Neither the old nor the new one speaks for
 * minutes: only the Delete right after the rekey tells which was replaced, as the other goes on.
 */
static void the_delete_after_a_rekey_ends_the_idle_one_of_two_as_rekeyed(void **state)
{
	(void)state;
	struct watch w;
	uint32_t idle_one[2], busy[2], new[2];

	watch_open(&w);
	struct session s = talking(&w, idle_one);

	two(busy, SECOND);
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	for (uint32_t i = 1; i <= 1000; i++) {
		talk(&w, &s, idle_one, 100 + i, 100 + i, 50 * MS);
		talk(&w, &s, busy, i, i, 50 * MS);
	}
	talk(&w, &s, busy, 1001, 6000, 100 * MS);
	rekey_child(&w, &s, 0);
	pass(&w, 50 * MS);
	delete_child(&w, &s, 0);
	talk(&w, &s, busy, 6001, 8000, 100 * MS);
	two(new, SECOND + 16);
	for (uint32_t i = 1; i <= 50; i++) {
		talk(&w, &s, new, i, i, 50 * MS);
		talk(&w, &s, busy, 8000 + i, 8000 + i, 50 * MS);
	}
	watch_finish(&w);
	assert_int_equal(w.n_child_sas, 3);
	assert_int_equal(w.child_sas[0].end_reason, END_REKEYED);
	assert_int_equal(w.child_sas[0].rekeyed_by, 0);
	assert_int_equal(w.child_sas[1].end_reason, END_CAPTURE_END);
	assert_int_equal(w.child_sas[2].predecessor, w.child_sas[0].id);
	watch_free(&w);
}

/* ESP of one way is dropped before the sensor while the SA is rekeyed, and comes again later. */
static void a_way_that_opens_again_long_after_a_rekey_is_of_the_new_child_sa(void **state)
{
	(void)state;
	struct watch w;
	uint32_t old[2], new[2];

	watch_open(&w);
	struct session s = talking(&w, old);

	two(new, OTHER);
	for (uint32_t seq = 101; seq <= 150; seq++) {
		esp_between(&w, GW_A, GW_B, old[0], seq);
		pass(&w, S);
	}
	rekey_child(&w, &s, 0);
	delete_child(&w, &s, 0);
	for (uint32_t seq = 1; seq <= 200; seq++) {
		esp_between(&w, GW_A, GW_B, new[0], seq);
		pass(&w, S);
	}
	talk(&w, &s, new, 201, 230, S);
	idle(&w, 40 * S);
	assert_int_equal(children(&w), 2);
	assert_ptr_equal(child_of(&w, new[0]), child_of(&w, new[1]));
	assert_int_equal(child_of(&w, new[1])->how, CREATED_CREATE_CHILD_SA);
	assert_int_equal(child_of(&w, old[0])->end_reason, END_REKEYED);
	watch_close(&w);
}

static void so_is_one_that_opens_both_ways(void **state)
{
	(void)state;
	struct watch w;
	uint32_t old[2], new[2];

	watch_open(&w);
	struct session s = talking(&w, old);

	two(new, OTHER);
	idle(&w, 100 * S);
	rekey_child(&w, &s, 0);
	delete_child(&w, &s, 0);
	idle(&w, 100 * S);
	talk(&w, &s, new, 201, 230, S);
	idle(&w, 40 * S);
	assert_int_equal(children(&w), 2);
	assert_ptr_equal(child_of(&w, new[0]), child_of(&w, new[1]));
	assert_int_equal(child_of(&w, new[1])->how, CREATED_CREATE_CHILD_SA);
	watch_close(&w);
}

/* Its rekey was missed while nothing was captured, and a child SA without traffic waits. */
static void but_not_while_another_child_sa_may_be_meant(void **state)
{
	(void)state;
	struct watch w;
	uint32_t old[2], new[2];

	watch_open(&w);
	struct session s = talking(&w, old);

	two(new, OTHER);
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	idle(&w, 100 * S);
	talk(&w, &s, new, 201, 230, S);
	assert_ptr_equal(child_of(&w, new[0]), child_of(&w, new[1]));
	assert_int_equal(child_of(&w, new[1])->how, CREATED_UNKNOWN);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_packets_with_any_spi_make_no_child_sa),
		cmocka_unit_test(a_stray_keeps_no_tunnel_up),
		cmocka_unit_test(a_stray_gives_the_place_of_a_rekeys_spi_to_the_sa_that_goes_on),
		cmocka_unit_test(an_sa_that_passed_for_a_stray_gets_its_place_back_when_it_goes_on),
		cmocka_unit_test(the_only_packet_after_a_rekey_is_its_sa),
		cmocka_unit_test(the_first_packet_belongs_to_the_child_sa_that_was_made_for_it),
		cmocka_unit_test(of_two_ike_sas_that_are_set_up_at_once_the_pair_is_of_either),
		cmocka_unit_test(
			a_way_that_opens_again_long_after_a_rekey_is_of_the_new_child_sa),
		cmocka_unit_test(so_is_one_that_opens_both_ways),
		cmocka_unit_test(but_not_while_another_child_sa_may_be_meant),
		cmocka_unit_test(without_ike_a_new_pair_is_known_by_its_second_packets),
		cmocka_unit_test(the_delete_after_a_rekey_ends_the_idle_one_of_two_as_rekeyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
