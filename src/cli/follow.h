/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `-r FILE --follow`: the file, or the last of several, is still being written.  Events are printed
 * as they happen; packet time goes on while nothing is written.
 */
#ifndef SAWATCH_CLI_FOLLOW_H
#define SAWATCH_CLI_FOLLOW_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include <sawatch/link.h>
#include <sawatch/record.h>
#include <sawatch/source.h>

#include "cli/pipeline.h"
#include "cli/read_options.h"

struct follow;

/* False, with the reason, when `o` names something that cannot grow: a stream comes by itself. */
bool follow_possible(const struct read_options *o, struct err *e);

/* Is this a file that exists but has nothing in it yet? */
bool follow_may_wait(const char *path);

/* Prints to `out`; `o` and `stop`, which becomes true at a signal, must outlive it. */
struct follow *follow_open(const struct read_options *o, FILE *out,
			   const volatile sig_atomic_t *stop);
void follow_close(struct follow *f);	/* accepts NULL */

/* Where the pipeline puts its records, to be printed. */
struct record_sink follow_sink(struct follow *f);

/* Wait until there is a file with a beginning at this path; false: it is over. */
bool follow_begin(struct follow *f, const char *path);

/* These frames were read. */
void follow_heard(struct follow *f, const struct frame *frames, size_t n);

/*
 * Nothing comes for now: wait a little, and let time pass.  False: nothing more will come, it is
 * over, the history cannot be written (*ret_failed, with `e`), or another file goes on from here
 * (follow_next).
 */
bool follow_wait(struct follow *f, struct pipeline *p, uint32_t capture, const struct source *s,
		 bool *ret_failed, struct err *e);

/* The file that goes on, or NULL; valid until the next one. */
const char *follow_next(struct follow *f);

/* Records from now on are those of the end, and are not printed. */
void follow_end(struct follow *f);
/* The highest severity of the alerts that were printed; -1: none. */
int follow_worst(const struct follow *f);

#endif
