/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sawatch check as a monitoring system sees it: its first line, performance data and status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <sawatch/store.h>

#include "cli/cli.h"

#define T0 (INT64_C(1795323051) * NSEC_PER_S)
#define NAME "192.0.2.1<->198.51.100.2"

enum { OK, WARNING, CRITICAL, UNKNOWN, WORDS_MAX = 16 };

static const struct endpoint peers[2] = {
	{ { 0, ADDR_V4_PREFIX | 0xc0000201 }, 0 }, { { 0, ADDR_V4_PREFIX | 0xc6336402 }, 0 },
};

static char folder[] = "/tmp/sawatch-check-XXXXXX", database[64];
static char out[65536];

static int enter(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(database, sizeof(database), "%s/h.db", folder);
	return 0;
}

static int leave(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

#define assert_done(call) do { if (!(call)) fail_msg("%s: %s", #call, e.text); } while (0)

/* A history with one tunnel; `kind` "interface" leaves the word of a living monitor. */
static struct store *history(const char *kind, enum tunnel_state state)
{
	struct record_capture c = { .name = "span0",
				    .kind = kind,
				    .size = RECORD_UNKNOWN,
				    .first = T0,
				    .last = T0 + 100 * NSEC_PER_S,
				    .dropped = 12 };
	struct record_tunnel t = {
		.id = 0, .peers = { peers[0], peers[1] }, .state = state, .since = T0, .first = T0,
		.last = T0,
		.behind_nat = { -1, -1 },
	};
	struct store *s;
	struct err e;
	bool known;

	unlink(database);
	assert_done(store_open(&s, database, STORE_WRITE, "hq", &e));
	assert_done(store_capture_begin(s, c.name, kind, NULL, RECORD_UNKNOWN, &c.id, &known, &e));
	assert_done(store_expected(s, peers, "hq|branch", &e));
	t.id = object_id_of(c.id, 1);
	assert_done(store_tunnel(s, &t, &e));
	assert_done(store_capture(s, &c, &e));
	assert_done(store_commit(s, &e));
	return s;
}

static void raise_symptom(struct store *s, uint32_t number, const char *code,
			  enum severity severity, bool cleared, uint32_t of)
{
	struct record_alert a = {
		.id = object_id_of(1, number), .tunnel = object_id_of(1, 1), .code = code,
		.severity = severity,
		.confidence = CONFIDENCE_HIGH, .cleared = cleared, .first = T0, .last = T0 + number,
		.raised = T0,
		.cleared_at = cleared ? T0 + 1 : NSEC_NONE, .count = 1,
		.summary = "sum | \033[31mmary", .peers = peers,
		.incident = of ? object_id_of(1, of) : 0,
	};
	struct err e;

	assert_done(store_alert(s, &a, &e));
	assert_done(store_commit(s, &e));
}

static void raise_alert(struct store *s, uint32_t number, const char *code, enum severity severity,
			bool cleared)
{
	raise_symptom(s, number, code, severity, cleared, 0);
}

static void end(struct store *s)
{
	struct err e;

	assert_done(store_close(s, &e));
}

/* The status of `sawatch check --db … words`, NULL at their end; what it printed is in `out`. */
static int check(const char *word, ...)
{
	const char *argv[WORDS_MAX] = { "sawatch", "check", "--db", database };
	int argc = 4, status, ends[2];
	ssize_t n, length = 0;
	va_list words;

	va_start(words, word);
	for (; word; word = va_arg(words, const char *))
		argv[argc++] = word;
	va_end(words);
	fflush(NULL);
	assert_int_equal(pipe(ends), 0);

	pid_t child = fork();

	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		exit(cli_main(argc, (char **)argv));
	}
	close(ends[1]);
	while ((n = read(ends[0], out + length, sizeof(out) - 1 - (size_t)length)) > 0)
		length += n;
	out[length] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void assert_out(const char *words)
{
	if (!strstr(out, words))
		fail_msg("no \"%s\" in: %s", words, out);
}

static void a_history_without_alerts_is_ok(void **state)
{
	(void)state;
	end(history("file", TUNNEL_UP));
	assert_int_equal(check(NULL), OK);
	assert_string_equal(out, "SAWATCH OK - no alert; 1 tunnel, 1 up | alerts=0;0;;0 "
				 "critical=0;;0;0 tunnels=1;;;0"
			    " tunnels_unknown=0;;;0 tunnels_up=1;;;0 tunnels_degraded=0;;;0"
			    " tunnels_down=0;;;0"
			    " tunnels_flapping=0;;;0\n");
}

static void open_alerts_make_the_status_and_cleared_ones_do_not(void **state)
{
	struct store *s = history("file", TUNNEL_UP);

	(void)state;
	raise_alert(s, 1, "spi_churn", SEVERITY_CRITICAL, true);
	raise_alert(s, 2, "weak_crypto", SEVERITY_INFO, false);
	assert_int_equal(check(NULL), OK);
	raise_alert(s, 3, "esp_loss", SEVERITY_WARNING, false);
	assert_int_equal(check(NULL), WARNING);
	raise_alert(s, 4, "ike_flap", SEVERITY_CRITICAL, false);
	assert_int_equal(check(NULL), CRITICAL);
	assert_out("SAWATCH CRITICAL - 1 critical, 1 warning: ike_flap hq/branch and 1 more; "
		   "1 tunnel, 1 up | alerts=2;0;;0 critical=1;;0;0");
	end(s);
}

/* The latest comes first, but a cause before what it brings about. */
static void the_cause_is_named_before_its_symptoms(void **state)
{
	struct store *s = history("file", TUNNEL_UP);

	(void)state;
	raise_alert(s, 1, "dpd_timeout", SEVERITY_CRITICAL, false);
	raise_symptom(s, 2, "ike_init_unanswered", SEVERITY_CRITICAL, false, 1);
	raise_alert(s, 3, "weak_crypto", SEVERITY_WARNING, false);
	assert_int_equal(check(NULL), CRITICAL);
	assert_out("2 critical, 1 warning: dpd_timeout hq/branch and 2 more; ");
	assert_true(strstr(out, "[critical] dpd_timeout") <
		    strstr(out, "[critical] ike_init_unanswered"));
	assert_out("[warning] weak_crypto");
	end(s);
}

static void alerts_are_told_one_by_one_without_bars_and_control_characters(void **state)
{
	struct store *s = history("file", TUNNEL_UP);

	(void)state;
	for (uint32_t i = 1; i <= 25; i++)
		raise_alert(s, i, "esp_loss", SEVERITY_WARNING, false);
	assert_int_equal(check(NULL), WARNING);
	assert_out("\n[warning] esp_loss hq/branch: sum / \\x1b[31mmary\n");
	assert_out("\n... and 5 more; ");
	assert_ptr_equal(strchr(out, '|'), strrchr(out, '|'));
	assert_null(strchr(out, '\033'));
	end(s);
}

static void thresholds_and_ignored_codes_decide_what_counts(void **state)
{
	struct store *s = history("file", TUNNEL_UP);

	(void)state;
	raise_alert(s, 1, "esp_loss", SEVERITY_WARNING, false);
	raise_alert(s, 2, "ike_flap", SEVERITY_CRITICAL, false);
	assert_int_equal(check("-c", "1", NULL), WARNING);
	assert_int_equal(check("-c", "1", "-w", "2", NULL), OK);
	assert_out("alerts=2;2;;0 critical=1;;1;0");
	assert_int_equal(check("--ignore", "ike_flap", NULL), WARNING);
	assert_int_equal(check("--ignore", "ike_flap", "--ignore", "esp_loss", NULL), OK);
	assert_int_equal(check("--since", "@1795323099", NULL), OK);
	assert_int_equal(check("--since", "@1795329999", NULL), UNKNOWN);
	assert_out("nothing was captured since then");
	end(s);
}

static void a_tunnel_that_is_asked_for_is_expected_to_be_up(void **state)
{
	struct store *s;

	(void)state;
	end(history("file", TUNNEL_DOWN));
	assert_int_equal(check(NULL), OK);
	assert_int_equal(check("--tunnel", NAME, NULL), CRITICAL);
	assert_int_equal(check("--tunnel", "hq|branch", NULL), CRITICAL);
	end(history("file", TUNNEL_UNKNOWN));
	assert_int_equal(check("--tunnel", "198.51.100.2", NULL), UNKNOWN);
	/* an alert says more than that nothing is known: expected, and never seen */
	s = history("file", TUNNEL_UNKNOWN);
	raise_alert(s, 1, "tunnel_down", SEVERITY_WARNING, false);
	end(s);
	assert_int_equal(check("--tunnel", "hq|branch", NULL), WARNING);
	end(history("file", TUNNEL_UP));
	assert_int_equal(check("--tunnel", "198.51.100.2", NULL), OK);
	assert_int_equal(check("--tunnel", "203.0.113.1", NULL), UNKNOWN);
	assert_out("SAWATCH UNKNOWN - --tunnel 203.0.113.1: no such tunnel");
}

static void a_monitor_that_is_silent_too_long_is_dead(void **state)
{
	struct store *s = history("interface", TUNNEL_UP);

	(void)state;
	assert_int_equal(check(NULL), OK);	/* also while it is open for writing */
	assert_out(" dropped=12c age=");
	assert_out("s;;300;0\n");
	raise_alert(s, 1, "ike_flap", SEVERITY_CRITICAL, false);
	sleep(2);
	assert_int_equal(check("--max-age", "1s", NULL), UNKNOWN);
	assert_out("SAWATCH UNKNOWN - no word from the sensor hq for ");
	assert_out("Last known: 1 critical: ike_flap");
	assert_int_equal(check("--max-age", "1s", "--stale", "warning", NULL), WARNING);
	assert_int_equal(check("--max-age", "1h", NULL), CRITICAL);
	assert_int_equal(check("--sensor", "other", NULL), UNKNOWN);
	end(s);
}

static void an_alert_that_is_open_although_its_condition_is_over_says_since_when(void **state)
{
	struct store *s = history("interface", TUNNEL_UP);

	(void)state;
	raise_alert(s, 1, "esp_loss", SEVERITY_WARNING, false);
	assert_int_equal(check(NULL), WARNING);
	assert_out("mary (last seen ");		/* T0 is long ago */
	end(s);
}

static void a_history_that_no_monitor_writes_is_stale_only_when_asked(void **state)
{
	(void)state;
	end(history("file", TUNNEL_UP));
	assert_int_equal(check(NULL), OK);
	assert_int_equal(check("-vvv", "--verbose", NULL), OK);	/* every plugin has it */
	assert_int_equal(check("--max-age", "5m", NULL), UNKNOWN);
	assert_out("no monitor has ever written this history");
}

static void whatever_goes_wrong_is_unknown_and_said_on_standard_output(void **state)
{
	static const char *const wrong[][2] = {
		{ "-w", "x" }, { "-c", "5:1" }, { "--max-age", "soon" }, { "--max-age",
		  "2026-11-22" }, { "--stale", "ok" },
		{ "--ignore", "spi_churm" }, { "--since", "x" }, { "--frobnicate", NULL }, {
		  "-t", "0" }, { "word", NULL },
	};

	(void)state;
	end(history("file", TUNNEL_UP));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(check(wrong[i][0], wrong[i][1], NULL), UNKNOWN);
		assert_ptr_equal(strstr(out, "SAWATCH UNKNOWN - "), out);
		assert_out(wrong[i][0]);
		assert_int_equal(strcspn(out, "\n") + 1, strlen(out));
	}
	assert_int_equal(check("--ignore", "spi_churm", NULL), UNKNOWN);
	assert_out("did you mean spi_churn?");
	unlink(database);
	assert_int_equal(check(NULL), UNKNOWN);
	assert_out("no such file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_history_without_alerts_is_ok),
		cmocka_unit_test(open_alerts_make_the_status_and_cleared_ones_do_not),
		cmocka_unit_test(alerts_are_told_one_by_one_without_bars_and_control_characters),
		cmocka_unit_test(the_cause_is_named_before_its_symptoms),
		cmocka_unit_test(thresholds_and_ignored_codes_decide_what_counts),
		cmocka_unit_test(a_tunnel_that_is_asked_for_is_expected_to_be_up),
		cmocka_unit_test(a_monitor_that_is_silent_too_long_is_dead),
		cmocka_unit_test(
			an_alert_that_is_open_although_its_condition_is_over_says_since_when),
		cmocka_unit_test(a_history_that_no_monitor_writes_is_stale_only_when_asked),
		cmocka_unit_test(whatever_goes_wrong_is_unknown_and_said_on_standard_output),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
