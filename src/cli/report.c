/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sawatch report`: the history, or a part of it, as one HTML page. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <sawatch/detect.h>
#include <sawatch/html.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/query_options.h"

static bool walk_details(struct query *q, struct html *h, struct err *e)
{
	size_t n = html_judge(h);

	for (size_t i = 0; i < n; i++) {
		struct record_sink sink = html_detail_sink(h, i);
		struct store_scope scope = q->scope;
		char row[24];

		snprintf(row, sizeof(row), "%" PRIu64, (uint64_t)html_detail(h, i));
		scope.tunnel = row;
		if (!store_walk(q->store, &scope, &sink, e))
			return false;
	}
	return true;
}

static bool cannot_write(const char *path, struct err *e)
{
	return err_set(e, "-o %s: cannot be written: %s", path, strerror(errno));
}

static bool print_to(struct html *h, const char *path, const char *name, struct err *e)
{
	FILE *out = fopen(path, "we");
	bool ok;

	if (!out)
		return cannot_write(name, e);
	html_print(h, out);
	ok = !ferror(out);
	return fclose(out) == 0 && ok ? true : cannot_write(name, e);
}

/* Who looks at it meanwhile sees the old one. */
static bool replace(struct html *h, const char *path, struct err *e)
{
	char *temporary = NULL;
	bool ok;

	if (asprintf(&temporary, "%s.tmp", path) < 0)
		return err_set(e, "memory is short");
	ok = print_to(h, temporary, path, e);
	if (ok && rename(temporary, path) != 0)
		ok = cannot_write(path, e);
	if (!ok)
		remove(temporary);
	free(temporary);
	return ok;
}

/*
 * A file is replaced; a pipe, a device and what a link points to are written to, and stay what they
 * are.
 */
static bool write_page(struct html *h, const char *path, const char *database, struct err *e)
{
	struct stat st;

	if (strcmp(path, "-") == 0) {
		html_print(h, stdout);
		return true;
	}
	if (output_same_file(path, database))
		return err_set(e, "-o %s: is the history, see --db; write to another file", path);
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return print_to(h, path, path, e);
	return replace(h, path, e);
}

static bool make(struct query *q, struct err *e)
{
	struct timespec now;
	char title[512];
	const char *name = strrchr(q->database, '/');

	clock_gettime(CLOCK_REALTIME, &now);
	name = name ? name + 1 : q->database;
	snprintf(title, sizeof(title), "%s%s%s", name, q->scope.tunnel ? ", " : "",
		 q->scope.tunnel ? q->scope.tunnel : "");

	const struct html_options o = {
		.title = title, .version = SAWATCH_VERSION,
		.now = now.tv_sec * NSEC_PER_S + now.tv_nsec,
		.since = q->scope.since, .until = q->scope.until,
		.every_tunnel = q->scope.tunnel != NULL,
		.page = detect_page,
	};
	struct html *h = html_open(&o);
	struct record_sink sink = html_sink(h);
	bool ok = store_walk(q->store, &q->scope, &sink, e) && walk_details(q, h, e) &&
		  write_page(h, q->output, q->database, e);

	html_close(h);
	return ok;
}

int report_run(int argc, char **argv)
{
	struct query q;
	struct err e;
	bool ok = query_open(&q, argc, argv, QUERY_OUTPUT);

	if (ok && !make(&q, &e)) {
		complain("%s", e.text);
		ok = false;
	}
	query_close(&q);
	return ok ? EXIT_DONE : EXIT_TROUBLE;
}
