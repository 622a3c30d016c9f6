/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From frames to the history: the core (tracker, detectors) connected to its edges (reassembler,
 * store).  Captures that follow each other go through one pipeline, so that a tunnel lives on from
 * one rotated file to the next.  At most one pipeline may be open.
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

/* ---- set-up, in this order ---------------------------------------------------- */

/*
 * Open a pipeline; `settings` and `store` must outlive it.  With a store (else NULL) a thread is
 * begun that writes it in this `mode`: the caller waits for a slow disk, or does not
 * (store_writer.h).  Every record goes to `also` (copied; or NULL) too, after the store.  False,
 * with the reason, when memory or random numbers are missing; close it then, too.
 */
bool pipeline_open(struct pipeline **ret, const struct settings *settings, struct store *store,
		   enum store_writer_mode mode, const struct record_sink *also, struct err *e);

/*
 * The key with which frames are prepared before a pipeline is open: random, the same at every call.
 * False, with the reason, when the system has no random numbers.
 */
bool pipeline_key(struct hash_key *ret, struct err *e);

/* The key with which this pipeline wants frames prepared; pipeline_resume() changes it. */
const struct hash_key *pipeline_tracker_key(const struct pipeline *p);

/*
 * These tunnels are expected; `x` must outlive the pipeline.  Not `whole`: a filter leaves frames
 * out, so that a tunnel that is not seen is not reported as missing.  False, with the reason, when
 * there is no room for so many.
 */
bool pipeline_expect(struct pipeline *p, const struct expected *x, bool whole, struct err *e);

/*
 * Of which of the expected tunnels something was seen, or told that nothing was: `known` has a
 * place for each.  And back, to a pipeline of other captures: of those it does not tell that.
 */
void pipeline_expected_known(const struct pipeline *p, bool known[]);
void pipeline_expected_elsewhere(struct pipeline *p, const bool known[]);

/* Track and record, without detectors; for measuring. */
void pipeline_no_detect(struct pipeline *p);

/* Do not record events, exchanges and traffic: nobody will ask for them. */
void pipeline_without_details(struct pipeline *p);

/*
 * Go on with the SAs and alerts that the last run of this `source` left in the store (resume.h).
 * From then on living SAs do not end with this run.  Arguments as of resume_load().
 */
bool pipeline_resume(struct pipeline *p, const char *source, uint32_t capture, nsec at, nsec lull,
		     struct resumed *ret, struct err *e);

/* ---- while it runs ------------------------------------------------------------- */

/* Frames of the running capture, in its order; borrowed for the call. */
void pipeline_frames(struct pipeline *p, const struct frame *frames, size_t n);

/* The same, for frames that another thread has prepared. */
void pipeline_prepared(struct pipeline *p, const struct prepared *prepared);

/* One frame; true when it had to do with IPsec. */
bool pipeline_frame_matters(struct pipeline *p, const struct frame *f);

/* Of an interface: packet time has reached `now` without a packet. */
void pipeline_advance(struct pipeline *p, uint32_t capture, nsec now);

/* Record an event about the capture: what happened to an interface. */
void pipeline_note(struct pipeline *p, uint32_t capture, nsec at, const char *kind,
		   const char *text);

/* From `from` to `to` there was no interface to observe. */
void pipeline_unwatched(struct pipeline *p, nsec from, nsec to);

/* The capturing system dropped `n` packets since `from`. */
void pipeline_dropped(struct pipeline *p, nsec from, uint64_t n);

/* The values of `settings` have changed, in place (detect_settings_changed). */
void pipeline_settings_changed(struct pipeline *p);

/*
 * `x` takes the place of the expected tunnels so far (detect_expect_again), in the history as well.
 * False: there is no room for so many, and nothing changes.
 */
bool pipeline_expect_again(struct pipeline *p, const struct expected *x);

/* ---- to the history --------------------------------------------------------------- */

/*
 * The running capture is over: write its row.  `left_out` says why it was not read in full (damage,
 * -c, a filter), so that it is not taken for known when it is read again; NULL when it was.
 */
void pipeline_end_capture(struct pipeline *p, uint32_t id, const struct source_info *info,
			  const char *left_out);

/*
 * Would a capture that begins at this moment continue the frames so far?  Not when it overlaps them
 * (another observation point, another day's clock) or begins so much later that something may have
 * happened in between.
 */
bool pipeline_continues(const struct pipeline *p, nsec first_at);
/* Does a capture that begins at this moment begin before the one before it is over? */
bool pipeline_overlaps(const struct pipeline *p, nsec first_at);

/* The running capture of interfaces, as its row says it. */
struct interface_capture {
	uint32_t id;
	const char *name;
	uint16_t link_type;
	uint64_t dropped;
	const char *left_out;	/* a filter; NULL: nothing is left out */
	bool over;		/* this is its last row */
};

/*
 * Give everything that changed to the writer, with the row of `c`.  False, with the reason, while
 * the history cannot be written; the pipeline goes on all the same.  With c->over it waits for the
 * disk for a while, and false also means that not everything was written.
 */
bool pipeline_flush(struct pipeline *p, const struct interface_capture *c, struct err *e);

/* The same for a file that is still being written, which has no row yet. */
bool pipeline_tell(struct pipeline *p, struct err *e);

/*
 * Wait until the store has everything so far; it may be used by the caller until the next frame.
 * False, with the reason, when something could not be written.
 */
bool pipeline_settle(struct pipeline *p, struct err *e);

/*
 * All captures are over: decide what is still open, write everything and commit.  False, with the
 * first reason, when not all was stored.
 */
bool pipeline_finish(struct pipeline *p, struct err *e);

void pipeline_close(struct pipeline *p);	/* accepts NULL */

/* ---- questions -------------------------------------------------------------------- */

/* What was counted in the running capture so far. */
void pipeline_counters(const struct pipeline *p, struct tracker_counters *ret);

/* How writing the history goes; zeros without a store. */
void pipeline_store_counters(const struct pipeline *p, struct store_writer_counters *ret);

/* How full the tables are now. */
void pipeline_fill(const struct pipeline *p, struct tracker_fill ret[TRACKER_TABLES]);

/* How many tunnels are in each state (enum tunnel_state) now. */
void pipeline_tunnel_states(const struct pipeline *p, unsigned ret[TUNNEL_FLAPPING + 1]);

#endif
