/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is shown of one tunnel: taken from its records as they pass, at most so much of a kind. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/text.h>

#include "report/html_parts.h"
#include "report/people.h"

void detail_init(struct detail *d, const struct seen_tunnel *t)
{
	*d = (struct detail){ .tunnel = malloc(sizeof(*t)) };
	memory_or_end(d->tunnel);
	*d->tunnel = *t;
	d->tunnel->ike = calloc(1, sizeof(*t->ike));
	memory_or_end(d->tunnel->ike);
	d->tunnel->ike->vendors = &d->vendors;
	if (t->ike) {
		d->tunnel->ike->v1 = t->ike->v1;
		d->tunnel->ike->v2 = t->ike->v2;
	}
	for (int kind = 0; kind < BAR_KINDS; kind++) {
		d->bars[kind].at = calloc(BARS_MAX, sizeof(struct bar));
		memory_or_end(d->bars[kind].at);
	}
}

void detail_done(struct detail *d)
{
	for (int kind = 0; kind < BAR_KINDS; kind++)
		free(d->bars[kind].at);
	for (size_t i = 0; i < d->vendors.n; i++)
		free((char *)d->vendors.name[i]);
	if (d->tunnel)
		free(d->tunnel->ike);
	free(d->tunnel);
}

static void see_vendor(struct vendors *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->name[i], name) == 0)
			return;
	if (v->n < VENDORS_MAX && (v->name[v->n] = strdup(name)))
		v->n++;
}

static void see_suite(struct detail *d, const struct record_offer *s)
{
	char encryption[ENCRYPTION_TEXT_MAX];
	const char *const parts[] = {
		encryption_text(s, encryption), s->integrity, s->prf, s->group, s->auth,
	};
	struct text t = TEXT_IN(d->suite);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i])
			text_add(&t, "%s%s", t.used ? ", " : "", parts[i]);
}

/* ---- lives of SAs ---- */

static struct bar *new_bar(struct detail *d, enum bar_kind kind, nsec from, nsec to,
			   struct text *ret_text)
{
	struct bars *b = &d->bars[kind];
	struct bar *bar = &b->at[b->n++ % BARS_MAX];

	*bar = (struct bar){ .from = from, .to = to };
	*ret_text = text_in(bar->text, sizeof(bar->text));
	return bar;
}

static enum bar_look look_of(enum end_reason reason)
{
	switch (reason) {
	case END_NONE: case END_CAPTURE_END:
		return BAR_LIVING;
	case END_REKEYED: case END_SUPERSEDED:
		return BAR_REPLACED;
	case END_PEER_LOST: case END_FAILED:
		return BAR_FAILED;
	case END_DELETED: case END_EXPIRED: case END_IDLE: case END_UNKNOWN:
		break;
	}
	return BAR_ENDED;
}

static void add_moment(struct text *t, const char *before, nsec at)
{
	char text[NSEC_TEXT_MAX];

	if (at != NSEC_NONE)
		text_add(t, "%s%s", before, nsec_moment(at, 3, text));
}

static void add_end(struct text *t, const struct detail *d, enum end_reason reason, int by,
		    nsec from, nsec to)
{
	char peer[ENDPOINT_TEXT_MAX], span[NSEC_TEXT_MAX];

	if (reason == END_NONE)
		text_add(t, "; lives");
	else
		text_add(t, "; ended: %s", end_reason_text(reason));
	if (by == 0 || by == 1)
		text_add(t, ", by %s", endpoint_text(d->tunnel->record.peers[by], peer));
	add_moment(t, " at ", to);
	if (from != NSEC_NONE && to != NSEC_NONE && to >= from)
		text_add(t, ", age %s", nsec_span(to - from, span));
}

static void on_ike_sa(void *user, const struct record_ike_sa *r)
{
	struct detail *d = user;
	nsec end = r->end_reason == END_NONE ? NSEC_NONE
		   : r->ended != NSEC_NONE   ? r->ended
					     : r->last;
	char spis[IKE_SPIS_TEXT_MAX], peer[ENDPOINT_TEXT_MAX];
	struct text t;
	struct bar *bar;

	for (size_t i = 0; i < r->n_vendor_ids; i++)
		see_vendor(&d->vendors, r->vendor_ids[i]);
	if (r->suite.encryption)
		see_suite(d, &r->suite);
	d->tunnel->ike->v1 |= r->version == 1;
	d->tunnel->ike->v2 |= r->version == 2;
	if (r->created == NSEC_NONE)
		return;
	bar = new_bar(d, BARS_IKE, r->created, end, &t);
	bar->look = r->established == NSEC_NONE && r->origin == ORIGIN_OBSERVED
			    ? BAR_FAILED
			    : look_of(r->end_reason);
	text_add(&t, "IKEv%d SA %s, ", r->version, ike_spis_text(r->spi_i, r->spi_r, spis));
	if (record_initiator_known(r))
		text_add(&t, "begun by %s", endpoint_text(r->initiator, peer));
	else
		text_add(&t, "set-up not seen, heard since");
	add_moment(&t, record_initiator_known(r) ? " at " : " ", r->created);
	if (r->origin == ORIGIN_REKEY)
		text_add(&t, " (rekey)");
	if (r->established == NSEC_NONE && r->origin == ORIGIN_OBSERVED)
		text_add(&t, "; never established");
	add_end(&t, d, r->end_reason, r->ended_by, r->created, end);
}

static void on_child_sa(void *user, const struct record_child_sa *r)
{
	struct detail *d = user;
	nsec end = r->end_reason == END_NONE ? NSEC_NONE : r->ended;
	char peer[ENDPOINT_TEXT_MAX];
	struct text t;
	struct bar *bar;

	if (r->created == NSEC_NONE)
		return;
	bar = new_bar(d, BARS_CHILD, r->created, end, &t);
	bar->look = look_of(r->end_reason);
	text_add(&t, "child SA");
	for (int side = 0; side < 2; side++)
		text_add(&t, r->spis[side] ? "%s%08" PRIx32 : "%s?", side ? "/" : " ",
			 r->spis[side]);
	add_moment(&t, " since ", r->created);
	if (r->created_by == 0 || r->created_by == 1)
		text_add(&t, ", begun by %s",
			 endpoint_text(d->tunnel->record.peers[r->created_by], peer));
	add_end(&t, d, r->end_reason, r->ended_by, r->created, end);
}

static void on_esp_sa(void *user, const struct record_esp_sa *r)
{
	struct detail *d = user;
	int side = endpoint_compare(r->src, r->dst) <= 0 ? 0 : 1;
	char count[COUNT_TEXT_MAX], bytes[COUNT_TEXT_MAX];
	struct text t;
	struct bar *bar;

	/* NAT may have changed the ports; the addresses tell the direction */
	if (addr_compare(r->src.addr, d->tunnel->record.peers[0].addr) == 0)
		side = 0;
	else if (addr_compare(r->src.addr, d->tunnel->record.peers[1].addr) == 0)
		side = 1;
	sum_add(&d->packets[side], r->packets);
	sum_add(&d->bytes[side], r->bytes);
	sum_add(&d->lost[side], r->lost);
	if (r->first == NSEC_NONE)
		return;
	bar = new_bar(d, side == 0 ? BARS_ESP_0 : BARS_ESP_1, r->first, r->last, &t);
	bar->look = look_of(r->end_reason);
	text_add(&t, "%s %08" PRIx32 ", %s packets, %s", r->protocol == PROTOCOL_AH ? "AH" : "ESP",
		 r->spi, count_text(r->packets, count), bytes_text(r->bytes, bytes));
	if (r->lost > 0)
		text_add(&t, ", %s lost", count_text(r->lost, count));
	add_moment(&t, "; ", r->first);
	add_moment(&t, " to ", r->last);
	if (r->end_reason != END_NONE)
		text_add(&t, "; ended: %s", end_reason_text(r->end_reason));
}

/* ---- exchanges ---- */

static bool points_to(const struct record_alert *a, const struct record_exchange *r)
{
	if (a->id >> 32 != r->id >> 32)		/* frames are numbered in each capture */
		return false;
	for (size_t i = 0; i < a->n_frames; i++)
		if (a->frames[i] != 0 &&
		    (a->frames[i] == r->request_frame || a->frames[i] == r->response_frame))
			return true;
	return false;
}

static bool is_in_time(const struct record_alert *a, const struct record_exchange *r)
{
	nsec at = r->request_at != NSEC_NONE ? r->request_at : r->response_at;

	return at != NSEC_NONE && a->first != NSEC_NONE && at >= a->first - NSEC_PER_S &&
	       at <= a->last + NSEC_PER_S;
}

static void add_rung(struct ladder *l, const struct record_exchange *r)
{
	if (l->n == RUNGS_MAX) {
		l->left_out++;
		return;
	}

	struct rung *to = &l->at[l->n++];

	*to = (struct rung){
		.request_at = r->request_at, .response_at = r->response_at, .from = r->from,
		.requests = r->requests,
		.responses = r->responses, .rtt_ns = r->rtt_ns, .request_frame = r->request_frame,
		.response_frame = r->response_frame, .message_id = r->message_id,
		.outcome = r->outcome,
		.purpose = r->purpose,
	};
	snprintf(to->kind, sizeof(to->kind), "%s", r->kind ? r->kind : "exchange");
}

static void on_exchange(void *user, const struct record_exchange *r)
{
	struct detail *d = user;

	for (size_t i = 0; i < d->tunnel->n_alerts && i < LADDERS_MAX; i++) {
		const struct record_alert *a = &d->tunnel->alerts[i];

		if (points_to(a, r))
			add_rung(&d->pointed[i], r);
		else if (is_in_time(a, r))
			add_rung(&d->around[i], r);
	}
}

struct record_sink detail_sink(struct detail *d)
{
	return (struct record_sink){
		.user = d, .ike_sa = on_ike_sa, .child_sa = on_child_sa, .esp_sa = on_esp_sa,
		.exchange = on_exchange,
	};
}
