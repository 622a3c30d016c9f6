/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A lane is an open capture with a ring of blocks.  The thread that holds the lane's lock reads the
 * next batch of frames into a block, releases the lock, and prepares the frames: so reading is in
 * order, and preparing is parallel.  Blocks become ready in any order and are taken in that of the
 * ring.
 *
 * A thread works on the lane of the current capture first, then on those of the next ones, which
 * fill up and wait.  Memory is bounded by the number of lanes and blocks.
 */
#include "cli/read_ahead.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>

#include "cli/bell.h"
#include "cli/block.h"

enum {
	BLOCKS = 64,
	/*
	 * Ready blocks that last while the file's next pages are mapped.  As long as there are
	 * fewer, the caller waits for the file, and may as well prepare frames himself.
	 */
	ENOUGH = 6,
	/*
	 * Blocks that were given back when a thread that sleeps for them is woken: that takes
	 * longer than to read one.
	 */
	AT_ONCE = 8,
};

struct lane {
	struct read_ahead *ahead;
	pthread_mutex_t lock;		/* whoever has it opens and reads: path, source, read */
	const char *path;		/* to be opened; NULL: none, or it was */
	struct source *source;
	struct source_info info;	/* as of opening */
	uint64_t read;			/* blocks */
	/* or failed to, by `error`: that, source and info may be looked at */
	_Atomic bool opened;
	_Atomic bool over;		/* all was read, or nobody wants the rest */
	struct err error;
	struct block *blocks[BLOCKS];
	/* by the caller: the block of this number, from 1 */
	_Alignas(64) _Atomic uint64_t wanted;
};

struct read_ahead {
	const struct source_options *options;
	const struct hash_key *key;
	char *const *next;		/* path that no lane has yet */
	bool begun;
	struct lane *lanes;
	unsigned n_lanes, n_threads;
	_Atomic unsigned at_hand;	/* the lane that the caller reads */
	_Atomic bool stopping;
	struct bell room, ready;
	struct block *lent;		/* to the caller */
	pthread_t threads[READ_AHEAD_THREADS_MAX];
};

/* ---- the threads ---- */

/* With its lock. */
static void open_lane(struct lane *l)
{
	struct read_ahead *a = l->ahead;

	if (source_open(&l->source, l->path, a->options, &l->error))
		source_info(l->source, &l->info);
	else
		atomic_store(&l->over, true);
	l->path = NULL;
	atomic_store(&l->opened, true);
	bell_ring(&a->ready);
}

static struct block *block_of(struct lane *l, uint64_t number)
{
	return l->blocks[number % BLOCKS];
}

/*
 * With its lock; is there something to read, and a block for it?  Those before the one that is
 * wanted were given back.
 */
static bool can_read(struct lane *l)
{
	return l->source && !atomic_load(&l->over) &&
	       l->read + 1 < atomic_load(&l->wanted) + BLOCKS;
}

/* Is the block of this number one that the caller is to prepare, while the next is read? */
static bool is_callers(const struct lane *l, uint64_t number)
{
	const struct read_ahead *a = l->ahead;

	return l == &a->lanes[atomic_load(&a->at_hand)] &&
	       number <= atomic_load(&l->wanted) + ENOUGH;
}

/* With its lock, which it gives back. */
static void read_block(struct lane *l)
{
	struct read_ahead *a = l->ahead;
	uint64_t number = ++l->read;
	struct block *b = block_of(l, number);
	bool keeps;

	b->is_prepared = false;
	b->n = source_read(l->source, b->frames, BLOCK_FRAMES, &b->error);
	keeps = source_keeps(l->source);
	b->has_passed = source_passed(l->source, &b->passed);
	if (b->n <= 0)
		atomic_store(&l->over, true);
	else if (!keeps)
		block_prepare(b, a->key, true);
	pthread_mutex_unlock(&l->lock);
	if (a->n_lanes > 2)
		bell_ring(&a->room);	/* others may read here now */
	if (b->n > 0 && keeps && !is_callers(l, number))
		block_prepare(b, a->key, false);
	atomic_store(&b->ready, true);
	bell_ring(&a->ready);
}

/* False: there is nothing to do in this lane, or another thread does it. */
static bool work(struct lane *l)
{
	bool worked = true;

	if (pthread_mutex_trylock(&l->lock) != 0)
		return false;
	if (l->path) {
		open_lane(l);
	} else if (can_read(l)) {
		read_block(l);
		return true;
	} else {
		worked = l->source && !atomic_load(&l->over) && source_fetch(l->source);
	}
	pthread_mutex_unlock(&l->lock);
	return worked;
}

static bool work_or_stop(void *user)
{
	struct read_ahead *a = user;
	unsigned first = atomic_load(&a->at_hand);

	if (atomic_load(&a->stopping))
		return true;
	for (unsigned i = 0; i < a->n_lanes; i++)
		if (work(&a->lanes[(first + i) % a->n_lanes]))
			return true;
	return false;
}

static void *run(void *user)
{
	struct read_ahead *a = user;

	pthread_setname_np(pthread_self(), "read-ahead");
	while (!atomic_load(&a->stopping))
		bell_wait(&a->room, work_or_stop, a);
	return NULL;
}

/* ---- the caller ---- */

static bool is_opened(void *user)
{
	return atomic_load(&((struct lane *)user)->opened);
}

static bool is_ready(void *user)
{
	return atomic_load(&((struct block *)user)->ready);
}

/* With its lock, or before the threads. */
static void give_path(struct lane *l)
{
	struct read_ahead *a = l->ahead;

	l->path = *a->next ? *a->next++ : NULL;
	l->read = 0;
	l->error = (struct err){ "" };
	atomic_store(&l->opened, false);
	atomic_store(&l->over, false);
	atomic_store(&l->wanted, 0);
}

static void begin_threads(struct read_ahead *a, unsigned n)
{
	sigset_t all, before;

	sigfillset(&all);	/* signals are the caller's */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	while (a->n_threads < n && pthread_create(&a->threads[a->n_threads], NULL, run, a) == 0)
		a->n_threads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* One for each thread, and one that is being tracked to its end. */
static void begin_lanes(struct read_ahead *a, unsigned threads)
{
	a->n_lanes = threads + 1;
	a->lanes = aligned_alloc(_Alignof(struct lane), a->n_lanes * sizeof(*a->lanes));
	memory_or_end(a->lanes);
	memset(a->lanes, 0, a->n_lanes * sizeof(*a->lanes));
	for (unsigned i = 0; i < a->n_lanes; i++) {
		struct lane *l = &a->lanes[i];

		l->ahead = a;
		pthread_mutex_init(&l->lock, NULL);
		for (unsigned k = 0; k < BLOCKS; k++)
			l->blocks[k] = block_new();
		give_path(l);
	}
	begin_threads(a, threads);
}

struct read_ahead *read_ahead_open(unsigned threads, char *const *paths,
				   const struct source_options *o, const struct hash_key *key)
{
	struct read_ahead *a = aligned_alloc(_Alignof(struct read_ahead), sizeof(*a));

	assert(threads > 0 && threads <= READ_AHEAD_THREADS_MAX);
	memory_or_end(a);
	memset(a, 0, sizeof(*a));
	a->options = o;
	a->key = key;
	a->next = paths;
	begin_lanes(a, threads);
	if (a->n_threads > 0)
		return a;
	read_ahead_close(a);
	return NULL;
}

static void give_back(struct read_ahead *a)
{
	if (!a->lent)
		return;
	atomic_store(&a->lent->ready, false);
	a->lent = NULL;
}

/*
 * Nobody wants the rest of it.  Its frames may lie in the source, so blocks that are being prepared
 * are waited for.
 */
static void end_lane(struct lane *l)
{
	struct read_ahead *a = l->ahead;

	atomic_store(&l->over, true);
	pthread_mutex_lock(&l->lock);
	for (uint64_t i = atomic_load(&l->wanted) + 1; i <= l->read; i++) {
		struct block *b = block_of(l, i);

		bell_wait(&a->ready, is_ready, b);
		atomic_store(&b->ready, false);
	}
	source_close(l->source);
	l->source = NULL;
	l->path = NULL;
	pthread_mutex_unlock(&l->lock);
}

static struct lane *lane_at_hand(struct read_ahead *a)
{
	return &a->lanes[atomic_load(&a->at_hand)];
}

/* The lane of the capture before gets the next path, behind those of all others. */
static void turn_lanes(struct read_ahead *a)
{
	struct lane *l = lane_at_hand(a);

	end_lane(l);
	pthread_mutex_lock(&l->lock);
	give_path(l);
	pthread_mutex_unlock(&l->lock);
	atomic_store(&a->at_hand, (atomic_load(&a->at_hand) + 1) % a->n_lanes);
	bell_ring(&a->room);
}

bool read_ahead_next(struct read_ahead *a, struct source_info *ret, struct err *e)
{
	struct lane *l;

	give_back(a);
	if (a->begun)
		turn_lanes(a);
	a->begun = true;
	l = lane_at_hand(a);
	bell_wait(&a->ready, is_opened, l);
	*ret = l->info;
	*e = l->error;
	return !*e->text;
}

void read_ahead_info(struct read_ahead *a, struct source_info *ret)
{
	struct lane *l = lane_at_hand(a);

	pthread_mutex_lock(&l->lock);
	source_info(l->source, ret);
	pthread_mutex_unlock(&l->lock);
}

/* Frames that were read before it was known which capture they are of. */
static void lend(struct read_ahead *a, struct block *b, uint32_t capture, struct batch *ret)
{
	if (b->has_passed)	/* here, because reading is the longer half */
		source_release(&b->passed);
	a->lent = b;
	*ret = (struct batch){ .frames = b->frames, .n = b->n > 0 ? (size_t)b->n : 0 };
	if (b->is_prepared) {
		b->prepared.capture = capture;
		ret->prepared = &b->prepared;
		return;
	}
	b->frames[0].capture = capture;
}

int read_ahead_batch(struct read_ahead *a, uint32_t capture, struct batch *ret, struct err *e)
{
	struct lane *l;
	struct block *b;

	give_back(a);
	l = lane_at_hand(a);
	b = l->blocks[(atomic_load(&l->wanted) + 1) % BLOCKS];
	if (atomic_fetch_add(&l->wanted, 1) % AT_ONCE == 0)
		bell_ring(&a->room);
	bell_wait(&a->ready, is_ready, b);
	lend(a, b, capture, ret);
	if (b->n < 0)
		*e = b->error;
	return b->n;
}

void read_ahead_close(struct read_ahead *a)
{
	if (!a)
		return;
	give_back(a);
	atomic_store(&a->stopping, true);
	bell_ring(&a->room);
	for (unsigned i = 0; i < a->n_threads; i++)
		pthread_join(a->threads[i], NULL);
	for (unsigned i = 0; i < a->n_lanes; i++) {
		struct lane *l = &a->lanes[i];

		source_close(l->source);
		for (unsigned k = 0; k < BLOCKS; k++)
			block_free(l->blocks[k]);
		pthread_mutex_destroy(&l->lock);
	}
	free(a->lanes);
	free(a);
}
