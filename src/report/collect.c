/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/collect.h"

#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>

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

/* ---- in ---- */

void collection_add_capture(struct collection *c, const struct record_capture *kept)
{
	c->captures = grown(c->captures, c->n_captures, &c->captures_room, sizeof(c->captures[0]));
	c->captures[c->n_captures++] = *kept;
}

struct seen_tunnel seen_tunnel_of(const struct record_tunnel *kept)
{
	return (struct seen_tunnel){ .record = *kept };
}

struct seen_tunnel *collection_add_tunnel(struct collection *c, const struct record_tunnel *kept)
{
	c->tunnels = grown(c->tunnels, c->n_tunnels, &c->tunnels_room, sizeof(c->tunnels[0]));

	struct seen_tunnel *to = &c->tunnels[c->n_tunnels++];

	*to = seen_tunnel_of(kept);
	c->indexed = false;
	return to;
}

static void ages_done(struct ages *ages)
{
	for (int side = 0; ages && side < SIDES; side++)
		free(ages[side].age);
}

void seen_tunnel_done(struct seen_tunnel *t)
{
	if (t->ike) {
		ages_done(t->ike->ages);
		free(t->ike->ages);
		free(t->ike->latest);
	}
	free(t->ike);
	ages_done(t->child_ages);
	free(t->child_ages);
	free(t->traffic);
	free(t->alerts);
}

/* `at`, or the first of its kind: `n` times `size` zeros. */
static void *there(void *at, size_t n, size_t size)
{
	if (!at)
		at = calloc(n, size);
	memory_or_end(at);
	return at;
}

static void add_age(struct ages ages[SIDES], int side, nsec age)
{
	struct ages *a = &ages[side == 0 || side == 1 ? side : SIDE_ANY];

	a->age = grown(a->age, a->n, &a->room, sizeof(a->age[0]));
	a->age[a->n++] = age;
}

void seen_tunnel_add_ike(struct collection *c, struct seen_tunnel *t, const struct ike_part *p)
{
	const struct seen_ike_sa *sa = &p->seen;
	struct seen_ike *ike = there(t->ike, 1, sizeof(*ike));

	t->ike = ike;
	ike->sas++;
	ike->established += sa->established != NSEC_NONE || sa->origin == ORIGIN_REKEY;
	ike->living += sa_lives(sa->end_reason);
	ike->failed += sa->end_reason == END_FAILED;
	ike->v1 = ike->v1 || sa->version == 1;
	ike->v2 = ike->v2 || sa->version == 2;
	if (sa->end_reason == END_REKEYED) {
		ike->rekeyed++;
		if (sa->origin != ORIGIN_MIDSTREAM && sa->created != NSEC_NONE &&
		    sa->ended != NSEC_NONE && sa->ended >= sa->created) {
			ike->ages = there(ike->ages, SIDES, sizeof(ike->ages[0]));
			add_age(ike->ages, sa->ended_by, sa->ended - sa->created);
		}
	}
	ike->vendors = vendors_of_both(c, ike->vendors, p->vendors);

	if (ike->n_latest == LATEST_IKE_SAS) {
		memmove(&ike->latest[0], &ike->latest[1],
			(LATEST_IKE_SAS - 1) * sizeof(ike->latest[0]));
	} else {	/* most have one, or none: no room is doubled */
		ike->latest = realloc(ike->latest, ++ike->n_latest * sizeof(ike->latest[0]));
		memory_or_end(ike->latest);
	}
	ike->latest[ike->n_latest - 1] = *sa;
}

void seen_tunnel_add_child(struct seen_tunnel *t, const struct child_part *p)
{
	t->child_sas++;
	t->child_living += p->living;
	if (p->age == NSEC_NONE)
		return;
	t->child_ages = there(t->child_ages, SIDES, sizeof(t->child_ages[0]));
	add_age(t->child_ages, p->side, p->age);
}

static nsec earlier(nsec a, nsec b)
{
	return a == NSEC_NONE || (b != NSEC_NONE && b < a) ? b : a;
}

void seen_tunnel_add_esp(struct seen_tunnel *t, const struct esp_part *p)
{
	if (!t->traffic) {
		t->traffic = there(NULL, 2, sizeof(t->traffic[0]));
		for (int direction = 0; direction < 2; direction++)
			t->traffic[direction].first = t->traffic[direction].last = NSEC_NONE;
	}

	struct seen_traffic *d = &t->traffic[p->from_low ? 0 : 1];

	d->sas++;
	d->moved += p->moved;
	sum_add(&d->packets, p->packets);
	sum_add(&d->bytes, p->bytes);
	sum_add(&d->lost, p->lost);
	d->loss_unknown = d->loss_unknown || p->lost < 0;
	sum_add(&d->late, p->late);
	sum_add(&d->duplicates, p->duplicates);
	d->first = earlier(d->first, p->first);
	d->last = p->last > d->last ? p->last : d->last;	/* NSEC_NONE is the smallest */
	d->udp = d->udp || p->udp;
	d->tcp = d->tcp || p->tcp;
	d->plain = d->plain || p->plain;
	d->ah = d->ah || p->ah;
}

static void traffic_unite(struct seen_traffic *d, const struct seen_traffic *more)
{
	d->sas += more->sas;
	d->moved += more->moved;
	sum_add(&d->packets, more->packets);
	sum_add(&d->bytes, more->bytes);
	sum_add(&d->lost, more->lost);
	d->loss_unknown = d->loss_unknown || more->loss_unknown;
	sum_add(&d->late, more->late);
	sum_add(&d->duplicates, more->duplicates);
	d->first = earlier(d->first, more->first);
	d->last = more->last > d->last ? more->last : d->last;
	d->udp = d->udp || more->udp;
	d->tcp = d->tcp || more->tcp;
	d->plain = d->plain || more->plain;
	d->ah = d->ah || more->ah;
}

void seen_tunnel_unite(struct seen_tunnel *to, struct seen_tunnel *from)
{
	if (!to->traffic) {
		to->traffic = from->traffic;
		from->traffic = NULL;
	}
	for (int direction = 0; from->traffic && direction < 2; direction++)
		traffic_unite(&to->traffic[direction], &from->traffic[direction]);
	free(from->traffic);
	from->traffic = NULL;
	to->child_sas += from->child_sas;
	to->child_living += from->child_living;
	if (!from->child_ages)
		return;
	to->child_ages = there(to->child_ages, SIDES, sizeof(to->child_ages[0]));
	for (int side = 0; side < SIDES; side++)
		for (size_t i = 0; i < from->child_ages[side].n; i++)
			add_age(to->child_ages, side, from->child_ages[side].age[i]);
	ages_done(from->child_ages);
	free(from->child_ages);
	from->child_ages = NULL;
}

void collection_add_alert(struct collection *c, struct seen_tunnel *t,
			  const struct record_alert *kept)
{
	if (t) {
		t->alerts = grown(t->alerts, t->n_alerts, &t->alerts_room, sizeof(t->alerts[0]));
		t->alerts[t->n_alerts++] = *kept;
	} else {
		c->alerts = grown(c->alerts, c->n_alerts, &c->alerts_room, sizeof(c->alerts[0]));
		c->alerts[c->n_alerts++] = *kept;
	}
}

/* ---- the records of a walk ---- */

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

static void walk_capture(void *user, const struct record_capture *r)
{
	struct record_capture kept = collection_keep_capture(user, r);

	collection_add_capture(user, &kept);
}

static void walk_tunnel(void *user, const struct record_tunnel *r)
{
	struct record_tunnel kept = collection_keep_tunnel(user, r);

	collection_add_tunnel(user, &kept);
}

static void walk_ike_sa(void *user, const struct record_ike_sa *r)
{
	struct seen_tunnel *t = find_tunnel(user, r->tunnel);

	if (t) {
		struct ike_part part = ike_part_of(user, r);

		seen_tunnel_add_ike(user, t, &part);
	}
}

static void walk_child_sa(void *user, const struct record_child_sa *r)
{
	struct seen_tunnel *t = find_tunnel(user, r->tunnel);
	struct child_part part = child_part_of(r);

	if (t)
		seen_tunnel_add_child(t, &part);
}

static void walk_esp_sa(void *user, const struct record_esp_sa *r)
{
	struct seen_tunnel *t = find_tunnel(user, r->tunnel);

	if (t) {
		struct esp_part part = esp_part_of(r, t->record.peers);

		seen_tunnel_add_esp(t, &part);
	}
}

static void walk_alert(void *user, const struct record_alert *r)
{
	struct record_alert kept = collection_keep_alert(user, r);

	collection_add_alert(user, r->tunnel ? find_tunnel(user, r->tunnel) : NULL, &kept);
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

static int by_addresses(const void *a, const void *b)
{
	const struct seen_tunnel *x = a, *y = b;

	for (int side = 0; side < 2; side++) {
		int order = endpoint_compare((struct endpoint){ x->record.peers[side].addr, 0 },
					     (struct endpoint){ y->record.peers[side].addr, 0 });

		if (order != 0)
			return order;
	}
	return by_id(a, b);
}

static bool is_empty(const struct seen_tunnel *t)
{
	return !t->ike && t->child_sas == 0 && !t->traffic && t->n_alerts == 0;
}

/*
 * From a port of the NAT where nothing stayed: its set-up went on from another, and is told there.
 */
static bool is_told_elsewhere(const struct seen_tunnel *t, bool others)
{
	return others && is_empty(t) &&
	       (t->record.peers[0].port != 0 || t->record.peers[1].port != 0);
}

/* They come in the order of their addresses, and most are healthy: often nothing needs to move. */
static void put_in_order(struct collection *c, int (*compare)(const void *, const void *))
{
	for (size_t i = 1; i < c->n_tunnels; i++)
		if (compare(&c->tunnels[i - 1], &c->tunnels[i]) > 0) {
			qsort(c->tunnels, c->n_tunnels, sizeof(c->tunnels[0]), compare);
			return;
		}
}

static void leave_out_empty(struct collection *c)
{
	size_t kept = 0;

	put_in_order(c, by_addresses);
	for (size_t first = 0, next; first < c->n_tunnels; first = next) {
		bool others = false;

		for (next = first; next < c->n_tunnels &&
				   addr_equal(c->tunnels[next].record.peers[0].addr,
					      c->tunnels[first].record.peers[0].addr) &&
				   addr_equal(c->tunnels[next].record.peers[1].addr,
					      c->tunnels[first].record.peers[1].addr);
		     next++)
			others |= !is_empty(&c->tunnels[next]);
		for (size_t i = first; i < next; i++) {
			if (is_told_elsewhere(&c->tunnels[i], others))
				continue;
			if (kept != i)
				c->tunnels[kept] = c->tunnels[i];
			kept++;
		}
	}
	c->n_tunnels = kept;
}

void collection_judge(struct collection *c)
{
	leave_out_empty(c);
	for (size_t i = 0; i < c->n_tunnels; i++) {
		struct seen_tunnel *t = &c->tunnels[i];

		if (t->n_alerts > 0)
			qsort(t->alerts, t->n_alerts, sizeof(t->alerts[0]), by_severity);
		t->rank = (int)rank_of(t);
	}
	put_in_order(c, by_rank);
	c->indexed = false;
	if (c->n_alerts > 0)
		qsort(c->alerts, c->n_alerts, sizeof(c->alerts[0]), by_severity);
}

static int by_age(const void *a, const void *b)
{
	nsec x = *(const nsec *)a, y = *(const nsec *)b;

	return (x > y) - (x < y);
}

struct age_summary ages_summary(const struct ages *ages, int side)
{
	size_t from = side == SIDES ? 0 : (size_t)side,
	       to = side == SIDES ? SIDES : (size_t)side + 1;
	struct age_summary ret = { 0 };
	size_t n = 0;

	for (size_t i = from; ages && i < to; i++)
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
	for (size_t i = 0; i < c->n_tunnels; i++)
		seen_tunnel_done(&c->tunnels[i]);
	free(c->tunnels);
	free(c->captures);
	free(c->alerts);
	keep_done(c);
	*c = (struct collection){ 0 };
}

struct record_sink collection_sink(struct collection *c)
{
	return (struct record_sink){
		.user = c,
		.capture = walk_capture,
		.tunnel = walk_tunnel,
		.ike_sa = walk_ike_sa,
		.esp_sa = walk_esp_sa,
		.child_sa = walk_child_sa,
		.alert = walk_alert,
	};
}
