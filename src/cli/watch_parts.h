/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of `sawatch -i …` share: watch_begin.c opens everything, watch.c is the loop. */
#ifndef SAWATCH_CLI_WATCH_PARTS_H
#define SAWATCH_CLI_WATCH_PARTS_H

#include <signal.h>
#include <time.h>

#include <sawatch/live.h>
#include <sawatch/readiness.h>
#include <sawatch/source.h>
#include <sawatch/store.h>
#include <sawatch/store_images.h>

#include "cli/capture_clock.h"
#include "cli/cli.h"
#include "cli/outputs.h"
#include "cli/pipeline.h"
#include "cli/read.h"
#include "cli/ring_readers.h"
#include "cli/store_news.h"
#include "cli/watch_lines.h"

struct watch {
	struct read_options *options;
	struct settings settings;	/* in effect; SIGHUP changes them */
	struct readiness manager;
	struct live *live;
	struct ring_readers *readers;	/* NULL: this thread reads */
	struct store *store;		/* NULL without --db */
	struct pipeline *pipeline;
	struct watch_lines *lines;
	struct outputs *outputs;
	struct frame_writer *writer;	/* -w */
	struct capture_clock clock;
	uint32_t capture;
	int signals;
	sigset_t mask_before;
	nsec began, next_tick, next_flush, next_status;	/* monotonic */
	struct store_news store_news;
	nsec looked_at;			/* capture clock of the latest look for losses */
	nsec opened;			/* time of day: packets are caught from then on */
	/* capture clock: no interface is there to see anything; NSEC_NONE */
	nsec blind_since;
	uint64_t lost;			/* by then */
	uint64_t left;			/* packets, of -c */
	bool stopping, failed, store_failing;
};

/* Time that no clock adjustment changes. */
static inline nsec watch_monotonic(void)
{
	struct timespec now;

	/* goes on while the machine sleeps, as packet time does */
	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * NSEC_PER_S + now.tv_nsec;
}

/* False: `e` says what cannot be had.  What was opened by then is closed by watch_run(). */
bool watch_begin(struct watch *w, struct err *e);

#endif
