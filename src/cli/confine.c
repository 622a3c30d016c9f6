/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/confine.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sawatch/live.h>
#include <sawatch/sandbox.h>

#include "cli/cli.h"

enum { FOLDERS_MAX = 8 + LIVE_INTERFACES_MAX };

struct folders {
	struct sandbox_folder list[FOLDERS_MAX];
	char paths[FOLDERS_MAX][PATH_MAX];
	size_t n;
};

/* The folder of a file, behind whatever links lead there; the file itself need not exist. */
static bool folder_of(const char *path, char ret[PATH_MAX])
{
	char folder[PATH_MAX];
	char *slash;

	if (realpath(path, ret)) {
		slash = strrchr(ret, '/');
		slash[slash == ret] = '\0';
		return true;
	}
	if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder))
		return false;
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	return realpath(slash ? folder : ".", ret) != NULL;
}

static void add(struct folders *f, const char *path, bool writable)
{
	if (f->n == FOLDERS_MAX || !folder_of(path, f->paths[f->n]))
		return;		/* what is not there cannot be reached later */
	f->list[f->n] = (struct sandbox_folder){ .path = f->paths[f->n], .writable = writable };
	f->n++;
}

static void collect(struct folders *f, const struct read_options *o)
{
	if (o->database)
		add(f, o->database, true);
	if (o->write_path && strcmp(o->write_path, "-") != 0)
		add(f, o->write_path, true);
	if (o->config)
		add(f, o->config, false);
	/*
	 * libpcap reads there what the interface itself lost; the folder round it outlives an
	 * interface that comes and goes
	 */
	for (size_t i = 0; i < o->n_interfaces; i++) {
		char path[64];

		snprintf(path, sizeof(path), "/sys/class/net/%.32s", o->interfaces[i]);
		add(f, path, false);
	}
}

bool confine_prepare(const struct read_options *o, struct err *e)
{
	char folder[PATH_MAX];

	if (!o->database || !folder_of(o->database, folder))
		return true;
	return setenv("SQLITE_TMPDIR", folder, 1) == 0 ||
	       err_set(e, "environment: %s", strerror(errno));
}

bool confine(const struct read_options *o, struct err *e)
{
	static struct folders folders;
	struct sandbox stands;
	char text[SANDBOX_TEXT_MAX];

	collect(&folders, o);
	tzset();	/* reads a file when it is first needed */
	if (!sandbox_enter(folders.list, folders.n, &stands, e))
		return false;
	/* said when asked, and when less stands than could */
	if (o->verbose ||
	    (!o->quiet && !stands.left_out && (!stands.seccomp || stands.landlock == 0)))
		complain("sandbox: %s", sandbox_text(&stands, text));
	return true;
}
