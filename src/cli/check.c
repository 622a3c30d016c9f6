/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `sawatch check`: the history asked by a monitoring system, by the rules of the Monitoring Plugins
 * guidelines: status 0 to 3, one line with performance data, then the alerts one by one.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>
#include <sawatch/store.h>
#include <sawatch/text.h>

#include "cli/check_options.h"
#include "cli/check_range.h"
#include "cli/cli.h"

enum {
	/* a monitor writes every few seconds; this long without a word is no accident */
	MAX_AGE_S = 300,
	RECENT_S = 60,		/* a condition that was seen so short ago is there */
	LINES_MAX = 20,		/* alerts told one by one; monitoring systems cut long answers */
};

struct open_alert {
	enum severity severity;
	bool symptom;		/* of another alert */
	nsec last;
	char *line;		/* owned */
	char *who, *code;	/* owned */
};

struct label {
	object_id tunnel;
	char *text;		/* owned */
};

struct check {
	struct check_options asked;

	nsec now;
	bool heard;			/* a sensor's monitor has ever written */
	nsec age;			/* of the oldest latest word; with `heard` */
	char *silent;			/* its sensor, owned; "" has no name */
	size_t captures, tunnels, states[TUNNEL_FLAPPING + 1];
	int64_t dropped;		/* by the latest run on an interface; RECORD_UNKNOWN */
	uint32_t latest_run;
	size_t by_severity[SEVERITY_CRITICAL + 1];
	struct open_alert *alerts;
	size_t n_alerts, alerts_room;
	struct label *labels;
	size_t n_labels, labels_room;
};

/* The answer before anything could be asked. */
__attribute__((format(printf, 1, 2)))
static int unknown(const char *format, ...)
{
	struct err why;
	va_list arguments;
	char text[sizeof(why.text)];

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	err_set(&why, "%s", text);		/* one line without control characters */
	for (char *bar = why.text; (bar = strchr(bar, '|')); )
		*bar = '/';			/* begins performance data */
	printf("SAWATCH UNKNOWN - %s\n", why.text);
	return STATE_UNKNOWN;
}

/* ---- collecting ---- */

static void *grown(void *array, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return array;
	*room = *room ? 2 * *room : 32;
	array = realloc(array, *room * size);
	if (!array)
		memory_or_end(false);
	return array;
}

/* `text` fit for an answer: no control characters, and no bar. */
static char *answer_text(const char *text)
{
	char *safe = report_printable(text);

	for (char *bar = safe; (bar = strchr(bar, '|')); )
		*bar = '/';
	return safe;
}

static void on_heartbeat(void *user, const char *sensor, nsec at)
{
	struct check *c = user;
	nsec age = c->now > at ? c->now - at : 0;

	if ((c->asked.sensor && strcmp(c->asked.sensor, sensor) != 0) ||
	    (c->heard && age <= c->age))
		return;
	c->heard = true;
	c->age = age;
	free(c->silent);
	c->silent = answer_text(sensor);
}

static void on_capture(void *user, const struct record_capture *r)
{
	struct check *c = user;

	c->captures++;
	if (strcmp(r->kind, "interface") == 0 && r->id > c->latest_run) {
		c->latest_run = r->id;
		c->dropped = r->dropped;
	}
}

static void on_tunnel(void *user, const struct record_tunnel *r)
{
	struct check *c = user;

	c->tunnels++;
	c->states[r->state]++;
	if (!r->label)
		return;
	c->labels = grown(c->labels, c->n_labels, &c->labels_room, sizeof(c->labels[0]));
	c->labels[c->n_labels++] = (struct label){ .tunnel = r->id, .text = answer_text(r->label) };
}

/* What people call the tunnel of an alert; free() it. */
static char *who(const struct check *c, const struct record_alert *r)
{
	char name[TUNNEL_TEXT_MAX];

	for (size_t i = 0; r->tunnel != 0 && i < c->n_labels; i++)
		if (c->labels[i].tunnel == r->tunnel)
			return strdup(c->labels[i].text);
	return strdup(r->peers ? tunnel_text(r->peers, name) : "capture");
}

/*
 * An alert stays open for a while after its condition; whoever is called has to know that it is
 * over at this moment.
 */
static const char *last_seen_text(const struct check *c, const struct record_alert *r, char ret[64])
{
	char span[NSEC_TEXT_MAX];

	if (!c->heard || r->last == NSEC_NONE)	/* a damaged history has no such moment */
		return "";

	nsec ago = c->now - r->last;

	if (ago < RECENT_S * NSEC_PER_S)
		return "";
	snprintf(ret, 64, " (last seen %s ago)", nsec_span(ago - ago % NSEC_PER_S, span));
	return ret;
}

static void on_alert(void *user, const struct record_alert *r)
{
	struct check *c = user;
	char *summary, seen[64];

	for (size_t i = 0; i < c->asked.n_ignored; i++)
		if (strcmp(c->asked.ignored[i], r->code) == 0)
			return;
	c->by_severity[r->severity]++;
	if (r->severity < SEVERITY_WARNING)
		return;
	c->alerts = grown(c->alerts, c->n_alerts, &c->alerts_room, sizeof(c->alerts[0]));

	struct open_alert *to = &c->alerts[c->n_alerts++];

	*to = (struct open_alert){
		.severity = r->severity, .symptom = r->incident != 0, .last = r->last,
		.who = who(c, r), .code = answer_text(r->code),
	};
	memory_or_end(to->who != NULL);
	summary = answer_text(r->summary);
	if (asprintf(&to->line, "[%s] %s %s: %s%s", severity_text(r->severity), to->code, to->who,
		     summary, last_seen_text(c, r, seen)) < 0)
		memory_or_end(false);
	free(summary);
}

static bool collect(struct check *c, struct err *e)
{
	struct record_sink sink = {
		.user = c, .capture = on_capture, .tunnel = on_tunnel, .alert = on_alert
	};
	struct store *s = NULL;
	bool ok = store_open(&s, c->asked.database, STORE_READ, NULL, e) &&
		  store_walk_heartbeats(s, on_heartbeat, c, e) &&
		  store_walk(s, &c->asked.scope, &sink, e);

	store_close(s, NULL);
	return ok;
}

/* ---- the answer ---- */

static enum check_state worse(enum check_state a, enum check_state b)
{
	static const int rank[] = {
		[STATE_OK] = 0, [STATE_UNKNOWN] = 1, [STATE_WARNING] = 2, [STATE_CRITICAL] = 3,
	};

	return rank[b] > rank[a] ? b : a;
}

static size_t ill(const struct check *c)
{
	return c->by_severity[SEVERITY_WARNING] + c->by_severity[SEVERITY_CRITICAL];
}

static bool is_stale(const struct check *c)
{
	nsec max = c->asked.max_age != NSEC_NONE ? c->asked.max_age : MAX_AGE_S * NSEC_PER_S;

	return c->heard ? c->age > max : c->asked.max_age != NSEC_NONE || c->asked.sensor;
}

/* What of the tunnels themselves is asked: somebody who names one expects it to be up. */
static enum check_state of_tunnel(const struct check *c)
{
	if (!c->asked.scope.tunnel)
		return STATE_OK;
	if (c->states[TUNNEL_DOWN] > 0)
		return STATE_CRITICAL;
	return c->states[TUNNEL_UNKNOWN] > 0 ? STATE_UNKNOWN : STATE_OK;
}

static enum check_state judge(const struct check *c)
{
	enum check_state s = of_tunnel(c);

	if (check_range_alarms(&c->asked.warning, (double)ill(c)))
		s = worse(s, STATE_WARNING);
	if (check_range_alarms(&c->asked.critical, (double)c->by_severity[SEVERITY_CRITICAL]))
		s = worse(s, STATE_CRITICAL);
	/* what a dead sensor saw last is no news */
	return is_stale(c) ? c->asked.stale_state : s;
}

static int by_weight(const void *a, const void *b)
{
	const struct open_alert *x = a, *y = b;

	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	if (x->symptom != y->symptom)
		return x->symptom ? 1 : -1;
	return x->last != y->last ? (x->last > y->last ? -1 : 1) : strcmp(x->line, y->line);
}

static void say_alerts(const struct check *c, struct text *t)
{
	if (c->by_severity[SEVERITY_CRITICAL] > 0)
		text_add(t, "%zu critical", c->by_severity[SEVERITY_CRITICAL]);
	if (c->by_severity[SEVERITY_WARNING] > 0)
		text_add(t, "%s%zu warning", t->used ? ", " : "", c->by_severity[SEVERITY_WARNING]);
	if (c->n_alerts > 0)
		text_add(t, ": %s %s", c->alerts[0].code, c->alerts[0].who);
	if (c->n_alerts > 1)
		text_add(t, " and %zu more", c->n_alerts - 1);
	if (c->n_alerts == 0)
		text_add(t, "no alert");
}

static void say_tunnels(const struct check *c, struct text *t)
{
	text_add(t, "; %zu tunnel%s", c->tunnels, c->tunnels == 1 ? "" : "s");
	for (int i = TUNNEL_FLAPPING; i >= 0; i--)
		if (c->states[i] > 0)
			text_add(t, ", %zu %s", c->states[i],
				 tunnel_state_text((enum tunnel_state)i));
}

static void put_performance(const struct check *c)
{
	printf(" | alerts=%zu;%s;;0 critical=%zu;;%s;0 tunnels=%zu;;;0", ill(c),
	       c->asked.warning.text, c->by_severity[SEVERITY_CRITICAL], c->asked.critical.text,
	       c->tunnels);
	for (int i = 0; i <= TUNNEL_FLAPPING; i++)
		printf(" tunnels_%s=%zu;;;0", tunnel_state_text((enum tunnel_state)i),
		       c->states[i]);
	if (c->dropped >= 0)
		printf(" dropped=%" PRId64 "c", c->dropped);
	if (c->heard)
		printf(" age=%.0fs;;%.0f;0", (double)c->age / (double)NSEC_PER_S,
		       (double)(c->asked.max_age != NSEC_NONE ? c->asked.max_age
							      : MAX_AGE_S * NSEC_PER_S) /
			       (double)NSEC_PER_S);
	putchar('\n');
}

static int answer(struct check *c)
{
	char buffer[1024], span[NSEC_TEXT_MAX];
	struct text t = TEXT_IN(buffer);
	enum check_state state = judge(c);

	if (c->n_alerts > 1)
		qsort(c->alerts, c->n_alerts, sizeof(c->alerts[0]), by_weight);
	say_alerts(c, &t);
	say_tunnels(c, &t);
	printf("SAWATCH %s - ", check_state_names[state]);
	if (is_stale(c) && c->heard)
		printf("no word from the sensor %s%sfor %s, is sawatch running, "
		       "and can it write? Last known: ", c->silent,
		       *c->silent ? " " : "", nsec_span(c->age, span));
	else if (is_stale(c))
		printf("no monitor%s%s has ever written this history. Known: ",
		       c->asked.sensor ? " of sensor " : "", c->asked.sensor ? c->silent : "");
	fputs(buffer, stdout);
	put_performance(c);
	for (size_t i = 0; i < c->n_alerts && i < LINES_MAX; i++)
		puts(c->alerts[i].line);
	if (c->n_alerts > LINES_MAX)
		printf("... and %zu more; sawatch alerts --severity warning has them all\n",
		       c->n_alerts - LINES_MAX);
	return (int)state;
}

static void time_is_over(int number)
{
	static const char text[] = "SAWATCH UNKNOWN - no answer from the history within the time "
				   "limit (--timeout)\n";

	(void)number;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(STATE_UNKNOWN);
	_exit(STATE_UNKNOWN);
}

static void begin(struct check *c)
{
	struct timespec day;

	clock_gettime(CLOCK_REALTIME, &day);
	*c = (struct check){ .now = day.tv_sec * NSEC_PER_S + day.tv_nsec,
			     .dropped = RECORD_UNKNOWN };
	check_options_init(&c->asked);
}

static void end(struct check *c)
{
	for (size_t i = 0; i < c->n_alerts; i++) {
		free(c->alerts[i].line);
		free(c->alerts[i].who);
		free(c->alerts[i].code);
	}
	for (size_t i = 0; i < c->n_labels; i++)
		free(c->labels[i].text);
	free(c->alerts);
	free(c->labels);
	free(c->silent);
}

int check_run(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = time_is_over };
	struct check c;
	struct err e;
	int status = STATE_UNKNOWN;

	begin(&c);
	/* any complaint is an answer, too: it goes to standard output */
	if (!check_options_parse(&c.asked, c.now, argc, argv, &e)) {
		end(&c);
		return unknown("%s", e.text);
	}
	if (c.asked.sensor && !c.silent)
		c.silent = answer_text(c.asked.sensor);
	sigaction(SIGALRM, &action, NULL);
	alarm((unsigned)c.asked.patience_s);
	if (!collect(&c, &e))
		status = unknown("%s", e.text);
	else if (c.asked.scope.tunnel && c.tunnels == 0)
		status = unknown("--tunnel %s: no such tunnel in %s, or nothing of it was seen yet",
				 c.asked.scope.tunnel, c.asked.database);
	else if (c.captures == 0 && !c.heard)
		status = unknown("%s: nothing was captured%s", c.asked.database,
				 c.asked.scope.since != NSEC_NONE ? " since then" : "");
	else
		status = answer(&c);
	alarm(0);
	end(&c);
	return status;
}
