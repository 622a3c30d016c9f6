/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IKE messages byte by byte: clear payloads are correct, encrypted ones have
 * the length the suite would give them and random content.  Independent of
 * sawatch's registries: the numbers are typed here again, on purpose.
 */
#ifndef SIM_IKE_BUILD_H
#define SIM_IKE_BUILD_H

#include "frame.h"
#include "rng.h"

enum { SIM_IKE1 = 0x10, SIM_IKE2 = 0x20 };
/* IKEv2 exchanges and payloads, RFC 7296 3.1, 3.2; RFC 7383; RFC 9242; RFC 9370 */
enum {
	X2_SA_INIT = 34, X2_AUTH = 35, X2_CHILD = 36, X2_INFO = 37, X2_INTERMEDIATE = 43,
};
enum {
	P2_SA = 33, P2_KE = 34, P2_IDI = 35, P2_IDR = 36, P2_CERT = 37, P2_AUTH = 39, P2_NONCE = 40,
	P2_NOTIFY = 41,
	P2_DELETE = 42, P2_VENDOR = 43, P2_SK = 46, P2_EAP = 48, P2_SKF = 53,
};
enum { F2_INITIATOR = 0x08, F2_RESPONSE = 0x20 };
enum {
	N2_INVALID_IKE_SPI = 4, N2_INVALID_SPI = 11, N2_NO_PROPOSAL = 14, N2_INVALID_KE = 17,
	N2_NAT_SOURCE = 16388, N2_NAT_DESTINATION = 16389, N2_COOKIE = 16390, N2_REDIRECT = 16406,
	N2_CHILDLESS = 16418, N2_FRAGMENTATION = 16430, N2_HASHES = 16431, N2_INTERMEDIATE = 16438,
};
/* IKEv1, RFC 2408 3.1, RFC 2409 */
enum { X1_MAIN = 2, X1_AGGRESSIVE = 4, X1_INFO = 5, X1_QUICK = 32 };
enum {
	P1_SA = 1, P1_KE = 4, P1_ID = 5, P1_HASH = 8, P1_NONCE = 10, P1_NOTIFY = 11, P1_DELETE = 12,
	P1_VENDOR = 13,
	P1_NATD = 20, P1_FRAGMENT = 132,
};
enum { F1_ENCRYPTED = 0x01 };

/* One IKE suite with the numbers of both versions; v1 0 = not available there. */
struct sim_suite {
	const char *name;
	uint16_t encr, key_bits, integ, prf;	/* IKEv2 transform IDs; integ 0: AEAD */
	uint16_t v1_encr, v1_hash;
	/* bytes; block 1: no padding beyond the length byte */
	uint8_t iv, block, icv, v1_hash_len;
};

const struct sim_suite *sim_suite(const char *name);	/* NULL unknown */
extern const struct sim_suite sim_suites[];		/* ends with name NULL */
unsigned sim_group_ke_len(uint16_t group);		/* bytes of a public value */

/* A message being built at the end of a frame; the chain patches each "next payload". */
struct sim_ike {
	struct sim_frame *f;
	size_t base;		/* of the header, from the start of f's data */
	size_t next_at;		/* where the type of the next payload goes */
};

struct sim_ike_head {
	uint64_t spi_i, spi_r;
	uint8_t version, exchange, flags;
	uint32_t message_id;
};

struct sim_ike sim_ike_begin(struct sim_frame *f, const struct sim_ike_head *h);
/* writes the length; nothing may be added afterwards */
void sim_ike_end(struct sim_ike *m);
/* An empty payload of this type and body length; returns its (zero) body. */
unsigned char *sim_ike_payload(struct sim_ike *m, uint8_t type, size_t body);
void sim_ike_random(struct sim_ike *m, uint8_t type, size_t body, struct sim_rng *r);

/* IKEv2 */
struct sim_offer {
	const struct sim_suite *suite;
	uint16_t group;
	uint16_t additional_ke;		/* RFC 9370 transform type 6; 0 none */
	uint32_t life_seconds, life_kilobytes;	/* IKEv1 only; 0 absent */
	uint16_t auth;			/* IKEv1 only: 1 PSK, 3 RSA, 65001 XAUTH */
	bool life_long;			/* IKEv1: seconds as TLV even when 16 bits would do */
};

/* Each offer is a proposal of its own; `spi` (8 bytes) only for an IKE rekey, else 0. */
void sim_ike2_sa(struct sim_ike *m, const struct sim_offer *offers, unsigned n, uint64_t spi);
void sim_ike2_ke(struct sim_ike *m, uint16_t group, struct sim_rng *r);
void sim_ike2_notify(struct sim_ike *m, uint8_t protocol, uint16_t type, const void *spi,
		     size_t spi_len, const void *data, size_t data_len);
/* SHA1(SPIi | SPIr | address | port). */
void sim_ike2_nat(struct sim_ike *m, uint16_t type, uint64_t spi_i, uint64_t spi_r,
		  struct sim_endpoint e);
/* SK with `inner` bytes of payloads, the first of type np1. */
void sim_ike2_sk(struct sim_ike *m, const struct sim_suite *s, uint8_t np1, size_t inner,
		 struct sim_rng *r);
/* One fragment, RFC 7383 2.5. */
void sim_ike2_skf(struct sim_ike *m, const struct sim_suite *s, uint8_t np1, unsigned number,
		  unsigned total, size_t inner, struct sim_rng *r);
/* Bytes that SK adds around `inner` in this suite: 4 + IV + padding + ICV. */
size_t sim_sk_length(const struct sim_suite *s, size_t inner);

/* IKEv1 */
void sim_ike1_sa(struct sim_ike *m, const struct sim_offer *offers, unsigned n);
void sim_ike1_natd(struct sim_ike *m, const struct sim_suite *s, uint64_t spi_i, uint64_t spi_r,
		   struct sim_endpoint e);
/*
 * The encrypted rest of a message: roundup(inner, block) random bytes; `first` stands in the
 * header.
 */
void sim_ike1_encrypted(struct sim_ike *m, const struct sim_suite *s, uint8_t first, size_t inner,
			struct sim_rng *r);

/* Vendor IDs by a short name ("dpd", "natt", "strongswan", "cisco-unity", …); NULL unknown. */
struct sim_vendor_id {
	const char *name;
	unsigned char bytes[20];
	uint8_t length;
};
const struct sim_vendor_id *sim_vendor_id(const char *name);
void sim_ike_vendor(struct sim_ike *m, const char *name);	/* asserts that it is known */

#endif
