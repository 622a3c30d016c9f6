/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * live_send INTERFACE RATE SECONDS TUNNELS: puts 64-byte frames of ESP (the
 * frame check sequence included) on an interface, RATE a second, 0 for as fast
 * as it can; TUNNELS pairs of peers take turns.  Prints how many were sent, how
 * many the interface refused, and the seconds it took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	FRAME = 60,		/* and four of the frame check sequence */
	BATCH = 64,
	IP_HEADER = 14, ESP_HEADER = IP_HEADER + 20,
	ESP_PROTOCOL = 50,
};

static void put16(uint8_t *at, uint16_t v)
{
	v = htons(v);
	memcpy(at, &v, sizeof(v));
}

static void put32(uint8_t *at, uint32_t v)
{
	v = htonl(v);
	memcpy(at, &v, sizeof(v));
}

static void make_frame(uint8_t f[FRAME])
{
	memset(f, 0, FRAME);
	memset(f, 0x02, 12);			/* locally administered */
	put16(f + 12, ETH_P_IP);
	f[IP_HEADER] = 0x45;
	put16(f + IP_HEADER + 2, FRAME - IP_HEADER);
	f[IP_HEADER + 8] = 64;
	f[IP_HEADER + 9] = ESP_PROTOCOL;
}

/* The nth packet of all: tunnels take turns, and each tunnel's two directions. */
static void number_frame(uint8_t f[FRAME], uint64_t n, uint32_t tunnels)
{
	uint32_t turn = (uint32_t)(n % (2 * (uint64_t)tunnels)), tunnel = turn / 2, back = turn % 2;
	/* 198.18.0.0/15, for benchmarks: RFC 2544 */
	const uint32_t here = 0xc6120000, there = 0xc6130000;

	put32(f + IP_HEADER + 12, (back ? there : here) + 1 + tunnel);
	put32(f + IP_HEADER + 16, (back ? here : there) + 1 + tunnel);
	put16(f + IP_HEADER + 4, (uint16_t)(n / (2 * (uint64_t)tunnels)));
	put32(f + ESP_HEADER, 0xc0000000 + turn);
	put32(f + ESP_HEADER + 4, (uint32_t)(n / (2 * (uint64_t)tunnels)) + 1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int open_interface(const char *name)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, 0), on = 1, room = 8 << 20;

	if (fd < 0 || to.sll_ifindex == 0 ||
	    bind(fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
		return -1;
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	return fd;
}

int main(int argc, char **argv)
{
	static uint8_t frames[BATCH][FRAME];
	static struct iovec parts[BATCH];
	static struct mmsghdr messages[BATCH];
	uint64_t sent = 0, refused = 0;

	if (argc != 5) {
		fprintf(stderr, "usage: %s INTERFACE RATE SECONDS TUNNELS\n", argv[0]);
		return 1;
	}

	double rate = atof(argv[2]), seconds = atof(argv[3]);
	uint32_t tunnels = (uint32_t)atoi(argv[4]);
	int fd = open_interface(argv[1]);

	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	for (size_t i = 0; i < BATCH; i++) {
		make_frame(frames[i]);
		parts[i] = (struct iovec){ .iov_base = frames[i], .iov_len = FRAME };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}

	double begun = now(), t = begun;

	for (uint64_t n = 0; t - begun < seconds; t = now()) {
		if (rate > 0 && (double)n > (t - begun) * rate)
			/* too early: time is passed, not slept, so that the pace is even */
			continue;
		for (size_t i = 0; i < BATCH; i++)
			number_frame(frames[i], n + i, tunnels);
		for (int done = 0; done < BATCH;) {
			int some = sendmmsg(fd, messages + done, (unsigned)(BATCH - done), 0);

			if (some > 0) {
				done += some;
				sent += (uint64_t)some;
			} else if (errno == ENOBUFS || errno == EAGAIN) {
				done++;
				refused++;
			} else {
				perror(argv[1]);
				return 1;
			}
		}
		n += BATCH;
	}
	printf("%llu %llu %.6f\n", (unsigned long long)sent, (unsigned long long)refused,
	       t - begun);
	return 0;
}
