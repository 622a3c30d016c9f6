/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The readers are processes of their own: locks say nothing between connections of one. */
#include "store/samples.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <sawatch/store_writer.h>

#include "store/store_parts.h"

enum { BACKLOG = 4 << 20, LIMIT = 1 << 20, A_TRANSACTION = 8 << 20 };

static void put_events(struct store_writer *w, uint32_t from, uint32_t to)
{
	struct record_sink sink = store_writer_sink(w);

	for (uint32_t seq = from; seq <= to; seq++) {
		struct record_event event = sample_event(1, seq);

		sink.event(sink.user, &event);
	}
}

static void put_alerts(struct store_writer *w, uint32_t n)
{
	struct record_sink sink = store_writer_sink(w);

	for (uint32_t i = 1; i <= n; i++) {
		struct record_alert alert = {
			.id = object_id_of(1, i), .tunnel = object_id_of(1, 1), .code = "spi_churn",
			.severity = SEVERITY_WARNING, .first = T0, .last = T0 + i, .raised = T0,
			.cleared_at = NSEC_NONE, .count = 1, .summary = "too many SPIs",
			.peers = sample_peers,
		};

		sink.alert(sink.user, &alert);
	}
}

static struct store_writer *writer_open(struct store *s, enum store_writer_mode mode)
{
	struct store_writer *w = NULL;
	struct err e = { "" };

	assert_ok(store_writer_open(&w, s, mode, BACKLOG, &e), e);
	return w;
}

static void rest_ms(long ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

static int64_t log_bytes(const char *path)
{
	char name[300];
	struct stat st;

	snprintf(name, sizeof(name), "%s-wal", path);
	return stat(name, &st) == 0 ? st.st_size : 0;
}

/* A process that began to read and does not stop. */
static pid_t reader_begin(const char *path)
{
	int ready[2];
	char c = 0;

	assert_int_equal(pipe(ready), 0);

	pid_t reader = fork();

	if (reader == 0) {
		sqlite3 *db = NULL;

		/*
		 * a test that fails leaves nobody behind who keeps the output open: ctest waits for
		 * its end
		 */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
		    sqlite3_exec(db, "BEGIN; SELECT count(*) FROM event", NULL, NULL, NULL) !=
			    SQLITE_OK)
			_exit(1);
		if (write(ready[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(reader > 0);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return reader;
}

static void reader_end(pid_t reader)
{
	kill(reader, SIGKILL);
	waitpid(reader, NULL, 0);
}

/* Events, a hundred at a time, until the writer says that it cannot go on; returns how many. */
static uint32_t fill_the_log(struct store_writer *w, struct err *e)
{
	uint32_t n = 0;

	for (int i = 0; i < 3000; i++) {
		if (!store_writer_news(w, e))
			return n;
		put_events(w, n + 1, n + 100);
		n += 100;
		store_writer_commit(w);
		rest_ms(5);
	}
	fail_msg("the log has no limit");
	return 0;
}

static void a_reader_that_never_ends_makes_the_writer_wait_and_is_named(void **state)
{
	const char *path = scratch_path("held.db");
	struct store *s = sample_open(path);
	struct store_writer_counters c;
	struct err e = { "" };
	char name[64], rows[32];
	int64_t most;

	(void)state;
	store_wal_limit(s, LIMIT);

	struct store_writer *w = writer_open(s, STORE_WRITER_DROPS);

	put_events(w, 1, 1);
	assert_ok(store_writer_drain(w, -1, &e), e);

	pid_t reader = reader_begin(path);
	uint32_t n = fill_the_log(w, &e);

	snprintf(name, sizeof(name), "process %ld ", (long)reader);
	assert_non_null(strstr(e.text, name));
	assert_non_null(strstr(e.text, "store.wal_mb"));
	most = log_bytes(path);
	assert_in_range(most, LIMIT, LIMIT + A_TRANSACTION);

	/*
	 * from here on nothing grows but the backlog, and that to its ceiling; alerts have their
	 * place to the last
	 */
	put_events(w, n + 1, n + 60000);
	put_alerts(w, 50);
	rest_ms(1500);
	store_writer_counters(w, &c);
	assert_true(c.dropped_facts > 0);
	assert_int_equal(c.dropped_alerts, 0);
	assert_true(c.bytes <= c.ceiling);
	assert_int_equal(log_bytes(path), most);
	assert_look(path, "SELECT count(*) FROM alert", "0");

	reader_end(reader);
	for (int i = 0; i < 1000 && !store_writer_news(w, &e); i++)
		rest_ms(10);
	assert_true(store_writer_news(w, &e));
	assert_ok(store_writer_drain(w, 30000, &e), e);
	store_writer_counters(w, &c);
	assert_int_equal(c.refused, 0);
	assert_int_equal(store_writer_close(w), 0);
	sample_close(s);
	assert_look(path, "SELECT count(*) FROM alert", "50");
	snprintf(rows, sizeof(rows), "%lu", (unsigned long)(n + 60000 - c.dropped_facts));
	assert_look(path, "SELECT count(*) FROM event", rows);
	assert_look(path, "PRAGMA integrity_check", "ok");
}

static void readers_that_come_and_go_hold_nothing_up(void **state)
{
	const char *path = scratch_path("readers.db");
	struct store *s = sample_open(path);
	struct err e = { "" };
	uint32_t n = 0;

	(void)state;
	store_wal_limit(s, LIMIT);

	struct store_writer *w = writer_open(s, STORE_WRITER_DROPS);

	put_events(w, 1, 1);
	assert_ok(store_writer_drain(w, -1, &e), e);
	for (int round = 0; round < 40; round++) {
		pid_t reader = reader_begin(path);

		for (int i = 0; i < 20; i++, n += 50) {
			put_events(w, n + 1, n + 50);
			store_writer_commit(w);
			rest_ms(1);
		}
		reader_end(reader);
		assert_ok(store_writer_drain(w, 10000, &e), e);
		assert_in_range(log_bytes(path), 0, 2 * LIMIT + A_TRANSACTION);
	}
	assert_int_equal(store_writer_close(w), 0);
	sample_close(s);
	assert_look(path, "SELECT count(*) FROM event", "40000");
}

static void at_the_end_everything_is_written_whoever_reads(void **state)
{
	const char *path = scratch_path("end.db");
	struct store *s = sample_open(path);
	struct err e = { "" };
	char rows[32];

	(void)state;
	store_wal_limit(s, LIMIT);

	struct store_writer *w = writer_open(s, STORE_WRITER_DROPS);

	put_events(w, 1, 1);
	assert_ok(store_writer_drain(w, -1, &e), e);

	pid_t reader = reader_begin(path);
	uint32_t n = fill_the_log(w, &e);

	put_events(w, n + 1, n + 1000);
	assert_ok(store_writer_drain(w, 10000, &e), e);
	assert_int_equal(store_writer_close(w), 0);
	sample_close(s);
	reader_end(reader);
	snprintf(rows, sizeof(rows), "%u", n + 1000);
	assert_look(path, "SELECT count(*) FROM event", rows);
}

static void a_file_is_imported_without_a_limit(void **state)
{
	const char *path = scratch_path("import.db");
	struct store *s = sample_open(path);
	struct store_writer *w = writer_open(s, STORE_WRITER_WAITS);
	struct err e = { "" };

	(void)state;
	put_events(w, 1, 1);
	assert_ok(store_writer_drain(w, -1, &e), e);

	pid_t reader = reader_begin(path);

	put_events(w, 1, 20000);
	assert_ok(store_writer_drain(w, -1, &e), e);
	assert_true(log_bytes(path) > LIMIT);
	assert_int_equal(store_writer_close(w), 0);
	sample_close(s);
	reader_end(reader);
	assert_look(path, "SELECT count(*) FROM event", "20000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_that_never_ends_makes_the_writer_wait_and_is_named),
		cmocka_unit_test(readers_that_come_and_go_hold_nothing_up),
		cmocka_unit_test(at_the_end_everything_is_written_whoever_reads),
		cmocka_unit_test(a_file_is_imported_without_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, scratch_remove);
}
