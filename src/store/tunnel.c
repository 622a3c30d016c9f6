/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rows of the table `tunnel`.  Any record may be the first to name a tunnel, but only the
 * tunnel's own record says in which network it is: until it comes, network 0 is assumed.
 */
#include <assert.h>

#include "store/store_parts.h"

static void bind_peer(sqlite3_stmt *st, int at, struct endpoint p)
{
	char text[ENDPOINT_TEXT_MAX];
	uint8_t key[16];

	sqlite3_bind_text(st, at, endpoint_text(p, text), -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(st, at + 1, addr_text(p.addr, text), -1, SQLITE_TRANSIENT);
	sqlite3_bind_int(st, at + 2, p.port);
	addr_bytes(p.addr, key);
	sqlite3_bind_blob(st, at + 3, key, sizeof(key), SQLITE_TRANSIENT);
}

static int bind_identity(struct store *s, sqlite3_stmt *st, uint32_t network, const char *name)
{
	sqlite3_bind_int64(st, 1, s->sensor);
	sqlite3_bind_int64(st, 2, network);
	return sqlite3_bind_text(st, 3, name, -1, SQLITE_TRANSIENT);
}

/* Of sqlite3_step(): SQLITE_ROW when there is one. */
static int find_row(struct store *s, uint32_t network, const char *name, int64_t *ret)
{
	sqlite3_stmt *find = s->statements[ST_TUNNEL_FIND];

	bind_identity(s, find, network, name);

	int rc = sqlite3_step(find);

	*ret = rc == SQLITE_ROW ? sqlite3_column_int64(find, 0) : 0;
	sqlite3_reset(find);
	return rc;
}

/* The row with this identity, made when there is none; 0 with a reason. */
static int64_t see_row(struct store *s, uint32_t network, const struct endpoint *peers,
		       bool *ret_made, struct err *e)
{
	sqlite3_stmt *add = s->statements[ST_TUNNEL_ADD];
	char name[TUNNEL_TEXT_MAX];
	int64_t row;

	assert(endpoint_compare(peers[0], peers[1]) <= 0);	/* sides are told by this order */
	*ret_made = false;

	int rc = find_row(s, network, tunnel_text(peers, name), &row);

	if (rc == SQLITE_DONE) {
		bind_identity(s, add, network, name);
		bind_peer(add, 4, peers[0]);
		bind_peer(add, 8, peers[1]);
		rc = sqlite3_step(add);
		sqlite3_reset(add);
		if (rc == SQLITE_DONE) {
			row = sqlite3_last_insert_rowid(s->db);
			*ret_made = true;
		}
	}
	if (row == 0)
		store_fault(s, rc, e);
	return row;
}

static bool look_up(struct store *s, struct tunnel_row *entry, const struct endpoint *peers,
		    struct err *e)
{
	tunnel_rows_found(&s->tunnels, entry, see_row(s, entry->network, peers, &entry->made, e));
	return entry->row != 0;
}

int64_t store_tunnel_row(struct store *s, object_id object, const struct endpoint *peers,
			 struct err *e)
{
	struct tunnel_row *entry = tunnel_rows_see(&s->tunnels, object);

	if (!entry) {
		err_set(e, "out of memory");
		return 0;
	}
	if (entry->row == 0 && !peers) {
		err_set(e, "database %s: a record names a tunnel that has no peers", s->name);
		return 0;
	}
	if (entry->row == 0 && !look_up(s, entry, peers, e))
		return 0;
	return entry->row;
}

bool store_tunnel_is_known(struct store *s, const struct record_tunnel *r)
{
	const struct tunnel_row *entry = tunnel_rows_see(&s->tunnels, r->id);
	char name[TUNNEL_TEXT_MAX];
	int64_t row;

	if (!entry || entry->row != 0 || !s->tunnels.some_forgotten)
		return !entry || entry->row != 0;
	/* one that was forgotten may have been assumed to be in another network */
	return r->network != 0 || find_row(s, 0, tunnel_text(r->peers, name), &row) != SQLITE_DONE;
}

/* What this run has written under the assumed row belongs to `row`. */
static bool move(struct store *s, const struct tunnel_row *entry, int64_t row, struct err *e)
{
	static const char *const tables[] = {
		"ike_sa", "esp_sa", "child_sa", "exchange", "event", "alert",
	};
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(tables) / sizeof(tables[0]); i++) {
		char *sql = sqlite3_mprintf("UPDATE %s SET tunnel_id = %lld WHERE tunnel_id = %lld "
					    "AND id >= %lld",
					    tables[i], (long long)row, (long long)entry->row,
					    (long long)(entry->object >> 32 << 32));

		ok = sql ? store_run(s, sql, e) : err_set(e, "out of memory");
		sqlite3_free(sql);
	}
	/* fails, and may, when another process has begun to use it */
	if (ok && entry->made) {
		char *sql = sqlite3_mprintf("DELETE FROM tunnel WHERE id = %lld",
					    (long long)entry->row);

		if (sql)
			store_run(s, sql, NULL);
		sqlite3_free(sql);
	}
	return ok;
}

int64_t store_tunnel_row_of(struct store *s, const struct record_tunnel *r, struct err *e)
{
	struct tunnel_row *entry = tunnel_rows_see(&s->tunnels, r->id);

	if (!entry) {
		err_set(e, "out of memory");
		return 0;
	}

	struct tunnel_row before = *entry;

	entry->assumed = false;
	if (before.row != 0 && before.network == r->network)
		return before.row;
	entry->network = r->network;
	if (!look_up(s, entry, r->peers, e))
		return 0;
	/*
	 * Two tunnels of one run with the same peers: what was written cannot be told apart any
	 * more.
	 */
	if (before.row != 0 && before.assumed && !tunnel_rows_shared(&s->tunnels, &before) &&
	    !move(s, &before, entry->row, e))
		return 0;
	return entry->row;
}
