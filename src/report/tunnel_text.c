/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "report/tunnel_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sawatch/report.h>
#include <sawatch/text.h>

enum { INDENT = 2, LABEL = 13 };	/* text stands right of the labels */

static void put_label(FILE *out, const char *label)
{
	fprintf(out, "%*s%-*s ", INDENT, "", LABEL - INDENT - 1, label);
}

enum shade rank_shade(enum tunnel_rank rank)
{
	switch (rank) {
	case RANK_CRITICAL:
		return SHADE_BAD;
	case RANK_WARNING:
		return SHADE_NOTICE;
	case RANK_HEALTHY:
		return SHADE_GOOD;
	case RANK_INFO:
	case RANK_UNKNOWN:
	case RANK_DOWN:
	case RANKS:
		break;
	}
	return SHADE_PLAIN;
}

static enum shade severity_shade(enum severity s)
{
	return s == SEVERITY_CRITICAL  ? SHADE_BAD
	       : s == SEVERITY_WARNING ? SHADE_NOTICE
				       : SHADE_PLAIN;
}

static const char *rank_word(enum tunnel_rank rank)
{
	static const char *const words[RANKS] = {
		[RANK_CRITICAL] = "CRITICAL", [RANK_WARNING] = "WARNING", [RANK_INFO] = "info",
		[RANK_DOWN] = "down", [RANK_UNKNOWN] = "unknown", [RANK_HEALTHY] = "healthy",
	};

	return words[rank];
}

/* Title line: rank, name, state. */
static void put_title(FILE *out, bool colour, const struct seen_tunnel *t)
{
	char name[TUNNEL_TEXT_MAX], at[NSEC_TEXT_MAX], word[16];

	snprintf(word, sizeof(word), "%-9s", rank_word((enum tunnel_rank)t->rank));
	put_shaded(out, colour, rank_shade((enum tunnel_rank)t->rank), word);
	put_shaded(out, colour, SHADE_STRONG, tunnel_text(t->record.peers, name));
	if (t->record.label) {
		char *label = report_printable(t->record.label);

		fprintf(out, " (%s)", label);
		free(label);
	}
	if (t->record.network)
		fprintf(out, "  network %" PRIu32, t->record.network);
	if (t->record.state == TUNNEL_UNKNOWN)
		fputs("  state unknown", out);
	else if (t->rank != RANK_DOWN)
		fprintf(out, "  %s", tunnel_state_text(t->record.state));
	else
		putc(' ', out);
	if (t->record.state != TUNNEL_UNKNOWN && t->record.since != NSEC_NONE)
		fprintf(out, " since %s UTC", nsec_moment(t->record.since, 0, at));
}

/* It ranks by what was once wrong with it: was that all? */
static bool ills_are_over(const struct seen_tunnel *t)
{
	bool any = false;

	for (size_t i = 0; i < t->n_alerts; i++) {
		if (t->alerts[i].severity == SEVERITY_INFO)
			continue;
		if (!t->alerts[i].cleared)
			return false;
		any = true;
	}
	return any;
}

/* ---- security associations ---- */

static void put_suite(FILE *out, const struct record_offer *s)
{
	char encryption[ENCRYPTION_TEXT_MAX];
	const char *const parts[] = {
		encryption_text(s, encryption), s->integrity, s->prf, s->group,
	};
	const char *before = "  ";

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!parts[i])
			continue;
		fprintf(out, "%s%s", before, parts[i]);
		before = " / ";
	}
}

/* How an SA came to its end, in words. */
static void put_end(FILE *out, const struct seen_tunnel *t, enum end_reason reason, int ended_by)
{
	static const char *const words[] = {
		[END_NONE] = "alive", [END_REKEYED] = "rekeyed", [END_DELETED] = "deleted",
			[END_EXPIRED] = "expired",
		[END_SUPERSEDED] = "superseded by a newer one", [END_IDLE] = "ended when idle",
		[END_PEER_LOST] = "ended: the peer was lost", [END_FAILED] = "failed",
		[END_CAPTURE_END] = "alive when the capture ended",
			[END_UNKNOWN] = "ended, not seen how",
	};
	char peer[ENDPOINT_TEXT_MAX];

	if (reason == END_PEER_LOST && (ended_by == 0 || ended_by == 1)) {
		fprintf(out, "ended: %s was lost", endpoint_text(t->record.peers[ended_by], peer));
		return;
	}
	fputs(words[reason], out);
	if (ended_by == 0 || ended_by == 1)
		fprintf(out, reason == END_SUPERSEDED ? ", deleted by %s" : " by %s",
			endpoint_text(t->record.peers[ended_by], peer));
}

/*
 * One that lives is as old as the tunnel's latest packet says: its own latest message may be long
 * ago.
 */
static nsec last_sign(const struct seen_tunnel *t, const struct seen_ike_sa *r)
{
	bool lives = (r->end_reason == END_NONE || r->end_reason == END_CAPTURE_END) &&
		     r->established != NSEC_NONE;

	if (r->ended != NSEC_NONE)
		return r->ended;
	return lives && t->record.last != NSEC_NONE && t->record.last > r->last ? t->record.last
										: r->last;
}

static void put_ike_sa(FILE *out, const struct seen_tunnel *t, const struct seen_ike_sa *r)
{
	char spis[IKE_SPIS_TEXT_MAX], at[NSEC_TEXT_MAX], span[NSEC_TEXT_MAX],
		peer[ENDPOINT_TEXT_MAX];
	nsec end = last_sign(t, r);

	put_label(out, "");
	fprintf(out, "%s  ", ike_spis_text(r->spi_i, r->spi_r, spis));
	if (r->origin == ORIGIN_MIDSTREAM)
		fprintf(out, "set-up not seen, heard since %s", nsec_moment(r->created, 0, at));
	else
		fprintf(out, "begun %s by %s", nsec_moment(r->created, 0, at),
			endpoint_text(r->initiator, peer));
	if (r->origin == ORIGIN_REKEY)
		fputs(" (rekey)", out);
	else if (r->established == NSEC_NONE && r->origin == ORIGIN_OBSERVED)
		fputs(", never established", out);
	if (r->created != NSEC_NONE && end != NSEC_NONE)
		fprintf(out, ", %s%s", r->origin == ORIGIN_MIDSTREAM ? "over " : "",
			nsec_span(end - r->created, span));
	fputs(", ", out);
	put_end(out, t, r->end_reason, r->ended_by);
	putc('\n', out);
}

static void put_ike_sas(FILE *out, const struct seen_tunnel *t)
{
	const struct seen_ike *ike = t->ike;

	if (!ike) {
		put_label(out, "IKE");
		fputs("no IKE message seen\n", out);
		return;
	}
	put_label(out, ike->v1 && ike->v2 ? "IKEv1+IKEv2" : ike->v1 ? "IKEv1" : "IKEv2");
	put_counted(out, ike->sas, "IKE SA");
	fprintf(out,
		": %" PRId64 " established, %" PRId64 " rekeyed, %" PRId64 " failed, %" PRId64
		" alive",
		ike->established, ike->rekeyed, ike->failed, ike->living);
	put_suite(out, ike->latest[ike->n_latest - 1].suite);
	putc('\n', out);
	if (ike->sas > (int64_t)ike->n_latest) {
		put_label(out, "");
		fprintf(out, "the latest %u:\n", ike->n_latest);
	}
	for (size_t i = 0; i < ike->n_latest; i++)
		put_ike_sa(out, t, &ike->latest[i]);
}

/* "rekeyed by 192.0.2.1 8 times at the age of 58 s … 62 s, median 60 s", one line a side. */
static void put_rekeys(FILE *out, const struct seen_tunnel *t, const struct ages *ages,
		       const char *label)
{
	for (int side = 0; side < SIDES; side++) {
		struct age_summary a = ages_summary(ages, side);
		char peer[ENDPOINT_TEXT_MAX], low[NSEC_TEXT_MAX], median[NSEC_TEXT_MAX],
			high[NSEC_TEXT_MAX];

		if (a.n == 0)
			continue;
		put_label(out, label);
		label = "";
		if (side == SIDE_ANY)
			fputs("side not known", out);
		else
			fprintf(out, "by %s", endpoint_text(t->record.peers[side], peer));
		fprintf(out, ": %zu %s", a.n, a.n == 1 ? "time" : "times");
		nsec_span(a.min, low);
		nsec_span(a.median, median);
		nsec_span(a.max, high);
		if (strcmp(low, high) == 0)
			fprintf(out, ", at the age of %s\n", median);
		else
			fprintf(out, ", ages from %s to %s, median %s\n", low, high, median);
	}
}

static const char *encap_words(const struct seen_traffic *d)
{
	if (d->ah)
		return "AH";
	if (d->tcp)
		return d->udp || d->plain ? "ESP, also in TCP" : "ESP in TCP";
	if (d->udp)
		return d->plain ? "ESP and ESP in UDP" : "ESP in UDP";
	return "ESP";
}

static void put_loss(FILE *out, int64_t packets, int64_t lost, bool unknown)
{
	if (unknown)
		fputs("loss not known", out);
	else
		fprintf(out, "lost %.2f %%", packets + lost > 0 ?
			100.0 * (double)lost / (double)(packets + lost) : 0.0);
}

static void put_traffic(FILE *out, const struct seen_tunnel *t)
{
	if (!t->traffic) {
		put_label(out, "traffic");
		fputs("no ESP or AH packet seen\n", out);
		return;
	}
	for (int from = 0; from < 2; from++) {
		const struct seen_traffic *d = &t->traffic[from];
		char a[ENDPOINT_TEXT_MAX], b[ENDPOINT_TEXT_MAX], late[COUNT_TEXT_MAX],
			bytes[COUNT_TEXT_MAX];

		put_label(out, from == 0 ? "traffic" : "");
		fprintf(out, "%s -> %s  ", endpoint_text(t->record.peers[from], a),
			endpoint_text(t->record.peers[!from], b));
		if (d->sas == 0) {
			fputs("none\n", out);
			continue;
		}
		fprintf(out, "%s: ", encap_words(d));
		put_counted(out, d->packets, "packet");
		fprintf(out, ", %s on ", bytes_text(d->bytes, bytes));
		put_counted(out, d->sas > d->moved ? d->sas - d->moved : 1, "SPI");
		fputs(", ", out);
		put_loss(out, d->packets, d->lost, d->loss_unknown);
		if (d->late > 0)
			fprintf(out, ", late %s", count_text(d->late, late));
		putc('\n', out);
	}
}

static int64_t packets_of(const struct seen_tunnel *t)
{
	return t->traffic ? t->traffic[0].packets + t->traffic[1].packets : 0;
}

/* One line, and still each direction for itself: silence of one side must be seen. */
static void put_traffic_briefly(FILE *out, const struct seen_tunnel *t)
{
	const struct seen_traffic *d = t->traffic;
	int64_t packets = packets_of(t);
	char peer[ENDPOINT_TEXT_MAX];

	if (packets == 0) {
		put_traffic(out, t);
		return;
	}
	put_label(out, "traffic");
	for (int from = 0; from < 2; from++) {
		put_counted(out, d[from].packets, "packet");
		fprintf(out, " from %s, ", endpoint_text(t->record.peers[from], peer));
	}
	put_loss(out, packets, d[0].lost + d[1].lost, d[0].loss_unknown || d[1].loss_unknown);
	if (t->child_sas > 0)
		fputs(", on ", out);
	if (t->child_sas > 0)
		put_counted(out, t->child_sas, "child SA");
	putc('\n', out);
}

static void put_vendors(FILE *out, const struct seen_tunnel *t)
{
	char buffer[512];
	struct text names = TEXT_IN(buffer);

	if (!t->ike || !t->ike->vendors)
		return;
	for (size_t i = 0; i < t->ike->vendors->n; i++)
		text_add(&names, "%s%s", i ? ", " : "", t->ike->vendors->name[i]);
	put_label(out, "vendor IDs");
	put_wrapped(out, buffer, LABEL, LABEL);
}

static void put_nat(FILE *out, const struct seen_tunnel *t)
{
	char peer[ENDPOINT_TEXT_MAX];

	for (int side = 0; side < 2; side++) {
		if (t->record.behind_nat[side] != 1)
			continue;
		put_label(out, "NAT");
		fprintf(out, "%s stands behind a NAT\n",
			endpoint_text(t->record.peers[side], peer));
	}
}

/* ---- alerts ---- */

static void put_evidence(FILE *out, const struct record_alert *a)
{
	char buffer[1024];
	struct text line = TEXT_IN(buffer);

	for (size_t i = 0; i < a->n_evidence; i++) {
		const struct record_evidence *e = &a->evidence[i];
		char number[REAL_TEXT_MAX];

		text_add(&line, "%s%s=", i ? ", " : "", e->name);
		switch (e->type) {
		case EVIDENCE_INTEGER:
			text_add(&line, "%" PRId64, e->integer);
			break;
		case EVIDENCE_REAL:
			text_add(&line, "%s", real_text(e->real, number));
			break;
		case EVIDENCE_TEXT:
			text_add(&line, "%s", e->text ? e->text : "unknown");
			break;
		}
	}
	if (a->n_evidence == 0)
		return;
	put_label(out, "evidence");
	put_wrapped(out, buffer, LABEL, LABEL);
}

static void put_frames(FILE *out, const struct collection *c, const struct record_alert *a)
{
	char frames[FRAMES_TEXT_MAX];
	uint32_t capture = (uint32_t)(a->id >> 32);

	if (a->n_frames == 0)
		return;
	put_label(out, "frames");
	for (size_t i = 0; i < c->n_captures && c->n_captures > 1; i++) {
		if (c->captures[i].id != capture)
			continue;

		char *name = report_printable(c->captures[i].name);

		fprintf(out, "%s: ", name);
		free(name);
	}
	put_wrapped(out, frames_text(a->frames, a->n_frames, ", ", frames), LABEL, LABEL);
}

/*
 * Five letters tell the makers apart and join their products: "FortiOS" and
 * "FortiGate", "Cisco ASA" and "Cisco IOS".  "Cisco Unity" tells nothing: strongSwan
 * and others send it as well.
 */
bool vendor_seen(const struct seen_tunnel *t, const char *vendor)
{
	enum { TELLING_LETTERS = 5 };

	const struct vendors *v = t && t->ike ? t->ike->vendors : NULL;

	for (size_t i = 0; v && i < v->n; i++)
		if (strncasecmp(v->name[i], vendor, TELLING_LETTERS) == 0 &&
		    !strstr(v->name[i], "Unity"))
			return true;
	return false;
}

/* Advice for everybody and for the vendors seen; for all vendors when none was recognised. */
static void put_actions(FILE *out, const struct seen_tunnel *t, const struct record_alert *a)
{
	const char *label = "what to do";
	bool recognised = false;
	size_t others = 0;

	for (size_t i = 0; i < a->n_actions; i++)
		recognised = recognised || vendor_seen(t, a->actions[i].vendor);
	for (size_t i = 0; i < a->n_actions; i++) {
		const char *vendor = a->actions[i].vendor;
		bool for_all = strcmp(vendor, "any") == 0;

		if (recognised && !for_all && !vendor_seen(t, vendor)) {
			others++;
			continue;
		}
		put_label(out, label);
		label = "";
		if (!for_all)
			fprintf(out, "%s: ", vendor);
		put_wrapped(out, a->actions[i].text,
			    LABEL + (for_all ? 0 : (int)strlen(vendor) + 2), LABEL + 2);
	}
	if (others > 0) {
		put_label(out, label);
		fprintf(out, "other vendors: sawatch explain %s\n", a->code);
	}
}

void put_alert(FILE *out, bool colour, const struct collection *c, const struct seen_tunnel *t,
	       const struct record_alert *a)
{
	char from[NSEC_TEXT_MAX], to[NSEC_TEXT_MAX];

	fprintf(out, "%*s", INDENT, "");
	put_shaded(out, colour, severity_shade(a->severity), severity_text(a->severity));
	fputs(" ", out);
	put_shaded(out, colour, SHADE_STRONG, a->code);
	if (a->cause)
		fprintf(out, " (%s)", a->cause);
	fprintf(out, ", confidence %s", confidence_text(a->confidence));
	if (a->incident)
		fputs(", a symptom of the alert above", out);
	if (a->first != NSEC_NONE)
		fprintf(out, ", %s", nsec_moment(a->first, 0, from));
	if (a->last != NSEC_NONE && a->last != a->first)
		fprintf(out, " to %s", nsec_moment(a->last, 0, to));
	if (a->cleared)
		fputs(", over now", out);
	putc('\n', out);
	put_label(out, "");
	put_wrapped(out, a->summary ? a->summary : "", LABEL, LABEL);
	put_evidence(out, a);
	put_frames(out, c, a);
	put_actions(out, t, a);
}

/* ---- a tunnel ---- */

void put_tunnel_fully(FILE *out, bool colour, const struct collection *c,
		      const struct seen_tunnel *t)
{
	putc('\n', out);
	put_title(out, colour, t);
	fputs(ills_are_over(t) ? ", all alerts are over now\n" : "\n", out);
	for (size_t i = 0; i < t->n_alerts; i++)
		put_alert(out, colour, c, t, &t->alerts[i]);
	put_vendors(out, t);
	put_nat(out, t);
	put_ike_sas(out, t);
	put_rekeys(out, t, t->ike ? t->ike->ages : NULL, "IKE rekeys");
	if (t->child_sas > 0) {
		put_label(out, "child SAs");
		fprintf(out, "%" PRId64 ", %" PRId64 " alive\n", t->child_sas, t->child_living);
	}
	put_rekeys(out, t, t->child_ages, "rekeys");
	put_traffic(out, t);
}

void put_tunnel_briefly(FILE *out, bool colour, const struct seen_tunnel *t, bool one_line)
{
	int64_t packets = packets_of(t);

	if (!one_line)
		putc('\n', out);
	put_title(out, colour, t);
	if (one_line) {
		fputs("  ", out);
		put_counted(out, t->ike ? t->ike->sas : 0, "IKE SA");
		fputs(", ", out);
		put_counted(out, t->child_sas, "child SA");
		fputs(", ", out);
		put_counted(out, packets, "packet");
		putc('\n', out);
		return;
	}
	putc('\n', out);
	put_vendors(out, t);
	put_nat(out, t);
	if (t->ike) {
		const struct seen_ike_sa *latest = &t->ike->latest[t->ike->n_latest - 1];

		put_label(out, t->ike->v1 ? "IKEv1" : "IKEv2");
		put_counted(out, t->ike->sas, "IKE SA");
		put_suite(out, latest->suite);
		putc('\n', out);
		if (t->rank == RANK_DOWN)
			put_ike_sa(out, t, latest);
	}
	put_rekeys(out, t, t->ike ? t->ike->ages : NULL, "IKE rekeys");
	put_rekeys(out, t, t->child_ages, "rekeys");
	put_traffic_briefly(out, t);
}
