/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An outlet seen from its own process. */
#ifndef SAWATCH_OUTLET_END_H
#define SAWATCH_OUTLET_END_H

#include <sawatch/outlet.h>

#include "service/message_queue.h"
#include "service/outlet_walls.h"

struct outlet_page;

/* How the monitor learns of it. */
struct outlet_report {
	uint64_t sent, dropped;
	uint32_t ready, up;
	char news[200];		/* "": none */
};

struct outlet_end {
	int queue;		/* messages come in, reports go out; non-blocking */
	struct message_queue waiting;
	struct outlet_page *page;	/* of outlet_metrics(); else NULL */
	struct outlet_report report, reported;
	bool over;		/* no more messages will come */
	int64_t over_at_ms;
	char buffer[OUTLET_MESSAGE_MAX];
};

enum { OUTLET_LAST_WORDS_MS = 3000 };	/* to send what is left when the monitor has ended */

struct outlet_plan {
	const char *name;	/* of the process: "sawatch-syslog" */
	const char *user;
	int keep;		/* a descriptor of the process, closed here; -1 none */
	bool with_page;
	const struct outlet_needs *needs;	/* NULL: no walls; what it starts are programs of the operator */
	/* Before it is ready; false ends it. */
	bool (*begin)(void *self, struct err *e);	/* may be NULL */
	/* What the process does until outlet_end_over(). */
	void (*run)(void *self, struct outlet_end *end);
	void *self;
};

bool outlet_start(struct outlet **ret, const struct outlet_plan *plan, struct err *e);

int64_t outlet_clock_ms(void);	/* monotonic */

/* All messages that have come go to `waiting`; `busy` of those that wait are being sent. */
void outlet_end_take(struct outlet_end *end, size_t busy);
/* The monitor learns what has changed. */
void outlet_end_tell(struct outlet_end *end);
void outlet_end_news(struct outlet_end *end, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The monitor is gone, and so is what waited or the time for it. */
bool outlet_end_over(const struct outlet_end *end);

/*
 * The page in memory that both see.  A reader takes what it finds when nobody wrote meanwhile.
 * NULL: unchanged since `*seen`, or being written.  free() it.
 */
char *outlet_page_read(struct outlet_page *page, uint32_t *seen, size_t *ret_length);

#endif
