/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes wrong between the gateways: loss, order, replays, NAT, strangers. */
#include "scenario.h"

#include <stdio.h>

#define HOUR 3600.0

static void esp_loss(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	p->net.tap_at = 1;
	p->net.loss[0] = 0.03;
	chatter(w, p, 0.01);
}

static void esp_reorder(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	p->net.tap_at = 1;
	p->net.reorder = 0.01;
	p->net.reorder_by = 0.2;
	chatter(w, p, 0.002);
}

/* An old packet once more, the same to the byte, with a new IP id. */
static void replay(struct sim_world *w, void *object, uint64_t count)
{
	struct sim_pair *p = object;
	struct gate_child *c = gate_a(p)->slots[0].out;

	(void)count;
	if (c == NULL || c->seq < 200)
		return;
	for (uint32_t i = 0; i < 5; i++) {
		struct sim_packet *old = sim_packet_new(p, 0, SIM_ESP);

		old->src.addr = p->addr[0];
		old->dst.addr = p->addr[1];
		old->spi = c->spi_out;
		old->seq = c->seq - 150 + i;
		old->content = (uint64_t)old->spi << 32 | old->seq;
		old->size = 76;
		old->forged = true;
		old->sa_truth = c->truth;
		sim_send(w, old);
	}
}

static void esp_replay(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	chatter(w, p, 0.05);
	repeatedly(w, 300, 20, replay, p);
}

static void reset(struct sim_world *w, void *object, uint64_t count)
{
	struct gate_child *c = gate_a(object)->slots[0].out;

	(void)w;
	(void)count;
	if (c)
		c->seq = 0;
}

static void seq_reset(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	chatter(w, p, 0.01);
	repeatedly(w, 1500, 0, reset, p);
}

static void almost_full(struct sim_world *w, void *object, uint64_t count)
{
	struct gate_child *c = gate_a(object)->slots[0].out;

	(void)w;
	(void)count;
	if (c)
		c->seq = 0xe0000000 - 30000;
}

static void seq_exhaustion(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	w->tap.start = 11 * SIM_S;	/* nobody saw the SA begin */
	chatter(w, p, 0.01);
	repeatedly(w, 10, 0, almost_full, p);
}

static void fragment_loss(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");
	struct sim_traffic large = {
		.from = gate_a(p), .interval = 2, .size = 1560, .since = 5 * SIM_S
	};
	struct sim_drop d = sim_drop_any;

	d.before_tap = true;
	d.fragments = true;
	d.probability = 0.6;
	p->net.tap_at = 0.9;
	add_drop(p, d);
	gate_traffic(w, &large);
	chatter(w, p, 1);
}

static struct sim_pair *behind_nat(struct sim_world *w)
{
	struct sim_pair *p = gate_pair(w, "10.0.0.5", "198.51.100.10", sim_policy("strongswan"),
				       sim_policy("fortigate"), 1);

	p->net.nat = true;
	p->net.outside = sim_addr("192.0.2.77");
	p->net.nat_port[0] = 31005;
	p->net.nat_port[1] = 31006;
	return p;
}

static void nat_keepalive_missing(struct sim_world *w)
{
	struct sim_pair *p = behind_nat(w);
	struct sim_traffic t = {
		.from = gate_a(p), .interval = 1, .on = 30, .off = 400, .size = 76, .echo = true
	};

	gate_a(p)->p.keepalive = 0;
	gate_a(p)->p.dpd = gate_b(p)->p.dpd = 0;
	gate_traffic(w, &t);
}

static void rebind(struct sim_world *w, void *object, uint64_t count)
{
	struct sim_pair *p = object;

	(void)w;
	(void)count;
	p->net.nat_port[1] = (uint16_t)(p->net.nat_port[1] + 7);
}

static void nat_rebind(struct sim_world *w)
{
	struct sim_pair *p = behind_nat(w);
	struct sim_traffic t = {
		.from = gate_a(p), .interval = 1, .on = 60, .off = 120, .size = 76, .echo = true
	};

	gate_a(p)->p.keepalive = 0;
	gate_a(p)->p.dpd = gate_b(p)->p.dpd = 0;
	gate_traffic(w, &t);
	repeatedly(w, 680, 720, rebind, p);	/* in the pauses */
}

static void knock(struct sim_world *w, void *object, uint64_t count)
{
	(void)w;
	if (count < 400)
		gate2_connect(gate_a(object));
}

static void ike_flood(struct sim_world *w)
{
	struct sim_pair *good = tunnel(w, "strongswan", "strongswan");
	struct sim_pair *bad = gate_pair(w, "203.0.113.66", "198.51.100.10",
					 sim_policy("strongswan"), sim_policy("strongswan"), 1);

	chatter(w, good, 1);
	gate_a(bad)->initiates = false;
	gate_a(bad)->p.ladder[0] = 0;	/* never repeats, never goes on */
	repeatedly(w, 600, 0.05, knock, bad);
}

static void ike_scan(struct sim_world *w)
{
	struct sim_pair *good = tunnel(w, "strongswan", "strongswan");

	chatter(w, good, 1);
	for (unsigned i = 0; i < 40; i++) {
		char b[32];
		struct sim_pair *target;

		snprintf(b, sizeof b, "198.51.100.%u", 60 + i);
		target = gate_pair(w, "203.0.113.99", b, sim_policy("strongswan"),
				   sim_policy("strongswan"), 1);
		gate_a(target)->p.ladder[1] = 0;
		gate_a(target)->p.reconnect = -1;
		gate_a(target)->initiates = false;
		gate_b(target)->off = i % 4 != 0;
		gate_b(target)->p.refuses_proposal = true;
		sim_after(w, 300 + i * 0.4, gate_connect_now, gate_a(target), 0);
	}
}

/* INVALID_SPI in B's name for an SA that both go on using. */
static void forge(struct sim_world *w, void *object, uint64_t count)
{
	static struct sim_frame f;
	struct sim_pair *p = object;
	struct gate_child *c = gate_a(p)->slots[0].out;
	struct sim_packet *packet;
	struct sim_message *m;

	(void)count;
	if (c == NULL)
		return;
	m = sim_message_new();
	sim_frame_clear(&f);
	sim_say_invalid_spi(&f, c->spi_out);
	sim_message_add(m, sim_frame_data(&f), f.length);
	m->version = 2;
	m->exchange = X2_INFO;
	packet = sim_packet_new(p, 1, SIM_IKE);
	packet->src = (struct sim_endpoint){ p->addr[1], 500 };
	packet->dst = (struct sim_endpoint){ p->addr[0], 500 };
	packet->message = m;
	packet->forged = true;
	sim_send(w, packet);
}

static void spoof_hint(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	chatter(w, p, 1);
	repeatedly(w, 600, 300, forge, p);
}

const struct sim_scenario sim_wire_faults[] = {
	{ "esp_loss", "three percent of A's packets are lost before the tap", 600, esp_loss,
	  "esp_loss", "", 128 },
	{ "esp_reorder", "one packet in a hundred is 0.2 s late", 300, esp_reorder,
	  "esp_reorder", "esp_loss", 128 },
	{ "esp_replay", "old packets are sent again", 1200, esp_replay, "esp_replay", "", 0 },
	{ "seq_reset", "A's sequence numbers start over within an SA", 1800, seq_reset,
	  "seq_reset", "esp_replay", 128 },
	{ "seq_exhaustion", "the sequence numbers of an SA run out", 900, seq_exhaustion,
	  "seq_exhaustion", "", 128 },
	{ "fragment_loss", "the second IP fragment is often missing", 1800, fragment_loss,
	  "fragment_loss", "esp_loss", 0 },
	{ "nat_keepalive_missing", "behind a NAT, silent for minutes", 1 * HOUR,
	  nat_keepalive_missing, "nat_keepalive_missing", "", 0 },
	{ "nat_rebind", "the NAT gives A a new port every 12 minutes", 1 * HOUR, nat_rebind,
	  "nat_rebind", "nat_keepalive_missing one_way_esp", 0 },
	{ "ike_flood", "400 half-open IKE SAs in 20 s beside a good tunnel", 1200, ike_flood,
	  "ike_flood", "", 0 },
	{ "ike_scan", "one source asks forty addresses", 900, ike_scan, "ike_scan",
	  "ike_init_unanswered no_proposal_chosen", 0 },
	{ "spoof_hint", "unprotected INVALID_SPI for an SA that works", 1800, spoof_hint,
	  "spoof_hint", "", 0 },
	{ 0 },
};
