/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/samples.h"

#include <time.h>

struct heard {
	size_t n;
	char sensor[64];
	nsec at;
};

static void on_heartbeat(void *user, const char *sensor, nsec at)
{
	struct heard *h = user;

	h->n++;
	snprintf(h->sensor, sizeof(h->sensor), "%s", sensor);
	h->at = at;
}

static struct heard heard(struct store *s)
{
	struct heard h = { 0 };
	struct err e = { "" };

	assert_ok(store_walk_heartbeats(s, on_heartbeat, &h, &e), e);
	return h;
}

static void put(struct store *s, const char *kind, bool commit)
{
	struct record_capture r = { .name = "span0",
				    .kind = kind,
				    .size = RECORD_UNKNOWN,
				    .first = NSEC_NONE,
				    .last = NSEC_NONE };
	struct err e = { "" };
	bool known;

	assert_ok(store_capture_begin(s, r.name, kind, NULL, RECORD_UNKNOWN, &r.id, &known, &e), e);
	assert_ok(store_capture(s, &r, &e), e);
	if (commit)
		assert_ok(store_commit(s, &e), e);
}

static void an_interface_that_is_watched_leaves_the_time_of_day(void **state)
{
	struct store *s = sample_open(scratch_path("live.db"));
	nsec before = time(NULL) * NSEC_PER_S;
	struct heard h;

	(void)state;
	put(s, "interface", true);
	h = heard(s);
	assert_int_equal(h.n, 1);
	assert_string_equal(h.sensor, "probe");
	assert_true(h.at >= before && h.at <= before + 60 * NSEC_PER_S);
	sample_close(s);
}

static void it_is_written_now_and_then_not_with_every_row(void **state)
{
	struct store *s = sample_open(scratch_path("twice.db"));

	(void)state;
	put(s, "interface", true);
	nsec first = heard(s).at;
	put(s, "interface", true);
	assert_int_equal(heard(s).at, first);
	sample_close(s);
}

static void a_file_that_is_read_leaves_none(void **state)
{
	struct store *s = sample_open(scratch_path("file.db"));

	(void)state;
	put(s, "file", true);
	assert_int_equal(heard(s).n, 0);
	sample_close(s);
}

static void a_reader_sees_it_while_it_is_written(void **state)
{
	const char *path = scratch_path("both.db");
	struct store *s = sample_open(path), *reader;
	struct err e = { "" };

	(void)state;
	put(s, "interface", true);
	assert_ok(store_open(&reader, path, STORE_READ, NULL, &e), e);
	assert_int_equal(heard(reader).n, 1);
	assert_ok(store_close(reader, &e), e);
	sample_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_interface_that_is_watched_leaves_the_time_of_day),
		cmocka_unit_test(it_is_written_now_and_then_not_with_every_row),
		cmocka_unit_test(a_file_that_is_read_leaves_none),
		cmocka_unit_test(a_reader_sees_it_while_it_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, scratch_remove);
}
