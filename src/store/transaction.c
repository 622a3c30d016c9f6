/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Transactions of bounded size and time.  One that has an alert in it is synced to the disk when it
 * is committed; of the others a power cut may lose the last moments, a crash of the program never.
 */
#include <assert.h>
#include <time.h>

#include "store/store_parts.h"

static int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / NSEC_PER_MS;
}

static int step(struct store *s, enum statement which)
{
	int rc = sqlite3_step(s->statements[which]);

	sqlite3_reset(s->statements[which]);
	return rc;
}

bool store_begin(struct store *s, bool durable, struct err *e)
{
	assert(s->mode == STORE_WRITE);
	durable = durable && !s->bulk;
	if (s->in_transaction && (s->durable || !durable))
		return true;
	if (!store_commit(s, e))
		return false;
	if (!store_wal_has_room(s, e))
		return false;
	/* Cannot be changed within a transaction. */
	if (durable != s->durable && !s->temporary &&
	    !store_run(s, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", e))
		return false;
	s->durable = durable;

	int rc = step(s, ST_BEGIN);

	if (rc != SQLITE_DONE)
		return store_fault(s, rc, e);
	s->in_transaction = true;
	s->rows = 0;
	s->began_ms = monotonic_ms();
	return true;
}

void store_rollback(struct store *s, uint64_t more)
{
	if (!sqlite3_get_autocommit(s->db))	/* on a full disk SQLite has done it already */
		step(s, ST_ROLLBACK);
	s->counters.failed_rows += s->rows + more;
	s->rows = 0;
	s->in_transaction = false;
	tunnel_rows_settle(&s->tunnels, false);
}

bool store_commit(struct store *s, struct err *e)
{
	if (!s->in_transaction)
		return true;

	int rc = step(s, ST_COMMIT);

	if (rc != SQLITE_DONE) {
		store_fault(s, rc, e);
		store_rollback(s, 0);
		return false;
	}
	s->in_transaction = false;
	s->counters.rows += s->rows;
	s->counters.transactions++;
	s->rows = 0;
	tunnel_rows_settle(&s->tunnels, true);
	return true;
}

/*
 * Its cache outlasts the writer: what was read is walked next, and sorted, which is done in as much
 * memory.
 */
void store_bulk(struct store *s, bool on)
{
	if (on)
		store_cache_size(s, true, NULL);
	s->bulk = on;
}

int64_t store_time_left(const struct store *s)
{
	return s->began_ms + (s->bulk ? STORE_BULK_MS : STORE_TRANSACTION_MS) - monotonic_ms();
}

bool store_tick(struct store *s, struct err *e)
{
	uint64_t most = s->bulk ? STORE_BULK_ROWS : STORE_TRANSACTION_ROWS;

	if (!s->in_transaction || (s->rows < most && store_time_left(s) > 0))
		return true;
	return store_commit(s, e);
}
