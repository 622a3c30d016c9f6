/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Only one process at a time may go on with the SAs that a source left.  It claims the source by a
 * lock on one byte far behind the end of the database, where neither data nor SQLite's own locks
 * are: a process that dies leaves nothing behind, and the holder can be named.
 */
#include <sawatch/store_images.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/store_parts.h"

/* FNV-1a; two sources that meet in one byte would only keep each other out. */
static uint64_t place_of(int64_t sensor, const char *source)
{
	uint64_t hash = 0xcbf29ce484222325 ^ (uint64_t)sensor;

	for (const char *c = source; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
	return hash >> 2;
}

/* Closing it would let go of SQLite's locks, too: it stays open. */
static bool open_beside(struct store *s)
{
	if (s->claim == 0)
		s->claim = open(s->name, O_RDWR | O_CLOEXEC) + 1;
	return s->claim != 0;
}

pid_t store_lock_holder(struct store *s)
{
	/*
	 * https://www.sqlite.org/fileformat.html, 1.3.2 "the lock-byte page": pending, reserved,
	 * shared
	 */
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 512
	};

	if (!open_beside(s) || fcntl(s->claim - 1, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid > 0 ? lock.l_pid : 0;
}

bool store_claim(struct store *s, const char *source, struct err *e)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1,
		.l_start = (off_t)(INT64_C(1) << 62 |
			   (int64_t)(place_of(s->sensor, source) & INT64_MAX >> 1)),
	};

	if (s->temporary)
		return true;
	if (!open_beside(s) || fcntl(s->claim - 1, F_SETLK, &lock) == 0 ||
	    (errno != EAGAIN && errno != EACCES))
		/*
		 * a file system without locks: SQLite keeps the rows whole, and nobody the monitors
		 * apart
		 */
		return true;
	if (fcntl(s->claim - 1, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
		lock.l_pid = 0;
	return err_set(e, "database %s: process %ld writes %s there already; end that one, or name "
			  "another database or another --sensor", s->name, (long)lock.l_pid,
			  source);
}

void store_claim_end(struct store *s)
{
	if (s->claim)
		close(s->claim - 1);
	s->claim = 0;
}
