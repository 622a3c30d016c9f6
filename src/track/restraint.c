/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A limit to how fast the history may grow.  Anybody who can forge source addresses can make up
 * tunnels, IKE SAs, SPIs and errors as fast as the wire carries them, and each would be a row.  So
 * every row is paid for from a budget, here called a purse, that refills with packet time.  There
 * is a small one for what is not confirmed (no answer, fewer than three packets), a large one for
 * what is, and one for all tunnels together that may not exist.  What cannot pay is quiet: it is
 * tracked and judged like any other, but leaves no row until it is confirmed.  How many rows were
 * left out is reported as one event.
 *
 * A purse is stored as the moment at which it is full again (the generic cell rate algorithm): one
 * number, and nothing to do while time passes.
 */
#include "track/tracker.h"

enum {
	STRANGER_PART = 16,		/* a tunnel that never was up has this part of the purse */
	SETTLED_S = 60,			/* nothing left out for so long: the flood is over */
	TOLD_AFTER_S = 3600,		/* report a flood that does not end after this long */
	LIVES = 64,			/* an ESP SA with so many packets is no churn */
	RECONSIDERED = 1024,		/* at most so many ESP SAs of a direction, the latest */
};

/* The time in which a purse refills by one row: */
#define SLOWLY NSEC_PER_S		/* of what is not confirmed */
#define SWIFTLY (NSEC_PER_S / 4)	/* of what is confirmed */
#define YOUNGSTERS (NSEC_PER_S / 16)	/* of ESP SAs that come soon after others, in all tunnels */
/* and by one ESP SA that is tracked although only its own packet tells of it */
#define BIRTHS (NSEC_PER_S / 64)

static nsec full_at(nsec purse, nsec at)
{
	return purse == NSEC_NONE || purse < at ? at : purse;
}

static bool affords(nsec purse, nsec at, int64_t burst, nsec refill)
{
	return full_at(purse, at) - at <= (burst - 1) * refill;
}

static bool pay(nsec *purse, nsec at, int64_t burst, nsec refill)
{
	if (!affords(*purse, at, burst, refill))
		return false;
	*purse = full_at(*purse, at) + refill;
	return true;
}

static void leave_out(struct left_out *l, nsec at)
{
	if (l->n == 0)
		l->since = at;
	l->last = at;
	l->n++;
}

/*
 * The tunnel is not quiet any more: what is reported of it from now on leaves rows.  Unless that
 * was told already, what it left out is its own from now on, and less when some of it is told late.
 */
static void speak(struct tracker *t, struct tunnel *w)
{
	struct left_out *all = &t->left_out, *own = &w->left_out;
	uint64_t rows = own->n + 1;		/* and that of the tunnel */

	if (all->n >= rows && w->first >= all->since)
		all->n -= rows;
	else
		*own = (struct left_out){ 0 };
	w->flags = (w->flags & ~(uint32_t)TUNNEL_QUIET) | TUNNEL_DIRTY;
	if (w->id >> 32 == t->capture && t->counters.quiet_tunnels > 0)
		t->counters.quiet_tunnels--;
	else if (t->handler.told_late)
		t->handler.told_late(t->handler.user, w->id);
}

bool restraint_admits_stranger(struct tracker *t)
{
	if (pay(&t->purse_strangers, t->now, t->settings->history_strangers, SLOWLY))
		return true;
	leave_out(&t->left_out, t->now);
	t->counters.quiet_tunnels++;
	return false;
}

bool restraint_admits(struct tracker *t, uint32_t tunnel, bool confirmed)
{
	struct tunnel *w = &t->tunnels[tunnel];
	const struct settings *s = t->settings;

	if (w->flags & TUNNEL_QUIET) {
		leave_out(&t->left_out, t->now);
		leave_out(&w->left_out, t->now);
		return false;
	}
	if (confirmed ? pay(&w->purse_confirmed, t->now, s->history_confirmed, SWIFTLY)
		      : pay(&w->purse_hints, t->now,
			    tunnel_was_up(w) ? s->history_hints : s->history_hints / STRANGER_PART,
			    SLOWLY))
		return true;
	leave_out(&w->left_out, t->now);
	return false;
}

bool restraint_affords_birth(const struct tracker *t)
{
	return affords(t->purse_births, t->now, t->settings->history_births, BIRTHS);
}

void restraint_pays_birth(struct tracker *t)
{
	pay(&t->purse_births, t->now, t->settings->history_births, BIRTHS);
}

static bool pay_for_young(struct tracker *t, uint32_t tunnel)
{
	if (pay(&t->purse_young, t->now, t->settings->history_strangers, YOUNGSTERS))
		return true;
	leave_out(&t->tunnels[tunnel].left_out, t->now);
	return false;
}

/*
 * One that comes soon after another may be part of a flood over many made-up tunnels: those share a
 * purse.
 */
bool restraint_admits_esp_sa(struct tracker *t, const struct esp_sa *sa)
{
	uint32_t latest =
		sa->direction < 0 ? NO_INDEX : t->tunnels[sa->tunnel].esp_sas[sa->direction];
	bool young = latest != NO_INDEX && sa->first - t->esp_sas[latest].first < RESTRAINT_YOUNG;

	if (young && !pay_for_young(t, sa->tunnel))
		return false;
	return restraint_admits(t, sa->tunnel, sa->flags & ESP_SA_CONFIRMED);
}

/* No exchange made it, and the one before it lived shorter than any lifetime that can be set. */
static bool churns(const struct tracker *t, const struct esp_sa *sa)
{
	if (sa->next_in_direction == NO_INDEX ||
	    (sa->child != NO_INDEX && t->child_sas[sa->child].how != CREATED_UNKNOWN))
		return false;
	const struct esp_sa *before = &t->esp_sas[sa->next_in_direction];

	return before->last <= sa->first && sa->first - before->first < RESTRAINT_YOUNG;
}

bool restraint_confirms(struct tracker *t, uint32_t tunnel)
{
	struct tunnel *w = &t->tunnels[tunnel];

	if ((w->flags & TUNNEL_QUIET) ||
	    !pay(&w->purse_confirmed, t->now, t->settings->history_confirmed, SWIFTLY))
		return false;
	if (w->left_out.n > 0)
		w->left_out.n--;
	return true;
}

/* Write an event that was left out, with the time and frame it had. */
static void write_late(struct tracker *t, struct event ev, nsec at, uint64_t frame)
{
	ev.at = at;
	ev.frame = frame;
	event_write(t, &ev);
}

void restraint_confirm_ike_sa(struct tracker *t, uint32_t ike_sa)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	struct event ev = event_of(t, EVENT_IKE_SA_CREATED, sa->created, sa->tunnel);

	if (!(sa->flags & IKE_SA_QUIET) || !restraint_confirms(t, sa->tunnel))
		return;
	sa->flags = (sa->flags & ~(uint32_t)IKE_SA_QUIET) | IKE_SA_DIRTY;
	for (int slot = 0; slot < 2; slot++) {
		struct exchange *both[2] = { sa->previous[slot], sa->current[slot] };

		for (int n = 0; n < 2; n++)
			if (both[n]->id != 0 && both[n]->quiet && both[n]->responses > 0)
				both[n]->quiet = !restraint_confirms(t, sa->tunnel);
	}
	ev.ike_sa = ike_sa;
	ev.side = sa->initiator_side;
	if (sa->init_seen)
		write_late(t, ev, sa->created, sa->first_frame);
	ev.kind = EVENT_IKE_SA_ESTABLISHED;
	if (sa->established != NSEC_NONE)
		write_late(t, ev, sa->established, 0);
}

void restraint_confirm_child_sa(struct tracker *t, uint32_t child)
{
	struct child_sa *c = &t->child_sas[child];
	struct event ev = event_of(t, EVENT_CHILD_SA_CREATED, c->created, c->tunnel);

	if (!(c->flags & CHILD_SA_QUIET) || !restraint_confirms(t, c->tunnel))
		return;
	c->flags = (uint16_t)((c->flags & ~CHILD_SA_QUIET) | CHILD_SA_DIRTY);
	ev.child_sa = child;
	ev.ike_sa = c->ike_sa;
	ev.side = c->created_by;
	write_late(t, ev, c->created, 0);
}

void restraint_confirm_esp_sa(struct tracker *t, uint32_t esp)
{
	struct esp_sa *sa = &t->esp_sas[esp];
	struct event ev = event_of(t, EVENT_ESP_SA_FIRST, sa->first, sa->tunnel);

	if ((sa->flags & ESP_SA_QUIET) && sa->packets < LIVES && churns(t, sa) &&
	    !pay_for_young(t, sa->tunnel))
		return;
	if ((sa->flags & ESP_SA_QUIET) && restraint_confirms(t, sa->tunnel)) {
		sa->flags = (uint8_t)((sa->flags & ~ESP_SA_QUIET) | ESP_SA_DIRTY);
		ev.esp_sa = esp;
		ev.child_sa = sa->child;
		ev.side = sa->direction;
		write_late(t, ev, sa->first, sa->first_frame);
	}
	if (sa->child != NO_INDEX)
		restraint_confirm_child_sa(t, sa->child);
}

/* An SA may live beside the one before it (RFC 7296 2.8): that is no churn. */
void restraint_reconsider(struct tracker *t, uint32_t tunnel)
{
	const struct tunnel *w = &t->tunnels[tunnel];

	for (int d = 0; d < 2; d++) {
		uint32_t i = w->esp_sas[d];

		for (unsigned n = 0; n < RECONSIDERED && i != NO_INDEX;
		     n++, i = t->esp_sas[i].next_in_direction) {
			const struct esp_sa *sa = &t->esp_sas[i];

			if ((sa->flags & ESP_SA_QUIET) && (sa->flags & ESP_SA_CONFIRMED) &&
			    (sa->packets >= LIVES || !churns(t, sa)))
				restraint_confirm_esp_sa(t, i);
		}
	}
}

/* Few attackers can make somebody answer. */
void restraint_ike_sa_answered(struct tracker *t, uint32_t ike_sa)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];
	struct tunnel *w = &t->tunnels[sa->tunnel];

	if (w->flags & TUNNEL_QUIET) {
		if (!pay(&t->purse_answered, t->now, t->settings->history_strangers, SLOWLY))
			return;
		speak(t, w);
	}
	restraint_confirm_ike_sa(t, ike_sa);
}

void restraint_tunnel_up(struct tracker *t, uint32_t tunnel)
{
	struct tunnel *w = &t->tunnels[tunnel];
	bool carries = (w->flags & (TUNNEL_ESP0 | TUNNEL_ESP1)) == (TUNNEL_ESP0 | TUNNEL_ESP1);
	/* half of the purse is reserved for tunnels that carry traffic */
	int64_t burst = carries ? t->settings->tables_tunnels : t->settings->tables_tunnels / 2;

	if (!(w->flags & TUNNEL_QUIET) || !tunnel_was_up(w) ||
	    !pay(&t->purse_tunnels, t->now, burst, SWIFTLY))
		return;
	speak(t, w);
	for (uint32_t i = w->ike_sas; i != NO_INDEX; i = t->ike_sas[i].next_in_tunnel)
		if (t->ike_sas[i].established != NSEC_NONE)
			restraint_confirm_ike_sa(t, i);
	for (int d = 0; d < 2; d++)
		for (uint32_t i = w->esp_sas[d]; i != NO_INDEX; i = t->esp_sas[i].next_in_direction)
			if (t->esp_sas[i].flags & ESP_SA_CONFIRMED)
				restraint_confirm_esp_sa(t, i);
}

/* A single packet causes it, which anybody can forge; others belong to an object that has paid. */
static bool costs(enum event_kind kind)
{
	return kind == EVENT_ERROR_NOTIFY || kind == EVENT_ICMP_ERROR ||
	       kind == EVENT_FRAGMENT_MISSING || kind == EVENT_ADDRESS_MOVED ||
	       kind == EVENT_COOKIE || kind == EVENT_NAT_FOUND || kind == EVENT_ESP_SEQ_RESET ||
	       kind == EVENT_ESP_SEQ_JUMP;
}

bool restraint_admits_event(struct tracker *t, const struct event *ev)
{
	if (ev->tunnel == NO_INDEX)
		return true;
	if ((ev->ike_sa != NO_INDEX && (t->ike_sas[ev->ike_sa].flags & IKE_SA_QUIET)) ||
	    (ev->child_sa != NO_INDEX && (t->child_sas[ev->child_sa].flags & CHILD_SA_QUIET)) ||
	    (ev->esp_sa != NO_INDEX && (t->esp_sas[ev->esp_sa].flags & ESP_SA_QUIET)) ||
	    (ev->exchange && ev->exchange->quiet) || (t->tunnels[ev->tunnel].flags & TUNNEL_QUIET))
		return false;
	return !costs(ev->kind) || restraint_admits(t, ev->tunnel, false);
}

static void tell(struct tracker *t, struct left_out *l, uint32_t tunnel)
{
	struct event ev = event_of(t, EVENT_LEFT_OUT, l->last, tunnel);

	ev.frame = 0;
	ev.value[0] = (int64_t)l->n;
	ev.value[1] = l->last - l->since;
	l->n = 0;
	event_emit(t, &ev);
}

static bool is_over(const struct left_out *l, nsec now)
{
	return l->n > 0 && (now - l->last >= SETTLED_S * NSEC_PER_S ||
			    now - l->since >= TOLD_AFTER_S * NSEC_PER_S);
}

void restraint_tell(struct tracker *t, uint32_t tunnel, nsec now, bool last_call)
{
	struct tunnel *w = &t->tunnels[tunnel];

	if (!(w->flags & TUNNEL_QUIET) && w->left_out.n > 0 &&
	    (last_call || is_over(&w->left_out, now)))
		tell(t, &w->left_out, tunnel);
}

void restraint_tell_strangers(struct tracker *t, nsec now, bool last_call)
{
	if (t->left_out.n > 0 && (last_call || is_over(&t->left_out, now)))
		tell(t, &t->left_out, NO_INDEX);
}
