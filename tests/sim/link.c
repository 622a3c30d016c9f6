/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Link layers and the envelopes in which mirrors arrive. */
#include "frame.h"

#include <assert.h>
#include <string.h>

enum {
	ETHERTYPE_IP4 = 0x0800, ETHERTYPE_TEB = 0x6558, ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IP6 = 0x86dd,
	ETHERTYPE_MPLS = 0x8847, ETHERTYPE_PPPOE = 0x8864, ETHERTYPE_QINQ = 0x88a8,
	ETHERTYPE_ERSPAN_12 = 0x88be, ETHERTYPE_ERSPAN_3 = 0x22eb,
};

static const unsigned char mac_a[6] = { 0x02, 0, 0x5e, 0x10, 0, 0x0a },
mac_b[6] = { 0x02, 0, 0x5e, 0x10, 0, 0x0b };

static unsigned ethertype_of(const struct sim_frame *f)
{
	return f->room[f->start] >> 4 == 6 ? ETHERTYPE_IP6 : ETHERTYPE_IP4;
}

static void push_ethernet(struct sim_frame *f, unsigned ethertype, bool swapped)
{
	unsigned char *h = sim_push(f, 14);

	memcpy(h, swapped ? mac_a : mac_b, 6);
	memcpy(h + 6, swapped ? mac_b : mac_a, 6);
	sim_set16(h + 12, ethertype);
}

/* PPPoE, then MPLS, then VLAN tags around it: returns the ethertype for the outermost. */
static unsigned push_tags(struct sim_frame *f, const struct sim_link *l)
{
	unsigned ethertype = ethertype_of(f);

	if (l->pppoe) {
		unsigned protocol = ethertype == ETHERTYPE_IP6 ? 0x0057 : 0x0021;
		size_t length = f->length + 2;
		unsigned char *h = sim_push(f, 8);

		h[0] = 0x11;
		sim_set16(h + 2, 1);
		sim_set16(h + 4, (unsigned)length);
		sim_set16(h + 6, protocol);
		ethertype = ETHERTYPE_PPPOE;
	}
	for (unsigned i = l->n_labels; i-- > 0;) {
		bool bottom = i + 1 == l->n_labels;

		sim_set32(sim_push(f, 4), l->labels[i] << 12 | (bottom ? 1u << 8 : 0) | 64);
		ethertype = ETHERTYPE_MPLS;
	}
	for (unsigned i = l->n_vlans; i-- > 0;) {
		unsigned char *h = sim_push(f, 4);

		sim_set16(h, l->vlans[i]);
		sim_set16(h + 2, ethertype);
		ethertype = i == 0 && l->n_vlans > 1 ? ETHERTYPE_QINQ : ETHERTYPE_VLAN;
	}
	return ethertype;
}

static void push_inner_ethernet(struct sim_frame *f, const struct sim_link *l)
{
	unsigned ethertype = push_tags(f, l);

	push_ethernet(f, ethertype, l->swapped);
}

static void push_outer_ip(struct sim_frame *f, const struct sim_link *l, uint8_t proto)
{
	struct sim_ip ip = { .src = l->mirror, .dst = l->collector, .proto = proto,
			     .id = (uint16_t)l->sequence };

	sim_push_ip(f, &ip);
}

static void push_gre(struct sim_frame *f, const struct sim_link *l, unsigned protocol,
		     bool sequence)
{
	unsigned char *h = sim_push(f, sequence ? 8 : 4);

	sim_set16(h, sequence ? 0x1000 : 0);
	sim_set16(h + 2, protocol);
	if (sequence)
		sim_set32(h + 4, l->sequence);
	push_outer_ip(f, l, 47);
}

/* ERSPAN headers as in draft-foschiano-erspan-03, 4.2 and 4.3. */
static void push_erspan(struct sim_frame *f, const struct sim_link *l)
{
	push_inner_ethernet(f, l);
	if (l->envelope == SIM_ERSPAN_1) {
		push_gre(f, l, ETHERTYPE_ERSPAN_12, false);
		return;
	}

	bool third = l->envelope == SIM_ERSPAN_3;
	unsigned char *h = sim_push(f, third ? 12 : 8);

	sim_set16(h, (third ? 2u << 12 : 1u << 12) | (l->n_vlans ? l->vlans[0] : 0u));
	sim_set16(h + 2, l->session & 0x3ffu);
	if (third)
		sim_set32(h + 4, l->sequence * 1000);	/* its timestamp, 100 ns units */
	push_gre(f, l, third ? ETHERTYPE_ERSPAN_3 : ETHERTYPE_ERSPAN_12, true);
}

static void push_udp_envelope(struct sim_frame *f, const struct sim_link *l)
{
	struct sim_endpoint src = { l->mirror, (uint16_t)(49152 + l->session) },
			    dst = { l->collector, 0 };

	push_inner_ethernet(f, l);

	unsigned char *h = sim_push(f, 8);

	if (l->envelope == SIM_VXLAN) {
		h[0] = 0x08;
		dst.port = 4789;
	} else {
		sim_set16(h + 2, ETHERTYPE_TEB);
		dst.port = 6081;
	}
	sim_set32(h + 4, (uint32_t)l->session << 8);
	sim_push_udp(f, src, dst);
	push_outer_ip(f, l, 17);
}

static void push_envelope(struct sim_frame *f, const struct sim_link *l)
{
	switch (l->envelope) {
	case SIM_PLAIN:
		break;
	case SIM_ERSPAN_1:
	case SIM_ERSPAN_2:
	case SIM_ERSPAN_3:
		push_erspan(f, l);
		break;
	case SIM_VXLAN:
	case SIM_GENEVE:
		push_udp_envelope(f, l);
		break;
	case SIM_GRE:
		push_gre(f, l, ethertype_of(f), false);
		break;
	case SIM_GRE_ETHERNET:
		push_inner_ethernet(f, l);
		push_gre(f, l, ETHERTYPE_TEB, false);
		break;
	case SIM_IPIP:
		push_outer_ip(f, l, f->room[f->start] >> 4 == 6 ? 41 : 4);
		break;
	}
}

static void push_cooked(struct sim_frame *f, unsigned ethertype, bool second)
{
	unsigned char *h = sim_push(f, second ? 20 : 16);

	if (second) {
		sim_set16(h, ethertype);
		sim_set32(h + 4, 2);	/* interface index */
		sim_set16(h + 8, 1);	/* ARPHRD_ETHER */
		h[11] = 6;
		memcpy(h + 12, mac_a, 6);
	} else {
		sim_set16(h + 2, 1);
		sim_set16(h + 4, 6);
		memcpy(h + 6, mac_a, 6);
		sim_set16(h + 14, ethertype);
	}
}

void sim_push_link(struct sim_frame *f, const struct sim_link *l)
{
	struct sim_link outer = *l;

	push_envelope(f, l);
	/* the tags stand inside, where the mirrored port had them */
	if (l->envelope != SIM_PLAIN) {
		outer.n_vlans = outer.n_labels = 0;
		outer.pppoe = false;
	}
	switch (l->type) {
	case SIM_ETHERNET:
		push_inner_ethernet(f, &outer);
		break;
	case SIM_SLL:
		push_cooked(f, push_tags(f, &outer), false);
		break;
	case SIM_SLL2:
		push_cooked(f, push_tags(f, &outer), true);
		break;
	case SIM_RAW:
		break;
	case SIM_NULL: {
		/* AF_INET, AF_INET6 of FreeBSD in the writer's (little-endian) order */
		bool v6 = ethertype_of(f) == ETHERTYPE_IP6;

		sim_push(f, 4)[0] = v6 ? 28 : 2;
		break;
	}
	}
}

uint32_t sim_link_dlt(enum sim_link_type t)
{
	switch (t) {
	case SIM_ETHERNET:
		return 1;
	case SIM_SLL:
		return 113;
	case SIM_SLL2:
		return 276;
	case SIM_RAW:
		return 101;
	case SIM_NULL:
		return 0;
	}
	assert(0);
	return 0;
}
