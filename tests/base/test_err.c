/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/err.h>

static void setting_an_error_is_always_false(void **s)
{
	struct err e;

	(void)s;
	assert_false(err_set(&e, "%s: no such file", "a.pcap"));
	assert_string_equal(e.text, "a.pcap: no such file");
	assert_false(err_set(NULL, "%s", "nobody asked"));
}

static void a_file_name_cannot_move_the_cursor_or_break_the_line(void **s)
{
	struct err e;

	(void)s;
	err_set(&e, "%s: damaged", "\x1b[2J\n\x7f");
	assert_string_equal(e.text, "\\x1b[2J\\x0a\\x7f: damaged");
}

static void an_error_quoted_in_another_is_not_escaped_twice(void **s)
{
	struct err e;

	(void)s;
	err_set(&e, "%s", "a\nb");
	err_set(&e, "import: %s", e.text);
	assert_string_equal(e.text, "import: a\\x0ab");
}

static void a_long_error_is_cut_and_terminated(void **s)
{
	struct err e;
	char path[2 * sizeof(e.text)];

	(void)s;
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	err_set(&e, "%s", path);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	memset(path, '\n', sizeof(path) - 1);
	err_set(&e, "%s", path);
	assert_int_equal(strlen(e.text), (sizeof(e.text) - 1) / 4 * 4);
	assert_null(strchr(e.text, '\n'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(setting_an_error_is_always_false),
		cmocka_unit_test(a_file_name_cannot_move_the_cursor_or_break_the_line),
		cmocka_unit_test(an_error_quoted_in_another_is_not_escaped_twice),
		cmocka_unit_test(a_long_error_is_cut_and_terminated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
