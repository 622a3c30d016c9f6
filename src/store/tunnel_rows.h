/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which row of the table `tunnel` a run's tunnel is.  A run names a tunnel by
 * an object id, the history by its peers.  A cache: a monitor sees strangers for
 * months, and those of network 0 can be looked up again.
 */
#ifndef SAWATCH_TUNNEL_ROWS_H
#define SAWATCH_TUNNEL_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/record.h>

struct tunnel_row {
	object_id object;	/* 0: free slot */
	int64_t row;		/* 0: not in the table (its transaction failed) */
	uint32_t network;
	bool assumed;		/* the network: the tunnel's own record has not come yet */
	bool made;		/* the row was made for this tunnel */
	bool pending;		/* looked up in the running transaction */
};

enum { TUNNEL_ROWS_MANY = 1 << 16 };	/* from which on entries are forgotten */

struct tunnel_rows {
	struct tunnel_row *slots;
	size_t size, used;	/* size is a power of two */
	bool some_pending, some_forgotten;
};

/*
 * The entry of `object`, made when there is none (then `row` is 0 and `assumed` set); NULL when
 * memory is short.
 */
struct tunnel_row *tunnel_rows_see(struct tunnel_rows *t, object_id object);
/* The row of this entry was looked up just now, in the running transaction. */
void tunnel_rows_found(struct tunnel_rows *t, struct tunnel_row *entry, int64_t row);
/* Does another object of this run have this row too, or may it? */
bool tunnel_rows_shared(const struct tunnel_rows *t, const struct tunnel_row *entry);
/* The running transaction is over: its rows are there, or are gone. */
void tunnel_rows_settle(struct tunnel_rows *t, bool committed);
/* This row is deleted: who names it again gets a new one. */
void tunnel_rows_forget(struct tunnel_rows *t, int64_t row);
void tunnel_rows_done(struct tunnel_rows *t);

#endif
