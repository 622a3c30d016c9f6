/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pcapng, draft-ietf-opsawg-pcapng.  Our own reader, because libpcap refuses
 * files whose interfaces differ in link type or snap length, and mergecap
 * writes those by default.
 */
#include "source_parts.h"

#include <stdlib.h>

enum {
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET_OBSOLETE = 2,
	BLOCK_PACKET_SIMPLE = 3,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET_ENHANCED = 6,
	BLOCK_SECTION = 0x0a0d0d0a,	/* reads the same in both byte orders */
};

enum {
	BLOCK_HEADER = 8,		/* type, length */
	BLOCK_FRAMING = 12,		/* and the length again at the end */
	SECTION_BLOCK_MIN = 28,
	BLOCK_MAX = 16 * 1024 * 1024,	/* as libpcap; no packet needs it, key logs might */
	INTERFACES_MAX = 65536,		/* against a file that only describes interfaces */
	OPTION_END = 0,
	OPTION_INTERFACE_RESOLUTION = 9,
	OPTION_INTERFACE_OFFSET = 14,
	OPTION_STATISTICS_INTERFACE_DROPPED = 5,
	OPTION_STATISTICS_SYSTEM_DROPPED = 7,
};

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define RESOLUTION_MICROSECONDS 6	/* what holds without if_tsresol */
/* Far enough from the ends of an nsec that the difference of two times always is one. */
#define TIME_LIMIT (INT64_C(1) << 62)
#define DROPPED_PLAUSIBLE (INT64_C(1) << 48)	/* more is a writer's "not known" */
/* of all counters together: a file can have any number of them */
#define DROPPED_MAX (INT64_C(1) << 60)

/* One block; `body` is what stands between its two lengths. */
struct block {
	uint32_t type;
	uint32_t length;
	bool swapped;
	struct reader body;
};

static uint16_t body_u16(struct block *b)
{
	struct bytes bytes = reader_bytes(&b->body, 2);

	return bytes.data ? file_u16(bytes.data, b->swapped) : 0;
}

static uint32_t body_u32(struct block *b)
{
	struct bytes bytes = reader_bytes(&b->body, 4);

	return bytes.data ? file_u32(bytes.data, b->swapped) : 0;
}

/* One option of a block's list; false at its end, or with a failed reader when it is broken. */
static bool next_option(struct block *b, uint16_t *ret_code, struct bytes *ret)
{
	if (b->body.left == 0)	/* the end mark may be left out */
		return false;
	*ret_code = body_u16(b);

	uint16_t length = body_u16(b);

	if (*ret_code == OPTION_END)
		return false;
	*ret = reader_bytes(&b->body, length);
	reader_bytes(&b->body, (4u - length % 4u) % 4u);
	return reader_ok(&b->body);
}

static uint64_t option_u64(struct bytes value, bool swapped)
{
	uint64_t number;

	memcpy(&number, value.data, sizeof(number));
	return swapped ? __builtin_bswap64(number) : number;
}

/*
 * Read the first BLOCK_FRAMING bytes of a block.  NULL when they make sense,
 * else what is wrong with them.
 */
static const char *block_frame(const uint8_t *at, bool swapped, struct block *ret)
{
	ret->type = file_u32(at, swapped);
	ret->swapped = swapped;
	if (ret->type == BLOCK_SECTION) {	/* says itself in which order it is */
		uint32_t magic = file_u32(at + BLOCK_HEADER, false);

		if (magic != BYTE_ORDER_MAGIC && magic != __builtin_bswap32(BYTE_ORDER_MAGIC))
			return "a section header without byte order";
		ret->swapped = magic != BYTE_ORDER_MAGIC;
	}
	ret->length = file_u32(at + 4, ret->swapped);
	if (ret->length < BLOCK_FRAMING || ret->length % 4 != 0 || ret->length > BLOCK_MAX)
		return "no block: its length is impossible";
	if (ret->type == BLOCK_SECTION && ret->length < SECTION_BLOCK_MIN)
		return "a section header that is too short";
	return NULL;
}

/* The next block, if it lies ready and its frame is sane. */
static bool block_ready(const struct source *s, struct block *ret)
{
	const struct stream *st = &s->stream;

	if (st->left < BLOCK_FRAMING || block_frame(st->at, s->pcapng.swapped, ret) ||
	    ret->length > st->left ||
	    file_u32(st->at + ret->length - 4, ret->swapped) != ret->length)
		return false;

	size_t inner = ret->length - BLOCK_FRAMING;

	ret->body = reader_over(st->at + BLOCK_HEADER, inner, inner);
	return true;
}

/* Make the next block ready: 1; 0 at the end; -1 when it is damaged or cut. */
static int block_fetch(struct source *s, struct block *ret, struct err *e)
{
	struct stream *st = &s->stream;

	*ret = (struct block){ 0 };
	if (!stream_need(st, BLOCK_FRAMING))
		return source_cut(s, BLOCK_FRAMING, e);

	const char *wrong = block_frame(st->at, s->pcapng.swapped, ret);

	if (wrong)
		return source_damaged(s, e, "%s", wrong);
	if (!stream_need(st, ret->length))
		return source_cut(s, ret->length, e);
	if (!block_ready(s, ret))
		return source_damaged(s, e, "the two lengths of a block differ");
	return 1;
}

/* Of two counts, each at most DROPPED_MAX, -1 when it is not known. */
static int64_t dropped_together(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a + b < DROPPED_MAX ? a + b : DROPPED_MAX;
}

static int64_t dropped_in_section(const struct pcapng_file *p)
{
	int64_t sum = -1;

	for (size_t i = 0; i < p->n_interfaces; i++)
		sum = dropped_together(sum, p->interfaces[i].dropped);
	return sum;
}

int64_t pcapng_file_dropped(const struct pcapng_file *p)
{
	return dropped_together(p->dropped, dropped_in_section(p));
}

/* Section Header Block, 4.1: interfaces begin anew.  Its own length is not needed to walk it. */
static bool section(struct source *s, struct block *b, struct err *e)
{
	body_u32(b);	/* byte order magic */

	uint16_t major = body_u16(b), minor = body_u16(b);

	if (major != 1) {
		source_damaged(s, e, "pcapng of version %u.%u, only 1.x is read", major, minor);
		return false;
	}
	s->pcapng.dropped = pcapng_file_dropped(&s->pcapng);
	s->pcapng.n_interfaces = 0;
	s->pcapng.swapped = b->swapped;
	return true;
}

static struct pcapng_interface *add_interface(struct pcapng_file *p)
{
	if (p->n_interfaces == p->interfaces_size) {
		size_t size = p->interfaces_size ? 2 * p->interfaces_size : 4;
		struct pcapng_interface *more = realloc(p->interfaces, size * sizeof(*more));

		if (!more)
			return NULL;
		p->interfaces = more;
		p->interfaces_size = size;
	}
	return &p->interfaces[p->n_interfaces++];
}

static bool finer_than_microseconds(uint8_t resolution)
{
	return resolution & 0x80 ? (resolution & 0x7f) > 20 : resolution > RESOLUTION_MICROSECONDS;
}

/* Interface Description Block, 4.2. */
static bool interface(struct source *s, struct block *b, struct err *e)
{
	struct pcapng_file *p = &s->pcapng;
	struct pcapng_interface i = { .resolution = RESOLUTION_MICROSECONDS, .dropped = -1 };
	struct bytes value;
	uint16_t code;

	i.link_type = body_u16(b);
	body_u16(b);	/* reserved */
	i.snap_length = body_u32(b);
	while (next_option(b, &code, &value)) {
		if (code == OPTION_INTERFACE_RESOLUTION && value.length == 1)
			i.resolution = value.data[0];
		else if (code == OPTION_INTERFACE_OFFSET && value.length == 8)
			i.offset_seconds = (int64_t)option_u64(value, b->swapped);
	}
	if (!reader_ok(&b->body) || p->n_interfaces == INTERFACES_MAX) {
		source_damaged(s, e, "an interface description that is broken");
		return false;
	}
	if (link_type_supported(i.link_type)) {
		p->known_link_type = true;
		if (!source_filter_for(s, i.link_type, b->swapped, &i.filter, e))
			return false;
	} else {
		i.hidden = s->filter_text != NULL;
	}

	struct pcapng_interface *slot = add_interface(p);

	if (!slot)
		return err_set(e, "%s: no memory", s->stream.name);
	*slot = i;
	if (!p->described) {
		p->described = true;
		s->info.link_type = i.link_type;
		s->info.snap_length = i.snap_length;
		s->info.nanoseconds = finer_than_microseconds(i.resolution);
	}
	return true;
}

/* Interface Statistics Block, 4.6.  The counters run on: the last block of an interface holds. */
static bool statistics(struct source *s, struct block *b, struct err *e)
{
	uint32_t id = body_u32(b);
	int64_t dropped = -1;
	struct bytes value;
	uint16_t code;

	reader_bytes(&b->body, 8);	/* time */
	while (next_option(b, &code, &value)) {
		if ((code != OPTION_STATISTICS_INTERFACE_DROPPED &&
		     code != OPTION_STATISTICS_SYSTEM_DROPPED) || value.length != 8)
			continue;

		uint64_t count = option_u64(value, b->swapped);

		if (count < DROPPED_PLAUSIBLE)
			dropped = dropped_together(dropped, (int64_t)count);
	}
	if (!reader_ok(&b->body) || id >= s->pcapng.n_interfaces) {
		source_damaged(s, e, "interface statistics that are broken");
		return false;
	}
	if (dropped >= 0)
		s->pcapng.interfaces[id].dropped = dropped;
	return true;
}

/* A block that is no packet. */
static bool describe(struct source *s, struct block *b, struct err *e)
{
	if (b->type == BLOCK_SECTION)
		return section(s, b, e);
	if (b->type == BLOCK_INTERFACE)
		return interface(s, b, e);
	if (b->type == BLOCK_STATISTICS)
		return statistics(s, b, e);
	return true;
}

static bool is_packet(const struct block *b)
{
	return b->type == BLOCK_PACKET_ENHANCED || b->type == BLOCK_PACKET_SIMPLE ||
	       b->type == BLOCK_PACKET_OBSOLETE;
}

/* Units of if_tsresol since the epoch, moved by if_tsoffset, 4.2. */
static nsec packet_time(const struct pcapng_interface *i, uint64_t units)
{
	__int128 ns = units;
	unsigned n = i->resolution & 0x7f;

	if (i->resolution & 0x80) {
		ns = ns * NSEC_PER_S >> n;
	} else {
		for (unsigned k = n; k < 9; k++)
			ns *= 10;
		for (unsigned k = 9; k < n && ns > 0; k++)
			ns /= 10;
	}
	ns += (__int128)i->offset_seconds * NSEC_PER_S;
	return ns > TIME_LIMIT ? TIME_LIMIT : ns < -TIME_LIMIT ? -TIME_LIMIT : (nsec)ns;
}

/*
 * Enhanced, Simple and (obsolete) Packet Block, 4.3, 4.4, A: everything of the
 * frame but its number.  NULL when the block contradicts itself.
 */
static const struct pcapng_interface *packet(const struct source *s, struct block *b,
					     struct frame *ret)
{
	const struct pcapng_file *p = &s->pcapng;
	uint32_t id = 0;
	uint64_t units = 0;

	if (b->type == BLOCK_PACKET_ENHANCED)
		id = body_u32(b);
	if (b->type == BLOCK_PACKET_OBSOLETE) {
		id = body_u16(b);
		body_u16(b);	/* drops since the packet before */
	}
	if (id >= p->n_interfaces)
		return NULL;

	const struct pcapng_interface *i = &p->interfaces[id];

	if (b->type == BLOCK_PACKET_SIMPLE) {	/* of the first interface, without a time */
		ret->at = p->latest;
		ret->length = body_u32(b);
		ret->captured = i->snap_length && ret->length > i->snap_length ? i->snap_length
									       : ret->length;
	} else {
		units = (uint64_t)body_u32(b) << 32;
		units |= body_u32(b);
		ret->at = packet_time(i, units);
		ret->captured = body_u32(b);
		ret->length = body_u32(b);
	}
	ret->data = reader_bytes(&b->body, ret->captured).data;
	ret->link_type = i->link_type;
	if (ret->length < ret->captured)	/* some writers leave it 0 */
		ret->length = ret->captured;
	return reader_ok(&b->body) ? i : NULL;
}

static bool passes(const struct pcapng_interface *i, const struct frame *f)
{
	if (i->hidden)
		return false;
	return !i->filter || frame_filter_passes(i->filter, f->data, f->captured, f->length);
}

/* Stops before a block that is not ready or not sane, so that the frames before it come first. */
static int read_blocks(struct source *s, struct frame *ret, size_t max, struct err *e)
{
	size_t n = 0;

	while (n < max) {
		struct block b;

		if (!block_ready(s, &b)) {
			int fetched = n > 0 ? 0 : block_fetch(s, &b, e);

			if (fetched <= 0)
				return n > 0 ? (int)n : fetched;
		}
		if (is_packet(&b)) {
			struct frame *f = &ret[n];
			const struct pcapng_interface *i;

			*f = (struct frame){ .number = s->info.frames + 1, .capture = s->capture };
			i = packet(s, &b, f);
			if (!i)
				return n > 0 ? (int)n
					     : source_damaged(s, e, "a broken packet block");
			if (s->info.frames++ == 0)
				s->info.first_at = f->at;
			s->pcapng.latest = f->at;
			n += passes(i, f);
		} else if (!describe(s, &b, n > 0 ? NULL : e)) {
			return n > 0 ? (int)n : -1;
		}
		stream_take(&s->stream, b.length);
	}
	return (int)n;
}

bool pcapng_file_recognise(const uint8_t *start, size_t length)
{
	struct block b;

	return length >= BLOCK_FRAMING && file_u32(start, false) == BLOCK_SECTION &&
	       !block_frame(start, false, &b);
}

/* Blocks up to the first packet; of a stream, which may be slow, to the first interface. */
bool pcapng_file_begin(struct source *s, struct err *e)
{
	struct pcapng_file *p = &s->pcapng;
	struct block b;
	struct err later;	/* found again, and reported, by the first read */

	s->info.format = "pcapng";
	s->read = read_blocks;
	if (block_fetch(s, &b, e) <= 0)
		return false;
	do {
		if (is_packet(&b)) {
			struct frame first = { .at = NSEC_NONE };

			if (packet(s, &b, &first))
				s->info.first_at = first.at;
			break;
		}
		if (!describe(s, &b, e))
			return false;
		stream_take(&s->stream, b.length);
	} while ((s->stream.regular || p->n_interfaces == 0) && block_fetch(s, &b, &later) > 0);
	if (p->described && !p->known_link_type)
		return source_refuse_link_type(s, s->info.link_type, e);
	return true;
}

void pcapng_file_end(struct pcapng_file *p)
{
	free(p->interfaces);
}
