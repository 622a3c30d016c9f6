/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small seeded generator (splitmix64): the same seed gives the same capture, byte for byte. */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sim_rng {
	uint64_t state;
};

static inline uint64_t sim_rng_u64(struct sim_rng *r)
{
	uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint32_t sim_rng_u32(struct sim_rng *r)
{
	return (uint32_t)(sim_rng_u64(r) >> 32);
}

/* Uniform in [0, 1). */
static inline double sim_rng_unit(struct sim_rng *r)
{
	return (double)(sim_rng_u64(r) >> 11) * 0x1p-53;
}

/* Uniform in [0, below); 0 when below is 0. */
static inline uint64_t sim_rng_below(struct sim_rng *r, uint64_t below)
{
	return below == 0 ? 0 : sim_rng_u64(r) % below;
}

static inline void sim_rng_fill(struct sim_rng *r, void *to, size_t length)
{
	unsigned char *p = to;

	for (; length >= 8; p += 8, length -= 8) {
		uint64_t word = sim_rng_u64(r);

		memcpy(p, &word, 8);
	}
	if (length > 0) {
		uint64_t word = sim_rng_u64(r);

		memcpy(p, &word, length);
	}
}

#endif
