/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A history as one HTML page that needs nothing else: no script, no picture, no font from
 * elsewhere.  Two rounds, so that a large history is not held in memory: the first over captures,
 * tunnels and alerts; then one over each tunnel that deserves to be shown in detail.
 */
#ifndef SAWATCH_HTML_H
#define SAWATCH_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <sawatch/record.h>

struct html;

struct html_options {
	const char *title;		/* of what: the database, and what was asked for */
	const char *version;		/* of the program */
	nsec now;			/* when the page is made */
	nsec since, until;		/* NSEC_NONE open */
	/* in detail, also healthy ones; else those that are ill, and few others */
	bool every_tunnel;
	const char *(*page)(const char *code);	/* page of a condition; NULL none */
};

struct html *html_open(const struct html_options *o);	/* `o` and its strings must outlive it */
struct record_sink html_sink(struct html *h);		/* first round */

/* The first round is over: the tunnels to be walked in detail, at most a few dozen. */
size_t html_judge(struct html *h);
object_id html_detail(struct html *h, size_t i);
struct record_sink html_detail_sink(struct html *h, size_t i);	/* of that tunnel alone */

/* the page, when both rounds are over; errors stay in `out` */
void html_print(struct html *h, FILE *out);
void html_close(struct html *h);	/* accepts NULL */

#endif
