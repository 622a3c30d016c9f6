/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SA payloads.  IKEv2, RFC 7296 3.3: proposals hold transforms that are
 * combined freely, one of each type.  IKEv1, RFC 2408 3.4 to 3.6 and RFC 2409
 * appendix A: each transform is a whole offer, described by attributes.
 */
#include "wire/ike_sa_payload.h"

enum {
	SUBSTRUCTURE_HEADER_LEN = 4,	/* more(1) reserved(1) length(2) */
	ATTRIBUTE_TV = 0x8000,		/* AF bit: the value stands in place of the length */
	ATTRIBUTE_KEY_LENGTH = 14,	/* same number in both versions */
	DOI_IPSEC = 1,
	SITUATION_IDENTITY_ONLY = 1,	/* RFC 2407 4.2; other bits add labels */
	PROTOCOL_ISAKMP = 1,
};

enum {
	OAKLEY_ENCRYPTION = 1, OAKLEY_HASH = 2, OAKLEY_AUTH = 3, OAKLEY_GROUP = 4,
	OAKLEY_LIFE_TYPE = 11, OAKLEY_LIFE_DURATION = 12, OAKLEY_PRF = 13,
};

enum { LIFE_NONE = 0, LIFE_SECONDS = 1, LIFE_KILOBYTES = 2 };

static enum verdict worse(enum verdict a, enum verdict b)
{
	return a > b ? a : b;
}

/* The body of the proposal or transform that begins at `r`. */
static struct reader substructure(struct reader *r)
{
	reader_skip(r, 2);

	size_t length = reader_u16(r);

	if (length < SUBSTRUCTURE_HEADER_LEN)
		reader_reject(r, VERDICT_MALFORMED);
	return reader_sub(r, length - SUBSTRUCTURE_HEADER_LEN);
}

/* A data attribute, RFC 2408 3.3, RFC 7296 3.3.5. */
struct attribute {
	uint16_t type;
	uint64_t value;		/* as a number, whatever its width */
	bool is_number;		/* it has 1 to 8 significant bytes */
};

static struct attribute attribute_read(struct reader *r)
{
	uint16_t first = reader_u16(r), second = reader_u16(r);
	struct attribute a = { first & (ATTRIBUTE_TV - 1), second, true };

	if (first & ATTRIBUTE_TV)
		return a;

	struct bytes b = reader_bytes(r, second);
	size_t zeros = 0;

	while (zeros < b.length && b.data[zeros] == 0)
		zeros++;
	a.is_number = b.length > 0 && b.length - zeros <= sizeof(a.value);
	a.value = 0;
	for (size_t i = zeros; a.is_number && i < b.length; i++)
		a.value = a.value << 8 | b.data[i];
	return a;
}

/* Attribute values that are code points or key lengths: out of 16 bits there is none. */
static uint16_t code_point(const struct attribute *a)
{
	return a->is_number && a->value <= UINT16_MAX ? (uint16_t)a->value : 0;
}

static enum verdict ike2_transform_parse(struct reader r, struct ike2_transform t,
					 struct ike_message *m)
{
	t.type = reader_u8(&r);
	reader_skip(&r, 1);
	t.id = reader_u16(&r);
	t.key_bits = 0;
	while (reader_remaining(&r) > 0) {
		struct attribute a = attribute_read(&r);

		if (reader_ok(&r) && a.type == ATTRIBUTE_KEY_LENGTH)
			t.key_bits = code_point(&a);
	}
	if (reader_ok(&r)) {
		if (m->n_transforms < IKE_TRANSFORMS_MAX)
			m->transforms[m->n_transforms] = t;
		m->n_transforms++;
	}
	return r.verdict;
}

enum verdict ike2_sa_payload_parse(struct reader body, struct ike_message *m)
{
	enum verdict worst = VERDICT_OK;

	while (reader_remaining(&body) > 0) {
		struct reader r = substructure(&body);
		struct ike2_transform t = { .proposal = reader_u8(&r) };

		t.protocol = reader_u8(&r);

		uint8_t spi_size = reader_u8(&r);

		reader_skip(&r, 1);	/* number of transforms */
		reader_skip(&r, spi_size);
		if (reader_ok(&r))
			m->n_proposals++;
		while (reader_remaining(&r) > 0) {
			struct reader transform = substructure(&r);

			worst = worse(worst, ike2_transform_parse(transform, t, m));
		}
		worst = worse(worst, r.verdict);
	}
	return worst;
}

/* RFC 2409 appendix A: life types may repeat, and a duration belongs to the type before it. */
static void offer_life(struct ike1_offer *o, uint16_t type, const struct attribute *duration)
{
	if (type == LIFE_NONE || !duration->is_number) {
		o->life_malformed = true;
	} else if (type == LIFE_SECONDS) {
		o->life_seconds = duration->value;
		o->has_life_seconds = true;
	} else if (type == LIFE_KILOBYTES) {
		o->life_kilobytes = duration->value;
		o->has_life_kilobytes = true;
	}
}

static enum verdict ike1_transform_parse(struct reader r, struct ike_message *m)
{
	struct ike1_offer o = { 0 };
	uint16_t life_type = LIFE_NONE;

	reader_skip(&r, 4);	/* number, id (always KEY_IKE), reserved */
	while (reader_remaining(&r) > 0) {
		struct attribute a = attribute_read(&r);

		if (!reader_ok(&r))
			break;
		switch (a.type) {
		case OAKLEY_ENCRYPTION:
			o.encryption = code_point(&a);
			break;
		case OAKLEY_HASH:
			o.hash = code_point(&a);
			break;
		case OAKLEY_AUTH:
			o.auth = code_point(&a);
			break;
		case OAKLEY_GROUP:
			o.group = code_point(&a);
			break;
		case OAKLEY_PRF:
			o.prf = code_point(&a);
			break;
		case ATTRIBUTE_KEY_LENGTH:
			o.key_bits = code_point(&a);
			break;
		case OAKLEY_LIFE_TYPE:
			life_type = code_point(&a);
			break;
		case OAKLEY_LIFE_DURATION:
			offer_life(&o, life_type, &a);
			life_type = LIFE_NONE;
			break;
		}
	}
	if (reader_ok(&r)) {
		if (m->n_offers < IKE_OFFERS_MAX)
			m->offers[m->n_offers] = o;
		m->n_offers++;
	}
	return r.verdict;
}

enum verdict ike1_sa_payload_parse(struct reader body, struct ike_message *m)
{
	enum verdict worst = VERDICT_OK;
	uint32_t doi = reader_u32(&body);

	if (doi != DOI_IPSEC || reader_u32(&body) != SITUATION_IDENTITY_ONLY)
		return body.verdict;
	while (reader_remaining(&body) > 0) {
		struct reader r = substructure(&body);

		reader_skip(&r, 1);	/* number */

		uint8_t protocol = reader_u8(&r), spi_size = reader_u8(&r);

		reader_skip(&r, 1);	/* number of transforms */
		reader_skip(&r, spi_size);
		if (reader_ok(&r))
			m->n_proposals++;
		while (reader_remaining(&r) > 0) {
			struct reader transform = substructure(&r);

			if (protocol == PROTOCOL_ISAKMP)
				worst = worse(worst, ike1_transform_parse(transform, m));
		}
		worst = worse(worst, r.verdict);
	}
	return worst;
}
