/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ESP and AH packets (RFC 4303, RFC 4302): which SA one belongs to, traffic by the minute, ends.
 * The usual next packet of an SA does not come here: see batch.c.
 */
#include "track/tracker.h"

static uint64_t hash_of_slot(const struct tracker *t, uint32_t i)
{
	const struct esp_sa *sa = &t->esp_sas[i];
	const struct esp_ends is = esp_ends(t, sa);

	return esp_hash(t, &is.src, &is.dst, sa->spi, sa->protocol, sa->encap);
}

void esp_set_ends(struct tracker *t, struct esp_sa *sa, struct esp_ends ends)
{
	if (addr_is_v4(ends.src) && addr_is_v4(ends.dst)) {
		sa->flags &= (uint8_t)~ESP_SA_WIDE;
		sa->src4 = (uint32_t)ends.src.low;
		sa->dst4 = (uint32_t)ends.dst.low;
	} else {
		sa->flags |= ESP_SA_WIDE;
		sa->src4 = sa->dst4 = 0;
		t->esp_wide[sa - t->esp_sas] = ends;
	}
}

uint32_t esp_find(const struct tracker *t, const struct esp_arrival *a)
{
	for (uint32_t at = (uint32_t)a->hash, i;
	     (i = index_next(&t->esp_index, a->hash, &at)) != NO_INDEX;) {
		const struct esp_sa *sa = &t->esp_sas[i];

		if (sa->spi == a->spi && esp_is_between(t, sa, &a->src, &a->dst) &&
		    sa->protocol == a->protocol && sa->encap == a->encap)
			return i;
	}
	return NO_INDEX;
}

const struct esp_sa_rare esp_sa_nothing_rare = {
	.ended = NSEC_NONE, .ended_by = SIDE_UNKNOWN, .generation = 1, .turned = NSEC_NONE,
	.away_since = NSEC_NONE,
};

struct esp_sa_rare *esp_rare(struct tracker *t, struct esp_sa *sa)
{
	if (sa->rare == &esp_sa_nothing_rare) {
		/* there are as many as ESP SAs */
		struct esp_sa_rare *own = &t->esp_rare[pool_take(&t->rare_pool)];

		*own = esp_sa_nothing_rare;
		sa->rare = own;
	}
	return &t->esp_rare[sa->rare - t->esp_rare];
}

nsec esp_minute_end(nsec at)
{
	return at - ((at % ESP_MINUTE) + ESP_MINUTE) % ESP_MINUTE + ESP_MINUTE;
}

void esp_close_minute(struct tracker *t, struct esp_sa *sa, nsec at)
{
	if (sa->flags & ESP_SA_UNWATCHED)	/* it was put aside */
		sa->next_minute = esp_minute_end(sa->last);

	struct esp_sa_more *more = esp_more(t, sa);
	uint32_t packets = (uint32_t)sa->packets - more->minute_packets;

	if (packets > 0 && sa->next_minute != NSEC_NONE) {
		struct event ev = event_of(t, EVENT_TRAFFIC, sa->last, sa->tunnel);

		ev.esp_sa = (uint32_t)(sa - t->esp_sas);
		ev.side = sa->direction;
		ev.value[0] = packets;
		ev.value[1] = (int64_t)(sa->bytes - more->minute_bytes);
		ev.value[2] = esp_sa_minute_lost(sa, more);
		ev.value[3] = sa->next_minute - ESP_MINUTE;
		event_emit(t, &ev);
	}
	more->minute_packets = (uint32_t)sa->packets;
	more->minute_bytes = sa->bytes;
	more->minute_lost = (uint32_t)esp_sa_lost(sa);
	if (esp_minute_end(at) > sa->next_minute) {
		/*
		 * what stood at the end of the minute before; when minutes were skipped, nothing
		 * was sent in them
		 */
		sa->seq_minute_before = esp_minute_end(at) - ESP_MINUTE == sa->next_minute
						? more->seq_minute
						: sa->seq_high;
		more->seq_minute = sa->seq_high;
	}
	sa->next_minute = esp_minute_end(at);
}

void esp_emit(struct tracker *t, enum event_kind kind, const struct esp_sa *sa,
	      const struct esp_arrival *a, int64_t value)
{
	struct event ev = event_of(t, kind, a->at, sa->tunnel);

	ev.esp_sa = (uint32_t)(sa - t->esp_sas);
	ev.child_sa = sa->child;
	ev.side = sa->direction;
	ev.value[0] = value;
	event_emit(t, &ev);
}

/* A packet on an SA that had ended. */
static void after_end(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a)
{
	if (sa->end_reason == END_IDLE || sa->end_reason == END_UNKNOWN ||
	    sa->end_reason == END_CAPTURE_END) {
		sa->end_reason = END_NONE;	/* it had only been silent */
		esp_rare(t, sa)->ended = NSEC_NONE;
		esp_rare(t, sa)->ended_by = SIDE_UNKNOWN;
		if (sa->child != NO_INDEX && t->child_sas[sa->child].end_reason == END_UNKNOWN)
			child_revive(t, sa->child);
		return;
	}
	if (a->at - sa->rare->ended <= t->settings->overlap_budget)
		return;
	esp_rare(t, sa)->stale_packets++;
	esp_emit(t, EVENT_ESP_AFTER_END, sa, a, a->at - sa->rare->ended);
}

void esp_confirm(struct tracker *t, struct esp_sa *sa)
{
	if (sa->flags & ESP_SA_CONFIRMED)
		return;
	sa->flags |= ESP_SA_CONFIRMED;
	t->unconfirmed--;
	t->tunnels[sa->tunnel].unconfirmed--;
	if (sa->direction >= 0)
		t->tunnels[sa->tunnel].flags |= sa->direction == 0 ? TUNNEL_ESP0 : TUNNEL_ESP1;
	restraint_tunnel_up(t, sa->tunnel);
	restraint_confirm_esp_sa(t, (uint32_t)(sa - t->esp_sas));
}

/*
 * Two packets with neighbouring numbers are hardly a stray, three certainly not: an SA that had to
 * wait now joins its child SA.
 */
static void believe(struct tracker *t, struct esp_sa *sa)
{
	const struct tunnel *w = &t->tunnels[sa->tunnel];

	if (sa->packets == ESP_CONFIRMING_PACKETS)
		esp_confirm(t, sa);
	else if (w->unconfirmed > ESP_SPRAYED || sa->seq_high == sa->seq_first)
		return;
	if (sa->child == NO_INDEX && sa->direction >= 0 && esp_more(t, sa)->predecessor == 0 &&
	    sa->end_reason == END_NONE && w->live_esp[sa->direction] <= ESP_DIRECTION_LIVE_MAX)
		child_esp_born(t, (uint32_t)(sa - t->esp_sas));
}

/* A packet of `sa`.  `away`: from another place than where the SA is, and it stays where it is. */
static void known(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a, bool away)
{
	uint32_t ahead = a->seq - sa->seq_high;

	if (a->at >= sa->next_minute) {
		if (sa->flags & ESP_SA_UNWATCHED)
			ahead = esp_sequence_goes_on(t, sa, a, ahead);
		if (a->at >= sa->next_minute)
			esp_close_minute(t, sa, a->at);
	}
	if (a->at - sa->last > t->settings->clock_forward)
		hygiene_esp_pause(t, sa, a->at, ahead);
	if (!away && (a->src_port != sa->src_port || a->dst_port != sa->dst_port))
		away = !esp_ports_changed(t, sa, a, ahead);
	if (!esp_sequence(t, sa, a, ahead))
		return;
	if (sa->end_reason != END_NONE)
		after_end(t, sa, a);
	sa->packets++;
	sa->bytes += a->bytes;
	sa->last_frame = a->frame->number;
	if (a->at > sa->last)
		sa->last = a->at;
	if (away && sa->rare->turned != NSEC_NONE)
		esp_rare(t, sa)->turned_packets = sa->packets;
	if (sa->packets <= ESP_CONFIRMING_PACKETS)
		believe(t, sa);
	sa->flags |= ESP_SA_DIRTY;
}

/*
 * Used again after its end (RFC 4301 4.1: an SPI may be), with a sequence from the start: another
 * SA.
 */
static bool begins_again(const struct tracker *t, const struct esp_sa *sa,
			 const struct esp_arrival *a)
{
	if (sa->end_reason == END_NONE || sa->end_reason == END_IDLE ||
	    sa->end_reason == END_UNKNOWN || a->seq > (uint32_t)t->settings->birth_seq_max ||
	    a->seq > sa->seq_high)
		return false;
	return sa->seq_high - a->seq >= ESP_WINDOW_BITS ||
	       a->at - nsec_later(sa->rare->ended, sa->last) > t->settings->overlap_budget;
}

/* It had gone on under another address. */
static bool left(const struct esp_sa *sa)
{
	return sa->end_reason == END_SUPERSEDED && sa->rare->successor != 0;
}

void esp_packet(struct tracker *t, const struct esp_arrival *a)
{
	uint32_t i = a->stranger != 0 ? NO_INDEX : esp_find(t, a);
	uint32_t generation = 1, elsewhere = NO_INDEX;

	if (a->protocol == PROTOCOL_AH)
		t->counters.ah_packets++;
	else
		t->counters.esp_packets++;
	if (i != NO_INDEX && !begins_again(t, &t->esp_sas[i], a)) {
		if (left(&t->esp_sas[i]))
			elsewhere = esp_elsewhere(t, a);
		if (elsewhere == NO_INDEX) {
			known(t, &t->esp_sas[i], a, false);
			return;
		}
		if (!esp_returns(t, &t->esp_sas[elsewhere], a)) {
			known(t, &t->esp_sas[elsewhere], a, true);
			return;
		}
	}
	if (!esp_may_be_born(t, a))
		return;
	if (i == NO_INDEX) {
		elsewhere = esp_overtaken(t, a);
		if (elsewhere != NO_INDEX) {
			known(t, &t->esp_sas[elsewhere], a, true);
			return;
		}
	} else {		/* the name leads to the new one from now on */
		generation = t->esp_sas[i].rare->generation + 1;
		index_remove(&t->esp_index, a->hash, i);
	}
	esp_birth(t, a, generation);
}

void esp_end(struct tracker *t, uint32_t esp, nsec at, enum end_reason why, int by,
	     enum grade grade)
{
	struct esp_sa *sa = &t->esp_sas[esp];

	if (sa->end_reason != END_NONE)
		return;
	esp_close_minute(t, sa, t->now);
	sa->end_reason = (uint8_t)why;
	if (grade < sa->grade)
		sa->grade = (uint8_t)grade;
	if (at != sa->rare->ended || by != sa->rare->ended_by) {	/* not the capture's end */
		struct esp_sa_rare *rare = esp_rare(t, sa);

		rare->ended = at;
		rare->ended_by = (int8_t)by;
	}
	if (why != END_CAPTURE_END) {
		struct event ev = event_of(t, EVENT_ESP_SA_ENDED, at, sa->tunnel);

		ev.esp_sa = esp;
		ev.child_sa = sa->child;
		ev.side = (int8_t)by;
		event_emit(t, &ev);
	}
	sa->flags |= ESP_SA_DIRTY;
	t->tunnels[sa->tunnel].flags |= TUNNEL_UNSAVED;
	snapshot_ended_esp_sa(t, esp);
}

void esp_index_add(struct tracker *t, uint32_t esp)
{
	struct esp_sa *sa = &t->esp_sas[esp];
	const struct esp_ends is = esp_ends(t, sa);
	uint64_t hash = hash_of_slot(t, esp);

	for (uint32_t at = (uint32_t)hash, i;
	     (i = index_next(&t->esp_index, hash, &at)) != NO_INDEX;) {
		const struct esp_sa *old = &t->esp_sas[i];

		if (old->spi == sa->spi && esp_is_between(t, old, &is.src, &is.dst) &&
		    old->protocol == sa->protocol && old->encap == sa->encap) {
			index_remove(&t->esp_index, hash, i);
			break;
		}
	}
	index_add(&t->esp_index, hash, esp);
	*esp_hint(t, sa->spi) = esp + 1;
}

void esp_release(struct tracker *t, uint32_t esp)
{
	struct esp_sa *sa = &t->esp_sas[esp];
	struct tunnel *owner = &t->tunnels[sa->tunnel];

	if (sa->flags & ESP_SA_DIRTY)
		snapshot_esp_sa(t, esp);
	if (!(sa->flags & ESP_SA_CONFIRMED)) {
		t->unconfirmed--;
		owner->unconfirmed--;
	}
	if (sa->direction >= 0) {
		uint32_t prev = esp_more(t, sa)->prev_in_direction, next = sa->next_in_direction;

		*(prev != NO_INDEX ? &t->esp_sas[prev].next_in_direction
				   : &owner->esp_sas[sa->direction]) = next;
		*(next != NO_INDEX ? &t->esp_more[next].prev_in_direction
				   : &owner->oldest_esp_sa[sa->direction]) = prev;
		owner->live_esp[sa->direction]--;
		owner->side[sa->direction].esp_packets_before += sa->packets;
		owner->side[sa->direction].esp_last =
			nsec_later(owner->side[sa->direction].esp_last, sa->last);
	}
	owner->flags |= TUNNEL_UNSAVED;
	if (sa->child != NO_INDEX) {
		struct child_sa *child = &t->child_sas[sa->child];

		for (int d = 0; d < 2; d++)
			if (child->esp[d] == esp)
				child->esp[d] = NO_INDEX;
	}
	index_remove(&t->esp_index, hash_of_slot(t, esp), esp);
	if (sa->rare != &esp_sa_nothing_rare)
		pool_give(&t->rare_pool, (uint32_t)(sa->rare - t->esp_rare));
	sa->flags = 0;
	pool_give(&t->esp_pool, esp);
}
