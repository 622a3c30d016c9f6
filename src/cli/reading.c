/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opens the captures one after the other and passes their frames to the pipeline. */
#include "cli/reading.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>

#include "cli/cli.h"
#include "cli/output.h"

enum {
	BEHIND = 8 << 20,	/* of a mapped file: all that is read ahead */
	/* a file that begins later than this after the last one: some is missing */
	RESUME_LULL_S = 300,
};

static volatile sig_atomic_t interrupted;

FILE *reading_words(const struct read_options *o)
{
	return o->write_path && strcmp(o->write_path, "-") == 0 ? stderr : stdout;
}

bool reading_only_diagnoses(const struct reading *r)
{
	return !r->options->database && !r->options->json && !r->teller;
}

bool reading_needs_no_store(const struct reading *r)
{
	return reading_only_diagnoses(r) && !r->options->follow;
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

/* Which capture this is, known by its beginning: one that was given before, or the next. */
static uint32_t number_capture(const struct reading *r, const struct source_info *info)
{
	for (size_t i = 0; i < r->n_captures; i++)
		if (strcmp(r->fingerprints[i], info->fingerprint) == 0)
			return r->captures[i];
	return (uint32_t)r->n_captures + 1;
}

static bool begin_capture(struct reading *r, const struct source_info *info, uint32_t *ret_id,
			  bool *ret_known, struct err *e)
{
	if (r->store) {
		char *name = report_printable(info->name);
		bool ok = (!r->pipeline || pipeline_settle(r->pipeline, e)) &&
			  store_capture_begin(r->store, name, "file", info->fingerprint,
					      info->size_bytes, ret_id, ret_known, e);

		free(name);
		return ok;
	}
	*ret_id = number_capture(r, info);
	*ret_known = false;
	return true;
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
		r->fingerprints =
			realloc(r->fingerprints, r->captures_room * sizeof(r->fingerprints[0]));
		memory_or_end(r->fingerprints);
	}
	r->fingerprints[r->n_captures][0] = '\0';
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
		return err_set(e, "--resume: this begins before %s, which the history has reached; "
				  "give later files, in order",
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

static bool open_capture(struct reading *r, const char *path, struct source_info *ret,
			 struct err *e)
{
	if (r->ahead)
		return read_ahead_next(r->ahead, ret, e);
	r->source_options.grows = r->following;
	if (!source_open(&r->source, path, &r->source_options, e))
		return false;
	source_info(r->source, ret);
	return true;
}

static int next_batch(struct reading *r, uint32_t id, struct frame frames[READ_BATCH],
		      struct batch *ret, struct err *e)
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
	/* its last frame was perhaps not reached */
	else if (n > 0 || (!r->following && (more || interrupted)))
		err_set(&e, "read in part: it goes on after frame %llu",
			(unsigned long long)info.frames);
	else if (r->options->filter)
		err_set(&e, "read in part: filter %s", r->options->filter);
	memcpy(r->fingerprints[r->n_captures - 1], info.fingerprint, sizeof(r->fingerprints[0]));
	pipeline_end_capture(r->pipeline, id, &info, *e.text ? e.text : NULL);
}

/* The captures that followed each other are over: their history is complete. */
static void end_series(struct reading *r)
{
	struct err e;

	if (r->pipeline && !pipeline_finish(r->pipeline, &e)) {
		if (!r->store_failed)		/* else it was said already */
			complain_of_trouble(r, &e);
		r->store_failed = true;
	}
	if (r->pipeline && !r->expected_known) {
		r->expected_known = calloc(r->options->expected.n + 1, sizeof(bool));
		memory_or_end(r->expected_known);
	}
	if (r->pipeline)
		pipeline_expected_known(r->pipeline, r->expected_known);
	pipeline_close(r->pipeline);
	r->pipeline = NULL;
	r->resumed = false;
}

static bool open_pipeline(struct reading *r, struct err *e)
{
	const struct read_options *o = r->options;
	struct record_sink also = { 0 };

	if (r->follow)
		also = follow_sink(r->follow);
	else if (r->diagnosis)
		also = diagnosis_told_sink(r->diagnosis);
	if (!pipeline_open(&r->pipeline, &o->settings, r->store, STORE_WRITER_WAITS, &also, e)) {
		pipeline_close(r->pipeline);	/* half of it: there is nothing to finish */
		r->pipeline = NULL;
		return false;
	}
	if (o->no_detect)
		pipeline_no_detect(r->pipeline);
	if (r->diagnosis)
		pipeline_without_details(r->pipeline);
	if (o->no_detect)
		return true;
	if (!pipeline_expect(r->pipeline, &o->expected, !o->filter, e))
		return false;
	if (r->expected_known)
		pipeline_expected_elsewhere(r->pipeline, r->expected_known);
	return true;
}

/* A pipeline for this capture: the one of the capture before when it goes on from there. */
static bool join_series(struct reading *r, const struct source_info *info)
{
	struct err e;

	if (r->pipeline && !r->told_of_overlap && pipeline_overlaps(r->pipeline, info->first_at)) {
		complain("%s: begins before the capture before it ends; captures of the same time "
			 "are diagnosed each alone: if they are two taps of one network, join them "
			 "by time first (mergecap -w both.pcapng A B)", info->name);
		r->told_of_overlap = true;
	}
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
	if (!begin_capture(r, &info, &id, &known, &e)) {
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
char **reading_list(struct reading *r)
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

/*
 * With -w each frame is known to matter or not before the next; what -c leaves unread is read by
 * nobody.
 */
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
	while (path && r->left > 0 && !r->store_failed && !interrupted &&
	       follow_begin(r->follow, path)) {
		read_capture(r, path);
		path = follow_next(r->follow);
	}
	follow_end(r->follow);
}

void reading_all(struct reading *r, char **list)
{
	const struct sigaction action = { .sa_handler = on_interrupt,
					  .sa_flags = (int)SA_RESETHAND };
	struct err e;

	sigaction(SIGINT, &action, NULL);
	if (r->options->follow) {
		sigaction(SIGTERM, &action, NULL);
		signal(SIGPIPE, SIG_IGN);
		r->follow = follow_open(r->options, reading_words(r->options), &interrupted);
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

void reading_done(struct reading *r)
{
	pipeline_close(r->pipeline);
	store_close(r->store, NULL);
	follow_close(r->follow);
	diagnosis_close(r->diagnosis);
	free(r->captures);
	free(r->fingerprints);
	free(r->expected_known);
}
