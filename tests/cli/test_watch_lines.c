/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/watch_lines.h"
#include "report/samples.h"

static const char *told(struct printed *p, const struct record_tunnel *tunnels, size_t n,
			bool quiet)
{
	printed_open(p);

	struct watch_lines *w =
		watch_lines_open(p->out, &(struct watch_lines_options){ .quiet = quiet });
	struct record_sink sink = watch_lines_sink(w);

	for (size_t i = 0; i < n; i++)
		sink.tunnel(sink.user, &tunnels[i]);
	watch_lines_close(w);
	return printed_text(p);
}

static void a_tunnel_that_turns_out_to_be_down_is_told_with_since_when(void **state)
{
	struct record_tunnel t = sample_tunnel(1);
	struct printed p;

	(void)state;
	t.state = TUNNEL_DOWN;
	t.since = AT(9);
	t.last = AT(44);
	assert_string_equal(told(&p, &t, 1, true),
			    "2026-11-22T04:31:35.000Z  192.0.2.1<->198.51.100.2  tunnel state: "
			    "down since 2026-11-22T04:31:00Z\n");
	printed_close(&p);
	t.since = t.last;
	assert_string_equal(told(&p, &t, 1, true), "2026-11-22T04:31:35.000Z  "
						   "192.0.2.1<->198.51.100.2  tunnel "
						   "state: down\n");
	printed_close(&p);
}

static void the_same_state_is_told_once_and_quiet_tells_of_no_other(void **state)
{
	const struct record_tunnel up[2] = { sample_tunnel(1), sample_tunnel(1) };
	struct printed p;

	(void)state;
	assert_string_equal(told(&p, up, 2, false), "2026-11-22T04:31:51.000Z  "
						    "192.0.2.1<->198.51.100.2  tunnel state: up\n");
	printed_close(&p);
	assert_string_equal(told(&p, up, 2, true), "");
	printed_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tunnel_that_turns_out_to_be_down_is_told_with_since_when),
		cmocka_unit_test(the_same_state_is_told_once_and_quiet_tells_of_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
