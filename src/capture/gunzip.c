/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gunzip.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { PACKED_BUFFER = 128 * 1024, GZIP_ONLY = 16 };

struct gunzip {
	z_stream z;
	unpacking_source *source;
	void *from;
	bool source_ended;
	int source_error;		/* errno; 0 none */
	int result;			/* zlib's latest; what is wrong stays */
	size_t room;
	uint8_t packed[];
};

struct gunzip *gunzip_open(const uint8_t *start, size_t length, unpacking_source *source,
			   void *from, struct err *e)
{
	size_t room = length > PACKED_BUFFER ? length : PACKED_BUFFER;
	struct gunzip *g = calloc(1, sizeof(*g) + room);

	if (!g || inflateInit2(&g->z, MAX_WBITS + GZIP_ONLY) != Z_OK) {
		err_set(e, "no memory");
		free(g);
		return NULL;
	}
	g->source = source;
	g->from = from;
	g->room = room;
	if (length > 0)
		memcpy(g->packed, start, length);
	g->z.next_in = g->packed;
	g->z.avail_in = (uInt)length;
	return g;
}

/* More packed bytes behind those that are left; false when there are none. */
static bool feed(struct gunzip *g)
{
	ssize_t got;

	if (g->source_ended)
		return false;
	if (g->z.avail_in > 0)
		memmove(g->packed, g->z.next_in, g->z.avail_in);
	g->z.next_in = g->packed;
	got = g->source(g->from, g->packed + g->z.avail_in, g->room - g->z.avail_in);
	if (got <= 0) {
		g->source_ended = true;
		g->source_error = got < 0 ? errno : 0;
		return false;
	}
	g->z.avail_in += (uInt)got;
	return true;
}

/*
 * Behind a member: another one, RFC 1952 2.2, or what tapes and transfers append, which is none of
 * it.
 */
static bool next_member(struct gunzip *g)
{
	while (g->z.avail_in < 2)
		if (!feed(g))
			return false;
	return g->z.next_in[0] == 0x1f && g->z.next_in[1] == 0x8b && inflateReset(&g->z) == Z_OK;
}

static ssize_t failure(const struct gunzip *g, struct err *e)
{
	if (g->source_error)
		err_set(e, "cannot be read: %s", strerror(g->source_error));
	else if (g->result == Z_MEM_ERROR)
		err_set(e, "no memory");
	else if (g->result == Z_OK)
		err_set(e, "cannot be decompressed: it is truncated");
	else
		err_set(e, "cannot be decompressed: %s", g->z.msg ? g->z.msg : "damaged");
	return -1;
}

ssize_t gunzip_read(struct gunzip *g, uint8_t *ret, size_t size, struct err *e)
{
	uInt room = size < INT_MAX ? (uInt)size : INT_MAX;

	assert(size > 0);
	g->z.next_out = ret;
	g->z.avail_out = room;
	/* as soon as there is something: whoever reads a pipe waits for it */
	while (g->z.avail_out == room && (g->result == Z_OK || g->result == Z_STREAM_END)) {
		if (g->result == Z_STREAM_END && !next_member(g))
			return g->source_error ? failure(g, e) : 0;
		g->result = Z_OK;
		if (g->z.avail_in == 0 && !feed(g))
			break;
		g->result = inflate(&g->z, Z_NO_FLUSH);
	}
	if (g->z.avail_out < room)	/* what is wrong behind it is told at the next call */
		return (ssize_t)(room - g->z.avail_out);
	return failure(g, e);
}

void gunzip_close(struct gunzip *g)
{
	if (!g)
		return;
	inflateEnd(&g->z);
	free(g);
}
