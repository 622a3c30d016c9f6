/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/ended_captures.h"

#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>

static char *copy(const char *text)
{
	char *own = text ? strdup(text) : NULL;

	if (text)
		memory_or_end(own);
	return own;
}

static void forget(struct ended_capture *c)
{
	free((char *)(uintptr_t)c->base.name);
	free((char *)(uintptr_t)c->base.fingerprint);
	free(c->left_out);
}

static bool may_change(const struct ended_capture *c)
{
	return c->changed || c->counts.tracker.quiet_tunnels > 0;
}

static void note_whole(struct ended_captures *e, uint32_t id)
{
	if (e->n_whole == e->whole_room) {
		e->whole_room = e->whole_room ? 2 * e->whole_room : 64;
		e->whole = realloc(e->whole, e->whole_room * sizeof(e->whole[0]));
		memory_or_end(e->whole);
	}
	e->whole[e->n_whole++] = id;
}

void ended_captures_add(struct ended_captures *e, const struct record_capture *base,
			uint16_t link_type, const char *left_out,
			const struct capture_counts *counts)
{
	if (e->n > 0 && !may_change(&e->list[e->n - 1]))
		forget(&e->list[--e->n]);
	if (e->n == e->room) {
		e->room = e->room ? 2 * e->room : 4;
		e->list = realloc(e->list, e->room * sizeof(e->list[0]));
		memory_or_end(e->list);
	}

	struct ended_capture *c = &e->list[e->n++];

	*c = (struct ended_capture){ .base = *base, .left_out = copy(left_out),
				     .link_type = link_type, .counts = *counts };
	c->base.name = copy(base->name);
	c->base.fingerprint = copy(base->fingerprint);
	if (!left_out)
		note_whole(e, base->id);
}

void ended_captures_tunnel_told(struct ended_captures *e, object_id tunnel)
{
	size_t i = e->n;

	/* most are of the latest */
	while (i > 0 && e->list[i - 1].base.id != (uint32_t)(tunnel >> 32))
		i--;
	if (i == 0 || e->list[i - 1].counts.tracker.quiet_tunnels == 0)
		return;
	e->list[i - 1].counts.tracker.quiet_tunnels--;
	e->list[i - 1].changed = true;
}

void ended_captures_alerts_left_out(struct ended_captures *e, uint64_t n)
{
	if (e->n == 0 || n == 0)
		return;
	e->list[e->n - 1].counts.alerts_left_out += n;
	e->list[e->n - 1].changed = true;
}

void ended_captures_done(struct ended_captures *e)
{
	for (size_t i = 0; i < e->n; i++)
		forget(&e->list[i]);
	free(e->list);
	free(e->whole);
}
