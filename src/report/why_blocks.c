/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Repetitions among the moments of a story: what happened several times in the same way is told
 * once.
 */
#include <string.h>

#include "report/why.h"

enum { PERIOD_MAX = 12 };	/* lines of a block that repeats */

static bool same_keys(const struct why_moments *m, size_t a, size_t b, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (b + i >= m->n || strcmp(m->at[a + i].key, m->at[b + i].key) != 0)
			return false;
	return true;
}

/* The block from there on that leaves out most lines; how many, in *ret_saved. */
static struct why_block longest_block(const struct why_moments *m, size_t from, size_t *ret_saved)
{
	struct why_block best = { .from = from, .length = 1, .times = 1 };
	size_t saved = 1;	/* one line says that the others are the same: two must go */

	for (size_t length = 1; length <= PERIOD_MAX; length++) {
		size_t times = 1;

		while (same_keys(m, from, from + times * length, length))
			times++;
		if ((times - 1) * length > saved) {
			saved = (times - 1) * length;
			best.length = length;
			best.times = times;
		}
	}
	*ret_saved = best.times > 1 ? saved : 0;
	return best;
}

static bool is_beginning(const struct why_moment *at)
{
	return strncmp(at->key, "ike_begin/", 10) == 0;
}

/* What repeats is told from where an attempt begins, when that leaves out as much. */
static bool better_later(const struct why_moments *m, const struct why_block *b, size_t saved)
{
	size_t later;

	for (size_t i = 1; i < b->length && !is_beginning(&m->at[b->from]); i++) {
		if (!is_beginning(&m->at[b->from + i]))
			continue;
		longest_block(m, b->from + i, &later);
		if (later + b->length > saved)
			return true;
	}
	return false;
}

struct why_block why_block_at(const struct why_moments *m, size_t from)
{
	size_t saved;
	struct why_block best = longest_block(m, from, &saved);

	if (best.times > 1 && better_later(m, &best, saved))
		best = (struct why_block){ .from = from, .length = 1, .times = 1 };
	best.until = m->at[from + best.length * best.times - 1].at;
	for (size_t i = 1; i < best.times; i++) {
		nsec every =
			m->at[from + i * best.length].at - m->at[from + (i - 1) * best.length].at;

		if (i == 1 || every < best.every_min)
			best.every_min = every;
		if (i == 1 || every > best.every_max)
			best.every_max = every;
	}
	return best;
}
