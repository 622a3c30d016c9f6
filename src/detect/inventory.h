/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Expected tunnels: where the detectors keep what they know of each, and when
 * one that nothing was seen of is missed.
 */
#ifndef SAWATCH_DETECT_INVENTORY_H
#define SAWATCH_DETECT_INVENTORY_H

#include <sawatch/expected.h>
#include <sawatch/track.h>

struct inventory_entry {
	/* of the tunnel; its own, behind those of the tracker's tunnels, when it was not seen */
	uint32_t slot;
	bool missed;		/* not seen, and that was told */
	bool elsewhere;		/* seen, or that was told, in other captures of that time */
	nsec since;		/* expected since then; NSEC_NONE: from the beginning */
	/* for the tunnel that was not seen: peers, and state_since: waited for since */
	struct tunnel stand_in;
};

struct inventory {
	const struct expected *expected;
	size_t n;			/* 0: nothing is expected */
	uint32_t first_slot;		/* of the entries' own */
	struct settings *settings;	/* of each tunnel */
	struct inventory_entry *entries;
	uint32_t former;		/* places in the inventories before this one */
	bool begun;			/* frames are coming: their absence says something */
	nsec due;			/* when the next one is missed; INT64_MAX never */
	size_t next;			/* and which */
};

/* `x` must outlive it.  False when memory is short. */
bool inventory_init(struct inventory *v, const struct expected *x, const struct settings *general,
		    uint32_t first_slot);
void inventory_done(struct inventory *v);

/* It takes the place of another one, now: all of its tunnels are new. */
void inventory_follow(struct inventory *v, const struct inventory *old, nsec now);

/* The general settings or those of the tunnels have changed. */
void inventory_settle(struct inventory *v, const struct settings *general);

/* The tunnel's place, v->n when it is not expected. */
size_t inventory_find(const struct inventory *v, const struct tunnel *tunnel);

/* Was nothing seen of it? */
bool inventory_unseen(const struct inventory *v, size_t place);

/* It is kept in this slot from now on; back in its own one it is waited for anew. */
void inventory_move(struct inventory *v, size_t place, uint32_t slot, nsec now);

/* Frames before this moment say nothing: the capture begins, has a hole, or its clock stepped. */
void inventory_wait_from(struct inventory *v, nsec at);

/* The one that is due is missed; `capture` gives it the identity of a tunnel. */
void inventory_miss(struct inventory *v, uint32_t capture);

/* This one is known from other captures of that time: it is not missed here. */
void inventory_elsewhere(struct inventory *v, size_t place);

/* This one was, before a restart. */
void inventory_missed(struct inventory *v, size_t place, uint32_t capture);

#endif
