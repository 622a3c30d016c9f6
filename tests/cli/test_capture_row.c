/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sawatch/link.h>

#include "cli/capture_row.h"

static const struct record_capture base = {
	.id = 7, .name = "x.pcap", .kind = "file", .dropped = 3,
};

static struct settings defaults;

static void a_capture_that_was_understood_has_counts_and_no_warning(void **state)
{
	(void)state;
	const struct capture_counts c = { .tracker = {
		.frames = 10, .ike_messages = 4, .esp_packets = 5, .first = 100, .last = 200
	} };
	struct capture_row row;

	capture_row_fill(&row, &base, LINK_RAW, NULL, &c, &defaults);
	assert_int_equal(row.record.n_warnings, 0);
	assert_int_equal(row.record.packets, 10);
	assert_int_equal(row.record.ike_messages, 4);
	assert_int_equal(row.record.esp_packets, 5);
	assert_int_equal(row.record.first, 100);
	assert_int_equal(row.record.last, 200);
	assert_int_equal(row.record.dropped, 3);
	assert_string_equal(row.record.name, "x.pcap");
	assert_string_equal(row.record.link_type, "RAW");
}

/* Each says how many, and what to do about it. */
static void what_was_left_out_is_a_warning_with_its_remedy(void **state)
{
	(void)state;
	const struct {
		struct capture_counts c;
		const char *number, *remedy;
	} left_out[] = {
		{ .c.tracker.cut = 40, .number = "40 packets", .remedy = "tcpdump -s 0" },
		{ .c.tracker.cut = 1, .number = "1 packet was cut short", .remedy =
		  "tcpdump -s 0" },
		{ .c.tracker.strangers = 1, .number = "1 packet bore", .remedy =
		  "raise history.births or table.esp_sas" },
		{ .c.tracker.evicted_esp_sas = 1, .number = "1 ESP SA made room", .remedy =
		  "(--set table.esp_sas=2097152)" },
		{ .c.tracker.quiet_tunnels = 41, .number = "41 ", .remedy =
		  "raise history.strangers or table.tunnels" },
		{ .c.tracker.strangers = 42, .number = "42 ", .remedy =
		  "raise history.births or table.esp_sas" },
		{ .c.tracker.evicted_tunnels = 43, .number = "43 tunnels", .remedy =
		  "raise table.tunnels from 16384 to 32768 (--set table.tunnels=32768)" },
		{ .c.tracker.evicted_tunnels = 183616, .number = "183616 tunnels", .remedy =
		  "from 16384 to 262144" },
		{ .c.tracker.evicted_tunnels = 5000000, .number = "5000000 tunnels", .remedy =
		  "--set table.tunnels=1048576" },
		{ .c.tracker.evicted_ike_sas = 44, .number = "44 IKE SAs", .remedy =
		  "raise table.ike_sas" },
		{ .c.tracker.evicted_child_sas = 45, .number = "45 child SAs", .remedy =
		  "raise table.child_sas" },
		{ .c.tracker.evicted_esp_sas = 46, .number = "46 ESP SAs", .remedy =
		  "raise table.esp_sas" },
		{ .c.tracker.crowded_ike_sas = 52, .number = "52 IKE SAs made room", .remedy =
		  "later ones of the same tunnel" },
		{ .c.stored.dropped_alerts = 47, .number = "47 ", .remedy =
		  "raise store.backlog_mb" },
		{ .c.alerts_left_out = 48, .number = "48 times", .remedy =
		  "raise history.alerts or table.alerts" },
	};

	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++) {
		struct capture_row row;

		capture_row_fill(&row, &base, LINK_RAW, NULL, &left_out[i].c, &defaults);
		assert_int_equal(row.record.n_warnings, 1);
		assert_ptr_equal(strstr(row.record.warnings[0], left_out[i].number),
				 row.record.warnings[0]);
		assert_non_null(strstr(row.record.warnings[0], left_out[i].remedy));
	}
}

/* Nobody remembers a pair that made room: when it comes back, it is counted once more. */
static void of_pairs_that_made_room_no_exact_number_is_claimed(void **state)
{
	(void)state;
	const struct capture_counts c = {
		.tracker = { .quiet_tunnels = 41, .evicted_tunnels = 3 },
	};
	struct capture_row row;

	capture_row_fill(&row, &base, LINK_RAW, NULL, &c, &defaults);
	assert_int_equal(row.record.n_warnings, 2);
	assert_ptr_equal(strstr(row.record.warnings[1], "up to 41 pairs of peers left out"),
			 row.record.warnings[1]);
}

static void a_link_type_without_a_name_is_told_by_its_number(void **state)
{
	(void)state;
	const struct capture_counts c = { .tracker = { .unsupported = 9 } };
	struct capture_row row;

	capture_row_fill(&row, &base, 60000, "read in part", &c, &defaults);
	assert_string_equal(row.record.link_type, "LINKTYPE_60000");
	assert_int_equal(row.record.n_warnings, 2);
	assert_string_equal(row.record.warnings[0], "read in part");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_capture_that_was_understood_has_counts_and_no_warning),
		cmocka_unit_test(what_was_left_out_is_a_warning_with_its_remedy),
		cmocka_unit_test(of_pairs_that_made_room_no_exact_number_is_claimed),
		cmocka_unit_test(a_link_type_without_a_name_is_told_by_its_number),
	};

	settings_defaults(&defaults);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
