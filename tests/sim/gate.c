/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gate.h"

#include <assert.h>
#include <stdlib.h>

static void deliver(struct sim_pair *pair, struct sim_packet *p);

struct gate *gate_of(struct sim_pair *pair, unsigned side)
{
	return pair->gates[side];
}

static struct gate *make_gate(struct sim_pair *pair, unsigned side, const struct sim_policy *p,
			      unsigned slots)
{
	struct gate *g = sim_own(pair->world, sizeof *g);

	assert(slots >= 1 && slots <= SLOTS_MAX);
	g->w = pair->world;
	g->pair = pair;
	g->side = side;
	g->p = *p;
	g->n_slots = slots;
	g->sent_at = -SIM_FOREVER / 2;
	g->spi_answer_at = -SIM_FOREVER / 2;
	return g;
}

struct sim_pair *gate_pair(struct sim_world *w, const char *a, const char *b,
			   const struct sim_policy *pa, const struct sim_policy *pb, unsigned slots)
{
	struct sim_pair *pair = sim_own(w, sizeof *pair), **end = &w->pairs;

	while (*end) {
		pair->number++;
		end = &(*end)->next;
	}
	*end = pair;
	pair->world = w;
	pair->addr[0] = sim_addr(a);
	pair->addr[1] = sim_addr(b);
	pair->ip_id[0] = (uint16_t)sim_rng_u32(&w->rng);
	pair->ip_id[1] = (uint16_t)sim_rng_u32(&w->rng);
	pair->last_arrival[0] = pair->last_arrival[1] = -1;
	pair->net =
		(struct sim_net){ .delay = 0.010, .jitter = 0.001, .tap_at = 0.05, .mtu = 1500 };
	pair->deliver = deliver;
	pair->gates[0] = make_gate(pair, 0, pa, slots);
	pair->gates[1] = make_gate(pair, 1, pb, slots);
	gate_of(pair, 0)->other = pair->gates[1];
	gate_of(pair, 1)->other = pair->gates[0];
	gate_of(pair, 0)->initiates = true;
	return pair;
}

void gate_connect_now(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate *g = object;

	(void)w;
	(void)arg;
	g->connecting_planned = false;
	if (g->off || gate_ike_best(g))
		return;
	if (g->p.version == 1)
		gate1_connect(g);
	else
		gate2_connect(g);
}

static void keepalive_due(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate *g = object;
	sim_time silent = w->now - g->sent_at, every = sim_seconds(g->p.keepalive);

	(void)arg;
	if (!g->off && silent >= every && gate_ike_best(g)) {
		struct sim_packet *p = sim_packet_new(g->pair, g->side, SIM_KEEPALIVE);

		p->src = (struct sim_endpoint){ g->pair->addr[g->side], 4500 };
		p->dst = (struct sim_endpoint){ g->pair->addr[1 - g->side], 4500 };
		g->sent_at = w->now;
		sim_send(w, p);
		silent = 0;
	}
	sim_at(w, w->now + every - (silent < every ? silent : 0), keepalive_due, g, 0);
}

void gate_start(struct sim_pair *pair)
{
	struct sim_world *w = pair->world;

	for (unsigned side = 0; side < 2; side++) {
		struct gate *g = pair->gates[side];

		g->encap = g->encap || pair->net.nat;
		if (pair->net.nat && side == 0 && g->p.keepalive > 0)
			sim_after(w, g->p.keepalive, keepalive_due, g, 0);
		if (g->initiates && !g->p.on_demand)
			sim_after(w, 0.1, gate_connect_now, g, 0);
	}
}

/* A child SA is missing: ask for one, or for the whole tunnel. */
static void demand(struct gate *g, unsigned slot)
{
	struct gate_slot *s = &g->slots[slot];
	struct gate_ike *ike = gate_ike_best(g);

	if (g->muted)
		return;
	s->unsent++;
	if (g->w->now < s->retry_at || g->p.reconnect < 0 || !g->initiates)
		return;
	for (struct gate_ike *i = g->ikes; i; i = i->next)
		if (i->state == GATE_CONNECTING)
			return;
	s->retry_at = g->w->now + sim_seconds(g->p.reconnect > 0.5 ? g->p.reconnect : 0.5);
	if (ike)
		gate_new_child(ike, slot);
	else if (!g->connecting_planned)
		gate_connect_now(g->w, g, 0);
}

static void send_esp(struct gate *g, struct gate_child *c, size_t size, bool echo)
{
	struct sim_packet *p;

	if (g->muted)
		return;
	p = sim_packet_new(g->pair, g->side, SIM_ESP);
	p->src = (struct sim_endpoint){ g->pair->addr[g->side], g->encap ? 4500 : 0 };
	p->dst = (struct sim_endpoint){ g->pair->addr[1 - g->side], g->encap ? 4500 : 0 };
	p->spi = c->spi_out;
	p->seq = ++c->seq;
	p->size = size;
	p->slot = c->slot;
	p->echo = echo;
	p->sa_truth = c->truth;
	p->content = (uint64_t)p->spi << 32 | p->seq;	/* the same bytes if it is ever replayed */
	c->bytes += size + 8;
	c->sent++;
	c->active_at = g->sent_at = g->w->now;
	sim_send(g->w, p);
	if (g->p.child_bytes && c->bytes >= g->p.child_bytes && !c->rekeying && !c->replaced_by)
		gate_rekey_child(c);
}

void gate_esp(struct gate *g, unsigned slot, size_t size)
{
	struct gate_child *c = g->slots[slot].out;

	if (g->off)
		return;
	if (c)
		send_esp(g, c, size, false);
	else
		demand(g, slot);
}

static void echo_now(struct sim_world *w, void *object, uint64_t arg)
{
	(void)w;
	gate_esp(object, (unsigned)(arg >> 32), arg & 0xffffffff);
}

static void receive_esp(struct gate *g, const struct sim_packet *p)
{
	struct gate_child *c = gate_child_by_in(g, p->spi);
	struct gate_slot *s;

	if (c == NULL) {
		if (g->p.invalid_spi && g->w->now - g->spi_answer_at >= 60 * SIM_S) {
			static struct sim_frame f;
			struct sim_message *m = sim_message_new();

			sim_frame_clear(&f);
			sim_say_invalid_spi(&f, p->spi);
			sim_message_add(m, sim_frame_data(&f), f.length);
			m->version = 2;
			m->exchange = X2_INFO;
			m->what = SAY_INVALID_SPI;
			gate_transmit_ports(g, m, false);
			sim_message_drop(m);
			g->spi_answer_at = g->w->now;
		}
		return;
	}
	s = &g->slots[c->slot];
	c->received++;
	c->active_at = g->w->now;
	if (g->p.version == 1 && gate_ike_best(g))	/* there children outlive their IKE SA */
		gate_ike_best(g)->heard_at = g->w->now;
	c->ike->heard_at = g->w->now;
	/* RFC 7296 2.8: traffic on the new SA shows that the old one is no longer needed */
	if (s->out != c && !c->redundant && (s->out == NULL || s->out->replaced_by == c))
		gate_child_use(c);
	if (p->echo)
		sim_after(g->w, sim_between(g->w, 0.0005, 0.002), echo_now, g,
			  (uint64_t)c->slot << 32 | p->size);
}

/* ICMP 3/3 for UDP, 3/2 for ESP; over IPv6 1/4. */
static void send_unreachable(struct gate *g, struct sim_packet *about)
{
	struct sim_packet *p = sim_packet_new(g->pair, g->side, SIM_ICMP);

	p->src.addr = about->dst.addr;
	p->dst.addr = about->src.addr;
	p->icmp_code = p->src.addr.v6 ? 4 : about->src.port ? 3 : 2;
	p->quoted = sim_packet_keep(about);
	sim_send(g->w, p);
}

static void deliver(struct sim_pair *pair, struct sim_packet *p)
{
	struct gate *g = pair->gates[1 - p->from];

	if (g->off) {
		if (g->icmp && p->kind != SIM_ICMP)
			send_unreachable(g, p);
		return;
	}
	if (p->kind == SIM_ESP || p->kind == SIM_AH)
		receive_esp(g, p);
	else if (p->kind == SIM_IKE && p->message->version == 1)
		gate1_receive(g, p);
	else if (p->kind == SIM_IKE)
		gate2_receive(g, p);
}

void gate_transmit_ports(struct gate *g, struct sim_message *m, bool floated)
{
	uint16_t port = floated ? 4500 : 500;

	for (unsigned i = 0; i < m->n_datagrams; i++) {
		struct sim_packet *p = sim_packet_new(g->pair, g->side, SIM_IKE);

		p->src = (struct sim_endpoint){ g->pair->addr[g->side], port };
		p->dst = (struct sim_endpoint){ g->pair->addr[1 - g->side], port };
		p->message = sim_message_keep(m);
		p->datagram = i;
		g->sent_at = g->w->now;
		sim_send(g->w, p);
	}
}

void gate_transmit(struct gate_ike *ike, struct sim_message *m)
{
	gate_transmit_ports(ike->gate, m, ike->floated);
}

struct traffic {
	struct sim_traffic t;
	sim_time period;
};

static void traffic_tick(struct sim_world *w, void *object, uint64_t arg)
{
	struct traffic *x = object;
	struct gate *g = x->t.from;
	sim_time into = x->period ? (w->now - x->t.since) % x->period : 0;

	(void)arg;
	if (w->now >= x->t.until)
		return;
	if (x->period && into >= sim_seconds(x->t.on)) {
		sim_at(w, w->now + x->period - into, traffic_tick, x, 0);
		return;
	}
	if (!g->off) {
		struct gate_child *c = g->slots[x->t.slot].out;

		if (c)
			send_esp(g, c, x->t.size, x->t.echo);
		else
			demand(g, x->t.slot);
	}
	sim_after(w, x->t.interval * (1 + x->t.jitter * sim_between(w, -1, 1)), traffic_tick, x, 0);
}

void gate_traffic(struct sim_world *w, const struct sim_traffic *t)
{
	struct traffic *x = sim_own(w, sizeof *x);

	x->t = *t;
	if (x->t.until == 0)
		x->t.until = SIM_FOREVER;
	x->period = t->off > 0 ? sim_seconds(t->on + t->off) : 0;
	sim_at(w, t->since, traffic_tick, x, 0);
}

static void power_on(struct sim_world *w, void *object, uint64_t arg)
{
	struct gate *g = object;

	(void)w;
	(void)arg;
	g->off = false;
	gate_plan_connect(g);
}

void gate_reboot(struct gate *g, double down_seconds)
{
	g->off = true;
	while (g->ikes)
		gate_ike_gone(g->ikes, "peer_lost", (int)g->side, true);
	while (g->children)
		gate_child_gone(g->children, "peer_lost", (int)g->side);
	g->connecting_planned = false;
	sim_after(g->w, down_seconds, power_on, g, 0);
}

static void free_ikes(struct gate_ike *ike)
{
	while (ike) {
		struct gate_ike *next = ike->next;

		sim_message_drop(ike->request);
		sim_message_drop(ike->response);
		gate1_free(ike);
		free(ike);
		ike = next;
	}
}

static void free_children(struct gate_child *c)
{
	while (c) {
		struct gate_child *next = c->next;

		free(c);
		c = next;
	}
}

void gate_free(struct sim_pair *pair)
{
	for (unsigned side = 0; side < 2; side++) {
		struct gate *g = pair->gates[side];

		free_ikes(g->ikes);
		free_ikes(g->old_ikes);
		free_children(g->children);
		free_children(g->old_children);
	}
}
