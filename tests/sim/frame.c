/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "frame.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ESP = 50, PROTO_AH = 51,
	PROTO_ICMP6 = 58,
};

void sim_frame_clear(struct sim_frame *f)
{
	f->start = SIM_HEADROOM;
	f->length = 0;
}

void sim_frame_copy(struct sim_frame *to, const struct sim_frame *from)
{
	to->start = from->start;
	to->length = from->length;
	memcpy(to->room + to->start, from->room + from->start, from->length);
}

unsigned char *sim_frame_data(struct sim_frame *f)
{
	return f->room + f->start;
}

unsigned char *sim_extend(struct sim_frame *f, size_t n)
{
	unsigned char *end = f->room + f->start + f->length;

	assert(f->start + f->length + n <= sizeof f->room);
	memset(end, 0, n);
	f->length += n;
	return end;
}

void sim_append(struct sim_frame *f, const void *bytes, size_t n)
{
	if (n > 0)
		memcpy(sim_extend(f, n), bytes, n);
}

unsigned char *sim_push(struct sim_frame *f, size_t n)
{
	assert(f->start >= n);
	f->start -= n;
	f->length += n;
	memset(f->room + f->start, 0, n);
	return f->room + f->start;
}

void sim_put8(struct sim_frame *f, unsigned v)
{
	*sim_extend(f, 1) = (unsigned char)v;
}

void sim_put16(struct sim_frame *f, unsigned v)
{
	sim_set16(sim_extend(f, 2), v);
}

void sim_put32(struct sim_frame *f, uint32_t v)
{
	sim_set32(sim_extend(f, 4), v);
}

void sim_put64(struct sim_frame *f, uint64_t v)
{
	sim_set64(sim_extend(f, 8), v);
}

struct sim_addr sim_addr(const char *text)
{
	struct sim_addr a = { .v6 = strchr(text, ':') != NULL };

	if (inet_pton(a.v6 ? AF_INET6 : AF_INET, text, a.bytes) != 1) {
		fprintf(stderr, "sim: not an address: %s\n", text);
		exit(1);
	}
	return a;
}

bool sim_addr_equal(struct sim_addr a, struct sim_addr b)
{
	return a.v6 == b.v6 && memcmp(a.bytes, b.bytes, a.v6 ? 16 : 4) == 0;
}

const char *sim_addr_text(struct sim_addr a, char ret[64])
{
	return inet_ntop(a.v6 ? AF_INET6 : AF_INET, a.bytes, ret, 64);
}

/* RFC 1071, over 16-bit words in network order. */
static uint32_t sum_words(uint32_t sum, const unsigned char *p, size_t n)
{
	for (; n >= 2; p += 2, n -= 2)
		sum += (uint32_t)(p[0] << 8 | p[1]);
	if (n > 0)
		sum += (uint32_t)(p[0] << 8);
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint16_t pseudo_checksum(struct sim_addr src, struct sim_addr dst, uint8_t proto,
				const unsigned char *p, size_t n)
{
	size_t width = src.v6 ? 16 : 4;
	uint32_t sum = sum_words(0, src.bytes, width);

	sum = sum_words(sum, dst.bytes, width);
	sum += proto + (uint32_t)n;
	return sum_fold(sum_words(sum, p, n));
}

static void push_ip4(struct sim_frame *f, const struct sim_ip *ip)
{
	unsigned char *h = sim_push(f, 20);

	h[0] = 0x45;
	sim_set16(h + 2, (unsigned)f->length);
	sim_set16(h + 4, ip->id);
	sim_set16(h + 6, ip->df ? 0x4000 : 0);
	h[8] = ip->ttl ? ip->ttl : 64;
	h[9] = ip->proto;
	memcpy(h + 12, ip->src.bytes, 4);
	memcpy(h + 16, ip->dst.bytes, 4);
	sim_set16(h + 10, sum_fold(sum_words(0, h, 20)));
}

static void push_ip6(struct sim_frame *f, const struct sim_ip *ip)
{
	uint8_t next = ip->proto;

	if (ip->hop_by_hop) {
		unsigned char *o = sim_push(f, 8);

		o[0] = next;
		o[2] = 1;	/* PadN of four bytes fills the header */
		o[3] = 4;
		next = 0;
	}

	size_t payload = f->length;
	unsigned char *h = sim_push(f, 40);

	h[0] = 0x60;
	sim_set16(h + 4, (unsigned)payload);
	h[6] = next;
	h[7] = ip->ttl ? ip->ttl : 64;
	memcpy(h + 8, ip->src.bytes, 16);
	memcpy(h + 24, ip->dst.bytes, 16);
}

void sim_push_ip(struct sim_frame *f, const struct sim_ip *ip)
{
	assert(ip->src.v6 == ip->dst.v6);
	if (ip->src.v6)
		push_ip6(f, ip);
	else
		push_ip4(f, ip);
}

void sim_push_udp(struct sim_frame *f, struct sim_endpoint src, struct sim_endpoint dst)
{
	unsigned char *h = sim_push(f, 8);

	sim_set16(h, src.port);
	sim_set16(h + 2, dst.port);
	sim_set16(h + 4, (unsigned)f->length);

	uint16_t sum = pseudo_checksum(src.addr, dst.addr, PROTO_UDP, h, f->length);

	sim_set16(h + 6, sum ? sum : 0xffff);	/* 0 would mean "none", RFC 768 */
}

void sim_push_tcp(struct sim_frame *f, const struct sim_tcp *t)
{
	unsigned char *h = sim_push(f, 20);

	sim_set16(h, t->src.port);
	sim_set16(h + 2, t->dst.port);
	sim_set32(h + 4, t->seq);
	sim_set32(h + 8, t->ack);
	h[12] = 5 << 4;
	h[13] = t->flags;
	sim_set16(h + 14, 64240);
	sim_set16(h + 16, pseudo_checksum(t->src.addr, t->dst.addr, PROTO_TCP, h, f->length));
}

void sim_push_esp(struct sim_frame *f, uint32_t spi, uint32_t seq)
{
	unsigned char *h = sim_push(f, 8);

	sim_set32(h, spi);
	sim_set32(h + 4, seq);
}

void sim_push_ah(struct sim_frame *f, uint8_t next, uint32_t spi, uint32_t seq)
{
	unsigned char *h = sim_push(f, 24);

	h[0] = next;
	h[1] = 24 / 4 - 2;	/* Payload Len in 32-bit words minus 2, RFC 4302 2.2 */
	sim_set32(h + 4, spi);
	sim_set32(h + 8, seq);
	for (unsigned i = 0; i < 12; i++)
		h[12 + i] = (unsigned char)(spi * 7 + seq * 13 + i * 31);
}

void sim_push_marker(struct sim_frame *f)
{
	sim_push(f, 4);
}

void sim_push_tcp_length(struct sim_frame *f, bool first)
{
	sim_push(f, 2);
	sim_set16(sim_frame_data(f), (unsigned)f->length);	/* counts itself */
	if (first)
		memcpy(sim_push(f, 6), "IKETCP", 6);
}

void sim_icmp_about(struct sim_frame *f, struct sim_addr router, uint8_t code, uint32_t mtu)
{
	struct sim_ip ip = { .src = router, .ttl = 250 };
	const unsigned char *quoted = sim_frame_data(f);

	ip.dst.v6 = router.v6;
	if (router.v6) {
		memcpy(ip.dst.bytes, quoted + 8, 16);
		/* to stay below 1280, RFC 4443 2.4 */
		f->length = f->length > 1232 ? 1232 : f->length;
	} else {
		memcpy(ip.dst.bytes, quoted + 12, 4);
		f->length = f->length > 548 ? 548 : f->length;		/* RFC 1812 4.3.2.3 */
	}

	unsigned char *h = sim_push(f, 8);

	if (router.v6) {
		h[0] = mtu ? 2 : 1;
		h[1] = mtu ? 0 : code;
		sim_set32(h + 4, mtu);
		ip.proto = PROTO_ICMP6;
		sim_set16(h + 2, pseudo_checksum(ip.src, ip.dst, PROTO_ICMP6, h, f->length));
	} else {
		h[0] = 3;
		h[1] = mtu ? 4 : code;
		sim_set16(h + 6, mtu);
		ip.proto = PROTO_ICMP;
		sim_set16(h + 2, sum_fold(sum_words(0, h, f->length)));
	}
	sim_push_ip(f, &ip);
}

static void piece_ip4(struct sim_frame *piece, const unsigned char *header,
		      const unsigned char *data, size_t n, size_t offset, bool more, uint32_t id)
{
	sim_append(piece, data, n);

	unsigned char *h = sim_push(piece, 20);

	memcpy(h, header, 20);
	sim_set16(h + 2, (unsigned)piece->length);
	sim_set16(h + 4, id & 0xffff);
	sim_set16(h + 6, (unsigned)(offset / 8) | (more ? 0x2000 : 0));
	sim_set16(h + 10, 0);
	sim_set16(h + 10, sum_fold(sum_words(0, h, 20)));
}

static void piece_ip6(struct sim_frame *piece, const unsigned char *header,
		      const unsigned char *data, size_t n, size_t offset, bool more, uint32_t id)
{
	sim_append(piece, data, n);

	unsigned char *fh = sim_push(piece, 8);

	fh[0] = header[6];
	sim_set16(fh + 2, (unsigned)offset | (more ? 1 : 0));
	sim_set32(fh + 4, id);

	size_t payload = piece->length;
	unsigned char *h = sim_push(piece, 40);

	memcpy(h, header, 40);
	sim_set16(h + 4, (unsigned)payload);
	h[6] = 44;
}

void sim_fragment(const struct sim_frame *packet, size_t mtu, uint32_t id,
		  void (*emit)(void *context, struct sim_frame *piece), void *context)
{
	static struct sim_frame piece;	/* single-threaded program; a frame is large for a stack */
	const unsigned char *ip = packet->room + packet->start;
	bool v6 = ip[0] >> 4 == 6;
	size_t header = v6 ? 40 : 20, room = (mtu - header - (v6 ? 8 : 0)) & ~(size_t)7;

	if (packet->length <= mtu) {
		sim_frame_copy(&piece, packet);
		emit(context, &piece);
		return;
	}
	for (size_t offset = 0, total = packet->length - header; offset < total; offset += room) {
		size_t n = total - offset < room ? total - offset : room;

		sim_frame_clear(&piece);
		(v6 ? piece_ip6 : piece_ip4)(&piece, ip, ip + header + offset, n, offset,
					     offset + n < total, id);
		emit(context, &piece);
	}
}
