/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames, by the batch: first every frame of a batch is parsed and the slot of
 * its ESP SA in the index is fetched into the cache, then the SAs themselves,
 * then all are handled in order.  A cold SA costs 150-230 ns when it is waited
 * for, 15-22 ns when it was fetched ahead (TECH-NOTES 9).
 *
 * Two short cuts give the same answers as the long ways beside them:
 * plain_esp_parse() for link_decap() and what follows it, goes_on() for
 * esp_packet().  A frame that takes both costs some 200 instructions.
 */
#include <sawatch/plain_esp.h>

#include "track/tracker.h"

enum { NAT_T_PORT = 4500 };

/* ---- parse ---------------------------------------------------------------- */

/*
 * A UDP datagram: ESP is prepared for the fast path, everything else waits for
 * its turn.  The packet's own reader is used and set back, because a copy of a
 * structure that was written this moment stalls the processor.
 */
static enum work_kind prepare_udp(struct tracker *t, const struct frame *f, struct work *w)
{
	struct reader *r = &w->packet.payload;
	const uint8_t *at = r->at;
	size_t left = r->left, unseen = r->unseen;
	struct udp_header u;

	if (udp_parse(r, &u) == VERDICT_OK && (u.src_port == NAT_T_PORT || u.dst_port == NAT_T_PORT) &&
	    udp_classify(&u, r) == UDP_ESP)
		return esp_arrival_of(t, f, &w->packet, r, PROTOCOL_ESP, ENCAP_UDP, u.src_port, u.dst_port, &w->esp) ?
			       WORK_ESP : WORK_NOTHING;
	r->at = at;
	r->left = left;
	r->unseen = unseen;
	r->verdict = VERDICT_OK;
	return WORK_PACKET;
}

static enum work_kind prepare_packet(struct tracker *t, const struct frame *f, struct work *w)
{
	struct packet *p = &w->packet;

	if (p->fragment)
		return WORK_FRAGMENT;
	switch (p->protocol) {
	case IP_ESP:
		return esp_arrival_of(t, f, p, &p->payload, PROTOCOL_ESP, ENCAP_NONE, 0, 0, &w->esp) ? WORK_ESP : WORK_NOTHING;
	case IP_AH:
		return esp_arrival_of(t, f, p, &p->payload, PROTOCOL_AH, ENCAP_NONE, 0, 0, &w->esp) ? WORK_ESP : WORK_NOTHING;
	case IP_UDP:
		return prepare_udp(t, f, w);
	case IP_TCP:
	case IP_ICMP:
	case IP_ICMPV6:
		return WORK_PACKET;
	default:
		t->counters.other++;
		return WORK_NOTHING;
	}
}

static enum work_kind prepare_any(struct tracker *t, const struct frame *f, struct work *w)
{
	switch (link_decap(f, &w->packet)) {
	case LINK_PACKET:
		return prepare_packet(t, f, w);
	case LINK_NOT_IP:
		t->counters.not_ip++;
		break;
	case LINK_CUT:
		t->counters.cut++;
		break;
	case LINK_MALFORMED:
		t->counters.malformed++;
		break;
	case LINK_UNSUPPORTED:
		t->counters.unsupported++;
		break;
	case LINK_TOO_DEEP:
		t->counters.too_deep++;
		break;
	}
	return WORK_NOTHING;
}

static inline enum work_kind prepare(struct tracker *t, const struct frame *f, struct work *w)
{
	struct plain_esp p;

	switch (plain_esp_parse(f, &p)) {
	case PLAIN_UNKNOWN:
		return prepare_any(t, f, w);
	case PLAIN_OTHER:
		return WORK_OTHER;
	case PLAIN_ESP:
		break;
	}

	unsigned encap = p.in_udp ? ENCAP_UDP : ENCAP_NONE;

	w->esp.src = p.src;
	w->esp.dst = p.dst;
	w->esp.hash = esp_hash(t, &p.src, &p.dst, p.spi, PROTOCOL_ESP, encap);
	w->esp.frame = f;
	w->esp.spi = p.spi;
	w->esp.seq = p.seq;
	w->esp.bytes = p.ip_length;
	w->esp.network = p.network;
	w->esp.src_port = p.src_port;
	w->esp.dst_port = p.dst_port;
	w->esp.protocol = PROTOCOL_ESP;
	w->esp.encap = (uint8_t)encap;
	return WORK_ESP;
}

/* ---- handle --------------------------------------------------------------- */

/* What the time of a frame says. */
static nsec arrive(struct tracker *t, const struct frame *f)
{
	nsec at = tracker_bounded(f->at);

	t->capture = f->capture;
	t->frame = f->number;
	if (t->now != NSEC_NONE && !hygiene_believes(t, at)) {
		t->calm_until = t->now;		/* so that the next frame is asked, too */
		return at;
	}
	if (t->counters.first == NSEC_NONE || at < t->counters.first)
		t->counters.first = at;
	if (t->counters.last == NSEC_NONE || at > t->counters.last)
		t->counters.last = at;
	if (t->now != NSEC_NONE && (at < t->now - t->settings->clock_back || at - t->now > t->settings->clock_forward))
		hygiene_clock(t, at);
	tracker_reach(t, at);
	t->calm_until = t->now + t->settings->clock_forward;
	if (t->calm_until > t->next_due)
		t->calm_until = t->next_due;
	return at;
}

/* A frame whose time is the next, with nothing due and no leap. */
static inline bool calm(struct tracker *t, const struct frame *f)
{
	if (f->at < t->now || f->at >= t->calm_until || f->capture != t->capture)
		return false;
	t->now = f->at;
	t->counters.last = f->at;
	return true;
}

/*
 * The next packet in its sequence, of an SA that is well known and has nothing
 * to be decided: only the counters move.  False: anything else, nothing done.
 */
static inline bool goes_on(struct tracker *t, uint32_t i, const struct esp_arrival *a, nsec at, uint64_t frame)
{
	enum { USUAL = ESP_SA_CONFIRMED | ESP_SA_DIRTY };
	struct esp_sa *sa;

	if (i == NO_INDEX)
		return false;
	sa = &t->esp_sas[i];
	if (sa->spi != a->spi || !addr_equal(sa->src, a->src) || !addr_equal(sa->dst, a->dst) ||
	    sa->protocol != a->protocol || sa->encap != a->encap)
		return false;
	if (a->seq - sa->seq_high != 1 || a->seq == 0 || sa->src_port != a->src_port || sa->dst_port != a->dst_port)
		return false;
	if ((sa->flags & (USUAL | ESP_SA_UNWATCHED)) != USUAL || sa->packets < ESP_CONFIRMING_PACKETS)
		return false;
	if (sa->end_reason != END_NONE || sa->low_run != 0 || sa->far_run != 0)
		return false;
	if (at >= sa->next_minute || at < sa->last || at - sa->last > t->settings->clock_forward)
		return false;
	sa->seq_high = a->seq;
	sa->window = sa->window << 1 | 1;
	sa->last = at;
	sa->packets++;
	sa->bytes += a->bytes;
	sa->last_frame = frame;
	return true;
}

static void handle(struct tracker *t, const struct frame *f, struct work *w)
{
	switch (w->kind) {
	case WORK_ESP:
		esp_packet(t, &w->esp);
		break;
	case WORK_PACKET:
		tracker_handle(t, f, &w->packet, false);
		break;
	case WORK_FRAGMENT:
		t->counters.fragments++;
		if (t->handler.fragment)
			t->handler.fragment(t->handler.user, f, &w->packet);
		break;
	case WORK_OTHER:
		if (t->any_learned) {	/* perhaps ESP on ports that IKE showed */
			w->kind = prepare_any(t, f, w);
			handle(t, f, w);
		} else {
			t->counters.other++;
		}
		break;
	case WORK_NOTHING:
		break;
	}
}

/* Cache lines of an SA that goes_on() needs. */
static inline void fetch(const struct esp_sa *sa)
{
	__builtin_prefetch(sa, 1);
	__builtin_prefetch((const char *)sa + 64, 1);
}

static void handle_batch(struct tracker *t, const struct frame *frames, unsigned n)
{
	struct work *work = t->work;
	uint64_t bytes = 0, went_on[2] = { 0 };

	for (unsigned i = 0; i < n; i++) {
		bytes += frames[i].length;
		work[i].kind = prepare(t, &frames[i], &work[i]);
		if (work[i].kind == WORK_ESP)
			__builtin_prefetch(&t->esp_index.slot[work[i].esp.hash & t->esp_index.mask]);
	}
	t->counters.frames += n;
	t->counters.bytes += bytes;
	for (unsigned i = 0; i < n; i++) {
		uint32_t at;

		if (work[i].kind != WORK_ESP)
			continue;
		at = (uint32_t)work[i].esp.hash;
		work[i].esp_sa = index_next(&t->esp_index, work[i].esp.hash, &at);
		if (work[i].esp_sa != NO_INDEX)
			fetch(&t->esp_sas[work[i].esp_sa]);
	}
	for (unsigned i = 0; i < n; i++) {
		const struct frame *f = &frames[i];
		nsec at = calm(t, f) ? f->at : arrive(t, f);

		if (work[i].kind == WORK_ESP && goes_on(t, work[i].esp_sa, &work[i].esp, at, f->number)) {
			went_on[work[i].esp.protocol]++;
			continue;
		}
		t->frame = f->number;
		work[i].esp.at = at;
		handle(t, f, &work[i]);
	}
	t->counters.esp_packets += went_on[PROTOCOL_ESP];
	t->counters.ah_packets += went_on[PROTOCOL_AH];
	t->frame = frames[n - 1].number;
}

void tracker_frames(struct tracker *t, const struct frame *frames, size_t n)
{
	while (n > 0) {
		unsigned batch = n < BATCH ? (unsigned)n : BATCH;

		handle_batch(t, frames, batch);
		frames += batch;
		n -= batch;
	}
}
