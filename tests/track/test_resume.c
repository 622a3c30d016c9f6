/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

enum { SPI = 0xc0000001, SPI2 = 0xc0000002 };

static const uint32_t spi[2] = { SPI, SPI2 };

/* Packets go on meanwhile, but nobody sees them. */
static void unwatched(struct watch *w, nsec span)
{
	nsec from = w->now;

	w->now += span;
	tracker_unwatched(w->tracker, from, w->now);
	tracker_check(w->tracker);
}

static void packets_that_nobody_watched_are_not_lost(void **state)
{
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	(void)state;
	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 100, 10 * MS);
	unwatched(&w, 3600 * S);
	/* more than any network could lose at once */
	talk(&w, &s, spi, 360101, 360200, 10 * MS);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 0);
	assert_int_equal(esp_at(&w, SPI)->packets, 200);
	assert_int_equal(esp_at(&w, SPI)->seq_first, 1);
	assert_int_equal(esp_at(&w, SPI)->seq_high, 360200);
	assert_int_equal(w.count[EVENT_ESP_SEQ_JUMP] + w.count[EVENT_ESP_SEQ_RESET] +
				 w.count[EVENT_ESP_GAP],
			 0);
	assert_int_equal(w.count[EVENT_ESP_SA_FIRST], 2);
	assert_int_equal(w.count[EVENT_UNWATCHED], 1);
	/* what is lost from then on is */
	esp_between(&w, GW_A, GW_B, SPI, 360211);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 10);
	watch_close(&w);
}

static void a_request_whose_answer_nobody_could_see_is_not_observable(void **state)
{
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	(void)state;
	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 10, 10 * MS);
	ask(&w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, 0, 80);
	unwatched(&w, 600 * S);
	assert_int_equal(ike_at(&w, 0x11)->current[0]->outcome, OUTCOME_NOT_OBSERVABLE);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);
	idle(&w, 200 * S);
	assert_int_equal(ike_at(&w, 0x11)->end_reason, END_NONE);	/* nor is its peer lost */
	watch_close(&w);
}

static void a_tunnel_that_was_silent_while_nobody_watched_is_up_until_it_is_silent_again(
	void **state)
{
	struct watch w;

	(void)state;
	watch_open(&w);
	for (uint32_t seq = 100; seq < 110; seq++) {	/* ESP alone */
		esp_between(&w, GW_A, GW_B, SPI, seq);
		esp_between(&w, GW_B, GW_A, SPI2, seq);
		pass(&w, 10 * MS);
	}
	idle(&w, 11 * S);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UP);
	unwatched(&w, 3600 * S);
	idle(&w, 60 * S);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UP);
	idle(&w, w.settings.idle);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_DOWN);
	watch_close(&w);
}

static void what_was_replaced_while_nobody_watched_ended_then_and_nobody_knows_how(void **state)
{
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	const uint32_t next[2] = { 0xc0000011, 0xc0000012 };
	nsec last;

	(void)state;
	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 100, 10 * MS);
	last = esp_at(&w, SPI2)->last;
	unwatched(&w, 3600 * S);
	talk(&w, &s, next, 5000, 5100, 10 * MS);
	idle(&w, 60 * S);
	assert_int_equal(esp_at(&w, SPI)->end_reason, END_UNKNOWN);
	assert_int_equal(child_of(&w, SPI)->end_reason, END_UNKNOWN);
	assert_int_equal(child_of(&w, SPI)->more->ended, last);
	assert_int_equal(w.count[EVENT_CHILD_SA_REKEYED] + w.count[EVENT_ESP_SA_REPLACED], 0);
	/* and should it speak after all, it never had */
	esp_between(&w, GW_A, GW_B, SPI, 101);
	assert_int_equal(esp_at(&w, SPI)->end_reason, END_NONE);
	assert_int_equal(child_of(&w, SPI)->end_reason, END_NONE);
	watch_close(&w);
}

static void a_minute_that_goes_on_after_nobody_watched_is_told_once(void **state)
{
	struct watch w;
	uint64_t told;

	(void)state;
	watch_open(&w);
	w.now = T0 - T0 % (60 * S) + 5 * S;
	for (uint32_t seq = 1; seq <= 10; seq++)
		esp_between(&w, GW_A, GW_B, SPI, seq);
	unwatched(&w, 10 * S);
	for (uint32_t seq = 21; seq <= 30; seq++)
		esp_between(&w, GW_A, GW_B, SPI, seq);
	assert_int_equal(w.count[EVENT_TRAFFIC], 0);
	pass(&w, 60 * S);
	esp_between(&w, GW_A, GW_B, SPI, 31);
	assert_int_equal(w.count[EVENT_TRAFFIC], 1);
	told = (uint64_t)seen(&w, EVENT_TRAFFIC, 0)->value[0];
	assert_int_equal(told, 20);
	watch_close(&w);
}

/* ---- what the history knows better ----------------------------------------- */

/* A row of that SA as it was written a minute after the image. */
static struct record_esp_sa later_row(const struct watch *w, const struct esp_sa *sa)
{
	const struct esp_ends is = tracker_esp_ends(w->tracker, sa);

	return (struct record_esp_sa){
		.id = sa->id, .protocol = (enum esp_protocol)sa->protocol,
		.encap = (enum encap)sa->encap, .spi = sa->spi,
		.src = { is.src, sa->src_port }, .dst = { is.dst, sa->dst_port },
		.first = sa->first, .last = sa->last + 60 * S,
		.packets = 90, .bytes = 9000, .seq_first = 1, .seq_last = 100, .lost = 10,
		.late = 2, .duplicates = 3,
	};
}

static void an_esp_sa_goes_on_from_its_row_when_that_is_later_than_its_image(void **state)
{
	struct watch w;
	struct record_esp_sa r;
	nsec bucket, image_last;

	(void)state;
	watch_open(&w);
	for (uint32_t seq = 1; seq <= 20; seq++)
		esp_between(&w, GW_A, GW_B, SPI, seq);
	image_last = esp_at(&w, SPI)->last;
	r = later_row(&w, esp_at(&w, SPI));
	assert_true(tracker_catch_up_esp_sa(w.tracker, &r, &bucket));
	/* the minute that ran then */
	assert_true(bucket <= image_last && image_last - bucket < 60 * S);
	assert_int_equal(esp_at(&w, SPI)->packets, 90);
	assert_int_equal(esp_at(&w, SPI)->bytes, 9000);
	assert_int_equal(esp_at(&w, SPI)->last, r.last);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 10);
	assert_int_equal(esp_more_at(&w, SPI)->late, 2);
	assert_int_equal(esp_at(&w, SPI)->rare->duplicates, 3);
	w.now = r.last + S;
	/* the next of its sequence: nothing more is lost */
	esp_between(&w, GW_A, GW_B, SPI, 101);
	assert_int_equal(esp_at(&w, SPI)->packets, 91);
	assert_int_equal(esp_sa_lost(esp_at(&w, SPI)), 10);
	watch_close(&w);
}

static void a_row_that_is_not_later_or_of_another_sa_is_not_gone_on_from(void **state)
{
	struct watch w;
	struct record_esp_sa row, r;
	nsec bucket;

	(void)state;
	watch_open(&w);
	for (uint32_t seq = 1; seq <= 20; seq++)
		esp_between(&w, GW_A, GW_B, SPI, seq);
	row = later_row(&w, esp_at(&w, SPI));
#define LEFT_ALONE(change)                                                                 \
	do {                                                                               \
		r = row;                                                                   \
		change;                                                                    \
		assert_false(tracker_catch_up_esp_sa(w.tracker, &r, &bucket));             \
		assert_int_equal(esp_at(&w, SPI)->packets, 20);                            \
	} while (0)
	LEFT_ALONE(r.id++);			/* the SPI was used again */
	LEFT_ALONE(r.spi++);
	LEFT_ALONE(r.packets = 20);
	LEFT_ALONE(r.last = esp_at(&w, SPI)->last - 1);
	LEFT_ALONE(r.bytes = -1);		/* not known */
	LEFT_ALONE(r.seq_last = -1);
	LEFT_ALONE(r.last = INT64_MAX);		/* of a history that nobody wrote */
	LEFT_ALONE(r.lost = INT64_MAX);
	LEFT_ALONE(r.bytes = INT64_MAX);
	LEFT_ALONE(r.packets = INT64_MAX);
	LEFT_ALONE(r.seq_last = INT64_MAX);
	watch_close(&w);
}

static void the_traffic_of_the_minute_that_ran_is_told_once(void **state)
{
	struct watch w;
	struct record_esp_sa r;
	struct record_traffic told = { .packets = 60, .bytes = 6000, .lost = 10 },
			      too_much = { .packets = 1000, .bytes = 1 };
	nsec bucket;

	(void)state;
	watch_open(&w);
	w.now = T0 - T0 % (60 * S) + S;
	for (uint32_t seq = 1; seq <= 20; seq++)
		esp_between(&w, GW_A, GW_B, SPI, seq);
	r = later_row(&w, esp_at(&w, SPI));
	assert_true(tracker_catch_up_esp_sa(w.tracker, &r, &bucket));
	tracker_catch_up_traffic(w.tracker, &r, &told);
	w.now = r.last + 61 * S;		/* the bucket of the row's last packet is over */
	esp_between(&w, GW_A, GW_B, SPI, 101);
	assert_int_equal(w.count[EVENT_TRAFFIC], 1);
	/* what no row has told yet */
	assert_int_equal(seen(&w, EVENT_TRAFFIC, 0)->value[0], 90 - 60);
	assert_int_equal(seen(&w, EVENT_TRAFFIC, 0)->value[2], 0);
	/* more was told than there was: then nothing is left to tell */
	tracker_catch_up_traffic(w.tracker, &r, &too_much);
	w.now += 61 * S;
	esp_between(&w, GW_A, GW_B, SPI, 102);
	for (unsigned i = 1; i < w.count[EVENT_TRAFFIC]; i++)
		assert_in_range(seen(&w, EVENT_TRAFFIC, i)->value[0], 0, 1);
	r.id++;
	tracker_catch_up_traffic(w.tracker, &r, &told);	/* of an SA that is not there */
	tracker_check(w.tracker);
	watch_close(&w);
}

static void an_ike_sa_goes_on_from_its_row_when_that_is_later(void **state)
{
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	struct record_ike_sa r;
	uint64_t messages;

	(void)state;
	watch_open(&w);
	set_up(&w, &s);
	messages = ike_at(&w, 0x11)->messages;
	r = (struct record_ike_sa){ .id = ike_at(&w, 0x11)->id,
				    .spi_i = 0x11,
				    .spi_r = ike_at(&w, 0x11)->spi_r,
				    .last = ike_at(&w, 0x11)->last + 10 * S,
				    .messages = (int64_t)messages + 6,
				    .last_frame = 77 };
	r.id++;
	tracker_catch_up_ike_sa(w.tracker, &r);		/* another one with these SPIs */
	assert_int_equal(ike_at(&w, 0x11)->messages, messages);
	r.id--;
	r.last -= 20 * S;
	tracker_catch_up_ike_sa(w.tracker, &r);		/* older than the image */
	assert_int_equal(ike_at(&w, 0x11)->messages, messages);
	r.last += 20 * S;
	tracker_catch_up_ike_sa(w.tracker, &r);
	assert_int_equal(ike_at(&w, 0x11)->messages, messages + 6);
	assert_int_equal(ike_at(&w, 0x11)->last, r.last);
	assert_int_equal(ike_at(&w, 0x11)->last_frame, 77);
	r.last += S;
	r.messages = RECORD_UNKNOWN;
	r.last_frame = 0;
	tracker_catch_up_ike_sa(w.tracker, &r);		/* what it does not know stays */
	assert_int_equal(ike_at(&w, 0x11)->messages, messages + 6);
	assert_int_equal(ike_at(&w, 0x11)->last_frame, 77);
	watch_free(&w);
}

static void a_time_that_did_not_pass_was_not_unwatched(void **state)
{
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	(void)state;
	watch_open(&w);
	set_up(&w, &s);
	tracker_unwatched(w.tracker, w.now, w.now);
	tracker_unwatched(w.tracker, w.now, w.now - S);
	assert_int_equal(w.count[EVENT_UNWATCHED], 0);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_that_nobody_watched_are_not_lost),
		cmocka_unit_test(a_request_whose_answer_nobody_could_see_is_not_observable),
		cmocka_unit_test(
		a_tunnel_that_was_silent_while_nobody_watched_is_up_until_it_is_silent_again),
		cmocka_unit_test(
			what_was_replaced_while_nobody_watched_ended_then_and_nobody_knows_how),
		cmocka_unit_test(a_minute_that_goes_on_after_nobody_watched_is_told_once),
		cmocka_unit_test(an_esp_sa_goes_on_from_its_row_when_that_is_later_than_its_image),
		cmocka_unit_test(a_row_that_is_not_later_or_of_another_sa_is_not_gone_on_from),
		cmocka_unit_test(the_traffic_of_the_minute_that_ran_is_told_once),
		cmocka_unit_test(an_ike_sa_goes_on_from_its_row_when_that_is_later),
		cmocka_unit_test(a_time_that_did_not_pass_was_not_unwatched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
