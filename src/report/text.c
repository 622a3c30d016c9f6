/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The diagnosis as a support engineer reads it: what was read, the ill tunnels
 * first and at length, the healthy ones in few words, what could not be seen,
 * and the verdict as the last line.
 */
#include <stdlib.h>
#include <string.h>

#include <sawatch/expected.h>
#include <sawatch/memory.h>
#include <sawatch/report.h>

#include "report/collect.h"
#include "report/people.h"
#include "report/told.h"
#include "report/tunnel_text.h"

enum { CAPTURES_SHOWN = 10, HEALTHY_SHOWN_FULLY = 50, TUNNELS_NAMED = 3 };

struct diagnosis {
	struct diagnosis_options options;
	struct collection seen;
	struct told told;	/* what was not walked */
	/* borrowed; NULL: what is not there need not be */
	const struct expected *missed;
};

struct diagnosis *diagnosis_open(const struct diagnosis_options *o)
{
	struct diagnosis *d = calloc(1, sizeof(*d));

	memory_or_end(d);
	d->options = *o;
	collection_init(&d->seen);
	told_init(&d->told, &d->seen);
	return d;
}

struct record_sink diagnosis_sink(struct diagnosis *d)
{
	return collection_sink(&d->seen);
}

struct record_sink diagnosis_told_sink(struct diagnosis *d)
{
	return told_sink(&d->told);
}

void diagnosis_expect(struct diagnosis *d, const struct expected *inventory, bool whole)
{
	for (size_t i = 0; i < inventory->n; i++)
		told_label(&d->told, inventory->tunnel[i].peers, inventory->tunnel[i].name);
	if (whole && inventory->n > 0)
		d->missed = inventory;
}

void diagnosis_close(struct diagnosis *d)
{
	if (d) {
		told_done(&d->told);
		collection_done(&d->seen);
	}
	free(d);
}

/* ---- captures ---- */

static int64_t ipsec_packets(const struct record_capture *r)
{
	int64_t n = 0;

	sum_add(&n, r->ike_messages);
	sum_add(&n, r->esp_packets);
	sum_add(&n, r->ah_packets);
	sum_add(&n, r->keepalives);
	return n;
}

/* "130 IKE, 1,571 ESP, 12 keepalives": only what there is. */
static void put_parts(FILE *out, const struct record_capture *r)
{
	const struct {
		int64_t n;
		const char *name, *plural;
	} parts[] = {
		{ r->ike_messages, "IKE", "" }, { r->esp_packets, "ESP", "" }, { r->ah_packets,
		  "AH", "" },
		{ r->keepalives, "NAT keepalive", "s" },
	};
	const char *before = ": ";

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char text[COUNT_TEXT_MAX];

		if (parts[i].n <= 0)
			continue;
		fprintf(out, "%s%s %s%s", before, count_text(parts[i].n, text), parts[i].name,
			parts[i].n > 1 ? parts[i].plural : "");
		before = ", ";
	}
}

/* What the capture itself suffers from, when it does. */
static void put_blemishes(FILE *out, const struct record_capture *r)
{
	const struct {
		int64_t n;
		const char *name;
	} blemishes[] = {
		{ r->duplicates, r->duplicates == 1 ? "copy of a packet (of the mirror or "
						      "the network)"
						    : "copies of packets (of the mirror or "
						      "the network)" },
		{ r->malformed, "malformed" }, { r->cut, "cut short by the capturer" },
		{ r->dropped, "dropped by the capturer" }, { r->fragments, r->fragments == 1 ?
		  "fragment" : "fragments" },
	};
	const char *before = "  ";

	for (size_t i = 0; i < sizeof(blemishes) / sizeof(blemishes[0]); i++) {
		char text[COUNT_TEXT_MAX];

		if (blemishes[i].n <= 0)
			continue;
		fprintf(out, "%s%s %s", before, count_text(blemishes[i].n, text),
			blemishes[i].name);
		before = ", ";
	}
	if (*before == ',')
		putc('\n', out);
}

/* Not "0 %" of what is there, and not "100 %" of what is not all. */
static void put_share(FILE *out, int64_t part, int64_t whole)
{
	double percent = whole > 0 ? 100.0 * (double)part / (double)whole : 0;

	if (part > 0 && percent < 1)
		fputs("under 1 % IPsec", out);
	else
		fprintf(out, "%.0f %% IPsec", part < whole && percent > 99 ? 99 : percent);
}

static void put_capture(FILE *out, const struct diagnosis *d, const struct record_capture *r)
{
	char text[NSEC_TEXT_MAX], span[NSEC_TEXT_MAX];
	char *name = report_printable(r->name);
	int64_t ipsec = ipsec_packets(r);

	put_shaded(out, d->options.colour, SHADE_STRONG, name);
	free(name);
	if (r->link_type)
		fprintf(out, "  %s", r->link_type);
	if (r->first != NSEC_NONE)
		fprintf(out, "  %s UTC, %s", nsec_moment(r->first, 0, text),
			nsec_span(nsec_between(r->first, r->last), span));
	fputs("\n  ", out);
	put_counted(out, r->packets, "packet");
	if (r->packets > 0 && ipsec == 0) {
		fputs(", none of them IPsec", out);
	} else if (r->packets > 0) {
		fputs(", ", out);
		put_share(out, ipsec, r->packets);
	}
	put_parts(out, r);
	putc('\n', out);
	put_blemishes(out, r);
	for (size_t i = 0; i < r->n_warnings; i++) {
		fputs("  note: ", out);
		put_wrapped(out, r->warnings[i], 8, 8);
	}
}

/* Many captures: one line for all, and those with notes. */
static void put_captures(FILE *out, const struct diagnosis *d)
{
	const struct collection *c = &d->seen;
	int64_t packets = 0, ipsec = 0;

	if (c->n_captures > CAPTURES_SHOWN && !d->options.verbose) {
		for (size_t i = 0; i < c->n_captures; i++) {
			sum_add(&packets, c->captures[i].packets);
			sum_add(&ipsec, ipsec_packets(&c->captures[i]));
		}
		put_counted(out, (int64_t)c->n_captures, "capture");
		fputs(": ", out);
		put_counted(out, packets, "packet");
		fputs(", ", out);
		put_share(out, ipsec, packets);
		putc('\n', out);
	}
	for (size_t i = 0; i < c->n_captures; i++)
		if (c->n_captures <= CAPTURES_SHOWN || d->options.verbose ||
		    c->captures[i].n_warnings > 0)
			put_capture(out, d, &c->captures[i]);
	for (size_t i = 0; i < c->n_alerts; i++) {
		if (i == 0)
			fputs("\nAbout the capture\n", out);
		put_alert(out, d->options.colour, c, NULL, &c->alerts[i]);
	}
}

/* ---- what could not be seen ---- */

struct blind {
	const char *sentence;
	const struct seen_tunnel *tunnel;
};

static int by_sentence(const void *a, const void *b)
{
	const struct blind *x = a, *y = b;
	int order = strcmp(x->sentence, y->sentence);

	return order != 0 ? order : (x->tunnel > y->tunnel) - (x->tunnel < y->tunnel);
}

static void put_blind_tunnels(FILE *out, const struct blind *b, size_t n)
{
	char name[TUNNEL_TEXT_MAX];

	for (size_t i = 0; i < n && i < TUNNELS_NAMED; i++)
		fprintf(out, "%s%s", i ? ", " : "  ", tunnel_text(b[i].tunnel->record.peers, name));
	if (n > TUNNELS_NAMED)
		fprintf(out, " and %zu more", n - TUNNELS_NAMED);
	fputs("\n    ", out);
	put_wrapped(out, b[0].sentence, 4, 4);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Expected tunnels without a row: too little time to miss them, or nobody waits for them. */
static void put_unseen(FILE *out, const struct diagnosis *d, bool first)
{
	const struct collection *c = &d->seen;
	size_t n_labels = 0, n = 0;

	if (!d->missed)
		return;

	const char **labels = malloc((c->n_tunnels + 1) * sizeof(labels[0]));

	memory_or_end(labels);
	for (size_t i = 0; i < c->n_tunnels; i++)
		if (c->tunnels[i].record.label)
			labels[n_labels++] = c->tunnels[i].record.label;
	qsort(labels, n_labels, sizeof(labels[0]), by_text);
	for (size_t i = 0; i < d->missed->n; i++) {
		const struct expected_tunnel *t = &d->missed->tunnel[i];
		char name[TUNNEL_TEXT_MAX];

		if (bsearch(&t->name, labels, n_labels, sizeof(labels[0]), by_text))
			continue;
		if (n == 0)
			fprintf(out, "%s  ", first ? "\nNot observable\n" : "");
		if (n++ < TUNNELS_NAMED)
			fprintf(out, "%s%s (%s)", n > 1 ? ", " : "", tunnel_text(t->peers, name),
				t->name);
	}
	if (n > TUNNELS_NAMED)
		fprintf(out, " and %zu more", n - TUNNELS_NAMED);
	if (n > 0)
		fputs("\n    expected, and no packet seen: whether it is up cannot be judged\n",
		      out);
	free(labels);
}

/* Whether there was something. */
static bool put_unobservable(FILE *out, const struct collection *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_tunnels; i++)
		n += c->tunnels[i].record.n_unobservable;
	if (n == 0)
		return false;

	struct blind *all = malloc(n * sizeof(all[0]));

	memory_or_end(all);
	n = 0;
	for (size_t i = 0; i < c->n_tunnels; i++)
		for (size_t k = 0; k < c->tunnels[i].record.n_unobservable; k++)
			all[n++] = (struct blind){ c->tunnels[i].record.unobservable[k],
						   &c->tunnels[i] };
	qsort(all, n, sizeof(all[0]), by_sentence);

	fputs("\nNot observable\n", out);
	for (size_t i = 0, same; i < n; i += same) {
		for (same = 1;
		     i + same < n && strcmp(all[i].sentence, all[i + same].sentence) == 0;)
			same++;
		put_blind_tunnels(out, &all[i], same);
	}
	free(all);
	return true;
}

/* ---- verdict ---- */

static void put_verdict(FILE *out, const struct diagnosis *d, const size_t counts[RANKS])
{
	static const char *const names[RANKS] = {
		[RANK_CRITICAL] = "critical", [RANK_WARNING] = "warning",
			[RANK_INFO] = "with a remark",
		[RANK_DOWN] = "down", [RANK_UNKNOWN] = "not observable", [RANK_HEALTHY] = "healthy",
	};
	const struct collection *c = &d->seen;
	const char *before = ": ";

	fputs("\nverdict: ", out);
	if (c->n_tunnels == 0) {
		fprintf(out, "no IPsec tunnel seen%s\n",
			c->n_captures == 0 ? ": the history is empty" : "");
		return;
	}
	put_counted(out, (int64_t)c->n_tunnels, "tunnel");
	for (int rank = 0; rank < RANKS; rank++) {
		char text[64];

		if (counts[rank] == 0)
			continue;
		snprintf(text, sizeof(text), "%zu %s", counts[rank], names[rank]);
		fputs(before, out);
		put_shaded(out, d->options.colour, rank_shade((enum tunnel_rank)rank), text);
		before = ", ";
	}
	putc('\n', out);
}

static int worse(int worst, const struct record_alert *alerts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((int)alerts[i].severity > worst)
			worst = (int)alerts[i].severity;
	return worst;
}

int diagnosis_worst(const struct diagnosis *d)
{
	const struct collection *c = &d->seen;
	int worst = worse(-1, c->alerts, c->n_alerts);

	for (size_t i = 0; i < c->n_tunnels; i++)
		worst = worse(worst, c->tunnels[i].alerts, c->tunnels[i].n_alerts);
	return worst;
}

void diagnosis_print(struct diagnosis *d, FILE *out)
{
	struct collection *c = &d->seen;
	size_t counts[RANKS] = { 0 };

	told_collect(&d->told);
	told_done(&d->told);
	collection_judge(c);
	for (size_t i = 0; i < c->n_tunnels; i++)
		counts[c->tunnels[i].rank]++;

	size_t well = counts[RANK_HEALTHY] + counts[RANK_DOWN] + counts[RANK_UNKNOWN];
	bool brief = well > HEALTHY_SHOWN_FULLY && !d->options.verbose;

	if (!d->options.quiet)
		put_captures(out, d);
	for (size_t i = 0; i < c->n_tunnels; i++) {
		const struct seen_tunnel *t = &c->tunnels[i];

		if (t->rank <= RANK_INFO)
			put_tunnel_fully(out, d->options.colour, c, t);
		else if (d->options.quiet)
			break;	/* sorted: only well ones follow */
		else if (d->options.verbose)
			put_tunnel_fully(out, d->options.colour, c, t);
		else
			put_tunnel_briefly(out, d->options.colour, t, brief);
	}
	if (!d->options.quiet)
		put_unseen(out, d, !put_unobservable(out, c));
	put_verdict(out, d, counts);
}
