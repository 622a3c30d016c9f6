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

static bool grow(struct tunnel_rows *t)
{
	struct tunnel_rows larger = { .size = t->size ? 2 * t->size : 64, .used = t->used };

	larger.slots = calloc(larger.size, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < t->size; i++)
		if (t->slots[i].object != 0)
			larger.slots[slot_of(&larger, t->slots[i].object)] = t->slots[i];
	free(t->slots);
	*t = larger;
	return true;
}

struct tunnel_row *tunnel_rows_see(struct tunnel_rows *t, object_id object)
{
	if (2 * t->used >= t->size && !grow(t))
		return NULL;

	struct tunnel_row *entry = &t->slots[slot_of(t, object)];

	if (entry->object == 0) {
		*entry = (struct tunnel_row){ .object = object, .assumed = true };
		t->used++;
	}
	return entry;
}

bool tunnel_rows_shared(const struct tunnel_rows *t, const struct tunnel_row *entry)
{
	for (size_t i = 0; i < t->size; i++)
		if (t->slots[i].row == entry->row && t->slots[i].object != 0 && &t->slots[i] != entry)
			return true;
	return false;
}

void tunnel_rows_settle(struct tunnel_rows *t, bool committed)
{
	for (size_t i = 0; i < t->size; i++) {
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
