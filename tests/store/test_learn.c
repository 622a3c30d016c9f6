/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/samples.h"

#include <sawatch/store_learn.h>

#define HOUR (3600 * NSEC_PER_S)

static struct store_learned learned;
static int rows;

static void take(void *user, const struct store_learned *l)
{
	(void)user;
	learned = *l;
	rows++;
}

static void put_ike_sa(struct store *s, uint32_t capture, uint32_t number, nsec from, nsec to,
		       enum origin origin)
{
	struct err e = { "" };
	struct record_ike_sa r = {
		.id = object_id_of(capture, number), .tunnel = object_id_of(capture, 1),
		.spi_i = number, .spi_r = number,
		.version = 2, .initiator = sample_peers[0], .responder = sample_peers[1],
		.state = IKE_GONE, .origin = origin,
		.created = from, .established = from, .ended = to, .last = to,
		.end_reason = END_DELETED, .ended_by = -1,
		.nat_initiator = -1, .nat_responder = -1, .peers = sample_peers,
	};

	assert_ok(store_ike_sa(s, &r, &e), e);
}

static void end_capture(struct store *s, uint32_t capture, nsec last)
{
	struct err e = { "" };
	struct record_capture c = { .id = capture,
				    .name = "x.pcap",
				    .kind = "file",
				    .fingerprint = "aa",
				    .size = 1000,
				    .first = T0,
				    .last = last,
				    .packets = 1 };

	assert_ok(store_capture(s, &c, &e), e);
}

static void ask(struct store *s)
{
	struct err e = { "" };

	rows = 0;
	assert_ok(store_commit(s, &e), e);
	assert_ok(store_walk_learned(s, take, NULL, &e), e);
	assert_int_equal(rows, 1);
}

static void time_that_two_sas_share_counts_once(void **state)
{
	struct store *s = sample_open(scratch_path("overlap.db"));
	uint32_t capture = sample_capture(s, "aa");

	(void)state;
	put_ike_sa(s, capture, 1, T0, T0 + 3 * HOUR, ORIGIN_OBSERVED);
	put_ike_sa(s, capture, 2, T0 + 2 * HOUR, T0 + 5 * HOUR, ORIGIN_REKEY);
	/* within the one before */
	put_ike_sa(s, capture, 3, T0 + 2 * HOUR, T0 + 4 * HOUR, ORIGIN_REKEY);
	end_capture(s, capture, T0 + 10 * HOUR);
	ask(s);
	assert_int_equal(learned.up_ns, 5 * HOUR);
	assert_int_equal(learned.pauses, 0);
	assert_int_equal(learned.sessions, 1);
	assert_int_equal(learned.ike_sas, 3);
	assert_int_equal(learned.watched_last - learned.first, 10 * HOUR);
	assert_true(learned.both_ways);
	sample_close(s);
}

static void a_pause_between_sessions_is_not_up(void **state)
{
	struct store *s = sample_open(scratch_path("pause.db"));
	uint32_t capture = sample_capture(s, "aa");

	(void)state;
	put_ike_sa(s, capture, 1, T0, T0 + HOUR, ORIGIN_OBSERVED);
	put_ike_sa(s, capture, 2, T0 + 6 * HOUR, T0 + 7 * HOUR, ORIGIN_OBSERVED);
	end_capture(s, capture, T0 + 7 * HOUR);
	ask(s);
	assert_int_equal(learned.up_ns, 2 * HOUR);
	assert_int_equal(learned.pauses, 1);
	assert_int_equal(learned.sessions, 2);
	sample_close(s);
}

static void esp_in_one_direction_is_no_tunnel_that_works(void **state)
{
	struct store *s = sample_open(scratch_path("one_way.db"));
	uint32_t capture = sample_capture(s, "aa");
	struct record_esp_sa esp = sample_esp_sa(capture, 1);
	struct err e = { "" };

	(void)state;
	assert_ok(store_esp_sa(s, &esp, &e), e);
	end_capture(s, capture, T0 + HOUR);
	ask(s);
	assert_false(learned.both_ways);
	assert_int_equal(learned.version, 0);
	sample_close(s);
}

static void a_login_is_remembered(void **state)
{
	struct store *s = sample_open(scratch_path("login.db"));
	uint32_t capture = sample_capture(s, "aa");
	struct record_exchange x = {
		.id = object_id_of(capture, 1), .tunnel = object_id_of(capture, 1), .spi_i = 1,
		.version = 2, .kind = "IKE_AUTH",
		.request_at = T0, .response_at = T0, .outcome = OUTCOME_ANSWERED,
		.purpose = PURPOSE_EAP, .peers = sample_peers,
	};
	struct err e = { "" };

	(void)state;
	put_ike_sa(s, capture, 1, T0, T0 + HOUR, ORIGIN_OBSERVED);
	end_capture(s, capture, T0 + HOUR);
	ask(s);
	assert_false(learned.user_login);
	assert_ok(store_exchange(s, &x, &e), e);
	ask(s);
	assert_true(learned.user_login);
	sample_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_that_two_sas_share_counts_once),
		cmocka_unit_test(a_pause_between_sessions_is_not_up),
		cmocka_unit_test(esp_in_one_direction_is_no_tunnel_that_works),
		cmocka_unit_test(a_login_is_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, scratch_remove);
}
