/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hands events to the detectors that asked for them, asks for judgement, and
 * passes what they found to alerts.c.  Each tunnel has a slot, in the place of
 * its index; behind these come the expected tunnels that were not seen, and
 * then the capture.
 */
#include <sawatch/detect.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "detect/slots.h"

/* expected tunnels, with those that may be added while it runs; larger for many */
enum { INVENTORY_ROOM = 1024 };

/* One slot per tunnel index, those of the expected tunnels, and the last for the capture. */
static bool make_slots(struct detect *d, uint32_t inventory_room)
{
	free(d->slots);
	states_free(d->states);
	d->inventory_room = inventory_room;
	d->capture_slot = d->n_tunnels + 2 * inventory_room;
	d->slots = calloc((size_t)d->capture_slot + 1, sizeof(*d->slots));
	d->states = states_new(detectors, d->n, d->capture_slot);
	return d->slots && d->states;
}

struct detect *detect_new(const struct settings *settings, const struct record_sink *sink)
{
	struct detect *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->settings = settings;
	d->sink = sink;
	d->inventory.due = INT64_MAX;
	d->n_tunnels = (uint32_t)settings->tables_tunnels;
	d->n = detectors_count();
	assert(d->n <= DETECTORS_MAX);
	for (size_t i = 0; i < d->n; i++) {
		const struct detector *det = detectors[i];

		if (det->scope == SCOPE_CAPTURE)
			d->capture_scope |= UINT64_C(1) << i;
		if (det->of_expected)
			d->of_expected |= UINT64_C(1) << i;
		if (det->rests_fresh)
			d->rest_fresh |= UINT64_C(1) << i;
		for (int k = 0; k < EVENT_KINDS; k++) {
			d->observers[k] |= (det->observes >> k & 1) << i;
			d->judges[k] |= (det->judges_after >> k & 1) << i;
			d->ignore_fresh[k] |= (det->ignores_fresh >> k & 1) << i;
		}
	}
	d->alerts = alerts_new(settings, sink);
	d->next_capture_judgement = d->loss_last = d->jump_last = NSEC_NONE;
	if (!make_slots(d, INVENTORY_ROOM) || !d->alerts) {
		detect_free(d);
		return NULL;
	}
	return d;
}

bool detect_expect(struct detect *d, const struct expected *expected)
{
	if (!inventory_init(&d->inventory, expected, d->settings, d->n_tunnels) ||
	    (expected->n > INVENTORY_ROOM / 2 && !make_slots(d, 2 * (uint32_t)expected->n)))
		return false;
	for (uint32_t i = 0; i < expected->n; i++)
		d->slots[d->inventory.first_slot + i].place = i + 1;
	return true;
}

void detect_settings_changed(struct detect *d)
{
	inventory_settle(&d->inventory, d->settings);
}

void detect_free(struct detect *d)
{
	if (!d)
		return;
	alerts_free(d->alerts);
	inventory_done(&d->inventory);
	free(d->slots);
	states_free(d->states);
	free(d);
}

void detect_move_expected(struct detect *d, size_t place, uint32_t to, const struct tunnel *tunnel,
			  nsec now)
{
	assert(d->inventory.entries && place < d->inventory.n);

	uint32_t from = d->inventory.entries[place].slot;

	states_move(d->states, from, to, d->of_expected);
	alerts_move(d->alerts, &d->slots[from].alerts, &d->slots[to].alerts, tunnel);
	inventory_move(&d->inventory, place, to, now);
}

static bool keeps_expected(const struct detect *d, uint32_t index)
{
	uint32_t place = d->slots[index].place;

	return place != 0 && d->inventory.entries[place - 1].slot == index;
}

struct slot *detect_slot(struct detect *d, uint32_t index, const struct tunnel *tunnel, nsec now)
{
	struct slot *slot = &d->slots[index];

	if (slot->tunnel == tunnel->id)
		return slot;
	if (keeps_expected(d, index)) {
		size_t place = slot->place - 1;

		detect_move_expected(d, place, d->inventory.first_slot + (uint32_t)place,
				     &d->inventory.entries[place].stand_in, now);
	}
	alerts_forget(d->alerts, &slot->alerts);
	states_forget(d->states, index);
	slot->awake = 0;
	slot->tunnel = tunnel->id;
	slot->n_alerts = 0;

	size_t place = inventory_find(&d->inventory, tunnel);

	slot->place = place < d->inventory.n ? (uint32_t)place + 1 : 0;
	if (slot->place != 0 && inventory_unseen(&d->inventory, place))
		detect_move_expected(d, place, index, tunnel, now);
	return slot;
}

static const struct settings *settings_of(const struct detect *d, uint32_t slot)
{
	uint32_t place = slot < d->capture_slot ? d->slots[slot].place : 0;

	return place == 0 ? d->settings : &d->inventory.settings[place - 1];
}

static struct scene scene_of(const struct detect *d, const struct tracker *t, uint32_t index,
			     const struct tunnel *tunnel)
{
	return (struct scene){
		.tracker = t,
		.settings = index == NO_INDEX ? d->settings : settings_of(d, index),
		.tunnel = tunnel,
		.index = index,
		.expected_since = NSEC_NONE,
		.loss_last = d->loss_last,
		.jump_last = d->jump_last,
		.others = &d->others,
		.finishing = d->finishing,
	};
}

static bool has_open(const struct detect *d, const struct slot *slot, const struct detector *det)
{
	for (const struct alert *a = alerts_get(d->alerts, slot->alerts); a;
	     a = alerts_get(d->alerts, a->next))
		if (a->detector == det && a->cleared_at == NSEC_NONE)
			return true;
	return false;
}

/* What one of them finds is in d->found; false: nothing more can come without another event. */
static bool ask(struct detect *d, const struct detector *det, uint32_t index, size_t i,
		const struct scene *sc, nsec now)
{
	if (det->rests && det->rests(states_read(d->states, index, i), sc))
		return det->keeps_looking;

	bool looks = det->only_looks ||
		     (det->looks && det->looks(states_read(d->states, index, i)));
	void *state = looks ? states_look(d->states, index, i) : states_open(d->states, index, i);
	bool restless = det->judge(state, sc, now, &d->found);

	states_close(d->states);
	return restless;
}

/* Ask the detectors of `mask`. */
static void judge(struct detect *d, uint32_t index, const struct scene *sc, uint64_t mask, nsec now)
{
	struct slot *slot = &d->slots[index];
	bool changed = false;

	if (slot->alerts == 0) {
		uint64_t resting = mask & d->rest_fresh & ~states_kept(d->states, index);

		slot->awake &= ~resting;
		mask &= ~resting;
	}
	for (; mask; mask &= mask - 1) {
		size_t i = (size_t)__builtin_ctzll(mask);

		d->found.n = 0;

		bool restless = ask(d, detectors[i], index, i, sc, now);

		/* What is only a hint calls nobody (DETECTION-FACTS 3.7). */
		for (size_t k = 0; k < d->found.n; k++)
			if (d->found.finding[k].confidence == CONFIDENCE_LOW &&
			    d->found.finding[k].severity != SEVERITY_INFO)
				d->found.finding[k].severity = detectors[i]->warns_unsure
								       ? SEVERITY_WARNING
								       : SEVERITY_INFO;
		if (d->found.n > 0 || slot->alerts != 0)
			changed |= alerts_merge(d->alerts, &slot->alerts, &slot->n_alerts,
						detectors[i], sc, d->capture, now, &d->found);
		if (!restless && d->found.n == 0 && !has_open(d, slot, detectors[i]))
			slot->awake &= ~(UINT64_C(1) << i);
	}
	if (changed) {
		slot->unsaved = true;
		alerts_relate(d->alerts, slot->alerts);
	}
	if (slot->alerts != 0)
		alerts_tell_urgent(d->alerts, slot->alerts);
}

static void observe(struct detect *d, uint32_t index, const struct scene *sc, uint64_t mask,
		    const struct event *ev)
{
	d->slots[index].awake |= mask;
	mask &= ~(d->ignore_fresh[ev->kind] & ~states_kept(d->states, index));
	if (index != d->capture_slot)
		states_expect(d->states, index);
	for (; mask; mask &= mask - 1) {
		size_t i = (size_t)__builtin_ctzll(mask);

		if (detectors[i]->ignores &&
		    detectors[i]->ignores(detectors[i]->ignores_unseen >> ev->kind & 1
						  ? NULL
						  : states_read(d->states, index, i),
					  sc, ev))
			continue;
		detectors[i]->observe(states_open(d->states, index, i), sc, ev);
		states_close(d->states);
	}
}

static nsec later(nsec a, nsec b)
{
	return a > b ? a : b;
}

static void judge_capture(struct detect *d, const struct tracker *t, uint64_t mask, nsec now)
{
	struct scene sc = scene_of(d, t, NO_INDEX, NULL);

	judge(d, d->capture_slot, &sc, mask, now);
	alerts_tidy(d->alerts, &d->slots[d->capture_slot].alerts, d->settings, now);
}

/* ---- expected tunnels ----------------------------------------------------- */

const struct tunnel *detect_tenant(const struct detect *d, const struct tracker *t, uint32_t index)
{
	const struct tunnel *tunnel = index < d->n_tunnels ? tracker_tunnel(t, index) : NULL;

	return tunnel && tunnel->id == d->slots[index].tunnel ? tunnel : NULL;
}

/* A peer behind a NAT comes back from another port, as another tunnel: look for one that is up. */
static void follow(struct detect *d, const struct tracker *t, size_t place, nsec now)
{
	for (uint32_t i = 0; i < tracker_tunnels(t) && i < d->n_tunnels; i++) {
		const struct tunnel *other =
			d->slots[i].place == place + 1 ? detect_tenant(d, t, i) : NULL;

		if (!other || other->state != TUNNEL_UP)
			continue;
		detect_move_expected(d, place, i, other, now);
		return;
	}
}

static void judge_expected_one(struct detect *d, const struct tracker *t, size_t place, nsec now)
{
	struct inventory_entry *e = &d->inventory.entries[place];
	bool unseen = inventory_unseen(&d->inventory, place);
	const struct tunnel *tunnel = unseen ? &e->stand_in : detect_tenant(d, t, e->slot);

	/* its room was needed: it is waited for as if it had never been there */
	if (!tunnel) {
		detect_move_expected(d, place, d->inventory.first_slot + (uint32_t)place,
				     &e->stand_in, now);
		return;
	}
	if (unseen && !e->missed)
		return;
	if (!unseen && tunnel->state != TUNNEL_UP) {
		follow(d, t, place, now);
		tunnel = detect_tenant(d, t, e->slot);
	}

	struct scene sc = scene_of(d, t, e->slot, tunnel);

	sc.expected = &d->inventory.expected->tunnel[place];
	sc.expected_since = e->since;
	if (unseen)
		sc.index = NO_INDEX;
	judge(d, e->slot, &sc, d->of_expected, now);
	alerts_tidy(d->alerts, &d->slots[e->slot].alerts, sc.settings, now);
}

static void judge_expected(struct detect *d, const struct tracker *t, nsec now)
{
	for (size_t i = 0; i < d->inventory.n; i++)
		judge_expected_one(d, t, i, now);
}

/* Those of which nothing was seen for too long, each at its moment, whenever that is noticed. */
static void miss_until(struct detect *d, const struct tracker *t, nsec now)
{
	while (d->inventory.due <= now) {
		size_t place = d->inventory.next;
		const struct tunnel *stand_in = &d->inventory.entries[place].stand_in;
		nsec at = d->inventory.due;

		inventory_miss(&d->inventory, d->capture);

		struct record_tunnel r = {
			.id = stand_in->id, .peers = { stand_in->peer[0], stand_in->peer[1] },
			.state = TUNNEL_UNKNOWN,
			.since = NSEC_NONE, .first = NSEC_NONE, .last = NSEC_NONE,
			.behind_nat = { RECORD_UNKNOWN, RECORD_UNKNOWN }, .alerts = 1,
		};

		if (d->sink->tunnel)
			d->sink->tunnel(d->sink->user, &r);
		judge_expected_one(d, t, place, at);
	}
}

void detect_advance(struct detect *d, const struct tracker *t, uint32_t capture, nsec now)
{
	if (!d->inventory.begun)
		inventory_wait_from(&d->inventory, now);
	if (d->inventory.n == 0)
		return;
	d->capture = capture;
	miss_until(d, t, now);
}

/* ---- events --------------------------------------------------------------- */

/* A detector that measures no times, or knows for how long nobody watched, keeps its state. */
static void set_back(struct detect *d, uint32_t index, nsec now)
{
	for (size_t i = 0; i < d->n; i++) {
		uint64_t bit = UINT64_C(1) << i;

		if (d->capture_scope & bit)
			continue;
		if (!detectors[i]->set_back) {
			states_forget_some(d->states, index, bit);
		} else if (!states_fresh(d->states, index, i)) {
			detectors[i]->set_back(states_open(d->states, index, i), now);
			states_close(d->states);
		}
	}
}

/*
 * The clock went back, so times that detectors keep lie in the future: they begin anew.  Alerts
 * stay.
 */
static void clock_went_back(struct detect *d, nsec now)
{
	for (uint32_t i = 0; i < d->n_tunnels; i++) {
		if (d->slots[i].tunnel != 0)
			set_back(d, i, now);
		d->slots[i].awake = 0;
	}
	d->loss_last = NSEC_NONE;
	d->others = (struct others){ 0 };
	d->next_capture_judgement = now;
}

/* What was missing may have been in the hole. */
static void wait_anew(struct detect *d, nsec at)
{
	if (d->inventory.begun)
		inventory_wait_from(&d->inventory, at);
}

static void about_capture(struct detect *d, const struct event *ev, nsec now)
{
	if (ev->kind == EVENT_CAPTURE_LOSS && ev->tunnel == NO_INDEX) {
		d->loss_last = ev->at;
		wait_anew(d, ev->at);
	}
	if (ev->kind == EVENT_TRAFFIC && ev->side >= 0)
		others_add(&d->others, ev->value[3], d->settings->loss_window, ev->value[0],
			   ev->value[2]);
	if (ev->kind == EVENT_UNWATCHED) {	/* what is missing may have come then */
		d->loss_last = ev->at;
		wait_anew(d, ev->at);
	}
	if (ev->kind == EVENT_CLOCK_JUMP) {
		d->jump_last = ev->at;
		wait_anew(d, ev->at);
		if (ev->value[0] < 0)
			clock_went_back(d, now);
	}
}

void detect_observe(struct detect *d, const struct tracker *t, const struct event *ev)
{
	nsec now = ev->kind == EVENT_CLOCK_JUMP ? ev->at : later(ev->at, tracker_now(t));
	uint64_t observers = d->observers[ev->kind];
	uint64_t for_capture = observers & d->capture_scope;

	d->capture = ev->capture;
	about_capture(d, ev, now);
	miss_until(d, t, ev->at);
	if (for_capture) {
		struct scene sc = scene_of(d, t, NO_INDEX, NULL);

		observe(d, d->capture_slot, &sc, for_capture, ev);
		judge_capture(d, t, d->judges[ev->kind] & d->capture_scope, now);
	}
	if (now >= d->next_capture_judgement) {
		judge_capture(d, t, d->slots[d->capture_slot].awake, now);
		judge_expected(d, t, now);
		d->next_capture_judgement = now + d->settings->judge_every;
	}

	const struct tunnel *tunnel = tracker_tunnel(t, ev->tunnel);

	if (!tunnel)
		return;

	struct slot *slot = detect_slot(d, ev->tunnel, tunnel, now);
	struct scene sc = scene_of(d, t, ev->tunnel, tunnel);

	observers &= ~d->capture_scope;
	observe(d, ev->tunnel, &sc, slot->place != 0 ? observers : observers & ~d->of_expected, ev);

	/* expected tunnels are judged by the clock of the capture: a forgotten one has no ticks */
	uint64_t due = d->judges[ev->kind] & ~d->capture_scope;

	if (ev->kind == EVENT_TICK)
		due |= slot->awake;
	due &= ~d->of_expected;
	if (due)
		judge(d, ev->tunnel, &sc, due, now);
	if (ev->kind == EVENT_TICK && slot->alerts != 0)
		alerts_tidy(d->alerts, &slot->alerts, sc.settings, now);
}

void detect_ask(struct detect *d, const struct tracker *t)
{
	nsec now = tracker_now(t);

	if (now == NSEC_NONE)	/* no packet yet, also after a restart: nothing is new */
		return;
	miss_until(d, t, now);
	for (uint32_t i = 0; i < tracker_tunnels(t) && i < d->n_tunnels; i++) {
		const struct tunnel *tunnel = d->slots[i].tunnel ? detect_tenant(d, t, i) : NULL;

		if (!tunnel)
			continue;

		struct scene sc = scene_of(d, t, i, tunnel);

		judge(d, i, &sc, d->slots[i].awake & ~d->of_expected, now);
	}
	judge_capture(d, t, d->slots[d->capture_slot].awake, now);
	judge_expected(d, t, now);
}

void detect_finish(struct detect *d, const struct tracker *t)
{
	d->finishing = true;
	detect_ask(d, t);
	d->finishing = false;
	alerts_tell_final(d->alerts);
}

void detect_leave(struct detect *d)
{
	states_free(d->states);
	d->states = NULL;
}

void detect_flush(struct detect *d, const struct tracker *t)
{
	(void)t;
	alerts_tell_changed(d->alerts);
}

enum tunnel_state detect_tunnel_state(const struct detect *d, const struct tracker *t,
				      uint32_t index, nsec *ret_since)
{
	const struct tunnel *tunnel = tracker_tunnel(t, index);
	const struct slot *slot = detect_tenant(d, t, index) ? &d->slots[index] : NULL;
	enum tunnel_state state = tunnel ? tunnel->state : TUNNEL_UNKNOWN;
	nsec ill = NSEC_NONE;
	bool flaps = false;

	if (ret_since)
		*ret_since = tunnel ? tunnel->state_since : NSEC_NONE;
	if (!slot || state == TUNNEL_DOWN)
		return state;
	for (const struct alert *a = alerts_get(d->alerts, slot->alerts); a;
	     a = alerts_get(d->alerts, a->next)) {
		if (a->cleared_at != NSEC_NONE || a->finding.severity < SEVERITY_WARNING ||
		    a->detector->posture)
			continue;
		flaps |= strcmp(a->detector->code, "spi_churn") == 0 ||
			 strcmp(a->detector->code, "ike_flap") == 0;
		if (ill == NSEC_NONE || a->finding.first < ill)
			ill = a->finding.first;
	}
	if (ill == NSEC_NONE)
		return state;
	if (ret_since)
		*ret_since = ill;	/* ill since its oldest open fault began */
	return flaps ? TUNNEL_FLAPPING : TUNNEL_DEGRADED;
}

uint32_t detect_tunnel_alerts(const struct detect *d, uint32_t tunnel)
{
	return tunnel < d->n_tunnels ? d->slots[tunnel].n_alerts : 0;
}

uint64_t detect_alerts_left_out(const struct detect *d)
{
	return alerts_left_out(d->alerts);
}
