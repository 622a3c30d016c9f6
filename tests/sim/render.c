/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a packet in flight to the frames that the tap writes. */
#include "world.h"

#include "truth.h"

enum { PROTO_IPIP = 4, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ESP = 50, PROTO_AH = 51 };

static void write_frame(struct sim_world *w, struct sim_frame *f, unsigned from)
{
	struct sim_link *l = &w->tap.link;
	sim_time at = SIM_EPOCH + w->now +
		      (w->tap.jump_at && w->now >= w->tap.jump_at ? w->tap.jump_by : 0);

	l->swapped = from == 1;
	l->sequence++;
	sim_push_link(f, l);
	sim_pcap_write(&w->out, at, sim_frame_data(f), f->length, f->length);
}

static void append_random(struct sim_frame *f, uint64_t seed, size_t n)
{
	struct sim_rng r = { seed };

	sim_rng_fill(&r, sim_extend(f, n), n);
}

/* What AH protects is readable: a UDP packet between two protected hosts. */
static void append_inner(struct sim_frame *f, const struct sim_packet *p)
{
	struct sim_endpoint a = { sim_addr("10.1.0.1"), 7 }, b = { sim_addr("10.2.0.1"), 7 };
	struct sim_ip ip = { .src = p->from ? b.addr : a.addr, .dst = p->from ? a.addr : b.addr,
			     .proto = PROTO_UDP, .id = p->ip_id };

	append_random(f, p->content, p->size > 28 ? p->size - 28 : 0);
	sim_push_udp(f, p->from ? b : a, p->from ? a : b);
	sim_push_ip(f, &ip);
}

/* Everything above IP; returns the protocol number. */
static uint8_t build_payload(struct sim_frame *f, const struct sim_packet *p)
{
	sim_frame_clear(f);
	switch (p->kind) {
	case SIM_IKE:
		sim_append(f, p->message->datagrams[p->datagram].at,
			   p->message->datagrams[p->datagram].length);
		if (p->src.port != 500 && p->dst.port != 500)
			sim_push_marker(f);
		break;
	case SIM_ESP:
		append_random(f, p->content, p->size);
		sim_push_esp(f, p->spi, p->seq);
		break;
	case SIM_AH:
		append_inner(f, p);
		sim_push_ah(f, PROTO_IPIP, p->spi, p->seq);
		return PROTO_AH;
	case SIM_KEEPALIVE:
		sim_put8(f, 0xff);
		break;
	case SIM_ICMP:
	case SIM_KINDS:
		break;
	}
	if (p->src.port == 0)
		return PROTO_ESP;
	sim_push_udp(f, p->src, p->dst);
	return PROTO_UDP;
}

static void push_ip(struct sim_frame *f, const struct sim_packet *p, uint8_t proto)
{
	struct sim_ip ip = {
		.src = p->src.addr, .dst = p->dst.addr, .proto = proto, .ttl = 60, .id = p->ip_id
	};

	sim_push_ip(f, &ip);
}

struct pieces {
	struct sim_world *w;
	const struct sim_packet *p;
	unsigned n;
};

static void write_piece(void *context, struct sim_frame *piece)
{
	struct pieces *all = context;

	if (all->n++ == 0 || !all->p->only_first)
		write_frame(all->w, piece, all->p->from);
}

static void write_segment(struct sim_world *w, struct sim_packet *p, struct sim_frame *f,
			  uint8_t flags)
{
	struct sim_pair *pair = p->pair;
	unsigned from = p->from;
	uint16_t client = (uint16_t)(40000 + pair->number);
	struct sim_tcp t = { p->src, p->dst, pair->tcp_seq[from], 0, flags };
	size_t carried = f->length;

	t.src.port = from == 0 ? client : 4500;
	t.dst.port = from == 0 ? 4500 : client;
	t.ack = flags & SIM_TCP_ACK ? pair->tcp_seq[1 - from] : 0;
	sim_push_tcp(f, &t);
	push_ip(f, p, PROTO_TCP);
	write_frame(w, f, from);
	pair->tcp_seq[from] += (uint32_t)carried + (flags & SIM_TCP_SYN ? 1 : 0);
}

/* The connection is opened by A, just before its first byte. */
static void open_tcp(struct sim_world *w, struct sim_packet *p, struct sim_frame *f)
{
	static const uint8_t flags[3] = { SIM_TCP_SYN, SIM_TCP_SYN | SIM_TCP_ACK, SIM_TCP_ACK };
	struct sim_packet step = *p;

	p->pair->tcp_open = true;
	p->pair->tcp_seq[0] = sim_rng_u32(&w->rng);
	p->pair->tcp_seq[1] = sim_rng_u32(&w->rng);
	for (unsigned i = 0; i < 3; i++) {
		step.from = i == 1;
		step.src = i == 1 ? p->dst : p->src;
		step.dst = i == 1 ? p->src : p->dst;
		step.ip_id = ++p->pair->ip_id[step.from];
		sim_frame_clear(f);
		write_segment(w, &step, f, flags[i]);
	}
}

static void render_tcp(struct sim_world *w, struct sim_packet *p, struct sim_frame *f)
{
	if (p->kind == SIM_KEEPALIVE)
		return;
	if (!p->pair->tcp_open)
		open_tcp(w, p, f);
	sim_frame_clear(f);
	if (p->kind == SIM_IKE) {
		sim_append(f, p->message->datagrams[p->datagram].at,
			   p->message->datagrams[p->datagram].length);
		sim_push_marker(f);
	} else {
		append_random(f, p->content, p->size);
		sim_push_esp(f, p->spi, p->seq);
	}
	sim_push_tcp_length(f, p->from == 0 && !p->pair->tcp_prefix[0]);
	p->pair->tcp_prefix[p->from] = true;
	write_segment(w, p, f, SIM_TCP_ACK | SIM_TCP_PSH);
}

static void render_once(struct sim_world *w, struct sim_packet *p)
{
	static struct sim_frame f;
	struct pieces all = { w, p, 0 };

	if (w->tap.tcp) {
		render_tcp(w, p, &f);
		return;
	}

	const struct sim_packet *shown = p->kind == SIM_ICMP ? p->quoted : p;
	uint8_t proto = build_payload(&f, shown);

	push_ip(&f, shown, proto);
	if (p->kind == SIM_ICMP)
		sim_icmp_about(&f, p->src.addr, p->icmp_code, (uint32_t)p->size);
	sim_fragment(&f, p->pair->net.mtu, p->ip_id, write_piece, &all);
}

void sim_render_again(struct sim_world *w, void *object, uint64_t arg)
{
	(void)arg;
	render_once(w, object);
	w->truth->mirrored++;
	sim_packet_drop(object);
}

void sim_render(struct sim_world *w, struct sim_packet *p)
{
	render_once(w, p);
	sim_truth_captured(w, p);
	/* the same frame, same IP id, by the mirror's other port */
	if (sim_chance(w, w->tap.duplicate))
		sim_after(w, sim_between(w, 5e-6, 900e-6), sim_render_again, sim_packet_keep(p), 0);
}
