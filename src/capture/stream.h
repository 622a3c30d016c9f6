/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of a capture in order, wherever they lie: a mapped file, a
 * descriptor, or something compressed.  Refuses to know capture formats.
 */
#ifndef SAWATCH_CAPTURE_STREAM_H
#define SAWATCH_CAPTURE_STREAM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <sawatch/err.h>
#include <sawatch/source.h>

/*
 * Bytes of the (decompressed) stream that the fingerprint covers: enough for some time stamps, and
 * so few that a file which still grows keeps its identity.
 */
enum { STREAM_FINGERPRINT_SPAN = 4 * 1024 };

struct stream {
	/* The readable bytes.  A format reader takes them by stream_take(). */
	const uint8_t *at;
	size_t left;
	bool ended;		/* nothing follows these */
	bool stopped;		/* …because `stop` was set, not because the capture ends */
	bool grows;		/* a file that is still being written never ends… */
	bool waits;		/* …but what was needed last is not there yet */
	bool failed;		/* …because of `failure` */
	struct err failure;	/* without the name of the file */

	const char *name;	/* for messages; borrowed */
	bool regular;
	const char *compression;	/* NULL when there is none */
	int64_t size_bytes;	/* on disk; -1 for a stream */

	/* private to stream.c */
	const volatile sig_atomic_t *stop;
	int fd;
	const uint8_t *origin;	/* where the byte with number `origin_offset` is */
	int64_t origin_offset;
	int64_t taken_bytes;	/* from the descriptor; not for a mapped file */
	uint8_t *map;
	size_t map_length;
	size_t map_passed, map_released;	/* not looked at any more; given back */
	size_t map_present;	/* up to here its pages were made present */
	size_t behind;		/* this much of the mapping is not given back yet */
	uint8_t *buffer;
	size_t buffer_size;
	struct unpacking *unpacking;
	struct fingerprint *fingerprint;
};

/*
 * Open `path` ("-" is standard input) and have its first bytes ready: the
 * first STREAM_FINGERPRINT_SPAN of a regular file, what is there of others.
 * `e` names the file.  On failure there is nothing to close.
 */
enum stream_use { STREAM_MAPPED_IF_POSSIBLE, STREAM_READ, STREAM_GROWS };
bool stream_open(struct stream *s, const char *path, enum stream_use use,
		 const volatile sig_atomic_t *stop, struct err *e);

/*
 * Have at least `n` bytes at s->at; false when so many do not come (s->ended).
 * What was borrowed from the stream before is gone.  Waits for the writer of a
 * FIFO, but only until there are `n` bytes.
 */
bool stream_need(struct stream *s, size_t n);

/*
 * With `behind`: a part of the mapping that was passed, which the caller is to give back by
 * stream_release().  True once for each.
 */
bool stream_passed(struct stream *s, struct source_passed *ret);
void stream_release(const struct source_passed *p);

/*
 * Make the pages of a further part of the mapping present, for later.  False: it is not mapped, or
 * enough is present, or no more can be.
 */
bool stream_fetch(struct stream *s);

/* The next `n` readable bytes are used; there must be so many. */
static inline void stream_take(struct stream *s, size_t n)
{
	s->at += n;
	s->left -= n;
}

/* Where s->at is in the decompressed stream. */
static inline int64_t stream_offset(const struct stream *s)
{
	return s->origin_offset + (s->at - s->origin);
}

/* Bytes of the file on disk that were used so far. */
int64_t stream_read_bytes(const struct stream *s);

/* Hex of half the SHA-256 over the first span of what was seen so far. */
void stream_fingerprint(const struct stream *s, char ret[33]);

/* What was borrowed from it is gone. */
void stream_close(struct stream *s);

#endif
