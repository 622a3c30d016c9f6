/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IKEv1 aggressive mode with a pre-shared key: the responder's answer carries
 * a hash of the key in clear (RFC 2409 5.4), which can be tried offline.
 */
#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/moments.h"

struct state {
	struct moments answers[2];	/* by the responder, whose hash is exposed */
	object_id counted;
	uint16_t auth[2];
};

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);
	const struct exchange *x = ev->exchange;

	return !sa || !x || x->major != 1 || x->type != IKE1_EXCHANGE_AGGRESSIVE || x->from < 0 ||
	       s->counted == sa->id ||
	       (sa->auth != IKE1_AUTH_PSK && sa->auth != IKE1_AUTH_XAUTH_INIT_PSK &&
		sa->auth != IKE1_AUTH_XAUTH_RESP_PSK);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	if (ignores(state, sc, ev))
		return;

	struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);
	const struct exchange *x = ev->exchange;

	s->counted = sa->id;
	s->auth[!x->from] = sa->auth;
	moments_add(&s->answers[!x->from], ev->at, ev->frame);
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	nsec from = now - sc->settings->aggressive_window;
	bool any = false;

	for (int side = 0; side < 2; side++) {
		const struct moments *m = &s->answers[side];

		if (moments_since(m, from) == 0)
			continue;
		any = true;

		const char *auth = ike1_auth_name(s->auth[side]);
		struct finding *f = finding_raise(out, SEVERITY_WARNING, CONFIDENCE_HIGH,
						  moments_first(m, from), moments_at(m, 0), 1);

		f->key = (uint64_t)side;
		f->side = (int8_t)side;
		finding_address(f, "responder", sc, side);
		finding_address(f, "initiator", sc, !side);
		finding_text(f, "authentication", "%s", auth ? auth : "PSK");
		finding_integer(f, "answers", moments_since(m, from));
		moments_frames(m, from, f);
	}
	return any;
}

static void explain(struct story *story)
{
	text_add(story->summary,
		 "%s answers IKEv1 aggressive mode: the hash of its pre-shared key is in clear, "
		 "and anybody who saw the handshake can try keys against it offline.",
		 story_peer(story, story->finding->side));
	story_remedy(story, REMEDY_AGGR);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	moments_fields(f, &s->answers[0]);
	moments_fields(f, &s->answers[1]);
	FIELD(f, s->counted);
	FIELD(f, s->auth);
}

const struct detector detect_aggressive_psk = {
	.code = "aggressive_psk",
	.scope = SCOPE_TUNNEL,
	.posture = true,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, aggressive_window),
	.observes = WANTS(RESPONSE),
	.judges_after = WANTS(RESPONSE),
	.observe = observe,
	.ignores = ignores,
	.rests_fresh = true,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
