/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scenario.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const struct sim_scenario *sim_scenario(const char *name)
{
	static const struct sim_scenario *const lists[] = {
		sim_healthy, sim_faults, sim_more_faults, sim_wire_faults, sim_variants,
	};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (const struct sim_scenario *s = lists[i]; s->name; s++)
			if (strcmp(s->name, name) == 0)
				return s;
	return NULL;
}

struct gate *gate_a(struct sim_pair *p)
{
	return p->gates[0];
}

struct gate *gate_b(struct sim_pair *p)
{
	return p->gates[1];
}

struct sim_pair *tunnel(struct sim_world *w, const char *vendor_a, const char *vendor_b)
{
	unsigned n = 0;
	char a[32], b[32];

	for (const struct sim_pair *p = w->pairs; p; p = p->next)
		n++;
	snprintf(a, sizeof a, "192.0.2.%u", 10 + n);
	snprintf(b, sizeof b, "198.51.100.%u", 10 + n);
	assert(sim_policy(vendor_a) && sim_policy(vendor_b));
	return gate_pair(w, a, b, sim_policy(vendor_a), sim_policy(vendor_b), 1);
}

void chatter(struct sim_world *w, struct sim_pair *p, double interval)
{
	struct sim_traffic t = { .from = gate_a(p),
				 .interval = interval,
				 .jitter = 0.3,
				 .size = 76,
				 .echo = true,
				 .since = SIM_S / 2 };

	gate_traffic(w, &t);
}

void version1(struct sim_pair *p)
{
	for (unsigned side = 0; side < 2; side++) {
		struct gate *g = gate_of(p, side);

		g->p.version = 1;
		g->p.suite = "aes256-sha256";
		g->p.group = g->p.pfs_group = 14;
		g->p.offered_life = (uint32_t)g->p.ike_life;
		g->p.vendor_ids[0] = "natt-rfc";
		g->p.vendor_ids[1] = "dpd";
		g->p.vendor_ids[2] = NULL;
	}
}

struct sim_pair *asks_in_vain(struct sim_pair *p)
{
	struct gate *a = gate_a(p);

	a->p.on_demand = false;
	a->p.ignores_auth = true;
	a->p.ladder[0] = 2;
	a->p.ladder[1] = 5;
	a->p.ladder[2] = 0;
	a->p.give_up = 9.8;
	a->p.reconnect = 0.1;
	gate_b(p)->p.ike_limit = 4;
	return p;
}

void add_drop(struct sim_pair *p, struct sim_drop d)
{
	assert(p->net.n_drops < SIM_DROPS_MAX);
	p->net.drops[p->net.n_drops++] = d;
}

struct repeated {
	struct sim_pair *pair;
	sim_fire *what;
	double every;
};

static void again(struct sim_world *w, void *object, uint64_t count)
{
	struct repeated *r = object;

	r->what(w, r->pair, count);
	if (r->every > 0)
		sim_after(w, r->every, again, r, count + 1);
}

void repeatedly(struct sim_world *w, double first, double every, sim_fire *what, struct sim_pair *p)
{
	struct repeated *r = sim_own(w, sizeof *r);

	*r = (struct repeated){ p, what, every };
	sim_after(w, first, again, r, 0);
}
