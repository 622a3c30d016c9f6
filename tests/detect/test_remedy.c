/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "detect/remedy.h"

static bool has(const struct record_action *a, size_t n, const char *vendor)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(a[i].vendor, vendor) == 0)
			return true;
	return false;
}

static void a_known_vendor_gets_its_own_lines_and_no_others(void **state)
{
	(void)state;
	static const enum remedy remedies[] = { REMEDY_LIFE, REMEDY_LOG };
	struct record_action a[ACTIONS_MAX];
	size_t n = remedy_actions("lifetime_mismatch", remedies, 2, 1u << VENDOR_FORTIOS, a);

	assert_string_equal(a[0].vendor, "any");
	assert_true(has(a, n, "FortiOS"));
	assert_false(has(a, n, "PAN-OS"));
	assert_false(has(a, n, "Cisco ASA"));
}

static void an_unknown_vendor_gets_the_usual_ones_for_the_first_remedy_only(void **state)
{
	(void)state;
	static const enum remedy remedies[] = { REMEDY_LIFE, REMEDY_LOG };
	struct record_action a[ACTIONS_MAX];
	size_t n = remedy_actions("lifetime_mismatch", remedies, 2, 0, a);

	assert_true(has(a, n, "FortiOS") && has(a, n, "Cisco ASA") && has(a, n, "PAN-OS"));
	assert_string_equal(a[n - 1].vendor, "any");
}

static void the_line_to_look_for_is_told_for_known_vendors(void **state)
{
	(void)state;
	static const enum remedy remedies[] = { REMEDY_SPI };
	struct record_action a[ACTIONS_MAX];
	size_t n = remedy_actions("stale_spi", remedies, 1, 1u << VENDOR_PANOS, a);

	assert_non_null(strstr(a[n - 1].text, "can't find sa for proto ESP spi"));
	assert_string_equal(a[n - 1].vendor, "PAN-OS");
}

static void what_was_not_checked_says_so_at_its_end(void **state)
{
	(void)state;
	static const enum remedy remedies[] = { REMEDY_ENCAP, REMEDY_INITC, REMEDY_ESN };
	static const char mark[] = " (unverified)";
	struct record_action a[ACTIONS_MAX];
	size_t n = remedy_actions("x", remedies, 3, 1u << VENDOR_IOS, a);
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		const char *at = strstr(a[i].text, "(unverified)");

		any |= at != NULL;
		if (at)
			assert_string_equal(at - 1, mark);
	}
	assert_true(any);
}

static void there_are_never_more_than_fit(void **state)
{
	(void)state;
	enum remedy remedies[REMEDIES_PER_ALERT];
	struct record_action a[ACTIONS_MAX];

	for (int first = 0; first + REMEDIES_PER_ALERT <= REMEDY_COUNT; first++) {
		for (int i = 0; i < REMEDIES_PER_ALERT; i++)
			remedies[i] = (enum remedy)(first + i);
		assert_true(remedy_actions("stale_spi", remedies, REMEDIES_PER_ALERT, UINT32_MAX,
					   a) <= ACTIONS_MAX);
	}
}

static void a_vendor_id_that_everybody_sends_names_nobody(void **state)
{
	(void)state;
	assert_int_equal(vendors_of_name("Cisco Unity"), 0);
	assert_int_equal(vendors_of_name("CISCO-UNITY"), 0);
	assert_int_equal(vendors_of_name("RFC 3706 DPD"), 0);
	assert_int_equal(vendors_of_name("strongSwan"), 1u << VENDOR_STRONGSWAN);
	assert_int_equal(vendors_of_name("Fortinet FortiGate"), 1u << VENDOR_FORTIOS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_vendor_gets_its_own_lines_and_no_others),
		cmocka_unit_test(an_unknown_vendor_gets_the_usual_ones_for_the_first_remedy_only),
		cmocka_unit_test(the_line_to_look_for_is_told_for_known_vendors),
		cmocka_unit_test(what_was_not_checked_says_so_at_its_end),
		cmocka_unit_test(there_are_never_more_than_fit),
		cmocka_unit_test(a_vendor_id_that_everybody_sends_names_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
