/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/settings_file.h"

static struct expected inventory;	/* of the latest text */

static bool read_text(struct settings *s, const char *text, struct err *e)
{
	char *copy = strdup(text);
	FILE *in = fmemopen(copy, strlen(copy), "r");
	bool ok;

	settings_defaults(s);
	expected_done(&inventory);
	ok = settings_stream_read(s, &inventory, in, "s.conf", e);
	fclose(in);
	free(copy);
	return ok;
}

static void dotted_keys_and_sections_mean_the_same(void **state)
{
	struct settings s;
	struct err e;

	(void)state;
	assert_true(read_text(&s, "churn.warn = 5\n[retx]\nwarn_copies = 7\n  crit_copies = "
				  "9 ; remark\n", &e));
	assert_int_equal(s.churn_warn, 5);
	assert_int_equal(s.retx_warn_copies, 7);
	assert_int_equal(s.retx_crit_copies, 9);
}

static void an_unknown_key_is_named_with_file_line_and_the_nearest_one(void **state)
{
	struct settings s;
	struct err e;

	(void)state;
	assert_false(read_text(&s, "# a remark\n\nchurn.wran = 5\n", &e));
	assert_ptr_equal(strstr(e.text, "s.conf:3: "), e.text);
	assert_non_null(strstr(e.text, "churn.wran"));
	assert_non_null(strstr(e.text, "churn.warn"));
}

static void a_bad_value_is_named_with_file_and_line(void **state)
{
	static const char *const texts[] = {
		"churn.warn = many\n", "churn.warn = 1e99\n", "churn.warn =\n",
		"life.declared_tol = -1\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct settings s;
		struct err e;

		assert_false(read_text(&s, texts[i], &e));
		assert_ptr_equal(strstr(e.text, "s.conf:1: "), e.text);
	}
}

static void a_line_that_is_no_setting_is_named_before_a_wrong_one_behind_it(void **state)
{
	struct settings s;
	struct err e;

	(void)state;
	assert_false(read_text(&s, "churn.warn = 5\nthis is prose\nno.such = 1\n", &e));
	assert_ptr_equal(strstr(e.text, "s.conf:2: "), e.text);
	assert_false(read_text(&s, "churn.warn = 5\nno.such = 1\nthis is prose\n", &e));
	assert_ptr_equal(strstr(e.text, "s.conf:2: unknown setting"), e.text);
}

static void a_file_with_a_fault_changes_nothing(void **state)
{
	struct settings s, defaults;
	struct err e;

	(void)state;
	memset(&s, 0, sizeof(s));
	memset(&defaults, 0, sizeof(defaults));
	settings_defaults(&defaults);
	assert_false(read_text(&s, "churn.warn = 5\nno.such = 1\n", &e));
	assert_memory_equal(&s, &defaults, sizeof(s));
}

static void a_line_of_any_length_is_refused_not_split(void **state)
{
	char text[1200];
	struct settings s;
	struct err e;

	(void)state;
	memset(text, 'x', sizeof(text));
	strcpy(text + sizeof(text) - 20, "\nchurn.warn = 5\n");
	assert_false(read_text(&s, text, &e));
	assert_ptr_equal(strstr(e.text, "s.conf:1: "), e.text);
}

static void what_is_printed_reads_back_as_the_same_settings(void **state)
{
	struct settings s, again;
	struct err e;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	settings_defaults(&s);
	assert_true(settings_assign(&s, "churn.age_warn_s=0.25", &e));
	assert_true(settings_assign(&s, "life.declared_tol=0.05", &e));
	settings_print(out, &s);
	fclose(out);
	assert_true(read_text(&again, text, &e));
	for (const struct setting *row = settings_table(); row->key; row++)
		assert_true(settings_get(&again, row) - settings_get(&s, row) == 0.0);
	assert_int_equal(again.churn_age_warn, NSEC_PER_S / 4);
	free(text);
}

static void what_is_printed_says_where_files_have_another_default(void **state)
{
	struct settings s;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	settings_defaults(&s);
	settings_print(out, &s);
	fclose(out);
	assert_non_null(strstr(text, "\n# default 16384 (524288 for files, unless it is set), "
				     "from 16 to 1048576\n# table.tunnels = 16384\n"));
	assert_non_null(strstr(text, "\n# default 3, from 2 to 100\n"));
	free(text);
}

/* Whoever keeps such a file whole reads captures with the sizes that are for captures. */
static void what_is_printed_leaves_files_their_own_defaults(void **state)
{
	struct settings s, again;
	struct err e;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length), *in;

	(void)state;
	settings_defaults(&s);
	assert_true(settings_assign(&s, "history.births=4096", &e));
	settings_print(out, &s);
	fclose(out);
	in = fmemopen(text, length, "r");
	assert_non_null(in);
	settings_defaults_of_files(&again);
	expected_done(&inventory);
	assert_true(settings_stream_read(&again, &inventory, in, "s.conf", &e));
	fclose(in);
	assert_int_equal(again.tables_tunnels, 524288);
	assert_int_equal(again.tables_child_sas, 1048576);
	assert_int_equal(again.history_births, 4096);	/* it was changed */
	free(text);
}

static void an_assignment_needs_an_equals_sign_and_a_known_key(void **state)
{
	struct settings s;
	struct err e;

	(void)state;
	settings_defaults(&s);
	assert_false(settings_assign(&s, "churn.warn", &e));
	assert_non_null(strstr(e.text, "key=value"));
	assert_false(settings_assign(&s, "churn.warm=4", &e));
	assert_non_null(strstr(e.text, "churn.warn"));
	assert_true(settings_assign(&s, "churn.warn=4", &e));
	assert_int_equal(s.churn_warn, 4);
}

static void a_file_that_is_not_there_is_named(void **state)
{
	struct settings s;
	struct err e;

	(void)state;
	settings_defaults(&s);
	assert_false(settings_file_read(&s, &inventory, "/nowhere/s.conf", &e));
	assert_non_null(strstr(e.text, "/nowhere/s.conf: cannot be opened: "
				       "No such file or directory"));
}

static void a_section_of_a_tunnel_names_it_and_overrides_settings_for_it_alone(void **state)
{
	static const char text[] = "churn.warn = 5\n"
				   "[tunnel hq-branch1]\npeers = 198.51.100.1, "
				   "192.0.2.1\nchurn.warn = 10\n"
				   "[tunnel  road warriors ] ; remark\nprofile = "
				   "remote-access\npeers = 192.0.2.1,2001:db8::1\n"
				   "[retx]\nwarn_copies = 7\n";
	struct settings s, own;
	struct err e;

	(void)state;
	if (!read_text(&s, text, &e))
		fail_msg("%s", e.text);
	assert_int_equal(inventory.n, 2);
	assert_string_equal(inventory.tunnel[0].name, "hq-branch1");
	assert_int_equal(inventory.tunnel[0].profile, PROFILE_SITE_TO_SITE);
	assert_string_equal(inventory.tunnel[1].name, "road warriors");
	assert_int_equal(inventory.tunnel[1].profile, PROFILE_REMOTE_ACCESS);
	assert_int_equal(s.churn_warn, 5);
	assert_int_equal(s.retx_warn_copies, 7);
	expected_settings(&inventory.tunnel[0], &s, &own);
	assert_int_equal(own.churn_warn, 10);
	expected_done(&inventory);
}

static void what_is_wrong_with_a_tunnel_is_named_with_its_line(void **state)
{
	static const struct { const char *text, *words; } rows[] = {
		{ "[tunnel a]\npeers = 192.0.2.1, 192.0.2.2\nprofile = always\n",
		  "s.conf:3: profile = always: no such profile" },
		{ "[tunnel a]\npeers = 192.0.2.1\n",
		  "s.conf:2: peers = 192.0.2.1: not two addresses" },
		{ "\n[tunnel a]\nprofile = on-demand\n",
		  "s.conf:2: tunnel a: its peers are missing" },
		{ "[tunnel a]\n\n[churn]\nwarn = 5\n",
		  "s.conf:1: tunnel a: its peers are missing" },
		{ "[tunnel a]", "s.conf:1: tunnel a: its peers are missing" },
		{ "[tunnel ]\npeers = 192.0.2.1, 192.0.2.2\n",
		  "s.conf:1: [tunnel]: its name is missing" },
		{ "[tunnel a]\npeers = 192.0.2.1, 192.0.2.2\n[tunnel a]\n",
		  "s.conf:3: tunnel a: there is one" },
		{ "[tunnel a]\npeers = 192.0.2.1, 192.0.2.2\nwarn = 5\n",
		  "s.conf:3: unknown setting" },
		{ "[tunnel a-name-that-is-too-long-to-be-told-from-another-one]\n",
		  "s.conf:1: [tunnel a-name" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct settings s;
		struct err e = { "" };

		assert_false(read_text(&s, rows[i].text, &e));
		if (strstr(e.text, rows[i].words) != e.text)
			fail_msg("%zu: %s", i, e.text);
		assert_int_equal(inventory.n, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dotted_keys_and_sections_mean_the_same),
		cmocka_unit_test(an_unknown_key_is_named_with_file_line_and_the_nearest_one),
		cmocka_unit_test(a_bad_value_is_named_with_file_and_line),
		cmocka_unit_test(a_line_that_is_no_setting_is_named_before_a_wrong_one_behind_it),
		cmocka_unit_test(a_file_with_a_fault_changes_nothing),
		cmocka_unit_test(a_line_of_any_length_is_refused_not_split),
		cmocka_unit_test(what_is_printed_reads_back_as_the_same_settings),
		cmocka_unit_test(what_is_printed_says_where_files_have_another_default),
		cmocka_unit_test(what_is_printed_leaves_files_their_own_defaults),
		cmocka_unit_test(an_assignment_needs_an_equals_sign_and_a_known_key),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
		cmocka_unit_test(
			a_section_of_a_tunnel_names_it_and_overrides_settings_for_it_alone),
		cmocka_unit_test(what_is_wrong_with_a_tunnel_is_named_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
