/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/detector.h"
#include "detect/ike_use.h"
#include "detect/moments.h"
#include "detect/traffic.h"

enum { KEPT = 16 };

/* sooner after one another, several tunnels come up together */
#define APART (5 * NSEC_PER_S)
/* one that waits for traffic was probed by now */
#define IDLE_LONG (30 * NSEC_PER_S)

/* An IKE SA built from scratch. */
struct set_up {
	nsec at, begun;
	object_id ike_sa;
	object_id replaces;	/* a living one of the same tunnel at that moment; 0 none */
	nsec replaced_age;
	uint32_t frame;
	bool reauth;		/* and the old one went soon: meant so */
	bool ended;		/* it is gone again */
};

struct state {
	struct set_up kept[KEPT];
	uint32_t total;
	int8_t ended_by;	/* of the latest end */
};

static const struct ike_sa *living(const struct scene *sc, const struct ike_sa *but)
{
	uint32_t index = sc->tunnel->ike_sas;

	for (int i = 0; i < LATEST_SAS; i++) {
		const struct ike_sa *sa = tracker_ike_sa(sc->tracker, index);

		if (!sa)
			break;
		if (sa != but && sa->established != NSEC_NONE &&
		    sa->established < but->established &&
		    (lives(sa->end_reason) || sa->ended > but->established))
			return sa;
		index = sa->next_in_tunnel;
	}
	return NULL;
}

static void observe(void *state, const struct scene *sc, const struct event *ev)
{
	struct state *s = state;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, ev->ike_sa);

	if (!sa)
		return;
	if (ev->kind == EVENT_IKE_SA_ESTABLISHED) {
		if (sa->origin != ORIGIN_OBSERVED)
			return;

		const struct ike_sa *old = living(sc, sa);

		s->kept[s->total++ % KEPT] = (struct set_up){
			.at = sa->established,
			.begun = sa->created,
			.ike_sa = sa->id,
			.replaces = old ? old->id : 0,
			.replaced_age = old ? sa->established - old->established : 0,
			.frame = (uint32_t)sa->first_frame,
		};
		return;
	}
	for (size_t i = 0; i < KEPT; i++) {
		struct set_up *u = &s->kept[i];

		if (u->ike_sa == 0)
			continue;
		if (u->ike_sa == sa->id && sa->end_reason != END_REKEYED) {
			u->ended = true;
			s->ended_by = sa->end_reason == END_PEER_LOST ? SIDE_UNKNOWN : sa->ended_by;
		}
		if (u->replaces != sa->id)
			continue;
		/* told late, it may have gone before the new one was begun: broken, not made */
		u->reauth = sa->ended > u->begun - sc->settings->gap_min &&
			    sa->ended - u->at <= sc->settings->flap_reauth_overlap &&
			    u->replaced_age >= sc->settings->flap_reauth_min;
		u->replaces = 0;
	}
}

/*
 * As far as can be said yet: while the old one lives it may still go, and then, at a fit age, this
 * was a reauthentication.
 */
static bool from_scratch(const struct set_up *u, const struct settings *set, nsec now)
{
	return u->ike_sa != 0 && !u->reauth &&
	       (u->replaces == 0 || u->replaced_age < set->flap_reauth_min ||
		now - u->at >= set->flap_reauth_overlap);
}

/*
 * The IKE SAs of what is kept, as ike_sa_of() finds them, in one walk: both lists end with the
 * latest.
 */
struct ike_sas {
	const struct ike_sa *kept[KEPT];
};

static void find_ike_sas(const struct state *s, const struct scene *sc, struct ike_sas *ret)
{
	uint32_t first = s->total > KEPT ? s->total - KEPT : 0, k = s->total;
	const struct ike_sa *sa = tracker_ike_sa(sc->tracker, sc->tunnel->ike_sas);

	*ret = (struct ike_sas){ { NULL } };
	for (int looked = 0; k > first && sa && looked < LATEST_SAS; looked++) {
		if (s->kept[(k - 1) % KEPT].ike_sa == sa->id)
			ret->kept[--k % KEPT] = sa;
		sa = tracker_ike_sa(sc->tracker, sa->next_in_tunnel);
	}
	/* those that were set up in another order than they were begun */
	while (k > first) {
		k--;
		ret->kept[k % KEPT] = ike_sa_of(sc, s->kept[k % KEPT].ike_sa);
	}
}

/*
 * It lives, but nothing ever came of it, and who made it made the next one some time after: given
 * up without a word.  Where one side is out of sight, nobody knows what came of it, nor whether
 * its login was accepted.
 */
static bool given_up(const struct state *s, const struct scene *sc, const struct ike_sas *sas,
		     uint32_t i, nsec now, bool *ret_asked)
{
	const struct set_up *u = &s->kept[i % KEPT], *next = &s->kept[(i + 1) % KEPT];
	const struct ike_sa *sa, *after;

	if (next->at - u->at < APART || side_unseen(sc, 0) || side_unseen(sc, 1))
		return false;
	sa = sas->kept[i % KEPT];
	after = sas->kept[(i + 1) % KEPT];
	if (!sa || !after || sa->initiator_side < 0 || after->initiator_side != sa->initiator_side)
		return false;

	enum ike_use use = ike_use_of(sc, sa);

	*ret_asked = use == IKE_ASKED;
	return use != IKE_USED && ike_use_unowned(sc, sa->initiator_side, u->at) == 0 &&
	       (ike_use_refused(sa) || now - u->at >= IDLE_LONG);
}

/*
 * It lives, as far as anybody said, but soon another took over what its child SAs carried: IKEv1
 * often deletes nothing.
 */
static bool left_behind(const struct state *s, const struct scene *sc, const struct ike_sas *sas,
			uint32_t i)
{
	const struct set_up *u = &s->kept[i % KEPT], *next = &s->kept[(i + 1) % KEPT];
	const struct ike_sa *sa;
	bool any = false;

	if (next->at - u->at >= sc->settings->flap_reauth_min)
		return false;
	sa = sas->kept[i % KEPT];
	if (!sa)
		return false;

	uint32_t index = sa->children;

	for (int looked = 0; looked < LATEST_SAS; looked++) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, index);

		if (!c)
			return any;

		const struct child_sa *by = tracker_child_sa(sc->tracker, c->more->successor);

		if (!by || by->more->ike_sa_id != next->ike_sa)
			return false;
		any = true;
		index = c->more->next_of_ike;
	}
	return false;
}

struct flapping {
	/*
	 * ended: of these, gone again; unused: given up; asked: of these, after asking for more;
	 * left: the next one took over
	 */
	unsigned set_ups, ended, unused, asked, left;
	nsec first, latest;
};

static void count(struct flapping *f, const struct set_up *u, bool unused, bool asked, bool left)
{
	f->set_ups++;
	f->ended += u->ended;
	f->unused += unused;
	f->asked += asked;
	f->left += left;
	if (f->first == NSEC_NONE || u->at < f->first)
		f->first = u->at;
	if (f->latest == NSEC_NONE || u->at > f->latest)
		f->latest = u->at;
}

/* Within both windows. */
static void look_at(const struct state *s, const struct scene *sc, nsec now,
		    struct flapping *ret_slow, struct flapping *ret_fast)
{
	const struct settings *set = sc->settings;
	nsec slow_from = now - set->flap_warn_window, fast_from = now - set->flap_crit_window;
	struct ike_sas sas;
	bool found = false;

	*ret_slow = *ret_fast = (struct flapping){.first = NSEC_NONE, .latest = NSEC_NONE};
	for (uint32_t k = s->total > KEPT ? s->total - KEPT : 0; k < s->total; k++) {
		const struct set_up *u = &s->kept[k % KEPT];
		bool slow = u->at >= slow_from, fast = u->at >= fast_from, asked = false;

		if ((!slow && !fast) || !from_scratch(u, set, now))
			continue;

		bool unused = false, left = false;

		/* followed by another, and not known to be gone: those are few */
		if (!u->ended && k + 1 < s->total) {
			if (!found)
				find_ike_sas(s, sc, &sas);
			found = true;
			unused = given_up(s, sc, &sas, k, now, &asked);
			left = left_behind(s, sc, &sas, k);
		}

		if (slow)
			count(ret_slow, u, unused, asked, left);
		if (fast)
			count(ret_fast, u, unused, asked, left);
	}
}

static bool judge(void *state, const struct scene *sc, nsec now, struct findings *out)
{
	const struct state *s = state;
	const struct settings *set = sc->settings;
	struct flapping slow, fast;

	look_at(s, sc, now, &slow, &fast);

	bool critical = fast.set_ups >= (unsigned)set->flap_crit &&
			fast.ended + fast.unused + fast.left >= 2;

	if (slow.set_ups == 0)
		return s->total > 0 &&
		       now - s->kept[(s->total - 1) % KEPT].at <= set->flap_warn_window;
	/* several tunnels between the same peers come up together and stay: that is no flapping */
	if (!critical &&
	    (slow.set_ups < (unsigned)set->flap_warn ||
	     slow.ended + slow.unused + slow.left < 2))
		return true;

	enum confidence confidence =
		side_unseen(sc, 0) || side_unseen(sc, 1) ? CONFIDENCE_MEDIUM : CONFIDENCE_HIGH;
	struct finding *f = finding_raise(out, critical ? SEVERITY_CRITICAL : SEVERITY_WARNING,
					  confidence, slow.first, slow.latest, slow.set_ups);

	f->side = s->ended_by;
	finding_integer(f, "set_ups", slow.set_ups);
	finding_seconds(f, "window_s", set->flap_warn_window);
	finding_seconds(f, "span_s", slow.latest - slow.first);
	finding_integer(f, "ended_again", slow.ended);
	if (slow.unused > 0)
		finding_integer(f, "never_used", slow.unused);
	if (slow.asked > 0)
		finding_integer(f, "asked_in_vain", slow.asked);
	if (slow.left > 0)
		finding_integer(f, "replaced_by_the_next", slow.left);
	finding_address(f, "latest_ended_by", sc, s->ended_by);
	for (uint32_t i = s->total > KEPT ? s->total - KEPT : 0; i < s->total; i++) {
		const struct set_up *u = &s->kept[i % KEPT];

		if (u->at >= slow.first && from_scratch(u, set, now))
			finding_frame(f, u->frame);
	}
	return true;
}

static void reset(void *state)
{
	((struct state *)state)->ended_by = SIDE_UNKNOWN;
}

static void explain(struct story *story)
{
	const struct finding *f = story->finding;
	char span[NSEC_TEXT_MAX];

	nsec_span(finding_get_span(f, "span_s"), span);
	text_add(story->summary, "%s and %s built %lld complete IKE SAs from scratch within %s; "
				 "the tunnel is flapping", story->peer[0], story->peer[1],
				 (long long)f->count, span);
	if (f->side >= 0)
		text_add(story->summary, ", and it was %s that ended the latest",
			 story_peer(story, f->side));
	if (finding_get(f, "never_used") > 0)
		text_add(story->summary, "; %lld of them %s given up without ever being used",
			 (long long)finding_get(f, "never_used"),
			 finding_get(f, "never_used") == 1 ? "was" : "were");
	if (finding_get(f, "asked_in_vain") > 0)
		text_add(story->summary, ", because no child SA came up: nothing that was asked "
					 "after the login was answered");
	text_add(story->summary, ".");
	if (finding_get(f, "never_used") > 0) {
		story_remedy(story, REMEDY_AUTHCFG);
		story_remedy(story, REMEDY_FRAG);
	}
	story_remedy(story, REMEDY_DPD);
	story_remedy(story, REMEDY_SESS);
	story_remedy(story, REMEDY_LIFE);
	story_remedy(story, REMEDY_LOG);
}

static void fields(struct fields *f, void *state)
{
	struct state *s = state;

	for (size_t i = 0; i < KEPT; i++) {
		struct set_up *u = &s->kept[i];

		FIELD(f, u->at);
		FIELD(f, u->begun);
		FIELD(f, u->ike_sa);
		FIELD(f, u->replaces);
		FIELD(f, u->replaced_age);
		FIELD(f, u->frame);
		FIELD(f, u->reauth);
		FIELD(f, u->ended);
	}
	FIELD(f, s->total);
	FIELD(f, s->ended_by);
}

const struct detector detect_ike_flap = {
	.code = "ike_flap",
	.scope = SCOPE_TUNNEL,
	.state_size = sizeof(struct state),
	.fields = fields,
	.window = offsetof(struct settings, flap_warn_window),
	.observes = WANTS(IKE_SA_ESTABLISHED) | WANTS(IKE_SA_ENDED),
	.judges_after = WANTS(IKE_SA_ESTABLISHED) | WANTS(IKE_SA_ENDED),
	.observe = observe,
	.only_looks = true,
	.judge = judge,
	.reset = reset,
	.explain = explain,
};
