/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a monitor goes on with after a restart, when it is not what a monitor
 * wrote: the lives of engine_life.h are saved half way, values in their images
 * are others then, and the lives go on in a tracker and detectors restored from
 * them, and from rows of the history that are later.  They may tell anything, but
 * their tables are consistent and nothing is read or written outside.
 *
 * Images are changed where they are packed, value by value: the functions of
 * pack.h that write are those of this file (image_pack.c).
 */
#include <sawatch/pack.h>

#include "engine_life.h"

enum { EDITS_MAX = 24, IMAGES_MAX = 40, STRUCTURE_MAX = 1 << 16, IMAGE_ROOM = 1 << 18 };
enum {
	FIRST_ROOMY = 1, FIRST_UNWATCHED = 2, FIRST_CUT = 4, FIRST_OTHER_SIZE = 8,
	FIRST_STEPS_BEFORE = 0xf0,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* those of pack.c, as it is */
void written_u8(struct packer *p, uint8_t v);
void written_u32(struct packer *p, uint32_t v);
void written_u64(struct packer *p, uint64_t v);
void written_image(struct packer *p, const void *structure, size_t size);

/* ---- values that are others ------------------------------------------------ */

struct edit {
	/* of the values and structures that are packed, modulo their number */
	uint16_t which;
	uint16_t where;		/* in a structure */
	uint8_t how, value;
};

static struct {
	struct edit edit[EDITS_MAX];
	unsigned n;
	/* values so far, and how many there are; 0: not known yet */
	uint32_t packed, in_all;
} edits;

static const struct edit *edit_next(unsigned *at)
{
	while (edits.in_all > 0 && *at < edits.n) {
		const struct edit *e = &edits.edit[(*at)++];

		if (e->which % edits.in_all == edits.packed)
			return e;
	}
	return NULL;
}

static uint64_t other(const struct edit *e, uint64_t v)
{
	switch (e->how >> 2 & 7) {
	case 0: return e->value;
	case 1: return v + (uint64_t)(int64_t)(int8_t)e->value;
	case 2: return v ^ UINT64_C(1) << e->value % 64;
	case 3: return UINT64_MAX;
	case 4: return UINT64_MAX >> e->value % 64;
	case 5: return UINT64_C(1) << e->value % 64;
	case 6: return UINT64_MAX << e->value % 64;
	default: return (uint64_t)e->value << e->value % 57;
	}
}

static uint64_t value_now(uint64_t v)
{
	const struct edit *e;
	unsigned at = 0;

	while ((e = edit_next(&at)))
		v = other(e, v);
	edits.packed++;
	return v;
}

void pack_u8(struct packer *p, uint8_t v)
{
	written_u8(p, (uint8_t)value_now(v));
}

void pack_u32(struct packer *p, uint32_t v)
{
	written_u32(p, (uint32_t)value_now(v));
}

void pack_u64(struct packer *p, uint64_t v)
{
	written_u64(p, value_now(v));
}

/* One, two, four or eight bytes of it, where such a number may stand. */
void pack_image(struct packer *p, const void *structure, size_t size)
{
	static uint8_t copy[STRUCTURE_MAX];
	const struct edit *e;
	unsigned at = 0;

	assert_true(size <= sizeof(copy));
	memcpy(copy, structure, size);
	while ((e = edit_next(&at))) {
		size_t width = (size_t)1 << (e->how & 3), where = e->where % size & ~(width - 1);
		uint64_t v = 0;

		if (where + width > size)
			continue;
		/* little-endian here, else the values are others: as good */
		memcpy(&v, copy + where, width);
		v = other(e, v);
		memcpy(copy + where, &v, width);
	}
	edits.packed++;
	written_image(p, copy, size);
}

/* ---- saved ----------------------------------------------------------------- */

struct saved {
	/* of the tracker and of the detectors, each in a block of its size */
	uint8_t *bytes[2];
	size_t length[2];
	uint32_t tunnel;		/* NO_INDEX: the capture */
};

static struct saved images[IMAGES_MAX];
static unsigned n_images;
static uint32_t n_saved;		/* tunnels and SAs in them */

static uint32_t objects_of(const struct tracker *t, uint32_t tunnel)
{
	const struct tunnel *w = tracker_tunnel(t, tunnel);

	return 1 + w->live_ike + w->live_child + w->live_esp[0] + w->live_esp[1];
}

static void keep(struct saved *s, int of, const uint8_t *bytes, size_t length)
{
	s->bytes[of] = malloc(length + (length == 0));
	assert_non_null(s->bytes[of]);
	memcpy(s->bytes[of], bytes, length);
	s->length[of] = length;
}

/* All tunnels, and the capture as a whole. */
static void save_all(struct engine *en)
{
	static uint8_t room[IMAGE_ROOM];
	struct tracker *t = en->w.tracker;

	n_images = 0;
	n_saved = 0;
	edits.packed = 0;
	for (uint32_t i = 0; i <= tracker_tunnels(t); i++) {
		bool capture = i == tracker_tunnels(t);
		size_t length = capture || !tracker_tunnel(t, i)
					? 0
					: tracker_save(t, i, room, sizeof(room));
		struct saved *s = &images[n_images];

		if (!capture && length == 0)
			continue;
		assert_true(length <= sizeof(room) && n_images < IMAGES_MAX);
		s->tunnel = capture ? NO_INDEX : i;
		keep(s, 0, room, length);
		n_saved += capture ? 0 : objects_of(t, i);
		length = detect_save(en->detect, capture ? NO_INDEX : i, room, sizeof(room));
		assert_true(length <= sizeof(room));
		keep(s, 1, room, length);
		n_images++;
	}
}

static void drop_all(void)
{
	for (unsigned i = 0; i < n_images; i++) {
		free(images[i].bytes[0]);
		free(images[i].bytes[1]);
	}
	n_images = 0;
}

/* ---- going on -------------------------------------------------------------- */

/* What is told may be anything, but it can be read. */
static void read_text(void *user, const char *text)
{
	struct watch *w = user;

	for (const char *c = text; c && *c; c++)
		fold(w, *c);
}

static void any_tunnel(void *user, const struct record_tunnel *r)
{
	read_text(user, r->label);
}

static void any_ike_sa(void *user, const struct record_ike_sa *r)
{
	read_text(user, r->suite.encryption);
	read_text(user, r->suite.group);
	for (size_t i = 0; i < r->n_offered; i++)
		read_text(user, r->offered[i].encryption), read_text(user, r->offered[i].auth);
	for (size_t i = 0; i < r->n_vendor_ids; i++)
		read_text(user, r->vendor_ids[i]);
}

static void any_child_sa(void *user, const struct record_child_sa *r)
{
	fold(user, r->created), fold(user, r->ended), fold(user, r->end_reason);
}

static void any_esp_sa(void *user, const struct record_esp_sa *r)
{
	fold(user, r->packets), fold(user, r->lost), fold(user, r->end_reason);
}

static void any_exchange(void *user, const struct record_exchange *r)
{
	read_text(user, r->kind);
}

static void any_event(void *user, const struct record_event *r)
{
	read_text(user, r->kind);
	read_text(user, r->text);
}

static void any_alert(void *user, const struct record_alert *r)
{
	read_text(user, r->code);
	read_text(user, r->summary);
	read_text(user, r->cause);
	assert_true(r->n_frames <= RECORD_FRAMES_MAX);
	for (size_t i = 0; i < r->n_evidence; i++) {
		read_text(user, r->evidence[i].name);
		if (r->evidence[i].type == EVIDENCE_TEXT)
			read_text(user, r->evidence[i].text);
	}
	for (size_t i = 0; i < r->n_actions; i++)
		read_text(user, r->actions[i].text);
}

static void any_detect_event(void *user, const struct tracker *t, const struct event *ev)
{
	(void)user;
	detect_observe(engine->detect, t, ev);
}

/* Another program: the same settings or larger tables, and nothing known. */
static void restart(struct engine *en, bool larger)
{
	const struct tracker_handler handler = {
		.user = &en->w, .event = any_detect_event, .fragment = engine_fragment,
		.segment = engine_segment,
		.sink = { .user = &en->w, .tunnel = any_tunnel, .ike_sa = any_ike_sa,
		.esp_sa = any_esp_sa,
			  .child_sa = any_child_sa, .exchange = any_exchange, .event = any_event },
	};

	tracker_free(en->w.tracker);
	detect_free(en->detect);
	reassembler_close(en->reassembler);
	en->reassembler = NULL;
	if (larger)
		en->w.settings.tables_esp_sas *= 2;
	en->alerts.alert = any_alert;
	en->detect = detect_new(&en->w.settings, &en->alerts);
	en->w.tracker = tracker_new(&en->w.settings, &en->w.key, &handler);
	en->capture++;
	assert_true(en->detect && en->w.tracker);
}

/*
 * What was not changed comes back whole: saved again it is the same, but that a detector with an
 * open alert is awake now.
 */
static void same_again(struct engine *en, unsigned n)
{
	static uint8_t room[IMAGE_ROOM];
	const struct saved *s = &images[n];
	const size_t awake = s->tunnel == NO_INDEX ? 0 : sizeof(uint64_t);

	assert_int_equal(detect_save(en->detect, s->tunnel, room, sizeof(room)), s->length[1]);
	assert_memory_equal(room, s->bytes[1], s->length[1] - awake);
}

/*
 * Rows that say that they are later than the image: one value of each is another, and of the
 * traffic since then.
 */
static void catch_up(struct engine *en, const struct edit *e)
{
	struct tracker *t = en->w.tracker;
	const struct esp_sa *sa =
		tracker_esp_sa(t, e->which % (uint32_t)en->w.settings.tables_esp_sas);
	struct record_traffic sum = { .packets = e->value,
				      .bytes = (int64_t)other(e, 1),
				      .lost = (int64_t)other(e, 0) };
	nsec bucket;

	if (!sa)
		return;

	const struct esp_ends is = tracker_esp_ends(t, sa);
	struct record_esp_sa r = {
		.id = sa->id, .protocol = (enum esp_protocol)sa->protocol, .spi = sa->spi,
		.src = { .addr = is.src },
		.dst = { .addr = is.dst }, .encap = (enum encap)sa->encap,
		.last = sa->last + NSEC_PER_S, .packets = (int64_t)sa->packets + 5,
		.bytes = (int64_t)sa->bytes + 500, .seq_first = sa->seq_first,
		.seq_last = (int64_t)(((uint64_t)sa->rare->epoch << 32) + sa->seq_high + 5),
	};
	int64_t *const values[] = { &r.last,     &r.packets, &r.bytes, &r.seq_first,
				    &r.seq_last, &r.lost,    &r.late,  &r.duplicates };
	int64_t *one = values[e->where % (sizeof(values) / sizeof(values[0]))];

	*one = (int64_t)other(e, (uint64_t)*one);
	if (tracker_catch_up_esp_sa(t, &r, &bucket))
		tracker_catch_up_traffic(t, &r, &sum);
}

static void restore_all(struct engine *en, nsec from, nsec shift)
{
	uint32_t n_restored = 0;

	for (unsigned n = 0; n < n_images; n++) {
		const struct bytes track = { images[n].bytes[0], images[n].length[0] };
		const struct bytes detect = { images[n].bytes[1], images[n].length[1] };
		uint32_t i = NO_INDEX;

		if (track.length > 0 && !tracker_restore(en->w.tracker, en->capture, track, &i))
			continue;
		n_restored += track.length > 0 ? objects_of(en->w.tracker, i) : 0;
		assert_true(detect_restore(en->detect, en->w.tracker, i, detect, shift, true) ||
			    edits.n > 0);
	}
	assert_true(edits.n > 0 || n_restored == n_saved);
	for (unsigned n = 0; edits.n == 0 && shift == 0 && n < n_images; n++)
		same_again(en, n);
	for (unsigned n = 0; n < edits.n; n++)
		catch_up(en, &edits.edit[n]);
	tracker_resume(en->w.tracker, en->capture, from, from + shift, shift > 0);
	tracker_check(en->w.tracker);
}

static void read_edits(struct life *l, struct edit *to, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		to[i].which = (uint16_t)(take(&l->at, l->end) << 8);
		to[i].which = (uint16_t)(to[i].which | take(&l->at, l->end));
		to[i].where = (uint16_t)(take(&l->at, l->end) << 8);
		to[i].where = (uint16_t)(to[i].where | take(&l->at, l->end));
		to[i].how = take(&l->at, l->end);
		to[i].value = take(&l->at, l->end);
	}
}

/* The end of one of them is missing. */
static void cut_one(const struct edit *e)
{
	struct saved *s = &images[e->which % n_images];
	int of = e->how & 1;
	size_t length = s->length[of] > 0 ? e->where % s->length[of] : 0;
	uint8_t *shorter = malloc(length + (length == 0));

	assert_non_null(shorter);
	memcpy(shorter, s->bytes[of], length);
	free(s->bytes[of]);
	s->bytes[of] = shorter;
	s->length[of] = length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct engine en;
	struct life l = life_of(&en, data, data + size);
	uint8_t first = take(&l.at, l.end);

	edits.n = take(&l.at, l.end) % (EDITS_MAX + 1);
	edits.in_all = 0;
	read_edits(&l, edits.edit, edits.n);
	engine_open(&en, first & FIRST_ROOMY, false, 0x9e3779b97f4a7c15);
	begin_sessions(&l);
	live(&l, 8u + (first & FIRST_STEPS_BEFORE));
	tracker_flush(en.w.tracker);
	save_all(&en);			/* as they are: how many values */
	drop_all();
	edits.in_all = edits.packed;
	save_all(&en);
	if (first & FIRST_CUT && edits.n > 0)
		cut_one(&edits.edit[0]);
	restart(&en, first & FIRST_OTHER_SIZE);
	restore_all(&en, en.w.now, first & FIRST_UNWATCHED ? 20 * 60 * NSEC_PER_S : 0);
	if (first & FIRST_UNWATCHED)
		pass(&en.w, 20 * 60 * NSEC_PER_S);
	drop_all();
	live(&l, STEPS_MAX);
	tracker_check(en.w.tracker);
	tracker_finish(en.w.tracker, true);
	detect_finish(en.detect, en.w.tracker);
	tracker_check(en.w.tracker);
	reassembler_close(en.reassembler);
	detect_free(en.detect);
	watch_free(&en.w);
	engine = NULL;
	return 0;
}
