/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sequence number of a living SA starts over.  The receiver takes all of
 * it for replays until the old number is reached again.
 */
#include "detect/detector.h"

enum {
	RESETS = 4,		/* remembered per tunnel */
	/* packets after it, all below the old number, that make it certain */
	STEADY = 64,
	AT_THE_START = 128,	/* a sequence that continues below this began at 1 again */
};

struct reset {
	object_id esp_sa;	/* 0 free */
	uint32_t index, spi;
	int8_t side;
	int64_t from;		/* highest number before */
	uint32_t to;
	nsec at;
	bool certain;
	uint64_t frame;
};

struct state {
	struct reset resets[RESETS];
	unsigned next;
	int64_t total;
};

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, ev->esp_sa);

	if (!sa || ev->side < 0)
		return;
	if (ev->value[0] - (int64_t)sa->seq_high < sc->settings->reset_min_drop &&
	    sa->seq_high > AT_THE_START)
		return;
	s->resets[s->next++ % RESETS] = (struct reset){
		.esp_sa = sa->id, .index = ev->esp_sa, .spi = sa->spi, .side = ev->side,
		.from = ev->value[0],
		.to = sa->seq_high, .at = ev->at, .frame = ev->frame,
	};
}

/* Old packets sent again look like a restart until the true sequence goes on. */
static void confirm(struct state *s, struct reset *r, const struct scene *sc)
{
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, r->index);

	if (!sa || sa->id != r->esp_sa || (int64_t)sa->seq_high >= r->from)
		r->esp_sa = 0;
	else if (sa->packets - sa->rare->packets_before >= STEADY) {
		r->certain = true;
		s->total++;
	}
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	const struct reset *latest = NULL;
	bool any = false;

	for (size_t i = 0; i < RESETS; i++) {
		struct reset *r = &s->resets[i];

		if (r->esp_sa != 0 && !r->certain)
			confirm(s, r, sc);
		if (r->esp_sa == 0 || now - r->at > sc->settings->reset_window)
			continue;
		any = true;
		if (r->certain && (!latest || r->at > latest->at))
			latest = r;
	}
	if (!latest)
		return any;

	char spi[SPI_TEXT_MAX];
	struct finding *f = finding_raise(out, SEVERITY_WARNING, CONFIDENCE_HIGH, latest->at,
					  latest->at, s->total);

	f->side = latest->side;
	finding_address(f, "sender", sc, latest->side);
	finding_address(f, "receiver", sc, !latest->side);
	finding_text(f, "spi", "%s", spi_text(latest->spi, spi));
	finding_integer(f, "sequence_before", latest->from);
	finding_integer(f, "sequence_after", latest->to);
	finding_integer(f, "resets", s->total);
	finding_frame(f, latest->frame);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *sender = story_peer(story, f->side),
		   *receiver = story_peer(story, other_side(f->side));

	text_add(story->summary,
		 "%s started the sequence numbers of SPI %s over: from %lld to %lld without a new "
		 "SA; %s takes these packets for replays and drops them.",
		 sender, finding_get_text(f, "spi"), (long long)finding_get(f, "sequence_before"),
		 (long long)finding_get(f, "sequence_after"), receiver);
	story_remedy(story, REMEDY_CLR);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < RESETS; i++) {
		struct reset *r = &s->resets[i];

		FIELD(f, r->esp_sa);
		FIELD(f, r->index);
		FIELD(f, r->spi);
		FIELD(f, r->side);
		FIELD_COUNT(f, r->from);
		FIELD(f, r->to);
		FIELD(f, r->at);
		FIELD(f, r->certain);
		FIELD(f, r->frame);
	}
	FIELD(f, s->next);
	FIELD_COUNT(f, s->total);
}

const struct detector detect_seq_reset = {
	.code = "seq_reset",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, reset_window),
	.observes = WANTS(ESP_SEQ_RESET),
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
