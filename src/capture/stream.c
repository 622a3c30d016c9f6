/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A regular file that lies still is mapped: without the copy out of the page
 * cache a 64-byte ESP packet costs 9 ns instead of 12 to 13.  The price is that
 * touching a page behind the end of a file that was shortened meanwhile is a
 * SIGBUS.  Three things guard against that:
 *
 * - a file whose last change is younger than SETTLED_SECONDS may have a writer
 *   (tcpdump started again on the same name truncates it) and is read();
 * - only a window of the mapping is shown at a time, and before it is, the
 *   file's size is asked again; a shortened file just ends sooner;
 * - the pages of the window are made present by MADV_POPULATE_READ, which
 *   reports what a later touch would be killed for.
 *
 * What stays is a file truncated during the 0.1 ms in which one window is
 * parsed, after having been left alone for SETTLED_SECONDS.
 */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fingerprint.h"
#include "unpacking.h"

enum {
	SETTLED_SECONDS = 10,
	WINDOW = 256 * 1024,	/* a multiple of every page size in use; less costs time */
	FETCHED = 8 * 1024 * 1024,	/* at most, of what is not shown yet */
	BUFFER = 512 * 1024,
	MAGIC_LENGTH = 6,		/* the longest that tells a compression: xz */
};

/* read() that a signal interrupts only when it is to end the program. */
static ssize_t read_some(struct stream *s, void *ret, size_t size)
{
	ssize_t got;

	do {
		if (s->stop && *s->stop) {
			s->stopped = true;
			return 0;
		}
		got = read(s->fd, ret, size);
	} while (got < 0 && errno == EINTR);
	if (got > 0)
		s->taken_bytes += got;
	return got;
}

static ssize_t read_packed(void *stream, void *ret, size_t size)
{
	return read_some(stream, ret, size);
}

/* Add once to the buffer, behind what is left: as much as there is, not as much as fits. */
static void buffer_add(struct stream *s)
{
	uint8_t *end = s->buffer + s->left;	/* buffer_need() moved what is left to the front */
	size_t space = s->buffer_size - s->left;
	ssize_t got;

	if (s->unpacking)
		got = unpacking_read(s->unpacking, end, space, &s->failure);
	else if ((got = read_some(s, end, space)) < 0)
		err_set(&s->failure, "cannot be read: %s", strerror(errno));
	s->waits = got == 0 && s->grows && s->regular && !s->stopped;
	if (got <= 0) {
		s->ended = !s->waits;
		s->failed = got < 0;
		return;
	}
	if (s->fingerprint)
		fingerprint_add(s->fingerprint, end, (size_t)got);
	s->left += (size_t)got;
}

static void buffer_need(struct stream *s, size_t n)
{
	s->origin_offset = stream_offset(s);
	if (n > s->buffer_size) {
		uint8_t *larger = malloc(n);

		if (!larger) {
			s->ended = s->failed = true;
			err_set(&s->failure, "no memory for a record of %zu bytes", n);
			s->origin = s->at;
			return;
		}
		memcpy(larger, s->at, s->left);
		free(s->buffer);
		s->buffer = larger;
		s->buffer_size = n;
	} else {
		memmove(s->buffer, s->at, s->left);
	}
	s->at = s->origin = s->buffer;
	s->waits = false;
	while (s->left < n && !s->ended && !s->waits)
		buffer_add(s);
}

bool stream_passed(struct stream *s, struct source_passed *ret)
{
	if (s->map_passed == s->map_released)
		return false;
	*ret = (struct source_passed){ s->map + s->map_released, s->map_passed - s->map_released };
	s->map_released = s->map_passed;
	return true;
}

void stream_release(const struct source_passed *p)
{
	madvise(p->at, p->length, MADV_DONTNEED);
}

static bool make_present(struct stream *s, size_t end)
{
#ifdef MADV_POPULATE_READ
	if (end > s->map_present && madvise(s->map + s->map_present, end - s->map_present,
					    MADV_POPULATE_READ) != 0)
		return false;
#endif
	if (end > s->map_present)
		s->map_present = end;
	return true;
}

bool stream_fetch(struct stream *s)
{
	size_t end = s->map_present + WINDOW;

	if (!s->map || s->ended || s->map_present >= s->map_length ||
	    s->map_present - (size_t)(s->at - s->map) > FETCHED)
		return false;
	return make_present(s, end < s->map_length ? end : s->map_length);
}

/* Show the mapping up to the next border of a window, and give back the pages passed. */
static void map_need(struct stream *s, size_t n)
{
	size_t at = (size_t)(s->at - s->map);
	/* other cores are interrupted for it, so not often */
	size_t step = s->behind > WINDOW ? s->behind : WINDOW;
	size_t passed = at > s->behind ? (at - s->behind) / step * step : 0;
	size_t length = s->map_length;
	size_t end = (at + n + WINDOW - 1) / WINDOW * WINDOW;
	struct source_passed p;
	struct stat st;

	if (fstat(s->fd, &st) == 0 && (uint64_t)st.st_size < length)
		length = (size_t)st.st_size;	/* shortened under us */
	if (end >= length) {
		end = length;
		s->ended = true;
	}
	s->left = end > at ? end - at : 0;
	if (passed > s->map_passed)
		s->map_passed = passed;
	if (s->behind == 0 && stream_passed(s, &p))
		stream_release(&p);
	if (!make_present(s, end) && errno != EINVAL) {	/* EINVAL: a kernel before 5.14 */
		s->ended = s->failed = true;
		s->left = s->map_present - at;
		err_set(&s->failure, "cannot be read: %s", strerror(errno));
	}
}

bool stream_need(struct stream *s, size_t n)
{
	if (s->left < n && !s->ended) {
		if (s->map)
			map_need(s, n);
		else
			buffer_need(s, n);
	}
	return s->left >= n;
}

static bool open_descriptor(struct stream *s, const char *path, struct stat *ret, struct err *e)
{
	bool standard_input = strcmp(path, "-") == 0;

	do {	/* a FIFO is waited for until a writer opens it */
		s->fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	} while (s->fd < 0 && errno == EINTR && !(s->stop && *s->stop));
	if (s->fd < 0) {
		const char *remedy = errno == ENOENT ? "; check the name"
				   : errno == EACCES ? "; run as a user who may read it"
						     : "";

		return err_set(e, "%s: cannot be opened: %s%s", path, strerror(errno), remedy);
	}
	if (fstat(s->fd, ret) != 0)
		return err_set(e, "%s: cannot be opened: %s", s->name, strerror(errno));
	if (S_ISDIR(ret->st_mode))
		return err_set(e, "%s: is a directory; name the captures in it", s->name);
	s->regular = S_ISREG(ret->st_mode);
	s->size_bytes = s->regular ? ret->st_size : -1;
	return true;
}

static bool settled(const struct stat *st)
{
	return time(NULL) - st->st_mtime >= SETTLED_SECONDS;
}

/* False when the file cannot be mapped, and shall be read. */
static bool map_file(struct stream *s)
{
	/* Standard input may have been read in part by who opened it. */
	if (lseek(s->fd, 0, SEEK_CUR) != 0 || s->size_bytes <= 0 ||
	    (uint64_t)s->size_bytes > SIZE_MAX / 2)
		return false;

	void *map = mmap(NULL, (size_t)s->size_bytes, PROT_READ, MAP_PRIVATE, s->fd, 0);

	if (map == MAP_FAILED || !map)
		return false;
	madvise(map, (size_t)s->size_bytes, MADV_SEQUENTIAL);
	s->map = map;
	s->map_length = (size_t)s->size_bytes;
	s->at = s->origin = map;
	return true;
}

static bool begin_buffer(struct stream *s, struct err *e)
{
	s->buffer = malloc(BUFFER);
	if (!s->buffer)
		return err_set(e, "%s: no memory", s->name);
	s->buffer_size = BUFFER;
	s->at = s->origin = s->buffer;
	if (s->regular)
		posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return true;
}

/* Put decompression between the descriptor and a new buffer. */
static bool unpack(struct stream *s, struct err *e)
{
	struct err why;

	if (s->map) {	/* nothing was taken from the descriptor: unpack from there */
		munmap(s->map, s->map_length);
		s->map = NULL;
		s->left = 0;
	}
	s->unpacking = unpacking_open(s->compression, s->at, s->left, read_packed, s, &why);
	if (!s->unpacking)
		return err_set(e, "%s: %s", s->name, why.text);
	s->left = 0;
	s->ended = s->failed = false;
	return s->buffer || begin_buffer(s, e);
}

static bool open_bytes(struct stream *s, const struct stat *st, enum stream_use use, struct err *e)
{
	bool mapped = use == STREAM_MAPPED_IF_POSSIBLE && s->regular && settled(st) && map_file(s);

	if (!mapped && !begin_buffer(s, e))
		return false;
	stream_need(s, MAGIC_LENGTH);
	s->compression = unpacking_format(s->at, s->left);
	if (s->compression && use == STREAM_GROWS)
		return err_set(e, "%s: is packed with %s; a file can be followed only as it is "
				  "captured, unpacked",
			       s->name, s->compression);
	return !s->compression || unpack(s, e);
}

static bool begin_fingerprint(struct stream *s, struct err *e)
{
	s->fingerprint = fingerprint_open(STREAM_FINGERPRINT_SPAN);
	if (!s->fingerprint)
		return err_set(e, "%s: SHA-256 is not available", s->name);
	fingerprint_add(s->fingerprint, s->at, s->left);
	if (s->regular)
		stream_need(s, STREAM_FINGERPRINT_SPAN);
	return true;
}

bool stream_open(struct stream *s, const char *path, enum stream_use use,
		 const volatile sig_atomic_t *stop, struct err *e)
{
	struct stat st = { 0 };

	*s = (struct stream){ .fd = -1, .name = path, .stop = stop };
	if (strcmp(path, "-") == 0)
		s->name = "standard input";
	s->grows = use == STREAM_GROWS;
	if (!open_descriptor(s, path, &st, e) || !open_bytes(s, &st, use, e) ||
	    !begin_fingerprint(s, e)) {
		stream_close(s);
		return false;
	}
	return true;
}

int64_t stream_read_bytes(const struct stream *s)
{
	return s->unpacking ? s->taken_bytes : stream_offset(s);
}

void stream_fingerprint(const struct stream *s, char ret[33])
{
	fingerprint_text(s->fingerprint, ret);
}

void stream_close(struct stream *s)
{
	if (s->map)
		munmap(s->map, s->map_length);
	if (s->fd > STDIN_FILENO)
		close(s->fd);
	unpacking_close(s->unpacking);
	fingerprint_close(s->fingerprint);
	free(s->buffer);
	*s = (struct stream){ .fd = -1 };
}
