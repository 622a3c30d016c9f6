/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The states of all detectors for all tunnels, packed.  A state is large enough for the worst
 * case, but that of a healthy tunnel is nearly empty: only those words are stored that differ from
 * a state in which nothing was ever observed.
 */
#ifndef SAWATCH_DETECT_STATES_H
#define SAWATCH_DETECT_STATES_H

#include <stdint.h>

#include "detect/detector.h"

struct states;

/* For `slots` tunnels, as many as there will ever be; NULL without memory. */
struct states *states_new(const struct detector *const *list, size_t n, uint32_t slots);
void states_free(struct states *s);	/* accepts NULL */

/*
 * The state of detector `which` for this slot, to be read and written until
 * states_close(); one at a time.  A detector of the capture has one state only.
 */
void *states_open(struct states *s, uint32_t slot, size_t which);
void states_close(struct states *s);

/* The same, to be read only: it need not be packed again. */
void *states_look(struct states *s, uint32_t slot, size_t which);
/* The same, valid until the next call of any of these functions. */
const void *states_read(struct states *s, uint32_t slot, size_t which);

/* The detectors whose state need not be fresh; of the capture none. */
uint64_t states_kept(const struct states *s, uint32_t slot);

/* Prefetch the states of this slot: they are needed next. */
void states_expect(const struct states *s, uint32_t slot);

/* A copy of the open state with zeros in its padding. */
const void *states_values(struct states *s, const struct detector *d);
/* The open state becomes one in which nothing was observed. */
void states_renew(struct states *s);

/* Is it a state in which nothing was observed? */
bool states_fresh(struct states *s, uint32_t slot, size_t which);

/* All states of this slot are as if nothing had been observed; those of the capture stay. */
void states_forget(struct states *s, uint32_t slot);

/* The same for the detectors in `mask` only (bit n: detectors[n]), none of the capture. */
void states_forget_some(struct states *s, uint32_t slot, uint64_t mask);

/*
 * The states of the detectors in `mask`, none of the capture, go to another slot, which forgets its
 * own.
 */
void states_move(struct states *s, uint32_t from, uint32_t to, uint64_t mask);

#endif
