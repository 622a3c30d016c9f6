/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/hash.h>

static const struct hash_key key = {
	{ UINT64_C(0x243f6a8885a308d3), UINT64_C(0x13198a2e03707344), UINT64_C(0xa4093822299f31d0),
	  UINT64_C(0x082efa98ec4e6c89) },
};

static void every_length_gives_another_hash_even_of_zero_bytes(void **s)
{
	enum { LENGTHS = 64 };
	uint64_t seen[LENGTHS];

	(void)s;
	for (size_t length = 0; length < LENGTHS; length++) {
		uint8_t *zeros = calloc(1, length + (length == 0));	/* exact: no over-read */

		assert_non_null(zeros);
		seen[length] = hash_bytes(&key, zeros, length);
		assert_true(seen[length] == hash_bytes(&key, zeros, length));
		for (size_t i = 0; i < length; i++)
			assert_true(seen[i] != seen[length]);
		free(zeros);
	}
}

static void every_bit_of_the_data_matters(void **s)
{
	uint8_t data[37];

	(void)s;
	memset(data, 0x5a, sizeof(data));

	uint64_t before = hash_bytes(&key, data, sizeof(data));

	for (size_t bit = 0; bit < sizeof(data) * 8; bit++) {
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(hash_bytes(&key, data, sizeof(data)) != before);
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void another_key_gives_another_hash(void **s)
{
	(void)s;
	for (int word = 0; word < 4; word++) {
		struct hash_key other = key;

		other.word[word] ^= 0x100;
		assert_true(hash_bytes(&key, "sawatch", 7) != hash_bytes(&other, "sawatch", 7));
		assert_true(hash_2(&key, 1, 2) != hash_2(&other, 1, 2));
		assert_true(hash_5(&key, 1, 2, 3, 4, 5) != hash_5(&other, 1, 2, 3, 4, 5));
	}
}

/* Consecutive SPIs between neighbouring addresses: what real tables are full of. */
static void neighbouring_sas_spread_over_the_slots(void **s)
{
	enum { SLOTS = 1024, PER_SLOT = 16 };
	static unsigned filled[SLOTS];

	(void)s;
	for (uint64_t i = 0; i < SLOTS * PER_SLOT; i++) {
		uint64_t address = UINT64_C(0xffff0a000000) + i % 128;
		uint64_t h =
			hash_5(&key, 0, address, 0, address + 1, UINT64_C(0xc0000000) + i / 128);

		filled[h % SLOTS]++;
	}
	for (size_t i = 0; i < SLOTS; i++)
		/* Poisson: beyond by chance < 1e-6 */
		assert_in_range(filled[i], 1, 3 * PER_SLOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_gives_another_hash_even_of_zero_bytes),
		cmocka_unit_test(every_bit_of_the_data_matters),
		cmocka_unit_test(another_key_gives_another_hash),
		cmocka_unit_test(neighbouring_sas_spread_over_the_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
