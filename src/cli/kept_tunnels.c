/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/kept_tunnels.h"

#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>

void kept_tunnels_add(struct kept_tunnels *k, const struct record_tunnel *r)
{
	if (k->n == k->room) {
		k->room = k->room ? 2 * k->room : 64;
		k->list = realloc(k->list, k->room * sizeof(k->list[0]));
		memory_or_end(k->list);
	}

	struct kept_tunnel *t = &k->list[k->n++];

	t->record = *r;
	t->sentences = calloc(r->n_unobservable + 1, sizeof(t->sentences[0]));
	memory_or_end(t->sentences);
	for (size_t i = 0; i < r->n_unobservable; i++) {
		t->sentences[i] = strdup(r->unobservable[i]);
		memory_or_end(t->sentences[i]);
	}
	t->record.unobservable = (const char *const *)t->sentences;
}

void kept_tunnels_done(struct kept_tunnels *k)
{
	for (size_t i = 0; i < k->n; i++) {
		for (char **s = k->list[i].sentences; *s; s++)
			free(*s);
		free(k->list[i].sentences);
	}
	free(k->list);
}
