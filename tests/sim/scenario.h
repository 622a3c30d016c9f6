/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stories: who talks to whom, what goes wrong, and what a monitor must (not) say about it. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "gate.h"

struct sim_scenario {
	const char *name, *title;
	double seconds;			/* how long it takes to show */
	void (*set_up)(struct sim_world *w);
	const char *expected, *allowed;	/* alert codes, space-separated; the rest is forbidden */
	uint32_t snap;			/* 0: whole frames */
};

/* end with name NULL */
extern const struct sim_scenario sim_healthy[], sim_faults[], sim_more_faults[], sim_wire_faults[],
	sim_variants[];
const struct sim_scenario *sim_scenario(const char *name);	/* NULL unknown */

/* Building blocks */
struct sim_pair *tunnel(struct sim_world *w, const char *vendor_a, const char *vendor_b);
struct gate *gate_a(struct sim_pair *p);
struct gate *gate_b(struct sim_pair *p);
/* A sends, B answers, every `interval` seconds in slot 0. */
void chatter(struct sim_world *w, struct sim_pair *p, double interval);
void version1(struct sim_pair *p);		/* both speak IKEv1 */
/*
 * A ignores the answers to its IKE_AUTH and begins anew every 10 s; B keeps four IKE SAs.  Returns
 * `p`.
 */
struct sim_pair *asks_in_vain(struct sim_pair *p);
void add_drop(struct sim_pair *p, struct sim_drop d);
/* Calls `what` at `first` seconds and then every `every`, with the pair as object. */
void repeatedly(struct sim_world *w, double first, double every, sim_fire *what,
		struct sim_pair *p);

#endif
