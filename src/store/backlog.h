/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages on their way from one thread (which captures) to one other (which
 * writes).  A chain of blocks cut from an area of fixed size; blocks that are
 * done with are used again, the latest first, so that only as much memory is
 * touched as once had to wait.  Nothing here waits, allocates or locks.
 *
 * What was taken stays until it is settled: a transaction that failed is begun
 * again with the same messages.  A consumer that begins nothing again releases
 * earlier what it will not look at any more.
 */
#ifndef SAWATCH_BACKLOG_H
#define SAWATCH_BACKLOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BACKLOG_BLOCK_BYTES = 256 << 10 };

struct backlog_block;

struct backlog_message {
	uint32_t size;		/* of all of it, in its block */
	uint32_t kind;		/* the caller's */
	_Alignas(8) unsigned char bytes[];
};

struct backlog_place {
	struct backlog_block *block;
	uint32_t at;
	uint64_t number;	/* messages before it */
};

struct backlog {
	unsigned char *area;
	uint32_t n_blocks;
	/* the producer's */
	struct backlog_block *filling;
	uint32_t carved;	/* blocks that were ever used */
	uint32_t filled;	/* bytes of `filling`, the claimed message included */
	/* the consumer's */
	struct backlog_place first, next;	/* not settled; not taken */
	bool released;			/* part of what is between them is no longer there */
	/* both threads' */
	_Atomic(struct backlog_block *) idle;
	atomic_uint blocks;	/* in use */
	_Atomic uint64_t put, settled;	/* messages so far */
};

bool backlog_init(struct backlog *b, size_t bytes);	/* false: no memory */
void backlog_done(struct backlog *b);

/*
 * The producer: room for `length` bytes, to be filled and then put.  NULL when
 * `limit` blocks are in use already, or when no block could ever hold it.
 */
void *backlog_claim(struct backlog *b, uint32_t kind, size_t length, uint32_t limit);
void backlog_put(struct backlog *b);
bool backlog_fits(size_t length);
bool backlog_has_room(const struct backlog *b, uint32_t limit);	/* for a new block */

/*
 * The consumer: the next message, borrowed until it is settled; NULL when none waits.  Then on to
 * the one after it.
 */
const struct backlog_message *backlog_peek(struct backlog *b);
void backlog_take(struct backlog *b, const struct backlog_message *m);
void backlog_settle(struct backlog *b);	/* all that was taken is done with */
void backlog_rewind(struct backlog *b);	/* what was not settled is taken again */
/*
 * What was taken gives its room back, and counts as not settled still; it cannot be taken again.
 * False: no whole block.
 */
bool backlog_release(struct backlog *b);
bool backlog_has_taken(const struct backlog *b);	/* what is not settled */

/* Either: messages that are not settled. */
uint64_t backlog_waiting(const struct backlog *b);

#endif
