/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One source that sends IKE_SA_INIT to many addresses and completes none. */
#include "detect/detector.h"
#include "detect/newcomers.h"

enum { SETTLES_S = 5 };	/* an honest peer is authenticated after this */

struct state {
	struct newcomers newcomers;
	bool told;
	nsec first, last;
	struct endpoint source;
	int64_t most, answered;
	uint64_t frames[2];
};

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;

	newcomers_observe(&s->newcomers, sc, ev);
}

/* Was this address asked by that source before, within the span that begins with `c`? */
static bool counted(const struct newcomers *n, uint32_t first, uint32_t i, const struct newcomer *c)
{
	for (uint32_t j = i + 1; j <= first; j++)
		if (addr_equal(newcomers_get(n, j)->from.addr, c->from.addr) &&
		    addr_equal(newcomers_get(n, j)->to.addr, newcomers_get(n, i)->to.addr))
			return true;
	return false;
}

/*
 * Addresses that the source of the first-latest asked in vain from then on; 0 when it is somebody's
 * peer.
 */
static int64_t asked(const struct newcomers *n, uint32_t first, const struct settings *set,
		     nsec now, int64_t *ret_answered)
{
	const struct newcomer *c = newcomers_get(n, first);
	int64_t addresses = 0;

	*ret_answered = 0;
	for (uint32_t i = first + 1; i-- > 0;) {
		const struct newcomer *o = newcomers_get(n, i);

		if (o->at - c->at > set->scan_span || !addr_equal(o->from.addr, c->from.addr) ||
		    now - o->at < SETTLES_S * NSEC_PER_S)
			continue;
		/*
		 * a hub after a reboot asks everybody, too; but it gets through to some, or had
		 * before
		 */
		if (o->done || o->known)
			return 0;
		if (counted(n, first, i, c))
			continue;
		addresses++;
		*ret_answered += o->answered;
	}
	return addresses;
}

/* Did it ask before this, as far back as `oldest`?  Then its span began there. */
static bool asked_before(const struct newcomers *n, uint32_t i, uint32_t oldest)
{
	for (uint32_t j = i + 1; j <= oldest; j++)
		if (addr_equal(newcomers_get(n, j)->from.addr, newcomers_get(n, i)->from.addr))
			return true;
	return false;
}

/* Do so many ask in vain that they can be a scan's addresses?  Those that count are among them. */
static bool may_scan(const struct newcomers *n, const struct settings *set)
{
	int64_t in_vain = 0;

	for (uint32_t i = 0; i < newcomers_kept(n) && in_vain < set->scan_dsts; i++)
		in_vain += !newcomers_get(n, i)->done && !newcomers_get(n, i)->known;
	return in_vain >= set->scan_dsts;
}

static void note(struct state *s, const struct newcomer *c, int64_t addresses, int64_t answered,
		 nsec now, nsec window)
{
	if (!s->told || c->at - s->last > window) {
		s->first = c->at;
		s->most = 0;
		s->frames[0] = c->frame;
	}
	s->told = true;
	s->last = now;
	if (addresses < s->most)
		return;
	s->most = addresses;
	s->answered = answered;
	s->source = c->from;
	s->frames[1] = newcomers_get(&s->newcomers, 0)->frame;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *s = state;
	const struct settings *set = sc->settings;
	const struct newcomers *n = &s->newcomers;
	uint32_t kept = newcomers_kept(n), recent = 0;

	while (recent < kept &&
	       now - newcomers_get(n, recent)->at <= set->scan_span + SETTLES_S * NSEC_PER_S)
		recent++;
	if (recent >= (uint32_t)set->scan_dsts) {
		newcomers_look(&s->newcomers, sc);

		uint32_t end = may_scan(n, set) ? recent : 0;

		for (uint32_t i = (uint32_t)set->scan_dsts - 1; i < end; i++) {
			int64_t answered, addresses;

			if (asked_before(n, i, recent - 1))
				continue;
			addresses = asked(n, i, set, now, &answered);
			if (addresses >= set->scan_dsts)
				note(s, newcomers_get(n, i), addresses, answered, now,
				     set->scan_window);
		}
	}
	if (!s->told || now - s->last > set->scan_window)
		return recent > 0;

	char text[ENDPOINT_TEXT_MAX];
	struct finding *f =
		finding_raise(out, SEVERITY_INFO, CONFIDENCE_MEDIUM, s->first, s->last, s->most);

	finding_text(f, "source", "%s",
		     endpoint_text((struct endpoint){ s->source.addr, 0 }, text));
	finding_integer(f, "addresses", s->most);
	finding_integer(f, "answered", s->answered);
	finding_seconds(f, "within_s", set->scan_span);
	finding_frame(f, s->frames[0]);
	finding_frame(f, s->frames[1]);
	return true;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;

	text_add(story->summary,
		 "%s asked %lld addresses for IKE within %.0f s and authenticated to none (%lld "
		 "answered): somebody looks for VPN gateways.",
		 finding_get_text(f, "source"), (long long)f->count,
		 finding_get_real(f, "within_s"), (long long)finding_get(f, "answered"));
	story_remedy(story, REMEDY_FLOOD);
}

const struct detector detect_ike_scan = {
	.code = "ike_scan",
	.scope = SCOPE_CAPTURE,
	.state_size = sizeof(struct state),
	.window = offsetof(struct settings, scan_window),
	.observes = WANTS(IKE_SA_CREATED) | WANTS(IKE_SA_ESTABLISHED),
	.observe = observe,
	.judge = judge,
	.explain = explain,
};
