/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/store_learn.h>

#include "store/inventory.h"
#include "store/queries.h"

/* Spans in which an SA was there may overlap: each counts from where the ones before it ended. */
static const char question[] =
	"WITH spans AS ("
	" SELECT tunnel_id, coalesce(established_ns, created_ns) AS b,"
	" coalesce(ended_ns, last_ns) AS e FROM ike_sa"
	" WHERE established_ns IS NOT NULL OR origin <> 'observed'"
	" UNION ALL SELECT tunnel_id, first_ns, last_ns FROM esp_sa WHERE packets >= 3),"
	"ordered AS (SELECT tunnel_id, b, e, max(e) OVER (PARTITION BY tunnel_id ORDER BY b, e"
	" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM spans"
	" WHERE b IS NOT NULL AND e >= b),"
	"covered AS (SELECT tunnel_id, min(b) AS b, max(e) AS e,"
	" sum(CASE WHEN before IS NULL OR b > before THEN e - b"
	" WHEN e > before THEN e - before ELSE 0 END) AS up_ns,"
	" count(CASE WHEN b > before + 60000000000 THEN 1 END) AS pauses"
	" FROM ordered GROUP BY tunnel_id),"
	"ike AS (SELECT tunnel_id, max(version) AS version, count(*) AS n,"
	" count(established_ns) AS established,"
	" count(CASE WHEN origin <> 'rekey' AND established_ns IS NOT NULL THEN 1 END) AS sessions"
	" FROM ike_sa GROUP BY 1),"
	"child AS (SELECT tunnel_id, count(*) AS n,"
	" count(CASE end_reason WHEN 'idle' THEN 1 END) AS idle FROM child_sa GROUP BY 1),"
	"user AS (SELECT DISTINCT tunnel_id FROM exchange WHERE purpose IN ('eap', 'transaction')),"
	"esp AS (SELECT tunnel_id, count(DISTINCT src_key) AS ways FROM esp_sa"
	" WHERE packets >= 3 GROUP BY 1)"
	"SELECT t.key_a, t.port_a, t.key_b, t.port_b, x.label, v.b, v.e,"
	" (SELECT max(last_ns) FROM capture), v.up_ns, v.pauses,"
	" ifnull(i.version, 0), ifnull(i.sessions, 0), ifnull(i.n, 0), ifnull(c.n, 0),"
	" ifnull(c.idle, 0), u.tunnel_id IS NOT NULL,"
	" ifnull(i.established, 0) > 0 OR ifnull(p.ways, 0) >= 2, l.median_s, l.who_rekeys"
	" FROM tunnel t"
	" LEFT JOIN expected x ON " INVENTORY_ENTRY_OF("x", "t")
	" LEFT JOIN covered v ON v.tunnel_id = t.id"
	" LEFT JOIN ike i ON i.tunnel_id = t.id"
	" LEFT JOIN child c ON c.tunnel_id = t.id"
	" LEFT JOIN user u ON u.tunnel_id = t.id"
	" LEFT JOIN esp p ON p.tunnel_id = t.id"
	" LEFT JOIN v_lifetimes l ON l.tunnel_id = t.id AND l.kind = 'child' AND l.side IS NULL"
	" AND l.n > 0"
	" ORDER BY t.key_a, t.port_a, t.key_b, t.port_b, t.id";

static struct endpoint endpoint_of(sqlite3_stmt *st, int at)
{
	const uint8_t *key = sqlite3_column_blob(st, at);
	bool whole = sqlite3_column_bytes(st, at) == 16;

	return (struct endpoint){ whole ? addr_from_bytes(key) : (struct addr){ 0 },
				  (uint16_t)sqlite3_column_int(st, at + 1) };
}

bool store_walk_learned(struct store *s, void (*row)(void *user, const struct store_learned *l),
			void *user, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, question, -1, &st, NULL);

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(st);
		if (rc != SQLITE_ROW)
			break;
		row(user, &(struct store_learned){
			.peers = { endpoint_of(st, 0), endpoint_of(st, 2) },
			.label = (const char *)sqlite3_column_text(st, 4),
			.first = moment_of(st, 5), .last = moment_of(st, 6),
			.watched_last = moment_of(st, 7),
			.up_ns = sqlite3_column_int64(st, 8), .pauses = sqlite3_column_int64(st, 9),
			.version = sqlite3_column_int(st, 10),
			.sessions = sqlite3_column_int64(st, 11),
			.ike_sas = sqlite3_column_int64(st, 12),
			.child_sas = sqlite3_column_int64(st, 13),
			.idle_ends = sqlite3_column_int64(st, 14),
			.user_login = sqlite3_column_int(st, 15) != 0,
			.both_ways = sqlite3_column_int(st, 16) != 0,
			.rekey_ns = sqlite3_column_type(st, 17) == SQLITE_NULL ? RECORD_UNKNOWN :
				    (int64_t)(sqlite3_column_double(st, 17) * (double)NSEC_PER_S),
			.who_rekeys = (const char *)sqlite3_column_text(st, 18),
		});
	}

	bool ok = rc == SQLITE_DONE || store_fault(s, rc, e);

	sqlite3_finalize(st);
	return ok;
}
