/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the operator is told of a history that cannot be written, or not fast enough. */
#ifndef SAWATCH_CLI_STORE_NEWS_H
#define SAWATCH_CLI_STORE_NEWS_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/nsec.h>
#include <sawatch/store_writer.h>

/* Zero before the first use. */
struct store_news {
	bool failing;
	uint64_t retries;	/* before it began to fail */
	uint64_t told_lost;
	nsec next_complaint;	/* monotonic, as `now` */
};

/*
 * After each flush: complains when trouble begins, once a minute while it lasts, and when it is
 * over.
 */
void store_news_note(struct store_news *n, const char *database, bool ok, const struct err *e,
		     const struct store_writer_counters *c, nsec now);

/* Records that will never be in the history. */
uint64_t store_news_lost(const struct store_writer_counters *c);

/* For the line that SIGUSR1 prints; empty without a history. */
enum { STORE_NEWS_STATE_MAX = 160 };
const char *store_news_state(const struct store_writer_counters *c, char ret[STORE_NEWS_STATE_MAX]);

#endif
