/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One run over captures: from the paths that were given to a history of all that is in them. */
#ifndef SAWATCH_CLI_READING_H
#define SAWATCH_CLI_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <sawatch/hash.h>
#include <sawatch/report.h>
#include <sawatch/source.h>
#include <sawatch/store.h>

#include "cli/follow.h"
#include "cli/pipeline.h"
#include "cli/progress.h"
#include "cli/read.h"
#include "cli/read_ahead.h"
#include "cli/read_options.h"

struct reading {
	const struct read_options *options;
	const struct read_teller *teller;	/* NULL: the diagnosis */
	struct store *store;
	/* takes the records as they come, and there is no store; NULL: the store does */
	struct diagnosis *diagnosis;
	/* of the captures that follow each other; NULL between series */
	struct pipeline *pipeline;
	struct frame_writer *writer;	/* -w; opened with the link type of the first capture */
	struct follow *follow;		/* --follow; NULL: not wanted */
	bool following;			/* its file is being read */
	struct read_ahead *ahead;	/* --workers; NULL: one thread does all */
	struct source_options source_options;
	struct source *source;		/* without `ahead`: the capture at hand */
	struct hash_key key;
	struct progress progress;
	uint32_t *captures;		/* ids, for the report */
	char (*fingerprints)[33];	/* theirs; without a store they are told apart by that */
	size_t n_captures, captures_room;
	/* expected tunnels that captures before this series saw, or missed; NULL: none is over */
	bool *expected_known;
	uint64_t left;			/* packets, of -c */
	/* --resume: the pipeline has what the last run left living */
	bool resumed;
	bool told_of_overlap;		/* that captures of the same time are not joined */
	bool input_failed, failed;
	bool store_failed;		/* what the database holds of this run is not all */
	bool writer_failed;
};

/* Where words go: packets on standard output leave no room for them there. */
FILE *reading_words(const struct read_options *o);

/* Is nothing wanted but the diagnosis, which has no use for events, exchanges and traffic? */
bool reading_only_diagnoses(const struct reading *r);

/*
 * Do the records go to the diagnosis as they come?  What is followed tells of each event as well.
 */
bool reading_needs_no_store(const struct reading *r);

/* The captures to read, in order, for source_list_free(); NULL: none, complained already. */
char **reading_list(struct reading *r);

/*
 * All of the list, to the end or until interrupted.  What went wrong was complained of and is noted
 * in `r`.
 */
void reading_all(struct reading *r, char **list);

/* Frees what it holds; the store too, which is not complained of any more. */
void reading_done(struct reading *r);

#endif
