/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "generate.h"

#include <string.h>

enum { ETHERNET = 14 };

void esp_sa_init(struct esp_sa *e, const struct tunnel *t, bool from_a, struct output *out)
{
	struct sim_frame *f = &out->frame;
	struct sim_endpoint src = from_a ? t->a : t->b, dst = from_a ? t->b : t->a;
	struct sim_ip ip = { .src = src.addr, .dst = dst.addr, .proto = t->udp ? 17 : 50 };
	struct sim_link ethernet = { .type = SIM_ETHERNET, .swapped = !from_a };

	src.port = dst.port = 4500;
	sim_frame_clear(f);
	sim_push_esp(f, sim_rng_u32(&out->rng) | 0x1000, 0);
	if (t->udp)
		sim_push_udp(f, src, dst);
	sim_push_ip(f, &ip);
	sim_push_link(f, &ethernet);
	e->head_len = (uint8_t)f->length;
	memcpy(e->head, sim_frame_data(f), f->length);
	e->seq = 0;
	e->id = (uint16_t)sim_rng_u32(&out->rng);
}

static void patch_ip4(unsigned char *ip, size_t length, uint16_t id)
{
	uint32_t sum = 0;

	sim_set16(ip + 2, (unsigned)length);
	sim_set16(ip + 4, id);
	sim_set16(ip + 10, 0);
	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sim_set16(ip + 10, ~sum & 0xffff);
}

void esp_send(struct esp_sa *e, size_t length, unsigned char *body, struct output *out)
{
	bool v6 = e->head[12] == 0x86, udp = e->head[v6 ? 20 : 23] == 17;
	size_t ip = v6 ? 40 : 20;

	memcpy(body, e->head, e->head_len);
	sim_set32(body + e->head_len - 4, ++e->seq);
	if (v6)
		sim_set16(body + ETHERNET + 4, (unsigned)(length - ETHERNET - 40));
	else
		patch_ip4(body + ETHERNET, length - ETHERNET, e->id++);
	if (udp) {	/* checksum 0, RFC 3948 2.1 */
		sim_set16(body + ETHERNET + ip + 4, (unsigned)(length - ETHERNET - ip));
		sim_set16(body + ETHERNET + ip + 6, 0);
	}
	sim_pcap_write(&out->pcap, out->now, body, out->snap < length ? out->snap : length, length);
	out->now += out->gap;
}

size_t imix(struct sim_rng *r)
{
	uint64_t n = sim_rng_below(r, 12);

	return n < 7 ? 106 : n < 11 ? 622 : FRAME_MAX;
}

void other_send(const struct esp_sa *flow, size_t length, unsigned char *body, struct output *out)
{
	memcpy(body, flow->head, flow->head_len);
	patch_ip4(body + ETHERNET, length - ETHERNET, (uint16_t)out->pcap.packets);
	if (body[23] == 17) {
		sim_set16(body + ETHERNET + 24, (unsigned)(length - ETHERNET - 20));
		sim_set16(body + ETHERNET + 26, 0);
	}
	sim_pcap_write(&out->pcap, out->now, body, length, length);
	out->now += out->gap;
}
