/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sawatch/syslog.h>

#include "report/samples.h"

static const struct syslog_origin origin = {
	.facility = 3, .host = "sensor1", .process = 4711, .sensor = "hq",
};

static void an_alert_is_one_message_with_structured_data(void **state)
{
	struct record_alert a = sample_alert(1);
	char m[SYSLOG_MAX];
	size_t length = syslog_alert(&origin, &a, "hq-branch1", m);

	(void)state;
	assert_int_equal(length, strlen(m));
	assert_string_equal(m,
		"<26>1 2026-11-22T04:31:41.000000Z sensor1 sawatch 4711 alert "
		"[sawatch@32473 status=\"raised\" code=\"spi_churn\" severity=\"critical\" "
		"confidence=\"high\""
		" tunnel=\"192.0.2.1<->198.51.100.2\" name=\"hq-branch1\" sensor=\"hq\""
		" id=\"4294967297\" count=\"7\""
		" first=\"2026-11-22T04:31:01.000000000Z\" last=\"2026-11-22T04:31:41.000000000Z\""
		" frames=\"12 345\"]"
		"[evidence@32473 replacements=\"7\" median_age_s=\"5.1\" side=\"192.0.2.1\"]"
		" critical spi_churn 192.0.2.1<->198.51.100.2 (hq-branch1):"
		" SAs are replaced every 5.1 s, 7 times in 40 s");
}

static int priority(const struct record_alert *a)
{
	char m[SYSLOG_MAX];

	syslog_alert(&origin, a, NULL, m);
	return atoi(m + 1) - 24;
}

static void severities_are_levels_and_what_has_cleared_is_a_notice(void **state)
{
	struct record_alert a = sample_alert(1);

	(void)state;
	assert_int_equal(priority(&a), 2);
	a.severity = SEVERITY_WARNING;
	assert_int_equal(priority(&a), 4);
	a.severity = SEVERITY_INFO;
	assert_int_equal(priority(&a), 6);
	a.cleared = true;
	a.cleared_at = AT(90);
	assert_int_equal(priority(&a), 5);
}

static void quotes_brackets_and_backslashes_stay_inside_their_value(void **state)
{
	struct record_evidence evidence = { .name = "id",
					    .type = EVIDENCE_TEXT,
					    .text = "a\"] [x@1 b=\"c\\" };
	struct record_alert a = sample_alert(1);
	char m[SYSLOG_MAX];

	(void)state;
	a.evidence = &evidence;
	a.n_evidence = 1;
	syslog_alert(&origin, &a, "n\"]", m);
	assert_non_null(strstr(m, " name=\"n\\\"\\]\" "));
	assert_non_null(strstr(m, "[evidence@32473 id=\"a\\\"\\] [x@1 b=\\\"c\\\\\"] critical"));
}

static void names_of_parameters_lose_what_would_end_them(void **state)
{
	struct record_evidence evidence = {
		.name = "a =]\"b and a name that is far too long for it", .type = EVIDENCE_INTEGER,
		.integer = 1,
	};
	struct record_alert a = sample_alert(1);
	char m[SYSLOG_MAX];

	(void)state;
	a.evidence = &evidence;
	a.n_evidence = 1;
	syslog_alert(&origin, &a, NULL, m);
	assert_non_null(strstr(m, "[evidence@32473 a____b_and_a_name_that_is_far_to=\"1\"]"));
}

static void no_control_character_gets_through(void **state)
{
	static const char hostile[] = "\033[31m\n<0>1 - - - - - - forged\r\x01\x7f\xff\xe2\x80\xae";
	struct record_evidence evidence = { .name = hostile,
					    .type = EVIDENCE_TEXT,
					    .text = hostile };
	struct syslog_origin o = {
		.facility = 0, .host = hostile, .process = RECORD_UNKNOWN, .sensor = hostile
	};
	struct record_alert a = sample_alert(1);
	char m[SYSLOG_MAX];

	(void)state;
	a.evidence = &evidence;
	a.n_evidence = 1;
	a.code = a.summary = a.cause = hostile;
	syslog_alert(&o, &a, hostile, m);
	for (const char *c = m; *c; c++)
		assert_in_range((unsigned char)*c, 0x20, 0x7e);
}

static void text_that_is_not_ascii_is_announced_as_utf8(void **state)
{
	struct record_alert a = sample_alert(1);
	char m[SYSLOG_MAX];

	(void)state;
	syslog_alert(&origin, &a, "Zürich", m);
	assert_non_null(strstr(m, " name=\"Zürich\" "));
	assert_non_null(strstr(m, "] \xef\xbb\xbf" "critical spi_churn 192.0.2.1<->198.51.100."
						   "2 (Zürich): "));
}

static void what_is_too_long_is_cut_behind_whole_elements(void **state)
{
	static char longer[3 * SYSLOG_MAX];
	struct record_evidence evidence[2] = {
		{ .name = "huge", .type = EVIDENCE_TEXT, .text = longer }, { .name = "n", .type =
		  EVIDENCE_INTEGER, .integer = 5 },
	};
	struct record_alert a = sample_alert(1);
	char *m = malloc(SYSLOG_MAX);
	size_t length;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	a.evidence = evidence;
	a.n_evidence = 2;
	a.summary = longer;
	length = syslog_alert(&origin, &a, NULL, m);
	assert_true(length < SYSLOG_MAX && length > SYSLOG_MAX / 8 && m[length] == '\0');
	assert_non_null(strstr(m, "[evidence@32473 n=\"5\"] critical spi_churn"));
	free(m);
}

static void a_character_of_several_bytes_is_not_cut_in_two(void **state)
{
	static char longer[2 * SYSLOG_MAX];
	struct record_alert a = sample_alert(1);
	char m[SYSLOG_MAX];
	size_t length;

	(void)state;
	for (size_t i = 0; i + 3 < sizeof(longer); i += 3)
		memcpy(longer + i, "\xe2\x82\xac", 3);		/* the euro sign */
	for (size_t shift = 0; shift < 3; shift++) {
		char moved[sizeof(longer) + 4] = "xxx";

		memcpy(moved + shift, longer, sizeof(longer));
		a.summary = moved;
		length = syslog_alert(&origin, &a, NULL, m);
		assert_true(length > SYSLOG_MAX - 8);
		assert_memory_equal(m + length - 3, "\xe2\x82\xac", 3);
	}
}

static void a_tunnels_new_state_and_the_monitors_own_words_are_notices(void **state)
{
	struct record_tunnel t = sample_tunnel(1);
	char m[SYSLOG_MAX];

	(void)state;
	t.state = TUNNEL_DOWN;
	syslog_tunnel(&origin, &t, NULL, m);
	assert_string_equal(m, "<29>1 2026-11-22T04:31:51.000000Z sensor1 sawatch 4711 tunnel "
			       "[sawatch@32473 state=\"down\" tunnel=\"192.0.2.1<->198.51.100.2\" "
			       "sensor=\"hq\""
			       " since=\"2026-11-22T04:30:52.000000000Z\"]"
			       " 192.0.2.1<->198.51.100.2: tunnel state: down");
	syslog_notice(&origin, NSEC_NONE, "begins", m);
	assert_string_equal(m, "<29>1 - sensor1 sawatch 4711 monitor [sawatch@32473 "
			       "sensor=\"hq\"] begins");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_alert_is_one_message_with_structured_data),
		cmocka_unit_test(severities_are_levels_and_what_has_cleared_is_a_notice),
		cmocka_unit_test(quotes_brackets_and_backslashes_stay_inside_their_value),
		cmocka_unit_test(names_of_parameters_lose_what_would_end_them),
		cmocka_unit_test(no_control_character_gets_through),
		cmocka_unit_test(text_that_is_not_ascii_is_announced_as_utf8),
		cmocka_unit_test(what_is_too_long_is_cut_behind_whole_elements),
		cmocka_unit_test(a_character_of_several_bytes_is_not_cut_in_two),
		cmocka_unit_test(a_tunnels_new_state_and_the_monitors_own_words_are_notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
