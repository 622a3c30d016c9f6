/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `sawatch -i … --workers N`: threads that each read a ring of packets and prepare their frames,
 * and one that merges them by time for the tracker.
 */
#ifndef SAWATCH_CLI_RING_READERS_H
#define SAWATCH_CLI_RING_READERS_H

#include <stdbool.h>

#include <sawatch/err.h>
#include <sawatch/hash.h>
#include <sawatch/live.h>
#include <sawatch/prepare.h>

struct ring_readers;

/*
 * A thread for each ring of `l`, which outlives them; all that a process gives up thread by thread
 * is given up before.
 */
bool ring_readers_open(struct ring_readers **ret, struct live *l, uint32_t capture,
		       const struct hash_key *key, struct err *e);

int ring_readers_descriptor(const struct ring_readers *r);	/* to poll for POLLIN */

/*
 * Hand over what has come and what has waited for its turn, in the order of the frames' times,
 * numbered from 1; they borrow for the call.  With `all`, without waiting: it ends here.  Returns
 * whether nothing is waiting any more.
 */
typedef void ring_frames_fn(void *user, const struct prepared *prepared);
bool ring_readers_take(struct ring_readers *r, bool all, ring_frames_fn *frames, void *user);

void ring_readers_close(struct ring_readers *r);	/* accepts NULL */

#endif
