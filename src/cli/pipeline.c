/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <sawatch/detect.h>
#include <sawatch/memory.h>
#include <sawatch/reassemble.h>
#include <sawatch/report.h>
#include <sawatch/track.h>

#include "cli/capture_row.h"
#include "cli/ended_captures.h"
#include "cli/inventory_rows.h"
#include "cli/retain.h"

enum {
	/* where reading waits for the disk, more would only cost cache */
	FILE_BACKLOG_BYTES = 8 << 20,
	WATCH_HEAP_BYTES = 1536 << 10,	/* for what months of watching allocate now and then */
	FLUSH_SLOTS = 512,		/* objects told at once to a backlog that may become full */
	LAST_PATIENCE_MS = 10000,	/* for the disk, when watching ends */
};

/* Enough for a busy gateway's fragments, and a ceiling for a flood of them (DESIGN 1.3). */
static const struct reassemble_limits limits = {
	.datagrams = 1024, .bytes = 16 << 20, .streams = 1024, .timeout = 30 * NSEC_PER_S,
};

struct pipeline {
	struct store *store;
	struct store_writer *writer;	/* NULL without a store */
	struct record_sink to_store;
	struct tracker *tracker;
	struct detect *detect;	/* NULL: recording only */
	bool misses;		/* expected tunnels that do not come */
	const struct expected *expected;	/* NULL: nothing was said of it */
	struct retain retain;
	struct inventory_rows inventory_rows;
	const struct settings *settings;
	struct resume *resume;	/* NULL: what lives ends with this run */
	struct reassembler *reassembler;
	struct record_sink sink;	/* to the store; the detectors borrow it */
	struct record_sink also;
	nsec latest;		/* time of the latest frame; NSEC_NONE before the first */
	uint32_t tunnel_hint;	/* where the next tunnel's index is looked for first */
	bool finishing;		/* how tunnels are is known after the last judgement */
	bool handed_over;	/* the latest frame went to the reassembler */
	struct ended_captures ended;
	uint64_t alerts_left_out;	/* until the capture that is read began */
};

/* ---- records on their way ---- */

/* To the history, when there is one, and to whoever else listens. */
#define PASS_ON(kind)                                                             \
	static void pass_on_##kind(void *user, const struct record_##kind *r)     \
	{                                                                         \
		struct pipeline *p = user;                                        \
                                                                                  \
		if (p->writer)                                                    \
			p->to_store.kind(p->to_store.user, r);                    \
		if (p->also.kind)                                                 \
			p->also.kind(p->also.user, r);                            \
	}

PASS_ON(capture)
PASS_ON(tunnel)
PASS_ON(ike_sa)
PASS_ON(esp_sa)
PASS_ON(child_sa)
PASS_ON(exchange)
PASS_ON(event)
PASS_ON(alert)
PASS_ON(traffic)

/* The tracker flushes in the order of indices, so the search ends at its first step. */
static uint32_t tunnel_index(struct pipeline *p, object_id id)
{
	uint32_t n = tracker_tunnels(p->tracker);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t index = (p->tunnel_hint + i) % n;
		const struct tunnel *t = tracker_tunnel(p->tracker, index);

		if (t && t->id == id) {
			p->tunnel_hint = index + 1;
			return index;
		}
	}
	return NO_INDEX;
}

/* With the next flush; false: the tracker knows no such tunnel. */
static bool tell_again(struct pipeline *p, object_id tunnel)
{
	uint32_t index = tunnel != 0 ? tunnel_index(p, tunnel) : NO_INDEX;

	if (index != NO_INDEX)
		tracker_touch(p->tracker, index);
	return index != NO_INDEX;
}

/*
 * A silent tunnel is less ill, or more, when an alert about it says so: its row is written again.
 */
static void put_alert(void *user, const struct record_alert *r)
{
	struct pipeline *p = user;

	tell_again(p, r->tunnel);
	pass_on_alert(p, r);
}

/* The tracker knows how a tunnel is; the detectors know how ill. */
static void pass_on_judged(struct pipeline *p, const struct record_tunnel *r)
{
	struct record_tunnel judged = *r;
	uint32_t index = tunnel_index(p, r->id);

	if (p->detect && index != NO_INDEX) {
		judged.state = detect_tunnel_state(p->detect, p->tracker, index, &judged.since);
		judged.alerts = detect_tunnel_alerts(p->detect, index);
	}
	pass_on_tunnel(p, &judged);
}

static void put_tunnel(void *user, const struct record_tunnel *r)
{
	struct pipeline *p = user;

	/* one that is missed is known to the detectors only */
	if (!p->finishing || !tell_again(p, r->id))
		pass_on_judged(p, r);
}

/* ---- between tracker, detectors and reassembler ---- */

static void on_event(void *user, const struct tracker *t, const struct event *ev)
{
	struct pipeline *p = user;

	if (p->detect)
		detect_observe(p->detect, t, ev);
}

static void on_told_late(void *user, object_id tunnel)
{
	struct pipeline *p = user;

	ended_captures_tunnel_told(&p->ended, tunnel);
}

static void on_fragment(void *user, const struct frame *f, const struct packet *packet)
{
	struct pipeline *p = user;

	p->handed_over = true;
	reassemble_fragment(p->reassembler, f, packet);
}

static void on_segment(void *user, const struct frame *f, const struct packet *packet)
{
	struct pipeline *p = user;

	p->handed_over = true;
	reassemble_segment(p->reassembler, f, packet);
}

static void on_whole(void *user, const struct frame *f, const struct packet *whole)
{
	struct pipeline *p = user;

	tracker_packet(p->tracker, f, whole);
}

static void on_message(void *user, const struct frame *f, const struct packet *packet,
		       uint16_t src_port, uint16_t dst_port, bool is_ike, struct bytes message)
{
	struct pipeline *p = user;

	tracker_message(p->tracker, f, packet, src_port, dst_port, is_ike, message);
}

static bool is_known(void *user, struct addr a, struct addr b)
{
	struct pipeline *p = user;

	return tracker_knows(p->tracker, a, b);
}

static void on_missing(void *user, nsec at, const struct packet *first_seen, uint64_t frame,
		       uint32_t bytes_seen)
{
	struct pipeline *p = user;

	(void)bytes_seen;
	tracker_fragment_missing(p->tracker, at, first_seen, frame);
}

static bool open_writer(struct pipeline *p, const struct settings *settings,
			enum store_writer_mode mode, struct err *e)
{
	size_t bytes = mode == STORE_WRITER_WAITS ? FILE_BACKLOG_BYTES
						  : (size_t)settings->store_backlog_mb << 20;

	if (!p->store)
		return true;
	store_wal_limit(p->store,
			mode == STORE_WRITER_WAITS ? 0 : (uint64_t)settings->store_wal_mb << 20);
	if (!store_writer_open(&p->writer, p->store, mode, bytes, e))
		return false;
	p->to_store = store_writer_sink(p->writer);
	return true;
}

bool pipeline_key(struct hash_key *ret, struct err *e)
{
	static struct hash_key key;
	static bool drawn;

	drawn = drawn || getrandom(&key, sizeof(key), 0) == (ssize_t)sizeof(key);
	*ret = key;
	return drawn || err_set(e, "random numbers: the system gives none; "
				   "they key the tables against floods");
}

const struct hash_key *pipeline_tracker_key(const struct pipeline *p)
{
	return tracker_key(p->tracker);
}

bool pipeline_open(struct pipeline **ret, const struct settings *settings, struct store *store,
		   enum store_writer_mode mode, const struct record_sink *also, struct err *e)
{
	struct pipeline *p = calloc(1, sizeof(*p));
	struct hash_key key;

	memory_or_end(p);
	*ret = p;
	p->store = store;
	p->settings = settings;
	if (also)
		p->also = *also;
	p->latest = NSEC_NONE;

	p->sink = (struct record_sink){
		.user = p, .tunnel = put_tunnel, .ike_sa = pass_on_ike_sa, .esp_sa = pass_on_esp_sa,
		.child_sa = pass_on_child_sa, .exchange = pass_on_exchange, .event = pass_on_event,
		.alert = put_alert, .traffic = pass_on_traffic,
	};
	struct tracker_handler handler = {
		.user = p, .event = on_event, .sink = p->sink, .fragment = on_fragment,
		.segment = on_segment, .told_late = on_told_late,
	};
	struct reassemble_handler whole = {
		.user = p, .packet = on_whole, .message = on_message, .missing = on_missing,
		.known = is_known,
	};

	if (!pipeline_key(&key, e))
		return false;
	p->tracker = tracker_new(settings, &key, &handler);
	p->detect = detect_new(settings, &p->sink);
	if (!p->tracker || !p->detect)
		return err_set(e, "memory: too little for the tables; make them smaller: "
				  "--set table.esp_sas=65536");
	p->reassembler = reassembler_open(&limits, &whole, e);
	return p->reassembler != NULL && open_writer(p, settings, mode, e);
}

bool pipeline_expect(struct pipeline *p, const struct expected *x, bool whole, struct err *e)
{
	p->misses = whole;
	p->expected = x;
	return detect_expect(p->detect, x) ||
	       err_set(e, "memory: too little for the tables; make them smaller: "
			  "--set table.tunnels=1024");
}

bool pipeline_resume(struct pipeline *p, const char *source, uint32_t capture, nsec at, nsec lull,
		     struct resumed *ret, struct err *e)
{
	p->resume = resume_open(source, p->tracker, p->detect);
	if (!resume_load(p->resume, p->store, capture, at, lull, ret, e))
		return false;
	if (ret->from != NSEC_NONE && !ret->backwards)
		p->latest = ret->from;
	memory_keep(WATCH_HEAP_BYTES);	/* last: the tables have taken what they need */
	return true;
}

void pipeline_settings_changed(struct pipeline *p)
{
	if (p->detect)
		detect_settings_changed(p->detect);
}

bool pipeline_expect_again(struct pipeline *p, const struct expected *x)
{
	if (p->detect && !detect_expect_again(p->detect, p->tracker, x))
		return false;
	p->expected = x;
	p->inventory_rows.due = true;
	return true;
}

void pipeline_no_detect(struct pipeline *p)
{
	detect_free(p->detect);
	p->detect = NULL;
	p->misses = false;
}

void pipeline_without_details(struct pipeline *p)
{
	tracker_without_details(p->tracker);
}

/* Before and after frames of these times. */
static void expect_frames(struct pipeline *p, uint32_t capture, nsec first)
{
	if (p->misses)
		detect_advance(p->detect, p->tracker, capture, first);
}

static void had_frames(struct pipeline *p, nsec last)
{
	reassemble_tick(p->reassembler, last);
	if (last > p->latest)
		p->latest = last;
}

void pipeline_frames(struct pipeline *p, const struct frame *frames, size_t n)
{
	if (n == 0)
		return;
	expect_frames(p, frames[0].capture, frames[0].at);
	tracker_frames(p->tracker, frames, n);
	had_frames(p, frames[n - 1].at);
}

void pipeline_prepared(struct pipeline *p, const struct prepared *prepared)
{
	if (prepared->n == 0)
		return;
	expect_frames(p, prepared->capture, prepared->list[0].at);
	tracker_prepared(p->tracker, prepared);
	had_frames(p, prepared->list[prepared->n - 1].at);
}

bool pipeline_continues(const struct pipeline *p, nsec first_at)
{
	/* a rotated file begins with the next packet: a little out of order, or after a lull */
	const nsec overlap = NSEC_PER_S, lull = 300 * NSEC_PER_S;

	return p->latest == NSEC_NONE || first_at == NSEC_NONE ||
	       (first_at >= p->latest - overlap && first_at <= p->latest + lull);
}

void pipeline_advance(struct pipeline *p, uint32_t capture, nsec now)
{
	if (p->misses)
		detect_advance(p->detect, p->tracker, capture, now);
	tracker_advance(p->tracker, now);
	reassemble_tick(p->reassembler, now);
}

void pipeline_note(struct pipeline *p, uint32_t capture, nsec at, const char *kind,
		   const char *text)
{
	tracker_note(p->tracker, capture, at, kind, text);
}

void pipeline_unwatched(struct pipeline *p, nsec from, nsec to)
{
	if (tracker_now(p->tracker) != NSEC_NONE)
		tracker_unwatched(p->tracker, from, to);
}

void pipeline_dropped(struct pipeline *p, nsec from, uint64_t n)
{
	nsec now = tracker_now(p->tracker);

	if (now != NSEC_NONE)
		tracker_dropped(p->tracker, from != NSEC_NONE && from < now ? from : now, now, n);
}

void pipeline_counters(const struct pipeline *p, struct tracker_counters *ret)
{
	tracker_counters(p->tracker, ret);
}

void pipeline_fill(const struct pipeline *p, struct tracker_fill ret[TRACKER_TABLES])
{
	tracker_fill(p->tracker, ret);
}

void pipeline_tunnel_states(const struct pipeline *p, unsigned ret[TUNNEL_FLAPPING + 1])
{
	memset(ret, 0, (TUNNEL_FLAPPING + 1) * sizeof(ret[0]));
	for (uint32_t i = 0; i < tracker_tunnels(p->tracker); i++)
		if (tracker_tunnel(p->tracker, i))
			ret[p->detect ? detect_tunnel_state(p->detect, p->tracker, i, NULL)
				      : tracker_tunnel(p->tracker, i)->state]++;
}

void pipeline_store_counters(const struct pipeline *p, struct store_writer_counters *ret)
{
	*ret = (struct store_writer_counters){ 0 };
	if (p->writer)
		store_writer_counters(p->writer, ret);
}

/* What the tracker has counted as IPsec, or as damaged IPsec, so far. */
static uint64_t relevant(const struct pipeline *p)
{
	struct tracker_counters c;

	tracker_counters(p->tracker, &c);
	return c.ike_messages + c.esp_packets + c.ah_packets + c.keepalives + c.icmp_errors +
	       c.duplicates + c.malformed;
}

bool pipeline_frame_matters(struct pipeline *p, const struct frame *f)
{
	uint64_t before = relevant(p);

	p->handed_over = false;
	pipeline_frames(p, f, 1);
	return p->handed_over || relevant(p) != before;
}

/* ---- rows of captures, and the end ---- */

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
	pass_on_capture(p, &row.record);
}

/* What was settled since they were over makes some rows of captures untrue: those are told anew. */
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
	/* file names are bytes, and who asks the history expects text */
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

/* What the backlog has no room for stays changed, and is told the next time. */
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
		/* first: tunnels are as ill as their alerts */
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

static void settle_all(struct pipeline *p)
{
	p->finishing = true;
	tracker_finish(p->tracker, true);
	if (p->detect)
		detect_finish(p->detect, p->tracker);
	p->finishing = false;
	tracker_flush(p->tracker);
}

bool pipeline_finish(struct pipeline *p, struct err *e)
{
	bool ok;

	if (p->resume) {		/* what lives goes on with the next run */
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

void pipeline_close(struct pipeline *p)
{
	if (!p)
		return;
	store_writer_close(p->writer);
	inventory_rows_done(&p->inventory_rows);
	resume_close(p->resume);
	reassembler_close(p->reassembler);
	detect_free(p->detect);
	tracker_free(p->tracker);
	ended_captures_done(&p->ended);
	free(p);
}
