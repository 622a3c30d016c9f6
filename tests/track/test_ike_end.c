/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

static uint32_t spi[2];	/* of the first child SA */

static void reauthentication_supersedes_the_old_ike_sa(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = talking(&w, spi), next = session_between(GW_A, GW_B, 0x22);
	const uint32_t new[2] = { 0xc0000011, 0xc0000012 };

	set_up(&w, &next);		/* make before break */
	talk(&w, &s, new, 1, 30, 100 * MS);
	delete_ike(&w, &s, 0);
	talk(&w, &s, new, 31, 100, 100 * MS);
	idle(&w, 60 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_SUPERSEDED);
	assert_int_equal(ike_at(&w, 0x22)->end_reason, END_NONE);
	assert_int_equal(ike_at(&w, 0x22)->origin, ORIGIN_OBSERVED);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_SUPERSEDED);
	assert_int_equal(child_of(&w, new[0])->end_reason, END_NONE);
	/* its traffic went on there */
	assert_int_equal(esp_more_at(&w, new[0])->predecessor_spi, spi[0]);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UP);
	watch_close(&w);
}

/* Both sides initiated, and both IKE SAs stayed; one is shut down after that time. */
static void beside_another(struct watch *w, struct session *s, struct session *beside, nsec later)
{
	const uint32_t new[2] = { 0xc0000011, 0xc0000012 };

	watch_open(w);
	*s = talking(w, spi);
	*beside = session_between(GW_A, GW_B, 0x22);
	set_up(w, beside);
	talk(w, s, new, 1, 30, 100 * MS);
	idle(w, later);
}

static void two_ike_sas_deleted_together_do_not_supersede_each_other(void **state)
{
	(void)state;
	struct watch w;
	struct session s, beside;

	beside_another(&w, &s, &beside, S);
	nsec asked = w.now;

	delete_ike(&w, &s, 0);
	delete_ike(&w, &beside, 0);
	idle(&w, 60 * S);
	for (uint64_t which = 0x11; which <= 0x22; which += 0x11) {
		assert_int_equal(ike_at(&w, which)->end_reason, END_DELETED);
		assert_int_equal(ike_at(&w, which)->ended_by, 0);
		assert_true(ike_at(&w, which)->ended >= asked);
	}
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_DELETED);
	watch_close(&w);
}

static void one_that_lived_beside_another_for_long_was_deleted(void **state)
{
	(void)state;
	struct watch w;
	struct session s, beside;

	beside_another(&w, &s, &beside, 300 * S);
	delete_ike(&w, &s, 1);
	idle(&w, 60 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_DELETED);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, 1);
	assert_int_equal(ike_at(&w, 0x22)->end_reason, END_NONE);
	watch_close(&w);
}

/*
 * Both ends began at once, and one of the two IKE SAs is deleted again before it is known whose
 * the first packets are.
 */
static void of_two_built_at_once_the_one_that_is_deleted_does_not_keep_the_others_traffic(
	void **state)
{
	(void)state;
	struct watch w;
	struct session a = session_between(GW_A, GW_B, 0x11),
		       b = session_between(GW_B, GW_A, 0x22);
	const uint32_t new[2] = { 0xc0000011, 0xc0000012 };

	watch_open(&w);
	set_up(&w, &a);
	set_up(&w, &b);
	nsec asked = w.now;

	delete_ike(&w, &a, 1);
	talk(&w, &a, new, 1, 200, 100 * MS);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_SUPERSEDED);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, 1);
	assert_true(ike_at(&w, 0x11)->ended >= asked && ike_at(&w, 0x11)->ended < asked + S);
	assert_int_equal(ike_at(&w, 0x22)->end_reason, END_NONE);
	assert_int_equal(child_of(&w, new[0])->end_reason, END_NONE);
	assert_int_equal(child_of(&w, new[0])->spi[1], new[1]);
	assert_true(child_of(&w, new[0])->more->ike_sa_id == ike_at(&w, 0x22)->id);
	watch_close(&w);
}

static void a_delete_of_the_ike_sa_ends_its_child_sas(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = talking(&w, spi);

	pass(&w, S);
	nsec asked = w.now;

	delete_ike(&w, &s, 1);
	idle(&w, 10 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_DELETED);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, 1);
	assert_true(ike_at(&w, 0x11)->ended == asked);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_DELETED);
	assert_int_equal(esp_at(&w, spi[1])->end_reason, END_DELETED);
	watch_close(&w);
}

/* What a Delete meant is decided seconds later, when the next IKE SA is there already. */
static void an_ike_sa_that_came_after_the_delete_did_not_supersede_the_old_one(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = talking(&w, spi), next = session_between(GW_A, GW_B, 0x22);
	const uint32_t new[2] = { 0xc0000011, 0xc0000012 };

	delete_ike(&w, &s, 1);
	idle(&w, 2 * S);
	set_up(&w, &next);		/* break before make */
	talk(&w, &s, new, 1, 100, 100 * MS);
	idle(&w, 60 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_DELETED);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, 1);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_DELETED);
	assert_int_equal(ike_at(&w, 0x22)->end_reason, END_NONE);
	watch_close(&w);
}

static void whoever_speaks_long_after_his_end_was_not_at_an_end(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = talking(&w, spi);
	uint32_t id = ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD);

	for (int i = 0; i < 3; i++) {		/* an outage */
		idle(&w, 5 * S);
		say(&w, &s, 0, false, IKE2_EXCHANGE_INFORMATIONAL, id, NP_NONE, LEN_DPD);
	}
	idle(&w, 60 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_PEER_LOST);
	talk(&w, &s, spi, 101, 110, 100 * MS);
	idle(&w, 20 * S);
	dpd(&w, &s, 1);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	assert_int_equal(ike_at(&w, 0x11)->state, IKE_ESTABLISHED);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_NONE);
	/* nothing like a Delete was seen */
	assert_int_equal(seen(&w, EVENT_IKE_SA_REVISED, 0)->value[1], 0);
	watch_finish(&w);
	assert_int_equal(w.ike_sas[0].end_reason, END_CAPTURE_END);
	watch_free(&w);
}

/* Child rekey, and the Delete of the old one is never answered: who asks gives all up. */
static void an_unanswered_delete_after_a_rekey_was_not_of_the_ike_sa(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = talking(&w, spi);
	const uint32_t new[2] = { 0xc0000011, 0xc0000012 };

	idle(&w, 60 * S);
	rekey_child(&w, &s, 0);
	talk(&w, &s, new, 1, 20, 100 * MS);

	nsec asked = w.now;
	uint32_t id = ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD);

	for (uint32_t i = 0; i < 4; i++) {
		talk(&w, &s, new, 21 + 20 * i, 40 + 20 * i, 200 * MS);
		say(&w, &s, 0, false, IKE2_EXCHANGE_INFORMATIONAL, id, NP_DELETE, LEN_DPD);
	}
	idle(&w, 60 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_PEER_LOST);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, 1);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_REKEYED);
	assert_true(child_of(&w, spi[0])->more->ended <= asked);
	assert_int_equal(child_of(&w, new[0])->end_reason, END_PEER_LOST);
	watch_close(&w);
}

/* Issue 5, item 4: who has no keys cannot tell that it is no Delete, until both peers go on. */
static void a_forged_delete_is_taken_back_when_both_peers_go_on(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = talking(&w, spi);
	const nsec established = ike_at(&w, 0x11)->established;

	delete_ike(&w, &s, 0);			/* request and answer forged, while no ESP flows */
	idle(&w, 30 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_DELETED);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_DELETED);
	talk(&w, &s, spi, 101, 110, 100 * MS);
	dpd(&w, &s, 1);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	assert_true(ike_at(&w, 0x11)->ended == NSEC_NONE);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, SIDE_UNKNOWN);
	assert_true(ike_at(&w, 0x11)->established == established);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_NONE);
	assert_int_equal(esp_at(&w, spi[1])->end_reason, END_NONE);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UP);
	assert_int_equal(tunnel_at(&w, 0)->n_ike_sas, 1);
	assert_int_equal(w.count[EVENT_IKE_SA_REVISED], 1);
	assert_int_equal(seen(&w, EVENT_IKE_SA_REVISED, 0)->side, 0);	/* in whose name it came */
	assert_int_equal(seen(&w, EVENT_IKE_SA_REVISED, 0)->value[0], END_DELETED);
	assert_int_equal(seen(&w, EVENT_IKE_SA_REVISED, 0)->value[1], 1);
	watch_finish(&w);
	assert_int_equal(w.ike_sas[0].end_reason, END_CAPTURE_END);
	watch_free(&w);
}

/* Anybody can send one: it contradicts nothing. */
static void one_message_after_a_delete_takes_nothing_back(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = talking(&w, spi);

	delete_ike(&w, &s, 1);
	for (int i = 0; i < 4; i++) {
		idle(&w, 30 * S);
		ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD);
	}
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_DELETED);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, 1);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_DELETED);
	assert_int_equal(w.count[EVENT_IKE_SA_REVISED], 0);
	watch_close(&w);
}

/*
 * Only what B sends is captured: its Delete has no answer, but the next set-up says what it was
 * for.
 */
static void a_delete_without_its_answer_ends_the_ike_sa_when_the_tunnel_is_set_up_again(
	void **state)
{
	(void)state;
	struct watch w;
	nsec deleted = 0;

	watch_open(&w);
	for (uint64_t n = 0; n < 8; n++) {
		struct session s = session_between(GW_A, GW_B, 0x11 + n);

		say_init(&w, &s, true);
		pass(&w, RTT);
		answer(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDR, LEN_AUTH_OK);
		for (uint32_t seq = 1; seq <= 100; seq++) {
			esp_between(&w, GW_B, GW_A, 0xc0000001 + (uint32_t)n, seq);
			pass(&w, 300 * MS);
		}
		deleted = w.now;
		if (n < 7)
			ask(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD);
		pass(&w, 3 * S);
	}
	assert_true(tunnel_at(&w, 0)->one_sided[0]);
	assert_int_equal(ike_at(&w, 0x11 + 6)->end_reason, END_DELETED);
	assert_int_equal(ike_at(&w, 0x11 + 6)->ended_by, 1);
	assert_true(ike_at(&w, 0x11 + 6)->ended < deleted);
	assert_int_equal(ike_at(&w, 0x11 + 7)->end_reason, END_NONE);
	watch_close(&w);
}

/* Cisco IOS asks again after 10 s, older Openswan after 10 and 20 s. */
static void one_that_asks_again_after_it_was_given_up_has_not_failed(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	say_init(&w, &s, false);
	idle(&w, 10400 * MS);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_FAILED);
	set_up(&w, &s);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	assert_int_equal(ike_at(&w, 0x11)->state, IKE_ESTABLISHED);
	assert_int_equal(w.count[EVENT_IKE_SA_REVISED], 1);
	watch_close(&w);
}

static void an_sa_that_never_got_an_answer_fails_when_it_is_given_up(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	for (int i = 0; i < 3; i++) {
		say_init(&w, &s, false);
		idle(&w, 5 * S);
	}
	idle(&w, 100 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_FAILED);
	assert_int_equal(ike_at(&w, 0x11)->current[0]->requests, 3);
	assert_int_equal(w.count[EVENT_IKE_SA_ENDED], 1);
	idle(&w, 700 * S);
	assert_null(ike_at(&w, 0x11));		/* and is forgotten later */
	watch_close(&w);
}

static void the_capture_ends_and_what_lives_lives(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	talking(&w, spi);
	watch_finish(&w);
	assert_int_equal(w.ike_sas[0].end_reason, END_CAPTURE_END);
	assert_int_equal(w.ike_sas[0].state, IKE_ESTABLISHED);
	assert_true(w.ike_sas[0].ended == NSEC_NONE);
	assert_int_equal(w.child_sas[0].state, CHILD_INSTALLED);
	assert_int_equal(w.esp_sas[0].end_reason, END_CAPTURE_END);
	assert_int_equal(w.count[EVENT_IKE_SA_ENDED] + w.count[EVENT_CHILD_SA_ENDED] +
				 w.count[EVENT_ESP_SA_ENDED],
			 0);
	watch_free(&w);
}

/* Two taps, one for each direction, whose clocks differ by more than the way back and forth. */
static void a_delete_whose_answer_came_first_ends_the_ike_sa(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = talking(&w, spi);
	uint32_t id = s.next_id[0]++;
	nsec answered = w.now;

	say(&w, &s, 0, true, IKE2_EXCHANGE_INFORMATIONAL, id, NP_NONE, LEN_DPD);
	pass(&w, 50 * MS);
	say(&w, &s, 0, false, IKE2_EXCHANGE_INFORMATIONAL, id, NP_DELETE, LEN_DPD);
	idle(&w, 60 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_DELETED);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, 0);
	assert_int_equal(ike_at(&w, 0x11)->ended, answered + 50 * MS);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_DELETED);
	watch_close(&w);
}

/* Likewise a rekey with another key exchange (RFC 9370): three requests come before any answer. */
static void a_rekey_in_two_exchanges_whose_answers_come_late_keeps_the_child_sas(void **state)
{
	(void)state;
	static const uint8_t type[3] = { IKE2_EXCHANGE_CREATE_CHILD_SA,
					 IKE2_EXCHANGE_IKE_FOLLOWUP_KE,
					 IKE2_EXCHANGE_INFORMATIONAL };
	static const uint8_t np1[2][3] = { { NP_SA, IKE2_PAYLOAD_KE, NP_DELETE },
					   { NP_SA, IKE2_PAYLOAD_KE, NP_NONE } };
	static const uint32_t bytes[3] = { LEN_IKE_REKEY, LEN_IKE_REKEY, LEN_DPD };
	struct watch w;

	watch_open(&w);
	struct session s = talking(&w, spi), younger = s;
	uint32_t id = s.next_id[0];

	for (int response = 0; response < 2; response++) {
		for (uint32_t i = 0; i < 3; i++) {
			say(&w, &s, 0, response, type[i], id + i, np1[response][i], bytes[i]);
			pass(&w, 20 * MS);
		}
		pass(&w, 200 * MS);
	}
	talk(&w, &s, spi, 101, 300, 100 * MS);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_NONE);
	younger.spi_i = 0x77;
	younger.spi_r = 0x88;
	younger.next_id[0] = younger.next_id[1] = 0;
	dpd(&w, &younger, 0);
	talk(&w, &s, spi, 301, 500, 100 * MS);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_REKEYED);
	assert_int_equal(ike_at(&w, 0x77)->origin, ORIGIN_REKEY);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_NONE);
	watch_finish(&w);
	for (size_t n = 0; n < w.n_exchanges; n++)
		assert_int_equal(w.exchanges[n].outcome, OUTCOME_ANSWERED);
	watch_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reauthentication_supersedes_the_old_ike_sa),
		cmocka_unit_test(two_ike_sas_deleted_together_do_not_supersede_each_other),
		cmocka_unit_test(one_that_lived_beside_another_for_long_was_deleted),
		cmocka_unit_test(
		of_two_built_at_once_the_one_that_is_deleted_does_not_keep_the_others_traffic),
		cmocka_unit_test(a_delete_of_the_ike_sa_ends_its_child_sas),
		cmocka_unit_test(
			an_ike_sa_that_came_after_the_delete_did_not_supersede_the_old_one),
		cmocka_unit_test(whoever_speaks_long_after_his_end_was_not_at_an_end),
		cmocka_unit_test(an_unanswered_delete_after_a_rekey_was_not_of_the_ike_sa),
		cmocka_unit_test(a_forged_delete_is_taken_back_when_both_peers_go_on),
		cmocka_unit_test(one_message_after_a_delete_takes_nothing_back),
		cmocka_unit_test(
		a_delete_without_its_answer_ends_the_ike_sa_when_the_tunnel_is_set_up_again),
		cmocka_unit_test(one_that_asks_again_after_it_was_given_up_has_not_failed),
		cmocka_unit_test(an_sa_that_never_got_an_answer_fails_when_it_is_given_up),
		cmocka_unit_test(a_delete_whose_answer_came_first_ends_the_ike_sa),
		cmocka_unit_test(
		a_rekey_in_two_exchanges_whose_answers_come_late_keeps_the_child_sas),
		cmocka_unit_test(the_capture_ends_and_what_lives_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
