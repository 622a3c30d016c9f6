/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Alerts: what became of findings over time.  Raising, updating, clearing,
 * hold-down, identity, and which alert is only a symptom of another one.
 */
#ifndef SAWATCH_DETECT_ALERTS_H
#define SAWATCH_DETECT_ALERTS_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/pack.h>
#include <sawatch/record.h>

#include "detect/detector.h"

struct alert {
	const struct detector *detector;
	struct finding finding;		/* the worst so far: highest severity, then highest count */
	object_id id, tunnel;
	const struct detector *cause;	/* detector of the alert that explains this one; NULL */
	object_id incident;		/* root of that chain; 0 stands alone */
	struct endpoint peers[2];
	uint32_t vendors[2];		/* bit sets of enum vendor, per side */
	uint32_t next;			/* list of the tunnel's alerts, newest first; 0 ends */
	nsec raised, cleared_at;	/* cleared_at NSEC_NONE: open */
	nsec true_last;			/* when it was last judged true */
	nsec evidence_last;		/* latest evidence, also of milder findings */
	bool used, held;		/* held: true in the judgement that is being made */
	bool dirty;			/* changed since it was last told */
	bool urgent;			/* and to be told at once */
};

struct alerts;

/*
 * Room for settings->tables_alerts, none yet; `sink`, which gets them, must outlive it.  NULL: no
 * memory.
 */
struct alerts *alerts_new(const struct settings *settings, const struct record_sink *sink);
void alerts_free(struct alerts *as);	/* accepts NULL */

/*
 * What `detector` found about the tunnel whose list begins at *head.  `capture`
 * is the capture being read.  Adds to *count for every new alert.  Returns
 * whether an alert was opened, reopened or closed.
 */
bool alerts_merge(struct alerts *as, uint32_t *head, uint32_t *count,
		  const struct detector *detector, const struct scene *sc, uint32_t capture,
		  nsec now, const struct findings *found);

/* Which alert of the list explains which (DETECTION-FACTS 4.7). */
void alerts_relate(struct alerts *as, uint32_t head);

/* Give the urgent ones of the list, or all that changed, to the sink. */
void alerts_tell_urgent(struct alerts *as, uint32_t head);
void alerts_tell_changed(struct alerts *as);

/* Everything that is open or changed, in the order of identity. */
void alerts_tell_final(struct alerts *as);

/*
 * Drop cleared ones that no hold-down needs any more; or, with the tunnel itself gone, all of them.
 */
void alerts_tidy(struct alerts *as, uint32_t *head, const struct settings *settings, nsec now);
/* The alerts about an expected tunnel go to another list, of `tunnel`. */
void alerts_move(struct alerts *as, uint32_t *from, uint32_t *to, const struct tunnel *tunnel);
void alerts_forget(struct alerts *as, uint32_t *head);
/* Those about expected tunnels are over, whatever is true: this one is not expected any more. */
void alerts_end_expected(struct alerts *as, uint32_t head, nsec now);

/*
 * Across a restart: the list as bytes; and back, as alerts about `tunnel` (NULL:
 * the capture) that were open `shift` longer, because nobody watched for so
 * long.  One about an expected tunnel is over when this one is not any more.  False: the bytes are
 * not alerts of this program.
 */
void alerts_pack(const struct alerts *as, uint32_t head, struct packer *p);
bool alerts_unpack(struct alerts *as, uint32_t *head, const struct tunnel *tunnel, bool expected,
		   nsec shift, struct reader *r);

const struct alert *alerts_get(const struct alerts *as, uint32_t index);	/* NULL for 0 */

/* Is there an alert with this identity? */
bool alerts_know(const struct alerts *as, object_id id);

/* How often a finding got no alert, since alerts_new(): no room, or too many at once. */
uint64_t alerts_left_out(const struct alerts *as);

#endif
