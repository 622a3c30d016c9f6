/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "store/backlog.h"

enum { BLOCKS = 4 };

static void open_backlog(struct backlog *b)
{
	assert_true(backlog_init(b, BLOCKS * BACKLOG_BLOCK_BYTES));
}

/* A message of `length` bytes that all say `number`; false: no room. */
static bool put(struct backlog *b, uint32_t number, size_t length, uint32_t limit)
{
	unsigned char *at = backlog_claim(b, number, length, limit);

	if (!at)
		return false;
	memset(at, (int)(number & 0xff), length);
	backlog_put(b);
	return true;
}

static void assert_next(struct backlog *b, uint32_t number, size_t length)
{
	const struct backlog_message *m = backlog_peek(b);

	assert_non_null(m);
	assert_int_equal(m->kind, number);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(m->bytes[i], number & 0xff);
	backlog_take(b, m);
}

static void messages_come_out_whole_and_in_order(void **state)
{
	struct backlog b;
	uint32_t out = 0;

	(void)state;
	open_backlog(&b);
	for (uint32_t i = 0; i < 20000; i++) {
		assert_true(put(&b, i, i % 3001, BLOCKS));
		if (i % 50 == 49) {
			while (out <= i) {
				assert_next(&b, out, out % 3001);
				out++;
			}
			assert_null(backlog_peek(&b));
			backlog_settle(&b);
			assert_int_equal(backlog_waiting(&b), 0);
		}
	}
	backlog_done(&b);
}

static void it_is_full_at_its_limit_and_not_before(void **state)
{
	const size_t length = 1000;
	struct backlog b;
	uint32_t n = 0;

	(void)state;
	open_backlog(&b);
	while (put(&b, n, length, 2))
		n++;
	assert_in_range(n, 2 * BACKLOG_BLOCK_BYTES / (length + 16) - 4,
			2 * BACKLOG_BLOCK_BYTES / length);
	assert_false(backlog_has_room(&b, 2));
	assert_true(backlog_has_room(&b, 3));
	while (put(&b, n, length, 1000))	/* more than there are */
		n++;
	assert_in_range(n, 4 * BACKLOG_BLOCK_BYTES / (length + 16) - 8,
			4 * BACKLOG_BLOCK_BYTES / length);
	assert_false(backlog_has_room(&b, 1000));
	assert_int_equal(backlog_waiting(&b), n);
	for (uint32_t i = 0; i < n; i++)
		assert_next(&b, i, length);
	assert_false(put(&b, n, length, 1000));	/* taken, not settled */
	backlog_settle(&b);
	assert_true(put(&b, n, length, 1000));
	backlog_done(&b);
}

static void what_was_not_settled_is_taken_again(void **state)
{
	struct backlog b;

	(void)state;
	open_backlog(&b);
	for (uint32_t i = 0; i < 700; i++)
		assert_true(put(&b, i, 1000, BLOCKS));
	for (uint32_t i = 0; i < 300; i++)
		assert_next(&b, i, 1000);
	backlog_settle(&b);
	for (int turn = 0; turn < 3; turn++) {
		for (uint32_t i = 300; i < 700; i++)
			assert_next(&b, i, 1000);
		assert_null(backlog_peek(&b));
		backlog_rewind(&b);
		assert_int_equal(backlog_waiting(&b), 400);
	}
	backlog_done(&b);
}

static void what_is_released_gives_room_and_waits_still(void **state)
{
	const size_t length = 1000;
	struct backlog b;
	uint32_t n = 0;

	(void)state;
	open_backlog(&b);
	while (put(&b, n, length, BLOCKS))
		n++;
	assert_next(&b, 0, length);
	assert_false(backlog_release(&b));	/* of a block that is not done with */
	assert_false(put(&b, n, length, BLOCKS));
	for (uint32_t i = 1; i < n; i++)
		assert_next(&b, i, length);
	assert_true(backlog_release(&b));
	assert_int_equal(backlog_waiting(&b), n);
	assert_true(backlog_has_taken(&b));
	for (uint32_t i = n; i < 2 * n; i++) {
		assert_true(put(&b, i, length, BLOCKS));
		assert_next(&b, i, length);
		backlog_release(&b);
	}
	assert_int_equal(backlog_waiting(&b), 2 * n);
	backlog_settle(&b);
	assert_int_equal(backlog_waiting(&b), 0);
	assert_true(put(&b, 1, length, BLOCKS));
	assert_next(&b, 1, length);
	backlog_rewind(&b);	/* what came after it was settled is all there */
	assert_next(&b, 1, length);
	backlog_done(&b);
}

static void a_message_larger_than_a_block_fits_never(void **state)
{
	struct backlog b;

	(void)state;
	open_backlog(&b);
	assert_false(backlog_fits(BACKLOG_BLOCK_BYTES));
	assert_null(backlog_claim(&b, 1, BACKLOG_BLOCK_BYTES, BLOCKS));
	assert_true(put(&b, 1, 10, BLOCKS));
	assert_next(&b, 1, 10);
	backlog_done(&b);
}

enum { MANY = 300000 };

static void *produce(void *user)
{
	struct backlog *b = user;

	for (uint32_t i = 0; i < MANY; i++)
		while (!put(b, i, i % 257, BLOCKS))
			sched_yield();
	return NULL;
}

static void two_threads_lose_nothing_between_them(void **state)
{
	struct backlog b;
	pthread_t producer;

	(void)state;
	open_backlog(&b);
	assert_int_equal(pthread_create(&producer, NULL, produce, &b), 0);
	for (uint32_t i = 0; i < MANY;) {
		const struct backlog_message *m = backlog_peek(&b);

		if (!m) {
			backlog_settle(&b);
			sched_yield();
			continue;
		}
		if (m->kind != i || (i % 257 > 0 && m->bytes[i % 257 - 1] != (i & 0xff)))
			fail_msg("message %u instead of %u", m->kind, i);
		backlog_take(&b, m);
		if (i % 1000 == 999)
			backlog_settle(&b);
		i++;
	}
	pthread_join(producer, NULL);
	assert_null(backlog_peek(&b));
	backlog_settle(&b);
	assert_int_equal(backlog_waiting(&b), 0);
	backlog_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_out_whole_and_in_order),
		cmocka_unit_test(it_is_full_at_its_limit_and_not_before),
		cmocka_unit_test(what_was_not_settled_is_taken_again),
		cmocka_unit_test(what_is_released_gives_room_and_waits_still),
		cmocka_unit_test(a_message_larger_than_a_block_fits_never),
		cmocka_unit_test(two_threads_lose_nothing_between_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
