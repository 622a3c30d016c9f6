/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the detectors know, across a restart: the alerts of a tunnel in a form
 * that another version understands, and behind them the states, which only the
 * same version does, and of which it takes only what it could have made.
 */
#include "detect/slots.h"

#include <string.h>

#include "stamps.h"

const char *detect_stamp(void)
{
	return DETECT_STAMP;
}

/* ---- writing -------------------------------------------------------------- */

static void pack_states(const struct detect *d, uint32_t slot, struct packer *p)
{
	uint32_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += detectors[i]->scope != SCOPE_CAPTURE && !states_fresh(d->states, slot, i);
	pack_u32(p, n);
	for (size_t i = 0; i < d->n; i++) {
		if (detectors[i]->scope == SCOPE_CAPTURE || states_fresh(d->states, slot, i))
			continue;
		pack_text(p, detectors[i]->code);
		states_open(d->states, slot, i);
		pack_image(p, states_values(d->states, detectors[i]), detectors[i]->state_size);
		states_close(d->states);
	}
	pack_u64(p, d->slots[slot].awake);
}

static size_t save_slot(struct detect *d, uint32_t slot, void *room, size_t size)
{
	struct packer p = { .at = room, .room = size };

	pack_u32(&p, d->slots[slot].n_alerts);
	alerts_pack(d->alerts, d->slots[slot].alerts, &p);
	if (slot != d->capture_slot)
		pack_states(d, slot, &p);
	if (p.used <= size)
		d->slots[slot].unsaved = false;
	return p.used;
}

size_t detect_save(struct detect *d, uint32_t tunnel, void *room, size_t size)
{
	return save_slot(d, tunnel == NO_INDEX ? d->capture_slot : tunnel, room, size);
}

bool detect_unsaved(const struct detect *d, uint32_t tunnel)
{
	return d->slots[tunnel == NO_INDEX ? d->capture_slot : tunnel].unsaved;
}

bool detect_knows_alert(const struct detect *d, object_id id)
{
	return alerts_know(d->alerts, id);
}

size_t detect_expected(const struct detect *d)
{
	return d->inventory.n;
}

const struct tunnel *detect_missed(const struct detect *d, size_t place)
{
	return place < d->inventory.n && d->inventory.entries[place].missed &&
			       inventory_unseen(&d->inventory, place)
		       ? &d->inventory.entries[place].stand_in
		       : NULL;
}

bool detect_expected_known(const struct detect *d, size_t place)
{
	const struct inventory_entry *e = &d->inventory.entries[place];

	return e->missed || e->elsewhere || !inventory_unseen(&d->inventory, place);
}

void detect_expected_elsewhere(struct detect *d, size_t place)
{
	inventory_elsewhere(&d->inventory, place);
}

size_t detect_save_missed(struct detect *d, size_t place, void *room, size_t size)
{
	return save_slot(d, d->inventory.entries[place].slot, room, size);
}

/* ---- reading -------------------------------------------------------------- */

static size_t detector_named(const struct detect *d, struct bytes code)
{
	size_t i = 0;

	while (i < d->n && (strlen(detectors[i]->code) != code.length ||
			    memcmp(detectors[i]->code, code.data, code.length) != 0))
		i++;
	return i;
}

/* One that this program could not have made is not taken: its detector begins anew. */
static void unpack_states(struct detect *d, uint32_t slot, struct reader *r)
{
	struct bytes code;
	uint64_t of_tunnels = 0;

	for (uint32_t n = reader_u32(r); reader_ok(r) && n > 0; n--) {
		size_t i = unpack_text(r, &code) ? detector_named(d, code) : d->n;

		if (i == d->n || detectors[i]->scope == SCOPE_CAPTURE)
			return;

		void *state = states_open(d->states, slot, i);

		unpack_image(r, state, detectors[i]->state_size);
		if (!reader_ok(r) || !fields_sane(detectors[i]->fields, state))
			states_renew(d->states);
		states_close(d->states);
	}
	for (size_t i = 0; i < d->n; i++)
		of_tunnels |= detectors[i]->scope != SCOPE_CAPTURE ? UINT64_C(1) << i : 0;
	d->slots[slot].awake |= reader_u64(r) & of_tunnels;
}

/* An open alert has somebody to close it. */
static void wake(struct detect *d, uint32_t slot)
{
	for (const struct alert *a = alerts_get(d->alerts, d->slots[slot].alerts); a;
	     a = alerts_get(d->alerts, a->next))
		for (size_t i = 0; i < d->n; i++)
			if (detectors[i] == a->detector)
				d->slots[slot].awake |= UINT64_C(1) << i;
}

static bool restore_slot(struct detect *d, uint32_t slot, const struct tunnel *tunnel,
			 struct bytes image, nsec shift, bool states)
{
	struct reader r = reader_over(image.data, image.length, image.length);
	uint32_t n_alerts = reader_u32(&r);
	bool ok = alerts_unpack(d->alerts, &d->slots[slot].alerts, tunnel,
				d->slots[slot].place != 0, shift, &r);

	if (ok)
		d->slots[slot].n_alerts = n_alerts;
	if (ok && states && slot != d->capture_slot)
		unpack_states(d, slot, &r);
	wake(d, slot);
	return ok;
}

bool detect_restore(struct detect *d, const struct tracker *t, uint32_t index, struct bytes image,
		    nsec shift, bool states)
{
	const struct tunnel *tunnel = tracker_tunnel(t, index);

	if (index == NO_INDEX)
		return restore_slot(d, d->capture_slot, NULL, image, shift, false);
	if (!tunnel)
		return false;
	detect_slot(d, index, tunnel, tunnel->last);
	return restore_slot(d, index, tunnel, image, shift, states);
}

bool detect_restore_missed(struct detect *d, uint32_t capture, const struct endpoint peers[2],
			   struct bytes image, nsec shift, bool states)
{
	const struct tunnel wanted = { .peer = { peers[0], peers[1] } };
	size_t place = inventory_find(&d->inventory, &wanted);

	if (place >= d->inventory.n || !inventory_unseen(&d->inventory, place) ||
	    d->inventory.entries[place].missed)
		return false;
	inventory_missed(&d->inventory, place, capture);
	return restore_slot(d, d->inventory.entries[place].slot,
			    &d->inventory.entries[place].stand_in, image, shift, states);
}
