/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "unpacking.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/gunzip.h"

enum {
	PACKED_BUFFER = 128 * 1024,
	LONGEST_MAGIC = 6,
	DEEPEST = 8,			/* some files unpack to themselves, for ever */
};

struct unpacking {
	const char *format;
	struct gunzip *gunzip;		/* of gzip; else NULL */
	struct unpacking *inner;	/* of what comes out of it, when that is packed, too */
	struct err why;			/* nothing comes out of it any more */
	int depth;
	struct archive *archive;	/* of all else; else NULL */
	bool begun, source_ended;
	unpacking_source *source;
	void *from;
	size_t start_length;		/* bytes at the front of `packed` not yet handed over */
	const uint8_t *block;		/* unpacked by libarchive, not yet copied out */
	size_t block_left;
	uint8_t packed[];
};

const char *unpacking_format(const uint8_t *start, size_t length)
{
	static const struct {
		const char *name;
		size_t length;
		uint8_t magic[LONGEST_MAGIC];
	} formats[] = {
		{ "gzip", 3, { 0x1f, 0x8b, 8 } },
		{ "zstd", 4, { 0x28, 0xb5, 0x2f, 0xfd } },
		{ "xz", 6, { 0xfd, '7', 'z', 'X', 'Z', 0 } },
		{ "bzip2", 3, { 'B', 'Z', 'h' } },
		{ "lz4", 4, { 0x04, 0x22, 0x4d, 0x18 } },
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (length >= formats[i].length &&
		    memcmp(start, formats[i].magic, formats[i].length) == 0)
			return formats[i].name;
	return NULL;
}

static la_ssize_t feed(struct archive *a, void *context, const void **ret)
{
	struct unpacking *u = context;
	ssize_t got = (ssize_t)u->start_length;

	u->start_length = 0;
	if (got == 0)
		got = u->source(u->from, u->packed, PACKED_BUFFER);
	u->source_ended = got == 0;
	if (got < 0)
		archive_set_error(a, errno, "%s", strerror(errno));
	*ret = u->packed;
	return got;
}

static bool begin_archive(struct unpacking *u)
{
	u->archive = archive_read_new();
	if (!u->archive)
		return false;
	archive_read_support_filter_gzip(u->archive);	/* within another */
	archive_read_support_filter_zstd(u->archive);
	archive_read_support_filter_xz(u->archive);
	archive_read_support_filter_bzip2(u->archive);
	archive_read_support_filter_lz4(u->archive);
	archive_read_support_format_raw(u->archive);
	archive_read_support_format_empty(u->archive);
	return true;
}

struct unpacking *unpacking_open(const char *format, const uint8_t *start, size_t length,
				 unpacking_source *source, void *from, struct err *e)
{
	bool gzip = strcmp(format, "gzip") == 0;
	size_t size = gzip ? 0 : length > PACKED_BUFFER ? length : PACKED_BUFFER;
	struct unpacking *u = calloc(1, sizeof(*u) + size);

	if (u && gzip)
		u->gunzip = gunzip_open(start, length, source, from, e);
	if (!u || (gzip ? !u->gunzip : !begin_archive(u))) {
		err_set(e, "no memory");
		free(u);
		return NULL;
	}
	u->format = format;
	u->source = source;
	u->from = from;
	if (!gzip && length > 0) {
		u->start_length = length;
		memcpy(u->packed, start, length);
	}
	return u;
}

/*
 * libarchive gives its blocks whole or not at all.  So must zstd, bzip2 and lz4, which cannot
 * unpack less than a block; of xz up to 64 KiB before the end are left out.
 */
static const char *truncated(const struct unpacking *u)
{
	if (strcmp(u->format, "xz") == 0)
		return "it is truncated; xz -dc gives up to 64 KiB more of it, for sawatch -r -";
	return "it is truncated, and nothing can be had of its last block; is there a whole copy?";
}

static ssize_t failure(const struct unpacking *u, struct err *e)
{
	const char *why = u->source_ended ? truncated(u) : archive_error_string(u->archive);

	err_set(e, "cannot be decompressed: %s", why ? why : "damaged");
	return -1;
}

static int begin(struct unpacking *u)
{
	struct archive_entry *entry;
	int result = archive_read_open(u->archive, u, NULL, feed, NULL);

	u->begun = true;
	return result == ARCHIVE_OK ? archive_read_next_header(u->archive, &entry) : result;
}

static ssize_t read_archive(struct unpacking *u, uint8_t *ret, size_t size, struct err *e)
{
	if (!u->begun) {
		int result = begin(u);

		if (result == ARCHIVE_EOF)
			return 0;
		if (result < ARCHIVE_WARN)
			return failure(u, e);
	}
	while (u->block_left == 0) {
		const void *block;
		la_int64_t offset;
		int result = archive_read_data_block(u->archive, &block, &u->block_left, &offset);

		u->block = block;
		if (result == ARCHIVE_EOF) {
			u->block_left = 0;
			return 0;
		}
		if (result < ARCHIVE_WARN) {
			u->block_left = 0;
			return failure(u, e);
		}
	}
	if (size > u->block_left)
		size = u->block_left;
	memcpy(ret, u->block, size);
	u->block += size;
	u->block_left -= size;
	return (ssize_t)size;
}

/* A source for what is packed twice. */
static ssize_t read_outer(void *unpacking, void *ret, size_t size)
{
	struct unpacking *u = unpacking;
	ssize_t got = gunzip_read(u->gunzip, ret, size, &u->why);

	if (got < 0)
		errno = EIO;	/* why, is in `why` */
	return got;
}

/* The first bytes out of gzip, from which is seen whether they are packed themselves. */
static ssize_t read_first(struct unpacking *u, uint8_t *ret, size_t size, struct err *e)
{
	const char *format;
	size_t have = 0;
	ssize_t got = 1;

	while (have < LONGEST_MAGIC && have < size &&
	       (got = gunzip_read(u->gunzip, ret + have, size - have, e)) > 0)
		have += (size_t)got;
	u->begun = true;
	format = unpacking_format(ret, have);
	if (!format)
		return have > 0 ? (ssize_t)have : got;	/* an error comes again */
	if (u->depth == DEEPEST) {
		err_set(e, "is packed more than %d times", DEEPEST);
		return -1;
	}
	u->inner = unpacking_open(format, ret, have, read_outer, u, e);
	if (!u->inner)
		return -1;
	u->inner->depth = u->depth + 1;
	return unpacking_read(u, ret, size, e);
}

ssize_t unpacking_read(struct unpacking *u, uint8_t *ret, size_t size, struct err *e)
{
	ssize_t got;

	if (!u->gunzip)
		return read_archive(u, ret, size, e);
	if (!u->begun)
		return read_first(u, ret, size, e);
	if (!u->inner)
		return gunzip_read(u->gunzip, ret, size, e);
	got = unpacking_read(u->inner, ret, size, e);
	if (got < 0 && *u->why.text)
		*e = u->why;
	return got;
}

void unpacking_close(struct unpacking *u)
{
	if (!u)
		return;
	unpacking_close(u->inner);
	gunzip_close(u->gunzip);
	archive_read_free(u->archive);
	free(u);
}
