/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The world between the gateways: time, the network with its faults, and the
 * tap that writes what passes it.  One event queue, one seed: the same options
 * give the same capture.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "frame.h"
#include "pcap_out.h"
#include "rng.h"

struct sim_world;
struct sim_pair;
struct sim_truth;
typedef int64_t sim_time;	/* nanoseconds since the start of the scenario */
typedef void sim_fire(struct sim_world *w, void *object, uint64_t arg);

#define SIM_S INT64_C(1000000000)
#define SIM_FOREVER INT64_MAX
#define SIM_EPOCH (INT64_C(1795312800) * SIM_S)	/* 2026-11-22T02:00:00Z */

static inline sim_time sim_seconds(double s)
{
	return (sim_time)(s * 1e9);
}

enum sim_kind { SIM_IKE, SIM_ESP, SIM_AH, SIM_KEEPALIVE, SIM_ICMP, SIM_KINDS };

enum { SIM_DATAGRAMS_MAX = 32 };

/*
 * An IKE message as both gateways understand it, beside the bytes that say so.
 * Receivers read these fields, never the bytes: only the tap sees bytes.
 */
struct sim_message {
	unsigned refs;
	uint64_t spi_i, spi_r;
	uint8_t version, exchange, np1;
	bool response, by_initiator;
	uint32_t id;
	int what;			/* enum say (gate.h) */
	uint64_t new_spi;		/* IKE rekey */
	uint32_t esp_spi, old_spi;	/* SPIs the sender receives on */
	uint64_t nonce;
	unsigned slot, step;		/* step: of an IKEv1 exchange */
	uint16_t group;
	uint32_t life;			/* IKEv1 offer */
	bool cookie;
	unsigned n_datagrams;		/* 1, or the fragments of RFC 7383 */
	struct sim_bytes {
		size_t length;
		unsigned char *at;
	} datagrams[SIM_DATAGRAMS_MAX];
	struct sim_true_exchange *exchange_truth;
	struct sim_true_ike *ike_truth;	/* what the message makes */
	struct sim_true_child *child_truth;
};

struct sim_message *sim_message_new(void);
void sim_message_add(struct sim_message *m, const void *bytes, size_t length);
struct sim_message *sim_message_keep(struct sim_message *m);
void sim_message_drop(struct sim_message *m);	/* NULL is allowed */

/* A packet on its way.  Rendered only when the tap sees it. */
struct sim_packet {
	unsigned refs;
	struct sim_pair *pair;
	uint8_t from;			/* 0 = A, 1 = B */
	enum sim_kind kind;
	struct sim_endpoint src, dst;	/* as they pass the tap; port 0: no UDP */
	struct sim_endpoint claimed;	/* source before a NAT */
	uint16_t ip_id;
	struct sim_message *message;	/* IKE */
	unsigned datagram;
	uint32_t spi, seq;		/* ESP, AH */
	/* ESP, AH: bytes after the sequence number; ICMP: MTU or 0 */
	size_t size;
	uint64_t content;		/* seed of the random bytes */
	unsigned slot;
	struct sim_packet *quoted;	/* ICMP */
	uint8_t icmp_code;
	struct sim_true_child *sa_truth;
	bool echo;			/* the receiver answers with as much */
	bool forged;			/* the receiver throws it away */
	/* a box before the tap let only the first IP fragment through */
	bool only_first;
};

struct sim_packet *sim_packet_new(struct sim_pair *pair, unsigned from, enum sim_kind kind);
struct sim_packet *sim_packet_keep(struct sim_packet *p);
void sim_packet_drop(struct sim_packet *p);
size_t sim_packet_ip_length(const struct sim_packet *p);

/* A middle box that throws packets away; -1 in a field means "any". */
struct sim_drop {
	bool before_tap;
	int from;			/* 0, 1 */
	int kind;			/* enum sim_kind */
	int exchange, response, np1;
	int port;			/* either port */
	size_t longer_than;		/* IP bytes; 0 any */
	bool fragments;			/* all but the first fragment of what exceeds the MTU */
	int datagram;			/* this SKF fragment only */
	double probability;
	sim_time since, until;
};
extern const struct sim_drop sim_drop_any;	/* every field "any", probability 1, for ever */

enum { SIM_DROPS_MAX = 8 };

struct sim_net {
	double delay, jitter;		/* seconds, one way */
	double loss[2];			/* from A, from B */
	double reorder, reorder_by;	/* probability, seconds */
	double duplicate;		/* the network, not the mirror */
	double tap_at;			/* 0 at A … 1 at B */
	unsigned mtu;
	bool float_ike;			/* IKE_AUTH moves to 4500 although there is no NAT */
	bool nat;			/* of A, before the tap unless nat_inside */
	bool nat_inside;
	struct sim_addr outside;
	uint16_t nat_port[2];		/* what 500 and 4500 become */
	unsigned n_drops;
	struct sim_drop drops[SIM_DROPS_MAX];
};

struct sim_tap {
	double loss;
	double burst_every, burst_length;	/* seconds: everything lost at once */
	double duplicate;		/* probability that the mirror delivers twice */
	int only_from;			/* -1 both */
	sim_time start;			/* what passes earlier is not captured */
	sim_time jump_at, jump_by;	/* a step of the capturing host's clock */
	struct sim_link link;
	bool tcp;			/* everything rides in TCP 4500, RFC 9329 */
};

struct sim_event {
	sim_time at;
	uint64_t order;
	sim_fire *fire;
	void *object;
	uint64_t arg;
};

struct sim_world {
	sim_time now, end;
	struct sim_rng rng;
	struct sim_event *events;
	size_t n_events, room;
	uint64_t order;
	struct sim_pair *pairs;
	struct sim_tap tap;
	struct sim_pcap out;
	struct sim_truth *truth;
	void *owned;			/* list of allocations that live as long as the world */
};

/* The net of one pair of gateways, and how an arrived packet is handed over. */
struct sim_pair {
	struct sim_pair *next;
	struct sim_world *world;
	unsigned number;
	struct sim_net net;
	sim_time last_arrival[2];
	uint16_t ip_id[2];
	uint32_t tcp_seq[2];
	bool tcp_open, tcp_prefix[2];
	void (*deliver)(struct sim_pair *pair, struct sim_packet *p);
	struct sim_addr addr[2];	/* of A (inside its NAT) and of B */
	void *gates[2];
};

void sim_at(struct sim_world *w, sim_time at, sim_fire *fire, void *object, uint64_t arg);
void sim_after(struct sim_world *w, double seconds, sim_fire *fire, void *object, uint64_t arg);
void sim_run(struct sim_world *w);
void sim_done(struct sim_world *w);		/* after gate_free of every pair */
/* Takes the packet. */
void sim_send(struct sim_world *w, struct sim_packet *p);
void *sim_own(struct sim_world *w, size_t size);	/* zeroed; freed by sim_done */
/* Uniform in [from, to). */
double sim_between(struct sim_world *w, double from, double to);
bool sim_chance(struct sim_world *w, double probability);

/* render.c: from packet to frames in the file */
void sim_render(struct sim_world *w, struct sim_packet *p);
sim_fire sim_render_again;	/* the mirror's second copy; takes the packet */

#endif
