/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How fast a history is written: the records of N ESP SAs' whole lives, through
 * the store's writer, and then the same rows by SQLite alone as its peer: each
 * finished row once, in order, bound to a prepared INSERT, into the same tables
 * with the same indexes, all in one transaction a table.
 *
 *	sawatch_bench_store_rows [--sas N] [--tunnels N] [--watched] [--keep] FOLDER
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include <sawatch/store.h>
#include <sawatch/store_writer.h>

enum { REKEY_S = 3600, BACKLOG_BYTES = 8 << 20 };

struct clocks {
	double wall, cpu;
};

static struct clocks clocks_now(void)
{
	struct timespec now;
	struct rusage used;

	clock_gettime(CLOCK_MONOTONIC, &now);
	getrusage(RUSAGE_SELF, &used);
	return (struct clocks){
		(double)now.tv_sec + (double)now.tv_nsec / 1e9,
		(double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
			(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
	};
}

static void report(const char *name, struct clocks began, int64_t rows)
{
	struct clocks now = clocks_now();
	double wall = now.wall - began.wall, cpu = now.cpu - began.cpu;

	printf("%-28s %9" PRId64 " rows  %7.2f s  %7.0f rows/s  (CPU %7.2f s, %7.0f rows/s)\n",
	       name, rows, wall, (double)rows / wall, cpu, (double)rows / cpu);
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

/* Peers of one tunnel, in order. */
static void peers_of(uint32_t tunnel, struct endpoint ret[2])
{
	ret[0] = (struct endpoint){ { 0, ADDR_V4_PREFIX | 0x0a000000 | tunnel }, 0 };
	ret[1] = (struct endpoint){ { 0, ADDR_V4_PREFIX | 0xc6336401 }, 0 };
}

struct life {
	const struct record_sink *to;
	uint32_t capture, tunnels;
	uint32_t events;
	bool watched;		/* SAs are told as living, too, as when they are watched */
};

static void tell(struct life *l, uint32_t tunnel, const struct endpoint *peers, nsec at,
		 const char *kind, const char *text)
{
	struct record_event r = {
		.capture = l->capture, .seq = ++l->events,
		.tunnel = object_id_of(l->capture, tunnel), .at = at,
		.kind = kind, .text = text, .n_frames = 2, .frames = { l->events, l->events + 1 },
		.peers = peers,
	};

	l->to->event(l->to->user, &r);
}

/* Child SA number `n` (from 1) with its two ESP SAs, from the exchange that makes it to its end. */
static void live_once(struct life *l, uint32_t n, nsec at)
{
	uint32_t tunnel = n % l->tunnels + 1;
	struct endpoint peers[2];
	object_id tunnel_id = object_id_of(l->capture, tunnel);
	char text[160];

	peers_of(tunnel, peers);

	struct record_exchange exchange = {
		.id = object_id_of(l->capture, n), .tunnel = tunnel_id,
		.ike_sa = object_id_of(l->capture, tunnel),
		.spi_i = UINT64_C(0x9e3779b97f4a7c15) * tunnel,
		.spi_r = UINT64_C(0xc2b2ae3d27d4eb4f) * tunnel, .version = 2,
		.exchange = 36, .kind = "CREATE_CHILD_SA", .message_id = n / l->tunnels,
		.from = (int)(n & 1),
		.request_at = at, .response_at = at + 20 * NSEC_PER_MS, .requests = 1,
		.responses = 1,
		.request_bytes = 640, .response_bytes = 512, .rtt_ns = 20 * NSEC_PER_MS,
		.outcome = OUTCOME_ANSWERED,
		.purpose = PURPOSE_REKEY_CHILD, .request_frame = 8 * n, .response_frame = 8 * n + 1,
		.grade = GRADE_DERIVED, .peers = peers,
	};
	struct record_child_sa child = {
		.id = object_id_of(l->capture, n), .tunnel = tunnel_id, .ike_sa = exchange.ike_sa,
		.ike_spi_i = exchange.spi_i,
		.ike_spi_r = exchange.spi_r,
		.sas = { object_id_of(l->capture, 2 * n), object_id_of(l->capture, 2 * n + 1) },
		.spis = { 0x9e3779b1u * n | 1, 0x85ebca77u * n | 1 }, .state = CHILD_INSTALLED,
		.created = at,
		.created_by = exchange.from, .created_how = CREATED_CREATE_CHILD_SA,
		.predecessor = n > l->tunnels ? object_id_of(l->capture, n - l->tunnels) : 0,
		.ended = NSEC_NONE,
		.ended_by = -1, .rekeyed_by = -1, .rekey_at = NSEC_NONE, .grade = GRADE_DERIVED,
		.peers = peers,
	};

	if (child.predecessor != 0)
		for (int side = 0; side < 2; side++)
			child.predecessor_spis[side] =
				(side ? 0x85ebca77u : 0x9e3779b1u) * (n - l->tunnels) | 1;
	l->to->exchange(l->to->user, &exchange);
	snprintf(text, sizeof(text), "child SA %08x/%08x created by a rekey", child.spis[0],
		 child.spis[1]);
	tell(l, tunnel, peers, at, "child_sa_created", text);
	if (l->watched)
		l->to->child_sa(l->to->user, &child);
	for (uint32_t side = 0; side < 2; side++) {
		struct record_esp_sa sa = {
			.id = child.sas[side], .tunnel = tunnel_id, .protocol = PROTOCOL_ESP,
			.spi = child.spis[side],
			.src = peers[side], .dst = peers[1 - side], .encap = ENCAP_NONE,
			.generation = 1, .first = at,
			.last = at + REKEY_S * NSEC_PER_S, .packets = 100000 + n % 1000,
			.bytes = 80000000, .seq_first = 1,
			.seq_last = 100000 + n % 1000, .lost = 0, .late = 0, .duplicates = 0,
			.predecessor_spi = child.predecessor_spis[side], .end_reason = END_NONE,
			.ended_by = -1,
			.first_frame = 8 * n + 2, .last_frame = 8 * n + 3, .grade = GRADE_DERIVED,
			.peers = peers,
		};
		struct record_traffic traffic = {
			.esp_sa = sa.id, .tunnel = tunnel_id,
			.bucket = at / (60 * NSEC_PER_S) * (60 * NSEC_PER_S),
			.packets = sa.packets, .bytes = sa.bytes, .lost = 0,
		};

		if (l->watched)
			l->to->esp_sa(l->to->user, &sa);
		l->to->traffic(l->to->user, &traffic);
		sa.end_reason = END_REKEYED;
		l->to->esp_sa(l->to->user, &sa);
	}
	child.state = CHILD_REKEYED;
	child.ended = child.rekey_at = at + REKEY_S * NSEC_PER_S;
	child.end_reason = END_REKEYED;
	child.rekeyed_by = exchange.from;
	l->to->child_sa(l->to->user, &child);
	snprintf(text, sizeof(text), "child SA %08x/%08x rekeyed at the age of 3600.0 s",
		 child.spis[0], child.spis[1]);
	tell(l, tunnel, peers, child.ended, "child_sa_rekeyed", text);
}

static int64_t write_history(const char *path, uint32_t sas, uint32_t tunnels, bool watched)
{
	struct err e = { "" };
	struct store *s;
	struct store_writer *w;
	struct store_writer_counters c;
	struct life l = { .tunnels = tunnels, .watched = watched };
	int64_t rows;
	bool known;
	struct clocks began = clocks_now();
	nsec gap = (nsec)REKEY_S * NSEC_PER_S / tunnels;

	if (!store_open(&s, path, STORE_WRITE, "bench", &e) ||
	    !store_capture_begin(s, "bench.pcap", "file", "aa", 1, &l.capture, &known, &e) ||
	    !store_writer_open(&w, s, STORE_WRITER_WAITS, BACKLOG_BYTES, &e))
		die(path, e.text);

	struct record_sink to = store_writer_sink(w);

	l.to = &to;
	for (uint32_t n = 1; n <= sas / 2; n++)
		live_once(&l, n, INT64_C(1795312800) * NSEC_PER_S + n * gap);
	if (!store_writer_drain(w, -1, &e))
		die(path, e.text);
	store_writer_counters(w, &c);
	store_writer_close(w);
	if (!store_close(s, &e))
		die(path, e.text);
	rows = (int64_t)c.rows - (watched ? sas + sas / 2 : 0);
	report("sawatch", began, rows);
	printf("%-28s %9" PRIu64 " records in %" PRIu64 " transactions\n", "", c.rows,
	       c.transactions);
	return rows;
}

static void run(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
		die(sql, why);
}

static void copy_table(sqlite3 *db, const char *table)
{
	char sql[512];
	sqlite3_stmt *from, *to;
	size_t used;

	snprintf(sql, sizeof(sql), "SELECT * FROM it.%s", table);
	if (sqlite3_prepare_v2(db, sql, -1, &from, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(db));
	used = (size_t)snprintf(sql, sizeof(sql), "INSERT INTO main.%s VALUES (?", table);
	for (int i = 1; i < sqlite3_column_count(from); i++)
		used += (size_t)snprintf(sql + used, sizeof(sql) - used, ", ?");
	snprintf(sql + used, sizeof(sql) - used, ")");
	if (sqlite3_prepare_v2(db, sql, -1, &to, NULL) != SQLITE_OK)
		die(sql, sqlite3_errmsg(db));
	run(db, "BEGIN");
	while (sqlite3_step(from) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(from); i++)
			sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
		if (sqlite3_step(to) != SQLITE_DONE)
			die(sql, sqlite3_errmsg(db));
		sqlite3_reset(to);
	}
	sqlite3_finalize(from);
	sqlite3_finalize(to);
	run(db, "COMMIT");
}

/* The tables of `path`, empty, with their indexes or without; then its rows. */
static void copy_history(const char *path, const char *copy, bool indexed, int64_t rows)
{
	static const char *const tables[] = {
		"exchange", "event", "child_sa", "esp_sa", "traffic",
	};
	char sql[1024];
	struct err e = { "" };
	struct store *s;
	sqlite3 *db;
	struct clocks began;

	/* makes the tables */
	if (!store_open(&s, copy, STORE_WRITE, "bench", &e) || !store_close(s, &e))
		die(copy, e.text);
	if (sqlite3_open(copy, &db) != SQLITE_OK)
		die(copy, sqlite3_errmsg(db));
	run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
		"PRAGMA cache_size = -16384;"
		"PRAGMA wal_autocheckpoint = 4000");
	if (!indexed)
		run(db, "DROP INDEX exchange_tunnel; DROP INDEX event_tunnel; "
			"DROP INDEX child_sa_tunnel;"
			"DROP INDEX child_sa_predecessor; DROP INDEX esp_sa_tunnel; "
			"DROP INDEX traffic_esp_sa");
	snprintf(sql, sizeof(sql), "ATTACH '%s' AS it", path);
	run(db, sql);
	run(db, "INSERT INTO main.tunnel SELECT * FROM it.tunnel");
	began = clocks_now();
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		copy_table(db, tables[i]);
	run(db, "PRAGMA wal_checkpoint(TRUNCATE)");
	report(indexed ? "SQLite, the same rows" : "SQLite, without indexes", began, rows);
	sqlite3_close(db);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "sas", required_argument, NULL, 's' }, { "tunnels", required_argument, NULL, 't'
		  },
		{ "watched", no_argument, NULL, 'w' }, { "keep", no_argument, NULL, 'k' },
		{ "no-peer", no_argument, NULL, 'n' }, { 0 },
	};
	uint32_t sas = 1000000, tunnels = 1000;
	bool keep = false, watched = false, peer = true;
	char history[512], copy[512], bare[512];
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			sas = (uint32_t)strtoul(optarg, NULL, 10) / 2 * 2;
		else if (c == 't')
			tunnels = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'k')
			keep = true;
		else if (c == 'w')
			watched = true;
		else if (c == 'n')
			peer = false;
		else
			return 1;
	}
	if (argc - optind != 1 || sas < 2 || tunnels < 1)
		die("usage", "sawatch_bench_store_rows [--sas N] [--tunnels N] [--watched] "
			     "[--no-peer] [--keep] FOLDER");
	snprintf(history, sizeof(history), "%s/history.db", argv[optind]);
	snprintf(copy, sizeof(copy), "%s/copy.db", argv[optind]);
	snprintf(bare, sizeof(bare), "%s/bare.db", argv[optind]);
	unlink(history), unlink(copy), unlink(bare);

	int64_t rows = write_history(history, sas, tunnels, watched);

	if (peer) {
		copy_history(history, copy, true, rows);
		copy_history(history, bare, false, rows);
	}
	unlink(copy), unlink(bare);
	if (!keep)
		unlink(history);
	return 0;
}
