/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

static const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

static void a_refused_authentication_fails_the_sa_and_blames_who_refused(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	say_init(&w, &s, false);
	pass(&w, RTT);
	say_init(&w, &s, true);
	s.next_id[0] = 1;
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_NOTIFY, LEN_ERROR);
	assert_int_equal(w.count[EVENT_AUTH_REFUSED], 1);
	assert_int_equal(w.count[EVENT_IKE_SA_ESTABLISHED], 0);
	watch_finish(&w);
	assert_int_equal(w.ike_sas[0].end_reason, END_FAILED);
	assert_int_equal(w.ike_sas[0].ended_by, 1);
	assert_int_equal(w.exchanges[1].outcome, OUTCOME_FAILED);
	watch_free(&w);
}

/* RFC 7296 2.21.2: the initiator may refuse the responder, in an INFORMATIONAL after the answer. */
static void an_initiator_that_refuses_the_responder_ends_the_sa(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NOTIFY, LEN_ERROR, NP_NONE,
		      LEN_DPD);
	idle(&w, 10 * S);
	assert_int_equal(w.count[EVENT_IKE_SA_ESTABLISHED], 0);
	assert_int_equal(w.count[EVENT_AUTH_REFUSED], 1);
	watch_finish(&w);
	assert_int_equal(w.ike_sas[0].end_reason, END_FAILED);
	assert_int_equal(w.ike_sas[0].ended_by, 0);
	watch_free(&w);
}

static void a_refused_child_sa_is_told_and_creates_none(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 5, 10 * MS);
	exchange_done(&w, &s, 1, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD, NP_NOTIFY,
		      LEN_ERROR);
	assert_int_equal(w.count[EVENT_CHILD_REFUSED], 1);
	idle(&w, 100 * S);
	assert_int_equal(tunnel_at(&w, 0)->n_child_sas, 1);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	watch_close(&w);
}

static void a_forged_refusal_before_the_true_answer_is_taken_back(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	say_init(&w, &s, false);
	pass(&w, MS);
	say_init_notify(&w, &s, IKE2_NOTIFY_NO_PROPOSAL_CHOSEN, NULL, 0);
	pass(&w, RTT);
	say_init(&w, &s, true);
	pass(&w, RTT);
	s.next_id[0] = 1;
	exchange_done(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_IDR, LEN_AUTH_OK);
	idle(&w, 5 * S);
	assert_int_equal(ike_at(&w, 0x11)->state, IKE_ESTABLISHED);
	assert_int_equal(w.count[EVENT_ERROR_NOTIFY], 1);
	watch_finish(&w);
	assert_int_equal(w.exchanges[0].outcome, OUTCOME_ANSWERED);
	watch_free(&w);
}

static void a_forged_failure_before_the_true_answer_to_auth_is_taken_back(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const struct sk forged = { .exchange = IKE2_EXCHANGE_IKE_AUTH,
				   .np1 = NP_NOTIFY,
				   .id = 1,
				   .response = true,
				   .length = LEN_ERROR,
				   .salt = 666 };

	watch_open(&w);
	say_init(&w, &s, false);
	pass(&w, RTT);
	say_init(&w, &s, true);
	s.next_id[0] = 1;
	ask(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH);
	struct build b = sk_message(&s, &forged);

	give_ike(&w, s.peer[1], s.peer[0], &b);
	pass(&w, RTT);
	answer(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDR, LEN_AUTH_OK);
	idle(&w, 5 * S);
	assert_int_equal(ike_at(&w, 0x11)->state, IKE_ESTABLISHED);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	assert_false(ike_at(&w, 0x11)->auth_failed);
	talk(&w, &s, spi, 1, 5, 10 * MS);
	assert_int_equal(child_of(&w, spi[0])->how, CREATED_IKE_AUTH);
	watch_close(&w);
}

static void clear_messages_change_nothing_of_an_established_sa(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 50, 100 * MS);
	dpd(&w, &s, 0);
	const struct ike_sa before = *ike_at(&w, 0x11);
	const struct esp_sa esp = *esp_at(&w, spi[0]);

	for (int response = 0; response < 2; response++) {	/* another suite under its SPIs */
		struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT,
					   response ? IKE2_FLAG_RESPONSE : IKE2_FLAG_INITIATOR, 0);

		put_spis(&b, s.spi_i, response ? s.spi_r : 0);
		put_sa2_alone(&b);
		ike_end(&b);
		give_ike(&w, s.peer[response], s.peer[!response], &b);
		pass(&w, MS);
	}
	say_init_notify(&w, &s, IKE2_NOTIFY_NO_PROPOSAL_CHOSEN, NULL, 0);
	/* INVALID_IKE_SPI, INVALID_SPI in clear */
	for (int from = 0; from < 2; from++) {
		struct build b = ike_begin(2, IKE2_EXCHANGE_INFORMATIONAL, IKE2_FLAG_RESPONSE, 0);

		put_spis(&b, s.spi_i, s.spi_r);
		put_notify2(&b, 0, IKE2_NOTIFY_INVALID_IKE_SPI, NULL, 0);
		put_notify2(&b, 4, IKE2_NOTIFY_INVALID_SPI, NULL, 0);
		begin_payload(&b, IKE2_PAYLOAD_DELETE);
		put_number(&b, 0x01000000, 4);
		ike_end(&b);
		give_ike(&w, s.peer[from], s.peer[1 - from], &b);
		pass(&w, MS);
	}
	/* the same SPIs under IKEv1 */
	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 7, LEN1_DELETE_IKE, 3);
	say1_sealed(&w, &s, 0, IKE1_EXCHANGE_QUICK_MODE, 8, 188, 3);
	idle(&w, 120 * S);
	const struct ike_sa *after = ike_at(&w, 0x11);

	assert_int_equal(after->state, before.state);
	assert_int_equal(after->end_reason, END_NONE);
	assert_int_equal(after->encr, before.encr);
	assert_int_equal(after->group, before.group);
	assert_int_equal(after->n_transforms, before.n_transforms);
	assert_int_equal(after->n_vendors, before.n_vendors);
	assert_true(after->asked[0].id == before.asked[0].id &&
		    after->asked[1].id == before.asked[1].id);
	assert_true(after->established == before.established && after->spi_r == before.spi_r);
	assert_int_equal(esp_at(&w, spi[0])->end_reason, END_NONE);
	assert_true(esp_at(&w, spi[0])->packets == esp.packets);
	assert_int_equal(tunnel_at(&w, 0)->n_ike_sas, 1);
	assert_int_equal(w.count[EVENT_IKE_SA_ENDED] + w.count[EVENT_CHILD_SA_ENDED], 0);
	watch_close(&w);
}

static void say_clear_error(struct watch *w, uint64_t spi_i, uint64_t spi_r, uint8_t exchange,
			    uint16_t type, uint32_t about)
{
	struct build b = ike_begin(2, exchange, IKE2_FLAG_RESPONSE, 3);
	uint8_t data[4];

	put32(data, about);
	put_spis(&b, spi_i, spi_r);
	put_notify2(&b, 0, type, data, about ? 4 : 0);
	ike_end(&b);
	give_ike(w, (struct peer){ GW_B, 500 }, (struct peer){ GW_A, 500 }, &b);
}

/*
 * RFC 7296 1.5: the SPI stands in the data; 2.21: an answer in clear to a message of the IKE SA is
 * no answer.
 */
static void an_error_in_clear_is_told_with_what_it_is_about(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	const struct exchange before = *ike_at(&w, 0x11)->current[0];

	say_clear_error(&w, 0, 0, IKE2_EXCHANGE_INFORMATIONAL, IKE2_NOTIFY_INVALID_SPI, 0xc0ffee01);
	assert_int_equal(w.count[EVENT_ERROR_NOTIFY], 1);
	assert_int_equal(seen(&w, EVENT_ERROR_NOTIFY, 0)->value[2], 0xc0ffee01);
	say_clear_error(&w, s.spi_i, s.spi_r, IKE2_EXCHANGE_CREATE_CHILD_SA,
			IKE2_NOTIFY_INVALID_IKE_SPI, 0);
	assert_int_equal(w.count[EVENT_ERROR_NOTIFY], 2);
	assert_int_equal(seen(&w, EVENT_ERROR_NOTIFY, 1)->value[0], IKE2_NOTIFY_INVALID_IKE_SPI);
	/* of no SA */
	say_clear_error(&w, 0x99, 0x98, IKE2_EXCHANGE_CREATE_CHILD_SA, IKE2_NOTIFY_INVALID_IKE_SPI,
			0);
	assert_int_equal(w.count[EVENT_ERROR_NOTIFY], 3);
	assert_int_equal(tunnel_at(&w, 0)->n_ike_sas, 1);
	assert_int_equal(ike_at(&w, 0x11)->current[0]->id, before.id);
	assert_int_equal(ike_at(&w, 0x11)->current[0]->responses, before.responses);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refused_authentication_fails_the_sa_and_blames_who_refused),
		cmocka_unit_test(an_initiator_that_refuses_the_responder_ends_the_sa),
		cmocka_unit_test(a_refused_child_sa_is_told_and_creates_none),
		cmocka_unit_test(a_forged_refusal_before_the_true_answer_is_taken_back),
		cmocka_unit_test(a_forged_failure_before_the_true_answer_to_auth_is_taken_back),
		cmocka_unit_test(clear_messages_change_nothing_of_an_established_sa),
		cmocka_unit_test(an_error_in_clear_is_told_with_what_it_is_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
