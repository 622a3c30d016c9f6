/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sequence numbers of ESP and AH (RFC 4303 2.2, 3.4.3): which are lost, late or duplicates, and
 * whether a jump is a restart, a wrap or a forged packet.
 */
#include "track/tracker.h"

enum {
	JUMP = 1 << 16,			/* a step of the sequence number that no network explains */
	/* packets in a row far below the highest that make a restart */
	LOW_RUN_RESET = 10,
	FAR_RUN = 3,			/* packets in a row far above it that are believed */
	HELD_BACK_S = 10,		/* a packet that is later than this was sent again */
};

uint64_t esp_sa_lost(const struct esp_sa *sa)
{
	const struct esp_sa_rare *r = sa->rare;

	if (r->of_group)
		return 0;

	uint64_t span = ((uint64_t)r->epoch << 32) + sa->seq_high - sa->seq_first + 1;
	uint64_t came = sa->packets - r->packets_before;

	return r->lost_before + (span > came ? span - came : 0);
}

/* The sequence number went on from another place: count from here. */
static void sequence_restarts(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a)
{
	struct esp_sa_rare *rare = esp_rare(t, sa);

	rare->lost_before = esp_sa_lost(sa);
	rare->packets_before = sa->packets;
	rare->epoch = 0;
	sa->seq_first = sa->seq_high = a->seq;
	sa->window = 1;
	sa->low_run = 0;
	/* nothing is older */
	sa->seq_minute_before = a->seq - (UINT32_C(1) << 31);
	esp_more(t, sa)->seq_minute = sa->seq_minute_before;
}

/* How long ago, at least, the sequence passed this number; 0: not known. */
static nsec passed_ago(const struct tracker *t, const struct esp_sa *sa,
		       const struct esp_arrival *a, uint32_t behind)
{
	if (sa->next_minute == NSEC_NONE || behind < sa->seq_high - esp_more(t, sa)->seq_minute)
		return 0;

	nsec minute = sa->next_minute - ESP_MINUTE;

	if (behind >= sa->seq_high - sa->seq_minute_before)
		minute -= ESP_MINUTE;
	return a->at - nsec_later(minute, sa->first);
}

/* Tell of a packet that had come before, and is no copy of the mirror. */
static void emit_duplicate(struct tracker *t, const struct esp_sa *sa, const struct esp_arrival *a,
			   uint32_t behind)
{
	struct event ev = event_of(t, EVENT_ESP_DUPLICATE, a->at, sa->tunnel);

	ev.esp_sa = (uint32_t)(sa - t->esp_sas);
	ev.child_sa = sa->child;
	ev.side = sa->direction;
	ev.value[0] = a->at - sa->last;
	ev.value[1] = behind;
	event_emit(t, &ev);
}

/* A copy: the mirror's when it comes soon, otherwise somebody sent it again. */
static void copy(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a, uint32_t behind)
{
	struct esp_sa_rare *rare = esp_rare(t, sa);

	rare->duplicates++;
	sa->flags |= ESP_SA_DIRTY;
	if (a->at - sa->last > t->settings->dup_esp) {
		emit_duplicate(t, sa, a, behind);
		return;
	}
	t->counters.duplicates++;
	if (rare->mirrored < UINT16_MAX)
		rare->mirrored++;
	if (a->at > sa->last)
		sa->last = a->at;
}

/* Below the highest: a late packet, a copy, or the beginning of a restart.  False: a copy. */
static bool sequence_behind(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a)
{
	uint32_t behind = sa->seq_high - a->seq;

	if (behind < ESP_WINDOW_BITS) {
		uint64_t bit = UINT64_C(1) << behind;

		if (sa->window & bit) {
			copy(t, sa, a, behind);
			return false;
		}
		sa->window |= bit;
		esp_more(t, sa)->late++;
		esp_emit(t, EVENT_ESP_LATE, sa, a, behind);
		return true;
	}
	/*
	 * Far behind: too late for the window, a replay, or a new sequence; and what a mirror
	 * delivers twice is one of it.
	 */
	uint32_t before = sa->rare->low_seq;

	if (sa->low_run > 0 && a->seq == before) {
		copy(t, sa, a, behind);
		return false;
	}
	sa->low_run = sa->low_run > 0 && a->seq > before && a->seq - before <= ESP_WINDOW_BITS
			      ? (uint8_t)(sa->low_run + 1)
			      : 1;
	esp_rare(t, sa)->low_seq = a->seq;
	if (sa->low_run >= LOW_RUN_RESET) {
		uint32_t from = sa->seq_high;

		sequence_restarts(t, sa, a);
		esp_emit(t, EVENT_ESP_SEQ_RESET, sa, a, (int64_t)from);
		return true;
	}
	/*
	 * no number is missing since the first, so this one came before; or it is later than any
	 * network holds a packet back
	 */
	if ((esp_sa_lost(sa) == sa->rare->lost_before && behind <= sa->seq_high - sa->seq_first) ||
	    passed_ago(t, sa, a, behind) >= HELD_BACK_S * NSEC_PER_S) {
		esp_rare(t, sa)->duplicates++;
		sa->flags |= ESP_SA_DIRTY;
		emit_duplicate(t, sa, a, behind);
		return false;
	}
	esp_more(t, sa)->late++;
	esp_emit(t, EVENT_ESP_LATE, sa, a, behind);
	return true;
}

/* Could so many packets have been sent since the last one, as busy as it has been? */
static bool explained(const struct esp_sa *sa, const struct esp_arrival *a, uint32_t ahead)
{
	nsec alive = sa->last - sa->first;
	double rate = alive > 0 ? (double)sa->packets / (double)alive : 0;

	return (double)ahead <= 10 * rate * (double)(a->at - sa->last);
}

/* A step forward of two or more. */
static void sequence_ahead(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a,
			   uint32_t ahead)
{
	bool of_group = ahead > 1 && group_includes(t, sa);

	/* HA fail-over or a restart: not loss */
	if (ahead > JUMP && !explained(sa, a, ahead)) {
		uint32_t from = sa->seq_high;

		sequence_restarts(t, sa, a);
		if (a->seq < from)
			esp_emit(t, EVENT_ESP_SEQ_RESET, sa, a, (int64_t)from);
		else
			esp_emit(t, EVENT_ESP_SEQ_JUMP, sa, a, ahead);
		return;
	}
	if (a->seq < sa->seq_high) {		/* wrapped: legal with ESN, RFC 4303 2.2.1 */
		esp_rare(t, sa)->epoch++;
		sa->flags |= ESP_SA_ESN;
	}
	if (ahead > 1 && !of_group)
		hygiene_gap(t, (uint32_t)(sa - t->esp_sas), a->at);
	if (ahead > ESP_WINDOW_BITS && !of_group)
		esp_emit(t, EVENT_ESP_GAP, sa, a, ahead - 1);
	sa->window = ahead >= ESP_WINDOW_BITS ? 1 : sa->window << ahead | 1;
	sa->seq_high = a->seq;
}

/* What came from far ahead had no followers: it belongs to no sequence. */
static void disbelieve(struct tracker *t, struct esp_sa *sa)
{
	if (sa->far_run > 0)
		esp_rare(t, sa)->packets_before += sa->far_run;
	sa->far_run = 0;
}

/*
 * A step that the traffic so far does not explain.  One packet with a living
 * SPI can be forged by anybody who saw it, so it moves nothing: it takes others
 * that follow it, with none of the old sequence between them.  False: a copy.
 */
static bool far_ahead(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a,
		      uint32_t ahead)
{
	sa->low_run = 0;
	if (sa->far_run > 0 && a->seq == sa->rare->low_seq) {
		copy(t, sa, a, 0);
		return false;
	}
	if (a->seq - sa->rare->low_seq - 1 >= ESP_WINDOW_BITS)
		disbelieve(t, sa);
	esp_rare(t, sa)->low_seq = a->seq;
	if (++sa->far_run < FAR_RUN)
		return true;
	sa->far_run = 0;
	sequence_ahead(t, sa, a, ahead);
	return true;
}

/* Count its sequence number; false when the packet was a copy. */
bool esp_sequence(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a, uint32_t ahead)
{
	if (ahead > ESP_WINDOW_BITS && ahead <= INT32_MAX && !explained(sa, a, ahead))
		return far_ahead(t, sa, a, ahead);
	disbelieve(t, sa);
	if (ahead == 0 || ahead > INT32_MAX)
		return sequence_behind(t, sa, a);
	sa->low_run = 0;
	if (ahead == 1 && a->seq != 0) {
		sa->window = sa->window << 1 | 1;
		sa->seq_high = a->seq;
	} else {
		sequence_ahead(t, sa, a, ahead);
	}
	return true;
}

/*
 * The first packet after a time that nobody watched.  What came in between is
 * not lost, and where its sequence number stands now is no jump.
 */
uint32_t esp_sequence_goes_on(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a,
			      uint32_t ahead)
{
	sa->flags &= (uint8_t)~ESP_SA_UNWATCHED;
	sa->next_minute = esp_minute_end(sa->last);
	if (ahead <= 1 || ahead > INT32_MAX)
		return ahead;		/* nothing came, or an old one: as ever */
	if (a->seq < sa->seq_high) {
		esp_rare(t, sa)->epoch++;
		sa->flags |= ESP_SA_ESN;
	}
	/* counts them as come; esp_sa_lost() takes the difference */
	esp_rare(t, sa)->packets_before -= ahead - 1;
	sa->seq_high = a->seq - 1;
	sa->window = ahead - 1 >= ESP_WINDOW_BITS ? 0 : sa->window << (ahead - 1);
	sa->low_run = sa->far_run = 0;
	return 1;
}
