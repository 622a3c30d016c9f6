/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packet time while no packet comes: the time of the latest packet, plus what
 * has passed since then on a clock that nobody can set.
 */
#ifndef SAWATCH_CLI_CAPTURE_CLOCK_H
#define SAWATCH_CLI_CAPTURE_CLOCK_H

#include <stdbool.h>

#include <sawatch/nsec.h>

struct capture_clock {
	bool known;
	nsec ahead;	/* of packet time before the monotonic clock */
};

/* A packet of this time was just handed over. */
void capture_clock_set(struct capture_clock *c, nsec packet_at, nsec monotonic);

/* NSEC_NONE before the first packet. */
nsec capture_clock_now(const struct capture_clock *c, nsec monotonic);

#endif
