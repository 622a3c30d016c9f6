/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots of what changed: all of them, or in parts for a sink that is nearly full. */
#include "track/tracker.h"

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
		exchange_write(t, &sa->previous[slot]);
		exchange_write(t, &sa->current[slot]);
	}
}

static void flush_slots(struct tracker *t, uint32_t from, uint32_t to)
{
	const uint32_t tunnel = TUNNEL_USED | TUNNEL_DIRTY,
		       child_sa = CHILD_SA_USED | CHILD_SA_DIRTY,
		       esp_sa = ESP_SA_USED | ESP_SA_DIRTY;

	for (uint32_t i = from; i < smaller(to, t->tunnel_pool.high); i++)
		if ((t->tunnels[i].flags & tunnel) == tunnel)
			snapshot_tunnel(t, i);
	for (uint32_t i = from; i < smaller(to, t->ike_pool.high); i++)
		flush_ike_sa(t, i);
	for (uint32_t i = from; i < smaller(to, t->child_pool.high); i++)
		if ((t->child_sas[i].flags & child_sa) == child_sa)
			snapshot_child_sa(t, i);
	for (uint32_t i = from; i < smaller(to, t->esp_pool.high); i++)
		if ((t->esp_sas[i].flags & esp_sa) == esp_sa)
			snapshot_esp_sa(t, i);
}

void tracker_flush(struct tracker *t)
{
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
