/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/detector.h"
#include "detect/moments.h"
#include "detect/sample.h"
#include "detect/volume.h"

enum {
	KEPT = 32,		/* replacements remembered per direction */
	CHAINS_LOOKED_AT = 256,	/* ESP SAs walked to count the parallel ones */
};

#define SPEAKS_WITHIN (10 * NSEC_PER_S)	/* an ESP SA, after the IKE SA that it came with */

struct replacement {
	nsec at;
	uint32_t age_ms;
	uint32_t old_spi;
	uint32_t frame;		/* low 32 bits, as in moments.h */
	float bytes;
	bool by_ike;		/* an exchange was seen that made the new one */
};

struct state {
	struct direction {
		uint32_t total;
		struct replacement kept[KEPT];
	} direction[2];
	struct moments set_ups;	/* IKE SAs from scratch */
};

static uint32_t milliseconds(nsec span)
{
	nsec ms = span / NSEC_PER_MS;

	return ms < 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

/* Was an exchange seen that made it? */
static bool by_ike(const struct scene *sc, const struct esp_sa *sa)
{
	const struct child_sa *c = tracker_child_sa(sc->tracker, sa->child);

	return c && c->how != CREATED_UNKNOWN;
}

static void replaced(struct state *s, const struct scene *sc, const struct event *ev)
{
	const struct esp_sa *new = tracker_esp_sa(sc->tracker, ev->esp_sa);
	const struct esp_sa *old = tracker_esp_sa(sc->tracker, ev->other);

	if (!new || !old || new->direction < 0)
		return;
	/*
	 * an SA from before the capture has no age, and one lone packet without IKE may be a stray
	 */
	if (old->flags & ESP_SA_MIDSTREAM || (old->packets < 2 && !by_ike(sc, old)) ||
	    clock_stepped_since(sc, old->first))
		return;

	struct direction *d = &s->direction[new->direction];
	uint64_t frame = ev->frame ? ev->frame : new->first_frame;

	d->kept[d->total++ % KEPT] = (struct replacement){
		.at = ev->at,
		.age_ms = milliseconds(new->first - old->first),
		.old_spi = old->spi,
		.frame = frame <= UINT32_MAX ? (uint32_t)frame : 0,
		.bytes = (float)old->bytes,
		.by_ike = by_ike(sc, new),
	};
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;

	if (ev->kind == EVENT_ESP_SA_REPLACED) {
		replaced(s, sc, ev);
	} else {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

		if (sa && sa->origin != ORIGIN_REKEY)
			moments_add(&s->set_ups, ev->at, ev->frame);
	}
}

/*
 * K: SAs that live side by side in a direction, each the end of its own chain (RFC 7296 2.8 allows
 * them).
 */
static int64_t parallel(const struct scene *sc, int direction, nsec now)
{
	uint32_t index = sc->tunnel->esp_sas[direction];
	int64_t chains = 0;

	for (int i = 0; index != NO_INDEX && i < CHAINS_LOOKED_AT; i++) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, index);

		if (!sa)
			break;
		chains += sa->rare->successor == 0 && lives((enum end_reason)sa->end_reason) &&
			  now - sa->last <= sc->settings->idle && sa->flags & ESP_SA_CONFIRMED;
		index = sa->next_in_direction;
	}
	return chains > 1 ? chains : 1;
}

/* What the window holds of one direction. */
struct window {
	size_t n, by_ike;
	nsec first, last;
	double ages[KEPT], bytes[KEPT];
	const struct replacement *of[KEPT];	/* oldest first */
};

static struct window window_of(const struct direction *d, nsec from)
{
	struct window w = { .n = 0 };
	uint32_t kept = d->total < KEPT ? d->total : KEPT;

	for (uint32_t back = kept; back-- > 0;) {
		const struct replacement *r = &d->kept[(d->total - 1 - back) % KEPT];

		if (r->at < from)
			continue;
		if (w.n == 0)
			w.first = r->at;
		w.last = r->at;
		w.ages[w.n] = r->age_ms / 1000.0;
		w.bytes[w.n] = (double)r->bytes;
		w.of[w.n++] = r;
		w.by_ike += r->by_ike;
	}
	return w;
}

static bool ends_by_volume(const struct scene *sc, const struct window *w)
{
	return volume_judge(sc->settings, w->bytes, w->ages, w->n).volume;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* The thresholds, but never more than is remembered. */
static int64_t threshold(int64_t setting, int64_t by_chains)
{
	int64_t n = larger(setting, by_chains);

	return n < KEPT ? n : KEPT;
}

static void spis(struct finding *f, const struct window *w)
{
	char list[FINDING_TEXT_MAX];
	struct text t = TEXT_IN(list);

	/* seven are enough to follow them; the latest say most */
	for (size_t i = w->n > 7 ? w->n - 7 : 0; i < w->n; i++) {
		char spi[SPI_TEXT_MAX];

		text_add(&t, "%s%s", t.used ? " " : "", spi_text(w->of[i]->old_spi, spi));
	}
	finding_text(f, "replaced_spis", "%s", list);
}

static void raise(const struct state *s, const struct scene *sc, int direction,
		  const struct window *w, double median, int64_t chains, enum severity severity,
		  nsec from, struct findings *out)
{
	enum confidence confidence = w->by_ike >= 3 ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM;
	/* the one that the first SA came with replaced nothing */
	nsec first_spoke = w->first - (nsec)w->of[0]->age_ms * NSEC_PER_MS;
	size_t set_ups = moments_since(&s->set_ups, larger(w->first - SPEAKS_WITHIN, first_spoke));
	bool with_ike = 2 * set_ups >= w->n && set_ups >= 2;
	/* nobody knows what its IKE SA does */
	bool esp_only = w->by_ike == 0 && sc->tunnel->ike_sas == NO_INDEX;

	if (loss_since(sc, from))
		confidence = less(confidence);

	struct finding *f =
		finding_raise(out, severity, confidence, w->first, w->last, (int64_t)w->n);

	finding_address(f, "direction_from", sc, direction);
	finding_integer(f, "replacements", (int64_t)w->n);
	finding_seconds(f, "window_s", sc->settings->churn_window);
	finding_real(f, "median_age_s", median);
	finding_integer(f, "parallel_sas", chains);
	finding_text(f, "kind", "%s",
		     with_ike	? "with_ike"
		     : esp_only ? "esp_only"
				: "ike_stable");
	finding_integer(f, "ike_set_ups", (int64_t)set_ups);
	finding_integer(f, "replacements_seen_in_ike", (int64_t)w->by_ike);
	spis(f, w);
	for (size_t i = 0; i < w->n; i++)
		finding_frame(f, w->of[i]->frame);
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	const struct settings *set = sc->settings;
	nsec from = now - set->churn_window;
	struct window w[2] = {
		window_of(&s->direction[0], from), window_of(&s->direction[1], from),
	};
	int busier = w[1].n > w[0].n;
	const struct window *most = &w[busier];

	if (most->n == 0)
		return false;
	if (most->n < (size_t)set->churn_warn || ends_by_volume(sc, &w[0]) ||
	    ends_by_volume(sc, &w[1]))
		return true;

	double median = sample_median(most->ages, most->n);
	int64_t chains = parallel(sc, busier, now);
	int64_t n = (int64_t)most->n;
	double warn_age = (double)set->churn_age_warn / (double)NSEC_PER_S;
	double crit_age = (double)set->churn_age_crit / (double)NSEC_PER_S;

	if (n >= threshold(set->churn_crit, 4 * chains) && median < crit_age)
		raise(s, sc, busier, most, median, chains, SEVERITY_CRITICAL, from, out);
	else if (n >= threshold(set->churn_warn, 2 * chains + 1) && median < warn_age)
		raise(s, sc, busier, most, median, chains, SEVERITY_WARNING, from, out);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	char window[NSEC_TEXT_MAX], median[NSEC_TEXT_MAX];

	long long set_ups = finding_get(f, "ike_set_ups");

	nsec_span(finding_get_span(f, "window_s"), window);
	nsec_span(finding_get_span(f, "median_age_s"), median);
	text_add(story->summary, "The tunnel %s - %s replaced its ESP SA %lld times within %s "
				 "(median life %s",
		 story->peer[0], story->peer[1], (long long)f->count, window, median);
	if (set_ups == 0 && finding_get_text(f, "kind")[0] == 'e')
		text_add(story->summary, "; its IKE is not in this capture");
	else if (set_ups == 0)
		text_add(story->summary, ", while the IKE SA stays");
	else if (set_ups >= f->count)
		text_add(story->summary, ", each time with a new IKE SA");
	else
		text_add(story->summary, ", with %lld new IKE SA%s among them", set_ups,
			 set_ups == 1 ? "" : "s");
	text_add(story->summary, "); keys are renegotiated far more often than any lifetime "
				 "setting, so traffic is likely interrupted at each change.");
	story_remedy(story, REMEDY_TS);
	story_remedy(story, REMEDY_LIFE);
	story_remedy(story, REMEDY_PFS);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct direction *d = &s->direction[i];

		FIELD(f, d->total);
		for (size_t n = 0; n < KEPT; n++) {
			FIELD(f, d->kept[n].at);
			FIELD(f, d->kept[n].age_ms);
			FIELD(f, d->kept[n].old_spi);
			FIELD(f, d->kept[n].frame);
			FIELD(f, d->kept[n].bytes);
			FIELD(f, d->kept[n].by_ike);
		}
	}
	moments_fields(f, &s->set_ups);
}

const struct detector detect_spi_churn = {
	.code = "spi_churn",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, churn_window),
	.observes = WANTS(ESP_SA_REPLACED) | WANTS(IKE_SA_ESTABLISHED),
	.judges_after = WANTS(ESP_SA_REPLACED),
	.observe = observe,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
