/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When records go to the history: at a flush, at the end of a capture, at the end of all. */
#include "cli/pipeline_parts.h"

#include <stdlib.h>

#include <sawatch/report.h>

#include "cli/capture_row.h"

enum {
	FLUSH_SLOTS = 512,		/* objects given at once to a backlog with little room */
	LAST_PATIENCE_MS = 10000,	/* for the disk, when watching ends */
};

static uint64_t alerts_left_out(const struct pipeline *p)
{
	return p->detect ? detect_alerts_left_out(p->detect) : 0;
}

static void count_capture(const struct pipeline *p, struct capture_counts *ret)
{
	tracker_counters(p->tracker, &ret->tracker);
	pipeline_store_counters(p, &ret->stored);
	ret->alerts_left_out = alerts_left_out(p) - p->alerts_left_out;
}

static void write_capture(struct pipeline *p, const struct record_capture *base, uint16_t link_type,
			  const char *left_out, const struct capture_counts *c)
{
	struct capture_row row;

	capture_row_fill(&row, base, link_type, left_out, c, p->settings);
	pipeline_put_capture(p, &row.record);
}

/* Counts of captures that are over may have changed since: those rows are written again. */
static void write_captures_again(struct pipeline *p)
{
	ended_captures_alerts_left_out(&p->ended, alerts_left_out(p) - p->alerts_left_out);
	for (size_t i = 0; i < p->ended.n; i++) {
		const struct ended_capture *c = &p->ended.list[i];

		if (c->changed)
			write_capture(p, &c->base, c->link_type, c->left_out, &c->counts);
	}
}

void pipeline_end_capture(struct pipeline *p, uint32_t id, const struct source_info *info,
			  const char *left_out)
{
	/* a file name is bytes, but a column of the history is text */
	char *name = report_printable(info->name);
	const struct record_capture base = {
		.id = id, .name = name, .kind = "file", .fingerprint = info->fingerprint,
		.size = info->size_bytes, .dropped = info->dropped,
	};
	struct capture_counts counts;

	count_capture(p, &counts);
	write_capture(p, &base, info->link_type, left_out, &counts);
	ended_captures_add(&p->ended, &base, info->link_type, left_out, &counts);
	free(name);
	tracker_counters_reset(p->tracker);
	p->alerts_left_out = alerts_left_out(p);
}

/* What the backlog has no room for stays marked as changed, and is written the next time. */
static void flush_tracker(struct pipeline *p, bool all)
{
	if (!p->writer || all) {
		tracker_flush(p->tracker);
		return;
	}
	if (store_writer_wants_all(p->writer))
		tracker_mark_all(p->tracker);
	while (store_writer_has_room(p->writer) && !tracker_flush_part(p->tracker, FLUSH_SLOTS))
		;
}

bool pipeline_flush(struct pipeline *p, const struct interface_capture *c, struct err *e)
{
	const struct record_capture base = {
		.id = c->id, .name = c->name, .kind = "interface", .size = RECORD_UNKNOWN,
		.dropped = (int64_t)c->dropped, .complete = c->over && !c->left_out,
	};
	struct capture_counts counts;

	if (p->detect)
		/* first: the rows of tunnels say how ill their alerts make them */
		detect_flush(p->detect, p->tracker);
	flush_tracker(p, c->over);
	if (p->resume && p->writer)
		resume_save(p->resume, p->writer, c->over, LAST_PATIENCE_MS);
	if (p->writer && p->expected)
		inventory_rows_tick(&p->inventory_rows, p->expected, p->writer);
	if (p->writer && !c->over)
		retain_tick(&p->retain, p->settings, p->writer);
	count_capture(p, &counts);
	write_capture(p, &base, c->link_type, c->left_out, &counts);
	if (!p->writer)
		return true;
	if (c->over)
		return store_writer_drain(p->writer, LAST_PATIENCE_MS, e);
	store_writer_commit(p->writer);
	return store_writer_news(p->writer, e);
}

bool pipeline_tell(struct pipeline *p, struct err *e)
{
	if (p->detect)
		detect_flush(p->detect, p->tracker);
	tracker_flush(p->tracker);
	if (!p->writer)
		return true;
	store_writer_commit(p->writer);
	return store_writer_news(p->writer, e);
}

bool pipeline_settle(struct pipeline *p, struct err *e)
{
	return !p->writer || store_writer_drain(p->writer, -1, e);
}

/*
 * All that lives is told now, and memory is at its peak.  So without a history, where no row waits
 * for another, it is told once, and after what the detectors remember was given back.
 */
static void settle_all(struct pipeline *p)
{
	p->finishing = true;
	tracker_leave(p->tracker);
	tracker_end(p->tracker);
	if (p->writer)
		tracker_flush(p->tracker);
	if (p->detect) {
		detect_finish(p->detect, p->tracker);
		detect_leave(p->detect);
	}
	p->finishing = false;
	tracker_flush(p->tracker);
}

bool pipeline_finish(struct pipeline *p, struct err *e)
{
	bool ok;

	if (p->resume) {		/* living SAs go on with the next run */
		if (p->detect) {
			detect_ask(p->detect, p->tracker);
			detect_flush(p->detect, p->tracker);
		}
		tracker_flush(p->tracker);
		resume_save(p->resume, p->writer, true, -1);
	} else {
		settle_all(p);
	}
	write_captures_again(p);
	ok = pipeline_settle(p, e);
	for (size_t i = 0; ok && p->store && i < p->ended.n_whole; i++)
		ok = store_capture_complete(p->store, p->ended.whole[i], e);
	return ok && (!p->store || store_commit(p->store, e));
}
