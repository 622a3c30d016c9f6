/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the metrics remember between two pages: filled by metrics.c, printed by metrics_page.c. */
#ifndef SAWATCH_REPORT_METRICS_PARTS_H
#define SAWATCH_REPORT_METRICS_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/metrics.h>

enum {
	OPEN_ALERTS = 8192,	/* remembered one by one */
	PLACES = 8192,
	CODES_MAX = 128,
	SEVERITIES_N = SEVERITY_CRITICAL + 1,
	/* tunnels remembered for each that gets lines: strangers come and go */
	CROWD = 4,
};

struct seen {
	object_id id;		/* 0: never seen */
	const struct expected_tunnel *expected;	/* NULL: of no inventory */
	struct endpoint peers[2];
	enum tunnel_state state;
	bool was_up;
	nsec last;
	unsigned open;		/* alerts of warning or above */
};

struct open_alert {
	object_id id, tunnel;
	struct seen *of;	/* NULL: about the capture */
	struct endpoint peers[2];	/* of that tunnel */
	size_t code;
	enum severity severity;
};

/* Which tunnel of the inventory this is, looked up once. */
struct place {
	object_id tunnel;
	size_t expected;
};

struct metrics {
	const struct expected *expected;
	const char *const *codes;
	nsec began;
	size_t n_codes, tunnels_max;
	struct seen *inventory;		/* in the order of `expected` */
	struct seen *others;		/* by id; who has the same place as a newer one gives way */
	size_t n_others;
	const struct seen **order;	/* scratch of the page */
	struct open_alert open[OPEN_ALERTS];	/* by id, in the same way */
	struct place places[PLACES];	/* and these */
	uint64_t raised[CODES_MAX][SEVERITIES_N];
	struct record_capture capture;
};

#endif
