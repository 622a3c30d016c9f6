/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Alerts as bytes and back, in a form that another version of the program understands. */
#include "detect/alert_table.h"

#include <math.h>
#include <string.h>

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
		if (strlen(detectors[i]->code) == code.length &&
		    memcmp(detectors[i]->code, code.data, code.length) == 0)
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
		if (strlen(as->names[i]) == text.length &&
		    memcmp(as->names[i], text.data, text.length) == 0)
			return as->names[i];

	char *name = as->n_names < NAMES_MAX ? strndup((const char *)text.data, text.length) : NULL;

	if (name)
		as->names[as->n_names++] = name;
	return name;
}

/* Where an alert is explained it may be asked for as an integer. */
static bool is_number(double v)
{
	return isfinite(v) && fabs(v) <= 1e18;
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
		break;
	case ITEM_REAL: {
		uint64_t bits = reader_u64(r);

		item->type = ITEM_REAL;
		memcpy(&item->real, &bits, sizeof(bits));
		if (!is_number(item->real))
			reader_reject(r, VERDICT_MALFORMED);
		break;
	}
	case ITEM_TEXT:
		item->type = ITEM_TEXT;
		item->text[0] = '\0';
		if (unpack_text(r, &text) && text.length < sizeof(item->text)) {
			memcpy(item->text, text.data, text.length);
			item->text[text.length] = '\0';
		}
		break;
	default:
		reader_reject(r, VERDICT_MALFORMED);
	}
}

/* Or none; so that the difference of two is a number. */
static nsec unpack_time(struct reader *r)
{
	nsec at = (nsec)reader_u64(r);

	if (!fields_is_time(at) && at != NSEC_NONE)
		reader_reject(r, VERDICT_MALFORMED);
	return at;
}

static nsec unpack_moment(struct reader *r)
{
	nsec at = unpack_time(r);

	if (at == NSEC_NONE)
		reader_reject(r, VERDICT_MALFORMED);
	return at;
}

static void unpack_finding(struct alerts *as, struct finding *f, struct reader *r)
{
	uint8_t severity, confidence, side;

	f->key = reader_u64(r);
	severity = reader_u8(r);
	confidence = reader_u8(r);
	f->cause = name_of(as, r);
	side = reader_u8(r);
	f->first = unpack_moment(r);
	f->last = unpack_moment(r);
	f->count = (int64_t)reader_u64(r);
	f->well = NSEC_NONE;
	f->n_items = reader_u8(r);
	if (severity > SEVERITY_CRITICAL || confidence > CONFIDENCE_HIGH || side > 2 ||
	    f->n_items > FINDING_EVIDENCE_MAX)
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
	a->raised = unpack_moment(r);
	a->cleared_at = unpack_time(r);
	a->true_last = unpack_moment(r);
	a->evidence_last = unpack_time(r);
	if (reader_ok(r) && a->cleared_at == NSEC_NONE && /* quiet is only what was watched */
	    (__builtin_add_overflow(a->true_last, shift, &a->true_last) ||
	     !fields_is_time(a->true_last)))
		reader_reject(r, VERDICT_MALFORMED);
	unpack_finding(as, &a->finding, r);
}

bool alerts_unpack(struct alerts *as, uint32_t *head, const struct tunnel *tunnel, bool expected,
		   nsec shift, struct reader *r)
{
	while (*head != 0)		/* behind what is there */
		head = &as->at[*head].next;
	for (uint32_t n = reader_u32(r); reader_ok(r) && n > 0; n--) {
		struct alert a = { .used = true };

		unpack_alert(as, &a, shift, r);
		/* nobody's, or another's number */
		if (!reader_ok(r) || a.id == 0 || alerts_know(as, a.id))
			return false;
		if (!a.detector || (a.detector->scope == SCOPE_CAPTURE) != !tunnel)
			/* a condition that this program does not know, or not here */
			continue;
		if (tunnel) {
			a.tunnel = tunnel->id;
			a.peers[0] = tunnel->peer[0];
			a.peers[1] = tunnel->peer[1];
		}

		if (a.detector->of_expected && !expected && a.cleared_at == NSEC_NONE) {
			a.cleared_at = a.true_last;
			a.dirty = true;
		}

		uint32_t index = alerts_take(as);

		if (index == 0)
			return true;
		as->at[index] = a;
		*head = index;
		head = &as->at[index].next;
	}
	return reader_ok(r);
}
