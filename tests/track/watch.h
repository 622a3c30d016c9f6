/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A tracker under watch: it gets frames built by hand and keeps every event
 * and the latest record of every object, as a store would.  Whatever is wrong
 * with any record or event (an identity that has a gap, a reference to
 * nothing, a final record that changes) is asserted here, for every test.
 */
#ifndef TESTS_TRACK_WATCH_H
#define TESTS_TRACK_WATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sawatch/ike_registry.h>
#include <sawatch/track.h>

#include "track/check.h"
#include "wire/frames.h"

#define T0 (INT64_C(1700000000) * NSEC_PER_S)
#define MS NSEC_PER_MS
#define S NSEC_PER_S

enum { GW_A = 0xc0000201, GW_B = 0xcb007101, GW_C = 0xcb007102, NAT = 0xc6336401 };

struct seen_event {
	enum event_kind kind;
	nsec at;
	uint64_t frame;
	uint32_t tunnel, ike_sa, child_sa, esp_sa, other;
	int8_t side;
	int64_t value[4];
	object_id exchange;
	enum exchange_purpose purpose;
};

struct watch {
	struct settings settings;
	struct hash_key key;
	struct tracker *tracker;
	nsec now;
	uint64_t frames;
	uint64_t digest;		/* of everything that was told, in its order */
	bool forgetful;			/* keep no events: for floods */

	struct seen_event *events;
	size_t n_events, room_events;
	uint64_t count[EVENT_KINDS];
	uint32_t event_seq;
	struct record_tunnel *tunnels;
	struct record_ike_sa *ike_sas;
	struct record_child_sa *child_sas;
	struct record_esp_sa *esp_sas;
	struct record_exchange *exchanges;
	size_t n_tunnels, n_ike_sas, n_child_sas, n_esp_sas, n_exchanges;
	uint64_t traffic_packets;
};

/* ---- what is told ---------------------------------------------------------- */

static inline void fold(struct watch *w, int64_t v)
{
	w->digest = (w->digest ^ (uint64_t)v) * UINT64_C(0x100000001b3);
	w->digest ^= w->digest >> 29;
}

/* Room for object `id`: records come in any order, but identities are small and dense. */
static inline void *record_place(void **table, size_t *n, size_t size, object_id id)
{
	size_t i = (uint32_t)id - 1u;

	assert_int_not_equal((uint32_t)id, 0);
	assert_true(i < 1u << 22);
	if (i >= *n) {
		size_t room = (i + 1) * 2;

		*table = realloc(*table, room * size);
		assert_non_null(*table);
		memset((char *)*table + *n * size, 0, (room - *n) * size);
		*n = room;
	}
	return (char *)*table + i * size;
}
#define PLACE(w, table, id) \
	record_place((void **)&(w)->table, &(w)->n_##table, sizeof(*(w)->table), (id))

static inline void watch_event(void *user, const struct tracker *t, const struct event *ev)
{
	struct watch *w = user;

	w->count[ev->kind]++;
	if (ev->tunnel != NO_INDEX)
		assert_non_null(tracker_tunnel(t, ev->tunnel));
	if (ev->ike_sa != NO_INDEX)
		assert_non_null(tracker_ike_sa(t, ev->ike_sa));
	if (ev->child_sa != NO_INDEX)
		assert_non_null(tracker_child_sa(t, ev->child_sa));
	if (ev->esp_sa != NO_INDEX)
		assert_non_null(tracker_esp_sa(t, ev->esp_sa));
	assert_true(ev->side >= -1 && ev->side <= 1);
	assert_true(ev->at != NSEC_NONE);
	if (w->forgetful)
		return;
	fold(w, (int64_t)ev->kind), fold(w, ev->at), fold(w, (int64_t)ev->frame), fold(w, ev->side);
	for (int i = 0; i < 4; i++)
		fold(w, ev->value[i]);
	if (w->n_events == w->room_events) {
		w->room_events = w->room_events ? 2 * w->room_events : 256;
		w->events = realloc(w->events, w->room_events * sizeof(*w->events));
		assert_non_null(w->events);
	}
	w->events[w->n_events++] = (struct seen_event){
		.kind = ev->kind, .at = ev->at, .frame = ev->frame, .tunnel = ev->tunnel,
		.ike_sa = ev->ike_sa,
		.child_sa = ev->child_sa, .esp_sa = ev->esp_sa, .other = ev->other,
		.side = ev->side,
		.value = { ev->value[0], ev->value[1], ev->value[2], ev->value[3] },
		.exchange = ev->exchange ? ev->exchange->id : 0,
		.purpose = ev->exchange ? ev->exchange->purpose : PURPOSE_UNKNOWN,
	};
}

static inline void watch_tunnel(void *user, const struct record_tunnel *r)
{
	struct watch *w = user;
	struct record_tunnel *kept = PLACE(w, tunnels, r->id);

	assert_true(r->first <= r->last);
	assert_true(endpoint_compare(r->peers[0], r->peers[1]) <= 0);
	fold(w, (int64_t)r->id), fold(w, r->state), fold(w, r->since), fold(w, r->last),
		fold(w, r->ike_sas), fold(w, r->child_sas);
	*kept = *r;
	kept->unobservable = NULL;
}

static inline bool is_presumed(enum end_reason why)
{
	return why == END_NONE || why == END_IDLE || why == END_UNKNOWN || why == END_CAPTURE_END;
}

/*
 * Until it is set up, an IKE SA may turn out to be of another tunnel through the same NAT:
 * ike_sa_join_tunnel().
 */
static inline void watch_joined(struct watch *w, const struct record_ike_sa *before,
				const struct record_ike_sa *now)
{
	struct record_tunnel from = *(struct record_tunnel *)PLACE(w, tunnels, before->tunnel);
	struct record_tunnel to = *(struct record_tunnel *)PLACE(w, tunnels, now->tunnel);

	assert_int_equal(before->origin, ORIGIN_OBSERVED);
	for (int side = 0; side < 2 && from.id != 0 && to.id != 0; side++)
		assert_true(addr_equal(from.peers[side].addr, to.peers[side].addr));
}

static inline void watch_ike_sa(void *user, const struct record_ike_sa *r)
{
	struct watch *w = user;
	struct record_ike_sa *kept = PLACE(w, ike_sas, r->id);

	assert_int_not_equal(r->tunnel, 0);
	assert_true((r->end_reason == END_NONE || r->end_reason == END_CAPTURE_END) ==
		    (r->ended == NSEC_NONE));
	if (kept->id != 0) {
		if (kept->tunnel != r->tunnel)
			watch_joined(w, kept, r);
		assert_true(kept->spi_i == r->spi_i);
		assert_true(kept->messages <= r->messages);
	}
	fold(w, (int64_t)r->id), fold(w, (int64_t)r->spi_i), fold(w, (int64_t)r->spi_r),
		fold(w, r->state), fold(w, r->end_reason);
	fold(w, r->created), fold(w, r->established), fold(w, r->ended),
		fold(w, (int64_t)r->parent), fold(w, r->messages);
	*kept = *r;
	kept->offered = NULL, kept->vendor_ids = NULL, kept->peers = NULL;
}

static inline void watch_child_sa(void *user, const struct record_child_sa *r)
{
	struct watch *w = user;
	struct record_child_sa *kept = PLACE(w, child_sas, r->id);

	assert_int_not_equal(r->tunnel, 0);
	assert_true(r->predecessor != r->id);
	assert_true((r->end_reason == END_NONE || r->end_reason == END_CAPTURE_END) ==
		    (r->ended == NSEC_NONE));
	if (kept->id != 0)
		assert_int_equal(kept->tunnel, r->tunnel);
	/*
	 * What IKE said of it is final; only a presumed end, or one of the IKE SA's, may be taken
	 * back.
	 */
	if (kept->id != 0 && kept->end_reason == END_REKEYED)
		assert_int_equal(r->end_reason, END_REKEYED);
	fold(w, (int64_t)r->id), fold(w, r->spis[0]), fold(w, r->spis[1]),
		fold(w, (int64_t)r->predecessor), fold(w, r->end_reason);
	fold(w, r->created), fold(w, r->ended), fold(w, r->rekeyed_by), fold(w, r->rekey_at),
		fold(w, r->created_by);
	*kept = *r;
	kept->peers = NULL;
}

static inline void watch_esp_sa(void *user, const struct record_esp_sa *r)
{
	struct watch *w = user;
	struct record_esp_sa *kept = PLACE(w, esp_sas, r->id);

	assert_int_not_equal(r->tunnel, 0);
	assert_int_not_equal(r->spi, 0);
	assert_true(r->predecessor != r->id && r->successor != r->id);
	assert_true(r->packets > 0 && r->bytes > 0 && r->lost >= RECORD_UNKNOWN && r->late >= 0 &&
		    r->duplicates >= 0);
	assert_true(r->first <= r->last);
	assert_true((r->end_reason == END_NONE || r->end_reason == END_CAPTURE_END) ==
			    (r->ended_by == -1 && is_presumed(r->end_reason)) ||
		    r->end_reason != END_NONE);
	if (kept->id != 0) {
		assert_int_equal(kept->tunnel, r->tunnel);
		assert_int_equal(kept->spi, r->spi);
		assert_true(kept->packets <= r->packets && kept->bytes <= r->bytes);
	}
	fold(w, (int64_t)r->id), fold(w, r->spi), fold(w, r->packets), fold(w, r->bytes),
		fold(w, r->lost), fold(w, r->late);
	fold(w, r->duplicates), fold(w, (int64_t)r->predecessor), fold(w, r->end_reason),
		fold(w, r->seq_last);
	*kept = *r;
	kept->peers = NULL;
}

static inline void watch_exchange(void *user, const struct record_exchange *r)
{
	struct watch *w = user;
	struct record_exchange *kept = PLACE(w, exchanges, r->id);

	assert_int_not_equal(r->tunnel, 0);
	assert_true(r->requests + r->responses > 0);
	assert_true((r->requests == 0) == (r->request_at == NSEC_NONE));
	assert_true((r->responses == 0) == (r->response_at == NSEC_NONE));
	assert_true(r->rtt_ns >= -1);
	fold(w, (int64_t)r->id), fold(w, r->message_id), fold(w, r->requests),
		fold(w, r->responses), fold(w, r->outcome);
	fold(w, r->purpose), fold(w, r->request_at), fold(w, r->response_at), fold(w, r->rtt_ns);
	*kept = *r;
	kept->kind = NULL, kept->peers = NULL;
}

static inline void watch_history(void *user, const struct record_event *r)
{
	struct watch *w = user;

	assert_int_equal(r->seq, ++w->event_seq);
	assert_true(r->text[0] != '\0');
	for (const char *c = r->text; *c; c++) {
		assert_true(*c >= ' ' && *c <= '~');
		fold(w, *c);
	}
}

static inline void watch_traffic(void *user, const struct record_traffic *r)
{
	struct watch *w = user;

	assert_true(r->packets > 0 && r->bytes > 0);
	assert_int_equal(r->bucket % (60 * S), 0);
	assert_int_not_equal(r->esp_sa, 0);
	w->traffic_packets += (uint64_t)r->packets;
	fold(w, r->bucket), fold(w, r->packets), fold(w, r->lost);
}

/* ---- life ------------------------------------------------------------------ */

static inline void watch_init(struct watch *w)
{
	memset(w, 0, sizeof(*w));
	settings_defaults(&w->settings);
	/* everything leaves its row: how the history is kept small is test_restraint.c's */
	w->settings.history_births = w->settings.history_strangers = w->settings.history_hints =
		w->settings.history_confirmed = 1 << 30;
	w->settings.tables_tunnels = 64;
	w->settings.tables_ike_sas = 256;
	w->settings.tables_child_sas = 512;
	w->settings.tables_esp_sas = 1024;
	w->key = (struct hash_key){ { 11, 22, 33, 44 } };
	w->now = T0;
}

/* After settings and key were changed as the test wants. */
static inline void watch_start(struct watch *w)
{
	const struct tracker_handler handler = {
		.user = w, .event = watch_event,
		.sink = { .user = w, .tunnel = watch_tunnel, .ike_sa = watch_ike_sa,
		.child_sa = watch_child_sa,
			  .esp_sa = watch_esp_sa, .exchange = watch_exchange,
			  .event = watch_history, .traffic = watch_traffic },
	};

	w->tracker = tracker_new(&w->settings, &w->key, &handler);
	assert_non_null(w->tracker);
}

static inline void watch_open(struct watch *w)
{
	watch_init(w);
	watch_start(w);
}

/* Every identity was told, and what a record refers to as well. */
static inline void watch_complete(struct watch *w)
{
	size_t n;

#define DENSE(table) \
	for (n = 0; n < w->n_##table && w->table[n].id != 0; n++) \
		assert_int_equal((uint32_t)w->table[n].id, n + 1); \
	w->n_##table = n; \
	for (size_t i = 0; w->table && i < n; i++) \
		assert_int_equal((uint32_t)w->table[i].id, i + 1)
	size_t room_ike = w->n_ike_sas, room_child = w->n_child_sas,
	       room_esp = w->n_esp_sas, room_exchanges = w->n_exchanges;

	/* of one where nothing began nothing is told: there may be gaps */
	while (w->n_tunnels > 0 && w->tunnels[w->n_tunnels - 1].id == 0)
		w->n_tunnels--;
	DENSE(ike_sas);
	DENSE(child_sas);
	DENSE(esp_sas);
	DENSE(exchanges);
#undef DENSE
	/* nothing behind the first gap */
	for (n = w->n_ike_sas; n < room_ike; n++)
		assert_int_equal(w->ike_sas[n].id, 0);
	for (n = w->n_child_sas; n < room_child; n++)
		assert_int_equal(w->child_sas[n].id, 0);
	for (n = w->n_esp_sas; n < room_esp; n++)
		assert_int_equal(w->esp_sas[n].id, 0);
	for (n = w->n_exchanges; n < room_exchanges; n++)
		assert_int_equal(w->exchanges[n].id, 0);

	for (n = 0; n < w->n_ike_sas; n++) {
		assert_in_range((uint32_t)w->ike_sas[n].tunnel, 1, w->n_tunnels);
		assert_int_not_equal(w->tunnels[(uint32_t)w->ike_sas[n].tunnel - 1].id, 0);
		assert_in_range((uint32_t)w->ike_sas[n].parent, 0, w->n_ike_sas);
		assert_int_not_equal(w->ike_sas[n].end_reason, END_NONE);
	}
	for (n = 0; n < w->n_child_sas; n++) {
		const struct record_child_sa *c = &w->child_sas[n];

		assert_in_range((uint32_t)c->tunnel, 1, w->n_tunnels);
		assert_int_not_equal(w->tunnels[(uint32_t)c->tunnel - 1].id, 0);
		assert_in_range((uint32_t)c->ike_sa, 0, w->n_ike_sas);
		assert_in_range((uint32_t)c->predecessor, 0, w->n_child_sas);
		assert_int_not_equal(c->end_reason, END_NONE);
		for (int d = 0; d < 2; d++) {
			assert_in_range((uint32_t)c->sas[d], 0, w->n_esp_sas);
			if (c->sas[d] != 0) {
				assert_int_equal(w->esp_sas[(uint32_t)c->sas[d] - 1].spi,
						 c->spis[d]);
				assert_int_equal(w->esp_sas[(uint32_t)c->sas[d] - 1].tunnel,
						 c->tunnel);
			}
		}
	}
	for (n = 0; n < w->n_esp_sas; n++) {
		const struct record_esp_sa *e = &w->esp_sas[n];

		assert_in_range((uint32_t)e->tunnel, 1, w->n_tunnels);
		assert_int_not_equal(w->tunnels[(uint32_t)e->tunnel - 1].id, 0);
		assert_in_range((uint32_t)e->predecessor, 0, w->n_esp_sas);
		assert_in_range((uint32_t)e->successor, 0, w->n_esp_sas);
		assert_int_not_equal(e->end_reason, END_NONE);
		if (e->successor != 0)
			assert_int_equal(w->esp_sas[(uint32_t)e->successor - 1].predecessor, e->id);
	}
	for (n = 0; n < w->n_exchanges; n++) {
		assert_in_range((uint32_t)w->exchanges[n].tunnel, 1, w->n_tunnels);
		assert_int_not_equal(w->tunnels[(uint32_t)w->exchanges[n].tunnel - 1].id, 0);
		assert_in_range((uint32_t)w->exchanges[n].ike_sa, 1, w->n_ike_sas);
		if (w->exchanges[n].responses > 0)
			assert_int_not_equal(w->exchanges[n].outcome, OUTCOME_PENDING);
	}
}

static inline void watch_finish(struct watch *w)
{
	tracker_check(w->tracker);
	tracker_finish(w->tracker, true);
	tracker_check(w->tracker);
	watch_complete(w);
}

static inline void watch_free(struct watch *w)
{
	tracker_free(w->tracker);
	free(w->events);
	free(w->tunnels);
	free(w->ike_sas);
	free(w->child_sas);
	free(w->esp_sas);
	free(w->exchanges);
}

static inline void watch_close(struct watch *w)
{
	watch_finish(w);
	watch_free(w);
}

static inline void pass(struct watch *w, nsec span)
{
	w->now += span;
}

/* Time passes and the tracker hears of it, as live. */
static inline void idle(struct watch *w, nsec span)
{
	w->now += span;
	tracker_advance(w->tracker, w->now);
	tracker_check(w->tracker);
}

/* ---- frames ---------------------------------------------------------------- */

/* From an exact-size copy, so that one byte read too many is seen. */
static inline void give_frame(struct watch *w, const uint8_t *bytes, size_t captured, size_t length)
{
	uint8_t *copy = malloc(captured > 0 ? captured : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, captured);
	struct frame f = { .at = w->now,
			   .number = ++w->frames,
			   .capture = 1,
			   .captured = (uint32_t)captured,
			   .length = (uint32_t)length,
			   .link_type = LINK_RAW,
			   .data = copy };

	tracker_frames(w->tracker, &f, 1);
	free(copy);
}

static inline void give(struct watch *w, struct built *b)
{
	give_frame(w, built_data(b), b->length, b->length);
}

struct peer {
	uint32_t addr;
	uint16_t port;
};

static inline void give_udp(struct watch *w, struct peer from, struct peer to, const void *payload,
			    size_t length)
{
	struct built b = built_from(payload, length);

	wrap_udp(&b, from.port, to.port);
	wrap_ipv4(&b, IP_UDP, from.addr, to.addr);
	give(w, &b);
}

/* ---- looking --------------------------------------------------------------- */

/* The n-th event of this kind, from 0; NULL when there are not so many. */
static inline const struct seen_event *seen(const struct watch *w, enum event_kind kind, unsigned n)
{
	for (size_t i = 0; i < w->n_events; i++)
		if (w->events[i].kind == kind && n-- == 0)
			return &w->events[i];
	return NULL;
}

static inline const struct tunnel *tunnel_at(const struct watch *w, uint32_t i)
{
	const struct tunnel *t = tracker_tunnel(w->tracker, i);

	assert_non_null(t);
	return t;
}

static inline unsigned tunnels_living(const struct watch *w)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < tracker_tunnels(w->tracker); i++)
		n += tracker_tunnel(w->tracker, i) != NULL;
	return n;
}

/* By SPI, the youngest; NULL when there is none. */
static inline const struct esp_sa *esp_at(const struct watch *w, uint32_t spi)
{
	const struct esp_sa *found = NULL;

	for (uint32_t i = 0; i < w->settings.tables_esp_sas; i++) {
		const struct esp_sa *e = tracker_esp_sa(w->tracker, i);

		if (e && e->spi == spi && (!found || e->id > found->id))
			found = e;
	}
	return found;
}

static inline const struct esp_sa_more *esp_more_at(const struct watch *w, uint32_t spi)
{
	return tracker_esp_more(w->tracker, esp_at(w, spi));
}

static inline const struct child_sa *child_of(const struct watch *w, uint32_t spi)
{
	const struct esp_sa *e = esp_at(w, spi);

	return e ? tracker_child_sa(w->tracker, e->child) : NULL;
}

static inline const struct ike_sa *ike_at(const struct watch *w, uint64_t spi_i)
{
	const struct ike_sa *found = NULL;

	for (uint32_t i = 0; i < w->settings.tables_ike_sas; i++) {
		const struct ike_sa *sa = tracker_ike_sa(w->tracker, i);

		if (sa && sa->spi_i == spi_i && (!found || sa->id > found->id))
			found = sa;
	}
	return found;
}

#endif
