/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/samples.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <sawatch/store_images.h>

/* A process that has claimed this source, and does nothing else. */
static pid_t holder_begin(const char *path, const char *sensor, const char *source)
{
	int ready[2];
	char c = 0;

	assert_int_equal(pipe(ready), 0);

	pid_t holder = fork();

	if (holder == 0) {
		struct store *s;
		struct err e;

		/*
		 * a test that fails leaves nobody behind who keeps the output open: ctest waits for
		 * its end
		 */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!store_open(&s, path, STORE_WRITE, sensor, &e) || !store_claim(s, source, &e) ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(holder > 0);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return holder;
}

static void holder_end(pid_t holder)
{
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
}

/* A process of another program that holds a lock on the file, for ever or for a moment. */
static pid_t lock_begin(const char *path, const char *sql, unsigned ms)
{
	int ready[2];
	char c = 0;

	assert_int_equal(pipe(ready), 0);

	pid_t holder = fork();

	if (holder == 0) {
		sqlite3 *db;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (sqlite3_open(path, &db) != SQLITE_OK ||
		    sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK ||
		    write(ready[1], &c, 1) != 1)
			_exit(1);
		if (ms == 0)
			pause();
		usleep(1000 * ms);
		_exit(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK);
	}
	assert_true(holder > 0);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	return holder;
}

static void a_writer_or_reader_that_ends_its_transaction_is_waited_for(void **state)
{
	static const char *const transactions[] = {
		"BEGIN IMMEDIATE", "BEGIN; SELECT * FROM sensor", "BEGIN EXCLUSIVE",
	};
	const char *path = scratch_path("busy.db");
	int status;

	(void)state;
	sample_close(sample_open(path));
	for (size_t i = 0; i < sizeof(transactions) / sizeof(transactions[0]); i++) {
		pid_t holder = lock_begin(path, transactions[i], 300);

		sample_close(sample_open(path));
		assert_int_equal(waitpid(holder, &status, 0), holder);
		assert_int_equal(status, 0);
	}
}

static void one_that_does_not_is_named(void **state)
{
	const char *path = scratch_path("kept.db");
	char name[64];
	struct err e = { "" };
	struct store *s;
	pid_t holder;

	(void)state;
	sample_close(sample_open(path));
	holder = lock_begin(path, "BEGIN IMMEDIATE", 0);
	assert_false(store_open(&s, path, STORE_WRITE, NULL, &e));
	snprintf(name, sizeof(name), "kept.db: process %ld has been holding", (long)holder);
	assert_non_null(strstr(e.text, name));
	holder_end(holder);
	sample_close(sample_open(path));
}

static void only_one_process_goes_on_with_a_source_and_the_other_is_told_who(void **state)
{
	const char *path = scratch_path("claim.db");
	char name[32];
	struct err e = { "" };
	struct store *s;
	pid_t holder;

	(void)state;
	sample_close(sample_open(path));
	holder = holder_begin(path, "probe", "span0");
	s = sample_open(path);
	assert_false(store_claim(s, "span0", &e));
	snprintf(name, sizeof(name), "process %ld ", (long)holder);
	assert_non_null(strstr(e.text, name));
	assert_non_null(strstr(e.text, "span0"));
	/* another source has room in the same history */
	assert_ok(store_claim(s, "span1", &e), e);
	holder_end(holder);				/* however it ends */
	assert_ok(store_claim(s, "span0", &e), e);
	sample_close(s);
}

static void another_sensor_has_interfaces_of_the_same_name(void **state)
{
	const char *path = scratch_path("sensors.db");
	struct err e = { "" };
	struct store *s;
	pid_t holder;

	(void)state;
	sample_close(sample_open(path));
	holder = holder_begin(path, "elsewhere", "span0");
	s = sample_open(path);		/* "probe" */
	assert_ok(store_claim(s, "span0", &e), e);
	holder_end(holder);
	sample_close(s);
}

static void a_claim_ends_with_the_store_and_disturbs_nobody_who_writes(void **state)
{
	const char *path = scratch_path("writes.db");
	struct err e = { "" };
	struct store *s = sample_open(path), *other;
	struct record_event event;
	uint32_t capture;

	(void)state;
	assert_ok(store_claim(s, "span0", &e), e);
	capture = sample_capture(s, "a");
	event = sample_event(capture, 1);
	assert_ok(store_event(s, &event, &e) && store_commit(s, &e), e);

	pid_t holder = holder_begin(path, "probe", "span1");

	event = sample_event(capture, 2);
	assert_ok(store_event(s, &event, &e) && store_commit(s, &e), e);
	holder_end(holder);
	sample_close(s);
	other = sample_open(path);
	assert_ok(store_claim(other, "span0", &e), e);
	sample_close(other);
	assert_look(path, "SELECT count(*) FROM event", "2");
	assert_look(path, "PRAGMA integrity_check", "ok");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_writer_or_reader_that_ends_its_transaction_is_waited_for),
		cmocka_unit_test(one_that_does_not_is_named),
		cmocka_unit_test(only_one_process_goes_on_with_a_source_and_the_other_is_told_who),
		cmocka_unit_test(another_sensor_has_interfaces_of_the_same_name),
		cmocka_unit_test(a_claim_ends_with_the_store_and_disturbs_nobody_who_writes),
	};

	return cmocka_run_group_tests(tests, NULL, scratch_remove);
}
