/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Going on where the last run of the same source stopped.  While a run goes on,
 * images of its tunnels are written to the history; the next run restores them.
 * An SA or alert that cannot be restored ends for an unknown reason.
 */
#ifndef SAWATCH_CLI_RESUME_H
#define SAWATCH_CLI_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/detect.h>
#include <sawatch/err.h>
#include <sawatch/nsec.h>
#include <sawatch/store_images.h>
#include <sawatch/store_writer.h>
#include <sawatch/track.h>

struct resume;

/* `source` is copied; tracker and detectors (NULL: none) must outlive it.  NULL without memory. */
struct resume *resume_open(const char *source, struct tracker *tracker, struct detect *detect);
void resume_close(struct resume *r);	/* after the writer's end; accepts NULL */

/*
 * Before the first frame of `capture`, which comes at `at`.  A time since the
 * last moment of the history that is longer than `lull` was not watched.
 * `store` is the caller's meanwhile (store_writer.h).  False, with the reason,
 * when the history cannot be read or written.
 */
struct resumed {
	nsec from;		/* the last moment before; NSEC_NONE: nothing was before */
	bool backwards;		/* `at` is before that: nothing came back */
	size_t tunnels, alerts;	/* that came back */
	size_t given_up;	/* SAs and alerts */
};
bool resume_load(struct resume *r, struct store *s, uint32_t capture, nsec at, nsec lull,
		 struct resumed *ret, struct err *e);

/*
 * Behind a flush: images of what changed on their way to the history.  `all`
 * of them when watching ends; then it waits for the disk, `patience_ms` at most.
 */
void resume_save(struct resume *r, struct store_writer *writer, bool all, int patience_ms);

#endif
