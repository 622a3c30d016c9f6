/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "world.h"

#include "truth.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const struct sim_drop sim_drop_any = {
	.from = -1, .kind = -1, .exchange = -1, .response = -1, .np1 = -1, .port = -1,
	.datagram = -1,
	.probability = 1, .until = SIM_FOREVER,
};

static void *must(void *p)
{
	if (p == NULL)
		abort();	/* a test tool: nothing sensible can follow */
	return p;
}

struct sim_message *sim_message_new(void)
{
	struct sim_message *m = must(calloc(1, sizeof *m));

	m->refs = 1;
	return m;
}

void sim_message_add(struct sim_message *m, const void *bytes, size_t length)
{
	assert(m->n_datagrams < SIM_DATAGRAMS_MAX);

	struct sim_bytes *d = &m->datagrams[m->n_datagrams++];

	d->at = must(malloc(length));
	d->length = length;
	memcpy(d->at, bytes, length);
}

struct sim_message *sim_message_keep(struct sim_message *m)
{
	m->refs++;
	return m;
}

void sim_message_drop(struct sim_message *m)
{
	if (m == NULL || --m->refs > 0)
		return;
	for (unsigned i = 0; i < m->n_datagrams; i++)
		free(m->datagrams[i].at);
	free(m);
}

struct sim_packet *sim_packet_new(struct sim_pair *pair, unsigned from, enum sim_kind kind)
{
	struct sim_packet *p = must(calloc(1, sizeof *p));

	p->refs = 1;
	p->pair = pair;
	p->from = (uint8_t)from;
	p->kind = kind;
	p->ip_id = ++pair->ip_id[from];
	p->content = sim_rng_u64(&pair->world->rng);
	return p;
}

struct sim_packet *sim_packet_keep(struct sim_packet *p)
{
	p->refs++;
	return p;
}

void sim_packet_drop(struct sim_packet *p)
{
	if (p == NULL || --p->refs > 0)
		return;
	sim_message_drop(p->message);
	sim_packet_drop(p->quoted);
	free(p);
}

size_t sim_packet_ip_length(const struct sim_packet *p)
{
	size_t ip = p->src.addr.v6 ? 40 : 20, udp = p->src.port ? 8 : 0;

	switch (p->kind) {
	case SIM_IKE:
		return ip + udp + (p->src.port == 500 || p->dst.port == 500 ? 0 : 4) +
		       p->message->datagrams[p->datagram].length;
	case SIM_ESP:
		return ip + udp + 8 + p->size;
	case SIM_AH:
		return ip + 24 + p->size;
	case SIM_KEEPALIVE:
		return ip + udp + 1;
	case SIM_ICMP:
	case SIM_KINDS:
		break;
	}
	return ip + 8;
}

void *sim_own(struct sim_world *w, size_t size)
{
	void **block = must(calloc(1, sizeof *block + 8 + size));

	*block = w->owned;
	w->owned = block;
	return (char *)block + sizeof *block + 8;	/* 16-byte alignment */
}

/* The queue: a binary heap by time, then by order of entry. */
static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_at(struct sim_world *w, sim_time at, sim_fire *fire, void *object, uint64_t arg)
{
	if (w->n_events == w->room) {
		w->room = w->room ? 2 * w->room : 1024;
		w->events = must(realloc(w->events, w->room * sizeof *w->events));
	}

	struct sim_event e = { at < w->now ? w->now : at, w->order++, fire, object, arg };
	size_t i = w->n_events++;

	for (; i > 0 && before(&e, &w->events[(i - 1) / 2]); i = (i - 1) / 2)
		w->events[i] = w->events[(i - 1) / 2];
	w->events[i] = e;
}

void sim_after(struct sim_world *w, double seconds, sim_fire *fire, void *object, uint64_t arg)
{
	sim_at(w, w->now + sim_seconds(seconds), fire, object, arg);
}

static struct sim_event take_first(struct sim_world *w)
{
	struct sim_event first = w->events[0], last = w->events[--w->n_events];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < w->n_events) {
		if (child + 1 < w->n_events && before(&w->events[child + 1], &w->events[child]))
			child++;
		if (!before(&w->events[child], &last))
			break;
		w->events[i] = w->events[child];
		i = child;
	}
	w->events[i] = last;
	return first;
}

static void tap_sees(struct sim_world *w, void *object, uint64_t arg);
static void arrives(struct sim_world *w, void *object, uint64_t arg);

void sim_run(struct sim_world *w)
{
	while (w->n_events > 0) {
		struct sim_event e = take_first(w);

		if (e.at < w->end) {
			w->now = e.at;
			e.fire(w, e.object, e.arg);
		} else if (e.fire == tap_sees || e.fire == arrives || e.fire == sim_render_again) {
			sim_packet_drop(e.object);	/* still in flight at the end */
		}
	}
	w->now = w->end;
	free(w->events);
	w->events = NULL;
}

void sim_done(struct sim_world *w)
{
	while (w->owned) {
		void *next = *(void **)w->owned;

		free(w->owned);
		w->owned = next;
	}
}

double sim_between(struct sim_world *w, double from, double to)
{
	return from + (to - from) * sim_rng_unit(&w->rng);
}

bool sim_chance(struct sim_world *w, double probability)
{
	return probability > 0 && sim_rng_unit(&w->rng) < probability;
}

static bool any_or(int rule, int value)
{
	return rule < 0 || rule == value;
}

static bool drop_matches(struct sim_world *w, const struct sim_drop *d, const struct sim_packet *p)
{
	const struct sim_message *m = p->message;

	if (w->now < d->since || w->now >= d->until || !any_or(d->from, p->from) ||
	    !any_or(d->kind, (int)p->kind))
		return false;
	if ((d->exchange >= 0 || d->response >= 0 || d->np1 >= 0 || d->datagram >= 0) && m == NULL)
		return false;
	if (m && (!any_or(d->exchange, m->exchange) || !any_or(d->response, m->response) ||
		  !any_or(d->np1, m->np1) || !any_or(d->datagram, (int)p->datagram)))
		return false;
	if (d->port >= 0 && d->port != p->src.port && d->port != p->dst.port)
		return false;
	if (d->longer_than && sim_packet_ip_length(p) <= d->longer_than)
		return false;
	if (d->fragments && sim_packet_ip_length(p) <= p->pair->net.mtu)
		return false;
	return d->probability >= 1 || sim_chance(w, d->probability);
}

static const struct sim_drop *dropped(struct sim_world *w, const struct sim_packet *p,
				      bool before_tap)
{
	const struct sim_net *n = &p->pair->net;

	for (unsigned i = 0; i < n->n_drops; i++)
		if (n->drops[i].before_tap == before_tap && drop_matches(w, &n->drops[i], p))
			return &n->drops[i];
	return NULL;
}

static void tap_sees(struct sim_world *w, void *object, uint64_t arg)
{
	struct sim_packet *p = object;
	const struct sim_tap *t = &w->tap;
	bool blind = w->now < t->start || (t->only_from >= 0 && t->only_from != p->from) ||
		     sim_chance(w, t->loss);

	(void)arg;
	if (t->burst_every > 0 &&
	    w->now % sim_seconds(t->burst_every) < sim_seconds(t->burst_length))
		blind = true;
	if (!blind)
		sim_render(w, p);
	else
		sim_truth_missed(w->truth, p);
	sim_packet_drop(p);
}

static void arrives(struct sim_world *w, void *object, uint64_t arg)
{
	struct sim_packet *p = object;

	(void)w;
	(void)arg;
	if (!p->forged)
		p->pair->deliver(p->pair, p);
	sim_packet_drop(p);
}

static void translate(struct sim_packet *p)
{
	const struct sim_net *n = &p->pair->net;
	struct sim_endpoint *a = p->from == 0 ? &p->src : &p->dst;

	p->claimed = p->src;
	if (!n->nat || n->nat_inside)
		return;
	a->addr = n->outside;
	if (a->port)
		a->port = a->port == 500 ? n->nat_port[0] : n->nat_port[1];
}

/* One trip from gateway to gateway, past the tap. */
static void trip(struct sim_world *w, struct sim_packet *p)
{
	struct sim_net *n = &p->pair->net;
	sim_time way = sim_seconds(n->delay + n->jitter * sim_rng_unit(&w->rng)),
		 arrival = w->now + way;
	double tap_at = p->from == 0 ? n->tap_at : 1 - n->tap_at;
	bool late = sim_chance(w, n->reorder);

	if (late)	/* overtaken by those behind it */
		arrival += sim_seconds(n->reorder_by);
	else if (arrival <= p->pair->last_arrival[p->from])
		arrival = p->pair->last_arrival[p->from] + 1000;
	if (!late)
		p->pair->last_arrival[p->from] = arrival;
	way = arrival - w->now;

	bool lost = sim_chance(w, n->loss[p->from]);
	bool lost_early = lost && sim_rng_unit(&w->rng) < tap_at;

	const struct sim_drop *early = dropped(w, p, true);

	p->only_first = early && early->fragments;
	if (lost_early || (early && !early->fragments))
		return;
	sim_at(w, w->now + (sim_time)((double)way * tap_at), tap_sees, sim_packet_keep(p), 0);
	if (!lost && !early && !dropped(w, p, false))
		sim_at(w, arrival, arrives, sim_packet_keep(p), 0);
}

void sim_send(struct sim_world *w, struct sim_packet *p)
{
	sim_truth_sent(w->truth, p);
	translate(p);
	trip(w, p);
	if (sim_chance(w, p->pair->net.duplicate))
		trip(w, p);
	sim_packet_drop(p);
}
