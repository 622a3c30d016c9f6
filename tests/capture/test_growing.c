/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file that somebody still writes: every record comes once it is whole, and the end is never an
 * error.
 */
#include "made_captures.h"

enum { RECORDS = 50, STEP = 37 };	/* bytes: most steps end within a record */

static void append(const char *path, const uint8_t *data, size_t length)
{
	FILE *f = fopen(path, "ab");

	assert_non_null(f);
	assert_int_equal(fwrite(data, length, 1, f), 1);
	assert_int_equal(fclose(f), 0);
}

static void grow(const struct made *m, size_t header)
{
	static const struct source_options grows = { .grows = true };
	const char *path = made_file("growing", m->data, header);
	struct source *s = opened(path, &grows);
	struct frame frames[7];
	struct err e = { "" };
	uint64_t got = 0;

	for (size_t at = header; at < m->length; at += STEP) {
		append(path, m->data + at, m->length - at < STEP ? m->length - at : STEP);
		for (int n; (n = source_read(s, frames, 7, &e)) != 0;) {
			assert_true(n > 0);
			for (int i = 0; i < n; i++, got++) {
				assert_int_equal(frames[i].number, got + 1);
				assert_int_equal(frames[i].at, made_at(got));
				assert_int_equal(frames[i].captured, made_captured(got));
				assert_memory_equal(frames[i].data, made_data(got),
						    frames[i].captured);
			}
		}
		assert_true(source_waits(s));
	}
	assert_int_equal(got, RECORDS);
	source_close(s);
}

static void every_record_of_a_growing_pcap_comes_once_it_is_whole(void **state)
{
	struct made m = { 0 };

	(void)state;
	made_pcap(&m, RECORDS, false, true);
	grow(&m, 24);
	made_free(&m);
}

static void every_record_of_a_growing_pcapng_comes_once_it_is_whole(void **state)
{
	struct made m = { 0 };

	(void)state;
	made_pcapng(&m, RECORDS, false, 9, 0);
	grow(&m, 100);
	made_free(&m);
}

static void a_file_that_does_not_grow_ends_and_does_not_wait(void **state)
{
	struct made m = { 0 };
	struct frame frames[RECORDS + 1];
	struct err e = { "" };
	int n;

	(void)state;
	made_pcap(&m, RECORDS, false, true);

	struct source *s = opened(made_file("still", m.data, m.length), NULL);

	while ((n = source_read(s, frames, RECORDS + 1, &e)) > 0)
		;
	assert_int_equal(n, 0);
	assert_false(source_waits(s));
	source_close(s);
	made_free(&m);
}

static void a_packed_file_cannot_be_followed_and_says_so(void **state)
{
	static const struct source_options grows = { .grows = true };

	(void)state;
	refused(made_file("x.gz", "\x1f\x8b\x08\0\0\0\0\0\0\0\0\0", 12), &grows, "x.gz",
		"packed with gzip", "unpacked", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_of_a_growing_pcap_comes_once_it_is_whole),
		cmocka_unit_test(every_record_of_a_growing_pcapng_comes_once_it_is_whole),
		cmocka_unit_test(a_file_that_does_not_grow_ends_and_does_not_wait),
		cmocka_unit_test(a_packed_file_cannot_be_followed_and_says_so),
	};

	return cmocka_run_group_tests(tests, made_folder_create, made_folder_remove);
}
