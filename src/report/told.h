/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records as they come while captures are read of which only the diagnosis is wanted
 * (tracker_without_details()): in any order; ESP SAs and child SAs once, so that only sums of them
 * are kept, the others again whenever something about them changed, and the latest record counts.
 * told_collect() makes of them the same collection that a walk over a history of these records
 * would give.
 */
#ifndef SAWATCH_REPORT_TOLD_H
#define SAWATCH_REPORT_TOLD_H

#include "report/collect.h"

/*
 * Elements of one size by the id that each begins with, in the order in which they were first seen.
 */
struct shelf {
	size_t size;
	unsigned char *at;
	uint32_t n, room;
	uint32_t *index;	/* element + 1 */
	uint32_t places;	/* of the index: a power of two; 0 at first */
};

struct told {
	struct collection *to;
	struct shelf captures, tunnels, ike_sas, alerts;
	uint32_t words;		/* about tunnels, so far */
	uint32_t *places;	/* in the collection, by number of the tunnel: once it is there */
	struct label {
		struct endpoint peers[2];
		const char *text;
		size_t order;
		/* tunnel of the collection that bears it, + 1; 0 none yet */
		size_t bearer;
	} *labels;
	size_t n_labels, labels_room;
};

/* `to` must outlive it. */
void told_init(struct told *t, struct collection *to);
void told_done(struct told *t);

/* Where the pipeline puts its records. */
struct record_sink told_sink(struct told *t);

/*
 * The inventory calls the tunnel of these peers so; without ports, the one heard of last between
 * their addresses.
 */
void told_label(struct told *t, const struct endpoint peers[2], const char *text);

/* All records have come: put them into the collection. */
void told_collect(struct told *t);

#endif
