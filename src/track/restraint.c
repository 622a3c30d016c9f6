/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How fast the history may grow.  Whoever can write any source address makes
 * tunnels, IKE SAs, SPIs and errors as fast as the wire carries them, and each
 * would be a row.  So every row has its price, paid out of a purse that fills
 * up with packet time: what nobody confirmed (no answer, a packet or two) out
 * of a small one, what was confirmed out of a large one; and tunnels that do
 * not exist, all together, out of one more.  What cannot pay is quiet: it is
 * tracked and judged like any other, but leaves no row until it is confirmed.
 * How much was left out becomes one event.
 *
 * A purse is the moment at which it is full again (the generic cell rate
 * algorithm): one number, and nothing to do while time passes.
 */
#include "track/tracker.h"

enum {
	STRANGER_BURST = 32,		/* rows of a tunnel that was never up */
	SETTLED_S = 60,			/* calm for so long: tell what was left out */
	TOLD_AFTER_S = 3600,		/* and in a flood that does not end */
};

#define REFILL NSEC_PER_S		/* one more row after this long */

static bool pay(nsec *purse, nsec at, int64_t burst)
{
	nsec full = *purse == NSEC_NONE || *purse < at ? at : *purse;

	/* Time may step back: a purse that is full far in the future only seems empty. */
	if (full - at > (burst + 1) * REFILL)
		full = at;
	if (full - at > (burst - 1) * REFILL)
		return false;
	*purse = full + REFILL;
	return true;
}

static void leave_out(struct left_out *l, nsec at)
{
	if (l->n == 0)
		l->since = at;
	l->last = at;
	l->n++;
}

static bool is_up(const struct tunnel *w)
{
	return (w->flags & TUNNEL_ESTABLISHED) || (w->flags & (TUNNEL_ESP0 | TUNNEL_ESP1)) == (TUNNEL_ESP0 | TUNNEL_ESP1);
}

/* May a tunnel that begins now be recorded? */
bool restraint_admits_stranger(struct tracker *t)
{
	if (pay(&t->purse_strangers, t->now, t->settings->history_strangers))
		return true;
	leave_out(&t->left_out, t->now);
	return false;
}

bool restraint_admits(struct tracker *t, uint32_t tunnel, bool confirmed)
{
	struct tunnel *w = &t->tunnels[tunnel];
	const struct settings *s = t->settings;

	if (w->flags & TUNNEL_QUIET) {
		leave_out(&t->left_out, t->now);
		return false;
	}
	if (confirmed ? pay(&w->purse_confirmed, t->now, s->history_confirmed) :
			pay(&w->purse_hints, t->now, is_up(w) ? s->history_hints : STRANGER_BURST))
		return true;
	leave_out(&w->left_out, t->now);
	return false;
}

/* What was quiet is confirmed: true when it may speak now. */
bool restraint_confirms(struct tracker *t, uint32_t tunnel)
{
	struct tunnel *w = &t->tunnels[tunnel];

	if ((w->flags & TUNNEL_QUIET) || !pay(&w->purse_confirmed, t->now, t->settings->history_confirmed))
		return false;
	if (w->left_out.n > 0)
		w->left_out.n--;
	return true;
}

/* The tunnel came up, or still is: it is no stranger's any more. */
void restraint_tunnel_up(struct tracker *t, uint32_t tunnel)
{
	struct tunnel *w = &t->tunnels[tunnel];

	if (!(w->flags & TUNNEL_QUIET) || !is_up(w) || !pay(&t->purse_tunnels, t->now, t->settings->tables_tunnels))
		return;
	w->flags = (w->flags & ~(uint32_t)TUNNEL_QUIET) | TUNNEL_DIRTY;
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
	return l->n > 0 && (now - l->last >= SETTLED_S * NSEC_PER_S || now - l->since >= TOLD_AFTER_S * NSEC_PER_S);
}

/* The floods that are over, of this tunnel and of strangers; with `last_call` all of them. */
void restraint_tell(struct tracker *t, uint32_t tunnel, nsec now, bool last_call)
{
	struct tunnel *w = &t->tunnels[tunnel];

	if (!(w->flags & TUNNEL_QUIET) && w->left_out.n > 0 && (last_call || is_over(&w->left_out, now)))
		tell(t, &w->left_out, tunnel);
	restraint_tell_strangers(t, now, last_call);
}

void restraint_tell_strangers(struct tracker *t, nsec now, bool last_call)
{
	if (t->left_out.n > 0 && (last_call || is_over(&t->left_out, now)))
		tell(t, &t->left_out, NO_INDEX);
}
