/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The same ESP sequence number again, too late to be the mirror's copy: the
 * network duplicates, or somebody sends recorded packets.
 */
#include "detect/detector.h"
#include "detect/moments.h"

#define MINUTE (60 * NSEC_PER_S)

enum { MARKS = 8, MARKS_IN_AGE = 4 };

struct state {
	struct direction {
		/* how far the sequence of `marked` was when: what lay behind then came before */
		struct mark {
			nsec at;
			uint32_t seq_high;
		} mark[MARKS];
		uint32_t n_marks;
		object_id marked;
		struct moments replays, copies;	/* copies: all of them */
		uint32_t esp_sa;		/* of the latest */
		int64_t furthest;
		nsec oldest;			/* greatest distance in time */
		nsec bad_last, first;
		int64_t worst, total;
		enum severity severity;
		bool told, most;
	} direction[2];
};

static void mark(struct direction *d, const struct esp_sa *sa, nsec now, nsec age)
{
	if (!sa)
		return;
	if (d->marked != sa->id) {
		d->marked = sa->id;
		d->n_marks = 0;
	}
	if (d->n_marks == 0 || now - d->mark[(d->n_marks - 1) % MARKS].at >= age / MARKS_IN_AGE)
		d->mark[d->n_marks++ % MARKS] = (struct mark){ now, sa->seq_high };
}

/*
 * How long ago, at least, the packet came whose number is now `behind` the highest; 0: not known.
 */
static nsec came_ago(const struct direction *d, const struct esp_sa *sa, nsec now, int64_t behind)
{
	nsec longest = 0;

	if (!sa || d->marked != sa->id)
		return 0;
	for (uint32_t i = 0; i < MARKS && i < d->n_marks; i++) {
		const struct mark *m = &d->mark[i];

		if ((int64_t)(uint32_t)(sa->seq_high - m->seq_high) <= behind &&
		    now - m->at > longest)
			longest = now - m->at;
	}
	return longest;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	struct direction *d;
	const struct settings *set = sc->settings;

	if (ev->side < 0)
		return;
	d = &s->direction[ev->side];
	if (ev->kind == EVENT_ESP_SEQ_RESET) {	/* the sequence began anew: those were no copies */
		moments_clear(&d->replays);
		moments_clear(&d->copies);
		d->n_marks = 0;
		return;
	}

	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, ev->esp_sa);
	nsec ago = came_ago(d, sa, ev->at, ev->value[1]);

	if (ev->value[0] > ago)		/* nor did it come after the latest packet */
		ago = ev->value[0];
	mark(d, sa, ev->at, set->replay_age);
	d->esp_sa = ev->esp_sa;
	d->total++;
	moments_add(&d->copies, ev->at, ev->frame);
	if (ev->value[1] > d->furthest)
		d->furthest = ev->value[1];
	if (ago > d->oldest)
		d->oldest = ago;
	if (ago >= set->replay_age || ev->value[1] >= set->reorder_win)
		moments_add(&d->replays, ev->at, ev->frame);
}

/* A mirror that delivers some packets twice at once does so with late ones, too. */
static bool mirror_doubles_some(const struct direction *d, const struct esp_sa *sa)
{
	return sa && (uint64_t)sa->rare->duplicates * 20 > sa->packets &&
	       sa->rare->duplicates / 4 > d->total;
}

/* What the latest minute says; false when it is nothing. */
static bool bad(struct direction *d, const struct scene *sc, nsec now, enum severity *ret,
		unsigned *ret_n)
{
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, d->esp_sa);
	unsigned warn = (unsigned)sc->settings->replay_warn;
	/* packets in a row far behind may still turn out to be a sequence that begins anew */
	unsigned open = sa && sa->low_run > 1 ? sa->low_run : 0;
	unsigned replays = moments_since(&d->replays, now - MINUTE);
	unsigned copies = moments_since(&d->copies, now - MINUTE);

	/* most packets twice is a slow mirror, two merged captures or a loop, nobody's replay */
	d->most = mirror_doubles(sc) || (sa && (uint64_t)sa->rare->duplicates * 2 > sa->packets);
	if (replays >= warn + open && !d->most && !mirror_doubles_some(d, sa))
		*ret = SEVERITY_WARNING;
	else if (copies >= warn + open)
		*ret = SEVERITY_INFO;
	else
		return false;
	*ret_n = *ret == SEVERITY_WARNING ? replays : copies;
	return true;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	nsec window = sc->settings->replay_window;
	bool any = false;

	for (int side = 0; side < 2; side++) {
		struct direction *d = &s->direction[side];
		enum severity severity;
		unsigned n;

		if (bad(d, sc, now, &severity, &n)) {
			if (!d->told || now - d->bad_last > window) {
				d->first = moments_first(&d->copies, now - MINUTE);
				d->severity = severity;
				d->worst = 0;
			}
			d->told = true;
			d->bad_last = moments_at(&d->copies, 0);
			d->severity = severity > d->severity ? severity : d->severity;
			d->worst = n > d->worst ? n : d->worst;
		}
		if (moments_since(&d->copies, now - MINUTE) > 0) {
			mark(d, tracker_esp_sa(sc->tracker, d->esp_sa), now,
			     sc->settings->replay_age);
			any = true;
		}
		if (!d->told || now - d->bad_last > window)
			continue;
		any = true;

		struct finding *f =
			finding_raise(out, d->severity,
				      d->severity == SEVERITY_WARNING && !loss_since(sc, d->first)
					      ? CONFIDENCE_HIGH
					      : CONFIDENCE_MEDIUM,
				      d->first, d->bad_last, d->worst);

		f->key = (uint64_t)side;
		f->side = (int8_t)side;
		f->cause = d->severity == SEVERITY_WARNING ? "replay" : "duplicates";
		finding_address(f, "from", sc, side);
		finding_address(f, "to", sc, !side);
		finding_integer(f, "copies_in_a_minute", d->worst);
		finding_integer(f, "copies", d->total);
		finding_integer(f, "furthest_behind", d->furthest);
		finding_seconds(f, "longest_after_s", d->oldest);
		finding_text(f, "most_packets_twice", "%s", d->most ? "yes" : "no");
		moments_frames(&d->copies, d->first, f);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	bool replay = f->severity >= SEVERITY_WARNING;

	text_add(story->summary,
		 "%lld ESP packets from %s to %s within a minute had come before, up to %lld "
		 "positions earlier: ",
		 (long long)f->count, story_peer(story, f->side),
		 story_peer(story, other_side(f->side)),
		 (long long)finding_get(f, "furthest_behind"));
	text_add(story->summary, replay ?
		 "somebody or something sends old packets again; %s drops them when its replay "
		 "protection is on." :
		 "the network or the capture delivers packets more than once; %s drops the copies.",
		 story_peer(story, other_side(f->side)));
	story_remedy(story, REMEDY_RPLY);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct direction *d = &s->direction[i];

		for (size_t n = 0; n < MARKS; n++) {
			FIELD(f, d->mark[n].at);
			FIELD(f, d->mark[n].seq_high);
		}
		FIELD(f, d->n_marks);
		FIELD(f, d->marked);
		moments_fields(f, &d->replays);
		moments_fields(f, &d->copies);
		FIELD(f, d->esp_sa);
		FIELD_COUNT(f, d->furthest);
		FIELD(f, d->oldest);
		FIELD(f, d->bad_last);
		FIELD(f, d->first);
		FIELD_COUNT(f, d->worst);
		FIELD_COUNT(f, d->total);
		FIELD_BELOW(f, d->severity, SEVERITY_CRITICAL + 1);
		FIELD(f, d->told);
		FIELD(f, d->most);
		fields_require(f, d->replays.total <= d->copies.total);	/* each is a copy */
	}
}

const struct detector detect_esp_replay = {
	.code = "esp_replay",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, replay_window),
	.observes = WANTS(ESP_DUPLICATE) | WANTS(ESP_SEQ_RESET),
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
