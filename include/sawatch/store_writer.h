/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A thread that writes records to a store, so that a slow, locked or full disk
 * does not hold up the caller.  Records are copied into a backlog of fixed size
 * and written in the order in which they came; a transaction that failed is
 * tried again with the same records.
 *
 * All functions are called by one thread.  While the writer is open, only the
 * writer may use the store, except between store_writer_drain() and the next
 * record.
 */
#ifndef SAWATCH_STORE_WRITER_H
#define SAWATCH_STORE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/record.h>
#include <sawatch/store.h>

struct store_writer;

enum store_writer_mode {
	/*
	 * Reading a file: the caller waits when the backlog is full.  A failed
	 * transaction is the end: nothing after it is written.
	 */
	STORE_WRITER_WAITS,
	/*
	 * Watching: the caller never waits.  A failed transaction is tried again
	 * until it succeeds; meanwhile the backlog grows to its ceiling.  On the
	 * way there states of living objects are left out first (they can be told
	 * again, see store_writer_has_room), then traffic, then what is told once
	 * (ends of objects, events), and alerts only when nothing is free.
	 */
	STORE_WRITER_DROPS,
};

/*
 * `store` is open for writing and outlives it.  `bytes` is the ceiling of the backlog.
 * The thread begins here: what a process gives up thread by thread (capabilities,
 * Landlock, a seccomp filter without TSYNC) is given up before.  It takes no signals.
 */
bool store_writer_open(struct store_writer **ret, struct store *store, enum store_writer_mode mode,
		       size_t bytes, struct err *e);

/*
 * Ends the thread; what a last attempt cannot write is lost and returned as a number.  Accepts
 * NULL.
 */
uint64_t store_writer_close(struct store_writer *w);

/* Records put here are copied. */
struct record_sink store_writer_sink(struct store_writer *w);

/*
 * Run a piece of work on the store, on the writer's thread, after the records
 * before it were committed; what it writes it commits.  False: no room for it.
 * A failure of it is news (store_writer_news); it is not tried again.
 */
bool store_writer_task(struct store_writer *w,
		       bool (*run)(struct store *s, void *user, struct err *e), void *user);

/* What was put is to be committed soon; does not wait. */
void store_writer_commit(struct store_writer *w);

/*
 * Wait until all that was put is committed, or `patience_ms` (-1: for ever) are over.  False: not
 * all, with the reason.
 */
bool store_writer_drain(struct store_writer *w, int patience_ms, struct err *e);

/*
 * False, with the reason, while the store cannot be written, and once after it refused a record or
 * a task failed.
 */
bool store_writer_news(struct store_writer *w, struct err *e);

/*
 * Is it the time to tell the states of some hundred living objects, or better to keep them for
 * later?
 */
bool store_writer_has_room(const struct store_writer *w);
/* Something was left out that can be told again, and there is room for it now: true once. */
bool store_writer_wants_all(struct store_writer *w);

struct store_writer_counters {
	uint64_t waiting;	/* records not yet committed */
	uint64_t bytes, ceiling;	/* of the backlog */
	uint64_t rows, transactions, retries;
	uint64_t refused;	/* records the store did not take: they were wrong */
	uint64_t left_out;	/* states of living objects, to be told again */
	/* lost; facts are events and ends of objects */
	uint64_t dropped_traffic, dropped_facts, dropped_alerts;
};
void store_writer_counters(const struct store_writer *w, struct store_writer_counters *ret);

#endif
