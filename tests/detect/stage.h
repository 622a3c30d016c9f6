/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A stage for detectors: a tracker of cardboard whose tables the test fills
 * and whose events the test writes.  It defines the tracker's accessors, so
 * that a test of thresholds needs no frame.  Tests with frames use replay.h.
 */
#ifndef TESTS_DETECT_STAGE_H
#define TESTS_DETECT_STAGE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/detect.h>
#include <sawatch/ike_registry.h>

#include "detect/collected.h"

#define S NSEC_PER_S
#define STAGE_T0 (INT64_C(1700000000) * NSEC_PER_S)

struct tracker {
	struct settings settings;
	nsec now, next_tick;
	uint32_t n_tunnels, n_ike, n_child, n_esp;
	struct tunnel tunnel[8];
	struct ike_sa ike[128];
	union {
		struct ike1_offer offers1[TRACK_OFFERS_MAX];
		struct ike2_transform transforms[TRACK_TRANSFORMS_MAX];
	} offered[128];			/* by each of them */
	struct exchange answerer_asked[128][2];
	struct child_sa child[320];
	struct esp_sa esp[640];
	struct esp_sa_rare rare[640];	/* of each of them */
	struct esp_sa_more esp_more[640];
	struct child_sa_more more[320];	/* of each child SA; of each tunnel: */
	struct tunnel_more of_tunnel[8];
	struct exchange exchange[64];
	uint32_t n_exchanges;
	uint64_t frame;
	struct detect *detect;
	struct collected alerts;
	struct record_sink sink;
	bool without_ike;		/* of all tunnels only ESP was ever seen */
};

static struct tracker *stage;

nsec tracker_now(const struct tracker *t)
{
	return t->now;
}

const struct settings *tracker_settings(const struct tracker *t)
{
	return &t->settings;
}

const struct tunnel *tracker_tunnel(const struct tracker *t, uint32_t index)
{
	return index < t->n_tunnels ? &t->tunnel[index] : NULL;
}

const struct ike_sa *tracker_ike_sa(const struct tracker *t, uint32_t index)
{
	return index < t->n_ike ? &t->ike[index] : NULL;
}

const struct child_sa *tracker_child_sa(const struct tracker *t, uint32_t index)
{
	return index < t->n_child ? &t->child[index] : NULL;
}

const struct esp_sa *tracker_esp_sa(const struct tracker *t, uint32_t index)
{
	return index < t->n_esp ? &t->esp[index] : NULL;
}

const struct esp_sa_more *tracker_esp_more(const struct tracker *t, const struct esp_sa *sa)
{
	return &t->esp_more[sa - t->esp];
}

uint32_t tracker_tunnels(const struct tracker *t)
{
	return t->n_tunnels;
}

uint32_t tracker_tunnel_of_peer(const struct tracker *t, struct addr peer, uint32_t from,
				uint32_t end)
{
	for (uint32_t i = from; i < end && i < t->n_tunnels; i++)
		if (addr_equal(t->tunnel[i].peer[0].addr, peer) ||
		    addr_equal(t->tunnel[i].peer[1].addr, peer))
			return i;
	return NO_INDEX;
}

/* Nobody on the stage is a stranger with forged addresses. */
bool tunnel_was_up(const struct tunnel *w)
{
	(void)w;
	return true;
}

bool tunnel_had_ike(const struct tunnel *w)
{
	(void)w;
	return !stage->without_ike;
}

uint64_t esp_sa_lost(const struct esp_sa *sa)
{
	return sa->rare->lost_before;
}

static inline uint32_t stage_tunnel(void)
{
	uint32_t i = stage->n_tunnels++;
	struct tunnel *t = &stage->tunnel[i];

	assert(i < 8);
	*t = tunnel_unseen((struct endpoint){ addr_v4(0xc0000201 + 16 * i), 0 },
			   (struct endpoint){ addr_v4(0xcb007101 + 16 * i), 0 });
	stage->of_tunnel[i] = tunnel_nothing_more;
	stage->of_tunnel[i].now[0] = t->peer[0];
	stage->of_tunnel[i].now[1] = t->peer[1];
	t->more = &stage->of_tunnel[i];
	t->id = object_id_of(1, i + 1);
	t->first = t->last = stage->now;
	t->state = TUNNEL_UP;
	return i;
}

/* Fresh stage with default settings and one tunnel (index 0, 192.0.2.1 - 203.0.113.1). */
static inline int stage_open(void **state)
{
	stage = calloc(1, sizeof(*stage));
	settings_defaults(&stage->settings);
	stage->settings.tables_tunnels = 16;
	stage->settings.tables_alerts = 64;
	stage->now = STAGE_T0;
	stage->next_tick = stage->now + stage->settings.judge_every;
	stage->sink = (struct record_sink){ .user = &stage->alerts, .alert = collected_take };
	stage->detect = detect_new(&stage->settings, &stage->sink);
	stage_tunnel();
	*state = stage;
	return stage->detect ? 0 : -1;
}

static inline int stage_close(void **state)
{
	detect_free(stage->detect);
	free(stage);
	*state = NULL;
	return 0;
}

/* A test on a stage of its own. */
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_open, stage_close)

/*
 * An event now, on the first tunnel, with a frame of its own; change what differs and give it to
 * stage_send.
 */
static inline struct event stage_event(enum event_kind kind)
{
	return (struct event){
		.kind = kind,
		.at = stage->now,
		.frame = ++stage->frame,
		.capture = 1,
		.tunnel = 0,
		.side = SIDE_UNKNOWN,
		.ike_sa = NO_INDEX,
		.child_sa = NO_INDEX,
		.esp_sa = NO_INDEX,
		.other = NO_INDEX,
	};
}

static inline void stage_send(struct event ev)
{
	detect_observe(stage->detect, stage, &ev);
}

/* Let time pass, with a tick for every tunnel each judge_every. */
static inline void stage_until(nsec at)
{
	while (stage->next_tick <= at) {
		stage->now = stage->next_tick;
		stage->next_tick += stage->settings.judge_every;
		for (uint32_t i = 0; i < stage->n_tunnels; i++) {
			struct event ev = stage_event(EVENT_TICK);

			ev.tunnel = i;
			ev.frame = 0;
			stage_send(ev);
		}
	}
	stage->now = at;
}

static inline void stage_pass(nsec span)
{
	stage_until(stage->now + span);
}

static inline void stage_finish(void)
{
	detect_finish(stage->detect, stage);
}

/* An IKE SA begun now by `initiator`; no event. */
static inline uint32_t stage_ike(int initiator, uint8_t major)
{
	uint32_t i = stage->n_ike++;
	struct ike_sa *sa = &stage->ike[i];
	struct tunnel *t = &stage->tunnel[0];

	assert(i < 128);
	*sa = (struct ike_sa){
		.id = object_id_of(1, i + 1),
		.tunnel = 0,
		.spi_i = 0x1000 + i,
		.spi_r = 0x2000 + i,
		.major = major,
		.initiator_side = (int8_t)initiator,
		.initiator = t->peer[initiator],
		.responder = t->peer[!initiator],
		.state = IKE_CONNECTING,
		.origin = ORIGIN_OBSERVED,
		.created = stage->now,
		.established = NSEC_NONE,
		.ended = NSEC_NONE,
		.delete_at = NSEC_NONE,
		.last = stage->now,
		.ended_by = SIDE_UNKNOWN,
		.successor = NO_INDEX,
		.children = NO_INDEX,
		.init_seen = true,
		.next_in_tunnel = t->ike_sas,
		.first_frame = stage->frame,
		.transforms = stage->offered[i].transforms,
		.current = { &sa->asked[0], &stage->answerer_asked[i][0] },
		.previous = { &sa->asked[1], &stage->answerer_asked[i][1] },
	};
	t->ike_sas = i;
	t->n_ike_sas++;
	return i;
}

static inline void stage_ike_event(enum event_kind kind, uint32_t ike, int side)
{
	struct event ev = stage_event(kind);

	ev.ike_sa = ike;
	ev.side = (int8_t)side;
	stage_send(ev);
}

/* An IKE SA that is up at once, with both events. */
static inline uint32_t stage_ike_up(int initiator, uint8_t major)
{
	uint32_t i = stage_ike(initiator, major);

	stage_ike_event(EVENT_IKE_SA_CREATED, i, initiator);
	stage->ike[i].state = IKE_ESTABLISHED;
	stage->ike[i].established = stage->now;
	stage_ike_event(EVENT_IKE_SA_ESTABLISHED, i, initiator);
	return i;
}

static inline void stage_ike_down(uint32_t ike, enum end_reason reason, int by)
{
	struct ike_sa *sa = &stage->ike[ike];

	sa->ended = stage->now;
	sa->end_reason = reason;
	sa->ended_by = (int8_t)by;
	sa->state = IKE_GONE;
	stage_ike_event(EVENT_IKE_SA_ENDED, ike, by);
}

/* An ESP SA sent by `direction`, whose first packet is now; sends ESP_SA_FIRST. */
static inline uint32_t stage_esp(int direction)
{
	uint32_t i = stage->n_esp++;
	struct esp_sa *sa = &stage->esp[i];
	struct tunnel *t = &stage->tunnel[0];
	struct event ev;

	assert(i < 640);
	*sa = (struct esp_sa){
		.id = object_id_of(1, i + 1),
		.spi = 0xc0000000 + i,
		.tunnel = 0,
		.direction = (int8_t)direction,
		.flags = ESP_SA_USED | ESP_SA_CONFIRMED,
		.first = stage->now,
		.last = stage->now,
		.packets = 1,
		.bytes = 100,
		.seq_first = 1,
		.seq_high = 1,
		.child = NO_INDEX,
		.next_in_direction = t->esp_sas[direction],
		.rare = &stage->rare[i],
		.first_frame = ++stage->frame,
	};
	stage->rare[i] = (struct esp_sa_rare){
		.generation = 1,
		.ended_by = SIDE_UNKNOWN,
		.ended = NSEC_NONE,
	};
	t->esp_sas[direction] = i;
	t->n_esp_sas++;
	t->live_esp[direction]++;
	ev = stage_event(EVENT_ESP_SA_FIRST);
	ev.esp_sa = i;
	ev.side = (int8_t)direction;
	stage_send(ev);
	return i;
}

/* Traffic on it: `packets` more, the last of them now. */
static inline void stage_esp_packets(uint32_t esp, uint64_t packets, uint64_t bytes)
{
	stage->esp[esp].packets += packets;
	stage->esp[esp].bytes += bytes;
	stage->esp[esp].seq_high += (uint32_t)packets;
	stage->esp[esp].last = stage->now;
}

/* A new ESP SA that takes the place of `old` now, with both events. */
static inline uint32_t stage_esp_replace(uint32_t old)
{
	uint32_t new = stage_esp(stage->esp[old].direction);
	struct event ev = stage_event(EVENT_ESP_SA_REPLACED);

	stage->rare[old].successor = stage->esp[new].id;
	stage->esp_more[new].predecessor = stage->esp[old].id;
	ev.esp_sa = new;
	ev.other = old;
	stage_send(ev);
	stage->esp[old].end_reason = END_REKEYED;
	stage->rare[old].ended = stage->now;
	stage->tunnel[0].live_esp[stage->esp[old].direction]--;
	return new;
}

/* A child SA created now, with one ESP SA per direction. */
static inline uint32_t stage_child_how(uint32_t ike, int by, enum created_how how)
{
	uint32_t i = stage->n_child++;
	struct child_sa *c = &stage->child[i];
	struct event ev;

	assert(i < 320);
	*c = (struct child_sa){
		.id = object_id_of(1, i + 1),
		.tunnel = 0,
		.ike_sa = ike,
		.state = CHILD_INSTALLED,
		.how = how,
		.created = stage->now,
		.created_by = (int8_t)by,
		.ended_by = SIDE_UNKNOWN,
		.more = &stage->more[i],
		.flags = CHILD_SA_USED,
		.next_in_tunnel = stage->tunnel[0].child_sas,
	};
	stage->more[i] = (struct child_sa_more){
		.ike_sa_id = ike == NO_INDEX ? 0 : stage->ike[ike].id,
		.requested = stage->now,
		.predecessor = NO_INDEX,
		.successor = NO_INDEX,
		.ended = NSEC_NONE,
		.rekeyed_by = SIDE_UNKNOWN,
		.rekey_at = NSEC_NONE,
		.next_of_ike = ike == NO_INDEX ? NO_INDEX : stage->ike[ike].children,
	};
	stage->tunnel[0].child_sas = i;
	if (ike != NO_INDEX)
		stage->ike[ike].children = i;
	ev = stage_event(EVENT_CHILD_SA_CREATED);
	ev.child_sa = i;
	ev.ike_sa = ike;
	ev.side = (int8_t)by;
	stage_send(ev);
	for (int d = 0; d < 2; d++) {
		uint32_t esp = stage_esp(d);

		stage->esp[esp].child = i;
		c->esp[d] = esp;
		c->esp_id[d] = stage->esp[esp].id;
		c->spi[d] = stage->esp[esp].spi;
	}
	return i;
}

static inline uint32_t stage_child(uint32_t ike, int by)
{
	return stage_child_how(ike, by, CREATED_CREATE_CHILD_SA);
}

static inline void stage_child_down(uint32_t child, enum end_reason reason, int by)
{
	struct child_sa *c = &stage->child[child];
	struct event ev;

	stage->more[child].ended = stage->now;
	c->end_reason = reason;
	c->ended_by = (int8_t)by;
	c->state = CHILD_DELETED;
	for (int d = 0; d < 2; d++) {
		stage->rare[c->esp[d]].ended = stage->now;
		stage->esp[c->esp[d]].end_reason = (uint8_t)reason;
		stage->rare[c->esp[d]].ended_by = (int8_t)by;
		stage->tunnel[0].live_esp[d]--;
	}
	ev = stage_event(EVENT_CHILD_SA_ENDED);
	ev.child_sa = child;
	ev.ike_sa = c->ike_sa;
	ev.side = (int8_t)by;
	stage_send(ev);
}

/* A first request now; sends REQUEST. */
static inline struct exchange *stage_request(uint32_t ike, uint8_t type,
					     enum exchange_purpose purpose, int from,
					     uint32_t message_id)
{
	struct exchange *x = &stage->exchange[stage->n_exchanges++ % 64];
	struct event ev = stage_event(EVENT_REQUEST);
	const struct ike_sa *sa = &stage->ike[ike];

	*x = (struct exchange){
		.id = object_id_of(1, stage->n_exchanges),
		.tunnel = 0,
		.ike_sa = ike,
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.major = sa->major,
		.type = type,
		.from = (int8_t)from,
		.message_id = message_id,
		.request_at = stage->now,
		.request_last = stage->now,
		.response_at = NSEC_NONE,
		.response_last = NSEC_NONE,
		.request_frame = ev.frame,
		.request_last_frame = ev.frame,
		.requests = 1,
		.request_bytes = 300,
		.request_np1 = IKE_NP1_NONE,
		.response_np1 = IKE_NP1_NONE,
		.request_src_port = 500,
		.request_dst_port = 500,
		.purpose = purpose,
		.grade = GRADE_OBSERVED,
	};
	ev.ike_sa = ike;
	ev.exchange = x;
	ev.side = (int8_t)from;
	stage_send(ev);
	return x;
}

static inline void stage_exchange_event(enum event_kind kind, struct exchange *x)
{
	struct event ev = stage_event(kind);

	ev.ike_sa = x->ike_sa;
	ev.exchange = x;
	ev.side = (int8_t)(kind == EVENT_RESPONSE || kind == EVENT_RESPONSE_COPY ? !x->from
										 : x->from);
	stage_send(ev);
}

/* The same request again now. */
static inline void stage_copy(struct exchange *x)
{
	x->last_gap = stage->now - x->request_last;
	x->request_last = stage->now;
	x->request_last_frame = stage->frame + 1;
	x->requests++;
	if (x->responses > 0)
		x->requests_after_response++;
	stage_exchange_event(EVENT_REQUEST_COPY, x);
}

/* Its answer, or the answer again, now. */
static inline void stage_answer(struct exchange *x)
{
	bool first = x->responses++ == 0;

	x->response_last = stage->now;
	if (first) {
		x->response_at = stage->now;
		x->response_frame = stage->frame + 1;
		x->response_src_port = x->request_dst_port;
		x->response_dst_port = x->request_src_port;
		x->outcome = OUTCOME_ANSWERED;
	}
	stage_exchange_event(first ? EVENT_RESPONSE : EVENT_RESPONSE_COPY, x);
}

static inline void stage_exchange_close(struct exchange *x, enum exchange_outcome outcome)
{
	x->outcome = outcome;
	x->closed = true;
	stage_exchange_event(EVENT_EXCHANGE_CLOSED, x);
}

/* A CREATE_CHILD_SA of `from` that is refused at once; np1 is what its request begins with. */
static inline void stage_refusal(uint32_t ike, int from, int16_t np1)
{
	struct exchange *x = stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_CREATE_CHILD,
					   from, stage->n_exchanges);
	struct event ev = stage_event(EVENT_CHILD_REFUSED);

	x->request_np1 = np1;
	x->responses = 1;
	x->response_at = x->response_last = stage->now;
	x->outcome = OUTCOME_FAILED;
	ev.ike_sa = ike;
	ev.exchange = x;
	ev.side = (int8_t)!from;
	stage_send(ev);
}

/* The child SA `old` is renewed by `by`, with the events of both. */
static inline uint32_t stage_child_rekey(uint32_t old, int by)
{
	uint32_t new = stage_child(stage->child[old].ike_sa, by);
	struct event ev = stage_event(EVENT_CHILD_SA_REKEYED);

	stage->more[old].rekeyed_by = (int8_t)by;
	stage->more[old].rekey_at = stage->now;
	stage->more[old].successor = new;
	stage->more[new].predecessor = old;
	ev.child_sa = new;
	ev.ike_sa = stage->child[old].ike_sa;
	ev.other = old;
	ev.side = (int8_t)by;
	ev.value[0] = stage->now - stage->child[old].created;
	stage_send(ev);
	for (int d = 0; d < 2; d++) {
		struct event replaced = stage_event(EVENT_ESP_SA_REPLACED);

		replaced.esp_sa = stage->child[new].esp[d];
		replaced.other = stage->child[old].esp[d];
		stage->rare[replaced.other].successor = stage->esp[replaced.esp_sa].id;
		stage_send(replaced);
	}
	stage_child_down(old, END_REKEYED, by);
	return new;
}

/* A clear error notify of `by`. */
static inline void stage_error(uint32_t ike, int by, uint16_t type, int64_t data)
{
	struct event ev = stage_event(EVENT_ERROR_NOTIFY);

	ev.ike_sa = ike;
	ev.side = (int8_t)by;
	ev.value[0] = type;
	ev.value[1] = ike == NO_INDEX ? 2 : stage->ike[ike].major;
	ev.value[2] = data;
	stage_send(ev);
}

#endif
