/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which alert of a tunnel explains which: one fault is one incident.  What may explain what stands
 * in precedence.c; here is whether it did, by their times, their harm and what they found.
 */
#include "detect/alert_table.h"

#include <string.h>

#include "detect/precedence.h"

/* a cause is seen at most this much later than the latest evidence of its symptom */
#define CAUSE_NO_LATER (60 * NSEC_PER_S)

/* `b` was over when `a` began: cleared, or a failure to set up before what failed now worked. */
static bool over_before(const struct alert *b, const struct alert *a)
{
	if (b->cleared_at != NSEC_NONE && b->true_last < a->finding.first)
		return true;
	return a->finding.well != NSEC_NONE && b->evidence_last < a->finding.well &&
	       precedence_of_set_up(b->detector->code);
}

/* `b` began when `a` had been quiet for longer than a cause and its symptom are apart. */
static bool began_after(const struct alert *b, const struct alert *a)
{
	return b->finding.first - a->evidence_last > CAUSE_NO_LATER;
}

/* What did no harm, or turned out not to have been so, explains none. */
static bool harmless(const struct alert *b, const struct alert *a)
{
	if (b->finding.instead)
		return true;
	return a->finding.severity > SEVERITY_INFO && b->finding.severity == SEVERITY_INFO &&
	       precedence_by_harm_alone(b->detector->code);
}

/*
 * A series of sessions explains those of its ends that fell into it, if nobody deleted them: a
 * restart between Deletes is another story.
 */
static bool beside_series(const struct alert *b, const struct alert *a)
{
	return precedence_of_series(a->detector->code) &&
	       (strcmp(finding_cause(&b->finding), "dpd") != 0 ||
		a->finding.first - b->evidence_last > CAUSE_NO_LATER ||
		b->finding.first - a->evidence_last > CAUSE_NO_LATER);
}

void alerts_relate(struct alerts *as, uint32_t head)
{
	for (uint32_t i = head; i != 0; i = as->at[i].next) {
		struct alert *a = &as->at[i];
		const struct alert *best = NULL;
		int rank = PRECEDENCE_NONE;

		if (a->cleared_at != NSEC_NONE && !precedence_of_series(a->detector->code))
			continue;
		for (uint32_t j = head; j != 0; j = as->at[j].next) {
			const struct alert *b = &as->at[j];
			int this_rank = precedence_of(b->detector->code, a->detector->code);

			if (this_rank >= rank || over_before(b, a) || began_after(b, a) ||
			    harmless(b, a) || beside_series(b, a) ||
			    precedence_contradicted(b->detector->code, &b->finding,
						    a->detector->code, &a->finding))
				continue;
			best = b;
			rank = this_rank;
		}

		object_id incident = !best ? 0 : best->incident ? best->incident : best->id;

		if (!best || (a->cause == best->detector && a->incident == incident))
			continue;
		a->cause = best->detector;
		a->incident = incident;
		a->dirty = true;
		a->urgent = a->cleared_at == NSEC_NONE;
	}
}
