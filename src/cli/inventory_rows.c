/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/inventory_rows.h"

#include <sawatch/memory.h>

/* On the writer's thread. */
static bool write_rows(struct store *s, void *user, struct err *e)
{
	struct inventory_rows *r = user;
	bool ok = store_expected_clear(s, e);

	for (size_t i = 0; ok && i < r->copy.n; i++)
		ok = store_expected(s, r->copy.tunnel[i].peers, r->copy.tunnel[i].name, e);
	ok = ok && store_commit(s, e);
	atomic_store(&r->failed, !ok);
	atomic_store(&r->under_way, false);
	return ok;
}

void inventory_rows_tick(struct inventory_rows *r, const struct expected *x,
			 struct store_writer *writer)
{
	if (atomic_load(&r->under_way) || !(r->due || atomic_load(&r->failed)))
		return;
	expected_done(&r->copy);
	for (size_t i = 0; i < x->n; i++) {
		struct expected_tunnel *t = expected_add(&r->copy, x->tunnel[i].name);

		memory_or_end(t);
		t->peers[0] = x->tunnel[i].peers[0];
		t->peers[1] = x->tunnel[i].peers[1];
	}
	atomic_store(&r->under_way, true);
	r->due = !store_writer_task(writer, write_rows, r);
	if (r->due)
		atomic_store(&r->under_way, false);
}

void inventory_rows_done(struct inventory_rows *r)
{
	expected_done(&r->copy);
}
