/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "wire/frames.h"
#include "wire/ike_shape.h"

static bool shaped(uint8_t version, uint8_t exchange)
{
	struct built b = built_from("payloads", 8);

	wrap_ike(&b, version, exchange);
	return ike_shaped(reader_over(built_data(&b), b.length, b.length));
}

static void each_version_has_its_own_exchanges(void **s)
{
	(void)s;
	for (int exchange = 0; exchange < 256; exchange++) {
		bool v1 = (exchange >= 1 && exchange <= 6) || exchange == 32 || exchange == 33;
		bool v2 = exchange >= 34 && exchange <= 44 && exchange != 42;

		assert_int_equal(shaped(0x10, (uint8_t)exchange), v1);
		assert_int_equal(shaped(0x20, (uint8_t)exchange), v2);
	}
}

static void no_other_version_is_ike(void **s)
{
	(void)s;
	for (int version = 0; version < 256; version++)
		assert_int_equal(shaped((uint8_t)version, 37), version == 0x20);
}

static void a_message_must_fill_what_was_sent_exactly(void **s)
{
	struct built b = built_from("payloads", 8);

	(void)s;
	wrap_ike(&b, 0x20, 37);
	for (size_t sent = 0; sent < 60; sent++) {
		size_t captured = sent < b.length ? sent : b.length;

		assert_int_equal(ike_shaped(reader_over(built_data(&b), captured, sent)),
				 sent == 36);
	}
	assert_true(ike_shaped(reader_over(built_data(&b), 28, 36)));
	assert_false(ike_shaped(reader_over(built_data(&b), 27, 36)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_version_has_its_own_exchanges),
		cmocka_unit_test(no_other_version_is_ike),
		cmocka_unit_test(a_message_must_fill_what_was_sent_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
