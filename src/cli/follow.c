/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/follow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <sawatch/memory.h>

#include "cli/capture_clock.h"
#include "cli/cli.h"
#include "cli/watch_lines.h"

enum {
	LOOK_MS = 100,		/* for more of the file */
	/* the history is at most so old, and the names are looked at so often */
	TELL_MS = 1000,
	HEADER_BYTES = 24,	/* of a pcap; a pcapng has more */
};

struct follow {
	const struct read_options *options;
	const volatile sig_atomic_t *stop;
	struct watch_lines *lines;
	struct capture_clock clock;	/* of the file: set by its packets, runs on with ours */
	nsec latest;			/* of the packets; NSEC_NONE before the first */
	nsec next_tell;			/* monotonic */
	bool news;			/* since the latest tell */
	const char *path;
	struct stat identity;
	bool gone;			/* and that was told */
	char *successor, *current;	/* owned; where it goes on, and `path` when it did */
};

static nsec monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * NSEC_PER_S + now.tv_nsec;
}

static void pause_a_moment(void)
{
	const struct timespec moment = { .tv_nsec = LOOK_MS * NSEC_PER_MS };

	nanosleep(&moment, NULL);
}

bool follow_possible(const struct read_options *o, struct err *e)
{
	struct stat st;

	for (size_t i = 0; i < o->n_paths; i++)
		if (strcmp(o->paths[i], "-") == 0 ||
		    (stat(o->paths[i], &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
			return err_set(e, "--follow: %s is a stream, which is read as it comes "
					  "until it ends; leave --follow out",
				       o->paths[i]);
	return true;
}

bool follow_may_wait(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < HEADER_BYTES;
}

struct follow *follow_open(const struct read_options *o, FILE *out,
			   const volatile sig_atomic_t *stop)
{
	const struct watch_lines_options lo = { .json = o->json,
						.quiet = o->quiet,
						.verbose = o->verbose };
	struct follow *f = calloc(1, sizeof(*f));

	memory_or_end(f);
	f->options = o;
	f->stop = stop;
	f->latest = NSEC_NONE;
	f->lines = watch_lines_open(out, &lo);
	watch_lines_last(f->lines);	/* the row of a file is written at its end only */
	return f;
}

void follow_close(struct follow *f)
{
	if (!f)
		return;
	watch_lines_close(f->lines);
	free(f->successor);
	free(f->current);
	free(f);
}

struct record_sink follow_sink(struct follow *f)
{
	return watch_lines_sink(f->lines);
}

bool follow_begin(struct follow *f, const char *path)
{
	bool told = false;

	f->path = path;
	f->gone = false;
	while (stat(path, &f->identity) != 0 || f->identity.st_size < HEADER_BYTES) {
		if (*f->stop)
			return false;
		if (!told && !f->options->quiet)
			complain("%s: has no beginning yet; it is waited for", path);
		told = true;
		pause_a_moment();
	}
	if (!f->options->quiet)
		complain("following %s; SIGINT (Ctrl-C) or SIGTERM ends it", path);
	return true;
}

void follow_heard(struct follow *f, const struct frame *frames, size_t n)
{
	f->latest = frames[n - 1].at;
	capture_clock_set(&f->clock, f->latest, monotonic());
	f->news = true;
}

/* ---- where it goes on ---- */

static void go_on_with(struct follow *f, const char *path)
{
	free(f->successor);
	f->successor = strdup(path);
	memory_or_end(f->successor);
}

/* A later file of those that were named, or in the directory that was. */
static void look_for_later(struct follow *f)
{
	const struct read_options *o = f->options;
	char **list;
	struct err e;

	if (!source_list(&list, (char *const *)(uintptr_t)o->paths, o->n_paths, &e))
		return;
	for (char **path = list; *path; path++)
		if (strcmp(*path, f->path) == 0 && path[1])
			go_on_with(f, path[1]);
	source_list_free(list);
}

/*
 * Is it still that file?  Often: what is written anew soon looks like more of the same.  False: no
 * more of it is to be read.
 */
static bool look_at_file(struct follow *f, const struct source *s)
{
	struct source_info info;
	struct stat now;

	source_info(s, &info);
	if (stat(f->path, &now) != 0) {
		if (!f->gone && !f->options->quiet)
			complain("%s: has been removed; waiting for another file of that name",
				 f->path);
		f->gone = true;
	} else if (now.st_dev != f->identity.st_dev || now.st_ino != f->identity.st_ino) {
		complain("%s: is another file now; going on with that one", f->path);
		go_on_with(f, f->path);
	} else if (now.st_size < info.read_bytes) {
		complain("%s: has become shorter, it is written anew; going on from its beginning",
			 f->path);
		go_on_with(f, f->path);
		return false;
	}
	return true;
}

const char *follow_next(struct follow *f)
{
	free(f->current);
	f->current = f->successor;
	f->successor = NULL;
	return f->current;
}

/* ---- waiting ---- */

/* Packet time, never beyond what whoever writes the file may still hold back. */
static void let_time_pass(struct follow *f, struct pipeline *p, uint32_t capture)
{
	nsec now;

	if (f->latest == NSEC_NONE)
		return;
	now = capture_clock_now(&f->clock, monotonic()) - f->options->settings.follow_lag;
	if (now <= f->latest)
		return;
	pipeline_advance(p, capture, now);
	f->news = true;
}

bool follow_wait(struct follow *f, struct pipeline *p, uint32_t capture, const struct source *s,
		 bool *ret_failed, struct err *e)
{
	bool told = true;

	if (f->successor || !look_at_file(f, s))	/* and to its end was read since */
		return false;
	if (monotonic() >= f->next_tell) {
		f->next_tell = monotonic() + TELL_MS * NSEC_PER_MS;
		let_time_pass(f, p, capture);
		told = !f->news || pipeline_tell(p, e);
		f->news = false;
		if (!f->successor)
			look_for_later(f);
	}
	*ret_failed = !told;
	if (!told || *f->stop)
		return false;
	if (fflush(stdout) != 0) {	/* `… | head`: nobody listens any more */
		*ret_failed = errno != EPIPE;
		return err_set(e, "output: cannot be written: %s", strerror(errno));
	}
	pause_a_moment();
	return true;
}

void follow_end(struct follow *f)
{
	watch_lines_over(f->lines);
}

int follow_worst(const struct follow *f)
{
	return watch_lines_counts(f->lines).worst;
}
