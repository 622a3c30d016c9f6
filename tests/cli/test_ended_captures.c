/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "cli/ended_captures.h"

static void add(struct ended_captures *e, uint32_t id, const char *left_out, uint64_t quiet)
{
	char name[] = "rotated.pcap", fingerprint[] = "00ff";
	const struct record_capture base = { .id = id, .name = name, .kind = "file",
					     .fingerprint = fingerprint };
	const struct capture_counts counts = { .tracker.quiet_tunnels = quiet };

	ended_captures_add(e, &base, 1, left_out, &counts);
	memset(name, 'x', sizeof(name) - 1);	/* the caller's texts go away */
}

static void who_is_told_late_is_taken_from_the_capture_it_began_in(void **state)
{
	(void)state;
	struct ended_captures e = { 0 };

	add(&e, 7, NULL, 2);
	add(&e, 4, "read in part", 1);
	ended_captures_tunnel_told(&e, object_id_of(7, 100));
	assert_int_equal(e.n, 2);
	assert_int_equal(e.list[0].counts.tracker.quiet_tunnels, 1);
	assert_true(e.list[0].changed);
	assert_false(e.list[1].changed);
	assert_string_equal(e.list[0].base.name, "rotated.pcap");
	assert_string_equal(e.list[1].left_out, "read in part");

	/* of an earlier run */
	ended_captures_tunnel_told(&e, object_id_of(3, 1));
	assert_false(e.list[1].changed);
	ended_captures_tunnel_told(&e, object_id_of(4, 1));
	ended_captures_tunnel_told(&e, object_id_of(4, 2));
	assert_int_equal(e.list[1].counts.tracker.quiet_tunnels, 0);
	ended_captures_done(&e);
}

static void what_cannot_change_is_not_kept_however_many_files_there_are(void **state)
{
	(void)state;
	struct ended_captures e = { 0 };

	for (uint32_t id = 1; id <= 1000; id++)
		add(&e, id, id % 2 ? NULL : "read in part", id == 10);
	assert_int_equal(e.n, 2);		/* that one and the latest */
	assert_int_equal(e.list[0].base.id, 10);
	assert_int_equal(e.list[1].base.id, 1000);
	assert_int_equal(e.n_whole, 500);
	assert_int_equal(e.whole[499], 999);
	ended_captures_done(&e);
}

static void alerts_left_out_at_the_end_are_the_latest_captures(void **state)
{
	(void)state;
	struct ended_captures e = { 0 };

	ended_captures_alerts_left_out(&e, 1);	/* nothing was read */
	add(&e, 1, NULL, 3);
	add(&e, 2, NULL, 0);
	ended_captures_alerts_left_out(&e, 0);
	assert_false(e.list[1].changed);
	ended_captures_alerts_left_out(&e, 5);
	assert_false(e.list[0].changed);
	assert_true(e.list[1].changed);
	assert_int_equal(e.list[1].counts.alerts_left_out, 5);
	ended_captures_done(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_told_late_is_taken_from_the_capture_it_began_in),
		cmocka_unit_test(what_cannot_change_is_not_kept_however_many_files_there_are),
		cmocka_unit_test(alerts_left_out_at_the_end_are_the_latest_captures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
