/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Big captures for the benchmark: IKE by the simulator's builders, ESP from patched templates. */
#ifndef BENCH_GENERATE_H
#define BENCH_GENERATE_H

#include "ike_say.h"
#include "pcap_out.h"

struct options {
	uint64_t packets;
	unsigned tunnels, sas;		/* sas: ESP SAs, two for each child */
	/* of ESP only: IKE stays whole, or nothing could be paired */
	uint32_t snap;
	uint64_t seed;
	int64_t gap_ns;			/* between packets */
	unsigned rekey_every;		/* packets of a child; 0 never */
	bool udp, v6, ike, full;	/* full: whole frames of mixed size */
};

struct output {
	struct sim_pcap pcap;
	int64_t now, gap;
	uint32_t snap;
	struct sim_rng rng;
	struct sim_frame frame;
};

struct tunnel {
	struct sim_session session;
	struct sim_endpoint a, b;
	uint32_t next_id;		/* A's next IKEv2 message ID */
	bool udp;
};

/* generate_tunnel.c: its conversations */
struct sim_addr numbered(bool v6, unsigned side, unsigned index);	/* one peer of a tunnel */
void tunnel_init(struct tunnel *t, unsigned index, const struct options *o, struct sim_rng *r);
void tunnel_new_ike_sa(struct tunnel *t, struct sim_rng *r);	/* other SPIs, same peers */
enum { SETUP_STEPS = 4 };
void tunnel_setup(struct tunnel *t, unsigned step, struct output *out);		/* 0..3 */
/* One exchange started by A: request and answer. */
void tunnel_exchange(struct tunnel *t, uint8_t exchange, uint8_t np1, size_t inner,
		     uint8_t np1_answer, size_t inner_answer, struct output *out);
enum { HEAD_MAX = 80, FRAME_MAX = 1514 };

/* One ESP SA: its frame up to the ESP sequence number, ready to be patched. */
struct esp_sa {
	unsigned char head[HEAD_MAX];
	uint8_t head_len;
	uint32_t seq;
	uint16_t id;
};

void esp_sa_init(struct esp_sa *e, const struct tunnel *t, bool from_a, struct output *out);
/*
 * The next packet of this SA, `length` bytes on the wire; `body` (FRAME_MAX bytes) holds its
 * content.
 */
void esp_send(struct esp_sa *e, size_t length, unsigned char *body, struct output *out);
/* A packet of a flow that is not IPsec; `flow` keeps only its headers. */
void other_send(const struct esp_sa *flow, size_t length, unsigned char *body, struct output *out);
size_t imix(struct sim_rng *r);		/* simple IMIX 7:4:1, frame lengths */

void output_frame(struct output *out);		/* out->frame, after its link layer */

#endif
