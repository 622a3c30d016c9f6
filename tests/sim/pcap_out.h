/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Classic pcap files, microseconds or nanoseconds, written without libpcap. */
#ifndef SIM_PCAP_OUT_H
#define SIM_PCAP_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct sim_pcap {
	FILE *to;
	bool ns;
	uint32_t snap;		/* bytes kept of each frame */
	uint64_t packets, bytes;
};

/* "-" is stdout.  snap 0: 262144.  False: errno tells. */
bool sim_pcap_open(struct sim_pcap *p, const char *path, uint32_t dlt, bool ns, uint32_t snap);
/*
 * at_ns since the epoch; `length` is the frame on the wire, of which `have` bytes stand at `data`.
 */
void sim_pcap_write(struct sim_pcap *p, int64_t at_ns, const void *data, size_t have,
		    size_t length);
/* False when anything could not be written. */
bool sim_pcap_close(struct sim_pcap *p);

#endif
