/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The stage with an inventory: its tunnel is expected, comes up and falls, while others are heard.
 */
#ifndef TESTS_DETECT_EXPECTED_STAGE_H
#define TESTS_DETECT_EXPECTED_STAGE_H

#include "detect/stage.h"

static struct expected inventory;

/*
 * The stage's tunnel is 192.0.2.1 - 203.0.113.1; it is on the stage from the start, but only seen
 * by its events.
 */
static inline void expect_peers(const char *profile, const char *hold, const char *peers)
{
	struct expected_tunnel *t = expected_add(&inventory, "hq-branch1");
	struct err e;

	assert_true(expected_set(&inventory, t, "peers", peers, &e));
	assert_true(expected_set(&inventory, t, "profile", profile, &e));
	if (hold)
		assert_true(expected_set(&inventory, t, "tunnel_down.hold_s", hold, &e));
	assert_true(detect_expect(stage->detect, &inventory));
	detect_advance(stage->detect, stage, 1, stage->now);
}

static inline void expect(const char *profile)
{
	expect_peers(profile, NULL, "192.0.2.1, 203.0.113.1");
}

static inline const struct collected_alert *down(void)
{
	return collected_find(&stage->alerts, "tunnel_down");
}

/*
 * Another tunnel, of which a packet comes now and then: the capture goes on.  Ours has no events.
 */
static inline void others(nsec span)
{
	nsec end = stage->now + span;

	if (stage->n_tunnels < 2)
		stage_tunnel();
	while (stage->now < end) {
		struct event ev = stage_event(EVENT_KEEPALIVE);

		stage->now += 10 * S;
		stage->next_tick = stage->now + 10 * S;
		ev.at = stage->now;
		ev.tunnel = 1;
		stage_send(ev);
	}
}

static inline void up(void)
{
	stage->tunnel[0].state = TUNNEL_UP;
	stage->tunnel[0].state_since = stage->now;
}

static inline void fall(void)
{
	stage->tunnel[0].state = TUNNEL_DOWN;
	stage->tunnel[0].state_since = stage->now;
}

#endif
