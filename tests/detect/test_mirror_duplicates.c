/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "mirror_duplicates");
}

static void looked_at(bool doubles, int64_t copies, int64_t packets)
{
	struct event ev = stage_event(EVENT_MIRROR);

	stage->tunnel[0].mirror_seen = doubles;
	ev.value[0] = copies;
	ev.value[1] = packets;
	stage_send(ev);
}

static void it_is_information_and_says_how_many_of_how_many(void **state)
{
	(void)state;
	looked_at(true, 28, 29);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_int_equal((int)collected_number(alert(), "copies"), 28);
	assert_non_null(strstr(alert()->summary, "192.0.2.1 and 203.0.113.1 twice (28 of 29 when "
						 "that was last looked at)"));
}

static void a_copy_now_and_then_is_no_mirror_that_delivers_twice(void **state)
{
	(void)state;
	looked_at(false, 1, 1000);
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(it_is_information_and_says_how_many_of_how_many),
		ON_STAGE(a_copy_now_and_then_is_no_mirror_that_delivers_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
