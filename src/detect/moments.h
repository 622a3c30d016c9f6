/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The latest moments of something, with their frames: "how often within the
 * window", the question most conditions begin with.
 */
#ifndef SAWATCH_DETECT_MOMENTS_H
#define SAWATCH_DETECT_MOMENTS_H

#include <stdint.h>

#include <sawatch/nsec.h>

struct fields;
struct finding;

enum { MOMENTS_MAX = 16 };

struct moments {
	uint32_t total;		/* ever; the latest MOMENTS_MAX are kept */
	uint32_t before_row;	/* of them those before the row of the latest */
	nsec at[MOMENTS_MAX];
	/* low 32 bits: captures with more frames show no frame for it */
	uint32_t frame[MOMENTS_MAX];
};

/* Something happened at `at`, in this frame (0: in none). */
void moments_add(struct moments *m, nsec at, uint64_t frame);

/* As moments_add(); the first one after more than `pause` without any begins a row. */
void moments_add_to_row(struct moments *m, nsec at, uint64_t frame, nsec pause);

/* How many are in the row of the latest, kept or not: "refused 40 times". */
int64_t moments_in_row(const struct moments *m);

/* How many of the kept ones are at or after `from`. */
unsigned moments_since(const struct moments *m, nsec from);

/* The n-th latest, 0 the latest; n < kept ones. */
nsec moments_at(const struct moments *m, unsigned n);
unsigned moments_kept(const struct moments *m);
void moments_clear(struct moments *m);

/* Earliest kept one at or after `from`; NSEC_NONE when there is none. */
nsec moments_first(const struct moments *m, nsec from);

/* The frames of those at or after `from`, as evidence. */
void moments_frames(const struct moments *m, nsec from, struct finding *f);

/* As fields of a state. */
void moments_fields(struct fields *f, struct moments *m);

#endif
