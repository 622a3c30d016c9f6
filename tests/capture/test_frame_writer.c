/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "made_captures.h"

static struct frame standard(size_t i)
{
	return (struct frame){
		.at = made_at(i),
		.number = i + 1,
		.captured = made_captured(i),
		.length = made_length(i),
		.link_type = LINK_ETHERNET,
		.data = made_data(i),
	};
}

static void what_was_written_is_read_again(void **state)
{
	const char *path = made_path("w.pcap");
	struct frame_writer *w;
	size_t frames;

	(void)state;
	assert_true(frame_writer_open(&w, path, LINK_ETHERNET, NULL));
	for (size_t i = 0; i < 500; i++) {
		struct frame f = standard(i);

		assert_true(frame_writer_write(w, &f, NULL));
	}
	assert_true(frame_writer_close(w, NULL));
	assert_int_equal(read_file(path, false, &frames, NULL), 0);
	assert_int_equal(frames, 500);
}

static void nanoseconds_are_kept_and_impossible_times_moved_to_the_nearest(void **state)
{
	static const struct {
		nsec at, becomes;
	} times[] = {
		{ 1, 1 },
		{ INT64_C(1700000000123456789), INT64_C(1700000000123456789) },
		{ -1, 0 },
		{ NSEC_NONE, 0 },
		{ INT64_MAX, INT64_C(4294967295999999999) },
	};
	const char *path = made_path("w.pcap");
	struct frame_writer *w;
	struct frame f = standard(3);

	(void)state;
	assert_true(frame_writer_open(&w, path, LINK_ETHERNET, NULL));
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		f.at = times[i].at;
		assert_true(frame_writer_write(w, &f, NULL));
	}
	assert_true(frame_writer_close(w, NULL));
	struct source *s = opened(path, NULL);

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_int_equal(source_read(s, &f, 1, NULL), 1);
		assert_int_equal(f.at, times[i].becomes);
	}
	source_close(s);
}

static void another_link_type_is_refused_and_the_rest_still_written(void **state)
{
	const char *path = made_path("w.pcap");
	struct frame_writer *w;
	struct frame f = standard(0);
	struct err e = { "" };
	size_t frames;

	(void)state;
	assert_true(frame_writer_open(&w, path, LINK_ETHERNET, NULL));
	assert_true(frame_writer_write(w, &f, &e));
	f.link_type = LINK_RAW;
	f.number = 17;
	assert_false(frame_writer_write(w, &f, &e));
	assert_non_null(strstr(e.text, "w.pcap: frame 17 has link type 101"));
	f = standard(1);
	assert_true(frame_writer_write(w, &f, &e));
	assert_true(frame_writer_close(w, &e));
	assert_int_equal(read_file(path, false, &frames, NULL), 0);
	assert_int_equal(frames, 2);
}

static void a_full_disk_is_reported_and_stays_so(void **state)
{
	struct frame_writer *w;
	struct frame f = standard(3);
	struct err e = { "" };
	bool ok = true;

	(void)state;
	assert_true(frame_writer_open(&w, "/dev/full", LINK_ETHERNET, NULL));
	for (int i = 0; ok && i < 10000; i++)
		ok = frame_writer_write(w, &f, &e);
	assert_false(ok);
	assert_non_null(strstr(e.text, "/dev/full: cannot be written: No space left on device"));
	assert_false(frame_writer_write(w, &f, &e));
	e.text[0] = '\0';
	assert_false(frame_writer_close(w, &e));
	assert_non_null(strstr(e.text, "No space left on device"));
}

static void a_full_disk_is_noticed_at_the_end_at_the_latest(void **state)
{
	struct frame_writer *w;
	struct err e = { "" };

	(void)state;
	assert_true(frame_writer_open(&w, "/dev/full", LINK_ETHERNET, NULL));
	assert_false(frame_writer_close(w, &e));
	assert_non_null(strstr(e.text, "No space left on device"));
	assert_true(frame_writer_close(NULL, &e));
}

static void a_place_that_cannot_be_written_is_said_at_once(void **state)
{
	struct frame_writer *w;
	struct err e = { "" };

	(void)state;
	assert_false(frame_writer_open(&w, made_path("no/such/w.pcap"), LINK_ETHERNET, &e));
	assert_null(w);
	assert_non_null(strstr(e.text, "w.pcap: cannot be written: No such file or directory"));
}

static void standard_output_is_written_too(void **state)
{
	const char *path = made_path("stdout.pcap");
	struct frame_writer *w;
	struct frame f = standard(0);
	size_t frames;

	(void)state;
	fflush(stdout);
	int kept = dup(STDOUT_FILENO), fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	dup2(fd, STDOUT_FILENO);
	close(fd);
	bool ok = frame_writer_open(&w, "-", LINK_ETHERNET, NULL) &&
		  frame_writer_write(w, &f, NULL) && frame_writer_close(w, NULL);

	dup2(kept, STDOUT_FILENO);
	close(kept);
	assert_true(ok);
	assert_int_equal(read_file(path, false, &frames, NULL), 0);
	assert_int_equal(frames, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_again),
		cmocka_unit_test(nanoseconds_are_kept_and_impossible_times_moved_to_the_nearest),
		cmocka_unit_test(another_link_type_is_refused_and_the_rest_still_written),
		cmocka_unit_test(a_full_disk_is_reported_and_stays_so),
		cmocka_unit_test(a_full_disk_is_noticed_at_the_end_at_the_latest),
		cmocka_unit_test(a_place_that_cannot_be_written_is_said_at_once),
		cmocka_unit_test(standard_output_is_written_too),
	};

	return cmocka_run_group_tests(tests, made_folder_create, made_folder_remove);
}
