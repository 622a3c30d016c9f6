/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Going on after a time without observation: a restart, or an interface that was gone.  Packets of
 * that time are neither lost nor silence, and what ended then is not known to have ended.
 */
#include "track/image_values.h"

enum { NAT_T_PORT = 4500 };

/* ---- what the history knows better ---------------------------------------- */

void tracker_catch_up_ike_sa(struct tracker *t, const struct record_ike_sa *r)
{
	uint32_t i = ike_sa_find(t, r->spi_i, r->spi_r);
	struct ike_sa *sa = i == NO_INDEX ? NULL : &t->ike_sas[i];

	if (!sa || sa->id != r->id || r->last <= sa->last || r->last != tracker_bounded(r->last))
		return;
	sa->last = r->last;
	if (r->messages > 0 && (uint64_t)r->messages > sa->messages)
		sa->messages = (uint64_t)r->messages;
	if (r->last_frame != 0)
		sa->last_frame = r->last_frame;
}

static uint32_t esp_sa_of(const struct tracker *t, const struct record_esp_sa *r)
{
	struct esp_arrival a = {
		.src = r->src.addr, .dst = r->dst.addr, .spi = r->spi,
		.protocol = (uint8_t)r->protocol,
		.encap = (uint8_t)r->encap, .hash = esp_hash(t, &r->src.addr, &r->dst.addr, r->spi,
		r->protocol, r->encap),
	};
	uint32_t i = esp_find(t, &a);

	return i != NO_INDEX && t->esp_sas[i].id == r->id ? i : NO_INDEX;
}

bool tracker_catch_up_esp_sa(struct tracker *t, const struct record_esp_sa *r, nsec *ret_bucket)
{
	uint32_t i = esp_sa_of(t, r);
	struct esp_sa *sa = i == NO_INDEX ? NULL : &t->esp_sas[i];

	if (!sa || r->packets <= (int64_t)sa->packets || r->last < sa->last || r->bytes < 0 ||
	    r->seq_last < 0)
		return false;

	struct esp_sa now = *sa;
	struct esp_sa_more more = *esp_more(t, sa);
	struct esp_sa_rare rare = *sa->rare;
	uint64_t lost = r->lost > 0 ? (uint64_t)r->lost : 0;
	nsec minute_end = now.flags & ESP_SA_UNWATCHED ? esp_minute_end(now.last) : now.next_minute;

	now.next_minute = minute_end;
	now.flags &= (uint8_t)~ESP_SA_UNWATCHED;
	now.last = r->last;
	now.packets = (uint64_t)r->packets;
	now.bytes = (uint64_t)r->bytes;
	now.rare = &rare;
	rare.epoch = (uint32_t)(r->seq_last >> 32);
	now.seq_high = (uint32_t)r->seq_last;
	now.seq_first = r->seq_first > 0 ? (uint32_t)r->seq_first : now.seq_first;
	now.window = UINT64_MAX;
	more.late = (uint32_t)(r->late > 0 ? r->late : 0);
	rare.duplicates = (uint32_t)(r->duplicates > 0 ? r->duplicates : 0);
	/* So that esp_sa_lost() gives what the row says: see there. */
	rare.lost_before = 0;
	rare.packets_before = lost + now.packets -
			      (((uint64_t)rare.epoch << 32) + now.seq_high - now.seq_first + 1);
	if (!image_esp_sa_is_sane(&now, &more, now.direction))
		return false;		/* the history is no more ours than an image is */
	now.rare = sa->rare;
	*sa = now;
	*esp_more(t, sa) = more;
	if (rare.epoch != now.rare->epoch || rare.duplicates != now.rare->duplicates ||
	    rare.lost_before != now.rare->lost_before ||
	    rare.packets_before != now.rare->packets_before)
		*esp_rare(t, sa) = rare;
	*ret_bucket = minute_end - ESP_MINUTE;
	if (sa->packets >= 3)
		esp_confirm(t, sa);
	return true;
}

void tracker_catch_up_traffic(struct tracker *t, const struct record_esp_sa *r,
			      const struct record_traffic *sum)
{
	uint32_t i = esp_sa_of(t, r);
	struct esp_sa *sa = i == NO_INDEX ? NULL : &t->esp_sas[i];

	if (!sa)
		return;
	struct esp_sa now = *sa;
	struct esp_sa_more more = *esp_more(t, sa);

	more.minute_packets += (uint32_t)(sum->packets > 0 ? sum->packets : 0);
	more.minute_bytes += (uint64_t)(sum->bytes > 0 ? sum->bytes : 0);
	more.minute_lost += (uint32_t)(sum->lost > 0 ? sum->lost : 0);
	/* The bucket of its latest packet is the one that runs. */
	now.next_minute = esp_minute_end(now.last);
	if (sum->packets > UINT32_MAX || sum->lost > INT32_MAX ||
	    !image_esp_sa_is_sane(&now, &more, now.direction)) {
		more.minute_packets = (uint32_t)now.packets;
		more.minute_bytes = now.bytes;
		more.minute_lost = (uint32_t)esp_sa_lost(&now);
	}
	*sa = now;
	*esp_more(t, sa) = more;
}

/* ---- a time that nobody watched ------------------------------------------- */

/* Whether it was answered meanwhile nobody knows. */
static void leave_exchanges(struct tracker *t, struct ike_sa *sa, nsec from, nsec to)
{
	for (int slot = 0; slot < 2; slot++) {
		struct exchange *x = sa->current[slot];

		if (x->id != 0 && !x->closed)
			exchange_close(t, x,
				       x->responses > 0 ? OUTCOME_ANSWERED : OUTCOME_NOT_OBSERVABLE,
				       from);
	}
	if (sa->delete_at != NSEC_NONE)		/* the silence that settles it begins anew */
		sa->delete_wait = to - from < DELETE_WAITS_MOST - sa->delete_wait
					  ? sa->delete_wait + (to - from)
					  : DELETE_WAITS_MOST;
}

static void leave_esp_sa(struct esp_sa *sa)
{
	sa->next_minute = NSEC_NONE;	/* so that its next packet leaves the fast path */
	sa->flags |= ESP_SA_UNWATCHED;
}

void tracker_unwatched(struct tracker *t, nsec from, nsec to)
{
	struct event ev = event_of(t, EVENT_UNWATCHED, to, NO_INDEX);

	if (to <= from)
		return;
	t->frame = 0;
	t->now = nsec_later(t->now, to);
	t->watched_until = from;
	t->watched_since = to;
	t->jump_from = NSEC_NONE;
	for (uint32_t i = 0; i < t->ike_pool.high; i++)
		if (t->ike_sas[i].flags & IKE_SA_USED)
			leave_exchanges(t, &t->ike_sas[i], from, to);
	for (uint32_t i = 0; i < t->esp_pool.high; i++)
		if (t->esp_sas[i].flags & ESP_SA_USED)
			leave_esp_sa(&t->esp_sas[i]);
	ev.frame = 0;
	ev.value[0] = to - from;
	event_emit(t, &ev);
	/* Nothing was due while nobody watched: all of it is from now on. */
	for (uint32_t i = 0; i < t->tunnel_pool.high; i++)
		if ((t->tunnels[i].flags & TUNNEL_USED) && t->tunnels[i].due != NSEC_NONE &&
		    t->tunnels[i].due < to) {
			t->tunnels[i].due = to + t->settings->judge_every;
			tracker_schedule(t, TIMER_TUNNEL, i, t->tunnels[i].due);
		}
	for (uint32_t i = 0; i < t->ike_pool.high; i++)
		if ((t->ike_sas[i].flags & IKE_SA_USED) && t->ike_sas[i].due != NSEC_NONE &&
		    t->ike_sas[i].due < to) {
			t->ike_sas[i].due = to + t->settings->judge_every;
			tracker_schedule(t, TIMER_IKE_SA, i, t->ike_sas[i].due);
		}
}

/* How long an SA that ended is remembered: one of which nobody saw the end may speak again. */
nsec resume_keep(const struct tracker *t, enum end_reason why)
{
	return why == END_UNKNOWN && t->settings->silent_end > t->settings->ended_keep
		       ? t->settings->silent_end
		       : t->settings->ended_keep;
}

/* A younger one of the tunnel speaks since somebody watches again. */
static bool other_child_speaks(const struct tracker *t, const struct tunnel *w,
			       const struct child_sa *old)
{
	for (uint32_t i = w->child_sas;
	     i != NO_INDEX && t->child_sas[i].created >= t->watched_until;
	     i = t->child_sas[i].next_in_tunnel)
		if (&t->child_sas[i] != old &&
		    child_last_packet(t, &t->child_sas[i], 0) >= t->watched_since &&
		    child_last_packet(t, &t->child_sas[i], 1) >= t->watched_since)
			return true;
	return false;
}

static bool other_ike_sa_speaks(const struct tracker *t, const struct tunnel *w,
				const struct ike_sa *old)
{
	for (uint32_t i = w->ike_sas; i != NO_INDEX && t->ike_sas[i].created >= t->watched_until;
	     i = t->ike_sas[i].next_in_tunnel) {
		const struct ike_sa *sa = &t->ike_sas[i];

		if (sa != old && sa->major == old->major && sa->last >= t->watched_since &&
		    (sa->established != NSEC_NONE || sa->origin == ORIGIN_MIDSTREAM))
			return true;
	}
	return false;
}

/*
 * Silent since before the time that nobody watched, and others have taken
 * over: it ended meanwhile.  Should it speak again after all, it is revived.
 */
void resume_judge(struct tracker *t, uint32_t tunnel, nsec now)
{
	const struct tunnel *w = &t->tunnels[tunnel];

	if (t->watched_since == NSEC_NONE ||
	    t->watched_since - t->watched_until <= t->settings->settle ||
	    now - t->watched_since < t->settings->settle ||
	    now - t->watched_since > t->settings->silent_end)
		return;
	for (uint32_t i = w->child_sas; i != NO_INDEX; i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];

		if (c->end_reason == END_NONE && c->id != 0 &&
		    child_last_sign(t, c) <= t->watched_until && other_child_speaks(t, w, c))
			child_end(t, i, child_last_sign(t, c), END_UNKNOWN, SIDE_UNKNOWN,
				  GRADE_INFERRED);
	}
	for (uint32_t i = w->ike_sas; i != NO_INDEX; i = t->ike_sas[i].next_in_tunnel) {
		const struct ike_sa *sa = &t->ike_sas[i];

		if (sa->end_reason == END_NONE && sa->last <= t->watched_until &&
		    other_ike_sa_speaks(t, w, sa))
			ike_sa_end(t, i, sa->last, END_UNKNOWN, SIDE_UNKNOWN, GRADE_INFERRED);
	}
}

/* ---- after a restart ------------------------------------------------------ */

/* Slots below `high` that nobody came back to are free. */
#define FREE_HOLES(pool, objects, used_flag)                                               \
	for (uint32_t i_ = (pool).high; i_-- > 0;)                                         \
		if (!((objects)[i_].flags & (used_flag)))                                  \
			(pool).free[(pool).n_free++] = i_

/* Where marked IKE was seen on other ports, ESP is known by them. */
static void learn_ports(struct tracker *t, const struct esp_sa *sa)
{
	if (sa->encap != ENCAP_UDP || sa->src_port == NAT_T_PORT || sa->dst_port == NAT_T_PORT)
		return;
	t->learned_ports[sa->src_port / 8] |= (uint8_t)(1u << (sa->src_port % 8));
	t->learned_ports[sa->dst_port / 8] |= (uint8_t)(1u << (sa->dst_port % 8));
	t->any_learned = true;
}

void tracker_resume(struct tracker *t, uint32_t capture, nsec from, nsec to, bool unwatched)
{
	t->capture = capture;
	t->now = from;
	FREE_HOLES(t->tunnel_pool, t->tunnels, TUNNEL_USED);
	FREE_HOLES(t->ike_pool, t->ike_sas, IKE_SA_USED);
	FREE_HOLES(t->child_pool, t->child_sas, CHILD_SA_USED);
	FREE_HOLES(t->esp_pool, t->esp_sas, ESP_SA_USED);
	for (uint32_t i = 0; i < t->esp_pool.high; i++)
		if (t->esp_sas[i].flags & ESP_SA_USED)
			learn_ports(t, &t->esp_sas[i]);
	for (uint32_t i = 0; i < t->tunnel_pool.high; i++)
		if ((t->tunnels[i].flags & TUNNEL_USED) && t->tunnels[i].due != NSEC_NONE)
			tracker_schedule(t, TIMER_TUNNEL, i, t->tunnels[i].due);
	for (uint32_t i = 0; i < t->ike_pool.high; i++)
		if ((t->ike_sas[i].flags & IKE_SA_USED) && t->ike_sas[i].due != NSEC_NONE)
			tracker_schedule(t, TIMER_IKE_SA, i, t->ike_sas[i].due);
	if (unwatched)
		tracker_unwatched(t, from, to);
}

void tracker_touch(struct tracker *t, uint32_t tunnel)
{
	t->tunnels[tunnel].flags |= TUNNEL_DIRTY | TUNNEL_HAS_ROWS;
}
