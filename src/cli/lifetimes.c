/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/report.h>
#include <sawatch/store.h>

#include "cli/cli.h"
#include "cli/query_options.h"

static const char *const columns[] = {
	"tunnel", "kind", "side", ">rekeys", ">min", ">median", ">max", "who_rekeys", ">expected",
	"expected_grade",
	"ended_by",
};

static void put_row(void *user, const struct store_lifetime *l)
{
	struct table *t = user;

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
		struct table *t = table_open(stdout, q.format, "lifetime", columns,
					     sizeof(columns) / sizeof(columns[0]));

		ok = store_walk_lifetimes(q.store, &q.scope, put_row, t, &e);
		table_close(t);
		if (!ok)
			complain("%s", e.text);
	}
	query_close(&q);
	return ok ? EXIT_DONE : EXIT_TROUBLE;
}
