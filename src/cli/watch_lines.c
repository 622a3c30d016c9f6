/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/watch_lines.h"

#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>

enum {
	/* Objects have dense numbers: the latest so many of a kind are remembered exactly. */
	TOLD = 65536,
	NOTHING_TOLD = 0,
};

enum kind {
	KIND_TUNNEL, KIND_IKE_SA, KIND_CHILD_SA, KIND_ESP_SA, KIND_EXCHANGE, KIND_ALERT, KINDS,
};

struct told {
	object_id id;
	unsigned what;	/* was told about it */
};

struct watch_lines {
	FILE *out;
	struct watch_lines_options options;
	struct record_sink json;
	struct watch_lines_counts counts;
	bool last, over;
	struct told told[KINDS][TOLD];
};

/* Events that an operator wants a line for; the others are in the history, in JSON, and with -v. */
static const char *const matter[] = {
	"ike_sa_established", "ike_sa_rekeyed", "ike_sa_ended", "ike_sa_revised",
	"child_sa_rekeyed", "child_sa_ended", "child_refused", "auth_refused", "nat_found",
	"address_moved", "one_sided",
	"capture_loss", "mirror", "clock_jump", "table_full",
};

/* What was told of this object before; and from now on `what` is. */
static unsigned tell_now(struct watch_lines *w, enum kind kind, object_id id, unsigned what)
{
	struct told *slot = &w->told[kind][id % TOLD];
	unsigned before = slot->id == id ? slot->what : NOTHING_TOLD;

	*slot = (struct told){ .id = id, .what = what };
	return before;
}

/* "2026-11-22T04:30:51.123Z  192.0.2.1<->198.51.100.2  ", then the caller's words. */
static void begin_line(struct watch_lines *w, nsec at, const struct endpoint *peers)
{
	enum { MILLISECONDS = sizeof("2026-11-22T04:30:51.123") - 1 };
	char time[NSEC_TEXT_MAX], name[TUNNEL_TEXT_MAX];

	nsec_rfc3339(at, time);
	fprintf(w->out, "%.*sZ  %s  ", (int)MILLISECONDS, time,
		peers ? tunnel_text(peers, name) : "capture");
}

static void end_line(struct watch_lines *w, const char *text)
{
	char *safe = report_printable(text);

	fprintf(w->out, "%s\n", safe);
	free(safe);
}

static bool event_matters(const char *kind, const char *text)
{
	if (strstr(text, " ended: rekeyed"))	/* the line of the rekey has said it */
		return false;
	for (size_t i = 0; i < sizeof(matter) / sizeof(matter[0]); i++)
		if (strcmp(kind, matter[i]) == 0)
			return true;
	return false;
}

static void on_event(void *user, const struct record_event *r)
{
	struct watch_lines *w = user;

	if (w->options.json)
		w->json.event(w->json.user, r);
	if (w->options.json || w->options.quiet || w->over ||
	    !(w->options.verbose || event_matters(r->kind, r->text)))
		return;
	begin_line(w, r->at, r->peers);
	end_line(w, r->text);
}

static void on_alert(void *user, const struct record_alert *r)
{
	struct watch_lines *w = user;
	unsigned what = 1 + (r->cleared ? 0 : 1 + (unsigned)r->severity);
	unsigned before = tell_now(w, KIND_ALERT, r->id, what);

	if (before == what)
		return;
	if (r->cleared)
		w->counts.cleared++;
	else if (before <= 1)	/* new, or it had cleared */
		w->counts.raised++;
	if (!r->cleared && (int)r->severity > w->counts.worst)
		w->counts.worst = (int)r->severity;
	if (w->options.json) {
		w->json.alert(w->json.user, r);
		return;
	}
	if (w->over)
		return;
	begin_line(w,
		   r->cleared            ? r->cleared_at
		   : r->last > r->raised ? r->last
					 : r->raised,
		   r->peers);
	fprintf(w->out, "%s %s: ", r->cleared ? "cleared" : severity_text(r->severity), r->code);
	end_line(w, r->summary);
}

static void on_tunnel(void *user, const struct record_tunnel *r)
{
	struct watch_lines *w = user;
	unsigned what = 1 + (unsigned)r->state;
	unsigned before = tell_now(w, KIND_TUNNEL, r->id, what);

	if (before == what || (before == NOTHING_TOLD && r->state == TUNNEL_UNKNOWN))
		return;
	if (w->options.json)
		w->json.tunnel(w->json.user, r);
	if (w->options.json || w->over || (w->options.quiet && r->state != TUNNEL_DOWN))
		return;
	/*
	 * an alert that makes a tunnel ill does not move `since`; and that it is down may show only
	 * later
	 */
	nsec at = r->since > r->last ? r->since : r->last;
	char since[NSEC_TEXT_MAX], line[sizeof(since) + 32];

	begin_line(w, at, r->peers);
	fputs("tunnel state: ", w->out);
	if (r->state == TUNNEL_DOWN && r->since != NSEC_NONE && at - r->since >= NSEC_PER_S)
		snprintf(line, sizeof(line), "down since %.19sZ", nsec_rfc3339(r->since, since));
	else
		snprintf(line, sizeof(line), "%s", tunnel_state_text(r->state));
	end_line(w, line);
}

/* JSON: objects as they end, once for each reason. */
#define ON_OBJECT(name, kind_name, is_over, reason)                               \
	static void on_##name(void *user, const struct record_##name *r)          \
	{                                                                         \
		struct watch_lines *w = user;                                     \
		unsigned what = 1 + (unsigned)(reason);                           \
                                                                                  \
		if ((is_over) && tell_now(w, kind_name, r->id, what) != what)     \
			w->json.name(w->json.user, r);                            \
	}

ON_OBJECT(ike_sa, KIND_IKE_SA, r->end_reason != END_NONE, r->end_reason)
ON_OBJECT(child_sa, KIND_CHILD_SA, r->end_reason != END_NONE, r->end_reason)
ON_OBJECT(esp_sa, KIND_ESP_SA, r->end_reason != END_NONE, r->end_reason)
ON_OBJECT(exchange, KIND_EXCHANGE, r->outcome != OUTCOME_PENDING, r->outcome)

static void on_capture(void *user, const struct record_capture *r)
{
	struct watch_lines *w = user;

	if (w->last)
		w->json.capture(w->json.user, r);
}

struct watch_lines *watch_lines_open(FILE *out, const struct watch_lines_options *o)
{
	struct watch_lines *w = calloc(1, sizeof(*w));

	memory_or_end(w);
	w->out = out;
	w->options = *o;
	w->json = report_json(out);
	w->counts.worst = -1;
	return w;
}

struct record_sink watch_lines_sink(struct watch_lines *w)
{
	struct record_sink sink = {
		.user = w, .event = on_event, .alert = on_alert, .tunnel = on_tunnel
	};

	if (w->options.json) {
		sink.ike_sa = on_ike_sa;
		sink.child_sa = on_child_sa;
		sink.esp_sa = on_esp_sa;
		sink.exchange = on_exchange;
		sink.capture = on_capture;
	}
	return sink;
}

void watch_lines_last(struct watch_lines *w)
{
	w->last = true;
}

void watch_lines_over(struct watch_lines *w)
{
	w->over = true;
}

struct watch_lines_counts watch_lines_counts(const struct watch_lines *w)
{
	return w->counts;
}

void watch_lines_close(struct watch_lines *w)
{
	free(w);
}
