/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IKEv1: main and aggressive mode, quick mode, informational. */
#include "gate.h"

#include <stdlib.h>

/* A quick mode, told apart by its message ID. */
struct gate_quick {
	struct gate_quick *next;
	struct gate_ike *ike;
	uint32_t id, spi_in, spi_out;
	unsigned slot, copy;
	bool initiator, over;
	struct gate_child *replaces;
	struct sim_true_child *truth;
	struct sim_message *said;	/* my last message of it */
	struct sim_true_exchange *exchange;
};

static struct sim_frame scratch;

static struct sim_message *message(struct gate_ike *ike, int what, uint8_t exchange, unsigned step,
				   uint32_t id)
{
	struct sim_message *m = sim_message_new();

	m->version = 1;
	m->spi_i = ike->session.spi_i;
	m->spi_r = ike->session.spi_r;
	m->by_initiator = ike->initiator;
	m->exchange = exchange;
	m->what = what;
	m->step = step;
	m->id = id;
	m->ike_truth = ike->truth;
	sim_message_add(m, sim_frame_data(&scratch), scratch.length);
	return m;
}

/* Phase 1 */

static unsigned last_step(const struct gate *g)
{
	return g->p.aggressive || g->other->p.aggressive ? 3 : 6;
}

static struct sim_message *say_phase1(struct gate_ike *ike, unsigned step, uint32_t life)
{
	struct gate *g = ike->gate;
	const struct sim_net *n = &g->pair->net;
	struct sim_offer offer = { .suite = ike->session.suite,
				   .group = ike->session.group,
				   .life_seconds = life,
				   .life_long = g->p.offered_tlv };
	struct sim_main main = { .offers = &offer, .n_offers = 1, .vendor_ids = g->p.vendor_ids };
	bool aggressive = last_step(g) == 3;
	struct sim_message *m;

	main.src = (struct sim_endpoint){ g->pair->addr[g->side], 500 };
	main.dst = (struct sim_endpoint){ g->pair->addr[1 - g->side], 500 };
	if (g->side == 1 && n->nat)
		main.dst = (struct sim_endpoint){ n->outside, n->nat_port[0] };
	sim_frame_clear(&scratch);
	if (aggressive)
		sim_say_aggressive(&scratch, &ike->session, &main, step, &g->w->rng);
	else
		sim_say_main(&scratch, &ike->session, &main, step, &g->w->rng);
	m = message(ike, SAY_PHASE1, aggressive ? X1_AGGRESSIVE : X1_MAIN, step, 0);
	m->response = step % 2 == 0;
	m->life = life;
	return m;
}

static void phase1_repeat(struct sim_world *w, void *object, uint64_t serial)
{
	struct gate_ike *ike = object;
	const double *ladder = ike->gate->p.ladder;
	double sent = ladder[ike->copy], next = ladder[ike->copy + 1];

	if (ike->serial != serial || ike->state != GATE_CONNECTING || ike->gate->off)
		return;
	if (sent <= 0) {
		gate_ike_gone(ike, "failed", -1, true);
		return;
	}
	gate_transmit(ike, ike->request);
	ike->copy++;
	sim_after(w, (next > 0 ? next : ike->gate->p.give_up) - sent, phase1_repeat, ike, serial);
}

static void phase1_send(struct gate_ike *ike, unsigned step, uint32_t life, struct sim_message *to)
{
	static const char *const names[4] = { "phase1_sa", "phase1_ke", "phase1_auth", "" };
	struct sim_message *m;

	if (step >= 5)
		ike->floated = ike->gate->pair->net.nat || ike->gate->pair->net.float_ike;
	m = say_phase1(ike, step, life);
	m->exchange_truth = to ? to->exchange_truth
			       : gate_exchange_truth(ike, m->exchange, 0, names[(step - 1) / 2]);
	ike->step = step;
	if (to) {
		sim_message_drop(ike->response);
		ike->response = m;
		gate_transmit(ike, m);
		return;
	}
	sim_message_drop(ike->request);
	ike->request = m;
	ike->serial = ++ike->gate->serial;
	ike->copy = 0;
	gate_transmit(ike, m);
	if (step < last_step(ike->gate))
		sim_after(ike->gate->w, ike->gate->p.ladder[0], phase1_repeat, ike, ike->serial);
}

void gate1_connect(struct gate *g)
{
	struct gate_ike *ike = gate_ike_new(g, true);

	ike->session.spi_i = gate_new_ike_spi(g);
	ike->truth = sim_truth_ike(g->w, g->pair);
	ike->truth->spi_i = ike->session.spi_i;
	ike->truth->version = 1;
	ike->truth->initiator = (uint8_t)g->side;
	phase1_send(ike, 1, g->p.offered_life, NULL);
}

static void phase1_done(struct gate_ike *ike)
{
	struct gate *g = ike->gate;

	ike->serial = ++g->serial;
	gate_ike_up(ike);
	if (!ike->initiator)
		return;
	for (struct gate_ike *i = g->ikes, *next; i; i = next) {	/* the one it replaces */
		next = i->next;
		if (i != ike && i->state == GATE_UP) {
			gate1_info(i, SAY_DELETE_IKE, NULL);
			gate_ike_gone(i, "rekeyed", (int)g->side, false);
		}
	}
	for (unsigned slot = 0; slot < g->n_slots; slot++)
		if (g->slots[slot].out == NULL)
			gate1_quick(ike, slot, NULL);
}

static void refuse(struct gate *g, const struct sim_message *to)
{
	struct sim_message *m = sim_message_new();

	to->ike_truth->spi_r = gate_new_ike_spi(g);
	sim_frame_clear(&scratch);
	sim_say_info1_clear(&scratch, to->spi_i, to->ike_truth->spi_r, sim_rng_u32(&g->w->rng), 14);
	sim_message_add(m, sim_frame_data(&scratch), scratch.length);
	m->version = 1;
	m->spi_i = to->spi_i;
	m->exchange = X1_INFO;
	m->what = SAY_NO_PROPOSAL;
	gate_transmit_ports(g, m, false);
	sim_message_drop(m);
}

static struct gate_ike *phase1_begin(struct gate *g, struct sim_message *m)
{
	struct gate_ike *ike = gate_ike_new(g, false);

	ike->session.suite = sim_suite(g->other->p.suite);
	ike->session.group = g->other->p.group;
	ike->session.spi_i = m->spi_i;
	ike->session.spi_r = gate_new_ike_spi(g);
	ike->truth = m->ike_truth;
	ike->truth->spi_r = ike->session.spi_r;
	return ike;
}

static void receive_phase1(struct gate *g, struct gate_ike *ike, struct sim_message *m)
{
	if (ike == NULL) {
		if (m->step != 1)
			return;
		if (g->p.refuses_proposal) {
			refuse(g, m);
			return;
		}
		ike = phase1_begin(g, m);
	} else if (m->step + 1 == ike->step && ike->response && !ike->initiator) {
		gate_transmit(ike, ike->response);
		return;
	} else if (m->step != ike->step + 1) {
		return;
	}
	if (m->step == 5 && (g->p.refuses_auth || g->p.silent_auth))
		return;		/* cannot decrypt it, and says nothing */
	ike->session.spi_r = ike->initiator ? m->spi_r : ike->session.spi_r;
	if (m->step == last_step(g)) {
		if (ike->initiator)
			ike->step = m->step;
		phase1_done(ike);
		return;
	}
	phase1_send(ike, m->step + 1, m->life, ike->initiator ? NULL : m);
	if (ike->step == last_step(g))
		phase1_done(ike);
}

/* Phase 2 */

static void quick_say(struct gate_quick *q, unsigned step)
{
	struct gate_ike *ike = q->ike;
	struct sim_message *m;

	sim_frame_clear(&scratch);
	sim_say_quick(&scratch, &ike->session, q->id, step, &ike->gate->w->rng);
	m = message(ike, SAY_QUICK, X1_QUICK, step, q->id);
	m->response = step == 2;
	m->esp_spi = q->spi_in;
	m->slot = q->slot;
	m->old_spi = q->replaces ? q->replaces->spi_in : 0;
	m->child_truth = q->truth;
	m->exchange_truth = q->exchange;
	sim_message_drop(q->said);
	q->said = m;
	gate_transmit(ike, m);
}

/* Q1 until Q2 comes; Q2 until Q3 comes: both sides repeat in IKEv1. */
static void quick_repeat(struct sim_world *w, void *object, uint64_t copy)
{
	struct gate_quick *q = object;
	const double *ladder = q->ike->gate->p.ladder;

	if (q->over || q->ike->state == GATE_GONE || q->ike->gate->off)
		return;
	if (ladder[copy] <= 0) {
		q->over = true;
		if (q->replaces)
			q->replaces->rekeying = false;
		return;
	}
	gate_transmit(q->ike, q->said);
	sim_after(w,
		  (ladder[copy + 1] > 0 ? ladder[copy + 1] : q->ike->gate->p.give_up) -
			  ladder[copy],
		  quick_repeat, q, copy + 1);
}

static struct gate_quick *quick_new(struct gate_ike *ike, uint32_t id, unsigned slot,
				    bool initiator)
{
	struct gate_quick *q = calloc(1, sizeof *q);

	if (q == NULL)
		abort();
	q->next = ike->quicks;
	ike->quicks = q;
	q->ike = ike;
	q->id = id;
	q->slot = slot;
	q->initiator = initiator;
	q->spi_in = gate_new_spi(ike->gate);
	return q;
}

void gate1_quick(struct gate_ike *ike, unsigned slot, struct gate_child *replaces)
{
	struct gate_quick *q = quick_new(ike, sim_rng_u32(&ike->gate->w->rng) | 1, slot, true);

	q->replaces = replaces;
	q->exchange =
		gate_exchange_truth(ike, X1_QUICK, q->id, replaces ? "rekey_child" : "new_child");
	quick_say(q, 1);
	sim_after(ike->gate->w, ike->gate->p.ladder[0], quick_repeat, q, 0);
}

static void delete_later(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate_child *c = object;

	(void)w;
	(void)arg;
	if (!c->gate->off)
		gate_delete_child(c);
}

static void quick_install(struct gate_quick *q)
{
	struct gate *g = q->ike->gate;
	struct gate_child *c = gate_child_new(g, q->ike, q->slot, q->initiator);

	q->over = true;
	c->spi_in = q->spi_in;
	c->spi_out = q->spi_out;
	c->truth = q->truth;
	c->replaces = q->replaces;
	gate_child_install(c);
	gate_child_use(c);
	if (q->replaces == NULL)
		return;
	q->replaces->rekeying = false;
	q->replaces->replaced_by = c;
	if (q->initiator && !g->p.keeps_old)
		sim_after(g->w, g->p.delete_after, delete_later, q->replaces, 0);
}

static void quick_answer(struct gate_ike *ike, struct sim_message *m)
{
	struct gate *g = ike->gate;
	struct gate_quick *q;

	if (g->p.silent_child)
		return;
	if (g->p.refuses_child || (g->p.refuses_rekey && m->old_spi)) {
		gate1_info(ike, SAY_REFUSED, NULL);
		return;
	}
	q = quick_new(ike, m->id, m->slot, false);
	q->spi_out = m->esp_spi;
	q->replaces = m->old_spi ? gate_child_by_out(g, m->old_spi) : NULL;
	q->exchange = m->exchange_truth;
	q->truth = sim_truth_child(g->w, g->pair);
	q->truth->ike = ike->truth;
	q->truth->slot = m->slot;
	q->truth->how = "quick_mode";
	q->truth->created_by = (uint8_t)(1 - g->side);
	q->truth->wire[g->side].spi = q->spi_out;
	q->truth->wire[1 - g->side].spi = q->spi_in;
	q->truth->predecessor = q->replaces ? q->replaces->truth : NULL;
	quick_say(q, 2);
	sim_after(g->w, g->p.ladder[0], quick_repeat, q, 0);
}

static void receive_quick(struct gate_ike *ike, struct sim_message *m)
{
	struct gate_quick *q = ike->quicks;

	while (q && q->id != m->id)
		q = q->next;
	if (q == NULL) {
		if (m->step == 1)
			quick_answer(ike, m);
	} else if (m->step == 2 && q->initiator) {
		if (!q->over) {
			q->spi_out = m->esp_spi;
			q->truth = m->child_truth;
			quick_install(q);
			quick_say(q, 3);
		} else {
			gate_transmit(ike, q->said);	/* Q3 was lost */
		}
	} else if (m->step == 1 && !q->initiator) {
		gate_transmit(ike, q->said);
	} else if (m->step == 3 && !q->initiator && !q->over) {
		quick_install(q);
	}
}

/* Informational: one-way, unacknowledged */

static void probe_again(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate_ike *ike = object;

	(void)w;
	if (ike->state != GATE_UP || ike->gate->off || ike->dpd_unanswered != arg)
		return;
	if (ike->dpd_unanswered >= 5) {
		while (ike->gate->children)
			gate_child_gone(ike->gate->children, "peer_lost", -1);
		gate_ike_gone(ike, "peer_lost", -1, true);
	} else {
		gate1_info(ike, SAY_DPD, NULL);
	}
}

void gate1_info(struct gate_ike *ike, int what, struct gate_child *child)
{
	struct gate *g = ike->gate;
	uint32_t id = sim_rng_u32(&g->w->rng) | 1;
	enum sim_info1 kind = what == SAY_DELETE_CHILD ? SIM_INFO1_DELETE_ESP
			      : what == SAY_DELETE_IKE ? SIM_INFO1_DELETE_IKE
			      : what == SAY_REFUSED    ? SIM_INFO1_ERROR
						       : SIM_INFO1_DPD;
	struct sim_message *m;

	sim_frame_clear(&scratch);
	sim_say_info1(&scratch, &ike->session, id, kind, &g->w->rng);
	m = message(ike, what, X1_INFO, 1, id);
	m->exchange_truth = gate_exchange_truth(ike, X1_INFO, id,
						what == SAY_DPD            ? "dpd"
						: what == SAY_DPD_ACK      ? "dpd_ack"
						: what == SAY_DELETE_CHILD ? "delete_child"
						: what == SAY_DELETE_IKE   ? "delete_ike"
									   : "error");
	m->old_spi = child ? child->spi_in : 0;
	gate_transmit(ike, m);
	sim_message_drop(m);
	if (what == SAY_DPD)
		sim_after(g->w, 5, probe_again, ike, ++ike->dpd_unanswered);
}

static void receive_info(struct gate_ike *ike, struct sim_message *m)
{
	struct gate *g = ike->gate;
	struct gate_child *c;

	switch ((enum say)m->what) {
	case SAY_DPD:
		gate1_info(ike, SAY_DPD_ACK, NULL);
		break;
	case SAY_DPD_ACK:
		ike->dpd_unanswered = 0;
		break;
	case SAY_DELETE_CHILD:
		c = gate_child_by_out(g, m->old_spi);
		if (c)
			gate_child_gone(c, "deleted", (int)(1 - g->side));
		break;
	case SAY_DELETE_IKE:
		gate_ike_gone(ike, "deleted", (int)(1 - g->side), g->children == NULL);
		break;
	case SAY_REFUSED:
		for (struct gate_quick *q = ike->quicks; q; q = q->next)
			if (q->initiator && !q->over) {
				q->over = true;
				g->slots[q->slot].retry_at =
					g->w->now + sim_seconds(g->p.reconnect);
				if (q->replaces)
					q->replaces->rekeying = false;
			}
		break;
	default:
		break;
	}
}

void gate1_receive(struct gate *g, struct sim_packet *p)
{
	struct sim_message *m = p->message;
	struct gate_ike *ike = g->ikes;

	while (ike && (ike->initiator == m->by_initiator || ike->session.spi_i != m->spi_i))
		ike = ike->next;
	if (m->what == SAY_PHASE1) {
		receive_phase1(g, ike, m);
		return;
	}
	if (ike == NULL)
		return;
	if (m->what == SAY_NO_PROPOSAL) {
		gate_ike_gone(ike, "failed", (int)(1 - g->side), true);
		return;
	}
	ike->heard_at = g->w->now;
	if (m->what == SAY_QUICK)
		receive_quick(ike, m);
	else
		receive_info(ike, m);
}

void gate1_free(struct gate_ike *ike)
{
	while (ike->quicks) {
		struct gate_quick *next = ike->quicks->next;

		sim_message_drop(ike->quicks->said);
		free(ike->quicks);
		ike->quicks = next;
	}
}
