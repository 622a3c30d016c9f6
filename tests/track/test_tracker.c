/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What fuzzing found in the tracker's life as a whole. */
#include "track/talk.h"

static void packets_dropped_before_the_first_one_give_the_tracker_a_time(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	tracker_dropped(w.tracker, T0 - 5 * S, T0, 7);
	assert_true(tracker_now(w.tracker) == T0);
	assert_int_equal(w.count[EVENT_CAPTURE_LOSS], 1);
	tracker_free(w.tracker);	/* no capture began: there is nothing to finish */
	w.tracker = NULL;
	watch_free(&w);
}

static void a_clear_answer_with_spis_nobody_knows_makes_no_ike_sa(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x1234);
	struct build b = ike_begin(2, IKE2_EXCHANGE_CREATE_CHILD_SA, IKE2_FLAG_RESPONSE, 3);

	put_spis(&b, s.spi_i, s.spi_r);
	put_notify2(&b, 0, IKE2_NOTIFY_NO_PROPOSAL_CHOSEN, NULL, 0);
	ike_end(&b);
	watch_open(&w);
	give_ike(&w, s.peer[1], s.peer[0], &b);
	tracker_check(w.tracker);
	assert_null(ike_at(&w, s.spi_i));
	assert_int_equal(w.count[EVENT_ERROR_NOTIFY], 1);
	watch_close(&w);
	assert_int_equal(w.n_ike_sas, 0);
}

static void half_an_answer_after_the_end_of_its_ike_sa_is_an_answer_when_the_capture_ends(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x1234);
	size_t answered = 0;

	watch_open(&w);
	set_up(&w, &s);
	delete_ike(&w, &s, 0);
	idle(&w, 10 * S);
	assert_int_not_equal(ike_at(&w, s.spi_i)->end_reason, END_NONE);

	/* the second fragment alone does not tell what the exchange was */
	const struct sk half = {
		.exchange = IKE2_EXCHANGE_INFORMATIONAL, .id = ask(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD),
		.response = true, .by_initiator = true, .length = LEN_DPD, .number = 2, .total = 2,
	};
	struct build b = sk_message(&s, &half);

	pass(&w, RTT);
	give_ike(&w, s.peer[0], s.peer[1], &b);
	watch_finish(&w);
	for (size_t i = 0; i < w.n_exchanges; i++)
		answered += w.exchanges[i].outcome == OUTCOME_ANSWERED;
	assert_int_equal(answered, 4);
	watch_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_dropped_before_the_first_one_give_the_tracker_a_time),
		cmocka_unit_test(a_clear_answer_with_spis_nobody_knows_makes_no_ike_sa),
		cmocka_unit_test(half_an_answer_after_the_end_of_its_ike_sa_is_an_answer_when_the_capture_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
