/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A call of SQLite to the disk fails once: each in turn with EVERY_FAULT=1 in
 * the environment, else one in some.  Whatever it was: a sentence that names
 * the database, no damage, and a store that works again.
 */
#include "store/samples.h"

#include <sawatch/store_writer.h>

#include "store/faulty_vfs.h"
#include "store/store_parts.h"

enum { EVENTS = 30, CALLS_MAX = 5000, STRIDE = 13 };

static int stride;	/* from one call that fails to the next */

static const int codes[] = { SQLITE_IOERR, SQLITE_FULL };

static void remove_history(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char name[300];

		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
}

static void assert_clear(const struct err *e, const char *path, int call)
{
	if (!strstr(e->text, path) || strlen(e->text) < strlen(path) + 20)
		fail_msg("call %d: \"%s\" does not say what is wrong with what", call, e->text);
}

static struct record_alert sample_alert(void)
{
	return (struct record_alert){
		.id = object_id_of(1, 1), .tunnel = object_id_of(1, 1), .code = "spi_churn",
		.severity = SEVERITY_WARNING, .first = T0, .last = T0, .raised = T0,
		.cleared_at = NSEC_NONE, .count = 1,
		.summary = "too many SPIs", .peers = sample_peers,
	};
}

/* A history as it is made: true when nothing failed. */
static bool write_all(const char *path, struct err *e)
{
	struct record_alert alert = sample_alert();
	struct store *s;
	uint32_t id;
	bool known, ok = true;

	if (!store_open(&s, path, STORE_WRITE, "probe", e))
		return false;
	ok = store_capture_begin(s, "x.pcap", "file", "aa", 1000, &id, &known, e);
	for (uint32_t seq = 1; ok && seq <= EVENTS; seq++) {
		struct record_event event = sample_event(1, seq);
		struct record_esp_sa sa = sample_esp_sa(1, seq);

		ok = store_event(s, &event, e) && store_esp_sa(s, &sa, e);
	}
	ok = ok && store_alert(s, &alert, e) && store_commit(s, e);
	ok = ok && store_capture_complete(s, id, e) && store_commit(s, e);
	if (!ok) {
		store_close(s, NULL);
		return false;
	}
	return store_close(s, e);
}

static void assert_whole(const char *path)
{
	assert_look(path, "PRAGMA integrity_check", "ok");
	assert_look(path, "SELECT count(*), max(seq) FROM v_events", "30|30");
	assert_look(path, "SELECT count(*) FROM v_esp_sas", "30");
	assert_look(path, "SELECT count(*) FROM v_alerts", "1");
	assert_look(path, "SELECT count(*), sum(complete) FROM v_captures", "1|1");
}

/* Until the fault comes later than the last call. */
static void write_with_every_fault(const char *path, bool anew)
{
	struct err e = { "" };
	int faults = 0;

	for (size_t c = 0; c < sizeof(codes) / sizeof(codes[0]); c++) {
		for (int n = 1 + (int)c;; n += stride) {
			if (anew)
				remove_history(path);
			e.text[0] = '\0';
			faulty_vfs_fail(n, codes[c]);

			bool ok = write_all(path, &e);
			bool failed = atomic_load(&faulty.failed);

			faulty_vfs_fail(0, 0);
			if (!ok)
				assert_clear(&e, path, n);
			assert_true(ok || failed);
			assert_ok(write_all(path, &e), e);
			assert_whole(path);
			if (!failed)
				break;
			faults++;
			assert_true(n < CALLS_MAX);
		}
	}
	assert_true(faults * stride > 100);
	printf("%d faults\n", faults);
}

static void a_new_history_survives_a_fault_at_every_call(void **state)
{
	(void)state;
	write_with_every_fault(scratch_path("new.db"), true);
}

static void an_old_history_survives_a_fault_at_every_call(void **state)
{
	const char *path = scratch_path("old.db");
	struct err e = { "" };

	(void)state;
	assert_ok(write_all(path, &e), e);
	write_with_every_fault(path, false);
}

/* Watching: a fault that passes costs nothing, whatever it hits. */
static void a_watching_writer_loses_nothing_by_one_fault(void **state)
{
	const char *path = scratch_path("watched.db");
	struct err e = { "" };
	unsigned faults = 0;

	(void)state;
	for (size_t c = 0; c < sizeof(codes) / sizeof(codes[0]); c++) {
		for (int n = 1 + (int)c;; n += stride) {
			struct record_alert alert = sample_alert();
			struct store_writer *w;
			struct record_sink sink;

			remove_history(path);

			struct store *s = sample_open(path);

			sample_capture(s, "aa");
			assert_ok(store_writer_open(&w, s, STORE_WRITER_DROPS, 4 << 20, &e), e);
			sink = store_writer_sink(w);
			faulty_vfs_fail(n, codes[c]);
			for (uint32_t seq = 1; seq <= EVENTS; seq++) {
				struct record_event event = sample_event(1, seq);
				struct record_esp_sa sa = sample_esp_sa(1, seq);

				sink.event(sink.user, &event);
				sink.esp_sa(sink.user, &sa);
			}
			sink.alert(sink.user, &alert);

			bool drained = store_writer_drain(w, 5000, &e);

			bool failed = atomic_load(&faulty.failed);

			if (!drained)	/* it was in trouble for a moment, no more */
				assert_ok(store_writer_drain(w, 5000, &e), e);
			faulty_vfs_fail(0, 0);
			assert_int_equal(store_writer_close(w), 0);
			assert_ok(store_capture_complete(s, 1, &e), e);
			sample_close(s);
			assert_whole(path);
			if (!failed)
				break;
			faults++;
			assert_true(n < CALLS_MAX);
		}
	}
	assert_true(faults * (unsigned)stride > 20);
	printf("%u faults\n", faults);
}

static void count_event(void *user, const struct record_event *r)
{
	(void)r;
	++*(int *)user;
}

static void a_reader_says_what_failed_and_reads_all_the_next_time(void **state)
{
	const char *path = scratch_path("read.db");
	struct err e = { "" };

	(void)state;
	assert_ok(write_all(path, &e), e);
	for (int n = 1;; n += stride) {
		int events = 0;
		struct record_sink sink = { .user = &events, .event = count_event };
		struct store *s = NULL;
		bool ok;

		e.text[0] = '\0';
		faulty_vfs_fail(n, SQLITE_IOERR);
		ok = store_open(&s, path, STORE_READ, NULL, &e) && store_walk(s, NULL, &sink, &e);
		store_close(s, NULL);
		if (ok)		/* all, or it would have said so */
			assert_int_equal(events, EVENTS);
		else
			assert_clear(&e, path, n);

		bool failed = atomic_load(&faulty.failed);

		faulty_vfs_fail(0, 0);
		assert_true(ok || failed);
		if (!failed)
			break;
		assert_true(n < CALLS_MAX);
	}
	assert_whole(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_history_survives_a_fault_at_every_call),
		cmocka_unit_test(an_old_history_survives_a_fault_at_every_call),
		cmocka_unit_test(a_watching_writer_loses_nothing_by_one_fault),
		cmocka_unit_test(a_reader_says_what_failed_and_reads_all_the_next_time),
	};

	stride = getenv("EVERY_FAULT") ? 1 : STRIDE;
	/* before SQLite has begun: store_open() sets it up for one thread a connection */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	faulty_vfs_begin();
	return cmocka_run_group_tests(tests, NULL, scratch_remove);
}
