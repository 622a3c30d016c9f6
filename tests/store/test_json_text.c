/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/samples.h"

#include <math.h>

#include "store/json_text.h"

static sqlite3 *db;

static int open_sqlite(void **state)
{
	(void)state;
	return sqlite3_open(":memory:", &db);
}

static int close_sqlite(void **state)
{
	(void)state;
	return sqlite3_close(db);
}

/* What SQLite's own reader makes of ["…"]: the string, or fails the test when it is no JSON. */
static void assert_reads_back(const char *text, const char *expected)
{
	struct json_text j = { 0 };
	sqlite3_stmt *st;

	json_text_clear(&j);
	json_text_mark(&j, '[');
	json_text_string(&j, text);
	json_text_mark(&j, ']');
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT json_valid(?1), json_extract(?1, '$[0]')",
					    -1, &st, NULL),
			 SQLITE_OK);
	sqlite3_bind_text(st, 1, j.at, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(st, 0), 1);
	assert_string_equal(sqlite3_column_text(st, 1), expected);
	sqlite3_finalize(st);
	json_text_done(&j);
}

static void every_byte_makes_a_string_that_reads_back(void **state)
{
	(void)state;
	for (int c = 1; c < 256; c++) {
		char text[4] = { 'a', (char)c, 'b', 0 };

		assert_reads_back(text, c < 0x80 ? text : "a\xef\xbf\xbd" "b");
	}
}

static void utf8_stays_and_what_only_looks_like_it_is_replaced(void **state)
{
	(void)state;
	assert_reads_back("Z\xc3\xbcrich \xe2\x86\x94 \xf0\x9f\x94\x92",
			  "Z\xc3\xbcrich \xe2\x86\x94 \xf0\x9f\x94\x92");
	/* longer than needed */
	assert_reads_back("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");
	/* half a surrogate pair */
	assert_reads_back("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	/* over U+10FFFF */
	assert_reads_back("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_reads_back("\xe2\x86", "\xef\xbf\xbd\xef\xbf\xbd");		/* ends too early */
}

static void objects_and_arrays_have_commas_only_between_values(void **state)
{
	struct json_text j = { 0 };

	(void)state;
	json_text_clear(&j);
	json_text_mark(&j, '[');
	json_text_mark(&j, '{');
	json_text_name(&j, "a\"");
	json_text_integer(&j, INT64_MIN);
	json_text_name(&j, "b");
	json_text_mark(&j, '[');
	json_text_mark(&j, ']');
	json_text_mark(&j, '}');
	json_text_unsigned(&j, UINT64_MAX);
	json_text_null(&j);
	json_text_mark(&j, ']');
	assert_string_equal(j.at, "[{\"a\\\"\":-9223372036854775808,\"b\":[]},"
				  "18446744073709551615,null]");
	json_text_done(&j);
}

static void real_numbers_stay_real_and_exact_and_impossible_ones_are_null(void **state)
{
	struct json_text j = { 0 };

	(void)state;
	json_text_clear(&j);
	json_text_mark(&j, '[');
	json_text_real(&j, 1);
	json_text_real(&j, 0.1);
	json_text_real(&j, 1.0 / 3);
	json_text_real(&j, 1e300);
	json_text_real(&j, (double)NAN);
	json_text_real(&j, -(double)INFINITY);
	json_text_mark(&j, ']');
	assert_string_equal(j.at, "[1.0,0.1,0.3333333333333333,1e+300,null,null]");
	json_text_done(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_makes_a_string_that_reads_back),
		cmocka_unit_test(utf8_stays_and_what_only_looks_like_it_is_replaced),
		cmocka_unit_test(objects_and_arrays_have_commas_only_between_values),
		cmocka_unit_test(real_numbers_stay_real_and_exact_and_impossible_ones_are_null),
	};

	return cmocka_run_group_tests(tests, open_sqlite, close_sqlite);
}
