/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Time as the core knows it: nanoseconds since the epoch, brought in by the
 * packets.  Nothing here asks what time it is.
 */
#ifndef SAWATCH_NSEC_H
#define SAWATCH_NSEC_H

#include <stdint.h>

typedef int64_t nsec;

#define NSEC_NONE INT64_MIN	/* "no such moment"; 0 is a valid moment in old captures */
#define NSEC_PER_S INT64_C(1000000000)
#define NSEC_PER_MS INT64_C(1000000)

/* How long from one moment to another; NSEC_NONE when one of them is not known. */
static inline nsec nsec_between(nsec from, nsec to)
{
	return from == NSEC_NONE || to == NSEC_NONE ? NSEC_NONE : to - from;
}

enum { NSEC_TEXT_MAX = 40 };

/*
 * RFC 3339 in UTC with nine decimals, e.g. 2026-11-22T04:30:51.000000001Z.
 * Writes into `ret` (NSEC_TEXT_MAX bytes) and returns it; NSEC_NONE gives "".
 */
const char *nsec_rfc3339(nsec at, char ret[NSEC_TEXT_MAX]);

/* "2026-11-22 04:30:51.123" with so many decimals (0-9), UTC, for people; "" for NSEC_NONE. */
const char *nsec_moment(nsec at, int decimals, char ret[NSEC_TEXT_MAX]);

/*
 * A span for people: "350 ms", "12.3 s", "4 min 10 s", "3 h 05 min", "2 d 4 h"; NSEC_NONE gives "".
 */
const char *nsec_span(nsec span, char ret[NSEC_TEXT_MAX]);

#endif
