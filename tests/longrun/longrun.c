/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Days of watching in minutes: packets from a pipe as if they came from an
 * interface, through the pipeline of `sawatch -i` with a flush for every second
 * that has packets, into a database.  Each flush is waited for: in life a second
 * is time enough, and what lies in the backlog is what a second brings.
 *
 *	longrun DATABASE < DAYS.pcap	(time that goes back begins another day)
 *
 * Prints memory and open files for every hour of packet time.  Fails when the
 * memory at the end is not within one per cent of that after the first hour, or
 * when files stay open.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sawatch/source.h>

#include "cli/pipeline.h"

enum { BATCH = 64 };

#define HOUR (3600 * NSEC_PER_S)

static int fail(const struct err *e)
{
	fprintf(stderr, "longrun: %s\n", e->text);
	return 1;
}

static long resident_kib(void)
{
	long pages = 0, all;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%ld %ld", &all, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n - 3;			/* ".", ".." and itself */
}

struct run {
	struct pipeline *pipeline;
	struct interface_capture capture;
	nsec first, shift, latest, next_flush, next_hour;
	long first_kib, last_kib;
	int first_files, last_files;
	unsigned hours;
};

static void look(struct run *r)
{
	struct err e;

	pipeline_settle(r->pipeline, &e);
	r->last_kib = resident_kib();
	r->last_files = open_files();
	if (r->hours++ == 0) {
		r->first_kib = r->last_kib;
		r->first_files = r->last_files;
	}
	if (r->hours <= 2 || r->hours % 6 == 0)
		printf("hour %4u: %ld KiB, %d files\n", r->hours, r->last_kib, r->last_files);
	fflush(stdout);
}

/* What watch.c does between packets: the flushes that fall into the time before this one. */
static void reach(struct run *r, nsec at)
{
	struct err e;

	if (r->first == NSEC_NONE) {
		r->first = at;
		r->next_flush = at + NSEC_PER_S;
		r->next_hour = at + HOUR;
	}
	if (at >= r->next_flush) {
		pipeline_advance(r->pipeline, r->capture.id, at - NSEC_PER_S / 5);
		pipeline_flush(r->pipeline, &r->capture, &e);
		pipeline_settle(r->pipeline, &e);
		r->next_flush = at + NSEC_PER_S;
	}
	for (; at >= r->next_hour; r->next_hour += HOUR)
		look(r);
}

static bool watch(struct run *r, struct err *e)
{
	struct source_options so = { 0 };
	struct source *s;
	struct source_info info;
	struct frame frames[BATCH];
	int n;

	if (!source_open(&s, "-", &so, e))
		return false;
	source_info(s, &info);
	r->capture.link_type = info.link_type;
	source_set_capture(s, r->capture.id);
	while ((n = source_read(s, frames, BATCH, e)) > 0) {
		for (int i = 0; i < n; i++) {
			if (frames[i].at + r->shift < r->latest - HOUR)
				r->shift = r->latest + NSEC_PER_S - frames[i].at;
			frames[i].at += r->shift;
			r->latest = frames[i].at;
		}
		reach(r, frames[0].at);
		pipeline_frames(r->pipeline, frames, (size_t)n);
	}
	source_close(s);
	return n == 0;
}

int main(int argc, char **argv)
{
	struct run r = { .capture = { .name = "span0" }, .first = NSEC_NONE, .latest = 0 };
	struct settings settings;
	struct resumed resumed;
	struct store *store;
	struct err e;
	bool known;

	if (argc != 2) {
		fprintf(stderr, "usage: longrun DATABASE < DAYS.pcap\n");
		return 1;
	}
	settings_defaults(&settings);
	settings.history_keep_days = 3;		/* so that the sweeps have something to do */
	settings.history_minutes_days = 1;
	settings.history_hours_days = 2;
	store_fixed_cache();
	if (!store_open(&store, argv[1], STORE_WRITE, "longrun", &e) ||
	    !store_capture_begin(store, "span0", "interface", NULL, RECORD_UNKNOWN, &r.capture.id,
				 &known, &e) ||
	    !pipeline_open(&r.pipeline, &settings, store, STORE_WRITER_DROPS, NULL, &e) ||
	    !pipeline_resume(r.pipeline, "span0", r.capture.id, 0, 0, &resumed, &e))
		return fail(&e);
	if (!watch(&r, &e))
		return fail(&e);
	r.capture.over = true;
	if (!pipeline_flush(r.pipeline, &r.capture, &e))
		return fail(&e);
	pipeline_close(r.pipeline);
	if (!store_close(store, &e))
		return fail(&e);
	printf("%u hours: memory %ld KiB after the first, %ld KiB at the end (%+.2f %%), "
	       "files %d and %d\n",
	       r.hours, r.first_kib, r.last_kib,
	       100.0 * (double)(r.last_kib - r.first_kib) / (double)r.first_kib, r.first_files,
	       r.last_files);
	if (r.last_files != r.first_files)
		return 2;
	return 100 * labs(r.last_kib - r.first_kib) > r.first_kib ? 3 : 0;
}
