/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is the database still where it was opened?  If somebody deletes, moves or replaces the file of a
 * running monitor, SQLite goes on writing to a file that has no name any more.
 */
#include <errno.h>
#include <sys/stat.h>

#include "store/store_parts.h"

void store_place_begin(struct store *s)
{
	struct stat st;

	if (s->temporary || stat(s->name, &st) != 0)
		return;
	s->device = st.st_dev;
	s->inode = st.st_ino;
}

bool store_in_place(const struct store *s, struct err *e)
{
	struct stat st;

	if (s->inode == 0)
		return true;
	if (stat(s->name, &st) != 0) {
		/* else it cannot be seen any more from here: privileges were given up */
		if (errno != ENOENT && errno != ENOTDIR)
			return true;
		return err_set(e, "database %s: was deleted or moved, and what is written now goes "
				  "with it; put it back, or start sawatch again", s->name);
	}
	if (st.st_dev == s->device && st.st_ino == s->inode)
		return true;
	return err_set(e, "database %s: another file was put in its place, and what is written now "
			  "does not come into it; start sawatch again", s->name);
}
