/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of the diagnosis that is about one tunnel. */
#ifndef SAWATCH_REPORT_TUNNEL_TEXT_H
#define SAWATCH_REPORT_TUNNEL_TEXT_H

#include <stdio.h>

#include "report/collect.h"
#include "report/people.h"

/* All that is known of the tunnel: its state, alerts with advice, SAs, traffic. */
void put_tunnel_fully(FILE *out, bool colour, const struct collection *c,
		      const struct seen_tunnel *t);

/* The tunnel in a few lines, or in one when there are many. */
void put_tunnel_briefly(FILE *out, bool colour, const struct seen_tunnel *t, bool one_line);

/* `t` NULL: an alert about the capture. */
void put_alert(FILE *out, bool colour, const struct collection *c, const struct seen_tunnel *t,
	       const struct record_alert *a);

/* Is advice for this vendor meant for one of the gateways seen?  `t` may be NULL. */
bool vendor_seen(const struct seen_tunnel *t, const char *vendor);

/* The colour of a rank on a terminal. */
enum shade rank_shade(enum tunnel_rank rank);

#endif
