/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An IKE SA that replaces another: a new SPI pair that begins with message ID 0 and had no
 * IKE_SA_INIT (RFC 7296 2.8); and two at once, of which one is redundant (2.8.2).
 */
#include "track/tracker.h"

#include <sawatch/ike_registry.h>

/* Did both sides ask for a rekey before the other's request was answered (RFC 7296 2.8.2)? */
bool ike_sa_rekeys_crossed(const struct ike_sa *sa)
{
	const struct ike_rekey *a = &sa->rekey[0], *b = &sa->rekey[1];
	nsec a_began = a->requested != NSEC_NONE ? a->requested : a->at;
	nsec b_began = b->requested != NSEC_NONE ? b->requested : b->at;

	return a->at != NSEC_NONE && b->at != NSEC_NONE && a_began <= b->at && b_began <= a->at;
}

void ike_sa_collided(struct tracker *t, uint32_t old, uint32_t successor, nsec at)
{
	struct ike_sa *sa = &t->ike_sas[old];

	if (sa->flags & IKE_SA_COLLISION_TOLD)
		return;
	sa->flags |= IKE_SA_COLLISION_TOLD;
	ike_sa_emit(t, EVENT_REKEY_COLLISION, old, at, SIDE_UNKNOWN, successor);
}

void ike_sa_discard_rekey(struct tracker *t, struct ike_rekey *r)
{
	if (r->child != NO_INDEX)
		child_discard(t, r->child);
	r->child = NO_INDEX;
}

/* The IKE SA that was renewed and of which this one may have come; NO_INDEX when there is none. */
static uint32_t renewed(const struct tracker *t, uint32_t ike_sa, uint32_t message_id)
{
	const struct ike_sa *sa = &t->ike_sas[ike_sa];

	for (uint32_t i = t->tunnels[sa->tunnel].ike_sas; i != NO_INDEX;
	     i = t->ike_sas[i].next_in_tunnel) {
		const struct ike_sa *old = &t->ike_sas[i];
		/* then either side's may come first */
		bool crossed = ike_sa_rekeys_crossed(old);

		if (i == ike_sa || old->major != sa->major || old->rekey_by == SIDE_UNKNOWN ||
		    (!crossed &&
		     (old->successor != NO_INDEX || old->rekey_by != sa->initiator_side)))
			continue;
		if (message_id <= 1 || old->flags & IKE_SA_REKEYED_AWAY)
			return i;
	}
	return NO_INDEX;
}

/* The exchange of `old` that this was is known by what came of it. */
static void name_rekey(struct tracker *t, struct ike_sa *old, const struct ike_rekey *rekey)
{
	for (int slot = 0; slot < 2; slot++) {
		struct exchange *both[2] = { old->current[slot], old->previous[slot] };

		for (int n = 0; n < 2; n++)
			if (both[n]->id != 0 && both[n]->request_at == rekey->requested &&
			    both[n]->type == IKE2_EXCHANGE_CREATE_CHILD_SA) {
				both[n]->purpose = PURPOSE_REKEY_IKE;
				both[n]->grade = GRADE_DERIVED;
				exchange_write(t, both[n]);
			}
	}
}

void ike_sa_rekeyed_from(struct tracker *t, uint32_t ike_sa, uint32_t message_id)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	uint32_t parent = renewed(t, ike_sa, message_id);

	if (parent == NO_INDEX) {
		sa->origin = ORIGIN_MIDSTREAM;
		sa->grade = GRADE_DERIVED;
		return;
	}
	struct ike_sa *old = &t->ike_sas[parent];
	/* who asked for it owns its initiator's SPI */
	struct ike_rekey *rekey = &old->rekey[sa->initiator_side];

	t->tunnels[sa->tunnel].flags |= TUNNEL_ESTABLISHED;
	sa->origin = ORIGIN_REKEY;
	sa->grade = old->flags & IKE_SA_REKEYED_AWAY ? GRADE_DERIVED : GRADE_INFERRED;
	sa->parent = old->id;
	sa->parent_spi_i = old->spi_i;
	sa->parent_spi_r = old->spi_r;
	sa->created = sa->established = rekey->at;
	/* the new suite is encrypted: most likely the same */
	sa->error_bytes_max = old->error_bytes_max;
	sa->nat[0] = old->initiator_side == sa->initiator_side ? old->nat[0] : old->nat[1];
	sa->nat[1] = old->initiator_side == sa->initiator_side ? old->nat[1] : old->nat[0];
	ike_sa_discard_rekey(t, rekey);
	name_rekey(t, old, rekey);
	/* the second of two that crossed: the first holds the child SAs */
	if (old->successor != NO_INDEX) {
		ike_sa_collided(t, parent, ike_sa, t->now);
		return;
	}
	old->successor = ike_sa;
	sa->predecessor = parent;
	if (old->state < IKE_REKEYED)
		old->state = IKE_REKEYED;
	old->flags |= IKE_SA_DIRTY;
	child_inherit(t, parent, ike_sa);
	if (old->end_reason == END_DELETED || old->end_reason == END_SUPERSEDED) {
		old->end_reason = END_REKEYED;
		snapshot_ike_sa(t, parent);
	}
	if (old->end_reason == END_REKEYED && old->grade == GRADE_INFERRED)
		old->grade = GRADE_DERIVED;	/* its successor was seen */
	struct event ev = event_of(t, EVENT_IKE_SA_REKEYED, sa->created, sa->tunnel);

	ev.ike_sa = ike_sa;
	ev.other = parent;
	ev.side = sa->initiator_side;
	/* The request for the successor may not have been captured. */
	ev.value[0] = old->origin == ORIGIN_MIDSTREAM || rekey->requested == NSEC_NONE ? -1 :
		      rekey->requested - old->created;
	event_emit(t, &ev);
}
