/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The thread that writes.  It touches the store only between taking a message
 * and settling it, so a drained writer leaves the store to its caller.
 */
#include "store/writer_thread.h"

#include <assert.h>

#include "store/store_parts.h"

enum {
	NAP_MESSAGES = 256,	/* so many are worth an end of a nap */
	RETRY_FIRST_MS = 50, RETRY_LAST_MS = 2000,
	/* longer than anybody who waits for the lock sleeps between two looks */
	TURN_MS = 3,
};

static void say(struct store_writer *w, const struct err *e, bool failing)
{
	pthread_mutex_lock(&w->lock);
	/* the first of the news, the latest of what lasts */
	if (failing || !w->trouble.text[0])
		w->trouble = *e;
	w->failing |= failing;
	pthread_mutex_unlock(&w->lock);
}

static void say_well(struct store_writer *w)
{
	pthread_mutex_lock(&w->lock);
	if (w->failing)
		w->trouble.text[0] = '\0';
	w->failing = false;
	pthread_mutex_unlock(&w->lock);
}

static void tell_caller(struct store_writer *w)
{
	if (atomic_load(&w->caller_waits)) {
		pthread_mutex_lock(&w->lock);
		atomic_store(&w->caller_waits, false);
		pthread_cond_signal(&w->settled);
		pthread_mutex_unlock(&w->lock);
	}
}

static void look_for_file(struct store_writer *w)
{
	struct err e = { "" };
	bool was_misplaced = w->misplaced;

	w->misplaced = !store_in_place(w->store, &e);
	if (w->misplaced)
		say(w, &e, true);
	else if (was_misplaced)
		say_well(w);
}

static void settle(struct store_writer *w)
{
	atomic_store(&w->rows, w->store->counters.rows);
	atomic_store(&w->transactions, w->store->counters.transactions);
	if (!w->broken)
		look_for_file(w);
	/* with the last message of a drain the store is the caller's */
	backlog_settle(&w->backlog);
	if (w->retry_ms != 0) {
		w->retry_ms = 0;
		if (!w->misplaced)
			say_well(w);
	}
	tell_caller(w);
}

static bool is_wanted(struct store_writer *w)
{
	return atomic_load(&w->backlog.put) >= atomic_load(&w->wake_at) ||
	       atomic_load(&w->stopping) ||
	       atomic_load(&w->commit_wanted) > atomic_load(&w->backlog.settled) ||
	       atomic_load(&w->caller_waits);
}

static bool is_stopping(struct store_writer *w)
{
	return atomic_load(&w->stopping);
}

struct timespec writer_after_ms(int64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * NSEC_PER_MS;
	if (t.tv_nsec >= NSEC_PER_S) {
		t.tv_sec++;
		t.tv_nsec -= NSEC_PER_S;
	}
	return t;
}

/* Until `wake_at` messages were put, the other thing is true, or the time is over (-1: never). */
static void rest(struct store_writer *w, uint64_t wake_at, int64_t ms,
		 bool (*over)(struct store_writer *))
{
	struct timespec end = writer_after_ms(ms < 0 ? 0 : ms);

	pthread_mutex_lock(&w->lock);
	atomic_store(&w->wake_at, wake_at);
	while (!over(w)) {
		if (ms < 0)
			pthread_cond_wait(&w->work, &w->lock);
		else if (pthread_cond_timedwait(&w->work, &w->lock, &end) != 0)
			break;
	}
	atomic_store(&w->wake_at, UINT64_MAX);
	pthread_mutex_unlock(&w->lock);
}

/* A transaction came to nothing: its records wait for the next attempt, if there is one. */
static void retry(struct store_writer *w, const struct err *e)
{
	assert(!w->store->in_transaction);
	if (w->mode == STORE_WRITER_WAITS)
		w->broken = true;
	else
		backlog_rewind(&w->backlog);
	say(w, e, true);
	look_for_file(w);	/* which would be the cause */
	w->gave_up = atomic_load(&w->stopping);
	if (w->broken || w->gave_up)
		return;
	atomic_fetch_add(&w->retries, 1);
	w->retry_ms = w->retry_ms == 0 ? RETRY_FIRST_MS : 2 * w->retry_ms;
	if (w->retry_ms > RETRY_LAST_MS)
		w->retry_ms = RETRY_LAST_MS;
	rest(w, UINT64_MAX, w->retry_ms, is_stopping);
}

static void commit(struct store_writer *w)
{
	struct err e = { "" };

	if (store_commit(w->store, &e))
		settle(w);
	else
		retry(w, &e);
}

static bool store_record(struct store *s, enum kind kind, const void *r, struct err *e)
{
	switch (kind) {
	case CAPTURE:
		return store_capture(s, r, e);
	case TUNNEL:
		return store_tunnel(s, r, e);
	case IKE_SA:
		return store_ike_sa(s, r, e);
	case CHILD_SA:
		return store_child_sa(s, r, e);
	case ESP_SA:
		return store_esp_sa(s, r, e);
	case EXCHANGE:
		return store_exchange(s, r, e);
	case EVENT:
		return store_event(s, r, e);
	case ALERT:
		return store_alert(s, r, e);
	case TRAFFIC:
		return store_traffic(s, r, e);
	case KINDS:
		break;
	}
	assert(false && "a message of no kind");
	return false;
}

/*
 * A transaction that ended because of its size is followed by the next at once: others who write
 * get their turn.
 */
static void give_turn(const struct store_writer *w)
{
	const struct timespec pause = { .tv_nsec = TURN_MS * NSEC_PER_MS };

	if (w->store->bulk && !w->store->temporary)
		nanosleep(&pause, NULL);
}

static void write_record(struct store_writer *w, const struct backlog_message *m)
{
	struct err e = { "" };

	if (store_record(w->store, (enum kind)m->kind, m->bytes, &e)) {
		if (!w->store->in_transaction) {
			settle(w);
			give_turn(w);
		} else if (w->mode == STORE_WRITER_WAITS && backlog_release(&w->backlog)) {
			/* the transaction may hold more than the backlog: it is not begun again */
			tell_caller(w);
		}
	} else if (w->store->in_transaction) {	/* the record is wrong, not the world */
		atomic_fetch_add(&w->refused, 1);
		say(w, &e, false);
	} else {
		retry(w, &e);
	}
}

static void run_task(struct store_writer *w, const struct backlog_message *m)
{
	const struct task *task = (const void *)m->bytes;
	struct err e = { "" };
	bool ok = task->run(w->store, task->user, &e) && store_commit(w->store, &e);

	if (w->store->in_transaction)
		store_rollback(w->store, 0);
	if (!ok)
		say(w, &e, false);
	settle(w);
}

/*
 * An alert is synced to the disk and so not in one transaction with what came
 * before it; a task begins with everything committed.
 */
static bool begins_anew(const struct store_writer *w, const struct backlog_message *m)
{
	return w->store->in_transaction &&
	       (m->kind == WRITER_TASK ||
		(m->kind == ALERT && !w->store->durable && !w->store->bulk));
}

static void take_on(struct store_writer *w, const struct backlog_message *m)
{
	if (begins_anew(w, m)) {
		commit(w);	/* and the message is looked at again */
		return;
	}
	backlog_take(&w->backlog, m);
	if (w->broken)
		settle(w);
	else if (m->kind == WRITER_TASK)
		run_task(w, m);
	else
		write_record(w, m);
}

/* Nothing is to be taken: commit when it is time, else rest.  False: this is the end. */
static bool idle(struct store_writer *w)
{
	uint64_t put = atomic_load(&w->backlog.put);

	if (backlog_has_taken(&w->backlog)) {
		int64_t left = w->store->in_transaction ? store_time_left(w->store) : 0;

		if (left > 0 && !is_wanted(w))
			rest(w, put + NAP_MESSAGES, left, is_wanted);
		else
			commit(w);
		return true;
	}
	if (put != atomic_load(&w->backlog.settled))
		return true;	/* it came just now */
	if (atomic_load(&w->stopping))
		return false;
	rest(w, put + 1, -1, is_wanted);
	return true;
}

void *writer_thread(void *user)
{
	struct store_writer *w = user;
	bool more = true;

	pthread_setname_np(pthread_self(), "history");
	while (more && !w->gave_up) {
		const struct backlog_message *m = backlog_peek(&w->backlog);

		if (m)
			take_on(w, m);
		else
			more = idle(w);
	}
	return NULL;
}
