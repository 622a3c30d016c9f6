/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Child SAs, among the files of the tracker: which pair of ESP SAs one is, which exchange made it,
 * which older one it replaced, and how it ended.  Private to src/track, which includes tracker.h.
 *
 * `child`, `ike_sa`, `esp` and `tunnel` are indices into the tables of the tracker, NO_INDEX: none.
 * `by` and `side` name a peer of the tunnel, SIDE_UNKNOWN (-1) when that is not known.
 */
#ifndef SAWATCH_TRACK_CHILD_H
#define SAWATCH_TRACK_CHILD_H

#include <sawatch/track.h>

struct pending_delete;

/*
 * Who made a new SA sends on it this soon after the answer (RFC 7296 2.8), and no longer on the one
 * that it deleted.
 */
#define SWITCHES_WITHIN (100 * NSEC_PER_MS)
#define RENEWS_WITHIN (2 * NSEC_PER_S)	/* after a Delete of an SA that traffic needs */
#define DRAINS_WITHIN NSEC_PER_S	/* after a Delete, packets that were under way arrive */

/* ---- child_sa.c: slots, owners, creation ---------------------------------- */

/* The part of `c` that few child SAs have, to write to; taken at the first call. */
struct child_sa_more *child_more(struct tracker *t, struct child_sa *c);

struct tunnel *child_tunnel(struct tracker *t, const struct child_sa *c);

/* Emit an event about a child SA.  `other`: the second child SA of the event, or NO_INDEX. */
void child_emit(struct tracker *t, enum event_kind kind, uint32_t child, nsec at, int side,
		uint32_t other);

/* Time of the latest packet in this direction; NSEC_NONE when there was none. */
nsec child_last_packet(const struct tracker *t, const struct child_sa *c, int direction);

/* Time of the latest packet in either direction, or of the creation when that is later. */
nsec child_last_sign(const struct tracker *t, const struct child_sa *c);

/*
 * A slot for a new child SA that no IKE SA holds yet; if there is none free, the least missed one
 * is released.  It has no number and is not reported before child_reveal().  NO_INDEX: no room.
 */
uint32_t child_new(struct tracker *t, uint32_t tunnel, nsec created);

/*
 * Exchange `x` of this IKE SA, asked by `by` at `requested` and answered at `created`, made a child
 * SA.  `tentative`: it may have been an IKE rekey instead, so it is not reported yet.  Returns the
 * new child SA; NO_INDEX: no room.
 */
uint32_t child_birth(struct tracker *t, uint32_t ike_sa, enum created_how how, nsec requested,
		     nsec created, int by, const struct exchange *x, bool tentative);

/* All of its exchange is known: link it to its predecessor if only one SA can be that. */
void child_exchange_done(struct tracker *t, uint32_t child);

/* It is certainly a child SA: give it a number and report it.  Does nothing the second time. */
void child_reveal(struct tracker *t, uint32_t child);

/* It was an IKE rekey: release it, if it is still tentative. */
void child_discard(struct tracker *t, uint32_t child);

/* From now on `ike_sa` holds it; NO_INDEX: none does. */
void child_adopt(struct tracker *t, uint32_t child, uint32_t ike_sa);

/* IKE SA `to` replaced `from`, has no child SA yet, and takes all of its (RFC 7296 2.8). */
void child_inherit(struct tracker *t, uint32_t from, uint32_t to);

/* No IKE SA holds it, as long as none adopts it. */
void child_let_go(struct tracker *t, struct child_sa *c);

/* Its end was set, moved or taken back; did it live before? */
void child_end_changed(struct tracker *t, const struct child_sa *c, bool lived);

/* May a child SA of this tunnel that no IKE SA holds have lived at `at` or later? */
bool child_unowned_since(const struct tracker *t, uint32_t tunnel, nsec at);

/* End it, if it lives, and free its slot.  Its ESP SAs stay, without a child SA. */
void child_release(struct tracker *t, uint32_t child);

/* ---- child_end.c ----------------------------------------------------------- */

/* Does a replaced or redundant child SA of this tunnel live, whose Delete is still to come? */
bool child_delete_expected(const struct tracker *t, uint32_t tunnel);

/*
 * A message at `at` was taken for a Delete of one child SA.  Decides at once which one was meant if
 * there is no doubt; otherwise it is remembered until child_settle_all().  `answered`: the peer
 * acknowledged it.
 */
void child_delete_seen(struct tracker *t, uint32_t tunnel, uint32_t ike_sa, nsec at, int by,
		       bool answered);

/* The message at `at` was no Delete after all: forget it. */
void child_delete_withdrawn(struct tracker *t, uint32_t tunnel, nsec at);

/*
 * Both sides sent a Delete at the same time.  Whether they meant a child SA or the IKE SA, the only
 * child SA of this IKE SA is gone: end it.
 */
void child_deleted_by_both(struct tracker *t, uint32_t tunnel, uint32_t ike_sa, nsec at, int by);

/* Did a child SA of this tunnel end within two seconds of `at`? */
bool child_one_was_deleted(const struct tracker *t, uint32_t tunnel, nsec at);

/*
 * It ended at `at`, and so did its ESP SAs.  A Delete after long silence becomes END_IDLE.  Does
 * nothing if it ended before or is not revealed.
 */
void child_end(struct tracker *t, uint32_t child, nsec at, enum end_reason why, int by,
	       enum grade grade);

/* The same for every child SA of an IKE SA that ended; tentative ones are released. */
void child_end_all(struct tracker *t, uint32_t ike_sa, nsec at, enum end_reason why, int by,
		   enum grade grade);

/* End it if it was silent for settings->silent_end and its IKE SA is gone. */
void child_judge_silence(struct tracker *t, uint32_t child, nsec now);

/* Did a child SA of this IKE SA carry packets in both directions after `at`? */
bool child_speaks_after(const struct tracker *t, uint32_t ike_sa, nsec at);

/* Its end was wrong: it and its ESP SAs live. */
void child_revive(struct tracker *t, uint32_t child);

/* The same for those of this IKE SA that ended at `ended` for `why` but carried packets later. */
void child_revive_all(struct tracker *t, uint32_t ike_sa, nsec ended, enum end_reason why);

/* ---- pairing.c ------------------------------------------------------------- */

/*
 * Find or make the child SA that this ESP SA belongs to.  Called at its first packet, and again
 * when it had more packets and belongs to none.
 */
void child_esp_born(struct tracker *t, uint32_t esp);

/*
 * This IKE SA was deleted at `at`, but one of its child SAs carries packets later.  If that one got
 * its SPIs only by the order of first packets, they belong to a child SA of another IKE SA that was
 * set up at the same time: exchange them.
 */
void child_trade_spis(struct tracker *t, uint32_t ike_sa, nsec at);

/* Did an exchange make a child SA of this tunnel whose SPI of this direction is not yet known? */
bool child_awaits_spi(const struct tracker *t, uint32_t tunnel, int direction);

/*
 * `c` was made while the other side made one, too (RFC 7296 2.8.1): the other one, if it got the
 * traffic, so that `c` is redundant; else NO_INDEX.
 */
uint32_t child_collision_winner(const struct tracker *t, const struct child_sa *c);

/* ---- chain.c: which child SA replaced which -------------------------------- */

/*
 * The child SA that `c` replaced: of the older ones that fell silent the one that fits best;
 * NO_INDEX: none.  *ret_alone: no other SA could be meant.  *ret_sure: it is silent for longer than
 * its usual pauses.
 */
uint32_t chain_choose_predecessor(struct tracker *t, const struct child_sa *c, nsec now,
				  bool *ret_alone, bool *ret_sure);

/* Did `old` exist when `c` was asked for, and did it not carry on beside it? */
bool chain_could_replace(const struct tracker *t, const struct child_sa *old,
			 const struct child_sa *c, nsec now);

/*
 * The only living SA that `c` can have replaced, if one of its directions at least was silent after
 * `at`; NO_INDEX: none, or several could be meant.
 */
uint32_t chain_only_fallen_silent(const struct tracker *t, const struct child_sa *c, nsec at);

/* `child` replaced `old`, by the exchange that made it; `grade`: how certain that is. */
void chain_link_rekey(struct tracker *t, uint32_t old, uint32_t child, enum grade grade);

/*
 * Make each ESP SA of `old` the predecessor of that of `c` in the same direction, as far as both
 * are known.  `how`, value[0] of the events: 0 a rekey, 1 set up anew.
 */
void chain_link_esp(struct tracker *t, struct child_sa *old, struct child_sa *c, int64_t how);

/*
 * The earliest Delete that came after `c` was made and whose SA is not known; NULL: none.  It most
 * likely meant what `c` replaced.
 */
struct pending_delete *chain_delete_since(const struct tracker *t, const struct child_sa *c);

/* `child` replaced `old`: end `old` at its Delete, or when it was silent for long enough. */
void chain_end_predecessor(struct tracker *t, uint32_t old, uint32_t child, nsec now);

/* Was there a time without observation between these moments, in which other SAs may have lived? */
bool chain_unwatched_between(const struct tracker *t, nsec last, nsec first);

/* The longer of the mean times between two packets of its directions; 0: too few packets. */
nsec chain_usual_pause(const struct tracker *t, const struct child_sa *c);

/* Did the side that asked for `c` still send on `old` when it could send on `c`? */
bool chain_goes_on_after(const struct tracker *t, const struct child_sa *old,
			 const struct child_sa *c);

/* How much the mean packet sizes differ, from 0 to 10 s: a misfit is measured as a pause. */
nsec chain_size_misfit(const struct esp_sa *old, const struct esp_sa *new_sa);

/* ---- chain_repair.c -------------------------------------------------------- */

/*
 * Two child SAs made at the same time were paired by the order of their first packets.  If `c`
 * silences one direction of each, they had each other's SPI: exchange it.
 */
void chain_repair_pairs(struct tracker *t, const struct child_sa *c);

/* The same, where the numbers and sizes of packets show that each has the other's partner. */
void chain_repair_echoes(struct tracker *t, uint32_t tunnel, nsec now);

/*
 * `child` seems to replace `old`, but its maker went on sending on `old` until a later child SA was
 * made that has no SPIs: then its SPIs belong to that later one and are given to it.  True: that
 * was done.
 */
bool chain_repair_birth(struct tracker *t, uint32_t child, uint32_t old);

/* ---- delete.c: which SA a Delete meant ------------------------------------- */

/* Frame of the request that came in this IKE SA at `at`; 0: no longer known. */
uint64_t delete_frame(const struct tracker *t, uint32_t ike_sa, nsec at);

/* Frame that shows the end of `c` at `at`: its Delete, else its latest packet; 0: none. */
uint64_t child_frame_of_end(const struct tracker *t, const struct child_sa *c, nsec at);

/*
 * A Delete that no rekey explains: end the oldest child SA that was silent from `drains` after it
 * on.  False: there is no such SA.
 */
bool delete_settle(struct tracker *t, struct pending_delete *d, nsec drains, nsec now);

/*
 * IKEv1: end the only child SA, too silent to say anything so soon, if the side that got `d` asked
 * for a new one before its next packet was due.  False: it did not.
 */
bool delete_settle_renewed(struct tracker *t, struct pending_delete *d, nsec now);

/*
 * IKEv1 (no answer to a Delete): end the only child SA if the side that sent `d` stopped sending on
 * it, although the other side goes on.
 */
void delete_settle_unheeded(struct tracker *t, struct pending_delete *d, nsec now);

/* It meant the oldest SA that was replaced and whose end was only presumed: correct that end. */
void delete_ends_predecessor(struct tracker *t, const struct pending_delete *d);

/*
 * The SA that `c` replaced, if its end was only presumed from its silence and its Delete may still
 * come as late as `at`; else NO_INDEX.
 */
uint32_t child_predecessor_awaiting_delete(const struct tracker *t, const struct child_sa *c,
					   nsec at);

/* Is `child` such a predecessor, whose Delete may still come? */
bool child_awaits_delete(const struct tracker *t, uint32_t child, nsec at);

/* ---- settle.c: when all this is decided ------------------------------------ */

/*
 * Decide what `child` replaced and whether it is redundant, as far as that can be said at `now`.
 * `last_call`: nothing more will be learnt.
 */
void child_settle_one(struct tracker *t, uint32_t child, nsec now, bool last_call);

/* The same for all child SAs of a tunnel, and for the Deletes whose SA is not yet known. */
void child_settle_all(struct tracker *t, uint32_t tunnel, nsec now, bool last_call);

#endif
