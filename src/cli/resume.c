/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/resume.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>

#define OUT_OF_ORDER NSEC_PER_S		/* rotated files overlap a little */

enum {
	SAVE_EVERY_S = 300,		/* what was only learned is at most so old after a crash */
	/* on their way at once; the others wait for the next flush */
	BATCH_BYTES = 4 << 20,
	ROOM_FIRST = 64 << 10,
};

/* What the history has of a tunnel index. */
struct saved {
	object_id tunnel;		/* 0: nothing */
	struct endpoint peers[2];
	uint32_t network;
	nsec at;
};

/* An image on its way: the bytes stand in the batch. */
struct parcel {
	struct store_image image;
	size_t track_at, detect_at;
};

struct resume {
	char *source;
	struct tracker *tracker;
	struct detect *detect;
	struct saved *saved;		/* by tunnel index */
	uint32_t n_saved;
	uint32_t next;			/* index at which the next batch begins */
	bool again;			/* some of what was saved is lost */
	/* the batch; the writer's while it is under way */
	atomic_bool under_way, failed;
	uint8_t *bytes;
	size_t room, used;
	struct parcel *parcels;
	size_t n_parcels, parcels_room;
};

struct resume *resume_open(const char *source, struct tracker *tracker, struct detect *detect)
{
	struct resume *r = calloc(1, sizeof(*r));

	memory_or_end(r);
	r->tracker = tracker;
	r->detect = detect;
	r->n_saved = (uint32_t)tracker_settings(tracker)->tables_tunnels;
	r->source = strdup(source);
	r->saved = calloc(r->n_saved, sizeof(r->saved[0]));
	r->room = ROOM_FIRST;
	r->bytes = malloc(r->room);
	memory_or_end(r->source && r->saved && r->bytes);
	return r;
}

void resume_close(struct resume *r)
{
	if (!r)
		return;
	free(r->source);
	free(r->saved);
	free(r->bytes);
	free(r->parcels);
	free(r);
}

/* ---- saving --------------------------------------------------------------- */

/* On the writer's thread. */
static bool write_batch(struct store *s, void *user, struct err *e)
{
	struct resume *r = user;
	bool ok = true;

	for (size_t i = 0; ok && i < r->n_parcels; i++) {
		struct parcel *p = &r->parcels[i];

		p->image.track.data = r->bytes + p->track_at;
		p->image.detect.data = r->bytes + p->detect_at;
		ok = store_image_put(s, r->source, &p->image, e);
	}
	if (!ok)
		atomic_store(&r->failed, true);
	atomic_store(&r->under_way, false);
	return ok;
}

static void make_room(struct resume *r, size_t more)
{
	while (r->room - r->used < more)
		r->room *= 2;
	r->bytes = realloc(r->bytes, r->room);
	memory_or_end(r->bytes);
}

/* Call `save(…, room, size)` until it fits; what it gave is in the batch. */
#define APPEND(r, ret_at, ret_length, save)                                                \
	do {                                                                               \
		size_t needed_ = 0;                                                        \
		for (;;) {                                                                 \
			void *room = (r)->bytes + (r)->used;                               \
			size_t size = (r)->room - (r)->used;                               \
			needed_ = (save);                                                  \
			if (needed_ <= size)                                               \
				break;                                                     \
			make_room(r, needed_);                                             \
		}                                                                          \
		*(ret_at) = (r)->used;                                                     \
		*(ret_length) = needed_;                                                   \
		(r)->used += needed_;                                                      \
	} while (0)

static struct parcel *new_parcel(struct resume *r, object_id tunnel, const struct endpoint *peers,
				 uint32_t network)
{
	if (r->n_parcels == r->parcels_room) {
		r->parcels_room = r->parcels_room ? 2 * r->parcels_room : 64;
		r->parcels = realloc(r->parcels, r->parcels_room * sizeof(r->parcels[0]));
		memory_or_end(r->parcels);
	}

	struct parcel *p = &r->parcels[r->n_parcels++];

	*p = (struct parcel){ .image = {
		.tunnel = tunnel, .network = network, .saved = tracker_now(r->tracker),
		.track_stamp = tracker_stamp(), .detect_stamp = detect_stamp(),
	} };
	if (peers) {
		p->image.peers[0] = peers[0];
		p->image.peers[1] = peers[1];
	}
	return p;
}

static void pack_tunnel(struct resume *r, uint32_t i, const struct tunnel *t)
{
	struct parcel *p = new_parcel(r, t->id, t->peer, t->network);

	APPEND(r, &p->track_at, &p->image.track.length, tracker_save(r->tracker, i, room, size));
	if (p->image.track.length == 0) {	/* nothing of it is in the history */
		r->n_parcels--;
		return;
	}
	if (r->detect)
		APPEND(r, &p->detect_at, &p->image.detect.length,
		       detect_save(r->detect, i, room, size));
	r->saved[i] = (struct saved){ .tunnel = t->id,
				      .peers = { t->peer[0], t->peer[1] },
				      .network = t->network,
				      .at = p->image.saved };
}

static bool is_due(const struct resume *r, uint32_t i, const struct tunnel *t)
{
	const struct saved *s = &r->saved[i];

	return s->tunnel != t->id || s->at == NSEC_NONE || tracker_unsaved(r->tracker, i) ||
	       (r->detect && detect_unsaved(r->detect, i)) ||
	       (t->last > s->at && tracker_now(r->tracker) - s->at >= SAVE_EVERY_S * NSEC_PER_S);
}

/* The capture as a whole, and expected tunnels that were never seen: few, each time. */
static void pack_rest(struct resume *r)
{
	const struct tunnel *missed;
	struct parcel *p = new_parcel(r, 0, NULL, 0);

	if (!r->detect)
		return;
	APPEND(r, &p->detect_at, &p->image.detect.length,
	       detect_save(r->detect, NO_INDEX, room, size));
	for (size_t i = 0; i < detect_expected(r->detect); i++) {
		missed = detect_missed(r->detect, i);
		if (!missed)
			continue;
		p = new_parcel(r, missed->id, missed->peer, 0);
		APPEND(r, &p->detect_at, &p->image.detect.length,
		       detect_save_missed(r->detect, i, room, size));
	}
}

/* First what is gone: another may have its place in the history. */
static void pack_gone(struct resume *r)
{
	for (uint32_t i = 0; i < tracker_tunnels(r->tracker); i++) {
		const struct tunnel *t = tracker_tunnel(r->tracker, i);

		if (r->saved[i].tunnel == 0 || (t && t->id == r->saved[i].tunnel))
			continue;
		new_parcel(r, r->saved[i].tunnel, r->saved[i].peers, r->saved[i].network);
		r->saved[i].tunnel = 0;
	}
}

/* The next `*left` indices, going round, until the batch is full. */
static void pack_tunnels(struct resume *r, uint32_t *left)
{
	uint32_t n = tracker_tunnels(r->tracker);

	for (; *left > 0 && r->used < BATCH_BYTES; --*left, r->next++) {
		const struct tunnel *t = tracker_tunnel(r->tracker, r->next % n);

		if (t && is_due(r, r->next % n, t))
			pack_tunnel(r, r->next % n, t);
	}
}

void resume_save(struct resume *r, struct store_writer *writer, bool all, int patience_ms)
{
	uint32_t left = tracker_tunnels(r->tracker);
	struct err e;

	if (tracker_now(r->tracker) == NSEC_NONE)
		return;
	do {
		if (atomic_load(&r->under_way) &&
		    (!all || !store_writer_drain(writer, patience_ms, &e)))
			return;
		if (atomic_exchange(&r->failed, false) || all)
			for (uint32_t i = 0; i < r->n_saved && left == tracker_tunnels(r->tracker);
			     i++)
				r->saved[i].at = NSEC_NONE;
		r->used = r->n_parcels = 0;
		pack_rest(r);
		pack_gone(r);
		pack_tunnels(r, &left);
		atomic_store(&r->under_way, true);
		if (!store_writer_task(writer, write_batch, r)) {
			atomic_store(&r->failed, true);
			atomic_store(&r->under_way, false);
			return;
		}
	} while (all && left > 0);
}

/* ---- loading -------------------------------------------------------------- */

struct ids {
	object_id *at;
	size_t n, room;
};

struct loading {
	struct resume *r;
	struct store *store;
	uint32_t capture;
	nsec shift;
	struct ids living[STORE_ALERT];		/* SAs that came back, by kind */
	struct ids lost[STORE_ALERT + 1];	/* rows that nobody goes on with */
	struct resumed *ret;
	bool ok;
	struct err *e;
};

static void keep_id(struct ids *s, object_id id)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 256;
		s->at = realloc(s->at, s->room * sizeof(s->at[0]));
		memory_or_end(s->at);
	}
	s->at[s->n++] = id;
}

static int by_id(const void *a, const void *b)
{
	object_id x = *(const object_id *)a, y = *(const object_id *)b;

	return x < y ? -1 : x > y;
}

static bool has_id(const struct ids *s, object_id id)
{
	return s->n > 0 && bsearch(&id, s->at, s->n, sizeof(id), by_id) != NULL;
}

static void restore(void *user, const struct store_image *image)
{
	struct loading *l = user;
	struct resume *r = l->r;
	bool states = strcmp(image->detect_stamp, detect_stamp()) == 0;
	uint32_t i = NO_INDEX;

	if (image->track.length > 0) {
		if (strcmp(image->track_stamp, tracker_stamp()) != 0 ||
		    !tracker_restore(r->tracker, l->capture, image->track, &i))
			return;

		const struct tunnel *t = tracker_tunnel(r->tracker, i);

		r->saved[i] = (struct saved){ .tunnel = t->id,
					      .peers = { t->peer[0], t->peer[1] },
					      .network = t->network,
					      .at = image->saved };
		l->ret->tunnels++;
	}
	if (!r->detect || image->detect.length == 0)
		return;
	if (i != NO_INDEX || image->tunnel == 0)
		detect_restore(r->detect, r->tracker, i, image->detect, l->shift, states);
	else
		detect_restore_missed(r->detect, l->capture, image->peers, image->detect, l->shift,
				      states);
}

static void list_living(struct loading *l)
{
	const struct tracker *t = l->r->tracker;

	for (uint32_t n = 0; n < tracker_tunnels(t); n++) {
		const struct tunnel *w = tracker_tunnel(t, n);
		uint32_t i;

		if (!w)
			continue;
		for (i = w->ike_sas; i != NO_INDEX; i = tracker_ike_sa(t, i)->next_in_tunnel)
			keep_id(&l->living[STORE_IKE_SA], tracker_ike_sa(t, i)->id);
		for (i = w->child_sas; i != NO_INDEX; i = tracker_child_sa(t, i)->next_in_tunnel)
			keep_id(&l->living[STORE_CHILD_SA], tracker_child_sa(t, i)->id);
		for (int d = 0; d < 2; d++)
			for (i = w->esp_sas[d]; i != NO_INDEX;
			     i = tracker_esp_sa(t, i)->next_in_direction)
				keep_id(&l->living[STORE_ESP_SA], tracker_esp_sa(t, i)->id);
	}
	for (size_t kind = 0; kind < STORE_ALERT; kind++)
		if (l->living[kind].n > 0)
			qsort(l->living[kind].at, l->living[kind].n, sizeof(object_id), by_id);
}

static void see_ike_sa(void *user, const struct record_ike_sa *s)
{
	struct loading *l = user;

	if (has_id(&l->living[STORE_IKE_SA], s->id))
		tracker_catch_up_ike_sa(l->r->tracker, s);
	else
		keep_id(&l->lost[STORE_IKE_SA], s->id);
}

static void see_child_sa(void *user, const struct record_child_sa *s)
{
	struct loading *l = user;

	if (!has_id(&l->living[STORE_CHILD_SA], s->id))
		keep_id(&l->lost[STORE_CHILD_SA], s->id);
}

static void see_esp_sa(void *user, const struct record_esp_sa *s)
{
	struct loading *l = user;
	struct record_traffic sum;
	nsec bucket;

	if (!has_id(&l->living[STORE_ESP_SA], s->id))
		keep_id(&l->lost[STORE_ESP_SA], s->id);
	else if (l->ok && tracker_catch_up_esp_sa(l->r->tracker, s, &bucket)) {
		l->ok = store_traffic_since(l->store, s->id, bucket, &sum, l->e);
		if (l->ok)
			tracker_catch_up_traffic(l->r->tracker, s, &sum);
	}
}

static void see_alert(void *user, const struct record_alert *a)
{
	struct loading *l = user;

	if (l->r->detect && detect_knows_alert(l->r->detect, a->id))
		l->ret->alerts++;
	else
		keep_id(&l->lost[STORE_ALERT], a->id);
}

static bool reconcile(struct loading *l, nsec at)
{
	const struct record_sink sink = {
		.user = l, .ike_sa = see_ike_sa, .child_sa = see_child_sa, .esp_sa = see_esp_sa,
		.alert = see_alert,
	};
	bool ok = store_living_walk(l->store, l->r->source, &sink, l->e) && l->ok;

	for (int kind = 0; ok && kind <= STORE_ALERT; kind++) {
		l->ret->given_up += l->lost[kind].n;
		ok = store_give_up(l->store, (enum store_kind)kind, l->lost[kind].at,
				   l->lost[kind].n, at, l->e);
	}
	return ok && store_commit(l->store, l->e);
}

/* The clock stands before all that: whoever goes on later must not meet it living. */
static bool give_up(struct loading *l, nsec at)
{
	bool ok = reconcile(l, at);

	for (size_t kind = 0; kind <= STORE_ALERT; kind++)
		free(l->lost[kind].at);
	return ok;
}

bool resume_load(struct resume *r, struct store *s, uint32_t capture, nsec at, nsec lull,
		 struct resumed *ret, struct err *e)
{
	struct loading l = {
		.r = r, .store = s, .capture = capture, .ret = ret, .ok = true, .e = e
	};
	bool ok = true, unwatched;

	*ret = (struct resumed){ .from = NSEC_NONE };
	if (!store_claim(s, r->source, e) || !store_source_last(s, r->source, &ret->from, e) ||
	    !store_source(s, capture, r->source, e))
		return false;
	if (ret->from == NSEC_NONE)
		return true;
	ret->backwards = at < ret->from - OUT_OF_ORDER;
	if (ret->backwards)
		return lull > 0 || give_up(&l, ret->from);
	if (at < ret->from)
		at = ret->from;
	unwatched = at - ret->from > lull;
	l.shift = unwatched ? at - ret->from : 0;
	ok = store_images_walk(s, r->source, restore, &l, e);
	list_living(&l);
	ok = ok && reconcile(&l, at);
	if (ok)
		tracker_resume(r->tracker, capture, ret->from, at, unwatched);
	for (size_t kind = 0; kind <= STORE_ALERT; kind++) {
		if (kind < STORE_ALERT)
			free(l.living[kind].at);
		free(l.lost[kind].at);
	}
	return ok;
}
