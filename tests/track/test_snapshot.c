/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

#include <string.h>

static const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

struct kept {
	char suite[5][24], offer[5][24], vendor[64];
	size_t n_offered, n_vendors;
	int64_t key_bits, life;
	char unobservable[4][160];
	size_t n_unobservable;
	unsigned n_tunnels;
	enum tunnel_state state;
};

static void text_keep(char *to, size_t size, const char *from)
{
	assert_true(strlen(from ? from : "-") < size);
	strcpy(to, from ? from : "-");
}

static void offer_keep(char to[5][24], const struct record_offer *o)
{
	text_keep(to[0], 24, o->encryption);
	text_keep(to[1], 24, o->integrity);
	text_keep(to[2], 24, o->prf);
	text_keep(to[3], 24, o->group);
	text_keep(to[4], 24, o->auth);
}

static void keep_ike(void *user, const struct record_ike_sa *r)
{
	struct kept *k = user;

	offer_keep(k->suite, &r->suite);
	k->key_bits = r->suite.key_bits;
	k->life = r->suite.life_seconds;
	k->n_offered = r->n_offered;
	if (r->n_offered > 0)
		offer_keep(k->offer, &r->offered[0]);
	k->n_vendors = r->n_vendor_ids;
}

static void keep_tunnel(void *user, const struct record_tunnel *r)
{
	struct kept *k = user;

	k->n_tunnels++;
	k->state = r->state;
	k->n_unobservable = r->n_unobservable;
	for (size_t i = 0; i < r->n_unobservable; i++)
		text_keep(k->unobservable[i], sizeof(k->unobservable[0]), r->unobservable[i]);
}

static void open_with(struct watch *w, struct kept *k)
{
	const struct tracker_handler handler = {
		.sink = { .user = k, .ike_sa = keep_ike, .tunnel = keep_tunnel }
	};

	memset(k, 0, sizeof(*k));
	watch_init(w);
	w->tracker = tracker_new(&w->settings, &w->key, &handler);
	assert_non_null(w->tracker);
}

static void suites_are_told_by_name_and_what_is_absent_is_null(void **state)
{
	(void)state;
	struct watch w;
	struct kept k;
	struct session s = session_between(GW_A, GW_B, 0x11);

	open_with(&w, &k);
	set_up(&w, &s);
	tracker_finish(w.tracker, true);
	assert_string_equal(k.suite[0], "AES_CBC");
	assert_string_equal(k.suite[1], "HMAC_SHA2_256_128");
	assert_string_equal(k.suite[2], "PRF_HMAC_SHA2_256");
	assert_string_equal(k.suite[3], "CURVE25519");
	assert_string_equal(k.suite[4], "-");		/* IKEv2 does not say */
	assert_true(k.key_bits == 256 && k.life == RECORD_UNKNOWN);
	assert_int_equal(k.n_offered, 1);
	assert_string_equal(k.offer[3], "CURVE25519");
	tracker_free(w.tracker);
}

static void the_lifetime_of_phase_1_is_told(void **state)
{
	(void)state;
	struct watch w;
	struct kept k;
	struct session s = session_between(GW_A, GW_B, 0x11);

	open_with(&w, &k);
	main_mode(&w, &s);
	tracker_finish(w.tracker, true);
	assert_true(k.life == 28800 && k.key_bits == 256);
	assert_int_equal(k.n_offered, 1);
	assert_string_not_equal(k.suite[4], "-");
	tracker_free(w.tracker);
}

static void what_cannot_be_seen_is_said_in_sentences(void **state)
{
	(void)state;
	struct watch w;
	struct kept k;
	const struct session s = session_between(GW_A, GW_B, 0x11);

	open_with(&w, &k);
	talk(&w, &s, spi, 1, 20, 100 * MS);
	tracker_finish(w.tracker, true);
	assert_int_equal(k.n_unobservable, 1);
	assert_non_null(strstr(k.unobservable[0], "no IKE was seen"));
	tracker_free(w.tracker);
}

static void a_state_that_is_unknown_has_its_reason(void **state)
{
	(void)state;
	struct watch w;
	struct kept k;
	struct session s = session_between(GW_A, GW_B, 0x11);

	open_with(&w, &k);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 20, 100 * MS);
	assert_int_equal(k.n_unobservable, 0);
	delete_ike(&w, &s, 1);
	idle(&w, 20 * S);
	for (uint32_t seq = 1; seq < 20; seq++) {
		esp_between(&w, GW_A, GW_B, 0xc0000009, seq);
		pass(&w, S);
	}
	tracker_finish(w.tracker, true);
	assert_int_equal(k.n_unobservable, 1);
	assert_non_null(strstr(k.unobservable[0], "whether it is up cannot be judged"));
	tracker_free(w.tracker);
}

static void an_ike_sa_from_before_the_capture_that_nobody_answered_yet_may_be_up(void **state)
{
	(void)state;
	struct watch w;
	struct kept k;
	struct session s = session_between(GW_A, GW_B, 0x11);

	open_with(&w, &k);
	ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD);
	pass(&w, S);
	tracker_finish(w.tracker, true);
	assert_int_equal(k.state, TUNNEL_UNKNOWN);
	assert_int_equal(k.n_unobservable, 1);
	assert_non_null(strstr(k.unobservable[0], "nor any answer: whether it is up "
						  "cannot be judged"));
	tracker_free(w.tracker);
}

static void a_message_that_begins_nothing_makes_no_tunnel(void **state)
{
	(void)state;
	struct watch w;
	struct kept k;
	struct session s = session_between(GW_A, GW_B, 0);

	s.spi_r = 0;
	open_with(&w, &k);
	say(&w, &s, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, LEN_AUTH);
	tracker_finish(w.tracker, true);
	assert_int_equal(k.n_tunnels, 0);
	tracker_free(w.tracker);
}

static void a_tunnel_of_which_only_an_alert_tells_is_told_without_a_story(void **state)
{
	(void)state;
	struct watch w;
	struct kept k;
	struct session s = session_between(GW_A, GW_B, 0);

	s.spi_r = 0;
	open_with(&w, &k);
	say(&w, &s, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, LEN_AUTH);
	assert_non_null(tracker_tunnel(w.tracker, 0));
	tracker_touch(w.tracker, 0);
	tracker_finish(w.tracker, true);
	assert_int_equal(k.n_tunnels, 1);
	assert_int_equal(k.n_unobservable, 1);
	assert_non_null(strstr(k.unobservable[0], "no SA of it was seen"));
	tracker_free(w.tracker);
}

static void an_ikev1_offer_names_its_key_as_one_of_ikev2_does(void **state)
{
	(void)state;
	struct watch w;
	struct kept k;
	struct session one = session1(), two = session_between(GW_A, GW_B, 0x11);

	open_with(&w, &k);
	main_mode(&w, &one);
	tracker_finish(w.tracker, true);
	assert_string_equal(k.offer[0], "AES_CBC_256");
	assert_string_equal(k.suite[0], "AES_CBC");
	tracker_free(w.tracker);
	open_with(&w, &k);
	set_up(&w, &two);
	tracker_finish(w.tracker, true);
	assert_string_equal(k.offer[0], "AES_CBC_256");
	tracker_free(w.tracker);
}

static void unchanged_objects_are_told_once(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 20, 100 * MS);
	tracker_flush(w.tracker);
	uint64_t before = w.digest;

	tracker_flush(w.tracker);
	assert_true(w.digest == before);
	esp_between(&w, GW_A, GW_B, spi[0], 20);	/* a copy changes the record as well */
	tracker_flush(w.tracker);
	assert_true(w.digest != before);
	assert_int_equal(w.esp_sas[0].duplicates, 1);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(suites_are_told_by_name_and_what_is_absent_is_null),
		cmocka_unit_test(the_lifetime_of_phase_1_is_told),
		cmocka_unit_test(what_cannot_be_seen_is_said_in_sentences),
		cmocka_unit_test(a_state_that_is_unknown_has_its_reason),
		cmocka_unit_test(
			an_ike_sa_from_before_the_capture_that_nobody_answered_yet_may_be_up),
		cmocka_unit_test(a_message_that_begins_nothing_makes_no_tunnel),
		cmocka_unit_test(a_tunnel_of_which_only_an_alert_tells_is_told_without_a_story),
		cmocka_unit_test(an_ikev1_offer_names_its_key_as_one_of_ikev2_does),
		cmocka_unit_test(unchanged_objects_are_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
