/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records as moments of a story, in order. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/text.h>

#include "report/why.h"

enum {
	MOMENTS_MAX = 200000,	/* a year of flapping must not fill the memory */
	TEXT_MAX = 512,
};

/* A pause is told from this on, and from so many times the usual distance of packets. */
#define PAUSE_MIN NSEC_PER_S
#define SPACING_MOST (INT64_C(30) * 86400 * NSEC_PER_S)	/* of packets; a longer one says no more */
enum { PAUSE_TIMES = 5, SILENCE_TIMES = 10 };

/* At the same time the set-up stands before what it leads to. */
static int place_of(const char *key)
{
	static const char *const order[] = { "ike_begin", "copies", "ike_rekey", "ike_up",
	"child_begin", "child_rekey",
					     "first_packet" };
	int n = (int)(sizeof(order) / sizeof(order[0]));

	for (int i = 0; i < n; i++)
		if (strncmp(key, order[i], strlen(order[i])) == 0)
			return i;
	return strncmp(key, "child", 5) == 0 ? n + 2 : strncmp(key, "ike_", 4) == 0 ? n + 1 : n;
}

static void moment_add(struct why_moments *m, nsec at, uint64_t frame, const char *key, int side,
		       const char *format, ...) __attribute__((format(printf, 6, 7)));

static void moment_add(struct why_moments *m, nsec at, uint64_t frame, const char *key, int side,
		       const char *format, ...)
{
	char buffer[TEXT_MAX];
	va_list args;

	if (at == NSEC_NONE)
		return;
	if (m->n == MOMENTS_MAX) {
		m->full = true;
		return;
	}
	if (m->n == m->room) {
		m->room = m->room ? 2 * m->room : 64;
		m->at = realloc(m->at, m->room * sizeof(m->at[0]));
		memory_or_end(m->at);
	}
	va_start(args, format);
	vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);

	struct why_moment *to = &m->at[m->n++];

	*to = (struct why_moment){
		.at = at, .frame = frame, .place = place_of(key), .text = strdup(buffer)
	};
	memory_or_end(to->text);
	snprintf(to->key, sizeof(to->key), "%s/%d", key, side);
}

/* A peer as a subject: its address, or "one peer". */
static const char *who(const struct endpoint *peers, int side, char ret[ENDPOINT_TEXT_MAX])
{
	if (!peers || (side != 0 && side != 1))
		return strcpy(ret, "one peer");

	struct endpoint p = peers[side];

	if (!addr_equal(peers[0].addr, peers[1].addr) && p.port != 0)
		p.port = 0;	/* the address says enough */
	return endpoint_text(p, ret);
}

static int side_of(const struct endpoint *peers, const struct endpoint *e)
{
	if (!peers)
		return -1;
	if (endpoint_compare(peers[0], *e) == 0)
		return 0;
	if (endpoint_compare(peers[1], *e) == 0)
		return 1;
	return addr_equal(peers[0].addr, e->addr) ? 0 : addr_equal(peers[1].addr, e->addr) ? 1 : -1;
}

void why_moments_init(struct why_moments *m)
{
	*m = (struct why_moments){ 0 };
	for (int side = 0; side < 2; side++)
		m->flow[side].first = m->flow[side].last = NSEC_NONE;
}

/* ---- phase 1 ---- */

static void ike_sa_end(struct why_moments *m, const struct record_ike_sa *r)
{
	char by[ENDPOINT_TEXT_MAX], other[ENDPOINT_TEXT_MAX], age[NSEC_TEXT_MAX];
	const char *least = r->origin == ORIGIN_MIDSTREAM ? "at least " : "";
	int side = r->ended_by;

	if (r->ended == NSEC_NONE)
		return;
	who(r->peers, side, by);
	who(r->peers, side == 0 || side == 1 ? !side : -1, other);
	nsec_span(nsec_between(r->created, r->ended), age);
	switch (r->end_reason) {
	case END_DELETED:
		moment_add(m, r->ended, 0, "ike_deleted", side, "%s deletes phase 1 at "
								"the age of %s%s", by, least, age);
		break;
	case END_SUPERSEDED:
		if (side >= 0)
			moment_add(m, r->ended, 0, "ike_superseded", side,
				   "%s ends phase 1 at the age of %s%s; "
				   "another one takes its place", by, least, age);
		else
			moment_add(m, r->ended, 0, "ike_superseded", side,
				   "phase 1 ends at the age of %s%s; another one takes its place",
				   least, age);
		break;
	case END_PEER_LOST:
		moment_add(m, r->ended, 0, "ike_lost", side, "%s gives phase 1 up: %s "
							     "does not answer", other, by);
		break;
	case END_FAILED:
		moment_add(m, r->ended, 0, "ike_failed", side, "the set-up of phase 1 fails%s%s, "
							       "%s after its begin",
			   side >= 0 ? ", refused by " : "", side >= 0 ? by : "", age);
		break;
	case END_EXPIRED:
		moment_add(m, r->ended, 0, "ike_expired", side,
			   "phase 1 expires at the age of %s%s", least, age);
		break;
	case END_IDLE:
		moment_add(m, r->ended, 0, "ike_idle", side,
			   "%s closes the idle phase 1 at the age of %s%s", by, least, age);
		break;
	case END_UNKNOWN:
		moment_add(m, r->ended, 0, "ike_ended", side, "phase 1 is over, not seen how");
		break;
	case END_NONE: case END_CAPTURE_END: case END_REKEYED:
		break;	/* a rekey is told by the new SA */
	}
}

void why_moments_ike_sa(struct why_moments *m, const struct record_ike_sa *r)
{
	char from[ENDPOINT_TEXT_MAX], to[ENDPOINT_TEXT_MAX];
	int side = side_of(r->peers, &r->initiator);

	m->ike_seen = true;
	who(r->peers, side, from);
	who(r->peers, side < 0 ? -1 : !side, to);
	switch (r->origin) {
	case ORIGIN_OBSERVED:
		moment_add(m, r->created, r->first_frame, "ike_begin", side,
			   "%s opens phase 1 (IKEv%d) towards %s", from, r->version, to);
		moment_add(m, r->established, 0, "ike_up", side, "phase 1 is up");
		break;
	case ORIGIN_REKEY:
		moment_add(m, r->created, r->first_frame, "ike_rekey", side,
			   "%s renews phase 1 (rekey)", from);
		break;
	case ORIGIN_MIDSTREAM:
		moment_add(m, r->created, r->first_frame, "ike_there", side,
			   "phase 1 is already up when it is first seen");
		break;
	}
	ike_sa_end(m, r);
}

/* ---- phase 2 ---- */

static void child_sa_end(struct why_moments *m, const struct record_child_sa *r, const char *at_age)
{
	char by[ENDPOINT_TEXT_MAX];
	int side = r->ended_by;

	who(r->peers, side, by);
	switch (r->end_reason) {
	case END_DELETED:
		moment_add(m, r->ended, 0, "child_deleted", side, "%s deletes phase 2%s", by,
			   at_age);
		break;
	case END_SUPERSEDED:
		moment_add(m, r->ended, 0, "child_superseded", side,
			   "phase 2 ends%s; another one takes its place", at_age);
		break;
	case END_PEER_LOST:
		moment_add(m, r->ended, 0, "child_lost", side, "phase 2 is lost with its phase 1%s",
			   at_age);
		break;
	case END_FAILED:
		moment_add(m, r->ended, 0, "child_failed", side, "phase 2 fails%s", at_age);
		break;
	case END_EXPIRED:
		moment_add(m, r->ended, 0, "child_expired", side, "phase 2 expires%s", at_age);
		break;
	case END_IDLE:
		moment_add(m, r->ended, 0, "child_idle", side, "%s closes the idle phase 2%s", by,
			   at_age);
		break;
	case END_NONE: case END_CAPTURE_END: case END_REKEYED: case END_UNKNOWN:
		break;
	}
}

void why_moments_child_sa(struct why_moments *m, const struct record_child_sa *r)
{
	char by[ENDPOINT_TEXT_MAX], age[NSEC_TEXT_MAX], at_age[NSEC_TEXT_MAX + 32] = "";
	bool birth_seen = r->created_how != CREATED_UNKNOWN && r->created != NSEC_NONE;
	nsec over = r->rekey_at != NSEC_NONE ? r->rekey_at : r->ended;

	if (r->spis[0] == 0 && r->spis[1] == 0)
		return;	/* never carried a packet: a collision's loser, told by the collision */
	if (!r->predecessor && birth_seen)
		moment_add(m, r->created, 0, "child_begin", r->created_by,
			   "phase 2 is up, asked for by %s", who(r->peers, r->created_by, by));
	if (over != NSEC_NONE && r->created != NSEC_NONE)
		snprintf(at_age, sizeof(at_age), " at the age of %s%s",
			 birth_seen ? "" : "at least ", nsec_span(over - r->created, age));
	if (r->end_reason == END_REKEYED)
		moment_add(m, over, 0, "child_rekey", r->rekeyed_by, "%s renews phase 2 (rekey)%s",
			   who(r->peers, r->rekeyed_by, by), at_age);
	else
		child_sa_end(m, r, at_age);
}

/* ---- packets ---- */

static void flow_pause(struct why_moments *m, const struct record_esp_sa *r, struct why_flow *f,
		       int side)
{
	nsec least = PAUSE_TIMES * f->spacing > PAUSE_MIN ? PAUSE_TIMES * f->spacing : PAUSE_MIN;
	char from[ENDPOINT_TEXT_MAX], span[NSEC_TEXT_MAX], spi[SPI_TEXT_MAX];
	nsec pause = r->first - f->last;

	if (pause < least || f->n_pauses == MOMENTS_MAX)
		return;
	if (f->n_pauses == f->pauses_room) {
		f->pauses_room = f->pauses_room ? 2 * f->pauses_room : 8;
		f->pauses = realloc(f->pauses, f->pauses_room * sizeof(f->pauses[0]));
		memory_or_end(f->pauses);
	}
	f->pauses[f->n_pauses++] = (struct why_pause){ f->last, r->first };
	if (r->spi == f->last_spi)
		return;	/* the same SA from a new address or port */
	if (pause > f->longest_pause)
		f->longest_pause = pause;
	moment_add(m, f->last, f->last_frame, "pause", side, "no packet from %s for %s, "
							     "until the new SPI %s",
		   who(r->peers, side, from), nsec_span(pause, span), spi_text(r->spi, spi));
}

void why_moments_esp_sa(struct why_moments *m, const struct record_esp_sa *r)
{
	int side = side_of(r->peers, &r->src);
	char from[ENDPOINT_TEXT_MAX], spi[SPI_TEXT_MAX];

	m->sas[m->n_sas++ % SAS_SHOWN] = *r;
	if (side < 0 || r->first == NSEC_NONE)
		return;

	struct why_flow *f = &m->flow[side];

	who(r->peers, side, from);
	spi_text(r->spi, spi);
	if (f->last == NSEC_NONE) {
		f->first = r->first;
		moment_add(m, r->first, r->first_frame, "first_packet", side,
			   "first protected packet from %s (SPI %s)", from, spi);
	} else {
		flow_pause(m, r, f, side);
		if (r->spi != f->last_spi)
			moment_add(m, r->first, r->first_frame, "spi", side,
				   "%s changes to the SPI %s", from, spi);
	}
	if (r->packets >= 3 && r->last != NSEC_NONE &&
	    (r->last - r->first) / (r->packets - 1) > f->spacing)
		f->spacing = (r->last - r->first) / (r->packets - 1);
	if (f->spacing > SPACING_MOST)
		f->spacing = SPACING_MOST;
	if (f->last == NSEC_NONE || r->last > f->last) {
		f->last = r->last;
		f->last_frame = r->last_frame;
		f->last_spi = r->spi;
		f->capture = (uint32_t)(r->id >> 32);
	}
}

/* ---- requests ---- */

static const char *purpose_words(enum exchange_purpose p)
{
	switch (p) {
	case PURPOSE_IKE_SA_INIT: case PURPOSE_COOKIE: case PURPOSE_INVALID_KE:
		return "its first message (IKE_SA_INIT)";
	case PURPOSE_IKE_AUTH: case PURPOSE_EAP:
		return "its login message (IKE_AUTH)";
	case PURPOSE_CREATE_CHILD:
		return "its request for a phase 2 (CREATE_CHILD_SA)";
	case PURPOSE_REKEY_CHILD:
		return "its request to renew phase 2 (CREATE_CHILD_SA)";
	case PURPOSE_REKEY_IKE:
		return "its request to renew phase 1 (CREATE_CHILD_SA)";
	case PURPOSE_DPD:
		return "a liveness probe (DPD)";
	case PURPOSE_DELETE_IKE: case PURPOSE_DELETE_CHILD: case PURPOSE_DELETE_UNKNOWN:
		return "a Delete";
	case PURPOSE_MAIN_MODE_SA: case PURPOSE_AGGRESSIVE:
		return "its first message of phase 1";
	case PURPOSE_MAIN_MODE_KE:
		return "its second message of main mode (key exchange)";
	case PURPOSE_MAIN_MODE_AUTH:
		return "its login message (main mode, fifth message)";
	case PURPOSE_QUICK_MODE:
		return "its request for a phase 2 (quick mode)";
	case PURPOSE_INTERMEDIATE: case PURPOSE_FOLLOWUP_KE:
		return "a further key exchange";
	case PURPOSE_MOBIKE:
		return "its new address (MOBIKE)";
	case PURPOSE_UNKNOWN:
	case PURPOSE_NOTIFY:
	case PURPOSE_CONFIG:
	case PURPOSE_TRANSACTION:
	case PURPOSE_OTHER:
		break;
	}
	return NULL;
}

void why_moments_exchange(struct why_moments *m, const struct record_exchange *r)
{
	char from[ENDPOINT_TEXT_MAX], to[ENDPOINT_TEXT_MAX], key[MOMENT_KEY_MAX], answers[64];
	const char *what = purpose_words(r->purpose);

	if (r->requests < 2)
		return;	/* asked once and answered: normal life, told by what it led to */
	who(r->peers, r->from, from);
	who(r->peers, r->from == 0 || r->from == 1 ? !r->from : -1, to);
	if (r->responses == 1)
		snprintf(answers, sizeof(answers), "answers once");
	else if (r->responses == 2)
		snprintf(answers, sizeof(answers), "answers twice");
	else
		snprintf(answers, sizeof(answers), "answers %" PRId64 " times", r->responses);
	snprintf(key, sizeof(key), "copies%d%s", (int)r->purpose, r->responses > 0 ? "a" : "");
	if (r->responses > 0)
		moment_add(m, r->request_at, r->request_frame, key, r->from,
			   "%s sends %s %" PRId64 " times; %s %s", from,
			   what      ? what
			   : r->kind ? r->kind
				     : "a request",
			   r->requests, to, answers);
	else
		moment_add(m, r->request_at, r->request_frame, key, r->from,
			   "%s sends %s %" PRId64 " times; no answer from %s is seen", from,
			   what ? what : r->kind ? r->kind : "a request", r->requests, to);
}

/* ---- what the tracker said ---- */

/* SAs and copies are told from their own records, which know more. */
static bool told_elsewhere(const char *kind)
{
	static const char *const kinds[] = {
		"ike_sa_created", "ike_sa_established", "ike_sa_rekeyed", "ike_sa_ended",
		"child_sa_created",
		"child_sa_rekeyed", "child_sa_ended", "esp_sa_first", "retransmission", "mirror",
		"one_sided",
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i], kind) == 0)
			return true;
	return false;
}

/* Whom the sentence names first. */
static int subject_of(const struct record_event *r)
{
	char a[ENDPOINT_TEXT_MAX], b[ENDPOINT_TEXT_MAX];

	if (!r->peers || !r->text)
		return -1;

	const char *first = strstr(r->text, endpoint_text(r->peers[0], a));
	const char *second = strstr(r->text, endpoint_text(r->peers[1], b));

	return first && (!second || first <= second) ? 0 : second ? 1 : -1;
}

/* What the ICMP errors of gateways mean, RFC 792 and 1812; "" for others. */
static const char *icmp_words(const char *text)
{
	static const struct {
		int type, code;
		const char *words;
	} known[] = {
		{ 3, 0, ": network unreachable" }, { 3, 1, ": host unreachable" },
		{ 3, 2, ": protocol unreachable, the box takes no ESP or AH (IPsec is not "
		  "running there)" },
		{ 3, 3, ": port unreachable, nothing listens on that UDP port" },
		{ 3, 4, ": packet too large for the path" },
		{ 3, 9, ": forbidden by a filter" }, { 3, 10, ": forbidden by a filter" }, { 3, 13,
		  ": forbidden by a filter" },
	};
	int type, code;

	if (sscanf(text, "ICMP error type %d code %d", &type, &code) != 2)
		return "";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].type == type && known[i].code == code)
			return known[i].words;
	return "";
}

void why_moments_event(struct why_moments *m, const struct record_event *r)
{
	const char *text = r->text ? r->text : r->kind;

	if (!told_elsewhere(r->kind))
		moment_add(m, r->at, r->n_frames > 0 ? r->frames[0] : 0, r->kind, subject_of(r),
			   "%s%s", text, icmp_words(text));
}

/* ---- order ---- */

static int by_time(const void *a, const void *b)
{
	const struct why_moment *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return strcmp(x->key, y->key);	/* the same each time */
}

/* IKE tells when keys change; without IKE the SPIs must. */
static void drop_spis(struct why_moments *m)
{
	size_t kept = 0;

	for (size_t i = 0; i < m->n; i++) {
		if (strncmp(m->at[i].key, "spi/", 4) == 0)
			free(m->at[i].text);
		else
			m->at[kept++] = m->at[i];
	}
	m->n = kept;
}

/*
 * Until when this flow was surely watched: to the end of the capture in which
 * its latest SA was born, or, when it outlived that, of the first to end after it.
 */
static nsec watched_until(const struct why_flow *f, const struct collection *seen)
{
	nsec end = NSEC_NONE;

	for (size_t i = 0; i < seen->n_captures; i++) {
		const struct record_capture *c = &seen->captures[i];

		if (c->last == NSEC_NONE || c->last < f->last)
			continue;
		if (c->id == f->capture)
			return c->last;
		if (c->first <= f->last && (end == NSEC_NONE || c->last < end))
			end = c->last;
	}
	return end;
}

void why_moments_settle(struct why_moments *m, const struct endpoint peers[2],
			const struct collection *seen)
{
	char from[ENDPOINT_TEXT_MAX];

	for (int side = 0; side < 2; side++) {
		struct why_flow *f = &m->flow[side];
		nsec least = SILENCE_TIMES * f->spacing > 10 * NSEC_PER_S
				     ? SILENCE_TIMES * f->spacing
				     : 10 * NSEC_PER_S;

		if (f->last == NSEC_NONE)
			continue;

		nsec end = watched_until(f, seen);

		f->silent = end != NSEC_NONE && end - f->last >= least;
		if (f->silent)
			moment_add(m, f->last, f->last_frame, "last_packet", side,
				   "last protected packet from %s, none until the end",
				   who(peers, side, from));
	}
	if (m->ike_seen)
		drop_spis(m);
	if (m->n > 0)
		qsort(m->at, m->n, sizeof(m->at[0]), by_time);
}

void why_moments_done(struct why_moments *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->at[i].text);
	free(m->at);
	free(m->flow[0].pauses);
	free(m->flow[1].pauses);
	why_moments_init(m);
}
