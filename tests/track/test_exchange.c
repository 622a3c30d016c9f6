/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

static struct session half_up(struct watch *w)
{
	struct session s = session_between(GW_A, GW_B, 0x11);

	say_init(w, &s, false);
	pass(w, RTT);
	say_init(w, &s, true);
	pass(w, RTT);
	s.next_id[0] = 1;
	return s;
}

static struct session up(struct watch *w)
{
	struct session s = session_between(GW_A, GW_B, 0x11);

	set_up(w, &s);
	idle(w, 5 * S);
	return s;
}

static void sealed(struct watch *w, const struct session *s, struct sk k)
{
	struct build b = sk_message(s, &k);
	int from = k.by_initiator ? 0 : 1;

	give_ike(w, s->peer[from], s->peer[1 - from], &b);
}

/* The exchange that began last. */
static const struct record_exchange *latest(struct watch *w)
{
	tracker_flush(w->tracker);
	size_t n = w->n_exchanges;

	while (n > 0 && w->exchanges[n - 1].id == 0)
		n--;
	assert_true(n > 0);
	return &w->exchanges[n - 1];
}

static void the_same_request_again_is_a_copy_and_its_gap_is_kept(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = half_up(&w);

	for (int i = 0; i < 4; i++) {
		say(&w, &s, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, LEN_AUTH);
		pass(&w, (4 + i) * S);
	}
	assert_int_equal(w.count[EVENT_REQUEST_COPY], 3);
	const struct exchange *x = ike_at(&w, 0x11)->current[0];

	assert_int_equal(x->requests, 4);
	assert_int_equal(x->responses, 0);
	assert_true(x->last_gap == 6 * S);
	assert_int_equal(x->request_frame, 3);
	assert_int_equal(x->request_last_frame, 6);
	assert_int_equal(x->requests_after_response, 0);
	idle(&w, 60 * S);
	watch_finish(&w);
	assert_int_equal(w.exchanges[1].outcome, OUTCOME_UNANSWERED);
	assert_int_equal(w.exchanges[1].requests, 4);
	assert_int_equal(w.ike_sas[0].end_reason, END_FAILED);
	assert_int_equal(w.count[EVENT_RETRANSMISSION], 1);
	/*
	 * told when the exchange is given up, as of the last copy: the same live and at the end of
	 * a file
	 */
	assert_true(seen(&w, EVENT_RETRANSMISSION, 0)->at == seen(&w, EVENT_REQUEST_COPY, 2)->at);
	watch_free(&w);
}

/* Asked once, and for long not again: as if it had been answered unseen.  Then it asks again. */
static void a_copy_that_comes_late_says_that_there_was_no_answer(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = half_up(&w);

	say(&w, &s, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, LEN_AUTH);
	idle(&w, 20 * S);
	assert_int_equal(latest(&w)->outcome, OUTCOME_NOT_OBSERVABLE);
	say(&w, &s, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, LEN_AUTH);
	idle(&w, 38 * S);
	say(&w, &s, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, LEN_AUTH);
	idle(&w, 100 * S);
	watch_finish(&w);
	assert_int_equal(latest(&w)->outcome, OUTCOME_UNANSWERED);
	assert_int_equal(latest(&w)->requests, 3);
	assert_int_equal(w.ike_sas[0].end_reason, END_FAILED);
	watch_free(&w);
}

static void copies_after_the_answer_say_that_it_did_not_arrive(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = half_up(&w);

	for (int i = 0; i < 3; i++) {
		say(&w, &s, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, LEN_AUTH);
		pass(&w, RTT);
		say(&w, &s, 0, true, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDR, LEN_AUTH_OK);
		pass(&w, 4 * S);
	}
	const struct exchange *x = ike_at(&w, 0x11)->current[0];

	assert_int_equal(x->requests, 3);
	assert_int_equal(x->responses, 3);
	assert_int_equal(x->requests_after_response, 2);
	assert_int_equal(w.count[EVENT_RESPONSE_COPY], 2);
	assert_true(x->response_at - x->request_at == RTT);
	watch_close(&w);
}

static void copies_of_the_mirror_are_no_retransmissions(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = half_up(&w);

	for (int i = 0; i < 2; i++) {
		for (int copy = 0; copy < 2; copy++) {
			say(&w, &s, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, LEN_AUTH);
			pass(&w, 2 * MS);
		}
		pass(&w, 4 * S);
	}
	struct tracker_counters c;

	tracker_counters(w.tracker, &c);
	assert_int_equal(c.duplicates, 2);
	assert_int_equal(ike_at(&w, 0x11)->current[0]->requests, 2);
	assert_int_equal(ike_at(&w, 0x11)->messages, 4);
	watch_close(&w);
}

static void fragments_of_one_message_are_one_transmission_in_any_order(void **state)
{
	(void)state;
	static const uint16_t order[][3] = { { 1, 2, 3 }, { 3, 1, 2 }, { 2, 3, 1 } };

	for (size_t n = 0; n < 3; n++) {
		struct watch w;

		watch_open(&w);
		struct session s = half_up(&w);

		for (int i = 0; i < 3; i++) {
			sealed(&w, &s,
			       (struct sk){ .exchange = IKE2_EXCHANGE_IKE_AUTH,
					    .np1 = NP_IDI,
					    .id = 1,
					    .by_initiator = true,
					    .length = 300,
					    .number = order[n][i],
					    .total = 3 });
			pass(&w, MS);
		}
		for (int i = 0; i < 3; i++) {
			sealed(&w, &s,
			       (struct sk){ .exchange = IKE2_EXCHANGE_IKE_AUTH,
					    .np1 = NP_IDR,
					    .id = 1,
					    .response = true,
					    .length = 300,
					    .number = order[n][i],
					    .total = 3 });
			pass(&w, MS);
		}
		const struct exchange *x = ike_at(&w, 0x11)->current[0];

		assert_int_equal(x->requests, 1);
		assert_int_equal(x->responses, 1);
		assert_int_equal(x->request_bytes, 900);
		assert_int_equal(x->request_fragment_total, 3);
		assert_int_equal(x->request_fragments_seen, 7);
		assert_int_equal(x->request_np1, NP_IDI);
		assert_int_equal(x->purpose, PURPOSE_IKE_AUTH);
		assert_int_equal(w.count[EVENT_REQUEST_COPY] + w.count[EVENT_RESPONSE_COPY], 0);
		assert_int_equal(w.count[EVENT_REQUEST], 2);
		assert_int_equal(w.count[EVENT_RESPONSE], 2);
		idle(&w, 5 * S);
		assert_int_equal(ike_at(&w, 0x11)->state, IKE_ESTABLISHED);
		watch_close(&w);
	}
}

/* Two interfaces that both see a message: the copy of one piece may come before the next piece. */
static void the_size_of_a_message_in_fragments_does_not_depend_on_when_its_copies_come(void **state)
{
	(void)state;
	static const uint16_t order[][6] = { { 1, 2, 3, 1, 2, 3 }, { 1, 1, 2, 2, 3, 3 },
					     { 1, 2, 1, 2, 3, 3 }, { 3, 3, 1, 2, 2, 1 } };

	for (size_t n = 0; n < 4; n++)
		for (int response = 0; response < 2; response++) {
			struct watch w;

			watch_open(&w);
			struct session s = half_up(&w);

			if (response)
				say(&w, &s, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, LEN_AUTH);
			for (int i = 0; i < 6; i++) {
				pass(&w, 300 * MS);
				sealed(&w, &s,
				       (struct sk){ .exchange = IKE2_EXCHANGE_IKE_AUTH,
						    .np1 = NP_IDI,
						    .id = 1,
						    .by_initiator = !response,
						    .response = response,
						    .length = 200 + (size_t)100 * order[n][i],
						    .number = order[n][i],
						    .total = 3 });
			}
			const struct exchange *x = ike_at(&w, 0x11)->current[0];

			assert_int_equal(response ? x->response_bytes : x->request_bytes, 1200);
			watch_close(&w);
		}
}

/* The size is that of the first transmission, in however many pieces its copies come. */
static void a_copy_in_other_fragments_adds_nothing_to_the_size(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = half_up(&w);

	for (uint16_t total = 2; total <= 4; total++)
		for (uint16_t n = 1; n <= total; n++) {
			sealed(&w, &s,
			       (struct sk){ .exchange = IKE2_EXCHANGE_IKE_AUTH,
					    .np1 = NP_IDI,
					    .id = 1,
					    .by_initiator = true,
					    .length = (size_t)720 / total,
					    .number = n,
					    .total = total });
			pass(&w, S);
		}
	const struct exchange *x = ike_at(&w, 0x11)->current[0];

	assert_int_equal(x->requests, 3);
	assert_int_equal(x->request_bytes, 720);
	watch_close(&w);
}

/* DETECTION-FACTS 1.2: FortiOS and libreswan cut the second transmission, not the first. */
static void a_copy_that_comes_in_fragments_is_one_copy(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = half_up(&w);

	say(&w, &s, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, 450);
	for (int i = 0; i < 2; i++) {
		pass(&w, 3 * S);
		for (uint16_t n = 1; n <= 2; n++)
			sealed(&w, &s,
			       (struct sk){ .exchange = IKE2_EXCHANGE_IKE_AUTH,
					    .np1 = NP_IDI,
					    .id = 1,
					    .by_initiator = true,
					    .length = 300,
					    .number = n,
					    .total = 2,
					    .salt = (uint64_t)i + 1 });
	}
	const struct exchange *x = ike_at(&w, 0x11)->current[0];

	assert_int_equal(x->requests, 3);
	assert_int_equal(w.count[EVENT_REQUEST_COPY], 2);
	assert_true(x->last_gap == 3 * S);
	watch_close(&w);
}

/* Fragments above the size that passes are lost before the sensor: the short last one comes. */
static void copies_of_which_one_fragment_never_comes_are_copies(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = half_up(&w);

	for (int i = 0; i < 4; i++) {
		for (uint16_t n = 2; n <= 3; n++)
			sealed(&w, &s,
			       (struct sk){ .exchange = IKE2_EXCHANGE_IKE_AUTH,
					    .id = 1,
					    .by_initiator = true,
					    .length = 300,
					    .number = n,
					    .total = 3 });
		pass(&w, 4 * S);
	}
	const struct exchange *x = ike_at(&w, 0x11)->current[0];

	assert_int_equal(x->requests, 4);
	assert_int_equal(x->request_fragments_seen, 6);
	assert_int_equal(w.count[EVENT_REQUEST_COPY], 3);
	assert_int_equal(x->purpose, PURPOSE_IKE_AUTH);
	watch_close(&w);
}

static void a_late_copy_of_the_exchange_before_belongs_to_that_one(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up(&w);

	dpd(&w, &s, 0);		/* message ID 2 */
	pass(&w, S);
	dpd(&w, &s, 0);		/* 3 */
	pass(&w, S);
	say(&w, &s, 0, true, IKE2_EXCHANGE_INFORMATIONAL, 2, NP_NONE, LEN_DPD);
	say(&w, &s, 0, false, IKE2_EXCHANGE_INFORMATIONAL, 2, NP_NONE, LEN_DPD);
	const struct ike_sa *sa = ike_at(&w, 0x11);

	assert_int_equal(sa->current[0]->message_id, 3);
	assert_int_equal(sa->previous[0]->message_id, 2);
	assert_int_equal(sa->previous[0]->responses, 2);
	assert_int_equal(sa->previous[0]->requests, 2);
	assert_int_equal(w.count[EVENT_REQUEST_COPY], 1);
	watch_finish(&w);
	assert_int_equal(w.n_exchanges, 4);
	assert_int_equal(w.exchanges[2].requests, 2);
	watch_free(&w);
}

static void both_sides_count_their_message_ids_for_themselves(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up(&w);
	uint32_t a = ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD);
	uint32_t b = ask(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD);

	pass(&w, RTT);
	answer(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, b, NP_NONE, LEN_DPD);
	answer(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, a, NP_NONE, LEN_DPD);
	const struct ike_sa *sa = ike_at(&w, 0x11);

	assert_int_equal(sa->current[0]->from, 0);
	assert_int_equal(sa->current[1]->from, 1);
	assert_int_equal(sa->current[0]->outcome, OUTCOME_ANSWERED);
	assert_int_equal(sa->current[1]->outcome, OUTCOME_ANSWERED);
	watch_close(&w);
}

static void a_probe_that_is_repeated_in_vain_loses_the_peer(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up(&w);
	uint32_t id = ask(&w, &s, 1, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD);

	for (int i = 0; i < 4; i++) {
		pass(&w, (4 << i) * S);
		say(&w, &s, 1, false, IKE2_EXCHANGE_INFORMATIONAL, id, NP_NONE, LEN_DPD);
	}
	assert_int_equal(latest(&w)->requests, 5);
	assert_int_equal(latest(&w)->outcome, OUTCOME_PENDING);
	idle(&w, 100 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_PEER_LOST);
	assert_int_equal(ike_at(&w, 0x11)->ended_by, 0);
	assert_int_equal(latest(&w)->outcome, OUTCOME_UNANSWERED);
	watch_close(&w);
}

static void a_request_waits_for_its_answer_as_long_as_its_last_gap_tells(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	const struct settings *set = &w.settings;
	struct exchange x = { .request_last = T0 };

	assert_true(exchange_abandon_at(w.tracker, &x) == T0 + set->retx_abandon_min);
	x.last_gap = 20 * S;
	assert_true(exchange_abandon_at(w.tracker, &x) == T0 + 44 * S);
	x.last_gap = 400 * S;
	assert_true(exchange_abandon_at(w.tracker, &x) == T0 + set->retx_abandon_max);
	x.last_gap = INT64_C(1) << 62;
	assert_true(exchange_abandon_at(w.tracker, &x) == T0 + set->retx_abandon_max);
	x.last_gap = -(INT64_C(1) << 62);
	assert_true(exchange_abandon_at(w.tracker, &x) == T0 + set->retx_abandon_min);
	watch_close(&w);
}

/* RFC 7296 2.3: with a window of six, answers come in any order. */
static void of_requests_under_way_together_each_has_its_answer(void **state)
{
	(void)state;
	static const unsigned order[] = { 2, 0, 5, 1, 4, 3 };
	struct watch w;
	uint32_t spi[2], id[6];

	watch_open(&w);
	struct session s = talking(&w, spi);

	for (int i = 0; i < 6; i++) {
		id[i] = ask(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_CHILD);
		pass(&w, MS);
	}
	for (int i = 0; i < 6; i++) {
		answer(&w, &s, 0, IKE2_EXCHANGE_CREATE_CHILD_SA, id[order[i]], NP_SA, LEN_CHILD_OK);
		pass(&w, MS);
	}
	dpd(&w, &s, 0);
	idle(&w, 60 * S);
	assert_int_equal(w.tracker->n_parked, 0);
	assert_int_equal(w.tracker->tunnels[0].more->ike[1].proven_unseen, 0);
	watch_finish(&w);
	unsigned found = 0;

	for (size_t i = 0; i < w.n_exchanges; i++)
		if (w.exchanges[i].exchange == IKE2_EXCHANGE_CREATE_CHILD_SA) {
			found++;
			assert_int_equal(w.exchanges[i].requests, 1);
			assert_int_equal(w.exchanges[i].responses, 1);
			assert_int_equal(w.exchanges[i].outcome, OUTCOME_ANSWERED);
		}
	assert_int_equal(found, 6);
	watch_free(&w);
}

/* Only one of three answers is captured: who asks on had the others. */
static void of_requests_under_way_together_one_without_an_answer_was_not_observable(void **state)
{
	(void)state;
	struct watch w;
	uint32_t spi[2], id[3];

	watch_open(&w);
	struct session s = talking(&w, spi);

	for (int i = 0; i < 3; i++) {
		id[i] = ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD);
		pass(&w, MS);
	}
	answer(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, id[2], NP_NONE, LEN_DPD);
	idle(&w, 60 * S);
	assert_int_equal(w.tracker->n_parked, 0);
	watch_finish(&w);
	for (size_t i = 0; i < w.n_exchanges; i++)
		if (w.exchanges[i].message_id == id[0] || w.exchanges[i].message_id == id[1])
			assert_int_equal(w.exchanges[i].outcome, OUTCOME_NOT_OBSERVABLE);
	watch_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_requests_under_way_together_each_has_its_answer),
		cmocka_unit_test(
			of_requests_under_way_together_one_without_an_answer_was_not_observable),
		cmocka_unit_test(the_same_request_again_is_a_copy_and_its_gap_is_kept),
		cmocka_unit_test(a_copy_that_comes_late_says_that_there_was_no_answer),
		cmocka_unit_test(copies_after_the_answer_say_that_it_did_not_arrive),
		cmocka_unit_test(copies_of_the_mirror_are_no_retransmissions),
		cmocka_unit_test(fragments_of_one_message_are_one_transmission_in_any_order),
		cmocka_unit_test(
			the_size_of_a_message_in_fragments_does_not_depend_on_when_its_copies_come),
		cmocka_unit_test(a_copy_in_other_fragments_adds_nothing_to_the_size),
		cmocka_unit_test(a_copy_that_comes_in_fragments_is_one_copy),
		cmocka_unit_test(copies_of_which_one_fragment_never_comes_are_copies),
		cmocka_unit_test(a_late_copy_of_the_exchange_before_belongs_to_that_one),
		cmocka_unit_test(both_sides_count_their_message_ids_for_themselves),
		cmocka_unit_test(a_probe_that_is_repeated_in_vain_loses_the_peer),
		cmocka_unit_test(a_request_waits_for_its_answer_as_long_as_its_last_gap_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
