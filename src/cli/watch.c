/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `sawatch -i …`: one loop over the interfaces, the signals and the time.
 * Packet time drives the core; when no packet comes, the capture clock does.
 */
#include "cli/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <sawatch/source.h>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/read.h"
#include "cli/reload.h"
#include "cli/watch_parts.h"

enum {
	TICK_MS = 250,		/* the core learns of the time so often when nothing comes */
	MERGE_TICK_MS = 50,	/* frames of several interfaces wait for their turn */
	FLUSH_MS = 1000,	/* the history is at most so old */
	STATUS_S = 5,		/* the service manager's line about it */
};

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
		if (pipeline_frame_matters(w->pipeline, &frames[i]) &&
		    !frame_writer_write(w->writer, &frames[i], &e)) {
			stop_writing(w, &e);
			pipeline_frames(w->pipeline, frames + i + 1, n - i - 1);
		}
	capture_clock_set(&w->clock, frames[n - 1].at, watch_monotonic());
}

static void on_prepared(void *user, const struct prepared *prepared)
{
	struct watch *w = user;

	see_again(w, prepared->list[0].at);
	pipeline_prepared(w->pipeline, prepared);
	capture_clock_set(&w->clock, prepared->list[prepared->n - 1].at, watch_monotonic());
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
	nsec now = capture_clock_now(&w->clock, watch_monotonic());

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
	store_news_note(&w->store_news, w->options->database, ok, e, &c, watch_monotonic());
	w->store_failing = !ok;
	w->failed |= store_news_lost(&c) > 0 || (over && !ok);
}

static void flush(struct watch *w, bool over)
{
	struct interface_capture c = {
		.id = w->capture, .name = live_name(w->live),
		.link_type = live_link_type(w->live, 0), .over = over,
	};
	char left_out[256];
	struct err e;

	look_for_losses(w);
	c.dropped = w->lost;
	if (w->options->filter) {
		snprintf(left_out, sizeof(left_out), "watched in part: filter %s",
			 w->options->filter);
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
	snprintf(status, sizeof(status),
		 "%s: tunnels: %u up, %u ill, %u down, "
		 "%u unknown; alerts: %" PRIu64 " raised, %" PRIu64
		 " cleared; packets dropped: %" PRIu64 "%s",
		 live_name(w->live), states[TUNNEL_UP],
		 states[TUNNEL_DEGRADED] + states[TUNNEL_FLAPPING], states[TUNNEL_DOWN],
		 states[TUNNEL_UNKNOWN], alerts.raised, alerts.cleared, w->lost,
		 live_sees(w->live) ? "" : "; no interface is up");
	readiness_status(&w->manager, status);
}

/* Interfaces that went and came: in the history; and while none was there, nobody watched. */
static void look_at_interfaces(struct watch *w)
{
	nsec now = capture_clock_now(&w->clock, watch_monotonic());
	struct err news;
	bool sees;

	while (live_news(w->live, &news, &sees)) {
		complain("%s", news.text);
		pipeline_note(w->pipeline, w->capture, now,
			      sees ? "interface_up" : "interface_down", news.text);
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
	tell_status(w, watch_monotonic());
}

/* `quiet`: no packet waits that is older than now. */
static void tick(struct watch *w, bool quiet)
{
	nsec now = watch_monotonic();

	if (now >= w->next_tick) {
		w->next_tick = now + TICK_MS * NSEC_PER_MS;
		/* what nobody could see is no silence of the tunnels */
		if (quiet && live_sees(w->live))
			pipeline_advance(w->pipeline, w->capture,
					 capture_clock_now(&w->clock, now) -
						 LIVE_LAG_MS * NSEC_PER_MS);
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
	complain("%s: watched for %s, %" PRIu64 " packets (%" PRIu64 " IKE, %" PRIu64
		 " ESP, %" PRIu64 " AH), %" PRIu64
		 " dropped; tunnels: %u up, %u degraded, %u flapping, %u down,"
		 " %u unknown; alerts: %" PRIu64 " raised, %" PRIu64 " cleared%s",
		 live_name(w->live), nsec_span(watch_monotonic() - w->began, span), c.frames,
		 c.ike_messages, c.esp_packets, c.ah_packets, w->lost, states[TUNNEL_UP],
		 states[TUNNEL_DEGRADED], states[TUNNEL_FLAPPING], states[TUNNEL_DOWN],
		 states[TUNNEL_UNKNOWN], alerts.raised, alerts.cleared,
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
	const struct reload_taker taker = { .user = w,
					    .settings = settings_changed,
					    .tunnels = tunnels_changed };

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

/* ---- the run ---- */

static void wait_for_news(struct watch *w)
{
	struct pollfd fds[LIVE_INTERFACES_MAX + 1];
	int descriptors[LIVE_INTERFACES_MAX];
	size_t n = w->readers ? 1 : live_descriptors(w->live, descriptors);
	nsec left = w->next_tick - watch_monotonic();
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
		/* `… | head`: nobody listens any more */
		if (fflush(stdout) != 0 || ferror(stdout)) {
			if (errno != EPIPE)
				complain("output: cannot be written: %s", strerror(errno));
			w->failed |= errno != EPIPE;
			w->stopping = true;
		}
	}
	take_packets(w, true);
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
	if (!watch_begin(&w, &e)) {
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
		printf("%-15s %s%s\n", list[i].name,
		       !list[i].up       ? "down"
		       : list[i].running ? "up"
					 : "up, no link",
		       list[i].loopback ? ", loopback" : "");
	free(list);
	return output_finish(stdout) ? EXIT_DONE : EXIT_TROUBLE;
}
