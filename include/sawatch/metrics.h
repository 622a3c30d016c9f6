/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a monitor counts, as a page in Prometheus' text format.  Collects the records of a live run
 * in tables of fixed size; numbers that are in no record are given when the page is made.  Labels
 * are bounded: tunnels by their two addresses (no ports, no SPIs) or their name in the inventory.
 */
#ifndef SAWATCH_METRICS_H
#define SAWATCH_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <sawatch/expected.h>
#include <sawatch/record.h>

struct metrics;

/*
 * Never NULL.  `expected` and `codes` (the conditions that there are, ends with NULL) must outlive
 * it. `tunnels`: so many get lines of their own; expected ones first, then those that were up once.
 */
struct metrics *metrics_open(const struct expected *expected, const char *const *codes,
			     size_t tunnels);
/* Takes captures, tunnels, ESP SAs and alerts as they are told, and again when they change. */
struct record_sink metrics_sink(struct metrics *m);

/* `expected` holds other tunnels now, and held so many before. */
void metrics_expect_again(struct metrics *m, size_t n_before);

/*
 * Alerts raised before this moment were counted by an earlier run: they are open, and not raised
 * now.
 */
void metrics_since(struct metrics *m, nsec began);
/* Accepts NULL. */
void metrics_close(struct metrics *m);

/* Entries of a table of the core. */
struct metrics_table {
	const char *name;
	uint64_t used, most, evicted;
};

struct metrics_output {
	const char *name;	/* "syslog", "metrics", "on_alert" */
	bool up;
	uint64_t sent, dropped, restarts;
};

enum { METRICS_TABLES_MAX = 8, METRICS_OUTPUTS_MAX = 4 };

/* What no record tells.  Times by the time of day. */
struct metrics_figures {
	const char *version, *sensor;
	nsec started, now;
	bool interfaces_up;	/* at least one is there and up */
	uint64_t dropped_by_kernel, dropped_by_interface;
	unsigned tunnels[TUNNEL_FLAPPING + 1];	/* by state */
	struct metrics_table tables[METRICS_TABLES_MAX];
	size_t n_tables;
	bool has_store, store_up;
	uint64_t store_waiting, store_bytes, store_bytes_max, store_rows, store_retries;
	uint64_t store_dropped_traffic, store_dropped_facts, store_dropped_alerts;
	struct metrics_output outputs[METRICS_OUTPUTS_MAX];
	size_t n_outputs;
};

/* One page.  What cannot be written shows in ferror(out). */
void metrics_print(struct metrics *m, const struct metrics_figures *f, FILE *out);

#endif
