/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "wire/vendor_id.c"	/* its table is static, and this tests the table */

static void the_table_is_sorted_and_in_lower_case(void **s)
{
	(void)s;
	for (unsigned i = 0; i < PATTERNS; i++) {
		size_t length = strlen(patterns[i].hex);

		assert_int_equal(strspn(patterns[i].hex, "0123456789abcdef"), length);
		assert_true(length >= 4 && length % 2 == 0);
		if (i > 0)
			assert_true(strcmp(patterns[i - 1].hex, patterns[i].hex) < 0);
	}
}

/* The bytes of a pattern, in a buffer of exactly `length`, with zeros behind them. */
static uint8_t *bytes_of(const char *hex, unsigned length)
{
	uint8_t *id = calloc(1, length);

	assert_non_null(id);
	for (unsigned i = 0; i < length && hex[2 * i]; i++)
		id[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
	return id;
}

static void every_pattern_is_found_by_its_own_bytes(void **s)
{
	(void)s;
	for (unsigned i = 0; i < PATTERNS; i++) {
		unsigned length = (unsigned)strlen(patterns[i].hex) / 2;

		if (patterns[i].length)
			length = patterns[i].length;

		uint8_t *id = bytes_of(patterns[i].hex, length);

		assert_ptr_equal(ike_vendor_name(id, length), patterns[i].name);
		free(id);
	}
}

static void a_vendor_id_shorter_than_its_pattern_has_no_name(void **s)
{
	(void)s;
	uint8_t *id = bytes_of("afcad71368a1f1c96b8696fc77570100", 15);

	for (unsigned length = 0; length <= 15; length++)
		assert_null(ike_vendor_name(id, length));
	free(id);
}

static void the_longest_pattern_wins(void **s)
{
	(void)s;
	uint8_t *id = bytes_of("1e2b516905991c7d7c96fcbfb587e46100000009", 20);

	assert_string_equal(ike_vendor_name(id, 20), "Microsoft Windows 8 or later");
	assert_string_equal(ike_vendor_name(id, 16), "Microsoft Windows");
	id[19] = 0x7f;
	assert_string_equal(ike_vendor_name(id, 20), "Microsoft Windows");
	free(id);
}

static void bytes_behind_a_pattern_are_a_version(void **s)
{
	(void)s;
	uint8_t *id = bytes_of("4048b7d56ebce88525e7de7f00d6c2d3c0000000", 20);

	assert_string_equal(ike_vendor_name(id, 20), "IKE fragmentation (Cisco, Microsoft)");
	assert_string_equal(ike_vendor_name(id, 16), "IKE fragmentation (Cisco, Microsoft)");
	free(id);
}

static void openswan_and_libreswan_are_known_by_their_texts(void **s)
{
	(void)s;
	assert_string_equal(ike_vendor_name((const uint8_t *)"OEplutounit0", 12),
			    "FreeS/WAN, Openswan or Libreswan");
	assert_null(ike_vendor_name((const uint8_t *)"OEplutounit01", 13));
	assert_string_equal(ike_vendor_name((const uint8_t *)"OE-Libreswan-4.10", 17), "Libreswan");
}

/* Most vendors take the MD5 of a text; whoever doubts a row can see here where it comes from. */
static const struct { const char *text, *name; } hashed[] = {
	{ "SSH Sentinel", "SSH Sentinel" },
	{ "Ssh Communications Security IPSEC Express version 1.2.2", "SSH IPSEC Express 1.2.2" },
	{ "SSH Communications Security IPSEC Express version 3.0.0", "SSH IPSEC Express 3.0.0" },
	{ "CISCO-UNITY", "Cisco Unity" },
	{ "draft-ietf-ipsec-nat-t-ike-01", "NAT-T (draft-ietf-ipsec-nat-t-ike-01)" },
	{ "Ssh Communications Security IPSEC Express version 1.1.1", "SSH IPSEC Express 1.1.1" },
	{ "MS NT5 ISAKMPOAKLEY", "Microsoft Windows" },
	{ "IPSec-Tools", "IPsec-Tools racoon" },
	{ "MS-MamieExists", "Microsoft AuthIP" },
	{ "Vid-Initial-Contact", "Microsoft Initial Contact" },
	{ "draft-stenberg-ipsec-nat-traversal-01",
	  "NAT-T (draft-stenberg-ipsec-nat-traversal-01)" },
	{ "SSH Communications Security IPSEC Express version 2.1.0", "SSH IPSEC Express 2.1.0" },
	{ "SSH Communications Security IPSEC Express version 2.1.2", "SSH IPSEC Express 2.1.2" },
	{ "FRAGMENTATION", "IKE fragmentation (Cisco, Microsoft)" },
	{ "draft-ietf-ipsec-nat-t-ike-07", "NAT-T (draft-ietf-ipsec-nat-t-ike-07)" },
	{ "draft-ietf-ipsec-nat-t-ike-00", "NAT-T (draft-ietf-ipsec-nat-t-ike-00)" },
	{ "RFC 3947", "NAT-T (RFC 3947)" },
	{ "draft-ietf-ipsec-nat-t-ike-06", "NAT-T (draft-ietf-ipsec-nat-t-ike-06)" },
	{ "draft-ietf-ipsec-nat-t-ike", "NAT-T (Mac OS X)" },
	{ "ESPThruNAT", "NAT-T (draft-huttunen-ipsec-esp-in-udp-01)" },
	{ "SSH Sentinel 1.2", "SSH Sentinel 1.2" },
	{ "draft-stenberg-ipsec-nat-traversal-02",
	  "NAT-T (draft-stenberg-ipsec-nat-traversal-02)" },
	{ "GSSAPI", "GSS-API" },
	{ "SSH Sentinel 1.4", "SSH Sentinel 1.4" },
	{ "MSFT IPsec Security Realm Id", "Microsoft Security Realm" },
	{ "SSH Communications Security IPSEC Express version 4.2.0", "SSH IPSEC Express 4.2.0" },
	{ "draft-huttunen-ipsec-esp-in-udp-00.txt", "NAT-T (draft-huttunen-ipsec-esp-in-udp-00)" },
	{ "KAME/racoon", "KAME racoon" },
	{ "SSH Communications Security IPSEC Express version 4.0.1", "SSH IPSEC Express 4.0.1" },
	{ "draft-ietf-ipsec-nat-t-ike-03", "NAT-T (draft-ietf-ipsec-nat-t-ike-03)" },
	{ "SSH Sentinel 1.3", "SSH Sentinel 1.3" },
	{ "SSH Communications Security IPSEC Express version 2.0.0", "SSH IPSEC Express 2.0.0" },
	{ "draft-ietf-ipsec-nat-t-ike-05", "NAT-T (draft-ietf-ipsec-nat-t-ike-05)" },
	{ "RFC XXXX", "NAT-T (Solaris)" },
	{ "strongSwan", "strongSwan" },
	{ "draft-ietf-ipsec-nat-t-ike-08", "NAT-T (draft-ietf-ipsec-nat-t-ike-08)" },
	{ "draft-ietf-ipsec-nat-t-ike-02\n", "NAT-T (draft-ietf-ipsec-nat-t-ike-02n)" },
	{ "draft-ietf-ipsec-nat-t-ike-04", "NAT-T (draft-ietf-ipsec-nat-t-ike-04)" },
	{ "SSH Communications Security IPSEC Express version 4.1.0", "SSH IPSEC Express 4.1.0" },
	{ "SSH Communications Security IPSEC Express version 2.1.1", "SSH IPSEC Express 2.1.1" },
	{ "A GSS-API Authentication Method for IKE", "GSS-API authentication" },
	{ "A GSS-API Authentication Method for IKE\n", "GSS-API authentication" },
	{ "Fortinet Endpoint Control", "Fortinet Endpoint Control" },
	{ "SSH Sentinel 1.1", "SSH Sentinel 1.1" },
	{ "Ssh Communications Security IPSEC Express version 1.2.1", "SSH IPSEC Express 1.2.1" },
	{ "Forticlient EAP Extension", "Fortinet FortiClient EAP Extension" },
	{ "Testing NAT-T RFC", "NAT-T (testing)" },
	{ "draft-ietf-ipsec-nat-t-ike-02", "NAT-T (draft-ietf-ipsec-nat-t-ike-02)" },
	{ "IKE CGA version 1", "Microsoft IKE CGA version 1" },
	{ "Ssh Communications Security IPSEC Express version 1.1.2", "SSH IPSEC Express 1.1.2" },
	{ "SSH Sentinel 1.4.1", "SSH Sentinel 1.4.1" },
	{ "SSH Communications Security IPSEC Express version 3.0.1", "SSH IPSEC Express 3.0.1" },
	{ "SSH Communications Security IPSEC Express version 4.0.0", "SSH IPSEC Express 4.0.0" },
	{ "MS-Negotiation Discovery Capable", "Microsoft Negotiation Discovery Capable" },
	{ "Ssh Communications Security IPSEC Express version 1.1.0", "SSH IPSEC Express 1.1.0" },
};

static void hashed_texts_have_their_names(void **s)
{
	(void)s;
	for (size_t i = 0; i < sizeof(hashed) / sizeof(hashed[0]); i++) {
		const char *text = hashed[i].text;
		uint8_t md5[EVP_MAX_MD_SIZE];

		assert_true(EVP_Digest(text, strlen(text), md5, NULL, EVP_md5(), NULL));

		const char *name = ike_vendor_name(md5, 16);

		assert_non_null(name);
		assert_string_equal(name, hashed[i].name);
	}
}

/* As an image of an earlier run gives it: not terminated, and perhaps of another program. */
static const char *known_name(const char *text, size_t length)
{
	uint8_t *exact = malloc(length + (length == 0));

	assert_non_null(exact);
	memcpy(exact, text, length);

	const char *name = ike_vendor_known_name((struct bytes){ exact, length });

	free(exact);
	return name;
}

static void a_name_that_was_saved_is_known_again_and_no_part_of_it(void **s)
{
	(void)s;
	for (unsigned i = 0; i < PATTERNS; i++)
		assert_string_equal(known_name(patterns[i].name, strlen(patterns[i].name)),
				    patterns[i].name);
	assert_null(known_name("", 0));
	assert_null(known_name("Libreswa", 8));
	assert_null(known_name("Libreswan\0", 10));
	assert_null(known_name("libreswan", 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_sorted_and_in_lower_case),
		cmocka_unit_test(every_pattern_is_found_by_its_own_bytes),
		cmocka_unit_test(a_vendor_id_shorter_than_its_pattern_has_no_name),
		cmocka_unit_test(the_longest_pattern_wins),
		cmocka_unit_test(bytes_behind_a_pattern_are_a_version),
		cmocka_unit_test(openswan_and_libreswan_are_known_by_their_texts),
		cmocka_unit_test(hashed_texts_have_their_names),
		cmocka_unit_test(a_name_that_was_saved_is_known_again_and_no_part_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
