/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "track/prepare.h"
#include "track/tracker.h"

static void every_slot_is_given_once_until_it_is_given_back(void **state)
{
	(void)state;
	struct pool p;
	bool taken[100] = { false };

	assert_true(pool_new(&p, 100));
	for (int i = 0; i < 100; i++) {
		uint32_t slot = pool_take(&p);

		assert_true(slot < 100 && !taken[slot]);
		taken[slot] = true;
	}
	assert_int_equal(pool_take(&p), NO_INDEX);
	pool_give(&p, 37);
	pool_give(&p, 5);
	assert_int_equal(p.used, 98);
	uint32_t a = pool_take(&p), b = pool_take(&p);

	assert_true((a == 37 && b == 5) || (a == 5 && b == 37));
	assert_int_equal(pool_take(&p), NO_INDEX);
	pool_free(&p);
}

static void a_sample_reaches_every_slot_and_no_other(void **state)
{
	(void)state;
	struct pool p;
	unsigned seen[64] = { 0 };

	assert_true(pool_new(&p, 100));
	for (int i = 0; i < 64; i++)
		pool_take(&p);
	for (int i = 0; i < 640; i++)
		seen[pool_sample(&p)]++;	/* out of bounds would be caught */
	for (int i = 0; i < 64; i++)
		assert_in_range(seen[i], 5, 20);
	pool_free(&p);
}

static uint64_t few(uint32_t i)
{
	return i % 5 + 508;		/* long clusters, round the end of the table */
}

static bool holds(const struct index *x, uint32_t i)
{
	for (uint32_t at = (uint32_t)few(i), found;
	     (found = index_next(x, few(i), &at)) != NO_INDEX;)
		if (found == i)
			return true;
	return false;
}

static void an_index_that_doubles_loses_nothing(void **state)
{
	(void)state;
	enum { N = 5000 };
	struct index x;

	assert_true(index_new(&x, N));
	for (uint32_t i = 0; i < N; i++) {
		uint64_t hash = i * UINT64_C(0x9e3779b97f4a7c15) >> 20;
		uint32_t at = (uint32_t)hash;

		index_add(&x, hash, i);
		assert_int_equal(index_next(&x, hash, &at), i);
		assert_true(x.used <= (x.mask + 1) / 2 + 1);
	}
	for (uint32_t i = 0; i < N; i += 2)
		index_remove(&x, i * UINT64_C(0x9e3779b97f4a7c15) >> 20, i);
	for (uint32_t i = 0; i < N; i++) {
		uint64_t hash = i * UINT64_C(0x9e3779b97f4a7c15) >> 20;
		uint32_t at = (uint32_t)hash;

		assert_int_equal(index_next(&x, hash, &at), i % 2 ? i : NO_INDEX);
	}
	assert_int_equal(x.used, N / 2);
	index_free(&x);
}

/* Runs that go round the end of the table, of entries that its next size takes apart. */
static uint64_t round_the_end(uint32_t i)
{
	return 500 + i % 24 + (uint64_t)(i / 24 % 16) * 512;
}

static void an_index_that_doubles_in_place_keeps_runs_that_go_round_its_end(void **state)
{
	(void)state;
	enum { N = 1200 };
	struct index x;
	uint32_t doubled = 0;

	assert_true(index_new(&x, N));
	for (uint32_t n = 0; n < N; n++) {
		uint32_t mask = x.mask;

		index_add(&x, round_the_end(n), n);
		if (x.mask == mask)
			continue;
		doubled++;
		assert_int_equal(x.mask, 2 * mask + 1);
		for (uint32_t i = 0; i <= n; i++) {
			uint32_t at = (uint32_t)round_the_end(i), found;

			while ((found = index_next(&x, round_the_end(i), &at)) != i)
				assert_int_not_equal(found, NO_INDEX);
		}
	}
	assert_int_equal(doubled, 3);
	for (uint32_t n = 0; n < N; n++)
		index_remove(&x, round_the_end(n), n);
	for (uint32_t at = 0; at <= x.mask; at++)
		assert_int_equal(x.slot[at].object, 0);
	index_free(&x);
}

/* A nearly empty table of a large capacity touches little memory. */
static void an_index_begins_small(void **state)
{
	(void)state;
	struct index x;

	assert_true(index_new(&x, 1 << 20));
	assert_in_range(x.mask, 15, 1023);
	index_free(&x);
}

static void an_index_finds_what_is_in_it_whatever_was_removed(void **state)
{
	(void)state;
	enum { N = 30 };
	uint64_t x = 7;
	struct index index;
	bool in[N] = { false };

	assert_true(index_new(&index, N));
	for (int round = 0; round < 20000; round++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		uint32_t i = (uint32_t)(x >> 40) % N;

		if (in[i])
			index_remove(&index, few(i), i);
		else
			index_add(&index, few(i), i);
		in[i] = !in[i];
		for (uint32_t k = 0; k < N; k++)
			assert_int_equal(holds(&index, k), in[k]);
	}
	index_free(&index);
}

/* ---- who does not know the key ---- */

enum { ENTRIES = 1 << 14 };

#define V4(a) (UINT64_C(0xffff00000000) | (a))

static uint64_t addresses(const struct hash_key *k, uint64_t a, uint64_t b)
{
	return hash_fold(hash_2(k, 0, a), hash_2(k, 0, b) | 1);
}

/*
 * The nth key of somebody who chooses SPIs, addresses and ports as he likes, for each table that he
 * can fill.
 */
static uint64_t chosen(const struct hash_key *k, unsigned table, uint64_t n)
{
	const uint64_t a = V4(0x0a000000), b = V4(0xc0000201);
	const struct addr from = { 0, a }, to = { 0, b };

	switch (table) {
	/* SPIs one after the other */
	case 0: return sa_hash(k, &from, &to, (uint32_t)n, 50, 0);
	/* and with equal low bits */
	case 1: return sa_hash(k, &from, &to, (uint32_t)n << 16, 50, 2);
	/* one SPI from a /8 */
	case 2: return sa_hash(k, &(struct addr){ 0, a + n }, &to, 0xc0000001, 50, 0);
	case 3: return sa_hash(k, &to, &(struct addr){ 0, a + (n << 8) }, 0x100, 51, 0);
	/* paths: addresses */
	case 4: return hash_5(k, 0, a + n, 0, b, 0);
	case 5: return hash_5(k, 0, a, 0, b, n << 16);				/* and ports */
	case 6: return hash_2(k, n, 0);						/* IKE SPIs */
	case 7: return hash_2(k, n << 32, 0);
	case 8: return hash_2(k, 0x1111, n);
	/* fragments: identifications */
	case 9: return hash_2(k, addresses(k, a, b), n);
	case 10: return hash_2(k, addresses(k, a + n, b), 17);			/* and senders */
	/* TCP: ports */
	default: return hash_5(k, hash_2(k, 0, a), hash_2(k, 0, b), n << 16 | 4500, 0, 0);
	}
}

static void chosen_keys_stand_no_closer_than_chance_puts_them(void **state)
{
	(void)state;
	uint64_t seed = 99;

	for (unsigned round = 0; round < 6 * 12; round++) {
		struct hash_key key;
		struct index x;
		uint64_t away = 0, run = 0, longest = 0;

		for (int i = 0; i < 4; i++)
			key.word[i] = seed = hash_fold(seed ^ UINT64_C(0x9e3779b97f4a7c15),
						       UINT64_C(0xda942042e4dd58b5) + round);
		assert_true(index_new(&x, ENTRIES));
		for (uint64_t n = 0; n < ENTRIES; n++)
			index_add(&x, chosen(&key, round % 12, n), (uint32_t)n);
		assert_int_equal(x.mask + 1, 2 * ENTRIES);
		for (uint32_t at = 0; at <= x.mask; at++) {
			run = x.slot[at].object != 0 ? run + 1 : 0;
			longest = run > longest ? run : longest;
			if (run > 0)
				away += (at - x.slot[at].hash) & x.mask;
		}
		/* chance: half a step on average (Knuth, 6.4), a longest run of about fifty */
		assert_in_range(away, ENTRIES * 4 / 10, ENTRIES * 6 / 10);
		assert_in_range(longest, 16, 120);
		index_free(&x);
	}
}

/* ---- and who does ---- */

static void a_place_that_is_filled_on_purpose_is_crowded_at_a_bound(void **state)
{
	(void)state;
	struct index x;
	uint32_t n = 0;

	assert_true(index_new(&x, 1 << 14));
	while (!index_crowded(&x, 77) && n < 1 << 14)
		index_add(&x, 77, n++);
	assert_int_equal(n, INDEX_PROBES_MAX);
	assert_true(index_crowded(&x, 77));
	assert_false(index_crowded(&x, 77 + INDEX_PROBES_MAX));
	index_free(&x);
}

static void removing_what_is_not_there_changes_nothing(void **state)
{
	(void)state;
	struct index index;

	assert_true(index_new(&index, 30));
	for (uint32_t i = 0; i < 10; i++)
		index_add(&index, few(i), i);
	index_remove(&index, few(20), 20);
	for (uint32_t i = 0; i < 10; i++)
		assert_true(holds(&index, i));
	index_free(&index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_slot_is_given_once_until_it_is_given_back),
		cmocka_unit_test(a_sample_reaches_every_slot_and_no_other),
		cmocka_unit_test(an_index_finds_what_is_in_it_whatever_was_removed),
		cmocka_unit_test(an_index_that_doubles_loses_nothing),
		cmocka_unit_test(an_index_that_doubles_in_place_keeps_runs_that_go_round_its_end),
		cmocka_unit_test(an_index_begins_small),
		cmocka_unit_test(chosen_keys_stand_no_closer_than_chance_puts_them),
		cmocka_unit_test(a_place_that_is_filled_on_purpose_is_crowded_at_a_bound),
		cmocka_unit_test(removing_what_is_not_there_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
