/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inventory in the history, changed while another thread writes it. */
#ifndef SAWATCH_CLI_INVENTORY_ROWS_H
#define SAWATCH_CLI_INVENTORY_ROWS_H

#include <stdatomic.h>
#include <stdbool.h>

#include <sawatch/expected.h>
#include <sawatch/store_writer.h>

/* Zeros: nothing is to be done. */
struct inventory_rows {
	bool due;
	struct expected copy;		/* the writer's, while it is under way: names and peers */
	atomic_bool under_way, failed;
};

/*
 * Once a second, behind a flush: what is due is given to the writer, again and again until it is
 * written.
 */
void inventory_rows_tick(struct inventory_rows *r, const struct expected *x,
			 struct store_writer *writer);
void inventory_rows_done(struct inventory_rows *r);	/* after the writer */

#endif
