/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "detect/detector.h"
#include "detect/moments.h"
#include "detect/traffic.h"

#define HEARD_RECENTLY (300 * NSEC_PER_S)
/* by then nearly everybody has asked again (DETECTION-FACTS 2.2) */
#define ASKS_AGAIN (5 * NSEC_PER_S)

enum { TUNNELS_LOOKED_AT = 1024 };

struct state {
	struct side {			/* by initiator */
		/* new SPIs whose first message was never answered so far */
		struct moments attempts;
		uint64_t spi_i;			/* the latest of them */
		uint32_t ike_sa;		/* index and id of its IKE SA */
		object_id id;
		uint16_t copies;		/* transmissions of it */
		uint16_t most;			/* of any one attempt in this spell */
		/* of these, how many an answer was waited for: not for the latest message yet */
		uint16_t waited, waited_attempts;
		uint32_t messages;		/* in this spell */
		nsec first, last;		/* of the spell */
		uint64_t frames[2];
		/* latest ICMP error that quotes this side's packets; 0 none */
		nsec unreachable;
		int64_t icmp_type, icmp_code;
		bool worked;			/* the tunnel had been up when the spell began */
		bool told;			/* perhaps, and is answered by now */
		bool up;			/* and its IKE SA is set up, too */
		/* attempt that was answered: its next steps were answered too */
		uint64_t answered;
		/* asked again after its answers, which do not arrive: the latest such attempt */
		struct again {
			uint64_t spi_i;		/* 0 none */
			nsec first, last;
			nsec answered;		/* the first time */
			uint64_t frames[2];
			uint16_t requests, answers, after_answer;
		} again;
	} side[2];
};

static bool is_first_message(const struct exchange *x)
{
	return x->purpose == PURPOSE_IKE_SA_INIT || x->purpose == PURPOSE_COOKIE ||
	       x->purpose == PURPOSE_INVALID_KE || x->purpose == PURPOSE_MAIN_MODE_SA ||
	       x->purpose == PURPOSE_AGGRESSIVE;
}

static void asked(struct side *s, const struct scene *sc, const struct exchange *x,
		  const struct event *ev)
{
	/*
	 * sent back for a cookie or another group, with the same words within milliseconds: a
	 * mirror's copy to us
	 */
	if (x->spi_i == s->answered && ev->kind == EVENT_REQUEST)
		return;
	if (s->messages == 0) {
		s->first = ev->at;
		s->frames[0] = ev->frame;
		s->worked = tunnel_worked(sc, ev->at);
	}
	if (s->messages > 0 && ev->at - s->last >= sc->settings->retx_answer_wait) {
		s->waited = s->most;
		s->waited_attempts = (uint16_t)moments_since(
			&s->attempts, s->last - sc->settings->init_window);
	}
	/* another group or a cookie is a further step of the same attempt */
	if (s->spi_i != x->spi_i) {
		s->spi_i = x->spi_i;
		moments_add(&s->attempts, ev->at, ev->frame);
	}
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	s->ike_sa = ev->ike_sa;
	s->id = sa ? sa->id : 0;
	s->copies = x->requests;
	s->most = x->requests > s->most ? x->requests : s->most;
	s->messages++;
	s->last = ev->at;
	s->frames[1] = ev->frame;
}

/* Who gets the answer does not ask again; one copy may have crossed it. */
static void asked_again(struct again *a, const struct exchange *x, const struct event *ev)
{
	if (a->spi_i != x->spi_i)
		a->first = x->request_at;
	a->spi_i = x->spi_i;
	a->last = ev->at;
	a->answered = x->response_at;
	a->requests = x->requests;
	a->answers = x->responses;
	a->after_answer = x->requests_after_response;
	a->frames[0] = x->request_frame;
	a->frames[1] = ev->frame;
}

/* Any answer: it can be reached, whatever it says. */
static void answered(struct side *s, uint64_t spi_i)
{
	const struct side was = *s;

	*s = (struct side){ .unreachable = was.unreachable, .answered = spi_i,
			    .told = was.told || was.messages > 1,
			    .up = was.up };
	if (was.again.spi_i == spi_i)
		s->again = was.again;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct state *st = state;
	const struct exchange *x = ev->exchange;

	(void)sc;
	if (ev->kind == EVENT_REQUEST) {
		if (!x || x->from < 0)
			return true;
		if (is_first_message(x))
			return x->responses != 0;
		return st->side[x->from].again.spi_i != x->spi_i &&
		       (st->side[x->from].messages == 0 || st->side[x->from].spi_i != x->spi_i);
	}
	if (ev->kind != EVENT_RESPONSE)
		return false;
	if (!x || x->from < 0)
		return true;

	const struct side *s = &st->side[x->from];

	/* answered() once more, with nothing in between */
	return s->answered == x->spi_i && s->messages == 0 && s->icmp_type == 0 &&
	       s->icmp_code == 0 && (s->again.spi_i == 0 || s->again.spi_i == x->spi_i);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *st = state;
	const struct exchange *x = ev->exchange;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (ev->kind == EVENT_ICMP_ERROR) {
		if (ev->side < 0)
			return;
		st->side[ev->side].unreachable = ev->at;
		st->side[ev->side].icmp_type = ev->value[0];
		st->side[ev->side].icmp_code = ev->value[1];
		return;
	}
	if (ev->kind == EVENT_ERROR_NOTIFY && ev->side >= 0)
		/* IKEv1 refuses in a message of its own */
		answered(&st->side[!ev->side], sa ? sa->spi_i : 0);
	if (ev->kind == EVENT_IKE_SA_ESTABLISHED && sa && sa->initiator_side >= 0) {
		struct side *s = &st->side[sa->initiator_side];

		s->up = s->told && s->messages == 0;
		return;
	}
	if (!x || x->from < 0)
		return;

	struct side *s = &st->side[x->from];

	if (ev->kind == EVENT_RESPONSE) {
		answered(s, x->spi_i);
	} else if (!is_first_message(x)) {
		if (s->again.spi_i == x->spi_i)
			s->again = (struct again){ 0 };		/* it has got its answer */
		if (s->messages > 0 && x->spi_i == s->spi_i)
			/* it goes on to the next step: what answered it was not captured */
			answered(s, x->spi_i);
	} else if (x->responses == 0) {
		asked(s, sc, x, ev);
	} else if (ev->kind == EVENT_REQUEST_COPY && x->requests_after_response > 0) {
		asked_again(&s->again, x, ev);
		s->told = true;
	}
}

/* What other tunnels of the same initiator tell about the way back to it. */
struct way_back {
	bool captured;		/* somebody else's answers to it are */
	bool unseen;		/* somebody else's answers to it must exist, and are not */
	int silent;		/* others that it asked in vain */
};

static struct way_back way_back_of(const struct scene *sc, int from)
{
	uint32_t first = 0;
	const struct addr initiator = sc->tunnel->peer[from].addr;
	struct way_back way = { 0 };

	/* its neighbours came at about the same time */
	if (tracker_tunnels(sc->tracker) > TUNNELS_LOOKED_AT && sc->index > TUNNELS_LOOKED_AT / 2)
		first = sc->index - TUNNELS_LOOKED_AT / 2;

	uint32_t end = first + TUNNELS_LOOKED_AT;

	for (uint32_t i = first;
	     (i = tracker_tunnel_of_peer(sc->tracker, initiator, i, end)) != NO_INDEX; i++) {
		const struct tunnel *w = tracker_tunnel(sc->tracker, i);

		for (int d = 0; w != sc->tunnel && d < 2; d++) {
			const struct tunnel_ike *other = &w->more->ike[!d];

			if (w->id == 0 || w->network != sc->tunnel->network ||
			    !addr_equal(w->peer[d].addr, initiator))
				continue;
			way.unseen |= w->one_sided[!d] ||
				      (other->last == NSEC_NONE && other->proven_unseen > 0);
			way.captured |= other->last != NSEC_NONE && !w->one_sided[!d];
			way.silent += w->more->ike[d].messages > 0 && other->last == NSEC_NONE &&
				      w->esp_sas[!d] == NO_INDEX;
		}
	}
	return way;
}

/*
 * The responder was never heard although the initiator got on with it: only one direction is
 * captured.
 */
static bool went_on_unheard(const struct scene *sc, int from)
{
	const struct tunnel_ike *r = &sc->tunnel->more->ike[!from];

	return r->last == NSEC_NONE && traffic_packets(sc, !from) == 0 &&
	       (r->proven_unseen > 0 || traffic_packets(sc, from) > 0);
}

/* By what this tunnel alone tells. */
static enum confidence confidence_of(const struct scene *sc, const struct side *s, int responder,
				     nsec now)
{
	const struct tunnel_ike *r = &sc->tunnel->more->ike[responder];
	nsec esp = traffic_last_of(sc, responder);
	nsec heard = r->last > esp ? r->last : esp;

	if (s->unreachable != 0 && s->unreachable >= s->first)
		return CONFIDENCE_HIGH;
	if (heard != NSEC_NONE && now - heard <= HEARD_RECENTLY)
		return CONFIDENCE_HIGH;
	/* what was heard or worked once shows that this capture sees the other side */
	return heard != NSEC_NONE || s->worked ? CONFIDENCE_MEDIUM : CONFIDENCE_LOW;
}

/*
 * Something came back, if only the first bytes of it: the snapshot length may cut off what it says.
 */
static bool came_back(const struct scene *sc, const struct side *s)
{
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, s->ike_sa);

	return s->id != 0 && sa && sa->id == s->id && sa->spi_r != 0;
}

/*
 * Attempt after attempt with one message each.  Who gets no answer repeats the same message (RFC
 * 7296 2.1), so each had one, most likely a refusal, and it was not captured.
 */
static bool never_asked_again(const struct side *s)
{
	return s->most < 2 &&
	       s->last - s->first >= ASKS_AGAIN * ((nsec)s->attempts.total - 1);
}

static void judge_side(const struct state *st, const struct scene *sc, int from, nsec now,
		       struct findings *out)
{
	const struct settings *set = sc->settings;
	const struct side *s = &st->side[from];
	unsigned attempts = moments_since(&s->attempts, s->last - set->init_window);
	/* the latest may still be answered, those before it were not: a file may end here */
	bool waits = now - s->last < set->retx_answer_wait;
	unsigned most = waits ? s->waited : s->most;
	enum severity severity = SEVERITY_INFO;

	attempts = waits ? s->waited_attempts : attempts;
	if ((most < 2 && attempts < 2) || now - s->last > set->init_window || came_back(sc, s))
		return;
	if (most >= (unsigned)set->init_warn_copies || attempts >= (unsigned)set->init_warn_spis)
		severity = SEVERITY_WARNING;
	if (severity == SEVERITY_WARNING && (s->last - s->first >= set->init_crit || s->worked))
		severity = SEVERITY_CRITICAL;

	enum confidence confidence = confidence_of(sc, s, !from, now);
	struct way_back way = { 0 };

	if (confidence == CONFIDENCE_LOW) {
		way = way_back_of(sc, from);
		if (way.captured)	/* others' answers show that, too */
			confidence = CONFIDENCE_MEDIUM;
	}

	bool contented = confidence == CONFIDENCE_LOW && never_asked_again(s);

	if (side_unseen(sc, !from) || contented || loss_since(sc, s->first) ||
	    went_on_unheard(sc, from) ||
	    (confidence == CONFIDENCE_LOW && (way.unseen || way.silent + 1 >= set->scan_dsts)))
		severity = SEVERITY_INFO;

	struct finding *f =
		finding_raise(out, severity, confidence, s->first, s->last, (int64_t)s->messages);

	f->key = (uint64_t)from;
	f->side = (int8_t)!from;
	finding_address(f, "initiator", sc, from);
	finding_address(f, "responder", sc, !from);
	finding_integer(f, "messages", (int64_t)s->messages);
	finding_integer(f, "attempts", (int64_t)s->attempts.total);
	finding_integer(f, "copies_of_one", most);
	if (contented)
		finding_text(f, "asked_again", "no");
	finding_seconds(f, "span_s", s->last - s->first);
	finding_text(f, "worked_before", "%s", s->worked ? "yes" : "no");
	if (s->unreachable != 0 && s->unreachable >= s->first)
		finding_text(f, "icmp", "%lld/%lld", (long long)s->icmp_type,
			     (long long)s->icmp_code);
	finding_frame(f, s->frames[0]);
	moments_frames(&s->attempts, s->first, f);
	finding_frame(f, s->frames[1]);
}

/* Every copy was answered, and yet it asks: the answers do not arrive, or are not believed. */
static bool judge_again(const struct again *a, const struct scene *sc, int from, nsec now,
			struct findings *out)
{
	const struct settings *set = sc->settings;

	if (a->spi_i == 0 || now - a->last > set->init_window)
		return false;
	if (a->after_answer + 1 < set->init_warn_copies)
		return true;
	/* who is busy repeats it every half second, and takes the answer all the same */
	if (a->last - a->answered < set->retx_answer_wait && now - a->last < set->retx_answer_wait)
		return true;

	struct finding *f = finding_raise(
		out, loss_since(sc, a->first) ? SEVERITY_INFO : SEVERITY_WARNING, CONFIDENCE_HIGH,
		a->first, a->last, a->requests);

	f->key = 2 + (uint64_t)from;
	f->side = (int8_t)!from;
	f->cause = "answered";
	finding_address(f, "initiator", sc, from);
	finding_address(f, "responder", sc, !from);
	finding_integer(f, "messages", a->requests);
	finding_integer(f, "answers", a->answers);
	finding_integer(f, "requests_after_response", a->after_answer);
	finding_seconds(f, "span_s", a->last - a->first);
	finding_frame(f, a->frames[0]);
	finding_frame(f, a->frames[1]);
	return true;
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	struct state *st = state;
	bool waiting = false;

	for (int from = 0; from < 2; from++) {
		struct side *s = &st->side[from];

		if (s->up) {
			finding_over(out, (uint64_t)from);
			finding_over(out, 2 + (uint64_t)from);
			s->told = s->up = false;
		}
		judge_side(st, sc, from, now, out);
		waiting |= judge_again(&s->again, sc, from, now, out);
		if (s->messages > 0 && now - s->last > 2 * sc->settings->init_window)
			answered(s, 0);		/* or nobody asks any more: the spell is over */
		waiting |= s->messages > 0;
	}
	return waiting;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *b = story_peer(story, f->side), *a = story_peer(story, other_side(f->side));
	char span[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "span_s"), span);
	if (strcmp(finding_cause(f), "answered") == 0) {
		text_add(story->summary,
			 "%s answered the first IKE message of %s (%lld answers), but %s sent it "
			 "again and again (%lld times in %s): the answer %s lost between this "
			 "capture and %s, or %s %s not accept it.", b, a,
			 (long long)finding_get(f, "answers"), a, (long long)f->count, span,
			 story->over ? "was" : "is", a, a, story->over ? "did" : "does");
		story_remedy(story, REMEDY_REACH);
		story_remedy(story, REMEDY_LOG);
		return;
	}
	if (*finding_get_text(f, "asked_again")) {
		text_add(story->summary,
			 "%s%s sent %lld first IKE messages to %s in %s, and nothing from %s was "
			 "ever captured; but it repeated none of them, as it would without an "
			 "answer: most likely each was answered, perhaps refused, out of sight of "
			 "this capture.", a, story->over ? "" : " has", (long long)f->count, b,
			 span, b);
		story_remedy(story, REMEDY_TAP);
		story_remedy(story, REMEDY_LOG);
		story_remedy(story, REMEDY_PROP);
		return;
	}
	text_add(story->summary,
		 "%s%s sent %lld first IKE messages to %s in %s without any reply seen: %s %s "
		 "unreachable, filtered, not configured for this peer, or silently %s the proposal",
		 a, story->over ? "" : " has", (long long)f->count, b, span, b,
		 story->over ? "was" : "is", story->over ? "rejected" : "rejects");
	if (*finding_get_text(f, "icmp"))
		text_add(story->summary, " (ICMP %s came back)", finding_get_text(f, "icmp"));
	text_add(story->summary, ".");
	if (f->confidence == CONFIDENCE_LOW)
		text_add(story->summary, " Nothing from it was ever captured, so perhaps its"
					 " answers are not, either.");
	story_remedy(story, REMEDY_REACH);
	story_remedy(story, REMEDY_PEER);
	story_remedy(story, REMEDY_PROP);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct side *side = &s->side[i];

		moments_fields(f, &side->attempts);
		FIELD(f, side->spi_i);
		FIELD(f, side->ike_sa);
		FIELD(f, side->id);
		FIELD(f, side->copies);
		FIELD(f, side->most);
		FIELD(f, side->waited);
		FIELD(f, side->waited_attempts);
		FIELD(f, side->messages);
		FIELD(f, side->first);
		FIELD(f, side->last);
		FIELD(f, side->frames);
		FIELD(f, side->unreachable);
		FIELD_COUNT(f, side->icmp_type);
		FIELD_COUNT(f, side->icmp_code);
		FIELD(f, side->worked);
		FIELD(f, side->told);
		FIELD(f, side->up);
		FIELD(f, side->answered);
		FIELD(f, side->again.spi_i);
		FIELD(f, side->again.requests);
		FIELD(f, side->again.answers);
		FIELD(f, side->again.after_answer);
		FIELD(f, side->again.first);
		FIELD(f, side->again.last);
		FIELD(f, side->again.answered);
		FIELD(f, side->again.frames);
	}
}

const struct detector detect_ike_init_unanswered = {
	.code = "ike_init_unanswered",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, init_window),
	.observes = WANTS(REQUEST) | WANTS(REQUEST_COPY) | WANTS(RESPONSE) | WANTS(ICMP_ERROR) |
		    WANTS(ERROR_NOTIFY) | WANTS(IKE_SA_ESTABLISHED),
	.judges_after = WANTS(REQUEST_COPY),
	.warns_unsure = true,
	.observe = observe,
	.ignores = ignores,
	.judge = judge,
	.explain = explain,
};
