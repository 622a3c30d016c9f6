/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/fields.h>

#include <math.h>
#include <string.h>

/* The tracker's moments lie between -2^61 and 2^62; spans are differences of two. */
#define TIME_MIN (-(INT64_C(1) << 61))
#define TIME_MAX ((INT64_C(1) << 62) + (INT64_C(1) << 61) - 1)

#define COUNT_MAX (INT64_C(1) << 56)
#define SECONDS_MAX 9e9		/* as nanoseconds they are a number */
#define AMOUNT_MAX 1e18		/* as an integer it is a number */

void fields_copy(fields_walk *walk, void *structure, void *to, size_t size)
{
	struct fields f = { .from = structure, .to = to, .sane = true };

	memset(to, 0, size);
	walk(&f, structure);
}

bool fields_sane(fields_walk *walk, void *structure)
{
	struct fields f = { .from = structure, .sane = true };

	walk(&f, structure);
	return f.sane;
}

bool fields_is_time(int64_t at)
{
	return at >= TIME_MIN && at <= TIME_MAX;
}

void fields_any(struct fields *f, const void *at, size_t bytes)
{
	if (f->to)
		memcpy(f->to + ((const uint8_t *)at - f->from), at, bytes);
}

void fields_truths(struct fields *f, const void *at, size_t bytes)
{
	const uint8_t *v = at;		/* not as bool: it may be none */

	fields_any(f, at, bytes);
	for (size_t i = 0; i < bytes; i++)
		f->sane &= v[i] <= 1;
}

void fields_sides(struct fields *f, const void *at, size_t bytes)
{
	const int8_t *v = at;

	fields_any(f, at, bytes);
	for (size_t i = 0; i < bytes; i++)
		f->sane &= v[i] >= -1 && v[i] <= 1;
}

static void integers(struct fields *f, const void *at, size_t bytes, int64_t least, int64_t most,
		     bool or_none)
{
	const int64_t *v = at;

	fields_any(f, at, bytes);
	for (size_t i = 0; i < bytes / sizeof(*v); i++)
		f->sane &= (v[i] >= least && v[i] <= most) || (or_none && v[i] == NSEC_NONE);
}

void fields_times(struct fields *f, const void *at, size_t bytes)
{
	integers(f, at, bytes, TIME_MIN, TIME_MAX, false);
}

void fields_maybe(struct fields *f, const void *at, size_t bytes)
{
	integers(f, at, bytes, TIME_MIN, TIME_MAX, true);
}

void fields_counts(struct fields *f, const void *at, size_t bytes)
{
	integers(f, at, bytes, -COUNT_MAX, COUNT_MAX, false);
}

static void reals(struct fields *f, const void *at, size_t bytes, double most)
{
	const double *v = at;

	fields_any(f, at, bytes);
	for (size_t i = 0; i < bytes / sizeof(*v); i++)
		f->sane &= isfinite(v[i]) && fabs(v[i]) <= most;
}

void fields_seconds(struct fields *f, const void *at, size_t bytes)
{
	reals(f, at, bytes, SECONDS_MAX);
}

void fields_reals(struct fields *f, const void *at, size_t bytes)
{
	reals(f, at, bytes, AMOUNT_MAX);
}

void fields_amounts(struct fields *f, const void *at, size_t bytes)
{
	const float *v = at;

	fields_any(f, at, bytes);
	for (size_t i = 0; i < bytes / sizeof(*v); i++)
		f->sane &= isfinite(v[i]) && fabs((double)v[i]) <= AMOUNT_MAX;
}

void fields_text(struct fields *f, const void *at, size_t bytes)
{
	fields_any(f, at, bytes);
	f->sane &= memchr(at, '\0', bytes) != NULL;
}

void fields_below(struct fields *f, const void *at, size_t bytes, uint64_t value, uint64_t limit)
{
	fields_any(f, at, bytes);
	f->sane &= value < limit;
}

void fields_endpoint(struct fields *f, const struct endpoint *e)
{
	fields_any(f, &e->addr, sizeof(e->addr));
	fields_any(f, &e->port, sizeof(e->port));
}
