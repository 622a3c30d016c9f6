/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lives of a tunnel's SAs as bars along the time, its alerts as marks across them. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report/html_parts.h"
#include "report/people.h"

enum {
	WIDTH = 1000, LEFT = 130, RIGHT = 10,	/* units of the drawing */
	/* width of one, about, where an address is longer than LEFT allows */
	LETTER = 7,
	LANE = 12, BAR = 9, GAP = 8, HEAD = 16, FOOT = 20,
	LANES_MAX = 8,		/* side by side in one group; more share the last */
	TICKS = 8,
};

struct scale {
	nsec from, to;
	double left;		/* where the bars begin */
};

static double place(const struct scale *s, nsec at)
{
	if (at <= s->from)
		return s->left;
	if (at >= s->to)
		return WIDTH - RIGHT;
	return s->left +
	       (WIDTH - s->left - RIGHT) * ((double)(at - s->from) / (double)(s->to - s->from));
}

static void widen(struct scale *s, nsec at)
{
	if (at == NSEC_NONE)
		return;
	if (s->from == NSEC_NONE || at < s->from)
		s->from = at;
	if (s->to == NSEC_NONE || at > s->to)
		s->to = at;
}

static size_t shown(const struct bars *b)
{
	return b->n < BARS_MAX ? b->n : BARS_MAX;
}

static struct scale scale_of(const struct detail *d, nsec since, nsec until)
{
	struct scale s = { NSEC_NONE, NSEC_NONE, LEFT };

	for (int side = 0; side < 2; side++) {
		char peer[ADDR_TEXT_MAX];
		double wide =
			(double)(LETTER *
				 (sizeof("from ") +
				  strlen(addr_text(d->tunnel->record.peers[side].addr, peer))));

		s.left = wide > s.left ? wide : s.left;
	}
	for (int kind = 0; kind < BAR_KINDS; kind++)
		for (size_t i = 0; i < shown(&d->bars[kind]); i++) {
			widen(&s, d->bars[kind].at[i].from);
			widen(&s, d->bars[kind].at[i].to);
		}
	for (size_t i = 0; i < d->tunnel->n_alerts; i++) {
		widen(&s, d->tunnel->alerts[i].first);
		widen(&s, d->tunnel->alerts[i].last);
	}
	widen(&s, d->tunnel->record.last);
	/* what was asked for is what is shown */
	if (since != NSEC_NONE && s.from != NSEC_NONE && since > s.from && since < s.to)
		s.from = since;
	if (until != NSEC_NONE && s.from != NSEC_NONE && until < s.to && until > s.from)
		s.to = until;
	return s;
}

/* ---- the axis ---- */

/* A round distance that gives no more than TICKS marks. */
static nsec step_of(nsec span)
{
	static const int64_t steps_ms[] = {
		1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 15000, 30000, 60000,
		120000, 300000, 600000,
		900000, 1800000, 3600000, 7200000, 10800000, 21600000, 43200000, 86400000,
		172800000, 604800000,
		1209600000, 2592000000, 7776000000, 31536000000,
	};
	size_t i = 0;

	while (i + 1 < sizeof(steps_ms) / sizeof(steps_ms[0]) &&
	       span / (steps_ms[i] * NSEC_PER_MS) > TICKS)
		i++;
	return steps_ms[i] * NSEC_PER_MS;
}

static void put_axis(FILE *out, const struct scale *s, int height)
{
	nsec step = step_of(s->to - s->from);
	nsec first = s->from / step * step + (s->from % step > 0 ? step : 0);
	bool days = s->to - s->from > 86400 * NSEC_PER_S, fine = step < NSEC_PER_S;

	for (nsec at = first; at <= s->to; at += step) {
		char text[NSEC_TEXT_MAX];
		double x = place(s, at);

		nsec_moment(at, fine ? 3 : 0, text);
		/* "2026-11-22 04:30:51": of days the month and day, within one the time */
		fprintf(out, "<path class=grid d=\"M%.1f %dV%d\"/><text class=tick x=\"%.1f\" "
			     "y=\"%d\">%.*s</text>", x, HEAD,
			height - FOOT, x, height - 6, days ? 11 : 12, days ? text + 5 : text + 11);
	}
}

/* ---- groups of bars ---- */

static int by_start(const void *a, const void *b)
{
	const struct bar *x = *(const struct bar *const *)a, *y = *(const struct bar *const *)b;

	return (x->from > y->from) - (x->from < y->from);
}

struct lanes {
	const struct bar **order;
	unsigned char *lane;
	size_t n;
	int used;
};

/* Lives that overlap lie below each other. */
static struct lanes arrange(const struct bars *b)
{
	struct lanes l = { .n = shown(b) };
	nsec free_at[LANES_MAX];

	l.order = calloc(l.n + 1, sizeof(l.order[0]));
	l.lane = calloc(l.n + 1, 1);
	if (!l.order || !l.lane)
		abort();
	for (size_t i = 0; i < l.n; i++)
		l.order[i] = &b->at[i];
	if (l.n > 1)
		qsort(l.order, l.n, sizeof(l.order[0]), by_start);
	for (size_t i = 0; i < l.n; i++) {
		int lane = 0;

		while (lane < l.used && lane < LANES_MAX - 1 && free_at[lane] > l.order[i]->from)
			lane++;
		if (lane == l.used)
			l.used++;
		free_at[lane] = l.order[i]->to == NSEC_NONE ? INT64_MAX : l.order[i]->to;
		l.lane[i] = (unsigned char)lane;
	}
	return l;
}

static void put_bars(FILE *out, const struct scale *s, const struct lanes *l, int top)
{
	static const char *const looks[] = {
		[BAR_LIVING] = "living", [BAR_REPLACED] = "replaced", [BAR_ENDED] = "ended",
			[BAR_FAILED] = "failed",
	};

	for (size_t i = 0; i < l->n; i++) {
		const struct bar *b = l->order[i];
		double from = place(s, b->from),
		       to = b->to == NSEC_NONE ? WIDTH - RIGHT : place(s, b->to);

		if (b->from > s->to || (b->to != NSEC_NONE && b->to < s->from))
			continue;
		if (to - from < 2)
			to = from + 2;
		fprintf(out, "<rect class=%s x=\"%.1f\" y=\"%d\" width=\"%.1f\" "
			     "height=\"%d\"><title>", looks[b->look], from,
			top + l->lane[i] * LANE, to - from - (to - from > 4 ? 1 : 0), BAR);
		put_html(out, b->text);
		fputs("</title></rect>\n", out);
	}
}

/* Their time as a band behind the bars, and a mark with their words above them. */
static void put_alerts(FILE *out, const struct scale *s, const struct detail *d, int height,
		       bool marks)
{
	for (size_t k = d->tunnel->n_alerts; k > 0; k--) {	/* the most severe on top */
		const struct record_alert *a = &d->tunnel->alerts[k - 1];
		double from, to;

		if (a->first == NSEC_NONE || a->first > s->to || a->last < s->from)
			continue;
		from = place(s, a->first);
		to = place(s, a->last);
		if (to - from < 2)
			to = from + 2;
		if (!marks) {
			fprintf(out,
				"<g class=%s><rect class=band x=\"%.1f\" y=\"%d\" "
				"width=\"%.1f\" height=\"%d\"/></g>\n",
				severity_class(a->severity), from, HEAD, to - from,
				height - FOOT - HEAD);
			continue;
		}
		fprintf(out, "<g class=%s><path class=mark d=\"M%.1f %dl6 -10h-12z\"/><title>",
			severity_class(a->severity), from, HEAD);
		put_html_format(out, "%s %s: %s", severity_text(a->severity), a->code, a->summary);
		fputs("</title></g>\n", out);
	}
}

static void put_label(FILE *out, const struct detail *d, int kind, int y)
{
	char peer[ADDR_TEXT_MAX];

	fprintf(out, "<text class=label x=\"4\" y=\"%d\">", y);
	switch (kind) {
	case BARS_IKE:
		fputs("IKE SAs", out);
		break;
	case BARS_CHILD:
		fputs("child SAs", out);
		break;
	default:
		put_html_format(out, "from %s",
				addr_text(d->tunnel->record.peers[kind - BARS_ESP_0].addr, peer));
	}
	fputs("</text>", out);
}

static void put_limits(FILE *out, const struct detail *d)
{
	static const char *const names[BAR_KINDS] = {
		[BARS_IKE] = "IKE SAs", [BARS_CHILD] = "child SAs", [BARS_ESP_0] = "SPIs one way",
		[BARS_ESP_1] = "SPIs the other way",
	};

	for (int kind = 0; kind < BAR_KINDS; kind++)
		if (d->bars[kind].n > BARS_MAX)
			fprintf(out, "<p class=note>Of %zu %s the latest %d are drawn.</p>\n",
				d->bars[kind].n, names[kind], BARS_MAX);
}

void put_timeline(FILE *out, const struct detail *d, nsec since, nsec until)
{
	struct scale s = scale_of(d, since, until);
	struct lanes lanes[BAR_KINDS];
	int height = HEAD, y = HEAD;

	if (s.from == NSEC_NONE || s.to <= s.from)
		return;
	for (int kind = 0; kind < BAR_KINDS; kind++) {
		lanes[kind] = arrange(&d->bars[kind]);
		height += lanes[kind].n ? lanes[kind].used * LANE + GAP : 0;
	}
	height += FOOT;
	fprintf(out, "<svg class=timeline viewBox=\"0 0 %d %d\" role=img aria-label=\"Lives of the "
		     "SAs along the time\">\n",
		WIDTH, height);
	put_alerts(out, &s, d, height, false);
	put_axis(out, &s, height);
	for (int kind = 0; kind < BAR_KINDS; kind++) {
		if (lanes[kind].n > 0) {
			put_label(out, d, kind, y + BAR);
			put_bars(out, &s, &lanes[kind], y);
			y += lanes[kind].used * LANE + GAP;
		}
		free(lanes[kind].order);
		free(lanes[kind].lane);
	}
	put_alerts(out, &s, d, height, true);
	fputs("</svg>\n<p class=legend><span class=living></span> lives <span "
	      "class=replaced></span> replaced by a rekey <span class=ended></span> ended <span "
	      "class=failed></span> failed or peer lost; triangles: alerts. Point at a bar to read "
	      "its story. Times are UTC.</p>\n", out);
	put_limits(out, d);
}
