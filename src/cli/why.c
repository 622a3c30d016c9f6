/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sawatch why`: which tunnel or alert is meant, and its story. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/detect.h>
#include <sawatch/memory.h>
#include <sawatch/report.h>
#include <sawatch/store.h>
#include <sawatch/text.h>

#include "cli/cli.h"
#include "cli/condition.h"
#include "cli/output.h"
#include "cli/query_options.h"
#include "cli/read.h"

/* The history may hold months: what led to an alert is told from so long before it. */
#define BEFORE_ALERT (INT64_C(3600) * NSEC_PER_S)
/* And of a tunnel without alerts the latest: */
#define LATEST (INT64_C(24) * 3600 * NSEC_PER_S)

/* ---- what can be asked ---- */

struct known_tunnel {
	object_id id;
	char name[TUNNEL_TEXT_MAX];
	enum tunnel_state state;
	nsec last;
	int worst;		/* enum severity; -1 no alert */
	nsec alerts_since;	/* of the alerts of that severity; NSEC_NONE */
};

struct known_alert {
	object_id id, tunnel;
	char code[40];
	enum severity severity;
	nsec first;
};

struct directory {
	struct known_tunnel *tunnels;
	size_t n_tunnels, tunnels_room;
	struct known_alert *alerts;
	size_t n_alerts, alerts_room;
};

static void *with_room(void *at, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return at;
	*room = *room ? 2 * *room : 16;
	at = realloc(at, *room * size);
	memory_or_end(at);
	return at;
}

static void note_tunnel(void *user, const struct record_tunnel *r)
{
	struct directory *d = user;

	d->tunnels = with_room(d->tunnels, d->n_tunnels, &d->tunnels_room, sizeof(d->tunnels[0]));

	struct known_tunnel *t = &d->tunnels[d->n_tunnels++];

	*t = (struct known_tunnel){
		.id = r->id, .state = r->state, .last = r->last, .worst = -1,
		.alerts_since = NSEC_NONE,
	};
	tunnel_text(r->peers, t->name);
}

static struct known_tunnel *tunnel_of(struct directory *d, object_id id)
{
	for (size_t i = 0; i < d->n_tunnels; i++)
		if (d->tunnels[i].id == id)
			return &d->tunnels[i];
	return NULL;
}

static void note_alert(void *user, const struct record_alert *r)
{
	struct directory *d = user;
	struct known_tunnel *t = tunnel_of(d, r->tunnel);

	d->alerts = with_room(d->alerts, d->n_alerts, &d->alerts_room, sizeof(d->alerts[0]));

	struct known_alert *a = &d->alerts[d->n_alerts++];

	*a = (struct known_alert){
		.id = r->id, .tunnel = r->tunnel, .severity = r->severity, .first = r->first
	};
	snprintf(a->code, sizeof(a->code), "%s", r->code);
	if (!t)
		return;
	if ((int)r->severity > t->worst) {
		t->worst = (int)r->severity;
		t->alerts_since = r->first;
	} else if ((int)r->severity == t->worst && r->first < t->alerts_since) {
		t->alerts_since = r->first;
	}
}

static void directory_done(struct directory *d)
{
	free(d->tunnels);
	free(d->alerts);
}

/* ---- which one is meant ---- */

struct question {
	const char *subject;	/* as asked; NULL none */
	const char *source;	/* for messages: the database or the captures */
	bool json;
	struct store_scope scope;
};

/* What a story is told about: a tunnel, an alert of it, or an alert about a capture. */
struct subject {
	object_id tunnel, alert;	/* 0 none */
	nsec since;
};

static void list_tunnel(FILE *out, const struct directory *d, const struct known_tunnel *t)
{
	char codes[256] = "";
	struct text text = TEXT_IN(codes);

	for (size_t i = 0; i < d->n_alerts; i++) {
		const struct known_alert *a = &d->alerts[i];

		if (a->tunnel == t->id && (int)a->severity == t->worst && !strstr(codes, a->code))
			text_add(&text, "%s%s", text.used ? ", " : "", a->code);
	}

	char *name = report_printable(t->name), *safe = report_printable(codes);

	fprintf(out, "  %-9s ",
		t->worst < 0 ? tunnel_state_text(t->state)
			     : severity_text((enum severity)t->worst));
	fprintf(out, *safe ? "%-40s  %s\n" : "%s%s\n", name, safe);
	free(name);
	free(safe);
}

/* The gravest first. */
static void list_tunnels(FILE *out, const struct directory *d)
{
	enum { LISTED = 40 };
	size_t n = 0;

	for (int severity = SEVERITY_CRITICAL; severity >= -1; severity--)
		for (size_t i = 0; i < d->n_tunnels; i++)
			if (d->tunnels[i].worst == severity && n++ < LISTED)
				list_tunnel(out, d, &d->tunnels[i]);
	if (n > LISTED)
		fprintf(out, "  and %zu more\n", n - LISTED);
}

static size_t ill_tunnels(const struct directory *d, int least, const struct known_tunnel **ret_one)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_tunnels; i++) {
		if (d->tunnels[i].worst < least)
			continue;
		*ret_one = &d->tunnels[i];
		n++;
	}
	return n;
}

static void choose_tunnel(struct subject *s, const struct known_tunnel *t)
{
	s->tunnel = t->id;
	s->since = t->alerts_since != NSEC_NONE ? t->alerts_since - BEFORE_ALERT :
		   t->last != NSEC_NONE ? t->last - LATEST : NSEC_NONE;
}

static void choose_alert(struct subject *s, const struct known_alert *a)
{
	s->alert = a->id;
	s->tunnel = a->tunnel;
	s->since = a->first != NSEC_NONE ? a->first - BEFORE_ALERT : NSEC_NONE;
}

/* Without a word: the ill tunnel, when there is one; the only tunnel, when there is one. */
static bool choose_alone(const struct directory *d, struct subject *s)
{
	const struct known_tunnel *one = NULL;

	for (int least = SEVERITY_WARNING; least >= -1; least--) {
		size_t n = ill_tunnels(d, least, &one);

		if (n > 1)
			return false;
		if (n == 1) {
			choose_tunnel(s, one);
			return true;
		}
	}
	return false;
}

static bool by_number(const struct directory *d, const char *word, struct subject *s)
{
	char *end;
	uint64_t number;

	errno = 0;
	number = strtoull(word, &end, 10);
	if (errno || *end || *word < '0' || *word > '9')
		return false;
	for (size_t i = 0; i < d->n_alerts; i++) {
		if (d->alerts[i].id != number)
			continue;
		choose_alert(s, &d->alerts[i]);
		return true;
	}
	for (size_t i = 0; i < d->n_tunnels; i++) {
		if (d->tunnels[i].id != number)
			continue;
		choose_tunnel(s, &d->tunnels[i]);
		return true;
	}
	return false;
}

/* The latest alert with that code when all are of one tunnel; false: complained. */
static bool by_code(const struct directory *d, const struct question *w, struct subject *s)
{
	const struct known_alert *latest = NULL;
	bool several = false;

	for (size_t i = 0; i < d->n_alerts; i++) {
		const struct known_alert *a = &d->alerts[i];

		if (strcmp(a->code, w->subject) != 0)
			continue;
		several = several || (latest && latest->tunnel != a->tunnel);
		if (!latest || a->first >= latest->first)
			latest = a;
	}
	if (!latest) {
		complain("why %s: no such alert in %s; sawatch explain %s says what it would mean",
			 w->subject, w->source, w->subject);
		return false;
	}
	if (several) {
		complain("why %s: raised for several tunnels; ask for one of them:", w->subject);
		for (size_t i = 0; i < d->n_tunnels; i++)
			for (size_t k = 0; k < d->n_alerts; k++)
				if (d->alerts[k].tunnel == d->tunnels[i].id &&
				    strcmp(d->alerts[k].code, w->subject) == 0) {
					list_tunnel(stderr, d, &d->tunnels[i]);
					break;
				}
		return false;
	}
	choose_alert(s, latest);
	return true;
}

/* By name or by a peer's address, as the other questions take them. */
static bool by_name(struct store *store, const struct directory *d, const struct question *w,
		    struct subject *s)
{
	struct store_scope scope = w->scope;
	struct directory found = { 0 };
	struct record_sink sink = { .user = &found, .tunnel = note_tunnel };
	struct known_tunnel *t = NULL;
	struct err e;
	bool ok;

	scope.tunnel = w->subject;
	scope.since = scope.until = NSEC_NONE;
	ok = store_walk(store, &scope, &sink, &e);
	if (!ok)
		complain("%s", e.text);
	else if (found.n_tunnels == 0)
		complain("why %s: neither a tunnel nor an alert in %s; "
			 "without it, sawatch why lists what can be asked",
			 w->subject, w->source);
	else if (found.n_tunnels > 1)
		complain("why %s: is a peer of several tunnels; ask for one of them:", w->subject);
	for (size_t i = 0; ok && i < d->n_tunnels; i++) {
		for (size_t k = 0; k < found.n_tunnels; k++) {
			if (found.tunnels[k].id != d->tunnels[i].id)
				continue;
			t = &d->tunnels[i];
			if (found.n_tunnels > 1)
				list_tunnel(stderr, d, t);
		}
	}
	ok = ok && found.n_tunnels == 1 && t;
	if (ok)
		choose_tunnel(s, t);
	directory_done(&found);
	return ok;
}

/* ---- telling ---- */

static bool tell(struct store *store, const struct question *w, const struct subject *s)
{
	struct why_options o = { .colour = output_has_colour(stdout),
				 .alert = s->alert,
				 .page = detect_page };
	struct why *story = why_open(&o);
	struct record_sink sink = why_sink(story);
	struct store_scope scope = w->scope;
	char row[24];
	struct err e;
	bool ok;

	snprintf(row, sizeof(row), "%" PRIu64, s->tunnel);
	if (s->tunnel) {
		scope.tunnel = row;
		if (!scope.captures && scope.since == NSEC_NONE)
			scope.since = s->since;
	} else {	/* about a capture: nothing of the tunnels */
		scope.alert_row = (int64_t)s->alert;
		sink = (struct record_sink){ .user = sink.user,
					     .capture = sink.capture,
					     .alert = sink.alert };
	}
	ok = store_walk(store, &scope, &sink, &e);
	if (!ok)
		complain("%s", e.text);
	else if (w->json)
		why_tell_json(story, stdout);
	else
		why_tell(story, stdout);
	why_close(story);
	return ok;
}

static bool answer(struct store *store, const struct question *w)
{
	struct directory d = { 0 };
	struct record_sink sink = { .user = &d, .tunnel = note_tunnel, .alert = note_alert };
	struct subject s = { .since = NSEC_NONE };
	struct err e;
	bool ok = store_walk(store, &w->scope, &sink, &e);

	if (!ok) {
		complain("%s", e.text);
	} else if (d.n_tunnels == 0 && d.n_alerts == 0) {
		complain("%s: no IPsec tunnel in it, so there is nothing to tell", w->source);
		ok = false;
	} else if (!w->subject && !choose_alone(&d, &s)) {
		ok = !w->json;	/* who asks for a story as JSON gets one, or an error */
		if (!ok)
			complain("why: several tunnels could be meant; name one:");
		else
			puts("Several tunnels could be meant. Ask for one: "
			     "its name, the address of a peer, or an alert.");
		list_tunnels(ok ? stdout : stderr, &d);
	} else {
		ok = !w->subject || by_number(&d, w->subject, &s) ||
		     (condition_known(w->subject, NULL)
		           ? by_code(&d, w, &s) : by_name(store, &d, w, &s));
		ok = ok && tell(store, w, &s);
	}
	directory_done(&d);
	return ok;
}

/* ---- from captures, or from the history ---- */

static bool answer_about_captures(void *user, struct store *store, const uint32_t *captures,
				  size_t n)
{
	struct question *w = user;

	w->scope = (struct store_scope){
		.captures = captures, .n_captures = n, .since = NSEC_NONE, .until = NSEC_NONE,
	};
	return answer(store, w);
}

static int from_captures(int argc, char **argv)
{
	struct question w = { 0 };
	struct read_teller teller = { answer_about_captures, &w };
	struct read_options o;
	int status = EXIT_TROUBLE;

	if (read_options_parse_question(&o, argc, argv, &w.subject)) {
		w.json = o.json;
		w.source = o.n_paths == 1 ? o.paths[0] : "these captures";
		status = read_and_tell(&o, &teller);
	}
	read_options_free(&o);
	return status;
}

static int from_history(int argc, char **argv)
{
	struct query q;
	bool ok = query_open(&q, argc, argv, QUERY_SUBJECT);

	if (ok) {
		struct question w = {
			.subject = q.subject ? q.subject : q.scope.tunnel, .source = q.database,
			.json = q.format == TABLE_JSON, .scope = q.scope,
		};

		ok = answer(q.store, &w);
	}
	query_close(&q);
	return ok ? EXIT_DONE : EXIT_TROUBLE;
}

/* -r alone, with its value, or behind other letters: -nr FILE. */
static bool reads_captures(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strncmp(argv[i], "--read", 6) == 0 ||
		    (argv[i][0] == '-' && argv[i][1] != '-' && strchr(argv[i], 'r')))
			return true;
	return false;
}

int why_run(int argc, char **argv)
{
	return reads_captures(argc, argv) ? from_captures(argc, argv) : from_history(argc, argv);
}
