/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of IKE SAs: how one is found by its SPIs, which one makes room for a new one, and their
 * states, named as strongSwan does.  What replaces one: ike_rekey.c.  How they end: ike_end.c.
 */
#include "track/tracker.h"

#include <sawatch/ike_registry.h>

#include <string.h>

enum {
	IN_TUNNEL_MAX = 128, EVICTION_SAMPLE = 16, EVICTION_SEARCH = 256,
	UNKNOWN_SUITE_ERROR_BYTES = 112, WORTH_MOST = 4,
};

static uint64_t hash_of_spis(const struct tracker *t, uint64_t spi_i, uint64_t spi_r)
{
	return hash_2(&t->key, spi_i, spi_r);
}

static uint64_t hash_of_slot(const struct tracker *t, uint32_t i)
{
	return hash_of_spis(t, t->ike_sas[i].spi_i, t->ike_sas[i].spi_r);
}

uint32_t ike_sa_find(struct tracker *t, uint64_t spi_i, uint64_t spi_r)
{
	uint64_t hash = hash_of_spis(t, spi_i, spi_r);

	for (uint32_t at = (uint32_t)hash, i;
	     (i = index_next(&t->ike_index, hash, &at)) != NO_INDEX;)
		if (t->ike_sas[i].spi_i == spi_i && t->ike_sas[i].spi_r == spi_r)
			return i;
	return NO_INDEX;
}

static uint64_t initiator_hash_of_slot(const struct tracker *t, uint32_t i)
{
	return hash_2(&t->key, t->ike_sas[i].spi_i, t->ike_sas[i].tunnel);
}

uint32_t ike_sa_find_half_open(struct tracker *t, uint32_t tunnel, uint64_t spi_i)
{
	uint64_t hash = hash_2(&t->key, spi_i, tunnel);
	uint32_t found = NO_INDEX;

	for (uint32_t at = (uint32_t)hash, i;
	     (i = index_next(&t->initiator_index, hash, &at)) != NO_INDEX;) {
		const struct ike_sa *sa = &t->ike_sas[i];

		if (sa->spi_i == spi_i && sa->tunnel == tunnel &&
		    (found == NO_INDEX || sa->id > t->ike_sas[found].id))
			found = i;
	}
	return found;
}

/*
 * How much it is missed: what never was established, or never had an answer, first; what ended
 * before what lives.
 */
static unsigned worth(const struct tracker *t, const struct ike_sa *sa)
{
	const uint32_t both_ways = TUNNEL_ESP0 | TUNNEL_ESP1;
	bool answered = sa->current[0]->responses + sa->current[1]->responses +
				sa->previous[0]->responses + sa->previous[1]->responses >
			0;
	bool proven = sa->established != NSEC_NONE || (sa->state >= IKE_ESTABLISHED && answered);

	if (sa->end_reason != END_NONE)
		return proven ? 2 : 0;
	return !proven                                                   ? 1
	       : (t->tunnels[sa->tunnel].flags & both_ways) != both_ways ? 3
									 : WORTH_MOST;
}

/*
 * At the old end of a tunnel's list the first that is not both established and living, or the
 * oldest.
 */
static uint32_t oldest(const struct tracker *t, const struct tunnel *w)
{
	for (uint32_t i = w->oldest_ike_sa; i != NO_INDEX; i = t->ike_sas[i].prev_in_tunnel)
		if (worth(t, &t->ike_sas[i]) < 3)
			return i;
	return w->oldest_ike_sa;
}

/* Of a few the one that is missed least. */
static uint32_t quietest(struct tracker *t)
{
	uint32_t best = NO_INDEX;
	unsigned best_worth = 0;

	for (unsigned n = 0;
	     n < EVICTION_SAMPLE || (n < EVICTION_SEARCH && best_worth == WORTH_MOST); n++) {
		uint32_t i = pool_sample(&t->ike_pool);
		const struct ike_sa *sa = &t->ike_sas[i];
		unsigned its_worth = worth(t, sa);

		if (!(sa->flags & IKE_SA_USED))
			continue;
		if (best == NO_INDEX || its_worth < best_worth ||
		    (its_worth == best_worth &&
		     tracker_missed(sa->created, sa->last) <
			     tracker_missed(t->ike_sas[best].created, t->ike_sas[best].last))) {
			best = i;
			best_worth = its_worth;
		}
	}
	return best;
}

static void list_add(struct tracker *t, uint32_t ike_sa)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	struct tunnel *w = &t->tunnels[sa->tunnel];

	sa->next_in_tunnel = w->ike_sas;
	sa->prev_in_tunnel = NO_INDEX;
	*(w->ike_sas != NO_INDEX ? &t->ike_sas[w->ike_sas].prev_in_tunnel : &w->oldest_ike_sa) =
		ike_sa;
	w->ike_sas = ike_sa;
	w->live_ike++;
	w->n_ike_sas++;
	w->flags |= TUNNEL_UNSAVED | TUNNEL_DIRTY;
}

static void list_remove(struct tracker *t, uint32_t ike_sa)
{
	const struct ike_sa *sa = &t->ike_sas[ike_sa];
	struct tunnel *w = &t->tunnels[sa->tunnel];

	*(sa->prev_in_tunnel != NO_INDEX ? &t->ike_sas[sa->prev_in_tunnel].next_in_tunnel
					 : &w->ike_sas) = sa->next_in_tunnel;
	*(sa->next_in_tunnel != NO_INDEX ? &t->ike_sas[sa->next_in_tunnel].prev_in_tunnel
					 : &w->oldest_ike_sa) = sa->prev_in_tunnel;
	w->live_ike--;
	w->flags |= TUNNEL_UNSAVED;
}

void ike_sa_make_room(struct tracker *t, uint32_t i, size_t transforms, size_t offers1)
{
	struct ike_sa *sa = &t->ike_sas[i];

	if (offers1 > 0)
		sa->offers1 = offers1 > 1 ? t->ike_many[i].offers1 : t->ike_few[i].offers1;
	else
		sa->transforms = transforms > FEW_TRANSFORMS ? t->ike_many[i].transforms
							     : t->ike_few[i].transforms;
	sa->vendors = &t->ike_vendors[(size_t)i * TRACK_VENDORS_MAX];
}

void ike_sa_index_add(struct tracker *t, uint32_t i)
{
	index_add(&t->ike_index, hash_of_slot(t, i), i);
	index_add(&t->initiator_index, initiator_hash_of_slot(t, i), i);
}

uint32_t ike_sa_new(struct tracker *t, const struct arrival *a, uint64_t spi_i, uint64_t spi_r,
		    uint8_t major, int8_t initiator_side)
{
	struct tunnel *w = &t->tunnels[a->tunnel];

	if (index_crowded(&t->ike_index, hash_of_spis(t, spi_i, spi_r)) ||
	    index_crowded(&t->initiator_index, hash_2(&t->key, spi_i, a->tunnel)))
		return NO_INDEX;
	bool crowded = w->live_ike >= IN_TUNNEL_MAX;
	uint32_t i = crowded ? NO_INDEX : pool_take(&t->ike_pool);

	if (i == NO_INDEX) {
		uint32_t victim = crowded ? oldest(t, w) : quietest(t);

		if (victim == NO_INDEX)
			return NO_INDEX;
		if (crowded)
			t->counters.crowded_ike_sas++;
		else
			t->counters.evicted_ike_sas++;
		ike_sa_end(t, victim, t->ike_sas[victim].last, END_UNKNOWN, SIDE_UNKNOWN,
			   GRADE_UNKNOWN);
		ike_sa_release(t, victim);
		i = pool_take(&t->ike_pool);
	}
	struct ike_sa *sa = &t->ike_sas[i];
	bool from_initiator = a->side == initiator_side;

	memset(sa, 0, sizeof(*sa));
	ike_sa_make_room(t, i, 0, 0);
	exchange_make_room(t, sa);
	sa->tunnel = a->tunnel;
	sa->spi_i = spi_i;
	sa->spi_r = spi_r;
	sa->major = major;
	sa->initiator_side = initiator_side;
	sa->initiator = from_initiator ? arrival_src(a) : arrival_dst(a);
	sa->responder = from_initiator ? arrival_dst(a) : arrival_src(a);
	sa->state = IKE_CREATED;
	sa->origin = ORIGIN_OBSERVED;
	sa->created = sa->last = a->at;
	sa->established = sa->ended = NSEC_NONE;
	sa->ended_by = SIDE_UNKNOWN;
	sa->grade = GRADE_OBSERVED;
	sa->successor = sa->predecessor = sa->children = sa->auth_child = NO_INDEX;
	sa->first_frame = sa->last_frame = a->frame->number;
	sa->nat[0] = sa->nat[1] = RECORD_UNKNOWN;
	sa->flags = IKE_SA_USED | IKE_SA_DIRTY | IKE_SA_INDEXED;
	sa->due = sa->delete_at = NSEC_NONE;
	for (int side = 0; side < 2; side++)
		sa->rekey[side] = (struct ike_rekey){ .at = NSEC_NONE,
						      .requested = NSEC_NONE,
						      .child = NO_INDEX };
	sa->delete_by = sa->rekey_by = SIDE_UNKNOWN;
	sa->answered_id[0] = sa->answered_id[1] = -1;
	sa->id = tracker_number(t, OBJECT_IKE_SA);
	if (!restraint_admits(t, a->tunnel, false))
		sa->flags |= IKE_SA_QUIET;
	list_add(t, i);
	ike_sa_index_add(t, i);
	return i;
}

void ike_sa_answered(struct tracker *t, uint32_t ike_sa, uint64_t spi_r)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];

	if (sa->spi_r == spi_r)
		return;
	index_remove(&t->ike_index, hash_of_slot(t, ike_sa), ike_sa);
	sa->spi_r = spi_r;
	for (int slot = 0; slot < 2; slot++)
		if (sa->current[slot]->id != 0)
			sa->current[slot]->spi_r = sa->previous[slot]->spi_r = spi_r;
	if (!index_crowded(&t->ike_index, hash_of_slot(t, ike_sa)))
		index_add(&t->ike_index, hash_of_slot(t, ike_sa), ike_sa);
	if (sa->state == IKE_CREATED)
		sa->state = IKE_CONNECTING;
	sa->flags |= IKE_SA_DIRTY;
}

void ike_sa_emit(struct tracker *t, enum event_kind kind, uint32_t ike_sa, nsec at, int side,
		 uint32_t other)
{
	const struct ike_sa *sa = &t->ike_sas[ike_sa];
	struct event ev = event_of(t, kind, at, sa->tunnel);

	ev.ike_sa = ike_sa;
	ev.other = other;
	ev.side = (int8_t)side;
	event_emit(t, &ev);
}

void ike_sa_established(struct tracker *t, uint32_t ike_sa, nsec at)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];

	sa->flags &= ~(uint32_t)IKE_SA_AUTH_TENTATIVE;
	if (sa->flags & IKE_SA_ESTABLISHED_TOLD)
		return;
	sa->flags |= IKE_SA_ESTABLISHED_TOLD | IKE_SA_DIRTY;
	t->tunnels[sa->tunnel].flags |= TUNNEL_ESTABLISHED | TUNNEL_UNSAVED;
	if (sa->established == NSEC_NONE)
		sa->established = at;
	if (sa->state < IKE_ESTABLISHED)
		sa->state = IKE_ESTABLISHED;
	ike_sa_emit(t, EVENT_IKE_SA_ESTABLISHED, ike_sa, sa->established, sa->initiator_side,
		    NO_INDEX);
	restraint_tunnel_up(t, sa->tunnel);
	restraint_confirm_ike_sa(t, ike_sa);
	tunnel_begin_anew(t, ike_sa);
	tunnel_judge(t, sa->tunnel, sa->established);
	tunnel_wake(t, sa->tunnel, t->now + t->settings->judge_every);
}

void ike_sa_revive(struct tracker *t, uint32_t ike_sa)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	struct event ev = event_of(t, EVENT_IKE_SA_REVISED, t->now, sa->tunnel);

	ev.ike_sa = ike_sa;
	ev.side = sa->ended_by;
	ev.value[0] = sa->end_reason;
	ev.value[1] = (sa->end_reason == END_DELETED || sa->end_reason == END_SUPERSEDED) &&
		      sa->delete_wait <= IKE_DELETE_SETTLES_S * NSEC_PER_S;
	child_revive_all(t, ike_sa, sa->ended, sa->end_reason);
	sa->end_reason = END_NONE;
	sa->ended = NSEC_NONE;
	sa->ended_by = SIDE_UNKNOWN;
	sa->state = sa->established != NSEC_NONE || sa->origin == ORIGIN_MIDSTREAM ? IKE_ESTABLISHED
		    : sa->spi_r                                                    ? IKE_CONNECTING
										   : IKE_CREATED;
	sa->flags |= IKE_SA_DIRTY;
	event_emit(t, &ev);
	tunnel_judge(t, sa->tunnel, t->now);
}

/*
 * Something came long after its end: enough against a silence, and against a Delete where only one
 * side is seen.
 */
static bool contradicted(const struct tracker *t, const struct ike_sa *sa, nsec at, int8_t side)
{
	if ((sa->established == NSEC_NONE && sa->origin != ORIGIN_MIDSTREAM) ||
	    at - nsec_later(sa->ended, sa->last) <= t->settings->overlap_budget)
		return false;
	if (sa->end_reason == END_PEER_LOST || sa->end_reason == END_UNKNOWN ||
	    sa->end_reason == END_EXPIRED)
		return true;
	return (sa->end_reason == END_DELETED || sa->end_reason == END_SUPERSEDED) && side >= 0 &&
	       t->tunnels[sa->tunnel].one_sided[1 - side];
}

/*
 * Nobody refused it: given up for want of an answer, by one whose copies are far apart (Cisco IOS:
 * 10 s).
 */
static bool asks_again(const struct ike_sa *sa)
{
	return sa->end_reason == END_FAILED && sa->established == NSEC_NONE &&
	       sa->origin == ORIGIN_OBSERVED && sa->ended_by == SIDE_UNKNOWN;
}

/*
 * Without the keys a Delete is known by its length only, which other messages may have.  When both
 * sides go on with a new exchange, it was none.
 */
void ike_sa_exchanged(struct tracker *t, uint32_t ike_sa, const struct exchange *x)
{
	const struct ike_sa *sa = &t->ike_sas[ike_sa];

	if ((sa->end_reason == END_DELETED || sa->end_reason == END_SUPERSEDED) &&
	    x->requests > 0 && x->responses > 0 &&
	    x->request_at - sa->ended > t->settings->overlap_budget)
		ike_sa_revive(t, ike_sa);
}

void ike_sa_seen(struct tracker *t, uint32_t ike_sa, const struct arrival *a, int8_t side)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	struct tunnel *w = &t->tunnels[sa->tunnel];

	if (contradicted(t, sa, a->at, side) || asks_again(sa))
		ike_sa_revive(t, ike_sa);
	sa->last = nsec_later(sa->last, a->at);
	sa->last_frame = a->frame->number;
	sa->messages++;
	sa->flags |= IKE_SA_DIRTY;
	w->last = nsec_later(w->last, a->at);
	w->flags |= TUNNEL_DIRTY;
	if (side < 0)
		return;
	hygiene_heard(t, sa->tunnel, side);
	tunnel_more(t, w)->ike[side].last = a->at;
	if (side == sa->initiator_side) {
		sa->initiator = arrival_src(a);
		sa->responder = arrival_dst(a);
	} else {
		sa->initiator = arrival_dst(a);
		sa->responder = arrival_src(a);
	}
}

bool ike_sa_join_tunnel(struct tracker *t, uint32_t ike_sa, uint32_t tunnel)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	struct tunnel *from = &t->tunnels[sa->tunnel], *to = &t->tunnels[tunnel];

	if (sa->established != NSEC_NONE || sa->origin != ORIGIN_OBSERVED ||
	    sa->end_reason != END_NONE || sa->children != NO_INDEX || sa->auth_child != NO_INDEX ||
	    !addr_equal(from->peer[0].addr, to->peer[0].addr) ||
	    !addr_equal(from->peer[1].addr, to->peer[1].addr) || to->live_ike >= IN_TUNNEL_MAX ||
	    index_crowded(&t->initiator_index, hash_2(&t->key, sa->spi_i, tunnel)))
		return false;
	index_remove(&t->initiator_index, initiator_hash_of_slot(t, ike_sa), ike_sa);
	list_remove(t, ike_sa);
	from->n_ike_sas--;
	from->flags |= TUNNEL_LEFT;
	sa->tunnel = tunnel;
	list_add(t, ike_sa);
	index_add(&t->initiator_index, initiator_hash_of_slot(t, ike_sa), ike_sa);
	for (int slot = 0; slot < 2; slot++)
		if (sa->current[slot]->id != 0)
			sa->current[slot]->tunnel = sa->previous[slot]->tunnel = tunnel;
	for (int side = 0; side < 2; side++)
		if (from->behind_nat[side] != RECORD_UNKNOWN)
			to->behind_nat[side] = from->behind_nat[side];
	/* the next one comes the same way */
	if (to->n_paths < TUNNEL_PATHS)
		path_add(t, tunnel, sa->initiator, sa->responder, sa->initiator_side);
	return true;
}

void ike_sa_release(struct tracker *t, uint32_t ike_sa)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];

	for (int slot = 0; slot < 2; slot++) {	/* exchanges that began after its end */
		exchange_close(t, sa->current[slot],
			       sa->current[slot]->responses ? OUTCOME_ANSWERED
							   : OUTCOME_NOT_OBSERVABLE,
			       t->now);
		exchange_write(t, sa->previous[slot]);
	}
	exchange_settle_earlier(t, ike_sa, t->now, true);
	if (sa->flags & IKE_SA_DIRTY)
		snapshot_ike_sa(t, ike_sa);
	list_remove(t, ike_sa);
	if (sa->predecessor != NO_INDEX)
		t->ike_sas[sa->predecessor].successor = NO_INDEX;
	if (sa->successor != NO_INDEX)
		t->ike_sas[sa->successor].predecessor = NO_INDEX;
	if (sa->auth_child != NO_INDEX)
		child_discard(t, sa->auth_child);
	for (int side = 0; side < 2; side++)
		ike_sa_discard_rekey(t, &sa->rekey[side]);
	while (sa->children != NO_INDEX)
		child_adopt(t, sa->children, NO_INDEX);
	index_remove(&t->ike_index, hash_of_slot(t, ike_sa), ike_sa);
	index_remove(&t->initiator_index, initiator_hash_of_slot(t, ike_sa), ike_sa);
	sa->flags = 0;
	sa->id = 0;
	sa->due = NSEC_NONE;
	pool_give(&t->ike_pool, ike_sa);
}

void ike_sa_wake(struct tracker *t, uint32_t ike_sa, nsec at)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];

	if (sa->due != NSEC_NONE && sa->due <= at)
		return;
	sa->due = at;
	tracker_schedule(t, TIMER_IKE_SA, ike_sa, at);
}

/* An answer whose first inner payload is a notify and that has room for little else. */
bool ike_sa_is_error_answer(const struct ike_sa *sa, const struct ike_message *m)
{
	uint32_t max = sa->error_bytes_max ? sa->error_bytes_max : UNKNOWN_SUITE_ERROR_BYTES;

	return m->np1 == IKE2_PAYLOAD_NOTIFY && !m->is_fragment && m->header.length <= max;
}
