/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keyed hash of every table that an attacker can fill: 64x64->128 bit
 * multiplications, folded, with a secret key, so that nobody can prepare
 * collisions.  Not for cryptography.  No output depends on the result.
 */
#ifndef SAWATCH_HASH_H
#define SAWATCH_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t word[4];	/* secret; from the operating system's random source */
};

/* Mixes two words into one.  Every bit of both counts, unless one of the words is 0. */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 wide;
	wide product = (wide)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Hash of two words. */
static inline uint64_t hash_2(const struct hash_key *k, uint64_t a, uint64_t b)
{
	return hash_fold(hash_fold(a ^ k->word[0], b ^ k->word[1]) ^ k->word[2], k->word[3] | 1);
}

/* Hash of five words, as an SA's key has. */
static inline uint64_t hash_5(const struct hash_key *k, uint64_t a, uint64_t b, uint64_t c,
			      uint64_t d, uint64_t e)
{
	uint64_t first = hash_fold(a ^ k->word[0], b ^ k->word[1]);
	uint64_t second = hash_fold(c ^ k->word[2], d ^ k->word[3]);

	uint64_t third = hash_fold(first ^ e, second ^ k->word[0] ^ UINT64_C(0x9e3779b97f4a7c15));

	/*
	 * once more: SPIs that follow each other would stand in a lattice, some keys' a narrow one
	 */
	return hash_fold(third ^ k->word[2], k->word[3] | 1);
}

/* Hash of `length` bytes, any number; equal bytes of other lengths have other hashes. */
uint64_t hash_bytes(const struct hash_key *k, const void *data, size_t length);

#endif
