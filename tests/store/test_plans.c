/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is asked of a large history must not read all of it.  The plans are
 * those for a small one: without statistics SQLite makes the same for both.
 */
#include "store/samples.h"

#include "store/store_parts.h"

static const char *const large[] = {
	"event", "exchange", "esp_sa", "child_sa", "ike_sa", "traffic",
};

/*
 * "SCAN e", "SCAN event AS e", "SCAN e USING INDEX ...": of which table, by the aliases of
 * views.sql and walk.c.
 */
static const char *scanned_table(const char *step)
{
	static const struct {
		const char *alias, *table;
	} aliases[] = {
		{ "e", "event or esp_sa" }, { "i", "ike_sa" }, { "n", "ike_sa or child_sa" }, {
		  "c", "child_sa or capture" },
		{ "r", "traffic" }, { "o", "the table of a walk" }, { "b", "traffic" },
	};
	char name[64];

	if (sscanf(step, "SCAN %63s", name) != 1)
		return NULL;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
		if (strcmp(name, aliases[i].alias) == 0)
			return aliases[i].table;
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		if (strcmp(name, large[i]) == 0)
			return large[i];
	return NULL;
}

/*
 * The plan of `sql`, a step a line; free() it.  `ret_scans` is the first step that reads a large
 * table from end to end.
 */
static char *plan_of(sqlite3 *db, const char *sql, char *ret_scan, size_t size)
{
	char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
	char *plan = NULL;
	size_t length;
	FILE *out = open_memstream(&plan, &length);
	sqlite3_stmt *st;

	ret_scan[0] = '\0';
	if (sqlite3_prepare_v2(db, explain, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *step = (const char *)sqlite3_column_text(st, 3);

		fprintf(out, "%s\n", step);
		if (!ret_scan[0] && scanned_table(step))
			snprintf(ret_scan, size, "%s (%s)", step, scanned_table(step));
	}
	sqlite3_finalize(st);
	sqlite3_free(explain);
	fclose(out);
	return plan;
}

static void assert_no_scan(sqlite3 *db, const char *sql)
{
	char scan[200];
	char *plan = plan_of(db, sql, scan, sizeof(scan));

	if (scan[0])
		fail_msg("reads all: %s\n%.300s\n%s", scan, sql, plan);
	free(plan);
}

static const char *filled_history(void)
{
	const char *path = scratch_path("plans.db");
	struct store *s = sample_open(path);
	struct err e = { "" };

	for (uint32_t i = 1; i <= 20; i++) {
		struct record_event event = sample_event(1, i);
		struct record_esp_sa sa = sample_esp_sa(1, i);

		assert_ok(store_event(s, &event, &e), e);
		assert_ok(store_esp_sa(s, &sa, &e), e);
	}
	sample_close(s);
	return path;
}

static void questions_about_one_tunnel_use_indexes(void **state)
{
	static const char *const questions[] = {
		"SELECT at, what, text FROM v_timeline WHERE tunnel = '" SAMPLE_TUNNEL "'",
		"SELECT at, what, text FROM v_timeline WHERE tunnel_id = 1",
		"SELECT at, what, text FROM v_timeline WHERE tunnel_id = 1 ORDER BY at_ns DESC"
		" LIMIT 50",
		"SELECT * FROM v_lifetimes WHERE tunnel = '" SAMPLE_TUNNEL "'",
		"SELECT * FROM v_lifetimes WHERE tunnel_id = 1",
		"SELECT * FROM v_esp_sas WHERE tunnel = '" SAMPLE_TUNNEL "' ORDER BY src, first",
		"SELECT * FROM v_child_sas WHERE tunnel = '" SAMPLE_TUNNEL "'",
		"SELECT * FROM v_ike_sas WHERE tunnel = '" SAMPLE_TUNNEL "'",
		"SELECT * FROM v_exchanges WHERE tunnel = '" SAMPLE_TUNNEL "'",
		"SELECT * FROM v_events WHERE tunnel = '" SAMPLE_TUNNEL "'",
	};
	sqlite3 *db = look_open(filled_history());

	(void)state;
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		assert_no_scan(db, questions[i]);
	sqlite3_close(db);
}

static void the_last_hour_of_events_and_the_list_of_tunnels_use_indexes(void **state)
{
	static const char *const questions[] = {
		"SELECT at, tunnel, text FROM v_events WHERE at_ns >= 1795323051000000000"
		" ORDER BY at_ns",
		"SELECT * FROM v_tunnels",
		"SELECT * FROM v_alerts",	/* few, and none of the large tables */
	};
	sqlite3 *db = look_open(filled_history());

	(void)state;
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		assert_no_scan(db, questions[i]);
	sqlite3_close(db);
}

static void the_test_sees_a_scan_where_there_is_one(void **state)
{
	sqlite3 *db = look_open(filled_history());
	char scan[200];

	(void)state;
	free(plan_of(db, "SELECT * FROM v_events WHERE text LIKE 'x'", scan, sizeof(scan)));
	assert_non_null(strstr(scan, "event"));
	free(plan_of(db, "SELECT * FROM v_timeline WHERE text LIKE 'x'", scan, sizeof(scan)));
	assert_int_not_equal(scan[0], 0);
	free(plan_of(db, "SELECT count(*) FROM esp_sa", scan, sizeof(scan)));
	assert_non_null(strstr(scan, "esp_sa"));
	sqlite3_close(db);
}

/* ---- what the program itself asks ---- */

static int note_statement(unsigned type, void *user, void *statement, void *text)
{
	FILE *out = user;
	const char *sql = sqlite3_sql(statement);

	(void)type;
	(void)text;
	if (strstr(sql, " o WHERE ") || strstr(sql, " o LEFT JOIN ") ||
	    strstr(sql, " o CROSS JOIN ") || strstr(sql, "FROM v_lifetimes"))
		fprintf(out, "%s;\n", sql);
	return 0;
}

static void ignore_lifetime(void *user, const struct store_lifetime *l)
{
	(void)user;
	(void)l;
}

#define IGNORE(kind)                                                              \
	static void ignore_##kind(void *user, const struct record_##kind *r)      \
	{                                                                         \
		(void)user;                                                       \
		(void)r;                                                          \
	}
IGNORE(tunnel) IGNORE(ike_sa) IGNORE(child_sa) IGNORE(esp_sa) IGNORE(exchange) IGNORE(event)
IGNORE(alert) IGNORE(traffic)

static void a_walk_of_one_tunnel_and_its_lifetimes_use_indexes(void **state)
{
	const struct store_scope scope = { .tunnel = SAMPLE_TUNNEL,
					   .since = NSEC_NONE,
					   .until = NSEC_NONE };
	const struct record_sink sink = {
		.tunnel = ignore_tunnel, .ike_sa = ignore_ike_sa, .child_sa = ignore_child_sa,
		.esp_sa = ignore_esp_sa,
		.exchange = ignore_exchange, .event = ignore_event, .alert = ignore_alert,
		.traffic = ignore_traffic,
	};
	const char *path = filled_history();
	struct store *s;
	struct err e = { "" };
	char *asked = NULL;
	size_t size;
	FILE *out = open_memstream(&asked, &size);
	unsigned n = 0;

	(void)state;
	assert_ok(store_open(&s, path, STORE_READ, NULL, &e), e);
	sqlite3_trace_v2(s->db, SQLITE_TRACE_STMT, note_statement, out);
	assert_ok(store_walk(s, &scope, &sink, &e), e);
	assert_ok(store_walk_lifetimes(s, &scope, ignore_lifetime, NULL, &e), e);
	sqlite3_trace_v2(s->db, 0, NULL, NULL);
	fclose(out);
	for (char *rest = asked, *sql; (sql = strsep(&rest, ";")) && *sql && sql[1];) {
		char *start = *sql == '\n' ? sql + 1 : sql;

		/* the list of tunnels itself is read from end to end: it is short */
		if (strstr(start, "FROM tunnel ") && !strstr(start, "v_lifetimes"))
			continue;
		assert_no_scan(s->db, start);
		n++;
	}
	assert_int_equal(n, 8);	/* seven kinds and the lifetimes */
	free(asked);
	assert_ok(store_close(s, &e), e);
}

static void a_walk_of_the_events_of_an_hour_uses_an_index(void **state)
{
	const struct store_scope scope = { .since = T0, .until = T0 + 3600 * NSEC_PER_S };
	const struct record_sink sink = { .event = ignore_event };
	struct store *s;
	struct err e = { "" };
	char *asked = NULL;
	size_t size;
	FILE *out = open_memstream(&asked, &size);

	(void)state;
	assert_ok(store_open(&s, filled_history(), STORE_READ, NULL, &e), e);
	sqlite3_trace_v2(s->db, SQLITE_TRACE_STMT, note_statement, out);
	assert_ok(store_walk(s, &scope, &sink, &e), e);
	sqlite3_trace_v2(s->db, 0, NULL, NULL);
	fclose(out);
	assert_non_null(strstr(asked, "FROM event"));
	*strchr(asked, ';') = '\0';
	assert_no_scan(s->db, asked);
	free(asked);
	assert_ok(store_close(s, &e), e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(questions_about_one_tunnel_use_indexes),
		cmocka_unit_test(the_last_hour_of_events_and_the_list_of_tunnels_use_indexes),
		cmocka_unit_test(the_test_sees_a_scan_where_there_is_one),
		cmocka_unit_test(a_walk_of_one_tunnel_and_its_lifetimes_use_indexes),
		cmocka_unit_test(a_walk_of_the_events_of_an_hour_uses_an_index),
	};

	return cmocka_run_group_tests(tests, NULL, scratch_remove);
}
