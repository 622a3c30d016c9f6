/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The latest IKE SAs that were begun from scratch, in the whole capture: who
 * asked whom, and what came of it.  For conditions that no single tunnel shows.
 */
#ifndef SAWATCH_DETECT_NEWCOMERS_H
#define SAWATCH_DETECT_NEWCOMERS_H

#include "detect/detector.h"

enum { NEWCOMERS_MAX = 512 };

struct newcomer {
	nsec at;
	object_id ike_sa;
	uint32_t index;			/* of it */
	uint32_t before;		/* the number of the one before in the same bucket */
	struct endpoint from, to;
	uint32_t frame;			/* low 32 bits, as in moments.h */
	bool known;			/* the tunnel was there before: a peer that comes back */
	bool answered;			/* so the responder keeps state */
	bool cookie;
	/* authenticated, or about to be where the answers are not captured */
	bool done;
};

struct newcomers {
	uint32_t total;			/* ever; the latest NEWCOMERS_MAX are kept */
	uint32_t latest[NEWCOMERS_MAX];	/* by index: the number of the latest, from 1; 0 none */
	struct newcomer at[NEWCOMERS_MAX];
};

/* IKE_SA_CREATED, IKE_SA_ESTABLISHED and COOKIE; others are ignored. */
void newcomers_observe(struct newcomers *n, const struct scene *sc, const struct event *ev);

/* How many are kept, and the i-th latest. */
uint32_t newcomers_kept(const struct newcomers *n);
const struct newcomer *newcomers_get(const struct newcomers *n, uint32_t i);

/* Bring answered and done up to date. */
void newcomers_look(struct newcomers *n, const struct scene *sc);

#endif
