/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ike_build.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

const struct sim_suite sim_suites[] = {
	{ "aes128-sha1", 12, 128, 2, 2, 7, 2, 16, 16, 12, 20 },
	{ "aes128-sha256", 12, 128, 12, 5, 7, 4, 16, 16, 16, 32 },
	{ "aes256-sha256", 12, 256, 12, 5, 7, 4, 16, 16, 16, 32 },
	{ "aes256-sha384", 12, 256, 13, 6, 7, 5, 16, 16, 24, 48 },
	{ "aes256-sha512", 12, 256, 14, 7, 7, 6, 16, 16, 32, 64 },
	{ "aes256-sha1", 12, 256, 2, 2, 7, 2, 16, 16, 12, 20 },
	{ "3des-sha1", 3, 0, 2, 2, 5, 2, 8, 8, 12, 20 },
	{ "3des-md5", 3, 0, 1, 1, 5, 1, 8, 8, 12, 16 },
	{ "des-md5", 2, 0, 1, 1, 1, 1, 8, 8, 12, 16 },
	{ "aes128gcm16-sha256", 20, 128, 0, 5, 0, 0, 8, 1, 16, 32 },
	{ "aes256gcm16-sha384", 20, 256, 0, 6, 0, 0, 8, 1, 16, 48 },
	{ "aes256gcm16-pad8", 20, 256, 0, 6, 0, 0, 8, 8, 16, 48 },	/* as Cisco pads */
	{ "chacha20-sha256", 28, 0, 0, 5, 0, 0, 8, 1, 16, 32 },
	{ 0 },
};

const struct sim_suite *sim_suite(const char *name)
{
	for (const struct sim_suite *s = sim_suites; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

unsigned sim_group_ke_len(uint16_t group)
{
	switch (group) {
	case 1:
		return 96;
	case 2:
		return 128;
	case 5:
		return 192;
	case 14:
		return 256;
	case 15:
		return 384;
	case 16:
		return 512;
	case 19:
		return 64;
	case 20:
		return 96;
	case 21:
		return 132;
	case 31:
		return 32;
	case 36:
		return 1184;	/* ML-KEM-768 encapsulation key; the answer has 1088 */
	default:
		return 256;
	}
}

struct sim_ike sim_ike_begin(struct sim_frame *f, const struct sim_ike_head *h)
{
	struct sim_ike m = { .f = f, .base = f->length };

	sim_put64(f, h->spi_i);
	sim_put64(f, h->spi_r);
	m.next_at = f->length;
	sim_put8(f, 0);
	sim_put8(f, h->version);
	sim_put8(f, h->exchange);
	sim_put8(f, h->flags);
	sim_put32(f, h->message_id);
	sim_put32(f, 0);
	return m;
}

void sim_ike_end(struct sim_ike *m)
{
	sim_set32(sim_frame_data(m->f) + m->base + 24, (uint32_t)(m->f->length - m->base));
}

unsigned char *sim_ike_payload(struct sim_ike *m, uint8_t type, size_t body)
{
	sim_frame_data(m->f)[m->next_at] = type;
	m->next_at = m->f->length;

	unsigned char *p = sim_extend(m->f, 4 + body);

	sim_set16(p + 2, (unsigned)(4 + body));
	return p + 4;
}

void sim_ike_random(struct sim_ike *m, uint8_t type, size_t body, struct sim_rng *r)
{
	sim_rng_fill(r, sim_ike_payload(m, type, body), body);
}

/* RFC 7296 3.3.2; key_bits 0: no attribute. */
static unsigned char *put_transform(unsigned char *p, bool last, unsigned type, unsigned id,
				    unsigned key_bits)
{
	unsigned length = key_bits ? 12 : 8;

	p[0] = last ? 0 : 3;
	sim_set16(p + 2, length);
	p[4] = (unsigned char)type;
	sim_set16(p + 6, id);
	if (key_bits) {
		sim_set16(p + 8, 0x8000 | 14);
		sim_set16(p + 10, key_bits);
	}
	return p + length;
}

static size_t proposal_length(const struct sim_offer *o, bool spi)
{
	return 8u + (spi ? 8 : 0) + (o->suite->key_bits ? 12 : 8) + (o->suite->integ ? 8 : 0) + 8 +
	       8 + (o->additional_ke ? 8 : 0);
}

static unsigned char *put_proposal(unsigned char *p, const struct sim_offer *o, unsigned number,
				   bool last, uint64_t spi)
{
	p[0] = last ? 0 : 2;
	sim_set16(p + 2, (unsigned)proposal_length(o, spi != 0));
	p[4] = (unsigned char)number;
	p[5] = 1;		/* IKE */
	p[6] = spi ? 8 : 0;
	p[7] = (unsigned char)(3 + (o->suite->integ ? 1 : 0) + (o->additional_ke ? 1 : 0));
	p += 8;
	if (spi) {
		sim_set64(p, spi);
		p += 8;
	}
	p = put_transform(p, false, 1, o->suite->encr, o->suite->key_bits);
	if (o->suite->integ)
		p = put_transform(p, false, 3, o->suite->integ, 0);
	p = put_transform(p, false, 2, o->suite->prf, 0);
	p = put_transform(p, !o->additional_ke, 4, o->group, 0);
	if (o->additional_ke)
		p = put_transform(p, true, 6, o->additional_ke, 0);
	return p;
}

void sim_ike2_sa(struct sim_ike *m, const struct sim_offer *offers, unsigned n, uint64_t spi)
{
	size_t length = 0;

	for (unsigned i = 0; i < n; i++)
		length += proposal_length(&offers[i], spi != 0);

	unsigned char *p = sim_ike_payload(m, P2_SA, length);

	for (unsigned i = 0; i < n; i++)
		p = put_proposal(p, &offers[i], i + 1, i + 1 == n, spi);
}

void sim_ike2_ke(struct sim_ike *m, uint16_t group, struct sim_rng *r)
{
	unsigned length = sim_group_ke_len(group);
	unsigned char *p = sim_ike_payload(m, P2_KE, 4 + length);

	sim_set16(p, group);
	sim_rng_fill(r, p + 4, length);
}

void sim_ike2_notify(struct sim_ike *m, uint8_t protocol, uint16_t type, const void *spi,
		     size_t spi_len, const void *data, size_t data_len)
{
	unsigned char *p = sim_ike_payload(m, P2_NOTIFY, 4 + spi_len + data_len);

	p[0] = protocol;
	p[1] = (unsigned char)spi_len;
	sim_set16(p + 2, type);
	if (spi_len > 0)
		memcpy(p + 4, spi, spi_len);
	if (data_len > 0)
		memcpy(p + 4 + spi_len, data, data_len);
}

static void nat_hash(const EVP_MD *md, uint64_t spi_i, uint64_t spi_r, struct sim_endpoint e,
		     unsigned char ret[EVP_MAX_MD_SIZE])
{
	unsigned char input[34];
	size_t width = e.addr.v6 ? 16 : 4;

	sim_set64(input, spi_i);
	sim_set64(input + 8, spi_r);
	memcpy(input + 16, e.addr.bytes, width);
	sim_set16(input + 16 + width, e.port);

	int ok = EVP_Digest(input, 18 + width, ret, NULL, md, NULL);

	assert(ok == 1);
	(void)ok;
}

void sim_ike2_nat(struct sim_ike *m, uint16_t type, uint64_t spi_i, uint64_t spi_r,
		  struct sim_endpoint e)
{
	unsigned char hash[EVP_MAX_MD_SIZE];

	nat_hash(EVP_sha1(), spi_i, spi_r, e, hash);
	sim_ike2_notify(m, 0, type, NULL, 0, hash, 20);
}

static size_t roundup(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

size_t sim_sk_length(const struct sim_suite *s, size_t inner)
{
	return 4u + s->iv + roundup(inner + 1, s->block) + s->icv;	/* +1: Pad Length */
}

void sim_ike2_sk(struct sim_ike *m, const struct sim_suite *s, uint8_t np1, size_t inner,
		 struct sim_rng *r)
{
	sim_ike_random(m, P2_SK, sim_sk_length(s, inner) - 4, r);
	sim_frame_data(m->f)[m->next_at] = np1;
}

void sim_ike2_skf(struct sim_ike *m, const struct sim_suite *s, uint8_t np1, unsigned number,
		  unsigned total, size_t inner, struct sim_rng *r)
{
	size_t length = sim_sk_length(s, inner) - 4;
	unsigned char *p = sim_ike_payload(m, P2_SKF, 4 + length);

	sim_set16(p, number);
	sim_set16(p + 2, total);
	sim_rng_fill(r, p + 4, length);
	sim_frame_data(m->f)[m->next_at] = number == 1 ? np1 : 0;
}

static unsigned char *put_tv(unsigned char *p, unsigned type, unsigned value)
{
	sim_set16(p, 0x8000 | type);
	sim_set16(p + 2, value);
	return p + 4;
}

/* Type 11 (1 seconds, 2 kilobytes), then duration 12 as TV or as a four-byte TLV. */
static unsigned char *put_life(unsigned char *p, unsigned type, uint32_t value, bool tlv)
{
	p = put_tv(p, 11, type);
	if (!tlv && value < 0x10000)
		return put_tv(p, 12, value);
	sim_set16(p, 12);
	sim_set16(p + 2, 4);
	sim_set32(p + 4, value);
	return p + 8;
}

static unsigned char *put_offer1(unsigned char *p, const struct sim_offer *o, unsigned number,
				 bool last)
{
	unsigned char *start = p;

	p[0] = last ? 0 : 3;
	p[4] = (unsigned char)number;
	p[5] = 1;		/* KEY_IKE */
	p += 8;
	p = put_tv(p, 1, o->suite->v1_encr);
	p = put_tv(p, 2, o->suite->v1_hash);
	p = put_tv(p, 3, o->auth ? o->auth : 1);
	p = put_tv(p, 4, o->group);
	if (o->suite->v1_encr == 7)
		p = put_tv(p, 14, o->suite->key_bits);
	if (o->life_seconds)
		p = put_life(p, 1, o->life_seconds, o->life_long);
	if (o->life_kilobytes)
		p = put_life(p, 2, o->life_kilobytes, true);
	sim_set16(start + 2, (unsigned)(p - start));
	return p;
}

void sim_ike1_sa(struct sim_ike *m, const struct sim_offer *offers, unsigned n)
{
	unsigned char scratch[64 * 32] = { 0 }, *end = scratch;

	assert(n <= 32);
	for (unsigned i = 0; i < n; i++)
		end = put_offer1(end, &offers[i], i + 1, i + 1 == n);

	size_t transforms = (size_t)(end - scratch);
	unsigned char *p = sim_ike_payload(m, P1_SA, 8 + 8 + transforms);

	sim_set32(p, 1);		/* DOI: IPSEC */
	sim_set32(p + 4, 1);		/* SIT_IDENTITY_ONLY */
	sim_set16(p + 10, (unsigned)(8 + transforms));
	p[12] = 1;			/* proposal 1 */
	p[13] = 1;			/* ISAKMP */
	p[15] = (unsigned char)n;
	memcpy(p + 16, scratch, transforms);
}

void sim_ike1_natd(struct sim_ike *m, const struct sim_suite *s, uint64_t spi_i, uint64_t spi_r,
		   struct sim_endpoint e)
{
	const EVP_MD *md = s->v1_hash == 1   ? EVP_md5()
			   : s->v1_hash == 2 ? EVP_sha1()
			   : s->v1_hash == 4 ? EVP_sha256()
			   : s->v1_hash == 5 ? EVP_sha384()
					     : EVP_sha512();
	unsigned char hash[EVP_MAX_MD_SIZE];

	nat_hash(md, spi_i, spi_r, e, hash);
	memcpy(sim_ike_payload(m, P1_NATD, s->v1_hash_len), hash, s->v1_hash_len);
}

void sim_ike1_encrypted(struct sim_ike *m, const struct sim_suite *s, uint8_t first, size_t inner,
			struct sim_rng *r)
{
	size_t length = roundup(inner, s->block);

	sim_frame_data(m->f)[m->next_at] = first;
	sim_rng_fill(r, sim_extend(m->f, length), length);
}

/* The first bytes of each are what public lists of vendor IDs agree on. */
static const struct sim_vendor_id vendor_ids[] = {
	{ "dpd", "\xaf\xca\xd7\x13\x68\xa1\xf1\xc9\x6b\x86\x96\xfc\x77\x57\x01\x00", 16 },
	{ "natt-rfc", "\x4a\x13\x1c\x81\x07\x03\x58\x45\x5c\x57\x28\xf2\x0e\x95\x45\x2f", 16 },
	{ "natt-02", "\x90\xcb\x80\x91\x3e\xbb\x69\x6e\x08\x63\x81\xb5\xec\x42\x7b\x1f", 16 },
	{ "xauth", "\x09\x00\x26\x89\xdf\xd6\xb7\x12", 8 },
	{ "fragmentation",
	  "\x40\x48\xb7\xd5\x6e\xbc\xe8\x85\x25\xe7\xde\x7f\x00\xd6\xc2\xd3\x80\x00\x00\x00", 20 },
	{ "strongswan", "\x88\x2f\xe5\x6d\x6f\xd2\x0d\xbc\x22\x51\x61\x3b\x2e\xbe\x5b\xeb", 16 },
	{ "cisco-unity", "\x12\xf5\xf2\x8c\x45\x71\x68\xa9\x70\x2d\x9f\xe2\x74\xcc\x01\x00", 16 },
	{ "cisco-delete-reason", "CISCO-DELETE-REASON", 19 },
	{ "fortigate", "\x82\x99\x03\x17\x57\xa3\x60\x82\xc6\xa6\x21\xde\x00\x00\x00\x00", 16 },
};

const struct sim_vendor_id *sim_vendor_id(const char *name)
{
	for (size_t i = 0; i < sizeof vendor_ids / sizeof *vendor_ids; i++)
		if (strcmp(vendor_ids[i].name, name) == 0)
			return &vendor_ids[i];
	return NULL;
}

void sim_ike_vendor(struct sim_ike *m, const char *name)
{
	const struct sim_vendor_id *v = sim_vendor_id(name);

	assert(v != NULL);
	memcpy(sim_ike_payload(m,
			       m->f->room[m->f->start + m->base + 17] == SIM_IKE1 ? P1_VENDOR
										  : P2_VENDOR,
			       v->length),
	       v->bytes, v->length);
}
