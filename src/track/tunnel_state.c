/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is a tunnel up, down or unknown, and since when?  Its IKE SAs tell, or ESP in both directions;
 * with only one side captured it is unknown.
 */
#include "track/tracker.h"

bool tunnel_had_ike(const struct tunnel *w)
{
	return w->flags & TUNNEL_ESTABLISHED;
}

bool tunnel_was_up(const struct tunnel *w)
{
	return (w->flags & TUNNEL_ESTABLISHED) ||
	       (w->flags & (TUNNEL_ESP0 | TUNNEL_ESP1)) == (TUNNEL_ESP0 | TUNNEL_ESP1);
}

/*
 * Its set-up does not succeed: it failed after an answer, or its initiator had to ask again.  A
 * single request without an answer may come from a scanner, or be the last thing of a capture.
 */
static bool in_vain(const struct ike_sa *sa)
{
	return sa->current[0]->requests > 1 || sa->previous[0]->requests > 1 ||
	       (sa->end_reason == END_FAILED &&
		(sa->spi_r != 0 || sa->current[0]->responses > 0 ||
		 sa->previous[0]->responses > 0));
}

/* Nothing of it was captured, nor does anything prove that it said something. */
static bool never_heard(const struct tunnel *w, int side)
{
	const struct tunnel_ike *ike = &w->more->ike[side];

	return ike->messages == 0 && ike->proven_unseen == 0 &&
	       w->side[side].esp_packets_before == 0 && w->esp_sas[side] == NO_INDEX;
}

static enum tunnel_state state_of(const struct tracker *t, uint32_t tunnel, nsec now)
{
	const struct tunnel *w = &t->tunnels[tunnel];
	bool was_up = w->state == TUNNEL_UP || w->state == TUNNEL_DOWN;
	bool live[2] = { false, false }, spoke[2] = { false, false }, asked = false, vain = false;
	bool alone = never_heard(w, 0) || never_heard(w, 1);
	unsigned attempts[2] = { 0, 0 };

	for (uint32_t i = w->ike_sas; i != NO_INDEX; i = t->ike_sas[i].next_in_tunnel) {
		const struct ike_sa *sa = &t->ike_sas[i];

		/* known from messages of one side alone, it says what that side believes */
		if (sa->established != NSEC_NONE && !(alone && sa->origin == ORIGIN_MIDSTREAM) &&
		    (sa->end_reason == END_NONE || sa->end_reason == END_CAPTURE_END))
			return TUNNEL_UP;
		was_up |= sa->established != NSEC_NONE &&
			  !(alone && sa->origin == ORIGIN_MIDSTREAM);
		asked |= sa->origin == ORIGIN_MIDSTREAM &&
			 (sa->end_reason == END_NONE || sa->end_reason == END_CAPTURE_END);
		if (sa->initiator_side >= 0)
			attempts[sa->initiator_side]++;
		vain |= in_vain(sa);
	}
	for (int d = 0; d < 2; d++)
		for (uint32_t i = w->esp_sas[d]; i != NO_INDEX && !live[d];
		     i = t->esp_sas[i].next_in_direction) {
			const struct esp_sa *sa = &t->esp_sas[i];

			/* a stray speaks for nobody */
			live[d] =
				(sa->child != NO_INDEX || (sa->flags & ESP_SA_CONFIRMED)) &&
				(sa->end_reason == END_NONE || sa->end_reason == END_CAPTURE_END) &&
				now - nsec_later(sa->last, t->watched_since) <= t->settings->idle;
			spoke[d] |= sa->packets >= 3;
		}
	if (live[0] && live[1])
		return TUNNEL_UP;
	if (live[0] || live[1])
		return TUNNEL_UNKNOWN;
	/* of one side alone nobody knows whether it was up */
	was_up |= spoke[0] && spoke[1];
	if (asked && !was_up)
		return TUNNEL_UNKNOWN;		/* one side believes that it is up; its peer may */
	return was_up || vain || attempts[0] > 1 || attempts[1] > 1 ? TUNNEL_DOWN : TUNNEL_UNKNOWN;
}

void tunnel_judge(struct tracker *t, uint32_t tunnel, nsec at)
{
	struct tunnel *w = &t->tunnels[tunnel];
	enum tunnel_state state = state_of(t, tunnel, at);

	if (state == w->state)
		return;
	w->state = state;
	w->state_since = at;
	w->flags |= TUNNEL_DIRTY;
}

/* Did anything come of this IKE SA after its login?  Of EAP this cannot be told: it may have. */
static bool was_used(const struct ike_sa *sa)
{
	return sa->answered_id[0] > 1 || sa->answered_id[1] >= 0;
}

/*
 * An initiator that never accepts the last answer of the login starts over again and again: what
 * came up and was never used is not what the tunnel lives by now.  IKEv1 renews by a new phase 1,
 * and has no answers to its probes that are sure.
 */
void tunnel_begin_anew(struct tracker *t, uint32_t ike_sa)
{
	const struct ike_sa *new = &t->ike_sas[ike_sa];
	struct tunnel *w = &t->tunnels[new->tunnel];
	bool other = false;

	if (w->state != TUNNEL_UP || new->major != 2 || new->origin != ORIGIN_OBSERVED)
		return;
	for (uint32_t i = w->ike_sas; i != NO_INDEX; i = t->ike_sas[i].next_in_tunnel) {
		const struct ike_sa *sa = &t->ike_sas[i];

		if (sa == new || sa->established == NSEC_NONE ||
		    (sa->ended != NSEC_NONE && sa->ended < w->state_since))
			continue;
		if (sa->initiator_side != new->initiator_side || was_used(sa))
			return;
		other = true;
	}
	for (int d = 0; d < 2; d++)
		for (uint32_t i = w->esp_sas[d]; i != NO_INDEX;
		     i = t->esp_sas[i].next_in_direction)
			if (t->esp_sas[i].first < new->established &&
			    t->esp_sas[i].last >= w->state_since)
				return;
	if (!other)
		return;
	w->state_since = new->established;
	w->flags |= TUNNEL_DIRTY;
}

/* Does ESP of this direction go on from before to after? */
static bool bridged(const struct tracker *t, const struct tunnel *w, int direction, nsec from,
		    nsec to)
{
	for (uint32_t i = w->esp_sas[direction]; i != NO_INDEX;
	     i = t->esp_sas[i].next_in_direction)
		if (t->esp_sas[i].first <= from && t->esp_sas[i].last >= to)
			return true;
	return false;
}

/*
 * This IKE SA had been lost for a while when another one came up, which is known only now: a peer
 * that restarted.  The tunnel was down between them, unless packets went both ways meanwhile.
 */
void tunnel_was_down(struct tracker *t, uint32_t ike_sa)
{
	const struct ike_sa *old = &t->ike_sas[ike_sa], *new = NULL;
	struct tunnel *w = &t->tunnels[old->tunnel];

	if (w->state != TUNNEL_UP || w->state_since >= old->ended)
		return;
	for (uint32_t i = w->ike_sas; i != NO_INDEX; i = t->ike_sas[i].next_in_tunnel) {
		const struct ike_sa *sa = &t->ike_sas[i];

		if (sa == old || sa->established == NSEC_NONE)
			continue;
		if (sa->established > old->ended) {
			/* too soon, and the first of all is no later */
			if (sa->established - old->ended <= t->settings->judge_every)
				return;
			new = !new || sa->established < new->established ? sa : new;
		} else if (sa->ended == NSEC_NONE || sa->ended > old->ended) {
			return;
		}
	}
	if (!new || new->origin != ORIGIN_OBSERVED ||
	    new->created - old->ended <= t->settings->judge_every ||
	    (bridged(t, w, 0, old->ended, new->established) &&
	     bridged(t, w, 1, old->ended, new->established)))
		return;
	w->state_since = new->established;
	w->flags |= TUNNEL_DIRTY;
}
