/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a watching process sends out, besides its lines and its history: syslog, metrics, a command
 * for each alert.  Connects the records of the pipeline with the writers of the report and the
 * processes that deliver.
 */
#ifndef SAWATCH_CLI_OUTPUTS_H
#define SAWATCH_CLI_OUTPUTS_H

#include <stdbool.h>

#include <sawatch/err.h>
#include <sawatch/live.h>
#include <sawatch/nsec.h>

#include "cli/pipeline.h"
#include "cli/read_options.h"

struct outputs;

/*
 * The processes begin here: before an interface is open, before privileges are given up (each gives
 * up its own), before the first thread.  `o` must outlive it.
 */
bool outputs_open(struct outputs **ret, const struct read_options *o, struct err *e);

/* Every record goes to `next` and to the outputs. */
struct record_sink outputs_sink(struct outputs *x, const struct record_sink *next);

/* Watching begins, and is over. */
void outputs_begin(struct outputs *x, const char *name);
void outputs_end(struct outputs *x);

/* The inventory of `o` is another one, in place, and had so many tunnels before. */
void outputs_expect_again(struct outputs *x, size_t n_before);

/* About once a second: what waits moves, the metrics are told anew when it is time. */
void outputs_tick(struct outputs *x, struct live *live, struct pipeline *p, bool store_up);

/* Waits a few seconds for what is on its way.  Accepts NULL. */
void outputs_close(struct outputs *x);

#endif
