/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parts of a story: what happened, in order (why_moments.c), what is known
 * about each condition (why_stability.c and its sisters), the words
 * (why_words.c), and the story put together (why_story.c, why_verdict.c,
 * why_frames.c), which two writers print (why.c, why_json.c).
 */
#ifndef SAWATCH_REPORT_WHY_H
#define SAWATCH_REPORT_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <sawatch/report.h>

#include "report/collect.h"

/* ---- texts, owned ---- */

struct why_list {
	char **at;
	size_t n, room;
};

/* Add a text; is there one already?  Free them all. */
void why_list_add(struct why_list *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool why_list_has(const struct why_list *l, const char *text);
void why_list_done(struct why_list *l);

/* ---- what happened ---- */

enum { MOMENT_KEY_MAX = 24 };

struct why_moment {
	nsec at;
	uint64_t frame;			/* 0 none */
	/* among moments of the same time: causes before consequences */
	int place;
	/* moments with the same key are repetitions of each other */
	char key[MOMENT_KEY_MAX];
	char *text;
};

struct why_pause {
	nsec from, to;
};

/* One direction's packets, SA after SA. */
struct why_flow {
	nsec first, last;		/* NSEC_NONE none */
	uint64_t last_frame;
	uint32_t capture;		/* of the latest SA's birth */
	nsec spacing;			/* the widest mean distance of its packets */
	uint32_t last_spi;
	bool silent;			/* long before the capture ended */
	/* between the last packet of an SPI and the first of the next one */
	nsec longest_pause;
	struct why_pause *pauses;
	size_t n_pauses, pauses_room;
};

enum { SAS_SHOWN = 8 };

struct why_moments {
	struct why_moment *at;
	size_t n, room;
	bool full;			/* there was more than is kept */
	struct why_flow flow[2];
	struct record_esp_sa sas[SAS_SHOWN];	/* the latest; ring */
	size_t n_sas;
	bool ike_seen;
};

void why_moments_init(struct why_moments *m);	/* empty */
/* Add what this record of the tunnel says, in any order. */
void why_moments_ike_sa(struct why_moments *m, const struct record_ike_sa *r);
void why_moments_child_sa(struct why_moments *m, const struct record_child_sa *r);
void why_moments_esp_sa(struct why_moments *m, const struct record_esp_sa *r);
void why_moments_exchange(struct why_moments *m, const struct record_exchange *r);
void why_moments_event(struct why_moments *m, const struct record_event *r);
/* All are in: the ends of the flows, and the order. */
void why_moments_settle(struct why_moments *m, const struct endpoint peers[2],
			const struct collection *seen);
void why_moments_done(struct why_moments *m);

/*
 * `length` moments from `from` on happened `times` times in a row; times > 1 only where that is
 * shorter to tell.
 */
struct why_block {
	size_t from, length, times;
	nsec every_min, every_max;	/* between the beginnings */
	nsec until;			/* the last moment of the last time */
};

/* The block that begins at moment `from`. */
struct why_block why_block_at(const struct why_moments *m, size_t from);

/* ---- what is known about a condition ---- */

enum why_part {
	WHY_HEAD,		/* what is wrong, for somebody who knows VPNs */
	WHY_LOOK,		/* whose side to look at */
	WHY_FOR,		/* which facts point there */
	WHY_AGAINST,		/* what speaks against it, what looks alike */
	WHY_CONFIRM,		/* the next observation that would confirm it */
	WHY_REFUTE,		/* and the one that would refute it */
	WHY_THEN,		/* what it asks for when it is the consequence of another */
	WHY_PARTS,
};

/*
 * `cause` NULL holds for every cause.  `when` NULL holds always, "name" when there is
 * such a piece of evidence, "!name" when there is none, "name=text" when it says
 * that, "name!=text" when it says something else, "name<9" and "name>9" for numbers.  In `text`
 * {name} is a piece of evidence, {a} and {b} the peers, {not name} the peer that is not the one
 * that `name` says.  A line of which a piece is not known is not told.
 */
struct why_line {
	const char *code, *cause;
	enum why_part part;
	const char *when, *text;
};

/* Tables, ended by a NULL code. */
extern const struct why_line why_stability[], why_setup[], why_renewal[], why_traffic[],
	why_capture[];

/* What a line may speak of. */
struct why_value {
	const char *name;
	char *text;
	double number;		/* of numbers */
	bool is_number;
};

struct why_values {
	struct why_value *at;
	size_t n, room;
};

/* Add a value; texts are copied.  The name of a number ends with its unit (_s, _ms, _bytes). */
void why_values_add(struct why_values *v, const char *name, const char *text);
void why_values_add_number(struct why_values *v, const char *name, double number);
void why_values_add_evidence(struct why_values *v, const struct record_evidence *e, size_t n);
/* NULL: there is no such value. */
const struct why_value *why_values_find(const struct why_values *v, const char *name);
void why_values_done(struct why_values *v);

/* The lines of one part that hold for this alert, filled in. */
void why_lines(struct why_list *to, const char *code, const char *cause, enum why_part part,
	       const struct why_values *values);

/* "median age: 24 s" */
void why_evidence_words(struct why_list *to, const struct record_evidence *e);

/* "IKE_AUTH" and its like, explained, for those that occur in `text`. */
void why_glossary(struct why_list *to, const char *text);

/* ---- the page ---- */

/* Every "- **Vendor**: line" below the heading of log lines. */
void why_page_log_lines(const char *page,
			void (*line)(void *user, const char *vendor, const char *text), void *user);

/* ---- the story ---- */

struct why_advice {
	char *vendor;		/* "any" or a name */
	char *text;
	bool recognised;	/* one of the gateways says that it is this vendor's */
};

struct why_incident {
	const struct record_alert *alert;
	enum severity severity;	/* of the alert and of what follows from it, the gravest */
	size_t raised;		/* times it was raised, with the same cause */
	struct why_list head, evidence, look, points, against, confirm, refute, consequences;
	char *filter;		/* a command that shows the frames; NULL none */
	struct why_advice *steps, *logs;
	size_t n_steps, steps_room, n_logs, logs_room;
};

struct why_story {
	const struct seen_tunnel *tunnel;	/* NULL: about a capture */
	const struct collection *seen;
	const struct why_moments *moments;
	struct why_list verdict;	/* sentences */
	char *traffic;			/* was traffic lost; NULL about a capture */
	struct why_incident *incidents;	/* the gravest first */
	size_t n_incidents, incidents_room;
	struct why_list remarks;	/* alerts that are told in a line */
	struct why_list sas;		/* the latest SPIs by triple */
	bool vendors_known;
	bool one_side_stopped;		/* sending, while the other went on */
};

struct why {
	struct why_options options;
	struct collection seen;
	struct why_moments moments;
	bool settled;
};

/* Put the story of a tunnel together from the records in `w`, which it borrows. */
void why_story_tell(struct why_story *s, struct why *w);
void why_story_done(struct why_story *s);

/*
 * Its parts: the top (why_verdict.c), and the command that shows the frames (why_frames.c), NULL
 * when there is none.
 */
void why_tell_verdict(struct why_story *s);
void why_tell_traffic(struct why_story *s);
void why_tell_sas(struct why_story *s);
char *why_frames_command(const struct why_story *s, const struct record_alert *a);

/* `text` as one word of a shell; free() it. */
char *why_shell_word(const char *text);

#endif
