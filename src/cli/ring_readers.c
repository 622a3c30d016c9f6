/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Each thread fills blocks with the frames of its ring; the caller takes the earliest frame of all
 * rings first.  A frame is passed on when every other ring either has a later one or had none for
 * so long that none earlier can come, or when a ring has no free block left.
 */
#include "cli/ring_readers.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <sawatch/memory.h>

enum {
	FRAMES = 256,		/* of a block, and handed over at once */
	/* handed over in a row: then there are signals, and the time, to look at */
	CALL_FRAMES = 65536,
	BLOCKS = 256,		/* of a ring; what was never needed is not touched */
	ROOM = 2 * LIVE_FRAME_BYTES,
	SPENT = 64,		/* blocks that one batch borrows from */
	POLL_MS = 100,		/* how late a thread notices that it is to end */
	BROKEN_MS = 50,		/* an interface that is gone is readable all the time */
};

struct ring_block {
	struct prepared_frame list[FRAMES];
	struct frame frames[FRAMES];
	struct packet packets[FRAMES];
	struct prepared prepared;
	uint8_t *bytes;
	nsec held_at;		/* monotonic clock */
};

struct ring {
	struct ring_readers *readers;
	size_t number;
	pthread_t thread;
	bool begun;
	/* both threads' */
	pthread_mutex_t lock;
	pthread_cond_t given;
	struct ring_block *idle[BLOCKS];	/* the latest that was given back is taken first */
	size_t n_idle;
	struct ring_block *ready[BLOCKS];
	size_t first_ready, n_ready;
	_Atomic bool empty;			/* the thread found nothing in the ring */
	/* the thread's */
	uint8_t *bytes;				/* of what it has just read */
	uint64_t frames;			/* numbered here when it is the only ring */
	bool told;				/* the caller was woken to see that it is empty */
	/* the caller's */
	struct ring_block *at_hand;		/* its next frame is `at` */
	size_t at;
};

struct ring_readers {
	struct live *live;
	struct hash_key key;
	uint32_t capture;
	int news;		/* eventfd */
	_Atomic bool stopping;
	bool alone;		/* one ring: its blocks are handed over as they are */
	size_t n;
	struct ring rings[LIVE_INTERFACES_MAX];
	/* what is handed over next */
	struct prepared_frame list[FRAMES];
	struct frame frames[FRAMES];
	struct packet packets[FRAMES];
	struct prepared batch;
	uint64_t handed_over;
	struct {
		struct ring *ring;
		struct ring_block *block;
	} spent[SPENT];		/* the batch may borrow from them */
	size_t n_spent;
};

static nsec monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_S + now.tv_nsec;
}

/* ---- the threads ---- */

static struct ring_block *take_idle(struct ring *r)
{
	struct ring_block *b = NULL;

	pthread_mutex_lock(&r->lock);
	while (r->n_idle == 0 && !atomic_load(&r->readers->stopping))
		pthread_cond_wait(&r->given, &r->lock);
	if (r->n_idle > 0)
		b = r->idle[--r->n_idle];
	pthread_mutex_unlock(&r->lock);
	return b;
}

static void tell(const struct ring_readers *a)
{
	const uint64_t one = 1;

	/* it is full of news: told anyway */
	while (write(a->news, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

static void give_ready(struct ring *r, struct ring_block *b)
{
	pthread_mutex_lock(&r->lock);
	assert(r->n_ready < BLOCKS);
	r->ready[(r->first_ready + r->n_ready++) % BLOCKS] = b;
	pthread_mutex_unlock(&r->lock);
	r->told = false;
	tell(r->readers);
}

/* False: there is nothing in the ring. */
static bool fill(struct ring *r, struct ring_block *b)
{
	struct live_room room = {
		.frames = b->frames, .max = FRAMES, .bytes = r->bytes, .size = ROOM
	};

	atomic_store(&r->empty, false);
	while (live_ring_read(r->readers->live, r->number, &room))
		if (room.n > 0) {
			b->prepared = (struct prepared){ .list = b->list, .packets = b->packets };
			for (size_t i = 0; r->readers->alone && i < room.n; i++)
				b->frames[i].number = ++r->frames;
			prepare_frames(&b->prepared, &r->readers->key, b->frames, room.n);
			/* ESP was taken apart: its bytes need not go to another core */
			prepared_keep_bytes(&b->prepared, b->frames, b->bytes, ROOM);
			b->prepared.in_row = r->readers->alone;
			b->held_at = monotonic();
			return true;
		}
	return false;
}

static void wait_for_packets(struct ring *r)
{
	struct pollfd fd = { .fd = live_ring_descriptor(r->readers->live, r->number),
			     .events = POLLIN };
	const struct timespec pause = { .tv_nsec = BROKEN_MS * NSEC_PER_MS };

	atomic_store(&r->empty, true);
	if (!r->told)
		tell(r->readers);
	r->told = true;
	if (poll(&fd, 1, POLL_MS) > 0 && fd.revents & ~POLLIN)
		nanosleep(&pause, NULL);
}

static void *run(void *user)
{
	struct ring *r = user;
	struct ring_block *b = NULL;

	pthread_setname_np(pthread_self(), "ring");
	while (!atomic_load(&r->readers->stopping)) {
		if (!b)
			b = take_idle(r);
		if (b && fill(r, b)) {
			give_ready(r, b);
			b = NULL;
		} else if (b) {
			wait_for_packets(r);
		}
	}
	while (b && fill(r, b)) {	/* the rest, as far as there is room for it */
		give_ready(r, b);
		pthread_mutex_lock(&r->lock);
		b = r->n_idle > 0 ? r->idle[--r->n_idle] : NULL;
		pthread_mutex_unlock(&r->lock);
	}
	if (b) {
		pthread_mutex_lock(&r->lock);
		r->idle[r->n_idle++] = b;
		pthread_mutex_unlock(&r->lock);
	}
	return NULL;
}

/* ---- the caller ---- */

static void give_back(struct ring *r, struct ring_block *b)
{
	pthread_mutex_lock(&r->lock);
	r->idle[r->n_idle++] = b;
	pthread_cond_signal(&r->given);
	pthread_mutex_unlock(&r->lock);
}

static void begin_batch(struct ring_readers *a)
{
	a->batch = (struct prepared){
		.list = a->list, .packets = a->packets, .frames = a->frames, .capture = a->capture,
		.in_row = true, .key = a->key,
	};
}

static void hand_over(struct ring_readers *a, ring_frames_fn *frames, void *user)
{
	if (a->batch.n > 0) {
		frames(user, &a->batch);
		begin_batch(a);
	}
	while (a->n_spent > 0) {
		a->n_spent--;
		give_back(a->spent[a->n_spent].ring, a->spent[a->n_spent].block);
	}
}

/* Its counts are those of the batch that its first frame is in. */
static void add_counts(struct prepared_counts *to, const struct prepared_counts *c)
{
	to->not_ip += c->not_ip;
	to->cut += c->cut;
	to->malformed += c->malformed;
	to->unsupported += c->unsupported;
	to->too_deep += c->too_deep;
	to->other += c->other;
}

/* Does it show a frame? */
static bool look(struct ring_readers *a, struct ring *r)
{
	if (r->at_hand)
		return true;
	pthread_mutex_lock(&r->lock);
	if (r->n_ready > 0) {
		r->at_hand = r->ready[r->first_ready];
		r->first_ready = (r->first_ready + 1) % BLOCKS;
		r->n_ready--;
	}
	pthread_mutex_unlock(&r->lock);
	r->at = 0;
	if (r->at_hand)
		add_counts(&a->batch.counts, &r->at_hand->prepared.counts);
	return r->at_hand != NULL;
}

/* Is there a ring that can hold no more? */
static bool is_full(struct ring_readers *a)
{
	bool full = false;

	for (size_t i = 0; i < a->n && !full; i++) {
		pthread_mutex_lock(&a->rings[i].lock);
		full = a->rings[i].n_idle == 0;
		pthread_mutex_unlock(&a->rings[i].lock);
	}
	return full;
}

/*
 * All that came to it is in its hand.  What it has told may be old: its thread may not have run for
 * long.
 */
static bool is_drained(struct ring_readers *a, struct ring *r)
{
	/*
	 * in this order: what the thread takes meanwhile it has not given yet, or is seen to have
	 * given
	 */
	bool drained = !live_ring_waits(a->live, r->number) && atomic_load(&r->empty);

	pthread_mutex_lock(&r->lock);
	drained = drained && r->n_ready == 0;
	pthread_mutex_unlock(&r->lock);
	return drained;
}

/* Has every ring that shows no frame really none? */
static bool others_are_silent(struct ring_readers *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (!a->rings[i].at_hand && !is_drained(a, &a->rings[i]))
			return false;
	return true;
}

static nsec time_of_next(const struct ring *r)
{
	return r->at_hand->list[r->at].at;
}

/*
 * The ring whose next frame is the earliest that may go; *ret_until: as long as its next ones are
 * not later than this.
 */
static struct ring *next_ring(struct ring_readers *a, bool all, nsec *ret_until)
{
	struct ring *first = NULL;
	bool complete = true;

	*ret_until = INT64_MAX;
	for (size_t i = 0; i < a->n; i++) {
		struct ring *r = &a->rings[i];

		if (!look(a, r)) {
			complete = false;
		} else if (!first || time_of_next(r) < time_of_next(first)) {
			if (first)
				*ret_until = time_of_next(first);
			first = r;
		} else if (time_of_next(r) < *ret_until) {
			*ret_until = time_of_next(r);
		}
	}
	if (!first || complete || all)
		return first;
	if (first->at_hand->held_at <= monotonic() - LIVE_MERGE_MS * NSEC_PER_MS &&
	    others_are_silent(a))
		return first;
	return is_full(a) ? first : NULL;
}

static void add_frame(struct ring_readers *a, const struct ring_block *from, size_t i)
{
	struct prepared *p = &a->batch;
	size_t n = p->n++;
	enum prepared_kind kind = prepared_kind(&from->list[i]);

	a->list[n] = from->list[i];
	a->frames[n] = from->frames[i];
	a->frames[n].number = ++a->handed_over;
	p->bytes += from->frames[i].length;
	if (kind == PREPARED_PACKET || kind == PREPARED_FRAGMENT) {
		a->packets[p->n_packets] = from->packets[from->list[i].packet];
		a->list[n].packet = (uint32_t)p->n_packets++;
	}
}

/* Its frames up to that time, or until the batch is full or the block at its end. */
static void take_some(struct ring_readers *a, struct ring *r, nsec until)
{
	struct ring_block *b = r->at_hand;

	do {
		add_frame(a, b, r->at++);
	} while (r->at < b->prepared.n && a->batch.n < FRAMES && time_of_next(r) <= until);
	if (r->at < b->prepared.n)
		return;
	a->spent[a->n_spent].ring = r;
	a->spent[a->n_spent++].block = b;
	r->at_hand = NULL;
}

/* The only ring's blocks, which need not be merged. */
static void pass_on(struct ring_readers *a, uint64_t end, ring_frames_fn *frames, void *user)
{
	struct ring *r = &a->rings[0];

	while (a->handed_over < end && look(a, r)) {
		frames(user, &r->at_hand->prepared);
		a->handed_over += r->at_hand->prepared.n;
		give_back(r, r->at_hand);
		r->at_hand = NULL;
	}
}

static bool nothing_waits(struct ring_readers *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->rings[i].at_hand || !is_drained(a, &a->rings[i]))
			return false;
	return true;
}

/* What is in the rings by now is ready afterwards, as far as there is room. */
static void stop(struct ring_readers *a)
{
	atomic_store(&a->stopping, true);
	for (size_t i = 0; i < a->n; i++) {
		struct ring *r = &a->rings[i];

		pthread_mutex_lock(&r->lock);
		pthread_cond_signal(&r->given);
		pthread_mutex_unlock(&r->lock);
		if (r->begun)
			pthread_join(r->thread, NULL);
		r->begun = false;
	}
}

bool ring_readers_take(struct ring_readers *a, bool all, ring_frames_fn *frames, void *user)
{
	uint64_t news, end = all ? UINT64_MAX : a->handed_over + CALL_FRAMES;
	nsec until;
	struct ring *r;

	if (all)
		stop(a);
	while (read(a->news, &news, sizeof(news)) < 0 && errno == EINTR)
		;
	if (a->alone)
		pass_on(a, end, frames, user);
	while (!a->alone && a->handed_over < end && (r = next_ring(a, all, &until)) != NULL) {
		take_some(a, r, until);
		if (a->batch.n == FRAMES || a->n_spent == SPENT)
			hand_over(a, frames, user);
	}
	hand_over(a, frames, user);
	if (a->handed_over >= end)
		tell(a);
	return a->handed_over < end && nothing_waits(a);
}

static void free_block(struct ring_block *b)
{
	if (b)
		free(b->bytes);
	free(b);
}

static bool begin_ring(struct ring_readers *a, size_t number)
{
	struct ring *r = &a->rings[number];

	a->n = number + 1;
	r->readers = a;
	r->number = number;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->given, NULL);
	r->bytes = malloc(ROOM);
	memory_or_end(r->bytes);
	while (r->n_idle < BLOCKS) {
		struct ring_block *b = malloc(sizeof(*b));

		memory_or_end(b);
		b->bytes = malloc(ROOM);
		memory_or_end(b->bytes);
		r->idle[r->n_idle++] = b;
	}
	r->begun = pthread_create(&r->thread, NULL, run, r) == 0;
	return r->begun;
}

bool ring_readers_open(struct ring_readers **ret, struct live *l, uint32_t capture,
		       const struct hash_key *key, struct err *e)
{
	struct ring_readers *a = calloc(1, sizeof(*a));
	sigset_t every, before;
	bool ok;

	memory_or_end(a);
	*ret = a;
	a->live = l;
	a->capture = capture;
	a->key = *key;
	a->alone = live_rings(l) == 1;
	begin_batch(a);
	a->news = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ok = a->news >= 0;
	sigfillset(&every);	/* signals are the caller's */
	pthread_sigmask(SIG_BLOCK, &every, &before);
	for (size_t i = 0; ok && i < live_rings(l); i++)
		ok = begin_ring(a, i);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok || err_set(e, "threads for --workers cannot be begun");
}

int ring_readers_descriptor(const struct ring_readers *a)
{
	return a->news;
}

void ring_readers_close(struct ring_readers *a)
{
	if (!a)
		return;
	stop(a);
	for (size_t i = 0; i < a->n; i++) {
		struct ring *r = &a->rings[i];

		free(r->bytes);
		free_block(r->at_hand);
		while (r->n_idle > 0)
			free_block(r->idle[--r->n_idle]);
		for (; r->n_ready > 0; r->n_ready--, r->first_ready = (r->first_ready + 1) % BLOCKS)
			free_block(r->ready[r->first_ready]);
		pthread_mutex_destroy(&r->lock);
		pthread_cond_destroy(&r->given);
	}
	if (a->news >= 0)
		close(a->news);
	free(a);
}
