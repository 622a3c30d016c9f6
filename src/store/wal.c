/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The write-ahead log beside the database.  SQLite starts it anew when all of it is in the
 * database and nobody reads it; one reader that keeps a transaction open prevents that, and the
 * log grows with every commit.  So it has a limit, beyond which nothing is written until it can be
 * emptied.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "store/store_parts.h"

enum {
	CHECKPOINT_PAGES = 4000,	/* as PRAGMA wal_autocheckpoint */
	FRAME_HEADER_BYTES = 24,	/* of a page in the log */
	PATIENCE_MS = 200,		/* with readers that come and go */
	/*
	 * the index of the log, https://www.sqlite.org/walformat.html: marks of what is read, and
	 * their locks
	 */
	MARKS = 5, MARKS_AT = 100, MARK_LOCKS_AT = 123,
};

static int on_commit(void *user, sqlite3 *db, const char *name, int pages)
{
	struct store *s = user;

	s->wal_bytes = (uint64_t)pages * (s->page_bytes + FRAME_HEADER_BYTES);
	if (pages >= CHECKPOINT_PAGES)
		sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

bool store_wal_begin(struct store *s, struct err *e)
{
	int64_t page;

	if (!store_number(s, "PRAGMA page_size", &page, e))
		return false;
	s->page_bytes = (uint64_t)page;
	sqlite3_wal_hook(s->db, on_commit, s);
	return true;
}

void store_wal_limit(struct store *s, uint64_t bytes)
{
	s->wal_limit = bytes;
}

void store_wal_end(struct store *s)
{
	if (s->wal_index)
		close(s->wal_index - 1);
	s->wal_index = 0;
}

/*
 * Who holds the oldest mark; 0: nobody that can be seen from here.  The file stays open until the
 * database is closed: closing it would let go of this process's own locks on it, fcntl(2).
 */
static pid_t oldest_reader(struct store *s)
{
	uint32_t marks[MARKS], oldest = UINT32_MAX;
	char name[4096];
	pid_t who = 0;

	if (snprintf(name, sizeof(name), "%s-shm", s->name) >= (int)sizeof(name))
		return 0;
	if (s->wal_index == 0)
		s->wal_index = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) + 1;
	if (s->wal_index == 0 ||
	    pread(s->wal_index - 1, marks, sizeof(marks), MARKS_AT) != (ssize_t)sizeof(marks))
		return 0;
	for (int i = 0; i < MARKS; i++) {
		struct flock lock = { .l_type = F_WRLCK,
				      .l_whence = SEEK_SET,
				      .l_start = MARK_LOCKS_AT + i,
				      .l_len = 1 };

		if (marks[i] >= oldest || fcntl(s->wal_index - 1, F_GETLK, &lock) != 0 ||
		    lock.l_type == F_UNLCK)
			continue;
		oldest = marks[i];
		who = lock.l_pid > 0 ? lock.l_pid : 0;
	}
	return who;
}

static bool held_by_a_reader(struct store *s, struct err *e)
{
	pid_t who = oldest_reader(s);
	char name[32] = "a program";

	if (who > 0)
		snprintf(name, sizeof(name), "process %ld", (long)who);
	return err_set(e, "database %s: %s has been reading it without a pause, "
			  "so its log (-wal) cannot be emptied and is "
		       "at its limit of %" PRIu64 " MiB (store.wal_mb); end that reader,"
						  " or its transaction", s->name, name,
		       s->wal_limit >> 20);
}

bool store_wal_has_room(struct store *s, struct err *e)
{
	int rc;

	/* whoever waits for the end would lose what is not written: that is little, and bounded */
	if (s->wal_limit == 0 || s->wal_bytes < s->wal_limit || atomic_load(&s->ending))
		return true;
	s->patience_ms = PATIENCE_MS;
	rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	s->patience_ms = 0;
	if (rc == SQLITE_OK)
		s->wal_bytes = 0;
	return rc == SQLITE_OK ||
	       (rc == SQLITE_BUSY ? held_by_a_reader(s, e) : store_fault(s, rc, e));
}
