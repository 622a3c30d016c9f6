/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IKE exchanges as a ladder: the two peers as its rails, requests and answers as rungs. */
#include <inttypes.h>
#include <stdlib.h>

#include <sawatch/text.h>

#include "report/html_parts.h"
#include "report/people.h"

enum { WIDTH = 1000, RAIL_0 = 250, RAIL_1 = 750, TOP = 30, STEP = 30 };

static int by_time(const void *a, const void *b)
{
	const struct rung *x = a, *y = b;
	nsec p = x->request_at != NSEC_NONE ? x->request_at : x->response_at;
	nsec q = y->request_at != NSEC_NONE ? y->request_at : y->response_at;

	return (p > q) - (p < q);
}

/* One arrow with its words above it and the moment at the rail where it begins. */
static void put_arrow(FILE *out, int y, int from, const char *look, nsec at, const char *words)
{
	int x0 = from == 0 ? RAIL_0 : RAIL_1, x1 = from == 0 ? RAIL_1 : RAIL_0,
	    back = from == 0 ? -9 : 9;
	char text[NSEC_TEXT_MAX];

	fprintf(out, "<path class=\"arrow %s\" d=\"M%d %dH%d\"/><path class=\"head %s\" d=\"M%d "
		     "%dl%d -4v8z\"/>", look, x0, y,
		x1, look, x1, y, back);
	if (at != NSEC_NONE)
		fprintf(out, "<text class=%s x=\"%d\" y=\"%d\">%s</text>",
			from == 0 ? "before" : "after", from == 0 ? RAIL_0 - 8 : RAIL_1 + 8, y + 4,
			nsec_moment(at, 3, text) + 11);
	fprintf(out, "<text class=middle x=\"%d\" y=\"%d\">", (RAIL_0 + RAIL_1) / 2, y - 4);
	put_html(out, words);
	fputs("</text>\n", out);
}

static int put_rung(FILE *out, const struct rung *r, int y)
{
	int from = r->from == 1 ? 1 : 0;
	bool good = r->outcome == OUTCOME_ANSWERED || r->outcome == OUTCOME_PENDING ||
		    r->outcome == OUTCOME_ONE_WAY || r->outcome == OUTCOME_NOT_OBSERVABLE ||
		    r->outcome == OUTCOME_SUPERSEDED;
	char buffer[256], span[NSEC_TEXT_MAX];
	struct text t = TEXT_IN(buffer);

	text_add(&t, "%s, message %" PRIu32, r->kind, r->message_id);
	if (r->purpose != PURPOSE_UNKNOWN)
		text_add(&t, ", %s", exchange_purpose_text(r->purpose));
	if (r->requests > 1)
		text_add(&t, ", sent %" PRId64 " times", r->requests);
	if (r->request_frame)
		text_add(&t, ", frame %" PRIu64, r->request_frame);
	if (r->request_at == NSEC_NONE)
		text_add(&t, " (request not seen)");
	put_arrow(out, y, from, good ? "good" : "bad", r->request_at, buffer);
	y += STEP;
	t = TEXT_IN(buffer);
	if (r->response_at != NSEC_NONE) {
		text_add(&t, "%s", r->outcome == OUTCOME_FAILED ? "refused" : "answer");
		if (r->rtt_ns >= 0)
			text_add(&t, " after %s", nsec_span(r->rtt_ns, span));
		if (r->responses > 1)
			text_add(&t, ", sent %" PRId64 " times", r->responses);
		if (r->response_frame)
			text_add(&t, ", frame %" PRIu64, r->response_frame);
		put_arrow(out, y, !from, r->outcome == OUTCOME_FAILED ? "bad" : "good",
			  r->response_at, buffer);
		return y + STEP;
	}
	fprintf(out, "<text class=\"middle none\" x=\"%d\" y=\"%d\">%s</text>\n",
		(RAIL_0 + RAIL_1) / 2, y - 10,
		r->outcome == OUTCOME_NOT_OBSERVABLE || r->outcome == OUTCOME_ONE_WAY
			? "answers are not visible here"
		: r->outcome == OUTCOME_PENDING ? "no answer yet"
						: "no answer");
	return y;
}

void put_ladder(FILE *out, const struct detail *d, size_t alert)
{
	struct ladder *l = NULL;
	char peer[ENDPOINT_TEXT_MAX];
	int height = TOP + 10, y = TOP + STEP;

	if (alert < LADDERS_MAX)
		l = (struct ladder *)(d->pointed[alert].n ? &d->pointed[alert] : &d->around[alert]);
	if (!l || l->n == 0)
		return;
	qsort(l->at, l->n, sizeof(l->at[0]), by_time);
	for (size_t i = 0; i < l->n; i++)
		height += STEP + (l->at[i].response_at != NSEC_NONE ? STEP : 0);
	fprintf(out,
		"<details%s><summary>%s</summary>\n<svg class=ladder viewBox=\"0 0 %d "
		"%d\" role=img "
		"aria-label=\"IKE exchanges\">\n<path class=rail d=\"M%d %dV%dM%d %dV%d\"/>",
		l == &d->pointed[alert] ? " open" : "",
		l == &d->pointed[alert] ? "The exchanges that this points to"
					: "IKE exchanges in that time",
		WIDTH, height, RAIL_0, TOP - 4, height, RAIL_1, TOP - 4, height);
	for (int side = 0; side < 2; side++) {
		fprintf(out, "<text class=\"middle peer\" x=\"%d\" y=\"%d\">",
			side ? RAIL_1 : RAIL_0, TOP - 12);
		put_html(out, endpoint_text(d->tunnel->record.peers[side], peer));
		fputs("</text>\n", out);
	}
	for (size_t i = 0; i < l->n; i++)
		y = put_rung(out, &l->at[i], y);
	fputs("</svg>\n", out);
	if (l->left_out > 0)
		fprintf(out, "<p class=note>%zu more are not drawn; sawatch exchanges has "
			     "them all.</p>\n", l->left_out);
	fputs("</details>\n", out);
}
