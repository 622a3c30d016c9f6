/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The honest: tunnels with and without NAT-T, over TCP, with certificates that
 * make IP fragments; rekeys, probes, Deletes, new tunnels in the middle of the
 * attack, one that churns and one whose IKE_AUTH is not answered.
 */
#include "flood.h"

#include <stdlib.h>
#include <string.h>

enum {
	MTU = 1500, CERTIFICATE = 1800, ESP_LENGTH = 142, CHURNS = 6,
	UNANSWERED = TUNNELS + LATE_TUNNELS - 1,
};

#define ESP_PERIOD (2 * S)
#define STEP (20 * MS)
#define PIECE (MS / 50)		/* pieces of one datagram leave together */

static void write_piece(void *context, struct sim_frame *piece)
{
	struct output *out = context;
	static const struct sim_link ethernet = { .type = SIM_ETHERNET };

	sim_push_link(piece, &ethernet);
	sim_pcap_write(&out->pcap, out->now, sim_frame_data(piece), piece->length, piece->length);
	out->now += PIECE;
}

void send_pieces(struct output *out, size_t mtu, uint32_t id)
{
	int64_t next = out->now + out->gap;

	sim_fragment(&out->frame, mtu, id, write_piece, out);
	out->now = next;
}

void send_udp(struct output *out, struct sim_endpoint src, struct sim_endpoint dst, uint16_t id)
{
	struct sim_ip ip = { .src = src.addr, .dst = dst.addr, .proto = 17, .id = id };

	if (src.port == 4500 || dst.port == 4500)
		sim_push_marker(&out->frame);
	sim_push_udp(&out->frame, src, dst);
	sim_push_ip(&out->frame, &ip);
	send_pieces(out, MTU, id);
}

/* ---- one message or packet of a tunnel ---- */

static void send_tcp(struct honest *h, bool from_a, struct output *out)
{
	struct sim_endpoint src = from_a ? h->tunnel.a : h->tunnel.b,
			    dst = from_a ? h->tunnel.b : h->tunnel.a;
	uint32_t *seq = &h->tcp.seq[!from_a];
	struct sim_ip ip = { .src = src.addr, .dst = dst.addr, .proto = 6, .id = (uint16_t)*seq };

	sim_push_tcp_length(&out->frame, from_a && !h->tcp.open[0]);
	h->tcp.open[!from_a] = true;

	uint32_t bytes = (uint32_t)out->frame.length;
	struct sim_tcp t = { src, dst, *seq, h->tcp.seq[from_a], SIM_TCP_ACK | SIM_TCP_PSH };

	sim_push_tcp(&out->frame, &t);
	sim_push_ip(&out->frame, &ip);
	*seq += bytes;
	output_frame(out);
}

static void send_ike(struct honest *h, bool from_a, struct output *out)
{
	const struct tunnel *t = &h->tunnel;

	if (h->over_tcp) {
		sim_push_marker(&out->frame);
		send_tcp(h, from_a, out);
	} else {
		send_udp(out, from_a ? t->a : t->b, from_a ? t->b : t->a,
			 (uint16_t)(out->now / MS));
	}
}

static void protect(struct honest *h, const struct sim_protected *p, bool from_a,
		    struct output *out)
{
	sim_frame_clear(&out->frame);
	sim_say_protected(&out->frame, &h->tunnel.session, p, &out->rng);
	send_ike(h, from_a, out);
}

static void exchange(struct honest *h, uint8_t type, uint8_t np1, size_t inner, uint8_t np1_answer,
		     size_t inner_answer, struct output *out)
{
	struct sim_protected ask = { type, false, true, h->tunnel.next_id++, np1, inner };
	struct sim_protected answer = {
		type, true, false, ask.message_id, np1_answer, inner_answer
	};

	protect(h, &ask, true, out);
	protect(h, &answer, false, out);
}

static void open_tcp(struct honest *h, struct output *out)
{
	for (int way = 0; way < 2; way++) {
		struct sim_endpoint src = way ? h->tunnel.b : h->tunnel.a,
				    dst = way ? h->tunnel.a : h->tunnel.b;
		struct sim_ip ip = { .src = src.addr, .dst = dst.addr, .proto = 6 };
		struct sim_tcp t = { src, dst, h->tcp.seq[way]++, 0,
				     way ? SIM_TCP_SYN | SIM_TCP_ACK : SIM_TCP_SYN };

		sim_frame_clear(&out->frame);
		sim_push_tcp(&out->frame, &t);
		sim_push_ip(&out->frame, &ip);
		output_frame(out);
	}
}

static void init(struct honest *h, struct output *out)
{
	struct tunnel *t = &h->tunnel;

	if (h->over_tcp)
		open_tcp(h, out);
	for (int answer = 0; answer < 2; answer++) {
		struct sim_offer offer = { .suite = t->session.suite, .group = t->session.group };
		struct sim_init init = { .offers = &offer,
					 .n_offers = 1,
					 .src = answer ? t->b : t->a,
					 .dst = answer ? t->a : t->b,
					 .fragmentation = true };

		sim_frame_clear(&out->frame);
		sim_say_init(&out->frame, &t->session, &init, answer, &out->rng);
		send_ike(h, !answer, out);
	}
	if (t->udp)
		t->a.port = t->b.port = 4500;
}

static void set_up(struct honest *h, struct output *out)
{
	const struct sim_session *s = &h->tunnel.session;

	init(h, out);
	exchange(h, X2_AUTH, P2_IDI, sim_inner_auth(s, false), P2_IDR, sim_inner_auth(s, true),
		 out);
	esp_sa_init(&h->esp[0], &h->tunnel, true, out);
	esp_sa_init(&h->esp[1], &h->tunnel, false, out);
}

static void rekey(struct honest *h, struct output *out)
{
	size_t inner = sim_inner_child(&h->tunnel.session, true, true);

	exchange(h, X2_CHILD, P2_NOTIFY, inner, P2_SA, inner - 12, out);
	esp_sa_init(&h->esp[0], &h->tunnel, true, out);
	esp_sa_init(&h->esp[1], &h->tunnel, false, out);
	exchange(h, X2_INFO, P2_DELETE, SIM_INNER_DELETE_ESP, P2_DELETE, SIM_INNER_DELETE_ESP, out);
}

static void traffic(struct honest *h, struct output *out)
{
	static unsigned char body[FRAME_MAX];

	for (int way = 0; way < 2; way++) {
		struct esp_sa *e = &h->esp[way];

		if (!h->over_tcp) {
			esp_send(e, ESP_LENGTH, body, out);
			continue;
		}
		sim_frame_clear(&out->frame);
		sim_append(&out->frame, body, 64);
		sim_push_esp(&out->frame, (uint32_t)e->head[e->head_len - 8] << 24 | 0x111111,
			     ++e->seq);
		send_tcp(h, way == 0, out);
	}
}

/* ---- a life ---- */

struct plan {
	int64_t begin, end;
	int64_t rekeys[CHURNS];		/* 0 none */
	int64_t probe;
	bool deleted;
};

static void live(struct honest *h, const struct plan *p, struct output *out)
{
	unsigned rekeyed = 0;
	bool probed = false;

	out->now = p->begin;
	out->gap = STEP;
	set_up(h, out);
	for (int64_t at = p->begin + S; at < p->end; at += ESP_PERIOD) {
		while (rekeyed < CHURNS && p->rekeys[rekeyed] != 0 && p->rekeys[rekeyed] <= at) {
			out->now = p->rekeys[rekeyed++];
			rekey(h, out);
		}
		if (!probed && p->probe <= at) {
			out->now = p->probe;
			exchange(h, X2_INFO, 0, 0, 0, 0, out);
			probed = true;
		}
		if (out->now < at)
			out->now = at;
		out->gap = STEP / 8;
		traffic(h, out);
		out->gap = STEP;
	}
	if (p->deleted)
		exchange(h, X2_INFO, P2_DELETE, SIM_INNER_DELETE_IKE, 0, 0, out);
}

/* Its IKE_AUTH is sent five times and never answered. */
static void knock_in_vain(struct honest *h, int64_t begin, struct output *out)
{
	static const int64_t after_ms[] = { 0, 500, 1500, 3500, 7500 };
	struct sim_protected ask = { X2_AUTH, false,  true,
				     1,       P2_IDI, sim_inner_auth(&h->tunnel.session, false) };
	struct sim_rng same = { .state = 4711 };

	out->now = begin;
	out->gap = STEP;
	init(h, out);
	for (size_t i = 0; i < sizeof after_ms / sizeof *after_ms; i++) {
		struct sim_rng r = same;

		sim_frame_clear(&out->frame);
		sim_say_protected(&out->frame, &h->tunnel.session, &ask, &r);
		out->now = begin + S / 4 + after_ms[i] * MS;
		send_ike(h, true, out);
	}
}

static void member_init(struct honest *h, unsigned i, struct sim_rng *r)
{
	struct options o = { .udp = i % 3 == 1 };

	*h = (struct honest){ .over_tcp = i % 6 == 5 };
	tunnel_init(&h->tunnel, i, &o, r);
	if (h->over_tcp) {
		h->tunnel.a.port = (uint16_t)(30000 + i);
		h->tunnel.b.port = 4500;
	}
	h->tcp.seq[0] = sim_rng_u32(r);
	h->tcp.seq[1] = sim_rng_u32(r);
	if (i % 4 == 2)
		h->tunnel.session.cert_len = CERTIFICATE;
}

static void everybody(struct population *p, struct output *out)
{
	int64_t attack = p->when.calm - p->when.attack;

	for (unsigned i = 0; i < TUNNELS + LATE_TUNNELS; i++)
		member_init(&p->member[i], i, &out->rng);
	for (unsigned i = 0; i < TUNNELS + LATE_TUNNELS; i++) {
		bool late = i >= TUNNELS;
		unsigned k = late ? i - TUNNELS : i;
		struct plan plan = {
			.begin = late ? p->when.attack + attack / 10 * 8 * (2 * k +
				 1) / (2 * LATE_TUNNELS) : p->when.start + S * k,
			.end = p->when.end - 30 * S + S / 3 * i,
			.probe = late ? p->when.calm + S * (30 + i) :
				 p->when.attack + attack / 10 * 4 * (2 * i + 1) / (2 * TUNNELS),
			.rekeys = { late ? p->when.calm + S * (80 + i) :
					   p->when.attack + attack / 2 +
					   attack / 10 * 4 * (i + 1) / TUNNELS },
			.deleted = i % 3 == 0,
		};

		if (i == BYSTANDER)	/* keeps its SPIs, which attackers saw */
			plan.rekeys[0] = 0;
		if (i == 6)		/* churns before the attack, and once in it */
			for (int n = 0; n < CHURNS - 1; n++) {
				plan.rekeys[n + 1] = plan.rekeys[0];
				plan.rekeys[n] = p->when.start + S * (20 + 14 * n);
			}
		if (i == UNANSWERED)
			knock_in_vain(&p->member[i], plan.begin, out);
		else
			live(&p->member[i], &plan, out);
	}
	live_with_ike1(p, out);
}

/* ---- the diary: their frames in the order of time ---- */

struct entry {
	int64_t at;
	size_t offset, length, order;
};

struct diary {
	char *bytes;
	size_t size;
	struct entry *entries;
	size_t n, next;
};

static int by_time(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->at != y->at ? (x->at > y->at) - (x->at < y->at)
			      : (x->order > y->order) - (x->order < y->order);
}

enum { RECORD_HEADER = 16 };

/* Reads back what the pcap writer put into memory: it has no file header. */
static bool index_records(struct diary *d)
{
	for (size_t at = 0; at + RECORD_HEADER <= d->size; d->n++) {
		uint32_t head[4];

		memcpy(head, d->bytes + at, sizeof head);
		if (d->n % 4096 == 0) {
			struct entry *more = realloc(d->entries, (d->n + 4096) * sizeof *more);

			if (more == NULL)
				return false;
			d->entries = more;
		}
		d->entries[d->n] = (struct entry){ (int64_t)head[0] * S + head[1],
						   at + RECORD_HEADER, head[2], d->n };
		at += RECORD_HEADER + head[2];
	}
	qsort(d->entries, d->n, sizeof *d->entries, by_time);
	return true;
}

struct diary *diary_new(struct population *p)
{
	static struct output memory;
	struct diary *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	memory.pcap = (struct sim_pcap){ .to = open_memstream(&d->bytes, &d->size),
					 .ns = true,
					 .snap = 262144 };
	memory.snap = FRAME_MAX;
	memory.rng = p->rng;
	if (memory.pcap.to == NULL)
		return NULL;
	everybody(p, &memory);
	return sim_pcap_close(&memory.pcap) && index_records(d) ? d : NULL;
}

int64_t diary_next(const struct diary *d)
{
	return d->next < d->n ? d->entries[d->next].at : INT64_MAX;
}

void diary_write(struct diary *d, struct output *out)
{
	const struct entry *e = &d->entries[d->next++];

	sim_pcap_write(&out->pcap, e->at, d->bytes + e->offset, e->length, e->length);
}

void diary_free(struct diary *d)
{
	free(d->bytes);
	free(d->entries);
	free(d);
}

/* ---- honest traffic of one kind ---- */

enum { CROWD = 1000 };

static struct honest *crowd(struct output *out, bool tcp, uint16_t certificate)
{
	struct honest *all = calloc(CROWD, sizeof *all);

	for (unsigned i = 0; all && i < CROWD; i++) {
		struct honest *h = &all[i];
		struct options o = { 0 };

		h->over_tcp = tcp;
		tunnel_init(&h->tunnel, i, &o, &out->rng);
		h->tunnel.session.cert_len = certificate;
		if (tcp) {
			h->tunnel.a.port = (uint16_t)(30000 + i);
			h->tunnel.b.port = 4500;
		}
	}
	return all;
}

static void esp_of(struct output *out, uint64_t packets, size_t length)
{
	static unsigned char body[FRAME_MAX];
	struct honest *all = crowd(out, false, 0);

	for (unsigned i = 0; all && i < CROWD; i++)
		set_up(&all[i], out);
	while (all && out->pcap.packets < packets)
		esp_send(&all[sim_rng_below(&out->rng, CROWD)].esp[out->pcap.packets % 2], length,
			 body, out);
	free(all);
}

static void esp(struct output *out, uint64_t packets)
{
	esp_of(out, packets, ESP_LENGTH);
}

/* As long as an attack's in 64 envelopes: what its bytes cost, whatever is in them. */
static void esp_long(struct output *out, uint64_t packets)
{
	esp_of(out, packets, 1334);
}

/* Whole lives of IKE SAs: set-up, two probes, a rekey of the child, the end. */
static void lives(struct output *out, uint64_t packets, bool tcp, uint16_t certificate)
{
	struct honest *all = crowd(out, tcp, certificate);

	while (all && out->pcap.packets < packets) {
		for (unsigned step = 0; step < 5; step++)
			for (unsigned i = 0; i < CROWD; i++) {
				struct honest *h = &all[i];
				size_t child = sim_inner_child(&h->tunnel.session, true, true);

				if (step == 0)
					set_up(h, out);
				else if (step == 3)
					exchange(h, X2_CHILD, P2_NOTIFY, child, P2_SA, child - 12,
						 out);
				else if (step == 4)
					exchange(h, X2_INFO, P2_DELETE, SIM_INNER_DELETE_IKE, 0, 0,
						 out);
				else
					exchange(h, X2_INFO, 0, 0, 0, 0, out);
			}
		for (unsigned i = 0; i < CROWD; i++) {
			uint16_t port = all[i].tunnel.a.port, to = all[i].tunnel.b.port;

			tunnel_new_ike_sa(&all[i].tunnel, &out->rng);
			if (tcp) {
				all[i].tunnel.a.port = port;
				all[i].tunnel.b.port = to;
			}
		}
	}
	free(all);
}

static void ike(struct output *out, uint64_t packets)
{
	lives(out, packets, false, 0);
}

static void fragments(struct output *out, uint64_t packets)
{
	struct honest *all = crowd(out, false, 4 * CERTIFICATE);

	while (all && out->pcap.packets < packets)
		for (unsigned i = 0; i < CROWD; i++) {
			tunnel_new_ike_sa(&all[i].tunnel, &out->rng);
			set_up(&all[i], out);
		}
	free(all);
}

static void tcp(struct output *out, uint64_t packets)
{
	lives(out, packets, true, 0);
}

/*
 * Routers tell of their MTU: an error about a packet of this tunnel, now and then, beside its
 * traffic.
 */
static void icmp(struct output *out, uint64_t packets)
{
	struct honest *all = crowd(out, false, 0);

	for (unsigned i = 0; all && i < CROWD; i++)
		set_up(&all[i], out);
	while (all && out->pcap.packets < packets) {
		struct honest *h = &all[sim_rng_below(&out->rng, CROWD)];

		sim_frame_clear(&out->frame);
		sim_append(&out->frame, sim_frame_data(&out->frame), 0);
		sim_extend(&out->frame, 64);
		sim_push_esp(&out->frame, (uint32_t)out->pcap.packets | 0x1000, 1);
		sim_push_ip(&out->frame, &(struct sim_ip){ .src = h->tunnel.a.addr,
							   .dst = h->tunnel.b.addr,
							   .proto = 50 });
		sim_icmp_about(&out->frame, numbered(false, 0, 0x70000), 0, 1400);
		output_frame(out);
	}
	free(all);
}

const struct normal normals[] = {
	{ "esp", "ESP of 1,000 tunnels", esp },
	{ "long", "the same, packets of 1,334 bytes", esp_long },
	{ "ike", "IKEv2: whole lives of IKE SAs", ike },
	{ "fragments", "set-ups with certificates: IKE_AUTH in IP fragments", fragments },
	{ "tcp", "the lives of `ike` over TCP", tcp },
	{ "icmp", "routers that tell their MTU", icmp },
	{ NULL, NULL, NULL },
};
