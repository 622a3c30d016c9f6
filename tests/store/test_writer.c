/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The disk is made full by a limit on the size of files, which can be taken
 * away again while the writer waits.
 */
#include "store/samples.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <sawatch/store_writer.h>

#include "store/store_parts.h"

enum { BACKLOG = 4 << 20 };

static struct store_writer *writer_open(struct store *s, enum store_writer_mode mode)
{
	struct store_writer *w = NULL;
	struct err e = { "" };

	assert_ok(store_writer_open(&w, s, mode, BACKLOG, &e), e);
	return w;
}

static void put_events(struct store_writer *w, uint32_t from, uint32_t to)
{
	struct record_sink sink = store_writer_sink(w);

	for (uint32_t seq = from; seq <= to; seq++) {
		struct record_event event = sample_event(1, seq);

		sink.event(sink.user, &event);
	}
}

static void put_alerts(struct store_writer *w, uint32_t from, uint32_t to)
{
	struct record_sink sink = store_writer_sink(w);

	for (uint32_t i = from; i <= to; i++) {
		struct record_alert alert = {
			.id = object_id_of(1, i), .tunnel = object_id_of(1, 1), .code = "spi_churn",
			.severity = SEVERITY_WARNING, .first = T0, .last = T0 + i, .raised = T0,
			.cleared_at = NSEC_NONE, .count = 1, .summary = "too many SPIs",
			.peers = sample_peers,
		};

		sink.alert(sink.user, &alert);
	}
}

static struct store_writer_counters counters_of(const struct store_writer *w)
{
	struct store_writer_counters c;

	store_writer_counters(w, &c);
	return c;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / NSEC_PER_MS;
}

static void rest_ms(long ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

/* No file may become larger than the database's log is now. */
static void disk_full(const char *path)
{
	struct rlimit limit;
	char log[300];
	struct stat st;

	snprintf(log, sizeof(log), "%s-wal", path);
	assert_int_equal(stat(log, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = (rlim_t)st.st_size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int disk_free(void **state)
{
	struct rlimit limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_FSIZE, &limit);
}

/* Until the writer says that it cannot write. */
static void wait_for_trouble(struct store_writer *w, struct err *e)
{
	for (int i = 0; i < 500; i++) {
		if (!store_writer_news(w, e))
			return;
		store_writer_commit(w);
		rest_ms(10);
	}
	fail_msg("never in trouble");
}

static void a_database_that_is_deleted_moved_or_replaced_is_missed(void **state)
{
	static const char *const news[] = { "deleted or moved", "was put in its place" };
	const char *path = scratch_path("moved.db");
	char away[300], log[300];
	struct err e = { "" };

	(void)state;
	snprintf(away, sizeof(away), "%s.away", path);
	snprintf(log, sizeof(log), "%s-wal", path);
	for (int replaced = 0; replaced < 2; replaced++) {
		struct store *s = sample_open(path), *other = NULL;
		struct store_writer *w = writer_open(s, STORE_WRITER_DROPS);
		struct stat st;

		put_events(w, 1, 10);
		assert_ok(store_writer_drain(w, 5000, &e), e);
		assert_int_equal(rename(path, away), 0);
		if (replaced) {
			remove(log);
			other = sample_open(path);
			assert_ok(store_commit(other, &e), e);
			assert_int_equal(stat(log, &st), 0);
		}
		put_events(w, 11, 20);
		assert_false(store_writer_drain(w, 5000, &e));
		if (!strstr(e.text, news[replaced]))
			fail_msg("%s", e.text);
		assert_false(store_writer_news(w, &e));		/* for as long as it lasts */
		if (!replaced) {
			assert_int_equal(rename(away, path), 0);
			put_events(w, 21, 30);
			assert_ok(store_writer_drain(w, 5000, &e), e);
		}
		store_writer_close(w);
		store_close(s, NULL);
		if (replaced) {		/* its log was left alone */
			assert_int_equal(stat(log, &st), 0);
			sample_close(other);
		}
	}
	remove(away);
}

static void put_everything(const struct record_sink *sink)
{
	const char *sentences[] = { "a", "b" };
	struct record_tunnel tunnel = {
		.id = object_id_of(1, 1), .peers = { sample_peers[0], sample_peers[1] },
		.state = TUNNEL_UP, .since = T0,
		.first = T0, .last = T0 + 1, .behind_nat = { -1, 1 }, .n_unobservable = 2,
		.unobservable = sentences,
	};
	struct record_ike_sa ike = {
		.id = object_id_of(1, 1), .tunnel = tunnel.id, .spi_i = 1, .spi_r = 2, .version = 2,
		.initiator = sample_peers[0], .responder = sample_peers[1], .created = T0,
		.established = T0 + 1,
		.ended = NSEC_NONE, .last = T0 + 1, .suite = { .encryption = "AES" },
		.n_vendor_ids = 2,
		.vendor_ids = sentences, .peers = sample_peers,
	};
	struct record_child_sa child = {
		.id = object_id_of(1, 1), .tunnel = tunnel.id, .spis = { 1, 2 }, .created = T0,
		.ended = NSEC_NONE,
		.rekey_at = NSEC_NONE, .peers = sample_peers,
	};
	struct record_exchange exchange = {
		.id = object_id_of(1, 1), .tunnel = tunnel.id, .spi_i = 1, .version = 2,
		.kind = "IKE_AUTH",
		.request_at = T0, .response_at = T0 + 1, .outcome = OUTCOME_ANSWERED,
		.peers = sample_peers,
	};
	struct record_capture capture = {
		.id = 1, .name = "x.pcap", .kind = "file", .first = T0, .last = T0 + 1
	};

	for (uint32_t i = 1; i <= 3000; i++) {
		struct record_event event = sample_event(1, i);
		struct record_esp_sa sa = sample_esp_sa(1, i);
		struct record_traffic traffic = { sa.id, sa.tunnel, T0 + i, 1, 2, 3 };

		sink->event(sink->user, &event);
		sink->esp_sa(sink->user, &sa);
		sink->traffic(sink->user, &traffic);
	}
	sink->tunnel(sink->user, &tunnel);
	sink->ike_sa(sink->user, &ike);
	sink->child_sa(sink->user, &child);
	sink->exchange(sink->user, &exchange);
	sink->capture(sink->user, &capture);
}

#define DIRECT(kind)                                                              \
	static void direct_##kind(void *s, const struct record_##kind *r)         \
	{                                                                         \
		struct err e = { "" };                                            \
                                                                                  \
		assert_ok(store_##kind(s, r, &e), e);                             \
	}
DIRECT(capture) DIRECT(tunnel) DIRECT(ike_sa) DIRECT(child_sa) DIRECT(esp_sa) DIRECT(exchange)
DIRECT(event) DIRECT(traffic)

static void a_writer_makes_the_same_rows_as_its_caller_would(void **state)
{
	const char *mine = scratch_path("mine.db"), *its = scratch_path("its.db");
	struct store *s = sample_open(mine);
	struct record_sink direct = {
		.user = s, .capture = direct_capture, .tunnel = direct_tunnel,
		.ike_sa = direct_ike_sa,
		.child_sa = direct_child_sa, .esp_sa = direct_esp_sa, .exchange = direct_exchange,
		.event = direct_event,
		.traffic = direct_traffic,
	};
	struct err e = { "" };

	(void)state;
	sample_capture(s, "aa");
	put_everything(&direct);
	sample_close(s);

	s = sample_open(its);
	sample_capture(s, "aa");

	struct store_writer *w = writer_open(s, STORE_WRITER_WAITS);
	struct record_sink sink = store_writer_sink(w);

	put_everything(&sink);
	assert_ok(store_writer_drain(w, -1, &e), e);
	assert_int_equal(counters_of(w).waiting, 0);
	assert_int_equal(counters_of(w).rows, 9005 + 1);	/* and the capture's first */
	assert_int_equal(store_writer_close(w), 0);
	sample_close(s);

	char *a = look_at_all(mine), *b = look_at_all(its);

	assert_string_equal(a, b);
	free(a);
	free(b);
}

static void more_records_than_fit_wait_for_the_disk_when_they_may(void **state)
{
	const char *path = scratch_path("wait.db");
	struct store *s = sample_open(path);
	struct store_writer *w = writer_open(s, STORE_WRITER_WAITS);
	struct err e = { "" };

	(void)state;
	put_events(w, 1, 60000);	/* some 20 MB */
	assert_ok(store_writer_drain(w, -1, &e), e);
	store_writer_close(w);
	sample_close(s);
	assert_look(path, "SELECT count(*), max(seq) FROM v_events", "60000|60000");
}

static void after_a_drain_the_store_is_the_callers(void **state)
{
	struct store *s = sample_open(NULL);
	struct store_writer *w = writer_open(s, STORE_WRITER_WAITS);
	struct err e = { "" };

	(void)state;
	for (uint32_t turn = 0; turn < 200; turn++) {
		struct store_counters c;

		put_events(w, 1 + turn * 3, 3 + turn * 3);
		assert_ok(store_writer_drain(w, -1, &e), e);
		store_counters(s, &c);
		assert_int_equal(c.rows, 3 + turn * 3);
		assert_ok(store_capture_complete(s, 1, &e), e);
		assert_ok(store_commit(s, &e), e);
		s->counters.rows--;
	}
	assert_int_equal(store_writer_close(w), 0);
	sample_close(s);
}

static void a_locked_database_keeps_no_watcher_waiting(void **state)
{
	const char *path = scratch_path("locked.db");
	struct store *s = sample_open(path);
	struct store_writer *w = writer_open(s, STORE_WRITER_DROPS);
	struct err e = { "" };
	sqlite3 *other;

	(void)state;
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);

	int64_t began = now_ms();

	put_events(w, 1, 1000);
	put_alerts(w, 1, 10);
	store_writer_commit(w);
	assert_in_range(now_ms() - began, 0, 500);
	assert_false(store_writer_drain(w, 300, &e));
	assert_in_range(now_ms() - began, 300, 1500);
	assert_int_equal(counters_of(w).waiting, 1010);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_ok(store_writer_drain(w, 5000, &e), e);
	assert_int_equal(store_writer_close(w), 0);
	sample_close(s);
	assert_look(path, "SELECT count(*) FROM v_events", "1000");
	assert_look(path, "SELECT count(*) FROM v_alerts", "10");
}

static void what_a_full_disk_refused_is_written_when_there_is_room(void **state)
{
	const char *path = scratch_path("full.db");
	struct store *s = sample_open(path);
	struct store_writer *w = writer_open(s, STORE_WRITER_DROPS);
	struct err e = { "" };

	(void)state;
	put_events(w, 1, 10);
	assert_ok(store_writer_drain(w, -1, &e), e);
	disk_full(path);
	put_events(w, 11, 2000);
	put_alerts(w, 1, 5);
	wait_for_trouble(w, &e);
	assert_non_null(strstr(e.text, path));
	rest_ms(300);
	assert_false(store_writer_news(w, &e));	/* as long as it lasts */
	assert_true(counters_of(w).retries >= 2);
	assert_true(counters_of(w).waiting >= 1990);
	disk_free(NULL);
	assert_true(store_writer_drain(w, 10000, &e) || store_writer_drain(w, 10000, &e));
	assert_true(store_writer_news(w, &e));
	assert_int_equal(store_writer_close(w), 0);
	sample_close(s);
	assert_look(path, "SELECT count(*), max(seq) FROM v_events", "2000|2000");
	assert_look(path, "SELECT count(*) FROM v_alerts", "5");
	assert_look(path, "PRAGMA integrity_check", "ok");
}

static void states_go_before_traffic_before_facts_before_alerts(void **state)
{
	const char *path = scratch_path("order.db");
	struct store *s = sample_open(path);
	struct store_writer *w = writer_open(s, STORE_WRITER_DROPS);
	struct record_sink sink = store_writer_sink(w);
	struct store_writer_counters c;
	struct err e = { "" };

	(void)state;
	put_events(w, 1, 1);
	assert_ok(store_writer_drain(w, -1, &e), e);
	disk_full(path);
	assert_true(store_writer_has_room(w));
	for (uint32_t i = 1; i <= 20000; i++) {
		struct record_esp_sa sa = sample_esp_sa(1, i);

		sink.esp_sa(sink.user, &sa);
	}
	c = counters_of(w);
	assert_false(store_writer_has_room(w));
	assert_false(store_writer_wants_all(w));	/* not now */
	assert_true(c.left_out > 0 && c.left_out < 20000);
	assert_int_equal(c.dropped_traffic, 0);
	for (uint32_t i = 1; i <= 40000; i++) {
		struct record_traffic traffic = {
			object_id_of(1, i), object_id_of(1, 1), T0, 1, 2, 3
		};

		sink.traffic(sink.user, &traffic);
	}
	c = counters_of(w);
	assert_true(c.dropped_traffic > 0 && c.dropped_traffic < 40000);
	assert_int_equal(c.dropped_facts, 0);
	put_events(w, 2, 10000);
	c = counters_of(w);
	assert_true(c.dropped_facts > 0 && c.dropped_facts < 9999);
	put_alerts(w, 1, 100);
	c = counters_of(w);
	assert_int_equal(c.dropped_alerts, 0);
	assert_true(c.bytes <= c.ceiling && c.ceiling == BACKLOG);
	disk_free(NULL);
	assert_true(store_writer_drain(w, 30000, &e) || store_writer_drain(w, 30000, &e));
	assert_true(store_writer_wants_all(w));
	assert_false(store_writer_wants_all(w));	/* once */
	assert_int_equal(store_writer_close(w), 0);
	sample_close(s);
	assert_look(path, "SELECT count(*) FROM v_alerts", "100");
	assert_look(path, "PRAGMA integrity_check", "ok");
}

static void a_reader_of_files_stops_at_the_first_failure(void **state)
{
	const char *path = scratch_path("stop.db");
	struct store *s = sample_open(path);
	struct store_writer *w = writer_open(s, STORE_WRITER_WAITS);
	struct err e = { "" };

	(void)state;
	put_events(w, 1, 10);
	assert_ok(store_writer_drain(w, -1, &e), e);
	disk_full(path);
	put_events(w, 11, 30000);	/* goes on to its end all the same */
	assert_false(store_writer_drain(w, -1, &e));
	assert_non_null(strstr(e.text, path));
	disk_free(NULL);
	put_events(w, 30001, 30010);
	assert_false(store_writer_drain(w, -1, &e));
	store_writer_close(w);
	sample_close(s);
	assert_look(path, "SELECT count(*), max(seq) FROM v_events", "10|10");	/* no hole */
}

static void a_wrong_record_is_refused_alone(void **state)
{
	const char *path = scratch_path("wrong.db");
	struct store *s = sample_open(path);
	struct store_writer *w = writer_open(s, STORE_WRITER_DROPS);
	struct record_sink sink = store_writer_sink(w);
	struct record_event event = sample_event(1, 2);
	struct record_esp_sa sa = sample_esp_sa(1, 1);
	struct err e = { "" };

	(void)state;
	event.text = NULL;
	sa.tunnel = object_id_of(1, 99);
	sa.peers = NULL;	/* nobody said whose tunnel that is */
	put_events(w, 1, 1);
	sink.event(sink.user, &event);
	sink.esp_sa(sink.user, &sa);
	put_events(w, 3, 3);
	assert_false(store_writer_drain(w, 5000, &e));
	assert_non_null(strstr(e.text, path));
	assert_ok(store_writer_news(w, &e), e);
	assert_int_equal(counters_of(w).refused, 2);
	assert_int_equal(counters_of(w).retries, 0);
	assert_int_equal(store_writer_close(w), 0);
	sample_close(s);
	assert_look(path, "SELECT group_concat(seq) FROM v_events", "1,3");
}

static bool count_events(struct store *s, void *user, struct err *e)
{
	return store_number(s, "SELECT count(*) FROM event", user, e);
}

static bool fail_with_a_word(struct store *s, void *user, struct err *e)
{
	(void)s;
	(void)user;
	return err_set(e, "the task says no");
}

static void a_task_finds_what_came_before_it_and_nothing_else(void **state)
{
	struct store *s = sample_open(scratch_path("task.db"));
	struct store_writer *w = writer_open(s, STORE_WRITER_DROPS);
	int64_t n = -1;
	struct err e = { "" };

	(void)state;
	put_events(w, 1, 123);
	assert_true(store_writer_task(w, count_events, &n));
	put_events(w, 124, 200);
	assert_ok(store_writer_drain(w, 5000, &e), e);
	assert_int_equal(n, 123);
	assert_true(store_writer_task(w, fail_with_a_word, NULL));
	assert_false(store_writer_drain(w, 5000, &e));
	assert_string_equal(e.text, "the task says no");
	assert_ok(store_writer_drain(w, 5000, &e), e);
	assert_int_equal(store_writer_close(w), 0);
	sample_close(s);
}

static void closing_writes_what_can_be_written_and_counts_the_rest(void **state)
{
	const char *path = scratch_path("close.db");
	struct store *s = sample_open(path);
	struct store_writer *w = writer_open(s, STORE_WRITER_DROPS);
	int64_t began;

	(void)state;
	put_events(w, 1, 500);
	assert_int_equal(store_writer_close(w), 0);
	assert_look(path, "SELECT count(*) FROM v_events", "500");
	w = writer_open(s, STORE_WRITER_DROPS);
	disk_full(path);
	put_events(w, 501, 900);
	rest_ms(100);
	began = now_ms();
	assert_int_equal(store_writer_close(w), 400);
	assert_in_range(now_ms() - began, 0, 1000);
	disk_free(NULL);
	sample_close(s);
	assert_look(path, "SELECT count(*) FROM v_events", "500");
}

static void records_are_on_the_disk_within_a_moment_without_being_asked_for(void **state)
{
	const char *path = scratch_path("moment.db");
	struct store *s = sample_open(path);
	struct store_writer *w = writer_open(s, STORE_WRITER_DROPS);

	(void)state;
	put_events(w, 1, 3);
	rest_ms(1000);
	assert_look(path, "SELECT count(*) FROM v_events", "3");
	assert_int_equal(store_writer_close(w), 0);
	sample_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_writer_makes_the_same_rows_as_its_caller_would),
		cmocka_unit_test(a_database_that_is_deleted_moved_or_replaced_is_missed),
		cmocka_unit_test(more_records_than_fit_wait_for_the_disk_when_they_may),
		cmocka_unit_test(after_a_drain_the_store_is_the_callers),
		cmocka_unit_test(a_locked_database_keeps_no_watcher_waiting),
		cmocka_unit_test_teardown(
			what_a_full_disk_refused_is_written_when_there_is_room, disk_free),
		cmocka_unit_test_teardown(
			states_go_before_traffic_before_facts_before_alerts, disk_free),
		cmocka_unit_test_teardown(a_reader_of_files_stops_at_the_first_failure, disk_free),
		cmocka_unit_test(a_wrong_record_is_refused_alone),
		cmocka_unit_test(a_task_finds_what_came_before_it_and_nothing_else),
		cmocka_unit_test_teardown(
			closing_writes_what_can_be_written_and_counts_the_rest, disk_free),
		cmocka_unit_test(records_are_on_the_disk_within_a_moment_without_being_asked_for),
	};

	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, scratch_remove);
}
