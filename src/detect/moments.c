/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/moments.h"

#include <assert.h>

#include "detect/detector.h"

void moments_add(struct moments *m, nsec at, uint64_t frame)
{
	unsigned slot = m->total++ % MOMENTS_MAX;

	m->at[slot] = at;
	m->frame[slot] = frame <= UINT32_MAX ? (uint32_t)frame : 0;
}

unsigned moments_kept(const struct moments *m)
{
	return m->total < MOMENTS_MAX ? m->total : MOMENTS_MAX;
}

void moments_add_to_row(struct moments *m, nsec at, uint64_t frame, nsec pause)
{
	if (moments_kept(m) > 0 && at - moments_at(m, 0) > pause)
		m->before_row = m->total;
	moments_add(m, at, frame);
}

int64_t moments_in_row(const struct moments *m)
{
	return m->total - m->before_row;
}

static unsigned slot_of(const struct moments *m, unsigned n)
{
	assert(n < moments_kept(m));
	return (m->total - 1 - n) % MOMENTS_MAX;
}

nsec moments_at(const struct moments *m, unsigned n)
{
	return m->at[slot_of(m, n)];
}

unsigned moments_since(const struct moments *m, nsec from)
{
	unsigned count = 0;

	for (unsigned n = 0; n < moments_kept(m); n++)
		count += m->at[slot_of(m, n)] >= from;
	return count;
}

nsec moments_first(const struct moments *m, nsec from)
{
	nsec first = NSEC_NONE;

	for (unsigned n = 0; n < moments_kept(m); n++) {
		nsec at = m->at[slot_of(m, n)];

		if (at >= from && (first == NSEC_NONE || at < first))
			first = at;
	}
	return first;
}

void moments_clear(struct moments *m)
{
	*m = (struct moments){ 0 };
}

void moments_frames(const struct moments *m, nsec from, struct finding *f)
{
	for (unsigned n = moments_kept(m); n-- > 0;)
		if (m->at[slot_of(m, n)] >= from)
			finding_frame(f, m->frame[slot_of(m, n)]);
}

void moments_fields(struct fields *f, struct moments *m)
{
	FIELD(f, m->total);
	FIELD(f, m->before_row);
	fields_require(f, m->before_row <= m->total);
	FIELD(f, m->at);
	FIELD(f, m->frame);
}
