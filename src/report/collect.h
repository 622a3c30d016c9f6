/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the diagnosis needs of a history: records of captures and alerts in full, SAs added up per
 * tunnel, so that a year fits in memory.  It is a sink for a walk over the history, which gives
 * each record once and in order.  (While captures are read, records come otherwise: told.h.)
 */
#ifndef SAWATCH_REPORT_COLLECT_H
#define SAWATCH_REPORT_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/record.h>

/* Strings and arrays that live as long as the collection. */
struct keep;

/* The largest sum: four of them can be added without overflow. */
#define SUM_MAX (INT64_MAX / 4)

/* Add `more`: unknown (negative) adds nothing; an overflow gives SUM_MAX. */
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

/* Kept once, however many have the same. */
struct vendors {
	size_t n;
	const char *name[VENDORS_MAX];
};

struct seen_ike_sa {		/* as in its record */
	uint64_t spi_i, spi_r;
	struct endpoint initiator;
	nsec created, established, ended, last;
	const struct record_offer *suite;	/* kept, as vendors are */
	enum origin origin;
	enum end_reason end_reason;
	int8_t ended_by;
	uint8_t version;
};

struct seen_traffic {		/* one direction */
	int64_t sas, packets, bytes, lost, late, duplicates;
	int64_t moved;			/* of sas: one went on from another address */
	nsec first, last;
	bool udp, tcp, plain, ah;
	bool loss_unknown;		/* of one of its SAs at least */
};

/* What is taken from the record of an SA. */
struct ike_part {
	struct seen_ike_sa seen;
	const struct vendors *vendors;	/* NULL: none has a name */
};

struct child_part {
	bool living;
	int side;
	nsec age;		/* at rekey; NSEC_NONE: it has none */
};

struct esp_part {
	bool from_low, udp, tcp, plain, ah;
	bool moved;			/* goes on from another address with the same SPI */
	nsec first, last;
	int64_t packets, bytes, lost, late, duplicates;
};

/* What IKE says of a tunnel. */
struct seen_ike {
	int64_t sas, established, living, failed, rekeyed;
	bool v1, v2;
	uint8_t n_latest;
	struct seen_ike_sa *latest;	/* LATEST_IKE_SAS at most, by creation, oldest first */
	const struct vendors *vendors;	/* NULL: none */
	struct ages *ages;		/* SIDES of them; NULL: no rekey */
};

/* There may be a million: what many have none of lies elsewhere. */
struct seen_tunnel {
	struct record_tunnel record;
	struct seen_ike *ike;		/* NULL: no IKE SA */
	int64_t child_sas, child_living;
	struct ages *child_ages;	/* SIDES of them; NULL: no rekey */
	struct seen_traffic *traffic;	/* of each direction; NULL: no ESP */
	size_t n_alerts;
	struct record_alert *alerts;	/* most severe first once sorted */
	size_t alerts_room;
	int rank;		/* enum tunnel_rank once judged */
	/* of told.c: its number, and that of its latest word over all tunnels, 0 none */
	uint32_t number, word;
	bool heard;			/* others spoke of it */
};

/* Ill ones first; DESIGN 1.1: what cannot be seen is not healthy. */
enum tunnel_rank {
	RANK_CRITICAL, RANK_WARNING, RANK_INFO, RANK_DOWN, RANK_UNKNOWN, RANK_HEALTHY, RANKS,
};

/*
 * Few suites and vendors are in use, and few sentences say what could not be judged: they are kept
 * once.  A place for two is the later one's.
 */
enum { KNOWN_TEXTS = 256, KNOWN_LENGTH_MAX = 128 };

struct known_text {
	const char *given, *safe;
};

enum { KNOWN_LISTS = 64 };

struct collection {
	struct keep *keep;
	struct known_text known[KNOWN_TEXTS];
	const struct record_offer *suites[KNOWN_LISTS];
	const struct vendors *vendors[KNOWN_LISTS];
	struct record_capture *captures;
	size_t n_captures, captures_room;
	struct seen_tunnel *tunnels;
	size_t n_tunnels, tunnels_room;
	bool indexed;		/* tunnels are sorted by id */
	struct record_alert *alerts;	/* about captures */
	size_t n_alerts, alerts_room;
};

void collection_init(struct collection *c);	/* empty */
void collection_done(struct collection *c);
/* Where a walk puts its records; collection_judge() comes after the last one. */
struct record_sink collection_sink(struct collection *c);

/* Copies that live as long as the collection (parts.c). */
struct record_capture collection_keep_capture(struct collection *c, const struct record_capture *r);
struct record_tunnel collection_keep_tunnel(struct collection *c, const struct record_tunnel *r);
struct record_alert collection_keep_alert(struct collection *c, const struct record_alert *r);
const char *collection_keep_text(struct collection *c, const char *text);
void keep_done(struct collection *c);

/* What is taken from records of SAs, `peers` those of the tunnel. */
struct ike_part ike_part_of(struct collection *c, const struct record_ike_sa *r);
struct child_part child_part_of(const struct record_child_sa *r);
struct esp_part esp_part_of(const struct record_esp_sa *r, const struct endpoint peers[2]);

/* Did it live when the capture ended? */
static inline bool sa_lives(enum end_reason why)
{
	return why == END_NONE || why == END_CAPTURE_END;
}

/* Those of both, kept; `a`, `b` and what is given back NULL: none. */
const struct vendors *vendors_of_both(struct collection *c, const struct vendors *a,
				      const struct vendors *b);

/*
 * Kept records and parts go in.  The tunnel that is given back is borrowed until the next one
 * comes; IKE SAs by creation.
 */
void collection_add_capture(struct collection *c, const struct record_capture *kept);
struct seen_tunnel seen_tunnel_of(const struct record_tunnel *kept);
void seen_tunnel_done(struct seen_tunnel *t);
struct seen_tunnel *collection_add_tunnel(struct collection *c, const struct record_tunnel *kept);
/* `t` NULL: about a capture. */
void collection_add_alert(struct collection *c, struct seen_tunnel *t,
			  const struct record_alert *kept);
/* What was added to `from`, but for IKE and alerts, goes to `to`. */
void seen_tunnel_unite(struct seen_tunnel *to, struct seen_tunnel *from);
void seen_tunnel_add_ike(struct collection *c, struct seen_tunnel *t, const struct ike_part *p);
void seen_tunnel_add_child(struct seen_tunnel *t, const struct child_part *p);
void seen_tunnel_add_esp(struct seen_tunnel *t, const struct esp_part *p);

/* All records are in: rank the tunnels and sort them and their alerts. */
void collection_judge(struct collection *c);

/* Over one side, or over all with SIDES. `ages` NULL, n = 0: no rekey was seen. */
struct age_summary ages_summary(const struct ages *ages, int side);

#endif
