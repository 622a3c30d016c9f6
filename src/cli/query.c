/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands that print records of the history, each as a table. */
#include <string.h>

#include <sawatch/report.h>
#include <sawatch/store.h>

#include "cli/cli.h"
#include "cli/query_options.h"

/* The table of one kind of record; false when complained. */
static bool show(struct query *q, enum rows_kind kind)
{
	struct rows *rows = rows_open(stdout, q->format, kind);
	struct record_sink sink = rows_sink(rows);
	struct err e;
	bool ok = store_walk(q->store, &q->scope, &sink, &e);

	rows_close(rows);
	if (!ok)
		complain("%s", e.text);
	return ok;
}

static int run(int argc, char **argv, unsigned extra, enum rows_kind kind)
{
	struct query q;
	bool ok = query_open(&q, argc, argv, extra) && show(&q, kind);

	query_close(&q);
	return ok ? EXIT_DONE : EXIT_TROUBLE;
}

int tunnels_run(int argc, char **argv)
{
	return run(argc, argv, QUERY_PLAIN, ROWS_TUNNELS);
}

int exchanges_run(int argc, char **argv)
{
	return run(argc, argv, QUERY_PLAIN, ROWS_EXCHANGES);
}

int alerts_run(int argc, char **argv)
{
	return run(argc, argv, QUERY_ALERTS, ROWS_ALERTS);
}

int events_run(int argc, char **argv)
{
	return run(argc, argv, QUERY_PLAIN, ROWS_EVENTS);
}

/* ---- sas: up to three tables ---- */

static const struct {
	const char *kind, *title;
	enum rows_kind rows;
} sa_kinds[] = {
	{ "ike", "IKE SAs", ROWS_IKE_SAS },
	{ "child", "child SAs", ROWS_CHILD_SAS },
	{ "esp", "ESP and AH SAs", ROWS_ESP_SAS },
};

enum { SA_KINDS = sizeof(sa_kinds) / sizeof(sa_kinds[0]) };

static bool show_sas(struct query *q)
{
	bool shown = false;

	if (!q->kind && q->format == TABLE_CSV)	/* one header for all of them */
		return show(q, ROWS_SAS);
	for (size_t i = 0; i < SA_KINDS; i++) {
		if (q->kind && strcmp(q->kind, sa_kinds[i].kind) != 0)
			continue;
		if (!q->kind && q->format == TABLE_ALIGNED)
			printf("%s%s\n", shown ? "\n" : "", sa_kinds[i].title);
		shown = true;
		if (!show(q, sa_kinds[i].rows))
			return false;
	}
	if (!shown)
		complain("--kind %s: not a kind of SA; write ike, child or esp", q->kind);
	return shown;
}

int sas_run(int argc, char **argv)
{
	struct query q;
	bool ok = query_open(&q, argc, argv, QUERY_KIND) && show_sas(&q);

	query_close(&q);
	return ok ? EXIT_DONE : EXIT_TROUBLE;
}
