/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fingerprint.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include <sawatch/text.h>

struct fingerprint {
	EVP_MD_CTX *digest;
	size_t missing;		/* bytes until the span is full */
};

struct fingerprint *fingerprint_open(size_t span)
{
	struct fingerprint *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->missing = span;
	f->digest = EVP_MD_CTX_new();
	/* Without memory for its tables OpenSSL does not fail at the first use, it crashes. */
	if (!f->digest || !OSSL_LIB_CTX_get0_global_default() ||
	    EVP_DigestInit_ex(f->digest, EVP_sha256(), NULL) != 1) {
		fingerprint_close(f);
		return NULL;
	}
	return f;
}

void fingerprint_add(struct fingerprint *f, const uint8_t *bytes, size_t length)
{
	if (f->missing == 0)
		return;
	if (length > f->missing)
		length = f->missing;
	EVP_DigestUpdate(f->digest, bytes, length);
	f->missing -= length;
}

void fingerprint_text(const struct fingerprint *f, char ret[33])
{
	EVP_MD_CTX *copy = EVP_MD_CTX_new();	/* finishing the original would end it */
	uint8_t sum[EVP_MAX_MD_SIZE];
	struct text t = text_in(ret, 33);

	if (copy && EVP_MD_CTX_copy_ex(copy, f->digest) == 1 &&
	    EVP_DigestFinal_ex(copy, sum, NULL) == 1)
		text_add_hex(&t, sum, 16);
	EVP_MD_CTX_free(copy);
}

void fingerprint_close(struct fingerprint *f)
{
	if (!f)
		return;
	EVP_MD_CTX_free(f->digest);
	free(f);
}
