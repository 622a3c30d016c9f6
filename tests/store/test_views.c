/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * schema/views.sql: the names that other people's scripts use, and what the views work out
 * themselves.
 */
#include "store/samples.h"

static void assert_columns(const char *path, const char *view, const char *names)
{
	sqlite3 *db = look_open(path);
	char sql[64];
	sqlite3_stmt *st;
	char *copy = strdup(names), *rest = copy;

	snprintf(sql, sizeof(sql), "SELECT * FROM %s", view);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	for (char *name; (name = strsep(&rest, " "));) {
		bool found = false;

		for (int i = 0; i < sqlite3_column_count(st); i++)
			found |= strcmp(sqlite3_column_name(st, i), name) == 0;
		if (!found)
			fail_msg("%s has no %s", view, name);
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	free(copy);
}

static void the_views_have_the_columns_of_the_contract(void **state)
{
	const char *path = scratch_path("columns.db");

	(void)state;
	sample_close(sample_open(path));
	assert_columns(path, "v_captures",
		       "id at name kind link_type first last packets bytes ike_messages "
		       "esp_packets ah_packets keepalives "
		       "duplicates malformed cut dropped fragments warnings");
	assert_columns(path, "v_tunnels", "id at tunnel peers state since nat ike_sas child_sas "
					  "alerts first last");
	assert_columns(path, "v_ike_sas",
		       "id at tunnel version spi_i spi_r initiator responder state origin parent "
		       "created established ended end_reason ended_by suite nat suite_encryption "
		       "suite_integrity suite_prf suite_group offered nat_initiator nat_responder "
		       "vendor_ids grade");
	assert_columns(path, "v_esp_sas",
		       "id at tunnel protocol spi src dst encap first last packets bytes seq_first "
		       "seq_last lost late "
		       "duplicates predecessor successor end_reason ended_by grade");
	assert_columns(path, "v_child_sas",
		       "id at tunnel sas ike_sa created created_by created_how predecessor ended "
		       "end_reason ended_by grade");
	assert_columns(path, "v_exchanges",
		       "id at tunnel spi_i spi_r kind message_id from request_at response_at "
		       "requests responses "
		       "request_bytes response_bytes rtt_ms outcome purpose grade");
	assert_columns(path, "v_events", "id at tunnel kind text frames sensor capture seq");
	assert_columns(path, "v_alerts",
		       "id at tunnel code severity confidence status first last count summary "
		       "cause evidence frames actions");
	assert_columns(path, "v_lifetimes",
		       "id tunnel kind side n min_s median_s max_s who_rekeys expected_s "
		       "expected_grade ended_by");
	assert_columns(path, "v_traffic", "id at tunnel spi src dst span_s packets bytes lost");
	assert_columns(path, "v_timeline", "id at tunnel what text");
}

static void keep_tunnel(void *user, const struct record_tunnel *r)
{
	static char label[64];
	struct record_tunnel *to = user;

	assert_int_equal(to->id, 0);	/* one, and no other */
	*to = *r;
	snprintf(label, sizeof(label), "%s", r->label ? r->label : "");
	to->label = label;
}

static void what_json_lines_nest_is_json_text_in_a_column_of_that_name(void **state)
{
	const char *path = scratch_path("nested.db");
	struct store *s = sample_open(path);
	uint32_t capture = sample_capture(s, "f1");
	struct record_ike_sa sa = {
		.id = object_id_of(capture, 1), .tunnel = object_id_of(capture, 1), .version = 2,
		.spi_i = 1, .initiator = sample_peers[0], .responder = sample_peers[1],
		.created = T0, .established = NSEC_NONE, .ended = NSEC_NONE, .last = T0,
		.ended_by = -1, .peers = sample_peers,
	};
	struct err e = { "" };

	(void)state;
	sa.suite = (struct record_offer){ .encryption = "AES_CBC", .key_bits = 256,
					  .integrity = "HMAC_SHA1_96", .prf = "PRF_HMAC_SHA1" };
	sa.nat_initiator = 1;
	sa.nat_responder = 0;
	assert_ok(store_ike_sa(s, &sa, &e), e);
	sa.id = object_id_of(capture, 2);
	sa.spi_i = 2;
	sa.suite = (struct record_offer){ .encryption = "CHACHA20_POLY1305" };
	sa.nat_initiator = sa.nat_responder = -1;
	assert_ok(store_ike_sa(s, &sa, &e), e);
	sample_close(s);
	assert_look(path, "SELECT suite, nat FROM v_ike_sas ORDER BY id",
		    "{\"encryption\":\"AES_CBC_256\",\"integrity\":\"HMAC_SHA1_96\","
		    "\"prf\":\"PRF_HMAC_SHA1\",\"group\":null}|"
		    "{\"initiator\":true,\"responder\":false}\n"
		    "{\"encryption\":\"CHACHA20_POLY1305\",\"integrity\":null,\"prf\":null,"
		    "\"group\":null}|{\"initiator\":null,\"responder\":null}");
	/* the same under the same name, nested or flat */
	assert_look(path, "SELECT suite_encryption, suite ->> 'encryption' FROM v_ike_sas"
			  " ORDER BY id",
		    "AES_CBC_256|AES_CBC_256\nCHACHA20_POLY1305|CHACHA20_POLY1305");
}

static void a_tunnel_of_the_inventory_is_expected_and_has_its_label(void **state)
{
	static const struct endpoint other[2] = {
		{ { 0, ADDR_V4_PREFIX | 0xc0000201 }, 0 },
		{ { 0, ADDR_V4_PREFIX | 0xc6336403 }, 0 },
	};
	const char *path = scratch_path("expected.db");
	struct store *s = sample_open(path);
	struct record_event event = sample_event(sample_capture(s, "f1"), 1);
	struct err e = { "" };

	(void)state;
	assert_ok(store_expected(s, other, "an older inventory", &e), e);
	assert_ok(store_expected_clear(s, &e), e);
	assert_ok(store_expected(s, sample_peers, "hq-branch1", &e), e);
	assert_ok(store_event(s, &event, &e), e);
	event.seq = 2;
	event.tunnel++;
	event.peers = other;
	assert_ok(store_event(s, &event, &e), e);
	sample_close(s);
	assert_look(path, "SELECT tunnel, expected, label FROM v_tunnels ORDER BY tunnel",
		    SAMPLE_TUNNEL "|1|hq-branch1\n192.0.2.1<->198.51.100.3|0|NULL");
	assert_look(path, "SELECT count(*) FROM expected", "1");
}

/* A row of the tunnel between the sample peers, the first of them at a port; heard of at `last`. */
static void put_client(struct store *s, uint32_t number, uint16_t port, nsec last)
{
	struct record_tunnel t = {
		.id = object_id_of(1, number), .peers = { sample_peers[0], sample_peers[1] },
		.state = TUNNEL_UP, .since = T0, .first = T0, .last = last, .behind_nat = { 1, 0 },
	};
	struct err e = { "" };

	t.peers[0].port = port;
	assert_ok(store_tunnel(s, &t, &e), e);
}

static void of_clients_behind_a_nat_the_inventory_means_the_one_heard_of_last(void **state)
{
	static const char rows[] = "SELECT peer_a, label FROM v_tunnels ORDER BY id";
	const char *path = scratch_path("clients.db");
	struct store *s = sample_open(path);
	struct endpoint at_port[2] = { sample_peers[0], sample_peers[1] };
	struct store_scope scope = { .tunnel = "laptop", .since = NSEC_NONE, .until = NSEC_NONE };
	struct record_tunnel heard = { 0 };
	struct record_sink sink = { .user = &heard, .tunnel = keep_tunnel };
	struct err e = { "" };

	(void)state;
	sample_capture(s, "f1");
	put_client(s, 1, 0, NSEC_NONE);		/* expected, not seen at first */
	put_client(s, 2, 40001, T0 + 9);
	put_client(s, 3, 40002, T0 + 7);
	assert_ok(store_expected(s, sample_peers, "laptop", &e), e);
	assert_ok(store_commit(s, &e), e);
	assert_look(path, rows, "192.0.2.1|NULL\n192.0.2.1:40001|laptop\n192.0.2.1:40002|NULL");
	assert_ok(store_walk(s, &scope, &sink, &e), e);
	assert_int_equal(heard.peers[0].port, 40001);
	assert_string_equal(heard.label, "laptop");
	put_client(s, 3, 40002, T0 + 11);
	assert_ok(store_commit(s, &e), e);
	assert_look(path, rows, "192.0.2.1|NULL\n192.0.2.1:40001|NULL\n192.0.2.1:40002|laptop");
	/* one that is named with its port is that one, and no other's */
	at_port[0].port = 40002;
	assert_ok(store_expected(s, at_port, "desk", &e), e);
	sample_close(s);
	assert_look(path, rows, "192.0.2.1|NULL\n192.0.2.1:40001|laptop\n192.0.2.1:40002|desk");
}

static void the_views_work_where_the_schema_is_not_trusted(void **state)
{
	const char *path = scratch_path("untrusted.db");
	sqlite3 *db;

	(void)state;
	sample_close(sample_open(path));

	char *views = look(path, "SELECT name FROM sqlite_schema WHERE type = 'view'");
	char *rest = views;

	db = look_open(path);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	for (char *view; (view = strsep(&rest, "\n")) && *view;) {
		char sql[64];

		snprintf(sql, sizeof(sql), "SELECT * FROM %s", view);
		if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
			fail_msg("%s: %s", view, sqlite3_errmsg(db));
	}
	sqlite3_close(db);
	free(views);
}

static void the_timeline_tells_births_rekeys_ends_events_and_alerts_in_order(void **state)
{
	const char *path = scratch_path("timeline.db");
	struct store *s = sample_open(path);
	struct record_event event = sample_event(1, 1), repeated = sample_event(1, 2);
	struct record_alert alert = {
		.id = object_id_of(1, 1), .tunnel = object_id_of(1, 1), .code = "spi_churn",
		.severity = SEVERITY_WARNING, .first = T0 + 400 * NSEC_PER_S,
		.last = T0 + 500 * NSEC_PER_S,
		.raised = T0 + 450 * NSEC_PER_S, .cleared = true,
		.cleared_at = T0 + 600 * NSEC_PER_S,
		.summary = "too many", .peers = sample_peers,
	};
	struct err e = { "" };

	(void)state;
	sample_put_ike(s, 1, 0, -1, 0, T0, END_DELETED, T0 + 700 * NSEC_PER_S);
	sample_put_child(s, 1, T0 + 100 * NSEC_PER_S, 200, 1, 1);
	event.at = T0 + 50 * NSEC_PER_S;
	event.kind = "nat_found";
	repeated.at = T0;
	repeated.kind = "ike_sa_created";	/* told by the SA itself */
	assert_ok(store_event(s, &event, &e), e);
	assert_ok(store_event(s, &repeated, &e), e);
	assert_ok(store_alert(s, &alert, &e), e);
	sample_close(s);
	assert_look(path, "SELECT what FROM v_timeline WHERE tunnel = '" SAMPLE_TUNNEL "'",
		    "ike_sa_created\nike_sa_established\nnat_found\nchild_sa_created\nchild_sa_reke"
		    "yed\nchild_sa_ended\n"
		    "alert_raised\nalert_cleared\nike_sa_ended");
	assert_look(path, "SELECT at, text FROM v_timeline WHERE what = 'child_sa_rekeyed'",
		    "2026-11-22T04:55:51.000000000Z|child SA a0000001/b0000001 rekeyed by "
		    "198.51.100.2 at the age of 200.0 s");
}

static void lists_are_json_that_json_each_reads(void **state)
{
	const char *path = scratch_path("lists.db");
	struct store *s = sample_open(path);
	struct record_child_sa child = {
		.id = object_id_of(1, 1), .tunnel = object_id_of(1, 1), .created = T0,
		.spis = { 0, 0xff },
		.predecessor_spis = { 0xaa, 0 }, .ended = NSEC_NONE, .rekey_at = NSEC_NONE,
		.peers = sample_peers,
	};
	struct err e = { "" };

	(void)state;
	assert_ok(store_child_sa(s, &child, &e), e);
	sample_close(s);
	assert_look(path, "SELECT c.sas, c.predecessor, group_concat(j.value)"
			  " FROM v_child_sas c, json_each(c.sas) j",
		    "[null,\"000000ff\"]|[\"000000aa\",null]|000000ff");
	assert_look(path, "SELECT peers, group_concat(j.value) FROM v_tunnels, json_each(peers) j",
		    "[\"192.0.2.1\",\"198.51.100.2\"]|192.0.2.1,198.51.100.2");
}

static void peers_carry_a_port_where_one_is_needed(void **state)
{
	const char *path = scratch_path("ports.db");
	struct store *s = sample_open(path);
	struct record_esp_sa sa = sample_esp_sa(1, 1);
	struct err e = { "" };

	(void)state;
	sa.src.port = 4500;
	sa.dst = (struct endpoint){ { UINT64_C(0x20010db800000000), 1 }, 4501 };
	assert_ok(store_esp_sa(s, &sa, &e), e);
	sample_close(s);
	assert_look(path, "SELECT src, dst FROM v_esp_sas", "192.0.2.1:4500|[2001:db8::1]:4501");
}

/* The page of the views, as text. */
static const char *readme(void)
{
	static char text[1 << 16];
	FILE *f = fopen(TEST_SOURCE_DIR "/schema/README.md", "r");

	assert_non_null(f);

	size_t length = fread(text, 1, sizeof(text) - 1, f);

	assert_true(length < sizeof(text) - 1);
	text[length] = '\0';
	fclose(f);
	return text;
}

static void the_readme_says_what_every_column_of_a_view_is(void **state)
{
	const char *path = scratch_path("columns.db"), *page = readme();
	struct store *s = sample_open(path);
	char *columns, *rest, quoted[80];
	int n = 0;

	(void)state;
	sample_close(s);
	columns = look(path, "SELECT c.name FROM sqlite_schema v, pragma_table_info(v.name) c "
			     "WHERE v.type = 'view'");
	for (char *c = strtok_r(columns, "\n", &rest); c; c = strtok_r(NULL, "\n", &rest), n++) {
		snprintf(quoted, sizeof(quoted), "`%s`", c);
		if (!strstr(page, quoted))
			fail_msg("schema/README.md does not say what %s is", c);
	}
	free(columns);
	assert_true(n > 150);
}

/* Every ```sql block of the README. */
static void the_queries_of_the_readme_run(void **state)
{
	const char *path = scratch_path("readme.db");
	struct store *s = sample_open(path);
	struct record_esp_sa lossy = sample_esp_sa(1, 9);
	struct err e = { "" };
	char *text = strdup(readme());
	int queries = 0;

	(void)state;
	sample_put_child(s, 1, T0, 3300, 0, 1000);
	lossy.lost = 5;
	assert_ok(store_esp_sa(s, &lossy, &e), e);
	assert_ok(store_expected(s, sample_peers, "hq-branch1", &e), e);
	sample_close(s);
	assert_non_null(text);
	for (char *block = text; (block = strstr(block, "```sql\n")); queries++) {
		char *end = strstr(block += 7, "```");

		assert_non_null(end);
		*end = '\0';

		char *rows = look(path, block);

		/* there is none with an end in this history */
		if (!strstr(block, "v_captures"))
			assert_string_not_equal(rows, "");
		free(rows);
		block = end + 3;
	}
	assert_int_equal(queries, 7);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_views_have_the_columns_of_the_contract),
		cmocka_unit_test(what_json_lines_nest_is_json_text_in_a_column_of_that_name),
		cmocka_unit_test(a_tunnel_of_the_inventory_is_expected_and_has_its_label),
		cmocka_unit_test(of_clients_behind_a_nat_the_inventory_means_the_one_heard_of_last),
		cmocka_unit_test(the_views_work_where_the_schema_is_not_trusted),
		cmocka_unit_test(the_timeline_tells_births_rekeys_ends_events_and_alerts_in_order),
		cmocka_unit_test(lists_are_json_that_json_each_reads),
		cmocka_unit_test(peers_carry_a_port_where_one_is_needed),
		cmocka_unit_test(the_readme_says_what_every_column_of_a_view_is),
		cmocka_unit_test(the_queries_of_the_readme_run),
	};

	return cmocka_run_group_tests(tests, NULL, scratch_remove);
}
