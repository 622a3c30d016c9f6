/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "made_captures.h"

#include <capture/stream.h>

/* Larger than what is shown of a mapping at once, so that records lie across the borders. */
static void a_large_file(struct made *m, size_t records)
{
	static uint8_t data[1400];

	put_pcap_header(m, false, LINK_RAW);
	for (uint32_t i = 0; i < records; i++) {
		memset(data, (int)(i % 251), sizeof(data));
		memcpy(data, &i, sizeof(i));
		put_pcap_record(m, i, 0, data, 1000 + i % 400, 1400);
	}
}

static size_t read_large(struct source *s, int *ret_last, struct err *e)
{
	struct frame f[50];
	size_t total = 0;

	while ((*ret_last = source_read(s, f, 50, e)) > 0)
		for (int k = 0; k < *ret_last; k++, total++) {
			uint32_t i = (uint32_t)f[k].number - 1;

			assert_int_equal(f[k].captured, 1000 + i % 400);
			assert_memory_equal(f[k].data, &i, 4);
			assert_int_equal(f[k].data[4], i % 251);
			assert_int_equal(f[k].data[f[k].captured - 1], i % 251);
		}
	return total;
}

static void mapped_and_read_large_files_are_the_same(void **state)
{
	struct made m = { 0 };

	(void)state;
	a_large_file(&m, 12000);
	assert_true(m.length > 13 * 1024 * 1024);
	for (int no_mmap = 0; no_mmap <= 1; no_mmap++) {
		struct source *s = opened(made_file("large", m.data, m.length),
					  &(struct source_options){ .no_mmap = no_mmap });
		int last;

		assert_int_equal(read_large(s, &last, NULL), 12000);
		assert_int_equal(last, 0);
		source_close(s);
	}
	made_free(&m);
}

static void a_mapped_file_that_is_shortened_meanwhile_ends_there(void **state)
{
	struct made m = { 0 };
	struct err e = { "" };
	struct frame f;
	int last;

	(void)state;
	a_large_file(&m, 12000);
	const char *path = made_file("large", m.data, m.length);
	struct source *s = opened(path, NULL);

	assert_int_equal(source_read(s, &f, 1, &e), 1);
	assert_int_equal(truncate(path, 5 * 1024 * 1024 + 1), 0);
	/* Records of 1,216 bytes on average, of which 5 MiB are left. */
	assert_in_range(read_large(s, &last, &e), 4200, 4400);
	assert_int_equal(last, -1);
	assert_non_null(strstr(e.text, "cut off"));
	source_close(s);
	made_free(&m);
}

static void only_files_that_lie_still_are_mapped(void **state)
{
	struct made m = { 0 };
	struct stream s;
	struct err e;

	(void)state;
	made_pcap(&m, 10, false, false);
	const char *path = made_file("still", m.data, m.length);

	assert_true(stream_open(&s, path, STREAM_MAPPED_IF_POSSIBLE, NULL, &e));
	assert_non_null(s.map);
	stream_close(&s);
	assert_true(stream_open(&s, path, STREAM_READ, NULL, &e));
	assert_null(s.map);
	stream_close(&s);
	assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);	/* now */
	assert_true(stream_open(&s, path, STREAM_MAPPED_IF_POSSIBLE, NULL, &e));
	assert_null(s.map);
	stream_close(&s);
	made_free(&m);
}

static void what_was_read_of_a_mapping_is_given_back(void **state)
{
	struct made m = { 0 };
	struct stream s;
	struct err e;

	(void)state;
	a_large_file(&m, 12000);
	assert_true(stream_open(&s, made_file("large", m.data, m.length), STREAM_MAPPED_IF_POSSIBLE,
				NULL, &e));
	while (stream_need(&s, 1))
		stream_take(&s, s.left);
	assert_int_equal(stream_offset(&s), m.length);
	/* VmRSS counts mapped pages; all but the last windows must be gone. */
	assert_in_range(s.map_released, m.length - 5 * 1024 * 1024, m.length);
	stream_close(&s);
	made_free(&m);
}

static void with_behind_it_is_the_callers_to_give_back_part_by_part(void **state)
{
	const size_t behind = 2 * 1024 * 1024;
	struct made m = { 0 };
	struct source_passed p;
	struct stream s;
	struct err e;
	size_t passed = 0;

	(void)state;
	a_large_file(&m, 12000);
	assert_true(stream_open(&s, made_file("large", m.data, m.length), STREAM_MAPPED_IF_POSSIBLE,
				NULL, &e));
	s.behind = behind;
	while (stream_need(&s, 1)) {
		if (stream_passed(&s, &p)) {
			assert_ptr_equal(p.at, s.map + passed);
			passed += p.length;
			assert_true(passed + behind <= (size_t)(s.at - s.map));
			assert_false(stream_passed(&s, &p));
			stream_release(&p);
		}
		stream_take(&s, s.left);
	}
	assert_in_range(passed, m.length - 3 * behind, m.length - behind);
	assert_memory_equal(s.map, m.data, m.length);	/* whoever is late gets it again */
	stream_close(&s);
	made_free(&m);
}

static void what_is_fetched_ahead_is_bounded_and_read_as_ever(void **state)
{
	const size_t most = 8 * 1024 * 1024 + 512 * 1024;
	struct made m = { 0 };
	const char *path;
	struct stream s;
	struct err e;
	size_t ahead;

	(void)state;
	a_large_file(&m, 16000);
	path = made_file("large", m.data, m.length);
	assert_true(m.length > 2 * most);
	assert_true(stream_open(&s, path, STREAM_MAPPED_IF_POSSIBLE, NULL, &e));
	while (stream_fetch(&s))
		;
	ahead = s.map_present;
	assert_in_range(ahead, most / 2, most);
	assert_true(s.left < most / 2);		/* it is not shown for that */
	assert_true(stream_need(&s, ahead));
	stream_take(&s, ahead);
	assert_true(stream_fetch(&s));		/* the next part */
	while (stream_need(&s, 1)) {
		stream_take(&s, s.left);
		stream_fetch(&s);
	}
	assert_int_equal(stream_offset(&s), m.length);
	assert_memory_equal(s.map, m.data, m.length);
	stream_close(&s);

	/* shortened after it was fetched: it just ends sooner */
	assert_true(stream_open(&s, path, STREAM_MAPPED_IF_POSSIBLE, NULL, &e));
	while (stream_fetch(&s))
		;
	assert_int_equal(truncate(path, (off_t)most / 2), 0);
	while (stream_need(&s, 1))
		stream_take(&s, s.left);
	assert_int_equal(stream_offset(&s), most / 2);
	assert_false(stream_fetch(&s));
	stream_close(&s);
	assert_true(stream_open(&s, path, STREAM_READ, NULL, &e));
	assert_false(stream_fetch(&s));		/* nothing is mapped */
	stream_close(&s);
	made_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mapped_and_read_large_files_are_the_same),
		cmocka_unit_test(a_mapped_file_that_is_shortened_meanwhile_ends_there),
		cmocka_unit_test(only_files_that_lie_still_are_mapped),
		cmocka_unit_test(what_was_read_of_a_mapping_is_given_back),
		cmocka_unit_test(with_behind_it_is_the_callers_to_give_back_part_by_part),
		cmocka_unit_test(what_is_fetched_ahead_is_bounded_and_read_as_ever),
	};

	return cmocka_run_group_tests(tests, made_folder_create, made_folder_remove);
}
