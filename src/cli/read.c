/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sawatch -r …`: captures in, diagnosis out. */
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>
#include <sawatch/source.h>
#include <sawatch/store.h>

#include "cli/cli.h"
#include "cli/filter.h"
#include "cli/follow.h"
#include "cli/output.h"
#include "cli/pipeline.h"
#include "cli/progress.h"
#include "cli/read.h"
#include "cli/read_ahead.h"
#include "cli/read_options.h"
#include "cli/watch.h"

enum {
	BEHIND = 8 << 20,	/* of a mapped file: all that is read ahead */
	RESUME_LULL_S = 300,	/* a file that begins later than this after the last one: some is missing */
};

struct reading {
	const struct read_options *options;
	const struct read_teller *teller;	/* NULL: the diagnosis */
	struct store *store;
	struct pipeline *pipeline;	/* of the captures that follow each other; NULL between series */
	struct frame_writer *writer;	/* -w; opened with the link type of the first capture */
	struct follow *follow;		/* --follow; NULL: not wanted */
	bool following;			/* its file is being read */
	struct read_ahead *ahead;	/* --workers; NULL: one thread does all */
	struct source_options source_options;
	struct source *source;		/* without `ahead`: the capture at hand */
	struct hash_key key;
	struct progress progress;
	uint32_t *captures;		/* ids, for the report */
	size_t n_captures, captures_room;
	uint64_t left;			/* packets, of -c */
	bool resumed;			/* --resume: the pipeline has what the last run left living */
	bool input_failed, failed;
	bool store_failed;		/* what the database holds of this run is not all */
	bool writer_failed;
};

static volatile sig_atomic_t interrupted;

/* Packets on standard output leave no room for words there. */
static FILE *words_go_to(const struct read_options *o)
{
	return o->write_path && strcmp(o->write_path, "-") == 0 ? stderr : stdout;
}

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static void complain_of_input(struct reading *r, const struct err *e)
{
	progress_clear(&r->progress);
	complain("%s", e->text);
	r->input_failed = true;
}

static void complain_of_trouble(struct reading *r, const struct err *e)
{
	progress_clear(&r->progress);
	complain("%s", e->text);
	r->failed = true;
}

/* False when this run had it before: the same file given twice. */
static bool remember_capture(struct reading *r, uint32_t id)
{
	for (size_t i = 0; i < r->n_captures; i++)
		if (r->captures[i] == id)
			return false;
	if (r->n_captures == r->captures_room) {
		r->captures_room = r->captures_room ? 2 * r->captures_room : 64;
		r->captures = realloc(r->captures, r->captures_room * sizeof(r->captures[0]));
		memory_or_end(r->captures);
	}
	r->captures[r->n_captures++] = id;
	return true;
}

/* Saving failed: that is said once, and the diagnosis goes on without. */
static void stop_writing(struct reading *r, const struct err *e)
{
	complain_of_trouble(r, e);
	r->writer_failed = true;
	frame_writer_close(r->writer, NULL);
	r->writer = NULL;
}

/* With -w frames go one by one, so that each is known to matter or not. */
static void take_and_save(struct reading *r, const struct frame *frames, size_t n)
{
	struct err e;

	for (size_t i = 0; i < n; i++)
		if (pipeline_frame_matters(r->pipeline, &frames[i]) && r->writer &&
		    !frame_writer_write(r->writer, &frames[i], &e))
			stop_writing(r, &e);
}

/* --resume: before the first frame of the first file, and for each file. */
static bool go_on(struct reading *r, uint32_t id, nsec at, struct err *e)
{
	static const char source[] = "files";
	struct resumed resumed;
	char from[NSEC_TEXT_MAX];

	if (r->resumed)
		return pipeline_settle(r->pipeline, e) && store_source(r->store, id, source, e);
	r->resumed = true;
	if (!pipeline_resume(r->pipeline, source, id, at, RESUME_LULL_S * NSEC_PER_S, &resumed, e))
		return false;
	if (resumed.backwards)
		return err_set(e, "--resume: this begins before %s, which the history has reached; give later files, in order",
			       nsec_rfc3339(resumed.from, from));
	return true;
}

/* A file that is followed has nothing more for now: wait.  False: its end. */
static bool wait_for_more(struct reading *r, uint32_t id)
{
	bool failed = false;
	struct err e;

	if (!r->following || !source_waits(r->source))
		return false;
	if (r->writer && !frame_writer_flush(r->writer, &e))
		stop_writing(r, &e);
	if (follow_wait(r->follow, r->pipeline, id, r->source, &failed, &e))
		return true;
	if (failed)
		complain_of_trouble(r, &e);
	r->store_failed |= failed;
	return false;
}

static bool open_capture(struct reading *r, const char *path, struct source_info *ret, struct err *e)
{
	if (r->ahead)
		return read_ahead_next(r->ahead, ret, e);
	r->source_options.grows = r->following;
	if (!source_open(&r->source, path, &r->source_options, e))
		return false;
	source_info(r->source, ret);
	return true;
}

static int next_batch(struct reading *r, uint32_t id, struct frame frames[READ_BATCH], struct batch *ret, struct err *e)
{
	int n;

	if (r->ahead)
		return read_ahead_batch(r->ahead, id, ret, e);
	n = source_read(r->source, frames, r->left < READ_BATCH ? (size_t)r->left : READ_BATCH, e);
	*ret = (struct batch){ .frames = frames, .n = n > 0 ? (size_t)n : 0 };
	return n;
}

static void capture_info(struct reading *r, struct source_info *ret)
{
	if (r->ahead)
		read_ahead_info(r->ahead, ret);
	else
		source_info(r->source, ret);
}

static void take(struct reading *r, const struct batch *b)
{
	if (r->writer)
		take_and_save(r, b->frames, b->n);
	else if (b->prepared)
		pipeline_prepared(r->pipeline, b->prepared);
	else
		pipeline_frames(r->pipeline, b->frames, b->n);
}

static void show_progress(struct reading *r)
{
	struct source_info info;

	if (!progress_is_due(&r->progress))
		return;
	capture_info(r, &info);
	progress_show(&r->progress, &info);
}

/* One opened capture, to its end, to -c, or to where it is damaged. */
static void read_frames(struct reading *r, uint32_t id)
{
	struct frame frames[READ_BATCH];
	struct batch b;
	struct source_info info;
	struct err e = { "" };
	bool begun = !r->options->resume, more = true;
	int n = 0;

	if (r->source)
		source_set_capture(r->source, id);
	while (more && r->left > 0 && !interrupted) {
		n = next_batch(r, id, frames, &b, &e);
		more = n > 0 || (n == 0 && wait_for_more(r, id));
		if (n <= 0)
			continue;
		if (!begun && !go_on(r, id, b.frames[0].at, &e)) {
			n = -1;
			break;
		}
		begun = true;
		r->left -= b.n;
		take(r, &b);
		if (r->following)
			follow_heard(r->follow, b.frames, b.n);
		else
			show_progress(r);
	}
	progress_clear(&r->progress);
	capture_info(r, &info);
	if (r->following)	/* so much of it is known */
		info.size_bytes = info.read_bytes;
	if (n < 0)
		complain_of_input(r, &e);
	else if (n > 0)
		err_set(&e, "read in part: it goes on after frame %llu", (unsigned long long)info.frames);
	else if (r->options->filter)
		err_set(&e, "read in part: filter %s", r->options->filter);
	pipeline_end_capture(r->pipeline, id, &info, *e.text ? e.text : NULL);
}

/* The captures that followed each other are over: their history is complete. */
static void end_series(struct reading *r)
{
	struct err e;

	if (r->pipeline && !pipeline_finish(r->pipeline, &e)) {
		complain_of_trouble(r, &e);
		r->store_failed = true;
	}
	pipeline_close(r->pipeline);
	r->pipeline = NULL;
	r->resumed = false;
}

static bool open_pipeline(struct reading *r, struct err *e)
{
	const struct read_options *o = r->options;
	struct record_sink lines = { 0 };

	if (r->follow)
		lines = follow_sink(r->follow);
	if (!pipeline_open(&r->pipeline, &o->settings, r->store, STORE_WRITER_WAITS, r->follow ? &lines : NULL, e)) {
		pipeline_close(r->pipeline);	/* half of it: there is nothing to finish */
		r->pipeline = NULL;
		return false;
	}
	if (o->no_detect)
		pipeline_no_detect(r->pipeline);
	return o->no_detect || pipeline_expect(r->pipeline, &o->expected, !o->filter, e);
}

/* A pipeline for this capture: the one of the capture before when it goes on from there. */
static bool join_series(struct reading *r, const struct source_info *info)
{
	struct err e;

	if (r->pipeline && !pipeline_continues(r->pipeline, info->first_at))
		end_series(r);
	if (r->pipeline || open_pipeline(r, &e))
		return true;
	complain_of_trouble(r, &e);
	return false;
}

static void read_capture(struct reading *r, const char *path)
{
	struct source_info info;
	uint32_t id;
	bool known;
	struct err e;

	if (!open_capture(r, path, &info, &e)) {
		complain_of_input(r, &e);
		return;
	}
	if ((r->pipeline && !pipeline_settle(r->pipeline, &e)) ||
	    !store_capture_begin(r->store, info.name, "file", info.fingerprint, info.size_bytes, &id, &known, &e)) {
		complain_of_trouble(r, &e);
		r->store_failed = true;
	} else if (!remember_capture(r, id)) {
		complain("%s: the same capture was given before; not read twice", path);
	} else if (known && !r->following) {
		complain("%s: already in %s, not read again; the report is from there", path,
			 r->options->database);
	} else if (join_series(r, &info)) {
		if (r->options->write_path && !r->writer && !r->writer_failed &&
		    !frame_writer_open(&r->writer, r->options->write_path, info.link_type, &e))
			stop_writing(r, &e);
		read_frames(r, id);
	}
	source_close(r->source);
	r->source = NULL;
}

/* Paths that lead nowhere are named, each; the others are read. */
static char **list_captures(struct reading *r)
{
	const struct read_options *o = r->options;
	char **good = calloc(o->n_paths + 1, sizeof(good[0]));
	char **list = NULL;
	struct err e;
	size_t n = 0;

	memory_or_end(good);
	if (o->follow && o->n_paths == 1 && follow_may_wait(o->paths[0])) {
		good[0] = strdup(o->paths[0]);
		memory_or_end(good[0]);
		return good;
	}
	for (size_t i = 0; i < o->n_paths; i++) {
		char *path = (char *)(uintptr_t)o->paths[i];

		if (o->n_paths > 1) {
			if (!source_list(&list, &path, 1, &e)) {
				complain_of_input(r, &e);
				continue;
			}
			source_list_free(list);
		}
		good[n++] = path;
	}
	list = NULL;
	if (n > 0 && !source_list(&list, good, n, &e)) {
		complain_of_input(r, &e);
		list = NULL;
	}
	free(good);
	return list;
}

/* ---- the report ---- */

/* The sink of a writer, with the worst severity noted on the way. */
struct watched_sink {
	struct record_sink sink;
	int worst;
};

static void watch_alert(void *user, const struct record_alert *a)
{
	struct watched_sink *w = user;

	if ((int)a->severity > w->worst)
		w->worst = (int)a->severity;
	w->sink.alert(w->sink.user, a);
}

#define PASS_ON(kind)                                                             \
	static void pass_##kind(void *user, const struct record_##kind *r)        \
	{                                                                         \
		struct watched_sink *w = user;                                    \
                                                                                  \
		w->sink.kind(w->sink.user, r);                                    \
	}

PASS_ON(capture)
PASS_ON(tunnel)
PASS_ON(ike_sa)
PASS_ON(esp_sa)
PASS_ON(child_sa)
PASS_ON(exchange)
PASS_ON(event)

static bool walk(const struct reading *r, struct record_sink to, int *ret_worst, struct err *e)
{
	struct watched_sink w = { .sink = to, .worst = -1 };
	struct record_sink sink = {
		.user = &w,
		.capture = to.capture ? pass_capture : NULL, .tunnel = to.tunnel ? pass_tunnel : NULL,
		.ike_sa = to.ike_sa ? pass_ike_sa : NULL, .esp_sa = to.esp_sa ? pass_esp_sa : NULL,
		.child_sa = to.child_sa ? pass_child_sa : NULL, .exchange = to.exchange ? pass_exchange : NULL,
		.event = to.event ? pass_event : NULL, .alert = watch_alert,
	};
	struct store_scope scope = {
		.captures = r->captures, .n_captures = r->n_captures, .since = NSEC_NONE, .until = NSEC_NONE,
	};
	bool ok = store_walk(r->store, &scope, &sink, e);

	*ret_worst = w.worst;
	return ok;
}

static bool report(struct reading *r, int *ret_worst)
{
	const struct read_options *o = r->options;
	FILE *out = words_go_to(o);
	struct diagnosis_options d_options = {
		.colour = output_has_colour(out), .verbose = o->verbose, .quiet = o->quiet,
	};
	struct err e;
	bool ok;

	if (r->follow && o->json) {	/* all of it was told as it happened and ended */
		*ret_worst = follow_worst(r->follow);
		return output_finish(out);
	}
	if (r->teller)
		return r->teller->tell(r->teller->user, r->store, r->captures, r->n_captures) && output_finish(out);
	if (o->json) {
		ok = walk(r, report_json(out), ret_worst, &e);
	} else {
		struct diagnosis *d = diagnosis_open(&d_options);

		ok = walk(r, diagnosis_sink(d), ret_worst, &e);
		if (ok)
			diagnosis_print(d, out);
		diagnosis_close(d);
	}
	if (!ok)
		complain("%s", e.text);
	return output_finish(out) && ok;
}

/* ---- the run ---- */

/* With -w each frame is known to matter or not before the next; what -c leaves unread is read by nobody. */
static bool begin_reading(struct reading *r, char *const *list, struct err *e)
{
	const struct read_options *o = r->options;
	bool alone = o->workers == 1 || o->write_path || o->limit != UINT64_MAX || o->follow;

	r->source_options.filter = o->filter;
	if (alone) {
		r->source_options.stop = &interrupted;
		return true;
	}
	if (!pipeline_key(&r->key, e))
		return false;
	r->source_options.behind = BEHIND;
	r->ahead = read_ahead_open(o->workers - 1, list, &r->source_options, &r->key);
	return true;
}

/* The last of the list, and whatever goes on from there. */
static void read_and_follow(struct reading *r, const char *path)
{
	r->following = true;
	while (path && r->left > 0 && !r->store_failed && !interrupted && follow_begin(r->follow, path)) {
		read_capture(r, path);
		path = follow_next(r->follow);
	}
	follow_end(r->follow);
}

static void read_all(struct reading *r, char **list)
{
	const struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
	struct err e;

	sigaction(SIGINT, &action, NULL);
	if (r->options->follow) {
		sigaction(SIGTERM, &action, NULL);
		signal(SIGPIPE, SIG_IGN);
		r->follow = follow_open(r->options, words_go_to(r->options), &interrupted);
	}
	if (r->options->write_path && strcmp(r->options->write_path, "-") == 0)
		output_may_end_early();
	if (!begin_reading(r, list, &e)) {
		complain_of_trouble(r, &e);
		return;
	}
	for (char **path = list; *path && r->left > 0 && !r->store_failed && !interrupted; path++) {
		if (r->follow && !path[1]) {
			read_and_follow(r, *path);
			break;
		}
		progress_init(&r->progress, r->options->progress);
		read_capture(r, *path);
	}
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (interrupted && !r->following)
		complain("interrupted: the report is about what was read until now");
	read_ahead_close(r->ahead);
	end_series(r);
	if (!frame_writer_close(r->writer, &e))
		complain_of_trouble(r, &e);
	r->writer = NULL;
}

bool store_inventory(struct store *s, const struct expected *x, struct err *e)
{
	bool ok = x->n == 0 || store_expected_clear(s, e);

	for (size_t i = 0; ok && i < x->n; i++)
		ok = store_expected(s, x->tunnel[i].peers, x->tunnel[i].name, e);
	return ok;
}

static int read_and_report(struct reading *r)
{
	int worst = -1;
	struct err e;
	char **list = list_captures(r);

	if (!list)
		return EXIT_INPUT;
	if (!store_open(&r->store, r->options->database, STORE_WRITE, r->options->sensor, &e)) {
		complain("%s", e.text);
		source_list_free(list);
		return EXIT_TROUBLE;
	}
	if (!r->options->database && !r->options->json && !r->teller)
		store_without_details(r->store);	/* the diagnosis has no use for them */
	if (!store_inventory(r->store, &r->options->expected, &e)) {
		complain("%s", e.text);
		source_list_free(list);
		return EXIT_TROUBLE;
	}
	read_all(r, list);
	source_list_free(list);

	output_may_end_early();	/* what was read is safe by now */
	/* no diagnosis of what could not be stored: it would miss just that */
	if (r->n_captures > 0 && !r->store_failed && !report(r, &worst))
		r->failed = true;
	if (!store_close(r->store, &e)) {
		complain("%s", e.text);
		r->failed = true;
	}
	r->store = NULL;
	if (r->failed)
		return EXIT_TROUBLE;
	if (r->options->fail_on >= 0 && worst >= r->options->fail_on)
		return EXIT_ALERTED;	/* said even of a capture that is damaged somewhere */
	return r->input_failed ? EXIT_INPUT : EXIT_DONE;
}

/* Writing over what is being read would destroy it. */
static bool write_path_is_safe(const struct read_options *o)
{
	char target[PATH_MAX], source[PATH_MAX];

	if (!o->write_path || !realpath(o->write_path, target))
		return true;
	for (size_t i = 0; i < o->n_paths; i++) {
		if (!realpath(o->paths[i], source) || strcmp(source, target) != 0)
			continue;
		complain("-w %s: is read with -r; write to another file", o->write_path);
		return false;
	}
	return true;
}

static int print_filter(const struct read_options *o)
{
	char *both = filter_and(filter_builtin, o->filter);

	puts(both);
	free(both);
	return EXIT_DONE;
}

/* What is asked for instead of reading files; -1 when that is wanted. */
static int answer_at_once(struct read_options *o, const struct read_teller *teller)
{
	struct err e;

	if (o->help) {
		help_print(stdout);
		return EXIT_DONE;
	}
	if (o->version) {
		puts("sawatch " SAWATCH_VERSION);
		return EXIT_DONE;
	}
	if (o->list_interfaces)
		return watch_list_interfaces();
	if (o->filter && !source_filter_check(o->filter, &e)) {
		complain("%s", e.text);
		return EXIT_TROUBLE;
	}
	if (o->print_filter)
		return print_filter(o);
	if (o->n_interfaces > 0 && (o->n_paths > 0 || teller)) {
		complain("-i %s: interfaces are watched alone: sawatch -i %s --db FILE, then ask the history", o->interfaces[0],
			 o->interfaces[0]);
		return EXIT_TROUBLE;
	}
	if (o->follow && (o->n_interfaces > 0 || teller || !follow_possible(o, &e))) {
		complain("%s", o->n_interfaces > 0 ? "--follow: is for files that grow; -i goes on until it is stopped anyway" :
			 teller ? "--follow: goes with sawatch -r FILE only; ask its history meanwhile: --db FILE" : e.text);
		return EXIT_TROUBLE;
	}
	if (o->n_interfaces > 0 && o->workers > 1) {
		complain("--workers %u: is for captures that are read (-r); an interface is watched by one thread", o->workers);
		return EXIT_TROUBLE;
	}
	if (o->n_interfaces > 0)
		return watch_run(o);
	if (o->n_paths == 0) {
		complain("nothing to read: give -r FILE or -i INTERFACE; see sawatch --help");
		return EXIT_TROUBLE;
	}
	return write_path_is_safe(o) ? -1 : EXIT_TROUBLE;
}

int read_and_tell(struct read_options *o, const struct read_teller *teller)
{
	struct reading r = { .options = o, .teller = teller, .left = o->limit };
	int status;

	if (o->line_buffered)
		setvbuf(stdout, NULL, _IOLBF, 0);
	status = answer_at_once(o, teller);
	if (status < 0)
		status = read_and_report(&r);
	else
		status = output_finish(stdout) ? status : EXIT_TROUBLE;
	pipeline_close(r.pipeline);
	store_close(r.store, NULL);
	follow_close(r.follow);
	free(r.captures);
	return status;
}

int read_run(int argc, char **argv)
{
	struct read_options o;
	int status = EXIT_TROUBLE;

	if (read_options_parse(&o, argc, argv))
		status = read_and_tell(&o, NULL);
	read_options_free(&o);
	return status;
}
