/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whatever a packet, a file name or a stranger's database may have put into a record: no writer
 * lets it move a cursor, break a line, turn the direction of text, or become markup.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sawatch/html.h>
#include <sawatch/metrics.h>
#include <sawatch/syslog.h>

#include "report/samples.h"

static char longer[20000];

static const char *const hostile[] = {
	"\033]0;owned\007\033[2J\033[31m",			/* a terminal's commands */
	"a\nb\rc\vd\fe\x08\x7f",
	/* no UTF-8, or not any more */
	"\x9b" "31m \xff \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82",
	/* turned, hidden, broken, C1 */
	"\xe2\x80\xae" "dlrow \xe2\x81\xa6 \xe2\x80\x8b \xef\xbb\xbf \xe2\x80\xa8 \xc2\x9b",
	"<script>alert(1)</script>\"'><img src=x "
	"onerror=alert(1)>&lt;!--]]><svg/onload=1></style></title>",
	"=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1",
	"\",\"\\\"}]\\",
	"%s%n%1000000d",
	longer,
};

enum { HOSTILE = sizeof(hostile) / sizeof(hostile[0]) };

/* Every record with this text wherever text can be. */
static void feed(const struct record_sink *sink, const char *text)
{
	const struct record_offer offer = {
		.encryption = text, .integrity = text, .prf = text, .group = text, .auth = text,
		.life_seconds = 10,
		.life_kilobytes = RECORD_UNKNOWN,
	};
	const struct record_evidence evidence[] = {
		{ .name = text, .type = EVIDENCE_TEXT, .text = text }, { .name = "kind", .type =
		  EVIDENCE_TEXT, .text = text },
	};
	const struct record_action actions[] = { { text, text }, { "any", text } };
	struct record_capture capture = sample_capture();
	struct record_tunnel tunnel = sample_tunnel(1);
	struct record_ike_sa ike = sample_ike_sa(1);
	struct record_child_sa child = sample_child_sa(1);
	struct record_esp_sa esp = sample_esp_sa(1);
	struct record_exchange exchange = sample_exchange(1);
	struct record_event event = {
		.capture = 1, .seq = 1, .tunnel = tunnel.id, .at = AT(3), .kind = text,
		.text = text, .peers = sample_peers,
	};
	struct record_alert alerts[3] = { sample_alert(1), sample_alert(1), sample_alert(0) };

	capture.name = capture.kind = capture.link_type = capture.fingerprint = text;
	capture.warnings = &text;
	capture.n_warnings = 1;
	tunnel.unobservable = &text;
	tunnel.n_unobservable = 1;
	tunnel.label = text;
	ike.vendor_ids = &text;
	ike.n_vendor_ids = 1;
	ike.suite = offer;
	ike.offered = &offer;
	ike.n_offered = 1;
	exchange.kind = text;
	exchange.request_frame = 12;
	for (uint32_t i = 0; i < 3; i++) {
		alerts[i].id = object_id_of(1, i + 1);
		/* a known one, so that its story is told */
		alerts[i].code = i == 1 ? "spi_churn" : text;
		alerts[i].summary = alerts[i].cause = text;
		alerts[i].evidence = evidence;
		alerts[i].n_evidence = 2;
		alerts[i].actions = actions;
		alerts[i].n_actions = 2;
	}
	if (sink->capture)
		sink->capture(sink->user, &capture);
	if (sink->tunnel)
		sink->tunnel(sink->user, &tunnel);
	if (sink->ike_sa)
		sink->ike_sa(sink->user, &ike);
	if (sink->child_sa)
		sink->child_sa(sink->user, &child);
	if (sink->esp_sa)
		sink->esp_sa(sink->user, &esp);
	if (sink->exchange)
		sink->exchange(sink->user, &exchange);
	if (sink->event)
		sink->event(sink->user, &event);
	for (int i = 0; i < 3 && sink->alert; i++)
		sink->alert(sink->user, &alerts[i]);
}

/* One character of UTF-8; 0 at the end, UINT32_MAX when it is none. */
static uint32_t next_character(const char **at)
{
	const unsigned char *s = (const unsigned char *)*at;
	size_t n = s[0] < 0x80       ? 0
		   : s[0] >> 5 == 6  ? 1
		   : s[0] >> 4 == 14 ? 2
		   : s[0] >> 3 == 30 ? 3
				     : 9;
	uint32_t code = n == 0 ? s[0] : n == 9 ? UINT32_MAX : s[0] & (0x3fU >> n);

	for (size_t i = 1; i <= n && n < 9; i++) {
		if (s[i] >> 6 != 2)
			return UINT32_MAX;
		code = code << 6 | (s[i] & 0x3fU);
	}
	*at += (n == 9 ? 0 : n) + 1;
	return code;
}

/* `returns`: CSV ends its lines with CR LF. */
static void assert_harmless(const char *writer, const char *text, bool returns)
{
	uint32_t c;

	assert_true(*text);
	for (const char *at = text; (c = next_character(&at)) != 0;) {
		bool line = c == '\n' || (returns && c == '\r' && *at == '\n');

		if (c == UINT32_MAX || (c < 0x20 && !line) || (c >= 0x7f && c < 0xa0) ||
		    (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
		    (c >= 0x2066 && c <= 0x2069) || c == 0xfeff)
			fail_msg("%s lets U+%04X through at %zu: %.60s", writer, c,
				 (size_t)(at - text), at);
	}
}

static void lines_for_programs_stay_harmless(void **state)
{
	(void)state;
	for (size_t i = 0; i < HOSTILE; i++) {
		struct printed p;
		struct record_sink sink;
		size_t lines = 0;

		printed_open(&p);
		sink = report_json(p.out);
		feed(&sink, hostile[i]);
		assert_harmless("JSON", printed_text(&p), false);
		for (const char *at = p.text; (at = strchr(at, '\n')); at++)
			lines++;
		assert_int_equal(lines, 10);	/* an object each, no more */
		printed_close(&p);
	}
}

static void the_diagnosis_stays_harmless(void **state)
{
	static const struct diagnosis_options options[] = { { .verbose = true }, { .quiet = true },
	{ .colour = false } };

	(void)state;
	for (size_t i = 0; i < HOSTILE * 3; i++) {
		struct diagnosis *d = diagnosis_open(&options[i % 3]);
		struct record_sink sink = diagnosis_sink(d);
		struct printed p;

		feed(&sink, hostile[i / 3]);
		printed_open(&p);
		diagnosis_print(d, p.out);
		assert_harmless("the diagnosis", printed_text(&p), false);
		printed_close(&p);
		diagnosis_close(d);
	}
}

static void tables_stay_harmless(void **state)
{
	(void)state;
	for (size_t i = 0; i < HOSTILE; i++)
		for (int kind = ROWS_TUNNELS; kind <= ROWS_SAS; kind++)
			for (int format = TABLE_ALIGNED; format <= TABLE_JSON; format++) {
				struct record_sink sink;
				struct printed p;
				struct rows *r;

				printed_open(&p);
				r = rows_open(p.out, (enum table_format)format,
					      (enum rows_kind)kind);
				sink = rows_sink(r);
				feed(&sink, hostile[i]);
				rows_close(r);
				assert_harmless("a table", printed_text(&p), format == TABLE_CSV);
				printed_close(&p);
			}
}

static void no_cell_of_a_spreadsheet_begins_a_formula(void **state)
{
	(void)state;
	for (size_t i = 0; i < HOSTILE; i++) {
		struct record_sink sink;
		struct printed p;
		struct rows *r;

		printed_open(&p);
		r = rows_open(p.out, TABLE_CSV, ROWS_EVENTS);
		sink = rows_sink(r);
		feed(&sink, hostile[i]);
		rows_close(r);
		for (const char *at = printed_text(&p); (at = strpbrk(at, ",\n")); at++)
			assert_null(strchr("=@+", at[1] == '"' ? at[2] : at[1] ? at[1] : ' '));
		printed_close(&p);
	}
}

static void the_story_stays_harmless(void **state)
{
	static const struct why_options options = { .colour = false };

	(void)state;
	for (size_t i = 0; i < HOSTILE; i++) {
		struct why *w = why_open(&options);
		struct record_sink sink = why_sink(w);
		struct printed told, json;

		feed(&sink, hostile[i]);
		printed_open(&told);
		printed_open(&json);
		why_tell(w, told.out);
		why_tell_json(w, json.out);
		assert_harmless("why", printed_text(&told), false);
		assert_harmless("why --json", printed_text(&json), false);
		assert_int_equal(strcspn(json.text, "\n") + 1, strlen(json.text));
		printed_close(&told);
		printed_close(&json);
		why_close(w);
	}
}

static const char *hostile_page(const char *code)
{
	(void)code;
	return "# <b>\n\n\033[31m</pre><script>\n";
}

static void the_page_stays_harmless(void **state)
{
	static const char *const markup[] = {
		"<script", "<img", "<svg/", "</style></title>", "<b>\n", "]]>", "<!--",
	};

	(void)state;
	for (size_t i = 0; i < HOSTILE; i++) {
		const struct html_options o = {
			.title = hostile[i], .version = hostile[i], .now = AT(100),
			.since = NSEC_NONE, .until = NSEC_NONE,
			.page = hostile_page,
		};
		struct html *h = html_open(&o);
		struct record_sink sink = html_sink(h);
		struct printed p;

		feed(&sink, hostile[i]);
		assert_int_equal(html_judge(h), 1);
		sink = html_detail_sink(h, 0);
		feed(&sink, hostile[i]);
		printed_open(&p);
		html_print(h, p.out);
		assert_harmless("the page", printed_text(&p), false);
		for (size_t k = 0; k < sizeof(markup) / sizeof(markup[0]); k++)
			if (strstr(p.text, markup[k]))
				fail_msg("\"%s\" became markup: %.80s", markup[k],
					 strstr(p.text, markup[k]));
		printed_close(&p);
		html_close(h);
	}
}

static void syslog_and_metrics_stay_harmless(void **state)
{
	static const char *const codes[] = { "spi_churn", NULL };

	(void)state;
	for (size_t i = 0; i < HOSTILE; i++) {
		const struct syslog_origin o = {
			.facility = 3, .host = hostile[i], .process = 1, .sensor = hostile[i]
		};
		const struct metrics_figures f = {
			.version = hostile[i], .sensor = hostile[i], .started = AT(0), .now = AT(1)
		};
		struct metrics *m = metrics_open(NULL, codes, 10);
		struct record_sink sink = metrics_sink(m);
		struct record_tunnel t = sample_tunnel(1);
		struct printed p;
		char message[SYSLOG_MAX];

		syslog_tunnel(&o, &t, hostile[i], message);
		assert_harmless("syslog", message, false);
		assert_null(strchr(message, '\n'));
		feed(&sink, hostile[i]);
		printed_open(&p);
		metrics_print(m, &f, p.out);
		assert_harmless("metrics", printed_text(&p), false);
		printed_close(&p);
		metrics_close(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_for_programs_stay_harmless),
		cmocka_unit_test(the_diagnosis_stays_harmless),
		cmocka_unit_test(tables_stay_harmless),
		cmocka_unit_test(no_cell_of_a_spreadsheet_begins_a_formula),
		cmocka_unit_test(the_story_stays_harmless),
		cmocka_unit_test(the_page_stays_harmless),
		cmocka_unit_test(syslog_and_metrics_stay_harmless),
	};

	memset(longer, '\033', sizeof(longer) - 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
