/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ike_say.h"

void sim_say_init(struct sim_frame *f, const struct sim_session *s, const struct sim_init *i,
		  bool response, struct sim_rng *r)
{
	struct sim_ike_head h = { s->spi_i, response ? s->spi_r : 0, SIM_IKE2, X2_SA_INIT,
				  response ? F2_RESPONSE : F2_INITIATOR, 0 };
	struct sim_ike m = sim_ike_begin(f, &h);
	/* RFC 7427: SHA2, identity */
	static const unsigned char hashes[8] = { 0, 2, 0, 3, 0, 4, 0, 5 };

	if (i->cookie_len > 0)
		sim_ike2_notify(&m, 0, N2_COOKIE, NULL, 0, i->cookie, i->cookie_len);
	sim_ike2_sa(&m, i->offers, response ? 1 : i->n_offers, 0);
	sim_ike2_ke(&m, i->wrong_group ? i->wrong_group : s->group, r);
	sim_ike_random(&m, P2_NONCE, 32, r);
	sim_ike2_nat(&m, N2_NAT_SOURCE, h.spi_i, h.spi_r, i->src);
	sim_ike2_nat(&m, N2_NAT_DESTINATION, h.spi_i, h.spi_r, i->dst);
	if (i->fragmentation)
		sim_ike2_notify(&m, 0, N2_FRAGMENTATION, NULL, 0, NULL, 0);
	sim_ike2_notify(&m, 0, N2_HASHES, NULL, 0, hashes, sizeof hashes);
	if (i->intermediate)
		sim_ike2_notify(&m, 0, N2_INTERMEDIATE, NULL, 0, NULL, 0);
	sim_ike2_notify(&m, 0, response ? N2_CHILDLESS : N2_REDIRECT, NULL, 0, NULL, 0);
	for (const char *const *v = i->vendor_ids; v && *v; v++)
		sim_ike_vendor(&m, *v);
	sim_ike_end(&m);
}

void sim_say_init_error(struct sim_frame *f, uint64_t spi_i, uint64_t spi_r, uint16_t notify,
			const void *data, size_t n)
{
	struct sim_ike_head h = { spi_i, spi_r, SIM_IKE2, X2_SA_INIT, F2_RESPONSE, 0 };
	struct sim_ike m = sim_ike_begin(f, &h);

	sim_ike2_notify(&m, 0, notify, NULL, 0, data, n);
	sim_ike_end(&m);
}

void sim_say_invalid_spi(struct sim_frame *f, uint32_t spi)
{
	/* RFC 7296 1.5: no IKE SA to speak in; the ESP SPI is the notification data */
	struct sim_ike_head h = { 0, 0, SIM_IKE2, X2_INFO, F2_INITIATOR, 0 };
	struct sim_ike m = sim_ike_begin(f, &h);
	unsigned char data[4];

	sim_set32(data, spi);
	sim_ike2_notify(&m, 0, N2_INVALID_SPI, NULL, 0, data, 4);
	sim_ike_end(&m);
}

void sim_say_invalid_ike_spi(struct sim_frame *f, const struct sim_ike_head *about)
{
	struct sim_ike_head h = *about;

	h.flags = F2_RESPONSE;

	struct sim_ike m = sim_ike_begin(f, &h);

	sim_ike2_notify(&m, 0, N2_INVALID_IKE_SPI, NULL, 0, NULL, 0);
	sim_ike_end(&m);
}

static struct sim_ike_head head_of(const struct sim_session *s, const struct sim_protected *p)
{
	uint8_t flags =
		(uint8_t)((p->response ? F2_RESPONSE : 0) | (p->by_initiator ? F2_INITIATOR : 0));

	return (struct sim_ike_head){ s->spi_i,    s->spi_r, SIM_IKE2,
				      p->exchange, flags,    p->message_id };
}

void sim_say_protected(struct sim_frame *f, const struct sim_session *s,
		       const struct sim_protected *p, struct sim_rng *r)
{
	struct sim_ike_head h = head_of(s, p);
	struct sim_ike m = sim_ike_begin(f, &h);

	sim_ike2_sk(&m, s->suite, p->np1, p->inner, r);
	sim_ike_end(&m);
}

void sim_say_fragment(struct sim_frame *f, const struct sim_session *s,
		      const struct sim_protected *p, unsigned number, unsigned total, size_t limit,
		      struct sim_rng *r)
{
	struct sim_ike_head h = head_of(s, p);
	struct sim_ike m = sim_ike_begin(f, &h);
	size_t before = (size_t)(number - 1) * limit;
	size_t inner = p->inner - before < limit ? p->inner - before : limit;

	sim_ike2_skf(&m, s->suite, p->np1, number, total, inner, r);
	sim_ike_end(&m);
}

static size_t inner_esp_sa(const struct sim_session *s, bool pfs)
{
	return 4u + 8 + 4 + (s->suite->key_bits ? 12 : 8) + (s->suite->integ ? 8 : 0) +
	       (pfs ? 8 : 0) + 8;
}

static size_t inner_selectors(const struct sim_session *s)
{
	return s->v6 ? 2 * (8 + 40) : 2 * (8 + 16);
}

size_t sim_inner_auth(const struct sim_session *s, bool response)
{
	size_t proof = s->cert_len ? 5u + s->cert_len + 8 + 256 : 8u + s->suite->v1_hash_len;

	/* request: IDi, N(INITIAL_CONTACT), IDr, AUTH, SA, TSi, TSr, two status notifies */
	return 8u + s->id_len + (response ? 0 : 8u + 8u + s->id_len + 16u) + proof +
	       inner_esp_sa(s, false) + inner_selectors(s);
}

size_t sim_inner_auth_eap(const struct sim_session *s, unsigned round, unsigned rounds,
			  bool response)
{
	if (round == 1)
		return response ? sim_inner_auth(s, true) - inner_esp_sa(s, false) -
					  inner_selectors(s) + 9
				: sim_inner_auth(s, false) - 8u - s->suite->v1_hash_len;
	if (round < rounds)
		return response ? 4 + 60 : 4 + 66;		/* MSCHAPv2 challenge and answer */
	return response ? 8u + s->suite->v1_hash_len + inner_esp_sa(s, false) + inner_selectors(s)
			: 8u + s->suite->v1_hash_len;
}

size_t sim_inner_auth_no_child(const struct sim_session *s)
{
	return sim_inner_auth(s, true) - inner_esp_sa(s, false) - inner_selectors(s) + 8;
}

size_t sim_inner_child(const struct sim_session *s, bool rekey_notify, bool pfs)
{
	return (rekey_notify ? 12u : 0) + inner_esp_sa(s, pfs) + 36 +
	       (pfs ? 8u + sim_group_ke_len(s->pfs_group) : 0) + inner_selectors(s);
}

size_t sim_inner_ike_rekey(const struct sim_session *s)
{
	size_t sa = 4u + 8 + 8 + (s->suite->key_bits ? 12 : 8) + (s->suite->integ ? 8 : 0) + 8 + 8;

	return sa + 36 + 8 + sim_group_ke_len(s->group);
}
