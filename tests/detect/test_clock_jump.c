/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "clock_jump");
}

static void jump(nsec step)
{
	struct event ev = stage_event(EVENT_CLOCK_JUMP);

	ev.tunnel = NO_INDEX;
	ev.value[0] = step;
	stage_send(ev);
}

static void it_says_which_way_and_how_far(void **state)
{
	(void)state;
	jump(-3600 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_non_null(strstr(alert()->summary, "stepped back by 1 h 00 min; ages"));
	assert_true(collected_number(alert(), "step_s") == -3600);
}

static void forward_is_said_to_be_forward(void **state)
{
	(void)state;
	jump(90 * S);
	assert_non_null(strstr(alert()->summary, "stepped forward by 1 min 30 s; ages"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(it_says_which_way_and_how_far),
		ON_STAGE(forward_is_said_to_be_forward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
