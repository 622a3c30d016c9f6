/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A history as one HTML page that needs nothing else: no script, no picture, no font from
 * elsewhere.  It takes two walks, so that a large history is not held in memory: one over captures,
 * tunnels and alerts, then one for each tunnel that is shown in detail.
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

/* Never NULL.  `o` and its strings must outlive it. */
struct html *html_open(const struct html_options *o);
/* Takes the records of the first round: captures, tunnels, alerts. */
struct record_sink html_sink(struct html *h);

/* The first round is over: the tunnels to be walked in detail, at most a few dozen. */
size_t html_judge(struct html *h);
/* The i-th of them, and what takes the records of that tunnel alone. */
object_id html_detail(struct html *h, size_t i);
struct record_sink html_detail_sink(struct html *h, size_t i);

/* The page, when both rounds are over.  What cannot be written shows in ferror(out). */
void html_print(struct html *h, FILE *out);
/* Accepts NULL. */
void html_close(struct html *h);

#endif
