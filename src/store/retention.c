/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A sweep goes through the tables one after the other by rowid, a few thousand
 * rows a step, because no index tells what is old: one that did would cost more
 * at every write than all sweeps.
 */
#include <sawatch/store_retention.h>

#include "store/inventory.h"
#include "store/store_parts.h"

enum {
	STEP_ROWS = 2000,
	FREE_PAGES_KEPT = 256,		/* not worth moving others for */
	ROUNDS_MAX = 64,		/* of one sweep, to get below the limit of the size */
	NEARER = 12,			/* each takes away a twelfth of the time that is left */
};

#define DAY (86400 * NSEC_PER_S)
/* as old as the longest silence of an SA that is taken for living */
#define IMAGE_AGE (30 * DAY)

enum phase {
	BEGIN, MINUTES, HOURS, ESP_SAS, CHILD_SAS, IKE_SAS, EXCHANGES, EVENTS, ALERTS, TUNNELS,
	IMAGES, SHRINK,
};

/* ---- statements that are used for a step, and forgotten ------------------- */

static bool prepare(struct store *s, const char *sql, sqlite3_stmt **ret, struct err *e)
{
	int rc = sqlite3_prepare_v2(s->db, sql, -1, ret, NULL);

	return rc == SQLITE_OK || store_fault(s, rc, e);
}

/* With up to four numbers; *ret_changed: rows. */
static bool run(struct store *s, const char *sql, int64_t a, int64_t b, int64_t c, int64_t d,
		uint64_t *ret_changed, struct err *e)
{
	const int64_t values[] = { a, b, c, d };
	sqlite3_stmt *st;

	if (!prepare(s, sql, &st, e))
		return false;
	for (int i = 0; i < sqlite3_bind_parameter_count(st); i++)
		sqlite3_bind_int64(st, i + 1, values[i]);

	int rc = sqlite3_step(st);

	if (ret_changed)
		*ret_changed += (uint64_t)sqlite3_changes(s->db);
	sqlite3_finalize(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW || store_fault(s, rc, e);
}

bool store_size(struct store *s, int64_t *ret_used, int64_t *ret_free, struct err *e)
{
	int64_t size, pages, unused;

	if (!store_number(s, "PRAGMA page_size", &size, e) ||
	    !store_number(s, "PRAGMA page_count", &pages, e) ||
	    !store_number(s, "PRAGMA freelist_count", &unused, e))
		return false;
	*ret_used = (pages - unused) * size;
	*ret_free = unused * size;
	return true;
}

/* ---- adding up ------------------------------------------------------------ */

static nsec whole(nsec at, nsec span)
{
	return at - (at % span + span) % span;
}

/* The oldest rows of `from` seconds become part of rows of `to` seconds. */
static bool add_up(struct store *s, struct store_retention *r, int64_t from, int64_t to, nsec age,
		   uint32_t rows, bool *ret_more, struct err *e)
{
	nsec before = whole(r->now - age, to * NSEC_PER_S), bucket = 0;
	int64_t esp_sa = 0, n = 0;
	sqlite3_stmt *st;

	*ret_more = false;
	if (age == 0)
		return true;
	if (r->floor > before)
		before = whole(r->floor, to * NSEC_PER_S);
	if (!prepare(s, "SELECT bucket_ns, esp_sa_id FROM traffic WHERE span_s = ?1"
			" AND bucket_ns < ?2 ORDER BY bucket_ns, esp_sa_id LIMIT ?3", &st, e))
		return false;
	sqlite3_bind_int64(st, 1, from);
	sqlite3_bind_int64(st, 2, before);
	sqlite3_bind_int64(st, 3, rows);

	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		bucket = sqlite3_column_int64(st, 0);
		esp_sa = sqlite3_column_int64(st, 1);
		n++;
	}
	sqlite3_finalize(st);
	if (rc != SQLITE_DONE)
		return store_fault(s, rc, e);
	if (n == 0)
		return true;
	*ret_more = n == rows;
	return run(s,
		   "INSERT INTO traffic (span_s, bucket_ns, esp_sa_id, packets, bytes, lost)"
		   " SELECT ?2, bucket_ns - bucket_ns % (?2 * 1000000000), esp_sa_id, sum(packets),"
		   " sum(bytes), sum(lost) FROM traffic WHERE span_s = ?1"
		   " AND (bucket_ns, esp_sa_id) <= (?3, ?4) GROUP BY 2, 3"
		   " ON CONFLICT (span_s, bucket_ns, esp_sa_id) DO UPDATE"
		   " SET packets = packets + excluded.packets, bytes = bytes + excluded.bytes,"
		   " lost = lost + excluded.lost",
		   from, to, bucket, esp_sa, NULL, e) &&
	       run(s,
		   "DELETE FROM traffic WHERE span_s = ?1 AND (bucket_ns, esp_sa_id) <= (?2, ?3)",
		   from, bucket, esp_sa, 0, &r->added_up, e);
}

/* ---- deleting ------------------------------------------------------------- */

/*
 * ?1 the row before, ?2 what ended before goes, ?3 rows, ?4 what was not heard of since is not
 * living, ?5 probes before go
 */
static const struct {
	/* id, and what is to happen: 1 it goes, 2 it ended unnoticed */
	const char *look;
	const char *gone[2];		/* for each that goes */
	const char *ended;
} tables[] = {
	[ESP_SAS] = { "SELECT id, CASE WHEN end_reason IS NOT NULL AND last_ns < ?2 THEN 1"
		      " WHEN end_reason IS NULL AND last_ns < ?4 THEN 2 END FROM esp_sa"
		      " WHERE id > ?1 ORDER BY id LIMIT ?3",
		      { "DELETE FROM traffic WHERE esp_sa_id = ?1",
		        "DELETE FROM esp_sa WHERE id = ?1" },
		      "UPDATE esp_sa SET end_reason = 'unknown', grade = 'unknown' WHERE id = ?1" },
	/* after its ESP SAs, and only when both are gone */
	[CHILD_SAS] = { "SELECT id, CASE WHEN end_reason IS NOT NULL"
			" THEN coalesce(ended_ns, created_ns) < ?2 WHEN created_ns < ?4 THEN 2"
			" END * (NOT EXISTS (SELECT 1 FROM esp_sa e"
			" WHERE e.id IN (c.esp_sa_a_id, c.esp_sa_b_id))) FROM child_sa c"
			" WHERE id > ?1 ORDER BY id LIMIT ?3",
			{ NULL, "DELETE FROM child_sa WHERE id = ?1" },
			"UPDATE child_sa SET end_reason = 'unknown', state = 'deleted',"
			" grade = 'unknown', ended_ns = created_ns WHERE id = ?1" },
	[IKE_SAS] = { "SELECT id, CASE WHEN end_reason IS NOT NULL"
		      " THEN max(coalesce(ended_ns, last_ns), last_ns) < ?2 WHEN last_ns < ?4"
		      " THEN 2 END FROM ike_sa WHERE id > ?1 ORDER BY id LIMIT ?3",
		      { NULL, "DELETE FROM ike_sa WHERE id = ?1" },
		      "UPDATE ike_sa SET end_reason = 'unknown', state = 'gone', grade = 'unknown',"
		      " ended_ns = last_ns WHERE id = ?1" },
	[EXCHANGES] = { "SELECT id, coalesce(response_ns, request_ns, 0) < CASE"
			" WHEN purpose = 'dpd' AND outcome = 'answered' AND requests = 1"
			" THEN max(?2, ?5) ELSE ?2 END FROM exchange WHERE id > ?1 ORDER BY id"
			" LIMIT ?3",
			{ NULL, "DELETE FROM exchange WHERE id = ?1" }, NULL },
	[EVENTS] = { "SELECT id, coalesce(at_ns, 0) < ?2 FROM event WHERE id > ?1 ORDER BY id"
		     " LIMIT ?3",
		     { NULL, "DELETE FROM event WHERE id = ?1" }, NULL },
	/* what a file left raised nobody will clear; what a monitor raised is cleared by it */
	[ALERTS] = { "SELECT id, CASE status WHEN 'cleared' THEN coalesce(cleared_ns, last_ns) < ?2"
		     " ELSE last_ns < ?2 AND EXISTS (SELECT 1 FROM capture c"
		     " WHERE c.id = a.id >> 32 AND c.source IS NULL) END FROM alert a WHERE id > ?1"
		     " ORDER BY id LIMIT ?3",
		     { NULL, "DELETE FROM alert WHERE id = ?1" }, NULL },
	[TUNNELS] = { "SELECT id, coalesce(last_ns, 0) < ?2 AND NOT EXISTS (SELECT 1 FROM image i"
		      " WHERE i.tunnel_id = t.id) AND NOT EXISTS (SELECT 1 FROM expected x"
		      " WHERE " INVENTORY_ENTRY_OF("x", "t") ")"
		      " AND NOT EXISTS (SELECT 1 FROM ike_sa o WHERE o.tunnel_id = t.id)"
		      " AND NOT EXISTS (SELECT 1 FROM esp_sa o WHERE o.tunnel_id = t.id)"
		      " AND NOT EXISTS (SELECT 1 FROM child_sa o WHERE o.tunnel_id = t.id)"
		      " AND NOT EXISTS (SELECT 1 FROM exchange o WHERE o.tunnel_id = t.id)"
		      " AND NOT EXISTS (SELECT 1 FROM event o WHERE o.tunnel_id = t.id)"
		      " AND NOT EXISTS (SELECT 1 FROM alert o WHERE o.tunnel_id = t.id)"
		      " FROM tunnel t WHERE id > ?1 ORDER BY id LIMIT ?3",
		      { NULL, "DELETE FROM tunnel WHERE id = ?1" }, NULL },
};

static bool put_away(struct store *s, struct store_retention *r, int64_t id, int what,
		     struct err *e)
{
	enum phase table = (enum phase)r->phase;

	if (what == 2)
		return run(s, tables[table].ended, id, 0, 0, 0, NULL, e);
	for (int i = 0; i < 2; i++)
		if (tables[table].gone[i] &&
		    !run(s, tables[table].gone[i], id, 0, 0, 0, &r->deleted, e))
			return false;
	if (table == TUNNELS)
		tunnel_rows_forget(&s->tunnels, id);
	return true;
}

/* The next rows of a table. */
static bool sweep_table(struct store *s, struct store_retention *r, uint32_t rows, bool *ret_more,
			struct err *e)
{
	sqlite3_stmt *st;
	int64_t last = r->after;
	uint32_t n = 0;
	bool ok = true;
	int rc;

	*ret_more = false;
	if (r->floor == NSEC_NONE)
		return true;
	if (!prepare(s, tables[r->phase].look, &st, e))
		return false;
	sqlite3_bind_int64(st, 1, r->after);
	sqlite3_bind_int64(st, 2, r->floor);
	sqlite3_bind_int64(st, 3, rows);
	if (sqlite3_bind_parameter_count(st) >= 4)
		sqlite3_bind_int64(st, 4, r->now - IMAGE_AGE - DAY);
	if (sqlite3_bind_parameter_count(st) >= 5)
		sqlite3_bind_int64(st, 5, r->probes > 0 ? r->now - r->probes : r->floor);
	while (ok && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		int what = sqlite3_column_int(st, 1);	/* NULL is 0 */

		last = sqlite3_column_int64(st, 0);
		n++;
		/* rows behind the one that the statement stands on may go */
		ok = what == 0 || put_away(s, r, last, what, e);
	}
	if (ok && rc != SQLITE_DONE)
		ok = store_fault(s, rc, e);
	sqlite3_finalize(st);
	r->after = last;
	*ret_more = n == rows;
	return ok;
}

/* ---- the sweep ------------------------------------------------------------ */

static bool begin(struct store *s, struct store_retention *r, struct err *e)
{
	int64_t now = 0, known = 0;

	/*
	 * a file that somebody imported may come from the future; what a monitor saw is as true as
	 * its clock
	 */
	if (!store_number(s, "SELECT coalesce((SELECT max(last_ns) FROM capture"
			     " WHERE source IS NOT NULL OR last_ns / 1000000000 < unixepoch('now',"
			     " '+1 day')), max(last_ns), 0) FROM capture", &now, e) ||
	    !store_number(s, "SELECT count(*) FROM capture WHERE last_ns IS NOT NULL", &known, e))
		return false;
	r->now = now;
	r->rounds = 0;
	r->floor = known > 0 && r->keep > 0 ? now - r->keep : NSEC_NONE;
	return true;
}

/* Still too large: what is a little younger goes, too.  True when the sweep is to begin again. */
static bool press(struct store *s, struct store_retention *r, bool *ret_again, struct err *e)
{
	int64_t used, unused, oldest = 0;

	*ret_again = false;
	if (r->max_bytes == 0 || ++r->rounds > ROUNDS_MAX)
		return true;
	if (!store_size(s, &used, &unused, e))
		return false;
	if (used <= r->max_bytes)
		return true;
	if (!store_number(s, "SELECT ifnull(min(first_ns), 0) FROM capture", &oldest, e))
		return false;
	if (r->floor < oldest)
		r->floor = oldest;
	r->floor += (r->now - r->floor) / NEARER;
	*ret_again = r->floor < r->now;
	return true;
}

static bool shrink(struct store *s, struct store_retention *r, bool *ret_more, struct err *e)
{
	int64_t before, after;

	if (!store_number(s, "PRAGMA freelist_count", &before, e))
		return false;
	*ret_more = before > FREE_PAGES_KEPT;
	if (before == 0)
		return true;
	/*
	 * 500 pages are 2 MiB through the log; it gives a row for each page: store_run() takes them
	 * all
	 */
	if (!store_run(s, "PRAGMA incremental_vacuum(500)", e) ||
	    !store_number(s, "PRAGMA freelist_count", &after, e))
		return false;
	r->freed_pages += before - after;
	*ret_more = *ret_more && after > FREE_PAGES_KEPT && after < before;
	return true;
}

static bool step(struct store *s, struct store_retention *r, uint32_t rows, bool *ret_more,
		 struct err *e)
{
	switch ((enum phase)r->phase) {
	case BEGIN:
		*ret_more = false;
		return begin(s, r, e);
	case MINUTES:
		return add_up(s, r, 60, 3600, r->minutes, rows, ret_more, e);
	case HOURS:
		return add_up(s, r, 3600, 86400, r->hours, rows, ret_more, e);
	case ESP_SAS:
	case CHILD_SAS:
	case IKE_SAS:
	case EXCHANGES:
	case EVENTS:
	case ALERTS:
	case TUNNELS:
		return sweep_table(s, r, rows, ret_more, e);
	case IMAGES:
		*ret_more = false;
		return run(s, "DELETE FROM image WHERE saved_ns < ?1", r->now - IMAGE_AGE, 0, 0, 0,
			   NULL, e) &&
		       press(s, r, ret_more, e);
	case SHRINK:
		return shrink(s, r, ret_more, e);
	}
	return true;
}

bool store_retain(struct store *s, struct store_retention *r, bool *ret_more, struct err *e)
{
	bool more = false;

	*ret_more = false;
	if (!store_commit(s, e) || !store_begin(s, false, e))
		return false;
	if (!step(s, r, r->rows ? r->rows : STEP_ROWS, &more, e)) {
		store_rollback(s, 0);
		r->phase = BEGIN;
		return false;
	}
	if (!store_commit(s, e))
		return false;
	/* too large: once more from the beginning */
	if (more && r->phase == IMAGES) {
		r->phase = MINUTES;
		r->after = 0;
	} else if (!more) {
		r->phase = r->phase == SHRINK ? BEGIN : r->phase + 1;
		r->after = 0;
	}
	*ret_more = r->phase != BEGIN;
	return true;
}
