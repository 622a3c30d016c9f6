/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/cli.h"

static const char *const words[] = { "spi_churn", "ike_flap", "tunnels", "sas", NULL };

static void a_slip_of_the_fingers_finds_the_word_that_was_meant(void **state)
{
	(void)state;
	assert_string_equal(nearest_word("spi_chrun", words), "spi_churn");
	assert_string_equal(nearest_word("spichurn", words), "spi_churn");
	assert_string_equal(nearest_word("tunnel", words), "tunnels");
	assert_string_equal(nearest_word("sa", words), "sas");
}

static void a_word_far_from_all_finds_none(void **state)
{
	(void)state;
	assert_null(nearest_word("firewall", words));
	assert_null(nearest_word("x", words));
	assert_null(nearest_word("", words));
	assert_null(nearest_word("a_word_longer_than_any_word_that_anybody_would_give_to_a_thing",
				 words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slip_of_the_fingers_finds_the_word_that_was_meant),
		cmocka_unit_test(a_word_far_from_all_finds_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
