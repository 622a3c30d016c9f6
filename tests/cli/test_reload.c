/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/reload.h"

struct run {
	char config[32];
	struct read_options options;
	struct settings in_effect;
	char said[2048];	/* on standard error, by the latest reload */
	size_t before, room;	/* tunnels that were told to have gone, and may be there */
	int told;
};

static void settings_changed(void *user)
{
	(void)user;
}

static bool tunnels_changed(void *user, size_t n_before)
{
	struct run *r = user;

	r->before = n_before;
	r->told++;
	return r->options.expected.n <= r->room;
}

static void write_config(struct run *r, const char *text)
{
	FILE *out = fopen(r->config, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

/* A watch that was begun with this file. */
static void begin(struct run *r, const char *text)
{
	char name[] = "sawatch", option[] = "-i", lo[] = "lo", file[] = "--config", set[] = "--set";
	static char idle[] = "idle_s=77";	/* the options borrow what they keep */
	char *words[] = { name, option, lo, file, r->config, set, idle, NULL };

	strcpy(r->config, "/tmp/reload-XXXXXX");
	close(mkstemp(r->config));
	write_config(r, text);
	assert_true(read_options_parse(&r->options, 7, words));
	r->in_effect = r->options.settings;
	r->room = 100;
	r->told = 0;
}

static bool reloaded(struct run *r, const char *text)
{
	FILE *caught = tmpfile();
	int err = dup(STDERR_FILENO);
	size_t n;
	bool ret;

	write_config(r, text);
	fflush(stderr);
	dup2(fileno(caught), STDERR_FILENO);
	ret = reload(&r->options, &r->in_effect,
		     &(struct reload_taker){ r, settings_changed, tunnels_changed });
	fflush(stderr);
	dup2(err, STDERR_FILENO);
	close(err);
	rewind(caught);
	n = fread(r->said, 1, sizeof(r->said) - 1, caught);
	r->said[n] = '\0';
	fclose(caught);
	return ret;
}

static void end(struct run *r)
{
	read_options_free(&r->options);
	unlink(r->config);
}

static void assert_said(const struct run *r, const char *what)
{
	if (!strstr(r->said, what))
		print_error("said: %s\n", r->said);
	assert_non_null(strstr(r->said, what));
}

static void a_changed_threshold_takes_effect_and_the_command_line_still_wins(void **state)
{
	struct run r;

	(void)state;
	begin(&r, "churn.warn = 4\nidle_s = 50\n");
	assert_true(reloaded(&r, "churn.warn = 9\nidle_s = 60\n"));
	assert_int_equal(r.in_effect.churn_warn, 9);
	assert_int_equal(r.in_effect.idle, 77 * NSEC_PER_S);
	assert_said(&r, "1 setting and 0 tunnels changed\n");
	end(&r);
}

static void a_setting_that_is_no_longer_in_the_file_has_its_default_again(void **state)
{
	struct run r;
	struct settings defaults;

	(void)state;
	begin(&r, "churn.warn = 4\n");
	settings_defaults(&defaults);
	assert_true(reloaded(&r, ""));
	assert_int_equal(r.in_effect.churn_warn, defaults.churn_warn);
	end(&r);
}

static void a_mistake_changes_nothing_and_is_said_with_its_line(void **state)
{
	struct run r;

	(void)state;
	begin(&r, "churn.warn = 4\n");
	assert_false(reloaded(&r, "churn.warn = 9\nchurn.crit = many\n"));
	assert_int_equal(r.in_effect.churn_warn, 4);
	assert_said(&r, ":2: ");
	assert_said(&r, "the settings stay as they were");
	end(&r);
}

static void a_file_that_has_gone_changes_nothing(void **state)
{
	struct run r;

	(void)state;
	begin(&r, "churn.warn = 4\n");
	unlink(r.config);
	assert_false(reload(&r.options, &r.in_effect,
			    &(struct reload_taker){ &r, settings_changed, tunnels_changed }));
	assert_int_equal(r.in_effect.churn_warn, 4);
	end(&r);
}

static void sizes_stay_and_that_is_said(void **state)
{
	struct run r;

	(void)state;
	begin(&r, "table.tunnels = 100\nchurn.warn = 4\n");
	assert_true(reloaded(&r, "table.tunnels = 200\nmetrics.every_s = 9\nchurn.warn = 5\n"));
	assert_int_equal(r.in_effect.tables_tunnels, 100);
	assert_int_equal(r.in_effect.churn_warn, 5);
	assert_said(&r, "1 setting and 0 tunnels changed; only a restart changes table.tunnels, "
			"metrics.every_s\n");
	end(&r);
}

static const char two_tunnels[] = "[tunnel a]\npeers = 192.0.2.1, 198.51.100.1\n"
				  "[tunnel b]\npeers = 192.0.2.1, 198.51.100.2\n";

static void the_terms_of_a_tunnel_take_effect(void **state)
{
	struct run r;
	struct expected_tunnel *b;
	struct settings of_b;

	(void)state;
	begin(&r, two_tunnels);
	assert_true(reloaded(&r, "[tunnel b]\npeers = 198.51.100.2, 192.0.2.1\nprofile = "
				 "on-demand\nchurn.warn = 8\n"
				 "[tunnel a]\npeers = 192.0.2.1, 198.51.100.1\n"));
	assert_said(&r, "0 settings and 1 tunnel changed\n");
	assert_int_equal(r.before, 2);
	b = expected_named(&r.options.expected, "b");
	assert_int_equal(b->profile, PROFILE_ON_DEMAND);
	expected_settings(b, &r.in_effect, &of_b);
	assert_int_equal(of_b.churn_warn, 8);
	assert_true(reloaded(&r, two_tunnels));
	b = expected_named(&r.options.expected, "b");
	assert_int_equal(b->profile, PROFILE_SITE_TO_SITE);
	assert_int_equal(b->n_overrides, 0);
	assert_int_equal(r.told, 2);
	end(&r);
}

static void tunnels_that_did_not_change_are_no_news(void **state)
{
	struct run r;

	(void)state;
	begin(&r, two_tunnels);
	assert_true(reloaded(&r, two_tunnels));
	assert_said(&r, "0 settings and 0 tunnels changed\n");
	assert_int_equal(r.told, 0);
	end(&r);
}

static void tunnels_come_and_go_and_are_renamed_and_that_is_said(void **state)
{
	struct run r;

	(void)state;
	begin(&r, "[tunnel a]\npeers = 192.0.2.1, 198.51.100.1\n[tunnel b]\npeers = 192.0.2.1, "
		  "198.51.100.2\n"
		  "[tunnel d]\npeers = 192.0.2.1, 198.51.100.4\n");
	assert_true(reloaded(&r, "[tunnel a]\npeers = 192.0.2.1, 198.51.100.9\n[tunnel c]\npeers = "
				 "192.0.2.1, 198.51.100.3\n"
				 "[tunnel other-d]\npeers = 192.0.2.1, 198.51.100.4\n"));
	assert_said(&r, "0 settings and 1 tunnel changed; new: c; gone: b; with other peers: a\n");
	assert_int_equal(r.options.expected.n, 3);
	assert_non_null(expected_named(&r.options.expected, "c"));
	assert_non_null(expected_named(&r.options.expected, "other-d"));
	assert_null(expected_named(&r.options.expected, "b"));
	assert_true(reloaded(&r, ""));
	assert_said(&r, "; gone: a, c, other-d\n");
	assert_int_equal(r.options.expected.n, 0);
	end(&r);
}

static void more_tunnels_than_have_room_stay_away_and_the_settings_are_taken(void **state)
{
	struct run r;

	(void)state;
	begin(&r, two_tunnels);
	r.room = 2;
	assert_true(reloaded(&r, "churn.warn = 9\n[tunnel a]\npeers = 192.0.2.1, 198.51.100.1\n"
				 "[tunnel b]\npeers = 192.0.2.1, 198.51.100.2\n[tunnel c]\npeers = "
				 "192.0.2.1, 198.51.100.3\n"));
	assert_said(&r, "1 setting and 0 tunnels changed; only a restart changes the tunnels");
	assert_int_equal(r.in_effect.churn_warn, 9);
	assert_int_equal(r.options.expected.n, 2);
	end(&r);
}

static void outputs_that_changed_are_named_and_options_still_win(void **state)
{
	struct run r;

	(void)state;
	begin(&r, "output.syslog = udp://192.0.2.9:514\noutput.metrics_file = /tmp/x.prom\n");
	assert_true(reloaded(&r, "output.syslog = udp://192.0.2.10:514\noutput.on_alert = true\n"
				 "output.metrics_file = /tmp/x.prom\n"));
	assert_said(&r, "0 settings and 0 tunnels changed; only a restart changes output.syslog, "
			"output.on_alert\n");
	assert_string_equal(r.options.texts.syslog, "udp://192.0.2.9:514");
	assert_false(reloaded(&r, "output.syslog = carrier pigeon\n"));
	assert_said(&r, ":1: ");
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_changed_threshold_takes_effect_and_the_command_line_still_wins),
		cmocka_unit_test(a_setting_that_is_no_longer_in_the_file_has_its_default_again),
		cmocka_unit_test(a_mistake_changes_nothing_and_is_said_with_its_line),
		cmocka_unit_test(a_file_that_has_gone_changes_nothing),
		cmocka_unit_test(sizes_stay_and_that_is_said),
		cmocka_unit_test(the_terms_of_a_tunnel_take_effect),
		cmocka_unit_test(tunnels_that_did_not_change_are_no_news),
		cmocka_unit_test(tunnels_come_and_go_and_are_renamed_and_that_is_said),
		cmocka_unit_test(more_tunnels_than_have_room_stay_away_and_the_settings_are_taken),
		cmocka_unit_test(outputs_that_changed_are_named_and_options_still_win),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
