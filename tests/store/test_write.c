/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/samples.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "store/store_parts.h"

static struct record_tunnel tunnel_of(uint32_t capture, uint32_t number, uint32_t network,
				      nsec last)
{
	return (struct record_tunnel){
		.id = object_id_of(capture, number), .peers = { sample_peers[0], sample_peers[1] },
		.network = network,
		.state = TUNNEL_UP, .since = last - NSEC_PER_S, .first = last - 100 * NSEC_PER_S,
		.last = last,
		.behind_nat = { -1, -1 },
	};
}

static struct record_alert alert_of(uint32_t capture, uint32_t number)
{
	return (struct record_alert){
		.id = object_id_of(capture, number), .tunnel = object_id_of(capture, 1),
		.code = "spi_churn",
		.severity = SEVERITY_WARNING, .first = T0, .last = T0 + number, .raised = T0,
		.cleared_at = NSEC_NONE,
		.count = 1, .summary = "too many SPIs", .peers = sample_peers,
	};
}

/* A run as the program makes it: progress, then final states.  `events` events. */
static uint32_t run(struct store *s, const char *fingerprint, uint32_t events)
{
	struct err e = { "" };
	uint32_t capture = sample_capture(s, fingerprint);
	struct record_tunnel tunnel = tunnel_of(capture, 1, 0, T0 + 50 * NSEC_PER_S);
	struct record_capture end = {
		.id = capture, .name = "x.pcap", .kind = "file", .fingerprint = fingerprint,
		.size = 1000, .first = T0,
		.last = T0 + 50 * NSEC_PER_S, .packets = 100, .complete = true,
	};

	for (uint32_t i = 1; i <= events; i++) {
		struct record_event event = sample_event(capture, i);

		assert_ok(store_event(s, &event, &e), e);
	}
	for (uint32_t i = 1; i <= 20; i++) {
		struct record_esp_sa sa = sample_esp_sa(capture, i);
		struct record_alert alert = alert_of(capture, i);
		struct record_traffic traffic = { sa.id, sa.tunnel, T0 + i * 60 * NSEC_PER_S,
						  1,     2,         3 };

		assert_ok(store_esp_sa(s, &sa, &e), e);
		assert_ok(store_traffic(s, &traffic, &e), e);
		assert_ok(store_alert(s, &alert, &e), e);
		sa.packets++;
		sa.end_reason = END_CAPTURE_END;
		assert_ok(store_esp_sa(s, &sa, &e), e);
	}
	assert_ok(store_tunnel(s, &tunnel, &e), e);
	assert_ok(store_capture(s, &end, &e), e);
	return capture;
}

static void the_same_run_twice_gives_the_same_database(void **state)
{
	const char *path = scratch_path("twice.db");
	struct store *s = sample_open(path);

	(void)state;
	run(s, "aa", 2500);
	sample_close(s);

	char *before = look_at_all(path);

	s = sample_open(path);
	assert_int_equal(run(s, "aa", 2500), 1);
	sample_close(s);

	char *after = look_at_all(path);

	assert_string_equal(before, after);
	assert_look(path, "SELECT count(*) FROM event", "2500");
	assert_look(path, "SELECT count(*), sum(packets) FROM esp_sa", "20|2230");
	free(before);
	free(after);
}

static void two_captures_share_a_tunnel_and_nothing_else(void **state)
{
	const char *path = scratch_path("two.db");
	struct store *s = sample_open(path);

	(void)state;
	assert_int_equal(run(s, "aa", 10), 1);
	assert_int_equal(run(s, "bb", 10), 2);
	sample_close(s);
	assert_look(path, "SELECT count(*) FROM tunnel", "1");
	assert_look(path, "SELECT count(*) FROM event", "20");
	assert_look(path, "SELECT esp_sas, alerts FROM v_tunnels", "40|40");
}

static void a_capture_is_known_when_it_was_read_to_its_end_with_this_size(void **state)
{
	struct store *s = sample_open(NULL);
	struct err e = { "" };
	uint32_t id, first;
	bool known;

	(void)state;
	assert_ok(store_capture_begin(s, "a", "file", "aa", 1000, &first, &known, &e), e);
	assert_false(known);
	assert_ok(store_capture_begin(s, "a", "file", "aa", 1000, &id, &known, &e), e);
	assert_int_equal(id, first);
	assert_false(known);	/* begun, not finished */
	assert_int_equal(run(s, "aa", 1), first);
	assert_ok(store_capture_begin(s, "renamed", "file", "aa", 1000, &id, &known, &e), e);
	assert_int_equal(id, first);
	assert_true(known);
	assert_ok(store_capture_begin(s, "a", "file", "aa", 2000, &id, &known, &e), e);
	assert_int_equal(id, first);
	assert_false(known);	/* it has grown */
	assert_ok(store_capture_begin(s, "a", "file", "aa", RECORD_UNKNOWN, &id, &known, &e), e);
	assert_int_equal(id, first);
	assert_false(known);	/* a stream may go on differently */
	sample_close(s);
}

static void every_run_on_an_interface_is_a_capture_of_its_own(void **state)
{
	struct store *s = sample_open(NULL);
	struct err e = { "" };
	uint32_t a, b;
	bool known;

	(void)state;
	assert_ok(store_capture_begin(s, "span0", "interface", NULL, -1, &a, &known, &e), e);
	assert_ok(store_capture_begin(s, "span0", "interface", NULL, -1, &b, &known, &e), e);
	assert_int_not_equal(a, b);
	assert_false(known);
	sample_close(s);
}

static void two_sensors_do_not_share_captures_or_tunnels(void **state)
{
	const char *path = scratch_path("sensors.db");
	struct err e = { "" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct store *s;

		assert_ok(store_open(&s, path, STORE_WRITE, i ? "berlin" : "paris", &e), e);
		run(s, "aa", 1);
		sample_close(s);
	}
	assert_look(path, "SELECT group_concat(sensor || ':' || tunnel, ' ') FROM v_tunnels",
		    "paris:" SAMPLE_TUNNEL " berlin:" SAMPLE_TUNNEL);
	assert_look(path, "SELECT count(*) FROM capture", "2");
}

static void an_older_capture_read_later_leaves_the_state_alone(void **state)
{
	const char *path = scratch_path("older.db");
	struct store *s = sample_open(path);
	struct record_tunnel newer = tunnel_of(1, 1, 0, T0 + 1000 * NSEC_PER_S);
	struct record_tunnel older = tunnel_of(2, 1, 0, T0 + 500 * NSEC_PER_S);
	struct err e = { "" };

	(void)state;
	newer.state = TUNNEL_DOWN;
	newer.behind_nat[0] = 1;
	assert_ok(store_tunnel(s, &newer, &e), e);
	assert_ok(store_tunnel(s, &older, &e), e);
	sample_close(s);
	assert_look(path, "SELECT state, since, first, last, nat FROM v_tunnels",
		    "down|2026-11-22T05:07:30.000000000Z|2026-11-22T04:57:31.000000000Z|"
		    "2026-11-22T05:07:31.000000000Z|[\"192.0.2.1\"]");
}

static void equal_addresses_in_two_networks_are_two_tunnels(void **state)
{
	const char *path = scratch_path("networks.db");
	struct store *s = sample_open(path);
	struct err e = { "" };

	(void)state;
	for (uint32_t i = 1; i <= 2; i++) {
		struct record_tunnel tunnel = tunnel_of(1, i, 10 * i, T0);
		struct record_event event = sample_event(1, i);

		event.tunnel = tunnel.id;
		assert_ok(store_tunnel(s, &tunnel, &e), e);
		assert_ok(store_event(s, &event, &e), e);
	}
	sample_close(s);
	assert_look(path, "SELECT group_concat(t.network || ':' || e.seq, ' ') FROM v_events e"
			  " JOIN v_tunnels t ON t.id = e.tunnel_id", "10:1 20:2");
}

static void a_network_that_is_told_late_moves_what_was_written_before(void **state)
{
	const char *path = scratch_path("late.db");
	struct store *s = sample_open(path);
	struct record_tunnel untagged = tunnel_of(1, 1, 0, T0), tagged = tunnel_of(2, 1, 7, T0);
	struct record_event event = sample_event(1, 1);
	struct err e = { "" };

	(void)state;
	assert_ok(store_tunnel(s, &untagged, &e), e);	/* the history has one in network 0 */
	assert_ok(store_event(s, &event, &e), e);
	sample_close(s);
	for (int i = 0; i < 2; i++) {	/* the second time nothing changes */
		s = sample_open(path);
		event = sample_event(2, 1);
		assert_ok(store_event(s, &event, &e), e);
		assert_ok(store_tunnel(s, &tagged, &e), e);
		event = sample_event(2, 2);
		assert_ok(store_event(s, &event, &e), e);
		sample_close(s);
		assert_look(path, "SELECT group_concat(t.network || ':' || e.capture || '/' || "
				  "e.seq, ' ') FROM v_events e"
				  " JOIN v_tunnels t ON t.id = e.tunnel_id", "0:1/1 7:2/1 7:2/2");
		assert_look(path, "SELECT count(*) FROM tunnel", "2");
	}
}

static void transactions_end_by_themselves_after_a_thousand_rows_or_a_moment(void **state)
{
	const char *path = scratch_path("bounds.db");
	struct store *s = sample_open(path);
	const struct timespec moment = { .tv_nsec = 300 * NSEC_PER_MS };
	struct err e = { "" };
	uint32_t seq = 0;

	(void)state;
	sample_capture(s, "aa");
	do {
		struct record_event event = sample_event(1, ++seq);

		assert_ok(store_event(s, &event, &e), e);
	} while (seq < 1000);
	assert_look(path, "SELECT count(*) FROM event", "1000");

	struct record_event last = sample_event(1, ++seq);

	assert_ok(store_event(s, &last, &e), e);
	assert_look(path, "SELECT count(*) FROM event", "1000");
	nanosleep(&moment, NULL);
	assert_ok(store_tick(s, &e), e);
	assert_look(path, "SELECT count(*) FROM event", "1001");
	sample_close(s);
}

static void an_alert_is_synced_to_the_disk_and_an_event_need_not_be(void **state)
{
	struct store *s = sample_open(scratch_path("durable.db"));
	struct record_event event = sample_event(1, 1);
	struct record_alert alert = alert_of(1, 1);
	struct err e = { "" };
	int64_t synchronous;

	(void)state;
	assert_ok(store_event(s, &event, &e), e);
	assert_ok(store_number(s, "PRAGMA synchronous", &synchronous, &e), e);
	assert_int_equal(synchronous, 1);
	assert_ok(store_alert(s, &alert, &e), e);
	assert_ok(store_number(s, "PRAGMA synchronous", &synchronous, &e), e);
	assert_int_equal(synchronous, 2);
	assert_ok(store_commit(s, &e), e);
	assert_ok(store_event(s, &event, &e), e);
	assert_ok(store_number(s, "PRAGMA synchronous", &synchronous, &e), e);
	assert_int_equal(synchronous, 1);
	sample_close(s);
}

static void a_wrong_record_is_refused_alone(void **state)
{
	const char *path = scratch_path("wrong.db");
	struct store *s = sample_open(path);
	struct record_event event = sample_event(1, 1);
	struct store_counters counters;
	struct err e = { "" };

	(void)state;
	assert_ok(store_event(s, &event, &e), e);
	event.seq = 2;
	event.text = NULL;
	assert_false(store_event(s, &event, &e));
	assert_non_null(strstr(e.text, path));
	event = sample_event(1, 3);
	assert_ok(store_event(s, &event, &e), e);
	assert_ok(store_commit(s, &e), e);
	store_counters(s, &counters);
	assert_int_equal(counters.rows, 2);
	assert_int_equal(counters.failed_rows, 1);
	sample_close(s);
	assert_look(path, "SELECT group_concat(seq) FROM v_events", "1,3");
}

/* Write events until one fails; returns how many of the first were committed for sure. */
static uint32_t fill(struct store *s, uint32_t from, struct err *e)
{
	struct store_counters counters;

	for (uint32_t seq = from; seq < 1000000; seq++) {
		struct record_event event = sample_event(1, seq);

		if (!store_event(s, &event, e)) {
			store_counters(s, &counters);
			assert_int_equal(counters.rows + counters.failed_rows, seq);
			assert_in_range(counters.failed_rows, 1, 1000);
			return (uint32_t)counters.rows;
		}
	}
	fail_msg("never full");
	return 0;
}

static void a_full_database_keeps_what_was_committed_and_works_again_when_there_is_room(
	void **state)
{
	const char *path = scratch_path("full.db");
	struct store *s = sample_open(path);
	struct err e = { "" };
	char expected[64];

	(void)state;
	assert_ok(store_run(s, "PRAGMA max_page_count = 200", &e), e);

	uint32_t committed = fill(s, 1, &e);

	if (!strstr(e.text, "disk is full") || !strstr(e.text, path))
		fail_msg("%s", e.text);
	assert_in_range(committed, 1000, 100000);
	snprintf(expected, sizeof(expected), "%u|%u", committed, committed);
	assert_look(path, "SELECT count(*), max(seq) FROM v_events", expected);
	assert_look(path, "PRAGMA integrity_check", "ok");

	assert_ok(store_run(s, "PRAGMA max_page_count = 100000", &e), e);
	for (uint32_t seq = committed + 1; seq <= committed + 10; seq++) {
		struct record_event event = sample_event(1, seq);

		assert_ok(store_event(s, &event, &e), e);
	}
	sample_close(s);
	snprintf(expected, sizeof(expected), "%u", committed + 10);
	assert_look(path, "SELECT count(*) FROM v_events", expected);
	assert_look(path, "SELECT group_concat(DISTINCT tunnel) FROM v_events", SAMPLE_TUNNEL);
}

/* In a child: no file may grow beyond 400 kB.  Prints the number of committed events. */
static void fill_a_small_disk(const char *path, int report)
{
	const struct rlimit limit = { 400000, 400000 };
	struct store *s;
	struct err e = { "" };
	uint32_t committed;

	signal(SIGXFSZ, SIG_IGN);
	if (!store_open(&s, path, STORE_WRITE, "probe", &e) || setrlimit(RLIMIT_FSIZE, &limit) != 0)
		_exit(1);
	committed = fill(s, 1, &e);
	if (!strstr(e.text, path) || !strstr(e.text, "what was stored before is kept"))
		_exit(2);
	dprintf(report, "%u", committed);
	store_close(s, NULL);
	_exit(0);
}

static void a_file_that_cannot_grow_loses_nothing_that_was_committed(void **state)
{
	const char *path = scratch_path("small.db");
	char expected[32] = "";
	int pipe_ends[2], status;

	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);

	pid_t child = fork();

	if (child == 0)
		fill_a_small_disk(path, pipe_ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(read(pipe_ends[0], expected, sizeof(expected) - 1) > 0);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	assert_look(path, "SELECT count(*) FROM event", expected);
	assert_look(path, "PRAGMA integrity_check", "ok");
	sample_close(sample_open(path));
}

/* In a child: write for ever, and say after each commit how many events are stored. */
static void write_for_ever(const char *path, int report)
{
	struct store *s;
	struct err e = { "" };

	if (!store_open(&s, path, STORE_WRITE, "probe", &e))
		_exit(1);
	for (uint32_t seq = 1;; seq++) {
		struct record_event event = sample_event(1, seq);

		if (!store_event(s, &event, &e) || (seq % 100 == 0 && !store_commit(s, &e)))
			_exit(2);
		if (seq % 100 == 0 && write(report, &seq, sizeof(seq)) != sizeof(seq))
			_exit(3);
	}
}

static void killed_at_any_moment_it_keeps_every_commit_and_its_integrity(void **state)
{
	(void)state;
	for (unsigned turn = 0; turn < 8; turn++) {
		char name[32], sql[80];
		uint32_t committed = 0, seq;
		int pipe_ends[2], status;
		const struct timespec while_writing = { .tv_nsec = (long)(3 + 7 * turn) *
								   NSEC_PER_MS };

		snprintf(name, sizeof(name), "killed%u.db", turn);

		const char *path = scratch_path(name);

		assert_int_equal(pipe(pipe_ends), 0);

		pid_t child = fork();

		if (child == 0)
			write_for_ever(path, pipe_ends[1]);
		close(pipe_ends[1]);
		assert_int_equal(read(pipe_ends[0], &committed, sizeof(committed)),
				 sizeof(committed));
		nanosleep(&while_writing, NULL);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		while (read(pipe_ends[0], &seq, sizeof(seq)) == sizeof(seq))
			committed = seq;
		close(pipe_ends[0]);

		sample_close(sample_open(path));
		snprintf(sql, sizeof(sql),
			 "SELECT count(*) >= %u, count(*) = max(seq) FROM v_events", committed);
		assert_look(path, sql, "1|1");
		assert_look(path, "PRAGMA integrity_check", "ok");
	}
}

static void others_read_while_it_writes_and_see_whole_transactions(void **state)
{
	const char *path = scratch_path("reader.db");
	struct store *s = sample_open(path), *reader;
	struct record_alert alert = alert_of(1, 1);
	struct err e = { "" };

	(void)state;
	assert_ok(store_alert(s, &alert, &e), e);
	assert_ok(store_commit(s, &e), e);
	for (uint32_t seq = 1; seq <= 5000; seq++) {
		struct record_event event = sample_event(1, seq);

		assert_ok(store_event(s, &event, &e), e);
		if (seq % 500 == 250) {	/* in the middle of a transaction */
			assert_look(path, "SELECT code FROM v_alerts", "spi_churn");
			assert_look(path, "SELECT ifnull(max(seq), 0) = count(*) FROM v_events",
				    "1");
			assert_ok(store_open(&reader, path, STORE_READ, NULL, &e), e);
			sample_close(reader);
		}
	}
	sample_close(s);
	assert_look(path, "SELECT count(*) FROM event", "5000");
}

static void an_importer(const char *path, const char *fingerprint)
{
	struct store *s;
	struct err e = { "" };
	uint32_t capture;
	bool known;

	if (!store_open(&s, path, STORE_WRITE, "probe", &e) ||
	    !store_capture_begin(s, fingerprint, "file", fingerprint, 1, &capture, &known, &e)) {
		fprintf(stderr, "%s\n", e.text);
		_exit(1);
	}
	for (uint32_t seq = 1; seq <= 20000; seq++) {
		struct record_event event = sample_event(capture, seq);

		if (!store_event(s, &event, &e)) {
			fprintf(stderr, "%s\n", e.text);
			_exit(2);
		}
	}
	_exit(store_close(s, &e) ? 0 : 3);
}

static void imports_at_the_same_time_all_succeed(void **state)
{
	const char *path = scratch_path("both.db");
	const char *const fingerprints[] = { "aa", "bb", "cc" };
	pid_t children[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		children[i] = fork();
		if (children[i] == 0)
			an_importer(path, fingerprints[i]);
	}
	for (int i = 0; i < 3; i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_look(path, "SELECT count(*), count(DISTINCT capture), count(DISTINCT tunnel_id)"
			  " FROM v_events", "60000|3|1");
	assert_look(path, "PRAGMA integrity_check", "ok");
	assert_look(path, "PRAGMA journal_mode", "delete");	/* the last one left a plain file */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_run_twice_gives_the_same_database),
		cmocka_unit_test(two_captures_share_a_tunnel_and_nothing_else),
		cmocka_unit_test(a_capture_is_known_when_it_was_read_to_its_end_with_this_size),
		cmocka_unit_test(every_run_on_an_interface_is_a_capture_of_its_own),
		cmocka_unit_test(two_sensors_do_not_share_captures_or_tunnels),
		cmocka_unit_test(an_older_capture_read_later_leaves_the_state_alone),
		cmocka_unit_test(equal_addresses_in_two_networks_are_two_tunnels),
		cmocka_unit_test(a_network_that_is_told_late_moves_what_was_written_before),
		cmocka_unit_test(transactions_end_by_themselves_after_a_thousand_rows_or_a_moment),
		cmocka_unit_test(an_alert_is_synced_to_the_disk_and_an_event_need_not_be),
		cmocka_unit_test(a_wrong_record_is_refused_alone),
		cmocka_unit_test(
		a_full_database_keeps_what_was_committed_and_works_again_when_there_is_room),
		cmocka_unit_test(a_file_that_cannot_grow_loses_nothing_that_was_committed),
		cmocka_unit_test(killed_at_any_moment_it_keeps_every_commit_and_its_integrity),
		cmocka_unit_test(others_read_while_it_writes_and_see_whole_transactions),
		cmocka_unit_test(imports_at_the_same_time_all_succeed),
	};

	return cmocka_run_group_tests(tests, NULL, scratch_remove);
}
