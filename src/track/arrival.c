/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way of one packet from its IP header on: to ESP, to IKE, to the tunnel of which an ICMP error
 * quotes a packet, or to reassembly and back.
 */
#include "track/tracker.h"

enum { NAT_T_PORT = 4500 };

static nsec time_of(const struct frame *f)
{
	return tracker_bounded(f->at);
}

void ike_message(struct tracker *t, struct arrival *a, struct reader r)
{
	struct ike_message *m = &t->message;
	enum verdict v = ike_parse(r, m);

	if (v == VERDICT_MALFORMED)
		t->counters.malformed++;
	else if (v == VERDICT_CUT)
		t->counters.cut++;
	if (m->header.major != 1 && m->header.major != 2)
		return;			/* no header: nothing to go by */
	t->counters.ike_messages++;
	uint64_t hash = hash_bytes(&t->key, m->whole.data, m->whole.length);

	if (hygiene_is_copy(t, a, m, hash))
		return;
	if (m->header.major == 2)
		ike2_message(t, a, m, hash);
	else
		ike1_message(t, a, m, hash);
}

static void keepalive(struct tracker *t, const struct arrival *a)
{
	int8_t side;
	uint32_t tunnel = path_find_tunnel(t, arrival_src(a), arrival_dst(a), &side);

	t->counters.keepalives++;
	if (tunnel == NO_INDEX)
		return;
	struct event ev = event_of(t, EVENT_KEEPALIVE, a->at, tunnel);

	t->tunnels[tunnel].last = nsec_later(t->tunnels[tunnel].last, a->at);
	ev.side = side;
	event_emit(t, &ev);
}

static void icmp_error(struct tracker *t, const struct frame *f, const struct packet *p)
{
	struct icmp_error e;
	int8_t side;

	if (!icmp_error_parse(p, &e))
		return;
	t->counters.icmp_errors++;
	uint32_t tunnel = path_find_tunnel(t, (struct endpoint){ e.quoted.src, e.src_port },
					   (struct endpoint){ e.quoted.dst, e.dst_port }, &side);

	if (tunnel == NO_INDEX)
		return;
	struct event ev = event_of(t, EVENT_ICMP_ERROR, time_of(f), tunnel);

	ev.side = side;
	ev.value[0] = e.type;
	ev.value[1] = e.code;
	ev.value[2] = e.mtu;
	ev.value[3] = e.spi;
	event_emit(t, &ev);
}

void tracker_count_verdict(struct tracker *t, enum verdict v)
{
	if (v == VERDICT_CUT)
		t->counters.cut++;
	else if (v == VERDICT_MALFORMED)
		t->counters.malformed++;
}

static bool port_learned(const struct tracker *t, uint16_t port)
{
	return t->learned_ports[port / 8] >> (port % 8) & 1;
}

/*
 * IKE with the non-ESP marker on an unusual port: from now on, what comes on the same ports without
 * a marker is ESP.
 */
static void learn_port(struct tracker *t, uint16_t src_port, uint16_t dst_port)
{
	if (src_port == NAT_T_PORT || dst_port == NAT_T_PORT)
		return;
	t->learned_ports[src_port / 8] |= (uint8_t)(1u << (src_port % 8));
	t->learned_ports[dst_port / 8] |= (uint8_t)(1u << (dst_port % 8));
	t->any_learned = true;
}

bool esp_arrival_of(struct tracker *t, const struct frame *f, const struct packet *p,
		    struct reader *r, enum esp_protocol protocol, enum encap encap,
		    uint16_t src_port, uint16_t dst_port, struct esp_arrival *ret)
{
	struct esp_header h;
	enum verdict v = protocol == PROTOCOL_AH ? ah_parse(r, &h) : esp_parse(r, &h);

	if (v != VERDICT_OK) {
		tracker_count_verdict(t, v);
		return false;
	}
	ret->src = p->src;
	ret->dst = p->dst;
	ret->network = p->network;
	ret->frame = f;
	ret->at = time_of(f);
	ret->spi = h.spi;
	ret->seq = h.seq;
	ret->bytes = p->ip_length;
	ret->src_port = src_port;
	ret->dst_port = dst_port;
	ret->protocol = (uint8_t)protocol;
	ret->encap = (uint8_t)encap;
	ret->hash = esp_hash(t, &p->src, &p->dst, h.spi, protocol, encap);
	ret->stranger = 0;
	return true;
}

static void udp_packet(struct tracker *t, const struct frame *f, const struct packet *p,
		       bool reassembled)
{
	struct reader r = p->payload;
	struct udp_header u;
	struct arrival a = { .frame = f,
			     .packet = p,
			     .at = time_of(f),
			     .ip_fragments = reassembled,
			     .tunnel = NO_INDEX,
			     .side = SIDE_UNKNOWN };
	struct esp_arrival esp;
	enum verdict v = udp_parse(&r, &u);

	if (v != VERDICT_OK) {
		tracker_count_verdict(t, v);
		return;
	}
	a.src_port = u.src_port;
	a.dst_port = u.dst_port;
	switch (udp_classify(&u, &r)) {
	case UDP_IKE:
		ike_message(t, &a, r);
		return;
	case UDP_IKE_MARKED:
		a.encap = ENCAP_UDP;
		learn_port(t, u.src_port, u.dst_port);
		ike_message(t, &a, r);
		return;
	case UDP_KEEPALIVE:
		keepalive(t, &a);
		return;
	case UDP_ESP:
		break;
	case UDP_OTHER: {
		int8_t side;

		if (t->any_learned && port_learned(t, u.src_port) && port_learned(t, u.dst_port) &&
		    reader_remaining(&r) > 8 &&
		    path_find_tunnel(t, arrival_src(&a), arrival_dst(&a), &side) != NO_INDEX)
			break;
		t->counters.other++;
		return;
	}
	}
	if (esp_arrival_of(t, f, p, &r, PROTOCOL_ESP, ENCAP_UDP, u.src_port, u.dst_port, &esp))
		esp_packet(t, &esp);
}

static void tcp_segment(struct tracker *t, const struct frame *f, const struct packet *p)
{
	struct reader r = p->payload;
	uint16_t src_port = reader_u16(&r), dst_port = reader_u16(&r);

	if (!reader_ok(&r)) {
		tracker_count_verdict(t, r.verdict);
		return;
	}
	if ((src_port == NAT_T_PORT || dst_port == NAT_T_PORT) && t->handler.segment)
		t->handler.segment(t->handler.user, f, p);
	else
		t->counters.other++;
}

void tracker_handle(struct tracker *t, const struct frame *f, const struct packet *p,
		    bool reassembled)
{
	struct esp_arrival esp;
	struct reader r = p->payload;

	switch (p->protocol) {
	case IP_UDP:
		udp_packet(t, f, p, reassembled);
		return;
	case IP_TCP:
		tcp_segment(t, f, p);
		return;
	case IP_ICMP:
	case IP_ICMPV6:
		icmp_error(t, f, p);
		return;
	case IP_ESP:
	case IP_AH:
		if (esp_arrival_of(t, f, p, &r, p->protocol == IP_AH ? PROTOCOL_AH : PROTOCOL_ESP,
				   ENCAP_NONE, 0, 0, &esp))
			esp_packet(t, &esp);
		return;
	default:
		t->counters.other++;
	}
}

/* ---- what was reassembled, or could not be -------------------------------- */

void tracker_packet(struct tracker *t, const struct frame *f, const struct packet *whole)
{
	int8_t side;
	uint32_t tunnel;

	tracker_handle(t, f, whole, true);
	tunnel = path_find_tunnel(t, (struct endpoint){ whole->src, 0 },
				  (struct endpoint){ whole->dst, 0 }, &side);
	if (tunnel != NO_INDEX && side >= 0)
		tunnel_more(t, &t->tunnels[tunnel])->ike[side].reassembled++;
}

void tracker_message(struct tracker *t, const struct frame *f, const struct packet *p,
		     uint16_t src_port, uint16_t dst_port, bool is_ike, struct bytes message)
{
	struct arrival a = { .frame = f,
			     .packet = p,
			     .at = time_of(f),
			     .src_port = src_port,
			     .dst_port = dst_port,
			     .encap = ENCAP_TCP,
			     .tunnel = NO_INDEX,
			     .side = SIDE_UNKNOWN };
	struct reader r = reader_over(message.data, message.length, message.length);
	struct esp_arrival esp;

	if (is_ike) {
		ike_message(t, &a, r);
	} else if (esp_arrival_of(t, f, p, &r, PROTOCOL_ESP, ENCAP_TCP, src_port, dst_port, &esp)) {
		esp.bytes = (uint32_t)message.length;
		esp_packet(t, &esp);
	}
}

void tracker_fragment_missing(struct tracker *t, nsec at, const struct packet *first_seen,
			      uint64_t frame)
{
	int8_t side;
	uint32_t tunnel = path_find_tunnel(t, (struct endpoint){ first_seen->src, 0 },
					   (struct endpoint){ first_seen->dst, 0 }, &side);

	if (tunnel == NO_INDEX)
		return;
	struct event ev = event_of(t, EVENT_FRAGMENT_MISSING, tracker_bounded(at), tunnel);

	ev.side = side;
	ev.frame = frame;
	ev.value[0] = first_seen->protocol;
	event_emit(t, &ev);
}
