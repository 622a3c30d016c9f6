/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The layers connected to each other, and frames passed into them. */
#include "cli/pipeline_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <sawatch/memory.h>

enum {
	/* reading a file waits for the disk: a larger backlog would only cost cache */
	FILE_BACKLOG_BYTES = 8 << 20,
	WATCH_HEAP_BYTES = 1536 << 10,	/* for what months of watching allocate */
};

/* Enough for a busy gateway's fragments, and a ceiling for a flood of them (DESIGN 1.3). */
static const struct reassemble_limits limits = {
	.datagrams = 1024, .bytes = 16 << 20, .streams = 1024, .timeout = 30 * NSEC_PER_S,
};

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

	p->sink = pipeline_sink(p);

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

void pipeline_expected_known(const struct pipeline *p, bool known[])
{
	for (size_t i = 0; p->detect && i < detect_expected(p->detect); i++)
		known[i] |= detect_expected_known(p->detect, i);
}

void pipeline_expected_elsewhere(struct pipeline *p, const bool known[])
{
	for (size_t i = 0; p->detect && i < detect_expected(p->detect); i++)
		if (known[i])
			detect_expected_elsewhere(p->detect, i);
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

/* Before frames of which the first is of this time. */
static void expect_frames(struct pipeline *p, uint32_t capture, nsec first)
{
	if (p->misses)
		detect_advance(p->detect, p->tracker, capture, first);
}

/* After frames of which the last is of this time. */
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

/* a rotated file begins with the next packet: a little out of order, or after a lull */
#define ROTATED_OVERLAP NSEC_PER_S
#define ROTATED_LULL (300 * NSEC_PER_S)

bool pipeline_overlaps(const struct pipeline *p, nsec first_at)
{
	return p->latest != NSEC_NONE && first_at != NSEC_NONE &&
	       first_at < p->latest - ROTATED_OVERLAP;
}

bool pipeline_continues(const struct pipeline *p, nsec first_at)
{
	return p->latest == NSEC_NONE || first_at == NSEC_NONE ||
	       (!pipeline_overlaps(p, first_at) && first_at <= p->latest + ROTATED_LULL);
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
