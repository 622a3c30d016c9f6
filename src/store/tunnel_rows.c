/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/tunnel_rows.h"

#include <stdlib.h>

/* Ids are dense numbers that the program gives, not a stranger: multiplying spreads them enough. */
static size_t slot_of(const struct tunnel_rows *t, object_id object)
{
	size_t i = (size_t)((object * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (t->size - 1);

	while (t->slots[i].object != 0 && t->slots[i].object != object)
		i = (i + 1) & (t->size - 1);
	return i;
}

static bool can_be_found_again(const struct tunnel_row *entry)
{
	return entry->network == 0 && !entry->pending;
}

/*
 * The same entries, without those that can be found again when there are many, in a table of that
 * size.
 */
static bool rebuild(struct tunnel_rows *t, size_t size)
{
	struct tunnel_rows other = *t;
	bool forget = t->used >= TUNNEL_ROWS_MANY;

	other.size = size;
	other.used = 0;
	other.slots = calloc(size, sizeof(*other.slots));
	if (!other.slots)
		return false;
	for (size_t i = 0; i < t->size; i++) {
		if (t->slots[i].object == 0)
			continue;
		if (forget && can_be_found_again(&t->slots[i])) {
			other.some_forgotten = true;
			continue;
		}
		other.slots[slot_of(&other, t->slots[i].object)] = t->slots[i];
		other.used++;
	}
	free(t->slots);
	*t = other;
	return true;
}

static bool make_room(struct tunnel_rows *t)
{
	if (t->used < TUNNEL_ROWS_MANY)
		return rebuild(t, t->size ? 2 * t->size : 64);
	/* what stays is not to fill it again at once */
	return rebuild(t, t->size) && (4 * t->used < t->size || rebuild(t, 2 * t->size));
}

struct tunnel_row *tunnel_rows_see(struct tunnel_rows *t, object_id object)
{
	if (2 * t->used >= t->size && !make_room(t))
		return NULL;

	struct tunnel_row *entry = &t->slots[slot_of(t, object)];

	if (entry->object == 0) {
		*entry = (struct tunnel_row){ .object = object, .assumed = true };
		t->used++;
	}
	return entry;
}

void tunnel_rows_found(struct tunnel_rows *t, struct tunnel_row *entry, int64_t row)
{
	entry->row = row;
	entry->pending = t->some_pending = true;
}

bool tunnel_rows_shared(const struct tunnel_rows *t, const struct tunnel_row *entry)
{
	if (t->some_forgotten)
		return true;
	for (size_t i = 0; i < t->size; i++)
		if (t->slots[i].row == entry->row && t->slots[i].object != 0 &&
		    &t->slots[i] != entry)
			return true;
	return false;
}

void tunnel_rows_settle(struct tunnel_rows *t, bool committed)
{
	bool some = t->some_pending;

	t->some_pending = false;
	for (size_t i = 0; some && i < t->size; i++) {
		if (t->slots[i].pending && !committed)
			t->slots[i].row = 0;
		t->slots[i].pending = false;
	}
}

void tunnel_rows_forget(struct tunnel_rows *t, int64_t row)
{
	for (size_t i = 0; i < t->size; i++)
		if (t->slots[i].row == row)
			t->slots[i].row = 0;
}

void tunnel_rows_done(struct tunnel_rows *t)
{
	free(t->slots);
	*t = (struct tunnel_rows){ 0 };
}
