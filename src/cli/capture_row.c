/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/capture_row.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <sawatch/link.h>

__attribute__((format(printf, 2, 3)))
static void warn(struct capture_row *r, const char *format, ...)
{
	va_list arguments;

	if (r->n == CAPTURE_WARNINGS_MAX)
		return;
	va_start(arguments, format);
	vsnprintf(r->texts[r->n], CAPTURE_WARNING_TEXT_MAX, format, arguments);
	va_end(arguments);
	r->list[r->n] = r->texts[r->n];
	r->n++;
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* So large the table would have held them all at once: those that made room may have come again. */
static double enough(const struct setting *s, const struct settings *set, uint64_t evicted)
{
	double wanted = settings_get(set, s) + (double)evicted, n = s->min;

	while (n < wanted && n < s->max)
		n *= 2;
	return n < s->max ? n : s->max;
}

static void warn_of_table(struct capture_row *r, const struct settings *set, uint64_t n,
			  const char *what, const char *key)
{
	const struct setting *s = settings_table();

	while (strcmp(s->key, key) != 0)
		s++;

	double now = settings_get(set, s), then = enough(s, set, n);

	if (then > now)
		warn(r, "%" PRIu64 " %s%s made room for others because a table was full; "
			"raise %s from %.0f to %.0f (--set %s=%.0f)",
		     n, what, plural(n), key, now, then, key, then);
	else
		warn(r, "%" PRIu64 " %s%s made room for others because a table was full, and "
			"%s is at its most: choose fewer by a filter",
		     n, what, plural(n), key);
}

static void warn_of_evictions(struct capture_row *r, const struct tracker_counters *c,
			      const struct settings *set)
{
	const struct {
		uint64_t n;
		const char *what;
	} crowds[] = {
		{ c->crowded_ike_sas, "IKE SA" },
		{ c->crowded_child_sas, "child SA" },
		{ c->crowded_esp_sas, "ESP SA" },
	};
	const struct {
		uint64_t n;
		const char *what, *key;
	} tables[] = {
		{ c->evicted_tunnels, "tunnel", "table.tunnels" }, { c->evicted_ike_sas,
		  "IKE SA", "table.ike_sas" },
		{ c->evicted_child_sas, "child SA", "table.child_sas" },
		{ c->evicted_esp_sas, "ESP SA", "table.esp_sas" },
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (tables[i].n > 0)
			warn_of_table(r, set, tables[i].n, tables[i].what, tables[i].key);
	for (size_t i = 0; i < sizeof(crowds) / sizeof(crowds[0]); i++)
		if (crowds[i].n > 0)
			warn(r, "%" PRIu64 " %s%s made room for later ones of the same tunnel, "
			     "which had more at once than are remembered of one",
			     crowds[i].n, crowds[i].what, plural(crowds[i].n));
	/* one that made room and came back is counted each time, for nobody remembers it */
	if (c->quiet_tunnels > 0)
		warn(r, "%s%" PRIu64 " pair%s of peers left out: faster than the history may grow "
		     "(a flood?), and nothing came up between them, or nothing was carried; raise "
		     "history.strangers or table.tunnels",
		     c->quiet_tunnels > 1 && c->evicted_tunnels > 0 ? "up to " : "",
		     c->quiet_tunnels, plural(c->quiet_tunnels));
	if (c->strangers > 0)
		warn(r, "%" PRIu64 " packet%s bore SPIs that no IKE exchange made, faster than "
		     "they are believed (a flood?): those SPIs were not tracked until they came "
		     "again; raise history.births or table.esp_sas",
		     c->strangers, plural(c->strangers));
}

/* What a disk that was slow, full or locked for too long has cost. */
static void warn_of_drops(struct capture_row *r, const struct store_writer_counters *c)
{
	const struct {
		uint64_t n;
		const char *what;
	} kinds[] = {
		{ c->dropped_traffic, "minutes of traffic" }, { c->dropped_facts,
		  "events and ends of objects" },
		{ c->dropped_alerts, "states of alerts" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].n > 0)
			warn(r, "%" PRIu64 " %s are missing here: the database could not be "
			     "written for too long; raise store.backlog_mb",
			     kinds[i].n, kinds[i].what);
}

void capture_row_fill(struct capture_row *r, const struct record_capture *base, uint16_t link_type,
		      const char *left_out, const struct capture_counts *counts,
		      const struct settings *set)
{
	const struct tracker_counters *c = &counts->tracker;

	r->n = 0;
	snprintf(r->unnamed, sizeof(r->unnamed), "LINKTYPE_%u", link_type);
	if (left_out)
		warn(r, "%s", left_out);
	if (c->cut > 0)
		warn(r,
		     "%" PRIu64 " packet%s cut short by the capturer within what is read in clear: "
		     "cipher suites, lifetimes, vendors, NAT and refusals may be missing here, "
		     "and without its suite a Delete of IKEv1 cannot be told from a probe; "
		     "capture whole packets (tcpdump -s 0)",
		     c->cut, c->cut == 1 ? " was" : "s were");
	if (c->unsupported > 0)
		warn(r, "%" PRIu64 " packet%s of a link type or version that is not understood",
		     c->unsupported, plural(c->unsupported));
	if (c->too_deep > 0)
		warn(r, "%" PRIu64 " packet%s in more than %d envelopes, not opened", c->too_deep,
		     plural(c->too_deep), LINK_DEPTH_MAX);
	warn_of_evictions(r, c, set);
	if (counts->alerts_left_out > 0)
		warn(r, "%" PRIu64 " time%s a condition was found and no alert raised: there were "
			"more at once than are believed (a flood?), or their table was full; "
			"raise history.alerts or table.alerts",
		     counts->alerts_left_out, plural(counts->alerts_left_out));
	warn_of_drops(r, &counts->stored);

	r->record = (struct record_capture){
		.id = base->id, .name = base->name, .kind = base->kind,
		.link_type = link_type_name(link_type) ? link_type_name(link_type) : r->unnamed,
		.fingerprint = base->fingerprint, .size = base->size, .first = c->first,
		.last = c->last,
		.packets = (int64_t)c->frames, .bytes = (int64_t)c->bytes,
		.ike_messages = (int64_t)c->ike_messages,
		.esp_packets = (int64_t)c->esp_packets, .ah_packets = (int64_t)c->ah_packets,
		.keepalives = (int64_t)c->keepalives, .duplicates = (int64_t)c->duplicates,
		.malformed = (int64_t)c->malformed, .cut = (int64_t)c->cut,
		.dropped = base->dropped,
		.fragments = (int64_t)c->fragments, .n_warnings = r->n, .warnings = r->list,
		.complete = base->complete,
	};
}
