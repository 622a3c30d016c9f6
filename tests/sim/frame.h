/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames built from the inside out: append the payload, then push one header
 * after the other in front of it.  Every checksum and length is right.
 * Knows nothing of sawatch, so that it can be the truth for its parsers.
 */
#ifndef SIM_FRAME_H
#define SIM_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_HEADROOM = 512, SIM_PAYLOAD_MAX = 65600 };

struct sim_frame {
	size_t start, length;
	unsigned char room[SIM_HEADROOM + SIM_PAYLOAD_MAX];
};

struct sim_addr {
	bool v6;
	unsigned char bytes[16];	/* IPv4: the first four */
};

struct sim_endpoint {
	struct sim_addr addr;
	uint16_t port;
};

void sim_frame_clear(struct sim_frame *f);
/* only the bytes in use */
void sim_frame_copy(struct sim_frame *to, const struct sim_frame *from);
unsigned char *sim_frame_data(struct sim_frame *f);
void sim_append(struct sim_frame *f, const void *bytes, size_t n);
unsigned char *sim_extend(struct sim_frame *f, size_t n);	/* n zero bytes at the end */
unsigned char *sim_push(struct sim_frame *f, size_t n);		/* n zero bytes in front */
void sim_put8(struct sim_frame *f, unsigned v);
void sim_put16(struct sim_frame *f, unsigned v);
void sim_put32(struct sim_frame *f, uint32_t v);
void sim_put64(struct sim_frame *f, uint64_t v);

static inline void sim_set16(unsigned char *p, unsigned v)
{
	p[0] = (unsigned char)(v >> 8);
	p[1] = (unsigned char)v;
}

static inline void sim_set32(unsigned char *p, uint32_t v)
{
	sim_set16(p, v >> 16);
	sim_set16(p + 2, v & 0xffff);
}

static inline void sim_set64(unsigned char *p, uint64_t v)
{
	sim_set32(p, (uint32_t)(v >> 32));
	sim_set32(p + 4, (uint32_t)v);
}

/* "192.0.2.1" or "2001:db8::1"; the program stops when it is neither. */
struct sim_addr sim_addr(const char *text);
bool sim_addr_equal(struct sim_addr a, struct sim_addr b);
/* `ret` of 64 bytes. */
const char *sim_addr_text(struct sim_addr a, char ret[64]);

struct sim_ip {
	struct sim_addr src, dst;
	uint8_t proto;
	uint8_t ttl;		/* 0: 64 */
	uint16_t id;		/* IPv4 */
	bool df;
	bool hop_by_hop;	/* IPv6: an empty hop-by-hop header before the payload */
};

void sim_push_ip(struct sim_frame *f, const struct sim_ip *ip);
void sim_push_udp(struct sim_frame *f, struct sim_endpoint src, struct sim_endpoint dst);

enum { SIM_TCP_FIN = 1, SIM_TCP_SYN = 2, SIM_TCP_RST = 4, SIM_TCP_PSH = 8, SIM_TCP_ACK = 16 };
struct sim_tcp {
	struct sim_endpoint src, dst;
	uint32_t seq, ack;
	uint8_t flags;
};
void sim_push_tcp(struct sim_frame *f, const struct sim_tcp *t);

void sim_push_esp(struct sim_frame *f, uint32_t spi, uint32_t seq);
/* RFC 4302 2 with a 12-byte ICV; `next` is the protocol of what stands there now. */
void sim_push_ah(struct sim_frame *f, uint8_t next, uint32_t spi, uint32_t seq);
/* four zero bytes: IKE on port 4500, RFC 3948 2.2 */
void sim_push_marker(struct sim_frame *f);
/* Length prefix of RFC 9329 3; `first` also pushes "IKETCP" before it. */
void sim_push_tcp_length(struct sim_frame *f, bool first);

/*
 * ICMP error about the IP packet in `f`, which becomes the quotation.  IPv4:
 * type 3 with `code`; IPv6: type 1 with `code`.  mtu > 0 gives "fragmentation
 * needed" (3/4) or Packet Too Big (2/0).  From `router` to the quoted source.
 */
void sim_icmp_about(struct sim_frame *f, struct sim_addr router, uint8_t code, uint32_t mtu);

/* Calls `emit` with each IP fragment (or the packet itself when it fits). */
void sim_fragment(const struct sim_frame *packet, size_t mtu, uint32_t id,
		  void (*emit)(void *context, struct sim_frame *piece), void *context);

enum sim_link_type { SIM_ETHERNET, SIM_SLL, SIM_SLL2, SIM_RAW, SIM_NULL };
enum sim_envelope {
	SIM_PLAIN, SIM_ERSPAN_1, SIM_ERSPAN_2, SIM_ERSPAN_3, SIM_VXLAN, SIM_GENEVE, SIM_GRE,
	SIM_GRE_ETHERNET,
	SIM_IPIP,
};

struct sim_link {
	enum sim_link_type type;
	unsigned n_vlans;
	uint16_t vlans[2];		/* outer first; two make QinQ (0x88a8, 0x8100) */
	unsigned n_labels;
	uint32_t labels[3];
	bool pppoe;
	bool swapped;			/* from the other station: MACs change places */
	enum sim_envelope envelope;
	struct sim_addr mirror, collector;	/* of the envelope */
	uint16_t session;		/* ERSPAN session, VNI */
	uint32_t sequence;		/* ERSPAN II and III; the caller counts */
};

/* From IP packet to captured frame. */
void sim_push_link(struct sim_frame *f, const struct sim_link *l);
uint32_t sim_link_dlt(enum sim_link_type t);	/* LINKTYPE_ number of a pcap header */

#endif
