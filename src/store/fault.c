/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What went wrong with a database, in words for the person who has to cure it. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_parts.h"

/* SQLite only says "unable to open database file"; the file system knows why. */
static bool cannot_open(const struct store *s, struct err *e)
{
	const char *name = s->name;
	char directory[512];
	struct stat st;

	snprintf(directory, sizeof(directory), "%s", name);

	const char *parent = dirname(directory);
	bool exists = stat(name, &st) == 0;

	if (!exists && errno == EACCES)
		return err_set(e, "database %s: directory %s: %s; ask its owner for the "
				  "right to enter it", name, parent,
			       strerror(errno));
	if (exists && S_ISDIR(st.st_mode))
		return err_set(e, "database %s: is a directory; name a file in it", name);
	if (exists && access(name, R_OK) != 0)
		return err_set(e, "database %s: %s; ask its owner for the right to read it", name,
			       strerror(errno));
	if (exists)
		return err_set(e,
			       "database %s: files beside it (-wal, -shm) cannot be opened; "
			       "make directory %s writable, or copy the database elsewhere",
			       name, parent);
	if (stat(parent, &st) != 0 || !S_ISDIR(st.st_mode))
		return err_set(e, "database %s: there is no directory %s; %s", name, parent,
			       s->mode == STORE_READ ? "look at the name again" : "make it first");
	if (s->mode == STORE_READ)
		return err_set(e, "database %s: no such file; a history is made by -r or "
				  "-i with --db", name);
	if (access(parent, W_OK) != 0)
		return err_set(e, "database %s: cannot be made in directory %s: %s; "
				  "name another place",
			       name, parent, strerror(errno));
	return err_set(e, "database %s: cannot be opened: %s", name,
		       strerror(sqlite3_system_errno(s->db)));
}

bool store_fault(const struct store *s, int rc, struct err *e)
{
	const char *name = s->name;
	int system_errno = sqlite3_system_errno(s->db);

	switch (rc & 0xff) {	/* the primary code; the rest are details */
	case SQLITE_NOTADB:
		return err_set(e, "database %s: is not a database; name a history, or a new file",
			       name);
	case SQLITE_CANTOPEN:
		return cannot_open(s, e);
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return err_set(e, "database %s: is read-only; make the file and its directory "
				  "writable, or name another file", name);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(e, "database %s: is locked by another program; "
			       "try again when that has finished", name);
	case SQLITE_FULL:
		return err_set(e, "database %s: the disk is full; what was stored before is kept: "
			       "free some space and try again", name);
	case SQLITE_IOERR:
		if (system_errno == EISDIR)
			return cannot_open(s, e);
		return err_set(e, "database %s: %s; what was stored before is kept: "
			       "look at the disk and try again", name,
			       system_errno ? strerror(system_errno) : sqlite3_errmsg(s->db));
	case SQLITE_CORRUPT:
		return err_set(e, "database %s: is damaged; restore a copy, or rescue its rows "
				  "with: sqlite3 %s .recover", name, name);
	case SQLITE_NOMEM:
		return err_set(e, "database %s: out of memory", name);
	}
	return err_set(e, "database %s: %s", name, sqlite3_errmsg(s->db));
}
