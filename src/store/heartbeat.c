/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Proof that a monitor lives: a silent link changes no row, so every few seconds the time of day
 * is written down for the sensor whose interfaces are watched.
 */
#include <time.h>

#include "store/queries.h"
#include "store/row.h"

enum { HEARTBEAT_S = 5 };

/* Keys of `meta`: this, then the name of the sensor. */
#define HEARTBEAT "heartbeat "

bool store_heartbeat(struct store *s, struct err *e)
{
	struct row w = { .s = s, .st = s->statements[ST_HEARTBEAT_PUT] };
	struct timespec day;

	clock_gettime(CLOCK_REALTIME, &day);

	nsec now = day.tv_sec * NSEC_PER_S + day.tv_nsec;

	if (now >= s->heartbeat && now - s->heartbeat < HEARTBEAT_S * NSEC_PER_S)
		return true;
	if (!store_begin(s, false, e))
		return false;
	s->heartbeat = now;
	row_integer(&w, s->sensor);
	row_integer(&w, now);
	w.rc = w.rc == SQLITE_OK ? sqlite3_step(w.st) : w.rc;
	sqlite3_reset(w.st);
	if (w.rc == SQLITE_DONE)
		return true;
	store_fault(s, w.rc, e);
	store_rollback(s, 1);
	return false;
}

bool store_walk_heartbeats(struct store *s, void (*row)(void *user, const char *sensor, nsec at),
			   void *user, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db,
				    "SELECT substr(key, 1 + length('" HEARTBEAT
				    "')), CAST(value AS INTEGER) FROM meta"
				    " WHERE key BETWEEN '" HEARTBEAT "' AND '" HEARTBEAT
				    "' || char(0x10ffff) ORDER BY key",
				    -1, &st, NULL);

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW)
			row(user, (const char *)sqlite3_column_text(st, 0), moment_of(st, 1));
	}
	bool ok = rc == SQLITE_DONE || store_fault(s, rc, e);

	sqlite3_finalize(st);
	return ok;
}
