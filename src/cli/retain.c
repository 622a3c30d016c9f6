/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/retain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	FIRST_AFTER = 60,		/* flushes: a start has enough to do */
	PAUSE = 900,			/* between two sweeps */
	BUDGET_MS = 20,			/* of the writer's time a second */
};

#define DAY (86400 * NSEC_PER_S)

struct store_retention retention_of(const struct settings *s)
{
	return (struct store_retention){
		.keep = s->history_keep_days * DAY, .probes = s->history_probes_days * DAY,
		.minutes = s->history_minutes_days * DAY,
		.hours = s->history_hours_days * DAY, .max_bytes = s->history_max_mb << 20,
	};
}

static int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / NSEC_PER_MS;
}

/* On the writer's thread. */
static bool sweep(struct store *s, void *user, struct err *e)
{
	struct retain *r = user;
	int64_t until = monotonic_ms() + BUDGET_MS;
	bool more = true, ok = true;

	while (ok && more && monotonic_ms() < until)
		ok = store_retain(s, &r->sweep, &more, e);
	atomic_store(&r->more, ok && more);
	atomic_store(&r->under_way, false);
	return ok;
}

void retain_tick(struct retain *r, const struct settings *s, struct store_writer *writer)
{
	struct store_retention limits;

	if (r->sweep.minutes == 0) {	/* the first time */
		r->sweep = retention_of(s);
		r->pause = FIRST_AFTER;
	}
	if (atomic_load(&r->under_way))
		return;
	if (!atomic_load(&r->more) && r->pause-- > 0)
		return;
	r->pause = PAUSE;
	limits = retention_of(s);	/* they may have changed meanwhile */
	r->sweep.keep = limits.keep;
	r->sweep.probes = limits.probes;
	r->sweep.minutes = limits.minutes;
	r->sweep.hours = limits.hours;
	r->sweep.max_bytes = limits.max_bytes;
	atomic_store(&r->under_way, true);
	if (!store_writer_task(writer, sweep, r))
		atomic_store(&r->under_way, false);
}

/* A number and one of the units, each worth so much; false when it is not that. */
static bool parse(const char *text, const char *units, const int64_t *worth, int64_t *ret)
{
	char *end;
	long long n;
	const char *unit;

	errno = 0;
	n = strtoll(text, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if (errno || *text < '0' || *text > '9' || !unit || end[1] ||
	    n > INT64_MAX / worth[unit - units])
		return false;
	*ret = n * worth[unit - units];
	return true;
}

bool retain_parse_days(const char *text, int64_t *ret)
{
	static const int64_t worth[] = { 1, 7, 365 };

	return parse(text, "dwy", worth, ret) && *ret <= 36500;
}

bool retain_parse_mebibytes(const char *text, int64_t *ret)
{
	static const int64_t worth[] = { 1, 1024, INT64_C(1024) * 1024 };

	return parse(text, "MGT", worth, ret) && *ret <= 1073741824;
}
