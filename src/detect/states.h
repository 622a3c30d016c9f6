/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the detectors remember, packed.  A state is made for the worst case,
 * and a healthy tunnel fills next to nothing of it: at rest only those words
 * are kept that differ from a state in which nothing was ever observed.
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

/* The same, not to be changed: what was not opened need not be put away. */
void *states_look(struct states *s, uint32_t slot, size_t which);
/* Only until something else is asked for. */
const void *states_read(struct states *s, uint32_t slot, size_t which);

/* The detectors whose state need not be fresh; of the capture none. */
uint64_t states_kept(const struct states *s, uint32_t slot);

/* Detectors will be asked for this slot next. */
void states_expect(const struct states *s, uint32_t slot);

/* Of the open state: its values, and zeros between them. */
const void *states_values(struct states *s, const struct detector *d);
/* It is as if nothing had been observed. */
void states_renew(struct states *s);

/* Was nothing observed that it would remember? */
bool states_fresh(struct states *s, uint32_t slot, size_t which);

/* All states of this slot are as if nothing had been observed; those of the capture stay. */
void states_forget(struct states *s, uint32_t slot);

/* Those of the detectors in `mask`, none of the capture. */
void states_forget_some(struct states *s, uint32_t slot, uint64_t mask);

/*
 * The states of the detectors in `mask`, none of the capture, go to another slot, which forgets its
 * own.
 */
void states_move(struct states *s, uint32_t from, uint32_t to, uint64_t mask);

#endif
