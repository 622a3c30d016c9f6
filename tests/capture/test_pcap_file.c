/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "made_captures.h"

static void every_byte_order_and_resolution_gives_the_same_frames(void **state)
{
	(void)state;
	for (int variant = 0; variant < 8; variant++) {
		bool swapped = variant & 1, nanoseconds = variant & 2, no_mmap = variant & 4;
		struct made m = { 0 };
		size_t frames;
		struct err e;

		made_pcap(&m, 300, swapped, nanoseconds);
		assert_int_equal(
			read_file(made_file("a.pcap", m.data, m.length), no_mmap, &frames, &e), 0);
		assert_int_equal(frames, 300);
		made_free(&m);
	}
}

static void nanoseconds_are_kept(void **state)
{
	struct made m = { 0 };
	struct frame f;

	(void)state;
	put_pcap_header(&m, true, LINK_RAW);
	put_pcap_record(&m, UINT32_MAX, 999999999, made_data(0), 20, 20);
	struct source *s = opened(made_file("a.pcap", m.data, m.length), NULL);
	struct source_info info;

	source_info(s, &info);
	assert_true(info.nanoseconds);
	assert_int_equal(info.link_type, LINK_RAW);
	assert_int_equal(info.first_at, INT64_C(4294967295999999999));
	assert_int_equal(source_read(s, &f, 1, NULL), 1);
	assert_int_equal(f.at, INT64_C(4294967295999999999));
	assert_int_equal(f.link_type, LINK_RAW);
	source_close(s);
	made_free(&m);
}

static void the_info_tells_what_the_file_header_says(void **state)
{
	struct made m = { 0 };
	struct source_info info;
	struct frame f[10];

	(void)state;
	made_pcap(&m, 5, true, false);
	const char *path = made_file("a.pcap", m.data, m.length);
	struct source *s = opened(path, NULL);

	source_info(s, &info);
	assert_string_equal(info.name, path);
	assert_string_equal(info.format, "pcap");
	assert_null(info.compression);
	assert_int_equal(info.link_type, LINK_ETHERNET);
	assert_int_equal(info.snap_length, 65535);
	assert_false(info.nanoseconds);
	assert_int_equal(info.size_bytes, m.length);
	assert_int_equal(info.read_bytes, 24);
	assert_int_equal(info.frames, 0);
	assert_int_equal(info.first_at, made_at(0));
	assert_int_equal(info.dropped, -1);

	source_set_capture(s, 7);
	assert_int_equal(source_read(s, f, 10, NULL), 5);
	assert_int_equal(f[4].capture, 7);
	source_info(s, &info);
	assert_int_equal(info.read_bytes, m.length);
	assert_int_equal(info.frames, 5);
	source_close(s);
	made_free(&m);
}

static void a_capture_without_packets_is_no_error(void **state)
{
	struct made m = { 0 };
	struct source_info info;
	struct frame f;

	(void)state;
	put_pcap_header(&m, false, LINK_ETHERNET);
	struct source *s = opened(made_file("a.pcap", m.data, m.length), NULL);

	source_info(s, &info);
	assert_int_equal(info.first_at, NSEC_NONE);
	assert_int_equal(source_read(s, &f, 1, NULL), 0);
	source_close(s);
	made_free(&m);
}

static void a_file_cut_anywhere_gives_its_complete_records_and_then_says_where(void **state)
{
	(void)state;
	for (int variant = 0; variant < 4; variant++) {
		struct made m = { 0 };

		made_pcap(&m, 9, variant & 1, false);
		assert_cut_anywhere_is_told(&m, 24, "cut.pcap", variant & 2);
		made_free(&m);
	}
}

static void a_file_cut_in_its_file_header_is_refused(void **state)
{
	struct made m = { 0 };

	(void)state;
	made_pcap(&m, 1, false, false);
	for (size_t cut = 4; cut < 24; cut++)
		refused(made_file("cut.pcap", m.data, cut), NULL, "cut.pcap", "cut off at byte 0",
			NULL);
	made_free(&m);
}

static void a_nonsense_record_ends_the_file_after_the_frames_before_it(void **state)
{
	struct made m = { 0 };

	(void)state;
	made_pcap(&m, 20, false, false);
	size_t broken = m.borders[12];	/* the 13th record */
	uint32_t captured = 262145;

	memcpy(m.data + broken + 8, &captured, 4);
	for (int no_mmap = 0; no_mmap <= 1; no_mmap++) {
		struct source *s = opened(made_file("a.pcap", m.data, m.length),
					  &(struct source_options){ .no_mmap = no_mmap });
		struct err e = { "" };
		struct frame f;
		char place[64];
		size_t frames;

		assert_int_equal(read_standard(s, 5, &frames, &e), -1);
		assert_int_equal(frames, 12);
		snprintf(place, sizeof(place),
			 "a.pcap: damaged at byte %zu, in frame 13: ", broken);
		assert_non_null(strstr(e.text, place));
		assert_int_equal(source_read(s, &f, 1, &e), 0);
		source_close(s);
	}
	made_free(&m);
}

static void the_largest_packet_is_read_whole(void **state)
{
	struct made m = { 0 };
	uint8_t *large = malloc(262144);
	struct frame f[3];

	(void)state;
	memset(large, 0x5a, 262144);
	large[262143] = 0xa5;
	put_pcap_header(&m, false, LINK_RAW);
	for (int i = 0; i < 3; i++)
		put_pcap_record(&m, 1, 1, large, 262144, 262144);
	for (int no_mmap = 0; no_mmap <= 1; no_mmap++) {
		struct source *s = opened(made_file("a.pcap", m.data, m.length),
					  &(struct source_options){ .no_mmap = no_mmap });
		int total = 0, n;

		while ((n = source_read(s, f, 3, NULL)) > 0)
			for (int i = 0; i < n; i++, total++) {
				assert_int_equal(f[i].captured, 262144);
				assert_memory_equal(f[i].data, large, 262144);
			}
		assert_int_equal(n, 0);
		assert_int_equal(total, 3);
		source_close(s);
	}
	free(large);
	made_free(&m);
}

static void a_frame_is_never_longer_in_the_capture_than_on_the_wire(void **state)
{
	struct made m = { 0 };
	struct frame f;

	(void)state;
	put_pcap_header(&m, false, LINK_RAW);
	put_pcap_record(&m, 1, 1, made_data(0), 60, 0);
	struct source *s = opened(made_file("a.pcap", m.data, m.length), NULL);

	assert_int_equal(source_read(s, &f, 1, NULL), 1);
	assert_int_equal(f.captured, 60);
	assert_int_equal(f.length, 60);
	source_close(s);
	made_free(&m);
}

static void a_link_type_nobody_can_parse_is_refused_by_name(void **state)
{
	struct made m = { 0 };

	(void)state;
	put_pcap_header(&m, false, 147);
	refused(made_file("a.pcap", m.data, m.length), NULL, "a.pcap", "link type 147",
		"is not supported; supported are ", "EN10MB", NULL);
	made_free(&m);
}

static void a_note_about_the_checksum_of_frames_is_no_link_type(void **state)
{
	struct made m = { 0 };
	size_t frames;

	(void)state;
	put_pcap_header(&m, false, 0x34000001);	/* FCS of 4 bytes, Ethernet */
	assert_int_equal(read_file(made_file("a.pcap", m.data, m.length), false, &frames, NULL), 0);
	made_free(&m);
}

static void another_version_is_refused_with_the_remedy(void **state)
{
	struct made m = { 0 };

	(void)state;
	put_pcap_header(&m, false, LINK_ETHERNET);
	m.data[6] = 3;
	refused(made_file("a.pcap", m.data, m.length), NULL, "version 2.3", "editcap", NULL);
	made_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_order_and_resolution_gives_the_same_frames),
		cmocka_unit_test(nanoseconds_are_kept),
		cmocka_unit_test(the_info_tells_what_the_file_header_says),
		cmocka_unit_test(a_capture_without_packets_is_no_error),
		cmocka_unit_test(
			a_file_cut_anywhere_gives_its_complete_records_and_then_says_where),
		cmocka_unit_test(a_file_cut_in_its_file_header_is_refused),
		cmocka_unit_test(a_nonsense_record_ends_the_file_after_the_frames_before_it),
		cmocka_unit_test(the_largest_packet_is_read_whole),
		cmocka_unit_test(a_frame_is_never_longer_in_the_capture_than_on_the_wire),
		cmocka_unit_test(a_link_type_nobody_can_parse_is_refused_by_name),
		cmocka_unit_test(a_note_about_the_checksum_of_frames_is_no_link_type),
		cmocka_unit_test(another_version_is_refused_with_the_remedy),
	};

	return cmocka_run_group_tests(tests, made_folder_create, made_folder_remove);
}
