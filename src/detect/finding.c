/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/detector.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* fewer messages, or a smaller part of them, say nothing about the others */
enum { MISSED_MIN = 3, MISSED_PART = 20 };

struct finding *finding_raise(struct findings *out, enum severity severity,
			      enum confidence confidence, nsec first, nsec last, int64_t count)
{
	/*
	 * More than fit: the last one is overwritten; FINDINGS_MAX is beyond what any detector
	 * keeps apart.
	 */
	struct finding *f = &out->finding[out->n < FINDINGS_MAX ? out->n++ : FINDINGS_MAX - 1];

	f->key = 0;
	f->severity = severity;
	f->confidence = confidence;
	f->cause = NULL;
	f->side = SIDE_UNKNOWN;
	/* what was decided late may be older than what was known before */
	f->first = first < last ? first : last;
	f->last = first < last ? last : first;
	f->well = NSEC_NONE;
	f->count = count;
	f->instead = f->over = false;
	f->n_items = f->n_frames = 0;
	return f;
}

void finding_over(struct findings *out, uint64_t key)
{
	struct finding *f = finding_raise(out, SEVERITY_INFO, CONFIDENCE_LOW, 0, 0, 0);

	f->key = key;
	f->over = true;
}

/* NULL when the finding is full. */
static struct finding_item *item_add(struct finding *f, const char *name)
{
	if (f->n_items == FINDING_EVIDENCE_MAX)
		return NULL;

	struct finding_item *item = &f->items[f->n_items++];

	item->name = name;
	return item;
}

void finding_integer(struct finding *f, const char *name, int64_t value)
{
	struct finding_item *item = item_add(f, name);

	if (item) {
		item->type = ITEM_INTEGER;
		item->integer = value;
	}
}

void finding_real(struct finding *f, const char *name, double value)
{
	struct finding_item *item = item_add(f, name);

	if (item) {
		item->type = ITEM_REAL;
		item->real = value;
	}
}

void finding_seconds(struct finding *f, const char *name, nsec span)
{
	/* milliseconds are enough, and 12.3 reads better than 12.300000021 */
	int64_t ms = span / NSEC_PER_MS;

	finding_real(f, name, (double)ms / 1000.0);
}

void finding_text(struct finding *f, const char *name, const char *format, ...)
{
	struct finding_item *item = item_add(f, name);
	va_list args;

	if (!item)
		return;
	item->type = ITEM_TEXT;
	va_start(args, format);
	vsnprintf(item->text, sizeof(item->text), format, args);
	va_end(args);
}

void finding_address(struct finding *f, const char *name, const struct scene *sc, int side)
{
	char text[ENDPOINT_TEXT_MAX];

	if (side >= 0 && sc->tunnel)
		finding_text(f, name, "%s", endpoint_text(sc->tunnel->peer[side], text));
}

void finding_frame(struct finding *f, uint64_t frame)
{
	if (frame == 0)
		return;
	for (size_t i = 0; i < f->n_frames; i++)
		if (f->frames[i] == frame)
			return;
	if (f->n_frames < RECORD_FRAMES_MAX)
		f->frames[f->n_frames++] = frame;
	else
		f->frames[RECORD_FRAMES_MAX - 1] = frame;
}

static bool same_item(const struct finding_item *a, const struct finding_item *b)
{
	if (strcmp(a->name, b->name) != 0 || a->type != b->type)
		return false;
	switch (a->type) {
	case ITEM_INTEGER:
		return a->integer == b->integer;
	case ITEM_REAL:
		return !(a->real < b->real) && !(a->real > b->real);
	case ITEM_TEXT:
		return strcmp(a->text, b->text) == 0;
	}
	return false;
}

bool finding_same_evidence(const struct finding *a, const struct finding *b)
{
	if (a->n_items != b->n_items || a->n_frames != b->n_frames ||
	    memcmp(a->frames, b->frames, a->n_frames * sizeof(a->frames[0])) != 0)
		return false;
	for (size_t i = 0; i < a->n_items; i++)
		if (!same_item(&a->items[i], &b->items[i]))
			return false;
	return true;
}

const struct finding_item *finding_item(const struct finding *f, const char *name)
{
	for (size_t i = 0; i < f->n_items; i++)
		if (strcmp(f->items[i].name, name) == 0)
			return &f->items[i];
	return NULL;
}

int64_t finding_get(const struct finding *f, const char *name)
{
	const struct finding_item *item = finding_item(f, name);

	return !item ? 0 : item->type == ITEM_INTEGER ? item->integer :
	       item->type == ITEM_REAL ? (int64_t)item->real : 0;
}

double finding_get_real(const struct finding *f, const char *name)
{
	const struct finding_item *item = finding_item(f, name);

	return !item ? 0 : item->type == ITEM_REAL ? item->real :
	       item->type == ITEM_INTEGER ? (double)item->integer : 0;
}

const char *finding_get_text(const struct finding *f, const char *name)
{
	const struct finding_item *item = finding_item(f, name);

	return item && item->type == ITEM_TEXT ? item->text : "";
}

nsec finding_get_span(const struct finding *f, const char *name)
{
	const double most = 6.9e9;
	double s = finding_get_real(f, name);

	return (nsec)((s < most ? s > -most ? s : -most : most) * (double)NSEC_PER_S);
}

const char *finding_cause(const struct finding *f)
{
	return f->cause ? f->cause : "";
}

enum confidence less(enum confidence c)
{
	return c == CONFIDENCE_HIGH ? CONFIDENCE_MEDIUM : CONFIDENCE_LOW;
}

const char *story_peer(const struct story *s, int side)
{
	return side < 0 || !*s->peer[side] ? "one peer" : s->peer[side];
}

bool story_caused_by(const struct story *s, const char *code)
{
	return s->caused_by && strcmp(s->caused_by, code) == 0;
}

void story_remedy(struct story *s, enum remedy r)
{
	assert(s->n_remedies < REMEDIES_PER_ALERT);
	s->remedies[s->n_remedies++] = r;
}

const struct ike_sa *ike_sa_of(const struct scene *sc, object_id id)
{
	uint32_t index = sc->tunnel->ike_sas;

	for (int i = 0; i < LATEST_SAS; i++) {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, index);

		if (!sa || sa->id == id)
			return sa;
		index = sa->next_in_tunnel;
	}
	return NULL;
}

bool side_unseen(const struct scene *sc, int side)
{
	return sc->tunnel && side >= 0 && sc->tunnel->one_sided[side];
}

bool messages_missed(const struct scene *sc)
{
	for (int side = 0; side < 2; side++) {
		const struct tunnel_ike *s = &sc->tunnel->more->ike[side];

		if (!side_unseen(sc, side) && s->proven_unseen >= MISSED_MIN &&
		    s->proven_unseen * MISSED_PART >= s->messages + s->proven_unseen)
			return true;
	}
	return false;
}

bool loss_since(const struct scene *sc, nsec from)
{
	return (sc->loss_last != NSEC_NONE && sc->loss_last >= from) ||
	       (sc->tunnel && sc->tunnel->loss_last != NSEC_NONE && sc->tunnel->loss_last >= from);
}

bool clock_stepped_since(const struct scene *sc, nsec from)
{
	return sc->jump_last != NSEC_NONE && sc->jump_last >= from;
}

bool mirror_doubles(const struct scene *sc)
{
	return sc->tunnel && sc->tunnel->mirror_seen;
}
