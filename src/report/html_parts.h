/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pieces of the HTML page that its files share. */
#ifndef SAWATCH_REPORT_HTML_PARTS_H
#define SAWATCH_REPORT_HTML_PARTS_H

#include <stdio.h>

#include <sawatch/html.h>

#include "report/collect.h"

enum {
	BARS_MAX = 300,		/* of a kind and tunnel: the newest */
	RUNGS_MAX = 24,		/* of a ladder */
	LADDERS_MAX = 16,	/* of a tunnel: its most severe alerts */
	BAR_TEXT_MAX = 256,
};

enum bar_look { BAR_LIVING, BAR_REPLACED, BAR_ENDED, BAR_FAILED };
enum bar_kind { BARS_IKE, BARS_CHILD, BARS_ESP_0, BARS_ESP_1, BAR_KINDS };

/* A life: of an SA. */
struct bar {
	nsec from, to;		/* `to` NSEC_NONE: it lives */
	enum bar_look look;
	char text[BAR_TEXT_MAX];
};

struct bars {
	struct bar *at;		/* a ring once it is full */
	size_t n;		/* that came, all of them */
};

/* One exchange of a ladder. */
struct rung {
	nsec request_at, response_at;
	int from;		/* side; -1 not known */
	int64_t requests, responses, rtt_ns;
	uint64_t request_frame, response_frame;
	uint32_t message_id;
	enum exchange_outcome outcome;
	enum exchange_purpose purpose;
	char kind[48];
};

struct ladder {
	size_t n, left_out;
	bool near;		/* not pointed to by frame, but in the time of the alert */
	struct rung at[RUNGS_MAX];
};

struct detail {
	struct seen_tunnel *tunnel;	/* a copy that knows the vendors, too; owned */
	struct vendors vendors;		/* what tunnel->ike->vendors points to; names owned */
	char suite[160];		/* of the latest IKE SA whose suite was seen; "" none */
	int64_t packets[2], bytes[2], lost[2];
	struct bars bars[BAR_KINDS];
	/* of tunnel->alerts, in their order */
	struct ladder pointed[LADDERS_MAX], around[LADDERS_MAX];
};

/* Empty, for this tunnel, which is copied. */
void detail_init(struct detail *d, const struct seen_tunnel *t);
void detail_done(struct detail *d);
/* Where a walk over the tunnel's history puts its records. */
struct record_sink detail_sink(struct detail *d);

/* Text from anywhere: what cannot be shown is \xHH, what HTML means is an entity. */
void put_html(FILE *out, const char *text);
/* "2026-11-22 04:30:51" in a <time>; "unknown". */
void put_html_time(FILE *out, nsec at);
/* escaped */
void put_html_format(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The SAs and alerts of the tunnel as an SVG picture, from `since` to `until`. */
void put_timeline(FILE *out, const struct detail *d, nsec since, nsec until);
/* The exchanges that the i-th alert points to; nothing when there are none. */
void put_ladder(FILE *out, const struct detail *d, size_t alert);

/* `d` NULL: without ladders. */
void put_html_alert(FILE *out, const struct collection *c, const struct detail *d,
		    const struct record_alert *a, size_t i);

/* The CSS class of a severity, static. */
const char *severity_class(enum severity s);

extern const char html_style[];

#endif
