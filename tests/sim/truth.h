/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What really happened, written beside the capture as JSON.  Field names are
 * those of the lab's labels where both have them, so that one reader does.
 */
#ifndef SIM_TRUTH_H
#define SIM_TRUTH_H

#include "world.h"

#include <stdio.h>

/* An IKE SA.  Freed with the truth. */
struct sim_true_ike {
	struct sim_true_ike *next;
	const struct sim_pair *pair;
	uint64_t spi_i, spi_r;
	uint8_t version, initiator;	/* 0 = A */
	struct sim_true_ike *parent;		/* rekeyed from */
	const char *origin;		/* "observed", "rekey", "midstream" */
	sim_time created, established, ended;
	const char *end_reason;		/* NULL while it lives */
	int ended_by;
	bool redundant;			/* lost a collision */
};

struct sim_sa_wire {
	uint32_t spi;
	uint64_t sent, captured, bytes;	/* bytes: IP packets captured */
	sim_time first, last;
	uint32_t seq_first, seq_max;
};

/* A child SA pair; wire[0] is what A sends. */
struct sim_true_child {
	struct sim_true_child *next;
	const struct sim_pair *pair;
	struct sim_true_ike *ike;
	unsigned slot;
	struct sim_sa_wire wire[2];
	struct sim_true_child *predecessor;
	const char *how;
	uint8_t created_by;
	sim_time created, ended;
	const char *end_reason;
	int ended_by;
	bool redundant;
};

struct sim_true_exchange {
	struct sim_true_exchange *next;
	const struct sim_pair *pair;
	uint64_t spi_i, spi_r;
	uint8_t exchange, from;
	uint32_t id;
	const char *purpose;
	sim_time at;
	unsigned sent[2], captured[2];	/* requests, responses (datagrams, not SKF sets) */
};

enum { SIM_CODES_MAX = 16 };

struct sim_truth {
	const char *scenario, *title;
	struct sim_true_ike *ikes, **ikes_end;
	struct sim_true_child *children, **children_end;
	struct sim_true_exchange *exchanges, **exchanges_end;
	uint64_t captured[SIM_KINDS], missed[SIM_KINDS], mirrored;
	const char *expected[SIM_CODES_MAX], *allowed[SIM_CODES_MAX];
};

void sim_truth_init(struct sim_truth *t);
void sim_truth_done(struct sim_truth *t);
struct sim_true_ike *sim_truth_ike(struct sim_world *w, const struct sim_pair *pair);
struct sim_true_child *sim_truth_child(struct sim_world *w, const struct sim_pair *pair);
struct sim_true_exchange *sim_truth_exchange(struct sim_world *w, const struct sim_pair *pair);
/* Ends what has not ended yet; `by` -1 nobody. */
void sim_truth_end_ike(struct sim_world *w, struct sim_true_ike *i, const char *reason, int by);
void sim_truth_end_child(struct sim_world *w, struct sim_true_child *c, const char *reason, int by);
void sim_truth_sent(struct sim_truth *t, const struct sim_packet *p);
void sim_truth_captured(struct sim_world *w, const struct sim_packet *p);
void sim_truth_missed(struct sim_truth *t, const struct sim_packet *p);
void sim_truth_expect(struct sim_truth *t, const char *code);
void sim_truth_allow(struct sim_truth *t, const char *code);
/* Everything as one JSON object. */
void sim_truth_write(const struct sim_world *w, FILE *to);
extern const char *const sim_codes[];	/* every alert code, NULL-ended */

#endif
