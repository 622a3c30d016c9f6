/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of live capture share: live_open.c opens the interfaces, live.c gives their frames
 * to the caller, live_news.c notices when interfaces go and come back, interface_names.c asks the
 * kernel about them.
 */
#ifndef SAWATCH_CAPTURE_LIVE_PARTS_H
#define SAWATCH_CAPTURE_LIVE_PARTS_H

#include <net/if.h>
#include <pcap.h>
#include <pthread.h>
#include <time.h>

#include <sawatch/live.h>

#include "live_merge.h"

enum {
	/* frames handed over at once, so that the tracker can fetch ahead */
	LIVE_BATCH = 256,
	LIVE_BATCH_BYTES = 1 << 20,
};

struct interface {
	struct live *live;
	nsec begun;		/* monotonic clock of the first live_ring_read(); NSEC_NONE */
	/* of all that follows, where rings are read by threads of their own */
	pthread_mutex_t lock;
	char name[IFNAMSIZ];
	pcap_t *pcap;
	bool is_any;		/* all of them: can neither vanish nor be bound */
	bool promiscuous, nanoseconds;
	uint16_t link_type;
	unsigned index;		/* that it is bound to */
	bool gone, down;
	int retry_s;		/* until it is tried again, doubling */
	nsec retry_at;
	bool told;		/* that it is gone */
	struct pcap_stat before;	/* at the last look; libpcap's counters are 32 bits wide */
	struct live_counters counters;
};

struct live {
	size_t n;
	/* an interface of several rings: so many entries */
	struct interface interfaces[LIVE_INTERFACES_MAX];
	size_t rings;		/* of each interface */
	/* time of day when the rings were joined: frames before that may lie in several */
	nsec from;
	int ask;		/* socket for questions about interfaces */
	uint32_t capture;
	uint64_t frames;	/* handed over */
	char *name;
	/* for the length of a call */
	live_frames_fn *hand_over;
	void *user;
	/* a batch: what libpcap shows is its own only until its callback returns */
	struct frame batch[LIVE_BATCH];
	size_t n_batch, batch_bytes;
	uint8_t *bytes;
	struct live_merge merge;	/* of several interfaces */
};

/* Time that no clock adjustment changes. */
static inline nsec live_monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_S + now.tv_nsec;
}

#endif
