/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sawatch/record.h>

/* Every value of an enum finds itself again by its text. */
#define ROUND_TRIP(name, n)                                                          \
	do {                                                                         \
		for (int v = 0; v < (n); v++)                                        \
			assert_int_equal(name##_parse(name##_text((enum name)v)), v); \
		assert_int_equal(name##_parse("no such value"), -1);                 \
		assert_int_equal(name##_parse(""), -1);                              \
	} while (0)

#define ONE(n, t) +1

static void every_text_leads_back_to_its_value(void **s)
{
	(void)s;
	ROUND_TRIP(grade, 0 GRADES(ONE));
	ROUND_TRIP(confidence, 0 CONFIDENCES(ONE));
	ROUND_TRIP(severity, 0 SEVERITIES(ONE));
	ROUND_TRIP(tunnel_state, 0 TUNNEL_STATES(ONE));
	ROUND_TRIP(ike_state, 0 IKE_STATES(ONE));
	ROUND_TRIP(child_state, 0 CHILD_STATES(ONE));
	ROUND_TRIP(origin, 0 ORIGINS(ONE));
	ROUND_TRIP(end_reason, 0 END_REASONS(ONE));
	ROUND_TRIP(encap, 0 ENCAPS(ONE));
	ROUND_TRIP(esp_protocol, 0 PROTOCOLS(ONE));
	ROUND_TRIP(created_how, 0 CREATED_HOWS(ONE));
	ROUND_TRIP(exchange_outcome, 0 OUTCOMES(ONE));
	ROUND_TRIP(exchange_purpose, 0 PURPOSES(ONE));
}

static void the_texts_are_those_of_the_design(void **s)
{
	(void)s;
	assert_string_equal(severity_text(SEVERITY_CRITICAL), "critical");
	assert_string_equal(tunnel_state_text(TUNNEL_FLAPPING), "flapping");
	assert_string_equal(exchange_purpose_text(PURPOSE_DELETE_UNKNOWN), "delete");
	assert_int_equal(created_how_parse("create_child_sa"), CREATED_CREATE_CHILD_SA);
}

static void a_living_sa_has_no_end_reason_and_no_text_is_none_elsewhere(void **s)
{
	(void)s;
	assert_null(end_reason_text(END_NONE));
	assert_int_equal(end_reason_parse(NULL), END_NONE);
	assert_int_equal(severity_parse(NULL), -1);
	assert_int_equal(tunnel_state_parse(NULL), -1);
}

static void a_tunnel_has_one_name_whichever_side_is_given_first(void **s)
{
	struct endpoint v4 = { addr_v4(0xc0000201), 4500 };
	struct endpoint v6 = { { UINT64_C(0x20010db800000000), 1 }, 0 };
	const char *name = "192.0.2.1:4500<->2001:db8::1";
	char text[TUNNEL_TEXT_MAX];

	(void)s;
	assert_string_equal(tunnel_text((struct endpoint[]){ v4, v6 }, text), name);
	assert_string_equal(tunnel_text((struct endpoint[]){ v6, v4 }, text), name);
}

static void the_longest_tunnel_name_fits(void **s)
{
	struct addr wide = { UINT64_C(0x1111222233334444), UINT64_C(0x5555666677778888) };
	struct endpoint peers[2] = { { wide, 65534 }, { wide, 65535 } };
	char text[TUNNEL_TEXT_MAX];

	(void)s;
	assert_string_equal(tunnel_text(peers, text), "[1111:2222:3333:4444:5555:6666:7777:88"
						      "88]:65534<->"
						      "[1111:2222:3333:4444:5555:6666:7777"
						      ":8888]:65535");
}

static void spis_are_written_with_all_their_zeros(void **s)
{
	char ike[IKE_SPIS_TEXT_MAX], esp[SPI_TEXT_MAX];

	(void)s;
	assert_string_equal(ike_spis_text(1, UINT64_MAX, ike), "0000000000000001:ffffffffffffffff");
	assert_string_equal(spi_text(0xc01, esp), "00000c01");
	assert_string_equal(spi_text(UINT32_MAX, esp), "ffffffff");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_text_leads_back_to_its_value),
		cmocka_unit_test(the_texts_are_those_of_the_design),
		cmocka_unit_test(a_living_sa_has_no_end_reason_and_no_text_is_none_elsewhere),
		cmocka_unit_test(a_tunnel_has_one_name_whichever_side_is_given_first),
		cmocka_unit_test(the_longest_tunnel_name_fits),
		cmocka_unit_test(spis_are_written_with_all_their_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
