/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames of one thread, or of rings that are read by threads of their own, and
 * what the kernel counts of them.
 */
#include <assert.h>
#include <poll.h>
#include <string.h>

#include "live_parts.h"

enum {
	DISPATCH = 4096,	/* frames of one interface in a row */
	JOINED_S = 2,
};

/* ---- frames ---- */

static void hand_over_batch(struct live *l)
{
	if (l->n_batch > 0)
		l->hand_over(l->user, l->batch, l->n_batch);
	l->n_batch = l->batch_bytes = 0;
}

static void add_to_batch(struct live *l, const struct frame *f)
{
	uint8_t *copy;

	if (l->n_batch == LIVE_BATCH || f->captured > LIVE_BATCH_BYTES - l->batch_bytes)
		hand_over_batch(l);
	if (f->captured > LIVE_BATCH_BYTES)	/* no snap length allows that */
		return;
	copy = l->bytes + l->batch_bytes;
	memcpy(copy, f->data, f->captured);
	l->batch_bytes += f->captured;
	l->batch[l->n_batch] = *f;
	l->batch[l->n_batch].data = copy;
	l->batch[l->n_batch++].number = ++l->frames;
}

/* Hand over what was held since before `until`. */
static void release(struct live *l, nsec until)
{
	while (live_merge_due(&l->merge, until)) {
		struct frame f = live_merge_take(&l->merge);

		add_to_batch(l, &f);
	}
}

static struct frame frame_of(const struct interface *i, const struct pcap_pkthdr *h,
			     const uint8_t *data)
{
	return (struct frame){
		.at = h->ts.tv_sec * NSEC_PER_S + h->ts.tv_usec * (i->nanoseconds ? 1 : 1000),
		.capture = i->live->capture, .captured = h->caplen, .length = h->len,
		.link_type = i->link_type, .data = data,
	};
}

static void on_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *data)
{
	struct interface *i = (struct interface *)(void *)user;
	struct live *l = i->live;
	struct frame f = frame_of(i, h, data);

	if (l->n == 1) {
		add_to_batch(l, &f);
		return;
	}
	release(l, INT64_MIN);	/* only when there is no room */
	live_merge_hold(&l->merge, &f, live_monotonic());
}

bool live_take(struct live *l, live_frames_fn *frames, void *user)
{
	bool drained = true;

	l->hand_over = frames;
	l->user = user;
	for (size_t k = 0; k < l->n; k++) {
		struct interface *i = &l->interfaces[k];
		int n;

		if (i->gone)
			continue;
		n = pcap_dispatch(i->pcap, DISPATCH, on_packet, (u_char *)i);
		drained = drained && n <= 0;
		if (n < 0)
			i->gone = true;	/* live_news() tells, and tries again */
	}
	if (l->n > 1)
		release(l, live_monotonic() - LIVE_MERGE_MS * NSEC_PER_MS);
	hand_over_batch(l);
	return drained && l->merge.n == 0;
}

void live_take_rest(struct live *l, live_frames_fn *frames, void *user)
{
	live_take(l, frames, user);
	release(l, INT64_MAX);
	hand_over_batch(l);
}

/* ---- rings that are read by threads of their own ---- */

size_t live_rings(const struct live *l)
{
	return l->n;
}

int live_ring_descriptor(const struct live *l, size_t ring)
{
	return pcap_get_selectable_fd(l->interfaces[ring].pcap);
}

struct ring_call {
	struct interface *interface;
	struct live_room *room;
	nsec from;
};

/* What lay in the ring before it was joined is soon gone; then the clock may be set back. */
static nsec counts_from(struct interface *i)
{
	nsec now = live_monotonic();

	if (i->begun == NSEC_NONE)
		i->begun = now;
	return now < i->begun + JOINED_S * NSEC_PER_S ? i->live->from : NSEC_NONE;
}

static void to_room(u_char *user, const struct pcap_pkthdr *h, const u_char *data)
{
	struct ring_call *c = (struct ring_call *)(void *)user;
	struct live_room *r = c->room;
	struct frame f = frame_of(c->interface, h, r->bytes + r->used);

	if (f.at < c->from || f.captured > LIVE_FRAME_BYTES)
		return;
	memcpy(r->bytes + r->used, data, f.captured);
	r->used += f.captured;
	r->frames[r->n++] = f;
	if (r->size - r->used < LIVE_FRAME_BYTES)	/* the next might not fit */
		pcap_breakloop(c->interface->pcap);
}

bool live_ring_read(struct live *l, size_t ring, struct live_room *room)
{
	struct interface *i = &l->interfaces[ring];
	struct ring_call c = { .interface = i, .room = room, .from = counts_from(i) };
	int n = 0;

	assert(room->size >= LIVE_FRAME_BYTES);
	room->n = room->used = 0;
	pthread_mutex_lock(&i->lock);
	if (!i->gone)
		n = pcap_dispatch(i->pcap, (int)room->max, to_room, (u_char *)&c);
	if (n < 0 && n != PCAP_ERROR_BREAK)
		i->gone = true;		/* as in live_take() */
	pthread_mutex_unlock(&i->lock);
	return n > 0 || room->n > 0;
}

bool live_ring_waits(struct live *l, size_t ring)
{
	struct interface *i = &l->interfaces[ring];
	struct pollfd fd = { .fd = live_ring_descriptor(l, ring), .events = POLLIN };
	bool gone;

	pthread_mutex_lock(&i->lock);
	gone = i->gone;
	pthread_mutex_unlock(&i->lock);
	return !gone && poll(&fd, 1, 0) > 0 && fd.revents & POLLIN;
}

/* ---- what to wait for ---- */

size_t live_descriptors(const struct live *l, int ret[LIVE_INTERFACES_MAX])
{
	for (size_t i = 0; i < l->n; i++)
		ret[i] = l->interfaces[i].gone ? -1 : pcap_get_selectable_fd(l->interfaces[i].pcap);
	return l->n;
}

/* ---- what all of them say ---- */

bool live_sees(struct live *l)
{
	bool sees = false;

	for (size_t k = 0; k < l->n; k++) {
		struct interface *i = &l->interfaces[k];

		pthread_mutex_lock(&i->lock);
		sees |= !i->gone && !i->down;
		pthread_mutex_unlock(&i->lock);
	}
	return sees;
}

void live_counters(struct live *l, struct live_counters *ret)
{
	*ret = (struct live_counters){ 0 };
	for (size_t k = 0; k < l->n; k++) {
		struct interface *i = &l->interfaces[k];
		struct pcap_stat now;

		pthread_mutex_lock(&i->lock);
		if (pcap_stats(i->pcap, &now) == 0) {
			/* modulo 2^32 */
			i->counters.received += now.ps_recv - i->before.ps_recv;
			i->counters.dropped += now.ps_drop - i->before.ps_drop;
			if (k % l->rings == 0)		/* each of its rings says the same */
				i->counters.interface_dropped +=
					now.ps_ifdrop - i->before.ps_ifdrop;
			i->before = now;
		}
		pthread_mutex_unlock(&i->lock);
		ret->received += i->counters.received;
		ret->dropped += i->counters.dropped;
		ret->interface_dropped += i->counters.interface_dropped;
	}
}
