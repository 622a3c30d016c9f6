/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/settings_file.h"
#include "cli/text_settings.h"

/* What a file with this text sets; false with the reason. */
static bool words_of(const char *text, struct text_settings *t, struct err *e)
{
	char path[] = "/tmp/sawatch-words-XXXXXX";
	int fd = mkstemp(path);
	bool ok;

	*t = (struct text_settings){ 0 };
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	ok = settings_file_words(t, path, e);
	unlink(path);
	return ok;
}

static void words_stand_among_the_numbers_dotted_or_in_a_section(void **state)
{
	struct text_settings t;
	struct err e;

	(void)state;
	if (!words_of("churn.warn = 4\noutput.syslog = unix\n[output]\non_alert = mail -s "
		      "\"IPsec\" noc\n[tunnel a]\n"
		      "peers = 192.0.2.1, 192.0.2.2\n", &t, &e))
		fail_msg("%s", e.text);
	assert_string_equal(t.syslog, "unix");
	assert_string_equal(t.on_alert, "mail -s \"IPsec\" noc");
	assert_null(t.metrics_file);
	text_settings_done(&t);
}

static void what_is_wrong_is_named_with_file_and_line(void **state)
{
	struct text_settings t;
	struct err e;

	(void)state;
	assert_false(words_of("churn.warn = 4\n[output]\nsyslog = tcp://nowhere\n", &t, &e));
	assert_non_null(strstr(e.text, ":3: tcp://nowhere: write HOST:PORT"));
	assert_false(words_of("[output]\nsylog = unix\n", &t, &e));
	assert_non_null(strstr(e.text, ":2: unknown setting \"output.sylog\"; "
				       "of output there are syslog"));
	assert_null(t.syslog);
}

static void an_assignment_of_a_word_is_checked_where_numbers_are_and_taken_where_words_are(
	void **state)
{
	struct text_settings t = { 0 };
	struct settings s;
	struct err e;

	(void)state;
	settings_defaults(&s);
	assert_true(settings_assign(&s, "output.on_alert=a=b", &e));
	assert_false(settings_assign(&s, "output.syslog=x", &e));
	assert_true(settings_assign_words(&t, "output.on_alert=a=b", &e));
	assert_string_equal(t.on_alert, "a=b");
	assert_true(settings_assign_words(&t, "churn.warn=4", &e));
	assert_true(settings_assign_words(&t, "output.on_alert=", &e));
	assert_null(t.on_alert);
	text_settings_done(&t);
}

static void what_is_taken_over_wins_and_the_rest_stays(void **state)
{
	struct text_settings a = { 0 }, b = { 0 };

	(void)state;
	assert_true(text_settings_set(&a, "output.syslog", "unix", NULL));
	assert_true(text_settings_set(&a, "output.metrics_file", "/x", NULL));
	assert_true(text_settings_set(&b, "output.syslog", "unix:/y", NULL));
	text_settings_take(&a, &b);
	assert_string_equal(a.syslog, "unix:/y");
	assert_string_equal(a.metrics_file, "/x");
	text_settings_done(&a);
	text_settings_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_stand_among_the_numbers_dotted_or_in_a_section),
		cmocka_unit_test(what_is_wrong_is_named_with_file_and_line),
		cmocka_unit_test(
		an_assignment_of_a_word_is_checked_where_numbers_are_and_taken_where_words_are),
		cmocka_unit_test(what_is_taken_over_wins_and_the_rest_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
