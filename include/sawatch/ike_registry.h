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

#include <sawatch/reader.h>

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

/* Notify types of IKEv2: errors below 16384, status from there on.  12345: MS-IKEE. */
#define IKE2_NOTIFIES(X)                                                                        \
	X(1, UNSUPPORTED_CRITICAL_PAYLOAD) X(4, INVALID_IKE_SPI) X(5, INVALID_MAJOR_VERSION)    \
	X(7, INVALID_SYNTAX) X(9, INVALID_MESSAGE_ID) X(11, INVALID_SPI)                        \
	X(14, NO_PROPOSAL_CHOSEN) X(17, INVALID_KE_PAYLOAD) X(24, AUTHENTICATION_FAILED)        \
	X(34, SINGLE_PAIR_REQUIRED) X(35, NO_ADDITIONAL_SAS) X(36, INTERNAL_ADDRESS_FAILURE)    \
	X(37, FAILED_CP_REQUIRED) X(38, TS_UNACCEPTABLE) X(39, INVALID_SELECTORS)               \
	X(40, UNACCEPTABLE_ADDRESSES) X(41, UNEXPECTED_NAT_DETECTED) X(42, USE_ASSIGNED_HOA)    \
	X(43, TEMPORARY_FAILURE) X(44, CHILD_SA_NOT_FOUND) X(45, INVALID_GROUP_ID)              \
	X(46, AUTHORIZATION_FAILED) X(47, STATE_NOT_FOUND) X(48, TS_MAX_QUEUE)                  \
	X(49, REGISTRATION_FAILED) X(12345, MS_NOTIFY_STATUS)                                   \
	X(16384, INITIAL_CONTACT) X(16385, SET_WINDOW_SIZE) X(16386, ADDITIONAL_TS_POSSIBLE)    \
	X(16387, IPCOMP_SUPPORTED) X(16388, NAT_DETECTION_SOURCE_IP)                            \
	X(16389, NAT_DETECTION_DESTINATION_IP) X(16390, COOKIE) X(16391, USE_TRANSPORT_MODE)    \
	X(16392, HTTP_CERT_LOOKUP_SUPPORTED) X(16393, REKEY_SA)                                 \
	X(16394, ESP_TFC_PADDING_NOT_SUPPORTED) X(16395, NON_FIRST_FRAGMENTS_ALSO)              \
	X(16396, MOBIKE_SUPPORTED) X(16397, ADDITIONAL_IP4_ADDRESS)                             \
	X(16398, ADDITIONAL_IP6_ADDRESS) X(16399, NO_ADDITIONAL_ADDRESSES)                      \
	X(16400, UPDATE_SA_ADDRESSES) X(16401, COOKIE2) X(16402, NO_NATS_ALLOWED)               \
	X(16403, AUTH_LIFETIME) X(16404, MULTIPLE_AUTH_SUPPORTED) X(16405, ANOTHER_AUTH_FOLLOWS) \
	X(16406, REDIRECT_SUPPORTED) X(16407, REDIRECT) X(16408, REDIRECTED_FROM)               \
	X(16409, TICKET_LT_OPAQUE) X(16410, TICKET_REQUEST) X(16411, TICKET_ACK)                \
	X(16412, TICKET_NACK) X(16413, TICKET_OPAQUE) X(16414, LINK_ID) X(16415, USE_WESP_MODE) \
	X(16416, ROHC_SUPPORTED) X(16417, EAP_ONLY_AUTHENTICATION)                              \
	X(16418, CHILDLESS_IKEV2_SUPPORTED) X(16419, QUICK_CRASH_DETECTION)                     \
	X(16420, IKEV2_MESSAGE_ID_SYNC_SUPPORTED) X(16421, IPSEC_REPLAY_COUNTER_SYNC_SUPPORTED) \
	X(16422, IKEV2_MESSAGE_ID_SYNC) X(16423, IPSEC_REPLAY_COUNTER_SYNC)                     \
	X(16424, SECURE_PASSWORD_METHODS) X(16425, PSK_PERSIST) X(16426, PSK_CONFIRM)           \
	X(16427, ERX_SUPPORTED) X(16428, IFOM_CAPABILITY) X(16429, GROUP_SENDER)                \
	X(16430, IKEV2_FRAGMENTATION_SUPPORTED) X(16431, SIGNATURE_HASH_ALGORITHMS)             \
	X(16432, CLONE_IKE_SA_SUPPORTED) X(16433, CLONE_IKE_SA) X(16434, PUZZLE)                \
	X(16435, USE_PPK) X(16436, PPK_IDENTITY) X(16437, NO_PPK_AUTH)                          \
	X(16438, INTERMEDIATE_EXCHANGE_SUPPORTED) X(16439, IP4_ALLOWED) X(16440, IP6_ALLOWED)   \
	X(16441, ADDITIONAL_KEY_EXCHANGE) X(16442, USE_AGGFRAG) X(16443, SUPPORTED_AUTH_METHODS) \
	X(16444, SA_RESOURCE_INFO) X(16445, USE_PPK_INT) X(16446, PPK_IDENTITY_KEY)

/* Notify types of IKEv1: RFC 2408 3.14.1, RFC 2407 4.6.3, RFC 3706, MS-IKEE, Cisco's own. */
#define IKE1_NOTIFIES(X)                                                                        \
	X(1, INVALID_PAYLOAD_TYPE) X(2, DOI_NOT_SUPPORTED) X(3, SITUATION_NOT_SUPPORTED)        \
	X(4, INVALID_COOKIE) X(5, INVALID_MAJOR_VERSION) X(6, INVALID_MINOR_VERSION)            \
	X(7, INVALID_EXCHANGE_TYPE) X(8, INVALID_FLAGS) X(9, INVALID_MESSAGE_ID)                \
	X(10, INVALID_PROTOCOL_ID) X(11, INVALID_SPI) X(12, INVALID_TRANSFORM_ID)               \
	X(13, ATTRIBUTES_NOT_SUPPORTED) X(14, NO_PROPOSAL_CHOSEN) X(15, BAD_PROPOSAL_SYNTAX)    \
	X(16, PAYLOAD_MALFORMED) X(17, INVALID_KEY_INFORMATION) X(18, INVALID_ID_INFORMATION)   \
	X(19, INVALID_CERT_ENCODING) X(20, INVALID_CERTIFICATE) X(21, CERT_TYPE_UNSUPPORTED)    \
	X(22, INVALID_CERT_AUTHORITY) X(23, INVALID_HASH_INFORMATION)                           \
	X(24, AUTHENTICATION_FAILED) X(25, INVALID_SIGNATURE) X(26, ADDRESS_NOTIFICATION)       \
	X(27, NOTIFY_SA_LIFETIME) X(28, CERTIFICATE_UNAVAILABLE)                                \
	X(29, UNSUPPORTED_EXCHANGE_TYPE) X(30, UNEQUAL_PAYLOAD_LENGTHS)                         \
	X(12345, MS_NOTIFY_STATUS) X(16384, CONNECTED) X(24576, RESPONDER_LIFETIME)             \
	X(24577, REPLAY_STATUS) X(24578, INITIAL_CONTACT) X(30000, CISCO_HELLO)                 \
	X(30002, CISCO_SHUT_UP) X(32768, CISCO_KEEPALIVE_REQUEST) X(32769, CISCO_KEEPALIVE_ACK) \
	X(36136, R_U_THERE) X(36137, R_U_THERE_ACK) X(40501, CISCO_LOAD_BALANCE)                \
	X(40503, CISCO_PRESHARED_KEY_HASH)

/* Transform type 1 of IKEv2 */
#define IKE2_ENCRS(X)                                                                           \
	X(1, DES_IV64) X(2, DES) X(3, 3DES) X(4, RC5) X(5, IDEA) X(6, CAST) X(7, BLOWFISH)      \
	X(8, 3IDEA) X(9, DES_IV32) X(11, NULL) X(12, AES_CBC) X(13, AES_CTR) X(14, AES_CCM_8)   \
	X(15, AES_CCM_12) X(16, AES_CCM_16) X(18, AES_GCM_8) X(19, AES_GCM_12)                  \
	X(20, AES_GCM_16) X(21, NULL_AUTH_AES_GMAC) X(23, CAMELLIA_CBC) X(24, CAMELLIA_CTR)     \
	X(25, CAMELLIA_CCM_8) X(26, CAMELLIA_CCM_12) X(27, CAMELLIA_CCM_16)                     \
	X(28, CHACHA20_POLY1305) X(29, AES_CCM_8_IIV) X(30, AES_GCM_16_IIV)                     \
	X(31, CHACHA20_POLY1305_IIV) X(32, KUZNYECHIK_MGM_KTREE) X(33, MAGMA_MGM_KTREE)         \
	X(34, KUZNYECHIK_MGM_MAC_KTREE) X(35, MAGMA_MGM_MAC_KTREE)

/* 2 */
#define IKE2_PRFS(X)                                                                            \
	X(1, PRF_HMAC_MD5) X(2, PRF_HMAC_SHA1) X(3, PRF_HMAC_TIGER) X(4, PRF_AES128_XCBC)       \
	X(5, PRF_HMAC_SHA2_256) X(6, PRF_HMAC_SHA2_384) X(7, PRF_HMAC_SHA2_512)                 \
	X(8, PRF_AES128_CMAC) X(9, PRF_HMAC_STREEBOG_512)

/* 3 */
#define IKE2_INTEGS(X)                                                                          \
	X(0, NONE) X(1, HMAC_MD5_96) X(2, HMAC_SHA1_96) X(3, DES_MAC) X(4, KPDK_MD5)            \
	X(5, AES_XCBC_96) X(6, HMAC_MD5_128) X(7, HMAC_SHA1_160) X(8, AES_CMAC_96)              \
	X(9, AES_128_GMAC) X(10, AES_192_GMAC) X(11, AES_256_GMAC) X(12, HMAC_SHA2_256_128)     \
	X(13, HMAC_SHA2_384_192) X(14, HMAC_SHA2_512_256)

/* 4 and 6 to 12, and attribute 4 of IKEv1: one registry for both */
#define IKE_GROUPS(X)                                                                           \
	X(0, NONE) X(1, MODP_768) X(2, MODP_1024) X(3, EC2N_155) X(4, EC2N_185) X(5, MODP_1536) \
	X(14, MODP_2048) X(15, MODP_3072) X(16, MODP_4096) X(17, MODP_6144) X(18, MODP_8192)    \
	X(19, ECP_256) X(20, ECP_384) X(21, ECP_521) X(22, MODP_1024_160) X(23, MODP_2048_224)  \
	X(24, MODP_2048_256) X(25, ECP_192) X(26, ECP_224) X(27, BRAINPOOL_P224R1)              \
	X(28, BRAINPOOL_P256R1) X(29, BRAINPOOL_P384R1) X(30, BRAINPOOL_P512R1)                 \
	X(31, CURVE25519) X(32, CURVE448) X(33, GOST3410_2012_256) X(34, GOST3410_2012_512)     \
	X(35, ML_KEM_512) X(36, ML_KEM_768) X(37, ML_KEM_1024)

/* 5 */
#define IKE2_SNS(X) X(0, NO_ESN) X(1, ESN) X(2, UNSPECIFIED_32_BIT)

/* Phase 1 attributes 1, 2 and 3 of IKEv1, RFC 2409 appendix A */
#define IKE1_ENCRS(X)                                                                           \
	X(1, DES) X(2, IDEA) X(3, BLOWFISH) X(4, RC5) X(5, 3DES) X(6, CAST) X(7, AES_CBC)       \
	X(8, CAMELLIA_CBC)

#define IKE1_HASHES(X)                                                                          \
	X(1, MD5) X(2, SHA1) X(3, TIGER) X(4, SHA2_256) X(5, SHA2_384) X(6, SHA2_512)

#define IKE1_AUTHS(X)                                                                           \
	X(1, PSK) X(2, DSS) X(3, RSA) X(4, RSA_ENCRYPTION) X(5, RSA_REVISED_ENCRYPTION)         \
	X(6, ELGAMAL_ENCRYPTION) X(7, ELGAMAL_REVISED_ENCRYPTION) X(8, ECDSA) X(9, ECDSA_256)   \
	X(10, ECDSA_384) X(11, ECDSA_521) X(64221, HYBRID_INIT_RSA) X(64222, HYBRID_RESP_RSA)   \
	X(64223, HYBRID_INIT_DSS) X(64224, HYBRID_RESP_DSS) X(65001, XAUTH_INIT_PSK)            \
	X(65002, XAUTH_RESP_PSK) X(65003, XAUTH_INIT_DSS) X(65004, XAUTH_RESP_DSS)              \
	X(65005, XAUTH_INIT_RSA) X(65006, XAUTH_RESP_RSA) X(65007, XAUTH_INIT_RSA_ENCRYPTION)   \
	X(65008, XAUTH_RESP_RSA_ENCRYPTION) X(65009, XAUTH_INIT_RSA_REVISED_ENCRYPTION)         \
	X(65010, XAUTH_RESP_RSA_REVISED_ENCRYPTION)

#define SAWATCH_ENUM2E(number, name) IKE2_EXCHANGE_##name = number,
#define SAWATCH_ENUM1E(number, name) IKE1_EXCHANGE_##name = number,
#define SAWATCH_ENUM2P(number, name) IKE2_PAYLOAD_##name = number,
#define SAWATCH_ENUM1P(number, name) IKE1_PAYLOAD_##name = number,
#define SAWATCH_ENUM2N(number, name) IKE2_NOTIFY_##name = number,
#define SAWATCH_ENUM1N(number, name) IKE1_NOTIFY_##name = number,
enum ike2_exchange { IKE2_EXCHANGES(SAWATCH_ENUM2E) };
enum ike1_exchange { IKE1_EXCHANGES(SAWATCH_ENUM1E) };
enum ike2_payload { IKE2_PAYLOADS(SAWATCH_ENUM2P) };
enum ike1_payload { IKE1_PAYLOADS(SAWATCH_ENUM1P) };

enum ike2_notify {
	IKE2_NOTIFIES(SAWATCH_ENUM2N)
	IKE2_NOTIFY_FIRST_STATUS = 16384,	/* types from here on are status, not errors */
	IKE2_NOTIFY_FRAGMENTATION_SUPPORTED = IKE2_NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED,
	IKE2_NOTIFY_INTERMEDIATE_SUPPORTED = IKE2_NOTIFY_INTERMEDIATE_EXCHANGE_SUPPORTED,
};

enum ike1_notify {
	IKE1_NOTIFIES(SAWATCH_ENUM1N)
	IKE1_NOTIFY_FIRST_STATUS = 16384,
};

enum ike2_transform_type {
	IKE2_TRANSFORM_ENCR = 1, IKE2_TRANSFORM_PRF = 2, IKE2_TRANSFORM_INTEG = 3,
	IKE2_TRANSFORM_KE = 4, IKE2_TRANSFORM_SN = 5, IKE2_TRANSFORM_ADDKE1 = 6,
	IKE2_TRANSFORM_ADDKE7 = 12,
};

#define SAWATCH_ENUM2TE(number, name) IKE2_ENCR_##name = number,
#define SAWATCH_ENUM2TI(number, name) IKE2_INTEG_##name = number,
#define SAWATCH_ENUM2TP(number, name) IKE2_##name = number,
#define SAWATCH_ENUMG(number, name) IKE_GROUP_##name = number,
#define SAWATCH_ENUM1AE(number, name) IKE1_ENCR_##name = number,
#define SAWATCH_ENUM1AH(number, name) IKE1_HASH_##name = number,
#define SAWATCH_ENUM1AA(number, name) IKE1_AUTH_##name = number,
enum ike2_encr { IKE2_ENCRS(SAWATCH_ENUM2TE) };
enum ike2_prf { IKE2_PRFS(SAWATCH_ENUM2TP) };
enum ike2_integ { IKE2_INTEGS(SAWATCH_ENUM2TI) };
enum ike_group { IKE_GROUPS(SAWATCH_ENUMG) };
enum ike1_encr { IKE1_ENCRS(SAWATCH_ENUM1AE) };
enum ike1_hash { IKE1_HASHES(SAWATCH_ENUM1AH) };
enum ike1_auth { IKE1_AUTHS(SAWATCH_ENUM1AA) };

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
/* The same static name, of its text; NULL unknown. */
const char *ike_vendor_known_name(struct bytes name);

/* Bytes of ICV that an integrity transform adds; 0 none or unknown. */
unsigned ike2_integ_icv_bytes(uint16_t integ);

/*
 * Of a cipher, as used for the SK payload; 0 unknown.  The block size of
 * counter modes and AEADs is 1, but their senders may pad to 4 or 8.
 */
unsigned ike2_encr_block_bytes(uint16_t encr);
unsigned ike2_encr_iv_bytes(uint16_t encr);
unsigned ike2_encr_icv_bytes(uint16_t encr);	/* AEAD only; else 0 */

#endif
