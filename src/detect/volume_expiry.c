/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/detector.h"
#include "detect/volume.h"

enum { KEPT = 8 };

struct retired {
	nsec at;
	double age_s, bytes;
	uint32_t frame;
	uint32_t esp_sa;		/* the old one */
	object_id id;
};

struct state {
	struct direction {
		struct retired kept[KEPT];
		uint32_t total;
	} direction[2];
};

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct esp_sa *new = tracker_esp_sa(sc->tracker, ev->esp_sa);
	const struct esp_sa *old = tracker_esp_sa(sc->tracker, ev->other);

	const struct child_sa *child = new ? tracker_child_sa(sc->tracker, new->child) : NULL;

	/*
	 * a volume limit renews the child SA; a tunnel built from scratch ended for another reason
	 */
	if (child && child->how == CREATED_IKE_AUTH)
		return;
	if (!new || !old || new->direction < 0 || old->flags & ESP_SA_MIDSTREAM ||
	    old->packets < 2 || clock_stepped_since(sc, old->first))
		return;

	struct direction *d = &s->direction[new->direction];

	d->kept[d->total++ % KEPT] = (struct retired){
		.at = ev->at,
		.age_s = (double)(new->first - old->first) / (double)NSEC_PER_S,
		.bytes = (double)old->bytes,
		.frame = (uint32_t)new->first_frame,
		.esp_sa = ev->other,
		.id = old->id,
	};
}

/* It went on for long after it was taken for replaced: the other one is used beside it. */
static bool goes_on(const struct scene *sc, const struct retired *r)
{
	const struct esp_sa *sa = tracker_esp_sa(sc->tracker, r->esp_sa);

	return sa && sa->id == r->id && sa->last - r->at > sc->settings->overlap_budget;
}

static bool judge_direction(const struct state *s, const struct scene *sc, int direction, nsec now,
			    struct findings *out)
{
	const struct direction *d = &s->direction[direction];
	double bytes[KEPT], ages[KEPT];
	size_t kept = d->total < KEPT ? d->total : KEPT, n = 0;
	nsec first = 0, last = 0;
	uint32_t frames[KEPT];

	for (size_t i = 0; i < kept; i++) {
		const struct retired *r = &d->kept[(d->total - kept + i) % KEPT];

		if (goes_on(sc, r))
			continue;
		bytes[n] = r->bytes;
		ages[n] = r->age_s;
		first = n == 0 ? r->at : first;
		last = r->at;
		frames[n++] = r->frame;
	}
	if (n == 0 || now - last > sc->settings->volume_window)
		return false;

	struct volume_verdict v = volume_judge(sc->settings, bytes, ages, n);

	if (!v.volume)
		return true;

	bool fast = v.age_s < (double)sc->settings->volume_warn / (double)NSEC_PER_S;
	struct finding *f =
		finding_raise(out, fast ? SEVERITY_WARNING : SEVERITY_INFO,
			      v.sure ? CONFIDENCE_HIGH : CONFIDENCE_MEDIUM, first, last, d->total);

	f->side = (int8_t)direction;
	finding_address(f, "direction_from", sc, direction);
	finding_integer(f, "bytes_per_sa", (int64_t)v.bytes);
	finding_real(f, "mean_age_s", v.age_s);
	finding_integer(f, "sas", (int64_t)n);
	if (v.limit)
		finding_text(f, "known_limit", "%s", v.limit);
	for (size_t i = 0; i < n; i++)
		finding_frame(f, frames[i]);
	return true;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	bool any = judge_direction(s, sc, 0, now, out);

	/* the limit strikes in one direction; the other one is replaced along with it */
	if (out->n == 0)
		any |= judge_direction(s, sc, 1, now, out);
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *limit = finding_get_text(f, "known_limit");
	double bytes = finding_get_real(f, "bytes_per_sa");
	char age[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "mean_age_s"), age);
	const char *unit = bytes >= 1e9 ? "GB" : bytes >= 1e6 ? "MB" : "kB";

	text_add(story->summary, "The SA from %s is replaced after about %.2f %s",
		 story_peer(story, f->side),
		 bytes / (bytes >= 1e9   ? 1e9
			  : bytes >= 1e6 ? 1e6
					 : 1e3),
		 unit);
	text_add(story->summary, ", not after a fixed time: the volume lifetime triggers every %s "
				 "on average at the present rate", age);
	if (*limit)
		text_add(story->summary, " (%s)", limit);
	text_add(story->summary, ".");
	story_remedy(story, REMEDY_VOL);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct direction *d = &s->direction[i];

		for (size_t n = 0; n < KEPT; n++) {
			FIELD(f, d->kept[n].at);
			FIELD(f, d->kept[n].age_s);
			FIELD_REAL(f, d->kept[n].bytes);
			FIELD(f, d->kept[n].frame);
			FIELD(f, d->kept[n].esp_sa);
			FIELD(f, d->kept[n].id);
		}
		FIELD(f, d->total);
	}
}

const struct detector detect_volume_expiry = {
	.code = "volume_expiry",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, volume_window),
	.observes = WANTS(ESP_SA_REPLACED),
	.judges_after = WANTS(ESP_SA_REPLACED),
	.observe = observe,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
