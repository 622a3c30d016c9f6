/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records for the tests of the store, and a look into the database beside it. */
#ifndef SAWATCH_STORE_SAMPLES_H
#define SAWATCH_STORE_SAMPLES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include <sawatch/store.h>

#define T0 (INT64_C(1795323051) * NSEC_PER_S)	/* 2026-11-22T04:50:51Z */

static const struct endpoint sample_peers[2] = {
	{ { 0, ADDR_V4_PREFIX | 0xc0000201 }, 0 },	/* 192.0.2.1 */
	{ { 0, ADDR_V4_PREFIX | 0xc6336402 }, 0 },	/* 198.51.100.2 */
};
#define SAMPLE_TUNNEL "192.0.2.1<->198.51.100.2"

/* A directory that everybody may enter, for one test program. */
static inline const char *scratch_directory(void)
{
	static char path[] = "/tmp/sawatch-store-XXXXXX";
	static int made;

	if (!made) {
		assert_non_null(mkdtemp(path));
		made = 1;
	}
	return path;
}

static inline const char *scratch_path(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", scratch_directory(), name);
	return path;
}

static inline int scratch_remove(void **state)
{
	char command[300];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", scratch_directory());
	return system(command);
}

static inline struct store *sample_open(const char *path)
{
	struct store *s = NULL;
	struct err e = { "" };

	if (!store_open(&s, path, STORE_WRITE, "probe", &e))
		fail_msg("%s", e.text);
	return s;
}

#define assert_ok(call, e)                                                     \
	do {                                                                   \
		if (!(call))                                                   \
			fail_msg("%s: %s", #call, (e).text);                   \
	} while (0)

static inline void sample_close(struct store *s)
{
	struct err e = { "" };

	assert_ok(store_close(s, &e), e);
}

static inline uint32_t sample_capture(struct store *s, const char *fingerprint)
{
	struct err e = { "" };
	uint32_t id;
	bool known;

	assert_ok(store_capture_begin(s, "x.pcap", "file", fingerprint, 1000, &id, &known, &e), e);
	return id;
}

static inline struct record_esp_sa sample_esp_sa(uint32_t capture, uint32_t number)
{
	return (struct record_esp_sa){
		.id = object_id_of(capture, number), .tunnel = object_id_of(capture, 1),
		.protocol = PROTOCOL_ESP,
		.spi = 0xc1000000 + number, .src = sample_peers[0], .dst = sample_peers[1],
		.encap = ENCAP_NONE,
		.generation = 1, .first = T0 + number * NSEC_PER_S,
		.last = T0 + (number + 60) * NSEC_PER_S,
		.packets = 100 + number, .bytes = 10000, .seq_first = 1, .seq_last = 100 + number,
		.lost = 0, .late = 0,
		.duplicates = 0, .end_reason = END_NONE, .ended_by = -1, .first_frame = number,
		.last_frame = number + 1,
		.grade = GRADE_DERIVED, .peers = sample_peers,
	};
}

static inline struct record_event sample_event(uint32_t capture, uint32_t seq)
{
	return (struct record_event){
		.capture = capture, .seq = seq, .tunnel = object_id_of(capture, 1),
		.at = T0 + seq * NSEC_PER_MS,
		.kind = "esp_sa_first", .text = "an SPI carries its first packet", .n_frames = 1,
		.frames = { seq },
		.peers = sample_peers,
	};
}

/* ---- the database as another program sees it ---- */

static inline sqlite3 *look_open(const char *path)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	return db;
}

/* All rows of `sql`: columns separated by |, rows by newline.  free() it. */
static inline char *look(const char *path, const char *sql)
{
	sqlite3 *db = look_open(path);
	sqlite3_stmt *st;
	char *ret = NULL;
	size_t size;
	FILE *out = open_memstream(&ret, &size);
	int rc;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			const unsigned char *text = sqlite3_column_text(st, i);

			fprintf(out, "%s%s", i ? "|" : "", text ? (const char *)text : "NULL");
		}
		fputc('\n', out);
	}
	if (rc != SQLITE_DONE)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_finalize(st);
	sqlite3_close(db);
	fclose(out);
	return ret;
}

static inline void assert_look(const char *path, const char *sql, const char *expected)
{
	char *rows = look(path, sql);
	size_t length = strlen(rows);

	if (length > 0)
		rows[length - 1] = '\0';	/* the last newline */
	assert_string_equal(rows, expected);
	free(rows);
}

/* Every row of every table, as text.  free() it. */
static inline char *look_at_all(const char *path)
{
	char *tables = look(path, "SELECT name FROM sqlite_schema WHERE type = 'table' "
				  "ORDER BY name");
	char *all = NULL;
	size_t size;
	FILE *out = open_memstream(&all, &size);
	char *rest = tables;

	for (char *table; (table = strsep(&rest, "\n")) && *table;) {
		char sql[128];

		/* in the order of its key */
		snprintf(sql, sizeof(sql), "SELECT * FROM %s", table);

		char *rows = look(path, sql);

		fprintf(out, "%s\n%s", table, rows);
		free(rows);
	}
	fclose(out);
	free(tables);
	return all;
}

/* A child SA of the tunnel, its two ESP SAs with `bytes` each, rekeyed by `by` at `age` seconds. */
static inline void sample_put_child(struct store *s, uint32_t number, nsec created, double age,
				    int by, int64_t bytes)
{
	struct record_child_sa child = {
		.id = object_id_of(1, number), .tunnel = object_id_of(1, 1), .created = created,
		.created_by = by,
		.created_how = CREATED_CREATE_CHILD_SA,
		.spis = { 0xa0000000 + number, 0xb0000000 + number },
		.sas = { object_id_of(1, 2 * number), object_id_of(1, 2 * number + 1) },
		.state = CHILD_REKEYED,
		.ended = created + (nsec)(age * 1e9) + NSEC_PER_S, .end_reason = END_REKEYED,
		.ended_by = by,
		.rekeyed_by = by, .rekey_at = created + (nsec)(age * 1e9), .grade = GRADE_DERIVED,
		.peers = sample_peers,
	};
	struct err e = { "" };

	assert_ok(store_child_sa(s, &child, &e), e);
	for (uint32_t i = 0; i < 2; i++) {
		struct record_esp_sa sa = sample_esp_sa(1, 2 * number + i);

		sa.bytes = bytes;
		assert_ok(store_esp_sa(s, &sa, &e), e);
	}
}

/* An IKE SA of it; `offered_s` above 0: of IKEv1, with this lifetime; `parent` 0: of its own. */
static inline void sample_put_ike(struct store *s, uint32_t number, int initiator,
				  int64_t offered_s, uint32_t parent, nsec created,
				  enum end_reason end, nsec ended)
{
	const struct record_offer offer = { .life_seconds = offered_s, .encryption = "AES_CBC" };
	struct record_ike_sa sa = {
		.id = object_id_of(1, number), .tunnel = object_id_of(1, 1), .spi_i = number,
		.spi_r = number + 100,
		.version = offered_s > 0 ? 1 : 2, .initiator = sample_peers[initiator],
		.responder = sample_peers[!initiator],
		.origin = parent ? ORIGIN_REKEY : ORIGIN_OBSERVED,
		.parent = parent ? object_id_of(1, parent) : 0, .created = created,
		.established = created, .ended = ended,
		.last = created, .end_reason = end, .ended_by = -1, .suite = { .life_seconds = -1 },
		.n_offered = 1,
		.offered = &offer, .nat_initiator = -1, .nat_responder = -1, .messages = 4,
		.peers = sample_peers,
	};
	struct err e = { "" };

	assert_ok(store_ike_sa(s, &sa, &e), e);
}

#endif
