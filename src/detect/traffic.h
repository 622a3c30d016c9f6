/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the ESP SAs of a tunnel tell about its traffic. */
#ifndef SAWATCH_DETECT_TRAFFIC_H
#define SAWATCH_DETECT_TRAFFIC_H

#include "detect/detector.h"

enum { PACE_PACKETS = 20 };		/* fewer of an SA say nothing of its pace */

/* Mean time between two packets of an SA; 0 when it had fewer than two. */
nsec traffic_pace(const struct esp_sa *sa);

/* The same over its latest minute or two, if they are recent; otherwise over its life. */
nsec traffic_pace_lately(const struct esp_sa *sa);

/*
 * How long traffic paused between the last packet of `old`, usually `pace` after the one before
 * it, and the first of `new`; 0 when that is no gap by the settings (gap.min_s, gap.factor), or
 * when another SA of the direction carried traffic meanwhile.
 */
nsec traffic_gap(const struct scene *sc, const struct esp_sa *old, const struct esp_sa *new,
		 nsec pace);

/* Time of the tunnel's latest packet in one direction; NSEC_NONE: there was none. */
nsec traffic_last_of(const struct scene *sc, int direction);
/* The frame it came in; 0: not known any more. */
uint64_t traffic_last_frame(const struct scene *sc, int direction);
/* The latest packet of one direction on the child SAs of this IKE SA; NSEC_NONE never. */
nsec traffic_last_under(const struct scene *sc, const struct ike_sa *ike, int direction);

/* Mean time between two packets until `at`, in the busier direction; 0: not known. */
nsec traffic_pace_before(const struct scene *sc, nsec at);

/* Time of the latest packet at or before `at`; NSEC_NONE: there was none. */
nsec traffic_before(const struct scene *sc, nsec at);
/*
 * How long after `before` traffic went on: on SAs that began after `at`; 0 when an SA of before
 * went on.  NSEC_NONE: it did not go on so far.
 */
nsec traffic_silence(const struct scene *sc, nsec before, nsec at);

/*
 * Had traffic stopped before `at`, for longer than its packets are apart, and did none of its SAs
 * go on later?  *ret_last: the latest packet until then.
 */
bool traffic_had_stopped(const struct scene *sc, nsec at, nsec *ret_last);

/* Did one direction go on after `at` for longer than that, on an SA of before? */
bool traffic_outlived(const struct scene *sc, int direction, nsec at, nsec longer);

/* Packets of one direction, ever. */
uint64_t traffic_packets(const struct scene *sc, int direction);

/* Is another SA of this direction used later than `since`? */
bool traffic_elsewhere(const struct scene *sc, const struct esp_sa *sa, nsec since);

/*
 * Did this IKE SA end without another one already in its place?  Then the
 * session is over; when the new one was there first, it was renewed.
 */
bool session_over(const struct scene *sc, const struct ike_sa *sa);

/* Was the tunnel seen working: an established IKE SA, or ESP both ways, before this moment? */
bool tunnel_worked(const struct scene *sc, nsec before);

#endif
