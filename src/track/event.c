/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events: handing them out, and the sentences under which the history keeps them. */
#include "track/tracker.h"

#include <sawatch/ike_registry.h>
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

/* ---- sentences ------------------------------------------------------------ */

static void add_peer(struct text *s, const struct tracker *t, const struct event *ev, int side)
{
	char text[ENDPOINT_TEXT_MAX];

	if (ev->tunnel == NO_INDEX || side < 0)
		text_add(s, "a peer");
	else
		text_add(s, "%s", endpoint_text(t->tunnels[ev->tunnel].peer[side], text));
}

static void add_ike(struct text *s, const struct tracker *t, uint32_t i)
{
	char spis[IKE_SPIS_TEXT_MAX];

	if (i != NO_INDEX)
		text_add(s, "IKE SA %s",
			 ike_spis_text(t->ike_sas[i].spi_i, t->ike_sas[i].spi_r, spis));
	else
		text_add(s, "an IKE SA");
}

static void add_child(struct text *s, const struct tracker *t, uint32_t i)
{
	char spi[SPI_TEXT_MAX];

	text_add(s, "child SA");
	if (i == NO_INDEX)
		return;
	for (int d = 0; d < 2; d++)
		text_add(s, "%s%s", d == 0 ? " " : "/",
			 t->child_sas[i].spi[d] ? spi_text(t->child_sas[i].spi[d], spi) : "?");
}

/* The SPIs of a child SA are known from its first packets on. */
static bool has_spi(const struct tracker *t, uint32_t i)
{
	return i != NO_INDEX && (t->child_sas[i].spi[0] || t->child_sas[i].spi[1]);
}

static void add_exchange(struct text *s, const struct exchange *x)
{
	const char *name = ike_exchange_name(x->major, x->type);

	if (name)
		text_add(s, "%s", name);
	else
		text_add(s, "EXCHANGE_%u", x->type);
	text_add(s, " (message ID %u)", x->message_id);
}

static void add_span(struct text *s, nsec span)
{
	char text[NSEC_TEXT_MAX];

	text_add(s, "%s", nsec_span(span, text));
}

/* Who had to do with an end: it did it, or it is what was lost. */
static void add_who(struct text *s, const struct tracker *t, const struct event *ev,
		    enum end_reason why)
{
	if (why == END_SUPERSEDED)
		text_add(s, " by a newer one%s", ev->side >= 0 ? ", deleted" : "");
	if (ev->side < 0)
		return;
	text_add(s, why == END_PEER_LOST ? ", " : " by ");
	add_peer(s, t, ev, ev->side);
	if (why == END_PEER_LOST)
		text_add(s, " answers no more");
}

static void say_notify(struct text *s, const struct tracker *t, const struct event *ev)
{
	const char *name = ike_notify_name((unsigned)ev->value[1], (uint16_t)ev->value[0]);

	add_peer(s, t, ev, ev->side);
	text_add(s, " says in clear ");
	if (name)
		text_add(s, "%s", name);
	else
		text_add(s, "NOTIFY_%d", (int)ev->value[0]);
	if (ev->value[0] == IKE2_NOTIFY_INVALID_KE_PAYLOAD && ev->value[1] == 2 &&
	    ev->value[2] != 0)
		text_add(s, ", wanting group %d", (int)ev->value[2]);
	else if (ev->value[0] == IKE2_NOTIFY_INVALID_SPI && ev->value[2] != 0)
		text_add(s, " %08x", (unsigned)ev->value[2]);
}

static void say(struct text *s, const struct tracker *t, const struct event *ev)
{
	char spi[SPI_TEXT_MAX], endpoint[ENDPOINT_TEXT_MAX];
	const struct esp_sa *esp;
	const char *reason;

	switch (ev->kind) {
	case EVENT_IKE_SA_CREATED:
		add_peer(s, t, ev, ev->side);
		text_add(s, " begins an IKEv%u SA, initiator SPI %016llx",
			 t->ike_sas[ev->ike_sa].major,
			 (unsigned long long)t->ike_sas[ev->ike_sa].spi_i);
		return;
	case EVENT_IKE_SA_ESTABLISHED:
		add_ike(s, t, ev->ike_sa);
		text_add(s, " is established, initiator ");
		add_peer(s, t, ev, t->ike_sas[ev->ike_sa].initiator_side);
		return;
	case EVENT_IKE_SA_REKEYED:
		add_ike(s, t, ev->other);
		text_add(s, " was rekeyed by ");
		add_peer(s, t, ev, ev->side);
		text_add(s, " into ");
		add_ike(s, t, ev->ike_sa);
		if (ev->value[0] >= 0) {
			text_add(s, " at the age of ");
			add_span(s, ev->value[0]);
		}
		return;
	case EVENT_IKE_SA_ENDED:
		reason = end_reason_text(t->ike_sas[ev->ike_sa].end_reason);
		add_ike(s, t, ev->ike_sa);
		text_add(s, " ended: %s", reason ? reason : "unknown");
		add_who(s, t, ev, t->ike_sas[ev->ike_sa].end_reason);
		text_add(s, ", age ");
		add_span(s, ev->at - t->ike_sas[ev->ike_sa].created);
		return;
	case EVENT_IKE_SA_REVISED:
		reason = end_reason_text((enum end_reason)ev->value[0]);
		add_ike(s, t, ev->ike_sa);
		text_add(s, " goes on: it has not ended (%s", reason ? reason : "unknown");
		add_who(s, t, ev, (enum end_reason)ev->value[0]);
		text_add(s, ")");
		return;
	case EVENT_CHILD_SA_CREATED:
		if (has_spi(t, ev->child_sa))
			add_child(s, t, ev->child_sa);
		else
			text_add(s, "a child SA");
		text_add(s, " is created");
		if (ev->side >= 0) {
			text_add(s, " by ");
			add_peer(s, t, ev, ev->side);
		}
		return;
	case EVENT_CHILD_SA_REKEYED:
		add_child(s, t, ev->other);
		text_add(s, " was rekeyed by ");
		add_peer(s, t, ev, ev->side);
		if (has_spi(t, ev->child_sa)) {
			text_add(s, " into ");
			add_child(s, t, ev->child_sa);
		}
		if (ev->value[0] >= 0) {
			text_add(s, " at the age of ");
			add_span(s, ev->value[0]);
		}
		return;
	case EVENT_CHILD_SA_ENDED:
		reason = end_reason_text(t->child_sas[ev->child_sa].end_reason);
		add_child(s, t, ev->child_sa);
		text_add(s, " ended: %s", reason ? reason : "unknown");
		add_who(s, t, ev, t->child_sas[ev->child_sa].end_reason);
		return;
	case EVENT_ESP_SA_FIRST:
		esp = &t->esp_sas[ev->esp_sa];
		text_add(
			s, "first packet on SPI %s to %s, sequence %u", spi_text(esp->spi, spi),
			endpoint_text((struct endpoint){ esp_ends(t, esp).dst, 0 }, endpoint),
			esp->seq_first);
		return;
	case EVENT_ESP_SEQ_RESET:
		text_add(s, "sequence of SPI %s starts again at %u after %lld",
			 spi_text(t->esp_sas[ev->esp_sa].spi, spi),
			 t->esp_sas[ev->esp_sa].seq_first, (long long)ev->value[0]);
		return;
	case EVENT_ESP_SEQ_JUMP:
		text_add(s, "sequence of SPI %s jumps ahead by %lld",
			 spi_text(t->esp_sas[ev->esp_sa].spi, spi), (long long)ev->value[0]);
		return;
	case EVENT_RETRANSMISSION:
		add_peer(s, t, ev, ev->side);
		text_add(s, " sent ");
		add_exchange(s, ev->exchange);
		text_add(s, " %u times, %s", ev->exchange->requests,
			 ev->exchange->responses ? "answered" : "never answered");
		return;
	case EVENT_REKEY_COLLISION:
		if (ev->child_sa == NO_INDEX) {
			text_add(s, "both peers rekeyed ");
			add_ike(s, t, ev->ike_sa);
			text_add(s, " at once; one of the two new IKE SAs is redundant");
			return;
		}
		text_add(s, "both peers rekeyed the same child SA at once; "
			    "one of the new SAs is redundant");
		return;
	case EVENT_DELETE_COLLISION:
		text_add(s, "both peers deleted at once");
		return;
	case EVENT_CHILD_REFUSED:
		add_peer(s, t, ev, ev->side);
		text_add(s, " refuses ");
		add_exchange(s, ev->exchange);
		return;
	case EVENT_AUTH_REFUSED:
		add_peer(s, t, ev, ev->side);
		text_add(s, " refuses the authentication of ");
		add_ike(s, t, ev->ike_sa);
		return;
	case EVENT_ERROR_NOTIFY:
		say_notify(s, t, ev);
		return;
	case EVENT_COOKIE:
		add_peer(s, t, ev, ev->side);
		text_add(s, " asks for a cookie");
		return;
	case EVENT_NAT_FOUND:
		add_peer(s, t, ev, ev->side);
		text_add(s, " stands behind a NAT");
		return;
	case EVENT_ADDRESS_MOVED:
		add_peer(s, t, ev, ev->side);
		text_add(s, " now speaks from %s", ev->side < 0 ? "elsewhere" :
			 endpoint_text(tunnel_now(&t->tunnels[ev->tunnel], ev->side), endpoint));
		return;
	case EVENT_ICMP_ERROR:
		text_add(s, "ICMP error type %d code %d about this tunnel", (int)ev->value[0],
			 (int)ev->value[1]);
		if (ev->value[2] > 0)
			text_add(s, ", next-hop MTU %d", (int)ev->value[2]);
		return;
	case EVENT_FRAGMENT_MISSING:
		text_add(s, "a datagram of ");
		add_peer(s, t, ev, ev->side);
		text_add(s, " was never completed: a fragment is missing");
		return;
	case EVENT_ONE_SIDED:
		text_add(s, "what ");
		add_peer(s, t, ev, ev->side);
		text_add(s, " sends is not in this capture: %d answers must exist and"
			    " were not seen", (int)ev->value[0]);
		return;
	case EVENT_CAPTURE_LOSS:
		if (ev->value[2] > 0) {
			text_add(s, "the capture dropped %lld packets within ",
				 (long long)ev->value[2]);
			add_span(s, ev->value[1]);
		} else {
			text_add(s, "the capture lost packets: sequence numbers of %d tunnels jump "
				    "at the same moment",
				 (int)ev->value[0]);
		}
		return;
	case EVENT_MIRROR:
		text_add(s, "the mirror delivers packets twice: %lld of %lld",
			 (long long)ev->value[0], (long long)ev->value[1]);
		return;
	case EVENT_CLOCK_JUMP:
		text_add(s, "the capture's clock steps %s by ",
			 ev->value[0] < 0 ? "back" : "forward");
		add_span(s, ev->value[0] < 0 ? -ev->value[0] : ev->value[0]);
		return;
	case EVENT_UNWATCHED:
		text_add(s, "nobody watched for ");
		add_span(s, ev->value[0]);
		return;
	case EVENT_LEFT_OUT:
		text_add(s, "%lld rows about %s were left out of the history within ",
			 (long long)ev->value[0],
			 ev->tunnel == NO_INDEX ? "peers that nobody answers" : "this tunnel");
		add_span(s, ev->value[1]);
		text_add(s, ": too many at once, and nothing confirmed them");
		return;
	case EVENT_TABLE_FULL:
		text_add(s, "a table is full: the quietest entries are forgotten");
		return;
	case EVENT_CHILD_SA_REVISED:
	case EVENT_ESP_SA_REPLACED:
	case EVENT_ESP_SA_ENDED:
	case EVENT_ESP_AFTER_END:
	case EVENT_ESP_DUPLICATE:
	case EVENT_ESP_LATE:
	case EVENT_ESP_GAP:
	case EVENT_TRAFFIC:
	case EVENT_REQUEST:
	case EVENT_REQUEST_COPY:
	case EVENT_RESPONSE:
	case EVENT_RESPONSE_COPY:
	case EVENT_EXCHANGE_CLOSED:
	case EVENT_LIFETIME_OFFERED:
	case EVENT_LIFETIME_ANSWERED:
	case EVENT_KEEPALIVE:
	case EVENT_ESP_NEW_PEER:
	case EVENT_TICK: case EVENT_KINDS:
		return;			/* no history */
	}
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
	if (!t->without_details)
		return true;
	if (tunnel == NO_INDEX || (t->tunnels[tunnel].flags & TUNNEL_TOLD))
		return false;
	t->tunnels[tunnel].flags |= TUNNEL_TOLD;
	return true;
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
	say(&s, t, ev);
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
