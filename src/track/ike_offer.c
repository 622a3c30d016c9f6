/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the clear messages of a set-up tell about an IKE SA: offers, chosen suite, NAT, vendors. */
#include "track/tracker.h"

#include <sawatch/ike_registry.h>

#include <string.h>

static void remember_vendors(struct ike_sa *sa, const struct ike_message *m, int8_t side)
{
	static const char digit[] = "0123456789abcdef";

	for (unsigned i = 0; i < m->n_vendor_ids && i < IKE_VENDOR_IDS_MAX; i++) {
		const struct ike_vendor_id *v = &m->vendor_ids[i];
		char hex[TRACK_VENDOR_HEX] = "";
		bool known = false;

		for (unsigned b = 0; b < v->length && b < 16; b++) {
			hex[2 * b] = digit[v->bytes[b] >> 4];
			hex[2 * b + 1] = digit[v->bytes[b] & 15];
		}
		for (unsigned k = 0; k < sa->n_vendors; k++)
			known |=
				sa->vendors[k].side == side && strcmp(sa->vendors[k].hex, hex) == 0;
		if (known || sa->n_vendors == TRACK_VENDORS_MAX)
			continue;
		sa->vendors[sa->n_vendors].name = v->name;
		sa->vendors[sa->n_vendors].side = side;
		memcpy(sa->vendors[sa->n_vendors].hex, hex, sizeof(hex));
		sa->n_vendors++;
	}
}

/* RFC 7296 2.23: no source hash fits the address we see -> the sender stands behind a NAT. */
static void judge_nat(struct tracker *t, struct ike_sa *sa, const struct arrival *a,
		      const struct ike_message *m)
{
	int sender = a->side == sa->initiator_side ? 0 : 1;
	/* IKEv1 hashes hold both cookies; the first IKEv2 request has no responder SPI yet. */
	uint64_t spi_r = m->header.spi_r;
	tristate found[2] = { RECORD_UNKNOWN, RECORD_UNKNOWN };

	for (unsigned i = 0; i < m->n_nat_source && i < IKE_NAT_SOURCES_MAX; i++) {
		bool fits = ike_nat_hash_matches(m->nat_source[i], m->header.spi_i, spi_r,
						 a->packet->src, a->src_port);

		found[sender] = (tristate)(found[sender] == 0 || fits ? 0 : 1);
	}
	for (unsigned i = 0; i < m->n_nat_destination && i < 2; i++)
		found[1 - sender] = ike_nat_hash_matches(m->nat_destination[i], m->header.spi_i,
							 spi_r, a->packet->dst, a->dst_port)
					    ? 0
					    : 1;
	for (int role = 0; role < 2; role++) {
		int side = role == 0 ? sa->initiator_side : 1 - sa->initiator_side;
		struct tunnel *w = &t->tunnels[sa->tunnel];

		if (found[role] == RECORD_UNKNOWN || sa->nat[role] == 1)
			continue;
		sa->nat[role] = found[role];
		if (found[role] == 1 && w->behind_nat[side] != 1) {
			struct event ev = event_of(t, EVENT_NAT_FOUND, a->at, sa->tunnel);

			ev.ike_sa = (uint32_t)(sa - t->ike_sas);
			ev.side = (int8_t)side;
			event_emit(t, &ev);
		}
		/*
		 * on either side of a NAT one of both messages fits: that nobody is behind one,
		 * only the answer can say
		 */
		if (found[role] == 1 || sender == 1)
			w->behind_nat[side] = found[role];
	}
}

static void choose2(struct ike_sa *sa, const struct ike_message *m)
{
	for (unsigned i = 0; i < m->n_transforms && i < IKE_TRANSFORMS_MAX; i++) {
		const struct ike2_transform *f = &m->transforms[i];

		switch (f->type) {
		case IKE2_TRANSFORM_ENCR:
			sa->encr = f->id;
			sa->key_bits = f->key_bits;
			break;
		case IKE2_TRANSFORM_PRF:
			sa->prf = f->id;
			break;
		case IKE2_TRANSFORM_INTEG:
			sa->integ = f->id;
			break;
		case IKE2_TRANSFORM_KE:
			sa->group = f->id;
			break;
		}
	}
}

/*
 * The longest IKE message that can still be an error answer inside SK: empty,
 * or one notify (DETECTION-FACTS 1.8, 3.3).
 */
static uint32_t error_bytes_max(const struct ike_sa *sa)
{
	unsigned icv = ike2_encr_icv_bytes(sa->encr), iv = ike2_encr_iv_bytes(sa->encr);

	if (sa->encr == 0 || iv == 0)
		return 0;
	if (icv != 0)			/* AEAD */
		return IKE_HEADER_LEN + IKE_PAYLOAD_HEADER_LEN + iv + icv + 24;
	return IKE_HEADER_LEN + IKE_PAYLOAD_HEADER_LEN + iv + ike2_integ_icv_bytes(sa->integ) +
	       2 * ike2_encr_block_bytes(sa->encr);
}

static void choose1(struct ike_sa *sa, const struct ike1_offer *o)
{
	sa->encr = o->encryption;
	sa->key_bits = o->key_bits;
	sa->integ = o->hash;
	sa->prf = o->prf;
	sa->group = o->group;
	sa->auth = o->auth;
	sa->life_seconds = o->life_seconds;
	sa->life_kilobytes = o->life_kilobytes;
	sa->has_life_seconds = o->has_life_seconds;
	sa->has_life_kilobytes = o->has_life_kilobytes;
}

static void emit_lifetime(struct tracker *t, enum event_kind kind, uint32_t ike_sa,
			  const struct arrival *a)
{
	struct event ev = event_of(t, kind, a->at, t->ike_sas[ike_sa].tunnel);

	ev.ike_sa = ike_sa;
	ev.side = a->side;
	event_emit(t, &ev);
}

void ike_sa_clear_parts(struct tracker *t, uint32_t ike_sa, const struct arrival *a,
			const struct ike_message *m)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	bool from_initiator = a->side == sa->initiator_side;

	remember_vendors(sa, m, a->side);
	if (m->n_nat_source + m->n_nat_destination > 0)
		judge_nat(t, sa, a, m);
	if (m->n_transforms > 0 && !from_initiator) {
		choose2(sa, m);
		sa->error_bytes_max = error_bytes_max(sa);
	} else if (m->n_transforms > 0) {
		unsigned n = m->n_transforms;

		if (n > TRACK_TRANSFORMS_MAX)
			n = TRACK_TRANSFORMS_MAX;
		ike_sa_make_room(t, ike_sa, n, 0);
		memcpy(sa->transforms, m->transforms, n * sizeof(*m->transforms));
		sa->n_transforms = (uint8_t)n;
		sa->n_offers = 0;
		sa->offer_frame = a->frame->number;
	}
	if (m->n_offers > 0 && !from_initiator) {
		choose1(sa, &m->offers[0]);
		emit_lifetime(t, EVENT_LIFETIME_ANSWERED, ike_sa, a);
	} else if (m->n_offers > 0 && sa->n_offers == 0) {
		unsigned n = m->n_offers < TRACK_OFFERS_MAX ? m->n_offers : TRACK_OFFERS_MAX;

		ike_sa_make_room(t, ike_sa, 0, n);
		memcpy(sa->offers1, m->offers, n * sizeof(*m->offers));
		sa->n_offers = (uint8_t)n;
		sa->n_transforms = 0;
		sa->offer_frame = a->frame->number;
		emit_lifetime(t, EVENT_LIFETIME_OFFERED, ike_sa, a);
	}
	sa->flags |= IKE_SA_DIRTY;
}
