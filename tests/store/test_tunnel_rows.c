/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/tunnel_rows.h"

static void see(struct tunnel_rows *t, object_id object, uint32_t network)
{
	struct tunnel_row *entry = tunnel_rows_see(t, object);

	assert_non_null(entry);
	if (entry->row == 0) {
		entry->network = network;
		tunnel_rows_found(t, entry, (int64_t)object);
	}
}

static void what_was_seen_is_there_until_there_are_many(void **state)
{
	struct tunnel_rows t = { 0 };

	(void)state;
	for (object_id i = 1; i < TUNNEL_ROWS_MANY; i++)
		see(&t, i, 0);
	tunnel_rows_settle(&t, true);
	for (object_id i = 1; i < TUNNEL_ROWS_MANY; i++)
		assert_int_equal(tunnel_rows_see(&t, i)->row, i);
	tunnel_rows_done(&t);
}

static void millions_of_strangers_take_no_more_than_many(void **state)
{
	struct tunnel_rows t = { 0 };
	size_t at_many = 0;

	(void)state;
	for (object_id i = 1; i < 20 * (object_id)TUNNEL_ROWS_MANY; i++) {
		see(&t, i, 0);
		if (i % 1000 == 0)
			tunnel_rows_settle(&t, true);
		if (i == TUNNEL_ROWS_MANY)
			at_many = t.size;
	}
	assert_int_equal(t.size, at_many);
	tunnel_rows_done(&t);
}

static void tunnels_of_other_networks_and_of_the_running_transaction_are_not_forgotten(void **state)
{
	struct tunnel_rows t = { 0 };

	(void)state;
	see(&t, 1, 7);
	see(&t, 2, 0);
	tunnel_rows_settle(&t, true);
	for (object_id i = 3; i < 3 * (object_id)TUNNEL_ROWS_MANY; i++)
		see(&t, i, 0);
	assert_int_equal(tunnel_rows_see(&t, 1)->row, 1);
	assert_int_equal(tunnel_rows_see(&t, 2)->row, 0);	/* to be looked up again */
	assert_int_equal(tunnel_rows_see(&t, 3)->row, 3);
	tunnel_rows_settle(&t, false);
	/* its transaction came to nothing */
	assert_int_equal(tunnel_rows_see(&t, 3)->row, 0);
	tunnel_rows_done(&t);
}

static void once_something_is_forgotten_any_row_may_be_shared(void **state)
{
	struct tunnel_rows t = { 0 };

	(void)state;
	see(&t, 1, 0);
	assert_false(tunnel_rows_shared(&t, tunnel_rows_see(&t, 1)));
	tunnel_rows_settle(&t, true);
	for (object_id i = 2; i < 2 * (object_id)TUNNEL_ROWS_MANY; i++) {
		see(&t, i, 0);
		if (i % 1000 == 0)
			tunnel_rows_settle(&t, true);
	}
	assert_true(tunnel_rows_shared(&t, tunnel_rows_see(&t, 5)));
	tunnel_rows_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_seen_is_there_until_there_are_many),
		cmocka_unit_test(millions_of_strangers_take_no_more_than_many),
		cmocka_unit_test(
			tunnels_of_other_networks_and_of_the_running_transaction_are_not_forgotten),
		cmocka_unit_test(once_something_is_forgotten_any_row_may_be_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
