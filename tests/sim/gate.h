/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A gateway: its IKE SAs, child SAs, timers and traffic.  Two of them and the
 * network of world.h make a tunnel; everything else follows from their policies.
 */
#ifndef SIM_GATE_H
#define SIM_GATE_H

#include "ike_say.h"
#include "policy.h"
#include "truth.h"
#include "world.h"

/* What an IKE message says. */
enum say {
	SAY_INIT, SAY_COOKIE, SAY_INVALID_KE, SAY_NO_PROPOSAL,
	SAY_AUTH, SAY_AUTH_FAILED, SAY_AUTH_NO_CHILD,
	SAY_CHILD_NEW, SAY_CHILD_REKEY, SAY_IKE_REKEY, SAY_ERROR,
	SAY_DELETE_CHILD, SAY_DELETE_IKE, SAY_DPD, SAY_EMPTY, SAY_INVALID_SPI, SAY_INVALID_IKE_SPI,
	SAY_PHASE1, SAY_QUICK, SAY_DPD_ACK, SAY_REFUSED,	/* IKEv1 */
};

enum { SLOTS_MAX = 16, TASKS_MAX = 64 };

enum gate_state { GATE_CONNECTING, GATE_UP, GATE_REKEYED, GATE_DELETING, GATE_GONE };

struct gate_task {
	int what;
	struct gate_child *child;
	unsigned slot;
};

struct gate;

struct gate_ike {
	struct gate_ike *next;
	struct gate *gate;
	struct sim_session session;
	struct sim_true_ike *truth;
	enum gate_state state;
	bool initiator;			/* of this IKE SA */
	bool floated;			/* on port 4500 */
	sim_time up_at, heard_at;
	/* IKEv2: one request at a time */
	uint32_t next_id, peer_id;
	struct sim_message *request, *response;		/* mine in flight; my last answer */
	uint64_t serial;		/* of the request: stops its timers when it is over */
	unsigned copy;
	struct gate_task current, queue[TASKS_MAX];
	unsigned n_queue;
	unsigned auth_round;
	uint64_t my_nonce, peer_nonce;	/* lowest of each exchange of an IKE rekey collision */
	struct gate_ike *rival, *replaces, *replaced_by;
	struct sim_message *assembling;
	uint32_t fragments;		/* RFC 7383: seen so far */
	uint16_t ke_group;		/* of the INIT request, after INVALID_KE */
	bool with_cookie;
	/* IKEv1 */
	unsigned step;			/* phase 1: last step sent or received */
	unsigned dpd_unanswered;
	struct gate_quick *quicks;
};

struct gate_child {
	struct gate_child *next;
	struct gate *gate;
	struct gate_ike *ike;
	unsigned slot;
	uint32_t spi_in, spi_out, seq;
	uint64_t bytes, sent, received;
	sim_time active_at;
	enum gate_state state;
	bool initiator;			/* of the exchange that made it */
	bool redundant;
	struct gate_child *replaces, *replaced_by, *rival;
	uint64_t my_nonce, peer_nonce;
	bool rekeying, deleting;
	unsigned failures;
	struct sim_true_child *truth;
};

struct gate_slot {
	struct gate_child *out;
	sim_time retry_at;		/* after a refusal, not before */
	uint64_t unsent;
};

struct gate {
	struct sim_world *w;
	struct sim_pair *pair;
	struct gate *other;		/* only for addresses and set-up */
	unsigned side;
	struct sim_policy p;
	struct gate_ike *ikes, *old_ikes;
	struct gate_child *children, *old_children;
	unsigned n_slots;
	struct gate_slot slots[SLOTS_MAX];
	bool initiates;			/* at start, and after a loss */
	bool off;			/* powered down, or cut off */
	bool icmp;			/* while off its host says "port unreachable" */
	bool muted;			/* sends no ESP, though everything else works */
	bool connecting_planned;
	bool encap;			/* ESP in UDP */
	sim_time sent_at, spi_answer_at;
	uint64_t serial;
};

struct sim_traffic {
	struct gate *from;
	unsigned slot;
	double interval, jitter;	/* seconds */
	double on, off;			/* bursts; off 0: always on */
	size_t size;			/* ESP bytes after the sequence number */
	bool echo;			/* the other side answers each packet */
	sim_time since, until;
};

/* gate.c */
struct sim_pair *gate_pair(struct sim_world *w, const char *a, const char *b,
			   const struct sim_policy *pa, const struct sim_policy *pb,
			   unsigned slots);
struct gate *gate_of(struct sim_pair *pair, unsigned side);
void gate_start(struct sim_pair *pair);
void gate_free(struct sim_pair *pair);
void gate_traffic(struct sim_world *w, const struct sim_traffic *t);	/* copied */
void gate_esp(struct gate *g, unsigned slot, size_t size);
/* keeps m; all its datagrams */
void gate_transmit(struct gate_ike *ike, struct sim_message *m);
void gate_transmit_ports(struct gate *g, struct sim_message *m, bool floated);
void gate_reboot(struct gate *g, double down_seconds);		/* forgets everything */
sim_fire gate_connect_now;					/* object: the gate */

/* gate_sa.c: what both versions share */
struct gate_ike *gate_ike_new(struct gate *g, bool initiator);
struct gate_child *gate_child_new(struct gate *g, struct gate_ike *ike, unsigned slot,
				  bool initiator);
uint32_t gate_new_spi(struct gate *g);
uint64_t gate_new_ike_spi(struct gate *g);
void gate_child_install(struct gate_child *c);		/* arms its timers */
void gate_child_use(struct gate_child *c);		/* sends on it from now on */
void gate_child_gone(struct gate_child *c, const char *reason, int by);
void gate_ike_up(struct gate_ike *ike);
void gate_ike_gone(struct gate_ike *ike, const char *reason, int by, bool with_children);
struct gate_child *gate_child_by_out(struct gate *g, uint32_t spi);
struct gate_child *gate_child_by_in(struct gate *g, uint32_t spi);
struct gate_ike *gate_ike_best(struct gate *g);		/* newest established, or NULL */
void gate_plan_connect(struct gate *g);
struct sim_true_exchange *gate_exchange_truth(struct gate_ike *ike, uint8_t exchange, uint32_t id,
					      const char *purpose);
/* dispatched by version */
void gate_rekey_child(struct gate_child *c);
void gate_delete_child(struct gate_child *c);
void gate_new_child(struct gate_ike *ike, unsigned slot);
void gate_rekey_ike(struct gate_ike *ike);
void gate_delete_ike(struct gate_ike *ike);
void gate_probe(struct gate_ike *ike);

/* gate2.c: IKEv2 */
void gate2_connect(struct gate *g);
void gate2_receive(struct gate *g, struct sim_packet *p);
void gate2_task(struct gate_ike *ike, int what, struct gate_child *child, unsigned slot);

/* gate1.c: IKEv1 */
void gate1_connect(struct gate *g);
void gate1_receive(struct gate *g, struct sim_packet *p);
void gate1_quick(struct gate_ike *ike, unsigned slot, struct gate_child *replaces);
void gate1_info(struct gate_ike *ike, int what, struct gate_child *child);
void gate1_free(struct gate_ike *ike);

#endif
