/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Brings the tables to the version of this program.  Each numbered file of
 * schema/ is one version; the views belong to the program and are made anew
 * whenever their text has changed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/embedded.h>

#include "store/store_parts.h"

/* The number that a schema file's name begins with; 0: not a version ("views.sql"). */
static int64_t version_of(const struct embedded *file)
{
	return strtol(file->name, NULL, 10);
}

int64_t store_schema_version(void)
{
	int64_t newest = 0;

	for (const struct embedded *f = embedded_schema; f->name; f++)
		if (version_of(f) > newest)
			newest = version_of(f);
	return newest;
}

static const char *views_text(void)
{
	for (const struct embedded *f = embedded_schema; f->name; f++)
		if (strcmp(f->name, "views.sql") == 0)
			return f->text;
	return "";
}

/* FNV-1a: tells one text of the views from another, nothing more. */
static int64_t views_digest(void)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *c = views_text(); *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	return (int64_t)(hash >> 1);
}

static bool current(struct store *s, bool *ret, struct err *e)
{
	int64_t version, views = 0;

	if (!store_number(s, "PRAGMA user_version", &version, e))
		return false;
	if (version == store_schema_version() &&
	    !store_number(s, "SELECT ifnull((SELECT CAST(value AS INTEGER) FROM meta"
			     " WHERE key = 'views'), 0)",
			  &views, e))
		return false;
	*ret = version == store_schema_version() && views == views_digest();
	return true;
}

static bool apply(struct store *s, struct err *e)
{
	char sql[160];
	int64_t version;

	/* Under the lock: another process may have been faster. */
	if (!store_number(s, "PRAGMA user_version", &version, e))
		return false;
	for (const struct embedded *f = embedded_schema; f->name; f++)	/* in name order */
		if (version_of(f) > version && !store_run(s, f->text, e))
			return false;
	if (!store_run(s, views_text(), e))
		return false;
	snprintf(sql, sizeof(sql), "REPLACE INTO meta (key, value) VALUES ('views', '%" PRId64 "')",
		 views_digest());
	if (!store_run(s, sql, e))
		return false;
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %" PRId64,
		 STORE_APPLICATION_ID, store_schema_version());
	return store_run(s, sql, e);
}

bool store_migrate(struct store *s, struct err *e)
{
	bool done;

	if (!current(s, &done, e))
		return false;
	if (done)
		return true;
	if (!store_run(s, "BEGIN IMMEDIATE", e))
		return false;
	if (apply(s, e) && store_run(s, "COMMIT", e))
		return true;
	if (!sqlite3_get_autocommit(s->db))
		store_run(s, "ROLLBACK", NULL);
	return false;
}
