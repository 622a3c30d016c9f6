/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of a source share: source.c opens and reports, pcap_file.c
 * and pcapng_file.c read the two formats, frame_filter.c is the user's filter.
 */
#ifndef SAWATCH_CAPTURE_SOURCE_PARTS_H
#define SAWATCH_CAPTURE_SOURCE_PARTS_H

#include <string.h>

#include <sawatch/source.h>

#include "frame_filter.h"
#include "stream.h"
#include "time_order.h"

enum {
	/* As libpcap and Wireshark: what claims more is no packet but a damaged header. */
	RECORD_BYTES_MAX = 262144,
};

/* Classic pcap. */
struct pcap_file {
	bool swapped;
	uint32_t fraction_ns;		/* 1000 or 1 */
	const struct frame_filter *filter;
};

/* pcapng. */
struct pcapng_interface {
	uint16_t link_type;
	uint32_t snap_length;		/* 0: unlimited */
	uint8_t resolution;		/* if_tsresol: 10^-n, or 2^-n with the top bit */
	int64_t offset_seconds;		/* if_tsoffset */
	int64_t dropped;		/* -1 unknown */
	const struct frame_filter *filter;	/* NULL: none given, or `hidden` */
	bool hidden;			/* a filter was given, for a link type nobody can parse */
};

struct pcapng_file {
	bool swapped;
	struct pcapng_interface *interfaces;	/* of the current section */
	size_t n_interfaces, interfaces_size;
	bool described;			/* an interface was seen, and source_info tells of it */
	bool known_link_type;		/* one had a link type that is supported */
	nsec latest;			/* for the packets that carry no time */
	int64_t dropped;		/* in the sections before; -1 unknown */
};

struct source {
	struct stream stream;
	char *path;
	struct source_info info;
	char *filter_text;		/* NULL when there is none */
	struct frame_filter *filters;	/* compiled, one per link type */
	int (*read)(struct source *s, struct frame *ret, size_t max, struct err *e);
	struct pcap_file pcap;		/* one of the two is in use */
	struct pcapng_file pcapng;
	struct time_order order;
	bool ended;
	uint32_t capture;
};

/* A number in the file, at any address; `swapped`: written in the other byte order. */
static inline uint32_t file_u32(const uint8_t *at, bool swapped)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return swapped ? __builtin_bswap32(value) : value;
}

static inline uint16_t file_u16(const uint8_t *at, bool swapped)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return swapped ? __builtin_bswap16(value) : value;
}

/*
 * The two formats.  `begin` takes the header of the file, fills in the rest of
 * the source and looks at the time of the first record without taking it.
 */
bool pcap_file_recognise(const uint8_t *start, size_t length);
bool pcap_file_begin(struct source *s, struct err *e);
bool pcapng_file_recognise(const uint8_t *start, size_t length);
bool pcapng_file_begin(struct source *s, struct err *e);
int64_t pcapng_file_dropped(const struct pcapng_file *p);
void pcapng_file_end(struct pcapng_file *p);

/* What a file that is no capture seems to be: "a text file; …", with what to do about it. */
const char *foreign_file_description(const uint8_t *start, size_t length);

/*
 * The stream ends before the `needed` bytes of the record at its position.
 * Returns what source_read() shall: 0 when that is a clean end, else -1.
 */
int source_cut(const struct source *s, size_t needed, struct err *e);

/* The record at the stream's position is nonsense.  Returns -1. */
int source_damaged(const struct source *s, struct err *e, const char *why, ...)
	__attribute__((format(printf, 3, 4)));

/* The filter for a link type; NULL when none is wanted. False when it does not compile. */
bool source_filter_for(struct source *s, uint16_t link_type, bool swapped,
		       const struct frame_filter **ret, struct err *e);

/* "x.pcap: link type 147 is not supported; supported are …". Returns false. */
bool source_refuse_link_type(const struct source *s, uint32_t link_type, struct err *e);

/*
 * As source_open(); when it fails, *ret_foreign tells whether that is because
 * the file is no capture (rather than one that cannot be read).
 */
bool source_open_or_tell(struct source **ret, const char *path, const struct source_options *o,
			 bool *ret_foreign, struct err *e);

#endif
