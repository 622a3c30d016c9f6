/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inventory is another one while the capture goes on.  A tunnel is the same one when its peers
 * are: what is known of it, and its alerts, go with it, whatever it is called now.
 */
#include <sawatch/detect.h>

#include "detect/slots.h"

static size_t place_of(const struct inventory *v, const struct endpoint peers[2])
{
	size_t i = 0;

	while (i < v->n && !(endpoint_equal(v->entries[i].stand_in.peer[0], peers[0]) &&
			     endpoint_equal(v->entries[i].stand_in.peer[1], peers[1])))
		i++;
	return i;
}

/* Nobody expects it any more: what says that it is missing is over. */
static void give_up(struct detect *d, uint32_t slot, nsec now)
{
	struct slot *s = &d->slots[slot];

	alerts_end_expected(d->alerts, s->alerts, now);
	alerts_tell_urgent(d->alerts, s->alerts);
	states_forget_some(d->states, slot, d->of_expected);
	s->awake &= ~d->of_expected;
	s->unsaved = true;
	if (slot >= d->n_tunnels)
		alerts_forget(d->alerts, &s->alerts);
}

/*
 * It stays where it lives, or goes from the slot that one inventory had for it to that of the
 * other.
 */
static void keep(struct detect *d, const struct tracker *t, const struct inventory *old, size_t was,
		 size_t place, nsec now)
{
	struct inventory_entry *e = &d->inventory.entries[place];
	uint32_t own = e->slot, from = old->entries[was].slot;
	const struct tunnel *tunnel = detect_tenant(d, t, from);

	*e = old->entries[was];
	e->slot = own;
	if (tunnel && inventory_find(&d->inventory, tunnel) == place) {
		e->slot = from;
		d->slots[from].place = (uint32_t)place + 1;
		return;
	}
	states_move(d->states, from, own, d->of_expected);
	alerts_move(d->alerts, &d->slots[from].alerts, &d->slots[own].alerts, &e->stand_in);
	if (!inventory_unseen(old, was))	/* it was seen, and its room was needed */
		inventory_move(&d->inventory, place, own, now);
}

/* Whoever is seen already is in the place that its peers have now. */
static void find_places(struct detect *d, const struct tracker *t, nsec now)
{
	for (uint32_t i = 0; i < d->n_tunnels; i++) {
		const struct tunnel *tunnel = d->slots[i].tunnel ? detect_tenant(d, t, i) : NULL;
		size_t place = tunnel ? inventory_find(&d->inventory, tunnel) : d->inventory.n;

		if (place >= d->inventory.n || d->slots[i].place == place + 1)
			continue;
		d->slots[i].place = (uint32_t)place + 1;
		if (inventory_unseen(&d->inventory, place))
			detect_move_expected(d, place, i, tunnel, now);
	}
}

bool detect_expect_again(struct detect *d, const struct tracker *t, const struct expected *expected)
{
	struct inventory old = d->inventory, new;
	uint32_t bank =
		old.first_slot == d->n_tunnels ? d->n_tunnels + d->inventory_room : d->n_tunnels;
	nsec now = tracker_now(t);

	if (expected->n > d->inventory_room || !inventory_init(&new, expected, d->settings, bank))
		return false;
	inventory_follow(&new, &old, now);
	d->inventory = new;
	for (uint32_t i = 0; i < d->capture_slot; i++)
		d->slots[i].place = i >= bank && i - bank < new.n ? i - bank + 1 : 0;
	for (size_t was = 0; was < old.n; was++) {
		size_t place = place_of(&d->inventory, old.entries[was].stand_in.peer);

		if (place < d->inventory.n)
			keep(d, t, &old, was, place, now);
		else
			give_up(d, old.entries[was].slot, now);
	}
	find_places(d, t, now);
	inventory_settle(&d->inventory, d->settings);
	inventory_done(&old);
	return true;
}
