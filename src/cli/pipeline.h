/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames to history: the core (tracker, detectors) connected to its edges
 * (reassembler, store).  One pipeline for captures that follow each other, so
 * that a tunnel lives on from one rotated file to the next.  At most one may be open.
 */
#ifndef SAWATCH_CLI_PIPELINE_H
#define SAWATCH_CLI_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include <sawatch/err.h>
#include <sawatch/expected.h>
#include <sawatch/hash.h>
#include <sawatch/link.h>
#include <sawatch/nsec.h>
#include <sawatch/prepare.h>
#include <sawatch/settings.h>
#include <sawatch/source.h>
#include <sawatch/store.h>
#include <sawatch/store_writer.h>
#include <sawatch/track.h>

#include "cli/resume.h"

struct pipeline;

/*
 * `settings` and `store` must outlive it.  Without a store (NULL) nothing is kept.  With one, a
 * thread is begun that writes it (store_writer.h says what comes before that): waiting for a slow
 * disk, or not. Every record goes to `also` too, after the store, when that is not NULL.
 */
bool pipeline_open(struct pipeline **ret, const struct settings *settings, struct store *store,
		   enum store_writer_mode mode, const struct record_sink *also, struct err *e);

/* By what frames are prepared before there is a pipeline: random, and always the same. */
bool pipeline_key(struct hash_key *ret, struct err *e);
/* By what it wants them prepared; after pipeline_resume() another one. */
const struct hash_key *pipeline_tracker_key(const struct pipeline *p);

/* Wait until the store has everything so far: it is the caller's until the next frame. */
bool pipeline_settle(struct pipeline *p, struct err *e);

/*
 * Before the first frame.  These tunnels are expected; `x` must outlive it.  Not `whole`: a filter
 * takes frames away, so a tunnel that is not seen is not missed.
 */
bool pipeline_expect(struct pipeline *p, const struct expected *x, bool whole, struct err *e);
/* What `settings` say has changed, in place (detect_settings_changed). */
void pipeline_settings_changed(struct pipeline *p);
/*
 * And so has the inventory `x` (detect_expect_again); the history learns of it.  False: there is no
 * room for so many.
 */
bool pipeline_expect_again(struct pipeline *p, const struct expected *x);
/* Before the first frame: track and record only, for measuring. */
void pipeline_no_detect(struct pipeline *p);

/* Before the first frame: nobody will ask for events, exchanges and traffic. */
void pipeline_without_details(struct pipeline *p);

/*
 * Before the first frame, and after the above: go on with what the last run of
 * this `source` left living in the store, see resume.h.  From then on what
 * lives does not end with this run.
 */
bool pipeline_resume(struct pipeline *p, const char *source, uint32_t capture, nsec at, nsec lull,
		     struct resumed *ret, struct err *e);

/* Frames of the running capture, in its order. */
void pipeline_frames(struct pipeline *p, const struct frame *frames, size_t n);

/* The same, prepared. */
void pipeline_prepared(struct pipeline *p, const struct prepared *prepared);

/* One frame; true when it had to do with IPsec. */
bool pipeline_frame_matters(struct pipeline *p, const struct frame *f);

/*
 * The running capture is over: its row of the history.  `left_out` is NULL when
 * it was read in full, else why not: damage, -c, a filter.  A part must not
 * pass for all of it when it is read again.
 */
void pipeline_end_capture(struct pipeline *p, uint32_t id, const struct source_info *info,
			  const char *left_out);

/*
 * Would a capture that begins at this moment go on where the frames so far end?
 * Not when it overlaps them (another observation point, or another day's
 * clock) or begins much later (what happened in between was not seen).
 */
bool pipeline_continues(const struct pipeline *p, nsec first_at);

/* An interface: packet time has reached `now` without a packet. */
void pipeline_advance(struct pipeline *p, uint32_t capture, nsec now);

/* An event about the capture, now: what happened to an interface. */
void pipeline_note(struct pipeline *p, uint32_t capture, nsec at, const char *kind,
		   const char *text);

/* From `from` to `to` no interface was there to see anything. */
void pipeline_unwatched(struct pipeline *p, nsec from, nsec to);

/* The capturer lost `n` packets since `from`. */
void pipeline_dropped(struct pipeline *p, nsec from, uint64_t n);

/*
 * Everything that changed goes on its way to the history, with the row of the
 * running capture of these interfaces as it is by now.  False while the history
 * cannot be written; it goes on all the same.  When `over`, it waits a while
 * for the disk, and is false also when not everything was written.
 */
struct interface_capture {
	uint32_t id;
	const char *name;
	uint16_t link_type;
	uint64_t dropped;
	const char *left_out;	/* a filter; NULL: nothing */
	bool over;		/* this is its last row */
};
bool pipeline_flush(struct pipeline *p, const struct interface_capture *c, struct err *e);

/*
 * What changed in a file that is still being written goes on its way to the history, and to whom it
 * is told. False when the history cannot be written.
 */
bool pipeline_tell(struct pipeline *p, struct err *e);

/* So far, of the running capture. */
void pipeline_counters(const struct pipeline *p, struct tracker_counters *ret);

/* How the history is written; zeros without one. */
void pipeline_store_counters(const struct pipeline *p, struct store_writer_counters *ret);

/* How full the tables are now. */
void pipeline_fill(const struct pipeline *p, struct tracker_fill ret[TRACKER_TABLES]);

/* How many tunnels are in each state (enum tunnel_state) now. */
void pipeline_tunnel_states(const struct pipeline *p, unsigned ret[TUNNEL_FLAPPING + 1]);

/*
 * All captures are over: settle everything and commit.  False, with the first reason, when not all
 * was stored.
 */
bool pipeline_finish(struct pipeline *p, struct err *e);

void pipeline_close(struct pipeline *p);	/* accepts NULL */

#endif
