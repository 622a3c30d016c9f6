/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sentences at the top of the story: the state, what is wrong, and was traffic lost; and the
 * SPIs below.
 */
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/text.h>

#include "report/people.h"
#include "report/why.h"

/* ---- was traffic lost? ---- */

static const struct record_evidence *evidence_named(const struct record_alert *a, const char *name)
{
	for (size_t i = 0; i < a->n_evidence; i++)
		if (strcmp(a->evidence[i].name, name) == 0)
			return &a->evidence[i];
	return NULL;
}

static double evidence_number(const struct record_alert *a, const char *name)
{
	const struct record_evidence *e = evidence_named(a, name);

	return !e || e->type == EVIDENCE_TEXT ? 0
	       : e->type == EVIDENCE_REAL     ? e->real
					      : (double)e->integer;
}

/* What the alerts of the tunnel say about lost packets. */
struct harm {
	double longest_gap_s;
	int64_t black_hole;
	const char *silent;	/* stopped sending while the other went on */
	double silent_for_s;
};

static void note_harm(struct harm *h, const struct record_alert *a)
{
	static const char *const gaps[] = { "gap_s", "longest_gap_s", "traffic_gap_s" };

	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++)
		if (evidence_number(a, gaps[i]) > h->longest_gap_s)
			h->longest_gap_s = evidence_number(a, gaps[i]);
	if (strcmp(a->code, "stale_spi") == 0)
		h->black_hole += (int64_t)evidence_number(a, "packets");
	if (strcmp(a->code, "one_way_esp") == 0 && evidence_named(a, "silent")) {
		h->silent = evidence_named(a, "silent")->text;
		h->silent_for_s = evidence_number(a, "silent_for_s");
	}
}

static void tell_no_packets(struct text *to, const struct seen_tunnel *t)
{
	if (t->ike && t->ike->established == 0 && t->record.state != TUNNEL_UNKNOWN)
		text_add(to, "No traffic passes: no phase 1 came up, and no protected packet "
			     "(ESP) was seen.");
	else
		text_add(to, "No protected packet (ESP) was seen: nothing passes, "
			     "or it goes past this capture.");
}

static void tell_harm(struct text *to, const struct why_story *s)
{
	const struct seen_tunnel *t = s->tunnel;
	struct harm h = { 0 };
	char span[NSEC_TEXT_MAX], count[COUNT_TEXT_MAX], peer[ENDPOINT_TEXT_MAX], at[NSEC_TEXT_MAX];
	nsec last = s->moments->flow[0].last > s->moments->flow[1].last ? s->moments->flow[0].last :
									  s->moments->flow[1].last;

	for (size_t i = 0; i < t->n_alerts; i++)
		note_harm(&h, &t->alerts[i]);
	if (h.black_hole > 0)
		text_add(to, "Traffic was lost: at least %s packets went to a dead SPI. ",
			 count_text(h.black_hole, count));
	if (h.silent)
		text_add(to, "Nothing came from %s for %s while the other side kept sending. ",
			 h.silent, nsec_span((nsec)(h.silent_for_s * (double)NSEC_PER_S), span));
	if (h.longest_gap_s > 0)
		text_add(to, "Traffic was interrupted, for up to %s at a time. ",
			 nsec_span((nsec)(h.longest_gap_s * (double)NSEC_PER_S), span));
	for (int side = 0; side < 2 && h.longest_gap_s <= 0 && !h.silent; side++) {
		const struct why_flow *f = &s->moments->flow[side];

		if (f->longest_pause > 0)
			text_add(to,
				 "Between one SPI and the next, packets from %s paused "
				 "for up to %s. ",
				 endpoint_text(t->record.peers[side], peer),
				 nsec_span(f->longest_pause, span));
	}
	for (int side = 0; side < 2 && s->one_side_stopped && !h.silent; side++)
		if (s->moments->flow[side].silent)
			text_add(to, "No packet came from %s after %s UTC, while the other "
				     "side went on. ",
				 endpoint_text(t->record.peers[side], peer),
				 nsec_moment(s->moments->flow[side].last, 0, at));
	if (t->record.state == TUNNEL_DOWN && last != NSEC_NONE)
		text_add(to, "Nothing passes since %s UTC, the last protected packet. ",
			 nsec_moment(last, 0, at));
	for (int side = 0; side < 2; side++) {
		const struct seen_traffic *d = &t->traffic[side];

		if (d->lost > 0 && (double)d->lost * 200 >= (double)(d->packets + d->lost))
			text_add(to, "%.1f %% of the packets from %s are missing before "
				     "this capture. ",
				 100.0 * (double)d->lost / (double)(d->packets + d->lost),
				 endpoint_text(t->record.peers[side], peer));
	}
}

void why_tell_traffic(struct why_story *s)
{
	const struct seen_traffic *d = s->tunnel->traffic;
	char buffer[1024], peer[ENDPOINT_TEXT_MAX];
	struct text to = TEXT_IN(buffer);

	if (!d) {
		tell_no_packets(&to, s->tunnel);
	} else {
		tell_harm(&to, s);
		for (int side = 0; side < 2; side++)
			if (d[side].sas == 0)
				text_add(&to, "No protected packet from %s was seen. ",
					 endpoint_text(s->tunnel->record.peers[side], peer));
		if (to.used == 0)
			text_add(&to, "No interruption of the traffic was seen: "
				      "no pause of it was five times as long as usual.");
	}
	while (to.used > 0 && buffer[to.used - 1] == ' ')
		buffer[--to.used] = '\0';
	s->traffic = strdup(buffer);
	memory_or_end(s->traffic);
}

/* ---- the verdict ---- */

static const char *state_words(enum tunnel_state state)
{
	switch (state) {
	case TUNNEL_UP:
		return "is up";
	case TUNNEL_DEGRADED:
		return "is degraded: it does not work as it should";
	case TUNNEL_DOWN:
		return "is down";
	case TUNNEL_FLAPPING:
		return "is unstable (flapping)";
	case TUNNEL_UNKNOWN:
		break;
	}
	return "is in a state that this capture does not tell";
}

void why_tell_verdict(struct why_story *s)
{
	const struct seen_tunnel *t = s->tunnel;
	char name[TUNNEL_TEXT_MAX], at[NSEC_TEXT_MAX], to[NSEC_TEXT_MAX];

	if (t && t->record.since != NSEC_NONE && t->record.state != TUNNEL_UNKNOWN)
		why_list_add(&s->verdict, "The tunnel %s %s since %s UTC.",
			     tunnel_text(t->record.peers, name), state_words(t->record.state),
			     nsec_moment(t->record.since, 0, at));
	else if (t)
		why_list_add(&s->verdict, "The tunnel %s %s.", tunnel_text(t->record.peers, name),
			     state_words(t->record.state));
	for (size_t i = 0; i < s->n_incidents; i++) {
		const struct record_alert *a = s->incidents[i].alert;
		const char *often = s->incidents[i].raised > 1 ? ", not for the first time" : "";

		nsec_moment(a->first, 0, at);
		nsec_moment(a->last, 0, to);
		if (strcmp(at, to) == 0)
			why_list_add(&s->verdict, "%s (%s%s%s.)",
				     s->incidents[i].head.n ? s->incidents[i].head.at[0] : "", at,
				     often, a->cleared ? ", over now" : "");
		else
			why_list_add(&s->verdict, "%s (From %s to %s%s%s.)",
				     s->incidents[i].head.n ? s->incidents[i].head.at[0] : "", at,
				     to, often, a->cleared ? ", over now" : "");
	}
	if (t && s->n_incidents == 0)
		why_list_add(&s->verdict, "%s",
			     t->record.state == TUNNEL_UP && !s->one_side_stopped
				     ? "Nothing is wrong with it that can be seen from here."
				     : "No condition that sawatch knows was found.");
}

/* ---- SPIs ---- */

static const char *end_words(const struct record_esp_sa *r)
{
	switch (r->end_reason) {
	case END_REKEYED: case END_SUPERSEDED:
		return "replaced";
	case END_DELETED:
		return "deleted";
	case END_EXPIRED:
		return "expired";
	case END_IDLE:
		return "closed when idle";
	case END_PEER_LOST:
		return "peer lost";
	case END_FAILED:
		return "failed";
	case END_NONE: case END_CAPTURE_END:
		return "alive at the end";
	case END_UNKNOWN:
		break;
	}
	return "end not seen";
}

static const char *time_of_day(nsec at, char ret[NSEC_TEXT_MAX])
{
	return at == NSEC_NONE ? "?" : nsec_moment(at, 0, ret) + strlen("2026-11-22 ");
}

/* An SA is the triple of SPI, destination and protocol. */
void why_tell_sas(struct why_story *s)
{
	const struct why_moments *m = s->moments;
	size_t n = m->n_sas < SAS_SHOWN ? m->n_sas : SAS_SHOWN;

	for (size_t i = 0; i < n; i++) {
		const struct record_esp_sa *r = &m->sas[(m->n_sas - n + i) % SAS_SHOWN];
		char spi[SPI_TEXT_MAX], dst[ENDPOINT_TEXT_MAX], at[NSEC_TEXT_MAX],
			age[NSEC_TEXT_MAX];
		char packets[COUNT_TEXT_MAX], bytes[COUNT_TEXT_MAX];
		struct endpoint to = { r->dst.addr, 0 };

		why_list_add(&s->sas, "%s SPI %s to %s: from %s for %s, %s packets, %s, %s",
			     r->protocol == PROTOCOL_AH ? "AH" : "ESP", spi_text(r->spi, spi),
			     endpoint_text(to, dst), time_of_day(r->first, at),
			     nsec_span(nsec_between(r->first, r->last), age),
			     count_text(r->packets, packets), bytes_text(r->bytes, bytes),
			     end_words(r));
	}
}
