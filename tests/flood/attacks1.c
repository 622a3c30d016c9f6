/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is thrown at an honest tunnel with IKEv1, on its living cookies. */
#include "flood.h"

static struct sim_session old_session(const struct population *p)
{
	return p->member[OLD_VICTIM].tunnel.session;
}

static void send_old(const struct population *p, struct output *out, bool from_a)
{
	const struct tunnel *t = &p->member[OLD_VICTIM].tunnel;

	send_udp(out, from_a ? t->a : t->b, from_a ? t->b : t->a, (uint16_t)sim_rng_u32(&out->rng));
}

/* Noise of their lengths, encrypted as far as anybody can tell, in the name of either side. */
void old_info(const struct population *p, struct output *out, uint64_t n)
{
	static const enum sim_info1 kinds[] = {
		SIM_INFO1_DELETE_IKE, SIM_INFO1_DELETE_ESP, SIM_INFO1_DPD,
	};
	struct sim_session s = old_session(p);

	sim_frame_clear(&out->frame);
	sim_say_info1(&out->frame, &s, sim_rng_u32(&out->rng) | 1, kinds[n / 2 % 3], &out->rng);
	send_old(p, out, n % 2 == 0);
}

void old_delete(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_session s = old_session(p);

	(void)n;
	sim_frame_clear(&out->frame);
	sim_say_info1(&out->frame, &s, sim_rng_u32(&out->rng) | 1, SIM_INFO1_DELETE_IKE, &out->rng);
	send_old(p, out, false);
}

/*
 * The first and the third message of a quick mode each, as if what comes between them had been
 * lost.
 */
void old_quick(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_session s = old_session(p);

	sim_frame_clear(&out->frame);
	sim_say_quick(&out->frame, &s, (uint32_t)(n / 2) + 1, n % 2 ? 3 : 1, &out->rng);
	send_old(p, out, true);
}

/* Noise of the length of a first message, the same message ID twice. */
void old_noise(const struct population *p, struct output *out, uint64_t n)
{
	struct sim_session s = old_session(p);

	sim_frame_clear(&out->frame);
	sim_say_quick(&out->frame, &s, (uint32_t)(n / 2) + 1, 1, &out->rng);
	send_old(p, out, true);
}

/* Main mode in the name of a peer whose tunnel is up; and clear errors about it. */
void old_main(const struct population *p, struct output *out, uint64_t n)
{
	const struct tunnel *t = &p->member[OLD_VICTIM].tunnel;
	struct sim_session s = old_session(p);
	struct sim_offer offer = { .suite = s.suite, .group = 14 };
	struct sim_main m = { .offers = &offer, .n_offers = 1, .src = t->a, .dst = t->b };

	sim_frame_clear(&out->frame);
	if (n % 2) {
		sim_say_info1_clear(&out->frame, s.spi_i, s.spi_r, (uint32_t)n,
				    n % 4 == 1 ? 14 : 4);
	} else {
		s.spi_i = sim_rng_u64(&out->rng) | 1;
		sim_say_main(&out->frame, &s, &m, 1, &out->rng);
	}
	send_old(p, out, n % 2 == 0);
}
