/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The history in SQLite; the only includer of <sqlite3.h>.  Tables and views
 * are the schema/ directory's, embedded at build.
 */
#ifndef SAWATCH_STORE_H
#define SAWATCH_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/record.h>

struct store;

enum store_mode {
	STORE_WRITE,		/* create or migrate, write */
	STORE_READ,		/* must exist; nothing is changed */
};

/*
 * Before a process opens its first store: all memory for the cache of pages is taken here, 16 MiB,
 * so that a monitor needs as much after a month as after a minute.  Without this the cache grows
 * with what is written: to 16 MiB, while a file is read (STORE_WRITER_WAITS) to 64.
 */
void store_fixed_cache(void);

/*
 * Open `path`; NULL is a private temporary database that vanishes at close.
 * Errors name the path and the remedy: another program's database, a text file, a newer
 * schema, read-only, no such directory, locked, disk full.
 * `sensor` names who captured (STORE_WRITE); NULL is the nameless one.
 */
bool store_open(struct store **ret, const char *path, enum store_mode mode, const char *sensor,
		struct err *e);
/*
 * Commits, then closes and frees in any case.  False, with the reason, when not all was written.
 * Accepts NULL.
 */
bool store_close(struct store *s, struct err *e);

/*
 * The log beside the database becomes no larger than this and one transaction; 0, as it is opened:
 * no limit. Beyond it, writing fails as with a full disk while a reader keeps the log from being
 * emptied.
 */
void store_wal_limit(struct store *s, uint64_t bytes);

/*
 * The id of a capture: the one it had when it was read before (same sensor and
 * fingerprint), else a new row.  *ret_known is set when it was read to its end
 * before with the same size: reading it again would change nothing.
 */
bool store_capture_begin(struct store *s, const char *name, const char *kind,
			 const char *fingerprint, int64_t size, uint32_t *ret_id, bool *ret_known,
			 struct err *e);

/*
 * Write one record (insert, or bring the row with this identity up to date).
 * Transactions are begun and committed inside, bounded by rows and by
 * store_tick().  On failure false; the store stays usable, what was committed
 * stays, and the failed transaction's records are lost and counted.
 * A tunnel in a network other than 0 is best written before what belongs to it:
 * until its record comes, network 0 is assumed (and corrected then).
 */
bool store_capture(struct store *s, const struct record_capture *r, struct err *e);
bool store_tunnel(struct store *s, const struct record_tunnel *r, struct err *e);
bool store_ike_sa(struct store *s, const struct record_ike_sa *r, struct err *e);
bool store_esp_sa(struct store *s, const struct record_esp_sa *r, struct err *e);
bool store_child_sa(struct store *s, const struct record_child_sa *r, struct err *e);
bool store_exchange(struct store *s, const struct record_exchange *r, struct err *e);
bool store_event(struct store *s, const struct record_event *r, struct err *e);
bool store_alert(struct store *s, const struct record_alert *r, struct err *e);
bool store_traffic(struct store *s, const struct record_traffic *r, struct err *e);
/* Commit what is pending, now; false as above. */
bool store_commit(struct store *s, struct err *e);

/*
 * Before the first record: nobody will ask for events, exchanges and traffic, which are four of
 * five rows.  Of a tunnel they still say that it was heard: one of which nothing else came is not
 * kept.
 */
void store_without_details(struct store *s);

/* All that belongs to this capture is written: from now on it is known (store_capture_begin). */
bool store_capture_complete(struct store *s, uint32_t id, struct err *e);

/*
 * Commit what is pending when it is old or large.  Every store_*() above does
 * that too; call this as well where records may be far apart (once per batch of
 * packets), because other writers wait while a transaction is open.
 */
bool store_tick(struct store *s, struct err *e);

/*
 * The inventory of this sensor: all of it is forgotten, then its tunnels are
 * given one by one.  `label` is what people call the tunnel.  v_tunnels shows it.
 */
bool store_expected_clear(struct store *s, struct err *e);
bool store_expected(struct store *s, const struct endpoint peers[2], const char *label,
		    struct err *e);

/* Which rows a query gives back. */
struct store_scope {
	/* tunnel name, its label, its rowid as text, a peer's address, or NULL for all */
	const char *tunnel;
	const char *code;	/* alerts: only this code */
	int min_severity;	/* alerts: enum severity */
	bool open_alerts;	/* alerts: only those that are not cleared */
	bool living;		/* SAs: only those that did not end */
	const uint32_t *captures;	/* only objects born in these; NULL for all */
	size_t n_captures;
	nsec since, until;	/* NSEC_NONE open */
	int64_t alert_row;	/* alerts: one by its number (v_alerts.id); 0 all */
};

/*
 * Walk the history in a fixed order (by time, then identity), one call of the
 * sink per row; records borrow from the statement.  Only the sink's non-NULL
 * kinds are read.
 * Order of kinds: capture, tunnel, ike_sa, child_sa, esp_sa, exchange, event, alert, traffic.
 * A tunnel's object id is its rowid here; its counts are those of the scope's captures.
 * The time window takes what was alive in it.  An unknown tunnel gives no rows.
 */
bool store_walk(struct store *s, const struct store_scope *scope, const struct record_sink *sink,
		struct err *e);

/* A row of v_lifetimes. */
struct store_lifetime {
	const char *tunnel;
	const char *kind;	/* "ike" | "child" */
	const char *side;	/* peer address; NULL: both sides together */
	int64_t rekeys;		/* n */
	int64_t min_ns, median_ns, max_ns;	/* age at rekey */
	const char *who_rekeys;	/* peer address, "both", NULL unknown */
	int64_t expected_ns;	/* RECORD_UNKNOWN */
	const char *expected_grade;
	const char *ended_by;	/* "time" | "volume" | "idle" | NULL unknown */
};
bool store_walk_lifetimes(struct store *s, const struct store_scope *scope,
			  void (*row)(void *user, const struct store_lifetime *l), void *user,
			  struct err *e);

/*
 * When the monitor of each sensor (-i) last said, by the time of day, that it lives: every few
 * seconds. No row for a sensor that only read files.
 */
bool store_walk_heartbeats(struct store *s, void (*row)(void *user, const char *sensor, nsec at),
			   void *user, struct err *e);

struct store_counters {
	uint64_t rows, transactions, failed_rows;
};
/* Since it was opened. */
void store_counters(const struct store *s, struct store_counters *ret);

#endif
