/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A limit to how fast the history grows when somebody forges packets.  Every new row is paid for
 * from a budget that refills with packet time.  What cannot pay is "quiet": it is tracked and
 * judged, but leaves no rows until it is confirmed.  Private to src/track, which includes
 * tracker.h. `tunnel`, `ike_sa`, `child` and `esp` are indices into its tables.
 */
#ifndef SAWATCH_TRACK_RESTRAINT_H
#define SAWATCH_TRACK_RESTRAINT_H

#include <sawatch/track.h>

/* An SA replaced sooner is churn: no vendor's lifetime can be so short (DETECTION-FACTS 2.1). */
#define RESTRAINT_YOUNG (120 * NSEC_PER_S)

/* May a tunnel that begins now have rows?  Pays for it. */
bool restraint_admits_stranger(struct tracker *t);

/* May an object of this tunnel have a row?  Pays for it; `confirmed`: from the larger budget. */
bool restraint_admits(struct tracker *t, uint32_t tunnel, bool confirmed);

/* The same for an ESP SA that begins and is not yet in the list of its tunnel. */
bool restraint_admits_esp_sa(struct tracker *t, const struct esp_sa *sa);

/* May this event have a row?  Pays for it, if it is of a kind that single packets can cause. */
bool restraint_admits_event(struct tracker *t, const struct event *ev);

/* Is there budget to track one more ESP SA of which only its own packet tells? */
bool restraint_affords_birth(const struct tracker *t);

/* Pay for such an SA. */
void restraint_pays_birth(struct tracker *t);

/* Something quiet of this tunnel is confirmed.  True: it was paid for and may have rows now. */
bool restraint_confirms(struct tracker *t, uint32_t tunnel);

/* The object is confirmed: if it was quiet and can pay, write the rows that it did not have. */
void restraint_confirm_ike_sa(struct tracker *t, uint32_t ike_sa);
void restraint_confirm_child_sa(struct tracker *t, uint32_t child);
void restraint_confirm_esp_sa(struct tracker *t, uint32_t esp);

/* Its responder answered: the tunnel need not be quiet any more, nor the IKE SA. */
void restraint_ike_sa_answered(struct tracker *t, uint32_t ike_sa);

/* If the tunnel is up, it and the SAs that carry it need not be quiet any more. */
void restraint_tunnel_up(struct tracker *t, uint32_t tunnel);

/* Look again at its quiet ESP SAs: those that lived for long were no churn. */
void restraint_reconsider(struct tracker *t, uint32_t tunnel);

/*
 * Emit one event with the number of rows that were left out, of this tunnel or of tunnels that are
 * quiet as a whole; when the flood is over, after an hour, or at the `last_call`.
 */
void restraint_tell(struct tracker *t, uint32_t tunnel, nsec now, bool last_call);
void restraint_tell_strangers(struct tracker *t, nsec now, bool last_call);

#endif
