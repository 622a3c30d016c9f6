/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "made_captures.h"

/* A capture whose first packet is at `seconds`. */
static void capture_at(const char *name, uint32_t seconds)
{
	struct made m = { 0 };

	put_pcap_header(&m, false, LINK_RAW);
	put_pcap_record(&m, seconds, 0, made_data(0), 20, 20);
	made_file(name, m.data, m.length);
	made_free(&m);
}

static void folder(const char *name)
{
	assert_int_equal(mkdir(made_path(name), 0700), 0);
}

/*
 * The list of the given names in the test's folder ("-" stays) must be `expected`, NULL-terminated.
 */
static void list_is(const char *const *names, const char *const *expected)
{
	char *paths[16], **list;
	struct err e = { "" };
	size_t n = 0, i = 0;

	for (; names[n]; n++)
		paths[n] = strdup(strcmp(names[n], "-") == 0 ? "-" : made_path(names[n]));
	if (!source_list(&list, paths, n, &e))
		fail_msg("%s", e.text);
	for (; expected[i] && list[i]; i++)
		assert_string_equal(list[i],
				    strcmp(expected[i], "-") == 0 ? "-" : made_path(expected[i]));
	assert_null(expected[i]);
	assert_null(list[i]);
	source_list_free(list);
	while (n > 0)
		free(paths[--n]);
}

#define NAMES(...) (const char *const[]){ __VA_ARGS__, NULL }

static void list_fails(const char *name, const char *text)
{
	char *path = strdup(made_path(name)), **list;
	struct err e = { "" };

	assert_false(source_list(&list, &path, 1, &e));
	assert_null(list);
	if (!strstr(e.text, text))
		fail_msg("no \"%s\" in \"%s\"", text, e.text);
	assert_non_null(strstr(e.text, name));
	free(path);
}

static void rotated_files_come_in_the_order_of_their_first_packets(void **state)
{
	char command[512];

	(void)state;
	folder("ring");
	capture_at("ring/span.pcap9", 900);
	capture_at("ring/span.pcap10", 1000);
	capture_at("ring/span.pcap0", 1100);	/* the ring came round */
	capture_at("ring/b.pcap", 950);
	snprintf(command, sizeof(command), "gzip '%s'", made_path("ring/b.pcap"));
	assert_int_equal(system(command), 0);
	capture_at("ring/.partial", 1);
	made_file("ring/README", "About these captures\n", 21);
	made_file("ring/empty", "", 0);
	folder("ring/older");
	capture_at("ring/older/a.pcap", 1);
	list_is(NAMES("ring"),
		NAMES("ring/span.pcap9", "ring/b.pcap.gz", "ring/span.pcap10", "ring/span.pcap0"));
}

static void the_same_time_is_ordered_by_number_in_the_name(void **state)
{
	(void)state;
	folder("same");
	capture_at("same/10", 5);
	capture_at("same/9", 5);
	capture_at("same/100", 5);
	list_is(NAMES("same"), NAMES("same/9", "same/10", "same/100"));
}

static void files_and_directories_are_put_in_one_order(void **state)
{
	(void)state;
	folder("one");
	folder("two");
	capture_at("one/a", 10);
	capture_at("one/b", 30);
	capture_at("two/a", 20);
	capture_at("c", 15);
	list_is(NAMES("one", "c", "two"), NAMES("one/a", "c", "two/a", "one/b"));
}

static void streams_keep_their_place_and_are_not_touched(void **state)
{
	(void)state;
	capture_at("late", 100);
	capture_at("early", 50);
	assert_int_equal(mkfifo(made_path("pipe"), 0600), 0);	/* opening it would wait for ever */
	list_is(NAMES("late", "-", "early", "pipe"), NAMES("early", "-", "late", "pipe"));
}

static void a_directory_without_captures_is_an_error(void **state)
{
	(void)state;
	folder("papers");
	list_fails("papers", "no captures in this directory");
	made_file("papers/letter", "Dear support\n", 13);
	list_fails("papers", "no captures in this directory");
}

static void a_named_file_must_be_a_capture(void **state)
{
	(void)state;
	made_file("letter", "Dear support\n", 13);
	list_fails("letter", "text file");
	list_fails("nowhere", "No such file");
}

static void a_capture_of_another_link_type_is_not_passed_over_in_silence(void **state)
{
	struct made m = { 0 };

	(void)state;
	folder("mixed");
	put_pcap_header(&m, false, 147);
	made_file("mixed/z", m.data, m.length);
	capture_at("mixed/a", 5);
	list_is(NAMES("mixed"), NAMES("mixed/z", "mixed/a"));
	made_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rotated_files_come_in_the_order_of_their_first_packets),
		cmocka_unit_test(the_same_time_is_ordered_by_number_in_the_name),
		cmocka_unit_test(files_and_directories_are_put_in_one_order),
		cmocka_unit_test(streams_keep_their_place_and_are_not_touched),
		cmocka_unit_test(a_directory_without_captures_is_an_error),
		cmocka_unit_test(a_named_file_must_be_a_capture),
		cmocka_unit_test(a_capture_of_another_link_type_is_not_passed_over_in_silence),
	};

	return cmocka_run_group_tests(tests, made_folder_create, made_folder_remove);
}
