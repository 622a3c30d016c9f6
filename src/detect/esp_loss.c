/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sequence numbers that never come: packets lost between their sender and the
 * capture.  Judged by the minute of a direction, all its SAs together.
 */
#include "detect/detector.h"
#include "detect/others.h"
#include "detect/traffic.h"

enum {
	/* packets, before their share is compared with the other direction's */
	ALIKE_FROM = 3,
	/*
	 * so many packets of the other tunnels would be missing if the tap lost that share of
	 * everything
	 */
	OTHERS_FROM = 20,
	/* and at most a tenth of that is */
	OTHERS_FEW = 10,
	/* standard deviations above the threshold: more than chance */
	CHANCE = 6,
	JUMP_MIN = 1024,	/* numbers skipped at once; fewer can be a burst that was lost */
	/* and so many times more than were sent meanwhile: a cluster took over */
	JUMP_FACTOR = 10,
};

#define COMPARED_WITHIN (15 * NSEC_PER_S)
#define OTHERS_WITHIN (2 * NSEC_PER_S)

/* More of a direction's packets than this missing looks like a tap on one of two paths. */
#define HALF_SEEN 0.3

struct direction {
	nsec minute;			/* being summed; 0 none */
	int64_t came, lost;		/* in it */
	/* judged so; its sequence was restarted, so it counts for nothing */
	bool bad, void_;
	/* of loss.window_s, and what it and the one before it saw */
	nsec window;
	int64_t window_came[2], window_lost[2];
	uint32_t jumped;		/* ESP SA whose next minute holds a jump */
	int64_t jump;
	/* the bad minutes so far */
	nsec first, last, latest;	/* beginning, latest packet, beginning of the latest */
	int64_t minutes, bad_lost, bad_expected;
	double worst;
	bool critical;
	uint64_t frames[2];
};

struct state {
	struct direction direction[2];
	nsec moved;			/* a peer has another address since then; 0 never */
};

/* The minute that is over counts in its window, and the window before that is kept. */
static void begin_minute(struct direction *d, nsec minute, nsec length)
{
	nsec window = d->minute - d->minute % length;

	if (window != d->window) {
		bool next = window - d->window == length;

		d->window_came[1] = next ? d->window_came[0] : 0;
		d->window_lost[1] = next ? d->window_lost[0] : 0;
		d->window_came[0] = d->window_lost[0] = 0;
		d->window = window;
	}
	if (!d->void_ && d->lost >= 0) {
		d->window_came[0] += d->came;
		d->window_lost[0] += d->lost;
	}
	d->minute = minute;
	d->came = d->lost = 0;
	d->bad = d->void_ = false;
}

/*
 * What is missing beyond what the threshold allows must be more than chance: a tap that loses 1 %
 * is no fault.
 */
static bool beyond_chance(double lost, double allowed)
{
	double excess = lost - allowed;

	return excess > 0 && excess * excess > CHANCE * CHANCE * allowed;
}

static void judge_minute(struct direction *d, const struct scene *sc, const struct event *ev)
{
	const struct settings *set = sc->settings;
	int64_t expected = d->came + d->lost;
	double share = expected > 0 ? (double)d->lost / (double)expected : 0;

	if (d->bad) {		/* counted already, before this SA's part was known */
		d->bad_lost += ev->value[2];
		d->bad_expected += ev->value[0] + ev->value[2];
		return;
	}
	if (d->void_ || expected < set->loss_min_pkts ||
	    !beyond_chance((double)d->lost, set->loss_warn * (double)expected) ||
	    loss_since(sc, d->minute) || clock_stepped_since(sc, d->minute))
		return;
	if (d->minutes == 0 || ev->at - d->last > 2 * set->loss_window) {
		d->minutes = d->bad_lost = d->bad_expected = 0;
		d->worst = 0;
		d->critical = false;
		d->first = d->minute;
		d->frames[0] = ev->frame;
	}
	d->bad = true;
	d->minutes++;
	d->last = ev->at;
	d->latest = d->minute;
	d->bad_lost += d->lost;
	d->bad_expected += expected;
	d->critical |= share >= set->loss_crit;
	if (share > d->worst)
		d->worst = share;
	d->frames[1] = ev->frame;
}

static void traffic(struct direction *d, const struct scene *sc, const struct event *ev)
{
	if (ev->value[3] != d->minute)
		begin_minute(d, ev->value[3], sc->settings->loss_window);
	d->came += ev->value[0];
	d->lost += ev->value[2];
	if (d->jump > 0 && d->jumped == ev->esp_sa) {
		d->lost -= d->jump;
		d->jump = 0;
	}
	judge_minute(d, sc, ev);
}

/*
 * Was so much sent since the SA's latest packet?  What went to or from another address meanwhile,
 * this capture perhaps does not see.
 */
static void gap(struct state *s, struct direction *d, const struct scene *sc,
		const struct event *ev)
{
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, ev->esp_sa);
	bool moved = sa && s->moved != 0 && sa->last <= s->moved;

	if (!sa || (ev->value[0] < JUMP_MIN && !moved))
		return;

	nsec alive = sa->last - sa->first;
	double rate = alive > 0 ? (double)sa->packets / (double)alive : 0;

	if (moved || (double)ev->value[0] > JUMP_FACTOR * rate * (double)(ev->at - sa->last)) {
		d->jump = d->jumped == ev->esp_sa ? d->jump + ev->value[0] : ev->value[0];
		d->jumped = ev->esp_sa;
	}
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	struct direction *d;

	if (ev->kind == EVENT_ADDRESS_MOVED)
		s->moved = ev->at;
	if (ev->side < 0 || ev->kind == EVENT_ADDRESS_MOVED)
		return;
	d = &s->direction[ev->side];
	if (ev->kind == EVENT_TRAFFIC)
		traffic(d, sc, ev);
	else if (ev->kind == EVENT_ESP_GAP)
		gap(s, d, sc, ev);
	else
		/* what was missing before a restart or a jump is not known */
		d->void_ = true;
}

/*
 * Is the other direction's loss of the same minute known?  Its minute is summed up at its next
 * packet, which may take long.
 */
static bool can_compare(const struct direction *d, const struct direction *other,
			const struct scene *sc, int side, nsec now)
{
	return other->minute >= d->latest || traffic_last_of(sc, !side) < d->latest ||
	       now - d->last >= COMPARED_WITHIN;
}

static int64_t recently_lost(const struct direction *d)
{
	return d->window_lost[0] + d->window_lost[1] + (d->void_ ? 0 : d->lost);
}

static int64_t recently_came(const struct direction *d)
{
	return d->window_came[0] + d->window_came[1] + (d->void_ ? 0 : d->came);
}

static double recent_share(const struct direction *d)
{
	int64_t lost = recently_lost(d);

	return lost > 0 ? (double)lost / (double)(recently_came(d) + lost) : 0;
}

/* Too little came the other way to compare it. */
static bool is_alone(const struct direction *d, const struct direction *other)
{
	return recent_share(d) * (double)recently_came(other) < ALIKE_FROM;
}

/*
 * A tap loses both directions alike; a network does so rarely, because they come to it on different
 * paths.
 */
static bool loses_alike(const struct direction *d, const struct direction *other)
{
	double mine = recent_share(d), its = recent_share(other);

	return recently_lost(other) >= ALIKE_FROM && mine <= 2 * its && its <= 2 * mine;
}

struct packets {
	int64_t came, lost;
};

/* What came and what was missing lately of all tunnels but this one. */
static struct packets of_others(const struct state *s, const struct scene *sc)
{
	const struct others *o = sc->others;
	struct packets p = { o->came[0] + o->came[1], o->lost[0] + o->lost[1] };

	for (int side = 0; side < 2; side++) {
		p.came -= recently_came(&s->direction[side]);
		p.lost -= recently_lost(&s->direction[side]);
	}
	return p;
}

/*
 * The other tunnels of this capture lose next to nothing meanwhile: it is not the tap that does
 * (DETECTION-FACTS 3.1.4).
 */
static bool others_get_theirs(const struct state *s, const struct direction *d,
			      const struct scene *sc)
{
	struct packets others = of_others(s, sc);
	double would_miss = recent_share(d) * (double)others.came;

	return would_miss >= OTHERS_FROM && (double)others.lost * OTHERS_FEW <= would_miss;
}

/*
 * Both directions of the other tunnels miss as much as both of this: what lies on no path of all
 * of them but the tap loses it (DETECTION-FACTS 4.4).
 */
static bool others_lose_alike(const struct state *s, const struct direction *d,
			      const struct scene *sc)
{
	struct packets others = of_others(s, sc);
	double mine = recent_share(d);
	double theirs = others.lost > 0 ? (double)others.lost / (double)(others.came + others.lost)
					: 0;

	return others.lost >= OTHERS_FROM && 2 * mine <= 3 * theirs && 2 * theirs <= 3 * mine;
}

/*
 * The tap missed IKE messages of this sender as well, which its peer got: it
 * answered them, or nobody repeated them.  A like share of them, because a
 * single one says nothing about much ESP that is lost.
 */
static bool capture_misses(const struct scene *sc, int side, double share)
{
	const struct tunnel_ike *s = &sc->tunnel->more->ike[side];

	return s->proven_unseen > 0 && !side_unseen(sc, side) &&
	       (double)s->proven_unseen * 3 >= share * (double)(s->messages + s->proven_unseen);
}

/* The worst that is true: what the capture lost itself is no fault of the tunnel. */
static enum severity severity_of(const struct direction *d, bool alike, bool missed)
{
	if (missed)
		return SEVERITY_INFO;
	if (alike)
		return d->critical ? SEVERITY_WARNING : SEVERITY_INFO;
	return d->critical ? SEVERITY_CRITICAL : SEVERITY_WARNING;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	bool any = false;

	for (int side = 0; side < 2; side++) {
		const struct direction *d = &s->direction[side], *other = &s->direction[!side];

		if (d->minutes == 0 || now - d->last > sc->settings->loss_window)
			continue;
		any = true;
		if (!can_compare(d, other, sc, side, now))
			continue;

		double share = (double)d->bad_lost / (double)d->bad_expected;
		bool others_whole = others_get_theirs(s, d, sc);
		bool alike = loses_alike(d, other) && !others_whole,
		     ike_missed = capture_misses(sc, side, share) ||
				  (alike && capture_misses(sc, !side, share));

		/* their minute ends a moment later */
		if (alike && !ike_missed && tracker_tunnels(sc->tracker) > 1 &&
		    now - d->last < OTHERS_WITHIN && !sc->finishing)
			continue;

		bool others_alike = alike && others_lose_alike(s, d, sc);
		bool missed = ike_missed || others_alike;
		/* one of two paths shows half of everything */
		enum confidence confidence =
			alike || missed || (is_alone(d, other) && !others_whole) ||
					d->worst >= HALF_SEEN
				? CONFIDENCE_MEDIUM
				: CONFIDENCE_HIGH;
		struct finding *f = finding_raise(
			out, severity_of(d, alike, missed),
			missed || (alike && d->worst >= HALF_SEEN) ? CONFIDENCE_LOW : confidence,
			d->first, d->last, d->bad_lost);

		f->key = (uint64_t)side;
		f->side = (int8_t)side;
		finding_address(f, "sender", sc, side);
		finding_address(f, "receiver", sc, !side);
		finding_integer(f, "lost", d->bad_lost);
		finding_integer(f, "expected", d->bad_expected);
		finding_real(f, "lost_percent", (double)(int64_t)(share * 10000) / 100);
		finding_real(f, "worst_minute_percent", (double)(int64_t)(d->worst * 10000) / 100);
		finding_integer(f, "minutes", d->minutes);
		finding_text(f, "both_directions_alike", "%s",
			     loses_alike(d, other) ? "yes" : "no");
		finding_text(f, "other_tunnels_lose_nothing", "%s", others_whole ? "yes" : "no");
		if (others_alike)
			finding_text(f, "other_tunnels_lose_alike", "yes");
		finding_text(f, "ike_missed_too", "%s", ike_missed ? "yes" : "no");
		finding_frame(f, d->frames[0]);
		finding_frame(f, d->frames[1]);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;

	const char *from = story_peer(story, f->side),
		   *missed = finding_get_text(f, "ike_missed_too");

	text_add(story->summary,
		 "%lld of %lld ESP packets (%.2f %%) from %s to %s never reached "
		 "the point of capture",
		 (long long)f->count, (long long)finding_get(f, "expected"),
		 finding_get_real(f, "lost_percent"), from, story_peer(story, other_side(f->side)));
	if (finding_item(f, "other_tunnels_lose_alike")) {
		text_add(story->summary,
			 ", and neither did as many of the other direction, and of the other "
			 "tunnels: the capture itself loses them, and the tunnel perhaps nothing.");
	} else if (missed && missed[0] == 'y') {
		text_add(story->summary,
			 ", and neither did a like share of IKE messages that their receiver got: "
			 "the capture itself loses them, and the tunnel perhaps nothing.");
	} else {
		text_add(story->summary, "; they were lost between %s and the capture.", from);
		if (finding_get_text(f, "other_tunnels_lose_nothing")[0] == 'y')
			text_add(story->summary, " Other tunnels in this capture lose nothing.");
		else if (f->confidence != CONFIDENCE_HIGH)
			text_add(story->summary, " The capture itself may be what loses them.");
	}
	story_remedy(story, REMEDY_REACH);
	if (f->confidence != CONFIDENCE_HIGH)
		story_remedy(story, REMEDY_TAP);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct direction *d = &s->direction[i];

		FIELD(f, d->minute);
		FIELD_COUNT(f, d->came);
		FIELD_COUNT(f, d->lost);
		FIELD(f, d->bad);
		FIELD(f, d->void_);
		FIELD(f, d->window);
		FIELD_COUNT(f, d->window_came);
		FIELD_COUNT(f, d->window_lost);
		FIELD(f, d->jumped);
		FIELD_COUNT(f, d->jump);
		FIELD(f, d->first);
		FIELD(f, d->last);
		FIELD(f, d->latest);
		FIELD_COUNT(f, d->minutes);
		FIELD_COUNT(f, d->bad_lost);
		FIELD_COUNT(f, d->bad_expected);
		FIELD_REAL(f, d->worst);
		FIELD(f, d->critical);
		FIELD(f, d->frames);
		/* shares of it are told */
		fields_require(f, d->minutes == 0 || d->bad_expected > 0);
		fields_require(f, d->worst <= 1);
	}
	FIELD(f, s->moved);
}

const struct detector detect_esp_loss = {
	.code = "esp_loss",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, loss_window),
	.observes = WANTS(TRAFFIC) | WANTS(ESP_GAP) | WANTS(ESP_SEQ_RESET) | WANTS(ESP_SEQ_JUMP) |
		    WANTS(ADDRESS_MOVED),
	.judges_after = WANTS(TRAFFIC),
	.observe = observe,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
