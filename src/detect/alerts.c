/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/alert_table.h"

#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>

#include "detect/precedence.h"

enum {
	STRANGERS_REFILL_S = 10,	/* one more alert about strangers after this long */
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
	for (size_t i = 0; i < DETECTORS_MAX; i++)
		as->purse_of_cause[i] = NSEC_NONE;
	as->at = memory_table(as->size, sizeof(*as->at));
	as->order = memory_table(as->size, sizeof(*as->order));
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

uint64_t alerts_left_out(const struct alerts *as)
{
	return as->left_out;
}

/* By the settings of the tunnel. */
static nsec quiet_time(const struct settings *settings, const struct detector *d)
{
	return (d->one_window ? 1 : 2) * *(const nsec *)((const char *)settings + d->window);
}

/* ---- room ----------------------------------------------------------------- */

uint32_t alerts_take(struct alerts *as)
{
	uint32_t index = as->free;

	if (index != 0) {
		as->free = as->at[index].next;
	} else if (as->high < as->size) {
		index = as->high++;
	} else {
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

/*
 * Dense numbers per capture.  A capture that comes back after 64 others would begin anew at 1, but
 * none is read twice.
 */
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
	struct story story = { .finding = &a->finding,
			       .over = a->cleared_at != NSEC_NONE,
			       .caused_by = a->cause ? a->cause->code : NULL,
			       .peer = { peer[0], peer[1] },
			       .summary = &summary };
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
	uint32_t known =
		side >= 0 && a->vendors[side] ? a->vendors[side] : a->vendors[0] | a->vendors[1];
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
		.n_actions = remedy_actions(a->detector->code, story.remedies, story.n_remedies,
		known, actions),
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

	/*
	 * by identity, so that the order does not depend on which slots were free; nearly sorted as
	 * it is
	 */
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

/* Its hold-down is over: what is found next is another alert. */
static bool is_past(const struct alert *a, const struct settings *settings, nsec now)
{
	return a->cleared_at != NSEC_NONE && now - a->raised >= settings->realert &&
	       now - a->true_last >= quiet_time(settings, a->detector);
}

/* It may turn out to have been one of a series (periodic_drop), as long as there is room. */
static bool waits_for_series(const struct alerts *as, const struct alert *a,
			     const struct settings *settings, nsec now)
{
	return !a->cause && precedence_of_series(a->detector->code) && as->used < as->size / 2 &&
	       now - a->true_last < 2 * settings->periodic_window;
}

static struct alert *find(struct alerts *as, uint32_t head, const struct detector *d, uint64_t key,
			  const struct settings *settings, nsec now)
{
	for (uint32_t i = head; i != 0; i = as->at[i].next)
		if (as->at[i].detector == d && as->at[i].finding.key == key &&
		    !(precedence_of_series(d->code) && is_past(&as->at[i], settings, now)))
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

/*
 * Returns whether it may explain another one now: what did no harm so far and is worse than before,
 * or a series that goes on.
 */
static bool update(struct alert *a, const struct finding *f, nsec now)
{
	enum severity severity = f->instead || f->severity > a->finding.severity
					 ? f->severity
					 : a->finding.severity;
	bool worse = f->severity > a->finding.severity;
	bool longer = f->last > a->evidence_last && precedence_is_series(a->detector->code);
	nsec first = a->finding.first < f->first ? a->finding.first : f->first;

	if (f->last > a->evidence_last) {
		a->evidence_last = f->last;
		a->dirty = true;
	}
	if (worse || f->instead || a->detector->of_now ||
	    (f->severity == a->finding.severity && f->count >= a->finding.count)) {
		if (severity != a->finding.severity || f->count != a->finding.count ||
		    f->cause != a->finding.cause || !finding_same_evidence(&a->finding, f))
			a->dirty = true;
		if (severity != a->finding.severity)
			a->urgent = true;
		a->finding = *f;
		a->finding.first = first;
		a->finding.severity = severity;
	}
	a->true_last = now;
	a->held = true;
	return worse || longer;
}

static bool pay(nsec *purse, nsec now, int64_t burst, nsec refill)
{
	nsec full = *purse == NSEC_NONE || *purse < now ? now : *purse;

	if (full - now > (burst - 1) * refill)
		return false;
	*purse = full + refill;
	return true;
}

static size_t place_of(const struct detector *d)
{
	size_t i = 0;

	while (detectors[i] != d)
		i++;
	return i;
}

/*
 * A flood of causes shall not fill the disk: tunnels that were never up may be nothing but forged
 * addresses, and those whose IKE was never seen nothing but forged ESP.  The first share a small
 * purse, the others one for each condition, and both half of the table; all together have a larger
 * one.  What is refused is raised at a later look, if it is still true.
 */
static bool admits(struct alerts *as, const struct detector *d, const struct scene *sc, nsec now)
{
	const struct settings *set = sc->settings;
	bool doubtful = sc->tunnel && !sc->expected && !tunnel_had_ike(sc->tunnel);

	if (doubtful) {
		nsec *purse = tunnel_was_up(sc->tunnel) ? &as->purse_of_cause[place_of(d)]
							: &as->purse_strangers;

		if (as->used >= as->size / 2 ||
		    !pay(purse, now, set->history_alerts, STRANGERS_REFILL_S * NSEC_PER_S))
			return false;
	}
	return pay(&as->purse, now, set->tables_alerts, NSEC_PER_S);
}

static bool open_new(struct alerts *as, uint32_t *head, uint32_t *count, const struct detector *d,
		     const struct scene *sc, uint32_t capture, nsec now, const struct finding *f)
{
	uint32_t index = admits(as, d, sc, now) ? alerts_take(as) : 0;

	if (index == 0) {
		as->left_out++;
		return false;
	}

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
static bool clear_quiet(struct alerts *as, uint32_t head, const struct detector *d,
			const struct settings *settings, nsec now)
{
	bool changed = false;

	for (uint32_t i = head; i != 0; i = as->at[i].next) {
		struct alert *a = &as->at[i];

		if (a->detector != d)
			continue;
		if (!a->held && a->cleared_at == NSEC_NONE &&
		    now - a->true_last >= quiet_time(settings, d)) {
			a->cleared_at = now;
			a->dirty = a->urgent = changed = true;
		}
		a->held = false;
	}
	return changed;
}

bool alerts_merge(struct alerts *as, uint32_t *head, uint32_t *count,
		  const struct detector *detector, const struct scene *sc, uint32_t capture,
		  nsec now, const struct findings *found)
{
	bool changed = false;

	for (size_t i = 0; i < found->n; i++) {
		const struct finding *f = &found->finding[i];
		struct alert *a = find(as, *head, detector, f->key, sc->settings,
					 now);

		if (f->over) {
			if (a && a->cleared_at == NSEC_NONE) {
				a->cleared_at = now;
				a->dirty = a->urgent = changed = true;
			}
			continue;
		}
		if (!a) {
			changed |= open_new(as, head, count, detector, sc, capture, now, f);
			continue;
		}
		/* within the hold-down, or it would be tidied away */
		if (a->cleared_at != NSEC_NONE) {
			a->cleared_at = NSEC_NONE;
			a->dirty = changed = true;
		}
		changed |= update(a, f, now);
	}
	return clear_quiet(as, *head, detector, sc->settings, now) || changed;
}

void alerts_tidy(struct alerts *as, uint32_t *head, const struct settings *settings, nsec now)
{
	uint32_t *link = head;

	while (*link != 0) {
		struct alert *a = &as->at[*link];
		uint32_t index = *link;

		if (!is_past(a, settings, now) || waits_for_series(as, a, settings, now)) {
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

void alerts_end_expected(struct alerts *as, uint32_t head, nsec now)
{
	for (uint32_t i = head; i != 0; i = as->at[i].next) {
		struct alert *a = &as->at[i];

		if (!a->detector->of_expected || a->cleared_at != NSEC_NONE)
			continue;
		a->cleared_at = now;
		finding_text(&a->finding, "cleared", "not expected any more");
		a->dirty = a->urgent = true;
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
