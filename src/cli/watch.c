/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `sawatch -i …`: one loop over the interfaces, the signals and the time.
 * Packet time drives the core; when no packet comes, the capture clock does.
 */
#include "cli/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <sawatch/live.h>
#include <sawatch/privileges.h>
#include <sawatch/readiness.h>
#include <sawatch/source.h>
#include <sawatch/store.h>
#include <sawatch/store_images.h>

#include "cli/capture_clock.h"
#include "cli/cli.h"
#include "cli/confine.h"
#include "cli/filter.h"
#include "cli/output.h"
#include "cli/outputs.h"
#include "cli/pipeline.h"
#include "cli/read.h"
#include "cli/reload.h"
#include "cli/ring_readers.h"
#include "cli/store_news.h"
#include "cli/watch_lines.h"

enum {
	TICK_MS = 250,		/* the core learns of the time so often when nothing comes */
	MERGE_TICK_MS = 50,	/* frames of several interfaces wait for their turn */
	FLUSH_MS = 1000,	/* the history is at most so old */
	STATUS_S = 5,		/* the service manager's line about it */
};

struct watch {
	struct read_options *options;
	struct settings settings;	/* in effect; SIGHUP changes them */
	struct readiness manager;
	struct live *live;
	struct ring_readers *readers;	/* NULL: this thread reads */
	struct store *store;		/* NULL without --db */
	struct pipeline *pipeline;
	struct watch_lines *lines;
	struct outputs *outputs;
	struct frame_writer *writer;	/* -w */
	struct capture_clock clock;
	uint32_t capture;
	int signals;
	sigset_t mask_before;
	nsec began, next_tick, next_flush, next_status;	/* monotonic */
	struct store_news store_news;
	nsec looked_at;			/* capture clock of the latest look for losses */
	nsec opened;			/* time of day: packets are caught from then on */
	nsec blind_since;		/* capture clock: no interface is there to see anything; NSEC_NONE */
	uint64_t lost;			/* by then */
	uint64_t left;			/* packets, of -c */
	bool stopping, failed, store_failing;
};

static nsec monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);	/* goes on while the machine sleeps, as packet time does */
	return now.tv_sec * NSEC_PER_S + now.tv_nsec;
}

static nsec time_of_day(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NSEC_PER_S + now.tv_nsec;
}

static void trouble(struct watch *w, const struct err *e)
{
	complain("%s", e->text);
	w->failed = true;
}

/* ---- packets ---- */

static void stop_writing(struct watch *w, const struct err *e)
{
	trouble(w, e);
	frame_writer_close(w->writer, NULL);
	w->writer = NULL;
}

/* Somebody sees again: what came meanwhile was neither lost nor silent. */
static void see_again(struct watch *w, nsec now)
{
	if (w->blind_since == NSEC_NONE)
		return;
	pipeline_unwatched(w->pipeline, w->blind_since, now);
	w->blind_since = NSEC_NONE;
}

static void on_frames(void *user, const struct frame *frames, size_t n)
{
	struct watch *w = user;
	struct err e;

	if (n > 0)
		see_again(w, frames[0].at);
	if (n > w->left)
		n = (size_t)w->left;
	if (n == 0)
		return;
	w->left -= n;
	w->stopping |= w->left == 0;
	if (!w->writer)
		pipeline_frames(w->pipeline, frames, n);
	/* with -w one by one, so that each is known to matter or not */
	for (size_t i = 0; w->writer && i < n; i++)
		if (pipeline_frame_matters(w->pipeline, &frames[i]) && !frame_writer_write(w->writer, &frames[i], &e)) {
			stop_writing(w, &e);
			pipeline_frames(w->pipeline, frames + i + 1, n - i - 1);
		}
	capture_clock_set(&w->clock, frames[n - 1].at, monotonic());
}

static void on_prepared(void *user, const struct prepared *prepared)
{
	struct watch *w = user;

	see_again(w, prepared->list[0].at);
	pipeline_prepared(w->pipeline, prepared);
	capture_clock_set(&w->clock, prepared->list[prepared->n - 1].at, monotonic());
}

/* All that has come, or `all` that will; returns whether no more waits. */
static bool take_packets(struct watch *w, bool all)
{
	if (w->readers)
		return ring_readers_take(w->readers, all, on_prepared, w);
	if (!all)
		return live_take(w->live, on_frames, w);
	live_take_rest(w->live, on_frames, w);
	return true;
}

/* ---- once in a while ---- */

static uint64_t lost_so_far(struct watch *w)
{
	struct live_counters c;

	live_counters(w->live, &c);
	return c.dropped + c.interface_dropped;
}

static void look_for_losses(struct watch *w)
{
	uint64_t lost = lost_so_far(w);
	nsec now = capture_clock_now(&w->clock, monotonic());

	if (lost > w->lost)
		pipeline_dropped(w->pipeline, w->looked_at, lost - w->lost);
	w->lost = lost;
	w->looked_at = now;
}

/* A history that cannot be written stops nothing. */
static void note_store(struct watch *w, bool ok, const struct err *e, bool over)
{
	struct store_writer_counters c;

	pipeline_store_counters(w->pipeline, &c);
	store_news_note(&w->store_news, w->options->database, ok, e, &c, monotonic());
	w->store_failing = !ok;
	w->failed |= store_news_lost(&c) > 0 || (over && !ok);
}

static void flush(struct watch *w, bool over)
{
	struct interface_capture c = {
		.id = w->capture, .name = live_name(w->live), .link_type = live_link_type(w->live, 0), .over = over,
	};
	char left_out[256];
	struct err e;

	look_for_losses(w);
	c.dropped = w->lost;
	if (w->options->filter) {
		snprintf(left_out, sizeof(left_out), "watched in part: filter %s", w->options->filter);
		c.left_out = left_out;
	}
	note_store(w, pipeline_flush(w->pipeline, &c, &e), &e, over);
	if (w->writer && !frame_writer_flush(w->writer, &e))
		stop_writing(w, &e);
}

static void tell_status(struct watch *w, nsec now)
{
	struct watch_lines_counts alerts = watch_lines_counts(w->lines);
	unsigned states[TUNNEL_FLAPPING + 1];
	char status[READINESS_STATUS_MAX];

	if (now < w->next_status)
		return;
	w->next_status = now + STATUS_S * NSEC_PER_S;
	pipeline_tunnel_states(w->pipeline, states);
	snprintf(status, sizeof(status), "%s: %u tunnels up, %u ill, %u down, %u unknown; %" PRIu64 " alerts raised, %"
		 PRIu64 " cleared; %" PRIu64 " packets dropped%s", live_name(w->live), states[TUNNEL_UP],
		 states[TUNNEL_DEGRADED] + states[TUNNEL_FLAPPING], states[TUNNEL_DOWN], states[TUNNEL_UNKNOWN],
		 alerts.raised, alerts.cleared, w->lost, live_sees(w->live) ? "" : "; no interface is up");
	readiness_status(&w->manager, status);
}

/* Interfaces that went and came: in the history; and while none was there, nobody watched. */
static void look_at_interfaces(struct watch *w)
{
	nsec now = capture_clock_now(&w->clock, monotonic());
	struct err news;
	bool sees;

	while (live_news(w->live, &news, &sees)) {
		complain("%s", news.text);
		pipeline_note(w->pipeline, w->capture, now, sees ? "interface_up" : "interface_down", news.text);
	}
	if (!live_sees(w->live) && w->blind_since == NSEC_NONE)
		w->blind_since = now;
	if (live_sees(w->live))
		see_again(w, now);
}

static void once_a_second(struct watch *w)
{
	look_at_interfaces(w);
	flush(w, false);
	outputs_tick(w->outputs, w->live, w->pipeline, !w->store_failing);
	tell_status(w, monotonic());
}

/* `quiet`: no packet waits that is older than now. */
static void tick(struct watch *w, bool quiet)
{
	nsec now = monotonic();

	if (now >= w->next_tick) {
		w->next_tick = now + TICK_MS * NSEC_PER_MS;
		/* what nobody could see is no silence of the tunnels */
		if (quiet && live_sees(w->live))
			pipeline_advance(w->pipeline, w->capture,
					 capture_clock_now(&w->clock, now) - LIVE_LAG_MS * NSEC_PER_MS);
	}
	if (now >= w->next_flush) {
		w->next_flush = now + FLUSH_MS * NSEC_PER_MS;
		once_a_second(w);
	}
}

/* ---- signals ---- */

static void tell_state(struct watch *w)
{
	struct tracker_counters c;
	struct watch_lines_counts alerts = watch_lines_counts(w->lines);
	unsigned states[TUNNEL_FLAPPING + 1];
	char span[NSEC_TEXT_MAX], history[STORE_NEWS_STATE_MAX];
	struct store_writer_counters stored;

	pipeline_counters(w->pipeline, &c);
	pipeline_tunnel_states(w->pipeline, states);
	pipeline_store_counters(w->pipeline, &stored);
	complain("%s: watched for %s, %" PRIu64 " packets (%" PRIu64 " IKE, %" PRIu64 " ESP, %" PRIu64 " AH), %" PRIu64
		 " dropped; tunnels: %u up, %u degraded, %u flapping, %u down, %u unknown; alerts: %" PRIu64
		 " raised, %" PRIu64 " cleared%s",
		 live_name(w->live), nsec_span(monotonic() - w->began, span), c.frames, c.ike_messages, c.esp_packets,
		 c.ah_packets, w->lost, states[TUNNEL_UP], states[TUNNEL_DEGRADED], states[TUNNEL_FLAPPING],
		 states[TUNNEL_DOWN], states[TUNNEL_UNKNOWN], alerts.raised, alerts.cleared,
		 store_news_state(&stored, history));
}

static void settings_changed(void *user)
{
	struct watch *w = user;

	pipeline_settings_changed(w->pipeline);
}

static bool tunnels_changed(void *user, size_t n_before)
{
	struct watch *w = user;

	if (!pipeline_expect_again(w->pipeline, &w->options->expected))
		return false;
	outputs_expect_again(w->outputs, n_before);
	return true;
}

static void read_settings_again(struct watch *w)
{
	const struct reload_taker taker = { .user = w, .settings = settings_changed, .tunnels = tunnels_changed };

	readiness_reloading(&w->manager);
	reload(w->options, &w->settings, &taker);
	readiness_ready(&w->manager);
}

static void take_signals(struct watch *w)
{
	struct signalfd_siginfo s;

	while (read(w->signals, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
		switch (s.ssi_signo) {
		case SIGUSR1:
			tell_state(w);
			break;
		case SIGHUP:
			read_settings_again(w);
			break;
		default:
			w->stopping = true;
		}
	}
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

/* ---- the run ---- */

static void wait_for_news(struct watch *w)
{
	struct pollfd fds[LIVE_INTERFACES_MAX + 1];
	int descriptors[LIVE_INTERFACES_MAX];
	size_t n = w->readers ? 1 : live_descriptors(w->live, descriptors);
	nsec left = w->next_tick - monotonic();
	int ms = left > 0 ? (int)(left / NSEC_PER_MS) + 1 : 0;

	if (w->readers)
		descriptors[0] = ring_readers_descriptor(w->readers);
	if ((n > 1 || w->readers) && ms > MERGE_TICK_MS)
		ms = MERGE_TICK_MS;
	for (size_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){ .fd = descriptors[i], .events = POLLIN };
	fds[n] = (struct pollfd){ .fd = w->signals, .events = POLLIN };
	poll(fds, n + 1, ms);
}

static void watch_until_stopped(struct watch *w)
{
	while (!w->stopping) {
		wait_for_news(w);
		take_signals(w);
		tick(w, take_packets(w, false));
		readiness_alive(&w->manager);
		if (fflush(stdout) != 0 || ferror(stdout)) {	/* `… | head`: nobody listens any more */
			if (errno != EPIPE)
				complain("output: cannot be written: %s", strerror(errno));
			w->failed |= errno != EPIPE;
			w->stopping = true;
		}
	}
	take_packets(w, true);
}

/* With -w each packet is known to matter or not before the next, and -c counts them: one thread does all. */
static unsigned rings_of(const struct read_options *o)
{
	return o->write_path || o->limit != UINT64_MAX ? 0 : o->workers - 1;
}

static bool begin_readers(struct watch *w, struct err *e)
{
	struct hash_key key;

	return rings_of(w->options) == 0 ||
	       (pipeline_key(&key, e) && ring_readers_open(&w->readers, w->live, w->capture, &key, e));
}

static bool open_interfaces(struct watch *w, struct err *e)
{
	const struct read_options *o = w->options;
	char *filter = filter_and(filter_builtin, o->filter);
	struct live_options lo = {
		.interfaces = o->interfaces, .n_interfaces = o->n_interfaces, .filter = filter,
		.snap_length = o->snap_length, .buffer_bytes = o->buffer_bytes, .no_promiscuous = o->no_promiscuous,
		.rings = rings_of(o),
	};
	w->opened = time_of_day();

	bool ok = live_open(&w->live, &lo, e);

	free(filter);
	for (size_t i = 1; ok && o->write_path && i < o->n_interfaces; i++)
		if (live_link_type(w->live, i) != live_link_type(w->live, 0))
			ok = err_set(e, "-w %s: %s and %s have different link types, a pcap has only one; watch one of them",
				     o->write_path, o->interfaces[0], o->interfaces[i]);
	return ok;
}

static bool give_up_privileges(struct watch *w, struct err *e)
{
	bool stays;

	if (!privileges_drop(w->options->user, &stays, e))
		return false;
	if (stays && !w->options->user && !w->options->quiet)
		complain("runs as root: there is no user \"sawatch\" to become; -Z USER names one, -Z root is content");
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
	if (o->database &&
	    (!store_open(&w->store, o->database, STORE_WRITE, o->sensor, e) ||
	     !store_claim(w->store, live_name(w->live), e) ||
	     !store_capture_begin(w->store, live_name(w->live), "interface", NULL, RECORD_UNKNOWN, &w->capture, &known, e)))
		return false;
	live_set_capture(w->live, w->capture);
	if (w->store && !store_inventory(w->store, &o->expected, e))
		return false;
	return !o->write_path || frame_writer_open(&w->writer, o->write_path, live_link_type(w->live, 0), e);
}

/* What the last run of these interfaces left living goes on. */
static bool go_on(struct watch *w, struct err *e)
{
	struct resumed resumed;
	char span[NSEC_TEXT_MAX], from[NSEC_TEXT_MAX];

	if (!w->store)
		return true;
	if (!pipeline_resume(w->pipeline, live_name(w->live), w->capture, w->opened, 0, &resumed, e))
		return false;
	if (resumed.backwards)
		complain("%s: the history goes up to %s, which this clock has not reached: its living SAs are given up",
			 w->options->database, nsec_rfc3339(resumed.from, from));
	else if (resumed.from != NSEC_NONE && !w->options->quiet)
		complain("goes on with %zu tunnels and %zu open alerts; nobody watched for %s, %zu SAs and alerts did not come back",
			 resumed.tunnels, resumed.alerts, nsec_span(w->opened - resumed.from, span), resumed.given_up);
	return true;
}

/* In this order: each step takes away what the steps before needed. */
static bool open_everything(struct watch *w, struct err *e)
{
	const struct read_options *o = w->options;

	/* outputs are processes of their own: begun before there is anything that they are not to have */
	return catch_signals(w, e) && outputs_open(&w->outputs, o, e) && open_interfaces(w, e) &&
	       give_up_privileges(w, e) && confine_prepare(o, e) && open_files(w, e) && confine(o, e);
}

static bool begin(struct watch *w, struct err *e)
{
	const struct read_options *o = w->options;
	const struct watch_lines_options lo = { .json = o->json, .quiet = o->quiet, .verbose = o->verbose };
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
	w->began = monotonic();
	/* the kernel stamps packets with the time of day; a tunnel that never says a word is missed, too */
	capture_clock_set(&w->clock, time_of_day(), w->began);
	w->next_tick = w->began + TICK_MS * NSEC_PER_MS;
	w->next_flush = w->began + FLUSH_MS * NSEC_PER_MS;
	w->looked_at = w->blind_since = NSEC_NONE;
	readiness_ready(&w->manager);
	outputs_begin(w->outputs, live_name(w->live));
	if (!o->quiet)
		complain("watching %s; SIGINT (Ctrl-C) or SIGTERM ends it", live_name(w->live));
	return true;
}

/* SAs and tunnels live on: their rows stay open, whoever watches next goes on with them. */
static void end(struct watch *w)
{
	struct err e;

	readiness_stopping(&w->manager);
	watch_lines_last(w->lines);
	flush(w, true);
	outputs_end(w->outputs);
	if (!w->options->quiet)
		tell_state(w);
	if (!frame_writer_close(w->writer, &e))
		trouble(w, &e);
	w->writer = NULL;
}

static int status_of(const struct watch *w)
{
	if (w->failed)
		return EXIT_TROUBLE;
	if (w->options->fail_on >= 0 && watch_lines_counts(w->lines).worst >= w->options->fail_on)
		return EXIT_ALERTED;
	return EXIT_DONE;
}

int watch_run(struct read_options *o)
{
	struct watch w = { .options = o, .settings = o->settings, .left = o->limit, .signals = -1 };
	struct err e;
	int status = EXIT_TROUBLE;

	if (o->line_buffered)
		setvbuf(stdout, NULL, _IOLBF, 0);
	if (!readiness_open(&w.manager, &e))
		complain("%s", e.text);
	if (!begin(&w, &e)) {
		complain("%s", e.text);
		frame_writer_close(w.writer, NULL);
	} else {
		watch_until_stopped(&w);
		end(&w);
		status = status_of(&w);
	}
	ring_readers_close(w.readers);
	pipeline_close(w.pipeline);
	outputs_close(w.outputs);
	watch_lines_close(w.lines);
	live_close(w.live);
	if (!store_close(w.store, &e)) {
		complain("%s", e.text);
		status = EXIT_TROUBLE;
	}
	readiness_close(&w.manager);
	if (w.signals >= 0)
		close(w.signals);
	sigprocmask(SIG_SETMASK, &w.mask_before, NULL);
	return output_finish(stdout) ? status : EXIT_TROUBLE;
}

int watch_list_interfaces(void)
{
	struct live_interface *list;
	size_t n;
	struct err e;

	if (!live_list(&list, &n, &e)) {
		complain("%s", e.text);
		return EXIT_TROUBLE;
	}
	for (size_t i = 0; i < n; i++)
		printf("%-15s %s%s\n", list[i].name, !list[i].up ? "down" : list[i].running ? "up" : "up, no link",
		       list[i].loopback ? ", loopback" : "");
	free(list);
	return output_finish(stdout) ? EXIT_DONE : EXIT_TROUBLE;
}
