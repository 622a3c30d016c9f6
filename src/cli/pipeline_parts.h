/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the pipeline share: pipeline.c connects the layers and passes frames in,
 * pipeline_records.c passes records out, pipeline_flush.c says when they go to the history.
 */
#ifndef SAWATCH_CLI_PIPELINE_PARTS_H
#define SAWATCH_CLI_PIPELINE_PARTS_H

#include <sawatch/detect.h>
#include <sawatch/reassemble.h>
#include <sawatch/record.h>

#include "cli/ended_captures.h"
#include "cli/inventory_rows.h"
#include "cli/pipeline.h"
#include "cli/retain.h"

struct pipeline {
	const struct settings *settings;
	struct tracker *tracker;
	struct detect *detect;		/* NULL: recording only */
	const struct expected *expected;	/* NULL: no inventory was given */
	bool misses;			/* an expected tunnel that is not seen is an alert */
	struct reassembler *reassembler;
	struct resume *resume;		/* NULL: every SA ends with this run */

	struct record_sink sink;	/* of tracker and detectors; the detectors borrow it */
	struct store *store;		/* NULL: there is no history */
	struct store_writer *writer;	/* NULL without a store */
	struct record_sink to_store;	/* that of the writer */
	struct record_sink also;	/* the caller's */
	struct retain retain;
	struct inventory_rows inventory_rows;

	nsec latest;			/* time of the latest frame; NSEC_NONE before the first */
	bool handed_over;		/* the latest frame went to the reassembler */
	uint32_t tunnel_hint;		/* where the search for a tunnel's index begins */
	bool finishing;			/* rows of tunnels wait for the detectors' last judgement */
	struct ended_captures ended;
	uint64_t alerts_left_out;	/* by the detectors, before the running capture began */
};

/* Where tracker and detectors put their records: the store, if there is one, and p->also. */
struct record_sink pipeline_sink(struct pipeline *p);

/* The same, for the record of a capture, which the pipeline makes itself. */
void pipeline_put_capture(struct pipeline *p, const struct record_capture *r);

#endif
