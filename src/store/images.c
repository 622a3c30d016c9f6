/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/store_images.h>

#include <stdlib.h>

#include <sawatch/pack.h>

#include "store/queries.h"

/* ---- small statements, used when a monitor begins or a few times a minute -- */

static bool prepare(struct store *s, const char *sql, sqlite3_stmt **ret, struct err *e)
{
	int rc = sqlite3_prepare_v2(s->db, sql, -1, ret, NULL);

	return rc == SQLITE_OK || store_fault(s, rc, e);
}

/* Runs a statement that gives no rows, within a transaction, and forgets it. */
static bool run(struct store *s, sqlite3_stmt *st, struct err *e)
{
	int rc = store_begin(s, false, e) ? sqlite3_step(st) : SQLITE_ABORT;
	bool ok = rc == SQLITE_DONE;

	sqlite3_finalize(st);
	if (ok) {
		s->rows++;
		return store_tick(s, e);
	}
	if (rc != SQLITE_ABORT) {
		store_fault(s, rc, e);
		store_rollback(s, 1);
	}
	return false;
}

bool store_source(struct store *s, uint32_t capture, const char *source, struct err *e)
{
	sqlite3_stmt *st;

	if (!prepare(s, "UPDATE capture SET source = ?2 WHERE id = ?1", &st, e))
		return false;
	sqlite3_bind_int64(st, 1, capture);
	sqlite3_bind_text(st, 2, source, -1, SQLITE_STATIC);
	return run(s, st, e) && store_commit(s, e);
}

bool store_source_last(struct store *s, const char *source, nsec *ret, struct err *e)
{
	sqlite3_stmt *st;

	*ret = NSEC_NONE;
	if (!prepare(s, "SELECT max(at) FROM (SELECT max(saved_ns) AS at FROM image"
			" WHERE sensor_id = ?1 AND source = ?2 UNION ALL SELECT max(last_ns)"
			" FROM capture WHERE sensor_id = ?1 AND source = ?2)", &st, e))
		return false;
	sqlite3_bind_int64(st, 1, s->sensor);
	sqlite3_bind_text(st, 2, source, -1, SQLITE_STATIC);

	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		*ret = moment_of(st, 0);
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || store_fault(s, rc, e);
}

/* ---- images --------------------------------------------------------------- */

static void bind_bytes(sqlite3_stmt *st, int at, struct bytes b)
{
	sqlite3_bind_blob(st, at, b.length > 0 ? (const void *)b.data : "", (int)b.length,
			  SQLITE_STATIC);
	sqlite3_bind_int64(st, at + 1, (int64_t)(pack_sum(b.data, b.length) >> 1));
}

bool store_image_put(struct store *s, const char *source, const struct store_image *i,
		     struct err *e)
{
	const struct record_tunnel tunnel = { .id = i->tunnel,
					      .peers = { i->peers[0], i->peers[1] },
					      .network = i->network };
	bool empty = i->track.length == 0 && i->detect.length == 0;
	int64_t row = 0;
	sqlite3_stmt *st;

	if (!store_begin(s, false, e))
		return false;
	if (i->tunnel != 0) {
		row = store_tunnel_row_of(s, &tunnel, e);
		if (row == 0) {
			store_rollback(s, 1);
			return false;
		}
	}
	if (!prepare(s, empty ? "DELETE FROM image WHERE sensor_id = ?1 AND source = ?2"
				" AND tunnel_id = ?3" :
		     "INSERT INTO image (sensor_id, source, tunnel_id, saved_ns, track_stamp,"
		     " track, track_sum, detect_stamp, detect, detect_sum)"
		     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
		     " ON CONFLICT (sensor_id, source, tunnel_id) DO UPDATE"
		     " SET saved_ns = excluded.saved_ns, track_stamp = excluded.track_stamp,"
		     " track = excluded.track, track_sum = excluded.track_sum,"
		     " detect_stamp = excluded.detect_stamp, detect = excluded.detect,"
		     " detect_sum = excluded.detect_sum",
		     &st, e))
		return false;
	sqlite3_bind_int64(st, 1, s->sensor);
	sqlite3_bind_text(st, 2, source, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, row);
	if (!empty) {
		sqlite3_bind_int64(st, 4, i->saved);
		sqlite3_bind_text(st, 5, i->track_stamp, -1, SQLITE_STATIC);
		bind_bytes(st, 6, i->track);
		sqlite3_bind_text(st, 8, i->detect_stamp, -1, SQLITE_STATIC);
		bind_bytes(st, 9, i->detect);
	}
	return run(s, st, e);
}

static struct endpoint endpoint_of(sqlite3_stmt *st, int at)
{
	const uint8_t *key = sqlite3_column_blob(st, at);
	bool whole = sqlite3_column_bytes(st, at) == 16;

	return (struct endpoint){ whole ? addr_from_bytes(key) : (struct addr){ 0 },
				  (uint16_t)sqlite3_column_int(st, at + 1) };
}

/* Empty when it is damaged. */
static struct bytes bytes_of(sqlite3_stmt *st, int at)
{
	struct bytes b = { sqlite3_column_blob(st, at), (size_t)sqlite3_column_bytes(st, at) };

	return (int64_t)(pack_sum(b.data, b.length) >> 1) == sqlite3_column_int64(st, at + 1)
		       ? b
		       : (struct bytes){ NULL, 0 };
}

static const char *text_of(sqlite3_stmt *st, int at)
{
	const char *text = (const char *)sqlite3_column_text(st, at);

	return text ? text : "";
}

bool store_images_walk(struct store *s, const char *source,
		       void (*give)(void *user, const struct store_image *image), void *user,
		       struct err *e)
{
	sqlite3_stmt *st;
	int rc;

	if (!prepare(s, "SELECT i.tunnel_id, ifnull(t.network, 0), t.key_a, t.port_a, t.key_b,"
			" t.port_b, i.saved_ns, i.track_stamp, i.track, i.track_sum,"
			" i.detect_stamp, i.detect, i.detect_sum FROM image i"
			" LEFT JOIN tunnel t ON t.id = i.tunnel_id WHERE i.sensor_id = ?1"
			" AND i.source = ?2 AND (t.id IS NOT NULL OR i.tunnel_id = 0)"
			" ORDER BY i.saved_ns DESC, i.tunnel_id", &st, e))
		return false;
	sqlite3_bind_int64(st, 1, s->sensor);
	sqlite3_bind_text(st, 2, source, -1, SQLITE_STATIC);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const struct store_image image = {
			.tunnel = (object_id)sqlite3_column_int64(st, 0),
			.network = (uint32_t)sqlite3_column_int64(st, 1),
			.peers = { endpoint_of(st, 2), endpoint_of(st, 4) },
			.saved = moment_of(st, 6),
			.track_stamp = text_of(st, 7), .track = bytes_of(st, 8),
			.detect_stamp = text_of(st, 10), .detect = bytes_of(st, 11),
		};

		give(user, &image);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE || store_fault(s, rc, e);
}

/* ---- what was left living -------------------------------------------------- */

bool store_living_walk(struct store *s, const char *source, const struct record_sink *sink,
		       struct err *e)
{
	struct store_scope scope = {
		.since = NSEC_NONE, .until = NSEC_NONE, .living = true, .open_alerts = true
	};
	uint32_t *captures = NULL;
	size_t n = 0, room = 0;
	sqlite3_stmt *st;
	int rc;

	if (!prepare(s, "SELECT id FROM capture WHERE sensor_id = ?1 AND source = ?2 ORDER BY id",
		     &st, e))
		return false;
	sqlite3_bind_int64(st, 1, s->sensor);
	sqlite3_bind_text(st, 2, source, -1, SQLITE_STATIC);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (n == room) {
			uint32_t *larger = realloc(captures, (room = room ? 2 * room : 64) *
								     sizeof(*captures));

			if (!larger) {
				rc = SQLITE_NOMEM;
				break;
			}
			captures = larger;
		}
		captures[n++] = (uint32_t)sqlite3_column_int64(st, 0);
	}
	sqlite3_finalize(st);
	scope.captures = captures;
	scope.n_captures = n;

	bool ok = rc == SQLITE_DONE || store_fault(s, rc, e);

	ok = ok && (n == 0 || store_walk(s, &scope, sink, e));
	free(captures);
	return ok;
}

bool store_traffic_since(struct store *s, object_id esp_sa, nsec bucket, struct record_traffic *ret,
			 struct err *e)
{
	sqlite3_stmt *st;

	*ret = (struct record_traffic){ .esp_sa = esp_sa, .bucket = bucket };
	if (!prepare(s, "SELECT ifnull(sum(packets), 0), ifnull(sum(bytes), 0), ifnull(sum(lost),"
			" 0) FROM traffic WHERE esp_sa_id = ?1 AND span_s = 60 AND bucket_ns >= ?2",
			&st, e))
		return false;
	sqlite3_bind_int64(st, 1, (int64_t)esp_sa);
	sqlite3_bind_int64(st, 2, bucket);

	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW) {
		ret->packets = sqlite3_column_int64(st, 0);
		ret->bytes = sqlite3_column_int64(st, 1);
		ret->lost = sqlite3_column_int64(st, 2);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || store_fault(s, rc, e);
}

bool store_give_up(struct store *s, enum store_kind kind, const object_id *ids, size_t n, nsec at,
		   struct err *e)
{
	static const char *const texts[] = {
		[STORE_IKE_SA] = "UPDATE ike_sa SET end_reason = 'unknown', ended_ns = last_ns,"
				 " state = 'gone', grade = 'unknown' WHERE id = ?1 AND ?2 = ?2",
		[STORE_CHILD_SA] = "UPDATE child_sa SET end_reason = 'unknown', state = 'deleted',"
				   " grade = 'unknown', ended_ns = ifnull((SELECT max(last_ns)"
				   " FROM esp_sa e WHERE e.id IN (child_sa.esp_sa_a_id,"
				   " child_sa.esp_sa_b_id)), created_ns) WHERE id = ?1 AND ?2 = ?2",
		[STORE_ESP_SA] = "UPDATE esp_sa SET end_reason = 'unknown', grade = 'unknown'"
				 " WHERE id = ?1 AND ?2 = ?2",
		[STORE_ALERT] = "UPDATE alert SET status = 'cleared', cleared_ns = ?2 "
				"WHERE id = ?1",
	};
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++) {
		sqlite3_stmt *st;

		ok = prepare(s, texts[kind], &st, e);
		if (!ok)
			break;
		sqlite3_bind_int64(st, 1, (int64_t)ids[i]);
		sqlite3_bind_int64(st, 2, at);
		ok = run(s, st, e);
	}
	return ok;
}
