/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "generate.h"

struct sim_addr numbered(bool v6, unsigned side, unsigned index)
{
	struct sim_addr a = { .v6 = v6 };

	if (v6) {
		sim_set32(a.bytes, 0x20010db8);
		a.bytes[5] = (unsigned char)side;
		sim_set32(a.bytes + 12, index);
	} else {
		/* 172.16/12, 10/8 */
		sim_set32(a.bytes, (side ? 0xac100000u : 0x0a000000u) + index);
	}
	return a;
}

void tunnel_init(struct tunnel *t, unsigned index, const struct options *o, struct sim_rng *r)
{
	*t = (struct tunnel){ .udp = o->udp };
	t->a.addr = numbered(o->v6, 0, index + 1);
	t->b.addr = numbered(o->v6, 1, index + 1);
	t->session.suite = sim_suite(index % 2 ? "aes128gcm16-sha256" : "aes256-sha256");
	t->session.group = 31;
	t->session.pfs_group = 31;
	t->session.id_len = 12;
	t->session.v6 = o->v6;
	tunnel_new_ike_sa(t, r);
}

void tunnel_new_ike_sa(struct tunnel *t, struct sim_rng *r)
{
	t->session.spi_i = sim_rng_u64(r) | 1;
	t->session.spi_r = sim_rng_u64(r) | 1;
	t->a.port = t->b.port = 500;
	t->next_id = 1;
}

void output_frame(struct output *out)
{
	static const struct sim_link ethernet = { .type = SIM_ETHERNET };

	sim_push_link(&out->frame, &ethernet);
	sim_pcap_write(&out->pcap, out->now, sim_frame_data(&out->frame), out->frame.length,
		       out->frame.length);
	out->now += out->gap;
}

static void send(struct tunnel *t, bool from_a, struct output *out)
{
	struct sim_endpoint src = from_a ? t->a : t->b, dst = from_a ? t->b : t->a;
	struct sim_ip ip = { .src = src.addr,
			     .dst = dst.addr,
			     .proto = 17,
			     .id = (uint16_t)sim_rng_u32(&out->rng) };

	if (src.port == 4500)
		sim_push_marker(&out->frame);
	sim_push_udp(&out->frame, src, dst);
	sim_push_ip(&out->frame, &ip);
	output_frame(out);
}

void tunnel_exchange(struct tunnel *t, uint8_t exchange, uint8_t np1, size_t inner,
		     uint8_t np1_answer, size_t inner_answer, struct output *out)
{
	struct sim_protected p = { exchange, false, true, t->next_id++, np1, inner };

	sim_frame_clear(&out->frame);
	sim_say_protected(&out->frame, &t->session, &p, &out->rng);
	send(t, true, out);
	p = (struct sim_protected){ exchange, true, false, p.message_id, np1_answer, inner_answer };
	sim_frame_clear(&out->frame);
	sim_say_protected(&out->frame, &t->session, &p, &out->rng);
	send(t, false, out);
}

void tunnel_setup(struct tunnel *t, unsigned step, struct output *out)
{
	struct sim_offer offer = { .suite = t->session.suite, .group = t->session.group };
	bool from_a = step % 2 == 0;
	struct sim_init init = { .offers = &offer, .n_offers = 1, .src = from_a ? t->a : t->b,
				 .dst = from_a ? t->b : t->a, .fragmentation = true };
	struct sim_protected auth = { X2_AUTH, !from_a, from_a, 1, from_a ? P2_IDI : P2_IDR,
				      sim_inner_auth(&t->session, !from_a) };

	sim_frame_clear(&out->frame);
	if (step < 2) {
		sim_say_init(&out->frame, &t->session, &init, !from_a, &out->rng);
	} else {
		if (t->udp)
			t->a.port = t->b.port = 4500;
		sim_say_protected(&out->frame, &t->session, &auth, &out->rng);
		t->next_id = 2;
	}
	send(t, from_a, out);
}
