/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "made_captures.h"

/* if_tsresol values in which the standard capture's times are whole numbers. */
static const int resolutions[] = { -1, 6, 7, 9, 10, 0x80 | 6, 0x80 | 20, 0x80 | 30, 0x80 | 33 };
enum { N_RESOLUTIONS = sizeof(resolutions) / sizeof(resolutions[0]) };

static void every_byte_order_and_resolution_gives_the_same_frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_RESOLUTIONS; i++) {
		for (int variant = 0; variant < 8; variant++) {
			struct made m = { 0 };
			size_t frames;

			made_pcapng(&m, 100, variant & 1, resolutions[i], variant & 2 ? -3600 : 0);
			assert_int_equal(read_file(made_file("a.pcapng", m.data, m.length),
						   variant & 4, &frames, NULL),
					 0);
			assert_int_equal(frames, 100);
			made_free(&m);
		}
	}
}

/* The time of one packet with these units on an interface of that resolution. */
static nsec time_of(uint64_t units, int resolution, int64_t offset_seconds)
{
	struct made m = { 0 };
	struct frame f;

	put_section(&m);
	put_interface(&m, LINK_RAW, 0, resolution, offset_seconds);
	put_enhanced(&m, 0, units, made_data(0), 20, 20);
	struct source *s = opened(made_file("a.pcapng", m.data, m.length), NULL);

	assert_int_equal(source_read(s, &f, 1, NULL), 1);
	source_close(s);
	made_free(&m);
	return f.at;
}

static void times_are_those_of_the_draft(void **state)
{
	(void)state;
	assert_int_equal(time_of(1, -1, 0), 1000);
	assert_int_equal(time_of(1, 9, 0), 1);
	assert_int_equal(time_of(7, 0, 0), 7 * NSEC_PER_S);
	assert_int_equal(time_of(7, 3, 0), 7 * NSEC_PER_MS);
	assert_int_equal(time_of(1999, 12, 0), 1);	/* picoseconds */
	assert_int_equal(time_of(1, 0x80 | 1, 0), NSEC_PER_S / 2);
	assert_int_equal(time_of(3, 0x80 | 20, 0), 2861);	/* 3 / 2^20 s = 2.861 µs */
	assert_int_equal(time_of(1, -1, 5), 5 * NSEC_PER_S + 1000);
	assert_int_equal(time_of(1, -1, -5), -5 * NSEC_PER_S + 1000);
}

static void a_time_no_clock_shows_becomes_the_nearest_that_is_safe(void **state)
{
	(void)state;
	assert_int_equal(time_of(UINT64_MAX, -1, 0), INT64_C(1) << 62);
	assert_int_equal(time_of(UINT64_MAX, 0, INT64_MAX), INT64_C(1) << 62);
	assert_int_equal(time_of(0, -1, INT64_MIN), -(INT64_C(1) << 62));
	assert_int_equal(time_of(UINT64_MAX, 127, 0), 0);
	assert_int_equal(time_of(UINT64_MAX, 0x80 | 127, 0), 0);
}

/* What mergecap makes of captures from two links. */
static void two_interfaces(struct made *m, bool swapped)
{
	m->swapped = swapped;
	put_section(m);
	put_interface(m, LINK_ETHERNET, 128, -1, 0);
	put_interface(m, LINK_RAW, 65535, 9, 100);
	put_interface(m, 147, 0, -1, 0);
	put_enhanced(m, 1, 5, made_data(1), 40, 40);
	put_enhanced(m, 0, 5, made_data(2), 61, 90);
	put_enhanced(m, 2, 5, made_data(3), 3, 3);
}

static void each_interface_has_its_link_type_and_its_clock(void **state)
{
	(void)state;
	for (int swapped = 0; swapped <= 1; swapped++) {
		struct made m = { 0 };
		struct source_info info;
		struct frame f[4];

		two_interfaces(&m, swapped);
		struct source *s = opened(made_file("a.pcapng", m.data, m.length), NULL);

		source_info(s, &info);
		assert_string_equal(info.format, "pcapng");
		assert_int_equal(info.link_type, LINK_ETHERNET);
		assert_int_equal(info.snap_length, 128);
		assert_false(info.nanoseconds);
		assert_int_equal(info.first_at, 100 * NSEC_PER_S + 5);
		assert_int_equal(source_read(s, f, 4, NULL), 3);
		assert_int_equal(f[0].link_type, LINK_RAW);
		assert_int_equal(f[0].at, 100 * NSEC_PER_S + 5);
		assert_int_equal(f[1].link_type, LINK_ETHERNET);
		assert_int_equal(f[1].at, 5000);
		assert_int_equal(f[1].captured, 61);
		assert_int_equal(f[1].length, 90);
		assert_memory_equal(f[1].data, made_data(2), 61);
		assert_int_equal(f[2].link_type, 147);
		assert_int_equal(f[2].number, 3);
		source_close(s);
		made_free(&m);
	}
}

static void a_file_of_unknown_link_types_only_is_refused(void **state)
{
	struct made m = { 0 };

	(void)state;
	put_section(&m);
	put_interface(&m, 147, 0, -1, 0);
	put_interface(&m, 148, 0, -1, 0);
	put_enhanced(&m, 0, 5, made_data(1), 40, 40);
	refused(made_file("a.pcapng", m.data, m.length), NULL, "a.pcapng: link type 147",
		"not supported; supported are", NULL);
	made_free(&m);
}

static void a_new_section_brings_its_own_byte_order_and_interfaces(void **state)
{
	struct made m = { 0 };
	struct frame f[4];

	(void)state;
	two_interfaces(&m, false);
	m.swapped = true;
	put_section(&m);
	put_interface(&m, LINK_LINUX_SLL, 0, -1, 0);
	put_enhanced(&m, 0, 9, made_data(4), 30, 31);
	struct source *s = opened(made_file("a.pcapng", m.data, m.length), NULL);

	assert_int_equal(source_read(s, f, 4, NULL), 4);
	assert_int_equal(f[3].link_type, LINK_LINUX_SLL);
	assert_int_equal(f[3].at, 9000);
	assert_int_equal(f[3].length, 31);
	assert_int_equal(f[3].number, 4);
	source_close(s);
	made_free(&m);
}

static void simple_and_obsolete_packet_blocks_are_packets(void **state)
{
	(void)state;
	for (int swapped = 0; swapped <= 1; swapped++) {
		struct made m = { .swapped = swapped }, body = { .swapped = swapped };
		struct frame f[4];

		put_section(&m);
		put_interface(&m, LINK_ETHERNET, 50, -1, 0);
		put_interface(&m, LINK_RAW, 0, -1, 0);
		put_u16(&body, 1);	/* interface */
		put_u16(&body, 0xffff);	/* drops: not known */
		put_u32(&body, 0);
		put_u32(&body, 77);
		put_u32(&body, 33);
		put_u32(&body, 44);
		put(&body, made_data(5), 33);
		put_padding(&body);
		put_block(&m, 2, &body);
		body.length = 0;
		put_u32(&body, 70);	/* cut at the snap length, 50 */
		put(&body, made_data(6), 50);
		put_padding(&body);
		put_block(&m, 3, &body);
		struct source *s = opened(made_file("a.pcapng", m.data, m.length), NULL);

		assert_int_equal(source_read(s, f, 4, NULL), 2);
		assert_int_equal(f[0].link_type, LINK_RAW);
		assert_int_equal(f[0].at, 77000);
		assert_int_equal(f[0].captured, 33);
		assert_int_equal(f[0].length, 44);
		assert_memory_equal(f[0].data, made_data(5), 33);
		assert_int_equal(f[1].link_type, LINK_ETHERNET);
		assert_int_equal(f[1].at, 77000);	/* has none: that of the packet before */
		assert_int_equal(f[1].captured, 50);
		assert_int_equal(f[1].length, 70);
		assert_memory_equal(f[1].data, made_data(6), 50);
		source_close(s);
		made_free(&m);
		made_free(&body);
	}
}

static void put_statistics(struct made *m, uint32_t interface, int64_t by_interface,
			   int64_t by_system)
{
	struct made body = { .swapped = m->swapped };

	put_u32(&body, interface);
	put_number(&body, 0, 8);
	put_option(&body, 4, 1000000, 8);	/* received */
	if (by_interface >= 0)
		put_option(&body, 5, (uint64_t)by_interface, 8);
	if (by_system >= 0)
		put_option(&body, 7, (uint64_t)by_system, 8);
	put_u32(&body, 0);
	put_block(m, 5, &body);
	made_free(&body);
}

static int64_t dropped_of(const struct made *m)
{
	struct source *s = opened(made_file("a.pcapng", m->data, m->length), NULL);
	struct source_info info;
	struct frame f[8];

	while (source_read(s, f, 8, NULL) > 0)
		;
	source_info(s, &info);
	source_close(s);
	return info.dropped;
}

static void drops_are_the_last_counters_of_every_interface(void **state)
{
	struct made m = { .swapped = true };

	(void)state;
	two_interfaces(&m, true);
	assert_int_equal(dropped_of(&m), -1);
	put_statistics(&m, 1, -1, -1);
	assert_int_equal(dropped_of(&m), -1);
	put_statistics(&m, 0, 3, -1);
	put_statistics(&m, 0, 10, 5);
	put_statistics(&m, 1, 0, -1);
	assert_int_equal(dropped_of(&m), 15);
	two_interfaces(&m, false);	/* a second section */
	assert_int_equal(dropped_of(&m), 15);
	put_statistics(&m, 2, 100, -1);
	assert_int_equal(dropped_of(&m), 115);
	put_statistics(&m, 1, INT64_MAX, -1);	/* all ones: the writer does not know */
	assert_int_equal(dropped_of(&m), 115);
	made_free(&m);
}

/* Of one block, of many interfaces, of many sections: what a file may hold, a number may not. */
static void counters_without_end_add_up_to_a_number_that_holds_them(void **state)
{
	enum { OPTIONS = 1 << 17, INTERFACES = 1 << 10 };
	const uint64_t most = (UINT64_C(1) << 48) - 1;
	struct made m = { 0 }, body = { 0 };

	(void)state;
	put_section(&m);
	for (uint32_t i = 0; i < INTERFACES; i++) {
		put_interface(&m, LINK_RAW, 0, -1, 0);
		put_statistics(&m, i, (int64_t)most, (int64_t)most);
	}
	assert_int_equal(dropped_of(&m), 2 * INTERFACES * (int64_t)most);
	put_u32(&body, 0);
	put_number(&body, 0, 8);
	for (int i = 0; i < OPTIONS; i++)
		put_option(&body, 5, most, 8);
	put_block(&m, 5, &body);
	put_section(&m);
	put_interface(&m, LINK_RAW, 0, -1, 0);
	put_block(&m, 5, &body);
	assert_int_equal(dropped_of(&m), INT64_C(1) << 60);
	made_free(&body);
	made_free(&m);
}

static void unknown_blocks_are_passed_over(void **state)
{
	struct made m = { 0 }, body = { 0 };
	size_t frames;

	(void)state;
	put(&body, made_data(9), 1000);
	put_section(&m);
	put_block(&m, 0x00000bad, &body);
	put_interface(&m, LINK_ETHERNET, 0, -1, 0);
	put_block(&m, 4, &body);
	put_enhanced(&m, 0, made_units(made_at(0), 6), made_data(0), made_captured(0),
		     made_length(0));
	put_block(&m, 10, &body);
	put_enhanced(&m, 0, made_units(made_at(1), 6), made_data(1), made_captured(1),
		     made_length(1));
	assert_int_equal(read_file(made_file("a.pcapng", m.data, m.length), false, &frames, NULL),
			 0);
	assert_int_equal(frames, 2);
	made_free(&m);
	made_free(&body);
}

static void a_file_cut_anywhere_gives_its_complete_records_and_then_says_where(void **state)
{
	(void)state;
	for (int variant = 0; variant < 4; variant++) {
		struct made m = { 0 };

		made_pcapng(&m, 9, variant & 1, 9, 0);
		assert_cut_anywhere_is_told(&m, 28, "cut.pcapng", variant & 2);
		for (size_t cut = 12; cut < 28; cut++)
			refused(made_file("cut.pcapng", m.data, cut), NULL, "cut off at byte 0",
				NULL);
		made_free(&m);
	}
}

/* Overwrite one number of block `border` (0 is the first after the section) and read. */
static void damaged_at(int block, size_t at, uint32_t value, unsigned width, size_t frames_before)
{
	for (int variant = 0; variant < 4; variant++) {
		struct made m = { 0 }, number = { .swapped = variant & 1 };
		struct err e = { "" };
		char place[64];
		size_t frames;

		made_pcapng(&m, 20, variant & 1, -1, 0);
		put_number(&number, value, width);
		memcpy(m.data + m.borders[block] + at, number.data, width);
		assert_int_equal(read_file(made_file("a.pcapng", m.data, m.length), variant & 2,
					   &frames, &e), -1);
		assert_int_equal(frames, frames_before);
		snprintf(place, sizeof(place), "a.pcapng: damaged at byte %zu, in frame %zu: ",
			 m.borders[block], frames + 1);
		if (!strstr(e.text, place))
			fail_msg("no \"%s\" in \"%s\"", place, e.text);
		made_free(&m);
		made_free(&number);
	}
}

enum { FRAME_6 = 6, FRAME_6_BLOCK = 40 };	/* frame 6: 222 - 37 = 185 bytes of data */

static void a_nonsense_block_ends_the_file_after_the_frames_before_it(void **state)
{
	(void)state;
	damaged_at(FRAME_6, 4, 0, 4, 5);		/* lengths that cannot be */
	damaged_at(FRAME_6, 4, 11, 4, 5);
	damaged_at(FRAME_6, 4, FRAME_6_BLOCK + 1, 4, 5);
	damaged_at(FRAME_6, 4, 0xfffffffc, 4, 5);
	damaged_at(FRAME_6, 4, FRAME_6_BLOCK, 4, 5);	/* not the one at the end */
	damaged_at(FRAME_6, 8, 1, 4, 5);		/* an interface nobody described */
	damaged_at(FRAME_6, 20, 1000, 4, 5);		/* more captured than the block holds */
	damaged_at(FRAME_6, 20, 0xffffffff, 4, 5);
}

static void a_broken_description_is_refused_at_once(void **state)
{
	struct made m = { 0 };
	uint16_t length = 400;

	(void)state;
	made_pcapng(&m, 2, false, 9, 0);
	memcpy(m.data + m.borders[0] + 18, &length, 2);	/* if_tsresol longer than the block */
	refused(made_file("a.pcapng", m.data, m.length), NULL, "damaged at byte 28",
		"interface description", NULL);
	made_free(&m);

	made_pcapng(&m, 2, false, 9, 0);
	m.data[12] = 2;
	refused(made_file("a.pcapng", m.data, m.length), NULL, "version 2.0", NULL);
	made_free(&m);

	made_pcapng(&m, 2, false, 9, 0);
	m.data[8] = 0;
	refused(made_file("a.pcapng", m.data, m.length), NULL, "not a capture", "pcapng", "damaged",
		NULL);
	made_free(&m);
}

static void a_later_section_header_that_is_too_short_ends_the_file(void **state)
{
	struct made m = { 0 }, body = { 0 };
	struct frame f[4];
	struct err e = { "" };

	(void)state;
	made_pcapng(&m, 2, false, 9, 0);
	put_u32(&body, 0x1a2b3c4d);
	put_number(&body, 1, 8);
	put_block(&m, 0x0a0d0d0a, &body);	/* 24 bytes: without the length of its section */
	struct source *s = opened(made_file("a.pcapng", m.data, m.length), NULL);

	assert_int_equal(source_read(s, f, 4, &e), 2);
	assert_int_equal(source_read(s, f, 4, &e), -1);
	assert_non_null(strstr(e.text, "a section header that is too short"));
	source_close(s);
	made_free(&body);
	made_free(&m);
}

/* Whatever a byte of the file is changed to: it ends, and gives no more frames than it has. */
static void no_changed_byte_makes_the_reader_stumble(void **state)
{
	struct made m = { 0 };

	(void)state;
	two_interfaces(&m, false);
	put_statistics(&m, 0, 3, 3);
	for (size_t at = 0; at < m.length; at++) {
		static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };

		for (size_t v = 0; v < sizeof(values); v++) {
			uint8_t was = m.data[at];
			struct source *s;
			struct frame f[2];
			int total = 0, n;

			m.data[at] = values[v];
			const char *path = made_file("changed", m.data, m.length);

			m.data[at] = was;
			if (!source_open(&s, path, NULL, NULL))
				continue;
			while ((n = source_read(s, f, 2, NULL)) > 0)
				total += n;
			assert_in_range(total, 0, 6);
			source_close(s);
		}
	}
	made_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_order_and_resolution_gives_the_same_frames),
		cmocka_unit_test(times_are_those_of_the_draft),
		cmocka_unit_test(a_time_no_clock_shows_becomes_the_nearest_that_is_safe),
		cmocka_unit_test(each_interface_has_its_link_type_and_its_clock),
		cmocka_unit_test(a_file_of_unknown_link_types_only_is_refused),
		cmocka_unit_test(a_new_section_brings_its_own_byte_order_and_interfaces),
		cmocka_unit_test(simple_and_obsolete_packet_blocks_are_packets),
		cmocka_unit_test(drops_are_the_last_counters_of_every_interface),
		cmocka_unit_test(counters_without_end_add_up_to_a_number_that_holds_them),
		cmocka_unit_test(unknown_blocks_are_passed_over),
		cmocka_unit_test(
			a_file_cut_anywhere_gives_its_complete_records_and_then_says_where),
		cmocka_unit_test(a_nonsense_block_ends_the_file_after_the_frames_before_it),
		cmocka_unit_test(a_broken_description_is_refused_at_once),
		cmocka_unit_test(a_later_section_header_that_is_too_short_ends_the_file),
		cmocka_unit_test(no_changed_byte_makes_the_reader_stumble),
	};

	return cmocka_run_group_tests(tests, made_folder_create, made_folder_remove);
}
