/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/alerts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "detect/precedence.h"

enum {
	STRANGERS_REFILL_S = 10,	/* one more alert about strangers after this long */
	CAPTURES_COUNTED = 64,	/* captures read at the same time (interfaces); files come one after the other */
	NAMES_MAX = 1024,	/* a program has fewer */
};

struct alerts {
	const struct record_sink *sink;
	struct alert *at;		/* [0] is not used: index 0 is "none" */
	uint32_t size, high;		/* slots; first one never used */
	uint32_t free;			/* list through next */
	uint64_t dropped;
	uint32_t used;
	nsec purse, purse_strangers;	/* when each is full again (as track/restraint.c); NSEC_NONE full */
	uint32_t *order;		/* for alerts_tell_final */
	struct { uint32_t capture, last; } numbers[CAPTURES_COUNTED];
	uint32_t numbers_hand;
	char *names[NAMES_MAX];		/* of evidence and causes that came back after a restart */
	size_t n_names;
};

struct alerts *alerts_new(const struct settings *settings, const struct record_sink *sink)
{
	struct alerts *as = calloc(1, sizeof(*as));

	if (!as)
		return NULL;
	as->sink = sink;
	as->size = (uint32_t)settings->tables_alerts + 1;
	as->high = 1;
	as->purse = as->purse_strangers = NSEC_NONE;
	as->at = calloc(as->size, sizeof(*as->at));
	as->order = calloc(as->size, sizeof(*as->order));
	if (!as->at || !as->order) {
		alerts_free(as);
		return NULL;
	}
	return as;
}

void alerts_free(struct alerts *as)
{
	if (!as)
		return;
	for (size_t i = 0; i < as->n_names; i++)
		free(as->names[i]);
	free(as->at);
	free(as->order);
	free(as);
}

const struct alert *alerts_get(const struct alerts *as, uint32_t index)
{
	return index == 0 ? NULL : &as->at[index];
}

bool alerts_know(const struct alerts *as, object_id id)
{
	for (uint32_t i = 1; i < as->high; i++)
		if (as->at[i].used && as->at[i].id == id)
			return true;
	return false;
}

uint64_t alerts_dropped(const struct alerts *as)
{
	return as->dropped;
}

/* By the settings of the tunnel. */
static nsec quiet_time(const struct settings *settings, const struct detector *d)
{
	return (d->one_window ? 1 : 2) * *(const nsec *)((const char *)settings + d->window);
}

/* ---- room ----------------------------------------------------------------- */

static uint32_t slot_take(struct alerts *as)
{
	uint32_t index = as->free;

	if (index != 0) {
		as->free = as->at[index].next;
	} else if (as->high < as->size) {
		index = as->high++;
	} else {
		as->dropped++;
		return 0;
	}
	as->at[index] = (struct alert){ .used = true };
	as->used++;
	return index;
}

static void slot_release(struct alerts *as, uint32_t index)
{
	as->at[index].used = false;
	as->used--;
	as->at[index].next = as->free;
	as->free = index;
}

/* Dense numbers per capture; a capture that is read again after 64 others would begin anew, and none is. */
static object_id identity(struct alerts *as, uint32_t capture)
{
	for (uint32_t i = 0; i < CAPTURES_COUNTED; i++)
		if (as->numbers[i].capture == capture && as->numbers[i].last > 0)
			return object_id_of(capture, ++as->numbers[i].last);

	uint32_t i = as->numbers_hand++ % CAPTURES_COUNTED;

	as->numbers[i].capture = capture;
	as->numbers[i].last = 1;
	return object_id_of(capture, 1);
}

/* ---- telling -------------------------------------------------------------- */

static size_t evidence_of(const struct finding *f, struct record_evidence ret[FINDING_EVIDENCE_MAX])
{
	for (size_t i = 0; i < f->n_items; i++) {
		const struct finding_item *item = &f->items[i];

		ret[i] = (struct record_evidence){ .name = item->name };
		switch (item->type) {
		case ITEM_INTEGER:
			ret[i].type = EVIDENCE_INTEGER;
			ret[i].integer = item->integer;
			break;
		case ITEM_REAL:
			ret[i].type = EVIDENCE_REAL;
			ret[i].real = item->real;
			break;
		case ITEM_TEXT:
			ret[i].type = EVIDENCE_TEXT;
			ret[i].text = item->text;
			break;
		}
	}
	return f->n_items;
}

static void tell(struct alerts *as, struct alert *a)
{
	char peer[2][ENDPOINT_TEXT_MAX] = { "", "" }, sentence[640];
	struct text summary = TEXT_IN(sentence);
	struct story story = { .finding = &a->finding, .peer = { peer[0], peer[1] }, .summary = &summary };
	struct record_evidence evidence[FINDING_EVIDENCE_MAX];
	struct record_action actions[ACTIONS_MAX];
	int side = a->finding.side;

	a->dirty = a->urgent = false;
	if (!as->sink->alert)
		return;
	if (a->tunnel != 0)
		for (int i = 0; i < 2; i++)
			endpoint_text(a->peers[i], peer[i]);
	a->detector->explain(&story);

	/* the side to look at decides when its vendor is known; otherwise whoever is known */
	uint32_t known = side >= 0 && a->vendors[side] ? a->vendors[side] : a->vendors[0] | a->vendors[1];
	struct record_alert r = {
		.id = a->id,
		.tunnel = a->tunnel,
		.code = a->detector->code,
		.severity = a->finding.severity,
		.confidence = a->finding.confidence,
		.cleared = a->cleared_at != NSEC_NONE,
		.first = a->finding.first,
		.last = a->evidence_last,
		.raised = a->raised,
		.cleared_at = a->cleared_at,
		.count = a->finding.count,
		.summary = sentence,
		.cause = a->cause ? a->cause->code : a->finding.cause,
		.incident = a->incident,
		.n_evidence = evidence_of(&a->finding, evidence),
		.evidence = evidence,
		.n_frames = a->finding.n_frames,
		.n_actions = remedy_actions(a->detector->code, story.remedies, story.n_remedies, known, actions),
		.actions = actions,
		.peers = a->tunnel != 0 ? a->peers : NULL,
	};

	memcpy(r.frames, a->finding.frames, sizeof(r.frames));
	as->sink->alert(as->sink->user, &r);
}

void alerts_tell_urgent(struct alerts *as, uint32_t head)
{
	for (uint32_t i = head; i != 0; i = as->at[i].next)
		if (as->at[i].urgent)
			tell(as, &as->at[i]);
}

void alerts_tell_changed(struct alerts *as)
{
	for (uint32_t i = 1; i < as->high; i++)
		if (as->at[i].used && as->at[i].dirty)
			tell(as, &as->at[i]);
}

void alerts_tell_final(struct alerts *as)
{
	uint32_t n = 0;

	/* by identity, so that the order does not depend on which slots were free; nearly sorted as it is */
	for (uint32_t i = 1; i < as->high; i++) {
		const struct alert *a = &as->at[i];
		uint32_t j = n;

		if (!a->used || (!a->dirty && a->cleared_at != NSEC_NONE))
			continue;
		for (; j > 0 && as->at[as->order[j - 1]].id > a->id; j--)
			as->order[j] = as->order[j - 1];
		as->order[j] = i;
		n++;
	}
	for (uint32_t j = 0; j < n; j++)
		tell(as, &as->at[as->order[j]]);
}

/* ---- merging -------------------------------------------------------------- */

static struct alert *find(struct alerts *as, uint32_t head, const struct detector *d, uint64_t key)
{
	for (uint32_t i = head; i != 0; i = as->at[i].next)
		if (as->at[i].detector == d && as->at[i].finding.key == key)
			return &as->at[i];
	return NULL;
}

/* Vendors by the vendor IDs of the tunnel's latest IKE SAs. */
static void vendors_of(const struct scene *sc, uint32_t ret[2])
{
	uint32_t index = sc->tunnel->ike_sas;

	for (int looked = 0; index != NO_INDEX && looked < 16; looked++) {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, index);

		if (!sa)
			break;
		for (size_t i = 0; i < sa->n_vendors; i++)
			if (sa->vendors[i].name && sa->vendors[i].side >= 0)
				ret[sa->vendors[i].side] |= vendors_of_name(sa->vendors[i].name);
		index = sa->next_in_tunnel;
	}
}

static void fill_tunnel(struct alert *a, const struct scene *sc)
{
	if (!sc->tunnel)
		return;
	a->tunnel = sc->tunnel->id;
	a->peers[0] = sc->tunnel->peer[0];
	a->peers[1] = sc->tunnel->peer[1];
	vendors_of(sc, a->vendors);
}

static void update(struct alert *a, const struct finding *f, nsec now)
{
	bool worse = f->severity > a->finding.severity;
	nsec first = a->finding.first < f->first ? a->finding.first : f->first;

	if (f->last > a->evidence_last) {
		a->evidence_last = f->last;
		a->dirty = true;
	}
	if (worse || (f->severity == a->finding.severity && f->count >= a->finding.count)) {
		if (worse || f->count > a->finding.count || f->cause != a->finding.cause ||
		    !finding_same_evidence(&a->finding, f))
			a->dirty = true;
		if (worse)
			a->urgent = true;
		a->finding = *f;
		a->finding.first = first;
	}
	a->true_last = now;
	a->held = true;
}

static bool pay(nsec *purse, nsec now, int64_t burst, nsec refill)
{
	nsec full = *purse == NSEC_NONE || *purse < now ? now : *purse;

	if (full - now > (burst - 1) * refill)
		return false;
	*purse = full + refill;
	return true;
}

/*
 * A flood of causes shall not fill the disk: tunnels that were never up may be nothing but forged
 * addresses.  They share a small purse and half of the table; all together have a larger one.  What
 * is refused is raised at a later look, if it is still true.
 */
static bool admits(struct alerts *as, const struct scene *sc, nsec now)
{
	const struct settings *set = sc->settings;
	bool stranger = sc->tunnel && !sc->expected && !tunnel_was_up(sc->tunnel);

	if (stranger && (as->used >= as->size / 2 ||
			 !pay(&as->purse_strangers, now, set->history_alerts, STRANGERS_REFILL_S * NSEC_PER_S)))
		return false;
	return pay(&as->purse, now, set->tables_alerts, NSEC_PER_S);
}

static bool open_new(struct alerts *as, uint32_t *head, uint32_t *count, const struct detector *d,
		     const struct scene *sc, uint32_t capture, nsec now, const struct finding *f)
{
	uint32_t index = admits(as, sc, now) ? slot_take(as) : 0;

	if (index == 0)
		return false;

	struct alert *a = &as->at[index];

	a->detector = d;
	a->finding = *f;
	a->id = identity(as, capture);
	fill_tunnel(a, sc);
	a->raised = a->true_last = now;
	a->evidence_last = f->last;
	a->cleared_at = NSEC_NONE;
	a->dirty = a->urgent = a->held = true;
	a->next = *head;
	*head = index;
	++*count;
	return true;
}

/* Clears what was not held and has been quiet for long; returns whether there was such a one. */
static bool clear_quiet(struct alerts *as, uint32_t head, const struct detector *d, const struct settings *settings,
			nsec now)
{
	bool changed = false;

	for (uint32_t i = head; i != 0; i = as->at[i].next) {
		struct alert *a = &as->at[i];

		if (a->detector != d)
			continue;
		if (!a->held && a->cleared_at == NSEC_NONE && now - a->true_last >= quiet_time(settings, d)) {
			a->cleared_at = now;
			a->dirty = a->urgent = changed = true;
		}
		a->held = false;
	}
	return changed;
}

bool alerts_merge(struct alerts *as, uint32_t *head, uint32_t *count, const struct detector *detector,
		  const struct scene *sc, uint32_t capture, nsec now, const struct findings *found)
{
	bool changed = false;

	for (size_t i = 0; i < found->n; i++) {
		const struct finding *f = &found->finding[i];
		struct alert *a = find(as, *head, detector, f->key);

		if (!a) {
			changed |= open_new(as, head, count, detector, sc, capture, now, f);
			continue;
		}
		if (a->cleared_at != NSEC_NONE) {	/* within the hold-down, or it would be tidied away */
			a->cleared_at = NSEC_NONE;
			a->dirty = changed = true;
		}
		update(a, f, now);
	}
	return clear_quiet(as, *head, detector, sc->settings, now) || changed;
}

void alerts_relate(struct alerts *as, uint32_t head)
{
	for (uint32_t i = head; i != 0; i = as->at[i].next) {
		struct alert *a = &as->at[i];
		const struct alert *best = NULL;
		int rank = PRECEDENCE_NONE;

		if (a->cleared_at != NSEC_NONE)
			continue;
		for (uint32_t j = head; j != 0; j = as->at[j].next) {
			const struct alert *b = &as->at[j];
			int this_rank = precedence_of(b->detector->code, a->detector->code);

			/* one that had cleared before this one began explains nothing */
			if (this_rank >= rank ||
			    (b->cleared_at != NSEC_NONE && b->true_last < a->finding.first))
				continue;
			best = b;
			rank = this_rank;
		}

		object_id incident = !best ? 0 : best->incident ? best->incident : best->id;

		if (!best || (a->cause == best->detector && a->incident == incident))
			continue;
		a->cause = best->detector;
		a->incident = incident;
		a->dirty = a->urgent = true;
	}
}

void alerts_tidy(struct alerts *as, uint32_t *head, const struct settings *settings, nsec now)
{
	uint32_t *link = head;

	while (*link != 0) {
		struct alert *a = &as->at[*link];
		uint32_t index = *link;

		if (a->cleared_at == NSEC_NONE || now - a->raised < settings->realert ||
		    now - a->true_last < quiet_time(settings, a->detector)) {
			link = &a->next;
			continue;
		}
		if (a->dirty)
			tell(as, a);
		*link = a->next;
		slot_release(as, index);
	}
}

void alerts_move(struct alerts *as, uint32_t *from, uint32_t *to, const struct tunnel *tunnel)
{
	uint32_t *link = from;

	while (*link != 0) {
		struct alert *a = &as->at[*link];
		uint32_t index = *link;

		if (!a->detector->of_expected) {
			link = &a->next;
			continue;
		}
		*link = a->next;
		a->next = *to;
		*to = index;
		a->tunnel = tunnel->id;
		a->peers[0] = tunnel->peer[0];
		a->peers[1] = tunnel->peer[1];
		a->dirty = true;
	}
}

void alerts_forget(struct alerts *as, uint32_t *head)
{
	while (*head != 0) {
		struct alert *a = &as->at[*head];
		uint32_t index = *head;

		if (a->dirty)
			tell(as, a);
		*head = a->next;
		slot_release(as, index);
	}
}

/* ---- across a restart ----------------------------------------------------- */

static void pack_finding(struct packer *p, const struct finding *f)
{
	pack_u64(p, f->key);
	pack_u8(p, (uint8_t)f->severity);
	pack_u8(p, (uint8_t)f->confidence);
	pack_text(p, f->cause);
	pack_u8(p, (uint8_t)(f->side + 1));
	pack_u64(p, (uint64_t)f->first);
	pack_u64(p, (uint64_t)f->last);
	pack_u64(p, (uint64_t)f->count);
	pack_u8(p, f->n_items);
	for (size_t i = 0; i < f->n_items; i++) {
		const struct finding_item *item = &f->items[i];
		uint64_t number = (uint64_t)item->integer;

		if (item->type == ITEM_REAL)
			memcpy(&number, &item->real, sizeof(number));
		pack_text(p, item->name);
		pack_u8(p, (uint8_t)item->type);
		if (item->type == ITEM_TEXT)
			pack_text(p, item->text);
		else
			pack_u64(p, number);
	}
	pack_u8(p, f->n_frames);
	for (size_t i = 0; i < f->n_frames; i++)
		pack_u64(p, f->frames[i]);
}

void alerts_pack(const struct alerts *as, uint32_t head, struct packer *p)
{
	uint32_t n = 0;

	for (uint32_t i = head; i != 0; i = as->at[i].next)
		n++;
	pack_u32(p, n);
	for (uint32_t i = head; i != 0; i = as->at[i].next) {
		const struct alert *a = &as->at[i];

		pack_text(p, a->detector->code);
		pack_text(p, a->cause ? a->cause->code : NULL);
		pack_u64(p, a->id);
		pack_u64(p, a->incident);
		pack_u32(p, a->vendors[0]);
		pack_u32(p, a->vendors[1]);
		pack_u64(p, (uint64_t)a->raised);
		pack_u64(p, (uint64_t)a->cleared_at);
		pack_u64(p, (uint64_t)a->true_last);
		pack_u64(p, (uint64_t)a->evidence_last);
		pack_finding(p, &a->finding);
	}
}

static const struct detector *detector_named(struct reader *r)
{
	struct bytes code;

	if (!unpack_text(r, &code))
		return NULL;
	for (size_t i = 0; i < detectors_count(); i++)
		if (strlen(detectors[i]->code) == code.length && memcmp(detectors[i]->code, code.data, code.length) == 0)
			return detectors[i];
	return NULL;
}

/* Names outlive findings: the same text is kept once.  NULL for NULL, and without room. */
static const char *name_of(struct alerts *as, struct reader *r)
{
	struct bytes text;

	if (!unpack_text(r, &text))
		return NULL;
	for (size_t i = 0; i < as->n_names; i++)
		if (strlen(as->names[i]) == text.length && memcmp(as->names[i], text.data, text.length) == 0)
			return as->names[i];

	char *name = as->n_names < NAMES_MAX ? strndup((const char *)text.data, text.length) : NULL;

	if (name)
		as->names[as->n_names++] = name;
	return name;
}

static void unpack_item(struct alerts *as, struct finding_item *item, struct reader *r)
{
	struct bytes text;

	item->name = name_of(as, r);
	if (!item->name)
		reader_reject(r, VERDICT_MALFORMED);
	switch (reader_u8(r)) {
	case ITEM_INTEGER:
		item->type = ITEM_INTEGER;
		item->integer = (int64_t)reader_u64(r);
		return;
	case ITEM_REAL: {
		uint64_t bits = reader_u64(r);

		item->type = ITEM_REAL;
		memcpy(&item->real, &bits, sizeof(bits));
		return;
	}
	case ITEM_TEXT:
		item->type = ITEM_TEXT;
		item->text[0] = '\0';
		if (unpack_text(r, &text) && text.length < sizeof(item->text)) {
			memcpy(item->text, text.data, text.length);
			item->text[text.length] = '\0';
		}
		return;
	default:
		reader_reject(r, VERDICT_MALFORMED);
	}
}

static void unpack_finding(struct alerts *as, struct finding *f, struct reader *r)
{
	uint8_t severity, confidence, side;

	f->key = reader_u64(r);
	severity = reader_u8(r);
	confidence = reader_u8(r);
	f->cause = name_of(as, r);
	side = reader_u8(r);
	f->first = (nsec)reader_u64(r);
	f->last = (nsec)reader_u64(r);
	f->count = (int64_t)reader_u64(r);
	f->n_items = reader_u8(r);
	if (severity > SEVERITY_CRITICAL || confidence > CONFIDENCE_HIGH || side > 2 || f->n_items > FINDING_EVIDENCE_MAX)
		reader_reject(r, VERDICT_MALFORMED);
	f->severity = (enum severity)severity;
	f->confidence = (enum confidence)confidence;
	f->side = (int8_t)(side - 1);
	for (size_t i = 0; reader_ok(r) && i < f->n_items; i++)
		unpack_item(as, &f->items[i], r);
	f->n_frames = reader_u8(r);
	if (f->n_frames > RECORD_FRAMES_MAX)
		reader_reject(r, VERDICT_MALFORMED);
	for (size_t i = 0; reader_ok(r) && i < f->n_frames; i++)
		f->frames[i] = reader_u64(r);
}

static void unpack_alert(struct alerts *as, struct alert *a, nsec shift, struct reader *r)
{
	a->detector = detector_named(r);
	a->cause = detector_named(r);
	a->id = reader_u64(r);
	a->incident = reader_u64(r);
	a->vendors[0] = reader_u32(r);
	a->vendors[1] = reader_u32(r);
	a->raised = (nsec)reader_u64(r);
	a->cleared_at = (nsec)reader_u64(r);
	a->true_last = (nsec)reader_u64(r);
	a->evidence_last = (nsec)reader_u64(r);
	if (a->cleared_at == NSEC_NONE)		/* quiet is only what was watched */
		a->true_last += shift;
	unpack_finding(as, &a->finding, r);
}

bool alerts_unpack(struct alerts *as, uint32_t *head, const struct tunnel *tunnel, bool expected, nsec shift,
		   struct reader *r)
{
	while (*head != 0)		/* behind what is there */
		head = &as->at[*head].next;
	for (uint32_t n = reader_u32(r); reader_ok(r) && n > 0; n--) {
		struct alert a = { .used = true };

		unpack_alert(as, &a, shift, r);
		if (!reader_ok(r))
			return false;
		if (!a.detector)
			continue;	/* a condition that this program does not know */
		if (tunnel) {
			a.tunnel = tunnel->id;
			a.peers[0] = tunnel->peer[0];
			a.peers[1] = tunnel->peer[1];
		}

		if (a.detector->of_expected && !expected && a.cleared_at == NSEC_NONE) {
			a.cleared_at = a.true_last;
			a.dirty = true;
		}

		uint32_t index = slot_take(as);

		if (index == 0)
			return true;
		as->at[index] = a;
		*head = index;
		head = &as->at[index].next;
	}
	return reader_ok(r);
}
