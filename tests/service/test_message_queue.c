/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "service/message_queue.h"

static void put_number(struct message_queue *q, unsigned n, size_t busy)
{
	char text[16];

	message_queue_put(q, text, (size_t)snprintf(text, sizeof(text), "%u", n), busy);
}

static int make(void **state)
{
	*state = calloc(1, sizeof(struct message_queue));
	return *state ? 0 : -1;
}

static int unmake(void **state)
{
	message_queue_done(*state);
	free(*state);
	return 0;
}

static void messages_leave_in_the_order_in_which_they_came(void **state)
{
	struct message_queue *q = *state;

	for (unsigned i = 0; i < 10; i++)
		put_number(q, i, 0);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(atoi(message_queue_at(q, 0)->text), i);
		message_queue_pop(q);
	}
	assert_int_equal(q->n, 0);
	assert_int_equal(q->bytes, 0);
	assert_int_equal(q->dropped, 0);
}

static void when_it_is_full_the_oldest_makes_room_and_is_counted(void **state)
{
	struct message_queue *q = *state;

	for (unsigned i = 0; i < QUEUE_MESSAGES + 7; i++)
		put_number(q, i, 0);
	assert_int_equal(q->n, QUEUE_MESSAGES);
	assert_int_equal(q->dropped, 7);
	assert_int_equal(atoi(message_queue_at(q, 0)->text), 7);
	assert_int_equal(atoi(message_queue_at(q, QUEUE_MESSAGES - 1)->text), QUEUE_MESSAGES + 6);
}

static void what_is_being_sent_stays_where_it_is(void **state)
{
	struct message_queue *q = *state;

	for (unsigned i = 0; i < QUEUE_MESSAGES + 7; i++)
		put_number(q, i, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(atoi(message_queue_at(q, i)->text), i);
	assert_int_equal(atoi(message_queue_at(q, 3)->text), 10);
	assert_int_equal(q->dropped, 7);
}

static void when_all_is_being_sent_the_new_one_is_dropped(void **state)
{
	struct message_queue *q = *state;

	for (unsigned i = 0; i <= QUEUE_MESSAGES; i++)
		put_number(q, i, i);
	assert_int_equal(q->n, QUEUE_MESSAGES);
	assert_int_equal(q->dropped, 1);
	assert_int_equal(atoi(message_queue_at(q, QUEUE_MESSAGES - 1)->text), QUEUE_MESSAGES - 1);
}

static void bytes_are_bounded_too(void **state)
{
	enum { LARGE = 1 << 20 };
	struct message_queue *q = *state;
	char *large = calloc(1, LARGE);

	for (int i = 0; i < 9; i++)
		message_queue_put(q, large, LARGE, 0);
	assert_int_equal(q->n, QUEUE_BYTES / LARGE);
	assert_int_equal(q->bytes, QUEUE_BYTES);
	assert_int_equal(q->dropped, 9 - QUEUE_BYTES / LARGE);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			messages_leave_in_the_order_in_which_they_came, make, unmake),
		cmocka_unit_test_setup_teardown(
			when_it_is_full_the_oldest_makes_room_and_is_counted, make, unmake),
		cmocka_unit_test_setup_teardown(what_is_being_sent_stays_where_it_is, make, unmake),
		cmocka_unit_test_setup_teardown(
			when_all_is_being_sent_the_new_one_is_dropped, make, unmake),
		cmocka_unit_test_setup_teardown(bytes_are_bounded_too, make, unmake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
