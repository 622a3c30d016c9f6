/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both ends rekey, or delete, at the same moment (RFC 7296 2.8.1). */
#include "track/talk.h"

static void of_two_crossing_rekeys_one_sa_is_redundant_and_the_other_goes_on(void **state)
{
	(void)state;
	struct watch w;
	uint32_t old[2], new[2];

	watch_open(&w);
	struct session s = talking(&w, old);
	uint32_t a = ask(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_NOTIFY, LEN_CHILD);

	pass(&w, MS);
	uint32_t b = ask(&w, &s, 1, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_NOTIFY, LEN_CHILD);

	pass(&w, RTT);
	answer(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, a, NP_SA, LEN_CHILD_OK);
	answer(&w, &s, 1, IKE2_EXCHANGE_CREATE_CHILD_SA, b, NP_SA, LEN_CHILD_OK);
	two(new, SECOND);
	talk(&w, &s, new, 1, 10, 10 * MS);
	delete_child(&w, &s, 0);	/* the old one */
	delete_child(&w, &s, 1);	/* the redundant one */
	talk(&w, &s, new, 11, 400, 100 * MS);
	idle(&w, 40 * S);
	assert_int_equal(w.count[EVENT_REKEY_COLLISION], 1);
	assert_int_equal(child_of(&w, new[0])->end_reason, END_NONE);
	assert_int_equal(child_of(&w, new[0])->more->predecessor_id, child_of(&w, old[0])->id);
	assert_int_equal(child_of(&w, old[0])->end_reason, END_REKEYED);
	watch_finish(&w);
	unsigned redundant = 0;

	for (size_t i = 0; i < w.n_child_sas; i++)
		redundant += w.child_sas[i].spis[0] == 0 && w.child_sas[i].spis[1] == 0 &&
			     w.child_sas[i].end_reason == END_DELETED;
	assert_int_equal(redundant, 1);
	assert_int_equal(w.n_child_sas, 3);
	watch_free(&w);
}

/* Both rekey at the same moment, and their requests cross. */
static void crossing_rekeys(struct watch *w, struct session *s)
{
	uint32_t a = ask(w, s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_NOTIFY, LEN_CHILD);

	pass(w, MS);
	uint32_t b = ask(w, s, 1, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_NOTIFY, LEN_CHILD);

	pass(w, RTT);
	answer(w, s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, a, NP_SA, LEN_CHILD_OK);
	answer(w, s, 1, IKE2_EXCHANGE_CREATE_CHILD_SA, b, NP_SA, LEN_CHILD_OK);
}

/* Deletes of both that cross are answered empty (RFC 7296 1.4.1). */
static void crossing_deletes(struct watch *w, struct session *s)
{
	uint32_t a = ask(w, s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD);

	pass(w, MS);
	uint32_t b = ask(w, s, 1, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD);

	pass(w, RTT);
	answer(w, s, 0, IKE2_EXCHANGE_INFORMATIONAL, a, NP_NONE, LEN_DPD);
	answer(w, s, 1, IKE2_EXCHANGE_INFORMATIONAL, b, NP_NONE, LEN_DPD);
}

static void two_sas_rekeyed_at_the_same_moment_by_different_sides_are_no_collision(void **state)
{
	(void)state;
	struct watch w;
	uint32_t old[2][2], new[2][2];

	watch_open(&w);
	struct session s = talking(&w, old[0]);

	exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	two(old[1], SECOND);
	two(new[0], SECOND + 0x10);
	two(new[1], SECOND + 0x20);
	for (uint32_t n = 1; n < 1000; n++)
		for (int k = 0; k < 2; k++)
			talk(&w, &s, old[k], n + (k == 0 ? 1000 : 0), n + (k == 0 ? 1000 : 0),
			     50 * MS);
	crossing_rekeys(&w, &s);
	for (uint32_t n = 1; n < 500; n++) {
		for (int k = 0; k < 2; k++)
			talk(&w, &s, new[k], n, n, 50 * MS);
		if (n == 2)
			delete_child(&w, &s, 0);
		if (n == 3)
			delete_child(&w, &s, 1);
	}
	assert_int_equal(w.count[EVENT_REKEY_COLLISION], 0);
	for (int k = 0; k < 2; k++) {
		const struct child_sa *c = child_of(&w, new[k][0]);

		assert_true(c && c == child_of(&w, new[k][1]));
		assert_int_equal(c->how, CREATED_CREATE_CHILD_SA);
		assert_int_equal(c->end_reason, END_NONE);
		assert_true(c->more->predecessor_id != 0);
		assert_int_equal(child_of(&w, old[k][0])->end_reason, END_REKEYED);
	}
	assert_true(child_of(&w, new[0][0])->created_by != child_of(&w, new[1][0])->created_by);
	watch_close(&w);
}

/* The third main story, while nobody has anything to send. */
static void crossing_deletes_after_crossing_rekeys_leave_the_ike_sa_alone(void **state)
{
	(void)state;
	struct watch w;
	uint32_t old[2];

	watch_open(&w);
	struct session s = talking(&w, old);

	for (unsigned n = 1; n <= 3; n++) {
		idle(&w, 3600 * S);
		crossing_rekeys(&w, &s);
		pass(&w, 20 * MS);
		crossing_deletes(&w, &s);
		idle(&w, 60 * S);
		assert_int_equal(w.count[EVENT_REKEY_COLLISION], n);
		assert_int_equal(ike_at(&w, s.spi_i)->end_reason, END_NONE);
		assert_int_equal(ike_at(&w, s.spi_i)->state, IKE_ESTABLISHED);
	}
	watch_finish(&w);
	unsigned redundant = 0, rekeyed = 0;

	for (size_t i = 0; i < w.n_child_sas; i++) {
		redundant += w.child_sas[i].end_reason == END_DELETED;
		rekeyed += w.child_sas[i].end_reason == END_REKEYED;
	}
	assert_int_equal(w.n_ike_sas, 1);
	assert_int_equal(w.n_child_sas, 7);
	assert_int_equal(redundant, 3);
	assert_int_equal(rekeyed, 3);
	watch_free(&w);
}

/* Both delete the one that was replaced: neither Delete is for what replaced it. */
static void crossing_deletes_of_what_one_side_rekeyed_leave_the_new_sa_alone(void **state)
{
	(void)state;
	for (int idles = 0; idles < 2; idles++) {
		struct watch w;
		uint32_t old[2], new[2];

		watch_open(&w);
		struct session s = talking(&w, old);

		rekey_child(&w, &s, 0);
		crossing_deletes(&w, &s);
		two(new, SECOND);
		if (idles)
			idle(&w, 300 * S);
		talk(&w, &s, new, 1, 400, 100 * MS);
		assert_int_equal(w.count[EVENT_REKEY_COLLISION], 0);
		assert_int_equal(ike_at(&w, s.spi_i)->end_reason, END_NONE);
		assert_int_equal(child_of(&w, old[0])->end_reason, END_REKEYED);
		assert_int_equal(child_of(&w, new[0])->end_reason, END_NONE);
		assert_int_equal(child_of(&w, new[0])->more->predecessor_id,
				 child_of(&w, old[0])->id);
		watch_close(&w);
	}
}

static void who_goes_on_after_both_deletes_sends_on_a_dead_sa(void **state)
{
	(void)state;
	struct watch w;
	uint32_t old[2];

	watch_open(&w);
	struct session s = talking(&w, old);

	talk(&w, &s, old, 1000, 1400, 100 * MS);
	crossing_rekeys(&w, &s);
	pass(&w, 20 * MS);
	nsec deleted = w.now;

	crossing_deletes(&w, &s);
	for (uint32_t n = 1401; n < 3000; n++) {
		esp_between(&w, s.peer[0].addr, s.peer[1].addr, old[0], n);
		pass(&w, 100 * MS);
	}
	assert_int_equal(w.count[EVENT_REKEY_COLLISION], 1);
	assert_int_equal(ike_at(&w, s.spi_i)->end_reason, END_NONE);
	assert_int_equal(child_of(&w, old[0])->end_reason, END_REKEYED);
	assert_true(child_of(&w, old[0])->more->ended >= deleted &&
		    child_of(&w, old[0])->more->ended < deleted + S);
	assert_true(w.count[EVENT_ESP_AFTER_END] > 0);
	watch_close(&w);
}

/*
 * Fast rekeys by one side and the other, none of which crosses.  Of the second the capture lacks
 * the request (`lost` 0), or of the first the answer (1).
 */
static void rekeys_of_which_a_message_was_not_captured_did_not_cross(void **state)
{
	(void)state;
	for (int lost = 0; lost < 2; lost++) {
		struct watch w;
		uint32_t old[2], new[2][2];

		watch_open(&w);
		struct session s = talking(&w, old);

		two(new[0], SECOND);
		two(new[1], SECOND + 0x10);
		for (int by = 0; by < 2; by++) {
			uint32_t id = s.next_id[by]++;

			if (by == 0 || lost != 0)
				say(&w, &s, by, false, IKE2_EXCHANGE_CREATE_CHILD_SA, id, NP_NOTIFY,
				    LEN_CHILD);
			pass(&w, RTT);
			if (by == 1 || lost != 1)
				answer(&w, &s, by, IKE2_EXCHANGE_CREATE_CHILD_SA, id, NP_SA,
				       LEN_CHILD_OK);
			delete_child(&w, &s, by);
			talk(&w, &s, new[by], 1, 100, 100 * MS);
		}
		talk(&w, &s, new[1], 101, 1000, 100 * MS);
		assert_int_equal(w.count[EVENT_REKEY_COLLISION], 0);
		for (int by = 0; by < 2; by++) {
			const struct child_sa *c = child_of(&w, new[by][0]);

			assert_true(c && c == child_of(&w, new[by][1]));
			assert_int_equal(c->how, CREATED_CREATE_CHILD_SA);
			assert_int_equal(c->created_by, by);
			assert_true(c->more->predecessor_id != 0);
		}
		watch_finish(&w);
		assert_int_equal(w.n_child_sas, 3);
		watch_free(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_two_crossing_rekeys_one_sa_is_redundant_and_the_other_goes_on),
		cmocka_unit_test(
			two_sas_rekeyed_at_the_same_moment_by_different_sides_are_no_collision),
		cmocka_unit_test(crossing_deletes_after_crossing_rekeys_leave_the_ike_sa_alone),
		cmocka_unit_test(crossing_deletes_of_what_one_side_rekeyed_leave_the_new_sa_alone),
		cmocka_unit_test(who_goes_on_after_both_deletes_sends_on_a_dead_sa),
		cmocka_unit_test(rekeys_of_which_a_message_was_not_captured_did_not_cross),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
