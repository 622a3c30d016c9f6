/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a gateway does when its request was answered. */
#include "gate2.h"

static struct gate_child *install(struct gate_ike *ike, const struct sim_message *mine,
				  const struct sim_message *m, unsigned slot)
{
	struct gate_child *c = gate_child_new(ike->gate, ike, slot, true);

	c->spi_in = mine->esp_spi;
	c->spi_out = m->esp_spi;
	c->truth = m->child_truth;
	return c;
}

static void finish_init(struct gate_ike *ike, struct sim_message *m)
{
	switch ((enum say)m->what) {
	case SAY_COOKIE:
		ike->with_cookie = true;
		gate2_send_init(ike);
		break;
	case SAY_INVALID_KE:
		if (ike->gate->p.stubborn == 0) {
			ike->session.group = ike->ke_group = m->group;
		} else if (++ike->auth_round > ike->gate->p.stubborn) {
			gate2_over(ike);
			gate_ike_gone(ike, "failed", (int)(1 - ike->gate->side), true);
			break;
		}
		gate2_send_init(ike);
		break;
	case SAY_INIT:
		ike->session.spi_r = m->spi_r;
		ike->floated = ike->gate->pair->net.nat || ike->gate->pair->net.float_ike;
		gate2_over(ike);
		gate2_send_auth(ike);
		break;
	default:
		gate2_over(ike);
		gate_ike_gone(ike, "failed", (int)(1 - ike->gate->side), true);
		break;
	}
}

/* Make before break: the older IKE SAs of this gateway go when the new one stands. */
static void retire_others(struct gate_ike *ike)
{
	for (struct gate_ike *i = ike->gate->ikes, *next; i; i = next) {
		next = i->next;
		if (i != ike && i->state == GATE_UP)
			gate_delete_ike(i);
	}
}

static void finish_auth(struct gate_ike *ike, struct sim_message *m)
{
	struct gate *g = ike->gate;
	unsigned rounds = g->p.eap_rounds ? g->p.eap_rounds : 1;

	if (m->what == SAY_AUTH_FAILED) {
		gate2_over(ike);
		gate_ike_gone(ike, "failed", (int)(1 - g->side), true);
		return;
	}
	if (ike->auth_round < rounds) {
		gate2_over(ike);
		gate2_send_auth(ike);
		return;
	}
	if (m->what == SAY_AUTH) {
		struct gate_child *c = install(ike, ike->request, m, 0);

		gate_child_install(c);
		gate_child_use(c);
	} else {
		g->slots[0].retry_at = g->w->now + sim_seconds(g->p.reconnect);
	}
	gate2_over(ike);
	gate_ike_up(ike);
	for (unsigned slot = 1; slot < g->n_slots && !g->p.on_demand; slot++)
		gate2_task(ike, SAY_CHILD_NEW, NULL, slot);
	if (g->p.reauthenticate)
		retire_others(ike);
}

static void finish_new_child(struct gate_ike *ike, struct sim_message *m)
{
	unsigned slot = ike->current.slot;

	if (m->what == SAY_ERROR) {
		ike->gate->slots[slot].retry_at =
			ike->gate->w->now + sim_seconds(ike->gate->p.reconnect);
	} else {
		struct gate_child *c = install(ike, ike->request, m, slot);

		gate_child_install(c);
		gate_child_use(c);
	}
	gate2_over(ike);
}

static void delete_later(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate_child *c = object;

	(void)w;
	(void)arg;
	if (!c->gate->off)
		gate_delete_child(c);
}

static void rekey_again(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate_child *c = object;

	(void)w;
	(void)arg;
	if (c->state == GATE_UP && !c->replaced_by && !c->rekeying && !c->gate->off)
		gate_rekey_child(c);
}

/*
 * RFC 7296 2.8.1: of two crossing rekeys, the SA of the exchange with the lowest nonce is closed by
 * its creator.
 */
static void settle_collision(struct gate_child *old, struct gate_child *mine, uint64_t lowest)
{
	if (lowest < old->peer_nonce) {
		mine->redundant = mine->truth->redundant = true;
		old->replaced_by = old->rival;
		gate_child_install(mine);
		gate_delete_child(mine);
	} else {
		old->rival->redundant = true;
		old->replaced_by = mine;
		gate_child_install(mine);
		gate_child_use(mine);
		sim_after(old->gate->w, old->gate->p.delete_after, delete_later, old, 0);
	}
}

static void finish_rekey_child(struct gate_ike *ike, struct sim_message *m)
{
	struct gate *g = ike->gate;
	struct gate_child *old = ike->current.child, *c;
	uint64_t lowest = gate2_lower(old->my_nonce, m->nonce);

	old->rekeying = false;
	if (m->what == SAY_ERROR) {
		old->failures++;
		gate2_over(ike);
		if (old->state == GATE_UP && !old->rival)
			sim_after(g->w, sim_between(g->w, 5, 15), rekey_again, old, 0);
		else if (old->rival && !old->replaced_by)
			old->replaced_by = old->rival;
		return;
	}
	c = install(ike, ike->request, m, old->slot);
	c->replaces = old;
	gate2_over(ike);
	if (old->rival && old->state == GATE_UP) {
		settle_collision(old, c, lowest);
		return;
	}
	old->replaced_by = c;
	gate_child_install(c);
	if (g->p.stuck_out)
		g->p.stuck_out--;
	else
		gate_child_use(c);
	g->muted = false;
	if (old->state == GATE_UP)
		sim_after(g->w, g->p.delete_after, delete_later, old, 0);
}

static void delete_ike_later(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate_ike *ike = object;

	(void)w;
	(void)arg;
	if (ike->state != GATE_GONE && !ike->gate->off)
		gate2_task(ike, SAY_DELETE_IKE, NULL, 0);
}

static void rekey_ike_again(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate_ike *ike = object;

	(void)w;
	(void)arg;
	if (ike->state == GATE_UP && !ike->gate->off)
		gate_rekey_ike(ike);
}

static void finish_rekey_ike(struct gate_ike *ike, struct sim_message *m)
{
	struct gate *g = ike->gate;
	struct gate_ike *n;
	uint64_t lowest = gate2_lower(ike->my_nonce, m->nonce);

	if (m->what == SAY_ERROR) {
		gate2_over(ike);
		sim_after(g->w, sim_between(g->w, 5, 15), rekey_ike_again, ike, 0);
		return;
	}
	n = gate_ike_new(g, true);
	n->session = ike->session;
	n->session.spi_i = ike->request->new_spi;
	n->session.spi_r = m->new_spi;
	n->floated = ike->floated;
	n->truth = m->ike_truth;
	gate2_over(ike);
	gate_ike_up(n);
	if (ike->rival && lowest < ike->peer_nonce) {
		n->truth->redundant = true;
		gate2_move(ike, ike->rival);
		gate2_task(n, SAY_DELETE_IKE, NULL, 0);
		return;
	}
	gate2_move(ike, n);
	sim_after(g->w, g->p.delete_after, delete_ike_later, ike, 0);
}

void gate2_finish(struct gate_ike *ike, struct sim_message *m)
{
	int what = ike->request->what;

	if (what == SAY_AUTH && ike->gate->p.ignores_auth)
		return;		/* as if it had not come */
	switch ((enum say)what) {
	case SAY_INIT:
		finish_init(ike, m);
		return;
	case SAY_AUTH:
		finish_auth(ike, m);
		break;
	case SAY_CHILD_NEW:
		finish_new_child(ike, m);
		break;
	case SAY_CHILD_REKEY:
		finish_rekey_child(ike, m);
		break;
	case SAY_IKE_REKEY:
		finish_rekey_ike(ike, m);
		break;
	case SAY_DELETE_CHILD:
		gate2_over(ike);
		gate_child_gone(ike->current.child, "deleted", (int)ike->gate->side);
		break;
	case SAY_DELETE_IKE:
		gate2_over(ike);
		gate_ike_gone(ike, "deleted", (int)ike->gate->side, ike->state != GATE_REKEYED);
		break;
	default:
		gate2_over(ike);
		break;
	}
	gate2_pump(ike);
}
