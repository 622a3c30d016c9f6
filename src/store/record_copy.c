/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/record_copy.h"

#include <assert.h>
#include <string.h>

struct copy {
	unsigned char *at;	/* NULL: only measured */
	size_t used;
};

union any_record {
	struct record_capture capture;
	struct record_tunnel tunnel;
	struct record_ike_sa ike_sa;
	struct record_child_sa child_sa;
	struct record_esp_sa esp_sa;
	struct record_exchange exchange;
	struct record_event event;
	struct record_alert alert;
	struct record_traffic traffic;
};

static const size_t sizes[KINDS] = {
	[CAPTURE] = sizeof(struct record_capture), [TUNNEL] = sizeof(struct record_tunnel),
	[IKE_SA] = sizeof(struct record_ike_sa), [CHILD_SA] = sizeof(struct record_child_sa),
	[ESP_SA] = sizeof(struct record_esp_sa), [EXCHANGE] = sizeof(struct record_exchange),
	[EVENT] = sizeof(struct record_event), [ALERT] = sizeof(struct record_alert),
	[TRAFFIC] = sizeof(struct record_traffic),
};

/* Where `bytes` will be from now on; they themselves while measuring. */
static void *keep(struct copy *c, const void *bytes, size_t length)
{
	void *mine = c->at ? c->at + c->used : (void *)(uintptr_t)bytes;

	if (length == 0)
		return NULL;
	if (c->at)
		memcpy(mine, bytes, length);
	c->used += (length + 7) / 8 * 8;
	return mine;
}

static const char *keep_text(struct copy *c, const char *text)
{
	return text ? keep(c, text, strlen(text) + 1) : NULL;
}

static const struct endpoint *keep_peers(struct copy *c, const struct endpoint *peers)
{
	return peers ? keep(c, peers, 2 * sizeof(*peers)) : NULL;
}

static const char *const *keep_texts(struct copy *c, const char *const *texts, size_t n)
{
	const char **mine = keep(c, texts, n * sizeof(*texts));

	for (size_t i = 0; i < n; i++) {
		const char *text = keep_text(c, texts[i]);

		if (c->at)
			mine[i] = text;
	}
	return mine;
}

static void keep_offer_texts(struct copy *c, struct record_offer *r)
{
	r->encryption = keep_text(c, r->encryption);
	r->integrity = keep_text(c, r->integrity);
	r->prf = keep_text(c, r->prf);
	r->group = keep_text(c, r->group);
	r->auth = keep_text(c, r->auth);
}

static const struct record_offer *keep_offers(struct copy *c, const struct record_offer *offers,
					      size_t n)
{
	struct record_offer *mine = keep(c, offers, n * sizeof(*offers));

	for (size_t i = 0; i < n; i++) {
		struct record_offer offer = offers[i];

		keep_offer_texts(c, &offer);
		if (c->at)
			mine[i] = offer;
	}
	return mine;
}

static const struct record_evidence *keep_evidence(struct copy *c,
						   const struct record_evidence *items, size_t n)
{
	struct record_evidence *mine = keep(c, items, n * sizeof(*items));

	for (size_t i = 0; i < n; i++) {
		struct record_evidence item = items[i];

		item.name = keep_text(c, item.name);
		item.text = item.type == EVIDENCE_TEXT ? keep_text(c, item.text) : NULL;
		if (c->at)
			mine[i] = item;
	}
	return mine;
}

static const struct record_action *keep_actions(struct copy *c, const struct record_action *actions,
						size_t n)
{
	struct record_action *mine = keep(c, actions, n * sizeof(*actions));

	for (size_t i = 0; i < n; i++) {
		struct record_action action = { keep_text(c, actions[i].vendor),
						keep_text(c, actions[i].text) };

		if (c->at)
			mine[i] = action;
	}
	return mine;
}

static void keep_capture(struct copy *c, struct record_capture *r)
{
	r->name = keep_text(c, r->name);
	r->kind = keep_text(c, r->kind);
	r->link_type = keep_text(c, r->link_type);
	r->fingerprint = keep_text(c, r->fingerprint);
	r->warnings = keep_texts(c, r->warnings, r->n_warnings);
}

static void keep_ike_sa(struct copy *c, struct record_ike_sa *r)
{
	r->peers = keep_peers(c, r->peers);
	keep_offer_texts(c, &r->suite);
	r->offered = keep_offers(c, r->offered, r->n_offered);
	r->vendor_ids = keep_texts(c, r->vendor_ids, r->n_vendor_ids);
}

static void keep_event(struct copy *c, struct record_event *r)
{
	r->peers = keep_peers(c, r->peers);
	r->kind = keep_text(c, r->kind);
	r->text = keep_text(c, r->text);
}

static void keep_alert(struct copy *c, struct record_alert *r)
{
	r->peers = keep_peers(c, r->peers);
	r->code = keep_text(c, r->code);
	r->summary = keep_text(c, r->summary);
	r->cause = keep_text(c, r->cause);
	r->evidence = keep_evidence(c, r->evidence, r->n_evidence);
	r->actions = keep_actions(c, r->actions, r->n_actions);
}

size_t record_copy(enum kind kind, const void *record, void *at)
{
	struct copy c = { .at = at, .used = (sizes[kind] + 7) / 8 * 8 };
	union any_record r;

	assert(kind < KINDS);
	memcpy(&r, record, sizes[kind]);
	switch (kind) {
	case CAPTURE:
		keep_capture(&c, &r.capture);
		break;
	case TUNNEL:
		r.tunnel.unobservable =
			keep_texts(&c, r.tunnel.unobservable, r.tunnel.n_unobservable);
		r.tunnel.label = keep_text(&c, r.tunnel.label);
		break;
	case IKE_SA:
		keep_ike_sa(&c, &r.ike_sa);
		break;
	case CHILD_SA:
		r.child_sa.peers = keep_peers(&c, r.child_sa.peers);
		break;
	case ESP_SA:
		r.esp_sa.peers = keep_peers(&c, r.esp_sa.peers);
		break;
	case EXCHANGE:
		r.exchange.peers = keep_peers(&c, r.exchange.peers);
		r.exchange.kind = keep_text(&c, r.exchange.kind);
		break;
	case EVENT:
		keep_event(&c, &r.event);
		break;
	case ALERT:
		keep_alert(&c, &r.alert);
		break;
	case TRAFFIC:
	case KINDS:
		break;
	}
	if (at)
		memcpy(at, &r, sizes[kind]);
	return c.used;
}
