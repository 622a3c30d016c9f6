/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is thrown at the honest: one frame at a time, by somebody who may write any source address.
 */
#include "flood.h"

enum { SOURCES = 1 << 20, DEPTH = 64 };

static struct sim_endpoint stranger(struct output *out)
{
	struct sim_endpoint e = { .port = 500 };

	sim_set32(e.addr.bytes, 0x20000000u | (uint32_t)sim_rng_below(&out->rng, SOURCES));
	return e;
}

static struct sim_endpoint at_port(struct sim_endpoint e, uint16_t port)
{
	e.port = port;
	return e;
}

static void send_ip(struct output *out, struct sim_addr src, struct sim_addr dst, uint8_t proto)
{
	struct sim_ip ip = {
		.src = src, .dst = dst, .proto = proto, .id = (uint16_t)sim_rng_u32(&out->rng)
	};

	sim_push_ip(&out->frame, &ip);
	output_frame(out);
}

/* ---- ESP ---- */

static void send_esp(struct output *out, struct sim_addr src, struct sim_addr dst, uint32_t spi,
		     uint32_t seq)
{
	sim_frame_clear(&out->frame);
	sim_extend(&out->frame, 64);
	sim_push_esp(&out->frame, spi, seq);
	send_ip(out, src, dst, 50);
}

static uint32_t living_spi(const struct honest *h, int way)
{
	const unsigned char *at = h->esp[way].head + h->esp[way].head_len - 8;

	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void spi_pair(const struct population *p, struct output *out, uint64_t n)
{
	const struct tunnel *t = &p->member[VICTIM].tunnel;

	(void)n;
	send_esp(out, t->a.addr, t->b.addr, sim_rng_u32(&out->rng) | 0x100, 1);
}

static void spi_sources(const struct population *p, struct output *out, uint64_t n)
{
	(void)n;
	send_esp(out, stranger(out).addr, p->member[VICTIM].tunnel.b.addr,
		 sim_rng_u32(&out->rng) | 0x100, 1);
}

/* Each SPI three times: that much is believed. */
static void spi_believed(const struct population *p, struct output *out, uint64_t n)
{
	const struct tunnel *t = &p->member[VICTIM].tunnel;
	struct sim_rng r = { .state = n / 3 };

	send_esp(out, t->a.addr, t->b.addr, sim_rng_u32(&r) | 0x100, (uint32_t)(n % 3) + 1);
}

/* A living SPI with any sequence number. */
static void esp_far(const struct population *p, struct output *out, uint64_t n)
{
	const struct honest *h = &p->member[BYSTANDER];

	(void)n;
	send_esp(out, h->tunnel.a.addr, h->tunnel.b.addr, living_spi(h, 0), sim_rng_u32(&out->rng));
}

/* Whole tunnels that do not exist, with SPIs that change all the time: causes for alerts. */
static void esp_churn(const struct population *p, struct output *out, uint64_t n)
{
	uint64_t round = n / 8192, pair = n % 8192 / 2, way = n % 2;
	struct sim_addr x = { 0 }, y = { 0 };
	struct sim_rng r = { .state = round / 4 * 8192 + pair * 2 + way };

	(void)p;
	sim_set32(x.bytes, 0x30000000u + (uint32_t)pair);
	sim_set32(y.bytes, 0x38000000u + (uint32_t)pair);
	send_esp(out, way ? y : x, way ? x : y, sim_rng_u32(&r) | 0x100, (uint32_t)(round % 4) + 1);
}

/* Ever new tunnels that do not exist: four packets each way, and never again. */
static void esp_pairs(const struct population *p, struct output *out, uint64_t n)
{
	uint64_t pair = n / 8, way = n % 2;
	struct sim_addr x = { 0 }, y = { 0 };
	struct sim_rng r = { .state = pair * 2 + way };

	(void)p;
	sim_set32(x.bytes, 0x30000000u + (uint32_t)pair);
	sim_set32(y.bytes, 0x38000000u + (uint32_t)pair);
	send_esp(out, way ? y : x, way ? x : y, sim_rng_u32(&r) | 0x100, (uint32_t)(n % 8 / 2) + 1);
}

/* ---- IKE ---- */

static struct sim_session random_session(const struct population *p, struct output *out,
					 bool answered)
{
	struct sim_session s = p->member[VICTIM].tunnel.session;

	s.cert_len = 0;
	s.spi_i = sim_rng_u64(&out->rng) | 1;
	s.spi_r = answered ? sim_rng_u64(&out->rng) | 1 : 0;
	return s;
}

static void say_init(struct output *out, const struct sim_session *s, struct sim_endpoint src,
		     struct sim_endpoint dst, bool answer)
{
	struct sim_offer offer = { .suite = s->suite, .group = s->group };
	struct sim_init init = {
		.offers = &offer, .n_offers = 1, .src = src, .dst = dst, .fragmentation = true
	};

	sim_frame_clear(&out->frame);
	sim_say_init(&out->frame, s, &init, answer, &out->rng);
	send_udp(out, src, dst, (uint16_t)sim_rng_u32(&out->rng));
}

static struct sim_endpoint gateway(const struct population *p)
{
	return at_port(p->member[VICTIM].tunnel.b, 500);
}

static void init_sources(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_session s = random_session(p, out, false);

	(void)n;
	say_init(out, &s, stranger(out), gateway(p), false);
}

static void init_ports(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_session s = random_session(p, out, false);
	struct sim_endpoint src = { .port = (uint16_t)(1024 + n % 64000) };

	sim_set32(src.addr.bytes, 0x20000001u);
	say_init(out, &s, src, gateway(p), false);
}

static void init_peer(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_session s = random_session(p, out, false);

	(void)n;
	say_init(out, &s, at_port(p->member[VICTIM].tunnel.a, 500), gateway(p), false);
}

/* Three copies each: an attempt that nobody answers, again and again. */
static void init_thrice(const struct population *p, struct output *out, uint64_t n)
{
	uint64_t who = n % 3000, round = n / 3000;
	struct sim_rng before = out->rng;
	struct sim_session s = random_session(p, out, false);
	struct sim_endpoint src = { .port = 500 };

	out->rng.state = who + round / 3 * 3000;
	s.spi_i = sim_rng_u64(&out->rng) | 1;
	sim_set32(src.addr.bytes, 0x20000000u + (uint32_t)(who + round / 3 * 3000));
	say_init(out, &s, src, gateway(p), false);
	out->rng = before;
}

static void main_mode(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_session s = random_session(p, out, false);
	struct sim_endpoint src = stranger(out), dst = gateway(p);
	struct sim_offer offer = { .suite = s.suite, .group = 14 };
	struct sim_main m = { .offers = &offer, .n_offers = 1, .src = src, .dst = dst };

	(void)n;
	sim_frame_clear(&out->frame);
	sim_say_main(&out->frame, &s, &m, 1, &out->rng);
	send_udp(out, src, dst, (uint16_t)sim_rng_u32(&out->rng));
}

/* Whole set-ups of tunnels that do not exist: both sides are forged. */
static void set_ups(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_rng who = { .state = ~(n / 4) };
	struct sim_session s = p->member[VICTIM].tunnel.session;
	struct sim_endpoint src = { .port = 500 }, dst = gateway(p);
	bool answer = n % 2 != 0;

	s.cert_len = 0;
	s.spi_i = sim_rng_u64(&who) | 1;
	s.spi_r = sim_rng_u64(&who) | 1;
	sim_set32(src.addr.bytes, 0x20000000u | (uint32_t)sim_rng_below(&who, SOURCES));
	if (n % 4 < 2) {
		say_init(out, &s, answer ? dst : src, answer ? src : dst, answer);
		return;
	}
	struct sim_protected auth = {
		X2_AUTH, answer, !answer, 1, answer ? P2_IDR : P2_IDI, sim_inner_auth(&s, answer)
	};

	sim_frame_clear(&out->frame);
	sim_say_protected(&out->frame, &s, &auth, &out->rng);
	send_udp(out, answer ? dst : src, answer ? src : dst, (uint16_t)sim_rng_u32(&out->rng));
}

/* Garbage on the SPIs of a living IKE SA. */
static void garbage(const struct population *p, struct output *out, uint8_t type, uint32_t id,
		    bool response, bool by_a, uint8_t np1, size_t inner)
{
	const struct tunnel *t = &p->member[VICTIM].tunnel;
	struct sim_protected x = { type, response, by_a, id, np1, inner };

	sim_frame_clear(&out->frame);
	sim_say_protected(&out->frame, &t->session, &x, &out->rng);
	send_udp(out, by_a ? t->a : t->b, by_a ? t->b : t->a, (uint16_t)sim_rng_u32(&out->rng));
}

static void auth_random(const struct population *p, struct output *out, uint64_t n)
{
	(void)n;
	garbage(p, out, X2_AUTH, sim_rng_u32(&out->rng), false, true, P2_IDI, 200);
}

static void auth_rising(const struct population *p, struct output *out, uint64_t n)
{
	garbage(p, out, X2_AUTH, (uint32_t)(1000 + n), false, true, P2_IDI, 200);
}

static void auth_same(const struct population *p, struct output *out, uint64_t n)
{
	garbage(p, out, X2_AUTH, 1, n % 2 != 0, n % 2 == 0, n % 2 ? P2_IDR : P2_IDI, 200);
}

/* Rekeys that cross each other, with answers. */
static void create_crossing(const struct population *p, struct output *out, uint64_t n)
{
	uint32_t id = (uint32_t)(1000 + n / 4);
	bool by_a = n % 4 == 0 || n % 4 == 3, response = n % 4 >= 2;

	garbage(p, out, X2_CHILD, id, response, by_a, response ? P2_SA : P2_NOTIFY, 180);
}

static void skf_open(const struct population *p, struct output *out, uint64_t n)
{
	const struct tunnel *t = &p->member[VICTIM].tunnel;
	struct sim_protected x = { X2_AUTH, false, true, (uint32_t)(1000 + n), P2_IDI, 20000 };

	sim_frame_clear(&out->frame);
	sim_say_fragment(&out->frame, &t->session, &x, 1 + (unsigned)(n % 7), 99, 200, &out->rng);
	send_udp(out, at_port(t->a, 500), at_port(t->b, 500), (uint16_t)n);
}

static void skf_strangers(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_session s = random_session(p, out, true);
	struct sim_protected x = { X2_AUTH, false, true, 1, P2_IDI, 20000 };

	sim_frame_clear(&out->frame);
	sim_say_fragment(&out->frame, &s, &x, 1 + (unsigned)(n % 7), 99, 200, &out->rng);
	send_udp(out, stranger(out), gateway(p), (uint16_t)n);
}

/* What nobody signs: errors in clear, in the name of the peer. */
static void notify(const struct population *p, struct output *out, uint64_t n)
{
	const struct honest *h = &p->member[BYSTANDER];
	const struct sim_session *s = &h->tunnel.session;
	struct sim_endpoint a = at_port(h->tunnel.a, 500), b = at_port(h->tunnel.b, 500);
	struct sim_ike_head about = { s->spi_i, s->spi_r,     SIM_IKE2,
				      X2_INFO,  F2_INITIATOR, (uint32_t)n };

	sim_frame_clear(&out->frame);
	if (n % 3 == 0)
		sim_say_invalid_spi(&out->frame, living_spi(h, 0) + (uint32_t)(n % 2 * n));
	else if (n % 3 == 1)
		sim_say_invalid_ike_spi(&out->frame, &about);
	else
		sim_say_init_error(&out->frame, s->spi_i, s->spi_r, N2_NO_PROPOSAL, NULL, 0);
	send_udp(out, b, a, (uint16_t)n);
}

static void notify_strangers(const struct population *p, struct output *out, uint64_t n)
{
	sim_frame_clear(&out->frame);
	sim_say_invalid_spi(&out->frame, sim_rng_u32(&out->rng) | 0x100);
	send_udp(out, stranger(out), gateway(p), (uint16_t)n);
}

/* ---- quotations ---- */

static void quote(const struct population *p, struct output *out)
{
	const struct honest *h = &p->member[BYSTANDER];

	sim_frame_clear(&out->frame);
	sim_extend(&out->frame, 64);
	sim_push_esp(&out->frame, living_spi(h, 0), sim_rng_u32(&out->rng));
	sim_push_ip(
		&out->frame,
		&(struct sim_ip){ .src = h->tunnel.a.addr, .dst = h->tunnel.b.addr, .proto = 50 });
	sim_icmp_about(&out->frame, stranger(out).addr, 1, 0);
}

static void icmp_quote(const struct population *p, struct output *out, uint64_t n)
{
	(void)n;
	quote(p, out);
	output_frame(out);
}

static void icmp_in_icmp(const struct population *p, struct output *out, uint64_t n)
{
	quote(p, out);
	for (uint64_t i = 0; i <= n % 8; i++)
		sim_icmp_about(&out->frame, stranger(out).addr, 1, 0);
	output_frame(out);
}

/*
 * A quotation of IKE that carries an envelope's port, in a fragment, in TCP … the rest of "one that
 * quotes another".
 */
static void icmp_ike(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_session s = random_session(p, out, n % 2);
	struct sim_endpoint a = at_port(p->member[VICTIM].tunnel.a, 500), b = gateway(p);
	struct sim_init init = { .src = a, .dst = b };
	struct sim_offer offer = { .suite = s.suite, .group = s.group };

	init.offers = &offer;
	init.n_offers = 1;
	sim_frame_clear(&out->frame);
	sim_say_init(&out->frame, &s, &init, false, &out->rng);
	sim_push_udp(&out->frame, a, b);
	sim_push_ip(&out->frame, &(struct sim_ip){ .src = a.addr, .dst = b.addr, .proto = 17 });
	sim_icmp_about(&out->frame, stranger(out).addr, 3, 0);
	output_frame(out);
}

/* ---- fragments and streams ---- */

/* Only the first of its pieces leaves. */
static void write_first(void *context, struct sim_frame *piece)
{
	static const struct sim_link ethernet = { .type = SIM_ETHERNET };
	struct output *out = context;

	if (out->snap == 0)
		return;
	out->snap = 0;
	sim_push_link(piece, &ethernet);
	sim_pcap_write(&out->pcap, out->now, sim_frame_data(piece), piece->length, piece->length);
}

static void first_piece(struct output *out, struct sim_addr src, struct sim_addr dst, uint32_t id)
{
	uint32_t snap = out->snap;

	sim_frame_clear(&out->frame);
	sim_extend(&out->frame, 1400);
	sim_push_udp(&out->frame, (struct sim_endpoint){ src, 500 },
		     (struct sim_endpoint){ dst, 500 });
	sim_push_ip(&out->frame,
		    &(struct sim_ip){ .src = src, .dst = dst, .proto = 17, .id = (uint16_t)id });
	sim_fragment(&out->frame, 600, id, write_first, out);
	out->snap = snap;
	out->now += out->gap;
}

static void frag_one(const struct population *p, struct output *out, uint64_t n)
{
	first_piece(out, stranger(out).addr, p->member[VICTIM].tunnel.b.addr, (uint32_t)n);
}

/* From the peer's address: it passes for one of the known. */
static void frag_peer(const struct population *p, struct output *out, uint64_t n)
{
	const struct tunnel *t = &p->member[VICTIM].tunnel;

	first_piece(out, t->a.addr, t->b.addr, (uint32_t)n);
}

static void frag_many(const struct population *p, struct output *out, uint64_t n)
{
	(void)p;
	first_piece(out, stranger(out).addr, stranger(out).addr, (uint32_t)n);
}

static void frag_six(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_addr dst = numbered(true, 1, 1);

	(void)p;
	first_piece(out, numbered(true, 0, sim_rng_u32(&out->rng)), dst, (uint32_t)n);
}

static void send_tcp(struct output *out, struct sim_endpoint src, struct sim_endpoint dst,
		     uint32_t seq, uint8_t flags)
{
	struct sim_tcp t = { src, dst, seq, 0, flags };

	sim_push_tcp(&out->frame, &t);
	send_ip(out, src.addr, dst.addr, 6);
}

static void tcp_syn(const struct population *p, struct output *out, uint64_t n)
{
	(void)n;
	sim_frame_clear(&out->frame);
	send_tcp(out, at_port(stranger(out), (uint16_t)(1024 + sim_rng_below(&out->rng, 60000))),
		 at_port(gateway(p), 4500), sim_rng_u32(&out->rng), SIM_TCP_SYN);
}

/* A message of 65,535 bytes is promised, and the beginning of it comes. */
static void tcp_promise(const struct population *p, struct output *out, uint64_t n)
{
	unsigned char *at;

	(void)n;
	sim_frame_clear(&out->frame);
	at = sim_extend(&out->frame, 1200);
	sim_set16(at, 0xffff);
	send_tcp(out, at_port(stranger(out), (uint16_t)(1024 + sim_rng_below(&out->rng, 60000))),
		 at_port(gateway(p), 4500), sim_rng_u32(&out->rng), SIM_TCP_ACK);
}

/* One stream of a stranger, all holes. */
static void tcp_holes(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_endpoint src = { .port = 4501 };

	sim_set32(src.addr.bytes, 0x20000001u);
	sim_frame_clear(&out->frame);
	sim_extend(&out->frame, 40);
	send_tcp(out, src, at_port(gateway(p), 4500), (uint32_t)(n * 41 % 60000), SIM_TCP_ACK);
}

/* Into the honest stream: bytes of its own numbers, by somebody beside the path. */
static void tcp_inject(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_endpoint src = { numbered(false, 0, 6), 30005 },
			    dst = { numbered(false, 1, 6), 4500 };

	(void)p;
	(void)n;
	sim_frame_clear(&out->frame);
	sim_extend(&out->frame, 40);
	send_tcp(out, src, dst, sim_rng_u32(&out->rng), SIM_TCP_ACK);
}

/* ---- envelopes ---- */

static void deep(const struct population *p, struct output *out, uint64_t n)
{
	const struct tunnel *t = &p->member[VICTIM].tunnel;

	(void)n;
	sim_frame_clear(&out->frame);
	out->frame.start = DEPTH * 20 + SIM_HEADROOM;	/* room for all the headers */
	sim_extend(&out->frame, 32);
	sim_push_esp(&out->frame, sim_rng_u32(&out->rng) | 0x100, 1);
	for (int i = 0; i < DEPTH; i++)
		sim_push_ip(&out->frame, &(struct sim_ip){ .src = t->a.addr,
							   .dst = t->b.addr,
							   .proto = i == 0 ? 50 : 4 });
	output_frame(out);
}

static void keepalive(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_endpoint src = at_port(stranger(out), 4500), dst = at_port(gateway(p), 4500);

	(void)n;
	sim_frame_clear(&out->frame);
	sim_put8(&out->frame, 0xff);
	sim_push_udp(&out->frame, src, dst);
	send_ip(out, src.addr, dst.addr, 17);
}

const struct attack attacks[] = {
	{ "spi-pair", "esp", "random SPIs between the addresses of a living tunnel", spi_pair },
	{ "spi-sources", "esp", "random SPIs from a million sources", spi_sources },
	{ "spi-believed", "esp", "each random SPI three times", spi_believed },
	{ "esp-far", "esp", "a living SPI, any sequence number", esp_far },
	{ "esp-churn", "esp", "4,096 tunnels that do not exist churn their SPIs", esp_churn },
	{ "esp-pairs", "esp", "tunnels that do not exist, four packets each way", esp_pairs },
	{ "keepalives", "esp", "NAT keepalives from a million sources", keepalive },
	{ "init-sources", "ike", "IKE_SA_INIT from a million sources", init_sources },
	{ "init-ports", "ike", "IKE_SA_INIT from 64,000 ports of one source", init_ports },
	{ "init-peer", "ike", "IKE_SA_INIT in the name of a living peer", init_peer },
	{ "init-thrice", "ike", "each IKE_SA_INIT three times, sources that do not repeat",
	  init_thrice },
	{ "main-mode", "ike", "IKEv1 main mode from a million sources", main_mode },
	{ "old-main", "ike", "IKEv1: main mode, and clear errors, in the name of a living peer",
	  old_main },
	{ "old-noise", "ike", "IKEv1: noise like quick modes on living cookies", old_noise },
	{ "old-quick", "ike",
	  "IKEv1: quick modes on living cookies without their second message", old_quick },
	{ "old-info", "ike", "IKEv1: Deletes and probes on living cookies, of both sides", old_info
	  },
	{ "old-delete", "ike", "IKEv1: Deletes of a phase 1 that lives, of one side", old_delete },
	{ "set-ups", "ike", "whole set-ups, both sides forged", set_ups },
	{ "auth-random", "ike", "IKE_AUTH garbage on living SPIs, random message IDs", auth_random
	  },
	{ "auth-rising", "ike", "the same, message IDs that rise", auth_rising },
	{ "auth-same", "ike", "the same, the message ID of the set-up, answers too", auth_same },
	{ "create-crossing", "ike", "crossing CREATE_CHILD_SA garbage on living SPIs, answered",
	  create_crossing },
	{ "skf-open", "ike", "SKF fragments that never complete, on living SPIs", skf_open },
	{ "skf-strangers", "ike", "the same from a million sources", skf_strangers },
	{ "notify", "ike", "clear errors in the name of a living peer", notify },
	{ "notify-strangers", "ike", "INVALID_SPI from a million sources", notify_strangers },
	{ "icmp-quote", "icmp", "ICMP errors that quote a living tunnel", icmp_quote },
	{ "icmp-in-icmp", "icmp", "ICMP errors about ICMP errors, up to nine deep", icmp_in_icmp },
	{ "icmp-ike", "icmp", "ICMP errors that quote IKE_SA_INIT", icmp_ike },
	{ "frag-one", "fragments", "first fragments to one gateway", frag_one },
	{ "frag-peer", "fragments", "the same in the name of a living peer", frag_peer },
	{ "frag-many", "fragments", "first fragments to a million gateways", frag_many },
	{ "frag-six", "fragments", "IPv6 first fragments to one gateway", frag_six },
	{ "tcp-syn", "tcp", "TCP/4500: SYNs from a million sources", tcp_syn },
	{ "tcp-promise", "tcp", "TCP/4500: the beginning of a long message each", tcp_promise },
	{ "tcp-holes", "tcp", "TCP/4500: one stream, all holes", tcp_holes },
	{ "tcp-inject", "tcp", "TCP/4500: any sequence number in an honest stream", tcp_inject },
	{ "deep", "long", "ESP in 64 envelopes", deep },
	{ NULL, NULL, NULL, NULL },
};
