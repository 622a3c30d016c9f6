/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/outputs.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sawatch/memory.h>
#include <sawatch/metrics.h>
#include <sawatch/outlet.h>
#include <sawatch/report.h>
#include <sawatch/syslog.h>

#include "cli/cli.h"
#include "cli/condition.h"

enum {
	/* objects have dense numbers: so many of the latest are remembered */
	TOLD = 16384,
	PATIENCE_MS = 4000,	/* with an outlet at the end; it takes three seconds at most */
};

struct told {
	object_id id;
	unsigned what;
};

struct outputs {
	const struct read_options *options;
	struct outlet *syslog, *metrics, *on_alert;	/* NULL: not wanted */
	struct metrics *page;				/* with `metrics` */
	struct record_sink next, collect;
	struct syslog_origin origin;
	char host[256];
	nsec started, next_page;
	struct told tunnels[TOLD], alerts[TOLD];
};

static nsec time_of_day(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NSEC_PER_S + now.tv_nsec;
}

static const char *name_of(const struct outputs *x, const struct endpoint *peers)
{
	const struct expected *inventory = &x->options->expected;
	size_t place = peers ? expected_find(inventory, peers) : inventory->n;

	return place < inventory->n ? inventory->tunnel[place].name : NULL;
}

/* ---- messages ---- */

/* Has what is to be told of this object changed?  0 is "nothing was told". */
static bool news(struct told told[TOLD], object_id id, unsigned what, unsigned *ret_before)
{
	struct told *slot = &told[id % TOLD];

	*ret_before = slot->id == id ? slot->what : 0;
	*slot = (struct told){ .id = id, .what = what };
	return *ret_before != what;
}

/* Of a history that this run goes on with. */
static bool is_old(const struct outputs *x, nsec since)
{
	return since != NSEC_NONE && since < x->started;
}

static void tell_syslog(struct outputs *x, const char *message, size_t length)
{
	outlet_put(x->syslog, message, length);
}

static void put_variable(FILE *out, const char *name, const char *value)
{
	char *safe = report_printable(value ? value : "");

	fprintf(out, "SAWATCH_%s=%s\n", name, safe);
	free(safe);
}

static void run_command(struct outputs *x, const struct record_alert *r)
{
	char tunnel[TUNNEL_TEXT_MAX];
	char *message = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&message, &length);
	struct record_sink json;

	memory_or_end(out);
	put_variable(out, "STATUS", r->cleared ? "cleared" : "raised");
	put_variable(out, "CODE", r->code);
	put_variable(out, "SEVERITY", severity_text(r->severity));
	put_variable(out, "TUNNEL", r->peers ? tunnel_text(r->peers, tunnel) : "");
	put_variable(out, "NAME", name_of(x, r->peers));
	putc('\n', out);
	json = report_json(out);
	json.alert(json.user, r);
	fclose(out);
	outlet_put(x->on_alert, message, length);
	free(message);
}

static void on_alert(void *user, const struct record_alert *r)
{
	struct outputs *x = user;
	unsigned before, what = r->cleared ? 1 : 2 + (unsigned)r->severity;
	char message[SYSLOG_MAX];

	if (x->next.alert)
		x->next.alert(x->next.user, r);
	if (x->page)
		x->collect.alert(x->collect.user, r);
	if (!news(x->alerts, r->id, what, &before) || (what < before && !r->cleared))
		return;		/* that it has become milder is no reason to call somebody */
	if (before == 0 && !r->cleared && is_old(x, r->raised))
		return;		/* an earlier run has told it */
	if (x->syslog)
		tell_syslog(x, message, syslog_alert(&x->origin, r, name_of(x, r->peers), message));
	if (x->on_alert && r->severity >= SEVERITY_WARNING)
		run_command(x, r);
}

static void on_tunnel(void *user, const struct record_tunnel *r)
{
	struct outputs *x = user;
	char message[SYSLOG_MAX];
	unsigned before;

	if (x->next.tunnel)
		x->next.tunnel(x->next.user, r);
	if (x->page)
		x->collect.tunnel(x->collect.user, r);
	if (x->syslog && news(x->tunnels, r->id, 1 + (unsigned)r->state, &before) &&
	    (before != 0 || (r->state != TUNNEL_UNKNOWN && !is_old(x, r->since))))
		tell_syslog(x, message,
			    syslog_tunnel(&x->origin, r, name_of(x, r->peers), message));
}

/* Kinds that only the page counts, or nobody here. */
#define PASS_ON(kind)                                                             \
	static void on_##kind(void *user, const struct record_##kind *r)          \
	{                                                                         \
		struct outputs *x = user;                                         \
                                                                                  \
		if (x->next.kind)                                                 \
			x->next.kind(x->next.user, r);                            \
		if (x->page && x->collect.kind)                                   \
			x->collect.kind(x->collect.user, r);                      \
	}

PASS_ON(capture)
PASS_ON(ike_sa)
PASS_ON(esp_sa)
PASS_ON(child_sa)
PASS_ON(exchange)
PASS_ON(event)
PASS_ON(traffic)

struct record_sink outputs_sink(struct outputs *x, const struct record_sink *next)
{
	x->next = *next;
	return (struct record_sink){
		.user = x,
		.capture = on_capture,
		.tunnel = on_tunnel,
		.ike_sa = next->ike_sa ? on_ike_sa : NULL,
		.esp_sa = on_esp_sa,
		.child_sa = next->child_sa ? on_child_sa : NULL,
		.exchange = next->exchange ? on_exchange : NULL,
		.event = next->event ? on_event : NULL,
		.alert = on_alert,
		.traffic = next->traffic ? on_traffic : NULL,
	};
}

/* ---- metrics ---- */

static void count_tables(struct metrics_figures *f, struct pipeline *p,
			 const struct tracker_counters *c)
{
	static const char *const names[TRACKER_TABLES] = {
		[TRACKER_TUNNELS] = "tunnels", [TRACKER_IKE_SAS] = "ike_sas",
			[TRACKER_CHILD_SAS] = "child_sas",
		[TRACKER_ESP_SAS] = "esp_sas",
	};
	const uint64_t evicted[TRACKER_TABLES] = {
		[TRACKER_TUNNELS] = c->evicted_tunnels, [TRACKER_IKE_SAS] = c->evicted_ike_sas,
		[TRACKER_CHILD_SAS] = c->evicted_child_sas, [TRACKER_ESP_SAS] = c->evicted_esp_sas,
	};
	struct tracker_fill fill[TRACKER_TABLES];

	pipeline_fill(p, fill);
	f->n_tables = TRACKER_TABLES;
	for (size_t i = 0; i < TRACKER_TABLES; i++)
		f->tables[i] = (struct metrics_table){
			.name = names[i], .used = fill[i].used, .most = fill[i].most,
			.evicted = evicted[i],
		};
}

static void count_store(struct metrics_figures *f, const struct outputs *x, struct pipeline *p,
			bool up)
{
	struct store_writer_counters c;

	pipeline_store_counters(p, &c);
	f->has_store = x->options->database != NULL;
	f->store_up = up;
	f->store_waiting = c.waiting;
	f->store_bytes = c.bytes;
	f->store_bytes_max = c.ceiling;
	f->store_rows = c.rows;
	f->store_retries = c.retries;
	f->store_dropped_traffic = c.dropped_traffic;
	f->store_dropped_facts = c.dropped_facts;
	f->store_dropped_alerts = c.dropped_alerts;
}

static void count_output(struct metrics_figures *f, struct outlet *o, const char *name)
{
	struct outlet_counters c;

	if (!o)
		return;
	outlet_counters(o, &c);
	f->outputs[f->n_outputs++] = (struct metrics_output){
		.name = name, .up = c.up, .sent = c.sent, .dropped = c.dropped,
		.restarts = c.restarts,
	};
}

static void tell_page(struct outputs *x, struct live *live, struct pipeline *p, bool store_up,
		      nsec now)
{
	struct metrics_figures f = {
		.version = SAWATCH_VERSION, .sensor = x->options->sensor, .started = x->started,
		.now = now,
		.interfaces_up = live_sees(live),
	};
	struct tracker_counters counted;
	struct live_counters lost;
	char *page = NULL;
	size_t length = 0;
	FILE *out;

	live_counters(live, &lost);
	f.dropped_by_kernel = lost.dropped;
	f.dropped_by_interface = lost.interface_dropped;
	pipeline_counters(p, &counted);
	pipeline_tunnel_states(p, f.tunnels);
	count_tables(&f, p, &counted);
	count_store(&f, x, p, store_up);
	count_output(&f, x->syslog, "syslog");
	count_output(&f, x->on_alert, "on_alert");
	count_output(&f, x->metrics, "metrics");
	out = open_memstream(&page, &length);
	memory_or_end(out);
	metrics_print(x->page, &f, out);
	fclose(out);
	if (!outlet_page(x->metrics, page, length))
		complain("metrics: the page is too long; fewer tunnels with lines of their own: "
			 "--set metrics.tunnels=1000");
	free(page);
}

static void listen_to(struct outlet *o)
{
	struct outlet_counters c;
	struct err said;

	if (!o)
		return;
	outlet_counters(o, &c);
	while (outlet_news(o, &said))
		complain("%s", said.text);
}

void outputs_tick(struct outputs *x, struct live *live, struct pipeline *p, bool store_up)
{
	nsec now = time_of_day();

	listen_to(x->syslog);
	listen_to(x->on_alert);
	listen_to(x->metrics);
	/* a clock that was set back makes no long silence */
	if (x->metrics &&
	    (now >= x->next_page || x->next_page - now > x->options->settings.metrics_every)) {
		x->next_page = now + x->options->settings.metrics_every;
		tell_page(x, live, p, store_up, now);
	}
}

/* ---- begin and end ---- */

static void tell_notice(struct outputs *x, const char *what, const char *name)
{
	char text[512], message[SYSLOG_MAX];

	if (!x->syslog)
		return;
	snprintf(text, sizeof(text), "sawatch " SAWATCH_VERSION " %s%s", what, name);
	tell_syslog(x, message, syslog_notice(&x->origin, time_of_day(), text, message));
}

void outputs_expect_again(struct outputs *x, size_t n_before)
{
	if (x->page)
		metrics_expect_again(x->page, n_before);
}

void outputs_begin(struct outputs *x, const char *name)
{
	tell_notice(x, "watches ", name);
}

void outputs_end(struct outputs *x)
{
	tell_notice(x, "has ended", "");
}

static bool open_page(struct outputs *x, struct err *e)
{
	const struct read_options *o = x->options;
	const struct outlet_metrics om = {
		.file = o->texts.metrics_file, .listen = o->texts.metrics_listen, .user = o->user,
	};

	if (!om.file && !om.listen)
		return true;
	x->page = metrics_open(&o->expected, condition_codes(),
			       (size_t)o->settings.metrics_tunnels);
	x->collect = metrics_sink(x->page);
	metrics_since(x->page, x->started);
	return outlet_metrics(&x->metrics, &om, e);
}

bool outputs_open(struct outputs **ret, const struct read_options *o, struct err *e)
{
	struct outputs *x = calloc(1, sizeof(*x));
	const struct outlet_command oc = {
		.command = o->texts.on_alert, .user = o->user,
		.timeout_ms = (int)(o->settings.on_alert_timeout / NSEC_PER_MS),
		.per_minute = (int)o->settings.on_alert_per_minute,
	};

	memory_or_end(x);
	*ret = x;
	x->options = o;
	x->started = time_of_day();
	if (gethostname(x->host, sizeof(x->host) - 1) != 0)
		x->host[0] = '\0';
	x->origin = (struct syslog_origin){
		.facility = (int)o->settings.syslog_facility, .host = x->host, .process = getpid(),
		.sensor = o->sensor,
	};
	return (!o->texts.syslog || outlet_syslog(&x->syslog, o->texts.syslog, o->user, e)) &&
	       (!oc.command || outlet_command(&x->on_alert, &oc, e)) && open_page(x, e);
}

void outputs_close(struct outputs *x)
{
	if (!x)
		return;
	outlet_close(x->syslog, PATIENCE_MS);
	outlet_close(x->on_alert, PATIENCE_MS);
	outlet_close(x->metrics, PATIENCE_MS);
	metrics_close(x->page);
	free(x);
}
