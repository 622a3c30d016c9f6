/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ike_say.h"

static struct sim_ike begin(struct sim_frame *f, const struct sim_session *s, uint8_t exchange,
			    bool encrypted, uint32_t message_id)
{
	struct sim_ike_head h = {
		s->spi_i, s->spi_r, SIM_IKE1, exchange, encrypted ? F1_ENCRYPTED : 0, message_id
	};

	return sim_ike_begin(f, &h);
}

static void vendor_ids(struct sim_ike *m, const char *const *names)
{
	for (const char *const *v = names; v && *v; v++)
		sim_ike_vendor(m, *v);
}

/* MM5 and MM6: identity, hash (or certificate and signature), a notify in MM5. */
static size_t inner_identity(const struct sim_session *s, bool first)
{
	size_t proof = s->cert_len ? 5u + s->cert_len + 4 + 256 : 4u + s->suite->v1_hash_len;

	return 8u + s->id_len + proof + (first ? 28u : 0);
}

void sim_say_main(struct sim_frame *f, const struct sim_session *s, const struct sim_main *m,
		  unsigned step, struct sim_rng *r)
{
	struct sim_session clear = *s;

	if (step == 1)
		clear.spi_r = 0;

	struct sim_ike k = begin(f, &clear, X1_MAIN, step >= 5, 0);

	if (step <= 2) {
		sim_ike1_sa(&k, m->offers, step == 1 ? m->n_offers : 1);
		vendor_ids(&k, m->vendor_ids);
	} else if (step <= 4) {
		sim_ike_random(&k, P1_KE, sim_group_ke_len(s->group), r);
		sim_ike_random(&k, P1_NONCE, 32, r);
		/* remote end first, RFC 3947 3.2 */
		sim_ike1_natd(&k, s->suite, s->spi_i, s->spi_r, m->dst);
		sim_ike1_natd(&k, s->suite, s->spi_i, s->spi_r, m->src);
	} else {
		sim_ike1_encrypted(&k, s->suite, P1_ID, inner_identity(s, step == 5), r);
	}
	sim_ike_end(&k);
}

static void put_identity(struct sim_ike *k, const struct sim_session *s, struct sim_endpoint e)
{
	if (s->id_len == 4 && !e.addr.v6) {
		unsigned char *p = sim_ike_payload(k, P1_ID, 8);

		p[0] = 1;	/* ID_IPV4_ADDR */
		for (unsigned i = 0; i < 4; i++)
			p[4 + i] = e.addr.bytes[i];
		return;
	}

	unsigned char *p = sim_ike_payload(k, P1_ID, 4u + s->id_len);

	p[0] = 2;		/* ID_FQDN */
	for (unsigned i = 0; i < s->id_len; i++)
		p[4 + i] = (unsigned char)("gateway.example.net"[i % 19]);
}

void sim_say_aggressive(struct sim_frame *f, const struct sim_session *s, const struct sim_main *m,
			unsigned step, struct sim_rng *r)
{
	struct sim_session clear = *s;

	if (step == 1)
		clear.spi_r = 0;

	struct sim_ike k = begin(f, &clear, X1_AGGRESSIVE, step == 3, 0);

	if (step == 3) {
		sim_ike1_encrypted(&k, s->suite, P1_HASH,
				   4u + s->suite->v1_hash_len + 2 * (4u + s->suite->v1_hash_len),
				   r);
		sim_ike_end(&k);
		return;
	}
	sim_ike1_sa(&k, m->offers, step == 1 ? m->n_offers : 1);
	sim_ike_random(&k, P1_KE, sim_group_ke_len(s->group), r);
	sim_ike_random(&k, P1_NONCE, 32, r);
	put_identity(&k, s, m->src);
	if (step == 2) {
		sim_ike_random(&k, P1_HASH, s->suite->v1_hash_len, r);
		sim_ike1_natd(&k, s->suite, s->spi_i, s->spi_r, m->dst);
		sim_ike1_natd(&k, s->suite, s->spi_i, s->spi_r, m->src);
	}
	vendor_ids(&k, m->vendor_ids);
	sim_ike_end(&k);
}

void sim_say_quick(struct sim_frame *f, const struct sim_session *s, uint32_t message_id,
		   unsigned step, struct sim_rng *r)
{
	struct sim_ike k = begin(f, s, X1_QUICK, true, message_id);
	size_t inner = 4u + s->suite->v1_hash_len;

	if (step < 3) {
		/*
		 * SA (DOI, situation, proposal with SPI, transform: life, mode, auth, key length),
		 * nonce, IDs
		 */
		inner += 12 + 12 + 8 + 4 * 7 + (4 + 20) + 2 * (s->v6 ? 8u + 32 : 8u + 8);
		if (s->pfs_group)
			inner += 4 + 4 + sim_group_ke_len(s->pfs_group);
	}
	sim_ike1_encrypted(&k, s->suite, P1_HASH, inner, r);
	sim_ike_end(&k);
}

void sim_say_info1(struct sim_frame *f, const struct sim_session *s, uint32_t message_id,
		   enum sim_info1 what, struct sim_rng *r)
{
	struct sim_ike k = begin(f, s, X1_INFO, true, message_id);
	size_t inner = 4u + s->suite->v1_hash_len;

	switch (what) {
	case SIM_INFO1_DELETE_ESP:
	case SIM_INFO1_ERROR:
		inner += 16;
		break;
	case SIM_INFO1_DELETE_IKE:
		inner += 28;
		break;
	case SIM_INFO1_DPD:
		inner += 32;
		break;
	}
	sim_ike1_encrypted(&k, s->suite, P1_HASH, inner, r);
	sim_ike_end(&k);
}

void sim_say_info1_clear(struct sim_frame *f, uint64_t cookie_i, uint64_t cookie_r,
			 uint32_t message_id, uint16_t notify)
{
	struct sim_ike_head h = { cookie_i, cookie_r, SIM_IKE1, X1_INFO, 0, message_id };
	struct sim_ike k = sim_ike_begin(f, &h);
	unsigned char *p = sim_ike_payload(&k, P1_NOTIFY, 8);

	sim_set32(p, 1);	/* DOI: IPSEC */
	p[4] = 1;		/* ISAKMP */
	sim_set16(p + 6, notify);
	sim_ike_end(&k);
}
