/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hands events to the detectors that asked for them, asks for judgement, and
 * passes what they found to alerts.c.  Per tunnel there is one zeroed block
 * with the states of all detectors, in the place of the tunnel's index.
 */
#include <sawatch/detect.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "detect/alerts.h"
#include "detect/detector.h"

enum { DETECTORS_MAX = 64 };

_Static_assert(EVENT_KINDS <= 64, "a set of event kinds is one word");

struct slot {
	object_id tunnel;	/* whose states these are; 0 nobody's */
	uint64_t awake;		/* detectors that a tick asks */
	uint32_t alerts;	/* list */
	uint32_t n_alerts;	/* ever */
};

struct detect {
	const struct settings *settings;
	struct alerts *alerts;
	size_t n;			/* detectors */
	/*
	 * All states of one detector stand together, so that a detector which
	 * has nothing to remember of healthy tunnels touches no memory for them.
	 */
	size_t offset[DETECTORS_MAX];	/* of each one's states */
	size_t size[DETECTORS_MAX];	/* of one state, rounded up */
	char *states;
	struct slot *slots;		/* one per tunnel index, and the last for the capture */
	uint32_t n_tunnels;
	uint64_t observers[EVENT_KINDS], judges[EVENT_KINDS];	/* bit n: detectors[n] */
	uint64_t capture_scope;
	nsec next_capture_judgement;
	nsec loss_last, jump_last;
	uint32_t capture;		/* being read */
	struct findings found;		/* of one judgement; here because it is large */
};

struct detect *detect_new(const struct settings *settings, const struct record_sink *sink)
{
	struct detect *d = calloc(1, sizeof(*d));
	size_t all = 0;

	if (!d)
		return NULL;
	d->settings = settings;
	d->n_tunnels = (uint32_t)settings->tables_tunnels;
	d->n = detectors_count();
	assert(d->n <= DETECTORS_MAX);
	for (size_t i = 0; i < d->n; i++) {
		const struct detector *det = detectors[i];

		d->offset[i] = all;
		d->size[i] = (det->state_size + 7) & ~(size_t)7;
		all += d->size[i] * (det->scope == SCOPE_CAPTURE ? 1 : d->n_tunnels);
		if (det->scope == SCOPE_CAPTURE)
			d->capture_scope |= UINT64_C(1) << i;
		for (int k = 0; k < EVENT_KINDS; k++) {
			d->observers[k] |= (det->observes >> k & 1) << i;
			d->judges[k] |= (det->judges_after >> k & 1) << i;
		}
	}
	d->alerts = alerts_new(settings, sink);
	d->slots = calloc((size_t)d->n_tunnels + 1, sizeof(*d->slots));
	d->states = calloc(1, all);	/* untouched pages cost nothing */
	d->next_capture_judgement = d->loss_last = d->jump_last = NSEC_NONE;
	if (!d->alerts || !d->slots || !d->states) {
		detect_free(d);
		return NULL;
	}
	return d;
}

void detect_free(struct detect *d)
{
	if (!d)
		return;
	alerts_free(d->alerts);
	free(d->slots);
	free(d->states);
	free(d);
}

static void *state_of(const struct detect *d, uint32_t slot, size_t detector)
{
	return d->states + d->offset[detector] + (slot == d->n_tunnels ? 0 : slot * d->size[detector]);
}

/* Begin anew; `fresh` memory is zero already and must not be touched for nothing. */
static void states_reset(struct detect *d, uint32_t slot, bool fresh)
{
	bool capture = slot == d->n_tunnels;

	for (size_t i = 0; i < d->n; i++) {
		if ((detectors[i]->scope == SCOPE_CAPTURE) != capture)
			continue;
		if (!fresh)
			memset(state_of(d, slot, i), 0, d->size[i]);
		if (detectors[i]->reset)
			detectors[i]->reset(state_of(d, slot, i));
	}
	d->slots[slot].awake = 0;
}

/* The slot of this tunnel, cleaned when another tunnel had this index before. */
static struct slot *slot_see(struct detect *d, uint32_t index, const struct tunnel *tunnel)
{
	struct slot *slot = &d->slots[index];

	if (slot->tunnel != tunnel->id) {
		alerts_forget(d->alerts, &slot->alerts);
		states_reset(d, index, slot->tunnel == 0);
		slot->tunnel = tunnel->id;
		slot->n_alerts = 0;
	}
	return slot;
}

static struct scene scene_of(const struct detect *d, const struct tracker *t, uint32_t index,
			     const struct tunnel *tunnel)
{
	return (struct scene){
		.tracker = t,
		.settings = d->settings,
		.tunnel = tunnel,
		.index = index,
		.loss_last = d->loss_last,
		.jump_last = d->jump_last,
	};
}

static bool has_open(const struct detect *d, const struct slot *slot, const struct detector *det)
{
	for (const struct alert *a = alerts_get(d->alerts, slot->alerts); a; a = alerts_get(d->alerts, a->next))
		if (a->detector == det && a->cleared_at == NSEC_NONE)
			return true;
	return false;
}

/* Ask the detectors of `mask`. */
static void judge(struct detect *d, uint32_t index, const struct scene *sc, uint64_t mask, nsec now)
{
	struct slot *slot = &d->slots[index];
	bool changed = false;

	for (; mask; mask &= mask - 1) {
		size_t i = (size_t)__builtin_ctzll(mask);

		d->found.n = 0;

		bool restless = detectors[i]->judge(state_of(d, index, i), sc, now, &d->found);

		if (d->found.n > 0 || slot->alerts != 0)
			changed |= alerts_merge(d->alerts, &slot->alerts, &slot->n_alerts, detectors[i], sc,
						d->capture, now, &d->found);
		if (!restless && d->found.n == 0 && !has_open(d, slot, detectors[i]))
			slot->awake &= ~(UINT64_C(1) << i);
	}
	if (changed)
		alerts_relate(d->alerts, slot->alerts);
	if (slot->alerts != 0)
		alerts_tell_urgent(d->alerts, slot->alerts);
}

static void observe(struct detect *d, uint32_t index, const struct scene *sc, uint64_t mask,
		    const struct event *ev)
{
	d->slots[index].awake |= mask;
	for (; mask; mask &= mask - 1) {
		size_t i = (size_t)__builtin_ctzll(mask);

		detectors[i]->observe(state_of(d, index, i), sc, ev);
	}
}

static nsec later(nsec a, nsec b)
{
	return a > b ? a : b;
}

static void judge_capture(struct detect *d, const struct tracker *t, uint64_t mask, nsec now)
{
	struct scene sc = scene_of(d, t, NO_INDEX, NULL);

	judge(d, d->n_tunnels, &sc, mask, now);
	alerts_tidy(d->alerts, &d->slots[d->n_tunnels].alerts, now);
}

/* Times kept by the detectors lie in the future now: begin anew.  Alerts stay. */
static void clock_went_back(struct detect *d, nsec now)
{
	for (uint32_t i = 0; i < d->n_tunnels; i++)
		if (d->slots[i].tunnel != 0)
			states_reset(d, i, false);
	d->loss_last = NSEC_NONE;
	d->next_capture_judgement = now;
}

static void about_capture(struct detect *d, const struct event *ev, nsec now)
{
	if (ev->kind == EVENT_CAPTURE_LOSS && ev->tunnel == NO_INDEX)
		d->loss_last = ev->at;
	if (ev->kind == EVENT_CLOCK_JUMP) {
		d->jump_last = ev->at;
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
	if (for_capture) {
		struct scene sc = scene_of(d, t, NO_INDEX, NULL);

		observe(d, d->n_tunnels, &sc, for_capture, ev);
		judge_capture(d, t, d->judges[ev->kind] & d->capture_scope, now);
	}
	if (now >= d->next_capture_judgement) {
		judge_capture(d, t, d->slots[d->n_tunnels].awake, now);
		d->next_capture_judgement = now + d->settings->judge_every;
	}

	const struct tunnel *tunnel = tracker_tunnel(t, ev->tunnel);

	if (!tunnel)
		return;

	struct slot *slot = slot_see(d, ev->tunnel, tunnel);
	struct scene sc = scene_of(d, t, ev->tunnel, tunnel);

	observe(d, ev->tunnel, &sc, observers & ~d->capture_scope, ev);

	uint64_t due = d->judges[ev->kind] & ~d->capture_scope;

	if (ev->kind == EVENT_TICK)
		due |= slot->awake;
	if (due)
		judge(d, ev->tunnel, &sc, due, now);
	if (ev->kind == EVENT_TICK && slot->alerts != 0)
		alerts_tidy(d->alerts, &slot->alerts, now);
}

void detect_finish(struct detect *d, const struct tracker *t)
{
	nsec now = tracker_now(t);

	for (uint32_t i = 0; i < d->n_tunnels; i++) {
		const struct tunnel *tunnel = d->slots[i].tunnel ? tracker_tunnel(t, i) : NULL;

		if (!tunnel || tunnel->id != d->slots[i].tunnel)
			continue;

		struct scene sc = scene_of(d, t, i, tunnel);

		judge(d, i, &sc, d->slots[i].awake, now);
	}
	judge_capture(d, t, d->slots[d->n_tunnels].awake, now);
	alerts_tell_final(d->alerts);
}

void detect_flush(struct detect *d, const struct tracker *t)
{
	(void)t;
	alerts_tell_changed(d->alerts);
}

static const struct slot *slot_of(const struct detect *d, const struct tracker *t, uint32_t index)
{
	const struct tunnel *tunnel = index < d->n_tunnels ? tracker_tunnel(t, index) : NULL;

	return tunnel && tunnel->id == d->slots[index].tunnel ? &d->slots[index] : NULL;
}

enum tunnel_state detect_tunnel_state(const struct detect *d, const struct tracker *t, uint32_t index)
{
	const struct tunnel *tunnel = tracker_tunnel(t, index);
	const struct slot *slot = slot_of(d, t, index);
	enum tunnel_state state = tunnel ? tunnel->state : TUNNEL_UNKNOWN;

	if (!slot || state == TUNNEL_DOWN)
		return state;
	for (const struct alert *a = alerts_get(d->alerts, slot->alerts); a; a = alerts_get(d->alerts, a->next)) {
		if (a->cleared_at != NSEC_NONE || a->finding.severity < SEVERITY_WARNING || a->detector->posture)
			continue;
		if (strcmp(a->detector->code, "spi_churn") == 0 || strcmp(a->detector->code, "ike_flap") == 0)
			return TUNNEL_FLAPPING;
		state = TUNNEL_DEGRADED;
	}
	return state;
}

uint32_t detect_tunnel_alerts(const struct detect *d, uint32_t tunnel)
{
	return tunnel < d->n_tunnels ? d->slots[tunnel].n_alerts : 0;
}
