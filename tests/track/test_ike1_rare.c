/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IKEv1 messages that are rare, out of place, or somebody else's. */
#include "track/check.h"
#include "track/talk.h"

static const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

static void a_phase_1_that_speaks_from_another_address_takes_its_tunnel_along(void **state)
{
	(void)state;

	for (int mover = 0; mover < 2; mover++) {
		struct watch w;

		watch_open(&w);
		struct session s = up1(&w, spi, 10);

		s.peer[mover].addr = NAT;
		say1_sealed(&w, &s, mover, IKE1_EXCHANGE_INFORMATIONAL, 0x1000, LEN1_DPD, 0);
		pass(&w, RTT);
		say1_sealed(&w, &s, 1 - mover, IKE1_EXCHANGE_INFORMATIONAL, 0x2000, LEN1_DPD, 0);
		assert_int_equal(tunnels_living(&w), 1);
		assert_int_equal(tunnel_at(&w, 0)->n_ike_sas, 1);
		assert_int_equal(w.count[EVENT_ADDRESS_MOVED], 1);
		assert_int_equal(seen(&w, EVENT_ADDRESS_MOVED, 0)->side, mover);
		watch_close(&w);
	}
}

/*
 * Transactions (XAUTH, mode config), new group mode: a row with its answer, and no end and no
 * beginning.
 */
static void a_transaction_is_an_exchange_and_no_more(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	struct session s = up1(&w, spi, 10);

	for (uint32_t i = 0; i < 2; i++) {
		uint8_t exchange =
			i == 0 ? IKE1_EXCHANGE_TRANSACTION : IKE1_EXCHANGE_NEW_GROUP_MODE;

		say1_sealed(&w, &s, 1, exchange, 0x5000 + i, 108, 0);
		pass(&w, RTT);
		say1_sealed(&w, &s, 0, exchange, 0x5000 + i, 108, 1);
		pass(&w, S);
	}
	quick_step(&w, &s, 1, 0xcccc, 1);
	/* its slot is busy */
	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_TRANSACTION, 0x5002, 108, 0);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	assert_int_equal(tunnel_at(&w, 0)->n_child_sas, 1);
	watch_finish(&w);
	unsigned transactions = 0, others = 0;

	for (size_t i = 0; i < w.n_exchanges; i++) {
		bool answered = w.exchanges[i].requests == 1 && w.exchanges[i].responses == 1 &&
				w.exchanges[i].outcome == OUTCOME_ANSWERED;

		transactions += w.exchanges[i].purpose == PURPOSE_TRANSACTION && answered;
		others += w.exchanges[i].purpose == PURPOSE_OTHER && answered;
	}
	assert_int_equal(transactions, 1);
	assert_int_equal(others, 1);
	watch_free(&w);
}

/* The SPIs of an SA, or of one that is begun, under the other version: nobody's. */
static void spis_under_another_version_are_nobodys(void **state)
{
	(void)state;
	struct watch w;
	struct session one = session1(), two = session_between(GW_A, GW_B, 0x22),
		       half = session_between(GW_A, GW_B, 0x33);

	watch_open(&w);
	main_mode(&w, &one);
	set_up(&w, &two);
	say_init(&w, &half, false);
	struct session half1 = session_between(GW_A, GW_B, 0x44);

	main_mode_step(&w, &half1, 1);
	const uint64_t rows = w.tracker->ike_pool.used;

	/* IKEv2 with the cookies of a phase 1 */
	dpd(&w, &one, 0);
	say1_sealed(&w, &two, 0, IKE1_EXCHANGE_INFORMATIONAL, 0x1000, LEN1_DPD, 0);
	/* main mode with the SPI of an IKE_SA_INIT */
	main_mode_step(&w, &half, 1);
	say_init(&w, &half1, false);				/* and the other way round */
	assert_int_equal(w.tracker->ike_pool.used, rows);
	assert_int_equal(ike_at(&w, 0x11)->major, 1);
	assert_int_equal(ike_at(&w, 0x22)->major, 2);
	assert_int_equal(ike_at(&w, 0x33)->current[0]->requests, 1);
	assert_int_equal(ike_at(&w, 0x44)->current[0]->requests, 1);
	watch_close(&w);
}

/*
 * A clear message of main mode that has neither an SA nor a key: it belongs to the step that it is
 * in.
 */
static void a_vendor_id_alone_belongs_to_the_step_it_comes_in(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	for (int started = 0; started < 2; started++) {
		struct build b = ike_begin(1, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0, 0);

		begin_payload(&b, IKE1_PAYLOAD_VENDOR_ID);
		put_noise(&b, 5, 16);
		ike_end(&b);
		say1(&w, &s, 0, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0, &b, true);
		pass(&w, MS);
		assert_int_equal(ike_at(&w, 0x11)->current[0]->purpose, PURPOSE_MAIN_MODE_SA);
		if (!started)
			main_mode_step(&w, &s, 1);
	}
	assert_int_equal(tunnel_at(&w, 0)->n_ike_sas, 1);
	watch_close(&w);
}

static void a_status_in_clear_is_no_error(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	main_mode_step(&w, &s, 1);
	struct build b = ike_begin(1, IKE1_EXCHANGE_INFORMATIONAL, 0, 0x77);

	begin_payload(&b, IKE1_PAYLOAD_NOTIFY);
	put_number(&b, 1, 4);
	put_number(&b, 0x0100, 2);
	put_number(&b, IKE1_NOTIFY_FIRST_STATUS + 2, 2);
	ike_end(&b);
	say1(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0x77, &b, false);
	assert_int_equal(w.count[EVENT_ERROR_NOTIFY], 0);
	assert_int_equal(ike_at(&w, 0x11)->current[0]->outcome, OUTCOME_PENDING);
	watch_close(&w);
}

/* With 3DES and MD5 all lengths differ: 68 a child SA's Delete, 76 that of the IKE SA, 84 DPD. */
static void set_up_with_3des_and_md5(struct watch *w, const struct session *s)
{
	for (unsigned step = 1; step <= 2; step++) {
		struct build b = ike_begin(1, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0, 0);

		begin_payload(&b, IKE1_PAYLOAD_SA);
		put_number(&b, 0x0000000100000001, 8);
		size_t proposal = begin_substructure(&b);

		put_number(&b, 0x01010001, 4);
		size_t transform = begin_substructure(&b);

		put_number(&b, 0x01010000, 4);
		put_tv(&b, 1, 5);
		put_tv(&b, 2, 1);
		put_tv(&b, 3, 1);
		put_tv(&b, 4, 2);
		end_substructure(&b, transform);
		end_substructure(&b, proposal);
		ike_end(&b);
		say1(w, s, step == 1 ? 0 : 1, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0, &b, step == 1);
		pass(w, RTT);
	}
	for (unsigned step = 3; step <= 6; step++) {
		main_mode_step(w, s, step);
		pass(w, RTT);
	}
}

enum { LEN_DES_DELETE_IKE = 76, LEN_DES_DPD = 84 };

/* What can only have been a Delete, and was none, is told as such: spoof_hint lives on it. */
static void where_lengths_differ_a_delete_is_certain_and_its_forgery_is_told(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	set_up_with_3des_and_md5(&w, &s);
	quick_mode(&w, &s, 0, 0xaaaa);
	talk(&w, &s, spi, 1, 50, 100 * MS);
	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0xd2, LEN_DES_DELETE_IKE, 0);
	talk(&w, &s, spi, 51, 60, S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_DELETED);
	idle(&w, 20 * S);
	say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0x1000, LEN_DES_DPD, 0);
	pass(&w, RTT);
	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0x2000, LEN_DES_DPD, 0);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	assert_int_equal(seen(&w, EVENT_IKE_SA_REVISED, 0)->side, 1);
	assert_int_equal(seen(&w, EVENT_IKE_SA_REVISED, 0)->value[1], 1);
	watch_finish(&w);
	bool deleted = false;

	for (size_t i = 0; i < w.n_exchanges; i++)
		deleted |= w.exchanges[i].purpose == PURPOSE_DELETE_IKE;
	assert_true(deleted);
	watch_free(&w);
}

/*
 * Only what the responder sends is captured: its first message says who it is, and what it chose.
 */
static void an_answer_alone_tells_who_began_and_what_was_chosen(void **state)
{
	(void)state;
	for (int aggressive = 0; aggressive < 2; aggressive++) {
		struct watch w;
		struct session s = session1();

		watch_open(&w);
		if (aggressive) {
			struct build b = ike_begin(1, IKE1_EXCHANGE_AGGRESSIVE, 0, 0);

			put_offer1(&b, 3600);
			ike_end(&b);
			say1(&w, &s, 1, IKE1_EXCHANGE_AGGRESSIVE, 0, &b, false);
		} else {
			main_mode_step(&w, &s, 2);
		}

		const struct ike_sa *sa = ike_at(&w, 0x11);

		assert_int_equal(sa->initiator_side, 0);
		assert_int_equal(sa->encr, 7);
		assert_int_equal(sa->auth, 1);
		assert_int_equal(sa->n_offers, 0);
		assert_int_equal(w.count[EVENT_LIFETIME_ANSWERED], 1);
		assert_int_equal(w.count[EVENT_LIFETIME_OFFERED], 0);
		assert_int_equal(w.count[EVENT_IKE_SA_CREATED], 1);
		assert_int_equal(seen(&w, EVENT_IKE_SA_CREATED, 0)->side, 0);
		assert_int_equal(tunnel_at(&w, 0)->more->ike[0].proven_unseen, 1);
		watch_close(&w);
	}
}

/*
 * From mid-life no suite is known, and no length: what comes again every few seconds without an
 * echo is a probe.
 */
static void without_a_suite_what_repeats_in_seconds_is_a_probe_and_what_comes_at_once_is_none(
	void **state)
{
	static const nsec apart[] = { 5 * NSEC_PER_S, 20 * MS, 3600 * NSEC_PER_S };

	(void)state;
	for (size_t n = 0; n < sizeof(apart) / sizeof(apart[0]); n++) {
		struct watch w;
		struct session s = session1();
		unsigned probes = 0;

		watch_open(&w);
		for (uint32_t id = 1; id <= 5; id++) {
			say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0x1000 * id, 108, id);
			pass(&w, apart[n]);
		}
		watch_finish(&w);
		for (size_t i = 0; i < w.n_exchanges; i++)
			probes += w.exchanges[i].purpose == PURPOSE_DPD;
		assert_int_equal(probes, n == 0 ? 5 : 0);
		watch_free(&w);
	}
}

/*
 * From mid-life: a tunnel without its phase 1, and a one-way message of the length of a Delete;
 * then `silence` on its child SA, or not, or its echo, and another Quick Mode 3 s later.
 */
static void one_way_message(bool silence, bool echo)
{
	static const uint32_t old[2] = { 0xc0000001, 0xc0000002 }, new[2] = { SECOND, SECOND + 1 };
	struct watch w;
	struct session s = session1();

	watch_open(&w);
	talk(&w, &s, old, 5000, 6000, 100 * MS);
	nsec at = w.now;

	say1_sealed(&w, &s, 1, IKE1_EXCHANGE_INFORMATIONAL, 0x77, LEN1_DELETE_CHILD, 1);
	if (echo) {
		pass(&w, RTT);
		say1_sealed(&w, &s, 0, IKE1_EXCHANGE_INFORMATIONAL, 0x78, LEN1_DELETE_CHILD, 2);
	}
	if (silence)
		pass(&w, 3 * S);
	else
		talk(&w, &s, old, 6001, 6030, 100 * MS);
	quick_mode(&w, &s, 1, 0xaaaa);
	talk(&w, &s, new, 1, 900, 100 * MS);

	const struct child_sa *o = child_of(&w, old[0]), *c = child_of(&w, new[0]);

	if (silence && !echo) {
		assert_int_equal(o->end_reason, END_DELETED);
		assert_int_equal(o->ended_by, 1);
		assert_true(o->more->ended == at);
		assert_int_equal(c->more->predecessor_id, 0);
	} else {
		assert_int_equal(o->end_reason, END_REKEYED);
		assert_int_equal(c->more->predecessor_id, o->id);
	}
	watch_close(&w);
}

static void without_a_suite_the_silence_after_it_tells_a_delete(void **state)
{
	(void)state;
	one_way_message(true, false);
}

static void without_a_suite_what_traffic_goes_on_after_was_none(void **state)
{
	(void)state;
	one_way_message(false, false);
}

static void without_a_suite_what_has_its_echo_was_a_probe_and_none(void **state)
{
	(void)state;
	one_way_message(true, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_phase_1_that_speaks_from_another_address_takes_its_tunnel_along),
		cmocka_unit_test(a_transaction_is_an_exchange_and_no_more),
		cmocka_unit_test(spis_under_another_version_are_nobodys),
		cmocka_unit_test(a_vendor_id_alone_belongs_to_the_step_it_comes_in),
		cmocka_unit_test(a_status_in_clear_is_no_error),
		cmocka_unit_test(
		without_a_suite_what_repeats_in_seconds_is_a_probe_and_what_comes_at_once_is_none),
		cmocka_unit_test(without_a_suite_the_silence_after_it_tells_a_delete),
		cmocka_unit_test(without_a_suite_what_traffic_goes_on_after_was_none),
		cmocka_unit_test(without_a_suite_what_has_its_echo_was_a_probe_and_none),
		cmocka_unit_test(an_answer_alone_tells_who_began_and_what_was_chosen),
		cmocka_unit_test(where_lengths_differ_a_delete_is_certain_and_its_forgery_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
