/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each kind of record is read from, and how a row becomes a record. */
#ifndef SAWATCH_QUERIES_H
#define SAWATCH_QUERIES_H

#include "store/lists.h"
#include "store/record_copy.h"
#include "store/store_parts.h"

struct walk {
	struct store *s;
	const struct store_scope *scope;
	const struct record_sink *sink;
	sqlite3_stmt *st;
	int at;			/* column to be taken next */
	struct lists lists;
	struct json_text tunnels, captures;	/* of the scope */
	struct endpoint peers[2];
	bool has_tunnel;
	object_id id, tunnel;
};

struct query {
	const char *columns;
	const char *table;
	const char *born, *heard;	/* its first and last moment */
	void (*give)(struct walk *w);
};

extern const struct query store_queries[KINDS];

/* The row at which the statement of `w` stands; texts are borrowed until the next row. */
void store_take_lifetime(struct walk *w, struct store_lifetime *ret);

/*
 * NULL is none.  A history of somebody else may hold any number: what no
 * tracker calls a moment lies at the edge, and the difference of two is a number.
 */
nsec moment_of(sqlite3_stmt *st, int column);

#endif
