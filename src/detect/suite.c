/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/suite.h"

#include <sawatch/ike_registry.h>

enum { KEY_BITS_MIN = 128 };

static enum strength encryption_strength(unsigned major, uint16_t id, uint16_t key_bits)
{
	if (key_bits > 0 && key_bits < KEY_BITS_MIN)
		return STRENGTH_WEAK;
	if (major == 1)
		return id == IKE1_ENCR_DES ? STRENGTH_BROKEN :
		       id >= IKE1_ENCR_IDEA && id <= IKE1_ENCR_CAST ? STRENGTH_WEAK : STRENGTH_GOOD;
	switch (id) {
	case IKE2_ENCR_DES_IV64: case IKE2_ENCR_DES: case IKE2_ENCR_DES_IV32: case IKE2_ENCR_NULL:
		return STRENGTH_BROKEN;
	case IKE2_ENCR_3DES:
	case IKE2_ENCR_RC5:
	case IKE2_ENCR_IDEA:
	case IKE2_ENCR_CAST:
	case IKE2_ENCR_BLOWFISH:
	case IKE2_ENCR_3IDEA:
		return STRENGTH_WEAK;
	default:
		return STRENGTH_GOOD;
	}
}

static enum strength integrity_strength(unsigned major, uint16_t id)
{
	if (major == 1)
		return id == IKE1_HASH_MD5    ? STRENGTH_BROKEN
		       : id == IKE1_HASH_SHA1 ? STRENGTH_DATED
					      : STRENGTH_GOOD;
	switch (id) {
	case IKE2_INTEG_HMAC_MD5_96:
	case IKE2_INTEG_HMAC_MD5_128:
	case IKE2_INTEG_KPDK_MD5:
	case IKE2_INTEG_DES_MAC:
		return STRENGTH_BROKEN;
	case IKE2_INTEG_HMAC_SHA1_96: case IKE2_INTEG_HMAC_SHA1_160:
		return STRENGTH_DATED;
	default:
		return STRENGTH_GOOD;
	}
}

/*
 * IKEv1 has the hash for it, except when the offer names one, and those have no numbers in the
 * registry.
 */
static enum strength prf_strength(unsigned major, uint16_t id)
{
	return major == 1 ? STRENGTH_GOOD : id == IKE2_PRF_HMAC_MD5 ? STRENGTH_WEAK :
	       id == IKE2_PRF_HMAC_SHA1 ? STRENGTH_DATED : STRENGTH_GOOD;
}

enum strength group_strength(uint16_t group)
{
	switch (group) {
	case IKE_GROUP_MODP_768:
		return STRENGTH_BROKEN;
	case IKE_GROUP_MODP_1024:
	case IKE_GROUP_MODP_1536:
	case IKE_GROUP_MODP_1024_160:
	case IKE_GROUP_EC2N_155:
	case IKE_GROUP_EC2N_185:
		return STRENGTH_WEAK;
	case IKE_GROUP_MODP_2048_224: case IKE_GROUP_MODP_2048_256: case IKE_GROUP_ECP_192:
		return STRENGTH_DATED;
	default:
		return STRENGTH_GOOD;
	}
}

enum { PARTS = 4 };

struct part {
	enum strength strength;
	const char *name;	/* NULL: not there, or without a name */
	uint16_t key_bits;
};

struct suite suite_of(const struct ike_sa *sa)
{
	return (struct suite){ sa->major, sa->encr, sa->key_bits, sa->integ, sa->prf, sa->group };
}

static void parts_of(const struct suite *u, struct part ret[PARTS])
{
	bool v1 = u->major == 1;

	ret[0] = (struct part){ encryption_strength(u->major, u->encr, u->key_bits),
				v1 ? ike1_encryption_name(u->encr)
				   : ike2_transform_name(IKE2_TRANSFORM_ENCR, u->encr),
				u->key_bits };
	ret[1] = (struct part){ integrity_strength(u->major, u->integ),
				v1 ? ike1_hash_name(u->integ)
				   : ike2_transform_name(IKE2_TRANSFORM_INTEG, u->integ),
				0 };
	ret[2] = (struct part){ prf_strength(u->major, u->prf),
				v1 ? NULL : ike2_transform_name(IKE2_TRANSFORM_PRF, u->prf), 0 };
	ret[3] = (struct part){ group_strength(u->group), ike_group_name(u->group), 0 };
	if (u->encr == 0)
		ret[0].name = NULL;
	if (u->integ == 0)	/* an AEAD needs none */
		ret[1].name = NULL;
	if (u->prf == 0)
		ret[2].name = NULL;
	if (u->group == 0)
		ret[3].name = NULL;
}

bool suite_known(const struct ike_sa *sa)
{
	return sa->encr != 0;
}

enum strength suite_algorithms(const struct ike_sa *sa)
{
	const struct suite suite = suite_of(sa);
	struct part parts[PARTS];
	enum strength weakest = STRENGTH_GOOD;

	parts_of(&suite, parts);
	for (int i = 0; i < PARTS; i++)
		if (parts[i].name && parts[i].strength < weakest)
			weakest = parts[i].strength;
	return weakest;
}

enum strength suite_strength(const struct ike_sa *sa)
{
	enum strength s = suite_algorithms(sa);

	return sa->major == 1 && s > STRENGTH_DATED ? STRENGTH_DATED : s;
}

static void add(struct text *ret, const struct part *p)
{
	text_add(ret, "%s%s", ret->used ? " " : "", p->name);
	if (p->key_bits > 0)
		text_add(ret, "-%u", p->key_bits);
}

void suite_names(const struct ike_sa *sa, enum strength at_most, struct text *ret)
{
	const struct suite suite = suite_of(sa);
	struct part parts[PARTS];

	parts_of(&suite, parts);
	for (int i = 0; i < PARTS; i++)
		if (parts[i].name && parts[i].strength <= at_most)
			add(ret, &parts[i]);
	if (sa->major == 1 && at_most >= STRENGTH_DATED)
		text_add(ret, "%sIKEv1", ret->used ? " " : "");
}

void suite_text(const struct suite *suite, struct text *ret)
{
	struct part parts[PARTS];

	parts_of(suite, parts);
	text_add(ret, "IKEv%u", suite->major);
	for (int i = 0; i < PARTS; i++)
		/* the PRF says nothing that the integrity does not */
		if (parts[i].name && i != 2)
			add(ret, &parts[i]);
}

enum strength suite_offered(const struct ike_sa *sa, const char **ret_name)
{
	enum strength weakest = STRENGTH_GOOD;

	*ret_name = NULL;
	for (unsigned i = 0; i < sa->n_transforms; i++) {
		const struct ike2_transform *f = &sa->transforms[i];
		enum strength s = f->type == IKE2_TRANSFORM_ENCR
					  ? encryption_strength(2, f->id, f->key_bits)
				  : f->type == IKE2_TRANSFORM_INTEG ? integrity_strength(2, f->id)
				  : f->type == IKE2_TRANSFORM_KE    ? group_strength(f->id)
								    : STRENGTH_GOOD;

		if (s < weakest) {
			weakest = s;
			*ret_name = ike2_transform_name(f->type, f->id);
		}
	}
	for (unsigned i = 0; i < sa->n_offers; i++) {
		const struct ike1_offer *o = &sa->offers1[i];
		struct part of[] = { { encryption_strength(1, o->encryption, o->key_bits),
				       ike1_encryption_name(o->encryption), 0 },
				     { integrity_strength(1, o->hash), ike1_hash_name(o->hash), 0 },
				     { group_strength(o->group), ike_group_name(o->group), 0 } };

		for (size_t n = 0; n < sizeof(of) / sizeof(of[0]); n++)
			if (of[n].strength < weakest) {
				weakest = of[n].strength;
				*ret_name = of[n].name;
			}
	}
	return weakest;
}
