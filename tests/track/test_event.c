/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"
#include "track/tracker.h"

#include <stdio.h>

struct lines {
	char text[64][260], kind[64][40];
	uint64_t frame[64];
	size_t n;
	size_t child_sas, ended_child_sas, esp_sas, ended_esp_sas;
};

static void keep(void *user, const struct record_event *r)
{
	struct lines *l = user;

	assert_true(l->n < 64);
	snprintf(l->text[l->n], sizeof(l->text[0]), "%s", r->text);
	snprintf(l->kind[l->n], sizeof(l->kind[0]), "%s", r->kind);
	l->frame[l->n++] = r->n_frames ? r->frames[0] : 0;
}

static const char *line(const struct lines *l, const char *kind)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->kind[i], kind) == 0)
			return l->text[i];
	return "";
}

static void the_history_is_told_in_sentences(void **state)
{
	(void)state;
	static struct lines l;
	struct watch w;
	const struct tracker_handler handler = { .sink = { .user = &l, .event = keep } };
	struct session s = session_between(GW_A, GW_B, 0x1122334455667788);
	const uint32_t spi[2] = { 0xc0000001, 0xc0000002 }, new[2] = { 0xc0000011, 0xc0000012 };

	watch_init(&w);
	w.tracker = tracker_new(&w.settings, &w.key, &handler);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 20, 100 * MS);
	rekey_child(&w, &s, 1);
	talk(&w, &s, new, 1, 20, 100 * MS);
	delete_child(&w, &s, 1);
	talk(&w, &s, new, 21, 200, 100 * MS);
	idle(&w, 60 * S);
	delete_ike(&w, &s, 0);
	idle(&w, 60 * S);
	assert_string_equal(line(&l, "ike_sa_created"), "192.0.2.1 begins an IKEv2 SA, "
							"initiator SPI 1122334455667788");
	assert_string_equal(line(&l, "ike_sa_established"),
			    "IKE SA 1122334455667788:eedd3344aa997788 is established, "
			    "initiator 192.0.2.1");
	assert_string_equal(line(&l, "esp_sa_first"), "first packet on SPI c0000001 to "
						      "203.0.113.1, sequence 1");
	assert_string_equal(line(&l, "child_sa_created"), "child SA c0000001/? is created "
							  "by 192.0.2.1");
	/* the new one's SPIs have not spoken yet: nothing is said of them */
	assert_string_equal(line(&l, "child_sa_rekeyed"),
			    "child SA c0000001/c0000002 was rekeyed by 203.0.113.1 at "
			    "the age of 2 s");
	assert_string_equal(line(&l, "child_sa_ended"), "child SA c0000001/c0000002 ended: "
							"rekeyed by 203.0.113.1");
	tracker_free(w.tracker);
}

static void count_exchange(void *user, const struct record_exchange *r)
{
	struct lines *l = user;

	(void)r;
	snprintf(l->kind[l->n++], sizeof(l->kind[0]), "exchange");
}

static void count_traffic(void *user, const struct record_traffic *r)
{
	(void)user;
	fail_msg("traffic of %lld packets is told", (long long)r->packets);
}

static void count_child_sa(void *user, const struct record_child_sa *r)
{
	struct lines *l = user;

	l->ended_child_sas += r->end_reason != END_NONE;
	l->child_sas++;
}

static void count_esp_sa(void *user, const struct record_esp_sa *r)
{
	struct lines *l = user;

	l->ended_esp_sas += r->end_reason != END_NONE;
	l->esp_sas++;
}

/* Their sink adds up what they say. */
static void without_details_sas_are_told_once_when_nothing_more_comes_of_them(void **state)
{
	(void)state;
	static struct lines l;
	struct watch w;
	const struct tracker_handler handler = {
		.sink = { .user = &l, .child_sa = count_child_sa, .esp_sa = count_esp_sa },
	};
	struct session s = session_between(GW_A, GW_B, 0x1122334455667788);
	uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

	watch_init(&w);
	w.tracker = tracker_new(&w.settings, &w.key, &handler);
	tracker_without_details(w.tracker);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 20, 100 * MS);
	rekey_child(&w, &s, 1);
	spi[0] += 2;
	spi[1] += 2;
	talk(&w, &s, spi, 1, 20, 100 * MS);
	delete_child(&w, &s, 1);
	idle(&w, 2 * S);
	assert_int_equal(l.child_sas + l.esp_sas, 0);	/* packets may still come */
	idle(&w, w.settings.ended_keep + 60 * S);
	assert_int_equal(l.child_sas, 1);		/* the old one is forgotten */
	assert_int_equal(l.esp_sas, 2);
	tracker_leave(w.tracker);
	tracker_finish(w.tracker, true);
	assert_int_equal(l.child_sas, 2);
	assert_int_equal(l.ended_child_sas, 2);
	assert_int_equal(l.esp_sas, 4);
	assert_int_equal(l.ended_esp_sas, 4);
	tracker_free(w.tracker);
}

static void without_details_a_tunnel_tells_that_it_was_heard_and_no_more(void **state)
{
	(void)state;
	static struct lines l;
	struct watch w;
	const struct tracker_handler handler = {
		.sink = { .user = &l, .event = keep, .exchange = count_exchange,
		.traffic = count_traffic },
	};
	struct session a = session_between(GW_A, GW_B, 0x1122334455667788),
		       c = session_between(GW_A, GW_C, 0x2233445566778899);
	const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

	watch_init(&w);
	w.tracker = tracker_new(&w.settings, &w.key, &handler);
	tracker_without_details(w.tracker);
	set_up(&w, &a);
	set_up(&w, &c);
	talk(&w, &a, spi, 1, 20, 100 * MS);
	idle(&w, 120 * S);
	delete_ike(&w, &a, 0);
	tracker_note(w.tracker, 1, w.now, "note", "a row about no tunnel");
	assert_int_equal(l.n, 0);
	tracker_finish(w.tracker, true);
	assert_int_equal(l.n, 2);	/* with the tunnels, then all is known */
	assert_string_equal(l.text[0], "");
	tracker_free(w.tracker);
}

static void every_kind_has_a_text_of_its_own(void **state)
{
	(void)state;
	for (int a = 0; a < EVENT_KINDS; a++) {
		assert_non_null(event_kind_text((enum event_kind)a));
		for (int b = 0; b < a; b++)
			assert_string_not_equal(event_kind_text((enum event_kind)a),
						event_kind_text((enum event_kind)b));
	}
}

static void every_kind_of_the_history_and_no_other_has_a_sentence(void **state)
{
	(void)state;
	for (int kind = 0; kind < EVENT_KINDS; kind++)
		assert_int_equal(event_has_sentence((enum event_kind)kind),
				 event_is_history((enum event_kind)kind));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_history_is_told_in_sentences),
		cmocka_unit_test(
			without_details_sas_are_told_once_when_nothing_more_comes_of_them),
		cmocka_unit_test(without_details_a_tunnel_tells_that_it_was_heard_and_no_more),
		cmocka_unit_test(every_kind_has_a_text_of_its_own),
		cmocka_unit_test(every_kind_of_the_history_and_no_other_has_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
