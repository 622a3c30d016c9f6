/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sawatch/ike_registry.h>

static void equal_numbers_have_another_name_in_each_version(void **s)
{
	(void)s;
	assert_string_equal(ike_exchange_name(2, 34), "IKE_SA_INIT");
	assert_null(ike_exchange_name(1, 34));
	assert_string_equal(ike_exchange_name(1, 2), "IDENTITY_PROTECTION");
	assert_string_equal(ike_exchange_name(2, 37), "INFORMATIONAL");
	assert_string_equal(ike_exchange_name(1, 5), "INFORMATIONAL");
	assert_null(ike_exchange_name(2, 42));
	assert_string_equal(ike_payload_name(1, 15), "SAK");
	assert_null(ike_payload_name(2, 15));
	assert_string_equal(ike_payload_name(2, 53), "SKF");
	assert_string_equal(ike_notify_name(1, 24578), "INITIAL_CONTACT");
	assert_string_equal(ike_notify_name(2, 16384), "INITIAL_CONTACT");
	assert_string_equal(ike_notify_name(1, 16384), "CONNECTED");
	assert_null(ike_notify_name(2, 24578));
	assert_null(ike_notify_name(3, 14));
	assert_null(ike_exchange_name(0, 34));
	assert_null(ike_payload_name(3, 33));
}

static void notifies_are_numbered_as_iana_has_them(void **s)
{
	(void)s;
	assert_string_equal(ike_notify_name(2, 24), "AUTHENTICATION_FAILED");
	assert_string_equal(ike_notify_name(2, 44), "CHILD_SA_NOT_FOUND");
	assert_string_equal(ike_notify_name(2, 16393), "REKEY_SA");
	assert_string_equal(ike_notify_name(2, 16403), "AUTH_LIFETIME");
	assert_string_equal(ike_notify_name(2, 16418), "CHILDLESS_IKEV2_SUPPORTED");
	assert_string_equal(ike_notify_name(2, 16430), "IKEV2_FRAGMENTATION_SUPPORTED");
	assert_string_equal(ike_notify_name(2, 16441), "ADDITIONAL_KEY_EXCHANGE");
	assert_string_equal(ike_notify_name(1, 36137), "R_U_THERE_ACK");
	assert_string_equal(ike_notify_name(1, 30), "UNEQUAL_PAYLOAD_LENGTHS");
}

/* 16384 to 16446 are all assigned: a gap would be a slip of the list. */
static void no_status_type_is_left_out(void **s)
{
	(void)s;
	for (uint16_t type = IKE2_NOTIFY_FIRST_STATUS; type <= 16446; type++)
		assert_non_null(ike_notify_name(2, type));
	for (uint16_t type = 1; type <= 30; type++)
		assert_non_null(ike_notify_name(1, type));
}

static void transforms_are_named_by_type_and_number(void **s)
{
	(void)s;
	assert_string_equal(ike2_transform_name(IKE2_TRANSFORM_ENCR, 12), "AES_CBC");
	assert_string_equal(ike2_transform_name(IKE2_TRANSFORM_ENCR, 3), "3DES");
	assert_string_equal(ike2_transform_name(IKE2_TRANSFORM_ENCR, 11), "NULL");
	assert_string_equal(ike2_transform_name(IKE2_TRANSFORM_PRF, 5), "PRF_HMAC_SHA2_256");
	assert_string_equal(ike2_transform_name(IKE2_TRANSFORM_INTEG, 12), "HMAC_SHA2_256_128");
	assert_string_equal(ike2_transform_name(IKE2_TRANSFORM_SN, 1), "ESN");
	assert_string_equal(ike2_transform_name(IKE2_TRANSFORM_KE, 14), "MODP_2048");
	for (uint8_t type = IKE2_TRANSFORM_ADDKE1; type <= IKE2_TRANSFORM_ADDKE7; type++)
		assert_string_equal(ike2_transform_name(type, 36), "ML_KEM_768");
	assert_null(ike2_transform_name(13, 1));
	assert_null(ike2_transform_name(0, 1));
	assert_null(ike2_transform_name(IKE2_TRANSFORM_ENCR, 1024));
}

static void phase_1_attributes_have_names(void **s)
{
	(void)s;
	assert_string_equal(ike1_encryption_name(5), "3DES");
	assert_string_equal(ike1_encryption_name(7), "AES_CBC");
	assert_string_equal(ike1_hash_name(2), "SHA1");
	assert_string_equal(ike1_hash_name(4), "SHA2_256");
	assert_string_equal(ike1_auth_name(1), "PSK");
	assert_string_equal(ike1_auth_name(65001), "XAUTH_INIT_PSK");
	assert_string_equal(ike_group_name(31), "CURVE25519");
	assert_null(ike1_encryption_name(0));
	assert_null(ike1_hash_name(7));
	assert_null(ike1_auth_name(12));
	assert_null(ike_group_name(999));
}

/* IKE length of an empty INFORMATIONAL = 28 + 4 + IV + padded(1) + ICV: DETECTION-FACTS 1.8. */
static unsigned empty_message(uint16_t encr, uint16_t integ)
{
	return 32 + ike2_encr_iv_bytes(encr) + ike2_encr_block_bytes(encr) +
	       ike2_encr_icv_bytes(encr) + ike2_integ_icv_bytes(integ);
}

static void sizes_give_the_lengths_seen_on_the_wire(void **s)
{
	(void)s;
	assert_int_equal(empty_message(IKE2_ENCR_3DES, IKE2_INTEG_HMAC_SHA1_96), 60);
	assert_int_equal(empty_message(IKE2_ENCR_AES_CBC, IKE2_INTEG_AES_XCBC_96), 76);
	assert_int_equal(empty_message(IKE2_ENCR_AES_CBC, IKE2_INTEG_HMAC_SHA2_256_128), 80);
	assert_int_equal(empty_message(IKE2_ENCR_AES_CBC, IKE2_INTEG_HMAC_SHA2_384_192), 88);
	assert_int_equal(empty_message(IKE2_ENCR_AES_CBC, IKE2_INTEG_HMAC_SHA2_512_256), 96);
	assert_int_equal(empty_message(IKE2_ENCR_AES_GCM_16, IKE2_INTEG_NONE), 57);
	assert_int_equal(empty_message(IKE2_ENCR_CHACHA20_POLY1305, IKE2_INTEG_NONE), 57);
	assert_int_equal(empty_message(IKE2_ENCR_AES_GCM_12, IKE2_INTEG_NONE), 53);
	assert_int_equal(empty_message(IKE2_ENCR_AES_GCM_8, IKE2_INTEG_NONE), 49);
	/* RFC 5930: an IV of 8 */
	assert_int_equal(empty_message(IKE2_ENCR_AES_CTR, IKE2_INTEG_AES_CMAC_96), 53);
	assert_int_equal(ike2_integ_icv_bytes(IKE2_INTEG_DES_MAC), 8);
	assert_int_equal(ike2_integ_icv_bytes(IKE2_INTEG_HMAC_SHA1_160), 20);	/* RFC 4595 */
	assert_int_equal(ike2_encr_block_bytes(4000), 0);
	assert_int_equal(ike2_integ_icv_bytes(4000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_numbers_have_another_name_in_each_version),
		cmocka_unit_test(notifies_are_numbered_as_iana_has_them),
		cmocka_unit_test(no_status_type_is_left_out),
		cmocka_unit_test(transforms_are_named_by_type_and_number),
		cmocka_unit_test(phase_1_attributes_have_names),
		cmocka_unit_test(sizes_give_the_lengths_seen_on_the_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
