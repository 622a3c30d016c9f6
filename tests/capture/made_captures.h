/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Captures written byte by byte by the tests, and the frames that must come
 * out of them.  Nothing of the code under test is used to make them.
 */
#ifndef SAWATCH_TESTS_MADE_CAPTURES_H
#define SAWATCH_TESTS_MADE_CAPTURES_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <sawatch/source.h>

enum { MADE_FRAMES_MAX = 70000, MADE_BORDERS_MAX = 2048 };

/* A capture in memory. */
struct made {
	uint8_t *data;
	size_t length, size;
	bool swapped;		/* the byte order this machine does not have */
	/* Where the file may end without being cut, and how many frames lie before. */
	size_t borders[MADE_BORDERS_MAX];
	size_t border_frames[MADE_BORDERS_MAX];
	size_t n_borders, n_frames;
};

static inline void put(struct made *m, const void *bytes, size_t length)
{
	if (m->length + length > m->size) {
		m->size = 2 * (m->length + length) + 4096;
		m->data = realloc(m->data, m->size);
		assert_non_null(m->data);
	}
	if (length > 0)
		memcpy(m->data + m->length, bytes, length);
	m->length += length;
}

static inline void put_number(struct made *m, uint64_t value, unsigned width)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < width; i++) {
		unsigned place = m->swapped == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
				       ? width - 1 - i
				       : i;

		bytes[place] = (uint8_t)(value >> 8 * i);
	}
	put(m, bytes, width);
}

static inline void put_u16(struct made *m, uint16_t value)
{
	put_number(m, value, 2);
}

static inline void put_u32(struct made *m, uint32_t value)
{
	put_number(m, value, 4);
}

static inline void border(struct made *m)
{
	if (m->n_borders == MADE_BORDERS_MAX)
		return;
	m->borders[m->n_borders] = m->length;
	m->border_frames[m->n_borders++] = m->n_frames;
}

static inline void put_pcap_header(struct made *m, bool nanoseconds, uint32_t link_type)
{
	put_u32(m, nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4);
	put_u16(m, 2);
	put_u16(m, 4);
	put_u32(m, 0);
	put_u32(m, 0);
	put_u32(m, 65535);
	put_u32(m, link_type);
	border(m);
}

static inline void put_pcap_record(struct made *m, uint32_t seconds, uint32_t fraction,
				   const uint8_t *data, uint32_t captured, uint32_t length)
{
	put_u32(m, seconds);
	put_u32(m, fraction);
	put_u32(m, captured);
	put_u32(m, length);
	put(m, data, captured);
	m->n_frames++;
	border(m);
}

/* A pcapng block around a body that the caller padded. */
static inline void put_block(struct made *m, uint32_t type, const struct made *body)
{
	uint32_t length = 12 + (uint32_t)body->length;

	assert_int_equal(body->length % 4, 0);
	put_u32(m, type);
	put_u32(m, length);
	put(m, body->data, body->length);
	put_u32(m, length);
	border(m);
}

static inline void put_padding(struct made *body)
{
	while (body->length % 4 != 0)
		put(body, "", 1);
}

static inline void put_option(struct made *body, uint16_t code, uint64_t value, uint16_t width)
{
	put_u16(body, code);
	put_u16(body, width);
	put_number(body, value, width);
	put_padding(body);
}

static inline void put_section(struct made *m)
{
	struct made body = { .swapped = m->swapped };

	put_u32(&body, 0x1a2b3c4d);
	put_u16(&body, 1);
	put_u16(&body, 0);
	put_number(&body, UINT64_MAX, 8);	/* length of the section: not given */
	put_block(m, 0x0a0d0d0a, &body);
	free(body.data);
}

/* `resolution` < 0: none given, which means microseconds. */
static inline void put_interface(struct made *m, uint16_t link_type, uint32_t snap_length,
				 int resolution, int64_t offset_seconds)
{
	struct made body = { .swapped = m->swapped };

	put_u16(&body, link_type);
	put_u16(&body, 0);
	put_u32(&body, snap_length);
	if (resolution >= 0)
		put_option(&body, 9, (uint64_t)resolution, 1);
	if (offset_seconds != 0)
		put_option(&body, 14, (uint64_t)offset_seconds, 8);
	if (resolution >= 0 || offset_seconds != 0)
		put_u32(&body, 0);
	put_block(m, 1, &body);
	free(body.data);
}

static inline void put_enhanced(struct made *m, uint32_t interface, uint64_t units,
				const uint8_t *data, uint32_t captured, uint32_t length)
{
	struct made body = { .swapped = m->swapped };

	put_u32(&body, interface);
	put_u32(&body, (uint32_t)(units >> 32));
	put_u32(&body, (uint32_t)units);
	put_u32(&body, captured);
	put_u32(&body, length);
	put(&body, data, captured);
	put_padding(&body);
	m->n_frames++;
	put_block(m, 6, &body);
	free(body.data);
}

/*
 * The frames of the standard capture: sizes from 0 to 1,000 bytes, every third
 * cut by its snap length, one sixty-fourth of a second apart because that is a
 * whole number of units in every time format there is.
 */
enum { SIXTY_FOURTH_NS = 15625000 };
#define MADE_EPOCH_S INT64_C(1700000000)

static inline uint32_t made_captured(size_t i)
{
	return (uint32_t)(i * 37 % 1001);
}

static inline uint32_t made_length(size_t i)
{
	return made_captured(i) + (i % 3 == 0 ? 400 : 0);
}

static inline nsec made_at(size_t i)
{
	return MADE_EPOCH_S * NSEC_PER_S + (nsec)i * SIXTY_FOURTH_NS;
}

static inline const uint8_t *made_data(size_t i)
{
	static uint8_t data[1024];

	for (size_t k = 0; k < sizeof(data); k++)
		data[k] = (uint8_t)(i * 7 + k * 13 + (k >> 8));
	return data;
}

static inline void made_pcap(struct made *m, size_t n, bool swapped, bool nanoseconds)
{
	m->swapped = swapped;
	put_pcap_header(m, nanoseconds, LINK_ETHERNET);
	for (size_t i = 0; i < n; i++)
		put_pcap_record(m, (uint32_t)(made_at(i) / NSEC_PER_S),
				(uint32_t)(made_at(i) % NSEC_PER_S / (nanoseconds ? 1 : 1000)),
				made_data(i), made_captured(i), made_length(i));
}

/* The time in units of if_tsresol, by another way than the reader's. */
static inline uint64_t made_units(nsec at, int resolution)
{
	uint64_t sixty_fourths = (uint64_t)(at / SIXTY_FOURTH_NS);

	if (resolution < 0)
		resolution = 6;
	if (resolution & 0x80)
		return sixty_fourths << ((resolution & 0x7f) - 6);
	uint64_t units = sixty_fourths * 15625;		/* microseconds */

	for (int i = 6; i < resolution; i++)
		units *= 10;
	return units;
}

static inline void made_pcapng(struct made *m, size_t n, bool swapped, int resolution,
			       int64_t offset_seconds)
{
	m->swapped = swapped;
	put_section(m);
	put_interface(m, LINK_ETHERNET, 0, resolution, offset_seconds);
	for (size_t i = 0; i < n; i++)
		put_enhanced(m, 0, made_units(made_at(i) - offset_seconds * NSEC_PER_S, resolution),
			     made_data(i), made_captured(i), made_length(i));
}

static inline void made_free(struct made *m)
{
	free(m->data);
	memset(m, 0, sizeof(*m));
}

/* A folder of the test's own; removed by made_folder_remove(). */
static char made_folder[] = "/tmp/sawatch-test-XXXXXX";

static inline int made_folder_create(void **state)
{
	(void)state;
	return mkdtemp(made_folder) ? 0 : -1;
}

static inline int made_folder_remove(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", made_folder);
	return system(command);
}

/* A name in the folder; the result lives until the fourth next call. */
static inline const char *made_path(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", made_folder, name);
	return path;
}

/* Make a file look as if nobody had touched it for an hour, so that it is mapped. */
static inline void made_settled(const char *path)
{
	struct timespec times[2] = { { .tv_sec = 1700000000 }, { .tv_sec = 1700000000 } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static inline const char *made_file(const char *name, const void *data, size_t length)
{
	const char *path = made_path(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	if (length > 0)
		assert_int_equal(fwrite(data, length, 1, f), 1);
	assert_int_equal(fclose(f), 0);
	made_settled(path);
	return path;
}

static inline struct source *opened(const char *path, const struct source_options *o)
{
	struct source *s;
	struct err e = { "" };

	if (!source_open(&s, path, o, &e))
		fail_msg("source_open(%s): %s", path, e.text);
	assert_string_equal(e.text, "");
	return s;
}

/* Read to the end; every frame must be the one of the standard capture. Returns the last result. */
static inline int read_standard(struct source *s, size_t batch, size_t *ret_frames, struct err *e)
{
	struct frame frames[64];
	size_t i = 0;
	int n;

	while ((n = source_read(s, frames, batch, e)) > 0) {
		for (int k = 0; k < n; k++, i++) {
			assert_int_equal(frames[k].number, i + 1);
			assert_int_equal(frames[k].at, made_at(i));
			assert_int_equal(frames[k].captured, made_captured(i));
			assert_int_equal(frames[k].length, made_length(i));
			assert_int_equal(frames[k].link_type, LINK_ETHERNET);
			assert_memory_equal(frames[k].data, made_data(i), made_captured(i));
		}
	}
	*ret_frames = i;
	return n;
}

/* Open, read and close; the result of the last read. */
static inline int read_file(const char *path, bool no_mmap, size_t *ret_frames, struct err *e)
{
	struct source *s = opened(path, &(struct source_options){ .no_mmap = no_mmap });
	int last = read_standard(s, 64, ret_frames, e);

	source_close(s);
	return last;
}

/* Opening must fail, with every one of the NULL-terminated texts in the error. */
static inline void refused(const char *path, const struct source_options *o, ...)
{
	struct source *s;
	struct err e = { "" };
	va_list texts;

	if (source_open(&s, path, o, &e))
		fail_msg("%s was opened", path);
	assert_null(s);
	va_start(texts, o);
	for (const char *text; (text = va_arg(texts, const char *)) != NULL;)
		if (!strstr(e.text, text))
			fail_msg("no \"%s\" in \"%s\"", text, e.text);
	va_end(texts);
	assert_null(strchr(e.text, '\n'));
}

/*
 * Cut `m`, whose file header is `header` bytes long, at every byte behind that: its complete
 * records are read, and the error tells where the file, called `name`, is cut off.
 */
static inline void assert_cut_anywhere_is_told(const struct made *m, size_t header,
					       const char *name, bool no_mmap)
{
	size_t whole = 0;	/* the last border at or before the cut */

	for (size_t cut = header; cut <= m->length; cut++) {
		struct err e = { "" };
		char place[64];
		size_t frames;
		int last;

		if (whole + 1 < m->n_borders && m->borders[whole + 1] == cut)
			whole++;
		last = read_file(made_file(name, m->data, cut), no_mmap, &frames, &e);
		assert_int_equal(frames, m->border_frames[whole]);
		if (cut == m->borders[whole]) {
			assert_int_equal(last, 0);
			continue;
		}
		assert_int_equal(last, -1);
		snprintf(place, sizeof(place), "%s: cut off at byte %zu, in frame %zu:", name,
			 m->borders[whole], frames + 1);
		assert_non_null(strstr(e.text, place));
	}
}

#endif
