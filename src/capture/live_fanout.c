/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PACKET_FANOUT with a program of our own (packet(7)).  The kernel's own hash takes ports where
 * there are some, and so parts IKE, ESP and fragments of one tunnel; this one takes both addresses
 * of an IP packet, in any order.  What is no IP at this place (an envelope the kernel does not look
 * into, a second VLAN tag) goes to the first socket.
 */
#include "live_fanout.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

/* Counted from the network header, wherever that is. */
enum { V4_SRC = 12, V4_DST = 16, V6_ADDRESSES = 8, V6_WORDS = 8, HASH_BITS = 16 };

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (__u32)(offset))
#define LOAD_NET(offset) LOAD(SKF_NET_OFF + (offset))
#define ADD_NET(offset) \
	BPF_STMT(BPF_MISC | BPF_TAX, 0), LOAD_NET(offset), BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0)
#define V6_WORD(n) ADD_NET(V6_ADDRESSES + 4 * (n))

/*
 * The sum, because gateways are numbered alike: 10.1.0.7 and 10.2.0.7 differ in the same bits as
 * 10.1.0.8 and 10.2.0.8. Times 2^32 / golden ratio: the upper bits of the product depend on all
 * bits (Knuth, TAOCP 6.4).
 */
static struct sock_filter program[] = {
	LOAD(SKF_AD_OFF + SKF_AD_PROTOCOL),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 6, 0),
	BPF_STMT(BPF_RET | BPF_K, 0),
	/* IPv4 */
	LOAD_NET(V4_SRC), ADD_NET(V4_DST),
	BPF_JUMP(BPF_JMP | BPF_JA, 1 + 3 * (V6_WORDS - 1), 0, 0),
	/* IPv6 */
	LOAD_NET(V6_ADDRESSES), V6_WORD(1), V6_WORD(2), V6_WORD(3), V6_WORD(4), V6_WORD(5),
	V6_WORD(6), V6_WORD(7),
	/* both */
	BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 0x9e3779b1),
	BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, HASH_BITS),
	BPF_STMT(BPF_RET | BPF_A, 0),
};

/* Fragments are not put together: they have the same addresses. */
static bool join(int fd, int group, int flags)
{
	int how = group | (PACKET_FANOUT_CBPF | flags) << 16;

	return setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &how, sizeof(how)) == 0;
}

bool live_fanout_join(const int *fds, size_t n)
{
	const struct sock_fprog code = { .len = sizeof(program) / sizeof(program[0]),
					 .filter = program };
	int group = 0;
	socklen_t size = sizeof(group);

	/*
	 * the kernel gives the group a number that no other has: process ids are not unique among
	 * containers
	 */
	if (!join(fds[0], 0, PACKET_FANOUT_FLAG_UNIQUEID) ||
	    getsockopt(fds[0], SOL_PACKET, PACKET_FANOUT, &group, &size) != 0 ||
	    setsockopt(fds[0], SOL_PACKET, PACKET_FANOUT_DATA, &code, sizeof(code)) != 0)
		return false;
	for (size_t i = 1; i < n; i++)
		if (!join(fds[i], group & 0xffff, 0))
			return false;
	return true;
}
