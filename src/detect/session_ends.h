/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ends of a tunnel's sessions: what they have in common, and what that comes from. */
#ifndef SAWATCH_DETECT_SESSION_ENDS_H
#define SAWATCH_DETECT_SESSION_ENDS_H

#include "detect/detector.h"

enum { SESSION_ENDS = 8 };	/* remembered */

struct session_end {
	nsec at, age;
	nsec traffic;			/* latest packet before it; NSEC_NONE none */
	nsec gap;			/* until traffic went on; NSEC_NONE not yet */
	uint32_t frame;
	uint32_t declared_s;		/* IKEv1 lifetime of its IKE SA; 0 unknown */
	int8_t by;
	bool ikev1;			/* child SAs may live on without it */
	bool unbegun;			/* nobody saw it begin: it was at least that old */
	bool by_initiator;		/* who began it ended it */
	bool lost;			/* given up, not deleted */
	bool unsaid;			/* nobody deleted it, and yet the next one was needed */
	bool restarted;			/* a new session followed soon */
	bool anew;			/* begun at once by who ended this: perhaps meant so */
	uint16_t rekeys;
};

/* What the ends that count have in common. */
struct session_pattern {
	size_t n, ends;			/* of known age; and with one that began before */
	size_t whole;			/* whose beginning was seen */
	size_t anew;			/* that may be a reauthentication */
	double ages[SESSION_ENDS], period, spread;
	bool unlike;			/* the one before them was older or younger */
	bool one_side, active, idle, lost, unsaid, rekeyed_inside, declared;
	int side;
	nsec longest_gap;
	const struct session_end *of[SESSION_ENDS];
};

/*
 * The latest of `n` ends (oldest first), as far back as they are alike; borrows them.  Those that
 * may be a reauthentication count when others at exactly the same age are none.
 */
struct session_pattern session_pattern_of(const struct session_end *ends, size_t n,
					  const struct settings *set);

/*
 * Is there a timer behind them (periodic.min_n, .cv, .tolerance_s)?  Then their period and spread
 * are set.
 */
bool session_pattern_is_regular(struct session_pattern *p, const struct settings *set);

/* The cause of periodic_drop: what ends them. */
const char *session_pattern_cause(const struct session_pattern *p);

/* Did an SA end at the lifetime that its proposal declared (IKEv1)?  Both in s; 0: none was. */
bool session_age_is_declared(double age, double declared);

#endif
