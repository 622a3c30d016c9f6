/* SPDX-License-Identifier: GPL-3.0-or-later */
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

#include "cli/read_ahead.h"

enum { FILES = 5, FRAMES = 9000, CAPTURE = 7 };

static char folder[] = "/tmp/sawatch-read-ahead-XXXXXX";
static char names[FILES][64];
static char *paths[FILES + 1];
static const struct hash_key key = { { 1, 2, 3, 4 } };

/*
 * Raw IPv4: ESP and ICMP in turn, each file with frames of its own; the third file does not exist.
 */
static int make_files(void **state)
{
	uint8_t packet[64] = {
		0x45, [3] = sizeof(packet), [8] = 64, [12] = 10, [15] = 1, [16] = 10, [19] = 2,
	};

	(void)state;
	assert_non_null(mkdtemp(folder));
	for (int i = 0; i < FILES; i++) {
		struct frame_writer *w;
		struct err e;

		snprintf(names[i], sizeof(names[i]), "%s/%d.pcap", folder, i);
		paths[i] = names[i];
		if (i == 2)
			continue;
		assert_true(frame_writer_open(&w, names[i], LINK_RAW, &e));
		for (uint32_t n = 0; n < FRAMES; n++) {
			struct frame f = { .at = n * NSEC_PER_MS,
					   .captured = sizeof(packet),
					   .length = sizeof(packet),
					   .link_type = LINK_RAW,
					   .data = packet };

			packet[9] = n % 2 ? IP_ESP : IP_ICMP;
			packet[20] = 8;		/* ICMP: an echo; ESP: an SPI */
			memcpy(packet + 40, &n, sizeof(n));
			packet[44] = (uint8_t)i;
			assert_true(frame_writer_write(w, &f, &e));
		}
		assert_true(frame_writer_close(w, &e));
		if (i != 1) {	/* at rest: mapped; the second one is read */
			const struct timespec times[2] = { { 1000, 0 }, { 1000, 0 } };

			assert_int_equal(utimensat(AT_FDCWD, names[i], times, 0), 0);
		}
	}
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	for (int i = 0; i < FILES; i++)
		unlink(names[i]);
	return rmdir(folder);
}

static void check_batch(const struct batch *b, const struct frame *wanted, size_t n, int file)
{
	assert_int_equal(b->n, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(b->frames[i].number, wanted[i].number);
		assert_int_equal(b->frames[i].at, wanted[i].at);
		if (!b->prepared) {
			assert_int_equal(b->frames[0].capture, CAPTURE);
			assert_memory_equal(b->frames[i].data, wanted[i].data, wanted[i].captured);
			continue;
		}
		assert_int_equal(b->prepared->capture, CAPTURE);
		assert_int_equal(b->prepared->list[i].at, wanted[i].at);
		if (prepared_kind(&b->prepared->list[i]) == PREPARED_PACKET) {
			assert_memory_equal(b->frames[i].data, wanted[i].data, wanted[i].captured);
			assert_int_equal(b->prepared->packets[b->prepared->list[i].packet].ip[44],
					 file);
		}
	}
}

static void every_batch_is_what_source_read_gives(void **state)
{
	(void)state;
	for (unsigned threads = 1; threads <= 4; threads++) {
		const struct source_options o = { .behind = 1 << 20 };
		struct read_ahead *a = read_ahead_open(threads, paths, &o, &key);

		assert_non_null(a);
		for (int file = 0; file < FILES; file++) {
			struct frame wanted[READ_BATCH];
			struct source *s;
			struct source_info info, got;
			struct batch b;
			struct err e, e2;
			int n;

			assert_int_equal(source_open(&s, paths[file], &o, &e), file != 2);
			assert_int_equal(read_ahead_next(a, &got, &e2), file != 2);
			if (file == 2) {
				assert_string_equal(e.text, e2.text);
				continue;
			}
			source_info(s, &info);
			assert_string_equal(got.name, info.name);
			assert_string_equal(got.fingerprint, info.fingerprint);
			assert_int_equal(got.frames, 0);
			do {
				n = source_read(s, wanted, READ_BATCH, &e);
				assert_int_equal(read_ahead_batch(a, CAPTURE, &b, &e2), n);
				check_batch(&b, wanted, n > 0 ? (size_t)n : 0, file);
			} while (n > 0);
			read_ahead_info(a, &got);
			assert_int_equal(got.frames, FRAMES);
			source_close(s);
		}
		read_ahead_close(a);
	}
}

static void a_capture_may_be_left_at_any_batch(void **state)
{
	(void)state;
	for (int leave = 0; leave < 40; leave++) {
		const struct source_options o = { .behind = 1 << 20 };
		struct read_ahead *a = read_ahead_open(1 + (unsigned)leave % 3, paths, &o, &key);
		struct source_info info;
		struct batch b;
		struct err e;

		assert_non_null(a);
		for (int file = 0; file < 2; file++) {
			assert_true(read_ahead_next(a, &info, &e));
			for (int i = 0; i < leave; i++)
				if (read_ahead_batch(a, CAPTURE, &b, &e) <= 0)
					break;
		}
		assert_false(read_ahead_next(a, &info, &e));	/* the one that is not there */
		assert_true(read_ahead_next(a, &info, &e));
		assert_int_equal(read_ahead_batch(a, CAPTURE, &b, &e), READ_BATCH);
		assert_int_equal(b.frames[0].number, 1);
		read_ahead_close(a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_batch_is_what_source_read_gives),
		cmocka_unit_test(a_capture_may_be_left_at_any_batch),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
