/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records of tunnels from the final flush: how each was is known only after the last judgement. */
#ifndef SAWATCH_CLI_KEPT_TUNNELS_H
#define SAWATCH_CLI_KEPT_TUNNELS_H

#include <sawatch/record.h>

struct kept_tunnel {
	struct record_tunnel record;
	char **sentences;	/* owned; record.unobservable points to them */
};

/* Zeros: none. */
struct kept_tunnels {
	struct kept_tunnel *list;
	size_t n, room;
};

/* copies its sentences */
void kept_tunnels_add(struct kept_tunnels *k, const struct record_tunnel *r);
void kept_tunnels_done(struct kept_tunnels *k);

#endif
