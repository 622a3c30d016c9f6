/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IKE SAs, among the files of the tracker; their exchanges are in exchange.h.  Private to
 * src/track, which includes tracker.h.  `ike_sa`, `tunnel` are indices into the tables of the
 * tracker, NO_INDEX: none.  `by` and `side` name a peer of the tunnel, SIDE_UNKNOWN (-1) when that
 * is not known.
 */
#ifndef SAWATCH_TRACK_IKE_H
#define SAWATCH_TRACK_IKE_H

#include <sawatch/ike.h>
#include <sawatch/track.h>

struct arrival;

enum { IKE_DELETE_SETTLES_S = 5 };	/* what certainly was a Delete is decided after this long */

/* ---- ike_sa.c --------------------------------------------------------------- */

/* The IKE SA with both SPIs (IKEv1: cookies); NO_INDEX. */
uint32_t ike_sa_find(struct tracker *t, uint64_t spi_i, uint64_t spi_r);

/* The latest one in this tunnel with this initiator's SPI, whatever the other SPI; NO_INDEX. */
uint32_t ike_sa_find_half_open(struct tracker *t, uint32_t tunnel, uint64_t spi_i);

/*
 * Begin one with this message, in a->tunnel.  `spi_r`: 0 before the answer; `major`: IKE version.
 * If the table is full, the one that is missed least is released.  NO_INDEX: no room.
 */
uint32_t ike_sa_new(struct tracker *t, const struct arrival *a, uint64_t spi_i, uint64_t spi_r,
		    uint8_t major, int8_t initiator_side);

/* The responder answered with its SPI, which may take the place of an earlier one. */
void ike_sa_answered(struct tracker *t, uint32_t ike_sa, uint64_t spi_r);

/* It is certainly authenticated, since `at`; the event is emitted at the first call. */
void ike_sa_established(struct tracker *t, uint32_t ike_sa, nsec at);

/* A message of it was sent by `side`: counters, endpoints; revived if its end was wrong. */
void ike_sa_seen(struct tracker *t, uint32_t ike_sa, const struct arrival *a, int8_t side);

/*
 * Exchange `x` of it was asked and answered.  If that was after what was taken for a Delete, there
 * was none: it is revived.
 */
void ike_sa_exchanged(struct tracker *t, uint32_t ike_sa, const struct exchange *x);

/* Its end was wrong: it lives, and so do its child SAs that ended with it. */
void ike_sa_revive(struct tracker *t, uint32_t ike_sa);

/* Close what is open and free its slot.  Its child SAs stay, held by none. */
void ike_sa_release(struct tracker *t, uint32_t ike_sa);

/* Call ike_sa_due() at packet time `at` or before. */
void ike_sa_wake(struct tracker *t, uint32_t ike_sa, nsec at);

/* Make a restored one findable by its SPIs. */
void ike_sa_index_add(struct tracker *t, uint32_t ike_sa);

/* Place for so many offers: `transforms` of IKEv2 or `offers1` of IKEv1, the other is 0. */
void ike_sa_make_room(struct tracker *t, uint32_t ike_sa, size_t transforms, size_t offers1);

/* An encrypted answer that begins with a notify and is too short for more: an error. */
bool ike_sa_is_error_answer(const struct ike_sa *sa, const struct ike_message *m);

/*
 * It is being set up, and its next message came between the endpoints of `tunnel`, which is up and
 * has the same addresses (a NAT gives port 500 and port 4500 different ports): it belongs to that
 * tunnel from now on.  False: it does not, and nothing changes.
 */
bool ike_sa_join_tunnel(struct tracker *t, uint32_t ike_sa, uint32_t tunnel);

/* Emit an event about it.  `other`: the second IKE SA of the event, or NO_INDEX. */
void ike_sa_emit(struct tracker *t, enum event_kind kind, uint32_t ike_sa, nsec at, int side,
		 uint32_t other);

/* ---- ike_offer.c ------------------------------------------------------------ */

/* Take from a message in clear: offers, chosen suite, NAT detection, vendor IDs. */
void ike_sa_clear_parts(struct tracker *t, uint32_t ike_sa, const struct arrival *a,
			const struct ike_message *m);

/* ---- ike_rekey.c ------------------------------------------------------------ */

/*
 * This IKE SA appeared without a set-up.  It is the rekey of another one if a CREATE_CHILD_SA of
 * the same side explains it, else it was there before the capture.  `message_id`: of the first
 * message.
 */
void ike_sa_rekeyed_from(struct tracker *t, uint32_t ike_sa, uint32_t message_id);

/* Did both sides ask for a rekey before the other's request was answered (RFC 7296 2.8.2)? */
bool ike_sa_rekeys_crossed(const struct ike_sa *sa);

/* Crossing rekeys of `old` made two IKE SAs, of which `successor` is redundant: an event, once. */
void ike_sa_collided(struct tracker *t, uint32_t old, uint32_t successor, nsec at);

/* That CREATE_CHILD_SA made an IKE SA: its tentative child SA is discarded. */
void ike_sa_discard_rekey(struct tracker *t, struct ike_rekey *r);

/* ---- ike_end.c -------------------------------------------------------------- */

/* It ended at `at`, and with it its exchanges and child SAs.  No effect on an ended one. */
void ike_sa_end(struct tracker *t, uint32_t ike_sa, nsec at, enum end_reason why, int by,
		enum grade grade);

/*
 * `by` deletes it.  If crossing rekeys made it, it is the redundant one of the two, and its child
 * SAs belong to the other (RFC 7296 2.8.2): it ends, and true is returned.
 */
bool ike_sa_end_redundant(struct tracker *t, uint32_t ike_sa, nsec at, int by);

/* A Delete of this IKE SA itself, not of a child SA: it ends as rekeyed, superseded or deleted. */
void ike_sa_delete_seen(struct tracker *t, uint32_t ike_sa, nsec at, int by);

/*
 * Did the side that asked `x` make a child SA just before, so that its Delete is for the old one?
 */
bool ike_sa_follows_rekey(const struct tracker *t, uint32_t ike_sa, const struct exchange *x);

/* Its authentication by EAP failed, after the round `last`. */
void ike_sa_login_failed(struct tracker *t, uint32_t ike_sa, const struct exchange *last, nsec at);

/* Has its tunnel a younger, established IKE SA, begun by `at`, that is no rekey of this one? */
bool ike_sa_has_younger(const struct tracker *t, const struct ike_sa *sa, nsec at);

/* It is up: Deletes of other IKE SAs of the tunnel need not wait any longer to be decided. */
void ike_sa_hasten_deletes(struct tracker *t, uint32_t ike_sa, nsec now);

/* IKEv1: it is up beside others, which may have been given up by a peer: see to them soon. */
void ike_sa_suspect_lost(struct tracker *t, uint32_t ike_sa, nsec now);

/* Its timer is due: decide what is ripe.  `last_call`: nothing more will be learnt. */
void ike_sa_due(struct tracker *t, uint32_t ike_sa, nsec now, bool last_call);

/* ---- messages ---------------------------------------------------------------- */

/* arrival.c: an IKE message at `r` (ike2.c, ike1.c: of that version; `hash`: of its bytes). */
void ike_message(struct tracker *t, struct arrival *a, struct reader r);
void ike2_message(struct tracker *t, struct arrival *a, const struct ike_message *m, uint64_t hash);
void ike1_message(struct tracker *t, struct arrival *a, const struct ike_message *m, uint64_t hash);

#endif
