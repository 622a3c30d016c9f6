/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The honest that still speak IKEv1: main mode, quick modes and their Deletes,
 * DPD in both directions, a second phase 1 that takes over, and the end.
 */
#include "flood.h"

#define STEP (20 * MS)
#define ESP_PERIOD (2 * S)
#define DPD_PERIOD (20 * S)

enum { ESP_LENGTH = 142, CERTIFICATE = 1800, DROPS_OLD = 2, BEGINS_LATE = OLD_TUNNELS - 1 };

static void send(struct honest *h, bool from_a, struct output *out)
{
	const struct tunnel *t = &h->tunnel;

	send_udp(out, from_a ? t->a : t->b, from_a ? t->b : t->a, (uint16_t)(out->now / MS));
}

static void main_mode(struct honest *h, struct output *out)
{
	struct tunnel *t = &h->tunnel;
	struct sim_offer offer = { .suite = t->session.suite,
				   .group = t->session.group,
				   .auth = 1,
				   .life_seconds = 28800 };

	for (unsigned step = 1; step <= 6; step++) {
		bool from_a = step % 2 == 1;
		struct sim_main m = { .offers = &offer,
				      .n_offers = 1,
				      .src = from_a ? t->a : t->b,
				      .dst = from_a ? t->b : t->a };

		if (step == 5 && t->udp)
			t->a.port = t->b.port = 4500;
		sim_frame_clear(&out->frame);
		sim_say_main(&out->frame, &t->session, &m, step, &out->rng);
		send(h, from_a, out);
	}
}

static void quick_mode(struct honest *h, struct output *out)
{
	uint32_t id = sim_rng_u32(&out->rng) | 1;

	for (unsigned step = 1; step <= 3; step++) {
		sim_frame_clear(&out->frame);
		sim_say_quick(&out->frame, &h->tunnel.session, id, step, &out->rng);
		send(h, step != 2, out);
	}
	esp_sa_init(&h->esp[0], &h->tunnel, true, out);
	esp_sa_init(&h->esp[1], &h->tunnel, false, out);
}

static void say(struct honest *h, bool from_a, enum sim_info1 what, struct output *out)
{
	sim_frame_clear(&out->frame);
	sim_say_info1(&out->frame, &h->tunnel.session, sim_rng_u32(&out->rng) | 1, what, &out->rng);
	send(h, from_a, out);
}

static void probe(struct honest *h, bool by_a, struct output *out)
{
	say(h, by_a, SIM_INFO1_DPD, out);
	say(h, !by_a, SIM_INFO1_DPD, out);
}

/* A phase 1 that is new takes over, and the old one is deleted by its cookies. */
static void renew(struct honest *h, struct output *out)
{
	struct sim_session old = h->tunnel.session, new;
	bool udp = h->tunnel.udp;

	tunnel_new_ike_sa(&h->tunnel, &out->rng);
	main_mode(h, out);
	quick_mode(h, out);
	new = h->tunnel.session;
	h->tunnel.session = old;
	say(h, true, SIM_INFO1_DELETE_ESP, out);
	say(h, true, SIM_INFO1_DELETE_IKE, out);
	h->tunnel.session = new;
	h->tunnel.udp = udp;
}

static void member_init(struct honest *h, unsigned k, struct sim_rng *r)
{
	static const char *const suites[] = { "3des-md5", "aes256-sha1", "aes256-sha256" };
	struct options o = { .udp = k % 3 == 1 };

	*h = (struct honest){ 0 };
	tunnel_init(&h->tunnel, TUNNELS + LATE_TUNNELS + k, &o, r);
	h->tunnel.session.suite = sim_suite(suites[k % 3]);
	h->tunnel.session.group = 14;
	if (k == 3)
		h->tunnel.session.cert_len = CERTIFICATE;
}

/* How it goes, step by step: each thing at its time, and traffic between them. */
static void live(struct honest *h, unsigned k, const struct moments *when, struct output *out)
{
	static unsigned char body[FRAME_MAX];
	int64_t attack = when->calm - when->attack;
	int64_t begin =
		k == BEGINS_LATE ? when->attack + attack / 10 * 3 : when->start + S * k + S / 2;
	int64_t end = when->end - 40 * S + S * k;
	int64_t rekey = when->attack + attack / 10 * (4 + k), next_probe = begin + 5 * S;
	int64_t renewal = k == DROPS_OLD ? when->calm + 20 * S : INT64_MAX;
	bool by_a = k % 2 == 0;

	out->now = begin;
	out->gap = STEP;
	main_mode(h, out);
	quick_mode(h, out);
	for (int64_t at = begin + S; at < end; at += ESP_PERIOD) {
		if (out->now < at)
			out->now = at;
		if (at >= rekey) {
			quick_mode(h, out);
			say(h, true, SIM_INFO1_DELETE_ESP, out);
			rekey = rekey < when->calm ? when->calm + 100 * S + S * k : INT64_MAX;
		}
		if (at >= next_probe) {
			probe(h, by_a, out);
			by_a = !by_a;
			next_probe += DPD_PERIOD;
		}
		if (at >= renewal) {
			renew(h, out);
			renewal = INT64_MAX;
		}
		out->gap = STEP / 8;
		for (int way = 0; way < 2; way++)
			esp_send(&h->esp[way], ESP_LENGTH, body, out);
		out->gap = STEP;
	}
	if (k % 2 == 0) {
		say(h, true, SIM_INFO1_DELETE_ESP, out);
		say(h, true, SIM_INFO1_DELETE_IKE, out);
	}
}

void live_with_ike1(struct population *p, struct output *out)
{
	for (unsigned k = 0; k < OLD_TUNNELS; k++) {
		struct honest *h = &p->member[TUNNELS + LATE_TUNNELS + k];

		member_init(h, k, &out->rng);
		live(h, k, &p->when, out);
	}
}
