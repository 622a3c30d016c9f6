/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The thread that writes.  It touches the store only between taking a message
 * and settling it, so a drained writer leaves the store to its caller.
 */
#include <sawatch/store_writer.h>

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/backlog.h"
#include "store/record_copy.h"
#include "store/store_parts.h"

enum {
	TASK = KINDS,		/* a kind of message that is no record */
	NAP_MESSAGES = 256,	/* so many are worth an end of a nap */
	RETRY_FIRST_MS = 50, RETRY_LAST_MS = 2000,
	/* longer than anybody who waits for the lock sleeps between two looks */
	TURN_MS = 3,
};

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

/* ---- the thread ---- */

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

static struct timespec after_ms(int64_t ms)
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
	struct timespec end = after_ms(ms < 0 ? 0 : ms);

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
	       (m->kind == TASK || (m->kind == ALERT && !w->store->durable && !w->store->bulk));
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
	else if (m->kind == TASK)
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

static void *write_all(void *user)
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

/* ---- the caller ---- */

static void wake(struct store_writer *w)
{
	pthread_mutex_lock(&w->lock);
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
}

static void put(struct store_writer *w)
{
	backlog_put(&w->backlog);
	if (atomic_load(&w->backlog.put) >= atomic_load(&w->wake_at))
		wake(w);
}

static bool has_room_for(const struct store_writer *w, uint64_t blocks)
{
	return backlog_has_room(&w->backlog, (uint32_t)blocks);
}

static bool has_settled(const struct store_writer *w, uint64_t messages)
{
	return atomic_load(&w->backlog.settled) >= messages;
}

/* Until the thread has made it true; no longer than until `end`, when there is one. */
static void wait_for_thread(struct store_writer *w,
			    bool (*is_true)(const struct store_writer *, uint64_t), uint64_t of,
			    const struct timespec *end)
{
	int rc = 0;

	pthread_mutex_lock(&w->lock);
	/* that it waits is said before it looks: whatever is settled later comes with a signal */
	while (atomic_store(&w->caller_waits, true), rc == 0 && !is_true(w, of)) {
		pthread_cond_signal(&w->work);
		rc = end ? pthread_cond_timedwait(&w->settled, &w->lock, end)
			 : pthread_cond_wait(&w->settled, &w->lock);
	}
	atomic_store(&w->caller_waits, false);
	pthread_mutex_unlock(&w->lock);
}

/* NULL: there is no room, which is counted. */
static void *claim(struct store_writer *w, uint32_t kind, size_t length, enum worth worth)
{
	void *at;

	while (!(at = backlog_claim(&w->backlog, kind, length, w->limits[worth]))) {
		if (w->mode == STORE_WRITER_WAITS && backlog_fits(length)) {
			wait_for_thread(w, has_room_for, w->limits[worth], NULL);
			continue;
		}
		w->dropped[worth]++;
		w->wants_all |= worth == STATE || worth == FACT;
		break;
	}
	return at;
}

static void put_record(struct store_writer *w, enum kind kind, const void *record, enum worth worth)
{
	void *at = claim(w, kind, record_copy(kind, record, NULL), worth);

	if (!at)
		return;
	record_copy(kind, record, at);
	put(w);
}

#define PUT(name, kind, worth)                                                    \
	static void put_##name(void *user, const struct record_##name *r)         \
	{                                                                         \
		put_record(user, kind, r, worth);                                 \
	}

PUT(capture, CAPTURE, FACT)
PUT(tunnel, TUNNEL, FACT)
PUT(ike_sa, IKE_SA, r->end_reason == END_NONE ? STATE : FACT)
PUT(child_sa, CHILD_SA, r->end_reason == END_NONE ? STATE : FACT)
PUT(esp_sa, ESP_SA, r->end_reason == END_NONE ? STATE : FACT)
PUT(exchange, EXCHANGE, r->outcome == OUTCOME_PENDING ? STATE : FACT)
PUT(event, EVENT, FACT)
PUT(alert, ALERT, ALERT_ROW)
PUT(traffic, TRAFFIC, TRAFFIC_ROW)

struct record_sink store_writer_sink(struct store_writer *w)
{
	return (struct record_sink){
		.user = w, .capture = put_capture, .tunnel = put_tunnel, .ike_sa = put_ike_sa,
		.esp_sa = put_esp_sa,
		.child_sa = put_child_sa, .exchange = put_exchange, .event = put_event,
		.alert = put_alert,
		.traffic = put_traffic,
	};
}

bool store_writer_task(struct store_writer *w,
		       bool (*run)(struct store *s, void *user, struct err *e), void *user)
{
	struct task *task = backlog_claim(&w->backlog, TASK, sizeof(*task), w->limits[ALERT_ROW]);

	if (!task)
		return false;
	*task = (struct task){ .run = run, .user = user };
	put(w);
	return true;
}

void store_writer_commit(struct store_writer *w)
{
	uint64_t all = atomic_load(&w->backlog.put);

	if (atomic_load(&w->backlog.settled) == all)
		return;
	atomic_store(&w->commit_wanted, all);
	wake(w);
}

bool store_writer_drain(struct store_writer *w, int patience_ms, struct err *e)
{
	uint64_t all = atomic_load(&w->backlog.put);
	struct timespec end = after_ms(patience_ms < 0 ? 0 : patience_ms);

	atomic_store(&w->store->ending, true);
	atomic_store(&w->commit_wanted, all);
	wait_for_thread(w, has_settled, all, patience_ms < 0 ? NULL : &end);
	atomic_store(&w->store->ending, false);
	return store_writer_news(w, e) &&
	       (has_settled(w, all) ||
		err_set(e, "database %s: is not written in time; try again", w->store->name));
}

bool store_writer_news(struct store_writer *w, struct err *e)
{
	bool well;

	pthread_mutex_lock(&w->lock);
	well = w->trouble.text[0] == '\0';
	if (!well && e)
		*e = w->trouble;
	if (!w->failing)
		w->trouble.text[0] = '\0';
	pthread_mutex_unlock(&w->lock);
	return well;
}

bool store_writer_has_room(const struct store_writer *w)
{
	return backlog_has_room(&w->backlog, w->limits[STATE] / 2);
}

bool store_writer_wants_all(struct store_writer *w)
{
	bool now = w->wants_all && store_writer_has_room(w);

	if (now)
		w->wants_all = false;
	return now;
}

void store_writer_counters(const struct store_writer *w, struct store_writer_counters *ret)
{
	*ret = (struct store_writer_counters){
		.waiting = backlog_waiting(&w->backlog),
		.bytes = (uint64_t)atomic_load(&w->backlog.blocks) * BACKLOG_BLOCK_BYTES,
		.ceiling = (uint64_t)w->backlog.n_blocks * BACKLOG_BLOCK_BYTES,
		.rows = atomic_load(&w->rows), .transactions = atomic_load(&w->transactions),
		.retries = atomic_load(&w->retries), .refused = atomic_load(&w->refused),
		.left_out = w->dropped[STATE], .dropped_traffic = w->dropped[TRAFFIC_ROW],
		.dropped_facts = w->dropped[FACT], .dropped_alerts = w->dropped[ALERT_ROW],
	};
}

static bool begin_thread(struct store_writer *w)
{
	pthread_condattr_t monotonic;
	sigset_t all, before;
	int rc;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->work, &monotonic);
	pthread_cond_init(&w->settled, &monotonic);
	pthread_condattr_destroy(&monotonic);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, write_all, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0;
}

static void free_writer(struct store_writer *w)
{
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->work);
	pthread_cond_destroy(&w->settled);
	backlog_done(&w->backlog);
	free(w);
}

bool store_writer_open(struct store_writer **ret, struct store *store, enum store_writer_mode mode,
		       size_t bytes, struct err *e)
{
	struct store_writer *w = calloc(1, sizeof(*w));
	uint32_t n = (uint32_t)(bytes / BACKLOG_BLOCK_BYTES);

	*ret = NULL;
	assert(n >= WORTHS * 4);
	if (!w || !backlog_init(&w->backlog, bytes)) {
		free(w);
		return err_set(e, "memory: too little for the backlog of the history; make it "
				  "smaller: --set store.backlog_mb=4");
	}
	w->store = store;
	w->mode = mode;
	store_bulk(store, mode == STORE_WRITER_WAITS);
	w->wake_at = UINT64_MAX;
	for (int i = 0; i < WORTHS; i++)
		w->limits[i] = n;
	if (mode == STORE_WRITER_DROPS) {
		w->limits[STATE] = n / 2;
		w->limits[TRAFFIC_ROW] = n / 4 * 3;
		w->limits[FACT] = n / 8 * 7;
	}
	if (!begin_thread(w)) {
		free_writer(w);
		return err_set(e, "a thread for the history cannot be begun");
	}
	*ret = w;
	return true;
}

uint64_t store_writer_close(struct store_writer *w)
{
	uint64_t lost;

	if (!w)
		return 0;
	atomic_store(&w->store->impatient, true);
	atomic_store(&w->store->ending, true);
	atomic_store(&w->stopping, true);
	wake(w);
	pthread_join(w->thread, NULL);
	atomic_store(&w->store->impatient, false);
	atomic_store(&w->store->ending, false);
	store_bulk(w->store, false);
	lost = backlog_waiting(&w->backlog);
	free_writer(w);
	return lost;
}
