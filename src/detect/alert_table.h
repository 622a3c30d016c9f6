/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What alerts.c, alert_causes.c and alert_image.c share: the table of alerts. */
#ifndef SAWATCH_DETECT_ALERT_TABLE_H
#define SAWATCH_DETECT_ALERT_TABLE_H

#include "detect/alerts.h"
#include "detect/slots.h"

enum {
	/* captures read at the same time (interfaces); files come one after the other */
	CAPTURES_COUNTED = 64,
	NAMES_MAX = 1024,	/* a program has fewer */
};

struct alerts {
	const struct record_sink *sink;
	struct alert *at;		/* [0] is not used: index 0 is "none" */
	uint32_t size, high;		/* slots; first one never used */
	uint32_t free;			/* list through next */
	uint64_t left_out;
	uint32_t used;
	/* when each is full again (as track/restraint.c); NSEC_NONE full */
	nsec purse, purse_strangers;
	nsec purse_of_cause[DETECTORS_MAX];	/* of tunnels without IKE, by detector */
	uint32_t *order;		/* for alerts_tell_final */
	struct { uint32_t capture, last; } numbers[CAPTURES_COUNTED];
	uint32_t numbers_hand;
	char *names[NAMES_MAX];		/* of evidence and causes that came back after a restart */
	size_t n_names;
};

uint32_t alerts_take(struct alerts *as);	/* a zeroed slot; 0: there is none */

#endif
