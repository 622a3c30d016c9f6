/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names and sizes behind the numbers of ike_registry.h. */
#include <stddef.h>

#include <sawatch/ike_registry.h>

#define CASE(number, name) \
	case number:       \
		return #name;

/* One lookup per list; the number is wider than any registry's. */
#define LOOKUP(function, list)                    \
	static const char *function(unsigned id)  \
	{                                         \
		switch (id) {                     \
			list(CASE)                \
		}                                 \
		return NULL;                      \
	}

LOOKUP(exchange2, IKE2_EXCHANGES)
LOOKUP(exchange1, IKE1_EXCHANGES)
LOOKUP(payload2, IKE2_PAYLOADS)
LOOKUP(payload1, IKE1_PAYLOADS)
LOOKUP(notify2, IKE2_NOTIFIES)
LOOKUP(notify1, IKE1_NOTIFIES)
LOOKUP(encr2, IKE2_ENCRS)
LOOKUP(prf2, IKE2_PRFS)
LOOKUP(integ2, IKE2_INTEGS)
LOOKUP(sn2, IKE2_SNS)
LOOKUP(group, IKE_GROUPS)
LOOKUP(encr1, IKE1_ENCRS)
LOOKUP(hash1, IKE1_HASHES)
LOOKUP(auth1, IKE1_AUTHS)

const char *ike_exchange_name(unsigned major, uint8_t exchange)
{
	return major == 2 ? exchange2(exchange) : major == 1 ? exchange1(exchange) : NULL;
}

const char *ike_payload_name(unsigned major, uint8_t payload)
{
	return major == 2 ? payload2(payload) : major == 1 ? payload1(payload) : NULL;
}

const char *ike_notify_name(unsigned major, uint16_t type)
{
	return major == 2 ? notify2(type) : major == 1 ? notify1(type) : NULL;
}

const char *ike2_transform_name(uint8_t type, uint16_t id)
{
	switch (type) {
	case IKE2_TRANSFORM_ENCR:
		return encr2(id);
	case IKE2_TRANSFORM_PRF:
		return prf2(id);
	case IKE2_TRANSFORM_INTEG:
		return integ2(id);
	case IKE2_TRANSFORM_SN:
		return sn2(id);
	}
	if (type == IKE2_TRANSFORM_KE ||
	    (type >= IKE2_TRANSFORM_ADDKE1 && type <= IKE2_TRANSFORM_ADDKE7))
		return group(id);
	return NULL;
}

const char *ike1_encryption_name(uint16_t id)
{
	return encr1(id);
}

const char *ike1_hash_name(uint16_t id)
{
	return hash1(id);
}

const char *ike1_auth_name(uint16_t id)
{
	return auth1(id);
}

const char *ike_group_name(uint16_t id)
{
	return group(id);
}

unsigned ike2_integ_icv_bytes(uint16_t integ)
{
	switch (integ) {
	case IKE2_INTEG_DES_MAC:
		return 8;
	case IKE2_INTEG_HMAC_MD5_96:
	case IKE2_INTEG_HMAC_SHA1_96:
	case IKE2_INTEG_AES_XCBC_96:
	case IKE2_INTEG_AES_CMAC_96:
		return 12;
	case IKE2_INTEG_HMAC_MD5_128:
	case IKE2_INTEG_AES_128_GMAC:
	case IKE2_INTEG_AES_192_GMAC:
	case IKE2_INTEG_AES_256_GMAC:
	case IKE2_INTEG_HMAC_SHA2_256_128:
		return 16;
	case IKE2_INTEG_HMAC_SHA1_160:
		return 20;
	case IKE2_INTEG_HMAC_SHA2_384_192:
		return 24;
	case IKE2_INTEG_HMAC_SHA2_512_256:
		return 32;
	}
	return 0;
}

/* Block, IV and ICV of a cipher, RFC 7296 3.14 and the RFC of each mode; zeros when unknown. */
struct cipher_sizes {
	uint8_t block, iv, icv;
};

static struct cipher_sizes cipher_sizes(uint16_t encr)
{
	switch (encr) {
	case IKE2_ENCR_DES:
	case IKE2_ENCR_3DES:
	case IKE2_ENCR_RC5:
	case IKE2_ENCR_IDEA:
	case IKE2_ENCR_CAST:
	case IKE2_ENCR_BLOWFISH:
		return (struct cipher_sizes){ 8, 8, 0 };
	case IKE2_ENCR_AES_CBC:
	case IKE2_ENCR_CAMELLIA_CBC:
		return (struct cipher_sizes){ 16, 16, 0 };
	case IKE2_ENCR_AES_CTR:
	case IKE2_ENCR_CAMELLIA_CTR:
		return (struct cipher_sizes){ 1, 8, 0 };
	case IKE2_ENCR_AES_CCM_8:
	case IKE2_ENCR_AES_GCM_8:
	case IKE2_ENCR_CAMELLIA_CCM_8:
	case IKE2_ENCR_MAGMA_MGM_KTREE:
		return (struct cipher_sizes){ 1, 8, 8 };
	case IKE2_ENCR_AES_CCM_12:
	case IKE2_ENCR_AES_GCM_12:
	case IKE2_ENCR_CAMELLIA_CCM_12:
	case IKE2_ENCR_KUZNYECHIK_MGM_KTREE:
		return (struct cipher_sizes){ 1, 8, 12 };
	case IKE2_ENCR_AES_CCM_16:
	case IKE2_ENCR_AES_GCM_16:
	case IKE2_ENCR_CAMELLIA_CCM_16:
	case IKE2_ENCR_CHACHA20_POLY1305:
		return (struct cipher_sizes){ 1, 8, 16 };
	}
	return (struct cipher_sizes){ 0, 0, 0 };
}

unsigned ike2_encr_block_bytes(uint16_t encr)
{
	return cipher_sizes(encr).block;
}

unsigned ike2_encr_iv_bytes(uint16_t encr)
{
	return cipher_sizes(encr).iv;
}

unsigned ike2_encr_icv_bytes(uint16_t encr)
{
	return cipher_sizes(encr).icv;
}
