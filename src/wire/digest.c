/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The digests that IKE shows in clear.  The only includer of libcrypto in
 * wire.  Uses its low-level calls although OpenSSL 3 deprecates them: their
 * state lies on our stack, while every EVP call allocates, and this runs per
 * packet.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <string.h>

#include <sawatch/ike.h>

/* Digest of `length` bytes of the kind that is `digest_length` long; false when there is none. */
static bool digest(const uint8_t *data, size_t length, size_t digest_length,
		   uint8_t ret[SHA512_DIGEST_LENGTH])
{
	union {
		MD5_CTX md5;
		SHA_CTX sha1;
		SHA256_CTX sha256;
		SHA512_CTX sha512;	/* SHA-384 too */
	} c;

	switch (digest_length) {
	case MD5_DIGEST_LENGTH:
		return MD5_Init(&c.md5) && MD5_Update(&c.md5, data, length) &&
		       MD5_Final(ret, &c.md5);
	case SHA_DIGEST_LENGTH:
		return SHA1_Init(&c.sha1) && SHA1_Update(&c.sha1, data, length) &&
		       SHA1_Final(ret, &c.sha1);
	case SHA256_DIGEST_LENGTH:
		return SHA256_Init(&c.sha256) && SHA256_Update(&c.sha256, data, length) &&
		       SHA256_Final(ret, &c.sha256);
	case SHA384_DIGEST_LENGTH:
		return SHA384_Init(&c.sha512) && SHA384_Update(&c.sha512, data, length) &&
		       SHA384_Final(ret, &c.sha512);
	case SHA512_DIGEST_LENGTH:
		return SHA512_Init(&c.sha512) && SHA512_Update(&c.sha512, data, length) &&
		       SHA512_Final(ret, &c.sha512);
	}
	return false;
}

static void put_u64(uint8_t *at, uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		at[i] = (uint8_t)value;
}

bool ike_nat_hash_matches(struct bytes hash, uint64_t spi_i, uint64_t spi_r, struct addr addr,
			  uint16_t port)
{
	uint8_t input[8 + 8 + 16 + 2], expected[SHA512_DIGEST_LENGTH];
	size_t length = 16;

	put_u64(input, spi_i);
	put_u64(input + 8, spi_r);
	if (!addr_is_v4(addr)) {
		put_u64(input + length, addr.high);
		length += 8;
		put_u64(input + length, addr.low);
		length += 8;
	} else {
		for (int shift = 24; shift >= 0; shift -= 8)
			input[length++] = (uint8_t)(addr.low >> shift);
	}
	input[length++] = (uint8_t)(port >> 8);
	input[length++] = (uint8_t)port;
	return hash.data && digest(input, length, hash.length, expected) &&
	       memcmp(hash.data, expected, hash.length) == 0;
}
