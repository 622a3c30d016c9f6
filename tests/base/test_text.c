/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/text.h>

static void a_new_text_is_empty(void **s)
{
	char buffer[4] = "xyz";
	struct text t = TEXT_IN(buffer);

	(void)s;
	assert_string_equal(buffer, "");
	assert_int_equal(t.used, 0);
	assert_false(t.cut);
}

static void additions_follow_each_other(void **s)
{
	char buffer[32];
	struct text t = TEXT_IN(buffer);

	(void)s;
	text_add(&t, "%d", 4500);
	text_add(&t, "/%s", "udp");
	assert_string_equal(buffer, "4500/udp");
	assert_int_equal(t.used, 8);
	assert_false(t.cut);
}

static void a_text_that_fits_exactly_is_not_cut(void **s)
{
	char buffer[5];
	struct text t = TEXT_IN(buffer);

	(void)s;
	text_add(&t, "abcd");
	assert_string_equal(buffer, "abcd");
	assert_false(t.cut);
	text_add(&t, "e");
	assert_string_equal(buffer, "abcd");
	assert_true(t.cut);
}

static void a_cut_never_falls_within_a_character(void **s)
{
	static const struct { const char *text; size_t kept[8]; } cases[] = {
		{ "a\xc3\xa9z", { 0, 1, 1, 3, 4 } },
		{ "\xe2\x82\xac!", { 0, 0, 0, 3, 4 } },
		{ "\xf0\x9f\x94\x92!", { 0, 0, 0, 0, 4, 5 } },
	};

	(void)s;
	for (size_t i = 0; i < 3; i++) {
		for (size_t room = 0; room <= strlen(cases[i].text); room++) {
			char buffer[8];
			struct text t = text_in(buffer, room + 1);

			text_add(&t, "%s", cases[i].text);
			assert_int_equal(t.used, cases[i].kept[room]);
			assert_int_equal(strlen(buffer), t.used);
			assert_memory_equal(buffer, cases[i].text, t.used);
			assert_int_equal(t.cut, room < strlen(cases[i].text));
		}
	}
}

static void nothing_is_added_behind_a_hole(void **s)
{
	char buffer[6];
	struct text t = TEXT_IN(buffer);

	(void)s;
	text_add_escaped(&t, "ab\x1b", 3);	/* \x1b needs four, three are left */
	assert_string_equal(buffer, "ab");
	assert_true(t.cut);
	text_add(&t, "c");
	text_add_escaped(&t, "c", 1);
	text_add_hex(&t, "c", 1);
	assert_string_equal(buffer, "ab");
}

static void every_byte_that_is_not_printable_ascii_is_escaped(void **s)
{
	(void)s;
	for (int byte = 0; byte < 256; byte++) {
		char buffer[8];
		struct text t = TEXT_IN(buffer);
		char c = (char)byte;

		text_add_escaped(&t, &c, 1);
		if (byte >= 0x20 && byte < 0x7f && byte != '\\')
			assert_int_equal(t.used, 1);
		else
			assert_int_equal(t.used, 4);
		for (size_t i = 0; i < t.used; i++)
			assert_in_range(buffer[i], 0x20, 0x7e);
	}
}

static void escapes_can_be_told_from_what_they_look_like(void **s)
{
	char buffer[32];
	struct text t = TEXT_IN(buffer);

	(void)s;
	text_add_escaped(&t, "\x1b\\x1b", 5);
	assert_string_equal(buffer, "\\x1b\\x5cx1b");
}

static void once_and_twice_are_words(void **s)
{
	char buffer[32];
	struct text t = TEXT_IN(buffer);

	(void)s;
	for (int i = 0; i < 4; i++) {
		text_add_times(&t, i);
		text_add(&t, ",");
	}
	assert_string_equal(buffer, "0 times,once,twice,3 times,");
}

static void hexadecimal_is_lower_case_and_never_half_a_byte(void **s)
{
	char buffer[6];
	struct text t = TEXT_IN(buffer);

	(void)s;
	text_add_hex(&t, "\xc0\x0a\xff", 3);
	assert_string_equal(buffer, "c00a");
	assert_true(t.cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_text_is_empty),
		cmocka_unit_test(additions_follow_each_other),
		cmocka_unit_test(a_text_that_fits_exactly_is_not_cut),
		cmocka_unit_test(a_cut_never_falls_within_a_character),
		cmocka_unit_test(nothing_is_added_behind_a_hole),
		cmocka_unit_test(every_byte_that_is_not_printable_ascii_is_escaped),
		cmocka_unit_test(escapes_can_be_told_from_what_they_look_like),
		cmocka_unit_test(once_and_twice_are_words),
		cmocka_unit_test(hexadecimal_is_lower_case_and_never_half_a_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
