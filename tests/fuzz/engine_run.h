/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The whole core with the reassembler, fed by the conversations of
 * tests/track/talk.h.  Every frame that these give passes through here, so
 * that the network and the tap can do to it what they do: lose it, copy it,
 * cut it, break it into fragments, damage it.
 */
#ifndef SAWATCH_TESTS_FUZZ_ENGINE_RUN_H
#define SAWATCH_TESTS_FUZZ_ENGINE_RUN_H

#include <sawatch/detect.h>
#include <sawatch/reassemble.h>
#include <sawatch/track.h>

static void engine_frames(struct tracker *t, const struct frame *f, size_t n);

#define tracker_frames engine_frames	/* watch.h gives its frames with it */
#include "track/talk.h"
#undef tracker_frames

enum tap {
	TAP_WHOLE, TAP_LOST, TAP_MIRRORED, TAP_SENT_AGAIN, TAP_CUT, TAP_FRAGMENTS,
	TAP_FRAGMENT_LOST, TAP_DAMAGED,
};

struct engine {
	struct watch w;		/* first: the handlers of watch.h get it */
	struct detect *detect;
	struct reassembler *reassembler;
	struct record_sink alerts;
	enum tap tap;		/* what happens to the next frames */
	uint32_t capture;	/* that they are of */
	uint8_t tap_where;
	uint16_t ip_id;
};

static struct engine *engine;	/* of this input: engine_frames() is told its tracker only */

/* ---- one frame ------------------------------------------------------------- */

static void deliver(const uint8_t *ip, size_t captured, size_t length)
{
	uint8_t *copy = malloc(captured > 0 ? captured : 1);

	assert_non_null(copy);
	memcpy(copy, ip, captured);

	struct frame f = {
		.at = engine->w.now, .number = ++engine->w.frames, .capture = engine->capture,
		.captured = (uint32_t)captured,
		.length = (uint32_t)length, .link_type = LINK_RAW, .data = copy,
	};

	tracker_frames(engine->w.tracker, &f, 1);
	if (engine->reassembler)
		reassemble_tick(engine->reassembler, f.at);
	free(copy);
}

/* Two IPv4 fragments (RFC 791 3.2); the second may be lost. */
static void deliver_fragments(const uint8_t *ip, size_t length, size_t first, bool lose)
{
	uint8_t part[600];
	size_t header = 20, cut = first * 8;

	if (length <= header + 8 || ip[0] != 0x45 || length > sizeof(part)) {
		deliver(ip, length, length);
		return;
	}
	if (cut == 0 || cut >= length - header)
		cut = 8;
	memcpy(part, ip, header + cut);
	put16(part + 2, (unsigned)(header + cut));
	put16(part + 6, 0x2000);
	deliver(part, header + cut, header + cut);
	if (lose)
		return;
	memcpy(part, ip, header);
	memcpy(part + header, ip + header + cut, length - header - cut);
	put16(part + 2, (unsigned)(length - cut));
	put16(part + 6, (unsigned)(cut / 8));
	deliver(part, length - cut, length - cut);
}

static void engine_frames(struct tracker *t, const struct frame *f, size_t n)
{
	uint8_t ip[600];
	size_t length = f->captured, where = engine->tap_where;

	(void)t, (void)n;
	assert_true(length <= sizeof(ip));
	memcpy(ip, f->data, length);
	if (length >= 20 && ip[0] >> 4 == 4)
		put16(ip + 4, ++engine->ip_id);
	switch (engine->tap) {
	case TAP_LOST:
		break;
	case TAP_MIRRORED:
		deliver(ip, length, length);
		pass(&engine->w, (nsec)where * 10 * NSEC_PER_MS / 1000);
		deliver(ip, length, length);
		break;
	case TAP_SENT_AGAIN:
		deliver(ip, length, length);
		pass(&engine->w, (nsec)where * 20 * NSEC_PER_MS);
		if (length >= 20)
			put16(ip + 4, ++engine->ip_id);
		deliver(ip, length, length);
		break;
	case TAP_CUT:
		deliver(ip, length * where / 256, length);
		break;
	case TAP_FRAGMENTS:
		deliver_fragments(ip, length, where, false);
		break;
	case TAP_FRAGMENT_LOST:
		deliver_fragments(ip, length, where, true);
		break;
	case TAP_DAMAGED:
		if (length > 0)
			ip[length * where / 256] ^= (uint8_t)(where | 1);
		deliver(ip, length, length);
		break;
	case TAP_WHOLE:
		deliver(ip, length, length);
		break;
	}
}

/* ---- what is told ---------------------------------------------------------- */

static void engine_event(void *user, const struct tracker *t, const struct event *ev)
{
	watch_event(user, t, ev);
	detect_observe(engine->detect, t, ev);
}

/* What is told before the first frame belongs to no capture, and has numbers of its own. */
static void engine_history(void *user, const struct record_event *r)
{
	if (r->capture != 0)
		watch_history(user, r);
}

static void must_be_printable(const char *text)
{
	assert_non_null(text);
	assert_true(text[0] != '\0');
	for (const char *c = text; *c; c++)
		assert_true(*c >= ' ' && *c <= '~');
}

static void engine_alert(void *user, const struct record_alert *r)
{
	struct watch *w = user;

	must_be_printable(r->code);
	must_be_printable(r->summary);
	assert_non_null(detect_page(r->code));
	assert_int_not_equal((uint32_t)r->id, 0);
	assert_true(r->first != NSEC_NONE && r->first <= r->last);
	assert_true(r->count > 0);
	assert_true(r->cleared == (r->cleared_at != NSEC_NONE));
	assert_true(r->n_frames <= RECORD_FRAMES_MAX);
	for (size_t i = 0; i < r->n_frames; i++)
		assert_in_range(r->frames[i], 1, w->frames);
	for (size_t i = 0; i < r->n_evidence; i++)
		must_be_printable(r->evidence[i].name);
	for (size_t i = 0; i < r->n_actions; i++)
		must_be_printable(r->actions[i].text);
	for (const char *c = r->summary; *c; c++)
		fold(w, *c);
	fold(w, (int64_t)r->id), fold(w, r->severity), fold(w, r->count), fold(w, r->raised),
		fold(w, r->cleared_at);
}

static void engine_whole(void *user, const struct frame *f, const struct packet *whole)
{
	(void)user;
	tracker_packet(engine->w.tracker, f, whole);
}

static void engine_message(void *user, const struct frame *f, const struct packet *p,
			   uint16_t src_port, uint16_t dst_port, bool is_ike, struct bytes message)
{
	(void)user;
	tracker_message(engine->w.tracker, f, p, src_port, dst_port, is_ike, message);
}

static void engine_missing(void *user, nsec at, const struct packet *first_seen, uint64_t frame,
			   uint32_t bytes_seen)
{
	(void)user, (void)bytes_seen;
	tracker_fragment_missing(engine->w.tracker, at, first_seen, frame);
}

static bool engine_known(void *user, struct addr a, struct addr b)
{
	(void)user;
	return tracker_knows(engine->w.tracker, a, b);
}

/* Its tables are the largest of all: only for inputs that need them. */
static struct reassembler *engine_reassembler(void)
{
	static const struct reassemble_limits limits = { .datagrams = 1, .bytes = 1, .streams = 1 };
	const struct reassemble_handler whole = {
		.user = engine, .packet = engine_whole, .message = engine_message,
		.missing = engine_missing,
		.known = engine_known,
	};
	struct err e = { "" };

	if (!engine->reassembler)
		engine->reassembler = reassembler_open(&limits, &whole, &e);
	assert_non_null(engine->reassembler);
	return engine->reassembler;
}

static void engine_fragment(void *user, const struct frame *f, const struct packet *p)
{
	(void)user;
	reassemble_fragment(engine_reassembler(), f, p);
}

static void engine_segment(void *user, const struct frame *f, const struct packet *p)
{
	(void)user;
	reassemble_segment(engine_reassembler(), f, p);
}

/* ---- life ------------------------------------------------------------------ */

/* Tables as small as their limits allow, so that they fill up; twice as large by wish. */
static void engine_open(struct engine *en, bool roomy, bool patient, uint64_t key)
{
	struct settings *s = &en->w.settings;

	memset(en, 0, sizeof(*en));
	engine = en;
	en->capture = 1;
	watch_init(&en->w);
	s->tables_tunnels = s->tables_ike_sas = s->tables_child_sas = s->tables_alerts =
		roomy ? 32 : 16;
	s->tables_esp_sas = roomy ? 128 : 64;
	if (!patient)
		/* hours pass often: the default asks six times as often */
		s->judge_every = 60 * NSEC_PER_S;
	en->w.key = (struct hash_key){ { key, key * 3, key * 5, key * 7 } };
	en->alerts = (struct record_sink){ .user = &en->w, .alert = engine_alert };
	en->detect = detect_new(s, &en->alerts);

	const struct tracker_handler handler = {
		.user = &en->w, .event = engine_event, .fragment = engine_fragment,
		.segment = engine_segment,
		.sink = { .user = &en->w, .tunnel = watch_tunnel, .ike_sa = watch_ike_sa,
		.esp_sa = watch_esp_sa,
			  .child_sa = watch_child_sa, .exchange = watch_exchange,
			  .event = engine_history,
			  .traffic = watch_traffic },
	};

	en->w.tracker = tracker_new(s, &en->w.key, &handler);
	assert_true(en->detect && en->w.tracker);
}

static inline uint64_t engine_finish(struct engine *en)
{
	tracker_check(en->w.tracker);
	tracker_finish(en->w.tracker, true);
	detect_finish(en->detect, en->w.tracker);
	tracker_check(en->w.tracker);
	watch_complete(&en->w);

	uint64_t digest = en->w.digest;

	reassembler_close(en->reassembler);
	detect_free(en->detect);
	watch_free(&en->w);
	engine = NULL;
	return digest;
}

#endif
