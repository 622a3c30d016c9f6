/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
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
};

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
	ret = reload(&r->options, &r->in_effect);
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
	assert_false(reload(&r.options, &r.in_effect));
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
	assert_said(&r, "1 setting and 0 tunnels changed; only a restart changes table.tunnels, metrics.every_s\n");
	end(&r);
}

static const char two_tunnels[] = "[tunnel a]\npeers = 192.0.2.1, 198.51.100.1\n"
				  "[tunnel b]\npeers = 192.0.2.1, 198.51.100.2\n";

static void the_terms_of_a_tunnel_take_effect_where_it_is(void **state)
{
	struct run r;
	const struct expected_tunnel *b;
	struct settings of_b;

	(void)state;
	begin(&r, two_tunnels);
	b = &r.options.expected.tunnel[1];
	assert_true(reloaded(&r, "[tunnel b]\npeers = 198.51.100.2, 192.0.2.1\nprofile = on-demand\nchurn.warn = 8\n"
				 "[tunnel a]\npeers = 192.0.2.1, 198.51.100.1\n"));
	assert_said(&r, "0 settings and 1 tunnel changed\n");
	assert_ptr_equal(b, &r.options.expected.tunnel[1]);
	assert_string_equal(b->name, "b");
	assert_int_equal(b->profile, PROFILE_ON_DEMAND);
	expected_settings(b, &r.in_effect, &of_b);
	assert_int_equal(of_b.churn_warn, 8);
	assert_true(reloaded(&r, two_tunnels));
	assert_int_equal(b->profile, PROFILE_SITE_TO_SITE);
	assert_int_equal(b->n_overrides, 0);
	end(&r);
}

static void tunnels_that_come_or_go_or_move_take_a_restart_and_that_is_said(void **state)
{
	struct run r;

	(void)state;
	begin(&r, two_tunnels);
	assert_true(reloaded(&r, "[tunnel a]\npeers = 192.0.2.1, 198.51.100.9\n"
				 "[tunnel c]\npeers = 192.0.2.1, 198.51.100.3\n"));
	assert_said(&r, "0 tunnels changed; only a restart changes tunnel a, tunnel b, tunnel c\n");
	assert_int_equal(r.options.expected.n, 2);
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
		cmocka_unit_test(the_terms_of_a_tunnel_take_effect_where_it_is),
		cmocka_unit_test(tunnels_that_come_or_go_or_move_take_a_restart_and_that_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
