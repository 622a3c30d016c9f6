/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

static void a_rekey_links_old_and_new_and_tells_who_wanted_it_and_when(void **state)
{
	(void)state;
	for (int by = 0; by < 2; by++) {
		struct watch w;
		uint32_t old[2], new[2];

		watch_open(&w);
		struct session s = talking(&w, old);

		two(new, SECOND);
		nsec asked = w.now;

		rekey_child(&w, &s, by);
		talk(&w, &s, new, 1, 5, 10 * MS);
		delete_child(&w, &s, by);
		talk(&w, &s, new, 6, 100, 100 * MS);
		idle(&w, 40 * S);
		const struct child_sa *c = child_of(&w, new[0]), *o = child_of(&w, old[0]);

		assert_true(c && c == child_of(&w, new[1]) && o && o == child_of(&w, old[1]));
		assert_int_equal(c->more->predecessor_id, o->id);
		assert_int_equal(c->how, CREATED_CREATE_CHILD_SA);
		assert_int_equal(o->end_reason, END_REKEYED);
		assert_int_equal(o->more->rekeyed_by, by);
		assert_true(o->more->rekey_at == asked);
		assert_int_equal(w.count[EVENT_CHILD_SA_REKEYED], 1);
		assert_true(seen(&w, EVENT_CHILD_SA_REKEYED, 0)->value[0] == asked - o->created);
		for (int d = 0; d < 2; d++) {
			assert_int_equal(esp_more_at(&w, new[d])->predecessor,
					 esp_at(&w, old[d])->id);
			assert_int_equal(esp_at(&w, old[d])->rare->successor_spi, new[d]);
		}
		assert_int_equal(w.count[EVENT_ESP_SA_REPLACED], 2);
		watch_close(&w);
	}
}

static void a_chain_of_rekeys_has_no_branch_and_no_gap(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[2];

	watch_open(&w);
	struct session s = talking(&w, spi);

	for (uint32_t i = 1; i < 20; i++) {
		two(spi, FIRST + 16 * i);
		rekey_child(&w, &s, (int)(i % 2));
		talk(&w, &s, spi, 1, 3, 10 * MS);
		delete_child(&w, &s, (int)(i % 2));
		talk(&w, &s, spi, 4, 300, 100 * MS);
	}
	watch_finish(&w);
	assert_int_equal(w.n_child_sas, 20);
	for (size_t i = 1; i < 20; i++) {
		assert_int_equal(w.child_sas[i].predecessor, w.child_sas[i - 1].id);
		assert_int_equal(w.child_sas[i - 1].end_reason, END_REKEYED);
		assert_int_equal(w.child_sas[i - 1].rekeyed_by, i % 2);
	}
	watch_free(&w);
}

/* Labs show it: after a lost Delete the responder stays on the old SPI for ever. */
static void a_lost_delete_ends_the_old_sa_when_its_last_packet_is_long_ago(void **state)
{
	(void)state;
	struct watch w;
	uint32_t old[2], new[2];

	watch_open(&w);
	struct session s = talking(&w, old);

	two(new, SECOND);
	rekey_child(&w, &s, 0);
	nsec switched = w.now;

	talk(&w, &s, new, 1, 700, 100 * MS);
	idle(&w, 60 * S);
	const struct child_sa *o = child_of(&w, old[0]);

	assert_int_equal(o->end_reason, END_REKEYED);
	assert_int_equal(o->grade, GRADE_INFERRED);
	assert_true(o->more->ended <= switched);
	watch_close(&w);
}

static void with_several_child_sas_each_rekey_finds_the_one_that_fell_silent(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[3][2];

	watch_open(&w);
	struct session s = talking(&w, spi[0]);

	for (uint32_t k = 1; k < 3; k++) {
		two(spi[k], FIRST + 0x100 * k);
		exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
			      LEN_CHILD_OK);
		talk(&w, &s, spi[k], 1, 2, 10 * MS);
	}
	uint32_t seq[3] = { 101, 3, 3 };

	for (uint32_t round = 0; round < 9; round++) {
		uint32_t k = round % 3, old = spi[k][0];

		for (int i = 0; i < 400; i++)
			for (uint32_t c = 0; c < 3; c++)
				talk(&w, &s, spi[c], seq[c], seq[c], 33 * MS), seq[c]++;
		two(spi[k], SECOND + 0x1000 * (round + 1));
		rekey_child(&w, &s, (int)(round % 2));
		seq[k] = 1;
		talk(&w, &s, spi[k], 1, 2, 10 * MS), seq[k] = 3;
		delete_child(&w, &s, (int)(round % 2));
		for (int i = 0; i < 400; i++)
			for (uint32_t c = 0; c < 3; c++)
				talk(&w, &s, spi[c], seq[c], seq[c], 33 * MS), seq[c]++;
		assert_int_equal(esp_more_at(&w, spi[k][0])->predecessor_spi, old);
		assert_int_equal(child_of(&w, spi[k][0])->more->predecessor_spi[1], old + 1);
	}
	watch_close(&w);
}

/*
 * With several child SAs a rekey waits to be decided; whatever waits, the end of the IKE SA is not
 * the end of what was replaced.
 */
static void what_was_replaced_shortly_before_its_ike_sa_ends_was_rekeyed(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[2][2], new[2];

	watch_open(&w);
	struct session s = talking(&w, spi[0]);

	two(spi[1], FIRST + 0x100);
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	talk(&w, &s, spi[1], 1, 2, 10 * MS);
	for (uint32_t i = 0; i < 400; i++) {
		talk(&w, &s, spi[0], 101 + i, 101 + i, 33 * MS);
		talk(&w, &s, spi[1], 3 + i, 3 + i, 33 * MS);
	}
	two(new, SECOND);
	rekey_child(&w, &s, 0);
	talk(&w, &s, new, 1, 2, 10 * MS);
	nsec replaced = w.now;

	delete_child(&w, &s, 0);
	for (uint32_t i = 0; i < 100; i++) {
		talk(&w, &s, new, 3 + i, 3 + i, 33 * MS);
		talk(&w, &s, spi[1], 403 + i, 403 + i, 33 * MS);
	}
	nsec down = w.now;

	delete_ike(&w, &s, 1);
	idle(&w, 20 * S);
	const struct child_sa *old = child_of(&w, spi[0][0]), *c = child_of(&w, new[0]),
			      *other = child_of(&w, spi[1][0]);

	assert_int_equal(c->more->predecessor_id, old->id);
	assert_int_equal(old->end_reason, END_REKEYED);
	assert_true(old->more->ended >= replaced && old->more->ended < replaced + S);
	assert_int_equal(c->end_reason, END_DELETED);
	assert_int_equal(other->end_reason, END_DELETED);
	assert_true(other->more->ended >= down && c->more->ended >= down);
	watch_close(&w);
}

/*
 * Two child SAs, and only the second has traffic, a packet every 3 s.  Each is rekeyed in turn: the
 * first packet after both rekeys is the second's, for what it replaces was sent on after the
 * first's rekey.
 */
static void the_rekeys_of_a_child_sa_without_traffic_take_nothing_from_its_neighbour(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[2];

	watch_open(&w);
	struct session s = session_between(GW_A, GW_B, 0x11);

	set_up(&w, &s);
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	two(spi, FIRST);
	talk(&w, &s, spi, 1, 10, 3 * S);
	for (uint32_t round = 0; round < 4; round++) {
		uint32_t old = spi[0];

		rekey_child(&w, &s, 0);
		pass(&w, 2 * MS);
		delete_child(&w, &s, 0);
		pass(&w, S);
		talk(&w, &s, spi, 11, 11, 3 * S);
		nsec renewed = w.now;

		rekey_child(&w, &s, 0);
		pass(&w, 2 * MS);
		delete_child(&w, &s, 0);
		pass(&w, 2 * S);
		two(spi, SECOND + 0x100 * round);
		talk(&w, &s, spi, 1, 10, 3 * S);
		idle(&w, 20 * S);
		const struct child_sa *c = child_of(&w, spi[0]), *o = child_of(&w, old);

		assert_true(c == child_of(&w, spi[1]));
		assert_true(c->created >= renewed && c->created < renewed + S);
		assert_int_equal(c->more->predecessor_id, o->id);
		assert_int_equal(o->end_reason, END_REKEYED);
		assert_true(o->more->ended >= renewed && o->more->ended < renewed + S);
		assert_int_equal(esp_more_at(&w, spi[0])->predecessor_spi, old);
	}
	watch_close(&w);
}

/*
 * The lifetime of one end is over: it deletes, and the other asks for a new SA within a
 * millisecond.
 */
static void what_the_peer_deleted_before_a_new_one_was_asked_for_was_not_rekeyed(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[3][2];
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	main_mode(&w, &s);
	for (uint32_t k = 0; k < 3; k++) {
		nsec deleted = w.now;

		if (k > 0) {
			say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0x7000 + k,
				    LEN1_DELETE_CHILD, 0);
			pass(&w, MS);
		}
		quick_mode(&w, &s, 0, 0x100 + k);
		two(spi[k], FIRST + 0x10 * k);
		talk(&w, &s, spi[k], 1, 1000, 100 * MS);
		if (k == 0)
			continue;
		const struct child_sa *old = child_of(&w, spi[k - 1][0]);

		assert_int_equal(old->end_reason, END_DELETED);
		assert_int_equal(old->ended_by, 1);
		assert_true(old->more->ended == deleted);
		assert_int_equal(child_of(&w, spi[k][0])->more->predecessor_id, 0);
		assert_int_equal(esp_more_at(&w, spi[k][0])->predecessor_spi, spi[k - 1][0]);
	}
	assert_int_equal(w.count[EVENT_CHILD_SA_REKEYED], 0);
	watch_close(&w);
}

/* Both began in the same millisecond, and not in the same order both ways. */
static void pairs_made_by_order_are_put_right_by_their_numbers_of_packets(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	uint32_t a[2] = { FIRST, FIRST + 1 }, b[2] = { FIRST + 2, FIRST + 3 }, new[2];

	watch_open(&w);
	set_up(&w, &s);
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	esp_between(&w, GW_A, GW_B, a[0], 1);
	esp_between(&w, GW_A, GW_B, b[0], 1);
	esp_between(&w, GW_B, GW_A, b[1], 1);
	esp_between(&w, GW_B, GW_A, a[1], 1);
	for (uint32_t n = 2; n < 400; n++) {
		talk(&w, &s, a, n, n, 100 * MS);
		if (n % 2 == 0)
			talk(&w, &s, b, n / 2 + 1, n / 2 + 1, MS);
	}
	assert_ptr_not_equal(child_of(&w, a[0]), child_of(&w, a[1]));
	rekey_child(&w, &s, 0);
	delete_child(&w, &s, 0);
	two(new, SECOND);
	for (uint32_t n = 1; n < 400; n++) {
		talk(&w, &s, new, n, n, 100 * MS);
		if (n % 2 == 0)
			talk(&w, &s, b, 200 + n / 2, 200 + n / 2, MS);
	}
	idle(&w, 40 * S);
	assert_ptr_equal(child_of(&w, a[0]), child_of(&w, a[1]));
	assert_ptr_equal(child_of(&w, b[0]), child_of(&w, b[1]));
	assert_int_equal(child_of(&w, new[0])->more->predecessor_id, child_of(&w, a[0])->id);
	watch_close(&w);
}

/*
 * IKEv2, and the new one only seconds later: the Delete is older, and what fell silent at it was
 * meant.
 */
static void what_was_deleted_seconds_before_a_new_one_was_asked_for_was_not_rekeyed(void **state)
{
	(void)state;
	struct watch w;
	uint32_t old[2], new[2];

	watch_open(&w);
	struct session s = talking(&w, old);
	uint32_t other[2] = { FIRST + 4, FIRST + 5 };

	exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	for (uint32_t n = 0; n < 600; n++) {
		talk(&w, &s, old, 101 + n, 101 + n, 50 * MS);
		talk(&w, &s, other, 1 + n, 1 + n, 50 * MS);
	}
	nsec deleted = w.now;

	delete_child(&w, &s, 1);
	delete_child(&w, &s, 1);
	pass(&w, 6 * S);
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	two(new, SECOND);
	talk(&w, &s, new, 1, 600, 100 * MS);
	idle(&w, 40 * S);
	assert_int_equal(child_of(&w, new[0])->more->predecessor_id, 0);
	assert_int_equal(child_of(&w, old[0])->end_reason, END_DELETED);
	assert_int_equal(child_of(&w, other[0])->end_reason, END_DELETED);
	assert_int_equal(child_of(&w, other[0])->ended_by, 1);
	assert_true(child_of(&w, old[0])->more->ended == deleted);
	assert_int_equal(w.count[EVENT_CHILD_SA_REKEYED], 0);
	watch_close(&w);
}

/*
 * Both ends initiated: traffic goes to the child SA of the other IKE SA at the moment of a Delete
 * there.
 */
static void a_delete_is_for_no_child_sa_of_another_ike_sa(void **state)
{
	(void)state;
	struct watch w;
	uint32_t old[2], beside[2], new[2];

	watch_open(&w);
	struct session s = talking(&w, old), other = session_between(GW_B, GW_A, 0x22);

	two(beside, FIRST + 4);
	set_up(&w, &other);
	exchange_done(&w, &other, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	pass(&w, 100 * MS);
	delete_child(&w, &other, 0);
	talk(&w, &s, beside, 1, 400, 50 * MS);
	idle(&w, 40 * S);
	assert_int_equal(child_of(&w, old[0])->end_reason, END_NONE);
	rekey_child(&w, &s, 0);
	two(new, SECOND);
	talk(&w, &s, new, 1, 100, 50 * MS);
	nsec deleted = w.now;

	delete_child(&w, &s, 0);
	talk(&w, &s, new, 101, 600, 100 * MS);
	idle(&w, 40 * S);
	assert_int_equal(child_of(&w, old[0])->end_reason, END_REKEYED);
	assert_true(child_of(&w, old[0])->more->ended == deleted);
	assert_int_equal(child_of(&w, new[0])->more->predecessor_id, child_of(&w, old[0])->id);
	watch_close(&w);
}

/*
 * The tap lost the answer of the rekey; that the rekeyer deletes at once says that there was one.
 */
static void a_rekey_whose_answer_was_not_captured_is_known_by_its_delete(void **state)
{
	(void)state;
	for (int by = 0; by < 2; by++) {
		struct watch w;
		uint32_t old[2], new[2];

		watch_open(&w);
		struct session s = talking(&w, old);

		two(new, SECOND);
		nsec asked = w.now;

		ask(&w, &s, by, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_NOTIFY, LEN_CHILD);
		pass(&w, RTT);
		delete_child(&w, &s, by);
		talk(&w, &s, new, 1, 100, 100 * MS);
		idle(&w, 40 * S);
		const struct child_sa *c = child_of(&w, new[0]), *o = child_of(&w, old[0]);

		assert_true(c && c == child_of(&w, new[1]) && o);
		assert_int_equal(c->how, CREATED_CREATE_CHILD_SA);
		assert_int_equal(c->grade, GRADE_INFERRED);
		assert_int_equal(c->more->predecessor_id, o->id);
		assert_int_equal(o->end_reason, END_REKEYED);
		assert_int_equal(o->more->rekeyed_by, by);
		assert_true(o->more->rekey_at == asked);
		watch_close(&w);
	}
}

static void an_ike_rekey_whose_answer_was_not_captured_keeps_the_child_sas(void **state)
{
	(void)state;
	struct watch w;
	uint32_t old[2], new[2];

	watch_open(&w);
	struct session s = talking(&w, old), next = s;

	ask(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_IKE_REKEY);
	pass(&w, RTT);
	delete_ike(&w, &s, 0);
	talk(&w, &s, old, 101, 700, 100 * MS);
	next.spi_i = 0x33;
	next.spi_r = 0x44;
	next.next_id[0] = next.next_id[1] = 0;
	two(new, SECOND);
	rekey_child(&w, &next, 0);
	delete_child(&w, &next, 0);
	talk(&w, &next, new, 1, 100, 100 * MS);
	idle(&w, 40 * S);
	assert_int_equal(ike_at(&w, s.spi_i)->end_reason, END_REKEYED);
	assert_int_equal(ike_at(&w, 0x33)->origin, ORIGIN_REKEY);
	assert_int_equal(ike_at(&w, 0x33)->parent, ike_at(&w, s.spi_i)->id);
	assert_int_equal(child_of(&w, new[0])->more->predecessor_id, child_of(&w, old[0])->id);
	assert_int_equal(child_of(&w, old[0])->end_reason, END_REKEYED);
	watch_close(&w);
}

/* A refusal was not captured either: who goes on and deletes only much later did not get an SA. */
static void a_refused_rekey_whose_answer_was_not_captured_made_nothing(void **state)
{
	(void)state;
	struct watch w;
	uint32_t old[2];

	watch_open(&w);
	struct session s = talking(&w, old);

	ask(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_NOTIFY, LEN_CHILD);
	pass(&w, RTT);
	talk(&w, &s, old, 101, 700, 100 * MS);
	delete_child(&w, &s, 0);
	idle(&w, 40 * S);
	watch_finish(&w);
	assert_int_equal(w.n_child_sas, 1);
	assert_int_equal(w.child_sas[0].end_reason, END_DELETED);
	watch_free(&w);
}

/*
 * A busy one-way SPI goes on for half a minute after the Delete, an idle one of the same tunnel
 * does not.
 */
static void what_goes_on_long_after_the_delete_is_not_what_was_replaced(void **state)
{
	(void)state;
	struct watch w;
	uint32_t idle_pair[2], new[2];

	watch_open(&w);
	struct session s = talking(&w, idle_pair);
	const uint32_t one_way = 0xc0000055;

	exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	for (uint32_t seq = 1; seq <= 600; seq++) {
		esp_between(&w, GW_B, GW_A, one_way, seq);
		if (seq <= 200)
			talk(&w, &s, idle_pair, 100 + seq, 100 + seq, 0);
		pass(&w, 500 * MS);
	}
	rekey_child(&w, &s, 0);
	delete_child(&w, &s, 0);
	two(new, SECOND);
	for (uint32_t seq = 601; seq <= 720; seq++) {
		esp_between(&w, GW_B, GW_A, one_way, seq);
		if (seq > 650 && seq % 10 == 0) {
			esp_between(&w, GW_A, GW_B, new[0], (seq - 650) / 10);
			esp_between(&w, GW_B, GW_A, new[1], (seq - 650) / 10);
		}
		pass(&w, 500 * MS);
	}
	idle(&w, 10 * S);
	assert_int_equal(child_of(&w, one_way)->end_reason, END_NONE);
	assert_int_equal(w.count[EVENT_ESP_AFTER_END], 0);
	assert_int_equal(child_of(&w, idle_pair[0])->end_reason, END_REKEYED);
	assert_int_equal(child_of(&w, new[0])->more->predecessor_id,
			 child_of(&w, idle_pair[0])->id);
	watch_close(&w);
}

/* Replaced, but deleted only 300 s later; `silent`: with that the new one falls silent. */
static void deleted_late(bool silent)
{
	struct watch w;
	uint32_t old[2], new[2];

	watch_open(&w);
	struct session s = talking(&w, old);

	two(new, SECOND);
	rekey_child(&w, &s, 0);
	talk(&w, &s, new, 1, 3000, 100 * MS);
	nsec at = w.now;

	delete_child(&w, &s, 1);
	if (!silent)
		talk(&w, &s, new, 3001, 3600, 100 * MS);
	idle(&w, 60 * S);
	const struct child_sa *o = child_of(&w, old[0]), *c = child_of(&w, new[0]);

	assert_int_equal(o->end_reason, END_REKEYED);
	assert_int_equal(c->more->predecessor_id, o->id);
	if (silent) {
		assert_int_equal(c->end_reason, END_DELETED);
		assert_int_equal(c->ended_by, 1);
		assert_true(c->more->ended >= at && c->more->ended <= at + S);
		assert_true(o->more->ended < at);
	} else {
		assert_int_equal(c->end_reason, END_NONE);
		assert_true(o->more->ended >= at && o->more->ended <= at + S);
		assert_true(esp_at(&w, old[0])->rare->ended == o->more->ended);
	}
	watch_close(&w);
}

static void a_delete_minutes_after_a_rekey_is_for_what_was_replaced(void **state)
{
	(void)state;
	deleted_late(false);
}

static void unless_the_new_one_falls_silent_with_it(void **state)
{
	(void)state;
	deleted_late(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rekey_links_old_and_new_and_tells_who_wanted_it_and_when),
		cmocka_unit_test(a_chain_of_rekeys_has_no_branch_and_no_gap),
		cmocka_unit_test(a_lost_delete_ends_the_old_sa_when_its_last_packet_is_long_ago),
		cmocka_unit_test(a_delete_minutes_after_a_rekey_is_for_what_was_replaced),
		cmocka_unit_test(unless_the_new_one_falls_silent_with_it),
		cmocka_unit_test(with_several_child_sas_each_rekey_finds_the_one_that_fell_silent),
		cmocka_unit_test(what_was_replaced_shortly_before_its_ike_sa_ends_was_rekeyed),
		cmocka_unit_test(
			the_rekeys_of_a_child_sa_without_traffic_take_nothing_from_its_neighbour),
		cmocka_unit_test(
			what_the_peer_deleted_before_a_new_one_was_asked_for_was_not_rekeyed),
		cmocka_unit_test(pairs_made_by_order_are_put_right_by_their_numbers_of_packets),
		cmocka_unit_test(a_delete_is_for_no_child_sa_of_another_ike_sa),
		cmocka_unit_test(what_goes_on_long_after_the_delete_is_not_what_was_replaced),
		cmocka_unit_test(
			what_was_deleted_seconds_before_a_new_one_was_asked_for_was_not_rekeyed),
		cmocka_unit_test(a_rekey_whose_answer_was_not_captured_is_known_by_its_delete),
		cmocka_unit_test(an_ike_rekey_whose_answer_was_not_captured_keeps_the_child_sas),
		cmocka_unit_test(a_refused_rekey_whose_answer_was_not_captured_made_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
