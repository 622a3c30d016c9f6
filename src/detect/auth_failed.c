/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/moments.h"
#include "detect/traffic.h"

struct state {
	struct side {			/* by the side that refuses */
		struct moments refused;
		nsec first;		/* of this spell */
		bool worked;		/* the tunnel had been up before it */
		bool guessed;		/* only by silence (IKEv1) */
		bool port4500;		/* asked at port 4500, and silent since, on every port */
		/* the latest: by silence after an answer in aggressive mode */
		bool aggressive;
		bool eap;		/* the latest: at the end of EAP */
		uint16_t error;		/* clear notify; 0 none */
		uint8_t major;
	} side[2];
	nsec heard[2];			/* this side's latest message of IKEv1; 0 none */
};

static void refuse(struct state *st, const struct scene *sc, int side, nsec at, uint64_t frame,
		   uint8_t major, uint16_t error, bool guessed, bool port4500)
{
	struct side *s = &st->side[side];

	if (moments_since(&s->refused, at - 2 * sc->settings->auth_window) == 0) {
		s->first = at;
		s->worked = tunnel_worked(sc, at);
		s->guessed = guessed;
		s->port4500 = port4500;
	}
	s->guessed &= guessed;
	s->port4500 &= port4500 && !s->worked;
	s->major = major;
	s->error = error;
	s->aggressive = s->eap = false;
	moments_add_to_row(&s->refused, at, frame, 2 * sc->settings->auth_window);
}

/* IKEv1 errors that mean that the peer could not be authenticated. */
static bool is_auth_error(int64_t type)
{
	return type == IKE1_NOTIFY_AUTHENTICATION_FAILED ||
	       type == IKE1_NOTIFY_INVALID_ID_INFORMATION ||
	       type == IKE1_NOTIFY_INVALID_HASH_INFORMATION ||
	       type == IKE1_NOTIFY_INVALID_SIGNATURE;
}

/*
 * The second message of aggressive mode is repeated without being asked for again: the initiator
 * goes no further.  When the initiator asks again as well, the answers are lost on their way.
 */
static bool goes_no_further(const struct scene *sc, const struct exchange *x,
			    const struct ike_sa *sa)
{
	return x && x->from >= 0 && x->purpose == PURPOSE_AGGRESSIVE && sa &&
	       sa->established == NSEC_NONE &&
	       x->responses + 1 - x->requests == sc->settings->retx_warn_copies &&
	       !side_unseen(sc, x->from) && !loss_since(sc, x->request_at);
}

/* Its login went on by EAP, and no further. */
static bool after_eap(const struct ike_sa *sa)
{
	return sa->current[0]->response_np1 == IKE2_PAYLOAD_EAP ||
	       sa->previous[0]->response_np1 == IKE2_PAYLOAD_EAP;
}

/* Who sent this message of IKEv1; SIDE_UNKNOWN: nobody. */
static int speaker(const struct event *ev)
{
	const struct exchange *x = ev->exchange;

	if (!x || x->from < 0 || x->major != 1 ||
	    (ev->kind != EVENT_REQUEST && ev->kind != EVENT_RESPONSE))
		return SIDE_UNKNOWN;
	return ev->kind == EVENT_REQUEST ? x->from : !x->from;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct state *st = state;

	(void)sc;
	if (ev->kind == EVENT_IKE_SA_ESTABLISHED)
		return !st->side[0].worked && !st->side[1].worked;
	if (ev->kind == EVENT_RESPONSE_COPY)
		return !ev->exchange || ev->exchange->purpose != PURPOSE_AGGRESSIVE;
	return (ev->kind == EVENT_REQUEST || ev->kind == EVENT_RESPONSE) && speaker(ev) < 0;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *st = state;
	const struct exchange *x = ev->exchange;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (ev->kind == EVENT_REQUEST || ev->kind == EVENT_RESPONSE) {
		if (speaker(ev) >= 0)
			st->heard[speaker(ev)] = ev->at;
	} else if (ev->kind == EVENT_AUTH_REFUSED && ev->side >= 0) {
		refuse(st, sc, ev->side, ev->at,
		       ev->frame ? ev->frame
		       : sa      ? sa->last_frame
				 : 0,
		       2, 0, false, false);
		st->side[ev->side].eap = sa && !x && after_eap(sa);
	} else if (ev->kind == EVENT_ERROR_NOTIFY && ev->side >= 0 && ev->value[1] == 1 &&
		   is_auth_error(ev->value[0])) {
		refuse(st, sc, ev->side, ev->at, ev->frame, 1, (uint16_t)ev->value[0], false,
		       false);
	} else if (ev->kind == EVENT_REQUEST_COPY && x && x->from >= 0 &&
		   x->purpose == PURPOSE_MAIN_MODE_AUTH && x->responses == 0 &&
		   x->requests == sc->settings->retx_warn_copies && !side_unseen(sc, !x->from) &&
		   !loss_since(sc, x->request_at)) {
		/*
		 * the fifth message of main mode: with another pre-shared key the peer cannot even
		 * decrypt it
		 */
		refuse(st, sc, !x->from, ev->at, ev->frame, 1, 0, true,
		       x->request_dst_port == 4500 && st->heard[!x->from] < x->request_at);
	} else if (ev->kind == EVENT_RESPONSE_COPY && goes_no_further(sc, x, sa)) {
		refuse(st, sc, x->from, ev->at, ev->frame, 1, 0, true, false);
		st->side[x->from].aggressive = true;
	} else if (ev->kind == EVENT_IKE_SA_ESTABLISHED && sa && sa->origin == ORIGIN_OBSERVED) {
		for (int side = 0; side < 2; side++)
			st->side[side].worked = false;
	}
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *st = state;
	const struct settings *set = sc->settings;
	nsec from = now - set->auth_window;
	bool any = false;

	for (int side = 0; side < 2; side++) {
		const struct side *s = &st->side[side];
		unsigned n = moments_since(&s->refused, from);

		if (n == 0)
			continue;
		any = true;

		bool critical = n >= (unsigned)set->auth_crit || s->worked;
		struct finding *f = finding_raise(
			out, critical ? SEVERITY_CRITICAL : SEVERITY_WARNING,
			s->guessed ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH,
			moments_first(&s->refused, from), moments_at(&s->refused, 0),
			moments_in_row(&s->refused));
		const char *name = s->error ? ike_notify_name(1, s->error) : NULL;

		f->key = (uint64_t)side;
		f->side = (int8_t)side;
		f->cause = s->guessed && s->port4500 ? "port4500" : NULL;
		finding_address(f, "refused_by", sc, side);
		finding_address(f, "peer", sc, !side);
		finding_integer(f, "refusals", f->count);
		finding_integer(f, "ike_version", s->major);
		finding_text(f, "worked_before", "%s", s->worked ? "yes" : "no");
		finding_text(f, "sign", "%s", s->guessed && s->aggressive ?
			     "second message of aggressive mode repeated without an answer" :
			     s->guessed ? "fifth message of main mode repeated without an answer" :
			     name ? name :
			     s->eap ? "the login by EAP ended without success" :
				      "short answer that begins with a notify");
		moments_frames(&s->refused, from, f);
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *by = story_peer(story, f->side), *peer = story_peer(story, other_side(f->side));
	const char *plural = f->count == 1 ? "" : "s";

	if (f->confidence == CONFIDENCE_HIGH) {
		text_add(story->summary,
			 "%s rejected the authentication of %s (wrong %s) ", by, peer,
			 strncmp(finding_get_text(f, "sign"), "the login", 9) == 0
				 ? "name, password or certificate of EAP"
				 : "pre-shared key, identity or certificate");
		text_add_times(story->summary, f->count);
	} else if (strcmp(finding_cause(f), "port4500") == 0) {
		text_add(story->summary,
			 "%s does not answer the authentication of %s (%lld attempt%s), which goes "
			 "to UDP port 4500, and is not heard of since: UDP 4500 is probably "
			 "blocked; else the pre-shared keys differ", by, peer,
			 (long long)f->count, plural);
		story_remedy(story, REMEDY_NAT4500);
	} else if (strncmp(finding_get_text(f, "sign"), "second", 6) == 0) {
		text_add(story->summary,
			 "%s goes no further after the answer of %s in aggressive mode, which is "
			 "sent again and again (%lld attempt%s): it probably cannot verify it, "
			 "because the pre-shared keys differ; or the answer is lost on its way",
			 by, peer, (long long)f->count, plural);
	} else {
		text_add(story->summary,
			 "%s does not answer the authentication of %s (%lld attempt%s): it "
			 "probably cannot decrypt it, because the pre-shared keys differ",
			 by, peer, (long long)f->count, plural);
	}
	if (finding_get_text(f, "worked_before")[0] == 'y')
		text_add(story->summary, "; the tunnel had worked before");
	text_add(story->summary, ".");
	story_remedy(story, REMEDY_AUTHCFG);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct side *side = &s->side[i];

		moments_fields(f, &side->refused);
		FIELD(f, side->first);
		FIELD(f, side->worked);
		FIELD(f, side->guessed);
		FIELD(f, side->port4500);
		FIELD(f, side->aggressive);
		FIELD(f, side->eap);
		FIELD(f, side->error);
		FIELD(f, side->major);
	}
	FIELD(f, s->heard);
}

const struct detector detect_auth_failed = {
	.code = "auth_failed",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, auth_window),
	.observes = WANTS(AUTH_REFUSED) | WANTS(ERROR_NOTIFY) | WANTS(REQUEST) |
		    WANTS(REQUEST_COPY) |
		    WANTS(RESPONSE) | WANTS(RESPONSE_COPY) | WANTS(IKE_SA_ESTABLISHED),
	.judges_after = WANTS(AUTH_REFUSED) | WANTS(ERROR_NOTIFY) | WANTS(RESPONSE_COPY),
	.observe = observe,
	.ignores = ignores,
	.ignores_unseen = WANTS(REQUEST) | WANTS(RESPONSE) | WANTS(RESPONSE_COPY),
	.ignores_fresh = WANTS(IKE_SA_ESTABLISHED),
	.rests_fresh = true,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
