/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#include "capture/gunzip.h"

enum { PLAIN = 50000, PACKED_MAX = 2 * PLAIN };

/* Packed bytes in a copy of exactly their size, handed over in pieces. */
struct packed {
	uint8_t *bytes;
	size_t length, at, piece;
	int error;	/* errno at the end; 0: it just ends */
};

static ssize_t give(void *from, void *ret, size_t size)
{
	struct packed *p = from;
	size_t n = p->length - p->at;

	if (n == 0 && p->error) {
		errno = p->error;
		return -1;
	}
	if (n > p->piece)
		n = p->piece;
	if (n > size)
		n = size;
	memcpy(ret, p->bytes + p->at, n);
	p->at += n;
	return (ssize_t)n;
}

/* Text that does not shrink to nothing, the same every time. */
static const uint8_t *plain(void)
{
	static uint8_t text[PLAIN];
	uint32_t random = 1;

	for (size_t i = 0; i < PLAIN; i++) {
		random = random * 1664525 + 1013904223;
		text[i] = (uint8_t)((random >> 24 & 3) * 16 + (random >> 28));
	}
	return text;
}

static size_t gzip(const uint8_t *from, size_t length, uint8_t *ret)
{
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)from, .avail_in = (uInt)length,
		       .next_out = ret, .avail_out = PACKED_MAX };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(deflateEnd(&z), Z_OK);
	return z.total_out;
}

/* All that comes out, in calls for `step` bytes; whether it ended well, else `e` says why not. */
static size_t unpacked(const uint8_t *bytes, size_t length, size_t piece, size_t step, int error,
		       uint8_t *ret, bool *ret_well, struct err *e)
{
	struct packed p = { .bytes = malloc(length ? length : 1), .length = length,
			    .piece = piece, .error = error };
	struct gunzip *g;
	size_t n = 0;
	ssize_t got;

	assert_non_null(p.bytes);
	memcpy(p.bytes, bytes, length);
	g = gunzip_open(NULL, 0, give, &p, e);
	assert_non_null(g);
	do {
		got = gunzip_read(g, ret + n, step, e);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0 && n + step <= PACKED_MAX);
	*ret_well = got == 0;
	gunzip_close(g);
	free(p.bytes);
	return n;
}

static uint8_t packed[PACKED_MAX], out[PACKED_MAX];

static void members_one_after_the_other_are_one_file(void **state)
{
	size_t half = PLAIN / 2, length = gzip(plain(), half, packed);
	bool well;
	struct err e;

	(void)state;
	length += gzip(plain() + half, PLAIN - half, packed + length);
	for (size_t piece = 1; piece < 100000; piece = piece * 7 + 1) {
		assert_int_equal(unpacked(packed, length, piece, 1000, 0, out, &well, &e), PLAIN);
		assert_true(well);
		assert_memory_equal(out, plain(), PLAIN);
	}
}

static void all_that_is_before_a_cut_comes_out(void **state)
{
	size_t length = gzip(plain(), PLAIN, packed), before = 0;

	(void)state;
	for (size_t cut = 0; cut < length; cut += cut < 30 ? 1 : 997) {
		bool well;
		struct err e;
		size_t n = unpacked(packed, cut, 4096, 4096, 0, out, &well, &e);

		assert_false(well);
		assert_string_equal(e.text, "cannot be decompressed: it is truncated");
		assert_memory_equal(out, plain(), n);
		assert_in_range(n, before, PLAIN);
		/* deflate decides block by block, and by no more than a few bits of each symbol */
		if (cut > 2000)
			assert_in_range(n, cut, PLAIN);
		before = n;
	}
	assert_in_range(before, PLAIN / 2, PLAIN);
}

static void a_wrong_sum_is_told_behind_all_bytes(void **state)
{
	size_t length = gzip(plain(), PLAIN, packed);
	bool well;
	struct err e;

	(void)state;
	packed[length - 8] ^= 1;
	assert_int_equal(unpacked(packed, length, 512, PLAIN, 0, out, &well, &e), PLAIN);
	assert_false(well);
	assert_string_equal(e.text, "cannot be decompressed: incorrect data check");
}

static void what_follows_the_last_member_is_not_read(void **state)
{
	static const char *const tails[] = { "x", "\x1f", "\0\0\0\0", "garbage" };
	static const size_t lengths[] = { 1, 1, 4, 7 };
	size_t length = gzip(plain(), PLAIN, packed);

	(void)state;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		bool well;
		struct err e;

		memcpy(packed + length, tails[i], lengths[i]);
		assert_int_equal(unpacked(packed, length + lengths[i], 3, 777, 0, out, &well, &e),
				 PLAIN);
		assert_true(well);
	}
}

static void a_disk_that_fails_is_not_called_a_cut(void **state)
{
	size_t length = gzip(plain(), PLAIN, packed);
	bool well;
	struct err e;

	(void)state;
	unpacked(packed, length / 2, 512, PLAIN, EIO, out, &well, &e);
	assert_false(well);
	assert_string_equal(e.text, "cannot be read: Input/output error");
	/* between members, too: there may have been another one */
	assert_int_equal(unpacked(packed, length, 512, PLAIN, EIO, out, &well, &e), PLAIN);
	assert_false(well);
}

static void changed_bytes_end_in_bytes_or_an_error(void **state)
{
	size_t length = gzip(plain(), PLAIN, packed);

	(void)state;
	for (size_t at = 0; at < length; at += at < 64 ? 1 : 499) {
		bool well;
		struct err e;

		packed[at] ^= 0x55;
		unpacked(packed, length, 4096, 4096, 0, out, &well, &e);
		packed[at] ^= 0x55;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_one_after_the_other_are_one_file),
		cmocka_unit_test(all_that_is_before_a_cut_comes_out),
		cmocka_unit_test(a_wrong_sum_is_told_behind_all_bytes),
		cmocka_unit_test(what_follows_the_last_member_is_not_read),
		cmocka_unit_test(a_disk_that_fails_is_not_called_a_cut),
		cmocka_unit_test(changed_bytes_end_in_bytes_or_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
