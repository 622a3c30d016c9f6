/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "report/samples.h"

static const char *const columns[] = { "name", ">packets", "at", "~age_of_s" };

static void two_rows(struct printed *p, enum table_format format)
{
	printed_open(p);

	struct table *t = table_open(p->out, format, "thing", columns, 4);

	table_text(t, "a, \"b\"");
	table_number(t, 1234);
	table_time(t, AT(0) + 123456789);
	table_span(t, 62 * NSEC_PER_S);
	table_text(t, NULL);
	table_number(t, RECORD_UNKNOWN);
	table_time(t, NSEC_NONE);
	table_span(t, RECORD_UNKNOWN);
	table_close(t);
	fflush(p->out);
}

static void aligned_numbers_stand_right_and_unknown_is_a_dash(void **state)
{
	struct printed p;

	(void)state;
	two_rows(&p, TABLE_ALIGNED);
	assert_string_equal(p.text,
		"NAME    PACKETS  AT (UTC)                     AGE OF\n"
		"a, \"b\"     1234  2026-11-22 04:30:51.123  1 min 02 s\n"
		"-             -  -                                 -\n");
	printed_close(&p);
}

static void csv_quotes_as_rfc_4180_and_leaves_unknown_empty(void **state)
{
	struct printed p;

	(void)state;
	two_rows(&p, TABLE_CSV);
	assert_string_equal(p.text,
		"name,packets,at,age_of_s\r\n"
		"\"a, \"\"b\"\"\",1234,2026-11-22T04:30:51.123456789Z,62.000\r\n"
		",,,\r\n");
	printed_close(&p);
}

static void json_rows_have_the_columns_as_keys_and_null_for_unknown(void **state)
{
	struct printed p;

	(void)state;
	two_rows(&p, TABLE_JSON);
	assert_string_equal(p.text,
		"{\"_v\":1,\"type\":\"thing\",\"name\":\"a, \\\"b\\\"\",\"packets\":1234,"
		"\"at\":\"2026-11-22T04:30:51.123456789Z\",\"age_of_s\":62.0}\n"
		"{\"_v\":1,\"type\":\"thing\",\"name\":null,\"packets\":null,\"at\":null,"
		"\"age_of_s\":null}\n");
	printed_close(&p);
}

static void a_span_is_in_the_unit_of_its_name_for_programs_and_readable_for_people(void **state)
{
	static const char *const names[] = { "~rtt_ms", "~age_s" };
	static const char *const expected[] = {
		[TABLE_ALIGNED] = " RTT         AGE\n3 ms  1 min 30 s\n",
		[TABLE_CSV] = "rtt_ms,age_s\r\n2.500,90.000\r\n",
		[TABLE_JSON] = "{\"_v\":1,\"type\":\"x\",\"rtt_ms\":2.5,\"age_s\":90.0}\n",
	};

	(void)state;
	for (int format = TABLE_ALIGNED; format <= TABLE_JSON; format++) {
		struct printed p;
		struct table *t;

		printed_open(&p);
		t = table_open(p.out, (enum table_format)format, "x", names, 2);
		table_span(t, 2500 * 1000);
		table_span(t, 90 * NSEC_PER_S);
		table_close(t);
		assert_string_equal(printed_text(&p), expected[format]);
		printed_close(&p);
	}
}

static void a_spreadsheet_never_sees_a_formula_from_the_wire(void **state)
{
	static const char *const column[] = { "vendor" };
	struct printed p;

	(void)state;
	printed_open(&p);

	struct table *t = table_open(p.out, TABLE_CSV, NULL, column, 1);

	table_text(t, "=cmd|' /C calc'!A0");
	table_close(t);
	assert_string_equal(printed_text(&p), "vendor\r\n\"'=cmd|' /C calc'!A0\"\r\n");
	printed_close(&p);
}

static void characters_of_several_bytes_keep_the_columns_straight(void **state)
{
	static const char *const column[] = { "sensor", "x" };
	struct printed p;

	(void)state;
	printed_open(&p);

	struct table *t = table_open(p.out, TABLE_ALIGNED, NULL, column, 2);

	table_text(t, "Zürich-1");
	table_text(t, "y");
	table_text(t, "\x1b[31m");
	table_text(t, "y");
	table_close(t);
	assert_string_equal(printed_text(&p), "SENSOR    X\nZürich-1  y\n\\x1b[31m  y\n");
	printed_close(&p);
}

static void a_long_text_stands_last_and_pushes_nothing_aside(void **state)
{
	static const char *const column[] = { "<summary", "code", ">id" };
	struct printed p;

	(void)state;
	for (int format = TABLE_ALIGNED; format <= TABLE_CSV; format++) {
		printed_open(&p);

		struct table *t = table_open(p.out, (enum table_format)format, NULL, column, 3);

		table_text(t, "a long story");
		table_text(t, "spi_churn");
		table_number(t, 7);
		table_text(t, "short");
		table_text(t, "x");
		table_number(t, 12);
		table_close(t);
		assert_string_equal(printed_text(&p), format == TABLE_ALIGNED ?
			"CODE       ID  SUMMARY\nspi_churn   7  a long story\nx         "
			" 12  short\n" :
			"summary,code,id\r\na long story,spi_churn,7\r\nshort,x,12\r\n");
		printed_close(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligned_numbers_stand_right_and_unknown_is_a_dash),
		cmocka_unit_test(a_long_text_stands_last_and_pushes_nothing_aside),
		cmocka_unit_test(csv_quotes_as_rfc_4180_and_leaves_unknown_empty),
		cmocka_unit_test(json_rows_have_the_columns_as_keys_and_null_for_unknown),
		cmocka_unit_test(
			a_span_is_in_the_unit_of_its_name_for_programs_and_readable_for_people),
		cmocka_unit_test(a_spreadsheet_never_sees_a_formula_from_the_wire),
		cmocka_unit_test(characters_of_several_bytes_keep_the_columns_straight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
