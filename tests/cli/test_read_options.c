/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include <sawatch/record.h>

#include "cli/cli.h"
#include "cli/read_options.h"

enum { WORDS_MAX = 24 };

/* A directory with a.pcap, b.pcap and a folder named esp, as working directory. */
static int enter_folder(void **state)
{
	char *folder = strdup("/tmp/sawatch-test-XXXXXX");
	FILE *f;

	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	for (int i = 0; i < 2; i++) {
		f = fopen(i ? "b.pcap" : "a.pcap", "w");
		assert_non_null(f);
		fclose(f);
	}
	assert_int_equal(mkdir("esp", 0700), 0);
	*state = folder;
	return 0;
}

static int leave_folder(void **state)
{
	unlink("a.pcap");
	unlink("b.pcap");
	rmdir("esp");
	if (chdir("/") != 0 || rmdir(*state) != 0)
		return -1;
	free(*state);
	return 0;
}

/* `line` split at spaces, as arguments. */
static bool parse(struct read_options *o, const char *line)
{
	static char copy[512];	/* the options borrow from it */
	char *argv[WORDS_MAX + 1] = { NULL };
	int argc = 0;

	snprintf(copy, sizeof(copy), "sawatch %s", line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
		assert_true(argc < WORDS_MAX);
		argv[argc++] = word;
	}
	return read_options_parse(o, argc, argv);
}

static void words_that_are_files_are_read_and_the_rest_filters(void **state)
{
	struct read_options o;

	(void)state;
	assert_true(parse(&o, "-r a.pcap b.pcap host 192.0.2.1 and esp"));
	assert_int_equal(o.n_paths, 2);
	assert_string_equal(o.paths[1], "b.pcap");
	assert_string_equal(o.filter, "host 192.0.2.1 and esp");
	read_options_free(&o);
}

static void a_folder_named_like_a_filter_word_needs_its_path(void **state)
{
	struct read_options o;

	(void)state;
	assert_true(parse(&o, "-r a.pcap esp"));
	assert_int_equal(o.n_paths, 1);
	assert_string_equal(o.filter, "esp");
	read_options_free(&o);
	assert_true(parse(&o, "-r a.pcap ./esp"));
	assert_int_equal(o.n_paths, 2);
	assert_null(o.filter);
	read_options_free(&o);
}

static void a_capture_that_is_not_there_is_a_file_not_a_filter(void **state)
{
	struct read_options o;

	(void)state;
	assert_true(parse(&o, "-r a.pcap missing.pcapng"));
	assert_int_equal(o.n_paths, 2);
	assert_null(o.filter);
	read_options_free(&o);
}

static void options_may_stand_among_files_and_filter(void **state)
{
	struct read_options o;

	(void)state;
	assert_true(parse(&o, "-nr a.pcap -q b.pcap --json udp port 500 -c 5"));
	assert_int_equal(o.n_paths, 2);
	assert_true(o.quiet && o.json);
	assert_int_equal(o.limit, 5);
	assert_string_equal(o.filter, "udp port 500");
	read_options_free(&o);
}

static void the_filter_option_and_the_filter_words_are_both_meant(void **state)
{
	struct read_options o;

	(void)state;
	assert_true(parse(&o, "-r a.pcap -f esp host 192.0.2.1"));
	assert_string_equal(o.filter, "(esp) and (host 192.0.2.1)");
	read_options_free(&o);
	assert_true(parse(&o, "-r a.pcap -f esp"));
	assert_string_equal(o.filter, "esp");
	read_options_free(&o);
}

static void after_two_dashes_all_is_filter(void **state)
{
	struct read_options o;

	(void)state;
	assert_true(parse(&o, "-r a.pcap -- b.pcap"));
	assert_int_equal(o.n_paths, 1);
	assert_string_equal(o.filter, "b.pcap");
	read_options_free(&o);
}

static void what_tcpdump_takes_is_taken(void **state)
{
	struct read_options o;

	(void)state;
	assert_true(parse(&o, "-nnvvSltps0 -B 4096 -Z nobody -r a.pcap"));
	assert_true(o.verbose && o.line_buffered);
	assert_int_equal(o.n_paths, 1);
	read_options_free(&o);
	assert_true(parse(&o, "-ni span0 host 192.0.2.1"));
	assert_int_equal(o.n_interfaces, 1);
	assert_string_equal(o.interfaces[0], "span0");
	assert_string_equal(o.filter, "host 192.0.2.1");
	read_options_free(&o);
	assert_true(parse(&o, "-i a0 -pi b0 -B 1024 -s 256 -Z nobody"));
	assert_int_equal(o.n_interfaces, 2);
	assert_true(o.no_promiscuous);
	assert_int_equal(o.buffer_bytes, 1024 * 1024);
	assert_int_equal(o.snap_length, 256);
	assert_string_equal(o.user, "nobody");
	read_options_free(&o);
}

static void wrong_values_are_refused(void **state)
{
	static const char *const lines[] = {
		"-r a.pcap -c 0", "-r a.pcap -c -5", "-r a.pcap -c 5x", "-i a0 -B none",
		"-i a0 -s 1000000", "-r a.pcap --fail-on loud", "-r", "-r a.pcap --jsno",
		"-r a.pcap -y", "-r a.pcap --set churn.warn", "-r a.pcap --set churn.warn=none",
		"-r a.pcap --config /nowhere",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct read_options o;

		if (parse(&o, lines[i]))
			fail_msg("taken: %s", lines[i]);
		read_options_free(&o);
	}
}

static void the_command_line_wins_over_the_file(void **state)
{
	struct read_options o;
	FILE *f = fopen("s.conf", "w");

	(void)state;
	assert_non_null(f);
	fputs("churn.warn = 5\nchurn.crit = 50\n", f);
	fclose(f);
	assert_true(parse(&o, "-r a.pcap --set churn.warn=7 --config s.conf"));
	assert_int_equal(o.settings.churn_warn, 7);
	assert_int_equal(o.settings.churn_crit, 50);
	read_options_free(&o);
	unlink("s.conf");
}

static void files_have_room_for_all_that_is_in_them_unless_told_otherwise(void **state)
{
	struct read_options o;

	(void)state;
	assert_true(parse(&o, "-r a.pcap"));
	assert_int_equal(o.settings.tables_tunnels, 524288);
	assert_int_equal(o.settings.history_births, 1048576);
	assert_int_equal(o.settings.history_strangers, 1024);
	read_options_free(&o);
	assert_true(parse(&o, "-r a.pcap --set table.tunnels=16384"));
	assert_int_equal(o.settings.tables_tunnels, 16384);
	assert_int_equal(o.settings.history_births, 1048576);
	read_options_free(&o);
	/* whoever follows a file watches for months, like who watches an interface */
	assert_true(parse(&o, "-r a.pcap --follow"));
	assert_int_equal(o.settings.tables_tunnels, 16384);
	read_options_free(&o);
	assert_true(parse(&o, "-i lo"));
	assert_int_equal(o.settings.tables_tunnels, 16384);
	assert_int_equal(o.settings.history_births, 262144);
	read_options_free(&o);
}

static void severities_are_ordered_for_fail_on(void **state)
{
	struct read_options o;

	(void)state;
	assert_true(parse(&o, "-r a.pcap"));
	assert_int_equal(o.fail_on, -1);
	read_options_free(&o);
	assert_true(parse(&o, "-r a.pcap --fail-on warning"));
	assert_int_equal(o.fail_on, SEVERITY_WARNING);
	read_options_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_that_are_files_are_read_and_the_rest_filters),
		cmocka_unit_test(a_folder_named_like_a_filter_word_needs_its_path),
		cmocka_unit_test(a_capture_that_is_not_there_is_a_file_not_a_filter),
		cmocka_unit_test(options_may_stand_among_files_and_filter),
		cmocka_unit_test(the_filter_option_and_the_filter_words_are_both_meant),
		cmocka_unit_test(after_two_dashes_all_is_filter),
		cmocka_unit_test(what_tcpdump_takes_is_taken),
		cmocka_unit_test(wrong_values_are_refused),
		cmocka_unit_test(the_command_line_wins_over_the_file),
		cmocka_unit_test(files_have_room_for_all_that_is_in_them_unless_told_otherwise),
		cmocka_unit_test(severities_are_ordered_for_fail_on),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
