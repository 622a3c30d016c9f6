/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the two sides of a writer share: the caller, who puts messages into the backlog (writer.c),
 * and the thread that takes and writes them (writer_thread.c).
 */
#ifndef SAWATCH_STORE_WRITER_THREAD_H
#define SAWATCH_STORE_WRITER_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include <sawatch/store_writer.h>

#include "store/backlog.h"
#include "store/record_copy.h"

enum { WRITER_TASK = KINDS };	/* a kind of message that is no record */

/* What may be left out when the backlog grows, from the first to the last. */
enum worth { STATE, TRAFFIC_ROW, FACT, ALERT_ROW, WORTHS };

struct task {
	bool (*run)(struct store *s, void *user, struct err *e);
	void *user;
};

struct store_writer {
	struct store *store;
	enum store_writer_mode mode;
	struct backlog backlog;
	uint32_t limits[WORTHS];	/* blocks */
	pthread_t thread;
	/* The caller's. */
	uint64_t dropped[WORTHS];
	bool wants_all;
	/* Both threads'. */
	pthread_mutex_t lock;		/* of the conditions and the news */
	pthread_cond_t work, settled;
	/* the thread sleeps until so many messages were put; UINT64_MAX: is awake */
	_Atomic uint64_t wake_at;
	atomic_bool caller_waits, stopping;
	_Atomic uint64_t commit_wanted;	/* of all messages up to this number */
	struct err trouble;		/* empty: none */
	bool failing;			/* now; else the trouble is over and only news */
	_Atomic uint64_t rows, transactions, retries, refused;
	/* The thread's. */
	bool broken;			/* STORE_WRITER_WAITS: nothing is written any more */
	bool gave_up;			/* stopping, and the last attempt failed */
	bool misplaced;			/* what is written is not found under its name */
	int64_t retry_ms;
};

/* The thread, of a struct store_writer: until it is stopping and nothing is left, or it gave up. */
void *writer_thread(void *writer);

/* A moment of the clock by which both wait. */
struct timespec writer_after_ms(int64_t ms);

#endif
