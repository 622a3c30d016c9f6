/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A history that a stranger wrote: values of any type in any column of any row,
 * and every command that reads one.  Each ends with one of its statuses, and what
 * it prints is in its format and moves no cursor.  The input is a program: the
 * command, and then the values, six bytes each and what their texts need.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/cli.h"
#include "formats.h"

enum { EDITS_MAX = 12, TABLES_MAX = 16, COLUMNS_MAX = 48, WORDS = 12 };

enum format { PLAIN, JSON, CSV, HTML, FILE_ONLY };

static const struct {
	const char *words[WORDS];
	enum format format;
} commands[] = {
	{ { "tunnels" }, PLAIN }, { { "tunnels", "--json" }, JSON }, { { "tunnels", "--csv" }, CSV
	  },
	{ { "sas" }, PLAIN }, { { "sas", "--json" }, JSON }, { { "exchanges" }, PLAIN }, { {
	  "exchanges", "--csv" }, CSV },
	{ { "alerts" }, PLAIN }, { { "alerts", "--json" }, JSON }, { { "events" }, PLAIN }, { {
	  "events", "--csv" }, CSV },
	{ { "lifetimes" }, PLAIN }, { { "lifetimes", "--json" }, JSON }, { { "why" }, PLAIN }, { {
	  "why", "1" }, PLAIN },
	{ { "why", "--json" }, JSON }, { { "learn" }, PLAIN }, { { "check" }, PLAIN }, { {
	  "check", "--max-age", "1h" }, PLAIN },
	{ { "report", "-o", "-" }, HTML }, { { "prune", "--keep", "1d" }, PLAIN },
	{ { "-r", TEST_SOURCE_DIR "/pcaps/mid-stream.pcap", "--resume", "--json" }, FILE_ONLY },
};

static struct {
	char path[64];
	uint8_t *bytes;			/* as it is before anything is changed */
	size_t length;
	int out;			/* what standard output goes to */
	unsigned n_tables, n_columns[TABLES_MAX];
	char table[TABLES_MAX][32], column[TABLES_MAX][COLUMNS_MAX][32];
} history;

/* ---- the history ------------------------------------------------------------- */

static int run(const char *const *words)
{
	char *argv[WORDS + 4] = { (char *)"sawatch" };
	int argc = 1;

	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	argv[argc++] = (char *)"--db";
	argv[argc++] = history.path;
	optind = 0;
	int status = cli_main(argc, argv);

	fflush(stdout);
	return status;
}

static void sql(sqlite3 *db, const char *text)
{
	char *why = NULL;

	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fprintf(stderr, "%s: %s\n", text, why);
	MUST(!why);
}

static sqlite3 *open_history(void)
{
	sqlite3 *db;

	MUST(sqlite3_open(history.path, &db) == SQLITE_OK);
	return db;
}

static int add_table(void *user, int n, char **value, char **name)
{
	(void)user, (void)n, (void)name;
	MUST(history.n_tables < TABLES_MAX);
	snprintf(history.table[history.n_tables++], sizeof(history.table[0]), "%s", value[0]);
	return 0;
}

static int add_column(void *user, int n, char **value, char **name)
{
	unsigned t = *(unsigned *)user;

	(void)n, (void)name;
	MUST(history.n_columns[t] < COLUMNS_MAX);
	snprintf(history.column[t][history.n_columns[t]++], sizeof(history.column[0][0]), "%s",
		 value[0]);
	return 0;
}

/* A stranger's tables need not be strict. */
static void loosen(void)
{
	sqlite3 *db = open_history();

	sql(db, "PRAGMA writable_schema = ON; UPDATE sqlite_master "
		"SET sql = replace(sql, ') STRICT, WITHOUT ROWID', ') WITHOUT ROWID')"
		" WHERE type = 'table'; UPDATE sqlite_master SET sql = replace(sql, ') STRICT',"
		" ')') WHERE type = 'table';"
		" PRAGMA writable_schema = RESET; PRAGMA journal_mode = DELETE");
	sqlite3_exec(db, "SELECT name FROM sqlite_master WHERE type = 'table' "
			 "AND name NOT LIKE 'sqlite_%' ORDER BY name",
		     add_table, NULL, NULL);
	for (unsigned t = 0; t < history.n_tables; t++) {
		char text[128];

		snprintf(text, sizeof(text), "SELECT name FROM pragma_table_info('%s')",
			 history.table[t]);
		sqlite3_exec(db, text, add_column, &t, NULL);
	}
	sqlite3_close(db);
}

static void remove_history(void)
{
	static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
	char path[96];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", history.path, ends[i]);
		unlink(path);
	}
}

static void make_history(void)
{
	static const char *const captures[] = {
		"spi-churn", "auth-failed", "one-way", "lifetime-mismatch-ikev1",
	};

	for (size_t i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
		char path[512];
		const char *const words[WORDS] = { "-r", path, "-q", i == 2 ? "--resume" : NULL };

		snprintf(path, sizeof(path), TEST_SOURCE_DIR "/pcaps/%s.pcap", captures[i]);
		run(words);
	}
	loosen();

	int in = open(history.path, O_RDONLY);
	off_t length = lseek(in, 0, SEEK_END);

	MUST(length > 0);
	history.length = (size_t)length;
	history.bytes = malloc(history.length);
	MUST(history.bytes && pread(in, history.bytes, history.length, 0) == length);
	close(in);
}

static void restore_history(void)
{
	remove_history();

	int to = open(history.path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	MUST(to >= 0 && write(to, history.bytes, history.length) == (ssize_t)history.length);
	close(to);
}

/* ---- values ------------------------------------------------------------------ */

static const int64_t numbers[] = {
	0, 1, -1, 2, 255, 256, 65535, 65536, INT32_MAX, INT32_MIN, UINT32_MAX, INT64_C(1) << 32,
	INT64_C(1) << 62,
	INT64_MAX, INT64_MIN, INT64_MIN + 1,
};
static const double reals[] = { 0.0, -0.0, 0.5, -1.0, 1e18, 1e19, -1e19, 1e308, 5e-324 };

static void bind(sqlite3_stmt *st, uint8_t kind, uint8_t value, const uint8_t **at,
		 const uint8_t *end)
{
	size_t left = (size_t)(end - *at), length = value < left ? value : left;

	switch (kind % 6) {
	case 0:
		sqlite3_bind_null(st, 1);
		return;
	case 1:
		sqlite3_bind_int64(st, 1, numbers[value % (sizeof(numbers) / sizeof(numbers[0]))]);
		return;
	case 2:
		sqlite3_bind_int64(st, 1, (int8_t)value);
		return;
	case 3:
		sqlite3_bind_double(st, 1, reals[value % (sizeof(reals) / sizeof(reals[0]))]);
		return;
	case 4:
		sqlite3_bind_text(st, 1, (const char *)*at, (int)length, SQLITE_TRANSIENT);
		break;
	default:
		sqlite3_bind_blob(st, 1, *at, (int)length, SQLITE_TRANSIENT);
		break;
	}
	*at += length;
}

/* What its constraints refuse stays as it was. */
static void change(sqlite3 *db, const uint8_t **at, const uint8_t *end)
{
	unsigned t = take(at, end) % history.n_tables, c = take(at, end) % history.n_columns[t];
	uint8_t row = take(at, end), how = take(at, end), kind = take(at, end),
		value = take(at, end);
	char text[256], where[128] = "";
	sqlite3_stmt *st;

	if (!(how & 1))		/* one of them, not all */
		snprintf(where, sizeof(where), " WHERE rowid = (SELECT rowid FROM %s"
					       " LIMIT 1 OFFSET %d)", history.table[t], row % 16);
	snprintf(text, sizeof(text), "UPDATE OR IGNORE %s SET %s = %s%s", history.table[t],
		 history.column[t][c], how & 2 ? "CAST(?1 AS TEXT)" : "?1", where);
	if (sqlite3_prepare_v2(db, text, -1, &st, NULL) != SQLITE_OK)
		return;		/* a table without row numbers */
	bind(st, kind, value, at, end);
	sqlite3_step(st);
	sqlite3_finalize(st);
}

static void change_all(const uint8_t **at, const uint8_t *end)
{
	sqlite3 *db = open_history();

	sql(db, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; "
		"PRAGMA ignore_check_constraints = ON; BEGIN");
	for (int n = 0; n < EDITS_MAX && *at < end; n++)
		change(db, at, end);
	sql(db, "COMMIT");
	sqlite3_close(db);
}

/* ---- one input --------------------------------------------------------------- */

static void must_be(enum format format, const char *text, size_t length)
{
	switch (format) {
	case PLAIN: must_be_plain(text, length, "\n"); break;
	case JSON: must_be_json_lines(text, length); break;
	case CSV: must_be_csv(text, length); break;
	case HTML: must_be_html(text, length); break;
	case FILE_ONLY: break;
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	snprintf(history.path, sizeof(history.path), "%s/sawatch-fuzz-%d.db",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
	history.out = memfd_create("out", MFD_CLOEXEC);
	MUST(history.out >= 0 && dup2(history.out, STDOUT_FILENO) >= 0);
	atexit(remove_history);
	make_history();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *at = data, *end = data + size;
	size_t which = take(&at, end) % (sizeof(commands) / sizeof(commands[0]));

	restore_history();
	change_all(&at, end);
	MUST(ftruncate(history.out, 0) == 0 && lseek(history.out, 0, SEEK_SET) == 0);

	int status = run(commands[which].words);
	off_t length = lseek(history.out, 0, SEEK_END);
	char *text = malloc((size_t)length + 1);

	MUST(status >= 0 && status <= 3 && text &&
	     pread(history.out, text, (size_t)length, 0) == length);
	text[length] = '\0';
	if (status == EXIT_DONE && length > 0)
		must_be(commands[which].format, text, (size_t)length);
	else if (commands[which].format != HTML)
		must_be_plain(text, (size_t)length, "\r\n");
	free(text);
	return 0;
}
