/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Corrections of what was inferred about child SAs, when later packets refute it: two child SAs
 * have each other's ESP SA, or SPIs were given to a child SA that came too early for them.
 */
#include "track/tracker.h"

enum {
	ECHOES_FROM = 20,	/* packets of an SA, before their numbers are compared */
	PAIRS_COMPARED = 256,	/* in one call */
};

/* The SA whose direction `d` fell silent last before `c` began there; NO_INDEX: none. */
static uint32_t stopped_for(const struct tracker *t, const struct child_sa *c, int d)
{
	nsec first = t->esp_sas[c->esp[d]].first, best_pause = 0;
	uint32_t best = NO_INDEX;

	for (uint32_t i = t->tunnels[c->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *old = &t->child_sas[i];

		if (old == c || old->more->successor != NO_INDEX ||
		    old->created > child_sa_requested(c) || old->end_reason != END_NONE ||
		    old->esp[d] == NO_INDEX || t->esp_sas[old->esp[d]].last > first)
			continue;
		nsec pause = first - t->esp_sas[old->esp[d]].last;

		if (best == NO_INDEX || pause < best_pause) {
			best = i;
			best_pause = pause;
		}
	}
	return best;
}

/* Does `old` carry packets in direction `d` well after `c` began there? */
static bool speaks_on(const struct tracker *t, const struct child_sa *old, int d,
		      const struct child_sa *c)
{
	return old->esp[d] != NO_INDEX &&
	       t->esp_sas[old->esp[d]].last >
		       t->esp_sas[c->esp[d]].first + t->settings->chain_before;
}

/* `a` and `b` exchange their ESP SAs of direction 1. */
static void swap_partners(struct tracker *t, uint32_t a, uint32_t b, nsec at)
{
	struct child_sa *pair[2] = { &t->child_sas[a], &t->child_sas[b] };
	struct child_sa old = *pair[0];

	pair[0]->esp[1] = pair[1]->esp[1], pair[1]->esp[1] = old.esp[1];
	pair[0]->esp_id[1] = pair[1]->esp_id[1], pair[1]->esp_id[1] = old.esp_id[1];
	pair[0]->spi[1] = pair[1]->spi[1], pair[1]->spi[1] = old.spi[1];
	for (int n = 0; n < 2; n++) {
		t->esp_sas[pair[n]->esp[1]].child = n == 0 ? a : b;
		pair[n]->flags |= CHILD_SA_DIRTY;
		child_emit(t, EVENT_CHILD_SA_REVISED, n == 0 ? a : b, at, SIDE_UNKNOWN, NO_INDEX);
	}
}

/*
 * The order of first packets can be wrong.  A rekey shows it: the two SPIs that stop for the same
 * new pair belong together, and their supposed partners go on.
 */
void chain_repair_pairs(struct tracker *t, const struct child_sa *c)
{
	if (c->esp[0] == NO_INDEX || c->esp[1] == NO_INDEX)
		return;
	uint32_t a = stopped_for(t, c, 0), b = stopped_for(t, c, 1);

	if (a == NO_INDEX || b == NO_INDEX || a == b)
		return;
	const struct child_sa *pair[2] = { &t->child_sas[a], &t->child_sas[b] };

	if (!((pair[0]->flags | pair[1]->flags) & CHILD_SA_PAIRED_BY_ORDER) ||
	    !speaks_on(t, pair[0], 1, c) || !speaks_on(t, pair[1], 0, c))
		return;
	swap_partners(t, a, b, c->created);
}

/*
 * Is there a packet of `y` in direction 1 for each packet of `x` in direction 0, as with pings?
 * -1: too few packets to say, 0: no, by far, 1: about, 2: yes.
 */
static int echoes(const struct tracker *t, const struct child_sa *x, const struct child_sa *y)
{
	uint64_t a = t->esp_sas[x->esp[0]].packets, b = t->esp_sas[y->esp[1]].packets,
		 more = a > b ? a : b;
	uint64_t apart = a > b ? a - b : b - a;

	return more < ECHOES_FROM               ? -1
	       : apart * 5 > more               ? 0
	       : apart > 1 && apart * 50 > more ? 1
						: 2;
}

/* Yes, and of the same mean size. */
static bool twins(const struct tracker *t, const struct child_sa *x, const struct child_sa *y)
{
	const struct esp_sa *a = &t->esp_sas[x->esp[0]], *b = &t->esp_sas[y->esp[1]];

	return echoes(t, x, y) == 2 && chain_size_misfit(a, b) * 50 <= 10 * NSEC_PER_S;
}

/*
 * The packets of neither pair match, but they do when partners are exchanged: those of one new pair
 * in number, or those of both in number and size.
 */
static bool have_each_others(const struct tracker *t, const struct child_sa *x,
			     const struct child_sa *y)
{
	int mine = echoes(t, x, x), yours = echoes(t, y, y);

	if (mine < 0 || yours < 0 || mine == 2 || yours == 2)
		return false;
	return (mine == 0 && yours == 0 && (echoes(t, x, y) == 2 || echoes(t, y, x) == 2)) ||
	       (twins(t, x, y) && twins(t, y, x));
}

/* A complete pair that lives, replaced nothing, and was not replaced. */
static bool is_first_pair(const struct child_sa *c)
{
	return c->more->successor == NO_INDEX && c->more->predecessor == NO_INDEX &&
	       c->end_reason == END_NONE && c->esp[0] != NO_INDEX && c->esp[1] != NO_INDEX;
}

void chain_repair_echoes(struct tracker *t, uint32_t tunnel, nsec now)
{
	unsigned looked = 0;

	for (uint32_t a = t->tunnels[tunnel].child_sas; a != NO_INDEX;
	     a = t->child_sas[a].next_in_tunnel) {
		const struct child_sa *x = &t->child_sas[a];

		for (uint32_t b = x->next_in_tunnel;
		     b != NO_INDEX && is_first_pair(x) && looked < PAIRS_COMPARED;
		     b = t->child_sas[b].next_in_tunnel, looked++) {
			const struct child_sa *y = &t->child_sas[b];

			/* the last of several is not marked: only one SPI was left for it */
			if (is_first_pair(y) && (x->flags | y->flags) & CHILD_SA_PAIRED_BY_ORDER &&
			    x->created - y->created <= t->settings->birth_window &&
			    have_each_others(t, x, y))
				swap_partners(t, a, b, now);
		}
	}
}

/*
 * The child SA without packets at whose creation `old` fell silent in direction `d`, or NO_INDEX.
 */
static uint32_t silent_birth(const struct tracker *t, const struct child_sa *c,
			     const struct child_sa *old, int d)
{
	nsec stopped = t->esp_sas[old->esp[d]].last, begins = t->esp_sas[c->esp[d]].first;
	uint32_t found = NO_INDEX;

	for (uint32_t i = t->tunnels[c->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *b = &t->child_sas[i];

		if (b->created <= c->created)
			break;			/* newest first */
		if (b->how == c->how && b->ike_sa == c->ike_sa && b->spi[0] == 0 &&
		    b->spi[1] == 0 && b->end_reason == END_NONE &&
		    !(b->flags & (CHILD_SA_REDUNDANT | CHILD_SA_COLLIDED)) &&
		    b->created + SWITCHES_WITHIN >= stopped && b->created <= begins)
			found = i;
	}
	return found;
}

bool chain_repair_birth(struct tracker *t, uint32_t child, uint32_t old_index)
{
	struct child_sa *c = &t->child_sas[child];
	const struct child_sa *old = &t->child_sas[old_index];
	int d = c->created_by;

	if (d < 0 || c->esp[d] == NO_INDEX || !chain_goes_on_after(t, old, c))
		return false;

	uint32_t later = silent_birth(t, c, old, d);

	if (later == NO_INDEX)
		return false;

	struct child_sa *b = &t->child_sas[later];

	for (int i = 0; i < 2; i++) {
		b->esp[i] = c->esp[i];
		b->esp_id[i] = c->esp_id[i];
		b->spi[i] = c->spi[i];
		if (b->esp[i] != NO_INDEX)
			t->esp_sas[b->esp[i]].child = later;
		c->esp[i] = NO_INDEX;
		c->esp_id[i] = 0;
		c->spi[i] = 0;
	}
	b->state = c->state;
	c->state = CHILD_CREATED;
	b->flags |= CHILD_SA_DIRTY;
	c->flags |= CHILD_SA_DIRTY;
	child_reveal(t, later);
	child_emit(t, EVENT_CHILD_SA_REVISED, child, c->created, SIDE_UNKNOWN, NO_INDEX);
	child_emit(t, EVENT_CHILD_SA_REVISED, later, b->created, SIDE_UNKNOWN, NO_INDEX);
	return true;
}
