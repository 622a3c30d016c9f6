/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The 32-bit sequence number of an SA runs out: without ESN its sender must
 * rekey before, or stop (RFC 4303 3.3.3).
 */
#include "detect/detector.h"

enum {
	SAS = 8,		/* with high numbers, remembered per tunnel */
	STEADY = 64,		/* packets after a jump that make it more than a forgery */
};

#define NUMBERS 4294967296.0	/* 2^32 */

struct high {
	object_id esp_sa;	/* 0 free */
	uint32_t index;
	double per_second;	/* as of the latest minute; 0 not known */
	nsec first, last;
	nsec jumped;		/* it did not count up to here; NSEC_NONE */
	uint64_t frame;
};

struct state {
	struct high sas[SAS];
	unsigned next;
};

static struct high *high_see(struct state *s, const struct esp_sa *sa, const struct event *ev)
{
	for (size_t i = 0; i < SAS; i++)
		if (s->sas[i].esp_sa == sa->id)
			return &s->sas[i];

	struct high *h = &s->sas[s->next++ % SAS];

	*h = (struct high){ .esp_sa = sa->id,
			    .index = ev->esp_sa,
			    .first = ev->at,
			    .jumped = NSEC_NONE,
			    .frame = ev->frame };
	return h;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, ev->esp_sa);
	bool jump = ev->kind == EVENT_ESP_SEQ_JUMP;

	/* the tracker counts from the new place after this event */
	if (!sa || sa->direction < 0 || !(sa->flags & ESP_SA_CONFIRMED) ||
	    (!jump && (int64_t)sa->seq_high < sc->settings->wrap_warn))
		return;

	struct high *h = high_see(s, sa, ev);

	h->last = ev->at;
	if (jump)
		h->jumped = ev->at;
	if (ev->kind == EVENT_TRAFFIC && ev->at > ev->value[3])
		h->per_second = (double)(ev->value[0] + ev->value[2]) / 60;
}

/* It went on past the end: it has extended numbers, and cannot run out of them. */
static bool wrapped(const struct high *h, const struct scene *sc)
{
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, h->index);

	return sa && sa->id == h->esp_sa && sa->flags & ESP_SA_ESN;
}

static bool runs_out(const struct high *h, const struct scene *sc, nsec now)
{
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, h->index);
	const struct settings *set = sc->settings;

	/* a replaced one needs none */
	if (!sa || sa->id != h->esp_sa || sa->rare->successor != 0 ||
	    sa->end_reason != END_NONE || (int64_t)sa->seq_high < set->wrap_warn ||
	    now - sa->last > set->wrap_window)
		return false;
	if (h->jumped == NSEC_NONE)
		return true;
	return now - h->jumped > set->wrap_jump && sa->packets - sa->rare->packets_before >= STEADY;
}

static void raise(const struct high *h, const struct scene *sc, struct findings *out)
{
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, h->index);
	const struct settings *set = sc->settings;
	double eta = h->per_second > 0 ? (NUMBERS - (double)sa->seq_high) / h->per_second : -1;
	bool soon = eta >= 0 && eta < (double)set->wrap_eta / (double)NSEC_PER_S;
	bool critical = (int64_t)sa->seq_high >= set->wrap_crit || soon;
	char spi[SPI_TEXT_MAX];
	struct finding *f =
		finding_raise(out, critical ? SEVERITY_CRITICAL : SEVERITY_WARNING,
			      h->jumped == NSEC_NONE ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM,
			      h->first, sa->last, (int64_t)sa->seq_high);

	f->key = sa->id;
	f->side = sa->direction;
	finding_address(f, "sender", sc, sa->direction);
	finding_text(f, "spi", "%s", spi_text(sa->spi, spi));
	finding_integer(f, "sequence", sa->seq_high);
	finding_integer(f, "left", (int64_t)NUMBERS - (int64_t)sa->seq_high);
	if (eta >= 0) {
		finding_real(f, "packets_per_second", (double)(int64_t)(h->per_second * 10) / 10);
		finding_real(f, "runs_out_in_s", (double)(int64_t)eta);
	}
	finding_frame(f, h->frame);
	finding_frame(f, sa->last_frame);
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	bool any = false;

	for (size_t i = 0; i < SAS; i++) {
		if (s->sas[i].esp_sa == 0)
			continue;
		any = true;
		if (wrapped(&s->sas[i], sc))
			finding_over(out, s->sas[i].esp_sa);
		else if (runs_out(&s->sas[i], sc, now))
			raise(&s->sas[i], sc, out);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;

	text_add(story->summary, "SPI %s of %s has used %lld of 4294967296 sequence numbers",
		 finding_get_text(f, "spi"), story_peer(story, f->side), (long long)f->count);
	if (finding_item(f, "runs_out_in_s")) {
		char span[NSEC_TEXT_MAX];

		nsec_span(finding_get_span(f, "runs_out_in_s"), span);
		text_add(story->summary, " and runs out of them in %s", span);
	}
	text_add(story->summary, "; without extended sequence numbers it must be rekeyed before, "
				 "or it stops.");
	story_remedy(story, REMEDY_ESN);
	story_remedy(story, REMEDY_VOL);
	story_remedy(story, REMEDY_LIFE);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < SAS; i++) {
		struct high *h = &s->sas[i];

		FIELD(f, h->esp_sa);
		FIELD(f, h->index);
		FIELD(f, h->per_second);
		FIELD(f, h->first);
		FIELD(f, h->last);
		FIELD_MAYBE(f, h->jumped);
		FIELD(f, h->frame);
		/* a packet a minute, at least */
		fields_require(f, h->per_second == 0 || h->per_second >= 1 / 64.0);
	}
	FIELD(f, s->next);
}

const struct detector detect_seq_exhaustion = {
	.code = "seq_exhaustion",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, wrap_window),
	.observes = WANTS(TRAFFIC) | WANTS(ESP_SEQ_JUMP) | WANTS(ESP_SA_FIRST),
	.observe = observe,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
