/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Captures of honest tunnels under attack.  The honest frames are the same, at
 * the same times, whatever attack runs beside them: what sawatch keeps of them
 * with and without it can be compared row by row.
 */
#ifndef FLOOD_H
#define FLOOD_H

#include "../bench/generate.h"

#define S INT64_C(1000000000)
#define MS INT64_C(1000000)

enum {
	TUNNELS = 24, LATE_TUNNELS = 12, OLD_TUNNELS = 6,	/* the last ones speak IKEv1 */
	VICTIM = 0, BYSTANDER = 3, OLD_VICTIM = TUNNELS + LATE_TUNNELS,
};

/* The times of an attack: everything is set up before it, and settles after it. */
struct moments {
	int64_t start, attack, calm, end;	/* nanoseconds since the epoch */
};

/* A TCP/4500 connection of a tunnel, RFC 9329. */
struct stream {
	uint32_t seq[2];
	bool open[2];
};

struct honest {
	struct tunnel tunnel;
	struct esp_sa esp[2];
	struct stream tcp;
	bool over_tcp;
};

struct population {
	struct honest member[TUNNELS + LATE_TUNNELS + OLD_TUNNELS];
	struct moments when;
	struct sim_rng rng;		/* of the honest alone */
	struct output *out;
};

/* Writes what the honest do until `to`; each call goes on where the last one stopped. */
struct diary;
struct diary *diary_new(struct population *p);
int64_t diary_next(const struct diary *d);	/* time of its next frame; INT64_MAX none */
void diary_write(struct diary *d, struct output *out);	/* that frame */
void diary_free(struct diary *d);

/* Their part of it: what those with IKEv1 do, all their lives (honest1.c). */
void live_with_ike1(struct population *p, struct output *out);

/* One kind of attack: `strike` writes one frame at out->now, the nth. */
struct attack {
	/* normal: the honest kind its cost is compared with */
	const char *name, *normal, *what;
	void (*strike)(const struct population *p, struct output *out, uint64_t n);
};
/* Those on IKEv1 (attacks1.c). */
void old_info(const struct population *p, struct output *out, uint64_t n);
void old_delete(const struct population *p, struct output *out, uint64_t n);
void old_quick(const struct population *p, struct output *out, uint64_t n);
void old_noise(const struct population *p, struct output *out, uint64_t n);
void old_main(const struct population *p, struct output *out, uint64_t n);
extern const struct attack attacks[];		/* ends with name NULL */

/* Honest traffic of one kind, `packets` of it, to know what a packet costs. */
struct normal {
	const char *name, *what;
	void (*generate)(struct output *out, uint64_t packets);
};
extern const struct normal normals[];		/* ends with name NULL */

/* An IPsec message in out->frame as UDP, on its way. */
void send_udp(struct output *out, struct sim_endpoint src, struct sim_endpoint dst, uint16_t id);
/*
 * The IP packet in out->frame in pieces of at most `mtu` bytes; `write` gets each as a frame of its
 * own.
 */
void send_pieces(struct output *out, size_t mtu, uint32_t id);

#endif
