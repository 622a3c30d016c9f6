/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/html.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>

#include "report/html_parts.h"
#include "report/people.h"

enum {
	DETAILS_MAX = 40,	/* tunnels with timelines and ladders: a page that opens at once */
	FEW = 12,		/* so many tunnels are all shown in detail */
	ROWS_MAX = 2000,	/* of the table of tunnels */
	ALERTS_MAX = 50,	/* of a tunnel */
};

struct html {
	const struct html_options *options;
	struct collection seen;
	struct detail *details;
	size_t n_details;
	size_t ill;		/* tunnels with alerts */
	size_t ranks[RANKS];
};

static const char *const rank_names[RANKS] = {
	[RANK_CRITICAL] = "critical", [RANK_WARNING] = "warning", [RANK_INFO] = "with a remark",
	[RANK_DOWN] = "down", [RANK_UNKNOWN] = "not observable", [RANK_HEALTHY] = "healthy",
};

static const char *const rank_classes[RANKS] = {
	[RANK_CRITICAL] = "critical", [RANK_WARNING] = "warning", [RANK_INFO] = "info",
		[RANK_DOWN] = "",
	[RANK_UNKNOWN] = "", [RANK_HEALTHY] = "healthy",
};

/* ---- text ---- */

void put_html(FILE *out, const char *text)
{
	char *safe = report_printable(text);

	for (const char *c = safe; *c; c++) {
		switch (*c) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			putc(*c, out);
		}
	}
	free(safe);
}

void put_html_format(FILE *out, const char *format, ...)
{
	va_list arguments;
	char *text;
	int n;

	va_start(arguments, format);
	n = vasprintf(&text, format, arguments);
	va_end(arguments);
	memory_or_end(n >= 0);
	put_html(out, text);
	free(text);
}

void put_html_time(FILE *out, nsec at)
{
	char exact[NSEC_TEXT_MAX], text[NSEC_TEXT_MAX];

	if (at == NSEC_NONE)
		fputs("unknown", out);
	else
		fprintf(out, "<time datetime=\"%s\">%s</time>", nsec_rfc3339(at, exact),
			nsec_moment(at, 3, text));
}

/* ---- both rounds ---- */

struct html *html_open(const struct html_options *o)
{
	struct html *h = calloc(1, sizeof(*h));

	memory_or_end(h);
	h->options = o;
	collection_init(&h->seen);
	return h;
}

struct record_sink html_sink(struct html *h)
{
	struct record_sink all = collection_sink(&h->seen);

	return (struct record_sink){
		.user = all.user, .capture = all.capture, .tunnel = all.tunnel, .alert = all.alert
	};
}

size_t html_judge(struct html *h)
{
	struct collection *c = &h->seen;
	size_t wanted = 0;

	collection_judge(c);
	for (size_t i = 0; i < c->n_tunnels; i++) {
		h->ranks[c->tunnels[i].rank]++;
		h->ill += c->tunnels[i].rank <= RANK_INFO;
	}
	/* ill ones are first */
	wanted = h->options->every_tunnel || c->n_tunnels <= FEW ? c->n_tunnels : h->ill;
	h->n_details = wanted < DETAILS_MAX ? wanted : DETAILS_MAX;
	h->details = calloc(h->n_details + 1, sizeof(h->details[0]));
	memory_or_end(h->details);
	for (size_t i = 0; i < h->n_details; i++)
		detail_init(&h->details[i], &c->tunnels[i]);
	return h->n_details;
}

object_id html_detail(struct html *h, size_t i)
{
	return h->details[i].tunnel->record.id;
}

struct record_sink html_detail_sink(struct html *h, size_t i)
{
	return detail_sink(&h->details[i]);
}

void html_close(struct html *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n_details; i++)
		detail_done(&h->details[i]);
	free(h->details);
	collection_done(&h->seen);
	free(h);
}

/* ---- the page ---- */

static void put_verdict(FILE *out, const struct html *h)
{
	const struct collection *c = &h->seen;
	const char *before = ": ", *look = "";

	for (int rank = RANK_INFO; rank >= 0; rank--)
		if (h->ranks[rank] > 0)
			look = rank_classes[rank];
	for (size_t i = 0; i < c->n_alerts && !*look; i++)
		look = severity_class(c->alerts[i].severity);
	fprintf(out, "<p class=\"verdict %s\">", look);
	if (c->n_tunnels == 0) {
		fprintf(out, "no IPsec tunnel seen%s</p>\n",
			c->n_captures == 0 ? ": the history is empty" : "");
		return;
	}
	put_counted(out, (int64_t)c->n_tunnels, "tunnel");
	for (int rank = 0; rank < RANKS; rank++) {
		if (h->ranks[rank] == 0)
			continue;
		fprintf(out, "%s<b class=\"%s\">%zu %s</b>", before, rank_classes[rank],
			h->ranks[rank], rank_names[rank]);
		before = ", ";
	}
	fputs("</p>\n", out);
}

static void put_head(FILE *out, const struct html *h)
{
	const struct html_options *o = h->options;

	fputs("<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n"
	      /*
	       * nothing is fetched and nothing runs, whatever a packet or a name may have put in
	       * here
	       */
	      "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'\">\n"
	      "<meta name=viewport content=\"width=device-width\"><meta name=referrer "
	      "content=no-referrer>\n<title>sawatch: ", out);
	put_html(out, o->title);
	fprintf(out, "</title>\n<style>\n%s</style></head>\n<body>\n<header><h1>IPsec tunnels: ",
		html_style);
	put_html(out, o->title);
	fputs("</h1>\n<p class=meta>", out);
	if (o->since != NSEC_NONE || o->until != NSEC_NONE) {
		fputs("From ", out);
		put_html_time(out, o->since);
		fputs(" to ", out);
		put_html_time(out, o->until);
		fputs(". ", out);
	}
	fputs("Made ", out);
	put_html_time(out, o->now);
	fputs(" by sawatch ", out);
	put_html(out, o->version);
	fputs(". Times are UTC.</p></header>\n", out);
	put_verdict(out, h);
}

static const char *worst_text(const struct seen_tunnel *t)
{
	return t->n_alerts > 0 ? t->alerts[0].code : "";
}

static void put_table(FILE *out, const struct html *h)
{
	const struct collection *c = &h->seen;
	char name[TUNNEL_TEXT_MAX];

	if (c->n_tunnels == 0)
		return;
	fputs("<h2>Tunnels</h2>\n<div class=scroll><table><tr><th>tunnel</th><th>verdict</th><th>st"
	      "ate</th><th>since</th>"
	      "<th class=n>IKE SAs</th><th class=n>child SAs</th><th class=n>alerts</th><th>first "
	      "of them</th></tr>\n", out);
	for (size_t i = 0; i < c->n_tunnels && i < ROWS_MAX; i++) {
		const struct seen_tunnel *t = &c->tunnels[i];

		fputs("<tr><td>", out);
		if (i < h->n_details)
			fprintf(out, "<a href=\"#t%zu\">", i);
		put_html(out, tunnel_text(t->record.peers, name));
		fputs(i < h->n_details ? "</a>" : "", out);
		if (t->record.label)
			put_html_format(out, " (%s)", t->record.label);
		fprintf(out, "</td><td><b class=\"%s\">%s</b></td><td>%s</td><td>",
			rank_classes[t->rank], rank_names[t->rank],
			tunnel_state_text(t->record.state));
		put_html_time(out, t->record.since);
		fprintf(out,
			"</td><td class=n>%" PRId64 "</td><td class=n>%" PRId64
			"</td><td class=n>%zu</td><td>",
			t->record.ike_sas, t->record.child_sas, t->n_alerts);
		put_html(out, worst_text(t));
		fputs("</td></tr>\n", out);
	}
	fputs("</table></div>\n", out);
	if (c->n_tunnels > ROWS_MAX)
		fprintf(out, "<p class=note>%zu more tunnels are not listed; "
			     "they are no worse than these. sawatch tunnels has them all.</p>\n",
			c->n_tunnels - ROWS_MAX);
}

static void put_facts(FILE *out, const struct detail *d)
{
	const struct record_tunnel *r = &d->tunnel->record;
	const struct seen_ike *ike = d->tunnel->ike;
	char peer[ADDR_TEXT_MAX], count[COUNT_TEXT_MAX], bytes[COUNT_TEXT_MAX];

	fprintf(out, "<dl><dt>state</dt><dd>%s since ", tunnel_state_text(r->state));
	put_html_time(out, r->since);
	fputs("; seen from ", out);
	put_html_time(out, r->first);
	fputs(" to ", out);
	put_html_time(out, r->last);
	fputs("</dd>\n", out);
	if (ike->v1 || ike->v2)
		fprintf(out, "<dt>IKE</dt><dd>%s",
			ike->v1 && ike->v2 ? "IKEv1 and IKEv2"
			: ike->v1          ? "IKEv1"
					   : "IKEv2");
	if (ike->v1 || ike->v2) {
		put_html_format(out, "%s%s", *d->suite ? ", " : "", d->suite);
		fputs("</dd>\n", out);
	}
	for (int side = 0; side < 2; side++) {
		if (d->packets[side] == 0)
			continue;
		fprintf(out, "<dt>traffic</dt><dd>from %s: %s packets, %s",
			addr_text(r->peers[side].addr, peer), count_text(d->packets[side], count),
			bytes_text(d->bytes[side], bytes));
		if (d->lost[side] > 0)
			fprintf(out, ", %s lost", count_text(d->lost[side], count));
		fputs("</dd>\n", out);
	}
	for (int side = 0; side < 2; side++)
		if (r->behind_nat[side] == 1)
			fprintf(out, "<dt>NAT</dt><dd>%s stands behind one</dd>\n",
				addr_text(r->peers[side].addr, peer));
	if (ike->vendors->n > 0)
		fputs("<dt>vendor IDs</dt><dd>", out);
	for (size_t i = 0; i < ike->vendors->n; i++)
		put_html_format(out, "%s%s", i ? ", " : "", ike->vendors->name[i]);
	fputs(ike->vendors->n > 0 ? "</dd></dl>\n" : "</dl>\n", out);
}

static void put_tunnel(FILE *out, const struct html *h, size_t i)
{
	const struct detail *d = &h->details[i];
	const struct record_tunnel *r = &d->tunnel->record;
	char name[TUNNEL_TEXT_MAX];

	fprintf(out, "<section id=\"t%zu\"><h3>", i);
	put_html(out, tunnel_text(r->peers, name));
	if (r->label)
		put_html_format(out, " (%s)", r->label);
	fprintf(out, " <b class=\"%s\">%s</b></h3>\n", rank_classes[d->tunnel->rank],
		rank_names[d->tunnel->rank]);
	put_facts(out, d);
	put_timeline(out, d, h->options->since, h->options->until);
	for (size_t k = 0; k < d->tunnel->n_alerts && k < ALERTS_MAX; k++)
		put_html_alert(out, &h->seen, d, &d->tunnel->alerts[k], k);
	if (d->tunnel->n_alerts > ALERTS_MAX)
		fprintf(out, "<p class=note>%zu more alerts are not shown; "
			     "sawatch alerts has them all.</p>\n",
			d->tunnel->n_alerts - ALERTS_MAX);
	for (size_t k = 0; k < r->n_unobservable; k++) {
		fputs("<p class=note>Not observable: ", out);
		put_html(out, r->unobservable[k]);
		fputs("</p>\n", out);
	}
	fputs("</section>\n", out);
}

static void put_details(FILE *out, const struct html *h)
{
	if (h->n_details > 0)
		fputs("<h2>One by one</h2>\n", out);
	if (h->ill > h->n_details)
		fprintf(out, "<p class=note>Of %zu tunnels with alerts the worst %zu are shown in "
			     "detail; --tunnel shows any other.</p>\n",
			h->ill, h->n_details);
	for (size_t i = 0; i < h->n_details; i++)
		put_tunnel(out, h, i);
}

static void put_captures(FILE *out, const struct collection *c)
{
	enum { CAPTURES_MAX = 100 };
	char count[COUNT_TEXT_MAX];

	if (c->n_captures == 0)
		return;
	fputs("<h2>Captures</h2>\n<div class=scroll><table><tr><th>name</th><th>first</th><th>last<"
	      "/th><th class=n>packets</th>"
	      "<th class=n>IKE</th><th class=n>ESP</th><th "
	      "class=n>dropped</th><th>remarks</th></tr>\n", out);
	for (size_t i = c->n_captures > CAPTURES_MAX ? c->n_captures - CAPTURES_MAX : 0;
	     i < c->n_captures; i++) {
		const struct record_capture *r = &c->captures[i];

		fputs("<tr><td>", out);
		put_html(out, r->name);
		fputs("</td><td>", out);
		put_html_time(out, r->first);
		fputs("</td><td>", out);
		put_html_time(out, r->last);
		fprintf(out, "</td><td class=n>%s</td>", count_text(r->packets, count));
		fprintf(out, "<td class=n>%s</td>", count_text(r->ike_messages, count));
		fprintf(out, "<td class=n>%s</td>", count_text(r->esp_packets, count));
		fprintf(out, "<td class=n>%s</td><td>", count_text(r->dropped, count));
		for (size_t k = 0; k < r->n_warnings; k++)
			put_html_format(out, "%s%s", k ? "; " : "", r->warnings[k]);
		fputs("</td></tr>\n", out);
	}
	fputs("</table></div>\n", out);
	if (c->n_captures > CAPTURES_MAX)
		fprintf(out, "<p class=note>The latest %d of %zu captures.</p>\n", CAPTURES_MAX,
			c->n_captures);
}

/* The pages of the conditions that occur, folded. */
static void put_pages(FILE *out, const struct html *h)
{
	const char *told[64];
	size_t n = 0;

	for (size_t i = 0; h->options->page && i < h->n_details; i++) {
		const struct seen_tunnel *t = h->details[i].tunnel;

		for (size_t k = 0; k < t->n_alerts && n < sizeof(told) / sizeof(told[0]); k++) {
			const char *page = h->options->page(t->alerts[k].code);
			size_t known = 0;

			while (known < n && strcmp(told[known], t->alerts[k].code) != 0)
				known++;
			if (!page || known < n)
				continue;
			if (n == 0)
				fputs("<h2>What the conditions mean</h2>\n", out);
			told[n++] = t->alerts[k].code;
			fputs("<details><summary>", out);
			put_html(out, t->alerts[k].code);
			fputs("</summary><pre>", out);
			/* line by line: a newline is meant here */
			for (const char *line = page; *line;
			     line += strcspn(line, "\n"), line += *line == '\n') {
				put_html_format(out, "%.*s", (int)strcspn(line, "\n"), line);
				putc('\n', out);
			}
			fputs("</pre></details>\n", out);
		}
	}
}

void html_print(struct html *h, FILE *out)
{
	const struct collection *c = &h->seen;

	put_head(out, h);
	if (c->n_alerts > 0)
		fputs("<h2>About the captures</h2>\n", out);
	for (size_t i = 0; i < c->n_alerts && i < ALERTS_MAX; i++)
		put_html_alert(out, c, NULL, &c->alerts[i], i);
	put_table(out, h);
	put_details(out, h);
	put_captures(out, c);
	put_pages(out, h);
	fputs("</body></html>\n", out);
}
