/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Classic pcap, draft-ietf-opsawg-pcap: a header of 24 bytes, then records of
 * 16 bytes (seconds, fraction, captured length, original length) and data.
 * This is the hot path of the program: one call takes every record that lies
 * ready, up to the size of the batch.
 */
#include "source_parts.h"

enum {
	FILE_HEADER = 24,
	RECORD_HEADER = 16,
	/*
	 * Each record says where the next begins, so the processor cannot run
	 * ahead by itself, and its own prefetching stops at every page.
	 */
	PREFETCH_AHEAD = 2048,
};

#define MAGIC_MICROSECONDS 0xa1b2c3d4u
#define MAGIC_NANOSECONDS 0xa1b23c4du
#define FRACTION_MICROSECONDS 1000u

static uint32_t unswapped_magic(const uint8_t *start, bool *ret_swapped)
{
	for (int swapped = 0; swapped <= 1; swapped++) {
		uint32_t magic = file_u32(start, swapped);

		*ret_swapped = swapped;
		if (magic == MAGIC_MICROSECONDS || magic == MAGIC_NANOSECONDS)
			return magic;
	}
	return 0;
}

bool pcap_file_recognise(const uint8_t *start, size_t length)
{
	bool swapped;

	return length >= 4 && unswapped_magic(start, &swapped) != 0;
}

/* Unsigned seconds reach to the year 2106 and fit in an nsec with any fraction. */
static inline nsec record_time(const uint8_t *record, bool swapped, nsec fraction_ns)
{
	return (nsec)file_u32(record, swapped) * NSEC_PER_S +
	       (nsec)file_u32(record + 4, swapped) * fraction_ns;
}

static void note_first_time(struct source *s)
{
	if (s->info.frames == 0 && s->stream.left >= RECORD_HEADER)
		s->info.first_at = record_time(s->stream.at, s->pcap.swapped, s->pcap.fraction_ns);
}

/* A complete record ready at s->stream.at: 1; 0 at the end; -1 when it is damaged or cut. */
static int record_ready(struct source *s, struct err *e)
{
	struct stream *st = &s->stream;

	if (!stream_need(st, RECORD_HEADER))
		return source_cut(s, RECORD_HEADER, e);

	uint32_t captured = file_u32(st->at + 8, s->pcap.swapped);

	if (captured > RECORD_BYTES_MAX)
		return source_damaged(s, e, "no packet has %u bytes", captured);
	if (!stream_need(st, RECORD_HEADER + (size_t)captured))
		return source_cut(s, RECORD_HEADER + (size_t)captured, e);
	note_first_time(s);
	return 1;
}

/*
 * The records that lie ready; ends before one that is not complete or not
 * sane, which is for record_ready() to judge.
 */
static inline size_t take(struct source *s, struct frame *ret, size_t max, const bool swapped,
			  const struct frame_filter *filter)
{
	const nsec fraction_ns = s->pcap.fraction_ns;
	const uint16_t link_type = s->info.link_type;
	const uint32_t capture = s->capture;
	const uint8_t *at = s->stream.at;
	size_t left = s->stream.left;
	uint64_t number = s->info.frames;
	size_t n = 0;

	while (n < max && left >= RECORD_HEADER) {
		uint32_t captured = file_u32(at + 8, swapped);
		uint32_t length = file_u32(at + 12, swapped);

		if (captured > RECORD_BYTES_MAX || captured > left - RECORD_HEADER)
			break;
		/* Some writers leave the original length 0; it was at least what we have. */
		ret[n] = (struct frame){
			.at = record_time(at, swapped, fraction_ns),
			.number = ++number,
			.capture = capture,
			.captured = captured,
			.length = length > captured ? length : captured,
			.link_type = link_type,
			.data = at + RECORD_HEADER,
		};
		__builtin_prefetch((const void *)((uintptr_t)at + PREFETCH_AHEAD));
		at += RECORD_HEADER + captured;
		left -= RECORD_HEADER + captured;
		if (!filter || frame_filter_passes(filter, ret[n].data, captured, ret[n].length))
			n++;
	}
	s->stream.at = at;
	s->stream.left = left;
	s->info.frames = number;
	return n;
}

/*
 * A loop of its own for what nearly every file is: in this machine's byte order, without a filter.
 */
static size_t take_records(struct source *s, struct frame *ret, size_t max)
{
	if (!s->pcap.swapped && !s->pcap.filter)
		return take(s, ret, max, false, NULL);
	return take(s, ret, max, s->pcap.swapped, s->pcap.filter);
}

static int read_records(struct source *s, struct frame *ret, size_t max, struct err *e)
{
	size_t n = 0;

	while (n == 0) {	/* until one passes the filter */
		int ready = record_ready(s, e);

		if (ready <= 0)
			return ready;
		n = take_records(s, ret, max);
	}
	return (int)n;
}

bool pcap_file_begin(struct source *s, struct err *e)
{
	struct pcap_file *p = &s->pcap;
	struct stream *st = &s->stream;

	if (!stream_need(st, FILE_HEADER)) {
		source_cut(s, FILE_HEADER, e);
		return false;
	}

	uint32_t magic = unswapped_magic(st->at, &p->swapped);
	uint16_t major = file_u16(st->at + 4, p->swapped), minor = file_u16(st->at + 6, p->swapped);
	uint32_t link_type = file_u32(st->at + 20, p->swapped) & 0x03ffffff;	/* above: the FCS */

	if (major != 2 || minor != 4)	/* before, the lengths of a record were in another order */
		return err_set(e, "%s: is a pcap of version %u.%u, only 2.4 is read; "
				  "convert it: editcap -F pcap OLD NEW", st->name, major, minor);
	p->fraction_ns = magic == MAGIC_MICROSECONDS ? FRACTION_MICROSECONDS : 1;
	s->info.format = "pcap";
	s->info.nanoseconds = p->fraction_ns == 1;
	s->info.snap_length = file_u32(st->at + 16, p->swapped);
	if (link_type > UINT16_MAX || !link_type_supported((uint16_t)link_type))
		return source_refuse_link_type(s, link_type, e);
	s->info.link_type = (uint16_t)link_type;
	if (!source_filter_for(s, s->info.link_type, p->swapped, &p->filter, e))
		return false;
	s->read = read_records;
	stream_take(st, FILE_HEADER);
	if (st->regular)	/* the writer of a FIFO may take its time */
		stream_need(st, RECORD_HEADER);
	note_first_time(s);
	return true;
}
