/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The page of metrics, in the text format of Prometheus (version 0.0.4). */
#include <inttypes.h>
#include <stdlib.h>

#include <sawatch/report.h>

#include "report/metrics_parts.h"

static void head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP sawatch_%s %s\n# TYPE sawatch_%s %s\n", name, help, name, type);
}

static void put_counter(FILE *out, const char *name, const char *help, int64_t value)
{
	head(out, name, "counter", help);
	fprintf(out, "sawatch_%s %" PRId64 "\n", name, value < 0 ? 0 : value);
}

static void put_gauge(FILE *out, const char *name, const char *help, uint64_t value)
{
	head(out, name, "gauge", help);
	fprintf(out, "sawatch_%s %" PRIu64 "\n", name, value);
}

static void put_seconds(FILE *out, nsec at)
{
	fprintf(out, " %" PRId64 ".%03d\n", at / NSEC_PER_S, (int)(at % NSEC_PER_S / NSEC_PER_MS));
}

static void put_moment(FILE *out, const char *name, const char *help, nsec at)
{
	if (at == NSEC_NONE || at < 0)
		return;
	head(out, name, "gauge", help);
	fprintf(out, "sawatch_%s", name);
	put_seconds(out, at);
}

/*
 * A label's value: backslash, quote and newline escaped; what else cannot be shown is \xHH already.
 */
static void put_label(FILE *out, const char *value)
{
	char *safe = report_printable(value);

	putc('"', out);
	for (const char *c = safe; *c; c++) {
		if (*c == '\\' || *c == '"')
			putc('\\', out);
		putc(*c, out);
	}
	putc('"', out);
	free(safe);
}

static void put_about(FILE *out, const struct metrics_figures *f)
{
	head(out, "build_info", "gauge", "Always 1; the version is a label.");
	fputs("sawatch_build_info{version=", out);
	put_label(out, f->version);
	fputs(",sensor=", out);
	put_label(out, f->sensor ? f->sensor : "");
	fputs("} 1\n", out);
	put_moment(out, "start_time_seconds", "When the monitor was started.", f->started);
	put_moment(out, "report_timestamp_seconds", "When the monitor made this page.", f->now);
}

static void put_capture(FILE *out, const struct record_capture *c, const struct metrics_figures *f)
{
	put_gauge(out, "capture_up", "1 when at least one interface is there and up.",
		  f->interfaces_up);
	put_moment(out, "last_packet_timestamp_seconds", "Time of the latest packet that "
							 "was captured.", c->last);
	put_counter(out, "packets_total", "Packets captured.", c->packets);
	put_counter(out, "bytes_total", "Bytes of the packets captured.", c->bytes);
	put_counter(out, "ike_messages_total", "IKE messages.", c->ike_messages);
	put_counter(out, "esp_packets_total", "ESP packets.", c->esp_packets);
	put_counter(out, "ah_packets_total", "AH packets.", c->ah_packets);
	put_counter(out, "nat_keepalives_total", "NAT keepalives.", c->keepalives);
	put_counter(out, "fragments_total", "IP fragments.", c->fragments);
	put_counter(out, "duplicate_packets_total", "Packets that the mirror delivered twice.",
		    c->duplicates);
	put_counter(out, "malformed_packets_total", "Packets that break their protocol.",
		    c->malformed);
	put_counter(out, "cut_packets_total", "Packets of which too little was captured.", c->cut);
	head(out, "dropped_packets_total", "counter", "Packets lost before they could be "
						      "read, and where.");
	fprintf(out, "sawatch_dropped_packets_total{where=\"kernel\"} %" PRIu64 "\n",
		f->dropped_by_kernel);
	fprintf(out, "sawatch_dropped_packets_total{where=\"interface\"} %" PRIu64 "\n",
		f->dropped_by_interface);
}

static void put_tables(FILE *out, const struct metrics_figures *f)
{
	head(out, "table_entries", "gauge", "Entries in use of the tables of fixed size.");
	for (size_t i = 0; i < f->n_tables; i++)
		fprintf(out, "sawatch_table_entries{table=\"%s\"} %" PRIu64 "\n", f->tables[i].name,
			f->tables[i].used);
	head(out, "table_entries_max", "gauge", "Entries that the tables have (settings table.*).");
	for (size_t i = 0; i < f->n_tables; i++)
		fprintf(out, "sawatch_table_entries_max{table=\"%s\"} %" PRIu64 "\n",
			f->tables[i].name, f->tables[i].most);
	head(out, "table_evictions_total", "counter", "Entries that made room for others because "
						      "the table was full.");
	for (size_t i = 0; i < f->n_tables; i++)
		fprintf(out, "sawatch_table_evictions_total{table=\"%s\"} %" PRIu64 "\n",
			f->tables[i].name, f->tables[i].evicted);
}

static void put_store(FILE *out, const struct metrics_figures *f)
{
	if (!f->has_store)
		return;
	put_gauge(out, "store_up", "1 while the history can be written.", f->store_up);
	put_gauge(out, "store_backlog_records", "Records that wait to be written.",
		  f->store_waiting);
	put_gauge(out, "store_backlog_bytes", "Bytes of the records that wait.", f->store_bytes);
	put_gauge(out, "store_backlog_bytes_max", "Bytes that may wait (setting store.backlog_mb).",
		  f->store_bytes_max);
	put_counter(out, "store_rows_total", "Rows written.", (int64_t)f->store_rows);
	put_counter(out, "store_retries_total", "Transactions that failed and were tried again.",
		    (int64_t)f->store_retries);
	head(out, "store_dropped_records_total", "counter",
	     "Records lost because too many waited.");
	fprintf(out, "sawatch_store_dropped_records_total{kind=\"traffic\"} %" PRIu64 "\n"
		"sawatch_store_dropped_records_total{kind=\"facts\"} %" PRIu64 "\n"
		"sawatch_store_dropped_records_total{kind=\"alerts\"} %" PRIu64 "\n",
		f->store_dropped_traffic, f->store_dropped_facts, f->store_dropped_alerts);
}

static void put_outputs(FILE *out, const struct metrics_figures *f)
{
	if (f->n_outputs == 0)
		return;
	head(out, "output_up", "gauge", "1 while the output reaches whom it is to reach.");
	for (size_t i = 0; i < f->n_outputs; i++)
		fprintf(out, "sawatch_output_up{output=\"%s\"} %d\n", f->outputs[i].name,
			f->outputs[i].up);
	head(out, "output_messages_total", "counter", "Messages sent, commands run, "
						      "pages written or asked for.");
	for (size_t i = 0; i < f->n_outputs; i++)
		fprintf(out, "sawatch_output_messages_total{output=\"%s\"} %" PRIu64 "\n",
			f->outputs[i].name, f->outputs[i].sent);
	head(out, "output_dropped_messages_total", "counter",
	     "Messages given up because too many waited, or lost with a process that died.");
	for (size_t i = 0; i < f->n_outputs; i++)
		fprintf(out, "sawatch_output_dropped_messages_total{output=\"%s\"} %" PRIu64 "\n",
			f->outputs[i].name, f->outputs[i].dropped);
	head(out, "output_restarts_total", "counter",
	     "Output processes that died and were restarted.");
	for (size_t i = 0; i < f->n_outputs; i++)
		fprintf(out, "sawatch_output_restarts_total{output=\"%s\"} %" PRIu64 "\n",
			f->outputs[i].name, f->outputs[i].restarts);
}

/* All conditions, also those that never occurred: a counter must not begin at 1. */
static void put_alerts(struct metrics *m, FILE *out)
{
	uint64_t open[CODES_MAX + 1][SEVERITIES_N] = { { 0 } };

	for (size_t i = 0; i < OPEN_ALERTS; i++)
		if (m->open[i].id != 0)
			open[m->open[i].code][m->open[i].severity]++;
	head(out, "alerts", "gauge", "Alerts that are open.");
	for (size_t i = 0; i < m->n_codes; i++)
		for (int s = 0; s < SEVERITIES_N; s++)
			if (m->raised[i][s] > 0 || open[i][s] > 0)
				fprintf(out,
					"sawatch_alerts{code=\"%s\",severity=\"%s\"} %" PRIu64 "\n",
					m->codes[i], severity_text((enum severity)s), open[i][s]);
	head(out, "alerts_raised_total", "counter", "Alerts raised, or raised to this severity.");
	for (size_t i = 0; i < m->n_codes; i++)
		for (int s = 0; s < SEVERITIES_N; s++)
			fprintf(out,
				"sawatch_alerts_raised_total{code=\"%s\",severity=\"%s\"} %" PRIu64
				"\n",
				m->codes[i], severity_text((enum severity)s), m->raised[i][s]);
}

static int by_addresses(const void *a, const void *b)
{
	const struct seen *x = *(const struct seen *const *)a, *y = *(const struct seen *const *)b;

	for (int i = 0; i < 2; i++) {
		int order = addr_compare(x->peers[i].addr, y->peers[i].addr);

		if (order != 0)
			return order;
	}
	return x->id < y->id ? -1 : x->id > y->id;
}

/*
 * Not expected ones that share both addresses (clients behind one NAT) are one line: the best of
 * them.
 */
static bool same_line(const struct seen *a, const struct seen *b)
{
	return !a->expected && !b->expected &&
	       addr_compare(a->peers[0].addr, b->peers[0].addr) == 0 &&
	       addr_compare(a->peers[1].addr, b->peers[1].addr) == 0;
}

static bool is_up(const struct seen *s)
{
	return s->id != 0 && (s->state == TUNNEL_UP || s->state == TUNNEL_DEGRADED ||
			      s->state == TUNNEL_FLAPPING);
}

/* "unknown" is not down: it has no line; but what is expected and was never seen is not up. */
static bool knows_up(const struct seen *s)
{
	return s->state != TUNNEL_UNKNOWN || (s->expected && s->last == NSEC_NONE);
}

static bool warned(const struct seen *s)
{
	return s->open > 0;
}

/* In the order of the page: as many as there is room for; returns those that found none. */
static size_t put_in_order(struct metrics *m, size_t *ret_n)
{
	size_t n = 0, left_out = 0, first;

	for (size_t i = 0; m->expected && i < m->expected->n; i++)
		m->order[n++] = &m->inventory[i];
	first = n;
	for (size_t i = 0; i < m->n_others; i++)
		if (m->others[i].id != 0 && m->others[i].was_up)
			m->order[n++] = &m->others[i];
	if (n > first)
		qsort(m->order + first, n - first, sizeof(m->order[0]), by_addresses);
	if (n > first && n > m->tunnels_max) {
		size_t keep = m->tunnels_max > first ? m->tunnels_max : first;

		left_out = n - keep;
		n = keep;
	}
	*ret_n = n;
	return left_out;
}

static void put_tunnel_labels(FILE *out, const char *metric, const struct seen *s)
{
	char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];

	fprintf(out, "sawatch_%s{tunnel=\"%s<->%s\",name=", metric, addr_text(s->peers[0].addr, a),
		addr_text(s->peers[1].addr, b));
	put_label(out, s->expected ? s->expected->name : "");
	putc('}', out);
}

/* One metric of all tunnels; `value` of several that share a line. */
#define FOR_LINES(m, n, first, last) \
	for (size_t first = 0, last; first < (n) && (last = end_of_line((m), first, (n)), true); \
		first = last)

static size_t end_of_line(const struct metrics *m, size_t first, size_t n)
{
	size_t last = first + 1;

	while (last < n && same_line(m->order[first], m->order[last]))
		last++;
	return last;
}

static void put_tunnels(struct metrics *m, const struct metrics_figures *f, FILE *out)
{
	size_t n, left_out = put_in_order(m, &n);

	head(out, "tunnels", "gauge", "Tunnels by their state.");
	for (int i = 0; i <= TUNNEL_FLAPPING; i++)
		fprintf(out, "sawatch_tunnels{state=\"%s\"} %u\n",
			tunnel_state_text((enum tunnel_state)i), f->tunnels[i]);
	put_gauge(out, "tunnels_expected", "Tunnels of the inventory.",
		  m->expected ? m->expected->n : 0);
	put_gauge(out, "tunnels_left_out", "Tunnels that were up and have no lines of their own "
					   "(setting metrics.tunnels).",
		  left_out);
	head(out, "tunnel_expected", "gauge", "1 when the tunnel is one of the inventory.");
	FOR_LINES(m, n, i, end) {
		put_tunnel_labels(out, "tunnel_expected", m->order[i]);
		fprintf(out, " %d\n", m->order[i]->expected != NULL);
	}
	head(out, "tunnel_up", "gauge", "1 when the tunnel is up, also when it is ill; "
					"0 when it is down. No line: not known.");
	FOR_LINES(m, n, i, end) {
		bool known = false, up = false;

		for (size_t k = i; k < end; k++) {
			known |= knows_up(m->order[k]);
			up |= is_up(m->order[k]);
		}
		if (!known)
			continue;
		put_tunnel_labels(out, "tunnel_up", m->order[i]);
		fprintf(out, " %d\n", up);
	}
	head(out, "tunnel_ill", "gauge", "1 while an alert of severity warning or critical is open "
					 "for the tunnel.");
	FOR_LINES(m, n, i, end) {
		bool ill = false;

		for (size_t k = i; k < end; k++)
			ill |= warned(m->order[k]);
		put_tunnel_labels(out, "tunnel_ill", m->order[i]);
		fprintf(out, " %d\n", ill);
	}
	head(out, "tunnel_last_packet_timestamp_seconds", "gauge",
	     "Time of the latest packet of the tunnel.");
	FOR_LINES(m, n, i, end) {
		nsec last = NSEC_NONE;

		for (size_t k = i; k < end; k++)
			if (m->order[k]->last > last)
				last = m->order[k]->last;
		if (last == NSEC_NONE || last < 0)
			continue;
		put_tunnel_labels(out, "tunnel_last_packet_timestamp_seconds", m->order[i]);
		put_seconds(out, last);
	}
}

/*
 * Which tunnels are ill; found anew for each page, since alerts and tunnels come and go in any
 * order.
 */
static void count_ill(struct metrics *m)
{
	for (size_t i = 0; i < m->n_others; i++)
		m->others[i].open = 0;
	for (size_t i = 0; m->expected && i < m->expected->n; i++)
		m->inventory[i].open = 0;
	for (size_t i = 0; i < OPEN_ALERTS; i++) {
		const struct open_alert *o = &m->open[i];

		if (o->id != 0 && o->of && (o->of->expected || o->of->id == o->tunnel) &&
		    o->severity >= SEVERITY_WARNING)
			o->of->open++;
	}
}

void metrics_print(struct metrics *m, const struct metrics_figures *f, FILE *out)
{
	count_ill(m);
	put_about(out, f);
	put_capture(out, &m->capture, f);
	put_tunnels(m, f, out);
	put_alerts(m, out);
	put_tables(out, f);
	put_store(out, f);
	put_outputs(out, f);
}
