/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/traffic.h"

#define MINUTE (60 * NSEC_PER_S)
enum { PACE_FROM = 20 };	/* packets of two minutes that tell how far they are apart */
enum { LOOKED_AT = 256 };	/* SAs of one direction; more are beyond any use */

#define EACH_ESP(sc, direction, sa) \
	for (uint32_t index_ = (sc)->tunnel->esp_sas[direction], looked_ = 0; \
	     looked_ < LOOKED_AT && ((sa) = tracker_esp_sa((sc)->tracker, index_)) != NULL; \
	     index_ = (sa)->next_in_direction, looked_++)

nsec traffic_pace(const struct esp_sa *sa)
{
	return sa->packets > 1 ? (sa->last - sa->first) / (nsec)(sa->packets - 1) : 0;
}

nsec traffic_pace_lately(const struct esp_sa *sa)
{
	uint32_t n = sa->seq_high - sa->seq_minute_before;

	if (sa->next_minute == NSEC_NONE || n < PACE_FROM || n > sa->packets)
		return traffic_pace(sa);

	nsec begin = sa->next_minute - 2 * MINUTE;

	/* the minutes that are counted, and not later ones */
	if (sa->last < begin + MINUTE || sa->first > begin + MINUTE)
		return traffic_pace(sa);
	return (sa->last - (sa->first > begin ? sa->first : begin)) / (nsec)n;
}

nsec traffic_gap(const struct scene *sc, const struct esp_sa *old, const struct esp_sa *new,
		 nsec pace)
{
	const struct settings *s = sc->settings;
	nsec gap = new->first - old->last;
	const struct esp_sa *sa;

	if (gap < s->gap_min || (double)gap < s->gap_factor * (double)pace)
		return 0;
	EACH_ESP(sc, new->direction, sa)
		if (sa != old && sa != new && sa->first < new->first && sa->last > old->last)
			return 0;
	return gap;
}

nsec traffic_last_of(const struct scene *sc, int direction)
{
	nsec last = sc->tunnel->side[direction].esp_last;
	const struct esp_sa *sa;

	EACH_ESP(sc, direction, sa)
		if (sa->last > last)
			last = sa->last;
	return last;
}

uint64_t traffic_last_frame(const struct scene *sc, int direction)
{
	nsec last = traffic_last_of(sc, direction);
	const struct esp_sa *sa;

	EACH_ESP(sc, direction, sa)
		if (sa->last == last)
			return sa->last_frame;
	return 0;
}

nsec traffic_last_under(const struct scene *sc, const struct ike_sa *ike, int direction)
{
	nsec latest = NSEC_NONE;
	const struct esp_sa *sa;

	EACH_ESP(sc, direction, sa) {
		const struct child_sa *c = tracker_child_sa(sc->tracker, sa->child);

		if (c && c->more->ike_sa_id == ike->id && sa->last > latest)
			latest = sa->last;
	}
	return latest;
}

nsec traffic_before(const struct scene *sc, nsec at)
{
	nsec latest = NSEC_NONE;
	const struct esp_sa *sa;

	for (int d = 0; d < 2; d++)
		EACH_ESP(sc, d, sa) {
			nsec last = sa->last < at ? sa->last : at;

			if (sa->first <= at && last > latest)
				latest = last;
		}
	return latest;
}

nsec traffic_pace_before(const struct scene *sc, nsec at)
{
	nsec latest = traffic_before(sc, at), best = 0;
	const struct esp_sa *sa;

	for (int d = 0; d < 2; d++)
		EACH_ESP(sc, d, sa) {
			nsec pace = traffic_pace_lately(sa);

			if (pace > 0 && sa->first <= at &&
			    latest - (sa->last < at ? sa->last : at) <= pace &&
			    (best == 0 || pace < best))
				best = pace;
		}
	return best;
}

nsec traffic_silence(const struct scene *sc, nsec before, nsec at)
{
	nsec resumed = NSEC_NONE;
	const struct esp_sa *sa;

	for (int d = 0; d < 2; d++)
		EACH_ESP(sc, d, sa) {
			if (sa->first > at && (resumed == NSEC_NONE || sa->first < resumed))
				resumed = sa->first;
			else if (sa->first <= at && sa->last > at)
				return 0;	/* it went on on the same SA */
		}
	return resumed == NSEC_NONE ? NSEC_NONE : resumed - before;
}

bool traffic_had_stopped(const struct scene *sc, nsec at, nsec *ret_last)
{
	nsec latest = NSEC_NONE, pace = 0;
	const struct esp_sa *sa;

	for (int d = 0; d < 2; d++)
		EACH_ESP(sc, d, sa) {
			if (sa->first >= at)
				continue;
			if (sa->last > at)
				return false;
			if (sa->last > latest) {
				latest = sa->last;
				pace = traffic_pace(sa);
			}
		}
	*ret_last = latest;
	return latest != NSEC_NONE && at - latest >= sc->settings->gap_min &&
	       2 * (at - latest) >= 3 * pace;
}

uint64_t traffic_packets(const struct scene *sc, int direction)
{
	uint64_t packets = sc->tunnel->side[direction].esp_packets_before;
	const struct esp_sa *sa;

	EACH_ESP(sc, direction, sa)
		packets += sa->packets;
	return packets;
}

bool traffic_elsewhere(const struct scene *sc, const struct esp_sa *sa, nsec since)
{
	const struct esp_sa *other;

	EACH_ESP(sc, sa->direction, other)
		if (other != sa && other->last > since && lives((enum end_reason)other->end_reason))
			return true;
	return false;
}

bool traffic_outlived(const struct scene *sc, int direction, nsec at, nsec longer)
{
	const struct esp_sa *sa;

	EACH_ESP(sc, direction, sa)
		if (sa->first < at && sa->last > at + longer)
			return true;
	return false;
}

bool session_over(const struct scene *sc, const struct ike_sa *sa)
{
	uint32_t index = sc->tunnel->ike_sas;

	switch (sa->end_reason) {
	case END_DELETED:
	case END_EXPIRED:
	case END_IDLE:
	case END_PEER_LOST:
	case END_SUPERSEDED:
		break;
	case END_NONE:
	case END_REKEYED:
	case END_FAILED:
	case END_CAPTURE_END:
	case END_UNKNOWN:
		return false;
	}
	for (int i = 0; i < LOOKED_AT; i++) {
		const struct ike_sa *other = tracker_ike_sa(sc->tracker, index);

		if (!other)
			break;
		if (other != sa && other->established != NSEC_NONE &&
		    other->established <= sa->ended && other->created > sa->created &&
		    (other->ended == NSEC_NONE || other->ended > sa->ended))
			return false;
		index = other->next_in_tunnel;
	}
	return true;
}

bool tunnel_worked(const struct scene *sc, nsec before)
{
	uint32_t index = sc->tunnel->ike_sas;
	nsec since = before - sc->settings->worked;
	const struct esp_sa *sa;
	bool both[2] = { false, false };

	for (int i = 0; i < LOOKED_AT; i++) {
		const struct ike_sa *ike = tracker_ike_sa(sc->tracker, index);

		if (!ike)
			break;
		if (ike->established != NSEC_NONE && ike->established < before &&
		    ike->established >= since)
			return true;
		index = ike->next_in_tunnel;
	}
	for (int d = 0; d < 2; d++)
		EACH_ESP(sc, d, sa)
			both[d] |= sa->first < before && sa->last >= since;
	return both[0] && both[1];
}
