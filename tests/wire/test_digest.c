/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include <sawatch/ike.h>

/* Hashes from real daemons: libreswan over IPv4, strongSwan over IPv6 and with IKEv1 (SHA-256). */
static const struct {
	const char *address;
	uint64_t spi_i, spi_r;
	const char *hash;
	size_t length;
} sent[] = {
	{ "198.51.100.76", 0x3bd9219dfc596123, 0,
	  "\xde\x77\x06\xed\x5f\xe7\xe7\x25\x1c\x68\x5d\xda\xc0\x7a\xaf\xa9\x2a\xb9\xaa\x13", 20 },
	{ "203.0.113.86", 0x3bd9219dfc596123, 0xb069d125a9ef4a17,
	  "\xd3\x44\x0b\xc3\x11\x46\xca\x23\xef\x46\x16\x85\x5b\x85\xf6\xd7\xff\x79\xa3\x04", 20 },
	{ "2001:db8:a::15", 0xa03286d82bfbe15a, 0,
	  "\xf9\xc0\x95\xd7\xa5\xba\x0a\x2c\x2c\xe9\x4f\x52\xa9\x9c\x6d\xd8\xfe\x99\x36\xd3", 20 },
	{ "203.0.113.24", 0xe2629f932f777e47, 0xeaf327e75e852788,
	  "\xdd\xe7\x8d\xe6\x8f\x1b\xe5\xfb\x9f\xf5\x4b\x6a\x1e\x2c\xb7\xa5"
	  "\x63\xa6\x88\xa7\x39\x20\x71\xa4\x4e\x5e\x2e\x07\x1c\xe9\xb9\x52", 32 },
};

/* The hash, its address on port 500, and what is to be changed in the question. */
static bool matches(size_t i, uint64_t other_spi, uint64_t other_addr, uint16_t port)
{
	struct addr a;
	struct bytes hash = { (const uint8_t *)sent[i].hash, sent[i].length };

	assert_true(addr_parse(sent[i].address, &a));
	a.low ^= other_addr;
	return ike_nat_hash_matches(hash, sent[i].spi_i, sent[i].spi_r ^ other_spi, a, port);
}

static void hashes_of_real_daemons_are_recognised(void **s)
{
	(void)s;
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
		assert_true(matches(i, 0, 0, 500));
}

static void another_address_port_or_spi_does_not_match(void **s)
{
	(void)s;
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
		assert_false(matches(i, 0, 0, 4500));
		assert_false(matches(i, 0, 1, 500));
		assert_false(matches(i, 1, 0, 500));
	}
}

static void the_length_chooses_the_digest(void **s)
{
	(void)s;
	static const char input[] =
		"\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14\x15\x16\x17\x18"
		"\xc0\x00\x02\x01\x11\x94";	/* 192.0.2.1, 4500 */
	uint64_t spi_i = 0x0102030405060708, spi_r = 0x1112131415161718;
	struct addr a = addr_v4(0xc0000201);
	const EVP_MD *digests[] = { EVP_md5(), EVP_sha1(), EVP_sha256(), EVP_sha384(),
				    EVP_sha512() };

	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
		uint8_t hash[EVP_MAX_MD_SIZE];
		unsigned length;

		assert_true(EVP_Digest(input, sizeof(input) - 1, hash, &length, digests[i], NULL));

		struct bytes b = { hash, length };

		assert_true(ike_nat_hash_matches(b, spi_i, spi_r, a, 4500));
		hash[length - 1] ^= 1;
		assert_false(ike_nat_hash_matches(b, spi_i, spi_r, a, 4500));
	}
}

static void no_digest_has_another_length(void **s)
{
	(void)s;
	static const uint8_t zeros[80];

	struct bytes b = { NULL, 0 };

	assert_false(ike_nat_hash_matches(b, 1, 2, addr_v4(3), 4));
	b.data = zeros;
	for (b.length = 0; b.length <= sizeof(zeros); b.length++)
		assert_false(ike_nat_hash_matches(b, 1, 2, addr_v4(3), 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_of_real_daemons_are_recognised),
		cmocka_unit_test(another_address_port_or_spi_does_not_match),
		cmocka_unit_test(the_length_chooses_the_digest),
		cmocka_unit_test(no_digest_has_another_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
