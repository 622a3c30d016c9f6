/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sawatch/nsec.h>

#include "capture/time_order.h"

enum { MILLISECOND = 1000 * 1000 };

/* A file whose record n has the time times[n] (in ms) and the bytes of n. */
struct file {
	const int64_t *times;
	size_t n, next, a_read;	/* a_read: frames per read */
	int ends_with;		/* 0, or -1: damaged behind the last frame */
	/* of the frames of the last read; freed by the next, so that ASan sees who keeps them */
	uint8_t *bytes;
};

static int read_file(void *user, struct frame *ret, size_t max, struct err *e)
{
	struct file *f = user;
	size_t n = 0;

	free(f->bytes);
	f->bytes = malloc(8 * max);
	assert_non_null(f->bytes);
	for (; n < max && n < f->a_read && f->next < f->n; n++, f->next++) {
		uint64_t number = f->next + 1;

		memcpy(f->bytes + 8 * n, &number, 8);
		ret[n] = (struct frame){ .at = f->times[f->next] * MILLISECOND,
					 .number = number,
					 .captured = 8,
					 .length = 8,
					 .data = f->bytes + 8 * n };
	}
	if (n == 0 && f->ends_with < 0)
		err_set(e, "cut off");
	return n > 0 ? (int)n : f->ends_with;
}

/* Everything that comes, `max` at a time; the bytes of every frame must be those of its number. */
static size_t read_all(struct file *f, uint64_t *ret_numbers, size_t max, int *ret_last)
{
	struct time_order o = { 0 };
	struct frame frames[300];
	struct err e = { "" };
	size_t total = 0;
	int n;

	while ((n = time_order_read(&o, read_file, f, frames, max, &e)) > 0) {
		assert_true((size_t)n <= max);
		for (int i = 0; i < n; i++) {
			uint64_t told;

			memcpy(&told, frames[i].data, 8);
			assert_int_equal(told, frames[i].number);
			assert_int_equal(frames[i].at, f->times[told - 1] * MILLISECOND);
			ret_numbers[total++] = told;
		}
	}
	if (n < 0)
		assert_string_equal(e.text, "cut off");
	if (ret_last)
		*ret_last = n;
	time_order_done(&o);
	free(f->bytes);
	f->bytes = NULL;
	return total;
}

#define ORDER(a_read_, max, ends, times_, ...) \
	do { \
		const int64_t times[] = times_; \
		const uint64_t wanted[] = { __VA_ARGS__ }; \
		uint64_t got[64]; \
		int last; \
		struct file f = { .times = times, .n = sizeof(times) / sizeof(times[0]), \
				  .a_read = (a_read_), .ends_with = (ends) }; \
 \
		assert_int_equal(read_all(&f, got, max, &last), sizeof(wanted) / \
			sizeof(wanted[0])); \
		assert_memory_equal(got, wanted, sizeof(wanted)); \
		assert_int_equal(last, ends); \
	} while (0)
#define TIMES(...) { __VA_ARGS__ }

static void frames_that_overtook_each_other_come_by_time(void **state)
{
	(void)state;
	ORDER(8, 8, 0, TIMES(10, 12, 11, 13, 15, 14), 1, 3, 2, 4, 6, 5);
	/* 2 was given before 3 was read */
	ORDER(8, 1, 0, TIMES(10, 12, 11, 13, 15, 14), 1, 2, 3, 4, 6, 5);
	ORDER(3, 2, 0, TIMES(10, 12, 11, 13, 15, 14), 1, 2, 3, 4, 6, 5);
	ORDER(8, 8, 0, TIMES(900, 700, 500, 300, 100, 0), 6, 5, 4, 3, 2, 1);
}

static void frames_of_one_time_keep_the_order_of_the_file(void **state)
{
	(void)state;
	ORDER(8, 3, 0, TIMES(5, 5, 5, 5, 4, 5, 5), 1, 2, 3, 5, 4, 6, 7);
}

static void a_clock_that_was_set_back_is_not_sorted_away(void **state)
{
	(void)state;
	ORDER(8, 8, 0, TIMES(100000, 100010, 5000, 5010), 1, 2, 3, 4);
	ORDER(8, 8, 0, TIMES(100000, 100020, 100010, 5000, 5020, 5010, 7000), 1, 3, 2, 4, 6, 5, 7);
}

static void one_stamp_of_tomorrow_does_not_disturb_the_others(void **state)
{
	(void)state;
	ORDER(8, 8, 0, TIMES(20, 10, 30, 86400000, 40, 60, 50, 70), 2, 1, 3, 4, 5, 7, 6, 8);
}

static void what_was_read_before_the_damage_comes_before_its_error(void **state)
{
	(void)state;
	ORDER(8, 2, -1, TIMES(10, 30, 20, 40), 1, 2, 3, 4);
	ORDER(8, 8, -1, TIMES(10, 30, 20, 40), 1, 3, 2, 4);
	ORDER(8, 8, -1, TIMES(10, 20, 30), 1, 2, 3);
}

static void a_file_in_order_is_not_copied(void **state)
{
	const int64_t times[] = { 1, 2, 2, 3 };
	struct file f = { .times = times, .n = 4, .a_read = 4 };
	struct time_order o = { 0 };
	struct frame frames[4];
	struct err e;

	(void)state;
	assert_int_equal(time_order_read(&o, read_file, &f, frames, 4, &e), 4);
	assert_ptr_equal(frames[0].data, f.bytes);
	assert_int_equal(time_order_read(&o, read_file, &f, frames, 4, &e), 0);
	time_order_done(&o);
	free(f.bytes);
}

/*
 * Ten thousand frames in one second and all in reverse: more than is held, and none may be missing.
 */
static void a_window_that_is_full_gives_up_its_earliest(void **state)
{
	enum { N = 10000 };
	int64_t *times = calloc(N, sizeof(*times));
	uint64_t *got = calloc(N, sizeof(*got));
	uint8_t *seen = calloc(N + 1, 1);
	struct file f = { .times = times, .n = N, .a_read = 256 };

	(void)state;
	for (int i = 0; i < N; i++)
		times[i] = (N - i) / 20;
	assert_int_equal(read_all(&f, got, 256, NULL), N);
	for (int i = 0; i < N; i++)
		assert_int_equal(seen[got[i]]++, 0);
	assert_true(got[0] > TIME_ORDER_FRAMES);
	free(times);
	free(got);
	free(seen);
}

static void an_empty_file_ends_at_once(void **state)
{
	uint64_t got[1];
	int last;
	struct file f = { .ends_with = -1, .a_read = 1 };

	(void)state;
	assert_int_equal(read_all(&f, got, 8, &last), 0);
	assert_int_equal(last, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_that_overtook_each_other_come_by_time),
		cmocka_unit_test(frames_of_one_time_keep_the_order_of_the_file),
		cmocka_unit_test(a_clock_that_was_set_back_is_not_sorted_away),
		cmocka_unit_test(one_stamp_of_tomorrow_does_not_disturb_the_others),
		cmocka_unit_test(what_was_read_before_the_damage_comes_before_its_error),
		cmocka_unit_test(a_file_in_order_is_not_copied),
		cmocka_unit_test(a_window_that_is_full_gives_up_its_earliest),
		cmocka_unit_test(an_empty_file_ends_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
