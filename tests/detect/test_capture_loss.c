/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "capture_loss");
}

static void lost(int64_t dropped)
{
	struct event ev = stage_event(EVENT_CAPTURE_LOSS);

	ev.tunnel = NO_INDEX;
	ev.value[2] = dropped;
	stage_send(ev);
}

static void it_is_information_about_the_capture_and_says_how_much(void **state)
{
	(void)state;
	lost(1);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_int_equal(alert()->record.tunnel, 0);
	assert_non_null(strstr(alert()->summary, "lost packets at 1 moment (1 packet counted "
						 "as dropped);"));
}

static void many_are_said_to_be_many(void **state)
{
	(void)state;
	lost(41);
	assert_non_null(strstr(alert()->summary, "(41 packets counted as dropped);"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(it_is_information_about_the_capture_and_says_how_much),
		ON_STAGE(many_are_said_to_be_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
