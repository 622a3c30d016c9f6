/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/samples.h"

#include "store/store_parts.h"

static void put(struct store *s, struct record_esp_sa sa)
{
	struct err e = { "" };

	assert_ok(store_esp_sa(s, &sa, &e), e);
}

static void a_row_told_again_is_one_row_with_what_was_told_last(void **state)
{
	const char *path = scratch_path("again.db");
	struct store *s = sample_open(path);
	struct record_esp_sa sa = sample_esp_sa(sample_capture(s, "aa"), 1);

	(void)state;
	sa.first = T0;
	sa.packets = 5;
	put(s, sa);
	sa.packets = 7;
	sa.successor = object_id_of(1, 9);
	put(s, sa);
	sample_close(s);
	assert_look(path, "SELECT count(*), packets, successor_id & 0xffffffff FROM esp_sa",
		    "1|7|9");
	assert_look(path, "PRAGMA integrity_check", "ok");
}

static void a_row_whose_place_in_an_index_changes_is_found_at_the_new_one_only(void **state)
{
	const char *path = scratch_path("moves.db");
	struct store *s = sample_open(path);
	struct record_esp_sa sa = sample_esp_sa(sample_capture(s, "aa"), 1);

	(void)state;
	sa.first = NSEC_NONE;
	sa.packets = 5;
	put(s, sa);
	sa.first = T0 - NSEC_PER_S;	/* from unknown to known, and then to another */
	put(s, sa);
	sa.first = T0;
	sa.packets = 7;
	put(s, sa);
	sa.packets = 8;
	put(s, sa);
	sample_close(s);
	assert_look(path, "SELECT count(*), packets FROM esp_sa INDEXED BY esp_sa_tunnel"
			  " WHERE tunnel_id = 1 AND first_ns = (SELECT first_ns"
			  " FROM esp_sa NOT INDEXED)", "1|8");
	assert_look(path, "SELECT count(*) FROM esp_sa INDEXED BY esp_sa_tunnel "
			  "WHERE tunnel_id = 1", "1");
	assert_look(path, "PRAGMA integrity_check", "ok");
}

static void every_column_of_a_table_of_objects_is_put_again_or_stands_in_an_index(void **state)
{
	const char *path = scratch_path("columns.db");
	struct store *s = sample_open(path);
	static const struct {
		enum statement put;
		const char *table, *indexed;
	} tables[] = {
#define TABLE(name, table, indexed) { ST_##name##_PUT, table, indexed },
		PUT_TABLES(TABLE)
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		char query[256];
		sqlite3_stmt *columns;
		const char *sql = sqlite3_sql(s->statements[tables[i].put]);

		snprintf(query, sizeof(query),
			 "SELECT name FROM pragma_table_info('%s') WHERE name <> 'id'",
			 tables[i].table);
		assert_int_equal(sqlite3_prepare_v2(s->db, query, -1, &columns, NULL), SQLITE_OK);
		while (sqlite3_step(columns) == SQLITE_ROW) {
			const char *name = (const char *)sqlite3_column_text(columns, 0);
			char set[128], same[128];

			snprintf(set, sizeof(set), " %s = excluded.%s", name, name);
			snprintf(same, sizeof(same), " %s IS excluded.%s", name, name);
			assert_true((strstr(sql, set) != NULL) != (strstr(sql, same) != NULL));
		}
		sqlite3_finalize(columns);
		/* and those are all the columns of its indexes */
		snprintf(query, sizeof(query),
			 "SELECT group_concat(name, ', ') FROM (SELECT DISTINCT x.name"
			 " FROM pragma_index_list('%s') i, pragma_index_xinfo(i.name) x WHERE x.key"
			 " AND x.cid >= 0 ORDER BY x.name <> 'tunnel_id', x.cid)", tables[i].table);
		assert_int_equal(sqlite3_prepare_v2(s->db, query, -1, &columns, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(columns), SQLITE_ROW);
		for (const char *name = (const char *)sqlite3_column_text(columns, 0); *name;) {
			char one[64];
			size_t n = strcspn(name, ", ");

			snprintf(one, sizeof(one), "%.*s", (int)n, name);
			assert_non_null(strstr(tables[i].indexed, one));
			name += n + strspn(name + n, ", ");
		}
		sqlite3_finalize(columns);
	}
	sample_close(s);
}

static void count_tunnel(void *user, const struct record_tunnel *r)
{
	(void)r;
	++*(int *)user;
}

static void count_event(void *user, const struct record_event *r)
{
	(void)r;
	user = (char *)user + sizeof(int);
	++*(int *)user;
}

static void without_details_a_tunnel_of_which_only_events_came_is_there_as_well(void **state)
{
	struct err e = { "" };
	int counted[2] = { 0, 0 };
	const struct record_sink sink = { .user = counted,
					  .tunnel = count_tunnel,
					  .event = count_event };
	struct store *s = sample_open(NULL);
	uint32_t capture = sample_capture(s, "aa");
	const struct endpoint others[2] = { sample_peers[0], { addr_v4(0xcb007163), 0 } };
	struct record_tunnel silent = {
		.id = object_id_of(capture, 7), .peers = { others[0], others[1] },
		.state = TUNNEL_UNKNOWN, .since = NSEC_NONE,
		.first = NSEC_NONE, .last = NSEC_NONE,
		.behind_nat = { RECORD_UNKNOWN, RECORD_UNKNOWN },
	};

	(void)state;
	store_without_details(s);
	/* nothing was heard of it but that it is there */
	assert_ok(store_tunnel(s, &silent, &e), e);
	for (uint32_t i = 1; i <= 5; i++) {
		struct record_event event = sample_event(capture, i);
		struct record_traffic traffic = {
			object_id_of(capture, 3), event.tunnel, T0, 1, 2, 3
		};

		assert_ok(store_event(s, &event, &e), e);
		assert_ok(store_traffic(s, &traffic, &e), e);
	}
	assert_ok(store_walk(s, NULL, &sink, &e), e);
	assert_int_equal(counted[0], 1);
	assert_int_equal(counted[1], 0);
	sample_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_told_again_is_one_row_with_what_was_told_last),
		cmocka_unit_test(
			a_row_whose_place_in_an_index_changes_is_found_at_the_new_one_only),
		cmocka_unit_test(
			every_column_of_a_table_of_objects_is_put_again_or_stands_in_an_index),
		cmocka_unit_test(
			without_details_a_tunnel_of_which_only_events_came_is_there_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
