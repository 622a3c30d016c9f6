/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deletes of IKEv1 are encrypted and unanswered: what shows that one was a Delete, and of what. */
#include "track/talk.h"

static const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

static void a_probe_and_its_echo_are_dpd_and_end_nothing(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, spi, 100);

	for (uint32_t i = 0; i < 5; i++) {
		idle(&w, 20 * S);
		say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0x1000 + i, LEN1_DPD, 0);
		pass(&w, RTT);
		say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0x2000 + i, LEN1_DPD, 0);
	}
	idle(&w, 100 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	watch_finish(&w);
	unsigned probes = 0;

	for (size_t i = 0; i < w.n_exchanges; i++)
		probes += w.exchanges[i].purpose == PURPOSE_DPD &&
			  w.exchanges[i].outcome == OUTCOME_ANSWERED;
	assert_int_equal(probes, 5);
	watch_free(&w);
}

static void silence_after_a_delete_is_the_end_of_phase_1_and_not_of_its_child_sas(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	main_mode(&w, &s);
	quick_mode(&w, &s, 0, 0xaaaa);
	talk(&w, &s, spi, 1, 100, 100 * MS);
	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0xd2, LEN1_DELETE_IKE, 0);
	talk(&w, &s, spi, 101, 700, 100 * MS);
	idle(&w, 60 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_DELETED);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, 1);
	assert_int_equal(esp_at(&w, spi[0])->end_reason, END_NONE);
	watch_close(&w);
}

/* Side 1 sends a Delete and nothing more; side 0 goes on for 20 seconds with its SPI of each. */
static void one_goes_on(struct watch *w, const struct session *s, const uint32_t spis[], int n)
{
	say1_sealed(w, s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0xd3, LEN1_DELETE_CHILD, 0);
	for (uint32_t i = 0; i < 200; i++) {
		for (int k = 0; k < n; k++)
			esp_between(w, s->peer[0].addr, s->peer[1].addr, spis[k], 1000 + i);
		idle(w, 100 * MS);
	}
}

static void a_delete_that_the_other_end_does_not_heed_is_of_the_only_child_sa(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	main_mode(&w, &s);
	quick_mode(&w, &s, 0, 0xaaaa);
	talk(&w, &s, spi, 1, 300, 100 * MS);

	nsec deleted = w.now;

	one_goes_on(&w, &s, spi, 1);
	for (int d = 0; d < 2; d++)
		assert_int_equal(esp_at(&w, spi[d])->end_reason, END_DELETED);
	assert_int_equal(child_of(&w, spi[0])->ended_by, 1);
	assert_true(child_of(&w, spi[0])->more->ended == deleted);
	assert_in_range(w.count[EVENT_ESP_AFTER_END], 90, 110);
	watch_close(&w);
}

/*
 * A packet each way every 50 s; 600 s later `by` sends a Delete, and side 0 asks for a new child SA
 * so long after it.
 */
static void seldom_used_deleted_renewed(struct watch *w, int by, nsec after)
{
	static const uint32_t new_spi[2] = { 0xc0000011, 0xc0000012 };
	struct session s = session1();

	watch_open(w);
	main_mode(w, &s);
	quick_mode(w, &s, 0, 0xaaaa);
	talk(w, &s, spi, 1, 12, 50 * S);
	say1_sealed(w, &s, by, IKE1_EXCHANGE_INFORMATIONAL, 0xd3, LEN1_DELETE_CHILD, 0);
	idle(w, after);
	quick_mode(w, &s, 0, 0xbbbb);
	talk(w, &s, new_spi, 1, 12, 50 * S);
}

static void of_one_that_seldom_speaks_it_is_when_the_other_end_asks_for_a_new_one(void **state)
{
	(void)state;
	struct watch w;

	seldom_used_deleted_renewed(&w, 1, 4 * S);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_DELETED);
	assert_int_equal(child_of(&w, spi[0])->ended_by, 1);
	assert_int_equal(w.count[EVENT_CHILD_SA_REKEYED], 0);
	watch_close(&w);
}

/* The Delete of what was renewed comes after that, and from who renewed it. */
static void who_deletes_it_himself_and_then_makes_a_new_one_has_not_lost_it(void **state)
{
	(void)state;
	struct watch w;

	seldom_used_deleted_renewed(&w, 0, 4 * S);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_REKEYED);
	watch_close(&w);
}

/*
 * Both renew at once on an idle tunnel, and both delete what they replaced: the two Deletes pass as
 * quickly as a probe and its echo, and are too short for that.
 */
static void deletes_of_both_sides_at_once_are_no_probe_and_its_echo(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	main_mode(&w, &s);
	quick_mode(&w, &s, 0, 0xaaaa);
	talk(&w, &s, spi, 1, 100, 100 * MS);
	idle(&w, 600 * S);
	quick_step(&w, &s, 0, 0xbbbb, 1);
	pass(&w, MS);
	quick_step(&w, &s, 1, 0xcccc, 1);
	pass(&w, RTT);
	quick_step(&w, &s, 0, 0xbbbb, 2);
	quick_step(&w, &s, 1, 0xcccc, 2);
	pass(&w, MS);
	quick_step(&w, &s, 0, 0xbbbb, 3);
	quick_step(&w, &s, 1, 0xcccc, 3);
	pass(&w, S);
	say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0xd1, LEN1_DELETE_CHILD, 0);
	pass(&w, RTT);
	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0xd2, LEN1_DELETE_CHILD, 0);
	idle(&w, 20 * S);
	say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0xd3, LEN1_DPD, 0);
	pass(&w, RTT);
	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0xd4, LEN1_DPD, 0);
	idle(&w, 60 * S);
	assert_int_equal(w.count[EVENT_REKEY_COLLISION], 1);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_REKEYED);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	watch_finish(&w);
	for (size_t i = 0; i < w.n_exchanges; i++)
		assert_true(w.exchanges[i].purpose != PURPOSE_DPD ||
			    w.exchanges[i].request_bytes == LEN1_DPD);
	watch_free(&w);
}

static void of_several_nobody_knows_which_one_it_meant(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();
	const uint32_t other[2] = { 0xc0000021, 0xc0000022 }, both[2] = { spi[0], other[0] };

	watch_open(&w);
	main_mode(&w, &s);
	quick_mode(&w, &s, 0, 0xaaaa);
	talk(&w, &s, spi, 1, 20, 100 * MS);
	quick_mode(&w, &s, 0, 0xbbbb);
	for (uint32_t i = 0; i < 600; i++) {
		talk(&w, &s, spi, 21 + i, 21 + i, 0);
		talk(&w, &s, other, 1 + i, 1 + i, 100 * MS);
	}
	one_goes_on(&w, &s, both, 2);
	assert_int_equal(esp_at(&w, spi[0])->end_reason, END_NONE);
	assert_int_equal(esp_at(&w, other[0])->end_reason, END_NONE);
	watch_close(&w);
}

/* Another phase 1 between the same gateways. */
static void phase_1_again(struct watch *w)
{
	struct session s = session_between(GW_A, GW_B, 0x22);

	s.major = 1;
	main_mode(w, &s);
}

static void a_new_phase_1_soon_after_it_says_that_it_was_a_delete(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, spi, 100);

	/*
	 * as long as the Delete of a child SA, so that a minute of silence would have to prove it
	 */
	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0xd2, LEN1_DELETE_IKE, 0);
	nsec deleted = w.now;

	idle(&w, 8 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	phase_1_again(&w);
	idle(&w, S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_DELETED);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, 1);
	assert_true(ike_at(&w, 0x11)->ended == deleted);
	watch_close(&w);
}

static void a_new_phase_1_beside_one_that_answers_ends_nothing(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, spi, 100);

	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0x1000, LEN1_DPD, 0);
	phase_1_again(&w);
	say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0x2000, LEN1_DPD, 0);
	idle(&w, 120 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	watch_close(&w);
}

/*
 * Noise of the length of a Delete, in the name of one side, on living cookies; ESP goes on all the
 * time.
 */
static struct session deleted_by_a_forger(struct watch *w)
{
	struct session s = up1(w, spi, 100);

	say1_sealed(w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0xd2, LEN1_DELETE_IKE, 0);
	talk(w, &s, spi, 101, 900, 100 * MS);
	assert_int_equal(ike_at(w, 0x11)->end_reason, END_DELETED);
	assert_int_equal(ike_at(w, 0x11)->ended_by, 1);
	return s;
}

static void assert_goes_on(struct watch *w)
{
	assert_int_equal(ike_at(w, 0x11)->end_reason, END_NONE);
	assert_int_equal(ike_at(w, 0x11)->ended_by, SIDE_UNKNOWN);
	assert_int_equal(ike_at(w, 0x11)->origin, ORIGIN_OBSERVED);
	assert_int_equal(w->count[EVENT_IKE_SA_REVISED], 1);
	assert_int_equal(tunnel_at(w, 0)->n_ike_sas, 1);
	assert_int_equal(tunnel_at(w, 0)->state, TUNNEL_UP);
	watch_finish(w);
	assert_int_equal(w->n_ike_sas, 1);
	assert_int_equal(w->ike_sas[0].end_reason, END_CAPTURE_END);
	watch_free(w);
}

static void a_forged_delete_of_phase_1_is_taken_back_by_the_next_probe(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = deleted_by_a_forger(&w);

	say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0x1000, LEN1_DPD, 0);
	pass(&w, RTT);
	/* one side alone may be forged again */
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_DELETED);
	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0x2000, LEN1_DPD, 0);
	/* with this suite a child SA's is as long */
	assert_int_equal(seen(&w, EVENT_IKE_SA_REVISED, 0)->value[1], 0);
	idle(&w, 120 * S);
	assert_goes_on(&w);
}

/* Without DPD a phase 1 is silent for as long as its child SAs live. */
static void a_forged_delete_of_phase_1_is_taken_back_by_a_quick_mode_hours_later(void **state)
{
	(void)state;
	struct watch w;
	const uint32_t new[2] = { 0xc0000011, 0xc0000012 };

	watch_open(&w);
	struct session s = deleted_by_a_forger(&w);

	for (int i = 0; i < 360; i++) {
		talk(&w, &s, spi, 901 + 2 * (uint32_t)i, 902 + 2 * (uint32_t)i, 100 * MS);
		idle(&w, 20 * S);
	}
	quick_mode(&w, &s, 0, 0xcccc);
	talk(&w, &s, new, 1, 5, 10 * MS);
	assert_true(child_of(&w, new[0])->how == CREATED_QUICK_MODE);
	assert_goes_on(&w);
}

/*
 * A continuous-channel gateway leaves its child SAs behind (RFC 2409 5.5): their traffic
 * contradicts nothing.
 */
static void esp_that_goes_on_takes_no_delete_of_phase_1_back(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = deleted_by_a_forger(&w);

	talk(&w, &s, spi, 901, 2000, 100 * MS);
	/* asked, and not answered */
	say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0x1000, LEN1_DPD, 0);
	idle(&w, 60 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_DELETED);
	assert_int_equal(esp_at(&w, spi[0])->end_reason, END_NONE);
	assert_int_equal(w.count[EVENT_IKE_SA_REVISED], 0);
	watch_close(&w);
}

/*
 * Where only one side is seen a probe without its echo may be a Delete, and no answer will tell:
 * what comes next has to do.
 */
static void where_one_side_is_unseen_a_message_takes_the_end_back(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = session1();

	main_mode(&w, &s);
	for (uint32_t i = 0; i < 16; i++) {	/* and then by another path */
		quick_step(&w, &s, 0, 0xaaaa + i, 1);
		pass(&w, RTT);
		quick_step(&w, &s, 0, 0xaaaa + i, 3);
		pass(&w, S);
	}
	assert_true(tunnel_at(&w, 0)->one_sided[1]);
	say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0xd2, LEN1_DPD, 0);
	idle(&w, 120 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_DELETED);
	say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0x1000, LEN1_DPD, 0);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	watch_close(&w);
}

/*
 * Set up before the capture, or cut by a short snapshot length: the suite is not known, but HASH(3)
 * tells it well enough.  Both ends delete what they renewed when its lifetime is over.
 */
static void without_a_suite_the_third_message_tells_a_delete_from_a_probe(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	for (uint32_t i = 0; i < 5; i++) {
		quick_mode(&w, &s, 0, 0xaaaa + i);
		idle(&w, 600 * S);
		say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0xd00 + i, LEN1_DELETE_CHILD,
			    0);
		if (i < 2) {
			pass(&w, RTT);
			say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0xe00 + i,
				    LEN1_DELETE_CHILD, 0);
		}
		idle(&w, 900 * S);
	}
	say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0xf00, LEN1_DPD, 0);
	pass(&w, RTT);
	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0xf01, LEN1_DPD, 0);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	watch_finish(&w);
	unsigned probes = 0;

	for (size_t i = 0; i < w.n_exchanges; i++)
		probes += w.exchanges[i].purpose == PURPOSE_DPD;
	assert_int_equal(probes, 1);
	watch_free(&w);
}

/* Probed in vain, and set up from scratch by either: the other end was lost, as with IKEv2. */
static void a_phase_1_that_was_probed_in_vain_is_lost_when_another_is_set_up(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, spi, 100);

	for (uint32_t i = 0; i < 3; i++) {
		idle(&w, 10 * S);
		say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0x1000 + i, LEN1_DPD, 0);
	}
	nsec probed = w.now;

	idle(&w, 30 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	phase_1_again(&w);
	idle(&w, 40 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_PEER_LOST);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, 1);
	assert_true(ike_at(&w, 0x11)->ended == probed);
	assert_int_equal(ike_at(&w, 0x22)->end_reason, END_NONE);
	watch_close(&w);
}

/* It had an echo: nobody was lost. */
static void a_phase_1_that_answered_lives_on_beside_another(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, spi, 100);

	for (uint32_t i = 0; i < 3; i++) {
		idle(&w, 10 * S);
		say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0x1000 + i, LEN1_DPD, 0);
	}
	pass(&w, RTT);
	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0x2000, LEN1_DPD, 0);
	idle(&w, 30 * S);
	phase_1_again(&w);
	idle(&w, 30 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_probe_and_its_echo_are_dpd_and_end_nothing),
		cmocka_unit_test(
			silence_after_a_delete_is_the_end_of_phase_1_and_not_of_its_child_sas),
		cmocka_unit_test(a_delete_that_the_other_end_does_not_heed_is_of_the_only_child_sa),
		cmocka_unit_test(
			of_one_that_seldom_speaks_it_is_when_the_other_end_asks_for_a_new_one),
		cmocka_unit_test(
			who_deletes_it_himself_and_then_makes_a_new_one_has_not_lost_it),
		cmocka_unit_test(deletes_of_both_sides_at_once_are_no_probe_and_its_echo),
		cmocka_unit_test(of_several_nobody_knows_which_one_it_meant),
		cmocka_unit_test(a_new_phase_1_soon_after_it_says_that_it_was_a_delete),
		cmocka_unit_test(a_new_phase_1_beside_one_that_answers_ends_nothing),
		cmocka_unit_test(a_forged_delete_of_phase_1_is_taken_back_by_the_next_probe),
		cmocka_unit_test(
			a_forged_delete_of_phase_1_is_taken_back_by_a_quick_mode_hours_later),
		cmocka_unit_test(esp_that_goes_on_takes_no_delete_of_phase_1_back),
		cmocka_unit_test(where_one_side_is_unseen_a_message_takes_the_end_back),
		cmocka_unit_test(without_a_suite_the_third_message_tells_a_delete_from_a_probe),
		cmocka_unit_test(
			a_phase_1_that_was_probed_in_vain_is_lost_when_another_is_set_up),
		cmocka_unit_test(a_phase_1_that_answered_lives_on_beside_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
