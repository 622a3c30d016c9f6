/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows that are written again and again.  REPLACE would delete the row and all its index entries
 * and write them anew, with a statement journal of its own.  So a row that exists is overwritten
 * in place, as long as no indexed column changes; when one does, the row is deleted and written
 * anew.
 */
#include <assert.h>
#include <string.h>

#include "store/store_parts.h"

/* Call for each of the names in "a, b, c". */
static char *add_names(char *sql, const char *names, const char *format, const char *between,
		       const char *except)
{
	char name[64];
	size_t n;

	for (bool first = true; *names; names += n, names += strspn(names, ", ")) {
		n = strcspn(names, ", ");
		assert(n < sizeof(name));
		memcpy(name, names, n);
		name[n] = '\0';
		if (except && strstr(except, name))
			continue;
		sql = sqlite3_mprintf(format, sql, first ? "" : between, name, name);
		first = false;
	}
	return sql;
}

/* "INSERT INTO t (id, a, b) VALUES (?, ?, ?)", and what is to be done with a row that is there. */
static char *put_text(const char *insert, const char *indexed)
{
	const char *names = strchr(insert, '(') + 1;
	char *columns = sqlite3_mprintf("%.*s", (int)strcspn(names, ")"), names);
	char *except = sqlite3_mprintf("id, %s", indexed);
	char *sql = sqlite3_mprintf("%s ON CONFLICT (id) DO UPDATE SET ", insert);

	if (columns && except)
		sql = add_names(sql, columns, "%z%s%s = excluded.%s", ", ", except);
	sql = sqlite3_mprintf("%z WHERE ", sql);
	sql = add_names(sql, indexed, "%z%s%s IS excluded.%s", " AND ", NULL);
	sqlite3_free(columns);
	sqlite3_free(except);
	return sql;
}

static bool prepare(struct store *s, enum statement which, char *sql, struct err *e)
{
	int rc = sql ? sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
					  &s->statements[which], NULL)
		     : SQLITE_NOMEM;

	sqlite3_free(sql);
	return rc == SQLITE_OK || store_fault(s, rc, e);
}

bool store_put_prepare(struct store *s, const char *const *texts, struct err *e)
{
	static const struct {
		enum statement put, gone;
		const char *table, *indexed;
	} tables[] = {
#define STORE_PUT_TABLE(name, table, indexed) { ST_##name##_PUT, ST_##name##_GONE, table, indexed },
		PUT_TABLES(STORE_PUT_TABLE)
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (!prepare(s, tables[i].put, put_text(texts[tables[i].put], tables[i].indexed),
			     e) ||
		    !prepare(s, tables[i].gone,
			     sqlite3_mprintf("DELETE FROM %s WHERE id = ?1", tables[i].table), e))
			return false;
	return true;
}

static enum statement gone_of(enum statement put)
{
	switch ((int)put) {
#define STORE_PUT_GONE(name, table, indexed) case ST_##name##_PUT: return ST_##name##_GONE;
	PUT_TABLES(STORE_PUT_GONE)
	}
	return ST_COUNT;
}

int store_put_step(struct store *s, enum statement which, int64_t id)
{
	enum statement gone = gone_of(which);
	int rc = sqlite3_step(s->statements[which]);

	if (rc != SQLITE_DONE || gone == ST_COUNT || sqlite3_changes(s->db) > 0)
		return rc;
	sqlite3_reset(s->statements[which]);
	sqlite3_bind_int64(s->statements[gone], 1, id);
	rc = sqlite3_step(s->statements[gone]);
	sqlite3_reset(s->statements[gone]);
	return rc == SQLITE_DONE ? sqlite3_step(s->statements[which]) : rc;
}
