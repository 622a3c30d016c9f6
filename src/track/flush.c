/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots of what changed: all of them, or in parts for a sink that is nearly full. */
#include "track/tracker.h"

#include <sawatch/memory.h>

enum {
	LEFT_AT_ONCE = 1 << 15,		/* ESP and child SAs: some large pages of them */
	IKE_LEFT_AT_ONCE = 1 << 12,
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void flush_ike_sa(struct tracker *t, uint32_t i)
{
	struct ike_sa *sa = &t->ike_sas[i];

	if (!(sa->flags & IKE_SA_USED))
		return;
	if (sa->flags & IKE_SA_DIRTY)
		snapshot_ike_sa(t, i);
	for (int slot = 0; slot < 2; slot++) {
		exchange_write(t, sa->previous[slot]);
		exchange_write(t, sa->current[slot]);
	}
}

static void flush_tunnels(struct tracker *t, uint32_t from, uint32_t to)
{
	const uint32_t changed = TUNNEL_USED | TUNNEL_DIRTY;

	for (uint32_t i = from; i < smaller(to, t->tunnel_pool.high); i++)
		if ((t->tunnels[i].flags & changed) == changed)
			snapshot_tunnel(t, i);
}

static void flush_ike_sas(struct tracker *t, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < smaller(to, t->ike_pool.high); i++)
		flush_ike_sa(t, i);
}

static void flush_child_sas(struct tracker *t, uint32_t from, uint32_t to)
{
	const uint32_t changed = CHILD_SA_USED | CHILD_SA_DIRTY;

	for (uint32_t i = from; i < smaller(to, t->child_pool.high); i++)
		if ((t->child_sas[i].flags & changed) == changed)
			snapshot_child_sa(t, i);
}

static void flush_esp_sas(struct tracker *t, uint32_t from, uint32_t to)
{
	const uint32_t changed = ESP_SA_USED | ESP_SA_DIRTY;

	for (uint32_t i = from; i < smaller(to, t->esp_pool.high); i++)
		if ((t->esp_sas[i].flags & changed) == changed)
			snapshot_esp_sa(t, i);
}

static void flush_slots(struct tracker *t, uint32_t from, uint32_t to)
{
	flush_tunnels(t, from, to);
	flush_ike_sas(t, from, to);
	flush_child_sas(t, from, to);
	flush_esp_sas(t, from, to);
}

/*
 * All of it for the last time: nobody asks for what was told, and its memory is given back while
 * the sink takes some.
 */
static void flush_and_leave(struct tracker *t)
{
	for (uint32_t from = 0; from < t->esp_pool.high; from += LEFT_AT_ONCE) {
		uint32_t to = smaller(from + LEFT_AT_ONCE, t->esp_pool.high);

		flush_esp_sas(t, from, to);
		memory_give_back(&t->esp_sas[from], (to - from) * sizeof(*t->esp_sas));
		memory_give_back(&t->esp_more[from], (to - from) * sizeof(*t->esp_more));
	}
	for (uint32_t from = 0; from < t->child_pool.high; from += LEFT_AT_ONCE) {
		uint32_t to = smaller(from + LEFT_AT_ONCE, t->child_pool.high);

		flush_child_sas(t, from, to);
		memory_give_back(&t->child_sas[from], (to - from) * sizeof(*t->child_sas));
	}
	flush_tunnels(t, 0, t->tunnel_pool.high);	/* which look at their IKE SAs */
	for (uint32_t from = 0; from < t->ike_pool.high; from += IKE_LEFT_AT_ONCE) {
		uint32_t to = smaller(from + IKE_LEFT_AT_ONCE, t->ike_pool.high);

		flush_ike_sas(t, from, to);
		memory_give_back(&t->ike_sas[from], (to - from) * sizeof(*t->ike_sas));
		memory_give_back(&t->answerer_asked[from],
				 (to - from) * sizeof(*t->answerer_asked));
		memory_give_back(&t->ike_few[from], (to - from) * sizeof(*t->ike_few));
	}
}

void tracker_flush(struct tracker *t)
{
	if (t->without_details && t->finishing)
		flush_and_leave(t);
	else
		flush_slots(t, 0, UINT32_MAX);
}

bool tracker_flush_part(struct tracker *t, uint32_t slots)
{
	uint32_t to = t->flushed + slots;

	flush_slots(t, t->flushed, to);
	t->flushed = to < t->tunnel_pool.high || to < t->ike_pool.high || to < t->child_pool.high ||
		     to < t->esp_pool.high ? to : 0;
	return t->flushed == 0;
}

void tracker_mark_all(struct tracker *t)
{
	for (uint32_t i = 0; i < t->tunnel_pool.high; i++)
		if (t->tunnels[i].flags & TUNNEL_USED)
			t->tunnels[i].flags |= TUNNEL_DIRTY;
	for (uint32_t i = 0; i < t->ike_pool.high; i++)
		if (t->ike_sas[i].flags & IKE_SA_USED)
			t->ike_sas[i].flags |= IKE_SA_DIRTY;
	for (uint32_t i = 0; i < t->child_pool.high; i++)
		if (t->child_sas[i].flags & CHILD_SA_USED)
			t->child_sas[i].flags |= CHILD_SA_DIRTY;
	for (uint32_t i = 0; i < t->esp_pool.high; i++)
		if (t->esp_sas[i].flags & ESP_SA_USED)
			t->esp_sas[i].flags |= ESP_SA_DIRTY;
}
