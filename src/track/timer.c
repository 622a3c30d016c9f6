/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is due when: a heap of times, with one entry for each tunnel and each IKE SA. */
#include "track/tracker.h"

#include <stdlib.h>

#define LEAP (INT64_C(30) * 86400 * NSEC_PER_S)

static bool timer_before(const struct timer *a, const struct timer *b)
{
	if (a->at != b->at)
		return a->at < b->at;
	if (a->kind != b->kind)
		/* IKE SAs before tunnels: causes before judgement */
		return a->kind > b->kind;
	return a->object < b->object;
}

/*
 * Where the entry of an object is remembered: its place + 1, so that untouched memory says
 * "nowhere".
 */
static uint32_t *place_of(struct tracker *t, const struct timer *m)
{
	return m->kind == TIMER_TUNNEL ? &t->timer_of_tunnel[m->object]
				       : &t->timer_of_ike_sa[m->object];
}

static void put_timer(struct tracker *t, uint32_t i, struct timer m)
{
	t->timers[i] = m;
	*place_of(t, &m) = i + 1;
}

static void sift_up(struct tracker *t, uint32_t i)
{
	struct timer m = t->timers[i];

	for (; i > 0 && timer_before(&m, &t->timers[(i - 1) / TIMER_CHILDREN]);
	     i = (i - 1) / TIMER_CHILDREN)
		put_timer(t, i, t->timers[(i - 1) / TIMER_CHILDREN]);
	put_timer(t, i, m);
}

static void sift_down(struct tracker *t, uint32_t i)
{
	struct timer m = t->timers[i];

	for (uint32_t first; (first = TIMER_CHILDREN * i + 1) < t->n_timers;) {
		uint32_t child = first;

		for (uint32_t k = first + 1; k < first + TIMER_CHILDREN && k < t->n_timers; k++)
			if (timer_before(&t->timers[k], &t->timers[child]))
				child = k;
		if (!timer_before(&t->timers[child], &m))
			break;
		put_timer(t, i, t->timers[child]);
		i = child;
	}
	put_timer(t, i, m);
}

static nsec due_of(const struct tracker *t, const struct timer *m)
{
	if (m->kind == TIMER_TUNNEL)
		return t->tunnels[m->object].due;
	return t->ike_sas[m->object].due;
}

/* Every object has one entry at most: a new moment takes the place of the old one. */
void tracker_schedule(struct tracker *t, enum timer_kind kind, uint32_t object, nsec at)
{
	const struct timer m = { .at = at, .object = object, .kind = (uint8_t)kind };

	if (!t->timers)			/* tracker_leave(): no time will pass */
		return;
	uint32_t i = *place_of(t, &m);

	i = i == 0 ? t->n_timers++ : i - 1;
	t->timers[i] = m;
	sift_up(t, i);
	sift_down(t, *place_of(t, &m) - 1);
	t->next_due = t->timers[0].at;
	if (t->calm_until > t->next_due)
		t->calm_until = t->next_due;
}

void timers_free(struct tracker *t)
{
	free(t->timers);
	free(t->timer_of_tunnel);
	free(t->timer_of_ike_sa);
	t->timers = NULL;
	t->timer_of_tunnel = t->timer_of_ike_sa = NULL;
	t->n_timers = 0;
}

/*
 * A clock that leaps by months (one damaged time stamp does it) is not followed
 * tick by tick: of the gap only its last part is lived through, long enough for
 * all that is silent to end.
 */
static nsec without_leap(const struct tracker *t, nsec at, nsec now)
{
	nsec lived = t->settings->silent_end + t->settings->ended_keep + t->settings->judge_every;

	return now - at > LEAP && now - lived > at ? now - lived : at;
}

void timers_run(struct tracker *t, nsec now)
{
	while (t->n_timers > 0 && t->timers[0].at <= now) {
		struct timer m = t->timers[0];

		*place_of(t, &m) = 0;
		if (--t->n_timers > 0) {
			t->timers[0] = t->timers[t->n_timers];
			sift_down(t, 0);
		}
		t->next_due = t->n_timers > 0 ? t->timers[0].at : INT64_MAX;
		if (due_of(t, &m) != m.at)
			continue;
		nsec at = without_leap(t, m.at, now);

		/* as if it had come without a packet, live */
		t->now = nsec_later(t->now, at);
		if (m.kind == TIMER_TUNNEL) {
			t->tunnels[m.object].due = NSEC_NONE;
			tunnel_due(t, m.object, at);
		} else {
			t->ike_sas[m.object].due = NSEC_NONE;
			ike_sa_due(t, m.object, at, false);
		}
	}
}
