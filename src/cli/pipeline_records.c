/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records on their way from tracker and detectors to the history and to whoever else listens.  The
 * record of a tunnel needs both: the tracker knows whether it is up, the detectors how ill it is.
 */
#include "cli/pipeline_parts.h"

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

/* The tracker flushes in the order of indices, so the search mostly ends at its first step. */
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

/* Write the tunnel again with the next flush; false: the tracker knows no such tunnel. */
static bool tell_again(struct pipeline *p, object_id tunnel)
{
	uint32_t index = tunnel != 0 ? tunnel_index(p, tunnel) : NO_INDEX;

	if (index != NO_INDEX)
		tracker_touch(p->tracker, index);
	return index != NO_INDEX;
}

/* An alert changes how ill its tunnel is, even a silent one: the tunnel's row is written again. */
static void put_alert(void *user, const struct record_alert *r)
{
	struct pipeline *p = user;

	tell_again(p, r->tunnel);
	pass_on_alert(p, r);
}

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

	/* an expected tunnel that was never seen is known to the detectors only */
	if (!p->finishing || !tell_again(p, r->id))
		pass_on_judged(p, r);
}

struct record_sink pipeline_sink(struct pipeline *p)
{
	return (struct record_sink){
		.user = p, .tunnel = put_tunnel, .ike_sa = pass_on_ike_sa, .esp_sa = pass_on_esp_sa,
		.child_sa = pass_on_child_sa, .exchange = pass_on_exchange, .event = pass_on_event,
		.alert = put_alert, .traffic = pass_on_traffic,
	};
}

void pipeline_put_capture(struct pipeline *p, const struct record_capture *r)
{
	pass_on_capture(p, r);
}
