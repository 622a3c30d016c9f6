/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `sawatch -i …` opens before its first packet, and the privileges that it gives up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include <sawatch/privileges.h>

#include "cli/confine.h"
#include "cli/filter.h"
#include "cli/output.h"
#include "cli/watch_parts.h"

static nsec time_of_day(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NSEC_PER_S + now.tv_nsec;
}

static bool catch_signals(struct watch *w, struct err *e)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGUSR1);
	sigprocmask(SIG_BLOCK, &mask, &w->mask_before);
	w->signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	return w->signals >= 0 || err_set(e, "signals cannot be received: %s", strerror(errno));
}

/*
 * With -w each packet is known to matter or not before the next, and -c counts them: one thread
 * does all.
 */
static unsigned rings_of(const struct read_options *o)
{
	return o->write_path || o->limit != UINT64_MAX ? 0 : o->workers - 1;
}

static bool begin_readers(struct watch *w, struct err *e)
{
	return rings_of(w->options) == 0 ||
	       ring_readers_open(&w->readers, w->live, w->capture,
				 pipeline_tracker_key(w->pipeline), e);
}

static bool open_interfaces(struct watch *w, struct err *e)
{
	const struct read_options *o = w->options;
	char *filter = filter_and(filter_builtin, o->filter);
	struct live_options lo = {
		.interfaces = o->interfaces, .n_interfaces = o->n_interfaces, .filter = filter,
		.snap_length = o->snap_length, .buffer_bytes = o->buffer_bytes,
		.no_promiscuous = o->no_promiscuous,
		.rings = rings_of(o),
	};
	w->opened = time_of_day();

	bool ok = live_open(&w->live, &lo, e);

	free(filter);
	for (size_t i = 1; ok && o->write_path && i < o->n_interfaces; i++)
		if (live_link_type(w->live, i) != live_link_type(w->live, 0))
			ok = err_set(e, "-w %s: %s and %s have different link types, "
					"a pcap has only one; watch one of them",
				     o->write_path, o->interfaces[0], o->interfaces[i]);
	return ok;
}

static bool give_up_privileges(struct watch *w, struct err *e)
{
	bool stays;

	if (!privileges_drop(w->options->user, &stays, e))
		return false;
	if (stays && !w->options->user && !w->options->quiet)
		complain("runs as root: there is no user \"sawatch\" to become; "
			 "-Z USER names one, -Z root is content");
	return true;
}

/* Files are made by the user that was become, so that a restart can write them. */
static bool open_files(struct watch *w, struct err *e)
{
	const struct read_options *o = w->options;
	bool known;

	w->capture = 1;
	if (o->database)
		store_fixed_cache();
	if (o->database && (!store_open(&w->store, o->database, STORE_WRITE, o->sensor, e) ||
			    !store_claim(w->store, live_name(w->live), e) ||
			    !store_capture_begin(w->store, live_name(w->live), "interface", NULL,
						 RECORD_UNKNOWN, &w->capture, &known, e)))
		return false;
	live_set_capture(w->live, w->capture);
	if (w->store && !store_inventory(w->store, &o->expected, e))
		return false;
	return !o->write_path ||
	       frame_writer_open(&w->writer, o->write_path, live_link_type(w->live, 0), e);
}

/* What the last run of these interfaces left living goes on. */
static bool go_on(struct watch *w, struct err *e)
{
	struct resumed resumed;
	char span[NSEC_TEXT_MAX], from[NSEC_TEXT_MAX];

	if (!w->store)
		return true;
	if (!pipeline_resume(w->pipeline, live_name(w->live), w->capture, w->opened, 0, &resumed,
			     e))
		return false;
	if (resumed.backwards)
		complain("%s: the history goes up to %s, which this clock has not reached: "
			 "its living SAs are given up",
			 w->options->database, nsec_rfc3339(resumed.from, from));
	else if (resumed.from != NSEC_NONE && !w->options->quiet)
		complain("goes on with %zu tunnels and %zu open alerts; "
			 "nobody watched for %s, %zu SAs and alerts did not come back",
			 resumed.tunnels, resumed.alerts, nsec_span(w->opened - resumed.from, span),
			 resumed.given_up);
	return true;
}

/* In this order: each step takes away what the steps before needed. */
static bool open_everything(struct watch *w, struct err *e)
{
	const struct read_options *o = w->options;

	/*
	 * outputs are processes of their own: begun before there is anything that they are not to
	 * have
	 */
	return catch_signals(w, e) && outputs_open(&w->outputs, o, e) && open_interfaces(w, e) &&
	       give_up_privileges(w, e) && confine_prepare(o, e) && open_files(w, e) &&
	       confine(o, e);
}

bool watch_begin(struct watch *w, struct err *e)
{
	const struct read_options *o = w->options;
	const struct watch_lines_options lo = { .json = o->json,
						.quiet = o->quiet,
						.verbose = o->verbose };
	/* packets on standard output leave no room for words there */
	FILE *out = o->write_path && strcmp(o->write_path, "-") == 0 ? stderr : stdout;
	struct record_sink lines;

	if (!open_everything(w, e))
		return false;
	w->lines = watch_lines_open(out, &lo);
	lines = watch_lines_sink(w->lines);
	lines = outputs_sink(w->outputs, &lines);
	if (!pipeline_open(&w->pipeline, &w->settings, w->store, STORE_WRITER_DROPS, &lines, e))
		return false;
	if (o->no_detect)
		pipeline_no_detect(w->pipeline);
	else if (!pipeline_expect(w->pipeline, &o->expected, !o->filter, e))
		return false;
	if (!go_on(w, e) || !begin_readers(w, e))
		return false;
	w->began = watch_monotonic();
	/*
	 * the kernel stamps packets with the time of day; a tunnel that never says a word is
	 * missed, too
	 */
	capture_clock_set(&w->clock, time_of_day(), w->began);
	w->next_tick = w->next_flush = w->began;
	w->looked_at = w->blind_since = NSEC_NONE;
	readiness_ready(&w->manager);
	outputs_begin(w->outputs, live_name(w->live));
	if (!o->quiet)
		complain("watching %s; SIGINT (Ctrl-C) or SIGTERM ends it", live_name(w->live));
	return true;
}
