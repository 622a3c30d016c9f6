/* SPDX-License-Identifier: GPL-3.0-or-later */
/* v_lifetimes: at which ages SAs are rekeyed, by whom, and which lifetime stands behind that. */
#include "store/samples.h"

static const char child_rows[] = "SELECT ifnull(side, 'both'), n, min_s, median_s, max_s,"
				 " who_rekeys, expected_s, expected_grade, ended_by"
				 " FROM v_lifetimes WHERE kind = 'child' ORDER BY id";

static void lifetimes_tell_the_ages_by_side_and_who_rekeys(void **state)
{
	const char *path = scratch_path("ages.db");
	struct store *s = sample_open(path);

	(void)state;
	sample_put_child(s, 1, T0, 3300, 0, 1000);
	sample_put_child(s, 2, T0 + 1, 3500, 0, 90000);
	sample_put_child(s, 3, T0 + 2, 3400, 0, 5);
	sample_put_child(s, 4, T0 + 3, 3550, 1, 70);
	sample_close(s);
	assert_look(path, child_rows,
		    "both|4|3300.0|3450.0|3550.0|both|3600|inferred|time\n"
		    "192.0.2.1|3|3300.0|3400.0|3500.0|both|3600|inferred|time\n"
		    "198.51.100.2|1|3550.0|3550.0|3550.0|both|NULL|unknown|NULL");
}

static void one_side_that_always_rekeys_is_named(void **state)
{
	const char *path = scratch_path("one.db");
	struct store *s = sample_open(path);

	(void)state;
	sample_put_child(s, 1, T0, 28000, 1, 1);
	sample_put_child(s, 2, T0 + 1, 28100, 1, 1);
	sample_close(s);
	assert_look(path, child_rows,
		    "both|2|28000.0|28050.0|28100.0|198.51.100.2|28800|inferred|NULL\n"
		    "198.51.100.2|2|28000.0|28050.0|28100.0|198.51.100.2|28800|inferred|NULL");
}

/* DETECTION-FACTS 2.1: how long before its end each vendor renews an SA. */
static void the_lifetime_is_found_behind_the_margin_of_each_vendor(void **state)
{
	static const struct {
		const char *vendor;
		double ages[4];
		const char *expected;
	} known[] = {
		{ "Cisco", { 3570, 3570.2, 3569.9, 3570 }, "3600" },
		{ "ASA, phase 2", { 28770, 28770, 28770.4, 28770 }, "28800" },
		{ "FortiOS", { 42898, 42897, 42898, 42899 }, "43200" },
		{ "AWS", { 3216, 3248, 3105, 3325 }, "3600" },
		{ "strongSwan, swanctl", { 3255, 3311, 3300, 3574.6 }, "3600" },
		{ "strongSwan, ipsec.conf", { 2552, 2801, 2600, 3052 }, "3600" },
		{ "iked", { 9190, 9700, 10240, 9900 }, "10800" },
		{ "Huawei", { 2520, 2520, 2520, 2520 }, "3600" },
		{ "racoon", { 23040, 23040, 23041, 23040 }, "28800" },
		{ "at its end", { 1800, 1800.5, 1801, 1800 }, "1800" },
		{ "one renewed by hand", { 3570, 3570, 900, 3570 }, "3600" },
		{ "no margin known", { 3000, 3250, 3599, 3400 }, "3600" },
		{ "of no vendor", { 360, 360, 360, 361 }, "NULL" },
	};
	char name[16];

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		snprintf(name, sizeof(name), "margin%zu.db", i);

		const char *path = scratch_path(name);
		struct store *s = sample_open(path);

		print_message("%s\n", known[i].vendor);
		for (uint32_t k = 0; k < 4; k++)
			sample_put_child(s, k + 1, T0 + k, known[i].ages[k], 0, 1000 + 77 * k * k);
		sample_close(s);
		assert_look(path, "SELECT expected_s FROM v_lifetimes WHERE side IS NULL",
			    known[i].expected);
	}
}

static void two_ages_that_differ_are_no_lifetime(void **state)
{
	const char *path = scratch_path("two.db");
	struct store *s = sample_open(path);

	(void)state;
	sample_put_child(s, 1, T0, 13184, 0, 1);
	sample_put_child(s, 2, T0 + 1, 28254, 0, 2);
	sample_close(s);
	assert_look(path, "SELECT expected_s, expected_grade FROM v_lifetimes WHERE side IS NULL",
		    "NULL|unknown");
}

static void an_sa_whose_birth_was_not_seen_has_no_age(void **state)
{
	const char *path = scratch_path("midstream.db");
	struct store *s = sample_open(path);
	struct record_child_sa child = {
		.id = object_id_of(1, 1), .tunnel = object_id_of(1, 1), .created = T0,
		.created_by = -1,
		.created_how = CREATED_UNKNOWN, .ended = T0 + 100 * NSEC_PER_S,
		.end_reason = END_REKEYED, .ended_by = 0,
		.rekeyed_by = 0, .rekey_at = T0 + 99 * NSEC_PER_S, .peers = sample_peers,
	};
	struct err e = { "" };

	(void)state;
	assert_ok(store_child_sa(s, &child, &e), e);
	sample_close(s);
	assert_look(path, child_rows, "");
}

static void equal_bytes_at_unequal_ages_are_a_volume_lifetime(void **state)
{
	const char *path = scratch_path("volume.db");
	struct store *s = sample_open(path);
	const double ages[] = { 300, 900, 450, 1500 };

	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		sample_put_child(s, i + 1, T0 + i, ages[i], 0, 2304000000 + i * 1000000);
	sample_close(s);
	assert_look(path, "SELECT DISTINCT ended_by, expected_grade FROM v_lifetimes",
		    "volume|unknown");
}

static void idle_ends_are_told_without_any_rekey(void **state)
{
	const char *path = scratch_path("idle.db");
	struct store *s = sample_open(path);
	struct err e = { "" };

	(void)state;
	for (uint32_t i = 1; i <= 3; i++) {
		struct record_child_sa child = {
			.id = object_id_of(1, i), .tunnel = object_id_of(1, 1), .created = T0 + i,
			.created_by = 0,
			.created_how = CREATED_IKE_AUTH, .ended = T0 + 1800 * NSEC_PER_S,
			.end_reason = END_IDLE,
			.ended_by = 0, .rekeyed_by = -1, .rekey_at = NSEC_NONE,
			.peers = sample_peers,
		};

		assert_ok(store_child_sa(s, &child, &e), e);
	}
	sample_close(s);
	assert_look(path, child_rows, "both|0|NULL|NULL|NULL|NULL|NULL|unknown|idle");
}

static void lifetimes_that_ikev1_says_in_clear_are_observed(void **state)
{
	const char *path = scratch_path("declared.db");
	struct store *s = sample_open(path);

	(void)state;
	sample_put_ike(s, 1, 0, 86400, 0, T0, END_NONE, NSEC_NONE);
	sample_put_ike(s, 2, 1, 3600, 0, T0 + 1, END_NONE, NSEC_NONE);
	/* the latest word of this side */
	sample_put_ike(s, 3, 1, 28800, 0, T0 + 2, END_NONE, NSEC_NONE);
	sample_close(s);
	assert_look(path, "SELECT ifnull(side, 'both'), n, expected_s, expected_grade"
			  " FROM v_lifetimes ORDER BY id",
		    "both|0|28800|observed\n192.0.2.1|0|86400|observed\n198.51.100.2|0|28"
		    "800|observed");
}

static void an_ike_rekey_is_aged_by_its_successor_and_owed_to_its_initiator(void **state)
{
	const char *path = scratch_path("ike.db");
	struct store *s = sample_open(path);

	(void)state;
	sample_put_ike(s, 1, 0, -1, 0, T0, END_REKEYED, T0 + 14000 * NSEC_PER_S);
	sample_put_ike(s, 2, 1, -1, 1, T0 + 13800 * NSEC_PER_S, END_NONE, NSEC_NONE);
	sample_close(s);
	assert_look(path, "SELECT ifnull(side, 'both'), kind, n, median_s, who_rekeys"
			  " FROM v_lifetimes ORDER BY id",
		    "both|ike|1|13800.0|198.51.100.2\n198.51.100.2|ike|1|13800.0|198.51.100.2");
}

struct spoken {
	int rows;
	char first[256];
};

static void speak(void *user, const struct store_lifetime *l)
{
	struct spoken *ret = user;

	if (ret->rows++ == 0)
		snprintf(ret->first, sizeof(ret->first),
			 "%s %s %s n=%lld %lld/%lld/%lld %s %lld %s %s",
			 l->tunnel, l->kind, l->side ? l->side : "both", (long long)l->rekeys,
			 (long long)l->min_ns, (long long)l->median_ns, (long long)l->max_ns,
			 l->who_rekeys, (long long)l->expected_ns, l->expected_grade,
			 l->ended_by ? l->ended_by : "unknown");
}

static void the_walk_of_lifetimes_gives_the_rows_of_the_view(void **state)
{
	struct store *s = sample_open(NULL);
	struct store_scope other = { .tunnel = "203.0.113.9",
				     .since = NSEC_NONE,
				     .until = NSEC_NONE };
	struct spoken spoken = { 0 };
	struct err e = { "" };

	(void)state;
	sample_put_child(s, 1, T0, 28000, 1, 1);
	sample_put_child(s, 2, T0 + 1, 28100, 1, 1);
	assert_ok(store_walk_lifetimes(s, &other, speak, &spoken, &e), e);
	assert_int_equal(spoken.rows, 0);
	assert_ok(store_walk_lifetimes(s, NULL, speak, &spoken, &e), e);
	assert_int_equal(spoken.rows, 2);
	assert_string_equal(spoken.first, SAMPLE_TUNNEL " child both n=2 28000000000000/28050000000"
							"000/28100000000000 "
			    "198.51.100.2 28800000000000 inferred unknown");
	sample_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lifetimes_tell_the_ages_by_side_and_who_rekeys),
		cmocka_unit_test(one_side_that_always_rekeys_is_named),
		cmocka_unit_test(the_lifetime_is_found_behind_the_margin_of_each_vendor),
		cmocka_unit_test(two_ages_that_differ_are_no_lifetime),
		cmocka_unit_test(an_sa_whose_birth_was_not_seen_has_no_age),
		cmocka_unit_test(equal_bytes_at_unequal_ages_are_a_volume_lifetime),
		cmocka_unit_test(idle_ends_are_told_without_any_rekey),
		cmocka_unit_test(lifetimes_that_ikev1_says_in_clear_are_observed),
		cmocka_unit_test(an_ike_rekey_is_aged_by_its_successor_and_owed_to_its_initiator),
		cmocka_unit_test(the_walk_of_lifetimes_gives_the_rows_of_the_view),
	};

	return cmocka_run_group_tests(tests, NULL, scratch_remove);
}
