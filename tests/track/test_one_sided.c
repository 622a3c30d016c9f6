/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What proves that one side of a tunnel is not captured: IKEv2 has a window of one. */
#include "track/talk.h"

static void answers_alone_prove_that_the_other_side_is_not_captured(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	say_init(&w, &s, true);
	for (uint32_t id = 1; id < 8; id++) {
		answer(&w, &s, 0, id == 1 ? IKE2_EXCHANGE_IKE_AUTH : IKE2_EXCHANGE_INFORMATIONAL,
		       id, id == 1 ? NP_IDR : NP_NONE, id == 1 ? LEN_AUTH_OK : LEN_DPD);
		idle(&w, 20 * S);
	}
	assert_int_equal(w.count[EVENT_ONE_SIDED], 1);
	assert_int_equal(seen(&w, EVENT_ONE_SIDED, 0)->side, 0);
	assert_true(tunnel_at(&w, 0)->one_sided[0] && !tunnel_at(&w, 0)->one_sided[1]);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	watch_close(&w);
}

/* Two taps whose clocks differ: what side 1 says is noted 80 ms too early. */
static void an_answer_noted_before_its_request_proves_nothing_about_the_tap(void **state)
{
	(void)state;
	for (int request_follows = 0; request_follows < 2; request_follows++) {
		struct watch w;
		struct session s = session_between(GW_A, GW_B, 0x11);

		watch_open(&w);
		say_init(&w, &s, true);
		pass(&w, 20 * MS);
		answer(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDR, LEN_AUTH_OK);
		pass(&w, 40 * MS);
		if (request_follows) {
			say_init(&w, &s, false);
			pass(&w, 20 * MS);
			say(&w, &s, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, LEN_AUTH);
		}
		for (uint32_t id = 2; id < 8; id++) {
			idle(&w, 20 * S);
			answer(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, id, NP_NONE, LEN_DPD);
			pass(&w, 60 * MS);
			if (request_follows)
				say(&w, &s, 0, false, IKE2_EXCHANGE_INFORMATIONAL, id, NP_NONE,
				    LEN_DPD);
		}
		assert_int_equal(w.count[EVENT_ONE_SIDED], !request_follows);
		assert_int_equal(tunnel_at(&w, 0)->one_sided[0], !request_follows);
		assert_false(tunnel_at(&w, 0)->one_sided[1]);
		watch_finish(&w);
		for (size_t i = 0; request_follows && i < w.n_exchanges; i++)
			assert_int_equal(w.exchanges[i].outcome, OUTCOME_ANSWERED);
		watch_free(&w);
	}
}

/* Nothing came after the second of them: the end of the capture decides. */
static void two_answers_alone_prove_a_side_unseen_at_the_end_of_the_capture(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	say_init(&w, &s, true);
	pass(&w, 20 * MS);
	answer(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDR, LEN_AUTH_OK);
	assert_int_equal(w.count[EVENT_ONE_SIDED], 0);
	watch_finish(&w);
	assert_int_equal(w.count[EVENT_ONE_SIDED], 1);
	assert_int_equal(seen(&w, EVENT_ONE_SIDED, 0)->frame, 2);
	watch_free(&w);
}

static void requests_alone_prove_answers_because_the_window_is_one(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	say_init(&w, &s, false);
	pass(&w, S);
	s.next_id[0] = 1;
	ask(&w, &s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH);
	for (int i = 0; i < 6; i++) {
		idle(&w, 30 * S);
		ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD);
	}
	assert_true(tunnel_at(&w, 0)->one_sided[1]);
	assert_int_equal(w.count[EVENT_IKE_SA_ENDED], 0);
	watch_finish(&w);
	for (size_t i = 0; i + 1 < w.n_exchanges; i++)
		assert_int_equal(w.exchanges[i].outcome, OUTCOME_NOT_OBSERVABLE);
	watch_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_alone_prove_that_the_other_side_is_not_captured),
		cmocka_unit_test(an_answer_noted_before_its_request_proves_nothing_about_the_tap),
		cmocka_unit_test(two_answers_alone_prove_a_side_unseen_at_the_end_of_the_capture),
		cmocka_unit_test(requests_alone_prove_answers_because_the_window_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
