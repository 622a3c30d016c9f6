/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Prepared frames, by the batch: first the slots of their ESP SAs in the index
 * are fetched into the cache, then the SAs themselves, then all are handled in
 * order.  A cold SA costs 150-230 ns when it is waited for, 15-22 ns when it was
 * fetched ahead (TECH-NOTES 9).
 *
 * goes_on() is a short cut that gives the same answers as esp_packet().  A frame
 * that takes it and plain_esp_parse() costs some 200 instructions.
 */
#include <string.h>

#include "track/prepare.h"
#include "track/tracker.h"

enum { SLOTS_NEAR = 4096 };	/* an index of 32 KiB is in the cache anyway */

/* What the time of a frame says. */
static nsec arrive(struct tracker *t, const struct frame *f, uint32_t capture)
{
	nsec at = tracker_bounded(f->at);

	t->capture = capture;
	t->frame = f->number;
	if (t->now != NSEC_NONE && !hygiene_believes(t, at)) {
		t->calm_until = t->now;		/* so that the next frame is asked, too */
		return at;
	}
	if (t->counters.first == NSEC_NONE || at < t->counters.first)
		t->counters.first = at;
	if (t->counters.last == NSEC_NONE || at > t->counters.last)
		t->counters.last = at;
	if (t->now != NSEC_NONE &&
	    (at < t->now - t->settings->clock_back || at - t->now > t->settings->clock_forward))
		hygiene_clock(t, at);
	tracker_reach(t, at);
	t->calm_until = t->now + t->settings->clock_forward;
	if (t->calm_until > t->next_due)
		t->calm_until = t->next_due;
	return at;
}

/* Time goes forward, no timer is due and the clock does not leap: nothing else to do about time. */
static inline bool calm(struct tracker *t, nsec at)
{
	if (at < t->now || at >= t->calm_until)
		return false;
	t->now = at;
	t->counters.last = at;
	return true;
}

/*
 * The next packet in the sequence of an established SA about which nothing has to be decided: only
 * counters change.  False: it is something else, and nothing was changed.
 */
static inline bool goes_on(const struct tracker *t, struct esp_sa *sa,
			   const struct prepared_frame *a, nsec at, uint64_t frame)
{
	enum { USUAL = ESP_SA_CONFIRMED | ESP_SA_DIRTY };

	if (sa->spi != a->spi || !esp_is_between(t, sa, &a->src, &a->dst) ||
	    sa->protocol != a->protocol || sa->encap != a->encap)
		return false;
	if (a->seq - sa->seq_high != 1 || a->seq == 0)
		return false;
	/* which are in the second cache line */
	if (a->encap != ENCAP_NONE &&
	    (sa->src_port != a->src_port || sa->dst_port != a->dst_port))
		return false;
	if (sa->packets < ESP_CONFIRMING_PACKETS ||
	    (sa->flags & (USUAL | ESP_SA_UNWATCHED)) != USUAL || sa->low_run != 0 ||
	    sa->far_run != 0 || sa->end_reason != END_NONE)
		return false;
	/* before it was last seen, or too long after */
	if (at >= sa->next_minute ||
	    (uint64_t)at - (uint64_t)sa->last > (uint64_t)t->settings->clock_forward)
		return false;
	sa->seq_high = a->seq;
	sa->window = sa->window << 1 | 1;
	sa->last = at;
	sa->packets++;
	sa->bytes += a->bytes;
	sa->last_frame = frame;
	return true;
}

static inline void handle_sa(struct tracker *t, const struct frame *f,
			     const struct prepared_frame *p, nsec at, uint64_t stranger)
{
	const struct esp_arrival a = {
		.src = p->src, .dst = p->dst, .hash = p->hash, .at = at, .frame = f, .spi = p->spi,
		.seq = p->seq,
		.bytes = p->bytes, .network = prepared_network(p), .src_port = p->src_port,
		.dst_port = p->dst_port,
		.protocol = p->protocol, .encap = p->encap, .stranger = stranger,
	};

	esp_packet(t, &a);
}

static void add_counts(struct tracker *t, const struct prepared_counts *c)
{
	t->counters.not_ip += c->not_ip;
	t->counters.cut += c->cut;
	t->counters.malformed += c->malformed;
	t->counters.unsupported += c->unsupported;
	t->counters.too_deep += c->too_deep;
	t->counters.other += c->other;
}

/* What is not ESP. */
static void handle(struct tracker *t, const struct prepared *b, size_t i)
{
	const struct prepared_frame *p = &b->list[i];
	const struct frame *f = &b->frames[i];

	switch (prepared_kind(p)) {
	case PREPARED_PACKET:
		tracker_handle(t, f, &b->packets[p->packet], false);
		break;
	case PREPARED_FRAGMENT:
		t->counters.fragments++;
		if (t->handler.fragment)
			t->handler.fragment(t->handler.user, f, &b->packets[p->packet]);
		break;
	case PREPARED_ESP:
	case PREPARED_OTHER:
	case PREPARED_NOTHING:
		break;
	}
}

/* It looked like UDP that is no IPsec, but may be ESP on ports that IKE has shown. */
static void look_closely(struct tracker *t, const struct frame *f, nsec at)
{
	struct prepared_frame frame = { .at = f->at };
	struct packet packet;
	struct prepared b = { .list = &frame, .packets = &packet, .frames = f, .n = 1 };

	prepare_closely(&b, &t->key, 0);
	add_counts(t, &b.counts);
	if (prepared_kind(&frame) == PREPARED_ESP)
		handle_sa(t, f, &frame, at, 0);
	else
		handle(t, &b, 0);
}

/*
 * Fetch the cache lines of an SA that goes_on() will need: the second holds IPv4 addresses; those
 * of IPv6 are elsewhere.
 */
static inline __attribute__((always_inline)) void fetch(const struct esp_sa *sa,
							const struct esp_ends *wide,
							const struct prepared_frame *p)
{
	__builtin_prefetch(sa, 1);
	if (p->src.high == 0)
		__builtin_prefetch(&sa->src4);
	else
		__builtin_prefetch(wide);
}

static void fetch_slots(const struct index *x, const struct prepared_frame *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (prepared_kind(&p[i]) == PREPARED_ESP)
			__builtin_prefetch(&x->slot[p[i].hash & x->mask]);
}

/*
 * As index_next() finds it first.  Chance puts one in four behind the first place, which the
 * processor cannot foresee: so the step to the second is a sum, not a branch.
 */
static inline uint32_t find_likely(const struct index *x, uint32_t hash)
{
	uint32_t at = hash + (x->slot[hash & x->mask].hash != hash);

	return index_next(x, hash, &at);
}

/*
 * For a packet without an SA: fetch where its SPI will be counted.  Returns its
 * esp_stranger_hash().
 */
static inline uint64_t fetch_stranger(const struct tracker *t, const struct prepared_frame *p)
{
	uint64_t hash = esp_stranger_hash(&p->src, &p->dst, p->spi, p->protocol, p->encap);

	__builtin_prefetch(&t->strangers[hash & t->strangers_mask], 1);
	return hash;
}

/* Most likely the SA of each; NULL: it has none, and `ret_stranger` is where it is counted. */
static inline void find_all(const struct tracker *t, const struct prepared_frame *p, size_t n,
			    struct esp_sa **ret, uint64_t *ret_stranger)
{
	const struct index x = t->esp_index;	/* stays in registers */
	const struct esp_ends *wide = t->esp_wide;
	struct esp_sa *sas = t->esp_sas;

	if (x.mask >= SLOTS_NEAR)
		fetch_slots(&x, p, n);
	for (size_t i = 0; i < n; i++) {
		uint32_t found = NO_INDEX;

		if (prepared_kind(&p[i]) == PREPARED_ESP)
			found = find_likely(&x, p[i].hash);
		ret[i] = found == NO_INDEX ? NULL : &sas[found];
		if (found != NO_INDEX)
			fetch(&sas[found], &wide[found], &p[i]);
		else if (prepared_kind(&p[i]) == PREPARED_ESP)
			ret_stranger[i] = fetch_stranger(t, &p[i]);
	}
}

static void handle_batch(struct tracker *t, const struct prepared *b, size_t from, size_t n)
{
	const struct frame *frames = b->frames + from;
	const struct prepared_frame *list = b->list + from;
	const bool in_row = b->in_row;
	const uint64_t first = frames[0].number;
	uint64_t went_on[2] = { 0 };
	const uint32_t esp_added = t->esp_index.added;
	struct esp_sa *sa[BATCH];
	uint64_t stranger[BATCH];

	if (b->capture != t->capture)
		t->calm_until = NSEC_NONE;	/* arrive() is to know of it */
	find_all(t, list, n, sa, stranger);
	if (b->n_packets > 0 && t->ike_index.mask >= SLOTS_NEAR)
		ike_ahead(t, b, from, n);
	for (size_t i = 0; i < n; i++) {
		const struct prepared_frame *p = &list[i];

		__builtin_prefetch(p + BATCH);	/* from the core that prepared it */
		/* a frame costs a cache line */
		uint64_t number = in_row ? first + i : frames[i].number;
		nsec at = calm(t, p->at) ? p->at : arrive(t, &frames[i], b->capture);

		if (sa[i] && goes_on(t, sa[i], p, at, number)) {
			went_on[p->protocol]++;
			continue;
		}

		enum prepared_kind kind = prepared_kind(p);

		t->frame = number;
		if (kind == PREPARED_ESP)
			handle_sa(t, &frames[i], p, at,
				  !sa[i] && t->esp_index.added == esp_added ? stranger[i] : 0);
		else if (kind != PREPARED_OTHER)
			handle(t, b, from + i);
		else if (t->any_learned)
			look_closely(t, &frames[i], at);
		else
			t->counters.other++;
	}
	t->counters.esp_packets += went_on[PROTOCOL_ESP];
	t->counters.ah_packets += went_on[PROTOCOL_AH];
	t->frame = frames[n - 1].number;
}

const struct hash_key *tracker_key(const struct tracker *t)
{
	return &t->key;
}

/*
 * They were hashed before the tracker was restored from images, which brought another key
 * (image.c).
 */
static void hash_again(const struct tracker *t, const struct prepared *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct prepared_frame *f = &p->list[i];

		if (prepared_kind(f) == PREPARED_ESP)
			f->hash = esp_hash(t, &f->src, &f->dst, f->spi, f->protocol, f->encap);
	}
}

void tracker_prepared(struct tracker *t, const struct prepared *p)
{
	if (memcmp(&p->key, &t->key, sizeof(t->key)) != 0)
		hash_again(t, p);
	t->counters.frames += p->n;
	t->counters.bytes += p->bytes;
	add_counts(t, &p->counts);
	for (size_t from = 0; from < p->n; from += BATCH)
		handle_batch(t, p, from, p->n - from < BATCH ? p->n - from : BATCH);
}

void tracker_frames(struct tracker *t, const struct frame *frames, size_t n)
{
	struct prepared_frame list[BATCH];
	struct packet packets[BATCH];
	struct prepared p = { .list = list, .packets = packets };
	const uint32_t capture = n > 0 ? frames[0].capture : 0;

	while (n > 0) {
		size_t batch = n < BATCH ? n : BATCH;

		prepare_frames(&p, &t->key, frames, batch);
		p.capture = capture;
		tracker_prepared(t, &p);
		frames += batch;
		n -= batch;
	}
}
