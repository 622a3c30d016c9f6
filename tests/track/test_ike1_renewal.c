/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IKEv1 renews beside what it has, and what was renewed is deleted when its lifetime is over, hours
 * later perhaps, by messages that say neither what they are nor of what (DETECTION-FACTS 1.6, 1.8).
 */
#include "track/talk.h"

static const uint32_t first[2] = { 0xc0000001, 0xc0000002 };
static const uint32_t second[2] = { 0xc0000011, 0xc0000012 };
static const uint32_t third[2] = { 0xc0000021, 0xc0000022 };

/* main_mode() declares 28800 s. */
enum { LIFE_S = 28800, BEFORE_S = 135 };

static struct session another_phase_1(struct watch *w)
{
	struct session s = session_between(GW_A, GW_B, 0x22);

	s.major = 1;
	main_mode(w, &s);
	return s;
}

static void say_delete(struct watch *w, const struct session *s, int by, uint32_t id)
{
	say1_sealed(w, s, by, IKE1_EXCHANGE_INFORMATIONAL, id, LEN1_DELETE_CHILD, 0);
}

/* Phase 1 with an idle child SA, and just before the declared lifetime is over another phase 1. */
static struct session renewed_early(struct watch *w)
{
	nsec begun = w->now;
	struct session s = up1(w, first, 100);

	idle(w, begun + (LIFE_S - BEFORE_S) * S - w->now);
	another_phase_1(w);
	idle(w, begun + LIFE_S * S + 6 * RTT - w->now);
	return s;
}

static void assert_only_phase_1_ended(struct watch *w, int by)
{
	assert_int_equal(ike_at(w, 0x11)->end_reason, END_SUPERSEDED);
	assert_int_equal(ike_at(w, 0x11)->ended_by, by);
	assert_int_equal(child_of(w, first[0])->end_reason, END_NONE);
	assert_int_equal(w->count[EVENT_CHILD_SA_ENDED], 0);
	talk(w, &(struct session){ .peer = { { GW_A, 500 }, { GW_B, 500 } } }, first, 101, 120,
	     100 * MS);
	assert_int_equal(w->count[EVENT_CHILD_SA_CREATED], 1);
	assert_int_equal(w->count[EVENT_ESP_AFTER_END], 0);
}

/* Nobody deletes it: both let it run out. */
static void a_replaced_phase_1_that_falls_silent_has_expired_at_its_declared_end(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	renewed_early(&w);

	nsec established = ike_at(&w, 0x11)->established;

	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	idle(&w, 120 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_EXPIRED);
	assert_true(ike_at(&w, 0x11)->ended == established + LIFE_S * S);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, SIDE_UNKNOWN);
	assert_int_equal(ike_at(&w, 0x22)->end_reason, END_NONE);
	assert_int_equal(w.count[EVENT_CHILD_SA_ENDED], 0);
	watch_close(&w);
}

/* Its peer's clock is slow, or the Delete was late: it is no riddle, though nobody waited. */
static void a_delete_that_comes_minutes_after_its_declared_end_is_believed(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = renewed_early(&w);

	idle(&w, 300 * S);
	say_delete(&w, &s, 1, 0xd1);
	idle(&w, 100 * S);
	assert_only_phase_1_ended(&w, 1);
	watch_close(&w);
}

/* No other one stands: it may be renewed when there is something to send, or out of sight. */
static void one_that_nothing_replaces_is_left_to_its_silence(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	up1(&w, first, 100);

	nsec established = ike_at(&w, 0x11)->established;

	idle(&w, 2 * LIFE_S * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	idle(&w, 86400 * S - 2 * LIFE_S * S + 60 * S);
	assert_int_equal(w.ike_sas[0].end_reason, END_EXPIRED);
	assert_true(w.ike_sas[0].ended == established + LIFE_S * S);
	watch_close(&w);
}

/* Said on it after its lifetime: whatever was declared, it lived. */
static void one_that_speaks_after_its_declared_end_has_not_expired(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = renewed_early(&w);

	idle(&w, 20 * S);
	say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0xd2, LEN1_DPD, 0);
	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0xd3, LEN1_DPD, 0);
	idle(&w, 600 * S);
	assert_int_not_equal(ike_at(&w, 0x11)->end_reason, END_EXPIRED);
	watch_close(&w);
}

static void at_its_declared_end_a_delete_is_of_phase_1(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = renewed_early(&w);

	say_delete(&w, &s, 1, 0xd1);
	idle(&w, 100 * S);
	assert_only_phase_1_ended(&w, 1);
	watch_close(&w);
}

static void at_its_declared_end_both_delete_phase_1(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = renewed_early(&w);

	say_delete(&w, &s, 1, 0xd1);
	pass(&w, 4 * RTT);
	say_delete(&w, &s, 0, 0xd2);
	idle(&w, 100 * S);
	assert_only_phase_1_ended(&w, 1);
	watch_close(&w);
}

static void a_replaced_phase_1_is_deleted_and_its_idle_child_sa_is_not(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, first, 100);

	idle(&w, 3600 * S);
	another_phase_1(&w);
	idle(&w, 20 * S);
	say_delete(&w, &s, 0, 0xd1);
	idle(&w, 100 * S);
	assert_only_phase_1_ended(&w, 0);
	watch_close(&w);
}

/* What stopped with it is what it was for. */
static void a_child_sa_that_stops_with_a_delete_on_a_replaced_phase_1_has_ended(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, first, 100);

	another_phase_1(&w);
	talk(&w, &s, first, 101, 2000, 100 * MS);
	say_delete(&w, &s, 0, 0xd1);
	idle(&w, 100 * S);
	assert_int_equal(child_of(&w, first[0])->end_reason, END_DELETED);
	watch_close(&w);
}

/* Renewed at 70 % of an hour, and deleted when it is over. */
enum { RENEWED_S = 2520, OVER_S = 1080 };

static void an_idle_child_sa_that_was_renewed_ends_as_rekeyed_at_its_delete(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, first, 100);

	idle(&w, RENEWED_S * S);
	quick_mode(&w, &s, 1, 0xbbbb);
	idle(&w, OVER_S * S);
	say_delete(&w, &s, 0, 0xd1);
	nsec deleted = w.now;

	pass(&w, RTT);
	say_delete(&w, &s, 1, 0xd2);
	idle(&w, 100 * S);
	assert_int_equal(child_of(&w, first[0])->end_reason, END_REKEYED);
	assert_true(child_of(&w, first[0])->more->ended == deleted);
	assert_int_equal(child_of(&w, first[0])->more->rekeyed_by, 1);
	idle(&w, 100 * S);
	talk(&w, &s, second, 1, 20, 100 * MS);
	assert_true(child_of(&w, second[0])->how == CREATED_QUICK_MODE);
	assert_true(child_of(&w, second[0])->more->predecessor_spi[0] == first[0]);
	assert_int_equal(child_of(&w, second[0])->end_reason, END_NONE);
	assert_int_equal(w.count[EVENT_CHILD_SA_CREATED], 2);
	watch_close(&w);
}

/* The first ended for all to see when the second spoke; its Delete comes long after. */
static void the_delete_of_what_was_renewed_does_not_end_its_idle_successor(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, first, 100);

	talk(&w, &s, first, 101, 101 + RENEWED_S, S);
	quick_mode(&w, &s, 0, 0xbbbb);
	talk(&w, &s, second, 1, 100, 100 * MS);
	idle(&w, OVER_S * S);
	say_delete(&w, &s, 0, 0xd1);
	nsec deleted = w.now;

	idle(&w, 100 * S);
	assert_int_equal(child_of(&w, first[0])->end_reason, END_REKEYED);
	assert_true(child_of(&w, first[0])->more->ended == deleted);
	assert_int_equal(child_of(&w, second[0])->end_reason, END_NONE);
	talk(&w, &s, second, 101, 120, 100 * MS);
	assert_int_equal(w.count[EVENT_CHILD_SA_CREATED], 2);
	watch_close(&w);
}

/* Of which none speaks often: who fell silent shows only when the longest pause has passed. */
static void slow_child_sas_that_are_renewed_together_are_all_rekeyed(void **state)
{
	(void)state;
	static const uint32_t *const old[] = { first, third };
	const uint32_t new[][2] = { { 0xc0000031, 0xc0000032 }, { 0xc0000041, 0xc0000042 } };
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	main_mode(&w, &s);
	quick_mode(&w, &s, 0, 0xaaaa);
	quick_mode(&w, &s, 0, 0xaaab);
	for (uint32_t i = 1; i <= 60; i++)
		for (int k = 0; k < 2; k++) {
			talk(&w, &s, old[k], i, i, 0);
			idle(&w, 10 * S);
		}
	quick_mode(&w, &s, 0, 0xbbbb);
	quick_mode(&w, &s, 0, 0xbbbc);
	for (uint32_t i = 1; i <= 10; i++)
		for (int k = 0; k < 2; k++) {
			talk(&w, &s, new[k], i, i, 0);
			idle(&w, 10 * S);
		}
	for (int k = 0; k < 2; k++)
		assert_int_equal(child_of(&w, old[k][0])->end_reason, END_REKEYED);
	assert_int_equal(w.count[EVENT_CHILD_SA_REKEYED], 2);
	watch_close(&w);
}

/* Two proxy IDs, one in use: the other's renewal is no successor of what goes on. */
static void another_child_sa_is_no_renewal_of_one_that_speaks_beside_it(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, first, 100);

	talk(&w, &s, first, 101, 101 + RENEWED_S, S);
	quick_mode(&w, &s, 0, 0xbbbb);
	talk(&w, &s, first, 102 + RENEWED_S, 102 + RENEWED_S + OVER_S, S);
	say_delete(&w, &s, 0, 0xd1);
	idle(&w, 100 * S);
	assert_int_equal(child_of(&w, first[0])->end_reason, END_DELETED);
	assert_int_equal(w.count[EVENT_CHILD_SA_REKEYED], 0);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_replaced_phase_1_that_falls_silent_has_expired_at_its_declared_end),
		cmocka_unit_test(a_delete_that_comes_minutes_after_its_declared_end_is_believed),
		cmocka_unit_test(one_that_nothing_replaces_is_left_to_its_silence),
		cmocka_unit_test(one_that_speaks_after_its_declared_end_has_not_expired),
		cmocka_unit_test(at_its_declared_end_a_delete_is_of_phase_1),
		cmocka_unit_test(at_its_declared_end_both_delete_phase_1),
		cmocka_unit_test(a_replaced_phase_1_is_deleted_and_its_idle_child_sa_is_not),
		cmocka_unit_test(
			a_child_sa_that_stops_with_a_delete_on_a_replaced_phase_1_has_ended),
		cmocka_unit_test(an_idle_child_sa_that_was_renewed_ends_as_rekeyed_at_its_delete),
		cmocka_unit_test(
			the_delete_of_what_was_renewed_does_not_end_its_idle_successor),
		cmocka_unit_test(slow_child_sas_that_are_renewed_together_are_all_rekeyed),
		cmocka_unit_test(another_child_sa_is_no_renewal_of_one_that_speaks_beside_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
