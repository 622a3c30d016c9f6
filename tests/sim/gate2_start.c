/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests: what a gateway asks for, and what it stops doing when it asks. */
#include "gate2.h"

static struct sim_message *ask(struct gate_ike *ike, int what, uint8_t exchange, uint8_t np1,
			       size_t inner)
{
	return gate2_say(ike, what, exchange, false, ike->next_id++, np1, inner);
}

void gate2_send_auth(struct gate_ike *ike)
{
	unsigned rounds = ike->gate->p.eap_rounds ? ike->gate->p.eap_rounds : 1,
		 round = ++ike->auth_round;
	size_t inner = rounds == 1 ? sim_inner_auth(&ike->session, false)
				   : sim_inner_auth_eap(&ike->session, round, rounds, false);
	uint8_t np1 = round == 1 ? P2_IDI : round == rounds ? P2_AUTH : P2_EAP;
	struct sim_message *m = gate2_say(ike, SAY_AUTH, X2_AUTH, false, round, np1, inner);

	if (ike->current.slot == 0)	/* kept for all rounds; slot is unused while connecting */
		ike->current.slot = gate_new_spi(ike->gate);
	m->esp_spi = ike->current.slot;
	ike->next_id = round + 1;
	gate2_request(ike, m, "auth");
}

static void start_new_child(struct gate_ike *ike)
{
	bool pfs = ike->session.pfs_group != 0;
	struct sim_message *m = ask(ike, SAY_CHILD_NEW, X2_CHILD, P2_SA,
				    sim_inner_child(&ike->session, false, pfs));

	m->esp_spi = gate_new_spi(ike->gate);
	m->slot = ike->current.slot;
	gate2_request(ike, m, "new_child");
}

static void start_rekey_child(struct gate_ike *ike, struct gate_child *c)
{
	bool pfs = ike->session.pfs_group != 0;
	uint8_t np1 = ike->gate->p.rekey_sa_first ? P2_SA : P2_NOTIFY;
	struct sim_message *m;

	if (c->state != GATE_UP || c->replaced_by || c->deleting) {
		gate2_pump(ike);
		return;
	}
	m = ask(ike, SAY_CHILD_REKEY, X2_CHILD, np1, sim_inner_child(&ike->session, true, pfs));
	m->esp_spi = gate_new_spi(ike->gate);
	m->old_spi = c->spi_in;
	m->slot = c->slot;
	c->rekeying = true;
	c->my_nonce = m->nonce;
	gate2_request(ike, m, "rekey_child");
}

static void start_delete_child(struct gate_ike *ike, struct gate_child *c)
{
	struct gate_slot *s = &ike->gate->slots[c->slot];
	struct sim_message *m;

	if (c->state == GATE_GONE) {
		gate2_pump(ike);
		return;
	}
	m = ask(ike, SAY_DELETE_CHILD, X2_INFO, P2_DELETE, SIM_INNER_DELETE_ESP);
	m->old_spi = c->spi_in;
	c->deleting = true;
	sim_truth_end_child(ike->gate->w, c->truth,
			    c->redundant     ? "superseded"
			    : c->replaced_by ? "rekeyed"
					     : "deleted",
			    (int)ike->gate->side);
	if (s->out == c && !(ike->gate->p.stuck_out && c->replaced_by))
		s->out = c->replaced_by && c->replaced_by->state == GATE_UP ? c->replaced_by : NULL;
	gate2_request(ike, m, "delete_child");
}

static void start_rekey_ike(struct gate_ike *ike)
{
	struct sim_message *m;

	if (ike->state != GATE_UP) {
		gate2_pump(ike);
		return;
	}
	m = ask(ike, SAY_IKE_REKEY, X2_CHILD, P2_SA, sim_inner_ike_rekey(&ike->session));
	m->new_spi = gate_new_ike_spi(ike->gate);
	ike->my_nonce = m->nonce;
	gate2_request(ike, m, "rekey_ike");
}

static void start_delete_ike(struct gate_ike *ike)
{
	struct gate *g = ike->gate;
	struct sim_message *m = ask(ike, SAY_DELETE_IKE, X2_INFO, P2_DELETE, SIM_INNER_DELETE_IKE);

	if (ike->state == GATE_UP) {
		ike->state = GATE_DELETING;
		for (struct gate_child *c = g->children, *next; c; c = next) {
			next = c->next;
			if (c->ike == ike)
				gate_child_gone(c, "deleted", (int)g->side);
		}
	}
	sim_truth_end_ike(g->w, ike->truth,
			  ike->replaced_by || ike->state == GATE_REKEYED ? "rekeyed" : "deleted",
			  (int)g->side);
	ike->n_queue = 0;
	gate2_request(ike, m, "delete_ike");
}

void gate2_start_task(struct gate_ike *ike)
{
	struct gate_task *t = &ike->current;

	switch ((enum say)t->what) {
	case SAY_CHILD_NEW:
		start_new_child(ike);
		return;
	case SAY_CHILD_REKEY:
		start_rekey_child(ike, t->child);
		return;
	case SAY_DELETE_CHILD:
		start_delete_child(ike, t->child);
		return;
	case SAY_IKE_REKEY:
		start_rekey_ike(ike);
		return;
	case SAY_DELETE_IKE:
		start_delete_ike(ike);
		return;
	case SAY_DPD:
		gate2_request(ike, ask(ike, SAY_DPD, X2_INFO, 0, SIM_INNER_EMPTY), "dpd");
		return;
	default:
		return;		/* only these are ever queued */
	}
}

void gate2_move(struct gate_ike *from, struct gate_ike *to)
{
	struct gate *g = from->gate;

	from->state = GATE_REKEYED;
	from->replaced_by = to;
	to->replaces = from;
	for (struct gate_child *c = g->children; c; c = c->next)
		if (c->ike == from)
			c->ike = to;
	while (from->n_queue > 0) {
		struct gate_task t = from->queue[--from->n_queue];

		if (t.what != SAY_IKE_REKEY && t.what != SAY_DPD)
			gate2_task(to, t.what, t.child, t.slot);
	}
}
