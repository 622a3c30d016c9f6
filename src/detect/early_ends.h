/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Child SAs that one side ended at an age of its own: without a rekey, with traffic on them.  It
 * deletes them; or says nothing, no longer sends on them, and lets the peer send into the void
 * until a new one is made.
 */
#ifndef SAWATCH_DETECT_EARLY_ENDS_H
#define SAWATCH_DETECT_EARLY_ENDS_H

#include "detect/detector.h"

enum { EARLY_ENDS = 8, KEY_INFERRED = 2 /* of its findings; and 3: per side */ };

struct early_end {
	nsec at;
	nsec age;
	nsec silence_after;	/* how long until traffic went on; NSEC_NONE not yet */
	nsec traffic_last;
	nsec pace;		/* usual distance of its packets */
	bool maybe_rekeyed;	/* by an exchange that was not captured */
	bool unsaid;		/* without a Delete */
	uint32_t frame;
	object_id ike_sa;
};

/* Ends at one age, none longer than life.window_s after the one before. */
struct early_row {
	uint32_t ends, unsaid;
	uint32_t gaps;			/* after how many traffic stopped */
	nsec longest;			/* of these */
};

struct early_ends {
	struct early_end ends[2][EARLY_ENDS];	/* by the side that ended them, oldest first */
	struct early_row before[2];		/* of the same row, before those */
	uint8_t n_ends[2];
	nsec rekey_age[2];	/* the latest at which this side rekeyed; 0 never seen */
	nsec failing_since;	/* rekeys were tried in vain since; 0 not */
	nsec both_deleted;	/* at the same time; 0 never */
};

#define EARLY_ENDS_OBSERVES \
	(WANTS(CHILD_SA_ENDED) | WANTS(CHILD_SA_REKEYED) | WANTS(IKE_SA_ENDED) | \
		WANTS(ESP_SA_FIRST) | \
	 WANTS(CHILD_REFUSED) | WANTS(REQUEST_COPY) | WANTS(DELETE_COLLISION))

/* Take note of an event; those outside the set above are ignored. */
void early_ends_observe(struct early_ends *s, const struct scene *sc, const struct event *ev);

/* True when this event would change nothing in `s`. */
bool early_ends_ignores(const struct early_ends *s, const struct scene *sc,
			const struct event *ev);
/* Is there an end to be judged? */
static inline bool early_ends_any(const struct early_ends *s)
{
	return s->n_ends[0] > 0 || s->n_ends[1] > 0;
}
/* Add what is true now to `out`.  False: nothing more can become true without another event. */
bool early_ends_judge(struct early_ends *s, const struct scene *sc, nsec now, struct findings *out);
/* The summary and the remedies of such a finding. */
void early_ends_explain(struct story *story);
/* Its fields, to be kept across a restart (fields.h). */
void early_ends_fields(struct fields *f, struct early_ends *s);

/*
 * Did the lifetime of `old` run out at its sender alone?  At an age that people configure it
 * stopped busy traffic there, while the peer went on as before; `is` was made in the same IKE SA,
 * not by this side to replace it, and used at once: `new` is the SA of this direction, NULL when it
 * has not spoken yet.
 */
bool ran_out_alone(const struct scene *sc, const struct esp_sa *old, const struct child_sa *is,
		   const struct esp_sa *new);

/* A whole number of minutes, or so much before that. */
bool configured_age(nsec age, nsec before);

#endif
