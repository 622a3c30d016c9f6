/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One alert of the page: what, since when, by which evidence, and what to do. */
#include <inttypes.h>
#include <string.h>

#include "report/html_parts.h"
#include "report/people.h"
#include "report/tunnel_text.h"

const char *severity_class(enum severity s)
{
	static const char *const classes[] = {
		[SEVERITY_INFO] = "info", [SEVERITY_WARNING] = "warning",
			[SEVERITY_CRITICAL] = "critical",
	};

	return classes[s];
}

static void put_evidence(FILE *out, const struct record_alert *a)
{
	if (a->n_evidence == 0)
		return;
	fputs("<dt>evidence</dt><dd><table class=evidence>", out);
	for (size_t i = 0; i < a->n_evidence; i++) {
		const struct record_evidence *e = &a->evidence[i];
		char real[REAL_TEXT_MAX];

		fputs("<tr><th>", out);
		put_html(out, e->name);
		fputs("</th><td>", out);
		switch (e->type) {
		case EVIDENCE_INTEGER:
			fprintf(out, "%" PRId64, e->integer);
			break;
		case EVIDENCE_REAL:
			fputs(real_text(e->real, real), out);
			break;
		case EVIDENCE_TEXT:
			put_html(out, e->text ? e->text : "unknown");
			break;
		}
		fputs("</td></tr>", out);
	}
	fputs("</table></dd>\n", out);
}

static void put_frames(FILE *out, const struct collection *c, const struct record_alert *a)
{
	char frames[FRAMES_TEXT_MAX];

	if (a->n_frames == 0)
		return;
	fprintf(out, "<dt>frames</dt><dd>%s", frames_text(a->frames, a->n_frames, ", ", frames));
	for (size_t i = 0; i < c->n_captures; i++)
		if (c->captures[i].id == (uint32_t)(a->id >> 32)) {
			fputs(" of ", out);
			put_html(out, c->captures[i].name);
		}
	fputs("</dd>\n", out);
}

/* Advice for all first, then for the makers that were seen, then for the others, folded. */
static void put_actions(FILE *out, const struct seen_tunnel *t, const struct record_alert *a)
{
	bool others = false, recognised = false;

	if (a->n_actions == 0)
		return;
	fputs("<dt>what to do</dt><dd><ul>", out);
	for (size_t i = 0; i < a->n_actions; i++) {
		const struct record_action *x = &a->actions[i];
		bool any = strcmp(x->vendor, "any") == 0;

		if (!any && !vendor_seen(t, x->vendor)) {
			others = true;
			continue;
		}
		recognised |= !any;
		fputs("<li>", out);
		if (!any) {
			fputs("<b>", out);
			put_html(out, x->vendor);
			fputs(":</b> ", out);
		}
		put_html(out, x->text);
		fputs("</li>", out);
	}
	fputs("</ul>", out);
	if (others)
		fprintf(out, "<details><summary>%s</summary><ul>",
			recognised ? "on other makes" : "by make");
	for (size_t i = 0; others && i < a->n_actions; i++) {
		const struct record_action *x = &a->actions[i];

		if (strcmp(x->vendor, "any") == 0 || vendor_seen(t, x->vendor))
			continue;
		fputs("<li><b>", out);
		put_html(out, x->vendor);
		fputs(":</b> ", out);
		put_html(out, x->text);
		fputs("</li>", out);
	}
	fputs(others ? "</ul></details></dd>\n" : "</dd>\n", out);
}

void put_html_alert(FILE *out, const struct collection *c, const struct detail *d,
		    const struct record_alert *a, size_t i)
{
	char span[NSEC_TEXT_MAX];

	fprintf(out,
		"<section class=\"alert %s\" id=\"a%" PRIu64 "\"><h4><span class=badge>%s</span> ",
		severity_class(a->severity), a->id, severity_text(a->severity));
	put_html(out, a->code);
	if (a->cause) {
		fputs(" (", out);
		put_html(out, a->cause);
		putc(')', out);
	}
	fprintf(out, "%s</h4>\n<p>", a->cleared ? " <span class=cleared>cleared</span>" : "");
	put_html(out, a->summary);
	fputs("</p>\n<dl><dt>when</dt><dd>", out);
	put_html_time(out, a->first);
	if (a->last != a->first) {
		fputs(" to ", out);
		put_html_time(out, a->last);
	}
	if (a->first != NSEC_NONE && a->last > a->first)
		fprintf(out, " (%s)", nsec_span(a->last - a->first, span));
	if (a->cleared && a->cleared_at != NSEC_NONE) {
		fputs(", cleared ", out);
		put_html_time(out, a->cleared_at);
	}
	fprintf(out, "</dd>\n<dt>confidence</dt><dd>%s%s</dd>\n", confidence_text(a->confidence),
		a->incident ? "; a symptom of another alert here" : "");
	put_evidence(out, a);
	put_frames(out, c, a);
	put_actions(out, d ? d->tunnel : NULL, a);
	fputs("</dl>\n", out);
	if (d)
		put_ladder(out, d, i);
	fputs("</section>\n", out);
}
