/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/session_ends.h"

#include "detect/sample.h"

/* what a timer that is exact differs by, in s, or as a part of its time */
#define EXACT_S 5.0
#define EXACT_PART 0.005
/* a day in s; how far a schedule is off it, and one that takes its time: by more than a minute */
#define DAY_S 86400.0
#define PUNCTUAL_S 10.0
#define MINUTE_S 60.0
#define HOUR_S 3600.0

/* A few ends of which somebody said so must be exact: sessions of any ages are alike by chance. */
bool session_pattern_is_regular(struct session_pattern *p, const struct settings *set)
{
	double tolerance = (double)set->periodic_tolerance / (double)NSEC_PER_S;
	double youngest, oldest;

	if (p->whole < 2 || p->ends < (size_t)set->periodic_min_n)
		return false;
	p->period = sample_mean(p->ages, p->n);
	youngest = oldest = p->ages[0];
	for (size_t i = 1; i < p->n; i++) {
		if (p->ages[i] < youngest)
			youngest = p->ages[i];
		if (p->ages[i] > oldest)
			oldest = p->ages[i];
	}
	p->spread = oldest - youngest;
	if (p->anew > 0 && (!p->one_side || !p->active || p->anew == p->ends ||
			    p->spread > EXACT_S || p->spread > EXACT_PART * p->period))
		return false;
	if (!p->idle && !p->lost && !p->unsaid && p->spread > EXACT_S &&
	    p->spread > EXACT_PART * p->period &&
	    (p->unlike || p->ends < (size_t)set->periodic_high_n))
		return false;
	if (tolerance < 0.02 * p->period)
		tolerance = 0.02 * p->period;
	return oldest - p->period <= tolerance && p->period - youngest <= tolerance &&
	       p->period >= (double)set->periodic_min / (double)NSEC_PER_S &&
	       sample_cv(p->ages, p->n) < set->periodic_cv;
}

/* How far from a whole number of days. */
static double off_days(double s)
{
	double days = (double)(int64_t)(s / DAY_S + 0.5);
	double off = s - (days < 1 ? 1 : days) * DAY_S;

	return off < 0 ? -off : off;
}

/*
 * The clock on the wall ends them, not one that begins with the session: they end days apart, which
 * is not how old they are, or at some time within the same hour.
 */
static bool on_schedule(const struct session_pattern *p)
{
	double off = 0, off_age = DAY_S;

	for (size_t i = 0; i + 1 < p->ends; i++) {
		double o = off_days((double)(p->of[i]->at - p->of[i + 1]->at) / (double)NSEC_PER_S);

		if (o > off)
			off = o;
	}
	for (size_t i = 0; i < p->n; i++)
		if (off_days(p->ages[i]) < off_age)
			off_age = off_days(p->ages[i]);
	return off <= PUNCTUAL_S ? off_age > 2 * off + 1
				 : off <= HOUR_S && p->spread > MINUTE_S;
}

bool session_age_is_declared(double age, double declared)
{
	return declared > 0 && sample_near(age, declared, 0.03);
}

/* How long the tunnel was without a session before the latest one that was seen to begin. */
static nsec pause_of(const struct session_end *ends, size_t n)
{
	for (size_t i = n; i-- > 1;) {
		nsec pause = ends[i].at - ends[i].age - ends[i - 1].at;

		if (!ends[i].unbegun && pause >= 0)
			return pause;
	}
	return 0;
}

/*
 * How old the session was that ended.  One that nobody saw begin came after the one before, so the
 * distance of their ends tells; 0 not known.
 */
static nsec age_of(const struct session_end *ends, size_t end, nsec pause)
{
	const struct session_end *e = &ends[end];
	nsec age;

	if (!e->unbegun)
		return e->age;
	if (end == 0 || !ends[end - 1].restarted)
		return 0;
	age = e->at - ends[end - 1].at - pause;
	return age >= e->age ? age : 0;
}

static struct session_pattern pattern(const struct session_end *ends, size_t n, bool anew,
				      const struct settings *set)
{
	struct session_pattern p = { .one_side = true,
			     .active = true,
			     .idle = true,
			     .lost = true,
			     .unsaid = true,
			     .declared = true,
			     .side = SIDE_UNKNOWN };
	nsec pause = pause_of(ends, n);

	for (size_t i = n; i-- > 0;) {
		const struct session_end *e = &ends[i];
		nsec quiet = e->traffic == NSEC_NONE ? INT64_MAX : e->at - e->traffic;
		nsec age = age_of(ends, i, pause);

		if (e->anew && !anew)
			continue;
		if (!e->restarted && i + 1 < n)
			/* the tunnel was closed for good: what came before is another story */
			break;
		if (!e->restarted)
			continue;
		if (age == 0) {		/* its end began the first whole one */
			if (p.n > 0 && e->by == p.side) {
				p.of[p.ends++] = e;
				p.anew += e->anew;
			}
			break;
		}
		p.ages[p.n++] = (double)age / (double)NSEC_PER_S;
		if (p.n > 1 && !sample_near(p.ages[p.n - 1], p.ages[0], 2 * set->periodic_cv)) {
			p.n--;
			if (e->anew)
				continue;
			p.unlike = true;
			break;
		}
		p.of[p.ends++] = e;
		p.whole += !e->unbegun;
		p.anew += e->anew;
		if (p.n == 1)
			p.side = e->by;
		p.one_side &= e->by >= 0 && e->by == p.side;
		p.active &= quiet <= set->life_active;
		p.idle &= quiet >= set->idle;
		p.lost &= e->lost;
		p.unsaid &= e->unsaid;
		p.rekeyed_inside |= e->rekeys > 0;
		p.declared &= e->unbegun ||
			      session_age_is_declared(p.ages[p.n - 1], (double)e->declared_s);
		if (e->gap != NSEC_NONE && e->gap > p.longest_gap)
			p.longest_gap = e->gap;
	}
	return p;
}

struct session_pattern session_pattern_of(const struct session_end *ends, size_t n,
					  const struct settings *set)
{
	struct session_pattern all = pattern(ends, n, true, set);

	if (all.anew == 0 || session_pattern_is_regular(&all, set))
		return all;
	return pattern(ends, n, false, set);
}

const char *session_pattern_cause(const struct session_pattern *p)
{
	if (!p->lost && !p->unsaid && on_schedule(p))
		return "maintenance";
	if (p->lost)
		return "dpd";
	if (p->idle)
		return "idle_timer";
	if (p->declared || p->unsaid)
		return "ike_lifetime_no_rekey";
	if (p->one_side && p->active)
		return "max_session_timer";
	return "unknown_timer";
}
