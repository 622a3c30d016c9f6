/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One direction of a TCP/4500 stream: its messages, and any piece of it as a segment. */
#ifndef TESTS_CAPTURE_STREAM_SENT_H
#define TESTS_CAPTURE_STREAM_SENT_H

#include "reassembly.h"

enum { STREAM_BYTES = 1 << 20, FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct stream_sent {
	bool v6;
	uint32_t src, dst;
	uint16_t src_port, dst_port;
	uint32_t isn;
	uint32_t length;		/* bytes so far */
	unsigned messages;
	uint32_t seed[1024], size[1024], end[1024];	/* of each message; where it ends */
	bool is_ike[1024];
	uint32_t esp_seq;
	uint8_t bytes[STREAM_BYTES];
};

static inline struct stream_sent *stream_make(bool v6, uint32_t src, uint16_t src_port,
					      uint32_t dst, uint16_t dst_port, uint32_t isn)
{
	struct stream_sent *t = calloc(1, sizeof(*t));

	t->v6 = v6;
	t->src = src;
	t->dst = dst;
	t->src_port = src_port;
	t->dst_port = dst_port;
	t->isn = isn;
	return t;
}

static inline void stream_say(struct stream_sent *t, const void *bytes, uint32_t n)
{
	memcpy(t->bytes + t->length, bytes, n);
	t->length += n;
}

static inline void stream_message(struct stream_sent *t, bool is_ike, const uint8_t *message,
				  uint32_t n)
{
	uint8_t length[2];
	unsigned at = t->messages++;

	put16(length, n + 2 + (is_ike ? 4 : 0));
	stream_say(t, length, 2);
	if (is_ike)
		stream_say(t, "\0\0\0\0", 4);
	stream_say(t, message, n);
	t->seed[at] = get32(message + (is_ike ? 28 : 8));
	t->size[at] = n;
	t->end[at] = t->length;
	t->is_ike[at] = is_ike;
}

/* IKE_AUTH of `n` bytes, RFC 7296 3.1 */
static inline void stream_ike(struct stream_sent *t, uint32_t n, uint32_t seed)
{
	uint8_t *m = calloc(1, n);

	put32(m, 0x11223344);
	put32(m + 4, t->src);
	put32(m + 8, 0x55667788);
	put32(m + 12, t->dst);
	m[16] = 46;
	m[17] = 0x20;
	m[18] = 35;
	m[19] = 0x08;
	put32(m + 20, 1);
	put32(m + 24, n);
	payload_fill(m + 28, n - 28, seed);
	stream_message(t, true, m, n);
	free(m);
}

static inline void stream_esp(struct stream_sent *t, uint32_t n, uint32_t seed)
{
	uint8_t *m = calloc(1, n);

	put32(m, 0xc0de0000 | (t->src & 0xff));
	put32(m + 4, ++t->esp_seq);
	payload_fill(m + 8, n - 8, seed);
	stream_message(t, false, m, n);
	free(m);
}

/* The segment with bytes `from`..`to`, of whose IP packet at most `snap` bytes were captured. */
static inline void segment_cut(struct seen *s, nsec at, const struct stream_sent *t, uint32_t from,
			       uint32_t to, uint8_t flags, uint32_t snap)
{
	uint32_t header = t->v6 ? 40 : 20, length = header + 20 + to - from;
	uint8_t *ip = calloc(1, length), *tcp = ip + header;

	if (t->v6) {
		ip[0] = 0x60;
		put16(ip + 4, length - 40);
		ip[6] = IP_TCP;
		put32(ip + 8, 0x20010db8);
		put32(ip + 20, t->src);
		put32(ip + 24, 0x20010db8);
		put32(ip + 36, t->dst);
	} else {
		ip[0] = 0x45;
		put16(ip + 2, length);
		ip[8] = 64;
		ip[9] = IP_TCP;
		put32(ip + 12, t->src);
		put32(ip + 16, t->dst);
	}
	put16(tcp, t->src_port);
	put16(tcp + 2, t->dst_port);
	put32(tcp + 4, t->isn + (flags & SYN ? 0 : 1 + from));
	tcp[12] = 0x50;
	tcp[13] = flags;
	memcpy(tcp + 20, t->bytes + from, to - from);
	packet_feed(s, at, (uint64_t)(at / NSEC_PER_MS & 0xffffff), ip,
		    length < snap ? length : snap, length);
	free(ip);
}

static inline void segment(struct seen *s, nsec at, const struct stream_sent *t, uint32_t from,
			   uint32_t to, uint8_t flags)
{
	segment_cut(s, at, t, from, to, flags, UINT32_MAX);
}

/* That messages `first`..`last` of `t`, and only those, came out from number `from` on. */
static inline void messages_check(const struct seen *s, unsigned from, const struct stream_sent *t,
				  unsigned first, unsigned last)
{
	assert_int_equal(s->messages - from, last - first);
	for (unsigned i = first; i < last; i++) {
		assert_int_equal(s->seed[from + i - first], t->seed[i]);
		assert_int_equal(s->length[from + i - first], t->size[i]);
		assert_int_equal(s->is_ike[from + i - first], t->is_ike[i]);
	}
}

#endif
