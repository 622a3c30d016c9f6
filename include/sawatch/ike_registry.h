/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers with names: one X-list per IANA registry makes the enum and the
 * names.  IKEv1 (ISAKMP) and IKEv2 reuse code points, so they are kept apart.
 * Code points: DETECTION-FACTS 1.9; IANA ikev2-parameters, ipsec-registry,
 * isakmp-registry.
 */
#ifndef SAWATCH_IKE_REGISTRY_H
#define SAWATCH_IKE_REGISTRY_H

#include <stdint.h>

/* X(number, NAME): enum IKE2_EXCHANGE_NAME, text "NAME" */
#define IKE2_EXCHANGES(X)          \
	X(34, IKE_SA_INIT)         \
	X(35, IKE_AUTH)            \
	X(36, CREATE_CHILD_SA)     \
	X(37, INFORMATIONAL)       \
	X(38, IKE_SESSION_RESUME)  \
	X(39, GSA_AUTH)            \
	X(40, GSA_REGISTRATION)    \
	X(41, GSA_REKEY)           \
	X(43, IKE_INTERMEDIATE)    \
	X(44, IKE_FOLLOWUP_KE)

#define IKE1_EXCHANGES(X)          \
	X(1, BASE)                 \
	X(2, IDENTITY_PROTECTION)  \
	X(3, AUTHENTICATION_ONLY)  \
	X(4, AGGRESSIVE)           \
	X(5, INFORMATIONAL)        \
	X(6, TRANSACTION)          \
	X(32, QUICK_MODE)          \
	X(33, NEW_GROUP_MODE)

#define IKE2_PAYLOADS(X)                                                                        \
	X(0, NONE) X(33, SA) X(34, KE) X(35, IDI) X(36, IDR) X(37, CERT) X(38, CERTREQ)         \
	X(39, AUTH) X(40, NONCE) X(41, NOTIFY) X(42, DELETE) X(43, VENDOR_ID) X(44, TSI)        \
	X(45, TSR) X(46, SK) X(47, CP) X(48, EAP) X(49, GSPM) X(50, IDG) X(51, GSA) X(52, KD)   \
	X(53, SKF) X(54, PS) X(132, CISCO_FRAGMENT)

#define IKE1_PAYLOADS(X)                                                                        \
	X(0, NONE) X(1, SA) X(2, PROPOSAL) X(3, TRANSFORM) X(4, KE) X(5, ID) X(6, CERT)         \
	X(7, CERTREQ) X(8, HASH) X(9, SIG) X(10, NONCE) X(11, NOTIFY) X(12, DELETE)             \
	X(13, VENDOR_ID) X(14, ATTRIBUTES) X(15, SAK) X(16, SAT) X(17, KD) X(18, SEQ) X(19, POP) \
	X(20, NAT_D) X(21, NAT_OA) X(22, GAP) X(130, NAT_D_DRAFT) X(131, NAT_OA_DRAFT)          \
	X(132, FRAGMENT)

#define SAWATCH_ENUM2E(number, name) IKE2_EXCHANGE_##name = number,
#define SAWATCH_ENUM1E(number, name) IKE1_EXCHANGE_##name = number,
#define SAWATCH_ENUM2P(number, name) IKE2_PAYLOAD_##name = number,
#define SAWATCH_ENUM1P(number, name) IKE1_PAYLOAD_##name = number,
enum ike2_exchange { IKE2_EXCHANGES(SAWATCH_ENUM2E) };
enum ike1_exchange { IKE1_EXCHANGES(SAWATCH_ENUM1E) };
enum ike2_payload { IKE2_PAYLOADS(SAWATCH_ENUM2P) };
enum ike1_payload { IKE1_PAYLOADS(SAWATCH_ENUM1P) };

/* The notify types that sawatch reasons about; all others have names only. */
enum ike2_notify {
	IKE2_NOTIFY_UNSUPPORTED_CRITICAL_PAYLOAD = 1, IKE2_NOTIFY_INVALID_IKE_SPI = 4,
	IKE2_NOTIFY_INVALID_MAJOR_VERSION = 5, IKE2_NOTIFY_INVALID_SYNTAX = 7,
	IKE2_NOTIFY_INVALID_SPI = 11, IKE2_NOTIFY_NO_PROPOSAL_CHOSEN = 14,
	IKE2_NOTIFY_INVALID_KE_PAYLOAD = 17, IKE2_NOTIFY_AUTHENTICATION_FAILED = 24,
	IKE2_NOTIFY_FIRST_STATUS = 16384,	/* types from here on are status, not errors */
	IKE2_NOTIFY_NAT_DETECTION_SOURCE_IP = 16388, IKE2_NOTIFY_NAT_DETECTION_DESTINATION_IP = 16389,
	IKE2_NOTIFY_COOKIE = 16390, IKE2_NOTIFY_MOBIKE_SUPPORTED = 16396, IKE2_NOTIFY_REDIRECT = 16407,
	IKE2_NOTIFY_FRAGMENTATION_SUPPORTED = 16430, IKE2_NOTIFY_INTERMEDIATE_SUPPORTED = 16438,
};

enum ike1_notify {
	IKE1_NOTIFY_INVALID_SPI = 11, IKE1_NOTIFY_NO_PROPOSAL_CHOSEN = 14,
	IKE1_NOTIFY_INVALID_ID_INFORMATION = 18, IKE1_NOTIFY_INVALID_HASH_INFORMATION = 23,
	IKE1_NOTIFY_AUTHENTICATION_FAILED = 24, IKE1_NOTIFY_FIRST_STATUS = 16384,
	IKE1_NOTIFY_INITIAL_CONTACT = 24578, IKE1_NOTIFY_R_U_THERE = 36136, IKE1_NOTIFY_R_U_THERE_ACK = 36137,
};

enum ike2_transform_type {
	IKE2_TRANSFORM_ENCR = 1, IKE2_TRANSFORM_PRF = 2, IKE2_TRANSFORM_INTEG = 3,
	IKE2_TRANSFORM_KE = 4, IKE2_TRANSFORM_SN = 5, IKE2_TRANSFORM_ADDKE1 = 6,
	IKE2_TRANSFORM_ADDKE7 = 12,
};

/*
 * Names.  Each returns a static string, or NULL when the number has no name
 * (the caller then prints the number).  `major` is 1 or 2.
 * Algorithm names are written like IANA's: "AES_CBC", "HMAC_SHA2_256_128",
 * "PRF_HMAC_SHA2_256", "MODP_2048", "CURVE25519", "3DES", "SHA1", "PSK".
 */
const char *ike_exchange_name(unsigned major, uint8_t exchange);
const char *ike_payload_name(unsigned major, uint8_t payload);
const char *ike_notify_name(unsigned major, uint16_t type);
const char *ike2_transform_name(uint8_t type, uint16_t id);
const char *ike1_encryption_name(uint16_t id);
const char *ike1_hash_name(uint16_t id);
const char *ike1_auth_name(uint16_t id);
const char *ike_group_name(uint16_t id);	/* one registry for both versions */

/*
 * Vendor ID by name ("strongSwan", "Cisco Unity", "DPD (RFC 3706)", …); NULL
 * when unknown.  Longest matching pattern wins; patterns are data in
 * vendor_id.c.
 */
const char *ike_vendor_name(const uint8_t *id, unsigned length);

/* Bytes of ICV that an integrity transform adds, and the block size of a cipher; 0 unknown (AEAD: see .c). */
unsigned ike2_integ_icv_bytes(uint16_t integ);
unsigned ike2_encr_block_bytes(uint16_t encr);
unsigned ike2_encr_iv_bytes(uint16_t encr);
unsigned ike2_encr_icv_bytes(uint16_t encr);	/* AEAD only; else 0 */

#endif
