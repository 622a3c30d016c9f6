/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/source.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "source_parts.h"

struct listed {
	char *path;
	nsec first_at;		/* NSEC_NONE: no packet, or it cannot be opened */
	bool fixed;		/* a stream: keeps its place */
};

struct listing {
	struct listed *items;
	size_t n, size;
};

/* Takes the path over, also on failure. */
static bool add(struct listing *l, char *path, nsec first_at, bool fixed, struct err *e)
{
	if (path && l->n == l->size) {
		size_t size = l->size ? 2 * l->size : 16;
		struct listed *more = realloc(l->items, size * sizeof(*more));

		if (more) {
			l->items = more;
			l->size = size;
		}
	}
	if (!path || l->n == l->size) {
		free(path);
		return err_set(e, "no memory for the list of captures");
	}
	l->items[l->n++] = (struct listed){ path, first_at, fixed };
	return true;
}

/* The time of the first packet; fails as source_open_or_tell(). */
static bool first_packet(const char *path, nsec *ret, bool *ret_foreign, struct err *e)
{
	struct source *s;
	struct source_info info;

	*ret = NSEC_NONE;
	if (!source_open_or_tell(&s, path, NULL, ret_foreign, e))
		return false;
	source_info(s, &info);
	*ret = info.first_at;
	source_close(s);
	return true;
}

/* One name of a directory; what is no regular file or no capture is passed over. */
static bool add_entry(struct listing *l, const char *directory, const char *name, struct err *e)
{
	struct stat st;
	nsec first_at;
	bool foreign;
	char *path;

	if (asprintf(&path, "%s%s%s", directory,
		     directory[0] != '\0' && directory[strlen(directory) - 1] == '/' ? "" : "/",
		     name) < 0)
		return err_set(e, "no memory for the list of captures");
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (!first_packet(path, &first_at, &foreign, NULL) && foreign)) {
		free(path);
		return true;
	}
	return add(l, path, first_at, false, e);
}

static bool add_directory(struct listing *l, const char *path, struct err *e)
{
	size_t before = l->n;
	DIR *d = opendir(path);
	bool ok = true;

	if (!d)
		return err_set(e, "%s: cannot be opened: %s%s", path, strerror(errno),
			       errno == EACCES ? "; run as a user who may read it" : "");
	for (struct dirent *entry; ok && (entry = readdir(d)) != NULL;)
		if (entry->d_name[0] != '.')	/* also what rsync has not finished */
			ok = add_entry(l, path, entry->d_name, e);
	closedir(d);
	if (ok && l->n == before)
		return err_set(e, "%s: no captures in this directory; they are known by their "
				  "content: pcap or pcapng, compressed or not", path);
	return ok;
}

static bool add_path(struct listing *l, const char *path, struct err *e)
{
	struct stat st;
	bool standard_input = strcmp(path, "-") == 0;

	if (!standard_input && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return add_directory(l, path, e);

	bool fixed = standard_input || (stat(path, &st) == 0 && !S_ISREG(st.st_mode));
	nsec first_at = NSEC_NONE;
	bool foreign;

	if (!fixed && !first_packet(path, &first_at, &foreign, e))
		return false;
	return add(l, strdup(path), first_at, fixed, e);
}

static int by_time(const void *a, const void *b)
{
	const struct listed *x = *(struct listed *const *)a, *y = *(struct listed *const *)b;

	if (x->first_at != y->first_at)
		return x->first_at < y->first_at ? -1 : 1;
	return strverscmp(x->path, y->path);
}

/* The sorted paths, streams where they stood; they are taken out of the listing. */
static char **arrange(struct listing *l)
{
	char **paths = calloc(l->n + 1, sizeof(*paths));
	struct listed **files = calloc(l->n + 1, sizeof(*files));
	size_t n_files = 0;

	if (paths && files) {
		for (size_t i = 0; i < l->n; i++)
			if (!l->items[i].fixed)
				files[n_files++] = &l->items[i];
		qsort(files, n_files, sizeof(*files), by_time);
		for (size_t i = 0, next = 0; i < l->n; i++)
			paths[i] = l->items[i].fixed ? l->items[i].path : files[next++]->path;
		l->n = 0;
	} else {
		free(paths);
		paths = NULL;
	}
	free(files);
	return paths;
}

bool source_list(char ***ret, char *const *paths, size_t n_paths, struct err *e)
{
	struct listing l = { 0 };
	bool ok = true;

	*ret = NULL;
	for (size_t i = 0; ok && i < n_paths; i++)
		ok = add_path(&l, paths[i], e);
	if (ok) {
		*ret = arrange(&l);
		if (!*ret)
			ok = err_set(e, "no memory for the list of captures");
	}
	for (size_t i = 0; i < l.n; i++)
		free(l.items[i].path);
	free(l.items);
	return ok;
}

void source_list_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}
