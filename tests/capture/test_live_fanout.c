/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets go through the loopback interface, and come out at a ring.  Skipped where that is not
 * permitted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/live_fanout.h"

enum {
	RINGS = 4, WAIT_MS = 2000, NO_RING = -1, SEVERAL = -2, UDP = 17, ESP = 50,
	MORE_FRAGMENTS = 0x2000,
};

static const uint8_t mark[8] = "sawatch";	/* others use the interface as well */

struct loopback {
	int rings[RINGS];
	int sender;
	bool permitted;
};

static int socket_at_loopback(uint16_t protocol)
{
	struct sockaddr_ll lo = {
		.sll_family = AF_PACKET, .sll_protocol = htons(protocol),
		.sll_ifindex = (int)if_nametoindex("lo"),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(protocol));

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&lo, sizeof(lo)) != 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int set_up(void **state)
{
	static const uint8_t frame[ETH_ZLEN];
	static struct loopback l;

	l.sender = socket_at_loopback(0);
	/* not where it is down */
	l.permitted = l.sender >= 0 && send(l.sender, frame, sizeof(frame), 0) > 0;
	for (size_t i = 0; i < RINGS; i++) {
		l.rings[i] = socket_at_loopback(ETH_P_ALL);
		l.permitted = l.permitted && l.rings[i] >= 0;
	}
	l.permitted = l.permitted && live_fanout_join(l.rings, RINGS);
	*state = &l;
	return 0;
}

static int tear_down(void **state)
{
	struct loopback *l = *state;

	close(l->sender);
	for (size_t i = 0; i < RINGS; i++)
		close(l->rings[i]);
	return 0;
}

/* ---- packets: Ethernet, perhaps a VLAN tag, IP, the mark ---- */

struct sent {
	uint8_t bytes[128];
	size_t n;
};

static void add(struct sent *s, const void *bytes, size_t n)
{
	assert_true(n <= sizeof(s->bytes) - s->n);
	memcpy(s->bytes + s->n, bytes, n);
	s->n += n;
}

static void add_u16(struct sent *s, uint16_t v)
{
	uint16_t be = htons(v);

	add(s, &be, sizeof(be));
}

static struct sent ethernet(void)
{
	struct sent s = { .n = 2 * ETH_ALEN };

	return s;
}

static void add_v4(struct sent *s, uint8_t protocol, uint16_t fragment, const char *from,
		   const char *to)
{
	struct in_addr a, b;

	assert_int_equal(inet_pton(AF_INET, from, &a) + inet_pton(AF_INET, to, &b), 2);
	add_u16(s, ETH_P_IP);
	add_u16(s, 0x4500);
	add_u16(s, 20 + sizeof(mark));
	add_u16(s, 1);
	add_u16(s, fragment);
	add_u16(s, (uint16_t)(64 << 8 | protocol));
	add_u16(s, 0);
	add(s, &a, sizeof(a));
	add(s, &b, sizeof(b));
	add(s, mark, sizeof(mark));
}

static void add_v6(struct sent *s, const char *from, const char *to)
{
	struct in6_addr a, b;

	assert_int_equal(inet_pton(AF_INET6, from, &a) + inet_pton(AF_INET6, to, &b), 2);
	add_u16(s, ETH_P_IPV6);
	add_u16(s, 0x6000);
	add_u16(s, 0);
	add_u16(s, sizeof(mark));
	add_u16(s, ESP << 8 | 64);
	add(s, &a, sizeof(a));
	add(s, &b, sizeof(b));
	add(s, mark, sizeof(mark));
}

/* ---- where they come out ---- */

/* Nobody's but ours: a loopback interface shows each packet going out, too. */
static bool takes_ours(int fd)
{
	uint8_t bytes[256];
	struct sockaddr_ll from;
	socklen_t size = sizeof(from);
	ssize_t n;
	bool ours = false;

	while ((n = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size)) >= 0) {
		ours |= n >= (ssize_t)sizeof(mark) && from.sll_pkttype != PACKET_OUTGOING &&
			memcmp(bytes + n - sizeof(mark), mark, sizeof(mark)) == 0;
		size = sizeof(from);
	}
	return ours;
}

/* The ring that it comes to. */
static int ring_of(const struct loopback *l, const struct sent *s)
{
	int ring = NO_RING;

	assert_int_equal(send(l->sender, s->bytes, s->n, 0), s->n);
	for (int tries = 0; ring == NO_RING && tries < WAIT_MS; tries++) {
		for (int i = 0; i < RINGS; i++)
			if (takes_ours(l->rings[i]))
				ring = ring == NO_RING ? i : SEVERAL;
		if (ring == NO_RING)
			poll(NULL, 0, 1);
	}
	return ring;
}

static int ring_of_v4(const struct loopback *l, uint8_t protocol, uint16_t fragment,
		      const char *from, const char *to)
{
	struct sent s = ethernet();

	add_v4(&s, protocol, fragment, from, to);
	return ring_of(l, &s);
}

static int ring_of_v6(const struct loopback *l, const char *from, const char *to)
{
	struct sent s = ethernet();

	add_v6(&s, from, to);
	return ring_of(l, &s);
}

static const struct loopback *permitted(void **state)
{
	const struct loopback *l = *state;

	if (!l->permitted)
		skip();
	return l;
}

static void both_directions_protocols_and_fragments_of_a_pair_go_to_one_ring(void **state)
{
	const struct loopback *l = permitted(state);
	int ring = ring_of_v4(l, ESP, 0, "198.51.100.9", "203.0.113.77");

	assert_in_range(ring, 0, RINGS - 1);
	assert_int_equal(ring_of_v4(l, ESP, 0, "203.0.113.77", "198.51.100.9"), ring);
	assert_int_equal(ring_of_v4(l, UDP, 0, "198.51.100.9", "203.0.113.77"), ring);
	assert_int_equal(ring_of_v4(l, UDP, MORE_FRAGMENTS, "198.51.100.9", "203.0.113.77"), ring);
	assert_int_equal(ring_of_v4(l, UDP, 100, "203.0.113.77", "198.51.100.9"), ring);
	ring = ring_of_v6(l, "2001:db8:a::9", "2001:db8:b::7:1");
	assert_in_range(ring, 0, RINGS - 1);
	assert_int_equal(ring_of_v6(l, "2001:db8:b::7:1", "2001:db8:a::9"), ring);
}

/* Numbered as people number them: an exclusive or of both addresses would be the same for all. */
static void gateways_that_are_numbered_alike_are_spread_over_all_rings(void **state)
{
	const struct loopback *l = permitted(state);
	int v4[RINGS] = { 0 }, v6[RINGS] = { 0 };

	for (int i = 1; i <= 64; i++) {
		char a[32], b[32];
		int ring;

		snprintf(a, sizeof(a), "10.1.0.%d", i);
		snprintf(b, sizeof(b), "10.2.0.%d", i);
		ring = ring_of_v4(l, ESP, 0, a, b);
		assert_in_range(ring, 0, RINGS - 1);
		v4[ring]++;
		snprintf(a, sizeof(a), "2001:db8:1::%x", i);
		snprintf(b, sizeof(b), "2001:db8:2::%x", i);
		ring = ring_of_v6(l, a, b);
		assert_in_range(ring, 0, RINGS - 1);
		v6[ring]++;
	}
	for (int i = 0; i < RINGS; i++) {
		assert_in_range(v4[i], 64 / RINGS / 2, 64 / RINGS * 2);
		assert_in_range(v6[i], 64 / RINGS / 2, 64 / RINGS * 2);
	}
}

static void a_vlan_tag_is_looked_behind_and_two_are_not(void **state)
{
	static const char *const addresses[] = {
		"10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6",
	};
	const struct loopback *l = permitted(state);

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct sent one = ethernet(), two = ethernet();

		add_u16(&one, ETH_P_8021Q);
		add_u16(&one, 42);
		add_v4(&one, ESP, 0, addresses[i], "10.2.0.1");
		assert_int_equal(ring_of(l, &one), ring_of_v4(l, ESP, 0, addresses[i], "10.2.0.1"));
		add_u16(&two, ETH_P_8021AD);
		add_u16(&two, 42);
		add_u16(&two, ETH_P_8021Q);
		add_u16(&two, 43);
		add_v4(&two, ESP, 0, addresses[i], "10.2.0.1");
		assert_int_equal(ring_of(l, &two), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_protocols_and_fragments_of_a_pair_go_to_one_ring),
		cmocka_unit_test(gateways_that_are_numbered_alike_are_spread_over_all_rings),
		cmocka_unit_test(a_vlan_tag_is_looked_behind_and_two_are_not),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
