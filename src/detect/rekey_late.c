/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/detector.h"
#include "detect/sample.h"

enum { AGES = 16, LOOKED_AT = 64 };

/* ages that spread more than any jitter are no lifetime (2.1) */
#define SPREAD_MOST 0.25
/*
 * The most by which one and the same setting makes rekeys differ: nine minutes, strongSwan's
 * ipsec.conf and libreswan (2.1).
 */
#define JITTER_MOST_S 540.0

struct state {
	struct direction {
		double ages[AGES];	/* seconds, of replaced SAs; a ring */
		uint32_t n;
		/* the oldest SA in use, as of the latest look */
		object_id sa;
		nsec last;
		nsec rested;		/* its pauses of more than idle_s */
	} direction[2];
};

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct esp_sa *new = tracker_esp_sa(sc->tracker, ev->esp_sa);
	const struct esp_sa *old = tracker_esp_sa(sc->tracker, ev->other);

	if (ev->kind != EVENT_ESP_SA_REPLACED || !new || !old || new->direction < 0 ||
	    old->flags & ESP_SA_MIDSTREAM || clock_stepped_since(sc, old->first))
		return;

	/* built anew, perhaps because the old one broke: not what a lifetime looks like */
	const struct child_sa *c = tracker_child_sa(sc->tracker, new->child);

	if (c && c->how == CREATED_IKE_AUTH)
		return;

	struct direction *d = &s->direction[new->direction];

	d->ages[d->n++ % AGES] = (double)(new->first - old->first) / (double)NSEC_PER_S;
}

/*
 * The highest age at which an SA of this direction was replaced; 0 not known, or not the time
 * decides when (volume_expiry, churn).
 */
static double usual_age(const struct direction *d, const struct settings *set)
{
	uint32_t kept = d->n < AGES ? d->n : AGES;
	double highest = 0, churn = (double)set->churn_age_warn / (double)NSEC_PER_S;

	for (uint32_t i = 0; i < kept; i++)
		if (d->ages[i] > highest)
			highest = d->ages[i];
	if (kept < (uint32_t)set->keyage_min_n || highest < churn ||
	    sample_cv(d->ages, kept) > SPREAD_MOST)
		return 0;
	return highest;
}

/* The oldest SA of this direction that is in use and was not replaced. */
static const struct esp_sa *oldest(const struct scene *sc, int direction, nsec now)
{
	uint32_t index = sc->tunnel->esp_sas[direction];
	const struct esp_sa *found = NULL;

	for (int i = 0; i < LOOKED_AT; i++) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, index);

		if (!sa)
			break;
		if (lives((enum end_reason)sa->end_reason) && sa->rare->successor == 0 &&
		    sa->flags & ESP_SA_CONFIRMED && now - sa->last <= sc->settings->idle &&
		    !clock_stepped_since(sc, sa->first) && (!found || sa->first < found->first))
			found = sa;
		index = sa->next_in_direction;
	}
	return found;
}

static void look(struct direction *d, const struct esp_sa *sa, nsec idle)
{
	if (d->sa != sa->id) {
		d->sa = sa->id;
		d->rested = 0;
	} else if (sa->last - d->last > idle) {
		d->rested += sa->last - d->last;
	}
	d->last = sa->last;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	const struct settings *set = sc->settings;
	bool any = false;

	for (int d = 0; d < 2; d++) {
		const struct esp_sa *sa = oldest(sc, d, now);
		double usual = usual_age(&s->direction[d], set);
		char spi[SPI_TEXT_MAX];

		/*
		 * one that is not believed yet may be the one: it says nothing more that would wake
		 * this
		 */
		any |= sc->tunnel->esp_sas[d] != NO_INDEX;
		if (!sa)
			continue;

		look(&s->direction[d], sa, set->idle);

		nsec age = sa->last - sa->first;
		bool old = age > set->keyage_warn;
		double age_s = (double)age / (double)NSEC_PER_S;
		bool late = usual > 0 && age_s > set->keyage_late_factor * usual &&
			    age_s > usual + JITTER_MOST_S;

		if (!old && !late)
			continue;

		/*
		 * An SA from before the capture may have manual keys, and whether its numbers began
		 * with it nobody saw: its age is a hint (DETECTION-FACTS 4.9).  So is a long rest:
		 * who has nothing to send need not rekey, and the clock may have stepped.
		 */
		bool hint = sa->flags & ESP_SA_MIDSTREAM ||
			    (old && age - s->direction[d].rested <= set->keyage_warn);
		struct finding *f =
			finding_raise(out, old && !hint ? SEVERITY_WARNING : SEVERITY_INFO,
				      hint ? CONFIDENCE_LOW : CONFIDENCE_HIGH, sa->first, sa->last,
				      1);

		f->key = (uint64_t)d;
		f->cause = old ? "key_too_old" : "later_than_usual";
		f->side = (int8_t)d;
		finding_address(f, "sender", sc, d);
		finding_text(f, "spi", "%s", spi_text(sa->spi, spi));
		finding_seconds(f, "age_s", age);
		finding_integer(f, "packets", (int64_t)sa->packets);
		finding_text(f, "birth_seen", "%s", sa->flags & ESP_SA_MIDSTREAM ? "no" : "yes");
		if (usual > 0)
			finding_real(f, "usual_age_at_rekey_s", usual);
		finding_frame(f, sa->first_frame);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	bool birth = finding_get_text(f, "birth_seen")[0] == 'y';
	char age[NSEC_TEXT_MAX], usual[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "age_s"), age);
	text_add(story->summary,
		 "The SA %s from %s is still in use at an age of %s%s and was not rekeyed",
		 finding_get_text(f, "spi"), story_peer(story, f->side), birth ? "" : "at least ",
		 age);
	if (finding_item(f, "usual_age_at_rekey_s")) {
		nsec_span(finding_get_span(f, "usual_age_at_rekey_s"), usual);
		text_add(story->summary, "; those before it were replaced after %s at the latest",
			 usual);
	}
	text_add(story->summary, ".");
	story_remedy(story, REMEDY_LIFE);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct direction *d = &s->direction[i];

		FIELD(f, d->ages);
		FIELD(f, d->n);
		FIELD(f, d->sa);
		FIELD(f, d->last);
		FIELD(f, d->rested);
	}
}

const struct detector detect_rekey_late = {
	.code = "rekey_late",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, keyage_window),
	.observes = WANTS(ESP_SA_REPLACED) | WANTS(ESP_SA_FIRST),
	.judges_after = 0,
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
