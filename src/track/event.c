/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events: to the detectors, and into the history. */
#include "track/tracker.h"

#include <sawatch/text.h>

static const struct { const char *text; bool history; } kinds[] = {
#define ROW(kind, text, history) { text, history },
	EVENTS(ROW)
#undef ROW
};

const char *event_kind_text(enum event_kind k)
{
	return kinds[k].text;
}

bool event_is_history(enum event_kind k)
{
	return kinds[k].history;
}

struct event event_of(const struct tracker *t, enum event_kind kind, nsec at, uint32_t tunnel)
{
	return (struct event){ .kind = kind,
			       .at = at,
			       .frame = t->finishing ? 0 : t->frame,
			       .capture = t->capture,
			       .tunnel = tunnel,
			       .side = SIDE_UNKNOWN,
			       .ike_sa = NO_INDEX,
			       .child_sa = NO_INDEX,
			       .esp_sa = NO_INDEX,
			       .other = NO_INDEX };
}

static void write_traffic(struct tracker *t, const struct event *ev)
{
	const struct record_sink *sink = &t->handler.sink;

	if (!sink->traffic || t->without_details || (t->esp_sas[ev->esp_sa].flags & ESP_SA_QUIET) ||
	    (t->tunnels[ev->tunnel].flags & TUNNEL_QUIET))
		return;
	sink->traffic(sink->user, &(struct record_traffic){
		.esp_sa = t->esp_sas[ev->esp_sa].id, .tunnel = t->tunnels[ev->tunnel].id,
		.bucket = ev->value[3],
		.packets = ev->value[0], .bytes = ev->value[1],
		.lost = t->esp_sas[ev->esp_sa].rare->of_group ? RECORD_UNKNOWN : ev->value[2] });
}

void tracker_without_details(struct tracker *t)
{
	t->without_details = true;
}

bool event_is_told(struct tracker *t, uint32_t tunnel)
{
	if (t->without_details && tunnel != NO_INDEX)
		tunnel_has_rows(t, tunnel);
	return !t->without_details;
}

void event_tell_heard(const struct tracker *t, uint32_t tunnel)
{
	const struct record_sink *sink = &t->handler.sink;
	const struct tunnel *w = &t->tunnels[tunnel];

	if (sink->event)
		sink->event(sink->user, &(struct record_event){
			.capture = t->capture, .tunnel = w->id, .at = w->last, .kind = "",
			.text = "", .peers = w->peer });
}

void tunnel_has_rows(struct tracker *t, uint32_t tunnel)
{
	if (!(t->tunnels[tunnel].flags & TUNNEL_HAS_ROWS))
		t->tunnels[tunnel].flags |= TUNNEL_HAS_ROWS | TUNNEL_DIRTY;
}

void event_write(struct tracker *t, const struct event *ev)
{
	const struct record_sink *sink = &t->handler.sink;
	char text[256];
	struct text s = TEXT_IN(text);
	struct record_event r = {
		.capture = t->capture, .at = ev->at, .kind = event_kind_text(ev->kind), .text = text
	};

	if (!sink->event || !event_is_told(t, ev->tunnel))
		return;
	event_say(&s, t, ev);
	r.seq = (uint32_t)tracker_number(t, OBJECT_EVENT);
	if (ev->tunnel != NO_INDEX) {
		tunnel_has_rows(t, ev->tunnel);
		r.tunnel = t->tunnels[ev->tunnel].id;
		r.peers = t->tunnels[ev->tunnel].peer;
	}
	if (ev->frame != 0)
		r.frames[r.n_frames++] = ev->frame;
	sink->event(sink->user, &r);
}

void tracker_note(struct tracker *t, uint32_t capture, nsec at, const char *kind, const char *text)
{
	const struct record_sink *sink = &t->handler.sink;
	struct record_event r = { .capture = capture, .at = at, .kind = kind, .text = text };

	t->capture = capture;
	r.seq = (uint32_t)tracker_number(t, OBJECT_EVENT);
	if (sink->event && event_is_told(t, NO_INDEX))
		sink->event(sink->user, &r);
}

void event_emit(struct tracker *t, const struct event *ev)
{
	if (ev->kind == EVENT_CAPTURE_LOSS && ev->value[2] > 0)
		;			/* told now and then, by hygiene_dropped() */
	else if (ev->kind == EVENT_TRAFFIC)
		write_traffic(t, ev);
	else if (event_is_history(ev->kind) && restraint_admits_event(t, ev))
		event_write(t, ev);
	if (t->handler.event)
		t->handler.event(t->handler.user, t, ev);
}
