/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SAs of either version: made, timed, used, ended. */
#include "gate.h"

#include <assert.h>
#include <stdlib.h>

static void *make(size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL)
		abort();
	return p;
}

uint32_t gate_new_spi(struct gate *g)
{
	uint32_t spi = sim_rng_u32(&g->w->rng);

	return g->p.spi_c ? 0xc0000000 | (spi & 0x0fffffff) : spi | 0x1000;
}

uint64_t gate_new_ike_spi(struct gate *g)
{
	return sim_rng_u64(&g->w->rng) | 1;
}

static double rekey_after(struct gate *g, double life, const double margin[2], double jitter,
			  bool initiator)
{
	double m = margin[initiator ? 0 : 1];

	return life <= 0 || m < 0 ? -1 : life - m - sim_between(g->w, 0, jitter);
}

/* IKE SAs */

struct gate_ike *gate_ike_new(struct gate *g, bool initiator)
{
	struct gate_ike *ike = make(sizeof *ike);

	ike->next = g->ikes;
	g->ikes = ike;
	ike->gate = g;
	ike->initiator = initiator;
	ike->heard_at = g->w->now;
	ike->ke_group = g->p.group;
	ike->session.suite = sim_suite(g->p.suite);
	assert(ike->session.suite != NULL);
	ike->session.group = g->p.group;
	ike->session.pfs_group = g->p.pfs_group;
	ike->session.v6 = g->pair->addr[0].v6;
	ike->session.id_len = 12;
	ike->session.cert_len = g->p.cert_len;
	return ike;
}

static void ike_rekey_due(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate_ike *ike = object;

	(void)w;
	(void)arg;
	if (ike->state == GATE_UP)
		gate_rekey_ike(ike);
}

static void ike_too_old(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate_ike *ike = object;

	(void)w;
	(void)arg;
	if (ike->state == GATE_UP)
		gate_delete_ike(ike);
}

static void ike_probe_due(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate_ike *ike = object;
	double dpd = ike->gate->p.dpd;

	(void)arg;
	if (ike->state != GATE_UP || ike->gate->off)
		return;
	if (ike->gate->p.dpd_always || w->now - ike->heard_at >= sim_seconds(dpd))
		gate_probe(ike);
	sim_after(w, dpd, ike_probe_due, ike, 0);
}

/* FortiOS: more than the limit, and the oldest must go. */
static void enforce_limit(struct gate *g)
{
	struct gate_ike *oldest = NULL;
	unsigned up = 0;

	for (struct gate_ike *i = g->ikes; i; i = i->next)
		if (i->state == GATE_UP) {
			up++;
			oldest = i;	/* newest first in the list */
		}
	if (g->p.ike_limit && up > g->p.ike_limit)
		gate_delete_ike(oldest);
}

void gate_ike_up(struct gate_ike *ike)
{
	struct gate *g = ike->gate;
	double due =
		rekey_after(g, g->p.ike_life, g->p.ike_margin, g->p.ike_jitter, ike->initiator);

	ike->state = GATE_UP;
	ike->up_at = ike->heard_at = g->w->now;
	if (ike->truth && ike->truth->established < 0)
		ike->truth->established = g->w->now;
	if (due >= 0)
		sim_after(g->w, due, ike_rekey_due, ike, 0);
	if (g->p.ike_life > 0 && !g->p.never_expires)
		sim_after(g->w, g->p.ike_life, ike_too_old, ike, 0);
	if (g->p.session > 0)
		sim_after(g->w, g->p.session, ike_too_old, ike, 0);
	if (g->p.dpd > 0)
		sim_after(g->w, g->p.dpd * sim_between(g->w, 0.9, 1.1), ike_probe_due, ike, 0);
	enforce_limit(g);
}

void gate_ike_gone(struct gate_ike *ike, const char *reason, int by, bool with_children)
{
	struct gate *g = ike->gate;

	if (ike->state == GATE_GONE)
		return;
	ike->state = GATE_GONE;
	ike->serial = ++g->serial;
	sim_truth_end_ike(g->w, ike->truth, reason, by);
	for (struct gate_ike **at = &g->ikes; *at; at = &(*at)->next)
		if (*at == ike) {
			*at = ike->next;
			break;
		}
	ike->next = g->old_ikes;
	g->old_ikes = ike;
	for (struct gate_child *c = g->children, *next; with_children && c; c = next) {
		next = c->next;
		if (c->ike == ike)
			gate_child_gone(c, reason, by);
	}
	if (with_children && gate_ike_best(g) == NULL)
		gate_plan_connect(g);
}

struct gate_ike *gate_ike_best(struct gate *g)
{
	for (struct gate_ike *i = g->ikes; i; i = i->next)
		if (i->state == GATE_UP)
			return i;
	return NULL;
}

void gate_plan_connect(struct gate *g)
{
	if (g->connecting_planned || g->off || !g->initiates || g->p.reconnect < 0 ||
	    g->p.on_demand)
		return;
	g->connecting_planned = true;
	sim_after(g->w, g->p.reconnect, gate_connect_now, g, 0);
}

/* Child SAs */

struct gate_child *gate_child_new(struct gate *g, struct gate_ike *ike, unsigned slot,
				  bool initiator)
{
	struct gate_child *c = make(sizeof *c);

	c->next = g->children;
	g->children = c;
	c->gate = g;
	c->ike = ike;
	c->slot = slot;
	c->initiator = initiator;
	c->active_at = g->w->now;
	return c;
}

static void child_rekey_due(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate_child *c = object;
	struct gate *g = c->gate;

	(void)w;
	(void)arg;
	if (c->state != GATE_UP || c->rekeying || c->replaced_by || g->off)
		return;
	if (g->p.rekey_needs_traffic && c->sent + c->received == 0)
		return;
	gate_rekey_child(c);
}

static void child_too_old(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate_child *c = object;

	(void)w;
	(void)arg;
	if (c->state != GATE_UP || c->gate->off)
		return;
	if (c->gate->p.keeps_old && c->replaced_by)
		gate_child_gone(c, "expired", -1);
	else if (c->failures > 0 && c->gate->p.version == 2)
		gate_delete_ike(c->ike);	/* it could not be rekeyed: start over */
	else
		gate_delete_child(c);
}

static void child_idle_check(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate_child *c = object;
	sim_time due = c->active_at + sim_seconds(c->gate->p.idle);

	(void)arg;
	if (c->state != GATE_UP || c->gate->off)
		return;
	if (w->now >= due)
		gate_delete_child(c);
	else
		sim_at(w, due, child_idle_check, c, 0);
}

void gate_child_install(struct gate_child *c)
{
	struct gate *g = c->gate;
	double due =
		rekey_after(g, g->p.child_life, g->p.child_margin, g->p.child_jitter, c->initiator);

	c->state = GATE_UP;
	if (due >= 0 && !c->redundant)
		sim_after(g->w, due, child_rekey_due, c, 0);
	if (g->p.child_life > 0 && !g->p.never_expires)
		sim_after(g->w, g->p.child_life, child_too_old, c, 0);
	if (g->p.idle > 0)
		sim_after(g->w, g->p.idle, child_idle_check, c, 0);
}

void gate_child_use(struct gate_child *c)
{
	struct gate_slot *s = &c->gate->slots[c->slot];

	if (s->out != NULL && c->replaces != NULL && c->gate->p.stuck_in)
		return;
	s->out = c;
}

void gate_child_gone(struct gate_child *c, const char *reason, int by)
{
	struct gate *g = c->gate;
	struct gate_slot *s = &g->slots[c->slot];

	if (c->state == GATE_GONE)
		return;
	c->state = GATE_GONE;
	sim_truth_end_child(g->w, c->truth,
			    c->redundant     ? "superseded"
			    : c->replaced_by ? "rekeyed"
					     : reason,
			    by);
	for (struct gate_child **at = &g->children; *at; at = &(*at)->next)
		if (*at == c) {
			*at = c->next;
			break;
		}
	c->next = g->old_children;
	g->old_children = c;
	if (s->out != c || (g->p.stuck_out && c->replaced_by))
		return;
	s->out = NULL;
	for (struct gate_child *n = g->children; n; n = n->next)
		if (n->slot == c->slot && n->state == GATE_UP && !n->redundant && !n->deleting) {
			s->out = n;
			break;
		}
}

struct gate_child *gate_child_by_out(struct gate *g, uint32_t spi)
{
	for (struct gate_child *c = g->children; c; c = c->next)
		if (c->spi_out == spi)
			return c;
	return NULL;
}

struct gate_child *gate_child_by_in(struct gate *g, uint32_t spi)
{
	for (struct gate_child *c = g->children; c; c = c->next)
		if (c->spi_in == spi)
			return c;
	return NULL;
}

struct sim_true_exchange *gate_exchange_truth(struct gate_ike *ike, uint8_t exchange, uint32_t id,
					      const char *purpose)
{
	struct sim_true_exchange *x = sim_truth_exchange(ike->gate->w, ike->gate->pair);

	x->spi_i = ike->session.spi_i;
	x->spi_r = ike->session.spi_r;
	x->exchange = exchange;
	x->from = (uint8_t)ike->gate->side;
	x->id = id;
	x->purpose = purpose;
	return x;
}

/* By version */

void gate_rekey_child(struct gate_child *c)
{
	c->rekeying = true;
	if (c->gate->p.version == 1) {
		struct gate_ike *ike = gate_ike_best(c->gate);

		if (ike)
			gate1_quick(ike, c->slot, c);
		else
			gate_plan_connect(c->gate);
	} else {
		gate2_task(c->ike, SAY_CHILD_REKEY, c, c->slot);
	}
}

void gate_delete_child(struct gate_child *c)
{
	if (c->deleting || c->state == GATE_GONE)
		return;
	c->deleting = true;
	if (c->gate->p.version == 1) {
		struct gate_ike *ike = gate_ike_best(c->gate);

		if (ike)
			gate1_info(ike, SAY_DELETE_CHILD, c);
		gate_child_gone(c, "deleted", (int)c->gate->side);
	} else {
		gate2_task(c->ike, SAY_DELETE_CHILD, c, c->slot);
	}
}

void gate_new_child(struct gate_ike *ike, unsigned slot)
{
	if (ike->gate->p.version == 1)
		gate1_quick(ike, slot, NULL);
	else
		gate2_task(ike, SAY_CHILD_NEW, NULL, slot);
}

void gate_rekey_ike(struct gate_ike *ike)
{
	if (ike->gate->p.version == 1)
		gate1_connect(ike->gate);
	else if (ike->gate->p.reauthenticate)
		gate2_connect(ike->gate);
	else
		gate2_task(ike, SAY_IKE_REKEY, NULL, 0);
}

void gate_delete_ike(struct gate_ike *ike)
{
	if (ike->gate->p.version == 1) {
		for (struct gate_child *c = ike->gate->children; c; c = c->next)
			gate1_info(ike, SAY_DELETE_CHILD, c);
		gate1_info(ike, SAY_DELETE_IKE, NULL);
		while (ike->gate->children)
			gate_child_gone(ike->gate->children, "deleted", (int)ike->gate->side);
		gate_ike_gone(ike, "deleted", (int)ike->gate->side, true);
	} else {
		gate2_task(ike, SAY_DELETE_IKE, NULL, 0);
	}
}

void gate_probe(struct gate_ike *ike)
{
	if (ike->gate->p.version == 1)
		gate1_info(ike, SAY_DPD, NULL);
	else if (ike->request == NULL && ike->n_queue == 0)
		gate2_task(ike, SAY_DPD, NULL, 0);
}
