/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ESP packets that were overtaken.  A receiver remembers the latest 64 (or
 * 128, 1024) numbers; what comes later than that it drops as a replay.
 */
#include "detect/detector.h"

enum { LATE_MIN = 10 };		/* fewer late packets are no habit, whatever their share */

#define MINUTE (60 * NSEC_PER_S)
/* what is sent again may have been lost so long before */
#define LOSS_BEFORE (300 * NSEC_PER_S)

struct direction {
	nsec minute, last;		/* minute being counted; latest late packet */
	uint32_t esp_sa;		/* of it */
	/* in it: all, at least half a window late, at least a window late */
	int64_t late, half, beyond;
	int64_t largest;
	uint64_t frame;
	/* the worst minute so far */
	nsec first, bad_last;
	enum severity severity;
	bool told;
	int64_t worst_late, worst_beyond, worst_largest, packets;
	uint64_t frames[4];
	unsigned n_frames;
};

struct state {
	struct direction direction[2];
};

static void late(struct direction *d, const struct scene *sc, const struct event *ev)
{
	nsec minute = ev->at - ev->at % MINUTE;
	int64_t window = sc->settings->reorder_win;

	if (minute != d->minute) {
		d->minute = minute;
		d->late = d->half = d->beyond = d->largest = 0;
	}
	d->last = ev->at;
	d->esp_sa = ev->esp_sa;
	d->frame = ev->frame;
	d->late++;
	d->half += ev->value[0] >= window / 2;
	d->beyond += ev->value[0] >= window;
	if (ev->value[0] > d->largest)
		d->largest = ev->value[0];
}

static void bad_minute(struct direction *d, enum severity severity, nsec window, int64_t packets)
{
	if (!d->told || d->last - d->bad_last > window) {
		d->first = d->minute;
		d->severity = SEVERITY_INFO;
		d->worst_late = d->worst_beyond = d->worst_largest = d->packets = 0;
		d->n_frames = 0;
	}
	d->told = true;
	d->bad_last = d->last;
	if (severity > d->severity)
		d->severity = severity;
	if (d->late > d->worst_late)
		d->worst_late = d->late;
	if (d->beyond > d->worst_beyond)
		d->worst_beyond = d->beyond;
	if (d->largest > d->worst_largest)
		d->worst_largest = d->largest;
	if (packets > 0)
		d->packets = packets;
	if (d->n_frames < 4 && (d->n_frames == 0 || d->frames[d->n_frames - 1] != d->frame))
		d->frames[d->n_frames++] = d->frame;
}

/* Packets in a row far behind may still turn out to be a sequence that begins anew. */
static int64_t undecided(const struct direction *d, const struct scene *sc)
{
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, d->esp_sa);

	return sa && sa->low_run > 1 ? sa->low_run : 0;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	struct direction *d;
	nsec window = sc->settings->reorder_window;

	if (ev->side < 0)
		return;
	d = &s->direction[ev->side];
	if (ev->kind == EVENT_ESP_LATE) {
		late(d, sc, ev);
	} else if (ev->kind == EVENT_ESP_SEQ_RESET) {
		d->minute = 0;			/* they were the beginning of a new sequence */
		d->late = d->half = d->beyond = d->largest = 0;
	} else if (ev->value[3] == d->minute && d->late >= LATE_MIN &&
		   (double)d->late >= sc->settings->reorder_info * (double)ev->value[0]) {
		bad_minute(d, SEVERITY_INFO, window, ev->value[0]);
	}
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	const struct settings *set = sc->settings;
	bool any = false;

	for (int side = 0; side < 2; side++) {
		struct direction *d = &s->direction[side];
		int64_t open = undecided(d, sc);

		if (d->minute != 0 && d->beyond - open >= set->reorder_crit)
			bad_minute(d, SEVERITY_CRITICAL, set->reorder_window, 0);
		else if (d->minute != 0 && d->half - open >= set->reorder_warn)
			bad_minute(d, SEVERITY_WARNING, set->reorder_window, 0);
		any |= now - d->last <= MINUTE;
		if (!d->told || now - d->bad_last > set->reorder_window)
			continue;
		any = true;

		const struct direction *other = &s->direction[!side];
		bool both = other->told && other->bad_last >= d->first;
		/* copies that the mirror delivers late look late */
		bool doubled = mirror_doubles(sc);
		/* so does an old packet sent again when the capture lost the first of it */
		bool lossy = loss_since(sc, d->first - LOSS_BEFORE);
		enum severity most = doubled ? SEVERITY_INFO
				     : lossy ? SEVERITY_WARNING
					     : SEVERITY_CRITICAL;
		struct finding *f = finding_raise(
			out, d->severity < most ? d->severity : most,
			both || doubled || lossy ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH, d->first,
			d->bad_last, d->worst_late);

		f->key = (uint64_t)side;
		f->side = (int8_t)side;
		finding_address(f, "sender", sc, side);
		finding_address(f, "receiver", sc, !side);
		finding_integer(f, "late_in_a_minute", d->worst_late);
		finding_integer(f, "beyond_window", d->worst_beyond);
		finding_integer(f, "largest_displacement", d->worst_largest);
		finding_integer(f, "window", set->reorder_win);
		if (lossy)
			finding_text(f, "capture_loss", "yes");
		if (d->packets > 0)
			finding_integer(f, "packets_in_that_minute", d->packets);
		for (unsigned i = 0; i < d->n_frames; i++)
			finding_frame(f, d->frames[i]);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *receiver = story_peer(story, other_side(f->side));

	text_add(story->summary, "%lld ESP packets a minute from %s to %s arrived late, "
				 "by up to %lld positions",
		 (long long)f->count, story_peer(story, f->side), receiver,
		 (long long)finding_get(f, "largest_displacement"));
	if (finding_get(f, "beyond_window") > 0)
		text_add(story->summary,
			 "; %lld of them by %lld or more: %s drops those as replays when its "
			 "window has %lld packets.",
			 (long long)finding_get(f, "beyond_window"),
			 (long long)finding_get(f, "window"), receiver,
			 (long long)finding_get(f, "window"));
	else
		text_add(story->summary, ", which a replay window of %lld packets still takes.",
			 (long long)finding_get(f, "window"));
	if (*finding_get_text(f, "capture_loss"))
		text_add(story->summary,
			 " But this capture lost packets, so some of these may be old ones sent "
			 "again, of which it lost the first.");
	story_remedy(story, REMEDY_RPLY);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct direction *d = &s->direction[i];

		FIELD(f, d->minute);
		FIELD(f, d->last);
		FIELD(f, d->esp_sa);
		FIELD_COUNT(f, d->late);
		FIELD_COUNT(f, d->half);
		FIELD_COUNT(f, d->beyond);
		FIELD_COUNT(f, d->largest);
		FIELD(f, d->frame);
		FIELD(f, d->first);
		FIELD(f, d->bad_last);
		FIELD_BELOW(f, d->severity, SEVERITY_CRITICAL + 1);
		FIELD(f, d->told);
		FIELD_COUNT(f, d->worst_late);
		FIELD_COUNT(f, d->worst_beyond);
		FIELD_COUNT(f, d->worst_largest);
		FIELD_COUNT(f, d->packets);
		FIELD(f, d->frames);
		FIELD_BELOW(f, d->n_frames, 5);
	}
}

const struct detector detect_esp_reorder = {
	.code = "esp_reorder",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, reorder_window),
	.observes = WANTS(ESP_LATE) | WANTS(ESP_SEQ_RESET) | WANTS(TRAFFIC),
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
