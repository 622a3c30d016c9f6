/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Child SAs, among the files of the tracker: which pair of ESP SAs one is, what made it, which it
 * replaced, and how it ended.  Private to src/track, which includes tracker.h.
 */
#ifndef SAWATCH_TRACK_CHILD_H
#define SAWATCH_TRACK_CHILD_H

#include <sawatch/track.h>

struct pending_delete;

/* child_sa.c */
struct child_sa_more *child_more(struct tracker *t, struct child_sa *c);	/* to write to */
struct tunnel *child_tunnel(struct tracker *t, const struct child_sa *c);
void child_emit(struct tracker *t, enum event_kind kind, uint32_t child, nsec at, int side,
		uint32_t other);
nsec child_last_packet(const struct tracker *t, const struct child_sa *c, int direction);
nsec child_last_sign(const struct tracker *t, const struct child_sa *c);
void child_reveal(struct tracker *t, uint32_t child);
uint32_t child_new(struct tracker *t, uint32_t tunnel, nsec created);
uint32_t child_birth(struct tracker *t, uint32_t ike_sa, enum created_how how, nsec requested,
		     nsec created, int by, const struct exchange *x, bool tentative);
void child_born(struct tracker *t, uint32_t child);
void child_discard(struct tracker *t, uint32_t child);
void child_adopt(struct tracker *t, uint32_t child, uint32_t ike_sa);	/* NO_INDEX: nobody does */
void child_inherit(struct tracker *t, uint32_t from, uint32_t to);
void child_release(struct tracker *t, uint32_t child);

/* child_end.c */
bool child_delete_expected(const struct tracker *t, uint32_t tunnel);
void child_delete_seen(struct tracker *t, uint32_t tunnel, uint32_t ike_sa, nsec at, int by,
		       bool answered);
/* What was taken for a Delete was none. */
void child_delete_withdrawn(struct tracker *t, uint32_t tunnel, nsec at);
/*
 * Crossing Deletes, of a child SA or of the IKE SA itself: the only child SA is gone in either
 * case.
 */
void child_deleted_by_both(struct tracker *t, uint32_t tunnel, uint32_t ike_sa, nsec at, int by);
bool child_one_was_deleted(const struct tracker *t, uint32_t tunnel, nsec at);
void child_end(struct tracker *t, uint32_t child, nsec at, enum end_reason why, int by,
	       enum grade grade);
void child_end_all(struct tracker *t, uint32_t ike_sa, nsec at, enum end_reason why, int by,
		   enum grade grade);
void child_judge_silence(struct tracker *t, uint32_t child, nsec now);
bool child_speaks_after(const struct tracker *t, uint32_t ike_sa, nsec at);
void child_revive(struct tracker *t, uint32_t child);
void child_revive_all(struct tracker *t, uint32_t ike_sa, nsec ended, enum end_reason why);

/* pairing.c */
void child_esp_born(struct tracker *t, uint32_t esp);
void child_pass_on(struct tracker *t, uint32_t ike_sa, nsec at);
/* a first packet, of a child SA that was made */
bool child_awaits(const struct tracker *t, uint32_t tunnel, int direction);
uint32_t child_collision_winner(const struct tracker *t, const struct child_sa *c);

/* chain.c */
void chain_link_esp(struct tracker *t, struct child_sa *old, struct child_sa *c, int64_t how);
struct pending_delete *chain_delete_since(const struct tracker *t, const struct child_sa *c);
void chain_end_predecessor(struct tracker *t, uint32_t old, uint32_t child, nsec now);
bool chain_unwatched_between(const struct tracker *t, nsec last, nsec first);
void chain_repair_pairs(struct tracker *t, const struct child_sa *c);
void chain_repair_echoes(struct tracker *t, uint32_t tunnel, nsec now);
bool chain_repair_birth(struct tracker *t, uint32_t child, uint32_t old);
nsec chain_usual_pause(const struct tracker *t, const struct child_sa *c);
uint32_t chain_choose_predecessor(struct tracker *t, const struct child_sa *c, nsec now,
				  bool *ret_alone, bool *ret_sure);
/* was `old` there when `c` was asked for, and did it not go on beside it? */
bool chain_could_replace(const struct tracker *t, const struct child_sa *old,
			 const struct child_sa *c, nsec now);
uint32_t chain_half_dead(const struct tracker *t, const struct child_sa *c, nsec at);
void chain_link_rekey(struct tracker *t, uint32_t old, uint32_t child, enum grade grade);
/*
 * who asked for a new SA sends on it this soon after the answer (RFC 7296 2.8), and no more on what
 * it deleted
 */
#define SWITCHES_WITHIN (100 * NSEC_PER_MS)

/* delete.c */
#define RENEWS_WITHIN (2 * NSEC_PER_S)	/* after a Delete of what traffic needs */
#define DRAINS_WITHIN NSEC_PER_S	/* packets that were under way */
uint64_t child_end_frame(const struct tracker *t, const struct child_sa *c, nsec at);
uint64_t delete_frame(const struct tracker *t, uint32_t ike_sa, nsec at);
void delete_settle_unheeded(struct tracker *t, struct pending_delete *d, nsec now);
bool delete_settle(struct tracker *t, struct pending_delete *d, nsec drains, nsec now);
void delete_ends_predecessor(struct tracker *t, const struct pending_delete *d);
uint32_t child_predecessor_undeleted(const struct tracker *t, const struct child_sa *c, nsec at);
bool child_undeleted(const struct tracker *t, uint32_t child, nsec at);

/* settle.c */
void chain_settle_one(struct tracker *t, uint32_t child, nsec now, bool last_call);
void child_settle(struct tracker *t, uint32_t tunnel, nsec now, bool last_call);

#endif
