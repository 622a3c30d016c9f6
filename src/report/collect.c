/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/collect.h"

#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>

/* ---- memory that is given back all at once ---- */

struct keep {
	struct keep *next;
	size_t used, size;
	_Alignas(max_align_t) char bytes[];
};

enum { KEEP_BYTES = 64 * 1024 };

static void *keep_bytes(struct collection *c, const void *data, size_t length)
{
	size_t rounded = (length + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);

	if (!c->keep || c->keep->size - c->keep->used < rounded) {
		size_t size = rounded > KEEP_BYTES ? rounded : KEEP_BYTES;
		struct keep *k = malloc(sizeof(*k) + size);

		memory_or_end(k);
		*k = (struct keep){ .next = c->keep, .size = size };
		c->keep = k;
	}

	char *at = c->keep->bytes + c->keep->used;

	c->keep->used += rounded;
	if (length > 0)
		memcpy(at, data, length);
	return at;
}

/*
 * Made printable here, once.  Also words that are ours, a code or a cause, come
 * back from a database, and anybody may have written that.
 */
static const char *keep_text(struct collection *c, const char *text)
{
	char *safe = text ? report_printable(text) : NULL;
	const char *kept = safe ? keep_bytes(c, safe, strlen(safe) + 1) : NULL;

	free(safe);
	return kept;
}

static const char *const *keep_texts(struct collection *c, const char *const *texts, size_t n)
{
	const char **list = keep_bytes(c, texts, n * sizeof(texts[0]));

	for (size_t i = 0; i < n; i++)
		list[i] = keep_text(c, texts[i]);
	return list;
}

/* `array` with room for one more element of `size` bytes. */
static void *grown(void *array, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return array;
	*room = *room ? 2 * *room : 8;
	array = realloc(array, *room * size);
	memory_or_end(array);
	return array;
}

/* ---- records in ---- */

static void add_capture(void *user, const struct record_capture *r)
{
	struct collection *c = user;

	c->captures = grown(c->captures, c->n_captures, &c->captures_room, sizeof(c->captures[0]));

	struct record_capture *to = &c->captures[c->n_captures++];

	*to = *r;
	to->name = keep_text(c, r->name);
	to->kind = keep_text(c, r->kind);
	to->link_type = keep_text(c, r->link_type);
	to->fingerprint = NULL;
	to->warnings = keep_texts(c, r->warnings, r->n_warnings);
}

static void add_tunnel(void *user, const struct record_tunnel *r)
{
	struct collection *c = user;

	c->tunnels = grown(c->tunnels, c->n_tunnels, &c->tunnels_room, sizeof(c->tunnels[0]));

	struct seen_tunnel *to = &c->tunnels[c->n_tunnels++];

	*to = (struct seen_tunnel){ .record = *r };
	to->record.unobservable = keep_texts(c, r->unobservable, r->n_unobservable);
	to->record.label = keep_text(c, r->label);
	for (int direction = 0; direction < 2; direction++)
		to->traffic[direction].first = to->traffic[direction].last = NSEC_NONE;
	c->indexed = false;
}

static int by_id(const void *a, const void *b)
{
	object_id x = ((const struct seen_tunnel *)a)->record.id;
	object_id y = ((const struct seen_tunnel *)b)->record.id;

	return (x > y) - (x < y);
}

/* NULL when the walk did not give that tunnel. */
static struct seen_tunnel *find_tunnel(struct collection *c, object_id id)
{
	struct seen_tunnel key = { .record.id = id };

	if (c->n_tunnels == 0)
		return NULL;
	if (!c->indexed)
		qsort(c->tunnels, c->n_tunnels, sizeof(c->tunnels[0]), by_id);
	c->indexed = true;
	return bsearch(&key, c->tunnels, c->n_tunnels, sizeof(c->tunnels[0]), by_id);
}

static void add_age(struct ages ages[SIDES], int side, nsec from, nsec to)
{
	struct ages *a = &ages[side == 0 || side == 1 ? side : SIDE_ANY];

	if (from == NSEC_NONE || to == NSEC_NONE || to < from)
		return;
	a->age = grown(a->age, a->n, &a->room, sizeof(a->age[0]));
	a->age[a->n++] = to - from;
}

/* Vendor IDs that have a name; the hexadecimal ones tell a person nothing. */
static void add_vendor(struct collection *c, struct seen_tunnel *t, const char *name)
{
	bool is_hex = strspn(name, "0123456789abcdef") == strlen(name);

	if (is_hex || t->n_vendors == VENDORS_MAX)
		return;
	for (size_t i = 0; i < t->n_vendors; i++)
		if (strcmp(t->vendors[i], name) == 0)
			return;
	t->vendors[t->n_vendors++] = keep_text(c, name);
}

static void add_ike_sa(void *user, const struct record_ike_sa *r)
{
	struct collection *c = user;
	struct seen_tunnel *t = find_tunnel(c, r->tunnel);

	if (!t)
		return;
	t->ike_sas++;
	t->ike_established += r->established != NSEC_NONE || r->origin == ORIGIN_REKEY;
	t->ike_living += r->end_reason == END_NONE || r->end_reason == END_CAPTURE_END;
	t->ike_failed += r->end_reason == END_FAILED;
	t->ikev1 = t->ikev1 || r->version == 1;
	t->ikev2 = t->ikev2 || r->version == 2;
	if (r->end_reason == END_REKEYED) {
		t->ike_rekeyed++;
		if (r->origin != ORIGIN_MIDSTREAM)
			add_age(t->ike_ages, r->ended_by, r->created, r->ended);
	}
	for (size_t i = 0; i < r->n_vendor_ids; i++)
		add_vendor(c, t, r->vendor_ids[i]);

	if (t->n_latest == LATEST_IKE_SAS)
		memmove(&t->latest[0], &t->latest[1], (LATEST_IKE_SAS - 1) * sizeof(t->latest[0]));
	else
		t->n_latest++;

	struct record_ike_sa *to = &t->latest[t->n_latest - 1].record;

	*to = *r;
	to->suite.encryption = keep_text(c, r->suite.encryption);
	to->suite.integrity = keep_text(c, r->suite.integrity);
	to->suite.prf = keep_text(c, r->suite.prf);
	to->suite.group = keep_text(c, r->suite.group);
	to->suite.auth = NULL;
	to->n_offered = to->n_vendor_ids = 0;
	to->offered = NULL;
	to->vendor_ids = NULL;
	to->peers = NULL;
}

static void add_child_sa(void *user, const struct record_child_sa *r)
{
	struct seen_tunnel *t = find_tunnel(user, r->tunnel);

	if (!t)
		return;
	t->child_sas++;
	t->child_living += r->end_reason == END_NONE || r->end_reason == END_CAPTURE_END;
	/* of an SA older than the capture only the age since its first packet is known: no age at rekey */
	if (r->created_how != CREATED_UNKNOWN && (r->end_reason == END_REKEYED || r->rekey_at != NSEC_NONE))
		add_age(t->child_ages, r->rekeyed_by, r->created, r->rekey_at != NSEC_NONE ? r->rekey_at : r->ended);
}

static nsec earlier(nsec a, nsec b)
{
	return a == NSEC_NONE || (b != NSEC_NONE && b < a) ? b : a;
}

static void add_esp_sa(void *user, const struct record_esp_sa *r)
{
	struct seen_tunnel *t = find_tunnel(user, r->tunnel);

	if (!t)
		return;

	/* several clients behind one address differ by port only */
	const struct endpoint *low = &t->record.peers[0];
	bool from_low = addr_equal(r->src.addr, low->addr) && (low->port == 0 || low->port == r->src.port ||
			!addr_equal(low->addr, t->record.peers[1].addr));
	struct seen_traffic *d = &t->traffic[from_low ? 0 : 1];

	d->sas++;
	sum_add(&d->packets, r->packets);
	sum_add(&d->bytes, r->bytes);
	sum_add(&d->lost, r->lost);
	sum_add(&d->late, r->late);
	sum_add(&d->duplicates, r->duplicates);
	d->first = earlier(d->first, r->first);
	d->last = r->last > d->last ? r->last : d->last;	/* NSEC_NONE is the smallest */
	d->udp = d->udp || r->encap == ENCAP_UDP;
	d->tcp = d->tcp || r->encap == ENCAP_TCP;
	d->plain = d->plain || r->encap == ENCAP_NONE;
	d->ah = d->ah || r->protocol == PROTOCOL_AH;
}

static struct record_alert kept_alert(struct collection *c, const struct record_alert *r)
{
	struct record_alert to = *r;
	struct record_evidence *evidence = keep_bytes(c, r->evidence, r->n_evidence * sizeof(evidence[0]));
	struct record_action *actions = keep_bytes(c, r->actions, r->n_actions * sizeof(actions[0]));

	for (size_t i = 0; i < r->n_evidence; i++) {
		evidence[i].name = keep_text(c, evidence[i].name);
		evidence[i].text = evidence[i].type == EVIDENCE_TEXT ? keep_text(c, evidence[i].text) : NULL;
	}
	for (size_t i = 0; i < r->n_actions; i++) {
		actions[i].vendor = keep_text(c, actions[i].vendor);
		actions[i].text = keep_text(c, actions[i].text);
	}
	to.code = keep_text(c, r->code);
	to.summary = keep_text(c, r->summary);
	to.cause = keep_text(c, r->cause);
	to.evidence = evidence;
	to.actions = actions;
	to.peers = NULL;
	return to;
}

static void add_alert(void *user, const struct record_alert *r)
{
	struct collection *c = user;
	struct seen_tunnel *t = r->tunnel ? find_tunnel(c, r->tunnel) : NULL;

	if (t) {
		t->alerts = grown(t->alerts, t->n_alerts, &t->alerts_room, sizeof(t->alerts[0]));
		t->alerts[t->n_alerts++] = kept_alert(c, r);
	} else {
		c->alerts = grown(c->alerts, c->n_alerts, &c->alerts_room, sizeof(c->alerts[0]));
		c->alerts[c->n_alerts++] = kept_alert(c, r);
	}
}

/* ---- judgement ---- */

static int by_severity(const void *a, const void *b)
{
	const struct record_alert *x = a, *y = b;

	if ((x->incident == 0) != (y->incident == 0))
		return x->incident == 0 ? -1 : 1;	/* symptoms after what stands alone */
	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

static enum tunnel_rank rank_of(const struct seen_tunnel *t)
{
	int worst = -1;

	for (size_t i = 0; i < t->n_alerts; i++)
		if ((int)t->alerts[i].severity > worst)
			worst = (int)t->alerts[i].severity;
	if (worst == SEVERITY_CRITICAL)
		return RANK_CRITICAL;
	if (worst == SEVERITY_WARNING)
		return RANK_WARNING;
	if (worst == SEVERITY_INFO)
		return RANK_INFO;
	switch (t->record.state) {
	case TUNNEL_UNKNOWN:
		return RANK_UNKNOWN;
	case TUNNEL_DOWN:	/* no condition explains it: it may be meant so */
		return RANK_DOWN;
	case TUNNEL_UP:
	case TUNNEL_DEGRADED:
	case TUNNEL_FLAPPING:
		break;
	}
	return RANK_HEALTHY;
}

static int by_rank(const void *a, const void *b)
{
	const struct seen_tunnel *x = a, *y = b;
	int order;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	order = endpoint_compare(x->record.peers[0], y->record.peers[0]);
	if (order == 0)
		order = endpoint_compare(x->record.peers[1], y->record.peers[1]);
	return order != 0 ? order : by_id(a, b);
}

void collection_judge(struct collection *c)
{
	for (size_t i = 0; i < c->n_tunnels; i++) {
		struct seen_tunnel *t = &c->tunnels[i];

		if (t->n_alerts > 0)
			qsort(t->alerts, t->n_alerts, sizeof(t->alerts[0]), by_severity);
		t->rank = (int)rank_of(t);
	}
	if (c->n_tunnels > 0)
		qsort(c->tunnels, c->n_tunnels, sizeof(c->tunnels[0]), by_rank);
	c->indexed = false;
	if (c->n_alerts > 0)
		qsort(c->alerts, c->n_alerts, sizeof(c->alerts[0]), by_severity);
}

static int by_age(const void *a, const void *b)
{
	nsec x = *(const nsec *)a, y = *(const nsec *)b;

	return (x > y) - (x < y);
}

struct age_summary ages_summary(const struct ages ages[SIDES], int side)
{
	size_t from = side == SIDES ? 0 : (size_t)side, to = side == SIDES ? SIDES : (size_t)side + 1;
	struct age_summary ret = { 0 };
	size_t n = 0;

	for (size_t i = from; i < to; i++)
		n += ages[i].n;
	if (n == 0)
		return ret;

	nsec *all = malloc(n * sizeof(all[0]));

	memory_or_end(all);
	for (size_t i = from; i < to; i++) {
		if (ages[i].n > 0)
			memcpy(all + ret.n, ages[i].age, ages[i].n * sizeof(all[0]));
		ret.n += ages[i].n;
	}
	qsort(all, n, sizeof(all[0]), by_age);
	ret.min = all[0];
	ret.max = all[n - 1];
	ret.median = n % 2 ? all[n / 2] : all[n / 2 - 1] + (all[n / 2] - all[n / 2 - 1]) / 2;
	free(all);
	return ret;
}

void collection_init(struct collection *c)
{
	*c = (struct collection){ 0 };
}

void collection_done(struct collection *c)
{
	for (size_t i = 0; i < c->n_tunnels; i++) {
		for (int side = 0; side < SIDES; side++) {
			free(c->tunnels[i].ike_ages[side].age);
			free(c->tunnels[i].child_ages[side].age);
		}
		free(c->tunnels[i].alerts);
	}
	free(c->tunnels);
	free(c->captures);
	free(c->alerts);
	while (c->keep) {
		struct keep *next = c->keep->next;

		free(c->keep);
		c->keep = next;
	}
	*c = (struct collection){ 0 };
}

struct record_sink collection_sink(struct collection *c)
{
	return (struct record_sink){
		.user = c,
		.capture = add_capture,
		.tunnel = add_tunnel,
		.ike_sa = add_ike_sa,
		.esp_sa = add_esp_sa,
		.child_sa = add_child_sa,
		.alert = add_alert,
	};
}
