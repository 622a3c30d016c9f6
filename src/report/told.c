/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/told.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>

#define NO_TUNNEL UINT32_MAX

struct told_capture {
	object_id id;
	struct record_capture record;
};

struct told_ike_sa {
	object_id id;
	uint32_t tunnel;
	struct ike_part part;
};

struct told_alert {
	object_id id;
	uint32_t tunnel;	/* NO_TUNNEL: about a capture */
	struct record_alert record;
};

static_assert(offsetof(struct seen_tunnel, record.id) == 0, "it lies on a shelf");

/* ---- shelves ---- */

/*
 * Ids are dense numbers that the program gives, not a stranger: multiplying spreads them enough.
 * Neighbours, which are often told one after the other, stay in one cache line.
 */
static uint32_t place_of(const struct shelf *s, object_id id)
{
	uint64_t line = ((id >> 4) * UINT64_C(0x9e3779b97f4a7c15)) >> 32;

	return (uint32_t)(line << 4 | (id & 15)) & (s->places - 1);
}

static void *element(const struct shelf *s, uint32_t n)
{
	return s->at + n * s->size;
}

static object_id id_of(const struct shelf *s, uint32_t n)
{
	object_id id;

	memcpy(&id, element(s, n), sizeof(id));
	return id;
}

static void widen_index(struct shelf *s)
{
	assert(s->places <= UINT32_MAX / 4);
	free(s->index);
	s->places = s->places ? 2 * s->places : 64;
	s->index = calloc(s->places, sizeof(s->index[0]));
	memory_or_end(s->index);
	for (uint32_t n = 0; n < s->n; n++) {
		uint32_t i = place_of(s, id_of(s, n));

		while (s->index[i] != 0)
			i = (i + 1) & (s->places - 1);
		s->index[i] = n + 1;
	}
}

/*
 * The element with this id, borrowed until the next is looked for; zeros behind the id when it is
 * new.
 */
static void *see(struct shelf *s, object_id id)
{
	if (s->n >= s->places / 2)
		widen_index(s);

	uint32_t i = place_of(s, id);

	for (; s->index[i] != 0; i = (i + 1) & (s->places - 1))
		if (id_of(s, s->index[i] - 1) == id)
			return element(s, s->index[i] - 1);
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 8;
		s->at = realloc(s->at, s->room * s->size);
		memory_or_end(s->at);
	}
	s->index[i] = ++s->n;

	void *new = element(s, s->n - 1);

	memset(new, 0, s->size);
	memcpy(new, &id, sizeof(id));
	return new;
}

static void shelf_done(struct shelf *s)
{
	free(s->at);
	free(s->index);
	*s = (struct shelf){ 0 };
}

/* ---- records in ---- */

static struct seen_tunnel *see_tunnel(struct told *t, object_id id, const struct endpoint *peers)
{
	struct seen_tunnel *w = see(&t->tunnels, id);

	if (w->word == 0 && !w->heard) {	/* until its own record comes */
		struct record_tunnel r = {
			.id = id, .state = TUNNEL_UNKNOWN, .since = NSEC_NONE, .first = NSEC_NONE,
			.last = NSEC_NONE,
			.behind_nat = { RECORD_UNKNOWN, RECORD_UNKNOWN },
		};

		if (peers)
			memcpy(r.peers, peers, sizeof(r.peers));
		*w = seen_tunnel_of(&r);
	}
	return w;
}

/* Something of the tunnel `id` was heard. */
static struct seen_tunnel *hear(struct told *t, object_id id, const struct endpoint *peers)
{
	struct seen_tunnel *w = see_tunnel(t, id, peers);

	w->heard = true;
	return w;
}

static uint32_t number_of(const struct told *t, const struct seen_tunnel *w)
{
	return (uint32_t)(w - (const struct seen_tunnel *)(const void *)t->tunnels.at);
}

static void told_capture(void *user, const struct record_capture *r)
{
	struct told *t = user;
	struct told_capture *c = see(&t->captures, r->id);

	c->record = collection_keep_capture(t->to, r);
}

static void told_tunnel(void *user, const struct record_tunnel *r)
{
	struct told *t = user;
	struct seen_tunnel *w = see_tunnel(t, r->id, r->peers);

	w->word = ++t->words;
	w->record = collection_keep_tunnel(t->to, r);
}

static void told_ike_sa(void *user, const struct record_ike_sa *r)
{
	struct told *t = user;
	struct told_ike_sa *sa = see(&t->ike_sas, r->id);

	sa->tunnel = number_of(t, hear(t, r->tunnel, r->peers));
	sa->part = ike_part_of(t->to, r);
}

static void told_child_sa(void *user, const struct record_child_sa *r)
{
	struct child_part part = child_part_of(r);

	seen_tunnel_add_child(hear(user, r->tunnel, r->peers), &part);
}

static void told_esp_sa(void *user, const struct record_esp_sa *r)
{
	struct seen_tunnel *w = hear(user, r->tunnel, r->peers);
	struct esp_part part = esp_part_of(r, w->record.peers);

	seen_tunnel_add_esp(w, &part);
}

static void told_exchange(void *user, const struct record_exchange *r)
{
	hear(user, r->tunnel, r->peers);
}

static void told_event(void *user, const struct record_event *r)
{
	if (r->tunnel != 0)
		hear(user, r->tunnel, r->peers);
}

static void told_alert(void *user, const struct record_alert *r)
{
	struct told *t = user;
	struct told_alert *a = see(&t->alerts, r->id);

	a->tunnel = r->tunnel != 0 ? number_of(t, hear(t, r->tunnel, r->peers)) : NO_TUNNEL;
	a->record = collection_keep_alert(t->to, r);
}

struct record_sink told_sink(struct told *t)
{
	return (struct record_sink){
		.user = t, .capture = told_capture, .tunnel = told_tunnel, .ike_sa = told_ike_sa,
		.esp_sa = told_esp_sa,
		.child_sa = told_child_sa, .exchange = told_exchange, .event = told_event,
		.alert = told_alert,
	};
}

void told_label(struct told *t, const struct endpoint peers[2], const char *text)
{
	if (t->n_labels == t->labels_room) {
		t->labels_room = t->labels_room ? 2 * t->labels_room : 16;
		t->labels = realloc(t->labels, t->labels_room * sizeof(t->labels[0]));
		memory_or_end(t->labels);
	}
	t->labels[t->n_labels] = (struct label){ .peers = { peers[0], peers[1] },
						 .text = collection_keep_text(t->to, text),
						 .order = t->n_labels };
	t->n_labels++;
}

/* ---- all of it, as a walk would give it ---- */

static int compare_peers(const struct endpoint a[2], const struct endpoint b[2])
{
	int order = endpoint_compare(a[0], b[0]);

	return order != 0 ? order : endpoint_compare(a[1], b[1]);
}

/* Of two for the same peers the later one is found first. */
static int by_peers(const void *a, const void *b)
{
	const struct label *x = a, *y = b;
	int order = compare_peers(x->peers, y->peers);

	return order != 0 ? order : (x->order < y->order) - (x->order > y->order);
}

static struct label *label_of(const struct told *t, const struct endpoint peers[2])
{
	size_t low = 0, high = t->n_labels;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_peers(t->labels[middle].peers, peers) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < t->n_labels && compare_peers(t->labels[low].peers, peers) == 0
		       ? &t->labels[low]
		       : NULL;
}

/* As the history has it: store/inventory.h. */
static void put_labels(struct told *t)
{
	struct seen_tunnel *all = t->to->tunnels;

	for (size_t i = 0; i < t->to->n_tunnels; i++) {
		const struct record_tunnel *r = &all[i].record;
		const struct endpoint plain[2] = { { r->peers[0].addr, 0 },
						   { r->peers[1].addr, 0 } };
		struct label *l = r->network == 0 ? label_of(t, r->peers) : NULL;

		if (!l && r->network == 0)	/* the inventory knows of no other network */
			l = label_of(t, plain);
		if (l && (l->bearer == 0 || all[l->bearer - 1].record.last <= r->last))
			l->bearer = i + 1;
	}
	for (size_t i = 0; i < t->n_labels; i++)
		if (t->labels[i].bearer > 0)
			all[t->labels[i].bearer - 1].record.label = t->labels[i].text;
}

/* Peers meet again in a later series of captures: that is one tunnel. */
static int by_identity(const void *a, const void *b)
{
	const struct seen_tunnel *x = a, *y = b;
	int order;

	if (x->record.network != y->record.network)
		return x->record.network < y->record.network ? -1 : 1;
	order = compare_peers(x->record.peers, y->record.peers);
	return order != 0 ? order : (x->word > y->word) - (x->word < y->word);
}

/*
 * What was told later of the same tunnel; of an older capture it says nothing about how the tunnel
 * is now.
 */
static void unite(struct record_tunnel *to, const struct record_tunnel *later)
{
	struct record_tunnel both =
		to->last == NSEC_NONE || (later->last != NSEC_NONE && later->last >= to->last)
			? *later
			: *to;

	both.id = to->id < later->id ? to->id : later->id;
	both.first =
		to->first == NSEC_NONE || (later->first != NSEC_NONE && later->first < to->first)
			? later->first
			: to->first;
	/* NSEC_NONE is the smallest */
	both.last = to->last > later->last ? to->last : later->last;
	*to = both;
}

static bool is_same(const struct seen_tunnel *a, const struct seen_tunnel *b)
{
	return a->record.network == b->record.network &&
	       compare_peers(a->record.peers, b->record.peers) == 0;
}

/* Where they lie they become the collection's: there may be a million. */
static void collect_tunnels(struct told *t)
{
	struct seen_tunnel *all = (void *)t->tunnels.at;
	uint32_t n = t->tunnels.n;
	size_t kept = 0;

	if (n == 0)			/* all was walked */
		return;
	assert(t->to->n_tunnels == 0);
	free(t->to->tunnels);
	t->places = calloc(n, sizeof(t->places[0]));
	memory_or_end(t->places);
	for (uint32_t i = 0; i < n; i++)
		all[i].number = i;
	qsort(all, n, sizeof(all[0]), by_identity);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t number = all[i].number;

		if (!all[i].heard)
			continue;
		if (kept > 0 && is_same(&all[kept - 1], &all[i])) {
			unite(&all[kept - 1].record, &all[i].record);
			seen_tunnel_unite(&all[kept - 1], &all[i]);
		} else {
			all[kept++] = all[i];
		}
		t->places[number] = (uint32_t)kept - 1;
	}
	t->to->tunnels = all;
	t->to->n_tunnels = kept;
	t->to->tunnels_room = t->tunnels.room;
	t->tunnels.at = NULL;
	shelf_done(&t->tunnels);
}

static struct seen_tunnel *seen(const struct told *t, uint32_t tunnel)
{
	return tunnel == NO_TUNNEL ? NULL : &t->to->tunnels[t->places[tunnel]];
}

struct birth {
	nsec at;
	object_id id;
	uint32_t n;
};

static int by_birth(const void *a, const void *b)
{
	const struct birth *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;	/* NSEC_NONE is the smallest */
	return (x->id > y->id) - (x->id < y->id);
}

static nsec known(nsec a, nsec b)
{
	return a != NSEC_NONE ? a : b;
}

static void collect_ike_sas(struct told *t)
{
	const struct told_ike_sa *all = (const void *)t->ike_sas.at;
	struct birth *births = calloc(t->ike_sas.n + 1, sizeof(births[0]));

	memory_or_end(births);
	for (uint32_t i = 0; i < t->ike_sas.n; i++) {
		const struct seen_ike_sa *sa = &all[i].part.seen;

		births[i] = (struct birth){ known(sa->created, known(sa->established, sa->last)),
					    all[i].id, i };
	}
	qsort(births, t->ike_sas.n, sizeof(births[0]), by_birth);
	for (uint32_t i = 0; i < t->ike_sas.n; i++)
		seen_tunnel_add_ike(t->to, seen(t, all[births[i].n].tunnel),
				    &all[births[i].n].part);
	free(births);
}

static void collect_captures(struct told *t)
{
	const struct told_capture *all = (const void *)t->captures.at;
	struct birth *births = calloc(t->captures.n + 1, sizeof(births[0]));

	memory_or_end(births);
	for (uint32_t i = 0; i < t->captures.n; i++)
		births[i] = (struct birth){ all[i].record.first, all[i].id, i };
	qsort(births, t->captures.n, sizeof(births[0]), by_birth);
	for (uint32_t i = 0; i < t->captures.n; i++)
		collection_add_capture(t->to, &all[births[i].n].record);
	free(births);
}

void told_collect(struct told *t)
{
	if (t->n_labels > 0)
		qsort(t->labels, t->n_labels, sizeof(t->labels[0]), by_peers);
	collect_captures(t);
	collect_tunnels(t);
	put_labels(t);
	collect_ike_sas(t);
	for (uint32_t i = 0; i < t->alerts.n; i++) {
		const struct told_alert *a = element(&t->alerts, i);

		collection_add_alert(t->to, seen(t, a->tunnel), &a->record);
	}
}

void told_init(struct told *t, struct collection *to)
{
	*t = (struct told){
		.to = to,
		.captures.size = sizeof(struct told_capture),
		.tunnels.size = sizeof(struct seen_tunnel),
		.ike_sas.size = sizeof(struct told_ike_sa),
		.alerts.size = sizeof(struct told_alert),
	};
}

void told_done(struct told *t)
{
	for (uint32_t i = 0; i < t->tunnels.n; i++)
		seen_tunnel_done(element(&t->tunnels, i));
	shelf_done(&t->captures);
	shelf_done(&t->tunnels);
	shelf_done(&t->ike_sas);
	shelf_done(&t->alerts);
	free(t->labels);
	free(t->places);
	*t = (struct told){ 0 };
}
