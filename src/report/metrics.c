/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records in: what the next page of metrics will say. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>

#include "report/metrics_parts.h"

static size_t code_of(const struct metrics *m, const char *code)
{
	size_t i = 0;

	while (i < m->n_codes && strcmp(m->codes[i], code) != 0)
		i++;
	return i;
}

static struct seen *place_of(struct metrics *m, object_id id, const struct endpoint *peers)
{
	struct place *p = &m->places[id % PLACES];

	if (m->expected && m->expected->n > 0 && peers) {
		if (p->tunnel != id)
			*p = (struct place){ .tunnel = id,
					     .expected = expected_find(m->expected, peers) };
		if (p->expected < m->expected->n)
			return &m->inventory[p->expected];
	}
	assert(m->n_others > 0);
	return &m->others[id % m->n_others];
}

static void on_tunnel(void *user, const struct record_tunnel *r)
{
	struct metrics *m = user;
	struct seen *s = place_of(m, r->id, r->peers);

	if (s->id != r->id && !s->expected)
		*s = (struct seen){ .last = NSEC_NONE };
	if (r->id < s->id)	/* the older of two with the peers of one expected tunnel */
		return;
	s->id = r->id;
	s->peers[0] = r->peers[0];
	s->peers[1] = r->peers[1];
	s->state = r->state;
	s->was_up |=
		r->state == TUNNEL_UP || r->state == TUNNEL_DEGRADED || r->state == TUNNEL_FLAPPING;
	if (r->last > s->last)
		s->last = r->last;
}

static void on_esp_sa(void *user, const struct record_esp_sa *r)
{
	struct metrics *m = user;
	struct seen *s = place_of(m, r->tunnel, r->peers);

	if ((s->expected || s->id == r->tunnel) && r->last > s->last)
		s->last = r->last;
}

static void on_alert(void *user, const struct record_alert *r)
{
	struct metrics *m = user;
	struct open_alert *o = &m->open[r->id % OPEN_ALERTS];
	size_t code = code_of(m, r->code);
	bool known = o->id == r->id;
	bool old = !known && r->raised != NSEC_NONE && r->raised < m->began;

	if (r->cleared) {
		if (known)
			*o = (struct open_alert){ 0 };
		return;
	}
	if (code < m->n_codes && !old && (!known || r->severity > o->severity))
		m->raised[code][r->severity]++;
	*o = (struct open_alert){
		.id = r->id, .tunnel = r->tunnel, .of = r->tunnel ? place_of(m, r->tunnel,
		r->peers) : NULL, .code = code,
		.severity = r->severity,
	};
	if (o->of && r->peers)
		memcpy(o->peers, r->peers, sizeof(o->peers));
}

static void on_capture(void *user, const struct record_capture *r)
{
	struct metrics *m = user;

	m->capture = *r;
	m->capture.warnings = NULL;	/* borrowed: nothing of them is shown */
	m->capture.name = m->capture.kind = m->capture.link_type = m->capture.fingerprint = NULL;
}

static void make_inventory(struct metrics *m)
{
	size_t n = m->expected ? m->expected->n : 0;

	m->inventory = calloc(n + 1, sizeof(m->inventory[0]));
	m->order = calloc(n + m->n_others, sizeof(m->order[0]));
	memory_or_end(m->inventory && m->order);
	for (size_t i = 0; i < n; i++) {
		const struct expected_tunnel *t = &m->expected->tunnel[i];

		m->inventory[i] = (struct seen){
			.expected = t, .peers = { t->peers[0], t->peers[1] },
			.state = TUNNEL_UNKNOWN, .last = NSEC_NONE,
		};
	}
}

struct metrics *metrics_open(const struct expected *expected, const char *const *codes,
			     size_t tunnels)
{
	struct metrics *m = calloc(1, sizeof(*m));

	memory_or_end(m);
	m->expected = expected;
	m->codes = codes;
	m->began = NSEC_NONE;
	while (m->n_codes < CODES_MAX && codes[m->n_codes])
		m->n_codes++;
	m->tunnels_max = tunnels;
	m->n_others = CROWD * tunnels + 16;
	m->others = calloc(m->n_others, sizeof(m->others[0]));
	memory_or_end(m->others);
	make_inventory(m);
	m->capture.first = m->capture.last = NSEC_NONE;
	return m;
}

struct record_sink metrics_sink(struct metrics *m)
{
	return (struct record_sink){
		.user = m, .tunnel = on_tunnel, .esp_sa = on_esp_sa, .alert = on_alert,
		.capture = on_capture,
	};
}

/*
 * What is known of a tunnel goes to the place that it has now; nothing goes where a newer one is.
 */
static void find_place(struct metrics *m, struct seen *s)
{
	struct seen *to = s->id != 0 ? place_of(m, s->id, s->peers) : s;
	const struct expected_tunnel *expected = to->expected;

	if (to == s)
		return;
	if (to->id <= s->id) {
		*to = *s;
		to->expected = expected;
	}
	*s = (struct seen){ .last = NSEC_NONE };
}

void metrics_expect_again(struct metrics *m, size_t n_before)
{
	struct seen *before = m->inventory;

	free(m->order);
	memset(m->places, 0, sizeof(m->places));
	make_inventory(m);
	for (size_t i = 0; i < n_before; i++)
		find_place(m, &before[i]);
	for (size_t i = 0; i < m->n_others; i++)
		find_place(m, &m->others[i]);
	for (size_t i = 0; i < OPEN_ALERTS; i++) {
		struct open_alert *o = &m->open[i];

		if (o->of)
			o->of = place_of(m, o->tunnel, o->peers);
	}
	free(before);
}

void metrics_since(struct metrics *m, nsec began)
{
	m->began = began;
}

void metrics_close(struct metrics *m)
{
	if (!m)
		return;
	free(m->others);
	free(m->inventory);
	free(m->order);
	free(m);
}
