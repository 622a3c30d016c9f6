/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where frames come from: capture files, streams and directories of them.
 * The only place that knows <pcap.h>.  Refuses to know what the frames hold.
 */
#ifndef SAWATCH_SOURCE_H
#define SAWATCH_SOURCE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/link.h>

struct source;

struct source_options {
	/* user's BPF expression; NULL or "" for none; it is compiled per link type */
	const char *filter;
	/* read() regular files instead of mapping them (tests, benchmark) */
	bool no_mmap;
	/* a regular file is still being written: its end is not the end (source_waits) */
	bool grows;
	/*
	 * Bytes of a mapped file behind the latest frame that stay in memory: see source_keeps().
	 * What is further behind is then the caller's to give back: source_passed().
	 */
	size_t behind;
	/* When it is not 0, a read ends as if the stream had ended there; may be NULL */
	const volatile sig_atomic_t *stop;
};

struct source_info {
	const char *name;	/* as given; "-" for standard input */
	const char *format;	/* "pcap", "pcapng" */
	const char *compression;	/* NULL, "gzip", "zstd", "xz", "bzip2", … */
	uint16_t link_type;	/* of the first interface */
	uint32_t snap_length;
	bool nanoseconds;
	int64_t size_bytes;	/* of the file; -1 for a stream */
	int64_t read_bytes;	/* so far, for progress; of the file as it lies on disk */
	uint64_t frames;	/* records read so far, before the user's filter */
	/*
	 * Hex of the first 16 bytes of SHA-256 over the first 4 KiB (after
	 * decompression).  Of a stream: over as much of that as has been read.
	 */
	char fingerprint[33];
	/*
	 * Of the first record; NSEC_NONE without any.  Known after opening, of a stream after a
	 * read.
	 */
	nsec first_at;
	/* pcapng interface statistics: packets the capturer dropped; -1 unknown */
	int64_t dropped;
};

/*
 * Open one capture: classic pcap (µs and ns, both byte orders, "modified" Kuznetzov
 * variants refused with a clear text), pcapng (several interfaces and link
 * types), either of them compressed (gzip, zstd, xz, bzip2, lz4 by content,
 * through libarchive), "-" for standard input, a FIFO.  A regular file is mapped
 * when nobody has changed it for some seconds, else read.  On failure *ret is
 * NULL and `e` names the file, what is wrong, and the remedy (no such file; is a
 * directory; empty; a text file or other format; unknown link type; bad filter).
 */
bool source_open(struct source **ret, const char *path, const struct source_options *o,
		 struct err *e);

/*
 * Up to `max` next frames that pass the filter; they borrow until the next
 * call.  They come in the order of their times as far as the file is less than
 * a second out of order; a larger step back is the clock's and stays.  Returns
 * how many; 0 at the end; -1 when the file is damaged or cut here: every frame
 * before that point was already returned, `e` names the file, the byte offset
 * and the frame number, and the source is at its end.
 * frame.number counts every record of the file from 1, filtered ones too;
 * frame.capture is set to the value of source_set_capture().
 */
int source_read(struct source *s, struct frame *ret, size_t max, struct err *e);

/*
 * Of a file that grows: the last source_read() returned 0 only because there is
 * no further whole record yet.  Ask again later.
 */
bool source_waits(const struct source *s);

/*
 * The bytes of the frames that the latest source_read() returned stay where they are until the
 * source is closed: the file is mapped.  Whoever looks at them late gets them from the disk again,
 * unless they are within `behind`.
 */
bool source_keeps(const struct source *s);

/*
 * While nobody waits for frames: make a further part of a mapped file present, which source_read()
 * then need not.  False: there is nothing to be done.
 */
bool source_fetch(struct source *s);

/*
 * A part of the file that lies further behind than `behind`.  To give it back takes some 0.1 ms,
 * which any thread may spend before the source is closed.  True once for each part.
 */
struct source_passed {
	void *at;
	size_t length;
};
bool source_passed(struct source *s, struct source_passed *ret);
/* Gives such a part back to the kernel. */
void source_release(const struct source_passed *p);

/* What frames say in frame.capture from now on; 0 before. */
void source_set_capture(struct source *s, uint32_t capture);
/* What is known of it so far; its texts live until source_close(). */
void source_info(const struct source *s, struct source_info *ret);
/* Accepts NULL. */
void source_close(struct source *s);

/*
 * Expand paths: a directory becomes its capture files (recursively not; names
 * of non-captures are skipped silently, an error when none is left), then all
 * are put in time order of their first packets, ties by name (strverscmp).
 * A path that is named but cannot be opened is an error; in a directory such a
 * file is kept, in front, for source_open() to say why.  Standard input and
 * FIFOs keep their place and are not opened here.  The list is NULL-terminated;
 * free it with source_list_free().
 */
bool source_list(char ***ret, char *const *paths, size_t n_paths, struct err *e);
/* Accepts NULL. */
void source_list_free(char **list);

/*
 * Save frames as they are: a pcap with nanosecond stamps (all of one link type) — what `-w` writes.
 * Frames of another link type than the first are refused (false, e).
 * "-" writes to standard output.
 */
struct frame_writer;
bool frame_writer_open(struct frame_writer **ret, const char *path, uint16_t link_type,
		       struct err *e);
/* False, with the reason: also ever after a write that failed. */
bool frame_writer_write(struct frame_writer *w, const struct frame *f, struct err *e);
/* From now on readers of the file see all that was written.  False with the reason. */
bool frame_writer_flush(struct frame_writer *w, struct err *e);
/* Flushes, closes and frees.  False, with the reason, when not all was written.  Accepts NULL. */
bool frame_writer_close(struct frame_writer *w, struct err *e);

/*
 * Is this expression a BPF filter?  False, with what is wrong with it, before anything is opened.
 */
bool source_filter_check(const char *filter, struct err *e);

#endif
