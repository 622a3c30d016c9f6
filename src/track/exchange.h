/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Exchanges, among the files of the tracker: one request and its answer, with every retransmission
 * counted (RFC 7296 2.1 to 2.3).  Private to src/track, which includes tracker.h.
 *
 * An IKE SA has room for two exchanges of each side that asks: the current one and the one before
 * it.  `slot` is 0 for those asked by its initiator and 1 for those asked by its responder.
 */
#ifndef SAWATCH_TRACK_EXCHANGE_H
#define SAWATCH_TRACK_EXCHANGE_H

#include <sawatch/ike.h>
#include <sawatch/track.h>

struct arrival;

/*
 * What a message is to its exchange: the first of its kind, a further fragment, a retransmission.
 */
enum transmission { TRANSMISSION_FIRST, TRANSMISSION_PART, TRANSMISSION_COPY };

/* Its places for exchanges are those in `asked`, and none for what its responder asks. */
void exchange_make_room(struct tracker *t, struct ike_sa *sa);

/* Places for what its responder asks, to write to; taken, and empty, at the first call. */
struct exchange *exchange_answerer_room(struct tracker *t, struct ike_sa *sa);

/*
 * Begin the exchange of this message, asked by the peer `from`, at `at`.  It becomes the current
 * one of `slot`; that one moves to the previous place, whose exchange is closed or parked.
 */
struct exchange *exchange_begin(struct tracker *t, uint32_t ike_sa, int slot,
				const struct ike_message *m, nsec at, int from);

/* Count a request of `x`.  `hash`: of the bytes of the message, which tells a retransmission. */
enum transmission exchange_request(struct tracker *t, struct exchange *x, const struct arrival *a,
				   const struct ike_message *m, uint64_t hash);

/* Count an answer of `x`, likewise. */
enum transmission exchange_response(struct tracker *t, struct exchange *x, const struct arrival *a,
				    const struct ike_message *m, uint64_t hash);

/*
 * If the message belongs to an open exchange that was asked before the current one, make it the
 * current one again and return it; else NULL.
 */
struct exchange *exchange_recall(struct tracker *t, uint32_t ike_sa, int slot,
				 const struct ike_message *m, uint64_t hash);

/* Is it this exchange? */
bool exchange_is(const struct exchange *x, uint8_t type, uint32_t message_id);

/* Its answer was captured before its request, by no more than the clocks of two taps may differ. */
bool exchange_answered_before(const struct tracker *t, const struct exchange *x);

/* May its answer still come at `at`, because the sender has a window above 1 (RFC 7296 2.3)? */
bool exchange_in_flight(const struct exchange *x, nsec at);

/* When it is given up, if nothing more comes. */
nsec exchange_abandon_at(const struct tracker *t, const struct exchange *x);

/*
 * Nothing more is expected of it: write its row and emit the events.  `outcome` counts if it has
 * none yet.  No effect on one that is closed, or on an empty place.
 */
void exchange_close(struct tracker *t, struct exchange *x, enum exchange_outcome outcome, nsec at);

/*
 * Close those before the current ones whose time is over at `now`, or all (`over`).  Returns when
 * to look again; NSEC_NONE: all are closed.
 */
nsec exchange_settle_earlier(struct tracker *t, uint32_t ike_sa, nsec now, bool over);

/* Emit an event about the exchange, caused by this message. */
void exchange_emit(struct tracker *t, enum event_kind kind, const struct exchange *x,
		   const struct arrival *a);

/* Give its record to the sink, if it changed since the last time and may have a row. */
void exchange_write(struct tracker *t, struct exchange *x);

#endif
