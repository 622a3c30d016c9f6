/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An outlet (outlet.h) from the side of its own processes: the worker, which delivers messages, and
 * the keeper, which starts another worker when one dies.
 */
#ifndef SAWATCH_OUTLET_END_H
#define SAWATCH_OUTLET_END_H

#include <stdatomic.h>
#include <sys/types.h>

#include <sawatch/outlet.h>

#include "service/message_queue.h"
#include "service/outlet_walls.h"

struct outlet_page;

/* What the worker reports to the monitor. */
struct outlet_report {
	uint64_t sent, dropped, restarts;
	uint32_t ready, up;
	char news[256];		/* "": none */
};

/* In memory that worker and keeper share: what must be known of a worker after its death. */
struct outlet_ledger {
	_Atomic uint64_t sent, dropped, waiting;
	_Atomic uint64_t restarts;
	_Atomic uint32_t ready;		/* there was one that began */
	/* leader of the processes that the worker has started; 0: none */
	_Atomic pid_t group;
};

struct outlet_end {
	int queue;		/* messages come in, reports go out; non-blocking */
	struct message_queue waiting;
	struct outlet_page *page;	/* of outlet_metrics(); else NULL */
	struct outlet_ledger *ledger;
	struct outlet_report report, reported;
	bool over;		/* no more messages will come */
	int64_t over_at_ms;
	char buffer[OUTLET_MESSAGE_MAX];
};

enum { OUTLET_LAST_WORDS_MS = 3000 };	/* to send what is left when the monitor has ended */

struct outlet_plan {
	const char *name;	/* of the worker: "sawatch-syslog" */
	const char *user;
	int keep;		/* a descriptor of the processes, closed here; -1 none */
	bool with_page;
	/* NULL: no walls; what it starts are programs of the operator */
	const struct outlet_needs *needs;
	/* Before it is ready; false ends it. */
	bool (*begin)(void *self, struct err *e);	/* may be NULL */
	/* What the worker does until outlet_end_over(). */
	void (*run)(void *self, struct outlet_end *end);
	void *self;		/* each worker begins with what it was when the monitor began */
};

/*
 * Start both processes.  `plan` is copied into them.  False, with the reason, when the system
 * refuses one, or plan->begin() failed.
 */
bool outlet_start(struct outlet **ret, const struct outlet_plan *plan, struct err *e);

/*
 * The keeper, for as long as the monitor lives.  It reads no message: what a worker had not taken
 * in when it died waits for the next one.
 */
__attribute__((noreturn)) void outlet_keep(const struct outlet_plan *plan, int queue,
					   struct outlet_page *page, pid_t monitor);

/* A worker, from its first step to its last; `keeper` is its parent. */
__attribute__((noreturn)) void outlet_work(const struct outlet_plan *plan, int queue,
					   struct outlet_page *page, struct outlet_ledger *ledger,
					   pid_t keeper);

int64_t outlet_clock_ms(void);	/* monotonic */

/* All messages that have come go to `waiting`; `busy` of those that wait are being sent. */
void outlet_end_take(struct outlet_end *end, size_t busy);
/* The monitor learns what has changed. */
void outlet_end_tell(struct outlet_end *end);
void outlet_end_news(struct outlet_end *end, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The monitor is gone, and so is what waited or the time for it. */
bool outlet_end_over(const struct outlet_end *end);

/*
 * The page in memory that both see.  A reader takes what it finds when nobody wrote meanwhile.
 * NULL: unchanged since `*seen`, or being written.  free() it.  The last one of a monitor that ends
 * in order is empty.
 */
char *outlet_page_read(struct outlet_page *page, uint32_t *seen, size_t *ret_length);

#endif
