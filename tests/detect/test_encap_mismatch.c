/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/esp_stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "encap_mismatch");
}

static void pair(enum encap a, enum encap b, uint32_t ret[2])
{
	ret[0] = stage_esp(0);
	ret[1] = stage_esp(1);
	stage->esp[ret[0]].encap = a;
	stage->esp[ret[1]].encap = b;
}

static void minutes(const uint32_t esp[2], int n)
{
	for (int i = 0; i < n; i++) {
		minute(esp[0], 60, 0);
		minute(esp[1], 60, 0);
	}
}

static void plain_one_way_and_udp_the_other_is_a_warning(void **state)
{
	(void)state;
	uint32_t esp[2];

	pair(ENCAP_NONE, ENCAP_UDP, esp);
	minutes(esp, 3);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_MEDIUM);
	assert_string_equal(collected_text(alert(), "encap_a"), "none");
	assert_string_equal(collected_text(alert(), "encap_b"), "udp");
}

static void with_a_nat_between_it_is_certain(void **state)
{
	(void)state;
	uint32_t esp[2];

	stage->tunnel[0].behind_nat[1] = 1;
	pair(ENCAP_UDP, ENCAP_NONE, esp);
	minutes(esp, 3);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_HIGH);
	assert_non_null(strstr(alert()->summary, "does not pass"));
}

static void udp_both_ways_without_a_nat_is_well(void **state)
{
	(void)state;
	uint32_t esp[2];

	pair(ENCAP_UDP, ENCAP_UDP, esp);
	minutes(esp, 10);
	assert_null(alert());
}

static void a_change_of_both_is_no_mismatch(void **state)
{
	(void)state;
	uint32_t esp[2];

	pair(ENCAP_NONE, ENCAP_NONE, esp);
	minutes(esp, 3);
	pair(ENCAP_UDP, ENCAP_UDP, esp);
	minutes(esp, 3);
	assert_null(alert());
}

static void children_of_both_kinds_are_no_mismatch(void **state)
{
	(void)state;
	uint32_t plain[2], udp[2];

	pair(ENCAP_NONE, ENCAP_NONE, plain);
	pair(ENCAP_UDP, ENCAP_UDP, udp);
	for (int i = 0; i < 5; i++) {
		minutes(plain, 1);
		minutes(udp, 1);
	}
	assert_null(alert());
}

static void one_direction_alone_cannot_mismatch(void **state)
{
	(void)state;
	uint32_t esp = stage_esp(0);

	for (int i = 0; i < 5; i++)
		minute(esp, 60, 0);
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(plain_one_way_and_udp_the_other_is_a_warning),
		ON_STAGE(with_a_nat_between_it_is_certain),
		ON_STAGE(udp_both_ways_without_a_nat_is_well),
		ON_STAGE(a_change_of_both_is_no_mismatch),
		ON_STAGE(children_of_both_kinds_are_no_mismatch),
		ON_STAGE(one_direction_alone_cannot_mismatch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
