/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/report.h>
#include <sawatch/store.h>

#include "cli/cli.h"
#include "cli/query_options.h"

/* For programs, as v_lifetimes has them; `at` is a field of every JSON object. */
static const char *const fields[] = {
	"at", "tunnel", "kind", "side", ">n", "~min_s", "~median_s", "~max_s", "who_rekeys",
	"~expected_s", "expected_grade", "ended_by",
};
/* For people. */
static const char *const headings[] = {
	"tunnel", "kind", "side", ">rekeys", "~min_s", "~median_s", "~max_s", "who_rekeys",
	"~expected_s", "expected_grade", "ended_by",
};

enum { COLUMNS = sizeof(headings) / sizeof(headings[0]) };

struct lines {
	struct table *table;
	bool begin_with_at;
};

static void put_row(void *user, const struct store_lifetime *l)
{
	const struct lines *lines = user;
	struct table *t = lines->table;

	if (lines->begin_with_at)
		table_time(t, NSEC_NONE);	/* it is of many moments */
	table_text(t, l->tunnel);
	table_text(t, l->kind);
	table_text(t, l->side ? l->side : "both");
	table_number(t, l->rekeys);
	table_span(t, l->min_ns);
	table_span(t, l->median_ns);
	table_span(t, l->max_ns);
	table_text(t, l->who_rekeys);
	table_span(t, l->expected_ns);
	table_text(t, l->expected_grade);
	table_text(t, l->ended_by);
}

int lifetimes_run(int argc, char **argv)
{
	struct query q;
	struct err e;
	bool ok = query_open(&q, argc, argv, QUERY_PLAIN);

	if (ok) {
		struct lines lines = { .begin_with_at = q.format == TABLE_JSON };

		lines.table = table_open(stdout, q.format, "lifetime",
					 q.format == TABLE_ALIGNED ? headings :
					 lines.begin_with_at ? fields : fields + 1,
					 COLUMNS + lines.begin_with_at);
		ok = store_walk_lifetimes(q.store, &q.scope, put_row, &lines, &e);
		table_close(lines.table);
		if (!ok)
			complain("%s", e.text);
	}
	query_close(&q);
	return ok ? EXIT_DONE : EXIT_TROUBLE;
}
