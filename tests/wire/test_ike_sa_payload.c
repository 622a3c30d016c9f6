/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "ike_build.h"

static void put_transform2(struct build *b, uint8_t type, uint16_t id, uint16_t key_bits)
{
	size_t at = begin_substructure(b);

	put_number(b, type, 1);
	put_number(b, 0, 1);
	put_number(b, id, 2);
	if (key_bits)
		put_tv(b, 14, key_bits);
	end_substructure(b, at);
}

static size_t begin_proposal2(struct build *b, uint8_t number, uint8_t spi_size)
{
	size_t at = begin_substructure(b);

	put_number(b, number, 1);
	put_number(b, spi_size ? 3 : 1, 1);
	put_number(b, spi_size, 1);
	put_number(b, 0xee, 1);		/* number of transforms: wrong on purpose */
	put_fill(b, 0x42, spi_size);
	return at;
}

/* Two proposals; the offset of the first and of its first transform are handed out for mischief. */
static struct build offer2(size_t *proposal, size_t *transform)
{
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT, IKE2_FLAG_INITIATOR, 0);

	begin_payload(&b, IKE2_PAYLOAD_SA);
	*proposal = begin_proposal2(&b, 1, 0);
	*transform = b.length;
	put_transform2(&b, IKE2_TRANSFORM_ENCR, IKE2_ENCR_AES_GCM_16, 256);
	put_transform2(&b, IKE2_TRANSFORM_PRF, IKE2_PRF_HMAC_SHA2_256, 0);
	put_transform2(&b, IKE2_TRANSFORM_KE, IKE_GROUP_CURVE25519, 0);
	put_transform2(&b, IKE2_TRANSFORM_ADDKE1, IKE_GROUP_ML_KEM_768, 0);
	put_transform2(&b, IKE2_TRANSFORM_ADDKE7, IKE_GROUP_NONE, 0);
	end_substructure(&b, *proposal);

	size_t second = begin_proposal2(&b, 2, 8);

	put_transform2(&b, IKE2_TRANSFORM_ENCR, IKE2_ENCR_3DES, 0);
	put_transform2(&b, 77, 4660, 0);
	end_substructure(&b, second);
	ike_end(&b);
	return b;
}

static void transforms_come_with_their_proposal_and_key_length(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = offer2(&proposal, &transform);
	struct ike_message m;

	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.n_proposals, 2);
	assert_int_equal(m.n_transforms, 7);
	assert_int_equal(m.transforms[0].id, IKE2_ENCR_AES_GCM_16);
	assert_int_equal(m.transforms[0].key_bits, 256);
	assert_int_equal(m.transforms[0].proposal, 1);
	assert_int_equal(m.transforms[0].protocol, 1);
	assert_int_equal(m.transforms[3].type, IKE2_TRANSFORM_ADDKE1);
	assert_int_equal(m.transforms[3].id, IKE_GROUP_ML_KEM_768);
	assert_int_equal(m.transforms[4].type, IKE2_TRANSFORM_ADDKE7);
	assert_int_equal(m.transforms[5].proposal, 2);
	assert_int_equal(m.transforms[5].protocol, 3);
	assert_int_equal(m.transforms[5].key_bits, 0);
	assert_int_equal(m.transforms[6].type, 77);	/* unknown types are kept */
	assert_int_equal(m.transforms[6].id, 4660);
}

/* A length that ends where some transform ends contradicts nothing: lengths are all there is. */
static bool is_boundary(const struct build *b, size_t transform, size_t at)
{
	while (transform < at && transform < b->length)
		transform += (size_t)b->bytes[transform + 2] << 8 | b->bytes[transform + 3];
	return transform == at;
}

static void proposals_that_lie_about_their_length_are_malformed(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = offer2(&proposal, &transform);
	unsigned lies = 0;

	for (size_t length = 0; length < 500; length++) {
		struct build lie = b;

		if (is_boundary(&b, transform, proposal + length))
			continue;
		lies++;
		set_u16(&lie, proposal + 2, length);
		assert_int_equal(parse_cut(lie.bytes, lie.length, lie.length), VERDICT_MALFORMED);
	}
	assert_true(lies > 490);
}

static void transforms_that_lie_about_their_length_are_malformed(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = offer2(&proposal, &transform);

	for (size_t length = 0; length < 300; length++) {
		struct build lie = b;

		if (length == 12)	/* the truth */
			continue;
		set_u16(&lie, transform + 2, length);
		assert_int_equal(parse_cut(lie.bytes, lie.length, lie.length), VERDICT_MALFORMED);
	}
}

static void an_spi_longer_than_its_proposal_is_malformed(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = offer2(&proposal, &transform);

	b.bytes[proposal + 6] = 255;
	assert_int_equal(parse_cut(b.bytes, b.length, b.length), VERDICT_MALFORMED);
}

static void a_hundred_proposals_are_counted(void **s)
{
	(void)s;
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT, 0, 0);
	struct ike_message m;

	begin_payload(&b, IKE2_PAYLOAD_SA);
	for (uint8_t i = 1; i <= 100; i++) {
		size_t at = begin_proposal2(&b, i, 0);

		put_transform2(&b, IKE2_TRANSFORM_ENCR, 12, 128);
		put_transform2(&b, IKE2_TRANSFORM_INTEG, 12, 0);
		end_substructure(&b, at);
	}
	ike_end(&b);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.n_proposals, 100);
	assert_int_equal(m.n_transforms, 200);
	assert_int_equal(m.transforms[IKE_TRANSFORMS_MAX - 1].proposal, IKE_TRANSFORMS_MAX / 2);
}

/* Main mode message 1 up to the attributes of its only transform, for the tests of those. */
static struct build begin_offer1(size_t *proposal, size_t *transform)
{
	struct build b = ike_begin(1, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0, 0);

	begin_payload(&b, IKE1_PAYLOAD_SA);
	put_number(&b, 0x0000000100000001, 8);
	*proposal = begin_substructure(&b);
	put_number(&b, 0x01010001, 4);
	*transform = begin_substructure(&b);
	put_number(&b, 0x01010000, 4);
	return b;
}

static void end_offer1(struct build *b, size_t proposal, size_t transform)
{
	end_substructure(b, transform);
	end_substructure(b, proposal);
	ike_end(b);
}

static void the_prf_of_phase_1_is_read(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	put_tv(&b, 13, 2);	/* RFC 2409 appendix A */
	end_offer1(&b, proposal, transform);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.offers[0].prf, 2);
}

/* As a real initiator sent it: 86400 s as four bytes, DETECTION-FACTS 1.6. */
static void a_lifetime_of_four_bytes_is_read(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	put_tv(&b, 1, 7);
	put_tv(&b, 14, 128);
	put_tv(&b, 2, 2);
	put_tv(&b, 4, 1);
	put_tv(&b, 3, 1);
	put_tv(&b, 11, 1);
	put_tlv(&b, 12, 86400, 4);
	end_offer1(&b, proposal, transform);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.n_proposals, 1);
	assert_int_equal(m.n_offers, 1);
	assert_int_equal(m.offers[0].encryption, IKE1_ENCR_AES_CBC);
	assert_int_equal(m.offers[0].key_bits, 128);
	assert_int_equal(m.offers[0].hash, IKE1_HASH_SHA1);
	assert_int_equal(m.offers[0].group, IKE_GROUP_MODP_768);
	assert_int_equal(m.offers[0].auth, IKE1_AUTH_PSK);
	assert_int_equal(m.offers[0].prf, 0);
	assert_true(m.offers[0].has_life_seconds && !m.offers[0].has_life_kilobytes);
	assert_int_equal(m.offers[0].life_seconds, 86400);
	assert_false(m.offers[0].life_malformed);
}

static void a_lifetime_in_place_of_the_length_is_read(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	put_tv(&b, 11, 1);
	put_tv(&b, 12, 28800);
	end_offer1(&b, proposal, transform);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.offers[0].life_seconds, 28800);
}

static void seconds_and_kilobytes_are_told_apart(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	put_tv(&b, 11, 2);
	put_tlv(&b, 12, 4608000, 3);
	put_tlv(&b, 11, 1, 2);
	put_tlv(&b, 12, 3600, 8);
	end_offer1(&b, proposal, transform);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.offers[0].life_kilobytes, 4608000);
	assert_int_equal(m.offers[0].life_seconds, 3600);
	assert_true(m.offers[0].has_life_seconds && m.offers[0].has_life_kilobytes);
	assert_false(m.offers[0].life_malformed);
}

static void a_duration_without_its_type_is_no_lifetime(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	put_tv(&b, 12, 600);
	put_tv(&b, 11, 1);
	end_offer1(&b, proposal, transform);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_true(m.offers[0].life_malformed);
	assert_false(m.offers[0].has_life_seconds || m.offers[0].has_life_kilobytes);
}

static void one_type_serves_one_duration(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	put_tv(&b, 11, 1);
	put_tv(&b, 12, 600);
	put_tv(&b, 12, 700);
	end_offer1(&b, proposal, transform);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.offers[0].life_seconds, 600);
	assert_true(m.offers[0].life_malformed);
}

static void a_duration_of_more_than_64_bits_is_no_lifetime(void **s)
{
	(void)s;
	for (uint8_t top = 0; top < 2; top++) {
		size_t proposal, transform;
		struct build b = begin_offer1(&proposal, &transform);
		struct ike_message m;

		put_tv(&b, 11, 1);
		put_number(&b, 12, 2);
		put_number(&b, 12, 2);
		put_number(&b, 0, 3);
		put_number(&b, top, 1);		/* the 65th bit and those above */
		put_number(&b, UINT64_MAX, 8);
		end_offer1(&b, proposal, transform);
		assert_int_equal(parse(&b, &m), VERDICT_OK);
		assert_int_equal(m.offers[0].life_malformed, top == 1);
		assert_int_equal(m.offers[0].has_life_seconds, top == 0);
		if (top == 0)
			assert_true(m.offers[0].life_seconds == UINT64_MAX);
	}
}

static void an_empty_duration_is_no_lifetime(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	put_tv(&b, 11, 1);
	put_tlv(&b, 12, 0, 0);
	end_offer1(&b, proposal, transform);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_true(m.offers[0].life_malformed);
	assert_false(m.offers[0].has_life_seconds);
}

static void life_types_that_nobody_defined_are_passed_over(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	put_tv(&b, 11, 65001);
	put_tv(&b, 12, 9);
	put_tv(&b, 20000, 1);		/* unknown attribute */
	end_offer1(&b, proposal, transform);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_false(m.offers[0].has_life_seconds || m.offers[0].has_life_kilobytes ||
		     m.offers[0].life_malformed);
}

static void no_code_point_has_more_than_16_bits(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	put_tlv(&b, 1, 65536 + 7, 4);
	put_tlv(&b, 14, 256, 4);
	end_offer1(&b, proposal, transform);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.offers[0].encryption, 0);
	assert_int_equal(m.offers[0].key_bits, 256);
}

static void the_spi_of_an_ikev1_proposal_is_stepped_over(void **s)
{
	(void)s;
	struct build b = ike_begin(1, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0, 0);
	struct ike_message m;

	begin_payload(&b, IKE1_PAYLOAD_SA);
	put_number(&b, 0x0000000100000001, 8);

	size_t proposal = begin_substructure(&b);

	put_number(&b, 0x01010801, 4);
	put_fill(&b, 0xff, 8);

	size_t transform = begin_substructure(&b);

	put_number(&b, 0x01010000, 4);
	put_tv(&b, 3, 3);
	end_offer1(&b, proposal, transform);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.n_offers, 1);
	assert_int_equal(m.offers[0].auth, IKE1_AUTH_RSA);

	b.bytes[proposal + 6] = 200;
	assert_int_equal(parse(&b, &m), VERDICT_MALFORMED);
}

static void sixty_offers_are_counted(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	for (uint16_t i = 1; i <= 60; i++) {
		put_tv(&b, 4, i);
		end_substructure(&b, transform);
		transform = begin_substructure(&b);
		put_number(&b, 0x01010000, 4);
	}
	end_offer1(&b, proposal, transform);
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.n_offers, 61);
	assert_int_equal(m.offers[IKE_OFFERS_MAX - 1].group, IKE_OFFERS_MAX);
}

static void an_attribute_longer_than_its_transform_is_malformed(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	put_number(&b, 12, 2);
	put_number(&b, 60000, 2);
	put_number(&b, 1, 4);
	end_offer1(&b, proposal, transform);
	assert_int_equal(parse(&b, &m), VERDICT_MALFORMED);
	assert_int_equal(m.n_offers, 0);
}

static void a_transform_that_ends_in_the_middle_of_an_attribute_is_malformed(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	put_tv(&b, 1, 7);
	put_number(&b, 0x80, 1);
	end_offer1(&b, proposal, transform);
	assert_int_equal(parse(&b, &m), VERDICT_MALFORMED);
}

static void offers_of_ikev1_that_lie_about_their_length_are_malformed(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);

	put_tv(&b, 1, 7);
	put_tv(&b, 2, 4);
	end_offer1(&b, proposal, transform);

	const size_t places[] = { proposal, transform };

	for (size_t i = 0; i < 2; i++) {
		size_t at = places[i] + 2;
		size_t right = (size_t)b.bytes[at] << 8 | b.bytes[at + 1];

		for (size_t length = 0; length < 80; length++) {
			struct build lie = b;

			if (length == right)
				continue;
			set_u16(&lie, at, length);
			assert_int_equal(parse_cut(lie.bytes, lie.length, lie.length),
					 VERDICT_MALFORMED);
		}
	}
}

static void only_isakmp_proposals_make_phase_1_offers(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	put_tv(&b, 1, 1);
	end_offer1(&b, proposal, transform);
	b.bytes[proposal + 5] = 3;	/* ESP: its attribute 1 is a life type */
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.n_proposals, 1);
	assert_int_equal(m.n_offers, 0);
}

static void other_domains_and_situations_are_not_interpreted(void **s)
{
	(void)s;
	size_t proposal, transform;
	struct build b = begin_offer1(&proposal, &transform);
	struct ike_message m;

	put_tv(&b, 1, 7);
	end_offer1(&b, proposal, transform);
	memset(b.bytes + proposal, 0xff, 4);
	assert_int_equal(parse(&b, &m), VERDICT_MALFORMED);

	struct build labelled = b;

	b.bytes[IKE_HEADER_LEN + IKE_PAYLOAD_HEADER_LEN + 3] = 2;
	assert_int_equal(parse(&b, &m), VERDICT_OK);
	assert_int_equal(m.n_offers, 0);

	labelled.bytes[IKE_HEADER_LEN + IKE_PAYLOAD_HEADER_LEN + 7] = 3;	/* and secrecy */
	assert_int_equal(parse(&labelled, &m), VERDICT_OK);
	assert_int_equal(m.n_offers, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transforms_come_with_their_proposal_and_key_length),
		cmocka_unit_test(proposals_that_lie_about_their_length_are_malformed),
		cmocka_unit_test(transforms_that_lie_about_their_length_are_malformed),
		cmocka_unit_test(an_spi_longer_than_its_proposal_is_malformed),
		cmocka_unit_test(a_hundred_proposals_are_counted),
		cmocka_unit_test(the_prf_of_phase_1_is_read),
		cmocka_unit_test(a_lifetime_of_four_bytes_is_read),
		cmocka_unit_test(a_lifetime_in_place_of_the_length_is_read),
		cmocka_unit_test(seconds_and_kilobytes_are_told_apart),
		cmocka_unit_test(a_duration_without_its_type_is_no_lifetime),
		cmocka_unit_test(one_type_serves_one_duration),
		cmocka_unit_test(a_duration_of_more_than_64_bits_is_no_lifetime),
		cmocka_unit_test(an_empty_duration_is_no_lifetime),
		cmocka_unit_test(life_types_that_nobody_defined_are_passed_over),
		cmocka_unit_test(no_code_point_has_more_than_16_bits),
		cmocka_unit_test(the_spi_of_an_ikev1_proposal_is_stepped_over),
		cmocka_unit_test(sixty_offers_are_counted),
		cmocka_unit_test(an_attribute_longer_than_its_transform_is_malformed),
		cmocka_unit_test(a_transform_that_ends_in_the_middle_of_an_attribute_is_malformed),
		cmocka_unit_test(offers_of_ikev1_that_lie_about_their_length_are_malformed),
		cmocka_unit_test(only_isakmp_proposals_make_phase_1_offers),
		cmocka_unit_test(other_domains_and_situations_are_not_interpreted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
