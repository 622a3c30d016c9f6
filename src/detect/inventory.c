/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/inventory.h"

#include <stdlib.h>

static void plan(struct inventory *v)
{
	v->due = INT64_MAX;
	for (size_t i = 0; v->begun && i < v->n; i++) {
		nsec due = v->entries[i].stand_in.state_since + v->settings[i].tunnel_down_hold;

		if (!inventory_unseen(v, i) || v->entries[i].missed || v->entries[i].elsewhere ||
		    due >= v->due)
			continue;
		v->due = due;
		v->next = i;
	}
}

bool inventory_init(struct inventory *v, const struct expected *x, const struct settings *general,
		    uint32_t first_slot)
{
	*v = (struct inventory){
		.expected = x, .n = x->n, .first_slot = first_slot, .due = INT64_MAX
	};
	v->settings = calloc(x->n + 1, sizeof(*v->settings));
	v->entries = calloc(x->n + 1, sizeof(*v->entries));
	if (!v->settings || !v->entries)
		return false;
	inventory_settle(v, general);
	for (size_t i = 0; i < x->n; i++) {
		v->entries[i].slot = first_slot + (uint32_t)i;
		v->entries[i].since = NSEC_NONE;
		v->entries[i].stand_in =
			tunnel_unseen(x->tunnel[i].peers[0], x->tunnel[i].peers[1]);
	}
	return true;
}

void inventory_settle(struct inventory *v, const struct settings *general)
{
	for (size_t i = 0; i < v->n; i++)
		expected_settings(&v->expected->tunnel[i], general, &v->settings[i]);
	plan(v);
}

void inventory_follow(struct inventory *v, const struct inventory *old, nsec now)
{
	v->begun = old->begun;
	v->former = old->former + (uint32_t)old->n;
	for (size_t i = 0; i < v->n; i++)
		v->entries[i].since = v->entries[i].stand_in.state_since = now;
}

void inventory_done(struct inventory *v)
{
	free(v->settings);
	free(v->entries);
	*v = (struct inventory){ .due = INT64_MAX };
}

size_t inventory_find(const struct inventory *v, const struct tunnel *tunnel)
{
	return v->n > 0 ? expected_find(v->expected, tunnel->peer) : 0;
}

bool inventory_unseen(const struct inventory *v, size_t place)
{
	return v->entries[place].slot == v->first_slot + place;
}

void inventory_move(struct inventory *v, size_t place, uint32_t slot, nsec now)
{
	struct inventory_entry *e = &v->entries[place];

	e->slot = slot;
	if (inventory_unseen(v, place)) {
		e->missed = false;
		e->stand_in.state_since = now;
	}
	plan(v);
}

void inventory_wait_from(struct inventory *v, nsec at)
{
	v->begun = true;
	for (size_t i = 0; i < v->n; i++)
		if (!v->entries[i].missed)
			v->entries[i].stand_in.state_since = at;
	plan(v);
}

void inventory_elsewhere(struct inventory *v, size_t place)
{
	v->entries[place].elsewhere = true;
	plan(v);
}

void inventory_missed(struct inventory *v, size_t place, uint32_t capture)
{
	struct inventory_entry *e = &v->entries[place];

	e->missed = true;
	/* the tracker numbers its tunnels from 1 up, these come from the other end */
	if (e->stand_in.id == 0)
		e->stand_in.id = object_id_of(capture, UINT32_MAX - v->former - (uint32_t)place);
	plan(v);
}

void inventory_miss(struct inventory *v, uint32_t capture)
{
	inventory_missed(v, v->next, capture);
}
