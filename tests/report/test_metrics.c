/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sawatch/metrics.h>

#include "report/samples.h"

static const char *const codes[] = { "spi_churn", "tunnel_down", NULL };

/* All that can be on a page. */
static struct metrics_figures full(void)
{
	return (struct metrics_figures){
		.version = "1.0", .sensor = "hq", .started = AT(0), .now = AT(100),
		.interfaces_up = true,
		.dropped_by_kernel = 3, .dropped_by_interface = 4, .tunnels = { 0, 1, 0, 0, 0 },
		.tables = { { "esp_sas", 10, 100, 2 } }, .n_tables = 1, .has_store = true,
		.store_up = true,
		.store_waiting = 5, .store_bytes = 600, .store_bytes_max = 6000, .store_rows = 70,
		.store_retries = 8,
		.store_dropped_alerts = 1, .outputs = { { "syslog", true, 9, 1, 2 } },
		.n_outputs = 1,
	};
}

static const char *page_of(struct metrics *m, struct printed *p)
{
	struct metrics_figures f = full();

	printed_open(p);
	metrics_print(m, &f, p->out);
	return printed_text(p);
}

static void add_expected(struct expected *x, const char *name, uint32_t last_octet, uint16_t port)
{
	struct expected_tunnel *t = expected_add(x, name);
	char peers[64];
	struct err e;

	assert_non_null(t);
	snprintf(peers, sizeof(peers),
		 port ? "192.0.2.1, 198.51.100.%u:%u" : "192.0.2.1, 198.51.100.%u", last_octet,
		 port);
	if (!expected_set(x, t, "peers", peers, &e))
		fail_msg("%s", e.text);
}

static void assert_line(const char *page, const char *line)
{
	size_t length = strlen(line);

	for (const char *at = page; (at = strstr(at, line)); at += length)
		if ((at == page || at[-1] == '\n') && at[length] == '\n')
			return;
	fail_msg("no line \"%s\" in\n%s", line, page);
}

static void assert_none(const char *page, const char *words)
{
	if (strstr(page, words))
		fail_msg("\"%s\" in\n%s", words, page);
}

static void tunnels_are_labelled_by_addresses_and_name_never_by_ports(void **state)
{
	struct expected x = { 0 };
	struct record_tunnel t = sample_tunnel(1);
	struct printed p;
	struct metrics *m;

	(void)state;
	add_expected(&x, "hq", 2, 4500);
	m = metrics_open(&x, codes, 10);
	struct record_sink sink = metrics_sink(m);

	t.peers[1].port = 4500;
	sink.tunnel(sink.user, &t);
	assert_line(page_of(m, &p), "sawatch_tunnel_up{tunnel=\"192.0.2.1<->198.51.100.2\","
				    "name=\"hq\"} 1");
	assert_line(p.text, "sawatch_tunnel_expected{tunnel=\"192.0.2.1<->198.51.100.2\","
			    "name=\"hq\"} 1");
	assert_line(p.text, "sawatch_tunnel_last_packet_timestamp_seconds{tunnel=\"192.0.2.1<->198."
			    "51.100.2\",name=\"hq\"}"
			    " 1795321911.000");
	assert_none(p.text, ":4500");
	printed_close(&p);
	metrics_close(m);
	expected_done(&x);
}

static void clients_behind_one_address_share_a_line(void **state)
{
	struct metrics *m = metrics_open(NULL, codes, 10);
	struct record_sink sink = metrics_sink(m);
	struct printed p;
	size_t lines = 0;

	(void)state;
	for (uint32_t i = 1; i <= 3; i++) {
		struct record_tunnel t = sample_tunnel(1);

		t.id += i;
		t.peers[1].port = (uint16_t)(1000 + i);
		sink.tunnel(sink.user, &t);
		t.state = i == 3 ? TUNNEL_UP : TUNNEL_DOWN;
		sink.tunnel(sink.user, &t);
	}
	for (const char *at = page_of(m, &p); (at = strstr(at, "\nsawatch_tunnel_up{")); at++)
		lines++;
	assert_int_equal(lines, 1);
	assert_line(p.text, "sawatch_tunnel_up{tunnel=\"192.0.2.1<->198.51.100.2\",name=\"\"} 1");
	printed_close(&p);
	metrics_close(m);
}

static void an_expected_tunnel_that_was_never_seen_is_not_up(void **state)
{
	struct expected x = { 0 };
	struct printed p;
	struct metrics *m;

	(void)state;
	add_expected(&x, "hq", 2, 0);
	m = metrics_open(&x, codes, 0);
	assert_line(page_of(m, &p), "sawatch_tunnel_up{tunnel=\"192.0.2.1<->198.51.100.2\","
				    "name=\"hq\"} 0");
	assert_line(p.text, "sawatch_tunnels_expected 1");
	printed_close(&p);
	metrics_close(m);
	expected_done(&x);
}

/* An alert about it gives it an id, but nobody has seen it for that. */
static void one_that_is_missed_is_not_up_either(void **state)
{
	struct record_tunnel t = sample_tunnel(1);
	struct expected x = { 0 };
	struct record_sink sink;
	struct printed p;
	struct metrics *m;

	(void)state;
	add_expected(&x, "hq", 2, 0);
	m = metrics_open(&x, codes, 0);
	sink = metrics_sink(m);
	t.state = TUNNEL_UNKNOWN;
	t.first = t.last = NSEC_NONE;
	sink.tunnel(sink.user, &t);
	assert_line(page_of(m, &p), "sawatch_tunnel_up{tunnel=\"192.0.2.1<->198.51.100.2\","
				    "name=\"hq\"} 0");
	printed_close(&p);
	t.first = t.last = 1000 * NSEC_PER_S;
	sink.tunnel(sink.user, &t);
	assert_none(page_of(m, &p), "sawatch_tunnel_up{");
	printed_close(&p);
	metrics_close(m);
	expected_done(&x);
}

static void a_tunnel_of_which_it_is_not_known_is_neither_up_nor_down(void **state)
{
	struct metrics *m = metrics_open(NULL, codes, 10);
	struct record_sink sink = metrics_sink(m);
	struct record_tunnel t = sample_tunnel(1);
	struct printed p;

	(void)state;
	sink.tunnel(sink.user, &t);
	t.state = TUNNEL_UNKNOWN;
	sink.tunnel(sink.user, &t);
	assert_none(page_of(m, &p), "sawatch_tunnel_up{");
	assert_line(p.text, "sawatch_tunnel_expected{tunnel=\"192.0.2.1<->198.51.100.2\","
			    "name=\"\"} 0");
	printed_close(&p);
	metrics_close(m);
}

static void strangers_that_never_worked_and_those_too_many_have_no_lines(void **state)
{
	struct metrics *m = metrics_open(NULL, codes, 2);
	struct record_sink sink = metrics_sink(m);
	struct printed p;
	size_t lines = 0;

	(void)state;
	for (uint32_t i = 1; i <= 9; i++) {
		struct record_tunnel t = sample_tunnel(i);

		t.state = i <= 4 ? TUNNEL_UP : TUNNEL_DOWN;
		sink.tunnel(sink.user, &t);
	}
	for (const char *at = page_of(m, &p); (at = strstr(at, "\nsawatch_tunnel_expected{")); at++)
		lines++;
	assert_int_equal(lines, 2);
	assert_line(p.text, "sawatch_tunnels_left_out 2");
	printed_close(&p);
	metrics_close(m);
}

static void an_alert_is_counted_once_however_often_it_is_told(void **state)
{
	struct metrics *m = metrics_open(NULL, codes, 10);
	struct record_sink sink = metrics_sink(m);
	struct record_tunnel t = sample_tunnel(1);
	struct record_alert a = sample_alert(1);
	struct printed p;

	(void)state;
	sink.tunnel(sink.user, &t);
	a.severity = SEVERITY_WARNING;
	sink.alert(sink.user, &a);
	sink.alert(sink.user, &a);
	a.severity = SEVERITY_CRITICAL;
	sink.alert(sink.user, &a);
	assert_line(page_of(m, &p), "sawatch_alerts{code=\"spi_churn\",severity=\"critical\"} 1");
	assert_line(p.text, "sawatch_alerts{code=\"spi_churn\",severity=\"warning\"} 0");
	assert_line(p.text, "sawatch_alerts_raised_total{code=\"spi_churn\","
			    "severity=\"warning\"} 1");
	assert_line(p.text, "sawatch_alerts_raised_total{code=\"spi_churn\","
			    "severity=\"critical\"} 1");
	assert_line(p.text, "sawatch_alerts_raised_total{code=\"tunnel_down\","
			    "severity=\"critical\"} 0");
	assert_line(p.text, "sawatch_tunnel_ill{tunnel=\"192.0.2.1<->198.51.100.2\",name=\"\"} 1");
	printed_close(&p);
	a.cleared = true;
	sink.alert(sink.user, &a);
	assert_line(page_of(m, &p), "sawatch_alerts{code=\"spi_churn\",severity=\"critical\"} 0");
	assert_line(p.text, "sawatch_alerts_raised_total{code=\"spi_churn\","
			    "severity=\"critical\"} 1");
	assert_line(p.text, "sawatch_tunnel_ill{tunnel=\"192.0.2.1<->198.51.100.2\",name=\"\"} 0");
	printed_close(&p);
	metrics_close(m);
}

static void alerts_of_an_earlier_run_are_open_but_not_raised_now(void **state)
{
	struct metrics *m = metrics_open(NULL, codes, 10);
	struct record_sink sink = metrics_sink(m);
	struct record_alert a = sample_alert(1);
	struct printed p;

	(void)state;
	metrics_since(m, a.raised + 1);
	a.severity = SEVERITY_WARNING;
	sink.alert(sink.user, &a);
	assert_line(page_of(m, &p), "sawatch_alerts{code=\"spi_churn\",severity=\"warning\"} 1");
	assert_line(p.text, "sawatch_alerts_raised_total{code=\"spi_churn\","
			    "severity=\"warning\"} 0");
	printed_close(&p);
	a.severity = SEVERITY_CRITICAL;		/* it became worse in this run */
	sink.alert(sink.user, &a);
	assert_line(page_of(m, &p), "sawatch_alerts_raised_total{code=\"spi_churn\","
				    "severity=\"critical\"} 1");
	printed_close(&p);
	metrics_close(m);
}

static void a_name_cannot_leave_its_label(void **state)
{
	struct expected x = { 0 };
	struct printed p;
	struct metrics *m;

	(void)state;
	add_expected(&x, "a\"} 1\nevil{b=\"\\", 2, 0);
	m = metrics_open(&x, codes, 10);
	assert_non_null(strstr(page_of(m, &p), "name=\"a\\\"} 1\\\\x0aevil{b=\\\"\\\\\"} 0\n"));
	printed_close(&p);
	metrics_close(m);
	expected_done(&x);
}

/*
 * Prometheus' rules: # HELP and # TYPE once before the lines of a metric, counters end in _total.
 */
static void every_metric_is_introduced_and_counters_are_called_total(void **state)
{
	struct metrics *m = metrics_open(NULL, codes, 10);
	struct record_sink sink = metrics_sink(m);
	struct record_tunnel t = sample_tunnel(1);
	struct record_capture c = sample_capture();
	struct printed p;
	char *page, *rest, *line, introduced[128] = "";
	bool counter = false;

	(void)state;
	sink.tunnel(sink.user, &t);
	sink.capture(sink.user, &c);
	page = strdup(page_of(m, &p));
	for (line = strtok_r(page, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t length = strcspn(line, "{ ");

		if (strncmp(line, "# HELP ", 7) == 0)
			continue;
		if (strncmp(line, "# TYPE ", 7) == 0) {
			snprintf(introduced, sizeof(introduced), "%.*s",
				 (int)strcspn(line + 7, " "), line + 7);
			counter = strstr(line + 7, " counter") != NULL;
			length = strlen(introduced);
			assert_int_equal(counter, length > 6 && strcmp(introduced + length - 6,
								       "_total") == 0);
			continue;
		}
		assert_int_equal(strlen(introduced), length);
		assert_memory_equal(line, introduced, length);
	}
	free(page);
	printed_close(&p);
	metrics_close(m);
}

/* ---- what the rules and the dashboard ask for ---- */

static char *contents(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;

	assert_non_null(f);
	assert_true(getdelim(&text, &room, '\0', f) > 0);
	fclose(f);
	return text;
}

/* How many different places named one; each must be on the page. */
static size_t check_names(const char *path, const char *page)
{
	char *text = contents(path);
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, "sawatch_")); n++) {
		size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
		char type[128];

		snprintf(type, sizeof(type), "# TYPE %.*s ", (int)length, at);
		if (!strstr(page, type))
			fail_msg("%s asks for %.*s, which is not exported", path, (int)length, at);
		at += length;
	}
	free(text);
	return n;
}

static void whatever_the_rules_and_the_dashboard_ask_for_is_exported(void **state)
{
	struct metrics *m = metrics_open(NULL, codes, 10);
	struct record_sink sink = metrics_sink(m);
	struct record_capture c = sample_capture();
	struct printed p;
	const char *page;

	(void)state;
	sink.capture(sink.user, &c);
	page = page_of(m, &p);
	assert_true(check_names(TEST_SOURCE_DIR "/monitoring/prometheus/sawatch.rules.yml", page) >
		    10);
	assert_true(check_names(TEST_SOURCE_DIR "/monitoring/grafana/sawatch.json", page) > 20);
	printed_close(&p);
	metrics_close(m);
}

static void another_inventory_names_the_same_tunnels_anew_and_forgets_no_state(void **state)
{
	struct expected x = { 0 };
	struct record_tunnel t = sample_tunnel(1), u = sample_tunnel(2);
	struct printed p;
	struct metrics *m;
	const char *page;

	(void)state;
	add_expected(&x, "hq", 2, 0);
	add_expected(&x, "gone", 3, 0);
	m = metrics_open(&x, codes, 10);
	struct record_sink sink = metrics_sink(m);

	sink.tunnel(sink.user, &t);
	u.peers[1].addr = addr_v4(0xc6336404);
	sink.tunnel(sink.user, &u);
	assert_line(page_of(m, &p), "sawatch_tunnel_up{tunnel=\"192.0.2.1<->198.51.100.4\","
				    "name=\"\"} 1");
	printed_close(&p);

	expected_done(&x);
	add_expected(&x, "branch", 4, 0);
	add_expected(&x, "new", 5, 0);
	add_expected(&x, "hq-2", 2, 0);
	metrics_expect_again(m, 2);
	page = page_of(m, &p);
	assert_line(page, "sawatch_tunnels_expected 3");
	assert_line(page, "sawatch_tunnel_up{tunnel=\"192.0.2.1<->198.51.100.2\",name=\"hq-2\"} 1");
	assert_line(page, "sawatch_tunnel_up{tunnel=\"192.0.2.1<->198.51.100.4\","
			  "name=\"branch\"} 1");
	assert_line(page, "sawatch_tunnel_up{tunnel=\"192.0.2.1<->198.51.100.5\",name=\"new\"} 0");
	assert_none(page, "198.51.100.3");
	assert_none(page, "name=\"\"");
	printed_close(&p);

	expected_done(&x);
	metrics_expect_again(m, 3);
	page = page_of(m, &p);
	assert_line(page, "sawatch_tunnel_up{tunnel=\"192.0.2.1<->198.51.100.2\",name=\"\"} 1");
	assert_line(page, "sawatch_tunnel_up{tunnel=\"192.0.2.1<->198.51.100.4\",name=\"\"} 1");
	assert_none(page, "198.51.100.5");
	printed_close(&p);
	metrics_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tunnels_are_labelled_by_addresses_and_name_never_by_ports),
		cmocka_unit_test(clients_behind_one_address_share_a_line),
		cmocka_unit_test(an_expected_tunnel_that_was_never_seen_is_not_up),
		cmocka_unit_test(one_that_is_missed_is_not_up_either),
		cmocka_unit_test(a_tunnel_of_which_it_is_not_known_is_neither_up_nor_down),
		cmocka_unit_test(strangers_that_never_worked_and_those_too_many_have_no_lines),
		cmocka_unit_test(an_alert_is_counted_once_however_often_it_is_told),
		cmocka_unit_test(alerts_of_an_earlier_run_are_open_but_not_raised_now),
		cmocka_unit_test(a_name_cannot_leave_its_label),
		cmocka_unit_test(every_metric_is_introduced_and_counters_are_called_total),
		cmocka_unit_test(whatever_the_rules_and_the_dashboard_ask_for_is_exported),
		cmocka_unit_test(
			another_inventory_names_the_same_tunnels_anew_and_forgets_no_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
