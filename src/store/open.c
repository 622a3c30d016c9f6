/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "store/store_parts.h"

static const char *const statement_texts[] = {
#define STORE_STATEMENT_TEXT(name, sql) sql,
	STATEMENTS(STORE_STATEMENT_TEXT)
};

bool store_run(struct store *s, const char *sql, struct err *e)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK || store_fault(s, rc, e);
}

bool store_number(struct store *s, const char *sql, int64_t *ret, struct err *e)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(statement);
		if (rc == SQLITE_ROW)
			*ret = sqlite3_column_int64(statement, 0);
	}
	sqlite3_finalize(statement);
	return rc == SQLITE_ROW || store_fault(s, rc, e);
}

/*
 * Wait for a lock by asking again every 2 ms.  SQLite's own handler sleeps up
 * to 100 ms between two looks and starves beside a writer that only pauses for
 * moments.
 */
static int wait_for_lock(void *user, int times)
{
	const struct store *s = user;
	int usual = s->mode == STORE_READ ? STORE_READ_PATIENCE_MS : STORE_WRITE_PATIENCE_MS;
	int patience = s->patience_ms > 0 ? s->patience_ms : usual;
	const struct timespec pause = { .tv_nsec = 2 * NSEC_PER_MS };

	if (2 * times >= patience || atomic_load(&s->impatient))
		return 0;
	nanosleep(&pause, NULL);
	return 1;
}

/* Open `name` for SQLite: nothing it says may be taken for a URI or ":memory:". */
static int open_file(struct store *s, const char *name, int flags)
{
	assert(name);

	bool plain = name[0] != ':' && strncmp(name, "file:", 5) != 0;
	char *safe = plain ? NULL : sqlite3_mprintf("./%s", name);
	int rc = !plain && !safe ? SQLITE_NOMEM
				 : sqlite3_open_v2(safe ? safe : name, &s->db,
						   flags | SQLITE_OPEN_NOMUTEX, NULL);

	sqlite3_free(safe);
	return rc;
}

/*
 * A file that nobody can be writing, with a log that nobody here can make: read it as it lies
 * there.
 */
static int open_unchanging(struct store *s)
{
	char *uri = sqlite3_mprintf("file:");
	struct stat st;
	char *log = sqlite3_mprintf("%s-wal", s->name);
	bool has_log = !log || (stat(log, &st) == 0 && st.st_size > 0);
	int rc = SQLITE_CANTOPEN;

	sqlite3_free(log);
	for (const unsigned char *c = (const unsigned char *)s->name; uri && *c; c++)
		uri = sqlite3_mprintf("%z%%%02x", uri, *c);
	uri = sqlite3_mprintf("%z?immutable=1", uri);
	if (uri && !has_log) {
		sqlite3_close(s->db);
		s->db = NULL;
		rc = sqlite3_open_v2(uri, &s->db,
				     SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
				     NULL);
	}
	sqlite3_free(uri);
	return rc;
}

static bool harden(struct store *s, struct err *e)
{
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_busy_handler(s->db, wait_for_lock, s);
	/*
	 * The file may come from a stranger: its schema must not run anything.  A writer has to
	 * trust it because SQLite before 3.41 takes json_valid() of our constraints for unsafe;
	 * this program adds no functions that could do harm.
	 */
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, s->mode == STORE_WRITE, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	return s->mode == STORE_WRITE || store_run(s, "PRAGMA query_only = ON", e);
}

struct identity {
	int64_t application, version, tables;
};

/* All of one moment: another process may be about to make the history. */
static bool look_at(struct store *s, struct identity *ret, struct err *e)
{
	bool ok = store_run(s, "BEGIN", e) &&
		  store_number(s, "PRAGMA application_id", &ret->application, e) &&
		  store_number(s, "PRAGMA user_version", &ret->version, e) &&
		  store_number(s, "SELECT count(*) FROM sqlite_schema", &ret->tables, e);

	if (!sqlite3_get_autocommit(s->db))
		store_run(s, "ROLLBACK", NULL);
	return ok;
}

/* Is this a history that this program understands, or (`ret_new`) nothing yet?  Only looks. */
static bool identify(struct store *s, bool *ret_new, struct err *e)
{
	struct identity is = { 0 };

	if (!look_at(s, &is, e))
		return false;
	*ret_new = is.application == 0 && is.version == 0 && is.tables == 0;
	if (*ret_new && s->mode == STORE_READ)
		return err_set(e, "database %s: is empty; a history is made by -r or -i with --db",
			       s->name);
	if (*ret_new)
		return true;
	if (is.application != STORE_APPLICATION_ID)
		return err_set(e,
			       "database %s: belongs to another program (application id %" PRId64
			       "); name another file",
			       s->name, is.application);
	if (is.version > store_schema_version())
		return err_set(e,
			       "database %s: was written by a newer sawatch (version %" PRId64
			       " of its tables, this one knows %" PRId64
			       "); use that sawatch or name another file",
			       s->name, is.version, store_schema_version());
	if (is.version < store_schema_version() && s->mode == STORE_READ)
		return err_set(e,
			       "database %s: was written by an older sawatch (version %" PRId64
			       " of its tables); it is brought up to date when something is next "
			       "written to it",
			       s->name, is.version);
	return true;
}

static bool prepare_all(struct store *s, struct err *e)
{
	if (!store_put_prepare(s, statement_texts, e))
		return false;
	for (size_t i = 0; i < sizeof(statement_texts) / sizeof(statement_texts[0]); i++) {
		int rc = s->statements[i] ? SQLITE_OK
					  : sqlite3_prepare_v3(s->db, statement_texts[i], -1,
							       SQLITE_PREPARE_PERSISTENT,
							       &s->statements[i], NULL);

		if (rc != SQLITE_OK)
			return store_fault(s, rc, e);
	}
	return true;
}

static bool find_sensor(struct store *s, const char *name, struct err *e)
{
	sqlite3_stmt *find = s->statements[ST_SENSOR_FIND];
	sqlite3_stmt *add = s->statements[ST_SENSOR_ADD];
	int rc = SQLITE_OK;

	sqlite3_bind_text(find, 1, name, -1, SQLITE_STATIC);
	sqlite3_bind_text(add, 1, name, -1, SQLITE_STATIC);
	for (int turn = 0; turn < 2 && s->sensor == 0; turn++) {
		rc = sqlite3_step(find);
		if (rc == SQLITE_ROW)
			s->sensor = sqlite3_column_int64(find, 0);
		sqlite3_reset(find);
		/* not there yet; another process may add it at this moment */
		if (rc == SQLITE_DONE) {
			rc = sqlite3_step(add);
			sqlite3_reset(add);
		}
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			break;
	}
	sqlite3_clear_bindings(find);
	sqlite3_clear_bindings(add);
	return s->sensor != 0 || store_fault(s, rc, e);
}

/*
 * A history that nobody writes has no write-ahead log.  To get one it must be alone for a moment,
 * and SQLite does not wait for that: it holds a lock of its own by then, and calls no handler.
 */
static bool begin_log(struct store *s, struct err *e)
{
	int rc, times = 0;
	pid_t who;

	do
		rc = sqlite3_exec(s->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
	while ((rc & 0xff) == SQLITE_BUSY && wait_for_lock(s, times++));
	if (rc == SQLITE_OK)
		return store_run(s, "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = "
				    "67108864; PRAGMA secure_delete = OFF", e);
	who = (rc & 0xff) == SQLITE_BUSY ? store_lock_holder(s) : 0;
	if (who == 0)
		return store_fault(s, rc, e);
	return err_set(e, "database %s: process %ld has been holding a lock on it for %d s without "
			  "a pause; end that one, or its transaction", s->name, (long)who,
			  STORE_WRITE_PATIENCE_MS / 1000);
}

static bool open_for_writing(struct store *s, const char *sensor, struct err *e)
{
	int rc = s->temporary ? sqlite3_open_v2("", &s->db,
						SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
							SQLITE_OPEN_NOMUTEX,
						NULL)
			      : open_file(s, s->name, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	bool is_new;

	if (rc != SQLITE_OK)
		return store_fault(s, rc, e);
	if (!harden(s, e) || !identify(s, &is_new, e))
		return false;
	if (sqlite3_db_readonly(s->db, "main") == 1)	/* SQLite falls back to that silently */
		return store_fault(s, SQLITE_READONLY, e);
	/* Trap: ignored unless it comes before whatever writes first, TECH-NOTES 4.1. */
	if (is_new && !store_run(s, "PRAGMA auto_vacuum = INCREMENTAL", e))
		return false;
	if (!(s->temporary
		      ? store_run(s, "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF", e)
		      : begin_log(s, e)) ||
	    !store_cache_size(s, false, e))
		return false;
	store_place_begin(s);
	if (!s->temporary && !store_wal_begin(s, e))
		return false;
	return store_run(s, "PRAGMA foreign_keys = ON", e) && store_migrate(s, e) &&
	       prepare_all(s, e) && find_sensor(s, sensor ? sensor : "", e);
}

static bool open_for_reading(struct store *s, struct err *e)
{
	int rc = open_file(s, s->name, SQLITE_OPEN_READONLY);
	bool is_new;

	if (rc != SQLITE_OK)
		return store_fault(s, rc, e);
	if (!harden(s, e))
		return false;

	int64_t version;

	if (store_number(s, "PRAGMA user_version", &version, NULL))
		return identify(s, &is_new, e);
	rc = sqlite3_errcode(s->db);
	if (((rc & 0xff) == SQLITE_CANTOPEN || (rc & 0xff) == SQLITE_READONLY) &&
	    open_unchanging(s) == SQLITE_OK)
		return harden(s, e) && identify(s, &is_new, e);
	return store_fault(s, rc, e);
}

/* Set before the first store is opened, then only read. */
static void *fixed_cache;

void store_fixed_cache(void)
{
	enum { PAGE = 4096, PAGES = (STORE_CACHE_KIB << 10) / PAGE };
	int header = 0;

	if (fixed_cache || sqlite3_config(SQLITE_CONFIG_PCACHE_HDRSZ, &header) != SQLITE_OK)
		return;

	size_t room = (size_t)(PAGE + header) * PAGES;

	fixed_cache = malloc(room);
	if (!fixed_cache)
		return;
	memset(fixed_cache, 0, room);
	if (sqlite3_config(SQLITE_CONFIG_PAGECACHE, fixed_cache, PAGE + header, PAGES) !=
	    SQLITE_OK) {
		free(fixed_cache);		/* it has begun: another store was opened before */
		fixed_cache = NULL;
	}
}

/*
 * A cache that is fixed is all there is: its pages are given to others before SQLite asks for more.
 */
bool store_cache_size(struct store *s, bool bulk, struct err *e)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA cache_size = -%d",
		 bulk && !fixed_cache ? STORE_BULK_CACHE_KIB : STORE_CACHE_KIB);
	return store_run(s, sql, e);
}

bool store_open(struct store **ret, const char *path, enum store_mode mode, const char *sensor,
		struct err *e)
{
	struct store *s = calloc(1, sizeof(*s));

	assert(path || mode == STORE_WRITE);
	*ret = NULL;
	if (!s)
		return err_set(e, "out of memory");
	/*
	 * A store belongs to one thread, so its connection needs no mutexes, and
	 * nobody asks SQLite how much memory it uses; both cost a tenth of each
	 * row.  The second call in a process is refused, which is as well.
	 */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	s->mode = mode;
	s->temporary = !path;
	s->name = strdup(path ? path : "(temporary)");

	bool ok = s->name ? true : err_set(e, "out of memory");

	if (ok && path && !path[0])
		ok = err_set(e, "the name of the database is empty; give --db a file");
	if (ok)
		ok = mode == STORE_WRITE ? open_for_writing(s, sensor, e) : open_for_reading(s, e);
	if (ok)
		*ret = s;
	else
		store_close(s, NULL);
	return ok;
}

bool store_close(struct store *s, struct err *e)
{
	if (!s)
		return true;

	bool ok = store_commit(s, e);

	for (int i = 0; i < ST_COUNT; i++)
		sqlite3_finalize(s->statements[i]);
	if (!store_in_place(s, NULL)) {
		int keep = 1;	/* the log that has its name may be that of another database */

		sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	} else if (s->sensor != 0 && !s->temporary) {
		/*
		 * Leave one plain file, which others can read without the right to write beside it.
		 * That fails, and may fail, while somebody else has it open.
		 */
		sqlite3_busy_handler(s->db, NULL, NULL);
		store_run(s, "PRAGMA wal_checkpoint(TRUNCATE)", NULL);
		store_run(s, "PRAGMA journal_mode = DELETE", NULL);
	}

	int rc = sqlite3_close(s->db);

	assert(rc == SQLITE_OK);	/* else a statement was not finalized */
	(void)rc;
	store_wal_end(s);
	store_claim_end(s);
	tunnel_rows_done(&s->tunnels);
	json_text_done(&s->json);
	free(s->name);
	free(s);
	return ok;
}

void store_counters(const struct store *s, struct store_counters *ret)
{
	*ret = s->counters;
}
