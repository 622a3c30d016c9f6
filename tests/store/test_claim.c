/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/samples.h"

#include <signal.h>
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

		if (!store_open(&s, path, STORE_WRITE, sensor, &e) || !store_claim(s, source, &e) || write(ready[1], &c, 1) != 1)
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
	assert_ok(store_claim(s, "span1", &e), e);	/* another source has room in the same history */
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
		cmocka_unit_test(only_one_process_goes_on_with_a_source_and_the_other_is_told_who),
		cmocka_unit_test(another_sensor_has_interfaces_of_the_same_name),
		cmocka_unit_test(a_claim_ends_with_the_store_and_disturbs_nobody_who_writes),
	};

	return cmocka_run_group_tests(tests, NULL, scratch_remove);
}
