/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libnids 1.26, kept on a short lead.  It never sees a header from the wire:
 * every packet it gets is made here, with a slot number for addresses, so that
 * - none of its header, option, checksum or scan code meets hostile bytes;
 * - no two datagrams can be confused, and no hash chain gets long;
 * - its evictor, which frees the newest datagram first beyond 256 KiB per
 *   destination, never runs: here each datagram is its own destination;
 * - a stream may begin in its middle: the handshake is made here, too.
 * It forgets what it is told to forget: an unfragmented packet frees its
 * datagram, and nids_free_tcp_stream() its stream.  So nothing in it needs to
 * age by itself, and its clock stands still (see gettimeofday() below).
 */
#include "glue.h"

#ifndef SAWATCH_LIBNIDS

struct glue *nids_open(const struct glue_size *size, struct err *e)
{
	(void)size;
	(void)e;
	return NULL;
}

#else

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <nids.h>

#include <sawatch/memory.h>

enum {
	IP_HEADER = sizeof(struct ip),
	TCP_HEADER = sizeof(struct tcphdr),
	SLACK = 16, /* its option and checksum loops may look past the end */
	/* Slots become addresses; the two kinds never meet. */
	DATAGRAM_NET = 0x0a000000,
	FLOW_NET = 0x14000000,
	FLOW_PEER = 0x1e000000,
	SLOTS_MAX = 0xffffff,
	FRAGMENT_MIN = 8,
	PROTOCOL_UNASSIGNED = 253, /* RFC 3692: libnids hands it on unread */
	FLOW_PORT = 4500,
	BUCKETS = 4096,
	FLOWS_MIN = 4096, /* its tables are made once in a process */
};

struct nids {
	struct glue glue;
	uint32_t flows_max;
	uint32_t n_datagrams, n_flows;	/* slots of the present user */
	uint32_t *given;		/* of each flow: bytes it gave out; its acknowledgement */
	uint8_t packet[65535 + SLACK];
	/* while a packet is inside: where its callbacks put what comes out */
	uint8_t *out;
	uint32_t out_length, out_max;
};

static struct nids the;			/* libnids keeps its state in statics, so do we */
static atomic_flag in_use = ATOMIC_FLAG_INIT;
static enum { UNTRIED, READY, UNUSABLE } condition;
static unsigned clock_looks;
static _Thread_local bool inside;

/*
 * libnids times its fragments with gettimeofday().  In a replay that would join
 * fragments that are hours apart, and its int of milliseconds overflows after
 * 24.8 days.  This definition takes the place of libc's for the whole program
 * (it has to be exported; nids_open() makes sure that it works): inside libnids
 * time stands still, and everybody else gets the real one.
 */
__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict tv,
							void *restrict tz)
{
	struct timespec now = { 0 };

	if (tz)
		memset(tz, 0, sizeof(struct timezone));
	if (inside) {
		clock_looks++;
		*tv = (struct timeval){ 0 };
		return 0;
	}
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	*tv = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
	return 0;
}

static void take(const void *data, size_t length)
{
	if (!the.out || length > the.out_max - the.out_length)
		return;
	memcpy(the.out + the.out_length, data, length);
	the.out_length += (uint32_t)length;
}

/* Every packet after defragmentation, whole ones too. */
static void on_ip(struct ip *ip, int length)
{
	(void)length;
	if (ip->ip_p == PROTOCOL_UNASSIGNED)
		take((const uint8_t *)ip + IP_HEADER, (size_t)ntohs(ip->ip_len) - IP_HEADER);
}

static void on_tcp(struct tcp_stream *s, void **unused)
{
	(void)unused;
	if (s->nids_state == NIDS_JUST_EST)
		s->server.collect = 1;
	else if (s->nids_state == NIDS_DATA)
		take(s->server.data + s->server.count - s->server.offset - s->server.count_new,
		     (size_t)s->server.count_new);
}

static void on_warning(int type, int number, struct ip *ip, void *data)
{
	(void)type;
	(void)number;
	(void)ip;
	(void)data;
}

/* libnids goes on with the null pointer when this returns. */
/* It cannot go on, nor can it say so to its caller. */
static void on_no_memory(char *where)
{
	(void)where;
	memory_or_end(false);
	abort();
}

/* The packet that was made in `the.packet`. */
static void feed(size_t length)
{
	struct pcap_pkthdr header = { .caplen = (bpf_u_int32)length, .len = (bpf_u_int32)length };

	assert(length > IP_HEADER && length <= 65535);
	memset(the.packet + length, 0, SLACK);
	inside = true;
	nids_pcap_handler(NULL, &header, the.packet);
	inside = false;
	nids_last_pcap_header = NULL;	/* it kept a pointer to ours */
}

static struct ip *make_ip(size_t length, uint8_t protocol, uint32_t src, uint32_t dst)
{
	struct ip *ip = (struct ip *)(void *)the.packet;

	*ip = (struct ip){
		.ip_v = 4, .ip_hl = IP_HEADER / 4, .ip_len = htons((uint16_t)length), .ip_ttl = 64,
		.ip_p = protocol, .ip_src.s_addr = htonl(src), .ip_dst.s_addr = htonl(dst),
	};
	return ip;
}

/*
 * libnids copies eight bytes behind the header, also when a last fragment has
 * fewer: such a one is made longer.
 */
static uint32_t nids_fragment(struct glue *g, const struct glue_fragment *piece, uint8_t *whole)
{
	uint32_t payload = piece->length < FRAGMENT_MIN ? FRAGMENT_MIN : piece->length;
	size_t length = IP_HEADER + payload, seen = piece->seen.length;
	uint32_t slot = DATAGRAM_NET | piece->slot;

	(void)g;
	assert(piece->length > 0 && (!piece->more || piece->length % 8 == 0) &&
	       piece->offset % 8 == 0);
	if (piece->offset + length > 65535)	/* one of 1 to 3 bytes at the very end */
		return 0;

	struct ip *ip = make_ip(length, PROTOCOL_UNASSIGNED, slot, slot);

	ip->ip_off = htons((uint16_t)(piece->offset / 8 | (piece->more ? IP_MF : 0)));
	memcpy(the.packet + IP_HEADER, piece->seen.data, seen);
	memset(the.packet + IP_HEADER + seen, 0, payload - seen);
	the.out = whole;
	the.out_max = piece->completes != 0 ? 65535 - IP_HEADER : 0;
	the.out_length = 0;
	feed(length);
	the.out = NULL;
	return the.out_length >= piece->completes ? piece->completes : 0;
}

/* "Fragmented frame replaced by full unfragmented copy", ip_fragment.c */
static void nids_fragments_forget(struct glue *g, uint32_t slot)
{
	(void)g;
	make_ip(IP_HEADER + FRAGMENT_MIN, PROTOCOL_UNASSIGNED, DATAGRAM_NET | slot,
		DATAGRAM_NET | slot);
	memset(the.packet + IP_HEADER, 0, FRAGMENT_MIN);
	feed(IP_HEADER + FRAGMENT_MIN);
}

/* One segment of flow `flow`: all data goes to the server, which only acknowledges. */
static void segment(uint32_t flow, bool to_server, uint8_t flags, uint32_t seq, uint32_t ack,
		    struct bytes data)
{
	size_t length = IP_HEADER + TCP_HEADER + data.length;
	uint32_t client = FLOW_NET | flow, server = FLOW_PEER | flow;

	make_ip(length, IPPROTO_TCP, to_server ? client : server, to_server ? server : client);

	struct tcphdr *tcp = (struct tcphdr *)(void *)(the.packet + IP_HEADER);

	*tcp = (struct tcphdr){
		.th_sport = htons(FLOW_PORT), .th_dport = htons(FLOW_PORT), .th_seq = htonl(seq),
		.th_ack = htonl(ack), .th_off = TCP_HEADER / 4, .th_flags = flags, .th_win = 65535,
	};
	if (data.length > 0)
		memcpy(the.packet + IP_HEADER + TCP_HEADER, data.data, data.length);
	feed(length);
}

static void nids_flow_open(struct glue *g, uint32_t flow)
{
	const struct bytes none = { NULL, 0 };

	(void)g;
	the.given[flow] = 0;
	segment(flow, true, TH_SYN, 0, 0, none);
	segment(flow, false, TH_SYN | TH_ACK, 0, 1, none);
	segment(flow, true, TH_ACK, 1, 1, none);
}

static uint32_t nids_flow_put(struct glue *g, uint32_t flow, uint32_t position, struct bytes data,
			      uint8_t *ret)
{
	const struct bytes none = { NULL, 0 };

	(void)g;
	assert(data.length > 0 && data.length <= GLUE_PIECE_MAX);
	the.out = ret;
	the.out_max = GLUE_OUT_MAX;
	the.out_length = 0;
	segment(flow, true, TH_ACK, 1 + position, 1, data);	/* the SYN took number 0 */
	the.out = NULL;
	if (the.out_length > 0) {	/* it drops what is beyond the server's window */
		the.given[flow] += the.out_length;
		segment(flow, false, TH_ACK, 1, 1 + the.given[flow], none);
	}
	return the.out_length;
}

static void nids_flow_close(struct glue *g, uint32_t flow)
{
	struct tuple4 address = {
		.source = FLOW_PORT, .dest = FLOW_PORT,
		.saddr = htonl(FLOW_NET | flow), .daddr = htonl(FLOW_PEER | flow),
	};
	struct tcp_stream *s = nids_find_tcp_stream(&address);

	(void)g;
	if (s)
		nids_free_tcp_stream(s);
}

/* nids_init() would leave its fragments behind, so it is called once in a process. */
static void nids_close(struct glue *g)
{
	for (uint32_t i = 0; i < the.n_datagrams; i++)
		nids_fragments_forget(g, i);
	for (uint32_t i = 0; i < the.n_flows; i++)
		nids_flow_close(g, i);
	free(the.given);
	the.given = NULL;
	atomic_flag_clear(&in_use);
}

static bool start(const struct glue_size *size, struct err *e)
{
	static struct nids_chksum_ctl no_checksums = { .action = NIDS_DONT_CHKSUM };

	the.flows_max = size->flows > FLOWS_MIN ? size->flows : FLOWS_MIN;
	nids_params.pcap_desc = pcap_open_dead(DLT_RAW, 65535);
	if (!nids_params.pcap_desc)
		return err_set(e, "no memory for libnids");
	nids_params.n_hosts = BUCKETS;
	nids_params.n_tcp_streams = (int)(the.flows_max / 3 * 4 + 64);	/* it uses three quarters */
	nids_params.scan_num_hosts = 0;
	nids_params.tcp_flow_timeout = 0;
	nids_params.syslog = on_warning;
	nids_params.no_mem = on_no_memory;
	inside = true;

	int started = nids_init();

	inside = false;
	if (!started)
		return err_set(e, "libnids does not start: %s", nids_errbuf);
	if (clock_looks == 0)
		return err_set(e, "libnids does not use this program's clock (gettimeofday is not "
				  "exported); build with -DSAWATCH_LIBNIDS=OFF");
	nids_register_chksum_ctl(&no_checksums, 1);
	nids_register_ip(on_ip);
	nids_register_tcp(on_tcp);
	return true;
}

struct glue *nids_open(const struct glue_size *size, struct err *e)
{
	if (atomic_flag_test_and_set(&in_use))
		return NULL;
	if (condition == UNTRIED)
		condition = start(size, e) ? READY : UNUSABLE;
	else if (condition == UNUSABLE)
		err_set(e, "libnids could not be started before");
	if (condition != READY || size->flows > the.flows_max || size->datagrams > SLOTS_MAX ||
	    !(the.given = malloc((size_t)size->flows * sizeof(*the.given)))) {
		atomic_flag_clear(&in_use);
		return NULL;
	}
	the.n_datagrams = size->datagrams;
	the.n_flows = size->flows;
	the.glue = (struct glue){
		.fragment = nids_fragment,
		.fragments_forget = nids_fragments_forget,
		.flow_open = nids_flow_open,
		.flow_put = nids_flow_put,
		.flow_close = nids_flow_close,
		.close = nids_close,
	};
	return &the.glue;
}

#endif
