/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/hash.h>

#include <string.h>

/* Up to eight bytes as a word, zero-filled.  Byte order does not matter: hashes never leave. */
static uint64_t word_at(const uint8_t *at, size_t length)
{
	uint64_t w = 0;

	memcpy(&w, at, length < sizeof(w) ? length : sizeof(w));
	return w;
}

uint64_t hash_bytes(const struct hash_key *k, const void *data, size_t length)
{
	const uint8_t *at = data;
	size_t left = length;
	uint64_t h = k->word[0] ^ length;	/* the length tells zero-filled tails apart */

	/* whole words: sizes that the compiler knows make a load of each copy */
	for (; left >= 16; at += 16, left -= 16) {
		uint64_t a = word_at(at, 8), b = word_at(at + 8, 8);

		h = hash_fold(a ^ k->word[1] ^ h, b ^ k->word[2]);
	}
	if (left > 0) {
		uint64_t a = word_at(at, left), b = left > 8 ? word_at(at + 8, left - 8) : 0;

		h = hash_fold(a ^ k->word[1] ^ h, b ^ k->word[2]);
	}
	return hash_fold(h ^ k->word[3], k->word[0] | 1);
}
