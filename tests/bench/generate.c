/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "generate.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { FLOWS = 256, FIRST_PACKETS = 4 };

static void rekey(struct tunnel *t, struct esp_sa pair[2], struct output *out)
{
	size_t inner = sim_inner_child(&t->session, true, true);

	tunnel_exchange(t, X2_CHILD, P2_NOTIFY, inner, P2_SA, inner - 12, out);
	esp_sa_init(&pair[0], t, true, out);
	esp_sa_init(&pair[1], t, false, out);
	tunnel_exchange(t, X2_INFO, P2_DELETE, SIM_INNER_DELETE_ESP, P2_DELETE,
			SIM_INNER_DELETE_ESP, out);
}

static struct tunnel *make_tunnels(const struct options *o, struct output *out)
{
	struct tunnel *t = calloc(o->tunnels, sizeof *t);

	for (unsigned i = 0; t && i < o->tunnels; i++)
		tunnel_init(&t[i], i, o, &out->rng);
	return t;
}

/* SAs 2n and 2n+1 are the pair n, of tunnel n modulo tunnels. */
static struct esp_sa *make_sas(const struct options *o, struct tunnel *tunnels, struct output *out)
{
	struct esp_sa *sas = calloc(o->sas, sizeof *sas);

	if (sas == NULL)
		return NULL;
	for (unsigned i = 0; o->ike && i < o->tunnels; i++)
		for (unsigned step = 0; step < SETUP_STEPS; step++)
			tunnel_setup(&tunnels[i], step, out);
	for (unsigned n = 0; n < o->sas / 2; n++) {
		struct tunnel *t = &tunnels[n % o->tunnels];
		size_t inner = sim_inner_child(&t->session, false, true);

		if (o->ike && n >= o->tunnels)
			tunnel_exchange(t, X2_CHILD, P2_SA, inner, P2_SA, inner, out);
		esp_sa_init(&sas[2 * n], t, true, out);
		esp_sa_init(&sas[2 * n + 1], t, false, out);
	}
	return sas;
}

static void generate_esp(const struct options *o, struct output *out)
{
	static unsigned char body[FRAME_MAX];
	struct tunnel *tunnels = make_tunnels(o, out);
	struct esp_sa *sas = tunnels ? make_sas(o, tunnels, out) : NULL;

	sim_rng_fill(&out->rng, body, sizeof body);
	/* without IKE an SA is a stranger until it has sent a few packets: one after the other */
	for (unsigned i = 0; sas && !o->ike && i < FIRST_PACKETS * o->sas; i++)
		esp_send(&sas[i / FIRST_PACKETS], 1402, body, out);
	while (sas && out->pcap.packets < o->packets) {
		unsigned i = (unsigned)sim_rng_below(&out->rng, o->sas);

		if (o->rekey_every && sas[i].seq >= o->rekey_every)
			rekey(&tunnels[i / 2 % o->tunnels], &sas[i & ~1u], out);
		esp_send(&sas[i], o->full ? imix(&out->rng) : 1402, body, out);
	}
	free(tunnels);
	free(sas);
}

/* Nine in ten packets carry an SPI nobody negotiated, toward one gateway. */
static void generate_spray(const struct options *o, struct output *out)
{
	static unsigned char body[FRAME_MAX];
	struct tunnel *tunnels = make_tunnels(o, out);
	struct esp_sa *sas = tunnels ? make_sas(o, tunnels, out) : NULL;

	while (sas && out->pcap.packets < o->packets) {
		struct esp_sa sprayed = sas[0];

		if (sim_rng_below(&out->rng, 10) == 0) {
			esp_send(&sas[sim_rng_below(&out->rng, o->sas)], 1402, body, out);
			continue;
		}
		sim_set32(sprayed.head + sprayed.head_len - 8, sim_rng_u32(&out->rng) | 0x1000);
		sprayed.seq = 0;
		esp_send(&sprayed, 142, body, out);
	}
	free(tunnels);
	free(sas);
}

static void flow_init(struct esp_sa *flow, unsigned i, struct output *out)
{
	bool tcp = i % 3 != 0;
	struct sim_endpoint src = { numbered(false, 0, 0x80000 + i), (uint16_t)(20000 + i) };
	struct sim_endpoint dst = { numbered(false, 1, 0x80000 + i), tcp ? 443 : 5001 };
	struct sim_tcp t = { src, dst, i, i, SIM_TCP_ACK };
	struct sim_ip ip = { .src = src.addr, .dst = dst.addr, .proto = tcp ? 6 : 17 };
	struct sim_link ethernet = { .type = SIM_ETHERNET };

	sim_frame_clear(&out->frame);
	if (tcp)
		sim_push_tcp(&out->frame, &t);
	else
		sim_push_udp(&out->frame, src, dst);
	sim_push_ip(&out->frame, &ip);
	sim_push_link(&out->frame, &ethernet);
	flow->head_len = (uint8_t)out->frame.length;
	memcpy(flow->head, sim_frame_data(&out->frame), out->frame.length);
}

/* TCP and UDP flows of other people; every tenth packet is IPsec. */
static void generate_mixed(const struct options *o, struct output *out)
{
	static unsigned char body[FRAME_MAX];
	static struct esp_sa flows[FLOWS];
	struct tunnel *tunnels = make_tunnels(o, out);
	struct esp_sa *sas = tunnels ? make_sas(o, tunnels, out) : NULL;

	for (unsigned i = 0; i < FLOWS; i++)
		flow_init(&flows[i], i, out);
	sim_rng_fill(&out->rng, body, sizeof body);
	while (sas && out->pcap.packets < o->packets) {
		if (sim_rng_below(&out->rng, 10) == 0)
			esp_send(&sas[sim_rng_below(&out->rng, o->sas)], imix(&out->rng), body,
				 out);
		else
			other_send(&flows[sim_rng_below(&out->rng, FLOWS)], imix(&out->rng), body,
				   out);
	}
	free(tunnels);
	free(sas);
}

/*
 * Whole lives of IKE SAs, twelve messages each, a batch of them at a time:
 * set-up, two DPD probes, a rekey of the child, the end.
 */
static void generate_ike(const struct options *o, struct output *out)
{
	struct tunnel *t = make_tunnels(o, out);

	while (t && out->pcap.packets < o->packets) {
		for (unsigned step = 0; step < SETUP_STEPS; step++)
			for (unsigned i = 0; i < o->tunnels; i++)
				tunnel_setup(&t[i], step, out);
		for (unsigned step = 0; step < 4; step++)
			for (unsigned i = 0; i < o->tunnels; i++) {
				size_t child = sim_inner_child(&t[i].session, true, true);

				if (step < 2)
					tunnel_exchange(&t[i], X2_INFO, 0, 0, 0, 0, out);
				else if (step == 2)
					tunnel_exchange(&t[i], X2_CHILD, P2_NOTIFY, child, P2_SA,
							child - 12, out);
				else
					tunnel_exchange(&t[i], X2_INFO, P2_DELETE,
							SIM_INNER_DELETE_IKE, 0, 0, out);
			}
		for (unsigned i = 0; i < o->tunnels; i++)
			tunnel_new_ike_sa(&t[i], &out->rng);
	}
	free(t);
}

static const struct {
	const char *name, *what;
	void (*generate)(const struct options *o, struct output *out);
	struct options preset;
} kinds[] = {
	{ "esp", "ESP, 64 bytes kept", generate_esp, { .snap = 64, .ike = true } },
	{ "natt", "ESP in UDP, 64 bytes kept", generate_esp, { .snap = 64, .ike = true, .udp = true
	  } },
	{ "esp6", "ESP over IPv6, 80 bytes kept", generate_esp, { .snap = 80, .ike = true, .v6 =
	  true } },
	{ "imix", "ESP, whole frames of 106, 622 and 1514 bytes", generate_esp, { .full = true, .ike
	  = true } },
	{ "rekey", "ESP with a child rekey every 5000 packets", generate_esp,
	  { .snap = 64, .ike = true, .rekey_every = 5000 } },
	{ "sas", "ESP over many SAs, no IKE", generate_esp, { .snap = 64 } },
	{ "ike", "IKEv2 only: whole lives of IKE SAs", generate_ike, { .ike = true } },
	{ "spray", "ESP with random SPIs, one packet in ten genuine", generate_spray, { .snap = 64,
	  .ike = true } },
	{ "mixed", "one packet in ten is IPsec, whole frames", generate_mixed, { .ike = true } },
};

static int usage(const char *program)
{
	fprintf(stderr, "usage: %s [--packets N] [--tunnels N] [--sas N] [--seed N] [--snap N] "
			"[--gap-ns N] KIND FILE\n",
		program);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		fprintf(stderr, "  %-6s %s\n", kinds[i].name, kinds[i].what);
	return 1;
}

static const struct option long_options[] = {
	{ "packets", required_argument, NULL, 'p' }, { "tunnels", required_argument, NULL, 't' },
	{ "sas", required_argument, NULL, 's' },     { "seed", required_argument, NULL, 'e' },
	{ "snap", required_argument, NULL, 'n' },    { "gap-ns", required_argument, NULL, 'g' },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct options given = { .packets = 1000000, .tunnels = 1000, .seed = 1, .gap_ns = 10000 },
		       o;
	static struct output out;
	size_t kind = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		unsigned long long n = optarg ? strtoull(optarg, NULL, 10) : 0;

		if (c == 'p')
			given.packets = n;
		else if (c == 't')
			given.tunnels = (unsigned)n;
		else if (c == 's')
			given.sas = (unsigned)n & ~1u;
		else if (c == 'e')
			given.seed = n;
		else if (c == 'n')
			given.snap = (uint32_t)n;
		else if (c == 'g')
			given.gap_ns = (int64_t)n;
		else
			return usage(argv[0]);
	}
	if (argc - optind != 2 || given.tunnels == 0 || given.tunnels > 0x80000)
		return usage(argv[0]);
	while (kind < sizeof kinds / sizeof *kinds && strcmp(kinds[kind].name, argv[optind]) != 0)
		kind++;
	if (kind == sizeof kinds / sizeof *kinds)
		return usage(argv[0]);

	o = kinds[kind].preset;
	o.packets = given.packets;
	o.tunnels = given.tunnels;
	o.sas = given.sas ? given.sas : 2 * given.tunnels;
	o.seed = given.seed;
	o.gap_ns = given.gap_ns;
	o.snap = given.snap ? given.snap : o.snap;
	out.now = INT64_C(1795312800) * 1000000000;	/* 2026-11-22T02:00:00Z */
	out.gap = o.gap_ns;
	out.snap = o.snap ? o.snap : FRAME_MAX;
	out.rng.state = o.seed;
	if (!sim_pcap_open(&out.pcap, argv[optind + 1], 1, false, 0)) {
		fprintf(stderr, "%s: %s\n", argv[optind + 1], strerror(errno));
		return 1;
	}
	kinds[kind].generate(&o, &out);
	if (!sim_pcap_close(&out.pcap)) {
		fprintf(stderr, "%s: cannot write\n", argv[optind + 1]);
		return 1;
	}
	return 0;
}
