/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/samples.h"

#include <sys/stat.h>

#include <sawatch/store_images.h>
#include <sawatch/store_retention.h>

#define DAY (86400 * NSEC_PER_S)
#define HOUR (3600 * NSEC_PER_S)
#define MINUTE (60 * NSEC_PER_S)

/* of an SA: three hours, a bucket every three minutes */
enum { DAYS = 120, SAS_A_DAY = 8, BUCKETS = 60 };

static const struct endpoint other_peers[2] = {
	{ { 0, ADDR_V4_PREFIX | 0xc0000203 }, 0 }, { { 0, ADDR_V4_PREFIX | 0xc6336404 }, 0 },
};

static void put_sa(struct store *s, uint32_t capture, uint32_t number, nsec first, bool living)
{
	struct err e = { "" };
	struct record_esp_sa esp = sample_esp_sa(capture, number);
	struct record_child_sa child = {
		.id = object_id_of(capture, number), .tunnel = esp.tunnel, .sas = { esp.id, 0 },
		.spis = { esp.spi, 0 },
		.state = CHILD_INSTALLED, .created = first, .created_by = -1, .ended = NSEC_NONE,
		.ended_by = -1,
		.rekeyed_by = -1, .rekey_at = NSEC_NONE, .peers = sample_peers,
	};
	struct record_exchange exchange = {
		.id = object_id_of(capture, number), .tunnel = esp.tunnel, .spi_i = 1, .version = 2,
		.kind = "CREATE_CHILD_SA",
		.request_at = first, .response_at = first, .requests = 1, .responses = 1,
		.outcome = OUTCOME_ANSWERED,
		.purpose = PURPOSE_REKEY_CHILD, .peers = sample_peers,
	};
	struct record_event event = sample_event(capture, number);

	esp.first = first;
	esp.last = first + 3 * HOUR;
	event.at = first;
	if (!living) {
		esp.end_reason = END_REKEYED;
		child.end_reason = END_REKEYED;
		child.ended = esp.last;
	}
	assert_ok(store_esp_sa(s, &esp, &e), e);
	assert_ok(store_child_sa(s, &child, &e), e);
	assert_ok(store_exchange(s, &exchange, &e), e);
	assert_ok(store_event(s, &event, &e), e);
	for (int i = 0; i < BUCKETS; i++) {
		nsec at = first + i * 3 * MINUTE;
		struct record_traffic t = { esp.id, esp.tunnel,    at - at % MINUTE,
					    i + 1,  100 * (i + 1), i % 2 };

		assert_ok(store_traffic(s, &t, &e), e);
	}
}

static void put_alert(struct store *s, uint32_t capture, uint32_t number, nsec at, bool cleared)
{
	struct err e = { "" };
	struct record_alert a = {
		.id = object_id_of(capture, number), .tunnel = object_id_of(capture, 1),
		.code = "spi_churn",
		.severity = SEVERITY_WARNING, .first = at, .last = at, .raised = at,
		.cleared = cleared,
		.cleared_at = cleared ? at + HOUR : NSEC_NONE, .count = 1,
		.summary = "too many SPIs", .peers = sample_peers,
	};

	assert_ok(store_alert(s, &a, &e), e);
}

/*
 * Of a monitor: eight SAs a day one after the other, an alert a day; number 1 of all lives and is
 * silent.
 */
static void live(struct store *s, unsigned days)
{
	struct err e = { "" };
	uint32_t capture, n = 1;
	bool known;

	assert_ok(store_capture_begin(s, "span0", "interface", NULL, RECORD_UNKNOWN, &capture,
				      &known, &e),
		  e);
	assert_ok(store_source(s, capture, "span0", &e), e);
	put_sa(s, capture, n++, T0 + (days - 20) * DAY, true);
	for (unsigned day = 0; day < days; day++) {
		for (unsigned i = 0; i < SAS_A_DAY; i++)
			put_sa(s, capture, n++, T0 + day * DAY + i * 3 * HOUR, false);
		put_alert(s, capture, 10 + day, T0 + day * DAY, day > 0);
	}

	/* a tunnel of which nothing is left when all its rows are gone */
	struct record_tunnel old = { .id = object_id_of(capture, 2),
				     .peers = { other_peers[0], other_peers[1] },
				     .first = T0,
				     .last = T0 + HOUR,
				     .since = T0,
				     .behind_nat = { -1, -1 } };
	struct record_tunnel tunnel = { .id = object_id_of(capture, 1),
					.peers = { sample_peers[0], sample_peers[1] },
					.first = T0,
					.last = T0 + days * DAY,
					.since = T0,
					.behind_nat = { -1, -1 } };
	struct record_capture c = { .id = capture,
				    .name = "span0",
				    .kind = "interface",
				    .size = RECORD_UNKNOWN,
				    .first = T0,
				    .last = T0 + days * DAY,
				    .packets = 1 };

	assert_ok(store_tunnel(s, &old, &e), e);
	assert_ok(store_tunnel(s, &tunnel, &e), e);
	assert_ok(store_capture(s, &c, &e), e);
	assert_ok(store_commit(s, &e), e);
}

static unsigned sweep(struct store *s, struct store_retention *r)
{
	struct err e = { "" };
	unsigned steps = 0;

	for (bool more = true; more; steps++) {
		assert_ok(store_retain(s, r, &more, &e), e);
		assert_true(steps < 100000);
	}
	return steps;
}

#define SUMS "SELECT esp_sa_id, sum(packets), sum(bytes), sum(lost) FROM traffic" \
	     " WHERE esp_sa_id IN (SELECT id FROM esp_sa WHERE end_reason IS NULL" \
	     " OR last_ns >= %lld)" \
	     " GROUP BY esp_sa_id ORDER BY esp_sa_id"

static void of_120_days_30_are_kept_and_no_packet_of_them_is_lost(void **state)
{
	const char *path = scratch_path("keep.db");
	struct store *s = sample_open(path);
	struct store_retention r = { .keep = 30 * DAY, .minutes = 2 * DAY, .hours = 10 * DAY };
	nsec floor = T0 + (DAYS - 30) * DAY;
	char sums[512], text[1024];
	struct stat before, after;
	char *old, *new;

	(void)state;
	live(s, DAYS);
	sample_close(s);
	snprintf(sums, sizeof(sums), SUMS, (long long)floor);
	old = look(path, sums);
	stat(path, &before);

	s = sample_open(path);
	assert_true(sweep(s, &r) > 20);		/* in steps, not at once */
	assert_true(r.deleted > 0 && r.added_up > 0 && r.freed_pages > 0);
	assert_int_equal(sweep(s, &r), 12);	/* nothing is left to do: each phase once */
	sample_close(s);

	new = look(path, sums);
	assert_string_equal(new, old);
	free(old);
	free(new);
	stat(path, &after);
	assert_true(after.st_size < before.st_size / 2);
	assert_look(path, "PRAGMA integrity_check", "ok");
	assert_look(path, "SELECT count(*) FROM pragma_foreign_key_check", "0");

	/* what is older is gone, what lives is there, and so is what is raised */
	snprintf(text, sizeof(text), "SELECT (SELECT count(*) FROM esp_sa "
				     "WHERE end_reason IS NOT NULL AND last_ns < %lld),"
		 " (SELECT count(*) FROM event WHERE at_ns < %lld), (SELECT count(*) FROM exchange"
		 " WHERE request_ns < %lld),"
		 " (SELECT count(*) FROM alert WHERE status = 'cleared' AND cleared_ns < %lld),"
		 " (SELECT count(*) FROM child_sa c WHERE NOT EXISTS (SELECT 1 FROM esp_sa e"
		 " WHERE e.id = c.esp_sa_a_id)),"
		 " (SELECT count(*) FROM traffic b WHERE NOT EXISTS (SELECT 1 FROM esp_sa e"
		 " WHERE e.id = b.esp_sa_id))",
		 (long long)floor, (long long)floor, (long long)floor, (long long)floor);
	assert_look(path, text, "0|0|0|0|0|0");
	assert_look(path, "SELECT count(*) FROM esp_sa WHERE end_reason IS NULL", "1");
	assert_look(path, "SELECT count(*) FROM alert WHERE status = 'raised'", "1");
	assert_look(path, "SELECT name FROM tunnel", SAMPLE_TUNNEL);
	/* minutes for two days, hours for ten, days before */
	snprintf(text, sizeof(text), "SELECT span_s, min(bucket_ns) >= %lld, max(bucket_ns) < %lld "
				     "FROM traffic GROUP BY 1 ORDER BY 1",
		 (long long)(T0 + (DAYS - 2) * DAY - HOUR), (long long)(T0 + (DAYS - 2) * DAY));
	assert_look(path, text, "60|1|0\n3600|0|1\n86400|0|1");
	snprintf(text, sizeof(text), "SELECT count(*) > 0 FROM v_traffic WHERE span_s = 3600 "
				     "AND packets > 100");
	assert_look(path, text, "1");
	assert_look(path, "SELECT count(*) = (SELECT count(*) FROM esp_sa) FROM v_esp_sas", "1");
}

/* `requests` of a kind, answered or not. */
static void put_exchange(struct store *s, uint32_t number, nsec at, enum exchange_purpose purpose,
			 int64_t requests, bool answered)
{
	struct err e = { "" };
	const struct record_exchange x = {
		.id = object_id_of(1, number), .tunnel = object_id_of(1, 1), .spi_i = 1, .spi_r = 2,
		.version = 2,
		.kind = "INFORMATIONAL", .message_id = number, .request_at = at,
		.response_at = answered ? at : NSEC_NONE,
		.requests = (uint32_t)requests, .responses = answered, .purpose = purpose,
		.outcome = answered ? OUTCOME_ANSWERED : OUTCOME_UNANSWERED, .peers = sample_peers,
	};

	assert_ok(store_exchange(s, &x, &e), e);
}

static void probes_that_were_answered_at_once_go_before_the_rest(void **state)
{
	const char *path = scratch_path("probes.db");
	struct store *s = sample_open(path);
	struct store_retention r = {
		.keep = 30 * DAY, .probes = 5 * DAY, .minutes = 2 * DAY, .hours = 10 * DAY
	};
	uint32_t n = 5000;
	struct err e = { "" };

	(void)state;
	live(s, 20);
	for (unsigned day = 0; day < 20; day++) {
		nsec at = T0 + day * DAY;

		put_exchange(s, n++, at, PURPOSE_DPD, 1, true);
		/* came late: a trace of trouble */
		put_exchange(s, n++, at, PURPOSE_DPD, 3, true);
		put_exchange(s, n++, at, PURPOSE_DPD, 6, false);
		put_exchange(s, n++, at, PURPOSE_MOBIKE, 1, true);
	}
	assert_ok(store_commit(s, &e), e);
	sweep(s, &r);
	sample_close(s);
	assert_look(path, "SELECT purpose, requests, count(*) FROM exchange "
			  "WHERE id & 0xffffffff >= 5000 GROUP BY 1, 2 ORDER BY 1, 2",
		    "dpd|1|5\ndpd|3|20\ndpd|6|20\nmobike|1|20");

	s = sample_open(path);
	/* not before the rest */
	r = (struct store_retention){ .keep = 10 * DAY, .minutes = 2 * DAY, .hours = 10 * DAY };
	sweep(s, &r);
	sample_close(s);
	assert_look(path, "SELECT purpose, requests, count(*) FROM exchange "
			  "WHERE id & 0xffffffff >= 5000 GROUP BY 1, 2 ORDER BY 1, 2",
		    "dpd|1|5\ndpd|3|10\ndpd|6|10\nmobike|1|10");
}

static void a_limit_of_the_size_takes_the_oldest_and_leaves_what_lives(void **state)
{
	const char *path = scratch_path("size.db");
	struct store *s = sample_open(path);
	struct store_retention r = { .minutes = 400 * DAY, .hours = 400 * DAY };
	int64_t used, unused;
	struct err e = { "" };
	struct stat st;

	(void)state;
	live(s, 60);
	assert_ok(store_size(s, &used, &unused, &e), e);
	r.max_bytes = used / 3;
	sweep(s, &r);
	assert_ok(store_size(s, &used, &unused, &e), e);
	assert_true(used <= r.max_bytes);
	assert_true(used > r.max_bytes / 3);	/* and not much more than it must */
	sample_close(s);
	stat(path, &st);
	assert_true(st.st_size <= r.max_bytes + (2 << 20));
	assert_look(path, "SELECT count(*) FROM esp_sa WHERE end_reason IS NULL", "1");
	assert_look(path, "SELECT max(last_ns) - (SELECT last_ns FROM capture) FROM esp_sa", "0");
	assert_look(path, "PRAGMA integrity_check", "ok");
}

static void nothing_is_deleted_when_nothing_is_asked_for(void **state)
{
	const char *path = scratch_path("all.db");
	struct store *s = sample_open(path);
	struct store_retention r = { 0 };

	(void)state;
	live(s, 21);
	sweep(s, &r);
	assert_int_equal(r.deleted + r.added_up, 0);
	sample_close(s);
	assert_look(path, "SELECT count(*) FROM esp_sa", "169");
}

/* A clock that was wrong when somebody's capture was made makes nothing of the monitor's old. */
static void a_file_from_the_future_ages_no_monitor(void **state)
{
	struct store *s = sample_open(NULL);
	struct err e = { "" };
	struct store_retention r = { .keep = 400 * DAY };
	struct record_capture c = { .name = "future.pcap",
				    .kind = "file",
				    .size = 1,
				    .first = T0 + 80 * 365 * DAY,
				    .last = T0 + 80 * 365 * DAY,
				    .packets = 1,
				    .complete = true };
	bool known;

	(void)state;
	live(s, DAYS);
	assert_ok(store_capture_begin(s, c.name, c.kind, "ff", 1, &c.id, &known, &e), e);
	assert_ok(store_capture(s, &c, &e), e);
	sweep(s, &r);
	assert_int_equal(r.deleted, 0);
	sample_close(s);
}

static void an_sa_that_nobody_heard_of_for_a_month_is_not_living(void **state)
{
	const char *path = scratch_path("left.db");
	struct store *s = sample_open(path);
	struct store_retention r = { .keep = 200 * DAY };

	(void)state;
	live(s, 60);			/* the living one was heard of 20 days before the end */
	live(s, 115);			/* and that of the first run 75 */
	sweep(s, &r);
	sample_close(s);
	assert_look(path, "SELECT id >> 32, end_reason FROM esp_sa WHERE id & 0xffffffff = "
			  "1 ORDER BY id", "1|unknown\n2|NULL");
}

/* A tunnel's row may go while its name is still in the memory of the writer. */
static void a_tunnel_that_comes_back_after_its_row_was_deleted_gets_a_new_one(void **state)
{
	const char *path = scratch_path("back.db");
	struct store *s = sample_open(path);
	struct store_retention r = { .keep = 10 * DAY };
	struct err e = { "" };

	(void)state;
	live(s, 40);

	struct record_tunnel back = { .id = object_id_of(1, 2),
				      .peers = { other_peers[0], other_peers[1] },
				      .first = T0,
				      .last = T0 + HOUR,
				      .since = T0,
				      .behind_nat = { -1, -1 } };

	sweep(s, &r);
	assert_look(path, "SELECT count(*) FROM tunnel", "1");
	assert_ok(store_tunnel(s, &back, &e), e);
	sample_close(s);
	assert_look(path, "SELECT count(*) FROM tunnel", "2");
}

/* The log of a writer cannot be emptied while somebody reads; the sweep goes on all the same. */
static void a_slow_reader_stops_no_sweep(void **state)
{
	const char *path = scratch_path("reader.db");
	struct store *s = sample_open(path);
	struct store_retention r = { .keep = 10 * DAY, .minutes = DAY, .hours = 2 * DAY };
	sqlite3 *reader;

	(void)state;
	live(s, 40);
	reader = look_open(path);
	assert_int_equal(
		sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM esp_sa", NULL, NULL, NULL),
		SQLITE_OK);
	sweep(s, &r);
	assert_true(r.deleted > 0);
	assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(reader);
	sample_close(s);
	assert_look(path, "PRAGMA integrity_check", "ok");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_120_days_30_are_kept_and_no_packet_of_them_is_lost),
		cmocka_unit_test(probes_that_were_answered_at_once_go_before_the_rest),
		cmocka_unit_test(a_limit_of_the_size_takes_the_oldest_and_leaves_what_lives),
		cmocka_unit_test(nothing_is_deleted_when_nothing_is_asked_for),
		cmocka_unit_test(a_file_from_the_future_ages_no_monitor),
		cmocka_unit_test(an_sa_that_nobody_heard_of_for_a_month_is_not_living),
		cmocka_unit_test(a_tunnel_that_comes_back_after_its_row_was_deleted_gets_a_new_one),
		cmocka_unit_test(a_slow_reader_stops_no_sweep),
	};

	return cmocka_run_group_tests(tests, NULL, scratch_remove);
}
