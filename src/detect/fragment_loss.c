/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Large packets that do not arrive: IP fragments missing, an MTU that the
 * sender does not learn, fragments of an IKE message (RFC 7383) missing.
 */
#include <sawatch/ike_registry.h>

#include "detect/detector.h"
#include "detect/moments.h"

enum {
	COPIES = 3,		/* transmissions of a message whose fragments never come together */
	SAS_LOOKED_AT = 64,	/* of one direction, for packets that are missing */
};

enum kind { IP_FRAGMENTS, MTU, IKE_FRAGMENTS };

static const char *const causes[] = { "ip_fragments", "mtu", "ike_fragments" };

struct side {			/* by sender */
	struct moments missing;
	/* datagrams until the window began, and until the one before it did */
	uint64_t whole_then[2], missing_then[2];
	bool up;			/* the tunnel was, at the latest of them */
	struct moments icmp;		/* complaints about one MTU */
	int64_t mtu;
	struct moments ike;		/* messages with an IKE fragment missing */
	uint16_t ike_total, ike_seen;
	object_id ike_message;
	/* the message that was sent again, and how many fragments it was cut into then */
	object_id copied;
	uint16_t copied_total;
};

/*
 * What every tunnel with traffic needs stands first, so that an idle state takes few words
 * (states.h).
 */
struct state {
	struct windows {		/* by sender */
		nsec window;		/* a window of datagrams begins here; 0 not yet */
		/* ESP packets lost in whole minutes: in a window that begins here, and before it */
		nsec minute;
		int64_t lost, lost_before;
	} windows[2];
	struct side side[2];
	nsec repeated;			/* when a request was last sent again; by either peer */
	bool any_repeated;
};

static void too_big(struct side *s, const struct scene *sc, const struct event *ev)
{
	bool v4 = addr_is_v4(sc->tunnel->peer[0].addr);

	/* RFC 792: unreachable, fragmentation needed; RFC 4443 3.2: packet too big */
	if (v4 ? ev->value[0] != 3 || ev->value[1] != 4 : ev->value[0] != 2)
		return;
	if (s->mtu != ev->value[2])
		moments_clear(&s->icmp);
	s->mtu = ev->value[2];
	moments_add_to_row(&s->icmp, ev->at, ev->frame, 2 * sc->settings->frag_window);
}

static unsigned bits(uint32_t set)
{
	return (unsigned)__builtin_popcount(set);
}

/* A message that is sent again and again and whose fragments were never all there. */
static void ike_message(struct state *st, const struct scene *sc, const struct event *ev)
{
	const struct exchange *x = ev->exchange;

	if (!x || x->from < 0 || (ev->kind != EVENT_REQUEST_COPY && x->requests < COPIES))
		return;

	bool answer = x->response_fragment_total > 1;
	uint16_t total = answer ? x->response_fragment_total : x->request_fragment_total;
	unsigned seen = bits(answer ? x->response_fragments_seen : x->request_fragments_seen);
	struct side *s = &st->side[answer ? !x->from : x->from];

	/* a smaller size is tried (RFC 7383 2.5.2): of these, only the first has come so far */
	bool recut = s->copied != x->id || s->copied_total != total;

	s->copied = x->id;
	s->copied_total = total;
	if (x->requests < COPIES || (recut && ev->kind == EVENT_REQUEST_COPY))
		return;
	if (total < 2 || seen == 0 || seen >= total || s->ike_message == x->id)
		return;
	s->ike_message = x->id;
	s->ike_total = total;
	s->ike_seen = (uint16_t)seen;
	moments_add_to_row(&s->ike, ev->at, ev->frame, 2 * sc->settings->frag_window);
}

static void lost_in_a_minute(struct windows *s, const struct scene *sc, const struct event *ev)
{
	if (ev->value[3] - s->minute >= sc->settings->frag_window) {
		s->lost_before =
			ev->value[3] - s->minute < 2 * sc->settings->frag_window ? s->lost : 0;
		s->lost = 0;
		s->minute = ev->value[3];
	}
	s->lost += ev->value[2];
}

/* Datagrams are counted over this window and the one before. */
static void count_from(struct state *st, const struct scene *sc, int side, nsec at)
{
	struct side *s = &st->side[side];
	nsec window = sc->settings->frag_window, *from = &st->windows[side].window;

	if (*from == 0) {
		*from = at;
		return;
	}
	if (at - *from < window)
		return;

	bool again = at - *from >= 2 * window;
	uint64_t whole = sc->tunnel->more->ike[side].reassembled;

	s->whole_then[1] = again ? whole : s->whole_then[0];
	s->missing_then[1] = again ? s->missing.total : s->missing_then[0];
	s->whole_then[0] = whole;
	s->missing_then[0] = s->missing.total;
	*from = at;
}

static bool ignores(const void *state, const struct scene *sc, const struct event *ev)
{
	const struct exchange *x = ev->exchange;

	(void)state, (void)sc;
	return ev->kind == EVENT_EXCHANGE_CLOSED && (!x || x->from < 0 || x->requests < COPIES);
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *st = state;

	if (ev->kind == EVENT_REQUEST_COPY) {
		st->repeated = ev->at;
		st->any_repeated = true;
	}
	if (ev->side < 0)
		return;
	if (ev->kind == EVENT_FRAGMENT_MISSING) {
		struct side *s = &st->side[ev->side];

		count_from(st, sc, ev->side, ev->at);
		s->up = sc->tunnel->state == TUNNEL_UP;
		moments_add_to_row(&s->missing, ev->at, ev->frame, 2 * sc->settings->frag_window);
	} else if (ev->kind == EVENT_TRAFFIC) {
		count_from(st, sc, ev->side, ev->at);
		lost_in_a_minute(&st->windows[ev->side], sc, ev);
	} else if (ev->kind == EVENT_ICMP_ERROR) {
		too_big(&st->side[ev->side], sc, ev);
	} else {
		ike_message(st, sc, ev);
	}
}

static struct finding *raise(const struct moments *m, nsec from, enum severity severity,
			     enum confidence confidence, enum kind kind, int side,
			     const struct scene *sc, struct findings *out)
{
	struct finding *f = finding_raise(out, severity, confidence, moments_first(m, from),
					  moments_at(m, 0), moments_in_row(m));

	f->key = (uint64_t)kind << 1 | (uint64_t)side;
	f->cause = causes[kind];
	f->side = (int8_t)side;
	finding_address(f, "sender", sc, side);
	finding_address(f, "receiver", sc, !side);
	moments_frames(m, from, f);
	return f;
}

/*
 * What does not arrive leaves a hole: in the sequence numbers of an SA, or a
 * request that is sent again.  Anybody can send first fragments in the name of
 * a peer, and those leave none.
 */
static bool missed(const struct state *st, const struct scene *sc, int side, nsec from, unsigned n)
{
	const struct side *s = &st->side[side];
	int64_t lost = st->windows[side].lost + st->windows[side].lost_before;
	uint32_t i = sc->tunnel->esp_sas[side];

	if (!s->up || (st->any_repeated && st->repeated >= from))
		return true;
	for (unsigned looked = 0; i != NO_INDEX && looked < SAS_LOOKED_AT && lost < n; looked++) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, i);

		lost += esp_sa_minute_lost(sa, tracker_esp_more(sc->tracker, sa));
		i = sa->next_in_direction;
	}
	return lost >= n;
}

static void judge_ip(const struct state *st, const struct scene *sc, int side, nsec from,
		     struct findings *out)
{
	const struct side *s = &st->side[side];
	unsigned n = moments_since(&s->missing, from);

	if (n < (unsigned)sc->settings->frag_warn)
		return;

	uint64_t whole = sc->tunnel->more->ike[side].reassembled - s->whole_then[1];
	uint64_t missing = s->missing.total - s->missing_then[1];
	bool blind = loss_since(sc, moments_first(&s->missing, from));
	/*
	 * never one complete: a capture filter by port keeps the first fragments only, and the
	 * tunnel is well
	 */
	bool filter = sc->tunnel->more->ike[side].reassembled == 0 && s->up;
	bool forged = !filter && !missed(st, sc, side, from, n);
	bool calm = blind || filter || forged;

	if ((double)missing < sc->settings->frag_ratio * (double)(missing + whole))
		return;

	struct finding *f =
		raise(&s->missing, from, calm ? SEVERITY_INFO : SEVERITY_WARNING,
		      calm ? CONFIDENCE_LOW : CONFIDENCE_HIGH, IP_FRAGMENTS, side, sc, out);

	f->count = (int64_t)missing;
	finding_integer(f, "incomplete_datagrams", (int64_t)missing);
	finding_integer(f, "complete_datagrams", (int64_t)whole);
	if (filter)
		finding_text(f, "or", "a capture filter that drops later fragments");
	else if (forged)
		finding_text(f, "or", "a forgery: no packet of an SA and no message is "
				      "missing besides");
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *st = state;
	nsec from = now - sc->settings->frag_window;
	unsigned warn = (unsigned)sc->settings->frag_warn;
	bool any = false;

	for (int side = 0; side < 2; side++) {
		const struct side *s = &st->side[side];

		any |= moments_since(&s->missing, from) + moments_since(&s->icmp, from) +
		       moments_since(&s->ike, from) > 0;
		judge_ip(st, sc, side, from, out);
		if (moments_since(&s->icmp, from) >= warn) {
			struct finding *f = raise(&s->icmp, from, SEVERITY_WARNING, CONFIDENCE_HIGH,
						  MTU, side, sc, out);

			finding_integer(f, "mtu", s->mtu);
		}
		if (moments_since(&s->ike, from) > 0) {
			bool blind = loss_since(sc, moments_first(&s->ike, from));
			struct finding *f =
				raise(&s->ike, from, blind ? SEVERITY_INFO : SEVERITY_WARNING,
				      blind ? CONFIDENCE_LOW : CONFIDENCE_MEDIUM, IKE_FRAGMENTS,
				      side, sc, out);

			finding_integer(f, "fragments_total", s->ike_total);
			finding_integer(f, "fragments_seen", s->ike_seen);
		}
	}
	return any;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	const char *from = story_peer(story, f->side), *to = story_peer(story, other_side(f->side));

	switch ((enum kind)(f->key >> 1)) {
	case MTU:
		text_add(story->summary, "Routers said ");
		text_add_times(story->summary, f->count);
		text_add(story->summary,
			 " that packets from %s to %s do not fit an MTU of %lld, but %s keeps "
			 "sending such packets.", from, to, (long long)finding_get(f, "mtu"), from);
		break;
	case IKE_FRAGMENTS:
		text_add(story->summary,
			 "An IKE message of %s travels in %lld fragments, of which only %lld ever "
			 "came, although it was sent again.",
			 from, (long long)finding_get(f, "fragments_total"),
			 (long long)finding_get(f, "fragments_seen"));
		break;
	case IP_FRAGMENTS:
		text_add(story->summary,
			 "Of %lld datagrams from %s to %s that travelled in IP fragments, %lld "
			 "were never complete: larger packets do not arrive.",
			 (long long)((uint64_t)f->count +
				     (uint64_t)finding_get(f, "complete_datagrams")),
			 from, to, (long long)f->count);
	}
	if (*finding_get_text(f, "or"))
		text_add(story->summary, " Or it is %s.", finding_get_text(f, "or"));
	story_remedy(story, REMEDY_FRAG);
	story_remedy(story, REMEDY_REACH);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (int i = 0; i < 2; i++) {
		struct side *side = &s->side[i];

		moments_fields(f, &side->missing);
		FIELD(f, s->windows[i].window);
		FIELD(f, side->whole_then);
		FIELD(f, side->missing_then);
		FIELD(f, side->up);
		moments_fields(f, &side->icmp);
		FIELD_COUNT(f, side->mtu);
		moments_fields(f, &side->ike);
		FIELD(f, side->ike_total);
		FIELD(f, side->ike_seen);
		FIELD(f, side->ike_message);
		FIELD(f, side->copied);
		FIELD(f, side->copied_total);
		FIELD(f, s->windows[i].minute);
		FIELD_COUNT(f, s->windows[i].lost);
		FIELD_COUNT(f, s->windows[i].lost_before);
	}
	FIELD(f, s->repeated);
	FIELD(f, s->any_repeated);
}

const struct detector detect_fragment_loss = {
	.code = "fragment_loss",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, frag_window),
	.observes = WANTS(FRAGMENT_MISSING) | WANTS(ICMP_ERROR) | WANTS(REQUEST_COPY) |
		    WANTS(EXCHANGE_CLOSED) |
		    WANTS(TRAFFIC),
	.judges_after = WANTS(FRAGMENT_MISSING) | WANTS(ICMP_ERROR),
	.observe = observe,
	.ignores = ignores,
	.ignores_unseen = UINT64_MAX,
	.rests_fresh = true,
	.only_looks = true,
	.judge = judge,
	.explain = explain,
};
