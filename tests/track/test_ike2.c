/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

static const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

static void a_tunnel_is_set_up(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	idle(&w, 3 * S);
	const struct ike_sa *sa = ike_at(&w, 0x11);

	assert_int_equal(sa->state, IKE_ESTABLISHED);
	assert_int_equal(sa->origin, ORIGIN_OBSERVED);
	assert_true(sa->spi_r == s.spi_r);
	assert_int_equal(sa->encr, 12);
	assert_int_equal(sa->key_bits, 256);
	assert_int_equal(sa->integ, 12);
	assert_int_equal(sa->prf, 5);
	assert_int_equal(sa->group, 31);
	assert_int_equal(sa->n_transforms, 4);
	assert_true(sa->created == T0 && sa->established == T0 + 3 * RTT);
	assert_int_equal(w.count[EVENT_IKE_SA_CREATED], 1);
	assert_int_equal(w.count[EVENT_IKE_SA_ESTABLISHED], 1);
	/* no packet yet: it may be childless */
	assert_int_equal(w.count[EVENT_CHILD_SA_CREATED], 0);
	talk(&w, &s, spi, 1, 3, 10 * MS);
	assert_int_equal(w.count[EVENT_CHILD_SA_CREATED], 1);
	assert_int_equal(child_of(&w, spi[0])->how, CREATED_IKE_AUTH);
	assert_int_equal(child_of(&w, spi[0])->created_by, 0);
	watch_close(&w);
}

static void every_exchange_is_paired_and_timed(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_B, GW_A, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	dpd(&w, &s, 1);
	watch_finish(&w);
	assert_int_equal(w.n_exchanges, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(w.exchanges[i].rtt_ns, RTT);
		assert_int_equal(w.exchanges[i].requests, 1);
		assert_int_equal(w.exchanges[i].responses, 1);
		assert_int_equal(w.exchanges[i].outcome, OUTCOME_ANSWERED);
	}
	assert_int_equal(w.exchanges[0].purpose, PURPOSE_IKE_SA_INIT);
	assert_int_equal(w.exchanges[1].purpose, PURPOSE_IKE_AUTH);
	assert_int_equal(w.exchanges[2].purpose, PURPOSE_DPD);
	assert_int_equal(w.exchanges[1].from, 1);
	assert_int_equal(w.exchanges[2].from, 0);	/* peer 0 is GW_A, the responder */
	assert_int_equal(w.exchanges[1].request_bytes, LEN_AUTH);
	watch_free(&w);
}

static void a_cookie_and_another_group_are_steps_and_not_retransmissions(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	static const uint16_t notify[] = { IKE2_NOTIFY_COOKIE, IKE2_NOTIFY_INVALID_KE_PAYLOAD };

	watch_open(&w);
	for (uint64_t i = 0; i < 2; i++) {
		struct build b = init_message(&s, false, i);

		give_ike(&w, s.peer[0], s.peer[1], &b);
		pass(&w, RTT);
		say_init_notify(&w, &s, notify[i], "\x00\x0e", 2);
		pass(&w, RTT);
	}
	struct build b = init_message(&s, false, 2);

	give_ike(&w, s.peer[0], s.peer[1], &b);
	pass(&w, RTT);
	say_init(&w, &s, true);
	pass(&w, RTT);
	s.next_id[0] = 1;
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_IDR, LEN_AUTH_OK);
	idle(&w, 5 * S);
	assert_int_equal(w.count[EVENT_COOKIE], 1);
	assert_int_equal(w.count[EVENT_REQUEST_COPY], 0);
	assert_int_equal(ike_at(&w, 0x11)->state, IKE_ESTABLISHED);
	watch_finish(&w);
	assert_int_equal(w.n_ike_sas, 1);
	assert_int_equal(w.n_exchanges, 4);
	assert_int_equal(w.exchanges[0].purpose, PURPOSE_COOKIE);
	assert_int_equal(w.exchanges[1].purpose, PURPOSE_INVALID_KE);
	assert_int_equal(w.exchanges[1].outcome, OUTCOME_FAILED);
	assert_int_equal(w.exchanges[2].purpose, PURPOSE_IKE_SA_INIT);
	assert_int_equal(w.exchanges[2].outcome, OUTCOME_ANSWERED);
	watch_free(&w);
}

static void eap_rounds_are_no_success_until_the_last(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	say_init(&w, &s, false);
	pass(&w, RTT);
	say_init(&w, &s, true);
	pass(&w, RTT);
	s.next_id[0] = 1;
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_IDR, 400);
	pass(&w, S);
	for (int round = 0; round < 4; round++) {
		exchange_done(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_EAP, 112, NP_EAP, 112);
		pass(&w, S);
		assert_int_equal(w.count[EVENT_IKE_SA_ESTABLISHED], 0);
	}
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_AUTH, 112, NP_AUTH, LEN_AUTH_OK);
	assert_int_equal(w.count[EVENT_IKE_SA_ESTABLISHED], 1);
	assert_int_equal(w.count[EVENT_REQUEST_COPY], 0);
	talk(&w, &s, spi, 1, 5, 10 * MS);
	assert_int_equal(tunnel_at(&w, 0)->n_child_sas, 1);
	assert_true(child_of(&w, spi[0])->created == ike_at(&w, 0x11)->established);
	watch_finish(&w);
	assert_int_equal(w.exchanges[3].purpose, PURPOSE_EAP);
	watch_free(&w);
}

/* Two rounds, and what the responder says last: Success and Failure have the same length. */
static struct session eap_until_the_last_word(struct watch *w, uint32_t last)
{
	struct session s = session_between(GW_A, GW_B, 0x11);

	say_init(w, &s, false);
	pass(w, RTT);
	say_init(w, &s, true);
	pass(w, RTT);
	s.next_id[0] = 1;
	exchange_done(w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_IDR, 400);
	exchange_done(w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_EAP, 96, NP_EAP, 96);
	exchange_done(w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_EAP, 96, NP_EAP, last);
	return s;
}

static void a_login_by_eap_that_its_initiator_gives_up_was_refused(void **state)
{
	(void)state;
	static const uint32_t last[] = { LEN_ERROR, 160 };

	for (int i = 0; i < 2; i++) {
		struct watch w;

		watch_open(&w);
		struct session s = eap_until_the_last_word(&w, last[i]);

		say(&w, &s, 0, false, IKE2_EXCHANGE_INFORMATIONAL, 4, NP_NOTIFY, LEN_ERROR);
		assert_int_equal(w.count[EVENT_AUTH_REFUSED], 1);
		assert_int_equal(w.count[EVENT_IKE_SA_ESTABLISHED], 0);
		assert_int_equal(ike_at(&w, 0x11)->end_reason, END_FAILED);
		/* after the last word of EAP by who said it; else the initiator did not like it */
		assert_int_equal(ike_at(&w, 0x11)->ended_by, i == 0 ? 1 : 0);
		watch_close(&w);
	}
}

static void so_was_one_whose_initiator_says_nothing_more(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	eap_until_the_last_word(&w, LEN_ERROR);
	idle(&w, 5 * S);
	assert_int_equal(w.count[EVENT_AUTH_REFUSED], 0);
	idle(&w, 10 * S);
	assert_int_equal(w.count[EVENT_AUTH_REFUSED], 1);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, 1);
	watch_close(&w);
}

static void a_round_of_eap_may_wait_for_a_person(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	eap_until_the_last_word(&w, 160);
	idle(&w, 60 * S);
	assert_int_equal(w.count[EVENT_AUTH_REFUSED], 0);
	watch_close(&w);
}

static void intermediate_exchanges_come_between_init_and_auth(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	say_init(&w, &s, false);
	pass(&w, RTT);
	say_init(&w, &s, true);
	s.next_id[0] = 1;
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_IKE_INTERMEDIATE, IKE2_PAYLOAD_KE, 400,
		      IKE2_PAYLOAD_KE, 400);
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_IDR, LEN_AUTH_OK);
	watch_finish(&w);
	assert_int_equal(w.exchanges[1].purpose, PURPOSE_INTERMEDIATE);
	assert_int_equal(w.ike_sas[0].state, IKE_ESTABLISHED);
	assert_int_equal(w.count[EVENT_ONE_SIDED], 0);
	watch_free(&w);
}

/* ---- nobody signs a clear message (issue 5, item 4) -------------------------- */

static void an_init_with_new_spis_for_a_living_tunnel_touches_nothing(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11),
		       forged = session_between(GW_A, GW_B, 0x99);

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 50, 100 * MS);
	for (int i = 0; i < 3; i++) {
		say_init(&w, &forged, false);
		idle(&w, 5 * S);
	}
	idle(&w, 200 * S);
	assert_int_equal(ike_at(&w, 0x99)->end_reason, END_FAILED);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	assert_int_equal(esp_at(&w, spi[0])->end_reason, END_NONE);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UP);
	watch_close(&w);
}

/* ---- the middle of a life ------------------------------------------------------ */

static void an_ike_sa_from_before_the_capture_lives_through_long_silences(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	s.next_id[1] = 17;
	for (int i = 0; i < 5; i++) {
		dpd(&w, &s, 1);
		idle(&w, 300 * S);
	}
	const struct ike_sa *sa = ike_at(&w, 0x11);

	assert_int_equal(tunnel_at(&w, 0)->n_ike_sas, 1);
	assert_int_equal(sa->origin, ORIGIN_MIDSTREAM);
	assert_int_equal(sa->state, IKE_ESTABLISHED);
	assert_int_equal(sa->end_reason, END_NONE);
	assert_int_equal(sa->initiator_side, 0);	/* the I flag says so */
	assert_int_equal(w.count[EVENT_IKE_SA_ENDED], 0);
	ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD);	/* its answer is lost */
	idle(&w, 300 * S);
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_NOTIFY,
		      LEN_ERROR);
	idle(&w, 300 * S);
	assert_int_equal(sa->end_reason, END_NONE);
	watch_close(&w);
}

/*
 * A NAT gives ports 500 and 4500 other ports; the tunnel from before the capture is known by the
 * second alone.
 */
static void a_set_up_from_another_port_of_the_nat_joins_the_tunnel_that_it_goes_on_in(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const struct peer esp[2] = { { GW_A, 31006 }, { GW_B, 4500 } };

	watch_open(&w);
	for (uint32_t seq = 900; seq < 1000; seq++) {
		esp_in_udp(&w, esp[0], esp[1], 0xc0000001, seq);
		esp_in_udp(&w, esp[1], esp[0], 0xd0000001, seq);
		pass(&w, 100 * MS);
	}
	s.peer[0].port = 31005;
	say_init(&w, &s, false);
	pass(&w, RTT);
	say_init(&w, &s, true);
	pass(&w, RTT);
	/* as a monitor does each second: told of the one tunnel, then of the other */
	tracker_flush(w.tracker);
	s.next_id[0] = 1;
	s.peer[0] = esp[0];
	s.peer[1] = esp[1];
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_IDR, LEN_AUTH_OK);
	for (uint32_t seq = 1; seq < 100; seq++) {
		esp_in_udp(&w, esp[0], esp[1], 0xc0000002, seq);
		esp_in_udp(&w, esp[1], esp[0], 0xd0000002, seq);
		pass(&w, 100 * MS);
	}
	assert_int_equal(ike_at(&w, 0x11)->tunnel, esp_at(&w, 0xc0000001)->tunnel);
	assert_int_equal(ike_at(&w, 0x11)->tunnel, esp_at(&w, 0xc0000002)->tunnel);
	assert_int_equal(child_of(&w, 0xc0000002)->how, CREATED_IKE_AUTH);
	assert_ptr_equal(child_of(&w, 0xc0000002), child_of(&w, 0xd0000002));
	watch_close(&w);
}

/* Rare exchanges and first payloads: a row that says so, and nothing else. */
static void a_deleted_child_sa_leaves_its_ike_sa_established(void **state)
{
	(void)state;
	struct watch w;
	uint32_t old[2], new[2];

	watch_open(&w);
	struct session s = talking(&w, old);

	two(new, SECOND);
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
	talk(&w, &s, new, 1, 100, 100 * MS);
	uint32_t id = ask(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD);

	assert_int_equal(ike_at(&w, s.spi_i)->state, IKE_DELETING);	/* perhaps */
	pass(&w, RTT);
	answer(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, id, NP_DELETE, LEN_DPD);
	assert_int_equal(ike_at(&w, s.spi_i)->state, IKE_ESTABLISHED);
	watch_close(&w);
}

static void what_has_no_meaning_for_the_tunnel_is_a_row_and_no_more(void **state)
{
	(void)state;
	static const struct { uint8_t exchange, np1; enum exchange_purpose purpose; } rare[] = {
		{ IKE2_EXCHANGE_INFORMATIONAL, IKE2_PAYLOAD_CP, PURPOSE_CONFIG },
		{ IKE2_EXCHANGE_INFORMATIONAL, IKE2_PAYLOAD_VENDOR_ID, PURPOSE_UNKNOWN },
		{ 200, NP_NONCE, PURPOSE_OTHER },
	};
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	for (size_t i = 0; i < sizeof(rare) / sizeof(rare[0]); i++) {
		exchange_done(&w, &s, 0, rare[i].exchange, rare[i].np1, LEN_AUTH, NP_NONE, LEN_DPD);
		assert_int_equal(ike_at(&w, 0x11)->current[0]->purpose, rare[i].purpose);
		assert_int_equal(ike_at(&w, 0x11)->current[0]->outcome, OUTCOME_ANSWERED);
	}
	idle(&w, 60 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	assert_int_equal(tunnel_at(&w, 0)->n_ike_sas, 1);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tunnel_is_set_up),
		cmocka_unit_test(every_exchange_is_paired_and_timed),
		cmocka_unit_test(a_cookie_and_another_group_are_steps_and_not_retransmissions),
		cmocka_unit_test(eap_rounds_are_no_success_until_the_last),
		cmocka_unit_test(a_login_by_eap_that_its_initiator_gives_up_was_refused),
		cmocka_unit_test(so_was_one_whose_initiator_says_nothing_more),
		cmocka_unit_test(a_round_of_eap_may_wait_for_a_person),
		cmocka_unit_test(intermediate_exchanges_come_between_init_and_auth),
		cmocka_unit_test(an_init_with_new_spis_for_a_living_tunnel_touches_nothing),
		cmocka_unit_test(an_ike_sa_from_before_the_capture_lives_through_long_silences),
		cmocka_unit_test(
			a_set_up_from_another_port_of_the_nat_joins_the_tunnel_that_it_goes_on_in),
		cmocka_unit_test(a_deleted_child_sa_leaves_its_ike_sa_established),
		cmocka_unit_test(what_has_no_meaning_for_the_tunnel_is_a_row_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
