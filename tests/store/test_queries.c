/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which records a scope takes, and in which order they come. */
#include "store/spoken.h"

static const struct endpoint other_peers[2] = {
	{ { 0, ADDR_V4_PREFIX | 0xc0000201 }, 0 },
	{ { UINT64_C(0x20010db800000000), 9 }, 4500 },
};

/* Two captures; in each a tunnel of its own with an SA and an alert per 100 s. */
static struct store *two_captures(void)
{
	struct store *s = sample_open(NULL);
	struct err e = { "" };

	for (uint32_t capture = 1; capture <= 2; capture++) {
		assert_int_equal(sample_capture(s, capture == 1 ? "aa" : "bb"), capture);
		for (uint32_t i = 1; i <= 3; i++) {
			struct record_esp_sa sa = sample_esp_sa(capture, i);
			struct record_alert alert = {
				.id = object_id_of(capture, i), .tunnel = object_id_of(capture, 1),
				.code = i == 1 ? "spi_churn" : "ike_flap",
				.severity = (enum severity)(i - 1),
				.summary = "s", .cleared_at = NSEC_NONE,
			};

			sa.peers = alert.peers = capture == 1 ? sample_peers : other_peers;
			sa.first = alert.first = alert.raised =
				T0 + (capture * 1000 + i * 100) * NSEC_PER_S;
			sa.last = alert.last = sa.first + 50 * NSEC_PER_S;
			assert_ok(store_esp_sa(s, &sa, &e), e);
			assert_ok(store_alert(s, &alert, &e), e);
		}
	}
	return s;
}

/* How many records of a kind the walk gives. */
static int count(struct store *s, const struct store_scope *scope, const char *kind)
{
	const char *rest = walk(s, scope);
	int n = 0;

	for (; *rest; rest = strchr(rest, '\n') + 1)
		n += strncmp(rest, kind, strlen(kind)) == 0 && rest[strlen(kind)] == ' ';
	return n;
}

static void a_tunnel_is_meant_by_its_name_number_or_peer(void **state)
{
	struct store *s = two_captures();
	const struct { const char *text; int tunnels; } cases[] = {
		{ SAMPLE_TUNNEL, 1 }, { "198.51.100.2<->192.0.2.1", 1 }, { "2", 1 }, {
		  "198.51.100.2", 1 },
		{ "192.0.2.1", 2 }, { "2001:db8:0:0:0:0:0:9", 1 }, { "[2001:db8::9]:4500", 1 },
		{ "192.0.2.1<->[2001:db8::9]:4500", 1 }, { "3", 0 }, { "192.0.2", 0 }, {
		  "' OR 1=1 --", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_scope scope = { .tunnel = cases[i].text,
					     .since = NSEC_NONE,
					     .until = NSEC_NONE };

		if (count(s, &scope, "tunnel") != cases[i].tunnels)
			fail_msg("%s", cases[i].text);
		assert_int_equal(count(s, &scope, "esp_sa"), 3 * cases[i].tunnels);
		assert_int_equal(count(s, &scope, "alert"), 3 * cases[i].tunnels);
	}
	sample_close(s);
}

static void captures_of_a_scope_limit_every_kind(void **state)
{
	struct store *s = two_captures();
	const uint32_t second[] = { 2, 2 };	/* said twice, given once */
	struct store_scope scope = {
		.captures = second, .n_captures = 2, .since = NSEC_NONE, .until = NSEC_NONE
	};

	(void)state;
	assert_int_equal(count(s, &scope, "capture"), 1);
	assert_int_equal(count(s, &scope, "tunnel"), 1);
	assert_int_equal(count(s, &scope, "esp_sa"), 3);
	assert_int_equal(count(s, &scope, "alert"), 3);
	assert_null(strstr(walk(s, &scope), SAMPLE_TUNNEL));
	assert_non_null(strstr(walk(s, &scope), "counts=0,0,3"));
	scope.n_captures = 0;
	assert_string_equal(walk(s, &scope), "");
	sample_close(s);
}

static void a_window_of_time_takes_what_lived_in_it(void **state)
{
	struct store *s = two_captures();
	struct store_scope scope = { .since = T0 + 1150 * NSEC_PER_S,
				     .until = T0 + 1300 * NSEC_PER_S };

	(void)state;
	/* 1100..1150 ends in it, 1200..1250 lies in it, 1300..1350 begins when it is over */
	assert_int_equal(count(s, &scope, "esp_sa"), 2);
	assert_int_equal(count(s, &scope, "alert"), 2);
	scope.since++;
	assert_int_equal(count(s, &scope, "esp_sa"), 1);
	scope.until++;
	assert_int_equal(count(s, &scope, "esp_sa"), 2);
	sample_close(s);
}

static void alerts_can_be_picked_by_code_severity_and_number(void **state)
{
	struct store *s = two_captures();
	struct store_scope by_code = { .code = "spi_churn",
				       .since = NSEC_NONE,
				       .until = NSEC_NONE };
	struct store_scope by_severity = { .min_severity = SEVERITY_WARNING,
					   .since = NSEC_NONE,
					   .until = NSEC_NONE };
	struct store_scope by_number = { .alert_row = (int64_t)object_id_of(2, 3),
					 .since = NSEC_NONE,
					 .until = NSEC_NONE };

	(void)state;
	assert_int_equal(count(s, &by_code, "alert"), 2);
	assert_int_equal(count(s, &by_severity, "alert"), 4);
	assert_int_equal(count(s, &by_number, "alert"), 1);
	assert_int_equal(count(s, &by_number, "esp_sa"), 6);
	sample_close(s);
}

static void rows_come_in_the_order_of_time_whatever_the_order_of_writing(void **state)
{
	struct store *s = sample_open(NULL);
	struct err e = { "" };
	const char *rest;

	(void)state;
	for (uint32_t i = 1; i <= 5; i++) {
		struct record_esp_sa sa = sample_esp_sa(1, i);

		sa.first = T0 + (10 - i) * NSEC_PER_S;
		sa.packets = 10 - i;
		assert_ok(store_esp_sa(s, &sa, &e), e);
	}
	rest = walk(s, NULL);
	for (int packets = 5; packets <= 9; packets++) {
		char wanted[32];

		snprintf(wanted, sizeof(wanted), " packets=%d ", packets);
		rest = strstr(rest, wanted);
		assert_non_null(rest);
	}
	sample_close(s);
}

static void kinds_that_nobody_wants_are_not_read(void **state)
{
	struct store *s = two_captures();
	struct record_sink only_alerts = { .alert = on_alert };
	struct err e = { "" };

	(void)state;
	lines_begin();
	assert_ok(store_walk(s, NULL, &only_alerts, &e), e);
	lines_end();
	for (const char *rest = lines; *rest; rest = strchr(rest, '\n') + 1)
		assert_int_equal(strncmp(rest, "alert ", 6), 0);
	sample_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tunnel_is_meant_by_its_name_number_or_peer),
		cmocka_unit_test(captures_of_a_scope_limit_every_kind),
		cmocka_unit_test(a_window_of_time_takes_what_lived_in_it),
		cmocka_unit_test(alerts_can_be_picked_by_code_severity_and_number),
		cmocka_unit_test(rows_come_in_the_order_of_time_whatever_the_order_of_writing),
		cmocka_unit_test(kinds_that_nobody_wants_are_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
