/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A child SA is refused: was it an additional one, or the renewal of one that exists?  A peer that
 * wants an additional one asks for it after the set-up and then again and again, so the age of its
 * SAs at a refusal says nothing.
 */
#ifndef SAWATCH_DETECT_REFUSAL_ROW_H
#define SAWATCH_DETECT_REFUSAL_ROW_H

#include "detect/detector.h"

/*
 * Refusals of what one side asks for, by what its requests begin with: a Notify, as those that
 * renew, or not.
 */
struct refusal_rows {
	struct {
		nsec began, latest;	/* 0: none so far */
	} row[2];
};

/*
 * Add this one, asked for at `asked`; returns when its row began: at or after `since`, when the SA
 * was made that may be meant.
 */
nsec refusal_row_add(struct refusal_rows *r, const struct exchange *x, nsec asked, nsec since,
		     const struct settings *set);

/* Its fields, to be kept across a restart (fields.h). */
void refusal_row_fields(struct fields *f, struct refusal_rows *r);

#endif
