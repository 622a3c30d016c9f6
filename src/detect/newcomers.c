/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/newcomers.h"

#include <assert.h>

#include <sawatch/ike_registry.h>

enum { KNOWN_S = 60 };	/* a tunnel seen this long before is no stranger's */

uint32_t newcomers_kept(const struct newcomers *n)
{
	return n->total < NEWCOMERS_MAX ? n->total : NEWCOMERS_MAX;
}

static struct newcomer *slot(struct newcomers *n, uint32_t i)
{
	assert(i < newcomers_kept(n));
	return &n->at[(n->total - 1 - i) % NEWCOMERS_MAX];
}

const struct newcomer *newcomers_get(const struct newcomers *n, uint32_t i)
{
	return slot((struct newcomers *)n, i);
}

/* Was this peer seen at work: an authenticated IKE SA, or ESP, before now? */
static bool is_known(const struct scene *sc, const struct tunnel *t, const struct ike_sa *sa)
{
	uint32_t index = t->ike_sas;

	if (t->first < sa->created - KNOWN_S * NSEC_PER_S &&
	    (t->n_esp_sas > 0 || t->n_child_sas > 0))
		return true;
	for (int looked = 0; looked < 16; looked++) {
		const struct ike_sa *before = tracker_ike_sa(sc->tracker, index);

		if (!before)
			break;
		if (before != sa && before->established != NSEC_NONE)
			return true;
		index = before->next_in_tunnel;
	}
	return false;
}

static struct newcomer *find(struct newcomers *n, uint32_t index, object_id ike_sa)
{
	uint32_t number = n->latest[index % NEWCOMERS_MAX];

	while (number != 0 && n->total - number < NEWCOMERS_MAX) {
		struct newcomer *c = &n->at[(number - 1) % NEWCOMERS_MAX];

		if (c->ike_sa == ike_sa)
			return c;
		number = c->before;
	}
	return NULL;
}

void newcomers_observe(struct newcomers *n, const struct scene *sc, const struct event *ev)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);
	const struct tunnel *t = tracker_tunnel(sc->tracker, ev->tunnel);

	if (!sa || !t)
		return;
	if (ev->kind == EVENT_IKE_SA_CREATED) {
		if (sa->origin == ORIGIN_REKEY || !sa->init_seen)
			return;
		uint32_t *latest = &n->latest[ev->ike_sa % NEWCOMERS_MAX];

		n->at[n->total++ % NEWCOMERS_MAX] = (struct newcomer){
			.at = ev->at, .ike_sa = sa->id, .index = ev->ike_sa, .before = *latest,
			.from = sa->initiator, .to = sa->responder,
			.frame = ev->frame <= UINT32_MAX ? (uint32_t)ev->frame : 0,
			.known = is_known(sc, t, sa),
		};
		*latest = n->total;
		return;
	}

	struct newcomer *c = find(n, ev->ike_sa, sa->id);

	if (c) {
		c->done |= ev->kind == EVENT_IKE_SA_ESTABLISHED;
		c->cookie |= ev->kind == EVENT_COOKIE;
	}
}

/*
 * It logs in, which it can only when it was answered: the answer was not captured, and no more will
 * be.
 */
static bool goes_on_unseen(const struct ike_sa *sa)
{
	const struct exchange *first = sa->previous[0], *second = sa->current[0];

	return sa->spi_r != 0 && second->major == 2 && second->type == IKE2_EXCHANGE_IKE_AUTH &&
	       second->requests > 0 && second->responses == 0 &&
	       (first->id == 0 ||
		(first->type == IKE2_EXCHANGE_IKE_SA_INIT && first->responses == 0));
}

void newcomers_look(struct newcomers *n, const struct scene *sc)
{
	for (uint32_t i = 0; i < newcomers_kept(n); i++) {
		struct newcomer *c = slot(n, i);
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, c->index);

		if (!sa || sa->id != c->ike_sa)
			continue;	/* pushed out: it had not gone far */
		c->answered |= sa->spi_r != 0;
		c->done |= sa->established != NSEC_NONE || goes_on_unseen(sa);
	}
}
