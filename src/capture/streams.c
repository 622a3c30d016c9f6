/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "streams.h"

#include <assert.h>
#include "framing.h"
#include "stream_table.h"

enum {
	/* Beyond this a sequence number has nothing to do with what went before. */
	FAR = 1 << 20,
	/* libnids counts a stream's bytes in an int. */
	FLOW_BYTES_MAX = 1 << 30,
	TCP_HEADER = 20,
};

enum { TCP_FIN = 0x01, TCP_SYN = 0x02 };

static const nsec HOLE_PATIENCE = NSEC_PER_S;
static const nsec TICK = NSEC_PER_S / 4;	/* callers tick as often as they like */
static const nsec CLOSED_LINGER =
    60 * NSEC_PER_S; /* what is sent again after both FINs is nothing new */

struct segment {
	uint16_t ports[2];
	uint32_t seq;
	uint8_t flags;
	uint32_t length;	/* of the data, on the wire */
	struct bytes data;	/* what was captured of it */
};

/* RFC 9293 3.1.  False when the header was cut or is nonsense. */
static bool segment_parse(struct reader r, struct segment *ret)
{
	ret->ports[0] = reader_u16(&r);
	ret->ports[1] = reader_u16(&r);
	ret->seq = reader_u32(&r);
	reader_skip(&r, 4);

	uint32_t header = (reader_u8(&r) >> 4) * UINT32_C(4);

	ret->flags = reader_u8(&r);
	reader_skip(&r, 6);
	if (header < TCP_HEADER)
		return false;
	reader_skip(&r, header - TCP_HEADER);
	ret->length = (uint32_t)reader_remaining(&r);
	ret->data = (struct bytes){ r.at, r.left };
	return reader_ok(&r);
}

/* How far `seq` is ahead of `of`, or behind when negative. */
static int32_t ahead(uint32_t seq, uint32_t of)
{
	return (int32_t)(seq - of);
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static void held_free_first(struct streams *t, struct stream *s, struct direction *d)
{
	uint32_t at = d->held, length = t->held[at].length;

	d->held = t->held[at].next;
	t->held[at].next = t->held_free;
	t->held_free = at;
	d->held_cost -= length + GLUE_PIECE_COST;
	d->held_blocks -= blocks_for(length);
	stream_discharge(t, s, blocks_for(length));
}

/* `data` stands at d->next: give out what is in order now. */
static void piece_in_order(struct streams *t, struct stream *s, struct direction *d,
			   const struct packet *p, struct bytes data)
{
	struct glue *g = t->setup.glue;
	uint32_t out = g->flow_put(g, direction_flow(t, s, d), d->next - d->origin, data,
				   t->scratch + STREAM_MESSAGE_MAX);
	uint32_t end = d->next + (uint32_t)data.length;

	while (d->held != SLOT_NONE && t->held[d->held].seq == end) {
		end += t->held[d->held].length;
		held_free_first(t, s, d);
	}
	if (out != end - d->next) {	/* the engine lost its way; begin anew behind this */
		t->setup.counters->refused++;
		direction_place(t, s, d, end, false);
		return;
	}
	d->next = end;
	d->stuck_since = d->held == SLOT_NONE ? NSEC_NONE : d->frame.at;
	if (d->held == SLOT_NONE && d->next - d->origin > FLOW_BYTES_MAX) {
		direction_flow_close(t, s, d);
		d->origin = d->next;
	}
	framing_read(t, s, d, p, out);
}

/*
 * The bytes up to `to` are not coming: let zeros take their place in the glue
 * and throw them away.  When the hole ends within the message it began in,
 * the next one is where the length says; else the framing has to be found again.
 */
static void bytes_unseen(struct streams *t, struct stream *s, struct direction *d,
			 const struct packet *p, uint32_t to)
{
	static const uint8_t zeros[GLUE_PIECE_MAX];
	uint32_t gap = to - d->next;
	uint32_t rest = d->wanted > d->pending.length ? d->wanted - d->pending.length : 0;

	assert(gap <= 65535);	/* it was held in the window, or is the rest of a segment */

	bool within = !d->lost && !d->at_start && d->pending.length >= 2 && rest >= gap;

	if (d->discard < gap) {
		d->lost = !within;
		d->at_start = false;
		d->discard = within ? rest : gap;
		direction_drop_pending(t, s, d);
	}
	while (ahead(to, d->next) > 0)
		piece_in_order(t, s, d, p,
			       (struct bytes){zeros, least(to - d->next, GLUE_PIECE_MAX)});
}

static void hole_give_up(struct streams *t, struct stream *s, struct direction *d,
			 const struct packet *p)
{
	t->setup.counters->holes++;
	if (!d->doubted) {
		d->doubted = true;
		d->hole = d->next;
		d->hole_clean =
			!d->lost && !d->at_start && d->pending.length == 0 && d->discard == 0;
	}
	bytes_unseen(t, s, d, p, t->held[d->held].seq);
}

/*
 * Somebody beside the path who sends bytes with any number makes a hole now and
 * then.  What goes on exactly where the stream stopped is the stream.
 */
static void hole_take_back(struct streams *t, struct stream *s, struct direction *d)
{
	bool clean = d->hole_clean;

	t->setup.counters->resyncs += clean;
	direction_place(t, s, d, d->hole, false);
	d->lost = !clean;
}

/* Give `data` to the glue to hold; it overlaps nothing that is held. */
static bool piece_hold(struct streams *t, struct stream *s, struct direction *d, uint32_t seq,
		       struct bytes data)
{
	uint32_t length = (uint32_t)data.length, blocks = blocks_for(length);
	struct glue *g = t->setup.glue;
	uint32_t *link = &d->held;

	if (d->held_cost + length + GLUE_PIECE_COST > GLUE_WINDOW)
		return false;
	stream_charge(t, s, blocks);

	uint32_t at = t->held_free;

	assert(at != SLOT_NONE);	/* each takes a block of the limit or more */
	t->held_free = t->held[at].next;
	while (*link != SLOT_NONE && ahead(t->held[*link].seq, seq) < 0)
		link = &t->held[*link].next;
	t->held[at] = (struct held){ .next = *link, .seq = seq, .length = length };
	*link = at;
	d->held_cost += length + GLUE_PIECE_COST;
	d->held_blocks += blocks;
	if (d->stuck_since == NSEC_NONE)
		d->stuck_since = d->frame.at;
	g->flow_put(g, direction_flow(t, s, d), seq - d->origin, data,
		    t->scratch + STREAM_MESSAGE_MAX);
	return true;
}

/*
 * Where the bytes that begin at `seq` stop being new: at `end`, at something
 * that is held, or at the size of a piece.  `seq` itself when it is held; then
 * *ret_behind is where that ends.
 */
static uint32_t new_until(const struct streams *t, const struct direction *d, uint32_t seq,
			  uint32_t end, uint32_t *ret_behind)
{
	*ret_behind = seq;
	for (uint32_t i = d->held; i != SLOT_NONE; i = t->held[i].next) {
		const struct held *h = &t->held[i];

		if (ahead(h->seq + h->length, seq) <= 0)
			continue;
		if (ahead(h->seq, seq) <= 0) {
			*ret_behind = h->seq + h->length;
			return seq;
		}
		if (ahead(h->seq, end) < 0)
			end = h->seq;
		break;
	}
	return seq + least(end - seq, GLUE_PIECE_MAX);
}

/* The new ones among the captured bytes of a segment that is near. */
static void data_add(struct streams *t, struct stream *s, struct direction *d,
		     const struct packet *p, uint32_t seq, struct bytes data)
{
	uint32_t end = seq + (uint32_t)data.length, at = seq;

	while (ahead(end, at) > 0) {
		uint32_t behind;

		if (ahead(d->next, at) > 0) {
			at = d->next;
			continue;
		}

		uint32_t until = new_until(t, d, at, end, &behind);
		struct bytes piece = { data.data + (at - seq), until - at };

		if (until == at) {
			at = behind;
			continue;
		}
		if (at == d->next) {
			d->doubted = false;
			piece_in_order(t, s, d, p, piece);
		} else if (!piece_hold(t, s, d, at, piece)) {
			t->setup.counters->refused++;
			return;
		}
		at = until;
	}
}

/*
 * Bring `d` to where segment `g` can be added, or say that it cannot.  What is
 * too far ahead of a hole means that the hole stays; what is far from
 * everything for a second means that we missed more than the window, if it
 * goes on by itself: anybody can send one with any number.
 */
static bool segment_near(struct streams *t, struct stream *s, struct direction *d,
			 const struct packet *p, const struct segment *g, nsec now)
{
	uint32_t cost = g->length + GLUE_PIECE_COST * (2 + g->length / GLUE_PIECE_MAX);
	int64_t from = ahead(g->seq, d->next);

	while (d->held != SLOT_NONE && from > 0 && from < FAR &&
	       (from + g->length > GLUE_WINDOW || d->held_cost + cost > GLUE_WINDOW)) {
		hole_give_up(t, s, d, p);
		from = ahead(g->seq, d->next);
	}
	if (from > -FAR && (from <= 0 || from + g->length <= GLUE_WINDOW))
		return true;
	int64_t step = ahead(g->seq, d->far);
	bool goes_on = step > -FAR && step < FAR;

	d->far = g->seq + g->length;
	if (d->stuck_since == NSEC_NONE || !goes_on) {
		d->stuck_since = now;
		return false;
	}
	if (now - d->stuck_since < HOLE_PATIENCE)
		return false;
	t->setup.counters->holes++;
	direction_place(t, s, d, g->seq, false);
	return true;
}

static void segment_add(struct streams *t, struct stream *s, struct direction *d,
			const struct packet *p, const struct segment *g, nsec now)
{
	if (!d->placed)
		direction_place(t, s, d, g->seq, false);
	else if (d->syn_seen && g->seq == d->syn)
		direction_place(t, s, d, g->seq, true);	/* the ports are used again */
	if (d->doubted && g->seq == d->hole)
		hole_take_back(t, s, d);
	if (!segment_near(t, s, d, p, g, now))
		return;
	data_add(t, s, d, p, g->seq, g->data);

	uint32_t seen_to = g->seq + (uint32_t)g->data.length, end = g->seq + g->length;

	if (d->next == seen_to && end != seen_to && d->held == SLOT_NONE) {
		t->setup.counters->holes++;	/* cut by the snap length: the rest never comes */
		bytes_unseen(t, s, d, p, end);
	}
}

/* Another SYN counts once data follows it: one that was sent again or forged changes nothing. */
static void syn_add(struct streams *t, struct stream *s, struct direction *d, uint32_t first)
{
	if (!d->placed) {
		direction_place(t, s, d, first, true);
	} else if (first != d->start) {
		d->syn_seen = true;
		d->syn = first;
	}
}

static struct stream *stream_of(struct streams *t, const struct packet *p, struct segment *g,
				size_t *ret_from)
{
	struct endpoint from = { p->src, g->ports[0] }, to = { p->dst, g->ports[1] };
	struct endpoint ends[2] = { from, to };

	*ret_from = 0;
	if (endpoint_compare(from, to) > 0) {
		ends[0] = to;
		ends[1] = from;
		*ret_from = 1;
	}

	struct stream *s = stream_find(t, ends, p->network);

	if (s || (g->length == 0 && !(g->flags & TCP_SYN)))
		return s;
	return stream_new(t, ends, p->network);
}

/* Nobody loses sight of a hole because its stream went quiet, or the clock went back. */
static void hole_check(struct streams *t, struct stream *s, struct direction *d, nsec now)
{
	if (!d->placed || d->stuck_since == NSEC_NONE)
		return;
	if (d->stuck_since > now)
		d->stuck_since = now;
	if (d->held == SLOT_NONE || now - d->stuck_since < HOLE_PATIENCE)
		return;

	size_t from = (size_t)(d - s->way);
	struct packet p = {
		.src = s->ends[from].addr, .dst = s->ends[!from].addr, .protocol = IP_TCP,
		.hop_limit = d->hop_limit, .depth = d->depth, .network = s->network,
	};

	hole_give_up(t, s, d, &p);
}

void streams_segment(struct streams *t, nsec now, const struct frame *f, const struct packet *p)
{
	struct segment g;
	size_t from;

	t->setup.counters->segments++;
	if (!segment_parse(p->payload, &g)) {
		t->setup.counters->refused++;
		return;
	}

	struct stream *s = stream_of(t, p, &g, &from);

	if (!s)
		return;
	stream_touch(t, s, now);

	struct direction *d = &s->way[from];

	hole_check(t, s, d, now);
	d->frame = *f;
	d->hop_limit = p->hop_limit;
	d->depth = p->depth;
	if (g.flags & TCP_SYN)
		syn_add(t, s, d, ++g.seq);	/* it takes a number */
	if (g.length > 0)
		segment_add(t, s, d, p, &g, now);
	if (d->placed && (g.flags & TCP_FIN)) {
		d->fin_seen = true;
		d->fin = g.seq + g.length;
	}
	d->frame.data = NULL;
	d->frame.captured = 0;
}

static bool direction_finished(const struct direction *d)
{
	return d->placed && d->fin_seen && ahead(d->fin, d->next) <= 0;
}

static void stream_tick(struct streams *t, struct stream *s, nsec now)
{
	hole_check(t, s, &s->way[0], now);
	hole_check(t, s, &s->way[1], now);
	if (direction_finished(&s->way[0]) && direction_finished(&s->way[1]) &&
	    now - s->seen >= CLOSED_LINGER)
		stream_evict(t, s);
}

void streams_tick(struct streams *t, nsec now)
{
	if (t->shares[0].age.count + t->shares[1].age.count == 0)
		return;
	if (t->ticked != NSEC_NONE && now >= t->ticked && now - t->ticked < TICK)
		return;
	t->ticked = now;
	for (uint32_t i = 0; i < t->setup.streams; i++)
		if (t->streams[i].used)
			stream_tick(t, &t->streams[i], now);
}
