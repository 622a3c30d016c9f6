/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Strings of any bytes in every place of a record that a packet, a file name
 * or a configuration can reach, through every writer: what comes out is UTF-8
 * without controls, and is in its format what the format says.
 */
#include <sawatch/html.h>
#include <sawatch/metrics.h>
#include <sawatch/syslog.h>

#include "formats.h"
#include "report/samples.h"

enum { TEXTS = 24, TEXT_LENGTH_MAX = 200 };

/* The input, cut at its zero bytes into strings; the last one is said again and again. */
struct texts {
	char text[TEXTS][TEXT_LENGTH_MAX + 1];
	size_t n, next;
};

static void texts_of(struct texts *t, const uint8_t *data, size_t size)
{
	size_t length = 0;

	*t = (struct texts){ 0 };
	for (size_t i = 0; i < size && t->n < TEXTS; i++) {
		if (data[i] == 0 || length == TEXT_LENGTH_MAX) {
			t->n++;
			length = 0;
		}
		if (data[i] != 0 && t->n < TEXTS)
			t->text[t->n][length++] = (char)data[i];
	}
	if (length > 0 || t->n == 0)
		t->n++;
}

static const char *say(struct texts *t)
{
	return t->text[t->next++ % t->n];
}

/* ---- what must hold of a syslog message ---------------------------------------- */

/* RFC 5424 6: one line; what is quoted in structured data closes its quotes and its brackets. */
static void must_be_syslog(const char *text, size_t length)
{
	bool quoted = false, inside = false;

	size_t begin = 0;

	MUST(length < SYSLOG_MAX && text[length] == '\0' && text[0] == '<');
	/* before it six words, of which the host may have a bracket in it */
	for (int words = 0; words < 6 && begin < length; words += text[begin++] == ' ')
		;
	MUST(text[begin] == '[');
	for (size_t i = begin; i < length; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (inside && text[i] == '"')
			quoted = !quoted;
		else if (!quoted && text[i] == '[' && !inside)
			inside = true;
		else if (!quoted && text[i] == ']' && inside) {
			inside = false;
			if (i + 1 < length && text[i + 1] == ' ')
				break;	/* the message follows: people's text */
		}
	}
	MUST(!quoted && !inside);
}

/* ---- records with these strings ---------------------------------------------- */

struct hostile {
	struct record_capture capture;
	struct record_tunnel tunnel;
	struct record_ike_sa ike_sa;
	struct record_child_sa child_sa;
	struct record_esp_sa esp_sa;
	struct record_exchange exchange;
	struct record_event event;
	struct record_alert alert;
	struct record_offer offers[2];
	struct record_evidence evidence[2];
	struct record_action actions[2];
	const char *lines[6];
};

static struct record_offer offer_of(struct texts *t)
{
	return (struct record_offer){
		.encryption = say(t), .integrity = say(t), .prf = say(t), .group = say(t),
		.auth = say(t), .key_bits = 128,
		.life_seconds = RECORD_UNKNOWN, .life_kilobytes = RECORD_UNKNOWN,
	};
}

static void hostile_make(struct hostile *h, struct texts *t)
{
	*h = (struct hostile){
		.capture = sample_capture(), .tunnel = sample_tunnel(1), .ike_sa = sample_ike_sa(1),
		.child_sa = sample_child_sa(1),
		.esp_sa = sample_esp_sa(1), .exchange = sample_exchange(1),
		.alert = sample_alert(1),
	};
	for (size_t i = 0; i < 6; i++)
		h->lines[i] = say(t);
	for (size_t i = 0; i < 2; i++) {
		h->offers[i] = offer_of(t);
		h->evidence[i] = (struct record_evidence){ .name = i ? "side" : "other_text",
							   .type = EVIDENCE_TEXT,
							   .text = say(t) };
		h->actions[i] = (struct record_action){ .vendor = say(t), .text = say(t) };
	}
	h->capture.name = say(t);
	h->capture.link_type = say(t);
	h->capture.warnings = h->lines;
	h->capture.n_warnings = 2;
	h->tunnel.label = say(t);
	h->tunnel.unobservable = h->lines + 2;
	h->tunnel.n_unobservable = 2;
	h->ike_sa.suite = h->offers[0];
	h->ike_sa.offered = h->offers + 1;
	h->ike_sa.vendor_ids = h->lines + 4;
	h->exchange.kind = say(t);
	h->event = (struct record_event){
		.capture = 1, .seq = 1, .tunnel = h->tunnel.id, .at = AT(3), .kind = "nat_moved",
		.text = say(t), .peers = sample_peers,
	};
	h->alert.summary = say(t);
	h->alert.cause = say(t);
	h->alert.evidence = h->evidence;
	h->alert.n_evidence = 2;
	h->alert.actions = h->actions;
	h->alert.n_actions = 2;
}

static void give(const struct hostile *h, const struct record_sink *to)
{
	if (to->capture)
		to->capture(to->user, &h->capture);
	if (to->tunnel)
		to->tunnel(to->user, &h->tunnel);
	if (to->ike_sa)
		to->ike_sa(to->user, &h->ike_sa);
	if (to->child_sa)
		to->child_sa(to->user, &h->child_sa);
	if (to->esp_sa)
		to->esp_sa(to->user, &h->esp_sa);
	if (to->exchange)
		to->exchange(to->user, &h->exchange);
	if (to->event)
		to->event(to->user, &h->event);
	if (to->alert)
		to->alert(to->user, &h->alert);
}

/* ---- every writer ------------------------------------------------------------- */

static void write_json(const struct hostile *h)
{
	struct printed p;

	printed_open(&p);
	struct record_sink to = report_json(p.out);

	give(h, &to);
	printed_text(&p);
	must_be_json_lines(p.text, p.length);
	printed_close(&p);
}

static void write_rows(const struct hostile *h)
{
	for (int format = TABLE_ALIGNED; format <= TABLE_JSON; format++)
		for (int kind = ROWS_TUNNELS; kind <= ROWS_SAS; kind++) {
			struct printed p;

			printed_open(&p);
			struct rows *r =
				rows_open(p.out, (enum table_format)format, (enum rows_kind)kind);
			struct record_sink to = rows_sink(r);

			give(h, &to);
			rows_close(r);
			printed_text(&p);
			if (format == TABLE_CSV)
				must_be_csv(p.text, p.length);
			else if (format == TABLE_JSON)
				must_be_json_lines(p.text, p.length);
			else
				must_be_plain(p.text, p.length, "\n");
			printed_close(&p);
		}
}

static void write_diagnosis(const struct hostile *h, struct record_sink (*sink)(struct diagnosis *))
{
	const struct diagnosis_options options = { .verbose = true };
	struct diagnosis *d = diagnosis_open(&options);
	struct printed p;

	MUST(d);
	printed_open(&p);
	struct record_sink to = sink(d);

	give(h, &to);
	if (sink == diagnosis_told_sink)	/* and again, as it may be told */
		give(h, &to);
	diagnosis_print(d, p.out);
	MUST(diagnosis_worst(d) >= -1);
	diagnosis_close(d);
	printed_text(&p);
	must_be_plain(p.text, p.length, "\n");
	printed_close(&p);
}

static void write_why(const struct hostile *h)
{
	const struct why_options options = { .alert = 0 };
	struct why *w = why_open(&options);
	struct printed told, json;

	MUST(w);
	printed_open(&told);
	printed_open(&json);
	struct record_sink to = why_sink(w);

	give(h, &to);
	why_tell(w, told.out);
	why_tell_json(w, json.out);
	why_close(w);
	printed_text(&told);
	printed_text(&json);
	must_be_plain(told.text, told.length, "\n");
	must_be_json_lines(json.text, json.length);
	printed_close(&told);
	printed_close(&json);
}

static void write_syslog(const struct hostile *h, struct texts *t)
{
	const struct syslog_origin origin = {
		.facility = 3, .host = say(t), .process = 7, .sensor = say(t)
	};
	char message[SYSLOG_MAX];

	must_be_syslog(message, syslog_alert(&origin, &h->alert, say(t), message));
	must_be_plain(message, strlen(message), "");
	must_be_syslog(message, syslog_tunnel(&origin, &h->tunnel, say(t), message));
	must_be_plain(message, strlen(message), "");
	must_be_syslog(message, syslog_notice(&origin, AT(0), say(t), message));
	must_be_plain(message, strlen(message), "");
}

static void write_metrics(const struct hostile *h, struct texts *t)
{
	static const char *const codes[] = { "spi_churn", NULL };
	struct expected expected = { 0 };
	struct expected_tunnel *x = expected_add(&expected, say(t));
	struct metrics_figures f = { .version = "1",
				     .sensor = say(t),
				     .started = AT(0),
				     .now = AT(60),
				     .interfaces_up = true };
	struct printed p;

	MUST(x);
	x->peers[0] = sample_peers[0];
	x->peers[1] = sample_peers[1];
	x->has_peers = true;

	struct metrics *m = metrics_open(&expected, codes, 4);

	MUST(m);
	printed_open(&p);
	struct record_sink to = metrics_sink(m);

	give(h, &to);
	metrics_print(m, &f, p.out);
	metrics_close(m);
	expected_done(&expected);
	printed_text(&p);
	must_be_metrics(p.text, p.length);
	printed_close(&p);
}

static void write_html(const struct hostile *h, struct texts *t)
{
	const struct html_options options = {
		.title = say(t), .version = say(t), .now = AT(100), .since = NSEC_NONE,
		.until = NSEC_NONE, .every_tunnel = true,
	};
	struct html *page = html_open(&options);
	struct record_sink to = html_sink(page);
	struct printed p;

	give(h, &to);
	for (size_t i = 0, n = html_judge(page); i < n; i++) {
		to = html_detail_sink(page, i);
		give(h, &to);
	}
	printed_open(&p);
	html_print(page, p.out);
	html_close(page);
	printed_text(&p);
	must_be_html(p.text, p.length);
	printed_close(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct texts t;
	static struct hostile h;

	texts_of(&t, data, size);
	hostile_make(&h, &t);
	write_json(&h);
	write_rows(&h);
	write_diagnosis(&h, diagnosis_sink);
	write_diagnosis(&h, diagnosis_told_sink);
	write_why(&h);
	write_syslog(&h, &t);
	write_metrics(&h, &t);
	write_html(&h, &t);
	return 0;
}
