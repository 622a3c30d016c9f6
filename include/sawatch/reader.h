/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bounded reader: the only way packet bytes are touched.
 *
 * A reader knows how many bytes were captured and how many were on the wire.
 * Reading past the captured bytes but within the sent ones is VERDICT_CUT (we
 * are blind); reading past the sent ones is VERDICT_MALFORMED (the sender is
 * wrong).  The first failure sticks and every later read gives zero, so a
 * parser reads its whole structure in wire order and judges it at the end.
 *
 * A reader is a value: copy it to peek.  It borrows the bytes it reads.
 */
#ifndef SAWATCH_READER_H
#define SAWATCH_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verdict {
	VERDICT_OK,
	VERDICT_CUT,		/* the capture was short */
	VERDICT_MALFORMED,	/* the sender was wrong */
};

/* Every packet passes through these: a call for two bytes would cost more than the bytes. */
#define READER_INLINE static inline __attribute__((always_inline))

/* Borrowed bytes; they die with whatever owns them. */
struct bytes {
	const uint8_t *data;
	size_t length;
};

struct reader {
	const uint8_t *at;
	size_t left;		/* captured bytes not yet read */
	size_t unseen;		/* bytes sent after those, but not captured */
	enum verdict verdict;
};

/* A reader over `captured` bytes of something that was `length` bytes long on the wire. */
static inline struct reader reader_over(const void *data, size_t captured, size_t length)
{
	if (captured > length)
		captured = length;
	return (struct reader){ .at = data, .left = captured, .unseen = length - captured };
}

READER_INLINE bool reader_ok(const struct reader *r)
{
	return r->verdict == VERDICT_OK;
}

/* Bytes that remain on the wire, captured or not; 0 after a failure. */
READER_INLINE size_t reader_remaining(const struct reader *r)
{
	return reader_ok(r) ? r->left + r->unseen : 0;
}

/* Fail with `why` unless something failed before. */
READER_INLINE void reader_reject(struct reader *r, enum verdict why)
{
	if (reader_ok(r))
		r->verdict = why;
	r->left = 0;
	r->unseen = 0;
}

/* True when `n` captured bytes can be read; otherwise fails as CUT or MALFORMED. */
READER_INLINE bool reader_need(struct reader *r, size_t n)
{
	if (n <= r->left)
		return true;
	reader_reject(r, n - r->left <= r->unseen ? VERDICT_CUT : VERDICT_MALFORMED);
	return false;
}

/* The next `n` bytes, borrowed; {NULL, 0} on failure. */
READER_INLINE struct bytes reader_bytes(struct reader *r, size_t n)
{
	if (!reader_need(r, n))
		return (struct bytes){ NULL, 0 };
	struct bytes b = { r->at, n };

	r->at += n;
	r->left -= n;
	return b;
}

READER_INLINE uint8_t reader_u8(struct reader *r)
{
	struct bytes b = reader_bytes(r, 1);

	return b.data ? b.data[0] : 0;
}

/* Integers in network byte order, which is big-endian.  0 when they are not all there. */
READER_INLINE uint16_t reader_u16(struct reader *r)
{
	struct bytes b = reader_bytes(r, 2);

	return (uint16_t)(b.data ? b.data[0] << 8 | b.data[1] : 0);
}

READER_INLINE uint32_t reader_u32(struct reader *r)
{
	struct bytes b = reader_bytes(r, 4);

	return b.data ? (uint32_t)b.data[0] << 24 | (uint32_t)b.data[1] << 16 |
			(uint32_t)b.data[2] << 8 | b.data[3] : 0;
}

static inline uint64_t reader_u64(struct reader *r)
{
	uint64_t high = reader_u32(r), low = reader_u32(r);

	return reader_ok(r) ? high << 32 | low : 0;	/* never half a number */
}

/* Step over `n` bytes, captured or not: skipping what was not captured is no failure. */
READER_INLINE void reader_skip(struct reader *r, size_t n)
{
	if (n <= r->left) {
		r->at += n;
		r->left -= n;
	} else if (n - r->left <= r->unseen) {
		r->unseen -= n - r->left;
		r->at += r->left;
		r->left = 0;
	} else {
		reader_reject(r, VERDICT_MALFORMED);
	}
}

/*
 * A reader of the next `length` wire bytes, which this reader then has passed.
 * The part may be cut: then the part's own reads say CUT, this one goes on
 * and says CUT at the next read.  More than was sent is MALFORMED for both.
 */
static inline struct reader reader_sub(struct reader *r, size_t length)
{
	struct reader sub = *r;

	if (!reader_ok(r) || length > r->left + r->unseen) {
		reader_reject(r, VERDICT_MALFORMED);
		sub.left = sub.unseen = 0;
		sub.verdict = r->verdict;
		return sub;
	}
	if (length <= sub.left) {
		sub.left = length;
		sub.unseen = 0;
	} else {
		sub.unseen = length - sub.left;
	}
	reader_skip(r, length);
	return sub;
}

#endif
