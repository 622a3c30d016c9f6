/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Responses: what a gateway does with a request. */
#include "gate2.h"

static struct sim_message *reply(struct gate_ike *ike, const struct sim_message *to, int what,
				 uint8_t np1, size_t inner)
{
	return gate2_say(ike, what, to->exchange, true, to->id, np1, inner);
}

static void respond_empty(struct gate_ike *ike, struct sim_message *to)
{
	gate2_respond(ike, reply(ike, to, SAY_EMPTY, 0, SIM_INNER_EMPTY), to);
}

static void respond_error(struct gate_ike *ike, struct sim_message *to)
{
	gate2_respond(ike, reply(ike, to, SAY_ERROR, P2_NOTIFY, SIM_INNER_ERROR), to);
}

/* The responder knows both SPIs first: here the pair enters the truth. */
static struct gate_child *make_child(struct gate_ike *ike, struct sim_message *asked,
				     struct sim_message *answer, const char *how)
{
	struct gate *g = ike->gate;
	struct gate_child *c = gate_child_new(g, ike, asked->slot, false);
	struct sim_true_child *t = sim_truth_child(g->w, g->pair);

	c->spi_in = gate_new_spi(g);
	c->spi_out = asked->esp_spi;
	c->truth = t;
	t->ike = ike->truth;
	t->slot = asked->slot;
	t->how = how;
	t->created_by = (uint8_t)(1 - g->side);
	t->wire[g->side].spi = c->spi_out;
	t->wire[1 - g->side].spi = c->spi_in;
	answer->esp_spi = c->spi_in;
	answer->child_truth = t;
	gate_child_install(c);
	return c;
}

static void answer_auth(struct gate_ike *ike, struct sim_message *m)
{
	struct gate *g = ike->gate;
	unsigned rounds = g->p.eap_rounds ? g->p.eap_rounds : 1, round = ++ike->auth_round;
	struct sim_message *answer;
	size_t inner = rounds == 1 ? sim_inner_auth(&ike->session, true)
				   : sim_inner_auth_eap(&ike->session, round, rounds, true);

	if (g->p.silent_auth) {
		ike->auth_round--;
		return;
	}
	ike->floated = g->pair->net.nat || g->pair->net.float_ike;
	if (g->p.refuses_auth && round == rounds) {
		gate2_respond(ike, reply(ike, m, SAY_AUTH_FAILED, P2_NOTIFY, SIM_INNER_ERROR), m);
		gate_ike_gone(ike, "failed", (int)g->side, true);
		return;
	}
	if (round < rounds) {
		gate2_respond(ike, reply(ike, m, SAY_AUTH, round == 1 ? P2_IDR : P2_EAP, inner), m);
		return;
	}
	if (g->p.refuses_child) {
		gate2_respond(ike,
			      reply(ike, m, SAY_AUTH_NO_CHILD, P2_IDR,
				    sim_inner_auth_no_child(&ike->session)),
			      m);
		gate_ike_up(ike);
		return;
	}
	answer = reply(ike, m, SAY_AUTH, rounds == 1 ? P2_IDR : P2_AUTH, inner);
	gate_child_use(make_child(ike, m, answer, "ike_auth"));
	gate2_respond(ike, answer, m);
	gate_ike_up(ike);
}

static void answer_new_child(struct gate_ike *ike, struct sim_message *m)
{
	struct gate *g = ike->gate;
	struct sim_message *answer;
	struct gate_child *c;

	if (g->p.refuses_child || g->p.refuses_rekey || ike->state != GATE_UP ||
	    m->slot >= g->n_slots) {
		respond_error(ike, m);
		return;
	}
	answer = reply(ike, m, SAY_CHILD_NEW, P2_SA,
		       sim_inner_child(&ike->session, false, ike->session.pfs_group != 0));
	c = make_child(ike, m, answer, "create_child_sa");
	if (g->slots[m->slot].out == NULL)
		gate_child_use(c);
	gate2_respond(ike, answer, m);
}

static void delete_early(struct sim_world *w, void *object, uint64_t arg)
{
	(void)w;
	(void)arg;
	gate_delete_child(object);
}

static void answer_rekey_child(struct gate_ike *ike, struct sim_message *m)
{
	struct gate *g = ike->gate;
	struct gate_child *old = gate_child_by_out(g, m->old_spi), *c;
	bool crossing = old && ike->request && ike->current.what == SAY_CHILD_REKEY &&
			ike->current.child == old;
	struct sim_message *answer;

	/* CHILD_SA_NOT_FOUND, TEMPORARY_FAILURE: RFC 7296 2.25 */
	if (g->p.refuses_rekey || old == NULL || old->deleting || ike->state != GATE_UP ||
	    (ike->request && ike->current.what == SAY_IKE_REKEY)) {
		respond_error(ike, m);
		return;
	}
	answer = reply(ike, m, SAY_CHILD_REKEY, P2_SA,
		       sim_inner_child(&ike->session, false, ike->session.pfs_group != 0));
	m->slot = old->slot;
	c = make_child(ike, m, answer, "create_child_sa");
	c->replaces = old;
	c->truth->predecessor = old->truth;
	if (crossing) {
		old->rival = c;
		old->peer_nonce = gate2_lower(m->nonce, answer->nonce);
	} else {
		old->replaced_by = c;
	}
	if (g->slots[c->slot].out == NULL)
		gate_child_use(c);
	if (g->p.mute_after_rekey)
		g->muted = true;
	gate2_respond(ike, answer, m);
	if (g->p.early_delete && !crossing)
		sim_after(g->w, 0.0003, delete_early, old, 0);
}

static void answer_rekey_ike(struct gate_ike *ike, struct sim_message *m)
{
	struct gate *g = ike->gate;
	bool busy = ike->request &&
		    (ike->current.what == SAY_CHILD_NEW || ike->current.what == SAY_CHILD_REKEY);
	bool crossing = ike->request && ike->current.what == SAY_IKE_REKEY;
	struct sim_message *answer;
	struct gate_ike *n;

	if (busy || ike->state != GATE_UP) {
		respond_error(ike, m);
		return;
	}
	answer = reply(ike, m, SAY_IKE_REKEY, P2_SA, sim_inner_ike_rekey(&ike->session));
	n = gate_ike_new(g, false);
	n->session = ike->session;
	n->session.spi_i = m->new_spi;
	n->session.spi_r = answer->new_spi = gate_new_ike_spi(g);
	n->floated = ike->floated;
	n->truth = answer->ike_truth = sim_truth_ike(g->w, g->pair);
	n->truth->spi_i = n->session.spi_i;
	n->truth->spi_r = n->session.spi_r;
	n->truth->version = 2;
	n->truth->initiator = (uint8_t)(1 - g->side);
	n->truth->origin = "rekey";
	n->truth->parent = ike->truth;
	gate2_respond(ike, answer, m);
	gate_ike_up(n);
	if (crossing) {
		ike->rival = n;
		ike->peer_nonce = gate2_lower(m->nonce, answer->nonce);
	} else {
		gate2_move(ike, n);
	}
}

static void answer_delete_child(struct gate_ike *ike, struct sim_message *m)
{
	struct gate *g = ike->gate;
	struct gate_child *c = gate_child_by_out(g, m->old_spi);
	bool crossing = c && ike->request && ike->current.what == SAY_DELETE_CHILD &&
			ike->current.child == c;

	if (c == NULL || crossing) {	/* RFC 7296 1.4.1: then the answer lists no SPI */
		respond_empty(ike, m);
	} else {
		c->deleting = true;
		gate2_respond(ike, reply(ike, m, SAY_DELETE_CHILD, P2_DELETE, SIM_INNER_DELETE_ESP),
			      m);
	}
	if (c) {
		if (g->slots[c->slot].out == c && c->replaced_by && !g->p.stuck_out)
			gate_child_use(c->replaced_by);
		gate_child_gone(c, "deleted", (int)(1 - g->side));
		if (g->slots[c->slot].out == NULL && g->slots[c->slot].retry_at < g->w->now)
			g->slots[c->slot].retry_at = g->w->now + sim_seconds(g->p.reconnect);
	}
}

void gate2_answer(struct gate_ike *ike, struct sim_message *m)
{
	bool child =
		m->what == SAY_CHILD_NEW || m->what == SAY_CHILD_REKEY || m->what == SAY_IKE_REKEY;

	if (child && ike->gate->p.silent_child)
		return;
	switch ((enum say)m->what) {
	case SAY_AUTH:
		answer_auth(ike, m);
		break;
	case SAY_CHILD_NEW:
		answer_new_child(ike, m);
		break;
	case SAY_CHILD_REKEY:
		answer_rekey_child(ike, m);
		break;
	case SAY_IKE_REKEY:
		answer_rekey_ike(ike, m);
		break;
	case SAY_DELETE_CHILD:
		answer_delete_child(ike, m);
		break;
	case SAY_DELETE_IKE:
		respond_empty(ike, m);
		gate_ike_gone(ike, ike->state == GATE_REKEYED ? "rekeyed" : "deleted",
			      (int)(1 - ike->gate->side), ike->state != GATE_REKEYED);
		break;
	default:
		respond_empty(ike, m);
		break;
	}
}
