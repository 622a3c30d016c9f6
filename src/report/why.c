/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The story of a tunnel as text for a person. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>
#include <sawatch/text.h>

#include "report/people.h"
#include "report/why.h"

enum {
	INDENT = 2,
	ROWS_SHOWN = 30, ROWS_FIRST = 16,	/* of what happened; the others are counted */
};

struct why *why_open(const struct why_options *o)
{
	struct why *w = calloc(1, sizeof(*w));

	memory_or_end(w);
	w->options = *o;
	collection_init(&w->seen);
	why_moments_init(&w->moments);
	return w;
}

void why_close(struct why *w)
{
	if (w) {
		collection_done(&w->seen);
		why_moments_done(&w->moments);
	}
	free(w);
}

/* ---- records in: what is added up, and what happened ---- */

#define TAKE(kind)                                                                \
	static void take_##kind(void *user, const struct record_##kind *r)        \
	{                                                                         \
		struct why *w = user;                                             \
		struct record_sink sink = collection_sink(&w->seen);              \
                                                                                  \
		sink.kind(sink.user, r);                                          \
	}

#define TAKE_MOMENT(kind)                                                         \
	static void take_##kind(void *user, const struct record_##kind *r)        \
	{                                                                         \
		struct why *w = user;                                             \
		struct record_sink sink = collection_sink(&w->seen);              \
                                                                                  \
		sink.kind(sink.user, r);                                          \
		why_moments_##kind(&w->moments, r);                               \
	}

TAKE(capture)
TAKE(tunnel)
TAKE(alert)
TAKE_MOMENT(ike_sa)
TAKE_MOMENT(child_sa)
TAKE_MOMENT(esp_sa)

static void take_exchange(void *user, const struct record_exchange *r)
{
	struct why *w = user;

	why_moments_exchange(&w->moments, r);
}

static void take_event(void *user, const struct record_event *r)
{
	struct why *w = user;

	why_moments_event(&w->moments, r);
}

struct record_sink why_sink(struct why *w)
{
	return (struct record_sink){
		.user = w, .capture = take_capture, .tunnel = take_tunnel, .ike_sa = take_ike_sa,
		.child_sa = take_child_sa, .esp_sa = take_esp_sa, .exchange = take_exchange,
		.event = take_event,
		.alert = take_alert,
	};
}

/* ---- text ---- */

static void put_heading(FILE *out, bool colour, const char *text)
{
	putc('\n', out);
	put_shaded(out, colour, SHADE_STRONG, text);
	putc('\n', out);
}

static void put_line(FILE *out, const char *text)
{
	fprintf(out, "%*s", INDENT, "");
	put_wrapped(out, text, INDENT, INDENT);
}

static void put_point(FILE *out, const char *label, const char *text)
{
	int column = INDENT + (int)strlen(label), own = (int)strspn(label, " ");

	fprintf(out, "%*s%s", INDENT, "", label);
	put_wrapped(out, text, column, INDENT + own + 2);
}

static void put_list(FILE *out, const char *label, const struct why_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		put_point(out, label, l->at[i]);
}

/* ---- what happened ---- */

/* "02:49:28.374" within one day, with the date otherwise. */
static const char *clock_text(nsec at, bool with_date, char ret[NSEC_TEXT_MAX])
{
	enum { DATE = sizeof("2026-11-22 ") - 1 };

	nsec_moment(at, 3, ret);
	if (!with_date && strlen(ret) > DATE)
		memmove(ret, ret + DATE, strlen(ret + DATE) + 1);
	return ret;
}

static bool several_days(const struct why_moments *m)
{
	char first[NSEC_TEXT_MAX], last[NSEC_TEXT_MAX];

	nsec_moment(m->at[0].at, 0, first);
	nsec_moment(m->at[m->n - 1].at, 0, last);
	return strncmp(first, last, strlen("2026-11-22")) != 0;
}

static int put_moment(FILE *out, const struct why_moments *m, size_t i, bool with_date)
{
	const struct why_moment *at = &m->at[i];
	char clock[NSEC_TEXT_MAX], span[NSEC_TEXT_MAX], line[600];
	struct text text = TEXT_IN(line);
	int column = INDENT +
		     fprintf(out, "%*s%s  %11s  ", INDENT, "", clock_text(at->at, with_date, clock),
			     nsec_span(at->at - m->at[0].at, span)) -
		     INDENT;

	text_add(&text, "%s", at->text);
	if (at->frame)
		text_add(&text, " (frame %" PRIu64 ")", at->frame);
	put_wrapped(out, line, column, column);
	return column;
}

static void put_repeats(FILE *out, const struct why_block *b, bool with_date, int column)
{
	char low[NSEC_TEXT_MAX], high[NSEC_TEXT_MAX], until[NSEC_TEXT_MAX], what[64] = "the same",
	line[256];

	if (b->length > 1)
		snprintf(what, sizeof(what), "these %zu lines", b->length);
	nsec_span(b->every_min, low);
	nsec_span(b->every_max, high);
	clock_text(b->until, with_date, until);
	if (b->times == 2)
		snprintf(line, sizeof(line), "... %s once more, after %s, until %s", what, low,
			 until);
	else if (b->every_max - b->every_min <= b->every_max / 20)
		snprintf(line, sizeof(line), "... %s %zu more times, every %s, until %s", what,
			 b->times - 1, low, until);
	else
		snprintf(line, sizeof(line), "... %s %zu more times, %s to %s apart, until %s",
			 what, b->times - 1, low, high, until);
	fprintf(out, "%*s", column, "");
	put_wrapped(out, line, column, column);
}

static size_t rows_of(const struct why_block *b)
{
	return b->length + (b->times > 1);
}

static void put_timeline(FILE *out, bool colour, const struct why_moments *m)
{
	size_t rows = 0, before = 0, left_out = 0;
	int column = INDENT;
	char heading[96], date[NSEC_TEXT_MAX];

	if (m->n == 0)
		return;

	bool with_date = several_days(m);

	for (size_t i = 0; i < m->n;) {
		struct why_block b = why_block_at(m, i);

		rows += rows_of(&b);
		i += b.length * b.times;
	}
	nsec_moment(m->at[0].at, 0, date);
	date[strlen("2026-11-22")] = '\0';
	snprintf(heading, sizeof(heading), "What happened (%s%sUTC, and since the first line)",
		 with_date ? "" : date, with_date ? "" : ", ");
	put_heading(out, colour, heading);
	for (size_t i = 0; i < m->n;) {
		struct why_block b = why_block_at(m, i);
		bool shown = rows <= ROWS_SHOWN || before < ROWS_FIRST ||
			     before >= rows - (ROWS_SHOWN - ROWS_FIRST);

		if (shown && left_out > 0) {
			fprintf(out, "%*s... %zu moments left out; sawatch events --db "
				     "lists them\n", column, "", left_out);
			left_out = 0;
		}
		for (size_t k = 0; shown && k < b.length; k++)
			column = put_moment(out, m, i + k, with_date);
		if (shown && b.times > 1)
			put_repeats(out, &b, with_date, column);
		if (!shown)
			left_out += b.length * b.times;
		before += rows_of(&b);
		i += b.length * b.times;
	}
	if (m->full)
		put_line(out, "There is more than is told here: narrow it with --since "
			      "and --until.");
}

/* ---- one incident ---- */

/* SPIs prove nothing about these. */
static bool is_about_capture(const char *code)
{
	for (const struct why_line *l = why_capture; l->code; l++)
		if (strcmp(l->code, code) == 0)
			return true;
	return false;
}

static void put_evidence(FILE *out, const struct why_story *s, const struct why_incident *in)
{
	char buffer[2048];
	struct text text = TEXT_IN(buffer);

	if (in->alert->summary)
		put_line(out, in->alert->summary);
	for (size_t i = 0; i < in->evidence.n; i++)
		text_add(&text, "%s%s", i ? "; " : "", in->evidence.at[i]);
	if (text.used > 0)
		put_line(out, buffer);
	if (in->filter)
		fprintf(out, "%*s%s\n", INDENT, "", in->filter);
	else if (in->alert->n_frames > 0)
		put_line(out, "It was captured live: there is no file to look into, "
			      "only the times above.");
	put_list(out, "consequence: ", &in->consequences);
	if (in != s->incidents || s->sas.n == 0 || is_about_capture(in->alert->code))
		return;
	put_line(out, s->sas.n == SAS_SHOWN ? "The latest security associations (SPI, "
					      "destination, protocol):" :
		 "The security associations (SPI, destination, protocol):");
	for (size_t i = 0; i < s->sas.n; i++)
		put_point(out, "  ", s->sas.at[i]);
}

/* A step, behind the vendor it is for: the name may come from a database, and be of any length. */
static void put_step(FILE *out, const char *vendor, const char *text)
{
	char *safe = report_printable(vendor), *label;

	if (asprintf(&label, "    %s: ", safe) < 0)
		memory_or_end(false);
	put_point(out, label, text);
	free(label);
	free(safe);
}

static void put_advice(FILE *out, const struct why_story *s, const struct why_incident *in)
{
	bool commands = in->n_logs > 0;

	for (size_t i = 0; i < in->n_steps; i++) {
		const struct why_advice *x = &in->steps[i];
		bool any = strcmp(x->vendor, "any") == 0;

		if (any)
			put_point(out, "- ", x->text);
		else
			put_step(out, x->vendor, x->text);
		commands = commands || !any;
	}
	if (in->n_steps == 0)
		put_line(out, in->alert->n_actions > 0 ? "As above." : "Nothing needs to be done.");
	for (size_t i = 0; i < in->n_logs; i++) {
		if (i == 0)
			put_line(out, "The line to look for in the log of the box:");
		put_step(out, in->logs[i].vendor, in->logs[i].text);
	}
	if (!s->vendors_known && s->tunnel && commands)
		put_line(out, "No gateway says of which make it is: these are the usual ones.");
	fprintf(out, "%*smore, and all vendors: sawatch explain %s\n", INDENT, "", in->alert->code);
}

static void put_incident(FILE *out, bool colour, const struct why_story *s, size_t n)
{
	const struct why_incident *in = &s->incidents[n];
	const struct record_alert *a = in->alert;
	char heading[256];
	struct text text = TEXT_IN(heading);

	text_add(&text, "Evidence");
	if (s->n_incidents > 1)
		text_add(&text, " %zu of %zu", n + 1, s->n_incidents);
	text_add(&text, ": %s", a->code);
	if (a->cause)
		text_add(&text, " (%s)", a->cause);
	text_add(&text, ", %s, confidence %s, alert %" PRIu64, severity_text(a->severity),
		 confidence_text(a->confidence), a->id);

	char *safe = report_printable(heading);

	put_heading(out, colour, safe);
	free(safe);
	put_evidence(out, s, in);
	if (in->look.n + in->points.n + in->against.n > 0)
		put_heading(out, colour, "Whose side");
	put_list(out, "", &in->look);
	put_list(out, "for it: ", &in->points);
	put_list(out, "but: ", &in->against);
	put_heading(out, colour, "What to do");
	put_advice(out, s, in);
	if (in->confirm.n + in->refute.n > 0)
		put_heading(out, colour, "What would prove it");
	put_list(out, "confirmed by: ", &in->confirm);
	put_list(out, "refuted by: ", &in->refute);
}

/* ---- the whole ---- */

static const char *rank_title(const struct why_story *s)
{
	static const char *const words[] = {
		[SEVERITY_INFO] = "INFORMATION", [SEVERITY_WARNING] = "WARNING",
			[SEVERITY_CRITICAL] = "CRITICAL",
	};

	if (s->n_incidents > 0)
		return words[s->incidents[0].severity];
	return s->tunnel && s->tunnel->record.state == TUNNEL_UP && !s->one_side_stopped
		       ? "HEALTHY"
		       : "NO ALERT";
}

static void put_verdict(FILE *out, bool colour, const struct why_story *s)
{
	const char *title = rank_title(s);
	enum shade shade = *title == 'C'   ? SHADE_BAD
			   : *title == 'W' ? SHADE_NOTICE
			   : *title == 'H' ? SHADE_GOOD
					   : SHADE_STRONG;

	put_shaded(out, colour, shade, title);
	putc('\n', out);
	put_list(out, "", &s->verdict);
	if (s->traffic)
		put_line(out, s->traffic);
}

static void put_story(FILE *out, const struct why *w, const struct why_story *s)
{
	bool colour = w->options.colour;

	put_verdict(out, colour, s);
	if (s->tunnel)
		put_timeline(out, colour, s->moments);
	for (size_t i = 0; i < s->n_incidents; i++)
		put_incident(out, colour, s, i);
	if (s->remarks.n > 0)
		put_heading(out, colour, "Also noticed");
	put_list(out, "", &s->remarks);
	if (!s->tunnel)
		return;
	put_heading(out, colour, "What could not be seen");
	for (size_t i = 0; i < s->tunnel->record.n_unobservable; i++)
		put_line(out, s->tunnel->record.unobservable[i]);
	put_line(out, "The content of encrypted messages: what is not said in clear is inferred "
		      "from order, size and time.");
}

void why_tell(struct why *w, FILE *out)
{
	struct why_story story;
	struct why_list words = { 0 };
	char *text = NULL;
	size_t length = 0;
	FILE *memory = open_memstream(&text, &length);

	memory_or_end(memory);
	why_story_tell(&story, w);
	put_story(memory, w, &story);
	fclose(memory);
	fwrite(text, 1, length, out);
	why_glossary(&words, text);
	if (words.n > 0)
		put_heading(out, w->options.colour, "Words");
	put_list(out, "", &words);
	why_list_done(&words);
	why_story_done(&story);
	free(text);
}
