/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which row of the table `tunnel` a run's tunnel is.  A run names a tunnel by
 * an object id, the history by its peers.  Grows with the tunnels of the run.
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
	bool told;		/* store_tunnel_first_told() */
	bool pending;		/* looked up in the running transaction */
};

struct tunnel_rows {
	struct tunnel_row *slots;
	size_t size, used;	/* size is a power of two */
};

/* The entry of `object`, made when there is none (then `row` is 0 and `assumed` set); NULL when memory is short. */
struct tunnel_row *tunnel_rows_see(struct tunnel_rows *t, object_id object);
/* Does another object of this run have this row too? */
bool tunnel_rows_shared(const struct tunnel_rows *t, const struct tunnel_row *entry);
/* The running transaction is over: its rows are there, or are gone. */
void tunnel_rows_settle(struct tunnel_rows *t, bool committed);
/* This row is deleted: who names it again gets a new one. */
void tunnel_rows_forget(struct tunnel_rows *t, int64_t row);
void tunnel_rows_done(struct tunnel_rows *t);

#endif
