/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inside the store: the open database, its statements, and what the files of
 * this layer ask of each other.  Nothing here is for other layers.
 */
#ifndef SAWATCH_STORE_PARTS_H
#define SAWATCH_STORE_PARTS_H

#include <stdatomic.h>
#include <sys/types.h>

#include <sqlite3.h>

#include <sawatch/store.h>

#include "store/json_text.h"
#include "store/tunnel_rows.h"

/* "sawa": PRAGMA application_id of every history. */
#define STORE_APPLICATION_ID 0x73617761

enum {
	STORE_WRITE_PATIENCE_MS = 10000,	/* how long to wait for another writer */
	STORE_READ_PATIENCE_MS = 5000,
	STORE_TRANSACTION_ROWS = 1000,		/* TECH-NOTES 4.2: larger ones gain little */
	/*
	 * In bulk they gain much: tunnels are interleaved, so a thousand rows may change a thousand
	 * pages of each index, and each is written to the log at every commit.
	 */
	STORE_BULK_ROWS = 100000,
	/*
	 * Rows of a tunnel end its part of each index: with a thousand tunnels as many pages of
	 * five indexes are in use at any time, more than 16 MiB.  What does not fit is written and
	 * read again and again.
	 */
	STORE_BULK_CACHE_KIB = 64 << 10,
	STORE_CACHE_KIB = 16 << 10,
	/* on a busy machine or a slow disk, a quarter as often */
	STORE_BULK_MS = 1000,
	/* another writer waits no longer than this for its turn */
	STORE_TRANSACTION_MS = 250,
};

/*
 * The tables whose rows are told more than once, as an object lives, and those of their columns
 * that stand in an index.  Those hardly ever change, and a row is written most cheaply when they do
 * not: see store/put.c.
 */
#define PUT_TABLES(X)                                  \
	X(IKE_SA, "ike_sa", "tunnel_id, created_ns, parent_id")           \
	X(ESP_SA, "esp_sa", "tunnel_id, first_ns")                       \
	X(CHILD_SA, "child_sa", "tunnel_id, created_ns, predecessor_id") \
	X(EXCHANGE, "exchange", "tunnel_id, request_ns")                 \
	X(EVENT, "event", "tunnel_id, at_ns")                            \
	X(ALERT, "alert", "tunnel_id, first_ns")

/*
 * Every statement of the writer, prepared when the database opens.  Values are
 * bound in the order of the columns.  An object's row is written as a whole:
 * all its columns come from its record.
 */
#define STATEMENTS(X) \
	X(BEGIN, "BEGIN IMMEDIATE") \
	X(COMMIT, "COMMIT") \
	X(ROLLBACK, "ROLLBACK") \
	X(SENSOR_ADD, "INSERT INTO sensor (name) VALUES (?1) ON CONFLICT (name) DO NOTHING") \
	X(SENSOR_FIND, "SELECT id FROM sensor WHERE name = ?1") \
	X(CAPTURE_FIND, "SELECT id, complete AND size = ?3 FROM capture" \
		" WHERE sensor_id = ?1 AND fingerprint = ?2") \
	X(CAPTURE_ADD, "INSERT INTO capture (sensor_id, name, kind, fingerprint, size)" \
		" VALUES (?, ?, ?, ?, ?)") \
	X(CAPTURE_PUT, \
		"INSERT INTO capture (id, sensor_id, name, kind, link_type, fingerprint, size," \
		" first_ns, last_ns, packets, bytes, ike_messages, esp_packets, ah_packets," \
		" keepalives, duplicates, malformed, cut, dropped, fragments, warnings, complete)" \
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" \
		" ON CONFLICT (id) DO UPDATE SET name = excluded.name, kind = excluded.kind," \
		" link_type = excluded.link_type, size = excluded.size," \
		" fingerprint = coalesce(excluded.fingerprint, fingerprint)," \
		" first_ns = excluded.first_ns, last_ns = excluded.last_ns," \
		" packets = excluded.packets, bytes = excluded.bytes," \
		" ike_messages = excluded.ike_messages, esp_packets = excluded.esp_packets," \
		" ah_packets = excluded.ah_packets, keepalives = excluded.keepalives," \
		" duplicates = excluded.duplicates, malformed = excluded.malformed," \
		" cut = excluded.cut, dropped = excluded.dropped, fragments = excluded.fragments," \
		" warnings = excluded.warnings, complete = excluded.complete") \
	X(CAPTURE_COMPLETE, "UPDATE capture SET complete = 1 WHERE id = ?1") \
	X(TUNNEL_FIND, \
		"SELECT id FROM tunnel WHERE sensor_id = ?1 AND network = ?2 AND name = ?3") \
	X(TUNNEL_ADD, "INSERT INTO tunnel (sensor_id, network, name," \
		" peer_a, address_a, port_a, key_a, peer_b, address_b, port_b, key_b)" \
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") \
	/* An older capture read later widens first..last and leaves the state alone. */ \
	X(TUNNEL_PUT, "UPDATE tunnel SET" \
		" state = iif(last_ns IS NULL OR ?4 >= last_ns, ?1, state)," \
		" since_ns = iif(last_ns IS NULL OR ?4 >= last_ns, ?2, since_ns)," \
		" behind_nat_a = iif(last_ns IS NULL OR ?4 >= last_ns, ?5, behind_nat_a)," \
		" behind_nat_b = iif(last_ns IS NULL OR ?4 >= last_ns, ?6, behind_nat_b)," \
		" unobservable = iif(last_ns IS NULL OR ?4 >= last_ns, ?7, unobservable)," \
		" first_ns = min(coalesce(first_ns, ?3), coalesce(?3, first_ns))," \
		" last_ns = max(coalesce(last_ns, ?4), coalesce(?4, last_ns)) WHERE id = ?8") \
	X(IKE_SA_PUT, "INSERT INTO ike_sa (id, tunnel_id, version, spi_i, spi_r," \
		" initiator_address, initiator_port, initiator_key," \
		" responder_address, responder_port, responder_key, state, origin," \
		" parent_id, parent_spi_i, parent_spi_r, created_ns, established_ns, ended_ns," \
		" last_ns, end_reason, ended_by, suite_encryption, suite_integrity, suite_prf," \
		" suite_group, suite_auth, suite_key_bits, suite_life_seconds," \
		" suite_life_kilobytes," \
		" offered, offered_life_seconds, nat_initiator, nat_responder, vendor_ids," \
		" first_frame, last_frame," \
		" messages, grade) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?," \
		" ?, ?, ?, ?," \
		" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") \
	X(ESP_SA_PUT, "INSERT INTO esp_sa (id, tunnel_id, protocol, spi," \
		" src_address, src_port, src_key, dst_address, dst_port, dst_key, encap," \
		" generation," \
		" first_ns, last_ns, packets, bytes, seq_first, seq_last, lost, late, duplicates," \
		" predecessor_id, predecessor_spi, successor_id, successor_spi," \
		" end_reason, ended_by," \
		" first_frame, last_frame, grade) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?," \
		" ?, ?, ?, ?," \
		" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") \
	X(CHILD_SA_PUT, "INSERT INTO child_sa (id, tunnel_id, ike_sa_id, ike_spi_i, ike_spi_r," \
		" esp_sa_a_id, esp_sa_b_id, spi_a, spi_b, state, created_ns, created_by," \
		" created_how," \
		" predecessor_id, predecessor_spi_a, predecessor_spi_b, ended_ns, end_reason," \
		" ended_by, rekeyed_by, rekey_ns, grade) VALUES (?, ?, ?, ?, ?, ?, ?, ?," \
		" ?, ?, ?, ?," \
		" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") \
	X(EXCHANGE_PUT, "INSERT INTO exchange (id, tunnel_id, ike_sa_id, spi_i, spi_r, version," \
		" exchange_type, kind, message_id, from_side, request_ns, response_ns, requests," \
		" responses, request_bytes, response_bytes, rtt_ns, outcome, purpose," \
		" request_frame, response_frame, grade) VALUES (?, ?, ?, ?, ?, ?, ?, ?," \
		" ?, ?, ?, ?," \
		" ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") \
	X(EVENT_PUT, "INSERT INTO event (id, tunnel_id, at_ns, kind, text, frames)" \
		" VALUES (?, ?, ?, ?, ?, ?)") \
	X(ALERT_PUT, "INSERT INTO alert (id, tunnel_id, code, severity, confidence, status," \
		" first_ns, last_ns, raised_ns, cleared_ns, count, summary, cause, incident_id," \
		" evidence, frames, actions) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?," \
		" ?, ?, ?, ?)") \
	X(HEARTBEAT_PUT, "REPLACE INTO meta (key, value)" \
		" SELECT 'heartbeat ' || name, CAST(?2 AS TEXT) FROM sensor WHERE id = ?1") \
	X(EXPECTED_CLEAR, "DELETE FROM expected WHERE sensor_id = ?") \
	X(EXPECTED_PUT, \
		"REPLACE INTO expected (sensor_id, network, name, label) VALUES (?, 0, ?, ?)") \
	X(TRAFFIC_PUT, "INSERT INTO traffic (span_s, bucket_ns, esp_sa_id, packets, bytes, lost)" \
		" VALUES (60, ?, ?, ?, ?, ?) ON CONFLICT (span_s, bucket_ns, esp_sa_id)" \
		" DO UPDATE SET packets = excluded.packets, bytes = excluded.bytes," \
		" lost = excluded.lost")

#define STORE_ENUM_STATEMENT(name, sql) ST_##name,
#define STORE_ENUM_GONE(name, table, indexed) ST_##name##_GONE,	/* DELETE FROM … WHERE id = ?1 */
enum statement { STATEMENTS(STORE_ENUM_STATEMENT) PUT_TABLES(STORE_ENUM_GONE) ST_COUNT };

struct store {
	sqlite3 *db;
	char *name;			/* path as given, for messages */
	enum store_mode mode;
	bool temporary;			/* vanishes at close */
	bool without_details;		/* no events, exchanges and traffic */
	sqlite3_stmt *statements[ST_COUNT];	/* STORE_WRITE only */
	int64_t sensor;
	bool in_transaction;
	/* a file is read: it can be read again, so nothing need be synced */
	bool bulk;
	/* the running transaction is synced to the disk at its commit */
	bool durable;
	uint64_t rows;			/* in the running transaction */
	int64_t began_ms;		/* its start on the monotonic clock */
	/* set from another thread: no lock is waited for any more */
	atomic_bool impatient;
	atomic_bool ending;		/* the same: all is written now, whatever its log's limit */
	int patience_ms;		/* with a lock; 0: as usual */
	/* its log as of the latest commit; limit 0: none */
	uint64_t page_bytes, wal_bytes, wal_limit;
	int wal_index;			/* descriptor of its index, plus one; 0: not open */
	int claim;			/* descriptor that holds a lock (claim.c), the same way */
	struct tunnel_rows tunnels;
	struct json_text json;		/* scratch, one list at a time */
	char scratch[2048];		/* texts and keys made for the row at hand */
	size_t scratched;
	struct store_counters counters;
	nsec heartbeat;			/* time of day of the latest one */
	dev_t device;			/* the file that was opened (place.c); inode 0: not known */
	ino_t inode;
};

/* SQL without values or results; says on failure what SQLite says. */
bool store_run(struct store *s, const char *sql, struct err *e);
/* The first column of the first row of `sql`; false with the reason. */
bool store_number(struct store *s, const char *sql, int64_t *ret, struct err *e);

/* `rc` in words, with the name of the database and the remedy; returns false. */
bool store_fault(const struct store *s, int rc, struct err *e);

/* Tables and views as this program needs them, from nothing or from an older version. */
bool store_migrate(struct store *s, struct err *e);
/* Version of the tables that this program knows. */
int64_t store_schema_version(void);

/* Prepare the statements of PUT_TABLES. */
bool store_put_prepare(struct store *s, const char *const *texts, struct err *e);
/*
 * Step the statement `which`, its values bound, that puts the row `id` (0: of another kind of
 * table); the SQLite code.
 */
int store_put_step(struct store *s, enum statement which, int64_t id);

/* Begin a transaction unless one runs; a durable one is not shared with what is not. */
bool store_begin(struct store *s, bool durable, struct err *e);
/* Write down, now and then, that this sensor's monitor lives. */
bool store_heartbeat(struct store *s, struct err *e);
/* The log beside it (wal.c): counted from now on; until the connection is closed. */
bool store_wal_begin(struct store *s, struct err *e);
void store_wal_end(struct store *s);
/*
 * May more be written to the log?  False, with who is in the way, while it is at its limit and
 * cannot be emptied.
 */
bool store_wal_has_room(struct store *s, struct err *e);
/* Remember which file has been opened. */
void store_place_begin(struct store *s);
/* False, with what was seen, when its name is not that file's any more. */
bool store_in_place(const struct store *s, struct err *e);
void store_claim_end(struct store *s);
/*
 * Who holds a lock on the file while it has no write-ahead log; 0: nobody that can be seen from
 * here.
 */
pid_t store_lock_holder(struct store *s);
/* A file is read, with nothing else in mind: large transactions, much cache. */
void store_bulk(struct store *s, bool on);
/* How much of the database stays in memory, at most. */
bool store_cache_size(struct store *s, bool bulk, struct err *e);
/* Milliseconds until the running transaction is to be committed. */
int64_t store_time_left(const struct store *s);
/* Give up the running transaction and count its rows as failed, and `more`. */
void store_rollback(struct store *s, uint64_t more);
/* Row of the tunnel `object` with these peers, made when it is new; 0 with a reason. */
int64_t store_tunnel_row(struct store *s, object_id object, const struct endpoint *peers,
			 struct err *e);
/*
 * Is this the first that is told of the tunnel `object`, not counting its own record and its SAs?
 */
bool store_tunnel_is_known(struct store *s, const struct record_tunnel *r);
/* The same as store_tunnel_row() when its network is known; corrects what was assumed before. */
int64_t store_tunnel_row_of(struct store *s, const struct record_tunnel *r, struct err *e);

#endif
