/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program as the shell sees it: what it prints, where, and with which status it ends. */
#include "cli/run.h"

#include <sawatch/store.h>

#define CHURN PCAPS "spi-churn.pcap"
#define IPV6 PCAPS "healthy-ipv6.pcap"

/* What every error looks like: one line that begins with the program's name and names the thing. */
static void assert_one_error_about(const struct result *r, const char *thing)
{
	assert_ptr_equal(strstr(r->err, "sawatch: "), r->err);
	assert_non_null(strstr(r->err, thing));
	assert_int_equal(strcspn(r->err, "\n") + 1, strlen(r->err));
}

static void write_file(const char *path, const char *data, size_t length)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, length, f), length);
	fclose(f);
}

/* The first `length` bytes of a capture. */
static void cut_copy(const char *from, const char *to, size_t length)
{
	FILE *f = fopen(from, "r");
	char *bytes = malloc(length);

	assert_non_null(f);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, length, f), length);
	fclose(f);
	write_file(to, bytes, length);
	free(bytes);
}

static const char *last_line(const char *text)
{
	size_t end = strlen(text);

	assert_true(end > 0);
	for (end--; end > 0 && text[end - 1] != '\n';)
		end--;
	return text + end;
}

/* ---- usage ---- */

static void without_arguments_it_teaches_and_fails(void **state)
{
	struct result r = run_with("/dev/null", NULL);

	(void)state;
	assert_int_equal(r.status, EXIT_TROUBLE);
	assert_non_null(strstr(r.err, "sawatch -r customer.pcap"));
	assert_string_equal(r.out, "");
}

static void help_and_version_go_to_standard_output(void **state)
{
	struct result r = RUN("--help");

	(void)state;
	assert_int_equal(r.status, EXIT_DONE);
	assert_non_null(strstr(r.out, "Examples"));
	assert_non_null(strstr(r.out, "Exit status"));
	r = RUN("--version");
	assert_int_equal(r.status, EXIT_DONE);
	assert_string_equal(r.out, "sawatch " SAWATCH_VERSION "\n");
	r = RUN("check", "-V");		/* of a plugin, too */
	assert_int_equal(r.status, EXIT_DONE);
	assert_string_equal(r.out, "sawatch " SAWATCH_VERSION "\n");
}

static void every_command_has_help_of_its_own(void **state)
{
	(void)state;
	for (const struct command *c = cli_commands; c->name; c++) {
		struct result r = RUN(c->name, "--help");
		struct result same = RUN("help", c->name);

		assert_int_equal(r.status, EXIT_DONE);
		assert_non_null(strstr(r.out, c->summary));
		if (strcmp(c->name, "help") != 0)
			assert_string_equal(r.out, same.out);
	}
}

static void a_misspelt_command_gets_the_nearest_one(void **state)
{
	struct result r = RUN("alrts", "--db", "h.db");

	(void)state;
	assert_int_equal(r.status, EXIT_TROUBLE);
	assert_one_error_about(&r, "did you mean alerts?");
}

static void a_capture_without_r_is_told_how_to_be_read(void **state)
{
	struct result r = RUN(CHURN);

	(void)state;
	assert_int_equal(r.status, EXIT_TROUBLE);
	assert_one_error_about(&r, "sawatch -r ");
}

static void an_interface_that_is_not_there_is_answered_with_those_that_are(void **state)
{
	struct result r = RUN("-ni", "nosuch0");

	(void)state;
	assert_int_equal(r.status, EXIT_TROUBLE);
	assert_one_error_about(&r, "nosuch0: no such interface; there are ");
}

static void a_bad_filter_is_status_1_before_anything_is_read(void **state)
{
	struct result r = RUN("-r", CHURN, "hosst", "192.0.2.1");

	(void)state;
	assert_int_equal(r.status, EXIT_TROUBLE);
	assert_one_error_about(&r, "hosst 192.0.2.1");
	assert_string_equal(r.out, "");
}

static void the_filter_for_interfaces_can_be_seen(void **state)
{
	struct result r = RUN("--print-filter", "host", "192.0.2.1");

	(void)state;
	assert_int_equal(r.status, EXIT_DONE);
	assert_non_null(strstr(r.out, "udp port 4500"));
	assert_non_null(strstr(r.out, ") and (host 192.0.2.1)\n"));
}

/* ---- reading ---- */

static void an_ill_tunnel_is_diagnosed_and_the_verdict_is_the_last_line(void **state)
{
	struct result r = RUN("-r", CHURN);

	(void)state;
	assert_int_equal(r.status, EXIT_DONE);
	assert_string_equal(r.err, "");
	assert_non_null(strstr(r.out, "critical spi_churn"));
	assert_string_equal(last_line(r.out), "verdict: 1 tunnel: 1 critical\n");
	assert_null(strchr(r.out, '\033'));
}

static void fail_on_is_status_10_from_that_severity_up(void **state)
{
	struct result r = RUN("-r", CHURN, "--fail-on", "warning");

	(void)state;
	assert_int_equal(r.status, EXIT_ALERTED);
	r = RUN("-r", CHURN, "--fail-on", "critical");
	assert_int_equal(r.status, EXIT_ALERTED);
	r = RUN("-r", IPV6, "--fail-on", "warning");
	assert_int_equal(r.status, EXIT_DONE);
}

static void two_runs_give_the_same_bytes(void **state)
{
	struct result a = RUN("-r", CHURN, "--json"), b = RUN("-r", CHURN, "--json");

	(void)state;
	assert_int_equal(a.status, EXIT_DONE);
	assert_non_null(strstr(a.out, "\"type\":\"alert\""));
	assert_string_equal(a.out, b.out);
}

static void standard_input_is_read_like_the_file(void **state)
{
	struct result file = RUN("-r", CHURN, "--json"),
		      stream = run_with(CHURN, "-r", "-", "--json", NULL);

	(void)state;
	assert_int_equal(stream.status, EXIT_DONE);
	/* but for the first line, the capture's, which has the name */
	assert_string_equal(strchr(stream.out, '\n'), strchr(file.out, '\n'));
}

static void a_number_of_packets_stops_it(void **state)
{
	struct result r = RUN("-r", CHURN, "-c", "7");

	(void)state;
	assert_int_equal(r.status, EXIT_DONE);
	assert_non_null(strstr(r.out, "\n  7 packets"));
	assert_non_null(strstr(r.out, "read in part"));
}

static void saved_packets_give_the_same_diagnosis(void **state)
{
	struct result whole = RUN("-r", CHURN, "--json", "-w", "saved.pcap"),
		      again = RUN("-r", "saved.pcap", "-q");

	(void)state;
	assert_int_equal(whole.status, EXIT_DONE);
	assert_int_equal(again.status, EXIT_DONE);
	assert_non_null(strstr(again.out, "critical spi_churn"));
}

static void a_capture_is_never_written_over_while_it_is_read(void **state)
{
	struct stat before, after;

	(void)state;
	cut_copy(IPV6, "mine.pcap", 4000);
	assert_int_equal(stat("mine.pcap", &before), 0);

	struct result r = RUN("-r", "mine.pcap", "-w", "./mine.pcap");

	assert_int_equal(r.status, EXIT_TROUBLE);
	assert_one_error_about(&r, "./mine.pcap");
	assert_int_equal(stat("mine.pcap", &after), 0);
	assert_int_equal(before.st_size, after.st_size);
}

static void captures_that_overlap_in_time_do_not_disturb_each_other(void **state)
{
	struct result r = RUN("-r", CHURN, PCAPS "healthy-ikev2.pcap");

	(void)state;
	assert_int_equal(r.status, EXIT_DONE);
	assert_null(strstr(r.out, "clock_jump"));
	assert_string_equal(last_line(r.out), "verdict: 2 tunnels: 1 critical, 1 healthy\n");
}

/* ---- bad input ---- */

static void input_that_cannot_be_read_is_status_2_and_one_line(void **state)
{
	static const char *const names[] = { "missing.pcap", "text.pcap", "empty.pcap", "folder" };

	(void)state;
	write_file("text.pcap", "hello, world: no capture\n", 25);
	write_file("empty.pcap", "", 0);
	assert_int_equal(mkdir("folder", 0700), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct result r = RUN("-r", names[i]);

		assert_int_equal(r.status, EXIT_INPUT);
		assert_one_error_about(&r, names[i]);
		assert_string_equal(r.out, "");
	}
}

static void a_file_that_is_missing_does_not_stop_the_others(void **state)
{
	struct result r = RUN("-r", "missing.pcap", "-r", IPV6);

	(void)state;
	assert_int_equal(r.status, EXIT_INPUT);
	assert_one_error_about(&r, "missing.pcap");
	assert_string_equal(last_line(r.out), "verdict: 1 tunnel: 1 healthy\n");
}

static void a_cut_file_is_read_up_to_the_cut_which_is_named(void **state)
{
	(void)state;
	cut_copy(CHURN, "cut.pcap", 150001);

	struct result r = RUN("-r", "cut.pcap");

	assert_int_equal(r.status, EXIT_INPUT);
	assert_one_error_about(&r, "cut.pcap");
	assert_non_null(strstr(r.out, "critical spi_churn"));
	assert_non_null(strstr(r.out, "  note: cut.pcap"));
}

/* ---- history ---- */

static void the_same_capture_twice_changes_nothing(void **state)
{
	struct result first = RUN("-r", CHURN, "--db", "twice.db", "--json");
	struct result again = RUN("-r", CHURN, "--db", "twice.db", "--json");

	(void)state;
	assert_int_equal(first.status, EXIT_DONE);
	assert_int_equal(again.status, EXIT_DONE);
	assert_one_error_about(&again, "already in twice.db");
	assert_string_equal(first.out, again.out);
}

static void a_part_is_replaced_by_the_whole(void **state)
{
	struct result whole = RUN("-r", CHURN, "--json");
	struct result part = RUN("-r", CHURN, "--db", "part.db", "-c", "300", "--json");
	struct result later = RUN("-r", CHURN, "--db", "part.db", "--json");

	(void)state;
	assert_int_equal(part.status, EXIT_DONE);
	assert_int_equal(later.status, EXIT_DONE);
	assert_string_equal(later.err, "");
	assert_string_equal(later.out, whole.out);
}

static void keep_name(void *user, const struct record_capture *r)
{
	snprintf(user, 64, "%s", r->name);
}

static void a_file_name_that_is_no_text_is_text_in_the_history(void **state)
{
	char name[64] = "";
	struct store_scope scope = { .since = NSEC_NONE, .until = NSEC_NONE };
	struct record_sink sink = { .user = name, .capture = keep_name };
	struct store *s;
	struct result r;
	struct err e;

	(void)state;
	cut_copy(IPV6, "b\xfcro.pcap", 4000);	/* Latin-1, as mail brings them */
	r = RUN("-r", "b\xfcro.pcap", "--db", "named.db");
	assert_int_equal(r.status, EXIT_INPUT);
	assert_true(store_open(&s, "named.db", STORE_READ, NULL, &e));
	assert_true(store_walk(s, &scope, &sink, &e));
	assert_true(store_close(s, &e));
	assert_string_equal(name, "b\\xfcro.pcap");
}

static void every_question_is_answered_in_every_form(void **state)
{
	static const char *const commands[] = {
		"tunnels", "sas", "exchanges", "alerts", "events", "lifetimes",
	};
	struct result r = RUN("-r", CHURN, "--db", "asked.db");

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		static const char *const forms[] = { NULL, "--json", "--csv" };

		for (size_t f = 0; f < 3; f++) {
			r = RUN(commands[i], "--db", "asked.db", "--tunnel", "198.51.100.46",
				forms[f]);
			assert_int_equal(r.status, EXIT_DONE);
			assert_string_equal(r.err, "");
			assert_non_null(strstr(r.out, "198.51.100.46<->203.0.113.56"));
		}
	}
	r = RUN("sas", "--db", "asked.db", "--kind", "esp", "--csv");
	assert_ptr_equal(strstr(r.out, "tunnel,spi,protocol"), r.out);
	r = RUN("sas", "--db", "asked.db", "--csv");	/* SAs of every kind below one header */
	assert_ptr_equal(strstr(r.out, "kind,tunnel,sa,"), r.out);
	assert_non_null(strstr(r.out, "\r\nike,"));
	assert_non_null(strstr(r.out, "\r\nchild,"));
	assert_non_null(strstr(r.out, "\r\nesp,"));
	/* the names of v_lifetimes, units included */
	r = RUN("lifetimes", "--db", "asked.db", "--csv");
	assert_ptr_equal(strstr(r.out, "tunnel,kind,side,n,min_s,median_s,max_s,who_rekeys,"
				       "expected_s,expected_grade,ended_by\r\n"), r.out);
	r = RUN("lifetimes", "--db", "asked.db", "--json");
	assert_ptr_equal(strstr(r.out, "{\"_v\":1,\"type\":\"lifetime\",\"at\":null,\"tunnel\":"),
			 r.out);
	r = RUN("exchanges", "--db", "asked.db", "--csv");
	assert_non_null(strstr(r.out, ",responses,rtt_ms,request_bytes,"));
	r = RUN("alerts", "--db", "asked.db", "--severity", "critical", "--code", "spi_churn",
		"--since", "2026-11-22");
	assert_non_null(strstr(r.out, "spi_churn"));
	r = RUN("alerts", "--db", "asked.db", "-nlqv");	/* hands used to tcpdump */
	assert_int_equal(r.status, EXIT_DONE);
	assert_non_null(strstr(r.out, "spi_churn"));
	r = RUN("alerts", "--db", "asked.db", "--until", "2026-11-21");
	assert_null(strstr(r.out, "spi_churn"));
}

static void questions_that_cannot_be_meant_are_refused(void **state)
{
	static const struct {
		const char *about, *words[5];
	} wrong[] = {
		{ "tunnels", { "tunnels" } },
		{ "no.db", { "tunnels", "--db", "no.db" } },
		{ "did you mean spi_churn?", { "alerts", "--db", "asked2.db", "--code=spi_churm" }
		  },
		{ "loud", { "alerts", "--db", "asked2.db", "--severity=loud" } },
		{ "soon", { "events", "--db", "asked2.db", "--since=soon" } },
		{ "192.0.2.77", { "events", "--db", "asked2.db", "--tunnel=192.0.2.77" } },
		{ "events", { "events", "--db", "asked2.db", "--code=spi_churn" } },
		{ "--kind ah", { "sas", "--db", "asked2.db", "--kind=ah" } },
		{ "extra", { "tunnels", "--db", "asked2.db", "extra" } },
		{ "--tunnel", { "tunnels", "--db", "asked2.db", "--tunel=x" } },
		{ "named with --db", { "tunnels", "asked2.db" } },
		{ "sawatch tunnels, then", { "--db", "asked2.db", "tunnels" } },
		{ "sawatch alerts, then", { "--json", "alerts" } },
		{ "did you mean spi_churn?", { "explain", "spi_churm" } },
		{ "--defaults", { "config" } },
		{ "no.conf", { "config", "--check", "no.conf" } },
		{ "nothing", { "help", "nothing" } },
	};
	struct result r = RUN("-r", IPV6, "--db", "asked2.db");

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *const *w = wrong[i].words;

		r = RUN(w[0], w[1], w[2], w[3], w[4]);
		if (r.status != EXIT_TROUBLE)
			fail_msg("%s %s: status %d", w[0], w[1] ? w[1] : "", r.status);
		assert_one_error_about(&r, wrong[i].about);
	}
}

static void a_file_that_is_no_history_is_named_and_left_alone(void **state)
{
	(void)state;
	write_file("letter.db", "Dear database,\nthis is a letter and not one of you.\n", 52);

	struct result r = RUN("-r", IPV6, "--db", "letter.db");

	assert_int_equal(r.status, EXIT_TROUBLE);
	assert_one_error_about(&r, "letter.db");

	char *after = contents(open("letter.db", O_RDONLY));

	assert_string_equal(after, "Dear database,\nthis is a letter and not one of you.\n");
}

/* ---- pages and settings ---- */

static void every_condition_has_a_page(void **state)
{
	struct result list = RUN("explain"), page = RUN("explain", "spi_churn");

	(void)state;
	assert_non_null(strstr(list.out, "spi_churn "));
	assert_non_null(strstr(list.out, "lifetime_mismatch "));
	assert_non_null(strstr(page.out, "# spi_churn"));
	for (char *line = strtok(list.out, "\n"); line; line = strtok(NULL, "\n")) {
		line[strcspn(line, " ")] = '\0';

		struct result one = RUN("explain", line);

		assert_int_equal(one.status, EXIT_DONE);
		assert_true(strlen(one.out) > 200);
	}
}

static void the_defaults_are_a_file_that_checks_good(void **state)
{
	struct result r = RUN("config", "--defaults");

	(void)state;
	assert_int_equal(r.status, EXIT_DONE);
	write_file("defaults.conf", r.out, strlen(r.out));
	r = RUN("config", "--check", "defaults.conf");
	assert_int_equal(r.status, EXIT_DONE);
}

static void settings_change_what_is_found(void **state)
{
	struct result r =
		RUN("-r", CHURN, "--set", "churn.warn=1000", "--set", "churn.crit=1000", "-q");

	(void)state;
	assert_int_equal(r.status, EXIT_DONE);
	assert_null(strstr(r.out, "spi_churn"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(without_arguments_it_teaches_and_fails, forget),
		cmocka_unit_test_teardown(help_and_version_go_to_standard_output, forget),
		cmocka_unit_test_teardown(every_command_has_help_of_its_own, forget),
		cmocka_unit_test_teardown(a_misspelt_command_gets_the_nearest_one, forget),
		cmocka_unit_test_teardown(a_capture_without_r_is_told_how_to_be_read, forget),
		cmocka_unit_test_teardown(
			an_interface_that_is_not_there_is_answered_with_those_that_are, forget),
		cmocka_unit_test_teardown(a_bad_filter_is_status_1_before_anything_is_read, forget),
		cmocka_unit_test_teardown(the_filter_for_interfaces_can_be_seen, forget),
		cmocka_unit_test_teardown(
			an_ill_tunnel_is_diagnosed_and_the_verdict_is_the_last_line, forget),
		cmocka_unit_test_teardown(fail_on_is_status_10_from_that_severity_up, forget),
		cmocka_unit_test_teardown(two_runs_give_the_same_bytes, forget),
		cmocka_unit_test_teardown(standard_input_is_read_like_the_file, forget),
		cmocka_unit_test_teardown(a_number_of_packets_stops_it, forget),
		cmocka_unit_test_teardown(saved_packets_give_the_same_diagnosis, forget),
		cmocka_unit_test_teardown(a_capture_is_never_written_over_while_it_is_read, forget),
		cmocka_unit_test_teardown(
			captures_that_overlap_in_time_do_not_disturb_each_other, forget),
		cmocka_unit_test_teardown(
			input_that_cannot_be_read_is_status_2_and_one_line, forget),
		cmocka_unit_test_teardown(a_file_that_is_missing_does_not_stop_the_others, forget),
		cmocka_unit_test_teardown(a_cut_file_is_read_up_to_the_cut_which_is_named, forget),
		cmocka_unit_test_teardown(the_same_capture_twice_changes_nothing, forget),
		cmocka_unit_test_teardown(a_part_is_replaced_by_the_whole, forget),
		cmocka_unit_test_teardown(
			a_file_name_that_is_no_text_is_text_in_the_history, forget),
		cmocka_unit_test_teardown(every_question_is_answered_in_every_form, forget),
		cmocka_unit_test_teardown(questions_that_cannot_be_meant_are_refused, forget),
		cmocka_unit_test_teardown(
			a_file_that_is_no_history_is_named_and_left_alone, forget),
		cmocka_unit_test_teardown(every_condition_has_a_page, forget),
		cmocka_unit_test_teardown(the_defaults_are_a_file_that_checks_good, forget),
		cmocka_unit_test_teardown(settings_change_what_is_found, forget),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
