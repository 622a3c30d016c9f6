/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The history as records again.  One query per kind, put together from fixed
 * parts; whatever the caller says is bound.  Parameters, of which a query uses
 * those that its scope needs:
 *	?1 tunnel rows (JSON)  ?2 capture ids (JSON)  ?3 since  ?4 until
 *	?5 code  ?6 least severity  ?7 alert
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/text.h>

#include "store/inventory.h"
#include "store/queries.h"

/* Objects born in the captures of the scope: a range of rowids each. */
#define CAPTURES "(SELECT DISTINCT value AS capture FROM json_each(?2)) k CROSS JOIN "
#define BORN " o.id BETWEEN k.capture << 32 AND k.capture << 32 | 0xffffffff "

/* From what, joined to what. */
static void add_source(const struct walk *w, enum kind kind, struct text *sql)
{
	const char *captures = w->scope->captures ? CAPTURES : "";

	switch (kind) {
	case CAPTURE:
		text_add(sql, " FROM capture o WHERE true%s",
			 w->scope->captures ? " AND o.id IN (SELECT value FROM json_each(?2))"
					    : "");
		return;
	case TUNNEL:
		text_add(sql, " FROM tunnel o WHERE true");
		if (!w->scope->captures)
			return;
		text_add(sql, " AND o.id IN (");	/* of any object born there */
		for (enum kind k = IKE_SA; k <= ALERT; k++)
			text_add(sql, "%sSELECT o.tunnel_id FROM " CAPTURES "%s o WHERE" BORN,
				 k == IKE_SA ? "" : " UNION ", store_queries[k].table);
		text_add(sql, ")");
		return;
	case TRAFFIC:
		text_add(sql,
			 " FROM %sesp_sa o CROSS JOIN traffic b ON b.esp_sa_id = o.id"
			 " LEFT JOIN tunnel t ON t.id = o.tunnel_id WHERE b.span_s = 60",
			 captures);
		break;
	case IKE_SA: case CHILD_SA: case ESP_SA: case EXCHANGE: case EVENT: case ALERT:
		text_add(sql, " FROM %s%s o LEFT JOIN tunnel t ON t.id = o.tunnel_id WHERE true",
			 captures, store_queries[kind].table);
		break;
	case KINDS:
		break;
	}
	if (w->scope->captures)
		text_add(sql, " AND" BORN);
}

static void build(const struct walk *w, enum kind kind, struct text *sql)
{
	const struct query *q = &store_queries[kind];
	const struct store_scope *c = w->scope;

	text_add(sql, "SELECT %s", q->columns);
	add_source(w, kind, sql);
	if (c->tunnel && kind != CAPTURE)
		text_add(sql, " AND o.%s IN (SELECT value FROM json_each(?1))",
			 kind == TUNNEL ? "id" : "tunnel_id");
	if (c->since != NSEC_NONE)
		text_add(sql, " AND %s >= ?3", q->heard);
	if (c->until != NSEC_NONE)
		text_add(sql, " AND %s < ?4", q->born);
	if (kind == ALERT && c->code)
		text_add(sql, " AND o.code = ?5");
	if (kind == ALERT && c->min_severity > SEVERITY_INFO)
		text_add(sql, " AND CASE o.severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1"
			      " ELSE 0 END >= ?6");
	if (kind == ALERT && c->open_alerts)
		text_add(sql, " AND o.status = 'raised'");
	if (c->living && (kind == IKE_SA || kind == CHILD_SA || kind == ESP_SA))
		text_add(sql, " AND o.end_reason IS NULL");
	if (kind == ALERT && c->alert_row != 0)
		text_add(sql, " AND o.id = ?7");
	text_add(sql, " ORDER BY %s, o.id", q->born);
}

static int bind_scope(const struct walk *w)
{
	const struct store_scope *c = w->scope;
	int n = sqlite3_bind_parameter_count(w->st);	/* the highest number in this query */

	if (n >= 1)
		sqlite3_bind_text(w->st, 1, w->tunnels.at, -1, SQLITE_STATIC);
	if (n >= 2)
		sqlite3_bind_text(w->st, 2, c->captures ? w->captures.at : NULL, -1, SQLITE_STATIC);
	if (n >= 3)
		sqlite3_bind_int64(w->st, 3, c->since);
	if (n >= 4)
		sqlite3_bind_int64(w->st, 4, c->until);
	if (n >= 5)
		sqlite3_bind_text(w->st, 5, c->code, -1, SQLITE_STATIC);
	if (n >= 6)
		sqlite3_bind_int(w->st, 6, c->min_severity);
	return n >= 7 ? sqlite3_bind_int64(w->st, 7, c->alert_row) : SQLITE_OK;
}

static bool walk_kind(struct walk *w, enum kind kind, struct err *e)
{
	char buffer[4096];
	struct text sql = TEXT_IN(buffer);

	build(w, kind, &sql);

	int rc = sql.cut ? SQLITE_TOOBIG : sqlite3_prepare_v2(w->s->db, buffer, -1, &w->st, NULL);

	if (rc == SQLITE_OK)
		rc = bind_scope(w);
	while (rc == SQLITE_OK && (rc = sqlite3_step(w->st)) == SQLITE_ROW) {
		store_queries[kind].give(w);
		lists_clear(&w->lists);
		rc = w->lists.rc;
	}
	bool ok = rc == SQLITE_DONE || store_fault(w->s, rc, e);

	sqlite3_finalize(w->st);
	w->st = NULL;
	return ok;
}

/* Rows of the tunnels that `scope->tunnel` can mean. */
static bool find_tunnels(struct walk *w, struct err *e)
{
	struct addr addr;
	uint8_t key[16];
	int rc;

	json_text_clear(&w->tunnels);
	json_text_mark(&w->tunnels, '[');
	rc = sqlite3_prepare_v2(w->s->db,
		"SELECT id FROM tunnel"
		" WHERE ?1 IN (name, peer_b || '<->' || peer_a, CAST(id AS TEXT), peer_a, peer_b)"
		" OR ?2 IN (key_a, key_b) OR EXISTS (SELECT 1 FROM expected x WHERE x.label = ?1"
		" AND " INVENTORY_ENTRY_OF("x", "tunnel") ") ORDER BY id", -1, &w->st, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_text(w->st, 1, w->scope->tunnel, -1, SQLITE_STATIC);
		if (w->scope->tunnel && addr_parse(w->scope->tunnel, &addr)) {
			addr_bytes(addr, key);
			sqlite3_bind_blob(w->st, 2, key, sizeof(key), SQLITE_STATIC);
		}
		while ((rc = sqlite3_step(w->st)) == SQLITE_ROW)
			json_text_integer(&w->tunnels, sqlite3_column_int64(w->st, 0));
	}
	json_text_mark(&w->tunnels, ']');
	bool ok = rc == SQLITE_DONE || store_fault(w->s, rc, e);

	sqlite3_finalize(w->st);
	w->st = NULL;
	return ok && (!w->tunnels.failed || err_set(e, "out of memory"));
}

static bool begin(struct walk *w, struct store *s, const struct store_scope *scope, struct err *e)
{
	static const struct store_scope all = { .since = NSEC_NONE, .until = NSEC_NONE };

	*w = (struct walk){ .s = s, .scope = scope ? scope : &all };
	json_text_clear(&w->captures);
	json_text_mark(&w->captures, '[');
	for (size_t i = 0; w->scope->captures && i < w->scope->n_captures; i++)
		json_text_unsigned(&w->captures, w->scope->captures[i]);
	json_text_mark(&w->captures, ']');
	/* What is read is one moment of the history, and no lock is held on it. */
	if (!store_commit(s, e) || !store_run(s, "BEGIN", e))
		return false;

	int rc = lists_open(&w->lists, s->db);

	if (rc != SQLITE_OK)
		return store_fault(s, rc, e);
	return (!w->scope->tunnel || find_tunnels(w, e)) &&
	       (!w->captures.failed || err_set(e, "out of memory"));
}

static void end(struct walk *w)
{
	lists_close(&w->lists);
	json_text_done(&w->tunnels);
	json_text_done(&w->captures);
	if (!sqlite3_get_autocommit(w->s->db))
		store_run(w->s, "COMMIT", NULL);
}

bool store_walk(struct store *s, const struct store_scope *scope, const struct record_sink *sink,
		struct err *e)
{
	const bool wanted[KINDS] = {
		[CAPTURE] = sink->capture, [TUNNEL] = sink->tunnel, [IKE_SA] = sink->ike_sa,
		[CHILD_SA] = sink->child_sa, [ESP_SA] = sink->esp_sa, [EXCHANGE] = sink->exchange,
		[EVENT] = sink->event, [ALERT] = sink->alert, [TRAFFIC] = sink->traffic,
	};
	struct walk w;
	bool ok = begin(&w, s, scope, e);

	w.sink = sink;
	for (enum kind kind = CAPTURE; ok && kind < KINDS; kind++)
		ok = !wanted[kind] || walk_kind(&w, kind, e);
	end(&w);
	return ok;
}

/*
 * Of one tunnel row, or of all (0): a condition that is a constant goes down to the indexes, a list
 * of them does not.
 */
static bool walk_lifetimes(struct walk *w, int64_t tunnel,
			   void (*row)(void *user, const struct store_lifetime *l), void *user,
			   struct err *e)
{
	static const char columns[] = "SELECT tunnel, kind, side, n, min_ns, median_ns, max_ns,"
				      " who_rekeys, expected_s * 1000000000, expected_grade,"
				      " ended_by FROM v_lifetimes";
	struct store_lifetime lifetime;
	char sql[sizeof(columns) + 64];
	bool ok;

	snprintf(sql, sizeof(sql), "%s%s ORDER BY id", columns,
		 tunnel != 0 ? " WHERE tunnel_id = ?1" : "");

	int rc = sqlite3_prepare_v2(w->s->db, sql, -1, &w->st, NULL);

	if (rc == SQLITE_OK && tunnel != 0)
		rc = sqlite3_bind_int64(w->st, 1, tunnel);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(w->st);
		if (rc == SQLITE_ROW) {
			store_take_lifetime(w, &lifetime);
			row(user, &lifetime);
		}
	}
	ok = rc == SQLITE_DONE || store_fault(w->s, rc, e);
	sqlite3_finalize(w->st);
	w->st = NULL;
	return ok;
}

bool store_walk_lifetimes(struct store *s, const struct store_scope *scope,
			  void (*row)(void *user, const struct store_lifetime *l), void *user,
			  struct err *e)
{
	struct walk w;
	bool ok = begin(&w, s, scope, e);
	char *rest = w.tunnels.at;	/* "[5,7]" */

	if (ok && !w.scope->tunnel)
		ok = walk_lifetimes(&w, 0, row, user, e);
	while (ok && w.scope->tunnel && (rest = strpbrk(rest, "0123456789")))
		ok = walk_lifetimes(&w, strtoll(rest, &rest, 10), row, user, e);
	end(&w);
	return ok;
}
