/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The caller's side of the thread that writes the history: records go into the backlog, or are left
 * out and counted where it is full.
 */
#include "store/writer_thread.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "store/store_parts.h"

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
	struct task *task =
		backlog_claim(&w->backlog, WRITER_TASK, sizeof(*task), w->limits[ALERT_ROW]);

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
	struct timespec end = writer_after_ms(patience_ms < 0 ? 0 : patience_ms);

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
	rc = pthread_create(&w->thread, NULL, writer_thread, w);
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
