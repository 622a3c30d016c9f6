/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The options that all questions to the history share. */
#ifndef SAWATCH_CLI_QUERY_OPTIONS_H
#define SAWATCH_CLI_QUERY_OPTIONS_H

#include <stdbool.h>

#include <sawatch/report.h>
#include <sawatch/store.h>

struct query {
	const char *database, *kind;
	enum table_format format;
	struct store_scope scope;
	struct store *store;
	const char *subject;	/* the word that is no option, with QUERY_SUBJECT; NULL none */
	const char *output;	/* -o, with QUERY_OUTPUT, which needs it */
};

/* Which options a command has beyond those of all. */
enum query_extra {
	QUERY_PLAIN = 0, QUERY_ALERTS = 1, QUERY_KIND = 2, QUERY_SUBJECT = 4, QUERY_OUTPUT = 8,
};

/*
 * Parse, open the database, and make sure that --tunnel names one.  False:
 * complained already.  query_close() in either case.
 */
bool query_open(struct query *q, int argc, char **argv, unsigned extra);
void query_close(struct query *q);

#endif
