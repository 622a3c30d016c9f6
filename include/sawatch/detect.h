/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Detectors: events in, alerts out.  A detector is a pair of files,
 * src/detect/<code>.c and <code>.md, and a line in src/detect/table.c.  It
 * says what is true now; raising, updating, clearing, hysteresis, precedence
 * and identity of alerts are the framework's work.
 */
#ifndef SAWATCH_DETECT_H
#define SAWATCH_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/expected.h>
#include <sawatch/record.h>
#include <sawatch/settings.h>
#include <sawatch/track.h>

struct detect;

/*
 * NULL when memory is short.  Alerts go to sink->alert as they are raised, change severity and
 * clear.
 */
struct detect *detect_new(const struct settings *settings, const struct record_sink *sink);
/* Accepts NULL.  Gives nothing to the sink: see detect_finish(). */
void detect_free(struct detect *d);

/*
 * These tunnels are expected; called once, before the first event, and `expected` must outlive it.
 * One that is missed without a packet of it gets a tunnel record (sink->tunnel), then its alert.
 * False when memory is short.
 */
bool detect_expect(struct detect *d, const struct expected *expected);

/*
 * After detect_expect(): from now on these tunnels are expected instead, with their settings.  One
 * with the same peers as before is the same tunnel; a new one is waited for from now on; alerts
 * about one that is no longer expected are cleared.  The former `expected` may be freed then.
 * False when there is no room for so many; nothing has changed then.
 */
bool detect_expect_again(struct detect *d, const struct tracker *t,
			 const struct expected *expected);

/*
 * The values of the settings, or of those of expected tunnels, have changed in place; the tunnels
 * and their order have not.
 */
void detect_settings_changed(struct detect *d);

/*
 * Frames of `capture` have reached this moment: expected tunnels that were not seen by then are
 * missing.  Called before the first frame and then now and then, but not with a filter, which may
 * hide them.
 */
void detect_advance(struct detect *d, const struct tracker *t, uint32_t capture, nsec now);

/* Every event of the tracker, in order. */
void detect_observe(struct detect *d, const struct tracker *t, const struct event *ev);

/* Judge everything now, not only at the next tick: the history will be looked at. */
void detect_ask(struct detect *d, const struct tracker *t);

/*
 * The capture ends: judge everything a last time and give every alert in its final state to the
 * sink.
 */
void detect_finish(struct detect *d, const struct tracker *t);

/* Nothing more will be observed or judged: what the detectors remember is given back. */
void detect_leave(struct detect *d);

/* All alerts that changed since the last call, to the sink. */
void detect_flush(struct detect *d, const struct tracker *t);

/* The tunnel's state with its open alerts taken into account, and since when (may be NULL). */
enum tunnel_state detect_tunnel_state(const struct detect *d, const struct tracker *t,
				      uint32_t tunnel, nsec *ret_since);
/* How many alerts it had, cleared ones included. */
uint32_t detect_tunnel_alerts(const struct detect *d, uint32_t tunnel);
/*
 * How often a condition was found true and got no alert, since detect_new(): the table was full, or
 * there were more at once than `history.alerts` allows.
 */
uint64_t detect_alerts_left_out(const struct detect *d);

/*
 * Across a restart, as tracker_save() and tracker_restore(): NO_INDEX is the
 * capture.  Alerts can be restored by any version of the program, `states` only
 * by one with the same stamp.  `shift`: for how long nobody observed.  Alerts of
 * an expected tunnel that was never seen are kept by its place in the inventory.
 */
const char *detect_stamp(void);
/* Bytes that it takes; more than `size`: nothing was saved. */
size_t detect_save(struct detect *d, uint32_t tunnel, void *room, size_t size);
/* Were alerts of it opened or closed since detect_save()? */
bool detect_unsaved(const struct detect *d, uint32_t tunnel);
/* Is there an alert of this identity, open or not forgotten yet? */
bool detect_knows_alert(const struct detect *d, object_id id);
/* How many tunnels are in the inventory: their places are 0 to one less. */
size_t detect_expected(const struct detect *d);
/* The expected tunnel at `place`, if it was never seen and that was reported; else NULL. */
const struct tunnel *detect_missed(const struct detect *d, size_t place);
/* Was anything seen of the tunnel at that place, or told that nothing was? */
bool detect_expected_known(const struct detect *d, size_t place);
/* So it was elsewhere: that nothing is seen of it here is not told. */
void detect_expected_elsewhere(struct detect *d, size_t place);
/* As detect_save(), for the expected tunnel at that place, which detect_missed() gave. */
size_t detect_save_missed(struct detect *d, size_t place, void *room, size_t size);
/*
 * `image` need not be trusted.  False: it is damaged, or there is no such tunnel; what could be
 * read before the damage was taken.
 */
bool detect_restore(struct detect *d, const struct tracker *t, uint32_t tunnel, struct bytes image,
		    nsec shift, bool states);
/*
 * The same for an expected tunnel, found by its peers.  False also when it is not expected any
 * more, was seen meanwhile, or is restored already.
 */
bool detect_restore_missed(struct detect *d, uint32_t capture, const struct endpoint peers[2],
			   struct bytes image, nsec shift, bool states);

/* The n-th code in the catalogue's order, static; NULL at the end. */
const char *detect_code(size_t n);
/*
 * The page of a condition: the Markdown text of <code>.md, static; NULL when there is no such code.
 */
const char *detect_page(const char *code);

#endif
