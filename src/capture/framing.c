/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "framing.h"

#include <assert.h>

#include <sawatch/tcpencap.h>

enum {
	/* Of a stream without framing, what is kept to look for it: two jumbo frames. */
	LOST_KEEP = 20000,
	/* After so many bytes were searched in vain, so many pass unread: searching is slow. */
	SEARCH_MAX = 256 << 10,
	SEARCH_PAUSE = 1 << 20,
	/* And so many in a second, in all proven streams, and in all others. */
	SEARCH_RATE = 4 << 20,
};

static const nsec CLOCK_SET_BACK = 60 * NSEC_PER_S;

/* What the handler is told about a message: the latest segment, of which `p` may be all that is
 * left. */
static void message_give(struct streams *t, struct stream *s, const struct direction *d,
			 const struct packet *p, bool is_ike, struct bytes message)
{
	const struct reassemble_handler *h = t->setup.handler;
	size_t from = (size_t)(d - s->way);

	stream_prove(t, s);
	t->setup.counters->messages++;
	h->message(h->user, &d->frame, p, s->ends[from].port, s->ends[!from].port, is_ike, message);
}

/* May `n` bytes of `s` be searched at this time? */
static bool search_allowed(struct streams *t, const struct stream *s, nsec now, uint32_t n)
{
	uint32_t *left = &t->search_left[s->proven];

	if (t->search_since == NSEC_NONE || now - t->search_since >= NSEC_PER_S ||
	    t->search_since - now >= CLOCK_SET_BACK) {	/* the clock was set back */
		t->search_since = now;
		t->search_left[0] = t->search_left[1] = SEARCH_RATE;
	}
	if (*left < n)
		return false;
	*left -= n;
	return true;
}

/*
 * The framing in `stream`.  Without the prefix, the first message has to be
 * found like after a hole, or any protocol on this port would look like ESP.
 * Returns how many bytes are done with.
 */
static size_t messages_read(struct streams *t, struct stream *s, struct direction *d,
			    const struct packet *p, struct bytes stream)
{
	size_t done = 0;

	while (done < stream.length) {
		struct bytes rest = { stream.data + done, stream.length - done }, message;
		size_t used;

		if (d->lost) {
			if (!search_allowed(t, s, d->frame.at, (uint32_t)rest.length))
				break;

			size_t skip = tcpencap_resync(rest);

			d->searched += (uint32_t)rest.length;
			if (skip == rest.length)
				break;
			d->searched = 0;
			t->setup.counters->resyncs += !d->at_start;
			d->lost = d->at_start = false;
			done += skip;
			continue;
		}

		enum tcpencap_content content = tcpencap_next(rest, d->at_start, &message, &used);

		if (content == TCPENCAP_MORE)
			break;
		if (d->at_start && content != TCPENCAP_PREFIX) {
			/* the answering side, which begins with IKE; or nothing of ours */
			d->lost = true;
			continue;
		}
		d->at_start = false;
		switch (content) {
		case TCPENCAP_IKE:
		case TCPENCAP_ESP:
			message_give(t, s, d, p, content == TCPENCAP_IKE, message);
			break;
		case TCPENCAP_LOST:
			d->lost = true;
			used = 1;	/* or the search would find the same place again */
			break;
		case TCPENCAP_MORE:
		case TCPENCAP_PREFIX:
		case TCPENCAP_KEEPALIVE:
			break;
		}
		done += used;
	}
	return done;
}

/* At how many bytes it is worth looking at `rest` again. */
static uint32_t bytes_wanted(const struct direction *d, struct bytes rest)
{
	uint32_t have = (uint32_t)rest.length;

	if (d->lost)
		return have * 2;	/* so each byte is searched twice, in the long run */
	if (have >= 2 && !d->at_start)
		return (uint32_t)(rest.data[0] << 8 | rest.data[1]);
	return have + 1;
}

static void pending_append(struct streams *t, struct stream *s, struct direction *d,
			   struct bytes rest)
{
	uint32_t more = blocks_for(d->pending.length + (uint32_t)rest.length) -
			blocks_for(d->pending.length);

	stream_charge(t, s, more);

	bool appended = chain_append(&t->blocks, &d->pending, rest);

	assert(appended);	/* there are as many blocks as both shares may have */
	(void)appended;
}

/* What is left when everything in order was read. */
static void pending_keep(struct streams *t, struct stream *s, struct direction *d,
			 struct bytes rest)
{
	if (d->lost && d->searched > SEARCH_MAX) {
		d->searched = 0;
		d->discard = SEARCH_PAUSE;
		return;
	}
	if (d->lost && rest.length > LOST_KEEP) {
		rest.data += rest.length - LOST_KEEP;
		rest.length = LOST_KEEP;
	}
	d->wanted = bytes_wanted(d, rest);
	pending_append(t, s, d, rest);
}

void framing_read(struct streams *t, struct stream *s, struct direction *d,
			   const struct packet *p, uint32_t n)
{
	uint8_t *at = t->scratch + STREAM_MESSAGE_MAX;
	uint32_t skip = n < d->discard ? n : d->discard;

	d->discard -= skip;
	at += skip;
	n -= skip;
	if (n == 0)
		return;
	if (d->pending.length + n < d->wanted && d->pending.length + n < STREAM_MESSAGE_MAX) {
		pending_append(t, s, d, (struct bytes){ at, n });
		return;
	}

	uint32_t before = d->pending.length;

	assert(before <= STREAM_MESSAGE_MAX);
	at -= before;
	n += before;
	chain_copy(&t->blocks, &d->pending, at);
	direction_drop_pending(t, s, d);

	size_t done = messages_read(t, s, d, p, (struct bytes){ at, n });

	if (done < n)
		pending_keep(t, s, d, (struct bytes){ at + done, n - done });
}
