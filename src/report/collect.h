/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the diagnosis needs from one walk: records of captures and alerts whole,
 * SAs added up per tunnel, so that a year's history fits in memory.
 */
#ifndef SAWATCH_REPORT_COLLECT_H
#define SAWATCH_REPORT_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/record.h>

/* Strings and arrays that live as long as the collection. */
struct keep;

/* Four such sums, added, are a number still. */
#define SUM_MAX (INT64_MAX / 4)

/* More of it: what is not known adds nothing, and what is no amount makes the largest. */
static inline void sum_add(int64_t *sum, int64_t more)
{
	if (more > 0 && (__builtin_add_overflow(*sum, more, sum) || *sum > SUM_MAX))
		*sum = SUM_MAX;
}

/* Ages at rekey: kept one by one, for the median. */
struct ages {
	nsec *age;
	size_t n, room;
};

struct age_summary {
	size_t n;
	nsec min, median, max;
};

enum { SIDES = 3, SIDE_ANY = 2 };	/* peers[0], peers[1], side not known */
enum { LATEST_IKE_SAS = 3, VENDORS_MAX = 8 };

struct seen_ike_sa {
	struct record_ike_sa record;	/* strings of the suite kept; lists dropped */
};

struct seen_traffic {		/* one direction */
	int64_t sas, packets, bytes, lost, late, duplicates;
	nsec first, last;
	bool udp, tcp, plain, ah;
};

struct seen_tunnel {
	struct record_tunnel record;
	int64_t ike_sas, ike_established, ike_living, ike_failed, ike_rekeyed;
	bool ikev1, ikev2;
	size_t n_latest;
	struct seen_ike_sa latest[LATEST_IKE_SAS];	/* by creation, oldest first */
	size_t n_vendors;
	const char *vendors[VENDORS_MAX];
	int64_t child_sas, child_living;
	struct ages ike_ages[SIDES], child_ages[SIDES];
	struct seen_traffic traffic[2];
	size_t n_alerts;
	struct record_alert *alerts;	/* most severe first once sorted */
	size_t alerts_room;
	int rank;		/* enum tunnel_rank once judged */
};

/* Ill ones first; DESIGN 1.1: what cannot be seen is not healthy. */
enum tunnel_rank { RANK_CRITICAL, RANK_WARNING, RANK_INFO, RANK_DOWN, RANK_UNKNOWN, RANK_HEALTHY, RANKS };

struct collection {
	struct keep *keep;
	struct record_capture *captures;
	size_t n_captures, captures_room;
	struct seen_tunnel *tunnels;
	size_t n_tunnels, tunnels_room;
	bool indexed;		/* tunnels are sorted by id */
	struct record_alert *alerts;	/* about captures */
	size_t n_alerts, alerts_room;
};

void collection_init(struct collection *c);
void collection_done(struct collection *c);
struct record_sink collection_sink(struct collection *c);

/* All records are in: rank the tunnels and sort them and their alerts. */
void collection_judge(struct collection *c);

/* Over one side, or over all with SIDES. n = 0: no rekey was seen. */
struct age_summary ages_summary(const struct ages ages[SIDES], int side);

#endif
