/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "one_sided_capture");
}

/* The tracker has proof that `n` messages of `side` exist and were not captured. */
static void unseen(int side, uint64_t n)
{
	struct event ev = stage_event(EVENT_ONE_SIDED);

	stage->tunnel[0].one_sided[side] = true;
	stage->of_tunnel[0].ike[side].proven_unseen = n;
	ev.side = (int8_t)side;
	stage_send(ev);
}

static void it_names_the_side_that_is_not_captured_and_says_what_that_means(void **state)
{
	(void)state;
	unseen(1, 7);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_HIGH);
	assert_string_equal(collected_text(alert(), "unseen_sender"), "203.0.113.1");
	assert_int_equal((int)collected_number(alert(), "messages_proven_unseen"), 7);
	assert_non_null(strstr(alert()->summary, "What 203.0.113.1 sends to 192.0.2.1 is not "
						 "captured: at least 7 of its messages"));
	assert_int_equal(alert()->record.n_actions, 2);
	assert_non_null(strstr(alert()->actions[1].text, "mergecap"));
}

static void it_is_over_when_the_side_was_heard_again(void **state)
{
	(void)state;
	unseen(0, 4);
	assert_false(alert()->record.cleared);
	stage->tunnel[0].one_sided[0] = false;
	stage_pass(2 * stage->settings.capture_window + 60 * S);
	assert_true(alert()->record.cleared);
}

static void a_capture_that_hears_neither_side_well_has_one_alert_for_each(void **state)
{
	unsigned n = 0;

	(void)state;
	unseen(0, 4);
	unseen(1, 5);
	for (size_t i = 0; i < stage->alerts.n; i++)
		n += strcmp(stage->alerts.alert[i].code, "one_sided_capture") == 0;
	assert_int_equal(n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(it_names_the_side_that_is_not_captured_and_says_what_that_means),
		ON_STAGE(it_is_over_when_the_side_was_heard_again),
		ON_STAGE(a_capture_that_hears_neither_side_well_has_one_alert_for_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
