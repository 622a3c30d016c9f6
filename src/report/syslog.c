/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/memory.h>
#include <sawatch/syslog.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/report.h>
#include <sawatch/text.h>

/* RFC 5424 6.2.1 */
enum level { LEVEL_CRITICAL = 2, LEVEL_WARNING = 4, LEVEL_NOTICE = 5, LEVEL_INFORMATIONAL = 6 };

enum {
	/* at most six decimals, RFC 5424 6.2.3 */
	TIME_LENGTH = sizeof("2026-11-22T04:30:51.123456") - 1,
	HOST_MAX = 255, NAME_MAX_LENGTH = 32,
	TEXT_ROOM = 1024,	/* structured data leaves at least this to the text for people */
};

/* No number of one's own is registered: the one that RFC 5612 reserves for documentation. */
#define ELEMENT_SAWATCH "sawatch@32473"
#define ELEMENT_EVIDENCE "evidence@32473"

/* PRINTUSASCII without spaces, at most `most` of it; "-" when there is nothing. */
static void add_word(struct text *t, const char *word, size_t most, const char *forbidden)
{
	char safe[HOST_MAX + 1];
	size_t n = 0;

	for (; word && *word && n < most; word++)
		safe[n++] = (char)(*word > ' ' && *word < 0x7f && !strchr(forbidden, *word) ? *word
											    : '_');
	safe[n] = '\0';
	text_add(t, "%s", n > 0 ? safe : "-");
}

/* "<26>1 2026-11-22T04:30:51.123456Z host sawatch 4711 alert " */
static void begin(struct text *t, const struct syslog_origin *o, enum level level, nsec at,
		  const char *id)
{
	char time[NSEC_TEXT_MAX];

	text_add(t, "<%d>1 ", o->facility * 8 + (int)level);
	if (at != NSEC_NONE)
		text_add(t, "%.*sZ ", TIME_LENGTH, nsec_rfc3339(at, time));
	else
		text_add(t, "- ");
	add_word(t, o->host, HOST_MAX, "");
	text_add(t, " sawatch ");
	if (o->process >= 0)
		text_add(t, "%" PRId64, o->process);
	else
		text_add(t, "-");
	text_add(t, " %s ", id);
}

/*
 * ` name="value"`: whole or not at all.  In a value " \ ] are escaped, RFC 5424 6.3.3; control
 * characters have become \xHH before, whose backslash is escaped like any other.
 */
static void add_value(struct text *t, const char *name, const char *value)
{
	struct text before = *t;
	char *safe = value ? report_printable(value) : NULL;

	if (!safe)
		return;
	text_add(t, " ");
	add_word(t, name, NAME_MAX_LENGTH, "=]\"");
	text_add(t, "=\"");
	for (const char *c = safe; *c; c++)
		text_add(t, strchr("\"\\]", *c) ? "\\%c" : "%c", *c);
	text_add(t, "\"");
	if (t->cut || t->size - t->used < TEXT_ROOM) {
		*t = before;
		t->at[t->used] = '\0';
	}
	free(safe);
}

static void add_number(struct text *t, const char *name, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, number);
	add_value(t, name, number == RECORD_UNKNOWN ? NULL : text);
}

static void add_time(struct text *t, const char *name, nsec at)
{
	char text[NSEC_TEXT_MAX];

	add_value(t, name, at == NSEC_NONE ? NULL : nsec_rfc3339(at, text));
}

static void add_evidence(struct text *t, const struct record_evidence *e)
{
	char text[32];

	switch (e->type) {
	case EVIDENCE_INTEGER:
		add_number(t, e->name, e->integer);
		break;
	case EVIDENCE_REAL:
		snprintf(text, sizeof(text), "%.10g", e->real);
		add_value(t, e->name, text);
		break;
	case EVIDENCE_TEXT:
		add_value(t, e->name, e->text);
		break;
	}
}

static void add_frames(struct text *t, const uint64_t *frames, size_t n)
{
	char buffer[RECORD_FRAMES_MAX * 21 + 1];
	struct text list = TEXT_IN(buffer);

	for (size_t i = 0; i < n; i++)
		text_add(&list, "%s%" PRIu64, i ? " " : "", frames[i]);
	add_value(t, "frames", n > 0 ? buffer : NULL);
}

/* The text for people.  When it is not all ASCII it says so with a BOM, RFC 5424 6.4. */
static size_t end(struct text *t, const char *text)
{
	char *safe = report_printable(text);
	bool ascii = true;
	size_t room;

	for (const char *c = safe; *c; c++)
		ascii = ascii && (unsigned char)*c < 0x80;
	text_add(t, ascii ? " " : " \xef\xbb\xbf");
	room = t->size - t->used - 1;
	if (strlen(safe) > room) {	/* not within a character */
		while (room > 0 && ((unsigned char)safe[room] & 0xc0) == 0x80)
			room--;
		safe[room] = '\0';
	}
	text_add(t, "%s", safe);
	free(safe);
	return t->used;
}

static const char *peers_text(const struct endpoint *peers, char ret[TUNNEL_TEXT_MAX])
{
	return peers ? tunnel_text(peers, ret) : NULL;
}

size_t syslog_alert(const struct syslog_origin *o, const struct record_alert *r, const char *name,
		    char ret[SYSLOG_MAX])
{
	static const enum level levels[] = {
		[SEVERITY_INFO] = LEVEL_INFORMATIONAL, [SEVERITY_WARNING] = LEVEL_WARNING,
		[SEVERITY_CRITICAL] = LEVEL_CRITICAL,
	};
	struct text t = text_in(ret, SYSLOG_MAX);
	char tunnel[TUNNEL_TEXT_MAX], *text;
	size_t length;

	peers_text(r->peers, tunnel);
	begin(&t, o, r->cleared ? LEVEL_NOTICE : levels[r->severity],
	      r->cleared ? r->cleared_at : r->last, "alert");
	text_add(&t, "[" ELEMENT_SAWATCH);
	add_value(&t, "status", r->cleared ? "cleared" : "raised");
	add_value(&t, "code", r->code);
	add_value(&t, "severity", severity_text(r->severity));
	add_value(&t, "confidence", confidence_text(r->confidence));
	add_value(&t, "tunnel", r->peers ? tunnel : NULL);
	add_value(&t, "name", name);
	add_value(&t, "sensor", o->sensor);
	add_value(&t, "cause", r->cause);
	add_number(&t, "id", (int64_t)r->id);
	add_number(&t, "count", r->count);
	add_time(&t, "first", r->first);
	add_time(&t, "last", r->last);
	add_frames(&t, r->frames, r->n_frames);
	text_add(&t, "]");
	if (r->n_evidence > 0) {
		text_add(&t, "[" ELEMENT_EVIDENCE);
		for (size_t i = 0; i < r->n_evidence; i++)
			add_evidence(&t, &r->evidence[i]);
		text_add(&t, "]");
	}
	if (asprintf(&text, "%s %s %s%s%s%s: %s",
		     r->cleared ? "cleared" : severity_text(r->severity), r->code,
		     r->peers ? tunnel : "capture", name ? " (" : "", name ? name : "",
		     name ? ")" : "", r->summary) < 0)
		memory_or_end(false);
	length = end(&t, text);
	free(text);
	return length;
}

size_t syslog_tunnel(const struct syslog_origin *o, const struct record_tunnel *r, const char *name,
		     char ret[SYSLOG_MAX])
{
	struct text t = text_in(ret, SYSLOG_MAX);
	char tunnel[TUNNEL_TEXT_MAX], *text;
	size_t length;

	tunnel_text(r->peers, tunnel);
	begin(&t, o, LEVEL_NOTICE, r->since > r->last ? r->since : r->last, "tunnel");
	text_add(&t, "[" ELEMENT_SAWATCH);
	add_value(&t, "state", tunnel_state_text(r->state));
	add_value(&t, "tunnel", tunnel);
	add_value(&t, "name", name);
	add_value(&t, "sensor", o->sensor);
	add_time(&t, "since", r->since);
	text_add(&t, "]");
	if (asprintf(&text, "%s%s%s%s: tunnel state: %s", tunnel, name ? " (" : "",
		     name ? name : "", name ? ")" : "", tunnel_state_text(r->state)) < 0)
		memory_or_end(false);
	length = end(&t, text);
	free(text);
	return length;
}

size_t syslog_notice(const struct syslog_origin *o, nsec at, const char *text, char ret[SYSLOG_MAX])
{
	struct text t = text_in(ret, SYSLOG_MAX);

	begin(&t, o, LEVEL_NOTICE, at, "monitor");
	text_add(&t, "[" ELEMENT_SAWATCH);
	add_value(&t, "sensor", o->sensor);
	text_add(&t, "]");
	return end(&t, text);
}
