/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the files of the IKEv2 machine. */
#ifndef SIM_GATE2_H
#define SIM_GATE2_H

#include "gate.h"

/*
 * A protected message of this IKE SA, already in bytes; the caller fills what it says and drops it.
 */
struct sim_message *gate2_say(struct gate_ike *ike, int what, uint8_t exchange, bool response,
			      uint32_t id, uint8_t np1, size_t inner);
/* Takes the request, sends it and keeps repeating it. */
void gate2_request(struct gate_ike *ike, struct sim_message *m, const char *purpose);
/* Takes the response, sends it and remembers it for retransmitted requests. */
void gate2_respond(struct gate_ike *ike, struct sim_message *m, const struct sim_message *to);
void gate2_over(struct gate_ike *ike);		/* the request in flight is settled */
void gate2_pump(struct gate_ike *ike);
void gate2_send_init(struct gate_ike *ike);

/* gate2_start.c: from task to request */
void gate2_start_task(struct gate_ike *ike);
void gate2_send_auth(struct gate_ike *ike);
/* gate2_answer.c */
void gate2_answer_init(struct gate *g, struct sim_message *m);
void gate2_answer(struct gate_ike *ike, struct sim_message *m);
/* gate2_finish.c */
void gate2_finish(struct gate_ike *ike, struct sim_message *m);
/* What follows from an IKE rekey: children and tasks move. */
void gate2_move(struct gate_ike *from, struct gate_ike *to);

static inline uint64_t gate2_lower(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

#endif
