/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a detector says that need not be done (ignores, rests, looks, only_looks, ignores_fresh,
 * rests_fresh) is done here all the same, on a copy of its state, and must change nothing and
 * find nothing.  This file takes the place of src/detect/table.c in a test: its
 * table has a copy of each detector, with functions that hold it to its word.
 * Whoever includes it says what a broken word is: shortcut_is_wrong().
 */
#ifndef TESTS_DETECT_SHORTCUTS_H
#define TESTS_DETECT_SHORTCUTS_H

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define detectors true_detectors
#include "detect/table.c"
#undef detectors

#include "detect/others.h"

static void shortcut_is_wrong(const char *code, const char *what, int event);

/* How often each was taken: a word that is never given proves nothing. */
static struct {
	size_t ignored, rested, looked, fresh;
} shortcuts_taken;

enum { SHORTCUT_STATE_BYTES = 64 * 1024 };

static void *shortcut_copy(const struct detector *d, const void *state)
{
	static _Alignas(max_align_t) unsigned char copy[SHORTCUT_STATE_BYTES];

	assert(d->state_size <= sizeof(copy));
	return memcpy(copy, state, d->state_size);
}

static bool shortcut_is_fresh(const struct detector *d, const void *state)
{
	static _Alignas(max_align_t) unsigned char fresh[SHORTCUT_STATE_BYTES];

	memset(fresh, 0, d->state_size);
	if (d->reset)
		d->reset(fresh);
	return memcmp(fresh, state, d->state_size) == 0;
}

static void shortcut_observe(const struct detector *d, void *state, const struct scene *sc,
			     const struct event *ev)
{
	struct others others = *sc->others;
	bool without = (d->ignores_fresh >> ev->kind & 1) && shortcut_is_fresh(d, state);

	shortcuts_taken.fresh += without;
	d->observe(state, sc, ev);
	if (without && (!shortcut_is_fresh(d, state) ||
			memcmp(&others, sc->others, sizeof(others)) != 0))
		shortcut_is_wrong(d->code, "does not ignore it when nothing is kept", ev->kind);
}

static bool shortcut_ignores(const struct detector *d, const void *state, const struct scene *sc,
			     const struct event *ev)
{
	struct others others = *sc->others;
	bool ignores = d->ignores(state, sc, ev);
	void *copy;

	if ((d->ignores_unseen >> ev->kind & 1) && d->ignores(NULL, sc, ev) != ignores)
		shortcut_is_wrong(d->code, "says without its state what it does not with it",
				  ev->kind);
	if (!ignores)
		return false;
	shortcuts_taken.ignored++;
	copy = shortcut_copy(d, state);
	d->observe(copy, sc, ev);
	if (memcmp(copy, state, d->state_size) != 0 ||
	    memcmp(&others, sc->others, sizeof(others)) != 0)
		shortcut_is_wrong(d->code, "ignores an event that changes something", ev->kind);
	return true;
}

static bool shortcut_judge(const struct detector *d, void *state, const struct scene *sc, nsec now,
			   struct findings *out)
{
	static struct findings found;
	void *copy;
	bool restless;

	if (d->rests_fresh && shortcut_is_fresh(d, state)) {
		shortcuts_taken.fresh++;
		found.n = 0;
		restless = d->judge(state, sc, now, &found);
		if (restless || found.n > 0 || !shortcut_is_fresh(d, state))
			shortcut_is_wrong(d->code, "does not rest when nothing is kept", -1);
		return false;
	}
	if (d->rests && d->rests(state, sc)) {
		shortcuts_taken.rested++;
		found.n = 0;
		copy = shortcut_copy(d, state);
		restless = d->judge(copy, sc, now, &found);
		if (restless != d->keeps_looking || found.n > 0 ||
		    memcmp(copy, state, d->state_size) != 0)
			shortcut_is_wrong(d->code, restless != d->keeps_looking
						   ? "rests, and is asked too often or too seldom"
						   : found.n > 0 ? "rests, and finds something"
								 : "rests, and changes", -1);
		return restless;
	}
	if (!d->only_looks && !(d->looks && d->looks(state)))
		return d->judge(state, sc, now, out);
	shortcuts_taken.looked++;
	copy = shortcut_copy(d, state);
	restless = d->judge(state, sc, now, out);
	if (memcmp(copy, state, d->state_size) != 0)
		shortcut_is_wrong(d->code, "does not only look", -1);
	return restless;
}

#define SHORTCUT_FUNCTIONS(code) \
	static bool ignores_##code(const void *state, const struct scene *sc, \
				   const struct event *ev) \
	{ \
		return shortcut_ignores(&detect_##code, state, sc, ev); \
	} \
	static void observe_##code(void *state, const struct scene *sc, const struct event *ev) \
	{ \
		shortcut_observe(&detect_##code, state, sc, ev); \
	} \
	static bool judge_##code(void *state, const struct scene *sc, nsec now, \
				 struct findings *out) \
	{ \
		return shortcut_judge(&detect_##code, state, sc, now, out); \
	}
DETECTORS(SHORTCUT_FUNCTIONS)

#define SHORTCUT_COUNT(code) +1
static struct detector shortcut_detectors[0 DETECTORS(SHORTCUT_COUNT)];

#define SHORTCUT_PLACE(code) place_of_##code,
enum { DETECTORS(SHORTCUT_PLACE) };

extern const struct detector *const detectors[];
#define SHORTCUT_ROW(code) &shortcut_detectors[place_of_##code],
const struct detector *const detectors[] = { DETECTORS(SHORTCUT_ROW) };

/* Before the first detect_new(). */
static void shortcuts_begin(void)
{
#define SHORTCUT_FILL(code) \
	shortcut_detectors[place_of_##code] = detect_##code; \
	if (detect_##code.ignores) \
		shortcut_detectors[place_of_##code].ignores = ignores_##code; \
	shortcut_detectors[place_of_##code].observe = observe_##code; \
	shortcut_detectors[place_of_##code].ignores_unseen = 0; \
	shortcut_detectors[place_of_##code].ignores_fresh = 0; \
	shortcut_detectors[place_of_##code].rests_fresh = false; \
	shortcut_detectors[place_of_##code].rests = NULL; \
	shortcut_detectors[place_of_##code].judge = judge_##code;
	DETECTORS(SHORTCUT_FILL)
}

#endif
