/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

static const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

static void main_mode_is_three_exchanges_and_gives_the_lifetime(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	main_mode(&w, &s);
	const struct ike_sa *sa = ike_at(&w, 0x11);

	assert_int_equal(sa->major, 1);
	assert_int_equal(sa->state, IKE_ESTABLISHED);
	assert_int_equal(sa->encr, 7);
	assert_int_equal(sa->integ, 4);
	assert_int_equal(sa->group, 14);
	assert_true(sa->has_life_seconds && sa->life_seconds == 28800);
	assert_int_equal(sa->n_offers, 1);
	assert_int_equal(w.count[EVENT_LIFETIME_OFFERED], 1);
	assert_int_equal(w.count[EVENT_LIFETIME_ANSWERED], 1);
	assert_int_equal(w.count[EVENT_IKE_SA_ESTABLISHED], 1);
	watch_finish(&w);
	assert_int_equal(w.n_exchanges, 3);
	assert_int_equal(w.exchanges[0].purpose, PURPOSE_MAIN_MODE_SA);
	assert_int_equal(w.exchanges[1].purpose, PURPOSE_MAIN_MODE_KE);
	assert_int_equal(w.exchanges[2].purpose, PURPOSE_MAIN_MODE_AUTH);
	watch_free(&w);
}

static void aggressive_mode_is_complete_with_its_third_message(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	for (int step = 1; step <= 2; step++) {
		struct build b = ike_begin(1, IKE1_EXCHANGE_AGGRESSIVE, 0, 0);

		put_offer1(&b, 3600);
		begin_payload(&b, IKE1_PAYLOAD_KE);
		put_noise(&b, (uint64_t)step, 64);
		ike_end(&b);
		say1(&w, &s, step - 1, IKE1_EXCHANGE_AGGRESSIVE, 0, &b, step == 1);
		pass(&w, RTT);
		assert_int_equal(w.count[EVENT_IKE_SA_ESTABLISHED], 0);
	}
	say1_sealed(&w, &s, 0, IKE1_EXCHANGE_AGGRESSIVE, 0, 108, 3);
	assert_int_equal(w.count[EVENT_IKE_SA_ESTABLISHED], 1);
	assert_int_equal(w.count[EVENT_REQUEST_COPY], 0);
	watch_finish(&w);
	assert_int_equal(w.n_exchanges, 1);
	assert_int_equal(w.exchanges[0].purpose, PURPOSE_AGGRESSIVE);
	assert_int_equal(w.ike_sas[0].state, IKE_ESTABLISHED);
	watch_free(&w);
}

static void a_quick_mode_of_three_messages_makes_a_child_sa(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	up1(&w, spi, 100);
	const struct child_sa *c = child_of(&w, spi[0]);

	assert_true(c && c == child_of(&w, spi[1]));
	assert_int_equal(c->how, CREATED_QUICK_MODE);
	assert_int_equal(c->created_by, 0);
	watch_finish(&w);
	assert_int_equal(w.n_child_sas, 1);
	assert_int_equal(w.exchanges[3].purpose, PURPOSE_QUICK_MODE);
	assert_int_equal(w.exchanges[3].outcome, OUTCOME_ANSWERED);
	watch_free(&w);
}

/* A peer with several pairs of selectors asks for all of them at once. */
static void quick_modes_that_run_at_the_same_time_make_a_child_sa_each(void **state)
{
	(void)state;
	for (uint32_t n = 2; n <= 4; n++) {
		struct watch w;
		struct session s = session1();

		watch_open(&w);
		main_mode(&w, &s);
		pass(&w, RTT);
		for (unsigned step = 1; step <= 3; step++) {
			for (uint32_t id = 1; id <= n; id++) {
				quick_step(&w, &s, 0, 0x1000 * id, step);
				pass(&w, MS);
			}
			pass(&w, RTT);
		}
		quick_step(&w, &s, 0, 0x1000 * n, 3);	/* a copy makes none */
		watch_finish(&w);
		assert_int_equal(w.n_child_sas, n);
		for (size_t i = 0; i < w.n_child_sas; i++)
			assert_int_equal(w.child_sas[i].created_by, 0);
		watch_free(&w);
	}
}

static void copies_of_a_quick_mode_make_no_second_child_sa(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	main_mode(&w, &s);
	for (unsigned step = 1; step <= 3; step++)
		for (int copy = 0; copy < 3; copy++) {
			quick_step(&w, &s, 0, 0xbbbb, step);
			pass(&w, S);
		}
	quick_step(&w, &s, 0, 0xbbbb, 1);	/* all over, and one is late */
	watch_finish(&w);
	assert_int_equal(w.n_child_sas, 1);
	assert_int_equal(w.n_exchanges, 4);
	/* two of them copies of the third message */
	assert_int_equal(w.exchanges[3].requests, 6);
	assert_int_equal(w.exchanges[3].responses, 3);
	watch_free(&w);
}

/*
 * Its third message is shorter than its first (RFC 2409 5.5): another one as long completes
 * nothing.
 */
static void noise_under_the_message_id_of_a_quick_mode_makes_no_child_sa(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	main_mode(&w, &s);
	quick_step(&w, &s, 0, 0xbbbb, 1);
	for (uint64_t salt = 7; salt < 10; salt++) {
		pass(&w, MS);
		say1_sealed(&w, &s, 0, IKE1_EXCHANGE_QUICK_MODE, 0xbbbb, 188, salt);
	}
	assert_int_equal(tunnel_at(&w, 0)->n_child_sas, 0);
	quick_step(&w, &s, 0, 0xbbbb, 2);
	pass(&w, RTT);
	quick_step(&w, &s, 0, 0xbbbb, 3);
	assert_int_equal(tunnel_at(&w, 0)->n_child_sas, 1);
	watch_finish(&w);
	assert_int_equal(w.n_child_sas, 1);
	watch_free(&w);
}

/*
 * Whoever is heard otherwise answers: a third message without a second may be forged, and makes
 * nothing.
 */
static void a_quick_mode_without_its_answer_makes_a_child_sa_only_where_one_side_is_unseen(
	void **state)
{
	(void)state;

	for (int one_sided = 0; one_sided < 2; one_sided++) {
		struct watch w;
		struct session s = session1();

		watch_open(&w);
		for (unsigned step = 1; step <= 6; step += one_sided ? 2 : 1) {
			main_mode_step(&w, &s, step);
			pass(&w, RTT);
		}
		quick_step(&w, &s, 0, 0xbbbb, 1);
		pass(&w, 2 * RTT);
		quick_step(&w, &s, 0, 0xbbbb, 3);
		pass(&w, MS);
		quick_step(&w, &s, 0, 0xbbbb, 3);
		assert_int_equal(tunnel_at(&w, 0)->n_child_sas, one_sided);
		watch_close(&w);
	}
}

static void a_quick_mode_replaces_the_sa_that_falls_silent(void **state)
{
	(void)state;
	struct watch w;
	const uint32_t new[2] = { 0xc0000011, 0xc0000012 };

	watch_open(&w);
	struct session s = up1(&w, spi, 100);

	quick_mode(&w, &s, 1, 0xcccc);
	talk(&w, &s, new, 1, 5, 10 * MS);
	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0xd1, LEN1_DELETE_CHILD, 0);
	talk(&w, &s, new, 6, 500, 100 * MS);
	idle(&w, 60 * S);
	assert_int_equal(child_of(&w, new[0])->more->predecessor_id, child_of(&w, spi[0])->id);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_REKEYED);
	assert_int_equal(child_of(&w, spi[0])->more->rekeyed_by, 1);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	watch_close(&w);
}

static void crossing_quick_modes_leave_one_redundant_sa(void **state)
{
	(void)state;
	struct watch w;
	const uint32_t new[2] = { 0xc0000011, 0xc0000012 };

	watch_open(&w);
	struct session s = up1(&w, spi, 100);

	for (unsigned step = 1; step <= 3; step++)
		for (int by = 0; by < 2; by++) {
			quick_step(&w, &s, by, 0xe000u + (uint32_t)by, step);
			pass(&w, MS);
		}
	talk(&w, &s, new, 1, 500, 100 * MS);
	idle(&w, 60 * S);
	assert_int_equal(w.count[EVENT_REKEY_COLLISION], 1);
	assert_int_equal(tunnel_at(&w, 0)->n_child_sas, 3);
	assert_int_equal(child_of(&w, new[0])->more->predecessor_id, child_of(&w, spi[0])->id);
	watch_close(&w);
}

static void a_clear_notify_refuses_what_is_being_set_up(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	main_mode_step(&w, &s, 1);
	pass(&w, RTT);
	struct build b = ike_begin(1, IKE1_EXCHANGE_INFORMATIONAL, 0, 0x77);

	begin_payload(&b, IKE1_PAYLOAD_NOTIFY);
	put_number(&b, 1, 4);
	put_number(&b, 0x0100, 2);
	put_number(&b, IKE1_NOTIFY_NO_PROPOSAL_CHOSEN, 2);
	ike_end(&b);
	say1(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0x77, &b, false);
	idle(&w, 200 * S);
	assert_int_equal(w.count[EVENT_ERROR_NOTIFY], 1);
	watch_finish(&w);
	assert_int_equal(w.n_ike_sas, 1);
	assert_int_equal(w.ike_sas[0].end_reason, END_FAILED);
	assert_int_equal(w.ike_sas[0].ended_by, 1);
	assert_int_equal(w.exchanges[0].outcome, OUTCOME_FAILED);
	watch_free(&w);
}

/* Issue 5, item 4. */
static void clear_messages_change_nothing_of_an_established_sa(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, spi, 100);

	say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0x1000, LEN1_DPD, 0);	/* open */
	const struct ike_sa before = *ike_at(&w, 0x11);
	const struct exchange current[2] = { *before.current[0], *before.current[1] };

	for (int from = 0; from < 2; from++) {
		struct build b = ike_begin(1, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0, 0);

		put_offer1(&b, 60);
		ike_end(&b);
		say1(&w, &s, from, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0, &b, false);
		pass(&w, MS);
		b = ike_begin(1, IKE1_EXCHANGE_INFORMATIONAL, 0, 0x78);
		begin_payload(&b, IKE1_PAYLOAD_NOTIFY);
		put_number(&b, 1, 4);
		put_number(&b, 0x0100, 2);
		put_number(&b, IKE1_NOTIFY_INVALID_COOKIE, 2);
		ike_end(&b);
		say1(&w, &s, from, IKE1_EXCHANGE_INFORMATIONAL, 0x78, &b, false);
		pass(&w, MS);
	}
	const struct ike_sa *after = ike_at(&w, 0x11);

	assert_true(after->life_seconds == before.life_seconds &&
		    after->n_offers == before.n_offers);
	assert_int_equal(after->state, before.state);
	assert_int_equal(after->end_reason, END_NONE);
	assert_int_equal(w.count[EVENT_LIFETIME_ANSWERED], 1);
	assert_int_equal(w.count[EVENT_LIFETIME_OFFERED], 1);
	for (int slot = 0; slot < 2; slot++) {
		assert_true(after->current[slot]->id == current[slot].id);
		assert_int_equal(after->current[slot]->outcome, current[slot].outcome);
		assert_int_equal(after->current[slot]->closed, current[slot].closed);
	}
	assert_int_equal(w.count[EVENT_ERROR_NOTIFY], 2);	/* told, and no more */
	watch_close(&w);
}

/*
 * A Delete, or a notify of any kind, that nobody encrypted (RFC 2408 3.14, 3.15): for the IKE SA,
 * or for an ESP SA.
 */
static void say1_clear(struct watch *w, const struct session *s, int from, uint8_t payload,
		       uint8_t protocol, uint16_t kind)
{
	struct build b = ike_begin(1, IKE1_EXCHANGE_INFORMATIONAL, 0, 0x4000u + kind);

	begin_payload(&b, payload);
	put_number(&b, 1, 4);
	put_number(&b, protocol, 1);
	put_number(&b, protocol == 1 ? 16 : 4, 1);
	put_number(&b, kind, 2);	/* of a Delete: how many SPIs */
	if (protocol == 1) {
		put_number(&b, s->spi_i, 8);
		put_number(&b, s->spi_r, 8);
	} else {
		put_number(&b, spi[from], 4);
	}
	ike_end(&b);
	say1(w, s, from, IKE1_EXCHANGE_INFORMATIONAL, 0, &b, false);
	pass(w, MS);
}

/* Issue 5, item 4. */
static void a_delete_or_an_error_in_clear_ends_nothing(void **state)
{
	(void)state;
	static const uint16_t errors[] = {
		IKE1_NOTIFY_NO_PROPOSAL_CHOSEN, IKE1_NOTIFY_INVALID_COOKIE, 11 /* INVALID-SPI */,
	};
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, spi, 100);

	talk(&w, &s, spi, 1, 100, 100 * MS);
	for (int from = 0; from < 2; from++)
		for (uint8_t protocol = 1; protocol <= 3; protocol += 2) {
			say1_clear(&w, &s, from, IKE1_PAYLOAD_DELETE, protocol, 1);
			for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
				say1_clear(&w, &s, from, IKE1_PAYLOAD_NOTIFY, protocol, errors[i]);
		}
	talk(&w, &s, spi, 101, 200, 100 * MS);
	idle(&w, 60 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	assert_int_equal(child_of(&w, spi[0])->end_reason, END_NONE);
	assert_int_equal(esp_at(&w, spi[0])->end_reason, END_NONE);
	assert_int_equal(w.count[EVENT_IKE_SA_ENDED] + w.count[EVENT_CHILD_SA_ENDED] +
				 w.count[EVENT_ESP_SA_ENDED],
			 0);
	watch_close(&w);
}

static void an_error_in_clear_with_made_up_cookies_is_no_ike_sa(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, spi, 100), made_up = s;

	made_up.spi_r = 0;
	for (uint64_t i = 1; i <= 10; i++) {
		made_up.spi_i = 0x99 * i;
		say1_clear(&w, &made_up, 1, IKE1_PAYLOAD_NOTIFY, 3, 11 /* INVALID-SPI */);
	}
	assert_int_equal(w.tracker->tunnels[0].n_ike_sas, 1);
	assert_int_equal(w.count[EVENT_ERROR_NOTIFY], 10);
	assert_int_equal(seen(&w, EVENT_ERROR_NOTIFY, 0)->value[2], spi[1]);
	assert_int_equal(seen(&w, EVENT_ERROR_NOTIFY, 0)->side, 1);
	watch_close(&w);
}

static void a_phase_1_that_is_floated_to_4500_stays_one(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	s.peer[0] = (struct peer){ NAT, 1025 };
	for (unsigned step = 1; step <= 6; step++) {
		if (step == 5) {
			s.peer[0].port = 31001;
			s.peer[1].port = 4500;
		}
		main_mode_step(&w, &s, step);
		pass(&w, RTT);
	}
	quick_mode(&w, &s, 0, 0xaaaa);
	esp_in_udp(&w, s.peer[0], s.peer[1], spi[0], 1);
	esp_in_udp(&w, s.peer[1], s.peer[0], spi[1], 1);
	assert_int_equal(tunnels_living(&w), 1);
	assert_int_equal(ike_at(&w, 0x11)->state, IKE_ESTABLISHED);
	watch_finish(&w);
	assert_int_equal(w.n_ike_sas, 1);
	assert_int_equal(w.n_child_sas, 1);
	watch_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(main_mode_is_three_exchanges_and_gives_the_lifetime),
		cmocka_unit_test(aggressive_mode_is_complete_with_its_third_message),
		cmocka_unit_test(a_quick_mode_of_three_messages_makes_a_child_sa),
		cmocka_unit_test(quick_modes_that_run_at_the_same_time_make_a_child_sa_each),
		cmocka_unit_test(copies_of_a_quick_mode_make_no_second_child_sa),
		cmocka_unit_test(noise_under_the_message_id_of_a_quick_mode_makes_no_child_sa),
		cmocka_unit_test(
		a_quick_mode_without_its_answer_makes_a_child_sa_only_where_one_side_is_unseen),
		cmocka_unit_test(a_quick_mode_replaces_the_sa_that_falls_silent),
		cmocka_unit_test(crossing_quick_modes_leave_one_redundant_sa),
		cmocka_unit_test(a_clear_notify_refuses_what_is_being_set_up),
		cmocka_unit_test(clear_messages_change_nothing_of_an_established_sa),
		cmocka_unit_test(a_delete_or_an_error_in_clear_ends_nothing),
		cmocka_unit_test(an_error_in_clear_with_made_up_cookies_is_no_ike_sa),
		cmocka_unit_test(a_phase_1_that_is_floated_to_4500_stays_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
