/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

static uint32_t spi[2];	/* of the first child SA */

static void a_rekey_makes_an_ike_sa_without_init_that_inherits_the_child_sas(void **state)
{
	(void)state;
	for (int by = 0; by < 2; by++) {
		struct watch w;

		watch_open(&w);
		struct session s = talking(&w, spi);
		nsec asked = w.now;
		struct session next = rekey_ike(&w, &s, by);

		pass(&w, RTT);
		delete_ike(&w, &s, by);
		talk(&w, &s, spi, 101, 200, 100 * MS);
		dpd(&w, &next, 0);
		idle(&w, 60 * S);
		const struct ike_sa *old = ike_at(&w, s.spi_i), *new = ike_at(&w, next.spi_i);

		assert_int_equal(new->origin, ORIGIN_REKEY);
		assert_int_equal(new->state, IKE_ESTABLISHED);
		assert_int_equal(new->parent, old->id);
		assert_int_equal(new->initiator_side, by);
		assert_int_equal(old->end_reason, END_REKEYED);
		assert_int_equal(old->ended_by, by);
		assert_int_equal(w.count[EVENT_IKE_SA_REKEYED], 1);
		assert_true(seen(&w, EVENT_IKE_SA_REKEYED, 0)->value[0] == asked - old->created);
		assert_int_equal(tunnel_at(&w, 0)->n_child_sas, 1);
		assert_int_equal(child_of(&w, spi[0])->end_reason, END_NONE);
		assert_true(tracker_ike_sa(w.tracker, child_of(&w, spi[0])->ike_sa) == new);
		assert_int_equal(w.count[EVENT_CHILD_SA_ENDED], 0);
		watch_finish(&w);
		assert_int_equal(w.n_child_sas, 1);
		assert_int_equal(w.exchanges[2].purpose, PURPOSE_REKEY_IKE);
		watch_free(&w);
	}
}

static void a_rekey_is_seen_although_its_delete_was_lost(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = talking(&w, spi);
	struct session next = rekey_ike(&w, &s, 0);

	talk(&w, &s, spi, 101, 200, 100 * MS);
	dpd(&w, &next, 1);
	idle(&w, 30 * S);
	dpd(&w, &next, 0);
	assert_int_equal(ike_at(&w, next.spi_i)->origin, ORIGIN_REKEY);
	assert_int_equal(ike_at(&w, next.spi_i)->parent, ike_at(&w, s.spi_i)->id);
	assert_int_equal(ike_at(&w, s.spi_i)->state, IKE_REKEYED);
	assert_int_equal(tunnel_at(&w, 0)->n_child_sas, 1);
	watch_close(&w);
}

/* While traffic flows nobody probes: the first word may be the next rekey of a child SA. */
static void a_successor_that_speaks_an_hour_later_is_known_as_one(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = talking(&w, spi);
	struct session next = rekey_ike(&w, &s, 0);

	pass(&w, RTT);
	delete_ike(&w, &s, 0);
	talk(&w, &s, spi, 101, 3700, S);
	dpd(&w, &next, 1);
	idle(&w, 10 * S);
	assert_int_equal(ike_at(&w, next.spi_i)->origin, ORIGIN_REKEY);
	assert_int_equal(ike_at(&w, next.spi_i)->parent, ike_at(&w, s.spi_i)->id);
	assert_true(tracker_ike_sa(w.tracker, child_of(&w, spi[0])->ike_sa) ==
		    ike_at(&w, next.spi_i));
	watch_close(&w);
}

/*
 * RFC 7296 2.8.2: both ends rekey at once, and who made the one with the lowest nonce deletes it
 * before anything else is said.
 */
static void of_two_crossing_ike_rekeys_the_one_that_is_deleted_first_of_all_was_redundant(
	void **state)
{
	(void)state;
	for (int loser = 0; loser < 2; loser++) {
		struct watch w;
		uint32_t id[2];

		watch_open(&w);
		struct session s = talking(&w, spi), next[2] = { s, s };

		for (int by = 0; by < 2; by++) {
			id[by] = ask(&w, &s, by, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA,
				     LEN_IKE_REKEY);
			next[by].peer[0] = s.peer[by];
			next[by].peer[1] = s.peer[1 - by];
			next[by].spi_i = s.spi_i * 31 + (uint64_t)by + 1;
			next[by].spi_r = s.spi_r * 31 + (uint64_t)by + 1;
			next[by].next_id[0] = next[by].next_id[1] = 0;
		}
		pass(&w, RTT);
		for (int by = 0; by < 2; by++)
			answer(&w, &s, by, IKE2_EXCHANGE_CREATE_CHILD_SA, id[by], NP_SA,
			       LEN_IKE_REKEY);
		pass(&w, RTT);
		delete_ike(&w, &next[loser], 0);
		nsec deleted = w.now;

		delete_ike(&w, &s, 1 - loser);
		talk(&w, &s, spi, 101, 200, 100 * MS);
		dpd(&w, &next[1 - loser], 0);
		idle(&w, 60 * S);
		const struct ike_sa *gone = ike_at(&w, next[loser].spi_i),
				    *lives = ike_at(&w, next[1 - loser].spi_i);

		assert_int_equal(gone->end_reason, END_SUPERSEDED);
		assert_int_equal(gone->ended_by, loser);
		assert_true(gone->ended <= deleted);
		assert_int_equal(lives->end_reason, END_NONE);
		assert_int_equal(lives->parent, ike_at(&w, s.spi_i)->id);
		assert_int_equal(ike_at(&w, s.spi_i)->end_reason, END_REKEYED);
		assert_int_equal(child_of(&w, spi[0])->end_reason, END_NONE);
		assert_true(tracker_ike_sa(w.tracker, child_of(&w, spi[0])->ike_sa) == lives);
		assert_int_equal(w.count[EVENT_REKEY_COLLISION], 1);
		/*
		 * each was made by the request of its own side, and neither exchange made a child
		 * SA
		 */
		assert_true(gone->created == ike_at(&w, s.spi_i)->rekey[loser].at);
		assert_true(lives->created == ike_at(&w, s.spi_i)->rekey[1 - loser].at);
		idle(&w, 120 * S);
		assert_int_equal(w.tracker->tunnels[0].n_child_sas, 1);
		watch_close(&w);
	}
}

static void a_full_table_forgets_half_open_ike_sas_first(void **state)
{
	(void)state;
	struct watch w;
	struct session s[8];

	watch_init(&w);
	w.settings.tables_ike_sas = 32;
	w.settings.tables_tunnels = 1000;
	watch_start(&w);
	for (uint32_t i = 0; i < 8; i++) {
		s[i] = session_between(GW_A, 0x0a000001 + i, 0x1000 + i);
		set_up(&w, &s[i]);
	}
	for (uint32_t i = 0; i < 500; i++) {
		struct session half = session_between(0x0b000000 + i, GW_B, 0x5000 + i);

		say_init(&w, &half, false);
		pass(&w, MS);
	}
	for (uint32_t i = 0; i < 8; i++)
		assert_non_null(ike_at(&w, 0x1000 + i));
	struct tracker_counters c;

	tracker_counters(w.tracker, &c);
	assert_int_equal(c.evicted_ike_sas, 508 - 32);
	tracker_check(w.tracker);
	watch_close(&w);
}

/* One tunnel that never ends what it began: no larger table would help. */
static void what_makes_room_within_its_tunnel_is_no_sign_of_a_full_table(void **state)
{
	(void)state;
	struct watch w;
	struct tracker_counters c;

	watch_open(&w);
	for (uint32_t i = 0; i < 180; i++) {
		struct session s = session_between(GW_A, GW_B, 0x1000 + i);

		set_up(&w, &s);
		pass(&w, 10 * S);
	}
	tracker_counters(w.tracker, &c);
	assert_int_equal(c.evicted_ike_sas, 0);
	assert_int_equal(c.crowded_ike_sas, 180 - 128);
	tracker_check(w.tracker);
	watch_close(&w);
}

/* The initiator's SPI is chosen by a stranger: another may choose the same. */
static void the_same_initiator_spi_in_two_tunnels_is_two_ike_sas(void **state)
{
	(void)state;
	struct watch w;
	struct session a = session_between(GW_A, GW_B, 0x11), b = session_between(GW_A, GW_C, 0x11);

	b.spi_r = 0x987;
	watch_open(&w);
	say_init(&w, &a, false);
	pass(&w, S);			/* at once it would be a NAT's twin */
	say_init(&w, &b, false);
	pass(&w, RTT);
	say_init(&w, &b, true);
	say_init(&w, &a, true);
	pass(&w, RTT);
	a.next_id[0] = b.next_id[0] = 1;
	exchange_done(&w, &a, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_IDR, LEN_AUTH_OK);
	exchange_done(&w, &b, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_IDR, LEN_AUTH_OK);
	watch_finish(&w);
	assert_int_equal(w.n_ike_sas, 2);
	assert_int_equal(w.n_exchanges, 4);
	assert_int_not_equal(w.ike_sas[0].tunnel, w.ike_sas[1].tunnel);
	assert_int_equal(w.ike_sas[0].state, IKE_ESTABLISHED);
	assert_int_equal(w.ike_sas[1].state, IKE_ESTABLISHED);
	watch_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rekey_makes_an_ike_sa_without_init_that_inherits_the_child_sas),
		cmocka_unit_test(a_rekey_is_seen_although_its_delete_was_lost),
		cmocka_unit_test(a_successor_that_speaks_an_hour_later_is_known_as_one),
		cmocka_unit_test(
		of_two_crossing_ike_rekeys_the_one_that_is_deleted_first_of_all_was_redundant),
		cmocka_unit_test(a_full_table_forgets_half_open_ike_sas_first),
		cmocka_unit_test(what_makes_room_within_its_tunnel_is_no_sign_of_a_full_table),
		cmocka_unit_test(the_same_initiator_spi_in_two_tunnels_is_two_ike_sas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
