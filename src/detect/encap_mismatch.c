/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One peer sends plain ESP and the other ESP in UDP.  Behind a NAT UDP is
 * mandatory (RFC 7296 2.23), and many receivers drop what does not look like
 * what they send.
 */
#include "detect/detector.h"

struct state {
	struct usual {
		bool used;
		uint8_t encap;		/* of its latest traffic */
	} usual[2];
	struct direction {
		nsec since, last;	/* only this one */
		uint64_t frame;
	} direction[2];
};

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, ev->esp_sa);
	struct direction *d;
	struct usual *usual;

	if (!sa || sa->direction < 0)
		return;
	d = &s->direction[sa->direction];
	usual = &s->usual[sa->direction];
	if (!usual->used || usual->encap != sa->encap) {
		*usual = (struct usual){ true, sa->encap };
		/* no packet of a minute's traffic is older than that minute, or than its SA */
		d->since = ev->kind == EVENT_TRAFFIC && ev->value[3] > sa->first ? ev->value[3]
										 : sa->first;
		d->frame = ev->frame ? ev->frame : sa->first_frame;
	}
	if (ev->at > d->last)
		d->last = ev->at;
}

static nsec later(nsec a, nsec b)
{
	return a > b ? a : b;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	const struct direction *a = &s->direction[0], *b = &s->direction[1];
	const struct settings *set = sc->settings;

	uint8_t encap[2] = { s->usual[0].encap, s->usual[1].encap };

	if (!s->usual[0].used || !s->usual[1].used || encap[0] == encap[1])
		return false;

	nsec since = later(a->since, b->since), until = a->last < b->last ? a->last : b->last;

	if (until - since < set->encap_min || now - until > set->encap_window)
		return now - until <= set->encap_window;

	bool nat = sc->tunnel->behind_nat[0] == 1 || sc->tunnel->behind_nat[1] == 1;
	struct finding *f = finding_raise(
		out, SEVERITY_WARNING, nat ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM, since, until, 1);

	/* the one to look at: who sends plain ESP although there is a NAT */
	f->side = (int8_t)(encap[0] == ENCAP_NONE ? 0 : encap[1] == ENCAP_NONE ? 1 : SIDE_UNKNOWN);
	for (int side = 0; side < 2; side++) {
		finding_address(f, side ? "peer_b" : "peer_a", sc, side);
		finding_text(f, side ? "encap_b" : "encap_a", "%s",
			     encap_text(encap[side]));
		finding_frame(f, s->direction[side].frame);
	}
	finding_seconds(f, "for_s", until - since);
	finding_text(f, "nat", "%s", nat ? "yes" : "not known");
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	bool nat = finding_get_text(f, "nat")[0] == 'y';

	text_add(story->summary, "%s and %s encapsulate ESP differently (%s and %s)%s",
		 story->peer[0], story->peer[1], finding_get_text(f, "encap_a"),
		 finding_get_text(f, "encap_b"),
		 nat ? " although a NAT stands between them: plain ESP does not pass it."
		     : "; that is legal without a NAT, but many gateways drop what they do not"
		       " expect.");
	story_remedy(story, REMEDY_ENCAP);
	story_remedy(story, REMEDY_NAT4500);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct direction *d = &s->direction[i];

		FIELD(f, s->usual[i].used);
		FIELD_BELOW(f, s->usual[i].encap, ENCAP_TCP + 1);
		FIELD(f, d->since);
		FIELD(f, d->last);
		FIELD(f, d->frame);
	}
}

const struct detector detect_encap_mismatch = {
	.code = "encap_mismatch",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, encap_window),
	.observes = WANTS(TRAFFIC) | WANTS(ESP_SA_FIRST),
	.judges_after = WANTS(TRAFFIC),
	.observe = observe,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
