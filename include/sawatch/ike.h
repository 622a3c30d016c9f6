/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IKEv1 (RFC 2408, 2409) and IKEv2 (RFC 7296) messages: header, payload
 * chains, and a digest of everything that is visible without keys.
 * A parser changes nothing but its result.
 */
#ifndef SAWATCH_IKE_H
#define SAWATCH_IKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/addr.h>
#include <sawatch/reader.h>

enum { IKE_HEADER_LEN = 28, IKE_PAYLOAD_HEADER_LEN = 4 };

/* flags: X X R V I X X X, RFC 7296 3.1; IKEv1: X X X X X A C E, RFC 2408 3.1 */
enum {
	IKE2_FLAG_INITIATOR = 0x08, IKE2_FLAG_VERSION = 0x10, IKE2_FLAG_RESPONSE = 0x20,
	IKE1_FLAG_ENCRYPTED = 0x01, IKE1_FLAG_COMMIT = 0x02, IKE1_FLAG_AUTH_ONLY = 0x04,
};

struct ike_header {
	uint64_t spi_i, spi_r;	/* IKEv1: cookies */
	uint8_t next_payload;
	uint8_t major, minor;
	uint8_t exchange;
	uint8_t flags;
	uint32_t message_id;
	uint32_t length;	/* whole message, this header included */
};

/*
 * The header, RFC 7296 3.1, RFC 2408 3.1.  MALFORMED: a major version other than 1 and 2, a length
 * below 28 or beyond what was sent; beyond it is no message, and `ret` all zeros.  On success `r`
 * is bounded to the message body.
 */
enum verdict ike_header_parse(struct reader *r, struct ike_header *ret);

struct ike_payload {
	uint8_t type;
	bool critical;
	uint8_t next;		/* of SK and SKF: the first inner payload ("np1") */
	struct reader body;	/* without the generic header */
};

/* A walk over a payload chain: `next` is the type of the payload that stands at `r`. */
struct ike_walk {
	struct reader r;
	uint8_t next;
	uint8_t major;
	uint8_t last_type;
};

/* A walk over the payloads of message `h`; `body` begins behind the header and is borrowed. */
struct ike_walk ike_walk_over(const struct ike_header *h, struct reader body);

/*
 * Next payload of the chain, RFC 7296 3.2, RFC 2408 3.2.  Every true return
 * has consumed at least the four-byte header, so no length can make the walk
 * loop.  False when w->r failed or at the end of the chain: next payload 0, or
 * after SK/SKF and fragments 132, which must be last.  An IKEv1 message with
 * the E flag has no chain that we can read.
 */
bool ike_next_payload(struct ike_walk *w, struct ike_payload *ret);

enum { IKE_NP1_NONE = -1 };	/* no Encrypted payload in this message */

enum {
	IKE_NOTIFIES_MAX = 16, IKE_TRANSFORMS_MAX = 96, IKE_OFFERS_MAX = 24,
	IKE_VENDOR_IDS_MAX = 16, IKE_PAYLOADS_MAX = 32, IKE_DELETES_MAX = 8,
	IKE_NAT_SOURCES_MAX = 8, IKE_NAT_DESTINATIONS_MAX = 2, IKE_VENDOR_ID_BYTES = 20,
};

struct ike_notify {
	uint16_t type;
	uint8_t protocol;
	uint8_t spi_size;
	uint64_t spi;		/* the first eight bytes at most; 0 when there is none */
	struct bytes data;	/* borrowed */
};

/* One transform of an IKEv2 proposal, RFC 7296 3.3.2, with its proposal's number. */
struct ike2_transform {
	uint8_t proposal;	/* Proposal Num of RFC 7296 3.3.1 */
	uint8_t protocol;
	uint8_t type;		/* enum ike2_transform_type */
	uint16_t id;
	uint16_t key_bits;	/* attribute 14; 0 absent */
};

/* One phase 1 transform, RFC 2409 appendix A: a whole offer.  0 = attribute absent. */
struct ike1_offer {
	uint16_t encryption, hash, auth, group, prf, key_bits;
	uint64_t life_seconds, life_kilobytes;
	bool has_life_seconds, has_life_kilobytes;
	bool life_malformed;	/* duration empty, over 64 bits, or without a type */
};

struct ike_vendor_id {
	uint8_t bytes[IKE_VENDOR_ID_BYTES];	/* the first bytes of it */
	uint8_t length;		/* of those kept */
	const char *name;	/* static; NULL unknown */
};

/* What an IKE message shows without keys.  Arrays hold the first N; the counts go on. */
struct ike_message {
	struct ike_header header;
	enum verdict verdict;	/* the worst of header and clear payloads; not of encrypted bytes */
	bool is_request;	/* IKEv2: R flag clear.  IKEv1 has no such flag: false */
	bool from_initiator;	/* IKEv2: I flag set.  IKEv1: false */
	bool encrypted;		/* SK/SKF present, or IKEv1 E flag */
	int16_t np1;		/* first inner payload of SK or SKF 1; else IKE_NP1_NONE */

	/* SKF (RFC 7383) or payload 132; total 0: no fragment, or unknown (132 marks the last) */
	bool is_fragment;
	bool fragment_last;	/* IKEv1 flag, or number == total */
	uint16_t fragment_id;	/* IKEv1 only */
	uint16_t fragment_number, fragment_total;

	unsigned n_payloads;
	uint8_t payloads[IKE_PAYLOADS_MAX];

	unsigned n_notifies;	/* clear ones */
	struct ike_notify notifies[IKE_NOTIFIES_MAX];

	unsigned n_proposals;	/* SA payloads of both versions */
	unsigned n_transforms;	/* IKEv2 */
	struct ike2_transform transforms[IKE_TRANSFORMS_MAX];
	unsigned n_offers;	/* IKEv1 SA payload (phase 1, clear) */
	struct ike1_offer offers[IKE_OFFERS_MAX];

	uint16_t ke_group;	/* IKEv2 KE payload; 0 absent */
	bool has_ke, has_nonce, has_id, has_hash;

	unsigned n_vendor_ids;
	struct ike_vendor_id vendor_ids[IKE_VENDOR_IDS_MAX];

	/* NAT detection hashes, RFC 7296 2.23 / RFC 3947 3.2, borrowed */
	unsigned n_nat_source, n_nat_destination;	/* IKEv1: the first is destination */
	struct bytes nat_source[IKE_NAT_SOURCES_MAX];
	struct bytes nat_destination[IKE_NAT_DESTINATIONS_MAX];

	unsigned n_deletes;	/* clear ones: IKEv1 before phase 1 completes, else never */
	struct {
		uint8_t protocol;
		uint8_t spi_size;
		uint16_t count;
		uint32_t first_spi;	/* when spi_size is 4; else 0 */
	} deletes[IKE_DELETES_MAX];

	struct bytes whole;	/* as far as captured, with the header: to hash copies */
};

/*
 * Digest of the message that begins at `r`.  Fills `ret` as far as it could
 * read, whatever the verdict; ret->verdict tells.  Never allocates; `ret`
 * borrows from the packet.  Only counters and flags are cleared beforehand,
 * so array elements beyond the counts are garbage.
 */
enum verdict ike_parse(struct reader r, struct ike_message *ret);

/*
 * Is `hash` the NAT detection hash of this endpoint?  RFC 7296 2.23: SHA-1 of
 * SPIi | SPIr | address | port.  IKEv1 (RFC 3947 3.2) uses the negotiated
 * hash: `hash_length` 16 = MD5, 20 = SHA-1, 32, 48, 64 = SHA-2.  Returns false
 * for other lengths.  Uses the digests in wire/digest.c (libcrypto).
 */
bool ike_nat_hash_matches(struct bytes hash, uint64_t spi_i, uint64_t spi_r, struct addr addr,
			  uint16_t port);

/* The first clear notify of this type, within `m`; NULL when there is none. */
const struct ike_notify *ike_find_notify(const struct ike_message *m, uint16_t type);

#endif
